"""A delivery worker in a process of its own: opens the desk, takes back what dead workers held, claims, publishes.

With a gap it kills itself there with SIGKILL, at its second delivery:

- `claimed`: the deliveries are claimed, nothing is marked;
- `marked`: the second is marked `sending`, its request has not left;
- `answered`: the platform answered, nothing is recorded;
- `recording`: the record is written, its transaction is not committed.

While the request is under way the platform may kill it. Else it ends when nothing is left that a machine may do.

The processes are forked off a server that has imported all this and opened nothing, so that each starts at once.
"""

import multiprocessing
import os
import signal
import time
from collections.abc import Mapping
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from sqlalchemy import func, select
from sqlmodel import col

import tasks.publish
from db.duty import register_worker
from db.tables import Delivery, DeliveryState
from db.wake import Listener
from desk.opening import open_desk
from desk.settings import read_settings
from tasks.desk import Desk
from tasks.publish import claim, publish, recover

OPEN = (DeliveryState.QUEUED, DeliveryState.CLAIMED, DeliveryState.SENDING, DeliveryState.UNKNOWN)


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class DiesAt:
    """The channel in front of the real one: it dies before or after the second request."""

    def __init__(self, channel: Any, gap: str) -> None:
        self._channel, self._gap, self._count = channel, gap, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._channel, name)

    def reply(self, out: Any) -> Any:
        self._count += 1
        if self._gap == "marked" and self._count == 2:
            die()
        sent = self._channel.reply(out)
        if self._gap == "answered" and self._count == 2:
            die()
        return sent


def die_while_recording() -> None:
    real, count = tasks.publish.record_sent, [0]

    def record_sent(*args: Any, **options: Any) -> None:
        real(*args, **options)
        args[0].flush()
        count[0] += 1
        if count[0] == 2:
            die()

    tasks.publish.record_sent = record_sent


def work_is_left(desk: Desk) -> bool:
    with desk.transaction() as session:
        left = select(func.count()).select_from(Delivery)
        left = left.where(col(Delivery.state).in_(OPEN), col(Delivery.needs_person).is_(False))
        return bool(session.execute(left).scalar_one())


def work(gap: str, environment: Mapping[str, str], told: Connection) -> None:
    os.environ.update(environment)
    with open_desk(read_settings()) as desk:
        channel = desk.channels.get("webhook")
        desk.channels._channels["webhook", "default"] = DiesAt(channel, gap)
        if gap == "recording":
            die_while_recording()
        taken_back = 0
        with Listener(desk.engine.url.render_as_string(hide_password=False), "deliver") as listener:
            worker = register_worker(listener)
            while work_is_left(desk):
                taken_back += len(recover(desk))
                claimed = claim(desk, worker)
                if gap == "claimed" and claimed:
                    die()
                publish(desk, claimed)
                if not claimed:
                    time.sleep(0.1)
        told.send(taken_back)


class Worker:
    """One such process, started. `end` waits for it, and gives its exit code and how many deliveries it took back."""

    def __init__(self, gap: str, environment: Mapping[str, str]) -> None:
        os.environ["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["delivery_worker"])
        self._told, told = context.Pipe(duplex=False)
        self.process: BaseProcess = context.Process(target=work, args=(gap, dict(environment), told), daemon=True)
        self.process.start()
        told.close()

    def kill(self) -> None:
        """SIGKILL; returns when it is dead. For another thread than the one that waits in `end`."""
        self.process.kill()
        wait([self.process.sentinel])

    def end(self) -> tuple[int | None, int | None]:
        self.process.join(180)
        taken_back = None
        if self.process.exitcode == 0:
            taken_back = self._told.recv()
        return self.process.exitcode, taken_back
