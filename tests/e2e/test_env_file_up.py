"""`tanggap up` where a `.env` stands: its gateway and its flow runs have the channels' secrets, and nobody tells them."""

import hashlib
import hmac
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest
import requests
import yaml
from counting_platform import Platform, channels_with, platform
from house_at_work import eventually, free_port
from sqlalchemy import create_engine, text

from desk.postgres import database
from desk.settings import Settings
from integrations.channels.base import Certainty

ROOT = Path(__file__).resolve().parents[2]
KEY = "kunci-bersama-yang-rahasia"
NAMED = "FORUM_KEY"
"""A name of the account's own: no setting of the desk's begins so."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@dataclass
class Running:
    """The command in its directory."""

    here: Path
    process: subprocess.Popen[bytes]
    platform: Platform
    gateway_port: int
    prefect_port: int

    def said(self) -> bytes:
        return (self.here / "out").read_bytes()

    def calls(self, words: str, key: str = KEY) -> int:
        """The other system calls, signed; what it is answered."""
        now = datetime.now(UTC)
        body = json.dumps({"external_id": "t-1", "text": words, "posted_at": now.isoformat()}).encode()
        stamp = str(int(time.time()))
        signed = hmac.new(key.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
        headers = {"X-Tanggap-Timestamp": stamp, "X-Tanggap-Signature": f"sha256={signed}"}
        address = f"http://127.0.0.1:{self.gateway_port}/in/webhook"
        return requests.post(address, data=body, headers=headers, timeout=60).status_code

    def is_up(self) -> bool:
        assert self.process.poll() is None, self.said().decode()
        return b"The desk is up" in self.said()


@contextmanager
def up_in(here: Path, there: Platform) -> Iterator[Running]:
    """Start the command there, as a person would, and end it as a service manager would."""
    prefect_port, gateway_port = free_port(4500), free_port(8800)
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("TANGGAP_")}
    words = ["up", "--prefect-port", str(prefect_port), "--gateway-port", str(gateway_port)]
    with (here / "out").open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "desk.cli", *words],
            cwd=here,
            env=inherited | {"PYTHONPATH": str(ROOT)},
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    try:
        yield Running(here, process, there, gateway_port, prefect_port)
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(90)
        for left in psutil.process_iter():
            with suppress(psutil.Error):
                if left.environ().get("TANGGAP_HOME") == str(here / "home"):
                    left.kill()
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    # Not under pytest's own directories: root's database server could not reach them.
    with platform(Certainty.IDEMPOTENT) as there, tempfile.TemporaryDirectory(prefix="tanggap-", dir="/tmp") as made:
        here = Path(made).resolve()
        here.chmod(0o711)
        rules = yaml.safe_load(channels_with(there.url, Certainty.IDEMPOTENT))
        rules["channels"]["webhook"]["accounts"]["default"]["secret_env"] = NAMED
        (here / "overlay").mkdir()
        (here / "overlay" / "channels.yaml").write_text(yaml.safe_dump(rules), encoding="utf-8")
        written = f"TANGGAP_HOME=home\nTANGGAP_POLICY_OVERLAY=overlay\nTANGGAP_MODEL=off\n{NAMED}={KEY}\n"
        (here / ".env").write_text(written, encoding="utf-8")
        with up_in(here, there) as up:
            eventually(up.is_up, 300)
            yield up


def test_the_gateway_believes_who_signs_with_the_secret_of_the_file(running: Running) -> None:
    assert running.calls("Paket saya belum sampai, tolong dicek", key="tebakan") == 401
    assert running.calls("Paket saya belum sampai, tolong dicek") == 202


def test_a_flow_run_answers_with_it(running: Running) -> None:
    running.calls("Paket saya belum sampai, tolong dicek")

    (first, *_) = eventually(lambda: running.platform.posts)

    assert ":acknowledgement:" in first.key


def test_no_log_and_no_table_tells_it(running: Running) -> None:
    running.calls("Paket saya belum sampai, tolong dicek")
    eventually(lambda: running.platform.posts)

    assert KEY.encode() not in running.said()
    logs = list((running.here / "home" / "logs").iterdir())
    assert logs
    assert [log.name for log in logs if KEY.encode() in log.read_bytes()] == []
    with database(Settings(home=running.here / "home", _env_file=None)) as found:
        assert [place for url in (found.url, found.prefect_url) for place in tables_with(url, KEY)] == []


def tables_with(url: str, word: str) -> list[str]:
    """The tables in which a word stands, whatever the column."""
    engine = create_engine(url.replace("+asyncpg", "+psycopg"))
    try:
        with engine.connect() as connection:
            names = connection.execute(
                text("SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
            ).scalars()
            return [
                name
                for name in list(names)
                if connection.execute(
                    text(f"SELECT 1 FROM {name} AS one WHERE strpos(to_jsonb(one)::text, :word) > 0 LIMIT 1"),
                    {"word": word},
                ).first()
            ]
    finally:
        engine.dispose()
