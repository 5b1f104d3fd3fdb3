"""Each account is asked in a thread of its own: one that hangs or fails holds up no other, and nothing comes twice."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from factories import Life, message
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from db.tables import ChannelState, Cursor, Message, Way
from flows import intake as intake_module
from flows.intake import take_in, work
from flows.listening import Brought, Listening
from integrations.channels.base import Asked, Heard, LockedOut, Page, Seen, Sent, Target, TryAgain
from integrations.channels.registry import Channels
from integrations.channels.sandbox import SandboxChannel
from integrations.record import Incoming
from tasks.circuits import failed, let_try, worked
from tasks.record import record

pytest_plugins = ("lives",)


class Platform(SandboxChannel):
    """A platform whose pages, errors and pauses the test says."""

    listens = True

    def __init__(self, life: Life, name: str, *pages: Sequence[Incoming]) -> None:
        super().__init__(name, clock=life.clock)
        self.pages = list(pages)
        self.errors: list[Exception] = []
        self.asked: list[str | None] = []
        self.waits = 0
        self.wait_error: Exception | None = None
        self.hang: threading.Event | None = None
        self.hang_looking: threading.Event | None = None
        self.looks: list[Seen] = []
        self.look_error: Exception | None = None

    def fetch(self, cursor: str | None) -> Iterator[Page]:
        self.asked.append(cursor)
        if self.errors:
            raise self.errors.pop(0)
        if self.hang is not None:
            self.hang.wait(30)
        for number, items in enumerate(self.pages, 1):
            if number > int(cursor or 0):
                yield Page(tuple(items), str(number))

    def look_at(self, external_ids: Sequence[str]) -> Iterable[Seen]:
        if self.look_error is not None:
            raise self.look_error
        if self.hang_looking is not None:
            self.hang_looking.wait(30)
        return self.looks

    def wait(self, seconds: float, stop: threading.Event) -> None:
        self.waits += 1
        if self.wait_error is not None:
            raise self.wait_error
        stop.wait(0.01)

    def hear(self, asked: Asked) -> Heard:
        return Heard()


class WithTickets(Platform):
    """A platform on which each message is a ticket."""

    def __init__(self, life: Life, name: str, *pages: Sequence[Incoming]) -> None:
        super().__init__(life, name, *pages)
        self.linked: list[str] = []

    def ticket_of(self, external_id: str) -> str | None:
        return external_id

    def link(self, target: Target, reference: str, url: str) -> Sent:
        self.linked.append(reference)
        return Sent(target.external_id or "")


class Shift:
    """As much of a shift as the flow's round needs, without Prefect."""

    def __init__(self, life: Life, length: float) -> None:
        self.desk = life.desk
        self.length = length
        self.done: dict[str, int] = {}

    def do(self, named: str, step: Callable[..., Any], *given: Any, retries: int = 3) -> Any:
        return step(*given)

    def count(self, **done: int) -> None:
        for name, number in done.items():
            if number:
                self.done[name] = self.done.get(name, 0) + number


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """No artifacts: there is no Prefect here."""
    monkeypatch.setattr(intake_module, "show_batch", lambda *_: None)
    monkeypatch.setattr(intake_module, "show_progress", lambda *_: None)


def only(life: Life, *channels: Platform, poll: timedelta = timedelta(milliseconds=10)) -> None:
    """A desk that has these accounts alone, asked again and again without a pause, or so seldom."""
    life.desk = replace(life.desk, channels=Channels({(one.name, one.account): one for one in channels}))
    rules = life.desk.policy.channels
    fast = {name: one.model_copy(update={"poll": poll}) for name, one in rules.channels.items()}
    life.with_policy(channels=rules.model_copy(update={"channels": fast}))


def posts(life: Life, channel: str, *numbers: int) -> list[Incoming]:
    return [
        message(f"{channel} {n}", at=life.now(), channel=channel, handle=f"u{n}", external_id=f"{channel}-{n}")
        for n in numbers
    ]


def stored(life: Life) -> list[str]:
    with life.desk.transaction() as session:
        return sorted(session.execute(select(Message.text)).scalars())


def state(life: Life, channel: str) -> ChannelState | None:
    with life.desk.transaction() as session:
        return session.get(ChannelState, (channel, "default", Way.IN))


def cursor(life: Life, channel: str) -> str | None:
    with life.desk.transaction() as session:
        found = session.get(Cursor, (channel, "default"))
        return found.position if found else None


def one_pass(life: Life) -> dict[str, int]:
    """What `intake(shift=0)` does."""
    shift = Shift(life, 0)
    with Listening(life.desk, lambda: None, forever=False) as listening:
        while work(shift, listening):  # type: ignore[arg-type]
            pass
    return shift.done


def until(holds: Callable[[], object], shift: Shift, listening: Listening, seconds: float = 20) -> None:
    """Go on taking in until something holds."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not come to be in time"
        if not work(shift, listening):  # type: ignore[arg-type]
            time.sleep(0.01)


# One pass


def test_one_pass_takes_all_pages_of_all_accounts_once(life: Life) -> None:
    x = Platform(life, "x", posts(life, "x", 1, 2), posts(life, "x", 3))
    mail = Platform(life, "email", posts(life, "email", 1))
    only(life, x, mail)

    done = one_pass(life)

    assert stored(life) == ["email 1", "x 1", "x 2", "x 3"]
    assert (done["accepted"], done["assessed"]) == (4, 4)
    assert (cursor(life, "x"), cursor(life, "email")) == ("2", "1")
    assert (len(x.asked), len(mail.asked)) == (1, 1)


def test_a_ticket_that_came_names_its_complaint_in_the_same_pass(life: Life) -> None:
    crm = WithTickets(life, "request_tracker", posts(life, "request_tracker", 1))
    only(life, crm)

    one_pass(life)

    assert crm.linked == ["TG-1001"]


def test_a_ticket_is_told_its_news_while_nothing_can_be_read(life: Life) -> None:
    crm = WithTickets(life, "request_tracker")
    only(life, crm)
    record(life.desk, posts(life, "request_tracker", 1), source="test")
    crm.errors = [TryAgain("away")]

    one_pass(life)

    assert crm.linked == ["TG-1001"]


def test_a_second_pass_takes_nothing_twice(life: Life) -> None:
    x = Platform(life, "x", posts(life, "x", 1), posts(life, "x", 2))
    only(life, x)
    one_pass(life)

    assert one_pass(life) == {}
    assert x.asked == [None, "2"]


def test_a_channel_that_does_not_listen_is_not_asked(life: Life) -> None:
    x = Platform(life, "x", posts(life, "x", 1))
    x.listens = False  # type: ignore[misc]
    only(life, x)

    assert one_pass(life) == {}
    assert x.asked == []


def test_an_account_that_rests_is_not_asked(life: Life) -> None:
    x = Platform(life, "x", posts(life, "x", 1))
    only(life, x)
    failed(life.desk, "x", "default", Way.IN, TryAgain("429", after=60))

    one_pass(life)
    assert x.asked == []

    life.later(seconds=70)
    one_pass(life)
    assert stored(life) == ["x 1"]


# Others go on


def test_an_account_that_hangs_holds_up_no_other(life: Life) -> None:
    hangs, x = Platform(life, "email", posts(life, "email", 1)), Platform(life, "x", posts(life, "x", 1))
    hangs.hang = threading.Event()
    only(life, hangs, x)
    shift = Shift(life, 60)

    with Listening(life.desk, lambda: None, forever=True) as listening:
        until(lambda: stored(life) == ["x 1"], shift, listening)
        hangs.hang.set()
        until(lambda: stored(life) == ["email 1", "x 1"], shift, listening)


@pytest.mark.parametrize("error", [TryAgain("busy"), LockedOut("expired"), KeyError("data")])
def test_an_account_that_fails_holds_up_no_other(life: Life, error: Exception) -> None:
    fails, x = Platform(life, "email", posts(life, "email", 1)), Platform(life, "x", posts(life, "x", 1))
    fails.errors = [error]
    only(life, fails, x)

    one_pass(life)

    assert stored(life) == ["x 1"]
    assert state(life, "email").failures >= 1
    assert state(life, "x").failures == 0


def test_credentials_that_are_refused_leave_the_account_alone(life: Life) -> None:
    x = Platform(life, "x", posts(life, "x", 1))
    x.errors = [LockedOut("expired")] * 100
    only(life, x)
    shift = Shift(life, 60)

    with Listening(life.desk, lambda: None, forever=True) as listening:
        until(lambda: (found := state(life, "x")) and found.open_since, shift, listening)
        time.sleep(0.3)

    assert len(x.asked) == 1
    assert x.waits == 0


def test_an_account_that_a_person_mended_is_asked_at_once_however_seldom_it_is_asked(
    life: Life, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Listening, "look_for_mended", 0.05)
    x = Platform(life, "x", posts(life, "x", 1))
    x.errors = [LockedOut("expired")]
    only(life, x, poll=timedelta(hours=1))
    shift = Shift(life, 60)

    with Listening(life.desk, lambda: None, forever=True) as listening:
        until(lambda: (found := state(life, "x")) and found.open_since, shift, listening)
        let_try(life.desk, "x", "default")
        until(lambda: stored(life) == ["x 1"], shift, listening)

    assert x.asked[:2] == [None, None]


def test_an_account_that_is_let_in_again_elsewhere_is_asked_at_once(
    life: Life, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Listening, "look_for_mended", 0.05)
    x = Platform(life, "x", posts(life, "x", 1))
    x.errors = [LockedOut("expired")]
    only(life, x, poll=timedelta(hours=1))
    failed(life.desk, "x", "default", Way.PUBLIC, LockedOut("expired"))
    shift = Shift(life, 60)

    with Listening(life.desk, lambda: None, forever=True) as listening:
        until(lambda: (found := state(life, "x")) and found.open_since, shift, listening)
        time.sleep(0.3)
        worked(life.desk, "x", "default", Way.PUBLIC)
        until(lambda: stored(life) == ["x 1"], shift, listening)


def test_an_account_that_cannot_be_waited_for_is_asked_again_all_the_same(life: Life) -> None:
    x = Platform(life, "x", posts(life, "x", 1))
    x.wait_error = OSError("the idle connection broke")
    only(life, x)
    shift = Shift(life, 60)

    with Listening(life.desk, lambda: None, forever=True) as listening:
        until(lambda: len(x.asked) >= 3, shift, listening)

    assert stored(life) == ["x 1"]


def test_the_flow_is_woken_though_waking_may_fail(life: Life) -> None:
    def cannot() -> None:
        raise OperationalError("x", None, Exception())

    x = Platform(life, "x", posts(life, "x", 1))
    only(life, x)
    shift = Shift(life, 60)

    with Listening(life.desk, cannot, forever=True) as listening:
        until(lambda: stored(life) == ["x 1"], shift, listening)


# A page that cannot be stored


def test_a_page_that_cannot_be_stored_comes_again(life: Life, monkeypatch: pytest.MonkeyPatch) -> None:
    x = Platform(life, "x", posts(life, "x", 1), posts(life, "x", 2))
    mail = Platform(life, "email", posts(life, "email", 1))
    only(life, x, mail)
    real, refused = intake_module.store, []

    def store(desk: Any, channel: Any, page: Page) -> Any:
        if channel.name == "x" and page.cursor == "2" and not refused:
            refused.append(page)
            raise RuntimeError("the disk is full")
        return real(desk, channel, page)

    monkeypatch.setattr(intake_module, "store", store)
    shift = Shift(life, 60)

    with Listening(life.desk, lambda: None, forever=True) as listening:
        until(lambda: len(stored(life)) == 3, shift, listening)

    assert stored(life) == ["email 1", "x 1", "x 2"]
    assert x.asked[:2] == [None, "1"]
    assert len(refused) == 1


def test_an_account_whose_pages_can_never_be_stored_is_left_alone_and_told(
    life: Life, monkeypatch: pytest.MonkeyPatch
) -> None:
    x = Platform(life, "x", posts(life, "x", 1))
    only(life, x)

    def store(*_: Any) -> Any:
        raise RuntimeError("the disk is full")

    monkeypatch.setattr(intake_module, "store", store)
    shift = Shift(life, 60)

    with Listening(life.desk, lambda: None, forever=True) as listening:
        until(lambda: (found := state(life, "x")) and found.open_since, shift, listening)

    assert "cannot be stored (RuntimeError)" in state(life, "x").why
    assert len(x.asked) == 5


def test_an_interrupt_while_storing_lets_the_thread_go(life: Life, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(intake_module, "store", interrupted)
    brought = Brought(Platform(life, "x"), Page((), "1"), 1)

    with pytest.raises(KeyboardInterrupt):
        take_in(Shift(life, 0), brought)  # type: ignore[arg-type]

    assert (brought.done.is_set(), brought.stored) == (True, False)


# The end of a shift


def test_nothing_is_stored_after_the_end(life: Life, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flows.listening.GRACE", 0.2)
    hangs = Platform(life, "email", posts(life, "email", 1))
    hangs.hang = threading.Event()
    only(life, hangs)

    with Listening(life.desk, lambda: None, forever=True) as listening:
        time.sleep(0.2)
    hangs.hang.set()
    eventually_ends(listening)

    assert stored(life) == []
    assert cursor(life, "email") is None


def test_what_is_seen_after_the_end_is_not_stored(life: Life, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flows.listening.GRACE", 0.2)
    x = Platform(life, "x", posts(life, "x", 1))
    only(life, x)
    one_pass(life)
    life.later(hours=1)
    x.looks = [Seen("x-1", there=False)]
    x.hang_looking = threading.Event()

    with Listening(life.desk, lambda: None, forever=True) as listening:
        time.sleep(0.3)
    x.hang_looking.set()
    eventually_ends(listening)

    with life.desk.transaction() as session:
        assert session.execute(select(Message.removed_at)).scalar_one() is None


def test_many_accounts_that_hang_end_together(life: Life, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flows.listening.GRACE", 0.5)
    hangs = [Platform(life, name) for name in ("x", "email", "facebook", "instagram", "telegram", "bluesky")]
    over = threading.Event()
    for one in hangs:
        one.hang = over
    only(life, *hangs)

    with Listening(life.desk, lambda: None, forever=True) as listening:
        time.sleep(0.1)
        began = time.monotonic()
    took = time.monotonic() - began
    over.set()
    eventually_ends(listening)

    assert took < 1.5


def eventually_ends(listening: Listening) -> None:
    end = time.monotonic() + 20
    while listening.asking:
        assert time.monotonic() < end, "a thread did not end"
        time.sleep(0.02)


# Looking again


def test_looking_again_that_fails_stops_nobody_from_being_heard(life: Life) -> None:
    x = Platform(life, "x", posts(life, "x", 1))
    only(life, x)
    one_pass(life)
    x.look_error = TryAgain("the search grant is used up", after=900)
    x.pages.append(posts(life, "x", 2))
    life.later(hours=1)

    one_pass(life)
    x.pages.append(posts(life, "x", 3))
    one_pass(life)

    assert stored(life) == ["x 1", "x 2", "x 3"]
    assert state(life, "x").rests_until is None


def test_posts_are_looked_at_again_after_what_is_new(life: Life) -> None:
    x = Platform(life, "x", posts(life, "x", 1))
    only(life, x)
    one_pass(life)
    x.looks = [Seen("x-1", text="x 1, diperbarui")]
    life.later(hours=1)

    one_pass(life)

    assert stored(life) == ["x 1, diperbarui"]
