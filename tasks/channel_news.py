"""Has people told in Slack, once each, that a platform fails, works again, or is far quieter than usual."""

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from db.tables import ChannelState, NoticeKind, SlackNotice, Way
from db.words import Gate
from tasks.desk import Desk
from tasks.notices import queue

DOWN, BACK, QUIET = "channel_down", "channel_back", "channel_quiet"


def queue_channel_news(desk: Desk) -> int:
    """Queue what changed since people were last told; nothing where customer service has no channel in Slack."""
    if desk.policy.slack.channel_of(Gate.CS) is None:
        return 0
    with desk.transaction() as session:
        states = list(session.execute(select(ChannelState)).scalars())
        told = 0
        for state in states:
            if state.open_since is not None:
                told += _tell(session, desk, state, DOWN, state.open_since, why=state.why)
            if state.quiet_since is not None:
                told += _tell(session, desk, state, QUIET, state.quiet_since)
        ways = {(one.channel, one.account, one.way): one for one in states}
        for notice in _unfinished(session):
            state = ways.get((notice.data["channel"], notice.data["account"], Way(notice.data["way"])))
            if state is not None and (state.open_since is None or _key(state, DOWN, state.open_since) != notice.key):
                told += _tell(session, desk, state, BACK, datetime.fromisoformat(notice.data["since"]))
        return told


def _unfinished(session: Session) -> list[SlackNotice]:
    """Each *down* that was told and has no *back* yet."""
    back = aliased(SlackNotice)
    answered = select(back.id).where(back.key == func.replace(SlackNotice.key, DOWN, BACK))  # type: ignore[call-overload]
    rows = session.execute(
        select(SlackNotice)
        .where(
            col(SlackNotice.kind) == NoticeKind.CHANNEL,
            col(SlackNotice.data)["event"].astext == DOWN,
            ~answered.exists(),
        )
        .order_by(col(SlackNotice.id))
    )
    return list(rows.scalars())


def _tell(
    session: Session, desk: Desk, state: ChannelState, event: str, since: datetime, why: str | None = None
) -> bool:
    return queue(
        session,
        desk,
        key=_key(state, event, since),
        kind=NoticeKind.CHANNEL,
        now=desk.now(),
        channel=desk.policy.slack.channel_of(Gate.CS),
        data={
            "event": event,
            "channel": state.channel,
            "account": state.account,
            "way": state.way.value,
            "since": since.isoformat(),
            "gate": Gate.CS.value,
            "why": why,
        },
    )


def _key(state: ChannelState, event: str, since: datetime) -> str:
    return f"{event}:{state.channel}/{state.account}:{state.way.value}:{since.isoformat()}"
