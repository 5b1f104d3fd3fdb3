"""Whether a draft says otherwise than the incident's statement: a cause not known yet, other numbers, another state.

A simple reading, sentence by sentence: it finds the plain contradictions, a person reads the rest.
"""

from collections.abc import Iterator

from policy.guard.consistency import Changed, changed
from policy.guard.contradiction.causes import causes
from policy.guard.contradiction.moments import moments
from policy.guard.contradiction.numbers import counts, names
from policy.guard.contradiction.owed import owed
from policy.guard.contradiction.reach import reach
from policy.guard.contradiction.reading import HEDGED, UNKNOWN
from policy.guard.contradiction.settled import denials, settled
from policy.guard.contradiction.states import opposed, states
from policy.guard.draft import DraftText, EarlierText, Hit
from policy.guard.folding import fold


def found(draft: DraftText) -> Iterator[Hit]:
    """Each place where the draft and the statement cannot both be true."""
    if not draft.statement:
        return
    statement, said = fold(draft.statement), fold(draft.text)
    yield from causes(statement, said)
    yield from counts(statement, said)
    yield from names(statement, said)
    yield from states(statement, said)
    yield from denials(statement, said)
    yield from opposed(statement, said)
    yield from owed(statement, said)
    yield from reach(statement, said)
    yield from moments(statement, said)
    yield from settled(statement, said)
    for change in changed(draft.text, [EarlierText("statement", draft.statement)], said):
        sort = change.claim.sort
        if sort == "cause" and not _told(change):
            continue
        if sort != "promise":
            yield Hit(change.claim.start, change.claim.end, "cause" if sort == "cause" else "number")


def _told(change: Changed) -> bool:
    """Whether both tell a cause, neither only that it is looked for."""
    return not any(
        UNKNOWN.search(sentence) or HEDGED.search(sentence)
        for sentence in (change.old_sentence.lower(), change.new_sentence.lower())
    )
