"""A Slack of the tests' own: local-slack 0.1.8, somebody else's server (npm, MIT), with a workspace as the desk wants one.

    server = SlackServer(tmp_path, request_url="http://127.0.0.1:8472/slack/events").start()
    card = server.cards("C0PR")[-1]
    server.click("C0PR", card["ts"], "U0SARI", "approve")

It listens on all interfaces of the machine and has no option against that: what the tests write there is made up.
What it does, tried with Bolt for Python 1.30 over HTTP and over Socket Mode:

- Starts in 0.1 s. Everything is in memory: after `kill` the channels are empty. `freeze` keeps them.
- Buttons: a signed `block_actions` with user, trigger_id, response_url, container, the message with its blocks, channel,
  one action. No retries and no time limit: `click` returns when the app has answered, whatever it answered (`refusals`).
- A click goes to the app whose bot wrote the message; message, edit, deletion and reaction events go to every app in the
  channel. Bot messages make no event. `app_home_opened`, slash commands, `file_share`, `view_closed`: there.
- It never sends `link_shared`, shortcuts (`message_action`), `user_change`, `subteam_members_changed`, clicks inside a
  modal, or a retry: `deliver` and `interact` post those here, signed as Slack signs, to an app in events mode.
- Modals: `views.open`, `push`, `update` show; `view_submission` is whole (id, hash, root_view_id, private_metadata,
  state.values of every input); `errors`, `update`, `push`, `clear` work. There is one pile of modals for the whole
  workspace, so two people cannot have one open each. `views.update` gives the view a new id, and an unknown id changes
  the modal on top. An input left alone arrives empty although it has an `initial_value` (`submit` sends it, as Slack
  does). `file_input` cannot be used in its web client, a state with files given to `submit` goes through; left alone it
  arrives as `selected_option: null`. A multi-line input is one line in the web client.
- Home: drawn as published. A click there names no view: `container` is an empty message, there is no `view` and no
  `state`, only the action.
- Its web client draws header, section, fields, context, buttons, selects (none chosen, whatever `initial_option` says),
  single-line inputs; in place of checkboxes, rich_text and file_input it writes `[checkboxes]` and so on. `&lt;`, live
  dates (`<!date^…>`) and emoji names stand there as they are sent. A button with a url goes to the app and nowhere else.
- Whispers (`chat.postEphemeral`) stand among the messages with `subtype: ephemeral, ephemeral_to`, and in
  `conversations.history` too, which Slack never does. What a response_url gets without `response_type` stands there for
  everybody; Slack whispers it.
- Web API: any token, or none, is the first app's; no scopes, no limits, no check of blocks or lengths, empty texts pass;
  triggers live 30 minutes and are not used up; `users.info` knows no locale, nobody is a guest or gone; every channel is
  `is_member`; `conversations.history` and `list` ignore oldest, limit and cursor; `conversations.replies` of nothing is
  an empty list instead of `thread_not_found`. `usergroups.*`, `chat.unfurl`: unknown_method. `slack_proxy` puts the
  missing strictness and methods in front of it.
"""

import json
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlencode

import pytest
import requests
import yaml
from slack_sdk.signature import SignatureVerifier
from websockets.sync.client import ClientConnection, connect

from db.words import Gate
from policy.slack import GateInSlack, Language, SlackRules

NPM = Path(__file__).with_name("npm")
BINARY = NPM / "node_modules" / "local-slack-linux-x64" / "bin" / "local-slack"
EMULATE = NPM / "node_modules" / "emulate" / "dist" / "index.js"
INSTALL = "(cd tests/npm && npm ci --ignore-scripts)"

TEAM = "T01TEST"
USERS = {
    "cs-nia": "U0NIA",
    "cs-raka": "U0RAKA",
    "cs-lead": "U0TUTI",
    "pr-sari": "U0SARI",
    "pr-budi": "U0BUDI",
    "pr-lead": "U0PUTRI",
    "legal-ani": "U0ANI",
    "legal-doni": "U0DONI",
    "legal-tono": "U0TONO",
    "legal-lead": "U0LUKAS",
    "exec-rini": "U0RINI",
    "exec-hadi": "U0HADI",
    "exec-duty": "U0DARMA",
    "exec-deputy": "U0DEWI",
}
"""Reviewers by their name on the desk."""
OUTSIDER = "U0ORANG"
"""In the workspace, and of no gate."""
CHANNELS = {"cs": "C0CS", "pr": "C0PR", "legal": "C0LEGAL", "executive": "C0EXEC"}
GENERAL = "C0GENERAL"
SIGNING_SECRET = "a secret of the tests"

LANGUAGES: dict[str, Language] = {"legal": "en", "executive": "en"}
"""Of the channels that are not in Indonesian."""

Message = dict[str, Any]
View = dict[str, Any]
T = TypeVar("T")


def slack_rules(**changes: object) -> SlackRules:
    """Rules for the workspace of `slack_server`: a channel a gate, and everybody in it by their name on the desk."""
    gates = {
        Gate(gate): GateInSlack(channel=channel, language=LANGUAGES.get(gate)) for gate, channel in CHANNELS.items()
    }
    return SlackRules.model_validate({"gates": gates, "people": USERS} | changes)


@dataclass(frozen=True)
class App:
    """An app in the workspace, as Slack knows it."""

    id: str
    bot: str
    name: str
    bot_token: str
    app_token: str
    mode: str

    @property
    def bot_id(self) -> str:
        return "B" + self.bot[1:]


OVER_HTTP = App("A0HTTP", "U0TANGGAP", "tanggap", "xoxb-over-http", "xapp-over-http", "events")
OVER_SOCKET = App("A0SOCKET", "U0SOCKET", "tanggap-socket", "xoxb-over-socket", "xapp-over-socket", "socket")


def needs_local_slack() -> None:
    """Skip where the server is not installed."""
    if not BINARY.is_file():
        pytest.skip(f"local-slack is not installed: {INSTALL}")


@dataclass
class SlackServer:
    """One local-slack with its workspace, started and stopped at will, always on the same port."""

    home: Path
    request_url: str | None = None
    """Where the app in events mode gets its clicks: the gateway's `/slack/events`. None: where nobody listens."""
    apps: Sequence[App] = (OVER_HTTP, OVER_SOCKET)
    """The apps installed there. One that is not running counts among `refusals`."""
    port: int = 0
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.port = self.port or free_port()
        self.request_url = self.request_url or f"http://127.0.0.1:{free_port()}/slack/events"
        self.http = requests.Session()

    # The server

    def start(self) -> "SlackServer":
        """Start it with nothing in its channels; returns once it answers."""
        self.home.mkdir(parents=True, exist_ok=True)
        config = self.home / "workspace.yaml"
        config.write_text(yaml.safe_dump(self._workspace(), allow_unicode=True))
        with (self.home / "local-slack.log").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    *(BINARY, "--config", config, "--port", str(self.port), "--base-host", "127.0.0.1"),
                    *("--files-dir", self.home / "files"),
                ],
                stdout=log,
                stderr=log,
            )
        until(self._answers, seconds=15)
        return self

    def stop(self) -> None:
        """Stop it politely; what stood in it is gone."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """Stop it as a crash does; what stood in it is gone."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        """Start it anew where it was."""
        self.kill()
        self.start()

    def freeze(self) -> None:
        """Let it accept connections and answer none, until `thaw`; it forgets nothing."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it answer again."""
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    def reset(self) -> None:
        """Empty every channel, modal, Home page and the log."""
        self._control("reset", {})

    @property
    def url(self) -> str:
        """Its web client."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def api_url(self) -> str:
        """Its Web API, as `TANGGAP_SLACK_API_URL`."""
        return f"{self.url}/api/"

    # What a person does

    def say(self, channel: str, user: str, text: str, *, thread: str | None = None) -> Message:
        """Write a message, in a thread if one is named."""
        given = {"channel": channel, "user": user, "text": text, **({"thread_ts": thread} if thread else {})}
        return dict(self._control("message", given)["message"])

    def edit(self, channel: str, ts: str, user: str, text: str) -> None:
        """Edit one's own message."""
        self._control("edit-message", {"channel": channel, "ts": ts, "user": user, "text": text})

    def delete(self, channel: str, ts: str, user: str) -> None:
        """Delete one's own message."""
        self._control("delete-message", {"channel": channel, "ts": ts, "user": user})

    def react(self, channel: str, ts: str, user: str, name: str, *, present: bool = True) -> None:
        """Put a reaction on a message, or take it off."""
        self._control("reaction", {"channel": channel, "ts": ts, "user": user, "name": name, "present": present})

    def click(
        self, channel: str, ts: str, user: str, action: str, value: str | None = None, *, block: str | None = None
    ) -> None:
        """Click a button of a message as it stands there; returns when the app has acknowledged.

        With `block` and `value` the button need not stand there any more: a client that had not seen the card change.
        """
        if block is None:
            found = next(
                (
                    one
                    for one in buttons(self.message(channel, ts))
                    if one["action_id"] == action and value in (None, one.get("value"))
                ),
                None,
            )
            assert found is not None, f"no button {action!r} on {channel}/{ts}: {buttons(self.message(channel, ts))}"
            block, value = found["block_id"], found.get("value")
        given = {"type": "button", "action_id": action, "block_id": block, "value": value}
        self._control("interact", {"channel": channel, "messageTs": ts, "user": user, "action": given})

    def command(self, channel: str, user: str, text: str, *, command: str = "/tanggap", app: App | None = None) -> None:
        """Type a slash command."""
        given = {"channel": channel, "user": user, "command": command, "text": text, "appId": self._app(app).id}
        self._control("command", given)

    def open_home(self, user: str, *, app: App | None = None) -> None:
        """Open the app's Home page."""
        self._control("open-home", {"user": user, "appId": self._app(app).id})

    def click_home(self, user: str, action: Mapping[str, Any], *, app: App | None = None) -> None:
        """Use an element of the Home page: `{"type": "static_select", "action_id": …, "selected_option": …}`."""
        given = {
            "t": "block_action",
            "channel": "",
            "messageTs": "",
            "user": user,
            "action": action,
            "appId": self._app(app).id,
        }
        with self._as_a_browser() as browser:
            browser.send(json.dumps(given))
            _wait_for(browser, _is_an_answer)

    def upload(self, channel: str, user: str, name: str, content: bytes, text: str = "") -> dict[str, Any]:
        """Share a file; what Slack knows of it, as a `file_input` names it too."""
        answer = self.http.post(
            f"{self.url}/_control/upload",
            data={"channel": channel, "user": user, "text": text},
            files={"file": (name, content)},
            timeout=30,
        )
        return dict(answer.json()["message"]["files"][0])

    def submit(self, user: str, values: Mapping[str, Any] | None = None) -> dict[str, str]:
        """Submit the modal on top; what the app says against each block, empty where it took it.

        `values` by block_id: a text, or an element's whole state. What is not given stays as the modal had it.
        """
        shown = self.modal()
        assert shown is not None, "no modal is open"
        inputs = {block["block_id"]: block["element"] for block in shown["blocks"] if block["type"] == "input"}
        unknown = set(values or {}) - set(inputs)
        assert not unknown, f"the modal has no {unknown}"
        state = {
            block: {element["action_id"]: found}
            for block, element in inputs.items()
            if (found := _state_of(element, (values or {}).get(block))) is not None
        }
        with self._as_a_browser() as browser:
            browser.send(json.dumps({"t": "view_submit", "user": user, "values": state}))
            frame = _wait_for(browser, lambda frame: frame["t"] in ("view", "view_errors") or _is_a_refusal(frame))
        assert frame["t"] != "log", f"the submission was not taken: {frame['entry']}"
        return dict(frame.get("errors") or {})

    def close(self, user: str) -> None:
        """Close the modal."""
        with self._as_a_browser() as browser:
            browser.send(json.dumps({"t": "view_close", "user": user}))
            _wait_for(browser, lambda frame: frame["t"] == "view")

    # What Slack sends and local-slack does not

    def deliver(self, event: Mapping[str, Any], *, number: str | None = None, **how: Any) -> requests.Response:
        """Send an event to the app in events mode. `number` is its event_id, to send the same one twice."""
        app = next(app for app in self.apps if app.mode == "events")
        body = {
            "token": "verification-token",
            "team_id": TEAM,
            "api_app_id": app.id,
            "event": {"event_ts": now_ts(), **event},
            "type": "event_callback",
            "event_id": number or f"Ev{time.time_ns()}",
            "event_time": int(time.time()),
            "authorizations": [
                {
                    "enterprise_id": None,
                    "team_id": TEAM,
                    "user_id": app.bot,
                    "is_bot": True,
                    "is_enterprise_install": False,
                }
            ],
            "is_ext_shared_channel": False,
        }
        return self.post_signed(json.dumps(body).encode(), "application/json", **how)

    def interact(self, payload: Mapping[str, Any], **how: Any) -> requests.Response:
        """Send an interaction to the app in events mode: a shortcut, a click within a modal, a click of a stranger."""
        app = next(app for app in self.apps if app.mode == "events")
        whole = {
            "api_app_id": app.id,
            "token": "verification-token",
            "team": {"id": TEAM, "domain": "nusantara-jaya"},
            "is_enterprise_install": False,
            "enterprise": None,
            "trigger_id": "1.1.none",
            "action_ts": now_ts(),
            **payload,
        }
        body = urlencode({"payload": json.dumps(whole)}).encode()
        return self.post_signed(body, "application/x-www-form-urlencoded", **how)

    def post_signed(
        self,
        body: bytes,
        kind: str,
        *,
        secret: str = SIGNING_SECRET,
        at: float | None = None,
        retry: int = 0,
        signature: str | None = None,
    ) -> requests.Response:
        """Post to the app as Slack does; with another secret, time or signature as a forger does."""
        stamp = str(int(time.time() if at is None else at))
        signed = signature or SignatureVerifier(secret).generate_signature(timestamp=stamp, body=body)
        again = {"X-Slack-Retry-Num": str(retry), "X-Slack-Retry-Reason": "http_timeout"} if retry else {}
        headers = {"Content-Type": kind, "X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": str(signed), **again}
        assert self.request_url is not None
        return requests.post(self.request_url, data=body, headers=headers, timeout=30)

    def a_trigger(self, user: str = USERS["pr-sari"]) -> str:
        """A trigger_id that opens a modal: of a click that went nowhere."""
        self._control(
            "interact",
            {
                "channel": GENERAL,
                "messageTs": "1.1",
                "user": user,
                "action": {"type": "button", "action_id": "nothing", "block_id": "nothing"},
            },
        )
        return str(self.sent("interactive")[-1]["trigger_id"])

    # What stands there

    def messages(self, channel: str) -> list[Message]:
        """Everything in a channel, oldest first, answers in threads and whispers too."""
        return list(self._get(f"messages/{channel}")["messages"])

    def message(self, channel: str, ts: str) -> Message:
        """One message."""
        found = next((one for one in self.messages(channel) if one["ts"] == ts), None)
        assert found is not None, f"nothing stands at {channel}/{ts}"
        return found

    def thread(self, channel: str, ts: str) -> list[Message]:
        """The answers to a message, oldest first."""
        return [one for one in self.messages(channel) if one.get("thread_ts") == ts and one["ts"] != ts]

    def cards(self, channel: str) -> list[Message]:
        """What the apps posted in a channel, outside of threads and not to one person alone."""
        return [
            one
            for one in self.messages(channel)
            if one.get("bot_id") and not one.get("thread_ts") and one.get("subtype") != "ephemeral"
        ]

    def whispers(self, channel: str, user: str) -> list[Message]:
        """What only this person sees in a channel."""
        return [one for one in self.messages(channel) if one.get("ephemeral_to") == user]

    def direct(self, user: str, *, app: App | None = None) -> list[Message]:
        """The direct messages between a person and the app."""
        both = {user, self._app(app).bot}
        ids = [one["id"] for one in self.state()["channels"] if one["is_im"] and both <= set(one["members"])]
        return [message for channel in ids for message in self.messages(channel)]

    def modals(self) -> list[View]:
        """The open modals, the one on top last. There is one pile for the whole workspace."""
        return list(self._snapshot()["modalStack"])

    def modal(self) -> View | None:
        """The modal on top."""
        return next(reversed(self.modals()), None)

    def home_page(self, user: str, *, app: App | None = None) -> View | None:
        """Somebody's Home page, as it was last drawn."""
        found = self._snapshot()["homeViews"].get(user) or {}
        return found.get(self._app(app).id)

    def state(self) -> dict[str, Any]:
        """Workspace, apps, users, channels."""
        return self._get("state")

    def connected(self, app: App) -> bool:
        """Whether this app is there over Socket Mode."""
        return any(one["appId"] == app.id and one.get("connected") for one in self._snapshot()["apps"])

    def log(self, kind: str | None = None) -> list[dict[str, Any]]:
        """The last thousand things that went to or came from the apps."""
        return [one for one in self._get("log")["log"] if kind is None or one["kind"] == kind]

    def sent(self, kind: str) -> list[dict[str, Any]]:
        """The payloads of one kind that went to the apps: `events_api`, `interactive`, `slash_commands`."""
        return [_payload(one["detail"]) for one in self.log(kind) if one["direction"] == "to_bot"]

    def refusals(self) -> list[str]:
        """Whatever went to the apps and was not taken: an error of theirs, nobody there."""
        return [one["summary"] for one in self.log() if _not_taken(one)]

    # Inside

    def _app(self, app: App | None) -> App:
        """The app that is meant: the first one installed, unless told."""
        return app or self.apps[0]

    def _workspace(self) -> dict[str, Any]:
        people = {**USERS, "orang-luar": OUTSIDER}
        bots = [app.bot for app in self.apps]
        return {
            "workspace": {"name": "Nusantara Jaya", "domain": "nusantara-jaya", "teamId": TEAM},
            "apps": [
                {
                    "appId": app.id,
                    "botUserId": app.bot,
                    "botName": app.name,
                    "botToken": app.bot_token,
                    "appToken": app.app_token,
                    "signingSecret": SIGNING_SECRET,
                    "mode": app.mode,
                    **({"requestUrl": self.request_url} if app.mode == "events" else {}),
                }
                for app in self.apps
            ],
            "users": [
                {
                    "id": user,
                    "name": name,
                    "real_name": name.replace("-", " ").title(),
                    "email": f"{name}@example.com",
                    "tz": "Asia/Jakarta",
                }
                for name, user in people.items()
            ],
            "channels": [
                {"id": channel, "name": f"review-{gate}", "members": [*people.values(), *bots]}
                for gate, channel in CHANNELS.items()
            ]
            + [{"id": GENERAL, "name": "general", "members": [*people.values(), *bots]}],
        }

    def _answers(self) -> bool:
        assert self.process is not None
        if self.process.poll() is not None:
            raise AssertionError((self.home / "local-slack.log").read_text()[-2000:])
        with suppress(requests.RequestException):
            return requests.get(f"{self.url}/_control/state", timeout=2).ok
        return False

    def _end(self, how: signal.Signals) -> None:
        if self.process is None:
            return
        self.process.send_signal(signal.SIGCONT)
        self.process.send_signal(how)
        self.process.wait(timeout=20)
        self.process = None

    def _control(self, path: str, given: Mapping[str, Any]) -> dict[str, Any]:
        answer = self.http.post(f"{self.url}/_control/{path}", json=given, timeout=30)
        found = dict(answer.json())
        assert found.get("ok"), f"{path}: {found}"
        return found

    def _get(self, path: str) -> dict[str, Any]:
        return dict(self.http.get(f"{self.url}/_control/{path}", timeout=30).json())

    @contextmanager
    def _as_a_browser(self) -> Iterator[ClientConnection]:
        with connect(f"ws://127.0.0.1:{self.port}/ui", max_size=None, open_timeout=10) as browser:
            browser.recv(timeout=10)
            yield browser

    def _snapshot(self) -> dict[str, Any]:
        with connect(f"ws://127.0.0.1:{self.port}/ui", max_size=None, open_timeout=10) as browser:
            return dict(json.loads(browser.recv(timeout=10))["state"])


def _wait_for(browser: ClientConnection, what: Callable[[dict[str, Any]], bool], seconds: float = 15) -> dict[str, Any]:
    end = time.monotonic() + seconds
    while True:
        frame = json.loads(browser.recv(timeout=max(0.0, end - time.monotonic())))
        if what(frame):
            return dict(frame)


def _is_an_answer(frame: Mapping[str, Any]) -> bool:
    entry = frame.get("entry") or {}
    return _is_a_refusal(frame) or (entry.get("direction") == "from_bot" and entry["kind"] in ("interactive", "ack"))


def _is_a_refusal(frame: Mapping[str, Any]) -> bool:
    return frame["t"] == "log" and _not_taken(frame["entry"])


def _not_taken(entry: Mapping[str, Any]) -> bool:
    if entry["kind"] == "web_api":
        return False
    said = entry["summary"]
    return (entry["direction"] == "from_bot" and said.startswith("HTTP ") and said != "HTTP 200") or (
        entry["direction"] == "internal" and ("POST failed" in said or "no socket connection" in said)
    )


def _state_of(element: Mapping[str, Any], given: Any) -> Mapping[str, Any] | None:
    """What an element says of itself on submission."""
    if isinstance(given, Mapping):
        return given
    kind = element["type"]
    if kind == "file_input":
        return {"type": kind, "files": []}
    if given is None:
        given = element.get("initial_value")
    return None if given is None else {"type": kind, "value": given}


def _payload(detail: Any) -> dict[str, Any]:
    """What the log keeps of a delivery: the envelope's payload over Socket Mode, the raw body over HTTP."""
    if isinstance(detail, dict):
        return detail
    if detail.startswith("{"):
        return dict(json.loads(detail))
    form = dict(parse_qsl(detail, keep_blank_values=True))
    return dict(json.loads(form["payload"])) if "payload" in form else form


def now_ts() -> str:
    """This moment as Slack writes it."""
    return f"{time.time():.6f}"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(what: Callable[[], T], seconds: float = 10, every: float = 0.02) -> T:
    """What comes of a question once it is true."""
    end = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < end, f"{what} did not hold within {seconds} s"
        time.sleep(every)
    return found


def buttons(message: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The buttons of a message, each with the block_id it stands in."""
    return [
        {**element, "block_id": block.get("block_id")}
        for block in message.get("blocks") or ()
        for element in [*(block.get("elements") or ()), *([block["accessory"]] if "accessory" in block else [])]
        if element.get("type") == "button"
    ]
