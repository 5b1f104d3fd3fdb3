"""Issues and their comments on GitHub: complaints about an app often begin there.

Reads what changed since the cursor; answers with a comment. GitHub takes no key of ours, but shows what stands there:
after a doubtful try the issue is read back (https://docs.github.com/rest/issues/comments).
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
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
)
from integrations.channels.platform import AccountSettings, Platform
from integrations.http import Answer
from integrations.record import Author, Incoming, Item, LeftOut, Unreadable

FIRST_LOOK = timedelta(days=7)
"""How far back the first look goes."""
AT_ONCE = 100
"""Issues, or comments, that one question asks for: the most that GitHub gives."""


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
        since, known = _read(cursor) or ((self.world.clock.now() - FIRST_LOOK).isoformat(), [])
        while True:
            given = {"state": "all", "since": since, "sort": "updated", "direction": "asc", "per_page": AT_ONCE}
            issues = self.ask("GET", self._url("issues"), params=given, what="read")
            new = [issue for issue in issues if [issue["number"], issue["updated_at"]] not in known]
            for issue in new:
                items = tuple(self._items(issue))
                if issue["updated_at"] != since:
                    since, known = issue["updated_at"], []
                known.append([issue["number"], issue["updated_at"]])
                yield Page(items, json.dumps([since, known]))
            if len(issues) < AT_ONCE or not new:
                return

    def reply(self, out: Outgoing) -> Sent:
        """Comment on the issue, once."""
        url = self._url(f"issues/{_number(out.target)}/comments")
        said = self.ask("POST", url, json={"body": out.text}, what="write")
        return _sent(said)

    def find_own(self, out: Outgoing) -> Sent | None:
        """Our comment with exactly this text."""
        for said in self._comments(_number(out.target)):
            if said["user"]["login"] == self.settings.login and said["body"] == out.text:
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
            else:
                yield Seen(name, text=_text(self.document(answer, safe=True, url=self.settings.api)))

    def check(self) -> Checked:
        """Who we are there."""
        login = self.ask("GET", f"{self.settings.api}/user")["login"]
        if login != self.settings.login:
            return Checked(False, f"the token is {login}'s", f"Write `login: {login}`, or use the other one's token.")
        return Checked(True, f"{login} at {self.settings.repository}")

    def _items(self, issue: dict[str, Any]) -> Iterator[Item]:
        yield self._item(issue, f"issue-{issue['number']}", None)
        for comment in self._comments(issue["number"]):
            yield self._item(comment, f"comment-{comment['id']}", f"issue-{issue['number']}")

    def _comments(self, issue: int) -> Iterator[dict[str, Any]]:
        page = 1
        while True:
            given = {"per_page": AT_ONCE, "page": page}
            found = self.ask("GET", self._url(f"issues/{issue}/comments"), params=given, what="read")
            yield from found
            if len(found) < AT_ONCE:
                return
            page += 1

    def _item(self, found: dict[str, Any], name: str, in_reply_to: str | None) -> Item:
        raw = json.dumps(found, ensure_ascii=False).encode()
        place = f"{self.settings.repository} {name}"
        try:
            if found["user"]["login"] == self.settings.login:
                return LeftOut(place, "our own words", raw)
            if found["user"]["type"] == "Bot":
                return LeftOut(place, "a bot's words", raw)
            return Incoming(
                channel=self.name,
                account=self.account,
                external_id=name,
                text=_text(found),
                posted_at=datetime.fromisoformat(found["created_at"]),
                visibility=Visibility.PUBLIC,
                raw=raw,
                place=place,
                author=Author(id=str(found["user"]["id"]), handle=found["user"]["login"]),
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
    """An issue's title above its words; a comment has none."""
    return "\n\n".join(part for part in (found.get("title"), found.get("body")) if part)


def _number(target: Target) -> str:
    """The issue that a message belongs to: the core keeps what it answered as its thread."""
    name = target.thread or target.external_id or ""
    if not name.startswith("issue-"):
        raise Never(f"{name} belongs to no issue that is known", "gone")
    return name.removeprefix("issue-")


def _sent(said: dict[str, Any]) -> Sent:
    return Sent(f"comment-{said['id']}", said.get("html_url"), datetime.fromisoformat(said["created_at"]))


def _read(cursor: str | None) -> tuple[str, list[Any]] | None:
    """What the cursor says; None where nobody can read it: then the reading begins anew, which does no harm."""
    try:
        since, known = json.loads(cursor or "")
        datetime.fromisoformat(since)
        return since, list(known)
    except (ValueError, TypeError):
        return None
