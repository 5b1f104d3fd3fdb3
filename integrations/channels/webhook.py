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
from collections.abc import Iterator
from datetime import datetime, timedelta
from threading import local

import requests

from db.clock import Clock
from db.words import Visibility
from integrations.channels.base import (
    NO_PRIVATE_WAY,
    Certainty,
    Outgoing,
    Page,
    Reachable,
    Sent,
    Target,
    TryAgain,
    within_window,
)
from integrations.channels.document import document_of
from integrations.http import Answer, Patience, call, new_session


class WebhookChannel:
    """One receiver. Which certainty it has is its owner's word, given in the settings."""

    manual = False

    def __init__(
        self,
        name: str,
        account: str = "default",
        *,
        url: str,
        secret: str,
        certainty: Certainty,
        clock: Clock,
        window: timedelta | None = None,
        private_talk: bool = True,
        patience: Patience | None = None,
    ) -> None:
        self.name = name
        self.account = account
        self.certainty = certainty
        self._url = url
        self._secret = secret.encode()
        self._clock = clock
        self._window = window
        self._private_talk = private_talk
        self._patience = patience or Patience()
        self._local = local()

    def fetch(self, cursor: str | None) -> Iterator[Page]:
        """Nothing: what others send in comes through the gateway or import."""
        return iter(())

    def reply(self, out: Outgoing) -> Sent:
        """Post the document once. Raises TryAgain, Never or Unknown."""
        body = json.dumps(document_of(out), ensure_ascii=False).encode()
        stamp = str(int(self._clock.now().timestamp()))
        headers = {
            "Content-Type": "application/json",
            "Idempotency-Key": out.key,
            "X-Tanggap-Timestamp": stamp,
            "X-Tanggap-Signature": signature(self._secret, stamp, body),
        }
        answer = call(self._session, "POST", self._url, data=body, headers=headers, patience=self._patience)
        # Its status says that the text was taken, whatever became of the rest of the answer.
        return _sent(answer, out.key)

    def message_privately(self, out: Outgoing) -> Sent:
        """The same: the document says that it is private."""
        return self.reply(out)

    def can_reply(self, target: Target, visibility: Visibility, now: datetime) -> Reachable:
        """Where the settings say that the platform behind the receiver has such a way, within its window."""
        if visibility is Visibility.PRIVATE and not self._private_talk:
            return NO_PRIVATE_WAY
        return within_window(target, self._window, now)

    def find_own(self, out: Outgoing) -> Sent | None:
        """Ask the receiver for our key, where it can be asked. Raises TryAgain where its answer is no answer."""
        if self.certainty is not Certainty.READ_BACK:
            return None
        stamp = str(int(self._clock.now().timestamp()))
        headers = {
            "X-Tanggap-Timestamp": stamp,
            "X-Tanggap-Signature": signature(self._secret, stamp, out.key.encode()),
        }
        answer = call(
            self._session,
            "GET",
            self._url,
            params={"key": out.key},
            headers=headers,
            patience=self._patience,
            expected=frozenset({404}),
        )
        if answer.status == 404:
            return None
        if not answer.whole or "platform_id" not in _object_in(answer):
            raise TryAgain(f"{self.name} did not say whether it has the text: ask again")
        return _sent(answer, out.key)

    @property
    def _session(self) -> requests.Session:
        if not hasattr(self._local, "session"):
            self._local.session = new_session()
        session: requests.Session = self._local.session
        return session


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
