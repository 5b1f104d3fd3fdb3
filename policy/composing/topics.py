"""What a complaint is about in its customer's own terms: topics, found in the text, that select words of ours.

The customer's text never becomes ours: a topic only says which of the company's own sentences stand. Phrases are
patterns over words (`policy.assess.pattern`), found after the chat spelling was undone; a `*` alone reaches over up to
four words.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field

from db.words import Category
from policy.assess.finding import Finder
from policy.assess.language import Languages
from policy.assess.lexicon import Compiled, Entry, Lexicon
from policy.assess.normalise import Normaliser
from policy.assess.pattern import Node, Parser, PatternError
from policy.reading import Place, PolicyError, Problem, Rules, line_of, read_placed

TOPICS_FILE = "topics.yaml"
_ANY_WORDS = "~4"


def _one_or_many(value: object) -> object:
    return (value,) if isinstance(value, str) else value


class Topic(Rules):
    """One thing that people write about. `named` is how we name it within a sentence."""

    topic: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    category: Annotated[tuple[Category, ...], BeforeValidator(_one_or_many), Field(min_length=1)]
    """Where it usually belongs; a topic of the complaint's category goes before another."""
    words: dict[str, tuple[str, ...]]
    named: dict[str, str]
    beside: bool = False
    """Whether it is a matter of its own also beside another one: then an answer about that one names this, too."""


class _TopicsFile(Rules):
    topics: tuple[Topic, ...]


def read_topics(file: Path) -> tuple[Topic, ...]:
    """Read the topics.

    Raises:
        PolicyError: with everything wrong in the file.
    """
    read, lines = read_placed(file, _TopicsFile)
    problems = list(_problems(file, read.topics, lines))
    if problems:
        raise PolicyError(problems)
    return read.topics


def _problems(file: Path, topics: Sequence[Topic], lines: Mapping[Place, int]) -> Iterable[Problem]:
    parser = Parser({}, lambda word: (word,))
    first: dict[str, int] = {}
    for number, topic in enumerate(topics):
        place: Place = ("topics", number)
        if topic.topic in first:
            line = first[topic.topic]
            yield Problem(file, line_of(place, lines), f"`{topic.topic}` stands twice (first on line {line})")
        first.setdefault(topic.topic, line_of(place, lines))
        for name, given in (("words", topic.words), ("named", topic.named)):
            if set(given) != {"id", "en"}:
                yield Problem(file, line_of((*place, name), lines), f"`{name}` of `{topic.topic}` needs `id` and `en`")
        for language, phrases in topic.words.items():
            for at, phrase in enumerate(phrases):
                try:
                    _pattern(parser, phrase)
                except PatternError as error:
                    yield Problem(file, line_of((*place, "words", language, at), lines), str(error))


def _pattern(parser: Parser, phrase: str) -> Node:
    words = [_ANY_WORDS if word == "*" else word for word in phrase.split()]
    while words and words[0] == _ANY_WORDS:
        words.pop(0)
    while words and words[-1] == _ANY_WORDS:
        words.pop()
    return parser.parse(" ".join(words))


class TopicFinder:
    """All topics made ready to be found in texts."""

    def __init__(self, topics: Sequence[Topic], lexicon: Lexicon) -> None:
        self._topics = tuple(topics)
        parser = Parser({}, Normaliser(lexicon.spelling).spell)
        compiled = []
        for topic in topics:
            phrases = tuple(phrase for given in topic.words.values() for phrase in given)
            # It gives something, or it would hide what stands within it (`policy.assess.finding`).
            entry = Entry.model_construct(name=topic.topic, gives={"breach": 1.0}, phrases=phrases, negation="cancel")
            nodes = tuple(_pattern(parser, phrase) for phrase in phrases)
            compiled.append(Compiled(entry, nodes, Path(TOPICS_FILE), 1))
        no_language = Languages({"id": frozenset(), "en": frozenset()}, frozenset())
        self._finder = Finder(Lexicon(tuple(compiled), lexicon.spelling, no_language, "topics"))

    def find(self, text: str, category: Category | None = None) -> tuple[str, ...]:
        """The topics of a text: those of the complaint's category first, then as they stand in the file."""
        places = {hit.entry for hit in self._finder.read(text).hits}
        return tuple(self._topics[place].topic for place in self._ranked(places, category))

    def beside(self, text: str, category: Category | None = None) -> str:
        """A second matter that is said in words of its own beside the first; empty where there is none."""
        words: dict[int, set[int]] = {}
        for hit in self._finder.read(text).hits:
            words.setdefault(hit.entry, set()).update(range(hit.first, hit.last))
        first, *others = self._ranked(words, category) or [-1]
        apart = (place for place in others if self._topics[place].beside and words[place].isdisjoint(words[first]))
        return next((self._topics[place].topic for place in apart), "")

    def _ranked(self, places: Iterable[int], category: Category | None) -> list[int]:
        def rank(place: int) -> tuple[bool, int]:
            return category is not None and category not in self._topics[place].category, place

        return sorted(places, key=rank)
