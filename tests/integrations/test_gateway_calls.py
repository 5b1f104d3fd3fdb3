"""The door where platforms call us, over HTTP: what is believed is stored before it is answered."""

import hashlib
import hmac
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
import requests
from gateway_site import listening
from pydantic import SecretStr
from sqlalchemy import create_engine, select

from db.clock import SetClock
from db.tables import Delivery, Message, Quarantined
from db.words import Visibility
from integrations.channels.base import Asked, Channel, Heard
from integrations.channels.registry import Channels
from integrations.channels.sandbox import SandboxChannel
from integrations.channels.unset import UnsetChannel
from integrations.record import Bounced, Incoming, Item, LeftOut, Removed, Unreadable
from tasks.collect import hear
from tasks.desk import Desk
from tasks.record import record

SECRET = SecretStr("rahasia sekali")


class Signed(SandboxChannel):
    """A platform that calls us, in a form of its own: a list of records, signed over the raw body."""

    def __init__(self, name: str, clock: SetClock, account: str = "default") -> None:
        super().__init__(name, account, clock=clock)
        self.asked: list[Asked] = []

    def hear(self, asked: Asked) -> Heard:
        self.asked.append(asked)
        if asked.method in ("GET", "HEAD"):
            return Heard(body=asked.query.get("challenge", "").encode())
        given = asked.headers.get("x-signature", "")
        if not hmac.compare_digest(given.encode(), signature(asked.body).encode()):
            return Heard.refuse("the signature does not fit the body")
        items = [self._item(one) for one in json.loads(asked.body)]
        return Heard(tuple(items), 202, b'{"ok":true}', "application/json")

    def _item(self, one: dict[str, Any]) -> Item:
        at = {"channel": self.name, "account": self.account, "place": one["id"], "raw": json.dumps(one).encode()}
        if "text" in one:
            said = {"external_id": one["id"], "text": one["text"], "posted_at": self._clock.now()}
            return Incoming(**at, **said, visibility=Visibility.PUBLIC, addressed=True)
        if one.get("gone"):
            return Removed(**at, external_id=one["id"])
        if one.get("bounced"):
            return Bounced(**at, platform_id=one["id"], why="blocked")
        if one.get("ours"):
            return LeftOut(one["id"], "our own", at["raw"])
        return Unreadable(one["id"], "it has no text", at["raw"], self.name)


def signature(body: bytes) -> str:
    return hmac.new(SECRET.get_secret_value().encode(), body, hashlib.sha256).hexdigest()


@pytest.fixture
def x(clock: SetClock) -> Signed:
    return Signed("x", clock)


@pytest.fixture
def called(desk: Desk, clock: SetClock, x: Signed) -> Desk:
    """A desk with two accounts on a platform that calls, one that does not, and one without its settings."""
    channels: dict[tuple[str, str], Channel] = {
        ("x", "default"): x,
        ("x", "toko"): Signed("x", clock, "toko"),
        ("email", "default"): SandboxChannel("email", clock=clock),
        ("facebook", "default"): UnsetChannel("facebook", "default", "set the environment variable TANGGAP_F"),
    }
    return replace(desk, channels=Channels(channels), public_url="https://keluhan.example")


@pytest.fixture
def url(called: Desk) -> Iterator[str]:
    with listening(called) as url:
        yield url


def call(url: str, *records: dict[str, Any], path: str = "/in/x", signed: str | None = None) -> requests.Response:
    body = json.dumps(records).encode()
    headers = {"X-Signature": signature(body) if signed is None else signed}
    return requests.post(url + path, data=body, headers=headers, timeout=20)


def stored(desk: Desk) -> list[tuple[str, str]]:
    with desk.transaction() as session:
        return sorted((one.account, one.text) for one in session.execute(select(Message)).scalars())


def quarantined(desk: Desk) -> list[Quarantined]:
    with desk.transaction() as session:
        return list(session.execute(select(Quarantined)).scalars())


def post(number: int = 1, text: str = "paket saya belum sampai") -> dict[str, Any]:
    return {"id": f"p-{number}", "text": text}


# Believed


def test_a_call_that_is_believed_is_stored_when_it_is_answered(url: str, called: Desk) -> None:
    answer = call(url, post())

    assert (answer.status_code, answer.text, answer.headers["content-type"]) == (202, '{"ok":true}', "application/json")
    assert stored(called) == [("default", "paket saya belum sampai")]


def test_a_call_that_comes_again_is_stored_once(url: str, called: Desk) -> None:
    for _ in range(3):
        assert call(url, post()).status_code == 202

    assert len(stored(called)) == 1


def test_each_account_has_an_address_of_its_own(url: str, called: Desk) -> None:
    call(url, post(1, "satu"), path="/in/x/toko")
    call(url, post(1, "dua"), path="/in/x/default")

    assert stored(called) == [("default", "dua"), ("toko", "satu")]


def test_one_record_that_cannot_be_read_does_not_lose_the_others(url: str, called: Desk) -> None:
    assert call(url, post(1), {"id": "p-2"}, post(3, "tiga"), {"id": "o-4", "ours": True}).status_code == 202

    assert [text for _, text in stored(called)] == ["paket saya belum sampai", "tiga"]
    assert [row.reason for row in quarantined(called)] == ["it has no text"]


def test_one_record_that_cannot_be_stored_does_not_lose_the_others(url: str, called: Desk) -> None:
    assert call(url, post(1), post(2, "rusak\x00"), post(3, "tiga")).status_code == 202

    assert [text for _, text in stored(called)] == ["paket saya belum sampai", "tiga"]
    assert len(quarantined(called)) == 1


def test_more_records_than_fit_one_transaction_are_all_stored(url: str, called: Desk) -> None:
    assert call(url, *(post(number, f"pesan nomor {number}") for number in range(1_100))).status_code == 202

    assert len(stored(called)) == 1_100


def test_a_removal_that_is_called_in_is_written_down(url: str, called: Desk) -> None:
    call(url, post())
    call(url, {"id": "p-1", "gone": True}, {"id": "never-seen", "gone": True})

    with called.transaction() as session:
        assert session.execute(select(Message.removed_at)).scalar_one() == called.now()


def test_a_bounce_of_an_unknown_text_is_taken_and_changes_nothing(url: str, called: Desk) -> None:
    assert call(url, {"id": "t-1", "bounced": True}).status_code == 202

    with called.transaction() as session:
        assert session.execute(select(Delivery)).all() == []


def test_a_challenge_is_answered(url: str, called: Desk) -> None:
    answer = requests.get(f"{url}/in/x?challenge=4711", timeout=20)

    assert (answer.status_code, answer.text) == (200, "4711")
    assert requests.head(f"{url}/in/x", timeout=20).status_code == 200
    assert stored(called) == []


def test_the_adapter_sees_the_call_as_the_platform_made_it(url: str, x: Signed) -> None:
    requests.post(f"{url}/in/x?a=1&b=%20z", data=b"\xff\x00", headers={"X-Odd": "Nilai"}, timeout=20)

    (asked,) = x.asked
    assert (asked.method, asked.body, asked.query) == ("POST", b"\xff\x00", {"a": "1", "b": " z"})
    assert asked.headers["x-odd"] == "Nilai"
    assert asked.url == "https://keluhan.example/in/x?a=1&b=%20z"


# Not believed


@pytest.mark.parametrize("signed", ["", "0" * 64, signature(b"other"), "é" * 3])
def test_a_forged_call_is_refused_and_nothing_is_kept(url: str, called: Desk, signed: str) -> None:
    answer = call(url, post(), signed=signed.encode().decode("latin-1"))

    assert answer.status_code == 401
    assert stored(called) == []
    assert quarantined(called) == []


@pytest.mark.parametrize("path", ["/in/x/other", "/in/carrier_pigeon", "/in/X", "/in/email/toko", "/in/", "/in/x/a/b"])
def test_an_account_that_the_settings_do_not_have_is_not_there(url: str, called: Desk, path: str) -> None:
    assert call(url, post(), path=path).status_code == 404
    assert stored(called) == []


def test_an_account_that_only_a_record_named_is_not_there(url: str, called: Desk) -> None:
    called.channels.get("x", "lain")

    assert call(url, post(), path="/in/x/lain").status_code == 404


def test_a_platform_that_does_not_call_has_no_door(url: str, called: Desk) -> None:
    assert call(url, post(), path="/in/email").status_code == 404


def test_a_platform_whose_settings_are_not_there_is_asked_to_come_again(url: str) -> None:
    assert call(url, post(), path="/in/facebook").status_code == 503


def test_other_methods_are_refused(url: str, called: Desk) -> None:
    for method in ("PUT", "DELETE", "PATCH"):
        assert requests.request(method, f"{url}/in/x", timeout=20).status_code in (404, 405)
    assert stored(called) == []


def test_a_call_that_is_too_large_is_refused_unread(url: str, x: Signed) -> None:
    try:
        answer = requests.post(f"{url}/in/x", data=b"x" * 30_000_000, timeout=20)
    except requests.ConnectionError:  # it hung up before we had said all
        return
    finally:
        assert x.asked == []
    assert answer.status_code == 413


# Away


@contextmanager
def without_database(called: Desk) -> Iterator[str]:
    away = create_engine("postgresql+psycopg://nobody@127.0.0.1:1/none", connect_args={"connect_timeout": 1})
    with listening(replace(called, engine=away)) as url:
        yield url
    away.dispose()


def test_while_the_database_is_away_the_platform_is_asked_to_come_again(called: Desk) -> None:
    with without_database(called) as url:
        answer = call(url, post())

    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0


def test_what_is_forged_is_refused_while_the_database_is_away(called: Desk) -> None:
    with without_database(called) as url:
        assert call(url, post(), signed="forged").status_code == 401


def test_what_could_be_stored_only_in_part_comes_again_and_stands_once(
    called: Desk, x: Signed, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = json.dumps([post(number, f"pesan nomor {number}") for number in range(700)]).encode()
    asked = Asked("POST", {}, {"x-signature": signature(body)}, body, "https://keluhan.example/in/x")
    times: list[int] = []

    def fails(*given: Any, **named: Any) -> Any:
        times.append(1)
        if len(times) == 2:
            raise ConnectionError("the database went away")
        return record(*given, **named)

    monkeypatch.setattr("tasks.collect.record", fails)
    with pytest.raises(ConnectionError):
        hear(called, [x], asked)
    half = len(stored(called))
    hear(called, [x], asked)

    assert half == 500
    assert len(stored(called)) == 700
