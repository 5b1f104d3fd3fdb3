"""Which gates a draft must pass, and why.

Gates follow severity, reach and risks whatever the kind of the message. Where `pr` or a higher gate is open, `cs` joins
only to confirm facts, and only if the draft states any.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations

from pydantic import Field, model_validator

from db.words import ESCALATED_GATES, DeliveryKind, Gate, Risk, Severity, Visibility
from policy.legal_road import GATES as LEGAL_ROAD_GATES
from policy.reach import Reach, ReachCondition
from policy.reading import Contradiction, Rules


class Purpose(StrEnum):
    """What a gate is asked for."""

    WORDING = "wording"
    FACTS = "facts"


@dataclass(frozen=True)
class GateNeed:
    """A gate that a draft must pass, what it looks at, and the reasons in words."""

    gate: Gate
    purpose: Purpose
    because: str


class GateCondition(ReachCondition):
    """What must hold for a rule: all that is given; of `risks`, any one."""

    severity_at_least: Severity | None = None
    risks: tuple[Risk, ...] = ()
    visibility: Visibility | None = None
    statement: bool | None = None
    """The draft is an incident's one answer."""
    legal_road: bool | None = None
    """The draft is the end of a legal road."""

    def holds(
        self,
        severity: Severity,
        risks: tuple[Risk, ...],
        reach: Reach,
        visibility: Visibility,
        *,
        statement: bool,
        legal_road: bool,
    ) -> bool:
        """Whether all that is given is so."""
        return (
            (self.severity_at_least is None or severity.at_least(self.severity_at_least))
            and (not self.risks or any(risk in risks for risk in self.risks))
            and (self.visibility is None or visibility == self.visibility)
            and (self.statement is None or statement is self.statement)
            and (self.legal_road is None or legal_road is self.legal_road)
            and self.reached(reach)
        )


class GateRule(Rules):
    """A condition and the gates it opens."""

    when: GateCondition
    gates: tuple[Gate, ...] = Field(min_length=1)
    because: str = Field(min_length=1)

    @model_validator(mode="after")
    def _conditional(self) -> "GateRule":
        if not self.when.model_fields_set:
            raise ValueError("`when` names no condition; what every reply passes stands in `every_reply`")
        return self


class Routing(Rules):
    """Who looks at what before it leaves."""

    automatic: tuple[DeliveryKind, ...]
    """Kinds that pass no gate: their templates were approved once, by name and hash."""
    every_reply: tuple[Gate, ...] = Field(min_length=1)
    because: str = Field(min_length=1)
    """What is told of the gates of `every_reply`."""
    facts: str = Field(min_length=1)
    """What is told where `cs` confirms facts only."""
    rules: tuple[GateRule, ...]

    def contradictions(self) -> Iterator[Contradiction]:
        """A substance that would leave unseen, or two rules for one thing that name different gates."""
        for index, kind in enumerate(self.automatic):
            if kind in (DeliveryKind.REPLY, DeliveryKind.STATEMENT):
                message = f"a {kind} says something new, so nobody has approved it yet; it cannot be automatic"
                yield ("automatic", index), message
        for (first, one), (second, other) in combinations(enumerate(self.rules), 2):
            if set(one.gates) == set(other.gates):
                continue
            both = f"{_named(other)} here but {_named(one)} in rule {first + 1}; name all gates in one rule"
            if one.when == other.when:
                yield ("rules", second), f"the same condition opens {both}"
            for risk in sorted(_only_risks(one) & _only_risks(other)):
                yield ("rules", second), f"`{risk}` opens {both}"


LEGAL_ROAD = "the draft takes a legal road, which is a last resort"
"""Why three gates look at the end of a legal road."""


def gates_for(
    severity: Severity,
    risks: tuple[Risk, ...],
    reach: Reach,
    visibility: Visibility,
    *,
    states_facts: bool,
    statement: bool = False,
    legal_road: bool = False,
    kind: DeliveryKind,
    rules: Routing,
) -> tuple[GateNeed, ...]:
    """The gates of a draft, in the order of the word list; none for what policy lists as automatic.

    A draft of the kind `statement` counts as a statement without being told so. The end of a legal road passes its
    three gates whatever the rules say.
    """
    if kind in rules.automatic:
        return ()
    statement = statement or kind is DeliveryKind.STATEMENT
    reasons: dict[Gate, list[str]] = {gate: [rules.because] for gate in rules.every_reply}
    asked = set(rules.every_reply) - {Gate.CS}
    for rule in rules.rules:
        if rule.when.holds(severity, risks, reach, visibility, statement=statement, legal_road=legal_road):
            for gate in rule.gates:
                reasons.setdefault(gate, []).append(rule.because)
                asked.add(gate)
    if legal_road:
        for gate in LEGAL_ROAD_GATES:
            reasons.setdefault(gate, []).append(LEGAL_ROAD)
    if not ESCALATED_GATES & set(reasons):
        return _needs(reasons)
    if Gate.CS in reasons and Gate.CS not in asked:
        del reasons[Gate.CS]
    needs = _needs(reasons)
    if states_facts and Gate.CS not in reasons:
        needs = (GateNeed(Gate.CS, Purpose.FACTS, rules.facts), *needs)
    return needs


def _needs(reasons: dict[Gate, list[str]]) -> tuple[GateNeed, ...]:
    return tuple(
        GateNeed(gate, Purpose.WORDING, "; ".join(dict.fromkeys(reasons[gate]))) for gate in Gate if gate in reasons
    )


def _only_risks(rule: GateRule) -> set[Risk]:
    return set(rule.when.risks) if rule.when.model_fields_set == {"risks"} else set()


def _named(rule: GateRule) -> str:
    return " and ".join(gate.value for gate in Gate if gate in rule.gates)
