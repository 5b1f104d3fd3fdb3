"""The parts that answers are composed from, read from `policy/parts/*.yaml` and checked.

A file holds one part (`PARTS`, in the order in which they stand in an answer) and its texts:

```yaml
part: heard
texts:
  - name: parcel_late                    # with the part it is a sentence's ground: `heard/parcel_late#2`
    when: {topics: [parcel_late], visibility: public}   # every condition must hold; a list holds if one of it does
    id: ["Maaf, pesanan Anda belum sampai.", "…"]       # variants: the same facts in other words
    id_casual: ["Maaf ya Kak, pesanannya belum sampai."]
    id_formal: ["Kami mohon maaf, pesanan Bapak/Ibu belum sampai."]
    en: ["We are sorry that your order has not arrived."]
    short: {id: ["Maaf, pesanannya belum sampai."], en: ["Sorry your order is late."]}   # where the long does not fit
```

Of a part's texts whose conditions hold, the most telling one is taken: one for an incident's statement or for a private
talk that has begun, then one for what happened to people (injury, distress) or for the press, then one for the stage,
then one for the topic, then the one with more conditions, then the first in the file. A text of `heard` without
`stages` is for first answers; one of `unknown`, `next` or `ask` without `stages` is for no question and no opinion,
which nothing was promised about and nobody apologises for.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from db.words import Category, Kind, Remedy, Risk, Visibility
from policy.composing.case import Case, Register, Stage, Talk
from policy.composing.topics import TOPICS_FILE, Topic, read_topics
from policy.filling import Fillable, faults, named_in, nearest
from policy.reading import Place, PolicyError, Problem, Rules, line_of, read_placed

PARTS = (
    "greeting",
    "heard",
    "known",
    "unknown",
    "next",
    "also",
    "ask",
    "document",
    "private",
    "reference",
    "closing",
    "other_language",
)
"""The parts of an answer in their order; `other_language` is the one sentence for whoever wrote in two languages where
the answer fits in one only."""
NEEDED = ("greeting", "heard", "next", "private", "reference")
"""Without these there is no answer."""
SLOTS = frozenset(
    (
        *("name", "company", "reference", "contact", "answer_by", "tracking_url", "order_number"),
        *("article", "document", "summary", "topic", "beside"),
    )
)
"""What a text may name; each is a plain string, and may be empty."""
FACTS = frozenset(("answer_by", "tracking_url", "order_number", "article", "document", "summary", "reference"))
"""Slots that state something: every variant of a text states the same."""
STAGES_NAMED: Mapping[str, frozenset[Stage]] = {
    "heard": frozenset(Stage) - {Stage.FIRST},
    "unknown": frozenset((Stage.QUESTION, Stage.OPINION)),
    "next": frozenset((Stage.QUESTION, Stage.OPINION)),
    "ask": frozenset((Stage.QUESTION, Stage.OPINION)),
}
"""The stages that a text of this part must name to stand in them."""
_PEOPLE_FIRST: Mapping[Risk, int] = {Risk.INJURY: 3, Risk.DISTRESS: 2, Risk.MEDIA: 1}
"""Risks whose words stand before those of any topic."""


def _one_or_many(value: object) -> object:
    return (value,) if isinstance(value, str) else value


Variants = Annotated[tuple[str, ...], BeforeValidator(_one_or_many), Field(min_length=1)]


class When(Rules):
    """When a text may stand."""

    stages: frozenset[Stage] = frozenset()
    topics: frozenset[str] = frozenset()
    categories: frozenset[Category] = frozenset()
    kinds: frozenset[Kind] = frozenset()
    risks: frozenset[Risk] = frozenset()
    no_risks: frozenset[Risk] = frozenset()
    """Where one of these was found, the text does not stand: a help page is no answer to somebody in hospital."""
    remedies: frozenset[Remedy] = frozenset()
    channels: frozenset[str] = frozenset()
    visibility: Visibility | None = None
    anger_from: int = Field(default=0, ge=0, le=3)
    has: frozenset[str] = frozenset()
    """Slots that must not be empty."""
    asked: bool | None = None
    """Whether we had asked the customer for what they wrote."""
    talk: frozenset[Talk] = frozenset()
    """Where a private talk stands already; without it, a text of `private` is for where there is none."""
    statement: bool = False
    """It stands under an incident's one answer, and only there."""

    def stands(self, part: str, stage: Stage, visibility: Visibility) -> bool:
        """Whether a text of this part may stand in such an answer at all."""
        staged = stage in self.stages if self.stages else stage not in STAGES_NAMED.get(part, ())
        return staged and self.visibility in (None, visibility)

    def holds(self, case: Case, filled: frozenset[str]) -> bool:
        """Whether the rest is true of the case; `filled` are the slots that hold something."""
        return (
            not (self.topics and self.topics.isdisjoint(case.topics))
            and not (self.categories and case.category not in self.categories)
            and not (self.risks and self.risks.isdisjoint(case.risks))
            and self.no_risks.isdisjoint(case.risks)
            and case.anger >= self.anger_from
            and not (self.kinds and case.kind not in self.kinds)
            and not (self.remedies and case.remedy not in self.remedies)
            and not (self.channels and case.channel not in self.channels)
            and self.has <= filled
            and self.asked in (None, case.asked)
            and (not self.talk or case.talk in self.talk)
            and (not self.statement or bool(case.statement))
        )

    def tells(self, case: Case) -> tuple[int, ...]:
        """How much a text with these conditions says of the case: higher wins."""
        people = [rank for risk, rank in _PEOPLE_FIRST.items() if risk in self.risks and risk in case.risks]
        topics = [len(case.topics) - place for place, topic in enumerate(case.topics) if topic in self.topics]
        named_stage = bool(self.stages) and case.stage is not Stage.FIRST
        return (
            int(self.statement or bool(self.talk)),
            max(people, default=0),
            int(named_stage),
            max(topics, default=0),
            len(self.model_fields_set),
        )


class Short(Rules):
    """A text for where the long one does not fit."""

    id: Variants
    en: Variants
    id_casual: Variants | None = None
    id_formal: Variants | None = None


class Text(Rules):
    """One text of a part, in both languages."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    when: When = When()
    id: Variants
    en: Variants
    id_casual: Variants | None = None
    id_formal: Variants | None = None
    short: Short | None = None


class PartFile(Rules):
    """One file of `policy/parts`."""

    part: Literal[PARTS]  # type: ignore[valid-type]
    texts: tuple[Text, ...]


@dataclass(frozen=True)
class Wording:
    """A text made ready. `variants` and `short` by `id`, `id_casual`, `id_formal`, `en`."""

    part: str
    name: str
    when: When
    variants: Mapping[str, tuple[Fillable, ...]]
    short: Mapping[str, tuple[Fillable, ...]]
    names: frozenset[str]
    """The facts that it states, the same in every variant."""

    def speak(self, language: str, register: Register, *, short: bool) -> tuple[Fillable, ...]:
        """Its variants in this language and register; empty where there is no short form."""
        among = self.short if short else self.variants
        return among.get(f"{language}_{register}") or among.get(language, ())


@dataclass(frozen=True)
class Parts:
    """Every part with its texts, and the topics that select them."""

    texts: Mapping[str, tuple[Wording, ...]]
    topics: tuple[Topic, ...]

    def named(self, topic: str, language: str) -> str:
        """How we name a topic within a sentence."""
        return next((known.named[language] for known in self.topics if known.topic == topic), "")

    def choose(self, part: str, case: Case, filled: frozenset[str]) -> Wording | None:
        """The most telling text of a part that may stand in this answer.

        What ends an incident's one answer, or stands where the private talk has begun, was written for that.
        """
        fitting = [text for text in self._standing(part, case.stage, case.visibility) if text.when.holds(case, filled)]
        if case.statement and part == "closing":
            fitting = [text for text in fitting if text.when.statement]
        if case.talk is not Talk.NONE and part == "private":
            fitting = [text for text in fitting if text.when.talk]
        return max(fitting, key=lambda text: text.when.tells(case), default=None)

    def _standing(self, part: str, stage: Stage, visibility: Visibility) -> tuple[Wording, ...]:
        known = self._found.get((part, stage, visibility))
        if known is None:
            among = self.texts.get(part, ())
            known = tuple(text for text in among if text.when.stands(part, stage, visibility))
            self._found[part, stage, visibility] = known
        return known

    @cached_property
    def _found(self) -> dict[tuple[str, Stage, Visibility], tuple[Wording, ...]]:
        """The texts that may stand where, once somebody asked."""
        return {}


def read_parts(directory: Path) -> Parts:
    """Read the parts and the topics of a policy.

    Raises:
        PolicyError: with everything wrong in any of the files.
    """
    problems: list[Problem] = []
    topics: tuple[Topic, ...] = ()
    try:
        topics = read_topics(directory / TOPICS_FILE)
    except PolicyError as error:
        problems += error.problems
    texts: dict[str, tuple[Wording, ...]] = {}
    for file in sorted(directory.glob("*.yaml")):
        if file.name == TOPICS_FILE:
            continue
        try:
            read, lines = read_placed(file, PartFile)
        except PolicyError as error:
            problems += error.problems
            continue
        found = list(_problems(file, read, lines, {topic.topic for topic in topics}))
        problems += found
        if not found:
            texts[read.part] = tuple(_wording(read.part, text) for text in read.texts)
    broken = {problem.file.stem for problem in problems}
    problems += (
        Problem(directory / f"{part}.yaml", 1, "this file is missing; no answer stands without it")
        for part in NEEDED
        if part not in texts and part not in broken
    )
    if problems:
        raise PolicyError(problems)
    return Parts(texts, topics)


def _wording(part: str, text: Text) -> Wording:
    return Wording(
        part,
        text.name,
        text.when,
        {key: tuple(map(Fillable, variants)) for key, variants in _spoken(text)},
        {key: tuple(map(Fillable, variants)) for key, variants in _spoken(text.short)} if text.short else {},
        named_in(text.id[0]) & FACTS,
    )


def _spoken(text: Text | Short) -> Iterator[tuple[str, tuple[str, ...]]]:
    for key in ("id", "id_casual", "id_formal", "en"):
        variants = getattr(text, key)
        if variants:
            yield key, variants


def _problems(file: Path, read: PartFile, lines: Mapping[Place, int], topics: set[str]) -> Iterator[Problem]:
    if file.stem != read.part:
        yield Problem(
            file, line_of(("part",), lines), f"this file is named {file.name}: its part must be `{file.stem}`"
        )
    first: dict[str, int] = {}
    for number, text in enumerate(read.texts):
        place: Place = ("texts", number)
        line = line_of(place, lines)
        if text.name in first:
            yield Problem(file, line, f"the text `{text.name}` stands twice (first on line {first[text.name]})")
        first.setdefault(text.name, line)
        for topic in sorted(text.when.topics):
            if topic not in topics:
                at = line_of((*place, "when", "topics"), lines)
                yield Problem(file, at, f"`{topic}` is no topic of {TOPICS_FILE}{nearest(topic, topics)}")
        for slot in sorted(text.when.has):
            if slot not in SLOTS:
                at = line_of((*place, "when", "has"), lines)
                yield Problem(file, at, f"`{slot}` is no slot{nearest(slot, SLOTS)}")
        yield from _faults(file, text, place, lines)


def _faults(file: Path, text: Text, place: Place, lines: Mapping[Place, int]) -> Iterator[Problem]:
    """Variants that do not render, and variants that state other facts than the first one."""
    stated: frozenset[str] | None = None
    for key, variants in _spoken(text):
        for number, variant in enumerate(variants):
            line = line_of((*place, key, number), lines)
            found = list(faults(file, line, variant, SLOTS))
            yield from found
            if found:
                continue
            here = named_in(variant) & FACTS
            if stated is not None and here != stated:
                differ = ", ".join(sorted(here ^ stated))
                yield Problem(file, line, f"every variant of `{text.name}` states the same facts; {differ} differs")
            stated = here if stated is None else stated
    for key, variants in _spoken(text.short) if text.short else ():
        for number, variant in enumerate(variants):
            yield from faults(file, line_of((*place, "short", key, number), lines), variant, SLOTS)
