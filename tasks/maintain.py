"""Keep the house in order: anchor the trail, prove it, bring the articles in, throw away what is only clutter."""

import hashlib
from datetime import timedelta

from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col

from db import trail
from db.tables import Article, RateUse, SlackReceipt
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


def bring_in_articles(desk: Desk) -> int:
    """The policy's articles as rows, one a version, so that an answer can name the version it rests on."""
    added = 0
    with desk.transaction() as session:
        for article in desk.policy.knowledge:
            version = hashlib.sha256(article.file.read_bytes()).hexdigest()[:16]
            done = session.execute(
                insert(Article)
                .values(
                    slug=article.file.stem,
                    version=version,
                    title=article.title,
                    category=article.category,
                    language=article.language,
                    text=article.body,
                    owner=article.owner,
                    public=article.public,
                    valid_from=article.valid_from,
                    valid_until=article.valid_until,
                )
                .on_conflict_do_nothing(index_elements=["slug", "version"])
                .returning(col(Article.id))
            ).scalar_one_or_none()
            added += done is not None
    return added


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
