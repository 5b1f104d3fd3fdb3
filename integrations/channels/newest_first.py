"""Reads a platform that lists its newest posts first, so that the desk gets them oldest first and none is lost.

Such a list is read from its top down to what is covered already. Now and then it is read further down, over some days
(a *whole* look): so come what appeared late under an old date, edits, new figures of reach, answers in old threads.
What comes again is known by its id.
"""

import json
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from integrations.channels.base import Page
from integrations.record import Item, LeftOut

FIRST = timedelta(days=7)
"""How far back the very first look goes."""
A_PAGE = 200
"""Items that are handed over at once."""
MOST = 20_000
"""Items that are kept in memory; a longer list is read in several rounds."""
_ROUNDS = 100
_ASIDE = 50
"""Unreadable records whose names the cursor keeps, so that each is told once."""
_A_MOMENT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Found:
    """A record of the list. `stamp`: when it was last changed, None where that cannot be read."""

    stamp: datetime | None
    name: str
    item: Item


@dataclass(frozen=True, slots=True)
class Position:
    """How far a list was read; its text is the channel's cursor."""

    start: datetime
    """Nothing older is taken in."""
    since: datetime
    """The newest that was handed over."""
    names: frozenset[str] = frozenset()
    """What has exactly that stamp and was handed over."""
    whole: datetime | None = None
    """When all days were last looked through."""
    aside: tuple[str, ...] = ()
    """Unreadable records that were told."""
    more: Mapping[str, str] = field(default_factory=dict)
    """What an adapter keeps beside it."""

    def text(self) -> str:
        """As a cursor keeps it."""
        kept: dict[str, Any] = {"start": self.start.isoformat(), "since": self.since.isoformat()}
        if self.names:
            kept["names"] = sorted(self.names)
        if self.whole is not None:
            kept["whole"] = self.whole.isoformat()
        if self.aside:
            kept["aside"] = list(self.aside)
        if self.more:
            kept["more"] = dict(self.more)
        return json.dumps(kept, separators=(",", ":"))

    @classmethod
    def read(cls, cursor: str | None) -> "Position | None":
        """The position that `text` wrote; None where there is none that can be read: reading begins anew."""
        try:
            kept = json.loads(cursor or "")
            whole = kept.get("whole")
            position = cls(
                start=datetime.fromisoformat(kept["start"]),
                since=datetime.fromisoformat(kept["since"]),
                names=frozenset(str(name) for name in kept.get("names", ())),
                whole=datetime.fromisoformat(whole) if whole is not None else None,
                aside=tuple(str(name) for name in kept.get("aside", ())),
                more={str(name): str(value) for name, value in kept.get("more", {}).items()},
            )
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return None
        moments = [moment for moment in (position.start, position.since, position.whole) if moment is not None]
        return position if all(moment.tzinfo is not None for moment in moments) else None

    def has(self, found: Found) -> bool:
        """Whether it was handed over as it is now."""
        if found.stamp is None:
            return found.name in self.aside
        return found.stamp < self.since or (found.stamp == self.since and found.name in self.names)


def catch_up(
    pages: Callable[[bool], Iterable[Sequence[Found]]],
    before: Position | None,
    now: datetime,
    *,
    whole_every: timedelta,
    whole_for: timedelta,
) -> Iterator[Page]:
    """Hand over what is new since `before`, oldest first.

    `pages` begins the list anew each time that it is called, newest first; it is told whether the look is a whole one.
    Such a one is due after `whole_every` and goes back over `whole_for`. Raises whatever `pages` raises; then nothing
    of that round was handed over.
    """
    at = before or Position(start=now - FIRST, since=now - FIRST)
    whole = at.whole is None or abs(now - at.whole) >= whole_every
    for _ in range(_ROUNDS):
        horizon = at.since
        if whole:
            horizon = at.start if at.whole is None else max(at.start, min(at.since, now - whole_for))
        kept, cut = _gather(pages(whole), at, horizon, whole)
        done = replace(at, whole=now) if whole else at
        yield from _hand_over(kept, at, done, cut)
        at = _after(kept, done, cut)
        if cut is None:
            return
        whole = False


def _gather(
    pages: Iterable[Sequence[Found]], at: Position, horizon: datetime, whole: bool
) -> tuple[list[Found], datetime | None]:
    """What is to be handed over, oldest first; and the oldest stamp of what did not fit, which is the newest."""
    kept: deque[Found] = deque()
    cut: datetime | None = None
    for page in pages:
        for found in page:
            if not _wanted(found, at, whole):
                continue
            kept.append(found)
            if len(kept) > MOST:
                left = kept.popleft().stamp
                cut = left if cut is None or (left is not None and left < cut) else cut
        stamps = [found.stamp for found in page if found.stamp is not None]
        if stamps and max(stamps) <= horizon:
            break
    once = {(found.name, found.stamp): found for found in kept}  # a list that moves while it is read shows some twice
    return sorted(once.values(), key=lambda found: (found.stamp or at.start, found.name)), cut


def _wanted(found: Found, at: Position, whole: bool) -> bool:
    if found.stamp is not None and found.stamp < at.start:
        return False
    if whole and found.stamp is not None and not isinstance(found.item, LeftOut):
        return True
    return not at.has(found)


def _hand_over(kept: Sequence[Found], at: Position, done: Position, cut: datetime | None) -> Iterator[Page]:
    for first in range(0, len(kept), A_PAGE):
        till = first + A_PAGE
        last = till >= len(kept)
        position = _after(kept[:till], done if last else at, cut)
        yield Page(tuple(found.item for found in kept[first:till]), position.text(), min(1.0, till / len(kept)))
    if not kept and done != at:
        yield Page((), done.text(), 1.0)


def _after(given: Sequence[Found], at: Position, cut: datetime | None) -> Position:
    """The position once these were handed over, never behind `at`, never beyond what did not fit."""
    aside = [found.name for found in given if found.stamp is None]
    at = replace(at, aside=(*at.aside, *aside)[-_ASIDE:]) if aside else at
    stamps = [found.stamp for found in given if found.stamp is not None]
    if not stamps:
        return at
    since = max(stamps) if cut is None else min(max(stamps), cut - _A_MOMENT)
    if since < at.since:
        return at
    names = frozenset(found.name for found in given if found.stamp == since)
    return replace(at, since=since, names=names | at.names if since == at.since else names)
