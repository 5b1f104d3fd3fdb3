"""The one module that knows where the database is: the desk's own, or the one that TANGGAP_DATABASE_URL names.

Two lock files in TANGGAP_HOME keep commands apart. `postgres.lock` is held, exclusively, while somebody starts or stops
the desk's own server. `postgres.users` is held, shared, by everybody who uses it; whoever leaves and finds that nobody
else holds it stops the server. The kernel lets go of both when their process dies, however it dies.
"""

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from desk.embedded import DATABASE, PREFECT_DATABASE, EmbeddedServer
from desk.errors import HouseError, explained
from desk.settings import Settings

__all__ = ["Database", "HouseError", "database", "database_exists", "make_home", "revive", "scratch_database"]

OLDEST_POSTGRES = 14


@dataclass(frozen=True)
class Database:
    """Where the desk's database is.

    `url` is for SQLAlchemy with psycopg, `prefect_url` for the Prefect server (asyncpg); both may hold a password.
    `embedded` says whether it is the desk's own, and `directory` where that one's data lie.
    """

    url: str
    prefect_url: str
    embedded: bool
    directory: Path | None


@contextmanager
def database(settings: Settings) -> Iterator[Database]:
    """The desk's database, reachable for as long as the context lasts.

    The embedded one is made and started where needed, joined where it runs, and stopped by its last user.

    Raises:
        HouseError: it cannot be made, started or reached.
    """
    if settings.database_url is not None:
        yield _named(settings)
        return
    make_home(settings.home)
    with _held(settings.home / "postgres.users") as users:
        try:
            with _sole(settings.home):
                fcntl.flock(users, fcntl.LOCK_SH)
                server = EmbeddedServer.at(settings.home)
                server.run()
                _make_databases(server)
            yield _own(settings, server)
        finally:
            with _sole(settings.home):
                if _is_last(users):
                    EmbeddedServer.at(settings.home).stop()


def revive(settings: Settings) -> bool:
    """Start the embedded server again if it died under those who use it; whether that was needed.

    Raises:
        HouseError: it does not start.
    """
    if settings.database_url is not None:
        return False
    with _sole(settings.home):
        server = EmbeddedServer.at(settings.home)
        if server.process() is not None:
            return False
        server.run()
        return True


def database_exists(url: str) -> bool:
    """Whether the server of this URL has this database.

    Raises:
        HouseError: the server cannot be reached.
    """
    asked = make_url(url)
    query = {("sslmode" if name == "ssl" else name): value for name, value in asked.query.items()}
    asked = asked.set(drivername="postgresql+psycopg", query=query)
    try:
        with _connect(asked):
            return True
    except HouseError as error:
        if isinstance(error.__cause__, psycopg.OperationalError) and "does not exist" in str(error.__cause__):
            return False
        raise


@contextmanager
def scratch_database(database: Database, *, template: str | None = None) -> Iterator[str]:
    """A database of a random name beside the desk's, for a replay or a test, dropped at the end; its URL.

    `template` names a database to copy, which nobody may be connected to.

    Raises:
        HouseError: the server does not let us make one.
    """
    url = make_url(database.url)
    name = f"scratch_{secrets.token_hex(6)}"
    create = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
        sql.Identifier(name), sql.Identifier(template or "template0")
    )
    drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
    try:
        with _connect(url) as connection:
            connection.execute(create)
    except psycopg.errors.InsufficientPrivilege:
        raise HouseError(
            f"{_place(url)} does not let {url.username} make a database to try things in. "
            f"Allow it (ALTER ROLE {url.username} CREATEDB), or unset TANGGAP_DATABASE_URL for this command."
        ) from None
    try:
        yield _text(url.set(database=name))
    finally:
        with _connect(url) as connection:
            connection.execute(drop)


# The database that TANGGAP_DATABASE_URL names


def _named(settings: Settings) -> Database:
    assert settings.database_url is not None
    url = _parsed(settings.database_url.get_secret_value(), "TANGGAP_DATABASE_URL")
    if url.database is None:
        url = url.set(database=url.username or DATABASE)
    with _connect(url) as connection:
        version = connection.info.server_version // 10_000
    if version < OLDEST_POSTGRES:
        raise HouseError(
            f"{_place(url)} runs PostgreSQL {version}; the desk needs {OLDEST_POSTGRES} or newer. "
            "Upgrade it, or unset TANGGAP_DATABASE_URL to use the desk's own."
        )
    return Database(url=_text(url), prefect_url=_prefect_url(settings, url), embedded=False, directory=None)


def _parsed(text: str, setting: str) -> URL:
    try:
        url = make_url(text)
        if not url.drivername.startswith(("postgres", "postgresql")):
            raise ArgumentError("no PostgreSQL address")
    except (ArgumentError, ValueError):
        raise HouseError(
            f"{setting} cannot be read as an address. "
            "Write it as postgresql://USER:PASSWORD@HOST:5432/DATABASE, with special characters as %XX."
        ) from None
    return url.set(drivername="postgresql+psycopg")


def _prefect_url(settings: Settings, url: URL) -> str:
    """Where Prefect's server keeps its tables, in the words of asyncpg, which knows `ssl` for `sslmode`."""
    if settings.prefect_database_url is not None:
        given = settings.prefect_database_url.get_secret_value()
        if given.startswith("postgresql+asyncpg:"):
            return given
        url = _parsed(given, "TANGGAP_PREFECT_DATABASE_URL")
    else:
        url = url.set(database=PREFECT_DATABASE)
    known = {"host", "port", "ssl"}
    query = {("ssl" if name == "sslmode" else name): value for name, value in url.query.items()}
    return _text(
        url.set(drivername="postgresql+asyncpg", query={name: value for name, value in query.items() if name in known})
    )


def _text(url: URL) -> str:
    return url.render_as_string(hide_password=False)


def _place(url: URL) -> str:
    """The server as a person may see it, without the password."""
    host = url.host or url.query.get("host") or "the local socket"
    return f"The PostgreSQL at {host}{f':{url.port}' if url.port else ''} (database {url.database})"


@contextmanager
def _connect(url: URL) -> Iterator[psycopg.Connection]:
    try:
        connection = psycopg.connect(
            _text(url.set(drivername="postgresql")), autocommit=True, connect_timeout=5, application_name="tanggap"
        )
    except psycopg.OperationalError as error:
        # libpq says the reason first, then how to mend a server on the same machine.
        reason = str(error).strip().split("\n", 1)[0].rsplit(" failed: ", 1)[-1].rstrip(".")
        raise HouseError(
            f"{_place(url)} cannot be reached: {reason}. Start it, or correct TANGGAP_DATABASE_URL."
        ) from error
    with connection:
        yield connection


# The desk's own


def _own(settings: Settings, server: EmbeddedServer) -> Database:
    url = _server_url(server, DATABASE)
    return Database(url=_text(url), prefect_url=_prefect_url(settings, url), embedded=True, directory=server.data)


def _server_url(server: EmbeddedServer, name: str) -> URL:
    return URL.create(
        "postgresql+psycopg", username=server.role, database=name, query={"host": str(server.socket_directory())}
    )


def _make_databases(server: EmbeddedServer) -> None:
    with _connect(_server_url(server, "postgres")) as connection:
        there = {name for (name,) in connection.execute("SELECT datname FROM pg_database")}
        for name in (DATABASE, PREFECT_DATABASE):
            if name not in there:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))


# The locks and the home


def make_home(home: Path) -> None:
    """Make TANGGAP_HOME, private; root's may be walked through, since root's server runs as somebody else."""
    with explained(home):
        with suppress(FileExistsError):
            home.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, parents=True)
        if not home.is_dir():
            raise HouseError(f"{home} is a file, and a directory is needed there. Set TANGGAP_HOME to a directory.")
        (home / "logs").mkdir(mode=0o700, exist_ok=True)


@contextmanager
def _held(path: Path) -> Iterator[int]:
    """An open lock file. Closing it lets go; a child process does not inherit it."""
    with explained(path.parent):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def _sole(home: Path) -> Iterator[None]:
    """Nobody else starts or stops the server meanwhile."""
    with _held(home / "postgres.lock") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _is_last(users: int) -> bool:
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
