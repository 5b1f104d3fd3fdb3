"""How long the desk's own PostgreSQL takes to stand: on a bare home, and again on one that was made.

    uv run python -m bench.start

Told as ratios to starting a bare Python of the same run, so that a slow machine is seen as one.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from desk.postgres import database
from desk.settings import Settings

AGAIN = 5


def seconds(what: Callable[[], object]) -> float:
    """How long it takes, once."""
    began = time.monotonic()
    what()
    return time.monotonic() - began


def stand(home: Path) -> float:
    """Seconds until the database can be used; stopping it again is not counted."""
    began = time.monotonic()
    with database(Settings(home=home, _env_file=None)):
        return time.monotonic() - began


def main() -> None:
    """Measure and tell."""
    bare = min(seconds(lambda: subprocess.run([sys.executable, "-c", "pass"], check=True)) for _ in range(AGAIN))
    with tempfile.TemporaryDirectory(prefix="tanggap-bench-") as folder:
        home = Path(folder) / "home"
        first = stand(home)
        again = min(stand(home) for _ in range(AGAIN))
    print(f"a bare Python: {bare:.3f} s")
    print(f"PostgreSQL on a bare home: {first:.2f} s, {first / bare:.0f} times that")
    print(f"PostgreSQL started again, the best of {AGAIN}: {again:.2f} s, {again / bare:.1f} times that")


if __name__ == "__main__":
    main()
