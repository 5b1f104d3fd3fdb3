"""What the figures were measured on, and how they are told: machine facts, percentiles, memory, a table, JSON."""

import json
import math
import os
import platform
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

GROWTH_MB = 30
"""So much may a process that reads in constant memory still grow: allocators keep what they once had."""


def facts() -> dict[str, Any]:
    """The machine, the versions that matter, and how busy it is with other things at this moment."""
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
        **{name: version(name) for name in ("prefect", "sqlalchemy", "psycopg")},
        "load_before": round(os.getloadavg()[0], 2),
    }


def _processor() -> str:
    with Path("/proc/cpuinfo").open(encoding="utf-8") as lines:
        for line in lines:
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown"


def percentile(values: Sequence[float], share: float) -> float:
    """The nearest-rank percentile: the smallest value that so large a share of all does not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def spread(values: Sequence[float]) -> dict[str, float]:
    """How times lie: seconds, rounded to milliseconds."""
    shares = {"median": 0.5, "p95": 0.95, "p99": 0.99, "longest": 1.0}
    return {"count": len(values)} | {name: round(percentile(values, share), 3) for name, share in shares.items()}


def resident() -> float:
    """This process's memory, in MB."""
    return float(psutil.Process().memory_info().rss / 1e6)


@dataclass
class Peak:
    """The most memory that a stretch of work took; `before` is what stood when it began."""

    before: float
    most: float


@contextmanager
def peak_memory(every: float = 0.05) -> Iterator[Peak]:
    """Sample this process's memory while the context lasts, in MB."""
    found = Peak(resident(), resident())
    over = threading.Event()

    def look() -> None:
        while not over.wait(every):
            found.most = max(found.most, resident())

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        over.set()
        thread.join()
        found.most = max(found.most, resident())


class Stopwatch:
    """Wall and CPU time of this process since it was made."""

    def __init__(self) -> None:
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    @property
    def wall(self) -> float:
        """Seconds."""
        return time.perf_counter() - self._wall

    @property
    def cpu(self) -> float:
        """Seconds of this process's own CPU."""
        return time.process_time() - self._cpu


def table(title: str, names: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print rows in columns."""
    texts = [[str(cell) for cell in row] for row in (names, *rows)]
    widths = [max(len(row[place]) for row in texts) for place in range(len(names))]
    print(f"\n{title}")
    for number, row in enumerate(texts):
        print("  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
        if number == 0:
            print("  " + "  ".join("-" * width for width in widths))


def judged(name: str, value: float, goal: str, good: bool) -> dict[str, Any]:
    """One goal, and whether the figure reaches it."""
    return {"goal": name, "measured": value, "wanted": goal, "reached": good}


def tell(told: Mapping[str, Any], file: Path | None) -> None:
    """Print the goals; write everything as JSON if a file is given (`-`: to standard output)."""
    rows = [
        (goal["goal"], goal["measured"], goal["wanted"], "yes" if goal["reached"] else "NO") for goal in told["goals"]
    ]
    table("Goals", ("what", "measured", "wanted", "reached"), rows)
    machine = ", ".join(f"{name} {value}" for name, value in told["machine"].items())
    print(f"\nMachine: {machine}, load after {os.getloadavg()[0]:.2f}")
    if file is None:
        return
    said = json.dumps({**told, "load_after": round(os.getloadavg()[0], 2)}, indent=2, default=str)
    if str(file) == "-":
        print(said)
    else:
        file.write_text(said + "\n", encoding="utf-8")
