"""What comes in through a Page: signed batches of changes and messages, and the rounds of asking behind them.

Messages have the same form for Messenger and Instagram. Sources: developers.facebook.com/docs/messenger-platform/
webhooks, /docs/messenger-platform/conversations, /docs/graph-api/webhooks/getting-started.
"""

import json
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import Any, ClassVar

from db.words import Visibility
from integrations.channels.base import Asked, Heard, Page
from integrations.channels.graph import challenge, signed_by
from integrations.channels.graph_account import GraphAccount, P
from integrations.channels.graph_reading import Fields, WrongShape, as_bytes, node
from integrations.channels.graph_round import Round, Watched, mark_of, one_by_one
from integrations.channels.world import World
from integrations.intake.text import shown
from integrations.record import Attachment, Author, Incoming, Item, LeftOut, Removed, Unreadable

ASKED_BACK = timedelta(days=7)
"""What the first round takes in."""
MESSAGES_SHOWN = 20
"""Of a conversation, Meta shows the newest twenty messages (docs/messenger-platform/conversations)."""
WORDLESS = "[A picture, recording, sticker or link, without words.]"
"""The same for all of them: a call and a conversation name what came differently, and that is no edit."""

_NO_MESSAGES = frozenset(
    ["read", "delivery", "reaction", "optin", "referral", "account_linking", "app_roles"]
    + [f"{what}_thread_control" for what in ("pass", "take", "request")]
)
"""Events of a conversation in which nobody says anything."""


class Inbox(GraphAccount[P]):
    """What people write to an account."""

    webhook_object: ClassVar[str]
    inbox: ClassVar[str]
    """What `platform` the Page's conversations are asked for."""

    def __init__(self, name: str, account: str, settings: P, world: World) -> None:
        super().__init__(name, account, settings, world)
        self._round = Round()

    # What Facebook and Instagram do each in their own way

    @property
    @abstractmethod
    def own_id(self) -> str:
        """The id that what we write there carries as its author's, and that webhooks name as theirs."""

    @abstractmethod
    def changed(self, field: str, value: Fields, at: datetime | None) -> Iterator[Item]:
        """What a change that a webhook tells of brings. Raises WrongShape."""

    @abstractmethod
    def watched(self, since: datetime) -> Iterator[Watched]:
        """What may have something new since then, besides conversations. Raises ChannelError."""

    # Webhooks

    def hear(self, asked: Asked) -> Heard:
        """Meta's question for our address, or a signed batch of changes and messages."""
        if asked.method.upper() == "GET":
            word = self.settings.verify_token
            if word is None:
                return Heard.refuse("no verify token is set up here: set it in the environment (docs/channels.md)", 403)
            return challenge(asked, word.get_secret_value()) or Heard.refuse("not understood", 400)
        if not signed_by(self.settings.app_secret.get_secret_value(), asked):
            return Heard.refuse("the signature is not by our app's secret")
        try:
            body = Fields(json.loads(asked.body))
            entries = body.list("entry")
        except (ValueError, RecursionError, WrongShape):
            return Heard((Unreadable(f"{self.name} webhook", "it is no batch of Meta's", asked.body, self.name),))
        if body.raw.get("object") != self.webhook_object:
            about = shown(body.raw.get("object"))
            why = (
                f"it is about `{about}`, not about {self.hosts}: give that object its own address in the app's settings"
            )
            return Heard((LeftOut(f"{self.name} webhook", why, asked.body, whose=f"object {about}"),))
        return Heard(tuple(item for entry in entries for item in self._entry(entry)))

    def _entry(self, given: object) -> Iterator[Item]:
        where = f"{self.name} webhook"
        try:
            entry = Fields(given)
            told = entry.moment("time") if "time" in entry.raw else None
            about = entry.id("id")
        except WrongShape as error:
            yield self.unreadable(where, error, given)
            return
        if about not in (self.own_id, "0"):  # "0" comes from the button for tests in the app's settings
            yield LeftOut.anothers(where, f"account {shown(about)}", as_bytes(given))
            return
        for name, read in (("changes", self._change), ("messaging", self._event), ("standby", self._event)):
            events = entry.raw.get(name) or []
            for event in events if isinstance(events, list) else [events]:
                try:
                    yield from read(Fields(event), told)
                except WrongShape as error:
                    yield self.unreadable(where, error, {"id": about, "time": entry.raw.get("time"), name: [event]})

    def _change(self, change: Fields, at: datetime | None) -> Iterator[Item]:
        field, value = change.text("field"), change.object("value")
        if "sender" in value.raw and "recipient" in value.raw:
            return self._event(value, at)
        return self.changed(field, value, at)

    def _event(self, event: Fields, _: datetime | None) -> Iterator[Item]:
        """One event of a conversation."""
        raw = as_bytes(event.raw)
        if event.raw.get("message_edit") is not None:
            yield self._edited(event, event.object("message_edit"), raw)
        elif event.raw.get("message") is not None:
            yield from self._message(event, event.object("message"), raw)
        elif event.raw.get("postback") is not None:
            yield self._pressed(event, event.object("postback"), raw)
        elif not _NO_MESSAGES & event.raw.keys():
            kinds = ", ".join(sorted(event.raw.keys() - {"sender", "recipient", "timestamp"}))
            yield LeftOut(f"{self.name} webhook", f"nobody says anything in it: {kinds or 'nothing'}", raw)

    def _message(self, event: Fields, message: Fields, raw: bytes) -> Iterator[Item]:
        place = f"message:{message.text('mid')}"
        if message.raw.get("is_echo") or event.object("sender").id("id") == self.own_id:
            yield LeftOut(f"{self.name} {place}", "our own message", raw)
        elif message.raw.get("is_deleted"):
            yield Removed(self.name, place, f"{self.name} {place}", raw, self.account)
        else:
            yield self._spoken(event, message, raw)

    def _edited(self, event: Fields, edit: Fields, raw: bytes) -> Item:
        where = f"{self.name} message:{edit.text('mid')}"
        if "sender" not in event.raw:
            return LeftOut(where, "an edit that does not say whose", raw)
        if event.object("sender").id("id") == self.own_id:
            return LeftOut(where, "our own message", raw)
        return (
            self._spoken(event, edit, raw) if edit.words("text") else LeftOut(where, "an edit without its words", raw)
        )

    def _pressed(self, event: Fields, postback: Fields, raw: bytes) -> Item:
        """A button or a question to begin with, which stands in the talk as its presser's words."""
        if not postback.words("mid") or not postback.words("title"):
            return LeftOut(f"{self.name} webhook", "a button without words was pressed", raw)
        return self._spoken(event, Fields({"mid": postback.text("mid"), "text": postback.text("title")}), raw)

    def _spoken(self, event: Fields, message: Fields, raw: bytes) -> Incoming:
        attachments = _attachments(message.rows("attachments"))
        answered = message.maybe("reply_to")
        before = answered.raw.get("mid") if answered else None
        if answered is not None and answered.maybe("story") is not None:
            attachments = (Attachment("our story", "story", 0), *attachments)
        return self.message(
            mid=message.text("mid"),
            text=message.words("text"),
            at=event.moment("timestamp"),
            author=Author(id=event.object("sender").id("id")),
            raw=raw,
            attachments=attachments,
            in_reply_to=f"message:{before}" if isinstance(before, str) and before else None,
        )

    def message(
        self,
        *,
        mid: str,
        text: str,
        at: datetime,
        author: Author | None,
        raw: bytes,
        attachments: tuple[Attachment, ...],
        in_reply_to: str | None = None,
    ) -> Incoming:
        """Somebody's private message; one without words says so."""
        return Incoming(
            channel=self.name,
            account=self.account,
            external_id=f"message:{mid}",
            text=text or WORDLESS,
            posted_at=at,
            visibility=Visibility.PRIVATE,
            raw=raw,
            place=f"{self.name} message:{mid}",
            author=author,
            in_reply_to=in_reply_to,
            addressed=True,
            attachments=attachments,
        )

    def unreadable(self, place: str, why: Exception | str, given: object) -> Unreadable:
        """Put aside what cannot be read, with its reason."""
        return Unreadable(
            place, f"{self.hosts} sent something else than it documents: {why}", as_bytes(given), self.name
        )

    # Asking

    def fetch(self, cursor: str | None) -> Iterator[Page]:
        """What webhooks may have missed: comments, posts and messages since the cursor, oldest first.

        The cursor is the time of the newest that was handed over; what came shortly before it is read again, since Meta
        shows things late, and what was handed over already is known to this process. Raises ChannelError after the
        pages of what could be read.
        """
        return self._round.pages(cursor, self._all_watched, self.world.clock.now(), ASKED_BACK)

    def _all_watched(self, since: datetime) -> Iterator[Watched]:
        conversations = (partial(self._conversations, since),) if self.settings.messages else ()
        return one_by_one(partial(self.watched, since), *conversations)

    def _conversations(self, since: datetime) -> Iterator[Watched]:
        asked: dict[str, Any] = {"platform": self.inbox, "fields": "id,updated_time", "limit": 50}
        for row in self.rows(f"{self.settings.page_id}/conversations", what="conversations", **asked):
            try:
                if row is None:
                    raise WrongShape("a conversation is no object")
                key, updated = row.text("id"), row.moment("updated_time")
            except WrongShape as error:
                yield Watched.bad(self.unreadable(f"{self.name} conversations", error, row.raw if row else None))
                continue
            if updated < since:
                return  # the newest come first
            yield Watched(key, mark_of(updated, self.world.clock.now()), partial(self._messages_in, key))

    def _messages_in(self, conversation: str, since: datetime) -> Iterator[Item]:
        fields = "id,created_time,from,message,attachments{id,mime_type,name,size}"
        asked: dict[str, Any] = {"fields": fields, "limit": MESSAGES_SHOWN}
        for row in self.rows(f"{node(conversation)}/messages", what="conversations", most=1, **asked):
            yield from self.read(row, f"{self.name} conversation", lambda row: self._message_row(row, since))

    def _message_row(self, row: Fields, since: datetime) -> Item | None:
        mid, at = row.text("id"), row.moment("created_time")
        if at < since:
            return None
        author = self.author(row.maybe("from"))
        if author is not None and author.id == self.own_id:
            return LeftOut(f"{self.name} message:{mid}", "our own message", as_bytes(row.raw))
        attachments = _attachments(row.rows("attachments"))
        text, raw = row.words("message"), as_bytes(row.raw)
        return self.message(mid=mid, text=text, at=at, author=author, raw=raw, attachments=attachments)

    def read(self, row: Fields | None, where: str, reader: Callable[[Fields], Item | None]) -> Iterator[Item]:
        """A row's item, if it is one; Unreadable where it has another shape than documented."""
        try:
            if row is None:
                raise WrongShape("a row is no object")
            item = reader(row)
        except WrongShape as error:
            item = self.unreadable(where, error, row.raw if row else None)
        if item is not None:
            yield item

    @staticmethod
    def author(given: Fields | None) -> Author | None:
        """Who wrote it, where Meta tells: it does not for people who hide from apps."""
        if given is None or "id" not in given.raw:
            return None
        return Author(id=given.id("id"), handle=given.words("username") or None, name=given.words("name") or None)


def _attachments(rows: Iterable[Fields]) -> tuple[Attachment, ...]:
    """What came with a message: noted, never fetched. Sizes are told by conversations only."""
    found = []
    for row in rows:
        kind = row.words("type") or row.words("mime_type") or "file"
        inside = row.maybe("payload")
        name = row.words("name") or (inside.words("title") if inside else "") or kind
        size = row.raw.get("size")
        found.append(Attachment(name[:200], kind[:100], size if isinstance(size, int) else 0))
    return tuple(found)
