"""Where platforms call us with what is new: `/in/CHANNEL` for all our accounts on it, `/in/CHANNEL/ACCOUNT` for one.

Meta and X know one address for each app, whatever accounts it serves, so the address without an account is offered to
every account: each believes the call by its own secret, and takes what is its own. What a call brings is stored before
it is answered; while that cannot be, the platform hears 503 and calls again.
"""

import logging

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from desk.gateway.rules import WebRules
from desk.gateway.site import GET, Site, TheSite
from integrations.channels.base import Asked, Channel
from tasks.circuits import place_of
from tasks.collect import hear

DOOR = "/in/"
"""Below it are the addresses that platforms call."""
router = APIRouter()
log = logging.getLogger("tanggap.gateway")
METHODS = [*GET, "POST"]


@router.api_route(DOOR + "{channel}", methods=METHODS)
async def called(request: Request, site: TheSite, channel: str) -> Response:
    """Hand a platform's call to every account of the channel. 404 where the settings have none."""
    return await _heard(request, site, channel, site.desk.channels.accounts(channel))


@router.api_route(DOOR + "{channel}/{account}", methods=METHODS)
async def called_for(request: Request, site: TheSite, channel: str, account: str) -> Response:
    """Hand a platform's call to one account. 404 where the settings have no such account."""
    found = site.desk.channels.known(channel, account)
    return await _heard(request, site, f"{channel}/{account}", [found] if found else [])


def too_large(rules: WebRules) -> Response:
    """What a call with more than we take is answered."""
    said = f"the body is larger than {rules.call // (1024 * 1024)} MB: send fewer records in one call\n"
    return PlainTextResponse(said, 413, {"Connection": "close"})


async def _heard(request: Request, site: Site, where: str, accounts: list[Channel]) -> Response:
    if not accounts:
        raise HTTPException(404)
    asked = Asked(
        method=request.method,
        query=dict(request.query_params),
        headers={name.lower(): value for name, value in request.headers.items()},
        # What comes with a question is nothing that a platform signs; its length was not looked at, either.
        body=b"" if request.method in GET else await request.body(),
        url=f"{site.desk.public_url}{request.url.path}{'?' + request.url.query if request.url.query else ''}",
    )
    try:
        heard = await run_in_threadpool(hear, site.desk, accounts, asked)
    except Exception as error:
        log.error("A call for %s could not be kept; the platform is asked to call again: %s", where, place_of(error))
        return PlainTextResponse("not kept: call again\n", 503, {"Retry-After": "30"})
    if heard.refused:
        log.warning("A call for %s was not taken: %s", where, heard.refused)
    return Response(heard.body, heard.status, media_type=heard.media_type)
