"""Reads feeds: blogs, forums, news, letters to the editor, comments. What the gates approved, a person posts there.

A feed repeats what it told before, so the cursor keeps, for each feed, a short digest of every entry that still stands
in it: what is new comes, what was edited comes again under the same id, the rest is passed over. Feeds that fail do
not stop the others; a feed that is gone is told once, as an entry of the quarantine, and by `check` each time.

Certainty is `neither`: nothing is sent from here. Only a person knows what they posted.
"""

import base64
import hashlib
import ipaddress
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from db.words import Visibility
from integrations.channels.base import (
    NO_PRIVATE_WAY,
    ChannelError,
    Checked,
    Never,
    Outgoing,
    Page,
    Reachable,
    Sent,
    Target,
    TryAgain,
)
from integrations.channels.feeds import Entry, NoFeed, read_feed
from integrations.channels.platform import AccountSettings, Platform
from integrations.http import host_of
from integrations.public_http import Fetched, Place, fetch, is_public, place_of
from integrations.record import Author, Incoming, Item, LeftOut, Removed, Unreadable

PAGE = 200
FIRST_LOOK = timedelta(days=7)
"""What is older when a feed is read for the first time is never taken in."""
WHOLE_EVERY = timedelta(hours=1)
"""How often a feed is read although it says that nothing changed: many tell only of new entries so, not of edits."""
PATIENCE_WITH_A_FEED = timedelta(days=1)
"""A feed that cannot be read for so long is told of."""
MOST_REMEMBERED = 500
"""Entries of one feed, the newest; older ones are passed over."""
TALK_ABOUT = timedelta(days=14)
"""How old an entry may be whose own comments are followed."""
MOST_TALKS = 10
"""Entries of one feed whose own comments are followed, the newest."""

_DIGEST = 6
_ACCEPT = "application/atom+xml, application/rss+xml, application/rdf+xml, application/xml;q=0.9, */*;q=0.5"


class FeedSettings(BaseModel):
    """One feed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str
    name: str = Field(min_length=1, max_length=60)
    """Begins the ids of its entries. Feeds of one site share a name, so that its comments find their article."""
    ours: bool = False
    """Our own site: what strangers write there speaks to us."""
    comments: bool = False
    """Its entries are comments: their titles are made by a machine."""
    follow_comments: bool = False
    """Read the feeds of comments that its newest entries name, on the same host."""
    inside: bool = False
    """It stands in our own network, which is never called otherwise."""
    zone: str | None = None
    """Of its dates where they have none, such as Asia/Jakarta."""
    own_authors: tuple[str, ...] = ()
    """Names under which we write there ourselves."""

    @field_validator("url")
    @classmethod
    def _web_address(cls, url: str) -> str:
        try:
            place_of(url)
        except ValueError:
            raise ValueError(f"`{url}` is no address; write it like https://example.org/feed") from None
        if "@" in url.partition("://")[2].partition("/")[0]:
            raise ValueError("a feed's address holds no name and password")
        return url

    @field_validator("zone")
    @classmethod
    def _known_zone(cls, zone: str | None) -> str | None:
        try:
            if zone is not None:
                ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"`{zone}` is no time zone; write it like Asia/Jakarta") from None
        return zone

    @model_validator(mode="after")
    def _on_the_web(self) -> "FeedSettings":
        try:
            address = ipaddress.ip_address(self.place[0])
        except ValueError:
            return self
        if not self.inside and not is_public(address):
            raise ValueError(f"{address} is an address of a private network: if it is yours, write `inside: true`")
        return self

    @property
    def place(self) -> Place:
        """Its host and port."""
        return place_of(self.url)

    @property
    def key(self) -> str:
        """Its name in the cursor."""
        return hashlib.sha256(self.url.encode()).hexdigest()[:10]


class RssSettings(AccountSettings):
    """The feeds of one account."""

    feeds: tuple[FeedSettings, ...] = Field(min_length=1, max_length=50)
    zone: str | None = None
    """Of dates without one, in feeds whose own settings name none."""

    _known_zone = field_validator("zone")(FeedSettings._known_zone.__func__)  # type: ignore[attr-defined]

    @field_validator("feeds")
    @classmethod
    def _once_each(cls, feeds: tuple[FeedSettings, ...]) -> tuple[FeedSettings, ...]:
        urls = [feed.url for feed in feeds]
        twice = next((url for url in urls if urls.count(url) > 1), None)
        if twice is not None:
            raise ValueError(f"`{twice}` stands there twice")
        return feeds


@dataclass
class _Mark:
    """How far one feed has been read: a part of the cursor."""

    since: float
    """Seconds since 1970; older entries are passed over."""
    etag: str = ""
    modified: str = ""
    whole_at: float = 0.0
    seen: tuple[bytes, ...] = ()
    wait_until: float = 0.0
    broken_since: float = 0.0
    told: bool = False
    talks: tuple[tuple[str, str], ...] = ()
    """Feeds of comments that its entries named, each with its entry's id."""

    def as_json(self) -> list[object]:
        seen = base64.b64encode(b"".join(self.seen)).decode()
        rest = [int(self.wait_until), int(self.broken_since), int(self.told), self.talks]
        return [int(self.since), self.etag, self.modified, int(self.whole_at), seen, *rest]

    @classmethod
    def from_json(cls, kept: object) -> "_Mark":
        """Raises ValueError or TypeError where it is none."""
        if not isinstance(kept, list) or len(kept) != 9:
            raise ValueError("no mark")
        digests = base64.b64decode(str(kept[4]), validate=True)
        seen = tuple(digests[at : at + _DIGEST] for at in range(0, len(digests), _DIGEST))
        talks = tuple((str(url), str(parent)) for url, parent in kept[8])
        since, whole, wait, broken = (float(kept[at]) for at in (0, 3, 5, 6))
        return cls(since, str(kept[1]), str(kept[2]), whole, seen, wait, broken, bool(kept[7]), talks)


@dataclass
class _Marks:
    """The cursor: a mark for each feed, by its key."""

    of: dict[str, _Mark] = field(default_factory=dict)

    def written(self) -> str:
        return json.dumps({key: mark.as_json() for key, mark in self.of.items()}, separators=(",", ":"))

    @classmethod
    def read(cls, cursor: str | None) -> "_Marks":
        """What the cursor says; nothing where it is none of ours, so that reading begins anew."""
        try:
            kept = json.loads(cursor or "{}")
            return cls({str(key): _Mark.from_json(mark) for key, mark in kept.items()})
        except (ValueError, TypeError, AttributeError, RecursionError):
            return cls()


class RssChannel(Platform[RssSettings]):
    """Feeds that are read together."""

    settings_type = RssSettings
    manual = True

    def fetch(self, cursor: str | None) -> Iterator[Page]:
        """What is new or edited in each feed, one feed after the other, each oldest first.

        Raises the error of the feeds only where none could be read.
        """
        marks = _Marks.read(cursor)
        failed: list[tuple[FeedSettings, ChannelError]] = []
        for feed in self.settings.feeds:
            try:
                yield from self._read(feed, marks)
                for url, parent in marks.of[feed.key].talks:
                    yield from self._talk(feed, url, parent, marks)
            except ChannelError as error:
                failed.append((feed, error))
        if len(failed) == len(self.settings.feeds):
            raise _together(failed)
        told = [item for feed, error in failed if (item := self._trouble(feed, error, marks)) is not None]
        kept = {feed.key for feed in self.settings.feeds}
        kept |= {self._part(feed, url).key for feed in self.settings.feeds for url, _ in self._talks(feed, marks)}
        marks.of = {key: mark for key, mark in marks.of.items() if key in kept}
        if told or (failed and marks.written() != cursor):
            yield Page(tuple(told), marks.written())

    def reply(self, out: Outgoing) -> Sent:
        """Raises Never: a person posts this one."""
        where = f" at {out.target.url}" if out.target.url else ""
        raise Never(
            f"a person posts this one{where}: post the approved text, then tell with `tanggap posted"
            f" {out.reference} URL`"
        )

    def can_reply(self, target: Target, visibility: Visibility, now: datetime) -> Reachable:
        """In public, by a person; nobody behind a feed can be written to privately."""
        return Reachable(ok=True) if visibility is Visibility.PUBLIC else NO_PRIVATE_WAY

    def find_own(self, out: Outgoing) -> Sent | None:
        """None: nobody but the person knows."""
        return None

    def check(self) -> Checked:
        """Read each feed once: what cannot be read, and what has moved for good."""
        wrong, moved = [], []
        for feed in self.settings.feeds:
            try:
                found = self._get(feed, None)
                self._parsed(feed, found)
            except ChannelError as error:
                wrong.append(f"{feed.name}: {error}")
                continue
            if found.moved_for_good:
                moved.append(f"{feed.name} has moved for good: put {found.url} into channels.yaml")
        count = len(self.settings.feeds)
        said = "; ".join([f"{count - len(wrong)} of {count} feeds can be read", *wrong, *moved])
        mend = "correct the addresses in channels.yaml, or take out what is gone" if wrong else None
        return Checked(not wrong, said, mend)

    def _read(self, feed: FeedSettings, marks: _Marks, parent: str | None = None) -> Iterator[Page]:
        """The pages of one feed; its mark is moved with them. Raises ChannelError."""
        now = self.world.clock.now()
        mark = marks.of.setdefault(feed.key, _Mark(since=(now - FIRST_LOOK).timestamp()))
        left = mark.wait_until - now.timestamp()
        if left > 0:
            raise TryAgain(f"{host_of(feed.url)} asks us to wait", left)
        found = self._get(feed, mark)
        before = replace(mark)
        mark.wait_until = mark.broken_since = 0.0
        mark.told = False
        if found.status == 304:
            return
        entries, removed = self._parsed(feed, found)
        fresh = [one for one in entries if (one.at or now).timestamp() >= mark.since]
        if not (fresh and (fresh[0].at or now) < (fresh[-1].at or now)):
            fresh.reverse()  # Most feeds begin with the newest: so those of the same second stand in their order.
        fresh.sort(key=lambda one: one.at or now)
        fresh = fresh[-MOST_REMEMBERED:]
        if feed.follow_comments and parent is None:
            mark.talks = tuple(self._named(feed, fresh, now))
        known = set(mark.seen)
        new = [one for one in fresh if one.digest not in known]
        items: list[tuple[Item, bytes]] = [(self._item(feed, one, now, parent), one.digest) for one in new]
        for id in removed:
            digest = hashlib.sha256(b"removed " + id.encode("utf-8", "replace")).digest()[:_DIGEST]
            if digest not in known:
                items.append((self._removed(feed, id), digest))
        all_seen = [one.digest for one in fresh]
        all_seen += [hashlib.sha256(b"removed " + id.encode("utf-8", "replace")).digest()[:_DIGEST] for id in removed]
        for at in range(0, len(items), PAGE):
            part = items[at : at + PAGE]
            mark.seen = (*mark.seen, *(digest for _, digest in part))
            if at + PAGE >= len(items):
                self._finish(mark, found, all_seen, now)
            yield Page(tuple(item for item, _ in part), marks.written())
        if not items:
            self._finish(mark, found, all_seen, now)
            if replace(mark, whole_at=before.whole_at) != before:
                yield Page((), marks.written())

    def _finish(self, mark: _Mark, found: Fetched, seen: Sequence[bytes], now: datetime) -> None:
        mark.seen = tuple(dict.fromkeys(seen))[-2 * MOST_REMEMBERED :]
        mark.etag = found.headers.get("ETag", "")[:200]
        mark.modified = found.headers.get("Last-Modified", "")[:60]
        mark.whole_at = now.timestamp()

    def _get(self, feed: FeedSettings, mark: _Mark | None) -> Fetched:
        """The document, or 304. Raises ChannelError."""
        self.world.meter.take("read")
        now = self.world.clock.now()
        headers = {"Accept": _ACCEPT}
        if mark is not None and 0 <= now.timestamp() - mark.whole_at < WHOLE_EVERY.total_seconds():
            if mark.etag:
                headers["If-None-Match"] = mark.etag
            if mark.modified:
                headers["If-Modified-Since"] = mark.modified
        patience = self.world.patience
        return fetch(
            feed.url,
            headers=headers,
            expected=frozenset({304}),
            inside=frozenset({feed.place}) if feed.inside else frozenset(),
            connect=patience.connect,
            silence=patience.read,
            now=self.world.clock.now,
        )

    def _parsed(self, feed: FeedSettings, found: Fetched) -> tuple[tuple[Entry, ...], tuple[str, ...]]:
        zone = feed.zone or self.settings.zone
        try:
            read = read_feed(
                found.body,
                url=found.url,
                media_type=found.headers.get("Content-Type", ""),
                zone=ZoneInfo(zone) if zone else None,
                now=self.world.clock.now(),
            )
        except NoFeed as error:
            raise TryAgain(f"what {host_of(feed.url)} has at the address of {feed.name} {error}") from error
        return read.entries, read.removed

    def _item(self, feed: FeedSettings, one: Entry, now: datetime, parent: str | None) -> Item:
        place = f"{feed.name}: {one.url or one.id}"[:300]
        comment = feed.comments or parent is not None or one.parent is not None
        text = one.body if comment and one.body else _with_title(one)
        if not text:
            return LeftOut(place, "there is nothing to read in it", one.raw)
        if one.author is not None and self._is_us(feed, one.author):
            return LeftOut(place, f"we wrote it ourselves there, as {one.author}", one.raw)
        answered = one.parent or parent
        return Incoming(
            channel=self.name,
            account=self.account,
            external_id=f"{feed.name}/{one.id}",
            text=text,
            posted_at=one.at or now.astimezone(UTC),
            visibility=Visibility.PUBLIC,
            raw=one.raw,
            place=place,
            author=Author(id=one.author_url, name=one.author) if one.author else None,
            url=one.url,
            in_reply_to=f"{feed.name}/{answered}" if answered else None,
            subject=None if comment else one.title or None,
            lang=one.lang,
            addressed=True if feed.ours else None,
            warnings=one.warnings,
        )

    def _removed(self, feed: FeedSettings, id: str) -> Removed:
        raw = json.dumps({"deleted-entry": id}, ensure_ascii=False).encode("utf-8", "replace")
        return Removed(self.name, f"{feed.name}/{id}", f"{feed.name}: {id}"[:300], raw, self.account)

    def _is_us(self, feed: FeedSettings, author: str) -> bool:
        return author.casefold() in {name.casefold() for name in feed.own_authors} or self.world.is_ours(author)

    def _talk(self, feed: FeedSettings, url: str, parent: str, marks: _Marks) -> Iterator[Page]:
        """The comments on one entry. What goes wrong there waits for the next time."""
        try:
            yield from self._read(self._part(feed, url), marks, parent)
        except ChannelError:
            return

    def _named(self, feed: FeedSettings, entries: Sequence[Entry], now: datetime) -> Iterator[tuple[str, str]]:
        """The feeds of comments that the newest entries name, as far as they stand on the feed's own host."""
        young = [one for one in entries if one.comments_feed and (one.at or now) > now - TALK_ABOUT]
        for one in young[-MOST_TALKS:]:
            url = one.comments_feed or ""
            try:
                host, port = place_of(url)
            except ValueError:  # such as a port that there cannot be
                continue
            if len(url) <= 300 and host == feed.place[0] and port in (feed.place[1], 80, 443):
                yield url, one.id

    def _talks(self, feed: FeedSettings, marks: _Marks) -> tuple[tuple[str, str], ...]:
        mark = marks.of.get(feed.key)
        return mark.talks if mark is not None else ()

    def _part(self, feed: FeedSettings, url: str) -> FeedSettings:
        return feed.model_copy(update={"url": url, "comments": True, "follow_comments": False})

    def _trouble(self, feed: FeedSettings, error: ChannelError, marks: _Marks) -> Unreadable | None:
        """Note that a feed fails; one entry for people where it is gone, or has failed for long."""
        now = self.world.clock.now()
        mark = marks.of.setdefault(feed.key, _Mark(since=(now - FIRST_LOOK).timestamp()))
        mark.broken_since = mark.broken_since or now.timestamp()
        if isinstance(error, TryAgain) and error.after is not None:
            mark.wait_until = max(mark.wait_until, now.timestamp() + error.after)
        for_long = now.timestamp() - mark.broken_since >= PATIENCE_WITH_A_FEED.total_seconds()
        if mark.told or not (isinstance(error, Never) or for_long):
            return None
        mark.told = True
        reason = f"the feed {feed.name} cannot be read: {error}. Correct its address in channels.yaml, or take it out"
        return Unreadable(f"{feed.name}: {feed.url}"[:300], reason, feed.url.encode(), self.name)


def _with_title(one: Entry) -> str:
    """Title and text as a reader sees them, the title once."""
    if not one.title or one.body.startswith(one.title.rstrip("….")):
        return one.body or one.title
    return f"{one.title}\n\n{one.body}".strip()


def _together(failed: Sequence[tuple[FeedSettings, ChannelError]]) -> ChannelError:
    """One error for all feeds: the first one's where there is one feed."""
    if len(failed) == 1:
        return failed[0][1]
    waits = [error.after for _, error in failed if isinstance(error, TryAgain) and error.after is not None]
    said = "; ".join(f"{feed.name}: {error}" for feed, error in failed[:5])
    return TryAgain(f"none of {len(failed)} feeds can be read: {said}", min(waits, default=None))
