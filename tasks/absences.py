"""Who is away until when, and who acts in their place."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import update
from sqlmodel import Session, col

from db import trail
from db.absences import absence_of, everybody_away
from db.tables import Absence
from db.wake import wake
from db.words import Gate
from policy.when import NoMoment, ahead
from tasks.desk import Desk
from tasks.membership import standing
from tasks.people import Mistake
from tasks.refusals import must_be_allowed, not_known


def go_away(desk: Desk, by: trail.Author, until: datetime, cover: str | None = None) -> Absence:
    """Somebody is away from now on; who covers them decides at their gates meanwhile. It replaces what stood before.

    They may still decide themselves: an absence takes no right away.

    Raises:
        Mistake: the moment is past or far away, or this cover cannot be one.
        Refused: policy does not let them, or nobody knows the cover.
    """
    must_be_allowed(desk, by, "away")
    now = desk.now()
    try:
        ahead(until, now, desk.policy.calendar)
    except NoMoment as error:
        raise Mistake(str(error)) from None
    with desk.transaction() as session:
        if cover is not None:
            _must_cover(session, desk, cover, by.name, now)
        # The desk's chain is locked from here on: of two absences told at once the second replaces the first.
        trail.append(session, None, "away", by=by, at=now, until=until.isoformat(), cover=cover)
        _end(session, by.name, now)
        absence = Absence(person=by.name, cover=cover, since=now, until=until, written_by=by.name)
        session.add(absence)
        session.flush()
        wake(session, "slack")
        return absence


def come_back(desk: Desk, by: trail.Author) -> Absence:
    """Somebody is back before their time.

    Raises:
        Mistake: they are not away.
        Refused: policy does not let them.
    """
    must_be_allowed(desk, by, "away")
    now = desk.now()
    with desk.transaction() as session:
        absence = absence_of(session, by.name, now)
        if absence is None:
            raise Mistake(f"{by.name} is not away. `tanggap absences` lists who is.")
        trail.append(session, None, "back", by=by, at=now, until=absence.until.isoformat(), cover=absence.cover)
        _end(session, by.name, now)
        session.refresh(absence)
        wake(session, "slack")
        return absence


def away_now(desk: Desk) -> list[Absence]:
    """Everybody who is away."""
    with desk.transaction() as session:
        return everybody_away(session, desk.now())


def who_acts(session: Session, desk: Desk, person: str, now: datetime) -> str:
    """The person, or whoever covers them while they are away."""
    absence = absence_of(session, person, now)
    return person if absence is None else cover_of(session, desk, absence, now) or person


@dataclass(frozen=True)
class Called:
    """Who is called, and in whose place."""

    name: str | None
    instead_of: str | None = None
    """Who is away, so that another one is called."""


def called_for(session: Session, desk: Desk, person: str | None, gate: Gate, now: datetime) -> Called:
    """The person; where they are away whoever covers them, else the next name of the gate's list who can be reached.

    Where nobody can, it stays with the person: a name is better than silence.
    """
    names = desk.policy.people.gates[gate].escalation
    following = names[names.index(person) + 1 :] if person in names else names
    for one in (person, *following) if person is not None else ():
        absence = absence_of(session, one, now)
        reached = one if absence is None else cover_of(session, desk, absence, now)
        if reached is not None:
            return Called(reached, person if reached != person else None)
    return Called(person)


def called_at_level(session: Session, desk: Desk, gate: Gate, level: int, now: datetime) -> Called:
    """Who is called at this level, the first at 0; the last one is called again and again."""
    names = desk.policy.people.gates[gate].escalation
    return called_for(session, desk, names[min(level, len(names) - 1)] if names else None, gate, now)


def cover_of(session: Session, desk: Desk, absence: Absence, now: datetime) -> str | None:
    """Who covers an absence now; None where nobody was named, policy changed its mind, or they are away themselves."""
    if absence.cover is None or absence_of(session, absence.cover, now) is not None:
        return None
    own = standing(session, desk, absence.cover, now).own
    return absence.cover if desk.policy.people.may_cover(absence.cover, absence.person, own) else None


def _must_cover(session: Session, desk: Desk, cover: str, person: str, now: datetime) -> None:
    if cover == person:
        raise Mistake(f"{person} cannot stand in for {person}. Name somebody else, or nobody.")
    stands = standing(session, desk, cover, now)
    unknown = not_known(desk, trail.Author(cover), stands)
    if unknown is not None:
        raise unknown
    if not desk.policy.people.may_cover(cover, person, stands.own):
        raise Mistake(f"{cover} may not stand in for {person} (policy/people.yaml, `covers`). Name somebody else.")
    away = absence_of(session, cover, now)
    if away is not None:
        until = desk.policy.calendar.said(away.until)
        raise Mistake(f"{cover} is away too, until {until}. Name somebody else, or nobody.")


def _end(session: Session, person: str, now: datetime) -> None:
    session.execute(
        update(Absence)
        .where(col(Absence.person) == person, col(Absence.ended_at).is_(None), col(Absence.until) > now)
        .values(ended_at=now)
    )


__all__ = [
    "Called",
    "absence_of",
    "away_now",
    "called_at_level",
    "called_for",
    "come_back",
    "cover_of",
    "go_away",
    "who_acts",
]
