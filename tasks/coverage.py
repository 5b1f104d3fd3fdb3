"""Notices when a platform is far quieter than usual at this hour: perhaps nobody hears what customers say there."""

from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlmodel import Session, col

from db.tables import ChannelState, Direction, Message, Way
from policy.channel_health import is_quiet
from tasks.desk import Desk

WEEK = timedelta(weeks=1)


def watch_coverage(desk: Desk) -> list[str]:
    """Compare what came in lately with the same hours of the weeks before; tell people once of each silence.

    Returns the accounts that have just become quiet.
    """
    now, rules = desk.now(), desk.policy.channels.coverage
    quiet = []
    for channel in desk.channels.all():
        if not channel.listens:
            continue
        with desk.transaction() as session:
            state = session.get(ChannelState, (channel.name, channel.account, Way.IN), with_for_update=True)
            if state is None:  # it was never read
                continue
            weeks = [now - week * WEEK for week in range(rules.weeks + 1)]
            counts = [_heard(session, channel.name, channel.account, until, rules.window) for until in weeks]
            if not is_quiet(counts[0], counts[1:], rules):
                state.quiet_since = None
            elif state.quiet_since is None:
                state.quiet_since = now
                quiet.append(f"{channel.name}/{channel.account}")
            session.add(state)
    return quiet


def _heard(session: Session, channel: str, account: str, until: datetime, window: timedelta) -> int:
    count: int = session.execute(
        select(func.count())
        .select_from(Message)
        .where(
            col(Message.channel) == channel,
            col(Message.account) == account,
            col(Message.direction) == Direction.IN,
            col(Message.posted_at) > until - window,
            col(Message.posted_at) <= until,
        )
    ).scalar_one()
    return count
