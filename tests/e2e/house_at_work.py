"""A whole desk at work for a test: database, Prefect server, worker, flow runs, gateway, and a platform to answer on."""

import random
import socket
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import requests
from counting_platform import Platform, channels_with, platform
from sqlalchemy import select
from sqlmodel import col

from db import trail
from db.complaints import find
from db.session import make_engine
from db.tables import Complaint, Delivery, Review, Round
from db.words import Gate, Verdict, Visibility
from desk.opening import assemble, read_policy
from desk.settings import Settings
from desk.up.engine import Engine
from desk.up.house import House, standing
from desk.up.staff import plan_for_the_desk
from integrations.channels.base import Certainty
from integrations.record import Author, Incoming
from tasks.decide import Decided, Decision, decide_gate
from tasks.desk import Desk
from tasks.record import record

SECRET = "TANGGAP_WEBHOOK_SECRET"
PEOPLE = {Gate.CS: "cs-nia", Gate.PR: "pr-sari", Gate.LEGAL: "legal-tono", Gate.EXECUTIVE: "exec-hadi"}


@dataclass
class AtWork:
    """The running house, a desk on its database, and what a test asks of both."""

    house: House
    desk: Desk
    platform: Platform
    settings: Settings

    @property
    def server(self) -> Engine:
        return self.house.engine

    def stage(self, name: str) -> str:
        return self.server.deployments()[name]

    # Prefect's side

    def ask(self, path: str, **said: Any) -> Any:
        answer = requests.post(f"{self.settings.prefect_api_url}{path}", json=said, timeout=60)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def runs(self, name: str) -> list[dict[str, Any]]:
        """Every run of a deployment, the oldest first, as the server tells it."""
        deployment = {"deployment_id": {"any_": [self.stage(name)]}}
        return self.ask("/flow_runs/filter", flow_runs=deployment, sort="EXPECTED_START_TIME_ASC", limit=200)

    def run(self, run_id: str) -> dict[str, Any]:
        answer = requests.get(f"{self.settings.prefect_api_url}/flow_runs/{run_id}", timeout=60)
        answer.raise_for_status()
        return answer.json()

    def states(self, run_id: str) -> list[str]:
        """Through which states a run has gone."""
        address = f"{self.settings.prefect_api_url}/flow_run_states/"
        answer = requests.get(address, params={"flow_run_id": run_id}, timeout=60)
        answer.raise_for_status()
        return [state["name"] for state in answer.json()]

    def is_suspended(self, run_id: str | None) -> bool:
        return run_id is not None and self.run(run_id)["state_type"] == "PAUSED"

    # The desk's side

    def complains(self, text: str) -> str:
        """Somebody complains on the platform; the reference."""
        number = uuid4().hex[:8]
        item = Incoming(
            channel="webhook",
            external_id=f"e-{number}",
            text=text,
            posted_at=datetime.now(UTC),
            visibility=Visibility.PUBLIC,
            raw=text.encode(),
            place="test",
            author=Author(id=f"u-{number}", handle=f"u{number}", name=None),
        )
        return f"TG-{record(self.desk, [item], source='test').complaints[0]}"

    def complaint(self, reference: str) -> Complaint:
        with self.desk.transaction() as session:
            return find(session, reference)

    def round_of(self, reference: str) -> Round | None:
        """The newest round."""
        with self.desk.transaction() as session:
            number = find(session, reference).id
            query = select(Round).where(col(Round.complaint_id) == number).order_by(col(Round.id).desc()).limit(1)
            return session.execute(query).scalar_one_or_none()

    def run_of(self, reference: str) -> str | None:
        """The run that carries its newest round."""
        round_ = self.round_of(reference)
        return round_.run_id if round_ else None

    def reviews(self, reference: str) -> list[Review]:
        round_ = self.round_of(reference)
        if round_ is None:
            return []
        with self.desk.transaction() as session:
            return list(session.execute(select(Review).where(col(Review.round_id) == round_.id)).scalars())

    def decides(self, reference: str, gate: Gate, verdict: Verdict = Verdict.APPROVE, note: str = "") -> Decided:
        return decide_gate(self.desk, reference, gate, Decision(trail.Author(PEOPLE[gate]), verdict, note))

    def approve(self, reference: str) -> None:
        for review in self.reviews(reference):
            self.decides(reference, review.gate)

    def deliveries(self, reference: str, kind: str) -> list[Delivery]:
        with self.desk.transaction() as session:
            query = select(Delivery).where(col(Delivery.complaint_id) == find(session, reference).id)
            return list(session.execute(query.where(col(Delivery.kind) == kind)).scalars())

    def replies(self, reference: str) -> list[str]:
        """The answers that stand on the platform."""
        return [post.text for post in self.platform.posts if post.key.startswith(f"{reference}:reply:")]


@contextmanager
def at_work(
    shift_seconds: float = 900,
    certainty: Certainty = Certainty.IDEMPOTENT,
    *,
    rules: Mapping[str, str] | None = None,
    **settings_too: Any,
) -> Iterator[AtWork]:
    """Bring the house up in a home of its own, and down again; `rules` are files of policy in place of the shipped."""
    # Not under pytest's own directories: root's database server could not reach them.
    with platform(certainty) as there, tempfile.TemporaryDirectory(prefix="tanggap-", dir="/tmp") as directory:
        Path(directory).chmod(0o711)
        overlay = Path(directory) / "overlay"
        overlay.mkdir()
        for name, written in {"channels.yaml": channels_with(there.url, certainty), **(rules or {})}.items():
            (overlay / name).write_text(written, encoding="utf-8")
        given = {
            "home": Path(directory) / "home",
            "policy_overlay": overlay,
            "prefect_port": free_port(4400),
            "gateway_port": free_port(8700),
            "shift_seconds": shift_seconds,
        }
        settings = Settings(_env_file=None, **(given | settings_too))
        with secret_is_set(), standing(settings, plan_for_the_desk(lambda words: None)) as house:
            assert house.database is not None
            engine = make_engine(house.database.url)
            try:
                yield AtWork(house, assemble(settings, engine, read_policy(settings)), there, settings)
            finally:
                engine.dispose()


@contextmanager
def secret_is_set() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(SECRET, "rahasia")
        yield


def free_port(first: int) -> int:
    """One of the hundred ports from there on."""
    for port in random.sample(range(first, first + 100), 100):
        with closing(socket.socket()) as tried:
            try:
                tried.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError(f"all ports from {first} are taken")


def eventually(what: Callable[[], Any], seconds: float = 240, every: float = 0.5) -> Any:
    """What it gives as soon as it gives something; the machine may be busy with other things."""
    until = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < until, "it did not come to be in time"
        time.sleep(every)
    return found
