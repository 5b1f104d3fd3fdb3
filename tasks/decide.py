"""The one function through which every decision goes, wherever it is made."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlmodel import Session, col

from db import trail
from db.complaints import find, lock, move
from db.tables import Complaint, Draft, Review, ReviewState, Round
from db.words import Gate, State, Verdict, Visibility
from tasks.aim import Aim, aim, mark
from tasks.answer import store_draft
from tasks.desk import Desk
from tasks.reopen import reopen
from tasks.rounds import open_round, open_round_of, reviews_of, settle, void


class Refused(Exception):
    """A decision that does not count; `why` is the token on the timeline, the text is for the person."""

    def __init__(self, why: str, message: str) -> None:
        self.why = why
        super().__init__(message)


@dataclass(frozen=True)
class Decision:
    """What a person decides about one review, and how they came to the desk."""

    by: trail.Author
    verdict: Verdict
    note: str | None = None
    sha256: str | None = None
    """The hash on the card they saw; None where they saw what stands in the database this moment."""


@dataclass(frozen=True)
class Decided:
    """What a decision led to."""

    reference: str
    gate: Gate
    state: State
    waiting: tuple[Gate, ...]
    """Gates that must still decide."""


def decide(desk: Desk, review_id: int, decision: Decision) -> Decided:
    """Decide one review. The first decision wins, and its consequence is settled in the same transaction.

    Raises:
        Refused: the person may not, the review is no longer open, or the draft is another one than they saw. The
            refusal is on the complaint's timeline.
    """
    now = desk.now()
    with desk.transaction() as session:
        review, round_, complaint = _lock(session, review_id)
        refusal = _refusal(session, desk, review, round_, complaint, decision)
        if refusal is None:
            return _decide(session, desk, review, round_, complaint, decision, now)
        _write_refusal(session, complaint, refusal.why, decision, now, gate=review.gate)
    raise refusal


def decide_gate(desk: Desk, reference: str, gate: Gate, decision: Decision) -> Decided:
    """Decide the open review of a complaint's gate; a gate that is not open refuses.

    Raises:
        Refused: as for `decide`.
    """
    with desk.transaction() as session:
        complaint = find(session, reference)
        round_ = open_round_of(session, complaint)
        review = next((r for r in reviews_of(session, round_.id) if r.gate is gate), None) if round_ else None
        number = review.id if review else None
    if number is not None:
        return decide(desk, number, decision)
    message = f"{reference} has no open review at {gate.value}. `tanggap inbox` lists what is open."
    refusal = Refused("not_open", message)
    with desk.transaction() as session:
        complaint = lock(session, find(session, reference).id)
        _write_refusal(session, complaint, refusal.why, decision, desk.now(), gate=gate)
    raise refusal


def edit(desk: Desk, review_id: int, text: str, by: trail.Author, sha256: str | None = None) -> Draft:
    """Write the draft anew, as the reviewer would have it: a new draft with a new round, for others to decide.

    Raises:
        Refused: as for `decide`, or because the guardrails block the new words.
    """
    with desk.transaction() as session:
        review = session.get(Review, review_id)
        if review is None:
            raise Refused("not_open", f"There is no review {review_id}. `tanggap inbox` lists what is open.")
        old = session.get_one(Draft, review.draft_id)
    edited = propose(desk, review_id, text, by, Aim(True, old.visibility, old.target, old.publishable_until), sha256)
    if edited.blocked:
        raise Refused("guard_blocked", blocked_message(edited))
    return edited


def propose(desk: Desk, review_id: int, text: str, by: trail.Author, aim_: Aim, sha256: str | None) -> Draft:
    """Store an edit; where the guardrails pass it, the old round is void and a new one opens."""
    now = desk.now()
    with desk.transaction() as session:
        review, round_, complaint = _lock(session, review_id)
        decision = Decision(by, Verdict.CHANGES, "edited", sha256)
        refusal = _refusal(session, desk, review, round_, complaint, decision, editing=True)
        if refusal is None:
            old = session.get_one(Draft, review.draft_id)
            return _replace(session, desk, complaint, text, by, aim_, now, "edited", old)
        _write_refusal(session, complaint, refusal.why, decision, now, gate=review.gate)
    raise refusal


def draft_by_person(
    desk: Desk, reference: str, text: str, by: trail.Author, visibility: Visibility | None = None
) -> Draft:
    """A person writes the answer. Clean, it voids the open round and opens a new one; blocked, it changes nothing.

    Raises:
        Refused: the complaint is in no state to be answered, or cannot be answered there.
    """
    must_be_allowed(desk, by, "draft")
    with desk.transaction() as session:
        complaint = find(session, reference)
        at = mark(session, complaint)
    aim_ = aim(desk, at, visibility)
    now = desk.now()
    with desk.transaction() as session:
        complaint = lock(session, at.complaint_id)
        if not aim_.ok:
            raise Refused("unreachable", f"{reference} cannot be answered there: {aim_.why}.")
        if visibility is not None and aim_.visibility is not visibility:
            aim_ = Aim(True, visibility, aim_.target, aim_.until) if visibility is Visibility.PRIVATE else aim_
        return _replace(session, desk, complaint, text, by, aim_, now, "new_draft", None)


def _replace(
    session: Session,
    desk: Desk,
    complaint: Complaint,
    text: str,
    by: trail.Author,
    aim_: Aim,
    now: datetime,
    why: str,
    old: Draft | None,
) -> Draft:
    round_ = open_round_of(session, complaint)
    _must_take_drafts(complaint)
    draft = store_draft(session, desk, complaint, text=text, author=by, aim_=aim_, now=now, replaces=old)
    if draft.blocked:
        if round_ is not None:
            round_.barred = sorted({*round_.barred, by.name})
            session.add(round_)
        return draft
    void(session, complaint, why, by=by, at=now)
    _bring_to_drafting(session, desk, complaint, by, now)
    open_round(session, desk, complaint, draft, now)
    return draft


def must_be_known(desk: Desk, by: trail.Author) -> None:
    """Only a person whom policy names acts, and only through somebody who may speak for them.

    Raises:
        Refused: the policy does not know the person, or not the one who typed.
    """
    people = desk.policy.people
    if not people.knows(by.name):
        raise Refused("unknown_person", f"{by.name} is nobody in policy/people.yaml.")
    if by.typed_by is not None and not people.may_speak(by.typed_by, by.name):
        raise Refused("may_not_speak_for", f"{by.typed_by} may not speak for {by.name} (policy/people.yaml).")


def must_be_allowed(desk: Desk, by: trail.Author, action: str) -> None:
    """Only a known person, through somebody who may speak for them, whom policy lets do this.

    Raises:
        Refused: policy says no.
    """
    must_be_known(desk, by)
    if not desk.policy.people.may(by.name, action):
        raise Refused("not_allowed", f"{by.name} may not do this ({action}; policy/people.yaml, `actions`).")


TAKES_DRAFTS = frozenset(
    {
        State.ASSESSED, State.MONITORING, State.NOTED, State.DRAFTING, State.IN_REVIEW, State.HELD, State.APPROVED,
        State.RESPONDED, State.IN_CONVERSATION, State.RESOLVED, State.CLOSED,
    }
)  # fmt: skip


def _must_take_drafts(complaint: Complaint) -> None:
    if complaint.state not in TAKES_DRAFTS:
        raise Refused("wrong_state", f"{complaint.reference} is {complaint.state.value}: it takes no answer.")


def _bring_to_drafting(session: Session, desk: Desk, complaint: Complaint, by: trail.Author, now: datetime) -> None:
    if complaint.state is State.APPROVED:
        raise Refused("leaving", f"The answer to {complaint.reference} is leaving this moment. Look again in a minute.")
    if complaint.state in (State.NOTED, State.MONITORING):
        move(session, complaint, State.ASSESSED, event="taken_up", by=by, at=now)
    if complaint.state in (State.RESOLVED, State.CLOSED):
        reopen(session, desk, complaint, "new_draft", now=now, by=by)
    elif complaint.state is not State.DRAFTING:
        move(session, complaint, State.DRAFTING, event="drafting", by=by, at=now)


def _lock(session: Session, review_id: int) -> tuple[Review, Round, Complaint]:
    found = session.get(Review, review_id)
    round_ = session.get(Round, found.round_id) if found else None
    if found is None or round_ is None or round_.complaint_id is None:
        raise Refused("not_open", f"There is no review {review_id}. `tanggap inbox` lists what is open.")
    complaint = lock(session, round_.complaint_id)
    round_ = session.execute(
        select(Round).where(col(Round.id) == round_.id).with_for_update().execution_options(populate_existing=True)
    ).scalar_one()
    review = session.execute(
        select(Review).where(col(Review.id) == review_id).with_for_update().execution_options(populate_existing=True)
    ).scalar_one()
    return review, round_, complaint


def _refusal(
    session: Session,
    desk: Desk,
    review: Review,
    round_: Round,
    complaint: Complaint,
    decision: Decision,
    *,
    editing: bool = False,
) -> Refused | None:
    people, person = desk.policy.people, decision.by.name
    where = f"{review.gate.value} review of {complaint.reference}"
    if review.state is not ReviewState.OPEN:
        return Refused("not_open", f"The {where} is {_how_it_ended(review)}.")
    if decision.sha256 is not None and decision.sha256 != review.sha256:
        return Refused("stale", f"The {where} is about other words than those you saw. Read it again.")
    try:
        must_be_known(desk, decision.by)
    except Refused as refusal:
        return refusal
    if not people.may_decide(person, review.gate):
        return Refused(
            "not_a_member", f"{person} does not belong to {review.gate.value}, so cannot decide the {where}."
        )
    if person in round_.barred:
        return Refused("barred", f"{person} proposed words that the guardrails blocked, and decides nothing more here.")
    if editing:
        return None
    if person == review.author:
        return Refused("own_words", f"{person} wrote this draft; somebody else must decide the {where}.")
    others = [other for other in reviews_of(session, round_.id) if other.decided_by == person]
    if others and not people.one_person_two_gates:
        return Refused(
            "second_gate", f"{person} already decided at {others[0].gate.value}; another person must decide this gate."
        )
    if decision.verdict is not Verdict.APPROVE and not (decision.note or "").strip():
        return Refused("no_reason", f"Say why: a {decision.verdict.value} needs a note.")
    return None


def _how_it_ended(review: Review) -> str:
    if review.state is ReviewState.DECIDED and review.decided_at is not None and review.verdict is not None:
        return (
            f"already decided: {review.verdict.value} by {review.decided_by} at {review.decided_at:%Y-%m-%d %H:%M} UTC"
        )
    return f"no longer open ({review.state.value})"


def _decide(
    session: Session, desk: Desk, review: Review, round_: Round, complaint: Complaint, decision: Decision, now: datetime
) -> Decided:
    review.state, review.verdict = ReviewState.DECIDED, decision.verdict
    review.decided_by, review.decided_at, review.typed_by = decision.by.name, now, decision.by.typed_by
    review.note = (decision.note or "").strip() or None
    session.add(review)
    session.flush()
    trail.append(
        session,
        complaint,
        "decided",
        by=decision.by,
        at=now,
        gate=review.gate.value,
        verdict=decision.verdict.value,
        review=review.id,
        round=round_.id,
        draft=review.draft_id,
        sha256=review.sha256,
    )
    settle(session, desk, complaint, round_, now)
    waiting = tuple(r.gate for r in reviews_of(session, round_.id) if r.state is ReviewState.OPEN)
    return Decided(complaint.reference, review.gate, complaint.state, waiting)


def _write_refusal(
    session: Session, complaint: Complaint, why: str, decision: Decision, now: datetime, *, gate: Gate
) -> None:
    trail.append(
        session,
        complaint,
        "decision_refused",
        by=decision.by,
        at=now,
        why=why,
        gate=gate.value,
        verdict=decision.verdict.value,
    )


def blocked_message(draft: Draft) -> str:
    """What the guardrails say to the author of a blocked draft, in one line."""
    found = next(finding for finding in draft.findings if finding["level"] == "block")
    where = f"{found['rule']}: “{found['quote']}”"
    return f"The guardrails block this text ({where}): {found['message']} {found['suggestion']}".strip()
