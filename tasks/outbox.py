"""Puts texts into the outbox: approved drafts, and what was approved once and for all. Sends nothing itself."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session, col

from db import trail
from db.fingerprint import companion_in, companion_to, fingerprint
from db.tables import Complaint, Delivery, DeliveryState, Draft, Identity, Message, Round
from db.wake import wake
from db.words import DeliveryKind, Severity, State, Visibility
from integrations.channels.base import Target
from policy.templates import Rendered
from tasks.desk import Desk

CAN_WAIT = frozenset({DeliveryKind.SURVEY, DeliveryKind.ASK, DeliveryKind.THANKS})
AFTER_ALL_ELSE = 9
NOT_YET_SENDING = (DeliveryState.QUEUED, DeliveryState.CLAIMED, DeliveryState.MANUAL)


def target_of(message: Message, identity: Identity | None) -> dict[str, Any]:
    """Where an answer to this message goes: the post, its thread, its author, and when they last wrote."""
    target = Target(
        external_id=message.external_id,
        author_id=identity.external_id if identity else None,
        author_handle=identity.handle if identity else None,
        thread=message.in_reply_to or message.external_id,
        url=message.url,
        email=identity.email if identity else None,
        last_heard_at=message.posted_at,
        summoned=message.summoned,
    )
    return target.as_json() | ({"subject": message.subject} if message.subject else {})


def uncalled(message: Message) -> bool:
    """Whether the platform takes no word of ours below this post, since its author did not call on us."""
    return message.summoned is False and message.visibility is Visibility.PUBLIC


def queue_draft(session: Session, desk: Desk, complaint: Complaint, draft: Draft, round_: Round, now: datetime) -> None:
    """Queue exactly what the round passed; where no program can post, a named person will."""
    manual = desk.channels.get(draft.channel, draft.account).manual
    _put(
        session,
        complaint,
        key=f"{complaint.reference}:{draft.kind.value}:{draft.id}",
        draft_id=draft.id,
        round_id=round_.id,
        kind=draft.kind,
        channel=draft.channel,
        account=draft.account,
        target=draft.target,
        visibility=draft.visibility,
        text=draft.text,
        attachments=draft.attachments,
        sha256=draft.sha256,
        invites_private=draft.invites_private,
        state=DeliveryState.MANUAL if manual else DeliveryState.QUEUED,
        needs_person=manual,
        publishable_until=draft.publishable_until,
        queued_at=now,
        due_at=now,
    )


def queue_companion(session: Session, desk: Desk, complaint: Complaint, public: Delivery, now: datetime) -> None:
    """Queue the private text that was approved with a public answer, now that this one stands there.

    Not where the customer was heard again meanwhile: they get another answer.
    """
    text = companion_in(public.attachments)
    if text is None or complaint.state is not State.RESPONDED:
        return
    by_hand = desk.channels.get(public.channel, public.account).manual
    _put(
        session,
        complaint,
        key=f"{public.key}:privately",
        draft_id=public.draft_id,
        round_id=public.round_id,
        kind=public.kind,
        channel=public.channel,
        account=public.account,
        target=public.target,
        visibility=Visibility.PRIVATE,
        text=text,
        attachments=[companion_to(public.text)],
        sha256=public.sha256,
        invites_private=False,
        state=DeliveryState.MANUAL if by_hand else DeliveryState.QUEUED,
        needs_person=by_hand,
        publishable_until=public.publishable_until,
        queued_at=now,
        due_at=now,
    )


def queue_pre_approved(
    session: Session,
    desk: Desk,
    complaint: Complaint,
    kind: DeliveryKind,
    rendered: Rendered,
    *,
    target: Mapping[str, Any],
    visibility: Visibility,
    now: datetime,
    due_at: datetime | None = None,
    discriminator: str = "1",
) -> bool:
    """Queue a rendering of a template that a named person approved once, by hash; False where it stands already."""
    given = {approval.template: approval for approval in desk.policy.approvals.approvals}
    approval = given[rendered.template.partition("#")[0]]
    hash_ = fingerprint(
        rendered.text, channel=complaint.channel, account=complaint.account, target=target, visibility=visibility
    )
    return _put(
        session,
        complaint,
        key=f"{complaint.reference}:{kind.value}:{discriminator}",
        pre_approved={
            "template": rendered.template,
            "sha256": rendered.sha256,
            "by": approval.by,
            "on": approval.on.isoformat(),
        },
        kind=kind,
        channel=complaint.channel,
        account=complaint.account,
        target=dict(target),
        visibility=visibility,
        text=rendered.text,
        attachments=[],
        sha256=hash_,
        invites_private=rendered.invites_private,
        state=DeliveryState.QUEUED,
        queued_at=now,
        due_at=due_at or now,
        **_place_in_line(complaint, kind, target),
    )


def _place_in_line(complaint: Complaint, kind: DeliveryKind, target: Mapping[str, Any]) -> dict[str, Any]:
    """Who goes first where a platform lets us send only so much.

    First what people approved and what buys time, then acknowledgements, the graver and the newer first, so that after
    an outage who is in danger now does not wait behind yesterday's grumbles; last what can wait.
    """
    if kind is DeliveryKind.ACKNOWLEDGEMENT:
        severity = complaint.severity or Severity.S4
        return {"urgency": severity.rank, "heard_at": Target.from_json(target).last_heard_at}
    return {"urgency": AFTER_ALL_ELSE if kind in CAN_WAIT else 0}


def follow_severity(session: Session, complaint: Complaint) -> None:
    """An acknowledgement that has not begun to leave takes the place in line that its complaint's severity has now."""
    severity = complaint.severity or Severity.S4
    session.execute(
        update(Delivery)
        .where(
            col(Delivery.complaint_id) == complaint.id,
            col(Delivery.kind) == DeliveryKind.ACKNOWLEDGEMENT,
            col(Delivery.state) == DeliveryState.QUEUED,
        )
        .values(urgency=severity.rank)
    )


def cancel_replies(session: Session, complaint: Complaint, why: str) -> bool:
    """Take replies out of the outbox that have not begun to leave, or failed to; tells whether there was one."""
    failed = complaint.state is State.APPROVED and _give_up_failed(session, complaint, why)
    return _cancel(session, complaint, why, col(Delivery.draft_id).is_not(None)) or failed


def _give_up_failed(session: Session, complaint: Complaint, why: str) -> bool:
    """An approved answer that failed waits for a person to send it again: not any more."""
    newest = session.execute(
        select(Delivery)
        .where(col(Delivery.complaint_id) == complaint.id, col(Delivery.draft_id).is_not(None))
        .order_by(col(Delivery.id).desc())
        .limit(1)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).scalar_one_or_none()
    if newest is None or newest.state is not DeliveryState.FAILED:
        return False
    newest.state, newest.why, newest.needs_person = DeliveryState.CANCELLED, why, False
    session.add(newest)
    return True


def cancel_kinds(session: Session, complaint: Complaint, why: str, *kinds: DeliveryKind) -> bool:
    """Take what was queued of these kinds out of the outbox."""
    return _cancel(session, complaint, why, col(Delivery.kind).in_(kinds))


def cancel_keys(session: Session, complaint: Complaint, why: str, begins: str) -> bool:
    """Take what was queued under keys that begin so out of the outbox."""
    return _cancel(session, complaint, why, col(Delivery.key).startswith(begins))


def _cancel(session: Session, complaint: Complaint, why: str, which: Any) -> bool:
    rows = session.execute(
        select(Delivery)
        .where(col(Delivery.complaint_id) == complaint.id, col(Delivery.state).in_(NOT_YET_SENDING), which)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).scalars()
    found = False
    for delivery in rows:
        if delivery.state is DeliveryState.CLAIMED and delivery.why == "unclear":
            continue
        delivery.state, delivery.why, delivery.needs_person = DeliveryState.CANCELLED, why, False
        delivery.claimed_by = None
        session.add(delivery)
        found = True
    session.flush()
    return found


def _put(session: Session, complaint: Complaint, **values: Any) -> bool:
    done = session.execute(
        insert(Delivery)
        .values(complaint_id=complaint.id, incident_id=complaint.incident_id, **{**DEFAULTS, **values})
        .on_conflict_do_nothing(index_elements=["key"])
        .returning(col(Delivery.id))
    ).scalar_one_or_none()
    if done is not None:
        wake(session, "deliver")
    return done is not None


DEFAULTS: dict[str, Any] = {"tries": 0, "needs_person": False}


def withheld(session: Session, complaint: Complaint, kind: DeliveryKind, why: str, now: datetime) -> None:
    """Write down that something is deliberately not sent, and why."""
    trail.append(session, complaint, f"{kind.value}_withheld", by=trail.MACHINE_AUTHOR, at=now, why=why)
