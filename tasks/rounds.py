"""Rounds of review: opened all at once, settled in one place, void when their ground moves."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlmodel import Session, col

from db import trail
from db.complaints import inbound, move
from db.tables import (
    MACHINE,
    Complaint,
    Draft,
    Identity,
    Message,
    Review,
    ReviewState,
    Round,
    RoundState,
)
from db.wake import wake
from db.words import ESCALATED_GATES, Gate, Risk, Severity, State, Verdict
from policy.deadlines import held_deadline, review_deadline
from policy.legal_road import GATES as LEGAL_ROAD_GATES
from policy.routing import GateNeed, Purpose, gates_for
from policy.severity import Reach
from tasks.desk import Desk
from tasks.fact_changes import answer_changes_facts
from tasks.membership import other_member
from tasks.outbox import cancel_replies, queue_draft
from tasks.road_ends import road_rejected

CHANGES_BEFORE_A_PERSON_WRITES = 2
"""After so many refused drafts of its own, the machine asks a person to write."""


def reach_of(session: Session, complaint: Complaint) -> Reach:
    """The widest reach among a complaint's messages, with its author's following."""
    reaches = [message_reach(message, identity) for message, identity in inbound(session, complaint)]
    return max(reaches, key=lambda reach: (reach.views, reach.followers), default=Reach())


def message_reach(message: Message, identity: Identity | None) -> Reach:
    """One message's reach, with its views of a day ago where they were seen."""
    seen = [(datetime.fromisoformat(at), int(views)) for at, views in message.views_seen]
    earlier = [views for at, views in seen[:-1] if (seen[-1][0] - at).total_seconds() <= 86_400]
    return Reach(
        views=message.views,
        followers=identity.followers if identity else 0,
        verified=identity.verified if identity else False,
        views_a_day_ago=earlier[0] if earlier else None,
        likes=message.likes,
        replies=message.replies,
        shares=message.shares,
    )


def needs_of(session: Session, desk: Desk, complaint: Complaint, draft: Draft) -> tuple[GateNeed, ...]:
    """The gates that policy asks of this draft, as things stand."""
    return gates_for(
        severity=complaint.severity or Severity.S4,
        risks=tuple(Risk(risk) for risk in complaint.risks),
        reach=reach_of(session, complaint),
        visibility=draft.visibility,
        states_facts=draft.states_facts,
        legal_road=draft.legal_road_id is not None,
        kind=draft.kind,
        rules=desk.policy.routing,
    )


def open_round(
    session: Session, desk: Desk, complaint: Complaint, draft: Draft, now: datetime, *, barred: Collection[str] = ()
) -> Round:
    """Open one review a gate, all at once; without gates the draft is approved as policy says.

    The complaint is locked, in `drafting`, and has no open round. Who is `barred` decides nothing in this one.
    """
    return open_rounds(session, desk, [(complaint, draft)], now, barred=barred)[0]


def open_rounds(
    session: Session,
    desk: Desk,
    drafts: Sequence[tuple[Complaint, Draft]],
    now: datetime,
    *,
    barred: Collection[str] = (),
) -> list[Round]:
    """`open_round` for a whole batch: its rows are written together."""
    session.flush()
    needs = [needs_of(session, desk, complaint, draft) for complaint, draft in drafts]
    rounds = [
        Round(
            complaint_id=complaint.id,
            draft_id=draft.id,
            sha256=draft.sha256,
            opened_at=now,
            escalated=any(need.gate in ESCALATED_GATES for need in wanted),
            barred=sorted(barred),
        )
        for (complaint, draft), wanted in zip(drafts, needs, strict=True)
    ]
    session.add_all(rounds)
    session.flush()
    opened: list[tuple[Complaint, Review]] = []
    for (complaint, draft), wanted, round_ in zip(drafts, needs, rounds, strict=True):
        move(
            session,
            complaint,
            State.IN_REVIEW,
            event="in_review",
            by=trail.MACHINE_AUTHOR,
            at=now,
            draft=draft.id,
            round=round_.id,
        )
        made = _reviews(session, desk, complaint, round_, draft, wanted, now, taken=())
        opened += [(complaint, review) for review in made]
    _write_opened(session, opened, now)
    for (complaint, _), wanted, round_ in zip(drafts, needs, rounds, strict=True):
        if not wanted:
            settle(session, desk, complaint, round_, now)
    wake(session, "respond", "watch")
    return rounds


def _reviews(
    session: Session,
    desk: Desk,
    complaint: Complaint,
    round_: Round,
    draft: Draft,
    needs: Iterable[GateNeed],
    now: datetime,
    *,
    taken: Collection[Gate],
) -> list[Review]:
    """The review of each gate that is not `taken`; an author's own gate goes to its stand-in where it has no other."""
    kept_out = {draft.author, *round_.barred} - {MACHINE}
    made: dict[Gate, Review] = {}
    for need in needs:
        gate, stands_in_for = need.gate, None
        # A legal road passes three gates: none of them looks in the place of another.
        replaceable = draft.legal_road_id is None or gate not in LEGAL_ROAD_GATES
        if replaceable and kept_out and other_member(session, desk, gate, kept_out, now) is False:
            gate, stands_in_for = desk.policy.people.stand_in(gate), gate
        if gate in taken or gate in made:
            continue
        deadline = review_deadline(
            now,
            complaint.severity or Severity.S4,
            gate,
            desk.policy.deadlines,
            desk.policy.calendar,
            complaint.answer_by or now,
            draft.publishable_until,
        )
        made[gate] = Review(
            round_id=round_.id,
            draft_id=draft.id,
            sha256=draft.sha256,
            author=draft.author,
            gate=gate,
            stands_in_for=stands_in_for,
            purpose=need.purpose.value,
            because=need.because,
            opened_at=now,
            deadline=deadline.at,
            deadline_steps=list(deadline.steps),
        )
    return list(made.values())


def _write_opened(session: Session, opened: Sequence[tuple[Complaint, Review]], now: datetime) -> None:
    session.add_all([review for _, review in opened])
    session.flush()
    for complaint, review in opened:
        trail.append(
            session,
            complaint,
            "review_opened",
            by=trail.MACHINE_AUTHOR,
            at=now,
            gate=review.gate.value,
            stands_in_for=review.stands_in_for.value if review.stands_in_for else None,
            purpose=review.purpose,
            review=review.id,
            round=review.round_id,
            draft=review.draft_id,
            deadline=review.deadline.isoformat(),
        )
    session.flush()


def open_round_of(session: Session, complaint: Complaint) -> Round | None:
    """The complaint's open round, locked; a complaint has at most one."""
    return session.execute(
        select(Round)
        .where(col(Round.complaint_id) == complaint.id, col(Round.state) == RoundState.OPEN)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).scalar_one_or_none()


def reviews_of(session: Session, round_id: int) -> list[Review]:
    """A round's reviews, in the order they were opened."""
    return list(
        session.execute(select(Review).where(col(Review.round_id) == round_id).order_by(col(Review.id))).scalars()
    )


def settle(session: Session, desk: Desk, complaint: Complaint, round_: Round, now: datetime) -> None:
    """Draw the consequence of a round's decisions, in the transaction that made the last one.

    All gates passed: approved and queued. Changes asked: back to drafting. Rejected: held, with its reason.
    """
    reviews = [review for review in reviews_of(session, round_.id) if review.state is not ReviewState.WITHDRAWN]
    refused = [review for review in reviews if review.verdict in (Verdict.REJECT, Verdict.CHANGES)]
    if refused:
        _refuse(session, desk, complaint, round_, refused[0], now)
    elif all(review.state is ReviewState.DECIDED for review in reviews):
        draft = session.get_one(Draft, round_.draft_id)
        _close(session, round_, RoundState.PASSED, "all gates passed", now)
        move(
            session,
            complaint,
            State.APPROVED,
            event="approved",
            by=trail.MACHINE_AUTHOR,
            at=now,
            draft=draft.id,
            round=round_.id,
        )
        answer_changes_facts(session, desk, complaint, draft, _last_to_decide(reviews), now)
        queue_draft(session, desk, complaint, draft, round_, now)


def _last_to_decide(reviews: Iterable[Review]) -> str:
    return max(reviews, key=lambda review: review.decided_at or review.opened_at).decided_by or MACHINE


def _refuse(session: Session, desk: Desk, complaint: Complaint, round_: Round, review: Review, now: datetime) -> None:
    by = trail.Author(review.decided_by or MACHINE, review.typed_by)
    _withdraw_open(session, round_, ReviewState.VOID)
    if review.verdict is Verdict.REJECT:
        _close(session, round_, RoundState.REJECTED, f"rejected by {review.gate.value}", now)
        hold(session, desk, complaint, "rejected", by=by, now=now, gate=review.gate.value, review=review.id)
        road_rejected(session, complaint, review.draft_id, review.gate, by, now)
        return
    _close(session, round_, RoundState.CHANGES, f"changes asked by {review.gate.value}", now)
    move(
        session,
        complaint,
        State.DRAFTING,
        event="changes_asked",
        by=by,
        at=now,
        gate=review.gate.value,
        review=review.id,
    )
    if refused_drafts(session, complaint) >= CHANGES_BEFORE_A_PERSON_WRITES:
        hold(session, desk, complaint, "needs_a_person", by=trail.MACHINE_AUTHOR, now=now)
    wake(session, "respond")


def refused_drafts(session: Session, complaint: Complaint) -> int:
    """How many rounds over machine-written drafts ended in a wish for changes since the complaint was last answered."""
    since = complaint.responded_at or complaint.opened_at
    rows = session.execute(
        select(Round.id)  # type: ignore[call-overload]
        .join(Draft, col(Draft.id) == col(Round.draft_id))
        .where(
            col(Round.complaint_id) == complaint.id,
            col(Round.state) == RoundState.CHANGES,
            col(Draft.author) == MACHINE,
            col(Round.opened_at) >= since,
        )
    )
    return len(rows.all())


def hold(
    session: Session, desk: Desk, complaint: Complaint, why: str, *, by: trail.Author, now: datetime, **data: Any
) -> None:
    """Put a complaint aside with reason, owner and deadline; three ways lead out: a draft, a closing, a merge."""
    until = held_deadline(now, complaint.severity or Severity.S4, desk.policy.deadlines, desk.policy.calendar)
    complaint.owner = complaint.owner or desk.policy.people.escalation(Gate.CS, 0)
    complaint.held_why, complaint.held_until = why, until.at
    move(session, complaint, State.HELD, event="held", by=by, at=now, why=why, until=until.at.isoformat(), **data)
    wake(session, "watch")


def void(session: Session, complaint: Complaint, why: str, *, by: trail.Author, at: datetime) -> bool:
    """Void what was approved or is being reviewed: its ground moved. What already left stays as it is.

    Returns whether there was anything to void; then the complaint is back in `drafting`.
    """
    round_ = open_round_of(session, complaint)
    cancelled = cancel_replies(session, complaint, why)
    if round_ is not None:
        _withdraw_open(session, round_, ReviewState.VOID)
        _close(session, round_, RoundState.VOID, why, at)
    if complaint.state is State.IN_REVIEW or (complaint.state is State.APPROVED and cancelled):
        move(
            session,
            complaint,
            State.DRAFTING,
            event="voided",
            by=by,
            at=at,
            why=why,
            round=round_.id if round_ else None,
        )
        wake(session, "respond")
        return True
    if round_ is not None:
        trail.append(session, complaint, "voided", by=by, at=at, why=why, round=round_.id)
        return True
    return False


def widen(session: Session, desk: Desk, complaint: Complaint, now: datetime) -> None:
    """Severity or risks rose while a round is open: gates join, approvals stay, a needless `cs` look is withdrawn."""
    round_ = open_round_of(session, complaint)
    if round_ is None:
        return
    draft = session.get_one(Draft, round_.draft_id)
    needs = {need.gate: need for need in needs_of(session, desk, complaint, draft)}
    reviews = reviews_of(session, round_.id)
    standing = {review.gate for review in reviews} | {review.stands_in_for for review in reviews}
    added = [need for gate, need in needs.items() if gate not in standing]
    taken = {review.gate for review in reviews}
    joined = _reviews(session, desk, complaint, round_, draft, added, now, taken=taken)
    _write_opened(session, [(complaint, review) for review in joined], now)
    for review in reviews:
        if review.state is ReviewState.OPEN and review.gate is Gate.CS and Gate.CS not in needs:
            review.state = ReviewState.WITHDRAWN
            session.add(review)
            trail.append(
                session,
                complaint,
                "review_withdrawn",
                by=trail.MACHINE_AUTHOR,
                at=now,
                gate=review.gate.value,
                round=round_.id,
            )
    if any(gate in ESCALATED_GATES for gate in needs) and not round_.escalated:
        round_.escalated = True
        session.add(round_)
    session.flush()
    wake(session, "respond", "watch")
    settle(session, desk, complaint, round_, now)


def risk_may_have_risen(session: Session, desk: Desk, complaint: Complaint, now: datetime) -> None:
    """Look again at what is being reviewed, or was approved and has not left, with the risks as they are now."""
    if complaint.state is State.IN_REVIEW:
        widen(session, desk, complaint, now)
    elif complaint.state is State.APPROVED:
        _recheck_approval(session, desk, complaint, now)


def _recheck_approval(session: Session, desk: Desk, complaint: Complaint, now: datetime) -> None:
    """Approved but not gone, and now in need of a gate that never saw it: back to review."""
    round_ = session.execute(
        select(Round)
        .where(col(Round.complaint_id) == complaint.id, col(Round.state) == RoundState.PASSED)
        .order_by(col(Round.id).desc())
        .limit(1)
    ).scalar_one_or_none()
    if round_ is None:
        return
    draft = session.get_one(Draft, round_.draft_id)
    looked = [review for review in reviews_of(session, round_.id) if review.state is ReviewState.DECIDED]
    passed = {review.gate for review in looked} | {review.stands_in_for for review in looked}
    wanted = {need.gate for need in needs_of(session, desk, complaint, draft) if need.purpose is Purpose.WORDING}
    if wanted - passed:
        void(session, complaint, "risk_rose", by=trail.MACHINE_AUTHOR, at=now)


def _withdraw_open(session: Session, round_: Round, state: ReviewState) -> None:
    for review in reviews_of(session, round_.id):
        if review.state is ReviewState.OPEN:
            review.state = state
            session.add(review)


def _close(session: Session, round_: Round, state: RoundState, why: str, now: datetime) -> None:
    round_.state, round_.why, round_.settled_at = state, why, now
    round_.wake_due = round_.run_id is not None
    session.add(round_)
    session.flush()
    wake(session, "watch")
