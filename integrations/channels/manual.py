"""A platform that takes no answer from a program, or not yet: a named person posts what the gates approved."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from db.words import Visibility
from integrations.channels.base import (
    NO_PRIVATE_WAY,
    Certainty,
    Limited,
    Never,
    Outgoing,
    Page,
    Reachable,
    Sent,
    Target,
    within_window,
)


class ManualChannel(Limited):
    """Carries nothing itself; says so to whoever asks it to."""

    certainty = Certainty.NEITHER
    manual = True

    def __init__(
        self, name: str, account: str = "default", *, window: timedelta | None = None, private_talk: bool = True
    ) -> None:
        self.name = name
        self.account = account
        self._window = window
        self._private_talk = private_talk

    def fetch(self, cursor: str | None) -> Iterator[Page]:
        """Nothing: its messages come in through import."""
        return iter(())

    def reply(self, out: Outgoing) -> Sent:
        """Raises Never: a person posts this one."""
        raise Never(
            f"a person posts this one on {self.name}: post the approved text, then tell with `tanggap posted"
            f" {out.reference} URL`"
        )

    def message_privately(self, out: Outgoing) -> Sent:
        """Raises Never: a person sends this one."""
        return self.reply(out)

    def can_reply(self, target: Target, visibility: Visibility, now: datetime) -> Reachable:
        """Within the platform's window, where it has one, and in private where it has a private way."""
        if visibility is Visibility.PRIVATE and not self._private_talk:
            return NO_PRIVATE_WAY
        return within_window(target, self._window, now)

    def find_own(self, out: Outgoing) -> Sent | None:
        """None: nobody but the person knows."""
        return None
