"""Answer what has been assessed: draft, guard, and open the reviews that policy asks for."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import exists, select
from sqlmodel import Session, col

from db import trail
from db.complaints import lock_many, move, read_inbound_ahead
from db.fingerprint import companion, fingerprint
from db.tables import Complaint, Draft, Message
from db.words import DeliveryKind, State, Visibility
from policy.composing import Composed
from policy.guard import worst
from tasks.aim import Aim, Mark, aim, mark
from tasks.composing import Prepared, companion_of, prepare
from tasks.desk import Desk
from tasks.grounds import grounded, grounds_after_edit, kept_words, main_text, ungrounded
from tasks.guarding import guard, invites_private
from tasks.rephrase import reword
from tasks.rounds import hold, open_rounds
from tasks.write_back import why_held, words_kept

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
    """Write, guard and put to review; a complaint that moved on meanwhile is left for the next batch.

    A language model may be asked in between, over the network: no transaction is open then.
    """
    return store_answers(desk, aimed, reword(desk, compose_answers(desk, aimed)))


def compose_answers(desk: Desk, aimed: Sequence[tuple[Mark, Aim]]) -> list[Prepared]:
    """Compose the answer to each complaint that can be answered; nothing is stored or locked."""
    with desk.transaction() as session:
        found = session.execute(
            select(Complaint).where(col(Complaint.id).in_([at.complaint_id for at, aim_ in aimed if aim_.ok]))
        ).scalars()
        complaints = {complaint.id: complaint for complaint in found}
        due = [
            (complaint, at, aim_)
            for at, aim_ in aimed
            if (complaint := complaints.get(at.complaint_id)) is not None and complaint.version == at.version
        ]
        read_inbound_ahead(session, [complaint for complaint, _, _ in due])
        return prepare(desk, session, due)


def store_answers(desk: Desk, aimed: Sequence[tuple[Mark, Aim]], prepared: Sequence[Prepared]) -> Answered:
    """Guard what was composed and put it to review; a complaint that moved on meanwhile is left for the next batch."""
    now = desk.now()
    composed = {one.at.complaint_id: one for one in prepared}
    with desk.transaction() as session:
        batch = _still_due(session, aimed)
        drafts: list[tuple[Complaint, list[Draft]]] = []
        unreachable = 0
        for complaint, aim_ in batch:
            if complaint.state is State.ASSESSED:
                move(session, complaint, State.DRAFTING, event="drafting", by=trail.MACHINE_AUTHOR, at=now)
            if aim_.ok:
                kept = _kept(session, desk, complaint, aim_, now)
                attempts = [kept] if kept else _write(session, desk, complaint, composed[complaint.id], now)
                drafts.append((complaint, attempts))
            else:
                unreachable += 1
                why = why_held(session, desk, complaint, aim_, now)
                hold(session, desk, complaint, why, by=trail.MACHINE_AUTHOR, now=now, detail=aim_.why)
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


def _write(session: Session, desk: Desk, complaint: Complaint, prepared: Prepared, now: datetime) -> list[Draft]:
    """The machine's drafts, from the wording where it last ended; the last is the first that the guardrails pass."""
    attempts: list[Draft] = []
    for attempt in range(VARIANTS_TRIED):
        worded = prepared if attempt == 0 else prepared.in_other_words(desk, attempt)
        attempts.append(_composed_draft(session, desk, complaint, worded, now))
        if not attempts[-1].blocked:
            break
    return attempts


def _kept(session: Session, desk: Desk, complaint: Complaint, aim_: Aim, now: datetime) -> Draft | None:
    """What a person wrote and the gates passed, proposed again where it came too late for the reply window."""
    words = words_kept(session, complaint)
    if words is None:
        return None
    draft = new_draft(
        session,
        desk,
        complaint,
        text=words.text,
        author=trail.Author(words.author),
        aim_=aim_,
        now=now,
        replaces=words,
        attachments=words.attachments,
        grounds=words.grounds,
    )
    return None if draft.blocked else draft


def _composed_draft(session: Session, desk: Desk, complaint: Complaint, worded: Prepared, now: datetime) -> Draft:
    """A composed answer as a row, with its private companion where one says what did not fit."""
    made, beside = worded.composed, companion_of(desk, worded)
    if beside is not None and guard(session, desk, complaint, beside.text, Visibility.PRIVATE, grounded(beside)):
        beside = None  # it adds, so it must be beyond doubt
    if beside is not None:
        made = replace(made, states_facts=made.states_facts or beside.states_facts)
    return new_draft(
        session,
        desk,
        complaint,
        text=made.text,
        author=trail.MACHINE_AUTHOR,
        aim_=worded.aim,
        now=now,
        composed=made,
        attachments=[companion(beside.text)] if beside else [],
        grounds=[
            *(sentence.as_json() for sentence in made.sentences),
            *({**sentence.as_json(), "companion": True} for sentence in (beside.sentences if beside else ())),
        ],
    )


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
    """Keep a person's draft with its guardrail findings; opens nothing. `by`: who proposes it, if not its author.

    What it `replaces` leaves it the grounds of the sentences that still stand, and the private text beside it.
    """
    draft = new_draft(
        session,
        desk,
        complaint,
        text=text,
        author=author,
        aim_=aim_,
        now=now,
        replaces=replaces,
        attachments=replaces.attachments if replaces else [],
        grounds=grounds_after_edit(text, author.name, replaces),
    )
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
    composed: Composed | None = None,
    replaces: Draft | None = None,
    attachments: Sequence[dict[str, Any]] = (),
    grounds: Sequence[dict[str, Any]] = (),
) -> Draft:
    """A draft as a row that is not stored yet, with what the guardrails find in it."""
    known = grounded(composed) if composed else kept_words(replaces)
    unproven = ungrounded(composed) if composed else ()
    findings = guard(session, desk, complaint, text, aim_.visibility, known, unproven)
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
        attachments=list(attachments),
        sha256=fingerprint(
            text,
            channel=complaint.channel,
            account=complaint.account,
            target=aim_.target,
            visibility=aim_.visibility,
            attachments=attachments,
        ),
        template=main_text(composed) if composed else None,
        states_facts=composed.states_facts if composed else True,
        invites_private=composed.invites_private if composed else invites_private(desk, text),
        findings=[asdict(finding) for finding in findings],
        blocked=worst(findings) == "block",
        publishable_until=aim_.until,
        grounds=list(grounds),
        model=composed.model if composed else None,
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
        model=draft.model,
        rules=sorted({finding["rule"] for finding in draft.findings}) or None,
        sha256=draft.sha256,
    )
