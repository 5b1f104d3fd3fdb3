"""A day's back-log, taken in and acknowledged after an outage, within every limit of the platforms.

    uv run python -m bench.backlog [--messages 50000] [--seed 1] [--json FILE]

A day of messages on X, Instagram and in the mailbox waits while nothing was read. Then the desk's own steps take it in,
a few pages at a time, assess the newest first, and send the acknowledgements, on a clock that stands still while there
is something to do and else jumps to the next moment at which there is. Behind each channel a count of its own, which
knows nothing of the desk's, looks at every sliding window of `policy/publishing.yaml` and at what may be read. Who was
acknowledged before whom is compared afterwards with who waited at that moment. README.md says what the figures mean.
"""

import argparse
import heapq
import random
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, func, select
from sqlmodel import col

from bench import machine
from bench.grounds import fresh_database, own_home, own_postgres
from bench.texts import records
from db.clock import SetClock
from db.session import make_engine
from db.tables import Complaint, Delivery, DeliveryState, Direction, Message, Way
from db.words import Severity, Visibility
from integrations.channels.base import Outgoing, Page, Sent, TryAgain
from integrations.channels.registry import Channels
from integrations.channels.sandbox import SandboxChannel
from integrations.record import Author, Incoming
from policy.assess.rules import RuleAssessor
from policy.channels import Grant
from policy.loading import Policy, load_policy
from policy.publishing import Budget
from tasks.assess import assess, due_for_assessment
from tasks.circuits import failed, resting
from tasks.collect import pages, store
from tasks.desk import Desk
from tasks.metering import Meter
from tasks.publish import claim, next_due, publish

MESSAGES = 50_000
BACK_AT = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)
"""When the outage ends: Monday, 09:00 in Jakarta."""
SHARES = {"x": 50, "instagram": 30, "email": 20}
"""Of a hundred messages."""
PRIVATELY = {"x": 0.05, "instagram": 0.2, "email": 1.0}
"""Which share of them their author alone reads an answer to."""
A_PAGE = 100
READS = Grant(what="read", at_most=60, per=timedelta(minutes=15))
"""What an account may read here: so much that X's part of the day does not come in at one go."""
PAGES = 4
"""Stored in a row, as `flows.intake` does it."""
WORKER = 1


def main() -> None:
    """Work off one day, and tell how it went."""
    options = _options()
    facts = machine.facts()
    with (
        own_home() as home,
        own_postgres(home / "home") as postgres,
        fresh_database(postgres) as url,
        machine.peak_memory() as memory,
    ):
        engine = make_engine(url)
        day = Day(engine, load_policy(), options.messages, options.seed, tell=_tell)
        found = day.work_off()
        engine.dispose()
    found["memory_peak_mb"] = round(memory.most)
    _print(found)
    machine.tell({"machine": facts, "backlog": found, "goals": _goals(found)}, options.json)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--messages", type=int, default=MESSAGES)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, help="write everything there; - for standard output")
    return parser.parse_args()


# What waits


def day_of(count: int, until: datetime, seed: int) -> dict[str, list[Incoming]]:
    """So many messages of the day before, by channel, oldest first; each author writes once."""
    draw = random.Random(seed)
    days: dict[str, list[Incoming]] = {channel: [] for channel in SHARES}
    for number, record in enumerate(records(count, until, seed)):
        channel = draw.choices(list(SHARES), list(SHARES.values()))[0]
        private = draw.random() < PRIVATELY[channel]
        external_id = f"{channel}-{seed}-{number}"
        who = record["author"]
        address = f"{who['handle']}@contoh.id" if channel == "email" else None
        days[channel].append(
            Incoming(
                channel=channel,
                external_id=external_id,
                text=record["text"],
                posted_at=until - timedelta(seconds=draw.randrange(86_400)),
                visibility=Visibility.PRIVATE if private else Visibility.PUBLIC,
                raw=external_id.encode(),
                place=external_id,
                author=Author(id=address or who["id"], handle=who["handle"], name=who["name"], email=address),
                addressed=True,
            )
        )
    return {channel: sorted(items, key=lambda item: item.posted_at) for channel, items in days.items()}


# The platforms, with a count of their own


@dataclass
class Window:
    """One limit of a platform, counted from what reaches it."""

    name: str
    at_most: int
    per: timedelta
    fullest: int = 0
    broken: int = 0
    _uses: deque[datetime] = field(default_factory=deque)

    def use(self, now: datetime) -> None:
        """Count one more."""
        while self._uses and self._uses[0] <= now - self.per:
            self._uses.popleft()
        self._uses.append(now)
        self.fullest = max(self.fullest, len(self._uses))
        self.broken += len(self._uses) > self.at_most


class Counted(SandboxChannel):
    """A platform that has a day to tell, and counts what is asked of it and what is put there."""

    listens = True

    def __init__(self, name: str, clock: SetClock, waits: Sequence[Incoming], limits: Sequence[Budget], meter: Meter):
        super().__init__(name, clock=clock)
        self.sent: list[str] = []
        self.reads = Window(f"{name} read", READS.at_most, READS.per)
        self._meter = meter
        self._waits = waits
        self._windows = [
            (limit.visibility, Window(f"{name} {limit.visibility or 'any'}", limit.at_most, limit.per))
            for limit in limits
        ]

    @property
    def windows(self) -> list[Window]:
        """Every limit."""
        return [self.reads, *(window for _, window in self._windows)]

    def fetch(self, cursor: str | None) -> Iterator[Page]:
        """The day, oldest first, as far as the grant for reading goes."""
        start = int(cursor or 0)
        while start < len(self._waits):
            self._meter.take("read")
            self.reads.use(self._clock.now())
            start += A_PAGE
            yield Page(tuple(self._waits[start - A_PAGE : start]), str(min(start, len(self._waits))))

    def reply(self, out: Outgoing) -> Sent:
        """Post it."""
        return self._put(out)

    def message_privately(self, out: Outgoing) -> Sent:
        """Send it."""
        return self._put(out)

    def _put(self, out: Outgoing) -> Sent:
        for visibility, window in self._windows:
            if visibility in (None, out.visibility):
                window.use(self._clock.now())
        self.sent.append(out.key)
        return self._post(out)


# The day


@dataclass
class Reading:
    """How far an account has been read."""

    channel: Counted
    pages: Iterator[Page] | None = None
    over: bool = False


@dataclass(frozen=True)
class Step:
    """What happened, in order: deliveries up to this number were queued, or the one with this key left."""

    at: datetime
    queued_up_to: int = 0
    sent: str | None = None


class Day:
    """A desk that comes back after a day, and all that happens until everybody was heard."""

    def __init__(
        self, engine: Engine, policy: Policy, count: int, seed: int = 1, tell: Callable[[str], None] = lambda _: None
    ) -> None:
        self.clock = SetClock(BACK_AT)
        self.count = count
        self._tell = tell
        self._steps: list[Step] = []
        waits = day_of(count, BACK_AT, seed)
        self.channels = [
            Counted(
                name,
                self.clock,
                waits[name],
                [budget for budget in policy.publishing.budgets if budget.channel == name],
                Meter(engine, self.clock, name, "default", (READS,)),
            )
            for name in SHARES
        ]
        known = {(name, "default"): SandboxChannel(name, clock=self.clock) for name in policy.channels.known}
        every = Channels({**known, **{(one.name, one.account): one for one in self.channels}})
        self.desk = Desk(
            engine, policy, every, RuleAssessor(policy.lexicon, policy.company, any_brand=True), self.clock
        )
        self._reading = [Reading(one) for one in self.channels]

    def work_off(self) -> dict[str, Any]:
        """Until nothing is to be read, assessed or sent; what came of it."""
        watch = machine.Stopwatch()
        claims = jumps = 0
        taken_in: float | None = None
        while True:
            moved = self._take_in()
            while claimed := claim(self.desk, WORKER):
                claims += 1
                moved = self._send(claimed) or moved
            if taken_in is None and not moved and all(one.over for one in self._reading):
                taken_in = watch.wall
                self._tell(f"taken in after {taken_in:,.0f} s")
            if moved:
                continue
            at = self._next_moment()
            if at is None:
                break
            self.clock.set(max(at, self.clock.now() + timedelta(milliseconds=1)))
            jumps += 1
            if jumps % 50 == 0:
                self._tell(f"{self._hours:,.1f} h later: {sum(len(one.sent) for one in self.channels):,} sent")
        wall = watch.wall
        return {
            "messages": self.count,
            "seconds": round(wall, 1),
            "seconds_until_taken_in": round(taken_in or wall, 1),
            "seconds_per_1000": round(wall / self.count * 1000, 2),
            "simulated_hours": round(self._hours, 1),
            "claims": claims,
            "jumps": jumps,
            **self._counted(),
        }

    @property
    def _hours(self) -> float:
        return (self.clock.now() - BACK_AT) / timedelta(hours=1)

    def _take_in(self) -> bool:
        """Store some pages, then assess the newest of all that wait."""
        taken = 0
        for reading in self._reading:
            while taken < PAGES and not reading.over and (page := self._page(reading)) is not None:
                store(self.desk, reading.channel, page)
                taken += 1
        self._reading.append(self._reading.pop(0))  # the next account comes first the next time
        numbers = due_for_assessment(self.desk)
        if numbers:
            assess(self.desk, numbers)
            with self.desk.transaction() as session:
                last = session.execute(select(func.max(Delivery.id))).scalar_one()
            self._steps.append(Step(self.clock.now(), queued_up_to=last or 0))
        return bool(taken or numbers)

    def _page(self, reading: Reading) -> Page | None:
        """The next page of an account; None where it rests, or has no more."""
        channel = reading.channel
        if resting(self.desk, channel.name, channel.account, Way.IN) is not None:
            return None
        reading.pages = reading.pages or pages(self.desk, channel)
        try:
            page = next(reading.pages, None)
        except TryAgain as error:
            reading.pages = None
            failed(self.desk, channel.name, channel.account, Way.IN, error)
            return None
        reading.over = page is None
        return page

    def _send(self, claimed: Sequence[Delivery]) -> bool:
        """Publish, and note in which order it left."""
        before = {one.name: len(one.sent) for one in self.channels}
        order = {delivery.key: place for place, delivery in enumerate(claimed)}
        outcomes = publish(self.desk, claimed)
        left = [key for one in self.channels for key in one.sent[before[one.name] :]]
        now = self.clock.now()
        self._steps += [Step(now, sent=key) for key in sorted(left, key=order.__getitem__)]
        return any(outcome.state is DeliveryState.SENT for outcome in outcomes)

    def _next_moment(self) -> datetime | None:
        reads = [resting(self.desk, one.channel.name, "default", Way.IN) for one in self._reading if not one.over]
        return min((at for at in (next_due(self.desk), *reads) if at is not None), default=None)

    def _counted(self) -> dict[str, Any]:
        with self.desk.transaction() as session:
            kept = session.execute(
                select(func.count()).select_from(Message).where(col(Message.direction) == Direction.IN)
            ).scalar_one()
            not_sent = session.execute(
                select(func.count()).select_from(Delivery).where(col(Delivery.state) != DeliveryState.SENT)
            ).scalar_one()
            rows = [
                Queued(row.id, row.key, (row.channel, row.visibility), row.severity, row.heard_at, row.due_at)
                for row in session.execute(
                    select(  # type: ignore[call-overload]
                        Delivery.id, Delivery.key, Delivery.channel, Delivery.visibility, Complaint.severity,
                        Delivery.heard_at, Delivery.due_at,
                    )
                    .join(Complaint, col(Complaint.id) == col(Delivery.complaint_id))
                    .where(col(Delivery.kind) == "acknowledgement")
                    .order_by(col(Delivery.id))
                )
            ]  # fmt: skip
        sent = [key for one in self.channels for key in one.sent]
        windows = [window for one in self.channels for window in one.windows]
        graver, newer = out_of_order(rows, self._steps)
        return {
            "messages_in": int(kept),
            "acknowledgements": len(rows),
            "sent": len(sent),
            "sent_twice": len(sent) - len(set(sent)),
            "not_sent": int(not_sent),
            "windows": {
                window.name: {
                    "at_most": window.at_most,
                    "per_seconds": round(window.per.total_seconds()),
                    "fullest": window.fullest,
                    "broken": window.broken,
                }
                for window in windows
            },
            "graver_waited": graver,
            "newer_waited": newer,
            "minutes_to_acknowledge": self._minutes(rows),
        }

    def _minutes(self, rows: Sequence["Queued"]) -> dict[str, dict[str, float]]:
        """By severity, how long after the desk was back its acknowledgements had left."""
        at = {step.sent: step.at for step in self._steps if step.sent is not None}
        times: dict[str, list[float]] = {}
        for row in rows:
            if row.key in at:
                times.setdefault(row.severity.value, []).append((at[row.key] - BACK_AT) / timedelta(minutes=1))
        return {severity: machine.spread(found) for severity, found in sorted(times.items())}


@dataclass(frozen=True)
class Queued:
    """An acknowledgement, with what says who goes first."""

    number: int
    key: str
    way: tuple[str, Visibility]
    severity: Severity
    heard_at: datetime
    due_at: datetime

    @property
    def rank(self) -> tuple[int, float]:
        """Graver before milder, newer before older."""
        return self.severity.rank, -self.heard_at.timestamp()


def out_of_order(rows: Sequence[Queued], steps: Sequence[Step]) -> tuple[int, int]:
    """How often somebody was acknowledged while a graver one, or one as grave and newer, waited for the same way."""
    by_key = {row.key: row for row in rows}
    waiting: dict[tuple[str, Visibility], list[tuple[tuple[int, float], int, str]]] = {}
    later: list[tuple[datetime, int, Queued]] = []
    gone: set[str] = set()
    queued = graver = newer = 0
    for step in steps:
        while queued < len(rows) and rows[queued].number <= step.queued_up_to:
            heapq.heappush(later, (rows[queued].due_at, rows[queued].number, rows[queued]))
            queued += 1
        while later and later[0][0] <= step.at:
            row = heapq.heappop(later)[2]
            heapq.heappush(waiting.setdefault(row.way, []), (row.rank, row.number, row.key))
        left = by_key.get(step.sent or "")
        if left is None:
            continue
        gone.add(left.key)
        line = waiting.get(left.way, [])
        while line and line[0][2] in gone:
            heapq.heappop(line)
        if line and line[0][0] < left.rank:
            graver += line[0][0][0] < left.rank[0]
            newer += line[0][0][0] == left.rank[0]
    return graver, newer


# What is told


def _tell(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


def _goals(found: dict[str, Any]) -> list[dict[str, Any]]:
    broken = sum(window["broken"] for window in found["windows"].values())
    lost = found["messages"] - found["messages_in"]
    return [
        machine.judged("uses beyond a platform's window", broken, "0", broken == 0),
        machine.judged("messages lost", lost, "0", lost == 0),
        machine.judged("acknowledgements that did not leave", found["not_sent"], "0", found["not_sent"] == 0),
        machine.judged("acknowledgements that left twice", found["sent_twice"], "0", found["sent_twice"] == 0),
        machine.judged("graver ones that waited", found["graver_waited"], "0", found["graver_waited"] == 0),
        machine.judged("newer ones, as grave, that waited", found["newer_waited"], "0", found["newer_waited"] == 0),
    ]


def _print(found: dict[str, Any]) -> None:
    names = (
        "messages", "acknowledgements", "sent", "seconds", "seconds_until_taken_in", "seconds_per_1000",
        "simulated_hours", "claims", "jumps",
    )  # fmt: skip
    machine.table("A day's back-log", names, [[found[name] for name in names]])
    machine.table(
        "The fullest window of each limit",
        ("limit", "at most", "per seconds", "fullest", "share"),
        [
            (name, one["at_most"], one["per_seconds"], one["fullest"], round(one["fullest"] / one["at_most"], 2))
            for name, one in found["windows"].items()
        ],
    )
    machine.table(
        "Minutes from the desk's return to the acknowledgement",
        ("severity", "count", "median", "p95", "longest"),
        [
            (severity, one["count"], one["median"], one["p95"], one["longest"])
            for severity, one in found["minutes_to_acknowledge"].items()
        ],
    )


if __name__ == "__main__":
    main()
