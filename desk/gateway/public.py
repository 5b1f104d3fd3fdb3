"""The public board's pages."""

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from desk.gateway.board import read_board, read_entry
from desk.gateway.site import GET, TheSite

router = APIRouter(prefix="/board")
_REVALIDATED = {"Cache-Control": "no-cache"}


@router.api_route("", methods=GET)
def show_board(request: Request, site: TheSite, before: str = "") -> Response:
    """The newest complaints on the board, or those older than the one numbered `before`."""
    number = int(before) if before.isdecimal() and before.isascii() and len(before) <= 18 else None
    with site.desk.transaction() as session:
        board = read_board(session, before=number, size=site.rules.board_page)
    return site.page(request, "board.html", here="/board", board=board, first=number is None, headers=_REVALIDATED)


@router.api_route("/{reference}", methods=GET)
def show_entry(request: Request, site: TheSite, reference: str) -> Response:
    """One complaint on the board."""
    with site.desk.transaction() as session:
        entry = read_entry(session, reference) if reference.isascii() and reference.isprintable() else None
    if entry is None:
        raise HTTPException(404)
    here = f"/board/{entry.reference}"
    return site.page(request, "entry.html", here=here, entry=entry, headers=_REVALIDATED)
