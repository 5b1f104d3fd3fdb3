"""What the policy may say about the law, and what it may not."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from db.words import Gate, Severity, Visibility
from policy.legal_road import GATES, MUST_BE_ASKED, LegalRules, breach_times, emergency_times, read_precedents
from policy.loading import SHIPPED, load_policy
from policy.reach import Reach
from policy.reading import PolicyError, read_rules
from policy.routing import Routing, gates_for

FILE = SHIPPED / "legal_road.yaml"
RULES = read_rules(FILE, LegalRules)
MONDAY = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)


def changed(tmp_path: Path, change: dict[str, Any]) -> Path:
    """The shipped file with some of its parts exchanged."""
    data = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    for part, values in change.items():
        data[part] |= values
    file = tmp_path / "legal_road.yaml"
    file.write_text(yaml.safe_dump(data, allow_unicode=True), encoding="utf-8")
    return file


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"road": {"cooling_off": "71h"}}, "cooling_off"),
        ({"road": {"checklist": [{"question": "why", "asks": {"id": "?", "en": "?"}}]}}, "must ask `talked_privately`"),
        ({"breach": {"reminders": ["96h"]}}, "does not lie within the term"),
        ({"breach": {"notify": ["The Authority"]}}, "is no name for whom to notify"),
        ({"emergency": {"escalation": []}}, "escalation"),
    ],
)
def test_a_rule_that_would_take_the_brakes_off_is_refused(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    with pytest.raises(PolicyError, match=said):
        read_rules(changed(tmp_path, change), LegalRules)


def test_a_company_may_ask_more_and_wait_longer(tmp_path: Path) -> None:
    more = [*yaml.safe_load(FILE.read_text(encoding="utf-8"))["road"]["checklist"]]
    more.append(
        {"question": "what_the_board_says", "asks": {"id": "Apa kata direksi?", "en": "What does the board say?"}}
    )
    rules = read_rules(changed(tmp_path, {"road": {"cooling_off": "7d", "checklist": more}}), LegalRules)

    assert rules.road.questions == (*MUST_BE_ASKED, "what_the_board_says")
    assert rules.road.cooling_off == timedelta(days=7)


def test_no_company_softens_the_guardrail_against_threats(tmp_path: Path) -> None:
    rails = tmp_path / "guardrails"
    rails.mkdir()
    for file in (SHIPPED / "guardrails").glob("*.yaml"):
        text = file.read_text(encoding="utf-8")
        soft = text.replace("level: block", "level: warn", 1) if file.name == "legal_threat.yaml" else text
        (rails / file.name).write_text(soft, encoding="utf-8")

    with pytest.raises(PolicyError, match=r"legal_threat\.yaml:\d+: .*must be `block`"):
        load_policy(overlay=tmp_path)


def test_its_end_passes_three_gates_though_routing_forgot_it() -> None:
    rules = Routing.model_validate({"automatic": [], "every_reply": ["cs"], "because": "x", "facts": "y", "rules": []})

    needs = gates_for(
        Severity.S4,
        (),
        Reach(),
        Visibility.PRIVATE,
        states_facts=False,
        legal_road=True,
        kind="reply",  # type: ignore[arg-type]
        rules=rules,
    )

    assert tuple(need.gate for need in needs) == GATES == (Gate.PR, Gate.LEGAL, Gate.EXECUTIVE)


@pytest.mark.parametrize(
    ("text", "alleged"),
    [
        ("Data pribadi saya BOCOR di internet", True),
        ("nomor hp saya disebarkan ke grup", True),
        ("you leaked my address", True),
        ("a data\nbreach, they say", True),
        ("kok kurir tahu nomor wa saya", False),
        ("tolong hapus data saya", False),
    ],
)
def test_what_says_that_data_got_out_is_told_from_other_worries(text: str, alleged: bool) -> None:
    assert RULES.breach.alleges(text) is alleged


def test_legal_is_told_of_a_breach_at_once_and_before_its_term_ends() -> None:
    times = breach_times(MONDAY, MONDAY + RULES.breach.within, RULES.breach)

    assert [at - MONDAY for at in times.reminders] == [timedelta(hours=hours) for hours in (0, 24, 48, 66)]
    assert times.escalations[0] == MONDAY + timedelta(hours=72)


def test_an_emergency_never_falls_silent() -> None:
    times = emergency_times(MONDAY, RULES.emergency)

    assert times.next_after(MONDAY + timedelta(hours=20)) is not None
    assert list(times.escalations) == sorted(times.escalations)


def test_every_precedent_tells_what_it_cost_in_both_languages() -> None:
    precedents = read_precedents(SHIPPED / "precedents")

    assert {"Prita", "Es Teh", "Eiger"} <= {
        name for one in precedents for name in ("Prita", "Es Teh", "Eiger") if name in one.title.id
    }
    assert all(one.cost.id != one.cost.en for one in precedents)


def test_a_policy_without_precedents_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="has no precedent"):
        read_precedents(tmp_path)
