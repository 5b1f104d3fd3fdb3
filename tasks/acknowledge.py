"""Tell the complainant at once that they were heard, where they complained, in words that were approved once."""

from datetime import datetime

from sqlalchemy import func, select
from sqlmodel import Session, col

from db.people import everybody_like
from db.tables import Complaint, Delivery, DeliveryState, Identity, Message
from db.words import DeliveryKind, Kind, Risk, Visibility
from policy.guard.personal import shows_own_number
from policy.templates import acknowledgement_name
from tasks.desk import Desk
from tasks.outbox import queue_pre_approved, target_of, uncalled, withheld
from tasks.press import told_risks
from tasks.words import render

HEARD_WHATEVER_THE_KIND = frozenset({Risk.INJURY, Risk.MEDIA, Risk.DISTRESS})


def acknowledge(
    session: Session, desk: Desk, complaint: Complaint, message: Message, now: datetime, *, stranger: bool = False
) -> None:
    """Queue the acknowledgement, or write down why there is none; a `stranger` has not had any yet.

    A question's waits until policy's time for a quick answer is over, and is dropped when the answer comes first.
    """
    risks = told_risks(session, complaint)
    heard = not HEARD_WHATEVER_THE_KIND.isdisjoint(risks)
    if complaint.kind not in (Kind.COMPLAINT, Kind.QUESTION) and not heard:
        return
    why = _not_now(session, desk, complaint, message, now, stranger=stranger, heard=heard)
    if why is not None:
        withheld(session, complaint, DeliveryKind.ACKNOWLEDGEMENT, why, now)
        return
    plain_question = complaint.kind is Kind.QUESTION and not heard
    identity = session.get(Identity, message.identity_id) if message.identity_id else None
    rendered = render(
        session,
        desk,
        complaint,
        acknowledgement_name(complaint.kind or Kind.COMPLAINT, risks),
        visibility=message.visibility,
        variant=complaint.id,
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
        due_at=now + desk.policy.deadlines.question_acknowledged_from if plain_question else now,
        discriminator=str(message.id),
    )


def warn_of_own_data(session: Session, desk: Desk, complaint: Complaint, message: Message, now: datetime) -> None:
    """Tell somebody who posted their own identity or card number, privately, to protect it.

    It is the only text that may suggest to remove something, and it is never said in public.
    """
    exposed = message.visibility is Visibility.PUBLIC and shows_own_number(message.text)
    if not exposed or desk.channels.get(message.channel, message.account).manual:
        return
    identity = session.get(Identity, message.identity_id) if message.identity_id else None
    queue_pre_approved(
        session,
        desk,
        complaint,
        DeliveryKind.NOTICE,
        render(session, desk, complaint, "protect_your_data", visibility=Visibility.PRIVATE),
        target=target_of(message, identity),
        visibility=Visibility.PRIVATE,
        now=now,
        discriminator=str(message.id),
    )


def _not_now(
    session: Session, desk: Desk, complaint: Complaint, message: Message, now: datetime, *, stranger: bool, heard: bool
) -> str | None:
    """Why nothing is acknowledged; `heard`: people and press are, whatever others heard of the same incident."""
    if not complaint.addressed:
        return "not_addressed"
    if message.list_mail:
        return "list_mail"
    if desk.channels.get(complaint.channel, complaint.account).manual:
        return "manual_channel"
    if message.removed_at is not None:
        return "removed"
    if uncalled(message):
        return "not_summoned"
    if stranger or complaint.complainant_id is None:
        return None
    budget = desk.policy.publishing.acknowledgements
    to_them = (
        select(func.count())
        .select_from(Delivery)
        .join(Complaint, col(Complaint.id) == col(Delivery.complaint_id))
        .where(
            col(Complaint.complainant_id).in_(everybody_like(session, complaint.complainant_id)),
            col(Delivery.kind) == DeliveryKind.ACKNOWLEDGEMENT,
        )
    )
    if complaint.incident_id is not None and not heard:
        of_incident = to_them.where(
            col(Complaint.incident_id) == complaint.incident_id,
            col(Complaint.id) != complaint.id,
            col(Delivery.state).not_in((DeliveryState.CANCELLED, DeliveryState.FAILED)),
            col(Delivery.queued_at) >= now - budget.incident_once_in,
        )
        if session.execute(of_incident).scalar_one():
            return "heard_of_incident"
    sent = session.execute(to_them.where(col(Delivery.queued_at) >= now - budget.per)).scalar_one()
    return "sender_budget" if sent >= budget.at_most else None
