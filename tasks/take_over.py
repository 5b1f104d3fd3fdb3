"""A person answers a complaint themselves: what is being reviewed is void, and the complaint waits for their words."""

from dataclasses import dataclass
from datetime import datetime

from db import trail
from db.complaints import find
from db.tables import ReviewState, RoundState
from db.words import State
from tasks.desk import Desk
from tasks.membership import Standing, standing
from tasks.refusals import (
    Locked,
    Refused,
    ended,
    lock_review,
    not_a_member,
    not_as_seen,
    not_known,
    standing_of,
    write_refusal,
)
from tasks.rounds import hold, open_round_of, reviews_of, void

WHY = "taken_over"


@dataclass(frozen=True)
class TakenOver:
    """A complaint that waits for its owner's words."""

    reference: str
    owner: str
    until: datetime
    """By when the answer is expected; then it goes to the next name."""


def take_over(desk: Desk, review_id: int, by: trail.Author, sha256: str | None = None) -> TakenOver:
    """Void the review's round and hold its complaint for this person. Their draft then goes through the gates.

    Those who may decide at the review's gate may, and whom policy lets `take_over`. Doing it again changes nothing.

    Raises:
        Refused: the person may not, or the review is over. The refusal is on the complaint's timeline.
    """
    now = desk.now()
    with desk.transaction() as session:
        at = lock_review(session, review_id)
        if _taken_by(at) == by.name:
            return _told(at)
        stands = standing(session, desk, by.name, now)
        refusal = not_as_seen(session, at, sha256) or not_known(desk, by, stands) or _may_not(desk, at, by.name, stands)
        if refusal is None:
            complaint = at.complaint
            complaint.owner = by.name
            gate, review, round_ = at.review.gate.value, at.review.id, at.round.id
            trail.append(session, complaint, WHY, by=by, at=now, gate=gate, review=review, round=round_)
            void(session, complaint, WHY, by=by, at=now)
            hold(session, desk, complaint, WHY, by=by, now=now, gate=gate, review=review)
            return _told(at)
        write_refusal(session, at.complaint, refusal, by, "take_over", now, gate=at.review.gate)
    raise refusal


def review_to_take(desk: Desk, reference: str, person: str) -> int:
    """The open review of a complaint by which this person takes it over: one of their own gates, if there is one.

    Raises:
        Refused: nothing of it is being reviewed.
    """
    stands = standing_of(desk, person)
    with desk.transaction() as session:
        complaint = find(session, reference)
        round_ = open_round_of(session, complaint)
        reviews = reviews_of(session, round_.id) if round_ else []
        waiting = [review for review in reviews if review.state is ReviewState.OPEN]
    if not waiting:
        message = f"{complaint.reference} has no open review. `tanggap draft` answers it whatever its state."
        raise Refused("not_open", message, ended(state=complaint.state.value) | {"reference": complaint.reference})
    return next((review.id for review in waiting if stands.decides(review.gate)), waiting[0].id)


def _may_not(desk: Desk, at: Locked, person: str, stands: Standing) -> Refused | None:
    if desk.policy.people.may(person, "take_over", stands.gates):
        return None
    return not_a_member(at, person, stands, act="take over")


def _taken_by(at: Locked) -> str | None:
    """Whose it is, where this very review was taken over and still waits for its answer."""
    taken = at.round.state is RoundState.VOID and at.round.why == WHY
    held = at.complaint.state is State.HELD and at.complaint.held_why == WHY
    return at.complaint.owner if taken and held else None


def _told(at: Locked) -> TakenOver:
    complaint = at.complaint
    assert complaint.owner is not None
    assert complaint.held_until is not None
    return TakenOver(complaint.reference, complaint.owner, complaint.held_until)
