"""Forget a person: their names and words, and what we wrote about them, while every count and every event stays.

Events name nobody (they carry references and salted digests), so the chains still prove what they proved. What the
platforms, mailboxes and backups hold lies outside.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from secrets import token_urlsafe

from sqlalchemy import delete, func, literal, or_, select, update
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from db import trail
from db.complaints import find, lock_many, move
from db.people import same, take_turn
from db.tables import (
    Assessment,
    Complainant,
    Complaint,
    Correction,
    Delivery,
    DeliveryState,
    Direction,
    Draft,
    FactChange,
    FollowUp,
    FollowUpState,
    Identity,
    Message,
    MessageRevision,
    Note,
    Quarantined,
    Review,
    Round,
    SamePerson,
    SlackReceipt,
    WebPost,
)
from db.words import State
from tasks.article_proposals import forget_proposals
from tasks.card_due import forget_cards
from tasks.decide import must_be_allowed
from tasks.desk import Desk
from tasks.legal_file import forget_legal, refusal_to_forget
from tasks.llm_calls import forget_answers
from tasks.notices import forget_notices
from tasks.people import Mistake
from tasks.rounds import hold, void

NOT_OUT = (
    DeliveryState.QUEUED,
    DeliveryState.CLAIMED,
    DeliveryState.MANUAL,
    DeliveryState.UNKNOWN,
    DeliveryState.FAILED,
)
LEAST_LETTERS = 4
"""A shorter name or handle would be found in everybody's records."""


@dataclass(frozen=True)
class Erased:
    """What was forgotten."""

    complainants: tuple[int, ...]
    complaints: tuple[str, ...]
    """Whose whole file was emptied."""
    messages: int
    """Texts emptied, in these files and in those of others."""
    quarantined: int
    """Unread records that seem to name the person: a person must look at them."""


def find_person(desk: Desk, who: str) -> tuple[int | None, str | None]:
    """The complainant that a number or a complaint's reference means; the reference where nobody is known behind it.

    Raises:
        NoSuchComplaint: there is no complaint of this reference.
        Mistake: there is no such complainant.
    """
    with desk.transaction() as session:
        if who.isdecimal() and len(who) <= 18:
            if session.get(Complainant, int(who)) is None:
                raise Mistake(f"There is no complainant {who}. `tanggap complaint TG-…` shows a complainant's number.")
            return int(who), None
        complaint = find(session, who)
        return (complaint.complainant_id, None) if complaint.complainant_id else (None, complaint.reference)


def erase(desk: Desk, who: str, by: trail.Author) -> Erased:
    """Forget the complainant of this number, or of this complaint, on every channel where they are known.

    One person on two channels is recognised by the same e-mail address or telephone number, unless a person told them
    apart, or because a person joined them. What was not sent yet is cancelled, and what was still open is closed. A
    complaint without a known author is emptied by itself.

    Raises:
        Mistake: nobody is meant, or an answer is leaving this moment.
        NoSuchComplaint: no such complaint.
        Refused: the person may not erase, or a complaint of theirs is under a legal hold.
    """
    must_be_allowed(desk, by, "erase")
    person, reference = find_person(desk, who)
    now = desk.now()
    with desk.transaction() as session:
        take_turn(session)
        people = _one_person(session, person) if person is not None else set()
        identities = _identities(session, people)
        own, foreign = _complaints(session, people, identities, reference)
        locked = lock_many(session, [*own, *foreign])
        refusal = refusal_to_forget(session, [locked[number] for number in sorted(locked)], by, now)
        if refusal is None:
            return _forget(session, desk, _Known(people, identities, own, locked), by, now)
    raise refusal


@dataclass(frozen=True)
class _Known:
    """A person, on every channel where they are known."""

    people: Collection[int]
    identities: Collection[Identity]
    own: Collection[int]
    complaints: Mapping[int, Complaint]
    """Their own, and those of others in whose threads they wrote, all locked."""


def _forget(session: Session, desk: Desk, known: _Known, by: trail.Author, now: datetime) -> Erased:
    people, identities, own, locked = known.people, known.identities, known.own, known.complaints
    for number in sorted(own):
        _must_be_still(session, locked[number])
        _end(session, desk, locked[number], by, now)
        _empty_file(session, locked[number])
        _empty_slack(session, locked[number], now)
        forget_legal(session, locked[number], by, now)
    messages = _empty_messages(session, own, identities)
    forget_answers(session, sorted(locked))
    named = _quarantine(session, identities)
    forgotten = [identity.id for identity in identities]
    session.execute(
        delete(SamePerson).where(or_(col(SamePerson.one_id).in_(forgotten), col(SamePerson.other_id).in_(forgotten)))
    )
    session.execute(delete(Identity).where(col(Identity.id).in_(forgotten)))
    session.execute(
        update(Complainant).where(col(Complainant.id).in_(people)).values(name=None, language=None, erased_at=now)
    )
    for number, complaint in sorted(locked.items()):
        trail.append(session, complaint, "erased", by=by, at=now, whole=number in own)
        session.add(complaint)
    return Erased(tuple(sorted(people)), tuple(locked[number].reference for number in sorted(own)), messages, named)


def _one_person(session: Session, person: int) -> set[int]:
    """Everybody who is certainly this complainant, by what a person said or by e-mail address or telephone number, and
    so on; and whom these were taken for before they were joined."""
    people, fresh = {person}, {person}
    one, other = aliased(Identity), aliased(Identity)
    while fresh:
        found = session.execute(
            select(other.complainant_id, other.own_complainant_id)  # type: ignore[call-overload]
            .join(one, same(one, other))
            .where(or_(col(one.complainant_id).in_(fresh), col(one.own_complainant_id).in_(fresh)))
        )
        fresh = {number for row in found for number in row if number is not None} - people
        people |= fresh
    return people


def _identities(session: Session, people: Collection[int]) -> list[Identity]:
    return list(session.execute(select(Identity).where(col(Identity.complainant_id).in_(people))).scalars())


def _complaints(
    session: Session, people: Collection[int], identities: Collection[Identity], reference: str | None
) -> tuple[set[int], set[int]]:
    """The person's own complaints, and those of others in whose threads they wrote."""
    own = set(
        session.execute(select(Complaint.id).where(col(Complaint.complainant_id).in_(people))).scalars()  # type: ignore[call-overload]
    )
    if reference is not None:
        own.add(find(session, reference).id)
    wrote = session.execute(
        select(Message.complaint_id).where(col(Message.identity_id).in_([identity.id for identity in identities]))  # type: ignore[call-overload]
    ).scalars()
    return own, set(wrote) - own


def _must_be_still(session: Session, complaint: Complaint) -> None:
    leaving = session.execute(
        select(Delivery.id).where(  # type: ignore[call-overload]
            col(Delivery.complaint_id) == complaint.id, col(Delivery.state) == DeliveryState.SENDING
        )
    ).first()
    if leaving is not None:
        raise Mistake(f"A text of {complaint.reference} is leaving this moment. Erase again in a minute.")


def _end(session: Session, desk: Desk, complaint: Complaint, by: trail.Author, now: datetime) -> None:
    """Nobody is left to be answered: what is open ends here."""
    void(session, complaint, "erased", by=by, at=now)
    session.execute(
        update(Delivery)
        .where(col(Delivery.complaint_id) == complaint.id, col(Delivery.state).in_(NOT_OUT))
        .values(state=DeliveryState.CANCELLED, why="erased", claimed_by=None, needs_person=False)
    )
    if complaint.state is State.APPROVED:  # with a delivery of which nobody knows whether it arrived
        move(session, complaint, State.DRAFTING, event="voided", by=by, at=now, why="erased")
    if complaint.state in (State.NEW, State.ASSESSED):
        move(session, complaint, State.NOTED, event="noted", by=by, at=now, why="erased")
    if complaint.state is State.DRAFTING:
        hold(session, desk, complaint, "erased", by=by, now=now)
    if complaint.state in (State.HELD, State.RESOLVED):
        complaint.closed_at, complaint.closed_why = now, "erased"
        move(session, complaint, State.CLOSED, event="closed", by=by, at=now, why="erased")
    session.execute(
        update(FollowUp)
        .where(col(FollowUp.complaint_id) == complaint.id)
        .values(comment=None, state=FollowUpState.ENDED)
    )


def _empty_file(session: Session, complaint: Complaint) -> None:
    """Empty what we wrote and noted. The database lets the words of drafts and deliveries be emptied, never changed."""
    number = complaint.id
    complaint.resolution, complaint.on_board = None, False
    complaint.salt, complaint.token = b"", token_urlsafe(24)
    session.add(complaint)
    session.flush()
    session.execute(
        update(Draft).where(col(Draft.complaint_id) == number).values(text="", target={}, attachments=[], findings=[])
    )
    session.execute(
        update(Delivery)
        .where(col(Delivery.complaint_id) == number)
        .values(text="", target={}, attachments=[], url=None, platform_id=None)
    )
    rounds = select(Round.id).where(col(Round.complaint_id) == number)  # type: ignore[call-overload]
    session.execute(
        update(Review).where(col(Review.round_id).in_(rounds), col(Review.note).is_not(None)).values(note="")
    )
    forget_proposals(session, complaint)
    session.execute(update(Note).where(col(Note.complaint_id) == number).values(text=""))
    session.execute(update(FactChange).where(col(FactChange.complaint_id) == number).values(old="", new=""))
    session.execute(update(Correction).where(col(Correction.complaint_id) == number).values(why=None))
    session.execute(update(Assessment).where(col(Assessment.complaint_id) == number).values(evidence=[]))
    session.execute(delete(WebPost).where(col(WebPost.complaint_reference) == complaint.reference))


def _empty_slack(session: Session, complaint: Complaint, now: datetime) -> None:
    """Have its cards scrubbed, drop what was still to be said of it, and forget what people were just doing with it."""
    rounds = select(Round.id).where(col(Round.complaint_id) == complaint.id)  # type: ignore[call-overload]
    reviews = list(session.execute(select(Review.id).where(col(Review.round_id).in_(rounds))).scalars())  # type: ignore[call-overload]
    forget_cards(session, complaint.id, now)
    forget_notices(session, complaint.id)
    act = col(SlackReceipt.act)
    of_a_review = act["review"].astext.in_([str(review) for review in reviews])
    by_name = act["text"].astext.op("~*")(rf"\m{complaint.reference}\M")
    session.execute(
        update(SlackReceipt)
        .where(act.is_not(None), or_(of_a_review, by_name))
        .values(act=None, done_at=now, why="erased")
    )


def _empty_messages(session: Session, own: Collection[int], identities: Collection[Identity]) -> int:
    """Empty the person's messages wherever they stand, and ours to them.

    A message keeps its number on its channel: so it is known when it is imported again, and stays forgotten.
    """
    mine = col(Message.identity_id).in_([identity.id for identity in identities])
    ours_or_nobodys = col(Message.complaint_id).in_(own) & (
        col(Message.identity_id).is_(None) | (col(Message.direction) == Direction.OUT)
    )
    rows = session.execute(select(Message).where(or_(mine, ours_or_nobodys)).with_for_update()).scalars()
    numbers = []
    for message in rows:
        message.text, message.subject, message.url, message.identity_id = "", None, None, None
        message.raw = None if message.direction is Direction.OUT else b""
        message.attachments = [{**attachment, "name": ""} for attachment in message.attachments]
        message.assess_due, message.second_look, message.numbers = False, False, []
        session.add(message)
        numbers.append(message.id)
    session.flush()
    session.execute(
        update(MessageRevision).where(col(MessageRevision.message_id).in_(numbers)).values(text="", raw=None)
    )
    session.execute(update(Assessment).where(col(Assessment.message_id).in_(numbers)).values(evidence=[]))
    return len(numbers)


def _quarantine(session: Session, identities: Collection[Identity]) -> int:
    """Empty the broken first copies of records that were taken later; count the unread ones that name the person."""
    words = {
        word
        for identity in identities
        for word in (identity.external_id.lstrip("@"), identity.handle, identity.email, identity.phone, identity.name)
        if word and len(word) >= LEAST_LETTERS
    }
    if not words:
        return 0
    named = or_(*(func.position(literal(word.encode()).op("IN")(col(Quarantined.raw))) > 0 for word in words))
    session.execute(update(Quarantined).where(col(Quarantined.taken_at).is_not(None), named).values(raw=b""))
    waiting = select(func.count()).select_from(Quarantined).where(col(Quarantined.taken_at).is_(None), named)
    count: int = session.execute(waiting).scalar_one()
    return count
