"""Brings a database to the schema of this version.

Alembic is imported only to migrate: every command asks whether the schema is current, and that is one query.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Engine, inspect, text

if TYPE_CHECKING:
    from alembic.config import Config

MIGRATIONS = Path(__file__).parent / "migrations"


class MigrationBehind(Exception):
    """The database's schema is not this version's."""


def upgrade(url: str) -> None:
    """Run every migration that the database lacks; two at once wait for each other."""
    from alembic import command

    command.upgrade(_config(url), "head")


def newest() -> str:
    """The revision that this version needs."""
    return max(_known())


def is_current(engine: Engine) -> bool:
    """Whether the database is at this version's schema."""
    return _stands_at(engine) == newest()


def check(engine: Engine) -> None:
    """Refuse to work on another schema.

    Raises:
        MigrationBehind: the database lacks migrations, or comes from a newer version; says what to do.
    """
    stands_at, wanted = _stands_at(engine), newest()
    if stands_at == wanted:
        return
    if stands_at is not None and stands_at not in _known():
        raise MigrationBehind(
            f"The database is at migration {stands_at}, which this version does not know. Install the newer version."
        )
    raise MigrationBehind(
        f"The database is at migration {stands_at or 'none'}, this version needs {wanted}. Run `tanggap db upgrade`."
    )


def _known() -> set[str]:
    """The revisions of this version: each file is named by its own, and they count up."""
    return {file.stem.partition("_")[0] for file in (MIGRATIONS / "versions").glob("[0-9]*_*.py")}


def _stands_at(engine: Engine) -> str | None:
    with engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        found: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
        return found


def _config(url: str) -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["url"] = url
    return config
