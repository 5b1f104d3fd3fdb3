"""How many complaints a second: the desk's batches as Prefect tasks, beside plain Python, beside a flow run each.

    uv run python -m bench.throughput [--complaints 10000] [--flow-runs 50] [--import-lines 100000] [--json FILE]

Every variant takes the same synthetic complaints from reading them to a draft in review, with the acknowledgement
queued, on a fresh database of its own and in a process of its own:

- `plain`: the steps as Python functions, without Prefect;
- `batches`: the same steps as the desk's flows do them, each chunk a task run of one flow on a real Prefect server;
- `run each`: one in-process flow run a complaint, each step a task run, on the same server.

Then 100,000 JSON lines are imported as `tanggap import` does it, with the memory sampled at each quarter. Nothing is
sent, and no `review` run is started: that is `bench/gate.py`. README.md says what the figures mean.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import text

from bench import machine
from bench.grounds import fresh_database, own_home, own_postgres, prefect_server
from bench.texts import lines
from db.session import make_engine
from desk.opening import assemble
from desk.settings import Settings
from integrations.intake.reading import read_file
from policy.loading import load_policy
from tasks.answer import draft_answers, due_for_answer, take_aim
from tasks.assess import assess, due_for_assessment
from tasks.collect import pages, store
from tasks.desk import Desk
from tasks.record import chunks, record

RATIO_TO_PLAIN = 0.7
RATIO_TO_RUN_EACH = 50
IMPORT_MB = 500
WARM_UP = 40
"""Complaints that each variant works through before the clock starts: caches fill, connections open."""


def main() -> None:
    """Run every variant in a process of its own and tell how they compare."""
    options = _options()
    if options.variant:
        print(json.dumps(VARIANTS[options.variant](options)))
        return
    found: dict[str, dict[str, Any]] = {}
    facts = machine.facts()
    with own_home() as home, own_postgres(home / "home") as postgres, prefect_server(postgres, home) as api:
        counts = {"plain": options.complaints, "batches": options.complaints, "run-each": options.flow_runs}
        for name in ("plain", "batches", "run-each", "import"):
            count = counts.get(name, options.import_lines)
            if not count:
                continue
            print(f"{name}: {count:,} …", file=sys.stderr, flush=True)
            folder = home / name
            folder.mkdir()
            file = folder / "records.jsonl"
            write_lines(file, count)
            with fresh_database(postgres) as url:
                found[name] = _in_a_process(name, count, url, api, folder)
    told = {"machine": facts, "variants": found, "goals": _goals(found)}
    _print(found)
    machine.tell(told, options.json)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--complaints", type=int, default=10_000, help="for plain and batches")
    parser.add_argument("--flow-runs", type=int, default=50, help="for the variant with a flow run each; 0: leave out")
    parser.add_argument("--import-lines", type=int, default=100_000, help="0: leave out")
    parser.add_argument("--json", type=Path, help="write everything there; - for standard output")
    parser.add_argument("--variant", choices=list(VARIANTS), help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    parser.add_argument("--home", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def write_lines(file: Path, count: int) -> None:
    """The records of a variant, and beside them a few others to warm up on."""
    now = datetime.now(UTC)
    with file.open("wb") as out:
        out.writelines(lines(count, now))
    with file.with_name("warm-up.jsonl").open("wb") as out:
        out.writelines(lines(WARM_UP, now, seed=2))


def _in_a_process(name: str, count: int, url: str, api: str, home: Path) -> dict[str, Any]:
    words = [sys.executable, "-m", "bench.throughput", "--variant", name, "--url", url, "--home", str(home)]
    words += ["--complaints", str(count), "--flow-runs", str(count), "--import-lines", str(count)]
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "TANGGAP_"))},
        "PREFECT_HOME": str(home / "prefect"),
        "PREFECT_API_URL": api,
        "PREFECT_LOGGING_LEVEL": "WARNING",
        "TANGGAP_HOME": str(home),
        "TANGGAP_DATABASE_URL": url,
    }
    done = subprocess.run(words, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"The variant {name} ended with {done.returncode}; what it said stands above.")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


# The variants, each in its own process


def open_desk_at(options: argparse.Namespace) -> Desk:
    """A desk on the variant's database; its drop folder is the variant's home."""
    settings = Settings(_env_file=None, home=options.home)
    return assemble(settings, make_engine(options.url), load_policy())


def measured(desk: Desk, count: int, work: Callable[[], None]) -> dict[str, Any]:
    """Do the work under the clock; check that it did all of it."""
    with machine.peak_memory() as memory:
        watch = machine.Stopwatch()
        work()
        wall, cpu = watch.wall, watch.cpu
    with desk.engine.connect() as connection:
        rows = connection.execute(text("SELECT state, count(*) FROM complaint GROUP BY state"))
        states = {str(row[0]): int(row[1]) for row in rows}
        queued = connection.execute(
            text("SELECT count(*) FROM delivery WHERE kind = 'acknowledgement' AND state = 'queued'")
        ).scalar_one()
    left = {state: number for state, number in states.items() if state in ("new", "assessed", "drafting")}
    if left or sum(states.values()) != count + WARM_UP:
        raise SystemExit(f"Not everything was worked off: {states}, of {count + WARM_UP}")
    return {
        "complaints": count,
        "seconds": round(wall, 2),
        "per_second": round(count / wall, 2),
        "cpu_seconds": round(cpu, 2),
        "memory_before_mb": round(memory.before),
        "memory_peak_mb": round(memory.most),
        "ended": states,
        "acknowledgements_queued": queued,
    }


def drop(options: argparse.Namespace, name: str) -> None:
    """Put the records into the drop folder, as somebody does who finished writing them a while ago."""
    inbox = options.home / "inbox"
    inbox.mkdir(exist_ok=True)
    (options.home / name).rename(inbox / name)
    long_ago = datetime.now(UTC).timestamp() - 60
    os.utime(inbox / name, (long_ago, long_ago))


def plain(options: argparse.Namespace) -> dict[str, Any]:
    """The steps as functions."""
    desk = open_desk_at(options)

    def work() -> None:
        channel = desk.channels.get("file")
        for page in pages(desk, channel):
            store(desk, channel, page)
        while numbers := due_for_assessment(desk):
            assess(desk, numbers)
        while marks := due_for_answer(desk):
            draft_answers(desk, take_aim(desk, marks))

    drop(options, "warm-up.jsonl")
    work()
    drop(options, "records.jsonl")
    return measured(desk, options.complaints, work)


def batches(options: argparse.Namespace) -> dict[str, Any]:
    """The steps as the flows do them: `flows.intake` and `flows.respond` but for the start of review runs."""
    from prefect import flow

    from flows.duty import on_duty
    from flows.intake import show_assessed, take_in
    from flows.respond import show_answered

    @flow(name="bench-batches", persist_result=False)
    def work() -> None:
        with on_duty("bench", 0) as duty:
            assert duty is not None
            take_in(duty, duty.desk.channels.get("file"))
            while numbers := due_for_assessment(duty.desk):
                done = duty.do(f"assess {len(numbers)} messages", assess, duty.desk, numbers)
                show_assessed(duty, done)
            while marks := due_for_answer(duty.desk):
                aimed = duty.do(f"ask where {len(marks)} answers can go", take_aim, duty.desk, marks)
                show_answered(duty, duty.do(f"draft {len(marks)} answers", draft_answers, duty.desk, aimed))

    drop(options, "warm-up.jsonl")
    work()
    drop(options, "records.jsonl")
    return measured(open_desk_at(options), options.complaints, work)


def run_each(options: argparse.Namespace) -> dict[str, Any]:
    """One flow run a complaint, its steps as tasks."""
    from prefect import flow, task
    from prefect.cache_policies import NO_CACHE

    desk = open_desk_at(options)
    as_task = task(persist_result=False, cache_policy=NO_CACHE)

    @as_task
    def record_one(item: Any) -> None:
        record(desk, [item], source="bench")

    @as_task
    def assess_one() -> None:
        assess(desk, due_for_assessment(desk, 1))

    @as_task
    def answer_one() -> None:
        if marks := due_for_answer(desk, 1):
            draft_answers(desk, take_aim(desk, marks))

    @flow(name="bench-run-each", persist_result=False)
    def one(item: Any) -> None:
        record_one(item)
        assess_one()
        answer_one()

    def work(name: str) -> None:
        for item in items_of(desk, options.home / name):
            one(item)

    work("warm-up.jsonl")
    return measured(desk, options.flow_runs, lambda: work("records.jsonl"))


def import_lines(options: argparse.Namespace) -> dict[str, Any]:
    """Read and record a file as `tanggap import` does, with the memory at each quarter of it."""
    desk = open_desk_at(options)
    for chunk in chunks(items_of(desk, options.home / "warm-up.jsonl")):
        record(desk, chunk, source="warm-up")
    quarters: list[float] = []
    accepted = 0
    with machine.peak_memory() as memory:
        watch = machine.Stopwatch()
        for chunk in chunks(items_of(desk, options.home / "records.jsonl")):
            accepted += record(desk, chunk, source="bench").accepted
            if accepted * 4 >= options.import_lines * (len(quarters) + 1):
                quarters.append(round(machine.resident(), 1))
        wall = watch.wall
    if accepted != options.import_lines:
        raise SystemExit(f"{accepted} of {options.import_lines} lines were accepted")
    return {
        "lines": accepted,
        "seconds": round(wall, 2),
        "per_second": round(accepted / wall, 1),
        "memory_before_mb": round(memory.before),
        "memory_at_quarters_mb": quarters,
        "memory_peak_mb": round(memory.most),
    }


def items_of(desk: Desk, file: Path) -> Any:
    """The records of a file, one after the other."""
    return read_file(
        file,
        name=file.name,
        channel=None,
        now=desk.now(),
        known_channels=desk.policy.channels.known,
        own_addresses=desk.policy.company.owns_email,
    )


VARIANTS: dict[str, Callable[[argparse.Namespace], dict[str, Any]]] = {
    "plain": plain,
    "batches": batches,
    "run-each": run_each,
    "import": import_lines,
}


# What is told


def _goals(found: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    goals = []
    ours = found["batches"]["per_second"]
    ratio = round(ours / found["plain"]["per_second"], 2)
    goals.append(machine.judged("batches / plain", ratio, f">= {RATIO_TO_PLAIN}", ratio >= RATIO_TO_PLAIN))
    if "run-each" in found:
        ratio = round(ours / found["run-each"]["per_second"], 1)
        wanted = f">= {RATIO_TO_RUN_EACH}"
        goals.append(machine.judged("batches / a flow run each", ratio, wanted, ratio >= RATIO_TO_RUN_EACH))
    if "import" in found:
        most = found["import"]["memory_peak_mb"]
        goals.append(machine.judged("memory of an import, MB", most, f"< {IMPORT_MB}", most < IMPORT_MB))
        first, *_, last = found["import"]["memory_at_quarters_mb"]
        grown = round(last - first, 1)
        wanted = f"< {machine.GROWTH_MB}"
        goals.append(
            machine.judged("… grown from the first quarter to the last, MB", grown, wanted, grown < machine.GROWTH_MB)
        )
    return goals


def _print(found: dict[str, dict[str, Any]]) -> None:
    names = ("complaints", "seconds", "per_second", "cpu_seconds", "memory_before_mb", "memory_peak_mb")
    rows = [(name, *(found[name][column] for column in names)) for name in found if name != "import"]
    machine.table("From record to draft in review, acknowledgement queued", ("variant", *names), rows)
    for name in found:
        if name != "import":
            print(f"  {name} ended: {found[name]['ended']}, {found[name]['acknowledgements_queued']} acknowledged")
    if "import" in found:
        names = ("lines", "seconds", "per_second", "memory_before_mb", "memory_at_quarters_mb", "memory_peak_mb")
        machine.table("Import of JSON lines", names, [[found["import"][column] for column in names]])


if __name__ == "__main__":
    main()
