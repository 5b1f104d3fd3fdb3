"""Whether a draft says otherwise than what we said before, in this complaint or in its incident.

Facts do change; then a person should know that they do, and that others were told something else. So this warns and
names both; only the incident's statement (`policy.guard.contradiction`) binds.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from policy.guard.claims import Claim, claims_of, sentence_around
from policy.guard.draft import DraftText, EarlierText, Hit
from policy.guard.folding import Folded, fold

_OF_EVERYBODY = frozenset(("cause", "promise"))
_OF_EVERYBODY_ABOUT = frozenset(("compensation", "recovery", "fee"))
"""What must be equal for all who are hit by the same thing; a refund or a parcel's day is each customer's own."""


@dataclass(frozen=True)
class Changed:
    """A claim, and the newest earlier one that cannot be true beside it, each as it is written."""

    claim: Claim
    """With its span in the draft as given."""
    old: str
    new: str
    old_sentence: str
    new_sentence: str
    where: str
    """The earlier text, as `EarlierText.what` names it."""


def found(draft: DraftText, folded: Folded) -> Iterator[Hit]:
    """Each claim that an earlier text of ours made with another value; the newest earlier one is named."""
    for change in changed(draft.text, draft.earlier, folded):
        yield Hit(change.claim.start, change.claim.end, f"{change.where}: “{change.old}”", "warn")


def changed(
    text: str, earlier: Sequence[EarlierText], folded: Folded | None = None, *, even_explained: bool = False
) -> list[Changed]:
    """What the text says otherwise than these earlier ones, oldest of them first; `folded` saves folding it again.

    A text that names the earlier value too ("not 3 but 5 days") explains the change itself: that is no contradiction,
    but a change all the same (`even_explained`).
    """
    if not earlier:
        return []
    folded = folded or fold(text)
    said = claims_of(folded)
    before = [_Said(one, read, claims) for one in earlier if said and (claims := claims_of(read := fold(one.text)))]
    changes = []
    for claim in said:
        found = _otherwise(claim, said, before, even_explained)
        if found is not None:
            there, old = found
            mine, theirs = folded.span(claim.start, claim.end), there.folded.span(old.start, old.end)
            changes.append(
                Changed(
                    replace(claim, start=mine[0], end=mine[1]),
                    there.of.text[slice(*theirs)].strip(),
                    text[slice(*mine)].strip(),
                    sentence_around(there.of.text, *theirs),
                    sentence_around(text, *mine),
                    there.of.what,
                )
            )
    return changes


@dataclass(frozen=True)
class _Said:
    of: EarlierText
    folded: Folded
    claims: Sequence[Claim]


def _otherwise(
    claim: Claim, said: Sequence[Claim], before: Sequence[_Said], even_explained: bool
) -> tuple[_Said, Claim] | None:
    """The newest earlier claim about the same thing, if it cannot be true beside this one."""
    for text in reversed(before):
        if text.of.others and claim.sort not in _OF_EVERYBODY and claim.about not in _OF_EVERYBODY_ABOUT:
            continue
        there = _alike(claim, text.claims)
        if there:
            mine = [claim] if even_explained else _alike(claim, said)
            agreed = any(_agree(one, other) for one in mine for other in there)
            return None if agreed else (text, there[-1])
    return None


def _alike(claim: Claim, claims: Sequence[Claim]) -> list[Claim]:
    return [one for one in claims if (one.sort, one.about) == (claim.sort, claim.about)]


def _agree(one: Claim, other: Claim) -> bool:
    if one.sort == "cause":
        return bool(set(one.value.split()) & set(other.value.split()))
    if one.sort == "amount" and one.value.split()[0] != other.value.split()[0]:
        return True
    return one.value == other.value
