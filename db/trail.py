"""Writes the trail and proves it.

Each complaint and incident has a chain of events, numbered from 1; each event's hash covers the one before. Nothing in
an event tells who a customer is: words and names stand in tables that can be emptied, the trail carries references,
states, tokens and salted digests.
"""

import hashlib
import hmac
import json
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import func, select, text
from sqlalchemy.orm import aliased
from sqlmodel import Session

from db.tables import Anchor, Complaint, Event, Incident
from db.wake import wake

DESK = "desk"
LONGEST_TRANSACTION = timedelta(hours=1)
"""An event may come to light this long after the instant it bears."""


@dataclass(frozen=True)
class Author:
    """Who does something: the person or `tanggap`, and the operating-system user or token that typed it."""

    name: str
    typed_by: str | None = None


MACHINE_AUTHOR = Author("tanggap")


def append(
    session: Session,
    subject: Complaint | Incident | None,
    name: str,
    *,
    by: Author,
    at: datetime,
    message_id: int | None = None,
    **data: Any,
) -> Event:
    """Write one event onto the subject's chain; None is the desk itself.

    The caller holds the subject's row lock, so numbers have no gaps and no twins. An event of a complaint wakes
    `slack`: whatever is shown of it there is drawn anew.
    """
    if subject is None:
        chain, number, before = DESK, *_desk_head(session)
    else:
        chain, number, before = subject.reference, subject.events, subject.head
    kept = {key: value for key, value in data.items() if value is not None}
    event = Event(
        chain=chain,
        number=number + 1,
        complaint_id=subject.id if isinstance(subject, Complaint) else None,
        incident_id=subject.id if isinstance(subject, Incident) else None,
        at=at,
        name=name,
        by=by.name,
        typed_by=by.typed_by,
        message_id=message_id,
        data=kept,
        before=before,
        hash="",
    )
    event.hash = digest_of(event)
    session.add(event)
    if isinstance(subject, Complaint):
        with session.no_autoflush:  # the caller's rows may be half filled yet
            wake(session, "slack")
    if subject is not None:
        subject.events = event.number
        subject.head = event.hash
        session.add(subject)
    else:
        session.flush()
    return event


def digest_of(event: Event) -> str:
    """The event's hash: SHA-256 over everything that it says and the hash before it."""
    said = {
        "chain": event.chain,
        "number": event.number,
        "at": event.at.astimezone(UTC).isoformat(timespec="microseconds"),
        "name": event.name,
        "by": event.by,
        "typed_by": event.typed_by,
        "message": event.message_id,
        "data": event.data,
        "before": event.before,
    }
    return hashlib.sha256(json.dumps(said, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def salted(salt: bytes, said: str) -> str:
    """A digest of somebody's words or name that says nothing once the salt is forgotten."""
    return hmac.new(salt, said.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()[:32]


@dataclass(frozen=True)
class BrokenChain:
    """A chain that does not prove what it should, and where."""

    chain: str
    number: int
    why: str

    def __str__(self) -> str:
        return f"{self.chain}, event {self.number}: {self.why}"


def verify(session: Session) -> Iterator[BrokenChain]:
    """Walk every chain, its head and the anchors; yields what is broken. Events are read in constant memory."""
    heads = _heads(session)
    anchored = yield from _anchored(session)
    chain, number, before = "", 0, ""
    rows = session.execute(select(Event).order_by(Event.chain, Event.number).execution_options(yield_per=2000))  # type: ignore[arg-type]
    seen: dict[str, tuple[int, str]] = {}
    for (event,) in rows:
        if event.chain != chain:
            chain, number, before = event.chain, 0, ""
        if event.number != number + 1:
            yield BrokenChain(chain, number + 1, f"is missing (the next one is {event.number})")
        elif event.before != before:
            yield BrokenChain(chain, event.number, "does not follow from the one before")
        if digest_of(event) != event.hash:
            yield BrokenChain(chain, event.number, "was changed after it was written")
        day, hash_ = anchored.pop((chain, event.number), (None, event.hash))
        if hash_ != event.hash:
            yield BrokenChain(chain, event.number, f"is another one than was anchored on {day}")
        number, before = event.number, event.hash
        seen[chain] = (number, before)
        session.expunge(event)
    for chain, head in heads.items():
        if head[0] and seen.get(chain) != head and not _ends_at_its_head(session, chain):
            yield BrokenChain(chain, head[0], "is the head that its row remembers, but the chain ends elsewhere")
    for (chain, number), (day, _) in anchored.items():
        yield BrokenChain(chain, number, f"was there when it was anchored on {day}, and is gone")


def _ends_at_its_head(session: Session, chain: str) -> bool:
    """Asked in one statement, since a living desk may have written between reading the heads and the events."""
    letters, _, number = chain.partition("-")
    table = Complaint if letters == "TG" else Incident
    any_event = aliased(Event)
    last = select(func.max(any_event.number)).where(any_event.chain == chain).scalar_subquery()  # type: ignore[arg-type]
    found = session.execute(
        select(Event.id).where(  # type: ignore[call-overload]
            table.id == int(number),
            Event.chain == chain,
            Event.number == last,
            Event.number == table.events,
            Event.hash == table.head,
        )
    )
    return found.first() is not None


def _anchored(session: Session) -> Generator[BrokenChain, None, dict[tuple[str, int], tuple[date, str]]]:
    """What the anchors say of each chain's head, by chain and number; yields the anchors that do not add up."""
    said: dict[tuple[str, int], tuple[date, str]] = {}
    before = ""
    for found in session.execute(select(Anchor).order_by(Anchor.day)).scalars():  # type: ignore[arg-type]
        if found.digest != _digest_of_anchor(found.day, found.heads, before):
            yield BrokenChain(f"the anchor of {found.day}", 0, "was changed, or one before it was")
        said |= {(chain, number): (found.day, hash_) for chain, (number, hash_) in found.heads.items()}
        before = found.digest
    return said


def anchor(session: Session, day: date, at: datetime) -> Anchor:
    """Write down the heads of all chains that grew since the last anchor, and a digest over them and that anchor's.

    Calling it again on that day returns what stands.
    """
    found = session.get(Anchor, day)
    if found is not None:
        return found
    last = session.execute(select(Anchor).order_by(Anchor.day.desc()).limit(1)).scalar_one_or_none()  # type: ignore[attr-defined]
    heads = _heads(session)
    heads[DESK] = _desk_head(session)
    grew = select(Event.chain).distinct()  # type: ignore[call-overload]
    if last is not None:
        grew = grew.where(Event.at >= last.at - LONGEST_TRANSACTION)
    kept = {chain: list(heads[chain]) for chain in session.execute(grew).scalars()}
    made = Anchor(
        day=day,
        at=at,
        chains=sum(count > 0 for count, _ in heads.values()),
        events=sum(count for count, _ in heads.values()),
        heads=kept,
        digest=_digest_of_anchor(day, kept, last.digest if last else ""),
    )
    session.add(made)
    return made


def _digest_of_anchor(day: date, heads: Mapping[str, Any], before: str) -> str:
    said = {"day": day.isoformat(), "heads": {chain: list(head) for chain, head in heads.items()}, "before": before}
    return hashlib.sha256(json.dumps(said, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def history(session: Session, subject: Complaint | Incident) -> list[Event]:
    """The subject's events in order."""
    found = session.execute(select(Event).where(Event.chain == subject.reference).order_by(Event.number))  # type: ignore[arg-type]
    return list(found.scalars())


def count_by_name(session: Session, since: datetime, until: datetime) -> Mapping[str, int]:
    """How often each event was written in a window."""
    found = session.execute(
        select(Event.name, func.count()).where(Event.at >= since, Event.at < until).group_by(Event.name)  # type: ignore[call-overload]
    )
    return dict(found.tuples().all())


def _desk_head(session: Session) -> tuple[int, str]:
    session.execute(text("SELECT pg_advisory_xact_lock(hashtext('tanggap:desk-chain'))"))
    found = session.execute(
        select(Event.number, Event.hash).where(Event.chain == DESK).order_by(Event.number.desc()).limit(1)  # type: ignore[call-overload, attr-defined]
    ).first()
    return (found[0], found[1]) if found else (0, "")


def _heads(session: Session) -> dict[str, tuple[int, str]]:
    heads: dict[str, tuple[int, str]] = {}
    for table, letters in ((Complaint, "TG"), (Incident, "IN")):
        for number, events, head in session.execute(select(table.id, table.events, table.head)):  # type: ignore[call-overload]
            heads[f"{letters}-{number}"] = (events, head)
    return heads
