"""Keeps each account within what its platform grants, and writes down what it costs; shared by all workers."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC

from sqlalchemy import Engine, delete
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session, col

from db.clock import Clock
from db.session import transaction
from db.tables import ChannelCharge, ChannelCost
from integrations.channels.base import TryAgain
from policy.channels import Grant
from tasks.rates import use


class Meter:
    """The ledger of one account."""

    def __init__(
        self,
        engine: Engine,
        clock: Clock,
        channel: str,
        account: str,
        grants: Sequence[Grant] = (),
        prices: Mapping[str, float] | None = None,
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._channel = channel
        self._account = account
        self._grants = tuple(grants)
        self._prices = dict(prices or {})

    def take(self, what: str, amount: int = 1) -> None:
        """Use so much of each grant for `what`. Raises TryAgain until there is room in all of them."""
        grants = [grant for grant in self._grants if grant.what == what]
        if not grants:
            return
        now = self._clock.now()
        with transaction(self._engine) as session:
            waits = [use(session, self._bucket(one), one.at_most, one.per, now, amount) for one in grants]
            longest = max((wait for wait in waits if wait is not None), default=None)
            if longest is not None:
                session.rollback()
        if longest is not None:
            raise TryAgain(f"what {self._channel} lets us ask for (`{what}`) is used up", longest)

    def _bucket(self, grant: Grant) -> str:
        return f"{self._channel}:{self._account}:{grant.what}:{grant.per.total_seconds():g}"

    def spend(self, what: str, count: int = 1) -> None:
        """Add to the day's ledger; what has no price is counted all the same."""
        with transaction(self._engine) as session:
            self._add(session, what, count)

    def spend_once(self, what: str, records: Iterable[str]) -> None:
        """Add those of the records that nobody has added today (UTC)."""
        names = sorted({hashlib.sha256(record.encode()).hexdigest()[:32] for record in records})
        if not names:
            return
        today = self._clock.now().astimezone(UTC).date()
        rows = [{**self._place, "day": today, "record": name} for name in names]
        charge = insert(ChannelCharge).values(rows).on_conflict_do_nothing().returning(col(ChannelCharge.record))
        over = delete(ChannelCharge).where(
            col(ChannelCharge.channel) == self._channel,
            col(ChannelCharge.account) == self._account,
            col(ChannelCharge.day) < today,
        )
        with transaction(self._engine) as session:
            new = len(session.execute(charge).all())
            if new:
                session.execute(over)
                self._add(session, what, new)

    @property
    def _place(self) -> dict[str, str]:
        return {"channel": self._channel, "account": self._account}

    def _add(self, session: Session, what: str, count: int) -> None:
        micros = round(self._prices.get(what, 0.0) * 1_000_000) * count
        values = insert(ChannelCost).values(
            **self._place,
            day=self._clock.now().astimezone(UTC).date(),
            what=what,
            count=count,
            micros=micros,
        )
        adds = values.on_conflict_do_update(
            index_elements=["channel", "account", "day", "what"],
            set_={
                "count": ChannelCost.__table__.c.count + count,  # type: ignore[attr-defined]
                "micros": ChannelCost.__table__.c.micros + micros,  # type: ignore[attr-defined]
            },
        )
        session.execute(adds)
