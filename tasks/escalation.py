"""What the rows say of the rounds that have a flow run of their own."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import select, text, update
from sqlmodel import Session, col

from db.tables import Complaint, Event, ReviewState, Round, RoundState
from tasks.card_due import look_at_round
from tasks.desk import Desk
from tasks.rounds import reviews_of


@dataclass(frozen=True)
class Escalated:
    """A round that a run carries, or should."""

    round_id: int
    reference: str
    severity: str
    gates: tuple[str, ...]
    run_id: str | None
    runs: int


@dataclass(frozen=True)
class Standing:
    """How a round stands."""

    settled: bool
    said: str


def _escalated(desk: Desk, *where: object) -> list[Escalated]:
    with desk.transaction() as session:
        rows = session.execute(
            select(Round, Complaint)
            .join(Complaint, col(Complaint.id) == col(Round.complaint_id))
            .where(col(Round.escalated), *where)  # type: ignore[arg-type]
            .order_by(col(Round.id))
            .limit(200)
        ).all()
        return [
            Escalated(
                round_.id,
                complaint.reference,
                complaint.severity.value if complaint.severity else "S4",
                tuple(r.gate.value for r in reviews_of(session, round_.id) if r.state is ReviewState.OPEN),
                round_.run_id,
                round_.runs,
            )
            for round_, complaint in rows
        ]


def rounds_without_run(desk: Desk) -> list[Escalated]:
    """Open rounds that PR, Legal or an executive must see, and nobody carries yet."""
    return _escalated(desk, col(Round.state) == RoundState.OPEN, col(Round.run_id).is_(None))


def rounds_with_run(desk: Desk) -> list[Escalated]:
    """Open rounds that a run should be waiting for."""
    return _escalated(desk, col(Round.state) == RoundState.OPEN, col(Round.run_id).is_not(None))


def rounds_to_wake(desk: Desk) -> list[Escalated]:
    """Settled rounds whose run still sleeps."""
    return _escalated(desk, col(Round.wake_due))


def carried_by(desk: Desk, round_id: int, run_id: str | None, runs: int) -> None:
    """Write down which run carries a round, or that none does any more."""
    with desk.transaction() as session:
        session.execute(
            update(Round)
            .where(col(Round.id) == round_id)
            .values(run_id=run_id, runs=runs, wake_due=(col(Round.state) != RoundState.OPEN) & (run_id is not None))
        )
        look_at_round(session, round_id, desk.now())


def woken(desk: Desk, round_id: int) -> None:
    """The round's run is awake, or over."""
    with desk.transaction() as session:
        session.execute(update(Round).where(col(Round.id) == round_id).values(wake_due=False))


def standing(desk: Desk, round_id: int) -> Standing:
    """How a round stands, in tokens."""
    with desk.transaction() as session:
        round_ = session.get(Round, round_id)
        if round_ is None:
            return Standing(True, "the round is gone")
        decided = [
            f"{review.gate.value} {review.verdict.value} by {review.decided_by}"
            for review in reviews_of(session, round_id)
            if review.verdict is not None
        ]
        said = "; ".join([round_.state.value, *decided, *([round_.why] if round_.why else [])])
        return Standing(round_.state is not RoundState.OPEN, said)


@dataclass(frozen=True)
class Horizon:
    """How far the trail went at some moment, and what was being written then."""

    number: int
    """The newest event that could be seen."""
    transaction: int
    """Whoever was writing then has a lower number."""


def horizon(desk: Desk) -> Horizon:
    """How far the trail goes now."""
    with desk.transaction() as session:
        row = session.execute(text("SELECT pg_current_xact_id()::text::bigint, (SELECT max(id) FROM event)")).one()
        return Horizon(row[1] or 0, row[0])


def is_complete(desk: Desk, seen: Horizon) -> bool:
    """Whether all that was being written at that moment is over, so that no event up to its number is still to come."""
    with desk.transaction() as session:
        return is_over(session, seen)


def is_over(session: Session, seen: Horizon) -> bool:
    """The same, asked within a transaction; what it reads afterwards includes all of that."""
    oldest = session.execute(text("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint")).scalar_one()
    return bool(oldest > seen.transaction)


def events_after(desk: Desk, number: int, until: int, limit: int = 500) -> list[Event]:
    """The events written after this one, of all chains, up to another one."""
    with desk.transaction() as session:
        query = select(Event).where(col(Event.id) > number, col(Event.id) <= until).order_by(col(Event.id)).limit(limit)
        return list(session.execute(query).scalars())


def tokens_only(data: Mapping[str, object]) -> str:
    """An event's facts in one line, for people who watch."""
    return ", ".join(f"{key} {value}" for key, value in data.items() if key not in ("digest", "sha256"))
