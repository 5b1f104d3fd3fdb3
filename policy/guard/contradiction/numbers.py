"""Other counts, clock times and codes than the statement's."""

import re
from collections.abc import Iterator

from policy.guard.contradiction.reading import NAMED
from policy.guard.draft import Hit
from policy.guard.folding import Folded
from policy.spelled import NUMBERS

_COUNT_WORDS = NUMBERS | {"seorang": 1, "nol": 0}
_NUMBER = rf"\d{{1,15}}(?:[.,]\d{{1,15}}){{0,6}}|{'|'.join(_COUNT_WORDS)}"
_COUNTED = re.compile(
    rf"(?<![\w.,-])(?:(?P<none>tidak ada|tanpa|no)|(?P<number>{_NUMBER}))"
    r" (?:(?:orang|ekor|unit|buah|people) )?(?P<noun>[a-z]{3,20})(?: (?P<next>[a-z]{3,20}))?"
)
_CLOCK = re.compile(r"(?:pukul|jam|at) (?P<time>\d{1,2}[.:]\d{2})")
_UNCOUNTED_WORDS = """
juta ribu rb jt persen percent jam hari menit kali tahun hours days minutes wib wita wit utc gmt
dan yang untuk dari pada lebih lagi more other need way one doubt longer matter
"""
_UNCOUNTED = frozenset(_UNCOUNTED_WORDS.split())


def counts(statement: Folded, said: Folded) -> Iterator[Hit]:
    """Another number of the same thing, another clock time."""
    known: dict[str, set[int]] = {}
    for noun, value, _, _ in _counted(statement.text):
        known.setdefault(noun, set()).add(value)
    for noun, value, start, end in _counted(said.text):
        if noun in known and value not in known[noun]:
            yield Hit(*said.span(start, end), "number")
    times = {match["time"].replace(":", ".") for match in _CLOCK.finditer(statement.text)}
    for match in _CLOCK.finditer(said.text):
        if re.search(r"kabar|update|berikutnya|next|lagi", said.text[max(0, match.start() - 40) : match.start()]):
            continue
        if len(times) == 1 and match["time"].replace(":", ".") not in times:
            yield Hit(*said.span(*match.span()), "number")


def _counted(text: str) -> Iterator[tuple[str, int, int, int]]:
    for match in _COUNTED.finditer(text):
        noun = match["noun"]
        if noun in _UNCOUNTED:
            continue
        number = match["number"]
        if match["none"]:
            value = 0
        elif number in _COUNT_WORDS:
            value = _COUNT_WORDS[number]
        else:
            digits = re.sub(r"\D", "", number)
            value = int(digits[:12]) if digits else 0
        if noun in ("orang", "people", "korban", "penumpang", "passengers") and match["next"]:
            # Three hurt and three safe are not the same three.
            yield f"{noun} {match['next']}", value, match.start(), match.end()
            continue
        yield noun, value, match.start(), match.end("noun")


def names(statement: Folded, said: Folded) -> Iterator[Hit]:
    """Another number in a code of the same letters, such as a flight\'s."""
    known: dict[str, set[str]] = {}
    for match in NAMED.finditer(statement.cased):
        known.setdefault(match["letters"], set()).add(match["number"])
    for match in NAMED.finditer(said.cased):
        if match["letters"] != "TG" and match["number"] not in known.get(match["letters"], {match["number"]}):
            yield Hit(*said.span(*match.span()), "number")
