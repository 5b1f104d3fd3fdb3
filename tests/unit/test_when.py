"""Moments ahead as people write them."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policy.calendar import WEEKDAYS, Calendar
from policy.when import LONGEST, NoMoment, ahead, read_moment

OFFICE = Calendar.model_validate({"hours": dict.fromkeys(WEEKDAYS[:5], ("08:00-17:00",))})
MONDAY = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)
"""09:00 in Jakarta."""


def read(written: str, now: datetime = MONDAY, calendar: Calendar = OFFICE) -> str:
    """What is read, in the calendar's zone."""
    at = read_moment(written, now, calendar)
    assert at.utcoffset() == timedelta(0)
    return f"{at.astimezone(calendar.zone):%a %Y-%m-%d %H:%M}"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2026-03-05", "Thu 2026-03-05 08:00"),
        ("2026-12-01", "Tue 2026-12-01 08:00"),
        ("tomorrow", "Tue 2026-03-03 08:00"),
        ("besok", "Tue 2026-03-03 08:00"),
        ("lusa", "Wed 2026-03-04 08:00"),
        ("friday", "Fri 2026-03-06 08:00"),
        ("fri", "Fri 2026-03-06 08:00"),
        ("Jumat", "Fri 2026-03-06 08:00"),
        ("jum’at", "Fri 2026-03-06 08:00"),
        ("kamis", "Thu 2026-03-05 08:00"),
    ],
)
def test_a_day_means_until_the_desk_opens_on_it(written: str, meant: str) -> None:
    assert read(written) == meant


@pytest.mark.parametrize("written", ["2026-03-07", "saturday", "sabtu", "minggu", "ahad"])
def test_a_day_on_which_the_desk_is_closed_means_its_next_opening(written: str) -> None:
    assert read(written) == "Mon 2026-03-09 08:00"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2026-12-01 15:00", "Tue 2026-12-01 15:00"),
        ("2026-12-01T15:00", "Tue 2026-12-01 15:00"),
        ("2026-12-01 pukul 15.00", "Tue 2026-12-01 15:00"),
        ("besok pukul 15.00 WIB", "Tue 2026-03-03 15:00"),
        ("besok jam 9.30", "Tue 2026-03-03 09:30"),
        ("tomorrow at 9:30", "Tue 2026-03-03 09:30"),
        ("sunday 06:00", "Sun 2026-03-08 06:00"),
        ("today 15:00", "Mon 2026-03-02 15:00"),
        ("hari ini 15:00", "Mon 2026-03-02 15:00"),
        ("15:00", "Mon 2026-03-02 15:00"),
    ],
)
def test_a_time_of_day_is_that_time_whether_or_not_the_desk_is_open(written: str, meant: str) -> None:
    assert read(written) == meant


def test_the_weekday_it_is_today_means_the_next_one() -> None:
    assert read("monday") == read("senin") == "Mon 2026-03-09 08:00"


def test_the_weekday_it_is_today_with_a_time_still_ahead_means_today() -> None:
    assert read("monday 15:00") == "Mon 2026-03-02 15:00"


def test_the_weekday_it_is_today_with_a_time_that_passed_means_the_next_one() -> None:
    assert read("senin 08:00") == "Mon 2026-03-09 08:00"


def test_today_is_todays_in_the_calendars_zone() -> None:
    late = datetime(2026, 3, 2, 18, 0, tzinfo=UTC)
    assert read("besok", late) == "Wed 2026-03-04 08:00"


@pytest.mark.parametrize(
    ("written", "meant"),
    [("3d", "Thu 2026-03-05 09:00"), ("4h", "Mon 2026-03-02 13:00"), ("1d12h", "Tue 2026-03-03 21:00")],
)
def test_a_length_is_counted_from_now(written: str, meant: str) -> None:
    assert read(written) == meant


def test_a_length_in_working_time_is_counted_along_the_hours() -> None:
    assert read("5wd") == "Mon 2026-03-09 09:00"


@pytest.mark.parametrize("lead", ["until", "sampai", "hingga", "UNTIL"])
def test_a_leading_until_is_passed_over(lead: str) -> None:
    assert read(f"  {lead}   2026-03-05  ") == "Thu 2026-03-05 08:00"


@pytest.mark.parametrize("written", ["2026-03-01", "2020-01-01 10:00", "08:00", "today", "0001-01-01", "0d"])
def test_what_is_past_is_refused_in_so_many_words(written: str) -> None:
    with pytest.raises(NoMoment, match=r"is past. Name a (moment|day) ahead"):
        read(written)


@pytest.mark.parametrize("written", ["2027-03-20", "9999-12-31", "9999-12-31 10:00", "367d", "360wd"])
def test_more_than_a_year_ahead_is_refused_in_so_many_words(written: str) -> None:
    with pytest.raises(NoMoment, match="more than a year"):
        read(written)


@pytest.mark.parametrize(
    "written",
    ["", "soon", "2026-13-01", "2026-02-30", "25:00", "friday 24:30", "3d 15:00", "3", "²d", "1.12.2026", "besok lusa"],
)
def test_whatever_is_no_moment_is_told_what_would_be(written: str) -> None:
    with pytest.raises(NoMoment, match=r"2026-12-01 15:00"):
        read(written)


@settings(deadline=None)
@given(st.text(max_size=40))
def test_whatever_is_typed_is_a_moment_ahead_or_refused(written: str) -> None:
    try:
        at = read_moment(written, MONDAY, OFFICE)
    except NoMoment:
        return
    assert MONDAY < at <= MONDAY + LONGEST


def test_a_moment_within_a_year_passes() -> None:
    assert ahead(MONDAY + LONGEST, MONDAY, OFFICE) == MONDAY + LONGEST


@pytest.mark.parametrize("away", [timedelta(0), -timedelta(days=1), LONGEST + timedelta(seconds=1)])
def test_a_moment_that_does_not_lie_within_a_year_is_refused(away: timedelta) -> None:
    with pytest.raises(NoMoment):
        ahead(MONDAY + away, MONDAY, OFFICE)
