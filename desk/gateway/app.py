"""The gateway: the public pages of the desk, served by uvicorn (`desk.gateway.app:create_app`, a factory)."""

import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from functools import partial

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import SecretStr
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Scope

from desk.gateway import calls, front, guides, health, metrics, public, slack, tracking
from desk.gateway.headers import Guarded
from desk.gateway.rules import WebRules
from desk.gateway.site import STATIC, Site, site_of
from desk.opening import open_desk
from desk.settings import Settings, read_settings
from desk.slack.serving import Served, serving
from tasks.desk import Desk

log = logging.getLogger("tanggap.gateway")


def create_app(desk: Desk | None = None, rules: WebRules | None = None, settings: Settings | None = None) -> FastAPI:
    """The pages of this desk; without one, of the desk that the settings name, opened while the server runs.

    The door in Slack is open as long, where the settings have its tokens; a desk given without settings has none, and
    shows nobody its metrics.
    """
    rules = rules or WebRules()

    @contextmanager
    def everything() -> Iterator[tuple[Desk, Served | None, SecretStr | None]]:
        with ExitStack() as stack:
            if desk is not None and settings is None:
                yield desk, None, None
                return
            found = settings or read_settings()
            opened = desk or stack.enter_context(open_desk(found))
            served = stack.enter_context(serving(found, opened))
            yield opened, served, found.metrics_token

    @asynccontextmanager
    async def opened(app: FastAPI) -> AsyncIterator[None]:
        opening = everything()
        its_desk, app.state.slack, app.state.metrics_token = await run_in_threadpool(opening.__enter__)
        app.state.site = Site(its_desk, rules)
        try:
            yield
        finally:
            await run_in_threadpool(opening.__exit__, None, None, None)

    app = FastAPI(title="Tanggap", lifespan=opened, docs_url=None, redoc_url=None, openapi_url=None)
    for part in (front, tracking, public, guides, health, metrics, slack, calls):
        app.include_router(part.router)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    app.add_middleware(
        Guarded,
        body_limit=lambda path: rules.call if path.startswith(calls.DOOR) else rules.body,
        too_large=partial(_too_large, rules),
    )
    app.add_exception_handler(HTTPException, _not_so)
    app.add_exception_handler(RequestValidationError, _unreadable)
    for error in (OperationalError, InterfaceError, PoolTimeout):
        app.add_exception_handler(error, _database_away)
    app.add_exception_handler(Exception, _our_fault)
    return app


def _sorry(request: Request, what: str, status: int, headers: dict[str, str] | None = None) -> Response:
    """A page that says what happened and what to do; it gives back what was typed."""
    typed = getattr(request.state, "typed", "")
    return site_of(request).page(
        request, "sorry.html", here="/", what=what, typed=typed, status=status, headers=headers
    )


def _not_so(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    what = {404: "not_found", 405: "not_found"}.get(error.status_code, "not_understood")
    return _sorry(request, what, error.status_code, dict(error.headers or {}))


def _unreadable(request: Request, error: Exception) -> Response:
    return _sorry(request, "not_understood", 400)


def _too_large(rules: WebRules, scope: Scope) -> ASGIApp:
    if scope["path"].startswith(calls.DOOR):
        return calls.too_large(rules)
    return _sorry(Request(scope), "too_large", 413, {"Connection": "close"})


def _database_away(request: Request, error: Exception) -> Response:
    log.error("%s %s: the database does not answer: %s", request.method, _without_token(request), type(error).__name__)
    return _sorry(request, "away", 503, {"Retry-After": "30"})


def _our_fault(request: Request, error: Exception) -> Response:
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return _database_away(request, error)
    log.error("%s %s failed with %s", request.method, _without_token(request), type(error).__name__)
    return _sorry(request, "our_fault", 500)


def _without_token(request: Request) -> str:
    """The path for a log: a private page's address is a secret."""
    return "/t/…" if request.url.path.startswith("/t/") else request.url.path
