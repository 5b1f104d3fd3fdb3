"""How X is asked: our account's settings, its signature, what is to be told of each post, and what an answer costs."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import SecretStr, ValidationError, field_validator, model_validator
from requests_oauthlib import OAuth1

from integrations.channels.base import ChannelError, Checked, TryAgain, Unknown
from integrations.channels.platform import AccountSettings, OfASecret, Platform
from integrations.channels.world import World
from integrations.channels.x_errors import meaning_of
from integrations.channels.x_posts import Beside, Desk, Us, User, raw_of
from integrations.channels.x_walk import Batch
from integrations.http import Answer, host_of

_POST_FIELDS = "created_at,conversation_id,lang,entities,public_metrics,attachments,note_post"
_POST_EXPANSIONS = "author_id,referenced_posts,edit_history_post_ids"
_TWEET_FIELDS = (
    "created_at,conversation_id,lang,entities,public_metrics,attachments,note_tweet,author_id,referenced_tweets,"
    "in_reply_to_user_id"
)
USER_FIELDS = "username,name,verified,public_metrics"
_RIGHTS = "give it `Read and write and Direct message` at console.x.com and make new access tokens"


class XSettings(AccountSettings):
    """One account on X: its app's keys, its own tokens, and what is looked for besides mentions."""

    consumer_key: SecretStr
    consumer_secret: SecretStr
    access_token: SecretStr
    access_token_secret: SecretStr
    bearer: SecretStr | None = None
    """The app's own token: searches and look-ups then use the app's limits."""
    client_secret: SecretStr | None = None
    """The app's OAuth 2.0 secret, where it has one: X signs its calls with it."""
    user_id: str | None = None
    """Our account's number; else it is read from the access token, which begins with it."""
    handle: str | None = None
    """Our account's name; else it is asked for when it is needed."""
    search: str | None = None
    """What is searched for besides mentions, in X's query language."""
    messages: bool = False
    """Whether direct messages are asked for, too; not needed where X calls the gateway."""
    enterprise: bool = False
    """An Enterprise plan: replies are not limited to those who summoned us."""
    vocabulary: Literal["post", "tweet"] = "post"
    """Which of X's two vocabularies is asked in. `tweet`, the older one, brings references along at no extra charge."""
    url: str = "https://api.x.com"

    @field_validator("url")
    @classmethod
    def _web_address(cls, url: str) -> str:
        if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).netloc:
            raise ValueError(f"`{url}` is no address; write it like https://api.x.com")
        return url.rstrip("/")

    @field_validator("handle")
    @classmethod
    def _bare_handle(cls, handle: str | None) -> str | None:
        handle = handle.strip().removeprefix("@") if handle else None
        if handle and not re.fullmatch(r"\w{1,15}", handle):
            raise ValueError(f"`{handle}` is no name of an account on X")
        return handle or None

    @field_validator("search")
    @classmethod
    def _short_query(cls, search: str | None) -> str | None:
        if search and len(search) > 400:
            raise ValueError("a search may have 400 characters: X takes 512, and we leave out mentions and reposts")
        return search.strip() or None if search else None

    @model_validator(mode="after")
    def _numbered(self) -> "XSettings":
        if not self.our_id.isascii() or not self.our_id.isdigit():
            if self.user_id is not None:
                raise ValueError("`user_id` is our account's number")
            raise OfASecret("the access token does not begin with our account's number: set `user_id`")
        return self

    @property
    def our_id(self) -> str:
        """Our account's number."""
        return self.user_id or self.access_token.get_secret_value().partition("-")[0]


@dataclass(frozen=True)
class Found:
    """A record of a list, with what came beside it."""

    kind: str
    """`mention`, `post`, `message`, or `gap` for what could not be read."""
    record: Any
    beside: Beside
    charged: str = ""
    """What it is called in the ledger; nothing where it was not read from X."""


class XAsking(Platform[XSettings]):
    """One account on X, as far as asking goes."""

    settings_type = XSettings

    def __init__(self, name: str, account: str, settings: XSettings, world: World) -> None:
        super().__init__(name, account, settings, world)
        self._us = Us(settings.our_id, settings.handle)
        self._desk = Desk(name, account)
        self._host = host_of(settings.url)

    def check(self) -> Checked:
        """Who we are, and whether our app may write and send messages."""
        try:
            user, level = self._ourselves()
        except ChannelError as error:
            return Checked(False, str(error), "keys and tokens are made at console.x.com (docs/channels/x.md)")
        who = f"@{user.username} ({user.id})"
        if user.id != self._us.id:
            return Checked(False, f"the tokens are those of {who}", f"correct `user_id` ({self._us.id})")
        if level and "write" not in level:
            return Checked(False, f"{who}: our app may only read", _RIGHTS)
        if level and "directmessages" not in level and self.world.private_talk:
            return Checked(False, f"{who}: our app may not send direct messages", _RIGHTS)
        return Checked(True, who)

    def credentials(self) -> Mapping[str, Any]:
        """OAuth 1.0a as our user (RFC 5849, HMAC-SHA1). It signs with this machine's own time, as X demands."""
        settings = self.settings
        return {
            "auth": OAuth1(
                settings.consumer_key.get_secret_value(),
                client_secret=settings.consumer_secret.get_secret_value(),
                resource_owner_key=settings.access_token.get_secret_value(),
                resource_owner_secret=settings.access_token_secret.get_secret_value(),
            )
        }

    def explain(self, answer: Answer, *, safe: bool) -> ChannelError | None:
        """What X's problem types and older codes mean."""
        return meaning_of(answer, self._host)

    def _get(self, path: str, *, what: str, params: Mapping[str, str], as_app: bool = False) -> Answer:
        if as_app and self.settings.bearer is not None:
            headers = {"Authorization": f"Bearer {self.settings.bearer.get_secret_value()}"}
            return self.call(
                "GET", self.settings.url + path, what=what, bare=True, headers=headers, params=dict(params)
            )
        return self.call("GET", self.settings.url + path, what=what, params=dict(params))

    def _asked(self, path: str, *, what: str, params: Mapping[str, str], as_app: bool = False) -> dict[str, Any]:
        """The document that is answered. Raises ChannelError; TryAgain where it is no object."""
        answer = self._get(path, what=what, params=params, as_app=as_app)
        document = self.document(answer, safe=True, url=self.settings.url)
        if not isinstance(document, dict) or not isinstance(document.get("data", []), list | dict):
            raise TryAgain(f"{self._host} answered in a form that is not documented")
        return document

    def _post(self, path: str, what: str, body: Mapping[str, Any]) -> Any:
        return self.ask("POST", self.settings.url + path, what=what, json=dict(body))

    def _sent(self, said: object, name: str) -> str:
        data = said.get("data") if isinstance(said, dict) else None
        found = data.get(name) if isinstance(data, dict) else None
        number = number_in(found)
        if number is not None:
            return number
        raise Unknown(f"{self._host} took the text, but did not say under which number: look there for it")

    @property
    def _wanted(self) -> dict[str, str]:
        """What is to be told of each post."""
        if self.settings.vocabulary == "tweet":
            return {"tweet.fields": _TWEET_FIELDS, "expansions": "author_id", "user.fields": USER_FIELDS}
        return {"post.fields": _POST_FIELDS, "expansions": _POST_EXPANSIONS, "user.fields": USER_FIELDS}

    def _ourselves(self) -> tuple[User, str]:
        """Who X takes us for, and what our app may do (`x-access-level`). Raises ChannelError."""
        answer = self._get("/2/users/me", what="me", params={"user.fields": "username,name"})
        document = self.document(answer, safe=True, url=self.settings.url)
        try:
            user = User.model_validate(document.get("data") if isinstance(document, dict) else None)
        except ValidationError as error:
            raise TryAgain(f"{self._host} did not say who we are") from error
        self.world.meter.spend_once("user_read", [f"user:{user.id}"])
        if user.id == self._us.id and user.username:
            self._us = Us(user.id, user.username)
        return user, answer.headers.get("x-access-level", "").lower()

    def _our_handle(self) -> str:
        """Our account's name, asked for once. Raises ChannelError."""
        handle = self._us.handle or self._ourselves()[0].username
        if handle is None:
            raise TryAgain(f"{self._host} did not say what our account is called; set `handle`")
        return handle

    def _batch(self, document: Mapping[str, Any], kind: str, charged: str) -> Batch:
        beside = Beside.of(document)
        data = document.get("data")
        meta = document.get("meta")
        mark = meta.get("next_token") if isinstance(meta, dict) else None
        records = data if isinstance(data, list) else []
        found = tuple((id_of(one), Found(kind, one, beside, charged)) for one in records)
        return Batch(found, mark if isinstance(mark, str) and mark else None)

    def _spend_on(self, read: Iterable[Found]) -> None:
        """Write down what X charges for: each record, each post that came beside them, each of their authors.

        X charges for the same one once a day (UTC), whatever it is read as (its page on pricing, *Deduplication*).
        """
        charged: dict[str, list[str]] = {}
        for found in read:
            if not found.charged:
                continue
            kind = "message" if found.kind == "message" else "post"
            charged.setdefault(found.charged, []).append(f"{kind}:{id_of(found.record) or raw_of(found.record)!r}")
            others = [found.beside.posts[one] for one in _named_by(found.record) if one in found.beside.posts]
            charged.setdefault("post_read", []).extend(f"post:{one.id}" for one in others)
            authors = [_author_of(found.record), *(one.author_id for one in others)]
            charged.setdefault("user_read", []).extend(f"user:{one}" for one in authors if one in found.beside.users)
        own_kind_first = sorted(charged.items(), key=lambda one: one[0] in ("post_read", "user_read"))
        for what, records in own_kind_first:
            self.world.meter.spend_once(what, records)


def _named_by(record: object) -> set[str]:
    """The posts that one refers to, and its other versions."""
    if not isinstance(record, dict):
        return set()
    lists = [record.get(name) for name in ("referenced_posts", "referenced_tweets")]
    references = [one.get("id") for each in lists if isinstance(each, list) for one in each if isinstance(one, dict)]
    versions = [record.get(name) for name in ("edit_history_post_ids", "edit_history_tweet_ids")]
    ids = [*references, *(one for each in versions if isinstance(each, list) for one in each)]
    return {one for one in ids if isinstance(one, str)}


def _author_of(record: object) -> str | None:
    given = (record.get("author_id") or record.get("sender_id")) if isinstance(record, dict) else None
    return given if isinstance(given, str) else None


def number_in(given: object) -> str | None:
    """An id of X's, if it is one."""
    return given if isinstance(given, str) and re.fullmatch(r"[0-9]{1,19}", given) else None


def id_of(record: object) -> int | None:
    """The id of a record, if it can be read."""
    given = number_in(record.get("id")) if isinstance(record, dict) else None
    return int(given) if given else None
