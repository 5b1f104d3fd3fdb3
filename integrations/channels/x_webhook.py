"""X's calls to our gateway: its challenge, the signature, and the events of both of its products.

The challenge (`GET ?crc_token=…`) is answered with the token's HMAC-SHA256; each POST carries the same of its body
(X's page on webhooks). The secret is the app's OAuth 2.0 client secret where there is one, else its consumer secret.
Events come in two shapes: Account Activity (`tweet_create_events` and others, posts as in version 1.1) and the X
Activity API (`data.event_type`, posts as in version 2, messages as in 1.1).
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from integrations.channels.base import Asked, Heard
from integrations.channels.x_posts import (
    Attached,
    Beside,
    Counts,
    Direct,
    Entities,
    Id,
    Link,
    Named,
    Post,
    Reference,
    User,
    UserCounts,
    raw_of,
)

OAUTH2 = "x-twitter-webhooks-signature-oauth2"
OAUTH1 = "x-twitter-webhooks-signature"
MOST_EVENTS = 1000
"""Of one call; X sends one or few."""

_OURS = frozenset(
    {"post.mention.create", "post.reply.create", "post.quote.create", "post.create", "post.keyword.create"}
)
_DATE = "%a %b %d %H:%M:%S %z %Y"


def signed(secret: str, said: bytes) -> str:
    """How X writes a signature: `sha256=` and the HMAC-SHA256 in base64."""
    return "sha256=" + base64.b64encode(hmac.new(secret.encode(), said, hashlib.sha256).digest()).decode()


def challenge(asked: Asked, secret: str) -> Heard:
    """The answer to X's challenge, by which it knows that the address is ours."""
    token = asked.query.get("crc_token", "")
    if not token or len(token) > 1000:
        return Heard.refuse("X's challenge has no token", 400)
    said = json.dumps({"response_token": signed(secret, token.encode())})
    return Heard(body=said.encode(), media_type="application/json")


def is_from_x(asked: Asked, consumer_secret: str, client_secret: str | None) -> bool:
    """Whether the body was signed with one of our app's secrets."""
    for field, secret in ((OAUTH2, client_secret), (OAUTH1, consumer_secret)):
        given = asked.headers.get(field)
        if given and secret and hmac.compare_digest(signed(secret, asked.body).encode(), given.encode()):
            return True
    return False


class Told:
    """One thing that an event tells: a post, a message, or that a post is gone; `raw` as it came."""

    def __init__(self, kind: str, record: Any, beside: Any, raw: object) -> None:
        self.kind = kind
        """`post`, `message` (version 1.1: `old_post`, `old_message`), `removed`."""
        self.record = record
        self.beside = beside
        self.raw = raw_of(raw)


def events_in(document: Mapping[str, Any]) -> Iterator[tuple[str | None, Told]]:
    """What a call tells, each with the account that it is for; what is none of the desk's business is passed over."""
    data = document.get("data")
    if isinstance(data, dict) and isinstance(data.get("event_type"), str):
        yield from _of_activity(data)
        return
    whose = document.get("for_user_id")
    yield from ((whose if isinstance(whose, str) else None, told) for told in _of_account(document))


def _of_account(document: Mapping[str, Any]) -> Iterator[Told]:
    for one in _events(document, "tweet_create_events"):
        yield Told("old_post", one, None, one)
    for one in _events(document, "direct_message_events"):
        yield Told("old_message", one, document.get("users"), one)
    for one in _events(document, "tweet_delete_events"):
        yield Told("removed", one.get("status") if isinstance(one, dict) else one, None, one)


def _of_activity(data: Mapping[str, Any]) -> Iterator[tuple[str | None, Told]]:
    kind, payload = data["event_type"], data.get("payload")
    if isinstance(payload, dict) and isinstance(payload.get("data"), dict):
        payload = {**payload, **payload["data"]}
    wanted = data.get("filter")
    whose = wanted.get("user_id") if isinstance(wanted, dict) else None
    whose = whose if isinstance(whose, str) else None
    if kind == "dm.received" and isinstance(payload, dict) and "direct_message_events" in payload:
        yield from ((whose, told) for told in _of_account(payload))
    elif kind == "dm.received":
        yield whose, Told("message", payload, data, data)
    elif kind in _OURS:
        yield whose, Told("post", payload, data, data)
    elif kind == "post.delete":
        yield whose, Told("removed", payload, None, data)


def _events(document: Mapping[str, Any], name: str) -> list[Any]:
    given = document.get(name)
    return given[:MOST_EVENTS] if isinstance(given, list) else []


class _Old(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class _OldName(_Old):
    id_str: str | None = None
    screen_name: str | None = None


class _OldMedia(Link):
    id_str: str | None = None
    type: str | None = None


class _OldEntities(_Old):
    urls: list[Link] | None = None
    user_mentions: list[_OldName] | None = None
    media: list[_OldMedia] | None = None

    def renewed(self) -> Entities:
        """The same as version 2 has it; a picture's own link is marked as such."""
        pictures = [one.model_copy(update={"media_key": one.id_str or "media"}) for one in self.media or ()]
        return Entities(
            urls=[*(self.urls or ()), *pictures],
            mentions=[Named(id=one.id_str, username=one.screen_name) for one in self.user_mentions or ()],
        )


class _OldUser(_Old):
    id_str: Id | None = None
    id: Id | None = None
    """Beside a message, its only name."""
    screen_name: str | None = None
    name: str | None = None
    verified: bool | None = None
    followers_count: int | None = None

    @field_validator("id", mode="before")
    @classmethod
    def _in_letters(cls, given: object) -> object:
        return str(given) if isinstance(given, int) else given

    def renewed(self) -> User:
        """The same as version 2 has it."""
        return User(
            id=self.id_str or self.id or "",
            username=self.screen_name,
            name=self.name,
            verified=self.verified,
            public_metrics=UserCounts(followers_count=self.followers_count),
        )


class _OldExtended(_Old):
    full_text: str
    entities: _OldEntities | None = None
    extended_entities: _OldEntities | None = None


class _OldHistory(_Old):
    initial_tweet_id: str | None = None
    edit_tweet_ids: list[str] | None = None


class _OldQuoted(_Old):
    id_str: Id
    user: _OldUser


class _OldPost(_Old):
    id_str: Id
    text: str | None = None
    full_text: str | None = None
    created_at: str | None = None
    lang: str | None = None
    user: _OldUser
    in_reply_to_status_id_str: Id | None = None
    in_reply_to_user_id_str: Id | None = None
    quoted_status_id_str: Id | None = None
    quoted_status: _OldQuoted | None = None
    retweeted_status: _OldQuoted | None = None
    entities: _OldEntities | None = None
    extended_entities: _OldEntities | None = None
    extended_tweet: _OldExtended | None = None
    edit_history: _OldHistory | None = None
    reply_count: int | None = None
    favorite_count: int | None = None
    retweet_count: int | None = None
    quote_count: int | None = None


def renewed_post(given: object) -> tuple[Post, User, Beside]:
    """A post of version 1.1 as version 2 has it. Raises ValidationError or ValueError."""
    old = _OldPost.model_validate(given)
    author = old.user.renewed()
    references = (
        ("replied_to", old.in_reply_to_status_id_str),
        ("quoted", old.quoted_status_id_str or (old.quoted_status.id_str if old.quoted_status else None)),
        ("retweeted", old.retweeted_status.id_str if old.retweeted_status else None),
    )
    whole = old.extended_tweet
    entities = (whole.entities if whole else None) or old.entities or _OldEntities()
    text = whole.full_text if whole else old.full_text or old.text
    if text is None:
        raise ValueError("it has no text")
    more = (whole.extended_entities if whole else None) or old.extended_entities or entities
    history = old.edit_history.edit_tweet_ids or [old.edit_history.initial_tweet_id or ""] if old.edit_history else []
    quoted = old.quoted_status
    beside = Post(id=quoted.id_str, text="", author_id=quoted.user.renewed().id) if quoted else None
    post = Post(
        id=old.id_str,
        text=text,
        author_id=author.id,
        created_at=datetime.strptime(old.created_at, _DATE).astimezone(UTC) if old.created_at else None,
        lang=old.lang,
        in_reply_to_user_id=old.in_reply_to_user_id_str,
        entities=entities.renewed(),
        attachments=Attached(media_keys=[f"{one.type or 'media'}_{one.id_str}" for one in more.media or ()]),
        public_metrics=Counts(
            reply_count=old.reply_count,
            like_count=old.favorite_count,
            quote_count=old.quote_count,
            repost_count=old.retweet_count,
        ),
        references=[Reference(type=how, id=one) for how, one in references if one],
        history=history,
    )
    return post, author, Beside({author.id: author}, {beside.id: beside} if beside else {})


class _OldData(_Old):
    text: str
    entities: _OldEntities | None = None


class _OldCreate(_Old):
    sender_id: Id
    message_data: _OldData


class _OldMessage(_Old):
    id: Id
    type: str
    created_timestamp: str | None = None
    message_create: _OldCreate


def renewed_message(given: object, users: object) -> tuple[Direct, User | None]:
    """A direct message of version 1.1 as version 2 has it. Raises ValidationError or ValueError."""
    old = _OldMessage.model_validate(given)
    data = old.message_create.message_data
    direct = Direct(
        id=old.id,
        text=data.text,
        sender_id=old.message_create.sender_id,
        created_at=datetime.fromtimestamp(int(old.created_timestamp) / 1000, UTC) if old.created_timestamp else None,
        entities=data.entities.renewed() if data.entities else None,
    )
    return direct, _sender(direct.sender_id, users)


def _sender(who: str, users: object) -> User | None:
    """Who wrote it, where the call tells; a name that cannot be read is done without."""
    found = users.get(who) if isinstance(users, dict) else None
    if isinstance(found, dict) and isinstance(found.get("data"), dict):
        found = found["data"]
    try:
        return _OldUser.model_validate({"id": who, **found}).renewed() if isinstance(found, dict) else None
    except ValidationError:
        return None


def removed_id(given: object) -> tuple[str, str | None]:
    """Which post is gone, and whose it was. Raises ValueError."""
    if not isinstance(given, dict):
        raise ValueError("it names no post")
    gone = given.get("id") or given.get("id_str")
    if not isinstance(gone, str) or not gone.isascii() or not gone.isdigit():
        raise ValueError("it names no post")
    whose = given.get("user_id") or given.get("author_id")
    return gone, whose if isinstance(whose, str) else None
