"""What people do to a complaint beside answering it: correct, note, assign, throw out, close, merge."""

from typing import Annotated

import typer

from desk.cli.common import AsPerson, Reference, author, the_desk
from desk.cli.errors import Trouble
from desk.cli.output import say


def add_to(app: typer.Typer) -> None:
    """Put the commands into the command line."""
    for command in (correct, note, assign, spam, close, merge, unmerge):
        app.command()(command)


def correct(
    ref: Reference,
    changes: Annotated[
        list[str],
        typer.Argument(
            metavar="FIELD=VALUE…", help="kind, category, remedy, severity, risks (a,b), anger or language."
        ),
    ],
    as_: AsPerson,
    why: Annotated[
        str | None, typer.Option("--why", metavar="TEXT", help="The reason, for whoever learns from it.")
    ] = None,
) -> None:
    """Overrule the assessment; the machine leaves these fields alone from then on."""
    from tasks.people import correct as step

    wanted: dict[str, str] = {}
    for change in changes:
        field, equals, value = change.partition("=")
        if not equals or not field:
            raise typer.BadParameter(f"{change!r} is no FIELD=VALUE, such as severity=S2")
        wanted[field.strip()] = value.strip()
    with the_desk() as desk:
        step(desk, ref, wanted, author(as_), why)
    say(f"{ref.upper()}: {', '.join(f'{field} is {value}' for field, value in wanted.items())}, says {as_}.")


def note(ref: Reference, text: Annotated[str, typer.Argument(metavar="TEXT")], as_: AsPerson) -> None:
    """Write an internal note; it can reach no channel."""
    from tasks.people import note as step

    if not text.strip():
        raise Trouble("The note is empty.")
    with the_desk() as desk:
        step(desk, ref, text.strip(), author(as_))
    say(f"{ref.upper()}: noted.")


def assign(
    ref: Reference, user: Annotated[str, typer.Argument(metavar="USER", help="Who owns it now.")], as_: AsPerson
) -> None:
    """Give a complaint an owner."""
    from tasks.people import assign as step

    with the_desk() as desk:
        step(desk, ref, user, author(as_))
    say(f"{ref.upper()} is {user}'s now.")


def spam(ref: Reference, as_: AsPerson) -> None:
    """Throw out what is spam. It is kept; `tanggap correct REF kind=complaint` takes it up again."""
    from tasks.people import throw_out

    with the_desk() as desk:
        throw_out(desk, ref, author(as_))
    say(f"{ref.upper()} is spam.")


def close(
    ref: Reference,
    as_: AsPerson,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why it ends without an answer.")],
) -> None:
    """End what is held, with a reason."""
    from tasks.people import close_held

    if not reason.strip():
        raise Trouble("Say why it ends: --reason TEXT.")
    with the_desk() as desk:
        close_held(desk, ref, reason.strip(), author(as_))
    say(f"{ref.upper()} is closed.")


def merge(
    ref: Reference,
    into: Annotated[str, typer.Argument(metavar="INTO", help="The complaint under which both are handled.")],
    as_: AsPerson,
) -> None:
    """Handle two complaints as one, under the second reference."""
    from tasks.people import merge as step

    with the_desk() as desk:
        step(desk, ref, into, author(as_))
    say(f"{ref.upper()} is handled under {into.upper()}.")


def unmerge(ref: Reference, as_: AsPerson) -> None:
    """Undo a merge."""
    from tasks.people import unmerge as step

    with the_desk() as desk:
        step(desk, ref, author(as_))
    say(f"{ref.upper()} stands on its own again.")
