"""Assess what came in or changed: what it is, how dangerous, and what follows from that."""

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from datetime import datetime

from sqlalchemy import func, select, update
from sqlmodel import Session, col

from db import trail
from db.complaints import lock_many, move, read_inbound_ahead
from db.tables import (
    Assessment,
    Complaint,
    Identity,
    Message,
    MessageRevision,
)
from db.wake import wake
from db.words import ANSWERABLE, DeliveryKind, Kind, Risk, State, Visibility
from policy.assessment import Author, Text, TextAssessment
from policy.severity import Grade
from policy.watching import Disposition, disposition
from tasks.acknowledge import acknowledge, warn_of_own_data
from tasks.breach_suspected import suspect_breach
from tasks.desk import Desk
from tasks.follow_up import found_post
from tasks.grading import Graded, surroundings
from tasks.merge import merge_into, merge_target, written_alone
from tasks.models import shadow_beside
from tasks.outbox import cancel_kinds, follow_severity
from tasks.promise import promise
from tasks.reopen import reopen
from tasks.rounds import message_reach, risk_may_have_risen

COMPARED = frozenset(State) - {State.NEW, State.NOTED, State.SPAM}
"""Where it matters whether the author is somebody who is known from another channel."""


@dataclass(frozen=True)
class Assessed:
    """What became of a batch."""

    messages: int = 0
    to_answer: int = 0
    watched: int = 0
    noted: int = 0


def due_for_assessment(desk: Desk, limit: int = 400) -> list[int]:
    """The messages that came in, changed, or gained reach since they were last assessed, the newest first.

    After an outage who writes now is heard before yesterday's are worked off.
    """
    with desk.transaction() as session:
        newest = select(Message.id).where(col(Message.assess_due)).order_by(col(Message.posted_at).desc()).limit(limit)  # type: ignore[call-overload]
        return list(session.execute(newest).scalars())


@dataclass(frozen=True)
class _Found:
    """What was found in a message's text, and which revision of the text it was."""

    finding: TextAssessment
    revision: int
    text: Text


def assess(desk: Desk, numbers: Sequence[int]) -> Assessed:
    """Assess these messages; what another worker holds, or what was edited meanwhile, is left to the next batch."""
    now = desk.now()
    findings = _findings(desk, numbers)
    with desk.transaction() as session:
        rows = session.execute(
            select(Message)
            .where(col(Message.id).in_(numbers), col(Message.assess_due))
            .order_by(col(Message.id))
            .with_for_update(skip_locked=True)
        ).scalars()
        messages = [
            message for message in rows if message.id in findings and findings[message.id].revision == message.revision
        ]
        if not messages:
            return Assessed()
        complaints = lock_many(session, [message.complaint_id for message in messages])
        read_inbound_ahead(session, list(complaints.values()))
        identities = _identities(session, messages)
        before = _last_findings(session, messages)
        alone = written_alone(session, messages)
        around = surroundings(session, desk, messages, complaints, alone=alone, now=now)
        to_answer = watched = noted = 0
        wrote: list[Identity] = []
        for message in messages:
            finding = findings[message.id].finding
            complaint = complaints[message.complaint_id]
            weighed = around.grade(
                message, identities.get(message.identity_id or 0), finding, new=message.id not in before
            )
            graded = weighed.grade
            message.assess_due = False
            message.kind = finding.kind
            message.second_look = finding.second_look
            session.add(message)
            stranger = message.id in alone
            # A first word of somebody new depends on nothing that this batch has not written yet.
            with session.no_autoflush if stranger and complaint.state is State.NEW else nullcontext():
                news = _write(session, complaint, message, finding, weighed, before.get(message.id), now)
                _follow(session, desk, complaint, message, finding, graded, news, now, stranger=stranger)
            if complaint.state not in (State.SPAM, State.MERGED):
                warn_of_own_data(session, desk, complaint, message, now)
                if news.finding and Risk.PRIVACY in graded.risks:
                    known_at, said = message.received_at, message.text
                    suspect_breach(session, desk, complaint, known_at=known_at, text=said, now=now)
            if not stranger:
                found_post(session, desk, message, finding.kind, now)
            if news.words and complaint.state in COMPARED and (author := identities.get(message.identity_id or 0)):
                wrote.append(author)
            to_answer += complaint.state is State.ASSESSED
            watched += complaint.state is State.MONITORING
            noted += complaint.state in (State.NOTED, State.SPAM)
        for author in wrote:  # together at the end, so that they are locked in one order
            author.compare_due = True
            session.add(author)
        shadow_beside(desk, session, messages, [findings[message.id].text for message in messages])
        wake(session, "respond")
    return Assessed(len(messages), to_answer, watched, noted)


def _findings(desk: Desk, numbers: Sequence[int]) -> dict[int, _Found]:
    """What the assessor finds, by message; no row is held meanwhile, for the encoder takes its time."""
    with desk.transaction() as session:
        rows = session.execute(select(Message).where(col(Message.id).in_(numbers), col(Message.assess_due)))
        messages = list(rows.scalars())
        identities = _identities(session, messages)
        texts = [_text(desk, message, identities.get(message.identity_id or 0)) for message in messages]
        known = [(message.id, message.revision, message.opts_out) for message in messages]
        hurried = _many_wait(session, desk.policy.assessing.second_opinion.waiting_at_most)
    found = desk.assessor.assess(texts, hurried=hurried)
    return {
        number: _Found(_nothing(finding) if opts_out else finding, revision, text)
        for (number, revision, opts_out), finding, text in zip(known, found, texts, strict=True)
    }


def _nothing(finding: TextAssessment) -> TextAssessment:
    """Of a bare `STOP`: it complains of nothing and asks nothing, whatever the words resemble."""
    said = {"kind": Kind.OTHER, "category": None, "remedy": None, "risks": (), "anger": 0, "evidence": ()}
    return replace(finding, **said, opinion=False, breach=False, asks=False, unsure=(), guessed=())  # type: ignore[arg-type]


def _many_wait(session: Session, at_most: int) -> bool:
    """Whether more messages wait than may, so that nobody waits for the encoder."""
    waiting = select(Message.id).where(col(Message.assess_due)).limit(at_most + 1).subquery()  # type: ignore[call-overload]
    count: int = session.execute(select(func.count()).select_from(waiting)).scalar_one()
    return count > at_most


def take_second_looks(desk: Desk, limit: int = 100) -> int:
    """Have messages that were assessed in a hurry assessed again; how many. For when nothing else waits."""
    with desk.transaction() as session:
        some = select(Message.id).where(col(Message.second_look)).order_by(col(Message.id)).limit(limit)  # type: ignore[call-overload]
        done = session.execute(
            update(Message)
            .where(col(Message.id).in_(some.with_for_update(skip_locked=True)))
            .values(second_look=False, assess_due=True)
        )
        return int(done.rowcount)  # type: ignore[attr-defined]


def _identities(session: Session, messages: Sequence[Message]) -> dict[int, Identity]:
    numbers = {message.identity_id for message in messages if message.identity_id}
    rows = session.execute(select(Identity).where(col(Identity.id).in_(numbers))).scalars()
    return {identity.id: identity for identity in rows}


def _text(desk: Desk, message: Message, identity: Identity | None) -> Text:
    author = (
        Author(identity.handle, identity.name, identity.followers, identity.verified) if identity is not None else None
    )
    addressed = message.addressed
    if addressed is None and (
        message.visibility is Visibility.PRIVATE or desk.policy.channels.of(message.channel).addressed_by_default
    ):
        addressed = True
    return Text(
        text=message.text,
        channel=message.channel,
        author=author,
        addressed=addressed,
        subject=message.subject,
        in_reply_to_us=message.parent_id is not None,
    )


@dataclass(frozen=True)
class _News:
    """What is new about a message: its finding, and whether its words were read before."""

    finding: bool
    words: bool


def _write(
    session: Session,
    complaint: Complaint,
    message: Message,
    finding: TextAssessment,
    weighed: Graded,
    last: Assessment | None,
    now: datetime,
) -> _News:
    """Store the assessment and carry it over to the complaint; tells what is new since the `last` one.

    The same finding for other reasons is kept, so that people see them, but it is no news.
    """
    graded = weighed.grade
    risks = sorted(risk.value for risk in graded.risks)
    said = (finding.kind, finding.category, finding.remedy, graded.severity, risks, finding.anger, finding.language)
    words = last is None or _edited_since(session, message, last.at)
    same = last is not None and said == (
        last.kind, last.category, last.remedy, last.severity, sorted(last.risks), last.anger, last.language,
    )  # fmt: skip
    if same and last is not None and _for_the_same_reasons(last, weighed, finding):
        return _News(False, words)
    row = Assessment(
        complaint_id=complaint.id,
        message_id=message.id,
        at=now,
        by=trail.MACHINE_AUTHOR.name,
        kind=finding.kind,
        category=finding.category,
        remedy=finding.remedy,
        severity=graded.severity,
        risks=risks,
        anger=finding.anger,
        language=finding.language,
        confidence=dict(finding.confidence),
        evidence=[asdict(evidence) for evidence in finding.evidence],
        unsure=list(finding.unsure),
        because=list(graded.because),
        version=finding.version,
        grading=weighed.grading,
    )
    session.add(row)
    first = complaint.first_message_id in (None, message.id)
    if same:
        if first:
            _set(complaint, unsure=[name for name in finding.unsure if name not in complaint.corrected])
        return _News(False, words)
    severity = complaint.severity
    if first:
        _carry_over_first(complaint, finding, graded, _others(session, complaint, message) if last else [])
    else:
        _carry_over_later(complaint, finding, graded)
    if severity not in (None, complaint.severity):
        follow_severity(session, complaint)
    complaint.addressed = finding.addressed if first else complaint.addressed or finding.addressed
    session.add(complaint)
    return _News(True, words)


def _for_the_same_reasons(last: Assessment, weighed: Graded, finding: TextAssessment) -> bool:
    guessed = (last.grading or {}).get("guessed", [])
    reasons = (last.because, last.unsure, guessed)
    return reasons == (list(weighed.grade.because), list(finding.unsure), weighed.grading["guessed"])


def _last_findings(session: Session, messages: Sequence[Message]) -> dict[int, Assessment]:
    """The last finding about each of these messages, as long as it was about the complaint they belong to now."""
    belongs = {message.id: message.complaint_id for message in messages}
    rows = session.execute(
        select(Assessment)
        .where(col(Assessment.message_id).in_(list(belongs)))
        .order_by(col(Assessment.message_id), col(Assessment.id).desc())
        .distinct(col(Assessment.message_id))
    ).scalars()
    return {row.message_id: row for row in rows if row.complaint_id == belongs[row.message_id]}


def _edited_since(session: Session, message: Message, at: datetime) -> bool:
    if message.revision == 1:
        return False
    replaced = session.execute(
        select(func.max(MessageRevision.replaced_at)).where(col(MessageRevision.message_id) == message.id)
    ).scalar_one()
    return replaced is not None and replaced >= at


def _others(session: Session, complaint: Complaint, message: Message) -> list[Assessment]:
    """The last finding about each other message of the complaint."""
    rows = session.execute(
        select(Assessment)
        .where(col(Assessment.complaint_id) == complaint.id, col(Assessment.message_id) != message.id)
        .order_by(col(Assessment.message_id), col(Assessment.id).desc())
        .distinct(col(Assessment.message_id))
    )
    return list(rows.scalars())


def _carry_over_first(
    complaint: Complaint, finding: TextAssessment, graded: Grade, others: Sequence[Assessment]
) -> None:
    """The first message tells what a complaint is; it is as grave as the gravest of all."""
    _set(
        complaint,
        kind=finding.kind,
        category=finding.category,
        remedy=finding.remedy,
        language=finding.language,
        unsure=[name for name in finding.unsure if name not in complaint.corrected],
        severity=min([graded.severity, *(other.severity for other in others)], key=lambda severity: severity.rank),
        risks=sorted({risk.value for risk in graded.risks} | {risk for other in others for risk in other.risks}),
        anger=max([finding.anger, *(other.anger for other in others)]),
    )


def _carry_over_later(complaint: Complaint, finding: TextAssessment, graded: Grade) -> None:
    """A later message can make a complaint graver, never milder."""
    if _says_more(complaint.kind, finding.kind):
        _set(
            complaint,
            kind=finding.kind,
            category=finding.category,
            remedy=finding.remedy,
            language=finding.language,
            unsure=[name for name in finding.unsure if name not in complaint.corrected],
        )
    if complaint.severity is None or graded.severity.at_least(complaint.severity):
        _set(complaint, severity=graded.severity)
    _set(
        complaint,
        risks=sorted({risk.value for risk in graded.risks} | set(complaint.risks)),
        anger=max(complaint.anger, finding.anger),
    )


def _set(complaint: Complaint, **values: object) -> None:
    """Set what no person has corrected."""
    for name, value in values.items():
        if name not in complaint.corrected:
            setattr(complaint, name, value)


def _says_more(before: Kind | None, now: Kind) -> bool:
    """Whether a later message makes more of it: a question of what was noted, a complaint of a question."""
    return (before not in ANSWERABLE and now in ANSWERABLE) or (before is Kind.QUESTION and now is Kind.COMPLAINT)


def _facts(finding: TextAssessment, graded: Grade) -> dict[str, object]:
    return {
        "kind": finding.kind.value,
        "category": finding.category.value if finding.category else None,
        "remedy": finding.remedy.value if finding.remedy else None,
        "severity": graded.severity.value,
        "risks": sorted(risk.value for risk in graded.risks),
        "anger": finding.anger,
        "language": finding.language,
        "version": finding.version,
    }


def _follow(
    session: Session,
    desk: Desk,
    complaint: Complaint,
    message: Message,
    finding: TextAssessment,
    graded: Grade,
    news: _News,
    now: datetime,
    *,
    stranger: bool,
) -> None:
    """What follows from a finding depends on where the complaint stands."""
    first = complaint.first_message_id == message.id
    kind = complaint.kind if first else finding.kind
    by = trail.MACHINE_AUTHOR
    facts = _facts(finding, graded)
    match complaint.state:
        case State.NEW:
            _place(session, desk, complaint, message, finding, graded, now, stranger=stranger)
        case State.NOTED | State.MONITORING:
            if _disposition(desk, complaint, message, finding, graded, session) is Disposition.ANSWER:
                _to_answer(session, desk, complaint, message, facts, now, stranger=stranger)
            elif news.finding:
                trail.append(session, complaint, "assessed", by=by, at=now, message_id=message.id, **facts)
        case State.MERGED | State.SPAM:
            pass
        case _:
            if news.finding:
                trail.append(session, complaint, "assessed", by=by, at=now, message_id=message.id, **facts)
                if complaint.responded_at is None:
                    promise(desk, complaint, complaint.promised_at or complaint.opened_at)
                session.add(complaint)
            if _answers_by_editing(session, desk, complaint, message, news):
                _conversation(session, desk, complaint, message, finding.kind, now)
            elif news.finding and (first or not news.words):
                risk_may_have_risen(session, desk, complaint, now)
            elif news.finding:
                _conversation(session, desk, complaint, message, kind or Kind.COMPLAINT, now)


def _answers_by_editing(session: Session, desk: Desk, complaint: Complaint, message: Message, news: _News) -> bool:
    """Whether a review was changed below our answer: who has one review, and can say nothing below it, answers so."""
    return (
        news.words
        and complaint.responded_at is not None
        and desk.policy.channels.of(message.channel).review_platform
        and _edited_since(session, message, complaint.responded_at)
    )


def _disposition(
    desk: Desk, complaint: Complaint, message: Message, finding: TextAssessment, graded: Grade, session: Session
) -> Disposition:
    identity = session.get(Identity, message.identity_id) if message.identity_id else None
    return disposition(finding, graded, message_reach(message, identity), desk.policy.watching)


def _place(
    session: Session,
    desk: Desk,
    complaint: Complaint,
    message: Message,
    finding: TextAssessment,
    graded: Grade,
    now: datetime,
    *,
    stranger: bool,
) -> None:
    """A new complaint's first step: answer, watch, note, or throw out."""
    by, facts = trail.MACHINE_AUTHOR, _facts(finding, graded)
    match _disposition(desk, complaint, message, finding, graded, session):
        case Disposition.ANSWER:
            _to_answer(session, desk, complaint, message, facts, now, stranger=stranger)
        case Disposition.WATCH:
            move(session, complaint, State.ASSESSED, event="assessed", by=by, at=now, message_id=message.id, **facts)
            move(session, complaint, State.MONITORING, event="monitoring", by=by, at=now)
        case Disposition.NOTE:
            trail.append(session, complaint, "assessed", by=by, at=now, message_id=message.id, **facts)
            move(session, complaint, State.NOTED, event="noted", by=by, at=now)
        case Disposition.SPAM:
            trail.append(session, complaint, "assessed", by=by, at=now, message_id=message.id, **facts)
            move(session, complaint, State.SPAM, event="spam", by=by, at=now)


def _to_answer(
    session: Session,
    desk: Desk,
    complaint: Complaint,
    message: Message,
    facts: dict[str, object],
    now: datetime,
    *,
    stranger: bool,
) -> None:
    watched = complaint.state in (State.MONITORING, State.NOTED)
    move(
        session,
        complaint,
        State.ASSESSED,
        event="assessed",
        by=trail.MACHINE_AUTHOR,
        at=now,
        message_id=message.id,
        **facts,
    )
    promise(desk, complaint, now if watched else complaint.opened_at, anew=watched)
    session.add(complaint)
    target = None if stranger else merge_target(session, desk, complaint, message)
    if target is not None:
        merge_into(session, desk, complaint, target, by=trail.MACHINE_AUTHOR, now=now)
        return
    if not watched:
        acknowledge(session, desk, complaint, message, now, stranger=stranger)


def _conversation(
    session: Session, desk: Desk, complaint: Complaint, message: Message, kind: Kind, now: datetime
) -> None:
    """A further message of the customer: the next answer, a reopened case, or a word of thanks."""
    by = trail.MACHINE_AUTHOR
    wants_answer = kind in ANSWERABLE
    unheard = complaint.acknowledged_at is None and complaint.responded_at is None
    put_off = unheard and kind is Kind.COMPLAINT
    if put_off and cancel_kinds(session, complaint, "became a complaint", DeliveryKind.ACKNOWLEDGEMENT):
        acknowledge(session, desk, complaint, message, now)
    match complaint.state:
        case State.RESPONDED if not wants_answer:
            move(
                session, complaint, State.IN_CONVERSATION, event="in_conversation", by=by, at=now, message_id=message.id
            )
        case State.RESPONDED | State.IN_CONVERSATION if wants_answer:
            move(session, complaint, State.DRAFTING, event="answer_due", by=by, at=now, message_id=message.id)
            promise(desk, complaint, now, anew=True)
        case State.RESOLVED | State.CLOSED if wants_answer:
            reopen(session, desk, complaint, "customer_wrote", now=now, message_id=message.id)
        case State.IN_REVIEW | State.APPROVED:
            risk_may_have_risen(session, desk, complaint, now)
        case _:
            pass
    session.add(complaint)
