"""Bluesky against its real servers; the chat service alone is a stand-in, held against the published lexicons."""

import base64
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from bluesky_server import Bluesky, Person, ended, needs_bluesky, network, now
from slack_server import until

from db.clock import SetClock
from db.words import Visibility
from desk.postgres import Database, scratch_database
from integrations.channels import bluesky_reading, bluesky_walk
from integrations.channels.base import Channel, LockedOut, Never, Target
from integrations.channels.bluesky import BlueskyChannel, BlueskySettings, rkey_of
from integrations.channels.bluesky_session import Session
from integrations.channels.bluesky_text import facets_of
from integrations.channels.conformance import Conformance, Counterpart, Cut
from integrations.channels.conformance.suite import all_of, heard, outgoing, world
from integrations.channels.conformance.wire import wire_to
from integrations.channels.world import World
from integrations.record import Attachment, Incoming, LeftOut, Unreadable

pytestmark = pytest.mark.slow

_A_DOT = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
"""A picture."""
SHOWN = 20.0
"""Seconds that the AppView may take on a busy machine."""


@pytest.fixture(scope="module")
def bluesky(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bluesky]:
    needs_bluesky()
    postgres: Database = request.getfixturevalue("postgres")
    home: Path = tmp_path_factory.mktemp("bluesky")
    with scratch_database(postgres) as url, network(url, home) as running:
        yield running


@pytest.fixture
def care(bluesky: Bluesky) -> Person:
    return bluesky.person("care")


@pytest.fixture(scope="module")
def rina(bluesky: Bluesky) -> Person:
    return bluesky.person("rina")


def account(bluesky: Bluesky, care: Person, at: World | None = None, **settings: Any) -> BlueskyChannel:
    given = {
        "identifier": f"@{care.handle}",
        "password": care.app_password(privileged=True) if "password" not in settings else None,
        "server": bluesky.url,
        "chat_service": bluesky.chat,
        **settings,
    }
    return BlueskyChannel("bluesky", "default", BlueskySettings.model_validate(given), at or world())


class BlueskyCounterpart(Counterpart):
    """A company and its customer, both with accounts on one server."""

    private_intake = True
    removes = True
    seconds_to_show = SHOWN

    def __init__(self, bluesky: Bluesky, care: Person, rina: Person) -> None:
        self.bluesky, self.care, self.rina = bluesky, care, rina
        self.url = bluesky.url
        self.password = care.app_password(privileged=True)

    def channel(self, url: str, world: World) -> Channel:
        return account(self.bluesky, self.care, world, server=url, password=self.password, search=("Diskon",))

    def locked_out(self, url: str, world: World) -> Channel:
        return account(self.bluesky, self.care, world, server=url, password="aaaa-bbbb-cccc-dddd")

    def customer_writes(self, text: str, *, private: bool = False, in_reply_to: str | None = None) -> Target:
        if private:
            external_id = self.rina.tells(self.care, text, self.bluesky.chat)
        else:
            naming = None if in_reply_to else self.care
            external_id = self.rina.posts(text, naming=naming, below=in_reply_to)
            # An answer can be given once the AppView shows it.
            assert until(lambda: self.rina.is_shown(external_id), SHOWN, 0.1)
        return Target(external_id=external_id, author_id=self.rina.did, author_handle=self.rina.handle)

    def customer_removes(self, target: Target) -> None:
        self.rina.takes_down(target.external_id or "")

    def we_write(self, text: str) -> bool:
        uri = self.care.posts(text)
        return bool(until(lambda: self.care.is_shown(uri), SHOWN, 0.1))

    def gone(self) -> Target:
        target = self.customer_writes("sudah dihapus")
        self.customer_removes(target)
        until(lambda: not self.rina.is_shown(target.external_id or ""), SHOWN, 0.1)
        return target

    def standing(self, target: Target, *, private: bool = False) -> list[str]:
        if private:
            said = self.rina.hears(self.care, self.bluesky.chat)
            return [one["text"] for one in said if one["sender"]["did"] == self.care.did]
        found = self.rina.answers(target.external_id or "")
        return [one["record"]["text"] for one in found if one["author"]["did"] == self.care.did]


class TestBluesky(Conformance):
    @pytest.fixture
    def other(self, bluesky: Bluesky, care: Person, rina: Person) -> BlueskyCounterpart:
        return BlueskyCounterpart(bluesky, care, rina)


# What comes in


def coming(
    channel: Channel, *uris: str, cursor: str | None = None
) -> tuple[dict[str, Incoming], list[object], str | None]:
    """What is heard until all these have come, by name; everything; the cursor."""
    every: list[object] = []

    def complete() -> bool:
        nonlocal cursor
        items, cursor = all_of(channel, cursor)
        every.extend(items)
        return {one.external_id for one in heard(every)} >= set(uris)

    until(complete, SHOWN, 0.1)
    return {one.external_id: one for one in heard(every)}, every, cursor


def test_mentions_answers_and_quotes_speak_to_us(bluesky: Bluesky, care: Person, rina: Person) -> None:
    ours = care.posts("Kami buka jam 8")
    mention = rina.posts(f"@{care.handle} paket saya belum datang 😡", naming=care, langs=["id-ID"])
    answer = rina.posts("bohong, tutup terus", below=ours)
    quote = rina.posts("masa sih?", quoting=ours)
    channel = account(bluesky, care)

    found, _, _ = coming(channel, mention, answer, quote)

    one = found[mention]
    assert (one.visibility, one.addressed, one.lang, one.in_reply_to) == (Visibility.PUBLIC, True, "id", None)
    assert one.url == f"https://bsky.app/profile/{rina.handle}/post/{mention.rpartition('/')[2]}"
    assert one.author is not None
    assert (one.author.id, one.author.handle, one.author.name, one.author.followers) == (
        rina.did,
        rina.handle,
        "Rina",
        0,
    )
    assert one.metrics is not None
    assert (one.metrics.likes, one.metrics.replies, one.metrics.shares) == (0, 0, 0)
    assert found[answer].in_reply_to == ours
    assert found[quote].addressed


def test_a_like_is_no_message(bluesky: Bluesky, care: Person, rina: Person) -> None:
    ours = care.posts("Kami buka jam 8")
    subject = rina.reference(ours)
    for kind in ("like", "repost"):
        rina.creates(
            f"app.bsky.feed.{kind}", {"$type": f"app.bsky.feed.{kind}", "subject": subject, "createdAt": now()}
        )
    mention = rina.posts("halo", naming=care)

    found, _, _ = coming(account(bluesky, care), mention)

    assert list(found) == [mention]


def test_a_search_finds_who_does_not_mention_us(bluesky: Bluesky, care: Person, rina: Person) -> None:
    name = f"Nusantara{care.did[-6:]}"
    about = rina.posts(f"kurir {name} galak sekali")
    by_us = care.posts(f"{name} selalu ada untuk Anda")
    channel = account(bluesky, care, search=(name,))

    found, every, _ = coming(channel, about)

    assert found[about].addressed is None
    assert by_us not in found
    assert all("our own" in one.reason for one in every if isinstance(one, LeftOut))


def test_what_its_author_warns_of_stands_first(bluesky: Bluesky, care: Person, rina: Person) -> None:
    labels = {"$type": "com.atproto.label.defs#selfLabels", "values": [{"val": "graphic-media"}]}
    mention = rina.posts("kaki saya luka kena pecahan", naming=care, labels=labels)

    found, _, _ = coming(account(bluesky, care), mention)

    assert found[mention].text == "[graphic-media]\nkaki saya luka kena pecahan"


def test_two_of_the_same_moment_and_one_that_claims_an_earlier_one_all_come(
    bluesky: Bluesky, care: Person, rina: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bluesky_reading, "AT_ONCE", 3)
    monkeypatch.setattr(bluesky_walk, "HELD", 2)
    at = now()
    same = [rina.posts(f"keluhan {number}", naming=care, at=at) for number in range(3)]
    before = [rina.posts(f"sebelumnya {number}", naming=care) for number in range(4)]
    channel = account(bluesky, care)
    _, _, cursor = coming(channel, *same, *before)
    earlier = (datetime.now(UTC) - timedelta(minutes=20)).isoformat().replace("+00:00", "Z")
    late = rina.posts("ditulis tadi, terkirim sekarang", naming=care, at=earlier)

    found, _, cursor = coming(channel, late, cursor=cursor)

    assert list(found) == [late]
    assert heard(all_of(channel, cursor)[0]) == []
    another = account(bluesky, care)
    anew = [one.external_id for one in heard(all_of(another)[0])]
    assert sorted(anew) == sorted([*same, *before, late])
    times = [one.posted_at for one in heard(all_of(account(bluesky, care))[0])]
    assert all(one <= next_ for one, next_ in pairwise(times))


def test_a_page_that_was_not_stored_comes_again(bluesky: Bluesky, care: Person, rina: Person) -> None:
    channel = account(bluesky, care)
    _, cursor = all_of(channel)
    mention = rina.posts("jangan hilang", naming=care)
    coming(account(bluesky, care), mention)

    pages = channel.fetch(cursor)
    next(pages)
    pages.close()  # Storing it failed.

    assert [one.external_id for one in heard(all_of(channel, cursor)[0])] == [mention]


def test_a_backlog_of_many_pages_comes_whole_in_little_memory() -> None:
    """The walk alone, over a list of 1,000 with ten new ones at each question."""
    begun = datetime(2026, 3, 1, tzinfo=UTC)
    every = [{"uri": str(number), "at": begun + timedelta(seconds=number // 3)} for number in range(1_000)]

    def ask(cursor: str | None) -> tuple[list[Any], str | None]:
        below = [one for one in every if cursor is None or one["at"] < datetime.fromisoformat(cursor)]
        page = list(reversed(below))[:10]
        newest = max(one["at"] for one in every)
        every.extend({"uri": f"new {len(every) + n}", "at": newest + timedelta(seconds=1)} for n in range(10))
        cursor = page[-1]["at"].isoformat().replace("+00:00", "Z") if len(below) > 10 else None
        return page, cursor

    walked = list(bluesky_walk.oldest_first(ask, lambda one: one["at"], begun))

    names = list(dict.fromkeys(one["uri"] for page in walked for one in page))
    assert names == [str(number) for number in range(1_000)]


def test_a_record_that_its_lexicon_does_not_allow_is_put_aside(bluesky: Bluesky, care: Person) -> None:
    me = Session(care.did, care.handle, "", "")
    author = {"did": "did:plc:x", "handle": "x.test"}
    good = {"uri": "at://did:plc:x/app.bsky.feed.post/1", "cid": "c", "author": author, "indexedAt": now()}
    shown = [
        {**good, "record": {"text": 5}},
        {**good, "record": "none"},
        {**good, "record": {"text": "half \ud83d"}},
        {**good, "record": {"text": "halo"}, "indexedAt": "yesterday"},
        {**good, "record": {"text": "halo"}, "author": {**author, "labels": [{"val": "bot"}]}},
        {**good, "record": {"text": "halo"}},
    ]
    channel = account(bluesky, care)

    items = list(channel._reading._items(shown, "", me, datetime.now(UTC)))

    assert [type(one) for one in items] == [Unreadable] * 4 + [LeftOut, Incoming]
    assert all(one.raw for one in items)


def test_pictures_are_noted(bluesky: Bluesky, care: Person, rina: Person) -> None:
    answer = rina.http.post(
        f"{rina.url}/xrpc/com.atproto.repo.uploadBlob",
        data=base64.b64decode(_A_DOT),
        headers={"Authorization": f"Bearer {rina.token}", "Content-Type": "image/png"},
        timeout=60,
    )
    assert answer.ok, answer.text
    image = {"image": answer.json()["blob"], "alt": "meja yang patah"}
    embed = {"$type": "app.bsky.embed.images", "images": [image]}
    mention = rina.posts("lihat ini", naming=care, embed=embed)

    found, _, _ = coming(account(bluesky, care), mention)

    assert found[mention].attachments == (Attachment("meja yang patah", "image/png", 70),)


def test_direct_messages_come_in_their_order(bluesky: Bluesky, care: Person, rina: Person) -> None:
    before = rina.tells(care, "halo, ada orang?", bluesky.chat)
    care.tells(rina, "ada, Kak", bluesky.chat)
    channel = account(bluesky, care)
    _, first, cursor = coming(channel, before)
    later = [rina.tells(care, f"pesanan {number}", bluesky.chat) for number in range(3)]

    found, _, cursor = coming(channel, *later, cursor=cursor)

    (one,) = heard(first)
    assert (one.text, one.visibility, one.addressed) == ("halo, ada orang?", Visibility.PRIVATE, True)
    assert one.author is not None
    assert (one.author.id, one.author.handle) == (rina.did, rina.handle)
    assert list(found) == later
    assert heard(all_of(channel, cursor)[0]) == []


def test_a_password_without_direct_messages_still_reads_in_public(bluesky: Bluesky, care: Person, rina: Person) -> None:
    channel = account(bluesky, care, password=care.app_password(privileged=False))
    mention = rina.posts("halo", naming=care)

    coming(channel, mention)

    found = channel.check()
    assert not found.ok
    assert "direct messages" in found.said
    assert account(bluesky, care, password=care.app_password(privileged=False), direct_messages=False).check().ok
    reachable = channel.can_reply(Target(author_id=rina.did), Visibility.PRIVATE, datetime.now(UTC))
    assert not reachable.ok


# What goes out


def target(person: Person, uri: str) -> Target:
    return Target(external_id=uri, author_id=person.did, author_handle=person.handle)


def visible(person: Person, uri: str) -> str:
    until(lambda: person.is_shown(uri), SHOWN, 0.1)
    return uri


def test_an_answer_within_a_thread_names_parent_and_root(bluesky: Bluesky, care: Person, rina: Person) -> None:
    root = rina.posts("keluhan panjang, 1/2", naming=care)
    below = visible(rina, rina.posts("2/2", below=root))
    channel = account(bluesky, care, languages=("id",))

    sent = channel.reply(outgoing(channel, target(rina, below), "Kami periksa"))

    record = care.record(sent.platform_id)
    assert record["reply"] == {"root": rina.reference(root), "parent": rina.reference(below)}
    assert record["langs"] == ["id"]
    assert sent.url == f"https://bsky.app/profile/{care.handle}/post/{sent.platform_id.rpartition('/')[2]}"
    assert sent.at is not None


def test_links_names_and_tags_are_where_their_bytes_are(bluesky: Bluesky, care: Person, rina: Person) -> None:
    mention = visible(rina, rina.posts("bagaimana caranya?", naming=care))
    channel = account(bluesky, care)
    text = f"Halo 👩‍👩‍👧 @{rina.handle}, isi https://nusantara.test/klaim?a=1. #Paket2026 @nobody.test é"

    sent = channel.reply(outgoing(channel, target(rina, mention), text))

    record = care.record(sent.platform_id)
    told = {
        text.encode()[one["index"]["byteStart"] : one["index"]["byteEnd"]].decode(): one["features"][0]
        for one in record["facets"]
    }
    assert told == {
        f"@{rina.handle}": {"$type": "app.bsky.richtext.facet#mention", "did": rina.did},
        "https://nusantara.test/klaim?a=1": {
            "$type": "app.bsky.richtext.facet#link",
            "uri": "https://nusantara.test/klaim?a=1",
        },
        "#Paket2026": {"$type": "app.bsky.richtext.facet#tag", "tag": "Paket2026"},
    }


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a@b.test mail@c.test", []),
        ("https://a.test/@b.test#c", ["https://a.test/@b.test#c"]),
        ("(https://a.test/x_(y))", ["https://a.test/x_(y)"]),
        ("#1 #2a #", ["#2a"]),
        ("@a.test,@b.test!", ["@a.test", "@b.test"]),
        ("nothing", []),
    ],
)
def test_what_is_a_facet_and_what_is_not(text: str, found: list[str]) -> None:
    facets = facets_of(text, lambda handle: f"did:plc:{handle}")

    said = [text.encode()[one["index"]["byteStart"] : one["index"]["byteEnd"]].decode() for one in facets]
    assert said == found


def test_a_text_is_measured_in_graphemes(bluesky: Bluesky, care: Person, rina: Person) -> None:
    mention = visible(rina, rina.posts("halo", naming=care))
    channel = account(bluesky, care)
    family = "👩‍👩‍👧"

    channel.reply(outgoing(channel, target(rina, mention), "é" * 170 + family * 130))
    with pytest.raises(Never) as raised:
        channel.reply(outgoing(channel, target(rina, mention), "e" * 301))

    assert raised.value.kind == "too_long"


def test_the_same_key_makes_one_post(bluesky: Bluesky, care: Person, rina: Person) -> None:
    mention = visible(rina, rina.posts("halo", naming=care))
    channel, another = account(bluesky, care), account(bluesky, care)
    out = outgoing(channel, target(rina, mention), "Kami periksa")
    sent: list[str] = []

    def send(by: BlueskyChannel) -> None:
        sent.append(by.reply(out).platform_id)

    both = [threading.Thread(target=send, args=(by,)) for by in (channel, another)]
    for one in both:
        one.start()
    for one in both:
        one.join()

    assert sent == [sent[0]] * 2
    kept = care.asks("com.atproto.repo.listRecords", repo=care.did, collection="app.bsky.feed.post")["records"]
    assert [one["uri"] for one in kept] == [sent[0]]


def test_another_text_under_the_same_key_is_no_success(bluesky: Bluesky, care: Person, rina: Person) -> None:
    mention = visible(rina, rina.posts("halo", naming=care))
    channel = account(bluesky, care)
    out = outgoing(channel, target(rina, mention), "Kami periksa")
    care.posts("sesuatu yang lain")
    record = {"$type": "app.bsky.feed.post", "text": "lain", "createdAt": now()}
    care.creates("app.bsky.feed.post", record, rkey_of(out.key))

    with pytest.raises(Exception, match="look there"):
        channel.reply(out)
    assert channel.find_own(out) is None


def test_keys_are_tids_of_the_past_and_differ() -> None:
    keys = {rkey_of(f"TG-{number}:reply:{number}") for number in range(5_000)}

    assert len(keys) == 5_000
    assert {len(key) for key in keys} == {13}
    assert min(keys) > "3jl"
    assert max(keys) < "3ll8", "of March 2025 at the latest"


def test_who_lets_nobody_answer_is_told_before_a_word_is_posted(bluesky: Bluesky, care: Person, rina: Person) -> None:
    mention = rina.posts("jangan balas", naming=care)
    gate = {"$type": "app.bsky.feed.threadgate", "post": mention, "allow": [], "createdAt": now()}
    rina.creates("app.bsky.feed.threadgate", gate, mention.rpartition("/")[2])
    channel = account(bluesky, care)
    closed = lambda: care.asks("app.bsky.feed.getPosts", uris=[mention])["posts"][0]["viewer"].get("replyDisabled")  # noqa: E731
    visible(rina, mention)
    until(closed, SHOWN, 0.1)

    with pytest.raises(Never) as raised:
        channel.reply(outgoing(channel, target(rina, mention), "Halo"))

    assert raised.value.kind == "not_allowed"


def test_who_blocked_us_is_told_from_what_was_taken_down(bluesky: Bluesky, care: Person) -> None:
    budi = bluesky.person("budi")
    kept, removed = (budi.posts(text, naming=care) for text in ("satu", "dua"))
    channel = account(bluesky, care)
    coming(channel, kept, removed)
    block = {"$type": "app.bsky.graph.block", "subject": care.did, "createdAt": now()}
    budi.creates("app.bsky.graph.block", block)
    budi.takes_down(removed)
    until(lambda: [one.there for one in channel.look_at([removed])] == [False], SHOWN, 0.1)

    def refused() -> str | None:
        try:
            channel.reply(outgoing(channel, target(budi, kept), "Halo"))
        except Never as error:
            return error.kind
        return None

    assert refused() in ("blocked", "gone")
    assert [one.external_id for one in channel.look_at([kept]) if not one.there] == []


def test_looking_again_tells_reach_and_the_same_words(bluesky: Bluesky, care: Person, rina: Person) -> None:
    labels = {"$type": "com.atproto.label.defs#selfLabels", "values": [{"val": "graphic-media"}]}
    mention = rina.posts("luka", naming=care, labels=labels)
    channel = account(bluesky, care)
    found, _, _ = coming(channel, mention)
    like = {"$type": "app.bsky.feed.like", "subject": rina.reference(mention), "createdAt": now()}
    care.creates("app.bsky.feed.like", like)

    def liked() -> bool:
        (seen,) = channel.look_at([mention, "conversation:1"])
        assert seen.text == found[mention].text
        return seen.metrics is not None and seen.metrics.likes == 1

    until(liked, SHOWN, 0.1)


def test_later_posts_of_somebody_are_those_about_us(bluesky: Bluesky, care: Person) -> None:
    wati = bluesky.person("wati")
    wati.posts("selamat pagi")
    about = [wati.posts("sudah beres, terima kasih", naming=care), wati.posts("Nusantara cepat sekali")]
    visible(wati, about[-1])
    channel = account(bluesky, care, search=("nusantara",))
    since = datetime.now(UTC) - timedelta(hours=1)

    assert [one.external_id for one in channel.posts_of(target(wati, ""), since)] == list(reversed(about))
    assert list(channel.posts_of(target(wati, ""), datetime.now(UTC) + timedelta(hours=1))) == []


# Direct messages


def test_a_direct_message_is_named_as_the_platform_names_it(bluesky: Bluesky, care: Person, rina: Person) -> None:
    channel = account(bluesky, care)
    out = outgoing(channel, target(rina, ""), "Ini rinciannya: https://nusantara.test", private=True)

    assert channel.find_own(out) is None
    sent = channel.message_privately(out)

    (said,) = rina.hears(care, bluesky.chat)
    assert sent.platform_id == f"{rina.convo_with(care, bluesky.chat)}:{said['id']}"
    assert said["facets"]
    assert channel.find_own(out) == sent
    assert channel.find_own(outgoing(channel, target(rina, ""), "Lain", private=True)) is None


def test_a_direct_message_that_nobody_heard_of_is_found_again(bluesky: Bluesky, care: Person, rina: Person) -> None:
    with wire_to(bluesky.url) as wire:
        channel = account(bluesky, care, server=wire.url)
        out = outgoing(channel, target(rina, ""), "Nomor tiket Anda", private=True)
        channel.can_reply(out.target, Visibility.PRIVATE, datetime.now(UTC))
        wire.breaks(Cut(taken=True), where=lambda path: "sendMessage" in path)
        with pytest.raises(Exception, match="broke"):
            channel.message_privately(out)

        assert channel.find_own(out) is not None
    assert [one["text"] for one in rina.hears(care, bluesky.chat)] == ["Nomor tiket Anda"]


def test_who_takes_no_direct_messages_is_not_written_to(bluesky: Bluesky, care: Person) -> None:
    sari = bluesky.person("sari")
    declaration = {"$type": "chat.bsky.actor.declaration", "allowIncoming": "none"}
    sari.creates("chat.bsky.actor.declaration", declaration, "self")
    channel = account(bluesky, care)

    reachable = channel.can_reply(target(sari, ""), Visibility.PRIVATE, datetime.now(UTC))
    with pytest.raises(Never) as raised:
        channel.message_privately(outgoing(channel, target(sari, ""), "Halo", private=True))

    assert (reachable.ok, raised.value.kind) == (False, "blocked")
    assert reachable.why


def test_only_posts_are_answered_in_public(bluesky: Bluesky, care: Person) -> None:
    channel = account(bluesky, care)
    in_public = [
        channel.can_reply(Target(external_id=uri), Visibility.PUBLIC, datetime.now(UTC)).ok
        for uri in ("at://did:plc:x/app.bsky.feed.post/1", "conversation:1", None)
    ]

    assert in_public == [True, False, False]


# The session


def let_end(channel: BlueskyChannel, refresh: str) -> None:
    """The channel's session ends, here and where it is kept for others."""
    session = channel._keeper.current()
    channel._keeper._session = Session(session.did, session.handle, ended(session.access), refresh)
    channel._keeper._keep(channel._keeper._session)


def test_an_ended_session_is_renewed_once_for_all_threads(bluesky: Bluesky, care: Person, rina: Person) -> None:
    mention = visible(rina, rina.posts("halo", naming=care))
    with wire_to(bluesky.url) as wire:
        channel = account(bluesky, care, server=wire.url)
        channel.check()
        session = channel._keeper.current()
        let_end(channel, session.refresh)
        seen: list[int] = []
        four = [threading.Thread(target=lambda: seen.append(len(list(channel.look_at([mention]))))) for _ in range(4)]
        for one in four:
            one.start()
        for one in four:
            one.join()
        sent = channel.reply(outgoing(channel, target(rina, mention), "Halo"))

        renewed = [one.path for one in wire.passed if "Session" in one.path]
    assert seen == [1] * 4
    assert sent.platform_id
    assert renewed == ["/xrpc/com.atproto.server.createSession", "/xrpc/com.atproto.server.refreshSession"]


def test_a_text_meets_an_ended_session_and_goes_out_once(bluesky: Bluesky, care: Person, rina: Person) -> None:
    mention = visible(rina, rina.posts("halo", naming=care))
    channel = account(bluesky, care)
    out = outgoing(channel, target(rina, ""), "Halo, Kak", private=True)
    session = channel._keeper.current()
    convo = channel._chat.with_person(rina.did)
    let_end(channel, session.refresh)

    said = channel._chat.send(convo, {"text": out.text})

    assert said["text"] == out.text
    assert [one["text"] for one in rina.hears(care, bluesky.chat)] == [out.text]
    assert mention


def test_a_session_that_cannot_be_renewed_is_begun_anew(bluesky: Bluesky, care: Person) -> None:
    channel = account(bluesky, care)
    session = channel._keeper.current()
    let_end(channel, ended(session.refresh))

    assert channel.check().ok


def test_an_app_password_that_was_withdrawn_locks_us_out(bluesky: Bluesky, care: Person) -> None:
    password = care.app_password(privileged=True)
    channel = account(bluesky, care, password=password)
    channel.check()
    name = care.asks("com.atproto.server.listAppPasswords")["passwords"][0]["name"]
    care.calls("com.atproto.server.revokeAppPassword", {"name": name})
    session = channel._keeper.current()
    let_end(channel, session.refresh)

    with pytest.raises(LockedOut):
        all_of(channel)


def test_a_clock_is_taken_from_the_world(bluesky: Bluesky, care: Person, rina: Person) -> None:
    quiet = World(clock=SetClock(datetime.now(UTC)), home=world().home)
    mention = rina.posts("halo", naming=care)

    found, _, _ = coming(account(bluesky, care, quiet), mention)

    assert list(found) == [mention]


def test_secrets_are_shown_nowhere(bluesky: Bluesky, care: Person) -> None:
    channel = account(bluesky, care, password="aaaa-bbbb-cccc-dddd")

    with pytest.raises(LockedOut) as raised:
        all_of(channel)

    said = repr(raised.value) + repr(channel.settings) + repr(Session("did:plc:x", "x.test", "geheim", "geheim"))
    assert "aaaa-bbbb" not in said
    assert "geheim" not in said


def test_the_next_process_goes_on_with_the_same_session(bluesky: Bluesky, care: Person) -> None:
    home = world().home
    password = care.app_password(privileged=True)
    with wire_to(bluesky.url) as wire:
        for _ in range(3):
            at = World(clock=SetClock(datetime.now(UTC)), home=home)
            assert account(bluesky, care, at, server=wire.url, password=password).check().ok
        at = World(clock=SetClock(datetime.now(UTC)), home=home)
        found = account(bluesky, care, at, server=wire.url, password="aaaa-bbbb-cccc-dddd").check()

        begun = [one.path for one in wire.passed if one.path.endswith("createSession")]
    (kept,) = home.iterdir()
    assert len(begun) == 2
    assert not found.ok, "another password is looked at by itself"
    assert kept.stat().st_mode & 0o077 == 0
    assert password not in kept.read_text()


def test_a_session_that_was_kept_badly_is_begun_anew(bluesky: Bluesky, care: Person) -> None:
    at = world()
    at.home.mkdir(parents=True)
    for kept in ("", "[]", "{}", '{"whose": 5}', '{"whose": "x", "did": "did:plc:x"}'):
        (at.home / "session.json").write_text(kept)

        assert account(bluesky, care, at).check().ok
