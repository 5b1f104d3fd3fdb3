"""Wakes a stage of the desk through PostgreSQL's NOTIFY, and waits to be woken."""

import select as selectable
from types import TracebackType

import psycopg
from sqlalchemy import text
from sqlmodel import Session


def wake(session: Session, *stages: str) -> None:
    """Tell stages, once a session, that there is work, when and if this transaction commits."""
    woken: set[str] = session.info.setdefault("woken", set())
    for stage in stages:
        if stage in woken:
            continue
        woken.add(stage)
        session.execute(text("SELECT pg_notify(:channel, '')"), {"channel": _channel(stage)})


class Listener:
    """A connection of its own that hears the wakes of one stage."""

    def __init__(self, url: str, stage: str) -> None:
        self._connection = psycopg.connect(plain(url), autocommit=True, application_name=f"tanggap {stage}")
        self._connection.execute(f'LISTEN "{_channel(stage)}"')

    @property
    def connection(self) -> psycopg.Connection:
        """The connection, for session-level locks that must end with it."""
        return self._connection

    def wait(self, seconds: float) -> bool:
        """Wait until woken, at most so long; tells whether it was a wake. Several wakes at once are one."""
        pending = list(self._connection.notifies(timeout=0))
        if pending:
            return True
        ready, _, _ = selectable.select([self._connection.fileno()], [], [], max(0.0, seconds))
        if not ready:
            return False
        return bool(list(self._connection.notifies(timeout=0)))

    def __enter__(self) -> "Listener":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()


def plain(url: str) -> str:
    """The URL as libpq reads it, without SQLAlchemy's driver name."""
    return url.replace("postgresql+psycopg://", "postgresql://", 1)


def _channel(stage: str) -> str:
    return f"tanggap_{stage.replace('-', '_')}"
