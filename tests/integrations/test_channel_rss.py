"""Feeds: a real comment server's, and those that are wrong, gone, hostile or elsewhere."""

import gzip
import json
import re
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from http_receiver import Handler, breaks_off, breaks_off_in_the_body, closed_port, receiving, says
from isso_server import Isso, isso
from pydantic import ValidationError

from db.clock import SetClock
from db.words import DeliveryKind, Visibility
from integrations import public_http
from integrations.channels.base import Channel, ChannelError, Never, Outgoing, Target, TryAgain
from integrations.channels.conformance import Conformance, Counterpart
from integrations.channels.feeds import NoFeed, moment_in, read_feed
from integrations.channels.rss import MOST_TALKS, FeedSettings, RssChannel, RssSettings
from integrations.channels.world import World
from integrations.http import Patience
from integrations.public_http import Inside, fetch, is_public
from integrations.record import Incoming, LeftOut, Removed, Unreadable
from policy.loading import Policy

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
PATIENCE = Patience(connect=2, read=2)


# isso


class IssoCounterpart(Counterpart):
    answers_publicly = answers_privately = False
    # isso's ETag names the newest comment only, so an edit shows within the hour: it has a test of its own below.
    edits = False

    def __init__(self, server: Isso) -> None:
        self.server = server
        self.url = server.url

    def channel(self, url: str, world: World) -> Channel:
        feed = FeedSettings(
            url=url + self.server.feed, name="blog", comments=True, ours=True, inside=True, own_authors=("Toko Maju",)
        )
        return RssChannel("rss", "default", RssSettings(feeds=(feed,)), world)

    def customer_writes(self, text: str, *, private: bool = False, in_reply_to: str | None = None) -> Target:
        parent = int(in_reply_to.rpartition("/")[2]) if in_reply_to else None
        said = self.server.comment(text, parent=parent)
        return Target(external_id=self._id(said["id"]), url=f"{self.url}{self.server.page}#isso-{said['id']}")

    def we_write(self, text: str) -> bool:
        self.server.comment(text, author="Toko Maju")
        return True

    def _id(self, comment: int) -> str:
        host = self.url.partition("://")[2]
        return f"blog/tag:{host},2018:/isso/1/{comment}"


@pytest.fixture(scope="module")
def blog(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Isso]:
    with isso(tmp_path_factory.mktemp("isso")) as server:
        yield server


@pytest.mark.slow
class TestIsso(Conformance):
    @pytest.fixture
    def other(self, blog: Isso) -> Counterpart:
        return IssoCounterpart(blog)


def test_an_edited_comment_comes_again_although_the_server_says_that_nothing_changed(tmp_path: Path) -> None:
    with isso(tmp_path) as server:
        clock = SetClock(datetime.now(UTC))
        channel = IssoCounterpart(server).channel(server.url, World(clock, tmp_path))
        said = server.comment("paket saya belum sampai")
        (first,) = items_of(channel)
        cursor = last_cursor(channel)
        server.edit(said["id"], "paket saya sudah sampai, terima kasih")

        assert items_of(channel, cursor) == []
        clock.set(clock.now() + timedelta(hours=1))
        (edited,) = items_of(channel, cursor)

    assert isinstance(first, Incoming)
    assert isinstance(edited, Incoming)
    assert (edited.external_id, edited.text) == (first.external_id, "paket saya sudah sampai, terima kasih")


def test_a_comment_on_a_comment_names_it(tmp_path: Path) -> None:
    with isso(tmp_path) as server:
        channel = IssoCounterpart(server).channel(server.url, World(SetClock(datetime.now(UTC)), tmp_path))
        first = server.comment("paket saya belum sampai")
        server.comment("saya juga", author="Ani", parent=first["id"])

        one, two = items_of(channel)

    assert isinstance(one, Incoming)
    assert isinstance(two, Incoming)
    assert two.in_reply_to == one.external_id
    assert two.author is not None
    assert (two.author.name, two.addressed, two.visibility) == ("Ani", True, Visibility.PUBLIC)
    assert two.url == f"{server.url}{server.page}#isso-2"


# Feeds of every kind


def rss(*items: str, head: str = "") -> bytes:
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:wfw="http://wellformedweb.org/CommentAPI/"
 xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:thr="http://purl.org/syndication/thread/1.0">
<channel><title>Surat Pembaca</title><link>https://koran.example/</link>{head}{"".join(items)}</channel></rss>""".encode()


def item(id: str = "1", text: str = "Paket saya hilang", date: str | None = "Mon, 02 Mar 2026 09:00:00 +0700", **more):
    when = f"<pubDate>{date}</pubDate>" if date is not None else ""
    rest = "".join(f"<{name.replace('_', ':')}>{value}</{name.replace('_', ':')}>" for name, value in more.items())
    return f'<item><guid isPermaLink="false">{id}</guid><description>{text}</description>{when}{rest}</item>'


def channel_of(*feeds: FeedSettings, now: datetime = NOW, **options) -> RssChannel:
    world = World(SetClock(now), Path("/nonexistent"), patience=PATIENCE, **options)
    return RssChannel("rss", "default", RssSettings(feeds=feeds), world)


def feed(url: str, name: str = "koran", **options) -> FeedSettings:
    return FeedSettings(url=url, name=name, **{"inside": True, **options})


def items_of(channel: Channel, cursor: str | None = None) -> list[object]:
    return [one for page in channel.fetch(cursor) for one in page.items]


def last_cursor(channel: Channel, cursor: str | None = None) -> str | None:
    return next(iter([page.cursor for page in channel.fetch(cursor)][-1:]), cursor)


def read(body: bytes, zone=None, media_type: str = "application/rss+xml", url: str = "https://koran.example/feed"):
    return read_feed(body, url=url, media_type=media_type, zone=zone, now=NOW)


def test_an_item_of_rss_has_all_that_its_feed_tells() -> None:
    body = rss(
        item(
            "https://koran.example/?p=12",
            "Ringkasan",
            title="Paket &lt;b&gt;hilang&lt;/b&gt; &amp;amp; tak ada kabar",
            link="/surat/12",
            dc_creator="Budi Santoso",
            content_encoded="&lt;p&gt;Sejak Senin &amp;amp; sampai kini.&lt;/p&gt;&lt;img src='http://spy.example/x.gif' alt='foto'&gt;",
        ),
        head="<language>id-ID</language>",
    )
    with receiving(says(200, body, Content_Type="application/rss+xml")) as server:
        (one,) = items_of(channel_of(feed(server.url)))

    assert isinstance(one, Incoming)
    assert one.external_id == "koran/https://koran.example/?p=12"
    assert one.text == "Paket hilang & tak ada kabar\n\nSejak Senin & sampai kini.\n\nfoto"
    assert one.subject == "Paket hilang & tak ada kabar"
    assert one.posted_at == datetime(2026, 3, 2, 2, 0, tzinfo=UTC)
    assert one.url == f"{server.url}/surat/12"
    assert one.author is not None
    assert (one.author.name, one.lang, one.addressed, one.warnings) == ("Budi Santoso", "id", None, ())
    assert one.raw.startswith(b"<item><guid")
    assert len(server.received) == 1, "nothing that stands in an entry is fetched"


def test_rdf_is_read() -> None:
    body = b"""<?xml version="1.0"?><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"
 xmlns="http://purl.org/rss/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/"><channel rdf:about="https://f.example/">
<title>Forum</title></channel><item rdf:about="https://f.example/t/9"><title>Refund lama</title>
<link>https://f.example/t/9</link><description>Sudah dua minggu</description>
<dc:date>2026-03-02T08:00:00+07:00</dc:date><dc:creator>ani</dc:creator></item></rdf:RDF>"""

    (one,) = read(body).entries

    assert (one.id, one.body, one.author, one.at) == (
        "https://f.example/t/9",
        "Sudah dua minggu",
        "ani",
        datetime(2026, 3, 2, 1, 0, tzinfo=UTC),
    )


def test_atom_tells_what_is_answered_and_what_was_taken_down() -> None:
    body = b"""<feed xmlns="http://www.w3.org/2005/Atom" xmlns:thr="http://purl.org/syndication/thread/1.0"
 xmlns:at="http://purl.org/atompub/tombstones/1.0"><title>K</title>
<at:deleted-entry ref="tag:k.example,2026:7" when="2026-03-02T08:00:00Z"/>
<entry><id>tag:k.example,2026:9</id><title>Re</title><updated>2026-03-02T08:00:00Z</updated>
<content type="text">1 &lt; 2 &amp; 3</content><thr:in-reply-to ref="tag:k.example,2026:1"/></entry></feed>"""
    with receiving(says(200, body)) as server:
        one, gone = items_of(channel := channel_of(feed(server.url)))
        again = items_of(channel, last_cursor(channel))

    assert isinstance(one, Incoming)
    assert (one.text, one.in_reply_to) == ("1 < 2 & 3", "koran/tag:k.example,2026:1")
    assert isinstance(gone, Removed)
    assert gone.external_id == "koran/tag:k.example,2026:7"
    assert again == []


@pytest.mark.parametrize(
    ("date", "zone", "expected", "warned"),
    [
        ("2026-03-02T09:00:00", None, "02:00", "the feed's other dates"),
        ("Mon, 02 Mar 2026 09:00:00", "Asia/Makassar", "01:00", "UTC+0800 (the settings)"),
        ("Sen, 02 Mar 2026 09:00:00 WIB", None, "02:00", ""),
        ("Mon, 02 Mar 2026 02:00:00 GMT", "Asia/Jakarta", "02:00", ""),
    ],
)
def test_a_date_without_zone_is_assumed_and_said(date: str, zone: str | None, expected: str, warned: str) -> None:
    body = rss(item(date=date), head="<lastBuildDate>Mon, 02 Mar 2026 10:00:00 +0700</lastBuildDate>")
    with receiving(says(200, body)) as server:
        (one,) = items_of(channel_of(feed(server.url, zone=zone)))

    assert isinstance(one, Incoming)
    assert f"{one.posted_at:%H:%M}" == expected
    assert warned in " ".join(one.warnings)
    assert bool(one.warnings) == bool(warned)


@pytest.mark.parametrize(
    ("date", "why"),
    [
        (None, "gives no date"),
        ("kemarin sore", "cannot be read"),
        ("Mon, 02 Mar 2048 09:00:00 +0700", "lies ahead"),
        ("Thu, 01 Jan 1970 00:00:00 GMT", "cannot be"),
    ],
)
def test_without_a_date_that_can_be_it_counts_from_when_it_was_first_seen(date: str | None, why: str) -> None:
    with receiving(says(200, rss(item(date=date)))) as server:
        channel = channel_of(feed(server.url))
        (one,) = items_of(channel)
        assert items_of(channel, last_cursor(channel)) == []

    assert isinstance(one, Incoming)
    assert one.posted_at == NOW
    assert why in one.warnings[0]


def test_no_zone_and_no_word_about_it_is_taken_as_utc() -> None:
    (one,) = read(rss(item(date="2026-03-02 09:00"))).entries

    assert one.at == datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
    assert "UTC, for want of better" in one.warnings[0]


def test_nothing_can_be_made_of_a_word_that_is_no_date() -> None:
    assert moment_in("besok") is None


def test_without_id_and_link_the_content_is_the_id() -> None:
    plain = "<item><title>Kecewa</title><description>Barang rusak</description></item>"

    one, two = read(rss(plain, plain.replace("rusak", "pecah"))).entries

    assert one.id.startswith("sha256:")
    assert one.id != two.id
    assert "neither an id nor a link" in " ".join(one.warnings)


def test_an_id_longer_than_an_index_takes_is_hashed() -> None:
    (one,) = read(rss(item("x" * 5000))).entries

    assert len(one.id) < 100


def test_what_is_older_than_a_week_when_a_feed_is_first_read_never_comes() -> None:
    old = item("old", date="Mon, 16 Feb 2026 09:00:00 +0700")
    with receiving(
        says(200, rss(item("1"), old)),
        says(200, rss(item("2"), item("1"), old, item("older", date="Mon, 02 Mar 2020 09:00:00 +0700"))),
    ) as server:
        channel = channel_of(feed(server.url))
        first = items_of(channel)
    with receiving(says(200, rss(item("2"), item("1"), old))) as server:
        channel = channel_of(feed(server.url))
        (page,) = channel.fetch(None)

    assert [one.external_id for one in first] == ["koran/1"]
    assert [one.external_id for one in page.items] == ["koran/1", "koran/2"]


def test_an_edit_comes_under_the_same_id_and_the_rest_does_not_come_again() -> None:
    with receiving(
        says(200, rss(item("2"), item("1", "Rusak"))), says(200, rss(item("3"), item("2"), item("1", "Rusak parah")))
    ) as server:
        channel = channel_of(feed(server.url))
        pages = list(channel.fetch(None))
        again = items_of(channel, pages[-1].cursor)

    assert [(one.external_id, one.text) for one in again] == [
        ("koran/1", "Rusak parah"),
        ("koran/3", "Paket saya hilang"),
    ]


def test_many_entries_come_in_pages_and_a_page_that_was_not_stored_comes_again() -> None:
    start = datetime(2026, 3, 1, tzinfo=UTC)
    every = [item(str(n), date=f"{start + timedelta(minutes=n):%a, %d %b %Y %H:%M:%S} +0000") for n in range(450)]
    with receiving(says(200, rss(*reversed(every)))) as server:
        channel = channel_of(feed(server.url))
        pages = list(channel.fetch(None))
        rest = items_of(channel, pages[0].cursor)
        done = items_of(channel, pages[-1].cursor)

    assert [len(page.items) for page in pages] == [200, 200, 50]
    assert [one.external_id for one in rest] == [f"koran/{n}" for n in range(200, 450)]
    assert done == []
    assert len(pages[-1].cursor) < 5000


def test_our_own_comments_and_empty_entries_are_left_out() -> None:
    body = rss(item("1", dc_creator="TOKO MAJU"), item("2", dc_creator="@toko"), item("3", ""))
    with receiving(says(200, body)) as server:
        settings = feed(server.url, own_authors=("Toko Maju",))
        items = items_of(channel_of(settings, is_ours=lambda who: who == "@toko"))

    assert [type(one) for one in items] == [LeftOut, LeftOut, LeftOut]


def test_comments_of_an_article_are_followed_on_its_own_host_only() -> None:
    def answer(handler: Handler) -> None:
        if handler.path == "/comments/1":
            says(200, rss(item("c1", "Saya juga", title="By: Ani")))(handler)
        else:
            here = f"http://{handler.headers['Host']}/comments/1"
            body = rss(item("1", wfw_commentRss=here), item("2", wfw_commentRss="http://169.254.169.254/latest/"))
            says(200, body)(handler)

    with receiving(answer) as server:
        channel = channel_of(feed(server.url, follow_comments=True))
        items = items_of(channel)
        paths = [one.path for one in server.received]
        assert items_of(channel, last_cursor(channel)) == []

    assert paths == ["/", "/comments/1"]
    comment = next(one for one in items if isinstance(one, Incoming) and one.external_id == "koran/c1")
    assert (comment.text, comment.in_reply_to, comment.subject) == ("Saya juga", "koran/1", None)


def test_an_address_of_comments_that_cannot_be_one_stops_no_other_feed() -> None:
    with (
        receiving(says(200, rss(item("1", wfw_commentRss="http://127.0.0.1:99999/comments")))) as odd,
        receiving(says(200, rss(item("2")))) as there,
    ):
        channel = channel_of(feed(odd.url, "aneh", follow_comments=True), feed(there.url, "koran"))
        found = {one.external_id for one in items_of(channel) if isinstance(one, Incoming)}

    assert found == {"aneh/1", "koran/2"}


# Changes, and feeds that fail


def test_a_feed_that_did_not_change_is_asked_so() -> None:
    fields = {"ETag": '"v1"', "Last_Modified": "Mon, 02 Mar 2026 09:00:00 GMT"}
    with receiving(says(200, rss(item()), **fields), says(304)) as server:
        channel = channel_of(feed(server.url))
        assert items_of(channel, last_cursor(channel)) == []

    headers = server.received[1].headers
    assert (headers["If-None-Match"], headers["If-Modified-Since"]) == ('"v1"', "Mon, 02 Mar 2026 09:00:00 GMT")


def test_a_feed_that_is_gone_is_told_once_and_the_others_go_on() -> None:
    with receiving(says(410)) as gone, receiving(says(200, rss(item()))) as there:
        channel = channel_of(feed(gone.url + "/rss", "lama"), feed(there.url, "koran"))
        pages = list(channel.fetch(None))
        again = items_of(channel, pages[-1].cursor)
        checked = channel.check()

    one, told = [one for page in pages for one in page.items]
    assert isinstance(one, Incoming)
    assert isinstance(told, Unreadable)
    assert "the feed lama cannot be read" in told.reason
    assert "no longer there" in told.reason
    assert again == []
    assert not checked.ok
    assert "1 of 2 feeds can be read" in checked.said
    assert "lama" in checked.said


def test_a_feed_that_fails_for_a_day_is_told_of() -> None:
    with receiving(says(500)) as broken, receiving(says(200, rss(item()))) as there:
        feeds = feed(broken.url, "rusak"), feed(there.url, "koran")
        cursor = last_cursor(channel_of(*feeds))
        soon = items_of(channel_of(*feeds, now=NOW + timedelta(hours=23)), cursor)
        late = items_of(channel_of(*feeds, now=NOW + timedelta(hours=25)), cursor)

    assert soon == []
    (told,) = late
    assert isinstance(told, Unreadable)
    assert "rusak" in told.reason


def test_a_feed_that_asks_us_to_wait_is_left_alone_so_long_and_the_others_are_read() -> None:
    with receiving(says(429, Retry_After="600")) as busy, receiving(says(200, rss(item()))) as there:
        feeds = feed(busy.url, "ramai"), feed(there.url, "koran")
        cursor = last_cursor(channel_of(*feeds))
        items_of(channel_of(*feeds, now=NOW + timedelta(minutes=9)), cursor)
        assert len(busy.received) == 1
        items_of(channel_of(*feeds, now=NOW + timedelta(minutes=11)), cursor)
        assert len(busy.received) == 2


def test_where_no_feed_can_be_read_each_says_why() -> None:
    with (
        receiving(says(404)) as gone,
        pytest.raises(TryAgain, match=r"none of 2 feeds.*gone: .*404.*away: .*reached|none of 2"),
    ):
        items_of(channel_of(feed(gone.url, "gone"), feed(f"http://127.0.0.1:{closed_port()}", "away")))


def test_a_web_page_is_no_feed() -> None:
    page = says(200, b"<!DOCTYPE html><html><body>Halo</body></html>")
    with receiving(page) as server, pytest.raises(TryAgain, match="is a web page"):
        items_of(channel_of(feed(server.url)))


def test_a_person_posts_the_answer() -> None:
    out = Outgoing(
        key="k", text="Maaf", visibility=Visibility.PUBLIC, kind=DeliveryKind.REPLY, channel="rss", account="default",
        reference="TG-7", target=Target(external_id="koran/1", url="https://koran.example/1"),
    )  # fmt: skip
    channel = channel_of(feed("http://127.0.0.1:1"))

    with pytest.raises(Never, match=r"a person posts this one at https://koran.example/1.*`tanggap posted TG-7 URL`"):
        channel.reply(out)
    assert channel.manual
    assert channel.find_own(out) is None
    assert not channel.can_reply(out.target, Visibility.PRIVATE, NOW).ok


# Hostile documents


LAUGHS = b"""<?xml version="1.0"?><!DOCTYPE rss [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">
<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]><rss version="2.0"><channel><item><title>&c;</title></item></channel></rss>"""


@pytest.mark.parametrize(
    "body",
    [
        LAUGHS,
        b"<!-- <rss -->" + LAUGHS.partition(b"?>")[2],
        LAUGHS.decode().replace('?xml version="1.0"', '?xml version="1.0" encoding="utf-16"').encode("utf-16"),
        LAUGHS.replace(b'<!ENTITY a "ha">', b'<!ENTITY a SYSTEM "file:///etc/passwd">'),
        b"junk " + LAUGHS.partition(b"?>")[2],
        LAUGHS.replace(b"?>", b' encoding="utf-7"?>').replace(b"<!", b"+ADwAIQ-"),
    ],
)
def test_entities_of_a_documents_own_are_not_expanded(body: bytes) -> None:
    try:
        found = read(body)
    except NoFeed:
        return
    assert "haha" not in str(found)
    assert "root:" not in str(found)


@pytest.mark.parametrize(
    "body",
    [
        rss("<a>" * 5000 + "</a>" * 5000),
        rss("<item>" * 2000),
        b"<rss><channel><item><title>" + b"<" * 600_000,
        b"",
        b"\x00\xff" * 1000,
        b"<?xml",
        b"<!-- ",
    ],
)
def test_a_document_that_is_made_to_keep_us_busy_is_not_read(body: bytes) -> None:
    try:
        found = read(body)
    except NoFeed:
        return
    assert len(found.entries) <= 2000


@pytest.mark.timeout(60)
def test_an_element_with_attributes_without_end_is_not_read() -> None:
    many = " ".join(f'a{number}="x"' for number in range(300_000))

    with pytest.raises(NoFeed, match="attributes"):
        read(rss(f"<item {many}><title>Rusak</title></item>"))


def test_a_feed_with_small_faults_is_read_all_the_same() -> None:
    body = rss(item("1", "Toko & gudang&nbsp;tutup")).replace(b"</channel></rss>", b"")

    assert [one.body for one in read(body).entries] == ["Toko & gudang\xa0tutup"]


@pytest.mark.parametrize("reference", ["&#xD83D;&#xDE21;", "&#55357;", "&#x110000;", "&#99999999999999;", "&#x0;"])
def test_a_character_that_there_is_not_hides_no_other_entry(reference: str) -> None:
    found = read(rss(item("1", f"Rusak {reference} sekali"), item("2", "Paket &#x1F621; &#38; tas")))

    assert [one.id for one in found.entries] == ["1", "2"]
    assert found.entries[0].body.startswith("Rusak")
    assert found.entries[0].body.endswith("sekali")
    assert found.entries[1].body == "Paket \U0001f621 & tas"


def test_old_encodings_are_read() -> None:
    body = rss(item("1", "café – déçu")).decode().replace("UTF-8", "windows-1252").encode("windows-1252")

    assert [one.body for one in read(body).entries] == ["café – déçu"]


# Addresses that strangers influence


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
        "255.255.255.255", "::1", "::", "fe80::1", "fc00::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1",
        "64:ff9b::7f00:1", "2002:7f00:1::", "2001:0:4136:e378:8000:63bf:80ff:fffe", "198.18.0.1", "192.0.2.1",
    ],
)  # fmt: skip
def test_no_address_of_a_private_network_is_called(address: str) -> None:
    calls: list[str] = []

    def resolve(host: str, port: int) -> list[str]:
        calls.append(host)
        return [address]

    with pytest.raises(Inside):
        fetch("http://blog.example/feed", resolve=resolve, seconds=5)
    assert calls == ["blog.example"]


@pytest.mark.parametrize(
    "host", ["2130706433", "0x7f000001", "0177.0.0.1", "127.1", "localhost", "[::ffff:7f00:1]", "127.0.0.1"]
)
def test_other_spellings_of_this_machine_are_this_machine(host: str) -> None:
    with receiving(says(200, rss(item()))) as server, pytest.raises(ChannelError):
        fetch(server.url.replace("127.0.0.1", host), seconds=5)

    assert server.received == []


@pytest.mark.parametrize(
    "to", ["file:///etc/passwd", "ftp://127.0.0.1/x", "gopher://127.0.0.1/", "//127.0.0.1:{port}/", "http://127.0.0.1:{port}/",
           "http://2130706433:{port}/", "http://[::ffff:127.0.0.1]:{port}/", "http://user:pw@blog.example/", "http:///x", "http://[/"]
)  # fmt: skip
def test_a_public_feed_leads_nowhere_inside(to: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """blog.example stands for a public server: its address is let through, no other."""
    with receiving(says(200, b"secret")) as inside:
        target = to.replace("{port}", inside.url.rpartition(":")[2])
        with receiving(says(302, Location=target)) as server, pytest.raises(Never):
            fetch_as_public(monkeypatch, server.url)

    assert inside.received == []


def test_a_name_that_answers_with_another_address_the_second_time_gains_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The first hop is public, then the same name leads inside."""
    answers = iter([["203.0.113.9"], ["127.0.0.1"]])
    with receiving(says(302, Location="/again")) as server, pytest.raises(Inside):
        fetch_as_public(monkeypatch, server.url, resolve=lambda host, port: next(answers))

    assert len(server.received) == 1


def test_the_name_is_looked_up_once_a_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []

    def resolve(host: str, port: int) -> list[str]:
        calls.append(host)
        return ["203.0.113.9"]

    with receiving(says(200, b"ok")) as server:
        assert fetch_as_public(monkeypatch, server.url, resolve=resolve).body == b"ok"

    assert calls == ["blog.example"]
    assert server.received[0].headers["Host"].startswith("blog.example")


def fetch_as_public(monkeypatch: pytest.MonkeyPatch, url: str, resolve=None, **options) -> public_http.Fetched:
    """Fetch as from blog.example at 203.0.113.9, which is taken for public and stands at the test's server."""
    port = int(url.rpartition(":")[2].partition("/")[0])
    real = socket.create_connection

    def connect(address, *args, **more):
        return real(("127.0.0.1", port) if address[0] == "203.0.113.9" else address, *args, **more)

    monkeypatch.setattr(public_http.socket, "create_connection", connect)
    monkeypatch.setattr(public_http, "is_public", lambda one: str(one) == "203.0.113.9" or is_public(one))

    def look_up(host: str, port: int) -> list[str]:
        return ["203.0.113.9"] if host == "blog.example" else [one[4][0] for one in socket.getaddrinfo(host, port)]

    return fetch(f"http://blog.example:{port}/feed", resolve=resolve or look_up, seconds=10, **options)


def test_moves_for_good_are_followed_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with receiving(says(301, Location="/a"), says(308, Location="/b"), says(200, b"here")) as server:
        found = fetch_as_public(monkeypatch, server.url)

    assert (found.body, found.url.rpartition("/")[2], found.moved_for_good) == (b"here", "b", True)


def test_a_move_for_the_moment_is_no_move_for_good(monkeypatch: pytest.MonkeyPatch) -> None:
    with receiving(says(301, Location="/a"), says(302, Location="/b"), says(200, b"here")) as server:
        assert not fetch_as_public(monkeypatch, server.url).moved_for_good


def test_redirects_without_end_have_one(monkeypatch: pytest.MonkeyPatch) -> None:
    with receiving(says(301, Location="/a")) as server, pytest.raises(Never, match="more than 5 redirects"):
        fetch_as_public(monkeypatch, server.url)

    assert len(server.received) == 6


def test_a_feed_inside_is_called_where_the_operator_says_so_and_leads_nowhere_else() -> None:
    with receiving(says(200, b"secret")) as other, receiving(says(302, Location=other.url)) as server:
        channel = channel_of(feed(server.url))
        with pytest.raises(Never):
            items_of(channel)

    assert len(server.received) == 1
    assert other.received == []


@pytest.mark.parametrize("url", ["http://127.0.0.1/feed", "http://[::1]/feed", "http://10.0.0.7:8080/rss"])
def test_a_private_address_in_the_settings_must_be_meant(url: str) -> None:
    with pytest.raises(ValidationError, match="inside: true"):
        FeedSettings(url=url, name="x")
    assert FeedSettings(url=url, name="x", inside=True).place[1]


def test_addresses_where_clouds_keep_credentials_cannot_be_allowed() -> None:
    with pytest.raises(Inside):
        items_of(channel_of(FeedSettings(url="http://169.254.169.254/latest", name="x", inside=True)))


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://a.example/x", "koran.example/feed", "https://u:p@a.example/", "https://"]
)
def test_an_address_that_cannot_be_one_is_refused_in_the_settings(url: str) -> None:
    with pytest.raises(ValidationError):
        FeedSettings(url=url, name="x")


def test_a_zone_that_there_is_not_is_refused_in_the_settings() -> None:
    with pytest.raises(ValidationError, match="no time zone"):
        RssSettings(feeds=(FeedSettings(url="https://a.example/", name="x"),), zone="Asia/Surabaya")


def test_a_feed_that_stands_there_twice_is_refused_in_the_settings() -> None:
    one = FeedSettings(url="https://a.example/", name="x")
    with pytest.raises(ValidationError, match="twice"):
        RssSettings(feeds=(one, replace_name(one)))


def replace_name(one: FeedSettings) -> FeedSettings:
    return one.model_copy(update={"name": "y"})


# Limits on size and time


def here(server) -> frozenset[tuple[str, int]]:
    return frozenset({("127.0.0.1", int(server.url.rpartition(":")[2]))})


def test_a_body_over_the_limit_is_not_read() -> None:
    with receiving(says(200, b"x" * (5 * 1024 * 1024 + 1))) as server, pytest.raises(Never, match="larger than 5 MB"):
        fetch(server.url, inside=here(server))


def test_a_bomb_is_not_unpacked_beyond_the_limit() -> None:
    bomb = gzip.compress(b"\0" * (200 * 1024 * 1024))
    with receiving(says(200, bomb, Content_Encoding="gzip")) as server, pytest.raises(Never, match="larger than 5 MB"):
        fetch(server.url, inside=here(server))


def test_a_packed_body_is_unpacked() -> None:
    with receiving(says(200, gzip.compress(b"ha") + gzip.compress(b"lo"), Content_Encoding="gzip")) as server:
        assert fetch(server.url, inside=here(server)).body == b"halo"


@pytest.mark.parametrize("body", [gzip.compress(b"x" * 1000, mtime=0)[:-9], b"no gzip"], ids=["cut", "none"])
def test_a_packed_body_that_breaks_off_is_asked_for_again(body: bytes) -> None:
    with receiving(says(200, body, Content_Encoding="gzip")) as server, pytest.raises(TryAgain):
        fetch(server.url, inside=here(server))


def test_a_packing_that_we_did_not_ask_for_is_refused() -> None:
    with receiving(says(200, b"x", Content_Encoding="br")) as server, pytest.raises(Never, match="did not ask"):
        fetch(server.url, inside=here(server))


@pytest.mark.parametrize("drips_in_the_head", [True, False])
def test_what_drips_ends_in_time(drips_in_the_head: bool) -> None:
    over = threading.Event()

    def drips(handler: Handler) -> None:
        handler.wfile.write(
            b"HTTP/1.1 200 OK\r\n" + (b"X-Slow: " if drips_in_the_head else b"Content-Length: 9999\r\n\r\n")
        )
        while not over.wait(0.1):
            handler.wfile.write(b"x")
            handler.wfile.flush()

    with receiving(drips) as server:
        try:
            started = datetime.now(UTC)
            with pytest.raises(TryAgain, match="too slowly"):
                fetch(server.url, inside=here(server), seconds=1.5)
            assert datetime.now(UTC) - started < timedelta(seconds=20)
        finally:
            over.set()


@pytest.mark.parametrize("fault", [breaks_off, breaks_off_in_the_body, says(500), says(200, b"x", Content_Length="10")])
def test_an_answer_that_does_not_come_is_asked_for_again(fault: Callable[[Handler], None]) -> None:
    def then_close(handler: Handler) -> None:
        fault(handler)
        handler.close_connection = True

    with receiving(then_close) as server, pytest.raises(TryAgain):
        fetch(server.url, inside=here(server), silence=2)


def test_the_cursor_of_one_feed_is_kept_while_another_is_added() -> None:
    with receiving(says(200, rss(item("1")))) as one, receiving(says(200, rss(item("9")))) as two:
        cursor = last_cursor(channel_of(feed(one.url, "a")))
        items = items_of(channel_of(feed(one.url, "a"), feed(two.url, "b")), cursor)

    assert [getattr(item, "external_id", None) for item in items] == ["b/9"]


def test_the_shipped_rules_let_as_many_feeds_be_read_as_an_account_may_have(policy: Policy) -> None:
    rules = policy.channels.of("rss")
    (grant,) = rules.grants
    address = "https://a.example/{}"

    feeds = tuple(FeedSettings(url=address.format(n), name=f"feed {n}") for n in range(50))
    assert RssSettings(feeds=feeds)
    with pytest.raises(ValidationError):
        RssSettings(feeds=(*feeds, FeedSettings(url=address.format(50), name="one more")))
    assert grant.at_most >= len(feeds) * (1 + MOST_TALKS) * (grant.per / rules.poll)


@pytest.mark.parametrize(
    "cursor", ["", "[]", "{}", '{"a": 1}', json.dumps({"k": [1, "", "", 0, "??", 0, 0, 0, []]}), "[" * 100_000]
)
def test_a_cursor_that_is_none_begins_anew(cursor: str) -> None:
    with receiving(says(200, rss(item()))) as server:
        assert len(items_of(channel_of(feed(server.url)), cursor)) == 1


def test_the_same_name_serves_a_sites_articles_and_comments() -> None:
    comment = item("c1", "Saya juga").replace("<item>", '<item><thr:in-reply-to ref="1"/>')
    with receiving(says(200, rss(item("1")))) as articles, receiving(says(200, rss(comment))) as comments:
        items = items_of(channel_of(feed(articles.url), feed(comments.url, comments=True)))

    one, two = items
    assert isinstance(two, Incoming)
    assert two.in_reply_to == getattr(one, "external_id", None)
    assert re.fullmatch("koran/c1", two.external_id)
    assert replace(two, text="x").text == "x"
