"""Records in which something is not as it should be: each is taken or put aside, and none stops those behind it."""

import copy
import json
import random
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from integrations.channels.base import ChannelError
from integrations.channels.bluesky_api import Api
from integrations.channels.bluesky_reading import Reading
from integrations.channels.bluesky_session import Session
from integrations.channels.conformance.suite import world
from integrations.channels.mastodon import MastodonChannel
from integrations.channels.mastodon_api import MastodonSettings
from integrations.channels.mastodon_posts import Server, Writer
from integrations.channels.request_tracker import RequestTrackerChannel, RequestTrackerSettings, _Looked
from integrations.channels.telegram_updates import Albums, Reader
from integrations.channels.webhook import WebhookChannel, WebhookSettings
from integrations.http import Answer
from integrations.record import Incoming, Item, Unreadable

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
TIMES = 3_000
JUNK: tuple[Any, ...] = (
    *(None, True, 0, -1, 7, 10**30, 1.5, float("inf"), "", "x", "\ud800", "\x00a", "a" * 600),
    *("2026-13-45T99:99:99Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "0", "-1"),
    *([], [None], [7], ["\ud800"], {}, {"id": {}}, [[[]]], {"a": {"b": {}}}),
    *("at://", "did:", "https://[", "http://x:99999999/", "//", "@", "#", ":"),
)

STATUS = {
    "id": "5",
    "account": {"id": "2", "acct": "alice", "display_name": "A", "bot": False, "followers_count": 3},
    "content": "<p>@toko rusak</p>",
    "created_at": "2026-11-22T10:00:00.000Z",
    "visibility": "public",
    "spoiler_text": "cw",
    "uri": "https://a.example/u",
    "url": "https://a.example/5",
    "in_reply_to_id": "4",
    "in_reply_to_account_id": "1",
    "language": "id",
    "mentions": [{"id": "1", "acct": "toko"}],
    "tags": [{"name": "rusak"}],
    "media_attachments": [{"type": "image", "url": "https://a.example/x.png", "description": "foto"}],
    "favourites_count": 1,
    "reblogs_count": 1,
    "replies_count": 1,
    "reblog": None,
    "quote": {"quoted_status": {"account": {"id": "1"}}},
}
NOTIFICATION = {"id": "9", "type": "mention", "created_at": "2026-11-22T10:00:00.000Z", "status": STATUS}
UPDATE = {
    "update_id": 5,
    "message": {
        "message_id": 7,
        "date": 1_795_000_000,
        "chat": {"id": -1001, "type": "supergroup", "username": "grup", "title": "Grup"},
        "from": {"id": 9, "is_bot": False, "first_name": "Rina", "last_name": "W", "username": "rina"},
        "text": "halo @bot",
        "entities": [{"type": "mention", "offset": 5, "length": 4, "user": {"id": 42}}],
        "reply_to_message": {"message_id": 3, "from": {"id": 42}, "chat": {"id": -1001}},
        "media_group_id": "m",
        "photo": [{"file_id": "x", "file_size": 3}, {"file_id": "y", "file_size": 5}],
        "document": {"file_name": "a.pdf", "mime_type": "application/pdf", "file_size": 2},
        "forward_origin": {},
    },
}
POST = {
    "uri": "at://did:plc:x/app.bsky.feed.post/1",
    "cid": "c",
    "author": {
        "did": "did:plc:x",
        "handle": "rina.test",
        "displayName": "Rina",
        "followersCount": 3,
        "verification": {"verifiedStatus": "valid"},
        "labels": [{"val": "baru"}],
    },
    "reason": "mention",
    "record": {
        "text": "halo",
        "createdAt": "2026-11-22T10:00:00Z",
        "langs": ["id"],
        "labels": {"values": [{"val": "x"}]},
        "facets": [{"index": {}, "features": [{"did": "did:plc:us"}]}],
        "reply": {"parent": {"uri": "at://did:plc:us/app.bsky.feed.post/1", "cid": "d"}},
        "embed": {"images": [{"alt": "a", "image": {"mimeType": "image/png", "size": 4}}], "media": {}},
    },
    "indexedAt": "2026-11-22T10:00:00Z",
}
MESSAGE = {
    "id": "m1",
    "text": "halo",
    "sender": {"did": "did:plc:x"},
    "sentAt": "2026-11-22T10:00:00Z",
    "$type": "chat.bsky.convo.defs#messageView",
}
SIGNED = {
    "external_id": "t-1",
    "text": "Paket",
    "posted_at": "2026-11-22T10:00:00+07:00",
    "author": {"id": "u", "handle": "@b", "name": "B", "followers": 1, "verified": False, "email": "a@b.example"},
    "url": "https://forum.example/1",
    "metrics": {"views": 1, "likes": 2},
    "in_reply_to": "t-0",
    "visibility": "public",
    "subject": "s",
    "lang": "id",
    "addressed": True,
    "removed": False,
}
TICKET = {
    "transaction": {
        "id": "5",
        "type": "transaction",
        "Type": "Correspond",
        "NewValue": "",
        "Creator": {"type": "user", "id": "budi"},
        "Created": "2026-11-22T10:00:00Z",
        "ObjectId": "1",
        "_hyperlinks": [{"ref": "attachment", "_url": "https://rt.example/REST/2.0/attachment/3"}],
    },
    "transactions": {
        "items": [
            {"id": "4", "Type": "Create", "Creator": {"id": "budi"}, "ObjectId": "1", "Created": "2026-11-22T09:00:00Z"}
        ]
    },
    "ticket": {
        "id": 1,
        "Subject": "Paket",
        "Status": "open",
        "Requestor": [{"id": "budi"}],
        "_hyperlinks": [{"ref": "refers-to", "_url": "https://desk.example"}],
        "CustomFields": [{"name": "Tanggap", "values": ["TG-1"]}],
    },
    "user": {"Name": "budi", "RealName": "Budi", "EmailAddress": "budi@pos.example"},
    "attachment": {"Content": "SGFsbw==", "ContentType": "text/plain", "Filename": ""},
}


def of_mastodon(record: Any) -> Iterable[Item | None]:
    channel = MastodonChannel("mastodon", "default", MastodonSettings(token="t", url="https://a.example"), world())  # type: ignore[arg-type]
    channel._who, channel._server = Writer(id="1", acct="toko"), Server("a.example")
    return [channel._notified(record)]


def of_telegram(update: Any) -> Iterable[Item]:
    return Reader("telegram", "default", "42", "bot", "all", world()).read(update, Albums())


class _Nobody(Api):
    def __init__(self) -> None:
        """Nobody is shown."""

    def posts(self, uris: Any) -> dict[str, Any]:
        return {}

    def profiles(self, dids: Any) -> dict[str, Any]:
        return {}


def of_bluesky(shown: Any) -> Iterable[Item]:
    reading = Reading("bluesky", "default", _Nobody(), None, lambda who: False)
    return reading._items([shown], "", Session("did:plc:us", "us.test", "a", "b"), NOW)


def of_bluesky_privately(message: Any) -> Iterable[Item]:
    reading = Reading("bluesky", "default", _Nobody(), None, lambda who: False)
    return reading._said([("convo", message)], NOW)


def of_webhook(record: Any) -> Iterable[Item]:
    channel = WebhookChannel("webhook", "default", WebhookSettings(secret="s"), world())  # type: ignore[arg-type]
    return [channel._item(1, json.dumps(record))]


def of_request_tracker(told: Any) -> Iterable[Item]:
    settings = RequestTrackerSettings(url="https://rt.example", token="1-9-a", queues=("Keluhan",))  # type: ignore[arg-type]
    channel = RequestTrackerChannel("request_tracker", "default", settings, world())
    channel._own_name = "tanggap"

    def answered(method: str, url: str, **request: Any) -> Answer:
        kind = url.partition("/REST/2.0/")[2].partition("/")[0]
        return Answer(200, {}, json.dumps(told.get(kind)).encode(), True)

    channel.call = answered  # type: ignore[method-assign,assignment]
    return channel._items(told["transaction"], None, _Looked())


@pytest.mark.parametrize(
    ("read", "whole"),
    [
        (of_mastodon, NOTIFICATION),
        (of_telegram, UPDATE),
        (of_bluesky, POST),
        (of_bluesky_privately, MESSAGE),
        (of_webhook, SIGNED),
        (of_request_tracker, TICKET),
    ],
)
def test_whatever_is_wrong_with_a_record_it_stops_no_other_and_what_comes_of_it_can_be_stored(
    read: Callable[[Any], Iterable[Item | None]], whole: Any
) -> None:
    chance = random.Random(20261122)
    assert [type(item) for item in read(whole)] == [Incoming]
    for _ in range(TIMES):
        record = _spoiled(whole, chance)
        if read is of_request_tracker and not isinstance(record.get("transaction"), dict):
            continue  # a list's items that are no records are never handed on
        try:
            items = list(read(record))
        except ChannelError:
            assert read is of_request_tracker, record
            continue
        for item in items:
            if isinstance(item, Incoming):
                _can_be_stored(item)
            elif isinstance(item, Unreadable):
                assert item.reason.strip(), record


def _can_be_stored(item: Incoming) -> None:
    assert 0 < len(item.external_id) <= 512
    assert item.posted_at.utcoffset() is not None
    texts = [item.external_id, item.text, item.url, item.in_reply_to, item.subject, item.lang]
    if item.author is not None:
        texts += [item.author.id, item.author.handle, item.author.name, item.author.email]
    for one in item.attachments:
        texts += [one.name, one.type]
    for text in texts:
        assert text is None or "\x00" not in text
        assert text is None or text.encode()


def _spoiled(whole: Any, chance: random.Random) -> Any:
    """The record with up to three things in it changed into something else, or taken out."""
    record = copy.deepcopy(whole)
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        places = [place for place in _places(record) if place]
        if not places:
            return record
        *way, last = chance.choice(places)
        inner = record
        for step in way:
            inner = inner[step]
        if isinstance(inner, dict) and chance.random() < 0.15:
            del inner[last]
        else:
            inner[last] = copy.deepcopy(chance.choice(JUNK))
    return record


def _places(value: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield way
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _places(inner, (*way, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _places(inner, (*way, index))
