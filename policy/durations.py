"""How the policy writes lengths of time: `90s`, `15m`, `4h`, `2d` by the wall clock; `8wh`, `2wd` in working time.

`wh` and `wm` are hours and minutes in which the desk is open; `wd` is a working day: the same time of day, one day of
opening later. The units of one length may be combined from large to small (`1d12h`, `1wd4wh`), but never wall and
working time in one.
"""

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator

_PART = re.compile(r"(\d+)\s*(wd|wh|wm|d|h|m|s)\s*")
_ORDER = ("d", "h", "m", "s")
_WORKING_ORDER = ("wd", "wh", "wm")
_UNITS = {
    "d": timedelta(days=1),
    "h": timedelta(hours=1),
    "m": timedelta(minutes=1),
    "s": timedelta(seconds=1),
    "wh": timedelta(hours=1),
    "wm": timedelta(minutes=1),
}
_LONGEST = 3660
_HELP = "write it like 90s, 15m, 4h, 2d, or in working time 30wm, 8wh, 2wd"


@dataclass(frozen=True)
class Span:
    """A length of time with the clock that it is counted by.

    `amount` is wall time where `working` is false, else opening time that follows after `days` working days.
    """

    amount: timedelta = timedelta(0)
    days: int = 0
    working: bool = False

    @property
    def least(self) -> timedelta:
        """How long it lasts on the wall at the very least, for comparing it with others (a working day as 24 h)."""
        return timedelta(days=self.days) + self.amount

    def __str__(self) -> str:
        if not self.working:
            return spoken(self.amount)
        parts = [f"{self.days} working {'day' if self.days == 1 else 'days'}"] if self.days else []
        if self.amount or not parts:
            parts.append(f"{spoken(self.amount)} of working time")
        return " and ".join(parts)


def parse_span(written: str) -> Span:
    """Read a length in wall or working time.

    Raises:
        ValueError: it is no length, mixes wall and working time, repeats or disorders its units, or exceeds ten years.
    """
    parts = _parts(written)
    units = [unit for _, unit in parts]
    working = units[0].startswith("w")
    order = _WORKING_ORDER if working else _ORDER
    if any(unit not in order for unit in units):
        raise ValueError(f"`{written}` mixes wall and working time; {_HELP}")
    places = [order.index(unit) for unit in units]
    if places != sorted(set(places)):
        raise ValueError(f"`{written}` repeats a unit or has a small one before a large one; {_HELP}")
    days = sum(number for number, unit in parts if unit == "wd")
    amount = sum((number * _UNITS[unit] for number, unit in parts if unit != "wd"), timedelta(0))
    if days > _LONGEST or amount > timedelta(days=_LONGEST):
        raise ValueError(f"`{written}` is longer than ten years")
    return Span(amount, days, working)


def parse_wall(written: str) -> timedelta:
    """Read a length by the clock on the wall (`90s`, `15m`, `5h10m`, `2d`).

    Raises:
        ValueError: it is no length, or it is in working time.
    """
    span = parse_span(written)
    if span.working:
        raise ValueError(f"`{written}` is working time, but only wall time counts here: 90s, 15m, 4h, 2d")
    return span.amount


def spoken(length: timedelta) -> str:
    """A length for people: `1 d 4 h`, `45 min`, `0 min`."""
    seconds = int(length.total_seconds())
    days, rest = divmod(seconds, 86_400)
    hours, rest = divmod(rest, 3_600)
    minutes, seconds = divmod(rest, 60)
    named = ((days, "d"), (hours, "h"), (minutes, "min"), (seconds, "s"))
    return " ".join(f"{number} {name}" for number, name in named if number) or "0 min"


def _parts(written: str) -> list[tuple[int, str]]:
    text = written.strip().lower()
    parts: list[tuple[int, str]] = []
    at = 0
    while at < len(text):
        found = _PART.match(text, at)
        if found is None or len(found[1]) > 9:
            break
        parts.append((int(found[1]), found[2]))
        at = found.end()
    if not parts or at < len(text):
        raise ValueError(f"`{written}` is no length of time; {_HELP}")
    return parts


def _span(value: Any) -> Any:
    return value if isinstance(value, Span) else parse_span(_text(value))


def _wall(value: Any) -> Any:
    return value if isinstance(value, timedelta) else parse_wall(_text(value))


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    raise ValueError(f"`{value}` has no unit; {_HELP}")


Length = Annotated[Span, BeforeValidator(_span)]
"""A field of the policy that is a length in wall or working time."""

Wall = Annotated[timedelta, BeforeValidator(_wall)]
"""A field of the policy that is a length by the clock on the wall."""
