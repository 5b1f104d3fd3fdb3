"""The guardrails as the company writes them: one YAML file a rule, with its wording and its examples.

How a phrase is written tells policy/guard/phrases.py; the words that phrases share stand in words.yaml.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from db.words import Kind, Visibility
from policy.guard.draft import DraftText, Level
from policy.guard.phrases import Clause, Words, alternatives, expression, needed, plain_expression, spelled_out
from policy.guard.sieve import Sieve
from policy.reading import PolicyError, Problem, Rules, line_of, read_rules, read_yaml

RULE_NAMES = (
    "legal_threat",
    "blame",
    "insult",
    "deletion_request",
    "pii",
    "incentive",
    "review_gating",
    "internal_leak",
    "template_leak",
    "contradiction",
    "discrimination",
    "too_long",
    "over_admission",
    "unverified_claim",
    "promise",
    "no_apology",
    "no_private_offer",
    "marketing",
    "wrong_language",
    "all_caps",
    "link",
)
WORDS_FILE = "words.yaml"
Language = Literal["id", "en"]
"""What findings are worded in."""


def _phrases(values: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
    """The phrases with the names in them spelled out; a plain regular expression knows no names."""
    if info.data.get("raw"):
        for value in values:
            plain_expression(value)
        return values
    words: Words = (info.context or {}).get("words", {})
    phrases = tuple(spelled_out(value, words) for value in values)
    for phrase in phrases:
        expression(phrase)
    return phrases


class Wording(Rules):
    """The same sentence in both languages; `{what}` is filled with the sort of thing found."""

    id: str
    en: str

    def of(self, language: str | None, what: str = "") -> str:
        """In English where the draft is, else in Indonesian."""
        return (self.en if language == "en" else self.id).replace("{what}", what)


class Patterns(Rules):
    """Phrases of which any one is a hit (`any`), or that are one where they stand in one sentence (`together`)."""

    raw: bool = False
    """The patterns are plain regular expressions, on the folded text with capitals: no word ends, no wide spaces."""
    cased: bool = False
    firm: bool = False
    """Nothing spares these: a condition ("unless you…") is no denial."""
    within: int = Field(default=120, ge=20, le=300)
    """So many characters before and after the first of `together` the others are looked for."""
    needs: tuple[str, ...] = ()
    """Of plain regular expressions, what must stand in the text for any to be tried; phrases know that themselves."""
    what: str | None = None
    any: tuple[str, ...] = ()
    together: tuple[str, ...] = ()

    unless: tuple[str, ...] = ()
    """What takes these phrases out of suspicion where it stands in the same sentence."""

    _any = field_validator("any", "together", "unless")(_phrases)

    @model_validator(mode="after")
    def _either(self) -> "Patterns":
        if bool(self.any) == bool(self.together):
            raise ValueError("write either `any` or `together`")
        if self.raw and self.together:
            raise ValueError("`together` takes phrases, no plain regular expressions")
        return self

    @cached_property
    def excuses(self) -> tuple[re.Pattern[str], ...]:
        """`unless`, ready to run."""
        return tuple(expression(phrase) for phrase in self.unless)

    def tries(self) -> Iterator["Try"]:
        """What is run for these, each with what it needs."""
        if self.together:
            clauses = [clause for phrase in self.together for clause in needed(phrase)[:2]]
            parts = tuple(expression(phrase, cased=self.cased) for phrase in self.together)
            yield Try(self, parts, tuple(clauses))
        for phrase in self.any:
            if self.raw:
                yield Try(self, (plain_expression(phrase),), ())
                continue
            for one in alternatives(phrase):
                yield Try(self, (expression(one, cased=self.cased),), needed(one), across="\\?" in one)


@dataclass(frozen=True)
class Try:
    """One thing to look for: an expression, or several that stand in one sentence."""

    group: Patterns
    parts: tuple[re.Pattern[str], ...]
    needs: tuple[Clause, ...]
    across: bool = False
    """It reads from one sentence into the next."""

    @property
    def whole(self) -> bool:
        """Whether it is tried on the whole text, not sentence by sentence."""
        return self.across or self.group.raw or not self.needs


class Example(Rules):
    """A draft and what the rule must make of it."""

    text: str
    visibility: Visibility = Visibility.PUBLIC
    channel: str | None = None
    complaint: str | None = None
    lang: str | None = None
    facts: tuple[str, ...] = ()
    statement: str | None = None
    kind: Kind | None = None

    @model_validator(mode="before")
    @classmethod
    def _text_alone(cls, value: Any) -> Any:
        return {"text": value} if isinstance(value, str) else value

    @property
    def draft(self) -> DraftText:
        """As the checks take it."""
        return DraftText(**self.model_dump())


class Examples(Rules):
    """The rule's tests."""

    hit: tuple[Example, ...] = Field(min_length=1)
    miss: tuple[Example, ...] = Field(min_length=1)


class Rule(Rules):
    """One guardrail."""

    rule: Literal[RULE_NAMES]  # type: ignore[valid-type]
    level: Level
    audience: Literal["any", "public", "private"] = "any"
    complaints_only: bool = False
    """Only where the draft answers a complaint."""
    unless_in_complaint: bool = False
    """A word that the customer used first, or that is known to be true, may be taken up."""
    unless_quoted: bool = False
    """What stands in quotation marks as somebody else's words does not count."""
    message: Wording
    suggestion: Wording
    what: dict[str, Wording] = Field(default_factory=dict)
    """Names for the sorts of thing that the rule finds."""
    patterns: tuple[Patterns, ...] = ()
    spelled: tuple[str, ...] = ()
    """Words, written without spaces, that nobody spells letter by letter but to hide them: `k a m i s o m a s i`."""
    spare: tuple[str, ...] = ()
    """A hit inside one of these does not count: a denial, the customer's own right."""
    examples: Examples

    _spare = field_validator("spare")(_phrases)

    @cached_property
    def tries(self) -> tuple[Try, ...]:
        """All that is looked for."""
        return tuple(one for group in self.patterns for one in group.tries())

    @cached_property
    def spares(self) -> tuple[tuple[str, re.Pattern[str]], ...]:
        """What spares a hit: each phrase, and ready to run."""
        return tuple((one, expression(one, clause=True)) for phrase in self.spare for one in alternatives(phrase))

    def words(self, what: str | None, language: str | None) -> tuple[str, str]:
        """Message and suggestion for somebody who reads this language, about this sort of thing."""
        sort = self.what.get(what or "")
        named = sort.of(language) if sort else (what or "")
        return self.message.of(language, named), self.suggestion.of(language, named)

    def applies(self, draft: DraftText) -> bool:
        """Whether this draft is one that the rule is about."""
        if self.complaints_only and not draft.answers_complaint:
            return False
        return self.audience == "any" or self.audience == draft.visibility


@dataclass(frozen=True)
class Home:
    """Something that is looked for, and the rule that it belongs to."""

    rule: str
    needs: Sequence[Clause]
    whole: bool
    tried: Try | None = None
    spare: re.Pattern[str] | None = None


class Guardrails(Rules):
    """All of them, in the order of RULE_NAMES."""

    directory: Path
    rules: tuple[Rule, ...]

    def rule(self, name: str) -> Rule:
        """The one of this name."""
        return self.by_name[name]

    @cached_property
    def by_name(self) -> dict[str, Rule]:
        """Each rule under its name."""
        return {rule.rule: rule for rule in self.rules}

    @cached_property
    def homes(self) -> tuple[Home, ...]:
        """Everything that is looked for in drafts, with the rule that it belongs to; the sieve's bits in this order."""
        return tuple(
            home
            for rule in self.rules
            for home in (
                *(Home(rule.rule, one.needs, one.whole, tried=one) for one in rule.tries),
                *(Home(rule.rule, needed(phrase), not needed(phrase), spare=spare) for phrase, spare in rule.spares),
            )
        )

    @cached_property
    def sieve(self) -> Sieve:
        """Tells which of them can stand in a text."""
        return Sieve([home.needs for home in self.homes])

    @cached_property
    def of_whole_texts(self) -> int:
        """The sieve's bits of those that are tried on the whole text."""
        return sum(1 << place for place, home in enumerate(self.homes) if home.whole)


class GuardWords(Rules):
    """Words that phrases of several rules share, under a name: `you: [anda, kamu, …]`."""

    words: dict[str, tuple[str, ...]]


def read_guardrails(directory: Path) -> Guardrails:
    """Read every rule of the directory; each rule of RULE_NAMES has exactly one file.

    Raises:
        PolicyError: with everything wrong in any of the files.
    """
    problems: list[Problem] = []
    rules: dict[str, Rule] = {}
    words = read_rules(directory / WORDS_FILE, GuardWords).words
    for file in sorted(set(directory.glob("*.yaml")) - {directory / WORDS_FILE}):
        try:
            rule = read_rules(file, Rule, context={"words": words})
        except PolicyError as error:
            problems.extend(error.problems)
            continue
        if rule.rule != file.stem:
            problems.append(Problem(file, _line(file, "rule"), f"the rule `{rule.rule}` belongs in {rule.rule}.yaml"))
        rules[rule.rule] = rule
    broken = {problem.file.stem for problem in problems}
    problems.extend(
        Problem(directory / f"{name}.yaml", 1, f"this file is missing: nothing would check `{name}`")
        for name in RULE_NAMES
        if name not in rules and name not in broken
    )
    if problems:
        raise PolicyError(problems)
    return Guardrails(directory=directory, rules=tuple(rules[name] for name in RULE_NAMES))


def _line(file: Path, *place: str | int) -> int:
    return line_of(place, read_yaml(file)[1])
