"""Slack's limits and moods, shared by all who call it: grants by the ledger, pauses that it asked for, its absence.

Limits: https://docs.slack.dev/apis/web-api/rate-limits: one message a second a channel, some fifty updates a minute.
"""

from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session, col

from db.tables import Cursor
from integrations.slack.errors import Later, NeedsPerson, SlackTrouble
from tasks.desk import Desk
from tasks.marks import ACCOUNT
from tasks.rates import use

POST, UPDATE = "post", "update"
A_SECOND, A_MINUTE = timedelta(seconds=1), timedelta(minutes=1)
UPDATES = 50
KEPT_FREE = 10
"""Of the updates a minute, for cards that somebody just decided."""
RETRY_AFTER = 30.0
"""Seconds, where Slack asks to wait and does not say how long."""
FAILURES_BEFORE_A_PAUSE = 3
LONGEST_PAUSE = timedelta(minutes=1)
AWAY = "slack-away"
LIMITED = frozenset({"ratelimited", "rate_limited", "http_429"})
NOBODY_HERE = frozenset(
    {
        "account_inactive",
        "ekm_access_denied",
        "invalid_auth",
        "no_permission",
        "not_authed",
        "org_login_required",
        "team_access_not_granted",
        "token_expired",
        "token_revoked",
    }
)
"""The token itself is refused, so no other call would fare better."""


def turn(session: Session, desk: Desk, method: str, channel: str, *, urgent: bool = False) -> datetime | None:
    """Use one of Slack's grants; None if there was one, else when to ask again.

    Whoever is urgent answers somebody's click: Slack is there, and a part of its updates is kept for them.
    """
    now = desk.now()
    pauses = [_pause(method)] if urgent else [_pause(method), AWAY]
    until = _paused_until(session, pauses)
    if until is not None and until > now:
        return until
    if method == POST:
        wait = use(session, f"slack:post:{channel}", 1, A_SECOND, now)
    else:
        wait = use(session, "slack:update", UPDATES if urgent else UPDATES - KEPT_FREE, A_MINUTE, now)
    return None if wait is None else now + timedelta(seconds=wait)


def away_until(session: Session, desk: Desk) -> datetime | None:
    """Until when nothing is tried; None: Slack is there, as far as anybody knows."""
    until = _paused_until(session, [AWAY])
    return until if until is not None and until > desk.now() else None


def worked(session: Session) -> None:
    """Slack answered: it is not away."""
    session.execute(
        update(Cursor)
        .where(col(Cursor.channel) == AWAY, col(Cursor.account) == ACCOUNT, col(Cursor.position) != "0")
        .values(position="0")
    )


def failed(session: Session, desk: Desk, method: str, trouble: SlackTrouble) -> datetime:
    """Remember what it means for all other calls; returns until when this one is best left alone."""
    now = desk.now()
    if isinstance(trouble, Later) and trouble.why in LIMITED:
        until = now + timedelta(seconds=trouble.seconds or RETRY_AFTER)
        _remember(session, _pause(method), until.isoformat(), now)
        return until
    failures = _failures(session) + 1
    if isinstance(trouble, NeedsPerson) and trouble.why in NOBODY_HERE:
        failures = max(failures, FAILURES_BEFORE_A_PAUSE)
        until = now + LONGEST_PAUSE
    elif isinstance(trouble, Later):
        until = now + min(timedelta(seconds=2.0 ** min(failures, 10)), LONGEST_PAUSE)
    else:
        return now
    pause = f" {until.isoformat()}" if failures >= FAILURES_BEFORE_A_PAUSE else ""
    _remember(session, AWAY, f"{failures}{pause}", now)
    return until


def _pause(method: str) -> str:
    return f"slack-pause-{method}"


def _paused_until(session: Session, names: list[str]) -> datetime | None:
    rows = session.execute(
        select(Cursor.position).where(col(Cursor.channel).in_(names), col(Cursor.account) == ACCOUNT)  # type: ignore[call-overload]
    ).scalars()
    said = [position.rpartition(" ")[2] for position in rows]
    return max((datetime.fromisoformat(at) for at in said if not at.isdecimal()), default=None)


def _failures(session: Session) -> int:
    found = session.get(Cursor, (AWAY, ACCOUNT), populate_existing=True)
    return int(found.position.partition(" ")[0]) if found is not None else 0


def _remember(session: Session, name: str, position: str, now: datetime) -> None:
    session.execute(
        insert(Cursor)
        .values(channel=name, account=ACCOUNT, position=position, moved_at=now)
        .on_conflict_do_update(index_elements=["channel", "account"], set_={"position": position, "moved_at": now})
    )
