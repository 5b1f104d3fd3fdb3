"""`tanggap replay`: a story on a simulated clock, against a database of its own, with sandbox channels."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from db import migrate
from db.session import make_engine
from desk.opening import read_policy
from desk.postgres import database, scratch_database
from desk.replay.judging import failures
from desk.replay.story import Story, UnreadableStory, read_story
from desk.replay.telling import Account, Teller
from desk.settings import Settings


@dataclass(frozen=True)
class Result:
    """What a story came to."""

    story: Story
    account: Account
    failed: list[str]

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "name": self.story.name,
            "events": [event.as_json() for event in self.account.events],
            "states": self.account.states,
            "failed": self.failed,
        }


def run(file: Path, settings: Settings) -> Result:
    """Tell one story against a scratch database and judge it.

    Raises:
        UnreadableStory: it cannot be read.
    """
    story = read_story(file)
    policy = read_policy(settings)
    with database(settings) as found, scratch_database(found) as url:
        migrate.upgrade(url)
        engine = make_engine(url)
        try:
            account = Teller(story, engine, policy, settings.model).tell()
        finally:
            engine.dispose()
    return Result(story, account, failures(story, account))


__all__ = ["Result", "UnreadableStory", "run"]
