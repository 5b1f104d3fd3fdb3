"""The calls by which a card comes to stand in Slack: found again, posted, written anew, in plain words at the worst."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from integrations.slack.card import parse_value
from integrations.slack.client import Place, Said, Slack, Standing
from integrations.slack.errors import BadWords, SlackTrouble

log = logging.getLogger("tanggap.slack")

CLOCKS_APART = timedelta(minutes=5)
"""Slack's clock and ours may differ by less than this."""


@dataclass(frozen=True)
class Plan:
    """What is to be done in Slack, worked out before anything is called."""

    review: int
    sha256: str
    complaint: int
    channel: str
    at: Place | None
    """Where it stands; None: it is to be posted."""
    url: str | None
    said: Said
    plain: Callable[[], Said]
    live: bool
    """Whether buttons that decide stand on it."""
    seen: int
    before: int
    """The count of events that was drawn last."""
    asked: int
    lost: int
    unclear_since: datetime | None
    """A try to post it began then, and may have arrived."""
    wanted: bool
    """Whether a new message shall be posted at all: its review is open."""
    scrub: bool
    stands: bool = False
    """The stub is there already, but not all of the thread is emptied."""


def carry_out(slack: Slack, plan: Plan) -> tuple[Place | None, str | None, bool, bool]:
    """Where it stands now, under which address, whether without its blocks, and whether it was found there."""
    if plan.at is None and plan.unclear_since is not None:
        there = _standing_there(slack, plan, plan.unclear_since)
        if there is not None:
            return there, _address(slack, plan, there), False, True
    if plan.at is None and not plan.wanted:
        return None, None, False, False
    at, plain = _said_somehow(slack, plan)
    return at, _address(slack, plan, at), plain, False


def _said_somehow(slack: Slack, plan: Plan) -> tuple[Place, bool]:
    """The card; where Slack refuses its blocks our own words with the buttons, at last a line without any."""
    try:
        return _say(slack, plan.channel, plan.at, plan.said), False
    except BadWords as error:
        log.warning("Slack refuses the blocks of review %d (%s); it stands there in plain words", plan.review, error)
    plain = plan.plain()
    try:
        return _say(slack, plan.channel, plan.at, plain), True
    except BadWords:
        return _say(slack, plan.channel, plan.at, Said(plain.text)), True


def _say(slack: Slack, channel: str, at: Place | None, said: Said) -> Place:
    if at is None:
        return slack.post(channel, said)
    slack.update(at, said)
    return at


def _address(slack: Slack, plan: Plan, at: Place) -> str | None:
    """Its address, asked once; a card without one is as good."""
    if plan.url is not None:
        return plan.url
    try:
        return slack.permalink(at)
    except SlackTrouble:
        return None


def _standing_there(slack: Slack, plan: Plan, since: datetime) -> Place | None:
    """Our message of this review, posted since then."""
    oldest = f"{(since - CLOCKS_APART).timestamp():.6f}"
    ours = (plan.review, plan.sha256)
    return next(
        (Place(plan.channel, one.ts) for one in slack.history(plan.channel, oldest) if card_on(one) == ours), None
    )


def card_on(message: Standing) -> tuple[int, str] | None:
    """The review whose card a message is, with its draft's hash: numbers alone repeat from desk to desk."""
    if message.thread_ts is not None and message.thread_ts != message.ts:
        return None
    elements = (element for block in message.blocks for element in block.get("elements") or ())
    values = (parse_value(str(one.get("value") or "")) for one in elements if isinstance(one, dict))
    return next((found for found in values if found is not None), None)
