"""A Facebook Page, or the Instagram account behind it: how it is answered.

Meta lets us write to a person only for a while. Sources: developers.facebook.com/docs/messenger-platform/policy (24
hours; 7 days with the tag HUMAN_AGENT), /docs/messenger-platform/discovery/private-replies (one, within 7 days).
"""

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from db.words import DeliveryKind, Visibility
from integrations.channels.base import (
    NO_PRIVATE_WAY,
    Certainty,
    Never,
    Outgoing,
    Reachable,
    Seen,
    Sent,
    Target,
    TryAgain,
    Unknown,
    within_window,
)
from integrations.channels.graph_account import P
from integrations.channels.graph_inbox import MESSAGES_SHOWN, Inbox
from integrations.channels.graph_reading import WrongShape, node

DAY = timedelta(hours=24)
WEEK = timedelta(days=7)
SAFETY = timedelta(hours=1)
"""So long before the end of a day a text already carries the tag: no two clocks agree."""
LATELY = timedelta(days=7)
"""How far back our own text is looked for."""


@dataclass(frozen=True, slots=True)
class Place:
    """A record of Meta's as we name it: `comment:1_2`, `post:1_3`, `message:m_4`, `mention:MEDIA:COMMENT`."""

    kind: str
    id: str

    @classmethod
    def of(cls, external_id: str | None) -> "Place":
        """What an external id names; one without a kind is taken for a comment's."""
        kind, colon, rest = (external_id or "").partition(":")
        return cls(kind, rest) if colon else cls("comment", kind)


class PageChannel(Inbox[P]):
    """A Page or an Instagram account. Its certainty is `read_back`: what stands there can be read again."""

    certainty = Certainty.READ_BACK

    # What Facebook and Instagram do each in their own way

    @abstractmethod
    def seen(self, place: Place) -> Seen | None:
        """What a comment or post is like now; None where that cannot be told. Raises ChannelError."""

    @abstractmethod
    def too_long(self, text: str) -> str | None:
        """Why a private message is too long for the platform, if it is."""

    @abstractmethod
    def comment(self, out: Outgoing) -> Sent:
        """Answer in public. Raises ChannelError."""

    @abstractmethod
    def own_comments(self, target: Target) -> Iterator[tuple[str, str, datetime, str | None]]:
        """Our answers below what the target names: id, text, time, address. Raises ChannelError."""

    @abstractmethod
    def private_recipient(self, target: Target) -> Mapping[str, str] | str:
        """Whom a message is for, as the Send API names them; else why nobody can be written to."""

    # Looking and answering

    def look_at(self, external_ids: Sequence[str]) -> Iterable[Seen]:
        """What these comments and posts are like now; messages cannot be asked for one by one."""
        rights: bool | None = None
        for external_id in external_ids:
            place = Place.of(external_id)
            if place.kind == "message":
                continue
            try:
                seen = self.seen(place)
            except Never as error:
                if error.kind != "gone":
                    continue
                # Meta says the same of what is gone and of what we may not see.
                rights = self._lacks() == () if rights is None else rights
                seen = Seen(external_id, there=False) if rights else None
            if seen is not None:
                yield replace(seen, external_id=external_id)

    def reply(self, out: Outgoing) -> Sent:
        """Comment where the customer's words stand. Raises ChannelError."""
        if Place.of(out.target.external_id).kind == "message":
            raise Never("a private message is answered privately", "not_allowed")
        return self.comment(out)

    def message_privately(self, out: Outgoing) -> Sent:
        """Write to the author: once to a comment's within 7 days, else within the window. Raises ChannelError."""
        recipient = self.private_recipient(out.target)
        if isinstance(recipient, str):
            raise Never(recipient, "not_allowed")
        why = self.too_long(out.text)
        if why is not None:
            raise Never(why, "too_long")
        to_comment = "id" not in recipient
        body: dict[str, Any] = {"recipient": dict(recipient), "message": {"text": out.text}}
        if not to_comment:
            body |= self._manner(out)
        what = "private_reply" if to_comment else "message"
        answered = self.post(f"{self.settings.page_id}/messages", body, what=what)
        try:
            return Sent(f"message:{answered.text('message_id')}")
        except WrongShape as error:
            raise Unknown(f"{self.hosts} took the message, but does not name it: look there for the text") from error

    def _manner(self, out: Outgoing) -> dict[str, str]:
        """As what it is sent: an answer within a day, or a person's words within a week.

        Meta takes the tag HUMAN_AGENT only for what people wrote: an answer that people approved, no automatic text.
        """
        heard, now = out.target.last_heard_at, self.world.clock.now()
        if heard is None or now < heard + DAY - SAFETY:
            return {"messaging_type": "RESPONSE"}
        if self.settings.human_agent and out.kind is DeliveryKind.REPLY:
            return {"messaging_type": "MESSAGE_TAG", "tag": "HUMAN_AGENT"}
        if now < heard + DAY:
            return {"messaging_type": "RESPONSE"}
        if self.settings.human_agent:
            raise Never("after 24 hours only a person's own answer may be sent there, no automatic text", "window")
        raise Never("24 hours have passed since the customer wrote, and our app may not answer later", "window")

    def can_reply(self, target: Target, visibility: Visibility, now: datetime) -> Reachable:
        """In public to what stands there in public; privately to a comment for 7 days, to a message for its window."""
        private = Place.of(target.external_id).kind == "message"
        if visibility is Visibility.PUBLIC:
            return Reachable(False, "a private message is answered privately") if private else Reachable(True)
        if not (self.world.private_talk and self.settings.messages):
            return NO_PRIVATE_WAY
        recipient = self.private_recipient(target)
        if isinstance(recipient, str):
            return Reachable(False, recipient)
        if "id" not in recipient and target.written_to:
            why = "it was answered privately already, and it takes one such answer: its author has to write to us first"
            return Reachable(False, why, min(target.last_heard_at or now, now))
        window = WEEK if "id" not in recipient or self.settings.human_agent else DAY
        return within_window(target, min(window, self.world.window or window), now)

    def find_own(self, out: Outgoing) -> Sent | None:
        """Our text below the comment, or in the conversation, posted since the customer wrote. Raises TryAgain."""
        private = out.visibility is Visibility.PRIVATE
        earliest = self.world.clock.now() - LATELY
        if out.target.last_heard_at is not None:
            earliest = max(earliest, out.target.last_heard_at - timedelta(minutes=5))
        wanted = " ".join(out.text.split())
        kind = "message" if private else "comment"
        try:
            ours = self._own_messages(out.target) if private else self.own_comments(out.target)
            found = [
                Sent(f"{kind}:{known}", url, at)
                for known, text, at, url in ours
                if at >= earliest and " ".join(text.split()) == wanted
            ]
        except (Never, WrongShape) as error:
            raise TryAgain(f"{self.hosts} cannot tell whether it has the text: {error}") from error
        return max(found, key=lambda sent: sent.at or earliest, default=None)

    def _own_messages(self, target: Target) -> Iterator[tuple[str, str, datetime, str | None]]:
        if not target.author_id:
            raise Never("nobody knows in which conversation")
        asked: dict[str, Any] = {"platform": self.inbox, "user_id": target.author_id, "fields": "id,updated_time"}
        for talk in self.rows(f"{self.settings.page_id}/conversations", what="conversations", most=1, **asked):
            if talk is None:
                continue
            fields: dict[str, Any] = {"fields": "id,created_time,from,message", "limit": MESSAGES_SHOWN}
            for row in self.rows(f"{node(talk.text('id'))}/messages", what="conversations", most=1, **fields):
                author = self.author(row.maybe("from")) if row else None
                if row is not None and author is not None and author.id == self.own_id:
                    yield row.text("id"), row.words("message"), row.moment("created_time"), None
