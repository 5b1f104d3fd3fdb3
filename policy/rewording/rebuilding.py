"""Makes a composed answer ready to be asked about, and puts its new wording in place, each sentence with its ground."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from policy.composing import Composed
from policy.composing.sentences import Ground, Sentence
from policy.rewording.asking import Ours, Rewording
from policy.rewording.facts import put_back, take_out

KEPT = frozenset((Ground.ARTICLE, Ground.STATEMENT, Ground.PERSON))
"""Somebody answers for these very words."""
_WITH_DIGITS = re.compile(r"\S*\d\S*")


@dataclass(frozen=True)
class Material:
    """An answer as a model may see it."""

    ours: tuple[Ours, ...]
    values: tuple[str, ...]
    """The facts that were taken out, which never leave."""


def material_of(composed: Composed, names: Iterable[str]) -> Material:
    """The answer's sentences without their facts; `names` are what else must stay as it is."""
    texts = [composed.text[one.start : one.end] for one in composed.sentences]
    facts = take_out(texts, names)
    pairs = zip(facts.texts, composed.sentences, strict=True)
    return Material(tuple(Ours(text, one.ground in KEPT) for text, one in pairs), facts.values)


def without_digits(text: str) -> str:
    """A customer's words for whoever only needs to hear how they speak: their numbers and codes stay here."""
    return _WITH_DIGITS.sub("…", text).replace("[[", "((").replace("]]", "))")


def rebuilt(composed: Composed, rewording: Rewording, values: Sequence[str]) -> Composed:
    """The answer in its new wording. Sentences that stayed as they were keep their ground."""
    text, sentences = composed.text[: composed.sentences[0].start], []
    last: int | None = None
    for one in rewording.sentences:
        first = min(one.rests_on)
        if last is not None:
            text += _between(composed, first) if first != last else " "
        last = first
        said = put_back(one.sentence.strip(), values)
        sources = [composed.sentences[number] for number in one.rests_on]
        start, text = len(text), text + said
        same = len(sources) == 1 and said == composed.text[sources[0].start : sources[0].end]
        sentences.append(replace(sources[0] if same else _on_model(sources), start=start, end=len(text)))
    return replace(composed, text=text, sentences=tuple(sentences))


def _between(composed: Composed, number: int) -> str:
    """What stands before a sentence of ours."""
    return composed.text[composed.sentences[number - 1].end : composed.sentences[number].start] or " "


def _on_model(sources: Sequence[Sentence]) -> Sentence:
    rests_on = ", ".join(dict.fromkeys(f"{one.ground.value}:{one.ref}" for one in sources))
    facts = tuple(dict.fromkeys(fact for one in sources for fact in one.facts))
    return Sentence(0, 0, Ground.MODEL, rests_on, facts)
