"""What is said once: to somebody whose turn it is, to a gate when its day begins, in a card's thread."""

from collections.abc import Iterator, Mapping
from datetime import datetime

from integrations.slack.blocks import opening, section
from integrations.slack.card_parts import NOTE, joined, shortened, void_why
from integrations.slack.client import Said
from integrations.slack.rows import inbox_rows, scopes
from integrations.slack.showing import Language, NoticeSeen
from integrations.slack.text import inline, quote
from integrations.slack.wording import link, moment, named, say, who

TURNS = frozenset({"review", "answer", "held", "unposted", "emergency", "breach", "legal_road"})
"""What somebody's turn may be about: a review, a promised answer, what is held, cards that cannot be shown, the law."""


FACT = (700, 12)
"""Letters and lines of a fact, old or new."""


def draw_notice(notice: NoticeSeen) -> Said:
    """A reminder, an escalation, a digest, or a line in a card's thread."""
    if notice.kind == "digest":
        return _digest(notice)
    if notice.kind == "broadcast":
        return _broadcast(notice)
    if notice.kind == "channel":
        return _channel(notice)
    if notice.kind in ("reminder", "escalation") and notice.reference:
        return _turn(notice, notice.reference)
    words = "\n".join(_line(notice))
    return Said(words, [section(words)])


def _turn(notice: NoticeSeen, reference: str) -> Said:
    """Somebody's turn, and the way to the card. `data`: `what`; `person` where they could not be told themselves."""
    language, given = notice.language, _given(notice)
    what = given.get("what", "review")
    words = say(
        language,
        f"turn_{notice.kind}_{what if what in TURNS else 'review'}",
        reference=reference,
        severity=notice.severity or "–",
        gate=named(language, "gate", notice.gate or "cs"),
        matter=named(language, "matter", given["matter"]) if "matter" in given else "",
        when=moment(notice.deadline) if notice.deadline else "–",
    )
    if "person" in given:
        words = say(language, "turn_for", who=who(language, given["person"]), words=words)
    elif "instead_of" in given:
        words = f"{words} {say(language, 'turn_instead', who=who(language, given['instead_of']))}"
    text = say(language, "button_open")
    return Said(words, [section(words, beside=opening("home_open", text, notice.card_url))])


def _digest(notice: NoticeSeen) -> Said:
    """A gate's day: what waits, and whether publishing is stopped."""
    language, waiting = notice.language, notice.waiting
    late = sum(one.late for one in waiting)
    gate = named(language, "gate", notice.gate or "cs")
    title = joined(
        (
            say(language, "digest_title" if waiting else "digest_nothing", gate=gate, count=len(waiting)),
            say(language, "digest_late", count=late) if late else None,
        )
    )
    blocks = [section(title), *inbox_rows(language, waiting)]
    if notice.desk is not None and notice.desk.stopped:
        blocks.append(section(say(language, "desk_stopped", scopes=scopes(language, notice.desk.stopped))))
    return Said(title, blocks)


def _broadcast(notice: NoticeSeen) -> Said:
    """A published fact that changed, for all staff: what it is about, the old words, and the new."""
    language, given = notice.language, _given(notice)
    about = named(language, "fact", given["about"])
    title = say(language, f"fact_changed_{given['of']}", where=inline(given["where"]), about=about)
    old = f"{say(language, 'fact_old')}\n{quote(shortened(given['old'], *FACT).text)}"
    new = f"{say(language, 'fact_new')}\n{quote(shortened(given['new'], *FACT).text)}"
    return Said(title, [section(title), section(old), section(new)])


def _channel(notice: NoticeSeen) -> Said:
    """How a platform fares; `data`: `event`, `channel`, `account`, `way`, `since`, and why it fails."""
    language, given = notice.language, _given(notice)
    account = given["account"]
    where = named(language, "channel", given["channel"]) + (f" ({inline(account)})" if account != "default" else "")
    way = named(language, "way", given["way"])
    why, since = inline(_sentence(given.get("why", ""))), moment(datetime.fromisoformat(given["since"]))
    name = f"channel_news_{given['event'].removeprefix('channel_')}"
    words = say(language, name, where=where, way=way, why=why, since=since)
    return Said(words, [section(words)])


def _sentence(words: str) -> str:
    """As one among others: with a capital, unless it begins with a server's name, and a full stop."""
    if not words:
        return ""
    first, _, _ = words.partition(" ")
    begun = words[0].upper() + words[1:] if first.isalpha() else words
    return begun if begun[-1] in ".!?" else f"{begun}."


def _line(notice: NoticeSeen) -> Iterator[str]:
    """What happened. `data`: the `event` as the timeline calls it, `by`, and what it takes to tell it."""
    language, given = notice.language, _given(notice)
    event = given.get("event", notice.kind)
    label = {"voided": "link_next", "delivered": "link_published"}.get(event, "link_card")
    yield joined((_happened(language, event, given), link(notice.card_url, say(language, label))))
    if note := shortened(given.get("note", ""), *NOTE).text:
        yield quote(note)


def _happened(language: Language, event: str, given: Mapping[str, str]) -> str:
    gate = named(language, "gate", given["gate"]) if "gate" in given else ""
    by = who(language, given["by"]) if "by" in given else ""
    match event:
        case "decided" if gate and by and "verdict" in given:
            verdict = named(language, "verdict", given["verdict"])
            absent = given.get("in_place_of")
            instead = say(language, "in_place_of", who=who(language, absent)) if absent else None
            return joined((say(language, "gate_decided", gate=gate, verdict=verdict, who=by), instead))
        case "voided":
            return say(language, "no_longer_open", why=void_why(language, given.get("why")))
        case "review_opened" if gate:
            return say(language, "gate_waits", gate=gate)
        case "review_withdrawn" if gate:
            return say(language, "gate_withdrawn", gate=gate)
        case "deadline_escalated" if "to" in given:
            called = say(language, "called_next", who=who(language, given["to"]))
            return joined((named(language, "event", event), called))
    why = inline(given["why"].replace("_", " ")) if "why" in given else None
    return joined((named(language, "event", event), by or None, why))


def _given(notice: NoticeSeen) -> dict[str, str]:
    return {key: str(value) for key, value in notice.data.items() if value is not None}
