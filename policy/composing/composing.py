"""Composes an answer from its parts, fits it to where it will stand, and knows what each sentence rests on."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise

from db.words import Visibility
from policy.composing.case import Case, Stage
from policy.composing.echoes import echo
from policy.composing.parts import PARTS, SLOTS, Parts, Wording
from policy.composing.sentences import Ground, Sentence, end_of, spans
from policy.filling import Filling, Slot, slots_of
from policy.guard.draft import Limits
from policy.guard.lengths import length_on

_UNDERSTOOD_IN_INDONESIAN = frozenset(("id", "ms", "jv", "su", "mad", "min", "ban"))
"""Indonesian itself, Malay, and languages that are spoken in Indonesia."""
CONFIRMED_BY_CS = frozenset(("order_number", "summary"))
"""What customer service alone can see: a text that states one of these passes it, whoever else reads it."""

_FROM_AN_ARTICLE = frozenset(("article", "document"))
_OF_POLICY = frozenset(("answer_by", "contact", "company"))
_TOLD = frozenset(("answer_by", "order_number", "tracking_url", "reference", "contact", "document"))
"""What counts as a fact in a sentence; a name or a topic says nothing that could be wrong."""

# How a text is made to fit, gently first: what each step does to which part.
_STEPS: tuple[tuple[str, str], ...] = (
    ("drop", "closing"),
    ("shorten", "greeting"),
    ("shorten", "unknown"),
    ("shorten", "document"),
    ("shorten", "next"),
    ("shorten", "private"),
    ("drop", "document"),
    ("drop", "unknown"),
    ("drop", "also"),
    ("shorten", "known"),
    ("shorten", "reference"),
    ("shorten", "heard"),
    ("shorten", "ask"),
    ("drop", "ask"),
    ("drop", "known"),
    ("drop", "next"),
    ("drop", "greeting"),
    ("drop", "heard"),
)
_STEPS_OF_AN_ANSWER = (*(step for step in _STEPS if step != ("drop", "known")), ("drop", "private"))
"""A question's answer keeps what we know: it is the answer; who reads it may do without a way to a private talk."""

_SUBSTANCE = frozenset(("known", "document"))
"""Parts that a customer would miss."""
_PARAGRAPHS: tuple[tuple[str, ...], ...] = (
    ("greeting",),
    ("heard",),
    ("known", "unknown", "next", "also"),
    ("ask",),
    ("document",),
    ("private", "reference"),
    ("closing",),
)
"""What stands together in a private letter; in public everything is one paragraph."""


@dataclass(frozen=True)
class Composed:
    """A composed answer: its text, its sentences with their grounds, and what of it did not fit here.

    `names` are the texts that it was made of (`heard/parcel_late#2`), `stated` the facts that stand in it.
    """

    text: str
    sentences: tuple[Sentence, ...]
    invites_private: bool
    states_facts: bool
    names: tuple[str, ...] = ()
    stated: frozenset[str] = frozenset()
    left_out: tuple[str, ...] = ()
    model: str | None = None
    """The language model that worded it, if one did."""

    @property
    def said_less(self) -> bool:
        """Whether what we know did not stand in it whole: then a private answer may say the rest."""
        return not _SUBSTANCE.isdisjoint(self.left_out)


@dataclass(frozen=True)
class _Piece:
    """One part of an answer as it was filled in."""

    part: str
    name: str
    text: str
    fillings: tuple[Filling, ...]
    size: int


@dataclass
class _Choice:
    """A part's text that was chosen, long and short; `others` are its further variants in that form."""

    long: _Piece
    short: _Piece | None
    others: Callable[[bool], Iterator[_Piece]]
    shortened: bool = False
    dropped: bool = False

    @property
    def piece(self) -> _Piece:
        return self.short if self.shortened and self.short else self.long

    def instead(self) -> "Iterator[_Choice]":
        """The same with each other variant in the form that stands now; at last in its short form, if it was long."""
        if self.shortened and self.short:
            yield from (replace(self, short=piece) for piece in self.others(True))
        else:
            yield from (replace(self, long=piece) for piece in self.others(False))
            if self.short:
                yield replace(self, shortened=True)


def compose(case: Case, parts: Parts, limits: Limits | None = None) -> Composed:
    """The answer to a case in its customer's language; in both of ours where they mixed them, or wrote in a third, and
    both fit."""
    limit = limits.comfortable_limit if limits else None
    if case.language == "en" or case.language in _UNDERSTOOD_IN_INDONESIAN or case.statement:
        return _compose(case, parts, "en" if case.language == "en" else "id", limit)
    first = _compose(case, parts, "id", None)
    second = _compose(case, parts, "en", None)
    both = _joined(first, second, "\n\n")
    if limit is None or length_on(case.channel, both.text) <= limit:
        return both
    return _with_one_sentence(case, parts, limit)


def would_cite(case: Case, parts: Parts) -> bool:
    """Whether the answer would say what an article says, were there one: else nobody need look for it."""
    if case.statement:
        return False
    filled = frozenset(slot for slot, value in _slots(case, parts, "id").items() if value) | _FROM_AN_ARTICLE
    chosen = (parts.choose(part, case, filled) for part in ("known", "document"))
    return any(not _FROM_AN_ARTICLE.isdisjoint(wording.names) for wording in chosen if wording is not None)


def _with_one_sentence(case: Case, parts: Parts, limit: int) -> Composed:
    """The Indonesian answer, with one English sentence behind it where that fits."""
    wording = parts.choose("other_language", case, frozenset())
    if wording is None:
        return _compose(case, parts, "id", limit)
    piece = _piece(wording, case, "en", _slots(case, parts, "en"), 0, short=False)
    if piece is None or piece.size + 1 >= limit // 2:
        return _compose(case, parts, "id", limit)
    extra = _assembled(case, [piece], {})
    return _joined(_compose(case, parts, "id", limit - piece.size - 1), extra, " ")


def _compose(case: Case, parts: Parts, language: str, limit: int | None) -> Composed:
    slots = _slots(case, parts, language)
    choices = _choose(case, parts, language, slots)
    if limit is not None:
        _fit(choices, limit, case)
    standing = [choice for choice in choices if not choice.dropped]
    _vary(standing, limit, case)
    made = _assembled(case, [choice.piece for choice in standing], slots)
    whole = {choice.long.part for choice in standing if not choice.shortened}
    return replace(made, left_out=tuple(choice.long.part for choice in choices if choice.long.part not in whole))


def _slots(case: Case, parts: Parts, language: str) -> dict[str, Slot]:
    values = {
        "company": case.company,
        "reference": case.reference,
        "contact": case.contact.get(language, ""),
        "answer_by": case.answer_by.get(language, ""),
        "article": case.article.answer if case.article else "",
        "document": case.article.title if case.article else "",
        "topic": parts.named(case.topics[0], language) if case.topics else "",
        "beside": parts.named(case.beside, language) if case.beside else "",
    }
    if case.visibility is Visibility.PRIVATE:  # in public nobody is named, and nothing of theirs is told
        values["name"], values["order_number"] = case.name, case.order_number
        values["tracking_url"], values["summary"] = case.tracking_url, case.summary
    return slots_of(values, SLOTS)


# Which texts stand


def _choose(case: Case, parts: Parts, language: str, slots: Mapping[str, Slot]) -> list[_Choice]:
    """The texts of an answer in their order, each in the variant whose turn it is."""
    if case.statement:
        statement = _Piece("known", "statement", case.statement, (), length_on(case.channel, case.statement))
        rest = _chosen(("private", "reference", "closing"), case, parts, language, slots)
        return [_Choice(statement, None, lambda _: iter(())), *rest]
    return _chosen([part for part in PARTS if part != "other_language"], case, parts, language, slots)


def _chosen(wanted: Sequence[str], case: Case, parts: Parts, language: str, slots: Mapping[str, Slot]) -> list[_Choice]:
    filled = frozenset(slot for slot, value in slots.items() if value)
    found: list[_Choice] = []
    stride = 1
    for part in wanted:
        if not _belongs(part, case):
            continue
        if part == "reference" and any(_writes(choice.piece, "reference") for choice in found):
            continue
        wording = parts.choose(part, case, filled)
        if wording is None:
            continue
        count = len(wording.speak(language, case.register, short=False))
        # Neighbours differ in every part, and no two of the first `stride` answers are alike.
        turn = case.variant + case.variant // stride
        long = _piece(wording, case, language, slots, turn, short=False)
        if long is not None:
            others = partial(_others, wording, case, language, slots, turn)
            found.append(_Choice(long, _piece(wording, case, language, slots, turn, short=True), others))
        stride *= count
    return found


def _belongs(part: str, case: Case) -> bool:
    """Whether a part may stand at all: in public nothing is asked that only the customer may tell."""
    if part == "ask":
        return case.visibility is Visibility.PRIVATE
    if part == "private":
        return case.visibility is Visibility.PUBLIC
    return True


def _piece(
    wording: Wording, case: Case, language: str, slots: Mapping[str, Slot], turn: int, *, short: bool
) -> _Piece | None:
    variants = wording.speak(language, case.register, short=short)
    if not variants:
        return None
    number = turn % len(variants)
    text, fillings = variants[number].fill(slots)
    if not text:
        return None
    name = f"{wording.part}/{wording.name}#{number + 1}"
    return _Piece(wording.part, name, text, fillings, length_on(case.channel, text))


def _others(
    wording: Wording, case: Case, language: str, slots: Mapping[str, Slot], turn: int, short: bool
) -> Iterator[_Piece]:
    """The further variants of a text, in the order in which their turns come."""
    for later in range(1, len(wording.speak(language, case.register, short=short))):
        piece = _piece(wording, case, language, slots, turn + later, short=short)
        if piece is not None:
            yield piece


def _writes(piece: _Piece, slot: str) -> bool:
    return any(filling.slot == slot for filling in piece.fillings)


# How they fit


def _fit(choices: Sequence[_Choice], limit: int, case: Case) -> None:
    """Shorten and leave out, gently first, until the text fits; then take back what was not needed after all."""
    by_part = {choice.long.part: choice for choice in choices}
    wanted = _STEPS_OF_AN_ANSWER if case.stage is Stage.QUESTION else _STEPS
    steps = [(by_part[part], what) for what, part in wanted if part in by_part]
    if case.statement:
        steps = [(choice, what) for choice, what in steps if choice.long.part != "known"]
    done: list[tuple[_Choice, str]] = []
    for choice, what in steps:
        if _size(choices, case) <= limit:
            break
        _set(choice, what, True)
        done.append((choice, what))
    for choice, what in reversed(done[:-1]):
        _set(choice, what, False)
        if _size(choices, case) > limit:
            _set(choice, what, True)


def _set(choice: _Choice, what: str, value: bool) -> None:
    if what == "drop":
        choice.dropped = value
    else:
        choice.shortened = value and choice.short is not None


def _size(choices: Sequence[_Choice], case: Case) -> int:
    """The text's length in the channel's measure: that of its pieces and of what stands between them."""
    standing = [choice.piece for choice in choices if not choice.dropped]
    between = sum(len(glue) for glue in _glue(case, standing))
    return sum(piece.size for piece in standing) + between


def _vary(standing: list[_Choice], limit: int | None, case: Case) -> None:
    """Where a part says again what its neighbour said, let another variant of it stand, or of the neighbour."""
    for place in range(1, len(standing)):
        if _echoes(standing[place - 1 : place + 1]):
            any(_exchanged(at, standing, limit, case) for at in (place, place - 1))


def _exchanged(at: int, standing: list[_Choice], limit: int | None, case: Case) -> bool:
    """Whether another variant of this text was found, or its short form, that fits and echoes neither neighbour."""
    stood = standing[at]
    for standing[at] in stood.instead():
        if not _echoes(standing[max(at - 1, 0) : at + 2]) and (limit is None or _size(standing, case) <= limit):
            return True
    standing[at] = stood
    return False


def _echoes(choices: Sequence[_Choice]) -> bool:
    return any(echo(before.piece.text, after.piece.text) for before, after in pairwise(choices))


# How they stand together


def _glue(case: Case, pieces: Sequence[_Piece]) -> Iterator[str]:
    """What stands between the pieces."""
    letter = case.visibility is Visibility.PRIVATE
    paragraph = {part: place for place, group in enumerate(_PARAGRAPHS) for part in group}
    for before, after in pairwise(pieces):
        apart = letter and paragraph[before.part] != paragraph[after.part]
        yield "\n\n" if apart else " "


def _assembled(case: Case, pieces: Sequence[_Piece], slots: Mapping[str, Slot]) -> Composed:
    text = ""
    sentences: list[Sentence] = []
    stated: set[str] = set()
    glues = ["", *_glue(case, pieces)]
    for piece, glue in zip(pieces, glues, strict=True):
        text += glue
        written = piece.text
        if glue == " " and text.rstrip().endswith(","):
            written = _lowered(piece)
        sentences += (sentence.moved(len(text)) for sentence in _sentences(piece, case))
        stated |= {filling.slot for filling in piece.fillings}
        text += written
    return Composed(
        text,
        tuple(sentences),
        invites_private=any(piece.part == "private" and _writes(piece, "contact") for piece in pieces),
        states_facts=not CONFIRMED_BY_CS.isdisjoint(stated),
        names=tuple(piece.name for piece in pieces),
        stated=frozenset(stated),
    )


def _lowered(piece: _Piece) -> str:
    """After a greeting that ends in a comma the sentence goes on: its first word is small, unless it is a name."""
    first, _, rest = piece.text.partition(" ")
    is_name = any(filling.start == 0 for filling in piece.fillings) or first.upper() == first
    return piece.text if is_name else f"{first[:1].lower()}{first[1:]}{' ' if rest else ''}{rest}"


def _sentences(piece: _Piece, case: Case) -> Iterator[Sentence]:
    for start, end in spans(piece.text, piece.fillings):
        here = [filling for filling in piece.fillings if filling.start < end and filling.end > start]
        facts = tuple(dict.fromkeys(_fact(filling.slot) for filling in here if filling.slot in _TOLD))
        ground, ref = _ground(piece, {filling.slot for filling in here}, case)
        yield Sentence(start, end, ground, ref, facts)


def _ground(piece: _Piece, slots: set[str], case: Case) -> tuple[Ground, str]:
    if piece.name == "statement":
        return Ground.STATEMENT, case.statement_ref
    if "article" in slots and case.article:
        return Ground.ARTICLE, case.article.ref
    if "summary" in slots:
        return Ground.PERSON, case.summary_by
    return Ground.PART, piece.name


def _fact(slot: str) -> str:
    return f"{Ground.POLICY if slot in _OF_POLICY else Ground.CASE}:{slot}"


def _joined(first: Composed, second: Composed, glue: str) -> Composed:
    """Two composed texts as one."""
    at = end_of(first.text) + len(glue)
    return Composed(
        f"{first.text}{glue}{second.text}",
        (*first.sentences, *(sentence.moved(at) for sentence in second.sentences)),
        first.invites_private or second.invites_private,
        first.states_facts or second.states_facts,
        (*first.names, *second.names),
        first.stated | second.stated,
        tuple(dict.fromkeys((*first.left_out, *second.left_out))),
    )
