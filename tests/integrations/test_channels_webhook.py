"""Answers handed to a real HTTP server, signed."""

import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta

import pytest
from http_receiver import breaks_off, breaks_off_in_the_body, closed_port, is_silent, receiving, says

from db.clock import SetClock
from db.words import DeliveryKind, Visibility
from integrations.channels.base import Certainty, Outgoing, Sent, Target, TryAgain, Unknown
from integrations.channels.webhook import WebhookChannel
from integrations.http import Patience

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def channel(url: str, certainty: Certainty = Certainty.READ_BACK, **options) -> WebhookChannel:
    patience = Patience(connect=0.5, read=0.3, back_off=0.01, sleep=lambda seconds: None)
    return WebhookChannel(
        "webhook", url=url, secret="rahasia", certainty=certainty, clock=SetClock(NOW), patience=patience, **options
    )


def answer(**changes) -> Outgoing:
    fields = {
        "key": "dl-7",
        "text": "Terima kasih, Kak 😀",
        "visibility": Visibility.PUBLIC,
        "kind": DeliveryKind.REPLY,
        "channel": "webhook",
        "account": "default",
        "reference": "TG-1042",
        "target": Target(external_id="w-1", author_id="u1", thread="t-1"),
        "subject": "Paket",
    }
    return Outgoing(**{**fields, **changes})


def test_the_receiver_gets_the_text_signed():
    with receiving(says(200, b'{"platform_id": "p-1", "url": "https://a.example/p-1"}')) as receiver:
        sent = channel(receiver.url + "/hook").reply(answer())

    (request,) = receiver.received
    document = json.loads(request.body)
    stamp = request.headers["X-Tanggap-Timestamp"]
    expected = hmac.new(b"rahasia", stamp.encode() + b"." + request.body, hashlib.sha256).hexdigest()
    assert sent == Sent("p-1", "https://a.example/p-1")
    assert (request.method, request.path, request.headers["Idempotency-Key"]) == ("POST", "/hook", "dl-7")
    assert (stamp, request.headers["X-Tanggap-Signature"]) == (str(int(NOW.timestamp())), f"sha256={expected}")
    assert (document["text"], document["reference"], document["kind"]) == ("Terima kasih, Kak 😀", "TG-1042", "reply")
    assert document["to"] == {"id": "u1", "handle": None, "email": None, "thread": "t-1", "url": None}


@pytest.mark.parametrize("body", [b"", b"ok", b"[1]", b'{"platform_id": null}', b'{"platform_id": ""}', b"[" * 100_000])
def test_our_key_stands_for_a_name_that_the_receiver_does_not_give(body):
    with receiving(says(202, body)) as receiver:
        assert channel(receiver.url).reply(answer()).platform_id == "dl-7"


def test_a_number_is_a_name_too():
    with receiving(says(200, b'{"platform_id": 12}')) as receiver:
        assert channel(receiver.url).reply(answer()).platform_id == "12"


def test_a_taken_text_is_sent_also_where_the_answer_breaks_off():
    with receiving(breaks_off_in_the_body) as receiver:
        assert channel(receiver.url).reply(answer()).platform_id == "dl-7"


@pytest.mark.parametrize("fault", [breaks_off, is_silent, says(500)])
def test_a_doubtful_try_is_made_once(fault):
    with receiving(fault) as receiver, pytest.raises(Unknown):
        channel(receiver.url).reply(answer())

    assert len(receiver.received) == 1


def test_a_private_text_says_so():
    with receiving() as receiver:
        channel(receiver.url).message_privately(answer(visibility=Visibility.PRIVATE))

    assert json.loads(receiver.received[0].body)["visibility"] == "private"


def test_a_text_is_found_where_the_receiver_has_it():
    with receiving(says(200, b'{"platform_id": "p-1"}')) as receiver:
        assert channel(receiver.url + "/hook?tenant=2").find_own(answer(key="dl 7&x")) == Sent("p-1")

    assert receiver.received[0].path == "/hook?tenant=2&key=dl+7%26x"


def test_a_text_is_not_found_where_the_receiver_has_none():
    with receiving(says(404)) as receiver:
        assert channel(receiver.url).find_own(answer()) is None


@pytest.mark.parametrize(
    "fault", [breaks_off, breaks_off_in_the_body, says(500), says(200, b"<html>"), says(200, b"{}"), says(429)]
)
def test_an_answer_that_is_none_is_asked_for_again(fault):
    with receiving(fault) as receiver, pytest.raises(TryAgain):
        channel(receiver.url).find_own(answer())


def test_a_receiver_that_is_away_is_asked_again():
    with pytest.raises(TryAgain):
        channel(f"http://127.0.0.1:{closed_port()}").find_own(answer())


@pytest.mark.parametrize("certainty", [Certainty.IDEMPOTENT, Certainty.NEITHER])
def test_a_receiver_that_cannot_be_asked_is_not_asked(certainty):
    with receiving() as receiver:
        assert channel(receiver.url, certainty).find_own(answer()) is None

    assert receiver.received == []


def test_the_window_closes():
    doors = channel("http://a.example", window=timedelta(hours=24))
    heard = Target(last_heard_at=NOW - timedelta(hours=23))

    assert doors.can_reply(heard, Visibility.PRIVATE, NOW).until == NOW + timedelta(hours=1)
    assert doors.can_reply(heard, Visibility.PRIVATE, NOW + timedelta(hours=1)).why.startswith(
        "the reply window of 24 hours closed"
    )


def test_there_is_no_private_way_where_the_settings_say_so():
    doors = channel("http://a.example", private_talk=False)

    assert not doors.can_reply(Target(), Visibility.PRIVATE, NOW).ok
    assert doors.can_reply(Target(), Visibility.PUBLIC, NOW).ok
