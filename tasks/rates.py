"""The sliding-window ledger of limits, in the database, on the desk's clock, shared by all workers."""

from datetime import datetime, timedelta

from sqlalchemy import delete, func, select, text
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


def use(session: Session, bucket: str, count: int, window: timedelta, now: datetime) -> float | None:
    """Write one use into the ledger; None if the window still had room, else the seconds until it has."""
    session.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:bucket, 0))"), {"bucket": bucket})
    since = now - window
    session.execute(delete(RateUse).where(col(RateUse.bucket) == bucket, col(RateUse.at) <= since))
    used, oldest = session.execute(
        select(func.count(), func.min(RateUse.at)).where(col(RateUse.bucket) == bucket)
    ).one()
    if used >= count:
        return float(max(0.05, (oldest + window - now).total_seconds()))
    session.add(RateUse(bucket=bucket, at=now))
    session.flush()
    return None
