"""Turns an HTML mail into the text that a reader sees. Nothing is fetched, nothing is run.

One pass of patterns that cannot run long, whatever stands in the mail: a parser that looks again for the end of each
tag that was never closed takes minutes over a megabyte of `<a <a <a`.
"""

import re
from html import unescape

_UNSEEN = re.compile(r"<(script|style|title|template)\b[^<>]*>.*?(?:</\1\s*>|\Z)", re.IGNORECASE | re.DOTALL)
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)|<[!?][^>]*(?:>|\Z)", re.DOTALL)
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9:]*)([^<>]*)>")
_WHITE = re.compile(r"[ \t\r\n\f]+")
_BLANK_LINES = re.compile(r"\n{3,}")
_HIDDEN = re.compile(r"display\s*:\s*none", re.IGNORECASE)
_ALT = re.compile(r"\balt\s*=\s*(?:\"([^\"]*)\"|'([^']*)')", re.IGNORECASE)

_NAME = re.compile(r"\w+")
_BLOCKS = frozenset(
    _NAME.findall(
        "address article aside blockquote body center dd div dl dt fieldset figcaption figure footer form h1 h2 h3 h4"
        " h5 h6 header hr html li main nav ol p pre section table tbody td tfoot th thead tr ul"
    )
)
_PARAGRAPHS = frozenset(_NAME.findall("p h1 h2 h3 h4 h5 h6 ul ol table pre blockquote"))
_DEEPEST_QUOTE = 20
"""Quotes within each other that are marked; a page may nest as many as it has room for."""
_EMPTY = frozenset(_NAME.findall("area base br col embed hr img input link meta param source track wbr"))


def text_of(html: str) -> str:
    """What is read in it: a line a block, `- ` before list items, `> ` before quoted lines."""
    html = _UNSEEN.sub(" ", _COMMENT.sub("", html))
    page = _Page()
    at = 0
    for tag in _TAG.finditer(html):
        page.words(html[at : tag.start()])
        at = tag.end()
        closing, name, attributes = tag.group(1), tag.group(2).lower(), tag.group(3)
        if closing:
            page.close(name)
        else:
            page.open(name, attributes)
    page.words(html[at:])
    return page.text()


class _Page:
    """The lines so far, and how deep in quotes and in hidden parts the reader is."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._line: list[str] = []
        self._quotes = 0
        self._hidden_by: str | None = None
        self._hidden_depth = 0

    def words(self, source: str) -> None:
        if self._hidden_by is None and source:
            self._line.append(_WHITE.sub(" ", unescape(source)))

    def open(self, name: str, attributes: str) -> None:
        if self._hidden_by is not None:
            self._hidden_depth += name == self._hidden_by
            return
        if name not in _EMPTY and _HIDDEN.search(attributes):
            self._hidden_by, self._hidden_depth = name, 1
            return
        if name == "br":
            self._break()
        elif name in {"td", "th"}:
            self._line.append(" ")
        elif name in _BLOCKS:
            self._end_line(paragraph=name in _PARAGRAPHS)
        if name == "li":
            self._line.append("- ")
        elif name == "blockquote":
            self._quotes += 1
        elif name == "img" and (alt := _ALT.search(attributes)):
            self._line.append(unescape(alt.group(1) or alt.group(2) or ""))

    def close(self, name: str) -> None:
        if self._hidden_by is not None:
            self._hidden_depth -= name == self._hidden_by
            if self._hidden_depth == 0:
                self._hidden_by = None
            return
        if name in _BLOCKS and name not in {"td", "th"}:
            self._end_line(paragraph=name in _PARAGRAPHS)
        if name == "blockquote":
            self._quotes = max(0, self._quotes - 1)

    def text(self) -> str:
        self._end_line(paragraph=False)
        return _BLANK_LINES.sub("\n\n", "\n".join(self._lines)).strip()

    def _break(self) -> None:
        line = _WHITE.sub(" ", "".join(self._line)).strip(" ")
        self._lines.append("> " * min(self._quotes, _DEEPEST_QUOTE) + line)
        self._line = []

    def _end_line(self, *, paragraph: bool) -> None:
        if "".join(self._line).strip(" "):
            self._break()
        else:
            self._line = []
        if paragraph and self._lines and self._lines[-1]:
            self._lines.append("")
