"""Where reviewers meet in Slack, who is who there, and how long words stay there."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, field_validator

from db.words import Gate, Severity
from policy.durations import Wall
from policy.reading import Contradiction, Rules

Language = Literal["id", "en"]
Channel = Annotated[str, StringConstraints(pattern=r"^[CG][A-Z0-9]{2,}$")]
"""Slack's name of a channel, such as C0123ABCD: at the foot of a channel's details. Names with # can change."""
User = Annotated[str, StringConstraints(pattern=r"^[UW][A-Z0-9]{2,}$")]
Group = Annotated[str, StringConstraints(pattern=r"^S[A-Z0-9]{2,}$")]

TOKEN = "slack:"  # noqa: S105 – the first part of a name
"""What precedes a Slack user's id where it stands as the one who typed: `slack:U0123ABCD`."""


class GateInSlack(Rules):
    """How one gate works in Slack."""

    channel: Channel
    """Where its cards stand."""
    language: Language | None = None
    """In which its cards are written; None: the desk's."""
    group: Group | None = None
    """A user group whose members belong to the gate, beside those that people.yaml names."""


class Confirm(Rules):
    """Where a click is not enough: the reviewer types the complaint's reference."""

    gates: tuple[Gate, ...] = ()
    severities: tuple[Severity, ...] = ()


class Notices(Rules):
    """What the desk says in Slack beside its cards."""

    at_once: tuple[Severity, ...] = ()
    """Severities whose reminders and escalations go out at night too; the others wait for the desk to open."""
    digest: bool = True
    """What waits, in each gate's channel when the working day starts."""


class Staff(Rules):
    """Where everybody who speaks for the company reads what changed."""

    channel: Channel
    language: Language | None = None


class SlackRules(Rules):
    """The company's Slack."""

    language: Language = "id"
    """For channels without one, and for people whose language Slack does not tell."""
    gates: dict[Gate, GateInSlack] = Field(default_factory=dict)
    staff: Staff | None = None
    """None: changes of published facts stand in `tanggap changes` only."""
    people: dict[str, User] = Field(default_factory=dict)
    """Each person's name on this desk, and Slack's."""
    confirm: Confirm = Confirm()
    notices: Notices = Notices()
    group_fresh_for: Wall = timedelta(minutes=10)
    """So long a user group's members count as known; older, and Slack being away, nobody decides by that group."""
    words_kept_for: Wall = timedelta(days=30)
    """So long after its complaint closed a card keeps its words."""

    @field_validator("people")
    @classmethod
    def _one_each(cls, people: dict[str, str]) -> dict[str, str]:
        for name, user in people.items():
            if not re.fullmatch(r"[a-z0-9][a-z0-9._@-]{0,63}", name):
                raise ValueError(f"`{name}` is no person's name: lower case letters, digits and . _ @ -")
            twins = [other for other, theirs in people.items() if theirs == user and other != name]
            if twins:
                raise ValueError(f"{name} and {twins[0]} cannot both be {user}: one person has one name")
        return people

    def contradictions(self) -> Iterator[Contradiction]:
        """Two gates that would share a card's place, or words that vanish at once."""
        seen: dict[str, Gate] = {}
        for gate, there in self.gates.items():
            if there.group is not None and there.group in seen:
                yield ("gates", gate.value, "group"), f"is the group of {seen[there.group]} too; a gate needs its own"
            if there.group is not None:
                seen[there.group] = gate
        if self.words_kept_for <= timedelta(0):
            yield ("words_kept_for",), "would empty cards the moment a complaint closes; write a time such as 30d"

    @property
    def configured(self) -> bool:
        """Whether any gate has a channel."""
        return bool(self.gates)

    def channel_of(self, gate: Gate) -> str | None:
        """Where this gate's cards stand."""
        there = self.gates.get(gate)
        return there.channel if there else None

    def language_of(self, gate: Gate) -> Language:
        """In which this gate's cards are written."""
        there = self.gates.get(gate)
        return (there.language if there else None) or self.language

    def gates_at(self, channel: str) -> list[Gate]:
        """The gates whose cards stand in this channel."""
        return [gate for gate, there in self.gates.items() if there.channel == channel]

    def groups(self) -> dict[Gate, str]:
        """The user group of each gate that has one."""
        return {gate: there.group for gate, there in self.gates.items() if there.group is not None}

    def person_of(self, user: str) -> str:
        """The name of a Slack user on this desk; one whom nobody named is called as Slack does, in lower case."""
        return next((name for name, theirs in self.people.items() if theirs == user), user.lower())

    def user_of(self, person: str) -> str | None:
        """Slack's name of a person; None where nobody told."""
        named = self.people.get(person)
        if named is not None:
            return named
        return person.upper() if re.fullmatch(r"(?=.*\d)[uw][a-z0-9]{6,}", person) else None

    def speaks_for(self, typed_by: str, person: str) -> bool:
        """Whether this Slack user (`slack:U…`) is the person: in Slack everybody speaks for themselves alone."""
        return typed_by.startswith(TOKEN) and self.person_of(typed_by.removeprefix(TOKEN)) == person

    def needs_typed_word(self, gate: Gate, severity: Severity | None) -> bool:
        """Whether an approval at this gate is typed, not only clicked."""
        return gate in self.confirm.gates or severity in self.confirm.severities
