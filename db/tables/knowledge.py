"""Knowledge articles: exact, ordered answers to what keeps coming back."""

from datetime import date

from sqlalchemy import CheckConstraint, Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from db.tables.columns import numbered, one_of
from db.words import Category


class Article(SQLModel, table=True):
    """One version of an article; a draft that cites it names slug and version."""

    __tablename__ = "article"
    __table_args__ = (
        UniqueConstraint("slug", "version"),
        CheckConstraint("valid_until IS NULL OR valid_until >= valid_from", name="valid_in_order"),
        Index("ix_article_category", "category", "language"),
    )

    id: int = numbered()
    slug: str
    version: str
    title: str
    category: Category = Field(sa_type=one_of(Category, "category"))
    language: str
    text: str
    owner: str
    public: bool
    valid_from: date
    valid_until: date | None = None
