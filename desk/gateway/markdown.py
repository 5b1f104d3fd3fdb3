"""Turns an article's Markdown into HTML that loads nothing and runs nothing, with links to other articles."""

import re
from collections.abc import Callable

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

_READER = MarkdownIt("commonmark", {"html": False}).enable("table").disable(["image", "html_block", "html_inline"])
_SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")


def to_html(text: str, page_of: Callable[[str], str]) -> Markup:
    """The article's body under the page's own heading. `page_of` gives the address of the article that a link names.

    Raw HTML stays text, pictures are not read, and links that would run something are none (markdown-it refuses them).
    """
    tokens = _READER.parse(text)
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(6, int(token.tag[1]) + 1)}"
        for inner in token.children or ():
            if inner.type == "link_open":
                _lead(inner, page_of)
    return Markup(_READER.renderer.render(tokens, _READER.options, {}))  # noqa: S704  # escaped by markdown-it


def _lead(link: Token, page_of: Callable[[str], str]) -> None:
    """A bare name leads to that article; anything else leads out, without telling where the reader came from."""
    target = str(link.attrGet("href") or "")
    if _SLUG.fullmatch(target):
        link.attrSet("href", page_of(target))
    else:
        link.attrSet("rel", "noopener noreferrer nofollow")
