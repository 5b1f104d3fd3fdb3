"""Numbers, counts, months and time zones as people spell them, in Indonesian and English."""

from collections.abc import Iterable
from datetime import datetime, timedelta

_ONE_TO_TEN = (
    ("satu", "dua", "tiga", "empat", "lima", "enam", "tujuh", "delapan", "sembilan", "sepuluh"),
    ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"),
)
NUMBERS = {word: value for words in _ONE_TO_TEN for value, word in enumerate(words, 1)}
"""One to ten."""

_MONTHS = (
    ("januari", "january"),
    ("februari", "february"),
    ("maret", "march"),
    ("april",),
    ("mei", "may"),
    ("juni", "june"),
    ("juli", "july"),
    ("agustus", "august"),
    ("september",),
    ("oktober", "october"),
    ("november",),
    ("desember", "december"),
)
_SHORT = (
    ("jan",),
    ("feb",),
    ("mar",),
    ("apr",),
    (),
    ("jun",),
    ("jul",),
    ("agu", "agt", "aug"),
    ("sept", "sep"),
    ("okt", "oct"),
    ("nov",),
    ("des", "dec"),
)
MONTHS = {name: number for number, names in enumerate(_MONTHS, 1) for name in names}
"""Whole names, each with its number."""
DATED_MONTHS = MONTHS | {name: number for number, names in enumerate(_SHORT, 1) for name in names}
"""With the short ones, which are months only beside a day."""

ZONE = r"(?:wib|wita|wit|utc|gmt)(?!\w)(?: ?[+-]\d{1,2}(?::\d{2})?)?(?: ?\(utc[+-]\d{1,2}(?::\d{2})?\))?"
"""A pattern for what follows a clock time: `WIB`, `WIB (UTC+7)`, `UTC+8`. In small letters."""


def counted(count: int, one: str, many: str = "") -> str:
    """So many of a thing, in English: `1 message`, `1,200 messages`; `many` where the plural is more than an s."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def zone_of(local: datetime, language: str) -> str:
    """The zone of a clock time as its reader knows it: `WIB`; in English, read elsewhere too, `WIB (UTC+7)`."""
    name, ahead = local.tzname() or "", local.utcoffset() or timedelta(0)
    hours, minutes = divmod(abs(ahead) // timedelta(minutes=1), 60)
    of_utc = (
        f"UTC{'-' if ahead < timedelta(0) else '+'}{hours}{f':{minutes:02}' if minutes else ''}" if ahead else "UTC"
    )
    if not name.isalpha() or not ahead:  # a zone without a name of its own is called by its numbers
        return of_utc
    return f"{name} ({of_utc})" if language == "en" else name


def any_of(names: Iterable[str]) -> str:
    """A pattern for any of them, the longest first."""
    return "|".join(sorted(names, key=len, reverse=True))
