"""How a run comes to the desk: the settings of its process, the database, the policy, the channels, and Slack."""

from collections.abc import Iterator
from contextlib import contextmanager

from desk.opening import open_desk, open_slack
from desk.settings import Settings, read_settings
from integrations.slack.client import Slack
from tasks.desk import Desk


@contextmanager
def opened_desk() -> Iterator[tuple[Desk, Settings]]:
    """The desk and its settings, for as long as the run needs them."""
    settings = read_settings()
    with open_desk(settings) as desk:
        yield desk, settings


def opened_slack() -> Slack | None:
    """The company's Slack; None where it is not set up."""
    return open_slack(read_settings())
