"""One round of asking Meta what is new, as a safety net under its webhooks.

Meta has no list of all that is new: every post, medium and conversation is asked by itself, if its mark (its time of
change, its number of comments) is another than in the round before. A round that was broken off hands over what it has,
keeps its cursor, and goes on where it was, as long as this process lives; after that it reads again, which does no
harm: records are known by their ids.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from integrations.channels.base import ChannelError, Never, Page
from integrations.record import Incoming, Item, LeftOut, Removed

OVERLAP = timedelta(hours=2)
"""So far before its cursor a round reads: Meta shows some things late, and lists are read one after the other."""
SETTLED = timedelta(minutes=1)
"""Meta's times are whole seconds: what changed just now may change again under the same time."""
PAGE = 200
REMEMBERED = 50_000
"""Records that this process remembers to have handed over."""


@dataclass(frozen=True, slots=True)
class Watched:
    """Something that may hold news, its mark, and how to read what it holds since a moment. May raise ChannelError."""

    key: str
    mark: str
    """Empty: it is read in every round."""
    read: Callable[[datetime], Iterable[Item]]

    @classmethod
    def bad(cls, item: Item) -> "Watched":
        """A record that is put aside."""
        return cls("", "", lambda _: (item,))

    @classmethod
    def barred(cls, why: Never) -> "Watched":
        """A whole list that we may not read: told, also where Meta says that it is not there."""

        def read(_: datetime) -> Iterable[Item]:
            raise Never(str(why), "not_allowed")

        return cls("", "", read)


def one_by_one(*lists: Callable[[], Iterator[Watched]]) -> Iterator[Watched]:
    """What several lists hold; one that we may not read hides none of the others. Raises other ChannelErrors."""
    for read in lists:
        try:
            yield from read()
        except Never as error:
            yield Watched.barred(error)


@dataclass
class Round:
    """What this process knows of the rounds before."""

    cursor: str | None = None
    marks: dict[str, str] = field(default_factory=dict)
    given: dict[str, str] = field(default_factory=dict)

    def pages(
        self, cursor: str | None, watched: Callable[[datetime], Iterator[Watched]], now: datetime, back: timedelta
    ) -> Iterator[Page]:
        """What is new since the cursor, oldest first. Raises ChannelError behind the pages of what could be read."""
        if cursor != self.cursor:
            self.marks, self.given = {}, {}
        start = _read(cursor)
        since = now - back if start is None else start
        found, marks, stopped = self._gather(watched, since)
        newest = since
        place = cursor
        for at in range(0, len(found), PAGE):
            some = found[at : at + PAGE]
            # A time that has not come yet would hide what comes before it.
            newest = max([newest, *(when for when, _ in some if when <= now + OVERLAP)])
            place = _written(newest if stopped is None else since)
            yield Page(tuple(item for _, item in some), place)
            self.given |= {_name(item): _digest(item) for _, item in some}
        if not found and start is None and stopped is None:
            place = _written(since)
            yield Page((), place)
        self.cursor = place
        self.marks = marks if stopped is None else self.marks | marks
        for name in list(self.given)[: max(0, len(self.given) - REMEMBERED)]:
            del self.given[name]
        if stopped is not None:
            raise stopped

    def _gather(
        self, watched: Callable[[datetime], Iterator[Watched]], since: datetime
    ) -> tuple[list[tuple[datetime, Item]], dict[str, str], ChannelError | None]:
        found: dict[str, tuple[datetime, Item]] = {}
        marks: dict[str, str] = {}
        refused: ChannelError | None = None
        try:
            for one in watched(since - OVERLAP):
                if one.mark and self.marks.get(one.key) == one.mark:
                    marks[one.key] = one.mark
                    continue
                try:
                    items = list(one.read(since - OVERLAP))
                except Never as error:
                    # One thing that we may not read hides none of the others; what went meanwhile is no matter.
                    refused = refused if error.kind == "gone" else error
                    continue
                for item in items:
                    if self.given.get(_name(item)) != _digest(item):
                        found[_name(item)] = (item.posted_at if isinstance(item, Incoming) else since, item)
                marks[one.key] = one.mark
        except ChannelError as error:
            return _sorted(found), marks, error
        return _sorted(found), marks, refused


def mark_of(changed: datetime, now: datetime, *more: object) -> str:
    """The mark of something that says when it changed; another one each hour, in case that Meta's time lags."""
    if now - changed < SETTLED:
        return ""
    return " ".join(map(str, (changed.isoformat(), f"{now:%Y-%m-%dT%H}", *more)))


def _sorted(found: dict[str, tuple[datetime, Item]]) -> list[tuple[datetime, Item]]:
    return sorted(found.values(), key=lambda one: one[0])


def _name(item: Item) -> str:
    if isinstance(item, Incoming | Removed):
        return item.external_id
    return item.place if isinstance(item, LeftOut) else f"{item.place} {_digest(item)}"


def _digest(item: Item) -> str:
    """What tells a changed record from a known one: of a message its words, of others nothing or all."""
    if isinstance(item, Incoming):
        return hashlib.sha256(item.text.encode()).hexdigest()
    return "" if isinstance(item, LeftOut | Removed) else hashlib.sha256(item.raw).hexdigest()


def _read(cursor: str | None) -> datetime | None:
    try:
        at = datetime.fromisoformat(cursor) if cursor else None
    except ValueError:
        return None
    return at.astimezone(UTC) if at is not None and at.tzinfo is not None else None


def _written(at: datetime) -> str:
    return at.isoformat()
