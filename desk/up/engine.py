"""What `up` says to the Prefect server: a few words of its REST API, without importing Prefect.

Importing Prefect costs a second and 80 MB, and `up` stays as long as the desk does.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import psutil
import requests

POOL = "tanggap"
PAGE = 200
"""How many rows one answer of the server holds at most."""
HERE = ("RUNNING", "PENDING", "CANCELLING")
"""The states of a run that has, or is about to have, a process."""

TRIES = 4
"""How often a run whose process keeps getting lost is tried in all."""


class EngineError(Exception):
    """The Prefect server did not answer, or refused."""


@dataclass(frozen=True)
class Run:
    """A flow run as the server knows it; `since` is when it got its present state."""

    id: str
    name: str
    deployment_id: str | None
    state: str
    since: datetime
    due: datetime | None
    auto_scheduled: bool
    tries: int


class Engine:
    """The Prefect server behind one API address."""

    def __init__(self, api_url: str) -> None:
        self.api_url = api_url
        self._session = requests.Session()
        self._session.trust_env = False  # it is on this machine, whatever proxy stands in the environment

    def healthy(self) -> bool:
        """Whether the server answers."""
        try:
            return self._session.get(f"{self.api_url}/health", timeout=2).ok
        except requests.RequestException:
            return False

    def ensure_pool(self) -> None:
        """The work pool of the desk: processes, no limit on how many."""
        if self._call("GET", f"/work_pools/{POOL}", missing=None) is None:
            self._call("POST", "/work_pools/", {"name": POOL, "type": "process", "description": "The complaint desk"})

    def worker_online(self) -> bool:
        """Whether a worker has reported for the desk's pool lately."""
        found = self._call("POST", f"/work_pools/{POOL}/workers/filter", {}, missing=[])
        return any(worker.get("status") == "ONLINE" for worker in found)

    def deployments(self) -> dict[str, str]:
        """The deployments by name, with their ids."""
        found = self._call("POST", "/deployments/filter", {"work_pools": {"name": {"any_": [POOL]}}, "limit": PAGE})
        return {deployment["name"]: deployment["id"] for deployment in found}

    def runs(self, states: Iterable[str], deployment_id: str | None = None) -> list[Run]:
        """The runs in these states (`RUNNING`, …), the oldest first; of one deployment, if it is named."""
        asked: dict[str, Any] = {
            "flow_runs": {"state": {"type": {"any_": list(states)}}},
            "sort": "EXPECTED_START_TIME_ASC",
            "limit": PAGE,
        }
        if deployment_id is not None:
            asked["flow_runs"]["deployment_id"] = {"any_": [deployment_id]}
        found: list[Run] = []
        while True:
            page = self._call("POST", "/flow_runs/filter", {**asked, "offset": len(found)})
            found += [_run(run) for run in page]
            if len(page) < PAGE:
                return found

    def start(self, deployment_id: str, because: str) -> str:
        """A new run of a deployment, at once; its id."""
        state = {"type": "SCHEDULED", "message": because}
        made = self._call("POST", f"/deployments/{deployment_id}/create_flow_run", {"state": state})
        return str(made["id"])

    def set_state(self, run_id: str, kind: str, because: str) -> None:
        """Force a run into a state (`CRASHED`, `SCHEDULED`), whatever the server's rules on transitions say."""
        state = {"type": kind, "message": because}
        self._call("POST", f"/flow_runs/{run_id}/set_state", {"state": state, "force": True}, missing=None)

    _MUST_BE_THERE: Any = object()

    def _call(self, method: str, path: str, said: object = None, *, missing: Any = _MUST_BE_THERE) -> Any:
        try:
            answer = self._session.request(method, self.api_url + path, json=said, timeout=30)
        except requests.RequestException as error:
            raise EngineError(f"The Prefect server does not answer at {self.api_url}: {error}") from error
        if answer.status_code == 404 and missing is not self._MUST_BE_THERE:
            return missing
        if not answer.ok:
            raise EngineError(f"The Prefect server refused {path}: {answer.status_code} {answer.text[:300]}")
        return answer.json()


def crash_lost_runs(engine: Engine, started_before: datetime, replaced: Collection[str] = ()) -> list[Run]:
    """Force the runs whose process is gone to Crashed, and have them tried again; they are returned.

    Only runs that got their state before `started_before` count: a later one may not have its process yet. Suspended
    and paused runs have no process and need none; they stay as they are, and so does a run without a deployment: it
    lives in the process of whoever called it. A lost run is scheduled once more under its own id (rows in the database
    may name it), up to TRIES times, unless its deployment is among `replaced`, which get a new run anyway.
    """
    living = living_runs()
    lost = [
        run
        for run in engine.runs(HERE)
        if run.deployment_id is not None and run.since < started_before and run.id not in living
    ]
    for run in lost:
        engine.set_state(run.id, "CRASHED", "Its process is gone: killed, or the machine stopped.")
        if run.deployment_id not in replaced and run.tries < TRIES:
            engine.set_state(run.id, "SCHEDULED", "Again, since its process was lost.")
    return lost


def living_runs() -> set[str]:
    """The flow runs that have a process on this machine, by what their processes' environments say."""
    found = set()
    for process in psutil.process_iter():
        try:
            if any("prefect.engine" in word for word in process.cmdline()):
                found.add(process.environ().get("PREFECT__FLOW_RUN_ID", ""))
        except psutil.Error:
            continue
    return found - {""}


def _run(said: Mapping[str, Any]) -> Run:
    state = said.get("state") or {}
    due = said.get("expected_start_time")
    return Run(
        id=str(said["id"]),
        name=str(said["name"]),
        deployment_id=said.get("deployment_id"),
        state=str(said.get("state_type") or ""),
        since=_time(state.get("timestamp") or said["created"]),
        due=_time(due) if due else None,
        auto_scheduled=bool(said.get("auto_scheduled")),
        tries=int(said.get("run_count") or 0),
    )


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
