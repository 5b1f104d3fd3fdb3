"""What every channel can do, in the desk's words. Nothing here can delete, hide or report a customer's post."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol

from db.words import DeliveryKind, Visibility
from integrations.record import Item


class Certainty(StrEnum):
    """What helps when nobody knows whether a text has arrived."""

    READ_BACK = "read_back"
    """The channel is asked whether our text is there."""
    IDEMPOTENT = "idempotent"
    """The channel takes our key: sending again posts nothing twice."""
    NEITHER = "neither"
    """Only a person can find out; the machine never sends again."""


@dataclass(frozen=True, slots=True)
class Target:
    """Whom and where a text is for, as the channel names it."""

    external_id: str | None = None
    """The message that it answers."""
    author_id: str | None = None
    author_handle: str | None = None
    thread: str | None = None
    url: str | None = None
    email: str | None = None
    last_heard_at: datetime | None = None
    """When its author last wrote to us: reply windows count from there."""

    def as_json(self) -> dict[str, Any]:
        """What is known of it, to be kept in a row."""
        known = {field.name: getattr(self, field.name) for field in fields(self)}
        return {
            name: value.isoformat() if isinstance(value, datetime) else value
            for name, value in known.items()
            if value is not None
        }

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> "Target":
        """The target that `as_json` kept; names that are no field of it are passed over."""
        known = {field.name: kept[field.name] for field in fields(cls) if kept.get(field.name) is not None}
        heard = known.get("last_heard_at")
        if isinstance(heard, str):
            known["last_heard_at"] = datetime.fromisoformat(heard)
        return cls(**known)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One approved text on its way out."""

    key: str
    """The delivery's idempotency key."""
    text: str
    visibility: Visibility
    kind: DeliveryKind
    channel: str
    account: str
    reference: str
    """The complaint's, such as TG-1042."""
    target: Target
    subject: str | None = None


@dataclass(frozen=True, slots=True)
class Sent:
    """Where a text stands now."""

    platform_id: str
    url: str | None = None
    at: datetime | None = None
    """When the channel says that it was posted."""


@dataclass(frozen=True, slots=True)
class Reachable:
    """Whether a text can be put there now, why not, and until when it can."""

    ok: bool
    why: str | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Some of what a channel has, and the cursor that covers it once it is stored."""

    items: tuple[Item, ...]
    cursor: str
    share: float | None = None
    """How much of what there is has been handed over with this page, 0 to 1, where that is known."""


class ChannelError(Exception):
    """A text that was not posted, or may not have been; the message is a sentence for a person."""


class TryAgain(ChannelError):
    """Nothing was posted; a later try may succeed. `after`: seconds that the channel asked us to wait."""

    def __init__(self, message: str, after: float | None = None) -> None:
        super().__init__(message)
        self.after = after


class Never(ChannelError):
    """Nothing was posted, and trying again would change nothing."""


class Unknown(ChannelError):
    """The request may have arrived: only the channel, or a person, can tell."""


class Channel(Protocol):
    """One account on one platform."""

    @property
    def name(self) -> str:
        """The channel's token."""
        ...

    @property
    def account(self) -> str:
        """Which of our accounts on it."""
        ...

    @property
    def certainty(self) -> Certainty:
        """What is done after a doubtful try."""
        ...

    @property
    def manual(self) -> bool:
        """Whether a person posts what was approved."""
        ...

    def fetch(self, cursor: str | None) -> Iterator[Page]:
        """What came since the cursor, oldest first. Asking for the next page says that the last one is stored."""
        ...

    def reply(self, out: Outgoing) -> Sent:
        """Answer where the message stands. Raises TryAgain, Never or Unknown."""
        ...

    def message_privately(self, out: Outgoing) -> Sent:
        """Write where only the author reads it. Raises TryAgain, Never or Unknown."""
        ...

    def can_reply(self, target: Target, visibility: Visibility, now: datetime) -> Reachable:
        """Whether, and until when, a text could be put there."""
        ...

    def find_own(self, out: Outgoing) -> Sent | None:
        """Where our text stands already, None where it is not there. Raises TryAgain where it cannot be told now."""
        ...


NO_PRIVATE_WAY = Reachable(ok=False, why="nobody can be written to privately there")


def within_window(target: Target, window: timedelta | None, now: datetime) -> Reachable:
    """Whether a platform that lets us answer for some time after the author's last message still does.

    Where it is not known when they wrote, the platform is believed to take the answer: it will refuse if not.
    """
    if window is None or target.last_heard_at is None:
        return Reachable(ok=True)
    until = target.last_heard_at + window
    if now < until:
        return Reachable(ok=True, until=until)
    return Reachable(
        ok=False, why=f"the reply window of {_hours(window)} closed at {until:%Y-%m-%d %H:%M} UTC", until=until
    )


def _hours(window: timedelta) -> str:
    hours = window.total_seconds() / 3600
    return f"{hours:g} hours"
