"""`tanggap incidents` and `tanggap incident`: crises, and one with its timeline."""

from typing import Annotated

import typer

from desk.cli.common import AsJson, the_desk
from desk.cli.lists import heading, show_events, show_fact
from desk.cli.output import day_or_moment, moment, safe, say, say_json, say_json_list, show, styled, table


def add_to(app: typer.Typer) -> None:
    """Put the commands into the command line."""
    app.command()(incidents)
    app.command()(incident)


def incidents(as_json: AsJson = False) -> None:
    """List suspected and declared incidents, newest first."""
    from tasks.listing import incidents as find

    with the_desk() as desk:
        lines = find(desk)
        zone, now = desk.policy.calendar.zone, desk.now()
    if as_json:
        say_json_list(lines)
        return
    if not lines:
        say("No incident is known.")
        return
    rows = (
        (
            line.reference,
            line.state,
            line.members,
            day_or_moment(line.opened_at, zone, now),
            styled(day_or_moment(line.deadline, zone, now), "bold red" if line.late else ""),
            line.owner,
            line.title,
        )
        for line in lines
    )
    show(table("Ref", "State", "Complaints", "Since", "Decide by", "Owner", "What", rows=rows, folds=("What",)))


def incident(
    ref: Annotated[str, typer.Argument(metavar="REF", help="The incident's reference, such as IN-3.")],
    as_json: AsJson = False,
) -> None:
    """Show one incident: its complaints, its statement and its timeline."""
    from tasks.export import incident_json, read_incident

    with the_desk() as desk:
        case = read_incident(desk, ref)
        zone = desk.policy.calendar.zone
    if as_json:
        say_json(incident_json(case))
        return
    found = case.incident
    show(styled(f"{found.reference}  {found.state.value}  {found.title}", "bold"))
    show_fact("Since", moment(found.opened_at, zone))
    show_fact("Decide by", moment(found.deadline, zone))
    show_fact("Owner", found.owner)
    show_fact("Because", "\n".join(found.because))
    heading("Complaints")
    rows = (
        (
            complaint.reference,
            complaint.state,
            complaint.severity,
            complaint.channel,
            moment(member.joined_at, zone),
            member.because,
        )
        for member, complaint in case.members
    )
    show(table("Ref", "State", "Sev", "Channel", "Joined", "Because", rows=rows, folds=("Because",)))
    for statement, draft in case.statements:
        heading(f"Statement, revision {statement.revision}")
        for line in safe(draft.text if draft else "").split("\n"):
            say(f"  {line}")
    heading("Timeline")
    show_events(case.events, zone)
