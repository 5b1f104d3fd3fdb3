"""The assessor that stays: rules over a lexicon, each finding with the words it rests on.

What is found in a text (`policy.assess.finding`) is added up (`scores`), read in its context (*kalau … ?* did not
happen, what follows *tapi* weighs more, what is mended is no breach any more), and decided: the kind first, then, for a
complaint, its category and remedy, and the risks and anger of any text. Of a long text only the first 14,000 and the
last 4,000 characters are read (`finding.HEAD`, `finding.TAIL`).
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from db.words import Category, Kind, Remedy, Risk
from policy.assess.finding import Finder, Reading
from policy.assess.language import language_of
from policy.assess.lexicon import KEYS, Lexicon
from policy.assess.scores import Tally
from policy.assessment import Evidence, KnowsUs, Text, TextAssessment

RULES = "rules-1"
"""Changes with this module; the lexicon's own version follows it."""

HYPOTHETICAL = 0.2
"""What a breach counts that is only asked about (*kalau barang rusak, apakah bisa diganti?*)."""

BEFORE_CONTRAST = 0.5
"""What praise or blame counts that a *tapi* takes back."""

MENDED = 0.3
"""What a breach counts in a text that says it is mended."""

DOUBT = 0.34
"""From this probability on, a text that is nothing else for sure is a complaint (CONTRACTS: low confidence)."""

SURE = 0.6

BREACHED = 0.8
"""How strongly a breach must be said to be one."""

RISK_FROM = 1.0
RISK_FROM_OTHERS = 2.0
"""How strongly a risk must be said in a complaint, and in anything else."""

RISKS_OF: Mapping[Kind, frozenset[Risk]] = {
    Kind.COMPLAINT: frozenset(Risk),
    Kind.QUESTION: frozenset(Risk) - {Risk.REPEAT, Risk.VIRALITY, Risk.CHURN},
    Kind.OTHER: frozenset(Risk) - {Risk.REPEAT, Risk.VIRALITY, Risk.CHURN},
    Kind.PRAISE: frozenset({Risk.MEDIA}),
    Kind.SPAM: frozenset(),
}
"""Which risks a message of a kind can carry."""

SIGN = 2.0
"""From this weight on a finding says what went wrong, rather than naming a thing."""

SECOND = 0.8
"""What service counts beside another category: that nobody answered comes on top of what was asked about."""

DEMANDED = {Remedy.COMPENSATION: 0.6, Remedy.APOLOGY: 0.6, Remedy.REFUND: 0.25, Remedy.REPAIR: 0.25}
"""How far a demand shows that something was breached; for money for damage nobody asks otherwise."""

VAGUE, TOLD = 1.1, 5
"""What a tale counts that names a thing of ours and the writer or us, and is nothing else to be seen, from this many
words on: who writes to a complaint desk and neither thanks nor asks complains (low confidence counts as complaint)."""

ANGER_LEVELS = (0.9, 2.0, 3.0)

UNSOFTENED, HEATED = 0.45, 1.6
"""What a complaint without a polite word starts with, and how angry one without an angry word can be at most."""

_EVENT_GROUPS = (
    *("breach", "negative", "category.", "anger", "remedy."),
    *(f"risk.{risk}" for risk in (Risk.INJURY, Risk.FRAUD, Risk.PRIVACY, Risk.DISTRESS, Risk.DISCRIMINATION)),
)
"""What did not happen where it is only asked about; a threat is one under a condition too."""
_EVENTS = frozenset(key for key in KEYS if key.startswith(_EVENT_GROUPS))
_KINDS = (Kind.COMPLAINT, Kind.QUESTION, Kind.PRAISE, Kind.OTHER, Kind.SPAM)
_CATEGORIES = tuple((category, f"category.{category}") for category in Category)
_REMEDIES = tuple((remedy, f"remedy.{remedy}") for remedy in Remedy if remedy is not Remedy.NONE)
_RISKS = tuple((risk, f"risk.{risk}") for risk in Risk)
_CATEGORY_KEYS = frozenset(key for _, key in _CATEGORIES)
_RISK_KEYS = frozenset(key for _, key in _RISKS)
_DEMANDED = tuple((f"remedy.{remedy}", share) for remedy, share in DEMANDED.items())
_SHOUTED_WORDS = 3
_GRAVE = ((Category.SAFETY, 1.3), (Category.FRAUD, 1.15), (Category.PRIVACY, 1.15))
"""What decides over other categories where it is as good as said."""
_NO_RISK = 0.92
"""How sure it is that there is no risk where nothing hints at one."""
_Totals = Mapping[str, float]


class _Kind(NamedTuple):
    """The decision on the kind, and what else depends on its parts."""

    kind: Kind
    sure: float
    breach: float


class RuleAssessor:
    """Assesses texts by the lexicon.

    `company` knows our names and handles; None, or `any_brand`, where every text is about us and one that names any
    handle is addressed (stories without a company). One instance reads a batch on one thread.
    """

    def __init__(self, lexicon: Lexicon, company: KnowsUs | None = None, *, any_brand: bool = False) -> None:
        self._finder = Finder(lexicon)
        self._company = company
        self._any_brand = any_brand or company is None
        self.version = f"{RULES}+{lexicon.version}"
        self._borrowed = lexicon.languages.borrowed
        entries = self._finder.entries
        self._gives = [tuple(entry.gives.items()) for entry in entries]
        self._opposites = [tuple(_opposite(entry.gives).items()) for entry in entries]
        self._ask, self._suppose, self._contrast = (
            frozenset(number for number, entry in enumerate(entries) if key in entry.gives)
            for key in ("kind.question", "hypothetical", "contrast")
        )

    def assess(self, batch: Sequence[Text], *, hurried: bool = False) -> list[TextAssessment]:
        """One finding a text, in the order of the batch. Never fails on a text, whatever is in it; always quick."""
        return [_assessment(self._read(text), self.version) for text in batch]

    def read(self, batch: Sequence[Text]) -> list["RuleFinding"]:
        """What the lexicon finds in each text, before anything is decided."""
        return [self._read(text) for text in batch]

    def _read(self, text: Text) -> "RuleFinding":
        whole = f"{text.subject}\n\n{text.text}" if text.subject else text.text
        reading = self._finder.read(whole)
        tally = self._tally(reading)
        totals = tally.totals()
        addressed, about_us = self._aimed(text, totals, reading, whole)
        language, language_sure = language_of(reading.votes, whole, self._borrowed)
        return RuleFinding(
            text, whole, reading, tally, totals, _kind(totals, reading), addressed, about_us, language,
            round(language_sure, 3),
        )  # fmt: skip

    def _tally(self, reading: Reading) -> Tally:
        """Everything found, weighed in its context."""
        gives = self._gives
        supposed, contrast = self._supposed(reading), self._last_contrast(reading)
        tally = Tally()
        for entry, first, last, factor, flipped in reading.hits:
            if factor == 1.0 and last > contrast and not supposed:  # as it stands, which most do
                for key, weight in gives[entry]:
                    tally.add(key, (weight, first, last))
                continue
            in_question = bool(supposed) and supposed.get(reading.sentence(first), first + 1) <= first
            for key, weight in self._opposites[entry] if flipped else gives[entry]:
                weight *= factor
                if in_question and key in _EVENTS:
                    weight *= HYPOTHETICAL
                if last <= contrast and key in ("kind.praise", "negative", "breach"):
                    weight *= BEFORE_CONTRAST if key == "kind.praise" else 0.5 + BEFORE_CONTRAST / 2
                tally.add(key, (weight, first, last))
        return tally

    def _supposed(self, reading: Reading) -> dict[int, int]:
        """The sentences that ask what would be, and from which word on."""
        supposing = [hit.first for hit in reading.hits if hit.entry in self._suppose]
        if not supposing:
            return {}
        asking = {reading.sentence(at) for at in reading.questions}
        asking |= {reading.sentence(hit.first) for hit in reading.hits if hit.entry in self._ask}
        found: dict[int, int] = {}
        for first in supposing:
            sentence = reading.sentence(first)
            if sentence in asking:
                found[sentence] = min(first, found.get(sentence, first))
        return found

    def _last_contrast(self, reading: Reading) -> int:
        """The word of the last *tapi*; 0 where there is none."""
        return max((hit.first for hit in reading.hits if hit.entry in self._contrast), default=0)

    def _aimed(self, text: Text, totals: _Totals, reading: Reading, whole: str) -> tuple[bool, bool]:
        """Whether it speaks to us, and whether it is about us."""
        handles = [whole[start + 1 : end] for start, end in reading.handles]
        if self._any_brand or self._company is None:
            addressed, about_us = bool(handles), True
        else:
            ours = any(self._company.owns_handle(handle) for handle in handles)
            about_us = ours or bool(self._company.names_us(whole))
            addressed = ours or (about_us and not handles and totals.get("us", 0.0) > 0)
        if text.in_reply_to_us:
            addressed = about_us = True
        if text.addressed is not None:
            addressed, about_us = text.addressed, about_us or text.addressed
        return addressed, about_us


@dataclass(frozen=True, slots=True)
class RuleFinding:
    """What the rules found in one text. `said` is how strongly each key of the lexicon is said."""

    text: Text
    whole: str
    reading: Reading
    tally: Tally
    said: _Totals
    decided: _Kind
    addressed: bool
    about_us: bool
    language: str
    language_sure: float

    @property
    def risks(self) -> tuple[Risk, ...]:
        """The risks of a message of the kind that the rules take it for."""
        return self.risks_in(self.decided.kind)

    def risks_in(self, kind: Kind) -> tuple[Risk, ...]:
        """The risks of a message of this kind."""
        return _risks(self.said, kind)[0]

    @property
    def breach(self) -> bool:
        """Whether an expectation was breached."""
        return self.decided.breach > BREACHED

    @property
    def critical(self) -> bool:
        """Whether it says something critical."""
        return self.said.get("opinion", 0.0) > 0 or self.said.get("negative", 0.0) > 1

    @property
    def asks(self) -> bool:
        """Whether it asks for something in so many words."""
        return self.said.get("ask", 0.0) >= 1

    def evidence(
        self, kind: Kind, category: Category | None, remedy: Remedy | None, risks: Iterable[Risk], anger: int
    ) -> tuple[Evidence, ...]:
        """The words that speak for these findings, as far as the rules have any."""
        return _evidence(_findings(kind, category, remedy, risks, anger), self.tally, self.reading, self.text)


def _assessment(found: RuleFinding, version: str) -> TextAssessment:
    """What the rules decide by themselves."""
    kind, kind_sure, _ = found.decided
    complaint = kind is Kind.COMPLAINT
    category, category_sure = _category(found.tally, found.said) if complaint else (None, kind_sure)
    remedy, remedy_sure = _remedy(found.said) if complaint else (None, kind_sure)
    risks, risks_sure = _risks(found.said, kind)
    anger, anger_sure = _anger(found.tally, found.said, found.reading, found.whole, kind)
    demands = remedy is not None and remedy is not Remedy.NONE
    return TextAssessment(
        kind=kind,
        category=category,
        remedy=remedy,
        risks=risks,
        anger=anger,
        language=found.language,
        confidence={
            "kind": kind_sure,
            "category": category_sure,
            "remedy": remedy_sure,
            "risks": risks_sure,
            "anger": anger_sure,
            "language": found.language_sure,
        },
        evidence=found.evidence(kind, category, remedy, risks, anger),
        addressed=found.addressed,
        about_us=found.about_us,
        opinion=found.about_us and (complaint or found.critical),
        breach=complaint and found.breach,
        asks=kind is Kind.QUESTION or demands or found.asks,
        version=version,
    )


_KIND_KEYS: Mapping[Kind, tuple[str, ...]] = {
    Kind.COMPLAINT: ("breach", "negative"),
    Kind.QUESTION: ("kind.question",),
    Kind.PRAISE: ("kind.praise",),
    Kind.OTHER: ("kind.other", "opinion"),
    Kind.SPAM: ("kind.spam",),
}


class _Finding(NamedTuple):
    """What needs evidence: the field, what was found there, the key that says it, how many places are shown."""

    field: str
    value: str
    key: str
    most: int


def _findings(
    kind: Kind, category: Category | None, remedy: Remedy | None, risks: Iterable[Risk], anger: int
) -> list[_Finding]:
    findings = [_Finding("kind", str(kind), key, 2) for key in _KIND_KEYS[kind]]
    if category is not None:
        findings.append(_Finding("category", str(category), f"category.{category}", 3))
    if remedy is not None and remedy is not Remedy.NONE:
        findings.append(_Finding("remedy", str(remedy), f"remedy.{remedy}", 2))
    findings += [_Finding("risks", str(risk), f"risk.{risk}", 2) for risk in risks]
    if anger:
        findings.append(_Finding("anger", str(anger), "anger", 3))
    return findings


def _evidence(findings: Iterable[_Finding], tally: Tally, reading: Reading, text: Text) -> tuple[Evidence, ...]:
    """The words that the findings rest on, in the text without its subject."""
    offset = len(text.subject) + 2 if text.subject else 0
    taken: list[Evidence] = []
    for found in findings:
        if found.key not in tally.votes:
            continue
        for _, first, last in tally.strongest(found.key, found.most):
            start, end = reading.span(first, last)
            if start >= offset:
                quote = text.text[start - offset : end - offset]
                taken.append(Evidence(found.field, quote, start - offset, end - offset, found.value))
    return tuple(taken)


def _opposite(gives: Mapping[str, float]) -> Mapping[str, float]:
    """What a negated finding gives: blame for praise, praise for blame."""
    if "kind.praise" in gives:
        return {"breach": gives["kind.praise"], "negative": gives["kind.praise"] / 2}
    return {"kind.praise": max(gives.get("negative", 0.0), gives.get("breach", 0.0))}


def _kind(totals: _Totals, reading: Reading) -> _Kind:
    breach, negative, anger = totals.get("breach", 0.0), totals.get("negative", 0.0), totals.get("anger", 0.0)
    praise, question = totals.get("kind.praise", 0.0), totals.get("kind.question", 0.0)
    other, spam = totals.get("kind.other", 0.0), totals.get("kind.spam", 0.0)
    opinion, brand, resolved = totals.get("opinion", 0.0), totals.get("brand", 0.0), totals.get("resolved", 0.0)
    if resolved and praise:
        breach, negative = breach * MENDED, negative * MENDED
    if brand and not totals.get("personal", 0.0):
        breach, negative, other = breach * 0.5, negative * 0.4, other + opinion
    if opinion >= 2 and breach < 2.5 and not totals.get("personal", 0.0):
        breach, negative = breach * 0.5, negative * 0.5
    complaint = breach + 0.55 * negative + 0.3 * min(anger, 3.0)
    complaint += max([share * totals.get(key, 0.0) for key, share in _DEMANDED])
    if complaint > 1 and totals.get("ask", 0.0):
        complaint += 0.6
    if complaint > 1 and totals.get("us", 0.0):
        complaint += 0.3
    if complaint < VAGUE and len(reading.tokens) >= TOLD and max(question, praise, other, spam, opinion) < 0.8:
        ours = totals.get("us", 0.0) or totals.get("personal", 0.0)
        if ours and not _CATEGORY_KEYS.isdisjoint(totals):
            complaint += VAGUE
    if breach >= 2:
        praise *= 0.5
    if breach >= 2.2:
        question *= 0.45
    elif complaint >= 1.2:
        question *= 0.75
    if breach >= 2.5 and (totals.get("personal", 0.0) or totals.get("us", 0.0)):
        spam *= 0.6
    if spam >= 3:
        praise, question, other = praise * 0.5, question * 0.5, other * 0.5
    if praise >= 2:
        other *= 0.6
    scores = (complaint, question, praise, 1.0 + 0.8 * other + 0.3 * opinion, spam)
    chances = _softmax(scores)
    best = chances.index(max(chances))
    if best and chances[best] < SURE and chances[0] >= DOUBT:
        best = 0
    return _Kind(_KINDS[best], round(chances[best], 3), breach)


def _category(tally: Tally, totals: _Totals) -> tuple[Category, float]:
    said = [(category, totals[key], tally.votes[key]) for category, key in _CATEGORIES if key in totals]
    signs = [first for _, _, votes in said for weight, first, _ in votes if weight >= SIGN]
    earliest = min(signs, default=-1)
    scores: dict[Category, float] = {}
    for category, score, votes in said:
        if score > 0:
            if any(first == earliest and weight >= SIGN for weight, first, _ in votes):
                score += 0.6
            scores[category] = score
    if Category.SERVICE in scores:
        others = [score for category, score in scores.items() if category is not Category.SERVICE]
        if max(others, default=0.0) >= 2.5:
            scores[Category.SERVICE] *= SECOND
    for category, more in _GRAVE:
        if scores.get(category, 0) >= 2.5:
            scores[category] *= more
    if not scores or max(scores.values()) < 0.7:
        return Category.OTHER, 0.4
    return _chosen(scores, 1.5)


def _remedy(totals: _Totals) -> tuple[Remedy, float]:
    scores = {remedy: score for remedy, key in _REMEDIES if (score := totals.get(key, 0.0)) > 0}
    if not scores or max(scores.values()) < 1.2:
        return Remedy.NONE, 0.75 if not totals.get("ask", 0.0) else 0.5
    return _chosen(scores, 1.2)


def _risks(totals: _Totals, kind: Kind) -> tuple[tuple[Risk, ...], float]:
    if _RISK_KEYS.isdisjoint(totals):
        return (), _NO_RISK
    enough = RISK_FROM if kind is Kind.COMPLAINT else RISK_FROM_OTHERS
    scores = {risk: totals.get(key, 0.0) for risk, key in _RISKS}
    found = tuple(risk for risk, score in scores.items() if score >= enough and risk in RISKS_OF[kind])
    if found:
        return found, round(min(0.97, 0.45 + 0.15 * min(scores[risk] for risk in found)), 3)
    return (), round(_NO_RISK - 0.2 * min(1.0, max(scores.values())), 3)


def _anger(tally: Tally, totals: _Totals, reading: Reading, text: str, kind: Kind) -> tuple[int, float]:
    if kind in (Kind.PRAISE, Kind.SPAM):
        return 0, 0.9
    weights = [weight for weight, _, _ in tally.strongest("anger", 4)]
    score = weights[0] + 0.3 * sum(weights[1:]) if weights else 0.0
    if kind is Kind.COMPLAINT:
        heat = totals.get("heat", 0.0)
        if score < ANGER_LEVELS[0]:
            score = min(HEATED, score + heat + (0.0 if totals.get("polite", 0.0) else UNSOFTENED))
        else:
            score += 0.2 * heat
    if score or kind is Kind.COMPLAINT:
        if reading.shouted >= _SHOUTED_WORDS and reading.shouted >= 0.5 * len(reading.tokens):
            score += 1.0
        elif reading.shouted >= _SHOUTED_WORDS:
            score += 0.4
        if "!!" in text:
            score += 0.5
        elif "!" in text:
            score += 0.2
    level = sum(score >= bound for bound in ANGER_LEVELS)
    return level, round(0.55 + 0.4 * min(1.0, min(abs(score - bound) for bound in ANGER_LEVELS)), 3)


def _chosen(scores: Mapping, sharpness: float) -> tuple:  # type: ignore[type-arg]
    best = max(scores, key=lambda name: scores[name])
    chances = _softmax([*(score * sharpness for score in scores.values()), 1.0])
    return best, round(chances[list(scores).index(best)], 3)


def _softmax(scores: Sequence[float]) -> list[float]:
    highest = max(scores)
    powers = [math.exp(score - highest) for score in scores]
    total = sum(powers)
    return [power / total for power in powers]
