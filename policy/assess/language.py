"""Which language a text is in: Indonesian, English, both, or another.

Counts words that only one language has; words that Indonesian borrowed (*order, refund, error*) speak for neither. A
text is mixed where each language has at least `MIXED_WORDS` words and `MIXED_SHARE` of what was recognised. Other
scripts tell their language by themselves.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

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
_LETTER = re.compile(r"[^\W\d_]")

FORM_WEIGHT = 0.6
"""What a word is worth that only looks like one of the language."""


@dataclass(frozen=True)
class Languages:
    """Word lists by language; `borrowed` speak for none."""

    words: Mapping[str, frozenset[str]]
    borrowed: frozenset[str]

    def votes(self, written: str, spelled: str) -> tuple[tuple[str, float], ...]:
        """For which languages a word speaks, and how loudly."""
        if written in self.borrowed or spelled in self.borrowed:
            return ()
        found = tuple((language, 1.0) for language, words in self.words.items() if written in words)
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


def language_of(votes: Mapping[str, float], text: str) -> tuple[str, float]:
    """The language, and how sure (0 to 1).

    Without any sign it is Indonesian, the desk's own, at low confidence.
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
    if not total:
        return "id", 0.35
    less = min(own, english)
    if less >= MIXED_WORDS and less / total >= MIXED_SHARE:
        return "mixed", min(0.95, 0.45 + less / total)
    most = max(own, english)
    return ("id" if own >= english else "en"), round(min(0.99, (most + 0.3) / (total + 0.8)), 3)
