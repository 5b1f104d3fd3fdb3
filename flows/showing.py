"""What engineers see in the Prefect UI: tables of batches, timelines of escalated complaints, progress of long imports.

References, states and counts only: never a customer's name or words.
"""

import re
from collections.abc import Mapping, Sequence
from uuid import UUID
from zoneinfo import ZoneInfo

from prefect.artifacts import (
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)
from prefect.runtime import flow_run

from db.complaints import find
from db.trail import history
from tasks.desk import Desk
from tasks.escalation import tokens_only

MOST_NOTES = 100
_progress: dict[str, UUID] = {}


def show_batch(what: str, counts: Mapping[str, int], notes: Sequence[str] = ()) -> None:
    """A table of what a batch did; `notes` are references or places with their reason."""
    rows = [{"what": name, "count": str(count)} for name, count in counts.items()]
    rows += [{"what": note, "count": ""} for note in notes[:MOST_NOTES]]
    if len(notes) > MOST_NOTES:
        rows.append({"what": f"… and {len(notes) - MOST_NOTES} more", "count": ""})
    create_table_artifact(table=rows, key=_key(what), description=f"{what}: {_sum(counts)}")


def show_progress(what: str, share: float) -> None:
    """How far a long import has come, 0 to 1; one bar a run and import."""
    name = f"{flow_run.get_id()}:{what}"
    percent = round(100 * min(1.0, max(0.0, share)), 1)
    if name in _progress:
        update_progress_artifact(_progress[name], percent)
    else:
        made = create_progress_artifact(percent, key=_key(what), description=what)
        assert isinstance(made, UUID)
        _progress[name] = made
    if share >= 1:
        _progress.pop(name, None)


def show_timeline(desk: Desk, reference: str) -> None:
    """An escalated complaint's timeline; each change is a new version under the same key."""
    with desk.transaction() as session:
        complaint = find(session, reference)
        events = history(session, complaint)
    zone: ZoneInfo = desk.policy.calendar.zone
    lines = [
        f"# {reference}",
        "",
        f"**{complaint.state.value}** · {complaint.severity.value if complaint.severity else ''} · "
        f"{complaint.category.value if complaint.category else 'no category'} · {complaint.channel}"
        + (f" · risks: {', '.join(complaint.risks)}" if complaint.risks else ""),
        "",
        f"| when ({zone.key}) | what | by | facts |",
        "|---|---|---|---|",
    ]
    for event in events:
        at = event.at.astimezone(zone)
        lines.append(f"| {at:%Y-%m-%d %H:%M:%S} | {event.name} | {event.by} | {_cell(tokens_only(event.data))} |")
    create_markdown_artifact("\n".join(lines), key=_key(reference), description=f"{reference}: {complaint.state.value}")


def _cell(said: str) -> str:
    return said.replace("|", "\\|").replace("\n", " ")


def _sum(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items() if count) or "nothing"


def _key(what: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", what.lower()).strip("-")
