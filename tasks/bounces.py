"""What a platform took and then did not deliver: the answer goes back to people, nothing counts as said."""

from datetime import datetime

from sqlalchemy import select
from sqlmodel import Session, col

from db import trail
from db.complaints import final, lock, move
from db.fingerprint import is_companion
from db.tables import Complaint, Delivery, DeliveryState
from db.wake import wake
from db.words import DeliveryKind, State
from integrations.record import Bounced
from tasks.desk import Desk
from tasks.rounds import hold

ANSWERED = (State.RESPONDED, State.IN_CONVERSATION)


def bounce(session: Session, desk: Desk, item: Bounced, now: datetime) -> bool:
    """Take back that a text of ours arrived. False: none of ours stands there, or it is known already.

    A report that the platform still tries changes nothing: it will say how that ends.
    """
    found = _delivery(session, item) if item.for_good else None
    if found is None:
        return False
    complaint = final(session, lock(session, found.complaint_id))
    found.state, found.sent_at, found.why, found.needs_person = DeliveryState.FAILED, None, item.why, True
    session.add(found)
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
        complaint.acknowledged_at = None
    if found.draft_id is not None and not is_companion(found) and complaint.state in ANSWERED:
        _another_way(session, desk, complaint, now)
    session.add(complaint)
    wake(session, "watch", "slack")
    return True


def _another_way(session: Session, desk: Desk, complaint: Complaint, now: datetime) -> None:
    """The customer has no answer after all: a person finds another way to them."""
    complaint.responded_at = None
    move(session, complaint, State.DRAFTING, event="voided", by=trail.MACHINE_AUTHOR, at=now, why="bounced")
    hold(session, desk, complaint, "bounced", by=trail.MACHINE_AUTHOR, now=now)


def _delivery(session: Session, item: Bounced) -> Delivery | None:
    return session.execute(
        select(Delivery)
        .where(
            col(Delivery.channel) == item.channel,
            col(Delivery.account) == item.account,
            col(Delivery.platform_id) == item.platform_id,
            col(Delivery.state) == DeliveryState.SENT,
        )
        .with_for_update()
    ).scalar_one_or_none()
