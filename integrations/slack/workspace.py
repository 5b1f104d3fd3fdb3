"""Who is who in the workspace: users remembered for seconds, so that a crowd of clicks asks Slack once."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from integrations.slack.client import Slack
from integrations.slack.errors import NeedsPerson, SlackTrouble

REMEMBERED = 30.0
"""Seconds; a change that Slack tells (`user_change`) is taken at once."""
MOST = 10_000
"""Users remembered; beyond it all are asked for anew."""


@dataclass(frozen=True)
class SlackUser:
    """A user as Slack describes them."""

    id: str
    team: str
    name: str
    gone: bool
    """They left the workspace."""
    bot: bool
    guest: bool
    stranger: bool
    """From another workspace, through a shared channel."""
    locale: str | None

    @property
    def language(self) -> str | None:
        """`id` or `en` by the language they set in Slack; None where that says nothing.

        Slack has no Indonesian interface, so whoever reads Indonesian has it in English, too.
        """
        locale = (self.locale or "en").lower()
        return "id" if locale.startswith(("id", "in-")) else None if locale.startswith("en") else "en"


class Workspace:
    """The people of one workspace."""

    def __init__(self, slack: Slack, now: Callable[[], float] = time.monotonic) -> None:
        self.slack = slack
        self._now = now
        self._users: dict[str, tuple[float, SlackUser]] = {}
        self._asked: dict[str, Future[SlackUser | None]] = {}
        """Questions on their way: whoever wants to know the same waits for the same answer."""
        self._team: str | None = None
        self._lock = threading.Lock()

    @property
    def team(self) -> str:
        """The workspace's id."""
        if self._team is None:
            self._team = self.slack.ourselves().team
        return self._team

    def user(self, user: str) -> SlackUser | None:
        """A user; None where the workspace has none of this id.

        Raises:
            SlackTrouble: Slack cannot say.
        """
        with self._lock:
            kept = self._users.get(user)
            if kept is not None and self._now() - kept[0] < REMEMBERED:
                return kept[1]
            asked = self._asked.get(user)
            first = asked is None
            if asked is None:
                asked = self._asked[user] = Future()
        if first:
            self._ask(user, asked)
        return asked.result()

    def _ask(self, user: str, answer: "Future[SlackUser | None]") -> None:
        found, trouble = None, None
        try:
            found = self._read(user)
        except BaseException as error:
            trouble = error
        with self._lock:
            if self._asked.get(user) is answer:  # else Slack told meanwhile that this user changed
                del self._asked[user]
                if found is not None:
                    if len(self._users) >= MOST:
                        self._users.clear()
                    self._users[user] = (self._now(), found)
        if trouble is not None:
            answer.set_exception(trouble)
        else:
            answer.set_result(found)

    def _read(self, user: str) -> SlackUser | None:
        try:
            return read_user(self.slack.user(user), self.team)
        except NeedsPerson as error:
            if error.why in ("user_not_found", "user_not_visible", "users_not_found"):
                return None
            raise

    def language_of(self, user: str) -> str | None:
        """In which language somebody reads Slack; None where Slack does not tell or does not answer."""
        try:
            found = self.user(user)
        except SlackTrouble:
            return None
        return found.language if found else None

    def forget(self, user: str) -> None:
        """Ask Slack anew about this user."""
        with self._lock:
            self._users.pop(user, None)
            self._asked.pop(user, None)


def read_user(found: dict[str, Any], team: str) -> SlackUser:
    """A user out of `users.info`."""
    profile = found.get("profile") or {}
    home = str(found.get("team_id") or (found.get("enterprise_user") or {}).get("team_id") or "")
    return SlackUser(
        id=str(found["id"]),
        team=home,
        name=str(profile.get("display_name") or profile.get("real_name") or found.get("name") or found["id"]),
        gone=bool(found.get("deleted")),
        bot=bool(found.get("is_bot") or found.get("is_workflow_bot") or found["id"] == "USLACKBOT"),
        guest=bool(found.get("is_restricted") or found.get("is_ultra_restricted")),
        stranger=bool(found.get("is_stranger"))
        or (home != "" and home != team and not _of_the_enterprise(found, team)),
        locale=found.get("locale"),
    )


def _of_the_enterprise(found: dict[str, Any], team: str) -> bool:
    """In an Enterprise Grid a colleague's home may be another workspace of the same company."""
    return team in ((found.get("enterprise_user") or {}).get("teams") or ())
