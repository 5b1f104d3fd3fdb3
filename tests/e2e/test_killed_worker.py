"""A delivery worker is killed with SIGKILL in each gap of a delivery; another one goes on, and every text arrives once.

Real processes, a real database, a real HTTP platform. Three answers wait; the worker dies at the second, so that one was
sent before its death, one is in the gap, one was only claimed.
"""

import os
import signal
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from counting_platform import Platform, channels_with, platform
from delivery_worker import Worker
from factories import Life
from house_at_work import at_work, eventually

from db.clock import SetClock
from db.duty import on_duty
from db.tables import Delivery, DeliveryState
from db.words import State
from integrations.channels.base import Certainty
from tasks.desk import Desk

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

TEXTS = ("Kopernya hilang di Gambir.", "Tagihan saya dobel bulan ini.", "Teknisinya tidak datang juga.")
HELPED = [Certainty.IDEMPOTENT, Certainty.READ_BACK]


@dataclass
class Workplace:
    """Three answers in the outbox, the platform that they are for, and the means to start workers."""

    life: Life
    platform: Platform
    references: list[str]
    environment: dict[str, str]

    def start(self, gap: str = "") -> Worker:
        return Worker(gap, self.environment)

    def work(self, gap: str = "") -> tuple[int | None, int | None]:
        """Let a worker work to its end; its exit code, and how many deliveries it took back."""
        return self.start(gap).end()

    def deliveries(self) -> list[Delivery]:
        return [self.life.delivery(reference) for reference in self.references]

    def states(self) -> list[DeliveryState]:
        return [delivery.state for delivery in self.deliveries()]

    def in_the_gap(self) -> Delivery:
        return self.deliveries()[1]

    def posted(self) -> Counter[str]:
        return self.platform.times_posted()

    def once_each(self) -> Counter[str]:
        return Counter({delivery.key: 1 for delivery in self.deliveries()})


@pytest.fixture
def certainty(request: pytest.FixtureRequest) -> Certainty:
    return request.param


@pytest.fixture
def work(desk: Desk, clock: SetClock, database_url: str, certainty: Certainty) -> Iterator[Workplace]:
    life = Life(desk, clock)
    references = [life.in_review(text, channel="webhook", handle=f"u{n}") for n, text in enumerate(TEXTS)]
    for reference in references:
        life.approve_all(reference)
    with platform(certainty) as there, tempfile.TemporaryDirectory(prefix="tanggap-", dir="/tmp") as directory:
        overlay = Path(directory) / "overlay"
        overlay.mkdir()
        (overlay / "channels.yaml").write_text(channels_with(there.url, certainty))
        environment = {
            "TANGGAP_HOME": directory,
            "TANGGAP_DATABASE_URL": database_url,
            "TANGGAP_POLICY_OVERLAY": str(overlay),
            "TANGGAP_WEBHOOK_SECRET": "rahasia",
            "NO_PROXY": "127.0.0.1",
        }
        yield Workplace(life, there, references, environment)


def killed(code: int | None) -> bool:
    return code == -signal.SIGKILL


@pytest.mark.parametrize("certainty", [Certainty.NEITHER], ids=str, indirect=True)
def test_without_a_death_every_answer_arrives_once(work: Workplace) -> None:
    code, _ = work.work()

    assert code == 0
    assert work.posted() == work.once_each()


@pytest.mark.parametrize("certainty", [Certainty.NEITHER], ids=str, indirect=True)
def test_killed_after_claiming_all_go_back_into_the_queue_and_arrive_once(work: Workplace) -> None:
    code, _ = work.work("claimed")
    assert killed(code)
    assert work.states() == [DeliveryState.CLAIMED] * 3
    assert work.posted() == {}

    code, taken_back = work.work()

    assert (code, taken_back) == (0, 3)
    assert work.posted() == work.once_each()
    assert work.states() == [DeliveryState.SENT] * 3


@pytest.mark.parametrize("gap", ["marked", "answered", "recording"])
@pytest.mark.parametrize("certainty", HELPED, ids=str, indirect=True)
def test_killed_in_the_gap_every_answer_arrives_once(work: Workplace, gap: str) -> None:
    code, _ = work.work(gap)
    assert killed(code)
    assert work.states() == [DeliveryState.SENT, DeliveryState.SENDING, DeliveryState.CLAIMED]

    code, taken_back = work.work()

    assert (code, taken_back) == (0, 2)
    assert work.posted() == work.once_each()
    assert work.states() == [DeliveryState.SENT] * 3
    assert all(work.life.state(reference) is State.RESPONDED for reference in work.references)


@pytest.mark.parametrize("posted", [True, False], ids=["posted", "lost"])
@pytest.mark.parametrize("certainty", HELPED, ids=str, indirect=True)
def test_killed_while_the_platform_has_the_request_every_answer_arrives_once(work: Workplace, posted: bool) -> None:
    kill_at_the_second_request(work, posted)

    code, taken_back = work.work()

    assert (code, taken_back) == (0, 2)
    assert work.posted() == work.once_each()
    assert work.states() == [DeliveryState.SENT] * 3


@pytest.mark.parametrize("certainty", [Certainty.READ_BACK], ids=str, indirect=True)
def test_what_the_platform_shows_on_being_asked_is_not_sent_again(work: Workplace) -> None:
    kill_at_the_second_request(work, posted=True)

    work.work()

    assert Counter(work.platform.requests) == work.once_each()


@pytest.mark.parametrize(("gap", "arrived"), [("marked", 0), ("answered", 1), ("recording", 1)])
@pytest.mark.parametrize("certainty", [Certainty.NEITHER], ids=str, indirect=True)
def test_where_nothing_helps_a_person_is_asked_and_nothing_arrives_twice(
    work: Workplace, gap: str, arrived: int
) -> None:
    code, _ = work.work(gap)
    assert killed(code)

    work.work()

    unclear = work.in_the_gap()
    assert work.posted() == work.once_each() - Counter({unclear.key: 1 - arrived})
    assert (unclear.state, unclear.needs_person) == (DeliveryState.UNKNOWN, True)
    assert Counter(work.platform.requests).most_common(1)[0][1] == 1


@pytest.mark.parametrize("posted", [True, False], ids=["posted", "lost"])
@pytest.mark.parametrize("certainty", [Certainty.NEITHER], ids=str, indirect=True)
def test_where_nothing_helps_a_request_under_way_is_never_repeated(work: Workplace, posted: bool) -> None:
    kill_at_the_second_request(work, posted)

    work.work()

    unclear = work.in_the_gap()
    assert work.posted() == work.once_each() - Counter({unclear.key: 0 if posted else 1})
    assert (unclear.state, unclear.needs_person) == (DeliveryState.UNKNOWN, True)
    assert Counter(work.platform.requests).most_common(1)[0][1] == 1


def kill_at_the_second_request(work: Workplace, posted: bool) -> None:
    """A worker dies while the platform has its second request: already posted, or about to be lost."""
    workers: list[Worker] = []

    def strike(there: Platform, key: str) -> bool:
        if len(there.requests) == 2:
            workers[0].kill()
            return False
        return True

    if posted:
        work.platform.before_answering = lambda there, key: strike(there, key) and None
    else:
        work.platform.before_posting = strike
    workers.append(work.start())
    code, _ = workers[0].end()
    assert killed(code)
    assert work.states() == [DeliveryState.SENT, DeliveryState.SENDING, DeliveryState.CLAIMED]


def test_the_deliver_run_of_a_standing_desk_is_killed_under_way_and_its_answer_arrives_once() -> None:
    """The run on duty dies while the platform answers it; the house replaces it, and the next one goes on."""
    with at_work(certainty=Certainty.READ_BACK) as work:
        reference = work.complains(TEXTS[0])
        eventually(lambda: work.complaint(reference).state is State.IN_REVIEW)
        eventually(lambda: work.complaint(reference).acknowledged_at)
        first = eventually(lambda: on_duty(work.desk.engine).get("deliver"))

        def strike(there: Platform, key: str) -> None:
            there.before_answering = lambda there, key: None
            os.kill(first.pid, signal.SIGKILL)

        work.platform.before_answering = strike
        work.approve(reference)

        eventually(lambda: work.complaint(reference).state is State.RESPONDED)
        (reply,) = work.deliveries(reference, "reply")
        assert work.platform.times_posted()[reply.key] == 1
        assert work.platform.requests.count(reply.key) == 1
        assert on_duty(work.desk.engine)["deliver"].run_id != first.run_id
        eventually(lambda: work.run(str(first.run_id))["state_type"] == "CRASHED")
