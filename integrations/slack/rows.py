"""Reviews, gates and the desk's numbers as lines, for Home, answers to commands, digests and unfurled links alike."""

from collections.abc import Iterator, Sequence

from integrations.slack.blocks import Block, columns, context, opening, section
from integrations.slack.card_parts import SEVERITY_SIGNS, joined, no_words
from integrations.slack.showing import DeskState, Language, Waiting
from integrations.slack.text import inline
from integrations.slack.wording import moment, named, named_all, say

EXCERPT, WRITTEN_OUT = 140, 5
"""Signs of a complaint in a row; a sign that Slack wants written out (`&amp;`) takes up to five."""
MOST_ROWS = 20


def waiting_rows(language: Language, waiting: Sequence[Waiting], action: str) -> Iterator[Block]:
    """One row a review, with a button that opens its card."""
    for one in waiting:
        yield section(waiting_line(language, one), beside=_opens(language, one, action))


def inbox_rows(language: Language, waiting: Sequence[Waiting]) -> Iterator[Block]:
    """What waits, as far as a message holds it, and how much more there is."""
    yield from waiting_rows(language, waiting[:MOST_ROWS], "home_open")
    if len(waiting) > MOST_ROWS:
        yield context(say(language, "home_more", count=len(waiting) - MOST_ROWS))


def waiting_line(language: Language, one: Waiting) -> str:
    """A review that waits: until when, how grave, about what."""
    due = say(language, "waiting_late" if one.late else "waiting_due", when=moment(one.deadline))
    gate = named(language, "gate", one.gate)
    sign = SEVERITY_SIGNS.get(one.severity or "", "")
    graded = joined((one.severity, *(named(language, "risk", risk) for risk in one.risks[:3])))
    line = say(language, "waiting_line", reference=one.reference, gate=gate, due=due)
    about = joined((graded or None, named(language, "channel", one.channel)))
    words = inline(one.excerpt, EXCERPT)
    if len(words) > 2 * EXCERPT:
        words = inline(one.excerpt, EXCERPT // WRITTEN_OUT)
    return f"{sign} {line}\n{about}\n> {words or say(language, no_words(one.masked))}".strip()


def _opens(language: Language, one: Waiting, action: str) -> Block | None:
    text = say(language, "button_open")
    return opening(action, text, one.card_url, about=f"{text}: {one.reference}")


def desk_columns(language: Language, desk: DeskState) -> Iterator[Block]:
    """How the desk stands; that nothing is published comes first."""
    if desk.stopped:
        yield section(say(language, "desk_stopped", scopes=scopes(language, desk.stopped)))
    counts = {
        "desk_open": desk.open_reviews,
        "desk_late": desk.late_reviews,
        "desk_complaints_late": desk.late_complaints,
        "desk_held": desk.held,
        "desk_by_hand": desk.by_hand,
        "desk_backlog": desk.backlog,
    }
    yield columns([say(language, key, count=count) for key, count in counts.items()])


def scopes(language: Language, stopped: Sequence[str]) -> str:
    """Where nothing is published: `all`, `channel:x`, an incident."""
    return ", ".join(_scope(language, scope) for scope in stopped)


def _scope(language: Language, scope: str) -> str:
    kind, _, name = scope.partition(":")
    return named(language, "channel", name) if kind == "channel" and name else named(language, "scope", scope)


def gates_of(language: Language, gates: Sequence[str]) -> str:
    """Gates in words."""
    return named_all(language, "gate", gates)
