"""Where the reply window has closed: the customer is asked once to write back, and the answer goes on when they do.

Some platforms (WhatsApp) let us write freely only for some time after a customer's last message, and after it only what
they approved as a template. Their next message opens the window again: the complaint goes back to drafting by itself,
and its gates look again, since what is published is what was approved for the message it answers.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, select
from sqlmodel import Session, col

from db import trail
from db.complaints import move, own_messages
from db.tables import MACHINE, Complainant, Complaint, Delivery, DeliveryState, Draft, Identity, Message, Round
from db.wake import wake
from db.words import DeliveryKind, State, Visibility
from policy.templates import WRITE_BACK, Rendered
from tasks.aim import WINDOW_CLOSED, Aim
from tasks.desk import Desk
from tasks.outbox import cancel_keys, cancel_kinds, queue_pre_approved
from tasks.promise import promise
from tasks.words import render

WAITS = "waits_for_customer"
"""Held until the customer writes again; they were asked to."""
OPTED_OUT = "opted_out"
"""Held, since the customer would have to be asked to write again, and wants not to be written to."""
THEIR_TURN = frozenset({WAITS, OPTED_OUT})
MENDED_BY_A_WORD = THEIR_TURN | {"unreachable", "refused_by_platform"}
"""Why a complaint is held that lies in the message it answers: a newer one may let the answer through."""
A_WORD = 40
"""Characters. Who writes no more says that we may write, not what has changed."""


def why_held(session: Session, desk: Desk, complaint: Complaint, aim_: Aim, now: datetime) -> str:
    """Why an answer is held that can go nowhere now. Where its window is closed, the customer is asked to write back.

    Once a complaint, and nobody who asked not to be written to; else a person finds another way.
    """
    rendered = _template(session, desk, complaint) if aim_.window_closed else None
    if rendered is None:
        return "unreachable"
    if has_opted_out(session, complaint):
        return OPTED_OUT
    asked = _asked(session, complaint)
    if not [one for one in asked if one.state is not DeliveryState.CANCELLED]:
        queue_pre_approved(
            session,
            desk,
            complaint,
            DeliveryKind.NOTICE,
            rendered,
            target=aim_.target,
            visibility=Visibility.PRIVATE,
            now=now,
            discriminator=f"{WRITE_BACK}:{len(asked) + 1}",
        )
        return WAITS
    last = asked[-1]
    silent = not any(message.received_at > last.queued_at for message in own_messages(session, complaint))
    return WAITS if silent and last.state is not DeliveryState.FAILED else "unreachable"


def _template(session: Session, desk: Desk, complaint: Complaint) -> Rendered | None:
    """The request to write back in one of the wordings that the platform has approved; None where it has none."""
    channel = desk.channels.get(complaint.channel, complaint.account)
    for variant in range(len(desk.policy.templates.file(WRITE_BACK, complaint.language).variants)):
        rendered = render(session, desk, complaint, WRITE_BACK, visibility=Visibility.PRIVATE, variant=variant)
        if channel.is_template(rendered.text):
            return rendered
    return None


def _keys(complaint: Complaint) -> str:
    """How the key of each request to write back begins."""
    return f"{complaint.reference}:{DeliveryKind.NOTICE.value}:{WRITE_BACK}:"


def _asked(session: Session, complaint: Complaint) -> list[Delivery]:
    return list(
        session.execute(
            select(Delivery)
            .where(col(Delivery.complaint_id) == complaint.id, col(Delivery.key).startswith(_keys(complaint)))
            .order_by(col(Delivery.id))
        ).scalars()
    )


def asks_to_write(complaint: Complaint, row: Delivery) -> bool:
    """Whether this text asks the customer to write back."""
    return row.key.startswith(_keys(complaint))


def not_asked_after_all(complaint: Complaint, failed: Delivery) -> None:
    """The request to write back did not arrive: nobody is waited for, a person finds another way."""
    if asks_to_write(complaint, failed) and complaint.state is State.HELD and complaint.held_why == WAITS:
        complaint.held_why = "unreachable"


def wrote_back(session: Session, desk: Desk, complaint: Complaint, message: Message, now: datetime) -> None:
    """The customer wrote while their answer was held for want of a way to them: it is drafted anew.

    Where they were waited for, the promised time starts anew.
    """
    held_why = complaint.held_why
    if complaint.state is not State.HELD or held_why not in MENDED_BY_A_WORD:
        return
    writer = session.get(Identity, message.identity_id) if message.identity_id else None
    if writer is None or writer.complainant_id != complaint.complainant_id:
        return
    cancel_keys(session, complaint, "the customer wrote", _keys(complaint))
    move(
        session,
        complaint,
        State.DRAFTING,
        event="customer_wrote",
        by=trail.MACHINE_AUTHOR,
        at=now,
        message_id=message.id,
        held_why=held_why,
    )
    if held_why in THEIR_TURN:
        promise(desk, complaint, now, anew=True)
    session.add(complaint)
    wake(session, "respond")


def opt_out(session: Session, complaint: Complaint, person: Complainant, now: datetime) -> None:
    """Somebody asked not to be written to any more: no template, no survey, no request; remembered for good.

    What they ask or complain of is still answered where they wrote, for as long as the platform lets us.
    """
    if person.opted_out_at is None:
        person.opted_out_at = now
        trail.append(session, complaint, "opted_out", by=trail.Author("complainant"), at=now)
    person.refused_asks = True
    session.add(person)
    cancel_kinds(session, complaint, OPTED_OUT, DeliveryKind.SURVEY, DeliveryKind.ASK, DeliveryKind.THANKS)
    cancel_keys(session, complaint, OPTED_OUT, _keys(complaint))
    if complaint.state is State.HELD and complaint.held_why == WAITS:
        complaint.held_why = OPTED_OUT
        session.add(complaint)


def has_opted_out(session: Session, complaint: Complaint) -> bool:
    """Whether the complainant asked not to be written to any more."""
    person = session.get(Complainant, complaint.complainant_id) if complaint.complainant_id else None
    return person is not None and person.opted_out_at is not None


def waiting_for(session: Session, people: Sequence[int], channel: str, account: str) -> dict[int, int]:
    """The newest complaint of each of these people that waits there for a word of theirs."""
    rows = session.execute(
        select(Complaint.complainant_id, func.max(Complaint.id))  # type: ignore[call-overload]
        .where(
            col(Complaint.complainant_id).in_(people),
            col(Complaint.channel) == channel,
            col(Complaint.account) == account,
            col(Complaint.state) == State.HELD,
            col(Complaint.held_why).in_(THEIR_TURN),
        )
        .group_by(col(Complaint.complainant_id))
    )
    return dict(rows.tuples().all())


def words_kept(session: Session, complaint: Complaint) -> Draft | None:
    """A person's words that were approved and whose window closed before they left, if they still fit.

    They do where the customer has said no more since than that we may write. What the machine wrote is composed anew,
    from what is known now.
    """
    last = session.execute(
        select(Draft).where(col(Draft.complaint_id) == complaint.id).order_by(col(Draft.id).desc()).limit(1)
    ).scalar_one_or_none()
    if last is None or last.author == MACHINE or last.legal_road_id is not None:
        return None
    closed = (
        select(Round.barred)  # type: ignore[call-overload]
        .join(Delivery, col(Delivery.round_id) == col(Round.id))
        .where(
            col(Delivery.draft_id) == last.id,
            col(Delivery.state) == DeliveryState.CANCELLED,
            col(Delivery.why) == WINDOW_CLOSED,
        )
    )
    barred = session.execute(closed).scalars().first()
    if barred is None or barred:  # whom a round bars is for those to say who propose the words
        return None
    since = [message for message in own_messages(session, complaint) if message.received_at > last.written_at]
    return last if all(len(message.text) <= A_WORD and not message.attachments for message in since) else None
