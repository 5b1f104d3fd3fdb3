"""Remembers how far something was read that is no channel."""

from sqlalchemy.dialects.postgresql import insert

from db.tables import Cursor
from tasks.desk import Desk

ACCOUNT = "desk"


def marked(desk: Desk, name: str) -> str | None:
    """What was remembered last."""
    with desk.transaction() as session:
        found = session.get(Cursor, (name, ACCOUNT))
        return found.position if found else None


def mark(desk: Desk, name: str, position: str) -> None:
    """Remember it."""
    with desk.transaction() as session:
        values = insert(Cursor).values(channel=name, account=ACCOUNT, position=position, moved_at=desk.now())
        session.execute(
            values.on_conflict_do_update(
                index_elements=["channel", "account"], set_={"position": position, "moved_at": desk.now()}
            )
        )
