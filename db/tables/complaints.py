"""Complaints, what was found about them, and what people said to each other about them."""

import secrets
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index, LargeBinary, text
from sqlmodel import Field, SQLModel

from db.tables.columns import Id, Json, Moment, Words, numbered, one_of
from db.words import Category, Kind, Remedy, Severity, State, Visibility

FIRST_NUMBER = 1001
NONE_OF_THEM = {"server_default": text("'{}'")}
"""What a column of words holds in rows that were there before it."""
WAITING_STATES = "state IN ('assessed', 'drafting', 'in_review', 'held', 'approved') AND answer_by IS NOT NULL"


class Complaint(SQLModel, table=True):
    """An expectation that was breached, or whatever else came in and may yet become one.

    `state` changes in one place (`db.complaints.move`); `version` counts the changes; `events` and `head` are the
    length and the last hash of its chain of events.
    """

    __tablename__ = "complaint"
    __table_args__ = (
        CheckConstraint("(state = 'merged') = (merged_into IS NOT NULL)", name="merged_has_a_target"),
        CheckConstraint("merged_into <> id", name="not_merged_into_itself"),
        CheckConstraint("state <> 'held' OR (held_why IS NOT NULL AND held_until IS NOT NULL)", name="held_says_why"),
        CheckConstraint("version >= 0 AND events >= 0 AND reopened >= 0", name="counters"),
        CheckConstraint("anger BETWEEN 0 AND 3", name="anger"),
        Index("ix_complaint_to_answer", "id", postgresql_where=text("state IN ('assessed', 'drafting')")),
        Index("ix_complaint_to_watch", "look_at", postgresql_where=text(WAITING_STATES)),
        Index("ix_complaint_held", "held_until", postgresql_where=text("state = 'held'")),
        Index("ix_complaint_state", "state"),
        Index("ix_complaint_complainant", "complainant_id"),
        Index("ix_complaint_incident", "incident_id", postgresql_where=text("incident_id IS NOT NULL")),
        Index("ix_complaint_board", "opened_at", postgresql_where=text("on_board")),
        Index("uq_complaint_token", "token", unique=True),
    )

    id: int = numbered(FIRST_NUMBER)
    state: State = Field(default=State.NEW, sa_type=one_of(State, "state"))
    state_since: datetime = Field(sa_type=Moment)
    version: int = 0
    events: int = 0
    head: str = ""
    salt: bytes = Field(default_factory=lambda: secrets.token_bytes(16), sa_type=LargeBinary)
    """Digests of personal data in events are salted with it; forgetting the salt makes them say nothing."""
    token: str = Field(default_factory=lambda: secrets.token_urlsafe(24))
    """The unguessable part of the private tracking page's address."""
    opened_at: datetime = Field(sa_type=Moment)
    channel: str
    account: str
    visibility: Visibility = Field(sa_type=one_of(Visibility, "visibility"))
    complainant_id: int | None = Field(default=None, sa_type=Id, foreign_key="complainant.id")
    first_message_id: int | None = Field(default=None, sa_type=Id)
    kind: Kind | None = Field(default=None, sa_type=one_of(Kind, "kind"))
    category: Category | None = Field(default=None, sa_type=one_of(Category, "category"))
    remedy: Remedy | None = Field(default=None, sa_type=one_of(Remedy, "remedy"))
    severity: Severity | None = Field(default=None, sa_type=one_of(Severity, "severity"))
    risks: list[str] = Field(default_factory=list, sa_type=Words)
    anger: int = 0
    language: str = "id"
    addressed: bool = True
    corrected: list[str] = Field(default_factory=list, sa_type=Words)
    """Fields that a person set; a later assessment by the machine leaves them alone."""
    promised_at: datetime | None = Field(default=None, sa_type=Moment)
    """When the clock of the promise began: the arrival, a reopening, a further message."""
    answer_by: datetime | None = Field(default=None, sa_type=Moment)
    answer_steps: list[str] = Field(default_factory=list, sa_type=Json)
    """The deadline's arithmetic, step by step."""
    look_at: datetime | None = Field(default=None, sa_type=Moment)
    """When the time next brings something about (a reminder, an escalation); None: to be worked out."""
    reminded: int = 0
    escalated: int = 0
    owner: str | None = None
    held_why: str | None = None
    held_until: datetime | None = Field(default=None, sa_type=Moment)
    on_board: bool = False
    """Its author chose to make it public on the web board."""
    acknowledged_at: datetime | None = Field(default=None, sa_type=Moment)
    responded_at: datetime | None = Field(default=None, sa_type=Moment)
    resolved_at: datetime | None = Field(default=None, sa_type=Moment)
    resolution: str | None = None
    closed_at: datetime | None = Field(default=None, sa_type=Moment)
    closed_why: str | None = None
    reopened: int = 0
    merged_into: int | None = Field(default=None, sa_type=Id, foreign_key="complaint.id")
    incident_id: int | None = Field(default=None, sa_type=Id, foreign_key="incident.id")
    own_case: bool = False
    """A member of an incident that needs more than its statement: its own replies are not held."""
    unsure: list[str] = Field(default_factory=list, sa_type=Words, sa_column_kwargs=NONE_OF_THEM)
    """Fields of which the machine was not sure: a person decides them."""

    @property
    def reference(self) -> str:
        """What people call it: `TG-1042`."""
        return f"TG-{self.id}"


class Assessment(SQLModel, table=True):
    """What one message was found to be, by the machine or by a person, with the words it rests on."""

    __tablename__ = "assessment"
    __table_args__ = (
        Index("ix_assessment_complaint", "complaint_id"),
        Index("ix_assessment_message", "message_id"),
        CheckConstraint(
            "kind = 'complaint' OR (category IS NULL AND remedy IS NULL)", name="only_complaints_have_a_category"
        ),
    )

    id: int = numbered()
    complaint_id: int = Field(sa_type=Id, foreign_key="complaint.id")
    message_id: int = Field(sa_type=Id, foreign_key="message.id")
    at: datetime = Field(sa_type=Moment)
    by: str
    kind: Kind = Field(sa_type=one_of(Kind, "kind"))
    category: Category | None = Field(default=None, sa_type=one_of(Category, "category"))
    remedy: Remedy | None = Field(default=None, sa_type=one_of(Remedy, "remedy"))
    severity: Severity = Field(sa_type=one_of(Severity, "severity"))
    risks: list[str] = Field(default_factory=list, sa_type=Words)
    anger: int = 0
    language: str
    confidence: dict[str, float] = Field(default_factory=dict, sa_type=Json)
    evidence: list[dict[str, Any]] = Field(default_factory=list, sa_type=Json)
    because: list[str] = Field(default_factory=list, sa_type=Json)
    version: str
    unsure: list[str] = Field(default_factory=list, sa_type=Words, sa_column_kwargs=NONE_OF_THEM)
    """Fields of which the machine was not sure: a person decides them."""
    grading: dict[str, Any] | None = Field(default=None, sa_type=Json)
    """What the severity rests on: the facts beside the words, and every rule that held (`tasks.grading`)."""


class Correction(SQLModel, table=True):
    """A field of an assessment that a person changed, with who and why: what the model will learn from."""

    __tablename__ = "correction"
    __table_args__ = (Index("ix_correction_complaint", "complaint_id"),)

    id: int = numbered()
    complaint_id: int = Field(sa_type=Id, foreign_key="complaint.id")
    at: datetime = Field(sa_type=Moment)
    by: str
    field: str
    was: str | None = None
    now: str
    why: str | None = None


class Note(SQLModel, table=True):
    """What people of the company tell each other about a complaint. It can reach no channel."""

    __tablename__ = "note"
    __table_args__ = (
        Index("ix_note_complaint", "complaint_id"),
        Index("uq_note_source", "source", unique=True, postgresql_where=text("source IS NOT NULL")),
    )

    id: int = numbered()
    complaint_id: int = Field(sa_type=Id, foreign_key="complaint.id")
    at: datetime = Field(sa_type=Moment)
    by: str
    text: str
    source: str | None = None
    """The Slack message that it follows, as `channel:ts`; its edits and its deletion are followed."""
    edited_at: datetime | None = Field(default=None, sa_type=Moment)
    removed_at: datetime | None = Field(default=None, sa_type=Moment)
    """Its author took it back; the words are gone then."""
