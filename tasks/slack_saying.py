"""Sends notices: reminders and escalations to people, lines into threads, digests into channels. Each one once.

Every notice ends as delivered or failed, with why, or as dropped when what it was about is over. What was said to a
person about a complaint is an event on it (`notified`).
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256

from sqlalchemy import select
from sqlmodel import Session, col

from db import trail
from db.complaints import lock
from db.tables import NoticeKind, NoticeState, SlackCard, SlackNotice
from db.words import Gate
from integrations.slack.client import Place, Said, Slack
from integrations.slack.errors import Later, NotThere, SlackTrouble
from integrations.slack.lists import draw_notice
from integrations.slack.showing import NoticeSeen
from integrations.slack.workspace import Workspace
from tasks.absences import who_acts
from tasks.card_calls import CLOCKS_APART
from tasks.cards import LEASE, LONGEST_PATIENCE
from tasks.desk import Desk
from tasks.notice_facts import is_over, notice_of
from tasks.notices import queue
from tasks.readers import language_of
from tasks.slack_calls import NOBODY_HERE, POST, failed, turn, worked

log = logging.getLogger("tanggap.slack")

LINES_AT_ONCE = 12
"""Lines of one thread that are one message, since a channel takes one message a second."""
UNTIL_ITS_CARD = timedelta(seconds=10)
"""A line waits for its card, which is on its way."""
TO_MEND = NOBODY_HERE | {"missing_scope", "not_allowed_token_type"}
"""What is no fault of the person or channel: it is tried again."""
PERSONAL = (NoticeKind.REMINDER, NoticeKind.ESCALATION)


class SaidSo(StrEnum):
    """What came of a notice."""

    DELIVERED = "delivered"
    FAILED = "failed"
    DROPPED = "dropped"
    WAITS = "waits"
    LATER = "later"
    NONE = "none"


@dataclass(frozen=True)
class Result:
    """What came of one notice; `again_at` is when it is worth another try."""

    notice: int
    said: SaidSo
    why: str | None = None
    again_at: datetime | None = None


@dataclass(frozen=True)
class _Plan:
    notices: tuple[int, ...]
    place: str
    """A channel, or a person's id."""
    thread: str | None
    user: str | None
    seen: tuple[NoticeSeen, ...]
    unclear_since: datetime | None
    name: str
    """By which the message is known again: numbers alone repeat from desk to desk."""


def say_notice(desk: Desk, slack: Slack, workspace: Workspace, notice_id: int) -> Result:
    """Send one notice, and with a line of a thread all that wait for the same thread."""
    with desk.transaction() as session:
        plan = _claim(session, desk, notice_id)
    if isinstance(plan, Result):
        return plan
    try:
        at = _carry_out(desk, slack, workspace, plan)
    except SlackTrouble as trouble:
        with desk.transaction() as session:
            return _trouble(session, desk, plan, trouble)
    with desk.transaction() as session:
        worked(session)
        for notice in _mine(session, plan.notices):
            notice.sent_to, notice.ts, notice.sent_at = at.channel, at.ts, desk.now()
            _end(session, desk, notice, NoticeState.DELIVERED, None)
    return Result(notice_id, SaidSo.DELIVERED)


# Before the call


def _claim(session: Session, desk: Desk, notice_id: int) -> _Plan | Result:
    now = desk.now()
    known = session.get(SlackNotice, notice_id)
    if known is not None and known.kind in PERSONAL and known.complaint_id is not None:
        lock(session, known.complaint_id)  # before the notice, as everybody does
    notice = session.execute(
        select(SlackNotice)
        .where(col(SlackNotice.id) == notice_id)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    ).scalar_one_or_none()
    if notice is None or notice.state is not NoticeState.QUEUED:
        return Result(notice_id, SaidSo.NONE)
    if notice.due_at > now or (notice.not_before is not None and notice.not_before > now):
        return Result(notice_id, SaidSo.WAITS, notice.why, notice.not_before or notice.due_at)
    over = is_over(session, desk, notice)
    if over is not None:
        return _drop(session, notice, over)
    card = session.get(SlackCard, notice.thread_of) if notice.thread_of is not None else None
    if notice.thread_of is not None and (card is None or card.scrubbed_at is not None):
        return _drop(session, notice, "no_card")
    if card is not None and card.ts is None:
        return _waits(session, notice, now + UNTIL_ITS_CARD)
    person = who_acts(session, desk, notice.person, now) if notice.person is not None else None
    user = desk.policy.slack.user_of(person) if person is not None else None
    if person is not None and user is None:
        return _cannot(session, desk, notice, "no_slack_id", now)
    place = user or (card.channel if card is not None else notice.channel) or ""
    wait = turn(session, desk, POST, place)
    if wait is not None:
        return _waits(session, notice, wait)
    together = [notice, *_of_the_same_thread(session, notice, now)] if card is not None else [notice]
    unclear = next((one.tried_at for one in together if one.tried_at is not None), None)
    seen = tuple(notice_of(session, desk, one, person) for one in together)
    for one in together:
        one.tries += 1
        one.tried_at, one.not_before = one.tried_at or now, now + LEASE
        session.add(one)
    thread = card.ts if card is not None else None
    name = f"notice:{notice.id}:{sha256(f'{notice.key}{notice.queued_at.isoformat()}'.encode()).hexdigest()[:16]}"
    return _Plan(tuple(one.id for one in together), place, thread, user, seen, unclear, name)


def _of_the_same_thread(session: Session, first: SlackNotice, now: datetime) -> list[SlackNotice]:
    """Lines that wait for the same thread. After an unclear try only those which that try had, so they are alike."""
    query = (
        select(SlackNotice)
        .where(
            col(SlackNotice.thread_of) == first.thread_of,
            col(SlackNotice.state) == NoticeState.QUEUED,
            col(SlackNotice.due_at) <= now,
            col(SlackNotice.id) > first.id,
            col(SlackNotice.tried_at).is_not_distinct_from(first.tried_at),
        )
        .order_by(col(SlackNotice.id))
        .limit(LINES_AT_ONCE - 1)
        .with_for_update(skip_locked=True)
    )
    return list(session.execute(query).scalars())


def _waits(session: Session, notice: SlackNotice, until: datetime) -> Result:
    notice.not_before = until
    session.add(notice)
    return Result(notice.id, SaidSo.WAITS, notice.why, until)


def _drop(session: Session, notice: SlackNotice, why: str) -> Result:
    notice.state, notice.why, notice.not_before = NoticeState.DROPPED, why, None
    session.add(notice)
    return Result(notice.id, SaidSo.DROPPED, why)


# The call


def _carry_out(desk: Desk, slack: Slack, workspace: Workspace, plan: _Plan) -> Place:
    seen = plan.seen
    if plan.user is not None:
        language = language_of(desk, workspace, plan.user)
        seen = tuple(replace(one, language=language) for one in seen)
    said = _named(_together([draw_notice(one) for one in seen]), plan.name)
    if plan.unclear_since is not None:
        found = _standing_there(slack, plan, plan.unclear_since)
        if found is not None:
            return found
    return slack.post(plan.place, said, thread=plan.thread)


def _together(lines: Sequence[Said]) -> Said:
    """Several lines of one thread as one message."""
    return Said("\n".join(line.text for line in lines), [block for line in lines for block in line.blocks])


def _named(said: Said, name: str) -> Said:
    """The message with its first block so named: by it, it is known again where it stands."""
    blocks = said.blocks or [{"type": "section", "text": {"type": "mrkdwn", "text": said.text[:3000]}}]
    return Said(said.text, [{**blocks[0], "block_id": name}, *blocks[1:]])


def _standing_there(slack: Slack, plan: _Plan, since: datetime) -> Place | None:
    """Our message, if the try whose answer was lost arrived."""
    oldest = f"{(since - CLOCKS_APART).timestamp():.6f}"
    channel = slack.direct(plan.user) if plan.user is not None else plan.place
    where = Place(channel, plan.thread) if plan.thread is not None else None
    messages = slack.replies(where, oldest) if where is not None else slack.history(channel, oldest)
    return next(
        (Place(channel, one.ts) for one in messages if any(block.get("block_id") == plan.name for block in one.blocks)),
        None,
    )


# After the call


def _mine(session: Session, numbers: Sequence[int]) -> list[SlackNotice]:
    """The notices again; the complaint of those that become events is locked before them."""
    rows = session.execute(select(SlackNotice).where(col(SlackNotice.id).in_(numbers))).scalars().all()
    for complaint_id in sorted({one.complaint_id for one in rows if one.kind in PERSONAL and one.complaint_id}):
        lock(session, complaint_id)
    return list(
        session.execute(
            select(SlackNotice)
            .where(col(SlackNotice.id).in_(numbers), col(SlackNotice.state) == NoticeState.QUEUED)
            .order_by(col(SlackNotice.id))
            .with_for_update()
            .execution_options(populate_existing=True)
        ).scalars()
    )


def _end(session: Session, desk: Desk, notice: SlackNotice, state: NoticeState, why: str | None) -> None:
    notice.state, notice.why, notice.not_before, notice.tried_at = state, why, None, None
    session.add(notice)
    if notice.kind not in PERSONAL or notice.complaint_id is None:
        return
    person = who_acts(session, desk, notice.person, desk.now()) if notice.person is not None else None
    trail.append(
        session,
        lock(session, notice.complaint_id),
        "notified",
        by=trail.MACHINE_AUTHOR,
        at=desk.now(),
        kind=notice.kind.value,
        to=person or notice.channel,
        ok=state is NoticeState.DELIVERED,
        why=why,
        gate=notice.data.get("gate"),
        review=notice.review_id,
    )


def _cannot(session: Session, desk: Desk, notice: SlackNotice, why: str, now: datetime) -> Result:
    """The person cannot be reached: it is said in the gate's channel instead, once."""
    _end(session, desk, notice, NoticeState.FAILED, why)
    channel = desk.policy.slack.channel_of(Gate(notice.data.get("gate", Gate.CS)))
    if notice.person is not None and channel is not None:
        queue(
            session,
            desk,
            key=f"{notice.key}:channel",
            kind=notice.kind,
            now=now,
            complaint_id=notice.complaint_id,
            review_id=notice.review_id,
            channel=channel,
            data={**notice.data, "person": notice.person},
        )
    return Result(notice.id, SaidSo.FAILED, why)


def _trouble(session: Session, desk: Desk, plan: _Plan, trouble: SlackTrouble) -> Result:
    now = desk.now()
    until = failed(session, desk, POST, trouble)
    result = Result(plan.notices[0], SaidSo.NONE)
    for notice in _mine(session, plan.notices):
        if not (isinstance(trouble, Later) and trouble.may_have_arrived):
            notice.tried_at = plan.unclear_since
        notice.why = trouble.why
        if isinstance(trouble, NotThere):
            result = _drop(session, notice, trouble.why)
        elif isinstance(trouble, Later) or trouble.why in TO_MEND or notice.kind is NoticeKind.THREAD:
            slow = timedelta(0) if isinstance(trouble, Later) else timedelta(minutes=1)
            notice.not_before = max(until, now + min(slow * 2.0 ** (notice.tries - 1), LONGEST_PATIENCE))
            session.add(notice)
            result = Result(notice.id, SaidSo.LATER, trouble.why, notice.not_before)
        else:
            log.warning("Notice %d (%s) cannot be said: %s", notice.id, notice.kind.value, trouble)
            result = _cannot(session, desk, notice, trouble.why, now)
    return result
