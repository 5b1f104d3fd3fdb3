"""`tanggap away`, `tanggap back` and `tanggap absences`: who is away until when, and who decides in their place."""

from typing import Annotated

import typer

from desk.cli.common import AsJson, AsPerson, author, the_desk
from desk.cli.errors import Trouble
from desk.cli.output import moment, say, say_json_list, show, table


def add_to(app: typer.Typer) -> None:
    """Put the commands into the command line."""
    for command in (away, back, absences):
        app.command()(command)


def away(
    until: Annotated[
        str,
        typer.Option(
            "--until", metavar="WHEN", help="2026-12-01, '2026-12-01 15:00', friday (jumat), tomorrow (besok), 3d."
        ),
    ],
    as_: AsPerson,
    cover: Annotated[
        str | None, typer.Option("--cover", metavar="PERSON", help="Who decides in your place; policy says who may.")
    ] = None,
) -> None:
    """Tell that you are away. A day alone means until the desk opens on it; you may still decide yourself."""
    from policy.when import NoMoment, read_moment
    from tasks.absences import go_away

    with the_desk() as desk:
        try:
            at = read_moment(until, desk.now(), desk.policy.calendar)
        except NoMoment as error:
            raise Trouble(str(error)) from None
        absence = go_away(desk, author(as_), at, cover.strip() if cover else None)
        said = desk.policy.calendar.said(absence.until)
    whom = f"{absence.cover} decides in that place" if absence.cover else "nobody stands in; calls go to the next name"
    say(f"{absence.person} is away until {said}; {whom}.")


def back(as_: AsPerson) -> None:
    """Tell that you are back before your time."""
    from tasks.absences import come_back

    with the_desk() as desk:
        absence = come_back(desk, author(as_))
    say(f"{absence.person} is back.")


def absences(as_json: AsJson = False) -> None:
    """List who is away, until when, and who stands in."""
    from tasks.absences import away_now

    with the_desk() as desk:
        found = away_now(desk)
        zone = desk.policy.calendar.zone
    if as_json:
        say_json_list(
            {"person": one.person, "cover": one.cover, "since": one.since, "until": one.until} for one in found
        )
        return
    if not found:
        say("Nobody is away.")
        return
    rows = ((one.person, moment(one.until, zone), one.cover, moment(one.since, zone)) for one in found)
    show(table("Person", "Until", "Stands in", "Since", rows=rows, folds=("Person", "Stands in")))
