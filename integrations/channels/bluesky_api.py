"""The methods of a Bluesky server that the adapter calls, and what its errors mean (AT Protocol, XRPC)."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from integrations.channels.base import ChannelError, LockedOut, Never, TryAgain
from integrations.channels.bluesky_posts import LONGEST_ID
from integrations.channels.bluesky_session import Expired
from integrations.channels.bluesky_walk import Shown
from integrations.http import Answer

AT_ONCE = 100
"""Posts of one answer (the lexicons' highest `limit`)."""
AT_ONCE_BY_NAME = 25
"""Posts and profiles of one answer that is asked for by name (getPosts, getProfiles)."""

_LOCKED = frozenset(
    {"AuthenticationRequired", "AuthMissing", "AuthFactorTokenRequired", "AccountTakedown", "AccountDeactivated"}
)
_CLOSED = frozenset({"BlockedActor", "BlockedByActor", "MessagesDisabled", "NotFollowedBySender", "AccountSuspended"})
_GONE = frozenset(
    {
        *("RecordNotFound", "NotFound", "RecipientNotFound", "InvalidConvo"),
        *("RepoNotFound", "RepoTakendown", "RepoSuspended", "RepoDeactivated"),
    }
)


class Api:
    """One server, asked as our account. All of it raises ChannelError."""

    def __init__(self, server: str, ask: Callable[..., Any]) -> None:
        """`ask`: the channel's, which signs."""
        self._base = f"{server}/xrpc"
        self._ask = ask

    def get(self, name: str, params: Mapping[str, Any], what: str = "read") -> Any:
        """Ask for what changes nothing."""
        return self._ask("GET", f"{self._base}/{name}", params=params, what=what)

    def post(self, name: str, **request: Any) -> Any:
        """Change something, once."""
        return self._ask("POST", f"{self._base}/{name}", **request)

    def posts(self, uris: Sequence[str]) -> dict[str, Shown]:
        """Posts as they are shown to us now, by their names; those that we are not shown are left out."""
        wanted = list(dict.fromkeys(uri for uri in uris if uri.startswith("at://") and len(uri) <= LONGEST_ID))
        found: dict[str, Shown] = {}
        for start in range(0, len(wanted), AT_ONCE_BY_NAME):
            said = self.get("app.bsky.feed.getPosts", {"uris": wanted[start : start + AT_ONCE_BY_NAME]})
            found |= {str(one.get("uri")): one for one in listed(said, "posts")[0]}
        return found

    def profiles(self, dids: Iterable[object]) -> dict[str, Mapping[str, Any]]:
        """People as they are shown to us now, by their DIDs."""
        wanted = list(dict.fromkeys(did for did in dids if isinstance(did, str) and did.startswith("did:")))
        found: dict[str, Mapping[str, Any]] = {}
        for start in range(0, len(wanted), AT_ONCE_BY_NAME):
            said = self.get("app.bsky.actor.getProfiles", {"actors": wanted[start : start + AT_ONCE_BY_NAME]})
            found |= {str(one.get("did")): one for one in listed(said, "profiles")[0]}
        return found

    def record(self, uri: str) -> Mapping[str, Any] | None:
        """What a repository holds there; None where it holds nothing. Raises Never where that is not told."""
        did, _, rest = uri.removeprefix("at://").partition("/")
        collection, _, key = rest.partition("/")
        try:
            said = self.get("com.atproto.repo.getRecord", {"repo": did, "collection": collection, "rkey": key})
        except Never as error:
            if error.kind == "gone":
                return None
            raise
        value = said.get("value") if isinstance(said, dict) else None
        if not isinstance(value, dict):
            raise TryAgain("the server did not say what stands there")
        return value

    def did_of(self, handle: str) -> str | None:
        """Whose handle it is."""
        try:
            said = self.get("com.atproto.identity.resolveHandle", {"handle": handle.removeprefix("@")})
        except Never:
            return None
        did = said.get("did") if isinstance(said, dict) else None
        return did if isinstance(did, str) else None


def listed(said: Any, name: str) -> tuple[list[Shown], str | None]:
    """A list in an answer, and the cursor to go on from."""
    found = said.get(name) if isinstance(said, dict) else None
    if not isinstance(found, list):
        raise TryAgain(f"the server's answer has no `{name}`: nothing was read")
    cursor = said.get("cursor")
    items: list[Shown] = [one if isinstance(one, dict) else {"record": one} for one in found]
    return items, cursor if isinstance(cursor, str) else None


def meaning_of(answer: Answer, to: str) -> ChannelError | None:
    """What the server says in `error` and `message`; None where its status says it all."""
    said = _object_in(answer)
    error, message = str(said.get("error") or ""), str(said.get("message") or "")
    if error == "ExpiredToken" or (error == "InvalidToken" and "Bad token" not in message):
        return Expired(f"{to} says that our session has ended")
    if error == "InvalidToken":
        return Never("our app password may not do this", "not_allowed")
    if error in _LOCKED:
        return LockedOut(f"{to} does not take our app password ({error}); check it with `tanggap doctor`")
    if error in _CLOSED or "recipient" in message or "block between" in message:
        return Never("this person takes no direct messages from us", "blocked")
    if error in _GONE or "Could not locate record" in message or "Could not find repo" in message:
        return Never("what this is about is no longer there", "gone")
    if "must not be longer" in message:
        return Never(f"{to} says that the text is too long", "too_long")
    return None


def _object_in(answer: Answer) -> Mapping[str, Any]:
    try:
        said = json.loads(answer.body) if answer.whole else {}
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}
