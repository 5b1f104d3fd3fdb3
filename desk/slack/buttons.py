"""The buttons of a card: what is decided is written down, what only shows opens a modal."""

from collections.abc import Callable
from typing import Any

from slack_bolt import Ack, App
from sqlalchemy import select
from sqlmodel import col

from db import trail
from db.complaints import lock
from db.tables import Complaint, Review, Round
from db.words import Verdict
from desk.slack.door import Door
from desk.slack.hands import Hands
from desk.slack.payloads import Body, channel_of, team_of, thread_of, user_of
from desk.slack.receipts import Act, write_down
from desk.slack.telling import refusal_in, tell_refusal
from integrations.slack.card import parse_value
from integrations.slack.errors import SlackTrouble
from integrations.slack.modals import (
    approve_modal,
    edit_modal,
    reason_modal,
    refusal_modal,
    skeleton,
    text_modal,
    timeline_modal,
)
from integrations.slack.showing import Card, Language
from tasks.card_facts import card_of
from tasks.case_facts import messages_of_case, timeline_of
from tasks.decide import must_be_able
from tasks.refusals import Decision, Refused

View = dict[str, Any]
ASKED_FOR = "the window asks for it"
"""In the place of a reason, where it is only asked whether somebody might decide."""


def listen(app: App, door: Door, hands: Hands) -> None:
    """Hear the buttons."""

    @app.action("approve")
    def approve(ack: Ack, body: dict[str, Any]) -> None:
        review, sha256 = _pressed(body)
        if needs_typed_word(door, review):
            ack()
            hands.quickly(lambda: _open(door, body, "approve", _approve))
        else:
            _keep(ack, door, hands, body, "approve", review, sha256)

    @app.action("take_over")
    def take_over(ack: Ack, body: dict[str, Any]) -> None:
        review, sha256 = _pressed(body)
        _keep(ack, door, hands, body, "take_over", review, sha256)

    def opens(action: str, fill: Callable[[Door, Body, Card], View]) -> None:
        @app.action(action)
        def opened(ack: Ack, body: dict[str, Any]) -> None:
            ack()
            hands.quickly(lambda: _open(door, body, action, fill))

    opens("edit", _edit)
    opens("write", _write)
    opens("changes", _changes)
    opens("reject", _reject)
    opens("full_text", _full_text)
    opens("timeline", _timeline)
    opens("reveal", _reveal)


def needs_typed_word(door: Door, review_id: int) -> bool:
    """Whether this review's approval is typed."""
    slack = door.desk.policy.slack
    if not (slack.confirm.gates or slack.confirm.severities):
        return False
    with door.desk.transaction() as session:
        found = session.execute(
            select(Review.gate, Complaint.severity)  # type: ignore[call-overload]
            .join(Round, col(Round.id) == col(Review.round_id))
            .outerjoin(Complaint, col(Complaint.id) == col(Round.complaint_id))
            .where(col(Review.id) == review_id)
        ).first()
    return found is not None and slack.needs_typed_word(found[0], found[1])


def _pressed(body: Body) -> tuple[int, str]:
    """The review and the hash that a button carries; a value that is not ours is no review."""
    return parse_value(str(body["actions"][0].get("value") or "")) or (0, "")


def _keep(ack: Ack, door: Door, hands: Hands, body: Body, kind: str, review: int, sha256: str) -> None:
    action = body["actions"][0]
    act = Act(
        key=f"click:{user_of(body)}:{action.get('action_ts') or body.get('trigger_id')}:{kind}:{review}",
        kind=kind,
        user=user_of(body),
        team=team_of(body),
        review=review,
        sha256=sha256,
        channel=channel_of(body),
        thread=thread_of(body),
    )
    new = write_down(door.desk, act)
    ack()
    if new:
        hands.steadily(act)


def _open(door: Door, body: Body, title: str, fill: Callable[[Door, Body, Card], View]) -> None:
    """Open an empty modal at once, then fill it: a trigger lives three seconds, and reading may take longer."""
    user = user_of(body)
    language = door.language_of(user)
    try:
        view = door.slack.open_view(str(body["trigger_id"]), skeleton(title, language))
    except SlackTrouble:
        refused = Refused("too_slow", "Slack waited too long for the window. Click again.")
        tell_refusal(door, _nobody_waits(body), refused)
        return
    door.slack.update_view(view, _filled(door, body, fill, language))


def _filled(door: Door, body: Body, fill: Callable[[Door, Body, Card], View], language: Language) -> View:
    review, sha256 = _pressed(body)
    try:
        by = door.somebody(user_of(body), team_of(body))
        if fill in DECIDING:
            decision = Decision(by, DECIDING[fill], note=ASKED_FOR, sha256=sha256)
            must_be_able(door.desk, review, decision, editing=fill is _edit)
        return fill(door, body, _card(door, review, language))
    except Refused as refused:
        return refusal_modal(refusal_in(door, refused, language), language)


def _card(door: Door, review: int, language: Language, *, reveal: bool = False) -> Card:
    with door.desk.transaction() as session:
        if session.get(Review, review) is None:
            raise Refused("not_open", "There is no such review.")
        return card_of(session, door.desk, review, language=language, reveal=reveal)


def _approve(door: Door, body: Body, card: Card) -> View:
    return approve_modal(card)


def _edit(door: Door, body: Body, card: Card) -> View:
    return edit_modal(card, writing=False)


def _write(door: Door, body: Body, card: Card) -> View:
    return edit_modal(card, writing=True)


def _changes(door: Door, body: Body, card: Card) -> View:
    return reason_modal(card, "changes")


def _reject(door: Door, body: Body, card: Card) -> View:
    return reason_modal(card, "reject")


DECIDING = {_approve: Verdict.APPROVE, _edit: Verdict.CHANGES, _changes: Verdict.CHANGES, _reject: Verdict.REJECT}
"""Windows for those alone who may decide, while the review is open, about the words that stand on the card."""


def _full_text(door: Door, body: Body, card: Card) -> View:
    with door.desk.transaction() as session:
        messages = messages_of_case(session, door.desk, card.reference)
    return text_modal(card, messages, card.draft)


def _timeline(door: Door, body: Body, card: Card) -> View:
    with door.desk.transaction() as session:
        lines = timeline_of(session, door.desk, card.reference)
    return timeline_modal(card.reference, lines, card.language)


def _reveal(door: Door, body: Body, card: Card) -> View:
    """Everything uncovered, for the one who asked, and written down that they did."""
    by = door.somebody(user_of(body), team_of(body))
    with door.desk.transaction() as session:
        review = session.get_one(Review, card.review)
        round_ = session.get_one(Round, review.round_id)
        if round_.complaint_id is not None:
            complaint = lock(session, round_.complaint_id)
            trail.append(session, complaint, "revealed", by=by, at=door.desk.now(), review=card.review)
    with door.desk.transaction() as session:
        messages = messages_of_case(session, door.desk, card.reference, reveal=True)
    shown = _card(door, card.review, card.language, reveal=True)
    return text_modal(shown, messages, shown.draft, revealed=True)


def _nobody_waits(body: Body) -> Act:
    return Act(
        key="", kind="click", user=user_of(body), team=team_of(body), channel=channel_of(body), thread=thread_of(body)
    )
