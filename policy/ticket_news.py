"""What a ticket of the company's own is told of its complaint: where it was answered, and how it ended."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import Literal

from db.words import State, Visibility

Language = Literal["id", "en"]

_SAID: dict[Language, dict[str, str]] = {
    "id": {
        "public": "dijawab di {channel}, terbuka untuk umum",
        "private": "dijawab di {channel}, secara pribadi",
        "resolved": "dinyatakan selesai: {resolution}",
        "closed": "ditutup",
        "merged": "kini ditangani sebagai {into}",
        "spam": "dinilai sebagai spam; tidak dijawab",
        "noted": "dicatat saja; tidak dijawab",
    },
    "en": {
        "public": "answered on {channel}, in public",
        "private": "answered on {channel}, in private",
        "resolved": "called solved: {resolution}",
        "closed": "closed",
        "merged": "handled as {into} from now on",
        "spam": "taken for spam; nobody answers it",
        "noted": "noted only; nobody answers it",
    },
}
_ENDS = {State.CLOSED: "closed", State.SPAM: "spam", State.NOTED: "noted"}
_LONGEST = 1000
"""Characters of what a person wrote down as the solution."""


@dataclass(frozen=True)
class Stands:
    """How a complaint stands."""

    reference: str
    state: State
    since: datetime
    into: str | None = None
    """The complaint under which it is handled, where it was merged."""
    resolved_at: datetime | None = None
    resolution: str | None = None


@dataclass(frozen=True)
class Answered:
    """An answer of ours that stands somewhere else than on the ticket."""

    number: int
    reference: str
    channel: str
    visibility: Visibility
    at: datetime
    url: str | None = None


@dataclass(frozen=True)
class News:
    """What a ticket is told, and the key by which it is known that it was."""

    key: str
    text: str


def ticket_news(
    stands: Sequence[Stands], answers: Sequence[Answered], told: Collection[str], *, language: Language, zone: tzinfo
) -> list[News]:
    """What the ticket has not been told yet, the oldest first.

    `stands`: its complaint and those that it was merged into. Each text holds its moment, so that no two are the same.
    That a solved complaint is closed later is no news.
    """
    found = [*map(_of_answer, answers), *filter(None, map(_of_state, stands))]
    return [
        News(one.key, _text(one, language, zone))
        for one in sorted(found, key=lambda one: (one.at, one.key))
        if one.key not in told
    ]


@dataclass(frozen=True)
class _Fact:
    kind: str
    """What is said of it, by its name in `_SAID`."""
    reference: str
    at: datetime
    key: str
    facts: Mapping[str, str] = field(default_factory=dict)
    url: str | None = None


def _of_answer(one: Answered) -> _Fact:
    return _Fact(one.visibility.value, one.reference, one.at, f"answer:{one.number}", {"channel": one.channel}, one.url)


def _of_state(one: Stands) -> _Fact | None:
    if one.into is not None:
        return _ended("merged", one, one.since, into=one.into)
    if one.resolved_at is not None:
        said = " ".join((one.resolution or "–").split())[:_LONGEST]
        return _ended("resolved", one, one.resolved_at, resolution=said)
    return _ended(_ENDS[one.state], one, one.since) if one.state in _ENDS else None


def _ended(kind: str, one: Stands, at: datetime, **facts: str) -> _Fact:
    return _Fact(kind, one.reference, at, f"{kind}:{one.reference}:{at.isoformat()}", facts)


def _text(one: _Fact, language: Language, zone: tzinfo) -> str:
    told = f"{one.reference}, {one.at.astimezone(zone):%Y-%m-%d %H:%M}: {_SAID[language][one.kind].format(**one.facts)}"
    return f"{told}\n{one.url}" if one.url else told
