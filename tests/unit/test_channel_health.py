"""When a platform is left alone after failures, and when its silence is no calm."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from policy.channel_health import is_open, is_quiet, rest_after, throttled_since, throttled_too_long
from policy.channels import Circuit, Coverage, Grant

RULES = Circuit(failures=5, rest="1m", longest_rest="30m")
COVERAGE = Coverage(window="2h", weeks=4, at_least=20, share=0.1)


@pytest.mark.parametrize(("failures", "opened"), [(0, False), (4, False), (5, True), (6, True)])
def test_so_many_failures_in_a_row_open_the_circuit(failures: int, opened: bool) -> None:
    assert is_open(failures, RULES) is opened


@pytest.mark.parametrize(("failures", "minutes"), [(5, 1), (6, 2), (7, 4), (8, 8), (9, 16), (10, 30), (11, 30)])
def test_each_further_failure_doubles_the_rest_up_to_the_longest(failures: int, minutes: int) -> None:
    assert rest_after(failures, RULES) == timedelta(minutes=minutes)


@given(st.integers(0, 10**9))
def test_a_rest_never_overflows_nor_vanishes(failures: int) -> None:
    assert RULES.rest <= rest_after(failures, RULES) <= RULES.longest_rest


NINE = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("asked_until", "now", "too_long"),
    [
        (61, 59, False),
        (61, 60, True),
        (600, 60, True),
        (59, 60, False),  # nobody has tried since
        (59, 600, False),
    ],
)
def test_a_platform_that_asks_us_to_wait_for_too_long_is_known(asked_until: int, now: int, too_long: bool) -> None:
    until, at = NINE + timedelta(minutes=asked_until), NINE + timedelta(minutes=now)

    assert throttled_too_long(NINE, until, at, RULES) is too_long


def test_a_platform_that_never_asked_us_to_wait_has_not_done_so_for_too_long() -> None:
    assert not throttled_too_long(None, None, NINE, RULES)


@pytest.mark.parametrize(("minutes", "anew"), [(0, False), (70, False), (71, True)])
def test_a_wait_after_a_pause_in_which_nothing_was_tried_begins_anew(minutes: int, anew: bool) -> None:
    now = NINE + timedelta(minutes=minutes)

    assert throttled_since(NINE, NINE + timedelta(minutes=10), now, RULES) == (now if anew else NINE)


@pytest.mark.parametrize(
    ("now", "before", "quiet"),
    [
        (0, [100, 100, 100, 100], True),
        (10, [100, 100, 100, 100], True),
        (11, [100, 100, 100, 100], False),
        (0, [19, 19, 19, 19], False),
        (0, [20, 20, 20, 20], True),
        (0, [100, 100, 100], False),
        (0, [], False),
    ],
)
def test_quiet_is_far_less_than_usual_where_much_is_usual(now: int, before: list[int], quiet: bool) -> None:
    assert is_quiet(now, before, COVERAGE) is quiet


def test_one_storm_does_not_make_a_usual_day_look_quiet() -> None:
    assert not is_quiet(25, [25, 25, 25, 5_000], COVERAGE)


def test_one_holiday_does_not_hide_a_silence() -> None:
    assert is_quiet(0, [0, 100, 100, 100], COVERAGE)


@pytest.mark.parametrize("length", ["0s", "0m"])
def test_a_pause_of_no_length_is_refused(length: str) -> None:
    for made in (
        lambda: Circuit(rest=length),
        lambda: Circuit(longest_rest=length),
        lambda: Coverage(window=length),
        lambda: Grant(what="read", at_most=1, per=length),
    ):
        with pytest.raises(ValidationError, match="no time at all"):
            made()
