"""The legal road: opened with a reason, cooled off, its checklist answered, and then decided by three different people.

It ends in a private letter or in a public statement of facts. The guardrails read both like any other text, so that no
road ends in a threat.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlmodel import Session, col

from db import trail
from db.complaints import find, lock
from db.legal import answers_of, open_road, road_of_draft, roads_of
from db.tables import Complaint, Draft, LegalAnswer, LegalRoad, Review, RoadState, Round, RoundState
from db.words import State
from policy.legal_road import GATES, LEAST_LETTERS, VISIBILITY, Outcome
from tasks.aim import Aim, aim, mark
from tasks.decide import must_be_allowed, replace_draft
from tasks.desk import Desk
from tasks.membership import other_member
from tasks.people import Mistake
from tasks.refusals import Refused
from tasks.road_ends import end_road
from tasks.rounds import open_round_of, reviews_of, void

ACTION = "legal_road"
TAKES_A_ROAD = frozenset(State) - {State.NEW, State.SPAM, State.MERGED}


@dataclass(frozen=True)
class RoadSeen:
    """Where a legal road stands; what it holds are read-only copies."""

    reference: str
    complaint_state: State
    road: LegalRoad | None
    """The open one, else the last; None: none was ever opened."""
    answers: Mapping[str, LegalAnswer]
    missing: tuple[str, ...]
    """Questions of the checklist that nobody has answered."""
    cooled: bool
    """Its cooling-off is over."""
    reviews: tuple[Review, ...]
    """How its gates stand, once something was proposed for its end."""
    earlier: tuple[LegalRoad, ...]

    @property
    def ready(self) -> bool:
        """Whether its letter or statement may be proposed."""
        return self.road is not None and self.road.state is RoadState.OPEN and self.cooled and not self.missing


def see(desk: Desk, reference: str) -> RoadSeen:
    """Where the complaint's legal road stands.

    Raises:
        NoSuchComplaint: there is no complaint of this reference.
    """
    with desk.transaction() as session:
        return _seen(session, desk, find(session, reference))


def open_legal_road(desk: Desk, reference: str, reason: str, by: trail.Author) -> RoadSeen:
    """Somebody believes that the law is needed. The cooling-off begins, and nothing else happens.

    Raises:
        Mistake: one is open already, or the complaint is none that anybody answers.
        Refused: the person may not.
    """
    must_be_allowed(desk, by, ACTION)
    now, rules = desk.now(), desk.policy.legal.road
    with desk.transaction() as session:
        complaint = lock(session, find(session, reference).id)
        if complaint.state not in TAKES_A_ROAD:
            raise Mistake(f"{complaint.reference} is {complaint.state.value}; a legal road is opened on a complaint.")
        if open_road(session, complaint.id) is not None:
            raise Mistake(f"{complaint.reference} has an open legal road: `tanggap legal-road {complaint.reference}`.")
        cooling_until = now + rules.cooling_off
        road = LegalRoad(
            complaint_id=complaint.id,
            opened_at=now,
            opened_by=by.name,
            reason=reason,
            cooling_until=cooling_until,
            lapses_at=cooling_until + rules.lapses_after,
            look_at=cooling_until,
        )
        session.add(road)
        session.flush()
        trail.append(
            session, complaint, "legal_road_opened",
            by=by, at=now, road=road.id, cooling_until=cooling_until.isoformat(),
            reason=trail.salted(complaint.salt, reason),
        )  # fmt: skip
        return _seen(session, desk, complaint)


def answer_question(desk: Desk, reference: str, question: str, text: str, by: trail.Author) -> RoadSeen:
    """Answer a question of the checklist; the newest answer counts, the earlier ones stay.

    Raises:
        Mistake: no road is open, nobody asks this, or the answer says nothing.
        Refused: the person may not.
    """
    must_be_allowed(desk, by, ACTION)
    now, questions = desk.now(), desk.policy.legal.road.questions
    if question not in questions:
        raise Mistake(f"`{question}` is no question of the checklist. They are: {', '.join(questions)}.")
    if sum(letter.isalnum() for letter in text) < LEAST_LETTERS:
        raise Mistake(f"The answer to {question} says too little. Write it so that somebody else can judge by it.")
    with desk.transaction() as session:
        complaint = lock(session, find(session, reference).id)
        road = _open(session, complaint)
        session.add(LegalAnswer(road_id=road.id, question=question, text=text, at=now, by=by.name))
        trail.append(
            session, complaint, "legal_road_answered",
            by=by, at=now, road=road.id, question=question, answer=trail.salted(complaint.salt, text),
        )  # fmt: skip
        session.flush()
        return _seen(session, desk, complaint)


def withdraw(desk: Desk, reference: str, reason: str, by: trail.Author) -> RoadSeen:
    """Leave the legal road; what was proposed for its end is void.

    Raises:
        Mistake: no road is open.
        Refused: the person may not, or its letter is leaving this moment.
    """
    must_be_allowed(desk, by, ACTION)
    now = desk.now()
    with desk.transaction() as session:
        complaint = lock(session, find(session, reference).id)
        road = _open(session, complaint)
        if _stands_for_review(session, complaint, road):
            void(session, complaint, "legal_road_withdrawn", by=by, at=now)
            if complaint.state is State.APPROVED:
                message = f"The letter of {complaint.reference} is leaving this moment. Look again in a minute."
                raise Refused("leaving", message, {"reference": complaint.reference})
        end_road(session, road, RoadState.WITHDRAWN, by, now)
        road.ended_why = reason
        trail.append(
            session, complaint, "legal_road_withdrawn",
            by=by, at=now, road=road.id, reason=trail.salted(complaint.salt, reason),
        )  # fmt: skip
        return _seen(session, desk, complaint)


def propose(desk: Desk, reference: str, text: str, outcome: Outcome, by: trail.Author) -> Draft:
    """Propose what the road ends in. Clean, it opens the three gates; blocked by the guardrails, it changes nothing.

    Raises:
        Mistake: no road is open.
        Refused: it has not cooled off, its checklist has gaps, it cannot be said there, or a gate has nobody left.
    """
    must_be_allowed(desk, by, ACTION)
    with desk.transaction() as session:
        complaint = find(session, reference)
        at = mark(session, complaint)
    aim_ = aim(desk, at, VISIBILITY[outcome])  # asks the channel: never within a transaction
    now = desk.now()
    with desk.transaction() as session:
        complaint = lock(session, at.complaint_id)
        road = _open(session, complaint)
        refusal = _not_yet(session, desk, complaint, road, by, aim_, outcome, now)
        if refusal is None:
            return replace_draft(session, desk, complaint, text, by, aim_, now, "legal_road", road=road)
        trail.append(session, complaint, "legal_road_refused", by=by, at=now, road=road.id, why=refusal.why)
    raise refusal


def _not_yet(
    session: Session,
    desk: Desk,
    complaint: Complaint,
    road: LegalRoad,
    by: trail.Author,
    aim_: Aim,
    outcome: Outcome,
    now: datetime,
) -> Refused | None:
    reference = complaint.reference
    if now < road.cooling_until:
        until = desk.policy.calendar.said(road.cooling_until)
        message = f"The legal road of {reference} cools off until {until}. Nobody can shorten that."
        return Refused("cooling_off", message, {"reference": reference, "when": road.cooling_until.isoformat()})
    missing = desk.policy.legal.road.missing(answers_of(session, road.id))
    if missing:
        said = ", ".join(missing)
        message = f"The checklist of {reference} has gaps: {said}. Answer: `tanggap legal-road {reference} --answer …`."
        return Refused("checklist", message, {"reference": reference, "because": missing[0]})
    if not aim_.ok or aim_.visibility is not VISIBILITY[outcome]:
        because = aim_.why or f"the channel takes nothing {VISIBILITY[outcome].value} there"
        message = f"{reference} cannot be answered there: {because}."
        return Refused("unreachable", message, {"reference": reference, "because": aim_.why or ""})
    for gate in GATES:
        if other_member(session, desk, gate, {by.name, road.opened_by}, now) is False:
            message = f"{gate.value} has nobody who neither opened this road nor wrote its text (policy/people.yaml)."
            return Refused("nobody_left", message, {"reference": reference, "gate": gate.value})
    return None


def _open(session: Session, complaint: Complaint) -> LegalRoad:
    road = open_road(session, complaint.id)
    if road is None:
        reference = complaint.reference
        raise Mistake(f"{reference} has no open legal road. Open one: `tanggap legal-road {reference} --open`.")
    return road


def _stands_for_review(session: Session, complaint: Complaint, road: LegalRoad) -> bool:
    """Whether what was proposed for its end is at its gates, or passed them and has not left."""
    round_ = open_round_of(session, complaint) or _last_passed(session, complaint)
    proposed = road_of_draft(session, round_.draft_id) if round_ is not None else None
    return proposed is not None and proposed.id == road.id


def _last_passed(session: Session, complaint: Complaint) -> Round | None:
    if complaint.state is not State.APPROVED:
        return None
    return session.execute(
        select(Round)
        .where(col(Round.complaint_id) == complaint.id, col(Round.state) == RoundState.PASSED)
        .order_by(col(Round.id).desc())
        .limit(1)
    ).scalar_one_or_none()


def _seen(session: Session, desk: Desk, complaint: Complaint) -> RoadSeen:
    roads = roads_of(session, complaint.id)
    road = roads[0] if roads else None
    answers = answers_of(session, road.id) if road else {}
    return RoadSeen(
        reference=complaint.reference,
        complaint_state=complaint.state,
        road=road,
        answers=answers,
        missing=desk.policy.legal.road.missing(answers),
        cooled=road is not None and desk.now() >= road.cooling_until,
        reviews=_reviews(session, road) if road else (),
        earlier=tuple(roads[1:]),
    )


def _reviews(session: Session, road: LegalRoad) -> tuple[Review, ...]:
    newest = session.execute(
        select(Round)
        .join(Draft, col(Draft.id) == col(Round.draft_id))
        .where(col(Draft.legal_road_id) == road.id)
        .order_by(col(Round.id).desc())
        .limit(1)
    ).scalar_one_or_none()
    return tuple(reviews_of(session, newest.id)) if newest is not None else ()


__all__ = ["RoadSeen", "answer_question", "open_legal_road", "propose", "see", "withdraw"]
