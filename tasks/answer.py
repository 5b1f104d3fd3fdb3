"""Answer what has been assessed: draft, guard, and open the reviews that policy asks for."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import exists, func, select
from sqlmodel import Session, col

from db import trail
from db.complaints import lock_many, move, own_messages, read_inbound_ahead
from db.fingerprint import fingerprint
from db.tables import Complaint, Draft, Message
from db.words import DeliveryKind, Kind, State, Visibility
from policy.guard import DraftText, Finding, check, worst
from policy.templates import Rendered, reply_name
from tasks.aim import Aim, Mark, aim, mark
from tasks.consistency import current_statement, earlier_texts
from tasks.desk import Desk
from tasks.rounds import hold, open_rounds
from tasks.words import render, spoken_date

VARIANTS_TRIED = 3
"""So many wordings the machine tries before a person is asked to write."""


@dataclass(frozen=True)
class Answered:
    """What became of a batch."""

    drafted: int = 0
    blocked: int = 0
    held: int = 0
    references: tuple[str, ...] = ()


def due_for_answer(desk: Desk, limit: int = 400) -> list[Mark]:
    """The complaints that wait for a draft, with the message that is answered, gravest first.

    One whose newest message is not assessed yet waits for that: an answer must not pass over it.
    """
    unread = exists().where(col(Message.complaint_id) == col(Complaint.id), col(Message.assess_due))
    with desk.transaction() as session:
        rows = session.execute(
            select(Complaint)
            .where(col(Complaint.state).in_([State.ASSESSED, State.DRAFTING]), ~unread)
            .order_by(col(Complaint.severity), col(Complaint.id))
            .limit(limit)
        ).scalars()
        complaints = list(rows)
        read_inbound_ahead(session, complaints)
        return [mark(session, complaint) for complaint in complaints]


def take_aim(desk: Desk, marks: Sequence[Mark]) -> list[tuple[Mark, Aim]]:
    """Ask each channel whether, where and until when it takes an answer. No transaction is open meanwhile."""
    return [(at, aim(desk, at)) for at in marks]


def draft_answers(desk: Desk, aimed: Sequence[tuple[Mark, Aim]]) -> Answered:
    """Write, guard and put to review; a complaint that moved on meanwhile is left for the next batch."""
    now = desk.now()
    with desk.transaction() as session:
        batch = _still_due(session, aimed)
        written = _written_before(session, [complaint for complaint, _ in batch])
        drafts: list[tuple[Complaint, list[Draft]]] = []
        unreachable = 0
        for complaint, aim_ in batch:
            if complaint.state is State.ASSESSED:
                move(session, complaint, State.DRAFTING, event="drafting", by=trail.MACHINE_AUTHOR, at=now)
            if aim_.ok:
                drafts.append((complaint, _write(session, desk, complaint, aim_, now, written.get(complaint.id, 0))))
            else:
                unreachable += 1
                hold(session, desk, complaint, "unreachable", by=trail.MACHINE_AUTHOR, now=now, detail=aim_.why)
        session.add_all([draft for _, attempts in drafts for draft in attempts])
        session.flush()
        passed: list[tuple[Complaint, Draft]] = []
        for complaint, attempts in drafts:
            for draft in attempts:
                _tell(session, complaint, draft, trail.MACHINE_AUTHOR, now)
            if attempts[-1].blocked:
                facts = {"draft": attempts[-1].id}
                hold(session, desk, complaint, "guardrails", by=trail.MACHINE_AUTHOR, now=now, **facts)
            else:
                passed.append((complaint, attempts[-1]))
        open_rounds(session, desk, passed, now)
        references = tuple(complaint.reference for complaint, _ in batch)
    return Answered(len(passed), len(drafts) - len(passed), unreachable, references)


def _still_due(session: Session, aimed: Sequence[tuple[Mark, Aim]]) -> list[tuple[Complaint, Aim]]:
    complaints = lock_many(session, [at.complaint_id for at, _ in aimed])
    due = [
        (complaint, aim_)
        for at, aim_ in sorted(aimed, key=lambda pair: pair[0].complaint_id)
        if (complaint := complaints[at.complaint_id]).version == at.version
        and complaint.state in (State.ASSESSED, State.DRAFTING)
    ]
    read_inbound_ahead(session, [complaint for complaint, _ in due])
    return due


def _written_before(session: Session, complaints: Sequence[Complaint]) -> dict[int, int]:
    """How many drafts each complaint has had."""
    numbers = [complaint.id for complaint in complaints]
    rows = session.execute(
        select(Draft.complaint_id, func.count())  # type: ignore[call-overload]
        .where(col(Draft.complaint_id).in_(numbers))
        .group_by(col(Draft.complaint_id))
    )
    return {row[0]: row[1] for row in rows}


def _write(session: Session, desk: Desk, complaint: Complaint, aim_: Aim, now: datetime, written: int) -> list[Draft]:
    """The machine's drafts, from the wording where it last ended; the last is the first that the guardrails pass."""
    attempts: list[Draft] = []
    for attempt in range(VARIANTS_TRIED):
        rendered = _compose(session, desk, complaint, aim_.visibility, complaint.id + written + attempt)
        attempts.append(
            new_draft(
                session,
                desk,
                complaint,
                text=rendered.text,
                author=trail.MACHINE_AUTHOR,
                aim_=aim_,
                now=now,
                rendered=rendered,
            )
        )
        if not attempts[-1].blocked:
            break
    return attempts


def _compose(session: Session, desk: Desk, complaint: Complaint, visibility: Visibility, variant: int) -> Rendered:
    name = reply_name(
        complaint.kind or Kind.COMPLAINT,
        complaint.category,
        visibility,
        reopened=complaint.reopened > 0,
        conversation=complaint.responded_at is not None,
    )
    return render(session, desk, complaint, name, visibility=visibility, variant=variant)


def store_draft(
    session: Session,
    desk: Desk,
    complaint: Complaint,
    *,
    text: str,
    author: trail.Author,
    aim_: Aim,
    now: datetime,
    by: trail.Author | None = None,
    replaces: Draft | None = None,
) -> Draft:
    """Keep a person's draft with its guardrail findings; opens nothing. `by`: who proposes it, if not its author."""
    draft = new_draft(session, desk, complaint, text=text, author=author, aim_=aim_, now=now, replaces=replaces)
    session.add(draft)
    session.flush()
    _tell(session, complaint, draft, by or author, now)
    return draft


def new_draft(
    session: Session,
    desk: Desk,
    complaint: Complaint,
    *,
    text: str,
    author: trail.Author,
    aim_: Aim,
    now: datetime,
    rendered: Rendered | None = None,
    replaces: Draft | None = None,
) -> Draft:
    """A draft as a row that is not stored yet, with what the guardrails find in it."""
    findings = guard(session, desk, complaint, text, aim_.visibility)
    return Draft(
        complaint_id=complaint.id,
        kind=DeliveryKind.REPLY,
        author=author.name,
        written_at=now,
        replaces_id=replaces.id if replaces else None,
        language=complaint.language,
        channel=complaint.channel,
        account=complaint.account,
        target=aim_.target,
        visibility=aim_.visibility,
        text=text,
        sha256=fingerprint(
            text, channel=complaint.channel, account=complaint.account, target=aim_.target, visibility=aim_.visibility
        ),
        template=rendered.template if rendered else None,
        states_facts=rendered.states_facts if rendered else True,
        invites_private=rendered.invites_private if rendered else invites_private(desk, text),
        findings=[asdict(finding) for finding in findings],
        blocked=worst(findings) == "block",
        publishable_until=aim_.until,
    )


def _tell(session: Session, complaint: Complaint, draft: Draft, by: trail.Author, now: datetime) -> None:
    """Write `drafted` or `guard_blocked`."""
    trail.append(
        session,
        complaint,
        "guard_blocked" if draft.blocked else "drafted",
        by=by,
        at=now,
        draft=draft.id,
        words_of=draft.author if draft.author != by.name else None,
        visibility=draft.visibility.value,
        template=draft.template,
        rules=sorted({finding["rule"] for finding in draft.findings}) or None,
        sha256=draft.sha256,
    )


def guard(session: Session, desk: Desk, complaint: Complaint, text: str, visibility: Visibility) -> list[Finding]:
    """What the guardrails find in a text for this complaint."""
    said = "\n".join(message.text for message in own_messages(session, complaint))
    draft = DraftText(
        text=text,
        visibility=visibility,
        channel=complaint.channel,
        complaint=said,
        lang=complaint.language,
        category=complaint.category.value if complaint.category else None,
        risks=tuple(complaint.risks),
        facts=(complaint.reference, *(spoken_date(desk, complaint.answer_by, language) for language in ("id", "en"))),
        kind=complaint.kind,
        statement=current_statement(session, complaint, desk.now()),
        earlier=earlier_texts(session, desk, complaint),
    )
    findings = check(draft, desk.policy.guardrails, desk.policy.company, desk.policy.channels.channels)
    return [finding for finding in findings if not _in_own_link(finding, text, desk.tracking_url(complaint.token))]


def _in_own_link(finding: Finding, text: str, link: str) -> bool:
    """The private page's address is the complainant's own; a desk under a plain host name looks like internal text."""
    start = text.find(link)
    return start >= 0 and start <= finding.start and finding.end <= start + len(link)


def invites_private(desk: Desk, text: str) -> bool:
    """Whether a person's own words invite to a private talk: they name a contact of ours, or say so."""
    return desk.policy.company.invites_private(text)
