"""Watch the time: remind, escalate, buy time with a holding reply. Nothing here approves anything."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, or_, select
from sqlmodel import Session, col

from db import trail
from db.absences import covered_by
from db.complaints import first_message, lock_many, newest_own
from db.tables import Complaint, Delivery, DeliveryState, Identity, NoticeKind, Review, ReviewState, Round
from db.words import DeliveryKind, Gate, Severity, State, Visibility
from policy.deadlines import escalation_times, held_deadline, holding_reply_at, reminder_times
from tasks.absences import Called, called_at_level, called_for
from tasks.desk import Desk
from tasks.mask import mask_due, mask_removed, next_to_mask
from tasks.notices import tell_of_complaint, tell_of_review
from tasks.outbox import queue_pre_approved, target_of, uncalled
from tasks.same_person import suggest_same, to_compare
from tasks.watch_legal import keep_legal, legal_due, next_legal_moment
from tasks.words import render
from tasks.write_back import THEIR_TURN

WAITING = (State.ASSESSED, State.DRAFTING, State.IN_REVIEW, State.HELD, State.APPROVED)
FAR = timedelta(days=3650)
BATCH = 500
DAYS_OF_NAGGING = 60


@dataclass(frozen=True)
class Watched:
    """What the time brought."""

    reminded: int = 0
    escalated: int = 0
    holding: int = 0
    references: tuple[str, ...] = ()
    suggested: int = 0
    """Accounts that may be one person's, for people to look at; no complaint goes a step on by that."""
    masked: int = 0
    """Messages whose authors took them down, and of which no copy may be kept any longer."""

    @property
    def total(self) -> int:
        """How many steps were taken."""
        return self.reminded + self.escalated + self.holding


def keep(desk: Desk) -> Watched:
    """Everything that the time alone brings about, at this instant."""
    legal = keep_legal(desk)
    parts = (
        Watched(legal.reminded, legal.escalated, 0, legal.references),
        watch_reviews(desk),
        watch_answers(desk),
        watch_held(desk),
    )
    masked = mask_removed(desk)
    return Watched(
        sum(part.reminded for part in parts),
        sum(part.escalated for part in parts),
        sum(part.holding for part in parts),
        tuple(reference for part in parts for reference in part.references),
        suggested=suggest_same(desk),
        masked=masked,
    )


def due_now(desk: Desk) -> bool:
    """Whether there is anything to look at: a moment that has come, or one to be worked out."""
    now = desk.now()
    review = or_(col(Review.look_at).is_(None), col(Review.look_at) <= now)
    promise = or_(col(Complaint.look_at).is_(None), col(Complaint.look_at) <= now)
    with desk.transaction() as session:
        looks = (
            select(Review.id).where(col(Review.state) == ReviewState.OPEN, review),  # type: ignore[call-overload]
            select(Complaint.id).where(  # type: ignore[call-overload]
                col(Complaint.state).in_(WAITING), col(Complaint.answer_by).is_not(None), promise
            ),
            select(Complaint.id).where(col(Complaint.state) == State.HELD, col(Complaint.held_until) <= now),  # type: ignore[call-overload]
        )
        due = any(session.execute(look.limit(1)).first() is not None for look in looks)
        return due or legal_due(session, now) or to_compare(session) or mask_due(session, desk, now)


def next_moment(desk: Desk) -> datetime | None:
    """When the time next brings something about."""
    with desk.transaction() as session:
        moments = [
            session.execute(select(func.min(Review.look_at)).where(col(Review.state) == ReviewState.OPEN)).scalar_one(),
            session.execute(
                select(func.min(Complaint.look_at)).where(
                    col(Complaint.state).in_(WAITING), col(Complaint.answer_by).is_not(None)
                )
            ).scalar_one(),
            session.execute(
                select(func.min(Complaint.held_until)).where(col(Complaint.state) == State.HELD)
            ).scalar_one(),
            next_legal_moment(session),
            next_to_mask(session, desk),
        ]
    return min((at for at in moments if at is not None), default=None)


def watch_reviews(desk: Desk) -> Watched:
    """Remind of each open review before its deadline, and go to the next name after it, once each."""
    now = desk.now()
    rules, calendar = desk.policy.deadlines, desk.policy.calendar
    reminded = escalated = 0
    told: list[str] = []
    with desk.transaction() as session:
        due = or_(col(Review.look_at).is_(None), col(Review.look_at) <= now)
        rows = session.execute(
            select(Review.id, Round.complaint_id)  # type: ignore[call-overload]
            .join(Round, col(Round.id) == col(Review.round_id))
            .where(col(Review.state) == ReviewState.OPEN, due, col(Round.complaint_id).is_not(None))
            .limit(BATCH)
        ).all()
        complaints = lock_many(session, [number for _, number in rows])
        for review_id, number in rows:
            complaint = complaints[number]
            review = session.get_one(Review, review_id, populate_existing=True)
            if review.state is not ReviewState.OPEN:
                continue
            severity = complaint.severity or Severity.S4
            reminders = reminder_times(review.opened_at, review.deadline, severity, rules, calendar)
            escalations = _and_daily(escalation_times(review.deadline, severity, rules, calendar), review.deadline)
            if (times := _passed(reminders, now)) > review.reminded:
                review.reminded = times
                trail.append(
                    session, complaint, "deadline_reminded",
                    by=trail.MACHINE_AUTHOR, at=now, gate=review.gate.value, review=review.id,
                )  # fmt: skip
                tell_of_review(session, desk, complaint, review, NoticeKind.REMINDER, now)
                reminded += 1
            while review.escalated < _passed(escalations, now):
                called = called_at_level(session, desk, review.gate, review.escalated, now)
                review.escalated_to = called.name
                review.escalated += 1
                trail.append(
                    session, complaint, "deadline_escalated",
                    by=trail.MACHINE_AUTHOR, at=now, gate=review.gate.value, review=review.id,
                    level=review.escalated, to=called.name, instead_of=called.instead_of,
                )  # fmt: skip
                tell_of_review(session, desk, complaint, review, NoticeKind.ESCALATION, now)
                escalated += 1
            review.look_at = _next([*reminders, *escalations], now)
            session.add(review)
            told.append(complaint.reference)
    return Watched(reminded, escalated, 0, tuple(told))


def watch_answers(desk: Desk) -> Watched:
    """Remind and escalate where no answer has left, and send the holding reply before the promise is broken."""
    now = desk.now()
    rules, calendar = desk.policy.deadlines, desk.policy.calendar
    reminded = escalated = holding = 0
    told: list[str] = []
    with desk.transaction() as session:
        due = or_(col(Complaint.look_at).is_(None), col(Complaint.look_at) <= now)
        rows = session.execute(
            select(Complaint)
            .where(col(Complaint.state).in_(WAITING), col(Complaint.answer_by).is_not(None), due)
            .order_by(col(Complaint.id))
            .limit(BATCH)
            .with_for_update(skip_locked=True)
            .execution_options(populate_existing=True)
        ).scalars()
        for complaint in rows:
            assert complaint.answer_by is not None
            if _their_turn(complaint):  # `watch_held` calls somebody if they stay silent
                complaint.look_at = complaint.held_until
                session.add(complaint)
                continue
            severity = complaint.severity or Severity.S4
            since = complaint.promised_at or complaint.opened_at
            reminders = reminder_times(since, complaint.answer_by, severity, rules, calendar)
            escalations = _and_daily(
                escalation_times(complaint.answer_by, severity, rules, calendar), complaint.answer_by
            )
            if (times := _passed(reminders, now)) > complaint.reminded:
                complaint.reminded = times
                called = called_for(session, desk, complaint.owner, Gate.CS, now)
                trail.append(
                    session, complaint, "deadline_reminded",
                    by=trail.MACHINE_AUTHOR, at=now, what="answer", to=called.name, instead_of=called.instead_of,
                )  # fmt: skip
                tell_of_complaint(session, desk, complaint, NoticeKind.REMINDER, "answer", called.name, now)
                reminded += 1
            while complaint.escalated < _passed(escalations, now):
                called = called_at_level(session, desk, Gate.CS, complaint.escalated, now)
                complaint.escalated += 1
                complaint.owner = called.name or complaint.owner
                trail.append(
                    session, complaint, "deadline_escalated",
                    by=trail.MACHINE_AUTHOR, at=now, what="answer", level=complaint.escalated, to=called.name,
                    instead_of=called.instead_of,
                )  # fmt: skip
                tell_of_complaint(session, desk, complaint, NoticeKind.ESCALATION, "answer", called.name, now)
                escalated += 1
            hold_at = holding_reply_at(complaint.answer_by, rules)
            if hold_at is not None and hold_at <= now:
                holding += _holding_reply(session, desk, complaint, now)
            complaint.look_at = _next([*reminders, *escalations, *([hold_at] if hold_at else [])], now)
            session.add(complaint)
            told.append(complaint.reference)
    return Watched(reminded, escalated, holding, tuple(told))


def _their_turn(complaint: Complaint) -> bool:
    """Whether we could answer if the customer wrote: then it is not we who keep them waiting."""
    return complaint.state is State.HELD and complaint.held_why in THEIR_TURN


def _holding_reply(session: Session, desk: Desk, complaint: Complaint, now: datetime) -> bool:
    """Queue a pre-approved word that the answer takes longer, where one may be sent at all."""
    sent = session.execute(
        select(func.count())
        .select_from(Delivery)
        .where(
            col(Delivery.complaint_id) == complaint.id,
            col(Delivery.kind) == DeliveryKind.HOLDING,
            col(Delivery.state) != DeliveryState.CANCELLED,
        )
    ).scalar_one()
    manual = desk.channels.get(complaint.channel, complaint.account).manual
    answered = complaint.responded_at is not None
    if manual or answered or not complaint.addressed or sent >= desk.policy.deadlines.holding.at_most:
        return False
    first = first_message(session, complaint)
    if first.list_mail or uncalled(first):
        return False
    visibility = first.visibility if first.removed_at is None else Visibility.PRIVATE
    heard = newest_own(session, complaint) if visibility is Visibility.PRIVATE else first
    identity = session.get(Identity, heard.identity_id) if heard.identity_id else None
    return queue_pre_approved(
        session,
        desk,
        complaint,
        DeliveryKind.HOLDING,
        render(session, desk, complaint, "holding", visibility=visibility, variant=complaint.id),
        target=target_of(heard, identity),
        visibility=visibility,
        now=now,
        discriminator=str(sent + 1),
    )


def watch_held(desk: Desk) -> Watched:
    """What is held past its deadline goes to the next name, and gets a new deadline."""
    now = desk.now()
    told: list[str] = []
    with desk.transaction() as session:
        rows = session.execute(
            select(Complaint)
            .where(col(Complaint.state) == State.HELD, col(Complaint.held_until) <= now)
            .order_by(col(Complaint.id))
            .limit(BATCH)
            .with_for_update(skip_locked=True)
            .execution_options(populate_existing=True)
        ).scalars()
        for complaint in rows:
            until = held_deadline(now, complaint.severity or Severity.S4, desk.policy.deadlines, desk.policy.calendar)
            called = _next_owner(session, desk, complaint.owner, now)
            complaint.owner = called.name
            complaint.held_until = until.at
            trail.append(
                session, complaint, "deadline_escalated",
                by=trail.MACHINE_AUTHOR, at=now, what="held", to=called.name, instead_of=called.instead_of,
            )  # fmt: skip
            tell_of_complaint(session, desk, complaint, NoticeKind.ESCALATION, "held", called.name, now)
            session.add(complaint)
            told.append(complaint.reference)
    return Watched(0, len(told), 0, tuple(told))


def _next_owner(session: Session, desk: Desk, owner: str | None, now: datetime) -> Called:
    """Who is called after this owner; the last one keeps it, somebody who is not on the list gives it to the first.

    Whoever owns it in the place of somebody on the list gives it to whom that one would.
    """
    names = desk.policy.people.gates[Gate.CS].escalation
    if owner is not None and owner not in names:
        absent = (absence.person for absence in covered_by(session, owner, now))
        owner = next((person for person in absent if person in names), owner)
    if owner not in names:
        return called_for(session, desk, names[0] if names else owner, Gate.CS, now)
    return called_for(session, desk, names[min(names.index(owner) + 1, len(names) - 1)], Gate.CS, now)


def _and_daily(times: list[datetime], deadline: datetime) -> list[datetime]:
    """The policy's escalations, and one a day after the last of them: what is late never falls silent."""
    last = max(times, default=deadline)
    return [*times, *(last + timedelta(days=day) for day in range(1, DAYS_OF_NAGGING + 1))]


def _passed(times: Iterable[datetime], now: datetime) -> int:
    return sum(at <= now for at in times)


def _next(times: Iterable[datetime], now: datetime) -> datetime:
    return min((at for at in times if at > now), default=now + FAR)
