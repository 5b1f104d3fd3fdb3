"""The audit trail: who, when, what, why. Append-only, hash-chained, free of personal data."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from db.tables.columns import Id, Json, Moment, numbered


class Event(SQLModel, table=True):
    """One line of the trail. The database refuses to change or remove it (a trigger)."""

    __tablename__ = "event"
    __table_args__ = (
        UniqueConstraint("chain", "number"),
        Index("ix_event_at", "at"),
        Index("ix_event_complaint", "complaint_id"),
        Index("ix_event_incident", "incident_id"),
    )

    id: int = numbered()
    chain: str
    """`TG-1042`, `IN-3`, or `desk` for what concerns all of it."""
    number: int
    """From 1, without gaps."""
    complaint_id: int | None = Field(default=None, sa_type=Id, foreign_key="complaint.id")
    incident_id: int | None = Field(default=None, sa_type=Id, foreign_key="incident.id")
    at: datetime = Field(sa_type=Moment)
    name: str
    by: str
    typed_by: str | None = None
    """The operating-system user or token behind `by`, where a person acted."""
    message_id: int | None = Field(default=None, sa_type=Id)
    data: dict[str, Any] = Field(default_factory=dict, sa_type=Json)
    before: str
    hash: str


class Anchor(SQLModel, table=True):
    """A day's digest over the heads of the chains that grew, and over the day before: what was true can be proved."""

    __tablename__ = "anchor"

    day: date = Field(primary_key=True)
    at: datetime = Field(sa_type=Moment)
    chains: int
    events: int = Field(sa_type=Id)
    digest: str
    heads: dict[str, Any] = Field(default_factory=dict, sa_type=Json)
    """`{chain: [number, hash]}` of the chains that grew since the last anchor."""
