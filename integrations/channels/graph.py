"""What Instagram, Facebook and WhatsApp share: Meta's signed webhooks, and the errors of its Graph API.

Sources: developers.facebook.com/docs/graph-api/webhooks/getting-started (signature, challenge),
/docs/graph-api/guides/error-handling (codes and subcodes), /docs/graph-api/overview/rate-limiting (fields of usage),
/docs/messenger-platform/error-codes (what the Send API refuses).
"""

import hashlib
import hmac
import json
from collections.abc import Iterator
from dataclasses import dataclass

from integrations.channels.base import Asked, ChannelError, Heard, LockedOut, Never, TryAgain, Unknown, Why
from integrations.http import LONGEST_WAIT, Answer, wait_asked_for

BLOCKED_FOR = 6 * 3600.0
"""Seconds until we try again where Meta has blocked an action for its frequency or content (368); it tells no end."""
UNTOLD = 300.0
"""Seconds until we try again where Meta says that we call too often, but not until when: each call makes it longer."""

_TOKEN = frozenset({102, 104, 190, 2500})
_WHAT_ENDED = {
    458: "the app was removed from the account",
    459: "the account's owner must log in to facebook.com and clear a check",
    460: "its owner changed their password",
    463: "it has expired",
    464: "its owner must log in to facebook.com and confirm the account",
    467: "its owner logged out or withdrew it",
    492: "its owner has no role on the Page any more",
}
_RATE = frozenset({4, 9, 17, 32, 341, 613}) | frozenset(range(80_000, 80_015))
_TEMPORARY = frozenset({1, 2, 1200})
_WINDOW = frozenset({2018065, 2018278, 2534022})
_UNAVAILABLE = frozenset({1545041, 2018001, 2018108, 2534014})
"""They blocked us, closed their messages, or are no more: Meta does not tell which."""
_ANSWERED_ALREADY = frozenset({2534025})
_GONE = frozenset({33, 2018292, 2534001, 2534023})
_RATE_SUBCODES = frozenset({2534013})
_USAGE = ("X-Business-Use-Case-Usage", "X-App-Usage", "X-Page-Usage")


def signed_by(secret: str, asked: Asked) -> bool:
    """Whether the body was signed with the app's secret.

    `X-Hub-Signature-256` holds `sha256=` and the HMAC-SHA256 of the raw body, in hex.
    """
    given = asked.headers.get("x-hub-signature-256", "")
    expected = "sha256=" + hmac.new(secret.encode(), asked.body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(given.encode(), expected.encode())


def challenge(asked: Asked, verify_token: str) -> Heard | None:
    """What Meta's question whether this address is ours is answered; None where the call is another one."""
    if asked.method.upper() != "GET":
        return None
    given = asked.query.get("hub.verify_token", "")
    if asked.query.get("hub.mode") != "subscribe" or "hub.challenge" not in asked.query:
        return Heard.refuse("this is no question of Meta's for our address", 400)
    if not hmac.compare_digest(given.encode(), verify_token.encode()):
        return Heard.refuse("the verify token is not ours: write the same one in the app's webhook settings", 403)
    return Heard(body=asked.query["hub.challenge"].encode()[:1000])


@dataclass(frozen=True, slots=True)
class Fault:
    """What the Graph API says of a request that it refuses. Its sentences may hold ids: they go into no log."""

    code: int
    subcode: int
    said: str

    @classmethod
    def of(cls, answer: Answer) -> "Fault | None":
        """The fault in an answer's body, if it is one of the Graph API's."""
        try:
            body = json.loads(answer.body)
        except (ValueError, RecursionError):
            return None
        error = body.get("error") if isinstance(body, dict) else None
        if not isinstance(error, dict):
            return None
        code, subcode, said = error.get("code"), error.get("error_subcode"), error.get("message")
        if not isinstance(code, int):
            return None
        return cls(code, subcode if isinstance(subcode, int) else 0, said if isinstance(said, str) else "")

    @property
    def number(self) -> str:
        """How a person finds it in Meta's list."""
        return f"{self.code}/{self.subcode}" if self.subcode else str(self.code)


def graph_error(answer: Answer, safe: bool) -> ChannelError | None:
    """What a refusal of the Graph API means for the outbox; None where its body says nothing.

    `safe`: the request was a question, so that nothing can have arrived.
    """
    fault = Fault.of(answer)
    if fault is None:
        return None
    said = f"Meta refused the request (error {fault.number})"
    if fault.code in _TOKEN or "appsecret_proof" in fault.said:
        ended = _WHAT_ENDED.get(fault.subcode, "it is not valid, or not for this app")
        return LockedOut(
            f"{said}: the access token is not taken: {ended}; make a new one (`tanggap doctor` tells more)"
        )
    if fault.code in _RATE or fault.subcode in _RATE_SUBCODES:
        wait = wait_told(answer)
        return TryAgain(f"{said}: too many calls, it asks us to wait", UNTOLD if wait is None else wait)
    if fault.code == 368:
        return TryAgain(f"{said}: it has blocked this action for a while; see the Page's support inbox", BLOCKED_FOR)
    if fault.code in _TEMPORARY:
        if safe:
            return TryAgain(f"{said}: it cannot answer now", wait_asked_for(answer.headers))
        return Unknown(f"{said} after the request was sent: look there whether the text has arrived")
    return Never(*_for_good(fault, said))


def _for_good(fault: Fault, said: str) -> tuple[str, Why]:
    if fault.subcode in _WINDOW or fault.code == 10901:
        return f"{said}: the time in which it lets us answer is over", "window"
    if fault.code == 551 or fault.subcode in _UNAVAILABLE:
        return f"{said}: this person takes no messages from us", "blocked"
    if fault.code == 10900 or fault.subcode in _ANSWERED_ALREADY:
        return f"{said}: this comment was answered privately already, and it takes one such answer", "not_allowed"
    if fault.subcode in _GONE or fault.code == 803:
        return f"{said}: what this is about is no longer there, or not for us to see", "gone"
    if fault.code == 506:
        return f"{said}: the same words were just posted", "duplicate"
    if fault.code == 100 and "must be less than or equal" in fault.said:
        return f"{said}: the text is too long", "too_long"
    if fault.code in (3, 10) or 200 <= fault.code < 300 or fault.code in (10902, 10903):
        return f"{said}: our app or token may not do this here; `tanggap doctor` names missing rights", "not_allowed"
    return said, "other"


def wait_told(answer: Answer) -> float | None:
    """The seconds until Meta takes calls again, by its fields of usage (told in minutes), else by `Retry-After`."""
    minutes = [wait for name in _USAGE for wait in _waits_in(answer.headers.get(name, ""))]
    if minutes and max(minutes) > 0:
        return min(max(minutes) * 60.0, LONGEST_WAIT)
    return wait_asked_for(answer.headers)


def _waits_in(told: str) -> Iterator[float]:
    try:
        usage = json.loads(told) if told else {}
    except (ValueError, RecursionError):
        return
    rows = [row for many in usage.values() if isinstance(many, list) for row in many] if isinstance(usage, dict) else []
    for row in rows:
        wait = row.get("estimated_time_to_regain_access") if isinstance(row, dict) else None
        if isinstance(wait, int | float):
            yield float(wait)
