"""Who is certainly one person, and who is certainly two: in SQL, for whoever looks for somebody's other words."""

from typing import Any

from sqlalchemy import ColumnElement, and_, exists, func, or_, select, text
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from db.tables import Complainant, Complaint, Identity, Message, SamePerson, SameState

TOLD_APART = (SameState.REFUSED, SameState.SPLIT)


def same(one: Any, other: Any) -> ColumnElement[bool]:
    """Whether two (aliased) identities are certainly one person's: a person said so, or they share an e-mail address or
    a telephone number and nobody said otherwise."""
    alike = or_(
        col(other.complainant_id) == col(one.complainant_id),
        col(other.email) == col(one.email),
        col(other.plain_phone) == col(one.plain_phone),
    )
    return and_(alike, ~told_apart(one, other))


def told_apart(one: Any, other: Any) -> ColumnElement[bool]:
    """Whether a person said of two (aliased) identities that they are not one person's."""
    pair = aliased(SamePerson)
    return exists().where(
        col(pair.one_id) == func.least(col(one.id), col(other.id)),
        col(pair.other_id) == func.greatest(col(one.id), col(other.id)),
        col(pair.state).in_(TOLD_APART),
    )


def everybody_like(session: Session, complainant_id: int) -> set[int]:
    """The complainants who are certainly this one."""
    one, other = aliased(Identity), aliased(Identity)
    query = select(other.complainant_id).join(one, same(one, other)).where(col(one.complainant_id) == complainant_id)  # type: ignore[call-overload]
    return {complainant_id, *session.execute(query).scalars()}


def called(session: Session, complaint: Complaint) -> Complainant | None:
    """By whose name the author of a complaint is greeted there: the one of the account that they wrote with.

    Somebody may be known by their full name in a mailbox and by none on a platform, and want it so.
    """
    if complaint.complainant_id is None:
        return None
    first = session.get(Message, complaint.first_message_id) if complaint.first_message_id else None
    identity = session.get(Identity, first.identity_id) if first is not None and first.identity_id else None
    own = identity.own_complainant_id if identity is not None else None
    return session.get(Complainant, own or complaint.complainant_id)


def take_turn(session: Session) -> None:
    """Nobody else joins, splits or forgets people until this transaction ends."""
    session.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('tanggap:same-person', 0))"))
