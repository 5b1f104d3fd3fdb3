"""Cuts an mbox into its mails as they stream by, in memory bounded by the largest mail that is taken.

A mail begins at a `From ` line after a blank one; `>From ` in its body stands for `From ` (mboxo and mboxrd, see the
mbox page of qmail and RFC 4155).
"""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from integrations.intake.lines import MAX_LINE, UTF_8, Encoding, Line, lines_of

MAX_MAIL = 25 * 1024 * 1024
"""Bytes of one mail with its attachments; what mail providers take."""

_DATED = re.compile(rb"From \S.*\d\d:\d\d.*\d{4}")
_FIELD = re.compile(rb"[!-9;-~]+:|>From ")
_QUOTED = re.compile(rb">+From ")


class Mail(NamedTuple):
    """One mail's bytes as it was sent, or the reason why it is not taken, with its first bytes."""

    line: int
    """Where it begins in the file."""
    raw: bytes
    wrong: str | None


def mails_in(chunks: Iterable[bytes], encoding: Encoding = UTF_8) -> Iterator[Mail]:
    """The mails of an mbox, in their order; what stands before the first `From ` line is a mail of its own."""
    mail: _Growing | None = None
    blank_before = True
    for line, after in _with_next(lines_of(chunks, encoding)):
        if _begins(line, after, blank_before=blank_before):
            if mail is not None:
                yield mail.whole()
            mail = _Growing(line.number)
        elif mail is not None:
            mail.add(line, unquote=True)
        elif line.content.strip():
            mail = _Growing(line.number)
            mail.add(line, unquote=False)
        blank_before = not line.content
    if mail is not None:
        yield mail.whole()


def one_mail(chunks: Iterable[bytes], encoding: Encoding = UTF_8) -> Mail | None:
    """A file that holds a single mail, with or without a `From ` line above it; None where it is empty."""
    mail = _Growing(1)
    for line in lines_of(chunks, encoding):
        if line.number == 1 and line.raw.startswith(b"From "):
            continue
        mail.add(line, unquote=False)
    whole = mail.whole(separated=False)
    return whole if whole.wrong or whole.raw.strip() else None


class _Growing:
    """A mail whose lines come in one by one."""

    def __init__(self, line: int) -> None:
        self._line = line
        self._raw = bytearray()
        self._size = 0
        self._long: Line | None = None
        self._ends_blank = 0

    def add(self, line: Line, *, unquote: bool) -> None:
        self._size += line.size + line.ending
        if self._size > MAX_MAIL:
            del self._raw[MAX_LINE:]
            return
        if line.cut:
            self._long = self._long or line
        raw = line.raw
        if unquote and raw.startswith(b">") and _QUOTED.match(raw):
            raw = raw[1:]
        self._raw += raw
        self._ends_blank = line.ending if line.size == 0 else 0

    def whole(self, *, separated: bool = True) -> Mail:
        """The mail; the blank line that parts it from the next is not its own."""
        if self._size > MAX_MAIL:
            wrong = (
                f"the mail has {self._size:,} bytes, {MAX_MAIL:,} are the limit;"
                f" its first {len(self._raw):,} are kept here: take its attachments out and import it again"
            )
            return Mail(self._line, bytes(self._raw), wrong)
        if separated and self._ends_blank:
            del self._raw[-self._ends_blank :]
        if self._long is not None:
            wrong = (
                f"line {self._long.number} of the file has {self._long.size:,} bytes, {MAX_LINE:,} are the limit;"
                " the rest of that line is not kept here: have the mail sent again with shorter lines"
            )
            return Mail(self._line, bytes(self._raw), wrong)
        return Mail(self._line, bytes(self._raw), None)


def _begins(line: Line, after: Line | None, *, blank_before: bool) -> bool:
    if not line.raw.startswith(b"From "):
        return False
    dated = _DATED.match(line.raw) is not None
    headed = after is not None and _FIELD.match(after.raw) is not None
    return dated or headed if blank_before else dated and headed


def _with_next(lines: Iterator[Line]) -> Iterator[tuple[Line, Line | None]]:
    held = next(lines, None)
    while held is not None:
        after = next(lines, None)
        yield held, after
        held = after
