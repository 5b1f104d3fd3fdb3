"""The plan of the desk's own house: how its database is brought up to date, and who is asked about duty."""

from collections.abc import Callable

from db import migrate
from db.duty import on_duty
from db.session import make_engine
from desk.postgres import Database
from desk.up.house import Plan


def plan_for_the_desk(say: Callable[[str], None]) -> Plan:
    """How the house is built; `say` hears what is being done."""
    return Plan(migrate=bring_up_to_date, on_duty=on_duty_at, say=say)


def bring_up_to_date(database: Database) -> None:
    """The desk's own database is migrated; one that somebody named is only looked at.

    Raises:
        MigrationBehind: the named database lacks migrations.
    """
    if database.embedded:
        migrate.upgrade(database.url)
        return
    engine = make_engine(database.url, pool=1)
    try:
        migrate.check(engine)
    finally:
        engine.dispose()


def on_duty_at(url: str) -> Callable[[], set[str]]:
    """The question which stages have somebody on duty, one cheap query each time."""
    engine = make_engine(url, pool=1)
    return lambda: set(on_duty(engine))
