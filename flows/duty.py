"""A stage's shift: one run on duty, woken by the database, each batch a task run named by what it did.

The holder works until a newcomer waits to relieve it, or for twice its shift when nobody comes. A shift of zero seconds
is one pass over what is due, beside whoever is on duty.
"""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, TypeVar

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.runtime import flow_run
from sqlalchemy.exc import OperationalError

from db.duty import register_worker, relief_waits, take_post
from db.wake import Listener
from flows.opening import opened_desk
from tasks.desk import Desk

Done = TypeVar("Done")
log = logging.getLogger("tanggap.flows")

PATIENCE = 30.0
"""Seconds that a relief waits for the post: the holder finishes its batch first."""


class Duty:
    """What a stage's flow works with: the desk, and a way to do a step as a task run."""

    def __init__(self, desk: Desk, stage: str, listener: Listener, length: float) -> None:
        self.desk = desk
        self.stage = stage
        self.length = length
        self.done: dict[str, int] = {}
        self._listener = listener
        self._worker: int | None = None

    @property
    def worker(self) -> int:
        """This run's number as a delivery worker, and a lock that lives as long as the run."""
        if self._worker is None:
            self._worker = register_worker(self._listener)
        return self._worker

    def do(self, named: str, step: Callable[..., Done], *given: Any, retries: int = 3) -> Done:
        """Run a step as a task run with this name; `retries` only where a second try does no harm."""

        def batch() -> Done:
            return step(*given)

        name = f"{step.__module__.rpartition('.')[2]}.{step.__name__}"
        run = task(
            name=name,
            task_run_name=named,
            retries=retries,
            retry_delay_seconds=[0.2, 1.0, 5.0][:retries],
            retry_condition_fn=lambda _, __, state: _may_pass(state),
            persist_result=False,
            cache_policy=NO_CACHE,
        )(batch)
        return run()

    def count(self, **done: int) -> None:
        """Add to what this shift did."""
        for name, number in done.items():
            if number:
                self.done[name] = self.done.get(name, 0) + number

    def rounds(
        self, *, due: Callable[[], datetime | None] | None = None, at_least_every: float = 60.0
    ) -> Iterator[None]:
        """One turn whenever something happens: a wake, a due time, or the slow tick; ends with the shift."""
        until = time.monotonic() + 2 * self.length
        while True:
            yield
            if self.length <= 0 or relief_waits(self._listener, self.stage) or time.monotonic() >= until:
                return
            wait = at_least_every
            at = due() if due else None
            if at is not None:
                wait = min(wait, (at - self.desk.now()) / timedelta(seconds=1))
            if wait > 0:
                self._listener.wait(min(wait, until - time.monotonic()))


def _may_pass(state: Any) -> bool:
    """A lost connection or a lock that was not to be had may pass; a wrong row will not."""
    try:
        state.result(raise_on_failure=True)
    except OperationalError:
        return True
    except Exception:
        return False
    return False


@contextmanager
def on_duty(stage: str, shift: float | None) -> Iterator[Duty | None]:
    """Take the stage's post for a shift (seconds; None: the settings'); None where it is not needed."""
    with opened_desk() as (desk, settings):
        length = settings.shift_seconds if shift is None else shift
        url = desk.engine.url.render_as_string(hide_password=False)
        with Listener(url, stage) as listener:
            if length > 0:
                run = str(flow_run.get_id() or "")
                if not take_post(listener, stage, run_id=run or None, now=desk.now(), patience=PATIENCE):
                    log.info("%s: somebody is on duty and somebody waits to relieve them", stage)
                    yield None
                    return
            yield Duty(desk, stage, listener, length)


def shift_name() -> str:
    """How a shift is named in the Prefect UI: its stage and the hour it began, in UTC."""
    start = flow_run.get_scheduled_start_time()
    return f"{flow_run.get_flow_name()} {start:%m-%d %H:%M}"
