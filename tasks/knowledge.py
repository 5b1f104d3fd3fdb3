"""Finds the article that answers: for people who search, for the form that suggests, for a draft that may cite it."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from math import log

from sqlalchemy import select
from sqlmodel import Session, col

from db import knowledge
from db.knowledge import Hit, Hits
from db.tables import Article, Complaint
from db.words import Category
from tasks.articles import bring_in
from tasks.desk import Desk

NEAR_CATEGORY = 1.25
"""How much more an article of the complaint's own category counts: the assessment is a guess, the words are said."""
TOPIC = "#"
TOPIC_WORTH = 0.7
"""Of the first topic heard, against a word that a single article has."""


@dataclass(frozen=True)
class FoundArticle:
    """An article as it answers a question. `answer` is its short form, `text` the whole in Markdown."""

    slug: str
    version: str
    title: str
    category: Category
    language: str
    answer: str
    text: str
    public: bool
    score: float
    """How much of what was asked stands in it, from 0 to 1, rare words weighing more."""
    url: str | None
    """Where everybody may read it; None for an internal one."""


def search(
    desk: Desk,
    text: str,
    *,
    language: str | None = None,
    category: Category | None = None,
    public_only: bool = False,
    limit: int = 5,
    on: date | None = None,
) -> list[FoundArticle]:
    """The published articles that answer best, one a slug: in that language, or in the one that the question is in.

    `on` is the day on which they must hold; today in the policy's time zone.
    """
    with desk.transaction() as session:
        bring_in(session, desk)
        return find_articles(
            session, desk, text, language=language, category=category, public_only=public_only, limit=limit, on=on
        )


def find_articles(
    session: Session,
    desk: Desk,
    text: str,
    *,
    language: str | None = None,
    category: Category | None = None,
    public_only: bool = False,
    limit: int = 5,
    on: date | None = None,
) -> list[FoundArticle]:
    """`search` within a transaction, among the articles that were brought in."""
    topics = desk.policy.topics.find(text, category)
    ranked = [
        article
        for article in _ranked(session, desk, text, topics, language, on or today(desk))
        if (category is None or article.category == category) and (article.public or not public_only)
    ]
    return _once(_read(session, desk, ranked[: 2 * limit]))[:limit]  # a slug may be found in both languages


def article_for(session: Session, desk: Desk, complaint: Complaint, texts: Sequence[str]) -> FoundArticle | None:
    """The public article that a reply to this complaint may cite; None where none answers for certain.

    Certain is what reaches policy's score and is well ahead of the next article (articles.yaml). `texts` are the
    complainant's messages that the reply answers.
    """
    rules = desk.policy.articles
    if not rules.never_for.isdisjoint(complaint.risks):
        return None
    bring_in(session, desk)
    text, language = "\n".join(texts), "en" if complaint.language == "en" else "id"
    topics = desk.policy.topics.find(text, complaint.category)
    public = [
        replace(article, score=article.score * (NEAR_CATEGORY if article.category == complaint.category else 1))
        for article in _ranked(session, desk, text, topics, language, today(desk))
        if article.public
    ]
    if not public:
        return None
    best, *others = sorted(public, key=lambda article: -article.score)
    is_ahead = not others or best.score >= others[0].score * rules.ahead_by
    return _read(session, desk, [best])[0] if best.score >= rules.certain_from and is_ahead else None


@dataclass(frozen=True)
class Ranked:
    """An article by its number, with what decides its place."""

    id: int
    category: str
    public: bool
    score: float


def _ranked(
    session: Session, desk: Desk, text: str, topics: Sequence[str], language: str | None, on: date
) -> list[Ranked]:
    means = desk.policy.search_words
    words = means(text)
    return rank(knowledge.hits(session, words, topics, on, language, means), topics) if words else []


def rank(asked: Hits, topics: Sequence[str]) -> list[Ranked]:
    """The articles that have some of what was asked, the best first, newer before older.

    A word counts by how few articles have it: `ts_rank` alone would take a common word for as telling as a rare one. A
    topic that was heard in the question counts as several words; the first more than the next. A score of 1 is that of
    an article that is about every topic heard and whose title has every word asked.
    """
    worth = _worth(asked, topics)
    best = dict.fromkeys(asked.stems, 0.0)
    for (language, _), value in worth.items():
        best[language] += value
    found: dict[int, Hit] = {}
    scores: dict[int, float] = {}
    for hit, key in (*((hit, hit.stem) for hit in asked.words), *((hit, TOPIC + hit.stem) for hit in asked.topics)):
        found[hit.id] = hit
        scores[hit.id] = scores.get(hit.id, 0.0) + hit.weight * worth[hit.language, key] / best[hit.language]
    order = sorted(scores, key=lambda number: (-scores[number], -found[number].valid_from.toordinal(), number))
    return [Ranked(number, found[number].category, found[number].public, scores[number]) for number in order]


def _worth(asked: Hits, topics: Sequence[str]) -> dict[tuple[str, str], float]:
    """What each stem and each topic counts, in each language."""
    having = Counter((hit.language, hit.stem) for hit in asked.words)
    worth = {}
    for language, stems in asked.stems.items():
        articles = asked.articles[language]
        for stem in stems:
            with_it = having[language, stem]
            worth[language, stem] = log(1 + (articles - with_it + 0.5) / (with_it + 0.5))
        for place, topic in enumerate(topics):
            worth[language, TOPIC + topic] = TOPIC_WORTH * log(1 + (articles - 0.5) / 1.5) / (1 + place)
    return worth


def today(desk: Desk) -> date:
    """The day that articles must hold on, in the policy's time zone."""
    return desk.now().astimezone(desk.policy.calendar.zone).date()


def _read(session: Session, desk: Desk, ranked: Sequence[Ranked]) -> list[FoundArticle]:
    numbers = [article.id for article in ranked]
    articles = {
        article.id: article
        for article in session.execute(select(Article).where(col(Article.id).in_(numbers))).scalars()
    }
    return [_found(desk, articles[one.id], one.score) for one in ranked]


def _once(found: Iterable[FoundArticle]) -> list[FoundArticle]:
    """The first of each slug: the translations of one article are one answer."""
    first: dict[str, FoundArticle] = {}
    for article in found:
        first.setdefault(article.slug, article)
    return list(first.values())


def _found(desk: Desk, article: Article, score: float) -> FoundArticle:
    return FoundArticle(
        slug=article.slug,
        version=article.version,
        title=article.title,
        category=article.category,
        language=article.language,
        answer=article.answer,
        text=article.text,
        public=article.public,
        score=round(min(score, 1.0), 4),
        url=help_url(desk, article.slug) if article.public else None,
    )


def help_url(desk: Desk, slug: str) -> str:
    """The public page of an article."""
    return f"{desk.public_url}/help/{slug}"
