"""Questions in chat language and articles are brought to the same words, and rare words count more."""

from datetime import date
from pathlib import Path

import pytest

from db.knowledge import Hit, Hits
from policy.articles import ArticleRules
from policy.knowledge import read_article, read_articles
from policy.loading import Policy
from policy.reading import PolicyError, read_rules
from tasks.knowledge import rank

POLICY = Path(__file__).resolve().parents[2] / "policy"
DAY = date(2026, 1, 1)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("kak duit gw blm masuk2", ["uang", "belum", "masuk"]),
        ("Kurirnya bilang kiriman saya telat bgt!!", ["kurir", "paket", "telat"]),
        ("kedebet 2x, Rp 50.000, TG-1042?", ["kedebet", "kali", "tg"]),
        ("where is my parcel", ["paket"]),
        ("halo min, selamat pagi", []),
    ],
)
def test_chat_is_brought_to_the_words_that_articles_are_searched_by(
    policy: Policy, written: str, meant: list[str]
) -> None:
    assert policy.search_words(written) == meant


def test_a_word_cannot_stand_for_two_things(tmp_path: Path) -> None:
    rules = (POLICY / "articles.yaml").read_text().replace("- [uang,", "- [paket, uang,")
    (tmp_path / "articles.yaml").write_text(rules)

    with pytest.raises(PolicyError, match="`paket` stands in two lists"):
        read_rules(tmp_path / "articles.yaml", ArticleRules)


def test_an_article_written_out_is_read_as_the_same_version(tmp_path: Path) -> None:
    for article in read_articles(POLICY / "knowledge"):
        file = tmp_path / article.file.name
        file.write_text(article.as_file())
        assert read_article(file) == article.model_copy(update={"file": file})


def hit(article: int, stem: str, weight: float = 0.6) -> Hit:
    return Hit(article, "id", "delivery", True, DAY, stem, weight)


def asked(*words: Hit, topics: tuple[Hit, ...] = ()) -> Hits:
    return Hits(words, topics, {"id": {"kurir", "paket"}}, {"id": 20})


def test_a_rare_word_tells_more_than_a_common_one() -> None:
    common = [hit(article, "paket") for article in range(2, 12)]

    first, *_ = rank(asked(hit(1, "kurir"), *common), ())

    assert first.id == 1


def test_what_the_question_is_about_counts_beside_its_words() -> None:
    words = [hit(1, "paket"), hit(2, "paket")]

    first, second = rank(asked(*words, topics=(hit(2, "parcel_lost", 1.0),)), ("parcel_lost",))

    assert (first.id, second.id) == (2, 1)
    assert 0 < second.score < first.score <= 1
