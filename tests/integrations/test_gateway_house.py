"""What every page carries, and what visitors read when something is wrong."""

import string
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests
from gateway_site import LATE_PARCEL, Visitor, listening, on_the_web, words_on
from sqlalchemy import text

from db.clock import SetClock
from db.session import make_engine
from db.tables import Complaint
from db.words import Category, DeliveryKind, State
from desk.gateway.board import Standing
from desk.gateway.language import LANGUAGES, Tongue, texts
from desk.gateway.states import state_name
from tasks.desk import Desk

NOW = datetime(2026, 3, 2, tzinfo=UTC)


@pytest.fixture
def web(desk: Desk, clock: SetClock) -> Desk:
    return on_the_web(desk, clock)


@pytest.fixture
def visitor(web: Desk, clock: SetClock) -> Iterator[Visitor]:
    with listening(web) as url:
        yield Visitor(url, clock)


def test_every_answer_is_guarded(visitor: Visitor) -> None:
    for path in ["/", "/board", "/t/unknown", "/nowhere", "/healthz", "/static/gateway.css"]:
        answer = visitor.get(path)

        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'self'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert answer.headers["Referrer-Policy"] == "no-referrer"


def test_pages_ask_for_nothing_from_other_hosts(visitor: Visitor) -> None:
    for path in ["/", "/board", "/nowhere"]:
        page = visitor.get(path).text

        assert "http://" not in page
        assert "https://" not in page
        assert "style=" not in page
        assert "onclick" not in page


def test_static_files_may_be_kept_by_their_version(visitor: Visitor) -> None:
    address = visitor.get("/").text.split('rel="stylesheet" href="')[1].split('"')[0]

    assert "immutable" in visitor.get(address).headers["Cache-Control"]
    assert visitor.get("/static/gateway.css").headers["Cache-Control"] == "no-cache"


def test_an_unknown_page_is_told_kindly(visitor: Visitor) -> None:
    for path in ["/nowhere", "/board/x/y", "/static/../app.py", "/static/nothing.css", "/%ff%fe"]:
        page = visitor.get(path)

        assert page.status_code == 404
        assert "Halaman ini tidak ada" in words_on(page)


def test_pages_can_be_asked_for_their_head(visitor: Visitor) -> None:
    for path in ("/", "/board", "/healthz"):
        assert requests.head(visitor.url + path, timeout=20).status_code == 200


def test_all_is_well(visitor: Visitor) -> None:
    answer = visitor.get("/healthz")

    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_a_database_that_is_behind_is_not_well(visitor: Visitor, web: Desk) -> None:
    with web.engine.begin() as connection:
        connection.execute(text("DELETE FROM alembic_version"))

    answer = visitor.get("/healthz")

    assert (answer.status_code, answer.json()["status"]) == (503, "migration")
    assert "tanggap db upgrade" in answer.json()["why"]


@pytest.fixture
def cut_off(web: Desk, clock: SetClock) -> Iterator[Visitor]:
    """A gateway whose database is away."""
    away = make_engine("postgresql+psycopg://nobody@127.0.0.1:1/nothing?connect_timeout=1")
    with listening(replace(web, engine=away)) as url:
        yield Visitor(url, clock)


def test_a_database_that_is_away_is_told_kindly(cut_off: Visitor) -> None:
    for path in ["/", "/board", "/t/abcdefghijklmnopqrstuvwxyz"]:
        page = cut_off.get(path)

        assert page.status_code == 503
        assert page.headers["Retry-After"]
        assert "Tunggu satu menit" in words_on(page)
        assert "Content-Security-Policy" in page.headers


def test_what_was_typed_is_given_back_when_the_database_is_away(cut_off: Visitor) -> None:
    page = cut_off.post("/complaints", text=LATE_PARCEL, stamp="x")

    assert page.status_code == 503
    assert LATE_PARCEL in page.text


def test_a_database_that_is_away_is_not_well(cut_off: Visitor) -> None:
    answer = cut_off.get("/healthz")

    assert (answer.status_code, answer.json()["status"]) == (503, "database")


def test_a_fault_of_ours_is_told_kindly(visitor: Visitor, web: Desk) -> None:
    with web.engine.begin() as connection:
        connection.execute(text("ALTER TABLE web_post RENAME TO web_post_gone"))

    page = visitor.get("/board")

    assert page.status_code == 500
    assert "Ada yang salah pada kami" in words_on(page)
    assert "web_post" not in page.text
    assert "Content-Security-Policy" in page.headers


def test_both_languages_say_the_same_things() -> None:
    first, *others = [texts(code) for code in LANGUAGES]

    for other in others:
        assert first.keys() == other.keys()
        for name, said in first.items():
            assert said, name
            assert set(_places(said)) == set(_places(other[name])), name


@pytest.mark.parametrize(("minutes", "said"), [(1, "again in a minute."), (2, "again in 2 minutes.")])
def test_one_minute_is_said_in_the_singular(minutes: int, said: str) -> None:
    assert Tongue("en").say("error_too_many", minutes=minutes).endswith(said)


def test_whatever_a_complaint_can_be_has_words() -> None:
    known = texts("id").keys()

    for kind in DeliveryKind:
        assert f"kind_{kind}" in known
    for category in Category:
        assert f"category_{category}" in known
    for standing in Standing:
        assert f"choice_{standing}" in known
    for state in State:
        complaint = Complaint(state=state, state_since=NOW, opened_at=NOW, channel="web", account="default")
        assert state_name(complaint) in known


def test_it_opens_the_desk_that_the_settings_name(
    database_url: str, clock: SetClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TANGGAP_DATABASE_URL", database_url)
    monkeypatch.setenv("TANGGAP_HOME", str(tmp_path / "home"))

    with listening(None) as url:
        answer = Visitor(url, clock).get("/healthz")

    assert answer.json() == {"status": "ok"}


def test_a_form_of_one_gateway_can_be_sent_to_another(web: Desk, visitor: Visitor, clock: SetClock) -> None:
    stamp = visitor.open_form()

    with listening(replace(web)) as other:
        page = Visitor(other, clock).post("/complaints", text=LATE_PARCEL, stamp=stamp)

    assert "/t/" in page.url


def _places(said: str) -> list[str]:
    return [place or "" for _, place, _, _ in string.Formatter().parse(said) if place is not None]
