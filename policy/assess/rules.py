"""The assessor that stays: rules over a lexicon, each finding with the words it rests on.

What is found in a text (`policy.assess.finding`) is added up (`scores`), read in its context (*kalau … ?* did not
happen, what follows *tapi* weighs more, what is mended is no breach any more), and decided: the kind first, then, for a
complaint, its category and remedy, and the risks and anger of any text. Of a long text only the first 14,000 and the
last 4,000 characters are read (`finding.HEAD`, `finding.TAIL`).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from db.words import Category, Kind, Remedy, Risk
from policy.assess.finding import Finder, Reading
from policy.assess.language import language_of
from policy.assess.lexicon import Lexicon
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

_EVENTS = (
    *("breach", "negative", "category.", "anger", "remedy."),
    *(f"risk.{risk}" for risk in (Risk.INJURY, Risk.FRAUD, Risk.PRIVACY, Risk.DISTRESS, Risk.DISCRIMINATION)),
)
"""What did not happen where it is only asked about; a threat is one under a condition too."""
_KINDS = (Kind.COMPLAINT, Kind.QUESTION, Kind.PRAISE, Kind.OTHER, Kind.SPAM)
_CATEGORIES = tuple((category, f"category.{category}") for category in Category)
_REMEDIES = tuple((remedy, f"remedy.{remedy}") for remedy in Remedy if remedy is not Remedy.NONE)
_RISKS = tuple((risk, f"risk.{risk}") for risk in Risk)
_SHOUTED_WORDS = 3


@dataclass(frozen=True, slots=True)
class _Kind:
    """The decision on the kind, and what else depends on its parts."""

    kind: Kind
    sure: float
    breach: float
    complaint: float


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

    def assess(self, batch: Sequence[Text]) -> list[TextAssessment]:
        """One finding a text, in the order of the batch. Never fails on a text, whatever is in it."""
        return [self._assess(text) for text in batch]

    def _assess(self, text: Text) -> TextAssessment:
        offset = len(text.subject) + 2 if text.subject else 0
        whole = f"{text.subject}\n\n{text.text}" if text.subject else text.text
        reading = self._finder.read(whole)
        tally = self._tally(reading)
        kind = _kind(tally, reading)
        evidence = _Witness(reading, text.text, offset)
        complaint = kind.kind is Kind.COMPLAINT
        category, category_sure = _category(tally) if complaint else (None, kind.sure)
        remedy, remedy_sure = _remedy(tally) if complaint else (None, kind.sure)
        risks, risks_sure = _risks(tally, kind.kind)
        anger, anger_sure = _anger(tally, reading, whole, kind.kind)
        language, language_sure = language_of(reading.votes, whole)
        for key in _KIND_KEYS[kind.kind]:
            evidence.take("kind", tally, key, 2)
        if category is not None:
            evidence.take("category", tally, f"category.{category}", 3)
        if remedy not in (None, Remedy.NONE):
            evidence.take("remedy", tally, f"remedy.{remedy}", 2)
        for risk in risks:
            evidence.take("risks", tally, f"risk.{risk}", 2)
        if anger:
            evidence.take("anger", tally, "anger", 3)
        addressed, about_us = self._aimed(text, tally, reading, whole)
        critical = tally.total("opinion") > 0 or tally.total("negative") > 1 or complaint
        return TextAssessment(
            kind=kind.kind,
            category=category,
            remedy=remedy,
            risks=risks,
            anger=anger,
            language=language,
            confidence={
                "kind": kind.sure,
                "category": category_sure,
                "remedy": remedy_sure,
                "risks": risks_sure,
                "anger": anger_sure,
                "language": round(language_sure, 3),
            },
            evidence=tuple(evidence.taken),
            addressed=addressed,
            about_us=about_us,
            opinion=about_us and critical,
            breach=complaint and kind.breach > 0.8,
            asks=kind.kind is Kind.QUESTION or remedy not in (None, Remedy.NONE) or tally.total("ask") >= 1,
            version=self.version,
        )

    def _tally(self, reading: Reading) -> Tally:
        """Everything found, weighed in its context."""
        entries = self._finder.entries
        asked, contrast = self._hypothetical(reading), self._contrast(reading)
        tally = Tally()
        for hit in reading.hits:
            entry = entries[hit.entry]
            factor = hit.factor
            gives: Mapping[str, float] = entry.gives
            if hit.flipped:
                gives = _opposite(gives)
            in_question = asked.get(reading.sentences[hit.first], len(reading.starts)) <= hit.first
            for key, weight in gives.items():
                weight *= factor
                if in_question and key.startswith(_EVENTS):
                    weight *= HYPOTHETICAL
                if hit.last <= contrast and key in ("kind.praise", "negative", "breach"):
                    weight *= BEFORE_CONTRAST if key == "kind.praise" else 0.5 + BEFORE_CONTRAST / 2
                tally.add(key, weight, hit.first, hit.last)
        return tally

    def _hypothetical(self, reading: Reading) -> dict[int, int]:
        """The sentences that ask what would be, and from which token on."""
        found: dict[int, int] = {}
        entries, sentences = self._finder.entries, reading.sentences
        questions = (hit for hit in reading.hits if "kind.question" in entries[hit.entry].gives)
        asking = reading.asking | {sentences[hit.first] for hit in questions}
        for hit in reading.hits:
            sentence = reading.sentences[hit.first]
            if sentence in asking and "hypothetical" in self._finder.entries[hit.entry].gives:
                found[sentence] = min(hit.first, found.get(sentence, hit.first))
        return found

    def _contrast(self, reading: Reading) -> int:
        """The token of the last *tapi*; 0 where there is none."""
        return max(
            (hit.first for hit in reading.hits if "contrast" in self._finder.entries[hit.entry].gives),
            default=0,
        )

    def _aimed(self, text: Text, tally: Tally, reading: Reading, whole: str) -> tuple[bool, bool]:
        """Whether it speaks to us, and whether it is about us."""
        handles = [whole[start + 1 : end] for start, end in reading.handles]
        if self._any_brand or self._company is None:
            addressed, about_us = bool(handles), True
        else:
            ours = any(self._company.owns_handle(handle) for handle in handles)
            about_us = ours or bool(self._company.names_us(whole))
            addressed = ours or (about_us and not handles and tally.total("us") > 0)
        if text.in_reply_to_us:
            addressed = about_us = True
        if text.addressed is not None:
            addressed, about_us = text.addressed, about_us or text.addressed
        return addressed, about_us


_KIND_KEYS: Mapping[Kind, tuple[str, ...]] = {
    Kind.COMPLAINT: ("breach", "negative"),
    Kind.QUESTION: ("kind.question",),
    Kind.PRAISE: ("kind.praise",),
    Kind.OTHER: ("kind.other", "opinion"),
    Kind.SPAM: ("kind.spam",),
}


class _Witness:
    """Collects the words that the findings rest on, in the text without its subject."""

    def __init__(self, reading: Reading, text: str, offset: int) -> None:
        self._reading, self._text, self._offset = reading, text, offset
        self.taken: list[Evidence] = []

    def take(self, field: str, tally: Tally, key: str, most: int) -> None:
        """The words of the strongest findings of a key."""
        for vote in tally.strongest(key, most):
            start = self._reading.starts[vote.first] - self._offset
            end = self._reading.ends[vote.last - 1] - self._offset
            if start >= 0:
                self.taken.append(Evidence(field, self._text[start:end], start, end))


def _opposite(gives: Mapping[str, float]) -> Mapping[str, float]:
    """What a negated finding gives: blame for praise, praise for blame."""
    if "kind.praise" in gives:
        return {"breach": gives["kind.praise"], "negative": gives["kind.praise"] / 2}
    return {"kind.praise": max(gives.get("negative", 0.0), gives.get("breach", 0.0))}


def _kind(tally: Tally, reading: Reading) -> _Kind:
    total = tally.total
    breach, negative, anger = total("breach"), total("negative"), total("anger")
    praise, question = total("kind.praise"), total("kind.question")
    other, spam = total("kind.other"), total("kind.spam")
    opinion, brand, resolved = total("opinion"), total("brand"), total("resolved")
    if resolved and praise:
        breach, negative = breach * MENDED, negative * MENDED
    if brand and not total("personal"):
        breach, negative, other = breach * 0.5, negative * 0.4, other + opinion
    if opinion >= 2 and breach < 2.5 and not total("personal"):
        breach, negative = breach * 0.5, negative * 0.5
    complaint = breach + 0.55 * negative + 0.3 * min(anger, 3.0)
    complaint += max(share * total(f"remedy.{remedy}") for remedy, share in DEMANDED.items())
    if complaint > 1 and total("ask"):
        complaint += 0.6
    if complaint > 1 and total("us"):
        complaint += 0.3
    if complaint < VAGUE and len(reading.starts) >= TOLD and max(question, praise, other, spam, opinion) < 0.8:
        named = any(key.startswith("category.") for key in tally.votes)
        if named and (total("us") or total("personal")):
            complaint += VAGUE
    if breach >= 2:
        praise *= 0.5
    if breach >= 2.2:
        question *= 0.45
    elif complaint >= 1.2:
        question *= 0.75
    if breach >= 2.5 and (total("personal") or total("us")):
        spam *= 0.6
    if spam >= 3:
        praise, question, other = praise * 0.5, question * 0.5, other * 0.5
    if praise >= 2:
        other *= 0.6
    scores = (complaint, question, praise, 1.0 + 0.8 * other + 0.3 * opinion, spam)
    chances = _softmax(scores)
    best = max(range(len(scores)), key=chances.__getitem__)
    if best and chances[best] < SURE and chances[0] >= DOUBT:
        best = 0
    return _Kind(_KINDS[best], round(chances[best], 3), breach, complaint)


def _category(tally: Tally) -> tuple[Category, float]:
    scores: dict[Category, float] = {}
    signs = [vote for _, key in _CATEGORIES for vote in tally.votes.get(key, ()) if vote.weight >= SIGN]
    first = min((vote.first for vote in signs), default=-1)
    for category, key in _CATEGORIES:
        score = tally.total(key)
        if score > 0:
            if any(vote.first == first and vote.weight >= SIGN for vote in tally.votes[key]):
                score += 0.6
            scores[category] = score
    others = [score for category, score in scores.items() if category is not Category.SERVICE]
    if Category.SERVICE in scores and max(others, default=0.0) >= 2.5:
        scores[Category.SERVICE] *= SECOND
    for category, more in ((Category.SAFETY, 1.3), (Category.FRAUD, 1.15), (Category.PRIVACY, 1.15)):
        if scores.get(category, 0) >= 2.5:
            scores[category] *= more
    if not scores or max(scores.values()) < 0.7:
        return Category.OTHER, 0.4
    return _chosen(scores, 1.5)


def _remedy(tally: Tally) -> tuple[Remedy, float]:
    scores = {remedy: score for remedy, key in _REMEDIES if (score := tally.total(key)) > 0}
    if not scores or max(scores.values()) < 1.2:
        return Remedy.NONE, 0.75 if not tally.total("ask") else 0.5
    return _chosen(scores, 1.2)


def _risks(tally: Tally, kind: Kind) -> tuple[tuple[Risk, ...], float]:
    enough = RISK_FROM if kind is Kind.COMPLAINT else RISK_FROM_OTHERS
    scores = {risk: tally.total(key) for risk, key in _RISKS}
    found = tuple(risk for risk, score in scores.items() if score >= enough and risk in RISKS_OF[kind])
    if found:
        return found, round(min(0.97, 0.45 + 0.15 * min(scores[risk] for risk in found)), 3)
    return (), round(0.92 - 0.2 * min(1.0, max(scores.values())), 3)


def _anger(tally: Tally, reading: Reading, text: str, kind: Kind) -> tuple[int, float]:
    if kind in (Kind.PRAISE, Kind.SPAM):
        return 0, 0.9
    votes = tally.strongest("anger", 4)
    score = votes[0].weight + 0.3 * sum(vote.weight for vote in votes[1:]) if votes else 0.0
    if kind is Kind.COMPLAINT:
        heat = tally.total("heat")
        if score < ANGER_LEVELS[0]:
            score = min(HEATED, score + heat + (0.0 if tally.total("polite") else UNSOFTENED))
        else:
            score += 0.2 * heat
    if score or kind is Kind.COMPLAINT:
        if reading.shouted >= _SHOUTED_WORDS and reading.shouted >= 0.5 * len(reading.starts):
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
