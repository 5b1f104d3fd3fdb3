"""Has changes of published facts said in the staff's channel in Slack, each one once."""

from datetime import timedelta

from sqlalchemy import String, cast, exists, literal, select
from sqlmodel import col

from db.tables import FactChange, NoticeKind, SlackNotice
from tasks.desk import Desk
from tasks.notices import queue

STILL_NEWS = timedelta(days=7)
"""What changed longer ago is not told any more when a staff channel is named later."""


def queue_broadcasts(desk: Desk) -> int:
    """Queue a notice for each change that has none yet; nothing where policy names no staff channel."""
    staff = desk.policy.slack.staff
    if staff is None:
        return 0
    now = desk.now()
    told = exists().where(col(SlackNotice.key) == literal("fact:") + cast(col(FactChange.id), String))
    with desk.transaction() as session:
        fresh = session.execute(
            select(FactChange.id)  # type: ignore[call-overload]
            .where(col(FactChange.at) > now - STILL_NEWS, ~told)
            .order_by(col(FactChange.id))
        ).scalars()
        return sum(
            queue(
                session,
                desk,
                key=f"fact:{change}",
                kind=NoticeKind.BROADCAST,
                now=now,
                channel=staff.channel,
                data={"change": change},
            )
            for change in list(fresh)
        )
