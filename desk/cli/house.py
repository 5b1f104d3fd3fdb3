"""`tanggap up`, `tanggap demo` and `tanggap db`: the house as a whole."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from desk.cli.common import group, read_the_settings
from desk.cli.output import say, warn

if TYPE_CHECKING:
    from desk.settings import Settings
    from desk.up.house import House, Plan

PrefectPort = Annotated[
    int | None, typer.Option("--prefect-port", min=1, max=65535, help="Port of the Prefect server and its UI.")
]
GatewayPort = Annotated[
    int | None, typer.Option("--gateway-port", min=1, max=65535, help="Port of the web pages and webhooks.")
]
GatewayHost = Annotated[str | None, typer.Option("--gateway-host", help="Address that the gateway listens on.")]


def add_to(app: typer.Typer) -> None:
    """Put the commands into the command line."""
    app.command()(up)
    app.command()(demo)
    database = group("db", "The desk's database.")
    database.command("upgrade")(upgrade)
    app.add_typer(database)


def up(
    demo: Annotated[bool, typer.Option("--demo", help="Also take in the sample complaints.")] = False,
    prefect_port: PrefectPort = None,
    gateway_port: GatewayPort = None,
    gateway_host: GatewayHost = None,
) -> None:
    """Start everything on this machine and stay until Ctrl-C: database, Prefect, worker, web pages."""
    from desk.up.house import up as keep_up

    settings = read_the_settings(prefect_port=prefect_port, gateway_port=gateway_port, gateway_host=gateway_host)
    _policy_must_be_good(settings)

    def ready(house: "House") -> None:
        say_addresses(settings)
        if demo:
            from desk.demo import feed

            say(f"Took in {feed(settings, house)} sample complaints.")
        say("Ctrl-C stops all of it.")

    keep_up(settings, plan_for(settings, say=warn), ready)


def demo(
    stay: Annotated[bool, typer.Option("--stay", help="Leave the desk running afterwards, until Ctrl-C.")] = False,
    prefect_port: PrefectPort = None,
    gateway_port: GatewayPort = None,
) -> None:
    """Play the whole life of the sample complaints, with a scripted reviewer; exit 0 if each ended where it should."""
    from desk.demo import play

    settings = read_the_settings(prefect_port=prefect_port, gateway_port=gateway_port)
    if not play(settings, stay=stay):
        raise typer.Exit(1)


def upgrade() -> None:
    """Bring the database to the schema of this version."""
    from db import migrate
    from db.session import make_engine
    from desk.postgres import database

    with database(read_the_settings()) as found:
        engine = make_engine(found.url)
        try:
            if migrate.is_current(engine):
                say(f"The database is at migration {migrate.newest()} already.")
                return
            migrate.upgrade(found.url)
            migrate.check(engine)
        finally:
            engine.dispose()
    say(f"The database is at migration {migrate.newest()} now.")


def plan_for(settings: "Settings", *, say: Callable[[str], None]) -> "Plan":
    """How the house is built: the desk's own database is migrated, one that somebody named is only looked at."""
    from db import migrate
    from db.duty import on_duty
    from db.session import make_engine
    from desk.up.house import Plan

    def must_be_current(url: str) -> None:
        engine = make_engine(url, pool=1)
        try:
            migrate.check(engine)
        finally:
            engine.dispose()

    def stages_with_somebody(url: str) -> Callable[[], set[str]]:
        engine = make_engine(url, pool=1)
        return lambda: set(on_duty(engine))

    return Plan(
        migrate=migrate.upgrade if settings.database_url is None else must_be_current,
        on_duty=stages_with_somebody,
        say=say,
    )


def say_addresses(settings: "Settings") -> None:
    """Where to look at what runs."""
    say(f"The desk is up. Complaint form and board: {settings.gateway_url}")
    say(f"Prefect: {settings.prefect_url}")
    say("Reviews that wait: `tanggap inbox`. How things are: `tanggap doctor`.")


def _policy_must_be_good(settings: "Settings") -> None:
    """Rules that contradict each other are told before anything is started."""
    from desk.opening import read_policy

    read_policy(settings)
