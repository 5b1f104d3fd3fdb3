"""The lexicon: what people write and what it tells, read from YAML and checked.

A lexicon is a directory: `normalise.yaml` (spelling), `languages.yaml` (words that tell a language), and any number of
files with `words:` (lists that patterns use as `{name}`) and `entries:`. An entry:

```yaml
- name: parcel_late
  gives: {category.delivery: 3, breach: 3}   # what it tells, and how strongly (1 a hint, 2 a sign, 3 as good as said)
  phrases: ["{belum} {sampai}"]              # patterns, see `policy.assess.pattern`
  negation: cancel                           # what *tidak …* before it does: cancel, flip (praise for breach), keep
  hides: [risk.injury]                       # what findings inside of its words no longer tell (`all`: nothing)
  examples: ["paket blm nyampe"]             # must match, and
  not: ["paket sudah sampai"]                # must not; `check_examples` tests both
```
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from db.words import Category, Kind, Remedy, Risk
from policy.assess.language import Languages
from policy.assess.normalise import Normaliser, Spelling
from policy.assess.pattern import Node, Parser, PatternError, symbols_of
from policy.reading import PolicyError, Problem, Rules, line_of, read_placed, read_rules

SPELLING_FILE, LANGUAGES_FILE = "normalise.yaml", "languages.yaml"

SIGNALS = frozenset(
    {
        "breach",  # an expectation was breached
        "negative",  # displeasure without saying what was breached
        "opinion",  # a critical view that breaches nothing
        "ask",  # asks for something
        "contrast",  # what follows weighs more (*tapi*)
        "resolved",  # what was wrong is mended
        "hypothetical",  # it is not said that it happened (*kalau*)
        "personal",  # it happened to the writer
        "us",  # speaks to the company
        "brand",  # about looks and advertising, not about what was bought
        "anger",
        "heat",  # how heated a complaint is beyond its words of anger
        "polite",  # what cools it
    }
)
KEYS = frozenset(
    {
        *SIGNALS,
        *(f"kind.{kind}" for kind in Kind if kind is not Kind.COMPLAINT),
        *(f"category.{category}" for category in Category),
        *(f"remedy.{remedy}" for remedy in Remedy if remedy is not Remedy.NONE),
        *(f"risk.{risk}" for risk in Risk),
    }
)
"""What an entry may give."""

HEAVIEST = 6.0


def _split(value: object) -> object:
    return value.split() if isinstance(value, str) else value


Words = Annotated[tuple[str, ...], BeforeValidator(_split)]
"""A YAML list, or one text with spaces between the words."""


class Entry(Rules):
    """What some phrases tell; see the module."""

    name: str
    gives: dict[str, Annotated[float, Field(ge=-HEAVIEST, le=HEAVIEST)]] = Field(default_factory=dict)
    phrases: Annotated[tuple[str, ...], Field(min_length=1)]
    negation: Literal["cancel", "flip", "keep"] = "cancel"
    hides: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()
    not_: Annotated[tuple[str, ...], Field(alias="not")] = ()


class EntriesFile(Rules):
    """A file of entries and the word lists that they use."""

    words: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    entries: tuple[Entry, ...] = ()


class SpellingFile(Rules):
    """`normalise.yaml`."""

    means: dict[str, str]
    negations: Words
    no_negation_before: Words
    negation_passes: Words
    hidden: Words


class LanguagesFile(Rules):
    """`languages.yaml`."""

    words: dict[str, Words]
    borrowed: Words


@dataclass(frozen=True)
class Compiled:
    """An entry with its patterns as trees, and where it stands."""

    entry: Entry
    nodes: tuple[Node, ...]
    file: Path
    line: int


@dataclass(frozen=True)
class Lexicon:
    """Everything that the rules know of words; `version` changes with any of it."""

    entries: tuple[Compiled, ...]
    spelling: Spelling
    languages: Languages
    version: str

    @cached_property
    def vocabulary(self) -> frozenset[str]:
        """Every symbol that a pattern asks for."""
        return frozenset(symbol for entry in self.entries for node in entry.nodes for symbol in symbols_of(node))


_Read = tuple[Path, EntriesFile, Mapping[tuple[str | int, ...], int]]
"""A file, what stands in it, and on which line."""


def read_lexicon(directory: Path) -> Lexicon:
    """Read a lexicon.

    Raises:
        PolicyError: with every problem found in it: bad YAML, unknown keys, patterns that cannot be read, names twice.
    """
    files = sorted(directory.glob("*.yaml"))
    problems = [
        Problem(directory / needed, 1, "this file is missing; `tanggap policy init DIR` writes a whole policy")
        for needed in (SPELLING_FILE, LANGUAGES_FILE)
        if directory / needed not in files
    ]
    spelling = languages = None
    read: list[_Read] = []
    for file in files:
        try:
            if file.name == SPELLING_FILE:
                spelling = _spelling(read_rules(file, SpellingFile))
            elif file.name == LANGUAGES_FILE:
                languages = _languages(file, read_rules(file, LanguagesFile))
            else:
                read.append((file, *read_placed(file, EntriesFile)))
        except PolicyError as error:
            problems += error.problems
    if problems or spelling is None or languages is None:
        raise PolicyError(problems)
    compiled = _compiled(read, spelling, problems)
    if problems:
        raise PolicyError(problems)
    return Lexicon(tuple(compiled), spelling, languages, _version(files))


def _compiled(
    read: list[tuple[Path, EntriesFile, Mapping[tuple[str | int, ...], int]]],
    spelling: Spelling,
    problems: list[Problem],
) -> list[Compiled]:
    macros: dict[str, tuple[str, ...]] = {}
    for file, entries, lines in read:
        for name, patterns in entries.words.items():
            if name in macros:
                problems.append(Problem(file, line_of(("words", name), lines), f"the word list `{name}` stands twice"))
            macros[name] = patterns
    parser = Parser(macros, Normaliser(spelling).spell)
    for file, entries, lines in read:
        for name, patterns in entries.words.items():
            for index, pattern in enumerate(patterns):
                try:
                    parser.parse(pattern)
                except PatternError as error:
                    problems.append(Problem(file, line_of(("words", name, index), lines), str(error)))
    if problems:
        return []
    compiled: list[Compiled] = []
    names: dict[str, str] = {}
    for file, entries, lines in read:
        for number, entry in enumerate(entries.entries):
            place = ("entries", number)
            line = line_of(place, lines)
            if entry.name in names:
                problems.append(
                    Problem(file, line, f"the entry `{entry.name}` stands twice (first in {names[entry.name]})")
                )
            names[entry.name] = f"{file.name}:{line}"
            problems += (
                Problem(file, line_of((*place, "gives", key), lines), f"`{key}` is nothing that an entry can give")
                for key in entry.gives
                if key not in KEYS
            )
            problems += (
                Problem(file, line_of((*place, "hides"), lines), f"`{key}` is nothing that an entry can hide")
                for key in entry.hides
                if key != "all" and not any(known.startswith(key) for known in KEYS)
            )
            nodes: list[Node] = []
            for index, phrase in enumerate(entry.phrases):
                try:
                    nodes.append(parser.parse(phrase))
                except PatternError as error:
                    problems.append(Problem(file, line_of((*place, "phrases", index), lines), str(error)))
            compiled.append(Compiled(entry, tuple(nodes), file, line))
    return compiled


def _spelling(read: SpellingFile) -> Spelling:
    return Spelling(
        means={written: tuple(words.split()) for written, words in read.means.items()},
        negations=frozenset(read.negations),
        no_negation_before=frozenset(read.no_negation_before),
        negation_passes=frozenset(read.negation_passes),
        hidden=frozenset(read.hidden),
    )


def _languages(file: Path, read: LanguagesFile) -> Languages:
    missing = {"id", "en"} - read.words.keys()
    if missing:
        raise PolicyError([Problem(file, 1, f"`words.{missing.pop()}` is missing")])
    return Languages({language: frozenset(words) for language, words in read.words.items()}, frozenset(read.borrowed))


def _version(files: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()[:12]
