"""What each account on each platform has cost in a month, item by item, from the ledger that all workers keep."""

from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import func, select
from sqlmodel import col

from db.tables import ChannelCost
from tasks.desk import Desk


@dataclass(frozen=True)
class CostLine:
    """What was done there so often in a month, and what it cost."""

    channel: str
    account: str
    what: str
    """Such as `post` or `mention_read`; each channel's page in docs/channels names its own."""
    count: int
    price: float | None
    """US dollars for one, as policy has it today; None where it has none, so that it is counted and costs nothing."""
    cost_micros: int
    """In millionths of a US dollar, at the prices of the days on which it was done."""


def costs(desk: Desk, month: date) -> list[CostLine]:
    """The ledger of the month (UTC) that this day is in, the dearest first within each account."""
    first = month.replace(day=1)
    following = (first + timedelta(days=32)).replace(day=1)
    spent = func.sum(ChannelCost.micros)
    with desk.transaction() as session:
        rows = session.execute(
            select(ChannelCost.channel, ChannelCost.account, ChannelCost.what, func.sum(ChannelCost.count), spent)  # type: ignore[call-overload]
            .where(col(ChannelCost.day) >= first, col(ChannelCost.day) < following)
            .group_by(col(ChannelCost.channel), col(ChannelCost.account), col(ChannelCost.what))
            .order_by(col(ChannelCost.channel), col(ChannelCost.account), spent.desc(), col(ChannelCost.what))
        ).all()
    return [
        CostLine(channel, account, what, int(count), _price(desk, channel, what), int(micros))
        for channel, account, what, count, micros in rows
    ]


def _price(desk: Desk, channel: str, what: str) -> float | None:
    rules = desk.policy.channels.channels.get(channel)
    return rules.prices.get(what) if rules is not None else None
