"""One run a stage is on duty: held by advisory locks that PostgreSQL frees when their holder dies.

Two locks a stage. `post` is held by whoever is on duty. `relief` is held by the one newcomer who waits; the holder sees
that somebody waits and leaves, which hands over in milliseconds. Further newcomers find both taken and go home.
"""

import os
import socket
import zlib
from dataclasses import dataclass
from datetime import datetime

import psycopg
from sqlalchemy import Engine, text

from db.wake import Listener

POST, RELIEF, WORKER = 0x7A61, 0x7A62, 0x7A63


@dataclass(frozen=True)
class OnDuty:
    """Which run holds a stage."""

    stage: str
    run_id: str | None
    pid: int
    host: str
    since: datetime


def take_post(listener: Listener, stage: str, *, run_id: str | None, now: datetime, patience: float) -> bool:
    """Take the stage's post, waiting as its relief for at most `patience` seconds; False where it is not to be had."""
    connection, key = listener.connection, _key(stage)
    if not _try(connection, POST, key):
        if not _try(connection, RELIEF, key):
            return False
        connection.execute("SELECT pg_notify(%s, '')", (f"tanggap_{stage.replace('-', '_')}",))
        try:
            connection.execute(f"SET lock_timeout = '{int(patience * 1000)}ms'")
            connection.execute("SELECT pg_advisory_lock(%s, %s)", (POST, key))
        except psycopg.errors.LockNotAvailable:
            return False
        finally:
            connection.execute("SET lock_timeout = 0")
            connection.execute("SELECT pg_advisory_unlock(%s, %s)", (RELIEF, key))
    connection.execute(
        "INSERT INTO duty (stage, run_id, pid, host, since) VALUES (%s, %s, %s, %s, %s) "
        "ON CONFLICT (stage) DO UPDATE SET run_id = excluded.run_id, pid = excluded.pid, host = excluded.host, "
        "since = excluded.since",
        (stage, run_id, os.getpid(), socket.gethostname(), now),
    )
    return True


def relief_waits(listener: Listener, stage: str) -> bool:
    """Whether a newcomer waits for this stage's post."""
    found = listener.connection.execute(
        "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE "
        "datname = current_database()) AND classid = %s AND objid = %s AND granted LIMIT 1",
        (RELIEF, _key(stage)),
    )
    return found.fetchone() is not None


def on_duty(engine: Engine) -> dict[str, OnDuty]:
    """The stages whose post is held this moment, with the run that holds it."""
    with engine.connect() as connection:
        held = {
            row[0]
            for row in connection.execute(
                text(
                    "SELECT objid FROM pg_locks WHERE locktype = 'advisory' AND classid = :post AND granted "
                    "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
                ),
                {"post": POST},
            )
        }
        rows = connection.execute(text("SELECT stage, run_id, pid, host, since FROM duty"))
        return {row.stage: OnDuty(*row) for row in rows if _key(row.stage) in held}


def register_worker(listener: Listener) -> int:
    """A number for this worker, and a lock that proves it lives; deliveries it claimed carry the number."""
    found = listener.connection.execute(
        "SELECT nextval('delivery_worker_number')",
    ).fetchone()
    assert found is not None
    number = int(found[0])
    listener.connection.execute("SELECT pg_advisory_lock(%s, %s)", (WORKER, number))
    return number


def live_workers(engine: Engine) -> set[int]:
    """The numbers of the workers that live this moment."""
    with engine.connect() as connection:
        found = connection.execute(
            text(
                "SELECT objid FROM pg_locks WHERE locktype = 'advisory' AND classid = :worker AND granted "
                "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
            ),
            {"worker": WORKER},
        )
        return {int(row[0]) for row in found}


def _try(connection: psycopg.Connection, lock: int, key: int) -> bool:
    found = connection.execute("SELECT pg_try_advisory_lock(%s, %s)", (lock, key)).fetchone()
    return bool(found and found[0])


def _key(stage: str) -> int:
    return zlib.crc32(stage.encode()) & 0x7FFFFFFF
