"""Queues what is to be said in Slack: reminders, escalations, lines in a card's thread, digests. Sends nothing itself.

A notice keeps tokens and names of the company's people, never a customer's words.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import update
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session, col

from db.tables import Complaint, NoticeKind, NoticeState, Review, SlackNotice
from db.wake import wake
from db.words import Gate, Severity
from tasks.absences import called_for
from tasks.desk import Desk


def queue(
    session: Session,
    desk: Desk,
    *,
    key: str,
    kind: NoticeKind,
    now: datetime,
    due_at: datetime | None = None,
    complaint_id: int | None = None,
    review_id: int | None = None,
    person: str | None = None,
    channel: str | None = None,
    thread_of: int | None = None,
    data: Mapping[str, Any] | None = None,
) -> bool:
    """Have something said once: to a person, in a channel, or in a card's thread. False where it is queued already.

    Where no gate has a channel in Slack, nothing is ever queued.
    """
    if not desk.policy.slack.configured:
        return False
    done = session.execute(
        insert(SlackNotice)
        .values(
            key=key,
            kind=kind,
            complaint_id=complaint_id,
            review_id=review_id,
            person=person,
            channel=channel,
            thread_of=thread_of,
            data={name: value for name, value in (data or {}).items() if value is not None},
            queued_at=now,
            due_at=due_at or now,
            state=NoticeState.QUEUED,
            tries=0,
        )
        .on_conflict_do_nothing(index_elements=["key"])
        .returning(col(SlackNotice.id))
    ).first()
    if done is not None:
        wake(session, "slack")
    return done is not None


def tell_of_review(
    session: Session, desk: Desk, complaint: Complaint, review: Review, kind: NoticeKind, now: datetime
) -> None:
    """Remind of an open review, or call the next name about it; the review counts how often already."""
    number = review.reminded if kind is NoticeKind.REMINDER else review.escalated
    named = review.escalated_to or desk.policy.people.escalation(review.gate, 0)
    to = called_for(session, desk, named, review.gate, now).name
    _tell(
        session,
        desk,
        complaint,
        kind,
        to,
        now,
        key=f"{kind.value}:review:{review.id}:{number}",
        review_id=review.id,
        gate=review.gate,
        what="review",
        level=number,
        deadline=review.deadline.isoformat(),
    )


def tell_of_complaint(
    session: Session, desk: Desk, complaint: Complaint, kind: NoticeKind, what: str, to: str | None, now: datetime
) -> None:
    """Remind of a promised answer (`answer`) or of what is held (`held`), or call the next name about it."""
    until = complaint.held_until if what == "held" else complaint.answer_by
    number = complaint.reminded if kind is NoticeKind.REMINDER else complaint.escalated
    since = complaint.promised_at or complaint.opened_at
    which = f"{now:%Y%m%dT%H%M%S}" if what == "held" else f"{since:%Y%m%dT%H%M%S}:{number}"
    _tell(
        session,
        desk,
        complaint,
        kind,
        to or desk.policy.people.escalation(Gate.CS, 0),
        now,
        key=f"{kind.value}:{what}:{complaint.id}:{which}",
        gate=Gate.CS,
        what=what,
        deadline=until.isoformat() if until is not None else None,
    )


def tell_of_law(
    session: Session,
    desk: Desk,
    complaint: Complaint,
    kind: NoticeKind,
    what: str,
    gate: Gate,
    to: str | None,
    now: datetime,
    *,
    key: str,
    deadline: datetime,
    channel_too: bool = False,
    **data: Any,
) -> None:
    """Of an emergency, a breach notice or a legal road, at any hour: to the person, and in the gate's channel where all
    of it must know or nobody is to be called.

    A reminder waits for the desk to open, if that is before the deadline.
    """
    opening = desk.policy.calendar.next_opening(now)
    due = opening if kind is NoticeKind.REMINDER and opening < deadline else now
    channel = desk.policy.slack.channel_of(gate) if channel_too or to is None else None
    facts = {"gate": gate.value, "what": what, "deadline": deadline.isoformat(), **data}
    for person, place in ((to, None), (None, channel)):
        if person is not None or place is not None:
            queue(
                session,
                desk,
                key=f"{key}:{'person' if person else 'channel'}",
                kind=kind,
                now=now,
                due_at=due,
                complaint_id=complaint.id,
                person=person,
                channel=place,
                data=facts,
            )


def _tell(
    session: Session,
    desk: Desk,
    complaint: Complaint,
    kind: NoticeKind,
    to: str | None,
    now: datetime,
    *,
    key: str,
    gate: Gate,
    review_id: int | None = None,
    **data: Any,
) -> None:
    """To the person; where nobody is to be called, to the gate's channel, if it has one."""
    channel = desk.policy.slack.channel_of(gate) if to is None else None
    if to is None and channel is None:
        return
    queue(
        session,
        desk,
        key=key,
        kind=kind,
        now=now,
        due_at=due_at(desk, complaint.severity or Severity.S4, now),
        complaint_id=complaint.id,
        review_id=review_id,
        person=to,
        channel=channel,
        data={"gate": gate.value, **data},
    )


def due_at(desk: Desk, severity: Severity, now: datetime) -> datetime:
    """When somebody may be called: at once for what policy calls grave, else while the desk is open."""
    return now if severity in desk.policy.slack.notices.at_once else desk.policy.calendar.next_opening(now)


def forget_notices(session: Session, complaint_id: int) -> None:
    """Empty what was said about a complaint; what was not said yet is dropped."""
    session.execute(
        update(SlackNotice)
        .where(col(SlackNotice.complaint_id) == complaint_id, col(SlackNotice.state) == NoticeState.QUEUED)
        .values(state=NoticeState.DROPPED, why="erased")
    )
    session.execute(update(SlackNotice).where(col(SlackNotice.complaint_id) == complaint_id).values(data={}))
