"""What people type into the pages: cleaned, and checked with an error for each field that cannot be taken."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from desk.gateway.rules import WebRules
from integrations.intake.text import clean, clean_line, is_blank

_EMAIL = re.compile(r"[^@\s,;<>]{1,64}@[^@\s,;<>]{1,190}\.[^@\s,;<>.]{2,60}")
_PHONE = re.compile(r"\+?[\d ().\-/\u00a0]+")


@dataclass(frozen=True)
class FieldError:
    """What is wrong with a field: the name of a text, and what stands in it."""

    text: str
    values: Mapping[str, object] = field(default_factory=dict)


Errors = dict[str, FieldError]


@dataclass(frozen=True)
class Contact:
    """How the author can be reached: an e-mail address in lower case, or a telephone number as digits with 62 first."""

    email: str | None = None
    phone: str | None = None

    @property
    def id(self) -> str | None:
        """What tells this person from others on the web channel."""
        return self.email or self.phone


@dataclass(frozen=True)
class ComplaintForm:
    """The complaint form as it was typed, shown again where something is wrong."""

    text: str = ""
    name: str = ""
    contact: str = ""
    number: str = ""
    public: bool = False
    trap: str = ""
    stamp: str = ""
    suggest: bool = True
    """Articles that may answer it are to be shown before it is sent; a browser that shows them meanwhile says no."""

    @classmethod
    def typed(
        cls, *, text: str, name: str, contact: str, number: str, board: str, trap: str, stamp: str, suggest: str
    ) -> "ComplaintForm":
        """The form without what no screen shows."""
        return cls(
            text=words(text),
            name=clean_line(name),
            contact=clean_line(contact),
            number=clean_line(number),
            public=board == "public",
            trap=trap,
            stamp=stamp,
            suggest=suggest == "yes",
        )

    @property
    def reached_at(self) -> Contact | None:
        """The contact that was given; None where none was, or none can be read in it."""
        return read_contact(self.contact) if self.contact else None

    def errors(self, rules: WebRules) -> Errors:
        """What must be mended, by field, in the order of the form."""
        found = text_errors("text", self.text, rules.text)
        for name, value in (("name", self.name), ("contact", self.contact), ("number", self.number)):
            if len(value) > rules.line:
                found[name] = FieldError("error_line_too_long", {"limit": rules.line})
        if self.contact and "contact" not in found and self.reached_at is None:
            found["contact"] = FieldError("error_contact")
        return found


@dataclass(frozen=True)
class SurveyForm:
    """The survey as it was typed."""

    score: str = ""
    comment: str = ""

    @classmethod
    def typed(cls, *, score: str, comment: str) -> "SurveyForm":
        """The form without what no screen shows."""
        return cls(score=score.strip(), comment=words(comment))

    def errors(self, rules: WebRules) -> Errors:
        """What must be mended, by field."""
        found: Errors = {}
        if self.score not in {"1", "2", "3", "4", "5"}:
            found["score"] = FieldError("error_score")
        if len(self.comment) > rules.comment:
            found["comment"] = FieldError("error_too_long", {"limit": rules.comment, "length": len(self.comment)})
        return found


def words(typed: str) -> str:
    """What somebody wrote, with the line breaks of text instead of a form's, and without control characters."""
    whole = typed.replace("\r\n", "\n").replace("\r", "\n").encode("utf-8", "replace").decode()
    return clean(whole).strip()


def text_errors(name: str, text: str, limit: int) -> Errors:
    """The error of a text that is missing or too long."""
    if is_blank(text):
        return {name: FieldError("error_text_missing")}
    if len(text) > limit:
        return {name: FieldError("error_too_long", {"limit": limit, "length": len(text)})}
    return {}


def read_contact(written: str) -> Contact | None:
    """The e-mail address or telephone number in what was typed; None where it is neither."""
    written = written.strip()
    if _EMAIL.fullmatch(written):
        return Contact(email=written.lower())
    digits = re.sub(r"\D", "", written)
    if not _PHONE.fullmatch(written) or not 8 <= len(digits) <= 15:
        return None
    if digits.startswith("00"):
        digits = digits[2:]
    elif digits.startswith("0"):
        digits = f"62{digits[1:]}"
    return Contact(phone=digits)
