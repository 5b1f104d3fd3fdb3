"""What goes into the guardrails and what comes out of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from db.words import Category, Kind, Risk, Visibility

Level = Literal["block", "warn"]


@dataclass(frozen=True)
class EarlierText:
    """A text of ours that was sent or approved before. `what` names it for people: `reply of 3 August in TG-1042`.

    `others`: it went to somebody else in the same incident.
    """

    what: str
    text: str
    others: bool = False


@dataclass(frozen=True)
class DraftText:
    """A reply before anybody approves it, with what is known about the message it answers.

    `complaint` is the customer's text, `facts` what is known to be true, `statement` the incident's one answer. `kind`
    is the kind of the message answered; without it a draft that comes with a complaint or a category answers one.
    `earlier` is what we said before in the same matter, oldest first.
    """

    text: str
    id: str | None = None
    visibility: Visibility = Visibility.PUBLIC
    channel: str | None = None
    complaint: str | None = None
    lang: str | None = None
    category: Category | str | None = None
    risks: Sequence[Risk | str] = ()
    facts: Sequence[str] = ()
    statement: str | None = None
    kind: Kind | None = None
    earlier: Sequence[EarlierText] = ()
    unproven: Sequence[tuple[int, int]] = ()
    """Where sentences stand that rest on nothing: what they claim is a finding."""

    @property
    def known(self) -> str:
        """What a claim may rest on: the facts and the incident's statement."""
        return " ".join([*self.facts, self.statement or ""])

    @property
    def answers_complaint(self) -> bool:
        """Whether the rules on tone apply."""
        if self.kind is not None:
            return self.kind is Kind.COMPLAINT
        return bool(self.complaint or self.category)

    @property
    def private(self) -> bool:
        """Whether only the customer reads it."""
        return self.visibility == Visibility.PRIVATE


@dataclass(frozen=True)
class Hit:
    """A place that a rule found: code points of the draft as given, half-open; `what` names the sort of thing.

    `level` is another one than the rule's, where this hit weighs less.
    """

    start: int
    end: int
    what: str | None = None
    level: Level | None = None


@dataclass(frozen=True)
class Finding:
    """A hit with what to tell its author; `quote` is `text[start:end]` of the draft as given.

    `rule` and `what` (the sort of thing found) are enough to word it again for another reader (`worded`).
    """

    rule: str
    level: Level
    start: int
    end: int
    quote: str
    message: str
    suggestion: str
    what: str | None = None


class Limits(Protocol):
    """How long a text may be on a channel, in the channel's own measure; None is no limit."""

    @property
    def hard_limit(self) -> int | None: ...
    @property
    def comfortable_limit(self) -> int | None: ...


class Owner(Protocol):
    """What the company owns: none of it is personal data."""

    @property
    def names(self) -> tuple[str, ...]: ...
    @property
    def domains(self) -> tuple[str, ...]: ...
    @property
    def addresses(self) -> tuple[str, ...]: ...
    def owns_email(self, e: str, /) -> bool: ...
    def owns_phone(self, p: str, /) -> bool: ...
    def owns_handle(self, h: str, /) -> bool: ...


ChannelLimits = Mapping[str, Limits]
