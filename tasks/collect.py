"""Collect what the channels have: a page at a time, each stored with the cursor that covers it. Hear their calls."""

from collections.abc import Iterator

from db.tables import Cursor
from integrations.channels.base import Asked, Channel, Heard, Page
from tasks.desk import Desk
from tasks.record import Recorded, chunks, record


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
        cursor = (channel.name, channel.account, page.cursor) if last else None
        total.add(record(desk, part, source=f"{channel.name}/{channel.account}", cursor=cursor))
    return total


def hear(desk: Desk, channel: Channel, asked: Asked) -> Heard:
    """What a platform's call brings, stored before it is answered."""
    heard = channel.hear(asked)
    for part in chunks(heard.items):
        record(desk, part, source=f"{channel.name}/{channel.account}")
    return heard
