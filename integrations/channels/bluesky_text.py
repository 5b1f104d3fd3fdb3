"""What Bluesky wants to know of a text: its length in graphemes, and where links, names and tags stand in its bytes.

Lengths and facets as the lexicons `app.bsky.feed.post`, `chat.bsky.convo.defs` and `app.bsky.richtext.facet` have them:
a facet's `byteStart` and `byteEnd` count bytes of UTF-8.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import regex

from integrations.channels.base import Never


@dataclass(frozen=True)
class Measure:
    """How long a text may be."""

    graphemes: int
    bytes: int


POST = Measure(300, 3_000)
MESSAGE = Measure(1_000, 10_000)

MOST_NAMES = 10
"""Names in one text that are looked up; more of them stay plain."""
LONGEST_TAG = 64
"""Graphemes."""

_GRAPHEME = regex.compile(r"\X")
_PART = r"[^\s<>\"'()]"
_LINK = re.compile(rf"(?<![\w@/])https?://{_PART}{{1,2000}}(?:\({_PART}{{0,200}}\){_PART}{{0,200}})?", re.IGNORECASE)
_END_OF_SENTENCE = ".,;:!?…"
_LABEL = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
_NAME = re.compile(rf"(?<![\w@./])@((?:{_LABEL}\.){{1,6}}(?=[a-zA-Z]){_LABEL})")
_TAG = re.compile(r"(?<![\w#＃/])[#＃]((?=\w*[^\W\d_])\w{1,640})")


def must_fit(text: str, measure: Measure, what: str) -> None:
    """Raises Never where the text is longer than the platform takes."""
    used, weight = len(_GRAPHEME.findall(text)), len(text.encode("utf-8", "surrogatepass"))
    if used > measure.graphemes or weight > measure.bytes:
        raise Never(
            f"the text has {used:,} characters and {weight:,} bytes; Bluesky takes {measure.graphemes:,} and"
            f" {measure.bytes:,} as {what}",
            "too_long",
        )


def facets_of(text: str, did_of: Callable[[str], str | None]) -> list[dict[str, Any]]:
    """Where links, names and tags stand. `did_of` looks a handle up; one that nobody has stays plain text."""
    found: list[tuple[int, int, dict[str, Any]]] = []
    found += [(start, end, {"$type": f"{_FACET}#link", "uri": text[start:end]}) for start, end in _links(text)]
    taken = [(start, end) for start, end, _ in found]
    names = 0
    for name in _NAME.finditer(text):
        if names >= MOST_NAMES or _lies_in(taken, name.start()):
            continue
        names += 1
        did = did_of(name[1].lower())
        if did is not None:
            found.append((name.start(), name.end(), {"$type": f"{_FACET}#mention", "did": did}))
    for tag in _TAG.finditer(text):
        if not _lies_in(taken, tag.start()) and len(_GRAPHEME.findall(tag[1])) <= LONGEST_TAG:
            found.append((tag.start(), tag.end(), {"$type": f"{_FACET}#tag", "tag": tag[1]}))
    return [
        {"index": {"byteStart": _bytes(text[:start]), "byteEnd": _bytes(text[:end])}, "features": [feature]}
        for start, end, feature in sorted(found, key=lambda one: one[0])
    ]


_FACET = "app.bsky.richtext.facet"


def _links(text: str) -> Iterator[tuple[int, int]]:
    for link in _LINK.finditer(text):
        yield link.start(), link.start() + len(link[0].rstrip(_END_OF_SENTENCE))


def _lies_in(taken: list[tuple[int, int]], place: int) -> bool:
    return any(start <= place < end for start, end in taken)


def _bytes(text: str) -> int:
    return len(text.encode())
