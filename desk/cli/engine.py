"""`tanggap run FLOW`: one flow, now and here."""

import importlib
import inspect
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from desk.cli.common import read_the_settings
from desk.cli.errors import Trouble
from desk.cli.output import say_json
from desk.errors import explained

if TYPE_CHECKING:
    from desk.settings import Settings


def add_to(app: typer.Typer) -> None:
    """Put the command into the command line."""
    app.command()(run)


def run(
    flow: Annotated[
        str, typer.Argument(metavar="FLOW", help="Its name in prefect.yaml: intake, respond, follow-up, …")
    ],
    param: Annotated[
        list[str] | None,
        typer.Option("--param", metavar="NAME=VALUE", help="A parameter; values are read as JSON where they are JSON."),
    ] = None,
) -> None:
    """Run one flow now, here, and wait for it. A stage does one pass over what is due, unless `shift` is given."""
    from desk.up.deploy_file import deployment_file, read_deployments

    known = {str(one["name"]): str(one["entrypoint"]) for one in read_deployments(deployment_file())}
    name = flow.replace("_", "-")
    if name not in known:
        raise typer.BadParameter(f"there is no flow {flow!r}; there are {', '.join(known)}", param_hint="FLOW")
    given = _parameters(param or [])
    settings = read_the_settings()
    with _an_api(settings):
        module, _, attribute = known[name].rpartition(".")
        function: Callable[..., Any] = getattr(importlib.import_module(module), attribute)
        taken = inspect.signature(function).parameters
        for unknown in given.keys() - taken.keys():
            raise typer.BadParameter(
                f"{name} has no parameter {unknown!r}; it has {', '.join(taken)}", param_hint="--param"
            )
        if "shift" in taken:
            given.setdefault("shift", 0)
        missing = [word for word, one in taken.items() if one.default is one.empty and word not in given]
        if missing:
            raise typer.BadParameter(f"{name} needs {', '.join(missing)}", param_hint="--param")
        done = function(**given)
    say_json(done if isinstance(done, Mapping) else {"result": None if done is None else str(done)})


def _parameters(words: list[str]) -> dict[str, Any]:
    given: dict[str, Any] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name.isidentifier():
            raise typer.BadParameter(f"{word!r} is no NAME=VALUE", param_hint="--param")
        try:
            given[name] = json.loads(value)
        except ValueError:
            given[name] = value
    return given


@contextmanager
def _an_api(settings: "Settings") -> Iterator[None]:
    """Prefect's API for the run: the one that PREFECT_API_URL names or that `up` runs, else one that ends with the run.

    Prefect reads its environment when it is imported, so this comes first. The server's own tables are kept in the
    home: making them takes longer than a run.
    """
    named = os.environ.get("PREFECT_API_URL")
    if named:
        if not _answers(named):
            raise Trouble(f"No Prefect server answers at {named}. Start it, or unset PREFECT_API_URL.")
        yield
        return
    os.environ.setdefault("PREFECT_LOGGING_LEVEL", "DEBUG" if settings.debug else "CRITICAL")
    os.environ.setdefault("DO_NOT_TRACK", "1")
    if _answers(settings.prefect_api_url):
        os.environ["PREFECT_API_URL"] = settings.prefect_api_url
        yield
        return
    home = settings.home / "prefect-alone"
    with explained(home):
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.environ |= {
        "PREFECT_HOME": str(home),
        "PREFECT_PROFILES_PATH": str(home / "profiles.toml"),
        "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "true",
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_LOGGING_LEVEL": "CRITICAL",
    }
    yield


def _answers(api: str) -> bool:
    import requests

    try:
        return requests.get(f"{api.rstrip('/')}/health", timeout=3).ok
    except requests.RequestException:
        return False
