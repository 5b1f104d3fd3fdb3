"""What a notice says, read from the rows when it is sent, and whether it is still worth saying."""

from datetime import datetime
from typing import Any

from sqlmodel import Session

from db.legal import CLOCK_RUNS, calls_of
from db.tables import (
    Breach,
    Complaint,
    Delivery,
    FactChange,
    LegalRoad,
    NoticeKind,
    Review,
    ReviewState,
    RoadState,
    SlackCard,
    SlackNotice,
)
from db.words import Gate, State
from integrations.slack.showing import NoticeSeen
from tasks.card_facts import next_card
from tasks.case_facts import Names
from tasks.desk import Desk
from tasks.home_facts import desk_state, waiting_of
from tasks.watch import WAITING

IN_A_DIGEST = 200
"""Reviews that a digest counts; it lists the first few."""


def is_over(session: Session, desk: Desk, notice: SlackNotice) -> str | None:
    """Why nobody needs to hear it any more; None: it is worth saying."""
    match notice.kind:
        case NoticeKind.DIGEST:
            return _day_is_over(session, desk, notice)
        case NoticeKind.THREAD | NoticeKind.BROADCAST | NoticeKind.CHANNEL:
            return None
    match notice.data.get("what"):
        case "review":
            review = session.get(Review, notice.review_id)
            if review is None or review.state is not ReviewState.OPEN:
                return "decided"
            late = notice.kind is NoticeKind.REMINDER and review.deadline <= desk.now()
            return "overtaken" if late else None
        case "unposted":
            card, review = session.get(SlackCard, notice.review_id), session.get(Review, notice.review_id)
            stands = card is not None and card.ts is not None
            return "decided" if stands or review is None or review.state is not ReviewState.OPEN else None
        case "emergency" | "breach" | "legal_road":
            return None if _law_waits(session, notice) else "over"
    complaint = session.get(Complaint, notice.complaint_id)
    wanted = (State.HELD,) if notice.data.get("what") == "held" else WAITING
    return None if complaint is not None and complaint.state in wanted else "answered"


def _law_waits(session: Session, notice: SlackNotice) -> bool:
    """Whether an emergency is still to be acknowledged there, a breach notice to be sent, a legal road to be taken."""
    match notice.data["what"]:
        case "emergency":
            calls = calls_of(session, notice.data["emergency"])
            return any(call.gate == notice.data["gate"] and call.acknowledged_at is None for call in calls)
        case "breach":
            breach = session.get(Breach, notice.data["breach"])
            return breach is not None and breach.state in CLOCK_RUNS
    road = session.get(LegalRoad, notice.data["road"])
    return road is not None and road.state is RoadState.OPEN


def notice_of(session: Session, desk: Desk, notice: SlackNotice, told: str | None = None) -> NoticeSeen:
    """All that is needed to say it, in the language of its gate; `told`: who hears it, maybe in another's place."""
    number = notice.review_id or notice.thread_of
    review = session.get(Review, number) if number is not None else None
    gate = review.gate if review is not None else Gate(notice.data.get("gate", Gate.CS))
    language = desk.policy.slack.language_of(gate)
    if notice.kind is NoticeKind.DIGEST:
        waiting = waiting_of(session, desk, gate=gate, limit=IN_A_DIGEST)
        return NoticeSeen("digest", language, gate=gate.value, waiting=waiting, desk=desk_state(session, desk))
    if notice.kind is NoticeKind.BROADCAST:
        return _broadcast(session, desk, notice)
    if notice.kind is NoticeKind.CHANNEL:
        return NoticeSeen("channel", language, data=dict(notice.data))
    complaint = session.get(Complaint, notice.complaint_id) if notice.complaint_id is not None else None
    said = notice.data.get("deadline")
    card = session.get(SlackCard, number) if number is not None else None
    return NoticeSeen(
        kind=notice.kind.value,
        language=language,
        data=_data(session, desk, notice, told),
        reference=complaint.reference if complaint is not None else None,
        gate=gate.value,
        severity=complaint.severity.value if complaint is not None and complaint.severity is not None else None,
        deadline=datetime.fromisoformat(said) if said else None,
        card_url=_address(session, notice, review, complaint, card),
    )


def _broadcast(session: Session, desk: Desk, notice: SlackNotice) -> NoticeSeen:
    """The old and the new of a published fact, in the language of the staff's channel."""
    change = session.get_one(FactChange, notice.data["change"])
    staff = desk.policy.slack.staff
    language = (staff.language if staff is not None else None) or desk.policy.slack.language
    data: dict[str, object] = {name: getattr(change, name) for name in ("where", "about", "old", "new")}
    data["of"] = change.of.value
    return NoticeSeen("broadcast", language, data=data)


def _data(session: Session, desk: Desk, notice: SlackNotice, told: str | None) -> dict[str, object]:
    """The tokens, with the company's people by their Slack names, and with a reviewer's reason."""
    people = Names(desk)
    data: dict[str, Any] = dict(notice.data)
    if told is not None and told != notice.person:
        data["instead_of"] = notice.person
    for name in ("by", "to", "person", "instead_of", "in_place_of"):
        if data.get(name) is not None:
            data[name] = people.of(str(data[name]))
    decided = session.get(Review, data.get("review")) if data.get("event") == "decided" else None
    if decided is not None and decided.note:
        data["note"] = decided.note
    return data


def _address(
    session: Session, notice: SlackNotice, review: Review | None, complaint: Complaint | None, card: SlackCard | None
) -> str | None:
    """Where the words lead: to the card; from its own thread to what took its place, or to what was published."""
    if notice.kind is not NoticeKind.THREAD:
        return card.url if card is not None else None
    delivery = session.get(Delivery, notice.data["delivery"]) if notice.data.get("delivery") else None
    if delivery is not None:
        return delivery.url
    if notice.data.get("event") == "voided" and review is not None and complaint is not None:
        return next_card(session, complaint, review)
    return None


def _day_is_over(session: Session, desk: Desk, notice: SlackNotice) -> str | None:
    today = desk.now().astimezone(desk.policy.calendar.zone).date().isoformat()
    if notice.data.get("date") != today:
        return "another_day"
    return None if waiting_of(session, desk, gate=Gate(notice.data["gate"]), limit=1) else "nothing_waits"
