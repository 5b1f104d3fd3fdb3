"""Answers to commands, and what a link to a complaint unfurls to."""

from collections.abc import Iterator, Sequence
from typing import Any

from integrations.slack.blocks import Block, columns, context, section
from integrations.slack.card_parts import SEP, joined, no_words, stands
from integrations.slack.client import Said
from integrations.slack.notices import draw_notice
from integrations.slack.rows import desk_columns, inbox_rows
from integrations.slack.showing import CaseSeen, DeskState, Language, Waiting
from integrations.slack.text import inline
from integrations.slack.wording import link, moment, named, named_all, say, who

__all__ = ["draw_case", "draw_help", "draw_inbox", "draw_notice", "draw_status", "unfurl_case"]

EXCERPT = 300


def draw_inbox(waiting: Sequence[Waiting], language: Language) -> Said:
    """What waits for whoever asked, most urgent first."""
    if not waiting:
        return _said(language, "inbox_empty")
    title = say(language, "inbox_title", count=len(waiting))
    return Said(title, [section(title), *inbox_rows(language, waiting)])


def draw_status(desk: DeskState, language: Language) -> Said:
    """How the desk stands."""
    title = say(language, "status_title")
    return Said(title, [section(title), *desk_columns(language, desk)])


def draw_help(language: Language) -> Said:
    """What can be asked."""
    return _said(language, "help")


def draw_case(case: CaseSeen, language: Language) -> Said:
    """A complaint in short."""
    return Said(_case_title(case, language), list(_case(case, language)))


def unfurl_case(case: CaseSeen, language: Language) -> dict[str, Any]:
    """A complaint in short, below a link to it."""
    return {"blocks": list(_case(case, language))}


def _said(language: Language, key: str) -> Said:
    words = say(language, key)
    return Said(words, [section(words)])


def _case_title(case: CaseSeen, language: Language) -> str:
    state = named(language, "state", case.state)
    if case.severity is None:
        return say(language, "case_title_ungraded", reference=case.reference, state=state)
    severity = f"{case.severity} ({named(language, 'severity', case.severity)})"
    return say(language, "case_title", reference=case.reference, severity=severity, state=state)


def _case(case: CaseSeen, language: Language) -> Iterator[Block]:
    excerpt = inline(case.excerpt, EXCERPT) or say(language, no_words(case.masked))
    yield section(f"{_case_title(case, language)}\n> {excerpt}")
    about = (
        named(language, "category", case.category) if case.category else None,
        named_all(language, "risk", case.risks) or None,
        named(language, "channel", case.channel),
    )
    answer = "case_answer_late" if case.late else "case_answer_by"
    facts = [
        joined(about),
        say(language, "case_owner", who=who(language, case.owner)) if case.owner else None,
        say(language, "case_opened", when=moment(case.opened_at)),
        say(language, answer, when=moment(case.answer_by)) if case.answer_by else None,
        say(language, "case_held", why=named(language, "held", case.held_why)) if case.held_why else None,
    ]
    yield columns([fact for fact in facts if fact])
    if case.gates:
        yield context(SEP.join(stands(language, one) for one in case.gates))
    cards = [link(url, say(language, "link_card")) for url in case.cards[:4]]
    if told := joined([*cards, link(case.timeline_url, say(language, "link_timeline"))]):
        yield context(told)
