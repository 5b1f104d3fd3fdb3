"""The channels that complaints come through: who carries texts out, how long they may be, and what is usual there."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, Field, field_validator

from db.words import CHANNELS, Visibility
from policy.durations import Wall
from policy.reading import Contradiction, Rules

_ACCOUNT = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


def _no_nothing(length: timedelta) -> timedelta:
    if length <= timedelta(0):
        raise ValueError("no time at all means nothing here; write a length like 15m")
    return length


SomeTime = Annotated[Wall, AfterValidator(_no_nothing)]
"""A length by the clock that is longer than nothing: a platform is never asked without a pause."""


def _one_account() -> dict[str, dict[str, Any]]:
    return {"default": {}}


@dataclass(frozen=True)
class PrivateLimits:
    """How long a private message may be."""

    hard_limit: int
    comfortable_limit: int


class Grant(Rules):
    """How much a platform lets an account ask: at most so many units of something within a sliding window."""

    what: str
    """What the adapter counts: `read`, `search`, `units`; docs/channels.md lists them."""
    at_most: int = Field(ge=1)
    per: SomeTime


class ChannelRules(Rules):
    """One channel."""

    adapter: str
    """Who carries texts: one of the adapters that are installed (`tanggap channels --adapters` lists them). `manual`: a
    person posts what was approved and gives the link (`tanggap posted`); `sandbox`: nobody, they stay on this machine
    for a try."""
    accounts: dict[str, dict[str, Any]] = Field(default_factory=_one_account, min_length=1)
    """Our accounts there, each with what its adapter needs. Secrets come from the environment, never from here."""
    poll: SomeTime = timedelta(seconds=60)
    """How often the platform is asked what is new, where it can be asked."""
    grants: tuple[Grant, ...] = ()
    """What each account may ask for; the adapter waits before it is refused."""
    prices: dict[str, float] = Field(default_factory=dict)
    """What one of each thing costs, in US dollars, for the cost ledger."""
    hard_limit: int = Field(ge=1)
    """The longest text the platform takes, in its own measure; a longer draft is blocked."""
    comfortable_limit: int = Field(ge=1)
    """What people still read there; a longer draft is warned of."""
    private_limit: int | None = Field(default=None, ge=1)
    """The longest private message it takes, where that is another length than a public text's."""
    addressed_by_default: bool
    """Whether a message here speaks to us: our own page, our mailbox; else its text must name us."""
    private: bool = False
    """Whether messages here are private unless their record says otherwise."""
    private_talk: bool = True
    """Whether we can write privately to somebody who wrote to us here."""
    discloses_automation: bool = True
    """Whether what leaves without a person, such as an acknowledgement, says so. Meta asks for it where a law does
    (California, Germany) and where a person takes over from a machine (Messenger Platform policy). False only where the
    platform itself shows that a program writes: a bot's name, a label or flag on the account."""
    letters: bool = False
    """Whether texts here are letters, which end with our name."""
    review_platform: bool = False
    reply_window: Wall | None = None
    """How long after a customer's last private message the platform lets us answer; null: without end."""
    mask_removed_after: SomeTime | None = None
    """How long our copy of what its author took down keeps its words, where the platform's terms let them not be kept;
    null: as long as the complaint."""

    @field_validator("reply_window")
    @classmethod
    def _some_time(cls, window: timedelta | None) -> timedelta | None:
        if window is not None and window <= timedelta(0):
            raise ValueError("a window of no length lets nothing through; write null for no end")
        return window

    def limits(self, visibility: Visibility) -> "ChannelRules | PrivateLimits":
        """How long a text may be here, in public or as a private message."""
        if visibility is Visibility.PRIVATE and self.private_limit is not None:
            return PrivateLimits(self.private_limit, self.private_limit)
        return self

    @field_validator("accounts")
    @classmethod
    def _plain_names(cls, accounts: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        for name in accounts:
            if not _ACCOUNT.fullmatch(name):
                raise ValueError(f"`{name}` is no name for an account; use small letters, digits, `-` and `_`")
        return accounts

    @property
    def visibility(self) -> Visibility:
        """Who can read a message here if its record does not say."""
        return Visibility.PRIVATE if self.private else Visibility.PUBLIC


class Circuit(Rules):
    """When a platform that fails is left alone for a while."""

    failures: int = Field(default=5, ge=1)
    """So many in a row open the circuit, and people are told once."""
    rest: SomeTime = timedelta(minutes=1)
    """The first rest; each further failure doubles it."""
    longest_rest: SomeTime = timedelta(minutes=30)
    throttled_too_long: SomeTime = timedelta(hours=1)
    """People are told once when a platform has only asked us to wait for so long, and let nothing through."""


class Coverage(Rules):
    """When silence is no calm: far less comes in than in the same hours of the weeks before."""

    window: SomeTime = timedelta(hours=2)
    weeks: int = Field(default=4, ge=1, le=52)
    """How many weeks before are looked at: the same hours of the same weekday."""
    at_least: int = Field(default=20, ge=1)
    """Messages that usually come in these hours; where there are fewer, silence says nothing."""
    share: float = Field(default=0.1, ge=0, lt=1)
    """What comes now, of the usual, at which people are told."""


class Channels(Rules):
    """Every channel that a record may name."""

    channels: dict[str, ChannelRules]
    circuit: Circuit = Circuit()
    coverage: Coverage = Coverage()
    look_again: Wall = timedelta(minutes=30)
    """How often the posts of open complaints are looked at again: reach, edits, taken down."""

    def contradictions(self) -> Iterator[Contradiction]:
        """A channel of the word list that is missing, limits that cross."""
        missing = [name for name in CHANNELS if name not in self.channels]
        if missing:
            yield ("channels",), f"says nothing of the channel {', '.join(missing)}; records may name it"
        for name, rules in self.channels.items():
            if rules.comfortable_limit > rules.hard_limit:
                yield (
                    ("channels", name, "comfortable_limit"),
                    f"the comfortable limit of {name} ({rules.comfortable_limit}) lies over its hard one "
                    f"({rules.hard_limit})",
                )

    def limits(self, visibility: Visibility) -> dict[str, ChannelRules | PrivateLimits]:
        """How long a text may be on each channel, in public or as a private message."""
        return {name: rules.limits(visibility) for name, rules in self.channels.items()}

    def named_by_senders(self, name: str) -> bool:
        """Whether a message's id there is what its sender wrote, as in mail; elsewhere the platform gives it."""
        return name == "email" or (name in self.channels and self.channels[name].adapter == "email")

    @property
    def known(self) -> frozenset[str]:
        """The channels that a record may name."""
        return frozenset(self.channels)

    def of(self, name: str) -> ChannelRules:
        """The rules of a known channel.

        Raises:
            KeyError: policy does not know this channel; a record that names it belongs into quarantine.
        """
        return self.channels[name]
