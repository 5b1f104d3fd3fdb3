"""A session on a Bluesky server: begun with an app password, shared by this machine's processes, renewed when it ends.

A new one costs: a server takes 30 in 5 minutes and 300 a day an account, Bluesky's own gate a hundred (bluesky-social/
bsky-docs#183), and the desk's shifts begin some hundred processes a day. So the tokens, which are no password and end
by themselves, lie in the account's own folder, for its owner alone.
"""

import hashlib
import hmac
import json
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import mkstemp
from typing import Any

from integrations.channels.base import ChannelError, LockedOut, Never, TryAgain, Unknown

Post = Callable[..., Any]
"""Calls a method of the server without our credentials: its name, and what `requests` takes."""
FILE = "session.json"


class Expired(ChannelError):
    """Our token has ended: the request was not looked at, and may be sent again with a new one."""


@dataclass(frozen=True)
class Session:
    """Who we are there, and the tokens that prove it."""

    did: str
    handle: str
    access: str = field(repr=False)
    refresh: str = field(repr=False)


class Keeper:
    """Keeps one session for all threads, and for whoever comes after them on this machine."""

    def __init__(self, server: str, identifier: str, password: str, home: Path, post: Post) -> None:
        self._identifier = identifier
        self._password = password
        self._home = home
        self._post = post
        self._whose = hmac.new(password.encode(), f"{identifier} {server}".encode(), hashlib.sha256).hexdigest()
        self._lock = threading.Lock()
        self._session: Session | None = None

    def current(self) -> Session:
        """The session; it is begun where there is none. Raises LockedOut or TryAgain."""
        with self._lock:
            if self._session is None:
                self._session = self._kept() or self._begin()
            return self._session

    def renew(self, ended: Session) -> Session:
        """Another session than this one, which has ended. Only the first thread that asks renews it."""
        with self._lock:
            if self._session is None or self._session.access == ended.access:
                kept = self._kept()
                self._session = None
                self._session = kept if kept is not None and kept.access != ended.access else self._go_on(ended)
            return self._session

    def _go_on(self, ended: Session) -> Session:
        try:
            headers = {"Authorization": f"Bearer {ended.refresh}"}
            return self._keep(_session_in(self._ask("com.atproto.server.refreshSession", headers=headers)))
        except (LockedOut, Never, Expired):
            return self._begin()

    def _begin(self) -> Session:
        body = {"identifier": self._identifier, "password": self._password}
        try:
            return self._keep(_session_in(self._ask("com.atproto.server.createSession", json=body)))
        except (Expired, Never) as error:
            raise LockedOut(f"no session can be begun there: {error}") from None

    def _ask(self, name: str, **request: Any) -> Any:
        try:
            return self._post(name, what="login", **request)
        except Unknown as error:
            # A session that we did not hear of is no harm.
            raise TryAgain(f"no session was begun: {error}") from None

    def _kept(self) -> Session | None:
        """What another process of this machine began, with the same password."""
        try:
            kept = json.loads((self._home / FILE).read_text())
            if not hmac.compare_digest(str(kept.pop("whose")), self._whose):
                return None
            return Session(**{name: str(value) for name, value in kept.items()})
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return None

    def _keep(self, session: Session) -> Session:
        """Without a place to write to, each process begins its own."""
        with suppress(OSError):
            self._home.mkdir(mode=0o700, parents=True, exist_ok=True)
            # The file is its owner's alone from the first moment on.
            handle, name = mkstemp(dir=self._home)
            with os.fdopen(handle, "w") as file:
                json.dump({**asdict(session), "whose": self._whose}, file)
            os.replace(name, self._home / FILE)
        return session


def _session_in(said: Any) -> Session:
    told = said if isinstance(said, dict) else {}
    did, handle, access, refresh = (told.get(name) for name in ("did", "handle", "accessJwt", "refreshJwt"))
    if not (isinstance(did, str) and isinstance(handle, str) and isinstance(access, str) and isinstance(refresh, str)):
        raise TryAgain("the server began no session that can be read")
    return Session(did, handle, access, refresh)
