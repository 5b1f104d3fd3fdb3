"""A day's back-log after an outage: taken in and acknowledged, the gravest and newest first, within every limit."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from factories import sweep
from sqlalchemy import Engine

from bench.backlog import BACK_AT, Day, Queued, Step, Window, out_of_order
from db.words import Severity, Visibility
from policy.loading import Policy
from policy.publishing import Budget

pytest_plugins = ("lives",)

MESSAGES = 1_500


@pytest.fixture(scope="module")
def found(swept_engine: Engine, policy: Policy) -> dict[str, Any]:
    """What came of it: under limits a tenth of the shipped ones, for there are that many fewer messages."""
    sweep(swept_engine)
    budgets = tuple(
        budget.model_copy(update={"at_most": max(2, budget.at_most // 10)}) for budget in policy.publishing.budgets
    )
    tight = replace(policy, publishing=policy.publishing.model_copy(update={"budgets": budgets}))
    return Day(swept_engine, tight, MESSAGES, seed=3).work_off()


@pytest.mark.timeout(600)
def test_no_limit_of_a_platform_is_broken(found: dict[str, Any]) -> None:
    assert {name: window["broken"] for name, window in found["windows"].items() if window["broken"]} == {}
    for name in ("x public", "instagram any", "email any"):
        assert found["windows"][name]["fullest"] == found["windows"][name]["at_most"]


def test_no_message_is_lost(found: dict[str, Any]) -> None:
    assert found["messages_in"] == MESSAGES


def test_every_acknowledgement_leaves_once(found: dict[str, Any]) -> None:
    assert found["acknowledgements"] > MESSAGES / 2
    assert (found["sent"], found["sent_twice"], found["not_sent"]) == (found["acknowledgements"], 0, 0)


def test_nobody_waits_behind_somebody_less_grave(found: dict[str, Any]) -> None:
    assert found["graver_waited"] == 0


def test_nobody_waits_behind_somebody_as_grave_who_wrote_before(found: dict[str, Any]) -> None:
    assert found["newer_waited"] == 0


def test_the_gravest_hear_first(found: dict[str, Any]) -> None:
    times = found["minutes_to_acknowledge"]
    gravest, mildest = min(times), max(times)

    assert times[gravest]["median"] < times[mildest]["median"] / 4


# That the counts would show it


def test_the_count_sees_a_window_that_is_exceeded() -> None:
    window = Window("x", 2, timedelta(minutes=15))
    for minutes in (0, 5, 14, 15, 30):
        window.use(BACK_AT + timedelta(minutes=minutes))

    assert (window.fullest, window.broken) == (3, 2)


def queued(number: int, severity: Severity, minutes: int, due: int = 0) -> Queued:
    at = BACK_AT + timedelta(minutes=minutes)
    due_at = BACK_AT + timedelta(minutes=due)
    return Queued(number, f"k{number}", ("x", Visibility.PUBLIC), severity, at, due_at)


@pytest.mark.parametrize(
    ("order", "counted"),
    [
        (["k2", "k3", "k1"], (0, 0)),
        (["k1", "k2", "k3"], (1, 0)),
        (["k3", "k2", "k1"], (1, 0)),
        (["k2", "k1", "k3"], (0, 1)),
    ],
)
def test_the_comparison_sees_who_was_passed_over(order: list[str], counted: tuple[int, int]) -> None:
    rows = [queued(1, Severity.S3, -9), queued(2, Severity.S1, -99), queued(3, Severity.S3, -1)]
    steps = [Step(BACK_AT, queued_up_to=3), *(Step(BACK_AT, sent=key) for key in order)]

    assert out_of_order(rows, steps) == counted


def test_who_came_later_or_was_not_due_was_not_passed_over() -> None:
    rows = [queued(1, Severity.S4, -9), queued(2, Severity.S1, -1), queued(3, Severity.S1, -1, due=60)]
    steps = [
        Step(BACK_AT, queued_up_to=1),
        Step(BACK_AT, sent="k1"),
        Step(BACK_AT, queued_up_to=3),
        Step(BACK_AT, sent="k2"),
        Step(BACK_AT + timedelta(hours=1), sent="k3"),
    ]

    assert out_of_order(rows, steps) == (0, 0)


def test_the_policy_limits_each_channel_of_the_day(policy: Policy) -> None:
    limited = {budget.channel for budget in policy.publishing.budgets}
    assert {"x", "instagram", "email"} <= limited
    assert all(isinstance(budget, Budget) for budget in policy.publishing.budgets)
