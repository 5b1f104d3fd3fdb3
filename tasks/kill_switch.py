"""The kill switch: nothing goes out in its scope until a named person lifts it."""

import re

from sqlalchemy import select
from sqlmodel import Session, col

from db import trail
from db.tables import PublishingStop
from db.wake import wake
from tasks.decide import must_be_allowed
from tasks.desk import Desk
from tasks.people import Mistake

INCIDENT_SCOPE = re.compile(r"incident:IN-[1-9]\d{0,17}")
ENGINE = trail.Author("prefect")
"""Who throws the switch from the Prefect UI, where nobody has a name."""


def stop_publishing(desk: Desk, scope: str, reason: str, by: trail.Author) -> bool:
    """Throw the kill switch for `all`, `channel:NAME` or `incident:IN-N`; False where it is thrown already.

    Raises:
        Mistake: the scope is none of these, so it would stop nothing.
        Refused: the person may not.
    """
    must_be_allowed(desk, by, "publishing")
    _must_be_a_scope(desk, scope)
    now = desk.now()
    with desk.transaction() as session:
        standing = _stop(session, scope)
        if standing is not None:
            return False
        session.add(PublishingStop(scope=scope, thrown_at=now, thrown_by=by.name, reason=reason))
        trail.append(session, None, "publishing_stopped", by=by, at=now, scope=scope)
        wake(session, "deliver", "watch")
        return True


def allow_publishing(desk: Desk, scope: str, reason: str, by: trail.Author) -> bool:
    """Lift the kill switch; False where none was thrown."""
    must_be_allowed(desk, by, "publishing")
    now = desk.now()
    with desk.transaction() as session:
        standing = _stop(session, scope)
        if standing is None:
            return False
        standing.lifted_at, standing.lifted_by, standing.lifted_reason = now, by.name, reason
        session.add(standing)
        trail.append(session, None, "publishing_resumed", by=by, at=now, scope=scope)
        wake(session, "deliver", "watch")
        return True


def _must_be_a_scope(desk: Desk, scope: str) -> None:
    kind, _, name = scope.partition(":")
    known = kind == "channel" and name in desk.policy.channels.known
    if scope != "all" and not known and not INCIDENT_SCOPE.fullmatch(scope):
        raise Mistake(f"`{scope}` is nothing that can be stopped. Use `all`, `channel:NAME` or `incident:IN-N`.")


def _stop(session: Session, scope: str) -> PublishingStop | None:
    return session.execute(
        select(PublishingStop)
        .where(col(PublishingStop.scope) == scope, col(PublishingStop.lifted_at).is_(None))
        .with_for_update()
    ).scalar_one_or_none()


def stopped(desk: Desk) -> bool:
    """Whether everything is stopped."""
    with desk.transaction() as session:
        return _stop(session, "all") is not None


def throw_as_engine(desk: Desk, reason: str) -> None:
    """Stop everything on the word of the Prefect UI: stopping is safe, so it needs no name."""
    with desk.transaction() as session:
        if _stop(session, "all") is None:
            session.add(PublishingStop(scope="all", thrown_at=desk.now(), thrown_by=ENGINE.name, reason=reason))
            trail.append(session, None, "publishing_stopped", by=ENGINE, at=desk.now(), scope="all")
            wake(session, "deliver")


def lift_as_engine(desk: Desk, reason: str) -> None:
    """Lift only what was thrown the same way; what a named person stopped, a named person lifts."""
    with desk.transaction() as session:
        standing = _stop(session, "all")
        if standing is not None and standing.thrown_by == ENGINE.name:
            standing.lifted_at, standing.lifted_by, standing.lifted_reason = desk.now(), ENGINE.name, reason
            session.add(standing)
            trail.append(session, None, "publishing_resumed", by=ENGINE, at=desk.now(), scope="all")
            wake(session, "deliver")
