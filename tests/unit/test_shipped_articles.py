"""The shipped articles: the same facts in both languages, each resting on a document, and fit to be quoted."""

import re
from collections import Counter
from itertools import groupby

import pytest

from db.words import Kind, Visibility
from policy.guard import DraftText, Finding, check
from policy.knowledge import Article
from policy.loading import load_policy

POLICY = load_policy()
ARTICLES = POLICY.knowledge
PUBLIC = [article for article in ARTICLES if article.public]
BOTH = {slug: {one.language: one for one in group} for slug, group in groupby(ARTICLES, lambda one: one.slug)}
DOCUMENT = re.compile(r"\(((?:[A-Z][\w-]*|dan|and) ?){1,6}(?:v\d+)?, (?:butir|items?) \d+(?: (?:dan|and) \d+)?\)\.$")
LINK = re.compile(r"\[([^\]]+)\]\(([^)]+)\)")


@pytest.mark.parametrize("slug", BOTH)
def test_an_article_says_the_same_in_both_languages(slug: str) -> None:
    indonesian, english = BOTH[slug]["id"], BOTH[slug]["en"]

    for fact in ("category", "products", "topics", "valid_from", "valid_until", "owner", "public"):
        assert getattr(indonesian, fact) == getattr(english, fact), fact
    assert numbers(indonesian.body) == numbers(english.body)
    assert numbers(indonesian.answer) == numbers(english.answer)
    assert links(indonesian) == links(english)


def test_every_article_names_the_document_that_it_rests_on() -> None:
    begins = {"id": "**Dasar:** ", "en": "**Rests on:** "}

    for article in ARTICLES:
        assert article.body.splitlines()[-1].startswith(begins[article.language]), article.file.name
    assert [article.answer for article in PUBLIC if not DOCUMENT.search(article.answer)] == []


def test_links_lead_to_articles_that_customers_may_read() -> None:
    for article in ARTICLES:
        for said, slug in LINK.findall(article.body):
            there = BOTH[slug][article.language]
            assert there.public, article.file.name
            assert said == there.title, article.file.name


def test_every_answer_may_be_given_in_public_as_it_stands() -> None:
    found = {
        article.file.name: check(
            DraftText(article.answer, lang=article.language, kind=Kind.QUESTION, facts=(article.answer,)),
            POLICY.guardrails,
            POLICY.company,
        )
        for article in PUBLIC
    }

    assert {name: findings for name, findings in found.items() if findings} == {}


def test_every_whole_article_may_be_given_in_private() -> None:
    found = {
        article.file.name: check(
            DraftText(article.body, lang=article.language, kind=Kind.QUESTION, visibility=Visibility.PRIVATE),
            POLICY.guardrails,
            POLICY.company,
        )
        for article in PUBLIC
    }

    assert {name: quotes for name, findings in found.items() if (quotes := blocks(findings))} == {}


def blocks(findings: list[Finding]) -> list[tuple[str, str]]:
    return [(finding.rule, finding.quote) for finding in findings if finding.level == "block"]


def numbers(text: str) -> Counter[str]:
    """The numbers of a text; one times 24 hours is 24 hours."""
    return Counter(re.findall(r"\d+", text.replace("1 × 24", "24")))


def links(article: Article) -> list[str]:
    return [slug for _, slug in LINK.findall(article.body)]
