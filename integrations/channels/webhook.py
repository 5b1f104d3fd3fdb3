"""Hands answers to another system as signed JSON, for whatever has no adapter of its own.

The receiver gets `POST URL` with the document of `document.py` and these fields:

- `Idempotency-Key`: the delivery's key, the same on every try;
- `X-Tanggap-Timestamp`: when it was signed, seconds since 1970;
- `X-Tanggap-Signature`: `sha256=` and the HMAC-SHA256, in hex, of the timestamp, a dot and the body, by the secret.

It answers 2xx once it has taken the text, best with `{"platform_id": "…", "url": "…"}`. A receiver that can be asked
answers `GET URL?key=KEY` with 200 and the same object, or with 404 where it has no such text.
"""

import hashlib
import hmac
import json
from datetime import datetime
from urllib.parse import urlsplit

from pydantic import SecretStr, field_validator, model_validator

from db.words import Visibility
from integrations.channels.base import (
    NO_PRIVATE_WAY,
    Certainty,
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
from integrations.http import Answer


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
