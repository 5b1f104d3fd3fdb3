"""Which gates a draft must pass under the shipped rules."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

import policy.routing
from db.words import DeliveryKind, Gate, Risk, Severity, Visibility
from policy.reach import Reach
from policy.reading import read_rules
from policy.routing import GateNeed, Purpose, Routing, gates_for

FILE = Path(policy.routing.__file__).parent / "routing.yaml"
RULES = read_rules(FILE, Routing)
CS, PR, LEGAL, EXECUTIVE = Gate
PUBLIC, PRIVATE = Visibility.PUBLIC, Visibility.PRIVATE


def needs(
    severity: Severity = Severity.S3,
    risks: tuple[Risk, ...] = (),
    reach: Reach = Reach(),
    visibility: Visibility = PUBLIC,
    *,
    states_facts: bool = False,
    kind: DeliveryKind = DeliveryKind.REPLY,
    **more: bool,
) -> tuple[GateNeed, ...]:
    return gates_for(severity, risks, reach, visibility, states_facts=states_facts, kind=kind, rules=RULES, **more)


def gates(*args: Any, **more: Any) -> list[Gate]:
    return [need.gate for need in needs(*args, **more)]


@pytest.mark.parametrize(
    ("severity", "risks", "reach", "visibility", "expected"),
    [
        (Severity.S4, (), Reach(), PUBLIC, [CS]),
        (Severity.S3, (Risk.CHURN, Risk.REPEAT), Reach(), PUBLIC, [CS]),
        (Severity.S2, (), Reach(), PRIVATE, [PR]),
        (Severity.S3, (), Reach(views=100_000), PUBLIC, [PR]),
        (Severity.S3, (), Reach(followers=100_000), PUBLIC, [PR]),
        (Severity.S3, (Risk.VIRALITY,), Reach(), PUBLIC, [PR]),
        (Severity.S2, (Risk.MEDIA,), Reach(), PUBLIC, [PR]),
        *((Severity.S2, (risk,), Reach(), PRIVATE, [PR, LEGAL]) for risk in (
            Risk.INJURY, Risk.LEGAL_THREAT, Risk.REGULATOR, Risk.PRIVACY, Risk.FRAUD, Risk.DISCRIMINATION
        )),
        (Severity.S1, (), Reach(), PUBLIC, [PR, EXECUTIVE]),
        (Severity.S1, (), Reach(), PRIVATE, [PR]),
        (Severity.S1, (Risk.INJURY,), Reach(), PUBLIC, [PR, LEGAL, EXECUTIVE]),
    ],
)  # fmt: skip
def test_gates_follow_severity_risks_and_reach(
    severity: Severity, risks: tuple[Risk, ...], reach: Reach, visibility: Visibility, expected: list[Gate]
) -> None:
    assert gates(severity, risks, reach, visibility) == expected


def test_cs_joins_a_higher_gate_only_to_confirm_facts() -> None:
    first, second = needs(Severity.S2, states_facts=True)

    assert (first.gate, first.purpose) == (CS, Purpose.FACTS)
    assert (second.gate, second.purpose) == (PR, Purpose.WORDING)


def test_cs_alone_looks_at_the_wording_whether_there_are_facts_or_not() -> None:
    assert [need.purpose for need in needs(states_facts=True)] == [Purpose.WORDING]


def test_a_statement_passes_all_three_whatever_its_severity() -> None:
    assert gates(Severity.S4, visibility=PRIVATE, kind=DeliveryKind.STATEMENT) == [PR, LEGAL, EXECUTIVE]
    assert gates(Severity.S4, visibility=PRIVATE, statement=True) == [PR, LEGAL, EXECUTIVE]


def test_a_legal_road_passes_legal() -> None:
    assert LEGAL in gates(legal_road=True)


def test_every_gate_says_why_it_was_opened() -> None:
    (pr,) = needs(Severity.S2, (Risk.MEDIA,))

    assert pr.because == "severity S2 or graver; the press or a wide public is likely to read the answer"


@pytest.mark.parametrize("kind", [kind for kind in DeliveryKind if kind not in ("reply", "statement")])
def test_what_is_approved_by_name_and_hash_passes_no_gate(kind: DeliveryKind) -> None:
    assert gates(Severity.S1, (Risk.INJURY,), kind=kind) == []


@given(
    st.sampled_from(Severity),
    st.sets(st.sampled_from(Risk)),
    st.integers(0, 10**7),
    st.sampled_from(Visibility),
    st.booleans(),
    st.booleans(),
    st.sampled_from([DeliveryKind.REPLY, DeliveryKind.STATEMENT]),
)
def test_nothing_of_substance_leaves_without_a_gate(
    severity: Severity,
    risks: set[Risk],
    views: int,
    visibility: Visibility,
    states_facts: bool,
    legal_road: bool,
    kind: DeliveryKind,
) -> None:
    found = needs(
        severity,
        tuple(risks),
        Reach(views=views),
        visibility,
        states_facts=states_facts,
        kind=kind,
        legal_road=legal_road,
    )

    assert found
    assert any(need.purpose is Purpose.WORDING for need in found)
    assert len({need.gate for need in found}) == len(found)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"automatic": ["acknowledgement", "reply"]}, "a reply says something new"),
        (
            {
                "rules": [
                    {"when": {"risks": ["injury", "fraud"]}, "gates": ["legal"], "because": "a"},
                    {"when": {"risks": ["fraud"]}, "gates": ["pr"], "because": "b"},
                ]
            },
            "`fraud` opens pr here but legal in rule 1",
        ),
        (
            {
                "rules": [
                    {"when": {"severity_at_least": "S2"}, "gates": ["pr"], "because": "a"},
                    {"when": {"severity_at_least": "S2"}, "gates": ["legal", "pr"], "because": "b"},
                ]
            },
            "the same condition opens pr and legal here but pr in rule 1",
        ),
    ],
)
def test_rules_that_contradict_each_other_are_found(changed: dict[str, Any], said: str) -> None:
    rules = Routing.model_validate(yaml.safe_load(FILE.read_text()) | changed)

    assert any(said in message for _, message in rules.contradictions())
