"""`tanggap publishing` and `tanggap deliveries`: the kill switch, and what goes out."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from db.words import DeliveryKind, State
from desk.cli.common import ON_SCREEN, AsJson, AsPerson, Limit, author, the_desk
from desk.cli.errors import Trouble
from desk.cli.output import day_or_moment, say, say_json_list, show, styled, table

if TYPE_CHECKING:
    from tasks.listing import DeliveryLine


def add_to(app: typer.Typer) -> None:
    """Put the commands into the command line."""
    app.command()(publishing)
    app.command()(deliveries)


def publishing(
    switch: Annotated[Literal["off", "on"], typer.Argument(metavar="off|on")],
    as_: AsPerson,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; it stays on record.")],
    channel: Annotated[str | None, typer.Option("--channel", help="Only this channel; default: everything.")] = None,
    incident: Annotated[
        str | None, typer.Option("--incident", metavar="REF", help="Only this incident, such as IN-3.")
    ] = None,
) -> None:
    """The kill switch: `off` lets nothing go out but what policy exempts, `on` lifts it."""
    from tasks.export import read_incident
    from tasks.kill_switch import allow_publishing, stop_publishing
    from tasks.listing import stops

    if channel is not None and incident is not None:
        raise typer.BadParameter("give --channel or --incident, not both")
    if not reason.strip():
        raise Trouble("Say why: --reason TEXT.")
    with the_desk() as desk:
        if channel is not None and channel not in desk.policy.channels.known:
            raise Trouble(f"There is no channel {channel}; there are {', '.join(sorted(desk.policy.channels.known))}.")
        reference = read_incident(desk, incident).incident.reference if incident is not None else None
        scope = f"channel:{channel}" if channel else f"incident:{reference}" if reference else "all"
        step = stop_publishing if switch == "off" else allow_publishing
        changed = step(desk, scope, reason.strip(), author(as_))
        left = [stop.scope for stop in stops(desk)]
        exempt = [kind.value for kind in desk.policy.publishing.kill_switch.exempt]
    what = {"all": "everything"}.get(scope, scope.replace(":", " "))
    if not changed:
        say(f"Publishing was {switch} for {what} already.")
    elif switch == "off":
        still = f" Still going out: {', '.join(exempt)}." if exempt else ""
        say(f"Publishing is off for {what}.{still}")
    else:
        say(f"Publishing is on for {what}.")
    if switch == "on" and left:
        say(f"Still off: {', '.join(left)}.")


def deliveries(
    failed: Annotated[
        bool, typer.Option("--failed", help="Only what failed, is unclear, or waits for a person.")
    ] = False,
    limit: Limit = None,
    as_json: AsJson = False,
) -> None:
    """List what goes out, newest first, and why it has not where it has not."""
    from db.tables import DeliveryState
    from tasks.listing import deliveries as find
    from tasks.listing import stops

    most = limit if limit is not None or as_json else ON_SCREEN
    with the_desk() as desk:
        if as_json:
            say_json_list(find(desk, to_mend=failed, limit=most))
            return
        lines = list(find(desk, to_mend=failed, limit=most))
        off = stops(desk)
        zone, now = desk.policy.calendar.zone, desk.now()
    for stop in off:
        show(styled(f"Publishing is off for {stop.scope}, by {stop.thrown_by}: {stop.reason}", "bold red"))
    if not lines:
        say("Nothing failed, is unclear, or waits for a person." if failed else "Nothing has gone out yet.")
        return
    rows = (
        (
            line.reference,
            line.kind,
            line.channel,
            line.visibility,
            styled(line.state.value, "red" if line.state in (DeliveryState.FAILED, DeliveryState.UNKNOWN) else ""),
            day_or_moment(line.sent_at or line.due_at, zone, now),
            _why(line),
        )
        for line in lines
    )
    columns = ("Ref", "Kind", "Channel", "Where", "State", "When", "Why, or what to do")
    show(table(*columns, rows=rows, folds=("Why, or what to do",)))


def _why(line: "DeliveryLine") -> str:
    """Why it has not gone out, and what a person can do about it; where it stands once it has."""
    if not line.needs_person:
        return line.why or line.url or ""
    return f"{line.why.rstrip('.')}. {_what_to_do(line)}" if line.why else _what_to_do(line)


def _what_to_do(line: "DeliveryLine") -> str:
    from db.tables import DeliveryState

    ref = line.reference
    if line.state is DeliveryState.MANUAL:
        where = f" as an answer to {line.target_url}" if line.target_url else ""
        return f"Post the approved text (tanggap complaint {ref}){where}, then: tanggap posted {ref} URL --as PERSON"
    if line.state is DeliveryState.UNKNOWN:
        return (
            f"Look whether it stands there: tanggap posted {ref} URL --as PERSON if so, "
            f"tanggap resend {ref} --as PERSON if not"
        )
    if line.kind is DeliveryKind.REPLY and line.complaint_state is not State.APPROVED:
        return f"Given up; {ref} is {line.complaint_state.value}"
    return f"Mend the cause, then: tanggap resend {ref} --as PERSON"
