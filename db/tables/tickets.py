"""Tickets of the company's own, such as its CRM's, and what they have been told of their complaints."""

from datetime import datetime

from sqlalchemy import Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from db.tables.columns import Id, Moment, Words, numbered


class Ticket(SQLModel, table=True):
    """A ticket that a message of a complaint came by.

    `due_at` is set by whatever gives it something to be told, and by whoever serves it to a moment ahead, so that
    another serves it after all if they die meanwhile.
    """

    __tablename__ = "ticket"
    __table_args__ = (
        UniqueConstraint("complaint_id", "channel", "account", "number"),
        Index("ix_ticket_handled_as", "handled_as"),
        Index("ix_ticket_due", "channel", "account", "due_at", postgresql_where=text("due_at IS NOT NULL")),
    )

    id: int = numbered()
    complaint_id: int = Field(sa_type=Id, foreign_key="complaint.id")
    handled_as: int = Field(sa_type=Id, foreign_key="complaint.id")
    """The complaint under which that one was handled when the ticket was last served."""
    channel: str
    account: str
    number: str
    """As the channel numbers it."""
    external_id: str
    """The message that it came by."""
    url: str | None = None
    """Where the company's people see it."""
    linked_at: datetime | None = Field(default=None, sa_type=Moment)
    """Since when it names its complaint."""
    told: list[str] = Field(default_factory=list, sa_type=Words)
    """What it has been told, by key."""
    due_at: datetime | None = Field(default=None, sa_type=Moment)
    """When it is served next; None: it is in step."""
    tries: int = 0
    """How often in a row it could not be served."""
    why: str | None = None
    """Why it is not in step, in a sentence for a person."""
