"""Where the benches run: a PostgreSQL of their own, fresh databases, a bare Prefect server."""

import os
import random
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import requests

from db import migrate
from desk.postgres import Database, database, scratch_database
from desk.settings import Settings

PREFECT_PORTS = range(4400, 4500)
OTHER_PORTS = range(8700, 8800)


@contextmanager
def own_home() -> Iterator[Path]:
    """A directory that is gone afterwards; not one that root's database server could not reach."""
    with tempfile.TemporaryDirectory(prefix="tanggap-bench-", ignore_cleanup_errors=True) as directory:
        Path(directory).chmod(0o711)
        yield Path(directory).resolve()


@contextmanager
def own_postgres(home: Path) -> Iterator[Database]:
    """The embedded database under this home, whatever the environment names."""
    with database(Settings(_env_file=None, home=home, database_url=None)) as found:
        yield found


@contextmanager
def fresh_database(postgres: Database) -> Iterator[str]:
    """A migrated database with nothing in it; its URL."""
    with scratch_database(postgres) as url:
        migrate.upgrade(url)
        yield url


def free_port(among: range) -> int:
    """A port of these that nobody listens on."""
    for port in random.sample(among, len(among)):
        with closing(socket.socket()) as tried:
            try:
                tried.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError(f"all ports from {among.start} to {among.stop - 1} are taken")


@contextmanager
def prefect_server(postgres: Database, home: Path) -> Iterator[str]:
    """A Prefect server on PostgreSQL, as `tanggap up` runs it; the URL of its API."""
    port = free_port(PREFECT_PORTS)
    url = f"http://127.0.0.1:{port}/api"
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")},
        "PREFECT_HOME": str(home / "prefect"),
        "PREFECT_API_URL": url,
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": postgres.prefect_url,
        "PREFECT_SERVER_DATABASE_SQLALCHEMY_POOL_SIZE": "10",
        "PREFECT_SERVER_DATABASE_SQLALCHEMY_MAX_OVERFLOW": "30",
        "PREFECT_SERVER_UI_ENABLED": "false",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_LOGGING_LEVEL": "WARNING",
        "DO_NOT_TRACK": "1",
    }
    words = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    with (home / "server.log").open("wb") as written:
        process = subprocess.Popen(words, env=environment, stdout=written, stderr=written, cwd=home)
    try:
        _until_healthy(url, process, home / "server.log")
        yield url
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _until_healthy(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + 180
    while time.monotonic() < until:
        if process.poll() is not None:
            break
        try:
            if requests.get(f"{url}/health", timeout=2).ok:
                return
        except requests.RequestException:
            time.sleep(0.2)
    raise SystemExit(f"The Prefect server did not start. Its last words:\n{log.read_text()[-2000:]}")
