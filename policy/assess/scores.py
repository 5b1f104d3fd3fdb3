"""Adds up what was found: the same words are not counted twice, and a long text does not outweigh a clear one."""

from collections.abc import Sequence
from operator import itemgetter

OVERLAPPING = 0.2
"""What a finding counts whose words another finding of the same thing already has."""

RANKS = (1.0, 0.6, 0.4, 0.3, 0.2)
"""What the first, second, … finding of the same thing counts; later ones count as the last."""

MOST = 40
"""Findings of the same thing that are counted at all."""


Vote = tuple[float, int, int]
"""One finding that speaks for something: its weight, its tokens (half-open)."""

_WEIGHT = itemgetter(0)


class Tally:
    """What all findings of a text say, by key of the lexicon. Keys that nothing says are absent."""

    def __init__(self) -> None:
        self.votes: dict[str, list[Vote]] = {}

    def add(self, key: str, vote: Vote) -> None:
        """One more finding that says it."""
        votes = self.votes.get(key)
        if votes is None:
            self.votes[key] = [vote]
        elif len(votes) < MOST:
            votes.append(vote)

    def totals(self) -> dict[str, float]:
        """How strongly each is said altogether."""
        return {key: total_of(votes) if len(votes) > 1 else votes[0][0] for key, votes in self.votes.items()}

    def strongest(self, key: str, most: int = 3) -> list[Vote]:
        """The findings that say it most strongly, none twice on the same words."""
        kept: list[Vote] = []
        for vote in sorted(self.votes.get(key, ()), key=_WEIGHT, reverse=True):
            if len(kept) == most or vote[0] <= 0:
                break
            if not _overlaps(vote, kept):
                kept.append(vote)
        return kept


def total_of(votes: Sequence[Vote]) -> float:
    """The sum of findings: the strongest counts in full, the next ones less, those on the same words hardly."""
    total = 0.0
    counted: list[Vote] = []
    for vote in sorted(votes, key=_WEIGHT, reverse=True):
        weight = vote[0]
        if weight < 0:
            total += weight
        elif _overlaps(vote, counted):
            total += weight * OVERLAPPING
        else:
            total += weight * RANKS[min(len(counted), len(RANKS) - 1)]
            counted.append(vote)
    return total


def _overlaps(vote: Vote, others: list[Vote]) -> bool:
    """Whether it shares words with one of the others."""
    _, first, last = vote
    for _, begin, end in others:  # noqa: SIM110  # a generator takes three times as long, for mostly one other
        if first < end and begin < last:
            return True
    return False
