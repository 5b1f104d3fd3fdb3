"""What the sentences of a draft rest on: kept with it, held against it, and left to it when a person edits it."""

from collections.abc import Sequence
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


def sentences_of(draft: Draft, *, beside: bool = False) -> list[tuple[str, Sentence]]:
    """Each sentence of a draft with its text and what it rests on; those of the private text beside it on request."""
    return [
        (_text_of(draft, kept), Sentence.from_json(kept))
        for kept in draft.grounds
        if beside or not kept.get("companion")
    ]


def kept_words(draft: Draft | None) -> tuple[str, ...]:
    """What an edit of this draft may still say because somebody answers for it."""
    if draft is None:
        return ()
    return tuple(text for text, sentence in sentences_of(draft) if sentence.ground in _STATES)


def grounds_after_edit(text: str, person: str, before: Draft | None) -> list[dict[str, Any]]:
    """The grounds of a person's text; what it left of the draft before keeps what it rested on."""
    known: Sequence[Sentence] = [sentence for _, sentence in sentences_of(before)] if before else ()
    beside = [kept for kept in before.grounds if kept.get("companion")] if before else []
    now = grounds_of(text, person, before.text if before else "", known)
    return [*(sentence.as_json() for sentence in now), *beside]


def _text_of(draft: Draft, kept: dict[str, Any]) -> str:
    text = companion_in(draft.attachments) or "" if kept.get("companion") else draft.text
    return text[kept["start"] : kept["end"]]
