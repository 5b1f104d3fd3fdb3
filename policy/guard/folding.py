"""A copy of a text in which disguised words read as what they are, with the way back to the text as given.

People spell a word apart, put zero-width characters into it, borrow Cyrillic letters or digits. The rules read the
folded copy; what they find is reported in code points of the original.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

_LOOKALIKES = str.maketrans(
    # Cyrillic, Greek, then Latin small capitals and letters with strokes, which NFKD leaves alone (Unicode TR39).
    "аеорсухіїјѕһԁԛԝкмтнвгпьзбԍӏαορνικτυχεηβγςωμıłøđħɑɡɩʟɴʀꜱᴀʙᴄᴅᴇꜰɢʜɪᴊᴋᴍᴏᴘᴛᴜᴠᴡʏᴢƒßþ×",
    "aeopcyxiijshdqwkmtnbrnbzbglaopviktuxenbycwuilodhagilnrsabcdefghijkmoptuvwyzfbpx",
)
_LEET = str.maketrans("0345789@$€!", "oeastbgase" + "i")
_ONES = "1!|"
_NOT_PLAIN = re.compile(r"[^ -~]|  ")
_PIECES = re.compile(r"[!-~]+|[^!-~]", re.DOTALL)
_SPELLED = re.compile(r"(?<![^\W_])(?:[a-z0-9@$!][\W_]{1,3}){3,}[a-z0-9@$!](?![^\W_])")
_GLUED = re.compile(r"(?<![\w@./:#-])[a-z0-9]{16,120}(?![\w@/]|[.-]\w)")
_VOWELLESS = re.compile(r"(?<![^\W_])(?=[a-z]{0,20}v)[bcdfghjklmnpqrstvwxyz]{4,20}(?![^\W_])")
_INSIDE = re.compile(r"(?<=[a-z])[-._*·•'’`|~+=^\"]{1,2}(?=[a-z])")
_STRETCHED = re.compile(r"([a-z])\1{2,}")
_MIXED = re.compile(r"(?<![a-z0-9@$€!|])(?=[a-z]{0,59}[0-9@$€!|])[a-z0-9@$€!|]{3,60}")


@dataclass(frozen=True)
class Folded:
    """A copy with, for each of its characters, the half-open place in the original that it stands for.

    `text` is lower case, `cased` the same with capitals; both have one length.
    """

    text: str
    cased: str
    starts: Sequence[int]
    ends: Sequence[int]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The place in the original of a half-open place in the copy."""
        if start >= end:
            return (self.starts[start], self.starts[start]) if start < len(self.starts) else (0, 0)
        return self.starts[start], self.ends[end - 1]

    def without(self, places: Iterator[tuple[int, int]], text: str) -> "Folded":
        """This copy with another text of the same length, less the given places (in order, not overlapping)."""
        kept: list[tuple[int, int]] = []
        starts: list[int] = []
        ends: list[int] = []
        at = 0
        for start, end in (*places, (len(text), len(text))):
            kept.append((at, start))
            starts += self.starts[at:start]
            ends += self.ends[at:start]
            at = end
        return Folded("".join(text[a:b] for a, b in kept), "".join(self.cased[a:b] for a, b in kept), starts, ends)


def fold(text: str) -> Folded:
    """The copy for reading: NFKD without accents and format characters, look-alikes as Latin, white space as one space.

    A paragraph's end stays as a line break, so that no rule reads across it.
    """
    if not _NOT_PLAIN.search(text):
        return Folded(text.lower(), text, range(len(text)), range(1, len(text) + 1))
    cased: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    for piece in _PIECES.finditer(text):
        index = piece.start()
        run = piece.group()
        if run.isascii() and run > " ":
            cased.extend(run)
            starts.extend(range(index, piece.end()))
            ends.extend(range(index + 1, piece.end() + 1))
            continue
        for folded in _folded(run):
            if folded in " \n":
                if cased and cased[-1] in " \n":
                    if folded == "\n" and text[index - 1 : index].isspace() and _breaks_before(text, index):
                        cased[-1] = "\n"
                    ends[-1] = index + 1
                    continue
                folded = " "
            cased.append(folded)
            starts.append(index)
            ends.append(index + 1)
    copy = "".join(cased)
    return Folded(copy.lower(), copy, starts, ends)


def disguises(plain: Folded) -> list[Folded]:
    """The copies in which digits are letters, words spelled apart are whole, and stretched letters are single.

    None where there is nothing of the kind, which is nearly always.
    """
    texts = {_unleet(plain.text, one) for one in ("i", "l")} if _MIXED.search(plain.text) else {plain.text}
    texts = {_VOWELLESS.sub(lambda found: found.group().replace("v", "u"), text) for text in texts}
    copies: list[Folded] = []
    for text in sorted(texts):
        copy = plain.without(iter(_separators(text)), text)
        if copy.text != plain.text:
            copies.append(copy)
    return copies


def spelled_apart(plain: Folded) -> list[Folded]:
    """Each run of single letters, joined, and each word that is several: neither has word ends left to look for."""
    runs: list[Folded] = []
    for glued in _GLUED.finditer(plain.text):
        text = _unleet(glued.group(), "i")
        at, end = glued.span()
        runs.append(Folded(text, text, plain.starts[at:end], plain.ends[at:end]))
    for run in _SPELLED.finditer(plain.text):
        whole = run.group()
        letters = [at for at, character in enumerate(whole) if character.isalnum() or character in "@$"]
        if len(letters) < 6:
            continue
        places = [run.start() + at for at in letters]
        text = _unleet("".join(whole[at] for at in letters), "i")
        runs.append(
            Folded(text, text, tuple(plain.starts[at] for at in places), tuple(plain.ends[at] for at in places))
        )
    return runs


def _breaks_before(text: str, index: int) -> bool:
    """Whether another line break stands in the white space before this one."""
    at = index - 1
    while at >= 0 and text[at].isspace() and index - at < 20:
        if text[at] == "\n":
            return True
        at -= 1
    return False


@lru_cache(maxsize=8192)
def _folded(character: str) -> str:
    if character in "\n\x85\u2028\u2029":
        return "\n"
    if character.isspace():
        return " "
    code = ord(character)
    for first in (0x1F150, 0x1F170):  # white letters on black circles and squares
        if first <= code < first + 26:
            return chr(ord("A") + code - first)
    if unicodedata.category(character) in ("Cf", "Cc", "Mn", "Me") or 0xFE00 <= code <= 0xFE0F:
        return ""
    parts: list[str] = []
    for part in unicodedata.normalize("NFKD", character):
        if unicodedata.category(part) in ("Mn", "Me", "Cf"):
            continue
        lower = part.lower()
        latin = lower.translate(_LOOKALIKES)
        if len(lower) == 1 and latin != lower:
            parts.append(latin.upper() if part != lower else latin)
        else:
            # A lower case of two characters would shift one copy against the other.
            parts.append(part if len(lower) == 1 else lower[:1])
    return "".join(" " if part.isspace() else part for part in parts)


def _unleet(text: str, one: str) -> str:
    """Digits and signs as the letters that they stand for, in words that are mostly letters; one sign, one letter."""

    def letters(found: re.Match[str]) -> str:
        word = found.group().rstrip("!|")
        signs = [at for at, character in enumerate(word) if not character.isalpha()]
        if not signs or len(signs) > len(word) / 2:
            return found.group()
        within = any(at + 1 < len(word) and word[at + 1].isalpha() for at in signs)
        at_the_end = signs == [len(word) - 1] and len(word) > 2
        return _as_letters(word, one) + found.group()[len(word) :] if within or at_the_end else found.group()

    return _MIXED.sub(letters, text)


def _as_letters(word: str, one: str) -> str:
    for mark in _ONES:
        word = word.replace(mark, one)
    return word.translate(_LEET)


def _separators(text: str) -> list[tuple[int, int]]:
    """What stands between the letters of one word, and the letters that stretch it."""
    places: set[tuple[int, int]] = set()
    for run in _SPELLED.finditer(text):
        at = run.start()
        places |= {
            (at + gap.start(), at + gap.end())
            for gap in re.finditer(r"[\W_]+", run.group())
            if not set(gap.group()) <= set("@$!")
        }
    places |= {found.span() for found in _INSIDE.finditer(text)}
    places |= {(found.start() + 1, found.end()) for found in _STRETCHED.finditer(text)}
    ordered: list[tuple[int, int]] = []
    for start, end in sorted(places):
        if not ordered or start >= ordered[-1][1]:
            ordered.append((start, end))
    return ordered
