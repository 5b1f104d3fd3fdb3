"""Has translated what reviewers must read and cannot: beside everything else, so that no card waits for it."""

import secrets
from decimal import Decimal
from typing import Any

from sqlalchemy import select
from sqlmodel import Session, col

from db.tables import Complaint, Draft, LlmAnswer, Review, ReviewState, Round
from db.wake import wake
from db.words import LlmUse
from integrations.llm.client import Turn
from policy.answered import parse
from policy.translating import LONGEST_TEXT, SCHEMA, VERSION, Translation, check, instructions, is_foreign, material
from tasks.card_due import look_at_complaint
from tasks.desk import Desk
from tasks.llm_calls import Question, Read, ask_all, closed_because, is_settled
from tasks.translations import Foreign, foreign_texts, key

LOOKED_AT = 200
"""Open reviews, the most urgent first."""
MOST_OF_OURS = 2_000
"""Tokens of our instructions, and of what a server puts around them."""


def due_for_translation(desk: Desk) -> list[Foreign]:
    """What is to be translated next, no more than is asked at once; nothing while the model may not be asked."""
    if not desk.policy.llm.may(LlmUse.TRANSLATE):
        return []
    with desk.transaction() as session:
        if closed_because(session, desk, _highest(desk)) is not None:
            return []
        found: dict[str, Foreign] = {}
        for complaint, draft, reader in _read_in_another_language(session, desk):
            for _, one in foreign_texts(session, desk, complaint, draft, reader):
                if not _known(session, desk, one):
                    found.setdefault(key(desk, one), one)
            if len(found) >= desk.policy.llm.at_once:
                break
        return list(found.values())[: desk.policy.llm.at_once]


def translate(desk: Desk, texts: list[Foreign]) -> int:
    """Have these translated, and the cards that show them drawn anew; returns how many could be."""
    answers = ask_all(desk, [(_question(one), _reader(one)) for one in texts])
    done = {one.complaint for one, answer in zip(texts, answers, strict=True) if answer is not None}
    with desk.transaction() as session:
        for complaint in sorted(done):
            look_at_complaint(session, complaint, desk.now())
        if done:
            wake(session, "respond")  # there may be more
    return sum(answer is not None for answer in answers)


def _read_in_another_language(session: Session, desk: Desk) -> list[tuple[Complaint, Draft, str]]:
    rows = session.execute(
        select(Review, Complaint, Draft)
        .join(Round, col(Round.id) == col(Review.round_id))
        .join(Draft, col(Draft.id) == col(Review.draft_id))
        .join(Complaint, col(Complaint.id) == col(Round.complaint_id))
        .where(col(Review.state) == ReviewState.OPEN)
        .order_by(col(Review.deadline), col(Review.id))
        .limit(LOOKED_AT)
    ).all()
    read = [(complaint, draft, desk.policy.slack.language_of(review.gate)) for review, complaint, draft in rows]
    return [
        (complaint, draft, reader)
        for complaint, draft, reader in read
        if is_foreign(complaint.language, reader) or is_foreign(draft.language, reader)
    ]


def _highest(desk: Desk) -> Decimal:
    """What any translation can cost at most: no character has more than four bytes, no token fewer than one."""
    rules = desk.policy.llm
    return rules.price.of(4 * LONGEST_TEXT + MOST_OF_OURS, rules.max_tokens)


def _known(session: Session, desk: Desk, one: Foreign) -> bool:
    """Whether it was translated, or could not be a short while ago."""
    kept = session.get(LlmAnswer, key(desk, one))
    return kept is not None and is_settled(desk, kept)


def _question(one: Foreign) -> Question:
    fence = secrets.token_hex(8)
    return Question(
        use=LlmUse.TRANSLATE,
        complaint=one.complaint,
        seen=one.seen,
        about=one.about,
        version=VERSION,
        turns=(Turn("system", instructions(one.reader, fence)), Turn("user", material(one.text, fence))),
        schema=SCHEMA,
    )


def _reader(one: Foreign) -> Read:
    def read(text: str) -> dict[str, Any]:
        translation = parse(text, Translation)
        check(translation.translation, one.text, one.reader)
        return translation.model_dump(mode="json")

    return read
