"""The queries behind the listings of what the law has to do with: roads, emergencies, holds, breach notices."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlmodel import col

from db.legal import CLOCK_RUNS, answers_of, calls_of
from db.tables import (
    Breach,
    BreachState,
    Complaint,
    Emergency,
    EmergencyCall,
    EmergencyKind,
    LegalHold,
    LegalRoad,
    RoadState,
)
from db.words import Gate, State
from tasks.desk import Desk
from tasks.membership import standing


@dataclass(frozen=True)
class RoadLine:
    """One open legal road."""

    reference: str
    complaint_state: State
    opened_at: datetime
    opened_by: str
    cooling_until: datetime
    cooled: bool
    missing: tuple[str, ...]
    """Questions of its checklist that nobody has answered."""
    lapses_at: datetime


def open_roads(desk: Desk) -> list[RoadLine]:
    """Every open legal road, the oldest first."""
    now, rules = desk.now(), desk.policy.legal.road
    with desk.transaction() as session:
        rows = session.execute(
            select(LegalRoad, Complaint)
            .join(Complaint, col(Complaint.id) == col(LegalRoad.complaint_id))
            .where(col(LegalRoad.state) == RoadState.OPEN)
            .order_by(col(LegalRoad.id))
        ).all()
        return [
            RoadLine(
                reference=complaint.reference,
                complaint_state=complaint.state,
                opened_at=road.opened_at,
                opened_by=road.opened_by,
                cooling_until=road.cooling_until,
                cooled=now >= road.cooling_until,
                missing=rules.missing(answers_of(session, road.id)),
                lapses_at=road.lapses_at,
            )
            for road, complaint in rows
        ]


@dataclass(frozen=True)
class EmergencyLine:
    """One emergency, and who knows of it."""

    reference: str
    number: int
    kind: EmergencyKind
    court_on: date | None
    what: str
    referred_at: datetime
    referred_by: str
    acknowledge_by: datetime
    late: bool
    waits_for: tuple[Gate, ...]
    """The gates of which nobody has said that they know."""
    called: tuple[str, ...]
    """Who was called last, and has not answered."""
    acknowledged: tuple[dict[str, Any], ...]
    """Who said so, for which gate and when."""


def emergencies(desk: Desk, *, waiting: bool = True) -> list[EmergencyLine]:
    """Emergencies, the oldest first; `waiting`: only those that somebody must still acknowledge."""
    now = desk.now()
    with desk.transaction() as session:
        rows = session.execute(
            select(Emergency, Complaint)
            .join(Complaint, col(Complaint.id) == col(Emergency.complaint_id))
            .order_by(col(Emergency.id))
        ).all()
        lines = [emergency_line(complaint, one, calls_of(session, one.id), now) for one, complaint in rows]
    return [line for line in lines if line.waits_for] if waiting else lines


def emergency_line(
    complaint: Complaint, emergency: Emergency, calls: Sequence[EmergencyCall], now: datetime
) -> EmergencyLine:
    """One emergency with its calls, as it is listed."""
    open_calls = [call for call in calls if call.acknowledged_at is None]
    return EmergencyLine(
        reference=complaint.reference,
        number=emergency.id,
        kind=emergency.kind,
        court_on=emergency.court_on,
        what=emergency.what,
        referred_at=emergency.referred_at,
        referred_by=emergency.referred_by,
        acknowledge_by=max(call.deadline for call in calls),
        late=any(call.deadline < now for call in open_calls),
        waits_for=tuple(call.gate for call in open_calls),
        called=tuple(dict.fromkeys(call.called for call in open_calls if call.called)),
        acknowledged=tuple(
            {"gate": call.gate, "by": call.acknowledged_by, "at": call.acknowledged_at, "note": call.note}
            for call in calls
            if call.acknowledged_at is not None
        ),
    )


@dataclass(frozen=True)
class Urgent:
    """What stands above every review."""

    emergencies: tuple[EmergencyLine, ...]
    breaches: "tuple[BreachLine, ...]"


def urgent(desk: Desk, gate: Gate | None = None, person: str | None = None) -> Urgent:
    """Emergencies that nobody acknowledged, and breach notices whose time runs: all, or for a gate's people alone."""
    gates = set(Gate) if gate is None else {gate}
    if person is not None:
        with desk.transaction() as session:
            gates &= set(standing(session, desk, person, desk.now()).gates)
    return Urgent(
        tuple(line for line in emergencies(desk) if gates.intersection(line.waits_for)),
        tuple(breaches(desk)) if Gate.LEGAL in gates else (),
    )


@dataclass(frozen=True)
class HoldLine:
    """One complaint that must be kept."""

    reference: str
    complaint_state: State
    on_at: datetime
    on_by: str
    reason: str


def holds(desk: Desk) -> list[HoldLine]:
    """Every legal hold that is on, the oldest first."""
    with desk.transaction() as session:
        rows = session.execute(
            select(LegalHold, Complaint)
            .join(Complaint, col(Complaint.id) == col(LegalHold.complaint_id))
            .where(col(LegalHold.off_at).is_(None))
            .order_by(col(LegalHold.id))
        ).all()
    return [
        HoldLine(complaint.reference, complaint.state, hold.on_at, hold.on_by, hold.reason) for hold, complaint in rows
    ]


@dataclass(frozen=True)
class BreachLine:
    """The clock of one breach notice."""

    reference: str
    state: BreachState
    known_at: datetime
    """From when the time counts."""
    due_at: datetime
    late: bool
    started_at: datetime | None
    started_by: str | None
    notified: tuple[dict[str, Any], ...]
    to_notify: tuple[str, ...]
    """Whom the law names, and nobody has told of."""
    ended_at: datetime | None
    ended_by: str | None
    reason: str | None
    source: str
    """The law, as policy names it."""
    confirmed_by: str | None
    """Whose reading of it that is; None: counsel has not confirmed it."""


def breaches(desk: Desk, *, running: bool = True) -> list[BreachLine]:
    """Clocks of breach notices, the most urgent first; `running`: only those that nobody stopped."""
    now = desk.now()
    query = (
        select(Breach, Complaint)
        .join(Complaint, col(Complaint.id) == col(Breach.complaint_id))
        .order_by(col(Breach.due_at), col(Breach.id))
    )
    if running:
        query = query.where(col(Breach.state).in_(CLOCK_RUNS))
    with desk.transaction() as session:
        rows = session.execute(query).all()
    return [breach_line(desk, complaint, breach, now) for breach, complaint in rows]


def breach_line(desk: Desk, complaint: Complaint, breach: Breach, now: datetime) -> BreachLine:
    """One clock as it is listed."""
    rules = desk.policy.legal.breach
    reached = {one["whom"] for one in breach.notified}
    runs = breach.state in CLOCK_RUNS
    return BreachLine(
        reference=complaint.reference,
        state=breach.state,
        known_at=breach.known_at,
        due_at=breach.due_at,
        late=runs and breach.due_at < now,
        started_at=breach.started_at,
        started_by=breach.started_by,
        notified=tuple(breach.notified),
        to_notify=tuple(whom for whom in rules.notify if whom not in reached) if runs else (),
        ended_at=breach.ended_at,
        ended_by=breach.ended_by,
        reason=breach.reason,
        source=rules.source,
        confirmed_by=rules.confirmed_by or None,
    )
