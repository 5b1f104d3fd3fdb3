"""Reads what came on Bluesky: notifications, searches, direct messages, each oldest first, with the cursor's parts.

Notifications and searches are listed newest first by the moment that a post's author claims (never later than Bluesky
first saw it). So each look goes a little further back than what is covered, and once an hour by a day; what is known
by its name is not handed over twice.
"""

import json
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from integrations.channels import bluesky_posts as posts
from integrations.channels.base import ChannelError, Never, Page
from integrations.channels.bluesky_api import AT_ONCE, Api, listed
from integrations.channels.bluesky_chat import Chat, sender_of
from integrations.channels.bluesky_session import Session
from integrations.channels.bluesky_walk import Ask, Shown, oldest_first
from integrations.record import Incoming, Item, LeftOut, Metrics, Unreadable

FIRST_LOOK = timedelta(days=7)
OVERLAP = timedelta(hours=1)
DEEP_LOOK = timedelta(days=1)
DEEP_LOOK_EVERY = timedelta(hours=1)
NAMES_KEPT = 5_000
REASONS = ("mention", "reply", "quote")


class Place:
    """How far each list was read: what the cursor says."""

    def __init__(self, until: dict[str, datetime], deep: datetime | None, rev: str | None) -> None:
        self.until = until
        """By search; the empty one are the notifications."""
        self.deep = deep
        self.rev = rev

    @classmethod
    def read(cls, cursor: str | None) -> "Place":
        """The place that a cursor names; the beginning, where it cannot be read."""
        try:
            kept = json.loads(cursor or "")
            until = {str(query): posts.moment(at) for query, at in kept["until"].items()}
            rev = kept.get("rev")
            known = {query: at for query, at in until.items() if at is not None}
            return cls(known, posts.moment(kept.get("deep")), rev if isinstance(rev, str) else None)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return cls({}, None, None)

    def written(self) -> str:
        """As a cursor."""
        kept: dict[str, Any] = {"until": {query: at.isoformat() for query, at in self.until.items()}}
        if self.deep is not None:
            kept["deep"] = self.deep.isoformat()
        if self.rev is not None:
            kept["rev"] = self.rev
        return json.dumps(kept, ensure_ascii=False)


class Reading:
    """Reads for one account."""

    def __init__(self, channel: str, account: str, api: Api, chat: Chat | None, is_ours: Callable[[str], bool]) -> None:
        """Without `chat`, direct messages are left alone."""
        self._channel = channel
        self._account = account
        self._api = api
        self._chat = chat
        self._is_ours = is_ours
        self._handed: OrderedDict[str, None] = OrderedDict()

    def pages(self, cursor: str | None, searches: Sequence[str], me: Session, now: datetime) -> Iterator[Page]:
        """Notifications, then searches, then direct messages."""
        place = Place.read(cursor)
        deep = place.deep is None or not timedelta(0) <= now - place.deep < DEEP_LOOK_EVERY
        for query in ("", *searches):
            yield from self._list(place, query, deep, me, now)
        if deep:
            place.deep = now
            yield Page((), place.written())
        if self._chat is not None:
            yield from self._messages(self._chat, place, me, now)

    # Posts

    def _list(self, place: Place, query: str, deep: bool, me: Session, now: datetime) -> Iterator[Page]:
        covered = place.until.get(query)
        since = now - FIRST_LOOK if covered is None else covered - (DEEP_LOOK if deep else OVERLAP)
        for shown in oldest_first(self._asker(query), posts.shown_at, since):
            fresh = [one for one in shown if not self._is_known(one, covered)]
            moments = [at for one in shown if (at := posts.shown_at(one)) is not None]
            covered = place.until[query] = max([*moments, covered or since])
            if fresh:
                yield Page(tuple(self._items(fresh, query, me, now)), place.written())
                self._remember(fresh)

    def _is_known(self, shown: Shown, covered: datetime | None) -> bool:
        """Whether it was handed over, and stored, before: only what is covered can have been."""
        at = posts.shown_at(shown)
        return covered is not None and at is not None and at <= covered and _name(shown) in self._handed

    def _remember(self, stored: Sequence[Shown]) -> None:
        for one in stored:
            self._handed[_name(one)] = None
        while len(self._handed) > NAMES_KEPT:
            self._handed.popitem(last=False)

    def _asker(self, query: str) -> Ask:
        def ask(at: str | None) -> tuple[list[Shown], str | None]:
            further = {"limit": AT_ONCE, **({"cursor": at} if at else {})}
            if not query:
                said = self._api.get("app.bsky.notification.listNotifications", {"reasons": list(REASONS), **further})
                return listed(said, "notifications")
            said = self._api.get("app.bsky.feed.searchPosts", {"q": query, "sort": "latest", **further}, "search")
            return listed(said, "posts")

        return ask

    def _items(self, shown: Sequence[Shown], query: str, me: Session, now: datetime) -> Iterator[Item]:
        profiles, metrics = self._reach(shown)
        for one in shown:
            why = self._why_not(one, me)
            if why is not None:
                yield LeftOut(self._place_of(one), why, posts.raw_of(one))
                continue
            record = one["record"] if isinstance(one.get("record"), dict) else {}
            speaks_to_us = not query or speaks_to(record, me.did)
            yield self.item(one, now, True if speaks_to_us else None, profiles, metrics.get(str(one.get("uri"))))

    def item(
        self,
        shown: Shown,
        now: datetime,
        addressed: bool | None,
        profiles: Mapping[str, Mapping[str, Any]],
        metrics: Metrics | None,
    ) -> Incoming | Unreadable:
        """One post as the desk's record."""
        return posts.post_of(
            self._channel,
            self._account,
            shown,
            now,
            place=self._place_of(shown),
            addressed=addressed,
            profiles=profiles,
            metrics=metrics,
        )

    def _place_of(self, shown: Shown) -> str:
        return f"{self._channel}:{shown.get('uri')}"[:600]

    def _why_not(self, shown: Shown, me: Session) -> str | None:
        author = shown["author"] if isinstance(shown.get("author"), dict) else {}
        handle = author.get("handle")
        if author.get("did") == me.did or (isinstance(handle, str) and self._is_ours(handle)):
            return "our own post"
        if shown.get("reason", REASONS[0]) not in REASONS:
            return f"no post, but word of another kind ({str(shown['reason'])[:40]})"
        if posts.is_automatic(author):
            return "a program's post: its account says so of itself"
        return None

    def _reach(self, shown: Sequence[Shown]) -> tuple[dict[str, Mapping[str, Any]], dict[str, Metrics]]:
        """Followers and reach, where the platform tells them now; what it does not tell is no reason to wait."""
        dids = [one["author"].get("did") for one in shown if isinstance(one.get("author"), dict)]
        uris = [uri for one in shown if isinstance(uri := one.get("uri"), str)]
        try:
            found = self._api.posts(uris)
            return self._api.profiles(dids), {uri: posts.metrics_of(post) for uri, post in found.items()}
        except ChannelError:
            return {}, {}

    # Direct messages

    def _messages(self, chat: Chat, place: Place, me: Session, now: datetime) -> Iterator[Page]:
        try:
            for said, rev in chat.since(place.rev, now - FIRST_LOOK):
                others = [one for one in said if sender_of(one[1]) != me.did]
                for start in range(0, len(others), AT_ONCE):
                    if start + AT_ONCE >= len(others):
                        place.rev = rev  # Only the last of them covers all.
                    yield Page(tuple(self._said(others[start : start + AT_ONCE], now)), place.written())
                if place.rev != rev:
                    place.rev = rev
                    yield Page((), place.written())
        except Never:
            # The password may not read them; `check` says so, and what is public goes on.
            return

    def _said(self, messages: Sequence[tuple[str, Mapping[str, Any]]], now: datetime) -> Iterator[Item]:
        try:
            profiles = self._api.profiles(sender_of(message) for _, message in messages)
        except ChannelError:
            profiles = {}
        for convo, message in messages:
            place = f"{self._channel}:{convo}:{message.get('id')}"[:600]
            yield posts.message_of(self._channel, self._account, convo, message, now, place=place, profiles=profiles)


def speaks_to(record: Mapping[str, Any], did: str) -> bool:
    """Whether a post mentions or answers this account."""
    parent = posts.parent_of(record)
    return posts.mentions(record, did) or (parent is not None and parent.startswith(f"at://{did}/"))


def _name(shown: Shown) -> str:
    return f"{shown.get('uri')} {shown.get('cid')}"
