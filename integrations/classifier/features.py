"""Texts as rows of counted words, word pairs and letter sequences: what the light path's heads see.

Words are counted as they are meant (`gak`, `ga`, `nggak` are `tidak`; `policy.assess.normalise`), letters as they were
written, so that a spelling nobody thought of still resembles its neighbours. What depends on a word alone is kept with
the word: a text then costs little more than looking its words up.
"""

import re
from collections.abc import Sequence
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from policy.assess.finding import HEAD, TAIL
from policy.assess.normalise import Normaliser, Spelling

BITS = 19
"""Words and pairs fall into the first half of 2^19 places, letter sequences into the second."""

HALF = 1 << (BITS - 1)
SHORTEST, LONGEST = 2, 5
"""Letters of a sequence; a word's ends count as letters."""

_TOKEN = re.compile(r"https?://\S+|www\.\S+|[@#]?\w[\w'’*]*|[!?]+|[^\w\s]")
_RUN = re.compile(r"(.)\1{2,}")
_DIGIT = re.compile(r"\d")
_WORD_LETTERS = 24
_KEPT_WORDS = 60_000
_PAIR = np.uint64(0x9E3779B97F4A7C15)

Places = NDArray[np.int64]
Counts = tuple[Places, Places, NDArray[np.float32]]
"""Rows, places and how often, for all that occurs in a batch; sorted by row, then place."""


class Features:
    """Counts what is in texts. One instance reads on one thread."""

    def __init__(self, spelling: Spelling) -> None:
        meant = {word for words in spelling.means.values() for word in words}
        self._normaliser = Normaliser(spelling, meant)
        self._learned: dict[str, tuple[tuple[int, ...], Places, Places]] = {}

    def count(self, texts: Sequence[str]) -> Counts:
        """What occurs in each text, and how often. Bounded: of a long text both ends are read, as the rules do."""
        words: list[int] = []
        letters: list[Places] = []
        word_rows: list[int] = []
        letter_sizes: list[int] = []
        for row, text in enumerate(texts):
            before, size = len(words), 0
            for token in _TOKEN.findall(_bounded(text)):
                known = self._learned.get(token)
                if known is None:
                    known = self._learn(token)
                words.extend(known[0])
                letters.append(known[1])
                size += len(known[1])
            word_rows.extend([row] * (len(words) - before))
            letter_sizes.append(size)
        singles = np.array(words, dtype=np.uint64)
        rows = np.array(word_rows, dtype=np.int64)
        beside = rows[1:] == rows[:-1]
        pairs = ((singles[:-1] * _PAIR) ^ (singles[1:] + (singles[1:] << np.uint64(7))))[beside]
        pairs = (pairs ^ (pairs >> np.uint64(29))) % np.uint64(HALF)
        places = [singles.astype(np.int64), pairs.astype(np.int64), *letters]
        owners = [rows, rows[1:][beside], np.repeat(np.arange(len(texts)), letter_sizes)]
        keys = (np.concatenate(owners) << BITS) + np.concatenate(places)
        found, counts = np.unique(keys, return_counts=True)
        return found >> BITS, found & ((1 << BITS) - 1), counts.astype(np.float32)

    def tokens(self, text: str) -> list[tuple[str, int, int]]:
        """The words of a text as they were written, with their places; of a long text those of its beginning."""
        return [(match.group(), *match.span()) for match in _TOKEN.finditer(text, 0, HEAD)]

    def places_of(self, token: str) -> Places:
        """The places that a written word counts at, pairs aside."""
        return (self._learned.get(token) or self._learn(token))[2]

    def _learn(self, token: str) -> tuple[tuple[int, ...], Places, Places]:
        """What a written word counts for, worked out once: its words, its letter sequences, both together."""
        if len(self._learned) > _KEPT_WORDS:
            self._learned.clear()
        kind = "url" if token.startswith(("http", "www.")) else "handle" if token[0] == "@" else "word"
        if token[0] in "!?":
            token = token[0] + token[1:2]
        lower = _DIGIT.sub("0", _RUN.sub(r"\1\1", token.lower()))[:_WORD_LETTERS]
        meant = [word.forms[0] for word in self._normaliser.words(kind, token) if word.forms] or [lower]
        written = f"<{kind}>" if kind != "word" else f" {lower} "
        words = tuple(_place(f"w{word}", 0) for word in meant)
        letters = np.array([_place(f"c{part}", HALF) for part in _sequences(written)], dtype=np.int64)
        found = (words, letters, np.concatenate([np.array(words, dtype=np.int64), letters]))
        self._learned[token] = found
        return found


def _sequences(written: str) -> list[str]:
    if written[0] == "<":
        return [written]
    return [
        written[start : start + length]
        for length in range(SHORTEST, LONGEST + 1)
        for start in range(max(1, len(written) - length + 1))
    ]


def _place(name: str, offset: int) -> int:
    return offset + crc32(name.encode("utf-8", "replace")) % HALF


def _bounded(text: str) -> str:
    return text if len(text) <= HEAD + TAIL else f"{text[:HEAD]} {text[-TAIL:]}"
