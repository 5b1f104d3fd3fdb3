"""Finds the article that answers: for people who search, for the form that suggests, for a draft that may cite it."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
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
LOOKED_AT = 12
"""Articles whose words match best; among these the category may change the order."""


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
    means = desk.policy.search_words
    words = means(text)
    if not words:
        return []
    topics = desk.policy.topics.find(text, category)
    asked = knowledge.hits(session, words, topics, on or today(desk), language, means)

    def is_wanted(hit: Hit) -> bool:
        return (category is None or hit.category == category) and (hit.public or not public_only)

    ranked = rank(asked, topics, is_wanted)[: 2 * limit]  # a slug may be found in both languages
    return _once(_read(session, desk, ranked))[:limit]


def rank(asked: Hits, topics: Sequence[str], is_wanted: Callable[[Hit], bool]) -> list[tuple[int, float]]:
    """The wanted articles, the best first, newer before older, each with its score.

    A word counts by how few articles have it: `ts_rank` alone would take a common word for as telling as a rare one. A
    topic that was heard in the question counts as several words; the first more than the next. A score of 1 is that of
    an article that is about every topic heard and whose title has every word asked.
    """
    having = Counter((hit.language, hit.stem) for hit in asked.words)
    worth: dict[tuple[str, str], float] = {}
    best: dict[str, float] = {}
    for language, stems in asked.stems.items():
        articles = asked.articles[language]
        rarest = log(1 + (articles - 0.5) / 1.5)
        for stem in stems:
            with_it = having[language, stem]
            worth[language, stem] = log(1 + (articles - with_it + 0.5) / (with_it + 0.5))
        for place, topic in enumerate(topics):
            worth[language, TOPIC + topic] = rarest * TOPIC_WORTH / (1 + place)
        best[language] = sum(value for (spoken, _), value in worth.items() if spoken == language)
    scores: dict[tuple[int, date], float] = {}
    for hit, key in (*((hit, hit.stem) for hit in asked.words), *((hit, TOPIC + hit.stem) for hit in asked.topics)):
        if is_wanted(hit):
            found = hit.weight * worth[hit.language, key] / best[hit.language]
            scores[hit.id, hit.valid_from] = scores.get((hit.id, hit.valid_from), 0.0) + found
    order = sorted(scores.items(), key=lambda one: (-one[1], -one[0][1].toordinal(), one[0][0]))
    return [(number, score) for (number, _), score in order]


def article_for(session: Session, desk: Desk, complaint: Complaint, texts: Sequence[str]) -> FoundArticle | None:
    """The public article that a reply to this complaint may cite; None where none answers for certain.

    Certain is what reaches policy's score and is well ahead of the next article (articles.yaml). `texts` are the
    complainant's messages that the reply answers.
    """
    rules = desk.policy.articles
    if not rules.never_for.isdisjoint(complaint.risks):
        return None
    bring_in(session, desk)
    language = "en" if complaint.language == "en" else "id"
    found = find_articles(session, desk, "\n".join(texts), language=language, public_only=True, limit=LOOKED_AT)
    weighed = sorted(
        (
            (article.score * (NEAR_CATEGORY if article.category is complaint.category else 1), article)
            for article in found
        ),
        key=lambda pair: -pair[0],
    )
    if not weighed:
        return None
    (score, best), *others = weighed
    ahead = not others or score >= others[0][0] * rules.ahead_by
    return best if score >= rules.certain_from and ahead else None


def today(desk: Desk) -> date:
    """The day that articles must hold on, in the policy's time zone."""
    return desk.now().astimezone(desk.policy.calendar.zone).date()


def _read(session: Session, desk: Desk, ranked: Sequence[tuple[int, float]]) -> list[FoundArticle]:
    numbers = [number for number, _ in ranked]
    articles = {
        article.id: article
        for article in session.execute(select(Article).where(col(Article.id).in_(numbers))).scalars()
    }
    return [_found(desk, articles[number], score) for number, score in ranked]


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
        score=round(score, 4),
        url=help_url(desk, article.slug) if article.public else None,
    )


def help_url(desk: Desk, slug: str) -> str:
    """The public page of an article."""
    return f"{desk.public_url}/help/{slug}"
