"""Who is away, and who decides in their place."""

from datetime import datetime

from sqlalchemy import ColumnElement, and_, select
from sqlmodel import Session, col

from db.tables import Absence


def in_force(now: datetime) -> ColumnElement[bool]:
    """The condition that an absence holds at this moment."""
    return and_(col(Absence.ended_at).is_(None), col(Absence.since) <= now, col(Absence.until) > now)


def absence_of(session: Session, person: str, now: datetime) -> Absence | None:
    """The absence of somebody who is away now."""
    return session.execute(
        select(Absence).where(in_force(now), col(Absence.person) == person).order_by(col(Absence.id).desc()).limit(1)
    ).scalar_one_or_none()


def covered_by(session: Session, cover: str, now: datetime) -> list[Absence]:
    """The absences in which this person stands in."""
    query = select(Absence).where(in_force(now), col(Absence.cover) == cover).order_by(col(Absence.id))
    return list(session.execute(query).scalars())


def everybody_away(session: Session, now: datetime) -> list[Absence]:
    """All absences that hold now, by person."""
    query = select(Absence).where(in_force(now)).order_by(col(Absence.person), col(Absence.id))
    return list(session.execute(query).scalars())
