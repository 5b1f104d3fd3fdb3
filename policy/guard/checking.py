"""Runs the guardrails over a draft. Nothing here knows a rule: they are YAML, and a few functions beside it."""

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from policy.guard import consistency, contradiction, personal, wording
from policy.guard.draft import ChannelLimits, DraftText, Finding, Hit, Owner
from policy.guard.folding import Folded, disguises, fold, spelled_apart
from policy.guard.language import language_of
from policy.guard.lengths import too_long
from policy.guard.quoting import quotes_of
from policy.guard.rules import Guardrails, Language, Patterns, Rule, Try
from policy.reading import Problem, line_of, read_yaml

_STOPS = re.compile(r"[.!?;](?=\s|$)|\n")
_MOST = 0.6
_MISSING = ("no_apology", "no_private_offer")

Code = Callable[[DraftText, Folded, Owner, ChannelLimits], Iterable[Hit]]
_CODE: dict[str, Code] = {
    "pii": lambda draft, folded, owner, _: personal.found(draft, folded, owner),
    "contradiction": lambda draft, folded, *_: [*contradiction.found(draft), *consistency.found(draft, folded)],
    "too_long": lambda draft, _folded, _owner, channels: too_long(draft, channels),
    "unverified_claim": lambda draft, folded, *_: [
        *wording.unknown_numbers(draft, folded),
        *wording.claims_without_ground(draft),
    ],
    "promise": lambda draft, folded, *_: wording.unknown_terms(draft, folded),
    "wrong_language": lambda draft, *_: wording.wrong_language(draft),
    "all_caps": lambda draft, _folded, owner, _: wording.all_caps(draft, owner),
    "link": lambda draft, _folded, owner, _: wording.links(draft, owner),
    "template_leak": lambda draft, *_: wording.unfilled(draft),
}
"""What a pattern cannot say."""


@dataclass
class _Nobody:
    """A company that owns nothing, for the rules' own examples."""

    names: tuple[str, ...] = ("TokoKita",)
    domains: tuple[str, ...] = ("tokokita.example",)
    addresses: tuple[str, ...] = ()

    def owns_email(self, e: str, /) -> bool:
        return e.lower().endswith("@tokokita.example")

    def owns_phone(self, p: str, /) -> bool:
        return re.sub(r"\D", "", p).endswith("2150001234")

    def owns_handle(self, h: str, /) -> bool:
        return h.lower() == "tokokita"


@dataclass(frozen=True)
class _Limit:
    hard_limit: int | None = None
    comfortable_limit: int | None = None


@dataclass(frozen=True)
class _Copy:
    """A folded copy, and for each rule what can stand in it at all, with the part of the copy where it can."""

    folded: Folded
    tries: Mapping[str, list[tuple[Try, int, int]]]
    spares: Mapping[str, list[tuple[re.Pattern[str], int, int]]]

    @classmethod
    def of(cls, folded: Folded, rails: Guardrails, read: Collection[str] = ()) -> "_Copy":
        """`read`: sentences that another copy has already, word for word."""
        tries: dict[str, list[tuple[Try, int, int]]] = defaultdict(list)
        spares: dict[str, list[tuple[re.Pattern[str], int, int]]] = defaultdict(list)
        sentences = _sentences(folded.text)
        each, together = rails.sieve.possible(folded.text, sentences)
        parts = [
            (low, high, bits & ~rails.of_whole_texts)
            for (low, high), bits in zip(sentences, each, strict=True)
            if folded.text[low:high] not in read
        ]
        for low, high, possible in [*parts, (0, len(folded.text), together & rails.of_whole_texts)]:
            while possible:
                lowest = possible & -possible
                possible ^= lowest
                home = rails.homes[lowest.bit_length() - 1]
                if home.tried:
                    tries[home.rule].append((home.tried, low, high))
                elif home.spare:
                    spares[home.rule].append((home.spare, low, high))
        return cls(folded, tries, spares)


def _sentences(text: str) -> list[tuple[int, int]]:
    """Where each sentence stands, with the sign that ends it."""
    stops = [stop.end() for stop in _STOPS.finditer(text)]
    return [(low, high) for low, high in pairwise((0, *stops, len(text))) if low < high]


@dataclass(frozen=True)
class _Reading:
    """A draft and its folded copies, made once for all rules."""

    plain: _Copy
    disguised: tuple[_Copy, ...]
    spelled: tuple[Folded, ...]

    @classmethod
    def of(cls, text: str, rails: Guardrails) -> "_Reading":
        plain = fold(text)
        read = {plain.text[low:high] for low, high in _sentences(plain.text)}
        disguised = tuple(_Copy.of(copy, rails, read) for copy in disguises(plain))
        return cls(_Copy.of(plain, rails), disguised, tuple(spelled_apart(plain)))


def check(
    draft: DraftText,
    rails: Guardrails,
    company: Owner,
    channels: ChannelLimits | None = None,
    *,
    reader: Language | None = None,
) -> list[Finding]:
    """Everything that speaks against sending this draft, in the order of the text.

    The findings are worded in the reader's language, or in the draft's where no reader is named.
    """
    reading = _Reading.of(draft.text, rails)
    hits = [
        (rule, hit)
        for rule in rails.rules
        if rule.applies(draft)
        for hit in _hits(rule, draft, reading, company, channels or {})
    ]
    if not hits:
        return []
    language = reader or language_of(draft.text) or draft.lang
    findings = [_finding(rule, hit, draft, language) for rule, hit in hits]
    return sorted(findings, key=lambda found: (found.start, found.end, found.rule))


def prepare(rails: Guardrails, company: Owner, channels: ChannelLimits | None = None) -> None:
    """Make ready what the first check would otherwise wait for: some thousand expressions take seconds to compile."""
    for rule in rails.rules:
        for group in rule.patterns:
            _ = group.excuses
    check(DraftText("Telepon +62 812-0000-0000, NIK 3174012509900001, s o m a s i."), rails, company, channels)


def worded(rule: str, what: str | None, rails: Guardrails, language: str | None) -> tuple[str, str] | None:
    """Message and suggestion of a finding kept earlier, for this reader; None where there is no such rule any more."""
    known = rails.by_name.get(rule)
    return known.words(what, language) if known else None


def worst(findings: Sequence[Finding]) -> str:
    """`block`, `warn` or `pass`."""
    levels = {found.level for found in findings}
    return "block" if "block" in levels else "warn" if "warn" in levels else "pass"


def check_examples(rails: Guardrails) -> list[Problem]:
    """Every example that its rule does not judge as the rule's file says."""
    problems: list[Problem] = []
    limits = {"x": _Limit(280, 260), "google_play": _Limit(350, 330), "mastodon": _Limit(500, 480)}
    for rule in rails.rules:
        for kind, wanted in (("hit", True), ("miss", False)):
            for index, example in enumerate(getattr(rule.examples, kind)):
                draft = example.draft
                reading = _Reading.of(draft.text, rails)
                found = rule.applies(draft) and bool(_hits(rule, draft, reading, _Nobody(), limits))
                if found != wanted:
                    file = rails.directory / f"{rule.rule}.yaml"
                    line = line_of(("examples", kind, index), read_yaml(file)[1])
                    said = "is not found" if wanted else "is found"
                    problems.append(Problem(file, line, f"the example `{draft.text[:60]}` {said} by `{rule.rule}`"))
    return problems


def _hits(rule: Rule, draft: DraftText, reading: _Reading, company: Owner, channels: ChannelLimits) -> list[Hit]:
    if rule.rule in _MISSING:
        # These rules miss something: their patterns are what should stand there.
        present = any(True for _ in _matches(rule, reading.plain, draft))
        return [] if present or not draft.text.strip() else [Hit(0, len(draft.text))]
    hits = list(_matches(rule, reading.plain, draft)) if rule.rule in reading.plain.tries else []
    for copy in reading.disguised:
        if rule.rule in copy.tries:
            hits.extend(_matches(rule, copy, draft, disguised=True))
    for run in reading.spelled if rule.spelled else ():
        for word in rule.spelled:
            at = run.text.find(word)
            if at >= 0:
                hits.append(Hit(*run.span(at, at + len(word))))
    code = _CODE.get(rule.rule)
    if code:
        hits.extend(code(draft, reading.plain.folded, company, channels))
    return _merged(hits) if hits else hits


def _matches(rule: Rule, copy: _Copy, draft: DraftText, *, disguised: bool = False) -> Iterator[Hit]:
    folded = copy.folded
    spared: _Places | None = None
    known = "\n".join([draft.complaint or "", *draft.facts]).lower() if rule.unless_in_complaint else ""
    asked: Patterns | None = None
    idle = False
    for tried, low, high in copy.tries.get(rule.rule, ()):
        group = tried.group
        if group.raw and group is not asked:
            asked = group
            idle = disguised or bool(group.needs and not any(need in folded.text for need in group.needs))
        if group.raw and idle:
            continue
        excused: bool | None = None
        for start, end in _places(tried, folded.cased if group.raw or group.cased else folded.text, low, high):
            if spared is None:
                spared = _Places(
                    place.span()
                    for spare, at, to in copy.spares.get(rule.rule, ())
                    for place in spare.finditer(folded.text, at, to)
                )
                quoted = _Places(quotes_of(folded, draft) if rule.unless_quoted else ())
            if (not group.firm and spared.hold(start, end)) or quoted.touch(start, end):
                continue
            if known and folded.text[start:end].strip() in known:
                continue
            if excused is None:
                excused = any(excuse.search(folded.text, low, high) for excuse in group.excuses)
            if excused:
                break
            yield Hit(*folded.span(start, end), group.what)


class _Places:
    """Places in a text, looked up by where they begin: many hits among many of them stay cheap."""

    def __init__(self, places: Iterable[tuple[int, int]]) -> None:
        self._places = sorted(places)
        self._longest = max((end - start for start, end in self._places), default=0)

    def hold(self, start: int, end: int) -> bool:
        """Whether a place ends inside one of these, or most of it lies there."""
        return any(
            a < end <= b or min(end, b) - max(start, a) >= _MOST * (end - start) for a, b in self._around(start, end)
        )

    def touch(self, start: int, end: int) -> bool:
        """Whether a place begins or ends inside one of these."""
        return any(a <= start < b or a < end <= b for a, b in self._around(start, end))

    def _around(self, start: int, end: int) -> list[tuple[int, int]]:
        low = bisect_left(self._places, (start - self._longest, 0))
        return self._places[low : bisect_left(self._places, (end, 0))]


def _places(tried: Try, text: str, low: int, high: int) -> Iterator[tuple[int, int]]:
    """Where it stands: a match of the one expression, or from the first to the last of several near each other."""
    first, *others = tried.parts
    for match in first.finditer(text, low, high):
        start, end = match.span()
        if start == end:
            continue
        if not others:
            yield start, end
            continue
        near = max(low, start - tried.group.within), min(high, end + tried.group.within)
        found = [other.search(text, *near) for other in others]
        if all(found):
            spans = [match.span(), *(one.span() for one in found if one)]
            yield min(a for a, _ in spans), max(b for _, b in spans)


def _merged(hits: Iterable[Hit]) -> list[Hit]:
    """One hit where several overlap, as wide as they are together."""
    merged: list[Hit] = []
    for hit in sorted(hits, key=lambda hit: (hit.start, -hit.end)):
        if merged and hit.start < merged[-1].end:
            last = merged[-1]
            level = last.level if hit.level == last.level else None
            merged[-1] = Hit(last.start, max(last.end, hit.end), last.what or hit.what, level)
        else:
            merged.append(hit)
    return merged


def _finding(rule: Rule, hit: Hit, draft: DraftText, language: str | None) -> Finding:
    message, suggestion = rule.words(hit.what, language)
    quote = draft.text[hit.start : hit.end]
    return Finding(rule.rule, hit.level or rule.level, hit.start, hit.end, quote, message, suggestion, hit.what)
