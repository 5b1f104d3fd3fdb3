"""Who of the desk's people somebody in Slack is. Guests, bots, strangers and those who left are nobody here."""

from datetime import timedelta

from db.trail import Author
from integrations.slack.errors import SlackTrouble
from integrations.slack.workspace import SlackUser, Workspace
from policy.slack import TOKEN
from tasks.desk import Desk
from tasks.membership import knows, refresh_groups
from tasks.refusals import Refused

JUST_READ = timedelta(seconds=60)
"""A group that was read so lately is not read again for somebody who is not in it."""


def identify(desk: Desk, workspace: Workspace, user_id: str, team_id: str | None) -> Author:
    """The person behind a Slack user, who speaks for themselves alone. Whether anybody knows them is asked later.

    `team_id` is the workspace that the payload names; None or empty where it names none. Calls Slack: never inside a
    transaction.

    Raises:
        Refused: somebody of another workspace, who left, a bot, a guest; or Slack cannot say.
    """
    name = desk.policy.slack.person_of(user_id)
    facts = {"who": name, "user": user_id}
    try:
        ours = not team_id or team_id == workspace.team
        user = workspace.user(user_id) if ours else None
    except SlackTrouble as trouble:
        message = f"Slack cannot say who {name} is ({trouble.why}), so nothing was done. Try again in a minute."
        raise Refused("cannot_tell", message, facts | {"because": trouble.why}) from trouble
    _must_be_colleague(name, user, facts)
    by = Author(name, typed_by=f"{TOKEN}{user_id}")
    if desk.policy.slack.groups():
        _read_groups(desk, workspace, name)
    return by


def _must_be_colleague(name: str, user: SlackUser | None, facts: dict[str, str]) -> None:
    if user is None or user.stranger:
        message = f"{name} is not of this workspace; only its own people act on complaints."
        raise Refused("not_of_this_workspace", message, facts)
    if user.gone:
        raise Refused("left", f"{name} left the workspace, so can decide nothing.", facts)
    if user.bot:
        raise Refused("bot", f"{name} is a bot; only people decide.", facts)
    if user.guest:
        raise Refused("guest", f"{name} is a guest of the workspace; guests decide nothing.", facts)


def _read_groups(desk: Desk, workspace: Workspace, name: str) -> None:
    """Ask Slack who is in the gates' groups: at once for somebody new, else where the answer is too old to count."""
    with desk.transaction() as session:
        known = knows(session, desk, name, desk.now())
    refresh_groups(desk, workspace.slack, older_than=desk.policy.slack.group_fresh_for if known else JUST_READ)
