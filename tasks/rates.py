"""The sliding-window ledger of limits, in the database, on the desk's clock, shared by all workers."""

from datetime import datetime, timedelta

from sqlalchemy import delete, select, text
from sqlmodel import Session, col

from db.tables import RateUse
from db.words import Visibility
from policy.publishing import Budget
from tasks.desk import Desk


def take_turn(desk: Desk, channel: str, account: str, visibility: Visibility) -> float | None:
    """Use one of the platform's grants; None if there was one, else the seconds until there is."""
    limits = desk.policy.publishing.budgets_for(channel, visibility)
    if not limits:
        return None
    with desk.transaction() as session:
        waits = [
            use(session, _bucket(channel, account, limit), limit.at_most, limit.per, desk.now()) for limit in limits
        ]
        if any(wait is not None for wait in waits):
            session.rollback()
            return max(wait for wait in waits if wait is not None)
    return None


def _bucket(channel: str, account: str, limit: Budget) -> str:
    return f"{channel}:{account}:{limit.visibility or 'any'}:{limit.per.total_seconds():g}"


def use(session: Session, bucket: str, count: int, window: timedelta, now: datetime, amount: int = 1) -> float | None:
    """Write a use into the ledger; None if the window still had room for it, else the seconds until it has.

    What is more than the whole grant is let through once nothing else is in the window.
    """
    session.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:bucket, 0))"), {"bucket": bucket})
    since = now - window
    session.execute(delete(RateUse).where(col(RateUse.bucket) == bucket, col(RateUse.at) <= since))
    uses = session.execute(
        select(RateUse.at, RateUse.amount).where(col(RateUse.bucket) == bucket).order_by(col(RateUse.at))  # type: ignore[call-overload]
    ).all()
    too_much = sum(one.amount for one in uses) + amount - count
    if uses and too_much > 0:
        freed, room_at = 0, now
        for one in uses:
            freed, room_at = freed + one.amount, one.at
            if freed >= too_much:
                break
        return max(0.05, (room_at + window - now).total_seconds())
    session.add(RateUse(bucket=bucket, at=now, amount=amount))
    session.flush()
    return None
