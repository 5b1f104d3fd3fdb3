"""`tanggap report`, `tanggap export` and `tanggap erase`: what is handed out, and what is forgotten."""

import os
import sys
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from desk.cli.common import AsJson, AsPerson, author, the_desk
from desk.cli.errors import Trouble
from desk.cli.output import moment, say, say_json, warn
from policy.spelled import counted

WINDOW = timedelta(days=30)
"""What a report covers if nobody says."""

Reference = Annotated[str, typer.Argument(metavar="REF", help="The complaint's reference, such as TG-1042.")]


def add_to(app: typer.Typer) -> None:
    """Put the commands into the command line."""
    app.command()(report)
    app.command()(export)
    app.command()(erase)


def report(
    out: Annotated[
        str, typer.Option("--out", metavar="FILE", help="Where the page is written; - for standard output.")
    ],
    since: Annotated[
        str | None, typer.Option("--from", metavar="DATE", help="First day, 2026-03-01. Default: 30 days ago.")
    ] = None,
    until: Annotated[
        str | None, typer.Option("--to", metavar="DATE", help="Last day, included. Default: until now.")
    ] = None,
) -> None:
    """Write the report as one HTML file: counts and times, no customer's name or words."""
    from tasks.report import as_html, gather

    with the_desk() as desk:
        zone, now = desk.policy.calendar.zone, desk.now()
        last = _moment(until, zone, end=True) if until else now
        first = _moment(since, zone, end=False) if since else last - WINDOW
        if first >= last:
            raise typer.BadParameter("--from lies after --to")
        found = gather(desk, first, last)
        page = as_html(desk, found)
    if out == "-":
        say(page.rstrip("\n"))
        return
    path = Path(out)
    write(path, page)
    say(f"{path}: {counted(found.total, 'message')} from {moment(first, zone)} to {moment(last, zone)}.")


def _moment(written: str, zone: ZoneInfo, *, end: bool) -> datetime:
    """A day, its start or its end in the policy's zone, or a moment as it is written (ISO 8601)."""
    try:
        at = datetime.fromisoformat(written)
    except ValueError:
        raise typer.BadParameter(
            f"{written!r} is no date; write 2026-03-01", param_hint="--to" if end else "--from"
        ) from None
    if len(written) <= len("2026-03-01"):
        day = at.date() + timedelta(days=1) if end else at.date()
        return datetime.combine(day, time(), zone)
    return at if at.tzinfo else at.replace(tzinfo=zone)


def export(
    ref: Reference,
    out: Annotated[
        str, typer.Option("--out", metavar="FILE", help="Where it is written; default: standard output.")
    ] = "-",
) -> None:
    """A complaint's whole file as JSON: everything that the desk keeps of it, the records as they came included."""
    import json

    from tasks.export import as_json, read_case

    with the_desk() as desk:
        file = as_json(read_case(desk, ref), raw=True)
    if out == "-":
        say_json(file)
        return
    path = Path(out)
    write(path, json.dumps(file, ensure_ascii=False, indent=2) + "\n")
    say(f"{path}: the whole file of {file['reference']}.")


def write(path: Path, text: str) -> None:
    """Write a file that only its owner may read: whole, or not at all."""
    if path.is_dir():
        raise Trouble(f"{path} is a directory. Name a file in it.")
    fresh = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace", newline="\n") as file:
            file.write(text)
        fresh.replace(path)
    except OSError as error:
        fresh.unlink(missing_ok=True)
        reason = (error.strerror or str(error)).lower()
        raise Trouble(f"{path} cannot be written ({reason}). Name another file with --out.") from error


def erase(
    complainant: Annotated[
        str, typer.Argument(metavar="COMPLAINANT", help="The complainant's number, or a complaint of theirs: TG-1042.")
    ],
    as_: AsPerson,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask back on a terminal.")] = False,
    as_json: AsJson = False,
) -> None:
    """Forget a person: names and words are emptied for good, counts and events stay."""
    from tasks.erase import erase as step

    if not yes and sys.stdin.isatty():
        typer.confirm(f"Erase everything about {complainant}? This cannot be undone.", abort=True)
    with the_desk() as desk:
        done = step(desk, complainant, author(as_))
    if as_json:
        say_json(done)
    else:
        who = (
            f"complainant {', '.join(map(str, done.complainants))}"
            if done.complainants
            else "a complainant not known by name"
        )
        cases = f"; emptied: {', '.join(done.complaints)}" if done.complaints else ""
        say(f"Forgotten: {who}. {counted(done.messages, 'message')}{cases}.")
    if done.quarantined:
        warn(
            f"{counted(done.quarantined, 'record')} in quarantine may name this person. "
            "Look at them: `tanggap complaints --quarantined`."
        )
    warn(
        "What stands on the platforms, in mailboxes, in files of the drop folder and in backups "
        "is not reached from here."
    )
