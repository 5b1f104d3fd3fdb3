"""Asks every account what is new, each in a thread of its own, so that one that hangs holds up no other.

A thread only talks to its platform. What it brings is stored by the flow, a page at a time, in a task run; the thread
goes on when that is done, since asking for the next page says that the last one is stored.
"""

import logging
import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from db.tables import Way
from integrations.channels.base import Channel, ChannelError, Page
from tasks.circuits import failed, resting, worked
from tasks.collect import pages
from tasks.desk import Desk
from tasks.looking import look_again

log = logging.getLogger("tanggap.channels")

GRACE = 5.0
"""Seconds that a thread has to end; one that still waits for its platform is left behind, and stores nothing more."""


@dataclass
class Brought:
    """A page that waits to be stored."""

    channel: Channel
    page: Page
    number: int
    """Which one of this round it is, from 1."""
    done: threading.Event = field(default_factory=threading.Event)
    stored: bool = False

    def was_stored(self) -> None:
        """Let the thread ask for more."""
        self.stored = True
        self.done.set()

    def was_not(self) -> None:
        """It could not be stored: the thread asks for it again in its next round."""
        self.done.set()


class Listening:
    """The threads of one shift."""

    def __init__(self, desk: Desk, wake: Callable[[], None], *, forever: bool) -> None:
        """`wake` is called whenever something was brought; with `forever` false each account is asked once."""
        self._desk = desk
        self._wake = wake
        self._forever = forever
        self._stop = threading.Event()
        self._pages: queue.SimpleQueue[Brought] = queue.SimpleQueue()
        listens = [channel for channel in desk.channels.all() if channel.listens]
        self._threads = [
            threading.Thread(
                target=self._listen, args=(channel,), name=f"listen-{channel.name}-{channel.account}", daemon=True
            )
            for channel in listens
        ]

    def __enter__(self) -> "Listening":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for brought in self._waiting():
            brought.was_not()
        for thread in self._threads:
            thread.join(GRACE)

    @property
    def asking(self) -> bool:
        """Whether some account is still being asked."""
        return any(thread.is_alive() for thread in self._threads)

    def brought(self, at_most: int) -> Iterator[Brought]:
        """What waits to be stored. Each must be told whether it was."""
        for _ in range(at_most):
            try:
                yield self._pages.get_nowait()
            except queue.Empty:
                return

    def _waiting(self) -> Iterator[Brought]:
        while not self._pages.empty():
            yield self._pages.get_nowait()

    def _listen(self, channel: Channel) -> None:
        poll = self._desk.policy.channels.of(channel.name).poll.total_seconds()
        while True:
            try:
                if resting(self._desk, channel.name, channel.account, Way.IN) is None:
                    self._ask(channel)
            except Exception:
                # A fault of ours, or the database is away: the others go on, and this one tries again.
                log.exception("%s/%s could not be read", channel.name, channel.account)
            self._wake_quietly()
            if not self._forever or self._stop.is_set():
                return
            channel.wait(poll, self._stop)
            if self._stop.is_set():
                return

    def _ask(self, channel: Channel) -> None:
        """One round: all that is new, then what became of open complaints' posts."""
        place = (channel.name, channel.account, Way.IN)
        try:
            for number, page in enumerate(pages(self._desk, channel), 1):
                brought = Brought(channel, page, number)
                self._pages.put(brought)
                self._wake_quietly()
                while not brought.done.wait(1.0):
                    if self._stop.is_set():
                        return
                if not brought.stored:
                    return
            look_again(self._desk, channel)
        except ChannelError as error:
            log.warning("%s/%s cannot be read now: %s", channel.name, channel.account, error)
            failed(self._desk, *place, error)
        except Exception as error:
            failed(self._desk, *place, ChannelError(f"its adapter failed with {type(error).__name__}"))
            raise
        else:
            worked(self._desk, *place)

    def _wake_quietly(self) -> None:
        try:
            self._wake()
        except Exception:
            log.warning("the flow could not be woken; it looks by itself within seconds")
