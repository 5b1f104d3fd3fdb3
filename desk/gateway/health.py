"""Whether the gateway can do its work, for whoever watches over it."""

from fastapi import APIRouter
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.responses import JSONResponse, PlainTextResponse, Response

from db.migrate import MigrationBehind, check
from desk.gateway.site import GET, TheSite

router = APIRouter()


@router.api_route("/healthz", methods=GET)
def health(site: TheSite) -> Response:
    """200 where the database answers and is migrated to this version, else 503 with the reason."""
    try:
        check(site.desk.engine)
    except MigrationBehind as error:
        return JSONResponse({"status": "migration", "why": str(error)}, 503)
    except (DBAPIError, PoolTimeout):
        return JSONResponse({"status": "database", "why": "The database does not answer; see `tanggap doctor`."}, 503)
    return JSONResponse({"status": "ok"})


@router.api_route("/robots.txt", methods=GET)
def robots() -> Response:
    """Private pages are nobody's to index."""
    return PlainTextResponse("User-agent: *\nDisallow: /t/\nDisallow: /complaints\n")
