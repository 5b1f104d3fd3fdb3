"""Finds the lexicon's entries in a text, and says which of them stand: not negated, not hidden, not only quoted."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from policy.assess.lexicon import Entry, Lexicon
from policy.assess.normalise import (
    ASKS,
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

_QUOTES = re.compile(r"[\"“”«„]([^\"“”«»„\n]{1,300})[\"”“»]")
_CACHED_WORDS = 200_000
_REACH = 4
"""Words that a negation may stand before what it negates."""


@dataclass(slots=True)
class Hit:
    """An entry found at tokens `first` to `last`: `factor` is how much it counts, `flipped` for its opposite."""

    entry: int
    first: int
    last: int
    factor: float = 1.0
    flipped: bool = False


@dataclass(slots=True)
class Reading:
    """A text as the rules see it: its tokens' places, its sentences, what was found in it."""

    starts: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    flags: list[int] = field(default_factory=list)
    sentences: list[int] = field(default_factory=list)
    hits: list[Hit] = field(default_factory=list)
    votes: dict[str, float] = field(default_factory=dict)
    shouted: int = 0
    asking: set[int] = field(default_factory=set)
    handles: list[tuple[int, int]] = field(default_factory=list)


_Known = tuple[tuple[int, int, int, tuple[tuple[str, float], ...]], ...]


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
        self._beginnings = frozenset(name[:-1] for name in vocabulary if name.endswith("*"))
        self._lengths = sorted({len(beginning) for beginning in self._beginnings})
        self._languages = lexicon.languages
        known = set(self._symbols).union(*lexicon.languages.words.values(), lexicon.languages.borrowed)
        known |= {word for means in lexicon.spelling.means.values() for word in means} | lexicon.spelling.hidden
        self._normaliser = Normaliser(lexicon.spelling, known)
        self._learned: dict[str, _Known] = {}
        self._hides = {number: _hidden_by(entry) for number, entry in enumerate(self.entries) if _is_hider(entry)}

    def read(self, text: str) -> Reading:
        """What the lexicon finds in the text. Linear in its length, and bounded: see `HEAD` and `TAIL`."""
        reading = Reading()
        keys: list[int] = []
        fresh: list[bool] = []
        pauses: list[bool] = []
        spans = [(0, len(text))] if len(text) <= HEAD + TAIL else [(0, HEAD), (len(text) - TAIL, len(text))]
        sentence = 0
        starts, ends, flags, sentences = reading.starts, reading.ends, reading.flags, reading.sentences
        votes = reading.votes
        learned = self._learned
        for begin, end in spans:
            starting, paused = True, False
            for match in TOKENS.finditer(text, begin, end):
                raw = match.group()
                known = learned.get(raw)
                if known is None:
                    known = self._learn(match.lastgroup or "word", raw)
                start, last = match.span()
                for key, after_pause, flag, speaks in known:
                    if flag & PAUSES:
                        paused = True
                        continue
                    keys.append(after_pause if paused else key)
                    fresh.append(starting)
                    pauses.append(paused)
                    starts.append(start)
                    ends.append(last)
                    flags.append(flag)
                    sentences.append(sentence)
                    starting = paused = False
                    if flag:
                        if flag & STOPS:
                            if flag & ASKS:
                                reading.asking.add(sentence)
                            sentence += 1
                            starting = True
                        elif flag & SHOUTS:
                            reading.shouted += 1
                    for language, loud in speaks:
                        votes[language] = votes.get(language, 0.0) + loud
                if raw[0] == "@" and match.lastgroup == "handle":
                    reading.handles.append((start, last))
            sentence += 1
        found = self._automaton.find(keys, fresh)
        reading.hits = self._standing(found, reading, pauses, text)
        return reading

    def _learn(self, kind: str, raw: str) -> _Known:
        if len(self._learned) > _CACHED_WORDS:
            self._learned.clear()
        known: list[tuple[int, int, int, tuple[tuple[str, float], ...]]] = []
        for word in self._normaliser.words(kind, raw):
            symbols = {form for form in word.forms if form in self._symbols}
            for form in word.forms:
                for length in self._lengths:
                    if length > len(form):
                        break
                    if form[:length] in self._beginnings:
                        symbols.add(f"{form[:length]}*")
            key = self._automaton.key_of(frozenset(symbols), not word.flags & (STOPS | NEGATES))
            after_pause = self._automaton.key_of(frozenset(symbols), False)
            speaks = (
                self._languages.votes(word.forms[-1], word.forms[0]) if kind in ("word", "plain") and word.forms else ()
            )
            known.append((key, after_pause, word.flags, speaks))
        self._learned[raw] = tuple(known)
        return self._learned[raw]

    def _standing(self, found: list[Found], reading: Reading, pauses: Sequence[bool], text: str) -> list[Hit]:
        """The findings that stand, each entry once a place."""
        reach: dict[int, int] = {}
        kept: list[Found] = []
        for hit in found:
            if reach.get(hit.entry, 0) < hit.last:
                kept.append(hit)
                reach[hit.entry] = hit.last
        hiding = _by_token(hit for hit in kept if hit.entry in self._hides)
        if hiding:
            kept = [hit for hit in kept if not self._hidden(hit, hiding)]
        quoted = self._quoted(text) if '"' in text or "“" in text or "«" in text or "”" in text else []
        flags = reading.flags
        taken = _by_token(kept) if any(flag & NEGATES for flag in flags) else {}
        hits: list[Hit] = []
        for hit in kept:
            entry = self.entries[hit.entry]
            standing = Hit(hit.entry, hit.first, hit.last)
            if entry.negation != "keep" and taken and self._negated(hit, reading, pauses, taken):
                if entry.negation == "cancel":
                    continue
                standing.flipped = True
                standing.factor = FLIPPED
            if quoted and any(start <= reading.starts[hit.first] < end for start, end in quoted):
                standing.factor *= QUOTED
            hits.append(standing)
        return hits

    def _hidden(self, hit: Found, hiding: Mapping[int, list[Found]]) -> bool:
        """Whether it begins or ends within a hider: its telling words are those, whatever else it reaches to."""
        gives = self.entries[hit.entry].gives
        for at in (hit.first, hit.last - 1):
            for hider in hiding.get(at, ()):
                hides = self._hides[hider.entry]
                if hider.entry != hit.entry and (
                    not hides or any(key.startswith(part) for key in gives for part in hides)
                ):
                    return True
        return False

    def _negated(self, hit: Found, reading: Reading, pauses: Sequence[bool], taken: Mapping[int, list[Found]]) -> bool:
        """Whether a negation stands before it that belongs to no other finding (*tidak bisa login, kecewa*)."""
        flags, at = reading.flags, hit.first - 1
        if pauses[hit.first]:
            return False
        for _ in range(_REACH):
            if at < 0 or flags[at] & STOPS:
                return False
            if flags[at] & NEGATES:
                if flags[at + 1] & ONLY and at + 1 < hit.last:
                    return False
                return not any(at + 1 < other.last <= hit.first for other in taken.get(at, ()))
            if not flags[at] & PASSES or pauses[at]:
                return False
            at -= 1
        return False

    @staticmethod
    def _quoted(text: str) -> list[tuple[int, int]]:
        """Places within quotation marks; a text that is all quoted is not somebody else's words."""
        places = [match.span(1) for match in _QUOTES.finditer(text, 0, min(len(text), HEAD))]
        if sum(end - start for start, end in places) > 0.6 * len(text):
            return []
        return places


def _is_hider(entry: Entry) -> bool:
    return bool(entry.hides) or not entry.gives


def _hidden_by(entry: Entry) -> frozenset[str]:
    """The beginnings of keys that an entry hides; none of them: it hides everything."""
    return frozenset() if not entry.hides or "all" in entry.hides else frozenset(entry.hides)


def _by_token(hits: Iterable[Found]) -> dict[int, list[Found]]:
    """The findings that stand on each token."""
    found: dict[int, list[Found]] = {}
    for hit in hits:
        for at in range(hit.first, hit.last):
            found.setdefault(at, []).append(hit)
    return found
