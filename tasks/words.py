"""Fills the slots that templates may use with facts of the case, and nothing else."""

from datetime import datetime

from sqlmodel import Session

from db.people import called
from db.tables import Complaint
from db.words import Visibility
from policy.spelled import zone_of
from policy.templates import Rendered
from tasks.desk import Desk


def render(
    session: Session,
    desk: Desk,
    complaint: Complaint,
    name: str,
    *,
    visibility: Visibility,
    variant: int = 0,
    **more: str,
) -> Rendered:
    """Render a template in the complaint's language with what is known of the case."""
    return desk.policy.templates.render(
        name, complaint.language, slots(session, desk, complaint, visibility=visibility, **more), variant=variant
    )


def slots(session: Session, desk: Desk, complaint: Complaint, *, visibility: Visibility, **more: str) -> dict[str, str]:
    """Every slot that a template may ask for; what is not known is empty, never guessed.

    In public nobody is named, and no private link is given.
    """
    person = called(session, complaint)
    language = "en" if complaint.language == "en" else "id"
    ahead = complaint.answer_by is not None and complaint.answer_by > desk.now()
    on_web = complaint.channel == "web"
    rules = desk.policy.channels.of(complaint.channel)
    known = {
        "name": first_name(person.name) if person and person.name and visibility is Visibility.PRIVATE else "",
        "company": desk.policy.company.name,
        "reference": complaint.reference,
        "contact": desk.policy.company.contact(language, channel=complaint.channel),
        "answer_by": spoken_date(desk, complaint.answer_by, language) if ahead else "",
        "tracking_url": desk.tracking_url(complaint.token) if visibility is Visibility.PRIVATE and on_web else "",
        "other_reference": "",
        "survey_url": desk.tracking_url(complaint.token),
        "automatic": "yes" if rules.discloses_automation else "",
        "letter": "yes" if rules.letters and desk.policy.company.name else "",
    }
    return known | more


def first_name(name: str) -> str:
    """How a person is greeted; at most twenty characters, so that a short platform's answer still fits."""
    return " ".join(name.split())[:20].strip()


MONTHS = {
    "id": "Januari Februari Maret April Mei Juni Juli Agustus September Oktober November Desember",
    "en": "January February March April May June July August September October November December",
}


def spoken_date(desk: Desk, at: datetime | None, language: str) -> str:
    """A date as people say it, in the policy's time zone: `3 Agustus 2026 pukul 17.00 WIB`."""
    if at is None:
        return ""
    local = at.astimezone(desk.policy.calendar.zone)
    month = MONTHS[language].split()[local.month - 1]
    if language == "en":
        return f"{local.day} {month} {local.year}, {local:%H:%M} {zone_of(local, language)}"
    return f"{local.day} {month} {local.year} pukul {local:%H.%M} {zone_of(local, language)}"
