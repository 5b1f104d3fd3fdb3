"""Brings the door in Slack up beside the gateway: over Socket Mode where there is an app token, else over HTTP."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from slack_bolt import App, BoltRequest, BoltResponse
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_sdk import WebClient
from slack_sdk.socket_mode import SocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest

from desk.opening import open_slack
from desk.settings import Settings
from desk.slack.app import make_app
from desk.slack.door import Door
from desk.slack.hands import Hands
from desk.slack.performing import perform
from integrations.slack.workspace import Workspace
from policy.guard import prepare
from tasks.desk import Desk

log = logging.getLogger("tanggap.slack")

PATIENCE = 10
"""Seconds for one call of Slack's when connecting."""
AGAIN = 10.0
"""Seconds between two tries to reach Slack over Socket Mode."""
PING = 2.0
"""Seconds between two signs of life. Only after five that failed does slack_sdk take a cut connection for lost; until
then nothing is heard, and its reader turns in a circle."""


@dataclass(frozen=True)
class Served:
    """The open door, where Slack sends its requests to the gateway."""

    app: App
    hands: Hands

    def answer(self, asked: BoltRequest) -> BoltResponse:
        """What Bolt answers to a request; the desk's work waits while a crowd is answered."""
        with self.hands.answering():
            return self.app.dispatch(asked)


class _Socket(SocketModeHandler):
    """Socket Mode, with the desk's work waiting while a crowd is answered."""

    def __init__(self, app: App, hands: Hands, token: str, web: WebClient) -> None:
        super().__init__(app, token, logger=log, web_client=web, ping_interval=PING)
        self._hands = hands

    def handle(self, client: SocketModeClient, req: SocketModeRequest) -> None:  # type: ignore[override]
        """Answer one request."""
        with self._hands.answering():
            super().handle(client, req)


@contextmanager
def serving(settings: Settings, desk: Desk) -> Iterator[Served | None]:
    """The door, open for as long as the context lasts; None where nothing of Slack comes over HTTP."""
    slack = open_slack(settings)
    if slack is None or (settings.slack_app_token is None and settings.slack_signing_secret is None):
        yield None
        return
    # A reviewer's words are checked while Slack waits, three seconds at most; the first ones must not wait for more.
    prepare(desk.policy.guardrails, desk.policy.company, desk.policy.channels.channels)
    door = Door(desk, slack, Workspace(slack))
    hands = Hands(desk, lambda act: perform(door, act))
    try:
        if settings.slack_app_token is not None:
            app = make_app(door, hands, None)
            web = WebClient(
                token=settings.slack_app_token.get_secret_value(), base_url=settings.slack_api_url, timeout=PATIENCE
            )
            with _connected(_Socket(app, hands, web.token or "", web)):
                yield None
        else:
            assert settings.slack_signing_secret is not None
            yield Served(make_app(door, hands, settings.slack_signing_secret.get_secret_value()), hands)
    finally:
        hands.close()


@contextmanager
def _connected(handler: _Socket) -> Iterator[None]:
    """Connected over Socket Mode, again and again until Slack answers; lost connections are made anew by slack_sdk."""
    stop = threading.Event()

    def connect() -> None:
        while not stop.is_set():
            try:
                handler.connect()  # type: ignore[no-untyped-call]
                return
            except Exception as error:
                log.warning("Socket Mode does not connect (%s); tried again in %g seconds", error, AGAIN)
            stop.wait(AGAIN)

    connecting = threading.Thread(target=connect, name="slack-socket", daemon=True)
    connecting.start()
    try:
        yield
    finally:
        stop.set()
        handler.close()  # type: ignore[no-untyped-call]
