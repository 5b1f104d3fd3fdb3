"""One review's message in its gate's channel: what must be seen to decide, and after the decision what came of it.

Drawn anew from the rows whenever anything changes. Short, the most important first: many are read in a day.
"""

import json
import re
from collections.abc import Iterator
from hashlib import sha256

from integrations.slack.blocks import MESSAGE_BLOCKS, Block, context, divider, header, section
from integrations.slack.card_parts import (
    MOST_FINDINGS,
    NOTE,
    SEP,
    all_gates,
    customer,
    deciding,
    draft,
    due,
    facts,
    findings,
    gate_name,
    gate_of,
    heading,
    joined,
    links,
    looking,
    shortened,
    void_why,
    whys,
    writing,
)
from integrations.slack.client import Said
from integrations.slack.showing import Card, GateStands, Language
from integrations.slack.text import quote
from integrations.slack.wording import link, moment, named, say, who

COMPLAINT, DRAFT = (900, 14), (1_800, 30)
"""Characters and lines of an open card."""
COMPLAINT_AFTER, DRAFT_AFTER = (280, 5), (700, 12)
"""Once it is decided there is less to read."""
WRITING_STATES = frozenset({"held", "drafting"})
"""In which whoever took a complaint over may write its answer."""
_VALUE = re.compile(r"([1-9]\d{0,17}):([0-9a-f]{64})")
_SIGNS = {"approve": "✅", "changes": "↩️", "reject": "⛔"}


def draw(card: Card) -> Said:
    """The whole card."""
    shown = list(_open(card) if _is_open(card) else _over(card))
    return Said(_notification(card), shown[:MESSAGE_BLOCKS])


def draw_plain(card: Card) -> Said:
    """A card of our own words only, where Slack refuses the other: it still can be read and decided."""
    head = say(card.language, "plain_text", reference=card.reference, gate=gate_of(card))
    if not _is_open(card):
        words = f"*{head}*\n{how_it_ended(card, bare=True) or _now(card)}"
        write = [writing(card)] if _may_be_written(card) else []
        return Said(head, [section(words), *write, looking(card, taking=False)])
    words = f"*{head}*\n{due(card)}\n{say(card.language, 'plain_card')}"
    return Said(head, [section(words), deciding(card), looking(card, taking=True)])


def draw_stub(reference: str, gate: str, outcome: str, language: Language) -> Said:
    """What stays of a card when its words may stay no longer. `outcome`: a verdict, or the review's state."""
    told = say(
        language,
        "stub",
        reference=reference,
        gate=named(language, "gate", gate),
        outcome=named(language, "outcome", outcome),
    )
    return Said(told, [section(f"*{told}*"), context(say(language, "stub_words"))])


def digest(said: Said) -> str:
    """By which a drawn message is known again."""
    return sha256(json.dumps([said.text, list(said.blocks)], sort_keys=True).encode()).hexdigest()


def parse_value(value: str) -> tuple[int, str] | None:
    """The review and the hash that a button of ours carries; None: it is none of ours."""
    found = _VALUE.fullmatch(value)
    return (int(found[1]), found[2]) if found else None


def how_it_ended(card: Card, *, bare: bool = False) -> str:
    """Who decided, when and why, or why nobody needs to any more; `bare`: none of anybody's words."""
    language, parts = card.language, []
    if card.state == "decided" and card.verdict:
        key = "decided_facts" if card.purpose == "facts" and card.verdict == "approve" else f"decided_{card.verdict}"
        by = who(language, card.decided_by or "")
        parts.append(say(language, key, who=by, when=moment(card.decided_at or card.opened_at)))
        if card.note and not bare:
            parts.append(quote(shortened(card.note, *NOTE).text))
    if card.round_state == "void" or card.state == "void":
        parts.append(_void(card))
    elif card.state == "withdrawn":
        parts.append(say(language, "withdrawn"))
    return "\n".join(parts)


def _is_open(card: Card) -> bool:
    return card.state == "open" and card.round_state == "open"


def _notification(card: Card) -> str:
    """For lock screens and screen readers: nobody's words but ours."""
    if _is_open(card):
        return joined((heading(card), due(card).split("\n")[0]))
    return joined((heading(card, _sign(card)), how_it_ended(card, bare=True).split("\n")[0]))


def _open(card: Card) -> Iterator[Block]:
    yield header(heading(card))
    yield section(due(card))
    yield facts(card)
    if reasons := whys(card):
        yield context("\n".join(reasons))
    yield divider()
    yield from customer(card, *COMPLAINT)
    yield divider()
    yield from draft(card, *DRAFT)
    if card.findings:
        yield section(findings(card.language, card.findings, MOST_FINDINGS))
    if gates := all_gates(card):
        yield context(gates)
    yield deciding(card)
    yield looking(card, taking=True)
    if told := links(card):
        yield context(told)


def _over(card: Card) -> Iterator[Block]:
    yield header(heading(card, _sign(card)))
    yield section("\n".join(part for part in (how_it_ended(card), _came_of_it(card)) if part) or _now(card))
    void = card.state in ("void", "withdrawn") or card.round_state == "void"
    yield from customer(card, *COMPLAINT_AFTER)
    if not void:
        yield from draft(card, *DRAFT_AFTER)
    if gates := all_gates(card):
        yield context(gates)
    if _may_be_written(card):
        yield writing(card)
    yield looking(card, taking=False)
    if told := links(card):
        yield context(told)


def _sign(card: Card) -> str:
    if card.state == "decided" and card.round_state != "void":
        return _SIGNS.get(card.verdict or "", "")
    return ""


def _taken(card: Card) -> bool:
    return card.void_why == "taken_over"


def _may_be_written(card: Card) -> bool:
    return _taken(card) and card.complaint_state in WRITING_STATES and not card.next_card


def _void(card: Card) -> str:
    language = card.language
    if _taken(card):
        told = (
            say(language, "taken_over", who=who(language, card.taken_by))
            if card.taken_by
            else say(language, "taken_over_unnamed")
        )
        return f"{told} {say(language, 'taken_over_write')}" if _may_be_written(card) else told
    approved = card.state == "decided" and card.verdict == "approve"
    return say(
        language,
        "no_longer_approved" if approved else "no_longer_open",
        why=_refused_elsewhere(card) or void_why(language, card.void_why),
    )


def _refused_elsewhere(card: Card) -> str | None:
    """Another gate sent the draft back, which ended the round for all."""
    refused = next((one for one in card.gates if one.gate != card.gate and one.verdict in ("changes", "reject")), None)
    if refused is None or card.round_state not in ("changes", "rejected"):
        return None
    return say(card.language, f"elsewhere_{refused.verdict}", gate=gate_name(card.language, refused))


def _came_of_it(card: Card) -> str:
    """What followed from the decision, and where to go on."""
    language = card.language
    followed = [_followed(card)]
    if card.next_card:
        followed.append(link(card.next_card, say(language, "link_next")) or say(language, "came_next"))
    return SEP.join(part for part in followed if part)


def _followed(card: Card) -> str | None:
    language = card.language
    if card.state != "decided" or card.round_state == "void":
        return None
    waiting = [one for one in card.gates if one.state == "open"]
    if elsewhere := _refused_elsewhere(card):
        return elsewhere
    match card.verdict:
        case "approve" if waiting and card.round_state == "open":
            return say(language, "came_waiting", gates=_names(language, waiting))
        case "approve":
            return _published(card)
        case "changes" if card.complaint_state == "drafting":
            return say(language, "came_redraft")
        case "changes" | "reject" if card.complaint_state == "held":
            return say(language, "came_held")
    return _now(card)


def _published(card: Card) -> str:
    language = card.language
    if card.published_at is not None:
        there = link(card.published_url, say(language, "link_published"))
        return SEP.join(
            part for part in (say(language, "came_published", when=moment(card.published_at)), there) if part
        )
    if card.complaint_state == "approved":
        return (
            say(language, "came_by_hand", reference=card.reference) if card.by_hand else say(language, "came_leaving")
        )
    return _now(card)


def _now(card: Card) -> str:
    return say(card.language, "came_state", state=named(card.language, "state", card.complaint_state))


def _names(language: Language, gates: list[GateStands]) -> str:
    return ", ".join(gate_name(language, one) for one in gates)
