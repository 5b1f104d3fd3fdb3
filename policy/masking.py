"""Covers obvious personal data in what customers wrote before it stands on the public board or in Slack.

The words themselves stay as they are in the database; only what is shown is covered.
"""

import re
from collections.abc import Iterable

from policy.company import Company

COVER = "•••••"
_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}\s?@\s?[\w-]{1,63}(?:\.[\w-]{2,63}){1,4}")
_NUMBER = re.compile(r"(?<![\w.,])\+?\(?\d(?:[ \t().\-/\u00a0\u2010-\u2015]{0,3}\d){8,40}")
_MONEY_BEFORE = re.compile(r"(?:rp|idr|usd|\$)[. \u00a0]{0,2}$", re.IGNORECASE)
_MONEY = re.compile(r"\d{1,3}(?:[.,]\d{3})+(?:[.,]\d{2})?")
_DATE = re.compile(r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{4}")
_PAGE = re.compile(r"/t/[A-Za-z0-9_-]{8,}")
_LEAST_DIGITS = 9
"""Of a telephone number with its area code; identity and card numbers have more."""


def mask(text: str, company: Company, secrets: Iterable[str] = ()) -> str:
    """The text with e-mail addresses, telephone numbers and long numbers covered, but for the company's own.

    `secrets` are further words that may not show, such as the author's name. Private page addresses never show.
    """
    text = _PAGE.sub(f"/t/{COVER}", text)
    text = _EMAIL.sub(lambda found: found.group() if company.owns_email(found.group()) else COVER, text)
    text = _NUMBER.sub(lambda found: _number(found, company), text)
    for secret in secrets:
        if len(secret.strip()) >= 3:
            text = re.sub(rf"(?<!\w){re.escape(secret.strip())}(?!\w)", COVER, text, flags=re.IGNORECASE)
    return text


def _number(found: re.Match[str], company: Company) -> str:
    written = found.group()
    before = found.string[max(0, found.start() - 6) : found.start()]
    digits = sum(sign.isdigit() for sign in _DATE.sub("", written))
    if digits < _LEAST_DIGITS or company.owns_phone(written):
        return written
    if _MONEY_BEFORE.search(before) and _MONEY.fullmatch(written):
        return written
    return COVER
