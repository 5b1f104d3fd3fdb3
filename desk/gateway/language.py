"""Indonesian or English: which one a visitor reads, and the pages' own words in both."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import yaml
from starlette.requests import Request

from tasks.words import MONTHS

LANGUAGES = ("id", "en")
DEFAULT = "id"
TEXTS = Path(__file__).parent / "texts"


@dataclass(frozen=True)
class Tongue:
    """The language of a page, and whether the visitor chose it by hand, so that links keep it."""

    code: str = DEFAULT
    chosen: bool = False

    def say(self, name: str, **values: object) -> str:
        """One of the pages' own texts, with values in its places; whole numbers as the language groups their digits.

        Of one thing in the singular, where the text has one (`…_one`).
        """
        single = f"{name}_one"
        if single in texts(self.code) and 1 in values.values():
            name = single
        return texts(self.code)[name].format(**{place: self._written(value) for place, value in values.items()})

    def _written(self, value: object) -> object:
        if not isinstance(value, int):
            return value
        return f"{value:,}" if self.code == "en" else f"{value:,}".replace(",", ".")

    def day(self, day: date) -> str:
        """A day as people say it: `3 Agustus 2026`."""
        return f"{day.day} {MONTHS[self.code].split()[day.month - 1]} {day.year}"

    def link(self, path: str, **query: object) -> str:
        """An address on these pages in this language."""
        asked = {name: value for name, value in query.items() if value is not None}
        if self.chosen:
            asked["lang"] = self.code
        return f"{path}?{urlencode(asked)}" if asked else path


def tongue_of(request: Request) -> Tongue:
    """What `?lang=` says, else what the browser asks for, else Indonesian."""
    asked = request.query_params.get("lang", "")
    if asked in LANGUAGES:
        return Tongue(asked, chosen=True)
    return Tongue(preferred(request.headers.get("accept-language", "")))


def preferred(header: str) -> str:
    """The first of our languages in an `Accept-Language` header, by its weights (RFC 9110, 12.5.4)."""
    wishes: list[tuple[float, str]] = []
    for part in header[:500].split(","):
        wish, _, parameter = part.strip().partition(";")
        code = wish.strip().lower().partition("-")[0]
        code = DEFAULT if code == "in" else code  # what Java called Indonesian until 2020
        weight = parameter.strip().removeprefix("q=") if parameter.strip() else "1"
        try:
            wishes.append((float(weight), code))
        except ValueError:
            continue
    ours = [(weight, code) for weight, code in wishes if code in LANGUAGES and weight > 0]
    return max(ours, key=lambda wish: wish[0])[1] if ours else DEFAULT


@cache
def texts(code: str) -> Mapping[str, str]:
    """The pages' own words in a language."""
    read: Any = yaml.safe_load((TEXTS / f"{code}.yaml").read_text("utf-8"))
    return {str(name): str(text).strip() for name, text in read.items()}
