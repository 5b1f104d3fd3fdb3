"""What is to be shown in Slack next, and showing it: in order of urgency, within Slack's limits, for a bounded time."""

import logging
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from traceback import extract_tb

from sqlalchemy import case, func, select, update
from sqlmodel import Session, col

from db.tables import Complaint, NoticeKind, NoticeState, Review, ReviewState, Round, SlackCard, SlackNotice
from integrations.slack.client import Slack
from integrations.slack.workspace import Workspace
from tasks.broadcasts import queue_broadcasts
from tasks.card_due import add_cards
from tasks.card_following import follow
from tasks.cards import Drawn, draw_card
from tasks.channel_news import queue_channel_news
from tasks.desk import Desk
from tasks.digests import next_digest, queue_digests, warn_of_channels
from tasks.slack_backlog import Backlog, backlog
from tasks.slack_calls import away_until
from tasks.slack_saying import SaidSo, say_notice

log = logging.getLogger("tanggap.slack")

BATCH = 12
POSTS_AT_ONCE = 4
"""Messages for one channel in a batch: it takes one a second."""
SECONDS = 5.0
"""A batch ends after so long, that what became urgent meanwhile comes first."""
LOOKED_AT = 200
FAILURES = 3
"""So many calls in a row that Slack does not answer end a batch; it is left alone for a while then."""
OURS_TO_MEND = timedelta(minutes=5)
"""A card that cannot even be drawn is tried again after this."""

A_MOMENT = 0.005
"""Seconds in which a clock that goes has moved."""

DECIDED, NEW, ESCALATIONS, REMINDERS, LINES, DIGESTS, OTHERS, SCRUBS = range(8)
"""What is shown before what: a decision on its card first, words that are taken out last."""
LANES = {
    NoticeKind.ESCALATION: ESCALATIONS,
    NoticeKind.CHANNEL: ESCALATIONS,
    NoticeKind.REMINDER: REMINDERS,
    NoticeKind.THREAD: LINES,
    NoticeKind.DIGEST: DIGESTS,
    NoticeKind.BROADCAST: DIGESTS,
}


@dataclass(frozen=True)
class Job:
    """One card to draw, or one notice to say."""

    lane: int
    number: int
    place: str | None = None
    """The channel or person that gets a new message."""

    @property
    def draws(self) -> bool:
        """Whether it is about a card."""
        return self.lane in (DECIDED, NEW, OTHERS, SCRUBS)


@dataclass
class Sent:
    """What a batch did."""

    posted: int = 0
    redrawn: int = 0
    scrubbed: int = 0
    said: int = 0
    failed: int = 0
    """Somebody must mend something, or a person could not be reached."""
    later: int = 0
    """Slack did not answer."""
    waiting: int = 0
    """No room within Slack's limits; they come next."""
    looked_at: int = 0
    """Nothing had to be changed."""
    notes: list[str] = field(default_factory=list)

    @property
    def moved(self) -> int:
        """How many jobs are done with for now."""
        return self.posted + self.redrawn + self.scrubbed + self.said + self.failed + self.looked_at


def prepare(desk: Desk) -> None:
    """Find out what is new: reviews without a card, complaints that went on, a working day that began."""
    if desk.policy.slack.configured:
        add_cards(desk)
        follow(desk)
        queue_digests(desk)
        queue_broadcasts(desk)
        queue_channel_news(desk)
        warn_of_channels(desk)


def next_jobs(desk: Desk, limit: int = BATCH) -> list[Job]:
    """What is due, the most urgent first; nothing while Slack is left alone."""
    prepare(desk)
    with desk.transaction() as session:
        if away_until(session, desk) is not None:
            return []
        found = [*_cards(session, desk.now()), *_notices(session, desk)]
    found.sort(key=lambda job: job.lane)
    return list(_within_limits(found, limit))


def _within_limits(jobs: Iterable[Job], limit: int) -> Iterable[Job]:
    places: Counter[str] = Counter()
    for job in jobs:
        if limit <= 0:
            return
        if job.place is not None:
            places[job.place] += 1
            if places[job.place] > POSTS_AT_ONCE:
                continue
        limit -= 1
        yield job


def _cards(session: Session, now: datetime) -> list[Job]:
    is_open = col(Review.state) == ReviewState.OPEN
    posted = col(SlackCard.ts).is_not(None)
    lane = case(
        (posted & col(SlackCard.live) & ~is_open, DECIDED),
        (~posted & is_open, NEW),
        (col(SlackCard.scrub), SCRUBS),
        else_=OTHERS,
    ).label("lane")
    rows = session.execute(
        select(lane, SlackCard.review_id, SlackCard.channel, SlackCard.ts)  # type: ignore[call-overload]
        .join(Review, col(Review.id) == col(SlackCard.review_id))
        .join(Round, col(Round.id) == col(Review.round_id))
        .join(Complaint, col(Complaint.id) == col(Round.complaint_id))
        .where(
            col(SlackCard.due_at) <= now,
            col(SlackCard.scrubbed_at).is_(None),
            func.coalesce(SlackCard.not_before, now) <= now,
        )
        .order_by(lane, col(Complaint.severity), col(Review.deadline), col(Review.id))
        .limit(LOOKED_AT)
    )
    return [Job(lane, number, None if ts else channel) for lane, number, channel, ts in rows]


def _notices(session: Session, desk: Desk) -> list[Job]:
    now = desk.now()
    lane = case(*((col(SlackNotice.kind) == kind, number) for kind, number in LANES.items())).label("lane")
    rows = session.execute(
        select(lane, SlackNotice.id, SlackNotice.person, SlackNotice.channel, SlackCard.channel, SlackNotice.thread_of)  # type: ignore[call-overload]
        .outerjoin(SlackCard, col(SlackCard.review_id) == col(SlackNotice.thread_of))
        .where(
            col(SlackNotice.state) == NoticeState.QUEUED,
            col(SlackNotice.due_at) <= now,
            func.coalesce(SlackNotice.not_before, now) <= now,
        )
        .order_by(lane, col(SlackNotice.due_at), col(SlackNotice.id))
        .limit(LOOKED_AT)
    )
    jobs, threads = [], set()
    for lane_, number, person, channel, of_card, thread in rows:
        if thread is not None and thread in threads:
            continue  # the lines of one thread go together
        threads.add(thread)
        jobs.append(Job(lane_, number, person or channel or of_card))
    return jobs


def send_due(
    desk: Desk,
    slack: Slack,
    jobs: Sequence[Job] | None = None,
    workspace: Workspace | None = None,
    *,
    seconds: float = SECONDS,
) -> Sent:
    """Show these, or what is due; one that cannot be shown does not stop the others."""
    workspace = workspace or Workspace(slack)
    left = list(next_jobs(desk) if jobs is None else jobs)
    sent, until = Sent(), time.monotonic() + seconds
    in_a_row = 0
    while left and time.monotonic() < until and in_a_row < FAILURES:
        again: list[tuple[datetime, Job]] = []
        for job in left:
            if time.monotonic() >= until or in_a_row >= FAILURES:
                break
            before = sent.later
            at = _do(desk, slack, workspace, job, sent)
            in_a_row = in_a_row + 1 if sent.later > before else 0
            if at is not None:
                again.append((at, job))
        left = [job for _, job in again]
        if left and not _waited(desk, min(at for at, _ in again), until):
            break
    sent.waiting = len(left)
    return sent


def _do(desk: Desk, slack: Slack, workspace: Workspace, job: Job, sent: Sent) -> datetime | None:
    """One job; when to come back to it, where Slack's limits left no room."""
    try:
        if job.draws:
            return _draw(desk, slack, job, sent)
        return _say(desk, slack, workspace, job, sent)
    except (ValueError, TypeError, LookupError, AttributeError, AssertionError) as error:
        # A mistake of ours about one card must not keep the others from being shown.
        what = "The card of review" if job.draws else "Notice"
        log.error("%s %d cannot be shown: %s at %s", what, job.number, type(error).__name__, _place_of(error))
        _put_off(desk, job, type(error).__name__)
        sent.failed += 1
        sent.notes.append(f"{'review' if job.draws else 'notice'} {job.number}: {type(error).__name__}")
        return None


def _draw(desk: Desk, slack: Slack, job: Job, sent: Sent) -> datetime | None:
    outcome = draw_card(desk, slack, job.number, urgent=job.lane == DECIDED)
    match outcome.drawn:
        case Drawn.WAITS:
            return outcome.again_at
        case Drawn.POSTED:
            sent.posted += 1
        case Drawn.UPDATED:
            sent.redrawn += 1
        case Drawn.SCRUBBED:
            sent.scrubbed += 1
        case Drawn.LATER:
            sent.later += 1
        case Drawn.STUCK:
            sent.failed += 1
            sent.notes.append(f"review {job.number}: {outcome.why}")
        case _:
            sent.looked_at += 1
    return None


def _say(desk: Desk, slack: Slack, workspace: Workspace, job: Job, sent: Sent) -> datetime | None:
    result = say_notice(desk, slack, workspace, job.number)
    match result.said:
        case SaidSo.WAITS:
            return result.again_at
        case SaidSo.DELIVERED:
            sent.said += 1
        case SaidSo.LATER:
            sent.later += 1
        case SaidSo.FAILED:
            sent.failed += 1
            sent.notes.append(f"notice {job.number}: {result.why}")
        case _:
            sent.looked_at += 1
    return None


def _waited(desk: Desk, at: datetime, until: float) -> bool:
    """Wait for Slack's next grant; False where that is too far away, or the desk's clock stands still."""
    wait, before = (at - desk.now()).total_seconds(), desk.now()
    if wait <= 0:
        return True
    if wait > until - time.monotonic():
        return False
    time.sleep(A_MOMENT)
    if desk.now() == before:
        return False
    time.sleep(max(0.0, wait - A_MOMENT))
    return True


def _put_off(desk: Desk, job: Job, why: str) -> None:
    later = desk.now() + OURS_TO_MEND
    with desk.transaction() as session:
        table, number = (SlackCard, SlackCard.review_id) if job.draws else (SlackNotice, SlackNotice.id)
        session.execute(update(table).where(col(number) == job.number).values(not_before=later, why=why))


def _place_of(error: Exception) -> str:
    """Where in the program it happened. Its text stays out of logs: it may quote a customer."""
    frame = extract_tb(error.__traceback__)[-1]
    return f"{Path(frame.filename).name}:{frame.lineno}"


def next_due(desk: Desk) -> datetime | None:
    """When there is something to show next."""
    now = desk.now()
    with desk.transaction() as session:
        away = away_until(session, desk)
        if away is not None:
            return away
        moments = [*_next_cards(session, now), *_next_notices(session, now)]
    moments.append(next_digest(desk))
    return min((at for at in moments if at is not None), default=None)


def _next_cards(session: Session, now: datetime) -> list[datetime | None]:
    live = col(SlackCard.scrubbed_at).is_(None)
    ready = func.min(func.greatest(SlackCard.due_at, func.coalesce(SlackCard.not_before, SlackCard.due_at)))
    return [
        session.execute(select(ready).where(live, col(SlackCard.due_at) <= now)).scalar_one(),
        session.execute(select(func.min(SlackCard.due_at)).where(live, col(SlackCard.due_at) > now)).scalar_one(),
    ]


def _next_notices(session: Session, now: datetime) -> list[datetime | None]:
    queued = col(SlackNotice.state) == NoticeState.QUEUED
    ready = func.min(func.greatest(SlackNotice.due_at, func.coalesce(SlackNotice.not_before, SlackNotice.due_at)))
    return [session.execute(select(ready).where(queued)).scalar_one()]


__all__ = ["Backlog", "Job", "Sent", "backlog", "next_due", "next_jobs", "prepare", "send_due"]
