"""No answer says the same twice side by side, whatever it is put together from."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import cycle, groupby, pairwise, product

import pytest

from bench.drafts import POLICY, Bench, everything_asked
from db.words import Category, Remedy, Risk, Visibility
from policy.composing import Case, Composed, Register, Stage, Talk, compose
from policy.composing.echoes import echo
from tests.unit.test_shipped_drafts import CHANNELS, COMPANY, CONTACT, PARTS, SPOKEN

PLACES = (("x", Visibility.PUBLIC), ("instagram", Visibility.PUBLIC), ("email", Visibility.PRIVATE))
STAGES = (Stage.FIRST, Stage.NEXT, Stage.REOPENED)
BESIDE = [topic.topic for topic in PARTS.topics if topic.beside]


@pytest.mark.parametrize(
    ("before", "after", "again"),
    [
        ("Halo, kami mengerti kekecewaan Anda.", "Maaf, kami mengerti kekhawatiran Anda.", "kami mengerti"),
        ("Hello, we understand your frustration.", "We are sorry, and understand your worry.", "understand"),
        ("Halo Bapak/Ibu, kami mengerti.", "Kami mohon maaf, dan kami memahaminya.", "memahami"),
        ("Tambahannya ikut kami periksa.", "Permintaannya ikut kami periksa.", "ikut kami periksa"),
        ("We are sorry that it is late.", "We are asking the carrier.", "we are"),
        ("Maaf, permintaan Anda ditolak.", "Permintaan Anda kami baca.", "permintaan anda"),
    ],
)
def test_what_is_said_again_is_heard(before: str, after: str, again: str) -> None:
    assert echo(before, after) == again


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("Halo, pesan Anda sudah kami baca.", "Maaf, pesanan Anda belum sampai."),
        ("Kami mohon maaf, paketnya rusak.", "Kami cek dulu bersama kurirnya."),
        ("Hello,", "we are sorry that it is late."),
        ("", "Salam."),
    ],
)
def test_what_is_said_once_is_not(before: str, after: str) -> None:
    assert echo(before, after) == ""


def echoes(made: Composed) -> list[tuple[str, str]]:
    """The neighbouring parts of a draft of which the second says again what the first said."""
    parts = [
        " ".join(made.text[one.start : one.end] for one in sentences)
        for _, sentences in groupby(made.sentences, key=lambda one: one.ref)
    ]
    return [pair for pair in pairwise(parts) if echo(*pair)]


def cases(topic: str, category: Category) -> Iterator[Case]:
    """Every way to speak, everywhere, at every stage, calm and angry, in two wordings; the rest in turn."""
    remedies, asked, talks = cycle((None, *Remedy)), cycle((True, False, False)), cycle((*Talk, Talk.NONE, Talk.NONE))
    beside = cycle(["", *(one for one in BESIDE if one != topic)])
    for (language, register), (channel, visibility), stage, anger, variant in product(
        SPOKEN, PLACES, STAGES, (0, 2), range(2)
    ):
        yield Case(
            visibility=visibility,
            channel=channel,
            reference="TG-1042",
            company=COMPANY.name,
            contact=CONTACT,
            language=language,
            register=register,
            stage=stage,
            category=category,
            topics=(topic,),
            beside=next(beside),
            asked=next(asked),
            talk=next(talks) if visibility is Visibility.PUBLIC else Talk.NONE,
            risks=(Risk.INJURY,) if category is Category.SAFETY and variant == 1 else (),
            remedy=next(remedies),
            anger=anger,
            name="Mira" if visibility is Visibility.PRIVATE else "",
            answer_by={"id": "13 Juli 2026 pukul 17.00 WIB", "en": "13 July 2026, 17:00 WIB (UTC+7)"},
            variant=variant,
        )


@pytest.mark.parametrize("topic", PARTS.topics, ids=lambda topic: topic.topic)
def test_no_two_neighbours_of_a_draft_say_the_same(topic) -> None:
    for category in topic.category:
        for case in cases(topic.topic, category):
            made = compose(case, PARTS, CHANNELS.of(case.channel).limits(case.visibility))

            assert not echoes(made), made.text


@pytest.mark.parametrize("category", list(Category))
def test_no_two_neighbours_say_the_same_where_no_topic_was_found(category: Category) -> None:
    for case in cases("", category):
        bare = replace(case, topics=())

        assert not echoes(compose(bare, PARTS, CHANNELS.of(case.channel).limits(case.visibility)))


def test_no_answer_to_our_samples_and_stories_says_the_same_twice() -> None:
    bench = Bench(POLICY / "parts")
    for shown in bench.cases(everything_asked(), None):
        limits = CHANNELS.of(shown.case.channel).limits(shown.case.visibility)
        for register, variant in product(Register, range(3)):
            made = compose(replace(shown.case, register=register, variant=variant), PARTS, limits)

            assert not echoes(made), made.text
