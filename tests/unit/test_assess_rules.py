"""The assessor's promises beside being right: evidence, confidence, whom a text speaks to, hostile input, speed."""

import time
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from db.words import Category, Kind, Remedy, Risk
from policy.assess.rules import RuleAssessor
from policy.assessment import Text
from policy.company import Company
from tests.unit.assessing import any_brand, assess, shipped

SCENARIOS = Path(__file__).resolve().parents[3] / "shared" / "scenarios"
FIELDS = {"kind", "category", "remedy", "risks", "anger", "language"}

TEA = Company(names=("Teh Rasa", "tehrasa"), handles=("tehrasa",))


@pytest.fixture(scope="module")
def for_tea():
    return RuleAssessor(shipped(), TEA)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("saldo ilang abis transfer 500rb, balikin duit", {"category": Category.BILLING, "remedy": Remedy.REFUND}),
        ("minumannya manis kayak sirup pekat, gak layak jual", {"category": Category.PRODUCT}),
        ("aplikasi error ga bisa login", {"category": Category.OUTAGE}),
        ("they cracked my cello case, I want you to pay for the repair, 900 dollars", {"remedy": Remedy.COMPENSATION}),
        ("kakak saya di kereta itu anjlok, telepon kalian tidak diangkat. tolong info!", {"kind": Kind.COMPLAINT}),
        ("warna kemasan baru kok gitu ya, biasa aja sih", {"kind": Kind.OTHER, "opinion": True, "breach": False}),
        ("oke makasih, barusan teknisinya datang", {"kind": Kind.PRAISE}),
    ],
)
def test_what_decides_when_several_things_are_said(text, wanted):
    found = assess(text)

    assert {name: getattr(found, name) for name in wanted} == wanted


def test_evidence_is_code_points_of_the_text_as_given():
    text = "😡😡 ＡＮＪＩＮＧ pake bgt!! s​aldo gue ilang, 𝗯𝗮𝗹𝗶𝗸𝗶𝗻 duit gue"

    found = assess(text)

    assert found.evidence
    assert all(text[piece.start : piece.end] == piece.quote for piece in found.evidence)
    assert {piece.field for piece in found.evidence} >= {"kind", "category", "remedy", "anger"}


def test_evidence_leaves_the_subject_out():
    text = "Mohon penjelasan, tagihan saya naik dua kali lipat."

    found = assess(text, subject="Tagihan salah, saya lapor OJK")

    assert Risk.REGULATOR in found.risks
    assert all(text[piece.start : piece.end] == piece.quote for piece in found.evidence)
    assert not [piece for piece in found.evidence if piece.field == "risks"]


def test_every_finding_but_the_defaults_has_its_words():
    found = assess("CS kalian bego, gue lapor polisi, balikin duit gue yang kalian potong 2x")

    assert {piece.field for piece in found.evidence} == {"kind", "category", "remedy", "risks", "anger"}


def test_each_word_says_what_it_speaks_for():
    found = assess("CS kalian bego, gue lapor polisi dan OJK, balikin duit gue")

    spoken = {piece.value for piece in found.evidence if piece.field == "risks"}
    assert len(found.risks) > 1
    assert spoken == {str(risk) for risk in found.risks}
    assert {piece.value for piece in found.evidence if piece.field == "kind"} == {str(found.kind)}


def test_confidence_says_something_of_every_field():
    for text in ("paket saya belum sampai", "jam buka berapa?", "", "👍", "hmm"):
        confidence = assess(text).confidence
        assert confidence.keys() == FIELDS
        assert all(0 <= value <= 1 for value in confidence.values())


def test_a_clear_complaint_is_surer_than_a_vague_one():
    clear = assess("paket saya belum sampai padahal estimasi 3 hari, sudah 2 minggu, kecewa").confidence["kind"]
    vague = assess("kurang greget").confidence["kind"]

    assert clear > 0.9 > vague


def test_in_doubt_it_is_a_complaint():
    found = assess("kelasnya mulai kapan, saya belum dapat info")

    assert found.kind is Kind.COMPLAINT
    assert found.confidence["kind"] < 0.6


def test_category_and_remedy_are_for_complaints_only():
    found = assess("kurirnya ramah, makasih ya")

    assert (found.kind, found.category, found.remedy) == (Kind.PRAISE, None, None)


@pytest.mark.parametrize(
    ("text", "around", "addressed", "about_us"),
    [
        ("@tehrasa kok hambar ya", {}, True, True),
        ("Teh Rasa hambar banget", {}, False, True),
        ("min, Teh Rasa kok hambar sih", {}, True, True),
        ("@kopilain hambar banget", {}, False, False),
        ("@kopilain lebih enak dari Teh Rasa", {}, False, True),
        ("hambar banget", {}, False, False),
        ("hambar banget", {"in_reply_to_us": True}, True, True),
        ("hambar banget", {"addressed": True}, True, True),
        ("@tehrasa hambar", {"addressed": False}, False, True),
    ],
)
def test_whom_a_text_speaks_to(for_tea, text, around, addressed, about_us):
    found = for_tea.assess([Text(text, **around)])[0]

    assert (found.addressed, found.about_us) == (addressed, about_us)


def test_without_a_company_any_handle_is_us():
    assert assess("@nusaair delay terus").addressed
    assert not assess("delay terus").addressed
    assert assess("delay terus").about_us


def test_an_opinion_about_somebody_else_is_no_opinion_about_us(for_tea):
    assert not for_tea.assess([Text("@kopilain logonya norak")])[0].opinion


@pytest.mark.parametrize(
    "text",
    ["", "   ", "\x00", "\ud800 rusak", "?" * 5000, '"' * 9999, "@" * 9999, "*" * 9999, "a\u0301" * 5000, "🇮🇩" * 3000],
)
def test_no_text_is_too_odd(text):
    assert assess(text).kind in Kind


@given(st.text(max_size=400))
@settings(max_examples=150, deadline=None)
def test_any_text_gets_an_assessment_with_evidence_in_it(text):
    found = assess(text)

    assert all(text[piece.start : piece.end] == piece.quote for piece in found.evidence)


@pytest.mark.parametrize(
    "piece",
    [
        "a",
        "a b ",
        "a.",
        "belum ",
        "1.",
        '"',
        "a@",
        "paket saya tidak ",
        "b**",
        "a.a@a.a",
        "\n ",
        "www.",
        "a-b-",
        "@a ",
        "rp 1.",
    ],
)
def test_the_longest_text_takes_no_longer_than_a_moment(piece):
    assess("warm")
    text = Text((piece * (100_000 // len(piece) + 1))[:100_000])

    began = time.process_time()
    any_brand().assess([text])

    assert time.process_time() - began < 1.0


def test_a_long_text_is_read_at_both_ends():
    filler = "lorem ipsum dolor " * 3000

    assert Risk.LEGAL_THREAT in assess(f"saya akan somasi kalian. {filler}").risks
    assert Risk.LEGAL_THREAT in assess(f"{filler}. saya akan somasi kalian").risks


def test_the_version_names_the_rules_and_the_lexicon():
    assert any_brand().version.endswith(shipped().version)


def _expected():
    for file in sorted(SCENARIOS.glob("*.yaml")):
        story = yaml.safe_load(file.read_text(encoding="utf-8"))
        messages = {step["message"]["external_id"]: step["message"] for step in story["timeline"] if "message" in step}
        for wanted in story["expect"]:
            if "assessed" in wanted:
                yield pytest.param(messages[wanted["of"]], wanted["assessed"], id=f"{story['name']}-{wanted['of']}")


@pytest.mark.parametrize(("message", "wanted"), [*_expected()] or [pytest.param({}, {}, id="none")])
def test_the_stories_are_assessed_as_they_say(message, wanted):
    if not message:
        pytest.skip(f"the stories are not here: {SCENARIOS}")

    found = assess(message["text"], subject=message.get("subject"))

    for name in ("category", "remedy", "language"):
        assert wanted.get(name, getattr(found, name)) == getattr(found, name)
    assert {*wanted.get("risks_include", ())} <= {str(risk) for risk in found.risks}
