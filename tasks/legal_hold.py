"""A legal hold: while it is on, a complaint is neither forgotten nor thrown away. Only Legal takes it off."""

from datetime import datetime

from sqlalchemy import update
from sqlmodel import Session, col

from db import trail
from db.complaints import find, lock
from db.legal import hold_of
from db.tables import Complaint, LegalHold, Note
from db.words import Gate
from tasks.desk import Desk
from tasks.people import Mistake
from tasks.refusals import Refused, must_be_allowed, must_be_known, standing_of

ACTION = "legal_hold"


def put_on(desk: Desk, reference: str, reason: str, by: trail.Author) -> LegalHold:
    """Keep everything of a complaint, for Legal.

    Raises:
        Mistake: it is on already.
        Refused: the person may not.
    """
    must_be_allowed(desk, by, ACTION)
    with desk.transaction() as session:
        complaint = lock(session, find(session, reference).id)
        standing = hold_of(session, complaint.id)
        if standing is not None:
            since = desk.policy.calendar.said(standing.on_at)
            raise Mistake(f"{complaint.reference} is under a legal hold already, since {since} by {standing.on_by}.")
        return hold_now(session, complaint, reason, by, desk.now())


def hold_now(session: Session, complaint: Complaint, reason: str, by: trail.Author, now: datetime) -> LegalHold:
    """Put it on, unless it is on; the complaint is locked."""
    standing = hold_of(session, complaint.id)
    if standing is not None:
        return standing
    made = LegalHold(complaint_id=complaint.id, on_at=now, on_by=by.name, reason=reason)
    session.add(made)
    session.flush()
    trail.append(
        session, complaint, "legal_hold_on", by=by, at=now, hold=made.id, reason=trail.salted(complaint.salt, reason)
    )
    return made


def _let_go(session: Session, complaint: Complaint) -> None:
    """Notes that were taken back meanwhile lose their words now."""
    taken_back = col(Note.complaint_id) == complaint.id, col(Note.removed_at).is_not(None)
    session.execute(update(Note).where(*taken_back).values(text=""))


def take_off(desk: Desk, reference: str, reason: str, by: trail.Author) -> LegalHold:
    """Legal says that nothing must be kept any more.

    Raises:
        Mistake: it is not on.
        Refused: the person is not of Legal.
    """
    must_be_known(desk, by)
    if not standing_of(desk, by.name).decides(Gate.LEGAL):
        message = f"Only Legal takes a legal hold off, and {by.name} does not belong to it (policy/people.yaml)."
        raise Refused("not_a_member", message, {"who": by.name, "gate": Gate.LEGAL.value})
    now = desk.now()
    with desk.transaction() as session:
        complaint = lock(session, find(session, reference).id)
        standing = hold_of(session, complaint.id)
        if standing is None:
            raise Mistake(f"{complaint.reference} is under no legal hold of its own. `tanggap legal-hold` lists them.")
        standing.off_at, standing.off_by, standing.off_reason = now, by.name, reason
        session.add(standing)
        _let_go(session, complaint)
        trail.append(
            session, complaint, "legal_hold_off",
            by=by, at=now, hold=standing.id, reason=trail.salted(complaint.salt, reason),
        )  # fmt: skip
        return standing
