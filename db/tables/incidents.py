"""Incidents: many complaints with one cause, and the one answer they get."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from db.tables.columns import Id, Json, Moment, numbered, one_of
from db.words import IncidentState


class Incident(SQLModel, table=True):
    """A suspicion that a person declares or dismisses."""

    __tablename__ = "incident"

    id: int = numbered(1)
    state: IncidentState = Field(default=IncidentState.SUSPECTED, sa_type=one_of(IncidentState, "state"))
    state_since: datetime = Field(sa_type=Moment)
    version: int = 0
    events: int = 0
    head: str = ""
    title: str
    opened_at: datetime = Field(sa_type=Moment)
    because: list[str] = Field(default_factory=list, sa_type=Json)
    deadline: datetime = Field(sa_type=Moment)
    owner: str | None = None

    @property
    def reference(self) -> str:
        """What people call it: `IN-3`."""
        return f"IN-{self.id}"


class IncidentMember(SQLModel, table=True):
    """A complaint that belongs to an incident, and since when."""

    __tablename__ = "incident_member"
    __table_args__ = (Index("ix_incident_member_complaint", "complaint_id"),)

    incident_id: int = Field(primary_key=True, sa_type=Id, foreign_key="incident.id")
    complaint_id: int = Field(primary_key=True, sa_type=Id, foreign_key="complaint.id")
    joined_at: datetime = Field(sa_type=Moment)
    left_at: datetime | None = Field(default=None, sa_type=Moment)
    because: str = ""


class Statement(SQLModel, table=True):
    """The one answer of an incident: a template, the slots it may fill, and whom it goes to."""

    __tablename__ = "statement"
    __table_args__ = (UniqueConstraint("incident_id", "revision"),)

    id: int = numbered()
    incident_id: int = Field(sa_type=Id, foreign_key="incident.id")
    revision: int = 1
    draft_id: int | None = Field(default=None, sa_type=Id, foreign_key="draft.id")
    slots: list[str] = Field(default_factory=list, sa_type=Json)
    audience: dict[str, Any] = Field(default_factory=dict, sa_type=Json)
    current_from: datetime | None = Field(default=None, sa_type=Moment)
    current_until: datetime | None = Field(default=None, sa_type=Moment)
