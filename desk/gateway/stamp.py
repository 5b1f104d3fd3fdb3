"""The form's signed stamp: when it was opened, and a number of its own.

The time is half of the spam trap; the number makes a second click on *send* the same message. Nothing but these two
rests on the signature.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Engine, text


@dataclass(frozen=True)
class Stamp:
    """When a form was opened, and its number."""

    number: str
    opened_at: datetime


class Stamper:
    """Issues stamps and reads back its own."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def issue(self, now: datetime) -> str:
        """A stamp for a form that is opened now."""
        said = f"{secrets.token_urlsafe(12)}.{int(now.timestamp() * 1000)}"
        return f"{said}.{self._sign(said)}"

    def read(self, written: str) -> Stamp | None:
        """The stamp, or None where it is not one of ours."""
        said, _, signature = written.rpartition(".")
        number, _, opened = said.partition(".")
        if not hmac.compare_digest(signature.encode(), self._sign(said).encode()):
            return None
        return Stamp(number, datetime.fromtimestamp(int(opened) / 1000, UTC))

    def _sign(self, said: str) -> str:
        return hmac.new(self._key, said.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()[:32]


def key_of(engine: Engine) -> bytes:
    """The key that all gateways on one database share: what only those who may connect to it know."""
    with engine.connect() as connection:
        known = connection.execute(text("SELECT system_identifier FROM pg_control_system()")).scalar_one()
    said = f"tanggap form stamp|{known}|{engine.url.database}|{engine.url.password or ''}"
    return hashlib.sha256(said.encode()).digest()
