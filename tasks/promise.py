"""Until when the complainant is promised an answer."""

from datetime import datetime

from db.tables import Complaint
from db.words import Severity
from policy.deadlines import answer_deadline
from tasks.desk import Desk


def promise(desk: Desk, complaint: Complaint, since: datetime, *, anew: bool = False) -> None:
    """Work out when the answer is due, counted from `since`. A graver severity brings it nearer, nothing defers it.

    `anew` starts another clock: the customer wrote again after an answer, or the complaint was reopened.
    """
    deadline = answer_deadline(
        since,
        complaint.severity or Severity.S4,
        desk.policy.deadlines,
        desk.policy.calendar,
        category=complaint.category,
        channel=complaint.channel,
    )
    if anew or complaint.promised_at is None:
        complaint.promised_at = since
        complaint.reminded = complaint.escalated = 0
    elif complaint.answer_by is not None and deadline.at >= complaint.answer_by:
        return
    complaint.answer_by, complaint.answer_steps, complaint.look_at = deadline.at, list(deadline.steps), None
