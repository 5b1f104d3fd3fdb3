"""Words on their way into Slack and out of it: what others wrote shows literally there, whatever it contains.

Slack has no sign that escapes its own marks (https://docs.slack.dev/messaging/formatting-message-text), so beside its
three entities we use signs that look the same and mean nothing (`∗` for `*`), and the word joiner, which nobody sees.
Links are a matter of the text object: all of ours are `verbatim` (see blocks.py), so Slack makes no link, channel or
mention of plain words.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import regex
from rich.emoji import Emoji

JOINER = "\u2060"
"""The word joiner: seen by nobody, and no part of any name, so it breaks `:smile:` and `@channel`."""
LOOKALIKES = {"*": "∗", "~": "∼", "`": "ˋ", "_": "ˍ"}
MOST_MARKS = 5
"""Signs that may be stacked on a letter: every living script needs fewer, and more of them cover the lines around."""

_LINE_ENDS = regex.compile(r"\r\n?|[\v\f\x85\u2028\u2029]")
_TAG = r"[\U000E0020-\U000E007F]"
# Signs that format Arabic numbers can be seen; the tags are the letters of a flag; the joiners have rules of their own.
_UNSEEN = regex.compile(
    r"[[\p{Cc}\p{Cf}\p{Noncharacter_Code_Point}\u034F\u115F\u1160\u17B4\u17B5\u3164\uFFA0]"
    r"--[\n\t\u0600-\u0605\u06DD\u070F\u0890\u0891\u08E2\U000110BD\U000110CD\u200C\u200D\U000E0020-\U000E007F]]"
    rf"|(?<![\U0001F3F4\U000E0020-\U000E007F]){_TAG}+"
    r"|(?<![^\x00-\x7F\p{Z}\p{C}])[\u200C\u200D]+|[\u200C\u200D]+(?![^\x00-\x7F\p{Z}\p{C}])",
    regex.VERSION1,
)
_STACKED = regex.compile(rf"(\p{{M}}{{{MOST_MARKS}}})\p{{M}}+")
_LONE = regex.compile(r"\p{Cs}")
_MARKS = regex.compile(r"[*~`]|(?<![\p{L}\p{N}])_|_(?![\p{L}\p{N}])")
_CALLS = regex.compile(r"@(?=(?:here|channel|everyone|group)\b)", regex.IGNORECASE)
_EMOJI = regex.compile(r":(?=(?:[\w+'-]*[^\W\d][\w+'-]*|[+-]1|100|1234):)")
_QUOTES = regex.compile(r"^(?=[ \t]*&gt;)", regex.MULTILINE)
_RIGHT_TO_LEFT = regex.compile(r"[\p{Bidi_Class=R}\p{Bidi_Class=AL}]")
_EXTENDED = r"[\p{GCB=Extend}\p{GCB=ZWJ}\p{GCB=SpacingMark}]*"
_UNIT = regex.compile(rf"\p{{GCB=Prepend}}*(?:&(?:amp|lt|gt);|<[^<>\n]{{1,400}}>){_EXTENDED}|\X")
_GRAPHEME = regex.compile(r"\X")
_SLACK = regex.compile(r"<([@#!]?)([^<>|]+)(?:\|([^<>]*))?>")


def tame(text: str) -> str:
    """The text without what is not seen but acts: controls, direction overrides, zero-width signs, heaps of marks."""
    text = _LONE.sub("\ufffd", _LINE_ENDS.sub("\n", text))
    while (seen := _UNSEEN.sub("", text)) != text:
        text = seen
    return _STACKED.sub(r"\1", text)


def plain(text: str) -> str:
    """Foreign words for a `plain_text` object, which formats nothing."""
    return tame(text)


def escape(text: str) -> str:
    """Foreign words for a `mrkdwn` object: they look as they were written, and nothing in them acts."""
    text = tame(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    text = _MARKS.sub(lambda found: LOOKALIKES[found.group()], text)
    text = _CALLS.sub(f"@{JOINER}", text)
    text = _EMOJI.sub(f":{JOINER}", text)
    return _QUOTES.sub(JOINER, text)


def shows_exactly(text: str) -> bool:
    """Whether `escape` shows these very signs, so that they may be copied from where they stand."""
    return escape(text) == text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def inline(text: str, limit: int = 200) -> str:
    """Foreign words within a line of ours, shortened; they do not turn the direction of what stands around them."""
    line = " ".join(tame(text).split())
    short = beginning(line, limit)
    said = escape(short.rstrip() + "…" if short != line else line)
    return f"\u2068{said}\u2069" if _RIGHT_TO_LEFT.search(said) else said


def quote(text: str) -> str:
    """Foreign words as a quotation, every line of it."""
    return "\n".join(f"> {line}" for line in escape(text).split("\n"))


def size(text: str) -> int:
    """How long Slack may find a text: in UTF-16 units, which is never less than in characters."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def beginning(text: str, limit: int) -> str:
    """As much of the text as fits, ending at a line, else at a word, else at a whole sign.

    A grapheme (a letter with its marks, a family of emoji) or an entity is cut only where it is longer than the limit.
    """
    if len(text) <= limit and size(text) <= limit:
        return text
    used = end = line = word = 0
    for unit in _UNIT.finditer(text):
        cost = size(unit.group())
        if used + cost > limit:
            break
        used, end = used + cost, unit.end()
        if unit.group() == "\n":
            line = end
        elif unit.group().isspace():
            word = end
    if end == 0:
        return _whole_signs(text, limit)
    return text[: next((place for place in (line, word) if place > end // 2), end)]


def _whole_signs(text: str, limit: int) -> str:
    """A beginning of an entity that is longer than the limit itself, or of such a grapheme; one sign at least."""
    used = end = 0
    for grapheme in _GRAPHEME.finditer(text):
        used += size(grapheme.group())
        if used > limit:
            break
        end = grapheme.end()
    if end:
        return text[:end]
    used = 0
    for place, sign in enumerate(text):
        used += size(sign)
        if used > limit and place:
            return text[:place]
    return text


def pieces(text: str, limit: int) -> list[str]:
    """The text in parts that each fit; joined they are the text."""
    return list(fitting(text, limit))


def fitting(text: str, limit: int, drawn: Callable[[str], str] = str) -> Iterator[str]:
    """The text in parts, each of which fits as it is drawn (escaped, quoted)."""
    place = 0
    while place < len(text):
        wanted = limit
        part = beginning(text[place : place + limit + _LOOK_AHEAD], wanted)
        while len(part) > 1 and (drawn_size := size(drawn(part))) > limit:
            wanted = min(wanted - 1, wanted * limit // drawn_size)
            part = beginning(part, max(wanted, 1))
        place += len(part)
        yield part


_LOOK_AHEAD = 2_000
"""What must be read beyond a limit to know where a grapheme there ends."""


@dataclass(frozen=True)
class PlainWords:
    """What somebody typed in Slack, as plain text."""

    text: str
    mentions: tuple[str, ...] = ()
    """Whom it called: users and groups by Slack's names (`U…`, `S…`), else `here`, `channel`, `everyone`."""


def unescape(slack_text: str) -> PlainWords:
    """What somebody typed in Slack, out of the `text` of a message, as they saw it."""
    mentions: list[str] = []

    def spoken(found: "regex.Match[str]") -> str:
        mark, name, label = found.group(1), found.group(2), found.group(3)
        if mark == "@":
            mentions.append(name)
            return f"@{(label or name).removeprefix('@')}"
        if mark == "#":
            return f"#{(label or name).removeprefix('#')}"
        if mark == "!":
            return _special(name, label, mentions)
        return _link(name, label)

    text = Emoji.replace(_SLACK.sub(spoken, slack_text))
    text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&").replace(JOINER, "")
    for sign, lookalike in LOOKALIKES.items():
        text = text.replace(lookalike, sign)
    return PlainWords(text, tuple(mentions))


def _special(name: str, label: str | None, mentions: list[str]) -> str:
    kind, _, rest = name.partition("^")
    if kind == "date":
        return label or ""
    called = rest.partition("^")[0] if kind == "subteam" else kind
    mentions.append(called)
    return f"@{(label or called).removeprefix('@')}"


def _link(address: str, label: str | None) -> str:
    """The address as it was typed; where other words stood over it, both."""
    bare = address.removeprefix("mailto:").removeprefix("tel:")
    if label is None or label == bare:
        return bare
    return label if bare.partition("://")[2].rstrip("/") == label.rstrip("/") else f"{label} ({bare})"
