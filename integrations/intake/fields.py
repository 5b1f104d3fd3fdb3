"""Checks the fields of one record, whatever file it came from, and makes a message or a reason of it.

The limits and what is refused for which reason are the import's contract; nothing here guesses at what was meant.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from db.words import Visibility
from integrations.intake.text import MAX_TEXT, clean, clean_line, has_control, is_blank, shown
from integrations.record import PRIVATE_CHANNELS, Author, Incoming, Metrics, Unreadable, default_visibility

MAX_ID = 512
"""Code points of an identifier, so that a unique index can hold it."""

MAX_COUNT = 2**63 - 1

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
AHEAD = timedelta(days=1)

METRICS = ("views", "likes", "replies", "shares")
TEXT_FIELDS = ("channel", "account", "external_id", "text", "posted_at", "url", "in_reply_to", "visibility", "subject")
REQUIRED = ("channel", "external_id", "text", "posted_at")

_SPACE_BEFORE_ZONE = re.compile(r"\s+(?=[+-]\d\d|[Zz]$)")


@dataclass(frozen=True, slots=True)
class Terms:
    """What a file is read under."""

    now: datetime
    """Aware; nothing may be posted more than a day after it."""
    channel: str | None
    """The channel of records that name none."""
    known_channels: frozenset[str]
    own_addresses: Callable[[str], bool]
    """Whether an e-mail address is the company's own."""
    private_channels: frozenset[str] = PRIVATE_CHANNELS
    """Where a message is private unless its record says otherwise."""
    own_id: Callable[[str], bool] = lambda _: False
    """Whether a Message-ID is one of a mail that the desk sent."""


def read_record(
    fields: Mapping[str, object], terms: Terms, *, place: str, raw: bytes, warnings: Iterable[str] = ()
) -> Incoming | Unreadable:
    """The message that the fields describe, or every reason why they describe none."""
    wrong: list[str] = []
    notes = list(warnings)
    channel = _channel(fields.get("channel"), terms, wrong)
    external_id = _identifier(fields, "external_id", wrong, required=True)
    text = _text(fields.get("text"), wrong)
    posted_at = _posted_at(fields.get("posted_at"), terms.now, wrong)
    visibility = _visibility(fields.get("visibility"), channel, terms, wrong)
    account = _identifier(fields, "account", wrong)
    in_reply_to = _identifier(fields, "in_reply_to", wrong)
    author = _author(fields.get("author"), wrong, notes)
    metrics = _metrics(fields.get("metrics"), wrong, notes)
    url = _line(fields, "url", wrong)
    subject = _line(fields, "subject", wrong)
    lang = _line(fields, "lang", wrong)
    addressed = _flag(fields, "addressed", wrong)
    if wrong or channel is None or external_id is None or text is None or posted_at is None:
        return Unreadable(place, "; ".join(wrong), raw, channel)
    return Incoming(
        channel=channel,
        external_id=external_id,
        text=text,
        posted_at=posted_at,
        visibility=visibility,
        raw=raw,
        place=place,
        account=account or "default",
        author=author,
        url=url,
        in_reply_to=in_reply_to,
        metrics=metrics,
        subject=subject,
        lang=lang,
        addressed=addressed,
        warnings=tuple(notes),
    )


def wrong_text(text: str) -> str | None:
    """Why a cleaned text cannot be taken, None where it can."""
    if is_blank(text):
        return "text is blank; a record needs the customer's words"
    if len(text) > MAX_TEXT:
        return f"text has {len(text):,} characters, {MAX_TEXT:,} are the limit; shorten it or split the record"
    return None


def wrong_time(posted_at: datetime, now: datetime, name: str = "posted_at") -> str | None:
    """Why nobody can have posted then, None where somebody can."""
    if posted_at < EARLIEST:
        return f"{name} is before the year 2000; correct the date"
    if posted_at > now + AHEAD:
        return f"{name} is more than a day ahead of now; correct the date or the clock"
    return None


def wrong_channel(channel: str, known: frozenset[str]) -> str | None:
    """Why a channel cannot be taken, None where it can."""
    if channel in known:
        return None
    return (
        f"channel {shown(channel)!r} is not known; use one of {', '.join(sorted(known))},"
        " or add it to the policy's channels.yaml"
    )


def _channel(value: object, terms: Terms, wrong: list[str]) -> str | None:
    if value is not None and not isinstance(value, str):
        wrong.append(_wrong_type("channel", value, "a text"))
        return None
    channel = value.strip() if value is not None else ""
    if not channel:
        if not terms.channel:
            wrong.append(f"{_absent('channel', value)}; name it in the record, or for all records with --channel")
            return None
        channel = terms.channel
    refused = wrong_channel(channel, terms.known_channels)
    if refused:
        wrong.append(refused)
        return None
    return channel


def _text(value: object, wrong: list[str]) -> str | None:
    if value is None:
        wrong.append(f"{_absent('text', value)}; a record needs the customer's words")
        return None
    if not isinstance(value, str):
        wrong.append(_wrong_type("text", value, "a text"))
        return None
    text = clean(value)
    refused = wrong_text(text)
    if refused:
        wrong.append(refused)
        return None
    return text


def _posted_at(value: object, now: datetime, wrong: list[str]) -> datetime | None:
    if value is None or (isinstance(value, str) and is_blank(value)):
        wrong.append(f"{_absent('posted_at', value)}; write it as 2026-03-02T09:00:00+07:00")
        return None
    if not isinstance(value, str):
        wrong.append(_wrong_type("posted_at", value, "a text such as 2026-03-02T09:00:00+07:00"))
        return None
    posted_at = _moment(value.strip())
    if posted_at is None:
        wrong.append(
            f"posted_at {shown(value)!r} is no date and time of the calendar; write it as 2026-03-02T09:00:00+07:00"
        )
        return None
    if posted_at.utcoffset() is None:
        wrong.append(f"posted_at {shown(value)!r} has no time zone; add one, such as +07:00 or Z")
        return None
    refused = wrong_time(posted_at, now)
    if refused:
        wrong.append(refused)
        return None
    return posted_at.astimezone(UTC)


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        pass
    # ISO 8601 as others write it: a blank before the zone, small letters (RFC 3339).
    try:
        return datetime.fromisoformat(_SPACE_BEFORE_ZONE.sub("", text).upper())
    except ValueError:
        return None


def _visibility(value: object, channel: str | None, terms: Terms, wrong: list[str]) -> Visibility:
    default = default_visibility(channel or "", terms.private_channels)
    value = value.strip() if isinstance(value, str) else value
    if value is None or value == "":
        return default
    if value == "public":
        return Visibility.PUBLIC
    if value == "private":
        return Visibility.PRIVATE
    wrong.append(f'visibility is {shown(value)!r}; write "public" or "private", or leave it out')
    return default


def _identifier(fields: Mapping[str, object], name: str, wrong: list[str], *, required: bool = False) -> str | None:
    value = fields.get(name.rpartition(".")[2])
    if value is None:
        if required:
            wrong.append(f"{_absent(name, value)}; give the identifier that the message has on its channel")
        return None
    if not isinstance(value, str):
        wrong.append(_wrong_type(name, value, "a text (write a number in quotes)"))
        return None
    identifier = value.strip()
    if is_blank(identifier):
        if required:
            wrong.append(f"{_absent(name, value)}; give the identifier that the message has on its channel")
        return None
    if len(identifier) > MAX_ID:
        wrong.append(f"{name} has {len(identifier):,} characters, {MAX_ID} are the limit; shorten it")
        return None
    if has_control(identifier):
        wrong.append(f"{name} contains a control character; an identifier is taken as it is or not at all: remove it")
        return None
    return identifier


def _line(fields: Mapping[str, object], name: str, wrong: list[str]) -> str | None:
    value = fields.get(name.rpartition(".")[2])
    if value is None:
        return None
    if not isinstance(value, str):
        wrong.append(_wrong_type(name, value, "a text"))
        return None
    return clean_line(value) or None


def _flag(fields: Mapping[str, object], name: str, wrong: list[str]) -> bool | None:
    value = fields.get(name.rpartition(".")[2])
    if value is None or isinstance(value, bool):
        return value
    wrong.append(_wrong_type(name, value, "true or false"))
    return None


def _author(value: object, wrong: list[str], notes: list[str]) -> Author | None:
    if value is None:
        return None
    if not isinstance(value, Mapping):
        wrong.append(_wrong_type("author", value, 'an object such as {"handle": "…"}'))
        return None
    author = Author(
        id=_identifier(value, "author.id", wrong),
        handle=_identifier(value, "author.handle", wrong),
        name=_line(value, "author.name", wrong),
        followers=_count(value.get("followers"), "author.followers", notes),
        verified=_flag(value, "author.verified", wrong),
        email=_identifier(value, "author.email", wrong),
        phone=_identifier(value, "author.phone", wrong),
        tier=_line(value, "author.tier", wrong),
    )
    return None if author == _NOBODY else author


_NOBODY = Author()


def _metrics(value: object, wrong: list[str], notes: list[str]) -> Metrics | None:
    if value is None:
        return None
    if not isinstance(value, Mapping):
        wrong.append(_wrong_type("metrics", value, 'an object such as {"views": 120}'))
        return None
    counts = [_count(value.get(name), f"metrics.{name}", notes) for name in METRICS]
    return None if counts == _NO_COUNTS else Metrics(*counts)


_NO_COUNTS = [None] * len(METRICS)


def _count(value: object, name: str, notes: list[str]) -> int | None:
    if value is None:
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if type(value) is int and 0 <= value <= MAX_COUNT:
        return value
    notes.append(f"{name} is left out: {_number_shown(value)} is no whole number from 0 to 2^63-1")
    return None


def _number_shown(value: object) -> str:
    if isinstance(value, int) and abs(value) > MAX_COUNT:
        return "a number that large" if value > 0 else "a number that small"
    return shown(value)


def _absent(name: str, value: object) -> str:
    return f"{name} is missing" if value is None else f"{name} is blank"


_TYPES = {bool: "true or false", int: "a number", float: "a number", str: "a text", list: "a list", dict: "an object"}


def _wrong_type(name: str, value: object, wanted: str) -> str:
    return f"{name} is {_TYPES.get(type(value), 'of another type')}; it must be {wanted}"
