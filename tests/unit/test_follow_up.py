"""Whom we ask to tell the public, and when; what the outbox allows."""

from dataclasses import fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

import policy.follow_up
from db.words import Risk, Visibility
from policy.follow_up import AskDecision, AskFacts, FollowUp, ask_at, decide_ask, reopens
from policy.publishing import Publishing
from policy.reading import read_rules

SHIPPED = Path(policy.follow_up.__file__).parent
RULES = read_rules(SHIPPED / "follow_up.yaml", FollowUp)
PUBLISHING = read_rules(SHIPPED / "publishing.yaml", Publishing)
NOW = datetime(2026, 7, 8, 10, tzinfo=UTC)


def rules(**ask: Any) -> FollowUp:
    written = yaml.safe_load((SHIPPED / "follow_up.yaml").read_text())
    return FollowUp.model_validate(written | {"ask": written["ask"] | ask})


def test_whoever_is_eligible_is_asked() -> None:
    assert decide_ask(AskFacts("x"), RULES, NOW) == AskDecision(True)


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        ({"reopened": True}, "reopened"),
        ({"refused": True}, "refused"),
        ({"opted_out": True}, "refused"),
        ({"incident": True}, "incident"),
        *(({"risks": (risk,)}, "sensitive") for risk in (
            Risk.INJURY, Risk.LEGAL_THREAT, Risk.REGULATOR, Risk.PRIVACY, Risk.FRAUD, Risk.DISCRIMINATION, Risk.DISTRESS
        )),
        ({"channel": "google_play"}, "review_platform"),
        ({"complainant_known": False}, "no_private_channel"),
        ({"last_asked_at": NOW - timedelta(days=179)}, "asked_recently"),
        ({"reopened": True, "refused": True, "risks": (Risk.FRAUD,)}, "reopened"),
    ],
)  # fmt: skip
def test_a_request_is_withheld_with_its_reason(facts: dict[str, Any], why: str) -> None:
    assert decide_ask(AskFacts(**{"channel": "x"} | facts), RULES, NOW) == AskDecision(False, why)


@pytest.mark.parametrize(
    "facts",
    [
        {"risks": (Risk.CHURN, Risk.REPEAT)},
        {"last_asked_at": NOW - timedelta(days=180)},
        {"publicly_complained": False},
    ],
)
def test_these_facts_are_no_reason_to_withhold(facts: dict[str, Any]) -> None:
    assert decide_ask(AskFacts("x", **facts), RULES, NOW).ask


def test_policy_may_switch_asking_off() -> None:
    assert decide_ask(AskFacts("x"), rules(enabled=False), NOW).why == "off"


def test_policy_may_leave_private_complaints_private() -> None:
    assert (
        decide_ask(AskFacts("web", publicly_complained=False), rules(private_complaints=False), NOW).why
        == "private_complaint"
    )


def test_satisfaction_is_no_fact_of_asking() -> None:
    assert not {field.name for field in fields(AskFacts)} & {"score", "satisfied", "happy", "sentiment", "anger"}


@pytest.mark.parametrize(("score", "expected"), [(1, True), (2, True), (3, False), (5, False)])
def test_an_unhappy_score_reopens(score: int, expected: bool) -> None:
    assert reopens(score, RULES) is expected


def test_the_request_follows_the_answer_or_its_absence() -> None:
    answered = NOW + timedelta(hours=5)

    assert ask_at(NOW, answered, RULES) == answered
    assert ask_at(NOW, None, RULES) == NOW + timedelta(days=3)
    assert ask_at(NOW, answered, rules(wait_for_survey=False)) == NOW


def test_a_request_that_waits_for_no_survey_is_found() -> None:
    written = yaml.safe_load((SHIPPED / "follow_up.yaml").read_text())
    written["survey"]["send"] = False

    ((place, message),) = FollowUp.model_validate(written).contradictions()

    assert place == ("ask", "wait_for_survey")
    assert "never sent" in message


def test_the_shipped_kill_switch_exempts_nothing() -> None:
    assert PUBLISHING.kill_switch.exempt == ()


def test_a_budget_counts_for_its_own_channel_and_visibility() -> None:
    (public,) = PUBLISHING.budgets_for("x", Visibility.PUBLIC)
    (private,) = PUBLISHING.budgets_for("x", Visibility.PRIVATE)

    assert public.at_most > private.at_most
    assert len(PUBLISHING.budgets_for("email", Visibility.PRIVATE)) == 1
    assert PUBLISHING.budgets_for("web", Visibility.PUBLIC) == ()
