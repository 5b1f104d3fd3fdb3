"""What happens to a post after it came in: its reach changes, or its author takes it down."""

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlmodel import Session, col

from db import trail
from db.complaints import final, lock_with_final
from db.tables import Complaint, Direction, Draft, Message, MessageRevision
from db.wake import wake
from db.words import Visibility
from integrations.intake.text import clean, is_blank
from integrations.record import Metrics
from tasks.desk import Desk
from tasks.rounds import void


def new_metrics(desk: Desk, channel: str, account: str, external_id: str, metrics: Metrics) -> bool:
    """Write down how far a post reaches now; it is assessed again where that changed. False: no such post."""
    now = desk.now()
    with desk.transaction() as session:
        message = _find(session, channel, account, external_id)
        if message is None:
            return False
        if measure(message, metrics, now):
            message.assess_due = True
            session.add(message)
            wake(session, "intake")
        return True


def edited(desk: Desk, channel: str, account: str, external_id: str, text: str) -> bool:
    """A post was seen to say something else now. False: no such post, or it says what we know."""
    now = desk.now()
    with desk.transaction() as session:
        message = _find(session, channel, account, external_id)
        words = clean(text)
        if message is None or not message.text or is_blank(words) or clean(message.text) == words:
            return False
        complaint = _handled_as(session, message)
        edit(session, complaint, message, words, words.encode("utf-8", "replace"), now)
        message.assess_due = True
        session.add(message)
        wake(session, "intake")
        return True


def edit(session: Session, complaint: Complaint, message: Message, text: str, raw: bytes, now: datetime) -> None:
    """The customer changed their words: the first ones are kept, what was approved on them is void."""
    session.add(
        MessageRevision(
            message_id=message.id,
            revision=message.revision,
            text=message.text,
            replaced_at=now,
            raw=message.raw,
        )
    )
    message.text, message.raw = text, raw
    message.revision += 1
    trail.append(
        session,
        complaint,
        "edited",
        by=trail.MACHINE_AUTHOR,
        at=now,
        message_id=message.id,
        revision=message.revision,
        digest=trail.salted(complaint.salt, message.text),
    )
    void(session, complaint, "customer_edited", by=trail.MACHINE_AUTHOR, at=now)


def taken_down(desk: Desk, channel: str, account: str, external_id: str) -> bool:
    """The customer removed their post. The complaint stays; an answer not yet out is re-aimed at a private way."""
    with desk.transaction() as session:
        return take_down(session, desk, channel, account, external_id, desk.now())


def take_down(session: Session, desk: Desk, channel: str, account: str, external_id: str, now: datetime) -> bool:
    """`taken_down` in the caller's transaction. False: no such post."""
    message = _find(session, channel, account, external_id)
    if message is None:
        return False
    complaint = _handled_as(session, message)
    if message.removed_at is None:
        message.removed_at = now
        session.add(message)
        trail.append(session, complaint, "removed", by=trail.MACHINE_AUTHOR, at=now, message_id=message.id)
        if _answers(session, complaint, message):
            void(session, complaint, "removed", by=trail.MACHINE_AUTHOR, at=now)
    return True


def measure(message: Message, metrics: Metrics | None, now: datetime) -> bool:
    """Write new figures of reach onto a message, keeping two days of views; tells whether any changed."""
    if metrics is None:
        return False
    changed = False
    for name in ("views", "likes", "replies", "shares"):
        value = getattr(metrics, name)
        if value is not None and value != getattr(message, name):
            setattr(message, name, value)
            changed = True
    if metrics.views is not None and changed:
        kept = [seen for seen in message.views_seen if datetime.fromisoformat(seen[0]) >= now - timedelta(days=2)]
        message.views_seen = [*kept, [now.isoformat(), metrics.views]]
    return changed


def _answers(session: Session, complaint: Complaint, message: Message) -> bool:
    """Whether the answer that is reviewed, or waits to leave, stands below this post; a private one stays as it is."""
    if message.visibility is not Visibility.PUBLIC:
        return False
    draft = session.execute(
        select(Draft).where(col(Draft.complaint_id) == complaint.id).order_by(col(Draft.id).desc()).limit(1)
    ).scalar_one_or_none()
    if draft is None:
        return False
    aimed_at = draft.target.get("external_id")
    return draft.visibility is Visibility.PUBLIC and aimed_at in (None, message.external_id)


def _handled_as(session: Session, message: Message) -> Complaint:
    own = message.complaint_id
    return final(session, lock_with_final(session, [own])[own])


def _find(session: Session, channel: str, account: str, external_id: str) -> Message | None:
    return session.execute(
        select(Message)
        .where(
            col(Message.channel) == channel,
            col(Message.account) == account,
            col(Message.external_id) == external_id,
            col(Message.direction) == Direction.IN,
        )
        .with_for_update()
    ).scalar_one_or_none()
