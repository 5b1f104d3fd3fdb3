"""X: our adapter against a small X of the tests' own, held on both sides against X's official specification."""

import base64
import hashlib
import hmac
import itertools
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote
from urllib.request import parse_http_list, parse_keqv_list

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError
from x_server import PRISM, PROBLEMS, SPEC, Message, Refused, Written, XServer, prism_before, refusal

from db.words import Visibility
from integrations.channels import x, x_reading
from integrations.channels.base import (
    Asked,
    ChannelError,
    LockedOut,
    Never,
    Reachable,
    Sent,
    Target,
    TryAgain,
    Unknown,
)
from integrations.channels.conformance import Conformance, Counterpart
from integrations.channels.conformance.suite import all_of, heard, outgoing, world
from integrations.channels.registry import adapter_named, read_account
from integrations.channels.world import World
from integrations.channels.x import XChannel
from integrations.channels.x_asking import XSettings
from integrations.channels.x_posts import id_at
from integrations.channels.x_walk import Batch, Reading, Source, Span
from integrations.record import Attachment, Author, LeftOut, Metrics, Removed, Unreadable
from policy.guard.lengths import length_on

# The validator knows no security scheme called OAuth; the small X checks signatures itself.
pytestmark = pytest.mark.filterwarnings("ignore:Unsupported scheme type")


def settings_for(server: XServer, url: str, **more: object) -> XSettings:
    server.known_as.add(url)
    keys = {
        "consumer_key": SecretStr(server.consumer_key),
        "consumer_secret": SecretStr(server.consumer_secret),
        "access_token": SecretStr(next(iter(server.tokens))),
        "access_token_secret": SecretStr("token-secret"),
    }
    return XSettings.model_validate({**keys, "url": url, "messages": True, **more})


class XCounterpart(Counterpart):
    """Customers of ours on the small X."""

    private_intake = True
    edits = True
    removes = True
    longest = 270

    def __init__(self, server: XServer, url: str) -> None:
        self.server = server
        self.url = url
        self.pinned = server.writes("tokomaju", "Ada yang bisa kami bantu?")

    def channel(self, url: str, world: World) -> XChannel:
        return XChannel("x", "default", settings_for(self.server, url), world)

    def locked_out(self, url: str, world: World) -> XChannel:
        settings = settings_for(self.server, url, access_token_secret=SecretStr("another"))
        return XChannel("x", "default", settings, world)

    def customer_writes(self, text: str, *, private: bool = False, in_reply_to: str | None = None) -> Target:
        if private:
            message = self.server.sends("pelanggan", text)
            return Target(external_id=f"dm-{message.id}", author_id=message.sender.id, last_heard_at=message.at)
        to = self.server.by_id(in_reply_to) if in_reply_to else None
        if to is None and "<segera>" in text:
            # The mention in front of a reply is X's, not among its author's words.
            to = self.pinned
        post = self.server.writes("pelanggan", text if to else f"@tokomaju {text}", to=to)
        return self.aim(post)

    def aim(self, post: Written) -> Target:
        return Target(external_id=post.ids[0], author_id=post.author.id, author_handle=post.author.username)

    def post_of(self, target: Target) -> Written:
        post = self.server.by_id(target.external_id or "")
        assert post is not None
        return post

    def customer_edits(self, target: Target, text: str) -> None:
        self.server.edits(self.post_of(target), f"@tokomaju {text}")

    def customer_removes(self, target: Target) -> None:
        self.post_of(target).there = False

    def we_write(self, text: str) -> bool:
        self.server.writes("tokomaju", f"@tokomaju {text}")
        return True

    def gone(self) -> Target:
        post = self.server.writes("pelanggan", "@tokomaju sebentar saja", there=False)
        return self.aim(post)

    def standing(self, target: Target, *, private: bool = False) -> list[str]:
        return self.server.messages_to("pelanggan") if private else self.server.answers_to(self.post_of(target))

    def called(self, text: str) -> Asked:
        post = self.server.writes("pelanggan", text, to=self.pinned)
        body = json.dumps({"for_user_id": "1001", "tweet_create_events": [self.server.old_post(post)]}).encode()
        headers = {"x-twitter-webhooks-signature": self.server.signed(body)}
        return Asked("POST", {}, headers, body, "https://gateway.example/in/x")


@pytest.fixture
def server() -> Iterator[XServer]:
    server = XServer(SPEC if SPEC.exists() else None).start()
    yield server
    server.stop()
    assert server.broken_rules == []


class TestX(Conformance):
    @pytest.fixture
    def other(self, server: XServer) -> XCounterpart:
        return XCounterpart(server, server.url)


@pytest.mark.slow
@pytest.mark.skipif(not SPEC.exists(), reason="X's specification is not here (../shared/specs/x/openapi.json)")
@pytest.mark.skipif(not PRISM.exists(), reason="prism is not installed: npm ci in tests/npm")
class TestXThroughPrism(Conformance):
    """The same with Prism between, which lets nothing pass that X's specification does not describe."""

    @pytest.fixture(scope="class")
    def prism(self) -> Iterator[tuple[XServer, str]]:
        server = XServer().start()
        with prism_before(server) as url:
            yield server, url
        server.stop()

    @pytest.fixture
    def other(self, prism: tuple[XServer, str]) -> XCounterpart:
        return XCounterpart(*prism)


# What is special to X


class Ledger:
    """Keeps what was taken and spent."""

    def __init__(self) -> None:
        self.taken: Counter[str] = Counter()
        self.spent: Counter[str] = Counter()
        self.charged: set[str] = set()

    def take(self, what: str, amount: int = 1) -> None:
        self.taken[what] += amount

    def spend(self, what: str, count: int = 1) -> None:
        self.spent[what] += count

    def spend_once(self, what: str, records: Iterable[str]) -> None:
        new = set(records) - self.charged
        self.charged |= new
        if new:
            self.spent[what] += len(new)


def adapter(server: XServer, *, ledger: Ledger | None = None, ours: str = "", **more: object) -> XChannel:
    made = replace(world(), meter=ledger or Ledger(), is_ours=lambda who: who == ours)
    return XChannel("x", "default", settings_for(server, server.url, **more), made)


def aim(post: Written) -> Target:
    return Target(external_id=post.ids[0], author_id=post.author.id, author_handle=post.author.username)


def texts(items: Sequence[object]) -> list[str]:
    return [one.text for one in heard(items)]


def in_public(channel: XChannel, post: Written) -> Reachable:
    return channel.can_reply(aim(post), Visibility.PUBLIC, datetime.now(UTC))


def says_no(
    status: int, detail: str = "", kind: str = "about:blank", code: int | None = None, **headers: str
) -> Refused:
    said = refusal(status, detail, code, kind)
    return Refused(status, said.body, **{name.replace("_", "-"): value for name, value in headers.items()})


def test_more_mentions_than_fit_a_page_come_oldest_first(server: XServer) -> None:
    server.page_limit = 3
    channel = adapter(server)
    posts = [server.writes(f"p{n}", f"@tokomaju keluhan {n}") for n in range(10)]

    items, cursor = all_of(channel)

    assert [one.external_id for one in heard(items)] == [one.ids[0] for one in posts]
    assert all_of(channel, cursor)[0] == []


def test_mentions_beyond_those_that_x_lists_are_found_by_search(
    server: XServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(x_reading, "MENTION_PAGES", 2)
    server.page_limit, server.mention_limit = 2, 4
    channel = adapter(server)
    _, cursor = all_of(channel)
    posts = [server.writes(f"p{n}", f"@tokomaju keluhan {n}") for n in range(9)]

    items, cursor = all_of(channel, cursor)

    assert sorted(one.external_id for one in heard(items)) == [one.ids[0] for one in posts]
    assert [one.addressed for one in heard(items)] == [True] * 9
    assert all_of(channel, cursor)[0] == []


def test_a_long_search_goes_on_where_it_was_interrupted(server: XServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(x_reading, "SEARCH_PAGES", 2)
    server.page_limit = 2
    channel = adapter(server, search="tokomaju")
    posts = [server.writes(f"p{n}", f"tokomaju mengecewakan {n}") for n in range(11)]
    found: list[str] = []
    cursor = None

    for _ in range(20):
        for page in adapter(server, search="tokomaju").fetch(cursor):
            found += [one.external_id for one in heard(page.items)]
            cursor = page.cursor
            break

    assert sorted(found) == [one.ids[0] for one in posts]
    assert all_of(channel, cursor)[0] == []


def test_nothing_is_lost_when_the_second_page_fails(server: XServer) -> None:
    server.page_limit = 2
    channel = adapter(server, messages=False)
    posts = [server.writes(f"p{n}", f"@tokomaju keluhan {n}") for n in range(5)]
    pages = channel.fetch(None)
    old = server._listed

    def fails_later(found: list[Written], query: dict[str, str], mark: str) -> dict[str, object]:
        if mark in query:
            raise says_no(503)
        return old(found, query, mark)

    server._listed = fails_later  # type: ignore[method-assign]
    with pytest.raises(TryAgain):
        next(pages)
    server._listed = old  # type: ignore[method-assign]

    assert [one.external_id for one in heard(all_of(channel)[0])] == [one.ids[0] for one in posts]


def talk_of(server: XServer, many: int) -> list[str]:
    """So many direct messages, ten seconds apart."""
    moments = [datetime.now(UTC) - timedelta(seconds=10 * (many - number)) for number in range(many)]
    told = [Message(server.number(at), server.account("budi"), server.ours, "halo", at) for at in moments]
    server.messages += told
    return [f"dm-{one.id}" for one in told]


def test_more_direct_messages_than_are_read_at_once_all_come(server: XServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(x_reading, "MESSAGE_PAGES", 2)
    server.page_limit = 3
    channel = adapter(server)
    _, cursor = all_of(channel)
    sent = talk_of(server, 20)

    items, cursor = all_of(channel, cursor)

    assert sorted(one.external_id for one in heard(items)) == sent
    assert all_of(channel, cursor)[0] == []


def test_a_long_talk_goes_on_where_the_limit_of_fifteen_calls_broke_it_off(server: XServer) -> None:
    server.page_limit = 3
    channel = adapter(server)
    _, cursor = all_of(channel)
    sent = talk_of(server, 30)
    server._rules = None
    talk, calls, found = server._talk, itertools.count(1), list[str]()

    def scarce(messages: list[Message], query: dict[str, Any]) -> dict[str, Any]:
        if next(calls) % 3 == 0:
            raise says_no(429, "Too Many Requests")
        return talk(messages, query)

    server._talk = scarce  # type: ignore[method-assign]
    for _ in range(12):
        with suppress(TryAgain):
            for page in channel.fetch(cursor):
                found += [one.external_id for one in heard(page.items)]
                cursor = page.cursor

    assert sorted(found) == sent


def test_a_page_of_a_talk_that_x_no_longer_knows_is_looked_for_from_the_top(
    server: XServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(x_reading, "MESSAGE_PAGES", 2)
    server.page_limit = 3
    channel = adapter(server)
    _, cursor = all_of(channel)
    sent = talk_of(server, 20)
    first = next(iter(channel.fetch(cursor)))
    server._rules = None
    talk, refused = server._talk, list[str]()

    def forgets(messages: list[Message], query: dict[str, Any]) -> dict[str, Any]:
        mark = query.get("pagination_token", "none")
        if mark in first.cursor and not refused:
            refused.append(mark)
            raise says_no(400, "", PROBLEMS + "invalid-request")
        return talk(messages, query)

    server._talk = forgets  # type: ignore[method-assign]
    items, _ = all_of(channel, first.cursor)

    assert refused
    assert sorted(one.external_id for one in heard([*first.items, *items])) == sent


def test_a_post_that_shows_up_late_under_a_lower_number_is_not_missed(server: XServer) -> None:
    channel = adapter(server)
    now = datetime.now(UTC)
    server.writes("cepat", "@tokomaju satu", at=now)
    _, cursor = all_of(channel)
    server.writes("lambat", "@tokomaju dua", at=now - timedelta(milliseconds=800))

    items, cursor = all_of(channel, cursor)

    assert texts(items) == ["@tokomaju dua"]
    assert all_of(channel, cursor)[0] == []


def test_what_a_search_no_longer_reaches_is_told_once(server: XServer) -> None:
    server.writes("lama", "tokomaju dulu", at=datetime.now(UTC) - timedelta(days=9))
    server.writes("baru", "tokomaju kini")
    channel = adapter(server, search="tokomaju", messages=False)
    long_ago = id_at(datetime.now(UTC) - timedelta(days=10))

    items, cursor = all_of(channel, json.dumps({"search": [[[long_ago, None]], [long_ago]]}))

    notes = [one for one in items if isinstance(one, Unreadable)]
    assert texts(items) == ["tokomaju kini"]
    assert len(notes) == 1
    assert "seven days" in notes[0].reason
    assert all_of(channel, cursor)[0] == []


def test_a_search_that_finds_nothing_for_weeks_misses_nothing(server: XServer) -> None:
    server.off = timedelta(days=20)
    made = replace(world(server.off), meter=Ledger())
    channel = XChannel("x", "default", settings_for(server, server.url, search="tokomaju", messages=False), made)
    cursor = None
    for days in range(20):
        made.clock.off = timedelta(days=days)  # type: ignore[attr-defined]
        server.off = timedelta(0)
        server._searched = lambda query: []  # type: ignore[method-assign]
        items, cursor = all_of(channel, cursor)
        assert items == []


def test_brands_are_searched_for_and_who_only_names_us_cannot_be_answered(server: XServer) -> None:
    channel = adapter(server, search='"toko maju" OR tokomaju', messages=False)
    server.writes("budi", "@tokomaju halo")
    named = server.writes("citra", "Toko Maju lambat sekali")
    server.writes("dewi", "RT Toko Maju lambat sekali", repeats=named)
    server.writes("tokomaju", "Toko Maju buka jam 9")

    items, _ = all_of(channel)

    assert [(one.text, one.addressed) for one in heard(items)] == [
        ("@tokomaju halo", True),
        ("Toko Maju lambat sekali", None),
    ]
    assert not in_public(channel, named).ok
    assert "mentioned" in (in_public(channel, named).why or "")


def test_the_app_s_token_searches_and_ours_reads_our_mentions(server: XServer) -> None:
    server.bearer = "app-bearer"
    channel = adapter(server, search="tokomaju", bearer=SecretStr("app-bearer"), handle="@tokomaju", messages=False)
    server.tokens.clear()

    with pytest.raises(LockedOut):
        all_of(channel)
    assert list(channel.posts_of(Target(author_id="1002"), datetime.now(UTC) - timedelta(days=30))) == []


def test_a_post_comes_as_people_read_it(server: XServer) -> None:
    budi = server.joins("budi", "Budi", followers=1200)
    long = "@tokomaju " + "sangat lama & tidak jelas <sekali> " * 10 + "https://a.example/b?c=1&copy=2"
    post = server.writes("budi", long, media=("3_77",), likes=4)
    server.writes("iwan", "lihat ini", to=post)

    (one,) = heard(all_of(adapter(server))[0])

    assert one.text == long
    assert one.author == Author(budi.id, "budi", "Budi", 1200, False)
    assert one.url == f"https://x.com/budi/status/{post.ids[0]}"
    assert one.metrics == Metrics(views=100, likes=4, replies=1, shares=0)
    assert one.attachments == (Attachment("3_77", "image", 0),)
    assert (one.lang, one.visibility) == ("in", Visibility.PUBLIC)
    assert json.loads(one.raw)["id"] == post.ids[0]


def test_reposts_and_robots_and_our_other_accounts_are_left_out(server: XServer) -> None:
    first = server.writes("budi", "@tokomaju halo")
    server.writes("iwan", "RT @budi: @tokomaju halo", repeats=first)
    server.joins("cuaca", automated=True)
    server.writes("cuaca", "@tokomaju hujan hari ini")
    server.writes("tokomaju_id", "@tokomaju kita buka")

    items, _ = all_of(adapter(server, ours="tokomaju_id"))

    assert texts(items) == ["@tokomaju halo"]
    assert [one.reason for one in items if isinstance(one, LeftOut)] == [
        "a repost",
        "X labels its author as automated",
        "a post of our own",
    ]


def test_an_edit_keeps_the_name_of_the_first_version_and_answers_to_it_too(server: XServer) -> None:
    channel = adapter(server)
    post = server.writes("budi", "@tokomaju pesanan 1")
    _, cursor = all_of(channel)
    server.edits(post, "@tokomaju pesanan 2")
    server.writes("iwan", "@tokomaju sama", to=post)

    items, _ = all_of(channel, cursor)

    assert (heard(items)[0].external_id, heard(items)[0].text) == (post.ids[0], "@tokomaju pesanan 2")
    assert heard(items)[1].in_reply_to == post.ids[0]
    assert [one.text for one in channel.look_at([post.ids[0]])] == ["@tokomaju pesanan 2"]


def test_half_a_character_and_control_characters_hold_up_nothing(server: XServer) -> None:
    server._rules = None
    server.joins("budi", "Bu\udc00di\x07")
    server.writes("budi", "@tokomaju pa\x00ket \ud83d hilang")
    server.writes("citra", "@tokomaju halo")
    channel = adapter(server)

    items, _ = all_of(channel)

    assert texts(items) == ["@tokomaju paket ? hilang", "@tokomaju halo"]
    assert [one.author.name for one in heard(items) if one.author] == ["Bu?di", "Citra"]
    document = {"for_user_id": "1001", "tweet_create_events": [server.old_post(one) for one in server.posts]}
    assert texts(channel.hear(call(server, document)).items) == texts(items)


def test_records_that_cannot_be_read_are_put_aside_and_the_others_come(server: XServer) -> None:
    good = server.writes("budi", "@tokomaju halo")
    server._rules = None
    old = server._post
    broken = [{"id": 12, "text": "x"}, {"id": "13"}, {"id": "14", "text": "y"}, "words", {"text": 1, "id": "1" * 30}]
    server._listed = lambda posts, query, mark: {  # type: ignore[method-assign]
        "data": [*broken, old(good, query)],
        "includes": {"users": [{"id": 5}, None], "posts": "none"},
        "meta": {"result_count": "many"},
    }

    items, cursor = all_of(adapter(server, messages=False), json.dumps({"mentions": [[[1, None]], []]}))

    assert texts(items) == ["@tokomaju halo"]
    aside = [one for one in items if isinstance(one, Unreadable)]
    assert len(aside) == 5
    assert all("X sent a record that cannot be read" in one.reason and one.raw for one in aside)
    assert cursor is not None


# Whether we may answer


def test_who_mentioned_or_quoted_us_can_be_answered(server: XServer) -> None:
    channel = adapter(server)
    ours = server.writes("tokomaju", "Promo!")
    assert in_public(channel, server.writes("budi", "halo @TokoMaju")).ok
    assert in_public(channel, server.writes("citra", "menyesal beli di sini", quotes=ours)).ok


def test_a_post_that_did_not_pass_here_is_looked_up_once(server: XServer) -> None:
    ledger = Ledger()
    channel = adapter(server, ledger=ledger)
    post = server.writes("budi", "Toko Maju payah")

    answers = [in_public(channel, post) for _ in range(3)]

    assert [one.ok for one in answers] == [False] * 3
    assert ledger.taken == {"posts": 1}
    assert ledger.spent == {"post_read": 1, "user_read": 1}


def test_a_plan_without_that_rule_answers_anybody(server: XServer) -> None:
    server.enterprise = True
    channel = adapter(server, enterprise=True)
    post = server.writes("budi", "Toko Maju payah")

    assert in_public(channel, post).ok
    assert channel.reply(outgoing(channel, aim(post), "Maaf, ya")).platform_id
    assert server.asked[-1][0] == "POST"


def test_what_is_gone_or_hidden_or_private_cannot_be_answered_in_public(server: XServer) -> None:
    channel = adapter(server)
    hidden = server.writes("rahasia", "@tokomaju halo")
    hidden.author.protected = True
    message = Target(external_id="dm-12", author_id="1002")

    assert not in_public(channel, server.writes("budi", "@tokomaju halo", there=False)).ok
    assert not in_public(channel, hidden).ok
    assert not channel.can_reply(message, Visibility.PUBLIC, datetime.now(UTC)).ok
    assert channel.can_reply(message, Visibility.PRIVATE, datetime.now(UTC)).ok
    assert not channel.can_reply(Target(external_id="12"), Visibility.PRIVATE, datetime.now(UTC)).ok


def test_where_x_cannot_be_asked_it_is_left_to_x(server: XServer) -> None:
    server.refuses = [says_no(503)] * 2
    assert in_public(adapter(server), server.writes("budi", "@tokomaju halo")).ok


def test_a_no_of_x_is_remembered(server: XServer) -> None:
    channel = adapter(server)
    post = server.writes("budi", "@tokomaju halo")
    all_of(channel)
    server.refuses = [says_no(403, "Reply to this conversation is not allowed because you have not been mentioned")]

    with pytest.raises(Never) as refused:
        channel.reply(outgoing(channel, aim(post), "Maaf, ya"))

    assert refused.value.kind == "not_allowed"
    assert not in_public(channel, post).ok


# Answering


def test_an_edited_post_is_answered_in_its_newest_version_where_x_takes_no_other(server: XServer) -> None:
    server.old_versions_are_answered = False
    channel = adapter(server)
    post = server.writes("budi", "@tokomaju pesanan 1")
    server.edits(post, "@tokomaju pesanan 2")
    gone = server.writes("citra", "@tokomaju hai", there=False)
    out = outgoing(channel, aim(post), "Maaf, kami cek")

    sent = channel.reply(out)

    assert server.answers_to(post) == ["Maaf, kami cek"]
    assert (channel.find_own(out) or Sent("")).platform_id == sent.platform_id
    with pytest.raises(Never) as refused:
        channel.reply(outgoing(channel, aim(gone), "Maaf, ya"))
    assert refused.value.kind == "gone"


def test_the_same_words_as_this_very_answer_are_found_not_posted_again(server: XServer) -> None:
    channel = adapter(server)
    out = outgoing(channel, aim(server.writes("budi", "@tokomaju halo")), "Maaf & terima kasih, lihat toko.example/b")
    first = channel.reply(out)

    assert channel.reply(out).platform_id == first.platform_id
    assert sum(one.author is server.ours for one in server.posts) == 1


def test_the_same_words_elsewhere_are_a_duplicate(server: XServer) -> None:
    channel = adapter(server)
    channel.reply(outgoing(channel, aim(server.writes("budi", "@tokomaju halo")), "Kami periksa."))

    with pytest.raises(Never) as refused:
        channel.reply(outgoing(channel, aim(server.writes("citra", "@tokomaju hai")), "Kami periksa."))

    assert refused.value.kind == "duplicate"


def test_whether_the_same_words_are_ours_may_stay_unknown(server: XServer) -> None:
    channel = adapter(server)
    out = outgoing(channel, aim(server.writes("budi", "@tokomaju halo")), "Kami periksa.")
    server.refuses = [says_no(403, code=187), says_no(503), says_no(503)]

    with pytest.raises(Unknown):
        channel.reply(out)


@pytest.mark.parametrize(
    "text",
    [
        "Maaf & terima kasih <3 &amp; lihat https://toko.example/b?c=1&copy=2 ya",
        "lihat toko.example/status, terima kasih",
        "@tokolain juga tahu\n\nsatu  dua",
        "kata cafe\u0301 dan 🙏🏽",
    ],
)
def test_our_text_is_known_again_however_x_sets_it(server: XServer, text: str) -> None:
    channel = adapter(server)
    other = aim(server.writes("citra", "@tokomaju hai"))
    out = outgoing(channel, aim(server.writes("budi", "@tokomaju halo")), text)
    sent = channel.reply(out)

    found = channel.find_own(out)
    assert found is not None
    assert found.platform_id == sent.platform_id
    assert channel.find_own(replace(out, target=other)) is None
    assert channel.find_own(replace(out, text=text + ".")) is None


def test_a_timeline_too_long_to_read_leaves_it_open(server: XServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(x, "OWN_PAGES", 2)
    server.page_limit = 2
    channel = adapter(server)
    target = aim(server.writes("budi", "@tokomaju halo"))
    for number in range(6):
        server.writes("tokomaju", f"kabar {number}")

    with pytest.raises(TryAgain):
        channel.find_own(outgoing(channel, target, "Kami periksa."))


def test_a_private_text_is_found_in_the_talk_since_they_wrote(server: XServer) -> None:
    channel = adapter(server)
    message = server.sends("budi", "halo")
    target = Target(external_id=f"dm-{message.id}", author_id=message.sender.id, last_heard_at=message.at)
    out = outgoing(channel, target, "Ini & itu", private=True)
    assert channel.find_own(out) is None
    sent = channel.message_privately(out)

    found = channel.find_own(out)
    assert found is not None
    assert found.platform_id == sent.platform_id
    later = replace(target, last_heard_at=datetime.now(UTC) + timedelta(hours=1))
    assert channel.find_own(replace(out, target=later)) is None


def test_who_takes_no_messages_has_blocked_us(server: XServer) -> None:
    channel = adapter(server)
    post = server.writes("budi", "@tokomaju halo")
    post.author.takes_messages = False

    with pytest.raises(Never) as refused:
        channel.message_privately(outgoing(channel, aim(post), "Halo", private=True))

    assert refused.value.kind == "blocked"


def test_who_blocked_us_is_not_answered(server: XServer) -> None:
    channel = adapter(server)
    post = server.writes("budi", "@tokomaju halo")
    post.author.blocks.add(server.ours.id)

    with pytest.raises(Never) as refused:
        channel.reply(outgoing(channel, aim(post), "Halo"))

    assert refused.value.kind == "blocked"


@pytest.mark.parametrize("text", ["a" * 280, "漢" * 140, "a" * 256 + " https://toko.example/" + "b" * 200])
def test_a_text_that_the_guard_passes_fits_and_one_character_more_does_not(server: XServer, text: str) -> None:
    channel = adapter(server)
    target = aim(server.writes("budi", "@tokomaju halo"))
    assert length_on("x", text) == 280

    assert channel.reply(outgoing(channel, target, text)).platform_id
    with pytest.raises(Never) as refused:
        channel.reply(outgoing(channel, target, "b" + text))
    assert refused.value.kind == "too_long"


REFUSALS = [
    (says_no(401, "Unauthorized"), LockedOut, "keys and tokens"),
    (says_no(402, "credits depleted", PROBLEMS + "credits-depleted"), LockedOut, "credits"),
    (says_no(429, "Usage cap exceeded: Monthly product cap", PROBLEMS + "usage-capped"), LockedOut, "month"),
    (says_no(403, "not configured with the appropriate oauth1 app permissions"), LockedOut, "Read and write"),
    (says_no(403, "When authenticating…", PROBLEMS + "client-forbidden"), LockedOut, "our app"),
    (says_no(403, "To protect our users, this account is temporarily locked", code=326), LockedOut, "locked"),
    (says_no(403, "You attempted to reply to a Tweet that is deleted or not visible to you."), Never, "gone"),
    (says_no(403, "The original Tweet author restricted who can reply to this Tweet.", code=433), Never, "not_allowed"),
    (says_no(403, "You are not permitted to perform this action."), Never, "not_allowed"),
    (says_no(403, "You can only reply to or quote posts where you are mentioned or are the author."), Never, "lets us"),
    (says_no(403, "User is over daily status update limit.", code=185), TryAgain, "enough"),
    (says_no(403, "You have reached your daily limit for sending Tweets and messages.", code=344), TryAgain, "enough"),
    (says_no(403, "This request looks like it might be automated.", code=226), TryAgain, "automated"),
    (says_no(400, "", PROBLEMS + "invalid-request"), Never, "other"),
    (says_no(500), Unknown, "look there"),
]


@pytest.mark.parametrize(
    ("answer", "kind", "told"), REFUSALS, ids=[str(one[0].body["detail"])[:40] for one in REFUSALS]
)
def test_each_refusal_means_what_x_says(server: XServer, answer: Refused, kind: type[ChannelError], told: str) -> None:
    channel = adapter(server)
    target = aim(server.writes("budi", "@tokomaju halo"))
    server._rules, server.refuses = None, [answer]

    with pytest.raises(kind) as refused:
        channel.reply(outgoing(channel, target, "Kami periksa."))

    assert type(refused.value) is kind
    assert told in (
        f"{refused.value.kind}: {refused.value}" if isinstance(refused.value, Never) else str(refused.value)
    )
    assert "127.0.0.1" in str(refused.value)
    assert str(answer.body["detail"] or "…") not in str(refused.value)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"x_rate_limit_reset": 420}, 420),
        ({"x_rate_limit_reset": 420, "x_user_limit_24hour_remaining": "0", "x_user_limit_24hour_reset": 7200}, 7200),
        ({"x_rate_limit_reset": 420, "x_app_limit_24hour_remaining": "7", "x_app_limit_24hour_reset": 7200}, 420),
    ],
)
def test_a_limit_says_when_it_ends(server: XServer, headers: dict[str, object], seconds: float) -> None:
    now = int(datetime.now(UTC).timestamp())
    given = {name: str(now + value) if isinstance(value, int) else str(value) for name, value in headers.items()}
    server._rules, server.refuses = None, [says_no(429, "Too Many Requests", **given)]

    with pytest.raises(TryAgain) as refused:
        all_of(adapter(server))

    assert not isinstance(refused.value, LockedOut)
    assert refused.value.after == pytest.approx(seconds, abs=5)


def test_our_signature_is_the_one_that_x_documents(server: XServer) -> None:
    # The worked example of X's page "Creating a signature" (docs.x.com, OAuth 1.0a).
    keys = {
        "consumer_key": SecretStr("xvz1evFS4wEEPTGEFPHBog"),
        "consumer_secret": SecretStr("kAcSOqF21Fu85e7zjz7ZN2U4ZRhfV3WpwPAoE3Z7kBw"),
        "access_token": SecretStr("370773112-GmHxMAgYyLbNEtIKZeRNFsMKPR9EyMZeS9weJAEb"),
        "access_token_secret": SecretStr("LswwdoUaIvS8ltyTt5jkRh4J50vUPVVHtR2YPi5kE"),
    }
    auth = adapter(server, **keys).credentials()["auth"]
    auth.client.nonce, auth.client.timestamp = "kYjzVBB8Y0ZFabxSWbWovY3uYSQ2pTgmZeNu2VS4cg", "1318622958"
    asked = requests.Request(
        "POST",
        "https://api.twitter.com/1.1/statuses/update.json",
        params={"include_entities": "true"},
        data={"status": "Hello Ladies + Gentlemen, a signed OAuth request!"},
        auth=auth,
    ).prepare()

    told = asked.headers["Authorization"]
    told = told.decode() if isinstance(told, bytes) else told
    signed = parse_keqv_list(parse_http_list(told.removeprefix("OAuth ")))
    assert unquote(signed["oauth_signature"]) == "hCtSmYh+iHYCEqBWrE7C7hYmtUk="


def test_a_body_of_json_is_no_part_of_the_signature(server: XServer) -> None:
    channel = adapter(server)
    signatures = set()
    for text in ("Maaf", "Terima kasih & salam"):
        auth = channel.credentials()["auth"]
        auth.client.nonce, auth.client.timestamp = "n", "1"
        asked = requests.Request("POST", "https://api.x.com/2/tweets", json={"text": text}, auth=auth).prepare()
        signatures.add(asked.headers["Authorization"])

    assert len(signatures) == 1


@pytest.mark.parametrize(("hours", "way"), [(1, "behind"), (-1, "ahead of")])
def test_a_wrong_clock_is_told_from_wrong_keys(server: XServer, hours: int, way: str) -> None:
    server.off = timedelta(hours=hours)

    found = adapter(server).check()

    assert not found.ok
    assert f"clock is 60 minutes {way} X's" in found.said


def test_every_read_and_every_post_is_written_down_as_x_charges_it(server: XServer) -> None:
    ledger = Ledger()
    channel = adapter(server, ledger=ledger, search="maju")
    one = server.writes("budi", "@tokomaju halo")
    server.writes("iwan", "@tokomaju sama", to=one)
    named = server.writes("citra", "maju mundur")
    message = server.sends("dewi", "halo")
    _, cursor = all_of(channel)
    # Four authors, and ourselves, whose name the search needs; the reply's parent is a mention itself.
    assert ledger.spent == {"mention_read": 2, "post_read": 1, "dm_read": 1, "user_read": 5}
    all_of(channel, cursor)
    assert ledger.spent.total() == 9

    ledger.spent.clear()
    channel.reply(outgoing(channel, aim(one), "Kami periksa."))
    channel.reply(outgoing(channel, aim(one), "Lihat https://toko.example/b"))
    private = Target(external_id=f"dm-{message.id}", author_id=message.sender.id)
    channel.message_privately(outgoing(channel, private, "Halo", private=True))
    with pytest.raises(Never):
        channel.reply(outgoing(channel, aim(named), "Halo citra"))
    assert ledger.spent == {"summoned_reply": 1, "post_with_url": 1, "dm": 1}
    assert ledger.taken["post"] == 3


def test_a_post_that_is_looked_at_again_and_again_is_charged_once(server: XServer) -> None:
    ledger = Ledger()
    channel = adapter(server, ledger=ledger)
    post = server.writes("budi", "@tokomaju halo")
    all_of(channel)
    before = Counter(ledger.spent)

    for _ in range(5):
        list(channel.look_at([post.ids[0]]))

    assert before == {"mention_read": 1, "user_read": 1}
    assert ledger.spent == before


# Rights and settings


@pytest.mark.parametrize(
    ("level", "ok"), [("read", False), ("read-write", False), ("read-write-directmessages", True), ("", True)]
)
def test_what_our_app_may_do_is_checked(server: XServer, level: str, ok: bool) -> None:
    server.access_level = level
    found = adapter(server).check()
    assert (found.ok, bool(found.mend)) == (ok, not ok)


def test_tokens_of_another_account_are_noticed(server: XServer) -> None:
    found = adapter(server, user_id="77").check()
    assert not found.ok
    assert "@tokomaju (1001)" in found.said


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("access_token", SecretStr("words")),
        ("handle", "toko maju"),
        ("search", "a" * 401),
        ("url", "api.x.com"),
        ("vocabulary", "status"),
        ("token", "a"),
    ],
)
def test_settings_that_cannot_work_are_refused(server: XServer, field: str, value: object) -> None:
    with pytest.raises(ValidationError):
        settings_for(server, **{"url": server.url, field: value})


def test_the_registry_makes_it_from_the_environment() -> None:
    names = ("CONSUMER_KEY", "CONSUMER_SECRET", "ACCESS_TOKEN", "ACCESS_TOKEN_SECRET")
    environment = {f"TANGGAP_X_TOKO_{name}": f"77-{name}" for name in names}

    found = read_account(adapter_named("x"), "x", "toko", {"handle": "@tokomaju"}, environment)
    missing = read_account(adapter_named("x"), "x", "toko", {}, {})

    assert isinstance(found, XSettings)
    assert (found.our_id, found.handle, found.url) == ("77", "tokomaju", "https://api.x.com")
    assert "TANGGAP_X_TOKO_ACCESS_TOKEN_SECRET" in str(missing)
    assert "77-CONSUMER" not in repr(found)


def test_a_search_that_x_does_not_understand_is_named(server: XServer) -> None:
    channel = adapter(server, search="maju", handle="tokomaju", messages=False)
    server._rules = None
    all_of(channel)
    old = server._route

    def refuses_searches(method: str, path: str, *rest: Any) -> Any:
        if path.endswith("search/recent"):
            raise says_no(400, "There were errors processing your request", PROBLEMS + "invalid-request")
        return old(method, path, *rest)

    server._route = refuses_searches  # type: ignore[method-assign]

    with pytest.raises(Never, match="query language"):
        all_of(channel)


def test_the_older_vocabulary_brings_the_same(server: XServer) -> None:
    server._rules = None
    channel = adapter(server, vocabulary="tweet")
    post = server.writes("budi", "@tokomaju " + "panjang & lebar " * 30)
    server.edits(post, "@tokomaju " + "lebar & panjang " * 30)
    reply = server.writes("iwan", "setuju @tokomaju", to=post)

    items, _ = all_of(channel)

    assert [(one.external_id, one.in_reply_to) for one in heard(items)] == [
        (post.ids[0], None),
        (reply.ids[0], post.ids[0]),
    ]
    assert texts(items)[0] == post.last.text.strip()
    assert [one.text for one in channel.look_at([post.ids[0]])] == [post.last.text.strip()]
    out = outgoing(channel, aim(post), "Maaf & terima kasih")
    assert channel.reply(out).platform_id == (channel.find_own(out) or Sent("")).platform_id


def test_a_person_s_posts_about_us_are_found(server: XServer) -> None:
    channel = adapter(server, search="maju")
    budi = server.writes("budi", "@tokomaju satu")
    server.writes("budi", "sarapan enak")
    server.writes("budi", "maju terus")
    server.writes("citra", "@tokomaju lain")

    found = list(channel.posts_of(aim(budi), datetime.now(UTC) - timedelta(days=30)))

    assert [one.text for one in found] == ["maju terus", "@tokomaju satu"]
    assert list(channel.posts_of(Target(author_handle="budi) OR (a"), datetime.now(UTC))) == []


def test_what_is_there_and_what_is_not_is_seen(server: XServer) -> None:
    channel = adapter(server)
    there = server.writes("budi", "@tokomaju halo", likes=3)
    gone = server.writes("iwan", "@tokomaju hai", there=False)

    found = {one.external_id: one for one in channel.look_at([there.ids[0], gone.ids[0], "dm-12", "kata"])}

    assert found[there.ids[0]].metrics == Metrics(views=100, likes=3, replies=0, shares=0)
    assert not found[gone.ids[0]].there
    assert len(found) == 2


# Calls


def call(server: XServer, document: object, **headers: str) -> Asked:
    body = json.dumps(document).encode()
    signed = headers or {"x-twitter-webhooks-signature": server.signed(body)}
    return Asked("POST", {}, signed, body, "https://gateway.example/in/x")


def test_the_challenge_is_answered_with_our_secret(server: XServer) -> None:
    asked = Asked("GET", {"crc_token": "abc"}, {}, b"", "https://gateway.example/in/x?crc_token=abc")

    plain, renewed = adapter(server).hear(asked), adapter(server, client_secret=SecretStr("oauth2")).hear(asked)

    # By `printf abc | openssl dgst -sha256 -hmac app-secret -binary | base64`.
    assert (plain.status, plain.media_type) == (200, "application/json")
    assert json.loads(plain.body) == {"response_token": "sha256=RLKakkdlxdy6ZZt8vX65tCSVKSuzaAAaYthh8HsRSqA="}
    assert json.loads(renewed.body) != json.loads(plain.body)
    assert adapter(server).hear(Asked("GET", {}, {}, b"", "")).status == 400


def test_a_call_signed_with_the_newer_secret_is_believed(server: XServer) -> None:
    asked = call(server, {"for_user_id": "1001"})
    renewed = "sha256=" + base64.b64encode(hmac.new(b"oauth2", asked.body, hashlib.sha256).digest()).decode()
    newer = replace(asked, headers={"x-twitter-webhooks-signature-oauth2": renewed})

    assert adapter(server, client_secret=SecretStr("oauth2")).hear(newer).status == 200
    assert adapter(server, client_secret=SecretStr("other")).hear(newer).refused
    assert adapter(server).hear(newer).refused


def test_account_activity_brings_posts_messages_and_what_was_taken_down(server: XServer) -> None:
    ours = server.writes("tokomaju", "Promo!")
    long = "@tokomaju " + "lama & <sekali> " * 20 + "https://a.example/b"
    posts = [
        server.writes("budi", long),
        server.writes("citra", "menyesal", quotes=ours),
        server.writes("dewi", "setuju", to=ours, media=("3_77",)),
        server.writes("iwan", "RT", repeats=ours),
        ours,
    ]
    edited = server.writes("eko", "@tokomaju satu")
    server.edits(edited, "@tokomaju dua")
    message = server.sends("fitri", "nomor saya 0812 & <itu>")
    document = {
        **server.old_message(message),
        "tweet_create_events": [*(server.old_post(one) for one in [*posts, edited]), {"id_str": 5}, "words"],
        "tweet_delete_events": [
            {"status": {"id": "12", "user_id": "1009"}, "timestamp_ms": "1"},
            {"status": {"id": "13", "user_id": "1001"}, "timestamp_ms": "1"},
            {"status": {}},
        ],
        "favorite_events": [{"id": "9"}],
    }
    channel = adapter(server)

    heard_of = channel.hear(call(server, document))

    said = {one.external_id: one for one in heard(heard_of.items)}
    assert said[posts[0].ids[0]].text == long
    assert said[posts[1].ids[0]].addressed
    assert said[posts[2].ids[0]].in_reply_to == ours.ids[0]
    assert said[posts[2].ids[0]].attachments == (Attachment("photo_77", "image", 0),)
    assert said[posts[2].ids[0]].text == "setuju"
    assert said[edited.ids[0]].text == "@tokomaju dua"
    private = said[f"dm-{message.id}"]
    assert (private.text, private.visibility) == ("nomor saya 0812 & <itu>", Visibility.PRIVATE)
    assert private.author == Author(message.sender.id, "fitri", "Fitri", 10, None)
    assert [one.external_id for one in heard_of.items if isinstance(one, Removed)] == ["12"]
    assert len([one for one in heard_of.items if isinstance(one, LeftOut)]) == 3
    assert len([one for one in heard_of.items if isinstance(one, Unreadable)]) == 3
    assert in_public(channel, posts[1]).ok
    assert server.asked == [], "nothing was asked: it was all in the call"


def test_the_activity_api_s_calls_are_understood_too(server: XServer) -> None:
    query = settings_for(server, server.url) and {
        "post.fields": "created_at,entities,public_metrics",
        "expansions": "author_id,referenced_posts,edit_history_post_ids",
    }
    post = server.writes("budi", "halo @tokomaju & kawan")
    message = server.sends("fitri", "halo")
    envelope = {"event_uuid": "1", "filter": {"user_id": "1001"}}
    mention = {
        **envelope,
        "event_type": "post.mention.create",
        "payload": server._post(post, query),
        "includes": server._beside([post], query),
    }
    direct = {**envelope, "event_type": "dm.received", "payload": server.old_message(message)}
    elsewhere = {**mention, "filter": {"user_id": "999"}}
    channel = adapter(server)

    items = [one for told in (mention, direct, elsewhere) for one in channel.hear(call(server, {"data": told})).items]

    assert texts(items) == ["halo @tokomaju & kawan", "halo"]
    assert heard(items)[0].author == Author(post.author.id, "budi", "Budi", 10, False)
    assert heard(items)[1].external_id == f"dm-{message.id}"
    assert isinstance(items[2], LeftOut)


@pytest.mark.parametrize("body", [b"", b"[", b"[1]", b"[" * 100_000, b'{"tweet_create_events": {}}', b"\xff"])
def test_a_signed_call_that_is_nonsense_brings_nothing(server: XServer, body: bytes) -> None:
    asked = Asked("POST", {}, {"x-twitter-webhooks-signature": server.signed(body)}, body, "https://g.example/in/x")
    assert adapter(server).hear(asked).items == ()


def test_a_call_and_a_fetch_name_the_same_post_alike(server: XServer) -> None:
    channel = adapter(server, messages=True)
    post = server.writes("budi", "@tokomaju halo & hai https://a.example/b")
    message = server.sends("fitri", "halo & hai")
    document = {**server.old_message(message), "tweet_create_events": [server.old_post(post)]}

    by_call = {(one.external_id, one.text) for one in heard(channel.hear(call(server, document)).items)}
    by_fetch = {(one.external_id, one.text) for one in heard(all_of(channel)[0])}

    assert by_call == by_fetch


# The counterpart itself


@pytest.mark.skipif(not SPEC.exists(), reason="X's specification is not here (../shared/specs/x/openapi.json)")
def test_the_specification_would_notice(server: XServer) -> None:
    auth = adapter(server).credentials()["auth"]
    requests.get(f"{server.url}/2/users/1001/mentions", params={"max_results": "5000"}, auth=auth, timeout=10)
    requests.get(f"{server.url}/2/users/1001/mentions", params={"post_fields": "text"}, auth=auth, timeout=10)
    requests.post(f"{server.url}/2/tweets", json={"text": "Halo", "bogus": 1}, auth=auth, timeout=10)

    broken, server.broken_rules = server.broken_rules, []
    assert len(broken) == 3, broken


# Reading newest first


@given(
    ids=st.sets(st.integers(1, 400), max_size=60),
    later=st.sets(st.integers(401, 500), max_size=10),
    size=st.integers(1, 7),
    pages=st.integers(1, 4),
    stop=st.integers(1, 5),
    by_page=st.booleans(),
    fails=st.sets(st.integers(2, 60)),
)
@settings(max_examples=200, deadline=None)
def test_whatever_there_is_comes_once_wherever_reading_was_interrupted(
    ids: set[int], later: set[int], size: int, pages: int, stop: int, by_page: bool, fails: set[int]
) -> None:
    there = {one << 22 << 12 for one in ids}
    calls = itertools.count(1)

    def ask(span: Span, mark: str | None) -> Batch:
        if next(calls) in fails:
            raise TryAgain("not now")
        begins = 2**62 if by_page else span.before or 2**62
        top = int(mark) if mark else begins
        rest = sorted((one for one in there if (0 if by_page else span.after) < one < top), reverse=True)
        page = tuple((one, one) for one in rest[:size])
        done = len(rest) <= size or (by_page and any(one <= span.after for one in rest[:size]))
        return Batch(page, None if done else str(page[-1][0]))

    source = Source("list", ask, pages, by_page=by_page)
    found: list[int] = []
    cursor: str | None = None
    for number in range(300):
        if number == 3:
            there |= {one << 22 << 12 for one in later}
        reading = Reading.since(cursor, 0)
        with suppress(TryAgain):
            for chunk in itertools.islice(reading.of(source), stop if number % 2 else 1):
                found += chunk
                cursor = reading.cursor
    assert sorted(found) == sorted(there)
