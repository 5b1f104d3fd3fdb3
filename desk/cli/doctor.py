"""`tanggap doctor`: is everything there that the desk needs, and what to do where it is not."""

import os
import re
from collections.abc import Callable
from typing import TYPE_CHECKING

import typer

from desk.cli.common import AsJson, read_the_settings
from desk.cli.errors import explain
from desk.cli.findings import Finding, Findings, Level
from desk.cli.output import hanging, say, say_json, show
from policy.spelled import counted

if TYPE_CHECKING:
    from sqlmodel import Session

    from desk.settings import Settings
    from integrations.channels.base import Channel
    from policy.loading import Policy
    from tasks.desk import Desk

LITTLE_ROOM = 2**30
"""Bytes free under which a warning is due; what the desk cannot begin with is in `desk.errors`."""
BROKEN_SHOWN = 5
SOON = 14
"""Days before credentials end at which somebody should know."""
SET_UP = "docs/channels.md says how to set it up. Mended? `tanggap channels --try ACCOUNT` does not wait."
IF_IT_STAYS = (
    "Nothing is lost meanwhile. If it stays so: is its address right in channels.yaml, and the way there open?"
)
IN_DOUBT = {
    "read_back": "After a doubtful try it is read back.",
    "idempotent": "After a doubtful try the text is sent again; it takes our key and posts nothing twice.",
    "neither": "After a doubtful try a person looks.",
}


def add_to(app: typer.Typer) -> None:
    """Put the command into the command line."""
    app.command()(doctor)


def doctor(as_json: AsJson = False) -> None:
    """Check settings, disk, rules, database, Prefect, Slack and every channel. Exit 1 if something is broken."""
    found: list[Finding] = []
    try:
        settings = read_the_settings()
    except Exception as error:
        found += [
            Finding("settings", Level.BROKEN, line, "Correct it in the environment or in .env.")
            for line in explain(error).split("\n")
        ]
    else:
        for finding in _everything(settings):
            found.append(finding)
            if not as_json:
                _show(finding)
    broken = sum(one.level is Level.BROKEN for one in found)
    warnings = sum(one.level is Level.WARNING for one in found)
    if as_json:
        say_json({"broken": broken, "warnings": warnings, "findings": found})
    else:
        if len(found) == broken:
            for finding in found:
                _show(finding)
        say(f"{broken} broken, {counted(warnings, 'warning')}." if broken or warnings else "All is well.")
    if broken:
        raise typer.Exit(1)


def _show(finding: Finding) -> None:
    marks = {
        Level.GOOD: ("ok     ", "green"),
        Level.WARNING: ("warning", "yellow"),
        Level.BROKEN: ("BROKEN ", "bold red"),
    }
    mark, style = marks[finding.level]
    show(hanging(mark, f"{finding.what}: {finding.said}", style))
    if finding.mend:
        show(hanging("      →", finding.mend))


def _everything(settings: "Settings") -> Findings:
    """All findings, in the order in which a person would mend them. One check that fails stops no other."""
    yield from _guarded("settings", lambda: _settings(settings))
    yield from _guarded("disk", lambda: _disk(settings))
    rules: list[Policy] = []
    yield from _guarded("policy", lambda: _policy(settings, rules))
    yield from _guarded("database", lambda: _database(settings, rules[0] if rules else None))
    yield from _guarded("model", lambda: _model(settings))
    yield from _guarded("language model", lambda: _llm(settings, rules[0] if rules else None))
    yield from _guarded("prefect", lambda: _prefect(settings))
    yield from _guarded("gateway", lambda: _gateway(settings))
    yield from _guarded("slack", lambda: _slack(settings, rules[0] if rules else None))


def _guarded(what: str, check: Callable[[], Findings]) -> Findings:
    try:
        yield from check()
    except Exception as error:
        for line in explain(error).split("\n"):
            yield Finding(what, Level.BROKEN, line)


def _settings(settings: "Settings") -> Findings:
    where = "the database that TANGGAP_DATABASE_URL names" if settings.database_url else "a database of its own"
    yield Finding("settings", Level.GOOD, f"home {settings.home}, {where}")
    if os.geteuid() == 0:
        yield Finding(
            "settings",
            Level.WARNING,
            "this runs as root",
            "Run the desk as a user of its own: what it reads comes from strangers.",
        )


def _disk(settings: "Settings") -> Findings:
    from desk.errors import ROOM_TO_BEGIN, free_bytes

    free = free_bytes(settings.home)
    said = f"{free / 2**30:.1f} GB free at {settings.home}"
    begun = (settings.home / "postgres").exists() or (settings.home / "postgres.where").exists()
    if free < ROOM_TO_BEGIN and not begun and settings.database_url is None:
        yield Finding("disk", Level.BROKEN, said, "Make room, or set TANGGAP_HOME to another disk.")
    elif free < LITTLE_ROOM:
        yield Finding("disk", Level.WARNING, said, "Make room soon: a full disk stops the database.")
    else:
        yield Finding("disk", Level.GOOD, said)


def _policy(settings: "Settings", rules: "list[Policy]") -> Findings:
    from desk.opening import read_policy
    from policy.reading import PolicyError

    try:
        found = read_policy(settings)
    except PolicyError as error:
        for problem in error.problems:
            yield Finding("policy", Level.BROKEN, str(problem), "Correct the file; `tanggap policy check` looks again.")
        return
    rules.append(found)
    yield Finding("policy", Level.GOOD, f"{found.directory}, version {found.version[:12]}")
    own = "Make your own rules with `tanggap policy init DIR` and set TANGGAP_POLICY_DIR."
    if found.company.sample:
        yield Finding(
            "policy",
            Level.WARNING,
            "company.yaml is the sample company's",
            own if settings.policy_dir is None else "Write your own company into it, and take `sample` out.",
        )
    open_gates = [
        gate.value for gate, people in found.people.gates.items() if any("*" in one for one in people.members)
    ]
    if open_gates:
        yield Finding(
            "policy",
            Level.WARNING,
            f"anybody with a fitting name may decide at {', '.join(open_gates)} (people.yaml has patterns)",
            f"Name the people. {own if settings.policy_dir is None else ''}".strip(),
        )
    if not found.company.sample and not found.legal.breach.confirmed_by:
        yield Finding(
            "policy",
            Level.WARNING,
            f"nobody has confirmed the term of a breach notice ({found.legal.breach.source})",
            "Ask your counsel, and write their name as `confirmed_by` in legal_road.yaml.",
        )
    if "*" in found.people.speakers.get("*", ()):
        yield Finding(
            "policy",
            Level.WARNING,
            "every user of this machine may speak for everybody (people.yaml, speakers)",
            "Write for each operating-system user whom they may speak for.",
        )


def _model(settings: "Settings") -> Findings:
    """What assesses messages beside the rules, and whether the encoder is among it."""
    from desk.kept import kept_model
    from integrations.classifier.shipped import encoder_missing, shipped_encoder, shipped_model
    from integrations.classifier.use import Use

    if settings.model is Use.OFF:
        yield Finding("model", Level.GOOD, "rules alone (TANGGAP_MODEL=off)")
        return
    light = kept_model(settings.home) or shipped_model()
    yield Finding("model", Level.GOOD, f"light path {light.name}")
    if settings.model is Use.LIGHT:
        yield Finding("encoder", Level.GOOD, "not used (TANGGAP_MODEL=light)")
    elif missing := encoder_missing():
        mend = "The desk works without it, a little less surely. Install it, or set TANGGAP_MODEL=light."
        yield Finding("encoder", Level.WARNING, missing, mend)
    else:
        encoder = shipped_encoder()
        yield Finding("encoder", Level.GOOD, f"{encoder.name if encoder else ''}, asked where the light path is unsure")


def _database(settings: "Settings", policy: "Policy | None") -> Findings:
    from db import migrate
    from db.session import make_engine
    from desk.cli.doctor_articles import articles
    from desk.cli.doctor_llm import llm_and_desk
    from desk.opening import assemble
    from desk.postgres import database

    with database(settings) as found:
        engine = make_engine(found.url)
        try:
            if found.embedded and not migrate.is_current(engine):
                migrate.upgrade(found.url)
            try:
                migrate.check(engine)
            except migrate.MigrationBehind as error:
                yield Finding("database", Level.BROKEN, str(error))
                return
            with engine.connect() as connection:
                version = connection.exec_driver_sql("SHOW server_version").scalar_one()
            own = "the desk's own" if found.embedded else "yours"
            yield Finding("database", Level.GOOD, f"{own}, PostgreSQL {version}, migration {migrate.newest()}")
            if policy is None:
                return
            desk = assemble(settings, engine, policy)
            with desk.transaction() as session:
                yield from _chains(session)
                yield from _records(session)
            yield from _waiting(desk)
            yield from articles(desk)
            yield from _stages(settings, desk)
            yield from _channels(desk)
            yield from _shown_in_slack(settings, desk)
            yield from llm_and_desk(desk)
        finally:
            engine.dispose()


def _chains(session: "Session") -> Findings:
    """Every chain of events proves what it should."""
    from itertools import islice

    from sqlalchemy import func, select

    from db import trail
    from db.tables import Event

    broken = list(islice(trail.verify(session), BROKEN_SHOWN))
    for one in broken:
        yield Finding(
            "trail",
            Level.BROKEN,
            str(one),
            "Somebody wrote past the desk. Compare with a backup and with the daily anchors.",
        )
    if not broken:
        count = session.execute(select(func.count()).select_from(Event)).scalar_one()
        yield Finding("trail", Level.GOOD, f"{counted(count, 'event')}, every chain is whole")


def _records(session: "Session") -> Findings:
    """What waits for a person in the tables."""
    from db.tables import DeliveryState
    from tasks.listing import count_deliveries, count_quarantined

    quarantined = count_quarantined(session)
    if quarantined:
        yield Finding(
            "intake",
            Level.WARNING,
            f"{counted(quarantined, 'record')} in quarantine",
            "`tanggap complaints --quarantined` says why; mend them and import them again.",
        )
    else:
        yield Finding("intake", Level.GOOD, "nothing in quarantine")
    counts = count_deliveries(session)
    unwell = {
        state.value: counts[state]
        for state in (DeliveryState.UNKNOWN, DeliveryState.FAILED, DeliveryState.MANUAL)
        if counts.get(state)
    }
    if unwell:
        said = ", ".join(f"{count:,} {'unclear' if state == 'unknown' else state}" for state, count in unwell.items())
        yield Finding("deliveries", Level.WARNING, said, "`tanggap deliveries --failed` says why and what to do.")
    else:
        yield Finding("deliveries", Level.GOOD, "none failed, is unclear or waits for a person")


def _waiting(desk: "Desk") -> Findings:
    from tasks.listing import Wanted, count_complaints, inbox, stops

    for stop in stops(desk):
        yield Finding(
            "publishing",
            Level.WARNING,
            f"off for {stop.scope} since {stop.thrown_at:%Y-%m-%d %H:%M} UTC, by {stop.thrown_by}: {stop.reason}",
            "`tanggap publishing on --reason TEXT --as PERSON` lifts it.",
        )
    late = count_complaints(desk, Wanted(late=True))
    if late:
        yield Finding(
            "promises",
            Level.WARNING,
            f"{counted(late, 'complaint is', 'complaints are')} late",
            "`tanggap complaints --late` lists them.",
        )
    reviews = inbox(desk)
    overdue = sum(one.late for one in reviews)
    if overdue:
        yield Finding(
            "reviews", Level.WARNING, f"{overdue} of {len(reviews)} open reviews are late", "`tanggap inbox` has them."
        )
    else:
        yield Finding("reviews", Level.GOOD, f"{len(reviews)} wait for a decision, none late")


def _stages(settings: "Settings", desk: "Desk") -> Findings:
    """Where `up` runs, each stage has somebody on duty."""
    from db.duty import on_duty
    from desk.up.deploy_file import deployment_file, read_deployments, stages_of

    there = on_duty(desk.engine)
    stages = stages_of(read_deployments(deployment_file()), settings)
    absent = [stage for stage in stages if stage not in there]
    if not absent:
        yield Finding("stages", Level.GOOD, f"somebody is on duty at {', '.join(stages)}")
    elif is_up(settings) or there:
        yield Finding(
            "stages",
            Level.WARNING,
            f"nobody is on duty at {', '.join(absent)}",
            f"It is replaced within seconds while `tanggap up` runs; if not, look into {settings.home / 'logs'}.",
        )
    else:
        yield Finding("stages", Level.WARNING, "nobody is on duty: the desk is not up", "Start it with `tanggap up`.")


def is_up(settings: "Settings") -> bool:
    """Whether `tanggap up` runs in this home."""
    import fcntl

    try:
        with (settings.home / "up.lock").open("a+") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _channels(desk: "Desk") -> Findings:
    unset = {(one.name, one.account): one.missing for one in desk.channels.unset()}
    by_hand, own = [], []
    for channel in desk.channels.all():
        adapter = desk.policy.channels.of(channel.name).adapter
        name = channel.name + (f"/{channel.account}" if channel.account != "default" else "")
        missing = unset.get((channel.name, channel.account))
        if missing is not None:
            yield Finding(f"channel {name}", Level.BROKEN, missing.removeprefix(f"{name} is "))
        elif channel.manual:
            by_hand.append(name)
        elif adapter in ("file", "web"):
            own.append(name)
        else:
            yield _checked(f"channel {name}", adapter, channel)
            yield from _asks_to_write(f"channel {name}", channel, desk.policy)
    if own:
        yield Finding("channels", Level.GOOD, f"the desk's own: {', '.join(own)}")
    if by_hand:
        yield Finding("channels", Level.GOOD, f"a person posts what was approved on {', '.join(by_hand)}")


def _checked(what: str, adapter: str, channel: "Channel") -> Finding:
    """Each platform is called once: do our credentials work there, and for how long."""
    from datetime import UTC, datetime, timedelta

    from integrations.channels.base import ChannelError, LockedOut, TryAgain

    by = "" if what.removeprefix("channel ").partition("/")[0] == adapter else f"by `{adapter}`: "
    try:
        found = channel.check()
    except ChannelError as error:
        later = isinstance(error, TryAgain) and not isinstance(error, LockedOut)
        return Finding(what, Level.BROKEN, by + _but_for_us(str(error)), IF_IT_STAYS if later else SET_UP)
    said, mend = by + _but_for_us(found.said), found.mend and f"{found.mend[:1].upper()}{found.mend[1:].rstrip('.')}."
    if not found.ok:
        return Finding(what, Level.BROKEN, said, mend or SET_UP)
    if found.expires is not None and found.expires - datetime.now(UTC) < timedelta(days=SOON):
        return Finding(what, Level.WARNING, f"{said}; its credentials end {found.expires:%Y-%m-%d}", mend)
    return Finding(what, Level.GOOD, f"{said}. {IN_DOUBT[channel.certainty.value]}", mend)


def _but_for_us(said: str) -> str:
    """What an adapter says, without its advice to ask the doctor."""
    return re.sub(r"; check (?:\w+ )?\w+ with `tanggap doctor`", "", said)


def _asks_to_write(what: str, channel: "Channel", policy: "Policy") -> Findings:
    """Whether a customer can be asked to write back once the reply window is closed, where that needs a template."""
    from policy.templates import LANGUAGES, WRITE_BACK

    def words(language: str, **slots: str) -> list[str]:
        variants = range(len(policy.templates.file(WRITE_BACK, language).variants))
        contact = policy.company.contact(language, channel=channel.name)
        known = {"company": policy.company.name, "contact": contact, **slots}
        return [policy.templates.render(WRITE_BACK, language, known, number).text for number in variants]

    for language in LANGUAGES:
        asks = [*words(language, reference="TG-1042"), *words(language, reference="TG-1042", name="Rina")]
        if all(channel.is_template(text) is False for text in asks):
            said = f"after the reply window nobody is asked in `{language}` to write back: no template there reads like"
            ours = words(language, reference="{number}")[0]
            mend = f"have it approved there, and write it among the account's `templates`: {ours}"
            yield Finding(what, Level.WARNING, f"{said} templates/{language}/{WRITE_BACK}.txt.j2", mend)


def _prefect(settings: "Settings") -> Findings:
    from importlib.metadata import version

    from desk.up.deploy_file import deployment_file, read_deployments
    from desk.up.engine import Engine

    api = os.environ.get("PREFECT_API_URL") or settings.prefect_api_url
    engine = Engine(api)
    ours = version("prefect")
    if not engine.healthy():
        broken = is_up(settings)
        yield Finding(
            "prefect",
            Level.BROKEN if broken else Level.WARNING,
            f"no server answers at {api} (this desk has Prefect {ours})",
            f"Look into {settings.home / 'logs'}." if broken else "Start it with `tanggap up`.",
        )
        return
    theirs = _version_at(api)
    if theirs.split(".")[:2] != ours.split(".")[:2]:
        yield Finding(
            "prefect",
            Level.WARNING,
            f"the server at {api} is Prefect {theirs}, this desk has {ours}",
            "Bring both to the same version.",
        )
    else:
        yield Finding("prefect", Level.GOOD, f"server {theirs} answers at {api}")
    wanted = [str(one["name"]) for one in read_deployments(deployment_file())]
    there = engine.deployments()
    missing = [name for name in wanted if name not in there]
    if missing:
        yield Finding(
            "prefect",
            Level.BROKEN,
            f"not deployed: {', '.join(missing)}",
            "`tanggap up` brings them in, or `prefect deploy --all`.",
        )
    else:
        yield Finding("prefect", Level.GOOD, f"{len(wanted)} flows are deployed")
    if not engine.worker_online():
        yield Finding(
            "prefect",
            Level.BROKEN,
            "no worker has reported lately: nothing is carried",
            "Start one: `tanggap up`, or `prefect worker start --pool tanggap`.",
        )


def _version_at(api: str) -> str:
    """The version of the Prefect server at this address."""
    import requests

    try:
        return str(requests.get(f"{api}/admin/version", timeout=5).json())
    except (requests.RequestException, ValueError):
        return "of an unknown version"


def _gateway(settings: "Settings") -> Findings:
    import requests

    try:
        answer = requests.get(settings.gateway_url, timeout=5)
    except requests.RequestException:
        up = is_up(settings)
        yield Finding(
            "gateway",
            Level.BROKEN if up else Level.WARNING,
            f"{settings.gateway_url} does not answer",
            f"Look into {settings.home / 'logs'}." if up else "Start it with `tanggap up`.",
        )
        return
    level = Level.GOOD if answer.ok else Level.BROKEN
    yield Finding("gateway", level, f"{settings.gateway_url} answers ({answer.status_code})")


def _llm(settings: "Settings", policy: "Policy | None") -> Findings:
    from desk.cli.doctor_llm import llm_itself

    yield from llm_itself(settings, policy)


def _slack(settings: "Settings", policy: "Policy | None") -> Findings:
    from desk.cli.doctor_slack import slack_itself

    yield from slack_itself(settings, policy)


def _shown_in_slack(settings: "Settings", desk: "Desk") -> Findings:
    from desk.cli.doctor_slack import slack_and_desk

    yield from slack_and_desk(settings, desk)
