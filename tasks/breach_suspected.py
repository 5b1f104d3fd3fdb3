"""An alleged leak of personal data is written down where it is found, and its time runs from then on."""

from datetime import datetime

from sqlmodel import Session

from db import trail
from db.legal import breaches_of
from db.tables import Breach, BreachState, Complaint
from db.wake import wake
from tasks.desk import Desk


def suspect_breach(
    session: Session, desk: Desk, complaint: Complaint, *, known_at: datetime, text: str | None, now: datetime
) -> None:
    """A message of the risk `privacy` came in at `known_at`, or a person found that risk; the complaint is locked.

    What says that data got out (policy) starts the clock; anything else suggests it, and a person says what it is.
    One that was dismissed comes up again only with a message that came in later.
    """
    starts = text is not None and desk.policy.legal.breach.alleges(text)
    last = next(iter(reversed(breaches_of(session, complaint.id))), None)
    if last is not None and (last.ended_at is None or known_at <= last.ended_at):
        if last.state is BreachState.SUGGESTED and starts:
            start_clock(session, complaint, last, trail.MACHINE_AUTHOR, now)
        return
    breach = new_clock(session, desk, complaint, known_at, now)
    if starts:
        start_clock(session, complaint, breach, trail.MACHINE_AUTHOR, now)
        return
    trail.append(
        session, complaint, "breach_suggested",
        by=trail.MACHINE_AUTHOR, at=now, breach=breach.id, known_at=known_at.isoformat(), due=breach.due_at.isoformat(),
    )  # fmt: skip


def new_clock(session: Session, desk: Desk, complaint: Complaint, known_at: datetime, now: datetime) -> Breach:
    """A clock that is suggested, its time counted from when it was known."""
    breach = Breach(
        complaint_id=complaint.id,
        state=BreachState.SUGGESTED,
        known_at=known_at,
        due_at=known_at + desk.policy.legal.breach.within,
        look_at=now,
    )
    session.add(breach)
    session.flush()
    wake(session, "watch")
    return breach


def start_clock(session: Session, complaint: Complaint, breach: Breach, by: trail.Author, now: datetime) -> None:
    """It counts as a breach until somebody of Legal dismisses it."""
    breach.state, breach.started_at, breach.started_by, breach.look_at = BreachState.RUNNING, now, by.name, now
    session.add(breach)
    trail.append(
        session, complaint, "breach_started",
        by=by, at=now, breach=breach.id, known_at=breach.known_at.isoformat(), due=breach.due_at.isoformat(),
    )  # fmt: skip
