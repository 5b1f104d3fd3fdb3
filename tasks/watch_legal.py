"""Watch the time of the law: emergencies nobody acknowledged, breach notices that are due, roads that cooled off."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlmodel import Session, col

from db import trail
from db.complaints import lock_many
from db.legal import CLOCK_RUNS
from db.tables import (
    Breach,
    Complaint,
    Draft,
    Emergency,
    EmergencyCall,
    LegalRoad,
    NoticeKind,
    RoadState,
    Round,
    RoundState,
)
from db.words import Gate
from policy.legal_road import breach_times, emergency_times
from tasks.absences import called_at_level, called_for
from tasks.desk import Desk
from tasks.emergency import tell as tell_of_emergency
from tasks.notices import tell_of_law
from tasks.road_ends import end_road

FAR = timedelta(days=3650)
BATCH = 200
A_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Kept:
    """What the time brought."""

    reminded: int = 0
    escalated: int = 0
    references: tuple[str, ...] = ()

    def __add__(self, other: "Kept") -> "Kept":
        return Kept(
            self.reminded + other.reminded, self.escalated + other.escalated, self.references + other.references
        )


def _waits() -> tuple[tuple[type[Any], ColumnElement[bool]], ...]:
    """Each table with what makes a row of it wait for its moment."""
    return (
        (EmergencyCall, col(EmergencyCall.acknowledged_at).is_(None)),
        (Breach, col(Breach.state).in_(CLOCK_RUNS)),
        (LegalRoad, col(LegalRoad.state) == RoadState.OPEN),
    )


def legal_due(session: Session, now: datetime) -> bool:
    """Whether a moment has come."""
    return any(
        session.execute(select(table.id).where(waits, table.look_at <= now).limit(1)).first() is not None
        for table, waits in _waits()
    )


def next_legal_moment(session: Session) -> datetime | None:
    """When the time next brings something about."""
    moments = [session.execute(select(func.min(table.look_at)).where(waits)).scalar_one() for table, waits in _waits()]
    return min((at for at in moments if at is not None), default=None)


def keep_legal(desk: Desk) -> Kept:
    """Everything that is due at this instant."""
    return watch_emergencies(desk) + watch_breaches(desk) + watch_roads(desk)


def watch_emergencies(desk: Desk) -> Kept:
    """Call the next name of a gate of which nobody has acknowledged an emergency."""
    now, rules = desk.now(), desk.policy.legal.emergency
    escalated, told = 0, []
    with desk.transaction() as session:
        rows = session.execute(
            select(EmergencyCall.id, Emergency.complaint_id)  # type: ignore[call-overload]
            .join(Emergency, col(Emergency.id) == col(EmergencyCall.emergency_id))
            .where(col(EmergencyCall.acknowledged_at).is_(None), col(EmergencyCall.look_at) <= now)
            .order_by(col(EmergencyCall.id))
            .limit(BATCH)
        ).all()
        complaints = lock_many(session, [number for _, number in rows])
        for call_id, number in rows:
            complaint = complaints[number]
            call = session.get_one(EmergencyCall, call_id, populate_existing=True)
            if call.acknowledged_at is not None:
                continue
            emergency = session.get_one(Emergency, call.emergency_id)
            times = emergency_times(call.deadline, rules)
            while call.escalated < _passed(times.escalations, now):
                call.escalated += 1
                # The first name was called when it was referred.
                called = called_at_level(session, desk, call.gate, call.escalated, now)
                call.called = called.name
                trail.append(
                    session, complaint, "deadline_escalated",
                    by=trail.MACHINE_AUTHOR, at=now, what="emergency", emergency=emergency.id, gate=call.gate.value,
                    level=call.escalated, to=called.name, instead_of=called.instead_of,
                )  # fmt: skip
                tell_of_emergency(session, desk, complaint, emergency, call)
                escalated += 1
            call.look_at = times.next_after(now) or now + A_DAY
            session.add(call)
            told.append(complaint.reference)
    return Kept(0, escalated, tuple(told))


def watch_breaches(desk: Desk) -> Kept:
    """Tell Legal of a breach notice at once and before it is due; call the next names after it."""
    now, rules = desk.now(), desk.policy.legal.breach
    reminded = escalated = 0
    told = []
    with desk.transaction() as session:
        rows = _due(session, Breach, col(Breach.state).in_(CLOCK_RUNS), now)
        complaints = lock_many(session, [number for _, number in rows])
        for breach_id, number in rows:
            complaint = complaints[number]
            breach = session.get_one(Breach, breach_id, populate_existing=True)
            if breach.state not in CLOCK_RUNS:
                continue
            times = breach_times(breach.known_at, breach.due_at, rules)
            if (passed := _passed(times.reminders, now)) > breach.reminded:
                breach.reminded = passed
                called = called_at_level(session, desk, Gate.LEGAL, 0, now)
                trail.append(
                    session, complaint, "deadline_reminded",
                    by=trail.MACHINE_AUTHOR, at=now, what="breach", breach=breach.id, gate=Gate.LEGAL.value,
                    to=called.name, instead_of=called.instead_of,
                )  # fmt: skip
                _tell_of_breach(session, desk, complaint, breach, NoticeKind.REMINDER, called.name, now)
                reminded += 1
            while breach.escalated < _passed(times.escalations, now):
                called = called_at_level(session, desk, Gate.LEGAL, breach.escalated, now)
                breach.escalated += 1
                trail.append(
                    session, complaint, "deadline_escalated",
                    by=trail.MACHINE_AUTHOR, at=now, what="breach", breach=breach.id, gate=Gate.LEGAL.value,
                    level=breach.escalated, to=called.name, instead_of=called.instead_of,
                )  # fmt: skip
                _tell_of_breach(session, desk, complaint, breach, NoticeKind.ESCALATION, called.name, now)
                escalated += 1
            breach.look_at = times.next_after(now) or now + A_DAY
            session.add(breach)
            told.append(complaint.reference)
    return Kept(reminded, escalated, tuple(told))


def _tell_of_breach(
    session: Session, desk: Desk, complaint: Complaint, breach: Breach, kind: NoticeKind, to: str | None, now: datetime
) -> None:
    number = breach.reminded if kind is NoticeKind.REMINDER else breach.escalated
    tell_of_law(
        session,
        desk,
        complaint,
        kind,
        "breach",
        Gate.LEGAL,
        to,
        now,
        key=f"{kind.value}:breach:{breach.id}:{breach.state.value}:{number}",
        deadline=breach.due_at,
        channel_too=kind is NoticeKind.REMINDER and number == 1,
        breach=breach.id,
        matter=breach.state.value,
    )


def watch_roads(desk: Desk) -> Kept:
    """Tell whoever opened a road that it has cooled off; end one with which nobody went on."""
    now = desk.now()
    reminded, told = 0, []
    with desk.transaction() as session:
        rows = _due(session, LegalRoad, col(LegalRoad.state) == RoadState.OPEN, now)
        complaints = lock_many(session, [number for _, number in rows])
        for road_id, number in rows:
            complaint = complaints[number]
            road = session.get_one(LegalRoad, road_id, populate_existing=True)
            if road.state is not RoadState.OPEN:
                continue
            if not road.cooled:
                _tell_that_it_cooled(session, desk, complaint, road, now)
                reminded += 1
            if now < road.lapses_at:
                road.look_at = road.lapses_at
            elif _at_its_gates(session, road):
                road.look_at = now + A_DAY
            else:
                end_road(session, road, RoadState.LAPSED, trail.MACHINE_AUTHOR, now)
                trail.append(session, complaint, "legal_road_lapsed", by=trail.MACHINE_AUTHOR, at=now, road=road.id)
            session.add(road)
            told.append(complaint.reference)
    return Kept(reminded, 0, tuple(told))


def _tell_that_it_cooled(session: Session, desk: Desk, complaint: Complaint, road: LegalRoad, now: datetime) -> None:
    """The opener, or whoever stands in for them; they need not belong to Legal, which only gives the language."""
    road.cooled = True
    called = called_for(session, desk, road.opened_by, Gate.LEGAL, now)
    trail.append(
        session, complaint, "legal_road_cooled",
        by=trail.MACHINE_AUTHOR, at=now, road=road.id, to=called.name, instead_of=called.instead_of,
    )  # fmt: skip
    tell_of_law(
        session,
        desk,
        complaint,
        NoticeKind.REMINDER,
        "legal_road",
        Gate.LEGAL,
        called.name,
        now,
        key=f"reminder:legal_road:{road.id}",
        deadline=road.lapses_at,
        road=road.id,
    )


def _at_its_gates(session: Session, road: LegalRoad) -> bool:
    """Whether people decide about its end this moment, or it passed and has not left."""
    waits = (col(Round.state) == RoundState.OPEN) | (col(Round.state) == RoundState.PASSED)
    query = (
        select(Round.id)  # type: ignore[call-overload]
        .join(Draft, col(Draft.id) == col(Round.draft_id))
        .where(col(Draft.legal_road_id) == road.id, waits)
    )
    return session.execute(query.limit(1)).first() is not None


def _due(session: Session, table: type[Any], waits: ColumnElement[bool], now: datetime) -> Sequence[Any]:
    query = select(table.id, table.complaint_id).where(waits, table.look_at <= now).order_by(table.id).limit(BATCH)
    return session.execute(query).all()


def _passed(times: Sequence[datetime], now: datetime) -> int:
    return sum(at <= now for at in times)


__all__ = ["Kept", "keep_legal", "legal_due", "next_legal_moment"]
