"""After the answer: the survey, the ask, and the customer's own public words."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from db.tables.columns import Id, Moment, numbered, one_of


class FollowUpState(StrEnum):
    """How far a follow-up has come."""

    WAITING = "waiting"
    SURVEYED = "surveyed"
    ANSWERED = "answered"
    ASKED = "asked"
    WITHHELD = "withheld"
    FOUND = "found"
    ENDED = "ended"


class FollowUp(SQLModel, table=True):
    """One resolution's survey and ask. A complaint that is reopened and solved again gets a new one."""

    __tablename__ = "follow_up"
    __table_args__ = (
        UniqueConstraint("complaint_id", "resolution"),
        CheckConstraint("score BETWEEN 1 AND 5", name="score"),
        CheckConstraint("state <> 'withheld' OR withheld_why IS NOT NULL", name="withheld_says_why"),
        Index("ix_follow_up_due", "due_at", postgresql_where=text("state <> 'ended'")),
        Index("ix_follow_up_found", "found_message_id", postgresql_where=text("found_message_id IS NOT NULL")),
    )

    id: int = numbered()
    complaint_id: int = Field(sa_type=Id, foreign_key="complaint.id")
    resolution: int = 1
    """Which resolution of the complaint, from 1."""
    state: FollowUpState = Field(default=FollowUpState.WAITING, sa_type=one_of(FollowUpState, "state"))
    due_at: datetime = Field(sa_type=Moment)
    survey_sent_at: datetime | None = Field(default=None, sa_type=Moment)
    score: int | None = None
    comment: str | None = None
    answered_at: datetime | None = Field(default=None, sa_type=Moment)
    asked_at: datetime | None = Field(default=None, sa_type=Moment)
    withheld_why: str | None = None
    found_message_id: int | None = Field(default=None, sa_type=Id, foreign_key="message.id")
