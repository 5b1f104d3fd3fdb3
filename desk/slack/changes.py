"""What changed in the workspace: people, groups, channels. What was remembered of them is asked anew."""

from typing import Any

from slack_bolt import Ack, App

from db.wake import wake
from desk.slack.door import Door
from desk.slack.hands import Hands
from tasks.cards import try_again_at
from tasks.membership import forget_group

GROUP_EVENTS = ("subteam_updated", "subteam_members_changed")
CHANNEL_EVENTS = ("channel_unarchive", "group_unarchive", "member_joined_channel")


def listen(app: App, door: Door, hands: Hands) -> None:
    """Hear the changes."""

    @app.event("user_change")
    def user_changed(ack: Ack, event: dict[str, Any]) -> None:
        ack()
        door.workspace.forget(str((event.get("user") or {}).get("id") or ""))

    def group_changed(ack: Ack, event: dict[str, Any]) -> None:
        ack()
        group = str(event.get("subteam_id") or (event.get("subteam") or {}).get("id") or "")
        hands.quickly(lambda: forget_group(door.desk, group))

    def channel_is_back(ack: Ack, event: dict[str, Any]) -> None:
        ack()
        channel = str(event.get("channel") or "")
        hands.quickly(lambda: _try_again(door, channel))

    for name in GROUP_EVENTS:
        app.event(name)(group_changed)
    for name in CHANNEL_EVENTS:
        app.event(name)(channel_is_back)


def _try_again(door: Door, channel: str) -> None:
    """What could not be shown in this channel is shown at once."""
    try_again_at(door.desk, channel)
    with door.desk.transaction() as session:
        wake(session, "slack")
