"""A platform in memory, for stories and rehearsals: it behaves like a real one, and nobody outside reads it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from db.clock import Clock
from db.words import Visibility
from integrations.channels.base import Certainty, Limited, Never, Outgoing, Page, Reachable, Sent, Target, within_window


@dataclass(frozen=True)
class Posted:
    """What stands on the sandbox: a text, and when it was put there."""

    out: Outgoing
    sent: Sent


class SandboxChannel(Limited):
    """Keeps what is posted by key, and knows which customer's posts were taken down."""

    certainty = Certainty.IDEMPOTENT
    manual = False

    def __init__(self, name: str, account: str = "default", *, clock: Clock, window: timedelta | None = None) -> None:
        self.name = name
        self.account = account
        self.posts: dict[str, Posted] = {}
        self._clock = clock
        self._window = window
        self._removed: set[str] = set()

    def removed(self, external_id: str) -> None:
        """The customer took their post down: nothing can be said below it any more."""
        self._removed.add(external_id)

    def fetch(self, cursor: str | None) -> Iterator[Page]:
        """Nothing: a story hands its messages in itself."""
        return iter(())

    def reply(self, out: Outgoing) -> Sent:
        """Post it, once for its key. Raises Never below a post that was taken down."""
        return self._post(out)

    def message_privately(self, out: Outgoing) -> Sent:
        """Write to the author, once for its key."""
        return self._post(out)

    def can_reply(self, target: Target, visibility: Visibility, now: datetime) -> Reachable:
        """In public while the post stands, in private always, within the platform's window."""
        if visibility is Visibility.PUBLIC and target.external_id in self._removed:
            return Reachable(ok=False, why="the post was removed by its author")
        return within_window(target, self._window, now)

    def find_own(self, out: Outgoing) -> Sent | None:
        """Where the text of this key stands."""
        posted = self.posts.get(out.key)
        return posted.sent if posted else None

    def _post(self, out: Outgoing) -> Sent:
        posted = self.posts.get(out.key)
        if posted is None:
            reachable = self.can_reply(out.target, out.visibility, self._clock.now())
            if not reachable.ok:
                raise Never(f"{self.name} does not take it: {reachable.why}")
            sent = Sent(f"{self.name}-{len(self.posts) + 1}", None, self._clock.now())
            posted = self.posts[out.key] = Posted(out, sent)
        return posted.sent
