"""The help pages, where customers find answers themselves, and the answers that the complaint form suggests."""

from typing import Annotated

from fastapi import APIRouter, Form
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from desk.gateway.addresses import bucket_of
from desk.gateway.forms import FieldError, words
from desk.gateway.knowledge import Guide, guides_for, read_guides
from desk.gateway.language import tongue_of
from desk.gateway.markdown import to_html
from desk.gateway.site import GET, Site, TheSite
from integrations.intake.text import clean_line

router = APIRouter(prefix="/help")
Typed = Annotated[str, Form()]
_REVALIDATED = {"Cache-Control": "no-cache"}


@router.api_route("", methods=GET)
def show_help(request: Request, site: TheSite, q: str = "") -> Response:
    """The search box, with what was found, or with every public article by category."""
    asked = clean_line(q)[: site.rules.line]
    wait = _wait(request, site) if asked else None
    found = _found(request, site, asked) if asked and wait is None else []
    return site.page(
        request,
        "help.html",
        here="/help",
        asked=asked,
        found=found,
        listed=[] if found else _all(request, site),
        errors={"q": FieldError("help_too_many", {"seconds": wait})} if wait else None,
        status=429 if wait else 200,
        headers={"Retry-After": str(wait)} if wait else _REVALIDATED,
    )


@router.post("/suggest")
def suggest(request: Request, site: TheSite, text: Typed = "") -> Response:
    """What may answer a complaint while it is being typed: a piece of a page, empty where nothing does.

    Sent as a form and not in the address, since addresses are written into the logs of whatever stands between.
    """
    wait = _wait(request, site)
    guides = suggestions(request, site, words(text)) if wait is None else []
    return site.page(
        request,
        "guides.html",
        here="/",
        guides=guides,
        status=429 if wait else 200,
        headers={"Retry-After": str(wait)} if wait else None,
    )


@router.api_route("/{slug}", methods=GET)
def show_article(request: Request, site: TheSite, slug: str) -> Response:
    """One article; internal, expired and unpublished ones are not there."""
    tongue = tongue_of(request)
    guides = _all(request, site)
    guide = next((guide for guide in guides if guide.slug == slug), None)
    if guide is None:
        raise HTTPException(404)
    return site.page(
        request,
        "article.html",
        here=f"/help/{guide.slug}",
        guide=guide,
        body=to_html(guide.text, lambda name: tongue.link(f"/help/{name}")),
        since=tongue.day(guide.valid_from),
        near=[other for other in guides if other.category is guide.category and other is not guide],
        public_url=site.desk.public_url,
        headers=_REVALIDATED,
    )


def suggestions(request: Request, site: Site, text: str) -> list[Guide]:
    """The few public articles that may answer this complaint."""
    language = tongue_of(request).code
    with site.desk.transaction() as session:
        return guides_for(
            session,
            site.desk,
            text,
            language,
            limit=site.rules.suggested,
            least=site.rules.suggested_from,
            beside=site.rules.suggested_beside,
        )


def may_search(request: Request, site: Site) -> bool:
    """Use one of the visitor's searches; whether there was one left."""
    return _wait(request, site) is None


def _all(request: Request, site: Site) -> list[Guide]:
    with site.desk.transaction() as session:
        return read_guides(session, site.desk, tongue_of(request).code)


def _found(request: Request, site: Site, asked: str) -> list[Guide]:
    rules, language = site.rules, tongue_of(request).code
    with site.desk.transaction() as session:
        return guides_for(session, site.desk, asked, language, limit=rules.found, beside=rules.found_beside)


def _wait(request: Request, site: Site) -> int | None:
    bucket = bucket_of(request, site.key, "search")
    return site.turn(bucket, site.rules.searches_per_address, site.rules.search_window)
