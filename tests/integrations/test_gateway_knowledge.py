"""The help pages, and the answers that the complaint form suggests: what they show, and what they never do."""

import re
from collections.abc import Iterator
from datetime import date, timedelta

import pytest
import requests
from gateway_site import LATE_PARCEL, Visitor, listening, on_the_web, path_of, words_on
from sqlalchemy import func, select
from sqlmodel import col

from db.clock import SetClock
from db.tables import Article, ArticleOrigin, ArticleState, Complaint, Identity, Message, RateUse
from db.words import Category
from desk.gateway.rules import WebRules
from tasks.articles import bring_in_articles
from tasks.desk import Desk

TITLE = "Paket terlambat atau belum sampai"
SMALL = WebRules(searches_per_address=2, complaints_per_address=1)


@pytest.fixture
def web(desk: Desk, clock: SetClock) -> Desk:
    return on_the_web(desk, clock)


@pytest.fixture
def visitor(web: Desk, clock: SetClock) -> Iterator[Visitor]:
    with listening(web, WebRules(searches_per_address=1000)) as url:
        yield Visitor(url, clock)


def write(desk: Desk, text: str = "Isi.", **head: object) -> None:
    """An article of a person's own, published unless the head says otherwise."""
    article = Article(
        slug="made-by-hand",
        language="id",
        version="1",
        state=ArticleState.PUBLISHED,
        origin=ArticleOrigin.PERSON,
        title="Buatan tangan",
        category=Category.PRODUCT,
        answer="Jawaban pendek.",
        text=text,
        owner="cs-nia",
        public=True,
        valid_from=date(2026, 1, 1),
        author="cs-nia",
        written_at=desk.now(),
        published_by="pr-sari",
        published_at=desk.now(),
    )
    for name, value in head.items():
        setattr(article, name, value)
    bring_in_articles(desk)
    with desk.transaction() as session:
        session.add(article)


def count_of(desk: Desk, table: type[Complaint] | type[Message] | type[RateUse]) -> int:
    with desk.transaction() as session:
        return session.execute(select(func.count()).select_from(table)).scalar_one()


def test_the_list_shows_every_public_article_and_no_internal_one(visitor: Visitor, web: Desk) -> None:
    page = visitor.get("/help")

    slugs = set(re.findall(r'href="/help/([a-z0-9-]+)"', page.text))
    assert slugs == {article.slug for article in web.policy.knowledge if article.public}
    assert TITLE in words_on(page)
    assert "Petugas:" not in words_on(page)


def test_a_search_in_chat_spelling_finds_the_article(visitor: Visitor) -> None:
    page = visitor.get("/help?q=kak+pket+gw+blm+nyampe2")

    assert re.search(r'href="/help/([a-z-]+)"', page.text)[1] == "late-parcel"  # type: ignore[index]
    assert 'value="kak pket gw blm nyampe2"' in page.text


def test_a_search_without_a_find_shows_everything_and_the_way_to_the_form(visitor: Visitor) -> None:
    page = visitor.get("/help?q=qqqqqq+zzzzzz")

    assert "Belum ada panduan yang cocok" in words_on(page)
    assert TITLE in words_on(page)


def test_what_is_searched_for_stays_text(visitor: Visitor) -> None:
    page = visitor.get("/help", params={"q": '"><script>alert(1)</script> {asked} {{ 7*7 }}\x00'})

    assert page.status_code == 200
    assert "<script>alert" not in page.text
    assert "{{ 7*7 }}" in page.text


def test_an_article_is_read_in_the_visitors_language_under_one_lasting_address(visitor: Visitor, web: Desk) -> None:
    visitor.language = "en-GB,en;q=0.9"

    page = visitor.get("/help/refund-time")

    assert "When a refund arrives" in words_on(page)
    assert "<td>Credit card</td>" in page.text
    assert f'<link rel="canonical" href="{web.public_url}/help/refund-time?lang=en">' in page.text
    assert f'hreflang="id" href="{web.public_url}/help/refund-time?lang=id"' in page.text


def test_links_between_articles_keep_the_language_that_was_chosen(visitor: Visitor) -> None:
    page = visitor.get("/help/cancel-order?lang=en")

    assert 'href="/help/refund-time?lang=en"' in page.text


def test_an_article_that_is_not_translated_is_shown_as_it_is_and_marked(visitor: Visitor, web: Desk) -> None:
    write(web)

    page = visitor.get("/help/made-by-hand?lang=en")

    assert "not there in English yet" in words_on(page)
    assert '<article class="guide" lang="id">' in page.text


@pytest.mark.parametrize(
    "head",
    [
        {"public": False},
        {"valid_until": date(2026, 3, 1)},
        {"valid_from": date(2026, 3, 3)},
        {"state": ArticleState.PROPOSED, "published_by": None, "published_at": None},
        {"state": ArticleState.REPLACED},
        {"state": ArticleState.WITHDRAWN, "withdrawn_by": "cs-raka", "why": "Tidak berlaku lagi."},
    ],
    ids=["internal", "expired", "not yet in force", "proposed", "replaced", "withdrawn"],
)
def test_what_is_not_for_everybody_today_is_not_there(visitor: Visitor, web: Desk, head: dict[str, object]) -> None:
    write(web, **head)

    assert visitor.get("/help/made-by-hand").status_code == 404
    assert "Buatan tangan" not in visitor.get("/help").text
    assert "Buatan tangan" not in visitor.get("/help?q=buatan+tangan").text
    assert "Buatan tangan" not in visitor.post("/help/suggest", text="ini buatan tangan siapa").text


def test_an_article_holds_through_its_last_day_in_jakarta(visitor: Visitor, web: Desk, clock: SetClock) -> None:
    write(web, valid_until=date(2026, 3, 2))

    clock.set(clock.now() + timedelta(hours=14, minutes=59))  # 23:59 there
    assert visitor.get("/help/made-by-hand").status_code == 200
    clock.set(clock.now() + timedelta(minutes=1))
    assert visitor.get("/help/made-by-hand").status_code == 404


@pytest.mark.parametrize("path", ["/help/staff-tracing", "/help/nowhere", "/help/%00", "/help/../etc", "/help/suggest"])
def test_whatever_is_no_public_article_gets_a_friendly_page(visitor: Visitor, path: str) -> None:
    page = visitor.get(path)

    assert page.status_code == 404
    assert "Halaman ini tidak ada" in words_on(page)


def test_an_article_loads_and_runs_nothing(visitor: Visitor, web: Desk) -> None:
    write(
        web,
        "<script>alert(1)</script> <img src=x onerror=alert(1)> ![p](https://jahat.example/p.png) "
        "[a](javascript:alert(1)) [b](https://bpom.example/x) [c](refund-time)\n\n# Satu\n\n## Dua",
    )

    page = visitor.get("/help/made-by-hand")

    assert "<script>alert" not in page.text
    assert re.findall(r'<img[^>]+src="(?!/static/)', page.text) == []
    assert 'href="javascript:' not in page.text
    assert '<a href="https://bpom.example/x" rel="noopener noreferrer nofollow">b</a>' in page.text
    assert '<a href="/help/refund-time">c</a>' in page.text
    assert page.text.count("<h1>") == 1
    assert "<h2>Satu</h2>" in page.text


def test_the_form_suggests_at_most_three_articles_while_one_types(visitor: Visitor) -> None:
    piece = visitor.post("/help/suggest", text="kak paket saya belum sampai padahal sudah seminggu")

    slugs = re.findall(r'href="/help/([a-z-]+)"', piece.text)
    assert slugs[0] == "late-parcel"
    assert len(slugs) <= 3
    assert piece.headers["Cache-Control"] == "no-store"
    assert visitor.post("/help/suggest", text="hari ini hujan deras sekali ya").text.strip() == ""


def test_nothing_that_was_typed_is_kept(visitor: Visitor, web: Desk) -> None:
    visitor.post("/help/suggest", text="Saya Rani Wulandari, paket saya belum sampai")

    assert count_of(web, Message) == 0
    with web.transaction() as session:
        buckets = list(session.execute(select(RateUse.bucket)).scalars())
    assert len(buckets) == 1
    assert "203.0.113" not in buckets[0]


def test_before_it_is_sent_a_complaint_meets_the_articles_that_may_answer_it(visitor: Visitor, web: Desk) -> None:
    page = visitor.complain(name="Rani", contact="rani@contoh.example", number="INV-1", board="public", suggest="yes")

    assert path_of(page) == "/complaints"
    assert "Keluhan Anda belum terkirim" in words_on(page)
    assert TITLE in words_on(page)
    assert count_of(web, Complaint) == 0
    for typed in (
        LATE_PARCEL,
        'value="Rani"',
        'value="rani@contoh.example"',
        'value="INV-1"',
        'value="public" checked',
    ):
        assert typed in page.text


def test_one_more_click_sends_it_once_and_for_all(visitor: Visitor, web: Desk) -> None:
    step = visitor.complain(name="Rani", contact="rani@contoh.example", suggest="yes")
    hidden = dict(re.findall(r'type="hidden" name="([a-z]+)" value="([^"]*)"', step.text))

    page = visitor.post("/complaints", text=LATE_PARCEL, name="Rani", contact="rani@contoh.example", **hidden)

    assert path_of(page).startswith("/t/")
    assert count_of(web, Complaint) == 1
    with web.transaction() as session:
        assert session.execute(select(Identity.name)).scalar_one() == "Rani"


def test_a_complaint_that_no_article_answers_is_sent_at_once(visitor: Visitor) -> None:
    page = visitor.complain("Musik di gerai Kenanga tadi malam bising", suggest="yes")

    assert path_of(page).startswith("/t/")


def test_who_has_used_up_the_searches_still_sends(web: Desk, clock: SetClock) -> None:
    with listening(web, SMALL) as url:
        visitor = Visitor(url, clock)
        for _ in range(2):
            assert visitor.post("/help/suggest", text=LATE_PARCEL).status_code == 200
        refused = visitor.post("/help/suggest", text=LATE_PARCEL)
        searched = visitor.get("/help?q=paket")
        sent = visitor.post("/complaints", text=LATE_PARCEL, stamp=stamp_of(visitor, clock), suggest="yes")

    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) > 0
    assert searched.status_code == 429
    assert TITLE in words_on(searched)
    assert path_of(sent).startswith("/t/")


def stamp_of(visitor: Visitor, clock: SetClock) -> str:
    """The stamp of a form opened some seconds ago, while the searches are still used up."""
    return visitor.open_form(after=timedelta(seconds=3))


def test_the_step_between_uses_up_no_complaint(web: Desk, clock: SetClock) -> None:
    with listening(web, WebRules(complaints_per_address=1)) as url:
        visitor = Visitor(url, clock)
        visitor.complain(suggest="yes")
        page = visitor.complain()

    assert path_of(page).startswith("/t/")


def test_a_machine_gets_no_step_between(visitor: Visitor) -> None:
    page = visitor.complain(suggest="yes", situs="http://spam.example")

    assert "kami simpan" in words_on(page)


def test_the_help_pages_stay_up_to_date_with_what_people_publish(visitor: Visitor, web: Desk) -> None:
    assert visitor.get("/help/made-by-hand").status_code == 404
    write(web)
    assert visitor.get("/help/made-by-hand").status_code == 200

    with web.transaction() as session:
        article = session.execute(select(Article).where(col(Article.slug) == "made-by-hand")).scalar_one()
        article.state, article.withdrawn_by = ArticleState.WITHDRAWN, "cs-raka"
        session.add(article)

    assert visitor.get("/help/made-by-hand").status_code == 404


def test_every_page_of_help_is_without_strangers(visitor: Visitor, web: Desk) -> None:
    for path in (
        "/help",
        "/help?q=paket",
        *(f"/help/{article.slug}" for article in web.policy.knowledge if article.public),
    ):
        page: requests.Response = visitor.get(path)
        loaded = re.findall(
            r'<(?:link rel="(?:stylesheet|icon)"|script|img|iframe)[^>]+(?:src|href)="([^"]+)"', page.text
        )
        assert page.status_code == 200
        assert all(address.startswith("/static/") for address in loaded)
