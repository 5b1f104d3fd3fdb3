"""How much still waits to be shown in Slack, and since when."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlmodel import Session, col

from db.tables import NoticeState, Review, ReviewState, Round, SlackCard, SlackNotice
from tasks.desk import Desk


@dataclass(frozen=True)
class Backlog:
    """What waits, counted."""

    cards: int = 0
    """To be posted, drawn anew or scrubbed."""
    notices: int = 0
    oldest: datetime | None = None
    """Since when the one that waits longest is due."""

    @property
    def total(self) -> int:
        """Cards and notices."""
        return self.cards + self.notices


def backlog(session: Session, desk: Desk) -> Backlog:
    """What is due now and does not stand in Slack yet."""
    now = desk.now()
    cards = session.execute(
        select(func.count(), func.min(SlackCard.due_at)).where(
            col(SlackCard.due_at) <= now, col(SlackCard.scrubbed_at).is_(None)
        )
    ).one()
    unposted = session.execute(
        select(func.count(), func.min(Review.opened_at))
        .join(Round, col(Round.id) == col(Review.round_id))
        .outerjoin(SlackCard, col(SlackCard.review_id) == col(Review.id))
        .where(
            col(Review.state) == ReviewState.OPEN,
            col(Review.gate).in_(tuple(desk.policy.slack.gates)),
            col(SlackCard.review_id).is_(None),
            col(Round.complaint_id).is_not(None),
        )
    ).one()
    notices = session.execute(
        select(func.count(), func.min(SlackNotice.due_at)).where(
            col(SlackNotice.state) == NoticeState.QUEUED, col(SlackNotice.due_at) <= now
        )
    ).one()
    since = [at for _, at in (cards, unposted, notices) if at is not None]
    return Backlog(cards[0] + unposted[0], notices[0], min(since, default=None))
