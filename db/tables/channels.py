"""How each account on each platform fares, and what it has cost."""

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint
from sqlmodel import Field, SQLModel

from db.tables.columns import Id, Moment, one_of


class Way(StrEnum):
    """Reading and sending fail apart: a platform may take our answers while its search is down."""

    IN = "in"
    PUBLIC = "public"
    """Answers that everybody reads."""
    PRIVATE = "private"
    """Messages that their customer alone reads."""


class ChannelState(SQLModel, table=True):
    """One way of one account: rests, fails, works. Shared by all workers, so that one of them learns for all."""

    __tablename__ = "channel_state"
    __table_args__ = (
        CheckConstraint("failures >= 0", name="failures_from_none"),
        CheckConstraint("open_since IS NULL OR why IS NOT NULL", name="open_says_why"),
        CheckConstraint("locked_out IS NULL OR open_since IS NOT NULL", name="locked_is_open"),
        CheckConstraint("(throttled_since IS NULL) = (throttled_until IS NULL)", name="throttled_for_a_time"),
    )

    channel: str = Field(primary_key=True)
    account: str = Field(primary_key=True)
    way: Way = Field(primary_key=True, sa_type=one_of(Way, "way"))
    failures: int = 0
    """How often in a row it failed."""
    rests_until: datetime | None = Field(default=None, sa_type=Moment)
    """Not asked before: the platform said so, or its circuit is open."""
    open_since: datetime | None = Field(default=None, sa_type=Moment)
    """Its circuit is open: it failed too often in a row, or does not take our credentials. People were told once."""
    why: str | None = None
    worked_at: datetime | None = Field(default=None, sa_type=Moment)
    """When it last did what it should."""
    looked_at: datetime | None = Field(default=None, sa_type=Moment)
    """When the posts of open complaints were last looked at again."""
    quiet_since: datetime | None = Field(default=None, sa_type=Moment)
    """Far less comes in than usual at this hour; people were told once."""
    locked_out: str | None = None
    """Its platform does not take our credentials, and why."""
    throttled_since: datetime | None = Field(default=None, sa_type=Moment)
    """Since then it is only asked to wait; nothing has been let through."""
    throttled_until: datetime | None = Field(default=None, sa_type=Moment)
    """Until when the platform last asked it to wait."""


class ChannelCost(SQLModel, table=True):
    """What an account did in a day that may cost money, and what it cost by policy's prices."""

    __tablename__ = "channel_cost"

    channel: str = Field(primary_key=True)
    account: str = Field(primary_key=True)
    day: date = Field(primary_key=True)
    what: str = Field(primary_key=True)
    count: int = Field(sa_type=Id)
    micros: int = Field(sa_type=Id)
    """Millionths of a US dollar."""


class ChannelCharge(SQLModel, table=True):
    """What a platform has charged for today already, where it charges for the same record once a day."""

    __tablename__ = "channel_charge"

    channel: str = Field(primary_key=True)
    account: str = Field(primary_key=True)
    day: date = Field(primary_key=True)
    record: str = Field(primary_key=True)
    """A digest of its name: whose record it is, the ledger need not know."""
