"""When the desk is open: hours a weekday, split shifts, named holidays; and working time counted along them.

All moments that go in and out are aware; hours are those of the calendar's own zone. In the hour that a change of
clocks repeats, a period starts the second time it shows and ends the first time: counted time is open by any reading.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from itertools import pairwise
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field, PrivateAttr, field_validator

from policy.durations import Span, spoken
from policy.reading import Contradiction, Rules

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MINUTES_A_DAY = 24 * 60
_LONGEST_CLOSED = timedelta(days=800)

Minutes = tuple[int, int]
"""A period of opening in minutes from local midnight, half-open; 1440 is the end of the day."""


def _period(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        opens, closes = (_minutes(part) for part in value.split("-"))
    except ValueError:
        raise ValueError(f'`{value}` is no period; write it like "08:00-12:00" (with quotes)') from None
    if opens >= closes:
        raise ValueError(f"`{value}` ends before it starts; split a night shift at midnight: 22:00-24:00, 00:00-06:00")
    return opens, closes


def _minutes(written: str) -> int:
    hour, _, minute = written.strip().partition(":")
    if not (hour.isdecimal() and minute.isdecimal() and len(minute) == 2):
        raise ValueError(written)
    total = int(hour) * 60 + int(minute)
    if int(minute) > 59 or total > _MINUTES_A_DAY:
        raise ValueError(written)
    return total


def _apart(periods: tuple[Minutes, ...]) -> tuple[Minutes, ...]:
    for (_, closes), (opens, _) in pairwise(periods):
        if opens < closes:
            raise ValueError("periods overlap or are out of order; write them from morning to evening")
    return periods


Period = Annotated[Minutes, BeforeValidator(_period)]


class Holidays(Rules):
    """Which public holidays close the desk, named by the `holidays` library."""

    country: str | None = None
    """ISO 3166 code such as `ID`; null: none but the calendar's own `closed` days."""
    subdivision: str | None = None
    language: str | None = None
    categories: tuple[str, ...] = ("public",)
    """What the library counts: `public`, and `government` for Indonesia's *cuti bersama*."""


class ClosedDay(Rules):
    """A day on which the company is closed for a reason of its own."""

    on: date
    name: str = Field(min_length=1)


class OpenDay(ClosedDay):
    """A day with hours of its own, whatever weekday or holiday it is."""

    hours: tuple[Period, ...] = Field(min_length=1)

    _apart = field_validator("hours")(_apart)


class Calendar(Rules):
    """The desk's opening hours; counts working time along them and says how."""

    timezone: str = "Asia/Jakarta"
    hours: dict[str, tuple[Period, ...]]
    holidays: Holidays = Holidays()
    closed: tuple[ClosedDay, ...] = ()
    open: tuple[OpenDay, ...] = ()

    _names: dict[int, Mapping[date, str]] = PrivateAttr(default_factory=dict)
    _known: dict[date, list[tuple[datetime, datetime]]] = PrivateAttr(default_factory=dict)

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (KeyError, OSError, ValueError):
            raise ValueError(f"`{name}` is no time zone; write it like Asia/Jakarta") from None
        return name

    @field_validator("hours")
    @classmethod
    def _known_days(cls, hours: dict[str, tuple[Minutes, ...]]) -> dict[str, tuple[Minutes, ...]]:
        for day, periods in hours.items():
            if day not in WEEKDAYS:
                raise ValueError(f"`{day}` is no weekday; they are {', '.join(WEEKDAYS)}")
            try:
                _apart(periods)
            except ValueError as error:
                raise ValueError(f"{day}: {error}") from None
        if not any(hours.values()):
            raise ValueError("the desk is never open; give at least one weekday hours")
        return hours

    def contradictions(self) -> Iterable[Contradiction]:
        """A day both closed and open, a day named twice, a country or category that the holidays library lacks."""
        seen: dict[date, str] = {}
        places: tuple[tuple[str, tuple[ClosedDay, ...]], ...] = (("closed", self.closed), ("open", self.open))
        for field, days in places:
            for index, day in enumerate(days):
                if day.on in seen:
                    yield (field, index), f"{day.on} stands under `{seen[day.on]}` already; a day has one rule"
                seen[day.on] = field
        if self.holidays.country is not None:
            why = _unknown_country(self.holidays)
            if why:
                yield ("holidays",), why

    @cached_property
    def zone(self) -> ZoneInfo:
        """The zone of the opening hours."""
        return ZoneInfo(self.timezone)

    def holiday(self, day: date) -> str | None:
        """The name of the holiday that closes the desk on this day, the company's own first; None: no holiday."""
        own = self._own_days.get(day)
        if own is not None:
            return None if isinstance(own, OpenDay) else own.name
        return self._holidays_of(day.year).get(day)

    def open_at(self, at: datetime) -> bool:
        """Whether the desk is open at this moment; the last moment of a period is closed."""
        moment = at.astimezone(UTC)
        return any(start <= moment < end for start, end in self._around(moment))

    def next_opening(self, at: datetime) -> datetime:
        """This moment if the desk is open, else the start of the next period (UTC)."""
        moment = at.astimezone(UTC)
        for start, end in self._from(moment):
            if end > moment:
                return max(start, moment)
        raise AssertionError("unreachable: `_from` ends with an error")

    def working_between(self, start: datetime, end: datetime) -> timedelta:
        """The opening time between two moments; zero if the second is not later."""
        first, last = start.astimezone(UTC), end.astimezone(UTC)
        total = timedelta(0)
        if last <= first:
            return total
        for opens, closes in self._between(first, last):
            total += max(min(closes, last) - max(opens, first), timedelta(0))
        return total

    def add_working(self, start: datetime, length: timedelta) -> tuple[datetime, list[str]]:
        """The moment (UTC) at which this much opening time has passed since the start, and the arithmetic in lines.

        With nothing to count, the start itself if the desk is open then, else the next opening.

        Raises:
            ValueError: the length is negative, or the desk is closed for more than two years in a row.
        """
        if length < timedelta(0):
            raise ValueError(f"cannot count {length} of working time; give a length of zero or more")
        moment = start.astimezone(UTC)
        counted = _Counted(self)
        left = length
        for opens, closes in self._from(moment):
            if closes <= moment:
                continue
            begin = max(opens, moment)
            taken = min(left, closes - begin)
            left -= taken
            counted.take(begin, begin + taken)
            if left <= timedelta(0):
                return begin + taken, self._opening_lines(moment) + counted.lines()
        raise AssertionError("unreachable: `_from` ends with an error")

    def add_working_days(self, start: datetime, days: int) -> tuple[datetime, list[str]]:
        """The same time of day, this many opening days later (UTC), and the arithmetic in lines.

        What comes in while the desk is closed counts from the next opening. A day that is closed at that time of day
        ends it at the next opening of the day, or where there is none at the day's last closing.
        """
        if days < 0:
            raise ValueError(f"cannot count {days} working days; give zero or more")
        moment = start.astimezone(UTC)
        begin = self.next_opening(moment)
        if not days:
            return begin, self._opening_lines(moment)
        local = begin.astimezone(self.zone)
        day, left = local.date(), days
        told: list[_Told] = []
        last_open = day
        while left:
            day += timedelta(days=1)
            if self._segments(day):
                left -= 1
                last_open = day
                told.append(_Told(day, day, "counted", days - left, days - left))
            else:
                told.append(_Told(day, day, self._closed_because(day)))
            if day - last_open > _LONGEST_CLOSED:
                raise ValueError(_NEVER.format(day=last_open))
        lines = self._opening_lines(moment) + [one.line(days) for one in _grouped(told)]
        return self._at_or_after(day, _clock_of(local)), lines

    def add(self, start: datetime, span: Span) -> tuple[datetime, list[str]]:
        """The end (UTC) of a length that starts here, by the clock it is counted by, and the arithmetic in lines."""
        if not span.working:
            return start.astimezone(UTC) + span.amount, []
        if not span.days:
            return self.add_working(start, span.amount)
        end, lines = self.add_working_days(start, span.days)
        if not span.amount:
            return end, lines
        last, more = self.add_working(end, span.amount)
        return last, lines + more

    def said(self, at: datetime) -> str:
        """A moment for people, in the calendar's zone: `Mon 2 Mar 2026 13:05 WIB`."""
        local = at.astimezone(self.zone)
        return f"{_day(local.date())} {local.year} {_clock(local)} {local.tzname()}"

    def _opening_lines(self, moment: datetime) -> list[str]:
        """Why counting starts later than the moment, if it does."""
        begin = self.next_opening(moment)
        if begin == moment:
            return []
        local, opening = moment.astimezone(self.zone), begin.astimezone(self.zone)
        day, told = local.date(), []
        while day < opening.date():
            said = f"{_clock(local)} is outside opening hours" if self._segments(day) else self._closed_because(day)
            told.append(_Told(day, day, said))
            day += timedelta(days=1)
        if opening.date() == local.date():
            told.append(_Told(day, day, f"{_clock(local)} is outside opening hours"))
        start = f"counting starts at the next opening, {_day(opening.date())} {_clock(opening)}"
        return [*(one.line() for one in _grouped(told)), start]

    def _closed_because(self, day: date) -> str:
        name = self.holiday(day)
        return f"closed ({name})" if name else f"closed ({day.strftime('%A')})"

    def _at_or_after(self, day: date, clock: time) -> datetime:
        minute = timedelta(hours=clock.hour, minutes=clock.minute, seconds=clock.second, microseconds=clock.microsecond)
        midnight = datetime.combine(day, time())
        wanted = (midnight + minute).replace(tzinfo=self.zone).astimezone(UTC)
        segments = self._segments(day)
        for opens, closes in segments:
            if wanted < closes:
                return max(opens, wanted)
        return segments[-1][1]

    def _around(self, moment: datetime) -> Iterator[tuple[datetime, datetime]]:
        day = moment.astimezone(self.zone).date()
        for shift in (-1, 0, 1):
            yield from self._segments(day + timedelta(days=shift))

    def _between(self, first: datetime, last: datetime) -> Iterator[tuple[datetime, datetime]]:
        day = first.astimezone(self.zone).date() - timedelta(days=1)
        until = last.astimezone(self.zone).date() + timedelta(days=1)
        while day <= until:
            yield from self._segments(day)
            day += timedelta(days=1)

    def _from(self, moment: datetime) -> Iterator[tuple[datetime, datetime]]:
        """The periods of opening from the day before this moment on.

        Raises:
            ValueError: none for more than two years.
        """
        begin = day = moment.astimezone(self.zone).date() - timedelta(days=1)
        last_open = begin
        while day - last_open <= _LONGEST_CLOSED:
            segments = self._segments(day)
            if segments:
                last_open = day
            yield from segments
            day += timedelta(days=1)
        raise ValueError(_NEVER.format(day=last_open))

    def _segments(self, day: date) -> list[tuple[datetime, datetime]]:
        """The day's periods of opening in UTC, worked out once."""
        if day not in self._known:
            self._known[day] = self._work_out(day)
        return self._known[day]

    def _work_out(self, day: date) -> list[tuple[datetime, datetime]]:
        own = self._own_days.get(day)
        if isinstance(own, OpenDay):
            periods = own.hours
        elif self.holiday(day) is not None:
            return []
        else:
            periods = self.hours.get(WEEKDAYS[day.weekday()], ())
        midnight = datetime.combine(day, time())
        found = []
        for opens, closes in periods:
            first, last = midnight + timedelta(minutes=opens), midnight + timedelta(minutes=closes)
            start, end = self._utc(first, fold=1), self._utc(last, fold=0)
            if end <= start:
                start = self._utc(first, fold=0)
            if start < end:
                found.append((start, end))
        return found

    def _utc(self, local: datetime, *, fold: int) -> datetime:
        """A local time in UTC; one that a change of clocks skips is the moment of the change."""
        moment = local.replace(tzinfo=self.zone, fold=fold).astimezone(UTC)
        if moment.astimezone(self.zone).replace(tzinfo=None) == local:
            return moment
        # Skipped: both folds lie as far from the change as the time lies in the gap, on either side of it.
        earlier = local.replace(tzinfo=self.zone, fold=1).astimezone(UTC)
        later = local.replace(tzinfo=self.zone, fold=0).astimezone(UTC)
        return _change_between(earlier, later, self.zone)

    @cached_property
    def _own_days(self) -> Mapping[date, ClosedDay]:
        return {day.on: day for day in (*self.closed, *self.open)}

    def _holidays_of(self, year: int) -> Mapping[date, str]:
        if self.holidays.country is None:
            return {}
        if year not in self._names:
            self._names[year] = _library(self.holidays, year)
        return self._names[year]


_NEVER = "the desk is closed for more than two years from {day}; look at `hours` and `closed` in calendar.yaml"


@dataclass(frozen=True)
class _Told:
    """What is said of one day, or of neighbouring days alike; `number` and `to` count working days."""

    first: date
    last: date
    said: str
    number: int = 0
    to: int = 0

    def line(self, of: int = 0) -> str:
        days = _day(self.first) if self.first == self.last else f"{_day(self.first)} to {_day(self.last)}"
        if not self.number:
            return f"{days}: {self.said}"
        numbers = f"day {self.number}" if self.number == self.to else f"days {self.number} to {self.to}"
        return f"{days}: working {numbers} of {of}"


class _Counted:
    """Counted periods, told a line a day, with runs of days alike in one."""

    def __init__(self, calendar: Calendar) -> None:
        self._calendar = calendar
        self._days: dict[date, list[tuple[datetime, datetime]]] = {}

    def take(self, start: datetime, end: datetime) -> None:
        local = start.astimezone(self._calendar.zone)
        self._days.setdefault(local.date(), []).append((local, end.astimezone(self._calendar.zone)))

    def lines(self) -> list[str]:
        told: list[_Told] = []
        for day, periods in self._days.items():
            if told:
                shut = told[-1].last + timedelta(days=1)
                while shut < day:
                    told.append(_Told(shut, shut, self._calendar._closed_because(shut)))
                    shut += timedelta(days=1)
            hours = ", ".join(f"{_clock(start)}-{_clock(end)}" for start, end in periods)
            total = sum((end.astimezone(UTC) - start.astimezone(UTC) for start, end in periods), timedelta(0))
            told.append(_Told(day, day, f"{hours} = {spoken(total)}"))
        return [one.line() for one in _grouped(told)]


def _grouped(told: list[_Told]) -> list[_Told]:
    """Neighbouring days of which the same is said, in one."""
    grouped: list[_Told] = []
    for one in told:
        before = grouped[-1] if grouped else None
        if before is not None and before.said == one.said:
            grouped[-1] = _Told(before.first, one.last, one.said, before.number, one.to)
        else:
            grouped.append(one)
    return grouped


def _clock_of(local: datetime) -> time:
    """The time of day; in the second round of a repeated hour, the end of that hour, so that later stays later."""
    if not local.fold:
        return local.time()
    first = local.replace(fold=0)
    offsets = first.utcoffset(), local.utcoffset()
    assert offsets[0] is not None
    assert offsets[1] is not None
    zone = local.tzinfo
    assert isinstance(zone, ZoneInfo)
    change = _change_between(first.astimezone(UTC), local.astimezone(UTC), zone).astimezone(zone)
    end = change + (offsets[0] - offsets[1])
    return end.time() if end.date() == local.date() else time.max


def _day(day: date) -> str:
    return f"{day.strftime('%a')} {day.day} {day.strftime('%b')}"


def _clock(at: datetime) -> str:
    return at.strftime("%H:%M:%S") if at.second else at.strftime("%H:%M")


def _change_between(earlier: datetime, later: datetime, zone: ZoneInfo) -> datetime:
    """The moment, to the second, at which the zone's offset changes between two moments."""
    before = earlier.astimezone(zone).utcoffset()
    low, high = 0, int((later - earlier).total_seconds())
    while high - low > 1:
        middle = (low + high) // 2
        if (earlier + timedelta(seconds=middle)).astimezone(zone).utcoffset() == before:
            low = middle
        else:
            high = middle
    return earlier + timedelta(seconds=high)


def _library(rules: Holidays, year: int) -> Mapping[date, str]:
    # Imported here: the library takes longer to import than the whole policy to read.
    from holidays import country_holidays

    found = country_holidays(
        rules.country or "",
        subdiv=rules.subdivision,
        years=year,
        expand=False,
        language=rules.language,
        categories=rules.categories,
    )
    return {day: str(name) for day, name in found.items()}


def _unknown_country(rules: Holidays) -> str | None:
    """What the holidays library does not know of these rules.

    The shipped rules are known to be good, so that reading them does not pay for importing the library.
    """
    if rules == SHIPPED_HOLIDAYS:
        return None
    try:
        _library(rules, 2026)
    except (NotImplementedError, ValueError) as error:
        return f"the holidays library cannot use this: {error}"
    return None


SHIPPED_HOLIDAYS = Holidays(country="ID", language="id", categories=("public", "government"))
"""Indonesia's public holidays and its days of collective leave (*cuti bersama*), by their Indonesian names."""
