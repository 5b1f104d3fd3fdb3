"""`tanggap emergency`, `tanggap legal-hold`, `tanggap breach`: what cannot wait, what is kept, what must be told."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated, TypeVar
from zoneinfo import ZoneInfo

import typer

from db.words import Gate
from desk.cli.common import AsJson, OptionalPerson, the_desk, who_acts
from desk.cli.errors import Trouble
from desk.cli.output import day_or_moment, moment, safe, say, say_json_list, show, styled, table

if TYPE_CHECKING:
    from db.tables import EmergencyKind
    from tasks.desk import Desk
    from tasks.legal_listing import BreachLine, EmergencyLine, HoldLine

Line = TypeVar("Line", "BreachLine", "EmergencyLine", "HoldLine")
OptionalReference = Annotated[
    str | None, typer.Argument(metavar="REF", help="The complaint's reference; without it all are listed.")
]
All = Annotated[bool, typer.Option("--all", help="Also what is over.")]
KINDS = "threat_to_staff, extortion or court_date"


def add_to(app: typer.Typer) -> None:
    """Put the commands into the command line."""
    app.command()(emergency)
    app.command("legal-hold")(legal_hold)
    app.command()(breach)


def emergency(
    ref: OptionalReference = None,
    kind: Annotated[str | None, typer.Option("--kind", metavar="KIND", help=f"What it is: {KINDS}.")] = None,
    what: Annotated[str | None, typer.Option("--what", metavar="TEXT", help="What happened, for Legal.")] = None,
    by_date: Annotated[
        str | None, typer.Option("--by-date", metavar="DATE", help="When the court wants us: 2026-12-01.")
    ] = None,
    acknowledge: Annotated[
        bool, typer.Option("--acknowledge", help="You know of it and have it in hand, for your gate.")
    ] = False,
    gate: Annotated[Gate | None, typer.Option("--gate", help="For which gate, if you belong to both.")] = None,
    note: Annotated[str | None, typer.Option("--note", metavar="TEXT", help="What you do about it.")] = None,
    as_: OptionalPerson = None,
    everything: All = False,
    as_json: AsJson = False,
) -> None:
    """Call Legal and an executive at once: threats to staff, extortion, a court's date. No customer hears of it."""
    from tasks import emergency as steps
    from tasks.legal_listing import emergencies

    if kind is not None and acknowledge:
        raise typer.BadParameter("give --kind to refer, or --acknowledge")
    if ref is None and (kind is not None or acknowledge):
        raise typer.BadParameter("name the complaint: TG-1042")
    with the_desk() as desk:
        zone, now = desk.policy.calendar.zone, desk.now()
        if ref is not None and kind is not None:
            found = steps.refer(desk, ref, _kind(kind), _said(what, "--what"), who_acts(as_), _day(by_date))
            called = " and ".join(dict.fromkeys(call.called for call in found.calls if call.called))
            until = desk.policy.calendar.said(found.calls[0].deadline)
            say(f"{found.reference}: {called or 'Legal and the executives'} are called; both gates answer by {until}.")
            return
        if ref is not None and acknowledge:
            seen = steps.acknowledge(desk, ref, who_acts(as_), gate=gate, note=note)
            waits = dict.fromkeys(one.value for found in seen for one in found.waits_for)
            still = f"; still to answer: {', '.join(waits)}" if waits else ""
            say(f"{ref.upper()}: acknowledged by {as_}{still}.")
            return
        lines = _about(desk, ref, emergencies(desk, waiting=ref is None and not everything))
    if as_json:
        say_json_list(lines)
        return
    if not lines:
        say("No emergency." if ref or everything else "No emergency waits for an acknowledgement.")
    for line in lines:
        show_emergency(line, zone, now)


def show_emergency(line: "EmergencyLine", zone: ZoneInfo, now: datetime) -> None:
    """An emergency in a few lines."""
    waits = ", ".join(gate.value for gate in line.waits_for)
    due = f"acknowledge by {day_or_moment(line.acknowledge_by, zone, now)}{' – late' if line.late else ''}"
    on = f", court on {line.court_on}" if line.court_on else ""
    head = f"{line.reference}  EMERGENCY {line.kind.value.replace('_', ' ')}{on}"
    stands = f"waits for {waits}  {due}" if waits else "acknowledged"
    show(styled(f"{head}  {stands}", "bold red" if waits else "bold"))
    say(f"   {safe(line.what)} ({safe(line.referred_by)}, {moment(line.referred_at, zone)})")
    if line.called:
        say(f"   called: {', '.join(map(safe, line.called))}")
    for one in line.acknowledged:
        note = f": {safe(one['note'])}" if one["note"] else ""
        say(f"   {one['gate'].value}: {safe(one['by'])} knows, {moment(one['at'], zone)}{note}")


def legal_hold(
    ref: OptionalReference = None,
    on: Annotated[bool, typer.Option("--on", help="Keep everything of this complaint. Needs --reason.")] = False,
    off: Annotated[bool, typer.Option("--off", help="Keep it no more; Legal only. Needs --reason.")] = False,
    reason: Annotated[str | None, typer.Option("--reason", metavar="TEXT", help="Why.")] = None,
    as_: OptionalPerson = None,
    as_json: AsJson = False,
) -> None:
    """Keep a complaint from being forgotten; `tanggap erase` refuses while it is on."""
    from tasks.legal_hold import put_on, take_off
    from tasks.legal_listing import holds

    if on and off:
        raise typer.BadParameter("give --on or --off")
    if ref is None and (on or off):
        raise typer.BadParameter("name the complaint: TG-1042")
    with the_desk() as desk:
        zone = desk.policy.calendar.zone
        if ref is not None and on:
            put_on(desk, ref, _said(reason, "--reason"), who_acts(as_))
            say(f"{ref.upper()} is under a legal hold: nothing of it is forgotten until Legal takes it off.")
            return
        if ref is not None and off:
            take_off(desk, ref, _said(reason, "--reason"), who_acts(as_))
            say(f"{ref.upper()} is under no legal hold any more.")
            return
        lines = _about(desk, ref, holds(desk))
    if as_json:
        say_json_list(lines)
        return
    if not lines:
        say(f"{ref.upper()} is under no legal hold." if ref else "No complaint is under a legal hold.")
        return
    rows = ((one.reference, one.complaint_state, moment(one.on_at, zone), one.on_by, one.reason) for one in lines)
    show(table("Ref", "State", "Since", "By", "Reason", rows=rows, folds=("Reason",)))


def breach(
    ref: OptionalReference = None,
    since: Annotated[
        str | None,
        typer.Option("--since", metavar="MOMENT", help="When we knew (ISO 8601). Default: when the complaint came in."),
    ] = None,
    notified: Annotated[
        str | None,
        typer.Option("--notified", metavar="WHO", help="Whom the written notice reached: data_subject, authority."),
    ] = None,
    dismiss: Annotated[bool, typer.Option("--dismiss", help="It was no breach; Legal only. Needs --reason.")] = False,
    reason: Annotated[str | None, typer.Option("--reason", metavar="TEXT", help="Why it was none.")] = None,
    as_: OptionalPerson = None,
    everything: All = False,
    as_json: AsJson = False,
) -> None:
    """The clock of a breach notice: REF --as PERSON starts it; without --as it is shown."""
    from tasks import breach as steps
    from tasks.legal_listing import breaches

    if notified is not None and dismiss:
        raise typer.BadParameter("give --notified or --dismiss")
    if ref is None and (as_ is not None or notified is not None or dismiss):
        raise typer.BadParameter("name the complaint: TG-1042")
    with the_desk() as desk:
        zone, now = desk.policy.calendar.zone, desk.now()
        if ref is not None and notified is not None:
            steps.notified(desk, ref, notified, who_acts(as_))
        elif ref is not None and dismiss:
            steps.dismiss(desk, ref, _said(reason, "--reason"), who_acts(as_))
        elif ref is not None and (as_ is not None or since is not None):
            steps.start(desk, ref, who_acts(as_), _moment(since, zone))
        lines = _about(desk, ref, breaches(desk, running=ref is None and not everything))
    if as_json:
        say_json_list(lines)
        return
    if not lines:
        say("No alleged breach." if ref or everything else "No clock of a breach notice runs.")
    for line in lines:
        show_breach(line, zone, now)


def show_breach(line: "BreachLine", zone: ZoneInfo, now: datetime) -> None:
    """The clock of a breach notice in a few lines."""
    running = line.ended_at is None
    due = f"notice due {day_or_moment(line.due_at, zone, now)}{' – late' if line.late else ''}" if running else ""
    head = f"{line.reference}  BREACH NOTICE {line.state.value}  {due}".rstrip()
    show(styled(head, "bold red" if line.late else "bold yellow" if running else "bold"))
    confirmed = f"confirmed by {line.confirmed_by}" if line.confirmed_by else "to be confirmed by counsel"
    say(f"   {safe(line.source)} ({safe(confirmed)}); known since {moment(line.known_at, zone)}")
    if line.started_by:
        say(f"   started by {safe(line.started_by)}, {moment(line.started_at, zone)}")
    for one in line.notified:
        say(f"   notified: {safe(one['whom'])} ({safe(one['by'])}, {moment(datetime.fromisoformat(one['at']), zone)})")
    if line.to_notify:
        say(f"   to notify: {', '.join(line.to_notify)}")
    if line.reason:
        say(f"   dismissed by {safe(line.ended_by or '')}: {safe(line.reason)}")
    elif running and line.state.value == "suggested":
        say(f"   Was it a breach? `tanggap breach {line.reference} --as PERSON`, or --dismiss --reason TEXT.")


def show_urgent(
    emergencies: "Sequence[EmergencyLine]", breaches: "Sequence[BreachLine]", zone: ZoneInfo, now: datetime
) -> None:
    """What stands above every review: emergencies that nobody acknowledged, and breach notices whose time runs."""
    for emergency_ in emergencies:
        show_emergency(emergency_, zone, now)
        say("")
    for breach_ in breaches:
        show_breach(breach_, zone, now)
        say("")


def _said(text: str | None, option: str) -> str:
    if not (text or "").strip():
        raise Trouble(f"Say it: {option} TEXT.")
    return (text or "").strip()


def _about(desk: "Desk", ref: str | None, lines: "list[Line]") -> "list[Line]":
    """Those of one complaint, which must exist; all, where none is named."""
    from db.complaints import find

    if ref is None:
        return lines
    with desk.transaction() as session:
        reference = find(session, ref).reference
    return [line for line in lines if line.reference == reference]


def _kind(word: str) -> "EmergencyKind":
    from db.tables import EmergencyKind

    try:
        return EmergencyKind(word.strip().lower().replace("-", "_"))
    except ValueError:
        raise Trouble(f"`{word}` is no emergency; it is {KINDS}. Anything else goes the ordinary way.") from None


def _day(written: str | None) -> date | None:
    try:
        return date.fromisoformat(written) if written else None
    except ValueError:
        raise typer.BadParameter(f"{written!r} is no date; write 2026-12-01", param_hint="--by-date") from None


def _moment(written: str | None, zone: ZoneInfo) -> datetime | None:
    if written is None:
        return None
    try:
        at = datetime.fromisoformat(written)
    except ValueError:
        raise typer.BadParameter(f"{written!r} is no moment; write 2026-12-01T09:00", param_hint="--since") from None
    return at if at.tzinfo else at.replace(tzinfo=zone)
