"""A proxy in front of a Slack server's Web API: faults when a test asks for them, and what the server leaves out.

    proxy = FaultyProxy(server).start()
    slack = Slack(OVER_HTTP.bot_token, proxy.api_url)
    proxy.limit("chat.postMessage", seconds=7)       # the next one is answered 429, Retry-After: 7
    proxy.refuse("chat.update", "is_archived", times=None, channel="C0PR")      # all of them there, until `mend`

Whatever is not asked for goes through. It answers itself, in Slack's own shapes: usergroups.users.list (`groups`),
chat.unfurl, wrong tokens. It puts into the server's answers: scopes (`X-OAuth-Scopes`), what a user or channel is
besides (`users`, `channels`), locales, pages with cursors, `no_text`, `thread_not_found`; it takes whispers out of
histories. Every call is remembered with its time; with `validating`, every message and view that passes is held against
Slack's schema and limits, and what they say stands in `violations`.
"""

import base64
import http.client
import json
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from slack_schema import problems_of_call
from slack_server import TEAM, SlackServer, free_port

SCOPES = frozenset(
    {
        "channels:history",
        "channels:read",
        "chat:write",
        "commands",
        "files:read",
        "groups:history",
        "groups:read",
        "im:history",
        "im:write",
        "links:read",
        "links:write",
        "reactions:read",
        "usergroups:read",
        "users:read",
    }
)
LOCALE = "en-US"
EVERY_METHOD = "*"
VALIDATED = ("chat.postMessage", "chat.update", "chat.postEphemeral", "chat.unfurl", "views.")
NESTED = ("blocks", "attachments", "view", "unfurls", "metadata")
PAGED = {
    "users.list": "members",
    "conversations.list": "channels",
    "conversations.history": "messages",
    "conversations.replies": "messages",
}
DEFAULT_PAGE = 100

Given = dict[str, Any]
Answer = dict[str, Any]


@dataclass(frozen=True)
class Call:
    """One call of the Web API."""

    method: str
    given: Given
    token: str | None
    at: float
    """By `time.monotonic`."""
    answer: Answer | None
    """None where none was given."""
    status: int | None = None


@dataclass
class Fault:
    """What is done to a call instead of answering it as it deserves."""

    method: str
    do: Callable[["_Handler", bytes], tuple[int, Answer, dict[str, str]] | None]
    """An answer, or None where the connection is cut."""
    times: int | None
    when: Callable[[Given], bool]

    def meets(self, method: str, given: Given) -> bool:
        return self.method in (method, EVERY_METHOD) and self.when(given)


@dataclass
class FaultyProxy:
    """A real HTTP server of its own port, many calls at once."""

    server: SlackServer
    port: int = 0
    validating: bool = False
    violations: list[str] = field(default_factory=list)
    """What Slack's schema and limits have against messages and views that passed."""
    groups: dict[str, list[str]] = field(default_factory=dict)
    """Who is in each user group."""
    users: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What `users.info` says besides: `{"deleted": True}`, `{"is_restricted": True}`, `{"locale": "id-ID"}`."""
    channels: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What `conversations.info` says besides: `{"is_archived": True}`, `{"is_member": False}`."""
    scopes: set[str] = field(default_factory=lambda: set(SCOPES))
    calls: list[Call] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.port = self.port or free_port()
        self.lock = threading.Lock()
        self.stopping = threading.Event()
        self._http: ThreadingHTTPServer | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> "FaultyProxy":
        """Listen."""
        self.stopping.clear()
        handler = type("Bound", (_Handler,), {"proxy": self})
        self._http = _Server(("127.0.0.1", self.port), handler)
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        """Refuse connections, until `start`: Slack is out of reach."""
        if self._http is None:
            return
        self.stopping.set()
        self._http.shutdown()
        self._http.server_close()
        self._http = None

    @property
    def api_url(self) -> str:
        """The Web API behind it, as `TANGGAP_SLACK_API_URL`."""
        return f"http://127.0.0.1:{self.port}/api/"

    # Faults. Each holds for `times` calls of the method, with None until `mend`; those asked for first come first.

    def limit(self, method: str, seconds: float = 1, *, times: int | None = 1, **where: str) -> None:
        """Answer 429 with `Retry-After`."""
        said = {"ok": False, "error": "ratelimited"}
        self._fault(method, times, where, lambda handler, body: (429, said, {"Retry-After": f"{seconds:g}"}))

    def fail(self, method: str, status: int = 500, *, times: int | None = 1, **where: str) -> None:
        """Answer with a server's error and a page for people."""
        self._fault(method, times, where, lambda handler, body: (status, {}, {"Content-Type": "text/html"}))

    def hang(self, method: str, seconds: float, *, times: int | None = 1, arrives: bool = False, **where: str) -> None:
        """Keep silent, then hang up; with `arrives` the call went through before."""

        def do(handler: "_Handler", body: bytes) -> None:
            if arrives:
                handler.forward(body)
            self.stopping.wait(seconds)

        self._fault(method, times, where, do)

    def lose(self, method: str, *, times: int | None = 1, **where: str) -> None:
        """Let the call through and cut the line before its answer."""

        def do(handler: "_Handler", body: bytes) -> None:
            handler.forward(body)

        self._fault(method, times, where, do)

    def refuse(
        self,
        method: str,
        error: str,
        *,
        times: int | None = 1,
        with_blocks: bool = False,
        needed: str | None = None,
        **where: str,
    ) -> None:
        """Answer `ok: false`: `is_archived`, `token_revoked`, `missing_scope` with the scope that is `needed`.

        With `with_blocks` only calls that bring blocks are refused, as `invalid_blocks` is.
        """
        said: Answer = {"ok": False, "error": error}
        if needed is not None:
            said |= {"needed": needed, "provided": ",".join(sorted(self.scopes - {needed}))}
        if error.startswith("invalid_blocks"):
            said |= {"response_metadata": {"messages": ["[ERROR] refused by the test [json-pointer:/blocks/0]"]}}
        self._fault(
            method,
            times,
            where,
            lambda handler, body: (200, said, {}),
            (lambda given: bool(given.get("blocks"))) if with_blocks else None,
        )

    def mend(self) -> None:
        """No fault any more."""
        with self.lock:
            self.faults.clear()

    # What passed

    def of(self, method: str, **where: Any) -> list[Call]:
        """The calls of a method, those with these arguments."""
        with self.lock:
            return [
                call
                for call in self.calls
                if call.method == method and all(call.given.get(name) == value for name, value in where.items())
            ]

    def counts(self) -> Counter[str]:
        """How often each method was called."""
        with self.lock:
            return Counter(call.method for call in self.calls)

    def gaps(self, method: str, **where: Any) -> list[float]:
        """Seconds between one call of a method and the next."""
        times = [call.at for call in self.of(method, **where)]
        return [later - earlier for earlier, later in pairwise(times)]

    def forget(self) -> None:
        """Forget calls and violations."""
        with self.lock:
            self.calls.clear()
            self.violations.clear()

    # Inside

    def _fault(
        self,
        method: str,
        times: int | None,
        where: Mapping[str, str],
        do: Callable[["_Handler", bytes], Any],
        when: Callable[[Given], bool] | None = None,
    ) -> None:
        def meets(given: Given) -> bool:
            return all(given.get(name) == value for name, value in where.items()) and (when is None or when(given))

        with self.lock:
            self.faults.append(Fault(method, do, times, meets))

    def fault_for(self, method: str, given: Given) -> Fault | None:
        """The fault that this call meets, used up by one."""
        with self.lock:
            for fault in self.faults:
                if fault.meets(method, given):
                    if fault.times is not None:
                        fault.times -= 1
                        if fault.times == 0:
                            self.faults.remove(fault)
                    return fault
        return None

    def remember(self, call: Call) -> None:
        """Keep a call, and what is wrong with what it brings."""
        wrong = []
        if self.validating and call.method.startswith(VALIDATED):
            wrong = problems_of_call(call.method, call.given)
        with self.lock:
            self.calls.append(call)
            self.violations.extend(wrong)

    def answer_itself(self, method: str, given: Given, token: str | None) -> Answer | None:
        """The answer that needs no server behind; None: ask it."""
        known = {one for app in self.server.apps for one in (app.bot_token, app.app_token)}
        if token not in known:
            return _no("invalid_auth" if token else "not_authed")
        if method == "usergroups.users.list":
            members = self.groups.get(str(given.get("usergroup")))
            return {"ok": True, "users": list(members)} if members is not None else _no("no_such_subteam")
        if method == "chat.unfurl":
            return {"ok": True} if given.get("unfurls") else _no("missing_unfurls")
        if method in ("chat.postMessage", "chat.update", "chat.postEphemeral") and not _says_anything(given):
            return _no("no_text")
        return None

    def correct(self, method: str, given: Given, answer: Answer) -> Answer:
        """The server's answer as Slack would give it."""
        if not answer.get("ok"):
            return answer
        if method == "users.info":
            return {**answer, "user": self._user(answer["user"], given)}
        if method == "users.list":
            answer = {**answer, "members": [self._user(one, given) for one in answer["members"]], "cache_ts": _now()}
        if method == "conversations.info":
            return {**answer, "channel": self._channel(answer["channel"])}
        if method == "conversations.list":
            answer = {**answer, "channels": [self._channel(one) for one in answer["channels"]]}
            if _is_true(given.get("exclude_archived")):
                answer["channels"] = [one for one in answer["channels"] if not one["is_archived"]]
        if method == "conversations.history":
            answer = {**answer, "messages": list(_between(answer["messages"], given))}
        if method == "conversations.replies":
            if not answer["messages"]:
                return _no("thread_not_found")
            first, *others = answer["messages"]  # the parent comes whatever the time asked for
            answer = {**answer, "messages": [first, *_between(others, given)]}
        return _page(answer, PAGED[method], given) if method in PAGED else answer

    def _user(self, found: Mapping[str, Any], given: Given) -> dict[str, Any]:
        besides = dict(self.users.get(str(found["id"]), {}))
        locale = besides.pop("locale", LOCALE)
        name = str(found["profile"].get("display_name") or found["name"])
        real = str(found["profile"]["real_name"])
        whole = {
            "color": "9f69e7",
            "is_app_user": False,
            "is_owner": False,
            "is_primary_owner": False,
            "is_restricted": False,
            "is_ultra_restricted": False,
            "team_id": TEAM,
            "tz_label": "Western Indonesia Time",
            "updated": _now(),
            **found,
            "profile": {
                "avatar_hash": "ge3b51ca72de",
                "display_name_normalized": name,
                "fields": {},
                "phone": "",
                "real_name_normalized": real,
                "skype": "",
                "status_emoji": "",
                "status_text": "",
                "team": TEAM,
                "title": "",
                **found["profile"],
            },
            **({"locale": locale} if _is_true(given.get("include_locale")) else {}),
        }
        return whole | besides

    def _channel(self, found: Mapping[str, Any]) -> dict[str, Any]:
        return {**found, **self.channels.get(str(found["id"]), {})}


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that gave up is none of ours."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    proxy: FaultyProxy

    def log_message(self, format: str, *args: object) -> None:
        pass

    def _take(self) -> None:
        at = time.monotonic()
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        method = urlsplit(self.path).path.removeprefix("/api/")
        given = self._given(body)
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ") or None
        fault = self.proxy.fault_for(method, given)
        found = fault.do(self, body) if fault else self._answer(method, given, token, body)
        status, answer, extra = found or (None, None, {})
        self.proxy.remember(Call(method, given, token, at, answer, status))
        if status is None or answer is None:
            self._cut()
        else:
            self._say(status, answer, extra)

    do_GET = do_POST = _take  # noqa: N815 - the names that http.server looks for

    def _answer(
        self, method: str, given: Given, token: str | None, body: bytes
    ) -> tuple[int, Answer, dict[str, str]] | None:
        itself = self.proxy.answer_itself(method, given, token)
        if itself is not None:
            return 200, itself, {}
        forwarded = self.forward(body)
        return None if forwarded is None else (200, self.proxy.correct(method, given, forwarded), {})

    def forward(self, body: bytes) -> Answer | None:
        """The server's answer; None where it gives none."""
        connection = http.client.HTTPConnection("127.0.0.1", self.proxy.server.port, timeout=60)
        headers = {
            name: value
            for name, value in self.headers.items()
            if name.lower() not in ("host", "connection", "content-length", "accept-encoding")
        }
        try:
            connection.request(self.command, self.path, body=body, headers=headers)
            answer = connection.getresponse()
            return dict(json.loads(answer.read()))
        except (OSError, http.client.HTTPException, ValueError):
            return None
        finally:
            connection.close()

    def _given(self, body: bytes) -> Given:
        kind = self.headers.get("Content-Type") or ""
        asked = dict(parse_qsl(urlsplit(self.path).query))
        if "json" in kind:
            return asked | json.loads(body or b"{}")
        if "urlencoded" not in kind:
            return asked
        found: Given = asked | dict(parse_qsl(body.decode(), keep_blank_values=True))
        return {name: json.loads(value) if name in NESTED else value for name, value in found.items()}

    def _say(self, status: int, answer: Answer, extra: Mapping[str, str]) -> None:
        said = b"<html>Something went wrong</html>" if "Content-Type" in extra else json.dumps(answer).encode()
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "Content-Length": str(len(said)),
            "X-OAuth-Scopes": ",".join(sorted(self.proxy.scopes)),
            **extra,
        }
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(said)

    def _cut(self) -> None:
        """Cut the line as a broken network does, without a goodbye."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True


def _no(error: str) -> Answer:
    return {"ok": False, "error": error}


def _now() -> int:
    return int(time.time())


def _is_true(said: Any) -> bool:
    return str(said).lower() in ("1", "true")


def _says_anything(given: Given) -> bool:
    return bool(given.get("text") or given.get("blocks") or given.get("attachments"))


def _between(messages: list[Any], given: Given) -> Iterator[Any]:
    """What stands between `oldest` and `latest`, without what only one person sees."""
    oldest, latest = str(given.get("oldest") or "0"), str(given.get("latest") or "9999999999.999999")
    inclusive = _is_true(given.get("inclusive"))
    for one in messages:
        ts = float(one["ts"])
        inside = float(oldest) < ts < float(latest) or (inclusive and ts in (float(oldest), float(latest)))
        if inside and one.get("subtype") != "ephemeral":
            yield one


def _page(answer: Answer, part: str, given: Given) -> Answer:
    """One page of a list, with the cursor of the next."""
    cursor = str(given.get("cursor") or "")
    try:
        start = int(base64.b64decode(cursor).decode().removeprefix("next:")) if cursor else 0
    except ValueError:
        return _no("invalid_cursor")
    end = start + int(given.get("limit") or DEFAULT_PAGE)
    found = answer[part]
    following = base64.b64encode(f"next:{end}".encode()).decode() if end < len(found) else ""
    paged = {**answer, part: found[start:end], "response_metadata": {"next_cursor": following}}
    return paged | ({"has_more": bool(following)} if part == "messages" else {})
