"""What came in and what went out, word for word."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, Index, LargeBinary, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from db.tables.columns import Id, Json, Moment, Words, numbered, one_of
from db.words import Kind, Visibility

NONE_OF_THEM = {"server_default": text("'{}'")}
"""What a column of words holds in rows that were there before it."""


class Direction(StrEnum):
    """Whether a message came in or went out."""

    IN = "in"
    OUT = "out"


class Message(SQLModel, table=True):
    """One post, comment, mail or form, inbound or outbound.

    `(channel, account, external_id)` is unique, so nothing comes in twice.
    """

    __tablename__ = "message"
    __table_args__ = (
        UniqueConstraint("channel", "account", "external_id"),
        CheckConstraint("direction = 'out' OR raw IS NOT NULL", name="inbound_keeps_raw"),
        CheckConstraint("revision >= 1", name="revision_from_one"),
        CheckConstraint("masked_at IS NULL OR (text = '' AND removed_at IS NOT NULL)", name="masked_has_no_words"),
        Index("ix_message_complaint", "complaint_id"),
        Index("ix_message_to_assess", text("posted_at DESC"), postgresql_where=text("assess_due")),
        Index("ix_message_second_look", "id", postgresql_where=text("second_look")),
        Index("ix_message_identity", "identity_id"),
        Index("ix_message_numbers", "numbers", postgresql_using="gin", postgresql_where=text("numbers <> '{}'")),
        Index("ix_message_heard", "channel", "account", "posted_at", postgresql_where=text("direction = 'in'")),
        Index(
            "ix_message_to_mask",
            "channel",
            "removed_at",
            postgresql_where=text("removed_at IS NOT NULL AND masked_at IS NULL"),
        ),
        Index(
            "ix_message_waiting_for_parent",
            "channel",
            "account",
            "in_reply_to",
            postgresql_where=text("parent_id IS NULL AND in_reply_to IS NOT NULL"),
        ),
    )

    id: int = numbered()
    complaint_id: int = Field(sa_type=Id, foreign_key="complaint.id")
    identity_id: int | None = Field(default=None, sa_type=Id, foreign_key="identity.id")
    direction: Direction = Field(sa_type=one_of(Direction, "direction"))
    channel: str
    account: str
    external_id: str
    visibility: Visibility = Field(sa_type=one_of(Visibility, "visibility"))
    kind: Kind | None = Field(default=None, sa_type=one_of(Kind, "kind"))
    subject: str | None = None
    text: str
    revision: int = 1
    url: str | None = None
    in_reply_to: str | None = None
    parent_id: int | None = Field(default=None, sa_type=Id, foreign_key="message.id")
    addressed: bool | None = None
    list_mail: bool = False
    attachments: list[dict[str, Any]] = Field(default_factory=list, sa_type=Json)
    views: int = Field(default=0, sa_type=Id)
    likes: int = Field(default=0, sa_type=Id)
    replies: int = Field(default=0, sa_type=Id)
    shares: int = Field(default=0, sa_type=Id)
    views_seen: list[list[Any]] = Field(default_factory=list, sa_type=Json)
    """`[instant, views]` of the last two days: growth is a fact that severity rests on."""
    assess_due: bool = False
    posted_at: datetime = Field(sa_type=Moment)
    received_at: datetime = Field(sa_type=Moment)
    removed_at: datetime | None = Field(default=None, sa_type=Moment)
    delivery_id: int | None = Field(default=None, sa_type=Id)
    raw: bytes | None = Field(default=None, sa_type=LargeBinary)
    second_look: bool = Field(default=False, sa_column_kwargs={"server_default": "false"})
    """It was assessed by the quick path alone, when much was waiting; it is looked at again."""
    summoned: bool | None = None
    """Whether its author called on our account, where the platform lets us answer only then; None: it does not tell."""
    opts_out: bool = Field(default=False, sa_column_kwargs={"server_default": "false"})
    """It says nothing but that its author wants not to be written to any more: nobody's complaint."""
    masked_at: datetime | None = Field(default=None, sa_type=Moment)
    """When our copy was emptied, since its author had taken it down."""
    numbers: list[str] = Field(default_factory=list, sa_type=Words, sa_column_kwargs=NONE_OF_THEM)
    """The order and ticket numbers that it names, plain: who names the same one may be the same person."""


class MessageRevision(SQLModel, table=True):
    """An earlier text of a message that its author edited; the first one is never lost."""

    __tablename__ = "message_revision"

    message_id: int = Field(primary_key=True, sa_type=Id, foreign_key="message.id")
    revision: int = Field(primary_key=True)
    text: str
    replaced_at: datetime = Field(sa_type=Moment)
    raw: bytes | None = Field(default=None, sa_type=LargeBinary)
