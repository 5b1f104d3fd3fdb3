"""A wire between an adapter and its platform that can be broken: before the platform took a request, or after."""

import http.client
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

DROPPED = frozenset({"host", "connection", "keep-alive", "transfer-encoding", "te", "upgrade", "accept-encoding"})
PATIENCE = 60.0
"""Seconds that the platform behind has for an answer."""


@dataclass(frozen=True)
class Status:
    """The request never reaches the platform; this status is answered in its place."""

    code: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b"{}"


@dataclass(frozen=True)
class Redirect:
    """The request never reaches the platform; it is sent elsewhere."""

    to: str
    code: int = 302


@dataclass(frozen=True)
class Cut:
    """The line is cut: before the platform took the request, or after, so that nobody hears its answer."""

    taken: bool


@dataclass(frozen=True)
class Silent:
    """Nothing is heard for so many seconds, then the line is cut."""

    taken: bool
    seconds: float = 30.0


@dataclass(frozen=True)
class Truncated:
    """The platform took the request; half of its answer's body arrives."""


@dataclass(frozen=True)
class Garbage:
    """The platform took the request; its answer's body is something else."""

    body: bytes = b"<html>Service temporarily mended</html>"


@dataclass(frozen=True)
class Huge:
    """The platform took the request; its answer never ends (64 MB)."""


Fault = Status | Redirect | Cut | Silent | Truncated | Garbage | Huge


@dataclass(frozen=True)
class Passed:
    """A request that came along the wire."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    broken_by: Fault | None


@dataclass
class _Planned:
    fault: Fault
    times: int
    method: str | None
    where: Callable[[str], bool]
    after: int


@dataclass
class Wire:
    """A reverse proxy on the loopback before a platform. Requests pass until a fault is planned."""

    upstream: str
    url: str = ""
    passed: list[Passed] = field(default_factory=list)
    _planned: list[_Planned] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _over: threading.Event = field(default_factory=threading.Event)

    def breaks(
        self,
        fault: Fault,
        *,
        times: int = 1,
        method: str | None = None,
        where: Callable[[str], bool] | None = None,
        after: int = 0,
    ) -> None:
        """Break the next `times` requests, once `after` of them have passed.

        `method` and `where` (on the path with its query) choose which are meant.
        """
        with self._lock:
            self._planned.append(_Planned(fault, times, method, where or (lambda _: True), after))

    def mend(self) -> None:
        """Let everything pass again."""
        with self._lock:
            self._planned.clear()

    def count(self, method: str | None = None) -> int:
        """How many requests came along."""
        return sum(method in (None, one.method) for one in self.passed)

    def _fault_for(self, method: str, path: str) -> Fault | None:
        with self._lock:
            for planned in self._planned:
                if planned.times > 0 and planned.method in (None, method) and planned.where(path):
                    if planned.after > 0:
                        planned.after -= 1
                        continue
                    planned.times -= 1
                    return planned.fault
        return None


@contextmanager
def wire_to(upstream: str) -> Iterator[Wire]:
    """A wire to the platform at this address."""
    wire = Wire(upstream.rstrip("/"))
    handler = type("_Bound", (_Handler,), {"wire": wire})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    wire.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield wire
    finally:
        wire._over.set()
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wire: Wire

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except OSError:
            self.close_connection = True

    def _pass(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fault = self.wire._fault_for(self.command, self.path)
        self.wire.passed.append(Passed(self.command, self.path, dict(self.headers), body, fault))
        match fault:
            case Status(code, headers, said):
                self._say(code, list(headers), said)
            case Redirect(to, code):
                self._say(code, [("Location", to)], b"")
            case Cut(taken=False):
                self._cut()
            case Silent(taken=False, seconds=seconds):
                self.wire._over.wait(seconds)
                self._cut()
            case _:
                self._forward(body, fault)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = _pass  # noqa: N815 - http.server's names

    def _forward(self, body: bytes, fault: Fault | None) -> None:
        to = urlsplit(self.wire.upstream)
        kind = http.client.HTTPSConnection if to.scheme == "https" else http.client.HTTPConnection
        there = kind(to.hostname or "127.0.0.1", to.port, timeout=PATIENCE)
        sent = {name: value for name, value in self.headers.items() if name.lower() not in DROPPED}
        try:
            there.request(self.command, to.path + self.path, body or None, {**sent, "Host": to.netloc})
            answer = there.getresponse()
            said = answer.read()
        except OSError:
            self._cut()
            return
        finally:
            there.close()
        headers = [(name, value) for name, value in answer.getheaders() if name.lower() not in DROPPED]
        match fault:
            case Cut():
                self._cut()
            case Silent(seconds=seconds):
                self.wire._over.wait(seconds)
                self._cut()
            case Truncated():
                self._say(answer.status, headers, said[: len(said) // 2], length=max(len(said), 2))
                self._cut()
            case Garbage(instead):
                self._say(answer.status, headers, instead)
            case Huge():
                self._flood(answer.status)
            case _:
                self._say(answer.status, headers, said)

    def _say(self, code: int, headers: list[tuple[str, str]], body: bytes, length: int | None = None) -> None:
        self.send_response_only(code)
        for name, value in headers:
            if name.lower() != "content-length":
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _flood(self, code: int) -> None:
        self.send_response_only(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(64 * 2**20))
        self.end_headers()
        piece = b"[" * 2**16
        for _ in range(64 * 2**4):
            self.wfile.write(piece)

    def _cut(self) -> None:
        with suppress(OSError):
            self.wfile.flush()
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""
