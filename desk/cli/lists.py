"""`tanggap complaints` and `tanggap complaint`: the list, and one with its timeline."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from db.words import Gate, Kind, Severity, State
from desk.cli.common import ON_SCREEN, AsJson, Limit, Reference, the_desk
from desk.cli.legal_facts import legal_facts
from desk.cli.output import (
    MASKED,
    clipped,
    console,
    day_or_moment,
    json_line,
    moment,
    one_line,
    safe,
    say,
    say_json,
    say_json_list,
    show,
    styled,
    table,
)
from policy.spelled import counted

if TYPE_CHECKING:
    from db.tables import Complaint, Draft, Event, Message, Note, Review, Ticket
    from tasks.desk import Desk
    from tasks.export import Case
    from tasks.grounds import GroundShown
    from tasks.listing import ComplaintLine
    from tasks.one_person import MayBe


def add_to(app: typer.Typer) -> None:
    """Put the commands into the command line."""
    app.command()(complaints)
    app.command()(complaint)


def complaints(
    state: Annotated[list[State] | None, typer.Option("--state", help="In this state; may be given again.")] = None,
    severity: Annotated[list[Severity] | None, typer.Option("--severity", help="Of this severity.")] = None,
    kind: Annotated[list[Kind] | None, typer.Option("--kind", help="Of this kind.")] = None,
    channel: Annotated[str | None, typer.Option("--channel", help="From this channel.")] = None,
    owner: Annotated[str | None, typer.Option("--owner", metavar="PERSON", help="Owned by this person.")] = None,
    gate: Annotated[Gate | None, typer.Option("--gate", help="With an open review at this gate.")] = None,
    late: Annotated[bool, typer.Option("--late", help="Past the promised time.")] = False,
    unsure: Annotated[
        bool, typer.Option("--unsure", help="Whose assessment wants a person's word (tanggap correct).")
    ] = False,
    quarantined: Annotated[
        bool, typer.Option("--quarantined", help="List instead the records that could not be read, with their reason.")
    ] = False,
    limit: Limit = None,
    as_json: AsJson = False,
) -> None:
    """List complaints, newest first."""
    from tasks.listing import Wanted, count_complaints
    from tasks.listing import complaints as find

    if quarantined:
        _quarantine(limit, as_json)
        return
    most = limit if limit is not None or as_json else ON_SCREEN
    wanted = Wanted(
        states=tuple(state or ()),
        severities=tuple(severity or ()),
        kinds=tuple(kind or ()),
        channel=channel,
        owner=owner,
        gate=gate,
        late=late,
        unsure=unsure,
        limit=most,
    )
    with the_desk() as desk:
        if as_json:
            say_json_list(find(desk, wanted))
            return
        lines = list(find(desk, wanted))
        total = count_complaints(desk, wanted)
        zone, now = desk.policy.calendar.zone, desk.now()
    if not lines:
        say("No complaints." if wanted == Wanted(limit=most) else "No complaints like that.")
        return
    columns = ("Ref", "State", "Sev", "Category", "Channel", "Waits for", "Answer by", "Text")
    shown = len(columns) if console().width >= ROOM_FOR_TEXT else len(columns) - 1
    rows = (_row(line, zone, now)[:shown] for line in lines)
    show(table(*columns[:shown], rows=rows, folds=("Waits for", "Text")))
    if total > len(lines):
        say(f"{len(lines)} of {total:,}; --limit N shows more.")


def _row(line: "ComplaintLine", zone: ZoneInfo, now: datetime) -> tuple[object, ...]:
    from tasks.write_back import WAITS

    due = line.held_until if line.state is State.HELD else line.answer_by
    waits = ", ".join(gate.value for gate in line.gates) or (line.owner or "")
    if line.held_why == WAITS:
        waits = "the customer"
    if line.unsure:
        waits = f"{waits} unsure: {', '.join(line.unsure)}".strip()
    return (
        line.reference,
        styled(line.state.value, STATE_STYLES.get(line.state, "")),
        styled(line.severity.value if line.severity else "", SEVERITY_STYLES.get(line.severity or Severity.S4, "")),
        line.category or (line.kind.value if line.kind else ""),
        line.channel,
        waits,
        styled(day_or_moment(due, zone, now) if line.late or _open(line) else "", "bold red" if line.late else ""),
        clipped(MASKED if line.masked else line.text),
    )


def _open(line: "ComplaintLine") -> bool:
    from tasks.watch import WAITING

    return line.state in WAITING


ROOM_FOR_TEXT = 95
"""Columns from which the list shows how each complaint begins."""
STATE_STYLES = {
    State.HELD: "yellow",
    State.IN_REVIEW: "cyan",
    State.CLOSED: "dim",
    State.NOTED: "dim",
    State.SPAM: "dim",
    State.MERGED: "dim",
}
SEVERITY_STYLES = {Severity.S1: "bold red", Severity.S2: "yellow"}


def _quarantine(limit: int | None, as_json: bool) -> None:
    from tasks.listing import count_quarantined
    from tasks.listing import quarantined as find

    with the_desk() as desk:
        if as_json:
            say_json_list(find(desk, limit))
            return
        lines = list(find(desk, limit or ON_SCREEN))
        with desk.transaction() as session:
            total = count_quarantined(session)
        zone, now = desk.policy.calendar.zone, desk.now()
    if not lines:
        say("Nothing is in quarantine.")
        return
    rows = (
        (
            line.number,
            day_or_moment(line.at, zone, now),
            one_line(line.place, 40),
            f"{line.reason}\n{one_line(line.raw, 80)}",
        )
        for line in lines
    )
    show(table("No", "Seen", "Place", "Reason and record", rows=rows, folds=("Reason and record",)))
    if total > len(lines):
        say(f"{len(lines)} of {total:,}; --limit N shows more.")
    say("Mend the records in their file and import it again: what is taken leaves the quarantine.")


def complaint(
    ref: Reference,
    why: Annotated[
        bool, typer.Option("--why", help="Show instead why it is as grave as it is, and which gates follow.")
    ] = False,
    grounds: Annotated[bool, typer.Option("--grounds", help="Say of each draft's sentence what it rests on.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show one complaint: where it stands, what was said, who decided, and its whole timeline."""
    from tasks.export import as_json as case_as_json
    from tasks.export import read_case

    if why:
        _why(ref, as_json)
        return
    with the_desk() as desk:
        case = read_case(desk, ref)
        if as_json:
            say_json(case_as_json(case))
            return
        _show_case(desk, case, grounds=grounds)


def _why(ref: str, as_json: bool) -> None:
    from desk.cli.why import show_why
    from tasks.why import why as read_why

    with the_desk() as desk:
        found = read_why(desk, ref)
        if as_json:
            say_json(found)
            return
        show_why(desk, found)


def _show_case(desk: "Desk", case: "Case", *, grounds: bool) -> None:
    zone, found = desk.policy.calendar.zone, case.complaint
    show(styled(f"{found.reference}  {found.state.value}", "bold"))
    for name, said in _facts(desk, case, zone):
        show_fact(name, said)
    _show_answer_by(desk, found, zone)
    _show_assessment(case)
    heading("Messages")
    for message in case.messages:
        _show_message(message, zone)
    if case.drafts:
        heading("Drafts")
        for draft in case.drafts:
            _show_draft(draft, zone, grounds=grounds)
    if case.reviews:
        heading("Reviews")
        show(
            table(
                "No",
                "Draft",
                "Gate",
                "State",
                "Deadline",
                "Decided",
                rows=(_review(one, zone) for one in case.reviews),
                folds=("Decided",),
            )
        )
    if case.deliveries:
        heading("Deliveries")
        rows = (
            (
                one.kind,
                one.visibility,
                one.channel,
                one.state,
                moment(one.sent_at or one.due_at, zone),
                one.why or one.url or "",
            )
            for one in case.deliveries
        )
        show(
            table("Kind", "Where", "Channel", "State", "When", "Why, or address", rows=rows, folds=("Why, or address",))
        )
    if case.notes:
        heading("Notes (internal)")
        for note in case.notes:
            say(f"{moment(note.at, zone)}  {safe(note.by)}: {_note(note, zone)}")
    heading("Timeline")
    show_events(case.events, zone)


def _note(note: "Note", zone: ZoneInfo) -> str:
    """A note's words as they stand now; one that was taken back has none."""
    if note.removed_at is not None:
        return f"(taken back {moment(note.removed_at, zone)})"
    edited = f" (edited {moment(note.edited_at, zone)})" if note.edited_at is not None else ""
    return f"{safe(note.text)}{edited}"


def _facts(desk: "Desk", case: "Case", zone: ZoneInfo) -> list[tuple[str, str | None]]:
    found = case.complaint
    person = case.person
    who = ", ".join(
        dict.fromkeys(filter(None, (person.name if person else None, *(one.handle for one in case.identities))))
    )
    stopped = person.opted_out_at if person else None
    return [
        ("Came in", f"{moment(found.opened_at, zone)} on {found.channel} ({found.visibility.value})"),
        ("Complainant", f"{who or 'not known'} (number {person.id})" if person else "not known"),
        ("Said STOP", f"{moment(stopped, zone)}, so is never written to first" if stopped else None),
        *(("Same person" if one.decided_by else "May be", _may_be(one)) for one in case.alike),
        ("Owner", found.owner),
        ("Held", f"{found.held_why}, until {moment(found.held_until, zone)}" if found.held_why else None),
        ("Merged into", f"TG-{found.merged_into}" if found.merged_into else None),
        ("Merged in", ", ".join(case.merged_in) or None),
        *(("Ticket", _ticket(one)) for one in case.tickets),
        ("Incident", ", ".join(f"{one.reference} ({one.state.value})" for one in case.incidents) or None),
        ("Acknowledged", moment(found.acknowledged_at, zone) or None),
        ("Answered", moment(found.responded_at, zone) or None),
        ("Resolved", f"{moment(found.resolved_at, zone)}: {found.resolution or ''}" if found.resolved_at else None),
        ("Closed", f"{moment(found.closed_at, zone)} ({found.closed_why})" if found.closed_at else None),
        ("Reopened", counted(found.reopened, "time") if found.reopened else None),
        ("Follow-up", _follow_up(case)),
        *legal_facts(case.legal, zone),
        ("Tracking page", case.tracking_url),
    ]


def _ticket(one: "Ticket") -> str:
    """Where it is, and why it is not in step."""
    where = f"{safe(one.url)} ({one.channel})" if one.url else f"number {safe(one.number)} on {one.channel}"
    unnamed = "" if one.linked_at else " – does not name this complaint yet"
    return f"{where}{unnamed}{f': {safe(one.why)}' if one.why else ''}"


def _may_be(one: "MayBe") -> str:
    """Another account of the author's, or one that may be: what came by it, and why."""
    whose = f"{', '.join(one.account.complaints) or 'somebody'} ({one.account.called}, {one.account.channel})"
    if one.decided_by:
        return f"{whose}, says {one.decided_by}; undo: tanggap same split {one.account.identity}"
    return f"the one of {whose}: {', '.join(one.reasons)}; tanggap same confirm|refuse {one.number}"


def _follow_up(case: "Case") -> str | None:
    if not case.follow_ups:
        return None
    last = case.follow_ups[-1]
    score = f", survey {last.score} of 5" if last.score is not None else ""
    why = f" ({last.withheld_why})" if last.withheld_why else ""
    return f"{last.state.value}{why}{score}"


def _show_answer_by(desk: "Desk", found: "Complaint", zone: ZoneInfo) -> None:
    from tasks.listing import is_late

    if found.answer_by is None:
        return
    late = is_late(found, desk.now()) and found.state is not State.HELD
    show_fact("Answer by", f"{moment(found.answer_by, zone)}{' – late' if late else ''}")
    for step in found.answer_steps:
        say(f"{'':15}{safe(step)}")


def _show_assessment(case: "Case") -> None:
    found = case.complaint
    if found.kind is None:
        return
    said = [
        found.kind.value,
        found.category.value if found.category else None,
        found.severity.value if found.severity else None,
    ]
    seeks = f"seeks {found.remedy.value}" if found.remedy else None
    anger = f"anger {found.anger}"
    show_fact("Assessed as", ", ".join(filter(None, [*said, seeks, anger, found.language])))
    if found.risks:
        show_fact("Risks", ", ".join(found.risks))
    if found.corrected:
        show_fact("Set by people", ", ".join(found.corrected))
    last = next((one for one in reversed(case.assessments) if one.message_id == found.first_message_id), None)
    if last is None:
        return
    for reason in last.because:
        say(f"{'':15}{safe(reason)}")
    for one in last.evidence:
        field = str(one.get("field", ""))
        name = "" if field == "risks" and one.get("value") else f"{safe(field)}: "
        say(f"{'':15}{name}{quoted(one)}")


def quoted(evidence: Mapping[str, Any]) -> str:
    """The words of a finding; of a risk with its name, since a text may have several."""
    risk = evidence.get("value") if evidence.get("field") == "risks" else None
    name = f"{safe(str(risk))}: " if risk else ""
    return f"{name}“{one_line(str(evidence.get('quote', '')), 100)}”"


def _show_message(message: "Message", zone: ZoneInfo) -> None:
    way = "→" if message.direction.value == "out" else "←"
    taken_down = ", taken down" if message.removed_at else ""
    edited = f", edited {counted(message.revision - 1, 'time')}" if message.revision > 1 else ""
    reach = f", {counted(message.views, 'view')}" if message.views else ""
    show(
        styled(
            f"{way} {moment(message.posted_at, zone)}  {message.channel}, {message.visibility.value}"
            f"{reach}{edited}{taken_down}",
            "bold",
        )
    )
    for line in (safe(message.text) if message.masked_at is None else MASKED).split("\n"):
        say(f"  {line}")
    for attachment in message.attachments:
        size = attachment.get("size")
        about = (attachment.get("type"), counted(size, "byte") if size is not None else None)
        said = f"{attachment.get('name', '')} ({', '.join(filter(None, about))})"
        say(f"  attached: {one_line(said)}")


def _show_draft(draft: "Draft", zone: ZoneInfo, *, grounds: bool) -> None:
    from db.fingerprint import companion_in
    from tasks.grounds import grounds_shown

    blocked = ", blocked" if draft.blocked else ""
    source = f" from {draft.template}" if draft.template else ""
    show(
        styled(
            f"{draft.id}  {moment(draft.written_at, zone)} by {draft.author}{source}, "
            f"{draft.visibility.value}{blocked}",
            "bold",
        )
    )
    for line in safe(draft.text).split("\n"):
        say(f"  {line}")
    if beside := companion_in(draft.attachments):
        say("  and privately:")
        for line in safe(beside).split("\n"):
            say(f"    {line}")
    show_findings(draft.findings)
    show_grounds(grounds_shown(draft), draft.model, each=grounds)


def show_grounds(grounds: "Sequence[GroundShown]", model: str | None, *, each: bool) -> None:
    """What a draft rests on: in a line, or sentence by sentence."""
    if model:
        say(f"  worded anew by {safe(model)}")
    if each:
        for one in grounds:
            facts = f" ({', '.join(one.facts)})" if one.facts else ""
            say(f"  {one.ground} {safe(one.ref)}{facts}: {one_line(one.sentence, 160)}")
    elif grounds:
        say(f"  rests on: {', '.join(dict.fromkeys(f'{one.ground} {safe(one.ref)}' for one in grounds))}")


def show_findings(findings: Any) -> None:
    """What the guardrails said about a draft."""
    for one in findings:
        quote = one_line(str(one.get("quote", "")), 60)
        said = f"  {one.get('level')}: {one.get('rule')} “{quote}” – {one.get('message', '')}"
        show(styled(said, "red" if one.get("level") == "block" else "yellow"))


def _review(one: "Review", zone: ZoneInfo) -> tuple[object, ...]:
    gate = f"{one.gate.value} for {one.stands_in_for.value}" if one.stands_in_for else one.gate.value
    decided = ""
    if one.decided_at is not None and one.verdict is not None:
        decided = f"{one.verdict.value} by {one.decided_by}, {moment(one.decided_at, zone)}"
        decided += f": {one.note}" if one.note else ""
    return (one.id, one.draft_id, f"{gate} ({one.purpose})", one.state, moment(one.deadline, zone), decided)


def heading(text: str) -> None:
    """A line above a part."""
    say("")
    show(styled(text, "bold underline"))


def show_fact(name: str, said: str | None) -> None:
    """A name and its value, if there is one; further lines under the first."""
    if said:
        first, *more = safe(said).split("\n")
        say(f"{name:<15}{first}")
        for line in more:
            say(f"{'':15}{line}")


def show_events(events: "tuple[Event, ...]", zone: ZoneInfo) -> None:
    """A chain, one line an event."""
    rows = (
        (
            event.number,
            event.at.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S"),
            event.name,
            event.by if event.typed_by in (None, event.by) else f"{event.by} (typed by {event.typed_by})",
            facts(event.data),
        )
        for event in events
    )
    show(table("No", "When", "Event", "By", "What", rows=rows, folds=("What",)))


def facts(data: Mapping[str, Any]) -> str:
    """An event's facts in a line, the move first; digests prove, they do not tell."""
    moved = [f"{data['from']} → {data['to']}"] if "from" in data and "to" in data else []
    left_out = {"digest", "sha256", *(("from", "to") if moved else ())}
    return ", ".join([*moved, *(f"{key} {_short(value)}" for key, value in data.items() if key not in left_out)])


def _short(value: object) -> str:
    if isinstance(value, list):
        return "+".join(str(one) for one in value) or "none"
    return json_line(value) if isinstance(value, dict) else str(value)
