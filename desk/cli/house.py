"""`tanggap up`, `tanggap demo` and `tanggap db`: the house as a whole."""

import signal
import threading
from typing import TYPE_CHECKING, Annotated

import typer

from desk.cli.common import group, read_the_settings
from desk.cli.output import say, warn

if TYPE_CHECKING:
    from desk.settings import Settings
    from desk.up.house import House

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
    from desk.up.staff import plan_for_the_desk

    settings = read_the_settings(prefect_port=prefect_port, gateway_port=gateway_port, gateway_host=gateway_host)
    _policy_must_be_good(settings)

    def ready(house: "House") -> None:
        say_addresses(settings)
        if demo:
            say(f"Put {_feed(settings)} sample complaints into {settings.home / 'inbox'}.")
        say("Ctrl-C stops all of it.")

    keep_up(settings, plan_for_the_desk(warn), ready)


def demo(
    stay: Annotated[bool, typer.Option("--stay", help="Leave the desk running afterwards, until Ctrl-C.")] = False,
    prefect_port: PrefectPort = None,
    gateway_port: GatewayPort = None,
) -> None:
    """Play the whole life of the sample complaints, with a scripted reviewer; exit 0 if each ended where it should."""
    from desk.demo.playing import play

    settings = read_the_settings(prefect_port=prefect_port, gateway_port=gateway_port)
    if not play(settings, stay=stay, wait=_until_told_to_stop):
        raise typer.Exit(1)


def _until_told_to_stop() -> None:
    """Stay until Ctrl-C, or until the system ends us."""
    stop = threading.Event()
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {how: signal.signal(how, lambda *_: stop.set()) for how in signals}
    try:
        while not stop.wait(0.5):
            pass
    finally:
        for how, handler in before.items():
            signal.signal(how, handler)


def _feed(settings: "Settings") -> int:
    """Put the sample inbox into the drop folder, under ids of its own, so that it comes in once."""
    from datetime import UTC, datetime

    from desk.demo.customers import drop
    from desk.demo.samples import read_samples

    now = datetime.now(UTC)
    lines = [sample.as_record(f"sample-{sample.id}", sample.text, now) for sample in read_samples()]
    drop(settings.home / "inbox", "samples.jsonl", lines)
    return len(lines)


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


def say_addresses(settings: "Settings") -> None:
    """Where to look at what runs."""
    say(f"The desk is up. Complaint form and board: {settings.gateway_url}")
    say(f"Prefect: {settings.prefect_url}")
    say("Reviews that wait: `tanggap inbox`. How things are: `tanggap doctor`, `tanggap channels`.")


def _policy_must_be_good(settings: "Settings") -> None:
    """Rules that contradict each other are told before anything is started, and accounts that it starts without."""
    from desk.opening import read_policy, unfinished_accounts

    for said in unfinished_accounts(read_policy(settings)):
        warn(f"Not connected: {said}")
