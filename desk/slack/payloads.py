"""Reads what Slack sends: who clicked, where, and on what (https://docs.slack.dev/reference/interaction-payloads/)."""

from collections.abc import Mapping
from typing import Any

Body = Mapping[str, Any]


def user_of(body: Body) -> str:
    """The Slack user who acts."""
    found = body.get("user")
    return str(found["id"]) if isinstance(found, Mapping) else str(body.get("user_id") or "")


def team_of(body: Body) -> str:
    """The workspace that this user belongs to; in a shared channel it is not ours."""
    user, team = body.get("user"), body.get("team")
    own = user.get("team_id") if isinstance(user, Mapping) else None
    here = team.get("id") if isinstance(team, Mapping) else body.get("team_id")
    return str(own or here or "")


def channel_of(body: Body) -> str | None:
    """The channel of the message that was acted on."""
    channel, container = body.get("channel"), body.get("container")
    found = channel.get("id") if isinstance(channel, Mapping) else None
    return found or (container.get("channel_id") if isinstance(container, Mapping) else None)


def thread_of(body: Body) -> str | None:
    """The thread in which the message stands, if it stands in one."""
    container = body.get("container")
    return container.get("thread_ts") if isinstance(container, Mapping) else None


def typed(view: Body, block: str) -> str:
    """What stands in a modal's input."""
    found = ((view.get("state") or {}).get("values") or {}).get(block) or {}
    return str((found.get("typed") or {}).get("value") or "")


def file_in(view: Body, block: str) -> str | None:
    """The file that was handed in at a modal's input."""
    found = ((view.get("state") or {}).get("values") or {}).get(block) or {}
    files = next(
        (part.get("files") for part in found.values() if isinstance(part, Mapping) and part.get("files")), None
    )
    return str(files[0]["id"]) if files else None
