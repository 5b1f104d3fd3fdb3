"""What the desk makes of the rules' findings and a model's probabilities, and what a person must decide.

The rules come first and last for what must not be missed: a risk that they find stands, a remedy that they find clearly
stands; a model only adds. Where neither is sure enough, a person decides: the least sure field counts.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from pydantic import Field

from db.words import Category, Kind, Remedy, Risk
from policy.reading import Rules

Likely = Mapping[str, Sequence[float]]
"""How likely each word of a field is, in the order of the word lists (`complaint`: no, yes; `anger`: 0 to 3)."""

_KINDS, _CATEGORIES, _REMEDIES, _RISKS = tuple(Kind), tuple(Category), tuple(Remedy), tuple(Risk)
_COMPLAINT = _KINDS.index(Kind.COMPLAINT)


class RiskLimit(Rules):
    """What to do about a risk that only the model sees."""

    missed_costs: float = Field(gt=0)
    """What missing it costs, in false alarms."""
    found_from: float = Field(gt=0, le=1)
    """The probability from which it is a finding."""


class SecondOpinion(Rules):
    """When the encoder is asked beside the light path: where that is unsure, or the stakes are high."""

    kind_under: float = Field(ge=0, le=1)
    category_under: float = Field(ge=0, le=1)
    remedy_under: float = Field(ge=0, le=1)
    risk_from: float = Field(gt=0, le=1)
    weight: float = Field(gt=0, lt=1)
    """What the encoder's probability counts in the mean."""
    waiting_at_most: int = Field(ge=0)
    """With more messages waiting than this, intake takes the light path alone and has a second look later."""


class Unsure(Rules):
    """Under these a person decides."""

    kind: float = Field(ge=0, le=1)
    category: float = Field(ge=0, le=1)
    remedy: float = Field(ge=0, le=1)
    anger: float = Field(ge=0, le=1)
    look_costs: float = Field(gt=0)
    """What a person's look costs, in false alarms: where a risk's probability times the cost of missing it is more, a
    person looks."""


class Assessing(Rules):
    """How probabilities become decisions (assessing.yaml)."""

    complaint_from: float = Field(gt=0, lt=1)
    """The probability of a complaint from which a text that is nothing else for sure is one (CONTRACTS)."""
    sure_from: float = Field(gt=0, lt=1)
    """The probability from which it is something else for sure."""
    spam_despite_risk_from: float = Field(gt=0, lt=1)
    """The probability of spam from which a risk that the rules found counts for nothing."""
    remedy_said_from: float = Field(gt=0)
    """How strongly the rules must find a remedy for it to stand whatever the model says."""
    risks: Mapping[Risk, RiskLimit]
    unsure: Unsure
    second_opinion: SecondOpinion

    def model_post_init(self, _: object, /) -> None:
        """Every risk needs its limits."""
        missing = [str(risk) for risk in Risk if risk not in self.risks]
        if missing:
            raise ValueError(f"`risks` says nothing of: {', '.join(missing)}")


@dataclass(frozen=True, slots=True)
class Decision:
    """What a text is, how sure of each field, and the fields that a person decides.

    `guessed`: those of the risks that the model adds to the rules'.
    """

    kind: Kind
    category: Category | None
    remedy: Remedy | None
    risks: tuple[Risk, ...]
    anger: int
    confidence: dict[str, float]
    unsure: tuple[str, ...]
    guessed: tuple[Risk, ...] = ()


class RulesSay(Protocol):
    """What the rules found in a text."""

    @property
    def said(self) -> Mapping[str, float]:
        """How strongly each key of the lexicon is said."""
        ...

    @property
    def risks(self) -> Sequence[Risk]:
        """The risks of a message of the kind that the rules take it for."""
        ...

    def risks_in(self, kind: Kind) -> Sequence[Risk]:
        """The risks of a message of this kind."""
        ...


def decide(likely: Likely, rules: RulesSay, limits: Assessing) -> Decision:
    """One text's decision."""
    kinds = kind_chances(likely)
    best = _kind(kinds, bool(rules.risks), limits)
    kind = _KINDS[best]
    said = rules.said
    found = {*rules.risks, *rules.risks_in(kind)}
    confidence = {"kind": round(kinds[best], 3)}
    category: Category | None = None
    remedy: Remedy | None = None
    if kind is Kind.COMPLAINT:
        category, confidence["category"] = _likeliest(_CATEGORIES, likely["category"])
        remedy, confidence["remedy"] = _remedy(likely["remedy"], said, limits)
    risks, confidence["risks"], looked_for = _risks(likely["risks"], found, kind, limits)
    anger, confidence["anger"] = (0, confidence["kind"]) if kind in _NEVER_ANGRY else _anger(likely["anger"])
    unsure: list[str] = [
        field
        for field in ("kind", "category", "remedy", "anger")
        if field in confidence and confidence[field] < getattr(limits.unsure, field)
    ]
    if looked_for:
        unsure.append("risks")
    for field in ("category", "remedy"):
        confidence.setdefault(field, confidence["kind"])
    guessed = tuple(risk for risk in risks if risk not in found)
    return Decision(kind, category, remedy, risks, anger, confidence, tuple(unsure), guessed)


def _kind(kinds: Sequence[float], dangerous: bool, limits: Assessing) -> int:
    """The likeliest kind, but a complaint where nothing else is sure, above all where the rules found a risk."""
    best = max(range(len(kinds)), key=kinds.__getitem__)
    if best == _COMPLAINT:
        return best
    if kinds[best] < limits.sure_from and kinds[_COMPLAINT] >= limits.complaint_from:
        return _COMPLAINT
    if dangerous and _KINDS[best] is Kind.SPAM and kinds[best] < limits.spam_despite_risk_from:
        return _COMPLAINT
    return best


_NEVER_ANGRY = (Kind.PRAISE, Kind.SPAM)


def wants_second_opinion(likely: Likely, found: Sequence[Risk], limits: SecondOpinion) -> bool:
    """Whether a text is worth the encoder's time: the light path is unsure, or much is at stake."""
    kinds = kind_chances(likely)
    if max(kinds) < limits.kind_under or found or max(likely["risks"]) >= limits.risk_from:
        return True
    return kinds[_COMPLAINT] > 0.5 and (
        max(likely["category"]) < limits.category_under or max(likely["remedy"]) < limits.remedy_under
    )


def kind_chances(likely: Likely) -> list[float]:
    """How likely each kind is, where *complaint or not*, a head of its own, has half a say."""
    kinds = likely["kind"]
    complaint = (kinds[_COMPLAINT] + likely["complaint"][1]) / 2
    rest = (1.0 - complaint) / max(1.0 - kinds[_COMPLAINT], 1e-9)
    return [complaint if number == _COMPLAINT else chance * rest for number, chance in enumerate(kinds)]


def _likeliest(words: Sequence[Category], chances: Sequence[float]) -> tuple[Category, float]:
    best = max(range(len(words)), key=chances.__getitem__)
    return words[best], round(chances[best], 3)


def _remedy(chances: Sequence[float], said: Mapping[str, float], limits: Assessing) -> tuple[Remedy, float]:
    """What the rules find clearly, else what the model thinks."""
    strongest = max((remedy for remedy in _REMEDIES), key=lambda remedy: said.get(f"remedy.{remedy}", 0.0))
    best = max(range(len(_REMEDIES)), key=chances.__getitem__)
    if said.get(f"remedy.{strongest}", 0.0) >= limits.remedy_said_from:
        return strongest, round(max(chances[_REMEDIES.index(strongest)], 0.6), 3)
    return _REMEDIES[best], round(chances[best], 3)


def _risks(
    chances: Sequence[float], found: Collection[Risk], kind: Kind, limits: Assessing
) -> tuple[tuple[Risk, ...], float, bool]:
    """What the rules found, and what the model adds; how sure; whether a person should look for more."""
    if kind is Kind.SPAM:
        return (), round(1.0 - max(chances), 3), False
    standing = set(found)
    sure, look = 1.0, False
    for risk, chance in zip(_RISKS, chances, strict=True):
        limit = limits.risks[risk]
        if risk in standing:
            sure = min(sure, max(chance, 0.7))
        elif chance >= limit.found_from:
            standing.add(risk)
            sure = min(sure, chance)
        else:
            sure = min(sure, 1.0 - chance)
            look = look or chance * limit.missed_costs > limits.unsure.look_costs
    return tuple(risk for risk in _RISKS if risk in standing), round(sure, 3), look


def _anger(chances: Sequence[float]) -> tuple[int, float]:
    """The middle of what is likely: the level that is least wrong on average, in steps."""
    below = 0.0
    for level, chance in enumerate(chances):
        below += chance
        if below >= 0.5:
            return level, round(chance, 3)
    return len(chances) - 1, round(chances[-1], 3)
