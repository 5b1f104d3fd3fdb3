"""What every channel can do, in the desk's words. Nothing here can delete, hide or report a customer's post."""

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Literal, Protocol

from db.words import DeliveryKind, Visibility
from integrations.record import Incoming, Item, Metrics


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
    summoned: bool | None = None
    """Whether its author called on our account, where the platform lets us answer only then; None: not known."""
    written_to: bool | None = None
    """Whether its author was written to privately as an answer to this very message already: looked up whenever a
    channel is asked, and kept in no row."""

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
    earlier: tuple[str, ...] = ()
    """Our texts that were posted before as answers to the same message."""


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
    templates: bool = False
    """Whether a text that the platform has approved as a template may go there all the same."""


@dataclass(frozen=True, slots=True)
class Page:
    """Some of what a channel has, and the cursor that covers it once it is stored."""

    items: tuple[Item, ...]
    cursor: str
    share: float | None = None
    """How much of what there is has been handed over with this page, 0 to 1, where that is known."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a platform sent to our gateway. The names of `headers` are in lower case."""

    method: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    url: str
    """The address as the platform called it."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What a platform's call brought, and what it is answered once that is stored."""

    items: tuple[Item, ...] = ()
    status: int = 200
    body: bytes = b""
    media_type: str = "text/plain"
    refused: str | None = None
    """Why the call was not believed: a sentence for the log and for `tanggap channels`."""

    @classmethod
    def refuse(cls, why: str, status: int = 401) -> "Heard":
        """The call was not believed, or not understood; nothing of it is kept."""
        return cls(status=status, body=f"{why}\n".encode(), refused=why)


@dataclass(frozen=True, slots=True)
class Seen:
    """What a message is like now. None: the platform does not say."""

    external_id: str
    there: bool = True
    """False where its author took it down."""
    text: str | None = None
    metrics: Metrics | None = None


@dataclass(frozen=True, slots=True)
class Checked:
    """What a look at an account's credentials and rights showed."""

    ok: bool
    said: str
    """Who we are there, or what is wrong."""
    mend: str | None = None
    expires: datetime | None = None
    """When the credentials end, where the platform tells."""


class ChannelError(Exception):
    """A text that was not posted, or may not have been; the message is a sentence for a person."""


class TryAgain(ChannelError):
    """Nothing was posted; a later try may succeed. `after`: seconds that the channel asked us to wait.

    `alone`: only this text has to wait; others may go there meanwhile.
    """

    def __init__(self, message: str, after: float | None = None, *, alone: bool = False) -> None:
        super().__init__(message)
        self.after = after
        self.alone = alone


class LockedOut(TryAgain):
    """Nothing was posted or read: the platform does not take our credentials. A person mends them; all waits."""


Why = Literal["gone", "blocked", "window", "not_allowed", "too_long", "duplicate", "other"]


class Never(ChannelError):
    """Nothing was posted, and trying again would change nothing.

    `kind`: `gone` (what it answers is no longer there), `blocked` (its author does not let us), `window` (too late),
    `not_allowed` (not in this way), `too_long`, `duplicate` (the same words stand there already), `other`.
    """

    def __init__(self, message: str, kind: Why = "other") -> None:
        super().__init__(message)
        self.kind = kind


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

    def is_template(self, text: str) -> bool | None:
        """Whether the platform has approved this very text, so that it may leave where the reply window is closed.

        None: there are no such texts there. Calls no network.
        """
        ...

    @property
    def listens(self) -> bool:
        """Whether asking with `fetch` again and again brings anything."""
        ...

    def wait(self, seconds: float, stop: threading.Event) -> None:
        """Until something may have come, `stop` is set, or so many seconds have passed."""
        ...

    def hear(self, asked: Asked) -> Heard:
        """What a platform's call to our gateway brings; its signature is checked. Calls no network."""
        ...

    def posts_of(self, author: Target, since: datetime) -> Iterable[Incoming]:
        """What somebody posted in public lately, about us or to us, newest first. Raises ChannelError."""
        ...

    def look_at(self, external_ids: Sequence[str]) -> Iterable[Seen]:
        """What these messages are like now; those that the platform cannot show are left out. Raises ChannelError."""
        ...

    def ticket_of(self, external_id: str) -> str | None:
        """The ticket of the company's own on which a message stands, as the channel numbers it.

        None: it keeps none. Where there are tickets, the channel must listen: they are served while it is asked.
        Calls no network.
        """
        ...

    def link(self, target: Target, reference: str, url: str) -> Sent:
        """Name a complaint on its ticket, by its reference and its address. Raises ChannelError.

        Doing it again changes nothing. Returns where the company's people see the ticket.
        """
        ...

    def note(self, target: Target, text: str) -> Sent:
        """Write on a ticket what the company's people alone read. Raises ChannelError.

        Where exactly this text of ours stands there already, nothing is written.
        """
        ...

    def check(self) -> Checked:
        """Call the platform once: do our credentials work, and may they do what the desk needs? Posts nothing."""
        ...


class Limited:
    """What a channel answers that has no such way; adapters override what their platform can."""

    listens = False

    def is_template(self, text: str) -> bool | None:
        """Nothing leaves there after the reply window."""
        return None

    def wait(self, seconds: float, stop: threading.Event) -> None:
        """Just wait."""
        stop.wait(seconds)

    def hear(self, asked: Asked) -> Heard:
        """Nobody calls us there."""
        return Heard.refuse("this channel takes no calls", 404)

    def posts_of(self, author: Target, since: datetime) -> Iterable[Incoming]:
        """Nothing can be looked up."""
        return ()

    def look_at(self, external_ids: Sequence[str]) -> Iterable[Seen]:
        """Nothing can be looked up."""
        return ()

    def ticket_of(self, external_id: str) -> str | None:
        """It keeps no tickets."""
        return None

    def link(self, target: Target, reference: str, url: str) -> Sent:
        """Raises Never: it keeps no tickets."""
        raise Never("this channel keeps no tickets", "not_allowed")

    def note(self, target: Target, text: str) -> Sent:
        """Raises Never: it keeps no tickets."""
        raise Never("this channel keeps no tickets", "not_allowed")

    def check(self) -> Checked:
        """There is nobody to ask."""
        return Checked(True, "nothing to check")


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
