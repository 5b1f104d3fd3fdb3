"""Who is spoken to as the press: not somebody whom a model alone took for it."""

from sqlalchemy import select
from sqlmodel import Session, col

from db.tables import Assessment, Complaint
from db.words import Risk


def told_risks(session: Session, complaint: Complaint) -> tuple[Risk, ...]:
    """The risks that a complaint's texts speak to: all of them, but `media` only where more than a guess says so.

    The words that the rules know say it, an account that publishes for a living (severities.yaml), or a person of ours.
    Severity and gates follow every risk; but nobody else is told that the press team will call.
    """
    risks = tuple(Risk(risk) for risk in complaint.risks)
    if Risk.MEDIA not in risks or "risks" in complaint.corrected or not _guessed(session, complaint):
        return risks
    return tuple(risk for risk in risks if risk is not Risk.MEDIA)


def _guessed(session: Session, complaint: Complaint) -> bool:
    """Whether each finding of the press in its messages is a guess of the model's."""
    session.flush()
    last = session.execute(
        select(Assessment)
        .where(col(Assessment.complaint_id) == complaint.id)
        .order_by(col(Assessment.message_id), col(Assessment.id).desc())
        .distinct(col(Assessment.message_id))
    ).scalars()
    found = [row for row in last if Risk.MEDIA in row.risks]
    return bool(found) and all(_is_guess(row) for row in found)


def _is_guess(found: Assessment) -> bool:
    kept = found.grading or {}
    known = any(Risk.MEDIA in rule.get("adds", ()) for rule in kept.get("rules", ()))
    return Risk.MEDIA in kept.get("guessed", ()) and not known
