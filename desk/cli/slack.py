"""`tanggap slack`: who and what is there, with the ids that slack.yaml asks for."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer

from desk.cli.common import AsJson, read_the_settings
from desk.cli.errors import Trouble
from desk.cli.output import say, say_json, show, styled, table

if TYPE_CHECKING:
    from integrations.slack.client import Slack
    from policy.slack import SlackRules


@dataclass(frozen=True)
class ChannelLine:
    """A channel that the app can see."""

    id: str
    name: str
    private: bool
    member: bool
    """The app is in it."""
    gates: tuple[str, ...]
    """Whose cards stand there."""


@dataclass(frozen=True)
class PersonLine:
    """Somebody in the workspace."""

    id: str
    name: str
    person: str | None
    """What this desk calls them."""
    guest: bool


def add_to(app: typer.Typer) -> None:
    """Put the command into the command line."""
    app.command()(slack)


def slack(as_json: AsJson = False) -> None:
    """List the workspace's channels and people with their ids, to be copied into slack.yaml."""
    from desk.opening import open_slack, read_policy
    from integrations.slack.errors import SlackTrouble

    settings = read_the_settings()
    there = open_slack(settings)
    if there is None:
        raise Trouble("Slack is not set up. Set TANGGAP_SLACK_BOT_TOKEN (docs/reviewers.md goes through it).")
    rules = read_policy(settings).slack
    try:
        channels, people = _channels(there, rules), _people(there, rules)
    except SlackTrouble as trouble:
        raise Trouble(f"{trouble} `tanggap doctor` says what to mend.") from None
    if as_json:
        say_json({"channels": channels, "people": people})
        return
    _show("Channels", ("id", "name", "app is in it", "gates"), [_row(one) for one in channels])
    _show("People", ("id", "name", "here called"), [(one.id, one.name, one.person or "") for one in people])
    if not any(one.member for one in channels):
        say("The app is in no channel yet. Write /invite @tanggap in each gate's channel.")


def _show(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    show(styled(title, "bold"))
    show(table(*columns, rows=rows, folds={"name"}))
    say("")


def _row(one: ChannelLine) -> tuple[str, str, str, str]:
    sign = "" if one.private else "#"
    return one.id, f"{sign}{one.name}", "yes" if one.member else "no", ", ".join(one.gates)


def _channels(there: "Slack", rules: "SlackRules") -> list[ChannelLine]:
    found = [
        ChannelLine(
            id=str(one["id"]),
            name=str(one.get("name") or ""),
            private=bool(one.get("is_private")),
            member=bool(one.get("is_member")),
            gates=tuple(gate.value for gate in rules.gates_at(str(one["id"]))),
        )
        for one in there.channels()
    ]
    return sorted(found, key=lambda one: (not one.member, one.name))


def _people(there: "Slack", rules: "SlackRules") -> list[PersonLine]:
    called = {user: name for name, user in rules.people.items()}
    found = []
    for one in there.users():
        if one.get("deleted") or one.get("is_bot") or one.get("id") == "USLACKBOT":
            continue
        profile = one.get("profile") or {}
        name = str(profile.get("real_name") or one.get("real_name") or one.get("name") or "")
        guest = bool(one.get("is_restricted") or one.get("is_ultra_restricted"))
        found.append(PersonLine(str(one["id"]), name, called.get(str(one["id"])), guest))
    return sorted(found, key=lambda one: one.name.casefold())
