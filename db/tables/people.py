"""Complainants, the names they go by on each channel, and which of these names may be one person's.

Personal data stands in complainants and identities, in messages, drafts and deliveries, and nowhere in the trail: so a
person can be forgotten while every event stays.
"""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from db.tables.columns import Id, Moment, Words, numbered, one_of

PLAIN_HANDLE = (
    "translate(lower(replace(split_part(ltrim(COALESCE(handle, email), '@'), '@', 1), '.bsky.social', '')), '._-', '')"
)
"""A handle as platforms have it in common: without its server and its dots; of a mail address what stands before the @.
`policy.same_person.plain_handle` says the same in Python."""
PLAIN_NAME = "lower(name)"


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
    opted_out_at: datetime | None = Field(default=None, sa_type=Moment)
    """When they asked not to be written to any more (`STOP`): they are answered, and never written to first."""


class Identity(SQLModel, table=True):
    """One account of a complainant on one channel."""

    __tablename__ = "identity"
    __table_args__ = (
        UniqueConstraint("channel", "account", "external_id"),
        Index("ix_identity_email", "email", postgresql_where=text("email IS NOT NULL")),
        Index("ix_identity_plain_phone", "plain_phone", postgresql_where=text("plain_phone IS NOT NULL")),
        Index("ix_identity_complainant", "complainant_id"),
        Index(
            "ix_identity_own_complainant", "own_complainant_id", postgresql_where=text("own_complainant_id IS NOT NULL")
        ),
        Index("ix_identity_plain_handle", text(PLAIN_HANDLE), "id"),
        Index("ix_identity_plain_name", text(PLAIN_NAME), "id"),
        Index("ix_identity_to_compare", "id", postgresql_where=text("compare_due")),
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
    own_complainant_id: int | None = Field(default=None, sa_type=Id, foreign_key="complainant.id")
    """Whom it came in with, where a person said since that it is somebody's who was known already."""
    compare_due: bool = Field(default=False, sa_column_kwargs={"server_default": "false"})
    """It wrote something new; whether it may be somebody who is known already has not been looked at since."""


class SameState(StrEnum):
    """What is thought of two identities."""

    SUGGESTED = "suggested"
    CONFIRMED = "confirmed"
    """A person said that they are one person's."""
    REFUSED = "refused"
    """A person said that they are not."""
    SPLIT = "split"
    """They were one person's for a while, until a person said otherwise."""


class SamePerson(SQLModel, table=True):
    """Two identities that may be one person's, why, and what a person said to it."""

    __tablename__ = "same_person"
    __table_args__ = (
        UniqueConstraint("one_id", "other_id"),
        CheckConstraint("one_id < other_id", name="once_a_pair"),
        CheckConstraint(
            "num_nonnulls(decided_at, decided_by) = CASE WHEN state = 'suggested' THEN 0 ELSE 2 END",
            name="decided_by_a_person",
        ),
        Index("ix_same_person_other", "other_id"),
        Index("ix_same_person_to_decide", "id", postgresql_where=text("state = 'suggested'")),
    )

    id: int = numbered()
    one_id: int = Field(sa_type=Id, foreign_key="identity.id")
    other_id: int = Field(sa_type=Id, foreign_key="identity.id")
    state: SameState = Field(default=SameState.SUGGESTED, sa_type=one_of(SameState, "state"))
    reasons: list[str] = Field(default_factory=list, sa_type=Words)
    """Tokens (`policy.intake.Alike`), never what was compared; none where a split of another pair told them apart."""
    points: int = 0
    suggested_at: datetime = Field(sa_type=Moment)
    decided_at: datetime | None = Field(default=None, sa_type=Moment)
    decided_by: str | None = None
