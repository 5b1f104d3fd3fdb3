"""Makes the channels that the settings name, and finds them again by name and account."""

import os
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Protocol

from sqlalchemy import Engine

from db.clock import Clock, SystemClock
from integrations.channels.base import Certainty, Channel
from integrations.channels.file import FileChannel
from integrations.channels.manual import ManualChannel
from integrations.channels.unset import UnsetChannel
from integrations.channels.web import WebChannel
from integrations.channels.webhook import WebhookChannel

DEFAULT_ACCOUNT = "default"


class ChannelSettings(Protocol):
    """What the policy says of one channel, as far as its adapter needs it."""

    @property
    def adapter(self) -> str:
        """`file`, `web`, `webhook` or `manual`."""
        ...

    @property
    def accounts(self) -> Sequence[str]:
        """Our accounts on it."""
        ...

    @property
    def certainty(self) -> str:
        """`read_back`, `idempotent` or `neither`; the desk's own adapters know theirs."""
        ...

    @property
    def private(self) -> bool:
        """Whether its messages are private unless their record says otherwise."""
        ...

    @property
    def private_talk(self) -> bool:
        """Whether somebody can be written to privately there."""
        ...

    @property
    def reply_window(self) -> timedelta | None:
        """How long after an author's last message the platform takes an answer."""
        ...

    @property
    def url(self) -> str | None:
        """Where `webhook` posts to."""
        ...

    @property
    def secret_env(self) -> str | None:
        """The environment variable that holds the secret of `webhook`."""
        ...


class Channels:
    """Every channel that the desk speaks on."""

    def __init__(
        self,
        channels: Mapping[tuple[str, str], Channel],
        make: Callable[[str, str], Channel] = ManualChannel,
    ) -> None:
        """`make` is asked for an account that only a record named; without a word, a person posts there."""
        self._channels = dict(channels)
        self._make = make

    def get(self, name: str, account: str = DEFAULT_ACCOUNT) -> Channel:
        """The channel of that name and account."""
        found = self._channels.get((name, account))
        if found is None:
            found = self._channels[name, account] = self._make(name, account)
        return found

    def all(self) -> list[Channel]:
        """Every channel, in the order of their names."""
        return [self._channels[key] for key in sorted(self._channels)]

    def unset(self) -> list[UnsetChannel]:
        """Those whose settings lack something, for whoever checks them."""
        return [channel for channel in self.all() if isinstance(channel, UnsetChannel)]


def build_channels(
    rules: Mapping[str, ChannelSettings],
    home: Path,
    engine: Engine,
    *,
    clock: Clock | None = None,
    own_addresses: Callable[[str], bool] = lambda _: False,
    environment: Mapping[str, str] | None = None,
) -> Channels:
    """The channels of the policy's list, each account of each; `home` holds the drop folder.

    `own_addresses` tells the company's own mail, which the drop folder leaves out. Raises ValueError for an adapter
    that does not exist.
    """
    clock = clock or SystemClock()
    environment = os.environ if environment is None else environment
    known = frozenset(rules)
    private = frozenset(name for name, settings in rules.items() if settings.private)

    def make(name: str, account: str) -> Channel:
        settings = rules.get(name)
        if settings is None:
            return ManualChannel(name, account)
        if settings.adapter == "file":
            return FileChannel(
                home if account == DEFAULT_ACCOUNT else home / "accounts" / account,
                clock=clock,
                known_channels=known,
                own_addresses=own_addresses,
                private_channels=private,
                name=name,
                account=account,
            )
        if settings.adapter == "web":
            return WebChannel(engine, clock=clock, name=name, account=account)
        if settings.adapter == "webhook" and settings.url is not None:
            return _webhook(name, account, settings, settings.url, clock, environment)
        if settings.adapter in {"manual", "webhook"}:
            return ManualChannel(name, account, window=settings.reply_window, private_talk=settings.private_talk)
        raise ValueError(f"the channel {name} has the adapter {settings.adapter}; use file, web, webhook or manual")

    return Channels({(name, account): make(name, account) for name in rules for account in rules[name].accounts}, make)


def _webhook(
    name: str, account: str, settings: ChannelSettings, url: str, clock: Clock, environment: Mapping[str, str]
) -> Channel:
    variable = settings.secret_env
    if variable is None:
        missing = f"{name} has no key to sign with: name its environment variable as secret_env in channels.yaml"
        return UnsetChannel(name, account, missing)
    secret = environment.get(variable)
    if not secret:
        return UnsetChannel(name, account, f"{name} has no key to sign with: set the environment variable {variable}")
    return WebhookChannel(
        name,
        account,
        url=url,
        secret=secret,
        certainty=Certainty(settings.certainty),
        clock=clock,
        window=settings.reply_window,
        private_talk=settings.private_talk,
    )
