"""How grave a message is under the shipped rules."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

import policy.severity
from db.words import Category, Kind, Risk, Severity, Visibility
from policy.assessment import TextAssessment
from policy.reading import PolicyError, read_rules
from policy.severity import Reach, Severities, grade

RULES = read_rules(Path(policy.severity.__file__).parent / "severities.yaml", Severities)
PUBLIC, PRIVATE = Visibility.PUBLIC, Visibility.PRIVATE
COMPLAINT = TextAssessment(
    kind=Kind.COMPLAINT,
    category=Category.PRODUCT,
    remedy=None,
    risks=(),
    anger=0,
    language="id",
    confidence={},
    evidence=(),
    addressed=True,
    about_us=True,
    opinion=True,
    breach=True,
    asks=False,
    version="test",
)


def found(**changed: Any) -> TextAssessment:
    return replace(COMPLAINT, **changed)


@pytest.mark.parametrize(
    ("text", "reach", "visibility", "severity"),
    [
        ({"risks": (Risk.INJURY,)}, Reach(), PUBLIC, Severity.S1),
        ({"risks": (Risk.INJURY,)}, Reach(), PRIVATE, Severity.S2),
        ({"risks": (Risk.INJURY, Risk.DISTRESS)}, Reach(), PRIVATE, Severity.S1),
        ({"risks": (Risk.INJURY, Risk.MEDIA)}, Reach(), PRIVATE, Severity.S1),
        ({"category": Category.SAFETY}, Reach(), PRIVATE, Severity.S2),
        ({"category": Category.FRAUD}, Reach(), PRIVATE, Severity.S2),
        *(({"risks": (risk,)}, Reach(), PUBLIC, Severity.S2) for risk in (
            Risk.LEGAL_THREAT, Risk.REGULATOR, Risk.MEDIA, Risk.PRIVACY, Risk.FRAUD, Risk.DISCRIMINATION, Risk.DISTRESS
        )),
        ({}, Reach(), PUBLIC, Severity.S3),
        ({"breach": False, "asks": True}, Reach(), PUBLIC, Severity.S3),
        ({"breach": False}, Reach(), PUBLIC, Severity.S4),
        ({"breach": False, "anger": 2}, Reach(), PUBLIC, Severity.S3),
        ({"breach": False, "risks": (Risk.REPEAT,)}, Reach(), PUBLIC, Severity.S3),
        ({"breach": False, "risks": (Risk.CHURN,)}, Reach(), PUBLIC, Severity.S3),
        ({"kind": Kind.QUESTION, "breach": False, "asks": True}, Reach(), PUBLIC, Severity.S4),
        ({"kind": Kind.PRAISE, "breach": False}, Reach(), PUBLIC, Severity.S4),
        ({"kind": Kind.PRAISE, "breach": False}, Reach(followers=100_000), PUBLIC, Severity.S2),
        ({}, Reach(views=99_999, followers=99_999), PUBLIC, Severity.S3),
        ({}, Reach(views=100_000), PUBLIC, Severity.S2),
        ({}, Reach(views=999_999), PUBLIC, Severity.S2),
        ({}, Reach(views=1_000_000), PUBLIC, Severity.S1),
        ({}, Reach(views=500_001, views_a_day_ago=5_000), PUBLIC, Severity.S1),
        ({}, Reach(views=500_001, views_a_day_ago=0), PUBLIC, Severity.S1),
        ({}, Reach(views=500_000, views_a_day_ago=5_000), PUBLIC, Severity.S2),
        ({}, Reach(views=500_001, views_a_day_ago=5_001), PUBLIC, Severity.S2),
        ({}, Reach(views=500_001), PUBLIC, Severity.S2),
    ],
)  # fmt: skip
def test_a_message_is_as_grave_as_its_gravest_fact(
    text: dict[str, Any], reach: Reach, visibility: Visibility, severity: Severity
) -> None:
    assert grade(found(**text), reach, visibility, RULES).severity is severity


@pytest.mark.parametrize(
    ("reach", "suspected"),
    [
        (Reach(views=1_000_000), True),
        (Reach(views=600_000, views_a_day_ago=800), True),
        (Reach(views=600_000, views_a_day_ago=300_000), False),
        (Reach(views=240_000), False),
        (Reach(followers=5_000_000), False),
    ],
)
def test_the_reach_of_one_post_raises_a_suspicion(reach: Reach, suspected: bool) -> None:
    assert grade(found(), reach, PUBLIC, RULES).suspected_incident is suspected


def test_wide_reach_adds_the_risk_that_comes_with_it() -> None:
    assert grade(found(risks=(Risk.CHURN,)), Reach(views=240_000), PUBLIC, RULES).risks == (Risk.CHURN, Risk.VIRALITY)


def test_every_fact_that_counts_is_told_the_gravest_first() -> None:
    because = grade(found(risks=(Risk.INJURY,), anger=3), Reach(), PUBLIC, RULES).because

    assert because[0] == "somebody was hurt or fell ill, and it is said in public"
    assert "its author is angry" in because


def test_a_message_that_no_rule_speaks_for_says_so() -> None:
    assert grade(found(breach=False), Reach(), PUBLIC, RULES).because == (RULES.because,)


@given(
    st.sets(st.sampled_from(Risk)),
    st.sampled_from(Risk),
    st.integers(0, 3),
    st.sampled_from(Visibility),
    st.integers(0, 2_000_000),
    st.integers(0, 2_000_000),
)
def test_more_risk_or_reach_never_makes_it_milder(
    risks: set[Risk], another: Risk, anger: int, visibility: Visibility, views: int, more: int
) -> None:
    before = grade(found(risks=tuple(risks), anger=anger), Reach(views=views), visibility, RULES)
    after = grade(found(risks=(*risks, another), anger=anger), Reach(views=views + more), visibility, RULES)

    assert after.severity.at_least(before.severity)
    assert set(before.risks) <= set(after.risks)


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        (
            [
                {"when": {"risks": ["fraud"]}, "severity": "S2", "because": "a"},
                {"when": {"risks": ["fraud", "privacy"]}, "severity": "S3", "because": "b"},
            ],
            "severities.yaml:4: `fraud` is S3 here but S2 in rule 1; say it once",
        ),
        (
            [
                {"when": {"kind": ["complaint"], "asks": True}, "severity": "S2", "because": "a"},
                {"when": {"asks": True, "kind": ["complaint"]}, "severity": "S3", "because": "b"},
            ],
            "severities.yaml:4: rule 2 says S3 where rule 1 says S2",
        ),
        (
            [
                {"when": {"views_from": 1_000_000}, "severity": "S3", "because": "a"},
                {"when": {"views_from": 1_000}, "severity": "S2", "because": "b"},
            ],
            "severities.yaml:3: more reach is S3 here, but less reach is S2 already",
        ),
        ([{"when": {}, "severity": "S2", "because": "a"}], "`when` names no condition"),
        (
            [{"when": {"risk": ["fraud"]}, "severity": "S2", "because": "a"}],
            "`rules.0.when.risk` is not a setting here",
        ),
        (
            [{"when": {"risks": ["frauds"]}, "severity": "S2", "because": "a"}],
            "severities.yaml:3: `rules.0.when.risks.0`",
        ),
        ([{"when": {"risks": ["fraud"]}, "severity": "S5", "because": "a"}], "severities.yaml:3: `rules.0.severity`"),
    ],
)
def test_rules_that_contradict_or_mean_nothing_are_named_with_their_line(
    tmp_path: Path, rules: list[dict[str, Any]], said: str
) -> None:
    file = tmp_path / "severities.yaml"
    lines = "".join(f"  - {yaml.safe_dump(rule, default_flow_style=True, width=500)}" for rule in rules)
    file.write_text(
        f"{{otherwise: S4, because: c, rules: [\n\n{lines}".replace("  - ", "  ").replace("}\n", "},\n") + "]}\n"
    )

    with pytest.raises(PolicyError) as refused:
        read_rules(file, Severities)

    assert said in str(refused.value)
