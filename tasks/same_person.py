"""Suggest which accounts may be one person's, for a person to confirm or refuse.

Whoever wrote is compared with those whom an index finds by e-mail address, telephone number, handle, name or order
number, a few of each; nobody with everybody.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    TableValuedAlias,
    Text,
    cast,
    func,
    literal_column,
    or_,
    select,
    text,
    true,
    tuple_,
)
from sqlalchemy.dialects.postgresql import ARRAY, array, insert
from sqlalchemy.orm import aliased
from sqlalchemy.types import TypeEngine
from sqlmodel import Session, col

from db.tables import Direction, Identity, Message, SamePerson, SameState
from db.tables.people import PLAIN_HANDLE, PLAIN_NAME
from policy.intake import find_numbers
from policy.same_person import Account, Said, Suggestion, full_name, in_common, plain_handle, suggest
from tasks.desk import Desk

BATCH = 200
BATCHES = 5
EACH = 20
"""Accounts looked at for each thing in common, the newest first."""
WORDS = 3
"""Messages of an account that are compared, the newest first."""
MOST_NUMBERS = 20
"""Order numbers kept of a message; a list of more is no complaint about one of them."""


def numbers_in(desk: Desk, subject: str | None, said: str) -> list[str]:
    """The order and ticket numbers of a message, as they are kept with it."""
    return sorted(find_numbers(f"{subject or ''} {said}", desk.policy.intake.numbers))[:MOST_NUMBERS]


def to_compare(session: Session) -> bool:
    """Whether somebody wrote who was not compared since."""
    return session.execute(select(Identity.id).where(col(Identity.compare_due)).limit(1)).first() is not None  # type: ignore[call-overload]


def suggest_same(desk: Desk) -> int:
    """Compare those who wrote with those who are like them; how many suggestions were written down."""
    made = 0
    for _ in range(BATCHES):
        looked_at, found = _compare_some(desk)
        made += found
        if looked_at < BATCH:
            break
    return made


def _compare_some(desk: Desk) -> tuple[int, int]:
    now = desk.now()
    with desk.transaction() as session:
        query = select(Identity).where(col(Identity.compare_due)).order_by(col(Identity.id)).limit(BATCH)
        # As an update locks it: a new message or another suggestion may refer to it meanwhile.
        fresh = list(session.execute(query.with_for_update(skip_locked=True, key_share=True)).scalars())
        for identity in fresh:
            identity.compare_due = False
            session.add(identity)
        found = _suggestions(session, desk, fresh, now) if fresh else {}
        for (one, other), suggestion in found.items():
            _write(session, one, other, suggestion, now)
    return len(fresh), len(found)


Pair = tuple[int, int]


def _suggestions(session: Session, desk: Desk, fresh: Sequence[Identity], now: datetime) -> dict[Pair, Suggestion]:
    """What to suggest of these accounts: the best few of each, and each two people once."""
    rules = desk.policy.intake
    since = now - rules.same_person.within
    words = _words(session, [identity.id for identity in fresh], since)
    near = _near(session, desk, fresh, words, since)
    words |= _words(session, [number for number in near if number not in words], since)
    everybody = near | {identity.id: identity for identity in fresh}
    accounts = {number: _account(identity, words.get(number, ())) for number, identity in everybody.items()}
    known = _known(session, {identity.complainant_id for identity in everybody.values()})
    waiting = _waiting(session, list(everybody))
    best = sorted(
        (
            (suggestion, pair)
            for pair in _in_common(fresh, everybody, accounts)
            if (suggestion := suggest(accounts[pair[0]], accounts[pair[1]], rules)) is not None
        ),
        key=lambda found: (-found[0].points, found[1]),
    )
    made: dict[Pair, Suggestion] = {}
    for suggestion, pair in best:
        people = frozenset(everybody[number].complainant_id for number in pair)
        if known.get(people, pair) != pair or pair in made:
            continue
        if people not in known:
            if max(waiting.get(number, 0) for number in pair) >= rules.same_person.at_most:
                continue
            for number in pair:
                waiting[number] = waiting.get(number, 0) + 1
        known[people] = pair
        made[pair] = suggestion
    return made


def _in_common(
    fresh: Sequence[Identity], everybody: Mapping[int, Identity], accounts: Mapping[int, Account]
) -> set[Pair]:
    """The pairs worth comparing: of two people, one of whom just wrote, with something in common."""
    having: dict[tuple[str, str], list[int]] = {}
    for number in sorted(everybody, reverse=True):
        for key in in_common(accounts[number]):
            having.setdefault(key, []).append(number)
    return {
        (min(one.id, other), max(one.id, other))
        for one in fresh
        for key in in_common(accounts[one.id])
        for other in having[key][:EACH]
        if everybody[other].complainant_id != one.complainant_id
    }


def _near(
    session: Session, desk: Desk, fresh: Sequence[Identity], words: Mapping[int, Sequence[Message]], since: datetime
) -> dict[int, Identity]:
    """The accounts that have something in common with one of these."""
    ours: dict[str, list[str]] = {}
    for channel in desk.channels.all():
        ours.setdefault(channel.name, []).append(channel.account)
    there = [(one.channel, account, one.external_id) for one in fresh for account in ours.get(one.channel, ())]
    numbers = {number for said in words.values() for message in said for number in message.numbers}
    same_handle: ColumnElement[str] = literal_column(PLAIN_HANDLE, Text)
    same_name: ColumnElement[str] = literal_column(PLAIN_NAME, Text)
    found = {
        *_by(session, col(Identity.email), {one.email for one in fresh}),
        *_by(session, col(Identity.plain_phone), {one.plain_phone for one in fresh}),
        *_by(session, same_handle, {plain_handle(one.handle or one.email) for one in fresh}),
        *_by(session, same_name, {(one.name or "").lower() for one in fresh if full_name(one.name)}),
        *_who_named(session, numbers, since),
        *_who_is(session, there),
    }
    # Who is being forgotten this moment is left out; who is found stays until this is written down.
    query = select(Identity).where(col(Identity.id).in_(found)).order_by(col(Identity.id))
    rows = session.execute(query.with_for_update(read=True, key_share=True, skip_locked=True)).scalars()
    return {identity.id: identity for identity in rows}


def _by(session: Session, column: Any, wanted: Iterable[str | None]) -> Iterable[int]:
    """The newest accounts of each wanted value, by the column's index."""
    keys = sorted({key for key in wanted if key})
    if not keys:
        return ()
    each = _each(keys)
    newest = (
        select(Identity.id)  # type: ignore[call-overload]
        .where(column == each.c.key)
        .order_by(col(Identity.id).desc())
        .limit(EACH)
        .lateral()
    )
    return session.execute(select(newest.c.id).select_from(each.join(newest, true()))).scalars()


def _who_is(session: Session, places: Sequence[tuple[str, str, str]]) -> Iterable[int]:
    """Who goes by one of these names on a platform with one of our accounts there."""
    place = tuple_(col(Identity.channel), col(Identity.account), col(Identity.external_id))
    return session.execute(select(Identity.id).where(place.in_(places))).scalars() if places else ()  # type: ignore[call-overload]


def _who_named(session: Session, numbers: Collection[str], since: datetime) -> Iterable[int]:
    if not numbers:
        return ()
    each = _each(sorted(numbers))
    newest = (
        select(Message.identity_id)  # type: ignore[call-overload]
        .where(
            col(Message.numbers).op("@>")(array([each.c.key])),
            text("message.numbers <> '{}'"),  # literally as the index has it
            col(Message.identity_id).is_not(None),
            col(Message.received_at) >= since,
        )
        .order_by(col(Message.id).desc())
        .limit(EACH)
        .lateral()
    )
    return session.execute(select(newest.c.identity_id).select_from(each.join(newest, true()))).scalars()


def _words(session: Session, identities: Collection[int], since: datetime) -> dict[int, list[Message]]:
    """The newest messages of each of these accounts."""
    if not identities:
        return {}
    each = _each(sorted(identities), BigInteger)
    newest = (
        select(Message)
        .where(
            col(Message.identity_id) == each.c.key,
            col(Message.direction) == Direction.IN,
            col(Message.received_at) >= since,
        )
        .order_by(col(Message.id).desc())
        .limit(WORDS)
        .lateral()
    )
    message = aliased(Message, newest)
    said: dict[int, list[Message]] = {}
    for row in session.execute(select(message).select_from(each.join(newest, true()))).scalars():
        said.setdefault(row.identity_id or 0, []).append(row)
    return said


def _each(keys: Sequence[Any], kind: type[TypeEngine[Any]] = Text) -> TableValuedAlias:
    return func.unnest(cast(list(keys), ARRAY(kind))).table_valued("key").render_derived()


def _account(identity: Identity, messages: Sequence[Message]) -> Account:
    return Account(
        identity.channel,
        identity.account,
        identity.external_id,
        handle=identity.handle,
        name=identity.name,
        email=identity.email,
        phone=identity.plain_phone,
        said=tuple(
            Said(f"{message.subject or ''} {message.text}".strip(), message.posted_at, frozenset(message.numbers))
            for message in messages
        ),
    )


def _known(session: Session, people: Collection[int]) -> dict[frozenset[int], Pair | None]:
    """What was said or suggested of two people before: the pair that waits for a person, None where one decided."""
    one, other = aliased(Identity), aliased(Identity)
    rows = session.execute(
        select(one.complainant_id, other.complainant_id, SamePerson.one_id, SamePerson.other_id, SamePerson.state)  # type: ignore[call-overload]
        .join(one, col(one.id) == col(SamePerson.one_id))
        .join(other, col(other.id) == col(SamePerson.other_id))
        .where(
            or_(col(one.complainant_id).in_(people), col(other.complainant_id).in_(people)),
            col(one.complainant_id) != col(other.complainant_id),
        )
    )
    known: dict[frozenset[int], Pair | None] = {}
    for a, b, one_id, other_id, state in rows:
        waits = state is SameState.SUGGESTED and known.get(frozenset((a, b)), ()) is not None
        known[frozenset((a, b))] = (one_id, other_id) if waits else None
    return known


def _waiting(session: Session, identities: Collection[int]) -> dict[int, int]:
    """How many suggestions wait for a person, for each of these accounts."""
    waiting: dict[int, int] = {}
    for mine in (col(SamePerson.one_id), col(SamePerson.other_id)):
        rows = session.execute(
            select(mine, func.count())
            .where(mine.in_(identities), col(SamePerson.state) == SameState.SUGGESTED)
            .group_by(mine)
        )
        for number, count in rows:
            waiting[number] = waiting.get(number, 0) + count
    return waiting


def _write(session: Session, one: int, other: int, suggestion: Suggestion, now: datetime) -> None:
    """Write it down once; what waits for a person already gets the better reasons."""
    reasons = [alike.value for alike in suggestion.reasons]
    values = insert(SamePerson).values(
        one_id=one,
        other_id=other,
        state=SameState.SUGGESTED,
        reasons=reasons,
        points=suggestion.points,
        suggested_at=now,
    )
    stands = SamePerson.__table__.c  # type: ignore[attr-defined]
    session.execute(
        values.on_conflict_do_update(
            index_elements=["one_id", "other_id"],
            set_={"reasons": reasons, "points": suggestion.points},
            where=(stands.state == SameState.SUGGESTED) & (stands.points < suggestion.points),
        )
    )
