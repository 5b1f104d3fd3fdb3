"""Silence that is no calm: far less comes in than in the same hours of the weeks before."""

from datetime import datetime, timedelta

import pytest
from factories import Life, message
from slack_life import notices, show, words_of
from slack_server import CHANNELS

from db.tables import ChannelState, NoticeKind, Way
from integrations.channels.sandbox import SandboxChannel
from tasks.circuits import worked
from tasks.coverage import watch_coverage

pytest_plugins = ("lives", "slack_fixtures")


class Heard(SandboxChannel):
    """A platform that is asked what is new."""

    listens = True


@pytest.fixture
def life(slack_life: Life) -> Life:
    """A company on Instagram that works in Slack; its account is read."""
    slack_life.with_channel(Heard("instagram", clock=slack_life.clock))
    worked(slack_life.desk, "instagram", "default", Way.IN)
    return slack_life


def said(life: Life, count: int, until: datetime, *, account: str = "default") -> None:
    """So many messages within the hour before this moment."""
    life.record(
        *(
            message(f"halo {until:%d%H%M} {n}", at=until - timedelta(seconds=60 * n), handle=None, account=account)
            for n in range(count)
        )
    )


def usual(life: Life, count: int = 30, weeks: int = 4) -> None:
    for week in range(1, weeks + 1):
        said(life, count, life.now() - timedelta(weeks=week))


def quiet_since(life: Life) -> datetime | None:
    with life.desk.transaction() as session:
        return session.get_one(ChannelState, ("instagram", "default", Way.IN)).quiet_since


def told(life: Life) -> list[str]:
    return [one.data["event"] for one in notices(life, kind=NoticeKind.CHANNEL)]


def test_a_silence_where_much_usually_comes_is_told_once(life, slack, slack_server):
    usual(life)

    found = [watch_coverage(life.desk) for _ in range(3)]
    show(life, slack)
    show(life, slack)

    assert found == [["instagram/default"], [], []]
    assert told(life) == ["channel_quiet"]
    (message,) = slack_server.cards(CHANNELS["cs"])
    assert "instagram" in words_of(message).lower()


def test_a_silence_after_a_silence_is_told_again(life, slack):
    usual(life)
    watch_coverage(life.desk)
    show(life, slack)
    said(life, 30, life.now())
    watch_coverage(life.desk)
    assert quiet_since(life) is None

    life.later(weeks=1)
    assert watch_coverage(life.desk) == ["instagram/default"]
    show(life, slack)

    assert told(life) == ["channel_quiet"] * 2


def test_as_much_as_usual_is_calm(life):
    usual(life)
    said(life, 4, life.now())

    assert watch_coverage(life.desk) == []
    assert quiet_since(life) is None


def test_where_little_usually_comes_silence_says_nothing(life):
    usual(life, count=19)

    assert watch_coverage(life.desk) == []


def test_an_account_that_is_new_is_not_called_quiet(life):
    usual(life, weeks=2)

    assert watch_coverage(life.desk) == []


def test_another_hour_of_the_week_does_not_count(life):
    for week in range(1, 5):
        said(life, 30, life.now() - timedelta(weeks=week, hours=3))

    assert watch_coverage(life.desk) == []


def test_another_account_does_not_count(life):
    for week in range(1, 5):
        said(life, 30, life.now() - timedelta(weeks=week), account="toko")

    assert watch_coverage(life.desk) == []


def test_an_account_that_was_never_read_is_not_called_quiet(life):
    usual(life)
    life.with_channel(Heard("x", clock=life.clock))
    for week in range(1, 5):
        life.record(
            *(
                message(f"hai {week} {n}", at=life.now() - timedelta(weeks=week, minutes=n), handle=None, channel="x")
                for n in range(30)
            )
        )

    assert watch_coverage(life.desk) == ["instagram/default"]


def test_a_channel_that_is_not_asked_is_not_called_quiet(life):
    usual(life)
    life.with_channel(SandboxChannel("instagram", clock=life.clock))

    assert watch_coverage(life.desk) == []


def test_what_we_said_ourselves_is_no_sign_of_life(life):
    usual(life)
    life.responded(handle="mira")  # one message of hers, and two of ours
    assert watch_coverage(life.desk) == ["instagram/default"]
