"""`tanggap up`: PostgreSQL, Prefect's server, the work pool, a worker and the gateway, kept up on this machine.

Everything happens in one thread, which starts the children (so the kernel's leash hangs on it), tends them, and stops
them in order. Whoever asked for the house waits beside it: `up` until told to stop, `tanggap demo` while it plays.
"""

import contextlib
import fcntl
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from sqlalchemy.engine import make_url

from desk.errors import HouseError, explained
from desk.logs import open_log, tail
from desk.postgres import Database, database, database_exists, make_home, revive
from desk.settings import Settings, read_environment
from desk.up.children import Child, Command, end_leftovers
from desk.up.deploy_file import deployment_file, read_deployments, stages_of
from desk.up.duty import Duty
from desk.up.engine import POOL, Engine, EngineError, crash_lost_runs
from desk.up.ports import answers, check_port
from policy.spelled import counted

log = logging.getLogger("tanggap.house")

GATEWAY = ("-m", "uvicorn", "desk.gateway.app:create_app", "--factory", "--no-access-log", "--log-level", "warning")
TICK = 0.25
"""Seconds between two looks at the children."""
LOOK = 2.0
"""Seconds between two looks at who is on duty."""
PATIENCE = 180.0
"""Seconds that the house gets to stand; Prefect's first start builds its tables."""

Migrate = Callable[[Database], None]
OnDuty = Callable[[], set[str]]


@dataclass(frozen=True)
class Plan:
    """What the house is made of beside its settings.

    `migrate` brings the desk's tables up to date, or says that somebody must. `on_duty` makes, from a URL, the question
    which stages have somebody on duty; None: nobody is replaced. `gateway` are the words after `python` that start the
    gateway; None: no gateway. `deployments` is another prefect.yaml than the shipped one. `environment` is added to
    what the children see. `say` hears what is being done.
    """

    migrate: Migrate | None = None
    on_duty: Callable[[str], OnDuty] | None = None
    gateway: Sequence[str] | None = GATEWAY
    deployments: Path | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    say: Callable[[str], None] = log.info


class House:
    """The running house; `standing` makes one."""

    def __init__(self, settings: Settings, plan: Plan) -> None:
        self.settings = settings
        self.plan = plan
        self.engine = Engine(settings.prefect_api_url)
        self.database: Database | None = None
        self.children: dict[str, Child] = {}
        self.stopping = threading.Event()
        self.standing = threading.Event()
        self.ended = threading.Event()
        self.error: BaseException | None = None
        self._postgres_deaths: list[float] = []

    def check(self) -> None:
        """Raises what brought the house down, if anything did."""
        if self.error is not None:
            raise self.error

    # The thread's whole life

    def live(self) -> None:
        """Start, tend until told to stop, stop."""
        try:
            with ExitStack() as stack:
                self._enter(stack)
                self._tend()
        except _Stopped:
            pass
        except (HouseError, EngineError) as error:
            self.error = error if isinstance(error, HouseError) else HouseError(str(error))
        except BaseException as error:
            self.error = error
        finally:
            self.ended.set()

    def _enter(self, stack: ExitStack) -> None:
        settings, say = self.settings, self.plan.say
        began = datetime.now(UTC)
        stack.enter_context(_home_lock(settings.home))
        runs = settings.home / "run"
        with explained(runs):
            runs.mkdir(mode=0o700, exist_ok=True)
            (settings.home / "prefect").mkdir(mode=0o700, exist_ok=True)
            (settings.home / "tmp").mkdir(mode=0o700, exist_ok=True)
        if left := end_leftovers(runs):
            say(f"Ended {counted(len(left), 'process', 'processes')} that a killed `tanggap up` had left")
        check_port("127.0.0.1", settings.prefect_port, "--prefect-port")
        if self.plan.gateway is not None:
            check_port(settings.gateway_host, settings.gateway_port, "--gateway-port")

        say("Starting PostgreSQL" if settings.database_url is None else "Looking for PostgreSQL")
        self.database = stack.enter_context(database(settings))
        if not self.database.embedded and not database_exists(self.database.prefect_url):
            name = make_url(self.database.prefect_url).database
            raise HouseError(
                f"Prefect needs a database of its own beside the desk's, and there is no database {name}. "
                f"Make it (CREATE DATABASE {name}), or set TANGGAP_PREFECT_DATABASE_URL."
            )
        stack.callback(self._stop_children)
        say("Starting the Prefect server")
        self._nursery.unlink(missing_ok=True)
        environment = self._environment()
        self._start("server", ("-m", "prefect", "server", "start"), environment, patience=10)
        self._start("nursery", ("-m", "desk.up.nursery", str(self._nursery), *self._deployment_words()), environment)
        self._until(self._nursery.is_socket, "the nursery of the flow runs")
        deploying = self._deploy(environment)
        stack.callback(_end, deploying)
        if self.plan.migrate is not None:
            self.plan.migrate(self.database)
        if self.plan.gateway is not None:
            at = ("--host", settings.gateway_host, "--port", str(settings.gateway_port))
            self._start("gateway", (*self.plan.gateway, *at), environment)
        self._until(self.engine.healthy, "the Prefect server to answer")
        self.engine.ensure_pool()
        say("Starting the worker")
        worker = ("-m", "prefect", "worker", "start", "--pool", POOL, "--type", "process", "--name", "tanggap-up")
        self._start("worker", worker, environment, patience=12)
        say("Bringing in the deployments")
        self._until(lambda: deploying.poll() is not None, "the deployments to be brought in")
        if deploying.returncode != 0:
            written = settings.home / "logs" / "deploy.log"
            raise HouseError(
                f"The deployments could not be brought in. Last words, from {written}:\n{tail(written, 8)}"
            )

        deployments = self.engine.deployments()
        wanted = stages_of(self._deployments(), settings)
        stages = {name: deployments[name] for name in wanted if name in deployments}
        lost = crash_lost_runs(self.engine, began, replaced=stages.values())
        if lost:
            say(f"Took up {counted(len(lost), 'run')} without a process")
        for stage, deployment in stages.items():
            self.engine.start(deployment, f"The desk opens: {stage}.")
        self._stages = stages
        self._duty = None
        if self.plan.on_duty is not None:
            self._duty = Duty(self.engine, stages, self.plan.on_duty(self.database.url))
        self._until(self.engine.worker_online, "the worker to report")
        if self.plan.gateway is not None:
            host = settings.gateway_host
            self._until(lambda: answers(host, settings.gateway_port), "the gateway to answer")
        self.standing.set()

    def _tend(self) -> None:
        look_at = time.monotonic()
        while not self.stopping.wait(TICK):
            self._tend_children()
            if self._duty is not None and time.monotonic() >= look_at:
                look_at = time.monotonic() + LOOK
                try:
                    for stage in self._duty.look():
                        self.plan.say(f"Nobody was on duty at {stage}; a new run takes over")
                except Exception as error:  # the database or the server is being started again
                    log.warning("Could not look who is on duty: %s", error)

    def _tend_children(self) -> None:
        if self.settings.database_url is None and self._revive():
            self.plan.say("PostgreSQL had died and was started again")
        for child in self.children.values():
            if not child.tend():
                continue
            self.plan.say(f"{child.command.name} died and is being started again; its log is {child.log}")
            if child.command.name == "worker" and self.standing.is_set():
                try:
                    crash_lost_runs(self.engine, datetime.now(UTC), replaced=self._stages.values())
                except EngineError as error:
                    log.warning("Could not look for lost runs: %s", error)

    # Its parts

    def _environment(self) -> dict[str, str]:
        """What the children see: our environment with `.env`, the settings, the database's address, and Prefect's."""
        assert self.database is not None
        settings = self.settings
        ours = read_environment()
        inherited = {name: value for name, value in ours.items() if not name.startswith("PREFECT__")}
        without_proxy = ",".join(filter(None, (ours.get("NO_PROXY"), "127.0.0.1", "localhost")))
        programs = str(Path(sys.executable).parent)
        log_level = "DEBUG" if settings.debug else "WARNING"
        return {
            **inherited,
            **settings.environment(),
            "TANGGAP_DATABASE_URL": self.database.url,
            "PATH": os.pathsep.join((programs, os.environ.get("PATH", os.defpath))),
            "NO_PROXY": without_proxy,
            "no_proxy": without_proxy,
            "PYTHONUNBUFFERED": "1",
            "DO_NOT_TRACK": "1",
            "TANGGAP_NURSERY": str(self._nursery),
            "PREFECT_HOME": str(settings.home / "prefect"),
            # Prefect's worker keeps a directory of one name there, which the first user of a machine would own.
            "TMPDIR": str(settings.home / "tmp"),
            "PREFECT_API_URL": settings.prefect_api_url,
            "PREFECT_SERVER_DATABASE_CONNECTION_URL": self.database.prefect_url,
            "PREFECT_SERVER_DATABASE_SQLALCHEMY_POOL_SIZE": "10",
            "PREFECT_SERVER_DATABASE_SQLALCHEMY_MAX_OVERFLOW": "30",
            "PREFECT_SERVER_API_HOST": "127.0.0.1",
            "PREFECT_SERVER_API_PORT": str(settings.prefect_port),
            "PREFECT_SERVER_UI_ENABLED": "true",
            # Its default is in the installed package, which may not be writable, and which other desks share.
            "PREFECT_SERVER_UI_STATIC_DIRECTORY": str(settings.home / "prefect" / "ui"),
            "PREFECT_SERVER_UI_API_URL": settings.prefect_api_url,
            "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "false",
            "PREFECT_SERVER_LOGGING_LEVEL": log_level,
            "PREFECT_LOGGING_LEVEL": "DEBUG" if settings.debug else "INFO",
            "PREFECT_CLI_PROMPT": "false",
            "PREFECT_WORKER_QUERY_SECONDS": str(settings.worker_query_seconds),
            # Runs made ahead of their time would only wait in a process.
            "PREFECT_WORKER_PREFETCH_SECONDS": "1",
            **self.plan.environment,
        }

    def _start(self, name: str, words: Sequence[str], environment: Mapping[str, str], patience: float = 5) -> None:
        home = self.settings.home
        command = Command(name, (sys.executable, *words), environment, home / "prefect", patience)
        self.children[name] = child = Child(command, home / "run", home / "logs")
        child.start()

    @property
    def _nursery(self) -> Path:
        return self.settings.home / "run" / "nursery"

    def _deployment_words(self) -> list[str]:
        return [] if self.plan.deployments is None else [str(self.plan.deployments)]

    def _deploy(self, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
        with open_log(self.settings.home / "logs" / "deploy.log") as written:
            return subprocess.Popen(  # noqa: S603 – our own command line
                [sys.executable, "-m", "desk.up.leash", "desk.up.deploy", *self._deployment_words()],
                stdin=subprocess.DEVNULL,
                stdout=written,
                stderr=written,
                cwd=self.settings.home / "prefect",
                env=dict(environment),
                start_new_session=True,
            )

    def _deployments(self) -> list[Mapping[str, object]]:
        return read_deployments(self.plan.deployments or deployment_file())

    def _until(self, is_so: Callable[[], bool], what: str) -> None:
        until = time.monotonic() + PATIENCE
        while not is_so():
            if self.stopping.wait(0.1):
                raise _Stopped
            self._tend_children()
            if time.monotonic() > until:
                raise HouseError(
                    f"Waited {PATIENCE:.0f} seconds for {what}, in vain. The logs are in {self.settings.home / 'logs'}."
                )

    def _revive(self) -> bool:
        if not revive(self.settings):
            return False
        moment = time.monotonic()
        self._postgres_deaths = [at for at in self._postgres_deaths if at > moment - 60] + [moment]
        if len(self._postgres_deaths) >= 5:
            written = self.settings.home / "logs" / "postgres.log"
            raise HouseError(f"PostgreSQL keeps dying. Its last words, from {written}:\n{tail(written, 8)}")
        return True

    def _stop_children(self) -> None:
        """In the order that loses least: nothing new comes in, then the runs end, then the server they report to."""
        self.plan.say("Stopping")
        began = datetime.now(UTC)
        for name in ("gateway", "worker"):
            if name in self.children:
                self.children[name].end()
        with contextlib.suppress(EngineError):
            if self.standing.is_set() and self.engine.healthy():
                crash_lost_runs(self.engine, began, replaced=self._stages.values())
        for name in ("nursery", "server"):
            if name in self.children:
                self.children[name].end()


class _Stopped(Exception):
    """Told to stop while still starting."""


@contextmanager
def standing(settings: Settings, plan: Plan, stop: threading.Event | None = None) -> Iterator[House]:
    """The house, standing for as long as the context lasts; `stop`, when set, ends the waiting for it to stand.

    Raises:
        HouseError: it could not be built, or fell down; the text is for the person who asked for it.
    """
    house = House(settings, plan)
    thread = threading.Thread(target=house.live, name="house")
    thread.start()
    try:
        while not (house.standing.wait(0.05) or house.ended.is_set() or (stop is not None and stop.is_set())):
            pass
        house.check()
        yield house
    finally:
        house.stopping.set()
        thread.join()
    house.check()


def up(settings: Settings, plan: Plan, ready: Callable[[House], None] | None = None) -> None:
    """Start everything, call `ready`, stay until SIGINT, SIGTERM or SIGHUP, stop everything.

    Must run in the main thread, which is where Python hears signals.

    Raises:
        HouseError: something could not be started, or keeps dying; everything is stopped by then.
    """
    stop = threading.Event()
    before = {how: signal.signal(how, lambda *_: stop.set()) for how in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        with standing(settings, plan, stop) as house:
            if ready is not None and not stop.is_set():
                ready(house)
            while not stop.wait(0.2) and not house.ended.is_set():
                pass
    finally:
        for how, handler in before.items():
            signal.signal(how, handler)


@contextmanager
def _home_lock(home: Path) -> Iterator[None]:
    """One `up` a home.

    Raises:
        HouseError: another one has it; with its process id.
    """
    make_home(home)
    with explained(home):
        lock: IO[str] = (home / "up.lock").open("a+", encoding="ascii")
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            pid = lock.read().strip() or "?"
            raise HouseError(
                f"Tanggap is already up in {home} (pid {pid}). Stop that one (Ctrl-C, or kill {pid}), "
                "or start this one with another TANGGAP_HOME."
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.kill()
        process.wait()
