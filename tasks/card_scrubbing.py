"""Takes the words out of a card whose time is over, and out of what we wrote in its thread.

What people wrote there is theirs; Slack's own retention rules it.
"""

from contextlib import suppress
from datetime import datetime

from sqlalchemy import select, update
from sqlmodel import Session, col

from db.tables import Complaint, NoticeState, Review, Round, SlackCard, SlackNotice
from integrations.slack.card import draw_stub
from integrations.slack.client import Place, Said, Slack
from integrations.slack.errors import NotThere
from tasks.desk import Desk
from tasks.slack_calls import UPDATE, turn


def stub_of(desk: Desk, complaint: Complaint, review: Review) -> Said:
    """What stays of a card: of which complaint, gate and outcome it was."""
    outcome = review.verdict or review.state
    return draw_stub(complaint.reference, review.gate.value, outcome.value, desk.policy.slack.language_of(review.gate))


def finish_scrubbing(desk: Desk, slack: Slack, review_id: int) -> datetime | None:
    """Empty our lines in the thread of a card that is a stub already; None where all is done, else when to go on.

    Raises:
        SlackTrouble: Slack did not do it; what was emptied before stays so.
    """
    while True:
        with desk.transaction() as session:
            line = _next_line(session, review_id)
            if line is None:
                _close(session, review_id, desk.now())
                return None
            wait = turn(session, desk, UPDATE, line.channel)
            if wait is not None:
                card = session.get_one(SlackCard, review_id, with_for_update=True)
                card.not_before = wait
                session.add(card)
                return wait
            review = session.get_one(Review, review_id)
            round_ = session.get_one(Round, review.round_id)
            stub = stub_of(desk, session.get_one(Complaint, round_.complaint_id), review)
        with suppress(NotThere):
            slack.update(line, stub)
        with desk.transaction() as session:
            session.execute(
                update(SlackNotice)
                .where(col(SlackNotice.thread_of) == review_id, col(SlackNotice.ts) == line.ts)
                .values(scrubbed_at=desk.now(), data={})
            )


def _next_line(session: Session, review_id: int) -> Place | None:
    found = session.execute(
        select(SlackNotice.sent_to, SlackNotice.ts)  # type: ignore[call-overload]
        .where(
            col(SlackNotice.thread_of) == review_id,
            col(SlackNotice.state) == NoticeState.DELIVERED,
            col(SlackNotice.scrubbed_at).is_(None),
            col(SlackNotice.ts).is_not(None),
        )
        .order_by(col(SlackNotice.id))
        .limit(1)
    ).first()
    return Place(found.sent_to, found.ts) if found else None


def _close(session: Session, review_id: int, now: datetime) -> None:
    """All that we said is empty; nothing more is said."""
    session.execute(
        update(SlackNotice)
        .where(col(SlackNotice.thread_of) == review_id, col(SlackNotice.state) == NoticeState.QUEUED)
        .values(state=NoticeState.DROPPED, why="scrubbed")
    )
    session.execute(
        update(SlackNotice)
        .where(col(SlackNotice.thread_of) == review_id, col(SlackNotice.scrubbed_at).is_(None))
        .values(data={}, scrubbed_at=now)
    )
    session.execute(update(SlackNotice).where(col(SlackNotice.review_id) == review_id).values(data={}))
    session.execute(
        update(SlackCard)
        .where(col(SlackCard.review_id) == review_id)
        .values(scrubbed_at=now, due_at=None, not_before=None, why=None, stuck_since=None, live=False)
    )
