"""What every step is given: the database, the policy, the channels, the assessor and a clock."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine
from sqlmodel import Session

from db.clock import Clock
from db.session import transaction
from integrations.channels.registry import Channels
from integrations.llm.client import Llm
from policy.assessment import Assessor
from policy.loading import Policy


@dataclass(frozen=True)
class Desk:
    """One desk. The steps are functions of it, whether a flow, the command line, a web page or a story calls them."""

    engine: Engine
    policy: Policy
    channels: Channels
    assessor: Assessor
    clock: Clock
    public_url: str = "http://127.0.0.1:8472"
    prefect_url: str | None = None
    """Where engineers look: the Prefect UI, for links."""
    llm: Llm | None = None
    """The company's language model, if it wants one."""

    def now(self) -> datetime:
        """This instant, in UTC."""
        return self.clock.now()

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """A session that commits at the end; never held open over a network call."""
        with transaction(self.engine) as session:
            yield session

    def tracking_url(self, token: str) -> str:
        """The private page where a complainant reads answers and writes back."""
        return f"{self.public_url}/t/{token}"
