"""What the desk shows in Slack, as data: filled from the rows by `tasks`, drawn as blocks by the modules beside it.

Words of customers stand here as they are; whoever draws them escapes them. What is covered is covered already.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

Language = Literal["id", "en"]


@dataclass(frozen=True)
class GateStands:
    """How one gate of the round stands."""

    gate: str
    state: str
    """`open`, `decided`, `void`, `withdrawn`."""
    purpose: str = "wording"
    verdict: str | None = None
    by: str | None = None
    """A Slack user's id (`U…`), else the person's name on the desk."""
    at: datetime | None = None
    stands_in_for: str | None = None


@dataclass(frozen=True)
class Found:
    """A guardrail's finding in the draft."""

    rule: str
    level: str
    quote: str
    message: str
    suggestion: str = ""


@dataclass(frozen=True)
class GroundSeen:
    """A sentence of the draft with what it rests on, by its token and name (`article`, `late-parcel@3`)."""

    sentence: str
    ground: str
    ref: str
    facts: tuple[str, ...] = ()
    """What was filled into it: `case:reference`, `policy:answer_by`."""
    beside: bool = False
    """It stands in the private text beside a public one."""


@dataclass(frozen=True)
class AuthorSeen:
    """Who complains, their name covered, with reach and history with us."""

    name: str
    followers: int = 0
    verified: bool = False
    tier: str | None = None
    views: int = 0
    complaints_before: int = 0
    answered_before: int = 0
    unhappy_before: int = 0
    """Surveys that they answered with a bad score."""


@dataclass(frozen=True)
class Evidence:
    """A word or fact that the assessment rests on; `value`: what it speaks for there, such as which risk."""

    field: str
    quote: str
    value: str = ""


@dataclass(frozen=True)
class Card:
    """One review as its gate sees it."""

    review: int
    sha256: str
    reference: str
    gate: str
    purpose: str
    """`wording` or `facts`."""
    because: str
    """Why this gate is asked, in the policy's words."""
    language: Language
    severity: str | None
    severity_because: tuple[str, ...]
    """The rules and facts that graded it."""
    evidence: tuple[Evidence, ...]
    risks: tuple[str, ...]
    kind: str | None
    category: str | None
    remedy: str | None
    anger: int
    channel: str
    visibility: str
    """Of the complaint: `public` or `private`."""
    author: AuthorSeen
    opened_at: datetime
    complaint: str
    """What is answered; of what was masked, nothing."""
    messages: int
    """How many the customer wrote in all."""
    covered: bool
    """Whether personal data is covered, so that revealing shows more."""
    draft: str
    draft_author: str
    draft_kind: str
    draft_language: str
    findings: tuple[Found, ...]
    goes_to: str
    """The channel on which the draft would be published."""
    goes_visibility: str
    by_hand: bool
    """A person posts it: the channel takes nothing from a program."""
    publishable_until: datetime | None
    deadline: datetime
    late: bool
    escalated_to: str | None
    gates: tuple[GateStands, ...]
    """Every gate of the round, this one too."""
    typed_word: bool
    """An approval here is typed."""
    original_url: str | None
    run_url: str | None
    timeline_url: str | None
    state: str
    """Of this review: `open`, `decided`, `void`, `withdrawn`."""
    verdict: str | None = None
    decided_by: str | None = None
    decided_at: datetime | None = None
    note: str | None = None
    round_state: str = "open"
    void_why: str | None = None
    """The token of why the round is void: `edited`, `new_message`, `taken_over` …"""
    next_card: str | None = None
    """The address of the card that took this one's place."""
    taken_by: str | None = None
    """Who answers it themselves."""
    complaint_state: str = "in_review"
    published_url: str | None = None
    published_at: datetime | None = None
    translation: str | None = None
    """The complaint in the card's language, by a language model."""
    draft_translation: str | None = None
    """The draft in the card's language, by a language model: to be read, never sent."""
    companion: str | None = None
    """The private text that goes out beside a public draft, under the same approval."""
    ticket_url: str | None = None
    """The ticket of the company's own on which it stands."""
    grounds: tuple[GroundSeen, ...] = ()
    model: str | None = None
    """The language model that worded the draft."""
    masked: int = 0
    """How many of the messages that are answered their author took down, so that our copy was masked."""


@dataclass(frozen=True)
class TimelineLine:
    """One event of a complaint."""

    at: datetime
    name: str
    by: str
    facts: str
    note: str | None = None
    """The words of a note, where the event is one."""


@dataclass(frozen=True)
class MessageSeen:
    """One message of the talk, for those who may read it whole."""

    at: datetime
    inbound: bool
    visibility: str
    author: str
    text: str
    masked: bool = False
    """Taken down by its author, and our copy emptied."""


@dataclass(frozen=True)
class Waiting:
    """A review that waits, in a list."""

    review: int
    reference: str
    gate: str
    severity: str | None
    risks: tuple[str, ...]
    channel: str
    deadline: datetime
    late: bool
    excerpt: str
    card_url: str | None
    masked: bool = False


@dataclass(frozen=True)
class DecidedLine:
    """A decision that somebody made, in a list."""

    reference: str
    gate: str
    verdict: str
    at: datetime
    state: str
    """Of the complaint now."""


@dataclass(frozen=True)
class DeskState:
    """How the desk stands, in numbers."""

    open_reviews: int
    late_reviews: int
    late_complaints: int
    held: int
    by_hand: int
    """Deliveries that wait for a person."""
    stopped: tuple[str, ...]
    """Scopes in which nothing is published."""
    backlog: int
    """Cards and notices that still wait to be shown."""


@dataclass(frozen=True)
class Filters:
    """What somebody wants to see on their Home page."""

    gate: str | None = None
    severity: str | None = None
    late_only: bool = False


@dataclass(frozen=True)
class Home:
    """Somebody's Home page."""

    person: str
    known: bool
    """False: policy does not know this Slack user; `user_id` is what must be written down."""
    user_id: str
    gates: tuple[str, ...]
    language: Language
    filters: Filters
    waiting: tuple[Waiting, ...]
    more_waiting: int
    decided: tuple[DecidedLine, ...]
    desk: DeskState
    away_until: datetime | None = None
    cover: str | None = None
    covers_for: tuple[str, ...] = ()
    at: datetime | None = None
    """When this was read."""


@dataclass(frozen=True)
class CaseSeen:
    """One complaint in short, for `/tanggap case` and unfurled links."""

    reference: str
    state: str
    severity: str | None
    kind: str | None
    category: str | None
    risks: tuple[str, ...]
    channel: str
    owner: str | None
    opened_at: datetime
    answer_by: datetime | None
    late: bool
    excerpt: str
    gates: tuple[GateStands, ...] = ()
    cards: tuple[str, ...] = ()
    """Addresses of its open cards."""
    timeline_url: str | None = None
    held_why: str | None = None
    masked: bool = False
    """Whether its first message was masked."""


@dataclass(frozen=True)
class NoticeSeen:
    """Something to say once; `data` are the tokens that it was queued with."""

    kind: str
    language: Language
    data: dict[str, object] = field(default_factory=dict)
    reference: str | None = None
    gate: str | None = None
    severity: str | None = None
    deadline: datetime | None = None
    card_url: str | None = None
    waiting: tuple[Waiting, ...] = ()
    """For a digest."""
    desk: DeskState | None = None
