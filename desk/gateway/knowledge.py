"""Reads what the help pages show: articles that are public, published and in force today, and nothing else."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import or_, select
from sqlmodel import Session, col

from db.tables import Article, ArticleState
from db.words import Category
from policy.knowledge import LANGUAGES
from tasks.articles import bring_in
from tasks.desk import Desk
from tasks.knowledge import find_articles


@dataclass(frozen=True)
class Guide:
    """An article as customers read it. `languages` are those that it can be read in."""

    slug: str
    title: str
    category: Category
    language: str
    answer: str
    text: str
    valid_from: date
    languages: tuple[str, ...]


def read_guides(session: Session, desk: Desk, language: str, slugs: Sequence[str] | None = None) -> list[Guide]:
    """Every public article, or those named, in this language where there is one; by category, then by title."""
    bring_in(session, desk)
    today = desk.now().astimezone(desk.policy.calendar.zone).date()
    query = select(Article).where(
        col(Article.public).is_(True),
        col(Article.state) == ArticleState.PUBLISHED,
        col(Article.valid_from) <= today,
        or_(col(Article.valid_until).is_(None), col(Article.valid_until) >= today),
    )
    if slugs is not None:
        query = query.where(col(Article.slug).in_(slugs))
    translations: dict[str, dict[str, Article]] = {}
    for article in session.execute(query).scalars():
        translations.setdefault(article.slug, {})[article.language] = article
    guides = [_guide(known, language) for known in translations.values()]
    order = {category: number for number, category in enumerate(Category)}
    return sorted(guides, key=lambda guide: (order[guide.category], guide.title.casefold()))


def guides_for(
    session: Session, desk: Desk, typed: str, language: str, *, limit: int, beside: float, least: float = 0
) -> list[Guide]:
    """The public articles that answer best what somebody typed, in whatever language, the best first.

    The best one's score must reach `least`, and the others' a share of it (`beside`).
    """
    bring_in(session, desk)
    found = find_articles(session, desk, typed, public_only=True, limit=limit)
    bar = max(least, max((article.score for article in found), default=0) * beside)
    slugs = [article.slug for article in found if article.score >= bar]
    guides = {guide.slug: guide for guide in read_guides(session, desk, language, slugs)} if slugs else {}
    return [guides[slug] for slug in slugs if slug in guides]


def _guide(translations: Mapping[str, Article], language: str) -> Guide:
    article = translations.get(language) or next(iter(translations.values()))
    return Guide(
        slug=article.slug,
        title=article.title,
        category=article.category,
        language=article.language,
        answer=article.answer,
        text=article.text,
        valid_from=article.valid_from,
        languages=tuple(code for code in LANGUAGES if code in translations),
    )
