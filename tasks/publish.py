"""Send what is in the outbox, each delivery once.

A delivery goes `queued` → `claimed` → `sending` → `sent`. Each arrow is a transaction of its own, and none is open
while the network is called. A worker that dies in `claimed` has sent nothing; in `sending` nobody knows, so the channel
is asked (read back), or takes our key twice without harm (idempotent), or a person looks (neither).
"""

import logging
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, and_, false, func, or_, select, true, update
from sqlmodel import Session, col

from db import trail
from db.complaints import lock, move
from db.duty import live_workers
from db.fingerprint import fingerprint_of, is_companion
from db.tables import (
    ChannelState,
    Complaint,
    Delivery,
    DeliveryState,
    Direction,
    Draft,
    Message,
    MessageRevision,
    PublishingStop,
    Way,
)
from db.wake import wake
from db.words import ANSWERABLE, DeliveryKind, State, Visibility
from integrations.channels.base import (
    Certainty,
    Channel,
    ChannelError,
    LockedOut,
    Never,
    Outgoing,
    Sent,
    Target,
    TryAgain,
    Unknown,
)
from integrations.channels.unset import UnsetChannel
from tasks.aim import WINDOW_CLOSED, has_closed, refused_ways, was_written_to
from tasks.circuits import all_resting, failed, place_of, rest, resting, way_of, worked
from tasks.desk import Desk
from tasks.outbox import cancel_kinds, queue_companion, withheld
from tasks.promise import promise
from tasks.rates import take_turn
from tasks.road_ends import road_taken
from tasks.rounds import hold
from tasks.write_back import asks_to_write, has_opted_out, not_asked_after_all

_Answer = TypeVar("_Answer")
MOST_TRIES = 8
LONGEST_WAIT = timedelta(hours=1)
LINE = (
    col(Delivery.urgency),
    col(Delivery.heard_at).desc().nulls_last(),
    col(Delivery.due_at),
    col(Delivery.id),
)
"""Who goes first: see `tasks.outbox`."""
PATIENCE_OF_A_READ_BACK = timedelta(seconds=5)
"""A platform may show our text a little after it took it: not asked before this long after an unclear try."""
SHORTEST_WAIT = 1.0
"""Seconds: a text whose platform asks us to wait no time at all is still not tried again at once."""

log = logging.getLogger("tanggap.channels")


@dataclass(frozen=True)
class Outcome:
    """What came of one delivery."""

    delivery: int
    reference: str
    kind: DeliveryKind
    state: DeliveryState
    why: str | None = None


def stops_in_force(session: Session) -> list[PublishingStop]:
    """The kill switches that are thrown."""
    return list(session.execute(select(PublishingStop).where(col(PublishingStop.lifted_at).is_(None))).scalars())


def claim(desk: Desk, worker: int, limit: int = 20) -> list[Delivery]:
    """Take due deliveries for this worker; what another worker holds is skipped, what is stopped stays."""
    now = desk.now()
    with desk.transaction() as session:
        query = (
            select(Delivery)
            .where(col(Delivery.state).in_([DeliveryState.QUEUED, DeliveryState.UNKNOWN]), col(Delivery.due_at) <= now)
            .where(col(Delivery.needs_person).is_(False))
            .order_by(*LINE)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        for rests in all_resting(session, now):
            query = query.where(~_goes(rests))
        query = query.where(*_not_stopped(session, desk))
        taken = list(session.execute(query).scalars())
        for delivery in taken:
            delivery.why = "unclear" if delivery.state is DeliveryState.UNKNOWN else None
            delivery.state, delivery.claimed_by = DeliveryState.CLAIMED, worker
            session.add(delivery)
        return taken


def _not_stopped(session: Session, desk: Desk) -> list[ColumnElement[bool]]:
    """What the kill switches that are thrown leave alone."""
    exempt = desk.policy.publishing.kill_switch.exempt
    return [or_(_outside(stop), col(Delivery.kind).in_(exempt)) for stop in stops_in_force(session)]


def _outside(stop: PublishingStop) -> ColumnElement[bool]:
    """Which deliveries a kill switch leaves alone."""
    scope, _, name = stop.scope.partition(":")
    if scope == "channel":
        return col(Delivery.channel) != name
    if scope == "incident":
        return func.coalesce(col(Delivery.incident_id), 0) != int(name.removeprefix("IN-"))
    return false()


def _goes(way: ChannelState) -> ColumnElement[bool]:
    """What leaves by this way."""
    return and_(
        col(Delivery.channel) == way.channel,
        col(Delivery.account) == way.account,
        col(Delivery.visibility) == (Visibility.PUBLIC if way.way is Way.PUBLIC else Visibility.PRIVATE),
        true() if way.way is not Way.IN else false(),
    )


def next_due(desk: Desk) -> datetime | None:
    """When the outbox next has something to do: what is due on a way that rests, when its rest is over.

    What a kill switch holds back is not waited for: lifting it wakes.
    """
    with desk.transaction() as session:
        waiting = col(Delivery.state).in_([DeliveryState.QUEUED, DeliveryState.UNKNOWN])
        ways = session.execute(
            select(Delivery.channel, Delivery.account, Delivery.visibility, func.min(Delivery.due_at))  # type: ignore[call-overload]
            .where(waiting, col(Delivery.needs_person).is_(False), *_not_stopped(session, desk))
            .group_by(col(Delivery.channel), col(Delivery.account), col(Delivery.visibility))
        ).all()
        rests = {(one.channel, one.account, one.way): one.rests_until for one in all_resting(session, desk.now())}
    return min(
        (
            max(due, rests.get((channel, account, way_of(visibility))) or due)
            for channel, account, visibility, due in ways
        ),
        default=None,
    )


def publish(desk: Desk, claimed: Sequence[Delivery]) -> list[Outcome]:
    """Send each claimed delivery once; one that fails does not stop the others."""
    return [_publish_one(desk, delivery) for delivery in claimed]


def _publish_one(desk: Desk, delivery: Delivery) -> Outcome:
    channel = desk.channels.get(delivery.channel, delivery.account)
    out = outgoing(delivery, _said_before(desk, delivery))
    if delivery.sha256 != fingerprint_of(delivery):
        return _fail(desk, delivery, "its text is not the one that was approved")
    if resting(desk, delivery.channel, delivery.account, way_of(delivery.visibility)) is not None:
        return _back_into_line(desk, delivery, "its platform is left alone for a while")
    try:
        if delivery.why == "unclear":
            found = _of_adapter(_asked_in_vain, _read_back, channel, out)
            if found is not None:
                return _sent(desk, delivery, found)
            overtaken = _overtaken(desk, delivery, channel.certainty)
            if overtaken is not None:
                return overtaken
        refusal = _last_look(desk, channel, delivery)
        if refusal is not None:
            return _refused(desk, delivery, refusal)
        wait = take_turn(desk, delivery.channel, delivery.account, delivery.visibility)
        if wait is not None:
            rest(desk, delivery.channel, delivery.account, way_of(delivery.visibility), wait)
            return _back_into_line(desk, delivery, "the platform's limit is used up")
        stayed = _about_to_send(desk, delivery)
        if stayed is not None:
            return stayed
        send = channel.reply if delivery.visibility is Visibility.PUBLIC else channel.message_privately
        sent = _of_adapter(_perhaps_sent, send, out)
    except TryAgain as error:
        return _later(desk, delivery, error)
    except Never as error:
        _works(desk, delivery)
        return _refused(desk, delivery, error)
    except Unknown as error:
        _fails(desk, delivery, error)
        return _unknown(desk, delivery, str(error), channel.certainty)
    except ChannelError as error:
        _fails(desk, delivery, error)
        return _again(desk, delivery, str(error), None)
    outcome = _sent(desk, delivery, sent)
    _works(desk, delivery)
    return outcome


def _of_adapter(then: Callable[[Exception], ChannelError], call: Callable[..., _Answer], *given: Any) -> _Answer:
    """What an adapter answers; what it did not foresee is `then` an error of the outbox's, so that the rest goes on."""
    try:
        return call(*given)
    except ChannelError:
        raise
    except Exception as error:
        log.error("an adapter failed: %s", place_of(error))
        raise then(error) from error


def _asked_in_vain(error: Exception) -> ChannelError:
    return TryAgain(f"its adapter failed with {type(error).__name__} before anything was sent")


def _perhaps_sent(error: Exception) -> ChannelError:
    return Unknown(f"its adapter failed with {type(error).__name__} while sending: look there whether it arrived")


def _later(desk: Desk, delivery: Delivery, error: TryAgain) -> Outcome:
    """Nothing arrived. Where the whole account has to wait, or is locked out, that is no failure of this text."""
    if error.alone:
        return _again(desk, delivery, str(error), error.after)
    _fails(desk, delivery, error)
    if isinstance(error, LockedOut) or error.after is not None:
        return _back_into_line(desk, delivery, str(error))
    return _again(desk, delivery, str(error), None)


def _works(desk: Desk, delivery: Delivery) -> None:
    worked(desk, delivery.channel, delivery.account, way_of(delivery.visibility))


def _fails(desk: Desk, delivery: Delivery, error: ChannelError) -> None:
    failed(desk, delivery.channel, delivery.account, way_of(delivery.visibility), error)


def _said_before(desk: Desk, delivery: Delivery) -> tuple[str, ...]:
    """What we answered to the same message before: some platforms show one answer, and a new one takes its place."""
    target = delivery.target.get("external_id")
    if target is None:
        return ()
    with desk.transaction() as session:
        texts = session.execute(
            select(Message.text).where(  # type: ignore[call-overload]
                col(Message.complaint_id) == delivery.complaint_id,
                col(Message.direction) == Direction.OUT,
                col(Message.channel) == delivery.channel,
                col(Message.account) == delivery.account,
                col(Message.in_reply_to) == target,
            )
        ).scalars()
        return tuple(texts)


def outgoing(delivery: Delivery, earlier: tuple[str, ...] = ()) -> Outgoing:
    """The delivery as a channel takes it: only text that was approved gets this far."""
    return Outgoing(
        key=delivery.key,
        text=delivery.text,
        visibility=delivery.visibility,
        kind=delivery.kind,
        channel=delivery.channel,
        account=delivery.account,
        reference=_reference(delivery),
        target=Target.from_json(delivery.target),
        subject=delivery.target.get("subject"),
        earlier=earlier,
    )


def _reference(delivery: Delivery) -> str:
    return f"TG-{delivery.complaint_id}"


def _read_back(channel: Channel, out: Outgoing) -> Sent | None:
    """After an unclear try: our text, if it stands there. An idempotent channel just takes the key again."""
    if channel.certainty is Certainty.READ_BACK:
        return channel.find_own(out)
    return None


def _overtaken(desk: Desk, delivery: Delivery, certainty: Certainty) -> Outcome | None:
    """An unclear answer whose ground moved meanwhile is not sent again; where it may stand there, a person looks."""
    now = desk.now()
    with desk.transaction() as session:
        complaint, row = _own(session, delivery)
        why = ground_moved(session, row)
        if why is None or not _still_ours(row, delivery):
            return None
        if certainty is Certainty.READ_BACK:
            take_back(session, complaint, row, why, now)
        else:
            mark_unknown(session, complaint, row, "the customer was heard again meanwhile", Certainty.NEITHER, now)
        return _as_it_stands(complaint, row)


def ground_moved(session: Session, row: Delivery) -> str | None:
    """Why an answer that was approved is no longer: its customer wrote, edited or took down since it was written."""
    if row.draft_id is None:
        return None
    written = session.get_one(Draft, row.draft_id).written_at
    ours = col(Message.complaint_id) == row.complaint_id
    came_in = ours & (col(Message.direction) == Direction.IN)
    edited = select(Message.id).join(MessageRevision, col(MessageRevision.message_id) == col(Message.id))  # type: ignore[call-overload]
    looks = {
        "new_message": select(Message.id).where(came_in, col(Message.received_at) > written),  # type: ignore[call-overload]
        "customer_edited": edited.where(ours, col(MessageRevision.replaced_at) > written),
        "removed": select(Message.id).where(ours, col(Message.removed_at) > written),  # type: ignore[call-overload]
    }
    return next((why for why, look in looks.items() if session.execute(look.limit(1)).first() is not None), None)


def take_back(session: Session, complaint: Complaint, row: Delivery, why: str, now: datetime) -> None:
    """An answer that is known not to have arrived, and is approved no more, is written anew."""
    row.state, row.claimed_by, row.why, row.needs_person = DeliveryState.CANCELLED, None, why, False
    session.add(row)
    if complaint.state is State.APPROVED and not is_companion(row):
        move(session, complaint, State.DRAFTING, event="voided", by=trail.MACHINE_AUTHOR, at=now, why=why)
        wake(session, "respond")


def _last_look(desk: Desk, channel: Channel, delivery: Delivery) -> Never | None:
    """Why this may not go out after all: its time is over, or the channel takes it no more.

    Raises TryAgain where that cannot be told now.
    """
    now = desk.now()
    if isinstance(channel, UnsetChannel):
        raise LockedOut(channel.missing)
    if delivery.publishable_until is not None and now > delivery.publishable_until:
        return Never("the platform's reply window closed", "window")
    target = _looked_up(desk, delivery)
    reachable = _of_adapter(_asked_in_vain, channel.can_reply, target, delivery.visibility, now)
    if reachable.ok:
        return None
    if reachable.templates and delivery.pre_approved is not None:
        # Whether it is one of the platform's templates, word for word, the channel finds out.
        return _unwanted(desk, delivery)
    why = reachable.why or "the channel takes no answer there"
    return Never(why, "window" if has_closed(reachable, now) else "not_allowed")


def _looked_up(desk: Desk, delivery: Delivery) -> Target:
    """Whom it is for, and whether they were written to privately before as an answer to the same message."""
    target = Target.from_json(delivery.target)
    if delivery.visibility is Visibility.PUBLIC or target.external_id is None:
        return target
    with desk.transaction() as session:
        written_to = was_written_to(session, delivery.complaint_id, target.external_id)
    return replace(target, written_to=written_to)


def _unwanted(desk: Desk, delivery: Delivery) -> Never | None:
    """A template writes to somebody first: not to whoever asked not to be written to any more."""
    with desk.transaction() as session:
        if not has_opted_out(session, session.get_one(Complaint, delivery.complaint_id)):
            return None
    return Never("the customer asked not to be written to any more", "blocked")


def _about_to_send(desk: Desk, delivery: Delivery) -> Outcome | None:
    """Mark that the request may leave from now on; else what became of it: voided, or publishing stopped, meanwhile."""
    with desk.transaction() as session:
        if _stopped(session, desk, delivery):
            complaint, row = _own(session, delivery)
            if _still_ours(row, delivery):
                row.state = DeliveryState.UNKNOWN if delivery.why == "unclear" else DeliveryState.QUEUED
                row.claimed_by, row.why = None, "publishing was stopped"
                session.add(row)
            return _as_it_stands(complaint, row)
        done = session.execute(
            update(Delivery)
            .where(
                col(Delivery.id) == delivery.id,
                col(Delivery.state) == DeliveryState.CLAIMED,
                col(Delivery.claimed_by) == delivery.claimed_by,
            )
            .values(state=DeliveryState.SENDING, tries=Delivery.tries + 1)
            .returning(col(Delivery.id))
        ).first()
        return None if done is not None else _as_it_stands(*_own(session, delivery))


def _stopped(session: Session, desk: Desk, delivery: Delivery) -> bool:
    if delivery.kind in desk.policy.publishing.kill_switch.exempt:
        return False
    scopes = {"all", f"channel:{delivery.channel}", f"incident:IN-{delivery.incident_id}"}
    return any(stop.scope in scopes for stop in stops_in_force(session))


def _own(session: Session, delivery: Delivery) -> tuple[Complaint, Delivery]:
    complaint = lock(session, delivery.complaint_id)
    row = session.execute(
        select(Delivery)
        .where(col(Delivery.id) == delivery.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).scalar_one()
    return complaint, row


def _still_ours(row: Delivery, delivery: Delivery) -> bool:
    """Whether this worker still holds what it claimed: it may have been voided while the channel was asked."""
    return row.state in (DeliveryState.CLAIMED, DeliveryState.SENDING) and row.claimed_by == delivery.claimed_by


def _as_it_stands(complaint: Complaint, row: Delivery) -> Outcome:
    return Outcome(row.id, complaint.reference, row.kind, row.state, row.why)


def _sent(desk: Desk, delivery: Delivery, sent: Sent) -> Outcome:
    now = desk.now()
    with desk.transaction() as session:
        complaint, row = _own(session, delivery)
        if row.state is DeliveryState.FAILED:  # the platform said meanwhile that it came back
            row.platform_id = row.platform_id or sent.platform_id
            session.add(row)
        elif row.state is not DeliveryState.SENT:
            record_sent(session, desk, complaint, row, sent, now)
        return _as_it_stands(complaint, row)


def record_sent(
    session: Session,
    desk: Desk,
    complaint: Complaint,
    row: Delivery,
    sent: Sent,
    now: datetime,
    posted_by: trail.Author | None = None,
) -> None:
    """Write down that a delivery arrived, keep our message in the thread, and move the complaint on."""
    row.state, row.sent_at, row.claimed_by = DeliveryState.SENT, sent.at or now, None
    row.platform_id, row.url, row.why, row.needs_person = sent.platform_id, sent.url, None, False
    row.posted_by = posted_by.name if posted_by else None
    session.add(row)
    message = Message(
        complaint_id=complaint.id,
        direction=Direction.OUT,
        channel=row.channel,
        account=row.account,
        external_id=_own_place(session, row, sent),
        visibility=row.visibility,
        text=row.text,
        url=sent.url,
        in_reply_to=row.target.get("external_id"),
        posted_at=sent.at or now,
        received_at=now,
        delivery_id=row.id,
    )
    session.add(message)
    _link_replies(session, message, sent.platform_id)
    by = posted_by or trail.MACHINE_AUTHOR
    facts: dict[str, Any] = {
        "kind": row.kind.value,
        "visibility": row.visibility.value,
        "invites_private": row.invites_private,
        "delivery": row.id,
        "sha256": row.sha256,
        "channel": row.channel,
    }
    trail.append(session, complaint, "delivered", by=by, at=now, **facts)
    if row.kind is DeliveryKind.ACKNOWLEDGEMENT:
        complaint.acknowledged_at = complaint.acknowledged_at or now
        trail.append(
            session, complaint, "acknowledged", by=by, at=now, visibility=row.visibility.value, delivery=row.id
        )
    if row.kind is DeliveryKind.REPLY and complaint.state is State.APPROVED and not is_companion(row):
        cancel_kinds(session, complaint, "answered first", DeliveryKind.ACKNOWLEDGEMENT, DeliveryKind.HOLDING)
        complaint.responded_at = now
        move(session, complaint, State.RESPONDED, event="responded", by=by, at=now, delivery=row.id)
        _answer_what_came_meanwhile(session, desk, complaint, row, now)
        queue_companion(session, desk, complaint, row, now)
    if row.draft_id is not None:
        road_taken(session, complaint, row.draft_id, by, now)
    session.add(complaint)


def _link_replies(session: Session, message: Message, platform_id: str) -> None:
    """Link what answered our post before we knew its id, and have it read once more, as words that speak to us."""
    session.flush()
    early = session.execute(
        select(Message)
        .where(
            col(Message.channel) == message.channel,
            col(Message.account) == message.account,
            col(Message.in_reply_to) == platform_id,
            col(Message.parent_id).is_(None),
            col(Message.direction) == Direction.IN,
        )
        .with_for_update(skip_locked=True)  # messages are locked before complaints, and ours is held already
    ).scalars()
    for reply in early:
        reply.parent_id, reply.assess_due = message.id, True
        session.add(reply)
        wake(session, "intake")


def _answer_what_came_meanwhile(
    session: Session, desk: Desk, complaint: Complaint, row: Delivery, now: datetime
) -> None:
    """The customer wrote while this answer was leaving, too late to stop it: they get another one."""
    draft = session.get_one(Draft, row.draft_id)
    newer = session.execute(
        select(Message.id)  # type: ignore[call-overload]
        .where(
            col(Message.complaint_id) == complaint.id,
            col(Message.direction) == Direction.IN,
            col(Message.received_at) > draft.written_at,
            col(Message.kind).in_(ANSWERABLE),
        )
        .order_by(col(Message.id).desc())
        .limit(1)
    ).scalar_one_or_none()
    if newer is None:
        return
    move(session, complaint, State.DRAFTING, event="answer_due", by=trail.MACHINE_AUTHOR, at=now, message_id=newer)
    promise(desk, complaint, now, anew=True)
    wake(session, "respond")


def _own_place(session: Session, row: Delivery, sent: Sent) -> str:
    """Where our message stands; a person may give one address for two answers."""
    taken = session.execute(
        select(Message.id).where(  # type: ignore[call-overload]
            col(Message.channel) == row.channel,
            col(Message.account) == row.account,
            col(Message.external_id) == sent.platform_id,
        )
    ).first()
    return sent.platform_id if taken is None else f"{sent.platform_id}#{row.id}"


def _back_into_line(desk: Desk, delivery: Delivery, why: str) -> Outcome:
    """Nothing arrived, and its way rests: it keeps its place, and its tries."""
    with desk.transaction() as session:
        complaint, row = _own(session, delivery)
        if not _still_ours(row, delivery):
            return _as_it_stands(complaint, row)
        if row.state is DeliveryState.SENDING:
            row.tries -= 1
        row.state = DeliveryState.UNKNOWN if delivery.why == "unclear" else DeliveryState.QUEUED
        row.claimed_by, row.why = None, why
        session.add(row)
        return _as_it_stands(complaint, row)


def _again(desk: Desk, delivery: Delivery, why: str, after: float | None) -> Outcome:
    """Nothing arrived, and trying later may help: back into the queue, later each time, with jitter."""
    now = desk.now()
    with desk.transaction() as session:
        complaint, row = _own(session, delivery)
        if not _still_ours(row, delivery):
            return _as_it_stands(complaint, row)
        if row.tries >= MOST_TRIES:
            return _give_up(session, complaint, row, f"{why} (after {row.tries} tries)", now)
        wait = (
            timedelta(seconds=max(after, SHORTEST_WAIT))
            if after is not None
            else min(LONGEST_WAIT, timedelta(seconds=2 ** max(row.tries, 1)))
        )
        unclear = delivery.why == "unclear"
        row.state, row.claimed_by, row.why = DeliveryState.UNKNOWN if unclear else DeliveryState.QUEUED, None, why
        row.due_at = now + wait * random.uniform(1.0, 1.25)
        session.add(row)
        return Outcome(row.id, complaint.reference, row.kind, row.state, why)


def _unknown(desk: Desk, delivery: Delivery, why: str, certainty: Certainty) -> Outcome:
    now = desk.now()
    with desk.transaction() as session:
        complaint, row = _own(session, delivery)
        if _still_ours(row, delivery):
            mark_unknown(session, complaint, row, why, certainty, now)
        return _as_it_stands(complaint, row)


def mark_unknown(
    session: Session, complaint: Complaint, row: Delivery, why: str, certainty: Certainty, now: datetime
) -> None:
    """Nobody knows whether it arrived. The machine finds out where the channel lets it; else a person looks."""
    row.state, row.claimed_by, row.why = DeliveryState.UNKNOWN, None, why
    row.due_at = now + PATIENCE_OF_A_READ_BACK
    row.needs_person = certainty is Certainty.NEITHER or row.tries >= MOST_TRIES
    session.add(row)
    trail.append(
        session,
        complaint,
        "delivery_unclear",
        by=trail.MACHINE_AUTHOR,
        at=now,
        kind=row.kind.value,
        delivery=row.id,
        needs_person=row.needs_person or None,
    )


def _fail(desk: Desk, delivery: Delivery, why: str) -> Outcome:
    with desk.transaction() as session:
        complaint, row = _own(session, delivery)
        if not _still_ours(row, delivery):
            return _as_it_stands(complaint, row)
        return _give_up(session, complaint, row, why, desk.now())


def _give_up(session: Session, complaint: Complaint, row: Delivery, why: str, now: datetime) -> Outcome:
    row.state, row.claimed_by, row.why, row.needs_person = DeliveryState.FAILED, None, why, True
    not_asked_after_all(complaint, row)
    session.add_all((row, complaint))
    trail.append(
        session, complaint, "delivery_failed", by=trail.MACHINE_AUTHOR, at=now, kind=row.kind.value, delivery=row.id
    )
    return Outcome(row.id, complaint.reference, row.kind, row.state, why)


def _refused(desk: Desk, delivery: Delivery, error: Never) -> Outcome:
    """The platform will never take it: a reply goes back to drafting for another way, the rest is listed as failed."""
    now = desk.now()
    with desk.transaction() as session:
        complaint, row = _own(session, delivery)
        if not _still_ours(row, delivery):
            return _as_it_stands(complaint, row)
        answer = row.draft_id is not None and complaint.state is State.APPROVED and not is_companion(row)
        if error.kind == "window" and (answer or (row.pre_approved is not None and not asks_to_write(complaint, row))):
            return _too_late(session, complaint, row, now)
        outcome = _give_up(session, complaint, row, str(error), now)
        if answer:
            move(
                session,
                complaint,
                State.DRAFTING,
                event="voided",
                by=trail.MACHINE_AUTHOR,
                at=now,
                why="refused_by_platform",
            )
            row.needs_person = False  # another answer is on its way
            if len(refused_ways(session, complaint, str(row.target.get("external_id")))) > 1:
                hold(session, desk, complaint, "refused_by_platform", by=trail.MACHINE_AUTHOR, now=now)
        return outcome


def _too_late(session: Session, complaint: Complaint, row: Delivery, now: datetime) -> Outcome:
    """The reply window has closed. An approved answer looks for another way, or its customer is asked to write back.

    For the rest there is nothing that a person could do.
    """
    row.state, row.claimed_by, row.why, row.needs_person = DeliveryState.CANCELLED, None, WINDOW_CLOSED, False
    session.add(row)
    if row.draft_id is None:
        withheld(session, complaint, row.kind, WINDOW_CLOSED, now)
        return _as_it_stands(complaint, row)
    move(session, complaint, State.DRAFTING, event="window_closed", by=trail.MACHINE_AUTHOR, at=now, delivery=row.id)
    wake(session, "respond")
    return _as_it_stands(complaint, row)


def recover(desk: Desk) -> list[Outcome]:
    """Take back what dead workers held: unsent deliveries into the queue, unclear ones to be read back or looked at."""
    now = desk.now()
    alive = live_workers(desk.engine)
    outcomes = []
    with desk.transaction() as session:
        rows = session.execute(
            select(Delivery.id, Delivery.complaint_id)  # type: ignore[call-overload]
            .where(col(Delivery.state).in_([DeliveryState.CLAIMED, DeliveryState.SENDING]))
            .where(col(Delivery.claimed_by).not_in(alive))
            .order_by(col(Delivery.complaint_id))
        ).all()
        for number, complaint_number in rows:
            complaint = lock(session, complaint_number)
            row = session.execute(
                select(Delivery)
                .where(col(Delivery.id) == number)
                .with_for_update()
                .execution_options(populate_existing=True)
            ).scalar_one()
            if row.claimed_by is None or row.claimed_by in alive:
                continue
            if row.state is DeliveryState.CLAIMED and row.why != "unclear":
                row.state, row.claimed_by = DeliveryState.QUEUED, None
                session.add(row)
            else:
                certainty = desk.channels.get(row.channel, row.account).certainty
                mark_unknown(session, complaint, row, "the worker died while sending", certainty, now)
                row.due_at = now
            outcomes.append(Outcome(row.id, complaint.reference, row.kind, row.state, row.why))
    return outcomes
