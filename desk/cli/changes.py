"""`tanggap changes`: published facts that read otherwise now, old and new, for everybody who speaks for the company."""

from typing import Annotated

import typer

from desk.cli.common import AsJson, the_desk
from desk.cli.errors import Trouble
from desk.cli.output import moment, safe, say, say_json_list, show, styled


def add_to(app: typer.Typer) -> None:
    """Put the command into the command line."""
    app.command()(changes)


def changes(
    since: Annotated[str, typer.Option("--since", metavar="TIME", help="How far back: 90m, 12h, 7d.")] = "7d",
    as_json: AsJson = False,
) -> None:
    """List the published facts that changed, newest first, with the old and the new words."""
    from policy.durations import parse_wall
    from tasks.fact_changes import fact_changes

    try:
        length = parse_wall(since)
    except ValueError as error:
        raise Trouble(f"--since {safe(since)}: {error}") from None
    with the_desk() as desk:
        found = fact_changes(desk, length)
        zone = desk.policy.calendar.zone
    if as_json:
        say_json_list(
            {
                "at": one.at,
                "by": one.by,
                "of": one.of.value,
                "where": one.where,
                "language": one.language,
                "about": one.about,
                "old": one.old,
                "new": one.new,
            }
            for one in found
        )
        return
    if not found:
        say(f"No published fact changed in the last {since}.")
        return
    for one in found:
        show(styled(f"{moment(one.at, zone)}  {one.of.value} {one.where}  ({one.about}), by {safe(one.by)}", "bold"))
        say(f"  until now:    {safe(one.old)}")
        say(f"  from now on:  {safe(one.new)}")
