"""Watch the time and the engine: remind, escalate, wake what was decided, repair what got lost.

Reads open reviews, promises and held complaints; writes reminders and escalations. Proves every few minutes that each
escalated round has a waiting run, and each open review its card. Nothing here approves anything.
"""

import logging
import time
from datetime import datetime, timedelta

from prefect import flow

from flows.duty import Duty, on_duty, shift_name
from flows.opening import opened_slack
from flows.showing import show_batch, show_timeline
from flows.starting import mend_reviews, wake_reviews
from flows.switch import mirror_switch
from flows.telling import Teller
from policy.spelled import counted
from tasks.card_mending import mend_cards
from tasks.coverage import watch_coverage
from tasks.escalation import rounds_to_wake
from tasks.watch import due_now, keep, next_moment

log = logging.getLogger("tanggap.flows")

LOOK_EVERY = 15.0
"""Seconds between looks at the kill switch's variable."""
MEND_EVERY = 120.0
"""Seconds between proofs that each escalated round has its run, and each open review its card."""
AGAIN_SOON = timedelta(seconds=2)
"""Until a run that was still falling asleep is woken."""


@flow(name="watch", flow_run_name=shift_name, persist_result=False, log_prints=False)
def watch(shift: float | None = None) -> dict[str, int]:
    """Stay on duty for a shift (seconds; None: the settings'; 0: one pass) and keep the time."""
    with on_duty("watch", shift) as duty:
        if duty is None:
            return {}
        mended: float | None = None
        later: datetime | None = None
        teller = Teller()

        def next_look() -> datetime | None:
            return min((at for at in (next_moment(duty.desk), later) if at is not None), default=None)

        for _ in duty.rounds(due=next_look, at_least_every=LOOK_EVERY):
            keep_time(duty)
            later = duty.desk.now() + AGAIN_SOON if wake_settled(duty) else None
            if mended is None or time.monotonic() - mended >= MEND_EVERY:
                duty.count(mended=mend_reviews(duty.desk))
                mend_slack(duty)
                duty.count(quiet_channels=len(watch_coverage(duty.desk)))
                mended = time.monotonic()
            duty.count(told=teller.tell(duty.desk))
            mirror_switch(duty.desk)
        return duty.done


def mend_slack(duty: Duty) -> None:
    """Prove that each open review's card stands where it should; shown only where something was mended."""
    slack = opened_slack()
    if slack is None or not duty.desk.policy.slack.configured:
        return
    done = mend_cards(duty.desk, slack)
    duty.count(cards_mended=done.total)
    if done.total:
        log.info("Cards in Slack mended: %s", done)
        show_batch("slack cards mended", done.counts, done.notes)


def wake_settled(duty: Duty) -> bool:
    """Wake the runs of settled rounds; tells whether some were still falling asleep, and want another look soon."""
    rounds = rounds_to_wake(duty.desk)
    if not rounds:
        return False
    woken = duty.do(f"wake {counted(len(rounds), 'review')}", wake_reviews, duty.desk, rounds)
    duty.count(woken=woken)
    return bool(rounds_to_wake(duty.desk))


def keep_time(duty: Duty) -> None:
    """Remind and escalate; as a task run only when the time brought something."""
    if not due_now(duty.desk):
        return
    done = duty.do("keep time", keep, duty.desk)
    duty.count(reminded=done.reminded, escalated=done.escalated, holding=done.holding, same_person=done.suggested)
    duty.count(masked=done.masked)
    if done.total:
        for reference in dict.fromkeys(done.references):
            show_timeline(duty.desk, reference)
