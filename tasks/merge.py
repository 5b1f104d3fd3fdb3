"""One person's same complaint on another channel becomes one case; any other likeness is only suggested."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from db import trail
from db.complaints import final, lock, move, own_messages
from db.people import same
from db.tables import Complaint, Direction, Identity, Message
from db.words import DeliveryKind, State
from policy.intake import Likeness, Told, same_thing
from tasks.desk import Desk
from tasks.outbox import cancel_kinds, queue_pre_approved, target_of, uncalled
from tasks.rounds import void
from tasks.words import render

NOT_A_TARGET = (State.NEW, State.NOTED, State.SPAM, State.MERGED, State.CLOSED)


def merge_target(session: Session, desk: Desk, complaint: Complaint, message: Message) -> Complaint | None:
    """The earlier complaint of the same person about the same thing, on whichever channel they wrote before."""
    identity = session.get(Identity, message.identity_id) if message.identity_id else None
    if identity is None:
        return None
    rules = desk.policy.intake
    author, writer = aliased(Identity), aliased(Identity)
    candidates = session.execute(
        select(Message)
        .join(writer, col(writer.id) == col(Message.identity_id))
        .join(author, same(author, writer))
        .join(Complaint, col(Complaint.id) == col(Message.complaint_id))
        .where(
            col(author.id) == identity.id,
            col(Message.complaint_id) != complaint.id,
            col(Message.direction) == Direction.IN,
            col(Message.received_at) >= message.received_at - rules.merge_within,
            col(Message.id) < message.id,
            col(Complaint.state).not_in(NOT_A_TARGET),
        )
        .order_by(col(Message.id).desc())
        .limit(50)
    ).scalars()
    told = _told(session, message, identity)
    for other in candidates:
        if same_thing(told, _told(session, other), rules).likeness in (Likeness.SAME, Likeness.MERGE):
            return final(session, session.get_one(Complaint, other.complaint_id))
    return None


def written_alone(session: Session, messages: Sequence[Message]) -> set[int]:
    """Those of the messages whose author, by account, e-mail or phone, has written nothing else to merge with."""
    author, other = aliased(Identity), aliased(Identity)
    earlier = aliased(Message)
    known = session.execute(
        select(Message.id)  # type: ignore[call-overload]
        .join(author, col(author.id) == col(Message.identity_id))
        .join(other, same(author, other))
        .join(earlier, (col(earlier.identity_id) == col(other.id)) & (col(earlier.id) != col(Message.id)))
        .where(col(Message.id).in_([message.id for message in messages]))
        .distinct()
    ).scalars()
    return {message.id for message in messages} - set(known)


def _told(session: Session, message: Message, identity: Identity | None = None) -> Told:
    if identity is None and message.identity_id is not None:
        identity = session.get(Identity, message.identity_id)
    return Told(
        f"{message.subject or ''} {message.text}".strip(),
        message.channel,
        message.posted_at,
        account=message.account,
        identity=identity.external_id if identity else None,
        person=str(identity.complainant_id) if identity else None,
        emails=frozenset([identity.email] if identity and identity.email else []),
        phones=frozenset([identity.plain_phone] if identity and identity.plain_phone else []),
    )


def merge_into(
    session: Session, desk: Desk, complaint: Complaint, target: Complaint, *, by: trail.Author, now: datetime
) -> None:
    """Handle this complaint under the other's reference; its channel is told just that."""
    target = lock(session, target.id)
    void(session, complaint, "merged", by=by, at=now)
    complaint.merged_into = target.id
    move(session, complaint, State.MERGED, event="merged", by=by, at=now, into=target.reference)
    trail.append(session, target, "merged_in", by=by, at=now, merged=complaint.reference)
    void(session, target, "merged_in", by=by, at=now)
    message = own_messages(session, complaint)[-1]
    channel = desk.channels.get(complaint.channel, complaint.account)
    silent = message.list_mail or message.removed_at is not None or uncalled(message)
    if channel.manual or not complaint.addressed or silent:
        return
    cancel_kinds(session, complaint, "merged", DeliveryKind.ACKNOWLEDGEMENT, DeliveryKind.HOLDING)
    identity = session.get(Identity, message.identity_id) if message.identity_id else None
    rendered = render(
        session, desk, complaint, "merged_notice", visibility=message.visibility, other_reference=target.reference
    )
    queue_pre_approved(
        session,
        desk,
        complaint,
        DeliveryKind.ACKNOWLEDGEMENT,
        rendered,
        target=target_of(message, identity),
        visibility=message.visibility,
        now=now,
        discriminator=f"merged-{target.reference}",
    )
