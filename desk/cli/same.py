"""`tanggap same`: who may be one person on two channels; a person says whether they are, and may take it back."""

from typing import TYPE_CHECKING, Annotated

import typer

from desk.cli.common import ON_SCREEN, AsJson, AsPerson, Limit, author, the_desk
from desk.cli.output import moment, one_line, say, say_json_list, show, table

if TYPE_CHECKING:
    from tasks.one_person import AccountSeen, Told

app = typer.Typer(
    name="same",
    help="Who may be one person on two channels: list them, confirm, refuse, split again.",
    add_completion=False,
    pretty_exceptions_enable=False,
)
Pair = Annotated[int, typer.Argument(metavar="N", min=1, help="The pair's number, from `tanggap same`.")]


def add_to(into: typer.Typer) -> None:
    """Put the commands into the command line."""
    into.add_typer(app)


@app.callback(invoke_without_command=True)
def same(
    ctx: typer.Context,
    everything: Annotated[bool, typer.Option("--all", help="What people said too, the newest first.")] = False,
    limit: Limit = None,
    as_json: AsJson = False,
) -> None:
    """List the accounts that may be one person's, the likeliest first."""
    if ctx.invoked_subcommand is not None:
        return
    from dataclasses import asdict

    from tasks.one_person import pairs, waiting

    with the_desk() as desk:
        found = pairs(desk, decided=everything, limit=limit if limit is not None or as_json else ON_SCREEN)
        total = waiting(desk)
        zone = desk.policy.calendar.zone
    if as_json:
        say_json_list(asdict(one) for one in found)
        return
    if not found:
        say("Nobody is suggested to be the same person.")
        return
    rows = (
        (
            one.number,
            one.state.value,
            _seen(one.one),
            _seen(one.other),
            ", ".join(one.reasons),
            f"{one.decided_by}, {moment(one.decided_at, zone)}" if one.decided_by else "",
        )
        for one in found
    )
    show(table("No", "State", "One", "Other", "Alike in", "Said by", rows=rows, folds=("One", "Other", "Alike in")))
    if not everything and total > len(found):
        say(f"{len(found)} of {total:,}; --limit N shows more.")


@app.command()
def confirm(number: Pair, as_: AsPerson) -> None:
    """Say that they are one person: their accounts and complaints are joined."""
    from tasks.one_person import confirm as step

    with the_desk() as desk:
        told = step(desk, number, author(as_))
    say(f"{_all(told)}: one person, complainant {told.complainants[0]}, says {as_}.")
    if len(told.complaints) > 1:
        say("Where two of them are about one thing: `tanggap merge REF INTO`.")


@app.command()
def refuse(number: Pair, as_: AsPerson) -> None:
    """Say that they are not one person; it is never suggested again."""
    from tasks.one_person import refuse as step

    with the_desk() as desk:
        told = step(desk, number, author(as_))
    say(f"{_all(told)}: not one person, says {as_}.")


@app.command()
def split(
    identity: Annotated[
        str, typer.Argument(metavar="IDENTITY", help="The account's number, or a complaint that came by it.")
    ],
    as_: AsPerson,
) -> None:
    """Say that an account is another person's after all: it stands alone again, with what came by it."""
    from tasks.one_person import split as step

    with the_desk() as desk:
        told = step(desk, identity, author(as_))
    one, other = told.complainants
    say(f"{_all(told)}: two people again, complainants {one} and {other}, says {as_}.")
    if told.merged_across:
        across = ", ".join(told.merged_across)
        say(f"{across}: still handled under a complaint of the other. `tanggap unmerge REF` undoes that.")


def _seen(account: "AccountSeen") -> str:
    complaints = f"\n{', '.join(account.complaints)}" if account.complaints else ""
    return f"{account.identity} {account.channel}: {one_line(account.called, 60)}{complaints}"


def _all(told: "Told") -> str:
    return ", ".join(told.complaints) or "No complaint"
