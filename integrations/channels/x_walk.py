"""Reads lists that X gives newest first, in pages, so that they can be handed over oldest first and nothing is lost.

What is still to be read is kept as spans of ids, which on X are times. A span that has more pages than are read at
once, or whose reading X breaks off, is divided: its newest part is handed over, the rest stays a span of its own and
comes next. So each cursor covers exactly what was handed over, however far behind we are, and a limit that ends in the
middle of a long list costs nothing twice. X numbers posts in order to about a second, so that the last moment before
the newest is read again, and what came from there already is passed over.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from integrations.channels.base import ChannelError, Never

CHUNK = 100
"""Records handed over at once."""
_A_MOMENT = 2_000 << 22
"""Two seconds, as ids count them."""


@dataclass(frozen=True)
class Span:
    """Ids between two, both left out; without an end, up to the newest."""

    after: int
    before: int | None = None
    mark: str | None = None
    """The page that it begins on, in a list that X does not let us ask for by ids."""


@dataclass(frozen=True)
class Batch:
    """One page of an answer: records by their id (None where it cannot be read), and what brings the next page."""

    records: tuple[tuple[int | None, Any], ...]
    next: str | None


@dataclass(frozen=True)
class Source:
    """One list of X's: `ask` gets a span and the mark of a page."""

    name: str
    ask: Callable[[Span, str | None], Batch]
    pages: int
    """How many are read before anything is handed over."""
    beyond: str | None = None
    """Which source has the rest, where X gives no more than these pages of this one, whatever there is."""
    open: bool = True
    """Whether it is asked for what is new, or only for what is left of another."""
    quiet_until: Callable[[], int] = lambda: 0
    """Up to which id nothing more can come where nothing came: a search must not begin too long ago."""
    by_page: bool = False
    """Whether the rest of a list is found by the mark of its page alone."""


@dataclass(frozen=True)
class _Block:
    """What was read of a span at once."""

    records: list[tuple[int, Any]]
    """By their ids, the oldest first."""
    nameless: list[Any]
    more: bool
    """Whether older ones are left."""
    mark: str | None = None
    """The page that they begin on."""
    broken_by: ChannelError | None = None


@dataclass
class Reading:
    """What is still to be read from each source."""

    begin: int
    """From which id on, where nothing was read yet."""
    spans: dict[str, list[Span]] = field(default_factory=dict)
    recent: dict[str, list[int]] = field(default_factory=dict)
    """Ids of the last moment that came already."""

    @classmethod
    def since(cls, cursor: str | None, begin: int) -> "Reading":
        """Go on where a cursor ended; a cursor that cannot be read begins anew."""
        reading = cls(begin)
        try:
            for name, (spans, recent) in json.loads(cursor or "{}").items():
                reading.spans[str(name)] = [_span(*kept) for kept in spans]
                reading.recent[str(name)] = [int(one) for one in recent]
        except (ValueError, TypeError, AttributeError, RecursionError):
            return cls(begin)
        return reading

    @property
    def cursor(self) -> str:
        """All of it in a short string."""
        kept = {
            name: [[[one.after, one.before, *([one.mark] if one.mark else [])] for one in spans], self._recent(name)]
            for name, spans in sorted(self.spans.items())
        }
        return json.dumps(kept, separators=(",", ":"))

    def _recent(self, name: str) -> list[int]:
        return self.recent.get(name, [])

    def of(self, source: Source) -> Iterator[list[Any]]:
        """Records oldest first, in chunks; before each one is given, the cursor covers it. Raises ChannelError."""
        spans = self.spans.setdefault(source.name, [])
        if source.open and not any(one.before is None for one in spans):
            spans.append(Span(max([self.begin, *(one.before or 0 for one in spans)])))
        for span in reversed(list(spans)):
            yield from self._of_span(source, span)

    def _of_span(self, source: Source, span: Span) -> Iterator[list[Any]]:
        while True:
            block = self._collect(source, span)
            spans = self.spans[source.name]
            spans.remove(span)
            rest = _rest(source, span, block)
            if rest is not None:
                self.spans.setdefault(source.beyond or source.name, []).append(rest)
            yield from self._hand_over(source, span, block.records, block.nameless)
            if block.broken_by is not None:
                raise block.broken_by
            if rest is None or source.beyond:
                return
            span = rest

    def _hand_over(
        self, source: Source, span: Span, block: list[tuple[int, Any]], nameless: list[Any]
    ) -> Iterator[list[Any]]:
        spans = self.spans[source.name]
        chunks = [block[at : at + CHUNK] for at in range(0, len(block), CHUNK)] or [[]]
        for number, chunk in enumerate(chunks, 1):
            left = replace(span, after=max(chunk[-1][0] if chunk else source.quiet_until(), span.after))
            if span.before is None or number < len(chunks):
                spans.append(left)
                spans.sort(key=lambda one: one.after)
            if span.before is None:
                known = {*self.recent.get(source.name, ()), *(one for one, _ in chunk)}
                self.recent[source.name] = sorted(one for one in known if one > left.after - _A_MOMENT)[-CHUNK:]
            records = [record for _, record in chunk] + (nameless if number == 1 else [])
            if records:
                yield records
            if number < len(chunks):
                spans.remove(left)

    def _collect(self, source: Source, span: Span) -> _Block:
        """Some pages of a span. Raises ChannelError where nothing of it could be read."""
        known = set(self._recent(source.name)) if span.before is None else set()
        asked = Span(max(span.after - _A_MOMENT, 0), None) if span.before is None and known else span
        found: dict[int, Any] = {}
        seen: set[int] = set()
        nameless: list[Any] = []
        mark = span.mark
        left = source.pages
        while left:
            try:
                batch = source.ask(asked, mark)
            except ChannelError as error:
                if isinstance(error, Never) and mark is not None and not seen:
                    mark = None  # X knows that page no longer: from the top on, past what came already
                    continue
                if not found or source.beyond:
                    raise
                return _Block(sorted(found.items()), nameless, True, mark, error)
            fresh = [one for one, _ in batch.records if one is None or one not in seen]
            for one, record in batch.records:
                if one is None:
                    nameless.append(record)
                elif one not in known and one not in seen and _within(one, asked):
                    found[one] = record
            seen |= {one for one in fresh if one is not None}
            left -= not source.by_page or any(one is None or one in found for one in fresh)
            # Some of X's marks lead to the same page for ever.
            if batch.next is None or batch.next == mark or (batch.records and not fresh):
                return _Block(sorted(found.items()), nameless, source.beyond is not None and not left)
            mark = batch.next
        return _Block(sorted(found.items()), nameless, bool(found), mark)


def _rest(source: Source, span: Span, block: _Block) -> Span | None:
    """What is left of a span below a block."""
    if not block.more:
        return None
    before = block.records[0][0] if block.records else span.before
    if before is None or before <= span.after + 1:
        return None
    return Span(span.after, before, block.mark if source.by_page else None)


def _span(low: int, high: int | None, mark: str | None = None) -> Span:
    return Span(int(low), None if high is None else int(high), None if mark is None else str(mark))


def _within(one: int, span: Span) -> bool:
    return one > span.after and (span.before is None or one < span.before)
