"""Keeps each account within what its platform grants, and writes down what it costs; shared by all workers."""

from collections.abc import Mapping, Sequence

from sqlalchemy import Engine
from sqlalchemy.dialects.postgresql import insert

from db.clock import Clock
from db.session import transaction
from db.tables import ChannelCost
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
        micros = round(self._prices.get(what, 0.0) * 1_000_000) * count
        values = insert(ChannelCost).values(
            channel=self._channel,
            account=self._account,
            day=self._clock.now().date(),
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
        with transaction(self._engine) as session:
            session.execute(adds)
