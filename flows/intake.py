"""Collect, record, assess and acknowledge what comes in.

Reads the channels (the drop folder among them) and messages that wait for their assessment; writes messages,
complaints, assessments and queued acknowledgements. Safe to start again at any point: a record is known by its id.
"""

import logging
import time

from prefect import flow

from db.tables import Way
from db.wake import wake
from flows.duty import Duty, on_duty, shift_name
from flows.listening import Brought, Listening
from flows.showing import show_batch, show_progress
from integrations.channels.base import ChannelError
from policy.spelled import counted
from tasks.assess import Assessed, assess, due_for_assessment, take_second_looks
from tasks.circuits import failed, place_of
from tasks.collect import store

log = logging.getLogger("tanggap.flows")

LOOK_EVERY = 15.0
"""Seconds between looks for what nobody told of."""
PAGES = 4
"""Stored in a row; then what is newest is assessed, so that after an outage nobody waits for the last page."""
A_MOMENT = 0.05
"""Seconds between looks while a single pass waits for its platforms."""


@flow(name="intake", flow_run_name=shift_name, persist_result=False, log_prints=False)
def intake(shift: float | None = None) -> dict[str, int]:
    """Stay on duty for a shift (seconds; None: the settings'; 0: one pass) and take in what comes."""
    with on_duty("intake", shift) as duty:
        if duty is None:
            return {}
        with Listening(duty.desk, lambda: wake_intake(duty), forever=duty.length > 0) as listening:
            for _ in duty.rounds(at_least_every=LOOK_EVERY):
                while work(duty, listening):
                    pass
        return duty.done


def work(duty: Duty, listening: Listening) -> bool:
    """Store some of what was brought, then assess the newest; False where there is nothing more to do."""
    taken = 0
    for brought in listening.brought(PAGES):
        take_in(duty, brought)
        taken += 1
    if numbers := due_for_assessment(duty.desk) or second_looks(duty):
        done = duty.do(f"assess {counted(len(numbers), 'message')}", assess, duty.desk, numbers)
        show_assessed(duty, done)
        return True
    if not taken and duty.length <= 0 and listening.asking:
        time.sleep(A_MOMENT)
        return True
    return taken > 0


def wake_intake(duty: Duty) -> None:
    """Something was brought: the flow takes it in."""
    with duty.desk.transaction() as session:
        wake(session, "intake")


def second_looks(duty: Duty) -> list[int]:
    """When nothing waits, what was assessed in a hurry is looked at again."""
    return due_for_assessment(duty.desk) if take_second_looks(duty.desk) else []


def take_in(duty: Duty, brought: Brought) -> None:
    """Store a page of an account's; if that fails, it is brought again later, and the other accounts go on."""
    channel, page = brought.channel, brought.page
    try:
        done = duty.do(f"record {len(page.items)} from {channel.name}", store, duty.desk, channel, page)
    except Exception as error:
        _not_stored(duty, brought, error)
        return
    except BaseException:
        brought.was_not()
        raise
    brought.was_stored()
    if page.share is not None and (brought.number > 1 or page.share < 1):
        show_progress(f"{channel.name} intake", page.share)
    counts = done.summary() | {"removed": done.removed, "bounced": done.bounced, "arrived": done.arrived}
    duty.count(**counts)
    if sum(counts.values()):
        show_batch(f"{channel.name} records", counts, done.places)


def _not_stored(duty: Duty, brought: Brought, error: Exception) -> None:
    """Write down that a page could not be stored, then let its thread go on. Raises where the database is away."""
    channel = brought.channel
    try:
        log.error("a page of %s/%s could not be stored: %s", channel.name, channel.account, place_of(error))
        why = f"what it brings cannot be stored ({type(error).__name__}): see the log of `intake`"
        failed(duty.desk, channel.name, channel.account, Way.IN, ChannelError(why))
    finally:
        brought.was_not()


def show_assessed(duty: Duty, done: Assessed) -> None:
    """Count the batch, and show it as a table."""
    counts = {"messages": done.messages, "to answer": done.to_answer, "watched": done.watched, "noted": done.noted}
    duty.count(assessed=done.messages)
    if done.messages:
        show_batch("assessed", counts)
