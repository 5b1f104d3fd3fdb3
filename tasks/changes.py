"""What happens to a post after it came in: its reach changes, or its author takes it down."""

from sqlalchemy import select
from sqlmodel import Session, col

from db import trail
from db.complaints import final, lock
from db.tables import Complaint, Direction, Message
from db.wake import wake
from db.words import Visibility
from integrations.record import Metrics
from tasks.desk import Desk
from tasks.record import measure
from tasks.rounds import void


def new_metrics(desk: Desk, channel: str, account: str, external_id: str, metrics: Metrics) -> bool:
    """Write down how far a post reaches now; it is assessed again where that changed. False: no such post."""
    now = desk.now()
    with desk.transaction() as session:
        message = _find(session, channel, account, external_id)
        if message is None:
            return False
        if measure(message, metrics, now):
            message.assess_due = True
            session.add(message)
            wake(session, "intake")
        return True


def taken_down(desk: Desk, channel: str, account: str, external_id: str) -> bool:
    """The customer removed their post. The complaint stays; an answer not yet out is re-aimed at a private way."""
    now = desk.now()
    with desk.transaction() as session:
        message = _find(session, channel, account, external_id)
        if message is None:
            return False
        complaint = final(session, lock(session, message.complaint_id))
        if message.removed_at is None:
            message.removed_at = now
            session.add(message)
            trail.append(session, complaint, "removed", by=trail.MACHINE_AUTHOR, at=now, message_id=message.id)
            if _aims_at(session, complaint, message):
                void(session, complaint, "removed", by=trail.MACHINE_AUTHOR, at=now)
        return True


def _aims_at(session: Session, complaint: Complaint, message: Message) -> bool:
    return message.visibility is Visibility.PUBLIC and complaint.id == message.complaint_id


def _find(session: Session, channel: str, account: str, external_id: str) -> Message | None:
    return session.execute(
        select(Message)
        .where(
            col(Message.channel) == channel,
            col(Message.account) == account,
            col(Message.external_id) == external_id,
            col(Message.direction) == Direction.IN,
        )
        .with_for_update()
    ).scalar_one_or_none()
