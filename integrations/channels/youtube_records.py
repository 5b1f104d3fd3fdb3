"""What YouTube's records say: comments, threads and videos, checked before anything is believed."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import unescape
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from integrations.intake.text import MAX_TEXT, clean, clean_line, shown
from integrations.record import Author, Metrics

WATCH = "https://www.youtube.com/watch"
VIDEO = "video:"
"""Before a video's id, so that it is never taken for a comment's."""

_Name = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[\w.:=-]+$")]
_Count = Annotated[int, Field(ge=0)]


class _Record(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class _ChannelId(_Record):
    value: _Name | None = None


class _CommentSnippet(_Record):
    publishedAt: AwareDatetime  # noqa: N815 - YouTube's names
    updatedAt: AwareDatetime | None = None  # noqa: N815
    textOriginal: str | None = None  # noqa: N815
    textDisplay: str | None = None  # noqa: N815
    parentId: _Name | None = None  # noqa: N815
    videoId: _Name | None = None  # noqa: N815
    authorChannelId: _ChannelId | None = None  # noqa: N815
    authorDisplayName: str | None = None  # noqa: N815
    likeCount: _Count | None = None  # noqa: N815


class Comment(_Record):
    """A comment, or a reply to one."""

    id: _Name
    snippet: _CommentSnippet

    @property
    def posted(self) -> datetime:
        """When it was published."""
        return self.snippet.publishedAt.astimezone(UTC)

    @property
    def changed(self) -> datetime:
        """When it was last edited, else published."""
        return max(self.posted, (self.snippet.updatedAt or self.snippet.publishedAt).astimezone(UTC))

    @property
    def text(self) -> str:
        """Its words. Only their author surely gets them as typed; others get them for display, with HTML's entities."""
        if self.snippet.textOriginal is not None:
            return plain(self.snippet.textOriginal)
        return plain(unescape(self.snippet.textDisplay or ""))

    @property
    def by(self) -> str | None:
        """Its author's channel."""
        return self.snippet.authorChannelId.value if self.snippet.authorChannelId else None

    @property
    def author(self) -> Author:
        """Who wrote it. The display name is the handle, except for old channels without one."""
        name = clean_line(self.snippet.authorDisplayName or "")[:200] or None
        handle = name.removeprefix("@") if name is not None and name.startswith("@") else None
        return Author(id=self.by, handle=handle, name=name)


class _ThreadSnippet(_Record):
    topLevelComment: dict[str, Any]  # noqa: N815
    totalReplyCount: _Count = 0  # noqa: N815
    videoId: _Name | None = None  # noqa: N815


class _Replies(_Record):
    comments: list[Any] = []


class Thread(_Record):
    """A comment with some of the replies to it."""

    id: _Name
    snippet: _ThreadSnippet
    replies: _Replies = _Replies()


class _VideoSnippet(_Record):
    publishedAt: AwareDatetime  # noqa: N815
    channelId: _Name  # noqa: N815
    channelTitle: str = ""  # noqa: N815
    title: str
    description: str = ""


class _Statistics(_Record):
    """YouTube writes these numbers as strings."""

    viewCount: _Count | None = None  # noqa: N815
    likeCount: _Count | None = None  # noqa: N815
    commentCount: _Count | None = None  # noqa: N815


class Video(_Record):
    """A video about us."""

    id: _Name
    snippet: _VideoSnippet
    statistics: _Statistics = _Statistics()

    @property
    def posted(self) -> datetime:
        """When it was published."""
        return self.snippet.publishedAt.astimezone(UTC)

    @property
    def text(self) -> str:
        """Its title and what stands below it."""
        return plain(f"{self.snippet.title}\n{self.snippet.description}")

    @property
    def author(self) -> Author:
        """The channel that published it."""
        return Author(id=self.snippet.channelId, name=clean_line(self.snippet.channelTitle)[:200] or None)

    @property
    def metrics(self) -> Metrics:
        """How far it reached."""
        counts = self.statistics
        return Metrics(views=counts.viewCount, likes=counts.likeCount, replies=counts.commentCount)


@dataclass(frozen=True, slots=True)
class Broken:
    """A record that is not as documented. `name`: its id, or a digest where it has none."""

    name: str
    reason: str
    raw: bytes


def read_comment(record: Any) -> Comment | Broken:
    """A comment, or why it is none."""
    try:
        return Comment.model_validate(record)
    except ValidationError as error:
        return broken(record, error)


def read_thread(record: Any) -> Thread | Broken:
    """A thread, or why it is none."""
    try:
        return Thread.model_validate(record)
    except ValidationError as error:
        return broken(record, error)


def read_video(record: Any) -> Video | Broken:
    """A video, or why it is none."""
    try:
        return Video.model_validate(record)
    except ValidationError as error:
        return broken(record, error)


def broken(record: Any, error: ValidationError) -> Broken:
    """What is wrong with a record, by the field; its words are not repeated."""
    first = error.errors(include_input=False, include_url=False, include_context=False)[0]
    field = ".".join(str(part) for part in first["loc"]) or "the record"
    raw = raw_of(record)
    name = record.get("id") if isinstance(record, Mapping) else None
    if not isinstance(name, str) or not 0 < len(name) <= 200:
        name = hashlib.sha256(raw).hexdigest()[:16]
    return Broken(name, f"{shown(field, 80)}: {shown(first['msg'].lower(), 120)}", raw)


def raw_of(record: Any) -> bytes:
    """The record as it came."""
    return json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


def plain(text: str) -> str:
    """Words without what no screen shows, cut where the desk takes no more."""
    return clean(text.encode("utf-8", "replace").decode()).replace("\r\n", "\n").strip()[:MAX_TEXT]


def same_words(one: str, other: str) -> bool:
    """Whether two texts read the same: a platform may trim and fold white space."""
    return one.split() == other.split()


def answered(comment: Comment, earlier: Sequence[Comment], ours: str) -> str | None:
    """What a reply answers. YouTube names the top comment alone; ours, where its author had been answered before it.

    That is our newest reply before it that came after a word of the same author in this thread.
    """
    for own in sorted((one for one in earlier if one.by == ours), key=lambda one: one.posted, reverse=True):
        if own.posted <= comment.posted and own.id != comment.id:
            asked = (one for one in earlier if one.by == comment.by and one.id != comment.id)
            if comment.by is not None and any(one.posted <= own.posted for one in asked):
                return own.id
    return comment.snippet.parentId


def address(video: str | None, comment: str | None = None) -> str | None:
    """Where it is seen; a comment on the channel itself has no address of its own."""
    if video is None:
        return None
    return f"{WATCH}?v={video}" + (f"&lc={comment}" if comment else "")
