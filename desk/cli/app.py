"""Puts the commands together, and turns whatever goes wrong into a line and an exit code."""

import os
import sys
import traceback
from collections.abc import Sequence
from typing import Annotated

import typer

from desk.cli import (
    absences,
    acts,
    answers,
    changes,
    channels,
    doctor,
    engine,
    files,
    house,
    incidents,
    intake,
    kb,
    legal,
    legal_road,
    lists,
    llm,
    model,
    policies,
    publishing,
    reviews,
    same,
    slack,
    stories,
    texts,
)
from desk.cli.common import help_if_alone
from desk.cli.errors import explain
from desk.cli.output import prepare, say, silence, warn

app = typer.Typer(
    name="tanggap",
    help="A complaint desk: acknowledged at once, answered once, exactly as approved.",
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import PackageNotFoundError, version

        try:
            say(f"tanggap {version('tanggap')}")
        except PackageNotFoundError:
            say("tanggap (not installed, run from its source)")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _root(
    ctx: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and end.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show where in the program an error came from.")] = False,
) -> None:
    help_if_alone(ctx)


for _module in (
    house,
    doctor,
    intake,
    engine,
    lists,
    reviews,
    answers,
    acts,
    texts,
    publishing,
    incidents,
    changes,
    channels,
):
    _module.add_to(app)
for _module in (changes, legal_road, legal):
    _module.add_to(app)
for _module in (same, kb, absences, slack, files, policies, model, stories, llm):
    _module.add_to(app)


def run(words: Sequence[str]) -> int:
    """Run the command line; returns the exit code: 0, 1 for an error, 2 for wrong usage."""
    prepare()
    options, rest = _before_the_words(words)
    debug = "--debug" in options or os.environ.get("TANGGAP_DEBUG", "").lower() in ("1", "true", "yes", "on")
    options = [word for word in options if word != "--debug"]
    try:
        code = app([*options, *rest], prog_name="tanggap", standalone_mode=False)
        sys.stdout.flush()
    except SystemExit as stopped:  # the reader of our output has left
        silence()
        return stopped.code if isinstance(stopped.code, int) else 1
    except BrokenPipeError:
        silence()
        return 1
    except KeyboardInterrupt:
        return 130
    except typer.TyperException as error:
        warn(_usage(error))
        return error.exit_code
    except Exception as error:
        sys.stdout.flush()
        if debug:
            traceback.print_exc()
        else:
            warn(explain(error))
        return 1
    return code if isinstance(code, int) else 0


def _before_the_words(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """The words up to `--`, and the rest: `--debug` may stand anywhere before it."""
    end = list(words).index("--") if "--" in words else len(words)
    return list(words[:end]), list(words[end:])


def _usage(error: typer.TyperException) -> str:
    """What is wrong with the words, on one line, and where their right use stands."""
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "tanggap"
    parameter = getattr(error, "param", None)
    said = " ".join(error.format_message().split())
    if parameter is not None and "--as" in parameter.opts and "issing" in said:
        said = "Name the person who does this: add --as PERSON (a name that policy/people.yaml knows)."
    return f"{said.rstrip('.')}. See `{command} --help`."
