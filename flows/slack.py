"""Show the desk in Slack: cards of reviews, reminders, lines in threads, the day of each gate.

Reads reviews, the trail and queued notices; writes where each stands. Slack being away or slow holds nothing up but
this: every call is one try of a few seconds, and after some that failed it is left alone for up to a minute.
"""

import time
from collections.abc import Sequence

from prefect import flow

from flows.duty import Duty, on_duty, shift_name
from flows.opening import opened_slack
from flows.showing import show_batch
from integrations.slack.workspace import Workspace
from tasks.slack_sending import Job, Sent, next_due, next_jobs, send_due

LOOK_EVERY = 5.0
"""Seconds between looks for what nobody told of."""
BATCHES = 6
"""In a row; then whoever waits to relieve us is let in."""
TOGETHER = 0.2
"""Seconds to wait for what belongs to the change that woke us: a decision is several events."""


@flow(name="slack", flow_run_name=shift_name, persist_result=False, log_prints=False)
def slack(shift: float | None = None) -> dict[str, int]:
    """Stay on duty for a shift (seconds; None: the settings'; 0: one pass); without a bot token it ends at once."""
    there = opened_slack()
    if there is None:
        return {}
    with on_duty("slack", shift) as duty:
        if duty is None:
            return {}
        workspace = Workspace(there)
        for _ in duty.rounds(due=lambda: next_due(duty.desk), at_least_every=LOOK_EVERY):
            time.sleep(TOGETHER)
            for _ in range(BATCHES):
                jobs = next_jobs(duty.desk)
                if not jobs:
                    break
                done = duty.do(named(jobs), send_due, duty.desk, there, jobs, workspace)
                show_sent(duty, done)
                if not done.moved:
                    break
        return duty.done


def named(jobs: Sequence[Job]) -> str:
    """`draw 3 cards, say 2 notices`."""
    cards = sum(job.draws for job in jobs)
    counts = {"draw": (cards, "card"), "say": (len(jobs) - cards, "notice")}
    return ", ".join(f"{do} {count} {what}{'s' * (count > 1)}" for do, (count, what) in counts.items() if count)


def show_sent(duty: Duty, done: Sent) -> None:
    """Count the batch; show what somebody must look at."""
    counts = {
        "posted": done.posted,
        "redrawn": done.redrawn,
        "scrubbed": done.scrubbed,
        "said": done.said,
        "failed": done.failed,
        "later": done.later,
    }
    duty.count(**counts)
    if done.notes:
        show_batch("slack", counts, done.notes)
