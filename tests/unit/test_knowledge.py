"""Articles: whole, in time, and found by what they answer."""

from datetime import date
from pathlib import Path

import pytest

from db.words import Category
from policy.knowledge import article_for, read_articles
from policy.reading import PolicyError

POLICY = Path(__file__).resolve().parents[2] / "policy"
HEAD = """---
title: Paket terlambat
category: delivery
language: id
valid_from: 2026-01-01
valid_until: 2026-06-30
owner: cs-nia
public: true
answer: Kami telusuri ke kurir.
---

Isi.
"""
DAY = date(2026, 6, 30)


def test_the_shipped_articles_come_in_both_languages() -> None:
    articles = read_articles(POLICY / "knowledge")

    assert {a.category for a in articles if a.language == "id"} == {a.category for a in articles if a.language == "en"}
    assert all(article.answer.endswith(".") for article in articles)


def test_an_article_holds_through_its_last_day(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text(HEAD)
    articles = read_articles(tmp_path)

    assert article_for(Category.DELIVERY, "mixed", articles, DAY) == articles[0]
    assert article_for("delivery", "id", articles, date(2026, 7, 1)) is None
    assert article_for("delivery", "id", articles, date(2025, 12, 31)) is None


def test_the_newest_fitting_article_answers(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text(HEAD.replace("2026-01-01", "2026-03-01"))
    (tmp_path / "b.md").write_text(HEAD)

    found = article_for("delivery", "id", read_articles(tmp_path), DAY)

    assert found is not None
    assert found.file.name == "a.md"


@pytest.mark.parametrize(
    ("category", "language", "public"),
    [("billing", "id", "true"), ("delivery", "en", "true"), ("delivery", "id", "false")],
)
def test_another_category_language_or_an_internal_article_does_not(
    tmp_path: Path, category: str, language: str, public: str
) -> None:
    (tmp_path / "a.md").write_text(HEAD.replace("public: true", f"public: {public}"))

    assert article_for(category, language, read_articles(tmp_path), DAY) is None


@pytest.mark.parametrize(
    ("was", "becomes", "line", "said"),
    [
        ("category: delivery", "category: shipping", 3, "category"),
        ("2026-06-30", "2025-06-30", 1, "ends before"),
        ("owner: cs-nia\n", "", 1, "`owner`: is missing"),
        ("valid_from: 2026-01-01", "valid_from: soon", 5, "2026-01-31"),
        ("title: Paket", "title: [Paket", 3, "no YAML"),
        ("\nIsi.\n", "", 10, "nothing under it"),
        ("---\ntitle", "title", 1, "begins with its head"),
    ],
)
def test_a_broken_article_is_named_with_its_line(tmp_path: Path, was: str, becomes: str, line: int, said: str) -> None:
    (tmp_path / "a.md").write_text(HEAD.replace(was, becomes))

    with pytest.raises(PolicyError) as refused:
        read_articles(tmp_path)

    (problem,) = refused.value.problems
    assert said in problem.message
    assert problem.line == line
