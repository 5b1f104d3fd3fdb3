"""Marks cards to be looked at: of new reviews, of rounds and complaints to which something happened."""

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session, col

from db.tables import Complaint, Review, ReviewState, Round, SlackCard
from db.wake import wake
from db.words import State
from tasks.desk import Desk

OVER = (State.MERGED, State.SPAM, State.NOTED, State.MONITORING)
"""Nobody works on these any more, although they were never closed."""


def look_at(session: Session, numbers: Collection[int], now: datetime) -> None:
    """Have the cards of these reviews looked at now, and tell the stage."""
    if not numbers:
        return
    session.execute(
        update(SlackCard)
        .where(col(SlackCard.review_id).in_(numbers), col(SlackCard.scrubbed_at).is_(None))
        .values(due_at=func.least(func.coalesce(SlackCard.due_at, now), now), asked=SlackCard.asked + 1)
    )
    wake(session, "slack")


def look_at_round(session: Session, round_id: int, now: datetime) -> None:
    """Have the cards of a round looked at: something changed that no event tells."""
    look_at(session, locked(session, col(Round.id) == round_id), now)


def look_at_complaint(session: Session, complaint_id: int, now: datetime, *, but: int | None = None) -> None:
    """Have the cards of a complaint looked at, but for this one."""
    look_at(session, locked(session, col(Round.complaint_id) == complaint_id, col(SlackCard.review_id) != but), now)


def locked(session: Session, *which: ColumnElement[bool]) -> list[int]:
    """Cards, locked in the order of their numbers, so that two who mark several never wait for each other."""
    rows = session.execute(
        select(SlackCard.review_id)  # type: ignore[call-overload]
        .join(Review, col(Review.id) == col(SlackCard.review_id))
        .join(Round, col(Round.id) == col(Review.round_id))
        .join(Complaint, col(Complaint.id) == col(Round.complaint_id))
        .where(col(SlackCard.scrubbed_at).is_(None), *which)
        .order_by(col(SlackCard.review_id))
        .with_for_update(of=SlackCard)
    )
    return list(rows.scalars())


def add_cards(desk: Desk) -> int:
    """A card for each open review that has none, where its gate has a channel; returns how many."""
    gates = desk.policy.slack.gates
    if not gates:
        return 0
    with desk.transaction() as session:
        rows = session.execute(
            select(Review.id, Review.gate)  # type: ignore[call-overload]
            .join(Round, col(Round.id) == col(Review.round_id))
            .outerjoin(SlackCard, col(SlackCard.review_id) == col(Review.id))
            .where(
                col(Review.state) == ReviewState.OPEN,
                col(Review.gate).in_(tuple(gates)),
                col(SlackCard.review_id).is_(None),
                col(Round.complaint_id).is_not(None),
            )
            .order_by(col(Review.id))
            .limit(1000)
        ).all()
        for number, gate in rows:
            add_card(session, number, gates[gate].channel, desk.now())
        return len(rows)


def add_card(session: Session, review_id: int, channel: str, now: datetime) -> None:
    """A card for this review, if it has none."""
    fresh = SlackCard(review_id=review_id, channel=channel, due_at=now)
    session.execute(insert(SlackCard).values(**fresh.model_dump()).on_conflict_do_nothing(index_elements=["review_id"]))


def scrub_at(desk: Desk, complaint: Complaint) -> datetime | None:
    """When the words of its cards have been kept long enough; None while it is worked on."""
    kept: timedelta = desk.policy.slack.words_kept_for
    if complaint.state is State.CLOSED and complaint.closed_at is not None:
        return complaint.closed_at + kept
    return complaint.state_since + kept if complaint.state in OVER else None


def forget_cards(session: Session, complaint_id: int, now: datetime) -> None:
    """Have every card of a complaint scrubbed: a person is forgotten."""
    numbers = locked(session, col(Round.complaint_id) == complaint_id)
    session.execute(update(SlackCard).where(col(SlackCard.review_id).in_(numbers)).values(scrub=True))
    look_at(session, numbers, now)
