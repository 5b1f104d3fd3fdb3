"""Answers handed to a real HTTP server, signed; records taken from a signed call."""

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import jsonschema
import pytest
from http_receiver import breaks_off, breaks_off_in_the_body, closed_port, is_silent, receiving, says
from pydantic import SecretStr, ValidationError

from db.clock import SetClock
from db.words import DeliveryKind, Visibility
from integrations.channels.base import (
    Asked,
    Certainty,
    Channel,
    Heard,
    Never,
    Outgoing,
    Sent,
    Target,
    TryAgain,
    Unknown,
)
from integrations.channels.conformance import Conformance, Counterpart
from integrations.channels.webhook import WebhookChannel, WebhookSettings
from integrations.channels.world import World
from integrations.http import Patience
from integrations.record import Incoming, LeftOut, Removed, Unreadable

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def channel(
    url: str | None = None, certainty: Certainty = Certainty.READ_BACK, *, secret: str | None = "rahasia", **options
) -> WebhookChannel:
    patience = Patience(connect=0.5, read=0.3, back_off=0.01, sleep=lambda seconds: None)
    settings = WebhookSettings(secret=SecretStr(secret) if secret else None, url=url, certainty=certainty)
    world = World(SetClock(NOW), Path("/nonexistent"), patience=patience, **options)
    return WebhookChannel("webhook", "default", settings, world)


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


# What comes in


def call(body: bytes, *, at: datetime = NOW, secret: bytes = b"rahasia", method: str = "POST", **headers: str) -> Asked:
    stamp = str(int(at.timestamp()))
    signed = hmac.new(secret, stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    fields = {"x-tanggap-timestamp": stamp, "x-tanggap-signature": f"sha256={signed}", **headers}
    return Asked(method, {}, fields, body, "https://gateway.example/in/webhook")


RECORD = {
    "external_id": "t-1",
    "text": "Paket saya belum sampai 😡",
    "posted_at": "2026-03-02T18:00:00+07:00",
    "author": {"id": "u-9", "handle": "@budi", "name": "Budi", "followers": 120, "verified": False},
    "url": "https://forum.example/t/1",
    "metrics": {"views": 12},
}


def heard(record: object, **options) -> Heard:
    return channel(**options).hear(call(json.dumps(record, ensure_ascii=False).encode()))


def test_a_record_is_taken_and_counted():
    found = heard(RECORD)

    (one,) = found.items
    assert isinstance(one, Incoming)
    assert (found.status, json.loads(found.body)) == (202, {"accepted": 1, "quarantined": [], "left_out": []})
    assert (one.channel, one.account, one.external_id, one.text) == ("webhook", "default", "t-1", RECORD["text"])
    assert (one.posted_at, one.visibility) == (NOW - timedelta(hours=1), Visibility.PUBLIC)
    assert (one.author.handle, one.metrics.views, one.url) == ("@budi", 12, "https://forum.example/t/1")
    assert json.loads(one.raw) == RECORD


def test_what_the_settings_call_private_is_private():
    assert [one.visibility for one in heard(RECORD, private=True).items] == [Visibility.PRIVATE]


@pytest.mark.parametrize(
    "body",
    [
        json.dumps([RECORD, {**RECORD, "external_id": "t-2"}]).encode(),
        json.dumps([RECORD, {**RECORD, "external_id": "t-2"}], indent=2).encode(),
        (json.dumps(RECORD) + "\r\n\n" + json.dumps({**RECORD, "external_id": "t-2"}) + "\n").encode(),
        b"\xef\xbb\xbf" + json.dumps([RECORD, {**RECORD, "external_id": "t-2"}]).encode(),
    ],
)
def test_several_records_come_as_a_list_or_one_a_line(body):
    assert [one.external_id for one in channel().hear(call(body)).items] == ["t-1", "t-2"]


def test_one_record_may_stand_on_many_lines():
    (one,) = channel().hear(call(json.dumps(RECORD, indent=2).encode())).items

    assert one.external_id == "t-1"
    assert b"\n" in one.raw


def test_a_bad_record_is_put_aside_and_the_others_are_taken():
    found = heard([RECORD, {**RECORD, "text": None}, 7, {**RECORD, "external_id": "t-4"}])

    answer = json.loads(found.body)
    assert [type(one) for one in found.items] == [Incoming, Unreadable, Unreadable, Incoming]
    assert (found.status, answer["accepted"], len(answer["quarantined"])) == (202, 2, 2)
    assert answer["quarantined"][0].startswith("record 2: text is missing")
    assert found.items[2].raw == b"7"


def test_a_bad_line_is_put_aside_and_the_others_are_taken():
    found = channel().hear(call(json.dumps(RECORD).encode() + b"\n{broken\n"))

    assert [type(one) for one in found.items] == [Incoming, Unreadable]
    assert found.status == 202


@pytest.mark.parametrize(
    "changes",
    [{"channel": "x"}, {"account": "toko"}, {"posted_at": "2026-03-02"}, {"text": "x" * 100_001}, {"external_id": 7}],
)
def test_what_breaks_the_schema_goes_to_quarantine(changes):
    (one,) = heard({**RECORD, **changes}).items

    assert isinstance(one, Unreadable)
    assert one.channel in (None, "webhook")


def test_what_was_taken_down_is_told():
    (one,) = heard({"external_id": "t-1", "removed": True}).items

    assert isinstance(one, Removed)
    assert (one.channel, one.external_id, one.account) == ("webhook", "t-1", "default")


@pytest.mark.parametrize(
    "changes", [{"external_id": " "}, {"external_id": None}, {"channel": "x"}, {"account": "toko"}]
)
def test_what_was_taken_down_must_be_named(changes):
    (one,) = heard({"external_id": "t-1", "removed": True, **changes}).items

    assert isinstance(one, Unreadable)


def test_our_own_posts_are_left_out():
    found = heard({**RECORD, "author": {"handle": "@toko"}}, is_ours=lambda who: who == "@toko")

    assert [type(one) for one in found.items] == [LeftOut]
    assert json.loads(found.body)["left_out"] == ["record 1: we wrote it ourselves"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"halo",
        b"<xml/>",
        b"{broken",
        b"{\n broken\n}",
        b"[1, 2",
        b"[1 2]",
        b"[1] 2",
        b"\xff{}",
        b"[" * 200_000,
        b'{"a":' * 200_000,
    ],
)
def test_what_is_no_json_is_kept_and_refused(body):
    found = channel().hear(call(body))

    (one,) = found.items
    assert found.status == 400
    assert isinstance(one, Unreadable)
    assert one.raw == body[: 64 * 1024]
    assert "not JSON" in json.loads(found.body)["quarantined"][0]


@pytest.mark.parametrize(
    ("asked", "status", "why"),
    [
        (Asked("POST", {}, {}, b"{}", ""), 401, "not signed"),
        (call(b"halo", secret=b"salah"), 401, "does not fit"),
        (call(b"{}", **{"x-tanggap-timestamp": "kemarin"}), 401, "no number"),
        (call(b"{}", **{"x-tanggap-timestamp": str(int(NOW.timestamp()) + 1)}), 401, "does not fit"),
        (call(b"{}", **{"x-tanggap-signature": "sha256=é"}), 401, "does not fit"),
        (call(b"x" * (5 * 1024 * 1024 + 1)), 413, "larger than 5 MB"),
        (call(b"[" + b"1," * 1000 + b"1]"), 413, "more than 1,000 records"),
        (call(b"{}", method="GET"), 405, "posted"),
    ],
)
def test_a_call_that_is_not_believed_brings_nothing(asked, status, why):
    found = channel().hear(asked)

    assert (found.status, found.items) == (status, ())
    assert why in found.refused


@pytest.mark.parametrize(("seconds", "status"), [(-301, 401), (-299, 202), (299, 202), (301, 401)])
def test_a_call_that_is_too_old_or_too_early_is_told_the_time_here(seconds, status):
    found = channel().hear(call(json.dumps(RECORD).encode(), at=NOW + timedelta(seconds=seconds)))

    assert found.status == status
    if status == 401:
        assert b"the time here is 2026-03-02T12:00:00Z (1772452800)" in found.body
        assert ("ahead" if seconds > 0 else "ago") in found.refused


def test_without_a_secret_nobody_is_believed():
    found = channel(secret=None).hear(call(b"{}", secret=b""))

    assert (found.status, found.items) == (503, ())


# The documented schema

SCHEMA = json.loads((Path(__file__).parents[2] / "docs/channels/webhook.schema.json").read_text())


@pytest.mark.parametrize(
    "record",
    [
        RECORD,
        {"external_id": "1", "text": "a", "posted_at": "2026-03-02T09:00:00Z"},
        {**RECORD, "channel": "webhook", "visibility": "private", "subject": "Paket", "lang": "id", "addressed": True},
        {**RECORD, "in_reply_to": "t-0", "account": "default", "something": {"of": "theirs"}},
        {**RECORD, "author": None, "metrics": None, "url": None, "removed": False},
        {**RECORD, "author": {"email": "budi@pos.example", "phone": "+62811", "tier": "emas", "verified": True}},
        {"external_id": "t-1", "removed": True},
        {"external_id": "t-1", "removed": True, "channel": "webhook", "account": "default"},
    ],
)
def test_what_the_schema_allows_is_taken(record):
    jsonschema.validate(record, SCHEMA, cls=jsonschema.Draft202012Validator)
    jsonschema.validate([record], SCHEMA, cls=jsonschema.Draft202012Validator)

    (one,) = heard(record).items
    assert isinstance(one, Incoming | Removed)


@pytest.mark.parametrize(
    "record",
    [
        {},
        [],
        [7],
        "halo",
        {name: value for name, value in RECORD.items() if name != "text"},
        {name: value for name, value in RECORD.items() if name != "external_id"},
        {name: value for name, value in RECORD.items() if name != "posted_at"},
        {**RECORD, "external_id": ""},
        {**RECORD, "external_id": "x" * 513},
        {**RECORD, "external_id": 7},
        {**RECORD, "text": "   "},
        {**RECORD, "text": ["a"]},
        {**RECORD, "posted_at": 1772452800},
        {**RECORD, "posted_at": "2026-03-02T09:00:00"},
        {**RECORD, "visibility": "friends"},
        {**RECORD, "author": "budi"},
        {**RECORD, "author": {"id": 9}},
        {**RECORD, "author": {"verified": "yes"}},
        {**RECORD, "metrics": [1]},
        {**RECORD, "addressed": "true"},
        {**RECORD, "in_reply_to": 1},
        {**RECORD, "url": 1},
        {"removed": True},
        {"external_id": "", "removed": True},
    ],
)
def test_what_the_schema_refuses_is_not_taken(record):
    assert not jsonschema.Draft202012Validator(SCHEMA).is_valid(record)

    assert not [one for one in heard(record).items if isinstance(one, Incoming | Removed)]


def test_the_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


# Settings, and the look at them


def test_an_address_without_a_secret_is_refused():
    with pytest.raises(ValidationError, match="must be signed"):
        channel("https://a.example", secret=None)


@pytest.mark.parametrize("url", ["a.example/hook", "ftp://a.example", "https://"])
def test_an_address_that_is_none_is_refused(url):
    with pytest.raises(ValidationError, match="no address"):
        channel(url)


def test_without_an_address_a_person_posts():
    doors = channel()

    assert doors.manual
    with pytest.raises(Never, match="tanggap posted TG-1042 URL"):
        doors.reply(answer())
    assert "takes signed records" in doors.check().said


def test_without_anything_there_is_something_to_mend():
    assert not channel(secret=None).check().ok


def test_a_receiver_that_cannot_be_asked_is_not_called_by_the_check():
    with receiving() as receiver:
        assert channel(receiver.url, Certainty.IDEMPOTENT).check().ok

    assert receiver.received == []


def test_a_receiver_that_refuses_our_signature_is_found_by_the_check():
    with receiving(says(401)) as receiver:
        found = channel(receiver.url).check()

    assert not found.ok
    assert "secret" in found.mend


# The shared suite, with a forum that keeps to docs/channels/webhook.md


class Forum:
    """Takes signed texts, each key once, and tells what it has."""

    def __init__(self, secret: bytes) -> None:
        self.secret = secret
        self.texts: dict[str, dict] = {}


def _handler(forum: Forum) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if not self.believed(body):
                return self.say(401, {})
            document = json.loads(body)
            if document["in_reply_to"] == "gone":
                return self.say(410, {})
            forum.texts.setdefault(self.headers["Idempotency-Key"], document)
            return self.say(
                201, {"platform_id": f"p-{document['key']}", "url": f"https://forum.example/{document['key']}"}
            )

        def do_GET(self) -> None:
            key = parse_qs(urlsplit(self.path).query)["key"][0]
            if not self.believed(key.encode()):
                return self.say(401, {})
            return self.say(200, {"platform_id": f"p-{key}"}) if key in forum.texts else self.say(404, {})

        def believed(self, signed: bytes) -> bool:
            stamp = self.headers.get("X-Tanggap-Timestamp", "")
            wanted = hmac.new(forum.secret, stamp.encode() + b"." + signed, hashlib.sha256).hexdigest()
            return hmac.compare_digest(f"sha256={wanted}", self.headers.get("X-Tanggap-Signature", ""))

        def say(self, status: int, document: dict) -> None:
            body = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler


@contextmanager
def a_forum(secret: bytes) -> Iterator[tuple[Forum, str]]:
    forum = Forum(secret)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(forum))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield forum, f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class ForumCounterpart(Counterpart):
    reads = False

    def __init__(self, forum: Forum, url: str, certainty: Certainty) -> None:
        self.forum = forum
        self.url = url
        self.certainty = certainty
        self.posts = 0

    def channel(self, url: str, world: World) -> Channel:
        return self._made(url, world, self.forum.secret.decode())

    def locked_out(self, url: str, world: World) -> Channel | None:
        return self._made(url, world, "salah") if self.certainty is Certainty.READ_BACK else None

    def _made(self, url: str, world: World, secret: str) -> Channel:
        settings = WebhookSettings(url=f"{url}/replies", secret=SecretStr(secret), certainty=self.certainty)
        return WebhookChannel("webhook", "default", settings, world)

    def customer_writes(self, text: str, *, private: bool = False, in_reply_to: str | None = None) -> Target:
        self.posts += 1
        return Target(external_id=f"t-{self.posts}", thread=f"t-{self.posts}")

    def gone(self) -> Target | None:
        return Target(external_id="gone")

    def standing(self, target: Target, *, private: bool = False) -> list[str]:
        wanted = (target.external_id, "private" if private else "public")
        return [one["text"] for one in self.forum.texts.values() if (one["in_reply_to"], one["visibility"]) == wanted]

    def called(self, text: str) -> Asked | None:
        now = datetime.now(UTC)
        record = {"external_id": "t-9", "text": text, "posted_at": now.isoformat()}
        return call(json.dumps(record).encode(), at=now, secret=self.forum.secret)


class TestReadBack(Conformance):
    certainty = Certainty.READ_BACK

    @pytest.fixture
    def other(self) -> Iterator[Counterpart]:
        with a_forum(b"rahasia") as (forum, url):
            yield ForumCounterpart(forum, url, self.certainty)


class TestIdempotent(TestReadBack):
    certainty = Certainty.IDEMPOTENT


class TestNeither(TestReadBack):
    certainty = Certainty.NEITHER
