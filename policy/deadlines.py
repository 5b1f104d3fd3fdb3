"""By when something must have happened, and the arithmetic behind it.

An answer is due at the earliest of the company's promise, a regulator's term and the platform's reply window; a review
is due before its answer. Reminders and escalations keep to opening hours wherever the promise itself does.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

from pydantic import Field, field_validator, model_validator

from db.words import Category, Gate, Severity
from policy.calendar import Calendar
from policy.durations import Length, Span, Wall, parse_wall, spoken
from policy.reading import Contradiction, Rules


@dataclass(frozen=True)
class Deadline:
    """A moment (UTC) and, line by line for people, how it came about."""

    at: datetime
    steps: tuple[str, ...]


class RegulatorTerm(Rules):
    """A term that a law sets for answers, whatever the company promises."""

    name: str = Field(min_length=1)
    """The law and its article, as it shall stand in the explanation."""
    within: Length
    in_force: bool = True
    since: date | None = None
    """Complaints that came earlier are not under it."""
    categories: tuple[Category, ...] = ()
    """Empty: complaints of every category."""
    channels: tuple[str, ...] = ()
    """Empty: complaints from every channel."""


class Holding(Rules):
    """The pre-approved reply that is sent instead of silence when an answer is about to be late."""

    send: bool = True
    before: Wall = timedelta(0)
    """How long before the answer's deadline it leaves."""
    at_most: int = Field(default=1, ge=0)
    """How many a complaint gets at most."""


class Suspicion(Rules):
    """How long a suspected incident may stay undecided, and when that escalates further."""

    within: Wall
    escalation: tuple[Wall, ...] = ()
    """Delays after that deadline, one a name of the `executive` gate's escalation."""


class Deadlines(Rules):
    """Every promise of time that the company makes, by severity."""

    acknowledge: dict[Severity, Wall]
    question_acknowledged_from: Wall
    """A question is acknowledged only if its answer will take longer than this."""
    first_answer: dict[Severity, Length]
    review: dict[Severity, dict[Gate, Length]]
    held: dict[Severity, Length]
    reminders: dict[Severity, tuple[str, ...]]
    """When a reviewer is reminded: `50%` of the way, or `10m before` the deadline."""
    escalation: dict[Severity, tuple[Length, ...]]
    """Delays after the deadline at which the next name is called, one a level."""
    holding: Holding = Holding()
    suspicion: Suspicion
    regulator_terms: tuple[RegulatorTerm, ...] = ()

    @field_validator("reminders")
    @classmethod
    def _readable(cls, reminders: dict[Severity, tuple[str, ...]]) -> dict[Severity, tuple[str, ...]]:
        for written in (one for several in reminders.values() for one in several):
            _reminder(written)
        return reminders

    @model_validator(mode="after")
    def _complete(self) -> "Deadlines":
        for name in ("acknowledge", "first_answer", "review", "held", "reminders", "escalation"):
            missing = [severity.value for severity in Severity if severity not in getattr(self, name)]
            if missing:
                raise ValueError(f"`{name}` says nothing of {', '.join(missing)}")
        return self

    def keeps_hours(self, severity: Severity) -> bool:
        """Whether this severity's promises count working time only; else its people are called at night too."""
        return self.first_answer[severity].working

    def contradictions(self) -> Iterator[Contradiction]:
        """Graver but slower, a review longer than its answer, a reminder at or after its deadline, and their like."""
        spans: dict[str, Mapping[Severity, Span]] = {
            "acknowledge": {severity: Span(length) for severity, length in self.acknowledge.items()},
            "first_answer": self.first_answer,
            "held": self.held,
        }
        for name, by_severity in spans.items():
            for graver, milder in _pairs():
                if by_severity[graver].least > by_severity[milder].least:
                    message = (
                        f"`{name}` gives {graver} more time ({by_severity[graver]}) than {milder} "
                        f"({by_severity[milder]}); the graver one must not wait longer"
                    )
                    yield (name, graver.value), message
        yield from self._review_contradictions()
        for severity, several in self.reminders.items():
            shortest = min((span.least for span in self.review[severity].values()), default=None)
            for index, written in enumerate(several):
                why = _useless(written, shortest)
                if why:
                    yield ("reminders", severity.value, index), f"reminder `{written}` of {severity} {why}"
        for severity, delays in self.escalation.items():
            if any(later.least <= earlier.least for earlier, later in pairwise(delays)):
                yield (
                    ("escalation", severity.value),
                    f"escalation of {severity} must go from the shortest delay to the longest, each once",
                )
        if any(
            later <= earlier
            for earlier, later in zip(self.suspicion.escalation, self.suspicion.escalation[1:], strict=False)
        ):
            yield ("suspicion", "escalation"), "escalation must go from the shortest delay to the longest, each once"
        least_answer = min(span.least for span in self.first_answer.values())
        if self.holding.send and self.holding.before >= least_answer:
            yield (
                ("holding", "before"),
                f"the holding reply would leave {spoken(self.holding.before)} before the deadline, but the shortest "
                f"promise is {spoken(least_answer)}; make it shorter",
            )

    def _review_contradictions(self) -> Iterator[Contradiction]:
        for severity, by_gate in self.review.items():
            missing = [gate.value for gate in Gate if gate not in by_gate]
            if missing:
                yield ("review", severity.value), f"review of {severity} says nothing of the gate {', '.join(missing)}"
            promise = self.first_answer[severity]
            for gate, span in by_gate.items():
                if span.least > promise.least:
                    yield (
                        ("review", severity.value, gate.value),
                        f"a review by {gate} may last {span}, but the answer of {severity} is due within {promise}",
                    )
        for graver, milder in _pairs():
            for gate in Gate:
                first, second = self.review[graver].get(gate), self.review[milder].get(gate)
                if first is not None and second is not None and first.least > second.least:
                    yield (
                        ("review", graver.value, gate.value),
                        f"`review` gives {gate} more time for {graver} ({first}) than for {milder} ({second})",
                    )


def acknowledge_deadline(received: datetime, severity: Severity, rules: Deadlines) -> Deadline:
    """By when the complainant must have been told that the complaint arrived (wall clock)."""
    length = rules.acknowledge[severity]
    at = received.astimezone(UTC) + length
    return Deadline(at, (f"acknowledgement of {severity}: {spoken(length)} after it came",))


def answer_deadline(
    received: datetime,
    severity: Severity,
    rules: Deadlines,
    calendar: Calendar,
    window_until: datetime | None = None,
    *,
    category: Category | None = None,
    channel: str | None = None,
) -> Deadline:
    """The earliest of the promise (policy), every regulator's term in force and the platform's reply window.

    Meta lets a business answer for 24 h, seven days with the human-agent tag (Messenger Platform policy); the window
    comes from the channel, since it moves with each message of the customer.
    """
    promise = rules.first_answer[severity]
    end, counted = calendar.add(received, promise)
    steps = [f"came {calendar.said(received)}", f"promise for {severity}: {promise}", *counted]
    ends = [("the promise", end)]
    steps.append(f"the promise ends {calendar.said(end)}")
    for term in rules.regulator_terms:
        if not _applies(term, received, calendar, category, channel):
            continue
        end, counted = calendar.add(received, term.within)
        steps += [f"{term.name}: {term.within}", *counted, f"that term ends {calendar.said(end)}"]
        ends.append((term.name, end))
    return _earliest(ends, window_until, steps, calendar)


def review_deadline(
    opened: datetime,
    severity: Severity,
    gate: Gate,
    rules: Deadlines,
    calendar: Calendar,
    answer_by: datetime,
    window_until: datetime | None = None,
) -> Deadline:
    """By when a gate must have decided: its own time, but not later than the answer is due.

    An answer that is late already no longer shortens the review: a deadline that lies behind helps nobody. The same
    holds for a reply window that has closed.
    """
    length = rules.review[severity][gate]
    end, counted = calendar.add(opened, length)
    steps = [f"opened {calendar.said(opened)}", f"review of {severity} by {gate}: {length}", *counted]
    steps.append(f"that ends {calendar.said(end)}")
    ends = [("the review's own time", end)]
    if answer_by > opened:
        ends.append(("the answer's deadline", answer_by.astimezone(UTC)))
        steps.append(f"the answer is due {calendar.said(answer_by)}")
    else:
        steps.append("the answer is late already, so only the review's own time counts")
    window = window_until if window_until is not None and window_until > opened else None
    return _earliest(ends, window, steps, calendar)


def held_deadline(held: datetime, severity: Severity, rules: Deadlines, calendar: Calendar) -> Deadline:
    """By when somebody must have taken a held complaint one of its three ways out."""
    length = rules.held[severity]
    end, counted = calendar.add(held, length)
    return Deadline(end, (f"held {calendar.said(held)}", f"held complaints of {severity}: {length}", *counted))


def suspicion_deadline(suspected: datetime, rules: Deadlines, calendar: Calendar) -> Deadline:
    """By when a suspected incident must have been declared or dismissed (wall clock)."""
    length = rules.suspicion.within
    end = suspected.astimezone(UTC) + length
    return Deadline(end, (f"suspected {calendar.said(suspected)}", f"to be decided within {spoken(length)}"))


def suspicion_escalations(deadline: datetime, rules: Deadlines) -> list[datetime]:
    """When each next name is called about an undecided suspicion (UTC, in order)."""
    return [deadline.astimezone(UTC) + delay for delay in rules.suspicion.escalation]


def holding_reply_at(answer_by: datetime, rules: Deadlines) -> datetime | None:
    """When the holding reply leaves if no answer has; None where policy sends none."""
    return answer_by.astimezone(UTC) - rules.holding.before if rules.holding.send else None


def reminder_times(
    opened: datetime, deadline: datetime, severity: Severity, rules: Deadlines, calendar: Calendar
) -> list[datetime]:
    """When the reviewer is reminded (UTC, in order), strictly between the opening and the deadline.

    Where the promise counts working time, a part of the way is a part of the working time, and a moment outside opening
    hours moves to the next opening, or is left out if that is too late.
    """
    times: set[datetime] = set()
    for written in rules.reminders[severity]:
        part, before = _reminder(written)
        if before is not None:
            at = deadline.astimezone(UTC) - before
        elif rules.keeps_hours(severity):
            at = calendar.add_working(opened, calendar.working_between(opened, deadline) * part)[0]
        else:
            at = opened.astimezone(UTC) + (deadline - opened) * part
        if rules.keeps_hours(severity):
            at = calendar.next_opening(at)
        if opened < at < deadline:
            times.add(at)
    return sorted(times)


def escalation_times(deadline: datetime, severity: Severity, rules: Deadlines, calendar: Calendar) -> list[datetime]:
    """When each next name is called after the deadline passed (UTC, in order), the first for level 1."""
    times = []
    for delay in rules.escalation[severity]:
        at = calendar.add(deadline, delay)[0]
        times.append(calendar.next_opening(at) if rules.keeps_hours(severity) else at)
    return times


def _earliest(
    ends: list[tuple[str, datetime]], window_until: datetime | None, steps: list[str], calendar: Calendar
) -> Deadline:
    if window_until is not None:
        ends.append(("the platform's reply window", window_until.astimezone(UTC)))
        steps.append(f"the platform lets us reply until {calendar.said(window_until)}")
    name, at = min(ends, key=lambda end: end[1])
    if len(ends) > 1:
        steps.append(f"the earliest counts: {name}, {calendar.said(at)}")
    return Deadline(at, tuple(steps))


def _applies(
    term: RegulatorTerm, received: datetime, calendar: Calendar, category: Category | None, channel: str | None
) -> bool:
    if not term.in_force or (term.since is not None and received.astimezone(calendar.zone).date() < term.since):
        return False
    if term.categories and category not in term.categories:
        return False
    return not term.channels or channel in term.channels


def _reminder(written: str) -> tuple[float, timedelta | None]:
    """The part of the way, or the time before the deadline."""
    text = written.strip()
    if text.endswith("%") and text[:-1].isdecimal():
        return int(text[:-1]) / 100, None
    if text.endswith(" before"):
        return 0.0, parse_wall(text.removesuffix(" before"))
    raise ValueError(f"`{written}` is no reminder; write it like 50% (of the way) or 10m before")


def _useless(written: str, shortest: timedelta | None) -> str | None:
    part, before = _reminder(written)
    if before is None:
        return None if 0 < part < 1 else "does not lie between the opening and the deadline; use 1% to 99%"
    if before <= timedelta(0):
        return "comes at the deadline, when it is too late"
    if shortest is not None and before >= shortest:
        return f"comes before the review opens, which may be as short as {spoken(shortest)}"
    return None


def _pairs() -> Iterable[tuple[Severity, Severity]]:
    """Each severity with the next milder one."""
    return pairwise(sorted(Severity, key=lambda severity: severity.rank))
