"""How grave a message is: S1 (people harmed or in danger, or the company's name at stake) to S4.

The rules are data (severities.yaml): each that holds speaks for a severity, the gravest wins, and all that held are
told, so that a person sees why. Reach comes in here, not in the assessment of the text.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

from pydantic import Field, model_validator

from db.words import Category, Kind, Remedy, Risk, Severity, Visibility
from policy.assessment import TextAssessment
from policy.reach import Reach, ReachCondition
from policy.reading import Contradiction, Rules

__all__ = ["Grade", "Reach", "Severities", "SeverityRule", "grade"]


@dataclass(frozen=True)
class Grade:
    """A message's severity with its reasons, the gravest first.

    `risks` are those of the text and those that reach adds, in the order of the word list. `suspected_incident`: the
    reach of this one message is enough to suspect a crisis.
    """

    severity: Severity
    risks: tuple[Risk, ...]
    because: tuple[str, ...]
    suspected_incident: bool


class Condition(ReachCondition):
    """What must hold for a rule: all that is given; of a list, any one (of `all_risks`, every one)."""

    kind: tuple[Kind, ...] = ()
    category: tuple[Category, ...] = ()
    remedy: tuple[Remedy, ...] = ()
    risks: tuple[Risk, ...] = ()
    all_risks: tuple[Risk, ...] = ()
    anger_at_least: int | None = Field(default=None, ge=1, le=3)
    visibility: Visibility | None = None
    asks: bool | None = None
    breach: bool | None = None

    def holds(self, found: TextAssessment, reach: Reach, visibility: Visibility) -> bool:
        """Whether all that is given is so."""
        return (
            (not self.kind or found.kind in self.kind)
            and (not self.category or found.category in self.category)
            and (not self.remedy or found.remedy in self.remedy)
            and (not self.risks or any(risk in found.risks for risk in self.risks))
            and all(risk in found.risks for risk in self.all_risks)
            and (self.anger_at_least is None or found.anger >= self.anger_at_least)
            and (self.visibility is None or visibility == self.visibility)
            and (self.asks is None or found.asks is self.asks)
            and (self.breach is None or found.breach is self.breach)
            and self.reached(reach)
        )


class SeverityRule(Rules):
    """What makes a message at least this grave, and the words that tell a person so."""

    when: Condition
    severity: Severity
    because: str = Field(min_length=1)
    adds: tuple[Risk, ...] = ()
    """Risks that this fact brings along, such as `virality` for reach."""
    suspected_incident: bool = False

    @model_validator(mode="after")
    def _conditional(self) -> "SeverityRule":
        if not self.when.model_fields_set:
            raise ValueError("`when` names no condition; what holds otherwise stands in `otherwise`")
        return self


class Severities(Rules):
    """The company's sense of gravity."""

    otherwise: Severity
    because: str = Field(min_length=1)
    """What is told of a message that no rule speaks for."""
    rules: tuple[SeverityRule, ...]

    def contradictions(self) -> Iterator[Contradiction]:
        """Two severities for one condition or one risk; more reach that weighs less."""
        for (first, one), (second, other) in combinations(enumerate(self.rules), 2):
            if one.severity == other.severity:
                continue
            place = ("rules", second)
            if one.when == other.when:
                yield place, f"rule {second + 1} says {other.severity} where rule {first + 1} says {one.severity}"
                continue
            shared = _only_risks(one) & _only_risks(other)
            if shared:
                named = ", ".join(sorted(shared))
                yield place, f"`{named}` is {other.severity} here but {one.severity} in rule {first + 1}; say it once"
            wider = _wider(one, other)
            if wider is not None:
                narrow = other if wider is one else one
                if wider.severity.rank > narrow.severity.rank:
                    at = place if wider is other else ("rules", first)
                    yield at, f"more reach is {wider.severity} here, but less reach is {narrow.severity} already"


def grade(found: TextAssessment, reach: Reach, visibility: Visibility, rules: Severities) -> Grade:
    """The gravest severity that any rule speaks for, with all reasons that hold."""
    held = [rule for rule in rules.rules if rule.when.holds(found, reach, visibility)]
    held.sort(key=lambda rule: rule.severity.rank)
    if not held or held[0].severity.rank > rules.otherwise.rank:
        severity, because = rules.otherwise, (rules.because, *(rule.because for rule in held))
    else:
        severity, because = held[0].severity, tuple(rule.because for rule in held)
    risks = {*found.risks, *(risk for rule in held for risk in rule.adds)}
    return Grade(
        severity=severity,
        risks=tuple(risk for risk in Risk if risk in risks),
        because=because,
        suspected_incident=any(rule.suspected_incident for rule in held),
    )


def _only_risks(rule: SeverityRule) -> set[Risk]:
    """The risks that decide alone in this rule."""
    return set(rule.when.risks) if rule.when.model_fields_set == {"risks"} else set()


def _wider(one: SeverityRule, other: SeverityRule) -> SeverityRule | None:
    """The rule that asks for more reach where two differ in nothing but one threshold; else None."""
    mine, theirs = one.when.model_dump(), other.when.model_dump()
    differing = [field for field in mine if mine[field] != theirs[field]]
    if len(differing) != 1 or differing[0] not in ("views_from", "followers_from"):
        return None
    first, second = mine[differing[0]], theirs[differing[0]]
    if first is None or second is None:
        return None
    return one if first > second else other
