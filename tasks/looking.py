"""Looks again at posts of open complaints: their reach, edits, whether they still stand; and for what people who were
asked to tell the public have posted since.

The platform is asked outside any transaction, within the account's limits.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlmodel import Session, col

from db.tables import Complaint, Direction, FollowUp, FollowUpState, Identity, Message, Way
from db.words import State, Visibility
from integrations.channels.base import Channel, Never, Seen, Target
from tasks.changes import edited, new_metrics, taken_down
from tasks.circuits import locked
from tasks.collect import store_items
from tasks.desk import Desk
from tasks.outbox import target_of
from tasks.record import chunks

log = logging.getLogger("tanggap.channels")

LOOKED_AT = 100
"""Posts that one look asks about, the newest first."""
NO_LONGER = (State.CLOSED, State.SPAM, State.MERGED)
FOR_SO_LONG = timedelta(days=7)
"""A post older than this has had its readers."""
ASKED_LATELY = timedelta(days=30)
PEOPLE = 20
"""Whose later posts one look asks for."""


@dataclass(frozen=True)
class _Asked:
    author: Target
    since: datetime


def look_again(desk: Desk, channel: Channel, still_wanted: Callable[[], bool] = lambda: True) -> bool:
    """Look, if it is time. Returns whether the platform was asked. Raises ChannelError.

    What the platform says once it is no longer wanted is not stored.
    """
    now = desk.now()
    with desk.transaction() as session:
        state = locked(session, channel.name, channel.account, Way.IN)
        if state.looked_at is not None and now - state.looked_at < desk.policy.channels.look_again:
            return False
        state.looked_at = now
        session.add(state)
        posts = _posts(session, channel, now)
        asked = _asked(session, channel, now)
    for seen in channel.look_at(posts) if posts else ():
        if not still_wanted():
            return True
        take(desk, channel, seen)
    for one in asked:
        try:
            for part in chunks(channel.posts_of(one.author, one.since)):
                if not still_wanted():
                    return True
                store_items(desk, channel, part)
        except Never as error:  # this one person's posts cannot be seen
            log.info("%s/%s: posts of one author: %s", channel.name, channel.account, error)
    return bool(posts or asked)


def take(desk: Desk, channel: Channel, seen: Seen) -> None:
    """Write down what a post is like now."""
    place = (channel.name, channel.account, seen.external_id)
    if not seen.there:
        taken_down(desk, *place)
        return
    if seen.text is not None:
        edited(desk, *place, seen.text)
    if seen.metrics is not None:
        new_metrics(desk, *place, seen.metrics)


def _posts(session: Session, channel: Channel, now: datetime) -> Sequence[str]:
    """Public posts of complaints that are not over, and of what is only watched."""
    return list(
        session.execute(
            select(Message.external_id)  # type: ignore[call-overload]
            .join(Complaint, col(Complaint.id) == col(Message.complaint_id))
            .where(
                col(Message.channel) == channel.name,
                col(Message.account) == channel.account,
                col(Message.direction) == Direction.IN,
                col(Message.visibility) == Visibility.PUBLIC,
                col(Message.removed_at).is_(None),
                col(Message.posted_at) > now - FOR_SO_LONG,
                col(Complaint.state).not_in(NO_LONGER),
            )
            .order_by(col(Message.posted_at).desc())
            .limit(LOOKED_AT)
        ).scalars()
    )


def _asked(session: Session, channel: Channel, now: datetime) -> Sequence[_Asked]:
    """Who was asked to tell the public lately, and has not been seen to."""
    rows = session.execute(
        select(Message, Identity, FollowUp)
        .join(Complaint, col(Complaint.id) == col(FollowUp.complaint_id))
        .join(Message, col(Message.id) == col(Complaint.first_message_id))
        .join(Identity, col(Identity.id) == col(Message.identity_id))
        .where(
            col(FollowUp.state) == FollowUpState.ASKED,
            col(FollowUp.asked_at) > now - ASKED_LATELY,
            col(FollowUp.found_message_id).is_(None),
            col(Message.channel) == channel.name,
            col(Message.account) == channel.account,
        )
        .order_by(col(FollowUp.asked_at).desc())
        .limit(PEOPLE)
    ).all()
    return [_Asked(Target.from_json(target_of(message, identity)), row.asked_at) for message, identity, row in rows]
