"""Slack's Web API as the desk uses it: one bounded try a call, and errors in four words.

Limits and error words: https://docs.slack.dev/apis/web-api/rate-limits and each method's page.
"""

import errno
import http.client
import re
import socket
import ssl
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.error import URLError

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError

from integrations.http import retry_after, user_agent
from integrations.slack.errors import BadWords, Later, NeedsPerson, NotThere, SlackTrouble

SECONDS = 5
"""Of Slack's silence until a call is given up; whoever calls from a flow never waits longer."""
HISTORY_PAGE = 200
BUSY = frozenset(
    {
        "fatal_error",
        "internal_error",
        "rate_limited",
        "ratelimited",
        "request_timeout",
        "service_unavailable",
        "team_added_to_org",
        "update_failed",
    }
)
PERHAPS_DONE = frozenset({"fatal_error", "internal_error", "update_failed"})
"""After these, by Slack's own word, a part of what was asked may have happened."""
GONE = frozenset(
    {
        "cant_update_message",
        "edit_window_closed",
        "exchanged_trigger_id",
        "expired_trigger_id",
        "invalid_trigger_id",
        "message_not_found",
        "thread_not_found",
        "trigger_exchanged",
        "trigger_expired",
        "view_not_found",
    }
)
WORDS = frozenset(
    {
        "invalid_blocks",
        "invalid_blocks_format",
        "msg_blocks_too_long",
        "msg_too_long",
        "no_text",
        "too_many_attachments",
        "view_too_large",
    }
)
OF_VIEWS: dict[str, type[SlackTrouble]] = {"not_found": NotThere, "invalid_arguments": BadWords}
"""What general words mean where a modal or Home page is drawn."""
A_WORD = re.compile(r"[a-z0-9_:]+")
"""How Slack names an error. Where none comes, something between us and Slack spoke: a proxy, a page for people."""
Block = dict[str, Any]


@dataclass(frozen=True)
class Said:
    """A message: its plain words, which notifications and screen readers show, and its blocks."""

    text: str
    blocks: Sequence[Block] = ()


@dataclass(frozen=True)
class Place:
    """Where a message stands."""

    channel: str
    ts: str


@dataclass(frozen=True)
class Standing:
    """A message as it stands in a channel."""

    ts: str
    user: str | None
    bot: str | None
    text: str
    blocks: Sequence[Block] = field(default_factory=tuple)
    thread_ts: str | None = None


@dataclass(frozen=True)
class Ourselves:
    """Whom the bot token belongs to."""

    team: str
    team_name: str
    user: str
    bot: str | None
    scopes: frozenset[str]
    """Empty where the server does not say."""


class Slack:
    """One workspace, seen with the app's bot token. Every call is one try of at most a few seconds.

    Raises, from every method:
        Later: Slack is away or asks to wait.
        NotThere: the message or view is gone, or the click that a view answers is too long ago.
        BadWords: blocks or length are refused.
        NeedsPerson: anything that somebody must mend.
    """

    def __init__(self, token: str, api_url: str = "https://slack.com/api/", seconds: int = SECONDS) -> None:
        self.web = WebClient(token=token, base_url=api_url, timeout=seconds, retry_handlers=[])
        self.web.headers["User-Agent"] = f"{user_agent()} {self.web.headers.get('User-Agent', '')}".strip()

    def ourselves(self) -> Ourselves:
        """Who we are, and what we may do (`X-OAuth-Scopes`)."""
        found, headers = self._call("auth.test")
        scopes = next((value for name, value in headers.items() if name.lower() == "x-oauth-scopes"), "")
        said = scopes[0] if isinstance(scopes, list) else str(scopes)
        return Ourselves(
            team=str(found.get("team_id") or ""),
            team_name=str(found.get("team") or ""),
            user=str(found.get("user_id") or ""),
            bot=found.get("bot_id"),
            scopes=frozenset(scope.strip() for scope in said.split(",") if scope.strip()),
        )

    def open_socket(self) -> str:
        """An address for Socket Mode; only an app-level token gets one."""
        found, _ = self._call("apps.connections.open")
        return str(found.get("url") or "")

    # Messages

    def post(self, channel: str, said: Said, *, thread: str | None = None) -> Place:
        """Post a message, or answer in a thread. A channel may be a person's id: a direct message."""
        given: dict[str, Any] = {"channel": channel, "text": said.text, "unfurl_links": False, "unfurl_media": False}
        if said.blocks:
            given["blocks"] = list(said.blocks)
        if thread is not None:
            given["thread_ts"] = thread
        found, _ = self._call("chat.postMessage", given)
        return Place(str(found["channel"]), str(found["ts"]))

    def update(self, at: Place, said: Said) -> None:
        """Write a message of ours anew."""
        self._call("chat.update", {"channel": at.channel, "ts": at.ts, "text": said.text, "blocks": list(said.blocks)})

    def remove(self, at: Place) -> None:
        """Take back a doubled message of ours. Nobody else's can be taken."""
        self._call("chat.delete", {"channel": at.channel, "ts": at.ts})

    def whisper(self, channel: str, user: str, said: Said, *, thread: str | None = None) -> None:
        """Say something in a channel that only one person sees."""
        given: dict[str, Any] = {"channel": channel, "user": user, "text": said.text}
        if said.blocks:
            given["blocks"] = list(said.blocks)
        if thread is not None:
            given["thread_ts"] = thread
        self._call("chat.postEphemeral", given)

    def permalink(self, at: Place) -> str:
        """The address of a message."""
        found, _ = self._call("chat.getPermalink", {"channel": at.channel, "message_ts": at.ts})
        return str(found["permalink"])

    def history(self, channel: str, since: str) -> Iterator[Standing]:
        """What stands in a channel since a moment (a `ts`), in no promised order."""
        yield from map(
            _standing, self._pages("conversations.history", "messages", channel=channel, oldest=since, inclusive=True)
        )

    def replies(self, at: Place, since: str) -> Iterator[Standing]:
        """What stands in a message's thread since a moment (a `ts`); the message itself may be among it."""
        given = {"channel": at.channel, "ts": at.ts, "oldest": since, "inclusive": True}
        yield from map(_standing, self._pages("conversations.replies", "messages", **given))

    def direct(self, user: str) -> str:
        """The channel in which the app and a person talk."""
        found, _ = self._call("conversations.open", {"users": user})
        return str(found["channel"]["id"])

    # Views

    def open_view(self, trigger: str, view: Block) -> str:
        """Open a modal; its id. The trigger lives three seconds."""
        found, _ = self._call("views.open", {"trigger_id": trigger, "view": view})
        return str(found["view"]["id"])

    def update_view(self, view_id: str, view: Block) -> None:
        """Fill an open modal."""
        self._call("views.update", {"view_id": view_id, "view": view})

    def show_home(self, user: str, view: Block) -> None:
        """Draw somebody's Home page."""
        self._call("views.publish", {"user_id": user, "view": view})

    def unfurl(self, at: Place, links: Mapping[str, Block]) -> None:
        """Show what stands behind links in somebody's message."""
        self._call("chat.unfurl", {"channel": at.channel, "ts": at.ts, "unfurls": dict(links)})

    # Who and where

    def user(self, user: str) -> dict[str, Any]:
        """What Slack knows of a user, its locale too."""
        found, _ = self._call("users.info", {"user": user, "include_locale": True})
        return dict(found["user"])

    def users(self) -> Iterator[dict[str, Any]]:
        """Everybody in the workspace."""
        yield from self._pages("users.list", "members")

    def group(self, group: str) -> frozenset[str]:
        """Who belongs to a user group."""
        found, _ = self._call("usergroups.users.list", {"usergroup": group})
        return frozenset(str(user) for user in found.get("users") or ())

    def channel(self, channel: str) -> dict[str, Any]:
        """What Slack knows of a channel."""
        found, _ = self._call("conversations.info", {"channel": channel})
        return dict(found["channel"])

    def channels(self) -> Iterator[dict[str, Any]]:
        """The channels that the app can see."""
        yield from self._pages(
            "conversations.list", "channels", types="public_channel,private_channel", exclude_archived=True
        )

    def file(self, file: str) -> dict[str, Any]:
        """What Slack knows of a file."""
        found, _ = self._call("files.info", {"file": file})
        return dict(found["file"])

    def _pages(self, method: str, part: str, **given: Any) -> Iterator[dict[str, Any]]:
        cursor = ""
        while True:
            found, _ = self._call(method, {**given, "limit": HISTORY_PAGE, **({"cursor": cursor} if cursor else {})})
            yield from found.get(part) or ()
            cursor = str((found.get("response_metadata") or {}).get("next_cursor") or "")
            if not cursor:
                return

    def _call(self, method: str, given: Mapping[str, Any] | None = None) -> tuple[dict[str, Any], Mapping[str, Any]]:
        try:
            # As a form: Slack's methods that read take no JSON, and slack_sdk writes what is nested as JSON within.
            answer = (
                self.web.api_call(method, params=dict(given or {}))
                if _reads(method)
                else self.web.api_call(method, json=dict(given or {}))
            )
        except SlackApiError as error:
            raise trouble(method, error) from error
        except (SlackClientError, OSError, http.client.HTTPException, UnicodeDecodeError) as error:
            cause = error.reason if isinstance(error, URLError) and isinstance(error.reason, Exception) else error
            message = f"Slack does not answer ({type(cause).__name__})."
            raise Later("unreachable", message, may_have_arrived=not _never_left(cause)) from error
        found = answer.data
        return (found if isinstance(found, dict) else {}), answer.headers


def trouble(method: str, error: SlackApiError) -> SlackTrouble:
    """What an answer that is no success means."""
    answer = error.response
    data = answer.data if isinstance(answer.data, dict) else {}
    status = answer.status_code
    why = str(data.get("error") or "")
    no_word_of_slack = not A_WORD.fullmatch(why)
    if no_word_of_slack:
        why = f"http_{status}"
    said = f"Slack refuses {method}: {why}."
    if status == 429 or status >= 500 or why in BUSY or (no_word_of_slack and status == 200):
        wait = next((value for name, value in answer.headers.items() if name.lower() == "retry-after"), None)
        seconds = retry_after(wait[0] if isinstance(wait, list) else wait)
        perhaps = status != 429 and (status >= 500 or no_word_of_slack or why in PERHAPS_DONE)
        return Later(why, said, seconds, may_have_arrived=perhaps)
    kind = OF_VIEWS.get(why) if method.startswith("views.") else None
    if why in GONE or kind is NotThere:
        return NotThere(why, said)
    if why in WORDS or kind is BadWords:
        detail = "; ".join(str(line) for line in (data.get("response_metadata") or {}).get("messages") or ())
        return BadWords(why, f"{said} {detail}".strip())
    needed = data.get("needed")
    return NeedsPerson(why, f"{said[:-1]} (the app lacks the scope {needed})." if needed else said)


def _never_left(error: Exception) -> bool:
    """Whether no connection came about, so that nothing can have arrived."""
    return isinstance(error, (ConnectionRefusedError, socket.gaierror, ssl.SSLCertVerificationError)) or (
        isinstance(error, OSError) and error.errno in (errno.ENETUNREACH, errno.EHOSTUNREACH)
    )


def _reads(method: str) -> bool:
    """Methods that Slack answers to forms only."""
    return method.endswith((".info", ".list", ".replies", ".history", ".getPermalink"))


def _standing(found: Mapping[str, Any]) -> Standing:
    return Standing(
        ts=str(found.get("ts") or ""),
        user=found.get("user"),
        bot=found.get("bot_id"),
        text=str(found.get("text") or ""),
        blocks=tuple(found.get("blocks") or ()),
        thread_ts=found.get("thread_ts"),
    )
