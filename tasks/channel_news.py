"""Has people told in Slack, once each, that a platform fails, only lets us wait, works again, or is far too quiet."""

import hashlib
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from db.tables import ChannelState, NoticeKind, SlackNotice, Way
from db.words import Gate
from policy.channel_health import throttled_too_long
from tasks.desk import Desk
from tasks.notices import queue

DOWN, BACK, QUIET = "channel_down", "channel_back", "channel_quiet"
THROTTLED = "channel_throttled"
"""It has only asked us to wait for longer than policy bears."""
LOCKED, UNLOCKED = "channel_locked", "channel_unlocked"
"""An account's credentials are not taken, whichever way was tried: one notice for the account and the reason."""


def queue_channel_news(desk: Desk) -> int:
    """Queue what changed since people were last told; nothing where customer service has no channel in Slack."""
    if desk.policy.slack.channel_of(Gate.CS) is None:
        return 0
    with desk.transaction() as session:
        states = list(session.execute(select(ChannelState).order_by(col(ChannelState.open_since))).scalars())
        told = sum(_tell_of(session, desk, state) for state in states)
        told += _locked_out(session, desk, states)
        told += _work_again(session, desk, states)
        return told


def _tell_of(session: Session, desk: Desk, state: ChannelState) -> int:
    """What is wrong with one way by itself."""
    told = 0
    if state.open_since is not None and state.locked_out is None:
        told += _tell(session, desk, state, DOWN, state.open_since, why=state.why)
    if state.quiet_since is not None:
        told += _tell(session, desk, state, QUIET, state.quiet_since)
    since = throttled_for_long(state, desk)
    if since is not None and state.open_since is None:
        told += _tell(session, desk, state, THROTTLED, since, why=state.why)
    return told


def throttled_for_long(state: ChannelState, desk: Desk) -> datetime | None:
    """Since when a platform has only asked us to wait, where that is longer than policy bears."""
    since, until = state.throttled_since, state.throttled_until
    return since if throttled_too_long(since, until, desk.now(), desk.policy.channels.circuit) else None


def _locked_out(session: Session, desk: Desk, states: Sequence[ChannelState]) -> int:
    """Tell of each account that is not let in, once for each reason; and of those that are let in again."""
    told = 0
    shut = [state for state in states if state.locked_out is not None and state.open_since is not None]
    known = list(_unmended(session))
    for state in shut:
        place = (state.channel, state.account, state.locked_out)
        if place in [(one.data["channel"], one.data["account"], one.data["why"]) for one in known]:
            continue
        assert state.open_since is not None
        digest = hashlib.sha256(str(state.locked_out).encode()).hexdigest()[:12]
        told += _tell(session, desk, state, LOCKED, state.open_since, why=state.locked_out, more=digest)
        known = list(_unmended(session))
    still = {(state.channel, state.account) for state in shut}
    mended: dict[tuple[str, str], SlackNotice] = {}
    for notice in known:
        place_ = (notice.data["channel"], notice.data["account"])
        if place_ not in still:
            mended[place_] = notice
    for (channel, account), notice in mended.items():
        told += _queue(
            session,
            desk,
            f"{UNLOCKED}:{channel}/{account}:{notice.id}",
            {**notice.data, "event": UNLOCKED, "why": None},
        )
    return told


def _unmended(session: Session) -> Iterator[SlackNotice]:
    """What was told of accounts that are not let in, since they last were."""
    mended = aliased(SlackNotice)
    later = select(mended.id).where(  # type: ignore[call-overload]
        col(mended.kind) == NoticeKind.CHANNEL,
        col(mended.id) > col(SlackNotice.id),
        col(mended.data)["event"].astext == UNLOCKED,
        col(mended.data)["channel"].astext == col(SlackNotice.data)["channel"].astext,
        col(mended.data)["account"].astext == col(SlackNotice.data)["account"].astext,
    )
    yield from _told(session, LOCKED, ~later.exists())


def _work_again(session: Session, desk: Desk, states: Sequence[ChannelState]) -> int:
    """Tell of each way that was told to fail, or to be made to wait, and does not any more."""
    told = 0
    ways = {(one.channel, one.account, one.way): one for one in states}
    for event in (DOWN, THROTTLED):
        back = aliased(SlackNotice)
        answered = select(back.id).where(back.key == func.replace(SlackNotice.key, event, BACK))  # type: ignore[call-overload]
        for notice in _told(session, event, ~answered.exists()):
            state = ways.get((notice.data["channel"], notice.data["account"], Way(notice.data["way"])))
            if state is None:
                continue
            since = state.open_since if event == DOWN else state.throttled_since
            if since is None or _key(state, event, since) != notice.key:
                told += _tell(session, desk, state, BACK, datetime.fromisoformat(notice.data["since"]))
    return told


def _told(session: Session, event: str, *which: Any) -> list[SlackNotice]:
    """What was told of this kind, oldest first."""
    rows = session.execute(
        select(SlackNotice)
        .where(col(SlackNotice.kind) == NoticeKind.CHANNEL, col(SlackNotice.data)["event"].astext == event, *which)
        .order_by(col(SlackNotice.id))
    )
    return list(rows.scalars())


def _tell(
    session: Session,
    desk: Desk,
    state: ChannelState,
    event: str,
    since: datetime,
    why: str | None = None,
    more: str | None = None,
) -> bool:
    data = {
        "event": event,
        "channel": state.channel,
        "account": state.account,
        "way": state.way.value,
        "since": since.isoformat(),
        "gate": Gate.CS.value,
        "why": why,
    }
    return _queue(session, desk, ":".join(filter(None, (_key(state, event, since), more))), data)


def _queue(session: Session, desk: Desk, key: str, data: dict[str, Any]) -> bool:
    channel = desk.policy.slack.channel_of(Gate.CS)
    return queue(session, desk, key=key, kind=NoticeKind.CHANNEL, now=desk.now(), channel=channel, data=data)


def _key(state: ChannelState, event: str, since: datetime) -> str:
    return f"{event}:{state.channel}/{state.account}:{state.way.value}:{since.isoformat()}"
