"""The public board: complaints that their authors made public, our public answers, and the authors' last words.

It shows no name, no contact and no private text; what looks like personal data in a customer's words is covered.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import or_, select, tuple_
from sqlalchemy.sql.elements import ColumnElement
from sqlmodel import Session, col

from db import trail
from db.complaints import NoSuchComplaint, find
from db.tables import Complaint, Direction, Event, FollowUp, Identity, Message, WebPost
from db.web import posts_on_page
from db.words import DeliveryKind, Kind, State, Visibility
from desk.gateway.states import state_name

CHOICE = "board_choice"
AUTHOR = trail.Author("complainant")
_PERSONAL = frozenset({DeliveryKind.SURVEY, DeliveryKind.ASK})


class Standing(StrEnum):
    """What of a complaint its author lets the board show."""

    NOTHING = "nothing"
    WORDS = "words"
    """Only what they wrote for the public afterwards."""
    ALL = "all"
    """The complaint itself too."""


@dataclass(frozen=True)
class Line:
    """One text on the board, ours where it has a kind."""

    text: str
    at: datetime
    kind: DeliveryKind | None = None
    praise: bool = False


@dataclass(frozen=True)
class Entry:
    """A complaint on the board. `first` is None where its author shows only their words afterwards."""

    reference: str
    number: int
    state: str
    category: str | None
    opened_at: datetime
    first: str | None
    lines: list[Line]
    secrets: tuple[str, ...]
    """The author's name and contact, to be covered wherever they stand."""

    @property
    def newest_answer(self) -> Line | None:
        """Our last public text."""
        ours = [line for line in self.lines if line.kind is not None]
        return ours[-1] if ours else None

    @property
    def last_words(self) -> Line | None:
        """The author's last public words after the complaint."""
        theirs = [line for line in self.lines if line.kind is None]
        return theirs[-1] if theirs else None


@dataclass(frozen=True)
class BoardPage:
    """Some entries, newest first, and the number of the complaint after which older ones follow."""

    entries: list[Entry]
    older: int | None


def standing_of(session: Session, complaint: Complaint, first: Message) -> Standing:
    """What of it the board shows."""
    if not complaint.on_board:
        return Standing.NOTHING
    return _standings(session, [(complaint, first)])[complaint.id]


def choose(session: Session, complaint: Complaint, standing: Standing, now: datetime) -> None:
    """Write down the author's choice. The caller holds the complaint's lock."""
    complaint.on_board = standing is not Standing.NOTHING
    session.add(complaint)
    trail.append(session, complaint, CHOICE, by=AUTHOR, at=now, on_board=complaint.on_board, shows=standing.value)


def read_board(session: Session, *, before: int | None, size: int) -> BoardPage:
    """The board from the newest complaint on, or from the one before a number."""
    query = select(Complaint).where(*_readable()).order_by(col(Complaint.opened_at).desc(), col(Complaint.id).desc())
    last = session.get(Complaint, before) if before is not None else None
    if last is not None:
        query = query.where(tuple_(col(Complaint.opened_at), col(Complaint.id)) < (last.opened_at, last.id))
    found = list(session.execute(query.limit(size + 1)).scalars())
    entries = _entries(session, found[:size])
    return BoardPage(entries, found[size - 1].id if len(found) > size else None)


def read_entry(session: Session, reference: str) -> Entry | None:
    """One complaint on the board; None where it does not stand there."""
    try:
        complaint = find(session, reference)
    except NoSuchComplaint:
        return None
    found = session.execute(select(Complaint).where(col(Complaint.id) == complaint.id, *_readable())).scalars()
    entries = _entries(session, list(found))
    return entries[0] if entries else None


def _readable() -> list[ColumnElement[bool]]:
    """Chosen by its author, and read by the desk: neither spam nor chatter stands on the board."""
    return [
        col(Complaint.on_board).is_(True),
        col(Complaint.state).not_in([State.NEW, State.SPAM]),
        or_(*(col(Complaint.kind) == kind for kind in (Kind.COMPLAINT, Kind.QUESTION, Kind.PRAISE))),
    ]


def _entries(session: Session, complaints: Sequence[Complaint]) -> list[Entry]:
    numbers = [complaint.id for complaint in complaints]
    firsts = _messages(session, col(Message.id).in_([complaint.first_message_id for complaint in complaints]))
    first_of = {message.complaint_id: message for message in firsts}
    pairs = [(complaint, first_of[complaint.id]) for complaint in complaints if complaint.id in first_of]
    standings = _standings(session, pairs)
    later = _messages(
        session,
        col(Message.complaint_id).in_(numbers),
        col(Message.direction) == Direction.IN,
        col(Message.visibility) == Visibility.PUBLIC,
        col(Message.kind).is_not(None),
        col(Message.kind) != Kind.SPAM,
        col(Message.removed_at).is_(None),
    )
    found_words = _found_words(session, numbers)
    posts = posts_on_page(session, [complaint.reference for complaint in complaints], Visibility.PUBLIC)
    identities = _identities(session, [*firsts, *later])
    return [
        _entry(complaint, first, standings[complaint.id], posts, later, identities, found_words)
        for complaint, first in pairs
    ]


def _entry(
    complaint: Complaint,
    first: Message,
    standing: Standing,
    posts: Sequence[WebPost],
    later: Sequence[Message],
    identities: dict[int, Identity],
    found_words: set[int],
) -> Entry:
    lines = [
        Line(message.text, message.posted_at, praise=message.id in found_words)
        for message in later
        if message.complaint_id == complaint.id and message.id != first.id
    ]
    lines += [
        Line(post.text, post.posted_at, post.kind)
        for post in posts
        if post.complaint_reference == complaint.reference and post.kind not in _PERSONAL
    ]
    own = [identity for identity in identities.values() if identity.complainant_id == complaint.complainant_id]
    return Entry(
        reference=complaint.reference,
        number=complaint.id,
        state=state_name(complaint),
        category=complaint.category.value if complaint.category else None,
        opened_at=complaint.opened_at,
        first=first.text if standing is Standing.ALL and first.removed_at is None else None,
        lines=sorted(lines, key=lambda line: line.at),
        secrets=(
            complaint.token,
            *(word for identity in own for word in (identity.name, identity.email, identity.phone) if word),
        ),
    )


def _standings(session: Session, pairs: Sequence[tuple[Complaint, Message]]) -> dict[int, Standing]:
    """A complaint that was made in public shows whole, unless its author chose otherwise since."""
    made = {
        complaint.id: Standing.ALL if first.visibility is Visibility.PUBLIC else Standing.WORDS
        for complaint, first in pairs
    }
    chosen = session.execute(
        select(Event).where(col(Event.complaint_id).in_(made), col(Event.name) == CHOICE).order_by(col(Event.number))
    ).scalars()
    for event in chosen:
        if event.complaint_id is not None and event.data.get("on_board"):
            made[event.complaint_id] = Standing(event.data["shows"])
    return made


def _messages(session: Session, *where: ColumnElement[bool]) -> list[Message]:
    query = select(Message).where(*where).order_by(col(Message.posted_at), col(Message.id))
    return list(session.execute(query).scalars())


def _found_words(session: Session, numbers: Sequence[int]) -> set[int]:
    query = select(FollowUp).where(col(FollowUp.complaint_id).in_(numbers), col(FollowUp.found_message_id).is_not(None))
    return {found.found_message_id for found in session.execute(query).scalars() if found.found_message_id}


def _identities(session: Session, messages: Sequence[Message]) -> dict[int, Identity]:
    numbers = {message.identity_id for message in messages if message.identity_id}
    query = select(Identity).where(col(Identity.id).in_(numbers))
    return {identity.id: identity for identity in session.execute(query).scalars()}
