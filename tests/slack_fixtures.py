"""The fixtures `slack_server`, `faulty`, `slack` and `slack_policy`. Modules that work with Slack name this plugin.

One local-slack serves a module and is emptied before each test; what a test calls goes through a proxy of its own.
"""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from factories import Life, fresh_life
from slack_proxy import FaultyProxy
from slack_server import OVER_HTTP, SlackServer, needs_local_slack, slack_rules
from sqlalchemy import Engine

from integrations.slack.client import Slack
from policy.loading import Policy

PATIENCE = 2
"""Seconds that the tests' client waits for an answer."""


@pytest.fixture(scope="session")
def slack_policy(policy: Policy) -> Policy:
    """The shipped policy with this workspace in it."""
    return replace(policy, slack=slack_rules())


@pytest.fixture(scope="module")
def slack_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SlackServer]:
    """A Slack server whose clicks go nowhere."""
    needs_local_slack()
    server = SlackServer(tmp_path_factory.mktemp("slack")).start()
    yield server
    server.stop()


@pytest.fixture
def faulty(slack_server: SlackServer) -> Iterator[FaultyProxy]:
    """A proxy before the emptied server; it notes what Slack would have refused."""
    slack_server.reset()
    proxy = FaultyProxy(slack_server, validating=True).start()
    yield proxy
    proxy.stop()


@pytest.fixture
def slack(faulty: FaultyProxy) -> Slack:
    """The desk's client, behind the proxy."""
    return Slack(OVER_HTTP.bot_token, faulty.api_url, seconds=PATIENCE)


@pytest.fixture
def slack_life(swept_engine: Engine, slack_policy: Policy) -> Life:
    """The fixture `life` (its plugin is needed too), of a company that works in Slack."""
    return fresh_life(swept_engine, slack_policy)
