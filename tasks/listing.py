"""The queries behind the listings: complaints, reviews that wait, deliveries, incidents, what could not be read.

Everything here only reads. Long listings come row by row, read a page at a time, so that a hundred thousand complaints
cost no more memory than fifty.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select
from sqlmodel import Session, col

from db.fingerprint import companion_in
from db.tables import (
    Complaint,
    Delivery,
    DeliveryState,
    Draft,
    Incident,
    IncidentMember,
    Message,
    PublishingStop,
    Quarantined,
    Review,
    ReviewState,
    Round,
)
from db.words import DeliveryKind, Gate, IncidentState, Kind, Severity, State, Visibility
from tasks.desk import Desk
from tasks.grounds import GroundShown, grounds_shown
from tasks.membership import Standing, standing
from tasks.watch import WAITING

PAGE = 500
EXCERPT = 200
"""Characters of a message that a listing shows."""
RAW_SHOWN = 2000
"""Bytes of an unreadable record that a listing shows; the database keeps all of it."""
TO_MEND = (DeliveryState.FAILED, DeliveryState.UNKNOWN, DeliveryState.MANUAL)
"""Deliveries that did not go out by themselves: refused, unclear, or for a person to post."""


@dataclass(frozen=True)
class Wanted:
    """Which complaints are looked for; what is empty or None does not matter."""

    states: Sequence[State] = ()
    severities: Sequence[Severity] = ()
    kinds: Sequence[Kind] = ()
    channel: str | None = None
    owner: str | None = None
    gate: Gate | None = None
    """With an open review at this gate."""
    late: bool = False
    """The promised answer, or what is held, is past its time."""
    unsure: bool = False
    """With a field of its assessment that a person decides."""
    limit: int | None = None


@dataclass(frozen=True)
class ComplaintLine:
    """One complaint in a list."""

    reference: str
    state: State
    severity: Severity | None
    kind: Kind | None
    category: str | None
    risks: tuple[str, ...]
    channel: str
    account: str
    visibility: Visibility
    language: str
    owner: str | None
    opened_at: datetime
    answer_by: datetime | None
    late: bool
    gates: tuple[Gate, ...]
    """Where a review is open."""
    held_why: str | None
    held_until: datetime | None
    merged_into: str | None
    incident: str | None
    complainant: int | None
    unsure: tuple[str, ...]
    """The fields of its assessment that a person decides."""
    text: str
    """How its first message begins."""
    masked: bool
    """Whether its author took that message down, and our copy of it was emptied."""


def complaints(desk: Desk, wanted: Wanted) -> Iterator[ComplaintLine]:
    """The complaints that fit, newest first."""
    now = desk.now()
    conditions = conditions_of(wanted, now)
    below: int | None = None
    left = wanted.limit
    while left is None or left > 0:
        size = PAGE if left is None else min(PAGE, left)
        query = (
            select(Complaint, func.left(Message.text, EXCERPT), col(Message.masked_at))
            .outerjoin(Message, col(Message.id) == col(Complaint.first_message_id))
            .where(*conditions)
            .order_by(col(Complaint.id).desc())
            .limit(size)
        )
        if below is not None:
            query = query.where(col(Complaint.id) < below)
        with desk.transaction() as session:
            rows = session.execute(query).all()
            gates = _open_gates(session, [complaint.id for complaint, *_ in rows])
        for complaint, text, masked_at in rows:
            yield _line(complaint, text or "", masked_at is not None, gates.get(complaint.id, ()), now)
        if len(rows) < size:
            return
        below = rows[-1][0].id
        left = None if left is None else left - len(rows)


def count_complaints(desk: Desk, wanted: Wanted) -> int:
    """How many fit, whatever the limit."""
    with desk.transaction() as session:
        query = select(func.count()).select_from(Complaint).where(*conditions_of(wanted, desk.now()))
        count: int = session.execute(query).scalar_one()
        return count


def conditions_of(wanted: Wanted, now: datetime) -> list[ColumnElement[bool]]:
    """What a complaint must be to fit."""
    conditions: list[ColumnElement[bool]] = []
    if wanted.states:
        conditions.append(col(Complaint.state).in_(wanted.states))
    if wanted.severities:
        conditions.append(col(Complaint.severity).in_(wanted.severities))
    if wanted.kinds:
        conditions.append(col(Complaint.kind).in_(wanted.kinds))
    if wanted.channel is not None:
        conditions.append(col(Complaint.channel) == wanted.channel)
    if wanted.owner is not None:
        conditions.append(col(Complaint.owner) == wanted.owner)
    if wanted.gate is not None:
        conditions.append(
            exists(
                select(Review.id)  # type: ignore[call-overload]
                .join(Round, col(Round.id) == col(Review.round_id))
                .where(
                    col(Round.complaint_id) == col(Complaint.id),
                    col(Review.state) == ReviewState.OPEN,
                    col(Review.gate) == wanted.gate,
                )
            )
        )
    if wanted.unsure:
        conditions.append(col(Complaint.unsure) != [])
        conditions.append(col(Complaint.state).not_in((State.MERGED, State.CLOSED)))
    if wanted.late:
        conditions.append(
            or_(
                and_(col(Complaint.state).in_(WAITING), col(Complaint.answer_by) < now),
                and_(col(Complaint.state) == State.HELD, col(Complaint.held_until) < now),
            )
        )
    return conditions


def is_late(complaint: Complaint, now: datetime) -> bool:
    """Whether the promised answer, or the end of being held, is past."""
    promised = complaint.state in WAITING and complaint.answer_by is not None and complaint.answer_by < now
    held = complaint.state is State.HELD and complaint.held_until is not None and complaint.held_until < now
    return promised or held


def _open_gates(session: Session, numbers: Sequence[int]) -> dict[int, tuple[Gate, ...]]:
    rows = session.execute(
        select(Round.complaint_id, Review.gate)  # type: ignore[call-overload]
        .join(Round, col(Round.id) == col(Review.round_id))
        .where(col(Round.complaint_id).in_(numbers), col(Review.state) == ReviewState.OPEN)
        .order_by(col(Review.id))
    )
    gates: dict[int, tuple[Gate, ...]] = {}
    for number, gate in rows:
        gates[number] = (*gates.get(number, ()), gate)
    return gates


def _line(complaint: Complaint, text: str, masked: bool, gates: tuple[Gate, ...], now: datetime) -> ComplaintLine:
    return ComplaintLine(
        reference=complaint.reference,
        state=complaint.state,
        severity=complaint.severity,
        kind=complaint.kind,
        category=complaint.category.value if complaint.category else None,
        risks=tuple(complaint.risks),
        channel=complaint.channel,
        account=complaint.account,
        visibility=complaint.visibility,
        language=complaint.language,
        owner=complaint.owner,
        opened_at=complaint.opened_at,
        answer_by=complaint.answer_by,
        late=is_late(complaint, now),
        gates=gates,
        held_why=complaint.held_why,
        held_until=complaint.held_until,
        merged_into=f"TG-{complaint.merged_into}" if complaint.merged_into else None,
        incident=f"IN-{complaint.incident_id}" if complaint.incident_id else None,
        complainant=complaint.complainant_id,
        unsure=tuple(complaint.unsure),
        text=text,
        masked=masked,
    )


@dataclass(frozen=True)
class QuarantineLine:
    """A record that could not be taken, with its reason."""

    number: int
    at: datetime
    source: str
    place: str
    channel: str | None
    reason: str
    seen: int
    size: int
    """Bytes of the record as it came."""
    raw: str
    """How it begins; bytes that are no UTF-8 as `\\xNN`."""


def quarantined(desk: Desk, limit: int | None = None) -> Iterator[QuarantineLine]:
    """The records in quarantine that no later import has taken, newest first."""
    below: int | None = None
    left = limit
    while left is None or left > 0:
        size = 50 if left is None else min(50, left)  # a record may have a megabyte
        query = (
            select(Quarantined)
            .where(col(Quarantined.taken_at).is_(None))
            .order_by(col(Quarantined.id).desc())
            .limit(size)
        )
        if below is not None:
            query = query.where(col(Quarantined.id) < below)
        with desk.transaction() as session:
            rows = list(session.execute(query).scalars())
        for row in rows:
            yield QuarantineLine(
                number=row.id,
                at=row.at,
                source=row.source,
                place=row.place,
                channel=row.channel,
                reason=row.reason,
                seen=row.seen,
                size=len(row.raw),
                raw=row.raw[:RAW_SHOWN].decode("utf-8", "backslashreplace"),
            )
        if len(rows) < size:
            return
        below = rows[-1].id
        left = None if left is None else left - len(rows)


def count_quarantined(session: Session) -> int:
    """How many records wait in quarantine."""
    query = select(func.count()).select_from(Quarantined).where(col(Quarantined.taken_at).is_(None))
    count: int = session.execute(query).scalar_one()
    return count


@dataclass(frozen=True)
class ReviewLine:
    """One open review, with what its gate has to look at."""

    review: int
    reference: str
    gate: Gate
    stands_in_for: Gate | None
    purpose: str
    because: str
    severity: Severity | None
    risks: tuple[str, ...]
    opened_at: datetime
    deadline: datetime
    late: bool
    escalated_to: str | None
    author: str
    sha256: str
    kind: DeliveryKind
    channel: str
    visibility: Visibility
    language: str
    publishable_until: datetime | None
    draft: str
    findings: tuple[dict[str, Any], ...]
    complaint: str
    """What the customer wrote, as their first message begins."""
    masked: bool
    """Whether they took it down, and our copy of it was emptied."""
    translation: str | None = None
    """What is answered, in the gate's language, by a language model and unchecked (`tasks.translations`)."""
    draft_translation: str | None = None
    companion: str | None = None
    """The private text that goes out beside a public draft, under the same approval."""
    grounds: tuple[GroundShown, ...] = ()
    """What each sentence rests on."""
    model: str | None = None
    """The language model that worded it."""


def inbox(desk: Desk, gate: Gate | None = None, person: str | None = None) -> list[ReviewLine]:
    """The open reviews, most urgent first; of a gate, or those that a person may decide."""
    now = desk.now()
    query = (
        select(Review, Round, Draft, Complaint, func.left(Message.text, 2000), col(Message.masked_at))
        .join(Round, col(Round.id) == col(Review.round_id))
        .join(Draft, col(Draft.id) == col(Review.draft_id))
        .outerjoin(Complaint, col(Complaint.id) == col(Round.complaint_id))
        .outerjoin(Message, col(Message.id) == col(Complaint.first_message_id))
        .where(col(Review.state) == ReviewState.OPEN)
        .order_by(col(Review.deadline), col(Review.id))
    )
    if gate is not None:
        query = query.where(col(Review.gate) == gate)
    with desk.transaction() as session:
        rows = session.execute(query).all()
        decided = _deciders(session, [round_.id for _, round_, *_ in rows]) if person is not None else {}
        stands = standing(session, desk, person, now) if person is not None else None
    return [
        _review_line(review, round_, draft, complaint, text or "", masked_at is not None, now)
        for review, round_, draft, complaint, text, masked_at in rows
        if person is None
        or stands is None
        or may_look(desk, person, stands, review, round_, decided.get(round_.id, set()))
    ]


def _deciders(session: Session, rounds: Sequence[int]) -> dict[int, set[str]]:
    rows = session.execute(
        select(Review.round_id, Review.decided_by).where(  # type: ignore[call-overload]
            col(Review.round_id).in_(rounds), col(Review.decided_by).is_not(None)
        )
    )
    deciders: dict[int, set[str]] = {}
    for number, person in rows:
        deciders.setdefault(number, set()).add(person)
    return deciders


def may_look(
    desk: Desk, person: str, stands: Standing, review: Review, round_: Round, decided: Collection[str]
) -> bool:
    """Whether a review waits for this person, or for somebody in whose place they decide."""

    def free(one: str) -> bool:
        two_gates = desk.policy.people.one_person_two_gates
        return one != review.author and one not in round_.barred and (two_gates or one not in decided)

    if not free(person):
        return False
    return review.gate in stands.own or any(free(absent) for absent in stands.absent_at(review.gate))


def _review_line(
    review: Review, round_: Round, draft: Draft, complaint: Complaint | None, text: str, masked: bool, now: datetime
) -> ReviewLine:
    return ReviewLine(
        review=review.id,
        reference=complaint.reference if complaint else f"IN-{round_.incident_id}",
        gate=review.gate,
        stands_in_for=review.stands_in_for,
        purpose=review.purpose,
        because=review.because,
        severity=complaint.severity if complaint else None,
        risks=tuple(complaint.risks) if complaint else (),
        opened_at=review.opened_at,
        deadline=review.deadline,
        late=review.deadline < now,
        escalated_to=review.escalated_to,
        author=draft.author,
        sha256=review.sha256,
        kind=draft.kind,
        channel=draft.channel,
        visibility=draft.visibility,
        language=draft.language,
        publishable_until=draft.publishable_until,
        draft=draft.text,
        findings=tuple(draft.findings),
        complaint=text,
        masked=masked,
        companion=companion_in(draft.attachments),
        grounds=grounds_shown(draft),
        model=draft.model,
    )


def review_at(desk: Desk, reference: str, gate: Gate) -> int | None:
    """The number of a complaint's open review at a gate; None where there is none."""
    letters, _, digits = reference.upper().partition("-")
    if letters != "TG" or not digits.isdecimal():
        return None
    with desk.transaction() as session:
        query = (
            select(Review.id)  # type: ignore[call-overload]
            .join(Round, col(Round.id) == col(Review.round_id))
            .where(
                col(Round.complaint_id) == int(digits),
                col(Review.state) == ReviewState.OPEN,
                col(Review.gate) == gate,
            )
        )
        found: int | None = session.execute(query).scalar_one_or_none()
        return found


@dataclass(frozen=True)
class DeliveryLine:
    """One thing to send, and how far it came."""

    delivery: int
    reference: str
    complaint_state: State
    kind: DeliveryKind
    channel: str
    visibility: Visibility
    state: DeliveryState
    why: str | None
    needs_person: bool
    tries: int
    queued_at: datetime
    due_at: datetime
    sent_at: datetime | None
    publishable_until: datetime | None
    url: str | None
    target_url: str | None
    """Where the post stands that it answers."""
    text: str


def deliveries(desk: Desk, *, to_mend: bool = False, limit: int | None = None) -> Iterator[DeliveryLine]:
    """The outbox, newest first; `to_mend`: only what failed, is unclear, or waits for a person."""
    below: int | None = None
    left = limit
    while left is None or left > 0:
        size = PAGE if left is None else min(PAGE, left)
        query: Select[tuple[Delivery, Complaint]] = (
            select(Delivery, Complaint)
            .join(Complaint, col(Complaint.id) == col(Delivery.complaint_id))
            .order_by(col(Delivery.id).desc())
            .limit(size)
        )
        if to_mend:
            query = query.where(col(Delivery.state).in_(TO_MEND))
        if below is not None:
            query = query.where(col(Delivery.id) < below)
        with desk.transaction() as session:
            rows = session.execute(query).all()
        for delivery, complaint in rows:
            yield _delivery_line(delivery, complaint)
        if len(rows) < size:
            return
        below = rows[-1][0].id
        left = None if left is None else left - len(rows)


def _delivery_line(delivery: Delivery, complaint: Complaint) -> DeliveryLine:
    return DeliveryLine(
        delivery=delivery.id,
        reference=complaint.reference,
        complaint_state=complaint.state,
        kind=delivery.kind,
        channel=delivery.channel,
        visibility=delivery.visibility,
        state=delivery.state,
        why=delivery.why,
        needs_person=delivery.needs_person,
        tries=delivery.tries,
        queued_at=delivery.queued_at,
        due_at=delivery.due_at,
        sent_at=delivery.sent_at,
        publishable_until=delivery.publishable_until,
        url=delivery.url,
        target_url=delivery.target.get("url"),
        text=delivery.text,
    )


def count_deliveries(session: Session) -> dict[DeliveryState, int]:
    """How many deliveries stand in each state."""
    rows = session.execute(select(Delivery.state, func.count()).group_by(col(Delivery.state)))  # type: ignore[call-overload]
    return {row[0]: row[1] for row in rows}


@dataclass(frozen=True)
class IncidentLine:
    """One incident in a list."""

    reference: str
    state: IncidentState
    title: str
    opened_at: datetime
    deadline: datetime
    late: bool
    owner: str | None
    members: int


def incidents(desk: Desk) -> list[IncidentLine]:
    """Every incident, newest first, with how many complaints it has now."""
    now = desk.now()
    with desk.transaction() as session:
        members = (
            select(IncidentMember.incident_id, func.count().label("members"))  # type: ignore[call-overload]
            .where(col(IncidentMember.left_at).is_(None))
            .group_by(col(IncidentMember.incident_id))
            .subquery()
        )
        rows = session.execute(
            select(Incident, func.coalesce(members.c.members, 0))
            .outerjoin(members, members.c.incident_id == col(Incident.id))
            .order_by(col(Incident.id).desc())
        ).all()
    return [
        IncidentLine(
            reference=incident.reference,
            state=incident.state,
            title=incident.title,
            opened_at=incident.opened_at,
            deadline=incident.deadline,
            late=incident.state is IncidentState.SUSPECTED and incident.deadline < now,
            owner=incident.owner,
            members=count,
        )
        for incident, count in rows
    ]


def stops(desk: Desk) -> list[PublishingStop]:
    """The kill switches in force, oldest first."""
    with desk.transaction() as session:
        query = select(PublishingStop).where(col(PublishingStop.lifted_at).is_(None)).order_by(col(PublishingStop.id))
        return list(session.execute(query).scalars())
