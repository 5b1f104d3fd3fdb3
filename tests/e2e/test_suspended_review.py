"""The run of an escalated round: asleep until people decided, deaf to a click on Resume, made anew when it is lost."""

from collections.abc import Iterator
from uuid import UUID

import pytest
from house_at_work import AtWork, at_work, eventually
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.settings import PREFECT_API_URL, temporary_settings

from db.tables import ReviewState
from db.words import Gate, State, Verdict

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

THREAT = "Kalau saldo saya tidak kembali minggu ini, pengacara saya akan menggugat kalian. Tolong segera dibereskan."


@pytest.fixture(scope="module")
def work() -> Iterator[AtWork]:
    """Short shifts, since a shift begins with the proof that each escalated round has its run."""
    with at_work(shift_seconds=30) as found:
        yield found


@pytest.fixture
def client(work: AtWork) -> Iterator[SyncPrefectClient]:
    """Prefect's own client, as behind a click in its UI."""
    with temporary_settings({PREFECT_API_URL: work.settings.prefect_api_url}), get_client(sync_client=True) as found:
        yield found


@pytest.fixture
def reference(work: AtWork) -> str:
    """A complaint whose round waits for PR or Legal, its run asleep."""
    reference = work.complains(THREAT)
    eventually(lambda: work.is_suspended(work.run_of(reference)))
    return reference


def test_an_escalated_round_has_a_suspended_run_that_says_what_it_waits_for(work: AtWork, reference: str) -> None:
    run = work.run(str(work.run_of(reference)))

    gates = {review.gate.value for review in work.reviews(reference)}
    assert Gate.LEGAL in gates
    assert run["state"]["name"] == "Suspended"
    assert run["name"].startswith(f"{reference} · ")
    assert {reference, *gates} <= set(run["tags"])


def test_a_click_on_resume_decides_nothing_and_the_run_sleeps_again(
    work: AtWork, reference: str, client: SyncPrefectClient
) -> None:
    run = str(work.run_of(reference))

    client.resume_flow_run(UUID(run))

    eventually(lambda: work.states(run).count("Suspended") == 2)
    assert work.run_of(reference) == run
    assert {review.state for review in work.reviews(reference)} == {ReviewState.OPEN}
    assert work.deliveries(reference, "reply") == []
    assert work.replies(reference) == []


def test_the_last_decision_publishes_at_once_and_the_run_tells_what_came_of_it(work: AtWork, reference: str) -> None:
    run = str(work.run_of(reference))
    (draft,) = {review.draft_id for review in work.reviews(reference)}

    work.approve(reference)

    eventually(lambda: work.complaint(reference).state is State.RESPONDED)
    eventually(lambda: work.run(run)["state_type"] == "COMPLETED")
    (reply,) = work.deliveries(reference, "reply")
    assert reply.draft_id == draft
    assert work.replies(reference) == [reply.text]
    assert work.run(run)["state"]["message"].startswith(f"{reference}: passed; ")
    assert "legal approve by legal-tono" in work.run(run)["state"]["message"]


def test_a_rejection_ends_the_run_and_publishes_nothing(work: AtWork, reference: str) -> None:
    run = str(work.run_of(reference))

    work.decides(reference, Gate.LEGAL, Verdict.REJECT, "belum boleh dijawab")

    eventually(lambda: work.run(run)["state_type"] == "COMPLETED")
    assert work.complaint(reference).state is State.HELD
    assert work.replies(reference) == []
    assert work.run(run)["state"]["message"].startswith(f"{reference}: rejected; ")


def test_a_run_that_was_deleted_is_made_anew_and_its_round_goes_on(
    work: AtWork, reference: str, client: SyncPrefectClient
) -> None:
    lost = str(work.run_of(reference))

    client.delete_flow_run(UUID(lost))

    eventually(lambda: work.run_of(reference) not in (lost, None))
    eventually(lambda: work.is_suspended(work.run_of(reference)))
    work.approve(reference)
    eventually(lambda: work.run(str(work.run_of(reference)))["state_type"] == "COMPLETED")
    eventually(lambda: len(work.replies(reference)) == 1)


def test_a_run_that_crashed_is_made_anew(work: AtWork, reference: str) -> None:
    lost = str(work.run_of(reference))

    work.server.set_state(lost, "CRASHED", "Killed by a test.")

    eventually(lambda: work.run_of(reference) not in (lost, None))
    eventually(lambda: work.is_suspended(work.run_of(reference)))
    assert {review.state for review in work.reviews(reference)} == {ReviewState.OPEN}
