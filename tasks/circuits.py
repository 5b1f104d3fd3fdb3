"""Leaves a platform alone that asks for it, or fails. What one worker learns counts for all: the rows are shared.

No row is written while all is well, but for a sign of life now and then. People hear of it by `channel_news`.
"""

import logging
import random
import traceback
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session, col

from db.tables import ChannelState, Way
from db.wake import wake
from db.words import Visibility
from integrations.channels.base import ChannelError, LockedOut, TryAgain
from policy.channel_health import is_open, rest_after, throttled_since
from tasks.desk import Desk

log = logging.getLogger("tanggap.channels")

SIGN_OF_LIFE = timedelta(minutes=1)
"""How old `worked_at` may be while all is well."""
SHORTEST_REST = 1.0
"""Seconds: a platform that asks us to wait no time at all is still not asked again at once."""
STAGES = {Way.IN: "intake", Way.PUBLIC: "deliver", Way.PRIVATE: "deliver"}


def way_of(visibility: Visibility) -> Way:
    """Which way a text goes."""
    return Way.PUBLIC if visibility is Visibility.PUBLIC else Way.PRIVATE


def resting(desk: Desk, channel: str, account: str, way: Way) -> datetime | None:
    """Until when this way is left alone; None: it may be used."""
    with desk.transaction() as session:
        found = session.get(ChannelState, (channel, account, way))
        until = found.rests_until if found else None
        return until if until is not None and until > desk.now() else None


def standing(desk: Desk, channel: str, account: str, way: Way) -> tuple[bool, bool]:
    """Whether its circuit is open, and whether it is left alone now."""
    with desk.transaction() as session:
        found = session.get(ChannelState, (channel, account, way))
        if found is None:
            return False, False
        return found.open_since is not None, found.rests_until is not None and found.rests_until > desk.now()


def all_resting(session: Session, now: datetime) -> list[ChannelState]:
    """Every way that is left alone now."""
    return list(session.execute(select(ChannelState).where(col(ChannelState.rests_until) > now)).scalars())


def worked(desk: Desk, channel: str, account: str, way: Way) -> None:
    """It did what it should: its failures are forgotten, and people who were told hear of it.

    What the platform asked us to wait meanwhile stands: another worker may have been told so while this text left.
    """
    now = desk.now()
    with desk.transaction() as session:
        found = session.get(ChannelState, (channel, account, way))
        well = found is not None and found.failures == 0 and found.open_since is None and found.throttled_since is None
        if well and found is not None and found.worked_at is not None and now - found.worked_at < SIGN_OF_LIFE:
            return
        state = locked(session, channel, account, way)
        if state.open_since is not None:
            log.warning("%s/%s (%s) works again", channel, account, way.value)
            if state.locked_out is not None:
                _taken_again(session, state)
            state.open_since = state.rests_until = state.locked_out = None
            wake(session, "slack", STAGES[way])
        if state.throttled_since is not None:
            state.throttled_since = state.throttled_until = None
            wake(session, "slack")
        state.failures, state.why, state.worked_at = 0, None, now
        session.add(state)


def _taken_again(session: Session, worked: ChannelState) -> None:
    """One way of an account is let in again: its other ways, which were not, try at once."""
    others = session.execute(
        select(ChannelState)
        .where(
            col(ChannelState.channel) == worked.channel,
            col(ChannelState.account) == worked.account,
            col(ChannelState.way) != worked.way,
            col(ChannelState.locked_out).is_not(None),
        )
        .with_for_update(skip_locked=True)  # who holds one of them learns it by themselves
    ).scalars()
    for other in others:
        other.open_since = other.rests_until = other.locked_out = other.why = None
        other.failures = 0
        session.add(other)
        wake(session, STAGES[other.way])


def failed(desk: Desk, channel: str, account: str, way: Way, error: ChannelError) -> None:
    """It failed, or asked to wait: in the second case, or if it keeps failing, it is left alone for a while.

    Asking to wait is no failure. Credentials that are not taken open the circuit at once: only a person can mend them.
    """
    now = desk.now()
    rules = desk.policy.channels.circuit
    after = error.after if isinstance(error, TryAgain) else None
    with desk.transaction() as session:
        state = locked(session, channel, account, way)
        if after is not None and not isinstance(error, LockedOut):
            _at_least(state, now + timedelta(seconds=max(after, SHORTEST_REST)) * random.uniform(1.0, 1.1))
            state.throttled_since = throttled_since(state.throttled_since, state.throttled_until, now, rules)
            state.throttled_until = max(now + timedelta(seconds=after), state.throttled_until or now)
            if state.open_since is None:
                state.why = str(error)
            session.add(state)
            return
        state.failures = max(state.failures + 1, rules.failures if isinstance(error, LockedOut) else 0)
        state.why = str(error)
        if is_open(state.failures, rules):
            _at_least(state, now + rest_after(state.failures, rules) * random.uniform(0.75, 1.25))
            shut = str(error) if isinstance(error, LockedOut) else state.locked_out
            known = state.open_since is not None and state.locked_out == shut
            state.open_since, state.locked_out = state.open_since or now, shut
            if not known:
                wake(session, "slack")
                log.warning("%s/%s (%s) is left alone: %s", channel, account, way.value, error)
        session.add(state)


def rest(desk: Desk, channel: str, account: str, way: Way, seconds: float) -> None:
    """Our own limit for this way is used up: nothing goes there before. A longer rest stands."""
    now = desk.now()
    with desk.transaction() as session:
        state = locked(session, channel, account, way)
        _at_least(state, now + timedelta(seconds=seconds))
        session.add(state)


def let_try(desk: Desk, channel: str, account: str) -> None:
    """A person mended it: it is tried at once, whatever it was left alone for."""
    with desk.transaction() as session:
        for way in Way:
            state = session.get(ChannelState, (channel, account, way))
            if state is not None and state.rests_until is not None:
                state.rests_until = None
                session.add(state)
                wake(session, STAGES[way])


def _at_least(state: ChannelState, until: datetime) -> None:
    """Let it rest until then; a longer rest that it has stands."""
    state.rests_until = max(until, state.rests_until or until)


def place_of(error: BaseException) -> str:
    """What kind of error it is and where it arose, for a log: its own words may be a customer's."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{type(error).__name__} in {frames[-1].filename}:{frames[-1].lineno}" if frames else type(error).__name__


def locked(session: Session, channel: str, account: str, way: Way) -> ChannelState:
    """The row of this way, made if it is not there, locked until the transaction ends."""
    values = insert(ChannelState).values(channel=channel, account=account, way=way, failures=0)
    session.execute(values.on_conflict_do_nothing(index_elements=["channel", "account", "way"]))
    return session.get_one(ChannelState, (channel, account, way), with_for_update=True, populate_existing=True)
