"""Where an answer can go at all, asked of the channel before a person is asked to approve it."""

import logging
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlmodel import Session, col

from db.complaints import own_messages
from db.tables import Complaint, Delivery, DeliveryState, Identity
from db.words import Visibility
from integrations.channels.base import Channel, ChannelError, Reachable, Target
from tasks.circuits import place_of
from tasks.desk import Desk
from tasks.outbox import target_of, uncalled

WINDOW_CLOSED = "window_closed"
"""Why an approved answer did not leave: the time in which the platform lets us answer its message is over."""

log = logging.getLogger("tanggap.channels")


@dataclass(frozen=True)
class Mark:
    """The message that is answered, read before the channel is asked."""

    complaint_id: int
    version: int
    channel: str
    account: str
    visibility: Visibility
    removed: bool
    target: dict[str, Any]
    refused: frozenset[Visibility] = frozenset()
    """In which ways the platform has refused an answer to this message for good."""
    shut: frozenset[Visibility] = frozenset()
    """In which ways an answer to this message came too late for the platform's reply window."""
    written_to: bool = False
    """Whether its author was written to privately as an answer to this message already."""


@dataclass(frozen=True)
class Aim:
    """Where the answer goes, until when; or why it cannot go anywhere."""

    ok: bool
    visibility: Visibility
    target: dict[str, Any]
    until: datetime | None = None
    why: str | None = None
    privately: bool = False
    """Whether a public answer could have a private one beside it."""
    window_closed: bool = False
    """It could go if its customer wrote again: the platform's reply window is closed."""


def mark(session: Session, complaint: Complaint) -> Mark:
    """The message to answer: the newest of the complainant's own on the complaint's channel.

    Where the platform wants us called on, and the newest does not: the newest that does.
    """
    own = own_messages(session, complaint)
    there = [message for message in own if message.channel == complaint.channel] or own
    newest = there[-1]
    if uncalled(newest):
        newest = next((one for one in reversed(there) if one.summoned and one.removed_at is None), newest)
    identity = session.get(Identity, newest.identity_id) if newest.identity_id else None
    return Mark(
        complaint_id=complaint.id,
        version=complaint.version,
        channel=complaint.channel,
        account=complaint.account,
        visibility=newest.visibility,
        removed=newest.removed_at is not None,
        target=target_of(newest, identity),
        refused=refused_ways(session, complaint, newest.external_id),
        shut=_ways(session, complaint, newest.external_id, DeliveryState.CANCELLED, WINDOW_CLOSED),
        written_to=was_written_to(session, complaint.id, newest.external_id),
    )


def was_written_to(session: Session, complaint_id: int, external_id: str) -> bool:
    """Whether a private text of ours arrived as an answer to this very message: some platforms take one."""
    sent = select(Delivery.id).where(  # type: ignore[call-overload]
        col(Delivery.complaint_id) == complaint_id,
        col(Delivery.state) == DeliveryState.SENT,
        col(Delivery.visibility) == Visibility.PRIVATE,
        col(Delivery.target)["external_id"].astext == external_id,
    )
    return session.execute(sent.limit(1)).first() is not None


def refused_ways(session: Session, complaint: Complaint, external_id: str) -> frozenset[Visibility]:
    """In which ways an answer to this very message was refused for good, so that nobody approves another in vain."""
    return _ways(session, complaint, external_id, DeliveryState.FAILED)


def _ways(
    session: Session, complaint: Complaint, external_id: str, state: DeliveryState, why: str | None = None
) -> frozenset[Visibility]:
    """In which ways an answer to this message ended so."""
    ways = (
        select(Delivery.visibility)  # type: ignore[call-overload]
        .where(
            col(Delivery.complaint_id) == complaint.id,
            col(Delivery.state) == state,
            col(Delivery.draft_id).is_not(None),
            col(Delivery.target)["external_id"].astext == external_id,
        )
        .distinct()
    )
    if why is not None:
        ways = ways.where(col(Delivery.why) == why)
    return frozenset(session.execute(ways).scalars())


def aim(desk: Desk, at: Mark, wish: Visibility | None = None) -> Aim:
    """Ask the channel; what may not be said in public is said in private where the channel has a private way.

    May call the network: never inside a transaction. A channel that does not answer counts as reachable, since it is
    asked again at sending.
    """
    channel = desk.channels.get(at.channel, at.account)
    target = replace(Target.from_json(at.target), written_to=at.written_to)
    wished = wish or at.visibility
    whys: list[str] = []
    closed, now = False, desk.now()
    for visibility in dict.fromkeys((wished, Visibility.PRIVATE)):
        if visibility is Visibility.PUBLIC and at.removed:
            whys.append("the post was taken down")
            continue
        if visibility in at.refused:
            whys.append(f"the platform has refused a {visibility.value} answer to it")
            continue
        if visibility in at.shut:
            whys.append("the platform's reply window closed before the answer could leave")
            closed = True
            continue
        reachable = _reachable(channel, target, visibility, now)
        if reachable is None:
            return Aim(True, visibility, at.target)
        if reachable.ok:
            return Aim(True, visibility, at.target, reachable.until, privately=_privately(desk, at, target, visibility))
        whys.append(reachable.why or "the channel takes no answer there")
        closed = closed or has_closed(reachable, now)
    return Aim(False, wished, at.target, None, "; ".join(dict.fromkeys(whys)), window_closed=closed)


def has_closed(reachable: Reachable, now: datetime) -> bool:
    """Whether nothing can be put there because the time for it is over."""
    return not reachable.ok and reachable.until is not None and reachable.until <= now


def _privately(desk: Desk, at: Mark, target: Target, visibility: Visibility) -> bool:
    """Whether whoever is answered in public can be written to privately as well."""
    if visibility is Visibility.PRIVATE or not desk.policy.channels.of(at.channel).private_talk:
        return False
    if Visibility.PRIVATE in at.refused:
        return False
    channel = desk.channels.get(at.channel, at.account)
    reachable = _reachable(channel, target, Visibility.PRIVATE, desk.now())
    return reachable is not None and reachable.ok


def _reachable(channel: Channel, target: Target, visibility: Visibility, now: datetime) -> Reachable | None:
    """What the channel says; None where it does not answer, or its adapter fails, which holds up no other complaint."""
    try:
        return channel.can_reply(target, visibility, now)
    except ChannelError:
        return None
    except Exception as error:
        log.error("%s/%s: an adapter failed: %s", channel.name, channel.account, place_of(error))
        return None
