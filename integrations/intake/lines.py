"""Cuts a stream of bytes into lines in constant memory, however long a line is."""

import codecs
from collections.abc import Iterable, Iterator
from typing import IO, NamedTuple

MAX_LINE = 1024 * 1024
"""Bytes of a line without its ending."""

CHUNK = 64 * 1024

_LONGEST_ENDING = 4


class Line(NamedTuple):
    """One line as it stands in the file."""

    number: int
    """From 1."""
    raw: bytes
    """With its ending; the first `limit` bytes where the line is longer."""
    ending: int
    """Bytes of the ending in `raw`: LF or CRLF, 0 at the end of a file and of a line that was cut."""
    size: int
    """Bytes of the whole line without its ending."""

    @property
    def content(self) -> bytes:
        """The line without its ending."""
        return self.raw[: -self.ending] if self.ending else self.raw

    @property
    def cut(self) -> bool:
        """Whether the line was longer than allowed and only its beginning was kept."""
        return self.size > len(self.raw)


class Encoding(NamedTuple):
    """How a file is written, as its first bytes tell."""

    codec: str
    bom: bytes
    newline: bytes
    cr: bytes


UTF_8 = Encoding("utf-8", b"", b"\n", b"\r")

_MARKED = (
    Encoding("utf-8", codecs.BOM_UTF8, b"\n", b"\r"),
    Encoding("utf-16-le", codecs.BOM_UTF16_LE, b"\n\x00", b"\r\x00"),
    Encoding("utf-16-be", codecs.BOM_UTF16_BE, b"\x00\n", b"\x00\r"),
)


def encoding_of(head: bytes) -> Encoding:
    """UTF-16 where a byte order mark says so, else UTF-8."""
    return next((encoding for encoding in _MARKED if head.startswith(encoding.bom)), UTF_8)


def chunks_of(stream: IO[bytes]) -> Iterator[bytes]:
    """What the stream has, as it comes: a pipe is read without waiting for a full buffer."""
    read = getattr(stream, "read1", stream.read)
    while chunk := read(CHUNK):
        yield chunk


def lines_of(chunks: Iterable[bytes], encoding: Encoding = UTF_8, limit: int = MAX_LINE) -> Iterator[Line]:
    """Every line of the chunks, the byte order mark taken off the first.

    A line over `limit` bytes is cut there and the rest of it passed over, so that memory stays constant.
    """
    chunks = _without_bom(chunks, encoding.bom)
    width = len(encoding.newline)
    if width > 1:
        chunks = _in_whole_units(chunks, width)
    most = limit + _LONGEST_ENDING
    held: list[bytes] = []
    kept = total = 0
    number = 1
    for chunk in chunks:
        start = 0
        while start < len(chunk):
            end = _after_newline(chunk, start, encoding.newline, width)
            piece = chunk[start:end] if end else chunk[start:]
            total += len(piece)
            if kept < most:
                held.append(piece[: most - kept])
                kept += len(held[-1])
            if not end:
                break
            yield _line(number, held, total, encoding, limit, ended=True)
            number += 1
            held, kept, total, start = [], 0, 0, end
    if total:
        yield _line(number, held, total, encoding, limit, ended=False)


def _line(number: int, held: list[bytes], total: int, encoding: Encoding, limit: int, *, ended: bool) -> Line:
    raw = held[0] if len(held) == 1 else b"".join(held)
    ending = 0
    if ended:
        ending = len(encoding.newline)
        if len(raw) == total and raw.endswith(encoding.cr + encoding.newline):
            ending += len(encoding.cr)
    size = total - ending
    if size > limit:
        return Line(number, raw[:limit], 0, size)
    return Line(number, raw, ending, size)


def _after_newline(chunk: bytes, start: int, newline: bytes, width: int) -> int:
    found = chunk.find(newline, start)
    while found >= 0 and found % width:
        found = chunk.find(newline, found + 1)
    return found + width if found >= 0 else 0


def _without_bom(chunks: Iterable[bytes], bom: bytes) -> Iterator[bytes]:
    head = b""
    rest = iter(chunks)
    while len(head) < len(bom):
        chunk = next(rest, b"")
        if not chunk:
            break
        head += chunk
    head = head.removeprefix(bom)
    if head:
        yield head
    yield from rest


def _in_whole_units(chunks: Iterable[bytes], width: int) -> Iterator[bytes]:
    left = b""
    for chunk in chunks:
        whole = left + chunk
        over = len(whole) % width
        left = whole[len(whole) - over :] if over else b""
        if over:
            whole = whole[: len(whole) - over]
        if whole:
            yield whole
    if left:
        yield left
