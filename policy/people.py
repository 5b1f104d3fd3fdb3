"""Who may decide, speak and act: people by gate, whom to call next, and what else is not for everybody.

A person is named by a short lower-case name (`cs-nia`, `pr.sari`). Policy names people one by one or by a pattern with
`*`; a pattern never stands for a person. Names of other forms are nobody's, so that no other spelling of a name passes
for a second person.
"""

import re
from collections.abc import Collection, Iterator
from fnmatch import fnmatchcase

from pydantic import Field, field_validator

from db.words import Gate
from policy.reading import Contradiction, Rules

ACTIONS = (
    "article",
    "article_publish",
    "article_withdraw",
    "assign",
    "away",
    "breach",
    "breach_end",
    "close",
    "correct",
    "declare",
    "dismiss",
    "draft",
    "emergency",
    "erase",
    "export",
    "legal_hold",
    "legal_road",
    "merge",
    "model",
    "note",
    "policy_approve",
    "posted",
    "publishing",
    "resend",
    "resolve",
    "same_person",
    "spam",
    "take_over",
)
"""What people do besides deciding; `actions` in people.yaml may restrict each."""

_PERSON = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}")
_PATTERN = re.compile(r"[a-z0-9*][a-z0-9._@*-]{0,63}")


class GatePeople(Rules):
    """The people of one gate."""

    members: tuple[str, ...] = Field(min_length=1)
    """Names or patterns; they may decide here."""
    escalation: tuple[str, ...] = ()
    """Whom to call when a deadline passed, in this order; being named, they may decide here too."""
    stand_in: Gate
    """Which gate looks instead where the only member has written the words himself."""

    @field_validator("members")
    @classmethod
    def _patterns(cls, members: tuple[str, ...]) -> tuple[str, ...]:
        return _checked(members)

    @field_validator("escalation")
    @classmethod
    def _named(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if not _PERSON.fullmatch(name):
                raise ValueError(f"`{name}` is no person's name; escalation calls people by name: lower case, no `*`")
        if len(set(names)) < len(names):
            raise ValueError("escalation names somebody twice; each next name must be another person")
        return names


class People(Rules):
    """Everybody the desk knows, and what each may do."""

    gates: dict[Gate, GatePeople]
    others: tuple[str, ...] = ()
    """People of no gate who may act (note, assign, …), such as operations."""
    actions: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Who may do what: gates, names or patterns. What is not listed here is for every known person."""
    speakers: dict[str, tuple[str, ...]]
    """Which persons an operating-system user or token may speak for (`--as`); `*` is anybody."""
    covers: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Who may decide in the place of somebody who is away: for a person's name, gates, names or patterns."""
    one_person_two_gates: bool = False
    """Whether one person may decide two gates of the same round."""

    @field_validator("others")
    @classmethod
    def _patterns(cls, others: tuple[str, ...]) -> tuple[str, ...]:
        return _checked(others)

    @field_validator("actions")
    @classmethod
    def _known_actions(cls, actions: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        for action, who in actions.items():
            if action not in ACTIONS:
                raise ValueError(f"`{action}` is no action; they are {', '.join(ACTIONS)}")
            _checked(who)
        return actions

    @field_validator("covers")
    @classmethod
    def _covering(cls, covers: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        for person, who in covers.items():
            _checked((person,))
            _checked(who)
        return covers

    @field_validator("speakers")
    @classmethod
    def _speaking(cls, speakers: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        for persons in speakers.values():
            _checked(persons)
        return speakers

    def contradictions(self) -> Iterator[Contradiction]:
        """A gate without people, or one that stands in for itself."""
        missing = [gate.value for gate in Gate if gate not in self.gates]
        if missing:
            yield ("gates",), f"nobody belongs to the gate {', '.join(missing)}; name its members"
        for gate, people in self.gates.items():
            if people.stand_in is gate:
                yield ("gates", gate.value, "stand_in"), f"{gate} cannot stand in for itself; name another gate"

    def knows(self, person: str) -> bool:
        """Whether this is a person of the desk."""
        return bool(self.gates_of(person)) or _among(person, self.others)

    def gates_of(self, person: str) -> list[Gate]:
        """The gates at which this person may decide, in the order of the word list."""
        return [gate for gate in Gate if self.may_decide(person, gate)]

    def may_decide(self, person: str, gate: Gate) -> bool:
        """Whether this person may decide at this gate: a member of it, or named in its escalation."""
        people = self.gates.get(gate)
        return people is not None and (_among(person, people.members) or person in people.escalation)

    def may(self, person: str, action: str, gates: Collection[Gate] | None = None) -> bool:
        """Whether this known person may do this: by `actions`, else as everybody.

        `gates`: those that the person has, where more is known of that than stands here.
        """
        if not gates and not self.knows(person):
            return False
        allowed = self.actions.get(action)
        if allowed is None:
            return True
        known = self.gates_of(person) if gates is None else gates
        return any(name in allowed for name in known) or _among(person, allowed)

    def may_speak(self, user: str, person: str) -> bool:
        """Whether this operating-system user or token may act under the person's name."""
        return any(_among(person, persons) for speaker, persons in self.speakers.items() if speaker in (user, "*"))

    def may_cover(self, cover: str, person: str, gates: Collection[Gate] | None = None) -> bool:
        """Whether policy lets one decide in the place of the other while they are away.

        `gates`: those that the cover has, where more is known of that than stands here.
        """
        allowed = [name for absent, who in self.covers.items() if _among(person, (absent,)) for name in who]
        known = self.gates_of(cover) if gates is None else gates
        return cover != person and (any(gate in allowed for gate in known) or _among(cover, tuple(allowed)))

    def stand_in(self, gate: Gate) -> Gate:
        """The gate that looks instead of this one where it has nobody else."""
        return self.gates[gate].stand_in

    def escalation(self, gate: Gate, level: int) -> str | None:
        """The name to call at this level, the first at 0; None beyond the last."""
        names = self.gates[gate].escalation
        return names[level] if 0 <= level < len(names) else None

    def other_member(self, gate: Gate, excluding: str | Collection[str]) -> bool | None:
        """Whether somebody besides these may decide at the gate.

        None: only patterns could tell, so it is not known whether there is another one.
        """
        people = self.gates[gate]
        away = {excluding} if isinstance(excluding, str) else set(excluding)
        named = {name for name in (*people.members, *people.escalation) if "*" not in name}
        if named - away:
            return True
        return None if any("*" in name for name in people.members) else False


def _among(person: str, patterns: Collection[str]) -> bool:
    return _PERSON.fullmatch(person) is not None and any(fnmatchcase(person, pattern) for pattern in patterns)


def _checked(patterns: tuple[str, ...]) -> tuple[str, ...]:
    for pattern in patterns:
        if not _PATTERN.fullmatch(pattern):
            raise ValueError(f"`{pattern}` is no name; names are lower case letters, digits and . _ @ -, `*` for any")
    return patterns
