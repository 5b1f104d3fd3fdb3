"""What X means by an answer that is no success, where it says more than its status.

Problem types and texts: X's page on response codes and errors; the refusals that it documents by their words only
(duplicate content, replies not allowed, messages not taken) are told by these words and by the older codes.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from integrations.channels.base import ChannelError, LockedOut, Never, TryAgain, Why
from integrations.http import Answer

CLOCK_MAY_BE_OFF = 240.0
"""Seconds; X takes a signature for about five minutes."""
NOT_SUMMONED = "X lets us answer in public only where the author mentioned our account or quoted a post of ours"
_AN_HOUR = 3600.0
_DAY_LIMITS = ("user", "app")

_REFUSED: tuple[tuple[tuple[str, ...], frozenset[int], Why, str], ...] = (
    (("duplicate content",), frozenset({187}), "duplicate", "X says that these words stand there already"),
    (
        (
            "not been mentioned or otherwise engaged",
            "reply to this conversation is not allowed",
            "only reply to or quote posts where you are mentioned",
        ),
        frozenset(),
        "not_allowed",
        NOT_SUMMONED,
    ),
    (
        ("restricted who can reply", "not allowed to reply"),
        frozenset({433}),
        "not_allowed",
        "its author lets only some people reply on X",
    ),
    (
        ("deleted or not visible", "no status found", "cannot reply to a tweet that", "could not find tweet"),
        frozenset({34, 144, 385, 421}),
        "gone",
        "what this answers is no longer there, or not for us to see",
    ),
    (
        ("blocked from", "been blocked", "not authorized to see", "protected"),
        frozenset({136, 179}),
        "blocked",
        "its author has blocked us or shows their posts to few",
    ),
    (
        ("permission to dm", "cannot send messages", "not following you", "not accepting"),
        frozenset({150, 349}),
        "blocked",
        "they take no direct messages from us",
    ),
    (
        ("needs to be a bit shorter", "too long", "exceeds the maximum"),
        frozenset({186, 354}),
        "too_long",
        "the text is too long for X",
    ),
)
_APP_MAY_NOT = (
    "app permissions",
    "client-forbidden",
    "not permitted to access or delete",
    "unsupported authentication",
)
_LOCKED = ("suspended", "temporarily locked", "account is locked")
_POSTED_ENOUGH = (("over daily status update limit", "reached your daily limit"), frozenset({185, 344}))
_LOOKS_AUTOMATIC = (("looks like it might be automated",), frozenset({226}))


def meaning_of(answer: Answer, host: str) -> ChannelError | None:
    """What an answer means; None where its status says all."""
    said = _said(answer)
    told, codes = said.text, said.codes
    if answer.status == 401 or 32 in codes or 135 in codes:
        return _not_believed(answer, host)
    if answer.status == 402 or "credits-depleted" in told or "creditsdepleted" in told:
        return LockedOut(
            f"{host} answered {answer.status}: the credits for its API are used up; buy more at console.x.com", _AN_HOUR
        )
    if "usage-capped" in told or "usagecapexceeded" in told:
        return LockedOut(
            f"{host} answered {answer.status}: the month's cap of the API is used up; it reads and posts again when "
            "the month is over, or once a larger plan or spending limit is set at console.x.com",
            _AN_HOUR,
        )
    if answer.status == 429:
        return _day_is_full(answer, host)
    if any(word in told for word in _APP_MAY_NOT):
        return LockedOut(
            f"{host} answered {answer.status}: our app may not do this; give it `Read and write and Direct message` at "
            "console.x.com and make new access tokens"
        )
    if any(word in told for word in _LOCKED) or codes & {64, 326}:
        return LockedOut(
            f"{host} answered {answer.status}: our account is suspended or locked; log in on x.com to see why"
        )
    if _is(said, _POSTED_ENOUGH):
        return TryAgain(f"{host} answered {answer.status}: our account has posted enough for now", _AN_HOUR)
    if _is(said, _LOOKS_AUTOMATIC):
        return TryAgain(
            f"{host} answered {answer.status}: it takes our texts for a robot's and lets us post none for now; mark the"
            " account as automated on x.com, and send fewer texts that are alike",
            _AN_HOUR,
        )
    if 400 <= answer.status < 500:
        for words, numbers, kind, sentence in _REFUSED:
            if _is(said, (words, numbers)):
                return Never(f"{host} answered {answer.status}: {sentence}", kind)
    return None


class _Said:
    """The words and the older codes of an error, for comparing only: they may hold what a customer wrote."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        errors = [one for one in _list(document.get("errors")) if isinstance(one, dict)]
        parts = [document, *errors]
        words = [one.get(name) for one in parts for name in ("type", "title", "detail", "reason", "message")]
        self.text = " ".join(word for word in words if isinstance(word, str)).lower()
        self.codes = {one["code"] for one in parts if isinstance(one.get("code"), int)}


def _is(said: _Said, meant: tuple[tuple[str, ...], frozenset[int]]) -> bool:
    words, numbers = meant
    return bool(said.codes & numbers) or any(word in said.text for word in words)


def _said(answer: Answer) -> _Said:
    try:
        document = json.loads(answer.body)
    except (ValueError, RecursionError):
        document = {}
    return _Said(document if isinstance(document, dict) else {})


def _not_believed(answer: Answer, host: str) -> ChannelError:
    """OAuth 1.0a signs with the time, so that a wrong clock looks like a wrong token; the answer's date tells."""
    try:
        there = parsedate_to_datetime(answer.headers.get("Date", "")).astimezone(UTC)
    except (TypeError, ValueError):
        there = None
    off = (datetime.now(UTC) - there).total_seconds() if there else 0.0
    if abs(off) >= CLOCK_MAY_BE_OFF:
        way = "ahead of" if off > 0 else "behind"
        return LockedOut(
            f"{host} answered {answer.status}: this machine's clock is {abs(off) / 60:.0f} minutes {way} X's, and X "
            "takes a signature for five minutes only; set the clock (NTP)"
        )
    return LockedOut(
        f"{host} answered {answer.status}: it does not take our keys and tokens; make new ones at console.x.com and "
        "put them into the environment"
    )


def _day_is_full(answer: Answer, host: str) -> ChannelError | None:
    """A limit of 24 hours has fields of its own beside those of the quarter of an hour."""
    for whose in _DAY_LIMITS:
        if answer.headers.get(f"x-{whose}-limit-24hour-remaining", "").strip() != "0":
            continue
        reset = answer.headers.get(f"x-{whose}-limit-24hour-reset", "").strip()
        if reset.isascii() and reset.isdigit():
            wait = min(max(float(reset[:12]) - datetime.now(UTC).timestamp(), 0.0), 24 * _AN_HOUR)
            return TryAgain(f"{host} answered 429: its limit for a day is used up", wait)
    return None


def _list(given: object) -> list[Any]:
    return given if isinstance(given, list) else []
