"""What Google's platforms have in common: tokens, error bodies, lists in pages.

Tokens are google-auth's work: for a person's account a refresh token (RFC 6749, 6), for a service account a signed
assertion (RFC 7523). Its requests leave by our own way out, with our limits on time and size, and follow nothing.
"""

import json
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from threading import Lock
from typing import Any, ClassVar, TypeVar
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import requests
from google.auth import transport
from google.auth.credentials import Credentials
from google.auth.exceptions import GoogleAuthError

from integrations.channels.base import ChannelError, LockedOut, Never, TryAgain, Unknown
from integrations.channels.platform import AccountSettings, Platform
from integrations.channels.world import World
from integrations.http import ANSWER_BYTES, Answer, Patience, call, host_of, wait_asked_for

TOKENS = "https://oauth2.googleapis.com/token"
PACIFIC = ZoneInfo("America/Los_Angeles")
A_MINUTE = 60.0
MOST_PAGES = 5_000
"""Of one list: a platform that gives a next page for ever is not followed for ever."""
_REFUSALS = frozenset({400, 401, 403})
"""How a token endpoint says no (RFC 6749, 5.2); Google uses 403 for accounts that are switched off."""
_RATE = frozenset({"rateLimitExceeded", "userRateLimitExceeded", "RATE_LIMIT_EXCEEDED"})
_QUOTA = frozenset({"quotaExceeded", "dailyLimitExceeded"})
_SCOPE = frozenset({"insufficientPermissions", "ACCESS_TOKEN_SCOPE_INSUFFICIENT"})
_SWITCHED_OFF = frozenset({"accessNotConfigured", "SERVICE_DISABLED"})

S = TypeVar("S", bound=AccountSettings)


class Stale(LockedOut):
    """The token was not taken; a new one may be."""


class GooglePlatform(Platform[S]):
    """One account on one of Google's APIs."""

    scopes: ClassVar[tuple[str, ...]]
    """What our token must be good for."""

    def __init__(self, name: str, account: str, settings: S, world: World) -> None:
        super().__init__(name, account, settings, world)
        self._lock = Lock()
        self._keys: Credentials | None = None
        self._told: Mapping[str, Any] = {}

    @abstractmethod
    def keys(self) -> Credentials:
        """Our credentials as google-auth knows them, without a token yet. Raises LockedOut where they are unusable."""

    @abstractmethod
    def quota_is_back(self, *, safe: bool) -> float:
        """Seconds until a quota that was used up is given anew. `safe`: for questions, else for posts."""

    def credentials(self) -> Mapping[str, Any]:
        """The token, a new one where the last is over soon. Raises TryAgain, or LockedOut where none is given."""
        return {"headers": {"Authorization": f"Bearer {self._token()}"}}

    def token_answer(self) -> Mapping[str, Any]:
        """What the token endpoint said beside the token: its scopes, and when the refresh token ends."""
        self._token()
        return self._told

    def call(self, method: str, url: str, **options: Any) -> Answer:
        """The same with one more try where a token that we had kept is no longer taken: nothing was done then."""
        kept = self._keys is not None and self._keys.token is not None
        try:
            return super().call(method, url, **options)
        except Stale:
            self._drop()
            if not kept:
                raise
        try:
            return super().call(method, url, **options)
        except Stale:
            self._drop()
            raise

    def explain(self, answer: Answer, *, safe: bool) -> ChannelError | None:
        """Google's error body: `errors[].reason` of the older APIs, `status` and `details[].reason` of the newer."""
        if answer.status == 401:
            return Stale("Google does not take our token; check the credentials with `tanggap doctor`")
        reasons = reasons_of(answer)
        waits = wait_asked_for(answer.headers, self.world.clock.now())
        if reasons & _QUOTA:
            return TryAgain(f"{self.name}: our quota is used up", waits or self.quota_is_back(safe=safe))
        if reasons & _RATE:
            return TryAgain(f"{self.name}: too many requests at once", waits or A_MINUTE)
        if reasons & _SCOPE:
            return LockedOut(f"{self.name}: our token may not do this; make one with the scope {' '.join(self.scopes)}")
        if reasons & _SWITCHED_OFF:
            return LockedOut(f"{self.name}: the API is not enabled in our Google Cloud project; enable it there")
        return None

    def pages(self, url: str, params: Mapping[str, Any], *, size: int, turned_by: str, **options: Any) -> Iterator[Any]:
        """The documents of a list, page after page. `turned_by`: the parameter that names the page.

        A page may hold fewer than `size`; where its answer is longer than we take, smaller ones are asked for.
        """
        page: str | None = None
        seen: set[str] = set()
        for _ in range(MOST_PAGES):
            asked = {**params, "maxResults": size, **({turned_by: page} if page is not None else {})}
            answer = self.call("GET", url, params=asked, **options)
            if not answer.whole and len(answer.body) >= ANSWER_BYTES and size > 1:
                size = max(1, size // 4)
                continue
            said = self.document(answer, safe=True, url=url)
            if not isinstance(said, dict):
                raise TryAgain(f"{host_of(url)} did not answer with a list")
            yield said
            page = next_page(said)
            if page is None or page in seen:
                return
            seen.add(page)

    def _token(self) -> str:
        with self._lock:
            if self._keys is None:
                self._keys = self.keys()
            if not self._keys.valid:
                self._told = renew(self._keys, self.session, self.world.patience, self.world.clock.now)
            return str(self._keys.token)

    def _drop(self) -> None:
        with self._lock:
            self._keys = None


def renew(
    keys: Credentials, session: requests.Session, patience: Patience, now: Callable[[], datetime]
) -> Mapping[str, Any]:
    """Get a new token into `keys`; returns the whole answer. Raises TryAgain, or LockedOut where none is given."""
    carrier = _Carrier(session, patience, now)
    try:
        keys.refresh(carrier)  # type: ignore[no-untyped-call]
    except GoogleAuthError as error:
        raise LockedOut(_refused(carrier.said)) from error
    except (ValueError, TypeError, KeyError) as error:
        raise TryAgain("Google's token answer cannot be read") from error
    return carrier.said


def reasons_of(answer: Answer) -> frozenset[str]:
    """Every word by which an error body says what is wrong."""
    try:
        error = json.loads(answer.body)["error"]
        parts = [*error.get("errors", ()), *error.get("details", ()), {"reason": error.get("status")}]
        return frozenset(str(part.get("reason")) for part in parts if part.get("reason"))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return frozenset()


def next_page(said: Mapping[str, Any]) -> str | None:
    """The name of the next page: YouTube writes it at the top, Play in `tokenPagination`."""
    pagination = said.get("tokenPagination")
    inner = pagination.get("nextPageToken") if isinstance(pagination, dict) else None
    found = said.get("nextPageToken") or inner
    return found if isinstance(found, str) and found else None


def pacific_midnight(now: datetime) -> float:
    """Seconds until midnight in California, when Google gives daily quotas anew."""
    there = now.astimezone(PACIFIC)
    midnight = (there + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    return max(1.0, midnight.timestamp() - now.timestamp())


def safe_address(url: str) -> str:
    """The address without a slash at its end. Raises ValueError where our token would travel in the clear."""
    parts = urlsplit(url)
    here = parts.hostname in ("127.0.0.1", "::1", "localhost")
    if not parts.netloc or not (parts.scheme == "https" or (parts.scheme == "http" and here)):
        raise ValueError("an address begins with https:// (http:// on this machine only)")
    return url.rstrip("/")


def _refused(said: Mapping[str, Any]) -> str:
    """Why no token was given, in words for whoever mends it; Google's own description may quote what we sent."""
    match said.get("error"):
        case "invalid_grant":
            return (
                "Google gives no token (invalid_grant): the refresh token or key was revoked or is over, or this"
                " machine's clock is wrong; make a new one, and publish the consent screen: in testing a token ends"
                " after 7 days"
            )
        case "invalid_client" | "unauthorized_client":
            return "Google gives no token: client id and client secret do not belong together; copy both anew"
        case "invalid_scope":
            return "Google gives no token for these scopes; agree to all of them when you make the refresh token"
        case str(word) if word.replace("_", "").isalnum():
            return f"Google gives no token ({word[:40]}); make new credentials"
        case _:
            return "Google gives no token for our credentials; make new ones"


class _Said(transport.Response):
    """An answer as google-auth reads it."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    @property
    def status(self) -> int:
        return self._answer.status

    @property
    def headers(self) -> Mapping[str, str]:
        return self._answer.headers

    @property
    def data(self) -> bytes:
        return self._answer.body


class _Carrier(transport.Request):
    """Takes google-auth's requests out by our own way. A token that was asked for and lost does no harm."""

    def __init__(self, session: requests.Session, patience: Patience, now: Callable[[], datetime]) -> None:
        self._session, self._patience, self._now = session, patience, now
        self.said: Mapping[str, Any] = {}

    def __call__(
        self,
        url: str,
        method: str = "GET",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        **kwargs: Any,
    ) -> _Said:
        try:
            answer = call(
                self._session,
                method,
                url,
                patience=self._patience,
                expected=_REFUSALS,
                now=self._now,
                data=body,
                headers=dict(headers or {}),
            )
        except Unknown as error:
            raise TryAgain(f"{host_of(url)} gave no token this time") from error
        except Never as error:
            raise LockedOut(f"{host_of(url)} gives no tokens; correct the token address in the settings") from error
        try:
            said = json.loads(answer.body) if answer.whole else None
        except (ValueError, RecursionError):
            said = None
        if not isinstance(said, dict) or (answer.status < 300 and not _is_word(said.get("access_token"))):
            raise TryAgain(f"{host_of(url)} did not answer with a token")
        self.said = {name: value for name, value in said.items() if name not in ("access_token", "refresh_token")}
        return _Said(answer)


def _is_word(value: object) -> bool:
    return isinstance(value, str) and bool(value) and value.isascii() and value.isprintable()
