"""What we said before in a matter, so that a new text is held against it: the texts of its complaint and incident,
and the incident's statement.
"""

from datetime import datetime

from sqlalchemy import or_, select
from sqlmodel import Session, col

from db.tables import Complaint, Delivery, DeliveryState, Draft, Statement
from db.words import DeliveryKind, Visibility
from policy.guard import EarlierText
from tasks.desk import Desk

TEXTS_COMPARED = 40
"""The newest of an incident's; what was said long before was said again since."""
_SAYS_SOMETHING = (
    DeliveryKind.ACKNOWLEDGEMENT,
    DeliveryKind.HOLDING,
    DeliveryKind.REPLY,
    DeliveryKind.STATEMENT,
)
_NEVER_LEFT = (DeliveryState.CANCELLED, DeliveryState.FAILED)


def earlier_texts(
    session: Session, desk: Desk, complaint: Complaint, *, public_only: bool = False
) -> list[EarlierText]:
    """Our own texts in this complaint and its incident that left or are to leave, oldest first.

    Each is named by reference and time, which read the same in every language.
    """
    if complaint.responded_at is None and complaint.incident_id is None:
        return []
    mine = col(Delivery.complaint_id) == complaint.id
    of_incident = col(Complaint.incident_id) == complaint.incident_id
    rows = session.execute(
        select(Delivery, Complaint)
        .join(Complaint, col(Complaint.id) == col(Delivery.complaint_id))
        .where(
            or_(mine, of_incident) if complaint.incident_id is not None else mine,
            col(Delivery.kind).in_(_SAYS_SOMETHING),
            col(Delivery.state).not_in(_NEVER_LEFT),
            *([col(Delivery.visibility) == Visibility.PUBLIC] if public_only else []),
        )
        .order_by(col(Delivery.id).desc())
        .limit(TEXTS_COMPARED)
    ).all()
    zone = desk.policy.calendar.zone
    return [
        EarlierText(
            f"{other.reference}, {(sent.sent_at or sent.queued_at).astimezone(zone):%Y-%m-%d %H:%M}",
            sent.text,
            others=other.id != complaint.id,
        )
        for sent, other in reversed(rows)
    ]


def current_statement(session: Session, complaint: Complaint, now: datetime) -> str | None:
    """The approved statement of the complaint's incident, while it is current; a case of its own has none to follow."""
    if complaint.incident_id is None or complaint.own_case:
        return None
    return session.execute(
        select(Draft.text)  # type: ignore[call-overload]
        .join(Statement, col(Statement.draft_id) == col(Draft.id))
        .where(
            col(Statement.incident_id) == complaint.incident_id,
            col(Statement.current_from) <= now,
            or_(col(Statement.current_until).is_(None), col(Statement.current_until) > now),
        )
        .order_by(col(Statement.revision).desc())
        .limit(1)
    ).scalar_one_or_none()
