"""Reads a moment ahead as people write it: `2026-12-01`, `friday`, `besok 15:00`, `3d`; in English and Indonesian.

A day without a time of day means until the desk opens on that day, or on the next one that has hours.
"""

import re
from datetime import UTC, date, datetime, time, timedelta

from policy.calendar import WEEKDAYS, Calendar
from policy.durations import parse_span

LONGEST = timedelta(days=366)
"""Nobody is away for longer than about a year; a longer time is a slip of the finger."""

_HELP = "Write 2026-12-01, 2026-12-01 15:00, friday (jumat), tomorrow (besok), or a length such as 3d."
_LEAD = re.compile(r"(?:until|till|sampai|hingga)\s+")
_CLOCK = re.compile(r"(?:(?:^|\s+|(?<=[0-9])t)(?:(?:at|jam|pukul)\s+)?([0-9]{1,2})[:.]([0-9]{2}))$")
_DATE = re.compile(r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})")
_DAYS_AHEAD = {"today": 0, "hari ini": 0, "tomorrow": 1, "besok": 1, "day after tomorrow": 2, "lusa": 2}
_INDONESIAN = ("senin", "selasa", "rabu", "kamis", "jumat", "sabtu", "minggu")
_WEEKDAYS = {
    **{name: place for place, name in enumerate(WEEKDAYS)},
    **{name[:3]: place for place, name in enumerate(WEEKDAYS)},
    **{name: place for place, name in enumerate(_INDONESIAN)},
    "jum'at": 4,
    "ahad": 6,
}


class NoMoment(ValueError):
    """What was written is no moment ahead; the text says what would be."""


def read_moment(written: str, now: datetime, calendar: Calendar) -> datetime:
    """The moment (UTC) that somebody means who writes this now, in the calendar's zone.

    Raises:
        NoMoment: it is no moment, is past, or lies more than a year ahead.
    """
    said = _LEAD.sub("", " ".join(written.lower().replace("’", "'").split()), count=1)
    said = said.removesuffix(f" {now.astimezone(calendar.zone).tzname()}".lower())
    clock = _CLOCK.search(said)
    if clock is not None:
        at = _at_the_clock(said[: clock.start()].strip(), _time(clock, written), now, calendar, written)
    else:
        day = _day(said, now.astimezone(calendar.zone).date(), written)
        at = _after(said, now, calendar, written) if day is None else _opening(day, now, calendar)
    return ahead(at, now, calendar)


def ahead(at: datetime, now: datetime, calendar: Calendar) -> datetime:
    """The moment itself, if it lies ahead and within a year.

    Raises:
        NoMoment: it does not.
    """
    if at <= now:
        raise NoMoment(f"{calendar.said(at)} is past. Name a moment ahead.")
    if at - now > LONGEST:
        raise NoMoment(f"{calendar.said(at)} is more than a year ahead. Name a nearer day.")
    return at


def _at_the_clock(day: str, clock: time, now: datetime, calendar: Calendar, written: str) -> datetime:
    """A time of day: today's where no day is named; on a named weekday, this week's if that is still to come."""
    today = now.astimezone(calendar.zone).date()
    place = _WEEKDAYS.get(day)
    if place is not None:
        on = today + timedelta(days=(place - today.weekday()) % 7)
        at = _moment(on, clock, calendar)
        return at if at > now else _moment(on + timedelta(days=7), clock, calendar)
    found = _day(day, today, written) if day else today
    if found is None:
        raise _nothing(written)
    return _moment(_near(found, now, calendar), clock, calendar)


def _opening(day: date, now: datetime, calendar: Calendar) -> datetime:
    """When the desk opens on this day, or next after it."""
    return calendar.next_opening(_moment(_near(day, now, calendar), time(), calendar))


def _after(said: str, now: datetime, calendar: Calendar, written: str) -> datetime:
    """The end of a length that starts now."""
    try:
        span = parse_span(said)
    except ValueError:
        raise _nothing(written) from None
    if span.least > LONGEST:
        raise NoMoment(f"`{written}` is more than a year. Name a nearer day.")
    return calendar.add(now, span)[0]


def _day(said: str, today: date, written: str) -> date | None:
    """The day that these words name; a weekday is the next one after today. None: they name no day."""
    if said in _DAYS_AHEAD:
        return today + timedelta(days=_DAYS_AHEAD[said])
    if said in _WEEKDAYS:
        return today + timedelta(days=(_WEEKDAYS[said] - today.weekday()) % 7 or 7)
    found = _DATE.fullmatch(said)
    if found is None:
        return None
    try:
        return date(int(found[1]), int(found[2]), int(found[3]))
    except ValueError:
        raise NoMoment(f"`{written}` is no day of the calendar. {_HELP}") from None


def _near(day: date, now: datetime, calendar: Calendar) -> date:
    """The day, unless it is so far away that nothing needs to be worked out."""
    today = now.astimezone(calendar.zone).date()
    if day < today:
        raise NoMoment(f"{day} is past. Name a day ahead.")
    if day - today > LONGEST:
        raise NoMoment(f"{day} is more than a year ahead. Name a nearer day.")
    return day


def _time(found: re.Match[str], written: str) -> time:
    try:
        return time(int(found[1]), int(found[2]))
    except ValueError:
        raise NoMoment(f"`{written}` has no time of day such as 15:00. {_HELP}") from None


def _moment(day: date, clock: time, calendar: Calendar) -> datetime:
    return datetime.combine(day, clock, calendar.zone).astimezone(UTC)


def _nothing(written: str) -> NoMoment:
    return NoMoment(f"`{written}` is no moment. {_HELP}")
