"""Finds knowledge articles by words: PostgreSQL's full-text search with stemmers, and trigrams for what is misspelled.

The words come here as `policy.articles` reads them. Of an article the title weighs most (A), then how customers ask it
(B), its short answer (C) and its body (D).
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
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
        SELECT size.language, size.articles, stem.lexeme, asked.word
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
# Of each of these words the word of the articles that is spelled most like it.
_NEAREST = text("""
    WITH known AS (
        SELECT DISTINCT language, unnest(string_to_array(words, ' ')) AS word
        FROM article
        WHERE state = 'published' AND valid_from <= :on AND (valid_until IS NULL OR valid_until >= :on)
    )
    SELECT asked.language, asked.word, nearest.word AS near, nearest.alike
    FROM unnest(CAST(:languages AS text[]), CAST(:words AS text[])) AS asked(language, word)
    CROSS JOIN LATERAL (
        SELECT known.word, similarity(known.word, asked.word) AS alike
        FROM known
        WHERE known.language = asked.language AND length(known.word) >= :near_from
        ORDER BY alike DESC, known.word
        LIMIT 1
    ) AS nearest
    WHERE nearest.alike >= :alike_from
""")
_ABOUT = text("""
    SELECT article.language, topic AS lexeme, article.id, article.category, article.public, article.valid_from,
           1.0 AS found
    FROM unnest(CAST(:topics AS text[])) AS topic JOIN article ON topic = ANY(article.topics)
    WHERE state = 'published' AND valid_from <= :on AND (valid_until IS NULL OR valid_until >= :on)
""")
_FOUND, _NEAR, _TOPICS = "words found", "words alike", "topics found"
"""Where a session keeps what it was told of words and topics: a batch of texts shares most of them."""
NEAR_FROM = 5
"""Letters of a word that may be misspelled; shorter ones resemble too much."""
NEAR_MOST = 6
"""Words of a question that are looked for by their letters."""
ALIKE_FROM = 0.4
NEAR_WEIGHT = 0.7
"""What a word found by its letters counts, at its likeness, against one that is spelled right."""


@dataclass(frozen=True)
class Entry:
    """An article as it is found: each part of it in words already."""

    id: int
    language: str
    title: Sequence[str]
    asks: Sequence[str]
    answer: Sequence[str]
    body: Sequence[str]
    spellings: Sequence[str]
    """What a misspelled word of a question is compared with."""


def index(session: Session, articles: Sequence[Entry], indexed_by: str) -> None:
    """Write what these articles are found by."""
    if not articles:
        return
    for key in [key for key in session.info if isinstance(key, tuple) and key[0] in (_FOUND, _NEAR, _TOPICS)]:
        del session.info[key]
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
                "words": " ".join(one.spellings),
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


def hits(
    session: Session,
    words: Sequence[str],
    topics: Sequence[str],
    on: date,
    language: str | None,
    means: Callable[[str], Sequence[str]],
) -> Hits:
    """Which published articles that hold on that day have these words, and which are about these topics.

    `means` brings a word of the articles to what it is searched by.
    """
    rows = _exact(session, words, on, language)
    found = [_hit(row, row.lexeme) for row in rows if row.id is not None]
    lost = [row for row in rows if row.id is None and len(row.word) >= NEAR_FROM]
    found += _misspelled(session, lost[:NEAR_MOST], on, language, means)
    stems: dict[str, set[str]] = {}
    for row in rows:
        stems.setdefault(row.language, set()).add(row.lexeme)
    return Hits(
        found,
        [_hit(row, row.lexeme) for row in _about(session, topics, on) if row.language in stems],
        stems,
        {row.language: row.articles for row in rows},
    )


def _exact(session: Session, words: Iterable[str], on: date, language: str | None) -> Sequence[Row[Any]]:
    """Where these words stand; of words with one stem, the first. Asked of the database once a session."""
    asked = list(dict.fromkeys(words))
    known: dict[str, list[Row[Any]]] = session.info.setdefault((_FOUND, on, language), {})
    if new := [word for word in asked if word not in known]:
        known.update((word, []) for word in new)
        for row in session.execute(_EXACT, {"words": new, "on": on, "language": language, "weights": WEIGHTS}):
            known[row.word].append(row)
    told: dict[tuple[str, str], str] = {}
    return [row for word in asked for row in known[word] if told.setdefault((row.language, row.lexeme), word) == word]


def _about(session: Session, topics: Sequence[str], on: date) -> Sequence[Row[Any]]:
    """The articles about these topics."""
    known: dict[str, list[Row[Any]]] = session.info.setdefault((_TOPICS, on), {})
    if new := [topic for topic in topics if topic not in known]:
        known.update((topic, []) for topic in new)
        for row in session.execute(_ABOUT, {"topics": new, "on": on}):
            known[row.lexeme].append(row)
    return [row for topic in topics for row in known[topic]]


def _misspelled(
    session: Session,
    lost: Sequence[Row[Any]],
    on: date,
    language: str | None,
    means: Callable[[str], Sequence[str]],
) -> Iterator[Hit]:
    """What is found of words that no article has, read as the words of articles that look most like them."""
    if not lost:
        return
    known: dict[tuple[str, str], list[Row[Any]]] = session.info.setdefault((_NEAR, on), {})
    asked = [(row.language, row.word) for row in lost]
    if new := [one for one in asked if one not in known]:
        known.update((one, []) for one in new)
        given = {"languages": [spoken for spoken, _ in new], "words": [word for _, word in new]}
        for row in session.execute(_NEAREST, given | {"on": on, "near_from": NEAR_FROM, "alike_from": ALIKE_FROM}):
            known[row.language, row.word].append(row)
    near = [row for one in asked for row in known[one]]
    stems = {(row.language, row.word): row.lexeme for row in lost}
    read_as = {(row.language, word): row for row in near for word in means(row.near)}
    for row in _exact(session, (word for _, word in read_as), on, language) if read_as else ():
        spelled = read_as.get((row.language, row.word))
        if row.id is not None and spelled is not None:
            yield _hit(row, stems[row.language, spelled.word], NEAR_WEIGHT * spelled.alike)


def _hit(row: Row[Any], stem: str, share: float = 1.0) -> Hit:
    return Hit(row.id, row.language, row.category, row.public, row.valid_from, stem, float(row.found) * share)
