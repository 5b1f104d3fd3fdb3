"""Tells Prefect what happened, as events for automations: received, escalated, decided, delivered, breached.

Read from the trail, after the fact: a Prefect that was away misses nothing.
"""

from datetime import timedelta

from prefect.events import emit_event

from db.tables import Event
from tasks.desk import Desk
from tasks.escalation import events_after
from tasks.marks import mark, marked

MARK = "prefect-events"
SETTLED = timedelta(seconds=1)
ESCALATED = frozenset({"pr", "legal", "executive"})


def tell_prefect(desk: Desk) -> int:
    """Emit what was written since the last look; returns how many events."""
    last = int(marked(desk, MARK) or 0)
    now, told = desk.now(), 0
    while events := [event for event in events_after(desk, last) if event.at <= now - SETTLED]:
        for event in events:
            name = name_of(event)
            if name is not None:
                emit_event(
                    event=f"tanggap.complaint.{name}",
                    resource={
                        "prefect.resource.id": f"tanggap.complaint.{event.chain}",
                        "prefect.resource.name": event.chain,
                    },
                    occurred=event.at,
                    payload={"by": event.by, **{k: v for k, v in event.data.items() if k not in ("digest", "sha256")}},
                )
                told += 1
        last = events[-1].id
        mark(desk, MARK, str(last))
    return told


def name_of(event: Event) -> str | None:
    """The name under which Prefect hears of it; None for what it need not hear."""
    match event.name:
        case "received" | "decided" | "delivered":
            return event.name
        case "review_opened" if event.data.get("gate") in ESCALATED:
            return "escalated"
        case "deadline_escalated":
            return "breached"
        case _:
            return None
