"""The company's own pages on the gateway: the public board and each complaint's private tracking page."""

from collections.abc import Iterator
from datetime import UTC, datetime

from sqlalchemy import Engine
from sqlalchemy.exc import InterfaceError, OperationalError

from db.clock import Clock
from db.session import transaction
from db.tables.web import WebPost
from db.web import add_post, post_by_key
from db.words import Visibility
from integrations.channels.base import Certainty, Limited, Outgoing, Page, Reachable, Sent, Target, TryAgain


class WebChannel(Limited):
    """Posts by writing the row that the pages are drawn from; its key makes a second try harmless."""

    certainty = Certainty.IDEMPOTENT
    manual = False

    def __init__(self, engine: Engine, *, clock: Clock, name: str = "web", account: str = "default") -> None:
        self.name = name
        self.account = account
        self._engine = engine
        self._clock = clock

    def fetch(self, cursor: str | None) -> Iterator[Page]:
        """Nothing: the gateway stores what its form takes at once."""
        return iter(())

    def reply(self, out: Outgoing) -> Sent:
        """Put the text on the complaint's page, once for its key.

        Raises TryAgain where the database cannot be reached, also at the commit: the key makes that safe.
        """
        post = WebPost(
            key=out.key,
            complaint_reference=out.reference,
            target=out.target.external_id,
            visibility=out.visibility,
            kind=out.kind,
            text=out.text,
            url=out.target.url,
            posted_at=self._clock.now(),
        )
        try:
            with transaction(self._engine) as session:
                return _sent(add_post(session, post))
        except (OperationalError, InterfaceError) as error:
            raise TryAgain("the desk's database cannot be reached; see `tanggap doctor`") from error

    def message_privately(self, out: Outgoing) -> Sent:
        """The same: a private post stands on the tracking page only."""
        return self.reply(out)

    def can_reply(self, target: Target, visibility: Visibility, now: datetime) -> Reachable:
        """Always: the pages are ours."""
        return Reachable(ok=True)

    def find_own(self, out: Outgoing) -> Sent | None:
        """Where the text of this key stands."""
        try:
            with transaction(self._engine) as session:
                post = post_by_key(session, out.key)
                return _sent(post) if post else None
        except (OperationalError, InterfaceError) as error:
            raise TryAgain("the desk's database cannot be reached; see `tanggap doctor`") from error


def _sent(post: WebPost) -> Sent:
    return Sent(f"web-{post.id}", post.url, post.posted_at.astimezone(UTC))
