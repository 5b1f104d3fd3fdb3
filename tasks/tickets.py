"""Keeps the company's own tickets in step: each names its complaint, and is told once what became of it elsewhere.

A ticket gets its row with the message that came by it, and is due whenever its complaint moves. It is served outside
any transaction; a channel does a thing that is done already no second time, so that whoever dies may begin again.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session, col

from db.complaints import final
from db.fingerprint import is_companion
from db.tables import Complaint, Delivery, DeliveryState, Message, PublishingStop, Ticket, Way
from db.words import DeliveryKind, Gate
from integrations.channels.base import Channel, ChannelError, LockedOut, Never, Target, TryAgain
from policy.ticket_news import Answered, News, Stands, ticket_news
from tasks.circuits import failed, place_of, resting, worked
from tasks.desk import Desk

log = logging.getLogger("tanggap.channels")

LEASE = timedelta(minutes=10)
"""Until somebody else serves a ticket whose server says nothing more: longer than its calls can take."""
FIRST_WAIT = timedelta(minutes=1)
LONGEST_WAIT = timedelta(days=1)
"""Between two tries; also where a right is missing, which a person may give at any time."""


@dataclass(frozen=True)
class _Served:
    """What is to be done on a ticket, and until when nobody else does it."""

    id: int
    lease: datetime
    tries: int
    target: Target
    linked: bool
    reference: str
    url: str
    news: Sequence[News]


def came_by_ticket(session: Session, desk: Desk, complaint: Complaint, message: Message, now: datetime) -> None:
    """A message came in: if it stands on a ticket, that one is to name its complaint."""
    channel = desk.channels.known(message.channel, message.account)
    try:
        number = channel.ticket_of(message.external_id) if channel is not None else None
    except Exception as error:
        log.error("%s/%s: an adapter failed: %s", message.channel, message.account, place_of(error))
        return
    if number is None:
        return
    row = insert(Ticket).values(
        complaint_id=complaint.id,
        handled_as=complaint.id,
        channel=message.channel,
        account=message.account,
        number=number,
        external_id=message.external_id,
        url=message.url,
        told=[],
        tries=0,
        due_at=now,
    )
    session.execute(row.on_conflict_do_nothing(index_elements=["complaint_id", "channel", "account", "number"]))


def tickets_of(session: Session, complaint: Complaint) -> list[Ticket]:
    """The tickets of a complaint, and of what is handled under it, in the order in which they came."""
    rows = session.execute(
        select(Ticket)
        .where(or_(col(Ticket.complaint_id) == complaint.id, col(Ticket.handled_as) == complaint.id))
        .order_by(col(Ticket.id))
    )
    return list(rows.scalars())


def keep_in_step(desk: Desk, channel: Channel, still_wanted: Callable[[], bool] = lambda: True) -> int:
    """Serve the tickets of this account that are due; tells how many are in step now.

    Calls the network. What fails is tried again later, and counts as a failure of writing there; a missing right or a
    ticket that is gone is no failure of the account's.
    """
    served = 0
    while still_wanted() and resting(desk, channel.name, channel.account, Way.PRIVATE) is None:
        ticket = _take(desk, channel)
        if ticket is None:
            return served
        served += _serve(desk, channel, ticket)
    return served


def _take(desk: Desk, channel: Channel) -> _Served | None:
    now = desk.now()
    with desk.transaction() as session:
        stops = select(PublishingStop.id).where(  # type: ignore[call-overload]
            col(PublishingStop.lifted_at).is_(None), col(PublishingStop.scope).in_(["all", f"channel:{channel.name}"])
        )
        if session.execute(stops.limit(1)).first() is not None:
            return None
        row = session.execute(
            select(Ticket)
            .where(
                col(Ticket.channel) == channel.name,
                col(Ticket.account) == channel.account,
                col(Ticket.due_at) <= now,
            )
            .order_by(col(Ticket.due_at), col(Ticket.id))
            .limit(1)
            .with_for_update()  # whoever moves its complaint just now is waited for: it is due all the same
        ).scalar_one_or_none()
        if row is None:
            return None
        complaint = session.get_one(Complaint, row.complaint_id)
        row.handled_as = final(session, complaint).id
        row.due_at = now + LEASE
        session.add(row)
        return _Served(
            id=row.id,
            lease=row.due_at,
            tries=row.tries,
            target=Target(external_id=row.external_id),
            linked=row.linked_at is not None,
            reference=complaint.reference,
            url=desk.tracking_url(complaint.token),
            news=_news(session, desk, channel, row, complaint),
        )


def _news(session: Session, desk: Desk, channel: Channel, ticket: Ticket, complaint: Complaint) -> list[News]:
    chain = [complaint]
    while (into := chain[-1].merged_into) is not None and into not in {one.id for one in chain}:
        chain.append(session.get_one(Complaint, into))
    sent = session.execute(
        select(Delivery)
        .where(
            col(Delivery.complaint_id).in_([one.id for one in chain]),
            col(Delivery.kind) == DeliveryKind.REPLY,
            col(Delivery.state) == DeliveryState.SENT,
        )
        .order_by(col(Delivery.id))
    ).scalars()
    here = (channel.name, channel.account, ticket.number)
    answers = [
        Answered(one.id, f"TG-{one.complaint_id}", one.channel, one.visibility, one.sent_at, one.url)
        for one in sent
        if one.sent_at is not None and not is_companion(one) and _place(channel, one) != here
    ]
    stands = [
        Stands(
            reference=one.reference,
            state=one.state,
            since=one.state_since,
            into=f"TG-{one.merged_into}" if one.merged_into else None,
            resolved_at=one.resolved_at,
            resolution=one.resolution,
        )
        for one in chain
    ]
    language = desk.policy.slack.language_of(Gate.CS)
    return ticket_news(stands, answers, ticket.told, language=language, zone=desk.policy.calendar.zone)


def _place(channel: Channel, delivery: Delivery) -> tuple[str, str, str | None]:
    """The ticket on which an answer stands, if it is one of this account's."""
    ours = (delivery.channel, delivery.account) == (channel.name, channel.account)
    number = channel.ticket_of(str(delivery.target.get("external_id"))) if ours else None
    return delivery.channel, delivery.account, number


def _serve(desk: Desk, channel: Channel, ticket: _Served) -> bool:
    """Do what is to be done; whether all of it is."""
    why: str | None = None
    try:
        if not ticket.linked:
            why = _link(desk, channel, ticket)
        for one in ticket.news:
            channel.note(ticket.target, one.text)
            _write_down(desk, ticket, told=one.key)
    except Never as error:
        _works(desk, channel)
        return _not_now(desk, ticket, str(error), None if error.kind == "gone" else LONGEST_WAIT)
    except ChannelError as error:
        return _failed(desk, channel, ticket, error)
    except Exception as error:
        log.error("%s/%s: an adapter failed: %s", channel.name, channel.account, place_of(error))
        return _failed(desk, channel, ticket, ChannelError(f"its adapter failed with {type(error).__name__}"))
    _works(desk, channel)
    if why is not None:
        return _not_now(desk, ticket, why, LONGEST_WAIT)
    with desk.transaction() as session:
        _release(session, ticket, due_at=None, tries=0, why=None)
    return True


def _link(desk: Desk, channel: Channel, ticket: _Served) -> str | None:
    """Why the ticket does not name its complaint; what it is told does not wait for a right that is missing."""
    try:
        there = channel.link(ticket.target, ticket.reference, ticket.url)
    except Never as error:
        if error.kind == "gone":
            raise
        return str(error)
    _write_down(desk, ticket, url=there.url)
    return None


def _write_down(desk: Desk, ticket: _Served, *, told: str | None = None, url: str | None = None) -> None:
    with desk.transaction() as session:
        row = session.get_one(Ticket, ticket.id, with_for_update=True)
        if told is not None:
            row.told = [*row.told, told]
        else:
            row.linked_at, row.url = desk.now(), url or row.url
        session.add(row)


def _failed(desk: Desk, channel: Channel, ticket: _Served, error: ChannelError) -> bool:
    """Later again: when its own turn comes, or, where all that goes there has to wait, when that is over."""
    log.warning("%s/%s: a ticket of %s: %s", channel.name, channel.account, ticket.reference, error)
    alone = isinstance(error, TryAgain) and error.alone
    if not alone:
        failed(desk, channel.name, channel.account, Way.PRIVATE, error)
    if isinstance(error, LockedOut) or (isinstance(error, TryAgain) and error.after is not None and not alone):
        return _not_now(desk, ticket, str(error), timedelta(0), tries=ticket.tries)
    wait = min(FIRST_WAIT * 2 ** min(ticket.tries, 16), LONGEST_WAIT)
    asked = timedelta(seconds=error.after or 0) if isinstance(error, TryAgain) else timedelta(0)
    return _not_now(desk, ticket, str(error), max(wait, asked))


def _works(desk: Desk, channel: Channel) -> None:
    worked(desk, channel.name, channel.account, Way.PRIVATE)


def _not_now(desk: Desk, ticket: _Served, why: str, wait: timedelta | None, *, tries: int | None = None) -> bool:
    """Not in step, and why; served again after the wait, or, without one, when its complaint moves."""
    due_at = desk.now() + wait if wait is not None else None
    with desk.transaction() as session:
        _release(session, ticket, due_at=due_at, tries=ticket.tries + 1 if tries is None else tries, why=why)
    return False


def _release(session: Session, ticket: _Served, *, due_at: datetime | None, tries: int, why: str | None) -> None:
    """Let others serve it. What made it due meanwhile stands."""
    session.execute(update(Ticket).where(col(Ticket.id) == ticket.id).values(tries=tries, why=why))
    session.execute(
        update(Ticket).where(col(Ticket.id) == ticket.id, col(Ticket.due_at) == ticket.lease).values(due_at=due_at)
    )
