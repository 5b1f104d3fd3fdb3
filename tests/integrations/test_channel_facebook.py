"""A Facebook Page, against a stand-in that holds every request against Meta's own lists (graph_server.py)."""

import hashlib
import hmac
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from graph_server import (
    APP,
    HAS_SPECS,
    PAGE,
    SECRET,
    TOKEN,
    VERIFY,
    GraphServer,
    graph_server,
)
from pydantic import SecretStr

import integrations.channels.graph_round as rounds
from db.words import DeliveryKind, Visibility
from integrations.channels.base import (
    Asked,
    ChannelError,
    LockedOut,
    Never,
    Page,
    Sent,
    Target,
    TryAgain,
    Unknown,
)
from integrations.channels.conformance import Conformance, Counterpart
from integrations.channels.conformance.suite import all_of, heard, outgoing, world
from integrations.channels.facebook import FacebookChannel, FacebookSettings
from integrations.channels.graph_inbox import WORDLESS
from integrations.channels.registry import read_account
from integrations.channels.world import World
from integrations.record import Incoming, LeftOut, Removed, Unreadable

BUDI = "7000000000000001"
DAY = timedelta(hours=24)


def channel(server: GraphServer, given: World | None = None, **changes: Any) -> FacebookChannel:
    settings: dict[str, Any] = {
        "token": SecretStr(TOKEN),
        "app_secret": SecretStr(SECRET),
        "verify_token": SecretStr(VERIFY),
        "app_id": APP,
        "page_id": PAGE,
        "api": f"{server.url}/v25.0",
    }
    return FacebookChannel("facebook", "default", FacebookSettings(**settings | changes), given or world())


@pytest.fixture
def server() -> Iterator[GraphServer]:
    with graph_server() as running:
        yield running


def change(field: str = "feed", **value: Any) -> dict[str, Any]:
    told = {"item": "comment", "verb": "add", "post_id": f"{PAGE}_55", "created_time": 1772445600, **value}
    return {"field": field, "value": {"from": {"id": BUDI, "name": "Budi"}, **told}}


def batch(*changes: dict[str, Any], messaging: list[Any] | None = None, page: str = PAGE) -> dict[str, Any]:
    entry: dict[str, Any] = {"id": page, "time": 1772445601}
    return {"object": "page", "entry": [{**entry, "changes": list(changes)}, {**entry, "messaging": messaging or []}]}


def message(mid: str = "m_1", sender: str = BUDI, **fields: Any) -> dict[str, Any]:
    told = {"sender": {"id": sender}, "recipient": {"id": PAGE}, "timestamp": 1772445600123}
    return {**told, "message": {"mid": mid, **fields}}


def target(place: str, heard_at: datetime | None = None) -> Target:
    return Target(external_id=place, author_id=BUDI, last_heard_at=heard_at or datetime.now(UTC))


class FacebookSide(Counterpart):
    private_intake = True
    edits = True
    removes = True

    def __init__(self, server: GraphServer) -> None:
        self.server = server
        self.url = server.url

    def channel(self, url: str, world: World) -> FacebookChannel:
        return channel(self.server, world, api=f"{url}/v25.0")

    def locked_out(self, url: str, world: World) -> FacebookChannel:
        return channel(self.server, world, api=f"{url}/v25.0", token=SecretStr("EAAexpired"))

    def customer_writes(self, text: str, *, private: bool = False, in_reply_to: str | None = None) -> Target:
        if private:
            place = f"message:{self.server.writes_message(BUDI, text)}"
        else:
            above = (in_reply_to or "").removeprefix("comment:") or self.server.post
            place = f"comment:{self.server.writes_comment(above, text, BUDI, 'Budi')}"
        return target(place)

    def customer_edits(self, target: Target, text: str) -> None:
        self.server.nodes[(target.external_id or "").partition(":")[2]]["message"] = text

    def customer_removes(self, target: Target) -> None:
        self.server.removes((target.external_id or "").partition(":")[2])

    def we_write(self, text: str) -> bool:
        return bool(self.server.writes_post(text, by=PAGE, name="Kopi Senja"))

    def gone(self) -> Target:
        key = self.server.writes_comment(self.server.post, "hilang", BUDI)
        self.server.removes(key)
        return target(f"comment:{key}")

    def standing(self, target: Target, *, private: bool = False) -> list[str]:
        if private:
            said = self.server.nodes[f"t_messenger_{BUDI}"]["_messages"]
            return [one["message"] for one in said if one["from"]["id"] == PAGE]
        key = (target.external_id or "").partition(":")[2]
        below = [one for one in self.server.nodes.values() if self.server._parent(one) == key]
        return [one["message"] for one in below if one["from"]["id"] == PAGE]

    def called(self, text: str) -> Asked:
        return self.server.signs(batch(change(comment_id="55_77", message=text)))


@pytest.mark.slow
class TestFacebook(Conformance):
    @pytest.fixture
    def other(self, server: GraphServer) -> Counterpart:
        return FacebookSide(server)


# Webhooks


def test_metas_question_for_our_address_is_answered_with_its_challenge(server: GraphServer) -> None:
    given = {"hub.mode": "subscribe", "hub.challenge": "1158201444", "hub.verify_token": VERIFY}
    asked = Asked("GET", given, {}, b"", "https://gateway.example/in/facebook")

    good = channel(server).hear(asked)
    bad = channel(server).hear(replace(asked, query=given | {"hub.verify_token": "another"}))
    unset = channel(server, verify_token=None).hear(asked)

    assert (good.status, good.body, good.refused) == (200, b"1158201444", None)
    assert (bad.status, unset.status) == (403, 403)
    assert b"1158201444" not in bad.body


def test_a_batch_brings_each_of_its_changes_and_messages(server: GraphServer) -> None:
    body = batch(
        change(comment_id="55_1", message="Kopi saya tumpah", parent_id=f"{PAGE}_55"),
        change(comment_id="55_2", message="Saya juga", parent_id="55_1"),
        change(item="status", post_id=f"{PAGE}_60", message="Toko tutup terus"),
        change(field="mention", item="post", post_id="888_61", message="Kopi Senja kok begini"),
        messaging=[message("m_1", text="Halo"), message("m_2", text="ada orang?", reply_to={"mid": "m_0"})],
    )

    found = heard(channel(server).hear(server.signs(body)).items)

    assert [(one.external_id, one.text, one.in_reply_to) for one in found] == [
        ("comment:55_1", "Kopi saya tumpah", f"post:{PAGE}_55"),
        ("comment:55_2", "Saya juga", "comment:55_1"),
        (f"post:{PAGE}_60", "Toko tutup terus", None),
        ("post:888_61", "Kopi Senja kok begini", None),
        ("message:m_1", "Halo", None),
        ("message:m_2", "ada orang?", "message:m_0"),
    ]
    assert [one.visibility for one in found] == [Visibility.PUBLIC] * 4 + [Visibility.PRIVATE] * 2
    assert {one.author.id for one in found if one.author} == {BUDI}
    assert all(one.addressed for one in found)
    assert found[0].posted_at == datetime.fromtimestamp(1772445600, UTC)
    assert found[0].url == "https://www.facebook.com/55?comment_id=1"


def test_an_edit_keeps_the_comments_name_and_a_removal_says_so(server: GraphServer) -> None:
    body = batch(
        change(comment_id="55_1", verb="edited", message="Teh saya tumpah"), change(comment_id="55_1", verb="remove")
    )

    edited, removed = channel(server).hear(server.signs(body)).items

    assert isinstance(edited, Incoming)
    assert isinstance(removed, Removed)
    assert (edited.external_id, edited.text) == ("comment:55_1", "Teh saya tumpah")
    assert removed.external_id == "comment:55_1"


@pytest.mark.parametrize(
    "ours",
    [
        change(comment_id="55_1", message="Halo, Kak", **{"from": {"id": PAGE, "name": "Kopi Senja"}}),
        change(item="status", message="Promo", **{"from": {"id": PAGE, "name": "Kopi Senja"}}),
        message("m_9", sender=PAGE, text="Kami cek", is_echo=True),
    ],
)
def test_our_own_words_are_left_out(server: GraphServer, ours: dict[str, Any]) -> None:
    body = batch(ours) if "field" in ours else batch(messaging=[ours])

    (item,) = channel(server).hear(server.signs(body)).items

    assert isinstance(item, LeftOut)


def test_reactions_and_receipts_are_nothing(server: GraphServer) -> None:
    receipt = {"sender": {"id": BUDI}, "recipient": {"id": PAGE}, "timestamp": 1, "read": {"watermark": 1}}
    body = batch(change(item="reaction", reaction_type="angry"), change(item="like"), messaging=[receipt])

    assert channel(server).hear(server.signs(body)).items == ()


def test_an_album_of_several_pictures_is_one_record(server: GraphServer) -> None:
    pictures = [{"type": "image", "payload": {"url": f"https://cdn.example/{n}"}} for n in range(3)]
    words = change(item="status", post_id=f"{PAGE}_60", message="Lihat ini", photos=["https://cdn.example/1"])
    photos = [change(item="photo", post_id=f"{PAGE}_60", photo_id=str(n)) for n in range(3)]

    items = channel(server).hear(server.signs(batch(words, *photos, messaging=[message("m_3", attachments=pictures)])))

    found = heard(items.items)
    assert [one.external_id for one in found] == [f"post:{PAGE}_60", "message:m_3"]
    assert found[0].text == "Lihat ini"
    assert (found[1].text, len(found[1].attachments)) == (WORDLESS, 3)


def test_a_repeated_call_brings_the_same_names(server: GraphServer) -> None:
    asked = server.signs(batch(change(comment_id="55_1", message="x"), messaging=[message(text="y")]))
    ours = channel(server)

    assert ours.hear(asked) == ours.hear(asked)


def test_a_comment_and_a_message_with_the_same_number_are_two(server: GraphServer) -> None:
    body = batch(change(comment_id="55", message="x"), messaging=[message("55", text="y")])

    assert len({one.external_id for one in heard(channel(server).hear(server.signs(body)).items)}) == 2


@pytest.mark.parametrize(
    ("broken", "field"),
    [
        (change(comment_id=None, message="x"), "comment_id"),
        (change(comment_id="55_1", message=7), "message"),
        (change(comment_id="55_1", message="x", created_time="kemarin"), "created_time"),
        ({"field": "feed", "value": 4}, "value"),
        ({"value": {}}, "field"),
        (7, "object"),
    ],
)
def test_one_bad_change_is_put_aside_with_its_reason_and_the_rest_goes_on(
    server: GraphServer, broken: Any, field: str
) -> None:
    body = batch(broken, change(comment_id="55_2", message="baik"))

    first, second = channel(server).hear(server.signs(body)).items

    assert isinstance(first, Unreadable)
    assert field in first.reason
    assert isinstance(second, Incoming)


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"[" * 100_000, b'{"object": "page", "entry": 3}'])
def test_a_signed_body_that_is_no_batch_is_put_aside(server: GraphServer, body: bytes) -> None:
    signed = server.signs({})
    name = "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()

    answer = channel(server).hear(replace(signed, body=body, headers={"x-hub-signature-256": name}))

    assert answer.status == 200
    assert [type(item) for item in answer.items] == [Unreadable]


def test_what_is_about_another_page_is_left_out(server: GraphServer) -> None:
    body = batch(change(comment_id="55_1", message="x"), page="1")

    assert {type(item) for item in channel(server).hear(server.signs(body)).items} == {LeftOut}


def test_a_message_taken_back_is_told(server: GraphServer) -> None:
    (item,) = channel(server).hear(server.signs(batch(messaging=[message("m_4", is_deleted=True)]))).items

    assert isinstance(item, Removed)
    assert item.external_id == "message:m_4"


@pytest.mark.parametrize(
    ("called", "listed"),
    [
        ({"type": "image", "payload": {"url": "https://cdn.example/1"}}, {"mime_type": "image/jpeg", "name": "1.jpg"}),
        ({"type": "file", "payload": {"url": "https://cdn.example/2"}}, {"mime_type": "application/pdf", "size": 9}),
        ({"type": "image", "payload": {"sticker_id": 369}}, None),
        ({"type": "fallback", "payload": {"title": "Sebuah video"}}, None),
    ],
)
def test_what_came_without_words_is_no_edit_when_it_is_read_again(
    server: GraphServer, called: dict[str, Any], listed: dict[str, Any] | None
) -> None:
    ours = channel(server)
    mid = server.writes_message(BUDI, None, attachments=[listed] if listed else [])

    (by_call,) = heard(ours.hear(server.signs(batch(messaging=[message(mid, attachments=[called])]))).items)
    (by_asking,) = heard(all_of(ours)[0])

    assert (by_call.external_id, by_call.text) == (by_asking.external_id, by_asking.text)
    assert by_call.attachments


def test_a_pressed_button_is_what_its_presser_said(server: GraphServer) -> None:
    ours = channel(server)
    mid = server.writes_message(BUDI, "Pesanan saya belum sampai")
    event = {**message(), "postback": {"mid": mid, "title": "Pesanan saya belum sampai", "payload": "LATE"}}
    del event["message"]
    wordless = {**event, "postback": {"payload": "GET_STARTED"}}

    items = ours.hear(server.signs(batch(messaging=[event, wordless]))).items

    assert [(one.external_id, one.text) for one in heard(items)] == [(f"message:{mid}", "Pesanan saya belum sampai")]
    assert heard(all_of(ours)[0])[0].text == heard(items)[0].text
    assert isinstance(items[1], LeftOut)


def test_our_own_edit_is_left_out(server: GraphServer) -> None:
    event = {**message(sender=PAGE), "message_edit": {"mid": "m_4", "text": "Kami cek besok", "num_edit": 1}}
    del event["message"]

    (item,) = channel(server).hear(server.signs(batch(messaging=[event]))).items

    assert isinstance(item, LeftOut)


def test_an_edited_message_keeps_its_name(server: GraphServer) -> None:
    event = {**message(), "message_edit": {"mid": "m_4", "text": "dua kopi", "num_edit": 1}}
    del event["message"]

    (item,) = channel(server).hear(server.signs(batch(messaging=[event]))).items

    assert isinstance(item, Incoming)
    assert (item.external_id, item.text) == ("message:m_4", "dua kopi")


# Asking


def test_asking_brings_posts_comments_answers_and_messages_oldest_first(server: GraphServer) -> None:
    ours, now = channel(server), datetime.now(UTC)
    visitor = server.writes_post("Kenapa tutup?", by=BUDI, name="Budi")
    tagged = server.writes_post("@Kopi Senja, tolong", by="7009", tags_us=True)
    first = server.writes_comment(server.post, "Dingin", BUDI, at=now - timedelta(minutes=3))
    second = server.writes_comment(first, "Sama", "7002", at=now - timedelta(minutes=2))
    said = server.writes_message(BUDI, "Halo?", at=now - timedelta(minutes=1))
    server.writes_message(BUDI, "Ya, Kak", ours=True)

    items, _ = all_of(ours)

    found = {one.external_id: one for one in heard(items)}
    assert set(found) == {
        f"post:{visitor}", f"post:{tagged}", f"comment:{first}", f"comment:{second}", f"message:{said}",
    }  # fmt: skip
    assert [one.posted_at for one in heard(items)] == sorted(one.posted_at for one in heard(items))
    assert found[f"comment:{second}"].in_reply_to == f"comment:{first}"
    assert sum(isinstance(item, LeftOut) for item in items) == 2


def test_what_a_webhook_told_and_what_asking_shows_have_one_name(server: GraphServer) -> None:
    ours = channel(server)
    key = server.writes_comment(server.post, "Dingin", BUDI, "Budi")
    told = change(comment_id=key, message="Dingin", post_id=server.post, parent_id=server.post)

    (by_call,) = heard(ours.hear(server.signs(batch(told))).items)
    (by_asking,) = heard(all_of(ours)[0])

    assert by_call.external_id == by_asking.external_id
    assert (by_call.in_reply_to, by_call.author) == (by_asking.in_reply_to, by_asking.author)


def test_only_what_changed_is_asked_again(server: GraphServer) -> None:
    ours, before = channel(server), datetime.now(UTC) - timedelta(minutes=5)
    server.nodes[server.post]["updated_time"] = before
    server.writes_comment(server.post, "Dingin", BUDI, at=before)
    server.writes_message(BUDI, "Halo", at=before)
    _, cursor = all_of(ours)
    server.asked.clear()

    all_of(ours, cursor)

    assert [path.rpartition("/")[2] for _, path, _ in server.asked] == ["feed", "tagged", "conversations"]


def test_a_second_answer_within_the_same_second_is_not_missed(server: GraphServer) -> None:
    ours, now = channel(server), datetime.now(UTC).replace(microsecond=0)
    first = server.writes_comment(server.post, "satu", BUDI, at=now)
    _, cursor = all_of(ours)
    second = server.writes_comment(first, "dua", "7002", at=now)

    assert [one.external_id for one in heard(all_of(ours, cursor)[0])] == [f"comment:{second}"]


def test_a_late_comment_is_found_after_a_restart_although_a_newer_one_came_first(server: GraphServer) -> None:
    now = datetime.now(UTC)
    server.writes_comment(server.post, "baru", BUDI, at=now)
    _, cursor = all_of(channel(server))
    late = server.writes_comment(server.post, "terlambat", "7002", at=now - timedelta(minutes=20))

    items, _ = all_of(channel(server), cursor)

    assert f"comment:{late}" in {one.external_id for one in heard(items)}


def test_a_round_that_breaks_off_hands_over_what_it_has_and_goes_on_there(server: GraphServer) -> None:
    ours, before = channel(server), datetime.now(UTC) - timedelta(minutes=5)
    server.nodes[server.post]["updated_time"] = before
    server.writes_comment(server.post, "satu", BUDI, at=before)
    said = server.writes_message(BUDI, "dua")
    server.plan(613, where=lambda method, path: path.endswith("/messages"))
    pages: list[Page] = []

    with pytest.raises(TryAgain):
        pages.extend(ours.fetch(None))
    server.asked.clear()
    items, _ = all_of(ours, pages[-1].cursor)

    assert [one.text for page in pages for one in heard(page.items)] == ["satu"]
    assert [one.external_id for one in heard(items)] == [f"message:{said}"]
    assert not any(path.endswith("/comments") for _, path, _ in server.asked)


def test_a_round_that_broke_off_is_read_anew_after_a_restart(server: GraphServer) -> None:
    now = datetime.now(UTC)
    server.writes_comment(server.post, "satu", BUDI, at=now)
    said = server.writes_message(BUDI, "dua", at=now - timedelta(hours=5))
    server.plan(613, where=lambda method, path: path.endswith("/messages"))
    pages: list[Page] = []

    with pytest.raises(TryAgain):
        pages.extend(channel(server).fetch(None))
    items, _ = all_of(channel(server), pages[-1].cursor)

    assert f"message:{said}" in {one.external_id for one in heard(items)}


def test_one_conversation_that_may_not_be_read_hides_no_other(server: GraphServer) -> None:
    ours = channel(server)
    for person in (BUDI, "7002"):
        server.writes_message(person, f"dari {person}")
    server.plan(10, status=403, where=lambda method, path: path.endswith(f"{BUDI}/messages"))
    pages: list[Page] = []

    with pytest.raises(Never):
        pages.extend(ours.fetch(None))
    items, _ = all_of(ours, pages[-1].cursor)

    assert [one.text for page in pages for one in heard(page.items)] == ["dari 7002"]
    assert [one.text for one in heard(items)] == [f"dari {BUDI}"]


@pytest.mark.parametrize("edge", ["feed", "tagged", "conversations"])
def test_a_whole_list_that_may_not_be_read_hides_no_other_and_is_told(server: GraphServer, edge: str) -> None:
    ours = channel(server)
    server.writes_post("Kenapa tutup?", by=BUDI)
    server.writes_post("@Kopi Senja, tolong", by="7009", tags_us=True)
    server.writes_message(BUDI, "Halo")
    server.plan(100, 33, where=lambda method, path: path.endswith(f"/{edge}"))
    pages: list[Page] = []

    with pytest.raises(Never):
        pages.extend(ours.fetch(None))

    came = {one.text for page in pages for one in heard(page.items)}
    every = {"feed": "Kenapa tutup?", "tagged": "@Kopi Senja, tolong", "conversations": "Halo"}
    assert came == set(every.values()) - {every[edge]}


def test_what_came_with_a_comment_is_noted(server: GraphServer) -> None:
    ours, key = channel(server), server.writes_comment(server.post, "Dingin", BUDI)
    server.nodes[key]["attachment"] = {"type": "photo", "url": "https://cdn.example/1"}
    told = change(comment_id=key, message="Dingin", photo="https://cdn.example/1")

    (by_call,) = heard(ours.hear(server.signs(batch(told))).items)
    (by_asking,) = heard(all_of(ours)[0])

    assert [one.type for one in by_call.attachments] == [one.type for one in by_asking.attachments] == ["photo"]


def test_a_post_that_went_while_it_was_read_stops_nothing(server: GraphServer) -> None:
    server.writes_comment(server.post, "satu", BUDI)
    server.writes_message(BUDI, "dua")
    server.plan(100, 33, where=lambda method, path: path.endswith("/comments"))

    assert [one.text for one in heard(all_of(channel(server))[0])] == ["dua"]


def test_what_was_not_stored_comes_again(server: GraphServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds, "PAGE", 2)
    ours = channel(server)
    for number in range(5):
        server.writes_comment(server.post, f"nomor {number}", BUDI)
    reading = ours.fetch(None)
    stored = next(reading)
    next(reading)  # handed over, but never stored
    reading.close()  # type: ignore[attr-defined]

    items, _ = all_of(ours, stored.cursor)

    assert {one.text for one in heard(items)} | {one.text for one in heard(stored.items)} == {
        f"nomor {number}" for number in range(5)
    }


def test_lists_are_turned_over_at_our_own_host_only(server: GraphServer) -> None:
    for number in range(120):
        server.writes_comment(server.post, f"nomor {number}", BUDI)

    items, _ = all_of(channel(server))

    assert len(heard(items)) == 120
    assert [params["after"] for _, path, params in server.asked if "after" in params] == ["100"]


def test_a_bad_row_is_put_aside_and_the_rest_comes(server: GraphServer) -> None:
    bad = server.writes_comment(server.post, "x", BUDI)
    server.writes_comment(server.post, "baik", BUDI)
    server.nodes[bad]["message"] = {"not": "a text"}

    items, _ = all_of(channel(server))

    assert [one.text for one in heard(items)] == ["baik"]
    (aside,) = [item for item in items if isinstance(item, Unreadable)]
    assert "message" in aside.reason


def test_half_a_character_and_control_characters_hold_up_nothing(server: GraphServer) -> None:
    ours, text = channel(server), "Ko\x00pi \ud83d dingin"
    key = server.writes_comment(server.post, text, BUDI, "Bu\udc00di")
    told = {"comment_id": key, "message": text, "from": {"id": BUDI, "name": "Bu\udc00di"}}

    (by_call,) = heard(ours.hear(server.signs(batch(change(**told)))).items)
    (by_asking,) = heard(all_of(ours)[0])

    assert by_call.text == by_asking.text == "Kopi ? dingin"
    assert by_asking.author is not None
    assert by_asking.author.name == "Bu?di"


def test_the_first_round_goes_back_seven_days(server: GraphServer) -> None:
    now = datetime.now(UTC)
    server.writes_comment(server.post, "lama", BUDI, at=now - timedelta(days=9))
    server.writes_comment(server.post, "baru", BUDI, at=now - timedelta(days=6))

    assert [one.text for one in heard(all_of(channel(server))[0])] == ["baru"]


def test_a_hidden_comment_comes_with_a_warning(server: GraphServer) -> None:
    server.nodes[server.writes_comment(server.post, "x", BUDI)]["is_hidden"] = True

    (one,) = heard(all_of(channel(server))[0])

    assert one.warnings


# Looking


def test_a_look_shows_edits_and_what_is_gone(server: GraphServer) -> None:
    key, gone = (server.writes_comment(server.post, text, BUDI) for text in ("satu", "dua"))
    server.nodes[key]["message"] = "satu, diubah"
    server.removes(gone)

    seen = list(channel(server).look_at([f"comment:{key}", f"comment:{gone}", "message:m_1"]))

    assert [(one.external_id, one.there, one.text) for one in seen] == [
        (f"comment:{key}", True, "satu, diubah"),
        (f"comment:{gone}", False, None),
    ]


def test_a_token_that_lost_its_rights_makes_nothing_look_gone(server: GraphServer) -> None:
    server.scopes.remove("pages_read_user_content")

    assert list(channel(server).look_at(["comment:1_2"])) == []


@pytest.mark.parametrize("place", ["comment:../me", "comment:1/likes", "post:", "comment:a?b", "comment:.."])
def test_an_id_is_never_a_way_to_another_address(server: GraphServer, place: str) -> None:
    ours = channel(server)

    with pytest.raises(Never):
        ours.reply(outgoing(ours, target(place), "Halo"))

    assert server.asked == []


# Answering


def test_a_visitor_post_is_answered_below_it(server: GraphServer) -> None:
    ours, post = channel(server), server.writes_post("Kenapa tutup?", by=BUDI)

    sent = ours.reply(outgoing(ours, target(f"post:{post}"), "Kami buka lagi besok"))

    key = sent.platform_id.removeprefix("comment:")
    assert server.nodes[key]["message"] == "Kami buka lagi besok"
    assert sent.url == f"https://www.facebook.com/{key.partition('_')[0]}?comment_id={key.partition('_')[2]}"


def test_an_answer_to_an_answer_stands_where_facebook_lets_it_and_is_found_there(server: GraphServer) -> None:
    first = server.writes_comment(server.post, "Dingin", "7002", "Sari")
    second = server.writes_comment(first, "Punya saya juga", BUDI, "Budi")
    ours = channel(server)
    aim = replace(target(f"comment:{second}"), thread=f"comment:{first}")
    out = outgoing(ours, aim, "Kak Budi, kami cek")
    assert ours.find_own(out) is None

    sent = ours.reply(out)

    key = sent.platform_id.removeprefix("comment:")
    assert server.nodes[key]["parent"] == {"id": first}
    found = ours.find_own(out)
    assert found is not None
    assert found.platform_id == sent.platform_id


def test_a_first_comment_is_answered_without_another_question(server: GraphServer) -> None:
    ours, key = channel(server), server.writes_comment(server.post, "Dingin", BUDI, "Budi")

    ours.reply(outgoing(ours, replace(target(f"comment:{key}"), thread=f"post:{server.post}"), "Kami cek"))

    assert [method for method, _, _ in server.asked] == ["POST"]


def test_who_wrote_about_us_elsewhere_cannot_be_answered_privately(server: GraphServer) -> None:
    ours, now = channel(server), datetime.now(UTC)
    elsewhere = server.writes_post("@Kopi Senja, tolong", by="7009", tags_us=True)
    here = server.writes_post("Kenapa tutup?", by=BUDI, name="Budi")

    assert not ours.can_reply(target(f"post:{elsewhere}"), Visibility.PRIVATE, now).ok
    assert ours.can_reply(target(f"post:{here}"), Visibility.PRIVATE, now).ok
    with pytest.raises(Never):
        ours.message_privately(outgoing(ours, target(f"post:{elsewhere}"), "Halo", private=True))
    assert server.asked == []


def test_a_second_private_answer_to_a_comment_waits_for_its_authors_word(server: GraphServer) -> None:
    ours, now = channel(server), datetime.now(UTC)
    answered, said = (replace(target(place), written_to=True) for place in ("comment:1_2", "message:m_1"))

    spent = ours.can_reply(answered, Visibility.PRIVATE, now)

    assert not spent.ok
    assert spent.until is not None
    assert spent.until <= now
    assert ours.can_reply(answered, Visibility.PUBLIC, now).ok
    assert ours.can_reply(said, Visibility.PRIVATE, now).ok


def test_a_comment_is_answered_privately_once(server: GraphServer) -> None:
    ours, key = channel(server), server.writes_comment(server.post, "Dingin", BUDI)
    out = outgoing(ours, target(f"comment:{key}"), "Kami kirim rinciannya", private=True)

    sent = ours.message_privately(out)
    with pytest.raises(Never) as refused:
        ours.message_privately(out)

    assert sent.platform_id.startswith("message:m_")
    assert refused.value.kind == "not_allowed"
    assert ours.find_own(out) == replace(sent, at=ours.find_own(out).at)  # type: ignore[union-attr]


def test_a_comment_takes_a_private_answer_for_seven_days(server: GraphServer) -> None:
    ours, now = channel(server), datetime.now(UTC)
    fresh, old = (target("comment:1_2", now - timedelta(days=days)) for days in (6, 8))

    assert ours.can_reply(fresh, Visibility.PRIVATE, now).until == now + timedelta(days=1)
    assert not ours.can_reply(old, Visibility.PRIVATE, now).ok
    assert ours.can_reply(old, Visibility.PUBLIC, now).ok


@pytest.mark.parametrize(("human_agent", "window"), [(False, DAY), (True, 7 * DAY)])
def test_the_window_of_a_message_is_a_day_or_a_week_with_human_agents(
    server: GraphServer, human_agent: bool, window: timedelta
) -> None:
    ours, now = channel(server, human_agent=human_agent), datetime.now(UTC)
    inside, after = (target("message:m_1", now - window + timedelta(minutes=apart)) for apart in (1, -1))

    reachable = ours.can_reply(inside, Visibility.PRIVATE, now)

    assert (reachable.ok, reachable.until) == (True, now + timedelta(minutes=1))
    assert not ours.can_reply(after, Visibility.PRIVATE, now).ok
    assert not ours.can_reply(inside, Visibility.PUBLIC, now).ok


def test_policy_may_narrow_the_window(server: GraphServer) -> None:
    ours, now = channel(server, replace(world(), window=timedelta(hours=2))), datetime.now(UTC)

    assert not ours.can_reply(target("message:m_1", now - timedelta(hours=3)), Visibility.PRIVATE, now).ok


def test_after_a_day_a_persons_answer_carries_the_tag(server: GraphServer) -> None:
    server.human_agent = True
    ours, at = channel(server, human_agent=True), datetime.now(UTC) - timedelta(days=3)
    out = outgoing(ours, target(f"message:{server.writes_message(BUDI, 'x', at=at)}", at), "Halo", private=True)

    ours.message_privately(out)

    sent = server.asked[-1][2]
    assert (sent["messaging_type"], sent["tag"]) == ("MESSAGE_TAG", "HUMAN_AGENT")


def test_within_a_day_no_tag_is_needed(server: GraphServer) -> None:
    ours = channel(server, human_agent=True)
    out = outgoing(ours, target(f"message:{server.writes_message(BUDI, 'x')}"), "Halo", private=True)

    ours.message_privately(out)

    assert server.asked[-1][2]["messaging_type"] == "RESPONSE"
    assert "tag" not in server.asked[-1][2]


@pytest.mark.parametrize(
    ("human_agent", "kind"),
    [
        (False, DeliveryKind.REPLY),
        (True, DeliveryKind.ACKNOWLEDGEMENT),
        (True, DeliveryKind.SURVEY),
        (True, DeliveryKind.STATEMENT),
    ],
)
def test_after_a_day_no_machine_text_leaves(server: GraphServer, human_agent: bool, kind: DeliveryKind) -> None:
    ours, at = channel(server, human_agent=human_agent), datetime.now(UTC) - timedelta(days=2)
    out = outgoing(ours, target(f"message:{server.writes_message(BUDI, 'x', at=at)}", at), "Halo", private=True)

    with pytest.raises(Never) as refused:
        ours.message_privately(replace(out, kind=kind))

    assert refused.value.kind == "window"
    assert not any(method == "POST" for method, _, _ in server.asked)


def test_a_window_that_meta_sees_closed_is_told_as_such(server: GraphServer) -> None:
    ours = channel(server)
    said = server.writes_message(BUDI, "x", at=datetime.now(UTC) - timedelta(days=2))
    out = outgoing(ours, target(f"message:{said}"), "Halo", private=True)  # our clock says otherwise

    with pytest.raises(Never) as refused:
        ours.message_privately(out)

    assert refused.value.kind == "window"


def test_a_text_that_is_too_long_is_not_sent(server: GraphServer) -> None:
    ours = channel(server)
    out = outgoing(ours, target(f"message:{server.writes_message(BUDI, 'x')}"), "x" * 2001, private=True)

    with pytest.raises(Never) as refused:
        ours.message_privately(out)

    assert refused.value.kind == "too_long"


def test_it_finds_its_message_again_and_no_older_one(server: GraphServer) -> None:
    ours = channel(server)
    server.writes_message(BUDI, "x")
    before = datetime.now(UTC) - timedelta(hours=3)
    server.writes_message(BUDI, "Halo", at=before, ours=True)
    out = outgoing(ours, target("message:m_1"), "Halo", private=True)

    assert ours.find_own(out) is None
    sent = ours.message_privately(out)

    found = ours.find_own(out)
    assert found is not None
    assert found.platform_id == sent.platform_id


def test_where_nobody_knows_the_conversation_it_cannot_be_told(server: GraphServer) -> None:
    ours = channel(server)

    with pytest.raises(TryAgain):
        ours.find_own(outgoing(ours, Target(external_id="message:m_1"), "Halo", private=True))


# Errors


@pytest.mark.parametrize(
    ("code", "subcode", "kind"),
    [
        (10, 2018278, "window"),
        (10, 2018065, "window"),
        (10, 2534022, "window"),
        (551, 1545041, "blocked"),
        (10, 2018108, "blocked"),
        (200, 1545041, "blocked"),
        (100, 2018001, "blocked"),
        (100, 33, "gone"),
        (803, 0, "gone"),
        (10900, 0, "not_allowed"),
        (10901, 0, "window"),
        (10903, 0, "not_allowed"),
        (200, 0, "not_allowed"),
        (10, 0, "not_allowed"),
        (3, 0, "not_allowed"),
        (506, 0, "duplicate"),
        (100, 0, "other"),
    ],
)
def test_metas_codes_say_why_nothing_will_be_posted(server: GraphServer, code: int, subcode: int, kind: str) -> None:
    ours = channel(server)
    server.plan(code, subcode, status=403)

    with pytest.raises(Never) as refused:
        ours.reply(outgoing(ours, target(f"comment:{server.post}"), "Halo"))

    assert refused.value.kind == kind
    assert str(code) in str(refused.value)


@pytest.mark.parametrize(("subcode", "word"), [(460, "password"), (463, "expired"), (467, "logged out"), (0, "valid")])
def test_a_bad_token_says_what_ended_it(server: GraphServer, subcode: int, word: str) -> None:
    ours = channel(server)
    server.plan(190, subcode, status=400, message=f"Error validating {TOKEN}")

    with pytest.raises(LockedOut) as refused:
        ours.reply(outgoing(ours, target(f"comment:{server.post}"), "Halo"))

    assert word in str(refused.value)
    assert TOKEN not in str(refused.value)


def test_a_wrong_app_secret_is_a_matter_of_credentials(server: GraphServer) -> None:
    ours = channel(server, app_secret=SecretStr("another"))

    with pytest.raises(LockedOut):
        all_of(ours)


@pytest.mark.parametrize("code", [4, 17, 32, 613, 80001, 80006])
def test_too_many_calls_wait_as_long_as_meta_says(server: GraphServer, code: int) -> None:
    ours = channel(server)
    rows = [{"type": "pages", "call_count": 100, "estimated_time_to_regain_access": wait} for wait in (3, 19)]
    server.plan(code, **{"X_Business_Use_Case_Usage": json.dumps({PAGE: rows})})

    with pytest.raises(TryAgain) as refused:
        ours.reply(outgoing(ours, target(f"comment:{server.post}"), "Halo"))

    assert not isinstance(refused.value, LockedOut)
    assert refused.value.after == 19 * 60


@pytest.mark.parametrize("told", ["", "{", "[]", '{"1": 3}', '{"1": [{"estimated_time_to_regain_access": "x"}]}'])
def test_a_field_of_usage_that_says_nothing_is_passed_over(server: GraphServer, told: str) -> None:
    ours = channel(server)
    server.plan(4, X_Business_Use_Case_Usage=told, Retry_After="9")

    with pytest.raises(TryAgain) as refused:
        ours.reply(outgoing(ours, target(f"comment:{server.post}"), "Halo"))

    assert refused.value.after == 9


def test_a_block_of_our_actions_waits_for_hours(server: GraphServer) -> None:
    ours = channel(server)
    server.plan(368, 1404006, status=403)

    with pytest.raises(TryAgain) as refused:
        ours.reply(outgoing(ours, target(f"comment:{server.post}"), "Halo"))

    assert (refused.value.after or 0) >= 3600


@pytest.mark.parametrize("code", [1, 2, 1200])
def test_a_passing_error_after_a_text_left_is_read_back(server: GraphServer, code: int) -> None:
    ours, key = channel(server), server.writes_comment(server.post, "x", BUDI)
    out = outgoing(ours, target(f"comment:{key}"), "Halo")
    server.plan(code, status=500, done_first=True)

    with pytest.raises(Unknown):
        ours.reply(out)

    assert isinstance(ours.find_own(out), Sent)


def test_a_passing_error_of_a_question_is_asked_again(server: GraphServer) -> None:
    server.writes_comment(server.post, "x", BUDI)
    server.plan(2, status=500)

    assert len(heard(all_of(channel(server))[0])) == 1


# The token


def test_the_check_tells_who_we_are_and_when_the_token_ends(server: GraphServer) -> None:
    server.expires_at = 1900000000

    found = channel(server).check()

    assert (found.ok, found.said) == (True, "Facebook Page Kopi Senja")
    assert found.expires == datetime.fromtimestamp(1900000000, UTC)


def test_the_check_names_the_rights_that_are_missing(server: GraphServer) -> None:
    server.scopes.remove("pages_messaging")

    found = channel(server).check()

    assert not found.ok
    assert "pages_messaging" in found.said
    assert channel(server, messages=False).check().ok


def test_the_check_says_that_the_token_is_over(server: GraphServer) -> None:
    found = channel(server, token=SecretStr("EAAold")).check()

    assert not found.ok
    assert found.mend


def test_secrets_stand_in_no_address_but_the_one_that_asks_about_them(server: GraphServer) -> None:
    ours = channel(server)
    all_of(ours)
    ours.check()

    assert all(TOKEN not in json.dumps(params) and TOKEN not in path for _, path, params in server.asked)


def test_settings_take_secrets_from_the_environment_and_ids_as_yaml_reads_them() -> None:
    given = {"app_id": int(APP), "page_id": int(PAGE)}
    environment = {"TANGGAP_FACEBOOK_TOKEN": TOKEN, "TANGGAP_FACEBOOK_APP_SECRET": SECRET}

    found = read_account(FacebookChannel, "facebook", "default", given, environment)

    assert isinstance(found, FacebookSettings)
    assert found.page_id == PAGE
    assert "TANGGAP_FACEBOOK_TOKEN" in str(read_account(FacebookChannel, "facebook", "default", given, {}))


# What the desk must never do


def test_nothing_in_the_code_can_delete_hide_like_or_block() -> None:
    folder = Path(rounds.__file__).parent
    files = [*folder.glob("graph*.py"), folder / "facebook.py", folder / "instagram.py"]
    code = "\n".join(file.read_text() for file in files)

    assert len(files) >= 7
    for word in ('"DELETE"', '"hide"', "/likes", "/blocked", "moderate_conversations", "is_hidden=", '"is_hidden":'):
        assert word not in code
    for line in code.splitlines():
        if "self.post(" in line:
            assert any(f"{edge}" in line for edge in ("/comments", "/replies", "/mentions", "/messages")), line


@pytest.mark.skipif(not HAS_SPECS, reason="Meta's lists do not lie beside this checkout (../shared/specs/meta/graph)")
def test_the_stand_in_refuses_what_is_not_in_metas_lists() -> None:
    with graph_server() as server:
        with pytest.raises(ChannelError):
            channel(server).post(f"{server.post}/comments", {"mesage": "salah ketik"}, what="post")
        noted, server.violations[:] = list(server.violations), []

    assert noted == ["POST post/comments: there is no parameter mesage"]
