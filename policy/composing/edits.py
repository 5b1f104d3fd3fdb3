"""What each sentence rests on once a person has worked on a text."""

from collections.abc import Sequence

from policy.composing.sentences import Ground, Sentence, spans


def grounds_of(text: str, person: str, before: str = "", known: Sequence[Sentence] = ()) -> tuple[Sentence, ...]:
    """The sentences of a person's text: those that stood so in the text `before` keep what they rested on, every other
    one rests on that person's word."""
    kept: dict[str, Sentence] = {before[sentence.start : sentence.end]: sentence for sentence in known}
    found = []
    for start, end in spans(text):
        old = kept.get(text[start:end])
        found.append(
            Sentence(start, end, old.ground, old.ref, old.facts)
            if old is not None
            else Sentence(start, end, Ground.PERSON, person)
        )
    return tuple(found)
