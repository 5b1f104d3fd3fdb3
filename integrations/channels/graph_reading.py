"""Careful reading of what Meta sends: every field is checked, and what is wrong is told in a sentence."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from integrations.channels.base import Never
from integrations.intake.text import clean, whole

_NODE = re.compile(r"[A-Za-z0-9_:=-]{1,200}")
_MILLISECONDS = 10**11
"""A larger number counts milliseconds."""


class WrongShape(ValueError):
    """A record has another shape than documented; the text says which field."""


class Fields:
    """A JSON object, read field by field. Raises WrongShape where it is none."""

    __slots__ = ("raw",)

    def __init__(self, given: object) -> None:
        if not isinstance(given, dict):
            raise WrongShape(f"an object was due, not {_kind(given)}")
        self.raw: dict[str, Any] = given

    def text(self, name: str) -> str:
        """A text that must be there. Raises WrongShape."""
        value = self.raw.get(name)
        if not isinstance(value, str) or not value:
            raise WrongShape(f"`{name}` must be a text, not {_kind(value)}")
        return value

    def words(self, name: str) -> str:
        """A text that may be missing; without the characters that no screen shows. Raises WrongShape."""
        value = self.raw.get(name)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise WrongShape(f"`{name}` must be a text, not {_kind(value)}")
        return clean(whole(value)).strip()

    def id(self, name: str) -> str:
        """An id, which old payloads write as a number. Raises WrongShape."""
        value = self.raw.get(name)
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        return self.text(name)

    def number(self, name: str) -> int | None:
        """A count, where it is one."""
        value = self.raw.get(name)
        return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None

    def total(self, name: str) -> int | None:
        """The `total_count` in the summary of a list."""
        inside = self.raw.get(name)
        summary = inside.get("summary") if isinstance(inside, dict) else None
        return Fields(summary).number("total_count") if isinstance(summary, dict) else None

    def object(self, name: str) -> "Fields":
        """An object that must be there. Raises WrongShape."""
        try:
            return Fields(self.raw.get(name))
        except WrongShape as error:
            raise WrongShape(f"`{name}`: {error}") from None

    def maybe(self, name: str) -> "Fields | None":
        """An object, where it is one."""
        value = self.raw.get(name)
        return Fields(value) if isinstance(value, dict) else None

    def list(self, name: str) -> list[Any]:
        """A list that must be there. Raises WrongShape."""
        value = self.raw.get(name)
        if not isinstance(value, list):
            raise WrongShape(f"`{name}` must be a list, not {_kind(value)}")
        return value

    def rows(self, name: str) -> Iterator["Fields"]:
        """The objects of a list that may be missing, or stand in the `data` of an object."""
        value = self.raw.get(name)
        value = value.get("data") if isinstance(value, dict) else value
        return (Fields(row) for row in (value if isinstance(value, list) else ()) if isinstance(row, dict))

    def moment(self, name: str) -> datetime:
        """A time in any of Meta's three ways. Raises WrongShape."""
        try:
            return moment(self.raw.get(name))
        except WrongShape as error:
            raise WrongShape(f"`{name}` {error}") from None


def moment(value: object) -> datetime:
    """A time written as seconds or milliseconds since 1970, or like `2026-03-02T10:00:00+0000`. Raises WrongShape."""
    try:
        if isinstance(value, str) and value.isascii() and value.isdigit():
            value = int(value)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(value / 1000 if value > _MILLISECONDS else value, UTC)
        if isinstance(value, str):
            found = datetime.fromisoformat(value)
            return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        pass
    raise WrongShape("must be a time")


def _kind(value: object) -> str:
    return {dict: "an object", list: "a list", str: "a text", bool: "yes or no", type(None): "nothing"}.get(
        type(value), "a number"
    )


def as_bytes(given: object) -> bytes:
    """A record as it came."""
    return json.dumps(given, ensure_ascii=False).encode("utf-8", "surrogatepass")


def node(named: str) -> str:
    """An id on its way into an address of the API. Raises Never where it is none of Meta's."""
    if not _NODE.fullmatch(named):
        raise Never("this is no id of Meta's", "gone")
    return named


def stamp(at: datetime) -> int:
    """A moment as Meta's parameters take it: whole seconds since 1970."""
    return int(at.astimezone(UTC).timestamp())
