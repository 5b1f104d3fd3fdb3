"""A complaint's private page, behind a link that nobody can guess: read, write back, survey, board."""

import re
import secrets
from typing import Annotated

from fastapi import APIRouter, Form
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from db.complaints import lock
from db.tables import Complaint
from db.words import Visibility
from desk.gateway.board import Standing, choose
from desk.gateway.forms import Errors, FieldError, SurveyForm, text_errors, words
from desk.gateway.language import tongue_of
from desk.gateway.records import TRACKING_PAGE, message_of
from desk.gateway.site import GET, Site, TheSite
from desk.gateway.talk import Talk, read_talk
from tasks.follow_up import NoSurvey, answer_survey, refuse_asks
from tasks.record import record

router = APIRouter(prefix="/t/{token}")
Typed = Annotated[str, Form()]
_TOKEN = re.compile(r"[A-Za-z0-9_-]{16,64}")


@router.api_route("", methods=GET)
def show(request: Request, token: str, site: TheSite) -> Response:
    """The page."""
    return _page(request, site, _talk(site, token))


@router.api_route("/{box}", methods=GET)
def back(request: Request, token: str, box: str) -> Response:
    """Where the boxes are sent to shows nothing itself."""
    return _to_page(request, token)


@router.post("/messages")
def take_message(request: Request, token: str, site: TheSite, text: Typed = "", form: Typed = "") -> Response:
    """A further message, for us alone."""
    return _take(request, site, token, "message", text, form, Visibility.PRIVATE)


@router.post("/words")
def take_words(request: Request, token: str, site: TheSite, text: Typed = "", form: Typed = "") -> Response:
    """The author's own words for the public, on the board from then on, with the complaint or without it."""
    return _take(request, site, token, "words", text, form, Visibility.PUBLIC)


@router.post("/survey")
def take_survey(request: Request, token: str, site: TheSite, score: Typed = "", comment: Typed = "") -> Response:
    """The survey's answer."""
    talk = _talk(site, token)
    form = SurveyForm.typed(score=score, comment=comment)
    request.state.typed = form.comment
    errors = form.errors(site.rules)
    if errors:
        return _page(request, site, talk, errors=errors, survey=form, status=422)
    try:
        answer_survey(site.desk, talk.id, int(form.score), form.comment)
    except NoSurvey:
        return _page(request, site, talk, errors={"survey": FieldError("error_survey_closed")}, survey=form, status=409)
    return _to_page(request, token)


@router.post("/no-asks")
def take_refusal(request: Request, token: str, site: TheSite) -> Response:
    """No survey and no request any more."""
    refuse_asks(site.desk, _talk(site, token).id)
    return _to_page(request, token)


@router.post("/board")
def take_choice(request: Request, token: str, site: TheSite, show: Typed = "") -> Response:
    """Onto the public board, or off it."""
    talk = _talk(site, token)
    if not talk.here or show not in ("yes", "no"):
        raise HTTPException(400)
    _choose(site, talk, Standing.ALL if show == "yes" else Standing.NOTHING)
    return _to_page(request, token)


def _take(request: Request, site: Site, token: str, box: str, text: str, form: str, visibility: Visibility) -> Response:
    talk = _talk(site, token)
    if not talk.here or (visibility is Visibility.PUBLIC and not talk.asked):
        raise HTTPException(400)
    said = words(text)
    request.state.typed = said
    errors = text_errors(box, said, site.rules.text)
    if errors:
        return _page(request, site, talk, errors=errors, typed={box: said}, form=form, status=422)
    wait = site.turn(f"talk:{talk.id}", site.rules.messages_per_complaint, site.rules.complaint_window)
    if wait is not None:
        errors = {box: FieldError("error_too_many", {"minutes": -(-wait // 60)})}
        headers = {"Retry-After": str(wait)}
        return _page(request, site, talk, errors=errors, typed={box: said}, form=form, status=429, headers=headers)
    record(site.desk, [message_of(talk, said, form[:64], visibility, site.desk.now())], source=TRACKING_PAGE)
    if visibility is Visibility.PUBLIC and talk.board is Standing.NOTHING:
        _choose(site, talk, Standing.WORDS)
    return _to_page(request, token)


def _choose(site: Site, talk: Talk, standing: Standing) -> None:
    """Keep the author's choice; the same choice again changes nothing."""
    if talk.board is standing:
        return
    with site.desk.transaction() as session:
        complaint: Complaint = lock(session, talk.id)
        choose(session, complaint, standing, site.desk.now())


def _talk(site: Site, token: str) -> Talk:
    """The talk behind the token; 404 says nothing of why there is none."""
    talk = None
    if _TOKEN.fullmatch(token):
        with site.desk.transaction() as session:
            talk = read_talk(session, token, site.desk.now(), site.rules)
    if talk is None:
        raise HTTPException(404)
    return talk


def _page(
    request: Request,
    site: Site,
    talk: Talk,
    *,
    errors: Errors | None = None,
    typed: dict[str, str] | None = None,
    survey: SurveyForm | None = None,
    form: str = "",
    status: int = 200,
    headers: dict[str, str] | None = None,
) -> Response:
    return site.page(
        request,
        "tracking.html",
        here=f"/t/{talk.token}",
        talk=talk,
        typed=typed or {},
        survey=survey or SurveyForm(),
        form=form or secrets.token_urlsafe(12),
        waiting=talk.waiting and not errors,
        errors=errors,
        status=status,
        headers=headers,
    )


def _to_page(request: Request, token: str) -> Response:
    return RedirectResponse(tongue_of(request).link(f"/t/{token}"), 303)
