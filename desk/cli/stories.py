"""`tanggap replay`: stories on a simulated clock."""

from pathlib import Path
from typing import Annotated

import typer

from desk.cli.common import AsJson, read_the_settings
from desk.cli.errors import explain
from desk.cli.output import say, say_json, say_json_list, warn


def add_to(app: typer.Typer) -> None:
    """Put the command into the command line."""
    app.command()(replay)


def replay(
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", help="Stories (YAML).")],
    as_json: AsJson = False,
) -> None:
    """Play stories on a simulated clock, against a scratch database and sandbox channels; stores nothing.

    Exit 0 if every expectation holds, 1 if not, 2 if a story cannot be read.
    """
    from desk.replay import StoryError, run

    settings = read_the_settings()
    results, unreadable = [], 0
    for file in files:
        try:
            result = run(file, settings)
        except (StoryError, OSError) as error:
            unreadable += 1
            warn(explain(error) if isinstance(error, OSError) else str(error))
            continue
        results.append(result)
        if not as_json:
            say(result.told())
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
