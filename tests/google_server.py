"""A small Google of the tests' own: tokens, YouTube comments, Play reviews; nobody offers such a server.

So nothing is believed of it that Google's own documents can check. Each request that it gets is held against Google's
discovery document (unknown parameters and fields, missing ones, wrong types and values), and so is each of its answers;
`mistakes` lists what does not fit. In front of it stands prism with the OpenAPI form of the same documents (`through_prism`).

    with google() as server:
        server.youtube.writes("Paket saya belum sampai")
        channel = YouTubeChannel("youtube", "default", server.youtube_settings(server.url), world)

The token endpoint speaks RFC 6749 (refresh tokens, client secrets) and RFC 7523 (it verifies the signature and the
claims of a service account's assertion).
"""

import base64
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, unquote, urlsplit

import pytest
import requests
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

PRISM = Path(__file__).with_name("npm") / "node_modules" / ".bin" / "prism"
OURS = "UCtoko0000000000000000aa"
APP = "id.toko.belanja"
FORCE_SSL = "https://www.googleapis.com/auth/youtube.force-ssl"
PUBLISHER = "https://www.googleapis.com/auth/androidpublisher"
HTML = re.compile(r"</?(?:a|b|i|u|br|p|em|strong|font)\b[^<>]*>", re.IGNORECASE)
A_WEEK = timedelta(days=7)


class Refusal(Exception):
    """An error as Google words it."""

    def __init__(self, code: int, reason: str, message: str = "no", status: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        error: dict[str, Any] = {
            "code": code,
            "message": message,
            "errors": [{"message": message, "domain": "global", "reason": reason}],
        }
        if status:
            error["status"] = status
        self.body = {"error": error}


@dataclass
class Got:
    """A request as it came."""

    method: str
    path: str
    query: list[tuple[str, str]]
    body: Any
    headers: dict[str, str]

    @property
    def params(self) -> dict[str, str]:
        """The query's parameters."""
        return dict(self.query)


@dataclass
class Google:
    """The whole of it; `reset` forgets what happened."""

    url: str = ""
    discovery: "Discovery | None" = None
    got: list[Got] = field(default_factory=list)
    mistakes: list[str] = field(default_factory=list)
    refuses: Callable[[Got], Refusal | None] = lambda got: None
    """A refusal in place of the answer."""
    spoils: Callable[[Got, Any], Any] = lambda got, said: said
    """What is answered in place of it; not held against the documents."""

    def __post_init__(self) -> None:
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.reset()

    def reset(self) -> None:
        """Begin anew, with one client, one service account, an empty channel and an app without reviews."""
        self.got, self.mistakes = [], []
        self.refuses, self.spoils = (lambda got: None), (lambda got, said: said)
        self.client = ("toko.apps.googleusercontent.com", "rahasia-klien")
        self.refresh_tokens: dict[str, str] = {"1//segar": FORCE_SSL}
        self.token_extra: dict[str, Any] = {}
        self.tokens: dict[str, str] = {}
        self.assertions: list[dict[str, Any]] = []
        self.youtube = YouTube()
        self.play = Play()

    # What an adapter needs to speak to it

    def youtube_settings(self, url: str, **changes: Any) -> dict[str, Any]:
        """Settings of the channel, good unless changed."""
        return {
            "client_id": self.client[0],
            "client_secret": self.client[1],
            "refresh_token": "1//segar",
            "channel_id": OURS,
            "api": url,
            "token_url": f"{self.url}/token",
        } | changes

    def service_key(self, key: rsa.RSAPrivateKey | None = None) -> str:
        """The service account's key file."""
        pem = (key or self.key).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return json.dumps(
            {
                "type": "service_account",
                "project_id": "toko",
                "private_key_id": "k1",
                "private_key": pem.decode(),
                "client_email": "ulasan@toko.iam.gserviceaccount.com",
                "client_id": "1",
                "token_uri": f"{self.url}/token",
            }
        )

    # Tokens

    def give_token(self, form: Mapping[str, str]) -> tuple[int, dict[str, Any]]:
        """A token, or why not (RFC 6749, 5.1 and 5.2)."""
        match form.get("grant_type"):
            case "refresh_token":
                if (form.get("client_id"), form.get("client_secret")) != self.client:
                    return 401, {"error": "invalid_client", "error_description": "The OAuth client was not found."}
                scope = self.refresh_tokens.get(form.get("refresh_token", ""))
                if scope is None:
                    return 400, {"error": "invalid_grant", "error_description": "Token has been expired or revoked."}
            case "urn:ietf:params:oauth:grant-type:jwt-bearer":
                claims = self._believed(form.get("assertion", ""))
                if claims is None:
                    return 400, {"error": "invalid_grant", "error_description": "Invalid JWT Signature."}
                self.assertions.append(claims)
                scope = claims["scope"]
            case _:
                return 400, {"error": "unsupported_grant_type"}
        token = f"ya29.{len(self.tokens)}-{time.monotonic_ns()}"
        self.tokens[token] = scope
        said = {"access_token": token, "expires_in": 3599, "scope": scope, "token_type": "Bearer"}
        return 200, said | self.token_extra

    def _believed(self, assertion: str) -> dict[str, Any] | None:
        """The claims of an assertion whose signature and times are right (RFC 7523, 3)."""
        try:
            head, body, signature = assertion.split(".")
            self.key.public_key().verify(
                _unpacked(signature), f"{head}.{body}".encode(), padding.PKCS1v15(), hashes.SHA256()
            )
            claims: dict[str, Any] = json.loads(_unpacked(body))
        except (ValueError, InvalidSignature):
            return None
        now = time.time()
        right = (
            json.loads(_unpacked(head))["alg"] == "RS256"
            and claims["iss"] == "ulasan@toko.iam.gserviceaccount.com"
            and claims["aud"] == "https://oauth2.googleapis.com/token"
            and claims["iat"] <= now + 300
            and now < claims["exp"] <= claims["iat"] + 3600
        )
        return claims if right else None

    # The APIs

    def answer(self, got: Got) -> tuple[int, Any]:
        """What is said to a request."""
        self.got.append(got)
        if self.discovery is not None:
            self.mistakes += [f"{got.method} {got.path}: {one}" for one in self.discovery.wrong(got)]
        try:
            token = got.headers.get("authorization", "").removeprefix("Bearer ")
            if token not in self.tokens:
                raise Refusal(401, "authError", "Invalid Credentials", "UNAUTHENTICATED")
            refusal = self.refuses(got)
            if refusal is not None:
                raise refusal
            needed = FORCE_SSL if got.path.startswith("/youtube/") else PUBLISHER
            if needed not in self.tokens[token].split():
                raise Refusal(403, "insufficientPermissions", "Insufficient Permission", "PERMISSION_DENIED")
            said = self.youtube.answer(got) if needed == FORCE_SSL else self.play.answer(got)
        except Refusal as error:
            return error.code, error.body
        if self.discovery is not None:
            self.mistakes += [f"answer to {got.path}: {one}" for one in self.discovery.wrong_answer(got, said)]
        return 200, self.spoils(got, said)


def _unpacked(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


# YouTube


@dataclass
class YouTube:
    """A channel of ours, the comments below its videos, and other people's videos."""

    comments: dict[str, dict[str, Any]] = field(default_factory=dict)
    videos: dict[str, dict[str, Any]] = field(default_factory=dict)
    found: list[str] = field(default_factory=list)
    """Videos that a search finds."""
    page: int = 20
    """Threads on a page, whatever is asked for: YouTube is known to give fewer."""
    inline: int = 5
    mine: tuple[str, str] = (OURS, "Toko")
    closed: set[str] = field(default_factory=set)
    """Videos without comments."""
    _number: int = 0

    def writes(
        self,
        text: str,
        *,
        by: str = "UCbudi000000000000000000",
        name: str = "@budi",
        below: str | None = None,
        at: datetime | None = None,
        video: str = "vidToko0001",
    ) -> str:
        """Somebody comments, or replies below a comment."""
        self._number += 1
        number = f"Ugz{self._number:06d}AaABAg" if below is None else f"{below}.9{self._number:06d}"
        stamp = _stamp(at or datetime.now(UTC))
        snippet = {
            "channelId": OURS,
            "videoId": video,
            "authorDisplayName": name,
            "authorChannelUrl": f"http://www.youtube.com/{name}",
            "authorChannelId": {"value": by},
            "canRate": True,
            "viewerRating": "none",
            "likeCount": 0,
            "publishedAt": stamp,
            "updatedAt": stamp,
            "text": text,
        }
        if below is not None:
            snippet["parentId"] = below
        self.comments[number] = snippet
        return number

    def edits(self, number: str, text: str, at: datetime | None = None) -> None:
        """Its author writes it anew."""
        self.comments[number] |= {"text": text, "updatedAt": _stamp(at or datetime.now(UTC))}

    def removes(self, number: str) -> None:
        """Its author takes it down, and all below it goes with it."""
        self.comments = {
            one: kept for one, kept in self.comments.items() if one != number and kept.get("parentId") != number
        }

    def publishes(self, title: str, description: str = "", *, by: str = "UCcitra00000000000000000") -> str:
        """Somebody puts up a video that our search finds."""
        self._number += 1
        number = f"vid{self._number:08d}"
        self.videos[number] = {
            "publishedAt": _stamp(datetime.now(UTC)),
            "channelId": by,
            "channelTitle": "Citra",
            "title": title,
            "description": description,
        }
        self.found.append(number)
        return number

    def below(self, number: str) -> list[str]:
        """Our replies below a comment."""
        return [
            kept["text"]
            for kept in self.comments.values()
            if kept.get("parentId") == number and kept["authorChannelId"]["value"] == OURS
        ]

    def answer(self, got: Got) -> Any:
        """One method of the API."""
        params = got.params
        match (got.method, got.path.removeprefix("/youtube/v3/")):
            case ("GET", "commentThreads"):
                return self._threads(params)
            case ("GET", "comments") if "parentId" in params:
                if params["parentId"] not in self.comments:
                    raise Refusal(404, "commentNotFound", "The parent comment could not be found.")
                every = [one for one, kept in self.comments.items() if kept.get("parentId") == params["parentId"]]
                return self._paged("youtube#commentListResponse", every, params, self._comment)
            case ("GET", "comments"):
                every = [one for one in params["id"].split(",") if one in self.comments]
                return {"kind": "youtube#commentListResponse", "items": [self._comment(one) for one in every]}
            case ("POST", "comments"):
                return self._insert(got.body["snippet"])
            case ("GET", "channels"):
                number, title = self.mine
                item = {"kind": "youtube#channel", "id": number, "snippet": {"title": title, "customUrl": "@toko"}}
                return {"kind": "youtube#channelListResponse", "items": [item] if number else []}
            case ("GET", "search"):
                return self._paged("youtube#searchListResponse", self.found, params, self._hit)
            case ("GET", "videos"):
                every = [one for one in params["id"].split(",") if one in self.videos]
                return {"kind": "youtube#videoListResponse", "items": [self._video(one) for one in every]}
        raise Refusal(404, "notFound")

    def _threads(self, params: Mapping[str, str]) -> Any:
        if params.get("allThreadsRelatedToChannelId") != OURS:
            raise Refusal(404, "channelNotFound")
        tops = [one for one, kept in self.comments.items() if "parentId" not in kept]
        tops.reverse()
        tops.sort(key=lambda one: self.comments[one]["publishedAt"], reverse=True)
        return self._paged("youtube#commentThreadListResponse", tops, params, self._thread)

    def _paged(self, kind: str, every: list[str], params: Mapping[str, str], show: Callable[[str], Any]) -> Any:
        first = int(params.get("pageToken", "0"))
        size = min(self.page, int(params.get("maxResults", "20")))
        said: dict[str, Any] = {"kind": kind, "items": [show(one) for one in every[first : first + size]]}
        if first + size < len(every):
            said["nextPageToken"] = str(first + size)
        return said

    def _comment(self, number: str) -> Any:
        kept = dict(self.comments[number])
        text = kept.pop("text")
        if kept["authorChannelId"]["value"] == OURS:
            kept["textOriginal"] = text
        kept["textDisplay"] = text
        return {"kind": "youtube#comment", "etag": f"e{number}", "id": number, "snippet": kept}

    def _thread(self, number: str) -> Any:
        below = [one for one, kept in self.comments.items() if kept.get("parentId") == number]
        thread = {
            "kind": "youtube#commentThread",
            "id": number,
            "snippet": {
                "channelId": OURS,
                "videoId": self.comments[number]["videoId"],
                "topLevelComment": self._comment(number),
                "canReply": True,
                "totalReplyCount": len(below),
                "isPublic": True,
            },
        }
        if below:
            thread["replies"] = {"comments": [self._comment(one) for one in below[: self.inline]]}
        return thread

    def _insert(self, snippet: Mapping[str, Any]) -> Any:
        parent, text = snippet.get("parentId"), snippet.get("textOriginal")
        if not text:
            raise Refusal(400, "commentTextRequired")
        if parent not in self.comments:
            raise Refusal(404, "parentCommentNotFound", "The parent comment could not be found.")
        if "parentId" in self.comments[parent]:
            raise Refusal(400, "operationNotSupported", "Replies stand below top comments only.")
        if self.comments[parent]["videoId"] in self.closed:
            raise Refusal(403, "commentsDisabled", "The video has disabled comments.")
        return self._comment(self.writes(text, by=OURS, name="@toko", below=parent))

    def _hit(self, number: str) -> Any:
        video = self.videos[number]
        snippet = video | {"title": video["title"].replace("&", "&amp;"), "description": video["description"][:20]}
        return {"kind": "youtube#searchResult", "id": {"kind": "youtube#video", "videoId": number}, "snippet": snippet}

    def _video(self, number: str) -> Any:
        counts = {"viewCount": "12000", "likeCount": "34", "commentCount": "5"}
        return {"kind": "youtube#video", "id": number, "snippet": self.videos[number], "statistics": counts}


# Google Play


@dataclass
class Play:
    """One app's reviews."""

    reviews: dict[str, dict[str, Any]] = field(default_factory=dict)
    page: int = 100
    allowed: bool = True
    _number: int = 0

    def writes(self, text: str, *, stars: int = 1, name: str = "Bagus", at: datetime | None = None) -> str:
        """Somebody reviews the app."""
        self._number += 1
        number = f"gp:AOqpTOE{self._number:06d}"
        self.reviews[number] = {"author": name, "user": self._said(text, stars, at), "developer": None}
        return number

    def edits(self, number: str, text: str, stars: int = 1, at: datetime | None = None) -> None:
        """Its author writes it anew."""
        self.reviews[number]["user"] = self._said(text, stars, at)

    def answers(self, number: str, text: str) -> None:
        """A colleague answers in the Play Console."""
        self.reviews[number]["developer"] = {"text": text, "lastModified": _seconds(datetime.now(UTC))}

    def below(self, number: str) -> list[str]:
        """The reply that people read."""
        there = self.reviews[number]["developer"]
        return [there["text"]] if there else []

    def answer(self, got: Got) -> Any:
        """One method of the API."""
        app, _, rest = got.path.removeprefix("/androidpublisher/v3/applications/").partition("/")
        if app != APP:
            raise Refusal(404, "applicationNotFound", "No application was found.", "NOT_FOUND")
        if not self.allowed:
            raise Refusal(403, "permissionDenied", "The caller does not have permission", "PERMISSION_DENIED")
        if rest == "reviews":
            return self._list(got.params)
        number = unquote(rest.removeprefix("reviews/"))
        verb = got.method == "POST" and number.endswith(":reply")
        number = number.removesuffix(":reply") if verb else number
        if number not in self.reviews:
            raise Refusal(404, "notFound", "The review was not found.", "NOT_FOUND")
        return self._reply(number, got.body) if verb else self._review(number)

    def _said(self, text: str, stars: int, at: datetime | None) -> dict[str, Any]:
        return {
            "text": text,
            "lastModified": _seconds(at or datetime.now(UTC)),
            "starRating": stars,
            "reviewerLanguage": "in",
            "device": "a52q",
            "androidOsVersion": 33,
            "appVersionCode": 420,
            "appVersionName": "4.2.0",
            "thumbsUpCount": 3,
            "thumbsDownCount": 0,
            "deviceMetadata": {"productName": "a52q (Galaxy A52)", "manufacturer": "Samsung", "ramMb": 6144},
        }

    def _list(self, params: Mapping[str, str]) -> Any:
        week = (datetime.now(UTC) - A_WEEK).timestamp()
        every = [
            one for one, kept in reversed(self.reviews.items()) if int(kept["user"]["lastModified"]["seconds"]) >= week
        ]
        every.sort(key=lambda one: _moment(self.reviews[one]["user"]["lastModified"]), reverse=True)
        first, size = int(params.get("token", "0")), min(self.page, int(params.get("maxResults", "10")))
        if not every:
            return {}
        said: dict[str, Any] = {"reviews": [self._review(one) for one in every[first : first + size]]}
        if first + size < len(every):
            said["tokenPagination"] = {"nextPageToken": str(first + size)}
        return said

    def _review(self, number: str) -> Any:
        kept = self.reviews[number]
        comments = [{"userComment": kept["user"]}]
        if kept["developer"]:
            comments.append({"developerComment": kept["developer"]})
        return {"reviewId": number, "authorName": kept["author"], "comments": comments}

    def _reply(self, number: str, body: Mapping[str, Any]) -> Any:
        text = HTML.sub("", body["replyText"])
        if len(text) > 350:
            raise Refusal(400, "badRequest", "The reply is too long.", "INVALID_ARGUMENT")
        self.answers(number, text)
        return {"result": {"replyText": text, "lastEdited": self.reviews[number]["developer"]["lastModified"]}}


def _seconds(moment: datetime) -> dict[str, Any]:
    return {"seconds": str(int(moment.timestamp())), "nanos": moment.microsecond * 1000}


def _moment(stamp: Mapping[str, Any]) -> tuple[int, int]:
    return int(stamp["seconds"]), stamp["nanos"]


# Google's own documents


class Discovery:
    """Google's discovery documents: every method's parameters, every body's fields."""

    def __init__(self, folder: Path) -> None:
        self._documents = [
            json.loads((folder / name).read_text(encoding="utf-8"))
            for name in ("youtube.v3.json", "androidpublisher.v3.json")
        ]

    def wrong(self, got: Got) -> list[str]:
        """What in a request is not as documented."""
        document, method = self._method(got)
        if method is None:
            return ["no such method"]
        known = {name: one for name, one in method["parameters"].items() if one["location"] == "query"}
        known |= document["parameters"]
        found: list[str] = []
        for name, value in got.query:
            if name not in known:
                found.append(f"unknown parameter {name}")
            else:
                found += [f"{name}: {said}" for said in _odd(value, known[name])]
        names = {name for name, _ in got.query}
        found += [f"{name} is missing" for name, one in known.items() if one.get("required") and name not in names]
        if "request" in method:
            found += self._fields(document, method["request"]["$ref"], got.body, "body")
        elif got.body is not None:
            found.append("a body where none is taken")
        return found

    def wrong_answer(self, got: Got, said: Any) -> list[str]:
        """What in an answer is not as documented."""
        document, method = self._method(got)
        return self._fields(document, method["response"]["$ref"], said, "answer") if method else []

    def _method(self, got: Got) -> tuple[dict[str, Any], Any]:
        for document in self._documents:
            for resource in document["resources"].values():
                for method in resource.get("methods", {}).values():
                    pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(method["path"]))
                    reply = got.path.endswith(":reply") == method["path"].endswith(":reply")
                    if method["httpMethod"] == got.method and reply and re.fullmatch("/" + pattern, got.path):
                        return document, method
        return {}, None

    def _fields(self, document: Mapping[str, Any], name: str, value: Any, at: str) -> list[str]:
        if not isinstance(value, dict):
            return [f"{at} is no object"]
        known = document["schemas"][name].get("properties", {})
        found: list[str] = []
        for field_, inner in value.items():
            here = f"{at}.{field_}"
            if field_ not in known:
                found.append(f"unknown field {here}")
            else:
                found += self._value(document, known[field_], inner, here)
        return found

    def _value(self, document: Mapping[str, Any], schema: Mapping[str, Any], value: Any, at: str) -> list[str]:
        if "$ref" in schema:
            return self._fields(document, schema["$ref"], value, at)
        if schema["type"] == "array":
            if not isinstance(value, list):
                return [f"{at} is no list"]
            return [said for one in value for said in self._value(document, schema["items"], one, at)]
        kinds = {"string": str, "integer": int, "boolean": bool, "number": (int, float), "object": dict, "any": object}
        if not isinstance(value, kinds[schema["type"]]):
            return [f"{at} is no {schema['type']}"]
        if schema.get("format") in ("int64", "uint64") and not re.fullmatch(r"-?\d+", str(value)):
            return [f"{at} is no number"]
        if "enum" in schema and value not in schema["enum"]:
            return [f"{at} is none of {schema['enum']}"]
        return []


def _odd(value: str, parameter: Mapping[str, Any]) -> list[str]:
    """What is wrong with a parameter's value."""
    if parameter["type"] == "integer":
        if not re.fullmatch(r"\d+", value):
            return ["no number"]
        if not int(parameter.get("minimum", 0)) <= int(value) <= int(parameter.get("maximum", 2**32)):
            return [f"{value} is out of bounds"]
    if parameter["type"] == "boolean" and value not in ("true", "false"):
        return ["neither true nor false"]
    if "enum" in parameter and value not in parameter["enum"]:
        return [f"{value} is none of {parameter['enum']}"]
    if parameter.get("format") == "google-datetime" and not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", value):
        return ["no moment"]
    return []


# Running them


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    google: Google

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except OSError:
            self.close_connection = True

    def _take(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = urlsplit(self.path)
        if parts.path == "/token":
            form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
            code, said = self.google.give_token(form)
        else:
            headers = {name.lower(): value for name, value in self.headers.items()}
            query = parse_qsl(parts.query, keep_blank_values=True)
            got = Got(self.command, unquote(parts.path), query, json.loads(body) if body else None, headers)
            code, said = self.google.answer(got)
        sent = said if isinstance(said, bytes) else json.dumps(said).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json; charset=UTF-8")
        self.send_header("Content-Length", str(len(sent)))
        self.end_headers()
        self.wfile.write(sent)

    do_GET = do_POST = do_PUT = do_DELETE = _take  # noqa: N815 - http.server's names

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


def specifications() -> Path | None:
    """Google's documents, where they lie beside this checkout."""
    folder = Path(__file__).resolve().parents[1] / ".." / "shared" / "specs" / "google"
    return folder.resolve() if (folder / "youtube.v3.json").is_file() else None


@contextmanager
def google() -> Iterator[Google]:
    """The server on a free port of this machine; its requests are checked where Google's documents are there."""
    server = Google()
    folder = specifications()
    server.discovery = Discovery(folder) if folder is not None else None
    handler = type("_Bound", (_Handler,), {"google": server})
    listening = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    listening.daemon_threads = True
    thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    server.url = f"http://127.0.0.1:{listening.server_port}"
    try:
        yield server
    finally:
        listening.shutdown()
        listening.server_close()
        thread.join()


def no_prism() -> str | None:
    """Why prism cannot stand before the server; None where it can."""
    if specifications() is None:
        return "Google's specifications do not lie beside this checkout"
    if not PRISM.is_file() or shutil.which("node") is None:
        return "prism is not installed: (cd tests/npm && npm ci --ignore-scripts)"
    return None


@contextmanager
def through_prism(upstream: str, document: str, paths: tuple[str, ...], folder: Path) -> Iterator[str]:
    """The address of a prism that holds each request and answer against the OpenAPI form of a document.

    `paths`: those that are taken over, for a quick start. Errors are not in Google's documents, so any is let through.
    """
    why = no_prism()
    if why is not None:
        pytest.skip(why)
    source = specifications()
    assert source is not None
    spec = json.loads((source / f"{document}.openapi3.json").read_text(encoding="utf-8"))
    spec["paths"] = {path: one for path, one in spec["paths"].items() if path in paths}
    assert len(spec["paths"]) == len(paths), "a path is not in the document"
    for one in spec["paths"].values():
        for method in ("get", "post"):
            if method in one:
                one[method]["responses"]["default"] = {"description": "An error"}
    file = folder / f"{document}.json"
    file.write_text(json.dumps(spec), encoding="utf-8")
    port = _free_port()
    command = [str(PRISM), "proxy", "-h", "127.0.0.1", "-p", str(port), "--errors", str(file), upstream]
    log = folder / f"{document}.log"
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, start_new_session=True)
    try:
        _wait_for(port, process, log)
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_for(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    end = time.monotonic() + 90
    while time.monotonic() < end:
        if process.poll() is not None:
            break
        try:
            requests.get(f"http://127.0.0.1:{port}/", timeout=5)
            return
        except requests.RequestException:
            time.sleep(0.2)
    raise RuntimeError(f"prism did not start: {log.read_text(errors='replace')[-2000:]}")
