"""The emergency referral: threats to staff, extortion, a court's date.

At once to Legal and an executive, and apart from any reply: the complaint goes on as it was.
"""

from dataclasses import dataclass
from datetime import date

from sqlmodel import Session

from db import trail
from db.complaints import find, lock
from db.legal import emergencies_of
from db.tables import Complaint, Emergency, EmergencyCall, EmergencyKind, NoticeKind
from db.wake import wake
from db.words import Gate
from policy.legal_road import emergency_times
from tasks.absences import called_at_level
from tasks.desk import Desk
from tasks.legal_hold import hold_now
from tasks.membership import Standing, standing
from tasks.notices import tell_of_law
from tasks.people import Mistake
from tasks.refusals import Refused, must_be_allowed, must_be_known

ACTION = "emergency"
GATES = (Gate.LEGAL, Gate.EXECUTIVE)
"""Who must know, each by somebody of its own."""


@dataclass(frozen=True)
class EmergencySeen:
    """An emergency and who knows of it; read-only copies."""

    reference: str
    emergency: Emergency
    calls: tuple[EmergencyCall, ...]

    @property
    def waits_for(self) -> tuple[Gate, ...]:
        """The gates of which nobody has said that they know."""
        return tuple(call.gate for call in self.calls if call.acknowledged_at is None)


def see(desk: Desk, reference: str) -> list[EmergencySeen]:
    """A complaint's emergencies, the oldest first.

    Raises:
        NoSuchComplaint: there is no complaint of this reference.
    """
    with desk.transaction() as session:
        return _seen(session, find(session, reference))


def refer(
    desk: Desk, reference: str, kind: EmergencyKind, what: str, by: trail.Author, court_on: date | None = None
) -> EmergencySeen:
    """Call Legal and an executive at once. Nothing is said to the customer.

    Raises:
        Mistake: a court's date without the date.
        Refused: the person may not.
    """
    must_be_allowed(desk, by, ACTION)
    if kind is EmergencyKind.COURT_DATE and court_on is None:
        raise Mistake("A court's date needs the date: --by-date 2026-12-01.")
    now, rules = desk.now(), desk.policy.legal.emergency
    with desk.transaction() as session:
        complaint = lock(session, find(session, reference).id)
        emergency = Emergency(
            complaint_id=complaint.id, kind=kind, referred_at=now, referred_by=by.name, what=what, court_on=court_on
        )
        session.add(emergency)
        session.flush()
        deadline = now + rules.acknowledge_within
        calls = []
        for gate in GATES:
            call = EmergencyCall(
                emergency_id=emergency.id,
                gate=gate,
                called=called_at_level(session, desk, gate, 0, now).name,
                deadline=deadline,
                look_at=emergency_times(deadline, rules).next_after(now) or deadline,
            )
            session.add(call)
            calls.append(call)
        trail.append(
            session, complaint, "emergency_referred",
            by=by, at=now, emergency=emergency.id, kind=kind.value, court_on=court_on.isoformat() if court_on else None,
            called=[call.called for call in calls if call.called], deadline=deadline.isoformat(),
            what=trail.salted(complaint.salt, what),
        )  # fmt: skip
        for call in calls:
            tell(session, desk, complaint, emergency, call)
        if rules.hold:
            hold_now(session, complaint, f"emergency: {kind.value}", by, now)
        wake(session, "watch")
        session.flush()
        return EmergencySeen(complaint.reference, emergency, tuple(calls))


def tell(session: Session, desk: Desk, complaint: Complaint, emergency: Emergency, call: EmergencyCall) -> None:
    """Have it said in Slack, if the desk has it: to whoever is called, and in the gate's channel the first time."""
    tell_of_law(
        session,
        desk,
        complaint,
        NoticeKind.ESCALATION,
        "emergency",
        call.gate,
        call.called,
        desk.now(),
        key=f"emergency:{emergency.id}:{call.gate.value}:{call.escalated}",
        deadline=call.deadline,
        channel_too=call.escalated == 0,
        emergency=emergency.id,
        matter=emergency.kind.value,
    )


def acknowledge(
    desk: Desk, reference: str, by: trail.Author, *, gate: Gate | None = None, note: str | None = None
) -> list[EmergencySeen]:
    """Somebody of Legal, or an executive, says that they know of the complaint's emergencies and have them in hand.

    One person speaks for one gate: it takes somebody of each.

    Raises:
        Mistake: nothing waits for an acknowledgement.
        Refused: the person belongs to no gate that is called, or has spoken for the other one.
    """
    must_be_known(desk, by)
    now = desk.now()
    with desk.transaction() as session:
        complaint = lock(session, find(session, reference).id)
        stands = standing(session, desk, by.name, now)
        waiting = [one for one in _seen(session, complaint) if one.waits_for]
        if not waiting:
            raise Mistake(f"No emergency of {complaint.reference} waits for an acknowledgement.")
        for one in waiting:
            call = _call_for(one, by.name, stands, gate)
            call.acknowledged_at, call.acknowledged_by, call.note = now, by.name, note
            session.add(call)
            trail.append(
                session, complaint, "emergency_acknowledged",
                by=by, at=now, emergency=one.emergency.id, gate=call.gate.value,
            )  # fmt: skip
        session.flush()
        return _seen(session, complaint)


def _call_for(seen: EmergencySeen, person: str, stands: Standing, wanted: Gate | None) -> EmergencyCall:
    """The gate for which this person speaks: the one they were called for, else the first of theirs that waits."""
    facts = {"reference": seen.reference, "who": person}
    spoke = next((call for call in seen.calls if call.acknowledged_by == person), None)
    if spoke is not None:
        message = f"{person} has acknowledged for {spoke.gate.value} already; somebody else must for the other gate."
        raise Refused("second_gate", message, facts | {"decided_at": spoke.gate.value})
    theirs = [
        call
        for call in seen.calls
        if call.acknowledged_at is None and stands.decides(call.gate) and wanted in (None, call.gate)
    ]
    if not theirs:
        names = " or ".join(gate.value for gate in seen.waits_for)
        message = f"This waits for {names}, and {person} does not belong there."
        raise Refused("not_a_member", message, facts | {"gate": seen.waits_for[0].value})
    return next((call for call in theirs if call.called == person), theirs[0])


def _seen(session: Session, complaint: Complaint) -> list[EmergencySeen]:
    return [
        EmergencySeen(complaint.reference, emergency, tuple(calls))
        for emergency, calls in emergencies_of(session, complaint.id)
    ]
