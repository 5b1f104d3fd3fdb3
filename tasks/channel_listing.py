"""How each account on each platform fares: what it brought, what waits for it, whether it rests, what it costs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlmodel import Session, col

from db.tables import ChannelCost, ChannelState, Delivery, DeliveryState, Direction, Message, Way
from integrations.channels.unset import UnsetChannel
from tasks.channel_news import throttled_for_long
from tasks.desk import Desk

Place = tuple[str, str]
A_DAY = timedelta(days=1)
OVER = (DeliveryState.SENT, DeliveryState.FAILED, DeliveryState.CANCELLED)


@dataclass(frozen=True)
class WayLine:
    """One way of an account: `in`, `public` or `private`."""

    way: Way
    rests_until: datetime | None
    down_since: datetime | None
    why: str | None
    worked_at: datetime | None
    locked_out: str | None
    """Why the platform does not let us in, whichever way is tried."""
    throttled_since: datetime | None
    """Since then it has only asked us to wait, for longer than policy bears."""


@dataclass(frozen=True)
class AccountLine:
    """One account."""

    channel: str
    account: str
    adapter: str
    certainty: str
    listens: bool
    manual: bool
    missing: str | None
    """What its settings lack."""
    heard: int
    """Messages of customers in the last 24 hours."""
    last_heard_at: datetime | None
    waiting: int
    """Texts that are to go out there."""
    quiet_since: datetime | None
    ways: tuple[WayLine, ...]
    cost_micros: int
    """This month, in millionths of a US dollar, by policy's prices."""
    done: Mapping[str, int]
    """What of the things that may cost money was done this month."""


def accounts(desk: Desk) -> list[AccountLine]:
    """Every account that the settings have, in the order of their names."""
    now = desk.now()
    with desk.transaction() as session:
        heard, last = _heard(session, now), _last(session)
        waiting = _waiting(session)
        states: dict[Place, list[ChannelState]] = {}
        for state in session.execute(select(ChannelState).order_by(col(ChannelState.way))).scalars():
            states.setdefault((state.channel, state.account), []).append(state)
        costs: dict[Place, list[ChannelCost]] = {}
        month = now.date().replace(day=1)
        for cost in session.execute(select(ChannelCost).where(col(ChannelCost.day) >= month)).scalars():
            costs.setdefault((cost.channel, cost.account), []).append(cost)
    lines = []
    for channel in desk.channels.all():
        place = (channel.name, channel.account)
        rules = desk.policy.channels.channels.get(channel.name)
        lines.append(
            AccountLine(
                channel=channel.name,
                account=channel.account,
                adapter=rules.adapter if rules else "manual",
                certainty=channel.certainty.value,
                listens=channel.listens,
                manual=channel.manual,
                missing=channel.missing if isinstance(channel, UnsetChannel) else None,
                heard=heard.get(place, 0),
                last_heard_at=last.get(place),
                waiting=waiting.get(place, 0),
                quiet_since=next((one.quiet_since for one in states.get(place, ()) if one.way is Way.IN), None),
                ways=tuple(_way(state, desk) for state in states.get(place, ())),
                cost_micros=sum(cost.micros for cost in costs.get(place, ())),
                done=_done(costs.get(place, ())),
            )
        )
    return lines


def _way(state: ChannelState, desk: Desk) -> WayLine:
    return WayLine(
        way=state.way,
        rests_until=state.rests_until if state.rests_until is not None and state.rests_until > desk.now() else None,
        down_since=state.open_since,
        why=state.why,
        worked_at=state.worked_at,
        locked_out=state.locked_out,
        throttled_since=throttled_for_long(state, desk),
    )


def _done(costs: Sequence[ChannelCost]) -> dict[str, int]:
    done: dict[str, int] = {}
    for cost in costs:
        done[cost.what] = done.get(cost.what, 0) + cost.count
    return done


def _heard(session: Session, now: datetime) -> dict[Place, int]:
    rows = session.execute(
        select(Message.channel, Message.account, func.count())  # type: ignore[call-overload]
        .where(col(Message.direction) == Direction.IN, col(Message.received_at) > now - A_DAY)
        .group_by(col(Message.channel), col(Message.account))
    )
    return {(channel, account): count for channel, account, count in rows}


def _last(session: Session) -> dict[Place, datetime]:
    rows = session.execute(
        select(Message.channel, Message.account, func.max(Message.posted_at))  # type: ignore[call-overload]
        .where(col(Message.direction) == Direction.IN)
        .group_by(col(Message.channel), col(Message.account))
    )
    return {(channel, account): at for channel, account, at in rows}


def _waiting(session: Session) -> dict[Place, int]:
    rows = session.execute(
        select(Delivery.channel, Delivery.account, func.count())  # type: ignore[call-overload]
        .where(col(Delivery.state).not_in(OVER))
        .group_by(col(Delivery.channel), col(Delivery.account))
    )
    return {(channel, account): count for channel, account, count in rows}
