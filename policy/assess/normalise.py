"""Texts into words as they are meant, each with its place in the text as it was given.

`gk`, `GAAK` and `ngga` are one word, `lamaaa` is `lama`, `b4gus` is `bagus`, `b*go` a swear word half hidden, `gabisa`
is two words, `kurirnya` is also `kurir`. Places are code points of the original text, so nothing has to be mapped back:
words are changed one by one, never the text.
"""

import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

LONGEST_WORD = 40
"""Letters; what is longer is no word, and is not looked into."""

_INVISIBLE = "\u00ad\u200b\u200c\u200d\u2060\ufeff"
_EMOJI = "\U0001f300-\U0001faff\u2600-\u27bf\u2190-\u21ff\u2b50\u2b55"

_TLDS = "com|co\\.id|go\\.id|id|net|org|me|ly|xyz|info|link|shop|site|io|cc|vip|win|bet|club|online|top"

_EMAIL = r"(?<![\w.+-])[\w.+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,5}"

# The commonest come first, and spaces are spared a look at all that they cannot begin: half of all time spent
# on a text whose words are known is spent in here.
TOKENS = re.compile(
    rf"""
    (?P<plain>(?-i:(?![RrIiUuSsMm](?i:p|dr|sd|gd|yr)(?![A-Za-z]))[A-Za-z]++(?=[,!?;:)\s]|\.?(?:\s|$))))
  | (?P<stop>[!?;…‼⁉⁇][.!?;…‼⁉⁇]*|(?!{_EMAIL})\.[.!?;…‼⁉⁇]*|\n[ \t\r]*\n\s*)
  | (?P<comma>[,:()\n—–/])
  | (?P<emoji>[{_EMOJI}])
  | (?=[\w+.@$€£-])(?:
    (?P<url>(?:https?://|www\.)[^\s<>"]+|(?<![\w@.])[A-Za-z0-9-]{{1,63}}\.(?:{_TLDS})\b(?:/[^\s<>"]*)?)
  | (?P<email>{_EMAIL})
  | (?P<handle>(?<![\w@])@[A-Za-z0-9_](?:[\w.]{{0,60}}\w)?)
  | (?P<money>
        (?:\b(?:rp|idr|usd|sgd|myr)(?![a-z])\.?|[$€£])\s?\d(?:[\d.,]{{0,20}}\d)?(?:\s?(?:rb|ribu|jt|juta|k|m|miliar|million)\b)?(?:,-)?
      | (?<![\w.,])\d[\d.,]{{0,15}}\s?(?:rb|rbu|ribu|rebu|jt|jeti|juta|miliar|milyar|rupiah|perak)\b
      | (?<![\w.,])\d[\d.,]{{0,15}}\s?(?:dollars?|usd|bucks|euros?|pounds?|quid)\b
      | (?<![\w.,])\d[\d.,]{{0,15}}k\b)
  | (?P<num>\d+(?:[.,:/]\d+)+)
  | (?P<word>[^\W_](?:[\w'’*@$&{_INVISIBLE}-]*[\w*{_INVISIBLE}])?)
    )
    """,
    re.VERBOSE | re.IGNORECASE,
)

NEGATES, STOPS, PAUSES, ASKS, SHOUTS, ONLY, PASSES, NAMES = 1, 2, 4, 8, 16, 32, 64, 128
"""What a token is, beside its words: a negation, the end of a sentence, a comma, a question mark, all in capitals, a
word that takes a negation back (*tidak hanya*), a word that a negation reaches over (*tidak terlalu*), a handle."""

_TIMES = re.compile(r"\d{1,3}(?:x|kali)(?:an)?")
_NUMBER_WORD = re.compile(r"\d+(?:st|nd|rd|th)?")
_LEET = str.maketrans("4310576@$!", "aeiostgasi")
_LEET_SIGNS = frozenset("0134567@$!")
_RUN_OF_THREE = re.compile(r"(.)\1{2,}")
_RUN = re.compile(r"(.)\1+")
_CLITICS = ("nyaa", "nya", "ny", "lah", "kah", "pun", "ku", "mu", "x")
_POSSESSIVE = ("nyaa", "nya")
_BARED = (*_CLITICS, "-", "'")
_SHORT = {"'m": "am", "'re": "are", "'ve": "have", "'ll": "will", "'d": "would"}
_SHORT_ENDS = tuple(_SHORT)
_CAMEL = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


@dataclass(frozen=True)
class Spelling:
    """How people write: `means` (a variant to the words it stands for), what negates, what takes that back, what a
    negation reaches over, and the words that people write with stars (`hidden`)."""

    means: Mapping[str, tuple[str, ...]]
    negations: frozenset[str]
    no_negation_before: frozenset[str]
    negation_passes: frozenset[str]
    hidden: frozenset[str]


class Word(NamedTuple):
    """A token's word: every form that it answers to, the likeliest first, and its flags."""

    forms: tuple[str, ...]
    flags: int


class Normaliser:
    """Brings written words to the words they stand for. `known` are the words that somebody asks for."""

    def __init__(self, spelling: Spelling, known: Collection[str] = ()) -> None:
        self._spelling = spelling
        self._known = frozenset(known) | spelling.hidden
        self._roles: dict[str, int] = {}
        for flag, words in (
            (NEGATES, spelling.negations),
            (ONLY, spelling.no_negation_before),
            (PASSES, spelling.negation_passes),
        ):
            for word in words:
                self._roles[word] = self._roles.get(word, 0) | flag
        self._starred: dict[int, list[str]] = {}
        for word in spelling.hidden:
            self._starred.setdefault(len(word), []).append(word)

    def spell(self, written: str) -> tuple[str, ...]:
        """The words that a word in a pattern stands for."""
        return self._spelling.means.get(written, (written,))

    def words(self, kind: str, raw: str) -> tuple[Word, ...]:
        """The words of one token of the text; `kind` is the group of `TOKENS` that found it."""
        match kind:
            case "plain" | "word":
                return self._read(raw) if len(raw) <= LONGEST_WORD else (Word((), 0),)
            case "stop":
                asks = ASKS if "?" in raw or "⁉" in raw or "⁇" in raw else 0
                return (Word(("<question>", "<stop>") if asks else ("<stop>",), STOPS | asks),)
            case "comma":
                return (Word((), PAUSES),)
            case "emoji":
                return (Word((raw,), 0),)
            case "handle":
                return (Word(("<handle>",), NAMES),)
            case "url" | "email" | "num":
                return (Word((f"<{kind}>",), 0),)
            case "money":
                return (Word(("<money>", "<num>"), 0),)
        raise ValueError(f"`TOKENS` has no group `{kind}`")

    def _read(self, raw: str) -> tuple[Word, ...]:
        shouts = SHOUTS if len(raw) > 1 and raw.isupper() else 0
        roles = self._roles
        return tuple([Word(forms, shouts | roles.get(forms[0], 0) if forms else shouts) for forms in self._word(raw)])

    def _word(self, raw: str) -> list[tuple[str, ...]]:
        written = _plain(raw)
        if not written:
            return [()]
        if written[0].isdigit():
            if _TIMES.fullmatch(written):
                return [("<times>", written)]
            if _NUMBER_WORD.fullmatch(written):
                return [("<num>", written)]
        if found := self._looked_up(written):
            return found
        if "n't" in written or written.endswith(_SHORT_ENDS):
            return self._contraction(written)
        for form in self._unmasked(written):
            if found := self._looked_up(form):
                return found
        if found := self._parts(raw, written):
            return found
        if base := self._bare(written):
            return [(written, base)]
        return [(written,)]

    def _looked_up(self, written: str) -> list[tuple[str, ...]]:
        """What the dictionary or the patterns know; a known word also answers to its bare form."""
        means = self._spelling.means.get(written)
        if means is not None:
            if len(means) > 1:
                return [(word,) for word in means]
            return [tuple(dict.fromkeys((means[0], written)))]
        if written in self._known:
            base = self._bare(written, _POSSESSIVE)
            return [(written, base) if base else (written,)]
        return []

    def _bare(self, written: str, clitics: tuple[str, ...] = _CLITICS) -> str | None:
        """The word without what Indonesian hangs on it (`kurirnya` → `kurir`).

        From a word that is one by itself only the possessive is taken (`masalah` is no `masa`).
        """
        if not written.endswith(_BARED) and "-" not in written:
            return None  # as most words are; each clitic on its own costs ten times as much
        for clitic in clitics:
            base = written.removesuffix(clitic).rstrip("-'")
            if base != written and len(base) >= 3:
                means = self._spelling.means.get(base)
                if means is not None and len(means) == 1:
                    return means[0]
                if base in self._known:
                    return base
        if "-" in written:
            first, _, second = written.partition("-")
            if first == second or (len(first) > 2 and second.startswith(first)):
                return self.spell(first)[0]
        return None

    def _unmasked(self, written: str) -> Iterable[str]:
        """Other ways to read it: drawn out, with digits for letters, with stars, doubled by a 2."""
        if "*" in written:
            yield from self._unstarred(written)
        if written.endswith("2") and written[:-1].isalpha():
            yield f"{written[:-1]}-{written[:-1]}"
            yield written[:-1]
        spellings = [written]
        if not _LEET_SIGNS.isdisjoint(written):
            spellings.append(written.translate(_LEET))
            yield spellings[-1]
        for spelling in spellings:
            if _RUN.search(spelling):
                for run, kept in ((_RUN_OF_THREE, r"\1\1"), (_RUN_OF_THREE, r"\1"), (_RUN, r"\1")):
                    short = run.sub(kept, spelling)
                    yield short
                    base = self._bare(short)
                    if base:
                        yield base

    def _unstarred(self, written: str) -> Iterable[str]:
        shape = re.compile("".join("." if sign == "*" else re.escape(sign) for sign in written))
        yield from (word for word in self._starred.get(len(written), ()) if shape.fullmatch(word))
        first, last = written.partition("*")[0], written.rpartition("*")[2]
        if len(first) + len(last) >= 2 and "**" in written:
            for words in self._starred.values():
                yield from (word for word in words if word.startswith(first) and word.endswith(last))

    def _contraction(self, written: str) -> list[tuple[str, ...]]:
        base, negated, _ = written.partition("n't")
        if negated:
            return [(base,), ("not",)]
        for short, means in _SHORT.items():
            if written.endswith(short):
                return [(written.removesuffix(short),), (means,)]
        return [(written,)]

    def _parts(self, raw: str, written: str) -> list[tuple[str, ...]]:
        """A word written together (`customer-service`, `#PelayananBuruk`), where a part is known."""
        if "-" in written or "&" in written:
            pieces = [piece for piece in re.split("[-&]", written) if piece]
        elif not raw.islower() and not raw.isupper() and not raw.istitle():
            pieces = [piece.lower() for piece in _CAMEL.findall(raw)]
        else:
            return []
        if len(pieces) < 2 or len(set(pieces)) < 2 or not all(len(piece) > 1 for piece in pieces):
            return []
        if not any(self._looked_up(piece) for piece in pieces):
            return []
        found: list[tuple[str, ...]] = []
        for piece in pieces:
            found += self._looked_up(piece) or [(piece,)]
        return found


def _plain(raw: str) -> str:
    """Lower case, plain letters (mathematical, full-width, accented ones too), nothing invisible, no trailing signs."""
    if not raw.isascii():
        raw = unicodedata.normalize("NFKD", raw.replace("’", "'"))
        raw = "".join(sign for sign in raw if not unicodedata.combining(sign) and sign not in _INVISIBLE)
    raw = raw.lower()
    return raw.rstrip("'-$&@_") if raw[-1:] in "'-$&@_" else raw
