"""Brings the deployments of prefect.yaml to the Prefect server: a child of `up`, started while the server starts.

`prefect deploy --all` does the same from the same file; here the interval of the shifts comes from the settings, the
flows are imported while the server is still starting, and a wheel's own copy of the file is found.
"""

import sys
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import DeploymentScheduleCreate
from prefect.client.schemas.schedules import CronSchedule, IntervalSchedule
from prefect.exceptions import ObjectNotFound
from prefect.flows import Flow, load_flow_from_entrypoint
from prefect.utilities.callables import parameter_schema

from desk.settings import Settings, read_settings
from desk.up.deploy_file import SHIFT, deployment_file, is_wanted, read_deployments
from desk.up.engine import POOL

PATIENCE = 180.0
"""Seconds to wait for the server; its very first start builds its tables."""


def apply(client: SyncPrefectClient, one: Mapping[str, Any], flow: Flow[..., Any], settings: Settings) -> None:
    """Create the deployment, or bring it up to date."""
    pool = one["work_pool"]
    client.create_deployment(
        flow_id=client.create_flow(flow),
        name=one["name"],
        version=one.get("version"),
        description=one.get("description") or (flow.description or "").strip() or None,
        tags=one.get("tags") or [],
        entrypoint=one["entrypoint"],
        parameters=one.get("parameters") or {},
        parameter_openapi_schema=parameter_schema(flow).model_dump_for_openapi(),
        enforce_parameter_schema=True,
        work_pool_name=pool["name"],
        work_queue_name=pool.get("work_queue_name"),
        job_variables=pool.get("job_variables") or {},
        schedules=list(_schedules(one, settings)),
        pull_steps=one.get("pull"),
    )


def _schedules(one: Mapping[str, Any], settings: Settings) -> Iterator[DeploymentScheduleCreate]:
    for said in one.get("schedules") or ():
        schedule: CronSchedule | IntervalSchedule
        if "cron" in said:
            schedule = CronSchedule(cron=said["cron"], timezone=said.get("timezone", "UTC"))
        else:
            every = settings.shift_seconds if said.get("slug") == SHIFT else float(said["interval"])
            # Counted from the start, so that the first run after the one made at once is a whole interval away.
            schedule = IntervalSchedule(interval=timedelta(seconds=every), anchor_date=datetime.now(UTC))
        active = said.get("active", True) and is_wanted(one, settings)
        yield DeploymentScheduleCreate(schedule=schedule, active=active, slug=said.get("slug"))


def _pool_is_there(client: SyncPrefectClient) -> bool:
    """The house makes the pool as soon as the server answers; whoever heard the answer first waits for it."""
    try:
        client.read_work_pool(POOL)
    except ObjectNotFound:
        return False
    return True


def main() -> None:
    """Import the flows, wait for the server, apply everything; an argument names another prefect.yaml."""
    settings = read_settings()
    deployments = read_deployments(Path(sys.argv[1]) if len(sys.argv) > 1 else deployment_file())
    flows: list[Flow[..., Any]] = [
        load_flow_from_entrypoint(one["entrypoint"], use_placeholder_flow=False) for one in deployments
    ]
    with get_client(sync_client=True) as client:
        until = time.monotonic() + PATIENCE
        while (failed := client.api_healthcheck()) is not None:
            if time.monotonic() > until:
                sys.exit(f"The Prefect server did not answer within {PATIENCE:.0f} seconds: {failed}")
            time.sleep(0.2)
        while not _pool_is_there(client):
            if time.monotonic() > until:
                sys.exit(f"There is no work pool {POOL} after {PATIENCE:.0f} seconds. `tanggap up` makes it.")
            time.sleep(0.2)
        for one, flow in zip(deployments, flows, strict=True):
            apply(client, one, flow, settings)


if __name__ == "__main__":
    main()
