"""Where platforms call us with what is new: `/in/CHANNEL` for the account `default`, `/in/CHANNEL/ACCOUNT` for another.

The adapter believes a call by its signature. What it brings is stored before it is answered; while the database is away
the platform hears 503 and calls again.
"""

import logging

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from desk.gateway.site import TheSite
from integrations.channels.base import Asked, Heard
from integrations.channels.registry import DEFAULT_ACCOUNT
from tasks.collect import hear

router = APIRouter()
log = logging.getLogger("tanggap.gateway")
METHODS = ["GET", "HEAD", "POST"]


@router.api_route("/in/{channel}", methods=METHODS)
@router.api_route("/in/{channel}/{account}", methods=METHODS)
async def called(request: Request, site: TheSite, channel: str, account: str = DEFAULT_ACCOUNT) -> Response:
    """Hand a platform's call to its adapter. 404 where the settings have no such account."""
    found = site.desk.channels.known(channel, account)
    if found is None:
        raise HTTPException(404)
    asked = Asked(
        method=request.method,
        query=dict(request.query_params),
        headers={name.lower(): value for name, value in request.headers.items()},
        body=await request.body(),
        url=f"{site.desk.public_url}{request.url.path}{'?' + request.url.query if request.url.query else ''}",
    )
    heard: Heard = await run_in_threadpool(hear, site.desk, found, asked)
    if heard.refused:
        log.warning("A call for %s/%s was not believed: %s", channel, account, heard.refused)
    return Response(heard.body, heard.status, media_type=heard.media_type)
