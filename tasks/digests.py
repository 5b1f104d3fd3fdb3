"""What each gate's channel is told by itself: its day when the desk opens, and that a channel cannot be used."""

from datetime import datetime, time, timedelta

from sqlalchemy import select
from sqlmodel import Session, col

from db.tables import NoticeKind, Review, ReviewState, Round, SlackCard
from tasks.desk import Desk
from tasks.home_facts import waiting_of
from tasks.marks import mark, marked
from tasks.notices import queue

MARK = "slack-digest"
MORNING = timedelta(hours=4)
"""So long after the desk opened its day is still worth telling."""
UNUSABLE_FOR = timedelta(minutes=10)
"""A channel that cannot be used for so long is told to somebody."""


def queue_digests(desk: Desk) -> int:
    """When the working day has begun: what waits, to each gate that has something waiting; once a day."""
    if not desk.policy.slack.notices.digest or not desk.policy.slack.configured:
        return 0
    now = desk.now()
    opens = _opening_of_the_day(desk, now)
    if opens is None or not opens <= now < opens + MORNING:
        return 0
    today = now.astimezone(desk.policy.calendar.zone).date().isoformat()
    if marked(desk, MARK) == today:
        return 0
    done = 0
    with desk.transaction() as session:
        for gate, there in desk.policy.slack.gates.items():
            if not waiting_of(session, desk, gate=gate, limit=1):
                continue
            done += queue(
                session,
                desk,
                key=f"digest:{gate.value}:{today}",
                kind=NoticeKind.DIGEST,
                now=now,
                channel=there.channel,
                data={"gate": gate.value, "date": today},
            )
    mark(desk, MARK, today)
    return done


def next_digest(desk: Desk) -> datetime | None:
    """When the next working day begins, or this one's digest is due; None where there are none."""
    if not desk.policy.slack.notices.digest or not desk.policy.slack.configured:
        return None
    now, zone = desk.now(), desk.policy.calendar.zone
    opens = _opening_of_the_day(desk, now)
    today = now.astimezone(zone).date()
    if opens is not None and now < opens + MORNING and marked(desk, MARK) != today.isoformat():
        return max(opens, now)
    tomorrow = datetime.combine(today + timedelta(days=1), time(), zone)
    return desk.policy.calendar.next_opening(tomorrow)


def _opening_of_the_day(desk: Desk, now: datetime) -> datetime | None:
    """When the desk opens on this day; None on a day on which it is closed."""
    calendar = desk.policy.calendar
    today = now.astimezone(calendar.zone).date()
    opens = calendar.next_opening(datetime.combine(today, time(), calendar.zone))
    return opens if opens.astimezone(calendar.zone).date() == today else None


def warn_of_channels(desk: Desk) -> int:
    """Where reviews could not be shown for ten minutes, the gate's first name is told that they wait; once a day."""
    now = desk.now()
    done = 0
    with desk.transaction() as session:
        for card, review, complaint_id in _unusable(session, now):
            person = desk.policy.people.escalation(review.gate, 0)
            if person is None:
                continue
            day = now.astimezone(desk.policy.calendar.zone).date().isoformat()
            done += queue(
                session,
                desk,
                key=f"unposted:{review.gate.value}:{card.channel}:{day}",
                kind=NoticeKind.ESCALATION,
                now=now,
                complaint_id=complaint_id,
                review_id=review.id,
                person=person,
                data={
                    "gate": review.gate.value,
                    "what": "unposted",
                    "why": card.why,
                    "deadline": review.deadline.isoformat(),
                },
            )
    return done


def _unusable(session: Session, now: datetime) -> list[tuple[SlackCard, Review, int]]:
    """The most urgent stuck card of each channel."""
    rows = session.execute(
        select(SlackCard, Review, Round.complaint_id)  # type: ignore[call-overload]
        .join(Review, col(Review.id) == col(SlackCard.review_id))
        .join(Round, col(Round.id) == col(Review.round_id))
        .where(
            col(SlackCard.due_at) <= now,
            col(SlackCard.scrubbed_at).is_(None),
            col(SlackCard.stuck_since) <= now - UNUSABLE_FOR,
            col(Review.state) == ReviewState.OPEN,
        )
        .order_by(col(SlackCard.channel), col(Review.gate), col(Review.deadline))
        .distinct(col(SlackCard.channel), col(Review.gate))
    )
    return [(card, review, number) for card, review, number in rows]
