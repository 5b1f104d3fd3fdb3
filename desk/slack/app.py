"""Bolt's app with everything that is heard: signatures checked, each act written down, answered, then done."""

import logging
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from slack_bolt import Ack, App, BoltResponse
from slack_bolt.authorization import AuthorizeResult

from desk.slack import buttons, changes, home, links, threads, windows
from desk.slack.door import Door
from desk.slack.hands import Hands
from desk.slack.payloads import Body
from desk.slack.receipts import Act, done, write_down
from integrations.slack.client import Ourselves
from integrations.slack.errors import SlackTrouble

log = logging.getLogger("tanggap.slack")

COMMAND = "/tanggap"
SELF_TEST = "self_test"
"""The action of the click by which `tanggap doctor` proves that clicks get through."""
LISTENERS = 10
"""Threads that write acts down and answer; as many as the desk has connections."""
ANYTHING = re.compile(".*")


def make_app(door: Door, hands: Hands, signing_secret: str | None) -> App:
    """Bolt's app. Without a signing secret it takes what Socket Mode brings, which Slack has authenticated."""
    app = App(
        logger=log,
        signing_secret=signing_secret or "socket mode",
        request_verification_enabled=signing_secret is not None,
        client=door.slack.web,
        authorize=_authorize(door),
        token_verification_enabled=False,
        listener_executor=ThreadPoolExecutor(LISTENERS, thread_name_prefix="slack-listener"),
    )
    for part in (buttons, windows, threads, home, links, changes):
        part.listen(app, door, hands)
    _commands(app, door, hands)
    _self_test(app, door)
    _whatever_else(app)
    return app


def _authorize(door: Door) -> Callable[..., AuthorizeResult]:
    """Who we are; asked of Slack once, and not in the way of a click while Slack is away."""
    known: list[Ourselves] = []

    def authorize(enterprise_id: str | None, team_id: str | None) -> AuthorizeResult:
        if not known:
            try:
                known.append(door.slack.ourselves())
            except SlackTrouble as error:
                log.warning("Slack does not tell who we are: %s", error)
        ours = known[0] if known else None
        return AuthorizeResult(
            enterprise_id=enterprise_id,
            team_id=team_id,
            bot_token=door.slack.web.token,
            bot_id=ours.bot if ours else None,
            bot_user_id=ours.user if ours else None,
        )

    return authorize


def _commands(app: App, door: Door, hands: Hands) -> None:
    @app.command(COMMAND)
    def typed(ack: Ack, body: dict[str, Any]) -> None:
        act = Act(
            key=f"command:{body.get('trigger_id')}",
            kind="command",
            user=str(body.get("user_id") or ""),
            team=str(body.get("team_id") or ""),
            text=str(body.get("text") or ""),
            channel=body.get("channel_id"),
            answer_to=body.get("response_url"),
        )
        new = write_down(door.desk, act)
        ack()
        if new:
            hands.steadily(act)


def _self_test(app: App, door: Door) -> None:
    @app.action(SELF_TEST)
    def tested(ack: Ack, body: dict[str, Any]) -> None:
        nonce = str(body["actions"][0].get("value") or "")
        if nonce.startswith("self-test:") and write_down(door.desk, Act(key=nonce, kind=SELF_TEST, user="", team="")):
            done(door.desk, nonce)
        ack()


def _whatever_else(app: App) -> None:
    """Buttons that only lead elsewhere, and events that nobody asked for: heard, so that Slack does not repeat them."""

    @app.action(ANYTHING)
    def pressed(ack: Ack) -> None:
        ack()

    @app.event(ANYTHING)
    def happened(ack: Ack) -> None:
        ack()

    @app.error
    def went_wrong(error: Exception, body: Body) -> BoltResponse:
        """Not acknowledged, so that Slack repeats the event, or shows the clicker that it did not arrive."""
        log.error("A %s could not be taken: %s", body.get("type") or "command", type(error).__name__)
        return BoltResponse(status=503, body="")
