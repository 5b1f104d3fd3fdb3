"""The lexicon's examples, tried: what must match does, what must not does not."""

from collections.abc import Iterator

from policy.assess.finding import Finder
from policy.assess.lexicon import Compiled, Lexicon
from policy.reading import Problem


def check_examples(lexicon: Lexicon) -> list[Problem]:
    """Every example that the lexicon does not keep, with the file and line of its entry."""
    finder = Finder(lexicon)
    return [problem for number, compiled in enumerate(lexicon.entries) for problem in _broken(finder, number, compiled)]


def _broken(finder: Finder, number: int, compiled: Compiled) -> Iterator[Problem]:
    entry = compiled.entry
    for text in entry.examples:
        if not _found(finder, number, text):
            yield Problem(compiled.file, compiled.line, f"`{entry.name}` does not find its example “{text}”")
    for text in entry.not_:
        if _found(finder, number, text):
            yield Problem(compiled.file, compiled.line, f"`{entry.name}` finds “{text}”, which it must not")


def _found(finder: Finder, number: int, text: str) -> bool:
    return any(hit.entry == number and not hit.flipped for hit in finder.read(text).hits)
