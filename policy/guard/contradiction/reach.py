"""How far it reaches: only some against all."""

import re
from collections.abc import Iterator

from policy.guard.contradiction.reading import ELSEWHERE, NEGATED, UNKNOWN, parts_of
from policy.guard.draft import Hit
from policy.guard.folding import Folded

_REACHED = re.compile(
    r"(?<!\w)(?:terdampak|terkena|kena|berdampak|dialami|mengalami|menimpa|experienc\w+|affected|impacted"
    r"|involved|hit|(?:di|me|pe)?n?(?:t|n)arik(?:an)?|recall\w*"
    r"|withdrawn|berlaku|applies|apply|bocor|leaked|exposed|terganggu|disrupted)(?!\w)"
)
_ALL = re.compile(
    r"(?<!\w)(?:semua|seluruh|setiap|segala|all|every|entire|whole|nationwide|se-?indonesia"
    r"|nasional)(?!\w)"
)
_ONLY = re.compile(
    r"(?<!\w)(?:hanya|cuma|cuman|khusus|sebatas|terbatas pada|sebagian|segelintir|only|just|limited to"
    r"|confined to|a few|a handful|a small)(?!\w)"
    r"(?! (?:ingin|mau|bisa|dapat|perlu|want|need|sekitar|about))"
)
_NOT_ONLY = re.compile(
    r"(?:bukan|tidak|tak|not)(?: \w{1,20})? (?:hanya|cuma|only|just)"
    r"|bukan(?: \w{1,20}){1,3} (?:saja|aja)"
)


def reach(statement: Folded, said: Folded) -> Iterator[Hit]:
    """Only some against all, where both tell whom or what it hit."""
    stated = {_scope(part) for _, part in parts_of(statement.text) if _REACHED.search(part)} - {None}
    if len(stated) != 1:
        return
    for start, part in parts_of(said.text):
        scope = _scope(part) if _REACHED.search(part) else None
        if scope and scope not in stated and not (UNKNOWN.search(part) or ELSEWHERE.search(part)):
            yield Hit(*said.span(start, start + len(part)), "state")


def _scope(part: str) -> str | None:
    if _NOT_ONLY.search(part):
        return "all"
    if only := _ONLY.search(part):
        return "only" if not NEGATED.search(part[max(0, only.start() - 15) : only.start()]) else None
    return "all" if _ALL.search(part) and not NEGATED.search(part) else None
