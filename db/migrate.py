"""Brings a database to the schema of this version."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine

MIGRATIONS = Path(__file__).parent / "migrations"


class MigrationBehind(Exception):
    """The database's schema is not this version's."""


def upgrade(url: str) -> None:
    """Run every migration that the database lacks; two at once wait for each other."""
    command.upgrade(_config(url), "head")


def newest() -> str:
    """The revision that this version needs."""
    head = ScriptDirectory(str(MIGRATIONS)).get_current_head()
    assert head is not None
    return head


def is_current(engine: Engine) -> bool:
    """Whether the database is at this version's schema."""
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision() == newest()


def check(engine: Engine) -> None:
    """Refuse to work on another schema.

    Raises:
        MigrationBehind: the database lacks migrations, or comes from a newer version; says what to do.
    """
    with engine.connect() as connection:
        stands_at = MigrationContext.configure(connection).get_current_revision()
    wanted = newest()
    if stands_at == wanted:
        return
    known = {script.revision for script in ScriptDirectory(str(MIGRATIONS)).walk_revisions()}
    if stands_at is not None and stands_at not in known:
        raise MigrationBehind(
            f"The database is at migration {stands_at}, which this version does not know. Install the newer version."
        )
    raise MigrationBehind(
        f"The database is at migration {stands_at or 'none'}, this version needs {wanted}. Run `tanggap db upgrade`."
    )


def _config(url: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["url"] = url
    return config
