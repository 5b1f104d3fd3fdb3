"""Drafts, the rounds of review they go through, and the decisions."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlalchemy import text as literal
from sqlmodel import Field, SQLModel

from db.tables.columns import Id, Json, Moment, numbered, one_of
from db.words import DeliveryKind, Gate, Verdict, Visibility

MACHINE = "tanggap"
"""Who wrote what no person wrote."""


class RoundState(StrEnum):
    """How a round of reviews stands."""

    OPEN = "open"
    PASSED = "passed"
    CHANGES = "changes"
    REJECTED = "rejected"
    VOID = "void"


class ReviewState(StrEnum):
    """How one gate's look at a draft stands."""

    OPEN = "open"
    DECIDED = "decided"
    VOID = "void"
    WITHDRAWN = "withdrawn"


class Draft(SQLModel, table=True):
    """A text that may go out once its gates passed it. Its words never change: an edit is a new draft.

    `sha256` is over text, target, visibility and attachments (`db.fingerprint`); reviews and deliveries point at the
    pair of id and hash, so the database itself refuses an approval or a delivery of other words.
    """

    __tablename__ = "draft"
    __table_args__ = (
        UniqueConstraint("id", "sha256"),
        UniqueConstraint("id", "sha256", "author"),
        CheckConstraint("num_nonnulls(complaint_id, incident_id) = 1", name="of_a_complaint_or_an_incident"),
        Index("ix_draft_complaint", "complaint_id"),
    )

    id: int = numbered()
    complaint_id: int | None = Field(default=None, sa_type=Id, foreign_key="complaint.id")
    incident_id: int | None = Field(default=None, sa_type=Id, foreign_key="incident.id")
    kind: DeliveryKind = Field(sa_type=one_of(DeliveryKind, "kind"))
    author: str
    written_at: datetime = Field(sa_type=Moment)
    replaces_id: int | None = Field(default=None, sa_type=Id, foreign_key="draft.id")
    language: str
    channel: str
    account: str
    target: dict[str, Any] = Field(default_factory=dict, sa_type=Json)
    visibility: Visibility = Field(sa_type=one_of(Visibility, "visibility"))
    text: str
    attachments: list[dict[str, Any]] = Field(default_factory=list, sa_type=Json)
    sha256: str
    template: str | None = None
    states_facts: bool = False
    invites_private: bool = False
    findings: list[dict[str, Any]] = Field(default_factory=list, sa_type=Json)
    blocked: bool = False
    publishable_until: datetime | None = Field(default=None, sa_type=Moment)
    grounds: list[dict[str, Any]] = Field(
        default_factory=list, sa_type=Json, sa_column_kwargs={"server_default": literal("'[]'")}
    )
    """What each sentence rests on: its span in `text`, the sort of ground and which one."""
    model: str | None = None
    """The language model that worded it; None where no machine but the desk's own parts did."""
    legal_road_id: int | None = Field(default=None, sa_type=Id, foreign_key="legal_road.id")
    """The legal road that it is the end of: three different people pass it, and the database counts them."""


class Round(SQLModel, table=True):
    """All the reviews that one draft needs, opened at once."""

    __tablename__ = "round"
    __table_args__ = (
        ForeignKeyConstraint(["draft_id", "sha256"], ["draft.id", "draft.sha256"]),
        UniqueConstraint("id", "draft_id"),
        CheckConstraint("num_nonnulls(complaint_id, incident_id) = 1", name="of_a_complaint_or_an_incident"),
        CheckConstraint("(state = 'open') = (settled_at IS NULL)", name="settled_has_a_time"),
        Index("uq_round_open_complaint", "complaint_id", unique=True, postgresql_where=text("state = 'open'")),
        Index("uq_round_open_incident", "incident_id", unique=True, postgresql_where=text("state = 'open'")),
        Index("ix_round_without_run", "id", postgresql_where=text("escalated AND state = 'open' AND run_id IS NULL")),
        Index("ix_round_to_wake", "id", postgresql_where=text("wake_due")),
        Index("ix_round_complaint", "complaint_id"),
    )

    id: int = numbered()
    complaint_id: int | None = Field(default=None, sa_type=Id, foreign_key="complaint.id")
    incident_id: int | None = Field(default=None, sa_type=Id, foreign_key="incident.id")
    draft_id: int = Field(sa_type=Id)
    sha256: str
    state: RoundState = Field(default=RoundState.OPEN, sa_type=one_of(RoundState, "state"))
    why: str | None = None
    opened_at: datetime = Field(sa_type=Moment)
    settled_at: datetime | None = Field(default=None, sa_type=Moment)
    escalated: bool = False
    """It has, or had, an open `pr`, `legal` or `executive` gate, so a flow run carries it."""
    run_id: str | None = None
    runs: int = 0
    wake_due: bool = False
    barred: list[str] = Field(default_factory=list, sa_type=Json)
    """People who decide nothing more in this round: they proposed its draft, which another one worded, or words that
    the guardrails blocked."""


class Review(SQLModel, table=True):
    """One gate's look at one draft. The first decision wins."""

    __tablename__ = "review"
    __table_args__ = (
        ForeignKeyConstraint(["draft_id", "sha256", "author"], ["draft.id", "draft.sha256", "draft.author"]),
        ForeignKeyConstraint(["round_id", "draft_id"], ["round.id", "round.draft_id"]),
        UniqueConstraint("round_id", "gate"),
        CheckConstraint(
            "(state = 'decided') = (decided_by IS NOT NULL AND decided_at IS NOT NULL AND verdict IS NOT NULL)",
            name="decided_by_a_person",
        ),
        CheckConstraint(
            "verdict IS DISTINCT FROM 'approve' OR decided_by <> author", name="nobody_approves_their_own_words"
        ),
        CheckConstraint("verdict IS NULL OR verdict = 'approve' OR note IS NOT NULL", name="refusals_say_why"),
        Index("ix_review_to_watch", "look_at", postgresql_where=text("state = 'open'")),
        Index("ix_review_round", "round_id"),
        Index("ix_review_decided", "decided_by", "decided_at", postgresql_where=text("decided_by IS NOT NULL")),
    )

    id: int = numbered()
    round_id: int = Field(sa_type=Id)
    draft_id: int = Field(sa_type=Id)
    sha256: str
    author: str
    """The draft's author, repeated so that the database can hold *nobody approves their own words*."""
    gate: Gate = Field(sa_type=one_of(Gate, "gate"))
    stands_in_for: Gate | None = Field(default=None, sa_type=one_of(Gate, "stands_in_for"))
    purpose: str = "wording"
    because: str = ""
    state: ReviewState = Field(default=ReviewState.OPEN, sa_type=one_of(ReviewState, "state"))
    opened_at: datetime = Field(sa_type=Moment)
    deadline: datetime = Field(sa_type=Moment)
    deadline_steps: list[str] = Field(default_factory=list, sa_type=Json)
    look_at: datetime | None = Field(default=None, sa_type=Moment)
    """When the next reminder or escalation is due; None: to be worked out."""
    reminded: int = 0
    escalated: int = 0
    escalated_to: str | None = None
    verdict: Verdict | None = Field(default=None, sa_type=one_of(Verdict, "verdict"))
    decided_by: str | None = None
    decided_at: datetime | None = Field(default=None, sa_type=Moment)
    typed_by: str | None = None
    note: str | None = None
    reusable: bool = Field(default=False, sa_column_kwargs={"server_default": literal("false")})
    """Approved, and worth giving again: the knowledge base may propose an article from it."""
