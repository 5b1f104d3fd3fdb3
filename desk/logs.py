"""The log files under TANGGAP_HOME/logs: one a child, appended to while it runs, rotated when it starts."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

KEPT = 3
"""Older log files kept beside the current one."""
ROTATED_FROM = 2**20
"""Bytes from which a log is rotated at the next start; a smaller one is appended to."""


@contextmanager
def open_log(path: Path) -> Iterator[BinaryIO]:
    """The log, open for appending, after rotating it if it has grown. Readable by its owner only."""
    rotate(path)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "ab") as written:
        yield written


def rotate(path: Path) -> None:
    """Move `x.log` to `x.log.1`, `x.log.1` to `x.log.2` and so on, if it has grown."""
    if not path.exists() or path.stat().st_size < ROTATED_FROM:
        return
    for number in range(KEPT - 1, 0, -1):
        older = path.with_name(f"{path.name}.{number}")
        if older.exists():
            older.replace(path.with_name(f"{path.name}.{number + 1}"))
    path.replace(path.with_name(f"{path.name}.1"))


def tail(path: Path, lines: int = 20) -> str:
    """The last lines of a log; empty if there is none."""
    try:
        with path.open("rb") as read:
            read.seek(max(0, path.stat().st_size - 64 * 1024))
            text = read.read().decode("utf-8", "replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-lines:])
