"""How long from a decision to the text at a real HTTP receiver, and from a web complaint to its acknowledgement.

    uv run python -m bench.gate [--decisions 200] [--bare 10] [--web 24]
    uv run python -m bench.gate --idle-minutes 32        what an idle desk costs, over two changes of shift

A whole desk runs in a temporary home: PostgreSQL, Prefect's server, worker, flow runs, gateway. The decisions are made
once a second; every tenth round has a `pr` gate, so a suspended run. Beside it, on the same server, a bare Prefect flow
is suspended and resumed.
"""

import argparse
import html
import json
import os
import re
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from uuid import UUID

import psutil
import requests
import yaml

from db import trail
from db.complaints import find
from db.session import make_engine
from db.words import Gate, Verdict, Visibility
from desk.opening import assemble, read_policy
from desk.settings import Settings
from desk.up.house import House, standing
from desk.up.staff import plan_for_the_desk
from integrations.record import Author, Incoming
from policy.loading import SHIPPED
from tasks.decide import Decision, decide_gate
from tasks.desk import Desk
from tasks.record import record
from tasks.rounds import open_round_of

PREFECT_PORT, GATEWAY_PORT = 4481, 8781
SECRET = "TANGGAP_WEBHOOK_SECRET"
STAMP = re.compile(r'name="stamp" value="([^"]*)"')
TOKEN = re.compile(r"/t/([A-Za-z0-9_-]+)")
OURS = '<li class="ours">'
"""How a text of ours stands on the private page."""
ESCALATED_EVERY = 10


def main() -> None:
    """Run the desk and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--decisions", type=int, default=200)
    parser.add_argument("--bare", type=int, default=10, help="bare Prefect suspends and resumes")
    parser.add_argument("--web", type=int, default=24, help="complaints through the web form")
    parser.add_argument("--idle-minutes", type=float, default=0, help="measure an idle desk instead")
    parser.add_argument("--shift-seconds", type=float, default=900)
    args = parser.parse_args()
    with receiver() as told, _home(told) as settings_of:
        settings = settings_of(args.shift_seconds)
        with standing(settings, plan_for_the_desk(lambda words: None)) as house, _desk(house, settings) as desk:
            print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, Python {sys.version.split()[0]}")
            if args.idle_minutes:
                idle(house, args.idle_minutes)
                return
            decisions(desk, told, args.decisions)
            bare(settings, told, args.bare)
            web(settings, args.web)


@dataclass
class Told:
    """When each key arrived."""

    url: str = ""
    at: dict[str, float] = field(default_factory=dict)
    texts: int = 0


@contextmanager
def receiver() -> Iterator[Told]:
    """A real HTTP server that writes down when what came."""
    told = Told()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            arrived = time.perf_counter()
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            told.texts += 1
            told.at.setdefault(str(body["key"]), arrived)
            answer = json.dumps({"platform_id": f"p-{told.texts}"}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    told.url = f"http://127.0.0.1:{server.server_port}/"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield told
    finally:
        server.shutdown()


@contextmanager
def _home(told: Told) -> Iterator[Callable[[float], Settings]]:
    os.environ[SECRET] = "bench"
    with tempfile.TemporaryDirectory(prefix="tanggap-bench-", dir="/tmp") as folder:
        Path(folder).chmod(0o711)
        overlay = Path(folder) / "overlay"
        overlay.mkdir()
        rules = yaml.safe_load((SHIPPED / "channels.yaml").read_text(encoding="utf-8"))
        rules["channels"]["webhook"] |= {"url": told.url, "certainty": "idempotent"}
        (overlay / "channels.yaml").write_text(yaml.safe_dump(rules), encoding="utf-8")

        def settings(shift_seconds: float) -> Settings:
            return Settings(
                _env_file=None,
                home=Path(folder) / "home",
                policy_overlay=overlay,
                prefect_port=PREFECT_PORT,
                gateway_port=GATEWAY_PORT,
                shift_seconds=shift_seconds,
            )

        yield settings


@contextmanager
def _desk(house: House, settings: Settings) -> Iterator[Desk]:
    assert house.database is not None
    engine = make_engine(house.database.url)
    try:
        yield assemble(settings, engine, read_policy(settings))
    finally:
        engine.dispose()


def decisions(desk: Desk, told: Told, count: int) -> None:
    """Decide once a second; from the call to the text at the receiver."""
    references = _complaints(desk, count)
    _until(lambda: all(_in_review(desk, reference) for reference, _ in references), 600)
    _until(lambda: all(_carried(desk, reference) for reference, gate in references if gate is Gate.PR), 600)
    time.sleep(15)
    began: dict[str, float] = {}
    start = time.perf_counter()
    for index, (reference, gate) in enumerate(references):
        time.sleep(max(0.0, start + index - time.perf_counter()))
        began[reference] = time.perf_counter()
        person = "pr-sari" if gate is Gate.PR else "cs-nia"
        decide_gate(desk, reference, gate, Decision(trail.Author(person), Verdict.APPROVE))
    replies: dict[str, float] = {}

    def all_arrived() -> bool:
        for key, at in list(told.at.items()):
            reference, _, kind = key.partition(":")
            if kind.startswith("reply"):
                replies[reference] = at
        return len(replies) >= count

    _until(all_arrived, 120)
    gates = dict(references)
    took = {reference: replies[reference] - began[reference] for reference in began}
    print(f"\nfrom the decision to the text at the receiver, {count} decisions at one a second")
    _row("all", list(took.values()))
    _row("with a suspended run", [seconds for reference, seconds in took.items() if gates[reference] is Gate.PR])
    _row("rows only", [seconds for reference, seconds in took.items() if gates[reference] is Gate.CS])


def _complaints(desk: Desk, count: int) -> list[tuple[str, Gate]]:
    items, gates = [], []
    for number in range(count):
        escalated = number % ESCALATED_EVERY == 0
        gates.append(Gate.PR if escalated else Gate.CS)
        items.append(
            Incoming(
                channel="webhook",
                external_id=f"gate-{number}",
                text=f"Paket saya ORD-{90000 + number} belum sampai padahal sudah 5 hari, tolong dicek",
                posted_at=datetime.now(UTC),
                visibility=Visibility.PUBLIC,
                raw=b"{}",
                place=f"bench:{number}",
                author=Author(id=f"g{number}", followers=150_000 if escalated else 10),
            )
        )
    done = record(desk, items, source="bench")
    return [(f"TG-{complaint}", gate) for complaint, gate in zip(done.complaints, gates, strict=True)]


def _in_review(desk: Desk, reference: str) -> bool:
    with desk.transaction() as session:
        return find(session, reference).state.value == "in_review"


def _carried(desk: Desk, reference: str) -> bool:
    with desk.transaction() as session:
        round_ = open_round_of(session, find(session, reference))
        return round_ is not None and round_.run_id is not None


def bare(settings: Settings, told: Told, count: int) -> None:
    """A flow of Prefect's own, suspended and resumed, one after the other."""
    from prefect.client.orchestration import get_client
    from prefect.settings import PREFECT_API_URL, temporary_settings

    from bench.suspends import suspends

    took = []
    with temporary_settings({PREFECT_API_URL: settings.prefect_api_url}), get_client(sync_client=True) as client:
        deployment = client.create_deployment(
            flow_id=client.create_flow(suspends),
            name="bare",
            entrypoint="bench.suspends.suspends",
            work_pool_name="tanggap",
        )
        for number in range(count):
            key = f"bare-{number}"
            run = client.create_flow_run_from_deployment(deployment, parameters={"told": told.url, "key": key})
            _until(lambda run_id=run.id: _paused(client, run_id), 120)
            began = time.perf_counter()
            client.resume_flow_run(run.id)
            _until(lambda key=key: key in told.at, 120)
            took.append(told.at[key] - began)
    print("\nbare Prefect: from the resume to the code behind the suspension")
    _row("suspend and resume", took)


def _paused(client: object, run_id: UUID) -> bool:
    state = client.read_flow_run(run_id).state  # type: ignore[attr-defined]
    return state is not None and state.is_paused()


def web(settings: Settings, count: int) -> None:
    """From sending the form to reading the acknowledgement on the private page, as a visitor would."""
    gateway, took = settings.gateway_url, []
    forms = [_open_form(gateway, number) for number in range(count)]
    time.sleep(2.5)
    for number, (visitor, stamp) in enumerate(forms):
        began = time.perf_counter()
        text = f"Pesanan saya ORD-{70000 + number} belum dikirim juga, sudah {number + 3} hari menunggu. Tolong dicek."
        fields = {"text": text, "stamp": stamp, "board": "private"}
        sent = visitor.post(f"{gateway}/complaints", data=fields, allow_redirects=False, timeout=30)
        found = TOKEN.search(sent.headers.get("Location", ""))
        assert found is not None, f"the form answered {sent.status_code}"
        page = f"{gateway}/t/{found.group(1)}"
        _until(lambda visitor=visitor, page=page: OURS in visitor.get(page, timeout=30).text, 60, every=0.05)
        took.append(time.perf_counter() - began)
        time.sleep(0.5)
    print(f"\nfrom a web complaint to its acknowledgement on the tracking page, {count} complaints")
    _row("web", took)


def _open_form(gateway: str, number: int) -> tuple[requests.Session, str]:
    visitor = requests.Session()
    visitor.trust_env = False
    # The gateway is behind a proxy on this machine, as far as it can tell: each visitor has an address.
    visitor.headers["X-Forwarded-For"] = f"10.0.{number // 250}.{number % 250 + 1}"
    found = STAMP.search(visitor.get(f"{gateway}/", timeout=30).text)
    assert found is not None
    return visitor, html.unescape(found.group(1))


def idle(house: House, minutes: float) -> None:
    """The processor time of the desk's own processes while nothing comes in."""
    time.sleep(30)
    before, began = _own_seconds(house), time.monotonic()
    time.sleep(minutes * 60)
    after, took = _own_seconds(house), time.monotonic() - began
    print(f"\nan idle desk over {took / 60:.0f} minutes, in % of one core")
    total = 0.0
    for name in sorted(after):
        share = 100 * (after[name] - before.get(name, 0.0)) / took
        total += share if name != "prefect server" else 0.0
        print(f"  {name:24} {share:6.2f}" + ("   (Prefect's own, not counted)" if name == "prefect server" else ""))
    print(f"  {'the desk':24} {total:6.2f}")


def _own_seconds(house: House) -> dict[str, float]:
    """Seconds of each child and all it started, those that ended included; this process stands for `up`."""
    spent = {"up": _seconds(psutil.Process(), children=False)}
    for name, child in house.children.items():
        if child.process is None:
            continue
        process = psutil.Process(child.process.pid)
        whole = [process, *process.children(recursive=True)]
        label = "prefect server" if name == "server" else name
        spent[label] = sum(_seconds(one, children=True) for one in whole)
    return spent


def _seconds(process: psutil.Process, *, children: bool) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    own = times.user + times.system
    return float(own + times.children_user + times.children_system if children else own)


def _row(name: str, took: list[float]) -> None:
    if not took:
        return
    ordered = sorted(took)

    def at(share: float) -> float:
        return ordered[min(len(ordered) - 1, round(share * (len(ordered) - 1)))]

    print(
        f"  {name:24} n {len(took):4}   median {statistics.median(took):6.3f} s   p95 {at(0.95):6.3f} s   "
        f"p99 {at(0.99):6.3f} s   max {ordered[-1]:6.3f} s"
    )


def _until(holds: Callable[[], bool], seconds: float, every: float = 0.2) -> None:
    until = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > until:
            sys.exit("it did not come to be in time")
        time.sleep(every)


if __name__ == "__main__":
    main()
