"""What people write beside a card: notes on the complaint, never a word to the customer; 📝 makes a draft of one."""

from collections.abc import Mapping
from typing import Any

from slack_bolt import Ack, App
from sqlalchemy import select
from sqlmodel import Session, col

from db.tables import Note, Review, Round, SlackCard
from desk.slack.door import Door
from desk.slack.hands import Hands
from desk.slack.payloads import Body, channel_of, team_of, user_of
from desk.slack.receipts import Act, write_down
from desk.slack.telling import tell_refusal
from integrations.slack.text import unescape
from tasks.refusals import Refused

MEMO = frozenset({"memo", "pencil"})
PROPOSE = "propose_draft"
"""The callback of the message shortcut in slack-manifest.yaml."""
PLAIN_MESSAGES = frozenset({None, "thread_broadcast", "file_share", "me_message"})


def listen(app: App, door: Door, hands: Hands) -> None:
    """Hear threads, reactions and the shortcut."""

    @app.event("message")
    def written(ack: Ack, body: dict[str, Any], event: dict[str, Any]) -> None:
        act = _note_act(door, body, event)
        if act is not None and write_down(door.desk, act):
            hands.steadily(act)
        ack()

    @app.event("reaction_added")
    def marked(ack: Ack, body: dict[str, Any], event: dict[str, Any]) -> None:
        act = _marked_act(door, body, event)
        if act is not None and write_down(door.desk, act):
            hands.steadily(act)
        ack()

    @app.shortcut(PROPOSE)
    def proposed(ack: Ack, body: dict[str, Any]) -> None:
        act, why = _shortcut_act(door, body)
        new = why is None and write_down(door.desk, act)
        ack()
        if why is not None:
            hands.quickly(lambda: tell_refusal(door, act, why))
        elif new:
            hands.steadily(act)


def card_at(session: Session, channel: str, ts: str) -> SlackCard | None:
    """The card that stands there."""
    return session.execute(
        select(SlackCard).where(col(SlackCard.channel) == channel, col(SlackCard.ts) == ts)
    ).scalar_one_or_none()


def _note_act(door: Door, body: Body, event: Body) -> Act | None:
    """A note, its edit or its removal; None for what is no person's word in a card's thread."""
    kind, said = "note", event
    match event.get("subtype"):
        case "message_changed":
            kind, said = "note_edited", event.get("message") or {}
            if said.get("text") == (event.get("previous_message") or {}).get("text"):
                return None  # Slack tells of unfurls and reactions this way too.
            if said.get("subtype") == "tombstone":
                kind = "note_removed"
        case "message_deleted":
            kind, said = "note_removed", event.get("previous_message") or {}
        case subtype if subtype not in PLAIN_MESSAGES:
            return None
    thread, ts, user = said.get("thread_ts"), str(said.get("ts") or event.get("deleted_ts") or ""), said.get("user")
    channel = str(event.get("channel") or "")
    if thread is None or thread == ts or user is None or said.get("bot_id") is not None:
        return None
    with door.desk.transaction() as session:
        card = card_at(session, channel, str(thread))
        if card is None:
            return None
        review = card.review_id
    return Act(
        key=f"event:{body.get('event_id')}",
        kind=kind,
        user=str(user),
        team=str(said.get("team") or event.get("team") or body.get("team_id") or ""),
        review=review,
        text=_words(said),
        channel=channel,
        ts=ts,
        thread=str(thread),
    )


def _words(said: Body) -> str:
    """What was typed, as plain words; files by name, since nothing of them is taken."""
    files = "".join(f"\n[{file.get('name') or file.get('id')}]" for file in said.get("files") or ())
    return f"{unescape(str(said.get('text') or '')).text}{files}".strip()


def _marked_act(door: Door, body: Body, event: Body) -> Act | None:
    """📝 on a note in a card's thread."""
    item = event.get("item")
    if event.get("reaction") not in MEMO or not isinstance(item, Mapping) or item.get("type") != "message":
        return None
    channel, ts = str(item.get("channel") or ""), str(item.get("ts") or "")
    with door.desk.transaction() as session:
        note = session.execute(select(Note).where(col(Note.source) == f"{channel}:{ts}")).scalar_one_or_none()
        if note is None or note.removed_at is not None:
            return None
        review = _newest_review(session, note.complaint_id, channel)
    if review is None:
        return None
    return Act(
        key=f"event:{body.get('event_id')}",
        kind="propose",
        user=str(event.get("user") or ""),
        team=str(body.get("team_id") or ""),
        review=review,
        text=note.text,
        words_of=door.desk.policy.slack.user_of(note.by),
        channel=channel,
        ts=ts,
    )


def _newest_review(session: Session, complaint_id: int, channel: str) -> int | None:
    """The complaint's newest review whose card stands in this channel."""
    return session.execute(
        select(Review.id)  # type: ignore[call-overload]
        .join(Round, col(Round.id) == col(Review.round_id))
        .join(SlackCard, col(SlackCard.review_id) == col(Review.id))
        .where(col(Round.complaint_id) == complaint_id, col(SlackCard.channel) == channel)
        .order_by(col(Review.id).desc())
        .limit(1)
    ).scalar_one_or_none()


def _shortcut_act(door: Door, body: Body) -> tuple[Act, Refused | None]:
    """The chosen message as a proposal, and why it can be none."""
    message = body.get("message") or {}
    channel, thread = channel_of(body) or "", message.get("thread_ts")
    found = unescape(str(message.get("text") or ""))
    with door.desk.transaction() as session:
        card = card_at(session, channel, str(thread)) if thread else None
        review = card.review_id if card else None
    act = Act(
        key=f"shortcut:{user_of(body)}:{body.get('action_ts') or body.get('trigger_id')}",
        kind="propose",
        user=user_of(body),
        team=team_of(body),
        review=review,
        text=found.text,
        words_of=message.get("user"),
        channel=channel,
        thread=str(thread) if thread else None,
    )
    if review is None or message.get("bot_id") is not None:
        return act, Refused("no_such_review", "Only a colleague's message in a card's thread can become a draft.")
    return act, None
