"""By when: promise, regulator and platform; reviews, reminders, escalation."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

import policy.deadlines
from db.words import Category, Gate, Severity
from policy.calendar import Calendar
from policy.deadlines import (
    Deadlines,
    acknowledge_deadline,
    answer_deadline,
    escalation_times,
    held_deadline,
    holding_reply_at,
    reminder_times,
    review_deadline,
    suspicion_deadline,
    suspicion_escalations,
)
from policy.reading import PolicyError, read_rules

SHIPPED = Path(policy.deadlines.__file__).parent
RULES = read_rules(SHIPPED / "deadlines.yaml", Deadlines)
CALENDAR = read_rules(SHIPPED / "calendar.yaml", Calendar)
JAKARTA = ZoneInfo("Asia/Jakarta")
MONDAY = datetime(2026, 3, 2, 13, 5, tzinfo=JAKARTA)

severities = st.sampled_from(Severity)
gates = st.sampled_from(Gate)
moments = st.integers(0, 2 * 365 * 86_400).map(
    lambda seconds: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
)
unhurried = settings(deadline=None)


def rules(**changed: Any) -> Deadlines:
    written = yaml.safe_load((SHIPPED / "deadlines.yaml").read_text())
    return Deadlines.model_validate(written | changed)


def at(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 3, day, hour, minute, tzinfo=JAKARTA)


def test_a_grave_complaint_is_due_by_the_clock_even_at_night() -> None:
    assert answer_deadline(at(1, 23, 30), Severity.S1, RULES, CALENDAR).at == at(2, 0, 30)


def test_an_ordinary_one_is_due_a_working_day_later() -> None:
    due = answer_deadline(at(2, 10, 15), Severity.S3, RULES, CALENDAR)

    assert due.at == at(3, 10, 15)
    assert due.steps == (
        "came Mon 2 Mar 2026 10:15 WIB",
        "promise for S3: 1 working day",
        "Tue 3 Mar: working day 1 of 1",
        "the promise ends Tue 3 Mar 2026 10:15 WIB",
    )


def test_a_closing_reply_window_comes_before_the_promise() -> None:
    window = MONDAY + timedelta(hours=2)

    due = answer_deadline(MONDAY, Severity.S3, RULES, CALENDAR, window)

    assert due.at == window
    assert due.steps[-1] == "the earliest counts: the platform's reply window, Mon 2 Mar 2026 15:05 WIB"


def test_a_regulators_term_comes_before_a_longer_promise() -> None:
    term = {
        "name": "UU 0/2000",
        "within": "4wh",
        "categories": ["billing"],
        "channels": ["email"],
        "since": "2026-03-02",
    }
    strict = rules(regulator_terms=[term])

    due = answer_deadline(MONDAY, Severity.S3, strict, CALENDAR, category=Category.BILLING, channel="email")

    assert due.at == at(3, 8, 5)
    assert "UU 0/2000: 4 h of working time" in due.steps


@pytest.mark.parametrize(
    ("category", "channel", "received"),
    [
        (Category.PRODUCT, "email", MONDAY),
        (Category.BILLING, "x", MONDAY),
        (None, None, MONDAY),
        (Category.BILLING, "email", MONDAY - timedelta(days=1)),
    ],
)
def test_a_regulators_term_counts_only_for_its_own(category: Category, channel: str, received: datetime) -> None:
    term = {
        "name": "UU 0/2000",
        "within": "1h",
        "categories": ["billing"],
        "channels": ["email"],
        "since": "2026-03-02",
    }

    due = answer_deadline(
        received, Severity.S3, rules(regulator_terms=[term]), CALENDAR, category=category, channel=channel
    )

    assert not any("UU 0/2000" in step for step in due.steps)


def test_the_shipped_regulator_terms_wait_to_be_switched_on() -> None:
    assert not any(term.in_force for term in RULES.regulator_terms)


def test_a_review_is_due_before_its_answer() -> None:
    due = review_deadline(at(2, 16, 30), Severity.S2, Gate.PR, RULES, CALENDAR, answer_by=at(2, 17, 5))

    assert due.at == at(2, 17, 5)
    assert due.steps[-1].startswith("the earliest counts: the answer's deadline")


def test_a_late_answer_still_leaves_its_review_time() -> None:
    opened = at(2, 18)

    due = review_deadline(opened, Severity.S2, Gate.PR, RULES, CALENDAR, opened - timedelta(hours=1), opened)

    assert due.at == at(2, 19)


@unhurried
@given(moments, severities, gates, st.timedeltas(timedelta(days=-3), timedelta(days=3)))
def test_an_open_review_always_has_its_deadline_ahead(
    opened: datetime, severity: Severity, gate: Gate, away: timedelta
) -> None:
    assert review_deadline(opened, severity, gate, RULES, CALENDAR, opened + away, opened - away).at > opened


@unhurried
@given(moments, severities, st.none() | st.timedeltas(timedelta(hours=1), timedelta(days=9)))
def test_the_earliest_of_all_ends_counts(received: datetime, severity: Severity, window: timedelta | None) -> None:
    until = None if window is None else received + window

    due = answer_deadline(received, severity, RULES, CALENDAR, until)

    assert due.at == min(filter(None, (until, answer_deadline(received, severity, RULES, CALENDAR).at)))
    assert all(step.strip() for step in due.steps)


@unhurried
@given(moments, severities, gates)
def test_reminders_lie_between_opening_and_deadline_within_hours(
    opened: datetime, severity: Severity, gate: Gate
) -> None:
    deadline = review_deadline(opened, severity, gate, RULES, CALENDAR, opened + timedelta(days=30)).at

    times = reminder_times(opened, deadline, severity, RULES, CALENDAR)

    assert times
    assert all(opened < time < deadline for time in times)
    assert times == sorted(set(times))
    if RULES.keeps_hours(severity):
        assert all(CALENDAR.open_at(time) for time in times)


@unhurried
@given(moments, severities)
def test_escalations_follow_the_deadline_in_order_within_hours(deadline: datetime, severity: Severity) -> None:
    times = escalation_times(deadline, severity, RULES, CALENDAR)

    assert times[0] >= deadline
    assert all(earlier < later for earlier, later in pairwise(times))
    if RULES.keeps_hours(severity):
        assert all(CALENDAR.open_at(time) for time in times)


def test_an_ordinary_reminder_waits_for_the_morning() -> None:
    times = reminder_times(at(6, 17), at(9, 9), Severity.S3, RULES, CALENDAR)

    assert times == [at(7, 11, 15), at(9, 8, 30)]


def test_an_escalation_at_closing_waits_for_the_next_opening() -> None:
    assert escalation_times(at(6, 17, 30), Severity.S3, RULES, CALENDAR)[0] == at(7, 9)


def test_an_acknowledgement_is_due_in_minutes_at_any_hour() -> None:
    assert acknowledge_deadline(at(1, 3), Severity.S3, RULES).at == at(1, 3, 15)


def test_a_held_complaint_has_a_deadline() -> None:
    assert held_deadline(MONDAY, Severity.S2, RULES, CALENDAR).at == MONDAY + timedelta(hours=4)


def test_a_suspicion_has_a_deadline_that_calls_the_next_names() -> None:
    due = suspicion_deadline(MONDAY, RULES, CALENDAR)

    assert due.at == MONDAY + timedelta(minutes=30)
    assert suspicion_escalations(due.at, RULES) == [due.at, due.at + timedelta(minutes=15)]


def test_the_holding_reply_leaves_when_the_answer_is_due() -> None:
    assert holding_reply_at(MONDAY, RULES) == MONDAY


def test_no_holding_reply_leaves_where_policy_sends_none() -> None:
    assert holding_reply_at(MONDAY, rules(holding={"send": False})) is None


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"first_answer": {"S1": "6h", "S2": "4h", "S3": "1wd", "S4": "2wd"}}, "`first_answer` gives S1 more time"),
        ({"acknowledge": {"S1": "5m", "S2": "1h", "S3": "15m", "S4": "15m"}}, "`acknowledge` gives S2 more time"),
        ({"held": {"S1": "1h", "S2": "4h", "S3": "3wd", "S4": "2wd"}}, "`held` gives S3 more time"),
        (
            {"reminders": {"S1": ["100%"], "S2": ["50%"], "S3": ["50%"], "S4": ["50%"]}},
            "reminder `100%` of S1 does not lie between",
        ),
        (
            {"reminders": {"S1": ["0m before"], "S2": ["50%"], "S3": ["50%"], "S4": ["50%"]}},
            "reminder `0m before` of S1 comes at the deadline",
        ),
        (
            {"reminders": {"S1": ["50%"], "S2": ["3h before"], "S3": ["50%"], "S4": ["50%"]}},
            "reminder `3h before` of S2 comes before the review opens",
        ),
        (
            {"escalation": {"S1": ["10m", "0m"], "S2": ["0m"], "S3": ["0m"], "S4": ["0m"]}},
            "escalation of S1 must go from the shortest",
        ),
        ({"suspicion": {"within": "1h", "escalation": ["5m", "5m"]}}, "escalation must go from the shortest"),
        ({"holding": {"before": "2h"}}, "the holding reply would leave 2 h before"),
    ],
)
def test_rules_that_contradict_each_other_are_found(changed: dict[str, Any], said: str) -> None:
    assert any(said in message for _, message in rules(**changed).contradictions())


def test_a_review_longer_than_its_answer_is_found_on_its_line(tmp_path: Path) -> None:
    file = tmp_path / "deadlines.yaml"
    written = (SHIPPED / "deadlines.yaml").read_text().replace("S1: {cs: 15m, pr: 20m", "S1: {cs: 15m, pr: 2h")
    file.write_text(written)
    line = next(number for number, text in enumerate(written.splitlines(), 1) if "pr: 2h" in text)

    with pytest.raises(PolicyError) as refused:
        read_rules(file, Deadlines)

    assert f"deadlines.yaml:{line}: a review by pr may last 2 h, but the answer of S1 is due within 1 h" in str(
        refused.value
    )


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"held": {"S1": "1h"}}, "`held` says nothing of S2, S3, S4"),
        ({"acknowledge": {"S1": "5wm", "S2": "5m", "S3": "5m", "S4": "5m"}}, "only wall time counts here"),
        ({"question_acknowledged_from": 4}, "`4` has no unit"),
        ({"reminders": {"S1": ["soon"], "S2": [], "S3": [], "S4": []}}, "`soon` is no reminder"),
    ],
)
def test_what_is_missing_or_unreadable_is_said(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=r".*") as refused:
        rules(**changed)

    assert said in str(refused.value)
