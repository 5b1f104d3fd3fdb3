"""Record what came in: each message once, with the complaint it belongs to; the unreadable kept with its reason.

Recording is serialised per channel and account for the length of one chunk, so that albums, retried webhooks and two
intakes at once neither double a message nor open two complaints for one thread.
"""

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice

from sqlalchemy import ColumnElement, select, text, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session, col

from db import trail
from db.complaints import final, lock_with_final, number_of
from db.tables import (
    Complainant,
    Complaint,
    Cursor,
    Direction,
    Identity,
    Message,
    Quarantined,
)
from db.wake import wake
from db.words import State, Visibility
from integrations.record import (
    Arrived,
    Author,
    Bounced,
    Incoming,
    Item,
    LeftOut,
    Metrics,
    Removed,
    Unreadable,
    hashed_name,
)
from policy.intake import Likeness, Told, id_of_its_own, plain_phone, same_thing
from tasks.arrivals import arrive
from tasks.bounces import bounce
from tasks.changes import edit, measure, take_down
from tasks.desk import Desk
from tasks.rounds import void
from tasks.same_person import numbers_in
from tasks.tickets import came_by_ticket
from tasks.write_back import opt_out, waiting_for, wrote_back

CHUNK = 500
Place = tuple[str, str, str]

CHATS = frozenset({"whatsapp", "telegram", "instagram", "facebook", "x", "bluesky", "mastodon"})
"""Where private messages of one person are one thread, whether the platform links them or not."""

OVER = frozenset({State.CLOSED, State.SPAM, State.NOTED, State.MERGED})
PHONE = re.compile(r"\+?\d{6,15}")
REFERENCE = re.compile(r"\bTG-\d{4,18}\b", re.IGNORECASE)


@dataclass
class Recorded:
    """What became of a batch of records; adds up over chunks."""

    accepted: int = 0
    known: int = 0
    edited: int = 0
    left_out: int = 0
    quarantined: int = 0
    removed: int = 0
    """Messages whose author took them down."""
    bounced: int = 0
    """Texts of ours that did not arrive after all."""
    arrived: int = 0
    """Texts of ours of which nobody knew whether they had arrived, and which have."""
    warnings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """Places with the reason why they were put aside or left out; a reason may quote the record."""
    places: list[str] = field(default_factory=list)
    """The same places alone: fit for where a customer's words must not appear."""
    complaints: list[int] = field(default_factory=list)

    def add(self, other: "Recorded") -> None:
        """Add another chunk's counts."""
        self.accepted += other.accepted
        self.known += other.known
        self.edited += other.edited
        self.left_out += other.left_out
        self.quarantined += other.quarantined
        self.removed += other.removed
        self.bounced += other.bounced
        self.arrived += other.arrived
        self.warnings += other.warnings
        self.notes += other.notes
        self.places += other.places

    def summary(self) -> dict[str, int]:
        """The counts by the names of CONTRACTS."""
        return {
            "accepted": self.accepted,
            "known": self.known,
            "edited": self.edited,
            "left_out": self.left_out,
            "quarantined": self.quarantined,
            "warnings": len(self.warnings),
        }


def chunks(items: Iterable[Item], size: int = CHUNK) -> Iterable[list[Item]]:
    """The items in lists of at most `size`, reading no further ahead than one chunk."""
    stream = iter(items)
    while chunk := list(islice(stream, size)):
        yield chunk


def record(desk: Desk, items: Sequence[Item], *, source: str, cursor: tuple[str, str, str] | None = None) -> Recorded:
    """Store one chunk in one transaction, and move the channel's cursor (channel, account, position) with it.

    What became of our own texts is written down before, each by itself, so that an answer to one finds it there.
    """
    now = desk.now()
    told = Recorded()
    for item in items:
        _what_became_of_ours(desk, item, told, now)
    with desk.transaction() as session:
        incoming = [item for item in items if isinstance(item, Incoming)]
        removed = [item for item in items if isinstance(item, Removed)]
        take_turns(session, {(one.channel, one.account) for one in items if isinstance(one, Incoming | Removed)})
        _Chunk(desk, session, now, told).take(incoming, removed)
        for item in items:
            if isinstance(item, Unreadable):
                told.quarantined += 1
                told.notes.append(f"{item.place}: {item.reason}")
                told.places.append(f"{item.place}: quarantined")
                _quarantine(session, item, source, now)
            elif isinstance(item, LeftOut):
                told.left_out += 1
                told.notes.append(f"{item.place}: left out: {item.reason}")
                told.places.append(f"{item.place}: left out")
        for item in removed:  # whatever order they came in: what was taken down does not stand up again
            told.removed += take_down(session, desk, item.channel, item.account, item.external_id, now)
        _close_quarantine(session, incoming, source, now)
        if cursor is not None:
            _move_cursor(session, cursor, now)
        if told.accepted or told.edited or told.known:
            wake(session, "intake")
    return told


def _what_became_of_ours(desk: Desk, item: Item, told: Recorded, now: datetime) -> None:
    if isinstance(item, Arrived):
        with desk.transaction() as session:
            told.arrived += arrive(session, desk, item, now)
    elif isinstance(item, Bounced):
        with desk.transaction() as session:
            told.bounced += bounce(session, desk, item, now)


class _Chunk:
    """One chunk on its way into the database; holds what it has looked up."""

    def __init__(self, desk: Desk, session: Session, now: datetime, told: Recorded) -> None:
        self.desk = desk
        self.session = session
        self.now = now
        self.told = told
        self.messages: dict[Place, Message] = {}
        self.identities: dict[Place, Identity] = {}
        self.complaints: dict[int, Complaint] = {}
        self.recent: dict[int, list[Message]] = {}
        self.unborn: list[tuple[Identity, Complainant]] = []

    def take(self, incoming: Sequence[Incoming], removed: Sequence[Removed] = ()) -> None:
        """Store every record of the chunk. What is `removed` by it is locked in one order with the rest."""
        self._look_up(incoming, {(item.channel, item.account, item.external_id) for item in removed})
        incoming = [self._named(item) for item in incoming]
        new: list[tuple[Incoming, Identity | None]] = []
        later: dict[Place, list[Incoming]] = {}
        for item in incoming:
            self.told.warnings += [f"{item.place}: {warning}" for warning in item.warnings]
            place = (item.channel, item.account, item.external_id)
            if place in self.messages:
                self._known(item, self.messages[place])
            elif place in self.outgoing:  # the channel shows us our own answer
                self.told.known += 1
            elif place in later:
                later[place].append(item)
            else:
                later[place] = []
                new.append((item, self._identity(item)))
        self._fill_identities(incoming)
        self._open(new)
        for place, repeats in later.items():
            for item in repeats:
                self._known(item, self.messages[place])

    def _look_up(self, incoming: Sequence[Incoming], removed: set[Place]) -> None:
        mails = [item for item in incoming if self._named_by_sender(item)]
        places = {(item.channel, item.account, item.external_id) for item in incoming}
        places |= {(item.channel, item.account, hashed_name(item.raw)) for item in mails}
        parents = {(item.channel, item.account, item.in_reply_to) for item in incoming if item.in_reply_to}
        found = self._messages_at(places | parents | removed)
        self.messages = {(m.channel, m.account, m.external_id): m for m in found if m.direction is Direction.IN}
        self.outgoing = {(m.channel, m.account, m.external_id): m for m in found if m.direction is Direction.OUT}
        self._look_up_writers(mails)
        people = {place for item in incoming if (place := identity_place(item))}
        if people:
            key = tuple_(col(Identity.channel), col(Identity.account), col(Identity.external_id))
            rows = self.session.execute(select(Identity).where(key.in_(people))).scalars()
            self.identities = {(i.channel, i.account, i.external_id): i for i in rows}
        orphans = tuple_(col(Message.channel), col(Message.account), col(Message.in_reply_to))
        waiting = self._locked(orphans.in_(places) & col(Message.parent_id).is_(None)) if places else []
        self.waiting: dict[Place, list[Message]] = {}
        for message in waiting:
            self.waiting.setdefault((message.channel, message.account, message.in_reply_to or ""), []).append(message)
        known = [identity.id for identity in self.identities.values()]
        since = self.now - self.desk.policy.intake.same_within
        if known:
            rows_ = self.session.execute(
                select(Message)
                .where(
                    col(Message.identity_id).in_(known),
                    col(Message.received_at) >= since,
                    col(Message.direction) == Direction.IN,
                )
                .order_by(col(Message.id).desc())
                .limit(20 * len(known))
            ).scalars()
            for message in rows_:
                self.recent.setdefault(message.identity_id or 0, []).append(message)
        self.awaited = self._awaited(incoming)
        touched = {m.complaint_id for m in found} | set(self.awaited.values())
        touched |= {m.complaint_id for group in self.waiting.values() for m in group}
        touched |= {m.complaint_id for group in self.recent.values() for m in group}
        touched |= {number for item in incoming for number in _references(item)}
        self.complaints = lock_with_final(self.session, list(touched))

    def _awaited(self, incoming: Sequence[Incoming]) -> dict[tuple[str, str, int], int]:
        """Complaints that wait for a word of these people there, however long ago they last wrote."""
        people: dict[tuple[str, str], set[int]] = {}
        for item in incoming:
            identity = self.identities.get(identity_place(item) or ("", "", ""))
            if identity is not None and item.visibility is Visibility.PRIVATE:
                people.setdefault((item.channel, item.account), set()).add(identity.complainant_id)
        return {
            (channel, account, person): number
            for (channel, account), who in people.items()
            for person, number in waiting_for(self.session, sorted(who), channel, account).items()
        }

    def _named_by_sender(self, item: Incoming) -> bool:
        return self.desk.policy.channels.named_by_senders(item.channel)

    def _look_up_writers(self, mails: Sequence[Incoming]) -> None:
        """Who wrote what is kept under the ids of these mails."""
        known = {
            place: self.messages[place]
            for item in mails
            if (place := (item.channel, item.account, item.external_id)) in self.messages
        }
        numbers = {message.identity_id for message in known.values()}
        rows = self.session.execute(select(Identity).where(col(Identity.id).in_(numbers))).scalars() if known else ()
        writers = {one.id: _names(one.external_id, one.email) for one in rows}
        self.wrote = {
            place: writers.get(message.identity_id or 0, frozenset())
            for place, message in known.items()
            if message.text or message.identity_id is not None  # of whom was forgotten nobody can tell
        }

    def _named(self, item: Incoming) -> Incoming:
        """The message under the id that is its own: another author's mail with a known Message-ID is another mail."""
        if not self._named_by_sender(item):
            return item
        place = (item.channel, item.account, item.external_id)
        came = _names(*((item.author.id or item.author.handle, item.author.email) if item.author else ()))
        known = frozenset[str]() if place in self.outgoing else self.wrote.get(place)
        name = id_of_its_own(item.external_id, hashed_name(item.raw), known, came)
        if name == item.external_id:
            if place not in self.messages:
                self.wrote.setdefault(place, came)
            return item
        if (item.channel, item.account, name) not in self.messages:
            warning = "its Message-ID is that of another author's mail: the hash of the mail stands for it"
            self.told.warnings.append(f"{item.place}: {warning}")
        return replace(item, external_id=name)

    def _messages_at(self, places: set[tuple[str, str, str]]) -> list[Message]:
        if not places:
            return []
        return self._locked(tuple_(col(Message.channel), col(Message.account), col(Message.external_id)).in_(places))

    def _locked(self, which: ColumnElement[bool]) -> list[Message]:
        """Messages are locked before their complaints, as in assessing, so that nobody waits in a ring."""
        rows = self.session.execute(select(Message).where(which).order_by(col(Message.id)).with_for_update())
        return list(rows.scalars())

    def _identity(self, item: Incoming) -> Identity | None:
        place = identity_place(item)
        if place is None:
            return None
        if place not in self.identities:
            person = Complainant(
                name=item.author.name if item.author else None, created_at=self.now, language=item.lang
            )
            self.session.add(person)
            made = Identity(complainant_id=0, channel=place[0], account=place[1], external_id=place[2])
            self.unborn.append((made, person))
            self.identities[place] = made
        return self.identities[place]

    def _fill_identities(self, incoming: Sequence[Incoming]) -> None:
        self.session.flush()
        for identity, person in self.unborn:
            identity.complainant_id = person.id
            self.session.add(identity)
        for item in incoming:
            place = identity_place(item)
            # A known message may name an author that it did not have, or that was forgotten: nobody is made of that.
            if place is None or item.author is None or place not in self.identities:
                continue
            identity, author = self.identities[place], item.author
            identity.handle = author.handle or identity.handle
            identity.name = author.name or identity.name
            identity.email = (
                author.email or (author.id if item.channel == "email" else None) or identity.email or ""
            ).lower() or None
            identity.phone = (
                author.phone or (_number_of(author) if item.channel == "whatsapp" else None) or identity.phone
            )
            identity.plain_phone = plain_phone(identity.phone or "") or None
            if author.followers is not None:
                identity.followers = author.followers
            identity.verified = bool(author.verified) if author.verified is not None else identity.verified
            identity.tier = author.tier or identity.tier
        self.session.flush()

    def _open(self, new: Sequence[tuple[Incoming, Identity | None]]) -> None:
        pairs: list[tuple[Incoming, Identity | None, Complaint, bool]] = []
        threads: dict[Place, Complaint] = {}
        spoken: dict[int, list[tuple[str, Complaint, Incoming]]] = {}
        coming = {(item.channel, item.account, item.external_id) for item, _ in new}
        for item, identity in new:
            place = (item.channel, item.account, item.external_id)
            joins = self._joins(item, identity, threads, spoken)
            complaint = joins or self._new_complaint(item, identity)
            threads[place] = complaint
            parent = (item.channel, item.account, item.in_reply_to or "")
            if parent in coming:
                threads.setdefault(parent, complaint)
            if identity is not None:
                spoken.setdefault(identity.id, []).append((item.text, complaint, item))
            pairs.append((item, identity, complaint, joins is not None))
        self.session.flush()
        made = [self._message(item, identity, complaint) for item, identity, complaint, _ in pairs]
        self.session.add_all(made)
        self.session.flush()
        for message, (item, identity, complaint, joined) in zip(made, pairs, strict=True):
            self._link(message, item)
            if not joined:
                complaint.first_message_id = message.id
            self.messages[(message.channel, message.account, message.external_id)] = message
            trail.append(
                self.session,
                complaint,
                "received",
                by=trail.MACHINE_AUTHOR,
                at=self.now,
                message_id=message.id,
                channel=message.channel,
                visibility=message.visibility.value,
                joined=joined or None,
                digest=trail.salted(complaint.salt, message.text),
            )
            came_by_ticket(self.session, self.desk, complaint, message, self.now)
            if joined:
                void(self.session, complaint, "new_message", by=trail.MACHINE_AUTHOR, at=self.now)
            if identity is not None and item.opts_out:
                person = self.session.get_one(Complainant, identity.complainant_id)
                opt_out(self.session, complaint, person, self.now)
            elif joined:
                wrote_back(self.session, self.desk, complaint, message, self.now)
            self.told.accepted += 1
            self.told.complaints.append(complaint.id)

    def _joins(
        self,
        item: Incoming,
        identity: Identity | None,
        threads: dict[Place, Complaint],
        spoken: dict[int, list[tuple[str, Complaint, Incoming]]],
    ) -> Complaint | None:
        """The complaint that this message continues: same thread, same chat, its reference, or near-identical words."""
        if item.in_reply_to:
            place = (item.channel, item.account, item.in_reply_to)
            parent = self.messages.get(place) or self.outgoing.get(place)
            if parent is not None and _may_join(item, self.complaints[parent.complaint_id], identity):
                return final(self.session, self.complaints[parent.complaint_id])
            if place in threads and _may_join(item, threads[place], identity):
                return threads[place]
        place = (item.channel, item.account, item.external_id)
        if place in threads and _may_join(item, threads[place], identity):
            return threads[place]
        for child in self.waiting.get(place, ()):
            if _may_join(item, self.complaints[child.complaint_id], identity):
                return final(self.session, self.complaints[child.complaint_id])
        if identity is None:
            return None
        for number in _references(item):
            complaint = self.complaints.get(number)
            if complaint is not None and complaint.complainant_id == identity.complainant_id:
                return final(self.session, complaint)
        rules = self.desk.policy.intake
        told = _told(item.text, item, identity, item.posted_at)
        for text_, complaint, other in spoken.get(identity.id, ()):
            if same_thing(told, _told(text_, item, identity, other.posted_at), rules).likeness is Likeness.SAME:
                return complaint
        for message in self.recent.get(identity.id or 0, ()):
            complaint = final(self.session, self.complaints[message.complaint_id])
            if complaint.state in OVER:
                continue
            if (
                same_thing(told, _told(message.text, item, identity, message.posted_at), rules).likeness
                is Likeness.SAME
            ):
                return complaint
            apart = abs(item.posted_at - message.posted_at)
            chat = item.visibility is Visibility.PRIVATE and item.channel in CHATS
            if chat and message.visibility is Visibility.PRIVATE and apart <= rules.same_within:
                return complaint
        awaited = self.awaited.get((item.channel, item.account, identity.complainant_id))
        if awaited is not None and item.visibility is Visibility.PRIVATE:
            return final(self.session, self.complaints[awaited])
        return None

    def _new_complaint(self, item: Incoming, identity: Identity | None) -> Complaint:
        complaint = Complaint(
            state_since=self.now,
            opened_at=self.now,
            channel=item.channel,
            account=item.account,
            visibility=item.visibility,
            complainant_id=identity.complainant_id if identity else None,
            language=item.lang or "id",
            on_board=item.channel == "web" and item.visibility is Visibility.PUBLIC,
        )
        self.session.add(complaint)
        return complaint

    def _message(self, item: Incoming, identity: Identity | None, complaint: Complaint) -> Message:
        metrics = item.metrics or Metrics()
        return Message(
            complaint_id=complaint.id,
            identity_id=identity.id if identity else None,
            direction=Direction.IN,
            channel=item.channel,
            account=item.account,
            external_id=item.external_id,
            visibility=item.visibility,
            subject=item.subject,
            text=item.text,
            url=item.url,
            in_reply_to=item.in_reply_to,
            addressed=item.addressed,
            list_mail=item.list_mail,
            summoned=item.summoned,
            opts_out=item.opts_out,
            attachments=[{"name": a.name, "type": a.type, "size": a.size} for a in item.attachments],
            views=metrics.views or 0,
            likes=metrics.likes or 0,
            replies=metrics.replies or 0,
            shares=metrics.shares or 0,
            views_seen=[[self.now.isoformat(), metrics.views]] if metrics.views is not None else [],
            assess_due=True,
            posted_at=item.posted_at,
            received_at=self.now,
            raw=item.raw,
            numbers=numbers_in(self.desk, item.subject, item.text),
        )

    def _link(self, message: Message, item: Incoming) -> None:
        if item.in_reply_to:
            place = (item.channel, item.account, item.in_reply_to)
            parent = self.messages.get(place) or self.outgoing.get(place)
            message.parent_id = parent.id if parent else None
        for child in self.waiting.get((item.channel, item.account, item.external_id), ()):
            child.parent_id = message.id

    def _known(self, item: Incoming, message: Message) -> None:
        if not message.text:  # its author was forgotten, or took it down: what comes again is not kept again
            self.told.known += 1
            return
        changed = measure(message, item.metrics, self.now)
        if item.summoned is not None:  # who called on us in one of a platform's lists did, whatever the others show
            message.summoned = message.summoned or item.summoned
        if item.text == message.text:
            self.told.known += 1
        else:
            self.told.edited += 1
            of = self.complaints.get(message.complaint_id) or self.session.get_one(Complaint, message.complaint_id)
            edit(self.session, final(self.session, of), message, item.text, item.raw, self.now)
            message.numbers = numbers_in(self.desk, message.subject, item.text)
            changed = True
        if changed:
            message.assess_due = True
        self.session.add(message)


def identity_place(item: Incoming) -> Place | None:
    """Where an author's identity stands: by the platform's id, else by the handle."""
    author = item.author
    if author is None or not (author.id or author.handle):
        return None
    return (item.channel, item.account, author.id or f"@{(author.handle or '').lower().lstrip('@')}")


def _names(*names: str | None) -> frozenset[str]:
    return frozenset(name.lstrip("@") for name in names if name)


def _number_of(author: Author) -> str | None:
    """WhatsApp names people by their number, or, where they hide it, by an id that is none."""
    return author.id if author.id is not None and PHONE.fullmatch(author.id) else None


def _may_join(item: Incoming, complaint: Complaint, identity: Identity | None) -> bool:
    """A public thread is open to all; what a stranger writes privately is a matter of their own."""
    if item.visibility is Visibility.PUBLIC:
        return True
    return identity is None or complaint.complainant_id in (None, identity.complainant_id)


def _told(said: str, item: Incoming, identity: Identity, at: datetime) -> Told:
    return Told(said, item.channel, at, account=item.account, identity=identity.external_id)


def _references(item: Incoming) -> list[int]:
    said = f"{item.subject or ''} {item.text}"
    return [number_of(found) for found in REFERENCE.findall(said)[:5]]


def take_turns(session: Session, accounts: set[tuple[str, str]]) -> None:
    """Nobody else records what comes by these accounts of ours until this transaction ends."""
    for channel, account in sorted(accounts):
        session.execute(
            text("SELECT pg_advisory_xact_lock(hashtextextended(:what, 0))"), {"what": f"record:{channel}:{account}"}
        )


def _quarantine(session: Session, item: Unreadable, source: str, now: datetime) -> None:
    digest = hashlib.sha256(item.raw).hexdigest()
    values = insert(Quarantined).values(
        at=now,
        source=source,
        place=item.place,
        channel=item.channel,
        reason=item.reason,
        raw=item.raw,
        digest=digest,
        seen=1,
    )
    session.execute(
        values.on_conflict_do_update(
            index_elements=["digest", "reason"],
            set_={"seen": Quarantined.__table__.c.seen + 1, "place": item.place, "taken_at": None},  # type: ignore[attr-defined]
        )
    )


def _close_quarantine(session: Session, incoming: Sequence[Incoming], source: str, now: datetime) -> None:
    """What is now readable leaves the quarantine: the same bytes, or mended ones at the same place of a file."""
    digests = [hashlib.sha256(item.raw).hexdigest() for item in incoming]
    same: ColumnElement[bool] = col(Quarantined.digest).in_(digests)
    if source != "-":
        same = same | (
            (col(Quarantined.source) == source) & col(Quarantined.place).in_([item.place for item in incoming])
        )
    for row in session.execute(select(Quarantined).where(col(Quarantined.taken_at).is_(None), same)).scalars():
        row.taken_at = now
        session.add(row)


def _move_cursor(session: Session, cursor: tuple[str, str, str], now: datetime) -> None:
    channel, account, position = cursor
    values = insert(Cursor).values(channel=channel, account=account, position=position, moved_at=now)
    session.execute(
        values.on_conflict_do_update(
            index_elements=["channel", "account"], set_={"position": position, "moved_at": now}
        )
    )
