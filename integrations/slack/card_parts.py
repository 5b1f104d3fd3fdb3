"""The parts of a card, each a small piece of what its gate must see."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from integrations.slack.blocks import Block, actions, button, columns, context, exact, section
from integrations.slack.showing import AuthorSeen, Card, Evidence, Found, GateStands, Language
from integrations.slack.text import beginning, escape, fitting, inline, quote, tame
from integrations.slack.wording import has, link, moment, named, named_all, reason, say, who

MOST_REASONS, MOST_WORDS, MOST_FINDINGS = 3, 4, 4
NOTE = (600, 10)
"""Characters and lines of a reviewer's reason."""
LONGEST_SHOWN = 2_800
"""Of foreign words in one block, as they are drawn."""
SEVERITY_SIGNS = {"S1": "🔴", "S2": "🟠", "S3": "🟡", "S4": "⚪"}
SEP = " · "
_GAPS = re.compile(r"\n(?:[^\S\n]*\n){2,}")


def joined(texts: Iterable[str | None]) -> str:
    """Texts in a row, those that are there."""
    return SEP.join(text for text in texts if text)


def value(card: Card) -> str:
    """What a button of this card carries: the review, and the words that it is about."""
    return f"{card.review}:{card.sha256}"


def gate_of(card: Card) -> str:
    """The gate in words, with what it is asked for."""
    name = named(card.language, "gate", card.gate)
    return say(card.language, "gate_facts", gate=name) if card.purpose == "facts" else name


def heading(card: Card, sign: str | None = None) -> str:
    """Reference, severity and gate; in front a sign that can be seen from afar."""
    shown = sign if sign is not None else SEVERITY_SIGNS.get(card.severity or "", "")
    return f"{shown} {joined((card.severity, card.reference, gate_of(card)))}".strip()


def due(card: Card) -> str:
    """Until when to decide, who is called, and what for."""
    language = card.language
    key = "decide_late" if card.late else "decide_by"
    called = say(language, "called_next", who=who(language, card.escalated_to)) if card.escalated_to else None
    line = joined((say(language, key, when=moment(card.deadline)), called))
    return f"{line}\n{say(language, 'facts_only')}" if card.purpose == "facts" else line


def whys(card: Card) -> list[str]:
    """Why it is as grave as it is, on which words that rests, and why this gate is asked."""
    language, found = card.language, []
    if card.severity and (card.severity_because or card.evidence):
        reasons = _reasons(language, card.severity_because)
        words = _words(language, card.evidence)
        rests = say(language, "why_words", words=", ".join(words)) if words else ""
        said = " – ".join(part for part in (reasons, rests) if part)
        found.append(say(language, "why_severity", severity=_severity(language, card.severity), reasons=said))
    stands_in = next((one.stands_in_for for one in card.gates if one.gate == card.gate), None)
    why = _reasons(language, card.because.split("; ") if card.because else ())
    if stands_in:
        instead = say(language, "stands_in", gate=named(language, "gate", stands_in))
        why = "; ".join(part for part in (instead, why) if part)
    if why:
        found.append(say(language, "why_gate", gate=named(language, "gate", card.gate), reasons=why))
    return found


def _severity(language: Language, severity: str) -> str:
    return f"{inline(severity)} ({named(language, 'severity', severity)})"


def _reasons(language: Language, reasons: Sequence[str]) -> str:
    shown = [reason(language, one) for one in reasons[:MOST_REASONS]]
    if len(reasons) > MOST_REASONS:
        shown.append(say(language, "and_more", count=len(reasons) - MOST_REASONS))
    return "; ".join(shown)


def _words(language: Language, evidence: Sequence[Evidence]) -> list[str]:
    """The words behind the risks first, since they weigh most, with the names of the risks; none twice."""
    risks: dict[str, list[str]] = {}
    for one in sorted(evidence, key=lambda one: one.field != "risks"):
        word = " ".join(tame(one.quote).split())
        named_here = risks.setdefault(word, [])
        if one.field == "risks" and one.value and one.value not in named_here:
            named_here.append(one.value)
    told = [(f"“{inline(word, 60)}”", known) for word, known in risks.items() if word][:MOST_WORDS]
    return [f"{word} ({named_all(language, 'risk', known)})" if known else word for word, known in told]


def facts(card: Card) -> Block:
    """What it is about, what they want, what is dangerous, where it came from."""
    language = card.language
    about = joined(
        (
            named(language, "kind", card.kind) if card.kind and card.kind != "complaint" else None,
            named(language, "category", card.category) if card.category else None,
            named(language, "anger", str(card.anger)) if card.anger else None,
        )
    )
    risks = named_all(language, "risk", card.risks) or say(language, "no_risks")
    place = joined((named(language, "channel", card.channel), named(language, "visibility", card.visibility)))
    told = {
        "label_about": about or named(language, "category", "other"),
        "label_asks": named(language, "remedy", card.remedy or "none"),
        "label_risks": risks,
        "label_channel": place,
    }
    return columns([f"*{say(language, label)}*\n{text}" for label, text in told.items()])


def author(language: Language, person: AuthorSeen) -> str:
    """Who complains, with reach and history."""
    counts = {"followers": person.followers, "views": person.views}
    reach = [say(language, key, count=count) for key, count in counts.items() if count]
    return joined(
        (
            f"*{inline(person.name, 60)}*" if person.name.strip() else None,
            *reach,
            say(language, "verified") if person.verified else None,
            say(language, "tier", tier=inline(person.tier, 40)) if person.tier else None,
            _history(language, person),
        )
    )


def _history(language: Language, person: AuthorSeen) -> str:
    if not person.complaints_before:
        return say(language, "first_complaint")
    after = {"answered_before": person.answered_before, "unhappy_before": person.unhappy_before}
    details = ", ".join(say(language, key, count=count) for key, count in after.items() if count)
    before = say(language, "complaints_before", count=person.complaints_before)
    return f"{before} ({details})" if details else before


def no_words(masked: int | bool) -> str:
    """What is said in the place of words that are not there."""
    return "masked" if masked else "no_words"


def customer(card: Card, longest: int, lines: int) -> Iterator[Block]:
    """The complaint as a quotation, and what is to be known of it."""
    language = card.language
    shown = shortened(card.complaint, longest, lines)
    words = quote(shown.text) if shown.text else f"> {say(language, no_words(card.masked))}"
    yield section(f"{say(language, 'customer')}{SEP}{author(language, card.author)}\n{words}")
    notes = (
        say(language, "messages", count=card.messages) if card.messages > 1 else None,
        _cut_note(language, card.complaint, shown),
        say(language, "masked_messages", count=card.masked) if card.masked and shown.text else None,
        say(language, "covered") if card.covered else None,
    )
    if said := joined(notes):
        yield context(said)
    if card.translation:
        text = shortened(card.translation, longest, lines).text
        yield context(say(language, "translation", text=escape(text)))


def draft(card: Card, longest: int, lines: int) -> Iterator[Block]:
    """Our words, where they go, and who wrote them."""
    language = card.language
    title = f"*{named(language, 'draft', card.draft_kind)}*"
    yield section(f"{title}{SEP}{goes(card)}")
    shown = shortened(card.draft, longest, lines)
    yield exact(shown.text) if shown.text else section(say(language, "no_words"))
    other = card.draft_language != card.language
    notes = (
        say(language, "written_by", who=who(language, card.draft_author)),
        say(language, "written_in", language=named(language, "language", card.draft_language)) if other else None,
        _cut_note(language, card.draft, shown),
    )
    yield context(joined(notes))
    if card.grounds:
        yield context(
            joined((rests_on(card), say(language, "worded_by", model=inline(card.model)) if card.model else None))
        )
    if card.companion:
        yield section(f"*{say(language, 'companion')}*")
        yield exact(shortened(card.companion, longest, lines).text)
    if card.draft_translation:
        text = shortened(card.draft_translation, longest, lines).text
        yield context(say(language, "translation", text=escape(text)))


def rests_on(card: Card) -> str:
    """What the draft's sentences rest on, in short: how many are our tested words, and what the others are."""
    language = card.language
    tested = sum(one.ground == "part" for one in card.grounds)
    others = dict.fromkeys((one.ground, one.ref) for one in card.grounds if one.ground not in ("part", "model"))
    modelled = sum(one.ground == "model" for one in card.grounds)
    return joined(
        (
            say(language, "rests_on_parts", count=tested) if tested else None,
            *(f"{named(language, 'ground', ground)} {who(language, ref)}" for ground, ref in others),
            say(language, "rests_on_model", count=modelled) if modelled else None,
        )
    )


def goes(card: Card) -> str:
    """Where the draft is published, until when that can be, and whether a person does it."""
    language = card.language
    channel, seen = named(language, "channel", card.goes_to), named(language, "visibility", card.goes_visibility)
    until = card.publishable_until if card.state == "open" else None
    return joined(
        (
            say(language, "goes_to", channel=channel, visibility=seen),
            say(language, "platform_until", when=moment(until)) if until else None,
            say(language, "by_hand") if card.by_hand else None,
        )
    )


def findings(language: Language, found: Sequence[Found], most: int) -> str:
    """What the guardrails say, the worst first."""
    ordered = sorted(found, key=lambda one: one.level != "block")
    lines = [_finding(language, one) for one in ordered[:most]]
    if len(found) > most:
        lines.append(say(language, "findings_more", count=len(found) - most))
    return "\n".join(lines)


def _finding(language: Language, found: Found) -> str:
    said = f"{say(language, 'block' if found.level == 'block' else 'warn')}"
    if found.quote.strip():
        said += f" “{inline(found.quote, 100)}”"
    said += f": {inline(found.message, 240)}"
    return f"{said} {say(language, 'suggestion', text=inline(found.suggestion, 240))}" if found.suggestion else said


def all_gates(card: Card) -> str | None:
    """Who must decide and who has, where this gate is not the only one."""
    if len(card.gates) < 2:
        return None
    told = SEP.join(stands(card.language, one) for one in card.gates)
    return say(card.language, "all_gates", gates=told)


def stands(language: Language, one: GateStands) -> str:
    """How a gate of the round stands."""
    name = gate_name(language, one)
    if one.state == "decided" and one.verdict and one.by:
        facts_right = one.purpose == "facts" and one.verdict == "approve"
        verdict = say(language, "verdict_facts") if facts_right else named(language, "verdict", one.verdict)
        return say(language, "gate_decided", gate=name, verdict=verdict, who=who(language, one.by))
    key = {"void": "gate_void", "withdrawn": "gate_withdrawn"}.get(one.state, "gate_waits")
    return say(language, key, gate=name)


def gate_name(language: Language, one: GateStands) -> str:
    """A gate of the round in words."""
    name = named(language, "gate", one.gate)
    return say(language, "gate_facts", gate=name) if one.purpose == "facts" else name


def void_why(language: Language, why: str | None) -> str:
    """Why a round is void, in a sentence."""
    key = f"void_{why or 'other'}"
    return (
        say(language, key)
        if has(language, key)
        else say(language, "void_unknown", why=named(language, "void", why or ""))
    )


def links(card: Card) -> str:
    """Where else to look."""
    told = {
        "link_original": card.original_url,
        "link_ticket": card.ticket_url,
        "link_timeline": card.timeline_url,
        "link_run": card.run_url,
    }
    return joined(link(url, say(card.language, label)) for label, url in told.items())


def deciding(card: Card) -> Block:
    """The buttons that decide."""
    language = card.language
    approve = f"button_{'facts' if card.purpose == 'facts' else 'approve'}{'_typed' if card.typed_word else ''}"
    styles = {"approve": "primary", "reject": "danger"}
    labels = {"approve": approve, "edit": "button_edit", "changes": "button_changes", "reject": "button_reject"}
    made = [_button(card, action, say(language, key), styles.get(action)) for action, key in labels.items()]
    return actions(f"review:{card.review}", *made)


def looking(card: Card, *, taking: bool) -> Block:
    """The buttons that show more; while the review is open, the one that takes it over too."""
    wanted = (
        "take_over" if taking else None,
        "full_text",
        "reveal" if card.covered else None,
        "timeline",
    )
    made = [_button(card, action, say(card.language, f"button_{action}")) for action in wanted if action]
    return actions(f"review:{card.review}:more", *made)


def writing(card: Card) -> Block:
    """The button of whoever took it over."""
    return actions(f"review:{card.review}", _button(card, "write", say(card.language, "button_write"), "primary"))


def _button(card: Card, action: str, text: str, style: str | None = None) -> Block:
    about = f"{text}: {card.reference}, {gate_of(card)}"
    return button(action, text, value=value(card), style=style, about=about)


@dataclass(frozen=True)
class Shown:
    """A beginning of foreign words."""

    text: str
    cut: bool


def shortened(text: str, longest: int, lines: int) -> Shown:
    """So many characters, so many lines, and no more than a block takes when it is drawn."""
    whole = _GAPS.sub("\n\n", tame(text)).strip()
    head = "\n".join(whole.split("\n", lines)[:lines])
    part = next(fitting(beginning(head, longest), LONGEST_SHOWN, quote), "").rstrip()
    return Shown(f"{part} …", True) if part != whole else Shown(part, False)


def _cut_note(language: Language, text: str, shown: Shown) -> str | None:
    if not shown.cut:
        return None
    return f"{say(language, 'cut', count=len(text))}, {say(language, 'full_text_has_all')}"
