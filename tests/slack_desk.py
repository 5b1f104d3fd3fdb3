"""A desk that works in Slack, in a test's hands: its gateway listens, its cards stand in a real Slack server."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from factories import Life
from gateway_site import listening
from slack_proxy import FaultyProxy
from slack_server import CHANNELS, OVER_HTTP, OVER_SOCKET, SIGNING_SECRET, USERS, App, SlackServer, until
from sqlalchemy import func, select
from sqlmodel import col

from db.tables import SlackCard, SlackReceipt
from db.words import Gate
from desk.settings import Settings
from integrations.slack.client import Slack
from tasks.slack_sending import send_due

TURNS = 40


@dataclass
class AtSlack:
    """The desk with its Slack."""

    life: Life
    server: SlackServer
    proxy: FaultyProxy
    slack: Slack

    def show(self) -> None:
        """What the stage `slack` does until nothing is due, a second a turn: one message a second a channel."""
        for _ in range(TURNS):
            sent = send_due(self.life.desk, self.slack)
            self.life.later(seconds=1.1)
            if not (sent.posted or sent.redrawn or sent.said or sent.later):
                return

    def card(self, gate: Gate, place: int = -1) -> dict[str, Any]:
        """A gate's card as it stands in Slack, the newest unless told."""
        channel = CHANNELS[gate.value]
        standing = [card.ts for card in self.rows() if card.channel == channel and card.ts is not None]
        return self.server.message(channel, standing[place])

    def press(self, gate: Gate, person: str, action: str, place: int = -1) -> None:
        """Somebody presses a button of a gate's card, and the desk does what follows."""
        channel = CHANNELS[gate.value]
        self.server.click(channel, self.card(gate, place)["ts"], USERS.get(person, person), action)
        self.settled()

    def window(self, title: str) -> dict[str, Any]:
        """The modal on top, once it is filled and bears this title."""

        def there() -> dict[str, Any] | None:
            view = self.server.modal()
            return view if view and view["title"]["text"] == title and "…" not in said(view["blocks"][:1]) else None

        return until(there)

    def hand_in(self, person: str, **values: Any) -> dict[str, str]:
        """Submit the modal on top, and let the desk do what follows; what it says against each field."""
        errors = self.server.submit(USERS[person], values)
        self.settled()
        return errors

    def settled(self) -> None:
        """Wait until everything that was written down is done."""
        until(lambda: self._undone() == 0)

    def _undone(self) -> int:
        with self.life.desk.transaction() as session:
            query = select(func.count()).select_from(SlackReceipt).where(col(SlackReceipt.done_at).is_(None))
            count: int = session.execute(query).scalar_one()
            return count

    def rows(self) -> list[SlackCard]:
        """The cards as the desk knows them."""
        with self.life.desk.transaction() as session:
            return list(session.execute(select(SlackCard).order_by(col(SlackCard.review_id))).scalars())

    def whispered(self, gate: Gate, person: str) -> str:
        """What only this person reads in a gate's channel."""
        user = USERS.get(person, person)
        return said(until(lambda: self.server.whispers(CHANNELS[gate.value], user)))


@contextmanager
def at_slack(life: Life, server: SlackServer, home: Path, *, app: App = OVER_HTTP, port: int = 0) -> Iterator[AtSlack]:
    """The desk with its gateway open: over HTTP where the app is told its address, else over Socket Mode."""
    proxy = FaultyProxy(server, validating=True).start()
    try:
        socket = app is OVER_SOCKET
        settings = Settings(
            _env_file=None,
            home=home,
            slack_bot_token=app.bot_token,
            slack_app_token=app.app_token if socket else None,
            slack_signing_secret=None if socket else SIGNING_SECRET,
            slack_api_url=proxy.api_url,
        )
        with listening(life.desk, settings=settings, port=port):
            yield AtSlack(life, server, proxy, Slack(app.bot_token, proxy.api_url))
    finally:
        proxy.stop()


def said(shown: Any) -> str:
    """All words of a message, a view, blocks, or several of them."""
    if isinstance(shown, str):
        return shown
    if isinstance(shown, dict):
        return "\n".join(filter(None, (said(value) for key, value in shown.items() if key in WORDS)))
    if isinstance(shown, list):
        return "\n".join(filter(None, map(said, shown)))
    return ""


WORDS = frozenset({"text", "blocks", "elements", "fields", "title", "label", "element", "hint", "placeholder"})
