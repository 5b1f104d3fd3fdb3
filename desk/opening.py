"""Opens the desk: settings, database, policy, channels and assessor put together."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Engine

from db import migrate
from db.clock import Clock, SystemClock
from db.session import make_engine
from desk.models import DeskAssessor
from desk.postgres import database
from desk.settings import Settings, read_environment
from integrations.channels.registry import Channels, build_channels, problems, unfinished
from integrations.classifier.opening import Ground
from integrations.llm.client import Llm
from policy.loading import Policy, load_policy, problem_at
from policy.reading import Problem
from tasks.desk import Desk
from tasks.metering import Meter

if TYPE_CHECKING:
    from integrations.slack.client import Slack


@contextmanager
def open_desk(settings: Settings, *, company: Path | None = None) -> Iterator[Desk]:
    """The desk on its database, for as long as the context lasts.

    The embedded database is started and migrated where needed; one named in `TANGGAP_DATABASE_URL` is only migrated by
    `tanggap db upgrade`.

    Raises:
        HouseError: the database cannot be made, started or reached.
        MigrationBehind: the named database lacks migrations.
        PolicyError: the policy cannot be used.
    """
    policy = read_policy(settings, company)
    with database(settings) as found:
        engine = make_engine(found.url)
        try:
            if found.embedded and not migrate.is_current(engine):
                migrate.upgrade(found.url)
            migrate.check(engine)
            yield assemble(settings, engine, policy)
        finally:
            engine.dispose()


def read_policy(settings: Settings, company: Path | None = None) -> Policy:
    """The policy that the settings name: the company's own directory, the demo's overlay, or the shipped one."""
    return load_policy(settings.policy_dir, overlay=settings.policy_overlay, company=company)


def adapter_problems(policy: Policy, overlay: Path | None = None) -> list[Problem]:
    """Adapters that are not installed, and accounts that lack what theirs needs, but for secrets."""
    own = overlay / "channels.yaml" if overlay is not None else None
    file = own if own is not None and own.exists() else policy.directory / "channels.yaml"
    return [problem_at(file, where, message) for where, message in problems(policy.channels.channels)]


def unfinished_accounts(policy: Policy) -> list[str]:
    """Accounts that lack a secret or a setting here: they are left alone, and the desk runs without them."""
    return list(unfinished(policy.channels.channels, read_environment()))


def assemble(settings: Settings, engine: Engine, policy: Policy) -> Desk:
    """A desk on an engine that is reachable and migrated."""
    clock = SystemClock()
    return Desk(
        engine=engine,
        policy=policy,
        channels=open_channels(settings, engine, policy, clock),
        assessor=DeskAssessor(
            Ground(policy.lexicon, policy.company, policy.assessing), settings.model, engine, settings.home
        ),
        clock=clock,
        public_url=settings.gateway_url,
        prefect_url=prefect_ui(settings),
        llm=language_model(settings, policy),
    )


def open_channels(settings: Settings, engine: Engine, policy: Policy, clock: Clock) -> Channels:
    """Every account of every channel, each with the meter that all workers share."""
    rules = policy.channels.channels

    def meter(channel: str, account: str) -> Meter:
        return Meter(engine, clock, channel, account, rules[channel].grants, rules[channel].prices)

    return build_channels(
        rules,
        settings.home,
        engine,
        clock=clock,
        own_addresses=policy.company.owns_email,
        is_ours=policy.company.owns_handle,
        meter=meter,
        environment=read_environment(),
    )


def language_model(settings: Settings, policy: Policy) -> Llm | None:
    """The language model that llm.yaml names; None where it may do nothing."""
    rules, key = policy.llm, settings.llm_key
    if not rules.wanted:
        return None
    return Llm(rules.endpoint, rules.model, rules.timeout.total_seconds(), key.get_secret_value() if key else None)


def prefect_ui(settings: Settings) -> str:
    """Where people open the Prefect UI: Prefect's own setting for that, else the server that `up` runs."""
    return os.environ.get("PREFECT_UI_URL", "").rstrip("/") or settings.prefect_url


def open_slack(settings: Settings) -> "Slack | None":
    """The company's Slack; None where no bot token is set."""
    from integrations.slack.client import Slack

    token = settings.slack_bot_token
    return None if token is None else Slack(token.get_secret_value(), settings.slack_api_url)
