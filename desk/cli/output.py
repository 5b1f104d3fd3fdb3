"""How the command line speaks: tables for people, JSON for programs, in UTF-8 whatever the locale.

What customers wrote is data: it is never read as markup, and control characters in it are shown, not obeyed.
"""

import io
import json
import os
import sys
from collections.abc import Collection, Iterable, Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from functools import cache
from typing import TYPE_CHECKING, Any, NoReturn
from zoneinfo import ZoneInfo

import typer

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table
    from rich.text import Text

_SHOWN_CONTROLS = {code: chr(0x2400 + code) for code in range(0x20) if code not in (0x09, 0x0A)}
_SHOWN_CONTROLS |= {0x7F: "\u2421"} | {code: f"\\x{code:02x}" for code in range(0x80, 0xA0)}
# Characters that turn the direction of what follows, and so could make one text look like another.
_TURNING = (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
_SHOWN_CONTROLS |= {code: f"\\u{code:04x}" for code in _TURNING} | {0x2028: "\n", 0x2029: "\n", 0x0D: ""}
PIPED_WIDTH = 100
"""Columns of a table that nobody's terminal bounds."""


def prepare() -> None:
    """Speak UTF-8 on both streams; what UTF-8 cannot say (half a character) is written as `\\udXXX`."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")


def silence() -> None:
    """Whoever read our output has left: let nothing more be written, and nobody complain about it at the end."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (BrokenPipeError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)


def safe(text: str) -> str:
    """The text with its control characters made visible; line breaks and tabs stay."""
    return text.translate(_SHOWN_CONTROLS)


def one_line(text: str, length: int = 0) -> str:
    """The text on one line, cut to a length if one is given."""
    line = " ".join(safe(text).split())
    return f"{line[: length - 1]}…" if length and len(line) > length else line


def say(text: str) -> None:
    """A line for the person, on standard output."""
    sys.stdout.write(f"{text}\n")


def warn(text: str) -> None:
    """A line for the person, on standard error."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def fail(text: str) -> NoReturn:
    """Say what is wrong and end with exit code 1."""
    warn(text)
    raise typer.Exit(1)


@cache
def console(*, error: bool = False) -> "Console":
    """Rich's console, told to take every text literally."""
    from rich.console import Console

    stream = sys.stderr if error else sys.stdout
    width = None if stream.isatty() or "COLUMNS" in os.environ else PIPED_WIDTH
    return Console(stderr=error, markup=False, highlight=False, emoji=False, width=width)


def show(what: "RenderableType") -> None:
    """Print a table or a styled text."""
    console().print(what)


def styled(text: str, style: str = "") -> "Text":
    """A text in a colour, its control characters shown."""
    from rich.text import Text

    return Text(safe(text), style=style)


def hanging(mark: str, text: str, style: str = "") -> "Table":
    """A text whose further lines stand under its first, to the right of a mark."""
    from rich.table import Table

    made = Table.grid(padding=(0, 1))
    made.add_column(no_wrap=True)
    made.add_column(overflow="fold")
    made.add_row(styled(mark, style), safe(text))
    return made


MASKED = "(taken down by its author; our copy was masked)"
"""What is shown in the place of a message's words, where the platform's terms let us keep none."""


def clipped(text: str) -> "Text":
    """As much of a text as fits on one line of its column."""
    from rich.text import Text

    return Text(one_line(text), no_wrap=True, overflow="ellipsis")


def table(*columns: str, rows: Iterable[Iterable[object]], folds: Collection[str]) -> "Table":
    """A table without vertical lines. Where it is narrow only the columns in `folds` give way, folding their cells."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, expand=False, show_edge=False, padding=(0, 1, 0, 0))
    for name in columns:
        made.add_column(name, no_wrap=name not in folds, overflow="fold")
    for row in rows:
        made.add_row(*(cell if isinstance(cell, Text) else safe(_said(cell)) for cell in row))
    return made


def _said(value: object) -> str:
    if value is None:
        return ""
    return str(value.value) if isinstance(value, Enum) else str(value)


def plain(value: Any) -> Any:
    """A value as JSON has it: moments in ISO 8601, words as text, dataclasses as objects."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return float(value)
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(inner) for inner in value]
    return value


def json_line(value: Any) -> str:
    """A value as JSON on one line."""
    return json.dumps(plain(value), ensure_ascii=False)


def say_json(value: Any) -> None:
    """One JSON document, indented for the eye too."""
    say(json.dumps(plain(value), ensure_ascii=False, indent=2))


def say_json_list(rows: Iterable[Any]) -> None:
    """A listing as one JSON document, written as its rows come, one a line."""
    sys.stdout.write("[")
    between = "\n"
    for row in rows:
        sys.stdout.write(between + json_line(row))
        between = ",\n"
    sys.stdout.write("]\n" if between == "\n" else "\n]\n")


def moment(at: datetime | None, zone: ZoneInfo) -> str:
    """A moment in the policy's time zone: `2026-03-02 09:00`; empty for none."""
    return "" if at is None else at.astimezone(zone).strftime("%Y-%m-%d %H:%M")


def day_or_moment(at: datetime | None, zone: ZoneInfo, now: datetime) -> str:
    """A moment shortly: the time today, else day and time: `09:00`, `2 Mar 09:00`."""
    if at is None:
        return ""
    local, today = at.astimezone(zone), now.astimezone(zone)
    if local.date() == today.date():
        return f"{local:%H:%M}"
    said = f"{local.day} {local:%b} {local:%H:%M}"
    return said if local.year == today.year else f"{local.day} {local:%b %Y}"
