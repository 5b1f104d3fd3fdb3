"""Cleans the customer's words of what no screen shows and no database takes, and of nothing else."""

import re

MAX_TEXT = 100_000
"""Code points of a message's text."""

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_CONTROL_OR_BREAK = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_BREAKS = re.compile(r"[\t\r\n]+")
_VISIBLE = re.compile(r"[^\s\u00ad\u200b-\u200f\u2060\ufeff]")


def clean(text: str) -> str:
    """The text without control characters (Unicode category Cc); tab, line feed and carriage return stay."""
    return _CONTROL.sub("", text) if _CONTROL.search(text) else text


def clean_line(text: str) -> str:
    """The same for what stands on one line, such as a name: line breaks become a space, the ends are trimmed."""
    if _CONTROL_OR_BREAK.search(text):
        text = _CONTROL_OR_BREAK.sub("", _BREAKS.sub(" ", text))
    return text.strip()


def line_of(value: object) -> str | None:
    """What a record says on one line, such as a name; None where that is no text, empty or half a character."""
    return (clean_line(value) or None) if isinstance(value, str) and not has_half(value) else None


def has_half(text: str) -> bool:
    """Whether half of a character (a lone surrogate) stands in it, which no database takes."""
    return any("\ud800" <= sign <= "\udfff" for sign in text)


def whole(text: str) -> str:
    """The text with a question mark for each half of a character (a lone surrogate), which no database takes."""
    return text.encode("utf-8", "replace").decode()


def has_control(text: str) -> bool:
    """Whether a control character stands in it, line breaks counted."""
    return _CONTROL_OR_BREAK.search(text) is not None


def is_blank(text: str) -> bool:
    """Whether nothing of it can be seen: empty, white space, zero-width characters."""
    return _VISIBLE.search(text) is None


def shown(value: object, limit: int = 40) -> str:
    """A value as a reason quotes it: one line, cut."""
    text = clean_line(value if isinstance(value, str) else repr(value))
    return text if len(text) <= limit else f"{text[:limit]}…"
