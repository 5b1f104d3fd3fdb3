"""Why what somebody wants to do at a gate does not count: the list of reasons, each with its token and its words."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import select
from sqlmodel import Session, col

from db import trail
from db.complaints import lock
from db.legal import road_of_draft
from db.tables import Complaint, Draft, Event, Review, ReviewState, Round
from db.words import Gate, Verdict
from policy.slack import TOKEN
from tasks.desk import Desk
from tasks.membership import Standing, standing
from tasks.rounds import reviews_of

CLOSING = (Verdict.REJECT, Verdict.CHANGES)
"""Verdicts after which the other gates need not look any more."""


class Refused(Exception):
    """A decision that does not count; `why` is the token on the timeline, the text is for the person.

    `facts` say the same in tokens, for whoever words it in another language: `reference`, `gate`, `who` (whom the
    refusal speaks of), `when` (ISO 8601, UTC), `verdict`, `state`, `because` (a token that says more), `action`.
    """

    def __init__(self, why: str, message: str, facts: Mapping[str, str] | None = None) -> None:
        self.why = why
        self.facts: dict[str, str] = dict(facts or {})
        super().__init__(message)


@dataclass(frozen=True)
class Decision:
    """What a person decides about one review, and how they came to the desk."""

    by: trail.Author
    verdict: Verdict
    note: str | None = None
    sha256: str | None = None
    """The hash on the card they saw; None where they saw what stands in the database this moment."""
    reusable: bool = False
    """They would give this answer again: the knowledge base may propose an article from it."""


def must_be_known(desk: Desk, by: trail.Author) -> None:
    """Only a person whom policy names, or a gate's user group holds, acts, and only through somebody who may speak.

    Raises:
        Refused: nobody knows the person, or the one who typed may not speak for them.
    """
    if desk.policy.people.knows(by.name):
        _must_speak(desk, by)
    else:
        _must_be_known(desk, by, standing_of(desk, by.name))


def must_be_allowed(desk: Desk, by: trail.Author, action: str) -> None:
    """Only a known person, through somebody who may speak for them, whom policy lets do this.

    Raises:
        Refused: policy says no.
    """
    must_be_known(desk, by)
    people = desk.policy.people
    if people.may(by.name, action):
        return
    stands = standing_of(desk, by.name)
    if people.may(by.name, action, stands.gates):
        return
    facts = {"who": by.name, "action": action}
    kept_for = people.actions.get(action, ())
    if any(gate in kept_for for gate in stands.unsure):
        raise Refused("cannot_tell", f"{_slack_cannot_tell(by.name)}, so nobody knows whether they may do this.", facts)
    raise Refused("not_allowed", f"{by.name} may not do this ({action}; policy/people.yaml, `actions`).", facts)


def standing_of(desk: Desk, person: str) -> Standing:
    """What somebody is to the gates this moment."""
    with desk.transaction() as session:
        return standing(session, desk, person, desk.now())


def _must_be_known(desk: Desk, by: trail.Author, stands: Standing) -> None:
    facts = {"who": by.name, "typed_by": by.typed_by or ""}
    if not stands.known and stands.unsure:
        raise Refused("cannot_tell", f"{_slack_cannot_tell(by.name)}. Try again in a minute.", facts)
    if not stands.known:
        raise Refused("unknown_person", f"{by.name} is nobody in policy/people.yaml.", facts)
    _must_speak(desk, by)


def _must_speak(desk: Desk, by: trail.Author) -> None:
    """In Slack everybody speaks for themselves alone; elsewhere policy says who speaks for whom."""
    if by.typed_by is None:
        return
    facts = {"who": by.name, "typed_by": by.typed_by}
    if by.typed_by.startswith(TOKEN):
        if not desk.policy.slack.speaks_for(by.typed_by, by.name):
            raise Refused("may_not_speak_for", f"{by.typed_by} is not {by.name} (policy/slack.yaml).", facts)
    elif not desk.policy.people.may_speak(by.typed_by, by.name):
        raise Refused("may_not_speak_for", f"{by.typed_by} may not speak for {by.name} (policy/people.yaml).", facts)


def _slack_cannot_tell(person: str) -> str:
    return f"Slack could not say lately who belongs to its user groups, and {person} is not named in people.yaml for it"


@dataclass(frozen=True)
class Locked:
    """A review with what it belongs to, locked until the transaction ends."""

    review: Review
    round: Round
    complaint: Complaint

    @property
    def where(self) -> str:
        """What it is, for people."""
        return f"{self.review.gate.value} review of {self.complaint.reference}"

    @property
    def facts(self) -> dict[str, str]:
        """What it is, for programs."""
        return {"reference": self.complaint.reference, "gate": self.review.gate.value, "review": str(self.review.id)}


def lock_review(session: Session, review_id: int) -> Locked:
    """Lock a complaint, then its round, then the review.

    Raises:
        Refused: there is no such review.
    """
    found = session.get(Review, review_id)
    round_ = session.get(Round, found.round_id) if found else None
    if found is None or round_ is None or round_.complaint_id is None:
        raise no_review(review_id)
    complaint = lock(session, round_.complaint_id)
    round_ = session.execute(
        select(Round).where(col(Round.id) == round_.id).with_for_update().execution_options(populate_existing=True)
    ).scalar_one()
    review = session.execute(
        select(Review).where(col(Review.id) == review_id).with_for_update().execution_options(populate_existing=True)
    ).scalar_one()
    return Locked(review, round_, complaint)


def no_review(review_id: int) -> Refused:
    """The refusal where no review has this number."""
    message = f"There is no review {review_id}. `tanggap inbox` lists what is open."
    return Refused("not_open", message, ended() | {"review": str(review_id)})


def not_as_seen(session: Session, at: Locked, sha256: str | None) -> Refused | None:
    """Why what somebody saw is no longer what stands there: the review is over, or about other words."""
    if at.review.state is not ReviewState.OPEN:
        said, facts = _how_it_ended(session, at)
        return Refused("not_open", f"The {at.where} is {said}.", at.facts | facts)
    if sha256 is not None and sha256 != at.review.sha256:
        draft = session.get_one(Draft, at.review.draft_id)
        said = f"{draft.author} wrote these at {_clock(draft.written_at)}"
        message = f"The {at.where} is about other words than those you saw ({said}). Read it again."
        facts = ended(who=draft.author, when=draft.written_at, state=at.review.state.value)
        return Refused("stale", message, at.facts | facts)
    return None


def not_known(desk: Desk, by: trail.Author, stands: Standing) -> Refused | None:
    """Why this is nobody who acts here."""
    try:
        _must_be_known(desk, by, stands)
    except Refused as refusal:
        return refusal
    return None


def not_a_member(at: Locked, person: str, stands: Standing, *, act: str = "decide") -> Refused | None:
    """Why this person does not belong to the review's gate. `act` is what they wanted, for the text."""
    gate = at.review.gate
    if stands.decides(gate):
        return None
    facts = at.facts | {"who": person}
    if gate in stands.unsure:
        message = f"{_slack_cannot_tell(person)}, so cannot {act} the {at.where} now. Try again in a minute."
        return Refused("cannot_tell", message, facts)
    message = f"{person} does not belong to {gate.value}, so cannot {act} the {at.where}."
    return Refused("not_a_member", message, facts)


def refusal_of(
    session: Session, desk: Desk, at: Locked, decision: Decision, stands: Standing, *, editing: bool = False
) -> Refused | None:
    """Why this decision, or edit, does not count; None: it does."""
    refusal = (
        not_as_seen(session, at, decision.sha256)
        or not_known(desk, decision.by, stands)
        or not_a_member(at, decision.by.name, stands)
        or _kept_out(session, desk, at, decision.by.name, editing=editing)
        or _nobody_to_stand_in_for(session, desk, at, decision.by.name, stands, editing=editing)
    )
    if refusal is None and not editing and decision.verdict is not Verdict.APPROVE and not said_why(decision.note):
        message = f"Say why: a {decision.verdict.value} needs a note."
        refusal = Refused("no_reason", message, at.facts | {"verdict": decision.verdict.value})
    return refusal


def _kept_out(session: Session, desk: Desk, at: Locked, person: str, *, editing: bool) -> Refused | None:
    """Why this member of the gate does not decide in this round."""
    facts = at.facts | {"who": person}
    road = road_of_draft(session, at.round.draft_id)
    if road is not None and person == road.opened_by:
        message = f"{person} opened this legal road; somebody else must decide the {at.where}."
        return Refused("own_road", message, facts)
    if person in at.round.barred:
        if _only_proposed(session, at, person):
            message = f"{person} proposed this draft; somebody else must decide the {at.where}."
            return Refused("barred", message, facts | {"because": "proposed"})
        message = f"{person} proposed words that the guardrails blocked, and decides nothing more here."
        return Refused("barred", message, facts | {"because": "guard_blocked"})
    if editing:
        return None
    if person == at.review.author:
        return Refused("own_words", f"{person} wrote this draft; somebody else must decide the {at.where}.", facts)
    others = [other for other in reviews_of(session, at.round.id) if other.decided_by == person]
    if others and (road is not None or not desk.policy.people.one_person_two_gates):
        message = f"{person} already decided at {others[0].gate.value}; another person must decide this gate."
        return Refused("second_gate", message, facts | {"decided_at": others[0].gate.value})
    return None


def _nobody_to_stand_in_for(
    session: Session, desk: Desk, at: Locked, person: str, stands: Standing, *, editing: bool
) -> Refused | None:
    """Whoever decides only in the place of others may do no more than one of them might."""
    if at.review.gate in stands.own:
        return None
    kept_out = [_kept_out(session, desk, at, one, editing=editing) for one in stands.absent_at(at.review.gate)]
    first = kept_out[0]
    if first is None or None in kept_out:
        return None
    message = f"{first} {person} would decide only in the place of {first.facts['who']}."
    return Refused(first.why, message, first.facts | {"because": "stands_in"})


def in_place_of(session: Session, desk: Desk, at: Locked, stands: Standing) -> str | None:
    """Whom somebody stands in for, who decides here though they do not belong to the gate themselves."""
    if at.review.gate in stands.own:
        return None
    absent = stands.absent_at(at.review.gate)
    return next((one for one in absent if _kept_out(session, desk, at, one, editing=False) is None), None)


def _only_proposed(session: Session, at: Locked, person: str) -> bool:
    """Whether somebody is kept out for having proposed this round's draft, which another one worded."""
    drafted = session.execute(
        select(Event.id).where(  # type: ignore[call-overload]
            col(Event.complaint_id) == at.complaint.id,
            col(Event.name) == "drafted",
            col(Event.by) == person,
            col(Event.data)["draft"].astext == str(at.round.draft_id),
            col(Event.data)["words_of"].astext.is_not(None),
        )
    )
    return drafted.first() is not None


def _how_it_ended(session: Session, at: Locked) -> tuple[str, dict[str, str]]:
    review, round_ = at.review, at.round
    if review.state is ReviewState.DECIDED and review.decided_at is not None and review.verdict is not None:
        said = f"already decided: {review.verdict.value} by {review.decided_by} at {_clock(review.decided_at)}"
        return said, ended(
            who=review.decided_by, when=review.decided_at, verdict=review.verdict.value, state=review.state.value
        )
    if round_.settled_at is None or review.state is ReviewState.WITHDRAWN:
        return f"no longer open ({review.state.value})", ended(state=review.state.value)
    closing = next((one for one in reviews_of(session, round_.id) if one.verdict in CLOSING), None)
    who, verdict = (closing.decided_by, closing.verdict) if closing else (_who_voided(session, at), None)
    said = ", ".join(filter(None, (round_.why, who, _clock(round_.settled_at))))
    return f"no longer open ({review.state.value}: {said})", ended(
        who=who,
        when=round_.settled_at,
        verdict=verdict.value if verdict else "",
        state=review.state.value,
        because=round_.why or "",
    )


def _who_voided(session: Session, at: Locked) -> str | None:
    return session.execute(
        select(Event.by)  # type: ignore[call-overload]
        .where(
            col(Event.complaint_id) == at.complaint.id,
            col(Event.name) == "voided",
            col(Event.data)["round"].astext == str(at.round.id),
        )
        .order_by(col(Event.number).desc())
        .limit(1)
    ).scalar_one_or_none()


def ended(
    *, who: str | None = None, when: datetime | None = None, verdict: str = "", state: str = "", because: str = ""
) -> dict[str, str]:
    """Who ended a review, when and how; what is not known is empty."""
    moment = when.astimezone(UTC).isoformat() if when else ""
    return {"who": who or "", "when": moment, "verdict": verdict, "state": state, "because": because}


def _clock(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def said_why(note: str | None) -> str:
    """A note's words, without the white space around them."""
    return (note or "").strip()


def write_refusal(
    session: Session,
    complaint: Complaint,
    refused: Refused,
    by: trail.Author,
    verdict: str,
    now: datetime,
    *,
    gate: Gate,
) -> None:
    """Write onto the timeline that somebody did not get to decide, and why; the complaint is locked."""
    trail.append(
        session, complaint, "decision_refused", by=by, at=now, why=refused.why, gate=gate.value, verdict=verdict
    )
