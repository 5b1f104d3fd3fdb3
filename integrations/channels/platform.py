"""What adapters of platforms have in common: settings with secrets, one way to call, errors in the outbox's words."""

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from threading import local
from typing import Any, ClassVar, Generic, TypeVar

import requests
from pydantic import BaseModel, ConfigDict

from db.words import Visibility
from integrations.channels.base import (
    NO_PRIVATE_WAY,
    Certainty,
    ChannelError,
    Limited,
    Never,
    Outgoing,
    Page,
    Reachable,
    Sent,
    Target,
    TryAgain,
    Unknown,
    within_window,
)
from integrations.channels.world import World
from integrations.http import Answer, call, host_of, is_safe, new_session


class AccountSettings(BaseModel):
    """What one account needs. A secret is a `SecretStr`: it comes from the environment, never from the file."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class OfASecret(ValueError):
    """What a validator of `AccountSettings` raises if a secret does not go with the rest: only who has it can tell."""


S = TypeVar("S", bound=AccountSettings)


class Platform(Limited, Generic[S]):
    """One account on one platform, spoken to over HTTP. Safe to use from several threads."""

    settings_type: ClassVar[type[AccountSettings]]
    certainty = Certainty.NEITHER
    manual = False
    listens = True

    def __init__(self, name: str, account: str, settings: S, world: World) -> None:
        self.name = name
        self.account = account
        self.settings = settings
        self.world = world
        self._local = local()

    def fetch(self, cursor: str | None) -> Iterator[Page]:
        """Nothing, unless the platform can be asked."""
        return iter(())

    def reply(self, out: Outgoing) -> Sent:
        """Raises Never: nothing can be said there in public."""
        raise Never(f"nothing can be answered in public on {self.name}", "not_allowed")

    def message_privately(self, out: Outgoing) -> Sent:
        """Raises Never: nobody can be written to."""
        raise Never(f"nobody can be written to privately on {self.name}", "not_allowed")

    def can_reply(self, target: Target, visibility: Visibility, now: datetime) -> Reachable:
        """In public always; in private where there is a way, within the platform's window."""
        if visibility is Visibility.PUBLIC:
            return Reachable(ok=True)
        if not self.world.private_talk:
            return NO_PRIVATE_WAY
        return within_window(target, self.world.window, now)

    def find_own(self, out: Outgoing) -> Sent | None:
        """Raises TryAgain: the platform cannot be asked."""
        raise TryAgain(f"{self.name} cannot tell whether it has the text")

    def credentials(self) -> Mapping[str, Any]:
        """What `requests` needs to be believed there: `headers`, `auth` or `params`."""
        return {}

    def explain(self, answer: Answer, *, safe: bool) -> ChannelError | None:
        """What an answer that is no success means where the platform says more than its status; None: the usual."""
        return None

    def call(
        self,
        method: str,
        url: str,
        *,
        what: str | None = None,
        amount: int = 1,
        expected: frozenset[int] = frozenset(),
        bare: bool = False,
        **request: Any,
    ) -> Answer:
        """Call the platform, within its limits. `what` and `amount` are what the call uses of the account's grant.

        `bare`: without our credentials. Raises TryAgain, LockedOut, Never or Unknown.
        """
        if what is not None:
            self.world.meter.take(what, amount)
        ours = {} if bare else self.credentials()
        for part in ("headers", "params"):
            if part in ours:
                request[part] = {**ours[part], **(request.get(part) or {})}
        if "auth" in ours:
            request["auth"] = ours["auth"]
        return call(
            self.session,
            method,
            url,
            patience=self.world.patience,
            expected=expected,
            explain=self.explain,
            now=self.world.clock.now,
            **request,
        )

    def ask(self, method: str, url: str, **request: Any) -> Any:
        """The same, for the JSON document that is answered.

        Raises TryAgain where a question was not answered in JSON; Unknown where a text was taken, and what came of it
        cannot be read.
        """
        answer = self.call(method, url, **request)
        return self.document(answer, safe=is_safe(method), url=url)

    def document(self, answer: Answer, *, safe: bool, url: str) -> Any:
        """The JSON document in an answer. Raises TryAgain or Unknown, as `ask`."""
        try:
            if answer.whole:
                return json.loads(answer.body)
        except (ValueError, RecursionError):
            pass
        if safe:
            raise TryAgain(f"{host_of(url)} did not answer in JSON, or not to the end")
        raise Unknown(f"{host_of(url)} took the request, but its answer cannot be read: look there for the text")

    @property
    def session(self) -> requests.Session:
        """This thread's connections."""
        if not hasattr(self._local, "session"):
            self._local.session = new_session()
        session: requests.Session = self._local.session
        return session
