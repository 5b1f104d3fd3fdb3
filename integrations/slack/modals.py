"""The windows that open over a card: to confirm, to write, to give a reason, to read.

A window opens empty at once, since Slack's trigger lives three seconds, and is filled when the rows have been read.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from integrations.slack.blocks import (
    INPUT,
    VIEW_BLOCKS,
    Block,
    asking,
    context,
    divider,
    exact,
    handing_in,
    section,
    unmarked,
)
from integrations.slack.blocks import TITLE as LONGEST_TITLE
from integrations.slack.card_parts import LONGEST_SHOWN, findings, goes, heading, shortened
from integrations.slack.showing import Card, GroundSeen, Language, MessageSeen, TimelineLine
from integrations.slack.text import fitting, inline, quote, size, tame
from integrations.slack.wording import moment, named, say, who

View = dict[str, Any]

LONGEST_VIEW = 200_000
"""Of a view as it is sent; Slack refuses more than 250 kB."""
DRAFT_BLOCKS = 40
"""At most, of a full text, so that the talk is seen as well."""
MOST_LINES = 400
MOST_GROUNDS = 40
LONGEST_REASON = 2_000


def skeleton(title: str, language: Language, callback: str = "shown") -> View:
    """An empty window under this title (`approve`, `edit`, `timeline`, `working` …)."""
    return _view(title, language, callback, [section(say(language, "working"))])


def approve_modal(card: Card) -> View:
    """An approval that is typed: what is approved, and the field for the reference."""
    language = card.language
    shown = shortened(card.draft, LONGEST_SHOWN, 60)
    place = {
        "channel": named(language, "channel", card.goes_to),
        "visibility": named(language, "visibility", card.goes_visibility),
    }
    opening = "approve_facts" if card.purpose == "facts" else "approve_words"
    blocks = [section(say(language, opening, **place)), _ours(language, shown.text)]
    if card.companion:
        blocks.append(section(f"*{say(language, 'companion')}*"))
        blocks.append(_ours(language, shortened(card.companion, LONGEST_SHOWN, 60).text))
    if shown.cut:
        blocks.append(context(say(language, "approve_rest", count=len(card.draft))))
    facts = card.purpose == "facts"
    label = say(language, "approve_label_facts" if facts else "approve_label", reference=card.reference)
    hint = say(language, "approve_hint")
    blocks.append(asking("word", label, hint=hint, example=card.reference, lines=False, longest=40))
    submit = "button_facts" if facts else "button_approve"
    return _view("facts" if facts else "approve", language, "approve", blocks, submit=submit, about=card)


def edit_modal(card: Card, *, writing: bool) -> View:
    """The draft to be edited; `writing`: the answer of whoever took the complaint over."""
    language = card.language
    blocks = [section(say(language, "write_about", reference=card.reference))] if writing else []
    blocks.append(context(goes(card)))
    if card.findings and not writing:
        blocks.append(section(findings(language, card.findings, 6)))
    if writing:
        blocks += [*_quoted(card), *_typed(card, None)]
    elif size(card.draft) <= INPUT:
        blocks += _typed(card, card.draft)
    else:
        blocks += _handed_in(card)
    name = "write" if writing else "edit"
    return _view(name, language, name, blocks, submit="button_send", about=card)


def reason_modal(card: Card, verdict: str) -> View:
    """Why changes are asked, or why the draft is rejected."""
    language = card.language
    blocks = [
        context(heading(card)),
        asking(
            "note",
            say(language, f"reason_label_{verdict}"),
            hint=say(language, f"reason_hint_{verdict}"),
            example=say(language, f"reason_example_{verdict}"),
            longest=LONGEST_REASON,
        ),
    ]
    return _view(verdict, language, verdict, blocks, submit=f"button_{verdict}", about=card)


def text_modal(card: Card, messages: Sequence[MessageSeen], draft: str, *, revealed: bool = False) -> View:
    """Everything that was written, as far as a window holds it, and how much is left out."""
    language = card.language
    view = _view("reveal" if revealed else "full_text", language, "shown", [], about=card)
    blocks: list[Block] = [section(f"{say(language, 'text_draft')}\n{goes(card)}")]
    blocks += _whole(card, draft, exact, DRAFT_BLOCKS, LONGEST_VIEW // 2)
    if card.companion:
        blocks.append(section(f"*{say(language, 'companion')}*"))
        blocks += _whole(card, card.companion, exact, DRAFT_BLOCKS // 2, LONGEST_VIEW // 4)
    if card.findings:
        blocks += [section(say(language, "text_findings")), *_all_findings(card)]
    if card.grounds:
        blocks += [section(say(language, "text_grounds")), *_all_grounds(card)]
    blocks += [divider(), section(say(language, "text_talk"))]
    if card.covered:
        blocks.append(context(say(language, "text_covered")))
    for place, message in enumerate(messages):
        room, bytes_left = VIEW_BLOCKS - 2 - len(blocks), LONGEST_VIEW - _bytes(blocks)
        if room < 2 or bytes_left < 2_000:
            left = len(messages) - place
            blocks.append(context(say(language, "text_messages_cut", count=left, reference=card.reference)))
            break
        blocks.append(context(_message_line(language, message)))
        drawn = _block_quote if message.inbound else exact
        if message.masked:
            blocks.append(section(say(language, "masked")))
        else:
            blocks += _whole(card, message.text, drawn, room - 1, bytes_left)
    view["blocks"] = blocks
    return view


def timeline_modal(reference: str, lines: Sequence[TimelineLine], language: Language) -> View:
    """What happened to a complaint, the newest first."""
    kept = list(lines)[-MOST_LINES:][::-1]
    blocks: list[Block] = []
    told = 0
    for paragraph, count in _paragraphs([_timeline_line(language, line) for line in kept]):
        if len(blocks) == VIEW_BLOCKS - 1 or _bytes(blocks) > LONGEST_VIEW - 20_000:
            break
        blocks.append(section(paragraph))
        told += count
    if not blocks:
        blocks.append(section(say(language, "timeline_empty")))
    if told < len(lines):
        blocks.append(context(say(language, "timeline_cut", count=len(lines) - told, reference=reference)))
    return _view("timeline", language, "shown", blocks)


def result_modal(words: str, language: Language) -> View:
    """What came of it, in a sentence of ours."""
    return _view("done", language, "shown", [section(words)])


def refusal_modal(words: str, language: Language) -> View:
    """Why it was not done, in a sentence of ours."""
    return _view("refused", language, "shown", [section(words)])


def read_metadata(kept: str) -> Mapping[str, Any]:
    """What a window of ours carries: `r` the review, `v` the hash of its words, `ref` the complaint; else nothing."""
    try:
        found = json.loads(kept)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _view(
    title: str,
    language: Language,
    callback: str,
    blocks: list[Block],
    *,
    submit: str | None = None,
    about: Card | None = None,
) -> View:
    view: View = {
        "type": "modal",
        "callback_id": callback,
        "title": unmarked(say(language, f"title_{title}"), LONGEST_TITLE),
        "close": unmarked(say(language, "button_cancel" if submit else "button_close"), LONGEST_TITLE),
        "blocks": blocks[:VIEW_BLOCKS],
    }
    if submit is not None:
        view["submit"] = unmarked(say(language, submit), LONGEST_TITLE)
    if about is not None:
        view["private_metadata"] = json.dumps({"r": about.review, "v": about.sha256, "ref": about.reference})
    return view


def _ours(language: Language, text: str) -> Block:
    return exact(text) if text.strip() else section(say(language, "no_words"))


def _typed(card: Card, initial: str | None) -> Iterator[Block]:
    language = card.language
    hint = say(language, "write_long" if initial is None else "edit_hint")
    yield asking("text", say(language, "edit_label"), hint=hint, initial=initial or None)


def _quoted(card: Card) -> Iterator[Block]:
    """What is answered, for whoever writes without the card before their eyes."""
    shown = shortened(card.complaint, 1_200, 20)
    if shown.text:
        yield _block_quote(shown.text)


def _handed_in(card: Card) -> Iterator[Block]:
    """A draft that Slack's input cannot hold is read here, and comes back as a file."""
    language = card.language
    yield section(say(language, "edit_too_long", count=len(card.draft)))
    yield from _whole(card, card.draft, exact, DRAFT_BLOCKS, LONGEST_VIEW // 2)
    yield handing_in("file", say(language, "edit_file_label"), hint=say(language, "edit_hint"))


def _block_quote(text: str) -> Block:
    """Foreign words in a block of their own."""
    return section(quote(text))


def _whole(card: Card, text: str, drawn: Callable[[str], Block], most: int, longest: int) -> list[Block]:
    """A text in as many blocks as it takes, up to a bound; what is left out is counted."""
    language, blocks, shown = card.language, [], 0
    words = tame(text).strip("\n")
    if not words.strip():
        return [section(say(language, "no_words"))]
    for part in islice(fitting(words, LONGEST_SHOWN, quote), most - 1):
        block = drawn(part.strip("\n")) if part.strip() else section("–")
        longest -= _bytes([block])
        if longest < 0:
            break
        blocks.append(block)
        shown += len(part)
    if shown < len(words):
        left = len(words) - shown
        blocks.append(context(say(language, "text_cut", count=left, reference=card.reference)))
    return blocks


def _all_findings(card: Card) -> Iterator[Block]:
    for start in range(0, min(len(card.findings), 20), 4):
        yield section(findings(card.language, card.findings[start : start + 4], 4))


def _all_grounds(card: Card) -> Iterator[Block]:
    lines = [_ground_line(card.language, one) for one in card.grounds[:MOST_GROUNDS]]
    for paragraph, _ in _paragraphs(lines):
        yield context(paragraph)


def _ground_line(language: Language, one: GroundSeen) -> str:
    said = f"{named(language, 'ground', one.ground)} {inline(one.ref, 80)}".strip()
    facts = ", ".join(inline(fact.partition(":")[2], 40) for fact in one.facts)
    sentence = inline(one.sentence, 90)
    return say(language, "text_ground", sentence=sentence, ground=f"{said} ({facts})" if facts else said)


def _message_line(language: Language, message: MessageSeen) -> str:
    speaker = say(language, "text_customer" if message.inbound else "text_desk")
    name = f"{speaker}, {inline(message.author, 60)}" if message.author.strip() else speaker
    seen = named(language, "visibility", message.visibility)
    return say(language, "text_line", who=name, visibility=seen, when=moment(message.at))


def _timeline_line(language: Language, line: TimelineLine) -> str:
    said = f"{moment(line.at)} · *{named(language, 'event', line.name)}* · {who(language, line.by)}"
    if line.facts.strip():
        said += f" · {inline(line.facts, 160)}"
    return f"{said}\n{quote(shortened(line.note, 400, 8).text)}" if line.note else said


def _paragraphs(lines: Sequence[str]) -> Iterator[tuple[str, int]]:
    """Lines gathered to what a block takes, each with how many they are."""
    gathered: list[str] = []
    for line in lines:
        if gathered and size("\n".join([*gathered, line])) > LONGEST_SHOWN:
            yield "\n".join(gathered), len(gathered)
            gathered = []
        gathered.append(line)
    if gathered:
        yield "\n".join(gathered), len(gathered)


def _bytes(blocks: Sequence[Block]) -> int:
    """What blocks weigh on the wire."""
    return len(json.dumps(blocks))
