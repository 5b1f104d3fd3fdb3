"""Finds complaints, locks them, and moves them: the one place where a complaint's state changes."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, or_, select, update
from sqlmodel import Session, col

from db import trail
from db.states import INCIDENT_MOVES, MOVES, IllegalMove
from db.tables import Complainant, Complaint, Direction, Event, Identity, Incident, Message, Ticket
from db.words import IncidentState, State


class NoSuchComplaint(LookupError):
    """No complaint has this reference."""

    def __init__(self, reference: str) -> None:
        super().__init__(f"There is no complaint {reference}. `tanggap complaints` lists them.")


def move(
    session: Session,
    complaint: Complaint,
    to: State,
    *,
    event: str,
    by: trail.Author,
    at: datetime,
    message_id: int | None = None,
    **data: Any,
) -> Event:
    """Move a complaint, bump its version, write the event, and have its tickets told, in the caller's transaction.

    Raises:
        IllegalMove: the table of moves does not have it.
    """
    if to not in MOVES[complaint.state]:
        raise IllegalMove(complaint.reference, complaint.state, to)
    came_from = complaint.state
    complaint.state = to
    complaint.state_since = at
    complaint.version += 1
    if to is not State.HELD:
        complaint.held_why = complaint.held_until = None
    session.add(complaint)
    its_own = or_(col(Ticket.complaint_id) == complaint.id, col(Ticket.handled_as) == complaint.id)
    due = {"due_at": func.least(Ticket.due_at, at)}  # what is due already is not put off
    session.execute(update(Ticket).where(its_own).values(due), execution_options={"synchronize_session": False})
    steps: dict[str, Any] = {"from": came_from.value, "to": to.value}
    return trail.append(session, complaint, event, by=by, at=at, message_id=message_id, **steps, **data)


def move_incident(
    session: Session, incident: Incident, to: IncidentState, *, event: str, by: trail.Author, at: datetime, **data: Any
) -> Event:
    """Move an incident as `move` moves a complaint."""
    if to not in INCIDENT_MOVES[incident.state]:
        raise IllegalMove(incident.reference, incident.state, to)
    came_from = incident.state
    incident.state = to
    incident.state_since = at
    incident.version += 1
    session.add(incident)
    steps: dict[str, Any] = {"from": came_from.value, "to": to.value}
    return trail.append(session, incident, event, by=by, at=at, **steps, **data)


def number_of(reference: str) -> int:
    """The number in `TG-1042`.

    Raises:
        NoSuchComplaint: it is no reference.
    """
    letters, _, digits = reference.strip().upper().partition("-")
    if letters != "TG" or not digits.isdecimal() or len(digits) > 18:
        raise NoSuchComplaint(reference)
    return int(digits)


def find(session: Session, reference: str) -> Complaint:
    """The complaint with this reference.

    Raises:
        NoSuchComplaint: there is none.
    """
    found = session.get(Complaint, number_of(reference))
    if found is None:
        raise NoSuchComplaint(reference)
    return found


def lock(session: Session, number: int) -> Complaint:
    """The complaint, its row locked until the transaction ends, as it stands now."""
    query = select(Complaint).where(col(Complaint.id) == number).with_for_update()
    complaint: Complaint = session.execute(query.execution_options(populate_existing=True)).scalar_one()
    return complaint


def lock_many(session: Session, numbers: Sequence[int]) -> dict[int, Complaint]:
    """Several complaints, locked in the order of their numbers, so that two workers never wait for each other."""
    found = session.execute(
        select(Complaint)
        .where(col(Complaint.id).in_(sorted(set(numbers))))
        .order_by(col(Complaint.id))
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return {complaint.id: complaint for complaint in found.scalars()}


def lock_with_final(session: Session, numbers: Sequence[int]) -> dict[int, Complaint]:
    """Several complaints and those under which they are handled, all locked in the order of their numbers."""
    wanted = set(numbers)
    while True:
        while beyond := _merged_into(session, wanted) - wanted:
            wanted |= beyond
        found = lock_many(session, sorted(wanted))
        if all(one.merged_into in (None, *found) for one in found.values()):  # none was merged in the meantime
            return found


def _merged_into(session: Session, numbers: set[int]) -> set[int]:
    rows = session.execute(
        select(Complaint.merged_into).where(col(Complaint.id).in_(numbers), col(Complaint.merged_into).is_not(None))  # type: ignore[call-overload]
    )
    return set(rows.scalars())


def final(session: Session, complaint: Complaint) -> Complaint:
    """The complaint under which this one is handled: itself, or what it was merged into."""
    seen = {complaint.id}
    while complaint.merged_into is not None and complaint.merged_into not in seen:
        seen.add(complaint.merged_into)
        complaint = session.get_one(Complaint, complaint.merged_into)
    return complaint


def messages_of(session: Session, number: int, direction: Direction | None = None) -> list[Message]:
    """A complaint's messages in the order they were posted."""
    query = select(Message).where(col(Message.complaint_id) == number)
    if direction is not None:
        query = query.where(col(Message.direction) == direction)
    return list(session.execute(query.order_by(col(Message.posted_at), col(Message.id))).scalars())


def own_messages(session: Session, complaint: Complaint) -> list[Message]:
    """What the complainant wrote, oldest first: in a public thread others write too, and their words are not theirs.

    Where nobody is known behind the complaint, or was forgotten: the message that opened it.
    """
    if complaint.complainant_id is None:
        return [first_message(session, complaint)]
    own = [
        message
        for message, identity in inbound(session, complaint)
        if identity is not None and identity.complainant_id == complaint.complainant_id
    ]
    return own or [first_message(session, complaint)]


def newest_own(session: Session, complaint: Complaint) -> Message:
    """What the complainant wrote last, on the complaint's channel if they did: from then on reply windows count."""
    own = own_messages(session, complaint)
    return ([message for message in own if message.channel == complaint.channel] or own)[-1]


Inbound = list[tuple[Message, Identity | None]]


def inbound(session: Session, complaint: Complaint) -> Inbound:
    """Everything that came in for a complaint, with its authors, oldest first."""
    read_ahead: dict[int, Inbound] = session.info.get("inbound", {})
    if complaint.id in read_ahead:
        return read_ahead[complaint.id]
    return _inbound(session, [complaint.id]).get(complaint.id, [])


def read_inbound_ahead(session: Session, complaints: Collection[Complaint]) -> None:
    """Read what came in for a whole batch at once.

    Only for a session that takes in no message itself: what it read here stays what it sees.
    """
    numbers = [complaint.id for complaint in complaints]
    found = _inbound(session, numbers)
    session.info["inbound"] = {number: found.get(number, []) for number in numbers}
    people = {complaint.complainant_id for complaint in complaints if complaint.complainant_id}
    # Kept, so that the session's weak references to them live as long as it does.
    session.info["complainants"] = list(
        session.execute(select(Complainant).where(col(Complainant.id).in_(people))).scalars()
    )


def _inbound(session: Session, numbers: Sequence[int]) -> dict[int, Inbound]:
    rows = session.execute(
        select(Message, Identity)
        .outerjoin(Identity, col(Message.identity_id) == col(Identity.id))
        .where(col(Message.complaint_id).in_(numbers), col(Message.direction) == Direction.IN)
        .order_by(col(Message.posted_at), col(Message.id))
    )
    found: dict[int, Inbound] = {}
    for message, identity in rows:
        found.setdefault(message.complaint_id, []).append((message, identity))
    return found


def first_message(session: Session, complaint: Complaint) -> Message:
    """The message that opened the complaint."""
    assert complaint.first_message_id is not None
    return session.get_one(Message, complaint.first_message_id)


def by_token(session: Session, token: str) -> Complaint | None:
    """The complaint whose private page this token opens."""
    return session.execute(select(Complaint).where(col(Complaint.token) == token)).scalar_one_or_none()
