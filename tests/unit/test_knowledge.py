"""Articles: whole, in time, and found by what they answer."""

from pathlib import Path

import pytest

from policy.knowledge import read_articles
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


def test_the_shipped_articles_come_in_both_languages() -> None:
    articles = read_articles(POLICY / "knowledge")

    assert {a.category for a in articles if a.language == "id"} == {a.category for a in articles if a.language == "en"}
    assert all(article.answer.endswith(".") for article in articles)


def test_translations_share_the_name_of_their_files_up_to_the_language(tmp_path: Path) -> None:
    (tmp_path / "late-parcel.id.md").write_text(HEAD)
    (tmp_path / "late-parcel.en.md").write_text(HEAD.replace("language: id", "language: en"))

    assert [(a.slug, a.language) for a in read_articles(tmp_path)] == [("late-parcel", "en"), ("late-parcel", "id")]


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["Late_Parcel.id.md"], "small letters"),
        (["late-parcel.en.md"], "name it late-parcel.id.md"),
        (["late-parcel.id.md", "late-parcel.md"], "stands twice in this language (also in late-parcel.id.md)"),
    ],
)
def test_a_file_whose_name_says_something_else_is_refused(tmp_path: Path, names: list[str], said: str) -> None:
    for name in names:
        (tmp_path / name).write_text(HEAD)

    with pytest.raises(PolicyError) as refused:
        read_articles(tmp_path)

    assert said in refused.value.problems[0].message


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
        ("owner:", "topics: [Parcel Late]\nowner:", 7, "topics"),
        ("answer: Kami", f"answer: {'panjang ' * 40}", 9, "at most 200"),
    ],
)
def test_a_broken_article_is_named_with_its_line(tmp_path: Path, was: str, becomes: str, line: int, said: str) -> None:
    (tmp_path / "a.md").write_text(HEAD.replace(was, becomes))

    with pytest.raises(PolicyError) as refused:
        read_articles(tmp_path)

    (problem,) = refused.value.problems
    assert said in problem.message
    assert problem.line == line
