"""What a platform took and then did not deliver: the answer goes back to people, nothing counts as said."""

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import ColumnElement, func, select
from sqlmodel import Session, col

from db import trail
from db.complaints import final, lock_with_final, move
from db.fingerprint import is_companion
from db.tables import Complaint, Delivery, DeliveryState
from db.wake import wake
from db.words import DeliveryKind, State
from integrations.record import Bounced
from tasks.arrivals import of_key
from tasks.desk import Desk
from tasks.outbox import cancel_replies
from tasks.rounds import hold
from tasks.write_back import not_asked_after_all

ANSWERED = (State.RESPONDED, State.IN_CONVERSATION)


def bounce(session: Session, desk: Desk, item: Bounced, now: datetime) -> bool:
    """Take back that a text of ours arrived, or that it may have. False: it is none of ours, or that is known already.

    A report that the platform still tries changes nothing: it will say how that ends.
    """
    said = _said(session, item) if item.for_good else None
    if said is None:
        return False
    own = lock_with_final(session, [said.complaint_id])[said.complaint_id]
    found = session.get_one(Delivery, said.id, with_for_update=True, populate_existing=True)
    doubtful = _is_doubtful(found)
    if found.state is not DeliveryState.SENT and not doubtful:
        return False
    complaint = final(session, own)
    answer = found.draft_id is not None and found.kind is DeliveryKind.REPLY and not is_companion(found)
    last = answer and _newest_answer(session, found)
    stood = complaint.state is State.APPROVED if doubtful else complaint.state in ANSWERED
    another = last and complaint.id == own.id and stood
    found.state, found.sent_at, found.why, found.claimed_by = DeliveryState.FAILED, None, item.why, None
    found.platform_id = found.platform_id or item.platform_id or None
    found.needs_person = not another
    not_asked_after_all(own, found)
    session.add_all((found, own))
    trail.append(
        session,
        complaint,
        "delivery_bounced",
        by=trail.MACHINE_AUTHOR,
        at=now,
        kind=found.kind.value,
        delivery=found.id,
    )
    if found.kind is DeliveryKind.ACKNOWLEDGEMENT:
        own.acknowledged_at = _sent_at(session, found, func.min)
        session.add(own)
    if last:
        own.responded_at = _sent_at(session, found, func.max)
        session.add(own)
    if another:
        _another_way(session, desk, complaint, now)
    wake(session, "watch", "slack")
    return True


def _another_way(session: Session, desk: Desk, complaint: Complaint, now: datetime) -> None:
    """The customer has no answer after all: a person finds another way to them."""
    move(session, complaint, State.DRAFTING, event="voided", by=trail.MACHINE_AUTHOR, at=now, why="bounced")
    cancel_replies(session, complaint, "bounced")
    hold(session, desk, complaint, "bounced", by=trail.MACHINE_AUTHOR, now=now)


def _sent_at(session: Session, bounced: Delivery, which: Callable[..., ColumnElement[datetime]]) -> datetime | None:
    """When another text of the same kind arrived for this complaint, the first or the last of them."""
    session.flush()
    at: datetime | None = session.execute(
        select(which(Delivery.sent_at)).where(
            col(Delivery.complaint_id) == bounced.complaint_id,
            col(Delivery.kind) == bounced.kind,
            col(Delivery.state) == DeliveryState.SENT,
        )
    ).scalar_one()
    return at


def _newest_answer(session: Session, found: Delivery) -> bool:
    """Whether no later answer of ours stands there: what was said since counts."""
    later = session.execute(
        select(Delivery.id)  # type: ignore[call-overload]
        .where(
            col(Delivery.complaint_id) == found.complaint_id,
            col(Delivery.kind) == DeliveryKind.REPLY,
            col(Delivery.draft_id) > found.draft_id,
            col(Delivery.state) == DeliveryState.SENT,
        )
        .limit(1)
    )
    return later.first() is None


def _is_doubtful(row: Delivery) -> bool:
    """Whether the request has left, or may have, and what became of it is not known."""
    unclear = row.state is DeliveryState.CLAIMED and row.why == "unclear"
    return unclear or row.state in (DeliveryState.UNKNOWN, DeliveryState.SENDING)


def _said(session: Session, item: Bounced) -> Delivery | None:
    """The text that the report is about: where it stands, the newest where a person gave one address for two; else by
    its key."""
    there = session.execute(
        select(Delivery)
        .where(
            col(Delivery.channel) == item.channel,
            col(Delivery.account) == item.account,
            col(Delivery.platform_id) == item.platform_id,
            col(Delivery.state) == DeliveryState.SENT,
        )
        .order_by(col(Delivery.id).desc())
        .limit(1)
    ).scalar_one_or_none()
    if there is not None or item.key is None:
        return there
    return of_key(session, item.channel, item.account, item.key)
