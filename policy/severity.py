"""How grave a message is: S1 (people harmed or in danger, or the company's name at stake) to S4.

The rules are data (severities.yaml): each that holds speaks for a severity, the gravest wins, and all that held are
told, so that a person sees why. Reach and circumstances come in here, not in the assessment of the text. Each rule has
its cases beside it, and `check_cases` tries them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from itertools import combinations
from pathlib import Path

from pydantic import Field, PrivateAttr, model_validator

from db.words import Category, IncidentState, Kind, Remedy, Risk, Severity, Visibility
from policy.assessment import TextAssessment
from policy.circumstances import (
    NOTHING_KNOWN,
    CircumstanceCondition,
    Circumstances,
    MediaAccounts,
    plain_tier,
)
from policy.durations import Wall
from policy.reach import Reach, ReachCondition
from policy.reading import Contradiction, Place, Problem, Rules, line_of, read_yaml

__all__ = ["Circumstances", "Grade", "Reach", "Severities", "SeverityRule", "check_cases", "grade"]


@dataclass(frozen=True)
class Grade:
    """A message's severity with its reasons, the gravest first, and the rules that held, in the same order.

    `risks` are those of the text and those that reach adds, in the order of the word list. `suspected_incident`: the
    reach of this one message is enough to suspect a crisis.
    """

    severity: Severity
    risks: tuple[Risk, ...]
    because: tuple[str, ...]
    suspected_incident: bool
    held: "tuple[SeverityRule, ...]" = ()


class Condition(ReachCondition, CircumstanceCondition):
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

    def holds(self, found: TextAssessment, reach: Reach, visibility: Visibility, around: Circumstances) -> bool:
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
            and self.stands_so(around)
        )


class Case(Rules):
    """A message as a rule may meet it. What a case does not name is not there: no risk, no breach, nobody reads it.

    By itself that is a calm complaint in public that names no breach and asks for nothing.
    """

    say: str = ""
    """What such a message says, for people."""
    kind: Kind = Kind.COMPLAINT
    category: Category | None = None
    remedy: Remedy | None = None
    risks: tuple[Risk, ...] = ()
    anger: int = Field(default=0, ge=0, le=3)
    breach: bool = False
    asks: bool = False
    visibility: Visibility = Visibility.PUBLIC
    views: int = Field(default=0, ge=0)
    views_a_day_ago: int | None = Field(default=None, ge=0)
    followers: int = Field(default=0, ge=0)
    verified: bool = False
    media_account: bool = False
    complaints_before: int = Field(default=0, ge=0)
    promise_broken: bool = False
    tier: str | None = None
    incident: IncidentState | None = None
    severity: Severity
    """What it must come to, under all rules together."""

    @property
    def found(self) -> TextAssessment:
        """As an assessor would have found it."""
        return TextAssessment(
            kind=self.kind,
            category=self.category,
            remedy=self.remedy,
            risks=self.risks,
            anger=self.anger,
            language="id",
            confidence={},
            evidence=(),
            addressed=True,
            about_us=True,
            opinion=self.kind is Kind.COMPLAINT,
            breach=self.breach,
            asks=self.asks,
            version="a case of the policy",
        )

    @property
    def reach(self) -> Reach:
        """How far it went."""
        return Reach(
            views=self.views,
            followers=self.followers,
            verified=self.verified,
            views_a_day_ago=self.views_a_day_ago,
        )

    @property
    def around(self) -> Circumstances:
        """What stands around it."""
        return Circumstances(
            media_account=self.media_account,
            complaints_before=self.complaints_before,
            answer_late=self.promise_broken,
            tier=self.tier,
            incident=self.incident,
        )


class Cases(Rules):
    """Messages for which a rule holds, and near ones for which it does not."""

    hit: tuple[Case, ...] = ()
    miss: tuple[Case, ...] = ()


class SeverityRule(Rules):
    """What makes a message at least this grave, and the words that tell a person so."""

    when: Condition
    severity: Severity
    because: str = Field(min_length=1)
    adds: tuple[Risk, ...] = ()
    """Risks that this fact brings along, such as `virality` for reach."""
    suspected_incident: bool = False
    cases: Cases = Cases()

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
    repeat_within: Wall = timedelta(days=90)
    """So long a complaint counts towards the next one of the same person."""
    tiers: tuple[str, ...] = ()
    """What customers may be to us, as imports write it in `author.tier`; any other word weighs nothing."""
    media_accounts: tuple[str, ...] = ()
    """`@handle`, or a domain."""
    rules: tuple[SeverityRule, ...]
    _file: Path = PrivateAttr(default=Path("severities.yaml"))
    _lines: tuple[int, ...] = PrivateAttr(default=())

    def found_in(self, file: Path, lines: Mapping[Place, int]) -> None:
        """Remember where each rule stands."""
        self._file = file
        self._lines = tuple(line_of(("rules", index), lines) for index in range(len(self.rules)))

    @property
    def file(self) -> Path:
        """Where these rules were read."""
        return self._file

    def line(self, rule: SeverityRule) -> int | None:
        """The line on which a rule stands; None for one that is not here, or was not read from a file."""
        return next((line for one, line in zip(self.rules, self._lines, strict=False) if one is rule), None)

    def is_media(self, *, handle: str | None = None, email: str | None = None, url: str | None = None) -> bool:
        """Whether an author is on the list of media accounts."""
        return self._media.has(handle=handle, email=email, url=url)

    @cached_property
    def _media(self) -> MediaAccounts:
        return MediaAccounts.of(self.media_accounts)

    def contradictions(self) -> Iterator[Contradiction]:
        """Two severities for one condition or one risk; more reach or repetition that weighs less; unknown tiers."""
        known = {plain_tier(tier) for tier in self.tiers}
        for index, rule in enumerate(self.rules):
            for tier in rule.when.tier:
                if plain_tier(tier) not in known:
                    yield ("rules", index, "when", "tier"), f"`{tier}` is not among `tiers`; write it there too"
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
                    what = "more complaints before are" if _differs(one, other) == _REPEATED else "more reach is"
                    less = "fewer are" if _differs(one, other) == _REPEATED else "less reach is"
                    yield at, f"{what} {wider.severity} here, but {less} {narrow.severity} already"


def grade(
    found: TextAssessment,
    reach: Reach,
    visibility: Visibility,
    rules: Severities,
    around: Circumstances = NOTHING_KNOWN,
) -> Grade:
    """The gravest severity that any rule speaks for, with all reasons that hold."""
    held = [rule for rule in rules.rules if rule.when.holds(found, reach, visibility, around)]
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
        held=tuple(held),
    )


def check_cases(rules: Severities) -> list[Problem]:
    """Every case that does not come to what its rule says, and every rule that has none."""
    lines = read_yaml(rules.file)[1]

    def problem(message: str, *place: str | int) -> Problem:
        return Problem(rules.file, line_of(("rules", *place), lines), message)

    problems: list[Problem] = []
    for index, rule in enumerate(rules.rules):
        if not rule.cases.hit:
            message = f"rule {index + 1} ({rule.because}) has no case; write one under `cases`, `hit`"
            problems.append(problem(message, index))
        for kind, cases in (("hit", rule.cases.hit), ("miss", rule.cases.miss)):
            for number, case in enumerate(cases):
                graded = grade(case.found, case.reach, case.visibility, rules, case.around)
                holds = rule in graded.held
                if holds != (kind == "hit"):
                    said = "does not hold" if not holds else "holds"
                    problems.append(problem(f"rule {index + 1} {said} for this case", index, "cases", kind, number))
                if graded.severity is not case.severity:
                    because = graded.because[0]
                    message = f"this case comes to {graded.severity} ({because}), not to {case.severity}"
                    problems.append(problem(message, index, "cases", kind, number))
    return problems


def _only_risks(rule: SeverityRule) -> set[Risk]:
    """The risks that decide alone in this rule."""
    return set(rule.when.risks) if rule.when.model_fields_set == {"risks"} else set()


_REPEATED = "complaints_before_from"
_THRESHOLDS = ("views_from", "followers_from", _REPEATED)


def _differs(one: SeverityRule, other: SeverityRule) -> str | None:
    """The one condition in which two rules differ; None where it is none or several."""
    mine, theirs = one.when.model_dump(), other.when.model_dump()
    differing = [field for field in mine if mine[field] != theirs[field]]
    return differing[0] if len(differing) == 1 else None


def _wider(one: SeverityRule, other: SeverityRule) -> SeverityRule | None:
    """The rule that asks for more where two differ in nothing but one threshold; else None."""
    field = _differs(one, other)
    if field not in _THRESHOLDS:
        return None
    first, second = getattr(one.when, field), getattr(other.when, field)
    if first is None or second is None:
        return None
    return one if first > second else other
