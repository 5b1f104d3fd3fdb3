"""What the desk says in Slack, in Indonesian and English: all of its own words, names of tokens, numbers and moments.

Values go in as they are: whoever has somebody else's words in hand escapes them first (text.py).
"""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import yaml

from integrations.slack.showing import Language
from integrations.slack.text import inline

TEXTS = Path(__file__).parent / "texts"
LANGUAGES: tuple[Language, ...] = ("id", "en")
MACHINE = "tanggap"
LONGEST_ADDRESS = 2_000
_ADDRESS = re.compile(r"https?://[^\s\x00-\x20\x7f<>|\"]+")
_USER = re.compile(r"[UW][A-Z0-9]{2,}")


@cache
def texts(language: Language) -> Mapping[str, str]:
    """Every text of a language by its key."""
    found: dict[str, str] = yaml.safe_load((TEXTS / f"{language}.yaml").read_text(encoding="utf-8"))
    return found


@cache
def reasons() -> Mapping[str, str]:
    """The shipped policy's reasons in Indonesian."""
    found: dict[str, str] = yaml.safe_load((TEXTS / "reasons.yaml").read_text(encoding="utf-8"))
    return found


def say(language: Language, key: str, /, **values: object) -> str:
    """A text of ours with its values; of one thing (`count=1`) in the singular where the text has one.

    Raises:
        KeyError: there is no such text, or it asks for another value.
    """
    known = texts(language)
    count = values.get("count")
    if count == 1 and f"{key}_one" in known:
        key = f"{key}_one"
    if isinstance(count, int):
        values["count"] = number(count, language)
    return known[key].format(**values)


def has(language: Language, key: str) -> bool:
    """Whether there is such a text."""
    return key in texts(language)


def named(language: Language, family: str, token: str) -> str:
    """A token in words: `named("en", "gate", "pr")` is PR. One that a company added is shown as it is."""
    key = f"{family}_{token}"
    return texts(language)[key] if has(language, key) else inline(token.replace("_", " "))


def named_all(language: Language, family: str, tokens: Iterable[str]) -> str:
    """Tokens in words, in a row."""
    return ", ".join(named(language, family, token) for token in tokens)


def reason(language: Language, because: str) -> str:
    """A reason of the policy, in the reader's language where we have it there."""
    return reasons().get(because, inline(because)) if language == "id" else inline(because)


def who(language: Language, name: str) -> str:
    """Somebody of ours: a Slack user as a mention, the machine by what it is, others by their name on the desk."""
    if name == MACHINE:
        return say(language, "machine")
    return f"<@{name}>" if _USER.fullmatch(name) else inline(name)


def number(value: int, language: Language) -> str:
    """12.400 in Indonesian, 12,400 in English."""
    grouped = f"{value:,}"
    return grouped.replace(",", ".") if language == "id" else grouped


def moment(at: datetime) -> str:
    """A moment that Slack shows in each reader's own time; in UTC where it cannot."""
    utc = at.astimezone(UTC)
    return f"<!date^{int(utc.timestamp())}^{{date_short_pretty}} {{time}}|{utc:%Y-%m-%d %H:%M} UTC>"


def link(url: str | None, label: str) -> str | None:
    """A link of ours, or None where there is no address that Slack could open."""
    safe = address(url)
    return f"<{safe.replace('&', '&amp;')}|{label}>" if safe else None


def address(url: str | None) -> str | None:
    """The address, if it can stand in a link or a button."""
    return url if url is not None and len(url) <= LONGEST_ADDRESS and _ADDRESS.fullmatch(url) else None
