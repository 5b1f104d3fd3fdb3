"""Reads prefect.yaml, the one source of what is deployed. Imports nothing of Prefect, so that `up` stays small."""

from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from desk.errors import HouseError
from desk.settings import Settings

SHIFT = "shift"
"""The slug of a schedule whose interval is the length of a shift."""
SLACK = "slack"
"""The stage that shows the desk in Slack."""


def deployment_file() -> Path:
    """prefect.yaml: in the working tree, or where the wheel keeps its copy.

    Raises:
        HouseError: it is in neither place.
    """
    desk = Path(str(resources.files("desk")))
    for place in (desk / "prefect.yaml", desk.parent / "prefect.yaml"):
        if place.is_file():
            return place
    raise HouseError(f"There is no prefect.yaml in {desk} or {desk.parent}. Install Tanggap again.")


def read_deployments(file: Path) -> list[Mapping[str, Any]]:
    """What stands under `deployments`, as YAML has it."""
    found = yaml.safe_load(file.read_text(encoding="utf-8"))
    return list((found or {}).get("deployments") or [])


def stages_of(deployments: list[Mapping[str, Any]], settings: Settings) -> list[str]:
    """The deployments that work in shifts, by name; without those that have nothing to do on this desk."""
    return [
        str(one["name"])
        for one in deployments
        if is_wanted(one, settings) and any(schedule.get("slug") == SHIFT for schedule in one.get("schedules") or ())
    ]


def is_wanted(deployment: Mapping[str, Any], settings: Settings) -> bool:
    """Whether a deployment has anything to do: `slack` has not where no bot token is set, and ends at once."""
    return deployment["name"] != SLACK or settings.slack_bot_token is not None
