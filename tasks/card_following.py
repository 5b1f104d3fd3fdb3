"""Follows the trail: cards are looked at when something was written about their complaints, whoever wrote it."""

from sqlalchemy import or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col

from db.tables import Complaint, Cursor, Event, SlackCard
from tasks.card_due import locked, look_at
from tasks.desk import Desk
from tasks.escalation import Horizon, horizon, is_over
from tasks.marks import ACCOUNT

MARK = "slack-cards"


def follow(desk: Desk) -> int:
    """Have the cards looked at whose complaints were written about since the last call; returns how many.

    A long transaction may commit events with lower numbers than others that were seen already. So what was read moves
    on only as far as nothing is still to come; what lies beyond is read again.
    """
    now, seen = desk.now(), horizon(desk)
    with desk.transaction() as session:
        kept = session.get(Cursor, (MARK, ACCOUNT), with_for_update=True)
        if kept is None:
            first = insert(Cursor).values(channel=MARK, account=ACCOUNT, position=str(seen.number), moved_at=now)
            session.execute(first.on_conflict_do_nothing(index_elements=["channel", "account"]))
            return 0
        done, waiting = _position(kept.position)
        complete = waiting is not None and is_over(session, waiting)
        new = select(Event.complaint_id).where(col(Event.id) > done, col(Event.complaint_id).is_not(None))  # type: ignore[call-overload]
        stale = locked(
            session,
            col(Complaint.id).in_(new),
            col(SlackCard.seen) < col(Complaint.events),
            or_(col(SlackCard.due_at).is_(None), col(SlackCard.due_at) > now),
        )
        look_at(session, stale, now)
        if complete and waiting is not None:
            done, waiting = max(done, waiting.number), None
        if waiting is None and seen.number > done:
            waiting = seen
        said = f"{done} {waiting.number} {waiting.transaction}" if waiting is not None else str(done)
        if said != kept.position:
            kept.position, kept.moved_at = said, now
            session.add(kept)
        return len(stale)


def _position(said: str) -> tuple[int, Horizon | None]:
    done, *waiting = (int(number) for number in said.split())
    return done, Horizon(*waiting) if waiting else None
