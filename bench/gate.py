"""How long from a decision to the text at a real HTTP receiver, and what an idle desk costs.

    uv run python -m bench.gate [--decisions 200] [--bare 10] [--web 24] [--json FILE]
    uv run python -m bench.gate --idle-minutes 32 [--shift-seconds 900] [--json FILE]

A whole desk runs in a home of its own: PostgreSQL, Prefect's server, worker, flow runs, gateway. The first form decides
once a second, every tenth time on a round with a suspended run; resumes, on the same server, a bare Prefect flow that
suspended itself; and sends complaints through the web form until their acknowledgements stand on the tracking pages.
The second leaves the desk alone and adds up the CPU time of its processes. README.md says what the figures mean.
"""

import argparse
import html
import json
import os
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import UUID

import psutil
import requests
import yaml
from requests.adapters import HTTPAdapter
from sqlalchemy import select
from sqlmodel import col

from bench import machine
from bench.grounds import OTHER_PORTS, PREFECT_PORTS, free_port, own_home
from db import trail
from db.duty import on_duty
from db.session import make_engine
from db.tables import Review, ReviewState, Round, RoundState
from db.words import Gate, Verdict, Visibility
from desk.opening import assemble, read_policy
from desk.settings import Settings
from desk.up.house import House, standing
from desk.up.staff import plan_for_the_desk
from integrations.record import Author, Incoming
from policy.loading import SHIPPED
from tasks.decide import Decision, decide
from tasks.desk import Desk
from tasks.record import record

SECRET = "TANGGAP_WEBHOOK_SECRET"
DECIDERS = {Gate.CS: "cs-nia", Gate.PR: "pr-sari", Gate.LEGAL: "legal-dewi", Gate.EXECUTIVE: "exec-hadi"}
ESCALATED_EVERY = 10
FOLLOWERS = 150_000
"""Whoever has so many is answered past PR, under the shipped policy."""
STAMP = re.compile(r'name="stamp" value="([^"]*)"')
TOKEN = re.compile(r"/t/([A-Za-z0-9_-]+)")
OURS = '<li class="ours">'
"""How a text of ours stands on the private page."""
FORM_OPEN = 2.2
"""Seconds between opening the form and sending it: whoever is quicker counts as a machine."""
PER_ADDRESS = 4
"""Complaints from one address: the gateway takes five in ten minutes."""
SETTLE = 20.0
"""Seconds for the desk to come to rest before the clock starts."""

MEDIAN, P99, WEB_P95, IDLE_SHARE = 0.5, 2.0, 3.0, 5.0


@dataclass
class Arrivals:
    """When the text of each key reached the receiver, by `time.perf_counter`."""

    url: str = ""
    at: dict[str, float] = field(default_factory=dict)
    twice: list[str] = field(default_factory=list)


def main() -> None:
    """Bring the desk up, measure, tell."""
    options = _options()
    facts = machine.facts()
    with own_home() as home, receiver() as arrivals:
        settings = _settings(home, arrivals.url, options.shift_seconds)
        plan = plan_for_the_desk(lambda words: print(f"  {words}", file=sys.stderr))
        # The worker's processes find the bare flow of this directory.
        plan = replace(plan, environment={**plan.environment, "PYTHONPATH": str(Path(__file__).resolve().parents[1])})
        with standing(settings, plan) as house, _desk(house, settings) as desk:
            measure = measure_idle if options.idle_minutes else measure_gate
            told = {"machine": facts, **measure(options, settings, house, desk, arrivals)}
        machine.tell(told, options.json)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--decisions", type=int, default=200, help="one a second")
    parser.add_argument("--bare", type=int, default=10, help="suspensions and resumes of a bare Prefect flow")
    parser.add_argument("--web", type=int, default=24, help="complaints through the web form")
    parser.add_argument("--idle-minutes", type=float, default=0, help="measure an idle desk instead, for so long")
    parser.add_argument("--shift-seconds", type=float, default=900, help="how long a shift lasts")
    parser.add_argument("--json", type=Path, help="write everything there; - for standard output")
    return parser.parse_args()


def measure_gate(
    options: argparse.Namespace, settings: Settings, house: House, desk: Desk, arrivals: Arrivals
) -> dict[str, Any]:
    """Decisions, bare resumes and web complaints, one after the other."""
    found: dict[str, Any] = {}
    goals = []
    if options.decisions:
        found |= decisions(house, desk, arrivals, options.decisions)
        every = found["decision to receiver"]
        goals.append(
            machine.judged("decision to receiver, median s", every["median"], "< 0.5", every["median"] < MEDIAN)
        )
        goals.append(machine.judged("… 99th percentile s", every["p99"], "< 2", every["p99"] < P99))
        goals.append(machine.judged("texts that arrived twice", len(arrivals.twice), "0", not arrivals.twice))
    if options.bare:
        found["bare Prefect, resume to code"] = bare(settings, arrivals, options.bare)
    if options.web:
        found["web complaint to acknowledgement"] = web(settings, options.web)
        p95 = found["web complaint to acknowledgement"]["p95"]
        goals.append(machine.judged("web complaint to acknowledgement, p95 s", p95, "< 3", p95 < WEB_P95))
    names = ("count", "median", "p95", "p99", "longest")
    machine.table("Seconds", ("what", *names), [(what, *(row[name] for name in names)) for what, row in found.items()])
    told: dict[str, Any] = {"seconds": found, "goals": goals}
    if options.bare and options.decisions:
        told["bare / ours"] = round(
            found["bare Prefect, resume to code"]["median"] / found["decision to receiver"]["median"], 1
        )
        print(f"\n  A bare resume takes {told['bare / ours']} times as long as a decision (medians).")
    return told


# The desk and its receiver


@contextmanager
def receiver() -> Iterator[Arrivals]:
    """A real HTTP server that writes down when what came."""
    arrivals = Arrivals()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            arrived = time.perf_counter()
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            key = str(self.headers.get("Idempotency-Key") or body["key"])
            if key in arrivals.at:
                arrivals.twice.append(key)
            arrivals.at.setdefault(key, arrived)
            answer = json.dumps({"platform_id": f"p-{key}"}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    arrivals.url = f"http://127.0.0.1:{server.server_port}/"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield arrivals
    finally:
        server.shutdown()
        server.server_close()


def _settings(home: Path, url: str, shift_seconds: float) -> Settings:
    """A desk whose `webhook` channel posts to the receiver."""
    os.environ[SECRET] = "bench"
    overlay = home / "overlay"
    overlay.mkdir()
    rules = yaml.safe_load((SHIPPED / "channels.yaml").read_text(encoding="utf-8"))
    rules["channels"]["webhook"] |= {"url": url, "certainty": "idempotent"}
    (overlay / "channels.yaml").write_text(yaml.safe_dump(rules), encoding="utf-8")
    return Settings(
        _env_file=None,
        home=home / "home",
        database_url=None,
        policy_dir=None,
        policy_overlay=overlay,
        prefect_port=free_port(PREFECT_PORTS),
        gateway_port=free_port(OTHER_PORTS),
        shift_seconds=shift_seconds,
    )


@contextmanager
def _desk(house: House, settings: Settings) -> Iterator[Desk]:
    assert house.database is not None
    engine = make_engine(house.database.url)
    try:
        yield assemble(settings, engine, read_policy(settings))
    finally:
        engine.dispose()


# From the decision to the receiver


def decisions(house: House, desk: Desk, arrivals: Arrivals, count: int) -> dict[str, dict[str, float]]:
    """Decide once a second; from the call to the arrival, for all and for those with and without a suspended run."""
    print(f"{count} complaints on their way into review", file=sys.stderr)
    complaints = _complaints(desk, count)
    _until(lambda: _rounds(desk, complaints).keys() == set(complaints), 900)
    _until(lambda: _all_asleep(house, desk, complaints), 900)
    time.sleep(SETTLE)
    rounds = _rounds(desk, complaints)
    print(f"{count} decisions, one a second", file=sys.stderr)
    began: dict[int, float] = {}
    start = time.perf_counter()
    for turn, complaint in enumerate(complaints):
        *others, last = rounds[complaint].reviews
        for review in others:
            _approve(desk, review)
        time.sleep(max(0.0, start + turn - time.perf_counter()))
        began[complaint] = time.perf_counter()
        _approve(desk, last)

    def replies() -> dict[int, float]:
        found = {}
        for key, at in list(arrivals.at.items()):
            reference, _, kind = key.partition(":")
            if kind.startswith("reply:"):
                found[int(reference.removeprefix("TG-"))] = at
        return found

    _until(lambda: replies().keys() >= began.keys(), 300)
    arrived = replies()
    took = {complaint: arrived[complaint] - at for complaint, at in began.items()}
    with_run = [seconds for complaint, seconds in took.items() if rounds[complaint].escalated]
    without = [seconds for complaint, seconds in took.items() if not rounds[complaint].escalated]
    return {
        "decision to receiver": machine.spread(list(took.values())),
        **({"… with a suspended run": machine.spread(with_run)} if with_run else {}),
        **({"… rows only": machine.spread(without)} if without else {}),
    }


@dataclass
class _Waiting:
    """An open round: its open reviews and whether a run carries it."""

    escalated: bool
    run_id: str | None
    reviews: list[tuple[int, Gate]]


def _complaints(desk: Desk, count: int) -> list[int]:
    items = [
        Incoming(
            channel="webhook",
            external_id=f"gate-{number}",
            text=f"Paket saya ORD-{90000 + number} belum sampai padahal sudah {3 + number % 9} hari, tolong dicek",
            posted_at=datetime.now(UTC),
            visibility=Visibility.PUBLIC,
            raw=b"{}",
            place=f"bench:{number}",
            author=Author(
                id=f"g{number}", handle=None, name=None, followers=FOLLOWERS if number % ESCALATED_EVERY == 0 else 10
            ),
        )
        for number in range(count)
    ]
    return record(desk, items, source="bench").complaints


def _rounds(desk: Desk, complaints: list[int]) -> dict[int, _Waiting]:
    with desk.transaction() as session:
        rows = session.execute(
            select(Round, Review)
            .join(Review, col(Review.round_id) == col(Round.id))
            .where(col(Round.complaint_id).in_(complaints), col(Round.state) == RoundState.OPEN)
            .where(col(Review.state) == ReviewState.OPEN)
            .order_by(col(Review.id))
        ).all()
    found: dict[int, _Waiting] = {}
    for round_, review in rows:
        waiting = found.setdefault(round_.complaint_id or 0, _Waiting(round_.escalated, round_.run_id, []))
        waiting.reviews.append((review.id, review.gate))
    return found


def _all_asleep(house: House, desk: Desk, complaints: list[int]) -> bool:
    """Whether each escalated round has its run, and each of these is suspended."""
    escalated = [waiting for waiting in _rounds(desk, complaints).values() if waiting.escalated]
    asleep = {run.id for run in house.engine.runs(("PAUSED",))}
    return all(waiting.run_id in asleep for waiting in escalated)


def _approve(desk: Desk, review: tuple[int, Gate]) -> None:
    number, gate = review
    decide(desk, number, Decision(trail.Author(DECIDERS[gate], "bench"), Verdict.APPROVE))


# Bare Prefect


def bare(settings: Settings, arrivals: Arrivals, count: int) -> dict[str, float]:
    """A flow that suspends itself, resumed one after the other: from the resume to the first words behind it."""
    from prefect.client.orchestration import get_client
    from prefect.settings import PREFECT_API_URL, temporary_settings

    from bench.suspends import suspends

    print(f"{count} bare resumes", file=sys.stderr)
    took = []
    with temporary_settings({PREFECT_API_URL: settings.prefect_api_url}), get_client(sync_client=True) as client:
        deployment = client.create_deployment(
            flow_id=client.create_flow(suspends),
            name="bare",
            entrypoint="bench.suspends.suspends",
            work_pool_name="tanggap",
        )

        def paused(run_id: UUID) -> bool:
            state = client.read_flow_run(run_id).state
            return state is not None and state.is_paused()

        for number in range(count):
            key = f"bare-{number}"
            run = client.create_flow_run_from_deployment(deployment, parameters={"told": arrivals.url, "key": key})
            _until(lambda run_id=run.id: paused(run_id), 180)  # type: ignore[misc]
            time.sleep(2)
            began = time.perf_counter()
            client.resume_flow_run(run.id)
            _until(lambda key=key: key in arrivals.at, 180)  # type: ignore[misc]
            took.append(arrivals.at[key] - began)
    return machine.spread(took)


# The web form


def web(settings: Settings, count: int) -> dict[str, float]:
    """From sending the form to the acknowledgement on the private page, as visitors from several addresses."""
    print(f"{count} complaints through the web form", file=sys.stderr)
    took: list[float] = []
    for first in range(0, count, PER_ADDRESS):
        visitor = _visitor(f"127.0.0.{2 + first // PER_ADDRESS}")
        numbers = range(first, min(first + PER_ADDRESS, count))
        took += [_complain(visitor, settings.gateway_url, number) for number in numbers]
    return machine.spread(took)


class _From(HTTPAdapter):
    """Sends from one of this machine's own addresses: the gateway limits complaints by address."""

    def __init__(self, address: str) -> None:
        self._address = address
        super().__init__()

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        """Every connection comes from the address."""
        super().init_poolmanager(*args, source_address=(self._address, 0), **options)


def _visitor(address: str) -> requests.Session:
    visitor = requests.Session()
    visitor.trust_env = False
    visitor.mount("http://", _From(address))
    return visitor


def _complain(visitor: requests.Session, gateway: str, number: int) -> float:
    found = STAMP.search(visitor.get(f"{gateway}/", timeout=30).text)
    assert found is not None, "the form carries no stamp"
    time.sleep(FORM_OPEN)
    fields = {
        "text": f"Pesanan saya ORD-{70000 + number} belum dikirim juga, sudah {number + 3} hari. Tolong dicek.",
        "stamp": html.unescape(found.group(1)),
        "board": "private",
    }
    began = time.perf_counter()
    sent = visitor.post(f"{gateway}/complaints", data=fields, allow_redirects=False, timeout=30)
    led_to = TOKEN.search(sent.headers.get("Location", ""))
    assert led_to is not None, f"the form answered {sent.status_code}"
    page = f"{gateway}/t/{led_to.group(1)}"
    _until(lambda: OURS in visitor.get(page, timeout=30).text, 120, every=0.05)
    return time.perf_counter() - began


# The idle desk


def measure_idle(
    options: argparse.Namespace, settings: Settings, house: House, desk: Desk, arrivals: Arrivals
) -> dict[str, Any]:
    """The CPU time of the desk's own processes while nothing comes in, by process, in % of one core."""
    _until(lambda: len(on_duty(desk.engine)) == len(STAGES), 180)
    time.sleep(SETTLE)
    print(f"the desk is left alone for {options.idle_minutes:g} minutes", file=sys.stderr)
    posts = _Posts(desk)
    pids = {name: child.process.pid for name, child in house.children.items() if child.process is not None}
    before, began = _cpu_seconds(pids), time.monotonic()
    while time.monotonic() - began < options.idle_minutes * 60:
        time.sleep(5)
        posts.look()
    took = time.monotonic() - began
    after = _cpu_seconds(pids)
    shares = {name: round(100 * (after[name] - before[name]) / took, 2) for name in after}
    ours = round(sum(share for name, share in shares.items() if name != "server"), 2)
    rows: list[tuple[str, object]] = [(name, share) for name, share in shares.items() if name != "server"]
    machine.table(
        f"CPU of an idle desk over {took / 60:.1f} minutes, shifts of {settings.shift_seconds:g} s, % of one core",
        ("process, with all that it started", "%"),
        [*rows, ("all of the desk's own", ours), ("Prefect's server (not counted)", shares["server"])],
    )
    print(f"\n  Changes of shift in that time: {posts.changes}")
    fewest = min(posts.changes.values())
    return {
        "minutes": round(took / 60, 1),
        "shift_seconds": settings.shift_seconds,
        "changes_of_shift": posts.changes,
        "percent_of_one_core": shares,
        "goals": [
            machine.judged("CPU of the desk's own processes, % of one core", ours, "< 5", ours < IDLE_SHARE),
            machine.judged("changes of shift of each stage in that time", fewest, ">= 2", fewest >= 2),
        ],
    }


STAGES = ("intake", "respond", "deliver", "watch")


class _Posts:
    """Counts how often each stage got another run on duty."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._last = {stage: post.run_id for stage, post in on_duty(desk.engine).items()}
        self.changes = dict.fromkeys(STAGES, 0)

    def look(self) -> None:
        """Notice who is on duty now."""
        for stage, post in on_duty(self._desk.engine).items():
            if stage in self.changes and post.run_id != self._last.get(stage):
                self.changes[stage] += 1
                self._last[stage] = post.run_id


def _cpu_seconds(pids: dict[str, int]) -> dict[str, float]:
    """What each child of the house spent, with all that it started, ended ones included; this process is `up`."""
    spent = {"up": _own_seconds(psutil.Process())}
    for name, pid in pids.items():
        try:
            process = psutil.Process(pid)
            spent[name] = sum(_whole_seconds(one) for one in (process, *process.children(recursive=True)))
        except psutil.NoSuchProcess:
            raise SystemExit(f"{name} died meanwhile; the figures would be wrong. Look into its log.") from None
    return spent


def _own_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _whole_seconds(process: psutil.Process) -> float:
    """A process and those that it waited for; what ended is in its parent's sum from then on."""
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system + times.children_user + times.children_system)


def _until(holds: Callable[[], bool], seconds: float, every: float = 0.2) -> None:
    until = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > until:
            sys.exit(f"Waited {seconds:.0f} seconds in vain; the desk is stuck, or the machine far too busy.")
        time.sleep(every)


if __name__ == "__main__":
    main()
