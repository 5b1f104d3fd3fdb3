"""What people write in the thread under a card: notes on the complaint, and words that somebody proposes as its answer.

Nothing of it can reach a customer: a note reaches no channel, and a proposal goes through the gates like any draft.
"""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session, col

from db import trail
from db.complaints import lock
from db.legal import held
from db.tables import Complaint, Draft, Note, Review, Round
from tasks.decide import draft_by_person
from tasks.desk import Desk
from tasks.people import Mistake
from tasks.refusals import must_be_allowed, no_review
from tasks.rounds import open_round_of


def note_from_thread(desk: Desk, review_id: int, text: str, by: trail.Author, source: str) -> None:
    """Keep a message as a note on the review's complaint. `source` is its `channel:ts`; heard again, it stays one note.

    Raises:
        Refused: the person may write no notes, or there is no such review.
    """
    must_be_allowed(desk, by, "note")
    words = text.strip()
    now = desk.now()
    with desk.transaction() as session:
        complaint = lock(session, _complaint_of(session, review_id))
        if not words:
            return
        values = {"complaint_id": complaint.id, "at": now, "by": by.name, "text": words, "source": source}
        written = session.execute(
            insert(Note).values(**values).on_conflict_do_nothing().returning(col(Note.id))
        ).scalar_one_or_none()
        if written is not None:
            trail.append(session, complaint, "noted_by_person", by=by, at=now, note=written, review=review_id)


def edit_note(desk: Desk, source: str, text: str, by: trail.Author) -> None:
    """The message was edited, and so is its note. A message that is no note, or was taken back, is passed over.

    Raises:
        Refused: the person may write no notes.
    """
    must_be_allowed(desk, by, "note")
    words = text.strip()
    if not words:
        remove_note(desk, source, by)
        return
    now = desk.now()
    with desk.transaction() as session:
        found = _note(session, source)
        if found is None:
            return
        note, complaint = found
        if note.text == words or _forgotten(complaint):
            return
        if held(session, [complaint.id]):
            session.add(_kept(note, now))
        note.text, note.edited_at = words, now
        session.add(note)
        trail.append(session, complaint, "note_edited", by=by, at=now, note=note.id)


def remove_note(desk: Desk, source: str, by: trail.Author) -> None:
    """The message was deleted, and so are its note's words, unless a legal hold keeps them. That there was one stays on
    the timeline.
    """
    now = desk.now()
    with desk.transaction() as session:
        found = _note(session, source)
        if found is None:
            return
        note, complaint = found
        note.text, note.removed_at = note.text if held(session, [complaint.id]) else "", now
        session.add(note)
        trail.append(session, complaint, "note_removed", by=by, at=now, note=note.id)


def _kept(note: Note, now: datetime) -> Note:
    """What a note said before it was edited, for Legal alone: it shows as taken back."""
    return Note(
        complaint_id=note.complaint_id, at=note.edited_at or note.at, by=note.by, text=note.text, removed_at=now
    )


def propose_from_thread(desk: Desk, review_id: int, text: str, author: trail.Author, proposer: trail.Author) -> Draft:
    """Make a message the draft of the review's complaint, whatever became of that review meanwhile.

    Its author and whoever proposes it decide nothing about it. It goes where the review's own draft would have gone, in
    public or in private. Proposed again while it is being reviewed, it stays the draft that it is.

    Raises:
        Mistake: there are no words.
        Refused: as for `draft_by_person`, or there is no such review.
    """
    must_be_allowed(desk, proposer, "draft")
    words = text.strip()
    if not words:
        raise Mistake("This message has no words that could be an answer.")
    with desk.transaction() as session:
        complaint = session.get_one(Complaint, _complaint_of(session, review_id))
        review = session.get_one(Review, review_id)
        visibility = session.get_one(Draft, review.draft_id).visibility
        standing = _being_reviewed(session, complaint)
    if standing is not None and (standing.text, standing.author) == (words, author.name):
        return standing
    words_of = author if author.name != proposer.name else None
    return draft_by_person(desk, complaint.reference, words, proposer, visibility, words_of=words_of)


def _complaint_of(session: Session, review_id: int) -> int:
    review = session.get(Review, review_id)
    round_ = session.get(Round, review.round_id) if review else None
    if round_ is None or round_.complaint_id is None:
        raise no_review(review_id)
    return round_.complaint_id


def _being_reviewed(session: Session, complaint: Complaint) -> Draft | None:
    round_ = open_round_of(session, complaint)
    return session.get_one(Draft, round_.draft_id) if round_ else None


def _note(session: Session, source: str) -> tuple[Note, Complaint] | None:
    """The note that follows this message, with its complaint locked; None where there is none any more."""
    query = select(Note).where(col(Note.source) == source)
    found = session.execute(query).scalar_one_or_none()
    if found is None:
        return None
    complaint = lock(session, found.complaint_id)
    note = session.execute(query.execution_options(populate_existing=True)).scalar_one()
    return (note, complaint) if note.removed_at is None else None


def _forgotten(complaint: Complaint) -> bool:
    """Whether its complainant was forgotten: then no words come back."""
    return complaint.salt == b""
