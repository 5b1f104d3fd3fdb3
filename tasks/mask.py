"""Empty our copy of what its author took down, where policy says so (`mask_removed_after` in channels.yaml).

Platforms' terms demand it. The complaint, its trail and our answers stay, and so does that there was a message; who is
under a legal hold loses no word until it is taken off.
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, false, func, or_, select, update
from sqlmodel import Session, col

from db import trail
from db.complaints import final, lock_with_final
from db.legal import held, is_held
from db.tables import Assessment, Direction, Message, MessageRevision, Quarantined
from tasks.card_due import look_at_complaint
from tasks.desk import Desk
from tasks.llm_calls import forget_answers

BATCH = 200


def mask_removed(desk: Desk) -> int:
    """Empty what has been down long enough; how many messages. What another worker holds is left to the next round."""
    now = desk.now()
    with desk.transaction() as session:
        messages = list(
            session.execute(
                select(Message)
                .where(*_to_mask(), _over(desk, now))
                .order_by(col(Message.id))
                .limit(BATCH)
                .with_for_update(skip_locked=True)
            ).scalars()
        )
        complaints = lock_with_final(session, [message.complaint_id for message in messages])
        kept = held(session, list(complaints))
        messages = [message for message in messages if message.complaint_id not in kept]
        _forget_copies(session, messages)
        for message in messages:
            _empty(message, now)
            complaint = final(session, complaints[message.complaint_id])
            trail.append(session, complaint, "masked", by=trail.MACHINE_AUTHOR, at=now, message_id=message.id)
            session.add_all((message, complaint))
        for number in sorted({message.complaint_id for message in messages}):
            look_at_complaint(session, number, now)
        return len(messages)


def mask_due(session: Session, desk: Desk, now: datetime) -> bool:
    """Whether there is anything to empty."""
    found = session.execute(select(Message.id).where(*_to_mask(), _over(desk, now)).limit(1))  # type: ignore[call-overload]
    return found.first() is not None


def next_to_mask(session: Session, desk: Desk) -> datetime | None:
    """When the next one's time is over."""
    after = _rules(desk)
    removed = session.execute(
        select(Message.channel, func.min(Message.removed_at))  # type: ignore[call-overload]
        .where(*_to_mask(), col(Message.channel).in_(after))
        .group_by(col(Message.channel))
    )
    return min((at + after[channel] for channel, at in removed), default=None)


def _rules(desk: Desk) -> dict[str, timedelta]:
    """After how long, by channel."""
    rules = desk.policy.channels.channels.items()
    return {name: one.mask_removed_after for name, one in rules if one.mask_removed_after is not None}


def _to_mask() -> Sequence[ColumnElement[bool]]:
    """What was taken down, still has words, and need not be kept; what was never read is read first."""
    return (
        col(Message.removed_at).is_not(None),
        col(Message.masked_at).is_(None),
        col(Message.direction) == Direction.IN,
        col(Message.text) != "",
        ~col(Message.assess_due),
        ~is_held(col(Message.complaint_id)),
    )


def _over(desk: Desk, now: datetime) -> ColumnElement[bool]:
    over = [
        and_(col(Message.channel) == name, col(Message.removed_at) <= now - after)
        for name, after in _rules(desk).items()
    ]
    return or_(false(), *over)


def _forget_copies(session: Session, messages: Sequence[Message]) -> None:
    """Earlier texts, quoted evidence, what a model made of the words, and the broken first copy of a record."""
    numbers = [message.id for message in messages]
    of_them = col(MessageRevision.message_id).in_(numbers)
    earlier = session.execute(select(MessageRevision.raw).where(of_them)).scalars()  # type: ignore[call-overload]
    records = [raw for raw in (*(message.raw for message in messages), *earlier) if raw]
    digests = [hashlib.sha256(raw).hexdigest() for raw in records]
    session.execute(update(MessageRevision).where(of_them).values(text="", raw=None))
    session.execute(update(Assessment).where(col(Assessment.message_id).in_(numbers)).values(evidence=[]))
    session.execute(
        update(Quarantined)
        .where(col(Quarantined.digest).in_(digests), col(Quarantined.taken_at).is_not(None))
        .values(raw=b"")
    )
    forget_answers(session, sorted({message.complaint_id for message in messages}))


def _empty(message: Message, now: datetime) -> None:
    message.text, message.subject, message.raw, message.numbers = "", None, b"", []
    message.attachments = [{**attachment, "name": ""} for attachment in message.attachments]
    message.second_look, message.masked_at = False, now
