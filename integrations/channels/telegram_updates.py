"""What a Telegram update brings: a message, or why it is none. No network."""

import json
import re
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from db.words import Visibility
from integrations.channels.world import World
from integrations.intake.fields import wrong_text, wrong_time
from integrations.intake.text import clean, has_half, is_blank, line_of
from integrations.record import Attachment, Author, Incoming, Item, LeftOut, Unreadable

MEDIA = {
    "photo": ("photo", "image/jpeg"),
    "video": ("video", "video/mp4"),
    "video_note": ("video note", "video/mp4"),
    "animation": ("animation", "video/mp4"),
    "live_photo": ("live photo", "video/mp4"),
    "voice": ("voice message", "audio/ogg"),
    "audio": ("audio", "audio/mpeg"),
    "document": ("document", "application/octet-stream"),
}
"""What may come with words or without: its name here, and its type where Telegram tells none."""
OTHERS = ("location", "venue", "contact", "poll", "checklist", "story", "paid_media", "invoice", "rich_message")
"""Said without words, too, but no file."""
SMALL_TALK = ("sticker", "dice", "game", "giveaway", "giveaway_winners")
ALBUMS_KEPT = 1_000

_START = re.compile(r"/start(?:@\w+)?(?: +[A-Za-z0-9_-]{1,64})?")
"""What a link may give a bot at its start is one word of these signs (Bot features, Deep linking)."""


class Unfit(ValueError):
    """A message that is not as the Bot API says; the text says what."""


class Albums:
    """Which message began each album: its pictures come one by one, and mostly only one of them has words."""

    def __init__(self) -> None:
        self._first: OrderedDict[tuple[str, str], str] = OrderedDict()
        self._lock = threading.Lock()

    def first_of(self, chat: str, album: str, external_id: str) -> str:
        """The message that began this album, which may be this one."""
        with self._lock:
            first = self._first.setdefault((chat, album), external_id)
            while len(self._first) > ALBUMS_KEPT:
                self._first.popitem(last=False)
            return first


class Reader:
    """Reads updates for one bot."""

    def __init__(self, channel: str, account: str, bot_id: str, username: str, groups: str, world: World) -> None:
        self._channel = channel
        self._account = account
        self._bot_id = bot_id
        self._username = username.casefold()
        self._all_of_groups = groups == "all"
        self._world = world

    def read(self, update: object, albums: Albums) -> Iterator[Item]:
        """What one update brings; always exactly one item."""
        raw = json.dumps(update).encode()
        number = update.get("update_id") if isinstance(update, dict) else None
        place = f"{self._channel}:update {number}"
        try:
            if not isinstance(update, dict) or type(number) is not int:
                raise Unfit("the update has no number")
            message = update.get("message", update.get("edited_message"))
            if message is None:
                kinds = ", ".join(sorted(set(update) - {"update_id"}))[:80]
                yield LeftOut(place, f"an update of another kind ({kinds or 'nothing'})", raw)
                return
            yield self._message(_dict(message, "message"), raw, place, albums)
        except Unfit as error:
            yield Unreadable(place, f"{error}; see the Bot API's Message", raw, self._channel)

    def _message(self, message: Mapping[str, Any], raw: bytes, place: str, albums: Albums) -> Item:
        chat = _dict(message.get("chat"), "chat")
        chat_id, kind = _number(chat.get("id"), "chat.id"), _text(chat.get("type"), "chat.type")
        number = _number(message.get("message_id"), "message_id")
        external_id = f"{chat_id}:{number}"
        why = self._why_not(message, chat_id, kind)
        if why is not None:
            return LeftOut(place, why, raw)
        text, files = _words(message), tuple(_files(message))
        if text is None:
            return LeftOut(place, "a service message of Telegram, or small talk without words", raw)
        if _is_bare_command(message):
            return LeftOut(place, "a command to the bot, and nothing else", raw)
        album, parent = message.get("media_group_id"), self._parent(message, chat_id)
        if isinstance(album, str):
            first = albums.first_of(str(chat_id), album, external_id)
            if first != external_id and not _is_captioned(message):
                return LeftOut(place, f"one more picture of the album that begins with {first}", raw)
            parent = parent if first == external_id else first
        speaks_to_us = kind == "private" or self._names_us(message)
        if not speaks_to_us and not self._all_of_groups:
            return LeftOut(place, "said in a group, and not to us", raw)
        posted_at = moment(message.get("date"))
        if posted_at is None:
            raise Unfit("`date` is no Unix time")
        wrong = wrong_text(text) or wrong_time(posted_at, self._world.clock.now(), "date")
        if wrong:
            raise Unfit(wrong)
        return Incoming(
            channel=self._channel,
            account=self._account,
            external_id=external_id,
            text=text,
            posted_at=posted_at,
            visibility=Visibility.PRIVATE if kind == "private" else Visibility.PUBLIC,
            raw=raw,
            place=place,
            author=_author(message),
            url=self.url(chat, message),
            in_reply_to=parent,
            addressed=True if speaks_to_us else None,
            attachments=files,
        )

    def url(self, chat: object, message: Mapping[str, Any]) -> str | None:
        """Where a message of a supergroup can be looked at; there is no address in other chats."""
        if not isinstance(chat, dict) or chat.get("type") not in ("supergroup", "channel"):
            return None
        name, number = line_of(chat.get("username")), message.get("message_id")
        if name is not None:
            return f"https://t.me/{name}/{number}"
        inner = str(chat.get("id", "")).removeprefix("-100")
        return f"https://t.me/c/{inner}/{number}" if inner.isdigit() else None

    def _why_not(self, message: Mapping[str, Any], chat_id: int, kind: str) -> str | None:
        """Why nobody complains here, whatever it says."""
        sender, as_chat = message.get("from"), message.get("sender_chat")
        if kind not in ("private", "group", "supergroup"):
            return "a channel's own post"
        if message.get("is_automatic_forward") is True:
            return "a channel's post that Telegram forwarded to its discussion"
        if message.get("via_bot") is not None:
            return "written by another bot, on somebody's word"
        if isinstance(as_chat, dict):
            if as_chat.get("id") == chat_id:
                return "written by the group's own administrators"
        elif isinstance(sender, dict) and sender.get("is_bot") is True:
            return "our own message" if str(sender.get("id")) == self._bot_id else "another bot's message"
        named = as_chat if isinstance(as_chat, dict) else sender
        handle = named.get("username") if isinstance(named, dict) else None
        if isinstance(handle, str) and handle and self._world.is_ours(handle):
            return "written by one of our own accounts"
        return None

    def _names_us(self, message: Mapping[str, Any]) -> bool:
        answered = message.get("reply_to_message")
        if isinstance(answered, dict):
            author = answered.get("from")
            if isinstance(author, dict) and str(author.get("id")) == self._bot_id:
                return True
        for kind, words, entity in _entities(message):
            words = words.casefold()
            if kind == "mention" and words == f"@{self._username}":
                return True
            if kind == "bot_command" and words.endswith(f"@{self._username}"):
                return True
            user = entity.get("user")
            if kind == "text_mention" and isinstance(user, dict) and str(user.get("id")) == self._bot_id:
                return True
        return False

    def _parent(self, message: Mapping[str, Any], chat_id: int) -> str | None:
        answered = message.get("reply_to_message")
        if not isinstance(answered, dict):
            return None
        if "forum_topic_created" in answered:
            return None  # In a topic, Telegram calls everything an answer to the topic's beginning.
        number = answered.get("message_id")
        return f"{chat_id}:{number}" if type(number) is int else None


def moment(value: object) -> datetime | None:
    """A Unix time; None where it is none."""
    if type(value) is not int or not 0 < value < 2**33:
        return None
    return datetime.fromtimestamp(value, UTC)


def _words(message: Mapping[str, Any]) -> str | None:
    """What is said; `[photo]` and the like where it is said without words; None where nothing is said."""
    for name in ("text", "caption"):
        if name in message:
            said = clean(_text(message[name], name))
            if is_blank(said):
                break
            return f"{_FORWARDED}\n{said}" if "forward_origin" in message else said
    if any(name in message for name in SMALL_TALK):
        return None
    shown = [MEDIA[name][0] for name in MEDIA if name in message] or [name for name in OTHERS if name in message]
    return f"[{shown[0].replace('_', ' ')}]" if shown else None


_FORWARDED = "[forwarded]"
"""The first line of what somebody else wrote, and a customer passes on to us."""


def _is_captioned(message: Mapping[str, Any]) -> bool:
    caption = message.get("caption")
    return isinstance(caption, str) and not is_blank(caption)


def _is_bare_command(message: Mapping[str, Any]) -> bool:
    """`/start` with whatever a link gave it, or nothing but commands."""
    text = message.get("text")
    commands = [words for kind, words, _ in _entities(message) if kind == "bot_command"]
    if not isinstance(text, str) or not commands:
        return False
    if _START.fullmatch(text.strip()):
        return True
    for command in commands:
        text = text.replace(command, " ", 1)
    return is_blank(text)


def _entities(message: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Kind, words and the whole of each entity; offsets count UTF-16 code units."""
    for words, entities in (("text", "entities"), ("caption", "caption_entities")):
        text, found = message.get(words), message.get(entities)
        if not isinstance(text, str) or not isinstance(found, list):
            continue
        units = text.encode("utf-16-le", "surrogatepass")
        for entity in found[:1_000]:
            if not isinstance(entity, dict):
                continue
            start, length = entity.get("offset"), entity.get("length")
            if type(start) is int and type(length) is int and start >= 0 and length > 0:
                part = units[2 * start : 2 * (start + length)].decode("utf-16-le", "replace")
                yield str(entity.get("type")), part, entity


def _files(message: Mapping[str, Any]) -> Iterator[Attachment]:
    for name, (called, usual) in MEDIA.items():
        found = message.get(name)
        if name == "document" and "animation" in message:
            continue  # Telegram names an animation twice.
        sizes = [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
        file = max(sizes, key=lambda one: _size(one), default=None) if isinstance(found, list) else found
        if isinstance(file, dict):
            given, kind = line_of(file.get("file_name")) or called, line_of(file.get("mime_type")) or usual
            yield Attachment(given[:255], kind[:255], _size(file))


def _size(file: Mapping[str, Any]) -> int:
    size = file.get("file_size")
    return size if type(size) is int and size >= 0 else 0


def _author(message: Mapping[str, Any]) -> Author | None:
    """Who wrote it: a person, or the channel in whose name they wrote."""
    as_chat = message.get("sender_chat")
    if isinstance(as_chat, dict):
        return Author(
            id=str(_number(as_chat.get("id"), "sender_chat.id")),
            handle=line_of(as_chat.get("username")),
            name=line_of(as_chat.get("title")),
        )
    sender = _dict(message.get("from"), "from")
    names = [line_of(sender.get("first_name")), line_of(sender.get("last_name"))]
    return Author(
        id=str(_number(sender.get("id"), "from.id")),
        handle=line_of(sender.get("username")),
        name=" ".join(name for name in names if name) or None,
    )


def _text(value: object, name: str) -> str:
    if not isinstance(value, str):
        raise Unfit(f"`{name}` is no text")
    if has_half(value):
        raise Unfit(f"`{name}` holds half a character (a lone surrogate)")
    return value


def _number(value: object, name: str) -> int:
    if type(value) is not int:
        raise Unfit(f"`{name}` is no number")
    return value


def _dict(value: object, name: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise Unfit(f"`{name}` is missing or no object")
    return value
