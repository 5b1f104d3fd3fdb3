"""Finds knowledge articles by words: PostgreSQL's full-text search with stemmers, and trigrams for what is misspelled.

The words come here as `policy.articles` reads them. Of an article the title weighs most (A), then how customers ask it
(B), its short answer (C) and its body (D).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Row, text
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

# Every word of the question, once a language, as its stem, with the articles that have the stem (one row without an
# article where none has), and how many articles there are in the language.
_EXACT = text("""
    WITH standing AS (
        SELECT id, language, category, public, valid_from, search
        FROM article
        WHERE state = 'published' AND valid_from <= :on AND (valid_until IS NULL OR valid_until >= :on)
          AND (CAST(:language AS varchar) IS NULL OR language = :language)
    ), size AS (
        SELECT language, count(*) AS articles FROM standing GROUP BY language
    ), asked AS MATERIALIZED (
        SELECT DISTINCT ON (size.language, stem.lexeme) size.language, size.articles, stem.lexeme, asked.word
        FROM unnest(CAST(:words AS text[])) AS asked(word)
        CROSS JOIN (VALUES ('id', CAST('indonesian' AS regconfig)), ('en', CAST('english' AS regconfig)))
            AS stemmer(language, config)
        JOIN size ON size.language = stemmer.language
        CROSS JOIN LATERAL unnest(to_tsvector(stemmer.config, asked.word)) AS stem
    )
    SELECT asked.language, asked.lexeme, asked.word, asked.articles, article.id, article.category, article.public,
           article.valid_from,
           ts_rank(CAST(:weights AS real[]), article.search, plainto_tsquery('simple', asked.lexeme)) AS found
    FROM asked LEFT JOIN standing AS article
        ON article.language = asked.language AND article.search @@ plainto_tsquery('simple', asked.lexeme)
""")
_NEAR = text("""
    SELECT asked.language, asked.lexeme, asked.word, article.id, article.category, article.public, article.valid_from,
           strict_word_similarity(asked.word, article.words) * :weight AS found
    FROM unnest(CAST(:languages AS text[]), CAST(:lexemes AS text[]), CAST(:words AS text[]))
        AS asked(language, lexeme, word)
    JOIN article ON article.language = asked.language AND article.words %>> asked.word
    WHERE state = 'published' AND valid_from <= :on AND (valid_until IS NULL OR valid_until >= :on)
""")
_ABOUT = text("""
    SELECT article.language, topic AS lexeme, article.id, article.category, article.public, article.valid_from,
           1.0 AS found
    FROM unnest(CAST(:topics AS text[])) AS topic JOIN article ON topic = ANY(article.topics)
    WHERE state = 'published' AND valid_from <= :on AND (valid_until IS NULL OR valid_until >= :on)
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


@dataclass(frozen=True)
class Hit:
    """A word of the question, or a topic, in an article: how much it weighs there, from 0 to 1."""

    id: int
    language: str
    category: str
    public: bool
    valid_from: date
    stem: str
    weight: float


@dataclass(frozen=True)
class Hits:
    """Where what was asked stands."""

    words: Sequence[Hit]
    topics: Sequence[Hit]
    stems: Mapping[str, Collection[str]]
    """A language's stems of all words asked, found or not."""
    articles: Mapping[str, int]
    """How many a language has."""


def hits(session: Session, words: Sequence[str], topics: Sequence[str], on: date, language: str | None) -> Hits:
    """Which published articles that hold on that day have these words, and which are about these topics."""
    rows = session.execute(
        _EXACT, {"words": list(dict.fromkeys(words)), "on": on, "language": language, "weights": WEIGHTS}
    ).all()
    found = [_hit(row) for row in rows if row.id is not None]
    lost = [row for row in rows if row.id is None and len(row.word) >= NEAR_FROM]
    if lost:
        near = {
            "languages": [row.language for row in lost],
            "lexemes": [row.lexeme for row in lost],
            "words": [row.word for row in lost],
            "weight": NEAR_WEIGHT,
            "on": on,
        }
        found += [_hit(row) for row in session.execute(_NEAR, near)]
    stems: dict[str, set[str]] = {}
    for row in rows:
        stems.setdefault(row.language, set()).add(row.lexeme)
    about = session.execute(_ABOUT, {"topics": list(topics), "on": on}).all() if topics else ()
    return Hits(
        found,
        [_hit(row) for row in about if row.language in stems],
        stems,
        {row.language: row.articles for row in rows},
    )


def _hit(row: Row[Any]) -> Hit:
    return Hit(row.id, row.language, row.category, row.public, row.valid_from, row.lexeme, float(row.found))
