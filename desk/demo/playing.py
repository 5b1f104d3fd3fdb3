"""Plays the demo: a desk of its own under `TANGGAP_HOME/demo`, the sample inbox, a scripted reviewer, and a summary."""

import fcntl
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

from rich.console import Console
from rich.live import Live
from rich.table import Table

from db.session import make_engine
from db.words import State
from desk.demo.actors import Actor
from desk.demo.customers import drop, now
from desk.demo.samples import OVERLAY, Sample, read_samples
from desk.opening import assemble, read_policy
from desk.settings import Settings
from desk.up.house import House, standing
from desk.up.staff import plan_for_the_desk
from policy.spelled import counted
from tasks.desk import Desk

LONGEST = 165.0
"""Seconds that the play may take; with the opening of the house it ends within three minutes."""
STEP = 0.4
FORM_OPEN = 2.2
"""Seconds between opening the web form and sending it: whoever is quicker counts as a machine."""


def demo_settings(settings: Settings) -> Settings:
    """The demo's desk lives beside the real one, with delays in seconds; the ports and the rest are the same."""
    return settings.model_copy(
        update={"home": settings.home / "demo", "policy_dir": None, "policy_overlay": OVERLAY, "database_url": None}
    )


def play(settings: Settings, *, stay: bool = False, wait: Callable[[], None] | None = None) -> bool:
    """Play the demo; returns whether every sample ended where it should.

    With `stay` the desk keeps running afterwards, until `wait` returns.

    Raises:
        HouseError: the desk cannot be opened.
    """
    ours = demo_settings(settings)
    console = Console()
    started = time.monotonic()
    with _fresh_home(ours.home), _opened(ours, console) as (house, desk):
        console.print(
            f"[bold]The desk is open[/] after {time.monotonic() - started:.0f} s. Prefect UI: {ours.prefect_url}"
        )
        with _follow_up_on_duty(house, ours):
            actors = _gather(desk, ours)
            _play(actors, console, started)
        good = _report(actors, ours, console, time.monotonic() - started)
        if stay and wait is not None:
            console.print("The desk keeps running; Ctrl-C stops it.")
            wait()
    return good


@contextmanager
def _fresh_home(home: Path) -> Iterator[None]:
    """Each demo begins with an empty desk; one that runs there already is left alone, and said so by the house."""
    if not (home / "up.lock").exists() or not _locked(home / "up.lock"):
        shutil.rmtree(home, ignore_errors=True)
    yield


def _locked(lock: Path) -> bool:
    with lock.open("a+") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


@contextmanager
def _opened(settings: Settings, console: Console) -> Iterator[tuple[House, Desk]]:
    policy = read_policy(settings)
    with console.status("Opening the desk") as status:

        def say(what: str) -> None:
            status.update(what)
            console.print(f"  {what}", style="dim", highlight=False)

        house_is = standing(settings, plan_for_the_desk(say))
        house = house_is.__enter__()
    try:
        assert house.database is not None
        engine = make_engine(house.database.url)
        try:
            yield house, assemble(settings, engine, policy)
        finally:
            engine.dispose()
    finally:
        with console.status("Closing the desk"):
            house_is.__exit__(None, None, None)


@contextmanager
def _follow_up_on_duty(house: House, settings: Settings) -> Iterator[None]:
    """What is done every ten minutes at work stays on duty here: seconds pass between survey, ask and closing."""
    from prefect.client.orchestration import get_client
    from prefect.settings import PREFECT_API_URL, temporary_settings

    with temporary_settings({PREFECT_API_URL: settings.prefect_api_url}), get_client(sync_client=True) as client:
        deployment = client.read_deployment_by_name("follow-up/follow-up")
        client.create_flow_run_from_deployment(UUID(str(deployment.id)), parameters={"shift": LONGEST})
    yield


def _gather(desk: Desk, settings: Settings) -> list[Actor]:
    inbox = settings.home / "inbox"
    run = f"demo{int(time.time())}"
    actors = [Actor(sample, desk, settings.gateway_url, inbox, run) for sample in read_samples()]
    web = [actor for actor in actors if actor.sample.via == "web"]
    for actor in web:
        actor.open_form()
    first = [actor for actor in actors if actor.sample.via == "file" and actor.sample.after is None]
    drop(
        inbox, f"{run}.jsonl", [actor.sample.as_record(actor.external_id, actor.sample.text, now()) for actor in first]
    )
    time.sleep(FORM_OPEN)
    return actors


def _play(actors: list[Actor], console: Console, started: float) -> None:
    by_name = {actor.sample.id: actor for actor in actors}
    dropped: set[str] = set()
    with Live(console=console, refresh_per_second=4, transient=True) as live:
        while time.monotonic() - started < LONGEST and not all(actor.ended for actor in actors):
            for actor in actors:
                before = actor.sample.after
                if before is not None and actor.sample.id not in dropped:
                    earlier = by_name[before].complaint
                    if earlier is None or earlier.state is State.NEW:
                        continue
                    line = actor.sample.as_record(actor.external_id, actor.sample.text, now())
                    drop(actor.inbox, f"{actor.external_id}.jsonl", [line])
                    dropped.add(actor.sample.id)
                actor.step()
            live.update(_progress(actors, time.monotonic() - started))
            time.sleep(STEP)


def _progress(actors: list[Actor], seconds: float) -> Table:
    counts = Counter(actor.complaint.state.value if actor.complaint else "coming" for actor in actors)
    done = sum(actor.ended for actor in actors)
    table = Table(title=f"{done} of {len(actors)} have ended where they should · {seconds:.0f} s", title_justify="left")
    table.add_column("state")
    table.add_column("complaints", justify="right")
    table.add_column("")
    for state in ("coming", *State):
        if counts[str(state)]:
            table.add_row(str(state), str(counts[str(state)]), "█" * counts[str(state)])
    return table


def _report(actors: list[Actor], settings: Settings, console: Console, seconds: float) -> bool:
    table = Table(title="The life of the sample inbox", title_justify="left")
    for name in ("sample", "reference", "channel", "severity", "ended", "on the way"):
        table.add_column(name, overflow="fold")
    for actor in actors:
        complaint, sample = actor.complaint, actor.sample
        ended = complaint.state.value if complaint else "never came in"
        wrong = "" if actor.ended else f" [red](should be {sample.ends.value}{_lacking(actor)})[/]"
        table.add_row(
            sample.id,
            complaint.reference if complaint else "",
            complaint.channel if complaint else sample.channel,
            (complaint.severity.value if complaint.severity else "") if complaint else "",
            ended + wrong,
            ", ".join(_way(sample)),
        )
    console.print(table)
    good = all(actor.ended for actor in actors)
    missed = sum(not actor.ended for actor in actors)
    said = (
        f"All {len(actors)} samples ended where they should"
        if good
        else f"[red]{counted(missed, 'sample')} did not end where they should[/]"
    )
    console.print(f"{said}, {seconds:.0f} seconds after the start.")
    console.print(f"Prefect UI    {settings.prefect_url}   (runs, and the timelines under Artifacts)", highlight=False)
    console.print(f"Public board  {settings.gateway_url}/board", highlight=False)
    console.print(f"Help pages    {settings.gateway_url}/help", highlight=False)
    page = next((actor for actor in actors if actor.token), None)
    if page is not None:
        console.print(f"Private page  {settings.gateway_url}/t/{page.token}", highlight=False)
    console.print(f"The form      {settings.gateway_url}/", highlight=False)
    console.print(f"Answers sent  {settings.home / 'outbox'}", highlight=False)
    return good


def _lacking(actor: Actor) -> str:
    missing = actor.missing()
    said = f", lacks {', '.join(missing)}" if missing else ""
    return said + (f"; {actor.trouble}" if actor.trouble else "")


def _way(sample: Sample) -> list[str]:
    """What makes this sample worth watching."""
    marks = {
        "blocked by a guardrail": sample.threat,
        "sent back for changes": sample.changes,
        "rejected": sample.reject,
        "edited": sample.edit,
        "voided by a new message": sample.interrupts,
        "answered twice": sample.again,
        "posted by hand": sample.posted,
        "reopened": sample.again_resolved,
        "told the public": sample.words,
        "watched": sample.ends is State.MONITORING,
    }
    return [name for name, there in marks.items() if there]
