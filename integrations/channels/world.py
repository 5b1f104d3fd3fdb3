"""What every adapter of a platform is given beside its settings."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Protocol

from db.clock import Clock
from integrations.http import Patience


class Meter(Protocol):
    """What an account may still ask of its platform, and what it has cost. Shared by all workers."""

    def take(self, what: str, amount: int = 1) -> None:
        """Use so much of the grant for `what` (`read`, `search`, `units`, …), if policy knows one.

        Raises TryAgain, with the seconds until there is room, where the grant is used up.
        """
        ...

    def spend(self, what: str, count: int = 1) -> None:
        """Write down that something was done that may cost money; its price stands in policy."""
        ...

    def spend_once(self, what: str, records: Iterable[str]) -> None:
        """The same for records that the platform charges for once a day (UTC), however often they are read.

        `records`: their names, apart from each other whatever they are read as, such as `post:17` and `user:17`.
        """
        ...


class Unmetered:
    """Where nothing is limited and nothing costs anything."""

    def take(self, what: str, amount: int = 1) -> None:
        """There is always room."""

    def spend(self, what: str, count: int = 1) -> None:
        """It cost nothing."""

    def spend_once(self, what: str, records: Iterable[str]) -> None:
        """It cost nothing."""


@dataclass(frozen=True)
class World:
    """What every adapter is given beside its settings."""

    clock: Clock
    home: Path
    """The account's own folder, for what only this machine needs to know; it may not exist yet."""
    is_ours: Callable[[str], bool] = field(default=lambda _: False)
    """Whether a handle or an e-mail address is the company's own."""
    window: timedelta | None = None
    """How long after a customer's last private message the platform lets us answer."""
    private_talk: bool = True
    """Whether somebody can be written to privately there."""
    private: bool = False
    """Whether messages are private unless they say otherwise."""
    meter: Meter = field(default_factory=Unmetered)
    patience: Patience = field(default_factory=Patience)
