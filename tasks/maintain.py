"""Keep the house in order: anchor the trail, prove it, throw away what is only clutter."""

from datetime import timedelta

from sqlalchemy import delete
from sqlmodel import col

from db import trail
from db.tables import RateUse, SlackReceipt
from tasks.desk import Desk

LONGEST_WINDOW = timedelta(days=2)
"""No platform's limit looks further back."""
RECEIPTS_KEPT = timedelta(days=7)
"""Slack repeats an event for some minutes; a week tells engineers what came in."""


def anchor_trail(desk: Desk) -> tuple[int, list[str]]:
    """Write today's digest over all chains; returns how many chains there are, and what is broken in them."""
    now = desk.now()
    with desk.transaction() as session:
        broken = [str(found) for found in trail.verify(session)]
        made = trail.anchor(session, now.astimezone(desk.policy.calendar.zone).date(), now)
        return made.chains, broken


def clear_ledger(desk: Desk) -> int:
    """Uses of limits that no window reaches any more."""
    with desk.transaction() as session:
        gone = session.execute(
            delete(RateUse).where(col(RateUse.at) < desk.now() - LONGEST_WINDOW).returning(col(RateUse.id))
        )
        return len(gone.all())


def clear_receipts(desk: Desk) -> int:
    """What was done in Slack and will not be repeated any more."""
    old = desk.now() - RECEIPTS_KEPT
    with desk.transaction() as session:
        gone = session.execute(
            delete(SlackReceipt)
            .where(col(SlackReceipt.done_at).is_not(None), col(SlackReceipt.at) < old)
            .returning(col(SlackReceipt.key))
        )
        return len(gone.all())
