"""What every page is given: the desk, the limits, the templates in the visitor's language."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache, cached_property
from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from desk.gateway.forms import ComplaintForm, Errors, FieldError
from desk.gateway.headers import secure
from desk.gateway.knowledge import Guide
from desk.gateway.language import LANGUAGES, tongue_of
from desk.gateway.rules import WebRules
from desk.gateway.stamp import Stamper, key_of
from policy.masking import mask
from tasks.desk import Desk
from tasks.rates import use
from tasks.words import spoken_date

HERE = Path(__file__).parent
STATIC = HERE / "static"
GET = ["GET", "HEAD"]
"""What reads a page. Nothing is decided by these."""


@dataclass(frozen=True)
class Site:
    """The public pages of one desk."""

    desk: Desk
    rules: WebRules = field(default_factory=WebRules)

    @cached_property
    def key(self) -> bytes:
        """What all gateways on this database share; read when first needed, since the database may come up later."""
        return key_of(self.desk.engine)

    @cached_property
    def stamper(self) -> Stamper:
        """Stamps the forms."""
        return Stamper(self.key)

    def turn(self, bucket: str, count: int, window: timedelta) -> int | None:
        """Use one of a visitor's grants; None if there was one, else the whole seconds until there is."""
        with self.desk.transaction() as session:
            wait = use(session, f"web:{bucket}", count, window, self.desk.now())
        return None if wait is None else int(wait) + 1

    def form(
        self, request: Request, *, form: ComplaintForm | None = None, guides: Sequence[Guide] = (), **known: Any
    ) -> HTMLResponse:
        """The complaint form; a new one gets its stamp. `guides` may answer it before it is sent."""
        shown = form or ComplaintForm(stamp=self.stamper.issue(self.desk.now()))
        return self.page(request, "form.html", here="/", form=shown, guides=guides, **known)

    def page(
        self,
        request: Request,
        template: str,
        *,
        here: str,
        status: int = 200,
        errors: Errors | None = None,
        headers: dict[str, str] | None = None,
        **known: Any,
    ) -> HTMLResponse:
        """A page in the visitor's language. `here` is the address that shows it again, for the language switch."""
        tongue = tongue_of(request)
        company = self.desk.policy.company

        def problem(name: str) -> str:
            found: FieldError | None = (errors or {}).get(name)
            return tongue.say(found.text, **found.values) if found else ""

        def say_date(at: datetime) -> str:
            return spoken_date(self.desk, at, tongue.code)

        html = (
            templates()
            .get_template(template)
            .render(
                t=tongue.say,
                link=tongue.link,
                lang=tongue.code,
                chosen=tongue.chosen,
                others=[code for code in LANGUAGES if code != tongue.code],
                here=here,
                problem=problem,
                errors=errors or {},
                say_date=say_date,
                company=company.name or tongue.say("us"),
                contact=company.contact(tongue.code),
                masked=masker(self.desk),
                rules=self.rules,
                version=static_version(),
                **known,
            )
        )
        answer = HTMLResponse(html, status, {"Vary": "Accept-Language", "Content-Language": tongue.code})
        answer.headers.update(headers or {})
        secure(answer.headers)
        return answer


def masker(desk: Desk) -> Callable[..., str]:
    """Covers personal data in a text for the board."""

    def masked(text: str, *secrets: str) -> str:
        return mask(text, desk.policy.company, secrets)

    return masked


@cache
def templates() -> Environment:
    """The pages' templates. These are HTML, so everything that stands in them is escaped."""
    return Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def static_version() -> str:
    """Changes when a static file does, so that browsers may keep each version for good."""
    read = hashlib.sha256()
    for file in sorted(STATIC.iterdir()):
        read.update(file.read_bytes())
    return read.hexdigest()[:12]


def site_of(request: Request) -> Site:
    """The site that serves this request."""
    site: Site = request.app.state.site
    return site


TheSite = Annotated[Site, Depends(site_of)]
