"""A platform behind a real HTTP server: it takes answers as `WebhookChannel` sends them, and counts what it posted.

It keeps its word on certainty as real ones do: an idempotent one posts a key once however often it is asked, one that
can be read back tells what it posted, one with neither posts whatever arrives.
"""

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import yaml

from integrations.channels.base import Certainty
from policy.loading import SHIPPED


@dataclass
class Post:
    key: str
    text: str
    reference: str


@dataclass
class Platform:
    certainty: Certainty
    url: str = ""
    posts: list[Post] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    """The keys of the requests that arrived, posted or not."""
    before_posting: Callable[["Platform", str], bool] = lambda platform, key: True
    """Called for each request that arrived; False: it is lost here, as when a platform dies."""
    before_answering: Callable[["Platform", str], None] = lambda platform, key: None
    """Called when a request was posted and its answer is about to leave."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def times_posted(self) -> Counter[str]:
        with self._lock:
            return Counter(post.key for post in self.posts)

    def take(self, key: str, text: str, reference: str) -> str:
        with self._lock:
            standing = self.find(key) if self.certainty is Certainty.IDEMPOTENT else None
            if standing is None:
                self.posts.append(Post(key, text, reference))
                standing = f"post-{len(self.posts)}"
            return standing

    def find(self, key: str) -> str | None:
        return next((f"post-{number}" for number, post in enumerate(self.posts, 1) if post.key == key), None)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    platform: Platform

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        key = self.headers["Idempotency-Key"]
        self.platform.requests.append(key)
        if not self.platform.before_posting(self.platform, key):
            self.close_connection = True
            return
        number = self.platform.take(key, body["text"], body["reference"])
        self.platform.before_answering(self.platform, key)
        self._say(200, {"platform_id": number, "url": f"{self.platform.url}/{number}"})

    def do_GET(self) -> None:
        key = parse_qs(urlsplit(self.path).query)["key"][0]
        number = self.platform.find(key)
        if number is None:
            self._say(404, {})
        else:
            self._say(200, {"platform_id": number, "url": f"{self.platform.url}/{number}"})

    def _say(self, status: int, said: dict[str, str]) -> None:
        body = json.dumps(said).encode()
        try:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except OSError:  # whoever asked is dead
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def platform(certainty: Certainty, port: int = 0) -> Iterator[Platform]:
    made = Platform(certainty)
    server = ThreadingHTTPServer(("127.0.0.1", port), type("Bound", (Handler,), {"platform": made}))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    made.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def channels_with(url: str, certainty: Certainty) -> str:
    """The shipped channels.yaml, its `webhook` posting there."""
    rules = yaml.safe_load((SHIPPED / "channels.yaml").read_text(encoding="utf-8"))
    rules["channels"]["webhook"]["accounts"] = {"default": {"url": url, "certainty": certainty.value}}
    return yaml.safe_dump(rules)
