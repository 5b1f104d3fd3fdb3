"""How soon Slack is answered when a crowd clicks, and whether each review is decided exactly once.

    uv run python -m bench.slack [--reviews 200] [--clients 50] [--json FILE]

The gateway runs in a process of its own on a fresh PostgreSQL, with a local Slack server (npm ci in tests/npm) behind
it. Five clicks a review, in random order, from all clients at once: two people approve, the first of them twice with
the same payload (Slack repeats), one approves what is no longer the draft, one belongs to no gate. README.md says what
the figures mean.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import requests
import yaml
from slack_sdk.signature import SignatureVerifier
from sqlalchemy import func, select
from sqlmodel import col

from bench import machine
from bench.grounds import OTHER_PORTS, free_port, fresh_database, own_home, own_postgres
from db.session import make_engine
from db.tables import Event, Review, ReviewState, SlackReceipt
from db.words import Visibility
from desk.opening import assemble, read_policy
from desk.settings import Settings
from integrations.record import Author, Incoming
from tasks.answer import draft_answers, due_for_answer, take_aim
from tasks.assess import assess, due_for_assessment
from tasks.desk import Desk
from tasks.record import record

BINARY = Path(__file__).resolve().parents[1] / "tests/npm/node_modules/local-slack-linux-x64/bin/local-slack"
SECRET = "bench-signing-secret"
TEAM = "T01BENCH"
PEOPLE = {"cs-nia": "U0NIA", "cs-raka": "U0RAKA"}
OUTSIDER = "U0OUTSIDER"
CHANNEL = "C0CS"
GOAL = 1.0
"""Seconds within which 99 of 100 clicks are answered; Slack waits for three."""


@dataclass(frozen=True)
class Click:
    """One request as Slack would send it."""

    body: str
    repeats: bool = False


def main() -> None:
    """Bring a gateway up, let the crowd click, count what came of it."""
    options = _options()
    if not BINARY.exists():
        raise SystemExit("The Slack server is missing: run `npm ci --ignore-scripts` in tests/npm.")
    facts = machine.facts()
    with own_home() as home, own_postgres(home / "postgres") as postgres, fresh_database(postgres) as url:
        settings = _settings(home, url)
        engine = make_engine(url)
        desk = assemble(settings, engine, read_policy(settings))
        try:
            with _slack(home, settings), _gateway(home, settings) as at:
                told = {"machine": facts, **measure(options, desk, at)}
        finally:
            engine.dispose()
    machine.tell(told, options.json)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--reviews", type=int, default=200, help="each is clicked five times")
    parser.add_argument("--clients", type=int, default=50, help="all at once")
    parser.add_argument("--json", type=Path, help="write everything there; - for standard output")
    return parser.parse_args()


def measure(options: argparse.Namespace, desk: Desk, at: str) -> dict[str, Any]:
    """The same server's /healthz, then the clicks, then what stands in the rows."""
    reviews = _reviews(desk, options.reviews)
    clicks = _clicks(reviews)
    print(f"{len(clicks)} requests to /healthz from {options.clients} clients", file=sys.stderr)
    health, _ = _crowd(options.clients, [lambda s: s.get(f"{at}/healthz", timeout=60)] * len(clicks))
    print(f"{len(clicks)} clicks from {options.clients} clients", file=sys.stderr)
    took, answers = _crowd(options.clients, [_sender(at, click) for click in clicks])
    _until(lambda: _undone(desk) == 0, 300)
    rows = {"/healthz": machine.spread(health), "click to acknowledgement": machine.spread(took)}
    names = ("count", "median", "p95", "p99", "longest")
    machine.table("Seconds", ("what", *names), [(what, *(row[name] for name in names)) for what, row in rows.items()])
    once, refused = _decided(desk, reviews)
    errors = sum(count for status, count in answers.items() if status >= 500)
    p99 = machine.percentile(took, 0.99)
    goals = [
        machine.judged("acknowledgement, 99th percentile s", round(p99, 3), "< 1", p99 < GOAL),
        machine.judged("reviews decided exactly once", once, str(len(reviews)), once == len(reviews)),
        machine.judged("answers of 500 and above", errors, "0", errors == 0),
    ]
    ratio = round(p99 / machine.percentile(health, 0.99), 2)
    print(f"\n  An acknowledgement takes {ratio} times as long as /healthz (99th percentiles).")
    return {"seconds": rows, "acknowledgement / healthz": ratio, "refused": refused, "goals": goals}


# The desk, its reviews, and the servers


def _settings(home: Path, url: str) -> Settings:
    overlay = home / "overlay"
    overlay.mkdir()
    rules = {"gates": {"cs": {"channel": CHANNEL}}, "people": PEOPLE, "confirm": {"gates": [], "severities": []}}
    (overlay / "slack.yaml").write_text(yaml.safe_dump(rules), encoding="utf-8")
    return Settings(
        _env_file=None,
        home=home / "home",
        database_url=url,
        policy_overlay=overlay,
        gateway_port=free_port(OTHER_PORTS),
        slack_bot_token="xoxb-bench",
        slack_app_token=None,
        slack_signing_secret=SECRET,
        slack_api_url=f"http://127.0.0.1:{free_port(OTHER_PORTS)}/api/",
    )


def _reviews(desk: Desk, count: int) -> list[Review]:
    """So many complaints, each with one review at customer service."""
    items = [
        Incoming(
            channel="file",
            external_id=f"slack-{number}",
            text=f"Paket saya ORD-{90000 + number} belum sampai padahal sudah {3 + number % 9} hari, tolong dicek",
            posted_at=datetime.now(UTC),
            visibility=Visibility.PUBLIC,
            raw=b"{}",
            place=f"bench:{number}",
            author=Author(id=f"s{number}", handle=None, name=None),
        )
        for number in range(count)
    ]
    record(desk, items, source="bench")
    while due := due_for_assessment(desk):
        assess(desk, due)
    while marks := due_for_answer(desk):
        draft_answers(desk, take_aim(desk, marks))
    with desk.transaction() as session:
        found = session.execute(select(Review).where(col(Review.state) == ReviewState.OPEN).order_by(col(Review.id)))
        return list(found.scalars())[:count]


@contextmanager
def _slack(home: Path, settings: Settings) -> Iterator[None]:
    """A local Slack server with the people who click."""
    users = {**{user: name for name, user in PEOPLE.items()}, OUTSIDER: "outsider"}
    workspace = {
        "workspace": {"name": "Bench", "domain": "bench", "teamId": TEAM},
        "apps": [
            {
                "appId": "A0BENCH", "botUserId": "U0BOT", "botName": "tanggap", "botToken": "xoxb-bench",
                "appToken": "xapp-bench", "signingSecret": SECRET, "mode": "events",
                "requestUrl": f"{settings.gateway_url}/slack/events",
            }
        ],
        "users": [
            {"id": user, "name": name, "real_name": name, "email": f"{name}@example.com"}
            for user, name in users.items()
        ],
        "channels": [{"id": CHANNEL, "name": "cs", "members": [*users, "U0BOT"]}],
    }  # fmt: skip
    file = home / "workspace.yaml"
    file.write_text(yaml.safe_dump(workspace), encoding="utf-8")
    api = settings.slack_api_url
    port = api.rpartition(":")[2].partition("/")[0]
    words = [str(BINARY), "--config", str(file), "--port", port, "--base-host", "127.0.0.1"]
    with _process(words, home / "slack.log", {}, lambda: requests.post(f"{api}auth.test", timeout=1).ok):
        yield


@contextmanager
def _gateway(home: Path, settings: Settings) -> Iterator[str]:
    """The gateway as `tanggap up` starts it; its address."""
    words = [
        sys.executable, "-m", "uvicorn", "desk.gateway.app:create_app", "--factory", "--no-access-log",
        "--log-level", "warning", "--host", "127.0.0.1", "--port", str(settings.gateway_port),
    ]  # fmt: skip
    at = f"http://127.0.0.1:{settings.gateway_port}"
    with _process(
        words, home / "gateway.log", settings.environment(), lambda: requests.get(f"{at}/healthz", timeout=1).ok
    ):
        yield at


@contextmanager
def _process(words: Sequence[str], log: Path, more: dict[str, str], ready: Callable[[], bool]) -> Iterator[None]:
    with log.open("wb") as written:
        process = subprocess.Popen(words, stdout=written, stderr=written, env={**os.environ, **more})
    try:

        def answers() -> bool:
            if process.poll() is not None:
                raise SystemExit(f"{words[0]} ended. Its last words:\n{log.read_text()[-2000:]}")
            try:
                return ready()
            except requests.RequestException:
                return False

        _until(answers, 60)
        yield
    finally:
        process.terminate()
        process.wait(20)


# The crowd


def _clicks(reviews: Sequence[Review]) -> list[Click]:
    clicks = []
    for review in reviews:
        first, second = random.sample(list(PEOPLE.values()), 2)
        good = f"{review.id}:{review.sha256}"
        doubled = _payload(first, good)
        clicks += [
            Click(doubled),
            Click(doubled, repeats=True),
            Click(_payload(second, good)),
            Click(_payload(second, f"{review.id}:{'0' * 64}")),
            Click(_payload(OUTSIDER, good)),
        ]
    random.shuffle(clicks)
    return clicks


def _payload(user: str, value: str) -> str:
    """A click as Slack sends it: a form with JSON in it."""
    moment = f"{time.time():.6f}{random.randrange(10**6):06d}"
    payload = {
        "type": "block_actions",
        "api_app_id": "A0BENCH",
        "team": {"id": TEAM, "domain": "bench"},
        "user": {"id": user, "team_id": TEAM},
        "channel": {"id": CHANNEL, "name": "cs"},
        "container": {"type": "message", "channel_id": CHANNEL, "message_ts": "1.000001"},
        "trigger_id": f"{moment}.1.x",
        "response_url": "",
        "actions": [{"type": "button", "action_id": "approve", "block_id": "b", "value": value, "action_ts": moment}],
    }
    return urlencode({"payload": json.dumps(payload)})


def _sender(at: str, click: Click) -> Callable[[requests.Session], requests.Response]:
    def send(session: requests.Session) -> requests.Response:
        stamp = str(int(time.time()))
        signature = SignatureVerifier(SECRET).generate_signature(timestamp=stamp, body=click.body) or ""
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "X-Slack-Request-Timestamp": stamp,
            "X-Slack-Signature": signature,
            **({"X-Slack-Retry-Num": "1", "X-Slack-Retry-Reason": "http_timeout"} if click.repeats else {}),
        }
        return session.post(f"{at}/slack/events", data=click.body, headers=headers, timeout=60)

    return send


def _crowd(
    clients: int, requests_: Sequence[Callable[[requests.Session], requests.Response]]
) -> tuple[list[float], Counter[int]]:
    """Every client sends its share, one after the other, all clients at once; seconds, and answers by status."""
    took: list[float] = []
    answers: Counter[int] = Counter()
    lock, start = threading.Lock(), threading.Barrier(clients)

    def work(share: Sequence[Callable[[requests.Session], requests.Response]]) -> None:
        with requests.Session() as session:
            start.wait()
            for send in share:
                began = time.perf_counter()
                status = send(session).status_code
                seconds = time.perf_counter() - began
                with lock:
                    took.append(seconds)
                    answers[status] += 1

    threads = [threading.Thread(target=work, args=(requests_[number::clients],)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return took, answers


# What came of it


def _undone(desk: Desk) -> int:
    with desk.transaction() as session:
        query = select(func.count()).select_from(SlackReceipt).where(col(SlackReceipt.done_at).is_(None))
        count: int = session.execute(query).scalar_one()
        return count


def _decided(desk: Desk, reviews: Sequence[Review]) -> tuple[int, dict[str, int]]:
    """How many reviews have exactly one decision, and how often which refusal was written."""
    numbers = {review.id for review in reviews}
    with desk.transaction() as session:
        decided = Counter(
            event.data["review"]
            for event in session.execute(select(Event).where(col(Event.name) == "decided")).scalars()
            if event.data["review"] in numbers
        )
        refused = Counter(
            str(event.data["why"])
            for event in session.execute(select(Event).where(col(Event.name) == "decision_refused")).scalars()
        )
    return sum(count == 1 for count in decided.values()), dict(refused)


def _until(holds: Callable[[], bool], seconds: float) -> None:
    until = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > until:
            raise SystemExit(f"Waited {seconds:.0f} seconds in vain.")
        time.sleep(0.1)


if __name__ == "__main__":
    main()
