"""Open a complaint again that was solved: back to drafting, counted, with a promise anew."""

from datetime import datetime

from sqlalchemy import select
from sqlmodel import Session, col

from db import trail
from db.complaints import move
from db.tables import Complaint, FollowUp, FollowUpState
from db.wake import wake
from db.words import DeliveryKind, State
from tasks.desk import Desk
from tasks.outbox import cancel_kinds, withheld
from tasks.promise import promise


def reopen(
    session: Session,
    desk: Desk,
    complaint: Complaint,
    why: str,
    *,
    now: datetime,
    by: trail.Author = trail.MACHINE_AUTHOR,
    message_id: int | None = None,
) -> None:
    """It was not solved after all: back to drafting, counted, and nobody is asked for praise meanwhile."""
    complaint.reopened += 1
    complaint.resolved_at = complaint.closed_at = complaint.closed_why = None
    move(session, complaint, State.DRAFTING, event="reopened", by=by, at=now, message_id=message_id, why=why)
    promise(desk, complaint, now, anew=True)
    cancel_kinds(session, complaint, "reopened", DeliveryKind.SURVEY, DeliveryKind.ASK)
    follow_up = current(session, complaint.id)
    if follow_up is not None and follow_up.state is not FollowUpState.ENDED:
        if follow_up.asked_at is None and follow_up.state is not FollowUpState.WITHHELD:
            withheld(session, complaint, DeliveryKind.ASK, "reopened", now)
            follow_up.withheld_why = "reopened"
        follow_up.state = FollowUpState.ENDED
        session.add(follow_up)
    wake(session, "respond")


def current(session: Session, complaint_id: int) -> FollowUp | None:
    """The follow-up of the complaint's last resolution."""
    return session.execute(
        select(FollowUp).where(col(FollowUp.complaint_id) == complaint_id).order_by(col(FollowUp.id).desc()).limit(1)
    ).scalar_one_or_none()
