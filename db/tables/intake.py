"""How far each channel was read, and what could not be read."""

from datetime import datetime

from sqlalchemy import Index, LargeBinary, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from db.tables.columns import Moment, numbered


class Cursor(SQLModel, table=True):
    """How far a channel was read. It moves in the transaction that stores what it covers."""

    __tablename__ = "cursor"

    channel: str = Field(primary_key=True)
    account: str = Field(primary_key=True)
    position: str
    moved_at: datetime = Field(sa_type=Moment)


class Quarantined(SQLModel, table=True):
    """A record that could not be taken, byte for byte, with the reason and the place it came from."""

    __tablename__ = "intake_quarantine"
    __table_args__ = (
        UniqueConstraint("digest", "reason"),
        Index("ix_intake_quarantine_waiting", "id", postgresql_where=text("taken_at IS NULL")),
    )

    id: int = numbered()
    at: datetime = Field(sa_type=Moment)
    source: str
    place: str
    channel: str | None = None
    reason: str
    raw: bytes = Field(sa_type=LargeBinary)
    digest: str
    seen: int = 1
    taken_at: datetime | None = Field(default=None, sa_type=Moment)
    """When a later import took the mended record."""
