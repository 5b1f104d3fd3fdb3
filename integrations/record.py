"""What every door hands inward: a message taken in, or one left out or put aside, each with its raw bytes and place."""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from db.words import Visibility

PRIVATE_CHANNELS = frozenset({"email", "whatsapp", "telegram", "request_tracker"})
"""Channels on which a message is private unless its record, or the company's policy, says otherwise."""


@dataclass(frozen=True, slots=True)
class Author:
    """Who wrote a message, as far as the channel tells."""

    id: str | None = None
    handle: str | None = None
    name: str | None = None
    followers: int | None = None
    verified: bool | None = None
    email: str | None = None
    phone: str | None = None
    tier: str | None = None
    """What the customer is to the company, as its own records call it."""


@dataclass(frozen=True, slots=True)
class Metrics:
    """How far a message had reached when it was read; counts, None where the channel does not tell."""

    views: int | None = None
    likes: int | None = None
    replies: int | None = None
    shares: int | None = None


@dataclass(frozen=True, slots=True)
class Attachment:
    """Something that came with a message: noted, never opened. Size in bytes, decoded; 0 where it is not told."""

    name: str
    type: str
    size: int


@dataclass(frozen=True, slots=True)
class Incoming:
    """One message, checked and cleaned; `raw` is what came, byte for byte."""

    channel: str
    external_id: str
    text: str
    posted_at: datetime
    """Aware, in UTC."""
    visibility: Visibility
    raw: bytes
    place: str
    """File and line, such as `inbox.jsonl:12`."""
    account: str = "default"
    author: Author | None = None
    url: str | None = None
    in_reply_to: str | None = None
    metrics: Metrics | None = None
    subject: str | None = None
    lang: str | None = None
    addressed: bool | None = None
    summoned: bool | None = None
    """Whether its author called on our account, where the platform lets us answer only then; None: it does not tell."""
    opts_out: bool = False
    """It says nothing but that its author wants not to be written to any more."""
    list_mail: bool = False
    """Came through a mailing list, or asks to be spared automatic answers: taken, never answered by itself."""
    attachments: tuple[Attachment, ...] = ()
    warnings: tuple[str, ...] = ()
    """What was left out of the record, one sentence each."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """What could not be taken in: for the quarantine, with a reason that says what to do."""

    place: str
    reason: str
    raw: bytes
    """Byte for byte; cut where the reason says so."""
    channel: str | None = None


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What is readable but nobody's complaint, such as an automatic mail, with the reason."""

    place: str
    reason: str
    raw: bytes
    whose: str | None = None
    """Which other account it is for, as the platform names it, where that is why it is left out."""

    @classmethod
    def anothers(cls, place: str, whose: str, raw: bytes) -> "LeftOut":
        """What a platform tells of another account (`page 4711`) than the one that read it."""
        why = (
            f"it is for the {whose}, which channels.yaml does not have at the address that was called: set that one up,"
            " or end the app's subscription to it"
        )
        return cls(place, why, raw, whose)


@dataclass(frozen=True, slots=True)
class Removed:
    """A message that its author took down, or that the platform tells us to forget."""

    channel: str
    external_id: str
    place: str
    raw: bytes
    account: str = "default"


@dataclass(frozen=True, slots=True)
class Bounced:
    """Word that a text of ours did not arrive after all: a delivery report, a failed status."""

    channel: str
    platform_id: str
    """Where our text stood, as the channel named it when it took it; for mail, its Message-ID."""
    why: str
    """What the platform says, in a sentence for a person."""
    place: str
    raw: bytes
    account: str = "default"
    address: str | None = None
    """Whom it did not reach, where that is told."""
    for_good: bool = True
    """Whether the platform has given up."""
    key: str | None = None
    """The delivery's own key, where the platform says it back."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """Word that a text of ours has arrived: what was doubtful is so no longer."""

    channel: str
    key: str
    """The delivery's own key, as the platform says it back."""
    platform_id: str
    at: datetime
    place: str
    raw: bytes
    account: str = "default"


Item = Incoming | Unreadable | LeftOut | Removed | Bounced | Arrived


def hashed_name(raw: bytes) -> str:
    """The id of a record that has none of its own, or none that is only its own: the hash of what came."""
    return f"sha256:{hashlib.sha256(raw).hexdigest()}"


def default_visibility(channel: str, private_channels: frozenset[str] = PRIVATE_CHANNELS) -> Visibility:
    """Who can read a message on this channel when its record does not say."""
    return Visibility.PRIVATE if channel in private_channels else Visibility.PUBLIC
