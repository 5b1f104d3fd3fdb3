"""How parts and topics are read, what is wrong in them, and which of a part's texts stands."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from db.words import Category, Kind, Risk, Visibility
from policy.assess.lexicon import read_lexicon
from policy.composing import Case, Register, Stage, TopicFinder, compose, read_parts
from policy.reading import PolicyError

SMALL = Path(__file__).resolve().parents[1] / "data" / "parts"
POLICY = Path(__file__).resolve().parents[2] / "policy"
PARTS = read_parts(SMALL)
CASE = Case(visibility=Visibility.PUBLIC, channel="instagram", reference="TG-1042", contact={"id": "lewat DM"})


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SMALL, tmp_path / "parts"))


@pytest.mark.parametrize(
    ("file", "written", "line", "said"),
    [
        ("known.yaml", "part: unknown\ntexts: []\n", 1, "its part must be `known`"),
        ("known.yaml", "part: nothing\ntexts: []\n", 1, "`part`"),
        ("greetin.yaml", "part: greetin\ntexts: []\n", 1, "`part`"),
        ("known.yaml", "part: known\ntexts:\n- {name: a, id: A., en: A.}\n- {name: a, id: B., en: B.}\n", 4, "stands twice"),
        ("known.yaml", "part: known\ntexts:\n- name: a\n  when: {topics: [parcel_lat]}\n  id: A.\n  en: A.\n", 4, "did you mean `parcel_late`"),
        ("known.yaml", "part: known\ntexts:\n- name: a\n  when: {has: [articl]}\n  id: A.\n  en: A.\n", 4, "did you mean `article`"),
        ("known.yaml", "part: known\ntexts:\n- name: a\n  when: {mood: bad}\n  id: A.\n  en: A.\n", 4, "is not a setting"),
        ("known.yaml", "part: known\ntexts:\n- name: a\n  id: A.\n", 3, "`texts.0.en` is missing"),
        ("known.yaml", "part: known\ntexts:\n- name: a\n  id:\n  - A.\n  - B {{ nam }}.\n  en: A.\n", 6, "did you mean `name`"),
        ("known.yaml", "part: known\ntexts:\n- name: a\n  id: A {{ name.x }}.\n  en: A.\n", 4, "no `getattr`"),
        ("known.yaml", "part: known\ntexts:\n- name: a\n  id: A {{ name.\n  en: A.\n", 4, "does not render"),
        ("known.yaml", "part: known\ntexts:\n- name: a\n  id: ' '\n  en: A.\n", 4, "empty"),
        ("known.yaml", "part: known\ntexts:\n- name: a\n  id: A {{ order_number }}.\n  en: A.\n", 5, "order_number differs"),
        ("known.yaml", "part: known\ntexts:\n- name: a\n  id: A.\n  en: A.\n  short:\n    id: '{{ x }}'\n    en: A.\n", 7, "no slot"),
        ("topics.yaml", "topics:\n- {topic: a, category: other, words: {id: [x y], en: ['*']}, named: {id: a, en: a}}\n", 2, "matches nothing"),
        ("topics.yaml", "topics:\n- {topic: a, category: other, words: {id: [x y]}, named: {id: a, en: a}}\n", 2, "needs `id` and `en`"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_a_part_is_named_with_its_line(copied: Path, file: str, written: str, line: int, said: str):
    (copied / file).write_text(written, encoding="utf-8")

    with pytest.raises(PolicyError) as refused:
        read_parts(copied)

    found = [(problem.line, problem.message) for problem in refused.value.problems if problem.file.name == file]
    assert any(at == line and said in message for at, message in found), found


def test_without_a_part_that_every_answer_needs_nothing_is_read(copied: Path):
    (copied / "private.yaml").unlink()

    with pytest.raises(PolicyError, match=r"private\.yaml:1: this file is missing"):
        read_parts(copied)


@pytest.mark.parametrize(
    ("known", "name"),
    [
        ({}, "anything"),
        ({"topics": ("parcel_late",)}, "parcel_late"),
        ({"topics": ("parcel_late",), "risks": (Risk.INJURY,)}, "injured"),
        ({"topics": ("parcel_late",), "stage": Stage.NEXT}, "again"),
        ({"stage": Stage.REOPENED, "risks": (Risk.INJURY,)}, "reopened"),
        ({"stage": Stage.QUESTION, "kind": Kind.QUESTION}, "asked"),
        ({"stage": Stage.OPINION, "kind": Kind.OTHER}, "thought"),
    ],
)
def test_the_most_telling_text_of_a_part_stands(known: dict[str, object], name: str):
    made = compose(replace(CASE, **known), PARTS)  # type: ignore[arg-type]

    assert next(one for one in made.names if one.startswith("heard/")).startswith(f"heard/{name}#")


def test_what_only_the_customer_may_tell_is_asked_in_private():
    late = replace(CASE, topics=("parcel_late",))

    assert "foto" not in compose(late, PARTS).text
    assert "foto" in compose(replace(late, visibility=Visibility.PRIVATE), PARTS).text


def test_a_register_without_words_of_its_own_gets_the_neutral_ones():
    texts = {register: compose(replace(CASE, register=register), PARTS).text for register in Register}

    assert texts[Register.CASUAL].startswith("Halo Kak, kami mohon maaf")
    assert texts[Register.FORMAL] == texts[Register.NEUTRAL]


def test_a_name_is_data_and_no_template():
    made = compose(replace(CASE, visibility=Visibility.PRIVATE, name="{{ reference }} {% if %}\ue000x\ue001"), PARTS)

    assert "{{ reference }} {% if %}x" in made.text


class Limit:
    """A channel on which so much is comfortable."""

    def __init__(self, comfortable: int) -> None:
        self.hard_limit = self.comfortable_limit = comfortable


def test_the_shorter_the_channel_the_less_is_said_and_the_way_to_us_last():
    late = replace(CASE, topics=("parcel_late",), answer_by={"id": "13 Juli 2026 pukul 17.00"})

    texts = [compose(late, PARTS, Limit(limit)).text for limit in (400, 200, 150, 120, 60)]

    assert all(len(text) <= limit for text, limit in zip(texts, (400, 200, 150, 120, 60), strict=True)), texts
    assert all("TG-1042" in text and "lewat DM" in text for text in texts)
    assert sorted(map(len, texts), reverse=True) == list(map(len, texts))


@pytest.fixture(scope="module")
def finder() -> TopicFinder:
    return TopicFinder(PARTS.topics, read_lexicon(POLICY / "lexicon"))


@pytest.mark.parametrize(
    ("text", "category", "topics"),
    [
        ("kak paket saya blm nyampe2 jg", Category.DELIVERY, ("parcel_late",)),
        ("paketnya kok terlambat sih", None, ("parcel_late",)),
        ("tagihan saya dobel dan paket belum sampai", Category.BILLING, ("double_charge", "parcel_late")),
        ("tagihan saya dobel dan paket belum sampai", Category.DELIVERY, ("parcel_late", "double_charge")),
        ("I was charged twice", None, ("double_charge",)),
        ("semua baik-baik saja", None, ()),
    ],
)
def test_topics_are_found_as_people_write(
    finder: TopicFinder, text: str, category: Category | None, topics: tuple[str]
):
    assert finder.find(text, category) == topics
