"""Where flow runs are born: a process that has imported Prefect and the flows, and forks one off for each run.

Importing Prefect and the flows costs some five seconds of CPU on a small machine, a fork some milliseconds, and the
memory is shared. The worker does not know of it: the command of its deployments (`desk.up.leash`) asks here and stays
in the place of the run, passing signals on. The process dies with its asker, and with the nursery.

Nothing here may start a thread or open a connection before a fork: neither survives one. That holds for the flows'
modules too: at import they define, and connect to nothing.
"""

import contextlib
import gc
import importlib
import json
import logging
import os
import runpy
import selectors
import signal
import socket
import sys
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from desk.up.birth import read_wish
from desk.up.deploy_file import deployment_file, read_deployments
from desk.up.leash import end_with_parent

log = logging.getLogger("tanggap.house")

ENGINE = (
    "prefect.engine",
    "prefect.flow_engine",
    "prefect.task_engine",
    "prefect.main",
    "prefect._internal.metrics",
    "prefect.events.clients",
    "prefect.events.worker",
    "prefect.logging.handlers",
    "prefect.client.schemas.schedules",
    "prefect.deployments.flow_runs",
    "prefect.runtime",
    # What every run imports late.
    "anyio._backends._asyncio",
    "prefect._internal.observers",
    "pydantic.v1",
    "encodings.idna",
    "desk.up.deploy",
)
"""What runs need, beside the flows' own modules."""


def main() -> None:
    """Import, then bear until told to stop. In a newborn process this goes on as its module."""
    address = Path(sys.argv[1])
    # Who asks while the imports run waits for them; it would not be quicker by itself.
    nursery = Nursery(address)
    gc.disable()
    _import(ENGINE)
    file = Path(sys.argv[2]) if len(sys.argv) > 2 else deployment_file()
    _import(str(one["entrypoint"]).rpartition(".")[0] for one in read_deployments(file))
    if threading.active_count() > 1:
        log.warning("Threads run before a fork and will be missing after it: %s", threading.enumerate())
    # What is here now stays: the collector need not touch it, so the newborn share its pages.
    gc.freeze()
    gc.enable()
    born = nursery.serve()
    if born is not None:
        _grow_up(born)


def _import(modules: Iterable[str]) -> None:
    for module in dict.fromkeys(modules):
        try:
            importlib.import_module(module)
        except Exception:  # the run that needs it will say so where people look
            log.exception("Cannot import %s", module)


class Nursery:
    """The listening socket, and who asked for which process."""

    def __init__(self, address: Path) -> None:
        self._selector = selectors.DefaultSelector()
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        address.unlink(missing_ok=True)
        os.chdir(address.parent)
        self._listener.bind(address.name)
        self._listener.listen(64)
        self._askers: dict[int, socket.socket] = {}
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._woken, self._wakes = os.pipe()
        for end in (self._woken, self._wakes):
            os.set_blocking(end, False)
        self._selector.register(self._woken, selectors.EVENT_READ)
        signal.set_wakeup_fd(self._wakes, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def serve(self) -> dict[str, Any] | None:
        """Bear processes until SIGTERM. Returns in each newborn one, with what was wished for."""
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is self._listener:
                    wish = self._bear()
                    if wish is not None:
                        return wish
                elif key.fileobj == self._woken:
                    with contextlib.suppress(BlockingIOError):
                        os.read(self._woken, 4096)
                    self._collect()
                else:
                    self._listen_to(key.data)

    def _bear(self) -> dict[str, Any] | None:
        asker, _ = self._listener.accept()
        asker.settimeout(10)
        try:
            wish, files = read_wish(asker)
        except (OSError, ValueError):
            asker.close()
            return None
        pid = os.fork()
        if pid == 0:
            self._leave(asker)
            for place, file in enumerate(files):
                os.dup2(file, place)
                os.close(file)
            return wish
        for file in files:
            os.close(file)
        self._askers[pid] = asker
        self._selector.register(asker, selectors.EVENT_READ, pid)
        return None

    def _leave(self, asker: socket.socket) -> None:
        """In the newborn process: nothing of the nursery stays open."""
        end_with_parent(signal.SIGKILL)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self._selector.close()
        for other in (asker, self._listener, *self._askers.values()):
            other.close()
        os.close(self._woken)
        os.close(self._wakes)

    def _listen_to(self, pid: int) -> None:
        """A byte is a signal to pass on; the end of the connection is the end of the process."""
        asker = self._askers.get(pid)
        if asker is None:
            return
        try:
            said = asker.recv(64)
        except OSError:
            said = b""
        for number in said or (signal.SIGKILL,):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        if not said:
            self._selector.unregister(asker)

    def _collect(self) -> None:
        """Tell the askers how their processes ended."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            asker = self._askers.pop(pid, None)
            if asker is None:
                continue
            with contextlib.suppress(KeyError):
                self._selector.unregister(asker)
            with contextlib.suppress(OSError):
                asker.sendall(json.dumps({"code": os.waitstatus_to_exitcode(status)}).encode())
            asker.close()


def _grow_up(wish: dict[str, Any]) -> None:
    """Become what was wished for: its place, its environment, its module."""
    from prefect.context import refresh_global_settings_context

    os.environ.clear()
    os.environ.update(wish["env"])
    os.chdir(wish["cwd"])
    os.nice(wish["nice"])
    refresh_global_settings_context()
    sys.argv = wish["words"]
    # As in a fresh interpreter: what the module imports by its own name is run anew, the rest is shared.
    sys.modules.pop(sys.argv[0], None)
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
