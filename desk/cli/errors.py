"""What goes wrong, in a line for the person who typed: what happened, why, and what to do next."""

import errno
import os

SAY_IT_THEMSELVES = frozenset(
    {
        "db.complaints.NoSuchComplaint",
        "db.migrate.MigrationBehind",
        "desk.cli.errors.Trouble",
        "desk.errors.HouseError",
        "desk.settings.SettingsError",
        "desk.up.engine.EngineError",
        "integrations.channels.base.ChannelError",
        "integrations.classifier.light.NotAModel",
        "integrations.classifier.training.examples.MaterialMissing",
        "policy.reading.PolicyError",
        "tasks.export.NoSuchIncident",
        "tasks.follow_up.NotResolvable",
        "tasks.people.Mistake",
        "tasks.refusals.Refused",
    }
)
"""Errors whose text is meant for a person. By name: a command that never needs a module must not import it for this."""


class Trouble(Exception):
    """A command cannot do what was asked; the text says why and what would do."""


def explain(error: BaseException) -> str:
    """What to tell the person. Several lines only where several things are wrong, one line each."""
    names = [f"{kind.__module__}.{kind.__qualname__}" for kind in type(error).__mro__]
    if not SAY_IT_THEMSELVES.isdisjoint(names):
        return str(error)
    if "db.states.IllegalMove" in names:
        return f"{error}. `tanggap complaint` shows its timeline."
    if "sqlalchemy.exc.DBAPIError" in names:
        return _database(error, names)
    if isinstance(error, OSError):
        return _file(error)
    if isinstance(error, ModuleNotFoundError):
        return f"A part of Tanggap is missing here ({error.name}). Install it again: `uv sync`."
    said = str(error).strip().split("\n", 1)[0]
    return (
        f"A fault in Tanggap itself ({type(error).__name__}{f': {said}' if said else ''}). "
        "`tanggap --debug …` with the same words shows where; please report it."
    )


def _database(error: BaseException, names: list[str]) -> str:
    original = getattr(error, "orig", None)
    reason = str(original or error).strip().split("\n", 1)[0].rstrip(".")
    if "sqlalchemy.exc.OperationalError" in names:
        return f"The database does not do it now: {reason}. Try again; `tanggap doctor` tells what is wrong with it."
    if "sqlalchemy.exc.ProgrammingError" in names:
        return (
            f"The database is not as this version needs it: {reason}. Run `tanggap db upgrade`, then `tanggap doctor`."
        )
    if "sqlalchemy.exc.DataError" in names:
        return f"The database cannot keep this value: {reason}. Correct it."
    return f"The database refuses this: {reason}."


def _file(error: OSError) -> str:
    where = error.filename if isinstance(error.filename, str | bytes | os.PathLike) else None
    place = os.fsdecode(where) if where is not None else None
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"The disk is full{f' (writing {place})' if place else ''}. Make room and try again."
    reason = (error.strerror or str(error) or type(error).__name__).rstrip(".")
    if place is None:
        return f"{reason}."
    if isinstance(error, FileNotFoundError):
        return f"There is no file {place}."
    return f"{place}: {reason[:1].lower()}{reason[1:]}."
