"""Somebody's Home page: what waits for them, what is late, what they decided, how the desk stands."""

from collections.abc import Iterator
from typing import Any

from db.words import Gate, Severity
from integrations.slack.blocks import VIEW_BLOCKS, Block, actions, button, choice, context, divider, header, section
from integrations.slack.card_parts import joined
from integrations.slack.rows import desk_columns, gates_of, waiting_rows
from integrations.slack.showing import DecidedLine, Home
from integrations.slack.wording import moment, named, say, who

MOST_WAITING, MOST_DECIDED = 40, 15
ANY = "all"
"""The value of a filter that lets everything through."""
LATE = "late"


def draw_home(home: Home) -> dict[str, Any]:
    """The page as it stands now."""
    blocks = list(_page(home) if home.known else _stranger(home))
    return {"type": "home", "blocks": blocks[:VIEW_BLOCKS]}


def _stranger(home: Home) -> Iterator[Block]:
    yield section(say(home.language, "home_unknown", user=home.user_id))


def _page(home: Home) -> Iterator[Block]:
    language = home.language
    yield from _presence(home)
    yield from _waiting(home)
    yield divider()
    yield header(say(language, "home_decided"))
    lines = [_decided(home, one) for one in home.decided[:MOST_DECIDED]]
    yield section("\n".join(lines) or say(language, "home_decided_nothing"))
    yield divider()
    yield header(say(language, "home_desk"))
    yield from desk_columns(language, home.desk)
    gates = say(language, "home_gates", gates=gates_of(language, home.gates)) if home.gates else None
    read = say(language, "home_read", when=moment(home.at)) if home.at else None
    if told := joined((gates, read)):
        yield context(told)


def _presence(home: Home) -> Iterator[Block]:
    language = home.language
    if home.away_until is not None:
        key = "home_away_covered" if home.cover else "home_away"
        cover = who(language, home.cover) if home.cover else ""
        yield section(say(language, key, when=moment(home.away_until), who=cover))
    if home.covers_for:
        names = ", ".join(who(language, person) for person in home.covers_for)
        yield context(say(language, "home_covers", who=names))


def _waiting(home: Home) -> Iterator[Block]:
    language = home.language
    shown = home.waiting[:MOST_WAITING]
    more = home.more_waiting + len(home.waiting) - len(shown)
    late = sum(one.late for one in home.waiting)
    title = say(language, "home_waiting", count=len(home.waiting) + home.more_waiting)
    yield header(joined((title, say(language, "home_late", count=late) if late else None)))
    if not home.gates and not home.waiting:
        yield section(say(language, "home_no_gates"))
        return
    yield _filters(home)
    if not shown:
        filtered = home.filters.gate or home.filters.severity or home.filters.late_only
        yield section(say(language, "home_nothing_filtered" if filtered else "home_nothing"))
    yield from waiting_rows(language, shown, "home_open")
    if more:
        yield context(say(language, "home_more", count=more))


def _filters(home: Home) -> Block:
    """What is filtered now stands on the filters themselves."""
    language, filters = home.language, home.filters
    gates = [(gate.value, named(language, "gate", gate.value)) for gate in Gate]
    severities = [(one.value, f"{one.value} · {named(language, 'severity', one.value)}") for one in Severity]
    every_gate, every_severity = say(language, "all_gates_filter"), say(language, "all_severities_filter")
    late, only = say(language, "button_late"), filters.late_only
    return actions(
        "home_filters",
        choice("home_gate", every_gate, [(ANY, every_gate), *gates], filters.gate or ANY),
        choice("home_severity", every_severity, [(ANY, every_severity), *severities], filters.severity or ANY),
        button(
            "home_late", f"✓ {late}" if only else late, value=ANY if only else LATE, style="primary" if only else None
        ),
        button("home_refresh", say(language, "button_refresh")),
    )


def _decided(home: Home, one: DecidedLine) -> str:
    language = home.language
    return say(
        language,
        "home_decided_line",
        when=moment(one.at),
        reference=one.reference,
        gate=named(language, "gate", one.gate),
        verdict=named(language, "verdict", one.verdict),
        state=named(language, "state", one.state),
    )
