"""A channel that the settings leave unfinished: it says what is missing, and does not stop the others."""

from collections.abc import Iterator
from datetime import datetime

from db.words import Visibility
from integrations.channels.base import (
    Asked,
    Certainty,
    Checked,
    Heard,
    Limited,
    Outgoing,
    Page,
    Reachable,
    Sent,
    Target,
    TryAgain,
)


class UnsetChannel(Limited):
    """Sends nothing until its settings are there; what waits for it is tried again then."""

    certainty = Certainty.NEITHER
    manual = False

    def __init__(self, name: str, account: str, missing: str) -> None:
        self.name = name
        self.account = account
        self.missing = missing
        """What is missing and how to mend it."""

    def fetch(self, cursor: str | None) -> Iterator[Page]:
        """Nothing."""
        return iter(())

    def reply(self, out: Outgoing) -> Sent:
        """Raises TryAgain with what is missing."""
        raise TryAgain(self.missing)

    def message_privately(self, out: Outgoing) -> Sent:
        """Raises TryAgain with what is missing."""
        raise TryAgain(self.missing)

    def can_reply(self, target: Target, visibility: Visibility, now: datetime) -> Reachable:
        """Not before its settings are there."""
        return Reachable(ok=False, why=self.missing)

    def find_own(self, out: Outgoing) -> Sent | None:
        """Raises TryAgain: nobody can be asked."""
        raise TryAgain(self.missing)

    def hear(self, asked: Asked) -> Heard:
        """Nothing can be believed before its secrets are there; the platform comes again."""
        return Heard.refuse("not set up", 503)

    def check(self) -> Checked:
        """What is missing."""
        return Checked(False, self.missing)
