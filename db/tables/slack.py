"""What stands in Slack, what is still to be said there, and what came from it. All of it can be lost and drawn anew."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from db.tables.columns import Id, Json, Moment, Words, numbered, one_of


class NoticeKind(StrEnum):
    """What a notice is for."""

    REMINDER = "reminder"
    ESCALATION = "escalation"
    THREAD = "thread"
    DIGEST = "digest"
    BROADCAST = "broadcast"
    """A published fact that changed, for all staff."""
    CHANNEL = "channel"
    """A platform that fails, works again, or is far quieter than usual."""


class NoticeState(StrEnum):
    """How far a notice came."""

    QUEUED = "queued"
    DELIVERED = "delivered"
    FAILED = "failed"
    DROPPED = "dropped"
    """What it was about is over, so nobody needs to hear it."""


class SlackCard(SQLModel, table=True):
    """One review's message in its gate's channel. It follows its complaint's events until it is scrubbed."""

    __tablename__ = "slack_card"
    __table_args__ = (
        UniqueConstraint("channel", "ts"),
        CheckConstraint("tries >= 0", name="tries"),
        Index("ix_slack_card_live", "review_id", postgresql_where=text("scrubbed_at IS NULL")),
        Index("ix_slack_card_due", "due_at", postgresql_where=text("due_at IS NOT NULL AND scrubbed_at IS NULL")),
    )

    review_id: int = Field(primary_key=True, sa_type=Id, foreign_key="review.id")
    channel: str
    ts: str | None = None
    """Slack's name for the message; None: it is to be posted (again)."""
    url: str | None = None
    """Its address, as Slack said it."""
    live: bool = False
    """Buttons stand there that decide."""
    drawn: str | None = None
    """The digest of what stands there."""
    seen: int = -1
    """The complaint's count of events when it was drawn last: with more of them, it is looked at again."""
    plain: bool = False
    """Slack refused the blocks, so the words stand there without them."""
    posted_at: datetime | None = Field(default=None, sa_type=Moment)
    proved_at: datetime | None = Field(default=None, sa_type=Moment)
    """When Slack last said that it is there."""
    lost: int = 0
    """How often it was found missing and posted again."""
    due_at: datetime | None = Field(default=None, sa_type=Moment)
    """When it is to be looked at next; None: what stands there is right until something happens."""
    asked: int = 0
    """How often somebody asked for a look that no event tells of; a draw that was overtaken by one is repeated."""
    not_before: datetime | None = Field(default=None, sa_type=Moment)
    """Until then it is left alone: somebody draws it this moment, or the last try said so."""
    tried_at: datetime | None = Field(default=None, sa_type=Moment)
    """A try to post it began then, and nobody knows yet whether it arrived."""
    tries: int = 0
    why: str | None = None
    """Why the last try failed."""
    stuck_since: datetime | None = Field(default=None, sa_type=Moment)
    """Since then somebody must mend something before it can be drawn: its channel, a token, a scope."""
    scrub: bool = False
    """Its words are to be taken out now: a person is forgotten, or the time to keep them is over."""
    scrubbed_at: datetime | None = Field(default=None, sa_type=Moment)


class SlackNotice(SQLModel, table=True):
    """Something to say in Slack once: to a person, into a card's thread, or into a gate's channel.

    It holds tokens, references and names of the company's people: the words are rendered when it is sent.
    """

    __tablename__ = "slack_notice"
    __table_args__ = (
        UniqueConstraint("key"),
        CheckConstraint("num_nonnulls(person, channel, thread_of) = 1", name="goes_to_one_place"),
        CheckConstraint("state <> 'failed' OR why IS NOT NULL", name="says_why"),
        CheckConstraint("(state = 'delivered') = (sent_at IS NOT NULL)", name="delivered_has_a_time"),
        Index("ix_slack_notice_due", "due_at", postgresql_where=text("state = 'queued'")),
        Index("ix_slack_notice_complaint", "complaint_id"),
        Index("ix_slack_notice_thread_of", "thread_of"),
    )

    id: int = numbered()
    key: str
    """What makes it one: a second try to queue the same is no second notice."""
    kind: NoticeKind = Field(sa_type=one_of(NoticeKind, "kind"))
    complaint_id: int | None = Field(default=None, sa_type=Id, foreign_key="complaint.id")
    review_id: int | None = Field(default=None, sa_type=Id, foreign_key="review.id")
    person: str | None = None
    channel: str | None = None
    thread_of: int | None = Field(default=None, sa_type=Id, foreign_key="review.id")
    data: dict[str, Any] = Field(default_factory=dict, sa_type=Json)
    queued_at: datetime = Field(sa_type=Moment)
    due_at: datetime = Field(sa_type=Moment)
    not_before: datetime | None = Field(default=None, sa_type=Moment)
    """Until then it is left alone: somebody sends it this moment, or the last try said so."""
    state: NoticeState = Field(default=NoticeState.QUEUED, sa_type=one_of(NoticeState, "state"))
    tried_at: datetime | None = Field(default=None, sa_type=Moment)
    """A try to send it began then, and nobody knows yet whether it arrived."""
    tries: int = 0
    why: str | None = None
    sent_at: datetime | None = Field(default=None, sa_type=Moment)
    sent_to: str | None = None
    """The channel it stands in."""
    ts: str | None = None
    scrubbed_at: datetime | None = Field(default=None, sa_type=Moment)


class SlackReceipt(SQLModel, table=True):
    """An act of somebody in Slack, written down before Slack is told that it arrived: doubled ones are known by it.

    Of the act only what it takes to do it is kept, and only until it is done.
    """

    __tablename__ = "slack_receipt"
    __table_args__ = (
        Index("ix_slack_receipt_undone", "at", postgresql_where=text("done_at IS NULL")),
        Index("ix_slack_receipt_at", "at"),
    )

    key: str = Field(primary_key=True)
    kind: str
    at: datetime = Field(sa_type=Moment)
    act: dict[str, Any] | None = Field(default=None, sa_type=Json)
    done_at: datetime | None = Field(default=None, sa_type=Moment)
    tries: int = 0
    why: str | None = None


class SlackGroup(SQLModel, table=True):
    """A user group of Slack that stands for a gate, as Slack said it last."""

    __tablename__ = "slack_group"

    id: str = Field(primary_key=True)
    members: list[str] = Field(default_factory=list, sa_type=Words)
    """Slack's names of the users."""
    read_at: datetime | None = Field(default=None, sa_type=Moment)
    """When Slack last said who belongs to it; None: never, or somebody changed it since."""
    why: str | None = None
    """Why Slack could not say."""


class SlackHome(SQLModel, table=True):
    """What a person set for themselves."""

    __tablename__ = "slack_home"

    user_id: str = Field(primary_key=True)
    filters: dict[str, Any] = Field(default_factory=dict, sa_type=Json)
    language: str | None = None
    """In which they want to be spoken to; None: they never said."""
    at: datetime = Field(sa_type=Moment)


class Absence(SQLModel, table=True):
    """Somebody is away for a while, and somebody whom policy allows decides in their place."""

    __tablename__ = "absence"
    __table_args__ = (
        CheckConstraint("until > since", name="ends_after_it_begins"),
        CheckConstraint("cover IS DISTINCT FROM person", name="covered_by_another"),
        Index("ix_absence_person", "person"),
        Index("ix_absence_cover", "cover"),
    )

    id: int = numbered()
    person: str
    cover: str | None = None
    since: datetime = Field(sa_type=Moment)
    until: datetime = Field(sa_type=Moment)
    written_by: str
    ended_at: datetime | None = Field(default=None, sa_type=Moment)
    """They came back before."""
