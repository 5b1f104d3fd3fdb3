"""What the sentences of a draft rest on: kept with it, held against it, and left to it when a person edits it."""

from dataclasses import dataclass
from typing import Any

from db.fingerprint import companion_in
from db.tables import Draft
from policy.composing import Composed, Ground, Sentence
from policy.composing.edits import grounds_of

_STATES = frozenset((Ground.ARTICLE, Ground.STATEMENT, Ground.PERSON))
"""Grounds that state something: what stands in such a sentence, somebody answers for."""


def grounded(composed: Composed) -> tuple[str, ...]:
    """The sentences whose truth an article, the incident's statement or a person answers for."""
    return tuple(
        composed.text[sentence.start : sentence.end] for sentence in composed.sentences if sentence.ground in _STATES
    )


def ungrounded(composed: Composed) -> tuple[tuple[int, int], ...]:
    """Where the sentences stand that a language model wrote of its own."""
    return tuple(
        (sentence.start, sentence.end)
        for sentence in composed.sentences
        if sentence.ground is Ground.MODEL and not sentence.ref and not sentence.facts
    )


def main_text(composed: Composed) -> str | None:
    """The text that says what an answer is about, as a draft names its source: `heard/parcel_late#2`."""
    return next((name for name in composed.names if name.startswith("heard/")), next(iter(composed.names), None))


@dataclass(frozen=True)
class GroundShown:
    """A sentence with what it rests on, as reviewers see it; `beside`: it stands in the private text beside."""

    sentence: str
    ground: str
    ref: str
    facts: tuple[str, ...]
    beside: bool


def grounds_shown(draft: Draft) -> tuple[GroundShown, ...]:
    """Each sentence of a draft, and of the private text beside it, with what it rests on."""
    texts = {False: draft.text, True: companion_in(draft.attachments) or ""}
    found = []
    for kept in draft.grounds:
        sentence, beside = Sentence.from_json(kept), bool(kept.get("companion"))
        words = texts[beside][sentence.start : sentence.end]
        if words:  # an erased draft keeps no words
            found.append(GroundShown(words, sentence.ground.value, sentence.ref, sentence.facts, beside))
    return tuple(found)


def kept_words(draft: Draft | None) -> tuple[str, ...]:
    """What an edit of this draft may still say because somebody answers for it."""
    if draft is None:
        return ()
    return tuple(one.sentence for one in grounds_shown(draft) if one.ground in _STATES and not one.beside)


def grounds_after_edit(text: str, person: str, before: Draft | None) -> list[dict[str, Any]]:
    """The grounds of a person's text; what it left of the draft before keeps what it rested on."""
    kept = before.grounds if before else []
    known = [Sentence.from_json(one) for one in kept if not one.get("companion")]
    beside = [one for one in kept if one.get("companion")]
    now = grounds_of(text, person, before.text if before else "", known)
    return [*(sentence.as_json() for sentence in now), *beside]
