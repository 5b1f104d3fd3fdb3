"""After the answer: resolve, survey, ask or withhold, find the customer's own words, close, or reopen."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlmodel import Session, col

from db import trail
from db.complaints import find, first_message, lock, move, newest_own
from db.tables import (
    Complainant,
    Complaint,
    FollowUp,
    FollowUpState,
    Identity,
    Message,
)
from db.wake import wake
from db.words import DeliveryKind, Kind, Risk, State, Visibility
from policy.follow_up import AskFacts, ask_at, decide_ask, reopens
from tasks.decide import must_be_allowed
from tasks.desk import Desk
from tasks.outbox import cancel_kinds, queue_pre_approved, target_of, withheld
from tasks.reopen import current, reopen
from tasks.rounds import void
from tasks.words import render

OPEN_TO_PRAISE = (FollowUpState.WAITING, FollowUpState.SURVEYED, FollowUpState.ANSWERED, FollowUpState.ASKED)


class NotResolvable(Exception):
    """The complaint stands where no resolution can be written."""


@dataclass(frozen=True)
class FollowedUp:
    """What a pass did."""

    surveyed: int = 0
    asked: int = 0
    withheld: int = 0
    closed: int = 0

    @property
    def total(self) -> int:
        """How many follow-ups went a step on."""
        return self.surveyed + self.asked + self.withheld + self.closed


def resolve(desk: Desk, reference: str, by: trail.Author, summary: str) -> None:
    """The private talk solved it: void what is still in review, and let the survey wait for its time.

    Raises:
        NotResolvable: nobody has answered the complainant yet, or it is over already.
        Refused: the person may not.
    """
    must_be_allowed(desk, by, "resolve")
    now = desk.now()
    with desk.transaction() as session:
        complaint = lock(session, find(session, reference).id)
        if complaint.state in (State.IN_REVIEW, State.APPROVED):
            void(session, complaint, "resolved", by=by, at=now)
        if complaint.state is State.DRAFTING and complaint.acknowledged_at is None and complaint.responded_at is None:
            raise NotResolvable(f"{reference} was never answered. Answer first: `tanggap draft {reference} FILE`.")
        if complaint.state not in (State.RESPONDED, State.IN_CONVERSATION, State.DRAFTING):
            raise NotResolvable(f"{reference} is {complaint.state.value}; only an answered complaint can be resolved.")
        cancel_kinds(session, complaint, "resolved", DeliveryKind.HOLDING, DeliveryKind.ACKNOWLEDGEMENT)
        complaint.resolution, complaint.resolved_at = summary, now
        move(
            session,
            complaint,
            State.RESOLVED,
            event="resolved",
            by=by,
            at=now,
            summary=trail.salted(complaint.salt, summary),
        )
        earlier = session.execute(
            select(func.count()).select_from(FollowUp).where(col(FollowUp.complaint_id) == complaint.id)
        ).scalar_one()
        session.add(
            FollowUp(complaint_id=complaint.id, resolution=earlier + 1, due_at=now + desk.policy.follow_up.survey.after)
        )
        wake(session, "follow-up")


class NoSurvey(Exception):
    """There is no survey to answer, or it was answered."""


def answer_survey(desk: Desk, complaint_id: int, score: int, comment: str | None) -> None:
    """The customer's answer. An unhappy one reopens the complaint; any other leads to the ask, whatever the score.

    Raises:
        NoSurvey: none is open for this complaint.
    """
    now = desk.now()
    with desk.transaction() as session:
        complaint = lock(session, complaint_id)
        follow_up = current(session, complaint_id)
        if follow_up is None or follow_up.score is not None or complaint.state not in (State.RESOLVED, State.CLOSED):
            raise NoSurvey("This survey is closed, thank you.")
        follow_up.score, follow_up.comment, follow_up.answered_at = score, (comment or "").strip() or None, now
        trail.append(session, complaint, "survey_answered", by=trail.Author("complainant"), at=now, score=score)
        if reopens(score, desk.policy.follow_up):
            session.add(follow_up)
            reopen(session, desk, complaint, "unhappy", now=now)
        elif complaint.state is State.RESOLVED:
            if follow_up.state in (FollowUpState.WAITING, FollowUpState.SURVEYED):
                follow_up.state, follow_up.due_at = FollowUpState.ANSWERED, now
            session.add(follow_up)
        wake(session, "follow-up")


def refuse_asks(desk: Desk, complaint_id: int) -> None:
    """The customer wants no survey and no ask; remembered for good."""
    now = desk.now()
    with desk.transaction() as session:
        complaint = lock(session, complaint_id)
        person = session.get(Complainant, complaint.complainant_id) if complaint.complainant_id else None
        if person is not None and not person.refused_asks:
            person.refused_asks = True
            session.add(person)
            trail.append(session, complaint, "asks_refused", by=trail.Author("complainant"), at=now)


def due_for_follow_up(desk: Desk, limit: int = 200) -> list[int]:
    """The complaints whose follow-up has something due."""
    with desk.transaction() as session:
        rows = session.execute(
            select(FollowUp.complaint_id)  # type: ignore[call-overload]
            .where(col(FollowUp.state) != FollowUpState.ENDED, col(FollowUp.due_at) <= desk.now())
            .order_by(col(FollowUp.due_at))
            .limit(limit)
        )
        return list(dict.fromkeys(rows.scalars()))


def next_due(desk: Desk) -> datetime | None:
    """When the next follow-up is due."""
    with desk.transaction() as session:
        query = select(func.min(FollowUp.due_at)).where(col(FollowUp.state) != FollowUpState.ENDED)
        earliest: datetime | None = session.execute(query).scalar_one()
        return earliest


def step_on(desk: Desk, complaints: list[int]) -> FollowedUp:
    """Take each complaint's follow-up one step on."""
    surveyed = asked = kept = closed = 0
    now = desk.now()
    with desk.transaction() as session:
        for number in sorted(complaints):
            complaint = lock(session, number)
            step = current(session, number)
            if step is None or step.state is FollowUpState.ENDED or step.due_at > now:
                continue
            match step.state:
                case FollowUpState.WAITING:
                    _survey(session, desk, complaint, step, now)
                    surveyed += 1
                case FollowUpState.SURVEYED | FollowUpState.ANSWERED:
                    if _ask(session, desk, complaint, step, now):
                        asked += 1
                    else:
                        kept += 1
                case _:
                    _close(session, complaint, step, "followed_up", now)
                    closed += 1
            session.add(step)
    return FollowedUp(surveyed, asked, kept, closed)


def _survey(session: Session, desk: Desk, complaint: Complaint, step: FollowUp, now: datetime) -> None:
    rules = desk.policy.follow_up
    person = session.get(Complainant, complaint.complainant_id) if complaint.complainant_id else None
    if person is not None and person.refused_asks:
        withheld(session, complaint, DeliveryKind.SURVEY, "refused", now)
    elif rules.survey.send and not _say(session, desk, complaint, DeliveryKind.SURVEY, "survey", step, now):
        withheld(session, complaint, DeliveryKind.SURVEY, "no_private_channel", now)
    step.state, step.survey_sent_at = FollowUpState.SURVEYED, now
    step.due_at = ask_at(now, None, rules)


def _ask(session: Session, desk: Desk, complaint: Complaint, step: FollowUp, now: datetime) -> bool:
    """Ask neutrally whoever is eligible by the facts of the case; the score plays no part."""
    rules = desk.policy.follow_up
    person = session.get(Complainant, complaint.complainant_id) if complaint.complainant_id else None
    first = first_message(session, complaint)
    facts = AskFacts(
        channel=complaint.channel,
        risks=tuple(Risk(risk) for risk in complaint.risks),
        reopened=complaint.state is not State.RESOLVED,
        refused=person is not None and person.refused_asks,
        last_asked_at=person.last_asked_at if person else None,
        publicly_complained=first.visibility is Visibility.PUBLIC,
        incident=complaint.incident_id is not None,
        complainant_known=person is not None,
    )
    decision = decide_ask(facts, rules, now)
    step.due_at = now + rules.close_after
    why = decision.why
    if decision.ask:
        if _say(session, desk, complaint, DeliveryKind.ASK, "ask", step, now):
            step.state, step.asked_at = FollowUpState.ASKED, now
            if person is not None:
                person.last_asked_at = now
                session.add(person)
            return True
        why = "no_private_channel"
    step.state, step.withheld_why = FollowUpState.WITHHELD, why or "not_eligible"
    _withhold(session, complaint, step.withheld_why, now)
    return False


def _withhold(session: Session, complaint: Complaint, why: str, now: datetime) -> None:
    trail.append(session, complaint, "ask_withheld", by=trail.MACHINE_AUTHOR, at=now, why=why)


def _say(
    session: Session, desk: Desk, complaint: Complaint, kind: DeliveryKind, name: str, step: FollowUp, now: datetime
) -> bool:
    """Queue a survey or an ask, privately; False where the channel has no private way."""
    if desk.channels.get(complaint.channel, complaint.account).manual:
        return False
    newest = newest_own(session, complaint)
    identity = session.get(Identity, newest.identity_id) if newest.identity_id else None
    queue_pre_approved(
        session,
        desk,
        complaint,
        kind,
        render(session, desk, complaint, name, visibility=Visibility.PRIVATE, variant=complaint.id),
        target=target_of(newest, identity),
        visibility=Visibility.PRIVATE,
        now=now,
        discriminator=str(step.resolution),
    )
    return True


def _close(session: Session, complaint: Complaint, step: FollowUp, why: str, now: datetime) -> None:
    step.state = FollowUpState.ENDED
    session.add(step)
    if complaint.state is State.RESOLVED:
        complaint.closed_at, complaint.closed_why = now, why
        move(session, complaint, State.CLOSED, event="closed", by=trail.MACHINE_AUTHOR, at=now, why=why)


def found_post(session: Session, desk: Desk, message: Message, kind: Kind, now: datetime) -> None:
    """A customer's public praise after their complaint was solved is the post that the ask hoped for."""
    if message.visibility is not Visibility.PUBLIC or kind is not Kind.PRAISE or message.identity_id is None:
        return
    known = session.execute(select(FollowUp.id).where(col(FollowUp.found_message_id) == message.id))  # type: ignore[call-overload]
    if known.first() is not None:
        return
    identity = session.get_one(Identity, message.identity_id)
    since = now - desk.policy.follow_up.ask.cool_off
    row = session.execute(
        select(FollowUp)
        .join(Complaint, col(Complaint.id) == col(FollowUp.complaint_id))
        .where(
            col(Complaint.complainant_id) == identity.complainant_id,
            col(Complaint.resolved_at).between(since, message.posted_at),
            col(Complaint.state).in_([State.RESOLVED, State.CLOSED]),
            col(FollowUp.found_message_id).is_(None),
        )
        .order_by(col(FollowUp.asked_at).desc().nulls_last(), col(FollowUp.id).desc())
        .limit(1)
    ).scalar_one_or_none()
    if row is None:
        return
    complaint = lock(session, row.complaint_id)
    row.found_message_id = message.id
    row.state = FollowUpState.FOUND if row.state in OPEN_TO_PRAISE else row.state
    cancel_kinds(session, complaint, "found", DeliveryKind.ASK)
    trail.append(
        session,
        complaint,
        "post_found",
        by=trail.MACHINE_AUTHOR,
        at=now,
        message_id=message.id,
        channel=message.channel,
        asked=row.asked_at is not None,
    )
    _close(session, complaint, row, "post_found", now)
