"""WhatsApp's approved templates, the only texts that may leave once the 24 hours are over.

The settings repeat a template's body as Meta approved it, with `{name}` for Meta's `{{name}}` and `{1}` for `{{1}}`. A
text that was approved at the desk leaves as a template only where the body with its slots filled is that text, letter
for letter: so nobody reads what nobody approved.

Source: developers.facebook.com/documentation/business-messaging/whatsapp/templates (names, lengths, parameters).
"""

import re
from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

LONGEST_BODY = 1024
"""Characters of a template's body, its slots filled."""

_SLOT = re.compile(r"\{([A-Za-z0-9_]+)\}")
_NOT_IN_A_SLOT = re.compile(r"[\n\r\t]| {5}")
"""Meta refuses line breaks, tabs and more than four spaces in a row in what fills a slot (error 132018)."""


class Template(BaseModel):
    """A template that Meta has approved, with a body and nothing else: a header or footer would be read, too."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z0-9_]{1,512}$")
    language: str = Field(pattern=r"^[a-z]{2,3}(_[A-Z]{2,3})?$")
    """As Meta writes it: `id`, `en`, `en_US`."""
    body: str = Field(min_length=1, max_length=LONGEST_BODY)

    @field_validator("body")
    @classmethod
    def _slots_apart(cls, body: str) -> str:
        texts, slots = _split(body)
        if "{" in "".join(texts) or "}" in "".join(texts):
            raise ValueError("a slot is written {name} or {1}, with letters, digits and _ between single braces")
        if len(set(slots)) != len(slots):
            raise ValueError("each slot may stand in it once")
        if any(not text for text in texts[1:-1]):
            raise ValueError("two slots need some words between them")
        if len({slot.isdigit() for slot in slots}) > 1:
            raise ValueError("its slots have names or numbers, not both: Meta takes one kind in a template")
        return body

    @property
    def as_meta_writes_it(self) -> str:
        """The body with its slots in double braces."""
        return _SLOT.sub(r"{{\1}}", self.body)

    def slots_of(self, text: str) -> dict[str, str] | None:
        """What fills the slots where the body, filled, is exactly this text; None where it never is.

        Where several fillings give the text, the one with the shortest first values is taken: all read the same.
        """
        texts, slots = _split(self.body)
        if not slots:
            return {} if text == self.body else None
        if len(text) > LONGEST_BODY or not text.startswith(texts[0]) or not text.endswith(texts[-1]):
            return None
        at, end = len(texts[0]), len(text) - len(texts[-1])
        filled: dict[str, str] = {}
        for slot, following in zip(slots[:-1], texts[1:-1], strict=True):
            found = text.find(following, at + 1, end)
            if found < 0:
                return None
            filled[slot], at = text[at:found], found + len(following)
        filled[slots[-1]] = text[at:end]
        if any(not value.strip() or _NOT_IN_A_SLOT.search(value) for value in filled.values()):
            return None
        return filled

    def message(self, filled: dict[str, str]) -> dict[str, Any]:
        """The `template` object of a message, so that Meta renders it to the text that `filled` came from."""
        named = [(slot, {"type": "text", "text": value}) for slot, value in filled.items()]
        if named and named[0][0].isdigit():
            parameters = [parameter for _, parameter in sorted(named, key=lambda one: int(one[0]))]
        else:
            parameters = [{**parameter, "parameter_name": slot} for slot, parameter in named]
        template: dict[str, Any] = {"name": self.name, "language": {"policy": "deterministic", "code": self.language}}
        return template | ({"components": [{"type": "body", "parameters": parameters}]} if parameters else {})


def template_for(text: str, templates: Iterable[Template]) -> tuple[Template, dict[str, str]] | None:
    """The first template that renders to exactly this text, and what fills its slots."""
    for template in templates:
        filled = template.slots_of(text)
        if filled is not None:
            return template, filled
    return None


def difference(template: Template, found: object) -> str | None:
    """What Meta has otherwise than the settings, in a sentence for a person; None where they are the same.

    `found`: what `GET /{business account}/message_templates` lists under the template's name.
    """
    said = f"the template `{template.name}` ({template.language})"
    listed = found if isinstance(found, list) else []
    one = next((it for it in listed if isinstance(it, dict) and it.get("language") == template.language), None)
    if one is None or one.get("name") != template.name:
        return f"{said} is not among Meta's"
    if one.get("status") != "APPROVED":
        return f"{said} is {str(one.get('status'))[:40]} with Meta, not APPROVED"
    parts = one.get("components")
    components = {part.get("type"): part for part in parts if isinstance(part, dict)} if isinstance(parts, list) else {}
    if components.get("BODY", {}).get("text") != template.as_meta_writes_it:
        return f"{said} has another body with Meta than in the settings"
    more = sorted(str(kind).lower() for kind in components if kind in ("HEADER", "FOOTER", "CAROUSEL"))
    if more:
        return f"{said} has a {' and a '.join(more)} with Meta, which nobody at the desk approves: leave it away"
    return None


def _split(body: str) -> tuple[list[str], list[str]]:
    """The words between the slots, and the slots; there is one more of the former."""
    parts = _SLOT.split(body)
    return parts[::2], parts[1::2]
