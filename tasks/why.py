"""Why a complaint is as grave as it is: the path from the customer's words to the gates, as it was gone."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlmodel import Session, col

from db.complaints import find, inbound
from db.tables import Assessment, Complaint, Correction, Message
from db.words import Category, DeliveryKind, Gate, Kind, Remedy, Risk, Severity, State
from policy.routing import gates_for
from policy.severity import Severities
from tasks.desk import Desk
from tasks.rounds import reach_of
from tasks.tickets import tickets_of

NO_REPLY = (State.NOTED, State.SPAM, State.MERGED, State.MONITORING)


@dataclass(frozen=True)
class HeldRule:
    """A rule that held when a message was graded, and where it stands now."""

    severity: Severity
    because: str
    adds: tuple[str, ...]
    stands: str | None
    """`FILE:LINE`; None where the rules have changed and it is no more."""


@dataclass(frozen=True)
class MessagePath:
    """What one message was found to be, and what its severity rests on."""

    message: int
    channel: str
    posted_at: datetime
    assessed_at: datetime
    by: str
    version: str
    """The model or the rules that read the words."""
    kind: Kind
    category: Category | None
    remedy: Remedy | None
    risks: tuple[str, ...]
    anger: int
    language: str
    severity: Severity
    confidence: Mapping[str, float]
    unsure: tuple[str, ...]
    evidence: tuple[Mapping[str, Any], ...]
    masked: bool
    """Its author took it down, and our copy was emptied: no words are left to speak for the finding."""
    guessed: tuple[str, ...]
    """Risks that a model alone sees: no rule speaks for them."""
    policy: str | None
    """The version of the policy that graded it; None before the desk wrote that down."""
    facts: Mapping[str, Any]
    """`text`, `visibility`, `reach` and `around`, as they were then."""
    rules: tuple[HeldRule, ...]
    """The one that decided first."""
    because: tuple[str, ...]


@dataclass(frozen=True)
class Corrected:
    """What a person changed, with their reason."""

    field: str
    was: str | None
    now: str
    by: str
    at: datetime
    why: str | None


@dataclass(frozen=True)
class GateAhead:
    """A gate that an answer passes, and why."""

    gate: Gate
    because: str


@dataclass(frozen=True)
class Why:
    """The whole path of a complaint."""

    reference: str
    state: State
    kind: Kind | None
    category: Category | None
    severity: Severity | None
    risks: tuple[str, ...]
    set_by_people: tuple[str, ...]
    decided_by: int | None
    """The message whose severity the complaint has; None where a person set it, or none is that grave."""
    messages: tuple[MessagePath, ...]
    corrections: tuple[Corrected, ...]
    tickets: tuple[str, ...]
    """Where the tickets of the company's own are on which it stands."""
    gates: tuple[GateAhead, ...]
    """Those that an answer passes as things stand; none where nobody is answered."""


def why(desk: Desk, reference: str) -> Why:
    """Read the path of a complaint.

    Raises:
        NoSuchComplaint: there is none of this reference.
    """
    with desk.transaction() as session:
        complaint = find(session, reference)
        rules = desk.policy.severities
        paths = tuple(_path(message, assessment, rules) for message, assessment in _assessed(session, complaint))
        corrections = session.execute(
            select(Correction).where(col(Correction.complaint_id) == complaint.id).order_by(col(Correction.id))
        ).scalars()
        by_people = "severity" in complaint.corrected
        return Why(
            reference=complaint.reference,
            state=complaint.state,
            kind=complaint.kind,
            category=complaint.category,
            severity=complaint.severity,
            risks=tuple(complaint.risks),
            set_by_people=tuple(complaint.corrected),
            decided_by=next(
                (path.message for path in paths if path.severity is complaint.severity and not by_people), None
            ),
            messages=paths,
            corrections=tuple(Corrected(one.field, one.was, one.now, one.by, one.at, one.why) for one in corrections),
            tickets=tuple(one.url for one in tickets_of(session, complaint) if one.url),
            gates=tuple(_gates(session, desk, complaint)),
        )


def _assessed(session: Session, complaint: Complaint) -> Iterator[tuple[Message, Assessment]]:
    """What came in, in order, each with its last finding."""
    last: dict[int, Assessment] = {
        row.message_id: row
        for row in session.execute(
            select(Assessment).where(col(Assessment.complaint_id) == complaint.id).order_by(col(Assessment.id))
        ).scalars()
    }
    for message, _ in inbound(session, complaint):
        if message.id in last:
            yield message, last[message.id]


def _path(message: Message, found: Assessment, rules: Severities) -> MessagePath:
    kept = found.grading or {}
    return MessagePath(
        message=message.id,
        channel=message.channel,
        posted_at=message.posted_at,
        assessed_at=found.at,
        by=found.by,
        version=found.version,
        kind=found.kind,
        category=found.category,
        remedy=found.remedy,
        risks=tuple(found.risks),
        anger=found.anger,
        language=found.language,
        severity=found.severity,
        confidence=found.confidence,
        unsure=tuple(found.unsure),
        evidence=tuple(found.evidence),
        masked=message.masked_at is not None,
        guessed=tuple(kept.get("guessed", ())),
        policy=kept.get("policy"),
        facts={name: kept[name] for name in ("text", "visibility", "reach", "around") if name in kept},
        rules=tuple(_held(kept.get("rules", ()), rules)),
        because=tuple(found.because),
    )


def _held(kept: Sequence[Mapping[str, Any]], rules: Severities) -> Iterator[HeldRule]:
    for one in kept:
        severity = Severity(one["severity"])
        now = next((r for r in rules.rules if r.severity is severity and r.because == one["because"]), None)
        line = rules.line(now) if now is not None else None
        yield HeldRule(
            severity=severity,
            because=one["because"],
            adds=tuple(one.get("adds", ())),
            stands=f"{rules.file}:{line}" if line is not None else None,
        )


def _gates(session: Session, desk: Desk, complaint: Complaint) -> Iterator[GateAhead]:
    """For a reply where the complaint was made, that states no facts."""
    if complaint.severity is None or complaint.state in NO_REPLY:
        return
    needs = gates_for(
        severity=complaint.severity,
        risks=tuple(Risk(risk) for risk in complaint.risks),
        reach=reach_of(session, complaint),
        visibility=complaint.visibility,
        states_facts=False,
        kind=DeliveryKind.REPLY,
        rules=desk.policy.routing,
    )
    yield from (GateAhead(need.gate, need.because) for need in needs)
