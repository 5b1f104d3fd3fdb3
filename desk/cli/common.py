"""What the commands share: options, the person who acts, the desk to act on, and files that people name."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from desk.cli.errors import Trouble

if TYPE_CHECKING:
    from db.trail import Author
    from desk.settings import Settings
    from tasks.desk import Desk

LONGEST_TEXT = 100_000
"""Characters of a text that a person hands in."""

AsPerson = Annotated[
    str,
    typer.Option("--as", metavar="PERSON", help="Who does this: a name that policy/people.yaml knows, such as cs-nia."),
]
OptionalPerson = Annotated[
    str | None,
    typer.Option("--as", metavar="PERSON", help="Who does this; only looking needs nobody."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Reference = Annotated[str, typer.Argument(metavar="REF", help="The complaint's reference, such as TG-1042.")]
Limit = Annotated[
    int | None, typer.Option("--limit", min=1, metavar="N", help="At most so many rows. Default: 50; with --json all.")
]
ON_SCREEN = 50
"""Rows of a listing for a person who did not say how many."""


def help_if_alone(ctx: typer.Context) -> None:
    """A group without a command shows what there is, and that this was no usage."""
    if ctx.invoked_subcommand is None:
        if written := ctx.get_help():  # with Rich it is printed already
            typer.echo(written)
        raise typer.Exit(2)


def group(name: str, summary: str) -> typer.Typer:
    """A group of commands under one word."""
    made = typer.Typer(name=name, help=summary, add_completion=False, pretty_exceptions_enable=False)
    made.callback(invoke_without_command=True)(help_if_alone)
    return made


def read_the_settings(**overrides: Any) -> "Settings":
    """The settings, with a command's options over them."""
    from desk.settings import read_settings

    return read_settings(**overrides)


@contextmanager
def the_desk() -> Iterator["Desk"]:
    """The desk, its database up for as long as the context lasts."""
    from desk.opening import open_desk

    with open_desk(read_the_settings()) as desk:
        yield desk


def author(name: str) -> "Author":
    """The person who acts, and the operating-system user who typed it: the kernel's word, not the environment's."""
    from db.trail import Author
    from desk.errors import user_name

    return Author(name.strip(), typed_by=user_name())


def who_acts(name: str | None) -> "Author":
    """The person who acts, where a command also shows."""
    if name is None:
        raise typer.BadParameter("name the person who does this: add --as PERSON")
    return author(name)


def read_text(name: str) -> str:
    """A text from a file, `-` for standard input; white space at its end is no part of it."""
    if name == "-":
        raw, where = sys.stdin.buffer.read(LONGEST_TEXT * 4 + 1), "Standard input"
    else:
        path = Path(name)
        if path.is_dir():
            raise Trouble(f"{name} is a directory. Name a file with the text, or - for standard input.")
        with path.open("rb") as file:
            raw, where = file.read(LONGEST_TEXT * 4 + 1), name
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Trouble(f"{where} is no UTF-8 text. Save it as UTF-8.") from None
    text = text.replace("\r\n", "\n").strip()
    if not text:
        raise Trouble(f"{where} holds no text.")
    if len(text) > LONGEST_TEXT or "\x00" in text:
        raise Trouble(f"{where} is no text of at most {LONGEST_TEXT:,} characters.")
    return text
