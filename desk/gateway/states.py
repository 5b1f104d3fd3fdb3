"""How a complaint stands, in words for the one who complained: nothing of our own rooms, gates and reviews."""

from datetime import datetime

from db.tables import Complaint
from db.words import Kind, State
from tasks.write_back import WAITS

WORKED_ON = frozenset({State.ASSESSED, State.DRAFTING, State.IN_REVIEW, State.HELD, State.APPROVED})

_NAMES = {
    State.NEW: "state_received",
    State.SPAM: "state_received",
    State.NOTED: "state_noted",
    State.MONITORING: "state_noted",
    State.MERGED: "state_merged",
    State.RESPONDED: "state_answered",
    State.IN_CONVERSATION: "state_talking",
    State.RESOLVED: "state_resolved",
    State.CLOSED: "state_closed",
}


def state_name(complaint: Complaint) -> str:
    """The name of the text that says how it stands."""
    if complaint.state not in WORKED_ON:
        return _NAMES[complaint.state]
    if complaint.state is State.HELD and complaint.held_why == WAITS:
        return "state_write_back"
    if complaint.reopened:
        return "state_reopened"
    return "state_working_on_more" if complaint.responded_at is not None else "state_working"


def promised(complaint: Complaint) -> datetime | None:
    """When an answer is promised; None where none is awaited."""
    awaits = complaint.kind in (Kind.COMPLAINT, Kind.QUESTION) and complaint.state in WORKED_ON
    theirs = complaint.state is State.HELD and complaint.held_why == WAITS
    return complaint.answer_by if awaits and not theirs else None
