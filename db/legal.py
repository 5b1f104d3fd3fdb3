"""Finds what the law has to do with complaints: legal roads, emergencies, holds, breach clocks."""

from collections.abc import Collection

from sqlalchemy import ColumnElement, exists, or_, select
from sqlalchemy.orm import Mapped, aliased
from sqlmodel import Session, col

from db.tables import (
    Breach,
    BreachState,
    Complaint,
    Draft,
    Emergency,
    EmergencyCall,
    LegalAnswer,
    LegalHold,
    LegalRoad,
    RoadState,
)

CLOCK_RUNS = (BreachState.SUGGESTED, BreachState.RUNNING)
"""The time of a breach notice runs whether or not a person has said yet that it was one."""


def open_road(session: Session, complaint_id: int) -> LegalRoad | None:
    """The complaint's open legal road, locked; it has at most one."""
    return session.execute(
        select(LegalRoad)
        .where(col(LegalRoad.complaint_id) == complaint_id, col(LegalRoad.state) == RoadState.OPEN)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).scalar_one_or_none()


def roads_of(session: Session, complaint_id: int) -> list[LegalRoad]:
    """A complaint's legal roads, the newest first."""
    query = select(LegalRoad).where(col(LegalRoad.complaint_id) == complaint_id).order_by(col(LegalRoad.id).desc())
    return list(session.execute(query).scalars())


def road_of_draft(session: Session, draft_id: int | None) -> LegalRoad | None:
    """The legal road that a draft is the end of."""
    return session.execute(
        select(LegalRoad).join(Draft, col(Draft.legal_road_id) == col(LegalRoad.id)).where(col(Draft.id) == draft_id)
    ).scalar_one_or_none()


def answers_of(session: Session, road_id: int) -> dict[str, LegalAnswer]:
    """What counts in a road's checklist: the newest answer to each question."""
    query = select(LegalAnswer).where(col(LegalAnswer.road_id) == road_id).order_by(col(LegalAnswer.id))
    return {answer.question: answer for answer in session.execute(query).scalars()}


def emergencies_of(session: Session, complaint_id: int) -> list[tuple[Emergency, list[EmergencyCall]]]:
    """A complaint's emergencies, the oldest first, with the part of each gate."""
    emergencies = session.execute(
        select(Emergency).where(col(Emergency.complaint_id) == complaint_id).order_by(col(Emergency.id))
    ).scalars()
    return [(one, calls_of(session, one.id)) for one in emergencies]


def calls_of(session: Session, emergency_id: int) -> list[EmergencyCall]:
    """Each gate's part in an emergency."""
    query = select(EmergencyCall).where(col(EmergencyCall.emergency_id) == emergency_id).order_by(col(EmergencyCall.id))
    return list(session.execute(query).scalars())


def hold_of(session: Session, complaint_id: int) -> LegalHold | None:
    """The hold that was put on this very complaint, locked."""
    return session.execute(
        select(LegalHold)
        .where(col(LegalHold.complaint_id) == complaint_id, col(LegalHold.off_at).is_(None))
        .with_for_update()
        .execution_options(populate_existing=True)
    ).scalar_one_or_none()


def holds_of(session: Session, complaint_id: int) -> list[LegalHold]:
    """Every hold that a complaint was ever under."""
    query = select(LegalHold).where(col(LegalHold.complaint_id) == complaint_id).order_by(col(LegalHold.id))
    return list(session.execute(query).scalars())


def held(session: Session, numbers: Collection[int]) -> dict[int, int]:
    """Which of these complaints must be kept, each with the complaint whose hold says so.

    A hold also keeps what was merged into its complaint, and what that one was merged into: they are one case.
    """
    one, other = aliased(Complaint), aliased(Complaint)
    rows = session.execute(
        select(one.id, LegalHold.complaint_id)  # type: ignore[call-overload]
        .join(
            other,
            or_(
                col(other.id) == col(one.id),
                col(other.merged_into) == col(one.id),
                col(other.id) == col(one.merged_into),
            ),
        )
        .join(LegalHold, col(LegalHold.complaint_id) == col(other.id))
        .where(col(one.id).in_(numbers), col(LegalHold.off_at).is_(None))
        .order_by(col(one.id), col(LegalHold.id).desc())
    )
    return dict(rows.tuples().all())


def is_held(complaint: Mapped[int]) -> ColumnElement[bool]:
    """Whether the complaint of this number must be kept, as `held` tells it, for a query."""
    one, other = aliased(Complaint), aliased(Complaint)
    one_case = or_(
        col(other.id) == col(one.id), col(other.merged_into) == col(one.id), col(other.id) == col(one.merged_into)
    )
    return exists().where(
        col(one.id) == complaint,
        one_case,
        col(LegalHold.complaint_id) == col(other.id),
        col(LegalHold.off_at).is_(None),
    )


def open_breach(session: Session, complaint_id: int) -> Breach | None:
    """The complaint's clock of a breach notice that runs, locked; it has at most one."""
    return session.execute(
        select(Breach)
        .where(col(Breach.complaint_id) == complaint_id, col(Breach.state).in_(CLOCK_RUNS))
        .with_for_update()
        .execution_options(populate_existing=True)
    ).scalar_one_or_none()


def breaches_of(session: Session, complaint_id: int) -> list[Breach]:
    """Every alleged leak that a complaint told of."""
    query = select(Breach).where(col(Breach.complaint_id) == complaint_id).order_by(col(Breach.id))
    return list(session.execute(query).scalars())
