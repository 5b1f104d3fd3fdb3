"""What comes in from X: its lists and calls turned into the desk's records, and what is known of who summoned us."""

import json
import re
import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from pydantic import ValidationError

from integrations.channels.base import Asked, ChannelError, Heard, Never, Page, Seen, Target
from integrations.channels.world import World
from integrations.channels.x_asking import USER_FIELDS, Found, XAsking, XSettings, id_of
from integrations.channels.x_posts import (
    PRIVATE_ID,
    Beside,
    Direct,
    Post,
    User,
    id_at,
    moment_of,
    raw_of,
    why_unreadable,
)
from integrations.channels.x_walk import Batch, Reading, Source, Span
from integrations.channels.x_webhook import (
    Told,
    challenge,
    events_in,
    is_from_x,
    removed_id,
    renewed_message,
    renewed_post,
)
from integrations.intake.text import shown
from integrations.record import Incoming, Item, LeftOut, Removed, Unreadable

SEARCHABLE = timedelta(days=7) - timedelta(hours=2)
"""How far back a search goes, less what a clock may be off (X's page on recent search: seven days)."""
QUIET = timedelta(days=1)
"""So long after it, a search that found nothing need not look at a time again."""
PER_PAGE = 100
MENTION_PAGES = 8
"""X shows the newest 800 mentions."""
SEARCH_PAGES = 10
MESSAGE_PAGES = 15
"""X lets direct messages be asked for fifteen times in fifteen minutes."""
FIRST_MESSAGES = 10
"""So few at first: each one is charged, and most times there is nothing new."""
LOOKED_AT_ONCE = 100
REMEMBERED = 20_000
"""Posts of which it is known whether their authors summoned us."""
FORGOTTEN_AFTER = timedelta(minutes=10)
"""How long a post that was not there is taken for gone without another look."""

Summons = Literal["yes", "no", "gone"]


class XReading(XAsking):
    """One account on X, as far as reading goes."""

    def __init__(self, name: str, account: str, settings: XSettings, world: World) -> None:
        super().__init__(name, account, settings, world)
        self._summons: OrderedDict[str, tuple[Summons, datetime]] = OrderedDict()
        self._lock = threading.Lock()

    def fetch(self, cursor: str | None) -> Iterator[Page]:
        """Mentions, then what the search finds, then direct messages, each oldest first.

        Where more came than is read at once, the newest part of it comes first and the rest behind it.
        """
        reading = Reading.since(cursor, id_at(self.world.clock.now() - SEARCHABLE))
        handed = False
        for source in self._sources():
            for chunk in reading.of(source):
                handed = True
                self._spend_on(chunk)
                yield Page(tuple(self._item(found) for found in chunk), reading.cursor)
        if not handed and reading.cursor != cursor:
            yield Page((), reading.cursor)

    def hear(self, asked: Asked) -> Heard:
        """X's challenge, or events that it signed."""
        consumer = self.settings.consumer_secret.get_secret_value()
        client = self.settings.client_secret.get_secret_value() if self.settings.client_secret else None
        if asked.method == "GET":
            return challenge(asked, client or consumer)
        if not is_from_x(asked, consumer, client):
            return Heard.refuse("the call does not carry X's signature")
        try:
            document = json.loads(asked.body)
        except (ValueError, RecursionError):
            return Heard.refuse("the call is not JSON", 400)
        if not isinstance(document, dict):
            return Heard.refuse("the call is no JSON object", 400)
        items = tuple(self._told(whose, told) for whose, told in events_in(document))
        charged = sum(isinstance(item, Incoming) for item in items)
        if charged:
            self.world.meter.spend("event", charged)
        return Heard(items)

    def posts_of(self, author: Target, since: datetime) -> Iterable[Incoming]:
        """What they posted about us within the last seven days, newest first, by search. Raises ChannelError."""
        who = author.author_id or author.author_handle
        if not who or not re.fullmatch(r"\w{1,19}", who):
            return
        about = f"@{self._our_handle()}" + (f" OR ({self.settings.search})" if self.settings.search else "")
        query = f"from:{who} ({about}) -is:retweet"
        span = Span(max(id_at(since), self._searchable()))
        mark: str | None = None
        for _ in range(SEARCH_PAGES):
            batch = self._search(query, span, mark)
            self._spend_on(found for _, found in batch.records)
            for _, found in batch.records:
                item = self._item(found)
                if isinstance(item, Incoming):
                    yield item
            mark = batch.next
            if mark is None:
                return

    def look_at(self, external_ids: Sequence[str]) -> Iterable[Seen]:
        """The newest version of each post and its reach; what was removed or hidden from us. Raises ChannelError."""
        posts = [one for one in external_ids if one.isascii() and one.isdigit()]
        for at in range(0, len(posts), LOOKED_AT_ONCE):
            yield from self._look(posts[at : at + LOOKED_AT_ONCE])

    # What is asked for

    def _sources(self) -> Iterator[Source]:
        yield Source("mentions", self._mentions, MENTION_PAGES, beyond="older")
        yield Source("older", self._older_mentions, SEARCH_PAGES, open=False)
        if self.settings.search:
            yield Source("search", self._searched, SEARCH_PAGES, quiet_until=self._settled)
        if self.settings.messages:
            yield Source("messages", self._messages, MESSAGE_PAGES, by_page=True)

    def _mentions(self, span: Span, mark: str | None) -> Batch:
        params = {"max_results": str(PER_PAGE), "since_id": str(span.after), **self._wanted}
        if mark:
            params["pagination_token"] = mark
        document = self._asked(f"/2/users/{self._us.id}/mentions", what="mentions", params=params)
        return self._batch(document, "mention", "mention_read")

    def _older_mentions(self, span: Span, mark: str | None) -> Batch:
        """Mentions that X no longer lists, found by search while they are not older than seven days."""
        return self._search(f"@{self._our_handle()} -is:retweet -from:{self._our_handle()}", span, mark, "mention")

    def _searched(self, span: Span, mark: str | None) -> Batch:
        us = self._our_handle()
        try:
            return self._search(f"({self.settings.search}) -is:retweet -from:{us} -@{us}", span, mark)
        except Never as error:
            raise Never(f"{error}; is `search` in channels.yaml right in X's query language?", error.kind) from error

    def _search(self, query: str, span: Span, mark: str | None, kind: str = "post") -> Batch:
        low = max(span.after, self._searchable())
        missed = mark is None and moment_of(low) - moment_of(span.after) > timedelta(minutes=10)
        gap = ((None, Found("gap", (span.after, low), Beside())),) if missed else ()
        if span.before is not None and span.before <= low + 1:
            return Batch(gap, None)
        params = {"query": query, "max_results": str(PER_PAGE), "since_id": str(low), "sort_order": "recency"}
        params |= self._wanted
        if span.before is not None:
            params["until_id"] = str(span.before)
        if mark:
            params["next_token"] = mark
        document = self._asked("/2/tweets/search/recent", what="search", params=params, as_app=True)
        batch = self._batch(document, kind, "post_read")
        return Batch((*gap, *batch.records), batch.next)

    def _searchable(self) -> int:
        return id_at(self.world.clock.now() - SEARCHABLE)

    def _settled(self) -> int:
        """By the day, so that a quiet search does not move its cursor every time."""
        day = int(QUIET.total_seconds())
        then = int((self.world.clock.now() - QUIET).timestamp()) // day * day
        return id_at(datetime.fromtimestamp(then, UTC))

    def _messages(self, span: Span, mark: str | None) -> Batch:
        """X lists direct messages without a beginning: it is read until what is known."""
        params = {
            "max_results": str(PER_PAGE if mark else FIRST_MESSAGES),
            "event_types": "MessageCreate",
            "dm_event.fields": "created_at,entities,event_type,text",
            "expansions": "sender_id",
            "user.fields": USER_FIELDS,
        }
        if mark:
            params["pagination_token"] = mark
        document = self._asked("/2/dm_events", what="dm_read", params=params)
        batch = self._batch(document, "message", "dm_read")
        done = any(one is not None and one <= span.after for one, _ in batch.records)
        return Batch(batch.records, None if done else batch.next)

    # What a record is

    def _item(self, found: Found) -> Item:
        if found.kind == "gap":
            return self._gap(*found.record)
        raw = raw_of(found.record)
        place = f"{self.name}/{self.account}:{id_of(found.record) or '?'}"
        try:
            if found.kind == "message":
                direct = Direct.model_validate(found.record)
                return self._message(direct, found.beside.users.get(direct.sender_id), raw)
            post = Post.model_validate(found.record)
            user = found.beside.users.get(post.author_id or "")
            return self._public(post, user, found.beside, raw, mentioned=found.kind == "mention")
        except ValueError as error:
            return Unreadable(place, why_unreadable(error), raw, self.name)

    def _public(self, post: Post, user: User | None, beside: Beside, raw: bytes, *, mentioned: bool = False) -> Item:
        place = f"{self.name}/{self.account}:{post.id}"
        if post.author_id == self._us.id or (user and user.username and self.world.is_ours(user.username)):
            return LeftOut(place, "a post of our own", raw)
        if post.referring("retweeted"):
            return LeftOut(place, "a repost", raw)
        if user and user.is_automatic:
            return LeftOut(place, "X labels its author as automated", raw)
        summoned = mentioned or self._us.summoned_by(post, beside)
        self._remember(post.first_id, "yes" if summoned else "no", sure=summoned)
        addressed = True if summoned or self._us.spoken_to_by(post, beside) else None
        item = self._desk.incoming(post, user, parent=beside.parent_of(post), addressed=addressed, raw=raw)
        if summoned or not self.settings.enterprise:
            item = replace(item, summoned=summoned)
        return item

    def _message(self, direct: Direct, user: User | None, raw: bytes) -> Item:
        if direct.sender_id == self._us.id or (user and user.username and self.world.is_ours(user.username)):
            return LeftOut(f"{self.name}/{self.account}:{PRIVATE_ID}{direct.id}", "a message of our own", raw)
        return self._desk.message(direct, user, raw=raw)

    def _told(self, whose: str | None, told: Told) -> Item:
        place = f"{self.name}/{self.account}:call"
        try:
            if whose is not None and whose != self._us.id:
                return LeftOut.anothers(place, f"account {shown(whose)}", told.raw)
            match told.kind:
                case "post":
                    beside = Beside.of(told.beside)
                    post = Post.model_validate(told.record)
                    return self._public(post, beside.users.get(post.author_id or ""), beside, told.raw)
                case "old_post":
                    post, author, beside = renewed_post(told.record)
                    return self._public(post, author, beside, told.raw)
                case "message":
                    direct = Direct.model_validate(told.record)
                    return self._message(direct, Beside.of(told.beside).users.get(direct.sender_id), told.raw)
                case "old_message":
                    return self._message(*renewed_message(told.record, told.beside), told.raw)
            gone, owner = removed_id(told.record)
            if owner == self._us.id:
                return LeftOut(f"{self.name}/{self.account}:{gone}", "a post of our own was taken down", told.raw)
            self._remember(gone, "gone")
            return Removed(self.name, gone, f"{self.name}/{self.account}:{gone}", told.raw, self.account)
        except ValueError as error:
            return Unreadable(place, why_unreadable(error), told.raw, self.name)

    def _gap(self, low: int, high: int) -> Unreadable:
        begin, end = moment_of(low), moment_of(high)
        reason = (
            f"X searches only seven days back, so that posts between {begin:%Y-%m-%d %H:%M} and {end:%Y-%m-%d %H:%M} "
            "UTC were not read: look for them on x.com, and import what matters with `tanggap import`"
        )
        note = json.dumps({"not_read": {"after_id": str(low), "before_id": str(high)}}).encode()
        return Unreadable(f"{self.name}/{self.account}:search", reason, note, self.name)

    # Whether we were summoned

    def _summoned(self, post: str) -> Summons | None:
        """What is known of a post, else one look; None where X cannot be asked now."""
        with self._lock:
            known = self._summons.get(post)
        if known and (known[0] != "gone" or self.world.clock.now() - known[1] < FORGOTTEN_AFTER):
            return known[0]
        if self.settings.enterprise:
            return None
        try:
            for _ in self._look([post]):
                pass
        except ChannelError:
            return None
        return self._known(post)

    def _known(self, post: str | None) -> Summons | None:
        with self._lock:
            known = self._summons.get(post or "")
        return known[0] if known else None

    def _remember(self, post: str, what: Summons, *, sure: bool = True) -> None:
        """`sure`: it may take back that somebody did, which another answer of X's may have shown better."""
        with self._lock:
            if not sure and post in self._summons and self._summons[post][0] == "yes":
                return
            self._summons[post] = (what, self.world.clock.now())
            self._summons.move_to_end(post)
            while len(self._summons) > REMEMBERED:
                self._summons.popitem(last=False)

    def _look(self, posts: Sequence[str]) -> Iterator[Seen]:
        """The newest versions of up to a hundred posts."""
        document = self._asked("/2/tweets", what="posts", params={"ids": ",".join(posts), **self._wanted})
        versions, beside = self._versions(document)
        newer = {versions[one].last_id for one in posts if one in versions} - versions.keys()
        if newer:
            params = {"ids": ",".join(sorted(newer)), **self._wanted}
            more, beside_more = self._versions(self._asked("/2/tweets", what="posts", params=params))
            versions |= more
            beside = Beside({**beside.users, **beside_more.users}, {**beside.posts, **beside_more.posts})
        for post in posts:
            asked = versions.get(post)
            if asked is not None:
                newest = versions.get(asked.last_id, asked)
                summoned = self._us.summoned_by(newest, beside)
                self._remember(post, "yes" if summoned else "no", sure=summoned)
                yield Seen(post, text=newest.words, metrics=newest.metrics)
            elif post in _gone_in(document):
                self._remember(post, "gone")
                yield Seen(post, there=False)

    def _newest_version(self, post: str) -> str:
        """The id of a post's newest version; its own where X shows none, or cannot be asked."""
        try:
            versions, _ = self._versions(self._asked("/2/tweets", what="posts", params={"ids": post, **self._wanted}))
        except ChannelError:
            return post
        return versions[post].last_id if post in versions else post

    def _versions(self, document: Mapping[str, Any]) -> tuple[dict[str, Post], Beside]:
        batch, beside = self._batch(document, "post", "post_read"), Beside.of(document)
        self._spend_on(found for _, found in batch.records)
        versions = dict(beside.posts)
        for _, found in batch.records:
            with suppress(ValidationError):
                post = Post.model_validate(found.record)
                versions[post.id] = post
        return versions, beside


def _gone_in(document: Mapping[str, Any]) -> set[str]:
    """Which of the posts that were asked for are not there, or no longer shown to us."""
    errors = document.get("errors")
    gone = ("resource-not-found", "not-authorized-for-resource", "resource-unavailable")
    return {
        str(one.get("resource_id") or one.get("value"))
        for one in (errors if isinstance(errors, list) else [])
        if isinstance(one, dict) and str(one.get("type", "")).endswith(gone)
    }
