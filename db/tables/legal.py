"""Where the law comes in: the legal road, the emergency referral, the legal hold, the clock of a breach notice.

What people write here may repeat a customer's words, so it is emptied when that person is forgotten.
"""

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from db.tables.columns import Id, Json, Moment, numbered, one_of
from db.words import Gate


class RoadState(StrEnum):
    """How a legal road stands."""

    OPEN = "open"
    TAKEN = "taken"
    """Its letter or statement left."""
    REFUSED = "refused"
    """One of its gates rejected it."""
    WITHDRAWN = "withdrawn"
    LAPSED = "lapsed"
    """Nobody went on with it in time."""


class LegalRoad(SQLModel, table=True):
    """Somebody believes that the law is needed. It cools off first, and nobody can shorten that (a trigger)."""

    __tablename__ = "legal_road"
    __table_args__ = (
        CheckConstraint("cooling_until - opened_at >= interval '72 hours'", name="cools_off_for_three_days"),
        CheckConstraint("lapses_at > cooling_until", name="lapses_after_it_cooled_off"),
        CheckConstraint("(state = 'open') = (ended_at IS NULL)", name="ended_has_a_time"),
        Index("uq_legal_road_open", "complaint_id", unique=True, postgresql_where=text("state = 'open'")),
        Index("ix_legal_road_complaint", "complaint_id"),
        Index("ix_legal_road_to_watch", "look_at", postgresql_where=text("state = 'open'")),
    )

    id: int = numbered()
    complaint_id: int = Field(sa_type=Id, foreign_key="complaint.id")
    state: RoadState = Field(default=RoadState.OPEN, sa_type=one_of(RoadState, "state"))
    opened_at: datetime = Field(sa_type=Moment)
    opened_by: str
    reason: str
    cooling_until: datetime = Field(sa_type=Moment)
    lapses_at: datetime = Field(sa_type=Moment)
    look_at: datetime = Field(sa_type=Moment)
    """When the time next brings something about: the end of the cooling-off, then the lapse."""
    cooled: bool = False
    """Its opener was told that the cooling-off is over."""
    ended_at: datetime | None = Field(default=None, sa_type=Moment)
    ended_by: str | None = None
    ended_why: str | None = None


class LegalAnswer(SQLModel, table=True):
    """What somebody found out for a legal road's checklist. The newest counts; the earlier ones stay."""

    __tablename__ = "legal_answer"
    __table_args__ = (Index("ix_legal_answer_road", "road_id", "question"),)

    id: int = numbered()
    road_id: int = Field(sa_type=Id, foreign_key="legal_road.id")
    question: str
    """Its name in policy/legal_road.yaml."""
    text: str
    at: datetime = Field(sa_type=Moment)
    by: str


class EmergencyKind(StrEnum):
    """What cannot wait for an answer to the customer."""

    THREAT_TO_STAFF = "threat_to_staff"
    EXTORTION = "extortion"
    COURT_DATE = "court_date"


class Emergency(SQLModel, table=True):
    """Something that Legal and an executive must know at once, apart from any reply."""

    __tablename__ = "emergency"
    __table_args__ = (
        CheckConstraint("kind <> 'court_date' OR court_on IS NOT NULL", name="a_court_has_a_date"),
        Index("ix_emergency_complaint", "complaint_id"),
    )

    id: int = numbered()
    complaint_id: int = Field(sa_type=Id, foreign_key="complaint.id")
    kind: EmergencyKind = Field(sa_type=one_of(EmergencyKind, "kind"))
    referred_at: datetime = Field(sa_type=Moment)
    referred_by: str
    what: str
    court_on: date | None = None


class EmergencyCall(SQLModel, table=True):
    """One gate's part in an emergency: somebody of it says by name that they know."""

    __tablename__ = "emergency_call"
    __table_args__ = (
        UniqueConstraint("emergency_id", "gate"),
        CheckConstraint("(acknowledged_by IS NULL) = (acknowledged_at IS NULL)", name="acknowledged_by_a_person"),
        Index(
            "uq_emergency_call_person",
            "emergency_id",
            "acknowledged_by",
            unique=True,
            postgresql_where=text("acknowledged_by IS NOT NULL"),
        ),
        Index("ix_emergency_call_to_watch", "look_at", postgresql_where=text("acknowledged_at IS NULL")),
    )

    id: int = numbered()
    emergency_id: int = Field(sa_type=Id, foreign_key="emergency.id")
    gate: Gate = Field(sa_type=one_of(Gate, "gate"))
    called: str | None = None
    """Who was called last."""
    deadline: datetime = Field(sa_type=Moment)
    look_at: datetime = Field(sa_type=Moment)
    escalated: int = 0
    acknowledged_at: datetime | None = Field(default=None, sa_type=Moment)
    acknowledged_by: str | None = None
    note: str | None = None


class LegalHold(SQLModel, table=True):
    """While it is on, nothing of the complaint is forgotten or thrown away."""

    __tablename__ = "legal_hold"
    __table_args__ = (
        CheckConstraint("num_nonnulls(off_at, off_by, off_reason) IN (0, 3)", name="taken_off_by_a_person"),
        Index("uq_legal_hold_on", "complaint_id", unique=True, postgresql_where=text("off_at IS NULL")),
        Index("ix_legal_hold_complaint", "complaint_id"),
    )

    id: int = numbered()
    complaint_id: int = Field(sa_type=Id, foreign_key="complaint.id")
    on_at: datetime = Field(sa_type=Moment)
    on_by: str
    reason: str
    off_at: datetime | None = Field(default=None, sa_type=Moment)
    off_by: str | None = None
    off_reason: str | None = None


class BreachState(StrEnum):
    """How the clock of a breach notice stands."""

    SUGGESTED = "suggested"
    """The assessment speaks of personal data; a person says whether it was a breach. Its time runs meanwhile."""
    RUNNING = "running"
    NOTIFIED = "notified"
    DISMISSED = "dismissed"


class Breach(SQLModel, table=True):
    """An alleged leak of personal data, and the time in which the law wants a written notice."""

    __tablename__ = "breach"
    __table_args__ = (
        CheckConstraint("due_at > known_at", name="due_after_it_was_known"),
        CheckConstraint("(state IN ('suggested', 'running')) = (ended_at IS NULL)", name="ended_has_a_time"),
        CheckConstraint("state <> 'dismissed' OR reason IS NOT NULL", name="dismissed_says_why"),
        Index(
            "uq_breach_open", "complaint_id", unique=True, postgresql_where=text("state IN ('suggested', 'running')")
        ),
        Index("ix_breach_complaint", "complaint_id"),
        Index("ix_breach_to_watch", "look_at", postgresql_where=text("state IN ('suggested', 'running')")),
    )

    id: int = numbered()
    complaint_id: int = Field(sa_type=Id, foreign_key="complaint.id")
    state: BreachState = Field(sa_type=one_of(BreachState, "state"))
    known_at: datetime = Field(sa_type=Moment)
    """From when the time counts."""
    started_at: datetime | None = Field(default=None, sa_type=Moment)
    started_by: str | None = None
    due_at: datetime = Field(sa_type=Moment)
    look_at: datetime = Field(sa_type=Moment)
    reminded: int = 0
    escalated: int = 0
    notified: list[dict[str, Any]] = Field(default_factory=list, sa_type=Json)
    """Whom the written notice reached, when, and who says so."""
    ended_at: datetime | None = Field(default=None, sa_type=Moment)
    ended_by: str | None = None
    reason: str | None = None
