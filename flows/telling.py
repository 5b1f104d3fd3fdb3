"""Tells Prefect what happened, as events for automations: received, escalated, decided, delivered, breached.

Read from the trail, after the fact: a Prefect that was away misses nothing.
"""

from prefect.events import emit_event

from db.tables import Event
from tasks.desk import Desk
from tasks.escalation import Horizon, events_after, horizon, is_complete
from tasks.marks import mark, marked

MARK = "prefect-events"
ESCALATED = frozenset({"pr", "legal", "executive"})


class Teller:
    """Emits what was written, in the order of the trail.

    A long transaction may commit events with lower numbers than those that others committed before it. So the teller
    notes how far the trail goes, and goes so far only once everything that was being written then is committed.
    """

    def __init__(self) -> None:
        self._seen: Horizon | None = None

    def tell(self, desk: Desk) -> int:
        """Emit what can be told by now; returns how many events."""
        if self._seen is None:
            self._seen = horizon(desk)
        if not is_complete(desk, self._seen):
            return 0
        until, self._seen = self._seen.number, None
        return _tell(desk, until)


def _tell(desk: Desk, until: int) -> int:
    last, told = int(marked(desk, MARK) or 0), 0
    while events := events_after(desk, last, until):
        for event in events:
            told += _emit(event)
        last = events[-1].id
        mark(desk, MARK, str(last))
    return told


def _emit(event: Event) -> bool:
    name = name_of(event)
    if name is None:
        return False
    emit_event(
        event=f"tanggap.complaint.{name}",
        resource={"prefect.resource.id": f"tanggap.complaint.{event.chain}", "prefect.resource.name": event.chain},
        occurred=event.at,
        payload={"by": event.by, **{k: v for k, v in event.data.items() if k not in ("digest", "sha256")}},
    )
    return True


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
