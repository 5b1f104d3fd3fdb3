"""Reads a story: what comes in, what people do, and what the desk must have done."""

import re
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from db.tables import EmergencyKind
from db.words import Gate, Verdict, Visibility
from policy.reading import PolicyError, read_yaml

PARTS = re.compile(r"(\d+)\s*([dhms])")
UNITS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}


class UnreadableStory(Exception):
    """The story cannot be told; the text says where and why."""


def _duration(said: object) -> object:
    """`90s`, `15m`, `2h`, `3d12h` as a length of time."""
    if isinstance(said, int) and not isinstance(said, bool) and said == 0:
        return timedelta(0)
    if isinstance(said, str) and said.strip():
        rest = PARTS.sub("", said.strip())
        if not rest.strip():
            return timedelta(seconds=sum(int(number) * UNITS[unit] for number, unit in PARTS.findall(said)))
    raise ValueError(f"`{said}` is no length of time; write 90s, 15m, 2h, 3d or 3d12h")


Duration = Annotated[timedelta, BeforeValidator(_duration)]


class Strict(BaseModel):
    """Unknown keys are mistakes."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Metrics(Strict):
    """How a post's reach changed."""

    of: str
    views: int | None = None
    likes: int | None = None
    replies: int | None = None
    shares: int | None = None


class Of(Strict):
    """A message by its external id."""

    of: str


class Draft(Strict):
    """Somebody proposes a reply."""

    of: str
    by: str
    text: str
    visibility: Visibility | None = None


class Decide(Strict):
    """Somebody decides at a gate."""

    of: str
    gate: Gate
    verdict: Verdict
    by: str
    note: str | None = None


class Resolve(Strict):
    """The private talk solved it."""

    of: str
    by: str
    summary: str


class Declare(Strict):
    """A person declares the suspected incident."""

    of: str
    by: str


class LegalRoad(Strict):
    """Somebody opens the legal road, answers its checklist, proposes what it ends in, or withdraws it."""

    of: str
    by: str
    open: str | None = None
    answers: dict[str, str] = Field(default_factory=dict)
    text: str | None = None
    outcome: Literal["letter", "statement"] = "letter"
    withdraw: str | None = None

    @model_validator(mode="after")
    def _one_step(self) -> "LegalRoad":
        if sum((self.open is not None, bool(self.answers), self.text is not None, self.withdraw is not None)) != 1:
            raise ValueError("a legal road needs one of `open`, `answers`, `text`, `withdraw`")
        return self


class Emergency(Strict):
    """Somebody calls Legal and an executive, or one of them says that they know."""

    of: str
    by: str
    kind: EmergencyKind | None = None
    what: str = "-"
    court_on: date | None = None
    acknowledge: bool = False

    @model_validator(mode="after")
    def _one_step(self) -> "Emergency":
        if (self.kind is None) is not self.acknowledge:
            raise ValueError("an emergency needs `kind`, or `acknowledge: true`")
        return self


class LegalHold(Strict):
    """Somebody puts a legal hold on, or Legal takes it off."""

    of: str
    by: str
    hold: bool
    reason: str


class Breach(Strict):
    """Somebody starts the clock of a breach notice, tells who was notified, or dismisses it."""

    of: str
    by: str
    notified: str | None = None
    dismiss: str | None = None


class Survey(Strict):
    """The customer answers the survey."""

    of: str
    score: int = Field(ge=1, le=5)
    comment: str | None = None


class Entry(Strict):
    """One line of the timeline: an instant, and one thing that happens."""

    after: Duration
    message: dict[str, Any] | None = None
    metrics: Metrics | None = None
    removed: Of | None = None
    draft: Draft | None = None
    decide: Decide | None = None
    resolve: Resolve | None = None
    declare: Declare | None = None
    legal_road: LegalRoad | None = None
    emergency: Emergency | None = None
    legal_hold: LegalHold | None = None
    breach: Breach | None = None
    survey: Survey | None = None

    @model_validator(mode="after")
    def _one_thing(self) -> "Entry":
        if len(self.model_fields_set - {"after"}) != 1:
            raise ValueError("a line of the timeline needs `after` and exactly one thing that happens")
        return self

    @property
    def happens(self) -> Any:
        """The one thing."""
        name = next(iter(self.model_fields_set - {"after"}))
        return getattr(self, name)


class Expectation(BaseModel):
    """What must, or must never, have happened; further keys must equal the event's."""

    model_config = ConfigDict(extra="allow", frozen=True)

    of: str
    event: str | None = None
    never: str | None = None
    assessed: dict[str, Any] | None = None
    state: str | None = None
    within: Duration | None = None
    before: str | None = None
    containing: str | None = None
    text: str | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> "Expectation":
        kinds = [name for name in ("event", "never", "assessed", "state") if getattr(self, name) is not None]
        if len(kinds) != 1:
            raise ValueError("an expectation needs one of `event`, `never`, `assessed`, `state`")
        return self

    @property
    def others(self) -> dict[str, Any]:
        """The keys that must equal the event's."""
        return dict(self.model_extra or {})


class Story(Strict):
    """One story with a clock."""

    name: str
    seed: str | None = None
    about: str = ""
    start: datetime
    until: Duration | None = None
    company: dict[str, Any] | None = None
    timeline: tuple[Entry, ...]
    expect: tuple[Expectation, ...] = ()

    @model_validator(mode="after")
    def _in_order(self) -> "Story":
        if self.start.tzinfo is None:
            raise ValueError("`start` needs a time zone, such as 2026-03-02T09:00:00+07:00")
        known: set[str] = set()
        last = timedelta(0)
        for number, entry in enumerate(self.timeline, 1):
            if entry.after < last:
                raise ValueError(f"line {number} of the timeline happens before the one above it")
            last = entry.after
            if entry.message is not None:
                known.add(str(entry.message.get("external_id")))
            elif entry.happens.of not in known:
                raise ValueError(f"line {number} of the timeline is about `{entry.happens.of}`, which has not come in")
        for expectation in self.expect:
            if expectation.of not in known:
                raise ValueError(f"an expectation is about `{expectation.of}`, which never comes in")
        return self


def read_story(file: Path) -> Story:
    """Read a story.

    Raises:
        UnreadableStory: the file is missing, no YAML, or no story; says the line.
    """
    try:
        data, lines = read_yaml(file)
    except PolicyError as error:
        raise UnreadableStory(str(error)) from error
    try:
        return Story.model_validate(data)
    except ValidationError as error:
        said = []
        for found in error.errors():
            place = tuple(found["loc"])
            while place and place not in lines:
                place = place[:-1]
            name = ".".join(str(part) for part in found["loc"])
            said.append(
                f"{file}:{lines.get(place, 1)}: {name or 'the story'}: {found['msg'].removeprefix('Value error, ')}"
            )
        raise UnreadableStory("\n".join(said)) from error
