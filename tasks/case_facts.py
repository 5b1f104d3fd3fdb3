"""What everything in Slack shows of a case: names, the talk, its timeline, and the case in short.

Personal data is covered here, once for all who draw; `reveal` leaves it as it is, for whoever asked to see it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from db import trail
from db.complaints import find, first_message, messages_of
from db.people import same
from db.tables import (
    Complainant,
    Complaint,
    Direction,
    FollowUp,
    Identity,
    Message,
    Note,
    Review,
    ReviewState,
    Round,
    SlackCard,
)
from db.words import Kind, State
from integrations.slack.showing import AuthorSeen, CaseSeen, GateStands, MessageSeen, TimelineLine
from policy.masking import mask
from tasks.desk import Desk
from tasks.escalation import tokens_only
from tasks.listing import is_late
from tasks.rounds import reach_of, reviews_of

EXCERPT = 300
"""Characters of a complaint that a list shows."""
LEFT_OPEN = "•••"
"""What stands in a name for all but its beginning."""
NEVER_WAS_ONE = (State.MERGED, State.SPAM)


@dataclass(frozen=True)
class Names:
    """How the company's people are called: by Slack's id, drawn as a mention, where policy says who they are there."""

    desk: Desk
    mentions: bool = True

    def of(self, person: str | None) -> str | None:
        """`U…`, or the name that the desk uses."""
        return (self.desk.policy.slack.user_of(person) if person and self.mentions else None) or person


def gates_of_round(session: Session, round_: Round, people: Names) -> tuple[GateStands, ...]:
    """How every gate of a round stands."""
    return tuple(
        GateStands(
            gate=review.gate.value,
            state=review.state.value,
            purpose=review.purpose,
            verdict=review.verdict.value if review.verdict else None,
            by=people.of(review.decided_by),
            at=review.decided_at,
            stands_in_for=review.stands_in_for.value if review.stands_in_for else None,
        )
        for review in reviews_of(session, round_.id)
    )


def timeline_url(desk: Desk, complaint: Complaint) -> str | None:
    """Where engineers see an escalated complaint's timeline: the artifact that its runs write."""
    return f"{desk.prefect_url}/artifacts/key/{complaint.reference.lower()}" if desk.prefect_url else None


def messages_of_case(session: Session, desk: Desk, reference: str, *, reveal: bool = False) -> list[MessageSeen]:
    """The whole talk, ours and theirs, in the order it was written."""
    complaint = find(session, reference)
    talk = Talk.of(session, desk, complaint, reveal=reveal)
    known = {
        identity.id: identity
        for identity in session.execute(
            select(Identity)
            .join(Message, col(Message.identity_id) == col(Identity.id))
            .where(col(Message.complaint_id) == complaint.id)
        ).scalars()
    }
    return [
        MessageSeen(
            at=message.posted_at,
            inbound=message.direction is Direction.IN,
            visibility=message.visibility.value,
            author=name_of(known.get(message.identity_id or 0), reveal=reveal),
            text=talk.cover(said(message)),
            masked=message.masked_at is not None,
        )
        for message in messages_of(session, complaint.id)
    ]


def timeline_of(session: Session, desk: Desk, reference: str, *, slack_names: bool = True) -> list[TimelineLine]:
    """A complaint's events, with the words of its notes."""
    complaint = find(session, reference)
    people = Names(desk, slack_names)
    notes = {
        note.id: note for note in session.execute(select(Note).where(col(Note.complaint_id) == complaint.id)).scalars()
    }
    lines = []
    for event in trail.history(session, complaint):
        note = notes.get(event.data.get("note", 0))
        lines.append(
            TimelineLine(
                at=event.at,
                name=event.name,
                by=people.of(event.by) or event.by,
                facts=tokens_only(event.data),
                note=note.text if note is not None and note.removed_at is None and note.text else None,
            )
        )
    return lines


def case_of(session: Session, desk: Desk, reference: str, *, slack_names: bool = True) -> CaseSeen:
    """One complaint in short.

    Raises:
        NoSuchComplaint: there is none of this reference.
    """
    complaint = find(session, reference)
    people = Names(desk, slack_names)
    talk = Talk.of(session, desk, complaint)
    first = first_message(session, complaint)
    round_ = session.execute(
        select(Round).where(col(Round.complaint_id) == complaint.id).order_by(col(Round.id).desc()).limit(1)
    ).scalar_one_or_none()
    cards = session.execute(
        select(SlackCard.url)  # type: ignore[call-overload]
        .join(Review, col(Review.id) == col(SlackCard.review_id))
        .join(Round, col(Round.id) == col(Review.round_id))
        .where(
            col(Round.complaint_id) == complaint.id,
            col(Review.state) == ReviewState.OPEN,
            col(SlackCard.ts).is_not(None),
            col(SlackCard.url).is_not(None),
        )
        .order_by(col(Review.id))
    ).scalars()
    return CaseSeen(
        reference=complaint.reference,
        state=complaint.state.value,
        severity=complaint.severity.value if complaint.severity else None,
        kind=complaint.kind.value if complaint.kind else None,
        category=complaint.category.value if complaint.category else None,
        risks=tuple(complaint.risks),
        channel=complaint.channel,
        owner=people.of(complaint.owner),
        opened_at=complaint.opened_at,
        answer_by=complaint.answer_by,
        late=is_late(complaint, desk.now()),
        excerpt=talk.excerpt(first),
        gates=gates_of_round(session, round_, people) if round_ is not None else (),
        cards=tuple(cards),
        timeline_url=timeline_url(desk, complaint) if round_ is not None and round_.escalated else None,
        held_why=complaint.held_why,
        masked=first.masked_at is not None,
    )


def said(message: Message) -> str:
    """What a message says, its subject first."""
    subject = (message.subject or "").strip()
    return f"{subject}\n\n{message.text}" if subject else message.text


# Who complains


@dataclass(frozen=True)
class Talk:
    """What must be covered in the words of one complaint."""

    desk: Desk
    secrets: tuple[str, ...]
    reveal: bool

    @classmethod
    def of(cls, session: Session, desk: Desk, complaint: Complaint, *, reveal: bool = False) -> "Talk":
        """Everybody who wrote, by every name that is known of them."""
        people = session.execute(
            select(Identity)
            .join(Message, col(Message.identity_id) == col(Identity.id))
            .where(col(Message.complaint_id) == complaint.id)
            .distinct()
        ).scalars()
        named = {word for one in people for word in (one.name, one.handle, one.email, one.phone) if word}
        person = session.get(Complainant, complaint.complainant_id) if complaint.complainant_id else None
        if person is not None and person.name:
            named.add(person.name)
        return cls(desk, tuple(sorted(named, key=len, reverse=True)), reveal)

    @property
    def names_somebody(self) -> bool:
        """Whether there is a name to reveal."""
        return bool(self.secrets)

    def cover(self, text: str) -> str:
        """The text as it may be shown."""
        return text if self.reveal else mask(text, self.desk.policy.company, self.secrets)

    def excerpt(self, message: Message) -> str:
        """How a message begins, on one line."""
        line = " ".join(self.cover(said(message)[: 10 * EXCERPT]).split())
        return f"{line[: EXCERPT - 1]}…" if len(line) > EXCERPT else line


def author_of(session: Session, desk: Desk, complaint: Complaint, talk: Talk) -> AuthorSeen:
    """Who complains, with reach and history with us."""
    first = session.get_one(Message, complaint.first_message_id)
    identity = session.get(Identity, first.identity_id) if first.identity_id else None
    reach = reach_of(session, complaint)
    before = _earlier(session, complaint)
    return AuthorSeen(
        name=name_of(identity, reveal=talk.reveal),
        followers=reach.followers,
        verified=reach.verified,
        tier=identity.tier if identity else None,
        views=reach.views,
        complaints_before=len(before),
        answered_before=sum(one.responded_at is not None for one in before),
        unhappy_before=_unhappy(session, desk, [one.id for one in before]),
    )


def name_of(identity: Identity | None, *, reveal: bool) -> str:
    """`@bu•••`: enough to tell two people apart in one talk, too little to find them; empty where nobody is known."""
    if identity is None:
        return ""
    handle = (identity.handle or "").lstrip("@")
    if reveal:
        known = [f"@{handle}" if handle else "", identity.name or "", identity.email or "", identity.phone or ""]
        return " · ".join(dict.fromkeys(word for word in known if word)) or identity.external_id
    called = handle or identity.name or identity.email or identity.external_id
    return f"{'@' if handle else ''}{called[:2]}{LEFT_OPEN}"


def _earlier(session: Session, complaint: Complaint) -> Sequence[Complaint]:
    """What the same person complained of before: by account, e-mail address or telephone number."""
    if complaint.complainant_id is None:
        return ()
    author, other = aliased(Identity), aliased(Identity)
    people = (
        select(other.complainant_id)  # type: ignore[call-overload]
        .join(author, same(author, other))
        .where(col(author.complainant_id) == complaint.complainant_id)
    )
    found = session.execute(
        select(Complaint).where(
            col(Complaint.complainant_id).in_(people),
            col(Complaint.id) < complaint.id,
            col(Complaint.kind) == Kind.COMPLAINT,
            col(Complaint.state).not_in(NEVER_WAS_ONE),
        )
    )
    return list(found.scalars())


def _unhappy(session: Session, desk: Desk, numbers: Sequence[int]) -> int:
    up_to = desk.policy.follow_up.survey.unhappy_up_to
    count: int = session.execute(
        select(func.count())
        .select_from(FollowUp)
        .where(col(FollowUp.complaint_id).in_(numbers), col(FollowUp.score) <= up_to)
    ).scalar_one()
    return count
