"""What the company has posted on its own pages: the public board and the private tracking pages."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from db.tables.columns import Moment, numbered, one_of
from db.words import DeliveryKind, Visibility


class WebPost(SQLModel, table=True):
    """One text as it stands on a page. Its key is the delivery's, unique, so nothing is posted twice."""

    __tablename__ = "web_post"
    __table_args__ = (
        UniqueConstraint("key"),
        CheckConstraint("text <> ''", name="says_something"),
        Index("ix_web_post_page", "complaint_reference", "posted_at"),
        Index("ix_web_post_board", "posted_at", postgresql_where=text("visibility = 'public'")),
    )

    id: int = numbered()
    key: str
    complaint_reference: str
    target: str | None = None
    """The `external_id` of the message that it answers."""
    visibility: Visibility = Field(sa_type=one_of(Visibility, "visibility"))
    kind: DeliveryKind = Field(sa_type=one_of(DeliveryKind, "kind"))
    text: str
    url: str | None = None
    posted_at: datetime = Field(sa_type=Moment)
