"""Answers composed from the shipped parts, whatever the case is like."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from db.words import Category, Kind, Remedy, Risk, Visibility
from policy.channels import Channels
from policy.company import read_company
from policy.composing import Case, Cited, Ground, Register, Stage, Talk, TopicFinder, compose, read_parts
from policy.composing.edits import grounds_of
from policy.composing.register import register_of
from policy.composing.sentences import spans
from policy.guard import length_on
from policy.reading import read_rules
from tests.unit.assessing import shipped

POLICY = Path(__file__).resolve().parents[2] / "policy"
PARTS = read_parts(POLICY / "parts")
CHANNELS = read_rules(POLICY / "channels.yaml", Channels)
COMPANY = read_company(POLICY / "company.yaml")
CONTACT = {language: COMPANY.contact(language) for language in ("id", "en")}
ARTICLE = Cited(
    "late-parcel",
    "3f2a",
    "Paket terlambat",
    "Bila paket lewat dua hari kerja dari perkiraan tiba, kami telusuri ke kurir, dan kurir menjawab paling lama tiga "
    "hari kerja (Ketentuan Pengiriman v4, butir 5).",
)
QUESTION = {"stage": Stage.QUESTION, "kind": Kind.QUESTION, "category": None, "article": ARTICLE}
OPINION = {"stage": Stage.OPINION, "kind": Kind.OTHER, "category": None}
SORRY = re.compile(r"\b(maaf|menyesal|prihatin|sorry|apolog\w+|regret\w*)\b", re.IGNORECASE)


def case(**known: object) -> Case:
    """A late parcel in public on Instagram, unless the test says otherwise."""
    usual: dict[str, object] = {
        "visibility": Visibility.PUBLIC,
        "channel": "instagram",
        "reference": "TG-1042",
        "company": COMPANY.name,
        "contact": CONTACT,
        "category": Category.DELIVERY,
        "topics": ("parcel_late",),
    }
    return Case(**(usual | known))  # type: ignore[arg-type]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    stage = draw(st.sampled_from(list(Stage)))
    kind = {Stage.QUESTION: Kind.QUESTION, Stage.OPINION: Kind.OTHER}.get(stage, Kind.COMPLAINT)
    channel = draw(st.sampled_from(sorted(CHANNELS.channels)))
    visibility = draw(st.sampled_from(list(Visibility)))
    return case(
        visibility=Visibility.PRIVATE if CHANNELS.of(channel).private else visibility,
        channel=channel,
        reference=f"TG-{draw(st.integers(1001, 999_999))}",
        language=draw(st.sampled_from(["id", "en", "mixed", "ja"])),
        register=draw(st.sampled_from(list(Register))),
        stage=stage,
        kind=kind,
        category=draw(st.sampled_from(list(Category))) if kind is Kind.COMPLAINT else None,
        topics=tuple(draw(st.lists(st.sampled_from([topic.topic for topic in PARTS.topics]), max_size=2, unique=True))),
        risks=tuple(draw(st.lists(st.sampled_from(list(Risk)), max_size=3, unique=True))),
        remedy=draw(st.sampled_from([None, *Remedy])),
        anger=draw(st.integers(0, 3)),
        name=draw(st.sampled_from(["", "Mira", "Ratna Wulandari Asri"])),
        order_number=draw(st.sampled_from(["", "INV-20260701-88"])),
        tracking_url=draw(st.sampled_from(["", "https://warungsenja.example/t/a1b2"])),
        answer_by=draw(
            st.sampled_from([{}, {"id": "13 Juli 2026 pukul 17.00 WIB", "en": "13 July 2026, 17:00 WIB (UTC+7)"}])
        ),
        article=draw(st.sampled_from([None, ARTICLE])),
        summary=draw(st.sampled_from(["", "Paket ditemukan di gudang Bekasi dan diantar hari ini."])),
        summary_by="cs-nia",
        variant=draw(st.integers(0, 5_000)),
        beside=draw(st.sampled_from(["", "no_answer", "double_charge"])),
        asked=draw(st.booleans()),
        talk=draw(st.sampled_from(list(Talk))),
    )


everything = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@everything
@given(cases())
def test_every_character_belongs_to_one_sentence_that_knows_its_ground(one: Case) -> None:
    made = compose(one, PARTS, CHANNELS.of(one.channel))

    covered = [place for sentence in made.sentences for place in range(sentence.start, sentence.end)]
    assert len(covered) == len(set(covered))
    assert [place for place, sign in enumerate(made.text) if not sign.isspace() and place not in set(covered)] == []
    assert all(sentence.ref for sentence in made.sentences)


@everything
@given(cases())
def test_no_answer_is_longer_than_is_comfortable_where_it_stands(one: Case) -> None:
    limits = CHANNELS.of(one.channel)

    made = compose(one, PARTS, limits)

    assert length_on(one.channel, made.text) <= limits.comfortable_limit, made.text


@everything
@given(cases())
def test_nothing_stands_where_nothing_was_known(one: Case) -> None:
    made = compose(one, PARTS, CHANNELS.of(one.channel))

    assert not re.search(r"[{}\ue000\ue001]|  | [,.;:!?]|\(\)|“”|[,;:] ?\.", made.text), made.text
    assert made.text == made.text.strip()


@everything
@given(cases())
def test_every_answer_to_a_complaint_has_its_reference_and_in_public_a_private_way_where_none_is_taken_yet(
    one: Case,
) -> None:
    made = compose(one, PARTS, CHANNELS.of(one.channel))

    if one.stage not in (Stage.QUESTION, Stage.OPINION):
        invited = one.visibility is Visibility.PUBLIC and one.talk is Talk.NONE
        assert one.reference in made.text
        assert made.invites_private == invited
        assert any(contact in made.text for contact in CONTACT.values()) == invited


@everything
@given(cases())
def test_in_public_nobody_is_named_and_nothing_of_theirs_is_told(one: Case) -> None:
    made = compose(replace(one, visibility=Visibility.PUBLIC), PARTS, CHANNELS.of(one.channel))

    theirs = (one.name, one.order_number, one.tracking_url, one.summary)
    assert not [fact for fact in theirs if fact and fact in made.text]
    assert not made.states_facts


@everything
@given(cases(), st.integers(1, 40))
def test_the_facts_are_the_same_in_every_wording(one: Case, further: int) -> None:
    first = compose(one, PARTS)
    other = compose(replace(one, variant=one.variant + further), PARTS)

    assert first.stated - {"name", "company", "topic"} == other.stated - {"name", "company", "topic"}
    assert first.states_facts == other.states_facts


@everything
@given(cases())
def test_nobody_apologises_where_nothing_was_breached(one: Case) -> None:
    of_the_public = tuple(risk for risk in one.risks if risk is not Risk.MEDIA)  # the press is asked to bear with us
    made = compose(replace(one, article=None, risks=of_the_public), PARTS, CHANNELS.of(one.channel))

    if one.stage in (Stage.QUESTION, Stage.OPINION):
        assert not SORRY.search(made.text), made.text


@everything
@given(cases())
def test_a_complaint_is_answered_with_one_apology(one: Case) -> None:
    made = compose(replace(one, article=None, summary=""), PARTS)

    if one.stage not in (Stage.QUESTION, Stage.OPINION) and one.language in ("id", "en"):
        assert 1 <= len(SORRY.findall(made.text)) <= 2, made.text


@pytest.mark.parametrize("language", ["id", "en"])
@pytest.mark.parametrize("register", list(Register))
def test_ten_answers_on_one_page_are_ten_texts(language: str, register: Register) -> None:
    texts = {
        compose(case(language=language, register=register, variant=variant), PARTS, CHANNELS.of("instagram")).text
        for variant in range(10)
    }

    assert len(texts) == 10


def test_who_writes_in_both_languages_is_answered_in_both_where_both_fit() -> None:
    both = compose(case(language="mixed"), PARTS, CHANNELS.of("instagram"))
    short = compose(case(language="mixed", channel="x"), PARTS, CHANNELS.of("x"))

    assert "Maaf" in both.text
    assert "sorry" in both.text
    assert both.text.count("TG-1042") == 2
    assert short.text.count("TG-1042") == 1
    assert short.names[-1].startswith("other_language/")


def test_what_stands_in_a_sentence_is_named_with_its_ground() -> None:
    made = compose(case(article=ARTICLE, summary="Paket ditemukan.", summary_by="cs-nia"), PARTS)

    grounds = {made.text[one.start : one.end]: (one.ground, one.ref, one.facts) for one in made.sentences}
    article = next(ground for text, ground in grounds.items() if "Ketentuan Pengiriman" in text or "ditemukan" in text)
    reference = next(ground for text, ground in grounds.items() if "TG-1042" in text)
    assert article[:2] in ((Ground.ARTICLE, "late-parcel@3f2a"), (Ground.PERSON, "cs-nia"))
    assert reference[0] is Ground.PART
    assert "case:reference" in reference[2]


def test_a_question_keeps_its_answer_however_short_the_channel_is() -> None:
    made = compose(case(channel="x", **QUESTION), PARTS, CHANNELS.of("x"))

    assert ARTICLE.answer in made.text
    assert length_on("x", made.text) <= 280


def test_what_did_not_fit_is_known_to_be_missing() -> None:
    made = compose(case(channel="x", article=ARTICLE), PARTS, CHANNELS.of("x"))

    assert made.said_less
    assert not compose(case(article=ARTICLE), PARTS, CHANNELS.of("instagram")).said_less


def test_an_incidents_statement_is_the_only_thing_said() -> None:
    statement = "Pesawat NA712 tergelincir pukul 19.20. Semua penumpang sudah dievakuasi."

    made = compose(case(statement=statement, statement_ref="IN-3", article=ARTICLE, language="mixed"), PARTS)

    assert made.text.startswith(statement)
    assert made.text.count(statement) == 1
    assert {one.ground for one in made.sentences[:2]} == {Ground.STATEMENT}
    assert {name.partition("/")[0] for name in made.names} <= {"statement", "private", "reference"}


@pytest.mark.parametrize(
    ("channel", "signed"), [("email", True), ("request_tracker", True), ("whatsapp", False), ("web", False)]
)
def test_an_incidents_statement_is_signed_in_a_letter(channel: str, signed: bool) -> None:
    letter = {"statement": "Layanan sedang terganggu.", "visibility": Visibility.PRIVATE, "channel": channel}

    made = compose(case(**letter, stage=Stage.NEXT, risks=(Risk.INJURY,)), PARTS)

    assert made.text.endswith("\n\nSalam,\nTim Warung Senja") is signed
    assert "Terima kasih" not in made.text


@pytest.mark.parametrize(
    ("said", "risks", "register"),
    [
        ("kak pesanan saya blm nyampe nih", (), Register.CASUAL),
        ("APLIKASI SAMPAH saldo gue ilang", (), Register.CASUAL),
        ("kak anak saya keracunan nih", (Risk.INJURY,), Register.NEUTRAL),
        ("Pesanan saya belum sampai.", (), Register.NEUTRAL),
        ("Dengan hormat, sehubungan dengan tagihan ganda, mohon tanggapan Bapak/Ibu.", (), Register.FORMAL),
        ("min kami dari redaksi mau tanya", (Risk.MEDIA,), Register.FORMAL),
        ("", (), Register.NEUTRAL),
    ],
)
def test_we_speak_as_the_customer_does(said: str, risks: tuple[Risk, ...], register: Register) -> None:
    assert register_of([said], risks) is register


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("Halo, maaf ya. Kami cek dulu!", ["Halo, maaf ya.", "Kami cek dulu!"]),
        ("Salam,\nTim Warung Senja", ["Salam,", "Tim Warung Senja"]),
        (
            "Kantor kami di Jl. Kenanga No. 17. Buka pukul 09.00.",
            ["Kantor kami di Jl. Kenanga No. 17.", "Buka pukul 09.00."],
        ),
        ("Apa? Ya… “Baik.” Sip", ["Apa?", "Ya…", "“Baik.”", "Sip"]),
        ("", []),
    ],
)
def test_a_text_falls_into_its_sentences(text: str, sentences: list[str]) -> None:
    assert [text[start:end] for start, end in spans(text)] == sentences


@given(st.text(alphabet="ab .!?\n,", max_size=60))
def test_sentences_leave_nothing_out(text: str) -> None:
    found = list(spans(text))

    assert "".join(text[start:end] for start, end in found).split() == [] or all(start < end for start, end in found)
    inside = {place for start, end in found for place in range(start, end)}
    assert all(place in inside for place, sign in enumerate(text) if not sign.isspace())


def test_a_persons_edit_leaves_the_other_sentences_their_grounds() -> None:
    before = compose(case(), PARTS)
    kept = [before.text[one.start : one.end] for one in before.sentences]
    text = before.text.replace(kept[1], "Kurirnya sudah kami tegur.")

    after = {text[one.start : one.end]: one for one in grounds_of(text, "cs-raka", before.text, before.sentences)}

    assert (after["Kurirnya sudah kami tegur."].ground, after["Kurirnya sudah kami tegur."].ref) == (
        Ground.PERSON,
        "cs-raka",
    )
    assert all(after[words].ground is not Ground.PERSON for words in kept if words != kept[1])


@pytest.mark.parametrize("talk", [Talk.HEARD, Talk.ANSWERED])
@pytest.mark.parametrize("language", ["id", "en"])
def test_where_the_private_talk_has_begun_it_is_named_on_every_channel(talk: Talk, language: str) -> None:
    for channel, rules in CHANNELS.channels.items():
        for variant in range(4):
            made = compose(case(channel=channel, talk=talk, language=language, variant=variant), PARTS, rules)

            assert "pribadi" in made.text or "private message" in made.text, made.text
            assert not made.invites_private


@pytest.mark.parametrize(("asked", "said"), [(True, False), (False, True)])
@pytest.mark.parametrize("language", ["id", "en"])
def test_that_they_had_to_write_again_is_said_where_we_had_not_asked(asked: bool, said: bool, language: str) -> None:
    known = {"stage": Stage.NEXT, "category": Category.BILLING, "topics": (), "language": language, "asked": asked}
    texts = [compose(case(**known, variant=variant), PARTS).text for variant in range(40)]

    again = "harus menulis lagi" if language == "id" else "write about this again"
    assert any(again in text for text in texts) is said


@pytest.mark.parametrize("language", ["id", "en"])
def test_a_second_matter_is_named_after_what_happens_next(language: str) -> None:
    made = compose(case(beside="no_answer", language=language), PARTS)

    parts = [name.partition("/")[0] for name in made.names]
    assert parts[parts.index("also") - 1] == "next"
    assert PARTS.named("no_answer", language) in made.text


def test_how_we_name_a_topic_is_said_in_every_register() -> None:
    assert not [
        topic.topic for topic in PARTS.topics if re.search(r"\b(Anda|Kak|Kakak|Bapak|Ibu)\b", topic.named["id"])
    ]


def topics_beside(text: str, category: Category | None = None) -> str:
    return TopicFinder(PARTS.topics, shipped()).beside(text, category)


@pytest.mark.parametrize(
    ("text", "category", "beside"),
    [
        ("Paket saya belum sampai, CS tidak ada yang jawab.", Category.DELIVERY, "no_answer"),
        ("My luggage was lost on the way and nobody answers the phone.", Category.DELIVERY, "no_answer"),
        ("Pesanan belum diterima padahal statusnya sudah sampai.", Category.DELIVERY, ""),
        ("Aplikasi error terus, ga bisa login.", Category.OUTAGE, ""),
        ("CS tidak ada yang jawab.", Category.SERVICE, ""),
        ("Jam buka berapa ya?", None, ""),
        ("", None, ""),
    ],
)
def test_a_second_matter_is_one_that_is_said_in_words_of_its_own(
    text: str, category: Category | None, beside: str
) -> None:
    assert topics_beside(text, category) == beside
