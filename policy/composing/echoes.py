"""Whether of two sentences that stand side by side the second says again what the first said, as a robot's would."""

import re
from collections.abc import Iterator

RUN = 3
"""So many of the same words in a row are heard as said again."""
_CLAUSE = re.compile(r"[^,;:.!?…\n]+")
_WORD = re.compile(r"[^\W_]+(?:[-'’/][^\W_]+)*")
_OPENING_WORDS = """
halo hai yth hello and dan kak bapak/ibu maaf mohon kami ya sekali sangat we are sorry very so deeply
"""
_OPENING = frozenset(_OPENING_WORDS.split())
"""A clause of nothing but these greets or apologises; what tells begins behind it."""
_FEELING = re.compile(r"\b(?:mengerti|memahami|paham|understand)", re.IGNORECASE)
"""Said once it is kind, said twice it is a formula."""


def echo(before: str, after: str) -> str:
    """What the second text says again: its first two words, words in a row, a feeling. Empty where it is nothing."""
    begins = _beginning(after)
    if begins and begins == _beginning(before):
        return " ".join(begins)
    again = next(iter(sorted(_runs(before) & _runs(after))), ())
    if again:
        return " ".join(again)
    felt = _FEELING.search(after)
    return felt.group() if felt and _FEELING.search(before) else ""


def _beginning(text: str) -> tuple[str, ...]:
    """The first two words behind what greets or apologises."""
    for clause in _CLAUSE.findall(text):
        words = _words(clause)
        if not _OPENING.issuperset(words):
            return tuple([word for word in words if word not in ("dan", "and")][:2])
    return ()


def _runs(text: str) -> set[tuple[str, ...]]:
    return {run for sentence in re.split(r"[.!?…;:\n]+", text) for run in _in_a_row(_words(sentence))}


def _in_a_row(words: list[str]) -> Iterator[tuple[str, ...]]:
    return (tuple(words[at : at + RUN]) for at in range(len(words) - RUN + 1))


def _words(text: str) -> list[str]:
    return [found.lower() for found in _WORD.findall(text)]
