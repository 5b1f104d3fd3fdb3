"""What a severity rests on beside the words: looked up for a whole batch, and kept with the assessment it led to."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from db.people import same
from db.tables import Complaint, Identity, Incident, IncidentMember, Message
from db.words import ANSWERABLE, IncidentState, Kind, State, Visibility
from policy.assessment import TextAssessment
from policy.circumstances import OPEN_INCIDENT, Circumstances
from policy.reach import Reach
from policy.severity import Grade, Severities, grade
from tasks.desk import Desk
from tasks.rounds import message_reach
from tasks.watch import WAITING

NEVER_WAS_ONE = (State.MERGED, State.SPAM)
SOLVED = (State.RESOLVED, State.CLOSED)


@dataclass(frozen=True)
class Graded:
    """A message's severity, and all that it rests on."""

    grade: Grade
    reach: Reach
    around: Circumstances
    grading: dict[str, Any]
    """The same as plain data, to be kept with the assessment."""


@dataclass(frozen=True)
class Surroundings:
    """What stands around the messages of a batch."""

    desk: Desk
    now: datetime
    complaints: Mapping[int, Complaint]
    """Those of the batch, by number; what the batch finds out about one counts for the next."""
    before: Mapping[int, Sequence[tuple[int, Kind | None]]]
    """By complaint: the earlier ones of the same person, with what each was found to be."""
    incidents: Mapping[int, tuple[int, IncidentState]]
    """By complaint: the open incident that it belongs to."""

    def grade(self, message: Message, identity: Identity | None, found: TextAssessment, *, new: bool) -> Graded:
        """How grave this message is, given all that is known; `new`: it was never assessed before."""
        rules = self.desk.policy.severities
        reach, around = message_reach(message, identity), self.of(message, identity, found.kind, new=new)
        graded = grade(found, reach, message.visibility, rules, around)
        kept = {
            "policy": self.desk.policy.version,
            **as_data(found, message.visibility, reach, around),
            "guessed": [risk.value for risk in found.guessed],
            "rules": rules_as_data(graded, rules),
        }
        return Graded(graded, reach, around, kept)

    def of(self, message: Message, identity: Identity | None, kind: Kind, *, new: bool) -> Circumstances:
        """What stands around one message."""
        complaint = self.complaints[message.complaint_id]
        late = complaint.state in WAITING and complaint.answer_by is not None and complaint.answer_by < self.now
        comes_back = new and complaint.state in SOLVED and kind in ANSWERABLE
        number, state = self.incidents.get(complaint.id, (None, None))
        return Circumstances(
            media_account=self.desk.policy.severities.is_media(
                handle=identity.handle if identity else None,
                email=identity.email if identity else None,
                url=message.url,
            ),
            complaints_before=sum(self._complained(*other) for other in self.before.get(complaint.id, ())),
            answer_late=late,
            reopened=complaint.reopened + comes_back,
            tier=identity.tier if identity else None,
            incident=state,
            incident_reference=f"IN-{number}" if number is not None else None,
        )

    def _complained(self, number: int, kind: Kind | None) -> bool:
        here = self.complaints.get(number)
        if here is not None:
            return here.kind is Kind.COMPLAINT and here.state not in NEVER_WAS_ONE
        return kind is Kind.COMPLAINT


def surroundings(
    session: Session,
    desk: Desk,
    messages: Sequence[Message],
    complaints: Mapping[int, Complaint],
    *,
    alone: Collection[int],
    now: datetime,
) -> Surroundings:
    """Look up what stands around these messages; `alone` are those whose author wrote nothing else."""
    numbers = {message.complaint_id for message in messages}
    with_history = {message.complaint_id for message in messages if message.id not in alone}
    return Surroundings(
        desk, now, complaints, _complaints_before(session, desk, with_history), _open_incidents(session, numbers)
    )


def _complaints_before(
    session: Session, desk: Desk, numbers: Collection[int]
) -> Mapping[int, Sequence[tuple[int, Kind | None]]]:
    """Earlier complaints of the same person: by complainant, e-mail address or telephone number."""
    if not numbers:
        return {}
    earlier = aliased(Complaint)
    author, other = aliased(Identity), aliased(Identity)
    rows = session.execute(
        select(Complaint.id, earlier.id, earlier.kind)  # type: ignore[call-overload]
        .join(author, col(author.complainant_id) == col(Complaint.complainant_id))
        .join(other, same(author, other))
        .join(
            earlier,
            (col(earlier.complainant_id) == col(other.complainant_id))
            & (col(earlier.id) < col(Complaint.id))
            & (col(earlier.opened_at) >= col(Complaint.opened_at) - desk.policy.severities.repeat_within),
        )
        .where(col(Complaint.id).in_(numbers), col(earlier.state).not_in(NEVER_WAS_ONE))
        .distinct()
    )
    before: dict[int, list[tuple[int, Kind | None]]] = {}
    for number, other_number, kind in rows:
        before.setdefault(number, []).append((other_number, kind))
    return before


def _open_incidents(session: Session, numbers: Collection[int]) -> Mapping[int, tuple[int, IncidentState]]:
    """The open incident of each complaint that is in one; a declared one before a suspected one."""
    rows = session.execute(
        select(IncidentMember.complaint_id, Incident.id, Incident.state)  # type: ignore[call-overload]
        .join(Incident, col(Incident.id) == col(IncidentMember.incident_id))
        .where(
            col(IncidentMember.complaint_id).in_(numbers),
            col(IncidentMember.left_at).is_(None),
            col(Incident.state).in_(OPEN_INCIDENT),
        )
        .order_by(col(Incident.id))
    ).all()
    by_weight = sorted(rows, key=lambda row: row[2] is IncidentState.DECLARED)
    return {number: (incident, state) for number, incident, state in by_weight}


def as_data(found: TextAssessment, visibility: Visibility, reach: Reach, around: Circumstances) -> dict[str, Any]:
    """The facts of a severity as plain data: tokens, counts and references, no words of the customer's."""
    return {
        "text": {
            "breach": found.breach,
            "asks": found.asks,
            "addressed": found.addressed,
            "about_us": found.about_us,
            "opinion": found.opinion,
        },
        "visibility": visibility.value,
        "reach": asdict(reach),
        "around": {**asdict(around), "promise_broken": around.promise_broken},
    }


def rules_as_data(graded: Grade, rules: Severities) -> list[dict[str, Any]]:
    """The rules that held as plain data, the gravest first, each with the line on which it stood."""
    return [
        {
            "severity": rule.severity.value,
            "because": rule.because,
            "line": rules.line(rule),
            "when": rule.when.model_dump(mode="json", exclude_unset=True),
            "adds": [risk.value for risk in rule.adds],
        }
        for rule in graded.held
    ]
