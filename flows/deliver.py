"""Send what is in the outbox, once.

Reads due deliveries; writes what the channels said. No task is retried by Prefect here: the outbox knows which tries
may be repeated, and a blind retry would post twice.
"""

from prefect import flow

from db.tables import DeliveryState
from flows.duty import Duty, on_duty, shift_name
from flows.showing import show_batch
from tasks.publish import Outcome, claim, next_due, publish, recover


@flow(name="deliver", flow_run_name=shift_name, persist_result=False, log_prints=False)
def deliver(shift: float | None = None) -> dict[str, int]:
    """Stay on duty for a shift (seconds; None: the settings'; 0: one pass) and publish what was approved."""
    with on_duty("deliver", shift) as duty:
        if duty is None:
            return {}
        for _ in duty.rounds(due=lambda: next_due(duty.desk)):
            show_outcomes(duty, "taken back from dead workers", recover(duty.desk))
            while claimed := claim(duty.desk, duty.worker):
                named = f"publish {len(claimed)}: {', '.join(sorted({delivery.kind.value for delivery in claimed}))}"
                outcomes = duty.do(named, publish, duty.desk, claimed, retries=0)
                show_outcomes(duty, "deliveries", outcomes)
        return duty.done


def show_outcomes(duty: Duty, what: str, outcomes: list[Outcome]) -> None:
    """Count what came of the deliveries; show those that a person may have to look at."""
    if not outcomes:
        return
    counts: dict[str, int] = {}
    for outcome in outcomes:
        counts[outcome.state.value] = counts.get(outcome.state.value, 0) + 1
    duty.count(**counts)
    bad = [o for o in outcomes if o.state in (DeliveryState.FAILED, DeliveryState.UNKNOWN)]
    if bad:
        show_batch(what, counts, [f"{o.reference} {o.kind.value}: {o.state.value}" for o in bad])
