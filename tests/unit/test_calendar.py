"""Working time: split shifts, named holidays, changes of clocks."""

from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import policy.calendar
from policy.calendar import SHIPPED_HOLIDAYS, WEEKDAYS, Calendar, ClosedDay, Holidays, OpenDay
from policy.durations import Span, parse_span, parse_wall, spoken
from policy.reading import PolicyError, read_rules

JAKARTA = ZoneInfo("Asia/Jakarta")
OFFICE = ((8 * 60, 12 * 60), (13 * 60, 17 * 60))
SHIPPED = read_rules(Path(policy.calendar.__file__).parent / "calendar.yaml", Calendar)
ZONES = (
    "Asia/Jakarta",
    "Europe/Berlin",
    "America/New_York",
    "America/Havana",
    "Australia/Lord_Howe",
    "Africa/Casablanca",
)


def office(**more: object) -> Calendar:
    return Calendar.model_validate({"hours": dict.fromkeys(WEEKDAYS[:5], OFFICE), **more})


def at(written: str) -> datetime:
    return datetime.fromisoformat(written).replace(tzinfo=JAKARTA)


unhurried = settings(deadline=None)  # other work on the machine is no reason to fail
moments = st.integers(0, 3 * 365 * 86_400).map(
    lambda seconds: datetime(2025, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
)
lengths = st.timedeltas(timedelta(0), timedelta(hours=30))


@st.composite
def shifts(draw: st.DrawFn) -> tuple[tuple[int, int], ...]:
    edges = sorted(15 * quarter for quarter in draw(st.sets(st.integers(0, 96), min_size=2, max_size=6)))
    return tuple(zip(edges[::2], edges[1::2], strict=False))


@st.composite
def calendars(draw: st.DrawFn) -> Calendar:
    hours = {day: draw(st.one_of(st.just(()), shifts())) for day in WEEKDAYS}
    assume(any(hours.values()))
    days = draw(st.sets(st.dates(date(2025, 1, 1), date(2027, 12, 31)), max_size=8))
    half = len(days) // 2
    return Calendar(
        timezone=draw(st.sampled_from(ZONES)),
        hours=hours,
        closed=tuple(ClosedDay(on=day, name="Libur") for day in sorted(days)[:half]),
        open=tuple(OpenDay(on=day, name="Siaga", hours=draw(shifts())) for day in sorted(days)[half:]),
    )


def periods_on(calendar: Calendar, day: date) -> tuple[tuple[int, int], ...]:
    for own in calendar.open:
        if own.on == day:
            return own.hours
    if any(own.on == day for own in calendar.closed):
        return ()
    return calendar.hours[WEEKDAYS[day.weekday()]]


def within_hours(calendar: Calendar, moment: datetime) -> bool:
    """By the clock on the wall alone, ends included."""
    local = moment.astimezone(calendar.zone).replace(tzinfo=None)
    for day in (local.date(), local.date() - timedelta(days=1)):
        midnight = datetime.combine(day, time())
        for opens, closes in periods_on(calendar, day):
            if midnight + timedelta(minutes=opens) <= local <= midnight + timedelta(minutes=closes):
                return True
    return False


def in_a_skipped_or_repeated_hour(calendar: Calendar, moment: datetime) -> bool:
    offsets = {(moment + timedelta(hours=shift)).astimezone(calendar.zone).utcoffset() for shift in (-2, 0, 2)}
    return len(offsets) > 1


@unhurried
@given(calendars(), moments, lengths)
def test_counted_time_ends_within_opening_hours(calendar: Calendar, start: datetime, length: timedelta) -> None:
    end, _ = calendar.add_working(start, length)

    assert within_hours(calendar, end) or in_a_skipped_or_repeated_hour(calendar, end)
    assert end >= start


@unhurried
@given(calendars(), moments, lengths)
def test_between_start_and_end_lies_exactly_the_counted_time(
    calendar: Calendar, start: datetime, length: timedelta
) -> None:
    end, _ = calendar.add_working(start, length)

    assert calendar.working_between(start, end) == length


@unhurried
@given(calendars(), moments, moments, lengths, lengths)
def test_who_starts_later_or_counts_longer_ends_no_earlier(
    calendar: Calendar, one: datetime, other: datetime, short: timedelta, long: timedelta
) -> None:
    first, last = sorted((one, other))
    less, more = sorted((short, long))

    assert calendar.add_working(first, less)[0] <= calendar.add_working(last, more)[0]


@unhurried
@given(calendars(), moments, st.timedeltas(timedelta(0), timedelta(days=3)), st.integers(0, 6))
def test_working_days_keep_the_order_of_arrival(
    calendar: Calendar, start: datetime, later: timedelta, days: int
) -> None:
    assert calendar.add_working_days(start, days)[0] <= calendar.add_working_days(start + later, days)[0]


@unhurried
@given(calendars(), moments, st.integers(0, 6))
def test_working_days_end_within_opening_hours(calendar: Calendar, start: datetime, days: int) -> None:
    end, _ = calendar.add_working_days(start, days)

    assert within_hours(calendar, end) or in_a_skipped_or_repeated_hour(calendar, end)


@unhurried
@given(calendars(), moments)
def test_the_next_opening_is_open_and_nothing_before_it_is(calendar: Calendar, start: datetime) -> None:
    opening = calendar.next_opening(start)

    assert calendar.open_at(opening)
    assert calendar.working_between(start, opening) == timedelta(0)


def test_the_lunch_break_is_not_counted() -> None:
    end, steps = office().add_working(at("2026-03-02T11:30"), timedelta(hours=1))

    assert end == at("2026-03-02T13:30")
    assert steps == ["Mon 2 Mar: 11:30-12:00, 13:00-13:30 = 1 h"]


def test_a_deadline_at_closing_time_stays_there() -> None:
    assert office().add_working(at("2026-03-02T16:00"), timedelta(hours=1))[0] == at("2026-03-02T17:00")


def test_a_holiday_is_named_in_the_arithmetic() -> None:
    end, steps = SHIPPED.add_working(at("2026-04-02T15:00"), timedelta(hours=5))

    assert end == at("2026-04-04T12:00")
    assert steps == [
        "Thu 2 Apr: 15:00-17:00 = 2 h",
        "Fri 3 Apr: closed (Wafat Yesus Kristus)",
        "Sat 4 Apr: 09:00-12:00 = 3 h",
    ]


def test_what_comes_on_a_holiday_counts_from_the_next_opening() -> None:
    end, steps = SHIPPED.add_working_days(at("2026-08-17T10:00"), 1)

    assert end == at("2026-08-19T08:00")
    assert steps == [
        "Mon 17 Aug: closed (Hari Kemerdekaan Republik Indonesia)",
        "counting starts at the next opening, Tue 18 Aug 08:00",
        "Wed 19 Aug: working day 1 of 1",
    ]


def test_collective_leave_closes_the_desk_by_name() -> None:
    assert SHIPPED.holiday(date(2026, 3, 20)) == "Cuti Bersama Hari Raya Idul Fitri"


def test_holidays_of_another_country_and_language() -> None:
    calendar = office(timezone="Europe/Berlin", holidays={"country": "DE", "language": "de"})

    assert calendar.holiday(date(2026, 10, 3)) == "Tag der Deutschen Einheit"


def test_a_day_of_ones_own_opens_on_a_holiday() -> None:
    calendar = office(
        holidays=SHIPPED.holidays, open=[OpenDay(on=date(2026, 12, 25), name="Siaga", hours=((540, 600),))]
    )

    assert calendar.open_at(at("2026-12-25T09:30"))
    assert not SHIPPED.open_at(at("2026-12-25T09:30"))


def test_a_day_of_ones_own_is_closed_by_its_name() -> None:
    calendar = office(closed=[{"on": "2026-09-14", "name": "Ulang tahun"}])

    assert calendar.add_working(at("2026-09-14T09:00"), timedelta(hours=1))[1][0] == "Mon 14 Sep: closed (Ulang tahun)"


def test_a_shift_over_midnight_counts_through() -> None:
    calendar = Calendar(hours={"monday": ((22 * 60, 1440),), "tuesday": ((0, 6 * 60),)})

    assert calendar.add_working(at("2026-03-02T23:00"), timedelta(hours=2))[0] == at("2026-03-03T01:00")


def test_an_hour_that_summer_time_skips_counts_nothing() -> None:
    calendar = Calendar(timezone="Europe/Berlin", hours=dict.fromkeys(WEEKDAYS, ((60, 240),)))
    start = datetime(2026, 3, 29, 1, tzinfo=calendar.zone)

    end, _ = calendar.add_working(start, timedelta(hours=2))

    assert end.astimezone(calendar.zone).hour == 4


def test_a_long_stretch_is_told_in_few_lines() -> None:
    _, steps = office().add_working_days(at("2026-03-02T09:00"), 10)

    assert steps[0] == "Tue 3 Mar to Fri 6 Mar: working days 1 to 4 of 10"
    assert len(steps) == 7


def test_a_calendar_that_is_closed_for_years_says_so() -> None:
    days = tuple(ClosedDay(on=date(2026, 1, 5) + timedelta(weeks=week), name="Tutup") for week in range(160))
    calendar = Calendar(hours={"monday": ((540, 600),)}, closed=days)

    with pytest.raises(ValueError, match="closed for more than two years"):
        calendar.next_opening(at("2026-01-05T08:00"))


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ('hours: {monday: ["08:00-07:00"]}', "ends before it starts"),
        ('hours: {monday: ["8-17"]}', "is no period"),
        ('hours: {monday: ["08:00-12:00", "11:00-13:00"]}', "overlap"),
        ('hours: {senin: ["08:00-12:00"]}', "`senin` is no weekday"),
        ("hours: {monday: []}", "never open"),
        ('hours: {monday: ["08:00-12:00"]}\ntimezone: Asia/Jakrta', "`Asia/Jakrta` is no time zone"),
        ('hours: {monday: ["08:00-12:00"]}\nholidays: {country: XX}', "holidays library cannot use this"),
        ('hours: {monday: ["08:00-12:00"]}\nholidays: {country: ID, categories: [school]}', "holidays library cannot"),
        (
            'hours: {monday: ["08:00-12:00"]}\nclosed: [{on: 2026-01-01, name: A}]\n'
            'open:\n  - {on: 2026-01-01, name: B, hours: ["08:00-09:00"]}',
            "calendar.yaml:4: 2026-01-01 stands under `closed` already",
        ),
    ],
)
def test_an_impossible_calendar_is_refused_with_its_reason(tmp_path: Path, written: str, said: str) -> None:
    file = tmp_path / "calendar.yaml"
    file.write_text(written + "\n")

    with pytest.raises(PolicyError) as refused:
        read_rules(file, Calendar)

    assert said in str(refused.value)


def test_the_shipped_holidays_are_known_to_their_library() -> None:
    assert SHIPPED.holidays == SHIPPED_HOLIDAYS
    assert Calendar(hours={"monday": OFFICE}, holidays=Holidays(**SHIPPED_HOLIDAYS.model_dump())).holiday(
        date(2026, 1, 1)
    )


@pytest.mark.parametrize(
    ("written", "span"),
    [
        ("90s", Span(timedelta(seconds=90))),
        ("5h10m", Span(timedelta(hours=5, minutes=10))),
        ("2wd", Span(days=2, working=True)),
        ("1wd 4wh", Span(timedelta(hours=4), 1, working=True)),
        ("0m", Span()),
    ],
)
def test_lengths_are_read_as_written(written: str, span: Span) -> None:
    assert parse_span(written) == span


@pytest.mark.parametrize("written", ["", "5", "h", "1x", "4h2d", "1h1h", "2h3wh", "-1h", "1.5h", "99999999d"])
def test_a_length_that_is_none_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match=r"no length|mixes|repeats|ten years"):
        parse_span(written)


def test_working_time_is_refused_where_only_the_wall_clock_counts() -> None:
    with pytest.raises(ValueError, match="only wall time"):
        parse_wall("8wh")


@given(st.integers(0, 10**7))
def test_a_spoken_length_loses_nothing(seconds: int) -> None:
    units = {"d": "d", "h": "h", "min": "m", "s": "s"}
    parts = spoken(timedelta(seconds=seconds)).split()
    written = "".join(number + units[unit] for number, unit in zip(parts[::2], parts[1::2], strict=True))

    assert parse_wall(written) == timedelta(seconds=seconds)
