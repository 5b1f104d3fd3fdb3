"""Reads prefect.yaml, the one source of what is deployed. Imports nothing of Prefect, so that `up` stays small."""

from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from desk.errors import HouseError

SHIFT = "shift"
"""The slug of a schedule whose interval is the length of a shift."""


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


def stages_of(deployments: list[Mapping[str, Any]]) -> list[str]:
    """The deployments that work in shifts, by name."""
    return [
        str(one["name"])
        for one in deployments
        if any(schedule.get("slug") == SHIFT for schedule in one.get("schedules") or ())
    ]
