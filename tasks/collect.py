"""Collect what the channels have: a page at a time, each stored with the cursor that covers it. Hear their calls."""

import logging
from collections.abc import Iterator, Sequence

from sqlalchemy.exc import DataError

from db.tables import Cursor
from integrations.channels.base import Asked, Channel, Heard, Page
from integrations.channels.shared_door import share_out
from integrations.intake.text import clean_line
from integrations.record import Item, Unreadable
from tasks.circuits import place_of
from tasks.desk import Desk
from tasks.record import Recorded, chunks, record

log = logging.getLogger("tanggap.channels")
AMISS = (DataError, ValueError)
"""What the database, or the way there, says of a value that it does not take."""


def pages(desk: Desk, channel: Channel) -> Iterator[Page]:
    """What a channel has since its cursor; asked outside any transaction."""
    with desk.transaction() as session:
        found = session.get(Cursor, (channel.name, channel.account))
    return channel.fetch(found.position if found else None)


def store(desk: Desk, channel: Channel, page: Page) -> Recorded:
    """Store a page; the cursor moves in the transaction of its last chunk."""
    total = Recorded()
    parts = list(chunks(page.items)) or [[]]
    for index, part in enumerate(parts):
        last = index == len(parts) - 1
        total.add(store_items(desk, channel, part, page.cursor if last else None))
    return total


def store_items(desk: Desk, channel: Channel, items: Sequence[Item], cursor: str | None = None) -> Recorded:
    """Store what a channel brought in one transaction; where the database takes one item amiss, one by one.

    So that a single record that no column takes, such as a text with a zero byte, holds up no other: it goes into
    quarantine with its reason.
    """
    source = f"{channel.name}/{channel.account}"
    place = (channel.name, channel.account, cursor) if cursor is not None else None
    try:
        return record(desk, items, source=source, cursor=place)
    except AMISS as error:
        log.warning("%s: a record cannot be stored: %s", source, place_of(error))
    total = Recorded()
    for item in items:
        try:
            total.add(record(desk, [item], source=source))
        except AMISS as error:
            reason = f"it cannot be stored ({type(error).__name__}): correct its text, names and ids"
            total.add(record(desk, [Unreadable(_shown(item.place), reason, item.raw, channel.name)], source=source))
    if place is not None:
        total.add(record(desk, [], source=source, cursor=place))
    return total


def _shown(place: str) -> str:
    return clean_line(place.encode("utf-8", "replace").decode("utf-8"))


def hear(desk: Desk, accounts: Sequence[Channel], asked: Asked) -> Heard:
    """What a platform's call brings to the accounts that it may be for, stored before it is answered.

    `accounts`: at least one, all on the same channel. Where an account cannot read or store its part, the others' is
    stored all the same, and the failure is raised then: the platform is to call again.
    """
    failures: list[Exception] = []
    heard: dict[str, Heard] = {}
    for channel in accounts:
        try:
            heard[channel.account] = channel.hear(asked)
        except Exception as error:
            failures.append(error)
    if not heard:
        raise failures[0]
    out = share_out(accounts[0].name, heard)
    shares = [(channel, out.shares.get(channel.account, ())) for channel in accounts]
    nobodys = () if failures else out.nobodys  # whoever failed to read it may be the one that it is for
    for channel, items in (*shares, (accounts[0], nobodys)):
        try:
            for part in chunks(items):
                store_items(desk, channel, part)
        except Exception as error:
            failures.append(error)
    for stray in nobodys:
        log.warning("A call for %s brought what none of its accounts takes: %s", stray.channel, stray.reason)
    if failures:
        raise failures[0]
    return out.answer
