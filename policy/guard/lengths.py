"""How long a text is where it will stand, in the platform's own measure."""

import re
import unicodedata
from collections.abc import Iterable, Iterator

from policy.guard.draft import ChannelLimits, DraftText, Hit

URL = re.compile(
    r"(?<![\w@.])(?:https?://[^\s<>\"']{1,2000}"
    r"|(?:[a-z0-9-]{1,63}\.){1,4}(?:com|id|net|org|co|io|example|app|me|info|biz|ly|link|site|online|shop|xyz|store)"
    r"(?![\w-])(?:/[^\s<>\"']{0,2000})?)",
    re.IGNORECASE,
)
_URL_LENGTH = 23
"""X and Mastodon count a link as 23 characters (twitter-text v3 `transformedURLLength`; Mastodon's documentation)."""
_LIGHT = ((0, 4351), (8192, 8205), (8208, 8223), (8242, 8247))
"""Code points that X counts as one; every other one counts as two (twitter-text v3 configuration)."""


def length_on(channel: str | None, text: str) -> int:
    """The length in the channel's measure: weighted on X, links as 23 on Mastodon, graphemes on Bluesky."""
    return sum(weight for _, weight in _pieces(channel, text))


def too_long(draft: DraftText, channels: ChannelLimits) -> Iterator[Hit]:
    """What stands beyond the hard limit, or else beyond the comfortable one (`what` is `hard` or `comfortable`)."""
    limits = channels.get(draft.channel) if draft.channel else None
    if limits is None:
        return
    for limit, what in ((limits.hard_limit, "hard"), (limits.comfortable_limit, "comfortable")):
        if limit is None or not draft.text:
            continue
        used = 0
        for place, weight in _pieces(draft.channel, draft.text):
            used += weight
            if used > limit:
                yield Hit(place, len(draft.text), what, "warn" if what == "comfortable" else None)
                return


def _pieces(channel: str | None, text: str) -> Iterable[tuple[int, int]]:
    """Where each counted piece begins, and what it weighs."""
    if channel not in ("x", "mastodon", "bluesky"):
        yield from ((at, 1) for at in range(len(text)))
        return
    at = 0
    if channel in ("x", "mastodon"):
        for link in URL.finditer(text):
            if channel == "mastodon" and not link.group().lower().startswith("http"):
                continue
            yield from _characters(channel, text, at, link.start())
            yield link.start(), _URL_LENGTH
            at = link.end()
    yield from _characters(channel, text, at, len(text))


def _characters(channel: str, text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    joined = False
    for at in range(start, end):
        code = ord(text[at])
        if code < 0x300:
            joined = False
            yield at, 1
            continue
        # A sign made of several code points (skin tone, family, accent) is counted once.
        extends = unicodedata.category(text[at]) in ("Mn", "Me") or 0x1F3FB <= code <= 0x1F3FF
        if code == 0x200D or extends or joined:
            joined = code == 0x200D
            if channel == "mastodon":
                yield at, 1
            continue
        yield at, 1 if channel != "x" or any(low <= code <= high for low, high in _LIGHT) else 2
