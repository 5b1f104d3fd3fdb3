"""Starts, wakes and mends the runs of escalated rounds. A run can be lost and made anew: the rows have all it needs."""

import logging
from collections.abc import Sequence
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import FlowRun
from prefect.deployments import run_deployment
from prefect.exceptions import ObjectNotFound

from db.wake import wake
from tasks.desk import Desk
from tasks.escalation import Escalated, carried_by, rounds_with_run, woken

log = logging.getLogger("tanggap.flows")

DEPLOYMENT = "review/review"


def start_reviews(desk: Desk, rounds: Sequence[Escalated]) -> int:
    """Start one run a round. The key makes a second start of the same round the same run.

    Without a `review` deployment (one flow run by hand, no desk up) the rounds wait in the rows for one.
    """
    for started, one in enumerate(rounds):
        try:
            run = run_deployment(
                DEPLOYMENT,
                parameters={"reference": one.reference, "round_id": one.round_id},
                flow_run_name=f"{one.reference} · {one.severity} · {', '.join(one.gates)}",
                tags=[one.reference, one.severity, *one.gates],
                idempotency_key=f"round-{one.round_id}-{one.runs}",
                as_subflow=False,
                timeout=0,
            )
        except ObjectNotFound:
            log.warning("There is no deployment %s yet; %d rounds wait for it", DEPLOYMENT, len(rounds) - started)
            return started
        assert isinstance(run, FlowRun)
        carried_by(desk, one.round_id, str(run.id), one.runs + 1)
    return len(rounds)


def wake_reviews(desk: Desk, rounds: Sequence[Escalated]) -> int:
    """Resume the runs of settled rounds; one that is still falling asleep is left for the next look."""
    done = 0
    with get_client(sync_client=True) as client:
        for one in rounds:
            if one.run_id is None or _wake(client, one.run_id):
                woken(desk, one.round_id)
                done += 1
    return done


def _wake(client: SyncPrefectClient, run_id: str) -> bool:
    try:
        run = client.read_flow_run(UUID(run_id))
    except ObjectNotFound:
        return True
    if run.state is None or run.state.is_final():
        return True
    if run.state.is_paused():
        client.resume_flow_run(run.id)
        return True
    return False


def mend_reviews(desk: Desk) -> int:
    """Find rounds whose run is over or gone while they still wait for a decision, and let them be started anew."""
    rounds = rounds_with_run(desk)
    if not rounds:
        return 0
    numbers = [UUID(one.run_id) for one in rounds if one.run_id]
    with get_client(sync_client=True) as client:
        found = client.read_flow_runs(flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=numbers)))
    alive = {str(run.id) for run in found if run.state is not None and not run.state.is_final()}
    lost = [one for one in rounds if one.run_id not in alive]
    for one in lost:
        carried_by(desk, one.round_id, None, one.runs)
    if lost:
        nudge(desk)
    return len(lost)


def nudge(desk: Desk) -> None:
    """Tell `respond` that a round lacks its run."""
    with desk.transaction() as session:
        wake(session, "respond")
