"""A text's sentences and what each of them rests on."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from policy.filling import MULTILINE, Filling


class Ground(StrEnum):
    """What a sentence rests on."""

    PART = "part"
    """The company's own tested words."""
    ARTICLE = "article"
    CASE = "case"
    """A fact of the case."""
    POLICY = "policy"
    PERSON = "person"
    STATEMENT = "statement"
    MODEL = "model"


@dataclass(frozen=True)
class Sentence:
    """A sentence's place in the text, half-open, without the space around it, and what it rests on.

    `ref` says which: a part's text and variant (`heard/parcel_late#2`), an article and its version, a person. `facts`
    are what was filled into it: `case:order_number`, `policy:answer_by`.
    """

    start: int
    end: int
    ground: Ground
    ref: str
    facts: tuple[str, ...] = ()

    def moved(self, by: int) -> "Sentence":
        """The same sentence further on in a longer text."""
        return Sentence(self.start + by, self.end + by, self.ground, self.ref, self.facts)

    def as_json(self) -> dict[str, Any]:
        """As a draft keeps it."""
        kept = {"start": self.start, "end": self.end, "ground": self.ground.value, "ref": self.ref}
        return kept | {"facts": list(self.facts)} if self.facts else kept

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> "Sentence":
        """As a draft kept it."""
        facts = tuple(kept.get("facts", ()))
        return cls(kept["start"], kept["end"], Ground(kept["ground"]), kept["ref"], facts)


_END = re.compile(r"[.!?…]+[\"”’)]*(?=\s)|\n+")
_NO_END = re.compile(
    r"(?:\b(?:jl|no|yth|bpk|sdr|sdri|dr|hj|h|tgl|ext|hlm|pt|tbk|mr|mrs|ms|st|e\.g|i\.e|dll|a\.n|s\.d)|\b[A-Z])\.$",
    re.IGNORECASE,
)
_SPACE = re.compile(r"\s*")


def spans(text: str, whole: Sequence[Filling] = ()) -> Iterator[tuple[int, int]]:
    """Where each sentence stands, without the space around it. Nothing ends within what was filled in `whole`."""
    kept = [(filling.start, filling.end) for filling in whole if filling.slot not in MULTILINE]
    begin = _past_space(text, 0)
    for found in _END.finditer(text):
        at = found.end()
        if at <= begin or _NO_END.search(text, max(begin, found.start() - 6), at):
            continue
        if any(start < at < end for start, end in kept):
            continue
        end = found.start() if found[0].startswith("\n") else at
        if end > begin:
            yield begin, end
        begin = _past_space(text, at)
    if end_of(text) > begin:
        yield begin, end_of(text)


def end_of(text: str) -> int:
    """Where the text ends without the space behind it."""
    return len(text.rstrip())


def _past_space(text: str, at: int) -> int:
    space = _SPACE.match(text, at)
    return space.end() if space else at
