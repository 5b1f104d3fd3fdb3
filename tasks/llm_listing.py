"""What the language model was asked, what came of it and what it cost, day by day."""

from collections import Counter
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from itertools import groupby
from typing import NamedTuple

from sqlalchemy import Date, cast, func, select
from sqlmodel import Session, col

from db.tables import LlmCall, LlmOutcome
from db.words import LlmUse
from tasks.desk import Desk
from tasks.llm_calls import closed_because, spent_today

_LEFT = (LlmOutcome.ASKED, LlmOutcome.ANSWERED, LlmOutcome.REFUSED, LlmOutcome.FAILED)
"""The call left the desk."""


@dataclass(frozen=True)
class LedgerLine:
    """One day, one use, one model."""

    day: date
    use: LlmUse
    model: str
    asked: int
    """Calls that left the desk; `answered`, `refused` and `failed` are what came of them."""
    answered: int
    refused: int
    failed: int
    cached: int
    """Questions whose answer was there already."""
    skipped: int
    """Questions that were not asked: budget, pause, enough at once."""
    why: dict[str, int]
    """Why answers were refused, calls failed or questions were not asked."""
    tokens_in: int
    tokens_out: int
    uncounted: int
    """Calls whose tokens the server did not count: they are our estimate."""
    cost: Decimal
    currency: str


@dataclass(frozen=True)
class Ledger:
    """How it stands with the language model."""

    endpoint: str
    model: str
    uses: tuple[LlmUse, ...]
    closed: str | None
    """Why nothing is asked at this moment: `off`, `paused`, `busy`, `budget`."""
    spent_today: Decimal
    daily_budget: Decimal
    currency: str
    lines: tuple[LedgerLine, ...]


def ledger(desk: Desk, days: int = 7) -> Ledger:
    """The last days, today first."""
    rules = desk.policy.llm
    with desk.transaction() as session:
        return Ledger(
            endpoint=rules.endpoint,
            model=rules.model,
            uses=rules.uses,
            closed=closed_because(session, desk),
            spent_today=spent_today(session, desk),
            daily_budget=rules.daily_budget,
            currency=rules.price.currency,
            lines=tuple(_lines(session, desk, days)),
        )


class _Part(NamedTuple):
    """Calls of one day, use, model and currency that ended the same way."""

    day: date
    use: LlmUse
    model: str
    currency: str
    outcome: LlmOutcome
    why: str | None
    calls: int
    tokens_in: int
    tokens_out: int
    cost: Decimal
    uncounted: int

    @property
    def of(self) -> tuple[int, str, str, str]:
        """The line that it belongs to, newest first."""
        return -self.day.toordinal(), self.use, self.model, self.currency


def _lines(session: Session, desk: Desk, days: int) -> list[LedgerLine]:
    zone = desk.policy.calendar.zone
    today = desk.now().astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    day = cast(func.timezone(zone.key, LlmCall.at), Date)
    group = (day, LlmCall.use, LlmCall.model, LlmCall.currency, LlmCall.outcome, LlmCall.why)
    sums = (func.sum(LlmCall.tokens_in), func.sum(LlmCall.tokens_out), func.sum(LlmCall.cost))
    rows = session.execute(
        select(*group, func.count(), *sums, func.count().filter(~col(LlmCall.counted)))  # type: ignore[call-overload]
        .where(col(LlmCall.at) >= today - timedelta(days=days - 1))
        .group_by(*group)
    )
    parts = sorted((_Part(*row) for row in rows), key=lambda part: part.of)
    return [_line(list(same)) for _, same in groupby(parts, key=lambda part: part.of)]


def _line(parts: list[_Part]) -> LedgerLine:
    counts = Counter(dict.fromkeys(LlmOutcome, 0))
    why: Counter[str] = Counter()
    for part in parts:
        counts[part.outcome] += part.calls
        if part.why is not None:
            why[part.why] += part.calls
    first = parts[0]
    return LedgerLine(
        day=first.day,
        use=first.use,
        model=first.model,
        asked=sum(counts[outcome] for outcome in _LEFT),
        answered=counts[LlmOutcome.ANSWERED],
        refused=counts[LlmOutcome.REFUSED],
        failed=counts[LlmOutcome.FAILED],
        cached=counts[LlmOutcome.CACHED],
        skipped=counts[LlmOutcome.SKIPPED],
        why=dict(why.most_common()),
        tokens_in=sum(part.tokens_in for part in parts),
        tokens_out=sum(part.tokens_out for part in parts),
        uncounted=sum(part.uncounted for part in parts if part.outcome in _LEFT),
        cost=sum((part.cost for part in parts), Decimal(0)),
        currency=first.currency,
    )
