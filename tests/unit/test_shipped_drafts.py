"""What the shipped parts say, for every topic: sent unchanged, or it should not be shipped."""

import re
from collections.abc import Iterator

import pytest

from db.words import Category, Kind, Remedy, Risk, Visibility
from policy.channels import Channels
from policy.company import read_company
from policy.composing import Case, Register, Stage, compose, read_parts
from policy.guard import DraftText, check, length_on, read_guardrails
from policy.reading import read_rules
from tests.unit.test_composing import POLICY

PARTS = read_parts(POLICY / "parts")
CHANNELS = read_rules(POLICY / "channels.yaml", Channels)
COMPANY = read_company(POLICY / "company.yaml")
RAILS = read_guardrails(POLICY / "guardrails")
CONTACT = {language: COMPANY.contact(language) for language in ("id", "en")}
SPOKEN = (("id", Register.NEUTRAL), ("id", Register.CASUAL), ("id", Register.FORMAL), ("en", Register.NEUTRAL))
PLACES = (("x", Visibility.PUBLIC), ("email", Visibility.PRIVATE))
FOREIGN = {
    Register.NEUTRAL: re.compile(r"\bKak(ak)?\b|\bBapak\b"),
    Register.CASUAL: re.compile(r"\bAnda\b|\bBapak\b"),
    Register.FORMAL: re.compile(r"\bAnda\b|\bKak(ak)?\b"),
}
"""How we do not speak to somebody who is spoken to in this register."""


def drafts_of(topic: str, category: Category) -> Iterator[tuple[Case, str]]:
    """The drafts for one topic: each way to speak, public and private, in turn with each remedy and stage."""
    remedies = (None, *Remedy)
    for turn, (language, register) in enumerate(SPOKEN):
        for channel, visibility in PLACES:
            case = Case(
                visibility=visibility,
                channel=channel,
                reference="TG-1042",
                company=COMPANY.name,
                contact=CONTACT,
                language=language,
                register=register,
                stage=(Stage.FIRST, Stage.FIRST, Stage.NEXT, Stage.REOPENED)[(turn + len(topic)) % 4],
                category=category,
                topics=(topic,),
                risks=(Risk.INJURY,) if category is Category.SAFETY and turn % 2 else (),
                remedy=remedies[(turn + len(topic)) % len(remedies)],
                anger=turn % 4,
                name="Mira" if visibility is Visibility.PRIVATE else "",
                variant=turn + len(topic),
            )
            yield case, compose(case, PARTS, CHANNELS.of(channel).limits(visibility)).text


@pytest.mark.parametrize("topic", PARTS.topics, ids=lambda topic: topic.topic)
def test_a_draft_passes_the_guardrails_in_every_register_and_speaks_in_one(topic) -> None:
    for case, text in drafts_of(topic.topic, topic.category[0]):
        draft = DraftText(
            text,
            visibility=case.visibility,
            channel=case.channel,
            complaint="Saya sangat kecewa." if case.language == "id" else "I am very disappointed.",
            lang=case.language,
            category=case.category,
            risks=case.risks,
            facts=(case.reference,),
            kind=Kind.COMPLAINT,
        )
        assert not check(draft, RAILS, COMPANY, CHANNELS.limits(case.visibility)), text
        if case.language == "id":
            assert not FOREIGN[case.register].search(text), text


@pytest.mark.parametrize("topic", PARTS.topics, ids=lambda topic: topic.topic)
def test_a_public_answer_on_x_has_room_for_what_happens_next(topic) -> None:
    for case, text in drafts_of(topic.topic, topic.category[0]):
        if case.channel == "x":
            made = compose(case, PARTS, CHANNELS.of("x"))
            assert length_on("x", text) <= 260, text
            assert {"heard", "next", "private"} <= {name.partition("/")[0] for name in made.names}, made.names
