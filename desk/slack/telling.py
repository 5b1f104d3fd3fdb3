"""Tells one person, and nobody else, what came of what they did in Slack."""

import logging
from datetime import datetime

from slack_sdk.webhook import WebhookClient

from desk.slack.door import Door
from desk.slack.receipts import Act
from integrations.slack.client import SECONDS, Said
from integrations.slack.errors import SlackTrouble
from integrations.slack.modals import refusal_modal, result_modal
from integrations.slack.showing import Language
from integrations.slack.text import escape
from integrations.slack.wording import has, moment, named, say, who
from tasks.people import Mistake
from tasks.refusals import Refused

log = logging.getLogger("tanggap.slack")


def tell(door: Door, act: Act, said: Said) -> None:
    """Answer a command where it was typed, else whisper in the channel, else write to the person.

    What cannot be told is logged: the act itself is done, or refused, and on the timeline.
    """
    try:
        if act.answer_to is not None:
            answer = WebhookClient(act.answer_to, timeout=SECONDS).send(
                text=said.text, blocks=list(said.blocks) or None, response_type="ephemeral", replace_original=False
            )
            if answer.status_code == 200:
                return
        if act.channel is not None:
            try:
                door.slack.whisper(act.channel, act.user, said, thread=act.thread)
            except SlackTrouble:
                door.slack.post(act.user, said)
        else:
            door.slack.post(act.user, said)
    except (SlackTrouble, OSError) as error:
        log.warning("Could not tell %s what came of %s: %s", act.user, act.kind, error)


def tell_result(door: Door, act: Act, key: str, **values: str) -> None:
    """It is done: in the modal that waits for it, else quietly, since the card shows it."""
    if act.view is None:
        return
    language = door.language_of(act.user)
    try:
        door.slack.update_view(act.view, result_modal(say(language, key, **values), language))
    except SlackTrouble as error:
        log.info("The modal of %s is gone: %s", act.kind, error)


def tell_refusal(door: Door, act: Act, refused: Refused | Mistake) -> None:
    """It does not count: why, and what would."""
    language = door.language_of(act.user)
    words = refusal_in(door, refused, language)
    if act.view is not None:
        try:
            door.slack.update_view(act.view, refusal_modal(words, language))
            return
        except SlackTrouble as error:
            log.info("The modal of %s is gone: %s", act.kind, error)
    tell(door, act, Said(words))


def refusal_in(door: Door, refused: Refused | Mistake, language: Language) -> str:
    """A refusal in the reader's language; what has no words of its own there is said as the desk says it."""
    if isinstance(refused, Mistake):
        return escape(str(refused))
    facts = refused.facts
    if refused.why == "not_open" and facts.get("who") and facts.get("verdict") and facts.get("when"):
        return say(
            language,
            "refused_decided",
            verdict=named(language, "verdict", facts["verdict"]),
            who=_called(door, language, facts["who"]),
            when=moment(datetime.fromisoformat(facts["when"])),
        )
    if facts.get("because") == "stands_in":
        return say(language, "refused_stands_in", who=_called(door, language, facts["who"]))
    keys = (f"refused_{refused.why}_{facts.get('because', '')}", f"refused_{refused.why}")
    key = next((key for key in keys if has(language, key)), None)
    return say(language, key) if key is not None else escape(str(refused))


def _called(door: Door, language: Language, person: str) -> str:
    """A colleague as Slack shows them, where the desk knows who they are there."""
    return who(language, door.desk.policy.slack.user_of(person) or person)
