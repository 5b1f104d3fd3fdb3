"""Acts written down before Slack hears that they arrived: none is lost if we die, none done twice if Slack repeats it.

Slack wants an answer within three seconds and repeats an event up to three times without one
(https://docs.slack.dev/apis/events-api/), so an act is stored, answered, and then done.
"""

from dataclasses import asdict, dataclass
from datetime import timedelta

from sqlalchemy import and_, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col

from db.tables import SlackReceipt
from tasks.desk import Desk

LEFT_BEHIND = timedelta(seconds=30)
"""An act that nobody finished by then may have lost its hands."""
AGAIN = timedelta(seconds=5)
"""An act that failed is tried again after this."""
TRIES = 3


@dataclass(frozen=True)
class Act:
    """What somebody did in Slack, and what it takes to do it. `key` is what makes it one."""

    key: str
    kind: str
    user: str
    team: str
    review: int | None = None
    sha256: str | None = None
    text: str | None = None
    channel: str | None = None
    ts: str | None = None
    thread: str | None = None
    view: str | None = None
    """The modal that waits to be told what came of it."""
    answer_to: str | None = None
    """The `response_url` of a command."""
    file: str | None = None
    """A file with the words, in place of `text`."""
    words_of: str | None = None
    """Whose words `text` are, where another one proposes them."""


def write_down(desk: Desk, act: Act) -> bool:
    """Keep an act; False where it was heard before."""
    with desk.transaction() as session:
        values = insert(SlackReceipt).values(key=act.key, kind=act.kind, at=desk.now(), act=_kept(act), tries=0)
        found = session.execute(values.on_conflict_do_nothing(index_elements=["key"]).returning(SlackReceipt.key))  # type: ignore[call-overload]
        return found.first() is not None


def done(desk: Desk, key: str, why: str | None = None) -> None:
    """It is done, or refused for good: its words are forgotten."""
    with desk.transaction() as session:
        receipt = session.get(SlackReceipt, key, with_for_update=True)
        if receipt is not None:
            receipt.done_at, receipt.act, receipt.why = desk.now(), None, why
            session.add(receipt)


def failed(desk: Desk, key: str, why: str) -> None:
    """It could not be done now; it is tried again, and after the last try its reason stays."""
    with desk.transaction() as session:
        receipt = session.get(SlackReceipt, key, with_for_update=True)
        if receipt is not None and receipt.done_at is None:
            receipt.tries += 1
            receipt.why = why
            if receipt.tries >= TRIES:
                receipt.done_at, receipt.act = desk.now(), None
            session.add(receipt)


def left_behind(desk: Desk, limit: int = 50) -> list[Act]:
    """Acts that were written down and not finished, oldest first; whoever reads them does them."""
    now = desk.now()
    with desk.transaction() as session:
        rows = session.execute(
            select(SlackReceipt)
            .where(
                col(SlackReceipt.done_at).is_(None),
                or_(
                    col(SlackReceipt.at) <= now - LEFT_BEHIND,
                    and_(col(SlackReceipt.tries) > 0, col(SlackReceipt.at) <= now - AGAIN),
                ),
            )
            .order_by(col(SlackReceipt.at))
            .limit(limit)
            .with_for_update(skip_locked=True)
        ).scalars()
        found = []
        for receipt in rows:
            if receipt.act is None:
                receipt.done_at = now
            else:
                found.append(Act(**receipt.act))
                receipt.at = now
            session.add(receipt)
        return found


def _kept(act: Act) -> dict[str, object]:
    return {name: value for name, value in asdict(act).items() if value is not None}
