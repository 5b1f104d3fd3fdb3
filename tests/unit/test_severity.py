"""How grave a message is under the shipped rules."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

import policy.severity
from db.words import Category, IncidentState, Kind, Risk, Severity, Visibility
from policy.assessment import TextAssessment
from policy.circumstances import Circumstances
from policy.reading import PolicyError, read_rules
from policy.severity import Case, Reach, Severities, SeverityRule, check_cases, grade

FILE = Path(policy.severity.__file__).parent / "severities.yaml"
RULES = read_rules(FILE, Severities)
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


# The table: every cell has its case


def cases() -> list[Any]:
    """Every case of the shipped table, named as a person would look for it."""
    return [
        pytest.param(rule, case, kind == "hit", id=f"{RULES.line(rule)}-{kind}-{number}-{case.say}")
        for rule in RULES.rules
        for kind in ("hit", "miss")
        for number, case in enumerate(getattr(rule.cases, kind))
    ]


@pytest.mark.parametrize(("rule", "case", "hit"), cases())
def test_a_case_comes_to_what_its_rule_says(rule: SeverityRule, case: Case, hit: bool) -> None:
    graded = grade(case.found, case.reach, case.visibility, RULES, case.around)

    assert (rule in graded.held) is hit
    assert graded.severity is case.severity


def cells() -> list[Any]:
    """Each condition of each rule, and each word of those that name several."""
    several = ("kind", "category", "remedy", "risks", "tier", "incident")
    return [
        pytest.param(rule, name, word, id=f"{RULES.line(rule)}-{name}-{word}")
        for rule in RULES.rules
        for name in sorted(rule.when.model_fields_set)
        for word in (getattr(rule.when, name) if name in several else [None])
    ]


@pytest.mark.parametrize(("rule", "condition", "word"), cells())
def test_every_cell_has_a_hit_and_a_near_miss(rule: SeverityRule, condition: str, word: object) -> None:
    if word is not None:
        named = [getattr(case, condition) for case in rule.cases.hit]
        assert any(word == one or (isinstance(one, tuple) and word in one) for one in named), f"no hit with {word}"

    without = rule.when.model_copy(update={condition: type(rule.when)().model_dump()[condition]})
    assert any(without.holds(case.found, case.reach, case.visibility, case.around) for case in rule.cases.miss), (
        f"no miss that fails at `{condition}` alone"
    )


def test_the_shipped_cases_pass_the_check() -> None:
    assert check_cases(RULES) == []


@pytest.mark.parametrize(
    ("was", "becomes", "line_says", "message"),
    [
        ("risks: [injury], visibility: private, severity: S2}", "risks: [injury], severity: S2}", "the same in an e-mail", "rule 1 holds for this case"),
        ("followers: 100_000, severity", "followers: 100, severity", "by somebody known", "does not hold for this case"),
        ("views: 999_999, severity: S2}", "views: 999_999, severity: S3}", "one view short", "this case comes to S2 (a hundred thousand people or more have seen it), not to S3"),
        ("when: {views_from: 1_000_000}\n    severity: S1", "when: {views_from: 1_000_000}\n    severity: S2", "that a million have seen", "comes to S2 (a million people or more have seen it), not to S1"),
    ],
)  # fmt: skip
def test_a_case_that_comes_to_something_else_is_named_with_its_line(
    tmp_path: Path, was: str, becomes: str, line_says: str, message: str
) -> None:
    own = tmp_path / "severities.yaml"
    written = FILE.read_text()
    assert was in written
    own.write_text(written.replace(was, becomes, 1))

    problems = check_cases(read_rules(own, Severities))

    told = {(problem.message, own.read_text().splitlines()[problem.line - 1]) for problem in problems}
    assert any(message in said and line_says in line for said, line in told), told


def test_a_rule_without_a_case_is_named(tmp_path: Path) -> None:
    own = tmp_path / "severities.yaml"
    own.write_text("otherwise: S4\nbecause: c\nrules:\n  - {when: {risks: [fraud]}, severity: S2, because: a}\n")

    assert [str(one) for one in check_cases(read_rules(own, Severities))] == [
        f"{own}:4: rule 1 (a) has no case; write one under `cases`, `hit`"
    ]


# Circumstances


@pytest.mark.parametrize(
    ("text", "around", "severity"),
    [
        ({}, Circumstances(reopened=1), Severity.S3),
        ({}, Circumstances(answer_late=True), Severity.S3),
        ({"anger": 3}, Circumstances(reopened=2), Severity.S2),
        ({}, Circumstances(complaints_before=50), Severity.S3),
        ({}, Circumstances(tier=" PLATINUM "), Severity.S3),
        ({}, Circumstances(tier="sultan"), Severity.S4),
        ({"kind": Kind.PRAISE}, Circumstances(True, 9, True, 9, "platinum", IncidentState.DECLARED), Severity.S4),
    ],
)
def test_what_stands_around_a_message_weighs_on_it(
    text: dict[str, Any], around: Circumstances, severity: Severity
) -> None:
    assert grade(found(breach=False, **text), Reach(), PUBLIC, RULES, around).severity is severity


def test_the_press_brings_its_risk_along() -> None:
    assert grade(found(), Reach(), PUBLIC, RULES, Circumstances(media_account=True)).risks == (Risk.MEDIA,)


CIRCUMSTANCES = st.builds(
    Circumstances,
    media_account=st.booleans(),
    complaints_before=st.integers(0, 6),
    answer_late=st.booleans(),
    reopened=st.integers(0, 2),
    tier=st.sampled_from([None, "regular", "gold", "platinum"]),
    incident=st.sampled_from([None, *IncidentState]),
)


@given(CIRCUMSTANCES, st.sampled_from(Kind), st.integers(0, 3), st.sets(st.sampled_from(Risk)))
def test_circumstances_never_make_it_milder(around: Circumstances, kind: Kind, anger: int, risks: set[Risk]) -> None:
    text = found(kind=kind, category=None, anger=anger, risks=tuple(risks))
    before = grade(text, Reach(), PUBLIC, RULES)
    after = grade(text, Reach(), PUBLIC, RULES, around)

    assert after.severity.at_least(before.severity)
    assert after.held[0].severity is after.severity if after.held else after.severity is RULES.otherwise


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        (
            [
                {"when": {"complaints_before_from": 5}, "severity": "S3", "because": "a"},
                {"when": {"complaints_before_from": 2}, "severity": "S2", "because": "b"},
            ],
            "severities.yaml:3: more complaints before are S3 here, but fewer are S2 already",
        ),
        (
            [{"when": {"tier": ["sultan"]}, "severity": "S2", "because": "a"}],
            "severities.yaml:3: `sultan` is not among `tiers`; write it there too",
        ),
        (
            [{"when": {"incident": ["closed"]}, "severity": "S2", "because": "a"}],
            "only an open incident counts: suspected, declared",
        ),
        (
            [{"when": {"risks": ["fraud"]}, "severity": "S2", "because": "a", "cases": {"miss": [{"views": 1}]}}],
            "`rules.0.cases.miss.0.severity` is missing",
        ),
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
