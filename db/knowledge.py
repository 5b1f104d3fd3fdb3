"""Finds knowledge articles by words: PostgreSQL's full-text search with stemmers, and trigrams for what is misspelled.

The words come here as `policy.articles` reads them. Of an article the title weighs most (A), then how customers ask it
(B), its short answer (C) and its body (D). `ts_rank` alone would take a common word for as telling as a rare one, so
each word's rank is weighed by how few articles have it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import text
from sqlmodel import Session

WEIGHTS = [0.1, 0.45, 0.9, 1.0]
"""Of the body, the answer, the questions, the title."""
STEMMERS = {"id": "indonesian", "en": "english"}

_INDEX = text("""
    UPDATE article
    SET search = setweight(to_tsvector(CAST(:stemmer AS regconfig), :title), 'A')
              || setweight(to_tsvector(CAST(:stemmer AS regconfig), :asks), 'B')
              || setweight(to_tsvector(CAST(:stemmer AS regconfig), :answer), 'C')
              || setweight(to_tsvector(CAST(:stemmer AS regconfig), :body), 'D'),
        words = :words,
        indexed_by = :indexed_by
    WHERE id = :id
""")

# `asked`: each word of the question, once a language, as its stem. `exact`: the articles that have the stem. `near`: for
# a stem that no article has, the articles with a word spelled much like it. The best possible score is that of an
# article whose title has every word asked, so a score says how much of the question stands in the article.
_RANKED = text("""
    WITH standing AS (
        SELECT id, language, category, public, valid_from, words, search
        FROM article
        WHERE state = 'published' AND valid_from <= :on AND (valid_until IS NULL OR valid_until >= :on)
          AND (CAST(:language AS varchar) IS NULL OR language = :language)
    ), size AS (
        SELECT language, count(*) AS articles FROM standing GROUP BY language
    ), asked AS (
        SELECT DISTINCT ON (stemmers.language, stem.lexeme) stemmers.language, stem.lexeme, asked.word
        FROM unnest(CAST(:words AS text[])) AS asked(word)
        CROSS JOIN (VALUES ('id', CAST('indonesian' AS regconfig)), ('en', CAST('english' AS regconfig)))
            AS stemmers(language, config)
        CROSS JOIN LATERAL unnest(to_tsvector(stemmers.config, asked.word)) AS stem
        JOIN size ON size.language = stemmers.language
        ORDER BY stemmers.language, stem.lexeme, asked.word
    ), exact AS (
        SELECT article.id, asked.language, asked.lexeme,
               ts_rank(CAST(:weights AS real[]), article.search, plainto_tsquery('simple', asked.lexeme)) AS found
        FROM asked JOIN standing AS article
            ON article.language = asked.language AND article.search @@ plainto_tsquery('simple', asked.lexeme)
    ), near AS (
        SELECT article.id, asked.language, asked.lexeme,
               strict_word_similarity(asked.word, article.words) * :near_weight AS found
        FROM asked JOIN standing AS article ON article.language = asked.language AND article.words %>> asked.word
        WHERE length(asked.word) >= :near_from
          AND NOT EXISTS (
              SELECT FROM exact WHERE exact.language = asked.language AND exact.lexeme = asked.lexeme
          )
    ), found AS (
        SELECT * FROM exact UNION ALL SELECT * FROM near
    ), worth AS (
        SELECT asked.language, asked.lexeme,
               ln(1 + (size.articles - count(found.id) + 0.5) / (count(found.id) + 0.5)) AS worth
        FROM asked
        JOIN size ON size.language = asked.language
        LEFT JOIN found ON found.language = asked.language AND found.lexeme = asked.lexeme
        GROUP BY asked.language, asked.lexeme, size.articles
    ), best AS (
        SELECT language, sum(worth) AS best FROM worth GROUP BY language
    )
    SELECT article.id, sum(found.found * worth.worth) / best.best AS score
    FROM found
    JOIN worth ON worth.language = found.language AND worth.lexeme = found.lexeme
    JOIN best ON best.language = found.language
    JOIN standing AS article ON article.id = found.id
    WHERE (CAST(:category AS varchar) IS NULL OR article.category = :category) AND (article.public OR NOT :public_only)
    GROUP BY article.id, article.valid_from, best.best
    ORDER BY score DESC, article.valid_from DESC, article.id
    LIMIT :limit
""")
NEAR_FROM = 5
"""Letters of a word that may be misspelled; shorter ones resemble too much."""
NEAR_WEIGHT = 0.6


@dataclass(frozen=True)
class Entry:
    """An article as it is found: each part of it in words already."""

    id: int
    language: str
    title: Sequence[str]
    asks: Sequence[str]
    answer: Sequence[str]
    body: Sequence[str]


def index(session: Session, articles: Sequence[Entry], indexed_by: str) -> None:
    """Write what these articles are found by."""
    if not articles:
        return
    session.execute(
        _INDEX,
        [
            {
                "id": one.id,
                "stemmer": STEMMERS[one.language],
                "title": " ".join(one.title),
                "asks": " ".join(one.asks),
                "answer": " ".join(one.answer),
                "body": " ".join(one.body),
                "words": " ".join(dict.fromkeys((*one.title, *one.asks, *one.answer))),
                "indexed_by": indexed_by,
            }
            for one in articles
        ],
    )


def ranked(
    session: Session,
    words: Sequence[str],
    on: date,
    *,
    language: str | None,
    category: str | None,
    public_only: bool,
    limit: int,
) -> list[tuple[int, float]]:
    """Published articles that hold on that day, by number, with how much of what was asked stands in them (0 to 1)."""
    if not words:
        return []
    rows = session.execute(
        _RANKED,
        {
            "words": list(dict.fromkeys(words)),
            "on": on,
            "language": language,
            "category": category,
            "public_only": public_only,
            "limit": limit,
            "weights": WEIGHTS,
            "near_from": NEAR_FROM,
            "near_weight": NEAR_WEIGHT,
        },
    )
    return [(number, float(score)) for number, score in rows]
