"""The whole policy: read, checked against itself, copied, overlaid."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from db.words import DeliveryKind, Gate, Kind, Risk, Severity, Visibility
from policy.assessment import TextAssessment
from policy.company import Company
from policy.loading import FILES, FOLDERS, Policy, copy_policy, load_policy
from policy.reading import PolicyError, Rules, read_rules, read_yaml
from policy.routing import gates_for
from policy.severity import Reach, grade
from policy.watching import Disposition, disposition, grown

Change = Callable[[str, str, str], None]


@pytest.fixture(scope="module")
def shipped() -> Policy:
    return load_policy()


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A company's own copy."""
    copy_policy(tmp_path / "policy")
    return tmp_path / "policy"


@pytest.fixture
def change(own: Path) -> Change:
    """Replaces words in a file of the own copy."""

    def changed(file: str, was: str, becomes: str) -> None:
        written = (own / file).read_text()
        assert was in written
        (own / file).write_text(written.replace(was, becomes, 1))

    return changed


def problems_of(directory: Path) -> list[str]:
    with pytest.raises(PolicyError) as refused:
        load_policy(directory)
    return [f"{problem.file.name}:{problem.line}: {problem.message}" for problem in refused.value.problems]


def test_the_shipped_policy_is_sound_and_a_sample(shipped: Policy) -> None:
    assert shipped.company.sample
    assert shipped.company.name


def test_a_copy_decides_as_the_shipped_one(shipped: Policy, own: Path) -> None:
    copied = load_policy(own)

    assert copied.version == shipped.version
    assert copied.directory == own


def test_a_copy_holds_no_code(own: Path) -> None:
    assert {path.name for path in own.iterdir()} == {*FILES, *FOLDERS}
    assert not list(own.rglob("*.py"))


def test_a_copy_overwrites_nothing(own: Path) -> None:
    (own / "people.yaml").write_text("mine")

    with pytest.raises(PolicyError, match="stands there already"):
        copy_policy(own)

    assert (own / "people.yaml").read_text() == "mine"


def test_a_copy_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(PolicyError, match="cannot be written"):
        copy_policy(tmp_path / "file" / "policy")


@pytest.mark.parametrize("file", ["deadlines.yaml", "approvals.yaml", "lexicon/risks.yaml", "guardrails/pii.yaml"])
def test_any_change_is_another_version(shipped: Policy, own: Path, file: str) -> None:
    (own / file).write_text((own / file).read_text() + "\n# another word\n")

    assert load_policy(own).version != shipped.version


def test_an_overlay_takes_the_place_of_files_with_its_names(shipped: Policy, tmp_path: Path) -> None:
    written = (shipped.directory / "follow_up.yaml").read_text()
    (tmp_path / "follow_up.yaml").write_text(written.replace("after: 12h", "after: 2s"))

    demo = load_policy(overlay=tmp_path)

    assert demo.follow_up.survey.after.total_seconds() == 2
    assert demo.deadlines == shipped.deadlines
    assert demo.version != shipped.version


def test_another_company_takes_the_place_of_the_sample(shipped: Policy, tmp_path: Path) -> None:
    (tmp_path / "theirs.yaml").write_text("name: Toko Uji\n")

    by_file = load_policy(company=tmp_path / "theirs.yaml")
    by_object = load_policy(company=Company(names=("Toko Uji",)))

    assert by_file.company.name == by_object.company.name == "Toko Uji"
    assert by_file.version == by_object.version != shipped.version


def test_problems_of_all_files_are_told_together(own: Path, change: Change) -> None:
    change("deadlines.yaml", "S1: 1h, S2: 4h", "S1: 1x, S2: 4h")
    change("routing.yaml", "every_reply: [cs]", "every_replay: [cs]")
    (own / "people.yaml").unlink()

    told = "\n".join(problems_of(own))

    assert "`1x` is no length of time" in told
    assert "`every_replay` is not a setting here" in told
    assert "people.yaml:1: this file is missing; `tanggap policy init DIR` writes a whole policy" in told


@pytest.mark.parametrize(
    ("file", "was", "becomes", "said"),
    [
        ("severities.yaml", "views_from: 100_000}", "views_from: 90_000}", "watching.yaml:{views:} `reassess_at.views`: must include 90000"),
        ("routing.yaml", "followers_from: 100_000", "followers_from: 90_000", "`reassess_at.followers`: must include 90000"),
        ("watching.yaml", "times: 100,", "times: 200,", "would miss a growth of 100 times from 500001 views on"),
        ("deadlines.yaml", "S1: [0m, 10m]", "S1: [0m, 10m, 20m]", "S1 escalates 3 times, but people.yaml names 2 to call for cs"),
        ("deadlines.yaml", "escalation: [0m, 15m]", "escalation: [0m, 15m, 30m]", "names executives to call (2)"),
        ("publishing.yaml", "channel: x, visibility: public", "channel: twitter, visibility: public", "`twitter` is no channel"),
        ("follow_up.yaml", "never_on: [google_play]", "never_on: []", "must include google_play: channels.yaml calls it a review platform"),
        ("follow_up.yaml", "[google_play]", "[google_play, play]", "`play` is no channel of channels.yaml"),
        ("routing.yaml", "[acknowledgement, holding,", "[acknowledgement,", "`automatic`: must include holding"),
        ("routing.yaml", "[acknowledgement, holding,", "[holding,", "`automatic`: must include acknowledgement"),
        ("publishing.yaml", "exempt: []", "exempt: [reply]", "a reply is what the kill switch is for"),
        ("people.yaml", "stand_in: legal", "stand_in: executive", "executive cannot stand in for itself"),
        ("company.yaml", "lewat surel halo@warungsenja.example", "lewat surel halo@senja.example", "names halo@senja.example, which is not ours"),
        ("company.yaml", "by e-mail to halo@warungsenja.example", "by phone at 021 555 0199", "names 021 555 0199, which is not ours"),
        ("templates/id/acknowledgement.txt.j2", "\n", "\nHalo. ", "tanggap policy approve id/acknowledgement"),
        ("watching.yaml", "views_under: 2_000", "views_under: 500_001", "100000 views are S2 here, but few in watching.yaml"),
    ],
)  # fmt: skip
def test_rules_that_contradict_each_other_across_files_are_refused(
    own: Path, change: Change, file: str, was: str, becomes: str, said: str
) -> None:
    change(file, was, becomes)

    told = problems_of(own)

    views = next(
        number
        for number, line in enumerate((own / "watching.yaml").read_text().splitlines(), 1)
        if "  views: [" in line
    )
    assert any(said.replace("{views:}", f"{views}:") in problem for problem in told), told


def test_a_file_that_nobody_reads_is_named(own: Path) -> None:
    (own / "severity.yaml").write_text("rules: []\n")

    assert problems_of(own) == ["severity.yaml:1: nobody reads a file of this name; did you mean severities.yaml?"]


def test_a_missing_folder_is_named(own: Path) -> None:
    for file in (own / "knowledge").iterdir():
        file.unlink()
    (own / "knowledge").rmdir()

    assert any("knowledge:1: this folder is missing" in problem for problem in problems_of(own))


def test_an_article_about_a_topic_that_nobody_hears_is_named_with_its_line(own: Path) -> None:
    article = own / "knowledge" / "late-parcel.id.md"
    article.write_text(article.read_text().replace("topics: [parcel_late", "topics: [parcel_lat"))

    assert problems_of(own) == [
        "late-parcel.id.md:6: `parcel_lat` is no topic of topics.yaml; did you mean parcel_late?"
    ]


def test_a_directory_that_is_none_says_what_makes_one(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"nowhere:1: is no directory; `tanggap policy init DIR`"):
        load_policy(tmp_path / "nowhere")


class Sample(Rules):
    count: int
    names: tuple[str, ...] = ()


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("count: 1\ncount: 2\n", "s.yaml:2: `count` stands twice (first on line 1)"),
        ("names: [a]\n", "s.yaml:1: `count` is missing"),
        ("count: 1\nnames:\n  - a\n  - [b]\n", "s.yaml:4: `names.1`"),
        ("count: 1\ncolour: red\n", "s.yaml:2: `colour` is not a setting here"),
        ("count: [1\n", "is no YAML"),
        ("count: !!python/object:os.system 1\n", "is no YAML"),
        ("? [a]\n: 1\n", "a name before `:` must be plain text"),
        ("- 1\n", "the file"),
        ("", "`count` is missing"),
        ("[" * 5000, "s.yaml:"),
    ],
)
def test_an_unusable_file_says_where_and_why(tmp_path: Path, written: str, said: str) -> None:
    (tmp_path / "s.yaml").write_text(written)

    with pytest.raises(PolicyError) as refused:
        read_rules(tmp_path / "s.yaml", Sample)

    assert said in str(refused.value)


def test_a_file_that_is_no_text_says_so(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_bytes(b"\xff\xfe\x00")

    with pytest.raises(PolicyError, match="cannot be read"):
        read_rules(tmp_path / "s.yaml", Sample)


def test_names_that_yaml_takes_for_truth_stay_names(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text("on: 1\nno: 2\n007: 3\n")

    assert read_yaml(tmp_path / "s.yaml")[0] == {"on": 1, "no": 2, "007": 3}


def test_a_loop_of_anchors_ends(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text("count: &a [*a]\n")

    with pytest.raises(PolicyError, match=r"s\.yaml:1"):
        read_rules(tmp_path / "s.yaml", Sample)


FOUND = TextAssessment(
    kind=Kind.COMPLAINT,
    category=None,
    remedy=None,
    risks=(),
    anger=1,
    language="id",
    confidence={},
    evidence=(),
    addressed=True,
    about_us=True,
    opinion=True,
    breach=True,
    asks=False,
    version="test",
)


def gates_of(
    policy: Policy, found: TextAssessment, reach: Reach, visibility: Visibility
) -> tuple[Severity, list[Gate]]:
    graded = grade(found, reach, visibility, policy.severities)
    needs = gates_for(
        graded.severity,
        graded.risks,
        reach,
        visibility,
        states_facts=False,
        kind=DeliveryKind.REPLY,
        rules=policy.routing,
    )
    return graded.severity, [need.gate for need in needs]


def test_a_harsh_review_passes_cs_until_many_read_it(shipped: Policy) -> None:
    first = Reach(views=5_200, followers=18_400)
    later = Reach(views=240_000, followers=18_400)

    assert gates_of(shipped, FOUND, first, Visibility.PUBLIC) == (Severity.S3, [Gate.CS])
    assert gates_of(shipped, FOUND, later, Visibility.PUBLIC) == (Severity.S2, [Gate.PR])


def test_an_injury_in_a_private_mail_passes_pr_and_legal(shipped: Policy) -> None:
    found = replace(FOUND, risks=(Risk.INJURY,))

    assert gates_of(shipped, found, Reach(), Visibility.PRIVATE) == (Severity.S2, [Gate.PR, Gate.LEGAL])


def test_an_injury_told_in_public_passes_all_three(shipped: Policy) -> None:
    found = replace(FOUND, risks=(Risk.INJURY,))

    assert gates_of(shipped, found, Reach(views=3_000, followers=900), Visibility.PUBLIC) == (
        Severity.S1,
        [Gate.PR, Gate.LEGAL, Gate.EXECUTIVE],
    )


def test_a_song_that_millions_hear_becomes_a_suspicion(shipped: Policy) -> None:
    small, wide, huge = Reach(views=800), Reach(views=150_000), Reach(views=2_100_000, views_a_day_ago=150_000)

    assert grade(FOUND, wide, Visibility.PUBLIC, shipped.severities).severity is Severity.S2
    assert grade(FOUND, huge, Visibility.PUBLIC, shipped.severities).suspected_incident
    assert grown(small, wide, shipped.watching)
    assert grown(wide, huge, shipped.watching)


def test_a_grumble_is_watched_until_it_grows(shipped: Policy) -> None:
    found = replace(FOUND, kind=Kind.OTHER, addressed=False, breach=False)

    def done(reach: Reach) -> Disposition:
        graded = grade(found, reach, Visibility.PUBLIC, shipped.severities)
        return disposition(found, graded, reach, shipped.watching)

    assert done(Reach(views=40, followers=35)) is Disposition.WATCH
    assert done(Reach(views=180_000, followers=35)) is Disposition.ANSWER
