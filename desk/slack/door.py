"""What every listener is given: the desk, Slack, and who is who there."""

from dataclasses import dataclass

from db.trail import Author
from integrations.slack.client import Slack
from integrations.slack.showing import Language
from integrations.slack.workspace import Workspace
from tasks.desk import Desk
from tasks.readers import language_of
from tasks.refusals import must_be_known
from tasks.slack_people import identify


@dataclass(frozen=True)
class Door:
    """The desk as Slack's people come to it."""

    desk: Desk
    slack: Slack
    workspace: Workspace

    def language_of(self, user: str) -> Language:
        """In which language somebody is spoken to in private."""
        return language_of(self.desk, self.workspace, user)

    def somebody(self, user: str, team: str) -> Author:
        """A person of the desk behind a Slack user.

        Raises:
            Refused: a guest, a bot, a stranger, nobody of ours, or Slack cannot say.
        """
        by = identify(self.desk, self.workspace, user, team)
        must_be_known(self.desk, by)
        return by
