"""Asks every account what is new, each in a thread of its own, so that one that hangs holds up no other.

A thread only talks to its platform. What it brings is stored by the flow, a page at a time, in a task run; the thread
goes on when that is done, since asking for the next page says that the last one is stored.
"""

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from sqlalchemy.exc import OperationalError

from db.tables import Way
from integrations.channels.base import Channel, ChannelError, Page
from tasks.circuits import failed, place_of, resting, standing, worked
from tasks.collect import pages
from tasks.desk import Desk
from tasks.looking import look_again
from tasks.tickets import keep_in_step

log = logging.getLogger("tanggap.channels")

GRACE = 5.0
"""Seconds that the threads have to end; one that still waits for its platform is left behind, to store nothing more."""


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

    look_for_mended = 5.0
    """Seconds between looks whether an account that rests may be tried again."""

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
        until = time.monotonic() + GRACE
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))

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
            asked = False
            try:
                if resting(self._desk, channel.name, channel.account, Way.IN) is None:
                    asked = self._ask(channel)
                    if asked:
                        self._look(channel)
                keep_in_step(self._desk, channel, lambda: not self._stop.is_set())
            except Exception as error:
                # A fault of ours, or the database is away: the others go on, and this one tries again.
                log.error("%s/%s could not be read: %s", channel.name, channel.account, place_of(error))
            self._wake_quietly()
            if not self._forever or self._stop.is_set():
                return
            self._wait(channel, poll, asked)
            if self._stop.is_set():
                return

    def _wait(self, channel: Channel, seconds: float, well: bool) -> None:
        """Until the next round. A platform that is left alone, or just failed, is not asked to tell what comes."""
        try:
            if well:
                channel.wait(seconds, self._stop)
                return
            self._rest(channel, seconds)
        except Exception as error:
            log.error("%s/%s cannot be waited for: %s", channel.name, channel.account, place_of(error))
            self._stop.wait(seconds)

    def _rest(self, channel: Channel, seconds: float) -> None:
        """Until the next round. An open circuit whose rest is over, or that somebody mended, is tried at once."""
        place = (channel.name, channel.account, Way.IN)
        until = time.monotonic() + seconds
        was_open, _ = standing(self._desk, *place)
        while (left := until - time.monotonic()) > 0 and not self._stop.wait(min(left, self.look_for_mended)):
            is_open, rests = standing(self._desk, *place)
            was_open = was_open or is_open
            if was_open and not rests:
                return

    def _ask(self, channel: Channel) -> bool:
        """All that is new; whether there is nothing more, and all of it is stored."""
        place = (channel.name, channel.account, Way.IN)
        try:
            for number, page in enumerate(pages(self._desk, channel), 1):
                brought = Brought(channel, page, number)
                self._pages.put(brought)
                self._wake_quietly()
                while not brought.done.wait(1.0):
                    if self._stop.is_set():
                        return False
                if not brought.stored:
                    return False
        except ChannelError as error:
            log.warning("%s/%s cannot be read now: %s", channel.name, channel.account, error)
            failed(self._desk, *place, error)
            return False
        except OperationalError:  # ours: the platform has no part in it
            raise
        except Exception as error:
            failed(self._desk, *place, ChannelError(f"its adapter failed with {type(error).__name__}"))
            raise
        worked(self._desk, *place)
        return True

    def _look(self, channel: Channel) -> None:
        """What became of open complaints' posts. That it cannot be told stops nobody from being heard."""
        try:
            look_again(self._desk, channel, lambda: not self._stop.is_set())
        except ChannelError as error:
            log.warning("%s/%s cannot be looked at again now: %s", channel.name, channel.account, error)

    def _wake_quietly(self) -> None:
        try:
            self._wake()
        except Exception:
            log.warning("the flow could not be woken; it looks by itself within seconds")
