"""WhatsApp for the tests: prism over Meta's official OpenAPI document, in front of a small stand-in with telephones.

Prism checks our requests and the stand-in's answers; the stand-in keeps what a customer would read, holds to the 24
hours and renders templates. The calls to our gateway are checked against the same document.
"""

import copy
import hashlib
import hmac
import json
import re
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml
from jsonschema import Draft202012Validator

from integrations.channels.base import Asked

HERE = Path(__file__).parent
SPEC = HERE.parent.parent / "shared/specs/meta/whatsapp-business-messaging-api_v23.0.yaml"
PRISM = HERE / "npm/node_modules/.bin/prism"

TOKEN, APP_SECRET, VERIFY_TOKEN = "EAAtoko", "rahasia-aplikasi", "kata-kami"
NUMBER_ID, BUSINESS_ID, OUR_NUMBER = "106540352242900", "419561257915400", "622155500100"
CUSTOMER, CUSTOMER_USER = "6281255501234", "ID.13491208655302741900"
WINDOW = timedelta(hours=24)

PATHS = (
    "/{Version}/{Phone-Number-ID}/messages",
    "/{Version}/{WABA-ID}/message_templates",
    # The node of a telephone number; the document has several paths of this form, and prism takes the first.
    "/{Version}/{WhatsApp-Account-Number-ID}",
)


def needs_spec() -> dict[str, Any]:
    """Meta's document, or a skip that says what is missing."""
    if not SPEC.exists():
        pytest.skip(f"Meta's OpenAPI document is not here: {SPEC}")
    document: dict[str, Any] = yaml.load(SPEC.read_text(), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    return document


def unchecked() -> str | None:
    """Why our requests cannot be checked against Meta's document on this machine, if they cannot."""
    if not SPEC.exists():
        return f"Meta's OpenAPI document is not here: {SPEC}"
    if not PRISM.exists() or shutil.which("node") is None:
        return "prism is not installed: run `npm ci --ignore-scripts` in tests/npm"
    return None


def api(document: dict[str, Any], *, as_published: bool = False) -> dict[str, Any]:
    """The paths that we call.

    Unless `as_published`, with what Meta's pages tell and its document does not have: our own word for a message that
    comes back with its states, people without a number, and the look at a token (which is no part of WhatsApp's API).
    """
    short = copy.deepcopy({name: value for name, value in document.items() if name != "paths"})
    short["paths"] = {path: copy.deepcopy(document["paths"][path]) for path in PATHS}
    if as_published:
        return short
    message = short["components"]["schemas"]["BaseMessageProperties"]
    message["properties"]["biz_opaque_callback_data"] = {"type": "string", "maxLength": 512}
    message["properties"]["recipient"] = {"type": "string"}
    message["required"].remove("to")
    error = short["paths"][PATHS[2]]["get"]["responses"]["400"]
    for status in ("400", "401", "403", "404", "429", "500"):
        short["paths"][PATHS[0]]["post"]["responses"][status] = error
    token = {
        "summary": "Debug token",
        "parameters": [
            {"name": "Version", "in": "path", "required": True, "schema": {"type": "string"}},
            {"name": "input_token", "in": "query", "required": True, "schema": {"type": "string"}},
        ],
        "responses": {
            "200": {
                "description": "What is known of the token",
                "content": {"application/json": {"schema": {"type": "object", "required": ["data"]}}},
            },
            "401": error,
        },
    }
    short["paths"] = {"/{Version}/debug_token": {"get": token}, **short["paths"]}
    return short


def wrong_in_call(document: dict[str, Any], payload: dict[str, Any]) -> list[str]:
    """What Meta's document says against a call to a webhook.

    Mended in it: where schemas of one name were put together, incoming messages name the wrong one (the base of outgoing
    messages, another API's errors), and an answer to a message of ours would have to be about a product of a catalogue.
    """
    components = json.loads(
        json.dumps(document["components"]).replace(
            '"allOf": [{"$ref": "#/components/schemas/BaseMessageProperties"}',
            '"allOf": [{"$ref": "#/components/schemas/BaseMessageProperties_1"}',
        )
    )
    schemas = components["schemas"]
    schemas["ContextObject"]["required"] = ["id"]
    errors = schemas["UnsupportedMessage"]["allOf"][1]["properties"]["errors"]
    errors["items"] = {"$ref": "#/components/schemas/ErrorObject_2"}
    kinds = {
        "text": "TextMessage_2",
        "reaction": "ReactionMessage_1",
        "audio": "AudioMessage_1",
        "document": "DocumentMessage_1",
        "image": "ImageMessage_1",
        "sticker": "StickerMessage_1",
        "video": "VideoMessage_1",
        "location": "LocationMessage_1",
        "contacts": "ContactSharingMessage",
        "unsupported": "UnsupportedMessage",
        "button": "ButtonMessage",
        "interactive": "InteractiveMessageReply",
        "order": "OrderMessage",
        "system": "SystemMessage",
    }

    def against(schema: str, value: object) -> list[str]:
        named = {"$ref": f"#/components/schemas/{schema}", "components": components}
        return [f"{schema}: {error.message}" for error in Draft202012Validator(named).iter_errors(value)]

    found = [] if payload.get("object") == "whatsapp_business_account" else ["object"]
    for change in (change for entry in payload["entry"] for change in entry["changes"]):
        value = change["value"]
        found += against("Metadata", value["metadata"])
        for contact in value.get("contacts", []):
            found += against("ContactProfile", contact)
        for message in value.get("messages", []):
            found += against(kinds[message["type"]], message)
        for status in value.get("statuses", []):
            found += against("Statuses", status)
    return found


def call_of(value: dict[str, Any], field_name: str = "messages") -> dict[str, Any]:
    """The body of a call with one change."""
    return {
        "object": "whatsapp_business_account",
        "entry": [{"id": BUSINESS_ID, "changes": [{"field": field_name, "value": value}]}],
    }


def said(*messages: dict[str, Any], number_id: str = NUMBER_ID, **contact: Any) -> dict[str, Any]:
    """The body of a call about what our customer wrote."""
    contacts = [{"profile": {"name": "Rina Wulandari"}, "wa_id": CUSTOMER, **contact}]
    metadata = {"display_phone_number": OUR_NUMBER, "phone_number_id": number_id}
    value: dict[str, Any] = {"messaging_product": "whatsapp", "metadata": metadata, "messages": list(messages)}
    return call_of(value if all(one.get("type") == "system" for one in messages) else {**value, "contacts": contacts})


def told(*statuses: dict[str, Any], number_id: str = NUMBER_ID) -> dict[str, Any]:
    """The body of a call about what became of our texts."""
    metadata = {"display_phone_number": OUR_NUMBER, "phone_number_id": number_id}
    return call_of({"messaging_product": "whatsapp", "metadata": metadata, "statuses": list(statuses)})


def message(kind: str = "text", at: datetime | None = None, **fields: Any) -> dict[str, Any]:
    """One message of our customer's; without fields, a text."""
    moment = at or datetime.now(UTC)
    if kind == "text" and "text" not in fields and "type" not in fields:
        fields["text"] = {"body": "Paket saya belum sampai."}
    return {"from": CUSTOMER, "id": new_id("in"), "timestamp": str(int(moment.timestamp())), "type": kind, **fields}


_ids = iter(range(1, 10**9))


def new_id(way: str) -> str:
    """A message's id of the form that WhatsApp gives."""
    return f"wamid.HBgN{way}{next(_ids):08d}AA=="


def signed(body: dict[str, Any] | bytes, secret: str = APP_SECRET) -> Asked:
    """Meta's call with this body."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    signature = hmac.new(secret.encode(), raw, hashlib.sha256).hexdigest()
    headers = {"content-type": "application/json", "x-hub-signature-256": f"sha256={signature}"}
    return Asked("POST", {}, headers, raw, "https://gateway.example/in/whatsapp")


@dataclass
class Telephones:
    """What stands in Meta's place: who may be written to, what they read, and what was asked."""

    url: str = ""
    """Prism's address, or the stand-in's own where prism is left out."""
    heard_at: dict[str, datetime] = field(default_factory=dict)
    read: dict[str, list[str]] = field(default_factory=dict)
    asked: list[dict[str, Any]] = field(default_factory=list)
    templates: list[dict[str, Any]] = field(default_factory=list)
    refusals: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    """What the next posts are refused with: status and body."""
    number: dict[str, Any] = field(
        default_factory=lambda: {
            "id": NUMBER_ID,
            "display_phone_number": "+62 21-5550-0100",
            "verified_name": "Toko Senja",
            "status": "CONNECTED",
            "quality_rating": "GREEN",
            "name_status": "APPROVED",
            "messaging_limit_tier": "TIER_1K",
        }
    )
    token: dict[str, Any] = field(
        default_factory=lambda: {"is_valid": True, "expires_at": 0, "scopes": ["whatsapp_business_messaging"]}
    )

    def writes(self, who: str = CUSTOMER, at: datetime | None = None) -> None:
        """A customer writes to us: their 24 hours begin."""
        self.heard_at[who] = at or datetime.now(UTC)

    def rendered(self, sent: dict[str, Any]) -> str | None:
        """What a template message reads like on the telephone; None where there is no such template."""
        wanted = (sent["template"]["name"], sent["template"]["language"]["code"])
        template = next((one for one in self.templates if (one["name"], one["language"]) == wanted), None)
        if template is None or template["status"] != "APPROVED":
            return None
        parts = {part["type"]: part["text"] for part in template["components"]}
        given = [value for part in sent["template"].get("components", []) for value in part["parameters"]]
        values = {value.get("parameter_name", str(index)): value["text"] for index, value in enumerate(given, 1)}
        if set(values) != set(re.findall(r"\{\{(\w+)\}\}", parts["BODY"])):
            return None
        body = re.sub(r"\{\{(\w+)\}\}", lambda slot: values[slot[1]], parts["BODY"])
        return "\n".join(text for text in (parts.get("HEADER"), body, parts.get("FOOTER")) if text)


def fault(code: int, text: str = "no", subcode: int | None = None) -> dict[str, Any]:
    """An error as the Graph API tells it."""
    said_too = {} if subcode is None else {"error_subcode": subcode}
    return {"error": {"message": text, "type": "OAuthException", "code": code, "fbtrace_id": "Az8or2yhq", **said_too}}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    there: Telephones

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        path = parts.path.split("/")[2:]
        if not self._believed():
            return
        match path:
            case ["debug_token"]:
                self._say(200, {"data": self.there.token})
            case [node] if node == NUMBER_ID:
                wanted = {"id", *query.get("fields", "").split(",")}
                self._say(200, {name: value for name, value in self.there.number.items() if name in wanted})
            case [account, "message_templates"] if account == BUSINESS_ID:
                found = [one for one in self.there.templates if one["name"] == query.get("name", one["name"])]
                self._say(200, {"data": found, "paging": {"cursors": {"before": "a", "after": "b"}}})
            case _:
                self._say(400, fault(100, "Object does not exist", 33))

    def do_POST(self) -> None:
        sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if not self._believed():
            return
        if self.path.split("/")[2:] != [NUMBER_ID, "messages"]:
            self._say(400, fault(100, "Object does not exist", 33))
            return
        if self.there.refusals:
            self._say(*self.there.refusals.pop(0))
            return
        who = sent.get("to") or sent["recipient"]
        heard_at = self.there.heard_at.get(who)
        text = sent["text"]["body"] if sent["type"] == "text" else self.there.rendered(sent)
        if sent["type"] == "text" and (heard_at is None or datetime.now(UTC) > heard_at + WINDOW):
            self._say(400, fault(131047, "Re-engagement message"))
        elif text is None:
            self._say(404, fault(132001, "Template does not exist"))
        else:
            self.there.asked.append(sent)
            self.there.read.setdefault(who, []).append(text)
            named = {"input": who, "wa_id": who} if "to" in sent else {"input": who}
            answer = {"messaging_product": "whatsapp", "contacts": [named], "messages": [{"id": new_id("out")}]}
            self._say(200, answer)

    def _believed(self) -> bool:
        if self.headers.get("Authorization") == f"Bearer {TOKEN}":
            return True
        self._say(401, fault(190, "Invalid OAuth access token", 463))
        return False

    def _say(self, status: int, body: dict[str, Any]) -> None:
        raw = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def telephones() -> Iterator[Telephones]:
    """The stand-in alone."""
    there = Telephones()
    handler = type("Bound", (_Handler,), {"there": there})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    there.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield there
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def prism(document: dict[str, Any], folder: Path, upstream: str | None = None) -> Iterator[str]:
    """Prism over the document: before `upstream`, or answering by itself with the document's examples."""
    (folder / "whatsapp.json").write_text(json.dumps(document))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [str(PRISM), "mock" if upstream is None else "proxy", "-h", "127.0.0.1", "-p", str(port), "--errors"]
    command += [str(folder / "whatsapp.json"), *([] if upstream is None else [upstream])]
    with (folder / "prism.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        try:
            _until_it_listens(port, process, folder / "prism.log")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _until_it_listens(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + 90
    while time.monotonic() < end and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise RuntimeError(f"prism does not listen: {log.read_text()[-2000:]}")
