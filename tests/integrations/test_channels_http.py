"""What the wire does, in the outbox's three words, against a real server."""

from datetime import UTC, datetime

import pytest
import requests
from http_receiver import (
    Handler,
    breaks_off,
    breaks_off_in_the_body,
    closed_port,
    drips,
    hangs_up,
    is_silent,
    receiving,
    says,
)

from integrations.channels.base import LockedOut, Never, TryAgain, Unknown
from integrations.http import ANSWER_BYTES, Patience, call, new_session, retry_after, wait_asked_for

SHORT = Patience(connect=0.5, read=0.3, back_off=0.01, sleep=lambda seconds: None)


def send(url: str, method: str = "POST", **options):
    with new_session() as session:
        return call(session, method, url, patience=SHORT, **options)


def test_an_answer_comes_back_whole():
    with receiving(says(201, b"taken", X_Name="a")) as receiver:
        answer = send(receiver.url, data=b"text")

    assert (answer.status, answer.body, answer.whole, answer.headers["X-Name"]) == (201, b"taken", True, "a")
    assert receiver.received[0].headers["User-Agent"].startswith("tanggap/")


@pytest.mark.parametrize("url", ["http://127.0.0.1:{port}/", "http://no-such-host.invalid/"])
@pytest.mark.parametrize("method", ["POST", "GET"])
def test_what_cannot_be_reached_was_not_sent(url, method):
    with pytest.raises(TryAgain, match="cannot be reached"):
        send(url.format(port=closed_port()), method)


@pytest.mark.parametrize("fault", [breaks_off, hangs_up, is_silent])
def test_a_line_that_breaks_after_the_request_left_is_unknown(fault):
    with receiving(fault) as receiver, pytest.raises(Unknown, match="look there"):
        send(receiver.url, data=b"text")

    assert len(receiver.received) == 1


@pytest.mark.parametrize("fault", [breaks_off, hangs_up, is_silent])
def test_a_question_on_a_line_that_breaks_is_asked_again(fault):
    with receiving(fault, says(200, b"yes")) as receiver:
        assert send(receiver.url, "GET").body == b"yes"

    assert len(receiver.received) == 2


def test_a_text_leaves_on_a_connection_of_its_own_which_the_server_is_not_about_to_end():
    lines: list[tuple[str, int]] = []

    def keeps_the_line(handler: Handler) -> None:
        lines.append(handler.client_address)
        says(200, b"yes")(handler)

    with receiving(keeps_the_line) as receiver, new_session() as session:
        for method in ("GET", "GET", "POST", "GET"):
            call(session, method, receiver.url, patience=SHORT)

    first, second, third, fourth = lines
    assert (first == second, second == third, third == fourth) == (True, False, True)


def test_a_question_is_not_asked_for_ever():
    with receiving(breaks_off) as receiver, pytest.raises(TryAgain):
        send(receiver.url, "GET")

    assert len(receiver.received) == 3


@pytest.mark.parametrize(
    ("status", "fields", "after"),
    [
        (429, {"Retry_After": "7"}, 7.0),
        (429, {}, None),
        (503, {"Retry_After": "120"}, 120.0),
        (429, {"Retry_After": "x"}, None),
    ],
)
def test_a_server_that_asks_us_to_wait_took_nothing(status, fields, after):
    with receiving(says(status, **fields)) as receiver, pytest.raises(TryAgain) as caught:
        send(receiver.url, data=b"text")

    assert caught.value.after == after
    assert len(receiver.received) == 1


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504, 599])
def test_a_server_that_fails_may_have_taken_it(status):
    with receiving(says(status)) as receiver, pytest.raises(Unknown, match=str(status)):
        send(receiver.url, data=b"text")

    assert len(receiver.received) == 1


@pytest.mark.parametrize("status", [400, 403, 404, 409, 410, 413, 422])
@pytest.mark.parametrize("method", ["POST", "GET"])
def test_a_refusal_stays_one(status, method):
    with receiving(says(status)) as receiver, pytest.raises(Never, match=str(status)):
        send(receiver.url, method)

    assert len(receiver.received) == 1


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(status):
    with (
        receiving() as elsewhere,
        receiving(says(status, Location=elsewhere.url)) as receiver,
        pytest.raises(Never, match="not followed"),
    ):
        send(receiver.url, data=b"text")

    assert elsewhere.received == []


def test_a_question_waits_as_long_as_it_is_asked_to():
    slept: list[float] = []
    with (
        receiving(says(503, Retry_After="2"), says(429, Retry_After="3"), says(200)) as receiver,
        new_session() as session,
    ):
        call(session, "GET", receiver.url, patience=Patience(sleep=slept.append))

    assert slept == [2.0, 3.0]


def test_a_long_wait_is_left_to_the_outbox():
    with receiving(says(503, Retry_After="3600")) as receiver, pytest.raises(TryAgain) as caught:
        send(receiver.url, "GET")

    assert caught.value.after == 3600
    assert len(receiver.received) == 1


def test_an_expected_status_is_an_answer():
    with receiving(says(404)) as receiver:
        assert send(receiver.url, "GET", expected=frozenset({404})).status == 404


def test_an_answer_that_breaks_off_is_not_whole():
    with receiving(breaks_off_in_the_body) as receiver:
        answer = send(receiver.url, data=b"text")

    assert (answer.status, answer.whole) == (200, False)


def test_an_answer_that_drips_without_end_is_cut_in_time(monkeypatch):
    monkeypatch.setattr("integrations.http.ANSWER_SECONDS", 1.0)
    with receiving(drips(in_the_head=False)) as receiver:
        answer = send(receiver.url, data=b"text")

    assert (answer.status, answer.whole) == (200, False)


@pytest.mark.parametrize(("method", "error"), [("POST", Unknown), ("GET", TryAgain)])
def test_an_answer_whose_head_drips_without_end_is_none(method, error, monkeypatch):
    monkeypatch.setattr("integrations.http.ANSWER_SECONDS", 1.0)
    with receiving(drips(in_the_head=True)) as receiver, pytest.raises(error):
        send(receiver.url, method)


def test_after_an_answer_that_dripped_the_same_session_goes_on(monkeypatch):
    monkeypatch.setattr("integrations.http.ANSWER_SECONDS", 1.0)
    with receiving(drips(in_the_head=False), says(200, b"yes")) as receiver, new_session() as session:
        call(session, "POST", receiver.url, patience=SHORT)
        answers = [call(session, "GET", receiver.url, patience=SHORT) for _ in range(2)]

    assert [(answer.body, answer.whole) for answer in answers] == [(b"yes", True)] * 2


def test_an_endless_answer_is_cut():
    with receiving(says(200, b"x" * (3 * ANSWER_BYTES))) as receiver:
        answer = send(receiver.url, "GET")

    assert (len(answer.body), answer.whole) == (ANSWER_BYTES, False)


@pytest.mark.parametrize("url", ["no address", "ftp://a.example/", "http://", "http://a b/?token=secret"])
def test_an_address_that_is_none_is_never_used(url):
    with pytest.raises((Never, TryAgain)) as caught:
        send(url)

    assert "secret" not in str(caught.value)


def test_a_server_without_tls_took_nothing_over_https_that_we_would_send_twice():
    with receiving() as receiver, pytest.raises((TryAgain, Unknown)):
        send(receiver.url.replace("http:", "https:"), data=b"text")

    assert receiver.received == []


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("", None),
        ("5", 5.0),
        (" 5 ", 5.0),
        ("-5", None),
        ("1.5", None),
        ("99999999999999", 86400.0),
        ("٣", None),
        ("Mon, 02 Mar 2026 12:01:00 GMT", 60.0),
        ("Mon, 02 Mar 2026 11:00:00 GMT", 0.0),
        ("soon", None),
    ],
)
def test_what_retry_after_asks_for(value, seconds):
    assert retry_after(value, datetime(2026, 3, 2, 12, 0, tzinfo=UTC)) == seconds


def test_a_session_retries_nothing_by_itself():
    with new_session() as session:
        assert session.get_adapter("https://a.example").max_retries.total == 0
        assert isinstance(session, requests.Session)


def test_a_redirect_to_what_is_no_address_is_not_followed():
    with receiving(says(302, Location="http://[/")) as other, pytest.raises(Never, match="not followed"):
        call(new_session(), "POST", other.url, patience=SHORT)


def test_contradicting_lengths_of_an_answer_hide_whether_it_was_taken():
    with receiving(says(200, b"{}", Content_Length="2, 3")) as other, pytest.raises(Unknown):
        call(new_session(), "POST", other.url, patience=SHORT)


def test_credentials_that_are_not_taken_lock_us_out_and_are_not_tried_again():
    with receiving(says(401)) as other, pytest.raises(LockedOut):
        call(new_session(), "GET", other.url, patience=SHORT)

    assert len(other.received) == 1


@pytest.mark.parametrize(
    ("fields", "seconds"),
    [
        ({"x-rate-limit-reset": "1795354664"}, 60),
        ({"X-RateLimit-Reset": "2026-11-22T13:37:44Z"}, 60),
        ({"RateLimit-Reset": "45"}, 45),
        ({"Retry-After": "7", "x-rate-limit-reset": "1795354664"}, 7),
    ],
)
def test_the_reset_of_a_limit_is_read_by_the_servers_own_clock(fields, seconds):
    there = {"Date": "Sun, 22 Nov 2026 13:36:44 GMT"}

    assert wait_asked_for(there | fields, datetime(2026, 11, 22, 14, 40, tzinfo=UTC)) == seconds


def test_what_knows_better_than_the_status_is_asked():
    def explained(answer, *, safe):
        return Never("the post is gone", "gone") if b"gone" in answer.body else None

    with receiving(says(400, b"it is gone")) as other, pytest.raises(Never) as raised:
        call(new_session(), "POST", other.url, patience=SHORT, explain=explained)

    assert raised.value.kind == "gone"
