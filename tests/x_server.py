"""A small X for the tests: users, posts with their history, direct messages, and the rules that X documents for them.

    server = XServer(spec=SPEC if SPEC.exists() else None).start()
    post = server.writes("pelanggan", "@tokomaju paket saya belum sampai")
    server.broken_rules          # what the official specification says against our requests and these answers

It checks signatures (OAuth 1.0a, RFC 5849) and their age, lets an app answer only where it was summoned, refuses the
same words twice, counts texts by twitter-text's weights, escapes them and shortens their links as X does, pages newest
first, shows only so many mentions, searches seven days back, keeps blocks and closed messages. Its time is the real
one, `off` by as much as a test wants. It answers in both of X's vocabularies. What it cannot: films, polls, lists.
"""

import base64
import hashlib
import hmac
import html
import json
import os
import re
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

from oauthlib.oauth1.rfc5849 import signature

PRISM = Path(__file__).parent / "npm/node_modules/.bin/prism"
SPEC = Path(__file__).parents[2] / "shared/specs/x/openapi.json"
"""X's own description of its API; it may not be copied into this repository."""
USED = {
    "/2/users/me",
    "/2/users/{id}/mentions",
    "/2/users/{id}/tweets",
    "/2/tweets",
    "/2/tweets/search/recent",
    "/2/dm_events",
    "/2/dm_conversations/with/{participant_id}/dm_events",
    "/2/dm_conversations/with/{participant_id}/messages",
}
"""Of its 149 paths; Prism takes a while for each."""
PROBLEMS = "https://api.x.com/2/problems/"
TWITTER_TIME = "%a %b %d %H:%M:%S %z %Y"
BEGINNING_MS = 1_288_834_974_657
LINK = re.compile(
    r"https?://[^\s<>\"]*[^\s<>\".,;:!?)]|(?<![\w@.-])(?:[a-z0-9-]+\.)+(?:com|id|example)\b(?:/\S*)?", re.I
)
MENTION = re.compile(r"(?<!\w)@(\w{1,15})")
LIGHT = ((0, 4351), (8192, 8205), (8208, 8223), (8242, 8247))
Json = dict[str, Any]


@dataclass
class Account:
    id: str
    username: str
    name: str
    followers: int = 10
    protected: bool = False
    automated: bool = False
    takes_messages: bool = True
    blocks: set[str] = field(default_factory=set)


@dataclass
class Version:
    id: int
    text: str
    """As its author wrote it."""
    at: datetime


@dataclass
class Written:
    versions: list[Version]
    author: Account
    to: "Written | None" = None
    quotes: "Written | None" = None
    repeats: "Written | None" = None
    there: bool = True
    media: tuple[str, ...] = ()
    likes: int = 0

    @property
    def last(self) -> Version:
        return self.versions[-1]

    @property
    def ids(self) -> list[str]:
        return [str(one.id) for one in self.versions]


@dataclass
class Message:
    id: int
    sender: Account
    recipient: Account
    text: str
    at: datetime


class Refused(Exception):
    def __init__(self, status: int, body: Json, **headers: str) -> None:
        super().__init__(status)
        self.status = status
        self.body = body
        self.headers = headers


def refusal(status: int, detail: str, code: int | None = None, kind: str = "about:blank", title: str = "") -> Refused:
    """X's problem and, beside it, the `code` and `message` by which its specification describes other errors."""
    said = {"code": code or status, "message": detail, "title": title or "Forbidden", "detail": detail}
    return Refused(status, {**said, "type": kind, "status": status})


class XServer:
    def __init__(self, spec: Path | None = None) -> None:
        self.accounts: dict[str, Account] = {}
        self.consumer_key, self.consumer_secret = "app-key", "app-secret"
        self.bearer = "app-bearer"
        self.ours = self.joins("tokomaju", "Toko Maju")
        self.tokens = {f"{self.ours.id}-token": ("token-secret", self.ours)}
        self.access_level = "read-write-directmessages"
        self.enterprise = False
        self.old_versions_are_answered = True
        self.mention_limit = 800
        self.page_limit = 100
        self.off = timedelta(0)
        self.posts: list[Written] = []
        self.messages: list[Message] = []
        self.known_as: set[str] = set()
        """Under which addresses clients reach it: they sign what they call."""
        self.refuses: list[Refused] = []
        """What the next requests are answered."""
        self.asked: list[tuple[str, str, Json]] = []
        """Method, path and parameters or body of each request."""
        self.broken_rules: list[str] = []
        self.url = ""
        self._rules = rules_of(spec) if spec else None
        self._lock = threading.RLock()

    # People

    def joins(self, username: str, name: str = "", **more: Any) -> Account:
        account = Account(str(1001 + len(self.accounts)), username, name or username.title(), **more)
        self.accounts[username.lower()] = account
        return account

    def account(self, username: str) -> Account:
        return self.accounts.get(username.lower()) or self.joins(username)

    def writes(self, who: str, text: str, *, at: datetime | None = None, **more: Any) -> Written:
        """`to`, `quotes`, `repeats`: another post; `at`: when, for one of long ago."""
        with self._lock:
            at = at or self.now()
            post = Written([Version(self.number(at), text, at)], self.account(who), **more)
            self.posts.append(post)
            return post

    def edits(self, post: Written, text: str) -> None:
        with self._lock:
            now = self.now()
            assert post.to is None, "X: replies cannot be edited"
            assert now - post.versions[0].at < timedelta(minutes=30), "X: after 30 minutes nothing is edited"
            assert len(post.versions) <= 5, "X: five edits at most"
            post.versions.append(Version(self.number(now), text, now))

    def sends(self, who: str, text: str, to: str | None = None) -> Message:
        with self._lock:
            now = self.now()
            recipient = self.account(to) if to else self.ours
            message = Message(self.number(now), self.account(who), recipient, text, now)
            self.messages.append(message)
            return message

    def answers_to(self, post: Written) -> list[str]:
        """What people read of our answers there."""
        return [one.last.text for one in self.posts if one.to is post and one.author is self.ours and one.there]

    def messages_to(self, who: str) -> list[str]:
        there = self.account(who)
        return [one.text for one in self.messages if one.sender is self.ours and one.recipient is there]

    def by_id(self, number: str) -> Written | None:
        return next((one for one in self.posts if number in one.ids), None)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.off

    def number(self, at: datetime) -> int:
        """An id: time above, then a count, never the same twice."""
        low = (int(at.timestamp() * 1000) - BEGINNING_MS) << 22
        taken = {version.id for post in self.posts for version in post.versions} | {one.id for one in self.messages}
        while low in taken:
            low += 1
        return low

    # The server

    def start(self) -> "XServer":
        handler = type("Bound", (Handler,), {"x": self})
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        self.known_as.add(self.url)
        return self

    def stop(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def answer(
        self, method: str, target: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, dict[str, str], Json]:
        parts = urlsplit(target)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        more = {"Date": format_datetime(self.now(), usegmt=True), "x-access-level": self.access_level}
        with self._lock:
            try:
                given = json.loads(body) if body else {}
                self.asked.append((method, parts.path, given or query))
                if self.refuses:
                    raise self.refuses.pop(0)
                who = self._believed(method, target, headers)
                status, said = self._route(method, parts.path, query, given, who)
            except Refused as refused:
                status, said = refused.status, refused.body
                more |= refused.headers
        if self._rules:
            self.broken_rules += self._rules.broken_by(method, target, headers, body, status, said)
        return status, more, said

    def _believed(self, method: str, target: str, headers: dict[str, str]) -> Account | None:
        """Whose token it is; None for the app itself."""
        given = headers.get("authorization", "")
        if given.startswith("Bearer "):
            if given != f"Bearer {self.bearer}":
                raise refusal(401, "Unauthorized", title="Unauthorized")
            return None
        parameters = dict(signature.collect_parameters(headers={"Authorization": given}, exclude_oauth_signature=False))
        token, key = parameters.get("oauth_token", ""), parameters.get("oauth_consumer_key")
        if key != self.consumer_key or token not in self.tokens:
            raise refusal(401, "Could not authenticate you.", 32, title="Unauthorized")
        secret, account = self.tokens[token]
        age = self.now().timestamp() - float(parameters.get("oauth_timestamp", 0))
        if abs(age) > 300:
            raise refusal(401, "Timestamp out of bounds.", 135, title="Unauthorized")
        query = urlsplit(target).query
        signed = signature.collect_parameters(uri_query=query, headers={"Authorization": given})
        normal = signature.normalize_parameters(signed)
        keys = Keys(self.consumer_secret, secret)
        for base in self.known_as:
            uri = signature.base_string_uri(base + urlsplit(target).path)
            text = signature.signature_base_string(method, uri, normal)
            if hmac.compare_digest(
                signature.sign_hmac_sha1_with_client(text, keys), parameters.get("oauth_signature", "")
            ):
                return account
        raise refusal(401, "Could not authenticate you.", 32, title="Unauthorized")

    def _route(self, method: str, path: str, query: Json, body: Json, who: Account | None) -> tuple[int, Json]:
        match method, path.strip("/").split("/"):
            case "GET", ["2", "users", "me"]:
                return 200, {"data": self._user(self._user_context(who))}
            case "GET", ["2", "users", number, "mentions"]:
                return 200, self._listed(self._mentions_of(number), query, "pagination_token")
            case "GET", ["2", "users", number, "tweets"]:
                own = [one for one in self.posts if one.author.id == number and one.there]
                return 200, self._listed(own, query, "pagination_token")
            case "GET", ["2", "tweets", "search", "recent"]:
                return 200, self._listed(self._searched(query), query, "next_token")
            case "GET", ["2", "tweets"]:
                return 200, self._looked_up(query, who)
            case "POST", ["2", "tweets"]:
                return 201, self._posted(body, self._user_context(who))
            case "GET", ["2", "dm_events"]:
                us = self._user_context(who)
                return 200, self._talk([one for one in self.messages if us in (one.sender, one.recipient)], query)
            case "GET", ["2", "dm_conversations", "with", number, "dm_events"]:
                us = self._user_context(who)
                between = [one for one in self.messages if {one.sender.id, one.recipient.id} == {us.id, number}]
                return 200, self._talk(between, query)
            case "POST", ["2", "dm_conversations", "with", number, "messages"]:
                return 201, self._sent(number, body, self._user_context(who))
        raise refusal(404, "Not Found", title="Not Found")

    def _user_context(self, who: Account | None) -> Account:
        if who is None:
            raise refusal(403, "Authenticating with OAuth 2.0 Application-Only is forbidden for this endpoint.")
        return who

    # Reading

    def _mentions_of(self, number: str) -> list[Written]:
        us = next((one for one in self.accounts.values() if one.id == number), None)
        if us is None:
            return []
        found = [one for one in self.posts if one.there and us in self._named_in(one)]
        return sorted(found, key=lambda one: one.last.id)[-self.mention_limit :]

    def _named_in(self, post: Written) -> list[Account]:
        names = [
            self.accounts[name.lower()] for name in MENTION.findall(post.last.text) if name.lower() in self.accounts
        ]
        return [*self._hidden_names(post), *names]

    def _hidden_names(self, post: Written) -> list[Account]:
        """X puts whom a reply answers before its text."""
        return [post.to.author] if post.to and post.to.author is not post.author else []

    def _searched(self, query: Json) -> list[Written]:
        since = int(query.get("since_id", 0))
        week = (int((self.now() - timedelta(days=7)).timestamp() * 1000) - BEGINNING_MS) << 22
        if since < week:
            raise Refused(
                400,
                {
                    "type": PROBLEMS + "invalid-request",
                    "title": "Invalid Request",
                    "detail": "'since_id' must be a post id created after seven days ago",
                },
            )
        wanted = Query(query["query"])
        return [one for one in self.posts if one.there and not one.author.protected and wanted.takes(one, self)]

    def _listed(self, posts: list[Written], query: Json, mark: str) -> Json:
        since, until = int(query.get("since_id", 0)), int(query.get("until_id", 2**63))
        posts = [one for one in posts if since < one.last.id < until and not ("exclude" in query and one.repeats)]
        posts.sort(key=lambda one: one.last.id, reverse=True)
        size = min(int(query.get("max_results", 10)), self.page_limit)
        before = int(base64.b32hexdecode(query[mark])) if mark in query else 2**63
        rest = [one for one in posts if one.last.id < before]
        page = rest[:size]
        said: Json = {"meta": {"result_count": len(page)}}
        if page:
            said["data"] = [self._post(one, query) for one in page]
            said["includes"] = self._beside(page, query)
            said["meta"] |= {"newest_id": str(page[0].last.id), "oldest_id": str(page[-1].last.id)}
        if len(rest) > size:
            said["meta"]["next_token"] = base64.b32hexencode(f"{page[-1].last.id:020d}".encode()).decode()
        return said

    def _looked_up(self, query: Json, who: Account | None) -> Json:
        found, missing = [], []
        for number in query["ids"].split(","):
            post = self.by_id(number)
            if post is None or not post.there:
                missing.append(self._problem("resource-not-found", "Not Found Error", number))
            elif post.author.protected and post.author is not who:
                missing.append(self._problem("not-authorized-for-resource", "Authorization Error", number))
            else:
                found.append((number, post))
        said: Json = {}
        if found:
            said["data"] = [self._post(post, query, number) for number, post in found]
            said["includes"] = self._beside([post for _, post in found], query)
        if missing:
            said["errors"] = missing
        return said

    def _problem(self, kind: str, title: str, number: str) -> Json:
        said = {
            "type": PROBLEMS + kind,
            "title": title,
            "detail": f"Could not find post with ids: [{number}].",
            "resource_type": "post",
            "resource_id": number,
            "parameter": "ids",
            "value": number,
        }
        return said

    def _post(self, post: Written, query: Json, number: str | None = None) -> Json:
        version = next((one for one in post.versions if str(one.id) == number), post.last)
        old = "tweet.fields" in query
        fields = set((query.get("tweet.fields" if old else "post.fields") or "").split(","))
        more = set((query.get("expansions") or "").split(","))
        text, entities = self._set(post, version.text)
        said: Json = {"id": str(version.id), "text": text}
        if len(text) > 280:
            note = "note_tweet" if old else "note_post"
            if note in fields:
                said[note] = {"text": text, "entities": entities}
            said["text"] = text[:270] + "…"
        if "created_at" in fields:
            said["created_at"] = version.at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{version.at.microsecond // 1000:03d}Z"
        if "conversation_id" in fields:
            root = post
            while root.to:
                root = root.to
            said["conversation_id"] = root.ids[0]
        if "lang" in fields:
            said["lang"] = "in"
        if "entities" in fields:
            said["entities"] = entities
        if "public_metrics" in fields:
            replies = sum(one.to is post for one in self.posts)
            said["public_metrics"] = {
                "retweet_count" if old else "repost_count": sum(one.repeats is post for one in self.posts),
                "reply_count": replies,
                "like_count": post.likes,
                "quote_count": sum(one.quotes is post for one in self.posts),
                "bookmark_count": 0,
                "impression_count": 100,
            }
        if "attachments" in fields and post.media:
            said["attachments"] = {"media_keys": list(post.media)}
        if "author_id" in (fields if old else more):
            said["author_id"] = post.author.id
        references = self._references(post)
        if references and ("referenced_tweets" in fields if old else "referenced_posts" in more):
            said["referenced_tweets" if old else "referenced_posts"] = references
        if old:
            said["edit_history_tweet_ids"] = post.ids
        elif "edit_history_post_ids" in more:
            said["edit_history_post_ids"] = post.ids
        if old and "in_reply_to_user_id" in fields and post.to:
            said["in_reply_to_user_id"] = post.to.author.id
        return said

    def _references(self, post: Written) -> list[Json]:
        pairs = (("replied_to", post.to), ("quoted", post.quotes), ("retweeted", post.repeats))
        return [{"type": how, "id": other.ids[0]} for how, other in pairs if other]

    def _set(self, post: Written, words: str) -> tuple[str, Json]:
        """A text as X shows it: names before replies, links shortened, entities escaped."""
        in_front = "".join(f"@{one.username} " for one in self._hidden_names(post))
        urls: list[Json] = []

        def shortened(found: re.Match[str]) -> str:
            link = found[0] if found[0].lower().startswith("http") else "http://" + found[0]
            short = "https://t.co/" + hashlib.sha256(link.encode()).hexdigest()[:10]
            shown = link.partition("://")[2]
            urls.append(
                {"url": short, "expanded_url": link, "display_url": shown, "start": found.start(), "end": found.end()}
            )
            return short

        text = in_front + LINK.sub(shortened, unicodedata.normalize("NFC", words).strip())
        if post.media:
            text += " https://t.co/picture000"
            urls.append(
                {
                    "url": "https://t.co/picture000",
                    "expanded_url": "https://x.com/i/photo/1",
                    "start": 0,
                    "end": 1,
                    "display_url": "pic.x.com/picture000",
                    "media_key": post.media[0],
                }
            )
        if post.quotes:
            link = f"https://x.com/{post.quotes.author.username}/status/{post.quotes.ids[0]}"
            text += " https://t.co/quoted0000"
            urls.append(
                {"url": "https://t.co/quoted0000", "expanded_url": link, "display_url": link[8:], "start": 0, "end": 1}
            )
        named = [{"start": 0, "end": 1, "username": one.username, "id": one.id} for one in self._named_in(post)]
        return html.escape(text, quote=False), {"urls": urls, "mentions": named}

    def _beside(self, posts: list[Written], query: Json) -> Json:
        more = set((query.get("expansions") or "").split(","))
        said: Json = {}
        people = {one.author.id: one.author for one in posts}
        others = [one for post in posts for one in (post.to, post.quotes, post.repeats) if one]
        if "referenced_posts" in more:
            people |= {one.author.id: one.author for one in others}
            shown = {one.ids[-1]: self._post(one, query) for one in others if one.there}
            if "edit_history_post_ids" in more:
                shown |= {number: self._post(one, query, number) for one in posts for number in one.ids[:-1]}
                shown |= {one.ids[-1]: self._post(one, query) for one in posts if len(one.ids) > 1}
            if shown:
                said["posts"] = list(shown.values())
        if "author_id" in more:
            said["users"] = [self._user(one) for one in people.values()]
        return said

    def _user(self, account: Account) -> Json:
        counts = {"followers_count": account.followers, "following_count": 1, "post_count": 1, "listed_count": 0}
        said: Json = {"id": account.id, "username": account.username, "name": account.name, "verified": False}
        said["public_metrics"] = {**counts, "tweet_count": 1}
        if account.automated:
            said["affiliation"] = {"description": "Automated"}
        return said

    # Writing

    def _posted(self, body: Json, us: Account) -> Json:
        text = body.get("text", "")
        if "write" not in self.access_level:
            raise refusal(403, "Your client app is not configured with the appropriate oauth1 app permissions.")
        if weight(text) > 280:
            raise refusal(403, "Your Tweet text is too long.", 186)
        if any(one.author is us and one.there and one.last.text == text for one in self.posts):
            raise refusal(403, "You are not allowed to create a Tweet with duplicate content.", 187)
        to = None
        if "reply" in body:
            to = self.by_id(body["reply"]["in_reply_to_tweet_id"])
            old = to is not None and body["reply"]["in_reply_to_tweet_id"] != to.ids[-1]
            if to is None or not to.there or to.author.protected or (old and not self.old_versions_are_answered):
                raise refusal(403, "You attempted to reply to a Tweet that is deleted or not visible to you.", 385)
            if us.id in to.author.blocks:
                raise refusal(403, "You have been blocked from the author of this tweet.", 136)
            quoted_us = to.quotes is not None and to.quotes.author is us
            if not self.enterprise and us not in self._named_in(to) and not quoted_us:
                raise refusal(
                    403,
                    "Reply to this conversation is not allowed because you have not been mentioned or otherwise engaged "
                    "by the author of the post you are replying to.",
                )
        post = self.writes(us.username, text, to=to)
        return {"data": {"id": post.ids[0], "text": self._set(post, text)[0], "edit_history_tweet_ids": post.ids}}

    def _sent(self, number: str, body: Json, us: Account) -> Json:
        there = next((one for one in self.accounts.values() if one.id == number), None)
        if "directmessages" not in self.access_level:
            raise refusal(403, "Your client app is not configured with the appropriate oauth1 app permissions.")
        if there is None or not there.takes_messages or us.id in there.blocks:
            raise refusal(403, "You do not have permission to DM one or more participants.", 349)
        message = self.sends(us.username, body["text"], there.username)
        low, high = sorted((us.id, number), key=int)
        return {"data": {"dm_conversation_id": f"{low}-{high}", "dm_event_id": str(message.id)}}

    def _talk(self, messages: list[Message], query: Json) -> Json:
        messages = sorted(messages, key=lambda one: one.id, reverse=True)
        before = int(base64.b32hexdecode(query["pagination_token"])) if "pagination_token" in query else 2**63
        rest = [one for one in messages if one.id < before]
        size = min(int(query.get("max_results", 100)), self.page_limit)
        page = rest[:size]
        said: Json = {"meta": {"result_count": len(page)}}
        if page:
            said["data"] = [
                {
                    "id": str(one.id),
                    "event_type": "MessageCreate",
                    "text": html.escape(one.text, quote=False),
                    "sender_id": one.sender.id,
                    "created_at": one.at.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
                }
                for one in page
            ]
            people = {one.sender.id: one.sender for one in page}
            said["includes"] = {"users": [self._user(one) for one in people.values()]}
        if len(rest) > size:
            said["meta"]["next_token"] = base64.b32hexencode(f"{page[-1].id:020d}".encode()).decode()
        return said

    # Calls to us

    def old_post(self, post: Written) -> Json:
        """A post as Account Activity has it (version 1.1)."""
        text, entities = self._set(post, post.last.text)
        named = [{"screen_name": one["username"], "id_str": one["id"]} for one in entities["mentions"]]
        media = [one for one in entities["urls"] if "media_key" in one]
        said: Json = {
            "created_at": post.last.at.strftime(TWITTER_TIME),
            "id": post.last.id,
            "id_str": str(post.last.id),
            "text": text,
            "truncated": False,
            "user": self.old_user(post.author),
            "in_reply_to_status_id_str": post.to.ids[0] if post.to else None,
            "in_reply_to_user_id_str": post.to.author.id if post.to else None,
            "lang": "in",
            "entities": {"urls": [one for one in entities["urls"] if one not in media], "user_mentions": named},
            "reply_count": 0,
            "retweet_count": 0,
            "favorite_count": post.likes,
            "quote_count": 0,
        }
        if media:
            pictures = [{**one, "id_str": "77", "type": "photo"} for one in media]
            said["entities"]["media"] = pictures
            said["extended_entities"] = {"media": pictures}
        if len(text) > 280:
            long = {"full_text": text, "entities": said["entities"]}
            said |= {"text": text[:130] + "… https://t.co/whole00000", "truncated": True, "extended_tweet": long}
        if len(post.versions) > 1:
            said["edit_history"] = {"initial_tweet_id": post.ids[0], "edit_tweet_ids": post.ids}
        if post.quotes:
            said |= {"quoted_status_id_str": post.quotes.ids[0], "quoted_status": self.old_post(post.quotes)}
        if post.repeats:
            said["retweeted_status"] = self.old_post(post.repeats)
        return said

    def old_user(self, account: Account) -> Json:
        return {
            "id": int(account.id),
            "id_str": account.id,
            "screen_name": account.username,
            "name": account.name,
            "verified": False,
            "followers_count": account.followers,
        }

    def old_message(self, message: Message) -> Json:
        people = {message.sender.id: message.sender, message.recipient.id: message.recipient}
        return {
            "for_user_id": self.ours.id,
            "direct_message_events": [
                {
                    "type": "message_create",
                    "id": str(message.id),
                    "created_timestamp": str(int(message.at.timestamp() * 1000)),
                    "message_create": {
                        "target": {"recipient_id": message.recipient.id},
                        "sender_id": message.sender.id,
                        "message_data": {"text": html.escape(message.text, quote=False), "entities": {"urls": []}},
                    },
                }
            ],
            "users": {
                number: {"id": number, "screen_name": one.username, "name": one.name, "followers_count": one.followers}
                for number, one in people.items()
            },
        }

    def signed(self, body: bytes) -> str:
        return (
            "sha256="
            + base64.b64encode(hmac.new(self.consumer_secret.encode(), body, hashlib.sha256).digest()).decode()
        )


@dataclass
class Keys:
    client_secret: str
    resource_owner_secret: str


class Query:
    """As much of X's query language as the tests use: names, words, from:, -is:retweet, OR, parentheses, `-`."""

    def __init__(self, text: str) -> None:
        self._words = re.findall(r'-?"[^"]*"|-?\(|\)|[^\s()]+', text)
        self._tree = self._either()
        assert not self._words, f"the query {text!r} does not end"

    def takes(self, post: Written, x: XServer) -> bool:
        return self._holds(self._tree, post, x)

    def _either(self) -> Any:
        parts = [self._both()]
        while self._words and self._words[0] == "OR":
            self._words.pop(0)
            parts.append(self._both())
        return ("or", parts)

    def _both(self) -> Any:
        parts = []
        while self._words and self._words[0] not in (")", "OR"):
            word = self._words.pop(0)
            if word in ("(", "-("):
                inner = self._either()
                self._words.pop(0)
                parts.append(("not", inner) if word == "-(" else inner)
            elif word.startswith("-"):
                parts.append(("not", ("word", word[1:])))
            else:
                parts.append(("word", word))
        return ("and", parts)

    def _holds(self, node: Any, post: Written, x: XServer) -> bool:
        kind, what = node
        match kind:
            case "or":
                return any(self._holds(one, post, x) for one in what)
            case "and":
                return all(self._holds(one, post, x) for one in what)
            case "not":
                return not self._holds(what, post, x)
        if what == "is:retweet":
            return post.repeats is not None
        if what.startswith("from:"):
            return what[5:].lower() in (post.author.username.lower(), post.author.id)
        if what.startswith("@"):
            return what[1:].lower() in [one.username.lower() for one in x._named_in(post)]
        return what.strip('"').lower() in post.last.text.lower()


class Rules:
    """X's own specification, held against each request and each answer."""

    def __init__(self, spec: Path) -> None:
        from openapi_core import Config, OpenAPI

        document = json.loads(spec.read_text())
        self._api = OpenAPI.from_dict(document, config=Config(spec_validator_cls=None))
        shared = document["components"]["parameters"]
        self._names = {
            (method.upper(), path): {
                one["name"] if "name" in one else shared[one["$ref"].rpartition("/")[2]]["name"]
                for one in operation.get("parameters", [])
            }
            for path, methods in document["paths"].items()
            for method, operation in methods.items()
        }
        self._lock = threading.Lock()

    def broken_by(
        self, method: str, target: str, headers: dict[str, str], body: bytes, status: int, said: Json
    ) -> Iterator[str]:
        from openapi_core.exceptions import OpenAPIError
        from openapi_core.testing import MockRequest, MockResponse
        from werkzeug.datastructures import MultiDict

        parts = urlsplit(target)
        query = parse_qs(parts.query, keep_blank_values=True)
        request = MockRequest("https://api.x.com", method.lower(), parts.path, headers=headers, data=body)
        request.parameters.query = MultiDict(query)
        response = MockResponse(json.dumps(said).encode(), status_code=status)
        if str(said.get("type", "")).startswith(PROBLEMS):
            response.content_type = "application/problem+json"
        with self._lock:
            for check, things in (
                (self._api.validate_request, (request,)),
                (self._api.validate_response, (request, response)),
            ):
                try:
                    check(*things)
                except OpenAPIError as error:
                    yield f"{method} {parts.path} {status}: {error!r} {error.__cause__!r}"
        yield from self._undescribed(method, parts.path, set(query))

    def _undescribed(self, method: str, path: str, given: set[str]) -> Iterator[str]:
        """The validator lets parameters pass that nobody described."""
        known = self._names.get((method, path))
        if known is None:
            patterns = {key: re.sub(r"\{[^}]*\}", "[^/]+", key[1]) for key in self._names if key[0] == method}
            known = next((self._names[key] for key, one in patterns.items() if re.fullmatch(one, path)), set())
        yield from (f"{method} {path}: X describes no parameter `{name}`" for name in sorted(given - known))


@cache
def rules_of(spec: Path) -> Rules:
    """Read once: it takes two seconds."""
    return Rules(spec)


@contextmanager
def prism_before(server: XServer, spec: Path = SPEC) -> Iterator[str]:
    """Prism between our adapter and the small X: it refuses (422, 500) what X's specification does not describe."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    document = json.loads(spec.read_text())
    # Prism knows no scheme called OAuth: to it, that is any header of this name.
    document["components"]["securitySchemes"]["UserToken"] = {"type": "apiKey", "in": "header", "name": "Authorization"}
    document["paths"] = {path: one for path, one in document["paths"].items() if path in USED}
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as log:
        described = Path(folder) / "x.json"
        described.write_text(json.dumps(document))
        command = [str(PRISM), "proxy", "-h", "127.0.0.1", "-p", str(port), "--errors", str(described), server.url]
        running = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
        try:
            for _ in range(600):
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                assert running.poll() is None, "prism ended"
                time.sleep(0.1)
            yield f"http://127.0.0.1:{port}"
        finally:
            os.killpg(running.pid, signal.SIGKILL)
            running.wait()


def weight(text: str) -> int:
    """A text's length by twitter-text 3: links 23, what is not among the light characters 2."""
    text = LINK.sub("a" * 23, unicodedata.normalize("NFC", text))
    return sum(1 if any(low <= ord(one) <= high for low, high in LIGHT) else 2 for one in text)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    x: XServer

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except OSError:
            self.close_connection = True

    def _take(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        status, more, said = self.x.answer(self.command, self.path, headers, body)
        problem = status >= 400 and str(said.get("type", "")).startswith(PROBLEMS)
        self.send_response_only(status)
        document = json.dumps(said, ensure_ascii=False).encode("utf-8", "surrogatepass")
        kind = "application/problem+json" if problem else "application/json"
        reset = str(int(time.time()) + 900)
        limits = {"x-rate-limit-limit": "300", "x-rate-limit-remaining": "299", "x-rate-limit-reset": reset}
        for name, value in {"Content-Type": kind, "Content-Length": str(len(document)), **limits, **more}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(document)

    do_GET = do_POST = _take  # noqa: N815 - the names that http.server looks for

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""
