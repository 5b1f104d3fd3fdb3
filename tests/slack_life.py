"""What tests of cards and notices do with a life in Slack: let it be shown, and look at what stands there."""

from collections.abc import Mapping
from typing import Any

from factories import Life
from sqlalchemy import select
from sqlmodel import col

from db.tables import Review, SlackCard, SlackNotice
from integrations.slack.client import Slack
from tasks.slack_sending import Sent, next_jobs, send_due

MOST_TURNS = 120


def show(life: Life, slack: Slack) -> Sent:
    """Show all that is due, while Slack's seconds pass on the test's clock."""
    done = Sent()
    for _ in range(MOST_TURNS):
        jobs = next_jobs(life.desk)
        if not jobs:
            return done
        for name, count in vars(send_due(life.desk, slack, jobs)).items():
            setattr(done, name, getattr(done, name) + count)
        life.later(seconds=1)
    raise AssertionError("what is to be shown in Slack does not come to an end")


def card_of_review(life: Life, review: Review) -> SlackCard:
    """The card as it is written down."""
    with life.desk.transaction() as session:
        return session.get_one(SlackCard, review.id)


def notices(life: Life, **where: Any) -> list[SlackNotice]:
    """What was queued to be said, in order."""
    with life.desk.transaction() as session:
        found = session.execute(select(SlackNotice).order_by(col(SlackNotice.id))).scalars().all()
    return [one for one in found if all(getattr(one, name) == value for name, value in where.items())]


def words_of(message: Mapping[str, Any]) -> str:
    """All words that stand in a message."""
    found: list[str] = []

    def look(part: object) -> None:
        if isinstance(part, Mapping):
            found.extend(part[name] for name in ("text", "url") if isinstance(part.get(name), str))
            for inner in part.values():
                look(inner)
        elif isinstance(part, list):
            for inner in part:
                look(inner)

    look(message)
    return "\n".join(found)


def actions_of(message: Mapping[str, Any]) -> set[str]:
    """What can be clicked on it."""
    return {
        element["action_id"]
        for block in message.get("blocks") or ()
        for element in block.get("elements", ())
        if "action_id" in element
    }
