"""Intakes and delivery workers as processes of their own, all let loose at one moment on one database."""

import multiprocessing
import os
import queue
import time
import traceback
from collections.abc import Mapping
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from db.duty import register_worker
from db.wake import Listener
from desk.opening import open_desk
from desk.settings import read_settings
from integrations.intake.reading import read_file
from tasks.answer import draft_answers, due_for_answer, take_aim
from tasks.assess import assess, due_for_assessment
from tasks.desk import Desk
from tasks.publish import claim, publish, recover
from tasks.record import chunks, record

CHUNK = 50
"""Small, so that the two interleave often."""


def intake(desk: Desk, file: Path) -> dict[str, int]:
    """Read the file, and assess and draft whatever is due, one's own or the other's, between the chunks."""
    done: dict[str, int] = {}
    items = read_file(
        file,
        name=file.name,
        channel=None,
        now=desk.now(),
        known_channels=desk.policy.channels.known,
        own_addresses=desk.policy.company.owns_email,
    )
    for chunk in chunks(items, CHUNK):
        for name, count in record(desk, chunk, source=str(file)).summary().items():
            done[name] = done.get(name, 0) + count
        assess(desk, due_for_assessment(desk, 80))
        draft_answers(desk, take_aim(desk, due_for_answer(desk, 30)))
    while numbers := due_for_assessment(desk):
        assess(desk, numbers)
        time.sleep(0.05)
    while (marks := due_for_answer(desk)) or due_for_assessment(desk):
        draft_answers(desk, take_aim(desk, marks))
        time.sleep(0.05)
    return done


def deliver(desk: Desk, over: Any) -> dict[str, int]:
    """Publish what is due until told that nothing more comes, and then what is left."""
    sent = 0
    with Listener(desk.engine.url.render_as_string(hide_password=False), "deliver") as listener:
        worker = register_worker(listener)
        while True:
            last = over.is_set()
            recover(desk)
            while claimed := claim(desk, worker):
                sent += len(publish(desk, claimed))
            if last:
                return {"sent": sent}
            listener.wait(0.2)


def take_part(what: str, given: Any, environment: Mapping[str, str], start: Any, told: Any) -> None:
    os.environ.update(environment)
    try:
        with open_desk(read_settings()) as desk:
            start.wait(300)
            told.put((what, intake(desk, given) if what == "intake" else deliver(desk, given)))
    except BaseException:
        told.put((what, {"error": traceback.format_exc()}))
        raise


class Crowd:
    """Two intakes on a file and two delivery workers."""

    def __init__(self, file: Path, environment: Mapping[str, str]) -> None:
        os.environ["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["delivery_worker", "crowd"])
        self._over = context.Event()
        self._told = context.Queue()
        self._start = context.Barrier(4)
        given: list[tuple[str, Any]] = [("intake", file), ("intake", file)]
        given += [("deliver", self._over), ("deliver", self._over)]
        self._processes: list[BaseProcess] = [
            context.Process(target=take_part, args=(what, one, dict(environment), self._start, self._told), daemon=True)
            for what, one in given
        ]

    def work(self) -> dict[str, list[dict[str, Any]]]:
        """Let them loose; what each says in the end."""
        for process in self._processes:
            process.start()
        said: dict[str, list[dict[str, Any]]] = {"intake": [], "deliver": []}
        while sum(map(len, said.values())) < len(self._processes):
            what, done = self._next()
            said[what].append(done)
            if len(said["intake"]) == 2 or "error" in done:
                self._over.set()
        for process in self._processes:
            process.join(60)
        return said

    def _next(self) -> tuple[str, dict[str, Any]]:
        while True:
            try:
                return self._told.get(timeout=2)
            except queue.Empty:
                assert not any(process.exitcode for process in self._processes), "one of them died"
