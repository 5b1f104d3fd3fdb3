"""The complaint form: shown, checked, trapped if a machine filled it in, recorded."""

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Form
from sqlalchemy import select
from sqlmodel import col
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from db.tables import Complaint, Message
from desk.gateway.addresses import bucket_of
from desk.gateway.forms import ComplaintForm, FieldError
from desk.gateway.guides import may_search, suggestions
from desk.gateway.language import tongue_of
from desk.gateway.records import FORM, complaint_of, trapped
from desk.gateway.site import GET, Site, TheSite
from desk.gateway.stamp import Stamp
from integrations.record import Incoming
from tasks.record import record

router = APIRouter()
Typed = Annotated[str, Form()]


@router.api_route("/", methods=GET)
def show_form(request: Request, site: TheSite) -> Response:
    """An empty form."""
    return site.form(request)


@router.api_route("/complaints", methods=GET)
def back_to_form(request: Request) -> Response:
    """Where the form is sent to shows nothing itself."""
    return RedirectResponse(tongue_of(request).link("/"), 303)


@router.post("/complaints")
def take_complaint(
    request: Request,
    site: TheSite,
    text: Typed = "",
    name: Typed = "",
    contact: Typed = "",
    number: Typed = "",
    board: Typed = "",
    situs: Typed = "",
    stamp: Typed = "",
    suggest: Typed = "",
) -> Response:
    """Record the complaint and lead to its private page; or show the form again with what is wrong.

    `situs` is the trap: people do not see it. `suggest` asks for articles that may answer it: once, before it is sent.
    """
    form = ComplaintForm.typed(
        text=text, name=name, contact=contact, number=number, board=board, trap=situs, stamp=stamp, suggest=suggest
    )
    request.state.typed = form.text
    errors = form.errors(site.rules)
    if errors:
        return site.form(request, form=form, errors=errors, status=422)
    now, language = site.desk.now(), tongue_of(request).code
    opened = site.stamper.read(form.stamp)
    why = _why_a_machine(site, form, opened)
    if why is None and opened is not None and now - opened.opened_at > site.rules.form_lasts:
        return _ask_again(request, site, form)
    if why is None and form.suggest:
        guides = suggestions(request, site, form.text) if may_search(request, site) else []
        if guides:
            return site.form(request, form=replace(form, suggest=False), guides=guides)
    wait = site.turn(bucket_of(request, site.key), site.rules.complaints_per_address, site.rules.address_window)
    if wait is not None:
        errors = {"form": FieldError("error_too_many", {"minutes": -(-wait // 60)})}
        return site.form(request, form=form, errors=errors, status=429, headers={"Retry-After": str(wait)})
    if why is not None or opened is None:
        record(site.desk, [trapped(form, why or "", language, now)], source=FORM)
        return site.page(request, "trapped.html", here="/")
    item = complaint_of(form, opened.number, language, now)
    record(site.desk, [item], source=FORM)
    return _lead_on(request, site, item)


def _why_a_machine(site: Site, form: ComplaintForm, opened: Stamp | None) -> str | None:
    """Why this looks filled in by a program, as the quarantine keeps it; None for a person's."""
    if form.trap.strip():
        return "web form: the field that people do not see was filled in; if a person wrote it, import this record"
    if opened is None:
        return "web form: sent without a form that this desk has shown; if a person wrote it, import this record"
    if site.desk.now() - opened.opened_at < site.rules.quickest:
        return (
            f"web form: filled in within {site.rules.quickest.total_seconds():g} seconds; "
            "if a person wrote it, import this record"
        )
    return None


def _ask_again(request: Request, site: Site, form: ComplaintForm) -> Response:
    """The form was opened too long ago: the same again with a new stamp, and as long open as a person needs."""
    renewed = replace(form, stamp=site.stamper.issue(site.desk.now() - site.rules.quickest))
    return site.form(request, form=renewed, errors={"form": FieldError("error_opened_long_ago")}, status=422)


def _lead_on(request: Request, site: Site, item: Incoming) -> Response:
    """To the complaint's private page, if this message opened the complaint.

    If it joined an earlier one, only its author has that page's address: whoever types somebody's e-mail address and
    words here must not be led to it.
    """
    with site.desk.transaction() as session:
        row = session.execute(
            select(Complaint.token, Complaint.first_message_id, Message.id)  # type: ignore[call-overload]
            .join(Message, col(Message.complaint_id) == col(Complaint.id))
            .where(
                col(Message.channel) == item.channel,
                col(Message.account) == item.account,
                col(Message.external_id) == item.external_id,
            )
        ).one()
    token, first, own = row
    if first == own:
        return RedirectResponse(tongue_of(request).link(f"/t/{token}"), 303)
    return site.page(request, "joined.html", here="/")
