"""Fills the slots of company-written texts, in a sandbox where a text can do nothing but that.

What is filled in is never read as a template, and it is marked while the text is made, so that whoever asks knows
which characters are a fact of the case and which are our own words.
"""

import unicodedata
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import Any, NoReturn

from jinja2 import StrictUndefined, Template, TemplateSyntaxError, nodes
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from policy.reading import Problem

MULTILINE = frozenset(("article", "summary", "statement"))
"""Slots that may hold more than one line."""

_OPENS, _CLOSES = "\ue000", "\ue001"
"""Around what is filled in, while a text is made; no value may hold them."""
_MARK = "{"
"""A text without it holds no slot, and is what it is."""
_ALLOWED = (
    nodes.Template,
    nodes.Output,
    nodes.TemplateData,
    nodes.Name,
    nodes.If,
    nodes.Const,
    nodes.Or,
    nodes.And,
    nodes.Not,
    nodes.CondExpr,
)


@dataclass(frozen=True)
class Filling:
    """A slot's value in a text: its place there, half-open, and which slot it came from."""

    start: int
    end: int
    slot: str


class Slot(str):
    """A value that knows which slot it fills."""

    slot: str

    def __new__(cls, value: str, slot: str) -> "Slot":
        self = super().__new__(cls, value)
        self.slot = slot
        return self


class _Sandbox(ImmutableSandboxedEnvironment):
    """Refuses every attribute, item and call, not only the dangerous ones."""

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        return False

    def is_safe_callable(self, obj: Any) -> bool:
        return False

    def getattr(self, obj: Any, attribute: str) -> NoReturn:
        raise SecurityError(f"`{attribute}`: a template has no attributes to ask for")

    def getitem(self, obj: Any, argument: Any) -> NoReturn:
        raise SecurityError(f"`{argument}`: a template has no items to ask for")


def _write(value: Any) -> Any:
    return f"{_OPENS}{value.slot}{_OPENS}{value}{_CLOSES}" if isinstance(value, Slot) and value else value


_SANDBOX = _Sandbox(autoescape=False, undefined=StrictUndefined, finalize=_write, keep_trailing_newline=False)
_SANDBOX.globals.clear()
_SANDBOX.filters.clear()
_SANDBOX.tests.clear()


class Fillable:
    """A text without faults (see `faults`); it is made ready when it is first filled, which most are not in a run."""

    def __init__(self, source: str) -> None:
        self.source = source

    def fill(self, slots: Mapping[str, Slot]) -> tuple[str, tuple[Filling, ...]]:
        """The text without space around it, and where in it a slot was written."""
        return _taken_apart(self._template.render(slots).strip()) if _MARK in self.source else (self.source.strip(), ())

    @cached_property
    def _template(self) -> Template:
        return _SANDBOX.from_string(self.source)


def slots_of(values: Mapping[str, str], known: Collection[str]) -> dict[str, Slot]:
    """Every known slot with its value, cleaned; what is not given is empty."""
    return {slot: Slot(_clean(slot, values.get(slot, "")), slot) for slot in known}


def named_in(text: str) -> frozenset[str]:
    """The slots that a text without faults names."""
    if _MARK not in text:
        return frozenset()
    return frozenset(node.name for node in _SANDBOX.parse(text).find_all(nodes.Name))


def faults(file: Path, line: int, text: str, known: Collection[str]) -> Iterator[Problem]:
    """What a text may not do; `line` is the one on which it begins, `known` the slots that it may name."""
    if _MARK not in text and text.strip():
        return
    try:
        tree = _SANDBOX.parse(text)
    except TemplateSyntaxError as error:
        yield Problem(file, line + error.lineno - 1, f"does not render: {error.message}")
        return
    if not text.strip():
        yield Problem(file, line, "this variant is empty")
    for node in tree.find_all(nodes.Node):
        at = line + (node.lineno or 1) - 1
        if isinstance(node, nodes.Name):
            if node.name not in known:
                slots = ", ".join(sorted(known))
                yield Problem(file, at, f"`{node.name}` is no slot{nearest(node.name, known)}; there are {slots}")
        elif not isinstance(node, _ALLOWED):
            what = type(node).__name__.lower()
            yield Problem(file, at, f"a template only fills slots and asks whether one is empty, no `{what}`")


def nearest(name: str, among: Collection[str]) -> str:
    """`; did you mean …?`, where there is something like it."""
    near = get_close_matches(name, sorted(among), n=1)
    return f"; did you mean `{near[0]}`?" if near else ""


def _clean(slot: str, value: str) -> str:
    """The value without control characters and without our own marks; in one line where the slot is one."""
    if slot not in MULTILINE:
        value = " ".join(value.split())
    if value.isprintable():
        return value
    return "".join(
        character
        for character in value.replace("\r\n", "\n")
        if character in "\n\t" or unicodedata.category(character) not in ("Cc", "Cs", "Co")
    )


def _taken_apart(made: str) -> tuple[str, tuple[Filling, ...]]:
    """The text without the marks around what was filled in, and the places where they stood."""
    text, fillings, at = "", [], 0
    while (opens := made.find(_OPENS, at)) >= 0:
        named = made.find(_OPENS, opens + 1)
        closes = made.find(_CLOSES, named)
        text += made[at:opens]
        fillings.append(Filling(len(text), len(text) + closes - named - 1, made[opens + 1 : named]))
        text += made[named + 1 : closes]
        at = closes + 1
    return text + made[at:], tuple(fillings)
