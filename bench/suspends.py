"""A bare Prefect flow that suspends, and says when it goes on: what a gate built on resume alone would take."""

import requests
from prefect import flow, suspend_flow_run


@flow(name="bench-suspends", persist_result=False)
def suspends(told: str, key: str) -> None:
    """Suspend once, then tell the receiver."""
    suspend_flow_run(timeout=None, key="wait")
    requests.post(told, json={"key": key}, timeout=10)
