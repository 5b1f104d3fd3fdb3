"""Collect, record, assess and acknowledge what comes in.

Reads the channels (the drop folder among them) and messages that wait for their assessment; writes messages,
complaints, assessments and queued acknowledgements. Safe to start again at any point: a record is known by its id.
"""

import logging

from prefect import flow

from flows.duty import Duty, on_duty, shift_name
from flows.showing import show_batch, show_progress
from integrations.channels.base import Channel, ChannelError
from tasks.assess import Assessed, assess, due_for_assessment, take_second_looks
from tasks.collect import pages, store
from tasks.record import Recorded

log = logging.getLogger("tanggap.flows")

LOOK_EVERY = 2.0
"""Seconds between looks at channels that cannot wake us, such as a folder."""


@flow(name="intake", flow_run_name=shift_name, persist_result=False, log_prints=False)
def intake(shift: float | None = None) -> dict[str, int]:
    """Stay on duty for a shift (seconds; None: the settings'; 0: one pass) and take in what comes."""
    with on_duty("intake", shift) as duty:
        if duty is None:
            return {}
        for _ in duty.rounds(at_least_every=LOOK_EVERY):
            for channel in duty.desk.channels.all():
                take_in(duty, channel)
            while numbers := due_for_assessment(duty.desk) or second_looks(duty):
                done = duty.do(f"assess {len(numbers)} messages", assess, duty.desk, numbers)
                show_assessed(duty, done)
        return duty.done


def second_looks(duty: Duty) -> list[int]:
    """When nothing waits, what was assessed in a hurry is looked at again."""
    return due_for_assessment(duty.desk) if take_second_looks(duty.desk) else []


def take_in(duty: Duty, channel: Channel) -> None:
    """One channel's new records; a channel that fails is asked again later, and does not stop the others."""
    total, taken = Recorded(), 0
    try:
        for page in pages(duty.desk, channel):
            done = duty.do(f"record {len(page.items)} from {channel.name}", store, duty.desk, channel, page)
            total.add(done)
            taken += 1
            if page.share is not None and (taken > 1 or page.share < 1):
                show_progress(f"{channel.name} intake", page.share)
    except ChannelError as error:
        log.warning("%s/%s cannot be read now: %s", channel.name, channel.account, error)
    counts = total.summary()
    duty.count(**counts)
    if sum(counts.values()):
        show_batch(f"{channel.name} records", counts, total.places)


def show_assessed(duty: Duty, done: Assessed) -> None:
    """Count the batch, and show it as a table."""
    counts = {"messages": done.messages, "to answer": done.to_answer, "watched": done.watched, "noted": done.noted}
    duty.count(assessed=done.messages)
    if done.messages:
        show_batch("assessed", counts)
