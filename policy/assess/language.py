"""Which language a text is in: Indonesian, English, both, or another.

Counts words that only one language has; words that Indonesian borrowed (*order, refund, error*) speak for neither. A
text is mixed where each language has at least `MIXED_WORDS` words and `MIXED_SHARE` of what was recognised. Other
scripts tell their language by themselves. Where hardly a word was recognised, `py3langid` looks at the letters and
chooses between Indonesian and English.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier

MIXED_WORDS = 2
MIXED_SHARE = 0.18

_ID_FORM = re.compile(
    r"(?:me(?:ng|ny|n|m)?|ber|ter|di|pe(?:ng|ny|n|m)?|se|ke)[a-z]{3,}(?:kan|an|i|nya)"
    r"|[a-z]{3,}(?:nya|kah)|(?:meng|meny|ber)[a-z]{3,}|[a-z]{4,}kan"
)
_EN_FORM = re.compile(
    r"[a-z]{3,}(?:ing|ed|tions?|ly|ness|ment|ful|ble|ous|ity|ght|ck|wn|th)|[a-z]*(?:th|wh|ough)[a-z]*"
)

_SCRIPTS = (
    ("ja", re.compile(r"[\u3040-\u30ff]")),
    ("ko", re.compile(r"[\uac00-\ud7af]")),
    ("zh", re.compile(r"[\u4e00-\u9fff]")),
    ("th", re.compile(r"[\u0e00-\u0e7f]")),
    ("ar", re.compile(r"[\u0600-\u06ff]")),
    ("ru", re.compile(r"[\u0400-\u04ff]")),
    ("hi", re.compile(r"[\u0900-\u097f]")),
    ("ta", re.compile(r"[\u0b80-\u0bff]")),
    ("he", re.compile(r"[\u0590-\u05ff]")),
    ("el", re.compile(r"[\u0370-\u03ff]")),
)
_OTHER_SCRIPT = re.compile(r"[\u0370-\u1fff\u3040-\ud7af]")
_NAMES = re.compile(r"[@#]\w+|https?://\S+|www\.\S+")
_WORD = re.compile(r"[^\W\d_]+")
_LETTER = re.compile(r"[^\W\d_]")

NO_SIGN = 0.35
"""How sure of the language of a text that shows none."""

FEW_WORDS = 1.5
"""With fewer words recognised than this, the letters decide."""

_READ = 2_000
"""Letters that are looked at; the rest of a text without a known word tells no more."""

FORM_WEIGHT = 0.6
"""What a word is worth that only looks like one of the language."""


@dataclass(frozen=True)
class Languages:
    """Word lists by language; `borrowed` speak for none."""

    words: Mapping[str, frozenset[str]]
    borrowed: frozenset[str]

    @cached_property
    def _of_word(self) -> Mapping[str, tuple[tuple[str, float], ...]]:
        found: dict[str, tuple[tuple[str, float], ...]] = {}
        for language, words in self.words.items():
            for word in words:
                found[word] = (*found.get(word, ()), (language, 1.0))
        return found

    def votes(self, written: str, spelled: str) -> tuple[tuple[str, float], ...]:
        """For which languages a word speaks, and how loudly."""
        if written in self.borrowed or spelled in self.borrowed:
            return ()
        found = self._of_word.get(written)
        if found:
            return found
        if spelled in self.words["id"]:
            return (("id", 1.0),)
        if len(written) > 4 and written.isascii():
            if _ID_FORM.fullmatch(written):
                return (("id", FORM_WEIGHT),)
            if _EN_FORM.fullmatch(written):
                return (("en", FORM_WEIGHT),)
        return ()


def language_of(votes: Mapping[str, float], text: str, borrowed: Collection[str] = frozenset()) -> tuple[str, float]:
    """The language, and how sure (0 to 1).

    Without a letter, or with words alone that Indonesian has `borrowed`, it is Indonesian, the desk's own, at low
    confidence.
    """
    if not text.isascii() and _OTHER_SCRIPT.search(text):
        letters = len(_LETTER.findall(text)) or 1
        for language, script in _SCRIPTS:
            here = len(script.findall(text))
            if here > 0.3 * letters or (language == "ja" and here > 0.1 * letters):
                return language, min(0.99, 0.6 + here / letters / 2)
    own, english = votes.get("id", 0.0), votes.get("en", 0.0)
    others = [(count, language) for language, count in votes.items() if language not in ("id", "en")]
    if others:
        count, language = max(others)
        if count >= 2 and count > 1.3 * max(own, english):
            return language, count / (count + own + english + 1)
    total = own + english
    if total < FEW_WORDS:
        return _by_letters(text, borrowed)
    less = min(own, english)
    if less >= MIXED_WORDS and less / total >= MIXED_SHARE:
        return "mixed", min(0.95, 0.45 + less / total)
    most = max(own, english)
    return ("id" if own >= english else "en"), round(min(0.99, (most + 0.3) / (total + 0.8)), 3)


@cache
def _identifier() -> "LanguageIdentifier":
    """Importing it and reading its table takes a second: only once a text needs it."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages(["id", "en"])
    return identifier


def _by_letters(text: str, borrowed: Collection[str]) -> tuple[str, float]:
    """What the letters look like; names and links aside where there is more, for they are of no language."""
    text = text[:_READ]
    plain = _NAMES.sub(" ", text)
    words = _WORD.findall(plain.lower())
    if (words and borrowed and all(word in borrowed for word in words)) or not _LETTER.search(text):
        return "id", NO_SIGN
    language, likely = _identifier().classify(plain if words else text)
    return str(language), round(min(0.9, max(NO_SIGN, float(likely))), 3)
