"""Makes the channels that the settings name, and finds them again by name and account.

An adapter is an entry point of the group `tanggap.channels` whose value is a class like `platform.Platform`: the
shipped ones stand in pyproject.toml, a package of others' brings its own (docs/write-a-channel.md).
"""

import os
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import timedelta
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, Protocol

from pydantic import SecretStr, ValidationError
from sqlalchemy import Engine

from db.clock import Clock, SystemClock
from integrations.channels.base import Channel
from integrations.channels.file import FileChannel
from integrations.channels.manual import ManualChannel
from integrations.channels.platform import AccountSettings, OfASecret, Platform
from integrations.channels.sandbox import SandboxChannel
from integrations.channels.unset import UnsetChannel
from integrations.channels.web import WebChannel
from integrations.channels.world import Meter, Unmetered, World

DEFAULT_ACCOUNT = "default"
GROUP = "tanggap.channels"
OWN = ("file", "web", "manual", "sandbox")
"""The desk's own ways, which are no platforms."""


class ChannelSettings(Protocol):
    """What the policy says of one channel, as far as its adapter needs it."""

    @property
    def adapter(self) -> str:
        """One of `OWN`, or an installed adapter."""
        ...

    @property
    def accounts(self) -> Mapping[str, Mapping[str, Any]]:
        """Our accounts on it, each with what its adapter needs."""
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


class NoAdapter(ValueError):
    """Policy names an adapter that is not installed; the text says which there are."""


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

    def known(self, name: str, account: str) -> Channel | None:
        """The channel of that name and account, if the settings have it."""
        return self._channels.get((name, account))

    def accounts(self, name: str) -> list[Channel]:
        """Every account on a channel that the settings have, the default one first."""
        return sorted(
            (channel for (of, _), channel in self._channels.items() if of == name),
            key=lambda channel: (channel.account != DEFAULT_ACCOUNT, channel.account),
        )

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
    is_ours: Callable[[str], bool] = lambda _: False,
    meter: Callable[[str, str], Meter] = lambda name, account: Unmetered(),
    environment: Mapping[str, str] | None = None,
) -> Channels:
    """The channels of the policy's list, each account of each; `home` holds the drop folder.

    `own_addresses` tells the company's own mail, `is_ours` its handles as well; `meter` makes the one of an account. An
    account whose adapter or settings are not there is an `UnsetChannel`: it stops no other.
    """
    clock = clock or SystemClock()
    environment = os.environ if environment is None else environment
    known = frozenset(rules)
    private = frozenset(name for name, settings in rules.items() if settings.private)

    def make(name: str, account: str) -> Channel:
        settings = rules.get(name)
        if settings is None:
            return ManualChannel(name, account)
        match settings.adapter:
            case "file":
                return FileChannel(
                    home if account == DEFAULT_ACCOUNT else home / "accounts" / account,
                    clock=clock,
                    known_channels=known,
                    own_addresses=own_addresses,
                    private_channels=private,
                    name=name,
                    account=account,
                )
            case "web":
                return WebChannel(engine, clock=clock, name=name, account=account)
            case "sandbox":
                return SandboxChannel(name, account, clock=clock, window=settings.reply_window)
            case "manual":
                return ManualChannel(name, account, window=settings.reply_window, private_talk=settings.private_talk)
        try:
            adapter = adapter_named(settings.adapter)
        except NoAdapter as error:
            return UnsetChannel(name, account, f"{name}: {error}")
        read = read_account(adapter, name, account, settings.accounts.get(account, {}), environment)
        if isinstance(read, str):
            return UnsetChannel(name, account, read)
        world = World(
            clock=clock,
            home=home / "channels" / name / account,
            is_ours=lambda who: is_ours(who) or own_addresses(who),
            window=settings.reply_window,
            private_talk=settings.private_talk,
            private=settings.private,
            meter=meter(name, account),
        )
        return adapter(name, account, read, world)

    return Channels({(name, account): make(name, account) for name in rules for account in rules[name].accounts}, make)


def adapter_names() -> list[str]:
    """Every adapter that a channel may have."""
    return sorted({*OWN, *_installed()})


def adapter_named(name: str) -> type[Platform[Any]]:
    """The class of an installed adapter. Raises NoAdapter."""
    found = _installed().get(name)
    if found is None:
        raise NoAdapter(f"there is no adapter `{name}`; installed are {', '.join(adapter_names())}")
    try:
        adapter = found.load()
    except Exception as error:
        raise NoAdapter(f"the adapter `{name}` ({found.value}) cannot be loaded: {error}") from error
    if not (isinstance(adapter, type) and issubclass(adapter, Platform)):
        raise NoAdapter(
            f"the adapter `{name}` ({found.value}) is no class like integrations.channels.platform.Platform"
        )
    return adapter


def read_account(
    adapter: type[Platform[Any]], channel: str, account: str, given: Mapping[str, Any], environment: Mapping[str, str]
) -> AccountSettings | str:
    """The settings of one account with its secrets; or what is missing or wrong, and how to mend it."""
    found, wrong = _with_secrets(adapter.settings_type, channel, account, given, environment)
    if wrong is not None:
        return wrong
    try:
        return adapter.settings_type.model_validate(found)
    except ValidationError as error:
        return _unfit(channel, account, error.errors(), _variables(adapter.settings_type, channel, account, given))


def problems(
    rules: Mapping[str, ChannelSettings],
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """What is wrong with the adapters and accounts that policy names, each with its place in channels.yaml.

    The rules are looked at without their secrets; what hangs on one of those `tanggap doctor` tells.
    """
    for name, settings in rules.items():
        if settings.adapter in OWN:
            for account, given in settings.accounts.items():
                if given:
                    at = ("channels", name, "accounts", account)
                    yield at, f"the adapter `{settings.adapter}` takes no settings ({', '.join(given)})"
            continue
        try:
            adapter = adapter_named(settings.adapter)
        except NoAdapter as error:
            yield ("channels", name, "adapter"), str(error)
            continue
        model = adapter.settings_type
        for account, given in settings.accounts.items():
            variables = _variables(model, name, account, given)
            found, wrong = _with_secrets(model, name, account, given, dict.fromkeys(variables.values(), "set"))
            if wrong is None:
                try:
                    model.model_validate(found)
                except ValidationError as error:
                    known = [one for one in error.errors() if not _hangs_on_a_secret(one, variables)]
                    wrong = _unfit(name, account, known, variables) if known else None
            if wrong is not None:
                yield ("channels", name, "accounts", account), wrong


def unfinished(rules: Mapping[str, ChannelSettings], environment: Mapping[str, str]) -> Iterator[str]:
    """Each account that cannot be used as its settings and secrets are, and how to mend it."""
    for name, settings in rules.items():
        if settings.adapter in OWN:
            continue
        try:
            adapter = adapter_named(settings.adapter)
        except NoAdapter as error:
            yield f"{name}: {error}"
            continue
        for account, given in settings.accounts.items():
            read = read_account(adapter, name, account, given, environment)
            if isinstance(read, str):
                yield read


def _with_secrets(
    model: type[AccountSettings], channel: str, account: str, given: Mapping[str, Any], environment: Mapping[str, str]
) -> tuple[dict[str, Any], str | None]:
    """What is given for an account and its secrets, unchecked; and what is wrong with the latter."""
    found = dict(given)
    variables = _variables(model, channel, account, given)
    missing, written = [], []
    for name, needed in secrets_of(model):
        variable = variables[name]
        found.pop(f"{name}_env", None)
        if found.pop(name, None) is not None:
            written.append(f"`{name}` (the environment variable {variable} holds it)")
        value = environment.get(variable)
        if value:
            found[name] = SecretStr(value)
        elif needed:
            missing.append(variable)
    where = _where(channel, account)
    if written:
        return found, (
            f"{where} is not set up: take the secret {' and '.join(written)} out of channels.yaml (docs/channels.md)"
        )
    if missing:
        named = " and ".join(missing)
        return found, f"{where} is not set up: set {named} in the environment or in .env (docs/channels.md)"
    return found, None


def _unfit(channel: str, account: str, errors: Iterable[Mapping[str, Any]], variables: Mapping[str, str]) -> str:
    where = _where(channel, account)
    said = []
    for one in errors:
        variable = variables.get(str(one["loc"][0])) if one["loc"] else None
        place = f"{variable}:" if variable else f"in channels.yaml, accounts: {account}:"
        field = "" if variable or not one["loc"] else f" `{'.'.join(map(str, one['loc']))}`"
        said.append(f"{place}{field} {_plain(one)}")
    return f"{where} is not set up: {'; '.join(said)} (docs/channels.md)"


def _where(channel: str, account: str) -> str:
    return channel if account == DEFAULT_ACCOUNT else f"{channel}/{account}"


def _hangs_on_a_secret(error: Mapping[str, Any], secrets: Iterable[str]) -> bool:
    return any(name in secrets for name in error["loc"][:1]) or isinstance(error.get("ctx", {}).get("error"), OfASecret)


def secrets_of(model: type[AccountSettings]) -> list[tuple[str, bool]]:
    """The secrets among an account's settings, and whether it can do without."""
    return [
        (name, field.is_required()) for name, field in model.model_fields.items() if _holds_a_secret(field.annotation)
    ]


def variable_for(channel: str, account: str, secret: str) -> str:
    """The environment variable of a secret, unless the account's `…_env` names another."""
    parts = [channel, secret] if account == DEFAULT_ACCOUNT else [channel, account, secret]
    return "TANGGAP_" + "_".join(parts).upper().replace("-", "_")


def _variables(model: type[AccountSettings], channel: str, account: str, given: Mapping[str, Any]) -> dict[str, str]:
    """The environment variable of each secret of an account."""
    return {
        name: str(given.get(f"{name}_env") or variable_for(channel, account, name)) for name, _ in secrets_of(model)
    }


@cache
def _installed() -> dict[str, EntryPoint]:
    return {found.name: found for found in entry_points(group=GROUP)}


def _holds_a_secret(annotation: Any) -> bool:
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return any(_holds_a_secret(part) for part in typing.get_args(annotation))
    return annotation is SecretStr


def _plain(error: Mapping[str, Any]) -> str:
    if error["type"] == "missing":
        return "is missing"
    if error["type"] == "extra_forbidden":
        return "is not known"
    said = str(error["msg"]).removeprefix("Value error, ")
    return said[:1].lower() + said[1:]
