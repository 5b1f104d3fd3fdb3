"""A small server that answers Slack's Web API over real HTTP, for what no other server at hand can say.

User groups, guests, bots and people who left: local-slack knows none of them. It speaks as Slack's own pages do
(https://docs.slack.dev/reference/methods/usergroups.users.list, …/users.info).
"""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl

from integrations.slack.client import Slack
from integrations.slack.workspace import Workspace

TEAM = "T01TEST"
Answer = dict[str, Any]


@dataclass
class SlackApi:
    """What the workspace holds, what it was asked, and what goes wrong with it."""

    url: str = ""
    users: dict[str, Answer] = field(default_factory=dict)
    groups: dict[str, list[str]] = field(default_factory=dict)
    troubles: dict[str, tuple[int, Answer]] = field(default_factory=dict)
    """By method: the status and the answer that it gives instead."""
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    at_asking: Callable[[str], None] = lambda _: None
    """Done before it answers, for what happens meanwhile."""

    def slack(self) -> Slack:
        """A client of it."""
        return Slack("xoxb-test", f"{self.url}/api/", seconds=2)

    def workspace(self) -> Workspace:
        """Its people; nobody is remembered yet."""
        return Workspace(self.slack())

    def has(self, user: str, **facts: Any) -> str:
        """Somebody in the workspace; `facts` as in `users.info`. Returns the id."""
        self.users[user] = {"id": user, "team_id": TEAM, "name": user.lower(), "profile": {}} | facts
        return user

    def refuses(self, method: str, error: str, status: int = 200) -> None:
        """From now on this method answers with an error."""
        self.troubles[method] = (status, {"ok": False, "error": error})

    def heals(self) -> None:
        """Everything works again."""
        self.troubles.clear()

    def calls(self, method: str) -> int:
        """How often a method was asked."""
        return sum(name == method for name, _ in self.asked)

    def answer(self, method: str, given: dict[str, str]) -> tuple[int, Answer]:
        """What it says."""
        self.asked.append((method, given))
        self.at_asking(method)
        if method in self.troubles:
            return self.troubles[method]
        match method:
            case "auth.test":
                return 200, {"ok": True, "team_id": TEAM, "team": "Senja", "user_id": "U0DESK", "bot_id": "B0DESK"}
            case "users.info" if given.get("user") in self.users:
                return 200, {"ok": True, "user": self.users[given["user"]]}
            case "users.info":
                return 200, {"ok": False, "error": "user_not_found"}
            case "usergroups.users.list" if given.get("usergroup") in self.groups:
                return 200, {"ok": True, "users": self.groups[given["usergroup"]]}
            case "usergroups.users.list":
                return 200, {"ok": False, "error": "no_such_subteam"}
        return 200, {"ok": False, "error": "unknown_method"}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    api: SlackApi

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        as_json = "json" in (self.headers.get("Content-Type") or "")
        given = json.loads(body) if as_json and body else dict(parse_qsl(body))
        status, said = self.api.answer(self.path.removeprefix("/api/"), given)
        answer = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def slack_api() -> Iterator[SlackApi]:
    """The server, for as long as the context lasts."""
    api = SlackApi()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (_Handler,), {"api": api}))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    api.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield api
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
