"""Posts and messages of Bluesky as the desk's records. No network."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from db.words import Visibility
from integrations.intake.fields import wrong_text, wrong_time
from integrations.intake.text import clean, clean_line, has_control, has_half, is_blank, line_of
from integrations.record import Attachment, Author, Incoming, Metrics, Unreadable

LONGEST_ID = 512


class Unfit(ValueError):
    """A record that is not as its lexicon says; the text says what."""


def post_of(
    channel: str,
    account: str,
    shown: Mapping[str, Any],
    now: datetime,
    *,
    place: str,
    addressed: bool | None,
    profiles: Mapping[str, Mapping[str, Any]],
    metrics: Metrics | None,
) -> Incoming | Unreadable:
    """A post as a notification or a search shows it: `uri`, `author`, `record`, `indexedAt`."""
    raw = raw_of(shown)
    try:
        record, author = _object(shown, "record"), _object(shown, "author")
        uri = _text(shown, "uri")
        did = _text(author, "did")
        text = words_of(record)
        wrong = wrong_text(text)
        posted_at = shown_at(shown)
        if posted_at is None:
            raise Unfit("`indexedAt` is no moment with a zone")
        wrong = wrong or wrong_time(posted_at, now, "indexedAt")
        if wrong:
            raise Unfit(wrong)
        return Incoming(
            channel=channel,
            account=account,
            external_id=uri,
            text=text,
            posted_at=posted_at,
            visibility=Visibility.PUBLIC,
            raw=raw,
            place=place,
            author=author_of({**author, **profiles.get(did, {})}),
            url=url_of(uri, author.get("handle")),
            in_reply_to=parent_of(record),
            metrics=metrics,
            lang=_language(record),
            addressed=addressed,
            attachments=tuple(_pictures(record)),
        )
    except Unfit as error:
        return Unreadable(place, f"{error}; see the lexicon app.bsky.feed.post", raw, channel)


def message_of(
    channel: str,
    account: str,
    convo: str,
    message: Mapping[str, Any],
    now: datetime,
    *,
    place: str,
    profiles: Mapping[str, Mapping[str, Any]],
) -> Incoming | Unreadable:
    """A direct message."""
    raw = raw_of({"convoId": convo, "message": message})
    try:
        did = _text(_object(message, "sender"), "did")
        text = clean(_text(message, "text", longest=None))
        posted_at = moment(message.get("sentAt"))
        if posted_at is None:
            raise Unfit("`sentAt` is no moment with a zone")
        wrong = wrong_text(text) or wrong_time(posted_at, now, "sentAt")
        if wrong:
            raise Unfit(wrong)
        return Incoming(
            channel=channel,
            account=account,
            external_id=f"{convo}:{_text(message, 'id')}",
            text=text,
            posted_at=posted_at,
            visibility=Visibility.PRIVATE,
            raw=raw,
            place=place,
            author=author_of({"did": did, **profiles.get(did, {})}),
            addressed=True,
        )
    except Unfit as error:
        return Unreadable(place, f"{error}; see the lexicon chat.bsky.convo.defs", raw, channel)


def raw_of(record: object) -> bytes:
    """The record's JSON."""
    return json.dumps(record).encode()


def words_of(record: Mapping[str, Any]) -> str:
    """What is said; before it, on a line of its own, what its author warns of (self-labels)."""
    text = clean(_text(record, "text", longest=None, empty=True))
    if is_blank(text):
        text = "[picture]" if any(_pictures(record)) else text
    labels = record.get("labels")
    values = labels.get("values") if isinstance(labels, dict) else None
    warned = [
        clean_line(one["val"])[:128]
        for one in (values if isinstance(values, list) else [])
        if isinstance(one, dict) and isinstance(one.get("val"), str) and not has_half(one["val"])
    ]
    return f"[{', '.join(warned)}]\n{text}" if warned else text


def parent_of(record: Mapping[str, Any]) -> str | None:
    """What a post answers."""
    reply = record.get("reply")
    parent = reply.get("parent") if isinstance(reply, dict) else None
    uri = parent.get("uri") if isinstance(parent, dict) else None
    return uri if isinstance(uri, str) and uri.startswith("at://") and len(uri) <= LONGEST_ID else None


def shown_at(shown: Mapping[str, Any]) -> datetime | None:
    """When a post stood there: as its author says, but never later than the platform first saw it (`sortAt`)."""
    record = shown.get("record")
    said = moment(record.get("createdAt")) if isinstance(record, dict) else None
    seen = moment(shown.get("indexedAt"))
    return min(said, seen) if said and seen else seen


def moment(value: object) -> datetime | None:
    """A lexicon's `datetime`; None where it is none."""
    if not isinstance(value, str) or len(value) > 64:
        return None
    try:
        found = datetime.fromisoformat(value)
        return found.astimezone(UTC) if found.tzinfo else None
    except (ValueError, OverflowError):
        return None


def url_of(uri: str, handle: object) -> str | None:
    """Where people look at a post of `at://DID/app.bsky.feed.post/KEY`."""
    did, _, rest = uri.removeprefix("at://").partition("/")
    kind, _, key = rest.partition("/")
    if kind != "app.bsky.feed.post" or not key:
        return None
    name = line_of(handle)
    return f"https://bsky.app/profile/{did if name in (None, 'handle.invalid') else name}/post/{key}"


def author_of(shown: Mapping[str, Any]) -> Author:
    """Who wrote it."""
    verification = shown.get("verification")
    status = verification.get("verifiedStatus") if isinstance(verification, dict) else None
    return Author(
        id=_text(shown, "did"),
        handle=line_of(shown.get("handle")),
        name=line_of(shown.get("displayName")),
        followers=count(shown.get("followersCount")),
        verified=status == "valid" if isinstance(status, str) else None,
    )


def metrics_of(shown: Mapping[str, Any]) -> Metrics:
    """How far a post has reached; quotes pass it on, as reposts do."""
    shares = [count(shown.get(name)) for name in ("repostCount", "quoteCount")]
    told = [one for one in shares if one is not None]
    return Metrics(
        likes=count(shown.get("likeCount")),
        replies=count(shown.get("replyCount")),
        shares=sum(told) if told else None,
    )


def is_automatic(author: Mapping[str, Any]) -> bool:
    """Whether an account says of itself that a program writes there (the self-label `bot`)."""
    labels = author.get("labels")
    return isinstance(labels, list) and any(isinstance(one, dict) and one.get("val") == "bot" for one in labels)


def mentions(record: Mapping[str, Any], did: str) -> bool:
    """Whether a post names this account in a facet."""
    facets = record.get("facets")
    for facet in facets if isinstance(facets, list) else []:
        features = facet.get("features") if isinstance(facet, dict) else None
        for feature in features if isinstance(features, list) else []:
            if isinstance(feature, dict) and feature.get("did") == did:
                return True
    return False


def count(value: object) -> int | None:
    """A number of things; None where it is none."""
    return value if type(value) is int and 0 <= value < 2**63 else None


def _pictures(record: Mapping[str, Any]) -> Iterator[Attachment]:
    """Pictures and films, by what their author says is on them."""
    embed = record.get("embed")
    if not isinstance(embed, dict):
        return
    media = embed.get("media")
    inner = media if isinstance(media, dict) else embed
    images, film = inner.get("images"), inner.get("video")
    for image in images if isinstance(images, list) else []:
        if isinstance(image, dict):
            yield _file(image.get("image"), image.get("alt"), "picture", "image/jpeg")
    if isinstance(film, dict):
        yield _file(film, inner.get("alt"), "video", "video/mp4")


def _file(blob: object, alt: object, called: str, usual: str) -> Attachment:
    told = blob if isinstance(blob, dict) else {}
    return Attachment(
        (line_of(alt) or called)[:255], line_of(told.get("mimeType")) or usual, count(told.get("size")) or 0
    )


def _language(record: Mapping[str, Any]) -> str | None:
    langs = record.get("langs")
    first = langs[0] if isinstance(langs, list) and langs else None
    if not isinstance(first, str):
        return None
    tag = first.partition("-")[0].lower()
    return tag if tag.isascii() and tag.isalpha() and len(tag) in (2, 3) else None


def _object(record: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = record.get(name)
    if not isinstance(found, dict):
        raise Unfit(f"`{name}` is missing or no object")
    return found


def _text(record: Mapping[str, Any], name: str, longest: int | None = LONGEST_ID, *, empty: bool = False) -> str:
    found = record.get(name)
    if not isinstance(found, str) or not (found or empty):
        raise Unfit(f"`{name}` is missing or no text")
    if has_half(found):
        raise Unfit(f"`{name}` holds half a character (a lone surrogate)")
    if longest is not None and len(found) > longest:
        raise Unfit(f"`{name}` is longer than {longest} characters")
    if longest is not None and has_control(found):
        raise Unfit(f"`{name}` holds control characters")
    return found
