"""What many tests stand on: a real PostgreSQL, a desk on a fresh database, and a clock that the test sets."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from db import migrate
from db.clock import SetClock
from db.session import make_engine
from desk.postgres import Database, database, scratch_database
from desk.settings import Settings
from integrations.channels.registry import Channels
from integrations.channels.sandbox import SandboxChannel
from policy.assess.rules import RuleAssessor
from policy.loading import Policy, load_policy
from tasks.desk import Desk

MONDAY_MORNING = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)
"""09:00 in Jakarta."""


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """A PostgreSQL of the tests' own."""
    home = tmp_path_factory.mktemp("home")
    with database(Settings(home=home, _env_file=None)) as found:
        yield found


@pytest.fixture(scope="session")
def template(postgres: Database) -> Iterator[str]:
    """A migrated database that each test's own is copied from."""
    with scratch_database(postgres) as url:
        migrate.upgrade(url)
        yield url.rpartition("/")[2].partition("?")[0]


@pytest.fixture
def database_url(postgres: Database, template: str) -> Iterator[str]:
    """A migrated database of this test's own."""
    with scratch_database(postgres, template=template) as url:
        yield url


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """An engine on this test's database."""
    engine = make_engine(database_url)
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def policy() -> Policy:
    """The shipped policy."""
    return load_policy()


@pytest.fixture
def clock() -> SetClock:
    """A clock that stands at a Monday morning in Jakarta."""
    return SetClock(MONDAY_MORNING)


@pytest.fixture
def channels(policy: Policy, clock: SetClock) -> Channels:
    """A sandbox for every channel."""
    return Channels({(name, "default"): SandboxChannel(name, clock=clock) for name in policy.channels.known})


@pytest.fixture
def desk(engine: Engine, policy: Policy, clock: SetClock, channels: Channels) -> Desk:
    """A desk on sandbox channels, at a Monday morning."""
    return Desk(engine, policy, channels, RuleAssessor(policy.lexicon, policy.company, any_brand=True), clock)


@pytest.fixture(scope="session")
def shared() -> Path:
    """Real data and stories that lie beside the project; a test that needs them is skipped where they are not."""
    found = Path(__file__).resolve().parents[1] / ".." / "shared"
    if not found.is_dir():
        pytest.skip("the shared data does not lie beside this checkout")
    return found.resolve()


@pytest.fixture(scope="session")
def slack_schema(shared: Path) -> dict[str, Any]:
    """What Slack publishes of its blocks and views."""
    file = shared / "specs" / "slack" / "slack-web-api-8.2.0-types-3.2.0.schema.json"
    if not file.is_file():
        pytest.skip("Slack's schema does not lie beside this checkout")
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return found
