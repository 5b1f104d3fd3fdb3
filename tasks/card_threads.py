"""The story of a review, told in its card's thread: who decided what, what voided it, what became of it.

Read from the trail when the card is drawn, so nothing is told that the card does not show. No customer's words.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlmodel import Session, col

from db.tables import Delivery, Event, NoticeKind, Review, Round
from db.words import DeliveryKind
from tasks.desk import Desk
from tasks.notices import queue

OF_THE_ROUND = frozenset({"decided", "voided", "review_withdrawn", "approved"})
OF_THE_DELIVERY = frozenset({"delivered", "delivery_failed", "delivery_unclear", "window_closed"})
TOKENS = ("gate", "verdict", "why", "to", "review", "instead_of", "in_place_of")
"""What of an event's facts a line is made of."""


def queue_lines(session: Session, desk: Desk, review_id: int, before: int, seen: int, now: datetime) -> None:
    """Queue a line for each event of this review's story between two counts of its complaint's events."""
    if seen <= before:
        return
    review = session.get_one(Review, review_id)
    round_ = session.get_one(Round, review.round_id)
    events = session.execute(
        select(Event)
        .where(
            col(Event.complaint_id) == round_.complaint_id,
            col(Event.number) > max(before, 0),
            col(Event.number) <= seen,
            col(Event.at) >= round_.opened_at,
        )
        .order_by(col(Event.number))
    ).scalars()
    for event, data in _told(session, review, round_, list(events)):
        queue(
            session,
            desk,
            key=f"thread:{review_id}:{event.number}",
            kind=NoticeKind.THREAD,
            now=now,
            complaint_id=round_.complaint_id,
            thread_of=review_id,
            data=data,
        )


def _told(
    session: Session, review: Review, round_: Round, events: list[Event]
) -> Iterator[tuple[Event, dict[str, Any]]]:
    for event in events:
        if _belongs(session, review, round_, event):
            kept = {name: event.data[name] for name in TOKENS if name in event.data}
            delivery = event.data.get("delivery") if event.name in OF_THE_DELIVERY else None
            yield event, {"event": event.name, "by": event.by, "delivery": delivery, **kept}


def _belongs(session: Session, review: Review, round_: Round, event: Event) -> bool:
    """Whether an event is a part of this review's story."""
    if event.name in OF_THE_ROUND:
        return bool(event.data.get("round") == round_.id)
    if event.name in OF_THE_DELIVERY:
        number = event.data.get("delivery")
        delivery = session.get(Delivery, number) if number is not None else None
        return (
            delivery is not None
            and delivery.draft_id == review.draft_id
            and delivery.kind in (DeliveryKind.REPLY, DeliveryKind.STATEMENT)
        )
    if event.name == "review_opened":
        own = event.data.get("review") == review.id
        joined = event.data.get("round") == round_.id and event.at > round_.opened_at
        return own or joined
    return event.name == "deadline_escalated" and event.data.get("review") == review.id
