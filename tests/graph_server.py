"""A small stand-in for Meta's Graph API, since nobody has an emulator of it. Stateful, on the loopback.

It answers for one Page and the Instagram account behind it: posts, comments, mentions, conversations, the Send API,
debug_token. Every request is held against Meta's own lists of edges, parameters and fields (`SPECS`, the data that its
SDKs are made of): what is not in them is refused and noted in `violations`, which the tests want empty. It refuses what
Meta refuses, with its codes: a bad token or proof, what is gone, closed windows, a second private reply, people who
block us, replies to hidden comments. It knows no reviews, no insights, no rate limits but those that a test plans.
"""

import hashlib
import hmac
import itertools
import json
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from integrations.channels.base import Asked

SPECS = Path(__file__).resolve().parents[2] / "shared" / "specs" / "meta" / "graph"
HAS_SPECS = SPECS.is_dir()

PAGE, INSTAGRAM, APP = "104000000000001", "17841400000000001", "990000000000001"
TOKEN, SECRET, VERIFY = "EAAToken-of-the-page", "app-secret-of-the-test", "verify-me"
SCOPES = [
    "pages_read_engagement",
    "pages_read_user_content",
    "pages_manage_engagement",
    "pages_manage_metadata",
    "pages_messaging",
    "instagram_basic",
    "instagram_manage_comments",
    "instagram_manage_messages",
]

# Parameters that every node or edge takes (docs/graph-api/overview, docs/graph-api/results).
GENERAL = frozenset({"fields", "limit", "after", "before", "since", "until", "appsecret_proof", "__paging_token"})
KINDS = {
    "page": "Page",
    "post": "PagePost",
    "comment": "Comment",
    "iguser": "IGUser",
    "media": "IGMedia",
    "igcomment": "IGComment",
    "thread": "UnifiedThread",
}
ENUMS = {
    "filter": {"stream", "toplevel"},
    "order": {"chronological", "reverse_chronological"},
    "platform": {"instagram", "messenger"},
    "messaging_type": {"RESPONSE", "UPDATE", "MESSAGE_TAG"},
}
"""The values of the enumerations that the lists only name (docs of each edge)."""

Node = dict[str, Any]


class Refused(Exception):
    def __init__(self, code: int, subcode: int = 0, message: str = "refused", status: int = 400) -> None:
        super().__init__(message)
        self.code, self.subcode, self.message, self.status = code, subcode, message, status


@dataclass(frozen=True)
class Wanted:
    """One name of a `fields` expression, such as `comments.limit(2){id}`."""

    name: str
    modifiers: dict[str, str]
    inside: list["Wanted"] | None


@dataclass(frozen=True)
class Planned:
    status: int
    error: dict[str, Any]
    headers: dict[str, str]
    where: Callable[[str, str], bool]
    done_first: bool = False
    """Whether the request is carried out before it is refused."""


@dataclass
class GraphServer:
    url: str = ""
    nodes: dict[str, Node] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)
    asked: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    planned: list[Planned] = field(default_factory=list)
    scopes: list[str] = field(default_factory=lambda: list(SCOPES))
    expires_at: int = 0
    human_agent: bool = False
    token: str = TOKEN
    lock: threading.RLock = field(default_factory=threading.RLock)
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(17_900_000_000_001))

    def __post_init__(self) -> None:
        self._add(PAGE, "page", name="Kopi Senja")
        self._add(INSTAGRAM, "iguser", username="kopisenja", name="Kopi Senja")
        self.post = self.writes_post("Menu baru minggu ini!", by=PAGE)
        self.media = self.posts_media("Menu baru minggu ini!")

    # What people do there

    def _add(self, key: str, kind: str, **fields: Any) -> str:
        with self.lock:
            self.nodes[key] = {"id": key, "_kind": kind, **fields}
        return key

    def number(self) -> str:
        return str(next(self.numbers))

    def writes_post(self, text: str | None, by: str, name: str = "Somebody", *, tags_us: bool = False) -> str:
        now = datetime.now(UTC)
        key = f"{by if tags_us else PAGE}_{self.number()}"
        told = {"from": {"id": by, "name": name}, "created_time": now, "updated_time": now, "_tagged": tags_us}
        permalink = f"https://www.facebook.com/{key}"
        return self._add(key, "post", permalink_url=permalink, **({"message": text} if text else {}), **told)

    def writes_comment(self, on: str, text: str, by: str, name: str = "Somebody", *, at: datetime | None = None) -> str:
        with self.lock:
            above = self.nodes[on]
            post = on if above["_kind"] == "post" else above["_post"]
            at = at or datetime.now(UTC)
            key = f"{post.rpartition('_')[2]}_{self.number()}"
            parent = {"parent": {"id": on}} if above["_kind"] == "comment" else {}
            self.nodes[post]["updated_time"] = max(at, self.nodes[post]["updated_time"])
            told = {"from": {"id": by, "name": name}, "created_time": at, "is_hidden": False, "_post": post, **parent}
            told["can_comment"] = not parent
            link = f"https://www.facebook.com/{post}?comment_id={key.rpartition('_')[2]}"
            return self._add(key, "comment", message=text, permalink_url=link, **told)

    def posts_media(self, caption: str, by: str = INSTAGRAM, username: str = "kopisenja") -> str:
        key, now = self.number(), datetime.now(UTC)
        link = f"https://www.instagram.com/p/C{key[-8:]}/"
        told = {"caption": caption, "permalink": link, "timestamp": now, "username": username, "_by": by}
        return self._add(key, "media", **told)

    def comments_on_media(self, on: str, text: str, by: str, username: str, *, hidden: bool = False) -> str:
        """On a medium or a comment; an answer to an answer stands below the first comment."""
        with self.lock:
            above = self.nodes[on]
            media = on if above["_kind"] == "media" else above["_media"]
            parent = {} if above["_kind"] == "media" else {"parent_id": above.get("parent_id", on)}
            key = self.number()
            ours = {"user": {"id": INSTAGRAM}} if by == INSTAGRAM else {}
            told = {"from": {"id": by, "username": username}, "username": username, "timestamp": datetime.now(UTC)}
            return self._add(
                key, "igcomment", text=text, hidden=hidden, like_count=0, _media=media, **told, **parent, **ours
            )

    def removes(self, key: str) -> None:
        with self.lock:
            above = self.nodes.pop(key)
            for below in [one["id"] for one in self.nodes.values() if self._parent(one) == key]:
                self.nodes.pop(below, None)
            if above["_kind"] == "comment" and above["_post"] in self.nodes:
                self.nodes[above["_post"]]["updated_time"] = datetime.now(UTC)

    def writes_message(
        self,
        by: str,
        text: str | None,
        *,
        platform: str = "messenger",
        at: datetime | None = None,
        ours: bool = False,
        attachments: Sequence[Node] = (),
    ) -> str:
        with self.lock:
            thread = f"t_{platform}_{by}"
            at = at or datetime.now(UTC)
            if thread not in self.nodes:
                self._add(thread, "thread", updated_time=at, _platform=platform, _user=by, _messages=[])
            own = PAGE if platform == "messenger" else INSTAGRAM
            mid = f"m_{self.number()}" if platform == "messenger" else f"aWd{self.number()}ZDZD"
            author = {"id": own if ours else by, **({"username": "u"} if platform == "instagram" else {"name": "N"})}
            message = {"id": mid, "created_time": at, "from": author, "message": text or ""}
            if attachments:
                message["attachments"] = {"data": list(attachments)}
            self.nodes[thread]["_messages"].append(message)
            self.nodes[thread]["updated_time"] = at
            return mid

    @staticmethod
    def _parent(node: Node) -> str | None:
        parent = node.get("parent")
        return parent["id"] if isinstance(parent, dict) else node.get("parent_id")

    # What Meta sends us

    def signs(self, body: object, secret: str = SECRET) -> Asked:
        raw = json.dumps(body).encode()
        signature = "sha256=" + hmac.new(secret.encode(), raw, hashlib.sha256).hexdigest()
        headers = {"content-type": "application/json", "x-hub-signature-256": signature}
        return Asked("POST", {}, headers, raw, "https://gateway.example/in/channel")

    # Requests

    def plan(
        self,
        code: int,
        subcode: int = 0,
        *,
        message: str = "refused",
        status: int = 400,
        where: Callable[[str, str], bool] = lambda method, path: True,
        done_first: bool = False,
        **headers: str,
    ) -> None:
        """Refuse the next request that fits."""
        error = {"message": message, "type": "OAuthException", "code": code, "error_subcode": subcode}
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.planned.append(Planned(status, {"error": error}, named, where, done_first))

    def answer(self, method: str, path: str, params: dict[str, Any], bearer: str) -> Any:
        parts = [part for part in path.split("/") if part]
        parts = parts[1:] if parts and re.fullmatch(r"v[0-9.]+", parts[0]) else parts
        if parts == ["debug_token"]:
            return self._debug_token(params, bearer)
        if bearer != self.token:
            raise Refused(190, 463, "Error validating access token", 401)
        proof = hmac.new(SECRET.encode(), self.token.encode(), hashlib.sha256).hexdigest()
        if params.pop("appsecret_proof", None) != proof:
            raise Refused(100, 0, "Invalid appsecret_proof provided in the API argument")
        node = self.nodes.get(parts[0]) if parts else None
        if node is None or len(parts) > 2:
            raise Refused(100, 33, f"Unsupported {method.lower()} request. Object does not exist")
        edge = parts[1] if len(parts) == 2 else None
        if HAS_SPECS:
            self._hold_against_the_lists(node["_kind"], method, edge, params)
        self.asked.append((method, path, params))
        wanted = _wanted(str(params.get("fields", "id")))
        if method == "GET" and edge is None:
            return self._shown(node, wanted)
        if method == "GET":
            return self._list(node, str(edge), wanted, params)
        return self._write(node, str(edge), params)

    def _hold_against_the_lists(self, kind: str, method: str, edge: str | None, params: dict[str, Any]) -> None:
        spec = _spec(KINDS[kind])
        name = {"GET": "#get", "POST": "#update", "DELETE": "#delete"}[method] if edge is None else edge
        apis = [
            api for api in spec["apis"] if api["method"] == method and (api.get("endpoint") or api.get("name")) == name
        ]
        where = f"{method} {kind}/{edge or ''}"
        if not apis:
            self._violation(f"{where}: there is no such edge")
        known = {param["name"]: param for param in apis[0]["params"]}
        general = GENERAL if method == "GET" else frozenset()
        for given, value in params.items():
            if given in known:
                if not _fits(known[given]["type"], value) or (given in ENUMS and value not in ENUMS[given]):
                    self._violation(f"{where}: {given} is no {known[given]['type']}")
            elif given not in general:
                self._violation(f"{where}: there is no parameter {given}")
        for param in apis[0]["params"]:
            if param["required"] and param["name"] not in params:
                self._violation(f"{where}: {param['name']} is missing")
        if method == "GET":
            of = KINDS[kind] if edge is None else apis[0]["return"]
            self._hold_fields(of, _wanted(str(params.get("fields", "id"))), where)

    def _hold_fields(self, of: str, wanted: list[Wanted], where: str) -> None:
        of = {"Post": "PagePost"}.get(of, of)
        if not (SPECS / f"{of}.json").is_file():
            return  # such as UnifiedMessage, which Meta's lists do not describe
        spec = _spec(of)
        types = {one["name"]: one["type"] for one in spec["fields"]}
        types |= {
            api["endpoint"]: api["return"] for api in spec["apis"] if api["method"] == "GET" and "endpoint" in api
        }
        for one in wanted:
            if one.name not in types:
                self._violation(f"{where}: {of} has no field {one.name}")
            if one.inside:
                self._hold_fields(types[one.name], one.inside, where)

    def _violation(self, said: str) -> None:
        self.violations.append(said)
        raise Refused(100, 0, said)

    def _debug_token(self, params: dict[str, Any], bearer: str) -> Any:
        if bearer != f"{APP}|{SECRET}":
            raise Refused(190, 0, "Invalid OAuth access token", 400)
        good = params.get("input_token") == self.token
        error = {} if good else {"error": {"code": 190, "message": "expired", "subcode": 463}}
        told = {"app_id": APP, "type": "PAGE", "expires_at": self.expires_at, "data_access_expires_at": 0}
        return {"data": {**told, "is_valid": good, "scopes": self.scopes if good else [], **error}}

    # Showing

    def _shown(self, node: Node, wanted: list[Wanted]) -> Node:
        shown = {"id": node["id"]}
        for one in wanted:
            value = self._value(node, one)
            if value is not None:
                shown[one.name] = value
        return shown

    def _value(self, node: Node, one: Wanted) -> Any:
        if one.name in ("comments", "replies", "reactions"):
            rows = self._below(node, one.name)
            below: Node = {"data": []}
            limit = int(one.modifiers.get("limit", 25))
            below["data"] = [self._shown(row, one.inside or []) for row in rows[:limit]]
            if "summary" in one.modifiers:
                below["summary"] = {"total_count": len(rows)}
            if len(rows) > limit > 0:
                below["paging"] = {"next": f"{self.url}/{node['id']}/{one.name}?after={limit}"}
            return below if below["data"] or "summary" in one.modifiers else None
        if one.name == "comments_count":
            return sum(row["_kind"] == "igcomment" and row["_media"] == node["id"] for row in self.nodes.values())
        if one.name == "comment_count":
            return len(self._below(node, "comments"))
        if one.name == "mentioned_comment":
            return self._mentioned(one.modifiers.get("comment_id", ""), "igcomment", one)
        if one.name == "mentioned_media":
            return self._mentioned(one.modifiers.get("media_id", ""), "media", one)
        value = node.get(one.name)
        if isinstance(value, datetime):
            return value.strftime("%Y-%m-%dT%H:%M:%S+0000")
        return value

    def _mentioned(self, key: str, kind: str, one: Wanted) -> Node:
        node = self.nodes.get(key)
        media = self.nodes.get(node["_media"]) if node and kind == "igcomment" else node
        if node is None or node["_kind"] != kind or not media or media["_by"] == INSTAGRAM:
            raise Refused(100, 33, "The object does not exist")
        return self._shown(node, one.inside or [])

    def _below(self, node: Node, edge: str, everything: bool = False) -> list[Node]:
        """Oldest first; comments on media newest first, as each has it."""
        key, kind = node["id"], node["_kind"]
        with self.lock:
            rows = list(self.nodes.values())
        if kind == "post" and edge == "comments":
            below = [one for one in rows if one["_kind"] == "comment" and one["_post"] == key]
            return below if everything else [one for one in below if "parent" not in one]
        if kind == "comment" and edge == "comments":
            return [one for one in rows if one["_kind"] == "comment" and self._parent(one) == key]
        if kind == "media" and edge == "comments":
            below = [one for one in rows if one["_kind"] == "igcomment" and one["_media"] == key]
            return [one for one in reversed(below) if "parent_id" not in one]
        if kind == "igcomment" and edge == "replies":
            return [one for one in rows if one["_kind"] == "igcomment" and one.get("parent_id") == key]
        return []

    def _list(self, node: Node, edge: str, wanted: list[Wanted], params: dict[str, Any]) -> Node:
        rows = self._rows(node, edge, params)
        since = params.get("since")
        if since is not None:
            rows = [row for row in rows if int(since) <= int(_time_of(row).timestamp())]
        start, limit = int(params.get("after", 0)), int(params.get("limit", 25))
        shown = rows[start : start + limit]
        answer: Node = {"data": [self._shown(row, wanted) for row in shown]}
        if start + limit < len(rows):
            further = start + limit
            address = f"{self.url}/v25.0/{node['id']}/{edge}?access_token=x&limit={limit}&after={further}"
            answer["paging"] = {"cursors": {"before": str(start), "after": str(further)}, "next": address}
        return answer

    def _rows(self, node: Node, edge: str, params: dict[str, Any]) -> list[Node]:
        with self.lock:
            every = list(self.nodes.values())
        if node["_kind"] == "page" and edge in ("feed", "tagged"):
            posts = [one for one in every if one["_kind"] == "post" and one["_tagged"] == (edge == "tagged")]
            return posts[::-1]
        if node["_kind"] == "page" and edge == "conversations":
            threads = [one for one in every if one["_kind"] == "thread" and one["_platform"] == params["platform"]]
            threads = [one for one in threads if params.get("user_id") in (None, one["_user"])]
            return sorted(threads, key=lambda one: one["updated_time"], reverse=True)
        if node["_kind"] == "thread":
            newest = node["_messages"][::-1][:20]
            return [{**one, "_kind": "message"} for one in newest]
        if node["_kind"] == "iguser" and edge == "media":
            return [one for one in every if one["_kind"] == "media" and one["_by"] == node["id"]][::-1]
        rows = self._below(node, edge, everything=params.get("filter") == "stream")
        if params.get("order") == "reverse_chronological":
            rows = rows[::-1]
        return rows

    # Writing

    def _write(self, node: Node, edge: str, params: dict[str, Any]) -> Node:
        kind, key = node["_kind"], node["id"]
        if edge == "comments" and kind in ("post", "comment"):
            if not node.get("can_comment", True):
                raise Refused(100, 0, "(#100) Replies to this comment are not supported")
            return {"id": self.writes_comment(key, params["message"], PAGE, "Kopi Senja")}
        if edge == "replies" and kind == "igcomment":
            if self.nodes[node["_media"]]["_by"] != INSTAGRAM:
                raise Refused(100, 33, "Unsupported post request")
            if node["hidden"]:
                raise Refused(10, 0, "Application does not have permission for this action", 403)
            return {"id": self.comments_on_media(key, params["message"], INSTAGRAM, "kopisenja")}
        if edge == "mentions" and kind == "iguser":
            above = params.get("comment_id") or params["media_id"]
            if above not in self.nodes:
                raise Refused(100, 33, "Unsupported post request")
            return {"id": self.comments_on_media(above, params["message"], INSTAGRAM, "kopisenja")}
        if edge == "messages" and kind == "page":
            return self._message(params)
        raise Refused(100, 0, "Unsupported post request")

    def _message(self, params: dict[str, Any]) -> Node:
        recipient, text = params["recipient"], params["message"]["text"]
        about = recipient.get("comment_id") or recipient.get("post_id")
        if about:
            return self._private_reply(about, text)
        threads = [one for one in self.nodes.values() if one["_kind"] == "thread" and one["_user"] == recipient["id"]]
        if not threads:
            raise Refused(100, 2018001, "No matching user found")
        thread = threads[0]
        if thread.get("_blocked"):
            raise Refused(551, 1545041, "This person isn't available right now.")
        facebook = thread["_platform"] == "messenger"
        if len(text) > 2000 if facebook else len(text.encode()) > 1000:
            raise Refused(100, 0, "Length of param message[text] must be less than or equal to the limit")
        heard = [one["created_time"] for one in thread["_messages"] if one["from"]["id"] == thread["_user"]]
        apart = datetime.now(UTC) - max(heard)
        tagged = params.get("messaging_type") == "MESSAGE_TAG"
        if tagged and (params.get("tag") != "HUMAN_AGENT" or not self.human_agent):
            raise Refused(10, 0, "(#10) This tag requires the feature Human Agent", 403)
        if apart > (timedelta(days=7) if tagged else timedelta(hours=24)):
            raise Refused(10, 2018278 if facebook else 2534022, "This message is sent outside of allowed window", 403)
        mid = self.writes_message(thread["_user"], text, platform=thread["_platform"], ours=True)
        return {"recipient_id": thread["_user"], "message_id": mid}

    def _private_reply(self, about: str, text: str) -> Node:
        node = self.nodes.get(about)
        if node is None or node["_kind"] not in ("comment", "post", "igcomment"):
            raise Refused(100, 2018292, "Invalid comment_id parameter")
        if node.get("_answered_privately"):
            raise Refused(10900, 0, "(#10900) Activity already replied to")
        if node["_kind"] == "post" and not about.startswith(f"{PAGE}_"):
            raise Refused(10903, 0, "(#10903) This user cannot reply to this activity")
        if datetime.now(UTC) - _time_of(node) > timedelta(days=7):
            raise Refused(10901, 0, "(#10901) This activity is too old")
        node["_answered_privately"] = True
        platform = "instagram" if node["_kind"] == "igcomment" else "messenger"
        return {"message_id": self.writes_message(node["from"]["id"], text, platform=platform, ours=True)}


def _time_of(node: Node) -> datetime:
    found = node.get("created_time") or node.get("timestamp") or node.get("updated_time")
    assert isinstance(found, datetime)
    return found


@cache
def _spec(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((SPECS / f"{name}.json").read_bytes())
    return found


def _fits(kind: str, value: Any) -> bool:
    """Whether a value is of a type of Meta's lists. `Object` stands for whatever the list does not describe."""
    written = str(value)
    match kind:
        case "bool":
            return written.lower() in ("true", "false", "0", "1")
        case "int" | "unsigned int":
            return written.isdigit()
        case "datetime":
            return written.isdigit() or bool(re.match(r"\d{4}-\d\d-\d\d", written))
        case "Object":
            return isinstance(value, dict | str)
        case "map":
            return isinstance(value, dict)
    if kind.startswith("list<"):
        return isinstance(value, list | str)
    return isinstance(value, str)


def _wanted(expression: str) -> list[Wanted]:
    """Read `a,b.limit(2){c,d}`."""
    found, rest = _read_wanted(expression)
    assert not rest, f"the fields {expression!r} cannot be read"
    return found


def _read_wanted(rest: str) -> tuple[list[Wanted], str]:
    found: list[Wanted] = []
    while True:
        match = re.match(r"(\w+)((?:\.\w+\([^)]*\))*)", rest)
        assert match, f"a field was due at {rest!r}"
        rest = rest[match.end() :]
        modifiers = dict(re.findall(r"\.(\w+)\(([^)]*)\)", match.group(2)))
        inside = None
        if rest.startswith("{"):
            inside, rest = _read_wanted(rest[1:])
            assert rest.startswith("}")
            rest = rest[1:]
        found.append(Wanted(match.group(1), modifiers, inside))
        if not rest.startswith(","):
            return found, rest
        rest = rest[1:]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_state: GraphServer

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except OSError:
            self.close_connection = True

    def _take(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        address = urlsplit(self.path)
        params: dict[str, Any] = dict(parse_qsl(address.query, keep_blank_values=True))
        if body:
            is_json = "json" in self.headers.get("Content-Type", "")
            params |= json.loads(body) if is_json else dict(parse_qsl(body.decode()))
        state = self.server_state
        planned = next((one for one in state.planned if one.where(self.command, address.path)), None)
        if planned is not None:
            state.planned.remove(planned)
            if planned.done_first:
                state.answer(self.command, address.path, params, self._bearer())
            self._say(planned.status, planned.error, planned.headers)
            return
        try:
            self._say(200, state.answer(self.command, address.path, params, self._bearer()), {})
        except Refused as error:
            told = {"message": error.message, "type": "OAuthException", "code": error.code, "fbtrace_id": "A1"}
            self._say(error.status, {"error": told | ({"error_subcode": error.subcode} if error.subcode else {})}, {})

    do_GET = do_POST = do_DELETE = _take  # noqa: N815 - the names that http.server looks for

    def _bearer(self) -> str:
        return self.headers.get("Authorization", "").removeprefix("Bearer ")

    def _say(self, status: int, document: object, headers: dict[str, str]) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def graph_server() -> Iterator[GraphServer]:
    """A server with one Page and one Instagram account; what it was asked must all be in Meta's lists."""
    state = GraphServer()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("_Bound", (_Handler,), {"server_state": state}))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    assert state.violations == []
