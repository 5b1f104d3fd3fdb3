"""What we told the public and now tell otherwise: all staff should know the old and the new."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import Index, text
from sqlmodel import Field, SQLModel

from db.tables.columns import Id, Moment, numbered, one_of


class FactOf(StrEnum):
    """Where a published fact stands."""

    ARTICLE = "article"
    ANSWER = "answer"


class FactChange(SQLModel, table=True):
    """One published fact that changed. Both wordings are the company's own; a customer's words are never here."""

    __tablename__ = "fact_change"
    __table_args__ = (
        Index("ix_fact_change_at", "at"),
        Index("ix_fact_change_complaint", "complaint_id", postgresql_where=text("complaint_id IS NOT NULL")),
    )

    id: int = numbered()
    at: datetime = Field(sa_type=Moment)
    by: str
    """Who published or approved the new one."""
    of: FactOf = Field(sa_type=one_of(FactOf, "of"))
    where: str
    """An article's slug, or the reference of the complaint in which the new one is said."""
    language: str
    about: str
    """What changed in it: `answer` of an article; of an answer the sort of claim, such as `amount` or `term`."""
    old: str
    """The sentence as it was published; of an article its short answer."""
    new: str
    complaint_id: int | None = Field(default=None, sa_type=Id, foreign_key="complaint.id")
