"""Draws cards: each open review's message in its gate's channel, written anew whenever anything changes.

A draw is two short transactions with Slack's answer between them: the first reads the facts and takes the card for half
a minute, so that gateway and stage never draw the same one at once; the second writes down what came of it. A try to
post whose answer was lost is never just repeated: Slack is asked first whether the card stands there.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import select, update
from sqlmodel import Session, col

from db import trail
from db.complaints import lock
from db.tables import Complaint, Review, ReviewState, Round, SlackCard
from db.wake import wake
from integrations.slack.card import digest, draw, draw_plain
from integrations.slack.client import Place, Said, Slack
from integrations.slack.errors import Later, NotThere, SlackTrouble
from tasks.card_calls import Plan, carry_out
from tasks.card_due import add_card, look_at, look_at_complaint, scrub_at
from tasks.card_facts import card_of
from tasks.card_scrubbing import finish_scrubbing, stub_of
from tasks.card_threads import queue_lines
from tasks.desk import Desk
from tasks.slack_calls import POST, UPDATE, failed, turn, worked

log = logging.getLogger("tanggap.slack")

LEASE = timedelta(seconds=30)
"""Whoever draws a card has it for so long; longer than all calls of one draw together."""
LONGEST_PATIENCE = timedelta(minutes=10)
"""Between two tries of what somebody must mend first."""


class Drawn(StrEnum):
    """What came of drawing a card."""

    POSTED = "posted"
    UPDATED = "updated"
    SAME = "same"
    """What stands there is right."""
    SCRUBBED = "scrubbed"
    WAITS = "waits"
    """Somebody else draws it, or Slack's limits leave no room this moment."""
    LATER = "later"
    """Slack is away."""
    STUCK = "stuck"
    """Somebody must mend something first."""
    NONE = "none"
    """There is no card of this review, and none is due."""


@dataclass(frozen=True)
class Outcome:
    """What came of one card; `again_at` is when it is worth another try."""

    review: int
    drawn: Drawn
    why: str | None = None
    again_at: datetime | None = None


def try_again_at(desk: Desk, channel: str) -> None:
    """Somebody mended this channel: what could not be shown there is tried at once."""
    with desk.transaction() as session:
        session.execute(
            update(SlackCard)
            .where(
                col(SlackCard.channel) == channel,
                col(SlackCard.stuck_since).is_not(None),
                col(SlackCard.scrubbed_at).is_(None),
            )
            .values(not_before=None)
        )
        wake(session, "slack")


def draw_card(desk: Desk, slack: Slack, review_id: int, *, urgent: bool = True) -> Outcome:
    """Show a review in Slack as it stands now; `urgent`: somebody clicked, or decided, and looks at it."""
    with desk.transaction() as session:
        plan = _claim(session, desk, review_id, urgent)
    if isinstance(plan, Outcome):
        return plan
    if plan.stands:
        return _finish(desk, slack, plan)
    try:
        found = carry_out(slack, plan)
    except SlackTrouble as trouble:
        return _trouble(desk, plan, trouble)
    with desk.transaction() as session:
        outcome = _write(session, desk, plan, *found)
    if outcome.drawn is not Drawn.SCRUBBED:
        return outcome
    return _finish(desk, slack, plan)


# Before the call


def _claim(session: Session, desk: Desk, review_id: int, urgent: bool) -> Plan | Outcome:
    now = desk.now()
    review = session.get(Review, review_id)
    round_ = session.get(Round, review.round_id) if review else None
    if review is None or round_ is None or round_.complaint_id is None:
        return Outcome(review_id, Drawn.NONE)
    channel = desk.policy.slack.channel_of(review.gate)
    if channel is not None and review.state is ReviewState.OPEN:
        add_card(session, review_id, channel, now)
    card = session.execute(
        select(SlackCard).where(col(SlackCard.review_id) == review_id).with_for_update(skip_locked=True)
    ).scalar_one_or_none()
    if card is None:
        known = session.execute(select(SlackCard.review_id).where(col(SlackCard.review_id) == review_id)).first()  # type: ignore[call-overload]
        return Outcome(review_id, Drawn.WAITS if known else Drawn.NONE)
    if card.scrubbed_at is not None:
        return Outcome(review_id, Drawn.NONE)
    if card.not_before is not None and card.not_before > now:
        look_at(session, [review_id], now)
        return Outcome(review_id, Drawn.WAITS, card.why, card.not_before)
    complaint = session.get_one(Complaint, round_.complaint_id, populate_existing=True)
    session.refresh(review)
    if card.stuck_since is not None and card.channel != channel and review.state is ReviewState.OPEN:
        lose(session, card, now)  # its gate has moved to another channel, since this one cannot be used
    if card.ts is None:
        return _claim_post(session, desk, card, review, complaint, channel, urgent)
    return _claim_update(session, desk, card, review, complaint, urgent)


def _claim_post(
    session: Session,
    desk: Desk,
    card: SlackCard,
    review: Review,
    complaint: Complaint,
    channel: str | None,
    urgent: bool,
) -> Plan | Outcome:
    now, wanted = desk.now(), review.state is ReviewState.OPEN and not card.scrub and channel is not None
    if card.tried_at is None and not wanted:
        # Nothing stands there, and nobody needs it any more, or not until its gate has a channel again.
        card.scrubbed_at, card.due_at, card.stuck_since = now, None, None
        session.add(card)
        if review.state is ReviewState.OPEN and channel is None:
            session.delete(card)
        return Outcome(review.id, Drawn.NONE)
    if card.tried_at is None and channel is not None:
        card.channel = channel
    wait = turn(session, desk, POST, card.channel, urgent=urgent)
    if wait is not None:
        return _waits(session, card, wait)
    plan = _plan(session, desk, card, review, complaint, wanted=wanted)
    card.tried_at = card.tried_at or now
    return _leased(session, desk, card, plan)


def _claim_update(
    session: Session, desk: Desk, card: SlackCard, review: Review, complaint: Complaint, urgent: bool
) -> Plan | Outcome:
    plan = _plan(session, desk, card, review, complaint, wanted=False)
    if digest(plan.said) == card.drawn:
        if plan.scrub:
            return _leased(session, desk, card, replace(plan, stands=True))
        _settle(session, desk, card, plan)
        return Outcome(review.id, Drawn.SAME)
    wait = turn(session, desk, UPDATE, card.channel, urgent=urgent)
    if wait is not None:
        return _waits(session, card, wait)
    return _leased(session, desk, card, plan)


def _waits(session: Session, card: SlackCard, until: datetime) -> Outcome:
    card.not_before = until
    session.add(card)
    return Outcome(card.review_id, Drawn.WAITS, None, until)


def _leased(session: Session, desk: Desk, card: SlackCard, plan: Plan) -> Plan:
    card.not_before = desk.now() + LEASE
    card.tries += 1
    session.add(card)
    return plan


def _plan(session: Session, desk: Desk, card: SlackCard, review: Review, complaint: Complaint, *, wanted: bool) -> Plan:
    until = scrub_at(desk, complaint)
    scrub = card.scrub or (until is not None and until <= desk.now())
    if scrub:
        said = stub_of(desk, complaint, review)
        plain: Callable[[], Said] = lambda: said  # noqa: E731
    else:
        facts = card_of(session, desk, review.id)
        said, plain = draw(facts), lambda: draw_plain(facts)
    return Plan(
        review=review.id,
        sha256=review.sha256,
        complaint=complaint.id,
        channel=card.channel,
        at=Place(card.channel, card.ts) if card.ts is not None else None,
        url=card.url,
        said=said,
        plain=plain,
        live=review.state is ReviewState.OPEN and not scrub,
        seen=complaint.events,
        before=card.seen,
        asked=card.asked,
        lost=card.lost,
        unclear_since=card.tried_at if card.ts is None else None,
        wanted=wanted,
        scrub=scrub,
    )


# After the call


def _write(
    session: Session, desk: Desk, plan: Plan, at: Place | None, url: str | None, plain: bool, found: bool
) -> Outcome:
    """What came of it. Lock order everywhere: the complaint, then its card."""
    now = desk.now()
    again = at is not None and plan.at is None and plan.lost > 0 and not found
    complaint = lock(session, plan.complaint) if again else session.get_one(Complaint, plan.complaint)
    card = session.get_one(SlackCard, plan.review, with_for_update=True, populate_existing=True)
    worked(session)
    card.tried_at = card.not_before = card.why = card.stuck_since = None
    card.tries = 0
    if at is None:
        card.scrubbed_at, card.due_at = now, None
        session.add(card)
        return Outcome(plan.review, Drawn.NONE)
    card.channel, card.ts, card.url, card.proved_at = at.channel, at.ts, url, now
    if plan.at is None:
        card.posted_at = now
        look_at_complaint(session, plan.complaint, now, but=plan.review)
    if again:
        trail.append(
            session,
            complaint,
            "card_posted_again",
            by=trail.MACHINE_AUTHOR,
            at=now,
            review=plan.review,
            times=plan.lost,
        )
    if found:
        card.drawn, card.live, card.due_at = None, True, now
        session.add(card)
        wake(session, "slack")
        return Outcome(plan.review, Drawn.POSTED, "found")
    card.drawn, card.plain = digest(plan.said), plain
    _settle(session, desk, card, plan)
    if plan.scrub:
        card.due_at = now
        return Outcome(plan.review, Drawn.SCRUBBED)
    return Outcome(plan.review, Drawn.POSTED if plan.at is None else Drawn.UPDATED)


def _settle(session: Session, desk: Desk, card: SlackCard, plan: Plan) -> None:
    """It stands as it was read: until when, and what its thread is told of how it came to be so."""
    now = desk.now()
    complaint = session.get_one(Complaint, plan.complaint)
    events = session.execute(select(Complaint.events).where(col(Complaint.id) == plan.complaint)).scalar_one()  # type: ignore[call-overload]
    if not plan.scrub:
        queue_lines(session, desk, plan.review, plan.before, plan.seen, now)
    card.seen, card.live = plan.seen, plan.live
    card.why = card.not_before = card.stuck_since = None
    card.tries = 0
    overtaken = events > plan.seen or card.asked != plan.asked
    card.due_at = now if overtaken else scrub_at(desk, complaint)
    if card.due_at is not None and card.due_at <= now:
        wake(session, "slack")
    session.add(card)


def _finish(desk: Desk, slack: Slack, plan: Plan) -> Outcome:
    """The stub stands there; the lines that we wrote in its thread are next."""
    try:
        wait = finish_scrubbing(desk, slack, plan.review)
    except SlackTrouble as trouble:
        return _trouble(desk, plan, trouble)
    if wait is not None:
        return Outcome(plan.review, Drawn.WAITS, None, wait)
    return Outcome(plan.review, Drawn.SCRUBBED)


def _trouble(desk: Desk, plan: Plan, trouble: SlackTrouble) -> Outcome:
    """It could not be shown. The review stays open whatever Slack says."""
    now = desk.now()
    with desk.transaction() as session:
        until = failed(session, desk, POST if plan.at is None else UPDATE, trouble)
        card = session.get_one(SlackCard, plan.review, with_for_update=True, populate_existing=True)
        card.why, card.not_before = trouble.why, until
        if not (isinstance(trouble, Later) and trouble.may_have_arrived):
            card.tried_at = plan.unclear_since
        session.add(card)
        if isinstance(trouble, NotThere):
            return _gone(session, card, plan, now)
        if isinstance(trouble, Later):
            return Outcome(plan.review, Drawn.LATER, trouble.why, until)
        card.stuck_since = card.stuck_since or now
        card.not_before = max(until, now + min(timedelta(minutes=2.0 ** (card.tries - 1)), LONGEST_PATIENCE))
        log.warning("The card of review %d cannot be shown in %s: %s", plan.review, plan.channel, trouble)
        return Outcome(plan.review, Drawn.STUCK, trouble.why, card.not_before)


def _gone(session: Session, card: SlackCard, plan: Plan, now: datetime) -> Outcome:
    """Somebody took the message away: an open review is shown again, of the others there is nothing left to say."""
    if plan.scrub:
        card.drawn, card.due_at, card.not_before = digest(plan.said), now, None
        return Outcome(plan.review, Drawn.WAITS, card.why, now)
    if not plan.live:
        card.scrubbed_at, card.due_at, card.not_before = now, None, None
        return Outcome(plan.review, Drawn.NONE, card.why)
    lose(session, card, now)
    return Outcome(plan.review, Drawn.WAITS, card.why, now)


def lose(session: Session, card: SlackCard, now: datetime) -> None:
    """A card that stands nowhere any more is posted again."""
    card.ts = card.url = card.drawn = card.not_before = card.tried_at = None
    card.lost += 1
    card.due_at, card.live = now, False
    session.add(card)
    wake(session, "slack")
