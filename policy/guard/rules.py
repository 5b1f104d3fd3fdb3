"""The guardrails as the company writes them: one YAML file a rule, with its wording and its examples.

How a pattern is written: a regular expression on the folded text (lower case, no accents, single spaces), bounded by
word ends. A space stands for any short break (between two letters also for none: `jalurhukum`), ` \\w+` for one word of
the same sentence, `~` for up to four of them.
"""

import re
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from db.words import Kind, Visibility
from policy.guard.draft import DraftText, Level
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
_SAME_SENTENCE = r"[^\w.!?;\n]{1,4}"
_SAME_CLAUSE = r"[^\w.!?;,:\n]{1,4}"
_WORDS = rf"(?:(?:{_SAME_SENTENCE}\w{{1,30}}){{0,4}}?{_SAME_SENTENCE})"
_BREAKS = re.compile(
    r"(?P<kept>\[[^\]]*\])|(?P<words> ?~ ?(?P<maybe>\??))|(?P<word>\\w\+)|(?P<optional> \?)|(?P<space> )"
)


def expression(pattern: str, *, cased: bool = False, clause: bool = False) -> re.Pattern[str]:
    """A pattern of a rule as the regular expression that is run. Every repetition in it is bounded.

    With `clause`, words in between may not even stand beyond a comma: what is denied before it is claimed after it.
    """
    gap = _SAME_CLAUSE if clause else _SAME_SENTENCE

    def written(found: re.Match[str]) -> str:
        if found["kept"]:
            return found.group()
        if found["words"]:
            return _WORDS + found["maybe"]
        if found["word"]:
            return r"\w{1,30}"
        if found["optional"]:
            return r"[\W_]{0,4}"
        before, after = pattern[: found.start()], pattern[found.end() :]
        if after.startswith("\\w") or after.startswith("(?!") or before.endswith("\\w+"):
            return gap
        # Without a break only between two words that both stand here: a pattern must not end inside a longer word.
        return r"[\W_]{0,4}" if before[-1:].isalpha() and after[:1].isalpha() else r"[\W_]{1,4}"

    return re.compile(rf"(?<!\w)(?:{_BREAKS.sub(written, pattern)})(?!\w)", 0 if cased else re.IGNORECASE)


def _tried(pattern: str, *, raw: bool = False) -> None:
    try:
        re.compile(pattern) if raw else expression(pattern)
    except re.error as error:
        raise ValueError(f"`{pattern}` is no regular expression: {error}") from error


class Wording(Rules):
    """The same sentence in both languages; `{what}` is filled with the sort of thing found."""

    id: str
    en: str

    def of(self, language: str | None, what: str = "") -> str:
        """In English where the draft is, else in Indonesian."""
        return (self.en if language == "en" else self.id).replace("{what}", what)


class Patterns(Rules):
    """Patterns that share what they need: one of `needs` must stand in the text before any of them is tried."""

    any: tuple[str, ...]
    needs: tuple[str, ...] = ()
    what: str | None = None
    cased: bool = False
    firm: bool = False
    """Nothing spares these: a condition ("unless you…") is no denial."""
    raw: bool = False
    """The patterns are plain regular expressions, on the folded text with capitals: no word ends, no wide spaces."""

    @model_validator(mode="after")
    def _compiles(self) -> "Patterns":
        for pattern in self.any:
            _tried(pattern, raw=self.raw)
        return self

    @cached_property
    def compiled(self) -> tuple[re.Pattern[str], ...]:
        """Ready to run."""
        if self.raw:
            return tuple(re.compile(pattern) for pattern in self.any)
        return tuple(expression(pattern, cased=self.cased) for pattern in self.any)


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

    @field_validator("spare")
    @classmethod
    def _compiles(cls, patterns: tuple[str, ...]) -> tuple[str, ...]:
        for pattern in patterns:
            _tried(pattern)
        return patterns

    @cached_property
    def spares(self) -> tuple[re.Pattern[str], ...]:
        """Ready to run."""
        return tuple(expression(pattern, clause=True) for pattern in self.spare)

    def applies(self, draft: DraftText) -> bool:
        """Whether this draft is one that the rule is about."""
        if self.complaints_only and not draft.answers_complaint:
            return False
        return self.audience == "any" or self.audience == draft.visibility


class Guardrails(Rules):
    """All of them, in the order of RULE_NAMES."""

    directory: Path
    rules: tuple[Rule, ...]

    def rule(self, name: str) -> Rule:
        """The one of this name."""
        return next(rule for rule in self.rules if rule.rule == name)


def read_guardrails(directory: Path) -> Guardrails:
    """Read every rule of the directory; each rule of RULE_NAMES has exactly one file.

    Raises:
        PolicyError: with everything wrong in any of the files.
    """
    problems: list[Problem] = []
    rules: dict[str, Rule] = {}
    for file in sorted(directory.glob("*.yaml")):
        try:
            rule = read_rules(file, Rule)
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
