"""`tanggap replay`: stories on a simulated clock."""

import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from desk.cli.common import AsJson, read_the_settings
from desk.cli.errors import explain
from desk.cli.lists import facts
from desk.cli.output import say, say_json, say_json_list, show, styled, table, warn

if TYPE_CHECKING:
    from desk.replay import Result


def add_to(app: typer.Typer) -> None:
    """Put the command into the command line."""
    app.command()(replay)


def _tell(result: "Result") -> None:
    """What the desk did and when, then what did not hold."""
    show(styled(result.story.name, "bold"))
    rows = (
        (
            event.at.isoformat(sep=" ", timespec="seconds"),
            event.reference,
            event.name,
            event.by,
            facts(event.facts),
        )
        for event in result.account.events
    )
    show(table("When", "Ref", "Event", "By", "What", rows=rows, folds=("What",)))
    for external_id, state in result.account.states.items():
        say(f"{external_id}: {state}")
    for mishap in result.failed:
        show(styled(f"Does not hold: {mishap}", "red"))
    expected = len(result.story.expect)
    say(f"{expected - len(result.failed)} of {expected} expectations hold.")


def replay(
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", help="Stories (YAML).")],
    as_json: AsJson = False,
) -> None:
    """Play stories on a simulated clock, against a scratch database and sandbox channels; stores nothing.

    Exit 0 if every expectation holds, 1 if not, 2 if a story cannot be read.
    """
    from desk.replay import UnreadableStory, run

    settings = read_the_settings()
    results, unreadable = [], 0
    for file in files:
        try:
            if not file.is_file():
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(file))
            result = run(file, settings)
        except (UnreadableStory, OSError) as error:
            unreadable += 1
            warn(explain(error) if isinstance(error, OSError) else str(error))
            continue
        results.append(result)
        if not as_json:
            _tell(result)
    if as_json:
        documents = [result.as_json() for result in results]
        if len(files) == 1 and documents:
            say_json(documents[0])
        elif len(files) > 1:
            say_json_list(documents)
    if unreadable:
        raise typer.Exit(2)
    if any(result.failed for result in results):
        raise typer.Exit(1)
