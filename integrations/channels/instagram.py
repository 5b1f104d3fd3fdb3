"""An Instagram professional account, linked to a Facebook Page: comments, mentions and direct messages.

Webhooks of the app bring what is new; asking is the safety net. Answers are replies below a comment or mention, one
private reply to a comment within 7 days, and messages within the window. Certainty: `read_back`, since replies and
conversations can be read.

Instagram's threads have two levels: whoever answers our reply stands below the same first comment, and that is what
their `in_reply_to` names. A mention comes as ids alone, and its words are asked for in the next round: `mention:MEDIA`
is one in a caption, `mention:MEDIA:COMMENT` one in a comment. Nothing is deleted, hidden, liked or blocked.
Sources: developers.facebook.com/docs/graph-api/webhooks/reference/instagram, /docs/instagram-platform/
instagram-graph-api/reference (ig-comment/replies, ig-user/mentions, mentioned_comment, mentioned_media),
/docs/messenger-platform/instagram.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from db.words import Visibility
from integrations.channels.base import Never, Outgoing, Seen, Sent, Target, Unknown
from integrations.channels.graph_account import GraphId, PageSettings
from integrations.channels.graph_page import PageChannel, Place
from integrations.channels.graph_reading import Fields, WrongShape, as_bytes, node, stamp
from integrations.channels.graph_round import Watched, one_by_one
from integrations.record import Author, Incoming, Item, LeftOut, Metrics

LONGEST_MESSAGE = 1000
"""Bytes in UTF-8 (docs/messenger-platform/instagram/features/send-message)."""
MENTION_KEPT = timedelta(days=1)
"""How long a mention's words are asked for."""

_ONE = "id,text,timestamp,username,from,user,parent_id,hidden,like_count"
_COMMENT = f"{_ONE},replies.limit(50){{{_ONE}}}"
_WORDLESS = "[A sticker or picture, without words.]"
_NOT_YET = "[We are mentioned there; Instagram has not handed over the words yet.]"
_NUMBERS = re.compile(r"[0-9]{1,60}")
_POST_ADDRESS = re.compile(r"https://www\.instagram\.com/(?:p|reel|tv)/[A-Za-z0-9_-]+/")


class InstagramSettings(PageSettings):
    """One account."""

    instagram_id: GraphId
    username: str | None = None
    """Ours, without the @: what we wrote below others' posts is known by it."""


class InstagramChannel(PageChannel[InstagramSettings]):
    """One account."""

    settings_type = InstagramSettings
    needs = ("instagram_basic", "instagram_manage_comments", "pages_read_engagement", "pages_manage_metadata")
    needs_for_messages = ("instagram_manage_messages",)
    webhook_object = "instagram"
    inbox = "instagram"
    hosts = "Instagram"

    @property
    def own_id(self) -> str:
        """The Instagram account's."""
        return self.settings.instagram_id

    def who(self) -> str:
        """The account's handle."""
        account = self.get(self.own_id, fields="id,username")
        return f"Instagram account @{account.words('username') or self.own_id}"

    def _is_ours(self, row: Fields) -> bool:
        author = row.maybe("from")
        if author is not None and "id" in author.raw and author.id("id") == self.own_id:
            return True
        handle = (author.words("username") if author else "") or row.words("username")
        # Only what our own account wrote has a `user`.
        return row.maybe("user") is not None or (bool(handle) and self._our_handle(handle))

    def _our_handle(self, handle: str) -> bool:
        ours = (self.settings.username or "").lower().lstrip("@")
        return handle.lower() == ours or self.world.is_ours(handle)

    # Webhooks

    def changed(self, field: str, value: Fields, at: datetime | None) -> Iterator[Item]:
        """A comment below our posts, or a mention elsewhere. Raises WrongShape."""
        raw = as_bytes({"field": field, "value": value.raw, "time": at.isoformat() if at else None})
        if field in ("comments", "live_comments"):
            if at is None:
                raise WrongShape("`time` must be a time")
            about = f"comment:{value.text('id')}"
            if self._is_ours(value):
                yield LeftOut(f"{self.name} {about}", "our own comment", raw)
            else:
                yield self._comment(value, at, raw, None)
        elif field == "mentions":
            yield self._mention(value, at, raw)
        else:
            yield LeftOut(f"{self.name} webhook", f"a kind of change that the desk does not read: {field}", raw)

    def _comment(self, row: Fields, at: datetime, raw: bytes, post: str | None) -> Incoming:
        known, parent = row.id("id"), row.words("parent_id")
        return self._incoming(
            f"comment:{known}",
            text=row.words("text") or _WORDLESS,
            at=at,
            author=self._author(row),
            raw=raw,
            url=_address(post, known, parent),
            in_reply_to=f"comment:{parent}" if parent else None,
            metrics=Metrics(likes=row.number("like_count")),
            warnings=("it is hidden on Instagram: nobody can reply to it in public",) if row.raw.get("hidden") else (),
        )

    def _mention(self, value: Fields, at: datetime | None, raw: bytes) -> Incoming:
        """What is known of a mention: where it stands. The next round, or a look at it, brings its words."""
        media = value.id("media_id")
        comment = value.id("comment_id") if value.raw.get("comment_id") else ""
        if at is None:
            raise WrongShape("`time` must be a time")
        if _NUMBERS.fullmatch(f"{media}{comment}"):
            with suppress(OSError):  # without it, a later look brings the words
                self._mentions.mkdir(parents=True, exist_ok=True)
                (self._mentions / "-".join(filter(None, (media, comment)))).touch()
        about = ":".join(filter(None, ("mention", media, comment)))
        return self._incoming(
            about, text=_NOT_YET, at=at, author=None, raw=raw, warnings=("its words are not here yet",)
        )

    @property
    def _mentions(self) -> Path:
        """One empty file for each mention whose words are asked for."""
        return self.world.home / "mentions"

    @staticmethod
    def _author(row: Fields) -> Author | None:
        told = row.maybe("from")
        handle = (told.words("username") if told else "") or row.words("username")
        known = told.id("id") if told is not None and "id" in told.raw else None
        return Author(id=known, handle=handle or None) if known or handle else None

    def _incoming(
        self,
        about: str,
        *,
        text: str,
        at: datetime,
        author: Author | None,
        raw: bytes,
        url: str | None = None,
        in_reply_to: str | None = None,
        metrics: Metrics | None = None,
        warnings: tuple[str, ...] = (),
    ) -> Incoming:
        return Incoming(
            channel=self.name,
            account=self.account,
            external_id=about,
            text=text,
            posted_at=at,
            visibility=Visibility.PUBLIC,
            raw=raw,
            place=f"{self.name} {about}",
            author=author,
            url=url,
            in_reply_to=in_reply_to,
            metrics=metrics,
            addressed=True,
            warnings=warnings,
        )

    # Asking

    def watched(self, since: datetime) -> Iterator[Watched]:
        """Our posts with their comments, and the mentions whose words are missing."""
        now = self.world.clock.now()
        return one_by_one(partial(self._own_media, now), partial(self._asked_again, now))

    def _own_media(self, now: datetime) -> Iterator[Watched]:
        oldest = now - timedelta(days=self.settings.watch_days)
        asked: dict[str, Any] = {"fields": "id,timestamp,permalink,comments_count", "limit": 50, "since": stamp(oldest)}
        for row in self.rows(f"{self.own_id}/media", **asked):
            try:
                if row is None:
                    raise WrongShape("a medium is no object")
                key, at = row.text("id"), row.moment("timestamp")
            except WrongShape as error:
                yield Watched.bad(self.unreadable(f"{self.name} media", error, row.raw if row else None))
                continue
            if at < oldest:
                break  # the newest come first
            # The count alone would miss one comment that came while another one went: so all is read once an hour.
            mark = f"{row.number('comments_count')} {now:%Y-%m-%dT%H}"
            yield Watched(f"post:{key}", mark, partial(self._comments, row))

    def _comments(self, media: Fields, since: datetime) -> Iterator[Item]:
        if media.number("comments_count") == 0:
            return
        where, post = f"{self.name} comment", media.words("permalink") or None
        reader = partial(self._comment_row, post=post, since=since)
        for row in self.rows(f"{node(media.text('id'))}/comments", fields=_COMMENT, limit=50):
            yield from self.read(row, where, reader)
            replies = row.maybe("replies") if row else None
            if row is None or replies is None:
                continue
            if self.following(replies) is None:
                below: Iterator[Fields | None] = replies.rows("data")
            else:
                below = self.rows(f"{node(row.text('id'))}/replies", fields=_ONE, limit=50)
            for reply in below:
                yield from self.read(reply, where, reader)

    def _comment_row(self, row: Fields, post: str | None, since: datetime) -> Item | None:
        at = row.moment("timestamp")
        if at < since:
            return None
        raw = as_bytes({name: value for name, value in row.raw.items() if name != "replies"})
        if self._is_ours(row):
            return LeftOut(f"{self.name} comment:{row.id('id')}", "our own comment", raw)
        return self._comment(row, at, raw, post)

    def _asked_again(self, now: datetime) -> Iterator[Watched]:
        for file in sorted(self._mentions.glob("*")) if self._mentions.is_dir() else ():
            media, _, comment = file.name.partition("-")
            if now.timestamp() - file.stat().st_mtime > MENTION_KEPT.total_seconds():
                file.unlink(missing_ok=True)
                continue
            yield Watched(f"mention:{file.name}", "asked", partial(self._mentioned, media, comment))

    def _mentioned(self, media: str, comment: str, since: datetime) -> Iterator[Item]:
        """A mention with its words; nothing where they are not for us to see."""
        try:
            row = self._mention_now(media, comment)
        except Never:
            return
        about = ":".join(filter(None, ("mention", media, comment)))
        yield from self.read(row, f"{self.name} {about}", partial(self._mention_row, about))

    def _mention_now(self, media: str, comment: str) -> Fields:
        """What Instagram shows of a mention. Raises ChannelError."""
        if comment:
            fields = f"mentioned_comment.comment_id({node(comment)}){{id,text,timestamp,like_count}}"
            found = self.get(self.own_id, fields=fields).maybe("mentioned_comment")
        else:
            inside = "id,caption,timestamp,username,like_count,comments_count"
            fields = f"mentioned_media.media_id({node(media)}){{{inside}}}"
            found = self.get(self.own_id, fields=fields).maybe("mentioned_media")
        if found is None:
            raise Never("Instagram does not show this mention", "not_allowed")
        return found

    def _mention_row(self, about: str, row: Fields) -> Incoming:
        return self._incoming(
            about,
            text=row.words("text") or row.words("caption") or _NOT_YET,
            at=row.moment("timestamp"),
            author=self._author(row),
            raw=as_bytes(row.raw),
            metrics=Metrics(likes=row.number("like_count"), replies=row.number("comments_count")),
        )

    def seen(self, place: Place) -> Seen | None:
        """Words and counts as they are now. Raises ChannelError."""
        if place.kind == "mention":
            media, _, comment = place.id.partition(":")
            try:
                row = self._mention_now(media, comment)
            except Never:
                return None  # comments may be off, or the post private by now: that does not say that it is gone
        else:
            row = self.get(node(place.id), fields="id,text,like_count")
        try:
            text = row.words("text") or row.words("caption")
        except WrongShape:
            return None
        metrics = Metrics(likes=row.number("like_count"), replies=row.number("comments_count"))
        return Seen(f"{place.kind}:{place.id}", True, text or None, metrics)

    # Answering

    def comment(self, out: Outgoing) -> Sent:
        """One reply below the comment, or below the mention. Raises TryAgain, Never or Unknown."""
        place = Place.of(out.target.external_id)
        if place.kind == "mention":
            media, _, comment = place.id.partition(":")
            body = {"media_id": node(media), "message": out.text} | ({"comment_id": node(comment)} if comment else {})
            answered = self.post(f"{self.own_id}/mentions", body, what="post")
        else:
            answered = self.post(f"{node(place.id)}/replies", {"message": out.text}, what="post")
        try:
            known = answered.id("id")
        except WrongShape as error:
            raise Unknown("Instagram took the comment, but does not name it: look there for the text") from error
        return Sent(f"comment:{known}", _address(out.target.url, known, _first(out.target)))

    def own_comments(self, target: Target) -> Iterator[tuple[str, str, datetime, str | None]]:
        """Our replies in the comment's thread, or below a mention. Raises ChannelError, WrongShape."""
        place = Place.of(target.external_id)
        if place.kind == "mention":
            media = place.id.partition(":")[0]
            inside = "id,text,timestamp,username"
            fields = f"mentioned_media.media_id({node(media)}){{comments{{{inside},replies{{{inside}}}}}}}"
            found = self.get(self.own_id, fields=fields).maybe("mentioned_media")
            comments = list(found.rows("comments")) if found else []
            rows: Iterator[Fields | None] = (row for one in comments for row in (one, *one.rows("replies")))
        else:
            rows = self.rows(f"{node(_first(target))}/replies", fields="id,text,timestamp,username,from,user", limit=50)
        for row in rows:
            if row is not None and self._is_ours(row):
                known = row.id("id")
                url = _address(target.url, known, _first(target))
                yield known, row.words("text"), row.moment("timestamp"), url

    def private_recipient(self, target: Target) -> Mapping[str, str] | str:
        """The comment, else the person by the id that Instagram gave them for us."""
        place = Place.of(target.external_id)
        if place.kind == "comment" and place.id:
            return {"comment_id": place.id}
        if place.kind == "mention":
            return "whoever only mentioned us cannot be written to privately on Instagram"
        return {"id": target.author_id} if target.author_id else "nobody knows who wrote it"

    def too_long(self, text: str) -> str | None:
        """Instagram takes 1,000 bytes: letters beyond ASCII count more than once."""
        size = len(text.encode())
        if size <= LONGEST_MESSAGE:
            return None
        return f"an Instagram message takes {LONGEST_MESSAGE} bytes, and the text has {size}"


def _first(target: Target) -> str:
    """The comment that the thread begins with."""
    thread = Place.of(target.thread or target.external_id)
    return thread.id if thread.kind == "comment" else Place.of(target.external_id).id


def _address(post: str | None, comment: str, first: str) -> str | None:
    """Where people find a comment, where the post's own address is known."""
    found = _POST_ADDRESS.match(post or "")
    if found is None:
        return None
    return f"{found.group()}c/{first}/r/{comment}/" if first else f"{found.group()}c/{comment}/"
