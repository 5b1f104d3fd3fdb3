"""Where Slack sends clicks, commands and events over HTTP; Bolt checks the signature and its age."""

from fastapi import APIRouter
from slack_bolt.adapter.starlette.handler import to_bolt_request, to_starlette_response
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

router = APIRouter()


@router.post("/slack/events")
async def from_slack(request: Request) -> Response:
    """Hand a request to Bolt; answered as soon as it is written down. 404 where Slack does not come over HTTP."""
    served = request.app.state.slack
    if served is None:
        raise HTTPException(404)
    body = await request.body()
    try:
        asked = to_bolt_request(request, body)
    except UnicodeDecodeError:
        raise HTTPException(400) from None
    return to_starlette_response(await run_in_threadpool(served.answer, asked))
