"""What waits, for whom, and how the desk stands: for Home pages, lists and digests."""

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlmodel import Session, col

from db.absences import absence_of, covered_by
from db.tables import (
    Complaint,
    Delivery,
    DeliveryState,
    Draft,
    Message,
    PublishingStop,
    Review,
    ReviewState,
    Round,
    SlackCard,
)
from db.words import Gate, State
from integrations.slack.showing import DecidedLine, DeskState, Filters, Home, Language, Waiting
from tasks.case_facts import Talk
from tasks.desk import Desk
from tasks.listing import Wanted, conditions_of
from tasks.membership import gates_of, knows
from tasks.slack_backlog import backlog

ON_HOME = 15
"""Reviews that a Home page lists: Slack takes a hundred blocks."""
DECIDED_SHOWN = 10


def waiting_of(
    session: Session,
    desk: Desk,
    *,
    gate: Gate | None = None,
    person: str | None = None,
    filters: Filters | None = None,
    limit: int | None = None,
) -> tuple[Waiting, ...]:
    """The open reviews, most urgent first: of a gate, or those that a person may decide; and among these what fits."""
    numbers = _waiting_ids(session, desk, gate=gate, person=person, filters=filters or Filters())
    return _lines(session, desk, numbers[:limit])


def home_of(session: Session, desk: Desk, user_id: str, person: str, filters: Filters, language: Language) -> Home:
    """Somebody's Home page; for a Slack user whom nobody named, only that, and how the desk stands."""
    now = desk.now()
    known = knows(session, desk, person, now)
    numbers = _waiting_ids(session, desk, person=person, filters=filters) if known else []
    absence = absence_of(session, person, now)
    return Home(
        person=person,
        known=known,
        user_id=user_id,
        gates=tuple(gate.value for gate in gates_of(session, desk, person, now)) if known else (),
        language=language,
        filters=filters,
        waiting=_lines(session, desk, numbers[:ON_HOME]),
        more_waiting=max(0, len(numbers) - ON_HOME),
        decided=_decided_by(session, person) if known else (),
        desk=desk_state(session, desk),
        away_until=absence.until if absence else None,
        cover=absence.cover if absence else None,
        covers_for=tuple(one.person for one in covered_by(session, person, now)) if known else (),
        at=now,
    )


def desk_state(session: Session, desk: Desk) -> DeskState:
    """How the desk stands, in numbers."""
    now = desk.now()
    open_reviews = select(func.count()).select_from(Review).where(col(Review.state) == ReviewState.OPEN)
    complaints = select(func.count()).select_from(Complaint)
    by_hand = select(func.count()).select_from(Delivery)
    stopped = select(PublishingStop.scope).where(col(PublishingStop.lifted_at).is_(None))  # type: ignore[call-overload]
    return DeskState(
        open_reviews=session.execute(open_reviews).scalar_one(),
        late_reviews=session.execute(open_reviews.where(col(Review.deadline) < now)).scalar_one(),
        late_complaints=session.execute(complaints.where(*conditions_of(Wanted(late=True), now))).scalar_one(),
        held=session.execute(complaints.where(col(Complaint.state) == State.HELD)).scalar_one(),
        by_hand=session.execute(by_hand.where(col(Delivery.state) == DeliveryState.MANUAL)).scalar_one(),
        stopped=tuple(session.execute(stopped.order_by(col(PublishingStop.id))).scalars()),
        backlog=backlog(session, desk).total,
    )


def _waiting_ids(
    session: Session, desk: Desk, *, filters: Filters, gate: Gate | None = None, person: str | None = None
) -> list[int]:
    now = desk.now()
    gates = set(gates_of(session, desk, person, now)) if person is not None else set(Gate)
    wanted = gate or next((one for one in Gate if one.value == filters.gate), None)
    query = (
        select(Review, Round)
        .join(Round, col(Round.id) == col(Review.round_id))
        .join(Complaint, col(Complaint.id) == col(Round.complaint_id))
        .where(
            col(Review.state) == ReviewState.OPEN,
            col(Review.gate).in_(gates if wanted is None else gates & {wanted}),
        )
        .order_by(col(Review.deadline), col(Review.id))
    )
    if filters.severity is not None:
        query = query.where(col(Complaint.severity) == filters.severity)
    if filters.late_only:
        query = query.where(col(Review.deadline) < now)
    rows = session.execute(query).all()
    if person is None:
        return [review.id for review, _ in rows]
    done = set() if desk.policy.people.one_person_two_gates else _rounds_decided_in(session, person)
    return [
        review.id
        for review, round_ in rows
        if person != review.author and person not in round_.barred and round_.id not in done
    ]


def _rounds_decided_in(session: Session, person: str) -> set[int]:
    """Open rounds of which somebody decided a gate already, so that they decide no other."""
    return set(
        session.execute(
            select(Round.id)  # type: ignore[call-overload]
            .join(Review, col(Review.round_id) == col(Round.id))
            .where(col(Round.settled_at).is_(None), col(Review.decided_by) == person)
        ).scalars()
    )


def _lines(session: Session, desk: Desk, numbers: Sequence[int]) -> tuple[Waiting, ...]:
    now = desk.now()
    rows = session.execute(
        select(Review, Draft.channel, Complaint, Message, SlackCard.url)  # type: ignore[call-overload]
        .join(Round, col(Round.id) == col(Review.round_id))
        .join(Draft, col(Draft.id) == col(Review.draft_id))
        .join(Complaint, col(Complaint.id) == col(Round.complaint_id))
        .join(Message, col(Message.id) == col(Complaint.first_message_id))
        .outerjoin(SlackCard, (col(SlackCard.review_id) == col(Review.id)) & col(SlackCard.ts).is_not(None))
        .where(col(Review.id).in_(numbers))
        .order_by(col(Review.deadline), col(Review.id))
    ).all()
    return tuple(
        Waiting(
            review=review.id,
            reference=complaint.reference,
            gate=review.gate.value,
            severity=complaint.severity.value if complaint.severity else None,
            risks=tuple(complaint.risks),
            channel=channel,
            deadline=review.deadline,
            late=review.deadline < now,
            excerpt=Talk.of(session, desk, complaint).excerpt(message),
            card_url=url,
            masked=message.masked_at is not None,
        )
        for review, channel, complaint, message, url in rows
    )


def _decided_by(session: Session, person: str) -> tuple[DecidedLine, ...]:
    """What somebody decided lately, the newest first."""
    rows = session.execute(
        select(Review, Complaint)
        .join(Round, col(Round.id) == col(Review.round_id))
        .join(Complaint, col(Complaint.id) == col(Round.complaint_id))
        .where(col(Review.decided_by) == person)
        .order_by(col(Review.decided_at).desc())
        .limit(DECIDED_SHOWN)
    ).all()
    return tuple(
        DecidedLine(
            reference=complaint.reference,
            gate=review.gate.value,
            verdict=review.verdict.value if review.verdict else "",
            at=review.decided_at,
            state=complaint.state.value,
        )
        for review, complaint in rows
        if review.decided_at is not None
    )
