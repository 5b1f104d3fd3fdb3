"""Whether a draft says otherwise than what we said before, in this complaint or in its incident.

Facts do change; then a person should know that they do, and that others were told something else. So this warns and
names both; only the incident's statement (`policy.guard.contradiction`) binds.
"""

from collections.abc import Iterator, Sequence

from policy.guard.claims import Claim, claims_of
from policy.guard.draft import DraftText, EarlierText, Hit
from policy.guard.folding import Folded, fold

_OF_EVERYBODY = frozenset(("cause", "promise"))
_OF_EVERYBODY_ABOUT = frozenset(("compensation", "recovery", "fee"))
"""What must be equal for all who are hit by the same thing; a refund or a parcel's day is each customer's own."""


def found(draft: DraftText, folded: Folded) -> Iterator[Hit]:
    """Each claim that an earlier text of ours made with another value; the newest earlier one is named."""
    if not draft.earlier:
        return
    said = claims_of(folded)
    if not said:
        return
    before = [(text, claims) for text in draft.earlier if (claims := claims_of(fold(text.text)))]
    for claim in said:
        other = _contradicting(claim, said, before)
        if other is not None:
            text, found_there = other
            there = fold(text.text)
            start, end = there.span(found_there.start, found_there.end)
            yield Hit(*folded.span(claim.start, claim.end), f"{text.what}: “{text.text[start:end].strip()}”", "warn")


def _contradicting(
    claim: Claim, said: Sequence[Claim], before: Sequence[tuple[EarlierText, Sequence[Claim]]]
) -> tuple[EarlierText, Claim] | None:
    """The newest earlier claim about the same thing that cannot be true beside this one.

    A text that names the earlier value too ("not 3 but 5 days") explains the change itself.
    """
    for text, claims in reversed(before):
        if text.others and not (claim.sort in _OF_EVERYBODY or claim.about in _OF_EVERYBODY_ABOUT):
            continue
        same = [one for one in claims if (one.sort, one.about) == (claim.sort, claim.about)]
        if not same:
            continue
        if any(_agree(claim, one) for one in same):
            return None
        if any(
            _agree(mine, one) for mine in said if (mine.sort, mine.about) == (claim.sort, claim.about) for one in same
        ):
            return None
        return text, same[-1]
    return None


def _agree(one: Claim, other: Claim) -> bool:
    if one.sort == "cause":
        return bool(set(one.value.split()) & set(other.value.split()))
    if one.sort == "amount" and one.value.split()[0] != other.value.split()[0]:
        return True
    return one.value == other.value
