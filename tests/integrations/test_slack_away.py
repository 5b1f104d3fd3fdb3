"""Slack goes away in the middle, and comes back with nothing of what stood there: cards are right again, none twice."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from factories import GRAVE, LATE, Life, grave
from slack_desk import AtSlack, at_slack, said
from slack_fixtures import slack_rules
from slack_server import CHANNELS, USERS, SlackServer, needs_local_slack, until
from test_slack_door import A_CLICK, actions, plain

from db.tables import ReviewState
from db.words import Gate, Risk
from desk.slack.receipts import Act, write_down
from tasks.card_mending import mend_cards
from tasks.slack_sending import send_due

pytest_plugins = ["lives", "slack_fixtures"]
pytestmark = pytest.mark.slow


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SlackServer]:
    """A Slack server of this test's own, which it may kill."""
    needs_local_slack()
    running = SlackServer(tmp_path / "slack").start()
    yield running
    running.stop()


@pytest.fixture
def here(slack_life: Life, server: SlackServer, tmp_path: Path) -> Iterator[AtSlack]:
    """A desk in that Slack."""
    assert server.request_url is not None
    port = int(server.request_url.split(":")[2].split("/")[0])
    slack_life.with_policy(slack=slack_rules(confirm=A_CLICK))
    with at_slack(slack_life, server, tmp_path, port=port) as opened:
        yield opened


def test_after_slack_was_killed_every_open_review_has_one_true_card_within_one_watch(here: AtSlack) -> None:
    life = here.life
    before = [life.in_review(f"{LATE} ({n})", handle=f"pelanggan.{n}") for n in range(5)]
    risky_ones = [
        life.in_review(grave(life.assessor, f"{GRAVE} ({n})", Risk.LEGAL_THREAT, Risk.MEDIA), handle=f"marah.{n}")
        for n in range(3)
    ]
    here.show()

    here.server.kill()
    life.decide(before[0])
    life.decide(risky_ones[0], Gate.PR)
    meanwhile = [life.in_review(f"{LATE} lagi ({n})", handle=f"lain.{n}") for n in range(3)]
    assert send_due(life.desk, here.slack).posted == 0
    here.server.start()
    life.later(minutes=3)
    mend_cards(life.desk, here.slack)
    here.show()

    live = live_cards(here)
    everybody = (*before, *risky_ones, *meanwhile)
    assert live == sorted(review.id for reference in everybody for review in life.open_reviews(reference))
    assert len(live) == 4 + 2 * 3 - 1 + 3
    assert life.open_gates(risky_ones[0]) == {Gate.LEGAL}
    assert any(
        f"{risky_ones[0]}" in said(card) and USERS["pr-sari"] in said(card) for card in cards_at(here, Gate.LEGAL)
    )


def test_a_click_on_a_card_that_was_posted_again_decides(here: AtSlack) -> None:
    reference = plain(here)
    here.server.kill()
    here.server.start()
    here.life.later(minutes=3)
    mend_cards(here.life.desk, here.slack)
    here.show()

    here.press(Gate.CS, "cs-nia", "approve")

    assert [event.by for event in here.life.events(reference, "decided")] == ["cs-nia"]


def test_a_post_that_hung_and_arrived_all_the_same_stands_there_once(here: AtSlack) -> None:
    reference = here.life.in_review()
    here.proxy.lose("chat.postMessage")

    send_due(here.life.desk, here.slack)
    here.life.later(minutes=2)
    here.show()

    assert live_cards(here) == [review.id for review in here.life.open_reviews(reference)]


def test_an_act_whose_process_died_before_doing_it_is_done_by_the_next(
    slack_life: Life, server: SlackServer, tmp_path: Path
) -> None:
    slack_life.with_policy(slack=slack_rules(confirm=A_CLICK))
    reference = slack_life.in_review()
    review = slack_life.open_reviews(reference)[0]
    act = Act(
        key="click:once", kind="approve", user=USERS["cs-nia"], team="T01TEST", review=review.id, sha256=review.sha256
    )
    write_down(slack_life.desk, act)
    slack_life.later(minutes=1)

    with at_slack(slack_life, server, tmp_path):
        until(lambda: slack_life.events(reference, "decided"), 30)

    assert [event.by for event in slack_life.events(reference, "decided")] == ["cs-nia"]
    assert slack_life.reviews(reference)[0].state is ReviewState.DECIDED


def cards_at(here: AtSlack, gate: Gate) -> list[dict[str, Any]]:
    return here.server.cards(CHANNELS[gate.value])


def live_cards(here: AtSlack) -> list[int]:
    """The reviews that can be decided in Slack, one entry a card, by what stands in the channels."""
    found = []
    for channel in CHANNELS.values():
        for message in here.server.cards(channel):
            if message.get("blocks") and {"approve", "reject"} <= actions(message):
                value = next(
                    one["value"]
                    for block in message["blocks"]
                    if block["type"] == "actions"
                    for one in block["elements"]
                    if one["action_id"] == "approve"
                )
                found.append(int(value.partition(":")[0]))
    return sorted(found)
