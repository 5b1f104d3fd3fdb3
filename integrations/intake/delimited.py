"""Reads CSV: the names of JSON lines as its header, dotted for inner ones, one record a row.

Every row is judged on its own. A row that cannot be taken apart costs its first line only: what follows it is read
again from the next line, so that one quote that nobody closed does not swallow the file.
"""

import csv
from collections import deque
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from integrations.intake.fields import METRICS, TEXT_FIELDS, Terms, read_record
from integrations.intake.json_lines import too_long, undecodable
from integrations.intake.lines import MAX_LINE, Encoding, Line, lines_of
from integrations.record import Incoming, Unreadable

DELIMITERS = (",", ";", "\t")

_AUTHOR_TEXTS = ("id", "handle", "name", "email", "phone", "tier")
_FLAGS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
COLUMNS = frozenset(
    (
        *TEXT_FIELDS,
        "lang",
        "addressed",
        *(f"author.{name}" for name in (*_AUTHOR_TEXTS, "followers", "verified")),
        *(f"metrics.{name}" for name in METRICS),
    )
)
"""The names that a header may have; others are passed over, the raw row keeps them."""


def read_delimited(
    chunks: Iterable[bytes], encoding: Encoding, name: str, terms: Terms
) -> Iterator[Incoming | Unreadable]:
    """One item for each row under the header, in their order, in constant memory."""
    feed = _Feed(lines_of(chunks, encoding), encoding)
    header = _header(feed, name)
    if isinstance(header, Unreadable):
        yield header
        header = _Header((), ",")
    reader = csv.reader(feed, delimiter=header.delimiter, strict=True)
    while True:
        feed.begin()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except _TooLongError:
            yield _refused(feed, name, _too_long(feed.taken[0]))
            continue
        except csv.Error as error:
            yield _refused(feed, name, _said(error))
            continue
        if cells and not (len(cells) == 1 and not cells[0].strip()):
            yield _read_row(cells, header, feed, name, terms)


def columns_in(line: str) -> tuple[str, int]:
    """The delimiter that finds most known names in a header line, and how many it finds."""
    found = [(_known_in(line, delimiter), delimiter) for delimiter in DELIMITERS]
    known, delimiter = max(found, key=lambda pair: pair[0])
    return delimiter, known


class _Header(NamedTuple):
    columns: tuple[str, ...]
    delimiter: str


class _TooLongError(Exception):
    """A row that goes on beyond the limit."""


_ENDLESS = (
    f"a row starts here that does not end within {MAX_LINE:,} bytes, so a quote is probably not closed:"
    " close it and import the row again"
)


class _Feed:
    """Hands lines to the CSV reader, remembers those of the row in hand, and takes them back."""

    def __init__(self, lines: Iterator[Line], encoding: Encoding) -> None:
        self._lines = lines
        self._encoding = encoding
        self._again: deque[Line] = deque()
        self.taken: list[Line] = []
        self.broken: UnicodeDecodeError | None = None
        self._size = 0

    def begin(self) -> None:
        """A new row."""
        self.taken = []
        self.broken = None
        self._size = 0

    def __iter__(self) -> "_Feed":
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else next(self._lines)
        self.taken.append(line)
        self._size += line.size
        if line.cut or self._size > MAX_LINE:
            raise _TooLongError
        try:
            return line.raw.decode(self._encoding.codec)
        except UnicodeDecodeError as error:
            self.broken = self.broken or error
            return line.raw.decode(self._encoding.codec, errors="replace")

    def keep_first(self) -> None:
        """Leave the first line to whoever refuses it; the others are read again."""
        self._again.extendleft(reversed(self.taken[1:]))
        del self.taken[1:]

    @property
    def raw(self) -> bytes:
        """The row's bytes without the last line's ending."""
        return b"".join([*(line.raw for line in self.taken[:-1]), self.taken[-1].content])


def _header(feed: _Feed, name: str) -> _Header | Unreadable:
    while True:
        feed.begin()
        try:
            line = next(feed)
        except StopIteration:
            return _Header((), ",")
        except _TooLongError:
            return _refused(feed, name, _too_long(feed.taken[0]))
        if line.strip():
            break
    delimiter, known = columns_in(line)
    if feed.broken:
        return _refused(feed, name, undecodable(feed.broken))
    if not known:
        return _refused(
            feed,
            name,
            "the file does not begin with a header that names the columns; put one above its rows,"
            " such as channel,external_id,text,posted_at",
        )
    return _Header(tuple(_cells(line, delimiter)), delimiter)


def _cells(line: str, delimiter: str) -> list[str]:
    try:
        row = next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return []
    return [cell.strip().lower() for cell in row]


def _known_in(line: str, delimiter: str) -> int:
    return len(COLUMNS.intersection(_cells(line, delimiter)))


def _read_row(cells: list[str], header: _Header, feed: _Feed, name: str, terms: Terms) -> Incoming | Unreadable:
    place = f"{name}:{feed.taken[0].number}"
    if feed.broken:
        return Unreadable(place, undecodable(feed.broken), feed.raw)
    if not header.columns:
        return Unreadable(place, "the header above this row is unreadable; mend it and import the file again", feed.raw)
    if any(cell.strip() for cell in cells[len(header.columns) :]):
        reason = (
            f"the row has {len(cells)} cells, the header {len(header.columns)};"
            " put the text in quotes if the delimiter stands in it"
        )
        return Unreadable(place, reason, feed.raw)
    return read_record(_fields(cells, header), terms, place=place, raw=feed.raw)


def _fields(cells: list[str], header: _Header) -> dict[str, object]:
    fields: dict[str, object] = {}
    author: dict[str, object] = {}
    metrics: dict[str, object] = {}
    for column, cell in zip(header.columns, cells, strict=False):
        if not cell or column not in COLUMNS:
            continue
        group, _, inner = column.rpartition(".")
        if group == "metrics":
            metrics[inner] = _number(cell)
        elif inner == "followers":
            author[inner] = _number(cell)
        elif inner in {"verified", "addressed"}:
            (author if group else fields)[inner] = _FLAGS.get(cell.strip().lower(), cell)
        else:
            (author if group else fields)[inner] = cell
    if author:
        fields["author"] = author
    if metrics:
        fields["metrics"] = metrics
    return fields


def _number(cell: str) -> int | float | str | None:
    """The number that a cell writes, else the cell itself, which whoever counts will leave out."""
    cell = cell.strip()
    if not cell:
        return None
    try:
        return float(cell) if not cell.lstrip("+-").isdecimal() or len(cell) > 20 else int(cell)
    except ValueError:
        return cell


def _refused(feed: _Feed, name: str, reason: str) -> Unreadable:
    feed.keep_first()
    return Unreadable(f"{name}:{feed.taken[0].number}", reason, feed.raw)


def _too_long(first: Line) -> str:
    return too_long(first) if first.cut else _ENDLESS


def _said(error: csv.Error) -> str:
    message = str(error)
    if "field larger" in message or "unexpected end of data" in message:
        return "a quote is opened here and not closed, or a cell is far too long; close it and import the row again"
    return f"the row is not CSV: {message}; put the cell in quotes, and double the quotes inside it"
