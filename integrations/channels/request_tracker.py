"""Request Tracker 5 by REST 2.0 (docs.bestpractical.com/rt/5.0/RT/REST2.html): tickets come in, answers go on them.

What a requestor wrote (the opening of a ticket, and what they correspond) is a message; comments, agents' answers and
our own are not. A message is named `TICKET/TRANSACTION`. What we correspond is read by the requestor, and by whoever is
on the ticket: private, in the desk's words. A comment (`note`) is read by agents only.

RT gives every transaction a number that only grows, and that is how far we have read. A number may show later than a
higher one, since RT commits a message after it has prepared its mails: so the last ones are looked at again each time.

Certainty is `read_back`: RT takes no key of ours, and lists what we wrote on a ticket.
"""

import base64
import binascii
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlsplit

from pydantic import Field, SecretStr, field_validator

from db.words import Visibility
from integrations.channels.base import (
    Certainty,
    ChannelError,
    Checked,
    LockedOut,
    Never,
    Outgoing,
    Page,
    Sent,
    Target,
    TryAgain,
    Unknown,
)
from integrations.channels.platform import AccountSettings, Platform
from integrations.http import ANSWER_BYTES, Answer, host_of
from integrations.intake.fields import MAX_ID, wrong_text, wrong_time
from integrations.intake.html import text_of
from integrations.intake.text import clean, clean_line, whole
from integrations.record import Attachment, Author, Incoming, Item, LeftOut, Unreadable

PAGE = 100
"""Transactions asked for at once: the most that RT gives."""
FIRST_LOOK = timedelta(days=7)
LOOKED_AT_AGAIN = 200
"""How many numbers back a transaction may show late."""
OWN_LOOKED_AT = 50
"""Of our own texts on a ticket, the last ones, when one is looked for."""

_FIELDS = "Type,Field,NewValue,Creator,Created,ObjectId,_hyperlinks"
_MESSAGES = ("Create", "Correspond")
_CLOSED = {"resolved", "rejected", "deleted"}
_NAME = re.compile(r"(\d{1,18})/(\d{1,18})")
_TOKEN = re.compile(r"\d+-(\d+)-")


class RequestTrackerSettings(AccountSettings):
    """One RT, and the queues on it that are ours."""

    url: str
    """Its own address, without /REST/2.0."""
    token: SecretStr
    queues: tuple[str, ...] = Field(min_length=1, max_length=50)
    reference_field: str | None = None
    """A custom field of tickets that takes the complaint's reference."""
    user: str | None = None
    """The name of the token's user, where the token does not tell."""

    @field_validator("url")
    @classmethod
    def _web_address(cls, url: str) -> str:
        if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).netloc:
            raise ValueError(f"`{url}` is no address; write it like https://rt.example.org")
        return url.rstrip("/").removesuffix("/REST/2.0")

    @field_validator("queues")
    @classmethod
    def _plain_names(cls, queues: tuple[str, ...]) -> tuple[str, ...]:
        for name in queues:
            if not name.strip() or re.search(r"['\"\\\x00-\x1f]", name):
                raise ValueError(f"`{name}` cannot be asked for: a queue's name has no quotes or backslashes here")
        return queues


class _Odd(TryAgain):
    """An answer that is not as RT documents it; the message says what."""


@dataclass(frozen=True)
class _Happened:
    """One transaction."""

    id: int
    type: str
    new: str
    ticket: int
    creator: str
    at: datetime
    parts: tuple[str, ...]
    """The numbers of what hangs on it, its text among them."""
    raw: bytes


@dataclass(frozen=True)
class _Ticket:
    """What the desk needs of a ticket."""

    id: int
    """Its own; of one that was merged into another, the other's."""
    subject: str
    status: str
    requestors: tuple[str, ...]
    links: tuple[str, ...]
    """Addresses that it refers to."""
    fields: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class _Part:
    """One attachment, as RT calls every part of a mail."""

    type: str
    name: str
    text: str
    raw: bytes

    @property
    def is_text(self) -> bool:
        return self.type in ("text/plain", "text/html") and not self.name


@dataclass(frozen=True)
class _Mark:
    """The cursor: the highest number so far, and those near it that were handed over."""

    last: int = 0
    seen: frozenset[int] = frozenset()

    def written(self) -> str:
        return json.dumps([self.last, sorted(self.seen)], separators=(",", ":"))

    def after(self, ids: Sequence[int]) -> "_Mark":
        last = max((self.last, *ids))
        return _Mark(last, frozenset(id for id in {*self.seen, *ids} if id > last - LOOKED_AT_AGAIN))

    @classmethod
    def read(cls, cursor: str | None) -> "_Mark | None":
        try:
            last, seen = json.loads(cursor or "")
            return cls(int(last), frozenset(int(one) for one in seen)) if int(last) > 0 else None
        except (ValueError, TypeError, RecursionError):
            return None


@dataclass
class _Looked:
    """What was looked up already while one fetch goes on."""

    tickets: dict[int, _Ticket] = field(default_factory=dict)
    people: dict[str, Author] = field(default_factory=dict)


class RequestTrackerChannel(Platform[RequestTrackerSettings]):
    """The queues of one RT that our token's user may read."""

    settings_type = RequestTrackerSettings
    certainty = Certainty.READ_BACK

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._rest = f"{self.settings.url}/REST/2.0"
        self._own_name = self.settings.user

    def credentials(self) -> Mapping[str, Any]:
        """RT's own kind of token."""
        return {"headers": {"Authorization": f"token {self.settings.token.get_secret_value()}"}}

    def explain(self, answer: Answer, *, safe: bool) -> ChannelError | None:
        """RT says `Permission Denied` with status 400 where a right is missing."""
        if answer.status == 400 and b"Permission Denied" in answer.body:
            return Never(
                f"{host_of(self._rest)} does not let us: give the token's user the right to do this in the queue",
                "not_allowed",
            )
        return None

    def fetch(self, cursor: str | None) -> Iterator[Page]:
        """What happened on the queues' tickets since the cursor, in the order of its numbers."""
        now = self.world.clock.now()
        mark = _Mark.read(cursor)
        since = now - FIRST_LOOK if mark is None else None
        mark = mark or _Mark()
        looked = _Looked()
        self._us()
        above = max(mark.last - LOOKED_AT_AGAIN, 0)
        while True:
            records = self._transactions(self._wanted(above, since), per_page=PAGE)
            if not records:
                return
            ids = [id for one in records if (id := _number_in(one.get("id"))) is not None]
            if not ids or max(ids) <= above:
                raise TryAgain(f"{host_of(self._rest)} lists transactions without their numbers, or the same again")
            items = [
                item
                for one in records
                if _number_in(one.get("id")) not in mark.seen
                for item in self._items(one, since, looked)
            ]
            before, mark, above = mark, mark.after(ids), max(ids)
            if items or mark != before:
                yield Page(tuple(items), mark.written())

    def reply(self, out: Outgoing) -> Sent:
        """Correspond on the ticket: its requestor gets it by mail. Raises TryAgain, Never or Unknown."""
        return self._write(out.target, "correspond", out.text, out.subject)

    def message_privately(self, out: Outgoing) -> Sent:
        """The same: nobody else reads a ticket."""
        return self._write(out.target, "correspond", out.text, out.subject)

    def ticket_of(self, external_id: str) -> str | None:
        """The number of the ticket."""
        named = _NAME.fullmatch(external_id)
        return named.group(1) if named is not None else None

    def note(self, target: Target, text: str) -> Sent:
        """Comment on the ticket, for agents only, unless it stands there. Raises TryAgain, Never or Unknown."""
        return self._own(target, "Comment", text) or self._write(target, "comment", text)

    def link(self, target: Target, reference: str, url: str) -> Sent:
        """Name our complaint on its ticket: the reference in the field of the settings, its address as a link.

        Doing it again changes nothing. Returns the ticket, with its address for the complaint. Raises as `reply`.
        """
        number = _ticket_of(target)
        wanted: dict[str, Any] = {"AddRefersTo": [url]}
        if self.settings.reference_field:
            wanted["CustomFields"] = {self.settings.reference_field: reference}
        self.call("PUT", f"{self._rest}/ticket/{number}", json=wanted, what="write")
        # RT answers 200 also where a right was missing.
        ticket = self._ticket(number)
        standing = ticket.fields.get(self.settings.reference_field or "", (reference,))
        if url not in ticket.links or reference not in standing:
            raise Never(
                f"{host_of(self._rest)} did not take the link to {reference}: its user needs the rights"
                " ModifyTicket and ModifyCustomField in the queue",
                "not_allowed",
            )
        return Sent(str(number), self._page_of(number))

    def find_own(self, out: Outgoing) -> Sent | None:
        """Whether exactly this text stands on the ticket as ours, behind what it answers."""
        return self._own(out.target, "Correspond", out.text)

    def _own(self, target: Target, kind: str, wanted: str) -> Sent | None:
        """Our own text on a ticket, of the newest of this kind behind the message that is named."""
        named = _ticket_of(target)
        # What was written before a merge keeps its ticket's number, what is written after it has the other's.
        numbers = {named, self._ticket(named).id}
        where = " OR ".join(f"TicketId = {number}" for number in sorted(numbers))
        asked = f"({where}) AND Type = '{kind}' AND id > {_transaction_of(target)}"
        for record in self._transactions(asked, per_page=OWN_LOOKED_AT, newest_first=True):
            one = _happened(record)
            if one.ticket in numbers and one.creator == self._us():
                text, _, _ = self._words(one)
                if _same(text) == _same(wanted):
                    return Sent(f"{one.ticket}/{one.id}", self._page_of(one.ticket, one.id), one.at)
        return None

    def check(self) -> Checked:
        """Who we are there, and whether each queue can be seen."""
        try:
            name = self._us()
        except Never as error:
            return Checked(False, str(error), "look at the token and its user's rights in RT")
        hidden = []
        for queue in self.settings.queues:
            answer = self.call(
                "GET", f"{self._rest}/queue/{quote(queue, safe='')}", what="read", expected=frozenset({403, 404})
            )
            if answer.status != 200:
                hidden.append(queue)
        if hidden:
            return Checked(
                False,
                f"{name} cannot see the queue {' and '.join(hidden)} at {host_of(self._rest)}",
                "correct its name, or give the user the rights SeeQueue, ShowTicket and ReplyToTicket in it",
            )
        return Checked(True, f"{name} at {host_of(self._rest)}, queues {', '.join(self.settings.queues)}")

    # Reading

    def _wanted(self, above: int, since: datetime | None) -> str:
        queues = " OR ".join(f"TicketQueue = '{queue}'" for queue in self.settings.queues)
        types = " OR ".join(f"Type = '{type}'" for type in (*_MESSAGES, "Status"))
        asked = f"({queues}) AND ({types} OR (Type = 'Set' AND Field = 'Queue')) AND id > {above}"
        if since is None:
            return asked
        # RT reads dates in its user's zone: a day more is asked for, and the rest passed over.
        return f"{asked} AND Created > '{since - timedelta(days=1):%Y-%m-%d}'"

    def _transactions(self, query: str, *, per_page: int, newest_first: bool = False) -> list[Mapping[str, Any]]:
        params = {
            # Without it, RT also lists what happened to users and groups that have a ticket's number.
            "query": f"ObjectType = 'RT::Ticket' AND {query}",
            "fields": _FIELDS,
            "orderby": "id",
            "order": "DESC" if newest_first else "ASC",
            "per_page": str(per_page),
        }
        found = self.ask("GET", f"{self._rest}/transactions", params=params, what="read")
        return _listed(found, self._rest)

    def _items(self, record: Mapping[str, Any], since: datetime | None, looked: _Looked) -> list[Item]:
        """What one transaction brings. Raises TryAgain where it is not this one alone that cannot be read."""
        try:
            return self._brought(record, since, looked)
        except (_Odd, Never) as error:
            return [self._unreadable(record, error)]
        except LockedOut:
            raise
        except TryAgain as error:
            if error.after is not None:
                raise
            self.ask("GET", f"{self._rest}/rt", what="read")
        # RT answers: so it stumbles over this one, as it does over mails with broken headers.
        try:
            return self._brought(record, since, looked)
        except TryAgain as error:
            return [self._unreadable(record, error)]

    def _unreadable(self, record: Mapping[str, Any], error: ChannelError) -> Unreadable:
        raw = json.dumps(record, ensure_ascii=False).encode("utf-8", "replace")
        return Unreadable(f"transaction {record.get('id')}", f"it cannot be read: {error}", raw, self.name)

    def _brought(self, record: Mapping[str, Any], since: datetime | None, looked: _Looked) -> list[Item]:
        one = _happened(record)
        if since is not None and one.at < since:
            return []
        match one.type:
            case "Create" | "Correspond":
                return [self._message(one, looked)]
            case "Status" if one.new in _CLOSED:
                why = f"the ticket was {one.new} in RT by {one.creator}"
                return [LeftOut(f"ticket {one.ticket}, transaction {one.id}", why, one.raw)]
            case "Set":
                return list(self._moved_here(one, looked))
        return []

    def _moved_here(self, moved: _Happened, looked: _Looked) -> Iterator[Item]:
        """What its requestor wrote before a ticket was moved into one of our queues."""
        types = " OR ".join(f"Type = '{type}'" for type in _MESSAGES)
        above = 0
        while True:
            asked = f"TicketId = {moved.ticket} AND ({types}) AND id < {moved.id} AND id > {above}"
            records = self._transactions(asked, per_page=PAGE)
            ids = [id for one in records if (id := _number_in(one.get("id"))) is not None]
            if not ids or max(ids) <= above:
                return
            for record in records:
                yield from self._items(record, None, looked)
            above = max(ids)

    def _message(self, one: _Happened, looked: _Looked) -> Item:
        place = f"ticket {one.ticket}, transaction {one.id}"
        if one.creator == self._us():
            return LeftOut(place, "we wrote it ourselves", one.raw)
        ticket = looked.tickets.get(one.ticket) or looked.tickets.setdefault(one.ticket, self._ticket(one.ticket))
        by_requestor = one.creator in ticket.requestors
        if one.type == "Correspond" and not by_requestor:
            return LeftOut(place, f"an answer that {one.creator} wrote in RT", one.raw)
        name = one.creator if by_requestor or not ticket.requestors else ticket.requestors[0]
        author = looked.people.get(name) or looked.people.setdefault(name, self._person(name))
        if any(self.world.is_ours(who) for who in (author.email, name) if who):
            return LeftOut(place, f"{name} is one of us", one.raw)
        text, attachments, raw = self._words(one)
        text = text or (ticket.subject if one.type == "Create" else "")
        refused = wrong_text(text) or wrong_time(one.at, self.world.clock.now(), "Created")
        if refused:
            return Unreadable(place, refused, one.raw, self.name)
        return Incoming(
            channel=self.name,
            account=self.account,
            external_id=f"{one.ticket}/{one.id}",
            text=text,
            posted_at=one.at,
            visibility=Visibility.PRIVATE,
            raw=b"\n".join([one.raw, *raw]),
            place=place,
            author=author,
            url=self._page_of(one.ticket, one.id),
            in_reply_to=self._answered_by(one, ticket) if one.type == "Correspond" else None,
            subject=ticket.subject or None,
            addressed=True,
            attachments=attachments,
            warnings=() if by_requestor else (f"the ticket was opened by {one.creator} for its requestor",),
        )

    def _answered_by(self, one: _Happened, ticket: _Ticket) -> str | None:
        """The message before it on the ticket that the desk knows: its requestor's, or ours."""
        types = " OR ".join(f"Type = '{type}'" for type in _MESSAGES)
        asked = f"TicketId = {one.ticket} AND ({types}) AND id < {one.id}"
        known = {*ticket.requestors, self._us()}
        for record in self._transactions(asked, per_page=20, newest_first=True):
            before = _happened(record)
            if before.ticket == one.ticket and (before.creator in known or before.type == "Create"):
                return f"{before.ticket}/{before.id}"
        return None

    def _ticket(self, number: int) -> _Ticket:
        found = _mapping(self.ask("GET", f"{self._rest}/ticket/{number}", what="read"), "the ticket")
        people = found.get("Requestor")
        names = [_id_in(one) for one in (people if isinstance(people, list) else [people])]
        return _Ticket(
            id=_number_in(found.get("id")) or number,
            subject=_line(found.get("Subject")),
            status=str(found.get("Status") or ""),
            requestors=tuple(name for name in names if name),
            links=tuple(
                str(one.get("_url")) for one in _objects(found, "_hyperlinks") if one.get("ref") == "refers-to"
            ),
            fields={
                str(one.get("name")): tuple(map(str, values)) if isinstance(values := one.get("values"), list) else ()
                for one in _objects(found, "CustomFields")
            },
        )

    def _person(self, name: str) -> Author:
        answer = self.call(
            "GET", f"{self._rest}/user/{quote(name, safe='')}", what="read", expected=frozenset({403, 404})
        )
        if answer.status != 200:
            return Author(id=name)
        found = _mapping(self.document(answer, safe=True, url=self._rest), "the user")
        told = {key: _line(found.get(key)) or None for key in ("RealName", "EmailAddress")}
        return Author(id=name, name=told["RealName"], email=told["EmailAddress"])

    def _words(self, one: _Happened) -> tuple[str, tuple[Attachment, ...], list[bytes]]:
        """The text of a transaction, what hangs on it, and the part as RT has it."""
        if len(one.parts) == 1:
            # A mail of one part: RT takes long to believe a token, so nothing is asked for in vain.
            part = self._part(one.parts[0])
            if part.is_text:
                return part.text, (), [part.raw]
            return "", (Attachment(part.name or "unnamed", part.type, 0),), []
        asked = {"fields": "ContentType,Filename", "per_page": str(PAGE)}
        found = self.ask("GET", f"{self._rest}/transaction/{one.id}/attachments", params=asked, what="read")
        parts = [(_id_in(part), *_kind_of(part)) for part in _listed(found, self._rest)]
        hangs = tuple(
            Attachment(name or "unnamed", type, 0)
            for _, type, name in parts
            if name or not type.startswith(("text/plain", "text/html", "multipart/"))
        )
        for wanted in ("text/plain", "text/html"):
            number = next((id for id, type, name in parts if type == wanted and not name), None)
            if number is not None:
                part = self._part(number)
                return part.text, hangs, [part.raw]
        return "", hangs, []

    def _part(self, number: str) -> "_Part":
        answer = self.call("GET", f"{self._rest}/attachment/{number}", what="read")
        if not answer.whole and len(answer.body) >= ANSWER_BYTES:
            raise _Odd("its text is longer than can be read")
        found = _mapping(self.document(answer, safe=True, url=self._rest), "the attachment")
        type, name = _kind_of(found)
        content = found.get("Content")
        try:
            text = base64.b64decode(content).decode("utf-8", "replace") if isinstance(content, str) else ""
        except (binascii.Error, ValueError) as error:
            raise _Odd("the content of its text is no base64") from error
        text = text_of(text) if type == "text/html" else text
        return _Part(type, name, clean(text.replace("\r\n", "\n")).strip(), answer.body)

    def _us(self) -> str:
        """The name of the token's user."""
        if self._own_name is None:
            told = _TOKEN.match(self.settings.token.get_secret_value())
            if told is None:
                raise Never("the token does not tell whose it is: write its user's name as `user` in channels.yaml")
            found = _mapping(self.ask("GET", f"{self._rest}/user/{told.group(1)}", what="read"), "our own user")
            self._own_name = str(found.get("Name") or "") or None
            if self._own_name is None:
                raise TryAgain(f"{host_of(self._rest)} does not say who we are")
        return self._own_name

    # Writing

    def _write(self, target: Target, way: str, text: str, subject: str | None = None) -> Sent:
        ticket = self._ticket(_ticket_of(target))
        number = ticket.id
        if ticket.status == "deleted":
            raise Never(f"ticket {number} was deleted in RT", "gone")
        message = {"Content": text, "ContentType": "text/plain"}
        if subject:
            message["Subject"] = subject
        answer = self.call("POST", f"{self._rest}/ticket/{number}/{way}", json=message, what="write")
        made = re.search(r"/transaction/(\d{1,18})$", answer.headers.get("Location") or "")
        if answer.status != 201 or made is None:
            raise Unknown(
                f"{host_of(self._rest)} took the text and did not say where it stands: look at ticket {number}"
            )
        return Sent(f"{number}/{made.group(1)}", self._page_of(number, int(made.group(1))))

    def _page_of(self, ticket: int, transaction: int | None = None) -> str:
        """Where agents see it."""
        return f"{self.settings.url}/Ticket/Display.html?id={ticket}" + (f"#txn-{transaction}" if transaction else "")


def _ticket_of(target: Target) -> int:
    """The number of the ticket that a text is for. Raises Never."""
    named = _NAME.fullmatch(target.external_id or "")
    if named is not None:
        return int(named.group(1))
    thread = target.thread or ""
    if thread.isascii() and thread.isdigit() and len(thread) <= 18:
        return int(thread)
    raise Never("it is not known which ticket this is about: answer it in RT")


def _transaction_of(target: Target) -> int:
    named = _NAME.fullmatch(target.external_id or "")
    return int(named.group(2)) if named is not None else 0


def _happened(record: Mapping[str, Any]) -> _Happened:
    """Raises _Odd where the record lacks what it must have."""
    id, ticket = _number_in(record.get("id")), _number_in(record.get("ObjectId"))
    if id is None or ticket is None:
        raise _Odd("`id` or `ObjectId` is no number")
    type, creator = record.get("Type"), _id_in(record.get("Creator"))
    if not isinstance(type, str) or creator is None:
        raise _Odd("`Type` or `Creator` is missing")
    try:
        at = datetime.fromisoformat(str(record.get("Created")))
        at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        raise _Odd("`Created` is no date") from None
    raw = json.dumps(record, ensure_ascii=False).encode("utf-8", "replace")
    addresses = [str(one.get("_url")) for one in _objects(record, "_hyperlinks") if one.get("ref") == "attachment"]
    parts = tuple(end for one in addresses if (end := one.rpartition("/")[2]).isascii() and end.isdigit())
    return _Happened(id, type, str(record.get("NewValue") or ""), ticket, creator, at, parts, raw)


def _listed(found: Any, rest: str) -> list[Mapping[str, Any]]:
    """The items of a collection. Raises TryAgain where it is none."""
    items = found.get("items") if isinstance(found, Mapping) else None
    if not isinstance(items, list):
        raise TryAgain(f"{host_of(rest) if rest else 'RT'} did not answer with a list")
    return [one for one in items if isinstance(one, Mapping)]


def _mapping(found: Any, what: str) -> Mapping[str, Any]:
    if not isinstance(found, Mapping):
        raise _Odd(f"{what} is no object")
    return found


def _objects(record: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """The objects of a list in a record; none where it has no such list."""
    found = record.get(name)
    return [one for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []


def _line(value: Any) -> str:
    """A text on one line, as a database takes it."""
    return whole(clean_line(str(value or "")))


def _id_in(value: Any) -> str | None:
    """The `id` of a reference such as `{"type": "user", "id": "budi"}`."""
    id = value.get("id") if isinstance(value, Mapping) else None
    return (_line(id)[:MAX_ID] or None) if isinstance(id, str | int) else None


def _kind_of(part: Mapping[str, Any]) -> tuple[str, str]:
    """The media type and the file name of a part."""
    return _line(part.get("ContentType")), _line(part.get("Filename"))[:200]


def _number_in(value: Any) -> int | None:
    text = str(value)
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None


def _same(text: str) -> str:
    """A text as RT keeps it: line breaks of one kind, nothing at the ends of lines."""
    return "\n".join(line.rstrip() for line in text.replace("\r\n", "\n").strip().split("\n"))
