"""Telegram against telegram-test-api, with each request and update held against the official list of the Bot API."""

import json
import logging
import threading
import time
import traceback
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from http_receiver import closed_port
from pydantic import ValidationError
from telegram_server import BOT, GROUP, PRIVATE, RINA, SPEC, TOKEN, USERNAME, TelegramServer, needs_telegram, telegram

from db.clock import SetClock
from db.words import Visibility
from integrations.channels.base import Asked, Certainty, Channel, LockedOut, Never, Target, TryAgain, Unknown
from integrations.channels.conformance import Conformance, Counterpart
from integrations.channels.conformance.suite import all_of, heard, outgoing, world
from integrations.channels.telegram import TelegramChannel, TelegramSettings
from integrations.channels.world import World
from integrations.record import Attachment, Incoming, LeftOut, Unreadable

pytestmark = pytest.mark.slow

SECRET = "rahasia-dari-tes_1"


@pytest.fixture
def server() -> Iterator[TelegramServer]:
    needs_telegram()
    with telegram() as running:
        yield running
        assert running.violations == []


def bot(url: str, at: World | None = None, **settings: Any) -> TelegramChannel:
    given = {"token": TOKEN, "username": USERNAME, "api": url, "webhook_secret": SECRET, **settings}
    return TelegramChannel("telegram", "default", TelegramSettings.model_validate(given), at or world())


class TelegramCounterpart(Counterpart):
    """A supergroup with a customer in it, who writes to the bot privately, too."""

    private_intake = True
    edits = True

    def __init__(self, server: TelegramServer) -> None:
        self.server = server
        self.url = server.url
        self.chats: dict[str, dict[str, Any]] = {}

    def channel(self, url: str, world: World) -> Channel:
        return bot(url, world, groups="all")

    def locked_out(self, url: str, world: World) -> Channel:
        return bot(url, world, token="424242:another")

    def customer_writes(self, text: str, *, private: bool = False, in_reply_to: str | None = None) -> Target:
        chat = PRIVATE if private else GROUP
        more = {}
        if in_reply_to is not None:
            number = int(in_reply_to.rpartition(":")[2])
            answered = {"message_id": number, "from": BOT, "chat": GROUP, "date": int(time.time()), "text": "…"}
            more["reply_to_message"] = answered
        external_id = self.server.says(text, chat, **more)
        return Target(external_id=external_id, author_id=str(RINA["id"]), author_handle="rinaw")

    def customer_edits(self, target: Target, text: str) -> None:
        self.server.edits(target.external_id or "", text, GROUP)

    def we_write(self, text: str) -> bool:
        self.server.says(text, GROUP, **{"from": BOT})
        return True

    def gone(self) -> Target:
        target = self.customer_writes("sudah dihapus")
        self.server.removed.add(target.external_id or "")
        return target

    def standing(self, target: Target, *, private: bool = False) -> list[str]:
        chat, _, message = (target.external_id or "").partition(":")
        return self.server.standing(chat, message)

    def called(self, text: str) -> Asked:
        self.server.says(text)
        return call(self.server.waiting[-1])


def call(update: object, **changes: Any) -> Asked:
    fields: dict[str, Any] = {
        "method": "POST",
        "query": {},
        "headers": {"content-type": "application/json", "x-telegram-bot-api-secret-token": SECRET},
        "body": json.dumps(update).encode(),
        "url": "https://desk.example/in/telegram",
    }
    return Asked(**{**fields, **changes})


class TestTelegram(Conformance):
    @pytest.fixture
    def other(self, server: TelegramServer) -> TelegramCounterpart:
        return TelegramCounterpart(server)

    def test_a_forged_call_brings_nothing(self, other: Counterpart) -> None:
        """Telegram signs no body: its secret in the header is all that tells its calls."""
        asked = other.called("paket saya belum sampai")
        assert asked is not None
        for headers in ({}, {"x-telegram-bot-api-secret-token": SECRET[:-1]}, {"x-telegram-bot-api-secret-token": ""}):
            answer = other.channel(other.url, world()).hear(call({}, headers=headers, body=asked.body))

            assert (answer.items, answer.status) == ((), 401)
            assert answer.refused


# What comes in


def one_of(server: TelegramServer, **settings: Any) -> object:
    (item,) = all_of(bot(server.url, **settings))[0]
    return item


def test_the_official_list_is_there_to_be_checked_against() -> None:
    if SPEC is None:
        pytest.skip("../shared/specs/telegram/api.json is absent: requests and updates pass unchecked")
    assert "sendMessage" in SPEC["methods"]


def test_a_private_message_is_private_and_tells_who_wrote(server: TelegramServer) -> None:
    external_id = server.says("Saldo saya hilang 😡")

    item = one_of(server)

    assert isinstance(item, Incoming)
    assert (item.external_id, item.visibility, item.addressed, item.url) == (
        external_id,
        Visibility.PRIVATE,
        True,
        None,
    )
    assert item.author is not None
    assert (item.author.id, item.author.handle, item.author.name) == ("7001", "rinaw", "Rina Wulandari")
    assert TOKEN not in item.raw.decode()


def mention(text: str) -> dict[str, Any]:
    at = len(text[: text.index("@")].encode("utf-16-le")) // 2
    return {"entities": [{"type": "mention", "offset": at, "length": len(USERNAME) + 1}]}


def test_in_a_group_only_what_speaks_to_the_bot_is_taken(server: TelegramServer) -> None:
    named = f"😡😡 @{USERNAME.lower()} kapan paket saya datang?"
    answered = {"message_id": 3, "from": BOT, "chat": GROUP, "date": int(time.time()), "text": "Halo"}
    server.says("makan siang di mana?", GROUP)
    by_name = server.says(named, GROUP, **mention(named))
    by_answer = server.says("belum datang juga", GROUP, reply_to_message=answered)
    server.says("halo @orang_lain", GROUP, entities=[{"type": "mention", "offset": 5, "length": 11}])

    items = all_of(bot(server.url))[0]

    taken = heard(items)
    assert [one.external_id for one in taken] == [by_name, by_answer]
    assert {one.visibility for one in taken} == {Visibility.PUBLIC}
    assert [one.addressed for one in taken] == [True, True]
    assert taken[1].in_reply_to == f"{GROUP['id']}:3"
    assert taken[0].url == f"https://t.me/pelanggan_nusantara/{by_name.rpartition(':')[2]}"
    assert [one.reason for one in items if isinstance(one, LeftOut)] == ["said in a group, and not to us"] * 2


def command(text: str) -> dict[str, Any]:
    return {"entities": [{"type": "bot_command", "offset": 0, "length": len(text.split()[0])}]}


@pytest.mark.parametrize("text", ["/start", "/start promo-maret", "/help", f"/help@{USERNAME}"])
def test_a_bare_command_is_no_message(server: TelegramServer, text: str) -> None:
    server.says(text, **command(text))

    assert isinstance(one_of(server), LeftOut)


@pytest.mark.parametrize("text", ["/keluhan paket saya rusak", "/start paket saya rusak", "/start\nTolong"])
def test_what_is_said_with_a_command_is_taken(server: TelegramServer, text: str) -> None:
    server.says(text, **command(text))

    item = one_of(server)

    assert isinstance(item, Incoming)
    assert item.text == text


OTHER_BOT = {"id": 99, "is_bot": True, "first_name": "Bot lain", "username": "lainbot"}
CHANNEL = {"id": -1009, "type": "channel", "title": "Kabar"}


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"from": OTHER_BOT}, "another bot's"),
        ({"via_bot": OTHER_BOT}, "by another bot"),
        ({"is_automatic_forward": True, "sender_chat": CHANNEL}, "discussion"),
        ({"sender_chat": GROUP}, "administrators"),
    ],
)
def test_what_no_customer_wrote_is_left_out(server: TelegramServer, more: dict[str, Any], why: str) -> None:
    server.says("Promo hari ini", GROUP, **more)

    item = one_of(server, groups="all")

    assert isinstance(item, LeftOut)
    assert why in item.reason


def test_what_our_own_people_write_is_left_out(server: TelegramServer) -> None:
    server.says("Kami cek ya", GROUP)
    ours = world()
    ours = World(clock=ours.clock, home=ours.home, is_ours=lambda who: who == "rinaw", patience=ours.patience)

    (item,) = all_of(bot(server.url, ours, groups="all"))[0]

    assert isinstance(item, LeftOut)


def test_service_messages_and_other_updates_are_left_out(server: TelegramServer) -> None:
    server.says(None, GROUP, new_chat_members=[RINA])
    server.says(None, GROUP, migrate_to_chat_id=-1005)
    now = int(time.time())
    server.tells({"channel_post": {"message_id": 5, "chat": CHANNEL, "date": now, "text": "Kabar"}})

    items = all_of(bot(server.url, groups="all"))[0]

    assert [type(one) for one in items] == [LeftOut] * 3


def photo(size: int) -> list[dict[str, Any]]:
    file = {"file_id": "f", "file_unique_id": "u", "width": 90, "height": 90}
    return [{**file, "file_size": size // 2}, {**file, "file_size": size}]


def test_an_album_is_one_complaint_with_its_words(server: TelegramServer) -> None:
    first = server.says(None, photo=photo(4_000), caption="Barangnya pecah", media_group_id="a1")
    server.says(None, photo=photo(5_000), media_group_id="a1")
    server.says(None, photo=photo(6_000), media_group_id="a1")
    channel = bot(server.url)

    items = all_of(channel)[0]

    (one,) = heard(items)
    assert (one.external_id, one.text) == (first, "Barangnya pecah")
    assert one.attachments == (Attachment("photo", "image/jpeg", 4_000),)
    assert [item.external_id for item in heard(all_of(channel)[0])] == [first], "a second reading says the same"


def test_words_that_stand_at_a_later_picture_join_the_album(server: TelegramServer) -> None:
    first = server.says(None, photo=photo(4_000), media_group_id="a1")
    later = server.says(None, photo=photo(5_000), caption="Pecah semua", media_group_id="a1")

    taken = heard(all_of(bot(server.url))[0])

    assert [(one.external_id, one.text, one.in_reply_to) for one in taken] == [
        (first, "[photo]", None),
        (later, "Pecah semua", first),
    ]


def test_what_is_said_without_words_is_named(server: TelegramServer) -> None:
    server.says(None, voice={"file_id": "f", "file_unique_id": "u", "duration": 9, "file_size": 700})
    document = {"file_id": "f", "file_unique_id": "u", "file_name": "nota\n.pdf", "mime_type": "application/pdf"}
    server.says(None, document=document, caption="Ini notanya")

    voice, receipt = heard(all_of(bot(server.url))[0])

    assert (voice.text, voice.attachments[0].size) == ("[voice message]", 700)
    assert receipt.text == "Ini notanya"
    assert receipt.attachments == (Attachment("nota .pdf", "application/pdf", 0),)


def test_what_somebody_else_wrote_is_marked(server: TelegramServer) -> None:
    origin = {"type": "hidden_user", "sender_user_name": "Kurir", "date": int(time.time())}
    server.says("Paketnya saya taruh di pagar", forward_origin=origin)

    item = one_of(server)

    assert isinstance(item, Incoming)
    assert item.text == "[forwarded]\nPaketnya saya taruh di pagar"


def test_one_bad_update_does_not_stop_the_others(server: TelegramServer) -> None:
    server.tells({"message": {"message_id": "x", "chat": PRIVATE}}, checked=False)
    server.tells(
        {"message": {"message_id": 1, "chat": PRIVATE, "from": RINA, "date": 5, "text": "h\ud800"}}, checked=False
    )
    server.tells({"message": {"message_id": 1, "chat": PRIVATE, "from": RINA, "date": 5, "text": "h"}}, checked=False)
    good = server.says("masih belum")

    items = all_of(bot(server.url))[0]

    assert [one.reason.partition(";")[0] for one in items if isinstance(one, Unreadable)] == [
        "`message_id` is no number",
        "`text` holds half a character (a lone surrogate)",
        "date is before the year 2000",
    ]
    assert all(json.loads(one.raw) for one in items)
    assert [one.external_id for one in heard(items)] == [good]


def test_telegram_forgets_an_update_only_once_it_is_stored(server: TelegramServer) -> None:
    external_id = server.says("jangan hilang")
    channel = bot(server.url)

    pages = channel.fetch(None)
    next(pages)
    pages.close()  # Storing it failed.

    assert [one.external_id for one in heard(all_of(channel)[0])] == [external_id]


def test_many_come_page_after_page(server: TelegramServer) -> None:
    sent = [server.says(f"pesan {number}") for number in range(130)]

    pages = list(bot(server.url).fetch(None))

    assert [len(page.items) for page in pages] == [100, 30]
    assert [one.external_id for page in pages for one in heard(page.items)] == sent


def test_numbers_that_begin_anew_after_a_quiet_week_lose_nothing(server: TelegramServer) -> None:
    clock = SetClock(datetime.now(UTC))
    quiet = World(clock=clock, home=world().home)
    server.says("dulu")
    channel = bot(server.url, quiet)
    _, cursor = all_of(channel)
    all_of(channel, cursor)
    clock.set(clock.now() + timedelta(days=7))
    server.number = 10  # Telegram: after a week without updates the next number is random.
    external_id = server.says("sekarang")

    assert [one.external_id for one in heard(all_of(channel, cursor)[0])] == [external_id]


def test_waiting_ends_when_something_comes(server: TelegramServer) -> None:
    channel = bot(server.url)
    all_of(channel)
    threading.Timer(0.5, lambda: server.says("baru")).start()

    begun = time.monotonic()
    channel.wait(60, threading.Event())

    assert time.monotonic() - begun < 30
    assert len(heard(all_of(channel)[0])) == 1


def test_waiting_ends_when_it_is_stopped(server: TelegramServer) -> None:
    stop = threading.Event()
    threading.Timer(0.3, stop.set).start()

    begun = time.monotonic()
    bot(server.url).wait(60, stop)

    assert time.monotonic() - begun < 30


# The webhook


def test_a_call_without_a_secret_in_the_settings_is_not_believed() -> None:
    answer = bot("http://127.0.0.1:9", webhook_secret=None).hear(call({"update_id": 1}))

    assert (answer.status, answer.items) == (404, ())


def test_an_update_that_is_no_json_is_kept_and_not_asked_for_again() -> None:
    answer = bot("http://127.0.0.1:9").hear(call({}, body=b"{"))

    assert answer.status == 200
    assert [type(item) for item in answer.items] == [Unreadable]


def test_who_is_called_does_not_ask(server: TelegramServer) -> None:
    channel = bot(server.url, webhook=True)
    server.says("halo")

    assert all_of(channel) == ([], None)
    assert not channel.listens


# What goes out


def target(external_id: str) -> Target:
    return Target(external_id=external_id, author_id="7001")


def test_the_answer_is_named_as_telegram_names_it(server: TelegramServer) -> None:
    channel = bot(server.url)
    asked = server.says("paket saya?", GROUP)

    sent = channel.reply(outgoing(channel, target(asked), "Kami cek"))

    assert sent.platform_id.startswith(f"{GROUP['id']}:")
    assert sent.url == f"https://t.me/pelanggan_nusantara/{sent.platform_id.rpartition(':')[2]}"
    assert sent.at is not None
    assert abs(datetime.now(UTC) - sent.at) < timedelta(minutes=1)
    assert channel.certainty is Certainty.NEITHER


@pytest.mark.parametrize(
    ("code", "description", "kind"),
    [
        (403, "Forbidden: bot was blocked by the user", "blocked"),
        (403, "Forbidden: user is deactivated", "blocked"),
        (403, "Forbidden: bot was kicked from the supergroup chat", "blocked"),
        (403, "Forbidden: bot can't initiate conversation with a user", "not_allowed"),
        (400, "Bad Request: not enough rights to send text messages to the chat", "not_allowed"),
        (400, "Bad Request: message to be replied not found", "gone"),
        (400, "Bad Request: chat not found", "gone"),
        (400, "Bad Request: message is too long", "too_long"),
        (400, "Bad Request: something new", "other"),
    ],
)
def test_what_telegram_refuses_for_good_has_its_reason(
    server: TelegramServer, code: int, description: str, kind: str
) -> None:
    channel = bot(server.url)
    server.refuses("sendMessage", code, description)

    with pytest.raises(Never) as raised:
        channel.message_privately(outgoing(channel, target("7001:5"), "Halo", private=True))

    assert raised.value.kind == kind


def test_who_took_their_message_back_is_answered_privately_all_the_same(server: TelegramServer) -> None:
    """The talk is still theirs and ours; in a group, an answer to nothing would be read by all."""
    channel = bot(server.url)
    in_private, in_group = server.says("paket saya?", PRIVATE), server.says("paket saya?", GROUP)
    server.removed |= {in_private, in_group}

    channel.message_privately(outgoing(channel, target(in_private), "Kami cek", private=True))
    with pytest.raises(Never) as raised:
        channel.reply(outgoing(channel, target(in_group), "Kami cek"))

    assert server.standing(in_private.partition(":")[0]) == ["Kami cek"]
    assert raised.value.kind == "gone"


def test_a_window_that_has_closed_is_told_apart_from_a_chat_that_is_not_ours_to_write_in() -> None:
    closed = replace(world(), window=timedelta(hours=24))
    channel = bot("http://127.0.0.1:9", closed)
    late = replace(target("7001:5"), last_heard_at=datetime.now(UTC) - timedelta(hours=25))

    kinds = []
    for asked in (late, target("-77:5")):
        with pytest.raises(Never) as raised:
            channel.message_privately(outgoing(channel, asked, "Halo", private=True))
        kinds.append(raised.value.kind)

    assert kinds == ["window", "not_allowed"]


def test_a_group_that_became_a_supergroup_is_told(server: TelegramServer) -> None:
    channel = bot(server.url)
    said = "Bad Request: group chat was upgraded to a supergroup chat"
    server.refuses("sendMessage", 400, said, migrate_to_chat_id=-1005)

    with pytest.raises(Never, match="supergroup"):
        channel.reply(outgoing(channel, target("-77:5"), "Halo"))


def test_the_wait_that_telegram_asks_for_stands_in_its_body(server: TelegramServer) -> None:
    channel = bot(server.url)
    for method in ("sendMessage", "getUpdates", "getUpdates"):
        server.refuses(method, 429, "Too Many Requests: retry after 31", retry_after=31)

    with pytest.raises(TryAgain) as sending:
        channel.reply(outgoing(channel, target("-77:5"), "Halo"))
    with pytest.raises(TryAgain) as asking:
        all_of(channel)

    assert (sending.value.after, asking.value.after) == (31, 31)


def test_a_refusal_in_the_body_alone_is_one(server: TelegramServer) -> None:
    channel = bot(server.url)
    answer = server.answer
    said = {"ok": False, "error_code": 403, "description": "Forbidden: bot was blocked by the user"}
    server.answer = lambda *given: (200, said)  # type: ignore[method-assign]

    with pytest.raises(Never) as raised:
        channel.reply(outgoing(channel, target("-77:5"), "Halo"))

    server.answer = answer  # type: ignore[method-assign]
    assert raised.value.kind == "blocked"


def test_a_text_is_measured_as_telegram_measures_it(server: TelegramServer) -> None:
    channel = bot(server.url)
    asked = server.says("halo")

    channel.message_privately(outgoing(channel, target(asked), "😡" * 2_048, private=True))
    with pytest.raises(Never) as raised:
        channel.message_privately(outgoing(channel, target(asked), "😡" * 2_048 + "!", private=True))

    assert raised.value.kind == "too_long"


def test_nobody_is_written_to_where_the_bot_may_not_begin() -> None:
    channel, now = bot("http://127.0.0.1:9"), datetime.now(UTC)

    assert channel.can_reply(target("7001:5"), Visibility.PRIVATE, now).ok
    assert channel.can_reply(target("-77:5"), Visibility.PUBLIC, now).ok
    for external_id, visibility in (
        ("7001:5", Visibility.PUBLIC),
        ("-77:5", Visibility.PRIVATE),
        ("?", Visibility.PUBLIC),
    ):
        assert channel.can_reply(target(external_id), visibility, now).why


# The settings, and the token


def test_asking_while_a_webhook_is_set_says_what_to_do(server: TelegramServer) -> None:
    server.webhook = {"url": "https://desk.example/in/telegram"}
    channel = bot(server.url)

    with pytest.raises(TryAgain, match="deleteWebhook"):
        all_of(channel)

    found = channel.check()
    assert not found.ok
    assert "deleteWebhook" in (found.mend or "")


def test_another_bot_than_the_settings_say_is_told(server: TelegramServer) -> None:
    found = bot(server.url, username="@LainBot").check()

    assert not found.ok
    assert "LainBot" in found.said


def test_a_webhook_that_telegram_could_not_call_is_told(server: TelegramServer) -> None:
    server.webhook = {"url": "https://desk.example/in/telegram", "last_error_message": "Connection refused"}

    found = bot(server.url, webhook=True).check()

    assert not found.ok
    assert "Connection refused" in found.said


def test_the_token_stands_in_no_error_and_no_log(server: TelegramServer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    channel = bot(server.url)
    channel.check()
    nowhere = bot(f"http://127.0.0.1:{closed_port()}")
    errors = []
    server.refuses("sendMessage", 500, "Internal Server Error")
    for act in (
        lambda: all_of(nowhere),
        lambda: nowhere.reply(outgoing(nowhere, target("-77:5"), "Halo")),
        lambda: channel.reply(outgoing(channel, target("-77:5"), "Halo")),
        lambda: all_of(bot(server.url, token="424242:another")),
    ):
        with pytest.raises((TryAgain, Unknown, LockedOut)) as raised:
            act()
        errors.append("".join(traceback.format_exception(raised.value)) + repr(raised.value.__context__))

    said = caplog.text + "".join(errors) + repr(channel.settings)
    assert "GET /bot…/getMe" in caplog.text
    assert TOKEN not in said
    assert "424242:another" not in said.replace('token="424242:another"', "")


@pytest.mark.parametrize(
    "wrong",
    [{"token": "no token"}, {"webhook_secret": "with a blank"}, {"api": "api.telegram.org"}, {"groups": "none"}],
)
def test_settings_that_cannot_work_are_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        bot("https://api.telegram.org", **wrong)
