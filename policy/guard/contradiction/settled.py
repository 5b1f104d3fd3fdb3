"""What the statement denies, or has yet to find out, said as a fact; and the other way round."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from policy.guard.contradiction.reading import NEGATED, SENTENCE, SORRY, UNKNOWN, parts_of, stems_of
from policy.guard.draft import Hit
from policy.guard.folding import Folded

_DENIES = re.compile(
    r"(?<!\w)(?:bukan|tidak ada|tidak|tanpa|no|not|never|none of) (?P<what>[a-z]{2,20}(?: [a-z]{2,20}){1,5})"
)
_GRAVE = re.compile(
    r"retas|hack|bocor|leak|breach|racun|poison|(?<!se)curi(?!o)|stolen|theft|sabot|cemar|contam|tewas"
    r"|meninggal|died|death"
    r"|(?<=[kre])bakar|ledak|explo|tipu|fraud|palsu|virus|serang|attack"
)
_NOTHING = re.compile(
    r"(?<!\w)(?:(?:tidak|tak|nggak|gak) (?:ada|satu ?pun)|tanpa|nihil|none of|not (?:a single|any)|nobody|no one|no)"
    r"(?: (?:satu|seorang|sebuah|single|ada|pun|satupun|seorangpun)){0,3} (?P<what>[a-z]{2,20}(?: [a-z]{2,20}){0,6})"
)
_ABSOLUTE = re.compile(r"satu ?pun|seorang ?pun|sama sekali|not a single|at all|nobody|no one|nihil|ever")
_ASKED = re.compile(
    r"(?<!\w)(?:apakah|whether|ada tidaknya|laporan|dugaan|kemungkinan|reports? (?:of"
    r"|that)) (?P<what>[^.!?;\n]{3,120})"
)


@dataclass(frozen=True)
class _Told:
    """A sentence of the statement: its content words, whether it only asks, whether it denies."""

    stems: frozenset[str]
    asks: bool
    denies: bool


_FINAL = re.compile(r"(?<!\w)(?:sudah|telah|memang|benar|ikut|terbukti|was|were|has been|have been|did|is|are)(?!\w)")
_OF_WORRY = re.compile(r"laporan|report|khawatir|worr|kabar")


def denials(statement: Folded, said: Folded) -> Iterator[Hit]:
    """What the statement says is not so, said without a denial."""
    denied = [set(stems_of(match["what"])[:3]) for match in _DENIES.finditer(statement.text)]
    said_so = {
        word for _, part in parts_of(statement.text) if not NEGATED.search(part) for word in _GRAVE.findall(part)
    }
    grave = {word for match in _DENIES.finditer(statement.text) for word in _GRAVE.findall(match["what"])} - said_so
    for start, part in parts_of(said.text) if grave else ():
        if grave & set(_GRAVE.findall(part)) and not any(words.search(part) for words in (NEGATED, UNKNOWN, SORRY)):
            yield Hit(*said.span(start, start + len(part)), "state")
    for stems in denied:
        for sentence in SENTENCE.finditer(said.text) if len(stems) > 1 else ():
            if stems <= set(stems_of(sentence.group())) and not NEGATED.search(sentence.group()):
                yield Hit(*said.span(sentence.start(), sentence.end()), "state")


def settled(statement: Folded, said: Folded) -> Iterator[Hit]:
    """That nothing happened, against a statement that says it did or still looks; that it did, while it looks."""
    parts = [part for _, part in parts_of(statement.text)]
    told = [
        _Told(
            frozenset(stems_of(part)),
            bool(UNKNOWN.search(part) or _ASKED.search(part)),
            bool(NEGATED.search(part)),
        )
        for part in parts
    ]
    asked = [set(stems_of(found["what"])) for part in parts for found in _ASKED.finditer(part)]
    for start, part in parts_of(said.text):
        if UNKNOWN.search(part) or re.search(r"apakah|whether|belum", part):
            continue
        denied = [set(stems_of(found["what"])) for found in _NOTHING.finditer(part)]
        absolute = bool(_ABSOLUTE.search(part))
        if any(_denies_told(stems, told, absolute=absolute) for stems in denied) or _claims_told(part, told, asked):
            yield Hit(*said.span(start, start + len(part)), "state")


def _denies_told(stems: set[str], told: list[_Told], *, absolute: bool) -> bool:
    open_ones = max((len(stems & one.stems) for one in told if one.asks), default=0)
    so = max((len(stems & one.stems) for one in told if not (one.asks or one.denies)), default=0)
    not_so = max((len(stems & one.stems) for one in told if one.denies and not one.asks), default=0)
    if not_so > max(so, open_ones) or (not_so and not_so == so and not absolute):
        return False
    return so >= 2 or open_ones >= 2 or (open_ones == 1 and len(stems) <= 4)


def _claims_told(part: str, told: list[_Told], asked: list[set[str]]) -> bool:
    """Whether it says of something that it is so which the statement denies, or has yet to find out."""
    if not _FINAL.search(part) or any(words.search(part) for words in (NEGATED, SORRY, _OF_WORRY)):
        return False
    mine = set(stems_of(part))
    refuted = max((len(mine & one.stems) for one in told if one.denies and not one.asks), default=0)
    agreed = max((len(mine & one.stems) for one in told if not one.denies), default=0)
    return (refuted >= 2 and refuted > agreed) or any(len(stems & mine) >= 2 for stems in asked)
