"""A complaint's whole file, read at once: for the screen, as JSON for whoever asks for it."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, select
from sqlmodel import Session, SQLModel, col

from db import trail
from db.complaints import NoSuchComplaint, find, messages_of
from db.tables import (
    Article,
    Assessment,
    Complainant,
    Complaint,
    Correction,
    Delivery,
    Draft,
    Event,
    FactChange,
    FollowUp,
    Identity,
    Incident,
    IncidentMember,
    LlmAnswer,
    LlmCall,
    Message,
    MessageRevision,
    Note,
    Review,
    Round,
    Statement,
    Ticket,
    WebPost,
)
from tasks.desk import Desk
from tasks.legal_file import LegalFile, read_legal
from tasks.one_person import MayBe, alike
from tasks.tickets import tickets_of

Row = TypeVar("Row", bound=SQLModel)


@dataclass(frozen=True)
class Case:
    """Everything that the desk keeps of one complaint; its rows are read-only copies."""

    complaint: Complaint
    tracking_url: str
    person: Complainant | None
    identities: tuple[Identity, ...]
    messages: tuple[Message, ...]
    """In and out, in the order they were posted."""
    revisions: tuple[MessageRevision, ...]
    assessments: tuple[Assessment, ...]
    corrections: tuple[Correction, ...]
    drafts: tuple[Draft, ...]
    rounds: tuple[Round, ...]
    reviews: tuple[Review, ...]
    deliveries: tuple[Delivery, ...]
    notes: tuple[Note, ...]
    follow_ups: tuple[FollowUp, ...]
    fact_changes: tuple[FactChange, ...]
    """Published facts that an answer here changed."""
    articles: tuple[Article, ...]
    """What the desk proposed to write down of it for others."""
    posts: tuple[WebPost, ...]
    """What stands on the company's own pages."""
    incidents: tuple[Incident, ...]
    merged_in: tuple[str, ...]
    """Complaints that are handled under this one."""
    tickets: tuple[Ticket, ...]
    """Those of the company's own on which it stands."""
    alike: tuple[MayBe, ...]
    """Who its author may be, and who a person said that they are."""
    legal: LegalFile
    events: tuple[Event, ...]
    llm_calls: tuple[LlmCall, ...]
    """What a language model was asked about it, and what that cost."""
    llm_answers: tuple[LlmAnswer, ...]
    """What it answered, as far as that is kept."""


def read_case(desk: Desk, reference: str) -> Case:
    """Read a complaint's whole file.

    Raises:
        NoSuchComplaint: there is none of this reference.
    """
    with desk.transaction() as session:
        complaint = find(session, reference)
        number = complaint.id
        messages = messages_of(session, number)
        rounds = _rows(session, Round, col(Round.complaint_id) == number)
        known = {message.identity_id for message in messages if message.identity_id}
        merged = session.execute(select(Complaint.id).where(col(Complaint.merged_into) == number))  # type: ignore[call-overload]
        return Case(
            complaint=complaint,
            tracking_url=desk.tracking_url(complaint.token),
            person=session.get(Complainant, complaint.complainant_id) if complaint.complainant_id else None,
            identities=_rows(session, Identity, col(Identity.id).in_(known)),
            messages=tuple(messages),
            revisions=tuple(
                session.execute(
                    select(MessageRevision)
                    .where(col(MessageRevision.message_id).in_([message.id for message in messages]))
                    .order_by(col(MessageRevision.message_id), col(MessageRevision.revision))
                ).scalars()
            ),
            assessments=_rows(session, Assessment, col(Assessment.complaint_id) == number),
            corrections=_rows(session, Correction, col(Correction.complaint_id) == number),
            drafts=_rows(session, Draft, col(Draft.complaint_id) == number),
            rounds=rounds,
            reviews=_rows(session, Review, col(Review.round_id).in_([round_.id for round_ in rounds])),
            deliveries=_rows(session, Delivery, col(Delivery.complaint_id) == number),
            notes=_rows(session, Note, col(Note.complaint_id) == number),
            follow_ups=_rows(session, FollowUp, col(FollowUp.complaint_id) == number),
            fact_changes=_rows(session, FactChange, col(FactChange.complaint_id) == number),
            articles=_rows(session, Article, col(Article.complaint_id) == number),
            posts=_rows(session, WebPost, col(WebPost.complaint_reference) == complaint.reference),
            incidents=_rows(
                session,
                Incident,
                col(Incident.id).in_(
                    select(IncidentMember.incident_id).where(col(IncidentMember.complaint_id) == number)  # type: ignore[call-overload]
                ),
            ),
            merged_in=tuple(f"TG-{found}" for found in sorted(merged.scalars())),
            tickets=tuple(tickets_of(session, complaint)),
            alike=alike(session, complaint),
            legal=read_legal(session, number),
            events=tuple(trail.history(session, complaint)),
            llm_calls=_rows(session, LlmCall, col(LlmCall.complaint_id) == number),
            llm_answers=tuple(
                session.execute(
                    select(LlmAnswer).where(col(LlmAnswer.complaint_id) == number).order_by(col(LlmAnswer.at))
                ).scalars()
            ),
        )


def _rows(session: Session, table: type[Row], condition: ColumnElement[bool]) -> tuple[Row, ...]:
    return tuple(session.execute(select(table).where(condition).order_by(table.id)).scalars())  # type: ignore[attr-defined]


SECRET = frozenset({"salt", "head", "look_at", "wake_due", "claimed_by"})
"""Columns that are the desk's own affair."""


def as_json(case: Case, *, raw: bool = False) -> dict[str, Any]:
    """The whole file as plain data for JSON; with `raw`, the records as they came too.

    The tracking page's token is left out of the complaint itself and stands in the link alone.
    """
    left_out = SECRET | {"token"} | (frozenset() if raw else {"raw"})
    complaint = plain_row(case.complaint, left_out)
    merged_into = case.complaint.merged_into
    return {
        "reference": case.complaint.reference,
        **complaint,
        "merged_into": f"TG-{merged_into}" if merged_into else None,
        "merged_in": list(case.merged_in),
        "tickets": _plain(case.tickets, left_out),
        "same_person": [plain(asdict(one)) for one in case.alike],
        "tracking_url": case.tracking_url,
        "complainant": plain_row(case.person, left_out) if case.person else None,
        "identities": _plain(case.identities, left_out),
        "messages": _plain(case.messages, left_out),
        "revisions": _plain(case.revisions, left_out),
        "assessments": _plain(case.assessments, left_out),
        "corrections": _plain(case.corrections, left_out),
        "drafts": _plain(case.drafts, left_out),
        "rounds": _plain(case.rounds, left_out),
        "reviews": _plain(case.reviews, left_out),
        "deliveries": _plain(case.deliveries, left_out),
        "notes": _plain(case.notes, left_out),
        "follow_ups": _plain(case.follow_ups, left_out),
        "fact_changes": _plain(case.fact_changes, left_out),
        "articles": _plain(case.articles, left_out | {"words", "search", "indexed_by"}),
        "posts": _plain(case.posts, left_out),
        "incidents": [{"reference": one.reference, **plain_row(one, left_out)} for one in case.incidents],
        "legal_hold": plain_row(case.legal.on_hold, left_out) if case.legal.on_hold else None,
        "legal_holds": _plain(case.legal.holds, left_out),
        "legal_roads": _plain(case.legal.roads, left_out),
        "legal_answers": _plain(case.legal.answers, left_out),
        "emergencies": _plain(case.legal.emergencies, left_out),
        "emergency_calls": _plain(case.legal.calls, left_out),
        "breaches": _plain(case.legal.breaches, left_out),
        "llm_calls": _plain(case.llm_calls, left_out),
        "llm_answers": _plain(case.llm_answers, left_out),
        "timeline": timeline(case.events),
    }


def timeline(events: Sequence[Event]) -> list[dict[str, Any]]:
    """A chain's events as plain data, with the hashes that prove them."""
    return [
        {
            "number": event.number,
            "at": event.at.isoformat(),
            "event": event.name,
            "by": event.by,
            "typed_by": event.typed_by,
            "message": event.message_id,
            **{key: value for key, value in event.data.items() if key not in ("number", "at", "event", "by", "hash")},
            "hash": event.hash,
        }
        for event in events
    ]


def _plain(rows: Sequence[SQLModel], left_out: frozenset[str]) -> list[dict[str, Any]]:
    return [plain_row(row, left_out) for row in rows]


def plain_row(row: SQLModel, left_out: frozenset[str] = SECRET) -> dict[str, Any]:
    """A row's columns as plain data."""
    columns = row.__table__.columns.keys()  # type: ignore[attr-defined]
    return {name: plain(getattr(row, name)) for name in columns if name not in left_out}


def plain(value: Any) -> Any:
    """A value as JSON has it: moments in ISO 8601, words as text, bytes as UTF-8 text or else as `base64:…`."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return f"base64:{b64encode(value).decode()}"
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(inner) for inner in value]
    return value


@dataclass(frozen=True)
class IncidentCase:
    """Everything that the desk keeps of one incident."""

    incident: Incident
    members: tuple[tuple[IncidentMember, Complaint], ...]
    statements: tuple[tuple[Statement, Draft | None], ...]
    reviews: tuple[Review, ...]
    events: tuple[Event, ...]


class NoSuchIncident(LookupError):
    """No incident has this reference."""

    def __init__(self, reference: str) -> None:
        super().__init__(f"There is no incident {reference}. `tanggap incidents` lists them.")


def read_incident(desk: Desk, reference: str) -> IncidentCase:
    """Read an incident with its members and its statement.

    Raises:
        NoSuchIncident: there is none of this reference.
    """
    letters, _, digits = reference.strip().upper().partition("-")
    if letters != "IN" or not digits.isdecimal() or len(digits) > 18:
        raise NoSuchIncident(reference)
    with desk.transaction() as session:
        incident = session.get(Incident, int(digits))
        if incident is None:
            raise NoSuchIncident(reference)
        members = session.execute(
            select(IncidentMember, Complaint)
            .join(Complaint, col(Complaint.id) == col(IncidentMember.complaint_id))
            .where(col(IncidentMember.incident_id) == incident.id)
            .order_by(col(IncidentMember.joined_at), col(Complaint.id))
        ).all()
        statements = session.execute(
            select(Statement, Draft)
            .outerjoin(Draft, col(Draft.id) == col(Statement.draft_id))
            .where(col(Statement.incident_id) == incident.id)
            .order_by(col(Statement.revision))
        ).all()
        rounds = _rows(session, Round, col(Round.incident_id) == incident.id)
        return IncidentCase(
            incident=incident,
            members=tuple((member, complaint) for member, complaint in members),
            statements=tuple((statement, draft) for statement, draft in statements),
            reviews=_rows(session, Review, col(Review.round_id).in_([round_.id for round_ in rounds])),
            events=tuple(trail.history(session, incident)),
        )


def incident_json(case: IncidentCase) -> dict[str, Any]:
    """The incident's file as plain data."""
    return {
        "reference": case.incident.reference,
        **plain_row(case.incident),
        "members": [
            {"reference": complaint.reference, "state": complaint.state.value, **plain_row(member)}
            for member, complaint in case.members
        ],
        "statements": [
            {**plain_row(statement), "text": draft.text if draft else None} for statement, draft in case.statements
        ],
        "reviews": _plain(case.reviews, SECRET),
        "timeline": timeline(case.events),
    }


__all__ = [
    "Case",
    "IncidentCase",
    "NoSuchComplaint",
    "NoSuchIncident",
    "as_json",
    "incident_json",
    "plain",
    "plain_row",
    "read_case",
    "read_incident",
    "timeline",
]
