"""slack-manifest.yaml asks for what the door in Slack hears, and for nothing more."""

from pathlib import Path

import pytest
import yaml

from desk.slack.app import COMMAND
from desk.slack.changes import CHANNEL_EVENTS, GROUP_EVENTS
from desk.slack.errands import ERRANDS
from desk.slack.threads import PROPOSE

ROOT = Path(__file__).resolve().parents[2]
HEARD = {"app_home_opened", "link_shared", "message", "reaction_added", "user_change", *GROUP_EVENTS, *CHANNEL_EVENTS}
SCOPES_OF_EVENTS = {
    "channel_unarchive": "channels:read",
    "group_unarchive": "groups:read",
    "link_shared": "links:read",
    "member_joined_channel": "channels:read",
    "message.channels": "channels:history",
    "message.groups": "groups:history",
    "reaction_added": "reactions:read",
    "subteam_members_changed": "usergroups:read",
    "subteam_updated": "usergroups:read",
    "user_change": "users:read",
}
"""https://docs.slack.dev/reference/events"""
SCOPES_OF_CALLS = {
    "chat.postMessage": "chat:write",
    "chat.postEphemeral": "chat:write",
    "chat.unfurl": "links:write",
    "conversations.history": "channels:history",
    "conversations.info": "channels:read",
    "conversations.list": "groups:read",
    "files.info": "files:read",
    "usergroups.users.list": "usergroups:read",
    "users.info": "users:read",
    "a direct message": "im:write",
    "whether a direct message arrived": "im:history",
    "/tanggap": "commands",
}
"""https://docs.slack.dev/reference/methods"""


@pytest.fixture(scope="module")
def manifest() -> dict:
    return yaml.safe_load((ROOT / "slack-manifest.yaml").read_text(encoding="utf-8"))


def test_every_event_that_is_asked_for_is_heard_and_the_other_way_round(manifest: dict) -> None:
    asked = {name.partition(".")[0] for name in manifest["settings"]["event_subscriptions"]["bot_events"]}

    assert asked == HEARD


def test_the_scopes_are_those_that_its_events_and_calls_need(manifest: dict) -> None:
    events = manifest["settings"]["event_subscriptions"]["bot_events"]

    needed = {SCOPES_OF_EVENTS[name] for name in events if name != "app_home_opened"} | set(SCOPES_OF_CALLS.values())

    assert set(manifest["oauth_config"]["scopes"]["bot"]) == needed


def test_the_command_and_the_shortcut_are_the_ones_that_are_heard(manifest: dict) -> None:
    features = manifest["features"]

    assert [one["command"] for one in features["slash_commands"]] == [COMMAND]
    assert [one["callback_id"] for one in features["shortcuts"]] == [PROPOSE]
    assert set(ERRANDS) >= {"inbox", "case", "assign", "resolve", "status", "pause", "resume", "away", "help"}


def test_its_names_keep_to_slacks_lengths(manifest: dict) -> None:
    shown = manifest["display_information"]

    assert len(shown["name"]) <= 35
    assert len(shown["description"]) <= 140
    assert 175 <= len(shown["long_description"]) <= 4000
    assert all(len(one["description"]) <= 2000 for one in manifest["features"]["slash_commands"])
    assert all(len(one["name"]) <= 24 for one in manifest["features"]["shortcuts"])


def test_mentions_come_as_ids_so_that_assign_knows_who_is_meant(manifest: dict) -> None:
    assert manifest["features"]["slash_commands"][0]["should_escape"] is True
