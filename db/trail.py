"""Writes the trail and proves it.

Each complaint and incident has a chain of events, numbered from 1; each event's hash covers the one before. Nothing in
an event tells who a customer is: words and names stand in tables that can be emptied, the trail carries references,
states, tokens and salted digests.
"""

import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import func, select, text
from sqlmodel import Session

from db.tables import Anchor, Complaint, Event, Incident

DESK = "desk"


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

    The caller holds the subject's row lock, so numbers have no gaps and no twins.
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
    """Walk every chain and its head; yields what is broken, reading in constant memory."""
    heads = _heads(session)
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
        number, before = event.number, event.hash
        seen[chain] = (number, before)
        session.expunge(event)
    for chain, head in heads.items():
        if head[0] and seen.get(chain) != head:
            yield BrokenChain(chain, head[0], "is the head that its row remembers, but the chain ends elsewhere")


def anchor(session: Session, day: date, at: datetime) -> Anchor:
    """Write the day's digest over all heads; calling it again on that day returns what stands."""
    found = session.get(Anchor, day)
    if found is not None:
        return found
    heads = _heads(session)
    number, before = _desk_head(session)
    heads[DESK] = (number, before)
    said = json.dumps(heads, sort_keys=True, separators=(",", ":"))
    made = Anchor(
        day=day,
        at=at,
        chains=len(heads),
        events=sum(count for count, _ in heads.values()),
        digest=hashlib.sha256(said.encode()).hexdigest(),
    )
    session.add(made)
    return made


def history(session: Session, subject: Complaint | Incident) -> list[Event]:
    """The subject's events in order."""
    found = session.execute(select(Event).where(Event.chain == subject.reference).order_by(Event.number))  # type: ignore[arg-type]
    return list(found.scalars())


def count_by_name(session: Session, since: datetime, until: datetime) -> Mapping[str, int]:
    """How often each event was written in a window."""
    found = session.execute(
        select(Event.name, func.count()).where(Event.at >= since, Event.at < until).group_by(Event.name)  # type: ignore[call-overload]
    )
    return {name: count for name, count in found}


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
