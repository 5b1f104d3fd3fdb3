"""Which of many phrases can stand in a text at all, told from the pieces of words that it holds: one look for all.

Some thousand phrases are tried on every draft otherwise. A word's pieces are looked up once and remembered, so that
a text costs as much as its words, whatever the number of phrases.
"""

import re
from collections.abc import Sequence

from policy.guard.phrases import Clause

_WORD = re.compile(r"[^\W_]{2,}")
_ROUNDS = 3
"""So many clauses of a phrase are looked at."""

_REMEMBERED = 20_000
_LONGEST = 200
"""Letters of a word that are remembered; a longer one is looked up each time."""


class Sieve:
    """Built once from what each phrase needs; a bit a phrase, in their order."""

    def __init__(self, needs: Sequence[Sequence[Clause]]) -> None:
        self._always = tuple(
            sum(1 << place for place, clauses in enumerate(needs) if len(clauses) <= turn) for turn in range(_ROUNDS)
        )
        pieces: dict[str, list[int]] = {}
        for place, clauses in enumerate(needs):
            for turn, clause in enumerate(clauses[:_ROUNDS]):
                for piece in clause:
                    pieces.setdefault(piece, [0] * _ROUNDS)[turn] |= 1 << place
        self._by_start: dict[str, list[tuple[str, tuple[int, ...]]]] = {}
        for piece, bits in pieces.items():
            self._by_start.setdefault(piece[:2], []).append((piece, tuple(bits)))
        self._known: dict[str, tuple[int, ...]] = {}

    def possible(self, text: str, parts: Sequence[tuple[int, int]]) -> tuple[list[int], int]:
        """The phrases that may stand in each part of a lower-case text, and those that may in all of them together.

        Those that cannot are certain not to.
        """
        all_one, all_two, all_three = self._always
        known, each = self._known, []
        for low, high in parts:
            one, two, three = self._always
            for word in set(_WORD.findall(text, low, high)):
                bits = known.get(word) or self._look_up(word)
                one |= bits[0]
                two |= bits[1]
                three |= bits[2]
            each.append(one & two & three)
            all_one, all_two, all_three = all_one | one, all_two | two, all_three | three
        return each, all_one & all_two & all_three

    def _look_up(self, word: str) -> tuple[int, ...]:
        bits = [0] * _ROUNDS
        for at in range(len(word) - 1):
            for piece, found in self._by_start.get(word[at : at + 2], ()):
                if word.startswith(piece, at):
                    bits = [before | more for before, more in zip(bits, found, strict=True)]
        told = tuple(bits)
        if len(word) <= _LONGEST:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[word] = told
        return told
