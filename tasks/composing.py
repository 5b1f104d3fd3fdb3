"""Gathers what is known of a case and composes its answer from the policy's parts."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import func, select
from sqlmodel import Session, col

from db import trail
from db.complaints import own_messages
from db.people import called
from db.tables import Complaint, Draft
from db.words import Kind, State, Visibility
from policy.composing import Case, Cited, Composed, Stage, Talk, compose, would_cite
from policy.composing.register import register_of
from policy.intake import first_number
from tasks.aim import Aim, Mark
from tasks.consistency import current_statement
from tasks.desk import Desk
from tasks.knowledge import article_for
from tasks.press import told_risks
from tasks.talk import private_talks, was_asked
from tasks.words import first_name, spoken_date

LANGUAGES = ("id", "en")


@dataclass(frozen=True)
class Prepared:
    """A composed answer that is not stored yet, with what it answers."""

    at: Mark
    aim: Aim
    case: Case
    composed: Composed
    said: tuple[str, ...]
    """What the customer wrote, oldest first: data, never ours."""

    def in_other_words(self, desk: Desk, attempt: int) -> "Prepared":
        """The same answer in the wording that comes `attempt` turns later."""
        case = replace(self.case, variant=self.case.variant + attempt)
        return replace(self, case=case, composed=composed_for(desk, case))


def composed_for(desk: Desk, case: Case) -> Composed:
    """The answer as it fits the channel where it will stand."""
    return compose(case, desk.policy.parts, desk.policy.channels.of(case.channel).limits(case.visibility))


def companion_of(desk: Desk, prepared: Prepared) -> Composed | None:
    """The full private answer beside a public one that had to leave out what we know; None where none is needed."""
    if prepared.case.visibility is Visibility.PRIVATE or not prepared.aim.privately or not prepared.composed.said_less:
        return None
    return composed_for(desk, replace(prepared.case, visibility=Visibility.PRIVATE))


def prepare(desk: Desk, session: Session, due: Sequence[tuple[Complaint, Mark, Aim]]) -> list[Prepared]:
    """Compose the answers of a batch. What came in for its complaints was read ahead."""
    complaints = [complaint for complaint, _, _ in due]
    written, talks = _written_before(session, complaints), private_talks(session, complaints)
    found = []
    for complaint, at, aim_ in due:
        said = tuple(message.text for message in own_messages(session, complaint))
        variant = complaint.id + written.get(complaint.id, 0)
        talk = talks.get(complaint.id, Talk.NONE)
        case = case_of(session, desk, complaint, aim_.visibility, said, variant=variant, talk=talk)
        found.append(Prepared(at, aim_, case, composed_for(desk, case), said))
    return found


def case_of(
    session: Session,
    desk: Desk,
    complaint: Complaint,
    visibility: Visibility,
    said: Sequence[str],
    *,
    variant: int = 0,
    talk: Talk = Talk.NONE,
) -> Case:
    """What is known of the case; what is not known is empty, never guessed."""
    rules = desk.policy.channels.of(complaint.channel)
    person = called(session, complaint)
    risks = told_risks(session, complaint)
    stage = stage_of(complaint)
    summary, summary_by = _what_was_found(session, complaint) if stage is Stage.REOPENED else ("", "")
    ahead = complaint.answer_by is not None and complaint.answer_by > desk.now()
    on_web = complaint.channel == "web"
    case = Case(
        visibility=visibility,
        channel=complaint.channel,
        reference=complaint.reference,
        company=desk.policy.company.name,
        contact={
            language: desk.policy.company.contact(language, channel=complaint.channel, elsewhere=not rules.private_talk)
            for language in LANGUAGES
        },
        language=complaint.language,
        register=register_of(said, risks),
        stage=stage,
        kind=complaint.kind or Kind.COMPLAINT,
        category=complaint.category,
        topics=_topics(desk, complaint, said),
        beside=desk.policy.topics.beside(said[-1], complaint.category),
        asked=stage is Stage.NEXT and was_asked(session, complaint),
        talk=talk,
        risks=risks,
        remedy=complaint.remedy,
        anger=complaint.anger,
        name=first_name(person.name) if person and person.name else "",
        order_number=_order_number(desk, said),
        tracking_url=desk.tracking_url(complaint.token) if on_web else "",
        answer_by={language: spoken_date(desk, complaint.answer_by, language) for language in LANGUAGES if ahead},
        summary=summary,
        summary_by=summary_by,
        statement=current_statement(session, complaint, desk.now()) or "",
        statement_ref=f"IN-{complaint.incident_id}" if complaint.incident_id else "",
        variant=variant,
    )
    return replace(case, article=_article(session, desk, complaint, case, said))


def stage_of(complaint: Complaint) -> Stage:
    """Where the talk stands."""
    if complaint.reopened > 0:
        return Stage.REOPENED
    if complaint.responded_at is not None:
        return Stage.NEXT
    if complaint.kind is Kind.QUESTION:
        return Stage.QUESTION
    return Stage.FIRST if complaint.kind in (Kind.COMPLAINT, None) else Stage.OPINION


def _topics(desk: Desk, complaint: Complaint, said: Sequence[str]) -> tuple[str, ...]:
    """What it is about: what they wrote last goes before what they wrote first."""
    newest_first = [desk.policy.topics.find(text, complaint.category) for text in reversed(said)]
    return tuple(dict.fromkeys(topic for found in newest_first for topic in found))


def _order_number(desk: Desk, said: Sequence[str]) -> str:
    """The number that they named first."""
    rules = desk.policy.intake.numbers
    return next(filter(None, (first_number(text, rules) for text in said)), "")


def _article(session: Session, desk: Desk, complaint: Complaint, case: Case, said: Sequence[str]) -> Cited | None:
    """The public article that answers for certain. It is said once, in a first answer."""
    if case.stage not in (Stage.FIRST, Stage.QUESTION) or not would_cite(case, desk.policy.parts):
        return None
    found = article_for(session, desk, complaint, said)
    return Cited(found.slug, found.version, found.title, found.answer) if found is not None else None


def _what_was_found(session: Session, complaint: Complaint) -> tuple[str, str]:
    """What a person wrote when they called it solved, and who."""
    resolved = [event for event in trail.history(session, complaint) if event.name == State.RESOLVED]
    return (complaint.resolution or "", resolved[-1].by) if resolved else ("", "")


def _written_before(session: Session, complaints: Sequence[Complaint]) -> dict[int, int]:
    """How many drafts each complaint has had."""
    numbers = [complaint.id for complaint in complaints]
    rows = session.execute(
        select(Draft.complaint_id, func.count())  # type: ignore[call-overload]
        .where(col(Draft.complaint_id).in_(numbers))
        .group_by(col(Draft.complaint_id))
    )
    return {row[0]: row[1] for row in rows}
