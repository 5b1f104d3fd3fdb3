"""Speaks signed JSON with whatever system has no adapter of its own, both ways. docs/channels/webhook.md has it whole.

Both ways carry these fields:

- `X-Tanggap-Timestamp`: when it was signed, seconds since 1970;
- `X-Tanggap-Signature`: `sha256=` and the HMAC-SHA256, in hex, of the timestamp, a dot and the body, by the secret.

Out: the receiver gets `POST URL` with the document of `document.py` and `Idempotency-Key`, the delivery's key, the same
on every try. It answers 2xx once it has taken the text, best with `{"platform_id": "…", "url": "…"}`. A receiver that
can be asked answers `GET URL?key=KEY` with 200 and the same object, or with 404 where it has no such text.

In: the other system posts one record as `tanggap import` takes it, or a list of them, or JSON lines. The same
`external_id` again is the same message, so sending twice does no harm. `"removed": true` says that one was taken down.

Certainty is the receiver's owner's word, in the settings.
"""

import hashlib
import hmac
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from urllib.parse import urlsplit

from pydantic import SecretStr, field_validator, model_validator

from db.words import Visibility
from integrations.channels.base import (
    NO_PRIVATE_WAY,
    Asked,
    Certainty,
    ChannelError,
    Checked,
    Heard,
    Never,
    Outgoing,
    Reachable,
    Sent,
    Target,
    TryAgain,
    within_window,
)
from integrations.channels.document import document_of
from integrations.channels.platform import AccountSettings, Platform
from integrations.channels.world import World
from integrations.http import Answer, host_of
from integrations.intake.fields import MAX_ID, Terms
from integrations.intake.json_lines import read_json_lines
from integrations.intake.lines import UTF_8
from integrations.intake.text import has_control, is_blank
from integrations.record import Incoming, Item, LeftOut, Removed, Unreadable

MOST_BYTES = 5 * 1024 * 1024
MOST_RECORDS = 1000
"""In one call."""
REPLAY_WINDOW = timedelta(minutes=5)
"""How far a call's clock may be from ours, either way."""
_KEPT = 64 * 1024
"""Bytes of a body that is no JSON."""
_WHITE = " \t\r\n"


class WebhookSettings(AccountSettings):
    """One receiver, and the key that both sides sign with."""

    secret: SecretStr | None = None
    url: str | None = None
    """Where answers are posted; without one, a person posts them."""
    certainty: Certainty = Certainty.NEITHER
    """Its owner's word: whether it takes our key (`idempotent`), can be asked (`read_back`), or `neither`."""

    @field_validator("url")
    @classmethod
    def _web_address(cls, url: str | None) -> str | None:
        if url is not None and (urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).netloc):
            raise ValueError(f"`{url}` is no address; write it like https://example.org/replies")
        return url

    @model_validator(mode="after")
    def _signed(self) -> "WebhookSettings":
        if self.url is not None and self.secret is None:
            raise ValueError("what is posted there must be signed: set the environment variable with its secret")
        return self


class WebhookChannel(Platform[WebhookSettings]):
    """One other system."""

    settings_type = WebhookSettings
    listens = False

    def __init__(self, name: str, account: str, settings: WebhookSettings, world: World) -> None:
        super().__init__(name, account, settings, world)
        self.certainty = settings.certainty
        self.manual = settings.url is None
        self._url = settings.url or ""
        self._secret = settings.secret.get_secret_value().encode() if settings.secret else b""

    def reply(self, out: Outgoing) -> Sent:
        """Post the document once. Raises TryAgain, Never or Unknown."""
        if self.manual:
            raise Never(f"a person posts this one: `tanggap posted {out.reference} URL`")
        body = json.dumps(document_of(out), ensure_ascii=False).encode()
        stamp = str(int(self.world.clock.now().timestamp()))
        headers = {
            "Content-Type": "application/json",
            "Idempotency-Key": out.key,
            "X-Tanggap-Timestamp": stamp,
            "X-Tanggap-Signature": signature(self._secret, stamp, body),
        }
        answer = self.call("POST", self._url, data=body, headers=headers)
        # Its status says that the text was taken, whatever became of the rest of the answer.
        return _sent(answer, out.key)

    def message_privately(self, out: Outgoing) -> Sent:
        """The same: the document says that it is private."""
        return self.reply(out)

    def can_reply(self, target: Target, visibility: Visibility, now: datetime) -> Reachable:
        """Where the settings say that the platform behind the receiver has such a way, within its window."""
        if visibility is Visibility.PRIVATE and not self.world.private_talk:
            return NO_PRIVATE_WAY
        return within_window(target, self.world.window, now)

    def find_own(self, out: Outgoing) -> Sent | None:
        """Ask the receiver for our key, where it can be asked. Raises TryAgain where its answer is no answer."""
        if self.certainty is not Certainty.READ_BACK:
            return None
        stamp = str(int(self.world.clock.now().timestamp()))
        headers = {
            "X-Tanggap-Timestamp": stamp,
            "X-Tanggap-Signature": signature(self._secret, stamp, out.key.encode()),
        }
        answer = self.call("GET", self._url, params={"key": out.key}, headers=headers, expected=frozenset({404}))
        if answer.status == 404:
            return None
        if not answer.whole or "platform_id" not in _object_in(answer):
            raise TryAgain(f"{self.name} did not say whether it has the text: ask again")
        return _sent(answer, out.key)

    def hear(self, asked: Asked) -> Heard:
        """The records of a signed call; 202 tells how many were taken, and why others were not."""
        if not self._secret:
            return Heard.refuse(
                "not set up: set the environment variable with the secret that both sides sign with", 503
            )
        if asked.method.upper() != "POST":
            return Heard.refuse("records are posted", 405)
        if len(asked.body) > MOST_BYTES:
            return Heard.refuse(f"the body is larger than {MOST_BYTES // (1024 * 1024)} MB: send fewer records", 413)
        refused = self._forged(asked)
        if refused is not None:
            return Heard.refuse(refused)
        try:
            records = list(islice(_records_in(asked.body), MOST_RECORDS + 1))
        except (ValueError, RecursionError) as error:
            reason = f"the body is not JSON: {error}; send one record, a list of records, or one a line"
            item = Unreadable(f"{self.name}: call", reason, asked.body[:_KEPT], self.name)
            return Heard((item,), 400, _said({"accepted": 0, "quarantined": [reason]}), "application/json")
        if len(records) > MOST_RECORDS:
            return Heard.refuse(f"more than {MOST_RECORDS:,} records in one call: send fewer", 413)
        items = [self._item(number, raw) for number, raw in enumerate(records, start=1)]
        answer = {
            "accepted": sum(isinstance(item, Incoming | Removed) for item in items),
            "quarantined": [f"{item.place}: {item.reason}" for item in items if isinstance(item, Unreadable)],
            "left_out": [f"{item.place}: {item.reason}" for item in items if isinstance(item, LeftOut)],
        }
        return Heard(tuple(items), 202, _said(answer), "application/json")

    def check(self) -> Checked:
        """Ask the receiver for a key that it cannot have, where it can be asked; nothing is posted."""
        hears = "takes signed records" if self._secret else "takes no records: its secret is not set"
        if self.manual:
            return Checked(bool(self._secret), f"{hears}; answers are posted by a person (no `url`)")
        to = host_of(self._url)
        if self.certainty is not Certainty.READ_BACK:
            return Checked(True, f"{hears}; answers go to {to}, which was not called: it cannot be asked")
        stamp = str(int(self.world.clock.now().timestamp()))
        key = "tanggap-check"
        headers = {"X-Tanggap-Timestamp": stamp, "X-Tanggap-Signature": signature(self._secret, stamp, key.encode())}
        try:
            self.call("GET", self._url, params={"key": key}, headers=headers, expected=frozenset({404}))
        except ChannelError as error:
            return Checked(
                False, str(error), "look at the receiver, its address and the secret that both sides sign with"
            )
        return Checked(True, f"{hears}; {to} answers")

    def _forged(self, asked: Asked) -> str | None:
        """Why a call is not believed, None where it is."""
        stamp = asked.headers.get("x-tanggap-timestamp", "").strip()
        given = asked.headers.get("x-tanggap-signature", "").strip()
        if not stamp or not given:
            return "the call is not signed: send X-Tanggap-Timestamp and X-Tanggap-Signature"
        if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= 12):
            return "X-Tanggap-Timestamp is no number of seconds since 1970"
        if not hmac.compare_digest(signature(self._secret, stamp, asked.body).encode(), given.encode()):
            return "the signature does not fit the timestamp and the body: is it the same secret on both sides?"
        now = self.world.clock.now().astimezone(UTC)
        off = int(stamp) - int(now.timestamp())
        if abs(off) > REPLAY_WINDOW.total_seconds():
            return (
                f"the call was signed {abs(off):,} seconds {'ahead' if off > 0 else 'ago'},"
                f" {REPLAY_WINDOW.total_seconds():.0f} are allowed; the time here is {now:%Y-%m-%dT%H:%M:%SZ}"
                f" ({int(now.timestamp())})"
            )
        return None

    def _item(self, number: int, raw: str) -> Item:
        place = f"record {number}"
        fields = _object(raw)
        if fields is not None and fields.get("removed") is True:
            return self._removed(fields, raw, place)
        now = self.world.clock.now()
        private = frozenset({self.name}) if self.world.private else frozenset()
        terms = Terms(now, self.name, frozenset({self.name}), self.world.is_ours, private)
        # Between the values of one record a line break is white space; inside of them it is none of JSON.
        line = raw.replace("\r", " ").replace("\n", " ").encode("utf-8", "surrogatepass")
        found = next(read_json_lines([line], UTF_8, self.name, terms), None)
        kept = raw.encode("utf-8", "surrogatepass")
        if not isinstance(found, Incoming):
            reason = found.reason if found is not None else "the record is empty"
            return Unreadable(place, reason, kept, self.name)
        if fields is not None and fields.get("account") is not None and found.account != self.account:
            return Unreadable(
                place, f"account is {found.account!r}; this address is for {self.account!r}", kept, self.name
            )
        who = [found.author.handle, found.author.email] if found.author is not None else []
        if any(self.world.is_ours(name) for name in who if name):
            return LeftOut(place, "we wrote it ourselves", kept)
        return replace(found, account=self.account, raw=kept, place=place)

    def _removed(self, fields: dict[str, object], raw: str, place: str) -> Item:
        kept = raw.encode("utf-8", "surrogatepass")
        id = fields.get("external_id")
        if not isinstance(id, str) or is_blank(id) or len(id.strip()) > MAX_ID or has_control(id.strip()):
            reason = "external_id is missing or no identifier; name the message that was taken down"
            return Unreadable(place, reason, kept, self.name)
        if fields.get("channel") not in (None, self.name) or fields.get("account") not in (None, self.account):
            reason = f"the message is on another channel or account; this address is for {self.name}/{self.account}"
            return Unreadable(place, reason, kept, self.name)
        return Removed(self.name, id.strip(), place, kept, self.account)


def _records_in(body: bytes) -> Iterator[str]:
    """The source of each record: of one, of a list's, of each line's. Raises ValueError where it is no JSON at all."""
    text = body.decode("utf-8-sig", "strict").strip(_WHITE)
    if text.startswith("["):
        yield from _listed(text)
        return
    if not text.startswith("{"):
        raise ValueError("it begins with neither { nor [")
    lines = [line.strip(_WHITE) for line in text.split("\n") if line.strip(_WHITE)]
    if _object(text) is not None or len(lines) == 1 or not any(_object(line) is not None for line in lines):
        json.loads(text)
        yield text
        return
    yield from lines


def _listed(text: str) -> Iterator[str]:
    """Each element of a list as it stands in it. Raises ValueError."""
    decoder = json.JSONDecoder()
    at = _after_white(text, 1)
    if text[at : at + 1] == "]":
        at += 1
    else:
        while True:
            _, end = decoder.raw_decode(text, at)
            yield text[at:end]
            at = _after_white(text, end)
            mark, at = text[at : at + 1], _after_white(text, at + 1)
            if mark == "]":
                break
            if mark != ",":
                raise ValueError(f"a comma or a closing bracket is missing at character {at}")
    if text[at:].strip(_WHITE):
        raise ValueError(f"something follows the list at character {at + 1}")


def _after_white(text: str, at: int) -> int:
    while text[at : at + 1] and text[at] in _WHITE:
        at += 1
    return at


def _object(source: str) -> dict[str, object] | None:
    try:
        found = json.loads(source)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _said(answer: dict[str, object]) -> bytes:
    return json.dumps(answer, ensure_ascii=False).encode("utf-8", "replace") + b"\n"


def signature(secret: bytes, timestamp: str, body: bytes) -> str:
    """What `X-Tanggap-Signature` holds: `sha256=` and the HMAC of `TIMESTAMP.BODY` in hex."""
    return "sha256=" + hmac.new(secret, timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def _sent(answer: Answer, key: str) -> Sent:
    said = _object_in(answer)
    platform_id, url = said.get("platform_id"), said.get("url")
    return Sent(
        str(platform_id) if isinstance(platform_id, str | int) and str(platform_id) else key,
        url if isinstance(url, str) and url else None,
    )


def _object_in(answer: Answer) -> dict[str, object]:
    if not answer.whole:
        return {}
    try:
        said = json.loads(answer.body)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}
