"""Tells all staff when a published fact changes, with old and new: one voice on every channel and by every employee.

Written in the transaction that publishes or approves the new one, so nobody learns it from a customer.
"""

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlmodel import Session, col

from db import trail
from db.tables import Article, Complaint, Draft, FactChange, FactOf
from db.wake import wake
from db.words import Visibility
from policy.guard.consistency import changed
from tasks.consistency import earlier_texts
from tasks.desk import Desk


def answer_changes_facts(
    session: Session, desk: Desk, complaint: Complaint, draft: Draft, by: str, now: datetime
) -> None:
    """An approved public text says otherwise than the public was told in this complaint or its incident.

    What two people settle in private is no published fact.
    """
    if draft.visibility is not Visibility.PUBLIC:
        return
    earlier = earlier_texts(session, desk, complaint, public_only=True)
    changes = [
        FactChange(
            at=now,
            by=by,
            of=FactOf.ANSWER,
            where=complaint.reference,
            language=draft.language,
            about=change.claim.sort,
            old=change.old_sentence,
            new=change.new_sentence,
            complaint_id=complaint.id,
        )
        for change in changed(draft.text, earlier, even_explained=True)
    ]
    _tell(session, desk, changes)
    for change in changes:
        trail.append(
            session,
            complaint,
            "fact_changed",
            by=trail.MACHINE_AUTHOR,
            at=now,
            change=change.id,
            about=change.about,
            draft=draft.id,
        )


def article_changes_facts(session: Session, desk: Desk, article: Article, by: str, now: datetime) -> None:
    """The short answer of a public article that is published now reads otherwise than the version published last."""
    before = session.execute(
        select(Article)
        .where(
            col(Article.slug) == article.slug,
            col(Article.language) == article.language,
            col(Article.id) != article.id,
            col(Article.published_at).is_not(None),
        )
        .order_by(col(Article.published_at).desc(), col(Article.id).desc())
        .limit(1)
    ).scalar_one_or_none()
    if before is None or not (before.public and article.public) or before.answer.split() == article.answer.split():
        return
    change = FactChange(
        at=now,
        by=by,
        of=FactOf.ARTICLE,
        where=article.slug,
        language=article.language,
        about="answer",
        old=before.answer,
        new=article.answer,
    )
    _tell(session, desk, [change])


def fact_changes(desk: Desk, since: timedelta) -> list[FactChange]:
    """What changed so long ago or less, newest first."""
    with desk.transaction() as session:
        return list(
            session.execute(
                select(FactChange)
                .where(col(FactChange.at) >= desk.now() - since)
                .order_by(col(FactChange.at).desc(), col(FactChange.id).desc())
            ).scalars()
        )


def _tell(session: Session, desk: Desk, changes: list[FactChange]) -> None:
    session.add_all(changes)
    session.flush()
    if changes and desk.policy.slack.staff is not None:
        wake(session, "slack")
