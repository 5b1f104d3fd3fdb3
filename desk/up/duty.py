"""Keeps somebody on duty at each stage that works in shifts."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from desk.up.engine import HERE, Engine, living_runs

HAND_OVER = 3.0
"""Seconds that a stage may be without anyone: a hand-over takes 10 ms, a first look may fall into it."""
SOON = timedelta(seconds=5)
"""A run due within this time is waited for, not doubled."""
UNBORN = timedelta(seconds=30)
"""A pending run may be so old without a process: starting one takes seconds on a busy machine."""
DELAYS = (0.0, 5.0, 15.0, 60.0)
"""Seconds between one replacement and the next, for a stage whose runs end as soon as they begin."""


@dataclass
class Duty:
    """Looks whether each stage has somebody on duty, and replaces whoever died.

    `on_duty` says which stages have somebody (one cheap query); `stages` gives each stage's deployment id.
    """

    engine: Engine
    stages: Mapping[str, str]
    on_duty: Callable[[], set[str]]
    now: Callable[[], float] = time.monotonic
    _missing_since: dict[str, float] = field(default_factory=dict)
    _replaced: dict[str, list[float]] = field(default_factory=dict)

    def look(self) -> list[str]:
        """Look once; the stages for which a new run was made.

        Raises:
            EngineError: the Prefect server did not answer; look again later.
        """
        there = self.on_duty()
        moment = self.now()
        for stage in there:
            self._missing_since.pop(stage, None)
            self._replaced.pop(stage, None)
        absent = [stage for stage in self.stages if stage not in there]
        overdue = [s for s in absent if moment - self._missing_since.setdefault(s, moment) >= HAND_OVER]
        return [stage for stage in overdue if self._is_time(stage, moment) and self._replace(stage, moment)]

    def _is_time(self, stage: str, moment: float) -> bool:
        before = self._replaced.get(stage, [])
        return not before or moment - before[-1] >= DELAYS[min(len(before), len(DELAYS) - 1)]

    def _replace(self, stage: str, moment: float) -> bool:
        """Crash the stage's dead runs and make a new one, unless one lives or is about to begin."""
        now = datetime.now(UTC)
        living = living_runs()
        coming = False
        for run in self.engine.runs((*HERE, "SCHEDULED"), self.stages[stage]):
            if run.state == "SCHEDULED":
                coming = coming or run.due is None or run.due <= now + SOON
            elif run.id in living or (run.state == "PENDING" and run.since > now - UNBORN):
                coming = True
            else:
                self.engine.set_state(run.id, "CRASHED", "Its process is gone; another run takes its place.")
        if coming:
            return False
        self.engine.start(self.stages[stage], "Nobody was on duty.")
        self._replaced.setdefault(stage, []).append(moment)
        return True
