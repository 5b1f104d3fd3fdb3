"""The clock of a breach notice: started, stopped when all whom the law names were notified, or dismissed by Legal."""

from datetime import UTC, datetime

from sqlmodel import Session

from db import trail
from db.complaints import find, lock
from db.legal import breaches_of, open_breach
from db.tables import Breach, BreachState, Complaint
from db.wake import wake
from tasks.breach_suspected import new_clock, start_clock
from tasks.desk import Desk
from tasks.people import Mistake
from tasks.refusals import must_be_allowed

START = "breach"
END = "breach_end"


def see(desk: Desk, reference: str) -> list[Breach]:
    """Every clock that the complaint had, the oldest first.

    Raises:
        NoSuchComplaint: there is no complaint of this reference.
    """
    with desk.transaction() as session:
        return breaches_of(session, find(session, reference).id)


def start(desk: Desk, reference: str, by: trail.Author, since: datetime | None = None) -> Breach:
    """A person says that this is an alleged leak. The time counts from when the company knew: by default from when the
    complaint came in, not from now; only who may end the clock says that it was later.

    Raises:
        Mistake: the clock runs already, or nobody can have known of it then.
        Refused: the person may not.
    """
    must_be_allowed(desk, by, START)
    now = desk.now()
    if since is not None and since > now:
        raise Mistake(f"{desk.policy.calendar.said(since)} lies ahead. Say when it became known.")
    with desk.transaction() as session:
        complaint = lock(session, find(session, reference).id)
        breach = open_breach(session, complaint.id)
        if breach is not None and breach.state is BreachState.RUNNING:
            due = desk.policy.calendar.said(breach.due_at)
            raise Mistake(f"The clock of {complaint.reference} runs already; the notice is due {due}.")
        if breach is None:
            breach = new_clock(session, desk, complaint, complaint.opened_at, now)
        if since is not None:
            if since > breach.known_at:
                must_be_allowed(desk, by, END)
            breach.known_at = since.astimezone(UTC)
            breach.due_at = breach.known_at + desk.policy.legal.breach.within
        breach.reminded = breach.escalated = 0
        start_clock(session, complaint, breach, by, now)
        wake(session, "watch")
        return breach


def notified(desk: Desk, reference: str, whom: str, by: trail.Author) -> Breach:
    """The written notice reached somebody whom the law names; with the last of them the clock stops.

    Raises:
        Mistake: no clock runs, or nobody of this name must be notified.
        Refused: the person may not.
    """
    must_be_allowed(desk, by, END)
    now, wanted = desk.now(), desk.policy.legal.breach.notify
    if whom not in wanted:
        raise Mistake(f"`{whom}` is nobody to notify (policy/legal_road.yaml). They are: {', '.join(wanted)}.")
    with desk.transaction() as session:
        complaint, breach = _running(session, reference)
        breach.notified = [*(one for one in breach.notified if one["whom"] != whom), _notice(whom, by, now)]
        session.add(breach)
        trail.append(session, complaint, "breach_notified", by=by, at=now, breach=breach.id, whom=whom)
        if {one["whom"] for one in breach.notified} >= set(wanted):
            breach.state, breach.ended_at, breach.ended_by = BreachState.NOTIFIED, now, by.name
            late = now > breach.due_at
            trail.append(session, complaint, "breach_clock_stopped", by=by, at=now, breach=breach.id, late=late)
        return breach


def dismiss(desk: Desk, reference: str, reason: str, by: trail.Author) -> Breach:
    """No personal data got out, or none of ours; the reason stays on record.

    Raises:
        Mistake: no clock runs.
        Refused: the person may not.
    """
    must_be_allowed(desk, by, END)
    now = desk.now()
    with desk.transaction() as session:
        complaint, breach = _running(session, reference)
        breach.state, breach.ended_at, breach.ended_by, breach.reason = BreachState.DISMISSED, now, by.name, reason
        session.add(breach)
        trail.append(
            session, complaint, "breach_dismissed",
            by=by, at=now, breach=breach.id, reason=trail.salted(complaint.salt, reason),
        )  # fmt: skip
        return breach


def _notice(whom: str, by: trail.Author, now: datetime) -> dict[str, str]:
    return {"whom": whom, "at": now.isoformat(), "by": by.name}


def _running(session: Session, reference: str) -> tuple[Complaint, Breach]:
    complaint = lock(session, find(session, reference).id)
    breach = open_breach(session, complaint.id)
    if breach is None:
        raise Mistake(f"No clock of a breach notice runs for {complaint.reference}. `tanggap breach` lists them.")
    return complaint, breach
