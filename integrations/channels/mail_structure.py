"""Reads what an IMAP server says of a mail's parts, and puts a large mail together without its attachments.

A mail of 40 MB is mostly photos. Its text is read all the same: the server is asked for the mail's structure
(RFC 3501, BODYSTRUCTURE), then for its header and the parts that hold text.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from integrations.intake.mail import LEFT_BEHIND

MAX_PARTS = 200
MAX_DEPTH = 20
MAX_TEXT_BYTES = 4 * 1024 * 1024
"""Of all parts together that hold text, as they were sent."""

Value = bytes | None | list["Value"]
"""Something in an answer: a string or a number, NIL, or a list."""

_TOKEN = re.compile(rb'\s*(?:(?P<open>\()|(?P<close>\))|"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<atom>[^\s()"]+))', re.DOTALL)
_LITERAL = re.compile(rb"~?\{\d+\+?\}$")
_ESCAPED = re.compile(rb"\\(.)", re.DOTALL)


class StructureError(ValueError):
    """What the server said cannot be understood, or is more than we take; a clause for a person."""


@dataclass(frozen=True)
class Part:
    """One part of a mail."""

    number: str
    """As IMAP counts them, such as `1.2`; empty for the whole mail."""
    type: str
    octets: int = 0
    """As it was sent, encoded."""
    encoding: str = ""
    attached: bool = False
    boundary: str = ""
    parts: tuple["Part", ...] = field(default=())

    @property
    def is_text(self) -> bool:
        """Whether a reader is shown it as text."""
        return self.type in {"text/plain", "text/html"} and not self.attached

    @property
    def size(self) -> int:
        """Bytes once decoded, about; base64 has 57 of them in a line of 78."""
        return self.octets * 57 // 78 if self.encoding == "base64" else self.octets

    def leaves(self) -> Iterator["Part"]:
        """Itself, or the parts that have no parts of their own, in their order."""
        if not self.parts:
            yield self
        for part in self.parts:
            yield from part.leaves()

    def every(self) -> Iterator["Part"]:
        """Itself and all parts below."""
        yield self
        for part in self.parts:
            yield from part.every()


def answers_in(data: Iterable[object]) -> Iterator[dict[str, Value]]:
    """The FETCH answers that `imaplib` handed over, each by its items' names in capitals. Raises StructureError."""
    values = _values(data)
    while len(values) >= 2:
        number, items = values[0], values[1]
        if not isinstance(number, bytes) or not isinstance(items, list):
            raise StructureError("its answer is no list of mails")
        yield {
            name.decode("ascii", "replace").upper(): value
            for name, value in zip(items[::2], items[1::2], strict=False)
            if isinstance(name, bytes)
        }
        del values[:2]


def _values(data: Iterable[object]) -> list[Value]:
    top: list[Value] = []
    stack = [top]
    for piece in data:
        head, literal = piece if isinstance(piece, tuple) else (piece, None)
        if not isinstance(head, bytes):
            continue
        if literal is not None:
            head = _LITERAL.sub(b"", head)
        _scan(head, stack)
        if literal is not None:
            stack[-1].append(bytes(literal))
    return top


def _scan(line: bytes, stack: list[list[Value]]) -> None:
    at = 0
    while at < len(line):
        token = _TOKEN.match(line, at)
        if token is None:
            if line[at:].strip():
                raise StructureError("its answer cannot be read")
            return
        at = token.end()
        if token.group("open"):
            inner: list[Value] = []
            if len(stack) > 4 * MAX_DEPTH:
                raise StructureError("the mail is nested too deeply")
            stack[-1].append(inner)
            stack.append(inner)
        elif token.group("close"):
            if len(stack) == 1:
                raise StructureError("its answer cannot be read")
            stack.pop()
        elif token.group("atom") is not None:
            atom = token.group("atom")
            stack[-1].append(None if atom.upper() == b"NIL" else atom)
        else:
            stack[-1].append(_ESCAPED.sub(rb"\1", token.group("quoted")))


def structure_of(value: Value) -> Part:
    """The parts that a BODYSTRUCTURE tells of. Raises StructureError."""
    part = _part(value, "", 0)
    if sum(1 for _ in part.every()) > MAX_PARTS:
        raise StructureError(f"it has more than {MAX_PARTS} parts")
    if sum(one.octets for one in part.leaves() if one.is_text) > MAX_TEXT_BYTES:
        raise StructureError(f"its text alone has more than {MAX_TEXT_BYTES:,} bytes")
    return part


def _part(value: Value, number: str, depth: int) -> Part:
    if not isinstance(value, list) or not value or depth > MAX_DEPTH:
        raise StructureError("its structure cannot be read")
    if isinstance(value[0], list):
        inner = [one for one in value if isinstance(one, list)]
        kinds = next((index for index, one in enumerate(value) if isinstance(one, bytes)), len(value))
        children = inner[: sum(isinstance(one, list) for one in value[:kinds])]
        subtype = _word(value, kinds)
        parameters = _pairs(value[kinds + 1] if len(value) > kinds + 1 else None)
        prefix = f"{number}." if number else ""
        parts = tuple(_part(one, f"{prefix}{index}", depth + 1) for index, one in enumerate(children, 1))
        return Part(number, f"multipart/{subtype}", boundary=parameters.get("boundary", ""), parts=parts)
    kind = f"{_word(value, 0)}/{_word(value, 1)}"
    octets = _word(value, 6)
    disposition_at = 9 if kind.startswith("text/") else 11 if kind == "message/rfc822" else 8
    disposition = value[disposition_at] if len(value) > disposition_at else None
    attached = isinstance(disposition, list) and _word(disposition, 0) == "attachment"
    return Part(
        number or "1",
        kind,
        octets=int(octets) if octets.isascii() and octets.isdigit() else 0,
        encoding=_word(value, 5),
        attached=attached,
    )


def _word(value: Sequence[Value], index: int) -> str:
    found = value[index] if len(value) > index else None
    return found.decode("ascii", "replace").lower() if isinstance(found, bytes) else ""


def _pairs(value: Value) -> dict[str, str]:
    if not isinstance(value, list):
        return {}
    return {
        name.decode("ascii", "replace").lower(): text.decode("utf-8", "replace")
        for name, text in zip(value[::2], value[1::2], strict=False)
        if isinstance(name, bytes) and isinstance(text, bytes)
    }


def wanted_of(whole: Part) -> list[str]:
    """The sections to ask for: how each part is headed, and what the text parts hold."""
    heads = [f"{part.number}.MIME" for part in whole.every() if part is not whole and part.number]
    return heads + [part.number for part in whole.leaves() if part.is_text]


def rebuilt(header: bytes, whole: Part, sections: Mapping[str, bytes]) -> bytes:
    """The mail as it was sent, but without what its attachments hold: each says how large it is."""
    if not whole.parts and not whole.is_text:
        return _noted(header, whole)
    return header.rstrip(b"\r\n") + b"\r\n\r\n" + _body(whole, sections)


def _body(part: Part, sections: Mapping[str, bytes]) -> bytes:
    if not part.parts:
        return sections.get(part.number, b"") if part.is_text else b""
    boundary = part.boundary.encode()
    pieces = []
    for one in part.parts:
        head = sections.get(f"{one.number}.MIME", b"").strip(b"\r\n")
        left = not one.parts and not one.is_text
        inner = _noted(head, one) if left else head + b"\r\n\r\n" + _body(one, sections)
        pieces.append(b"--" + boundary + b"\r\n" + inner + b"\r\n")
    return b"".join(pieces) + b"--" + boundary + b"--\r\n"


def _noted(head: bytes, part: Part) -> bytes:
    head = head.strip(b"\r\n")
    note = f"{LEFT_BEHIND}: {part.size}".encode()
    return (head + b"\r\n" if head else b"") + note + b"\r\n\r\n"
