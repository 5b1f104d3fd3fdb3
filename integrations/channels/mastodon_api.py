"""How Mastodon's API is asked: an account's settings, what its errors mean, lists with their traps.

Sources: docs.joinmastodon.org (methods notifications, statuses, timelines, search, accounts, apps, instance; OAuth
scopes; rate limits); snac 2.75 (`mastoapi.c`) for where another server differs.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal
from urllib.parse import quote, urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator

from integrations.channels.base import ChannelError, LockedOut, Never, TryAgain
from integrations.channels.mastodon_posts import Server, Writer, name_of, order_of
from integrations.channels.platform import AccountSettings, Platform
from integrations.channels.world import World
from integrations.http import ANSWER_BYTES, Answer, host_of

PER_CALL = (40, 10, 1)
"""Records a call; fewer are asked for where so many are more than we read of an answer."""
AT_ONCE = 20
"""Posts that one call may ask for by id (Mastodon 4.3)."""

_SCOPES = {"read:accounts": "profile", "read:notifications": "", "read:statuses": "", "write:statuses": ""}
"""What the desk needs of a token, and what does as well."""
_GONE = frozenset({404, 410})
_NOT_TOLD = frozenset({401, 403, 404, 410, 422})
"""Answers of a server, or to a token, that has no such method."""

Record = Mapping[str, Any]
Ask = Callable[[Mapping[str, str]], list[Any]]


class MastodonSettings(AccountSettings):
    """One account on one server."""

    token: SecretStr
    url: str
    """The server's address, such as https://mastodon.example."""
    hashtags: tuple[str, ...] = ()
    """Read beside the mentions, without the sign."""
    searches: tuple[str, ...] = ()
    """Looked for beside the mentions; finds what the server's search is let to show."""
    visibility: Literal["public", "unlisted"] = "public"
    """How public answers are posted; below an unlisted post they are unlisted in any case."""
    certainty: Literal["read_back", "idempotent"] = "read_back"
    language: str | None = Field(default=None, pattern="^[a-z]{2,3}$")
    """What our posts say their language is; else the account's own setting counts."""

    @field_validator("url")
    @classmethod
    def _web_address(cls, url: str) -> str:
        if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).netloc:
            raise ValueError(f"`{url}` is no address; write it like https://mastodon.example")
        return url.rstrip("/")

    @field_validator("hashtags")
    @classmethod
    def _bare(cls, hashtags: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(tag.removeprefix("#") for tag in hashtags)


class MastodonApi(Platform[MastodonSettings]):
    """One account on one server, as it is asked and told things."""

    settings_type = MastodonSettings

    def __init__(self, name: str, account: str, settings: MastodonSettings, world: World) -> None:
        super().__init__(name, account, settings, world)
        self.host = host_of(settings.url)
        self._who: Writer | None = None
        self._server: Server | None = None

    def credentials(self) -> Mapping[str, Any]:
        """The account's token."""
        return {"headers": {"Authorization": f"Bearer {self.settings.token.get_secret_value()}"}}

    def explain(self, answer: Answer, *, safe: bool) -> ChannelError | None:
        """Mastodon says in `error` what is wrong (`Api::V1` controllers; its words in English)."""
        said = _error_in(answer).casefold()
        if answer.status == 403 and "scope" in said:
            return LockedOut(
                f"{self.host}: our token may not do this, a scope is missing; `tanggap doctor` tells which"
            )
        if answer.status == 403 and any(word in said for word in ("login", "suspended", "pending", "confirm")):
            return LockedOut(f"{self.host}: our account is disabled or not confirmed; log in there")
        if answer.status == 422 and "authenticated user" in said:
            return LockedOut(f"{self.host}: the token is an application's, not an account's; make one for the account")
        if answer.status == 422 and ("too long" in said or "character limit" in said):
            return Never(f"{self.host}: the text is too long there", "too_long")
        return None

    def forget(self) -> None:
        """Ask anew who we are, and what the server is."""
        self._who = self._server = None

    def us(self) -> Writer:
        """Our account. Raises LockedOut where the token is nobody's."""
        if self._who is None:
            path = "/api/v1/accounts/verify_credentials"
            self.world.meter.take("read")
            answer = self.call("GET", self.at(path), expected=frozenset({422}))
            if answer.status == 422:
                # snac's word for a token that it does not know; Mastodon's for one that is an application's.
                raise LockedOut(f"{self.host}: the token is no account's; check it with `tanggap doctor`")
            try:
                self._who = Writer.model_validate(self.document(answer, safe=True, url=self.settings.url))
            except ValidationError as error:
                raise TryAgain(f"{self.host} did not say who we are") from error
        return self._who

    def home(self) -> Server:
        """What the server says of itself. Raises TryAgain where it says nothing."""
        if self._server is None:
            found: Any = None
            for path in ("/api/v2/instance", "/api/v1/instance"):
                found = found or self.asked("GET", path, expected=_NOT_TOLD)
            if not isinstance(found, dict):
                raise TryAgain(f"{self.host} did not say what server it is")
            self._server = _server_in(found, self.host)
        return self._server

    def missing_scopes(self) -> list[str]:
        """What the token's application may not do. Older servers do not tell."""
        path = "/api/v1/apps/verify_credentials"
        found = self.asked("GET", path, expected=_NOT_TOLD)
        told = found.get("scopes") if isinstance(found, dict) else None
        told = told.split() if isinstance(told, str) else told
        if not isinstance(told, list) or not told:
            return []
        needed = {**_SCOPES, **({"read:search": ""} if self.settings.searches else {})}
        return [one for one, other in needed.items() if not {one, one.partition(":")[0], other} & set(map(str, told))]

    def thrown_away(self) -> list[str]:
        """Whose notifications the account's policy drops (Mastodon 4.3); what it only filters is read."""
        found = self.asked("GET", "/api/v2/notifications/policy", expected=_NOT_TOLD)
        spoken = {
            "for_not_following": "people we do not follow",
            "for_not_followers": "people who do not follow us",
            "for_new_accounts": "new accounts",
            "for_private_mentions": "private mentions",
            "for_limited_accounts": "limited accounts",
        }
        return [spoken[key] for key in spoken if isinstance(found, dict) and found.get(key) == "drop"]

    def post_named(self, post_id: str) -> Record | None:
        """A post; None where the server shows none under this id."""
        path = f"/api/v1/statuses/{quote(post_id, safe='')}"
        self.world.meter.take("read")
        answer = self.call("GET", self.at(path), expected=_GONE)
        if answer.status in _GONE:
            return None
        found = self.document(answer, safe=True, url=self.settings.url)
        if not isinstance(found, dict):
            raise TryAgain(f"{self.host} did not show the post")
        return found

    def posts_named(self, post_ids: Sequence[str]) -> dict[str, Record]:
        """Those of these posts that one call shows; older servers know no such call."""
        if len(post_ids) < 2:
            return {}
        self.world.meter.take("read")
        unknown = frozenset({400, 404, 405, 410, 422})
        answer = self.call("GET", self.at("/api/v1/statuses"), expected=unknown, params={"id[]": list(post_ids)})
        if answer.status in unknown or _too_much(answer):
            return {}
        found = self.document(answer, safe=True, url=self.settings.url)
        records = found if isinstance(found, list) else []
        return {name_of(one["id"]): one for one in records if isinstance(one, dict) and isinstance(one.get("id"), str)}

    def answers_to(self, post_id: str) -> list[Any] | None:
        """What was answered to a post, oldest first; None where that cannot be read, so that our own posts can."""
        self.world.meter.take("read")
        path = f"/api/v1/statuses/{quote(post_id, safe='')}/context"
        answer = self.call("GET", self.at(path), expected=_GONE)
        if answer.status in _GONE or _too_much(answer):
            return None
        found = self.document(answer, safe=True, url=self.settings.url)
        below = found.get("descendants") if isinstance(found, dict) else None
        if not isinstance(below, list):
            raise TryAgain(f"{self.host} did not say what was answered there")
        return below

    def looked_up(self, handle: str | None) -> str | None:
        """The id of an account, where the server knows the handle."""
        if not handle:
            return None
        acct = self.home().short(handle)
        found = self.asked("GET", "/api/v1/accounts/lookup", expected=frozenset({404}), params={"acct": acct})
        known = found.get("id") if isinstance(found, dict) else None
        return known if isinstance(known, str) else None

    def is_blocked(self, author_id: str | None) -> bool:
        """Whether they blocked us, where the token may ask (`read:follows`) and the server tells."""
        if author_id is None:
            return False
        params = {"id[]": author_id}
        found = self.asked("GET", "/api/v1/accounts/relationships", expected=_NOT_TOLD, params=params)
        return isinstance(found, list) and any(isinstance(one, dict) and one.get("blocked_by") is True for one in found)

    def asked(self, method: str, path: str, *, expected: frozenset[int] = frozenset(), **request: Any) -> Any:
        """The document that is answered; None where the status is one that is `expected` beside success."""
        self.world.meter.take("read")
        answer = self.call(method, self.at(path), expected=expected, **request)
        if answer.status in expected:
            return None
        return self.document(answer, safe=True, url=self.settings.url)

    def at(self, path: str) -> str:
        """The address of a path there."""
        return self.settings.url + path

    def listed(self, path: str, always: Mapping[str, Any], inside: str | None = None) -> Ask:
        """A way to ask for a list, by its bounds; `inside` is the field that holds it."""

        def ask(bounds: Mapping[str, str]) -> list[Any]:
            for limit in PER_CALL:
                self.world.meter.take("read")
                params = {**always, **bounds, "limit": str(limit)}
                answer = self.call("GET", self.at(path), params=params)
                if not _too_much(answer):
                    break
            found = self.document(answer, safe=True, url=self.settings.url)
            if inside is not None and isinstance(found, dict):
                found = found.get(inside)
            if not isinstance(found, list):
                raise TryAgain(f"{self.host} did not answer with a list")
            return found

        return ask

    def back(
        self, ask: Ask, *, after: str | None = None, since: datetime | None = None, before: str | None = None
    ) -> list[Any]:
        """Back from the newest, or from before `before`, until what is known or too old; oldest first.

        A page may be shorter than what there is, and may be the same again where a server knows no `max_id`: only one
        that brings nothing new is the end. A record without an id comes first: nothing tells where it belongs.
        """
        found: dict[str, Record] = {}
        nameless: list[Any] = []
        while True:
            page = ask({"max_id": before} if before else {})
            nameless += [record for record in page if id_of(record) is None and record not in nameless]
            new = {
                name: record
                for record in page
                if (name := id_of(record)) is not None
                and name not in found
                and (after is None or order_of(name) > order_of(after))
                and not _is_older(record, since)
            }
            if not new:
                return [*nameless, *(found[name] for name in sorted(found, key=order_of))]
            found |= new
            before = min(new, key=order_of)


def id_of(record: Any) -> str | None:
    """The id of a record in a list, where it has one."""
    found = record.get("id") if isinstance(record, dict) else None
    return found if isinstance(found, str) and found else None


def _is_older(record: Record, since: datetime | None) -> bool:
    if since is None:
        return False
    try:
        return datetime.fromisoformat(str(record.get("created_at"))) < since
    except (ValueError, TypeError):
        return False


def _too_much(answer: Answer) -> bool:
    return not answer.whole and len(answer.body) >= ANSWER_BYTES


def _error_in(answer: Answer) -> str:
    try:
        found = json.loads(answer.body)
    except (ValueError, RecursionError):
        return ""
    return str(found.get("error", "")) if isinstance(found, dict) else ""


def _server_in(found: Mapping[str, Any], host: str) -> Server:
    """Version 2 of an instance's description calls it `domain`, version 1 `uri`."""
    domain = found.get("domain") or found.get("uri")
    domain = domain.rpartition("://")[2].strip("/") if isinstance(domain, str) and domain else host
    limits = found.get("configuration")
    limits = limits.get("statuses") if isinstance(limits, dict) else None
    limits = limits if isinstance(limits, dict) else {}
    longest = limits.get("max_characters", found.get("max_toot_chars"))
    link = limits.get("characters_reserved_per_url")
    return Server(
        domain,
        longest if isinstance(longest, int) and longest > 0 else Server.longest,
        link if isinstance(link, int) and link > 0 else Server.link,
        "snac/" in str(found.get("version")),
    )
