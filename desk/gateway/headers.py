"""What every answer carries to keep visitors safe, and the limit on what a request may bring."""

from collections.abc import Awaitable, Callable

from starlette.datastructures import MutableHeaders, QueryParams
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SECURE = {
    # Nothing from other hosts, nothing inline, in nobody's frame, and forms that lead nowhere else.
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # A private page's address must not reach other hosts.
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
FOR_A_YEAR = "public, max-age=31536000, immutable"
TooLarge = Callable[[Scope], ASGIApp]


class Guarded:
    """Wraps the pages: secure headers on each answer, none kept by a cache unless it says so, bodies limited."""

    def __init__(self, app: ASGIApp, *, body_limit: Callable[[str], int], too_large: TooLarge) -> None:
        """`body_limit`: how many bytes a request may bring to a path."""
        self._app = app
        self._limit = body_limit
        self._too_large = too_large

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer = _with_headers(scope, send)
        if scope["method"] in ("GET", "HEAD", "OPTIONS"):
            await self._app(scope, receive, answer)
            return
        body = await _read(receive, self._limit(scope["path"]))
        if body is None:
            await self._too_large(scope)(scope, receive, answer)
            return
        await self._app(scope, _replay(body, receive), answer)


def secure(headers: MutableHeaders) -> None:
    """Set what is missing of the secure headers."""
    for name, value in SECURE.items():
        headers.setdefault(name, value)
    headers.setdefault("Cache-Control", "no-store")


def _with_headers(scope: Scope, send: Send) -> Send:
    async def answer(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            path: str = scope["path"]
            if path.startswith("/static/"):
                versioned = "v" in QueryParams(scope.get("query_string", b""))
                headers.setdefault("Cache-Control", FOR_A_YEAR if versioned else "no-cache")
            elif path.startswith("/t/"):
                headers["X-Robots-Tag"] = "noindex, nofollow, noarchive"
            secure(headers)
        await send(message)

    return answer


async def _read(receive: Receive, limit: int) -> list[Message] | None:
    """The whole body; None where it is over the limit, the rest of it unread."""
    read: list[Message] = []
    size = 0
    while True:
        message = await receive()
        read.append(message)
        if message["type"] != "http.request":
            return read
        size += len(message.get("body", b""))
        if size > limit:
            return None
        if not message.get("more_body", False):
            return read


def _replay(read: list[Message], receive: Receive) -> Receive:
    waiting = iter(read)

    async def again() -> Message:
        for message in waiting:
            return message
        following: Awaitable[Message] = receive()
        return await following

    return again
