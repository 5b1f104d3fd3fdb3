"""Runs the guardrails over a draft. Nothing here knows a rule: they are YAML, and a few functions beside it."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from policy.guard import consistency, contradiction, personal, wording
from policy.guard.draft import ChannelLimits, DraftText, Finding, Hit, Owner
from policy.guard.folding import Folded, disguises, fold, spelled_apart
from policy.guard.language import language_of
from policy.guard.lengths import too_long
from policy.guard.rules import Guardrails, Patterns, Rule
from policy.reading import Problem, line_of, read_yaml

_MISSING = ("no_apology", "no_private_offer")

Code = Callable[[DraftText, Folded, Owner, ChannelLimits], Iterable[Hit]]
_CODE: dict[str, Code] = {
    "pii": lambda draft, folded, owner, _: personal.found(draft, folded, owner),
    "contradiction": lambda draft, folded, *_: [*contradiction.found(draft), *consistency.found(draft, folded)],
    "too_long": lambda draft, _folded, _owner, channels: too_long(draft, channels),
    "unverified_claim": lambda draft, folded, *_: wording.unknown_numbers(draft, folded),
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


@dataclass(frozen=True)
class _Limit:
    hard_limit: int | None = None
    comfortable_limit: int | None = None


@dataclass
class _Reading:
    """A draft and its folded copies, made once for all rules."""

    plain: Folded
    disguised: list[Folded] = field(default_factory=list)
    spelled: list[Folded] = field(default_factory=list)

    @classmethod
    def of(cls, text: str) -> "_Reading":
        plain = fold(text)
        return cls(plain, disguises(plain), spelled_apart(plain))


def check(draft: DraftText, rails: Guardrails, company: Owner, channels: ChannelLimits | None = None) -> list[Finding]:
    """Everything that speaks against sending this draft, in the order of the text.

    The wording of the findings is in the draft's language.
    """
    reading = _Reading.of(draft.text)
    language = language_of(draft.text) or draft.lang
    findings = [
        _finding(rule, hit, draft, language)
        for rule in rails.rules
        if rule.applies(draft)
        for hit in _hits(rule, draft, reading, company, channels or {})
    ]
    return sorted(findings, key=lambda found: (found.start, found.end, found.rule))


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
                found = rule.applies(draft) and any(
                    True for _ in _hits(rule, draft, _Reading.of(draft.text), _Nobody(), limits)
                )
                if found != wanted:
                    file = rails.directory / f"{rule.rule}.yaml"
                    line = line_of(("examples", kind, index), read_yaml(file)[1])
                    said = "is not found" if wanted else "is found"
                    problems.append(Problem(file, line, f"the example `{draft.text[:60]}` {said} by `{rule.rule}`"))
    return problems


def _hits(rule: Rule, draft: DraftText, reading: _Reading, company: Owner, channels: ChannelLimits) -> list[Hit]:
    if rule.rule in _MISSING:
        # These rules miss something: their patterns are what should stand there.
        present = any(True for _ in _matches(rule, rule.patterns, reading.plain, draft))
        return [] if present or not draft.text.strip() else [Hit(0, len(draft.text))]
    hits = list(_matches(rule, rule.patterns, reading.plain, draft))
    for copy in reading.disguised:
        hits.extend(_matches(rule, [group for group in rule.patterns if not group.raw], copy, draft))
    for run in reading.spelled if rule.spelled else ():
        for word in rule.spelled:
            at = run.text.find(word)
            if at >= 0:
                hits.append(Hit(*run.span(at, at + len(word))))
    code = _CODE.get(rule.rule)
    if code:
        hits.extend(code(draft, reading.plain, company, channels))
    return _merged(hits)


def _matches(rule: Rule, groups: Iterable[Patterns], copy: Folded, draft: DraftText) -> Iterator[Hit]:
    spared: list[tuple[int, int]] | None = None
    known = "\n".join([draft.complaint or "", *draft.facts]).lower() if rule.unless_in_complaint else ""
    for group in groups:
        if group.needs and not any(need in copy.text for need in group.needs):
            continue
        for pattern in group.compiled:
            for match in pattern.finditer(copy.cased if group.raw or group.cased else copy.text):
                if spared is None:
                    spared = [place.span() for spare in rule.spares for place in spare.finditer(copy.text)]
                start, end = match.span()
                if start == end or (not group.firm and any(a < end <= b for a, b in spared)):
                    continue
                if known and match.group().strip().lower() in known:
                    continue
                yield Hit(*copy.span(start, end), group.what)


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
    named = rule.what.get(hit.what or "")
    what = named.of(language) if named else (hit.what or "")
    return Finding(
        rule.rule,
        hit.level or rule.level,
        hit.start,
        hit.end,
        draft.text[hit.start : hit.end],
        rule.message.of(language, what),
        rule.suggestion.of(language, what),
    )
