"""A schedule fires on a real server, and one shift relieves the other.

SQLAlchemy 2.1 breaks the server's schedulers in silence: this is the test that notices.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from house_at_work import AtWork, at_work, eventually

from db.duty import on_duty
from db.words import State

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

STAGES = ("intake", "respond", "deliver", "watch")
LATE = "Paket saya belum sampai padahal sudah seminggu, tolong dicek ya."


@pytest.fixture(scope="module")
def work() -> Iterator[AtWork]:
    with at_work(shift_seconds=30) as found:
        eventually(lambda: set(on_duty(found.desk.engine)) == set(STAGES))
        yield found


def holder(work: AtWork, stage: str) -> str | None:
    """The run that is on duty at the stage."""
    found = on_duty(work.desk.engine).get(stage)
    return found.run_id if found else None


def by_schedule(work: AtWork, stage: str) -> list[dict[str, Any]]:
    """The runs that the server's scheduler made and that have begun."""
    return [run for run in work.runs(stage) if run["auto_scheduled"] and run["start_time"]]


@pytest.mark.parametrize("stage", STAGES)
def test_the_second_shift_comes_by_schedule_and_relieves_the_first(work: AtWork, stage: str) -> None:
    first = holder(work, stage) or eventually(lambda: holder(work, stage))

    second = eventually(lambda: (now := holder(work, stage)) != first and now)

    assert second in [run["id"] for run in by_schedule(work, stage)]
    eventually(lambda: work.run(first)["state_type"] == "COMPLETED")


def test_no_hand_over_left_a_post_so_long_empty_that_the_house_stepped_in(work: AtWork) -> None:
    eventually(lambda: all(len(by_schedule(work, stage)) >= 2 for stage in STAGES))

    by_hand = {stage: [run for run in work.runs(stage) if not run["auto_scheduled"]] for stage in STAGES}

    assert {stage: len(runs) for stage, runs in by_hand.items()} == dict.fromkeys(STAGES, 1)


@pytest.mark.parametrize("stage", STAGES)
def test_one_run_a_stage_is_on_duty(work: AtWork, stage: str) -> None:
    def running() -> list[str]:
        return [run["id"] for run in work.runs(stage) if run["state_type"] == "RUNNING"]

    eventually(lambda: running() == [holder(work, stage)], every=1)


def test_what_comes_in_during_hand_overs_is_acknowledged_once(work: AtWork) -> None:
    with watching_hand_overs(work, "intake") as seen:
        references = []

        def two_hand_overs() -> bool:
            references.append(work.complains(f"{LATE} Nomor pesanan ORD-{80000 + len(references)}."))
            return len(seen) >= 3

        eventually(two_hand_overs, every=2)

    eventually(lambda: all(work.complaint(reference).acknowledged_at for reference in references))
    assert {work.complaint(reference).state for reference in references} <= {
        State.ASSESSED,
        State.DRAFTING,
        State.IN_REVIEW,
    }
    heard = [key.partition(":acknowledgement:")[0] for key in work.platform.times_posted().elements()]
    assert [heard.count(reference) for reference in references] == [1] * len(references)


@contextmanager
def watching_hand_overs(work: AtWork, stage: str) -> Iterator[set[str]]:
    """The runs that were on duty while the context lasts."""
    seen: set[str] = set()
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.1):
            now = holder(work, stage)
            if now is not None:
                seen.add(now)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()
