"""Finds the translations that are there: of what a review's gate reads, where it stands in another language."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import func, select
from sqlmodel import Session, col

from db.complaints import own_messages
from db.tables import Complaint, Delivery, DeliveryState, Draft, Message, Review
from db.words import DeliveryKind, LlmUse
from policy.answered import Unusable, fitted
from policy.rewording.facts import Facts, put_back
from policy.translating import VERSION, Translation, check, is_foreign, material_of
from tasks.case_facts import Talk, said
from tasks.desk import Desk
from tasks.listing import ReviewLine
from tasks.llm_calls import kept_answer, key_of


@dataclass(frozen=True)
class Foreign:
    """A text that somebody must read in another language."""

    complaint: int
    seen: int
    """How many events its complaint had when it was read."""
    reader: str
    """`id` or `en`."""
    material: Facts

    @property
    def text(self) -> str:
        """As a model may see it."""
        return self.material.texts[0]

    @property
    def about(self) -> dict[str, str]:
        """What makes it the same text again."""
        return {"text": self.text, "reader": self.reader}


@dataclass(frozen=True)
class Translated:
    """Complaint and draft in the reader's language; None where it needs none, or there is none yet."""

    complaint: str | None = None
    draft: str | None = None


def unanswered(session: Session, complaint: Complaint, own: Sequence[Message]) -> list[Message]:
    """What the draft answers: all that they wrote since the last answer left, at least their last message."""
    answered = session.execute(
        select(func.max(Delivery.sent_at)).where(
            col(Delivery.complaint_id) == complaint.id,
            col(Delivery.kind).in_((DeliveryKind.REPLY, DeliveryKind.STATEMENT)),
            col(Delivery.state) == DeliveryState.SENT,
        )
    ).scalar_one()
    return [one for one in own if answered is None or one.received_at > answered] or list(own[-1:])


def words_of(messages: Sequence[Message]) -> list[str]:
    """What they say; nothing stands for what was masked."""
    return [said(one) for one in messages if one.masked_at is None]


def foreign_texts(
    session: Session, desk: Desk, complaint: Complaint, draft: Draft, reader: str
) -> Iterator[tuple[str, Foreign]]:
    """Whether it is the `complaint` or the `draft` that needs a translation, and its text, personal data covered."""
    if not desk.policy.llm.may(LlmUse.TRANSLATE):
        return
    talk = replace(Talk.of(session, desk, complaint), reveal=False)
    wanted: list[tuple[str, str]] = []
    if is_foreign(complaint.language, reader):
        answered = unanswered(session, complaint, own_messages(session, complaint))
        words = [talk.cover(one) for one in words_of(answered)]
        wanted.append(("complaint", "\n\n".join(words)))
    if is_foreign(draft.language, reader):
        wanted.append(("draft", draft.text))
    for what, text in wanted:
        if text.strip():
            yield what, Foreign(complaint.id, complaint.events, reader, material_of(text, talk.secrets))


def translations(session: Session, desk: Desk, complaint: Complaint, draft: Draft, reader: str) -> Translated:
    """What somebody reads in this language, as far as it was translated."""
    found = {what: _kept(session, desk, one) for what, one in foreign_texts(session, desk, complaint, draft, reader)}
    return Translated(**found)


def in_their_language(desk: Desk, reviews: Sequence[ReviewLine]) -> list[ReviewLine]:
    """Open reviews with what was translated for their gates."""
    if not desk.policy.llm.may(LlmUse.TRANSLATE):
        return list(reviews)
    with desk.transaction() as session:
        return [_with_translation(session, desk, one) for one in reviews]


def _with_translation(session: Session, desk: Desk, line: ReviewLine) -> ReviewLine:
    draft = session.get_one(Draft, session.get_one(Review, line.review).draft_id)
    if draft.complaint_id is None:
        return line
    complaint = session.get_one(Complaint, draft.complaint_id)
    found = translations(session, desk, complaint, draft, desk.policy.slack.language_of(line.gate))
    return replace(line, translation=found.complaint, draft_translation=found.draft)


def key(desk: Desk, one: Foreign) -> str:
    """By which its translation is found."""
    return key_of(desk, LlmUse.TRANSLATE, one.complaint, VERSION, one.about)


def _kept(session: Session, desk: Desk, one: Foreign) -> str | None:
    answer = kept_answer(session, key(desk, one))
    if answer is None:
        return None
    try:
        translation = fitted(answer, Translation).translation
        check(translation, one.text, one.reader)
    except Unusable:
        return None
    return put_back(translation, one.material.values)
