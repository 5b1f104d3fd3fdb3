"""Posts and direct messages as X describes them (API v2), read into the desk's words.

X has two vocabularies for the same content, `post` (its OpenAPI specification 2.167) and the older `tweet`, and answers
in either; both are read here. Texts come with HTML entities and t.co links, replies with the handles of those they
answer in front; an edit is a new post whose history begins with the first one, under whose id all of them are known.
"""

import html
import json
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

from pydantic import AliasChoices, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from db.words import Visibility
from integrations.intake.text import MAX_TEXT, clean, clean_line, whole
from integrations.record import Attachment, Author, Incoming, Metrics

PRIVATE_ID = "dm-"
"""What stands before the id of a direct message: posts and messages are numbered apart."""
_BEGINNING_MS = 1_288_834_974_657
"""When X began to count the time in its ids, in milliseconds since 1970; the lowest 22 bits are no time."""
_MEDIA = {"3": "image", "photo": "image", **dict.fromkeys(("7", "13", "16", "video", "animated_gif"), "video")}
"""What stands before the underscore of a media key."""
_HANDLES_IN_FRONT = re.compile(r"^(?:\s*@\w{1,15}\b)+\s*")
_SCHEME = re.compile(r"https?://", re.IGNORECASE)

M = TypeVar("M", bound=BaseModel)
Id = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,19}$")]


def id_at(moment: datetime) -> int:
    """The lowest id that a post of that moment may have."""
    return max(int(moment.timestamp() * 1000) - _BEGINNING_MS, 0) << 22


def moment_of(number: int) -> datetime:
    """When a post with that id was made."""
    return datetime.fromtimestamp(((number >> 22) + _BEGINNING_MS) / 1000, UTC)


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class Link(_Part):
    """A link in a text: what stands there, and where it leads."""

    url: str | None = None
    expanded_url: str | None = None
    display_url: str | None = None
    media_key: str | None = None


class Named(_Part):
    """Somebody named in a text."""

    id: str | None = None
    username: str | None = None


class Entities(_Part):
    """The links and names in a text."""

    urls: list[Link] | None = None
    mentions: list[Named] | None = None


class Note(_Part):
    """The whole of a long post."""

    text: str
    entities: Entities | None = None


class Reference(_Part):
    """Another post that this one answers, quotes or repeats."""

    id: Id
    type: str


class Counts(_Part):
    """How far a post has reached."""

    reply_count: int | None = None
    like_count: int | None = None
    quote_count: int | None = None
    impression_count: int | None = None
    repost_count: int | None = Field(None, validation_alias=AliasChoices("repost_count", "retweet_count"))


class Attached(_Part):
    """Pictures and films of a post."""

    media_keys: list[str] | None = None


class Post(_Part):
    """One version of one post."""

    id: Id
    text: str
    author_id: Id | None = None
    created_at: AwareDatetime | None = None
    lang: str | None = None
    in_reply_to_user_id: str | None = None
    entities: Entities | None = None
    attachments: Attached | None = None
    public_metrics: Counts | None = None
    references: list[Reference] = Field(
        default_factory=list, validation_alias=AliasChoices("references", "referenced_posts", "referenced_tweets")
    )
    history: list[str] = Field(
        default_factory=list,
        validation_alias=AliasChoices("history", "edit_history_post_ids", "edit_history_tweet_ids"),
    )
    note: Note | None = Field(None, validation_alias=AliasChoices("note", "note_post", "note_tweet"))

    @property
    def first_id(self) -> str:
        """The id under which all of its versions are known."""
        return next((one for one in self.history if one.isascii() and one.isdigit()), self.id)

    @property
    def last_id(self) -> str:
        """The id of its newest version, as far as this one knows."""
        return next((one for one in reversed(self.history) if one.isascii() and one.isdigit()), self.id)

    def referring(self, how: str) -> str | None:
        """The id of the post that it answers (`replied_to`), quotes (`quoted`) or repeats (`retweeted`)."""
        return next((one.id for one in self.references if one.type == how), None)

    @property
    def words(self) -> str:
        """Its text as people read it, with links unrolled; the handles that X puts before a reply left out."""
        whole = self.note or self
        text = readable(whole.text, whole.entities)
        return without_handles(text) if self.referring("replied_to") else text

    @property
    def names(self) -> list[Named]:
        """Everybody named in it."""
        parts = (self.entities, self.note.entities if self.note else None)
        return [one for part in parts if part for one in part.mentions or ()]

    @property
    def links(self) -> list[str]:
        """Where its links lead."""
        parts = (self.entities, self.note.entities if self.note else None)
        return [one.expanded_url for part in parts if part for one in part.urls or () if one.expanded_url]

    @property
    def metrics(self) -> Metrics | None:
        """Its reach; quotes count as shares."""
        counts = self.public_metrics
        if counts is None:
            return None
        shares = (counts.repost_count, counts.quote_count)
        return Metrics(
            views=counts.impression_count,
            likes=counts.like_count,
            replies=counts.reply_count,
            shares=None if shares == (None, None) else sum(one or 0 for one in shares),
        )


class Direct(_Part):
    """One direct message."""

    id: Id
    text: str
    sender_id: Id
    created_at: AwareDatetime | None = None
    entities: Entities | None = None


class UserCounts(_Part):
    """How many follow somebody."""

    followers_count: int | None = None


class Badge(_Part):
    """What X shows beside a name."""

    description: str | None = None


class User(_Part):
    """Who wrote something."""

    id: Id
    username: str | None = None
    name: str | None = None
    verified: bool | None = None
    public_metrics: UserCounts | None = None
    affiliation: Badge | None = None

    def as_author(self) -> Author:
        """The same in the desk's words."""
        followers = self.public_metrics.followers_count if self.public_metrics else None
        name = clean_line(whole(self.name or ""))[:200]
        return Author(self.id, self.username, name or None, followers, self.verified)

    @property
    def is_automatic(self) -> bool:
        """Whether X labels it as a bot's account."""
        return self.affiliation is not None and self.affiliation.description == "Automated"


@dataclass(frozen=True)
class Beside:
    """What an answer brings along for its posts: their authors, and the posts that they refer to."""

    users: Mapping[str, User] = field(default_factory=dict)
    posts: Mapping[str, Post] = field(default_factory=dict)

    @classmethod
    def of(cls, answer: Mapping[str, Any]) -> "Beside":
        """Read from `includes`; what cannot be read there is done without."""
        includes = answer.get("includes")
        includes = includes if isinstance(includes, dict) else {}
        users = _readable(User, includes.get("users"))
        posts = _readable(Post, [*_list(includes.get("posts")), *_list(includes.get("tweets"))])
        return cls({one.id: one for one in users}, {one.id: one for one in posts})

    def parent_of(self, post: Post) -> str | None:
        """Under which id the post is known that this one answers."""
        parent = post.referring("replied_to")
        known = self.posts.get(parent) if parent else None
        return known.first_id if known else parent


@dataclass(frozen=True)
class Us:
    """Our account, as far as it is known."""

    id: str
    handle: str | None = None

    def summoned_by(self, post: Post, beside: Beside) -> bool:
        """Whether its author mentioned us or quoted a post of ours: what X asks for before it lets us answer."""
        if any(one.id == self.id or self._is_us(one.username) for one in post.names):
            return True
        if self.handle and re.search(rf"(?<!\w)@{re.escape(self.handle)}\b", post.words, re.IGNORECASE):
            return True
        quoted = post.referring("quoted")
        if quoted is None:
            return False
        there = beside.posts.get(quoted)
        return (there is not None and there.author_id == self.id) or any(
            self._is_us(_owner_of(link, quoted)) for link in post.links
        )

    def spoken_to_by(self, post: Post, beside: Beside) -> bool:
        """Whether it is for us: it summons us, or answers a post of ours."""
        parent = beside.posts.get(post.referring("replied_to") or "")
        ours = self.id in (post.in_reply_to_user_id, parent.author_id if parent else None)
        return ours or self.summoned_by(post, beside)

    def _is_us(self, handle: str | None) -> bool:
        return bool(handle and self.handle) and (handle or "").lower() == (self.handle or "").lower()


@dataclass(frozen=True)
class Desk:
    """Where a record belongs: the channel's name and account."""

    channel: str
    account: str

    def incoming(
        self, post: Post, user: User | None, *, parent: str | None, addressed: bool | None, raw: bytes
    ) -> Incoming:
        """A public post. Raises ValueError where it does not say who wrote it, or when."""
        if post.author_id is None:
            raise ValueError("it names no author")
        return Incoming(
            channel=self.channel,
            external_id=post.first_id,
            text=post.words,
            posted_at=(post.created_at or moment_of(int(post.id))).astimezone(UTC),
            visibility=Visibility.PUBLIC,
            raw=raw,
            place=f"{self.channel}/{self.account}:{post.id}",
            account=self.account,
            author=user.as_author() if user else Author(post.author_id),
            url=url_of(post.first_id, user.username if user else None),
            in_reply_to=parent,
            metrics=post.metrics,
            lang=None if post.lang in (None, "und", "zxx", "qme", "qst") else post.lang,
            addressed=addressed,
            attachments=tuple(
                Attachment(key, _MEDIA.get(key.rpartition("_")[0], "media"), 0)
                for key in (post.attachments.media_keys or () if post.attachments else ())
            ),
        )

    def message(self, direct: Direct, user: User | None, *, raw: bytes) -> Incoming:
        """A direct message."""
        return Incoming(
            channel=self.channel,
            external_id=PRIVATE_ID + direct.id,
            text=readable(direct.text, direct.entities),
            posted_at=(direct.created_at or moment_of(int(direct.id))).astimezone(UTC),
            visibility=Visibility.PRIVATE,
            raw=raw,
            place=f"{self.channel}/{self.account}:{PRIVATE_ID}{direct.id}",
            account=self.account,
            author=user.as_author() if user else Author(direct.sender_id),
            addressed=True,
        )


def url_of(post: str, handle: str | None) -> str:
    """Where a post stands for people; X finds it by its id alone."""
    return f"https://x.com/{handle}/status/{post}" if handle else f"https://x.com/i/web/status/{post}"


def is_private(external_id: str) -> bool:
    """Whether an id is a direct message's."""
    return external_id.startswith(PRIVATE_ID)


def readable(text: str, entities: Entities | None) -> str:
    """A text with its entities decoded and its t.co links unrolled; the link to its own picture is left out."""
    text = html.unescape(text)
    for link in entities.urls or () if entities else ():
        if not link.url or not link.url.startswith("http"):
            continue
        own = bool(link.media_key) or (link.display_url or "").startswith(("pic.x.com/", "pic.twitter.com/"))
        text = text.replace(link.url, "" if own else link.expanded_url or link.url)
    return clean(whole(text)).strip()[:MAX_TEXT]


def without_handles(text: str) -> str:
    """A text without the handles in front of it; all of it where there is nothing else."""
    return _HANDLES_IN_FRONT.sub("", text) or text


def raw_of(record: object) -> bytes:
    """A record as it came."""
    return json.dumps(record, ensure_ascii=False).encode("utf-8", "surrogatepass")


def same_words(ours: str, theirs: str) -> bool:
    """Whether two texts are the same once X has set them: spaces, the scheme of links and their last slash."""
    return _as_set(ours) == _as_set(theirs)


def why_unreadable(error: ValidationError | ValueError) -> str:
    """A sentence on a record that is not of the shape that X documents."""
    if not isinstance(error, ValidationError):
        return f"X sent a record that cannot be read: {error}"
    first = error.errors(include_input=False, include_url=False)[0]
    return f"X sent a record that cannot be read: `{'.'.join(map(str, first['loc']))}`: {first['msg']}"


def _as_set(text: str) -> str:
    words = _SCHEME.sub("", unicodedata.normalize("NFC", text)).split()
    return " ".join(word.rstrip("/") for word in words)


def _owner_of(link: str, post: str) -> str | None:
    """Whose post a link leads to, if it is that one."""
    found = re.fullmatch(rf"https://(?:www\.)?(?:x|twitter)\.com/(\w{{1,15}})/status/{post}(?:[/?#].*)?", link)
    return found[1] if found else None


def _list(given: object) -> list[Any]:
    return given if isinstance(given, list) else []


def _readable(model: type[M], given: object) -> Iterator[M]:
    for one in _list(given):
        try:
            yield model.model_validate(one)
        except ValidationError:
            continue
