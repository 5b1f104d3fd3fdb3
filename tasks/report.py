"""The report: what came in, how quickly and how well it was answered. Numbers only, no customer's name or words.

What it counts: complaints that came in within the window, and what became of them until now; decisions, corrections
and asks by when they happened.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, Template
from sqlalchemy import ColumnElement, Row, and_, case, func, literal_column, or_, select
from sqlalchemy.orm import Mapped
from sqlmodel import Session, col

from db.tables import (
    Complaint,
    Correction,
    Delivery,
    DeliveryState,
    Event,
    FollowUp,
    Quarantined,
    Review,
    ReviewState,
)
from db.trail import count_by_name
from db.words import Kind, Verdict
from policy.durations import spoken
from tasks.desk import Desk
from tasks.watch import WAITING

TEMPLATE = "report.html.j2"
ANSWERED_KINDS = (Kind.COMPLAINT, Kind.QUESTION)
ELSEWHERE = "not known"
Counts = tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Times:
    """How long something took: how often, and the time of the middle and of the slowest twentieth."""

    count: int
    median: timedelta | None = None
    p95: timedelta | None = None


@dataclass(frozen=True)
class Promises:
    """Deadlines kept, missed, and still running."""

    kept: int = 0
    missed: int = 0
    running: int = 0


@dataclass(frozen=True)
class GateWork:
    """What one gate decided in the window."""

    gate: str
    times: Times
    approved: int
    changes: int
    rejected: int
    in_time: int


@dataclass(frozen=True)
class AskRate:
    """How many with this survey score were asked to tell the public. The rates must not differ by score."""

    score: int | None
    """None: those who did not answer the survey."""
    followed_up: int
    asked: int
    withheld: int

    @property
    def rate(self) -> float | None:
        """Asked of those about whom it was decided, 0 to 1."""
        decided = self.asked + self.withheld
        return self.asked / decided if decided else None


@dataclass(frozen=True)
class Report:
    """Everything that the page shows."""

    since: datetime
    until: datetime
    written_at: datetime
    total: int
    by_channel: Counts
    by_kind: Counts
    by_category: Counts
    by_severity: Counts
    by_state: Counts
    by_language: Counts
    by_risk: Counts
    acknowledged: Times
    answered: Times
    answered_by_severity: tuple[tuple[str, Times], ...]
    resolved: Times
    promises: Promises
    gates: tuple[GateWork, ...]
    blocked_by: Counts
    """Guardrails that blocked a draft."""
    voided_for: Counts
    held_for: Counts
    overturned: Counts
    """Fields of assessments that people corrected."""
    reopened: int
    scores: Counts
    asks: tuple[AskRate, ...]
    withheld_for: Counts
    posts_found: int
    deliveries: Counts
    mended: Counts
    """Deliveries that failed, are unclear or wait for a person, by channel."""
    quarantine_waiting: int
    quarantine_taken: int
    events: Mapping[str, int]


def gather(desk: Desk, since: datetime, until: datetime) -> Report:
    """Count everything within the window, its end excluded."""
    now = desk.now()
    came = and_(col(Complaint.opened_at) >= since, col(Complaint.opened_at) < until)
    answered = and_(came, col(Complaint.kind).in_(ANSWERED_KINDS))
    with desk.transaction() as session:
        events = count_by_name(session, since, until)
        first_answer = _first_event("responded")
        severity = func.coalesce(col(Complaint.severity), ELSEWHERE)
        return Report(
            since=since,
            until=until,
            written_at=now,
            total=_count(session, Complaint, came),
            by_channel=_by(session, col(Complaint.channel), came),
            by_kind=_by(session, col(Complaint.kind), came),
            by_category=_by(session, col(Complaint.category), and_(came, col(Complaint.kind) == Kind.COMPLAINT)),
            by_severity=_by(session, col(Complaint.severity), answered, in_order=True),
            by_state=_by(session, col(Complaint.state), came),
            by_language=_by(session, col(Complaint.language), came),
            by_risk=_by(session, func.unnest(col(Complaint.risks)), came),
            acknowledged=_times(session, col(Complaint.acknowledged_at) - col(Complaint.opened_at), answered),
            answered=_times(session, first_answer - col(Complaint.opened_at), answered),
            answered_by_severity=_times_by(session, severity, first_answer - col(Complaint.opened_at), answered),
            resolved=_times(session, col(Complaint.resolved_at) - col(Complaint.opened_at), answered),
            promises=_promises(session, answered, now),
            gates=_gates(session, since, until),
            blocked_by=_rules(session, since, until),
            voided_for=_whys(session, "voided", since, until),
            held_for=_whys(session, "held", since, until),
            overturned=_by(
                session, col(Correction.field), and_(col(Correction.at) >= since, col(Correction.at) < until)
            ),
            reopened=events.get("reopened", 0),
            scores=_by(
                session,
                col(FollowUp.score),
                and_(col(FollowUp.answered_at) >= since, col(FollowUp.answered_at) < until),
                in_order=True,
            ),
            asks=_asks(session, since, until),
            withheld_for=_whys(session, "ask_withheld", since, until),
            posts_found=events.get("post_found", 0),
            deliveries=_by(session, col(Delivery.kind), _sent(since, until)),
            mended=_by(session, col(Delivery.channel), _to_mend(since, until)),
            quarantine_waiting=_count(session, Quarantined, _seen(since, until) & col(Quarantined.taken_at).is_(None)),
            quarantine_taken=_count(session, Quarantined, _seen(since, until) & col(Quarantined.taken_at).is_not(None)),
            events=events,
        )


def as_html(desk: Desk, report: Report) -> str:
    """The report as one page that needs nothing beside itself."""
    zone = desk.policy.calendar.zone
    return _template().render(
        report=report,
        company=desk.policy.company.name,
        local=lambda at: at.astimezone(zone),
        zone=str(zone),
        spoken=spoken_time,
        most=most,
    )


@cache
def _template() -> Template:
    places = FileSystemLoader(Path(__file__).parent)
    return Environment(loader=places, autoescape=True, trim_blocks=True, lstrip_blocks=True).get_template(TEMPLATE)


def spoken_time(length: timedelta | None) -> str:
    """A length of time as people say it, to the second; a dash for none."""
    if length is None:
        return "–"
    return spoken(timedelta(seconds=round(length.total_seconds())))


def most(counts: Sequence[tuple[str, int]]) -> int:
    """The greatest count, at least 1: what the longest bar stands for."""
    return max((count for _, count in counts), default=1) or 1


def _count(session: Session, table: Any, condition: ColumnElement[bool]) -> int:
    count: int = session.execute(select(func.count()).select_from(table).where(condition)).scalar_one()
    return count


def _by(
    session: Session, column: ColumnElement[Any] | Any, condition: ColumnElement[bool], *, in_order: bool = False
) -> Counts:
    """How many a value, the most frequent first, or in the order of the values."""
    value = column.label("value")
    rows = session.execute(select(value, func.count().label("many")).where(condition).group_by(value)).all()
    counts = [(_said(row[0]), int(row[1])) for row in rows]
    return tuple(sorted(counts, key=lambda pair: pair[0] if in_order else (-pair[1], pair[0])))


def _said(value: object) -> str:
    return ELSEWHERE if value is None else str(getattr(value, "value", value))


def _percentiles(length: ColumnElement[Any]) -> tuple[ColumnElement[Any], ...]:
    return (
        func.count(length),
        func.percentile_cont(0.5).within_group(length.asc()),
        func.percentile_cont(0.95).within_group(length.asc()),
    )


def _times(session: Session, length: ColumnElement[Any], condition: ColumnElement[bool]) -> Times:
    return _as_times(session.execute(select(*_percentiles(length)).select_from(Complaint).where(condition)).one())


def _as_times(row: Row[Any]) -> Times:
    return Times(int(row[0]), row[1], row[2])


def _times_by(
    session: Session, group: ColumnElement[Any], length: ColumnElement[Any], condition: ColumnElement[bool]
) -> tuple[tuple[str, Times], ...]:
    rows = session.execute(
        select(*_percentiles(length), group.label("value"))
        .select_from(Complaint)
        .where(condition)
        .group_by(literal_column("value"))
        .order_by(literal_column("value"))
    )
    return tuple((_said(row[3]), _as_times(row)) for row in rows)


def _first_event(name: str) -> ColumnElement[Any]:
    """When a complaint first had this event."""
    return (
        select(func.min(Event.at))
        .where(col(Event.complaint_id) == col(Complaint.id), col(Event.name) == name)
        .correlate(Complaint)
        .scalar_subquery()
    )


def _promises(session: Session, answered: ColumnElement[bool], now: datetime) -> Promises:
    """Whether the promised answer left in time.

    The clock that counts is the last one: it starts anew when the customer writes again after an answer.
    """
    promise, done = col(Complaint.answer_by), func.coalesce(col(Complaint.responded_at), col(Complaint.resolved_at))
    waiting = col(Complaint.state).in_(WAITING)
    kept = and_(~waiting, done.is_not(None), done <= promise)
    missed = or_(and_(~waiting, done > promise), and_(waiting, promise < now))
    running = and_(waiting, promise >= now)
    row = session.execute(
        select(*(func.count(case((condition, 1))) for condition in (kept, missed, running)))
        .select_from(Complaint)
        .where(answered, promise.is_not(None))
    ).one()
    return Promises(*(int(number) for number in row))


def _gates(session: Session, since: datetime, until: datetime) -> tuple[GateWork, ...]:
    took = col(Review.decided_at) - col(Review.opened_at)
    verdicts = (Verdict.APPROVE, Verdict.CHANGES, Verdict.REJECT)
    rows = session.execute(
        select(
            *_percentiles(took),
            col(Review.gate),
            *(func.count(case((col(Review.verdict) == verdict, 1))) for verdict in verdicts),
            func.count(case((col(Review.decided_at) <= col(Review.deadline), 1))),
        )
        .where(
            col(Review.state) == ReviewState.DECIDED,
            col(Review.decided_at) >= since,
            col(Review.decided_at) < until,
        )
        .group_by(col(Review.gate))
        .order_by(col(Review.gate))
    )
    return tuple(GateWork(row[3].value, _as_times(row), *(int(number) for number in row[4:])) for row in rows)


def _within(column: Mapped[Any], since: datetime, until: datetime) -> ColumnElement[bool]:
    return and_(column >= since, column < until)


def _whys(session: Session, name: str, since: datetime, until: datetime) -> Counts:
    """How often each reason stands on events of this name."""
    condition = and_(col(Event.name) == name, _within(col(Event.at), since, until))
    return _by(session, col(Event.data)["why"].astext, condition)


def _rules(session: Session, since: datetime, until: datetime) -> Counts:
    blocked = and_(col(Event.name) == "guard_blocked", _within(col(Event.at), since, until))
    return _by(session, func.jsonb_array_elements_text(col(Event.data)["rules"]), blocked)


def _asks(session: Session, since: datetime, until: datetime) -> tuple[AskRate, ...]:
    decided = or_(col(FollowUp.asked_at).is_not(None), col(FollowUp.withheld_why).is_not(None))
    rows = session.execute(
        select(
            col(FollowUp.score),
            func.count(),
            func.count(col(FollowUp.asked_at)),
            func.count(case((and_(decided, col(FollowUp.asked_at).is_(None)), 1))),
        )
        .where(_within(col(FollowUp.survey_sent_at), since, until))
        .group_by(col(FollowUp.score))
        .order_by(col(FollowUp.score).asc().nulls_last())
    )
    return tuple(AskRate(row[0], int(row[1]), int(row[2]), int(row[3])) for row in rows)


def _sent(since: datetime, until: datetime) -> ColumnElement[bool]:
    return and_(col(Delivery.state) == DeliveryState.SENT, _within(col(Delivery.sent_at), since, until))


def _to_mend(since: datetime, until: datetime) -> ColumnElement[bool]:
    states = (DeliveryState.FAILED, DeliveryState.UNKNOWN, DeliveryState.MANUAL)
    return and_(col(Delivery.state).in_(states), _within(col(Delivery.queued_at), since, until))


def _seen(since: datetime, until: datetime) -> ColumnElement[bool]:
    return _within(col(Quarantined.at), since, until)
