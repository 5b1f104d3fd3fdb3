"""Where the law comes in: the legal road's checklist and times, the emergency referral, the clock of a breach notice.

The seeds of this: a hospital, a tea seller and an outdoor brand answered complaints with the law, and what people
remember of them is that. So the road is long on purpose, and what stands at its end is no threat.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from db.words import Gate, Visibility
from policy.durations import Wall, spoken
from policy.reading import Contradiction, PolicyError, Problem, Rules, read_rules

GATES = (Gate.PR, Gate.LEGAL, Gate.EXECUTIVE)
"""Three gates, three people, whatever routing.yaml or `one_person_two_gates` says."""
LEAST_COOLING = timedelta(hours=72)
"""Anger is gone after three days; the database holds it too."""
MUST_BE_ASKED = ("talked_privately", "what_they_said", "our_documents", "who_was_harmed", "what_the_public_sees")
LEAST_LETTERS = 15
"""A shorter answer to the checklist is none."""
TIMES_AGAIN = 60
"""So often the last name is called again; by then people have found each other."""

Outcome = Literal["letter", "statement"]
VISIBILITY: dict[Outcome, Visibility] = {"letter": Visibility.PRIVATE, "statement": Visibility.PUBLIC}
"""What a legal road may end in: a private letter, or a statement of facts in public."""


class Said(Rules):
    """The same in Indonesian and in English."""

    id: str = Field(min_length=1)
    en: str = Field(min_length=1)

    def of(self, language: str) -> str:
        """In this language."""
        return self.en if language == "en" else self.id


class Question(Rules):
    """One question of the checklist."""

    question: str = Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")
    """Its name, for the command line and the timeline."""
    asks: Said


class Road(Rules):
    """The legal road."""

    cooling_off: Wall = Field(ge=LEAST_COOLING)
    lapses_after: Wall = Field(ge=timedelta(days=1))
    checklist: tuple[Question, ...]

    @property
    def questions(self) -> tuple[str, ...]:
        """The names of what must be answered."""
        return tuple(one.question for one in self.checklist)

    def missing(self, answered: Iterable[str]) -> tuple[str, ...]:
        """What nobody has answered yet."""
        known = set(answered)
        return tuple(question for question in self.questions if question not in known)


class Emergency(Rules):
    """The emergency referral."""

    acknowledge_within: Wall = Field(gt=timedelta(0))
    escalation: tuple[Wall, ...] = Field(min_length=1)
    again: Wall = Field(ge=timedelta(minutes=5))
    hold: bool = True


class BreachNotice(Rules):
    """The clock of a breach notice."""

    within: Wall = Field(gt=timedelta(0))
    source: str = Field(min_length=1)
    confirmed_by: str = ""
    notify: tuple[str, ...] = Field(min_length=1)
    starts_itself: tuple[str, ...] = ()
    reminders: tuple[Wall, ...] = ()
    escalation: tuple[Wall, ...] = Field(min_length=1)
    again: Wall = Field(ge=timedelta(hours=1))

    @field_validator("notify")
    @classmethod
    def _tokens(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if not re.fullmatch(r"[a-z][a-z0-9_]{0,39}", name):
                raise ValueError(f"`{name}` is no name for whom to notify; lower case letters, digits and _")
        if len(set(names)) < len(names):
            raise ValueError("somebody stands in it twice")
        return names

    @cached_property
    def _alleging(self) -> re.Pattern[str] | None:
        words = "|".join(re.escape(word.casefold()).replace(r"\ ", r"\s+") for word in self.starts_itself)
        return re.compile(rf"(?<!\w)(?:{words})") if words else None

    def alleges(self, text: str) -> bool:
        """Whether a text that speaks of personal data says that they got out."""
        return self._alleging is not None and self._alleging.search(text.casefold()) is not None


class LegalRules(Rules):
    """What stands in legal_road.yaml."""

    road: Road
    emergency: Emergency
    breach: BreachNotice

    def contradictions(self) -> Iterator[Contradiction]:
        """A checklist without what must be asked, and reminders of a term that is over."""
        questions = self.road.questions
        for must in MUST_BE_ASKED:
            if must not in questions:
                yield ("road", "checklist"), f"must ask `{must}`; add your own questions beside it"
        for index, name in enumerate(questions):
            if name in questions[:index]:
                yield ("road", "checklist", index), f"`{name}` is asked twice"
        for index, before in enumerate(self.breach.reminders):
            if not timedelta(0) < before < self.breach.within:
                message = f"does not lie within the term ({spoken(self.breach.within)} from when it was known)"
                yield ("breach", "reminders", index), message


@dataclass(frozen=True)
class Times:
    """When something is reminded of and escalated."""

    reminders: tuple[datetime, ...]
    escalations: tuple[datetime, ...]

    def next_after(self, now: datetime) -> datetime | None:
        """The first of them that lies ahead."""
        return min((at for at in (*self.reminders, *self.escalations) if at > now), default=None)


def emergency_times(deadline: datetime, rules: Emergency) -> Times:
    """When each next name is called about an emergency that nobody of a gate has acknowledged."""
    return Times((), _escalations(deadline, rules.escalation, rules.again))


def breach_times(known: datetime, due: datetime, rules: BreachNotice) -> Times:
    """When Legal is told of a breach notice, at once and then before it is due, and when the next names are called."""
    reminders = sorted(at for before in rules.reminders if (at := due - before) > known)
    return Times((known, *reminders), _escalations(due, rules.escalation, rules.again))


def _escalations(deadline: datetime, delays: Iterable[timedelta], again: timedelta) -> tuple[datetime, ...]:
    named = sorted(deadline + delay for delay in delays)
    return (*named, *(named[-1] + again * time for time in range(1, TIMES_AGAIN + 1)))


class Precedent(Rules):
    """A company that answered complaints with the law, or did not: what it did, what that cost, what was better."""

    title: Said
    year: int = Field(ge=1900, le=2100)
    source: str = Field(min_length=1)
    did: Said
    cost: Said
    better: Said


def read_precedents(directory: Path) -> tuple[Precedent, ...]:
    """Every `*.yaml` of the directory, the newest case first.

    Raises:
        PolicyError: there is none, or with everything wrong in any of the files.
    """
    found: list[Precedent] = []
    problems: list[Problem] = []
    for file in sorted(directory.glob("*.yaml")):
        try:
            found.append(read_rules(file, Precedent))
        except PolicyError as error:
            problems.extend(error.problems)
    if problems:
        raise PolicyError(problems)
    if not found:
        raise PolicyError([Problem(directory, 1, "has no precedent; whoever opens a legal road reads at least one")])
    return tuple(sorted(found, key=lambda precedent: -precedent.year))
