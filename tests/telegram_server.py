"""Telegram for the tests: telegram-test-api 4.2.1, somebody else's Bot API server (npm, MIT), with strictness before it.

    with telegram() as server:
        server.says("Paket saya belum datang")               # a customer, in a private chat
        TelegramChannel(…, settings=TelegramSettings(token=TOKEN, username=USERNAME, api=server.url), …)

telegram-test-api checks nothing and forgets updates as soon as they were asked for. The front before it does what
Telegram does: it keeps updates until an `offset` confirms them, knows the token, and refuses what a test asks for in
Telegram's own words. Each request of ours and each update of its is held against the official list of methods and types
(../shared/specs/telegram/api.json); what it says against them stands in `violations`. Without that list they pass.
"""

import json
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
from slack_server import free_port, until

NPM = Path(__file__).with_name("npm")
PACKAGE = NPM / "node_modules" / "telegram-test-api"
INSTALL = "(cd tests/npm && npm ci --ignore-scripts)"
_FILE = Path(__file__).resolve().parents[2] / "shared" / "specs" / "telegram" / "api.json"
SPEC: dict[str, Any] | None = json.loads(_FILE.read_text()) if _FILE.is_file() else None

TOKEN = "424242:AAE-a_token_of_the_tests"
BOT_ID = 424242
USERNAME = "NusantaraCareBot"
BOT = {"id": BOT_ID, "is_bot": True, "first_name": "Nusantara Care", "username": USERNAME}
RINA = {"id": 7001, "is_bot": False, "first_name": "Rina", "last_name": "Wulandari", "username": "rinaw"}
GROUP = {"id": -1001234567890, "type": "supergroup", "title": "Pelanggan Nusantara", "username": "pelanggan_nusantara"}
PRIVATE = {"id": RINA["id"], "type": "private", "first_name": "Rina", "username": "rinaw"}

_START = """
const TelegramServer = require(process.argv[1]);
const server = new TelegramServer({ port: Number(process.argv[2]), host: '127.0.0.1', storeTimeout: 3600 });
server.start().then(() => console.log('READY'));
"""

Update = dict[str, Any]


def needs_telegram() -> None:
    """Skip where the server is not installed."""
    if not PACKAGE.is_dir():
        pytest.skip(f"telegram-test-api is not installed: {INSTALL}")


@dataclass
class TelegramServer:
    """One server with its front."""

    behind: str
    url: str = ""
    violations: list[str] = field(default_factory=list)
    webhook: dict[str, Any] = field(default_factory=lambda: {"url": ""})
    removed: set[str] = field(default_factory=set)
    """Messages (`CHAT:MESSAGE`) that were taken down."""
    refusals: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """What a method is answered next, instead of what it deserves."""
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    """Each method that was called, with what was given to it."""
    me: dict[str, Any] = field(default_factory=lambda: {**BOT, "can_read_all_group_messages": True})

    def __post_init__(self) -> None:
        self.http = requests.Session()
        self.lock = threading.RLock()
        self.waiting: list[Update] = []
        self.number = 5000

    # What people do

    def says(self, text: str | None = None, chat: Mapping[str, Any] = PRIVATE, **more: Any) -> str:
        """Somebody writes; the message as `CHAT:MESSAGE`. `more` are fields of Message."""
        message = {"from": RINA, "chat": dict(chat), "date": int(time.time()), **more}
        if text is not None:
            message["text"] = text
        with self.lock:
            self._client("sendMessage", {"botToken": TOKEN, **message})
            update = self._collect()[-1]
        return f"{chat['id']}:{update['message']['message_id']}"

    def edits(self, external_id: str, text: str, chat: Mapping[str, Any] = PRIVATE) -> None:
        """Its author changes a message: telegram-test-api knows no edits, so the front tells of it."""
        number, now = int(external_id.rpartition(":")[2]), int(time.time())
        edited = {"message_id": number, "from": RINA, "chat": dict(chat), "date": now, "edit_date": now, "text": text}
        self.tells({"edited_message": edited})

    def tells(self, update: Mapping[str, Any], *, checked: bool = True) -> None:
        """Put an update of another kind into the queue."""
        with self.lock:
            self.number += 1
            whole = {"update_id": self.number, **update}
            if checked:
                self._check("Update", whole, "Update")
            self.waiting.append(whole)

    def refuses(self, method: str, code: int, description: str, **parameters: Any) -> None:
        """Answer the next call of a method like this."""
        said = {"ok": False, "error_code": code, "description": description}
        self.refusals.setdefault(method, []).append({**said, **({"parameters": parameters} if parameters else {})})

    def standing(self, chat: str, message: str | None = None) -> list[str]:
        """What the bot wrote in a chat, as telegram-test-api has it; below one message, if it is named."""
        history = self._client("getUpdatesHistory", {"token": TOKEN})["result"]
        ours = [one["message"] for one in history if "chat_id" in one["message"]]
        return [
            one["text"]
            for one in ours
            if str(one["chat_id"]) == chat
            and message in (None, str((one.get("reply_parameters") or {}).get("message_id")))
        ]

    def _client(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        return dict(self.http.post(f"{self.behind}/{path}", json=body, timeout=30).json())

    # What Telegram does

    def answer(self, token: str, method: str, given: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Status and body for one call of the Bot API."""
        self.asked.append((method, given))
        if token != TOKEN:
            return 401, {"ok": False, "error_code": 401, "description": "Unauthorized"}
        self._check_call(method, given)
        planned = self.refusals.get(method)
        if planned:
            said = planned.pop(0)
            return said["error_code"], said
        match method:
            case "getUpdates":
                return self._get_updates(given)
            case "getMe":
                return 200, {"ok": True, "result": self.me}
            case "getWebhookInfo":
                info = {"has_custom_certificate": False, "pending_update_count": 0, **self.webhook}
                return 200, {"ok": True, "result": info}
            case "sendMessage":
                return self._send(given)
        return 404, {"ok": False, "error_code": 404, "description": "Not Found: method not found"}

    def _get_updates(self, given: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if self.webhook["url"]:
            why = "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete it first"
            return 409, {"ok": False, "error_code": 409, "description": why}
        until_ = time.monotonic() + int(given.get("timeout", 0))
        while True:
            with self.lock:
                self._collect()
                offset = int(given.get("offset", 0))
                self.waiting = [one for one in self.waiting if one["update_id"] >= offset]
                found = self.waiting[: int(given.get("limit", 100))]
            if found or time.monotonic() >= until_:
                return 200, {"ok": True, "result": found}
            time.sleep(0.05)

    def _send(self, given: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        answered = given.get("reply_parameters") or {}
        below = answered.get("message_id")
        if f"{given['chat_id']}:{below}" in self.removed and not answered.get("allow_sending_without_reply"):
            why = "Bad Request: message to be replied not found"
            return 400, {"ok": False, "error_code": 400, "description": why}
        said = self.http.post(f"{self.behind}/bot{TOKEN}/sendMessage", json=given, timeout=30).json()
        taken = said["result"]
        # telegram-test-api echoes the request, calls every chat private and gives milliseconds.
        chat = GROUP if given["chat_id"] == GROUP["id"] else {**PRIVATE, "id": given["chat_id"]}
        result = {"message_id": taken["message_id"], "from": BOT, "chat": chat, "date": taken["date"] // 1000}
        result["text"] = taken["text"]
        self._check("Message", result, "Message")
        return 200, {"ok": True, "result": result}

    def _collect(self) -> list[Update]:
        """Take over what telegram-test-api has, numbered anew, and without the token that it puts into messages."""
        said = self.http.get(f"{self.behind}/bot{TOKEN}/getUpdates", timeout=30).json()
        fresh = []
        for update in said["result"]:
            self.number += 1
            message = {name: value for name, value in update["message"].items() if name != "botToken"}
            whole = {"update_id": self.number, "message": message}
            self._check("Update", whole, "Update")
            fresh.append(whole)
        self.waiting += fresh
        return fresh

    # The official list

    def _check_call(self, method: str, given: Mapping[str, Any]) -> None:
        if SPEC is None:
            return
        known = SPEC["methods"].get(method)
        if known is None:
            self.violations.append(f"{method}: no such method")
            return
        self._check_fields(known.get("fields", []), given, method)

    def _check_fields(self, fields: list[dict[str, Any]], given: Mapping[str, Any], where: str) -> None:
        wanted = {one["name"]: one for one in fields}
        self.violations += [f"{where}: `{name}` is not known" for name in given if name not in wanted]
        for name, one in wanted.items():
            if name in given:
                self._check_value(one["types"], given[name], f"{where}.{name}")
            elif one["required"]:
                self.violations.append(f"{where}: `{name}` is missing")

    def _check_value(self, types: list[str], value: Any, where: str) -> None:
        if not any(self._fits(kind, value) for kind in types):
            self.violations.append(f"{where}: {value!r:.60} is none of {types}")
            return
        for kind in types:
            inner, values = kind, [value]
            while inner.startswith("Array of "):
                inner, values = inner.removeprefix("Array of "), [one for many in values for one in many]
            for one in values:
                if isinstance(one, dict):
                    self._check(inner, one, where)

    def _check(self, kind: str, value: Mapping[str, Any], where: str) -> None:
        if SPEC is None or kind not in SPEC["types"]:
            return
        found = SPEC["types"][kind]
        if "fields" in found:
            self._check_fields(found["fields"], value, where)
        elif "subtypes" in found:
            fitting = []
            for one in found["subtypes"]:
                trial = TelegramServer(self.behind)
                trial._check(one, value, where)
                if not trial.violations:
                    fitting.append(one)
            if not fitting:
                self.violations.append(f"{where}: {value!r:.60} is no {kind}")

    def _fits(self, kind: str, value: Any) -> bool:
        if kind.startswith("Array of "):
            return isinstance(value, list) and all(self._fits(kind.removeprefix("Array of "), one) for one in value)
        simple = {"Integer": int, "String": str, "Boolean": bool, "True": bool, "Float": (int, float)}
        if kind in simple:
            return isinstance(value, simple[kind]) and (kind in ("Boolean", "True") or not isinstance(value, bool))
        return isinstance(value, dict)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_: TelegramServer

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        at = urlsplit(self.path)
        token, _, method = at.path.removeprefix("/bot").partition("/")
        given = {name: _read(value) for name, value in parse_qsl(at.query)}
        if body:
            given |= json.loads(body)
        status, said = self.server_.answer(token, method, given)
        whole = json.dumps(said).encode()
        self.send_response_only(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(whole)))
        self.end_headers()
        self.wfile.write(whole)

    do_GET = do_POST = _answer  # noqa: N815 - http.server's names

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


def _read(value: str) -> Any:
    """A query's value as the type that it is written in (Bot API: JSON-serialized lists and objects)."""
    try:
        return json.loads(value)
    except ValueError:
        return value


@contextmanager
def telegram() -> Iterator[TelegramServer]:
    """A Telegram on the loopback."""
    port = free_port()
    process = subprocess.Popen(
        ["node", "-e", _START, str(PACKAGE), str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    server = TelegramServer(f"http://127.0.0.1:{port}")
    handler = type("_Bound", (_Handler,), {"server_": server})
    front = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    front.daemon_threads = True
    threading.Thread(target=front.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    server.url = f"http://127.0.0.1:{front.server_port}"
    try:
        until(lambda: _answers(server), seconds=60)
        yield server
    finally:
        front.shutdown()
        front.server_close()
        process.kill()
        process.wait()


def _answers(server: TelegramServer) -> bool:
    try:
        return server.http.get(f"{server.behind}/bot{TOKEN}/getMe", timeout=5).ok
    except requests.RequestException:
        return False
