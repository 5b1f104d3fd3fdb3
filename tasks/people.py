"""What people do to a complaint beside deciding: correct, note, assign, throw out, close, post by hand."""

import re
from dataclasses import dataclass
from datetime import datetime
from difflib import SequenceMatcher
from typing import Any

from sqlalchemy import select
from sqlmodel import Session, col

from db import trail
from db.complaints import find, first_message, lock, move
from db.tables import (
    Complaint,
    Correction,
    Delivery,
    DeliveryState,
    Note,
)
from db.wake import wake
from db.words import Category, DeliveryKind, Kind, Remedy, Risk, Severity, State
from integrations.channels.base import Sent
from tasks.acknowledge import acknowledge
from tasks.breach_suspected import suspect_breach
from tasks.decide import must_be_allowed
from tasks.desk import Desk
from tasks.membership import knows
from tasks.merge import merge_into
from tasks.outbox import cancel_kinds, follow_severity
from tasks.promise import promise
from tasks.publish import ground_moved, record_sent, take_back
from tasks.rounds import risk_may_have_risen, void


class Mistake(Exception):
    """What a person asked for cannot be done; the text says why and what would do."""


FIELDS = ("kind", "category", "remedy", "severity", "risks", "anger", "language")
LANGUAGE = re.compile(r"mixed|[a-z]{2}")
PLAIN = {"anger": "0, 1, 2, 3", "language": "id, en, mixed, or another two-letter code"}


def correct(desk: Desk, reference: str, changes: dict[str, str], by: trail.Author, why: str | None = None) -> None:
    """Overrule the assessment; the machine leaves a corrected field alone from then on, and learns from it.

    Raises:
        Mistake: no such field, or not one of its words.
        Refused: the person may not.
    """
    must_be_allowed(desk, by, "correct")
    now = desk.now()
    values = {field: _value(field, said) for field, said in changes.items()}
    with desk.transaction() as session:
        complaint = lock(session, find(session, reference).id)
        for field, value in values.items():
            was = getattr(complaint, field)
            session.add(
                Correction(
                    complaint_id=complaint.id,
                    at=now,
                    by=by.name,
                    field=field,
                    was=_said(was),
                    now=_said(value) or "",
                    why=why,
                )
            )
            setattr(complaint, field, value)
        if complaint.kind is not Kind.COMPLAINT:
            complaint.category = complaint.remedy = None
        complaint.corrected = sorted({*complaint.corrected, *values})
        complaint.unsure = [field for field in complaint.unsure if field not in values]
        facts: dict[str, Any] = {
            field: (_said(value) if field != "risks" else value) for field, value in values.items()
        }
        trail.append(
            session,
            complaint,
            "corrected",
            by=by,
            at=now,
            reason=trail.salted(complaint.salt, why) if why else None,
            **facts,
        )
        if "risks" in values and Risk.PRIVACY in complaint.risks:
            suspect_breach(session, desk, complaint, known_at=complaint.opened_at, text=None, now=now)
        _act_on_correction(session, desk, complaint, by, now)


def _act_on_correction(session: Session, desk: Desk, complaint: Complaint, by: trail.Author, now: datetime) -> None:
    follow_severity(session, complaint)
    if complaint.severity is not None and complaint.responded_at is None:
        promise(desk, complaint, complaint.opened_at, anew=True)
        session.add(complaint)
    wanted = complaint.kind in (Kind.COMPLAINT, Kind.QUESTION)
    if complaint.state in (State.NOTED, State.MONITORING, State.SPAM) and wanted:
        move(session, complaint, State.ASSESSED, event="taken_up", by=by, at=now)
        acknowledge(session, desk, complaint, first_message(session, complaint), now)
        wake(session, "respond")
    elif complaint.state is State.ASSESSED and not wanted:
        move(session, complaint, State.NOTED, event="noted", by=by, at=now)
    else:
        risk_may_have_risen(session, desk, complaint, now)


def _value(field: str, said: str) -> object:
    words = {"kind": Kind, "category": Category, "remedy": Remedy, "severity": Severity}
    if field not in FIELDS:
        raise Mistake(f"`{field}` is nothing that can be corrected. Use one of: {', '.join(FIELDS)}.")
    try:
        if field == "risks":
            return sorted({Risk(word.strip()).value for word in said.split(",") if word.strip()})
        if field == "anger":
            if said not in ("0", "1", "2", "3"):
                raise ValueError(said)
            return int(said)
        if field == "language":
            if not LANGUAGE.fullmatch(said.strip().lower()):
                raise ValueError(said)
            return said.strip().lower()
        return words[field](said.strip())
    except ValueError:
        known = ", ".join(Risk) if field == "risks" else ", ".join(words[field]) if field in words else PLAIN[field]
        raise Mistake(f"`{said}` is no {field}. Use: {known}.") from None


def _said(value: object) -> str | None:
    if value is None:
        return None
    return ",".join(value) if isinstance(value, list) else str(value)


def note(desk: Desk, reference: str, text: str, by: trail.Author) -> None:
    """Write an internal note. It can reach no channel."""
    must_be_allowed(desk, by, "note")
    now = desk.now()
    with desk.transaction() as session:
        complaint = lock(session, find(session, reference).id)
        written = Note(complaint_id=complaint.id, at=now, by=by.name, text=text)
        session.add(written)
        session.flush()
        trail.append(session, complaint, "noted_by_person", by=by, at=now, note=written.id)


def assign(desk: Desk, reference: str, owner: str, by: trail.Author) -> None:
    """Give a complaint an owner."""
    must_be_allowed(desk, by, "assign")
    now = desk.now()
    with desk.transaction() as session:
        if not knows(session, desk, owner, now):
            raise Mistake(f"{owner} is nobody in policy/people.yaml.")
        complaint = lock(session, find(session, reference).id)
        complaint.owner = owner
        trail.append(session, complaint, "assigned", by=by, at=now, owner=owner)


def throw_out(desk: Desk, reference: str, by: trail.Author) -> None:
    """It is spam after all. Kept, and can be undone by correcting its kind.

    Raises:
        Mistake: it was answered already, so it is no spam.
    """
    must_be_allowed(desk, by, "spam")
    now = desk.now()
    with desk.transaction() as session:
        complaint = lock(session, find(session, reference).id)
        void(session, complaint, "spam", by=by, at=now)
        cancel_kinds(session, complaint, "spam", DeliveryKind.ACKNOWLEDGEMENT, DeliveryKind.HOLDING)
        if complaint.state is State.DRAFTING and complaint.responded_at is None:
            move(session, complaint, State.MONITORING, event="monitoring", by=by, at=now)
        if complaint.state in (State.MONITORING, State.NOTED):
            move(session, complaint, State.ASSESSED, event="taken_up", by=by, at=now)
        if complaint.state not in (State.NEW, State.ASSESSED):
            raise Mistake(f"{reference} is {complaint.state.value}; only what was not answered can be spam.")
        complaint.kind, complaint.category, complaint.remedy = Kind.SPAM, None, None
        complaint.corrected = sorted({*complaint.corrected, "kind"})
        session.add(Correction(complaint_id=complaint.id, at=now, by=by.name, field="kind", was=None, now="spam"))
        move(session, complaint, State.SPAM, event="spam", by=by, at=now)


def close_held(desk: Desk, reference: str, reason: str, by: trail.Author) -> None:
    """End what was held, with a reason."""
    must_be_allowed(desk, by, "close")
    now = desk.now()
    with desk.transaction() as session:
        complaint = lock(session, find(session, reference).id)
        if complaint.state is not State.HELD:
            raise Mistake(f"{reference} is {complaint.state.value}; only a held complaint is closed by hand.")
        complaint.closed_at, complaint.closed_why = now, "by_hand"
        move(
            session,
            complaint,
            State.CLOSED,
            event="closed",
            by=by,
            at=now,
            why="by_hand",
            reason=trail.salted(complaint.salt, reason),
        )
        session.add(Note(complaint_id=complaint.id, at=now, by=by.name, text=f"Closed: {reason}"))


def redraft(desk: Desk, reference: str, by: trail.Author) -> None:
    """Let the machine try again what is held or was noted down."""
    must_be_allowed(desk, by, "draft")
    now = desk.now()
    with desk.transaction() as session:
        complaint = lock(session, find(session, reference).id)
        if complaint.state is not State.HELD:
            raise Mistake(f"{reference} is {complaint.state.value}; only a held complaint is drafted anew this way.")
        move(session, complaint, State.DRAFTING, event="drafting", by=by, at=now)
        wake(session, "respond")


def merge(desk: Desk, reference: str, into: str, by: trail.Author) -> None:
    """A person says that two complaints are one."""
    must_be_allowed(desk, by, "merge")
    now = desk.now()
    with desk.transaction() as session:
        numbers = sorted([find(session, reference).id, find(session, into).id])
        for number in numbers:
            lock(session, number)
        complaint, target = find(session, reference), find(session, into)
        if complaint.id == target.id:
            raise Mistake("A complaint cannot be merged into itself.")
        if target.state in (State.MERGED, State.SPAM, State.NOTED, State.NEW):
            raise Mistake(f"{into} is {target.state.value}; nothing can be merged into it.")
        void(session, complaint, "merged", by=by, at=now)
        merge_into(session, desk, complaint, target, by=by, now=now)


def unmerge(desk: Desk, reference: str, by: trail.Author) -> None:
    """Undo a merge: the complaint stands on its own again."""
    must_be_allowed(desk, by, "merge")
    now = desk.now()
    with desk.transaction() as session:
        complaint = lock(session, find(session, reference).id)
        if complaint.state is not State.MERGED:
            raise Mistake(f"{reference} is {complaint.state.value}, not merged.")
        complaint.merged_into = None
        move(session, complaint, State.ASSESSED, event="unmerged", by=by, at=now)
        wake(session, "respond")


@dataclass(frozen=True)
class Compared:
    """What a person posted by hand, beside what was approved."""

    reference: str
    same: bool
    likeness: float


def waiting_by_hand(session: Session, complaint_id: int) -> Delivery | None:
    """The delivery that a person posts, or whose arrival a person must tell."""
    return session.execute(
        select(Delivery)
        .where(
            col(Delivery.complaint_id) == complaint_id,
            col(Delivery.needs_person),
            col(Delivery.state).in_([DeliveryState.MANUAL, DeliveryState.UNKNOWN]),
        )
        .order_by(col(Delivery.id))
        .limit(1)
        .with_for_update()
    ).scalar_one_or_none()


def posted(desk: Desk, reference: str, url: str, by: trail.Author, found_text: str | None = None) -> Compared:
    """A person posted what was approved, or found it there; `found_text` is what stands at the address now.

    Raises:
        Mistake: nothing waits to be posted.
    """
    must_be_allowed(desk, by, "posted")
    now = desk.now()
    with desk.transaction() as session:
        complaint = lock(session, find(session, reference).id)
        delivery = waiting_by_hand(session, complaint.id)
        if delivery is None:
            raise Mistake(f"Nothing of {reference} waits to be posted by hand.")
        approved = delivery.text
        likeness = 1.0 if found_text is None else contained(approved, found_text)
        record_sent(session, desk, complaint, delivery, Sent(platform_id=url, url=url), now, posted_by=by)
        same = likeness >= 0.999
        read = None if found_text is None else same
        trail.append(session, complaint, "posted_by_hand", by=by, at=now, delivery=delivery.id, as_approved=read)
        return Compared(reference, same, likeness)


def contained(approved: str, page: str) -> float:
    """How much of the approved text stands on the page, 0 to 1, whitespace aside."""
    wanted, there = " ".join(approved.split()), " ".join(page.split())
    if wanted in there:
        return 1.0
    blocks = SequenceMatcher(None, wanted, there[:200_000], autojunk=False).get_matching_blocks()
    return sum(block.size for block in blocks if block.size >= 8) / max(1, len(wanted))


def send_again(desk: Desk, reference: str, by: trail.Author) -> None:
    """A person looked: the unclear or failed delivery did not arrive, so it goes out again.

    Raises:
        Mistake: there is none, or its customer was heard again since; then a new answer is drafted instead.
        Refused: the person may not.
    """
    must_be_allowed(desk, by, "resend")
    now = desk.now()
    with desk.transaction() as session:
        complaint = lock(session, find(session, reference).id)
        delivery = session.execute(
            select(Delivery)
            .where(
                col(Delivery.complaint_id) == complaint.id,
                col(Delivery.needs_person),
                col(Delivery.state).in_([DeliveryState.FAILED, DeliveryState.UNKNOWN]),
            )
            .order_by(col(Delivery.id))
            .limit(1)
            .with_for_update()
        ).scalar_one_or_none()
        if delivery is None:
            raise Mistake(f"No delivery of {reference} failed or is unclear.")
        moved = ground_moved(session, delivery)
        if moved is None:
            delivery.state, delivery.due_at, delivery.tries = DeliveryState.QUEUED, now, 0
            delivery.needs_person, delivery.why = False, None
            session.add(delivery)
            trail.append(session, complaint, "sent_again", by=by, at=now, delivery=delivery.id)
            wake(session, "deliver")
            return
        take_back(session, complaint, delivery, moved, now)
    raise Mistake(
        f"{reference}: its customer was heard again since, so that text is approved no more. A new draft comes."
    )
