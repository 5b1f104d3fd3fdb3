"""Turns what the pages take into records, as every other door does: with the raw record as an import would read it."""

import json
import uuid
from datetime import datetime

from db.words import Visibility
from desk.gateway.forms import ComplaintForm, Contact
from desk.gateway.talk import ACCOUNT, CHANNEL, Talk
from integrations.record import Author, Incoming, Unreadable

FORM = "web form"
TRACKING_PAGE = "tracking page"
_NAMES = uuid.UUID("5b0c6a0e-3a53-4b8e-9d55-2f0c6a1f7f10")


def same_for(*said: str) -> str:
    """An id that comes out equal for equal words: what is sent twice is known the second time."""
    return str(uuid.uuid5(_NAMES, "\x1f".join(said)))


def complaint_of(form: ComplaintForm, form_number: str, language: str, now: datetime) -> Incoming:
    """The complaint in a form. A second click on *send* makes the same record; other words in it make another one."""
    contact = form.reached_at or Contact()
    number = same_for(form_number, form.text, form.contact, form.number)
    visibility = Visibility.PUBLIC if form.public else Visibility.PRIVATE
    author = Author(id=contact.id or number, name=form.name or None, email=contact.email, phone=contact.phone)
    subject = subject_of(form.number, language)
    return Incoming(
        channel=CHANNEL,
        account=ACCOUNT,
        external_id=number,
        text=form.text,
        posted_at=now,
        visibility=visibility,
        raw=raw_of(number, form.text, now, visibility, author, subject=subject),
        place=FORM,
        author=author,
        subject=subject,
        lang=language,
    )


def message_of(talk: Talk, text: str, form_number: str, visibility: Visibility, now: datetime) -> Incoming:
    """A further message of the same author from their tracking page."""
    number = same_for(talk.first, form_number, visibility.value, text)
    author = Author(id=talk.author) if talk.author else None
    return Incoming(
        channel=CHANNEL,
        account=ACCOUNT,
        external_id=number,
        text=text,
        posted_at=now,
        visibility=visibility,
        raw=raw_of(number, text, now, visibility, author, in_reply_to=talk.first),
        place=TRACKING_PAGE,
        author=author,
        in_reply_to=talk.first,
    )


def trapped(form: ComplaintForm, reason: str, language: str, now: datetime) -> Unreadable:
    """What the spam trap caught, in a shape that `tanggap import` takes if it was a person after all."""
    contact = form.reached_at or Contact()
    number = same_for(form.stamp, form.text, form.contact, form.number, now.isoformat())
    visibility = Visibility.PUBLIC if form.public else Visibility.PRIVATE
    author = Author(id=contact.id or number, name=form.name or None)
    subject = subject_of(form.number, language)
    raw = raw_of(number, form.text, now, visibility, author, subject=subject)
    return Unreadable(place=FORM, reason=reason, raw=raw, channel=CHANNEL)


def subject_of(number: str, language: str) -> str | None:
    """The order or customer number as a line beside the text, worded so that the desk recognises an order number."""
    if not number:
        return None
    return f"Order {number}" if language == "en" else f"Pesanan {number}"


def raw_of(
    number: str,
    text: str,
    now: datetime,
    visibility: Visibility,
    author: Author | None,
    *,
    subject: str | None = None,
    in_reply_to: str | None = None,
) -> bytes:
    """The record as one JSON line of `tanggap import`."""
    known = {key: value for key, value in (("id", author.id), ("name", author.name)) if value} if author else None
    record = {
        "channel": CHANNEL,
        "external_id": number,
        "text": text,
        "posted_at": now.isoformat(),
        "visibility": visibility.value,
        "author": known,
        "subject": subject,
        "in_reply_to": in_reply_to,
    }
    return json.dumps({key: value for key, value in record.items() if value is not None}, ensure_ascii=False).encode()
