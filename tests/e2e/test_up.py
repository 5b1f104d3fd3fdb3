"""`up` with real servers: PostgreSQL, Prefect, a worker, flow runs; killed in every way that they can be.

The flows are small ones of this test: four that hold a stage's lock for a shift, one that works long, one that waits
suspended. The gateway is a bare ASGI application.
"""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
import requests

ROOT = Path(__file__).resolve().parents[2]
STAGES = ("intake", "respond", "deliver", "watch")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(420)]

FLOWS = """
import os, time
import psycopg
from prefect import flow, suspend_flow_run

STAGES = ("intake", "respond", "deliver", "watch")

def shift(stage):
    url = os.environ["TANGGAP_DATABASE_URL"].replace("+psycopg", "")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(7, %s)", (STAGES.index(stage),))
        end = time.monotonic() + 900
        while time.monotonic() < end:
            asked = "SELECT count(*) FROM pg_locks WHERE classid = 7 AND objid = %s AND NOT granted"
            if connection.execute(asked, (STAGES.index(stage),)).fetchone()[0]:
                break
            time.sleep(0.3)

@flow
def intake(): shift("intake")
@flow
def respond(): shift("respond")
@flow
def deliver(): shift("deliver")
@flow
def watch(): shift("watch")

@flow
def long():
    time.sleep(600)

@flow
def waits():
    suspend_flow_run(timeout=None)
"""

GATEWAY = """
async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"].endswith("shutdown"):
                return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})

def create_app():
    return app
"""

UP = """
import sys
from pathlib import Path
import psycopg
from desk.errors import HouseError
from desk.settings import Settings
from desk.up.house import Plan, up

home, prefect_port, gateway_port, here, gateway = sys.argv[1:]

def on_duty(url):
    stages = ("intake", "respond", "deliver", "watch")
    def ask():
        with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
            found = connection.execute("SELECT objid FROM pg_locks WHERE classid = 7 AND granted").fetchall()
        return {stages[number] for (number,) in found}
    return ask

settings = Settings(_env_file=None, home=home, prefect_port=prefect_port, gateway_port=gateway_port)
plan = Plan(
    on_duty=on_duty,
    gateway=("-m", "uvicorn", "trial_gateway:" + gateway, "--factory", "--log-level", "warning"),
    deployments=Path(here) / "prefect.yaml",
    environment={"PYTHONPATH": here},
    say=lambda words: print(words, flush=True),
)
try:
    up(settings, plan, ready=lambda house: print("READY", flush=True))
except HouseError as error:
    print(error, file=sys.stderr)
    sys.exit(1)
"""


def free_port() -> int:
    with closing(socket.socket()) as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def eventually(what: Callable[[], object], seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until, "it did not come to be in time"
        time.sleep(0.2)


@dataclass
class Trial:
    """A home, its ports, and the command that brings it up."""

    home: Path
    here: Path
    prefect_port: int
    gateway_port: int

    def command(self, gateway: str = "create_app") -> list[str]:
        ports = (str(self.prefect_port), str(self.gateway_port))
        return [sys.executable, "-c", UP, str(self.home), *ports, str(self.here), gateway]

    def start(self, gateway: str = "create_app") -> subprocess.Popen[str]:
        with (self.here / "out").open("w") as out:
            process = subprocess.Popen(
                self.command(gateway), cwd=ROOT, stdout=out, stderr=out, text=True, start_new_session=True
            )
        return process

    def said(self) -> str:
        return (self.here / "out").read_text()

    def until_ready(self, process: subprocess.Popen[str]) -> None:
        def ready() -> bool:
            assert process.poll() is None, self.said()
            return "READY" in self.said()

        eventually(ready, 150)

    def processes(self) -> list[psutil.Process]:
        """All that runs for this home, by command line or environment."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.status() == psutil.STATUS_ZOMBIE or process.pid == os.getpid():
                    continue
                words = process.cmdline()
                if any(str(self.home) in word for word in words) or (
                    process.environ().get("TANGGAP_HOME") == str(self.home)
                ):
                    found.append(process)
        return found

    def ask(self, path: str, **said: object) -> list[dict[str, object]]:
        answer = requests.post(f"http://127.0.0.1:{self.prefect_port}/api{path}", json=said, timeout=30)
        answer.raise_for_status()
        found: list[dict[str, object]] = answer.json()
        return found

    def deployment(self, name: str) -> str:
        return next(str(one["id"]) for one in self.ask("/deployments/filter") if one["name"] == name)

    def runs(self, name: str, *states: str) -> list[dict[str, object]]:
        return self.ask(
            "/flow_runs/filter",
            flow_runs={
                "deployment_id": {"any_": [self.deployment(name)]},
                "state": {"type": {"any_": list(states)}},
            },
        )

    def begin(self, name: str) -> str:
        url = f"http://127.0.0.1:{self.prefect_port}/api/deployments/{self.deployment(name)}/create_flow_run"
        return str(requests.post(url, json={"state": {"type": "SCHEDULED"}}, timeout=30).json()["id"])

    def state(self, run_id: str) -> str:
        url = f"http://127.0.0.1:{self.prefect_port}/api/flow_runs/{run_id}"
        return str(requests.get(url, timeout=30).json()["state_type"])

    def all_on_duty(self) -> bool:
        return all(len(self.runs(stage, "RUNNING")) == 1 for stage in STAGES)

    def child(self, name: str) -> psutil.Process:
        pid = int((self.home / "run" / f"{name}.pid").read_text().strip("[]").split(",")[0])
        return psutil.Process(pid)


def trial_at(here: Path) -> Trial:
    (here / "trial_flows.py").write_text(FLOWS)
    (here / "trial_gateway.py").write_text(GATEWAY)
    pool = "work_pool: {name: tanggap, job_variables: {command: python -m desk.up.leash prefect.engine}}"
    lines = ["name: trial", "pull: null", "deployments:"]
    for stage in STAGES:
        lines += [f"  - name: {stage}", f"    entrypoint: trial_flows.{stage}", f"    {pool}"]
        lines += ["    schedules: [{slug: shift, interval: 900}]"]
    for other in ("long", "waits"):
        lines += [f"  - name: {other}", f"    entrypoint: trial_flows.{other}", f"    {pool}"]
    (here / "prefect.yaml").write_text("\n".join(lines) + "\n")
    return Trial(here / "home", here, free_port(), free_port())


def end(process: subprocess.Popen[str], trial: Trial) -> None:
    if process.poll() is None:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(40)
    for left in trial.processes():
        with suppress(psutil.Error):
            left.kill()
    process.wait()


@contextmanager
def a_directory() -> Iterator[Path]:
    """Not under pytest's own directories: root's database server could not reach them."""
    with tempfile.TemporaryDirectory(prefix="tanggap-", dir="/tmp", ignore_cleanup_errors=True) as directory:
        Path(directory).chmod(0o711)
        yield Path(directory).resolve()


@pytest.fixture(scope="module")
def house() -> Iterator[tuple[Trial, subprocess.Popen[str]]]:
    """One house for the tests that leave it standing."""
    with a_directory() as here:
        yield from standing_house(trial_at(here))


def standing_house(trial: Trial) -> Iterator[tuple[Trial, subprocess.Popen[str]]]:
    process = trial.start()
    try:
        trial.until_ready(process)
        yield trial, process
    finally:
        end(process, trial)


@pytest.fixture
def trial() -> Iterator[Trial]:
    with a_directory() as here:
        yield trial_at(here)


def test_every_stage_is_on_duty_within_seconds(house: tuple[Trial, subprocess.Popen[str]]) -> None:
    trial, _ = house

    eventually(trial.all_on_duty, 30)


def test_the_ui_is_served_and_talks_to_its_own_server(house: tuple[Trial, subprocess.Popen[str]]) -> None:
    trial, _ = house
    address = f"http://127.0.0.1:{trial.prefect_port}"

    page = requests.get(address, timeout=30)
    settings = requests.get(f"{address}/ui-settings", timeout=30)

    assert "Prefect" in page.text
    assert settings.json()["api_url"] == f"{address}/api"


def test_each_stage_has_its_next_shift_scheduled(house: tuple[Trial, subprocess.Popen[str]]) -> None:
    trial, _ = house

    eventually(lambda: all(trial.runs(stage, "SCHEDULED") for stage in STAGES), 90)


def test_a_second_up_on_the_same_home_says_so_with_the_pid(house: tuple[Trial, subprocess.Popen[str]]) -> None:
    trial, process = house

    second = subprocess.run(trial.command(), cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)

    assert second.returncode == 1
    assert f"already up in {trial.home} (pid {process.pid})" in second.stderr
    assert requests.get(f"http://127.0.0.1:{trial.prefect_port}/api/health", timeout=10).ok


def test_a_port_in_use_is_named_with_who_has_it(house: tuple[Trial, subprocess.Popen[str]], trial: Trial) -> None:
    other, (trial, _) = trial, house
    other.prefect_port = trial.prefect_port

    refused = subprocess.run(other.command(), cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)

    assert refused.returncode == 1
    port = trial.prefect_port
    pid = trial.child("server").pid
    assert f"Port {port} is in use (pid {pid}, prefect). Stop it, or start with --prefect-port {port + 10}." in (
        refused.stderr
    )


def test_a_run_that_is_killed_is_crashed_and_replaced_within_seconds(
    house: tuple[Trial, subprocess.Popen[str]],
) -> None:
    trial, _ = house
    eventually(trial.all_on_duty, 60)
    (running,) = trial.runs("respond", "RUNNING")

    psutil.Process(int(str(running["infrastructure_pid"]))).kill()

    eventually(lambda: trial.state(str(running["id"])) == "CRASHED", 20)
    eventually(trial.all_on_duty, 30)


def test_a_worker_that_is_killed_takes_its_runs_along_and_comes_back_with_them(
    house: tuple[Trial, subprocess.Popen[str]],
) -> None:
    trial, _ = house
    eventually(trial.all_on_duty, 60)
    long = trial.begin("long")
    eventually(lambda: trial.state(long) == "RUNNING", 30)
    before = {str(run["id"]) for stage in STAGES for run in trial.runs(stage, "RUNNING")}

    trial.child("worker").kill()

    eventually(lambda: all(trial.state(run) == "CRASHED" for run in before), 30)
    eventually(trial.all_on_duty, 60)
    eventually(lambda: trial.state(long) == "RUNNING", 60)
    assert before.isdisjoint(str(run["id"]) for stage in STAGES for run in trial.runs(stage, "RUNNING"))


def test_a_database_that_is_killed_comes_back(house: tuple[Trial, subprocess.Popen[str]]) -> None:
    trial, _ = house
    pid = int((trial.home / "postgres" / "postmaster.pid").read_text().split("\n", 1)[0])

    psutil.Process(pid).kill()

    def answers() -> bool:
        with suppress(requests.RequestException):
            return len(trial.ask("/deployments/filter")) == 6
        return False

    eventually(answers, 60)
    eventually(trial.all_on_duty, 90)


def test_sigterm_ends_everything_with_exit_code_0(house: tuple[Trial, subprocess.Popen[str]]) -> None:
    trial, process = house
    assert len(trial.processes()) > 8

    process.send_signal(signal.SIGTERM)

    assert process.wait(40) == 0
    assert trial.processes() == []


def test_after_everything_was_killed_the_next_up_goes_on(trial: Trial) -> None:
    first = trial.start()
    try:
        trial.until_ready(first)
        waiting, long = trial.begin("waits"), trial.begin("long")
        eventually(lambda: trial.state(waiting) == "PAUSED" and trial.state(long) == "RUNNING", 60)
        eventually(trial.all_on_duty, 60)
        before = [str(run["id"]) for stage in STAGES for run in trial.runs(stage, "RUNNING")]
        for process in trial.processes():
            with suppress(psutil.NoSuchProcess):
                process.kill()
        first.wait()

        second = trial.start()
        try:
            trial.until_ready(second)
            eventually(trial.all_on_duty, 60)
            states = {trial.state(run) for run in before}
            waits_still = trial.state(waiting)
            eventually(lambda: trial.state(long) == "RUNNING", 30)
        finally:
            end(second, trial)
    finally:
        end(first, trial)

    assert states == {"CRASHED"}
    assert waits_still == "PAUSED"


def test_up_killed_alone_leaves_nothing_but_the_database_for_long(trial: Trial) -> None:
    process = trial.start()
    try:
        trial.until_ready(process)

        process.kill()
        process.wait()

        def only_postgres() -> bool:
            return all(left.name().startswith("postgres") for left in trial.processes())

        eventually(only_postgres, 30)
    finally:
        end(process, trial)


def test_a_child_that_keeps_dying_ends_up_with_the_reason(trial: Trial) -> None:
    process = trial.start(gateway="no_such_function")
    try:
        assert process.wait(120) == 1
    finally:
        end(process, trial)

    assert "gateway died 5 times within 60 seconds" in trial.said()
    assert "no_such_function" in trial.said()
    assert trial.processes() == []
