"""A real HTTP server that answers as a test tells it, and keeps what it received."""

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Received:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    url: str = ""
    received: list[Received] = field(default_factory=list)
    answers: list[Callable[["Handler"], None]] = field(default_factory=list)
    """What it does with each request, the last one for all that follow."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    receiver: Receiver

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except OSError:
            self.close_connection = True

    def _take(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        receiver = self.receiver
        receiver.received.append(Received(self.command, self.path, dict(self.headers), body))
        (receiver.answers.pop(0) if len(receiver.answers) > 1 else receiver.answers[0])(self)

    do_GET = do_POST = _take  # noqa: N815 - the names that http.server looks for

    def log_message(self, format: str, *args: object) -> None:
        pass


def says(status: int, body: bytes = b"", **headers: str) -> Callable[[Handler], None]:
    def answer(handler: Handler) -> None:
        handler.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def breaks_off(handler: Handler) -> None:
    """The request was read; then the line is cut without a word."""
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()
    handler.close_connection = True


def hangs_up(handler: Handler) -> None:
    """The request was read; then the connection is closed politely, unanswered."""
    handler.close_connection = True


def is_silent(handler: Handler) -> None:
    time.sleep(1.5)
    handler.close_connection = True


def drips(*, in_the_head: bool) -> Callable[[Handler], None]:
    """Says a little, again and again, for minutes."""

    def answer(handler: Handler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Padding: " if in_the_head else b"HTTP/1.1 200 OK\r\n\r\n")
        handler.close_connection = True
        for _ in range(100_000):
            handler.wfile.write(b"x")
            time.sleep(0.05)

    return answer


def breaks_off_in_the_body(handler: Handler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"platform_id": "p')
    handler.close_connection = True


@contextmanager
def receiving(*answers: Callable[[Handler], None]) -> Iterator[Receiver]:
    receiver = Receiver(answers=list(answers) or [says(200)])
    handler = type("Bound", (Handler,), {"receiver": receiver})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    receiver.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
