"""`tanggap import`: complaints from files into the desk."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from desk.cli.common import AsJson, the_desk
from desk.cli.errors import explain
from desk.cli.output import console, one_line, say, say_json, warn

if TYPE_CHECKING:
    from tasks.desk import Desk
    from tasks.record import Recorded

SHOWN = 10
"""Reasons that are shown; `tanggap complaints --quarantined` has the rest."""


def add_to(app: typer.Typer) -> None:
    """Put the command into the command line."""
    app.command("import")(import_)


@dataclass
class Taken:
    """What came of all files; in constant memory, however long they are."""

    counts: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(("accepted", "known", "edited", "left_out", "quarantined", "warnings"), 0)
    )
    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)

    def add(self, done: "Recorded") -> None:
        """Add a chunk."""
        for name, count in done.summary().items():
            self.counts[name] += count
        self.notes += done.notes[: SHOWN - len(self.notes)]
        self.warnings += done.warnings[: SHOWN - len(self.warnings)]

    @property
    def total(self) -> int:
        """Records read so far."""
        return sum(self.counts[name] for name in ("accepted", "known", "edited", "left_out", "quarantined"))


def import_(
    files: Annotated[
        list[str], typer.Argument(metavar="FILE…", help="JSON lines, CSV, mbox or eml; - for standard input.")
    ],
    channel: Annotated[str | None, typer.Option("--channel", help="The channel of records that name none.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit 1 if anything was quarantined.")] = False,
    as_json: AsJson = False,
) -> None:
    """Take complaints in from files. What cannot be read is kept in quarantine, with its reason.

    This only records. The running desk goes on from there, or `tanggap run intake`.
    """
    taken = Taken()
    with the_desk() as desk:
        if channel is not None and channel not in desk.policy.channels.known:
            known = ", ".join(sorted(desk.policy.channels.known))
            raise typer.BadParameter(f"there is no channel {channel!r}; there are {known}", param_hint="--channel")
        with _progress() as told:
            for name in files:
                try:
                    _take(desk, name, channel, taken, told)
                except OSError as error:
                    taken.unreadable.append(name)
                    warn(explain(error))
    if as_json:
        say_json({**taken.counts, "unreadable": taken.unreadable} if taken.unreadable else taken.counts)
    else:
        _say_summary(taken)
    _say_reasons(taken)
    if taken.unreadable or (strict and taken.counts["quarantined"]):
        raise typer.Exit(1)


def _take(desk: "Desk", name: str, channel: str | None, taken: Taken, told: Callable[[int], None]) -> None:
    """One file, chunk by chunk; an OSError is the file's, what stands in it raises nothing."""
    from integrations.intake.reading import read_file
    from tasks.record import chunks, record

    standing = name == "-"
    path = Path(name)
    if not standing and path.is_dir():
        raise IsADirectoryError(21, "is a directory; name the files in it", name)
    items = read_file(
        sys.stdin.buffer if standing else path,
        name="-" if standing else path.name,
        channel=channel,
        now=desk.now(),
        known_channels=desk.policy.channels.known,
        own_addresses=desk.policy.company.owns_email,
    )
    source = "-" if standing else str(path.resolve())
    for chunk in chunks(items):
        taken.add(record(desk, chunk, source=source))
        told(taken.total)


@contextmanager
def _progress() -> Iterator[Callable[[int], None]]:
    """A running count on a terminal; nothing where nobody looks."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    with console(error=True).status("Reading") as status:
        yield lambda total: status.update(f"{total:,} records")


def _say_summary(taken: Taken) -> None:
    counts = taken.counts
    named = ("accepted", "known", "edited", "left_out", "quarantined", "warnings")
    said = ", ".join(f"{counts[name]:,} {name.replace('_', ' ')}" for name in named)
    say(f"Records: {said}.")
    if counts["accepted"] or counts["edited"]:
        say("The running desk goes on with them; without one, `tanggap run intake`, then `tanggap run respond`.")


def _say_reasons(taken: Taken) -> None:
    """The first reasons on standard error, so that they disturb no program that reads the summary."""
    for note in taken.notes:
        warn(f"  {one_line(note, 300)}")
    more = taken.counts["quarantined"] + taken.counts["left_out"] - len(taken.notes)
    if more > 0:
        warn(f"  … and {more:,} more: `tanggap complaints --quarantined` lists what waits in quarantine.")
    for warning in taken.warnings:
        warn(f"  {one_line(warning, 300)}")
