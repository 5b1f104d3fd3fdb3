"""The outbox: one row, one thing to send, once."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from db.tables.columns import Id, Json, Moment, numbered, one_of
from db.words import DeliveryKind, Visibility


class DeliveryState(StrEnum):
    """How far a delivery has come."""

    QUEUED = "queued"
    CLAIMED = "claimed"
    """A worker holds it; nothing has left."""
    SENDING = "sending"
    """The request may have left."""
    SENT = "sent"
    UNKNOWN = "unknown"
    """Nobody knows whether it arrived; the channel is asked, or a person."""
    MANUAL = "manual"
    """A person posts it and gives the link."""
    FAILED = "failed"
    CANCELLED = "cancelled"


class Delivery(SQLModel, table=True):
    """One text for one place. It goes out only with an approved draft, or a pre-approved template's hash."""

    __tablename__ = "delivery"
    __table_args__ = (
        UniqueConstraint("key"),
        ForeignKeyConstraint(["draft_id", "sha256"], ["draft.id", "draft.sha256"]),
        ForeignKeyConstraint(["round_id", "draft_id"], ["round.id", "round.draft_id"]),
        CheckConstraint("num_nonnulls(draft_id, pre_approved) = 1", name="approved_by_somebody"),
        CheckConstraint("draft_id IS NULL OR round_id IS NOT NULL", name="a_draft_passed_a_round"),
        CheckConstraint("(state = 'sent') = (sent_at IS NOT NULL)", name="sent_has_a_time"),
        CheckConstraint("state NOT IN ('failed', 'unknown', 'cancelled') OR why IS NOT NULL", name="says_why"),
        CheckConstraint("(state IN ('claimed', 'sending')) = (claimed_by IS NOT NULL)", name="claimed_by_a_worker"),
        Index("ix_delivery_due", "due_at", postgresql_where=text("state IN ('queued', 'unknown')")),
        Index(
            "ix_delivery_line",
            "urgency",
            text("heard_at DESC NULLS LAST"),
            "due_at",
            "id",
            postgresql_where=text("state IN ('queued', 'unknown')"),
        ),
        Index("ix_delivery_claimed", "claimed_by", postgresql_where=text("state IN ('claimed', 'sending')")),
        Index("ix_delivery_to_mend", "id", postgresql_where=text("state IN ('failed', 'manual', 'unknown')")),
        Index("ix_delivery_complaint", "complaint_id"),
        Index("ix_delivery_place", "platform_id", postgresql_where=text("platform_id IS NOT NULL")),
    )

    id: int = numbered()
    key: str
    complaint_id: int = Field(sa_type=Id, foreign_key="complaint.id")
    incident_id: int | None = Field(default=None, sa_type=Id, foreign_key="incident.id")
    draft_id: int | None = Field(default=None, sa_type=Id)
    round_id: int | None = Field(default=None, sa_type=Id)
    pre_approved: dict[str, Any] | None = Field(default=None, sa_type=Json)
    """Template, its hash, and who approved it when, for what goes out without a round."""
    kind: DeliveryKind = Field(sa_type=one_of(DeliveryKind, "kind"))
    channel: str
    account: str
    target: dict[str, Any] = Field(default_factory=dict, sa_type=Json)
    visibility: Visibility = Field(sa_type=one_of(Visibility, "visibility"))
    text: str
    attachments: list[dict[str, Any]] = Field(default_factory=list, sa_type=Json)
    sha256: str
    invites_private: bool = False
    state: DeliveryState = Field(default=DeliveryState.QUEUED, sa_type=one_of(DeliveryState, "state"))
    queued_at: datetime = Field(sa_type=Moment)
    due_at: datetime = Field(sa_type=Moment)
    """Not before this instant; after a failed try, the next one."""
    publishable_until: datetime | None = Field(default=None, sa_type=Moment)
    tries: int = 0
    claimed_by: int | None = Field(default=None, sa_type=Id)
    sent_at: datetime | None = Field(default=None, sa_type=Moment)
    platform_id: str | None = None
    url: str | None = None
    posted_by: str | None = None
    why: str | None = None
    needs_person: bool = False
    urgency: int = Field(default=0, sa_type=Id, sa_column_kwargs={"server_default": "0"})
    """Where the platform lets us send only so much, the smaller number goes first: see `tasks.outbox`."""
    heard_at: datetime | None = Field(default=None, sa_type=Moment)
    """For an acknowledgement: when its customer wrote; the newest hear first. The rest goes in its turn."""


class RateUse(SQLModel, table=True):
    """One use of a limited thing: the sliding-window ledger of platform limits and of the web form."""

    __tablename__ = "rate_use"
    __table_args__ = (Index("ix_rate_use_window", "bucket", "at"),)

    id: int = numbered()
    bucket: str
    at: datetime = Field(sa_type=Moment)
    amount: int = Field(default=1, sa_column_kwargs={"server_default": "1"})
    """How much of the grant was used: platforms count some calls more than once."""


class PublishingStop(SQLModel, table=True):
    """The kill switch: nothing goes out in its scope until a named person lifts it."""

    __tablename__ = "publishing_stop"
    __table_args__ = (
        Index("uq_publishing_stop_in_force", "scope", unique=True, postgresql_where=text("lifted_at IS NULL")),
        CheckConstraint("(lifted_at IS NULL) = (lifted_by IS NULL)", name="lifted_by_a_person"),
    )

    id: int = numbered()
    scope: str
    """`all`, `channel:x`, `incident:IN-3`."""
    thrown_at: datetime = Field(sa_type=Moment)
    thrown_by: str
    reason: str
    lifted_at: datetime | None = Field(default=None, sa_type=Moment)
    lifted_by: str | None = None
    lifted_reason: str | None = None
