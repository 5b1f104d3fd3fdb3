"""Finds the lexicon's entries in a text, and says which of them stand: not negated, not hidden, not only quoted."""

import re
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import NamedTuple

from policy.assess.lexicon import Entry, Lexicon
from policy.assess.normalise import (
    ASKS,
    NAMES,
    NEGATES,
    ONLY,
    PASSES,
    PAUSES,
    SHOUTS,
    STOPS,
    TOKENS,
    Normaliser,
)
from policy.assess.pattern import Automaton, Found

HEAD, TAIL = 14_000, 4_000
"""Code points: of a longer text its first and last ones are read, where people say what they want."""

QUOTED = 0.5
"""What a finding counts that stands within quotation marks: somebody else's words, or emphasis."""

FLIPPED = 0.6
"""What a negated finding counts for its opposite: *tidak mengecewakan* is milder than *bagus*."""

_QUOTES = re.compile(r"[\"“”«„]([^\"“”«»„\n]{1,300})[\"“”»]")
_CACHED_WORDS = 200_000
_REACH = 4
"""Words that a negation may stand before what it negates."""


class Hit(NamedTuple):
    """An entry found at tokens `first` to `last`: `factor` is how much it counts, `flipped` for its opposite."""

    entry: int
    first: int
    last: int
    factor: float = 1.0
    flipped: bool = False


@dataclass(slots=True)
class Reading:
    """A text as the rules see it: its words and their places, its sentences, what was found in it.

    `tokens` are the matches of `TOKENS`, one a word; `flags` only those of words that have any; `fresh` the words that
    begin a sentence, in their order.
    """

    tokens: list[re.Match[str]] = field(default_factory=list)
    flags: dict[int, int] = field(default_factory=dict)
    pauses: set[int] = field(default_factory=set)
    fresh: list[int] = field(default_factory=list)
    hits: list[Hit] = field(default_factory=list)
    votes: dict[str, float] = field(default_factory=dict)
    shouted: int = 0
    negated: bool = False
    questions: list[int] = field(default_factory=list)
    handles: list[tuple[int, int]] = field(default_factory=list)

    def span(self, first: int, last: int) -> tuple[int, int]:
        """Where the words `first` to `last`, half-open, stand in the text."""
        return self.tokens[first].start(), self.tokens[last - 1].end()

    def sentence(self, word: int) -> int:
        """The number of the sentence that a word stands in."""
        return bisect_right(self.fresh, word)


_Speaks = tuple[tuple[str, float], ...]
_Word = tuple[int, int, int, float, float, _Speaks]
"""What is known of a word: its flags, its key, its key behind a comma, and how loudly it speaks Indonesian, English and
other languages. A plain tuple, because the loop over words takes it apart some thirty times a text."""


class Finder:
    """A lexicon made ready to read texts. Keeps what it learned of each written word, so it gets faster as it reads."""

    def __init__(self, lexicon: Lexicon) -> None:
        self.entries = tuple(compiled.entry for compiled in lexicon.entries)
        self._automaton = Automaton()
        for number, compiled in enumerate(lexicon.entries):
            for node in compiled.nodes:
                self._automaton.add(node, number)
        vocabulary = lexicon.vocabulary
        self._symbols = frozenset(name for name in vocabulary if not name.endswith("*"))
        beginnings = sorted(name[:-1] for name in vocabulary if name.endswith("*"))
        self._shared = min(map(len, beginnings), default=0)
        self._beginnings: dict[str, list[str]] = {}
        for beginning in beginnings:
            self._beginnings.setdefault(beginning[: self._shared], []).append(beginning)
        self._languages = lexicon.languages
        known = set(self._symbols).union(*lexicon.languages.words.values(), lexicon.languages.borrowed)
        known |= {word for means in lexicon.spelling.means.values() for word in means} | lexicon.spelling.hidden
        self._normaliser = Normaliser(lexicon.spelling, known)
        self._learned: dict[str, tuple[_Word, ...]] = {}
        self._numbers: dict[tuple[str, str], tuple[_Word, ...]] = {}
        self._hides = _hidden_by_each(self.entries)
        self._keeps = frozenset(number for number, entry in enumerate(self.entries) if entry.negation == "keep")
        self._cancels = frozenset(number for number, entry in enumerate(self.entries) if entry.negation == "cancel")

    def read(self, text: str) -> Reading:
        """What the lexicon finds in the text. Linear in its length, and bounded: see `HEAD` and `TAIL`."""
        reading = Reading()
        keys: list[int] = []
        spans = [(0, len(text))] if len(text) <= HEAD + TAIL else [(0, HEAD), (len(text) - TAIL, len(text))]
        for begin, end in spans:
            reading.fresh.append(len(keys))
            self._read(text, begin, end, reading, keys)
        while reading.fresh and reading.fresh[-1] >= len(keys):
            reading.fresh.pop()
        found = self._automaton.find(keys, reading.fresh)
        reading.hits = self._standing(found, reading, text)
        return reading

    def _read(self, text: str, begin: int, end: int, reading: Reading, keys: list[int]) -> None:
        """Read one part of a text; `keys` are the automaton's, one a word.

        This loop sees every word of every text: what few words have is kept by their place, not in a list of all.
        """
        learned, tokens = self._learned, reading.tokens
        own, english = reading.votes.get("id", 0.0), reading.votes.get("en", 0.0)
        paused = False
        for match in TOKENS.finditer(text, begin, end):
            words = learned.get(match[0])
            if words is None:
                words = self._learn(match.lastgroup or "word", match[0])
            for flags, key, after_pause, in_own, in_english, in_others in words:
                if paused or flags:
                    if flags & PAUSES:
                        paused = True
                        continue
                    if flags:
                        _mark(reading, len(keys), flags, match)
                    if paused:
                        reading.pauses.add(len(keys))
                        key = after_pause
                        paused = False
                keys.append(key)
                tokens.append(match)
                own += in_own
                english += in_english
                for language, loud in in_others:
                    reading.votes[language] = reading.votes.get(language, 0.0) + loud
        reading.votes["id"], reading.votes["en"] = own, english

    def _learn(self, kind: str, raw: str) -> tuple[_Word, ...]:
        if len(self._learned) + len(self._numbers) > _CACHED_WORDS:
            self._learned.clear()
            self._numbers.clear()
        # `5k` is money or a word by what stands around it: what begins with a digit is known by both.
        number = raw[0].isdigit()
        if number and (kind, raw) in self._numbers:
            return self._numbers[kind, raw]
        learned: list[_Word] = []
        key_of = self._automaton.key_of
        for word in self._normaliser.words(kind, raw):
            symbols = self._answers_to(word.forms)
            key, after_pause = key_of(symbols, not word.flags & (STOPS | NEGATES)), key_of(symbols, False)
            speaks: _Speaks = ()
            if word.forms and kind in ("word", "plain"):
                speaks = self._languages.votes(word.forms[-1], word.forms[0])
            learned.append((word.flags, key, after_pause, *_by_language(speaks)))
        known = tuple(learned)
        if number:
            self._numbers[kind, raw] = known
        else:
            self._learned[raw] = known
        return known

    def _answers_to(self, forms: Iterable[str]) -> frozenset[str]:
        """The symbols of patterns that match a word in one of its forms."""
        symbols = {form for form in forms if form in self._symbols}
        for form in forms:
            for beginning in self._beginnings.get(form[: self._shared], ()):
                if form.startswith(beginning):
                    symbols.add(f"{beginning}*")
        return frozenset(symbols)

    def _standing(self, found: list[Found], reading: Reading, text: str) -> list[Hit]:
        """The findings that stand, each with what it counts."""
        hiders = [hit for hit in found if hit[0] in self._hides]
        if hiders:
            hiding = _by_token(hiders)
            found = [hit for hit in found if not self._hidden(hit, hiding)]
        quoted = self._quoted(text) if '"' in text or "“" in text or "«" in text or "”" in text else []
        if not quoted and not reading.negated:
            return [Hit(*hit) for hit in found]
        hits: list[Hit] = []
        taken: dict[int, list[Found]] = {}
        for entry, first, last in found:
            factor, flipped = 1.0, False
            if reading.negated and entry not in self._keeps:
                at = _negation_before(first, last, reading)
                if at >= 0:
                    taken = taken or _by_token(found)
                    # The negation may belong to another finding (*tidak bisa login, kecewa*).
                    if not any(at + 1 < end <= first for _, _, end in taken.get(at, ())):
                        if entry in self._cancels:
                            continue
                        factor, flipped = FLIPPED, True
            if quoted and _within(reading.tokens[first].start(), quoted):
                factor *= QUOTED
            hits.append(Hit(entry, first, last, factor, flipped))
        return hits

    def _hidden(self, hit: Found, hiding: Mapping[int, list[Found]]) -> bool:
        """Whether it begins or ends within a hider: its telling words are those, whatever else it reaches to."""
        entry, first, last = hit
        for at in (first, last - 1):
            for hider, _, _ in hiding.get(at, ()):
                hides = self._hides[hider]
                if hider != entry and (hides is None or entry in hides):
                    return True
        return False

    @staticmethod
    def _quoted(text: str) -> list[tuple[int, int]]:
        """Places within quotation marks; a text that is all quoted is not somebody else's words."""
        places = [match.span(1) for match in _QUOTES.finditer(text, 0, min(len(text), HEAD))]
        if sum(end - start for start, end in places) > 0.6 * len(text):
            return []
        return places


def _mark(reading: Reading, at: int, flags: int, match: re.Match[str]) -> None:
    """Note what a word is beside a word."""
    reading.flags[at] = flags
    if flags & STOPS:
        reading.fresh.append(at + 1)
        if flags & ASKS:
            reading.questions.append(at)
    elif flags & SHOUTS:
        reading.shouted += 1
    if flags & NEGATES:
        reading.negated = True
    if flags & NAMES:
        reading.handles.append(match.span())


@cache
def _by_language(speaks: _Speaks) -> tuple[float, float, _Speaks]:
    """How loudly a word speaks Indonesian, English, and others."""
    loud = dict(speaks)
    return loud.pop("id", 0.0), loud.pop("en", 0.0), tuple(loud.items())


def _negation_before(first: int, last: int, reading: Reading) -> int:
    """The negation that stands before words `first` to `last`; -1 where there is none."""
    flags, pauses = reading.flags, reading.pauses
    if first in pauses:
        return -1
    for at in range(first - 1, first - 1 - _REACH, -1):
        here = flags.get(at, 0)
        if here & STOPS:
            return -1
        if here & NEGATES:
            return -1 if flags.get(at + 1, 0) & ONLY and at + 1 < last else at
        if not here & PASSES or at in pauses:
            return -1
    return -1


def _within(place: int, spans: Iterable[tuple[int, int]]) -> bool:
    return any(start <= place < end for start, end in spans)


def _hidden_by_each(entries: Sequence[Entry]) -> dict[int, frozenset[int] | None]:
    """What each hider hides, by entry; None: everything. Who tells nothing hides what stands within it."""
    hidden: dict[tuple[str, ...], frozenset[int]] = {}
    for hides in {entry.hides for entry in entries}:
        hidden[hides] = frozenset(
            number for number, entry in enumerate(entries) if any(key.startswith(hides) for key in entry.gives)
        )
    return {
        number: hidden[entry.hides] if entry.hides and "all" not in entry.hides else None
        for number, entry in enumerate(entries)
        if entry.hides or not entry.gives
    }


def _by_token(hits: Iterable[Found]) -> dict[int, list[Found]]:
    """The findings that stand on each token."""
    found: dict[int, list[Found]] = {}
    for hit in hits:
        for at in range(hit[1], hit[2]):
            found.setdefault(at, []).append(hit)
    return found
