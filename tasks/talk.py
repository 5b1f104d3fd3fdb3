"""How a talk stands before we answer: whether we had asked for what they wrote, and whether it is private elsewhere."""

from collections.abc import Mapping, Sequence

from sqlalchemy import ColumnElement, and_, or_, select
from sqlmodel import Session, col

from db.complaints import own_messages
from db.tables import Complaint, Delivery, DeliveryState, Direction, Draft, Message
from db.words import DeliveryKind, State, Visibility
from policy.composing import Ground, Talk
from policy.composing.asking import asks
from tasks.grounds import GroundShown, grounds_shown

_OVER = (State.SPAM, State.NOTED, State.RESOLVED, State.CLOSED)
"""What a person wrote privately in these matters is no talk that goes on."""
_ANSWERS = (DeliveryKind.REPLY, DeliveryKind.STATEMENT)


def was_asked(session: Session, complaint: Complaint) -> bool:
    """Whether our last answer asked the customer for what they wrote after it."""
    newest = own_messages(session, complaint)[-1]
    last = session.execute(
        select(Delivery, Draft)
        .join(Draft, col(Draft.id) == col(Delivery.draft_id))
        .where(
            col(Delivery.complaint_id) == complaint.id,
            col(Delivery.kind).in_(_ANSWERS),
            col(Delivery.state) == DeliveryState.SENT,
            col(Delivery.sent_at) <= newest.received_at,
        )
        .order_by(col(Delivery.sent_at).desc(), col(Delivery.id).desc())
        .limit(1)
    ).first()
    if last is None:
        return False
    return any(_asks(one, newest.visibility) for one in grounds_shown(last[1]))


def _asks(shown: GroundShown, answered: Visibility) -> bool:
    """Whether this sentence asks; an invitation to a private talk asks only whoever then writes privately."""
    if shown.ground == Ground.PART and shown.ref.startswith("private/"):
        return answered is Visibility.PRIVATE
    if shown.ground == Ground.PART:
        return shown.ref.startswith("ask/")
    return asks(shown.sentence)


def private_talks(session: Session, complaints: Sequence[Complaint]) -> Mapping[int, Talk]:
    """How the private talk with each complaint's author stands on its channel, also under another reference of theirs.

    A complaint that has none is not in it.
    """
    people = {complaint.complainant_id for complaint in complaints if complaint.complainant_id is not None}
    if not people:
        return {}
    theirs = col(Message.direction) == Direction.IN
    ours = and_(col(Message.direction) == Direction.OUT, col(Delivery.kind).in_(_ANSWERS))
    rows = session.execute(
        select(Complaint.complainant_id, Message.channel, Message.account, Message.direction)  # type: ignore[call-overload]
        .join(Complaint, col(Complaint.id) == col(Message.complaint_id))
        .outerjoin(Delivery, col(Delivery.id) == col(Message.delivery_id))
        .where(
            col(Complaint.complainant_id).in_(people),
            col(Message.visibility) == Visibility.PRIVATE,
            or_(theirs, ours),
            _goes_on([complaint.id for complaint in complaints]),
        )
        .order_by(col(Message.posted_at), col(Message.id))
    ).all()
    last = {(person, channel, account): direction for person, channel, account, direction in rows}
    found = {
        complaint.id: last.get((complaint.complainant_id, complaint.channel, complaint.account))
        for complaint in complaints
    }
    return {
        number: Talk.HEARD if direction is Direction.IN else Talk.ANSWERED
        for number, direction in found.items()
        if direction is not None
    }


def _goes_on(numbers: Sequence[int]) -> ColumnElement[bool]:
    return or_(col(Complaint.state).not_in(_OVER), col(Complaint.id).in_(numbers))
