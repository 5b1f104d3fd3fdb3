"""The processes that `up` keeps: started, watched, started again, and ended with all that they started."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from desk.errors import HouseError, explained
from desk.logs import open_log, tail
from desk.up import leash

DEATHS = 5
"""So many deaths within WINDOW seconds, and `up` gives up."""
WINDOW = 60.0
DELAYS = (0.2, 1.0, 2.0, 4.0)
"""Seconds to wait before the first, second, … restart within the window."""


@dataclass(frozen=True)
class Command:
    """What a child runs. `patience` is how many seconds it gets to end by itself before it is killed."""

    name: str
    words: Sequence[str]
    environment: Mapping[str, str]
    directory: Path
    patience: float = 10.0


@dataclass
class Child:
    """One process of the house and what it starts: a session, thus a process group, of its own.

    Its pid file in `runs` lets the next `up` find it after a `kill -9`; its log is `logs/NAME.log`.
    """

    command: Command
    runs: Path
    logs: Path
    now: Callable[[], float] = time.monotonic
    process: subprocess.Popen[bytes] | None = None
    deaths: deque[float] = field(default_factory=deque)
    again_at: float | None = None

    @property
    def log(self) -> Path:
        return self.logs / f"{self.command.name}.log"

    def start(self) -> None:
        """Start it, on a leash.

        Raises:
            HouseError: its log cannot be written, or there is no such program.
        """
        words = [sys.executable, "-I", "-S", leash.__file__, f"--parent={os.getpid()}", "--signal=SIGTERM", "--exec"]
        with explained(self.logs), open_log(self.log) as written:
            self.process = subprocess.Popen(  # noqa: S603 – our own command lines
                [*words, *self.command.words],
                stdin=subprocess.DEVNULL,
                stdout=written,
                stderr=written,
                cwd=self.command.directory,
                env=dict(self.command.environment),
                start_new_session=True,
            )
            self._pid_file.write_text(json.dumps([self.process.pid, psutil.Process(self.process.pid).create_time()]))
        self.again_at = None

    def tend(self) -> bool:
        """Notice a death, start again when it is time; True when a process died since the last look.

        Raises:
            HouseError: it died too often; with its last words.
        """
        if self.process is None:
            if self.again_at is not None and self.now() >= self.again_at:
                self.start()
            return False
        if self.process.poll() is None:
            return False
        code, self.process = self.process.returncode, None
        # What it had started goes with it.
        self._end_group(json.loads(self._pid_file.read_text())[0], signal.SIGKILL)
        moment = self.now()
        self.deaths.append(moment)
        while self.deaths[0] < moment - WINDOW:
            self.deaths.popleft()
        if len(self.deaths) >= DEATHS:
            raise HouseError(
                f"{self.command.name} died {DEATHS} times within {WINDOW:.0f} seconds (last {_how(code)}), "
                f"so everything was stopped. Its last words, from {self.log}:\n{tail(self.log, 12)}"
            )
        self.again_at = moment + DELAYS[min(len(self.deaths), len(DELAYS)) - 1]
        return True

    def end(self) -> None:
        """End it and all that it started: asked first, killed when its patience is over."""
        self.again_at = None
        if self.process is None:
            return
        group = self.process.pid
        self._end_group(group, signal.SIGTERM)
        until = time.monotonic() + self.command.patience
        while time.monotonic() < until and (self.process.poll() is None or _alive(group)):
            time.sleep(0.02)
        self._end_group(group, signal.SIGKILL)
        self.process.wait()
        self.process = None
        self._pid_file.unlink(missing_ok=True)

    @property
    def _pid_file(self) -> Path:
        return self.runs / f"{self.command.name}.pid"

    @staticmethod
    def _end_group(group: int, how: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, how)


def end_leftovers(runs: Path) -> list[int]:
    """End what an `up` that was killed left running in this home; their process ids.

    A pid alone proves nothing after a restart of the machine: the start time must agree too.
    """
    ended = []
    for file in runs.glob("*.pid"):
        with contextlib.suppress(ValueError, psutil.Error, OSError):
            pid, created = json.loads(file.read_text())
            # The leader may be gone while what it started lives on in its group.
            members = [process for process in psutil.process_iter() if _group_of(process.pid) == pid]
            leader = next((process for process in members if process.pid == pid), None)
            if (leader is not None and abs(leader.create_time() - created) < 1) or (
                leader is None and members and all(member.create_time() >= created for member in members)
            ):
                for member in members:
                    with contextlib.suppress(psutil.NoSuchProcess):
                        member.kill()
                psutil.wait_procs(members, timeout=5)
                ended += [member.pid for member in members]
        file.unlink(missing_ok=True)
    return ended


def _group_of(pid: int) -> int | None:
    try:
        return os.getpgid(pid)
    except OSError:
        return None


def _alive(group: int) -> bool:
    """Whether anything but a dead process that nobody has collected is left in the group."""
    try:
        os.killpg(group, 0)
    except OSError:
        return False
    return any(
        _group_of(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE
        for process in psutil.process_iter()
        if psutil.pid_exists(process.pid)
    )


def _how(code: int) -> str:
    return f"exit code {code}" if code >= 0 else f"by {signal.Signals(-code).name}"
