"""HTTP out: one way to call others, with limits on time and size, and errors in the outbox's three words.

A request that changes something is sent once. Only what changes nothing (GET, HEAD) is tried again here; for the rest
the outbox decides, since it knows whether a second try could post twice.
"""

import http.client
import io
import random
import socket
import time
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Protocol

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, MaxRetryError, NameResolutionError, NewConnectionError, ProxyError
from urllib3.exceptions import InvalidHeader as UnreadableField

from integrations.channels.base import ChannelError, LockedOut, Never, TryAgain, Unknown

CONNECT_SECONDS = 5.0
READ_SECONDS = 20.0
"""Silence of a server until we give up, not the length of its answer."""
ANSWER_SECONDS = 60.0
"""The whole of an answer, once the request has left, however it drips."""
ANSWER_BYTES = 1024 * 1024
LONGEST_WAIT = 24 * 3600.0
"""Seconds; a `Retry-After` beyond it is cut there."""

_SAFE = frozenset({"GET", "HEAD"})
_WAITS = frozenset({429, 502, 503, 504})
"""Answers after which a request that changes nothing is tried again."""
_RESETS = ("x-rate-limit-reset", "X-RateLimit-Reset", "RateLimit-Reset")
"""What X, Mastodon and Bluesky call the moment when their limit begins anew."""
_A_MOMENT = 10**8
"""A larger number of seconds is counted from 1970."""
_NOT_CONNECTED = (NewConnectionError, NameResolutionError, ConnectTimeoutError, ProxyError)
"""urllib3 blames the proxy only where it never got through to it."""


@dataclass(frozen=True)
class Answer:
    """What a server said: its status, its fields, and as much of its body as we take."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    whole: bool
    """Whether all of the body arrived."""


class Explain(Protocol):
    """Says what an answer means, where somebody knows better than its status; None where not."""

    def __call__(self, answer: Answer, *, safe: bool) -> ChannelError | None:
        """Look at one answer."""
        ...


@dataclass(frozen=True)
class Patience:
    """How long and how often."""

    connect: float = CONNECT_SECONDS
    read: float = READ_SECONDS
    tries: int = 3
    """Of a request that changes nothing."""
    back_off: float = 0.5
    """Seconds before the second try, doubled for each further one, with jitter."""
    wait_at_most: float = 10.0
    """A longer wait is not slept here: TryAgain hands it to the outbox."""
    sleep: Callable[[float], None] = field(default=time.sleep, repr=False)


def user_agent() -> str:
    """How we introduce ourselves."""
    try:
        return f"tanggap/{version('tanggap')}"
    except PackageNotFoundError:
        return "tanggap"


def new_session(pool: int = 10) -> requests.Session:
    """A session that keeps connections to read by, follows nothing and retries nothing by itself. One a thread."""
    session = requests.Session()
    adapter = _Adapter(pool_connections=pool, pool_maxsize=pool, max_retries=0)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    session.headers["User-Agent"] = user_agent()
    return session


def call(
    session: requests.Session,
    method: str,
    url: str,
    *,
    patience: Patience | None = None,
    expected: frozenset[int] = frozenset(),
    explain: Explain | None = None,
    now: Callable[[], datetime] | None = None,
    **request: Any,
) -> Answer:
    """Send a request and return a successful answer, or one whose status is among `expected`.

    Redirects are not followed. `explain` may know better than the status what a refusal means. Raises TryAgain where
    nothing was done (LockedOut where our credentials are not taken), Never where nothing will be, Unknown where the
    request left and nobody knows what came of it.
    """
    patience = patience or Patience()
    safe = is_safe(method)
    if not safe:  # On a connection that the server ends just now nobody would know what has arrived.
        session.close()
    tries = patience.tries if safe else 1
    wait = patience.back_off
    while True:
        tries -= 1
        try:
            answer = _once(session, method, url, patience, request)
            if 200 <= answer.status < 300 or answer.status in expected:
                return answer
            known = explain(answer, safe=safe) if explain is not None else None
            at = now() if now is not None else None
            raise known or refusal(answer.status, answer.headers, safe=safe, to=host_of(url), now=at)
        except TryAgain as error:
            pause = error.after if error.after is not None else wait * random.uniform(0.5, 1.5)
            if tries <= 0 or isinstance(error, LockedOut) or pause > patience.wait_at_most:
                raise
            patience.sleep(pause)
            wait *= 2


def is_safe(method: str) -> bool:
    """Whether a request by this method changes nothing."""
    return method.upper() in _SAFE


def refusal(
    status: int, headers: Mapping[str, str], *, safe: bool, to: str, now: datetime | None = None
) -> ChannelError:
    """What an answer that is no success means for the outbox."""
    said = f"{to} answered {status}"
    if status == 429:
        return TryAgain(f"{said}: it asks us to wait", wait_asked_for(headers, now))
    after = retry_after(headers.get("Retry-After"), _date(headers.get("Date")) or now)
    if status == 503 and after is not None:
        return TryAgain(f"{said}: it asks us to wait", after)
    if safe and (status in _WAITS or status == 408 or status >= 500):
        return TryAgain(f"{said}: it cannot answer now", after)
    if status == 408 or status >= 500:
        return Unknown(f"{said} after the request was sent: look there whether the text has arrived")
    if 300 <= status < 400:
        return Never(f"{said}: it sends us elsewhere, which is not followed; correct the address in the settings")
    if status == 401:
        return LockedOut(f"{said}: it does not take our credentials; check them with `tanggap doctor`")
    if status == 403:
        return Never(f"{said}: our credentials may not do this", "not_allowed")
    if status in {404, 410}:
        return Never(f"{said}: what this is about is no longer there", "gone")
    return Never(f"{said}: it refuses the request")


def wait_asked_for(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """The seconds that an answer asks us to wait: `Retry-After`, else until its limit's reset, by its own clock."""
    there = _date(headers.get("Date")) or now
    asked = retry_after(headers.get("Retry-After"), there)
    if asked is not None:
        return asked
    for name in _RESETS:
        value = headers.get(name, "").strip()
        if value:
            return _until(value, there or datetime.now(UTC))
    return None


def _until(value: str, now: datetime) -> float | None:
    """Seconds until a reset, written as seconds to go, as seconds since 1970, or as an ISO 8601 moment."""
    try:
        if value.isascii() and value.isdigit():
            number = float(value[:12])
            seconds = number if number < _A_MOMENT else number - now.timestamp()
        else:
            moment = datetime.fromisoformat(value)
            seconds = ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - now).total_seconds()
    except ValueError:
        return None
    return min(max(seconds, 0.0), LONGEST_WAIT)


def _date(value: str | None) -> datetime | None:
    try:
        return parsedate_to_datetime(value).astimezone(UTC) if value else None
    except (TypeError, ValueError):
        return None


def retry_after(value: str | None, now: datetime | None = None) -> float | None:
    """The seconds that a `Retry-After` field asks for (RFC 9110, 10.2.3: seconds or a date), if any."""
    if value is None:
        return None
    value = value.strip()
    if value.isascii() and value.isdigit():
        return min(float(value[:9]), LONGEST_WAIT)
    try:
        moment = parsedate_to_datetime(value)
    except (TypeError, ValueError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    seconds = (moment - (now or datetime.now(UTC))).total_seconds()
    return min(max(seconds, 0.0), LONGEST_WAIT)


def failure(error: requests.RequestException, *, safe: bool, to: str) -> ChannelError:
    """What a request that got no answer means for the outbox."""
    spoiled = bool(error.args) and isinstance(error.args[0], UnreadableField)
    if not spoiled and isinstance(
        error,
        (
            requests.exceptions.InvalidURL,
            requests.exceptions.MissingSchema,
            requests.exceptions.InvalidSchema,
            requests.exceptions.InvalidHeader,
        ),
    ):
        return Never(f"the address of {to} cannot be used; correct it in the settings")
    if isinstance(error, requests.exceptions.ConnectTimeout) or _never_connected(error):
        return TryAgain(f"{to} cannot be reached" if safe else f"{to} cannot be reached: nothing was sent")
    if safe:
        return TryAgain(f"{to} did not answer")
    return Unknown(f"the connection to {to} broke after the request left: look there whether the text has arrived")


def _once(session: requests.Session, method: str, url: str, patience: Patience, request: Mapping[str, Any]) -> Answer:
    bounded = _answer_within.set(ANSWER_SECONDS)
    try:
        with session.request(
            method,
            url,
            timeout=(patience.connect, patience.read),
            allow_redirects=False,
            stream=True,
            **request,
        ) as response:
            body, whole = _body_of(response)
            return Answer(response.status_code, response.headers, body, whole)
    except requests.RequestException as error:
        raise failure(error, safe=is_safe(method), to=host_of(url)) from error
    except ValueError as error:  # requests reads `Location` also where it is not followed
        raise Never(f"{host_of(url)} sends us to what is no address: not followed") from error
    finally:
        _answer_within.reset(bounded)


def _body_of(response: requests.Response) -> tuple[bytes, bool]:
    """The body within our limits. What breaks off here broke after the status, which is what counts."""
    body = bytearray()
    try:
        for chunk in response.iter_content(16 * 1024):
            body += chunk
            if len(body) > ANSWER_BYTES:
                return bytes(body[:ANSWER_BYTES]), False
    except requests.RequestException:
        return bytes(body), False
    return bytes(body), True


_answer_within: ContextVar[float | None] = ContextVar("answer_within", default=None)
"""Seconds for the answer to the request that is being sent; None: only silences are bounded."""


class _Line(io.RawIOBase):
    """What a server says, until a moment: a socket's own timeout bounds a silence, not an answer that drips."""

    def __init__(self, line: socket.socket, seconds: float) -> None:
        self._line = line
        self._file = line.makefile("rb", buffering=0)
        self._silence = line.gettimeout()
        self._until = time.monotonic() + seconds

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError("the answer takes too long")
        self._line.settimeout(left if self._silence is None else min(left, self._silence))
        return self._file.readinto(buffer)

    def close(self) -> None:
        self._file.close()
        super().close()

    def makefile(self, mode: str) -> io.BufferedReader:
        """As `http.client` asks a socket for it."""
        return io.BufferedReader(self)


class _Response(http.client.HTTPResponse):
    def __init__(self, line: Any, *args: Any, **options: Any) -> None:
        seconds = _answer_within.get()
        super().__init__(line if seconds is None else _Line(line, seconds), *args, **options)  # type: ignore[arg-type]


class _Plain(HTTPConnection):
    response_class = _Response


class _Encrypted(HTTPSConnection):
    response_class = _Response


class _Adapter(HTTPAdapter):
    """Its connections end an answer in time."""

    def get_connection_with_tls_context(self, *args: Any, **options: Any) -> Any:
        """The pool that makes them."""
        pool: Any = super().get_connection_with_tls_context(*args, **options)
        pool.ConnectionCls = _Encrypted if pool.scheme == "https" else _Plain
        return pool


def _never_connected(error: requests.RequestException) -> bool:
    """Whether no connection came about, so that nothing can have arrived."""
    reason: object = error.args[0] if error.args else None
    if isinstance(reason, MaxRetryError):
        reason = reason.reason
    if isinstance(reason, _NOT_CONNECTED):
        return True
    # A certificate is looked at before the request leaves.
    return "CERTIFICATE_VERIFY_FAILED" in str(error)


def host_of(url: str) -> str:
    """The server's name for messages; paths and queries may carry secrets."""
    rest = url.partition("://")[2] or url
    return rest.partition("/")[0].partition("?")[0].rpartition("@")[2] or "the server"
