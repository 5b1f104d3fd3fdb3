"""Connections and transactions."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine, create_engine
from sqlmodel import Session


def make_engine(url: str, *, pool: int = 5) -> Engine:
    """An engine on the desk's database; connections are tested before use, since a database may restart under it.

    Errors do not quote parameters: a customer's words must not get into logs.
    """
    return create_engine(
        url,
        pool_size=pool,
        max_overflow=5,
        pool_pre_ping=True,
        hide_parameters=True,
        connect_args={"application_name": "tanggap", "connect_timeout": 10},
    )


@contextmanager
def transaction(engine: Engine) -> Iterator[Session]:
    """A session that commits at the end, or rolls back on an error.

    Never hold one open over a network call: rows read in it stay usable after it closed.
    """
    with Session(engine, expire_on_commit=False) as session:
        yield session
        session.commit()
