"""Reads JSON lines: one object a line, each judged on its own, so that a bad one disturbs no other."""

import json
import math
import re
from collections.abc import Iterable, Iterator
from typing import Any

from integrations.intake.fields import Terms, read_record
from integrations.intake.lines import MAX_LINE, Encoding, Line, lines_of
from integrations.intake.text import shown
from integrations.record import Incoming, Unreadable

_ESCAPED_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_WHITE = " \t\r\n\ufeff"
_LONGEST_INTEGER = 1000
"""Digits; Python itself refuses to read integers of more than some thousand."""


class _NotJsonError(ValueError):
    """A word that other programs write and JSON does not know."""


def read_json_lines(
    chunks: Iterable[bytes], encoding: Encoding, name: str, terms: Terms
) -> Iterator[Incoming | Unreadable]:
    """One item for each line that is not empty, in their order, in constant memory."""
    decoder = _Decoder()
    for line in lines_of(chunks, encoding):
        item = _read_line(line, encoding, f"{name}:{line.number}", terms, decoder)
        if item is not None:
            yield item


def undecodable(error: UnicodeDecodeError) -> str:
    """Why bytes could not be read as text, for a person."""
    codec = "UTF-16" if "16" in error.encoding else error.encoding.upper()
    return f"byte {error.start + 1} is not {codec}; write the record in UTF-8 again and import it once more"


def too_long(line: Line) -> str:
    """Why a line over the limit was not taken, and how much of it was kept."""
    return (
        f"the line has {line.size:,} bytes, {MAX_LINE:,} are the limit; its first {len(line.raw):,} bytes are kept:"
        " shorten the record and import it again"
    )


def _read_line(
    line: Line, encoding: Encoding, place: str, terms: Terms, decoder: "_Decoder"
) -> Incoming | Unreadable | None:
    raw = line.content
    if line.cut:
        return Unreadable(place, too_long(line), raw)
    try:
        text = raw.decode(encoding.codec)
    except UnicodeDecodeError as error:
        return Unreadable(place, undecodable(error), raw)
    # A byte order mark also stands inside where files were joined.
    text = text.strip(_WHITE)
    if not text:
        return None
    try:
        fields, warnings = decoder.read(text)
    except json.JSONDecodeError as error:
        return Unreadable(place, f"the line is not JSON: {_said(error, text)}; write one JSON object a line", raw)
    except _NotJsonError as error:
        return Unreadable(place, f"the line is not JSON: {error}", raw)
    except RecursionError:
        return Unreadable(place, "the line is nested too deeply; write one flat JSON object a line", raw)
    if not isinstance(fields, dict):
        return Unreadable(place, "the line is JSON but no object; write one JSON object {…} a line", raw)
    if _ESCAPED_SURROGATE.search(text) and _has_lone_surrogate(fields):
        reason = "the line holds half of a character (a lone surrogate such as \\ud83d); write whole characters"
        return Unreadable(place, reason, raw)
    return read_record(fields, terms, place=place, raw=raw, warnings=warnings)


class _Decoder:
    """JSON as its standard has it, noting keys that stand twice."""

    def __init__(self) -> None:
        self._twice: list[str] = []
        self._decoder = json.JSONDecoder(
            object_pairs_hook=self._object, parse_int=_integer, parse_constant=_refuse_constant
        )

    def read(self, text: str) -> tuple[Any, list[str]]:
        """The value and a sentence for each key that stood twice."""
        self._twice = []
        value = self._decoder.decode(text)
        return value, self._twice

    def _object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) < len(pairs):
            self._twice.extend(
                f"{shown(key)!r} stands more than once in an object: its last value counts" for key in _repeated(pairs)
            )
        return made


def _repeated(pairs: list[tuple[str, Any]]) -> list[str]:
    seen: set[str] = set()
    twice: dict[str, None] = {}
    for key, _ in pairs:
        if key in seen:
            twice[key] = None
        seen.add(key)
    return list(twice)


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= _LONGEST_INTEGER else math.inf


def _refuse_constant(word: str) -> float:
    raise _NotJsonError(f"{word} is no JSON number; leave the field out")


def _has_lone_surrogate(value: object) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    return False


def _said(error: json.JSONDecodeError, text: str) -> str:
    if error.msg.startswith("Invalid control character"):
        code = ord(text[error.pos]) if error.pos < len(text) else 0
        return f"a control character stands bare in a text at column {error.pos + 1}, write it as \\u{code:04x}"
    return f"{error.msg[0].lower()}{error.msg[1:]} at column {error.pos + 1}"
