"""The one function through which every decision goes, wherever it is made."""

from dataclasses import dataclass, replace
from datetime import datetime

from sqlmodel import Session

from db import trail
from db.complaints import find, lock, move
from db.legal import road_of_draft
from db.tables import Complaint, Draft, LegalRoad, Review, ReviewState, Round
from db.words import Gate, State, Verdict, Visibility
from policy.guard import Finding
from tasks.aim import Aim, aim, mark
from tasks.answer import store_draft
from tasks.desk import Desk
from tasks.grounds import kept_words
from tasks.guarding import guard
from tasks.membership import Standing, standing
from tasks.refusals import (
    Decision,
    Locked,
    Refused,
    ended,
    in_place_of,
    lock_review,
    must_be_allowed,
    must_be_known,
    no_review,
    refusal_of,
    said_why,
    write_refusal,
)
from tasks.reopen import reopen
from tasks.rounds import open_round, open_round_of, reviews_of, settle, void


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
        at = lock_review(session, review_id)
        stands = standing(session, desk, decision.by.name, now)
        refusal = refusal_of(session, desk, at, decision, stands)
        if refusal is None:
            return _decide(session, desk, at, decision, stands, now)
        write_refusal(session, at.complaint, refusal, decision.by, decision.verdict.value, now, gate=at.review.gate)
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
    with desk.transaction() as session:
        complaint = lock(session, find(session, reference).id)
        message = f"{complaint.reference} has no open review at {gate.value}. `tanggap inbox` lists what is open."
        refusal = Refused("not_open", message, ended() | {"reference": complaint.reference, "gate": gate.value})
        write_refusal(session, complaint, refusal, decision.by, decision.verdict.value, desk.now(), gate=gate)
    raise refusal


def refuse(desk: Desk, review_id: int, refused: Refused, decision: Decision) -> None:
    """Write down a refusal that was found before anything was decided, such as of a guest of the workspace."""
    with desk.transaction() as session:
        review = session.get(Review, review_id)
        round_ = session.get(Round, review.round_id) if review else None
        if review is None or round_ is None or round_.complaint_id is None:
            return
        complaint = lock(session, round_.complaint_id)
        write_refusal(session, complaint, refused, decision.by, decision.verdict.value, desk.now(), gate=review.gate)


def must_be_able(desk: Desk, review_id: int, decision: Decision, *, editing: bool = False) -> None:
    """Whether this person could decide this review now, so that a window to do so is worth opening.

    Raises:
        Refused: as for `decide`; on the complaint's timeline, like one of a decision.
    """
    now = desk.now()
    with desk.transaction() as session:
        at = lock_review(session, review_id)
        refusal = refusal_of(
            session, desk, at, decision, standing(session, desk, decision.by.name, now), editing=editing
        )
        if refusal is None:
            return
        write_refusal(session, at.complaint, refusal, decision.by, decision.verdict.value, now, gate=at.review.gate)
    raise refusal


def preview(desk: Desk, review_id: int, text: str) -> list[Finding]:
    """What the guardrails find in these words, were they to replace the review's draft; nothing is stored.

    Raises:
        Refused: there is no such review.
    """
    with desk.transaction() as session:
        review = session.get(Review, review_id)
        draft = session.get_one(Draft, review.draft_id) if review else None
        complaint = session.get(Complaint, draft.complaint_id) if draft and draft.complaint_id else None
        if draft is None or complaint is None:
            raise no_review(review_id)
        return guard(session, desk, complaint, text, draft.visibility, kept_words(draft))


def edit(desk: Desk, review_id: int, text: str, by: trail.Author, sha256: str | None = None) -> Draft:
    """Write the draft anew, as the reviewer would have it: a new draft with a new round, for others to decide.

    Raises:
        Refused: as for `decide`, or because the guardrails block the new words.
    """
    with desk.transaction() as session:
        review = session.get(Review, review_id)
        if review is None:
            raise no_review(review_id)
        old = session.get_one(Draft, review.draft_id)
    edited = propose(desk, review_id, text, by, Aim(True, old.visibility, old.target, old.publishable_until), sha256)
    if edited.blocked:
        raise Refused("guard_blocked", blocked_message(edited))
    return edited


def propose(desk: Desk, review_id: int, text: str, by: trail.Author, aim_: Aim, sha256: str | None) -> Draft:
    """Store an edit; where the guardrails pass it, the old round is void and a new one opens."""
    now = desk.now()
    with desk.transaction() as session:
        at = lock_review(session, review_id)
        decision = Decision(by, Verdict.CHANGES, "edited", sha256)
        refusal = refusal_of(session, desk, at, decision, standing(session, desk, by.name, now), editing=True)
        if refusal is None:
            old = session.get_one(Draft, at.review.draft_id)
            return replace_draft(session, desk, at.complaint, text, by, aim_, now, "edited", replaces=old)
        write_refusal(session, at.complaint, refusal, by, decision.verdict.value, now, gate=at.review.gate)
    raise refusal


def draft_by_person(
    desk: Desk,
    reference: str,
    text: str,
    by: trail.Author,
    visibility: Visibility | None = None,
    *,
    words_of: trail.Author | None = None,
) -> Draft:
    """A person writes the answer. Clean, it voids the open round and opens a new one; blocked, it changes nothing.

    `words_of`: whose words they are, where `by` proposes another's. Neither of the two decides about them then.

    Raises:
        Refused: the complaint is in no state to be answered, or cannot be answered there.
    """
    must_be_allowed(desk, by, "draft")
    if words_of is not None:
        must_be_known(desk, words_of)
    with desk.transaction() as session:
        complaint = find(session, reference)
        # A person may try again what the platform refused the machine.
        at = replace(mark(session, complaint), refused=frozenset(), shut=frozenset())
    aim_ = aim(desk, at, visibility)
    now = desk.now()
    with desk.transaction() as session:
        complaint = lock(session, at.complaint_id)
        if not aim_.ok:
            message = f"{complaint.reference} cannot be answered there: {aim_.why}."
            raise Refused("unreachable", message, {"reference": complaint.reference, "because": aim_.why or ""})
        if visibility is not None and aim_.visibility is not visibility:
            aim_ = Aim(True, visibility, aim_.target, aim_.until) if visibility is Visibility.PRIVATE else aim_
        return replace_draft(session, desk, complaint, text, by, aim_, now, "new_draft", words_of=words_of)


def replace_draft(
    session: Session,
    desk: Desk,
    complaint: Complaint,
    text: str,
    by: trail.Author,
    aim_: Aim,
    now: datetime,
    why: str,
    *,
    replaces: Draft | None = None,
    words_of: trail.Author | None = None,
    road: LegalRoad | None = None,
) -> Draft:
    """Store a person's draft; clean, it voids the open round and opens its own. The complaint is locked.

    `road`: the legal road that it is the end of; what replaces such a draft is the end of the same.

    Raises:
        Refused: the complaint takes no answer as it stands, or one is leaving this moment.
    """
    round_ = open_round_of(session, complaint)
    _must_take_drafts(complaint)
    road = road or road_of_draft(session, replaces.id if replaces else None)
    writer = words_of or by
    draft = store_draft(
        session, desk, complaint, text=text, author=writer, by=by, aim_=aim_, now=now, replaces=replaces
    )
    draft.legal_road_id = road.id if road else None
    if draft.blocked:
        if round_ is not None:
            round_.barred = sorted({*round_.barred, writer.name, by.name})
            session.add(round_)
        return draft
    void(session, complaint, why, by=by, at=now)
    _bring_to_drafting(session, desk, complaint, by, now)
    opener = {road.opened_by} if road else set()
    open_round(session, desk, complaint, draft, now, barred=({by.name} | opener) - {writer.name})
    return draft


TAKES_DRAFTS = frozenset(
    {
        State.ASSESSED, State.MONITORING, State.NOTED, State.DRAFTING, State.IN_REVIEW, State.HELD, State.APPROVED,
        State.RESPONDED, State.IN_CONVERSATION, State.RESOLVED, State.CLOSED,
    }
)  # fmt: skip


def _must_take_drafts(complaint: Complaint) -> None:
    if complaint.state not in TAKES_DRAFTS:
        facts = {"reference": complaint.reference, "state": complaint.state.value}
        raise Refused("wrong_state", f"{complaint.reference} is {complaint.state.value}: it takes no answer.", facts)


def _bring_to_drafting(session: Session, desk: Desk, complaint: Complaint, by: trail.Author, now: datetime) -> None:
    if complaint.state is State.APPROVED:
        message = f"The answer to {complaint.reference} is leaving this moment. Look again in a minute."
        raise Refused("leaving", message, {"reference": complaint.reference})
    if complaint.state in (State.NOTED, State.MONITORING):
        move(session, complaint, State.ASSESSED, event="taken_up", by=by, at=now)
    if complaint.state in (State.RESOLVED, State.CLOSED):
        reopen(session, desk, complaint, "new_draft", now=now, by=by)
    elif complaint.state is not State.DRAFTING:
        move(session, complaint, State.DRAFTING, event="drafting", by=by, at=now)


def _decide(session: Session, desk: Desk, at: Locked, decision: Decision, stands: Standing, now: datetime) -> Decided:
    review, round_, complaint = at.review, at.round, at.complaint
    absent = in_place_of(session, desk, at, stands)
    review.state, review.verdict = ReviewState.DECIDED, decision.verdict
    review.decided_by, review.decided_at, review.typed_by = decision.by.name, now, decision.by.typed_by
    review.note = said_why(decision.note) or None
    review.reusable = decision.reusable and decision.verdict is Verdict.APPROVE
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
        reusable=review.reusable or None,
        in_place_of=absent,
        review=review.id,
        round=round_.id,
        draft=review.draft_id,
        sha256=review.sha256,
    )
    settle(session, desk, complaint, round_, now)
    waiting = tuple(r.gate for r in reviews_of(session, round_.id) if r.state is ReviewState.OPEN)
    return Decided(complaint.reference, review.gate, complaint.state, waiting)


def blocked_message(draft: Draft) -> str:
    """What the guardrails say to the author of a blocked draft, in one line."""
    found = next(finding for finding in draft.findings if finding["level"] == "block")
    where = f"{found['rule']}: “{found['quote']}”"
    return f"The guardrails block this text ({where}): {found['message']} {found['suggestion']}".strip()


__all__ = [
    "Decided",
    "Decision",
    "Refused",
    "blocked_message",
    "decide",
    "decide_gate",
    "draft_by_person",
    "edit",
    "must_be_allowed",
    "must_be_known",
    "preview",
    "propose",
    "refuse",
    "replace_draft",
]
