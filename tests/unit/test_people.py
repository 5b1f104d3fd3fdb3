"""Who may decide, act and speak."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

import policy.people
from db.words import Gate
from policy.people import People
from policy.reading import PolicyError, read_rules

FILE = Path(policy.people.__file__).parent / "people.yaml"
SHIPPED = read_rules(FILE, People)
CS, PR, LEGAL, EXECUTIVE = Gate


def people(**changed: Any) -> People:
    return People.model_validate(yaml.safe_load(FILE.read_text()) | changed)


@pytest.mark.parametrize(
    ("person", "gate"),
    [("cs-nia", CS), ("pr-sari", PR), ("legal-dewi", LEGAL), ("legal-tono", LEGAL), ("exec-hadi", EXECUTIVE)],
)
def test_a_person_decides_at_their_own_gate_only(person: str, gate: Gate) -> None:
    assert SHIPPED.gates_of(person) == [gate]


@pytest.mark.parametrize(
    "person", ["", "nia", "cs", "CS-nia", "cs-Nia", "cs-*", "*", " cs-nia", "cs-nia\n", "cs-nia;x", "cs-" + "a" * 80]
)
def test_nobody_passes_for_somebody(person: str) -> None:
    assert not SHIPPED.knows(person)
    assert not SHIPPED.may(person, "note")


@given(st.text())
def test_whoever_decides_is_known_and_plainly_named(person: str) -> None:
    if SHIPPED.gates_of(person):
        assert SHIPPED.knows(person)
        assert person == person.strip().casefold()


@pytest.mark.parametrize(("gate", "stand_in"), [(CS, PR), (PR, EXECUTIVE), (LEGAL, EXECUTIVE), (EXECUTIVE, LEGAL)])
def test_another_gate_stands_in(gate: Gate, stand_in: Gate) -> None:
    assert SHIPPED.stand_in(gate) is stand_in


def test_escalation_calls_one_name_after_the_other() -> None:
    assert [SHIPPED.escalation(PR, level) for level in (-1, 0, 1, 2)] == [None, "pr-lead", "exec-duty", None]


def test_whoever_is_called_may_decide_there() -> None:
    assert SHIPPED.may_decide("exec-duty", PR)
    assert not SHIPPED.may_decide("exec-hadi", PR)


def test_another_member_is_known_where_names_stand() -> None:
    gates = yaml.safe_load(FILE.read_text())["gates"]
    gates["cs"] = {"members": ["nia", "budi"], "stand_in": "pr"}
    gates["pr"] = {"members": ["sari"], "stand_in": "executive"}
    gates["legal"] = {"members": ["legal-*"], "stand_in": "executive"}
    named = people(gates=gates)

    assert named.other_member(CS, "nia") is True
    assert named.other_member(CS, {"nia", "budi"}) is False
    assert named.other_member(PR, "sari") is False
    assert named.other_member(LEGAL, "legal-dewi") is None


@pytest.mark.parametrize(
    ("person", "action", "allowed"),
    [
        ("cs-nia", "publishing", False),
        ("pr-sari", "publishing", True),
        ("exec-hadi", "publishing", True),
        ("ops-adi", "publishing", True),
        ("cs-nia", "declare", False),
        ("legal-dewi", "declare", True),
        ("cs-nia", "spam", True),
        ("cs-nia", "correct", True),
        ("cs-nia", "resolve", True),
        ("ops-adi", "note", True),
        ("stranger", "note", False),
    ],
)
def test_what_a_person_may_do(person: str, action: str, allowed: bool) -> None:
    assert SHIPPED.may(person, action) is allowed


def test_the_sample_lets_every_user_speak_for_anybody() -> None:
    assert SHIPPED.may_speak("root", "cs-nia")


def test_a_user_speaks_for_whom_policy_names() -> None:
    strict = people(speakers={"nia": ["cs-nia"], "bot": ["ops-*"]})

    assert strict.may_speak("nia", "cs-nia")
    assert not strict.may_speak("nia", "pr-sari")
    assert strict.may_speak("bot", "ops-adi")
    assert not strict.may_speak("root", "cs-nia")


def test_one_person_decides_one_gate_of_a_round() -> None:
    assert SHIPPED.one_person_two_gates is False


@pytest.mark.parametrize(
    ("was", "becomes", "said"),
    [
        ("stand_in: pr\n", "stand_in: cs\n", "cs cannot stand in for itself"),
        ("  publishing:", "  publsihing:", "`publsihing` is no action"),
        ('members: ["pr-*"]', "members: []", "`gates.pr.members`"),
        ('members: ["pr-*"]', 'members: ["PR Team"]', "`PR Team` is no name"),
        ("[pr-lead, exec-duty]", "[pr-lead, pr-lead]", "names somebody twice"),
        ("[pr-lead, exec-duty]", '["pr-*"]', "`pr-*` is no person's name"),
    ],
)
def test_an_unusable_rule_is_named_with_its_line(tmp_path: Path, was: str, becomes: str, said: str) -> None:
    written = FILE.read_text()
    assert was in written
    file = tmp_path / "people.yaml"
    file.write_text(written.replace(was, becomes, 1))

    with pytest.raises(PolicyError) as refused:
        read_rules(file, People)

    (problem,) = refused.value.problems
    assert said in problem.message
    assert problem.line > 1


def test_a_gate_without_people_is_found() -> None:
    gates = yaml.safe_load(FILE.read_text())["gates"]
    del gates["legal"]

    assert any("nobody belongs to the gate legal" in message for _, message in people(gates=gates).contradictions())
