"""Reads RSS, Atom and RDF out of bytes that were fetched already: entries with plain text, an identity and a time.

The parser never sees what could make it fetch or swell: it is given UTF-8 text without a document type of its own.
"""

import codecs
import hashlib
import io
import json
import re
import sys
import xml.parsers.expat
from calendar import timegm
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from email.utils import parsedate_to_datetime
from html import unescape
from typing import Any
from urllib.parse import urljoin, urlsplit

import feedparser  # type: ignore[import-untyped]

from integrations.intake.fields import EARLIEST, MAX_ID
from integrations.intake.html import text_of
from integrations.intake.text import MAX_TEXT, clean, clean_line, is_blank

MOST_ENTRIES = 2000
"""Of one document; the first ones that stand there count."""
MOST_TO_MEND = 512 * 1024
"""Bytes of a document that is no well-formed XML; a larger one is not read."""
MOST_ELEMENTS = 300_000
MOST_ATTRIBUTES = 200
"""Of one element; a parser that looks through all of them for each takes an hour over a few hundred thousand."""
DEEPEST = 200
"""How deep elements may stand in each other."""
MOST_RAW = 256 * 1024
"""Bytes of one entry's own source that are kept."""
SOON = timedelta(minutes=5)
"""How far ahead of ours another clock may be."""

_ZONES = {"WIB": 7, "WITA": 8, "WIT": 9, "SGT": 8, "MYT": 8, "ICT": 7, "PHT": 8, "JST": 9, "IST": 5.5}
"""Hours east of Greenwich, of names that RFC 5322 does not know."""
_DECLARED = re.compile(r"<\?xml[^>]*?encoding\s*=\s*[\"']([A-Za-z0-9._-]{1,40})[\"']")
_CHARSET = re.compile(r"charset\s*=\s*[\"']?([A-Za-z0-9._-]{1,40})", re.IGNORECASE)
_XML_HEAD = re.compile(r"\s*<\?xml[^>]{0,500}\?>")
_DOCTYPE = re.compile(r"<!DOCTYPE\s[^<>\[]{0,2000}>", re.IGNORECASE)
_FIRST_TAG = re.compile(r"<\w")
_OPENED = re.compile(r"<(item|entry)(?=[\s>])")
_GIVES_UP = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError, AssertionError)
"""What feedparser raises on what it did not expect."""
_CHARACTER = re.compile(r"&#(?:[xX]([0-9a-fA-F]+)|([0-9]+));?")
_TOMBSTONE = re.compile(r"<(?:\w{1,20}:)?deleted-entry\s[^<>]{0,2000}?\bref\s*=\s*(?:\"([^\"<>]*)\"|'([^'<>]*)')")
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


class NoFeed(ValueError):
    """What was fetched cannot be read as a feed; the message ends a sentence that begins with its name."""


@dataclass(frozen=True)
class Entry:
    """One item, article or comment, as its feed tells of it."""

    id: str
    title: str
    body: str
    """Plain text."""
    at: datetime | None
    """In UTC; None where it has no date that can be."""
    author: str | None
    author_url: str | None
    url: str | None
    parent: str | None
    """The id of what it answers."""
    comments_feed: str | None
    """Where its own comments can be read."""
    lang: str | None
    raw: bytes
    warnings: tuple[str, ...]

    @property
    def digest(self) -> bytes:
        """Changes with what a person would read in it."""
        said = json.dumps([self.id, self.title, self.body, self.author, self.url, self.parent])
        return hashlib.sha256(said.encode("utf-8", "surrogatepass")).digest()[:6]


@dataclass(frozen=True)
class Feed:
    """A whole document."""

    title: str
    entries: tuple[Entry, ...]
    removed: tuple[str, ...]
    """The ids of entries that their author took down (RFC 6721)."""


def read_feed(body: bytes, *, url: str, media_type: str, zone: tzinfo | None, now: datetime) -> Feed:
    """The entries of a document in its own order.

    `zone` is the operator's word for dates without one; else the feed's own dates tell, else they are taken as UTC.
    Raises NoFeed.
    """
    text = _harmless(_decoded(body, media_type))
    data = text.encode("utf-8", "replace")
    if not _well_formed(data):
        # Some write an emoji as two halves: the parser would give up the whole feed for one such comment.
        data = _CHARACTER.sub(_one_that_is, text).encode("utf-8", "replace")
        if len(data) > MOST_TO_MEND and not _well_formed(data):
            raise NoFeed("is no well-formed XML, and too large to be read in spite of that")
    try:
        found = feedparser.parse(
            io.BytesIO(data),
            response_headers={"content-type": "application/xml; charset=utf-8"},
            sanitize_html=False,
            resolve_relative_uris=False,
        )
    except _GIVES_UP as error:
        raise NoFeed(f"cannot be read as a feed ({type(error).__name__})") from error
    head: dict[str, Any] = found.get("feed") or {}
    if not found.get("version") and not found.get("entries"):
        page = " (it is a web page; give the address of its feed)" if "<html" in text[:2000].lower() else ""
        raise NoFeed(f"is no RSS, Atom or RDF feed{page}")
    entries = found["entries"]
    sources = _sources_in(text)
    if len(sources) != len(entries):
        sources = []
    dates = _Dates(zone, _own_zone(head, entries), now)
    read = tuple(
        _entry(one, url, head, dates, sources[number] if sources else None)
        for number, one in enumerate(entries[:MOST_ENTRIES])
    )
    removed = tuple(_id_of(unescape(one[1] or one[2] or "")) for one in _TOMBSTONE.finditer(text))
    return Feed(clean_line(str(head.get("title") or ""))[:200], read, tuple(filter(None, removed)))


def _sources_in(text: str) -> list[str]:
    """Each entry as it stands in the document."""
    found: list[str] = []
    at = 0
    while opened := _OPENED.search(text, at):
        end = f"</{opened.group(1)}>"
        at = text.find(end, opened.end())
        if at < 0:
            break
        at += len(end)
        found.append(text[opened.start() : at])
    return found


def _decoded(body: bytes, media_type: str) -> str:
    """The document as text: a byte order mark decides, then the HTTP field, the XML declaration, UTF-8."""
    for mark, codec in _BOMS:
        if body.startswith(mark):
            return body[len(mark) if codec == "utf-8" else 0 :].decode(codec, "replace")
    declared = _DECLARED.match(body[:300].decode("latin-1").lstrip())
    charset = _CHARSET.search(media_type)
    for name in (charset.group(1) if charset else "", declared.group(1) if declared else "", "utf-8"):
        if name and _is_plain(name):
            try:
                return body.decode(name)
            except (UnicodeError, LookupError):
                continue
    return body.decode("windows-1252", "replace")


def _is_plain(codec: str) -> bool:
    """Whether markup looks the same in it as in ASCII, so that nothing can hide from us (UTF-7 can)."""
    sample = b"<!DOCTYPE +ADw-&;~{}"
    try:
        return sample.decode(codec) == sample.decode("ascii")
    except (UnicodeError, LookupError):
        return False


def _harmless(text: str) -> str:
    """The document without its declaration and document type. Raises NoFeed where it brings entities of its own."""
    text = text.lstrip("\ufeff \t\r\n")
    text = _XML_HEAD.sub("", text, count=1)
    at = 0
    while True:
        while text[at : at + 1].isspace():
            at += 1
        opened = next((pair for pair in (("<?", "?>"), ("<!--", "-->")) if text.startswith(pair[0], at)), None)
        if opened is None:
            break
        end = text.find(opened[1], at)
        if end < 0:
            raise NoFeed("is cut off before it begins")
        at = end + len(opened[1])
    if text[at : at + 9].upper() == "<!DOCTYPE":
        plain = _DOCTYPE.match(text, at)
        if plain is None:
            raise NoFeed("declares XML entities of its own, which are not expanded")
        text = text[at:][plain.end() - at :]
    else:
        text = text[at:]
    first = _FIRST_TAG.search(text)
    head = text[: first.start() if first else len(text)].upper()
    if "<!ENTITY" in head or "<!DOCTYPE" in head:
        raise NoFeed("declares XML entities of its own, which are not expanded")
    return '<?xml version="1.0" encoding="utf-8"?>\n' + text


def _well_formed(data: bytes) -> bool:
    """Whether it is XML to its end. Raises NoFeed where it is made to keep us busy."""
    parser = xml.parsers.expat.ParserCreate()
    depth = count = 0

    def opened(name: str, attributes: Mapping[str, str]) -> None:
        nonlocal depth, count
        depth += 1
        count += 1
        if depth > DEEPEST or count > MOST_ELEMENTS:
            raise NoFeed("has too many elements, or too deep ones")
        if len(attributes) > MOST_ATTRIBUTES:
            raise NoFeed(f"has an element with more than {MOST_ATTRIBUTES} attributes")

    def closed(name: str) -> None:
        nonlocal depth
        depth -= 1

    parser.StartElementHandler, parser.EndElementHandler = opened, closed
    try:
        parser.Parse(data, True)
    except xml.parsers.expat.ExpatError:
        return False
    return True


def _one_that_is(reference: re.Match[str]) -> str:
    """A reference by number as it is, or a sign in its place where there is no such character."""
    digits = (reference.group(1) or reference.group(2)).lstrip("0")
    number = int(digits or "0", 16 if reference.group(1) else 10) if len(digits) < 10 else sys.maxsize
    return reference.group() if number <= sys.maxunicode and not 0xD800 <= number < 0xE000 else "\ufffd"


def _entry(one: dict[str, Any], base: str, head: Mapping[str, Any], dates: "_Dates", source: str | None) -> Entry:
    body, lang = _body(one)
    title = _plain(one.get("title_detail") or {"value": one.get("title")})
    link = _web(base, one.get("link"))
    at, said = dates.of(one)
    notes = list(said)
    if len(body) > MAX_TEXT - 1000:
        body = body[: MAX_TEXT - 1000]
        notes.append(f"the text is cut after {MAX_TEXT - 1000:,} characters")
    author = one.get("author_detail") or {}
    name = clean_line(str(author.get("name") or one.get("author") or ""))[:200]
    answered = one.get("thr_in-reply-to") or {}
    identity = _id_of(str(one.get("id") or "")) or _id_of(link or "")
    if identity is None:
        told = json.dumps([title, body, _told(one, "published") or _told(one, "updated"), name])
        identity = "sha256:" + hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()[:40]
        notes.append("the feed gives neither an id nor a link: a changed text counts as another one")
    return Entry(
        id=identity,
        title=clean_line(title)[:1000],
        body=body,
        at=at,
        author=name or None,
        author_url=_web(base, author.get("href")),
        url=link,
        parent=_id_of(str(answered.get("ref") or "")) if isinstance(answered, Mapping) else None,
        comments_feed=_comments_of(one, base),
        lang=_language(lang or head.get("language")),
        raw=(source or json.dumps(one, default=str, ensure_ascii=False)).encode("utf-8", "replace")[:MOST_RAW],
        warnings=tuple(notes),
    )


def _body(one: Mapping[str, Any]) -> tuple[str, str | None]:
    """The longest of what an entry says, as plain text, and its language."""
    parts = [part for part in [*(one.get("content") or ()), one.get("summary_detail")] if isinstance(part, Mapping)]
    texts = [(_plain(part), part.get("language")) for part in parts]
    return max(texts, key=lambda pair: len(pair[0]), default=("", None))


def _plain(part: Mapping[str, Any]) -> str:
    value = str(part.get("value") or "")
    if "html" in str(part.get("type") or "") or "<" in value or "&" in value:
        value = value if part.get("type") == "text/plain" and not _looks_like_html(value) else text_of(value)
    return clean(value).strip()


_TAGS = re.compile(
    r"</?(?:p|br|a|b|i|em|strong|div|span|img|ul|ol|li|blockquote)\b[^<>]{0,500}>|&(?:#\d{2,6}|[a-z]{2,8});"
)


def _looks_like_html(value: str) -> bool:
    """RSS writers put HTML where plain text belongs."""
    return _TAGS.search(value) is not None


def _comments_of(one: dict[str, Any], base: str) -> str | None:
    """The address of an entry's own comments: `wfw:commentRss`, or Atom's `replies` (RFC 4685)."""
    for name in ("wfw_commentrss", "wfw_commentRss"):
        if isinstance(one.get(name), str):
            return _web(base, one[name])
    for link in one.get("links") or ():
        if link.get("rel") == "replies" and "xml" in str(link.get("type") or "xml"):
            return _web(base, link.get("href"))
    return None


def _web(base: str, href: Any) -> str | None:
    """An address of the web, made whole; None for any other."""
    if not isinstance(href, str) or not href.strip():
        return None
    try:
        found = urljoin(base, clean_line(href))
        return found[:2000] if urlsplit(found).scheme in ("http", "https") and urlsplit(found).hostname else None
    except ValueError:
        return None


def _id_of(value: str) -> str | None:
    """An identity as it is, or its hash where it is too long to be one."""
    value = clean_line(value)
    if is_blank(value):
        return None
    if len(value) > MAX_ID - 100:
        return "sha256:" + hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()[:40]
    return value


def _language(value: Any) -> str | None:
    found = re.match(r"[A-Za-z]{2,3}(?=$|[-_])", value.strip()) if isinstance(value, str) else None
    return found.group(0).lower() if found else None


_DATES = ("published", "created", "updated")


def _told(one: dict[str, Any], name: str) -> str:
    """A field as the feed has it: feedparser's own look-up gives one date for another."""
    return str(dict.get(one, name) or "")


class _Dates:
    """When an entry was posted, and what had to be assumed for it."""

    def __init__(self, zone: tzinfo | None, own: tzinfo | None, now: datetime) -> None:
        self._zone = zone
        self._own = own
        self._now = now

    def of(self, one: dict[str, Any]) -> tuple[datetime | None, Iterator[str]]:
        """Its time in UTC, if it can be one, and a sentence for each doubt."""
        name = next((name for name in _DATES if _told(one, name)), None)
        if name is None:
            return None, iter(("the feed gives no date: it counts from when it was first seen",))
        written = clean_line(_told(one, name))
        found = moment_in(written)
        doubts = []
        if found is None:
            parsed = dict.get(one, f"{name}_parsed")
            try:
                found = datetime.fromtimestamp(timegm(parsed), UTC) if parsed else None
            except (TypeError, ValueError, OverflowError):
                found = None
        if found is None:
            return None, iter((f"its date cannot be read ({written[:40]!r}): it counts from when it was first seen",))
        if found.tzinfo is None:
            zone = self._zone or self._own or UTC
            found = found.replace(tzinfo=zone)
            by = "the settings" if self._zone else "the feed's other dates" if self._own else "UTC, for want of better"
            doubts.append(f"its date has no zone: taken as {_offset(found)} ({by})")
        try:
            found = found.astimezone(UTC)
        except (OverflowError, ValueError):
            found = EARLIEST - timedelta(days=1)
        if found < EARLIEST:
            return None, iter((f"its date cannot be ({written[:40]!r}): it counts from when it was first seen",))
        if found > self._now + SOON:
            return None, iter((f"its date lies ahead ({written[:40]!r}): it counts from when it was first seen",))
        return found, iter(doubts)


def moment_in(written: str) -> datetime | None:
    """A date as feeds write it (RFC 5322, ISO 8601); naive where it has no zone; None where it is neither."""
    with_zone = re.fullmatch(r"(.*\S)\s+([A-Z]{3,4})", written)
    if with_zone and with_zone.group(2) in _ZONES:
        hours = _ZONES[with_zone.group(2)]
        written = f"{with_zone.group(1)} +{int(hours):02d}{round(hours % 1 * 60):02d}"
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            return read(written)
        except (ValueError, TypeError, IndexError, OverflowError):
            continue
    return None


def _own_zone(head: dict[str, Any], entries: list[dict[str, Any]]) -> tzinfo | None:
    """The zone of a date in the same document that has one other than UTC, which machines write by themselves."""
    for one in (head, *entries[:50]):
        for name in _DATES:
            found = moment_in(clean_line(_told(one, name)))
            if found is not None and found.utcoffset():
                return found.tzinfo
    return None


def _offset(moment: datetime) -> str:
    return f"UTC{moment:%z}"[:8] if moment.utcoffset() else "UTC"
