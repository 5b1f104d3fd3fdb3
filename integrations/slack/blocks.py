"""Slack's building blocks (https://docs.slack.dev/reference/block-kit), each kept within its limit.

Text objects with marks are `verbatim`: Slack makes no link, channel or mention of plain words in them.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from integrations.slack.text import escape, pieces, plain, shows_exactly
from integrations.slack.wording import address

Block = dict[str, Any]

TEXT, FIELD, HEADER, BUTTON, OPTION, TITLE, PLACEHOLDER, LABEL = 3_000, 2_000, 150, 75, 75, 24, 150, 2_000
"""Characters of a section, a field, a header, a button, an option, a modal's title, a placeholder, a label or hint."""
FIELDS, CONTEXTS, ELEMENTS, OPTIONS = 10, 10, 25, 100
"""How many fields a section takes, texts a context, elements a row of actions, options a list."""
MESSAGE_BLOCKS, VIEW_BLOCKS = 50, 100
INPUT = 3_000
"""Characters that an input takes."""


def marked(text: str, limit: int = TEXT) -> Block:
    """Text with Slack's marks."""
    return {"type": "mrkdwn", "text": _cut(text, limit), "verbatim": True}


def unmarked(text: str, limit: int = TEXT, *, emoji: bool = True) -> Block:
    """Text without marks."""
    return {"type": "plain_text", "text": _cut(text, limit), "emoji": emoji}


def header(text: str) -> Block:
    """The large line on top."""
    return {"type": "header", "text": unmarked(text, HEADER)}


def section(text: str, *, beside: Block | None = None) -> Block:
    """A paragraph, with a button beside it if wanted."""
    return {"type": "section", "text": marked(text)} | ({"accessory": beside} if beside else {})


def exact(text: str) -> Block:
    """Words to be approved and copied: sign by sign as they are, also where they look like Slack's marks."""
    return {
        "type": "section",
        "text": marked(escape(text)) if shows_exactly(text) else unmarked(plain(text), emoji=False),
    }


def columns(texts: Sequence[str]) -> Block:
    """Short texts in two columns."""
    return {"type": "section", "fields": [marked(text, FIELD) for text in texts[:FIELDS]]}


def context(*texts: str) -> Block:
    """Small grey lines."""
    return {"type": "context", "elements": [marked(text, FIELD) for text in texts[:CONTEXTS]]}


def divider() -> Block:
    """A line across."""
    return {"type": "divider"}


def actions(block_id: str, *elements: Block) -> Block:
    """A row of buttons and lists."""
    return {"type": "actions", "block_id": block_id, "elements": list(elements[:ELEMENTS])}


def button(
    action: str, text: str, *, value: str | None = None, style: str | None = None, about: str | None = None
) -> Block:
    """A button; `about` is what a screen reader says, where many buttons of one name stand on a page."""
    made: Block = {"type": "button", "action_id": action, "text": unmarked(text, BUTTON)}
    if value is not None:
        made["value"] = value
    if style is not None:
        made["style"] = style
    if about is not None:
        made["accessibility_label"] = _cut(about, BUTTON)
    return made


def opening(action: str, text: str, url: str | None, *, about: str | None = None) -> Block | None:
    """A button that opens an address; None where there is none that Slack could open."""
    safe = address(url)
    return button(action, text, about=about) | {"url": safe} if safe else None


def choice(action: str, placeholder: str, options: Iterable[tuple[str, str]], chosen: str | None) -> Block:
    """A list to choose from: pairs of value and text. The placeholder shows what is chosen where Slack does not."""
    made = [{"text": unmarked(text, OPTION), "value": value} for value, text in options][:OPTIONS]
    start = next((option for option in made if option["value"] == chosen), None)
    return {
        "type": "static_select",
        "action_id": action,
        "placeholder": start["text"] if start else unmarked(placeholder, PLACEHOLDER),
        "options": made,
    } | ({"initial_option": start} if start else {})


def asking(
    block_id: str,
    label: str,
    *,
    hint: str | None = None,
    example: str | None = None,
    initial: str | None = None,
    lines: bool = True,
    longest: int = INPUT,
) -> Block:
    """A field to type in."""
    element: Block = {
        "type": "plain_text_input",
        "action_id": "typed",
        "multiline": lines,
        "max_length": longest,
        "focus_on_load": True,
    }
    if example is not None:
        element["placeholder"] = unmarked(example, PLACEHOLDER)
    if initial is not None:
        element["initial_value"] = initial
    return _input(block_id, label, element, hint)


def handing_in(block_id: str, label: str, *, hint: str | None = None) -> Block:
    """A field for a text file."""
    element = {"type": "file_input", "action_id": "typed", "filetypes": ["txt", "md"], "max_files": 1}
    return _input(block_id, label, element, hint)


def _input(block_id: str, label: str, element: Block, hint: str | None) -> Block:
    made = {"type": "input", "block_id": block_id, "label": unmarked(label, LABEL), "element": element}
    return made | ({"hint": unmarked(hint, LABEL)} if hint is not None else {})


def _cut(text: str, limit: int) -> str:
    """The last defence of a limit; whoever composes a text cuts it where it makes sense."""
    return pieces(text, limit)[0] if text.strip() else "–"
