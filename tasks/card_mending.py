"""Proves that each open review's card stands in its channel, once, and lets what is missing be posted again.

Slack is asked per channel, not per card. Where it does not answer, everything stays as it was written down.
"""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, exists, or_, select, update
from sqlmodel import Session, col

from db.tables import Complaint, Event, Review, ReviewState, Round, SlackCard
from db.wake import wake
from integrations.slack.client import Place, Slack
from integrations.slack.errors import Later, SlackTrouble
from tasks.card_calls import CLOCKS_APART, card_on
from tasks.card_due import locked, look_at
from tasks.cards import lose, try_again_at
from tasks.desk import Desk
from tasks.membership import refresh_groups
from tasks.slack_calls import worked

log = logging.getLogger("tanggap.slack")

SECONDS = 20.0
"""A mending ends after so long; the channels that were not reached are looked at next time."""
A_WHILE = timedelta(minutes=1)
"""The stage takes seconds to see what happened."""
MOST_MESSAGES = 5_000
"""Of one channel; where more was said since the oldest open card, nobody is judged by what was not read."""


Named = tuple[int, str]
"""A review's number, and its draft's hash."""


@dataclass
class Mended:
    """What was found, and what was done about it."""

    proved: int = 0
    lost: int = 0
    """Cards that stood nowhere: they are posted again."""
    doubled: int = 0
    """Second messages of ours about one review, taken away."""
    back: int = 0
    """Channels that can be used again."""
    forgotten: int = 0
    """Cards that were to be looked at, and nobody had noticed."""
    notes: list[str] = field(default_factory=list)

    @property
    def total(self) -> int:
        """How much had to be mended."""
        return self.lost + self.doubled + self.back + self.forgotten

    @property
    def counts(self) -> dict[str, int]:
        """In words."""
        return {
            "cards proved": self.proved,
            "posted again": self.lost,
            "doubled, taken away": self.doubled,
            "channels usable again": self.back,
            "overlooked": self.forgotten,
        }

    def __str__(self) -> str:
        return ", ".join(f"{count} {what}" for what, count in self.counts.items() if count)


def mend_cards(desk: Desk, slack: Slack, *, seconds: float = SECONDS) -> Mended:
    """Mend what can be mended now. Slack being away ends it at once, and harms nothing."""
    done, until = Mended(), time.monotonic() + seconds
    _overlooked(desk, done)
    try:
        ours = slack.ourselves().user
    except SlackTrouble as trouble:
        log.info("Cards cannot be proved now: %s", trouble)
        return done
    with desk.transaction() as session:
        worked(session)
        stuck = _stuck_channels(session)
        wake(session, "slack")
    for channel in stuck:
        if time.monotonic() < until and _usable(slack, channel):
            try_again_at(desk, channel)
            done.back += 1
            done.notes.append(f"{channel}: usable again")
    for channel, since in _channels(desk):
        if time.monotonic() >= until:
            break
        try:
            _mend_channel(desk, slack, channel, since, ours, done)
        except Later as trouble:
            log.info("Cards in %s cannot be proved now: %s", channel, trouble)
            break
        except SlackTrouble as trouble:
            log.warning("Cards in %s cannot be proved: %s", channel, trouble)
            done.notes.append(f"{channel}: {trouble.why}")
    refresh_groups(desk, slack, older_than=desk.policy.slack.group_fresh_for / 2)
    return done


def _channels(desk: Desk) -> list[tuple[str, datetime]]:
    """Where open cards stand, and since when the oldest does."""
    oldest: dict[str, datetime] = {}
    with desk.transaction() as session:
        rows = session.execute(
            select(SlackCard.channel, SlackCard.posted_at)  # type: ignore[call-overload]
            .join(Review, col(Review.id) == col(SlackCard.review_id))
            .where(_open_card(), col(SlackCard.ts).is_not(None))
        )
        for channel, posted_at in rows:
            if posted_at is not None:
                oldest[channel] = min(oldest.get(channel, posted_at), posted_at)
    return sorted(oldest.items())


def _open_card() -> ColumnElement[bool]:
    return (col(Review.state) == ReviewState.OPEN) & col(SlackCard.scrubbed_at).is_(None)


def _mend_channel(desk: Desk, slack: Slack, channel: str, since: datetime, ours: str, done: Mended) -> None:
    asked = desk.now()
    standing: dict[Named, list[str]] = {}
    all_ours: set[str] = set()
    oldest = f"{(since - CLOCKS_APART).timestamp():.6f}"
    for read, message in enumerate(slack.history(channel, oldest)):
        if read >= MOST_MESSAGES:
            log.warning("More than %d messages stand in %s since its oldest open card", MOST_MESSAGES, channel)
            return
        if message.user != ours:
            continue
        all_ours.add(message.ts)
        named = card_on(message)
        if named is not None:
            standing.setdefault(named, []).append(message.ts)
    doubled = _judge(desk, channel, standing, all_ours, asked, done)
    for place, reference in doubled:
        slack.remove(place)
        done.doubled += 1
        done.notes.append(f"{reference}: a doubled card was taken away")


def _judge(
    desk: Desk,
    channel: str,
    standing: dict[Named, list[str]],
    all_ours: set[str],
    asked: datetime,
    done: Mended,
) -> list[tuple[Place, str]]:
    """Compare with the rows what stood there when Slack was asked; returns the messages that are too many."""
    doubled: list[tuple[Place, str]] = []
    now = desk.now()
    with desk.transaction() as session:
        for card, review, complaint in _cards(session, channel, [number for number, _ in standing]):
            places = standing.get((review.id, review.sha256), [])
            here = card.channel == channel and card.ts in all_ours
            if here:
                card.proved_at = now
                session.add(card)
                done.proved += 1
            elif card.channel == channel and _is_lost(card, review, asked):
                lose(session, card, now)
                done.lost += 1
                done.notes.append(f"{complaint.reference}: its {review.gate.value} card is gone, and is posted again")
            if here or (card.ts is not None and card.channel != channel):
                doubled += [(Place(channel, ts), complaint.reference) for ts in places if ts != card.ts]
    return doubled


def _is_lost(card: SlackCard, review: Review, asked: datetime) -> bool:
    """Whether it stood there long before Slack was asked, and does no more."""
    return (
        card.ts is not None
        and card.scrubbed_at is None
        and review.state is ReviewState.OPEN
        and card.posted_at is not None
        and card.posted_at < asked
    )


def _cards(session: Session, channel: str, seen: Sequence[int]) -> list[tuple[SlackCard, Review, Complaint]]:
    """The open cards of a channel, and those whose messages were seen there, locked in the order of their numbers."""
    rows = session.execute(
        select(SlackCard, Review, Complaint)
        .join(Review, col(Review.id) == col(SlackCard.review_id))
        .join(Round, col(Round.id) == col(Review.round_id))
        .join(Complaint, col(Complaint.id) == col(Round.complaint_id))
        .where(
            or_(
                (col(SlackCard.channel) == channel) & _open_card() & col(SlackCard.ts).is_not(None),
                col(SlackCard.review_id).in_(seen),
            )
        )
        .order_by(col(SlackCard.review_id))
        .with_for_update(of=SlackCard)
    ).all()
    return [(card, review, complaint) for card, review, complaint in rows]


def _stuck_channels(session: Session) -> list[str]:
    rows = session.execute(
        select(SlackCard.channel)  # type: ignore[call-overload]
        .where(col(SlackCard.stuck_since).is_not(None), col(SlackCard.scrubbed_at).is_(None))
        .distinct()
        .order_by(col(SlackCard.channel))
    )
    return list(rows.scalars())


def _usable(slack: Slack, channel: str) -> bool:
    try:
        found = slack.channel(channel)
    except SlackTrouble:
        return False
    return not found.get("is_archived") and found.get("is_member", True)


def _overlooked(desk: Desk, done: Mended) -> None:
    """What the trail's follower should have seen, and what was kept long enough by now."""
    now = desk.now()
    with desk.transaction() as session:
        resting = or_(col(SlackCard.due_at).is_(None), col(SlackCard.due_at) > now)
        unseen = exists(
            select(Event.id).where(  # type: ignore[call-overload]
                col(Event.complaint_id) == col(Complaint.id),
                col(Event.number) > col(SlackCard.seen),
                col(Event.at) < now - A_WHILE,
            )
        )
        newer = col(SlackCard.seen) < col(Complaint.events)
        stale = locked(session, resting, newer, unseen, col(SlackCard.ts).is_not(None))
        look_at(session, stale, now)
        done.forgotten += len(stale)
        unposted = session.execute(
            update(SlackCard)
            .where(
                col(SlackCard.due_at).is_(None),
                col(SlackCard.ts).is_(None),
                col(SlackCard.scrubbed_at).is_(None),
            )
            .values(due_at=now)
            .returning(col(SlackCard.review_id))
        ).all()
        done.forgotten += len(unposted)
