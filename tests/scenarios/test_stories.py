"""Stories with a clock: what comes in, what people do, and what the desk must have done, through the steps of the flows."""

from pathlib import Path

import pytest
from factories import sweep
from sqlalchemy import Engine
from sqlmodel import Session

from db import trail
from desk.replay.judging import failures
from desk.replay.story import UnreadableStory, read_story
from desk.replay.telling import Account, Teller
from integrations.classifier.use import Use
from policy.loading import Policy

pytest_plugins = ("lives",)

OWN = sorted(Path(__file__).parent.glob("*.yaml"))
SHARED = ("routine", "unhappy", "es-teh", "prita", "nobody-minds", "guitar", "skid")
OF_INCIDENTS = ("incident_suspected", "incident_declared", "statement_broadcast")
"""What the desk does about many complaints with one cause."""


@pytest.fixture(params=[Use.FULL, Use.OFF], ids=["model on", "model off"])
def use(request) -> Use:
    """The stories come out with the trained model as by the rules alone."""
    return request.param


def told(file: Path, engine: Engine, policy: Policy, use: Use = Use.FULL) -> tuple[list[str], Account]:
    """Tell a story on an empty database; what it expects and did not get, and what happened."""
    story = read_story(file)
    sweep(engine)
    account = Teller(story, engine, policy, use).tell()
    with Session(engine) as session:
        assert list(trail.verify(session)) == []
    return failures(story, account), account


@pytest.mark.parametrize("file", OWN, ids=[file.stem for file in OWN])
def test_our_own_story_comes_out_as_it_must(file, swept_engine, policy, use):
    failed, account = told(file, swept_engine, policy, use)
    assert failed == [], account.mishaps


@pytest.mark.parametrize("name", SHARED)
def test_a_shared_story_comes_out_as_it_must(name, shared, swept_engine, policy, use):
    failed, account = told(shared / "scenarios" / f"{name}.yaml", swept_engine, policy, use)
    assert [one for one in failed if not about_incidents(one)] == [], account.mishaps


def about_incidents(failed: str) -> bool:
    """Whether an expectation is about incidents and their statement."""
    return any(event in failed for event in OF_INCIDENTS) or "'kind': 'statement'" in failed


# How a story is judged, and what is no story

LATE = """
name: late
start: 2026-03-02T09:00:00+07:00
until: 2h
timeline:
  - after: 0m
    message: {channel: instagram, external_id: l-1, author: {id: ig1, handle: mira}, text: "paket saya belum sampai, tolong dicek"}
  - after: 1h
    decide: {of: l-1, gate: cs, verdict: approve, by: cs-nia}
expect:
"""


@pytest.fixture(scope="module")
def what_happened(tmp_path_factory, swept_engine, policy) -> Account:
    """The story of a late parcel, told once."""
    file = tmp_path_factory.mktemp("stories") / "late.yaml"
    file.write_text(LATE + "  []")
    return told(file, swept_engine, policy)[1]


@pytest.fixture
def late(tmp_path, what_happened):
    """Judges the story of a late parcel: what of these expectations does not hold."""

    def judge(*expectations: str) -> list[str]:
        file = tmp_path / "late.yaml"
        file.write_text(LATE + "".join(f"  - {expectation}\n" for expectation in expectations))
        return failures(read_story(file), what_happened)

    return judge


def test_what_holds_is_not_told(late):
    assert late(
        "{of: l-1, event: acknowledged, within: 15m}",
        "{of: l-1, event: delivered, kind: reply, visibility: public, containing: MAAF, within: 1h}",
        "{of: l-1, event: acknowledged, before: drafted}",
        "{of: l-1, assessed: {category: delivery, severity_at_least: S4, risks: []}}",
        "{of: l-1, never: delivered, kind: reply, within: 59m}",
        "{of: l-1, never: delivered, kind: survey}",
        "{of: l-1, state: responded}",
    ) == []  # fmt: skip


@pytest.mark.parametrize(
    "wrong",
    [
        "{of: l-1, event: reopened}",
        "{of: l-1, event: delivered, kind: survey}",
        "{of: l-1, event: delivered, kind: reply, within: 59m}",
        "{of: l-1, event: delivered, kind: reply, containing: somasi}",
        "{of: l-1, event: delivered, kind: reply, text: Maaf}",
        "{of: l-1, event: delivered, kind: reply, before: drafted}",
        "{of: l-1, event: decided, by: cs-budi}",
        "{of: l-1, never: delivered, kind: reply}",
        "{of: l-1, never: decided, by: cs-nia}",
        "{of: l-1, never: acknowledged}",
        "{of: l-1, assessed: {category: billing}}",
        "{of: l-1, assessed: {severity_at_least: S1}}",
        "{of: l-1, assessed: {risks_include: [injury]}}",
        "{of: l-1, state: closed}",
    ],
)
def test_what_does_not_hold_is_told_with_the_message_it_is_about(wrong, late):
    (said,) = late(wrong)
    assert said.startswith("l-1: ")


UNREADABLE = {
    "no yaml": ("name: [", "is no YAML"),
    "no timeline": ("name: x\nstart: 2026-03-02T09:00:00+07:00\n", "timeline"),
    "a start without a zone": ("name: x\nstart: 2026-03-02T09:00:00\ntimeline: []\n", "needs a time zone"),
    "an unknown key": (LATE.replace("until: 2h", "till: 2h") + "  []", "late.yaml:4: till"),
    "a length of time that is none": (LATE.replace("2h", "two hours") + "  []", "`two hours` is no length of time"),
    "two things on one line": (
        LATE.replace("after: 1h\n", "after: 1h\n    removed: {of: l-1}\n") + "  []",
        "exactly one thing that happens",
    ),
    "a line that is out of order": (LATE.replace("after: 0m", "after: 2h") + "  []", "happens before the one above it"),
    "a line about a stranger": (LATE.replace("decide: {of: l-1", "decide: {of: l-2") + "  []", "`l-2`, which has not come in"),
    "an expectation about a stranger": (LATE + "  - {of: l-2, event: received}\n", "`l-2`, which never comes in"),
    "an expectation of nothing": (LATE + "  - {of: l-1, within: 5m}\n", "needs one of `event`, `never`"),
    "an unknown gate": (LATE.replace("gate: cs", "gate: hr") + "  []", "decide.gate"),
}  # fmt: skip


@pytest.mark.parametrize("what", UNREADABLE)
def test_what_is_no_story_is_told_with_file_and_reason(what, tmp_path):
    text, reason = UNREADABLE[what]
    file = tmp_path / "late.yaml"
    file.write_text(text)
    with pytest.raises(UnreadableStory) as unreadable:
        read_story(file)
    assert "late.yaml" in str(unreadable.value)
    assert reason in str(unreadable.value)


def test_a_message_that_cannot_be_taken_ends_the_story(tmp_path, swept_engine, policy):
    file = tmp_path / "late.yaml"
    file.write_text(LATE.replace("channel: instagram", "channel: friendster") + "  []")
    with pytest.raises(UnreadableStory, match="cannot be taken"):
        told(file, swept_engine, policy)


def test_a_story_that_does_not_exist_is_told_so(tmp_path):
    with pytest.raises(UnreadableStory, match=r"none\.yaml"):
        read_story(tmp_path / "none.yaml")
