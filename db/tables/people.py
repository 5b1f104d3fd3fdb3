"""Complainants and the names they go by on each channel.

Personal data stands in these two tables, in messages, drafts and deliveries, and nowhere in the trail: so a person can
be forgotten while every event stays.
"""

from datetime import datetime

from sqlalchemy import Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from db.tables.columns import Id, Moment, numbered


class Complainant(SQLModel, table=True):
    """A person (or organisation) who complains, whole across channels."""

    __tablename__ = "complainant"

    id: int = numbered()
    name: str | None = None
    created_at: datetime = Field(sa_type=Moment)
    language: str | None = None
    last_asked_at: datetime | None = Field(default=None, sa_type=Moment)
    refused_asks: bool = False
    """They said they want no survey and no ask; remembered for good."""
    erased_at: datetime | None = Field(default=None, sa_type=Moment)


class Identity(SQLModel, table=True):
    """One account of a complainant on one channel."""

    __tablename__ = "identity"
    __table_args__ = (
        UniqueConstraint("channel", "account", "external_id"),
        Index("ix_identity_email", "email", postgresql_where=text("email IS NOT NULL")),
        Index("ix_identity_plain_phone", "plain_phone", postgresql_where=text("plain_phone IS NOT NULL")),
        Index("ix_identity_complainant", "complainant_id"),
    )

    id: int = numbered()
    complainant_id: int = Field(sa_type=Id, foreign_key="complainant.id")
    channel: str
    account: str
    external_id: str
    handle: str | None = None
    name: str | None = None
    email: str | None = None
    phone: str | None = None
    plain_phone: str | None = None
    """Its digits as people dial them, since one person writes one number in many ways."""
    followers: int = Field(default=0, sa_type=Id)
    verified: bool = False
    tier: str | None = None
    """What the customer is to the company, as the company's own records call it."""
