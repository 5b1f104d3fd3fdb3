"""Reads what stands on a private tracking page."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlmodel import Session, col

from db.complaints import by_token, messages_of
from db.tables import Complainant, Complaint, Direction, FollowUp, Identity, Message, WebPost
from db.web import posts_on_page
from db.words import DeliveryKind, Kind, State, Visibility
from desk.gateway.board import Standing, standing_of
from desk.gateway.rules import WebRules
from desk.gateway.states import promised, state_name
from tasks.reopen import current

CHANNEL = "web"
ACCOUNT = "default"
_MAY_YET_BE_ACKNOWLEDGED = frozenset({State.NEW, State.ASSESSED, State.DRAFTING, State.IN_REVIEW, State.APPROVED})


@dataclass(frozen=True)
class Line:
    """One text of the talk, ours or the complainant's."""

    text: str
    at: datetime
    public: bool
    kind: DeliveryKind | None = None
    """Set where it is ours."""
    masked: bool = False
    """They took it down, and our copy was emptied."""


@dataclass(frozen=True)
class Talk:
    """A complaint as its author sees it.

    `here`: they wrote on these pages, so the talk is here; else only the survey is. `waiting`: the acknowledgement is
    about to come. `survey`: one may be answered. `asked`: we asked for public words. `told`: they wrote some.
    """

    id: int
    reference: str
    token: str
    state: str
    promised: datetime | None
    late: bool
    here: bool
    fresh: bool
    waiting: bool
    lines: list[Line]
    survey: bool
    answered: bool
    asked: bool
    told: bool
    refused: bool
    may_refuse: bool
    board: Standing
    on_board: bool
    closed: bool
    first: str
    author: str | None


def read_talk(session: Session, token: str, now: datetime, rules: WebRules) -> Talk | None:
    """The talk behind a token; None where there is none."""
    complaint = by_token(session, token)
    if complaint is None or complaint.first_message_id is None:
        return None
    first = session.get_one(Message, complaint.first_message_id)
    here = complaint.channel == CHANNEL
    said = _said(session, complaint, first) if here else []
    posts = posts_on_page(session, [complaint.reference]) if here else []
    lines = [
        Line(
            message.text,
            message.posted_at,
            message.visibility is Visibility.PUBLIC,
            masked=message.masked_at is not None,
        )
        for message in said
    ]
    lines += [Line(post.text, post.posted_at, post.visibility is Visibility.PUBLIC, post.kind) for post in posts]
    follow_up = current(session, complaint.id)
    person = session.get(Complainant, complaint.complainant_id) if complaint.complainant_id else None
    identity = session.get(Identity, first.identity_id) if first.identity_id else None
    promise = promised(complaint)
    return Talk(
        id=complaint.id,
        reference=complaint.reference,
        token=token,
        state=state_name(complaint),
        promised=promise,
        late=promise is not None and promise < now,
        here=here,
        fresh=complaint.responded_at is None and now - complaint.opened_at < rules.fresh_for,
        waiting=here and _awaits_acknowledgement(complaint, posts, now, rules),
        lines=sorted(lines, key=lambda line: line.at),
        survey=_survey_open(complaint, follow_up, posts),
        answered=follow_up is not None and follow_up.score is not None,
        asked=here and any(post.kind is DeliveryKind.ASK for post in posts),
        told=any(message.id != first.id and message.visibility is Visibility.PUBLIC for message in said),
        refused=person is not None and person.refused_asks,
        may_refuse=person is not None and complaint.state in (State.RESOLVED, State.CLOSED),
        board=standing_of(session, complaint, first),
        on_board=complaint.on_board,
        closed=complaint.state in (State.RESOLVED, State.CLOSED),
        first=first.external_id,
        author=identity.external_id if identity else None,
    )


def _said(session: Session, complaint: Complaint, first: Message) -> list[Message]:
    """What the author wrote. After a merge their later messages belong to the other complaint, and still show here."""
    own = messages_of(session, complaint.id, Direction.IN)
    elsewhere = session.execute(
        select(Message).where(
            col(Message.channel) == first.channel,
            col(Message.account) == first.account,
            col(Message.in_reply_to) == first.external_id,
            col(Message.direction) == Direction.IN,
            col(Message.complaint_id) != complaint.id,
        )
    ).scalars()
    return [*own, *elsewhere]


def _awaits_acknowledgement(complaint: Complaint, posts: list[WebPost], now: datetime, rules: WebRules) -> bool:
    """A question's comes later, if at all; whatever is only noted gets none."""
    if posts or now - complaint.opened_at >= rules.waits_for_acknowledgement:
        return False
    return complaint.state in _MAY_YET_BE_ACKNOWLEDGED and complaint.kind is not Kind.QUESTION


def _survey_open(complaint: Complaint, follow_up: FollowUp | None, posts: list[WebPost]) -> bool:
    """On these pages once it stands here; from elsewhere, its link brought them."""
    if follow_up is None or follow_up.score is not None or complaint.state not in (State.RESOLVED, State.CLOSED):
        return False
    if complaint.channel == CHANNEL:
        since = complaint.resolved_at
        return any(post.kind is DeliveryKind.SURVEY and (since is None or post.posted_at >= since) for post in posts)
    return follow_up.survey_sent_at is not None
