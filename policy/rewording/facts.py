"""Takes the facts out of a text before a language model sees it, and puts them back afterwards.

A fact is what must not change: numbers, dates, amounts, terms, links, addresses, references, and the names that the
caller knows. Each becomes a numbered token, `[[1]]`; what a model does to the words around it, the fact stays ours.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from policy.spelled import DATED_MONTHS, ZONE, any_of

TOKEN = re.compile(r"\[\[(\d{1,3})\]\]")

_MONTHS = any_of(DATED_MONTHS)
_UNITS = (
    r"(?:hari|jam|menit|detik|minggu|bulan|tahun)(?:\s+kerja)?|(?:working|business|calendar)\s+(?:days?|hours?)|"
    r"(?:days?|hours?|minutes?|seconds?|weeks?|months?|years?)|persen|percent|%|ribu|rb|juta|jt|miliar|million|thousand|"
    r"rupiah|kali|times?|x|pcs|buah|unit|kg|gr?|liter"
)
_WORDS = (
    "nol|dua|tiga|empat|lima|enam|tujuh|delapan|sembilan|sepuluh|sebelas|belas|puluh|ratus|seratus|ribu|seribu|juta|"
    "sejuta|miliar|setengah|separuh|zero|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|"
    "fifteen|sixteen|seventeen|eighteen|nineteen|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|hundred|thousand|"
    "million|half|dozen|lusin|kedua|ketiga|second|third|double|dobel|sehari|sejam|seminggu|sebulan|setahun|semenit"
)
_CLOCK = rf"\d{{1,2}}[.:]\d{{2}}(?:\s+{ZONE})?"
NUMBER_WORD = re.compile(rf"(?<!\w)(?:{_WORDS})(?!\w)", re.IGNORECASE)
FACT = re.compile(
    "|".join(
        (
            r"(?:https?://|www\.)[^\s<>\"')\]]*[^\s<>\"')\].,;:!?]",
            r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+",
            r"(?<!\w)@\w[\w.]*\w",
            r"(?<![\w@])(?:[a-z0-9-]+\.)+(?:com|id|net|org|example|io|co|app|info|me)(?:/[^\s,;!?]*)?(?!\w)",
            rf"\d{{1,2}}(?:\s*[-–]\s*\d{{1,2}})?\s+(?:{_MONTHS})(?:\s+\d{{4}})?(?:,?\s+(?:pukul|jam|at)?\s*{_CLOCK})?",
            rf"(?:{_MONTHS})\s+\d{{1,2}}(?:,?\s+\d{{4}})?",
            rf"(?<![\w.,:])\d{{1,2}}[.:]\d{{2}}(?:\s?[-–]\s?\d{{1,2}}[.:]\d{{2}})?\s+{ZONE}",
            r"(?:rp|idr|usd|us\$|\$)\.?\s?\d[\d.,]*(?:\s*(?:ribu|rb|juta|jt|miliar|million|thousand))?",
            rf"\+?\(?\d[\d.,:/()×x–-]*(?:\s+\d[\d.,:/-]*)*(?:\s*(?:{_UNITS})(?!\w))?",
            r"(?<!\w)[A-Z]{1,6}-?\d[\w-]*",
            r"[^\s\[\]]*\d[^\s\[\],;!?]*",
            rf"(?<!\w)(?:(?:{_WORDS})[\s-]+)*(?:{_WORDS})(?:\s+(?:{_UNITS}))?(?!\w)",
        )
    ),
    re.IGNORECASE,
)
CODE = re.compile(
    r"(?:https?://|www\.)[^\s<>\"')\]]*[^\s<>\"')\].,;:!?]|[\w.+-]+@[\w-]+(?:\.[\w-]+)+|(?<!\w)@\w[\w.]*\w|"
    r"[^\s\[\]()]*\d[^\s\[\](),;!?]*",
)
"""What stays as it is in every language: links, addresses, and whatever has a digit."""
_STOPS = ".,;:!?"


@dataclass(frozen=True)
class Facts:
    """What was taken out of some texts: a token's number is its place, from 1."""

    texts: tuple[str, ...]
    """The texts with their tokens."""
    values: tuple[str, ...]


def tokens_in(text: str) -> list[int]:
    """The numbers of the tokens in a text, in their order."""
    return [int(found[1]) for found in TOKEN.finditer(text)]


def take_out(texts: Sequence[str], names: Iterable[str] = (), kind: re.Pattern[str] = FACT) -> Facts:
    """The texts with every fact in them replaced by a token; `names` are further words that must stay as they are."""
    values: list[str] = []
    wanted = sorted({name.strip() for name in names if len(name.strip()) >= 2}, key=len, reverse=True)
    named = re.compile("|".join(rf"(?<!\w){re.escape(name)}(?!\w)" for name in wanted)) if wanted else None

    def token(value: str) -> str:
        values.append(value)
        return f"[[{len(values)}]]"

    def fact(found: re.Match[str]) -> str:
        value = _without_stops(found.group())
        return token(value) + found.group()[len(value) :] if value else found.group()

    made = []
    for text in texts:
        clean = text.replace("[[", "((").replace("]]", "))")
        pieces = re.split(r"(\[\[\d+\]\])", named.sub(lambda found: token(found.group()), clean)) if named else [clean]
        made.append("".join(piece if TOKEN.fullmatch(piece) else kind.sub(fact, piece) for piece in pieces))
    return _in_order(made, values)


def _without_stops(found: str) -> str:
    """What was found without the signs that end its sentence; a bracket that it opened itself is its own."""
    end = len(found)
    while end and (
        found[end - 1] in _STOPS
        or found[end - 1].isspace()
        or (found[end - 1] == ")" and found.count("(", 0, end) < found.count(")", 0, end))
    ):
        end -= 1
    return found[:end]


def _in_order(texts: Sequence[str], values: Sequence[str]) -> Facts:
    """Tokens numbered as they stand: names were found before the rest."""
    order = [number for text in texts for number in tokens_in(text)]
    place = {number: at for at, number in enumerate(order, 1)}
    renumbered = tuple(TOKEN.sub(lambda found: f"[[{place[int(found[1])]}]]", text) for text in texts)
    return Facts(renumbered, tuple(values[number - 1] for number in order))


def put_back(text: str, values: Sequence[str]) -> str:
    """The text with each token's fact in its place.

    Raises:
        KeyError: a token that was never given out.
    """
    known: Mapping[int, str] = dict(enumerate(values, 1))
    return TOKEN.sub(lambda found: known[int(found[1])], text)
