"""One address for all the accounts that an app of Meta's or X's serves: each takes its own, over HTTP."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests
import whatsapp_server as phones
from factories import MONDAY_MORNING
from gateway_site import listening
from pydantic import SecretStr
from sqlalchemy import select
from sqlmodel import col

from db.clock import SetClock
from db.tables import Message, Quarantined
from integrations.channels.base import Asked, Channel, Heard
from integrations.channels.facebook import FacebookChannel, FacebookSettings
from integrations.channels.instagram import InstagramChannel, InstagramSettings
from integrations.channels.registry import Channels
from integrations.channels.unset import UnsetChannel
from integrations.channels.whatsapp import WhatsAppChannel, WhatsAppSettings
from integrations.channels.world import World
from integrations.channels.x import XChannel
from integrations.channels.x_asking import XSettings
from tasks.desk import Desk
from tasks.record import record

APP_SECRET = "rahasia aplikasi"
OTHER_SECRET = "rahasia aplikasi lain"
PAGES = {"default": "501", "bandung": "502"}
NUMBERS = {"default": "60001", "bandung": "60002"}
BUDI = "7000000000000001"


class Deaf(FacebookChannel):
    """An account whose adapter stumbles over every call."""

    def hear(self, asked: Asked) -> Heard:
        raise ZeroDivisionError


def secrets(verify: str, secret: str = APP_SECRET) -> dict[str, Any]:
    return {"token": SecretStr("EAA"), "app_secret": SecretStr(secret), "verify_token": SecretStr(verify)}


def page(account: str, world: World, *, secret: str = APP_SECRET) -> FacebookChannel:
    settings = FacebookSettings(app_id="401", page_id=PAGES[account], **secrets(f"kata {account}", secret))
    return FacebookChannel("facebook", account, settings, world)


def profile(account: str, world: World) -> InstagramChannel:
    given = secrets(f"kata {account}")
    settings = InstagramSettings(app_id="401", page_id=PAGES[account], instagram_id=f"9{PAGES[account]}", **given)
    return InstagramChannel("instagram", account, settings, world)


def number(account: str, world: World) -> WhatsAppChannel:
    settings = WhatsAppSettings(phone_number_id=NUMBERS[account], **secrets(f"kata {account}"))
    return WhatsAppChannel("whatsapp", account, settings, world)


def on_x(account: str, world: World, who: str) -> XChannel:
    keys = {name: SecretStr("k") for name in ("consumer_key", "access_token_secret")}
    settings = XSettings(access_token=SecretStr(f"{who}-t"), consumer_secret=SecretStr(APP_SECRET), **keys)
    return XChannel("x", account, settings, world)


@pytest.fixture
def world(clock: SetClock, tmp_path: Path) -> World:
    return World(clock=clock, home=tmp_path)


@pytest.fixture
def called(desk: Desk, world: World) -> Desk:
    """A desk with two accounts on each of four platforms, all served by one app."""
    channels: list[Channel] = [make(account, world) for make in (page, profile, number) for account in PAGES]
    channels += [on_x("default", world, "1001"), on_x("bandung", world, "1002")]
    return replace(desk, channels=Channels({(one.name, one.account): one for one in channels}))


def with_another(called: Desk, channel: Channel) -> Desk:
    every = {(one.name, one.account): one for one in called.channels.all()}
    return replace(called, channels=Channels({**every, (channel.name, channel.account): channel}))


@pytest.fixture
def url(called: Desk) -> Iterator[str]:
    with listening(called) as url:
        yield url


def signs(body: object, secret: str = APP_SECRET) -> tuple[bytes, dict[str, str]]:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    digest = hmac.new(secret.encode(), raw, hashlib.sha256)
    return raw, {
        "X-Hub-Signature-256": f"sha256={digest.hexdigest()}",
        "X-Twitter-Webhooks-Signature": f"sha256={base64.b64encode(digest.digest()).decode()}",
    }


def call(url: str, path: str, body: object, secret: str = APP_SECRET) -> requests.Response:
    raw, headers = signs(body, secret)
    return requests.post(url + path, data=raw, headers=headers, timeout=20)


def comment(at: str, words: str) -> dict[str, Any]:
    """What Meta tells of a comment on a page."""
    value = {"item": "comment", "verb": "add", "post_id": f"{at}_55", "comment_id": f"55_{words}", "message": words}
    named = {"from": {"id": BUDI, "name": "Budi"}, "created_time": int(time.time())}
    return {"id": at, "time": int(time.time()), "changes": [{"field": "feed", "value": value | named}]}


def direct(at: str, words: str) -> dict[str, Any]:
    """What Meta tells of a message to an Instagram account."""
    now = int(time.time())
    told = {"sender": {"id": BUDI}, "recipient": {"id": at}, "timestamp": now * 1000}
    return {"id": at, "time": now, "messaging": [told | {"message": {"mid": f"m_{words}", "text": words}}]}


def batch(*entries: dict[str, Any], about: str = "page") -> dict[str, Any]:
    return {"object": about, "entry": list(entries)}


def chat(at: str, words: str, *more: dict[str, Any]) -> dict[str, Any]:
    """What Meta tells of a WhatsApp message to one of our numbers."""
    said = phones.said(phones.message(at=MONDAY_MORNING, text={"body": words}), number_id=at)
    return {**said, "entry": [*said["entry"], *(entry for one in more for entry in one["entry"])]}


def mention(words: str, post: int, whose: str | None) -> dict[str, Any]:
    """What X tells of a post, as version 2 has it."""
    author = {"id": "77", "username": "budi", "name": "Budi"}
    told = {"id": str(post), "text": words, "author_id": "77", "created_at": "2026-03-02T08:00:00Z"}
    payload = {"data": told, "includes": {"users": [author]}}
    event = {"event_type": "post.mention.create", "payload": payload}
    return {"data": event | ({"filter": {"user_id": whose}} if whose else {})}


def stored(desk: Desk) -> list[tuple[str, str, str]]:
    with desk.transaction() as session:
        rows = session.execute(select(Message).order_by(col(Message.channel), col(Message.account))).scalars()
        return [(one.channel, one.account, one.text) for one in rows]


def put_aside(desk: Desk) -> list[tuple[bytes, int]]:
    with desk.transaction() as session:
        rows = session.execute(select(Quarantined).order_by(col(Quarantined.raw))).scalars()
        return [(bytes(one.raw), one.seen) for one in rows]


def test_a_batch_for_two_pages_reaches_both_at_one_address(url: str, called: Desk) -> None:
    answer = call(url, "/in/facebook", batch(comment("501", "satu"), comment("502", "dua")))

    assert answer.status_code == 200
    assert stored(called) == [("facebook", "bandung", "dua"), ("facebook", "default", "satu")]
    assert put_aside(called) == []


def test_messages_to_two_instagram_accounts_reach_both(url: str, called: Desk) -> None:
    body = batch(direct("9501", "satu"), direct("9502", "dua"), about="instagram")

    assert call(url, "/in/instagram", body).status_code == 200
    assert stored(called) == [("instagram", "bandung", "dua"), ("instagram", "default", "satu")]


def test_messages_to_two_numbers_reach_both(url: str, called: Desk) -> None:
    assert call(url, "/in/whatsapp", chat("60002", "dua", chat("60001", "satu"))).status_code == 200

    assert stored(called) == [("whatsapp", "bandung", "dua"), ("whatsapp", "default", "satu")]
    assert put_aside(called) == []


def test_posts_to_two_accounts_on_x_reach_each_its_own(url: str, called: Desk) -> None:
    for number, whose in ((1900000000000000001, "1002"), (1900000000000000002, "1001")):
        assert call(url, "/in/x", mention(f"halo {whose}", number, whose)).status_code == 200

    assert stored(called) == [("x", "bandung", "halo 1002"), ("x", "default", "halo 1001")]


def test_a_post_that_x_names_no_account_for_is_stored_once(url: str, called: Desk) -> None:
    assert call(url, "/in/x", mention("paket hilang", 1900000000000000003, None)).status_code == 200

    assert stored(called) == [("x", "default", "paket hilang")]


def test_what_is_for_none_of_our_accounts_is_put_aside_once_without_its_words(url: str, called: Desk) -> None:
    body = batch(comment("501", "satu"), comment("777", "bukan urusan meja ini"), comment("777", "ini juga"))

    for _ in range(2):
        assert call(url, "/in/facebook", body).status_code == 200

    assert [words for _, _, words in stored(called)] == ["satu"]
    assert put_aside(called) == [(b"account 777", 2)]


def test_a_number_that_is_not_set_up_is_named_to_people(url: str, called: Desk) -> None:
    call(url, "/in/whatsapp", chat("60009", "halo"))

    with called.transaction() as session:
        (row,) = session.execute(select(Quarantined)).scalars()
    assert "phone number id 60009" in row.reason
    assert b"halo" not in row.raw


def test_an_object_at_the_wrong_address_is_named_to_people(url: str, called: Desk) -> None:
    call(url, "/in/facebook", batch(direct("9501", "satu"), about="instagram"))

    with called.transaction() as session:
        (row,) = session.execute(select(Quarantined)).scalars()
    assert "`instagram`" in row.reason
    assert b"satu" not in row.raw


def test_an_account_has_an_address_of_its_own_as_well(url: str, called: Desk) -> None:
    assert call(url, "/in/facebook/bandung", batch(comment("501", "satu"), comment("502", "dua"))).status_code == 200

    assert stored(called) == [("facebook", "bandung", "dua")]


def test_a_call_that_comes_again_is_stored_once_for_each_account(url: str, called: Desk) -> None:
    for _ in range(3):
        call(url, "/in/facebook", batch(comment("501", "satu"), comment("502", "dua")))

    assert len(stored(called)) == 2


# Believed by whom


def test_metas_question_is_answered_for_the_account_that_has_its_word(url: str) -> None:
    asked = {"hub.mode": "subscribe", "hub.challenge": "4711", "hub.verify_token": "kata bandung"}

    answer = requests.get(f"{url}/in/facebook", params=asked, timeout=20)
    other = requests.get(f"{url}/in/facebook", params=asked | {"hub.verify_token": "kata siapa"}, timeout=20)

    assert (answer.status_code, answer.text) == (200, "4711")
    assert (other.status_code, "4711" in other.text) == (403, False)


def test_the_challenge_of_x_is_answered_with_the_apps_secret(url: str) -> None:
    answer = requests.get(f"{url}/in/x", params={"crc_token": "abc"}, timeout=20)

    expected = base64.b64encode(hmac.new(APP_SECRET.encode(), b"abc", hashlib.sha256).digest()).decode()
    assert answer.json() == {"response_token": f"sha256={expected}"}


@pytest.mark.parametrize("path", ["/in/facebook", "/in/instagram", "/in/whatsapp", "/in/x", "/in/facebook/bandung"])
def test_a_call_that_no_account_believes_brings_nothing(url: str, called: Desk, path: str) -> None:
    answer = call(url, path, batch(comment("501", "satu"), comment("502", "dua")), "tebakan")

    assert answer.status_code == 401
    assert (stored(called), put_aside(called)) == ([], [])


def test_accounts_of_two_apps_each_believe_their_own_app(called: Desk, world: World) -> None:
    both = with_another(called, page("bandung", world, secret=OTHER_SECRET))
    with listening(both) as url:
        by_one = call(url, "/in/facebook", batch(comment("501", "satu"), comment("502", "palsu")))
        by_other = call(url, "/in/facebook", batch(comment("502", "dua"), comment("501", "palsu")), OTHER_SECRET)

    assert (by_one.status_code, by_other.status_code) == (200, 200)
    assert stored(called) == [("facebook", "bandung", "dua"), ("facebook", "default", "satu")]


# Not all is well


def test_while_an_account_is_not_set_up_its_part_comes_again_and_the_others_is_stored(called: Desk) -> None:
    with listening(with_another(called, UnsetChannel("facebook", "bandung", "set the environment variable"))) as url:
        mixed = call(url, "/in/facebook", batch(comment("501", "satu"), comment("502", "dua")))
        own = call(url, "/in/facebook", batch(comment("501", "lagi")))

    assert (mixed.status_code, own.status_code) == (503, 200)
    assert [words for _, _, words in stored(called)] == ["satu", "lagi"]
    assert put_aside(called) == []


def test_where_one_accounts_part_cannot_be_stored_the_others_is_and_all_comes_again(
    url: str, called: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(desk: Desk, items: list[Any], **named: Any) -> Any:
        if named["source"] == "facebook/default":
            raise ConnectionError("the database went away")
        return record(desk, items, **named)

    body = batch(comment("501", "satu"), comment("502", "dua"))
    with monkeypatch.context() as away:
        away.setattr("tasks.collect.record", fails)
        answer = call(url, "/in/facebook", body)
    half = stored(called)
    again = call(url, "/in/facebook", body)

    assert (answer.status_code, int(answer.headers["Retry-After"]) > 0) == (503, True)
    assert half == [("facebook", "bandung", "dua")]
    assert again.status_code == 200
    assert stored(called) == [("facebook", "bandung", "dua"), ("facebook", "default", "satu")]


def test_an_adapter_that_stumbles_holds_up_no_other_and_the_call_comes_again(called: Desk, world: World) -> None:
    settings = FacebookSettings(app_id="401", page_id="502", **secrets("kata"))
    with listening(with_another(called, Deaf("facebook", "bandung", settings, world))) as url:
        answer = call(url, "/in/facebook", batch(comment("501", "satu"), comment("502", "dua")))

    assert answer.status_code == 503
    assert stored(called) == [("facebook", "default", "satu")]
    assert put_aside(called) == []


# How much


def test_a_batch_of_five_megabytes_is_taken(url: str, called: Desk) -> None:
    body = json.dumps(batch(comment("501", "satu"))).encode()
    whole = body + b" " * (5 * 1024 * 1024 - len(body))

    assert call(url, "/in/facebook", whole).status_code == 200
    assert len(stored(called)) == 1


def test_one_byte_more_is_refused_with_what_to_do(url: str, called: Desk) -> None:
    body = json.dumps(batch(comment("501", "satu"))).encode()
    whole = body + b" " * (5 * 1024 * 1024 + 1 - len(body))

    answer = call(url, "/in/facebook", whole)

    assert (answer.status_code, answer.headers["content-type"].split(";")[0]) == (413, "text/plain")
    assert "5 MB" in answer.text
    assert stored(called) == []


def test_what_comes_with_a_question_is_not_read(url: str) -> None:
    asked = {"hub.mode": "subscribe", "hub.challenge": "4711", "hub.verify_token": "kata default"}

    answer = requests.get(f"{url}/in/facebook", params=asked, data=b"x" * 6_000_000, timeout=20)

    assert (answer.status_code, answer.text) == (200, "4711")
