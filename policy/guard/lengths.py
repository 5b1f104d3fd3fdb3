"""How long a text is where it will stand, in the platform's own measure."""

import re
import unicodedata
from collections.abc import Callable, Iterator

import regex

from policy.guard.draft import ChannelLimits, DraftText, Hit

URL = re.compile(
    r"(?<![\w@.])(?:https?://[^\s<>\"']{1,2000}"
    r"|(?:[a-z0-9-]{1,63}\.){1,4}(?:com|id|net|org|co|io|example|app|me|info|biz|ly|link|site|online|shop|xyz|store)"
    r"(?![\w-])(?:/[^\s<>\"']{0,2000})?)",
    re.IGNORECASE,
)
_URL_LENGTH = 23
"""X and Mastodon count a link as 23 characters (twitter-text v3 `transformedURLLength`; Mastodon's documentation)."""

# What X makes a link of, and so counts as one (twitter-text 3.1.0): a name under a top-level domain, with or without
# `https://`, where nothing stands before it that would make it part of something else. `example` is there for the
# sample company.
_TOP_LEVEL_NAMES = """
ac ad ae af ag ai al am an ao aq ar as at au aw ax az ba bb bd be bf bg bh bi bj bm bn bo br bs bt bv bw by bz ca cc cd
cf cg ch ci ck cl cm cn co cr cu cv cw cx cy cz de dj dk dm do dz ec ee eg er es et eu fi fj fk fm fo fr ga gb gd ge gf
gg gh gi gl gm gn gp gq gr gs gt gu gw gy hk hm hn hr ht hu id ie il im in io iq ir is it je jm jo jp ke kg kh ki km kn
kp kr kw ky kz la lb lc li lk lr ls lt lu lv ly ma mc md me mg mh mk ml mm mn mo mp mq mr ms mt mu mv mw mx my mz na nc
ne nf ng ni nl no np nr nu nz om pa pe pf pg ph pk pl pm pn pr ps pt pw py qa re ro rs ru rw sa sb sc sd se sg sh si sj
sk sl sm sn so sr ss st su sv sx sy sz tc td tf tg th tj tk tl tm tn to tp tr tt tv tw tz ua ug uk us uy uz va vc ve vg
vi vn vu wf ws ye yt za zm zw
aero app asia bet bid biz blog cafe care cash cat center chat city click cloud club com community company cool coop
credit delivery dev digital edu email events example exchange express finance fit fun fund games gift global gov group
guide guru help host info ink int jobs life link live loan love ltd market marketing media menu mil mobi money museum
name net network news one online ooo org page party photo photos plus post press pro promo pub red rent repair report
rest restaurant review reviews rocks run sale school services shop show site social solutions space store studio style
support systems team tech tel tips today tools top tours training travel university vip website wiki win work works
world wtf xyz zone
"""
_TOP_LEVEL = frozenset(_TOP_LEVEL_NAMES.split())
_HOST = re.compile(
    r"(?<![\w@＠$#＃./-])(https?://)?((?:[^\W_](?:[\w-]{0,61}[^\W_])?\.){1,6}[^\W\d_]{2,18})(?![\w@+-])", re.IGNORECASE
)
_TAIL = r"[^\s<>\"]{0,2000}[^\s<>\"'.,;:!?()\[\]]"
_PATH = re.compile(rf"(?::\d{{1,5}})?(?:/(?:{_TAIL})?)?(?:\?{_TAIL})?")
_EMOJI = r"(?:\p{Extended_Pictographic}(?:\p{Emoji_Modifier}|\uFE0F)?(?:[\U000E0020-\U000E007E]{1,32}\U000E007F)?)"
_X_EMOJI = regex.compile(rf"(?![©®])(?:\p{{RI}}{{2}}|[0-9#*]\uFE0F?\u20E3|{_EMOJI}(?:\u200D{_EMOJI}){{0,8}})")
"""What X counts as one emoji, however many code points it is made of."""
_X_HEAVY = 2
"""What an emoji weighs on X, and every character outside of `_X_LIGHT` (twitter-text v3: `defaultWeight`)."""
_X_LIGHT = ((0, 4351), (8192, 8205), (8208, 8223), (8242, 8247))
_HEAVY_ON_X = re.compile("[^" + "".join(f"{chr(low)}-{chr(high)}" for low, high in _X_LIGHT) + "]")
_RUN_ON_X = re.compile("(?:[\u0000-\u02ff](?![\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe00-\ufe0f]))+")
"""Characters that weigh one on X, whatever stands behind them."""
_GRAPHEME = regex.compile(r"\X")
_MASTODON_LINK = regex.compile(r"(?<![\w@])https?://[^\s<>\"']{1,2000}", regex.IGNORECASE)


def length_on(channel: str | None, text: str) -> int:
    """The length in the channel's measure: weighted on X, graphemes on Mastodon and Bluesky, UTF-16 on Telegram."""
    measure = _MEASURES.get(channel or "")
    return len(text) if measure is None else sum(count * weight for _, count, weight in measure(text))


def too_long(draft: DraftText, channels: ChannelLimits) -> Iterator[Hit]:
    """What stands beyond the hard limit, or else beyond the comfortable one (`what` is `hard` or `comfortable`)."""
    limits = channels.get(draft.channel) if draft.channel else None
    if limits is None:
        return
    for limit, what in ((limits.hard_limit, "hard"), (limits.comfortable_limit, "comfortable")):
        if limit is None or not draft.text:
            continue
        place = _first_beyond(_measure(draft.channel, private=draft.private), draft.text, limit)
        if place is not None:
            yield Hit(place, len(draft.text), what, "warn" if what == "comfortable" else None)
            return


def _measure(channel: str | None, *, private: bool) -> "_Measure | None":
    """How a channel counts; None: characters."""
    found = _PRIVATE_MEASURES.get(channel or "") if private else None
    return found or _MEASURES.get(channel or "")


def _first_beyond(measure: "_Measure | None", text: str, limit: int) -> int | None:
    """Where the text leaves the limit; None where it stays within."""
    if measure is None:
        return limit if len(text) > limit else None
    used = 0
    for start, count, weight in measure(text):
        if used + count * weight > limit:
            return start + (limit - used) // weight
        used += count * weight
    return None


# The measures

_Runs = Iterator[tuple[int, int, int]]
"""Where so many pieces begin that weigh so much each; only single characters come in runs."""
_Measure = Callable[[str], _Runs]


def _on_x(text: str) -> _Runs:
    light = _HEAVY_ON_X.search(text) is None and unicodedata.is_normalized("NFC", text)
    at = 0
    for start, end in _links_on_x(text):
        yield from _weighed_by_x(text, at, start, light=light)
        yield start, 1, _URL_LENGTH
        at = end
    yield from _weighed_by_x(text, at, len(text), light=light)


def _links_on_x(text: str) -> Iterator[tuple[int, int]]:
    at = 0
    while "." in text and (host := _HOST.search(text, at)):
        at = host.end()
        *_, name, top = host[2].split(".")
        if top.lower() not in _TOP_LEVEL or "_" in name or not (host[1] or host[2].isascii()):
            continue
        path = _PATH.match(text, at)
        at = path.end() if path else at
        yield host.start(), at


def _weighed_by_x(text: str, start: int, end: int, *, light: bool) -> _Runs:
    """`light`: no character of the text weighs more than one."""
    if light:
        yield start, end - start, 1
        return
    at = start
    while at < end:
        if run := _RUN_ON_X.match(text, at, end):
            yield at, run.end() - at, 1
            at = run.end()
        elif emoji := _X_EMOJI.match(text, at, end):
            yield at, 1, _X_HEAVY
            at = emoji.end()
        else:
            after = _past_marks(text, at, end)
            # X composes characters first: what combines with a letter counts with it.
            composed = unicodedata.normalize("NFC", text[at:after])
            yield at, 1, sum(_X_HEAVY if _HEAVY_ON_X.match(sign) else 1 for sign in composed)
            at = after


def _past_marks(text: str, at: int, end: int) -> int:
    """Behind a character and all that combines with it."""
    at += 1
    while at < end and unicodedata.combining(text[at]):
        at += 1
    return at


def _on_mastodon(text: str) -> _Runs:
    at = 0
    for link in _MASTODON_LINK.finditer(text):
        yield from _graphemes(text, at, link.start())
        yield link.start(), 1, _URL_LENGTH
        at = link.end()
    yield from _graphemes(text, at, len(text))


def _on_bluesky(text: str) -> _Runs:
    return _graphemes(text, 0, len(text))


def _on_telegram(text: str) -> _Runs:
    """UTF-16 code units (https://core.telegram.org/bots/api#sendmessage counts after entities are parsed)."""
    if text.isascii():
        yield 0, len(text), 1
        return
    yield from ((at, 1, 2 if sign > "\uffff" else 1) for at, sign in enumerate(text))


def _in_bytes(text: str) -> _Runs:
    """Bytes in UTF-8 (Instagram's messages: /docs/messenger-platform/instagram/features/send-message)."""
    for run in re.finditer(r"[\x00-\x7f]+|[^\x00-\x7f]", text):
        sign = run[0]
        yield run.start(), len(sign), 1 if sign.isascii() else len(sign.encode("utf-8", "surrogatepass"))


def _graphemes(text: str, start: int, end: int) -> _Runs:
    if text.isascii() and "\r" not in text:
        yield start, end - start, 1
        return
    yield from ((found.start(), 1, 1) for found in _GRAPHEME.finditer(text, start, end))


_MEASURES = {"x": _on_x, "mastodon": _on_mastodon, "bluesky": _on_bluesky, "telegram": _on_telegram}
_PRIVATE_MEASURES = {"instagram": _in_bytes}
"""Where a private message is counted otherwise than a public text."""
