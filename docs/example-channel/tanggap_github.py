"""Issues and their comments on GitHub: complaints about an app often begin there.

Reads what changed since the cursor; answers with a comment. GitHub takes no key of ours, but shows what stands there:
after a doubtful try the issue is read back (https://docs.github.com/rest/issues/comments).
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from pydantic import SecretStr

from db.words import Visibility
from integrations.channels.base import (
    NO_PRIVATE_WAY,
    Certainty,
    ChannelError,
    Checked,
    Never,
    Outgoing,
    Page,
    Reachable,
    Seen,
    Sent,
    Target,
    TryAgain,
    Unknown,
)
from integrations.channels.platform import AccountSettings, Platform
from integrations.http import Answer
from integrations.intake.fields import wrong_text
from integrations.intake.text import clean
from integrations.record import Author, Incoming, Item, LeftOut, Unreadable

FIRST_LOOK = timedelta(days=7)
"""How far back the first look goes."""
AT_ONCE = 100
"""Issues, or comments, that one question asks for: the most that GitHub gives."""
GHOST = {"id": 10137, "login": "ghost", "type": "User"}
"""Under whose name GitHub shows what somebody wrote who has left; its API then says `null`."""


class GitHubSettings(AccountSettings):
    """One repository, and the account that answers there."""

    repository: str
    """`owner/name`."""
    login: str
    """Our account's name: what it writes is ours."""
    token: SecretStr
    """From the environment: TANGGAP_GITHUB_TOKEN for the account `default`."""
    api: str = "https://api.github.com"


class GitHubChannel(Platform[GitHubSettings]):
    """One repository's issues."""

    settings_type = GitHubSettings
    certainty = Certainty.READ_BACK

    def credentials(self) -> dict[str, Any]:
        """A token, as GitHub wants it."""
        return {"headers": {"Authorization": f"Bearer {self.settings.token.get_secret_value()}"}}

    def explain(self, answer: Answer, *, safe: bool) -> ChannelError | None:
        """A locked issue takes no comment; everything else is as its status says."""
        if answer.status == 403 and b"locked" in answer.body.lower():
            return Never("the issue is locked: nobody can comment on it", "blocked")
        return None

    def fetch(self, cursor: str | None) -> Iterator[Page]:
        """Issues that changed since the cursor, each with its comments, the one that changed first at the beginning."""
        since, known = _read(cursor) or (f"{self.world.clock.now() - FIRST_LOOK:%Y-%m-%dT%H:%M:%SZ}", [])
        page = 1
        while True:
            given = {"state": "all", "since": since, "sort": "updated", "direction": "asc", "page": page}
            issues = self._listed("issues", given)
            new = [issue for issue in issues if _change(issue) not in known]
            for issue in new:
                items = tuple(self._items(issue))
                number, at = _change(issue)
                if at is not None and at != since:
                    since, known = at, []
                known.append([number, at])
                yield Page(items, json.dumps([since, known]))
            if len(issues) < AT_ONCE:
                return
            # What is new moves `since` on; a page on which nothing is has all one moment, and more may follow it.
            page = 1 if new else page + 1

    def reply(self, out: Outgoing) -> Sent:
        """Comment on the issue, once."""
        url = self._url(f"issues/{_number(out.target)}/comments")
        sent = _sent(self.ask("POST", url, json={"body": out.text}, what="write"))
        if sent is None:
            raise Unknown("GitHub took the comment, but did not say where it stands: look at the issue")
        return sent

    def find_own(self, out: Outgoing) -> Sent | None:
        """Our comment with exactly this text."""
        for said in self._comments(_number(out.target)):
            if _login(said) == self.settings.login and said.get("body") == out.text:
                return _sent(said)
        return None

    def can_reply(self, target: Target, visibility: Visibility, now: datetime) -> Reachable:
        """In public only: nobody can be written to privately there."""
        return Reachable(ok=True) if visibility is Visibility.PUBLIC else NO_PRIVATE_WAY

    def look_at(self, external_ids: Sequence[str]) -> Iterable[Seen]:
        """What these issues and comments say now, and whether they still stand."""
        for name in external_ids:
            kind, _, number = name.partition("-")
            path = f"issues/{number}" if kind == "issue" else f"issues/comments/{number}"
            answer = self.call("GET", self._url(path), what="read", expected=frozenset({404, 410}))
            if answer.status != 200:
                yield Seen(name, there=False)
                continue
            try:
                yield Seen(name, text=_text(self.document(answer, safe=True, url=self.settings.api)))
            except (AttributeError, TypeError):
                continue

    def check(self) -> Checked:
        """Who we are there."""
        login = _login({"user": self.ask("GET", f"{self.settings.api}/user", what="read")})
        if login != self.settings.login:
            return Checked(False, f"the token is {login}'s", f"Write `login: {login}`, or use the other one's token.")
        return Checked(True, f"{login} at {self.settings.repository}")

    def _items(self, issue: dict[str, Any]) -> Iterator[Item]:
        number = issue.get("number")
        yield self._item(issue, f"issue-{number}", None)
        if isinstance(number, int) and "pull_request" not in issue:
            for comment in self._comments(str(number)):
                yield self._item(comment, f"comment-{comment.get('id')}", f"issue-{number}")

    def _comments(self, issue: str) -> Iterator[dict[str, Any]]:
        for page in count(1):
            found = self._listed(f"issues/{issue}/comments", {"page": page})
            yield from found
            if len(found) < AT_ONCE:
                return

    def _listed(self, path: str, given: dict[str, Any]) -> list[dict[str, Any]]:
        """A list of records. What is none of both is told: an answer in another shape must not pass for `nothing`."""
        found = self.ask("GET", self._url(path), params={**given, "per_page": AT_ONCE}, what="read")
        if not isinstance(found, list):
            raise TryAgain("GitHub did not answer with a list: nothing was read")
        return [one if isinstance(one, dict) else {"body": one} for one in found]

    def _item(self, found: dict[str, Any], name: str, in_reply_to: str | None) -> Item:
        raw = json.dumps(found, ensure_ascii=False).encode()
        place = f"{self.settings.repository} {name}"
        try:
            if "pull_request" in found:
                return LeftOut(place, "a change to the code (a pull request), which GitHub lists as an issue", raw)
            if _login(found) == self.settings.login:
                return LeftOut(place, "our own words", raw)
            user: dict[str, Any] = found["user"] or GHOST
            if user["type"] == "Bot":
                return LeftOut(place, "a bot's words", raw)
            text = _text(found)
            refused = wrong_text(text)
            if refused is not None:
                return Unreadable(place, refused, raw, self.name)
            return Incoming(
                channel=self.name,
                account=self.account,
                external_id=name,
                text=text,
                posted_at=datetime.fromisoformat(found["created_at"]),
                visibility=Visibility.PUBLIC,
                raw=raw,
                place=place,
                author=Author(id=str(user["id"]), handle=user["login"]),
                url=found["html_url"],
                in_reply_to=in_reply_to,
                addressed=True,
            )
        except (KeyError, TypeError, ValueError) as error:
            return Unreadable(
                place, f"GitHub's record lacks something or has it in another shape: {error!r}", raw, self.name
            )

    def _url(self, path: str) -> str:
        return f"{self.settings.api}/repos/{self.settings.repository}/{path}"


def _text(found: dict[str, Any]) -> str:
    """An issue's title above its words; a comment has none. Raises AttributeError or TypeError where they are none."""
    return clean("\n\n".join(part for part in (found.get("title"), found.get("body")) if part))


def _login(found: dict[str, Any]) -> str | None:
    """Who wrote it."""
    user = found.get("user")
    return user.get("login") if isinstance(user, dict) else None


def _change(issue: dict[str, Any]) -> list[Any]:
    """Which issue changed, and when: the cursor holds those of the last moment."""
    return [issue.get("number"), issue.get("updated_at")]


def _number(target: Target) -> str:
    """The issue that a message belongs to: the core keeps what it answered as its thread."""
    name = target.thread or target.external_id or ""
    if not name.startswith("issue-"):
        raise Never(f"{name} belongs to no issue that is known", "gone")
    return name.removeprefix("issue-")


def _sent(said: Any) -> Sent | None:
    """Where our comment stands; None where GitHub does not say."""
    try:
        return Sent(f"comment-{said['id']:d}", said.get("html_url"), datetime.fromisoformat(said["created_at"]))
    except (KeyError, TypeError, ValueError):
        return None


def _read(cursor: str | None) -> tuple[str, list[Any]] | None:
    """What the cursor says; None where nobody can read it: then the reading begins anew, which does no harm."""
    try:
        since, known = json.loads(cursor or "")
        datetime.fromisoformat(since)
        return since, list(known)
    except (ValueError, TypeError, RecursionError):
        return None
