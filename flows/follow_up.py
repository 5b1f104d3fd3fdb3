"""After the answer: survey, ask or withhold, close.

Reads follow-ups whose time has come; writes surveys and neutral, voluntary asks into the outbox; closes what is over.
"""

from prefect import flow

from flows.duty import on_duty, shift_name
from flows.showing import show_batch
from policy.spelled import counted
from tasks.follow_up import due_for_follow_up, next_due, step_on


@flow(name="follow-up", flow_run_name=shift_name, persist_result=False, log_prints=False)
def follow_up(shift: float = 0) -> dict[str, int]:
    """Do what is due; with a shift (seconds) stay and do what becomes due."""
    with on_duty("follow-up", shift) as duty:
        if duty is None:
            return {}
        for _ in duty.rounds(due=lambda: next_due(duty.desk)):
            while numbers := due_for_follow_up(duty.desk):
                done = duty.do(f"follow up {counted(len(numbers), 'complaint')}", step_on, duty.desk, numbers)
                duty.count(surveyed=done.surveyed, asked=done.asked, withheld=done.withheld, closed=done.closed)
                show_batch(
                    "follow-up",
                    {"surveyed": done.surveyed, "asked": done.asked, "withheld": done.withheld, "closed": done.closed},
                )
        return duty.done
