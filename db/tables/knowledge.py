"""Knowledge articles: exact, ordered answers to what keeps coming back."""

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import DDL, CheckConstraint, Index, UniqueConstraint, event, text
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlmodel import Field, SQLModel

from db.tables.columns import Id, Moment, Words, numbered, one_of
from db.words import Category

event.listen(SQLModel.metadata, "before_create", DDL("CREATE EXTENSION IF NOT EXISTS pg_trgm"))  # type: ignore[no-untyped-call]


class ArticleState(StrEnum):
    """How a version of an article stands."""

    PROPOSED = "proposed"
    """Waits for somebody to publish it."""
    PUBLISHED = "published"
    REPLACED = "replaced"
    """A newer version took its place."""
    WITHDRAWN = "withdrawn"


class ArticleOrigin(StrEnum):
    """Where an article came from."""

    POLICY = "policy"
    """A file of the policy, which whoever may change the policy answers for."""
    PERSON = "person"
    PROPOSAL = "proposal"
    """Drafted by the desk from an answer that people approved."""


class Article(SQLModel, table=True):
    """One version of an article in one language; what cites it names slug and version. Its words never change.

    `words` and `search` are what it is found by (`db.knowledge`), made under the rules that `indexed_by` names.
    """

    __tablename__ = "article"
    __table_args__ = (
        UniqueConstraint("slug", "language", "version"),
        CheckConstraint("valid_until IS NULL OR valid_until >= valid_from", name="valid_in_order"),
        CheckConstraint("state <> 'published' OR published_by IS NOT NULL", name="published_by_somebody"),
        CheckConstraint(
            "published_by IS NULL OR (published_by <> author AND published_by <> owner)",
            name="nobody_publishes_their_own_words",
        ),
        CheckConstraint("state <> 'withdrawn' OR withdrawn_by IS NOT NULL", name="withdrawn_by_somebody"),
        Index("uq_article_published", "slug", "language", unique=True, postgresql_where=text("state = 'published'")),
        Index("uq_article_proposed", "slug", "language", unique=True, postgresql_where=text("state = 'proposed'")),
        Index("ix_article_search", "search", postgresql_using="gin", postgresql_where=text("state = 'published'")),
        Index("ix_article_complaint", "complaint_id", postgresql_where=text("complaint_id IS NOT NULL")),
    )

    id: int = numbered()
    slug: str
    language: str
    version: str
    state: ArticleState = Field(sa_type=one_of(ArticleState, "state"))
    origin: ArticleOrigin = Field(sa_type=one_of(ArticleOrigin, "origin"))
    title: str
    category: Category = Field(sa_type=one_of(Category, "category"))
    products: list[str] = Field(default_factory=list, sa_type=Words)
    topics: list[str] = Field(default_factory=list, sa_type=Words)
    asks: list[str] = Field(default_factory=list, sa_type=Words)
    """How customers ask it, in their own sort of words; made up or generalised, never a customer's."""
    answer: str
    text: str
    owner: str
    public: bool
    valid_from: date
    valid_until: date | None = None
    author: str
    """Whose words they are; nobody publishes their own."""
    written_at: datetime = Field(sa_type=Moment)
    complaint_id: int | None = Field(default=None, sa_type=Id, foreign_key="complaint.id")
    """The complaint from whose answer it was proposed."""
    published_by: str | None = None
    published_at: datetime | None = Field(default=None, sa_type=Moment)
    withdrawn_by: str | None = None
    withdrawn_at: datetime | None = Field(default=None, sa_type=Moment)
    why: str | None = None
    """Why it was withdrawn."""
    words: str = ""
    search: str = Field(default="", sa_type=TSVECTOR)
    indexed_by: str = ""
