"""One escalated round: shown to whoever must decide, asleep until they did.

The rows decide, not the run: a click on Resume in the Prefect UI wakes it, and it sleeps again. It may be started again
at any point, or twice.
"""

from prefect import flow, suspend_flow_run
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.opening import opened_desk
from flows.showing import show_timeline
from tasks.escalation import Standing, standing


@flow(name="review", persist_result=False, log_prints=False)
def review(reference: str, round_id: int) -> State[None]:
    """Wait, suspended and without a timeout, until the round is settled; its last state then says what came of it.

    The first `suspend_flow_run` after a resume returns at once whatever the rows say, hence the loop.
    """
    while not (stands := look(reference, round_id)).settled:
        suspend_flow_run(timeout=None)
    return Completed(message=f"{reference}: {stands.said}")


def look(reference: str, round_id: int) -> Standing:
    """How the round stands; the complaint's timeline is shown as it is now. No connection outlives the look."""
    with opened_desk() as (desk, _):
        stands = standing(desk, round_id)
        show_timeline(desk, reference)
        return stands
