"""Who does the work after Slack was answered: quick hands for modals, few steady ones for what was written down."""

import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from desk.slack.receipts import Act, failed, left_behind
from tasks.desk import Desk

log = logging.getLogger("tanggap.slack")

QUICK = 6
STEADY = 2
CROWD = 4
"""With more clicks waiting for their answer than this, the work waits: Slack gives up after three seconds."""
WAITS_AT_MOST = 1.0
"""Seconds that an act waits so, each."""
LOOK_EVERY = 5.0
"""Seconds between two looks for acts that were left behind."""

Perform = Callable[[Act], None]


class Hands:
    """Threads that work while Slack has its answer already."""

    def __init__(self, desk: Desk, perform: Perform) -> None:
        self._desk = desk
        self._perform = perform
        self._quick = ThreadPoolExecutor(QUICK, thread_name_prefix="slack-quick")
        self._steady = ThreadPoolExecutor(STEADY, thread_name_prefix="slack-steady")
        self._held: set[str] = set()
        self._lock = threading.Lock()
        self._answering = 0
        self._calm = threading.Condition(self._lock)
        self._stop = threading.Event()
        self._looking = threading.Thread(target=self._look_after, name="slack-left-behind", daemon=True)
        self._looking.start()

    @contextmanager
    def answering(self) -> Iterator[None]:
        """While Slack waits for an answer."""
        with self._calm:
            self._answering += 1
        try:
            yield
        finally:
            with self._calm:
                self._answering -= 1
                if self._answering <= CROWD:
                    self._calm.notify_all()

    def quickly(self, work: Callable[[], None]) -> None:
        """Do it now: somebody waits for a modal. If it fails, they click again."""
        self._quick.submit(_guarded, work)

    def steadily(self, act: Act) -> None:
        """Do what was written down, in its turn."""
        with self._lock:
            if act.key in self._held:
                return
            self._held.add(act.key)
        self._steady.submit(self._do, act)

    def close(self) -> None:
        """Stop; what is still written down is done by whoever opens next."""
        self._stop.set()
        with self._calm:
            self._calm.notify_all()
        self._quick.shutdown(wait=True, cancel_futures=True)
        self._steady.shutdown(wait=True, cancel_futures=True)
        self._looking.join()

    def _do(self, act: Act) -> None:
        with self._calm:
            self._calm.wait_for(lambda: self._answering <= CROWD or self._stop.is_set(), WAITS_AT_MOST)
        try:
            self._perform(act)
        except Exception as error:
            log.exception("%s by %s could not be done", act.kind, act.user)
            why = type(error).__name__
            _guarded(lambda: failed(self._desk, act.key, why))
        finally:
            with self._lock:
                self._held.discard(act.key)

    def _look_after(self) -> None:
        while not self._stop.wait(LOOK_EVERY):
            _guarded(self._take_up)

    def _take_up(self) -> None:
        for act in left_behind(self._desk):
            self.steadily(act)


def _guarded(work: Callable[[], None]) -> None:
    try:
        work()
    except Exception:
        log.exception("A click in Slack could not be followed")
