"""Adds up what was found: the same words are not counted twice, and a long text does not outweigh a clear one."""

from collections.abc import Iterable
from dataclasses import dataclass

OVERLAPPING = 0.2
"""What a finding counts whose words another finding of the same thing already has."""

RANKS = (1.0, 0.6, 0.4, 0.3, 0.2)
"""What the first, second, … finding of the same thing counts; later ones count as the last."""

MOST = 40
"""Findings of the same thing that are counted at all."""


@dataclass(slots=True)
class Vote:
    """One finding that speaks for something: its weight, its tokens (half-open)."""

    weight: float
    first: int
    last: int


class Tally:
    """What all findings of a text say, by key of the lexicon."""

    def __init__(self) -> None:
        self.votes: dict[str, list[Vote]] = {}

    def add(self, key: str, weight: float, first: int, last: int) -> None:
        """One more finding that says it."""
        votes = self.votes.setdefault(key, [])
        if len(votes) < MOST:
            votes.append(Vote(weight, first, last))

    def total(self, key: str) -> float:
        """How strongly it is said altogether; 0 where nothing says it."""
        votes = self.votes.get(key)
        if not votes:
            return 0.0
        if len(votes) == 1:
            return votes[0].weight
        return total_of(votes)

    def strongest(self, key: str, most: int = 3) -> list[Vote]:
        """The findings that say it most strongly, none twice on the same words."""
        kept: list[Vote] = []
        for vote in sorted(self.votes.get(key, ()), key=lambda vote: -vote.weight):
            if vote.weight > 0 and not any(vote.first < other.last and other.first < vote.last for other in kept):
                kept.append(vote)
        return kept[:most]


def total_of(votes: Iterable[Vote]) -> float:
    """The sum of findings: the strongest counts in full, the next ones less, those on the same words hardly."""
    total = 0.0
    counted: list[Vote] = []
    for vote in sorted(votes, key=lambda vote: -vote.weight):
        if vote.weight < 0:
            total += vote.weight
        elif any(vote.first < other.last and other.first < vote.last for other in counted):
            total += vote.weight * OVERLAPPING
        else:
            total += vote.weight * RANKS[min(len(counted), len(RANKS) - 1)]
            counted.append(vote)
    return total
