"""A person says that two accounts are one person's, are not, or never were. All of it can be undone.

Joined, the accounts and their complaints belong to the complainant that was known first; split, each account is again
whose it was, with the complaints that came by it. Whoever said that they want to be asked nothing stays so either way.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, or_, select, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from db import trail
from db.complaints import find, lock_many
from db.legal import held
from db.people import TOLD_APART, take_turn
from db.tables import Complainant, Complaint, Direction, Identity, Message, SamePerson, SameState
from tasks.decide import must_be_allowed
from tasks.desk import Desk
from tasks.people import Mistake
from tasks.record import take_turns
from tasks.refusals import Refused

MOST_NAMED = 20
"""References that one event names; whoever has more complaints is found by the pair."""
LIST = "`tanggap same` lists what waits for a person."


@dataclass(frozen=True)
class Told:
    """What became of it."""

    complainants: tuple[int, ...]
    complaints: tuple[str, ...]
    """Every complaint of these people, the oldest first."""
    merged_across: tuple[str, ...] = ()
    """After a split: complaints still handled under one of the other person's."""


def confirm(desk: Desk, number: int, by: trail.Author) -> Told:
    """These two accounts are one person's: join them, and whoever else they were joined with.

    What was refused or split before may be confirmed too: people change their minds.

    Raises:
        Mistake: there is no such pair, they are one person already, or a person told others of their accounts apart.
        Refused: the person may not.
    """
    must_be_allowed(desk, by, "same_person")
    now = desk.now()
    with desk.transaction() as session:
        pair, (one, other) = _pair(session, number)
        if one == other:
            raise Mistake(f"The accounts of pair {number} are one person's already.")
        between = _between(session, one, other)
        against = next((row for row in between if row.id != pair.id and row.state in TOLD_APART), None)
        if against is not None and pair.state is SameState.SUGGESTED:
            raise Mistake(
                f"{against.decided_by} said that accounts of these two are not one person's (pair {against.id}). "
                f"If that was wrong, confirm that pair: `tanggap same confirm {against.id} --as PERSON`."
            )
        complaints = _lock(session, (one, other))
        stays, goes = sorted((one, other))
        _join(session, stays, goes, complaints)
        for row in between:
            _decide(session, row, SameState.CONFIRMED, by, now)
        for complaint, others in _with_others(session, complaints):
            trail.append(
                session, complaint, "same_person_confirmed", by=by, at=now,
                pair=pair.id, reasons=list(pair.reasons), complainant=stays, others=others,
            )  # fmt: skip
        return Told((stays,), _references(complaints))


def refuse(desk: Desk, number: int, by: trail.Author) -> Told:
    """These two accounts are not one person's; it is never suggested again.

    Raises:
        Mistake: there is no such pair, or it was decided.
        Refused: the person may not.
    """
    must_be_allowed(desk, by, "same_person")
    now = desk.now()
    with desk.transaction() as session:
        pair, people = _pair(session, number)
        if pair.state is SameState.CONFIRMED:
            undo = f"`tanggap same split {pair.other_id} --as PERSON`"
            raise Mistake(f"{pair.decided_by} confirmed pair {number}. To undo that: {undo}.")
        if pair.state is not SameState.SUGGESTED:
            raise Mistake(f"{pair.decided_by} said already that the accounts of pair {number} are not one person's.")
        complaints = _lock(session, people)
        for row in _between(session, *people):
            if row.state is SameState.SUGGESTED:
                _decide(session, row, SameState.REFUSED, by, now)
        for complaint, others in _with_others(session, complaints):
            trail.append(
                session, complaint, "same_person_refused", by=by, at=now,
                pair=pair.id, reasons=list(pair.reasons), others=others,
            )  # fmt: skip
        return Told(tuple(sorted(people)), _references(complaints))


def split(desk: Desk, who: str, by: trail.Author) -> Told:
    """This account, named by its number or by a complaint that came by it, is nobody else's: it goes its own way again.

    Raises:
        Mistake: nobody is meant, or the account stands alone.
        NoSuchComplaint: no such complaint.
        Refused: the person may not, or a complaint of theirs is under a legal hold.
    """
    must_be_allowed(desk, by, "same_person")
    now = desk.now()
    with desk.transaction() as session:
        take_turn(session)
        identity = _identity(session, who)
        person = identity.complainant_id
        rest = [one for one in _identities(session, person) if one.id != identity.id]
        if not rest:
            raise Mistake(f"Account {identity.id} is joined with no other, so there is nothing to split.")
        _stop_recording(session, [identity, *rest])
        complaints = _lock(session, [person])
        refusal = _refusal_to_split(session, complaints, by, now)
        if refusal is None:
            return _split(session, identity, rest, complaints, by, now)
    raise refusal


def _split(
    session: Session, identity: Identity, rest: list[Identity], complaints: dict[int, Complaint], by: trail.Author,
    now: datetime,
) -> Told:  # fmt: skip
    person = identity.complainant_id
    came_by = _came_by(session, complaints)
    own = {number for number, author in came_by.items() if author == identity.id}
    if identity.own_complainant_id is not None:
        home, leaving, theirs = identity.own_complainant_id, [identity], own
    else:  # the others came to it, so they leave it together, for where the first of them was at home
        home, leaving, theirs = min(one.own_complainant_id or 0 for one in rest), rest, complaints.keys() - own
    for one in leaving:
        one.complainant_id = home
        one.own_complainant_id = None if one.own_complainant_id == home else one.own_complainant_id
        session.add(one)
    for number in theirs:
        complaints[number].complainant_id = home
        session.add(complaints[number])
    _the_stricter(session, person, home)
    session.flush()
    for one in rest:
        _tell_apart(session, identity, one, by, now)
    for number, complaint in sorted(complaints.items()):
        mine = number in own
        trail.append(
            session, complaint, "same_person_split", by=by, at=now,
            identity=identity.id if mine else None,
            complainant=complaint.complainant_id,
            others=_others(complaints, complaints.keys() - own if mine else own),
        )  # fmt: skip
        session.add(complaint)
    across = [
        complaint.reference
        for number, complaint in sorted(complaints.items())
        if complaint.merged_into in complaints and (number in own) != (complaint.merged_into in own)
    ]
    return Told(tuple(sorted((person, home))), _references(complaints), tuple(across))


def _pair(session: Session, number: int) -> tuple[SamePerson, tuple[int, int]]:
    """The pair, and whose its two accounts are; nobody else joins or splits, and nothing comes in of theirs."""
    take_turn(session)
    pair = session.get(SamePerson, number)
    if pair is None:
        raise Mistake(f"There is no pair {number}. {LIST}")
    one, other = session.get_one(Identity, pair.one_id), session.get_one(Identity, pair.other_id)
    people = (one.complainant_id, other.complainant_id)
    _stop_recording(session, [*_identities(session, people[0]), *_identities(session, people[1])])
    return pair, people


def _identity(session: Session, who: str) -> Identity:
    if who.isdecimal() and len(who) <= 18:
        found = session.get(Identity, int(who))
        if found is None:
            raise Mistake(f"There is no account {who}. `tanggap same --all` shows the numbers of joined accounts.")
        return found
    complaint = find(session, who)
    author = _came_by(session, {complaint.id: complaint})[complaint.id]
    if author is None:
        raise Mistake(f"Nobody is known behind {complaint.reference}.")
    return session.get_one(Identity, author)


def _identities(session: Session, person: int) -> list[Identity]:
    query = select(Identity).where(col(Identity.complainant_id) == person).order_by(col(Identity.id))
    return list(session.execute(query).scalars())


def _stop_recording(session: Session, identities: Collection[Identity]) -> None:
    """What came in by these accounts meanwhile would be written down as another person's."""
    take_turns(session, {(one.channel, one.account) for one in identities})


def _lock(session: Session, people: Collection[int]) -> dict[int, Complaint]:
    """Every complaint of these people, locked."""
    numbers = select(Complaint.id).where(col(Complaint.complainant_id).in_(people))  # type: ignore[call-overload]
    return lock_many(session, list(session.execute(numbers).scalars()))


def _came_by(session: Session, complaints: dict[int, Complaint]) -> dict[int, int | None]:
    """The account that opened each complaint; None where it is not known."""
    rows = session.execute(
        select(Complaint.id, Message.identity_id)  # type: ignore[call-overload]
        .outerjoin(Message, col(Message.id) == col(Complaint.first_message_id))
        .where(col(Complaint.id).in_(complaints))
    )
    return dict(rows.tuples().all())


def _join(session: Session, stays: int, goes: int, complaints: dict[int, Complaint]) -> None:
    for identity in _identities(session, goes):
        identity.own_complainant_id = identity.own_complainant_id or goes
        identity.complainant_id = stays
        session.add(identity)
    for complaint in complaints.values():
        complaint.complainant_id = stays
        session.add(complaint)
    _the_stricter(session, stays, goes)


def _the_stricter(session: Session, one: int, other: int) -> None:
    """Who wants to be asked nothing, or not to be written to, is not, and who was asked lately was asked lately, joined
    or split."""
    both = [session.get_one(Complainant, number) for number in (one, other)]
    refused = any(person.refused_asks for person in both)
    asked = max((person.last_asked_at for person in both if person.last_asked_at), default=None)
    opted_out = min((person.opted_out_at for person in both if person.opted_out_at), default=None)
    for person in both:
        person.refused_asks, person.last_asked_at, person.opted_out_at = refused, asked, opted_out
        session.add(person)


def _between(session: Session, one: int, other: int) -> list[SamePerson]:
    """Everything that was suggested or said of two people's accounts."""
    a, b = aliased(Identity), aliased(Identity)
    query = (
        select(SamePerson)
        .join(a, col(a.id) == col(SamePerson.one_id))
        .join(b, col(b.id) == col(SamePerson.other_id))
        .where(tuple_(col(a.complainant_id), col(b.complainant_id)).in_([(one, other), (other, one)]))
        .order_by(col(SamePerson.id))
    )
    return list(session.execute(query).scalars())


def _decide(session: Session, pair: SamePerson, state: SameState, by: trail.Author, now: datetime) -> None:
    pair.state, pair.decided_at, pair.decided_by = state, now, by.name
    session.add(pair)


def _tell_apart(session: Session, one: Identity, other: Identity, by: trail.Author, now: datetime) -> None:
    """Two accounts that were one person's are not; also where nobody ever compared these two themselves."""
    said = {"state": SameState.SPLIT, "decided_at": now, "decided_by": by.name}
    low, high = sorted((one.id, other.id))
    new = {"one_id": low, "other_id": high, "reasons": [], "points": 0, "suggested_at": now, **said}
    session.execute(
        insert(SamePerson).values(new).on_conflict_do_update(index_elements=["one_id", "other_id"], set_=said)
    )


def _with_others(session: Session, complaints: dict[int, Complaint]) -> Iterator[tuple[Complaint, list[str]]]:
    """Each complaint of the two, with those that came by other accounts."""
    authors = _came_by(session, complaints)
    for number, complaint in sorted(complaints.items()):
        yield complaint, _others(complaints, {other for other in complaints if authors[other] != authors[number]})


def _others(complaints: dict[int, Complaint], numbers: Collection[int]) -> list[str]:
    return [complaints[number].reference for number in sorted(numbers)[:MOST_NAMED]]


def _references(complaints: dict[int, Complaint]) -> tuple[str, ...]:
    return tuple(complaints[number].reference for number in sorted(complaints))


def _refusal_to_split(
    session: Session, complaints: dict[int, Complaint], by: trail.Author, now: datetime
) -> Refused | None:
    """Whose complaint is under a legal hold stays whole: what was split off could be forgotten."""
    kept = held(session, list(complaints))
    for number in sorted(kept):
        trail.append(
            session, complaints[number], "same_person_split_refused",
            by=by, at=now, why="legal_hold", hold_of=f"TG-{kept[number]}",
        )  # fmt: skip
    if not kept:
        return None
    holder = f"TG-{kept[min(kept)]}"
    message = (
        f"{holder} is under a legal hold, so the accounts of its complainant stay together. "
        f"Only Legal takes it off: `tanggap legal-hold {holder} --off --reason TEXT --as PERSON`."
    )
    return Refused("legal_hold_keeps_together", message, {"reference": holder})


# Looking


@dataclass(frozen=True)
class AccountSeen:
    """One of two accounts, as people of the company see it."""

    identity: int
    channel: str
    called: str
    complaints: tuple[str, ...] = ()
    """What came by it, the newest first, a few."""


@dataclass(frozen=True)
class PairSeen:
    """Two accounts, and what is thought or was said of them."""

    number: int
    state: SameState
    one: AccountSeen
    other: AccountSeen
    reasons: tuple[str, ...]
    points: int
    suggested_at: datetime
    decided_at: datetime | None
    decided_by: str | None


@dataclass(frozen=True)
class MayBe:
    """Who the author of a complaint may be, or is."""

    number: int
    state: SameState
    account: AccountSeen
    reasons: tuple[str, ...]
    decided_by: str | None


COMPLAINTS_SHOWN = 3


def pairs(desk: Desk, *, decided: bool = False, limit: int | None = None) -> list[PairSeen]:
    """What waits for a person, the likeliest first; with `decided`, what people said too, the newest first."""
    with desk.transaction() as session:
        query = select(SamePerson)
        if decided:
            query = query.order_by(col(SamePerson.decided_at).desc().nulls_first(), col(SamePerson.id).desc())
        else:
            query = query.where(col(SamePerson.state) == SameState.SUGGESTED)
            query = query.order_by(col(SamePerson.points).desc(), col(SamePerson.id).desc())
        rows = list(session.execute(query.limit(limit)).scalars())
        seen = _seen(session, {number for row in rows for number in (row.one_id, row.other_id)})
        return [
            PairSeen(
                row.id, row.state, seen[row.one_id], seen[row.other_id], tuple(row.reasons), row.points,
                row.suggested_at, row.decided_at, row.decided_by,
            )
            for row in rows
        ]  # fmt: skip


def waiting(desk: Desk) -> int:
    """How many suggestions wait for a person."""
    with desk.transaction() as session:
        query = select(func.count()).select_from(SamePerson).where(col(SamePerson.state) == SameState.SUGGESTED)
        count: int = session.execute(query).scalar_one()
        return count


def alike(session: Session, complaint: Complaint) -> tuple[MayBe, ...]:
    """Who the author of this complaint may be, and who a person said that they are."""
    author = _came_by(session, {complaint.id: complaint})[complaint.id]
    if author is None:
        return ()
    mine = or_(col(SamePerson.one_id) == author, col(SamePerson.other_id) == author)
    shown = col(SamePerson.state).in_((SameState.SUGGESTED, SameState.CONFIRMED))
    rows = list(session.execute(select(SamePerson).where(mine, shown).order_by(col(SamePerson.id))).scalars())
    others = {row.id: row.other_id if row.one_id == author else row.one_id for row in rows}
    seen = _seen(session, set(others.values()))
    return tuple(MayBe(row.id, row.state, seen[others[row.id]], tuple(row.reasons), row.decided_by) for row in rows)


def _seen(session: Session, identities: Collection[int]) -> dict[int, AccountSeen]:
    references: dict[int, list[str]] = {}
    came = session.execute(
        select(Message.identity_id, Complaint.id)  # type: ignore[call-overload]
        .join(Complaint, col(Complaint.first_message_id) == col(Message.id))
        .where(col(Message.identity_id).in_(identities), col(Message.direction) == Direction.IN)
        .order_by(col(Complaint.id).desc())
    )
    for author, number in came:
        references.setdefault(author, []).append(f"TG-{number}")
    rows = session.execute(select(Identity).where(col(Identity.id).in_(identities))).scalars()
    return {
        one.id: AccountSeen(
            one.id,
            one.channel,
            _called(one),
            tuple(references.get(one.id, ())[:COMPLAINTS_SHOWN]),
        )
        for one in rows
    }


def _called(identity: Identity) -> str:
    known = (identity.handle, identity.name, identity.email, identity.phone)
    return " · ".join(dict.fromkeys(word for word in known if word)) or identity.external_id
