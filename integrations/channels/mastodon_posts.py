"""What a post on Mastodon, and on servers that speak its API, says; and how a text of ours is written for them.

Sources: docs.joinmastodon.org (entities Status, Account; posting), Mastodon's `StatusLengthValidator`; snac 2.75
(`mastoapi.c`, `format.c`) for what its own dialect does otherwise.
"""

import html
import json
import mimetypes
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import regex
from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from db.words import Visibility
from integrations.intake.fields import MAX_ID
from integrations.intake.html import text_of
from integrations.intake.text import MAX_TEXT, clean, clean_line, has_control
from integrations.record import Attachment, Metrics

_PUBLIC = frozenset({"public", "unlisted"})
"""`unlisted` is left out of timelines; everybody can read it. Whatever else there is, is for some."""
_SNAC_ID = re.compile(r"[ \d]{10}([0-9a-f]{32})")
_MENTIONS_AT_THE_HEAD = re.compile(r"\s*(?:@[\w.-]+(?:@[\w.-]+(?::\d+)?)?[\s,:]+)+")
_MENTION = re.compile(r"(?<![\w/=])@(\w[\w.-]*(?:@[\w.-]+(?::\d+)?)?)")
_REMOTE_MENTION = re.compile(r"(?<![\w/=@])(@\w[\w.-]*)@[\w.-]+(?::\d+)?")
_LINK = re.compile(r"(?<![\w@])https?://[^\s<>\"']+", re.IGNORECASE)
_KEPT_ON_SNAC = re.compile(r"([a-z]+://\S+|(?<![\w/=@])@\w+(?:@[\w.-]+)?)")
"""Links and mentions: snac must know them again."""
_HEADING = re.compile(r"^#(?=#{0,2} )")
_GRAPHEME = regex.compile(r"\X")
_NOT_A_WORD = re.compile(r"[\W_]+")
_MARKUP = {ord(sign): f"&#{ord(sign)};" for sign in "*`~[:-"}
"""What snac makes bold, code, links and smileys of."""


class _Read(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class Writer(_Read):
    """An account, as far as the desk needs it."""

    id: str
    acct: str
    display_name: str | None = None
    bot: bool | None = None
    followers_count: int | None = None


class Named(_Read):
    """An account that a post mentions."""

    id: str
    acct: str


class Tag(_Read):
    """A hashtag."""

    name: str


class Media(_Read):
    """A picture, film or sound."""

    type: str | None = None
    url: str | None = None
    description: str | None = None

    @property
    def path(self) -> str:
        """That of its address; empty where it has none."""
        try:
            return urlsplit(self.url or "").path
        except ValueError:
            return ""


class Quote(_Read):
    """A post that another one quotes; some servers give its id only."""

    quoted_status: dict[str, Any] | None = None


class Post(_Read):
    """One status."""

    id: str
    account: Writer
    content: str
    created_at: AwareDatetime
    visibility: str
    spoiler_text: str | None = None
    uri: str | None = None
    url: str | None = None
    in_reply_to_id: str | None = None
    in_reply_to_account_id: str | None = None
    language: str | None = None
    mentions: tuple[Named, ...] = ()
    tags: tuple[Tag, ...] = ()
    media_attachments: tuple[Media, ...] = ()
    favourites_count: int | None = None
    reblogs_count: int | None = None
    replies_count: int | None = None
    reblog: dict[str, Any] | None = None
    quote: Quote | None = None

    @property
    def name(self) -> str:
        """What it is called in the desk."""
        return name_of(self.id)

    @property
    def parent(self) -> str | None:
        """What it answers."""
        return name_of(self.in_reply_to_id) if self.in_reply_to_id else None

    @property
    def seen_by(self) -> Visibility:
        """Who can read it."""
        return Visibility.PUBLIC if self.visibility in _PUBLIC else Visibility.PRIVATE

    @property
    def metrics(self) -> Metrics:
        """How far it reached; nobody counts views there."""
        return Metrics(None, self.favourites_count, self.replies_count, self.reblogs_count)

    @property
    def attachments(self) -> tuple[Attachment, ...]:
        """What hangs on it. Its size is not told."""
        return tuple(
            Attachment(
                clean_line(media.description or media.path.rpartition("/")[2])[:200] or "unnamed",
                mimetypes.guess_type(media.path)[0] or clean_line(media.type or "")[:100] or "unknown",
                0,
            )
            for media in self.media_attachments
        )


@dataclass(frozen=True)
class Server:
    """What the server says of itself."""

    domain: str
    """What stands behind the `@` in the handles of its accounts; not always the host that is called."""
    longest: int = 500
    link: int = 23
    """What a link counts, however long it is."""
    is_snac: bool = False
    """snac takes HTML and marks of its own in a text, and says of every post that it is in English."""

    def full(self, acct: str) -> str:
        """The handle with its server: those of its own accounts are told without."""
        return acct if "@" in acct else f"{acct}@{self.domain}"

    def short(self, acct: str) -> str:
        """The handle as it is mentioned there: without the server where that is this one."""
        user, _, domain = acct.lstrip("@").partition("@")
        return user if domain.casefold() in ("", self.domain.casefold()) else f"{user}@{domain}"


def name_of(post_id: str) -> str:
    """The name of a post in the desk: its id on our server.

    snac puts the file's time before the hash that names the post, and an edit changes that time; it reads ids from the
    eleventh character on. So the time is made nothing of.
    """
    found = _SNAC_ID.fullmatch(post_id)
    return f"{'0' * 10}{found[1]}" if found else post_id


def order_of(record_id: str) -> tuple[int, str]:
    """Newer is greater. Ids are numbers on Mastodon, and words of one length that sort on other servers."""
    plain = record_id.lstrip("0 ")
    return len(plain), plain


def read_post(record: object) -> Post:
    """The post in a record. Raises ValueError, with a sentence that says what is wrong with it."""
    if not isinstance(record, Mapping):
        raise ValueError("it is no object")
    inner = record.get("reblog")
    if isinstance(inner, Mapping) and inner.get("id") == record.get("id"):
        # snac wraps a post that somebody boosted into that boost, under the same id.
        record = inner
    try:
        post = Post.model_validate(record)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise ValueError(f"its `{where}` cannot be read: {first['msg']}") from error
    for part in _texts_in(post.model_dump(exclude={"reblog", "quote"})):
        try:
            part.encode()
        except UnicodeEncodeError:
            raise ValueError("it holds half a character, which no database takes") from None
    for name in (post.id, post.account.id, post.in_reply_to_id):
        if name is not None and (not name or len(name) > MAX_ID or has_control(name)):
            raise ValueError("an `id` in it is none")
    return post


def _texts_in(value: object) -> Iterator[str]:
    """Every text in it, however deep."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _texts_in(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts_in(inner)


def raw_of(record: object) -> bytes:
    """The record's JSON."""
    return json.dumps(record).encode()


def words_of(post: Post, us: Writer | None = None, server: Server | None = None) -> str:
    """What a reader sees of it: the content warning as the first line, then the text.

    A mention of us at the head is how a post is addressed there, and is left out; the raw record keeps it. Raises
    ValueError where the text is longer than the desk takes.
    """
    text = clean(text_of(post.content))
    if us is not None and server is not None:
        user = re.escape(server.short(us.acct).partition("@")[0])
        ours = re.compile(rf"(?:@{user}(?:@{re.escape(server.domain)})?(?![\w@]|[.-]\w)[\s,:]*)+", re.IGNORECASE)
        at = ours.match(text)
        text = text[at.end() :] if at and text[at.end() :].strip() else text
    warning = clean_line(post.spoiler_text or "")
    whole = f"{warning}\n{text}" if warning else text
    if len(whole) > MAX_TEXT:
        raise ValueError(f"its text is longer than {MAX_TEXT:,} characters")
    return whole


def others_named(text: str, acct: str, server: Server) -> list[str]:
    """Whom a text names beside that account: each of them would get a private one, too."""
    return [found for found in _named_in(text) if found not in _names_of(acct, server)]


def names(text: str, acct: str, server: Server) -> bool:
    """Whether a text mentions that account, so that it is told of it."""
    return any(found in _names_of(acct, server) for found in _named_in(text))


def body_of(text: str) -> str:
    """A text without the mentions at its head and the white space at its ends: what was approved of it."""
    text = text.replace("\r\n", "\n")
    head = _MENTIONS_AT_THE_HEAD.match(text)
    return (text[head.end() :] if head else text).strip()


def only_words(text: str) -> str:
    """Its letters and digits: what remains of it whatever a server makes of marks."""
    return _NOT_A_WORD.sub(" ", _REMOTE_MENTION.sub(r"\1", body_of(text))).strip()


def length_of(text: str, server: Server) -> int:
    """As Mastodon counts: graphemes; a link by the server's figure; a mention without its server."""
    text = _LINK.sub("x" * server.link, text)
    return sum(1 for _ in _GRAPHEME.finditer(_REMOTE_MENTION.sub(r"\1", text)))


def written_for(server: Server, text: str) -> str:
    """The text as the server takes it, so that readers see it word for word."""
    if not server.is_snac:
        return text
    return "\n".join(_plain_on_snac(line) for line in text.split("\n"))


def _plain_on_snac(line: str) -> str:
    """snac reads HTML and something like Markdown; in entities, its marks are characters like others."""
    parts = _KEPT_ON_SNAC.split(line)
    for at, part in enumerate(parts):
        plain = html.escape(part, quote=False)
        if at % 2 == 0:
            plain = plain.replace("@", "&#64;").replace("__", "&#95;_").translate(_MARKUP)
        parts[at] = plain
    return _HEADING.sub("&#35;", "".join(parts))


def _named_in(text: str) -> list[str]:
    return [found.rstrip(".-").casefold() for found in _MENTION.findall(text)]


def _names_of(acct: str, server: Server) -> tuple[str, str]:
    return server.short(acct).casefold(), server.full(acct.lstrip("@")).casefold()
