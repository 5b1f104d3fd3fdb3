"""A Facebook Page: visitor posts, comments, mentions and Messenger.

Webhooks of the app bring what is new; asking is the safety net. Answers are comments below the customer's words, one
private reply to a comment or visitor post within 7 days, and messages within the window. Certainty: `read_back`, since
the comments below a post and the messages of a conversation can be read. Nothing is deleted, hidden, liked or blocked.
Sources: developers.facebook.com/docs/graph-api/webhooks/reference/page, /docs/graph-api/reference/comment,
/docs/graph-api/reference/page/feed, /docs/messenger-platform.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from db.words import Visibility
from integrations.channels.base import Never, Outgoing, Seen, Sent, Target, Unknown
from integrations.channels.graph_account import PageSettings
from integrations.channels.graph_page import PageChannel, Place
from integrations.channels.graph_reading import Fields, WrongShape, as_bytes, node, stamp
from integrations.channels.graph_round import Watched, mark_of, one_by_one
from integrations.record import Attachment, Author, Incoming, Item, LeftOut, Metrics, Removed

LONGEST_MESSAGE = 2000
"""Characters (docs/messenger-platform/reference/send-api)."""
MOST_PICTURES = 100

_COUNTS = "shares,reactions.limit(0).summary(total_count),comments.limit(0).summary(total_count)"
_POST = f"id,message,created_time,updated_time,from,permalink_url,status_type,{_COUNTS}"
_COMMENT = "id,message,created_time,from,parent{id},permalink_url,is_hidden,like_count,comment_count,attachment"

_POSTS = frozenset({"post", "status", "photo", "video", "link", "share", "album", "note", "mention"})
_SAID = frozenset({"add", "edit", "edited", "update"})
_TAKEN_DOWN = frozenset({"remove", "delete"})


class FacebookSettings(PageSettings):
    """One Page."""


class FacebookChannel(PageChannel[FacebookSettings]):
    """One Page."""

    settings_type = FacebookSettings
    needs = ("pages_read_engagement", "pages_read_user_content", "pages_manage_engagement", "pages_manage_metadata")
    needs_for_messages = ("pages_messaging",)
    webhook_object = "page"
    inbox = "messenger"
    hosts = "Facebook"

    @property
    def own_id(self) -> str:
        """The Page's."""
        return self.settings.page_id

    def who(self) -> str:
        """The Page's name."""
        page = self.get(self.settings.page_id, fields="id,name")
        return f"Facebook Page {page.words('name') or self.settings.page_id}"

    # Webhooks

    def changed(self, field: str, value: Fields, at: datetime | None) -> Iterator[Item]:
        """A post or comment on our Page, or one that mentions it elsewhere. Raises WrongShape."""
        raw = as_bytes({"field": field, "value": value.raw})
        if field not in ("feed", "mention"):
            yield LeftOut(f"{self.name} webhook", f"a kind of change that the desk does not read: {field}", raw)
            return
        item, verb = value.text("item"), value.text("verb")
        if item in ("reaction", "like"):
            return
        about = f"comment:{value.text('comment_id')}" if "comment_id" in value.raw else ""
        if not about and item in _POSTS:
            about = f"post:{value.text('post_id')}"
        where = f"{self.name} {about or 'webhook'}"
        if not about or verb not in _SAID | _TAKEN_DOWN:
            yield LeftOut(where, f"nobody says anything in it: {item}, {verb}", raw)
        elif verb in _TAKEN_DOWN:
            yield Removed(self.name, about, where, raw, self.account)
        else:
            yield self._told(about, field, value, at, raw)

    def _told(self, about: str, field: str, value: Fields, at: datetime | None, raw: bytes) -> Item:
        where = f"{self.name} {about}"
        author = self.author(value.maybe("from"))
        if author is None and "sender_id" in value.raw:
            author = Author(id=value.id("sender_id"), name=value.words("sender_name") or None)
        if author is not None and author.id == self.own_id:
            return LeftOut(where, "our own words", raw)
        text, comment = value.words("message"), about.startswith("comment:")
        if not text and field == "mention":
            text = "[We are mentioned there; Facebook has not handed over the words yet.]"
        if not text and comment:
            text = "[A picture or sticker, without words.]"
        if not text:
            # An album comes as many such; the post itself, with its words, is one record, which a round reads.
            return LeftOut(where, "nothing is said in it; the next round reads the post itself", raw)
        posted = value.moment("created_time") if "created_time" in value.raw else at
        if posted is None:
            raise WrongShape("`created_time` must be a time")
        post = value.maybe("post")
        return self._incoming(
            about,
            text=text,
            at=posted,
            author=author,
            raw=raw,
            url=(post.words("permalink_url") if post and not comment else "") or _address(about),
            in_reply_to=_parent(value) if comment else None,
            attachments=_attached(value),
        )

    def _incoming(
        self,
        about: str,
        *,
        text: str,
        at: datetime,
        author: Author | None,
        raw: bytes,
        url: str | None,
        in_reply_to: str | None,
        metrics: Metrics | None = None,
        attachments: tuple[Attachment, ...] = (),
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
            attachments=attachments,
            warnings=warnings,
        )

    # Asking

    def watched(self, since: datetime) -> Iterator[Watched]:
        """The posts on the Page with their comments, and the posts elsewhere that tag it."""
        return one_by_one(*(partial(self._posts, edge) for edge in ("feed", "tagged")))

    def _posts(self, edge: str) -> Iterator[Watched]:
        now = self.world.clock.now()
        oldest = stamp(now - timedelta(days=self.settings.watch_days))
        asked: dict[str, Any] = {"fields": _POST, "limit": 50, "since": oldest}
        for row in self.rows(f"{self.own_id}/{edge}", **asked):
            try:
                if row is None:
                    raise WrongShape("a post is no object")
                key, mark = row.text("id"), mark_of(row.moment("updated_time"), now, row.total("comments"))
            except WrongShape as error:
                yield Watched.bad(self.unreadable(f"{self.name} {edge}", error, row.raw if row else None))
                continue
            # Below a post that is not on our Page stands what others say to each other.
            yield Watched(f"post:{key}", mark, partial(self._post, row, edge == "feed"))

    def _post(self, row: Fields, with_comments: bool, since: datetime) -> Iterator[Item]:
        yield from self.read(row, f"{self.name} post", partial(self._post_row, since=since))
        if not with_comments or not row.total("comments"):
            return
        asked: dict[str, Any] = {"fields": _COMMENT, "filter": "stream", "order": "chronological", "limit": 100}
        for comment in self.rows(f"{node(row.text('id'))}/comments", since=stamp(since), **asked):
            reader = partial(self._comment_row, post=row.text("id"), since=since)
            yield from self.read(comment, f"{self.name} comment", reader)

    def _post_row(self, row: Fields, since: datetime) -> Item | None:
        about, at = f"post:{row.text('id')}", row.moment("created_time")
        if at < since:
            return None
        author, raw = self.author(row.maybe("from")), as_bytes(row.raw)
        if author is not None and author.id == self.own_id:
            return LeftOut(f"{self.name} {about}", "our own post", raw)
        return self._incoming(
            about,
            text=row.words("message") or "[A picture or link, without words.]",
            at=at,
            author=author,
            raw=raw,
            url=row.words("permalink_url") or _address(about),
            in_reply_to=None,
            metrics=_metrics(row),
        )

    def _comment_row(self, row: Fields, post: str, since: datetime) -> Item | None:
        about, at = f"comment:{row.text('id')}", row.moment("created_time")
        if at < since:
            return None
        author, raw = self.author(row.maybe("from")), as_bytes(row.raw)
        if author is not None and author.id == self.own_id:
            return LeftOut(f"{self.name} {about}", "our own comment", raw)
        parent = row.maybe("parent")
        return self._incoming(
            about,
            text=row.words("message") or "[A picture or sticker, without words.]",
            at=at,
            author=author,
            raw=raw,
            url=row.words("permalink_url") or _address(about),
            in_reply_to=f"comment:{parent.text('id')}" if parent else f"post:{post}",
            metrics=Metrics(likes=row.number("like_count"), replies=row.number("comment_count")),
            attachments=_attached(row),
            warnings=("it is hidden on the Page: only its author and their friends see it",)
            if row.raw.get("is_hidden")
            else (),
        )

    def seen(self, place: Place) -> Seen | None:
        """Words and counts as they are now. Raises ChannelError."""
        if place.kind == "post":
            row = self.get(node(place.id), fields=f"id,message,{_COUNTS}")
            metrics = _metrics(row)
        else:
            row = self.get(node(place.id), fields="id,message,like_count,comment_count")
            metrics = Metrics(likes=row.number("like_count"), replies=row.number("comment_count"))
        try:
            return Seen(f"{place.kind}:{place.id}", True, row.words("message") or None, metrics)
        except WrongShape:
            return None

    # Answering

    def comment(self, out: Outgoing) -> Sent:
        """One comment below the customer's, or beside it. Raises TryAgain, Never or Unknown."""
        below = self._below(out.target)
        answered = self.post(f"{node(below)}/comments", {"message": out.text}, what="post")
        try:
            about = f"comment:{answered.id('id')}"
        except WrongShape as error:
            raise Unknown("Facebook took the comment, but does not name it: look there for the text") from error
        return Sent(about, _address(about))

    def _below(self, target: Target) -> str:
        """Where an answer can stand: Facebook may take none below what is an answer itself, but beside it."""
        own, first = Place.of(target.external_id).id, _first(target)
        if first is None or self.get(node(own), fields="can_comment").raw.get("can_comment") is not False:
            return own
        return first

    def own_comments(self, target: Target) -> Iterator[tuple[str, str, datetime, str | None]]:
        """The Page's comments below what the target names, and beside it. Raises ChannelError, WrongShape."""
        for below in (Place.of(target.external_id).id, _first(target)):
            if below is not None:
                yield from self._own_below(below)

    def _own_below(self, key: str) -> Iterator[tuple[str, str, datetime, str | None]]:
        asked: dict[str, Any] = {
            "fields": "id,message,created_time,from,permalink_url",
            "filter": "stream",
            "limit": 100,
        }
        for row in self.rows(f"{node(key)}/comments", order="reverse_chronological", most=5, **asked):
            author = self.author(row.maybe("from")) if row else None
            if row is not None and author is not None and author.id == self.own_id:
                about = row.text("id")
                url = row.words("permalink_url") or _address(f"comment:{about}")
                yield about, row.words("message"), row.moment("created_time"), url

    def private_recipient(self, target: Target) -> Mapping[str, str] | str:
        """The comment or visitor post, else the person by the id that Messenger gave them."""
        place = Place.of(target.external_id)
        if place.kind == "post" and not place.id.startswith(f"{self.own_id}_"):
            return "whoever wrote about us elsewhere on Facebook cannot be written to privately"
        if place.kind in ("comment", "post") and place.id:
            return {f"{place.kind}_id": place.id}
        return {"id": target.author_id} if target.author_id else "nobody knows who wrote it"

    def too_long(self, text: str) -> str | None:
        """Messenger takes 2,000 characters."""
        if len(text) <= LONGEST_MESSAGE:
            return None
        return f"Messenger takes {LONGEST_MESSAGE} characters, and the text has {len(text)}"


def _attached(given: Fields) -> tuple[Attachment, ...]:
    """What came with a comment or post: noted, never fetched. A call and a list name it in different fields."""
    inside = given.maybe("attachment")
    kinds = [inside.words("type") or "attachment"] if inside else []
    photos = given.raw.get("photos")
    kinds += ["photo"] * (min(len(photos), MOST_PICTURES) if isinstance(photos, list) else bool(given.words("photo")))
    kinds += ["video"] * bool(given.words("video"))
    return tuple(Attachment(kind[:100], kind[:100], 0) for kind in kinds)


def _first(target: Target) -> str | None:
    """The comment that it answers; None where it answers none."""
    own, thread = Place.of(target.external_id), Place.of(target.thread)
    return thread.id if own.kind == thread.kind == "comment" and thread.id not in ("", own.id) else None


def _parent(value: Fields) -> str | None:
    parent, post = value.words("parent_id"), value.words("post_id")
    if parent and parent != post:
        return f"comment:{parent}"
    return f"post:{post}" if post else None


def _metrics(row: Fields) -> Metrics:
    shares = row.maybe("shares")
    return Metrics(
        likes=row.total("reactions"), replies=row.total("comments"), shares=shares.number("count") if shares else None
    )


def _address(about: str) -> str | None:
    """Where people find it: the form that Facebook forwards from."""
    place = Place.of(about)
    try:
        known = node(place.id)
    except Never:
        return None
    post, below, comment = known.partition("_")
    if place.kind == "post":
        return f"https://www.facebook.com/{known}"
    return f"https://www.facebook.com/{post}?comment_id={comment}" if below else f"https://www.facebook.com/{known}"
