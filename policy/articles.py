"""How knowledge articles are found by what customers write, and when the desk proposes new ones (articles.yaml)."""

import hashlib
import re
from collections.abc import Iterable, Iterator
from typing import Annotated

from pydantic import Field

from db.words import Risk
from policy.assess.lexicon import Lexicon, Words
from policy.assess.normalise import TOKENS, Normaliser
from policy.durations import Wall
from policy.reading import Contradiction, Rules

READ = 4_000
"""Letters of a text that are searched for: what is asked stands in the first ones."""
_PIECE = re.compile(r"[a-z0-9]+")
_TIMES = "<times>"
_AGAIN = "kali"
"""What *2x* and *3 kali* are searched for as."""


class Proposals(Rules):
    """When the desk drafts an article from an answer that people approved."""

    a_night: int = Field(ge=0)
    """At most so many; 0: none."""
    look_back: Wall
    """Of complaints resolved, and of answers marked as reusable, no longer ago than this."""
    least_words: int = Field(ge=1)
    """What solved it must say so much, or there is nothing to learn from it."""
    alike_from: float = Field(gt=0, le=1)
    """As alike as this to another proposal, it is not made again."""
    valid_for: Wall
    """How long an article holds that was proposed; whoever publishes it may write another date."""


class ArticleRules(Rules):
    """The rules of the knowledge base."""

    certain_from: float = Field(gt=0, le=1)
    """From this score on an answer to a customer may cite the article found."""
    ahead_by: float = Field(ge=1)
    """And so many times better than the next one must it be."""
    never_for: frozenset[Risk] = frozenset()
    """Complaints with one of these risks are answered by people alone: no article is cited."""
    means: tuple[Annotated[tuple[str, ...], Field(min_length=2)], ...] = ()
    """Words that mean the same; the first stands for all."""
    ignored: Words = ()
    """Words that tell nothing of what is asked."""
    proposals: Proposals

    @property
    def version(self) -> str:
        """Of what decides to which words a text is brought."""
        return hashlib.sha256(repr((self.means, self.ignored)).encode()).hexdigest()[:12]

    def contradictions(self) -> Iterator[Contradiction]:
        """A word that would have to mean two things."""
        seen: dict[str, int] = {}
        for number, words in enumerate(self.means):
            for word in words:
                if seen.setdefault(word, number) != number:
                    yield ("means", number), f"`{word}` stands in two lists; it can mean one thing only"


class SearchWords:
    """Brings a question, or an article, to the words it is searched by."""

    def __init__(self, rules: ArticleRules, lexicon: Lexicon) -> None:
        known = {word for word in lexicon.vocabulary if not word.endswith("*")}
        known = known.union(*lexicon.languages.words.values(), lexicon.languages.borrowed)
        known |= {word for means in lexicon.spelling.means.values() for word in means}
        self._normaliser = Normaliser(lexicon.spelling, known)
        self._means = {word: words[0] for words in rules.means for word in words}
        self._spelled = {words[0]: words for words in rules.means}
        self._ignored = frozenset(rules.ignored)
        self._ours: dict[str, list[str]] = {}

    def __call__(self, text: str) -> list[str]:
        """The words of a text as they are meant, in their order, without those that tell nothing."""
        found: list[str] = []
        for match in TOKENS.finditer(text[:READ]):
            kind = match.lastgroup or ""
            if kind in ("plain", "word"):
                found.extend(self._said(kind, match.group()))
        return found

    def spellings(self, words: Iterable[str]) -> list[str]:
        """Every word that these stand for, once: what a misspelled one is compared with."""
        return list(dict.fromkeys(spelled for word in words for spelled in self._spelled.get(word, (word,))))

    def of_ours(self, text: str) -> list[str]:
        """The same of a text of an article, which is kept: articles are few, and are read into many databases."""
        if text not in self._ours:
            self._ours[text] = self(text)
        return self._ours[text]

    def _said(self, kind: str, raw: str) -> Iterator[str]:
        for word in self._normaliser.words(kind, raw):
            if word.forms[:1] == (_TIMES,):
                yield _AGAIN
            if not word.forms or word.forms[0].startswith("<"):
                continue
            meant = word.forms[-1] if word.forms[0].startswith(word.forms[-1]) else word.forms[0]
            for piece in _PIECE.findall(meant):
                for spelled in self._normaliser.spell(piece):
                    means = self._means.get(spelled, spelled)
                    if len(means) > 1 and not means.isdigit() and not self._ignored.intersection((spelled, means)):
                        yield means
