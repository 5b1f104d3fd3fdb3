"""Bluesky: mentions, answers and quotes, searches, direct messages (AT Protocol lexicons `app.bsky`, `chat.bsky`).

Certainty is `read_back`. A post's key is made of the delivery's, so a second try cannot make a second post, and asking
for that key tells whether the first arrived. A direct message has no key: there, the conversation is read.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from pydantic import SecretStr, field_validator

from db.words import Visibility
from integrations.channels import bluesky_posts as posts
from integrations.channels.base import (
    NO_PRIVATE_WAY,
    Certainty,
    ChannelError,
    Checked,
    LockedOut,
    Never,
    Outgoing,
    Page,
    Reachable,
    Seen,
    Sent,
    Target,
    TryAgain,
    Unknown,
    within_window,
)
from integrations.channels.bluesky_api import AT_ONCE, Api, listed, meaning_of
from integrations.channels.bluesky_chat import Chat, sender_of
from integrations.channels.bluesky_reading import Reading, speaks_to
from integrations.channels.bluesky_session import Expired, Keeper, Session
from integrations.channels.bluesky_text import MESSAGE, POST, facets_of, must_fit
from integrations.channels.platform import AccountSettings, Platform
from integrations.channels.world import World
from integrations.http import Answer, host_of
from integrations.record import Incoming

LATELY = timedelta(days=2)
"""How far back a direct message of ours is looked for."""
AVAILABLE_FOR = timedelta(minutes=10)
"""How long it is believed that somebody takes direct messages, or not."""
PEOPLE_KEPT = 5_000
FEED_PAGES = 10
CREATE_COSTS = 3
"""Points of a new record (https://docs.bsky.app/docs/advanced-guides/rate-limits)."""

_POST = "app.bsky.feed.post"
_TID = "234567abcdefghijklmnopqrstuvwxyz"
_TID_FROM = 1_672_531_200_000_000
"""Microseconds: the keys of our posts lie in 2023 to 2025, never ahead of any clock."""


class BlueskySettings(AccountSettings):
    """One account."""

    identifier: str
    """Its handle, without `@`, or its DID."""
    password: SecretStr
    """An app password: `xxxx-xxxx-xxxx-xxxx`, with access to direct messages where they are wanted."""
    server: str = "https://bsky.social"
    """Where the account lives; others than Bluesky's own have an address of their own."""
    search: tuple[str, ...] = ()
    """Names that posts are searched for which do not mention us."""
    direct_messages: bool = True
    languages: tuple[str, ...] = ()
    """What our posts are said to be written in, such as `id`."""
    chat_service: str = "did:web:api.bsky.chat#bsky_chat"

    @field_validator("identifier")
    @classmethod
    def _plain(cls, identifier: str) -> str:
        return identifier.removeprefix("@")

    @field_validator("server")
    @classmethod
    def _web_address(cls, server: str) -> str:
        if urlsplit(server).scheme not in ("http", "https") or not urlsplit(server).netloc:
            raise ValueError(f"`{server}` is no address; write it like https://bsky.social")
        return server.rstrip("/")


class BlueskyChannel(Platform[BlueskySettings]):
    """One account."""

    settings_type = BlueskySettings
    certainty = Certainty.READ_BACK

    def __init__(self, name: str, account: str, settings: BlueskySettings, world: World) -> None:
        super().__init__(name, account, settings, world)
        self._api = Api(settings.server, self.ask)
        password = settings.password.get_secret_value()
        self._keeper = Keeper(settings.server, settings.identifier, password, world.home, self._unsigned)
        self._chat = Chat(self._in_chat)
        chat = self._chat if settings.direct_messages else None
        self._reading = Reading(name, account, self._api, chat, world.is_ours)
        self._available: dict[str, tuple[datetime, bool]] = {}
        self._may_chat = False

    # In

    def fetch(self, cursor: str | None) -> Iterator[Page]:
        """Notifications, then searches, then direct messages, each oldest first."""
        me = self._keeper.current()
        yield from self._reading.pages(cursor, self.settings.search, me, self.world.clock.now())

    def posts_of(self, author: Target, since: datetime) -> Iterator[Incoming]:
        """What they posted since then that mentions us, answers us or has one of the names in it, newest first."""
        who = author.author_id or author.author_handle
        if not who:
            return
        me, now, cursor = self._keeper.current(), self.world.clock.now(), None
        for _ in range(FEED_PAGES):
            params = {"actor": who, "filter": "posts_with_replies", "limit": AT_ONCE}
            said = self._api.get("app.bsky.feed.getAuthorFeed", {**params, **({"cursor": cursor} if cursor else {})})
            feed, cursor = listed(said, "feed")
            # A repost has a `reason`: its words are somebody else's.
            shown = [one["post"] for one in feed if isinstance(one.get("post"), dict) and "reason" not in one]
            moments = [at for post in shown if (at := posts.shown_at(post)) is not None]
            for post in shown:
                at = posts.shown_at(post)
                if at is not None and at >= since and self._is_about_us(post, me):
                    found = self._reading.item(post, now, None, {}, posts.metrics_of(post))
                    if isinstance(found, Incoming):
                        yield found
            if cursor is None or not feed or (moments and min(moments) < since):
                return

    def _is_about_us(self, shown: Mapping[str, Any], me: Session) -> bool:
        record = shown["record"] if isinstance(shown.get("record"), dict) else {}
        text = str(record.get("text", "")).casefold()
        return speaks_to(record, me.did) or any(name.casefold() in text for name in (*self.settings.search, me.handle))

    def look_at(self, external_ids: Sequence[str]) -> Iterator[Seen]:
        """Words and reach of posts now; one that its author's repository has no more was taken down."""
        wanted = [uri for uri in external_ids if uri.startswith("at://")]
        found = self._api.posts(wanted)
        for uri in wanted:
            shown = found.get(uri)
            if shown is not None:
                yield _seen(uri, shown)
            elif self._is_gone(uri):
                yield Seen(uri, there=False)

    def _is_gone(self, uri: str) -> bool:
        """Lists also leave out whoever blocked us; the repository tells the two apart."""
        try:
            return self._api.record(uri) is None
        except Never:
            return False

    # Out

    def reply(self, out: Outgoing) -> Sent:
        """Post once, below the post and its thread's root. Raises TryAgain, Never or Unknown."""
        must_fit(out.text, POST, "a post")
        me = self._keeper.current()
        record: dict[str, Any] = {
            "$type": _POST,
            "text": out.text,
            "createdAt": self.world.clock.now().isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "reply": self._below(out.target.external_id or ""),
            **self._facets(out.text),
        }
        if self.settings.languages:
            record["langs"] = list(self.settings.languages)
        body = {"repo": me.did, "collection": _POST, "rkey": rkey_of(out.key), "record": record}
        try:
            said = self._api.post("com.atproto.repo.createRecord", what="points", amount=CREATE_COSTS, json=body)
        except TryAgain:
            raise
        except ChannelError:
            # It stands there already, which servers say in several ways (500 among them), or nobody heard.
            found = self._look_for(out)
            if found is None:
                raise
            return found
        self.world.meter.spend("post")
        uri = said.get("uri") if isinstance(said, dict) else None
        if not isinstance(uri, str) or not uri:
            raise Unknown(f"{host_of(self.settings.server)} took the post, but did not say where it stands")
        return Sent(uri, posts.url_of(uri, me.handle), posts.moment(record["createdAt"]))

    def message_privately(self, out: Outgoing) -> Sent:
        """Send a direct message once. Raises TryAgain, Never or Unknown."""
        must_fit(out.text, MESSAGE, "a direct message")
        convo = self._chat.with_person(self._person(out.target))
        said = self._chat.send(convo, {"text": out.text, **self._facets(out.text)})
        self.world.meter.spend("message")
        number = said.get("id") if isinstance(said, dict) else None
        if not isinstance(number, str) or not number:
            raise Unknown("the chat service took the message, but did not say where it stands")
        return Sent(f"{convo}:{number}", None, posts.moment(said.get("sentAt")))

    def _facets(self, text: str) -> dict[str, Any]:
        facets = facets_of(text, self._api.did_of)
        return {"facets": facets} if facets else {}

    def can_reply(self, target: Target, visibility: Visibility, now: datetime) -> Reachable:
        """Below a post always; privately where they take direct messages from us, which is asked for."""
        if visibility is Visibility.PUBLIC:
            if (target.external_id or "").startswith("at://"):
                return Reachable(ok=True)
            return Reachable(ok=False, why="a direct message can only be answered as one")
        if not (self.settings.direct_messages and self.world.private_talk):
            return NO_PRIVATE_WAY
        try:
            open_ = self._takes_messages(self._person(target), now)
        except Never as error:
            return Reachable(ok=False, why=str(error))
        if not open_:
            return Reachable(ok=False, why="this person takes no direct messages from us")
        return within_window(target, self.world.window, now)

    def find_own(self, out: Outgoing) -> Sent | None:
        """Whether this text stands under its own key, or lately in the conversation."""
        if out.visibility is Visibility.PUBLIC:
            return self._own_post(out)
        me, now = self._keeper.current(), self.world.clock.now()
        convo = self._chat.with_person(self._person(out.target))
        for message in self._chat.latest(convo):
            at = posts.moment(message.get("sentAt"))
            if at is not None and now - at > LATELY:
                return None
            if sender_of(message) == me.did and message.get("text") == out.text:
                return Sent(f"{convo}:{message.get('id')}", None, at)
        return None

    def _look_for(self, out: Outgoing) -> Sent | None:
        try:
            return self._own_post(out)
        except ChannelError:
            return None

    def _own_post(self, out: Outgoing) -> Sent | None:
        me = self._keeper.current()
        uri = f"at://{me.did}/{_POST}/{rkey_of(out.key)}"
        try:
            record = self._api.record(uri)
        except Never as error:
            raise TryAgain(f"{host_of(self.settings.server)} does not tell what stands there: {error}") from None
        if record is None or record.get("text") != out.text or posts.parent_of(record) != out.target.external_id:
            return None
        return Sent(uri, posts.url_of(uri, me.handle), posts.moment(record.get("createdAt")))

    def _below(self, uri: str) -> dict[str, Any]:
        """The references of an answer: what it answers, and the root of the thread."""
        if not uri.startswith("at://"):
            raise Never("it is no post that could be answered in public", "not_allowed")
        shown = self._api.posts([uri]).get(uri)
        if shown is None:
            raise Never("the post is no longer there, or its author has blocked us", "gone")
        author, viewer = shown.get("author"), shown.get("viewer")
        theirs = author.get("viewer") if isinstance(author, dict) else None
        if isinstance(theirs, dict) and (theirs.get("blockedBy") is True or theirs.get("blocking")):
            raise Never("its author has blocked us, or we them", "blocked")
        if isinstance(viewer, dict) and viewer.get("replyDisabled") is True:
            # The server would take such a post, and nobody would be shown it there.
            raise Never("its author lets only others answer there", "not_allowed")
        parent = {"uri": uri, "cid": str(shown.get("cid"))}
        record = shown.get("record")
        above = record.get("reply") if isinstance(record, dict) else None
        root = above.get("root") if isinstance(above, dict) else None
        if not (isinstance(root, dict) and isinstance(root.get("uri"), str) and isinstance(root.get("cid"), str)):
            root = parent
        return {"root": {"uri": root["uri"], "cid": root["cid"]}, "parent": parent}

    def _person(self, target: Target) -> str:
        """Whom a message is for. Raises Never where nobody can tell, TryAgain."""
        who = target.author_id or ""
        if who.startswith("did:"):
            return who
        did = self._api.did_of(target.author_handle) if target.author_handle else None
        if did is None:
            raise Never("it is not known whom to write to", "gone")
        return did

    def _takes_messages(self, did: str, now: datetime) -> bool:
        if not self._may_chat:
            # Whether somebody can be written to is told to any password, also to one that may not write.
            self._chat.may_read()
            self._may_chat = True
        known = self._available.get(did)
        if known is None or not timedelta(0) <= now - known[0] < AVAILABLE_FOR:
            if len(self._available) >= PEOPLE_KEPT:
                self._available.clear()
            known = self._available[did] = (now, self._chat.can_write_to(did))
        return known[1]

    # The server

    def check(self) -> Checked:
        """Who we are, and whether our password may read direct messages."""
        try:
            me = self._keeper.current()
            self._api.get("app.bsky.actor.getProfile", {"actor": me.did})
        except LockedOut as error:
            return Checked(False, str(error), "make a new app password (Settings, Privacy and security, App passwords)")
        except ChannelError as error:
            return Checked(False, str(error))
        if not self.settings.direct_messages:
            return Checked(True, f"we are @{me.handle}")
        try:
            self._chat.may_read()
        except Never as error:
            mend = "make an app password with access to direct messages, or write `direct_messages: false`"
            return Checked(False, f"we are @{me.handle}; direct messages cannot be read: {error}", mend)
        except ChannelError as error:
            return Checked(True, f"we are @{me.handle}; direct messages do not answer now: {error}")
        return Checked(True, f"we are @{me.handle}, with direct messages")

    def call(self, method: str, url: str, *, bare: bool = False, **request: Any) -> Answer:
        """As everywhere, with our session; where it has ended, once more with a new one: nothing was done yet."""
        if bare:
            return super().call(method, url, bare=True, **request)
        session = self._keeper.current()
        try:
            return super().call(method, url, bare=True, **_signed(request, session))
        except Expired:
            session = self._keeper.renew(session)
        try:
            return super().call(method, url, bare=True, **_signed(request, session))
        except Expired as error:
            raise LockedOut(str(error)) from None

    def explain(self, answer: Answer, *, safe: bool) -> ChannelError | None:
        """What the server says in `error` and `message`."""
        return meaning_of(answer, host_of(self.settings.server))

    def _unsigned(self, name: str, **request: Any) -> Any:
        return self.ask("POST", f"{self.settings.server}/xrpc/{name}", bare=True, **request)

    def _in_chat(self, method: str, name: str, **request: Any) -> Any:
        headers = {"atproto-proxy": self.settings.chat_service}
        url = f"{self.settings.server}/xrpc/{name}"
        return self.ask(method, url, headers=headers, what="read" if method == "GET" else "message", **request)


def rkey_of(key: str) -> str:
    """The key of the post of a delivery: a TID, as the lexicon asks for, made of the delivery's key alone."""
    digest = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big")
    number = ((_TID_FROM + (digest >> 18)) << 10) | (digest & 1023)
    return "".join(_TID[(number >> shift) & 31] for shift in range(60, -1, -5))


def _signed(request: Mapping[str, Any], session: Session) -> dict[str, Any]:
    headers = {**(request.get("headers") or {}), "Authorization": f"Bearer {session.access}"}
    return {**request, "headers": headers}


def _seen(uri: str, shown: Mapping[str, Any]) -> Seen:
    record = shown.get("record")
    try:
        text = posts.words_of(record) if isinstance(record, dict) else None
    except posts.Unfit:
        text = None
    return Seen(uri, text=text, metrics=posts.metrics_of(shown))
