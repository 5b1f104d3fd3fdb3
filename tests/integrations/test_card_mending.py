"""Cards are proved channel by channel: what is gone is posted again, what is doubled is taken away."""

import pytest
from factories import Life, grave
from slack_life import actions_of, card_of_review, show
from slack_server import CHANNELS, SlackServer
from sqlalchemy import update

from db.tables import SlackCard, SlackGroup
from db.words import Gate
from integrations.slack.client import Place
from policy.slack import GateInSlack, Notices
from tasks.card_mending import mend_cards
from tasks.slack_sending import next_jobs

pytest_plugins = ("lives", "slack_fixtures")


@pytest.fixture
def life(slack_life: Life) -> Life:
    rules = slack_life.desk.policy.slack
    slack_life.with_policy(slack=rules.model_copy(update={"notices": Notices(digest=False)}))
    return slack_life


def place(card: SlackCard) -> Place:
    return Place(card.channel, card.ts)


def test_what_stands_where_it_should_is_proved_and_left_alone(life, slack, faulty):
    life.in_review(handle="satu")
    reference = life.in_review(handle="dua")
    show(life, slack)
    life.later(minutes=5)
    faulty.forget()

    done = mend_cards(life.desk, slack)

    assert (done.proved, done.total) == (2, 0)
    assert card_of_review(life, life.open_reviews(reference)[0]).proved_at == life.now()
    assert faulty.counts()["conversations.history"] == 1
    assert faulty.counts()["chat.update"] == faulty.counts()["chat.postMessage"] == 0


def test_a_card_that_is_gone_is_posted_again(life, slack, slack_server):
    reference = life.in_review()
    show(life, slack)
    (review,) = life.open_reviews(reference)
    slack.remove(place(card_of_review(life, review)))
    life.later(minutes=2)

    done = mend_cards(life.desk, slack)
    show(life, slack)

    assert (done.lost, done.total) == (1, 1)
    (message,) = slack_server.cards(CHANNELS["cs"])
    assert "approve" in actions_of(message)
    assert len(life.events(reference, "card_posted_again")) == 1
    assert mend_cards(life.desk, slack).total == 0


def test_after_slack_lost_everything_all_open_cards_stand_there_again(life, slack, slack_server: SlackServer):
    references = [life.in_review(grave(life.assessor), handle=handle) for handle in ("satu", "dua", "tiga")]
    show(life, slack)
    life.decide(references[0], Gate.PR)
    show(life, slack)
    slack_server.restart()
    life.later(minutes=2)

    done = mend_cards(life.desk, slack)
    show(life, slack)

    assert done.lost == 5
    assert len(slack_server.cards(CHANNELS["pr"])) == 2
    assert len(slack_server.cards(CHANNELS["legal"])) == 3


def test_a_doubled_card_is_taken_away(life, slack, slack_server):
    reference = life.in_review()
    show(life, slack)
    (review,) = life.open_reviews(reference)
    (message,) = slack_server.cards(CHANNELS["cs"])
    slack.web.chat_postMessage(channel=CHANNELS["cs"], text=message["text"], blocks=message["blocks"])
    life.later(minutes=2)

    done = mend_cards(life.desk, slack)

    assert done.doubled == 1
    assert [one["ts"] for one in slack_server.cards(CHANNELS["cs"])] == [card_of_review(life, review).ts]


def test_another_desks_card_of_the_same_number_is_left_alone(life, slack, slack_server):
    reference = life.in_review()
    show(life, slack)
    (review,) = life.open_reviews(reference)
    (message,) = slack_server.cards(CHANNELS["cs"])
    theirs = str(message["blocks"]).replace(review.sha256, "0" * 64)
    slack.web.chat_postMessage(channel=CHANNELS["cs"], text="another desk", blocks=eval(theirs))
    life.later(minutes=2)

    assert mend_cards(life.desk, slack).doubled == 0
    assert len(slack_server.cards(CHANNELS["cs"])) == 2


def test_while_slack_is_away_nothing_is_taken_for_lost(life, slack, faulty):
    reference = life.in_review()
    show(life, slack)
    life.later(minutes=2)
    faulty.forget()
    faulty.fail("*", 503, times=None)

    done = mend_cards(life.desk, slack)

    assert (done.proved, done.total) == (0, 0)
    assert card_of_review(life, life.open_reviews(reference)[0]).ts is not None
    assert faulty.counts().total() == 1


def test_a_channel_that_can_be_used_again_is_noticed(life, slack, slack_server, faulty):
    life.in_review()
    faulty.refuse("chat.postMessage", "is_archived", times=None, channel=CHANNELS["cs"])
    faulty.channels[CHANNELS["cs"]] = {"is_archived": True}
    for _ in range(5):
        show(life, slack)
        life.later(minutes=2)
    assert mend_cards(life.desk, slack).back == 0
    faulty.mend()
    faulty.channels.clear()

    done = mend_cards(life.desk, slack)
    show(life, slack)

    assert done.back == 1
    assert len(slack_server.cards(CHANNELS["cs"])) == 1


def test_a_card_that_nobody_looked_at_is_noticed(life, slack):
    reference = life.in_review()
    show(life, slack)
    (review,) = life.open_reviews(reference)
    with life.desk.transaction() as session:
        session.execute(update(SlackCard).values(seen=1, due_at=None))
    life.later(minutes=2)

    assert mend_cards(life.desk, slack).forgotten == 1
    assert [job.number for job in next_jobs(life.desk)] == [review.id]


def test_user_groups_are_read_again(life, slack, faulty):
    rules = life.desk.policy.slack
    gates = {**rules.gates, Gate.PR: GateInSlack(channel=CHANNELS["pr"], group="S0REVIEW")}
    life.with_policy(slack=rules.model_copy(update={"gates": gates}))
    faulty.groups["S0REVIEW"] = ["U0SARI"]

    mend_cards(life.desk, slack)

    with life.desk.transaction() as session:
        assert session.get_one(SlackGroup, "S0REVIEW").members == ["U0SARI"]
