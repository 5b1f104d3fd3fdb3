"""The company's own pages, on a real PostgreSQL."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine

from db.clock import SetClock
from db.session import transaction
from db.web import posts_on_page
from db.words import DeliveryKind, Visibility
from integrations.channels.base import Certainty, Outgoing, Target
from integrations.channels.web import WebChannel

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


@pytest.fixture
def web(engine: Engine) -> WebChannel:
    return WebChannel(engine, clock=SetClock(NOW))


def answer(**changes) -> Outgoing:
    fields = {
        "key": "dl-7",
        "text": "Terima kasih, Kak.",
        "visibility": Visibility.PUBLIC,
        "kind": DeliveryKind.REPLY,
        "channel": "web",
        "account": "default",
        "reference": "TG-1042",
        "target": Target(external_id="w-1", url="http://127.0.0.1:8472/board#TG-1042"),
    }
    return Outgoing(**{**fields, **changes})


def test_an_answer_stands_on_the_page(web, engine):
    sent = web.reply(answer())

    with transaction(engine) as session:
        (post,) = posts_on_page(session, ["TG-1042"])
    assert (post.text, post.visibility, post.kind, post.target) == (
        "Terima kasih, Kak.",
        Visibility.PUBLIC,
        DeliveryKind.REPLY,
        "w-1",
    )
    assert (sent.platform_id, sent.url, sent.at) == (f"web-{post.id}", "http://127.0.0.1:8472/board#TG-1042", NOW)


def test_an_answer_stands_there_once_for_its_key(web, engine):
    first = web.reply(answer())

    assert web.reply(answer()) == first
    with transaction(engine) as session:
        assert len(posts_on_page(session, ["TG-1042"])) == 1


def test_an_answer_stands_there_once_however_many_send_it_at_once(web, engine):
    with ThreadPoolExecutor(8) as pool:
        sent = list(pool.map(lambda _: web.reply(answer()), range(24)))

    assert len(set(sent)) == 1
    with transaction(engine) as session:
        assert len(posts_on_page(session, ["TG-1042"])) == 1


def test_an_answer_is_found_again(web):
    before = web.find_own(answer())

    sent = web.reply(answer())

    assert web.certainty is Certainty.IDEMPOTENT
    assert (before, web.find_own(answer())) == (None, sent)


def test_a_private_answer_is_not_on_the_board(web, engine):
    web.reply(answer())
    web.message_privately(answer(key="dl-8", visibility=Visibility.PRIVATE, text="Nomor Kakak kami simpan."))

    with transaction(engine) as session:
        assert [post.key for post in posts_on_page(session, ["TG-1042"], Visibility.PUBLIC)] == ["dl-7"]
        assert [post.key for post in posts_on_page(session, ["TG-1042"])] == ["dl-7", "dl-8"]


def test_a_page_shows_its_own_posts(web, engine):
    web.reply(answer())
    web.reply(answer(key="dl-9", reference="TG-2"))

    with transaction(engine) as session:
        assert [post.key for post in posts_on_page(session, ["TG-2"])] == ["dl-9"]
