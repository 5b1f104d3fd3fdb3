"""Reads what a language model answered: JSON of the shape that was asked for, and nothing else."""

import json
import re
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

LONGEST_ANSWER = 40_000
"""Characters."""

_UNSTORABLE = re.compile(r"[\ud800-\udfff]|\\u00(?:0[0-8bcef]|1[0-9a-f])")
"""Half characters, and control characters as JSON writes them: nobody's words."""

Shape = TypeVar("Shape", bound="AnswerShape")


class AnswerShape(BaseModel):
    """What every answer's model has in common: nothing is bent to fit, nothing may stand beside it."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Unusable(Exception):
    """The answer cannot be used; `why` is a token."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(why)


def parse(text: str, shape: type[Shape]) -> Shape:
    """The answer in its shape. A fence of Markdown around it is taken off; many models write one unasked.

    Raises:
        Unusable: it is no JSON, or not of this shape.
    """
    if len(text) > LONGEST_ANSWER:
        raise Unusable("too_big")
    try:
        found = json.loads(_bare(text), parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise Unusable("no_json") from None
    if _UNSTORABLE.search(json.dumps(found, ensure_ascii=False)):
        raise Unusable("signs")
    return fitted(found, shape)


def fitted(found: Any, shape: type[Shape]) -> Shape:
    """Plain data in its shape.

    Raises:
        Unusable: it does not fit.
    """
    try:
        return shape.model_validate(found)
    except (ValidationError, RecursionError):
        raise Unusable("schema") from None


def _bare(text: str) -> str:
    text = text.strip()
    if text.startswith("```") and text.endswith("```") and "\n" in text:
        first, _, rest = text.partition("\n")
        if first.removeprefix("```").strip().lower() in ("", "json"):
            return rest[:-3]
    return text


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")
