"""A platform that asks for it, or fails, is left alone: that way of that account, for all workers, and told of once."""

from datetime import timedelta

import pytest
from factories import A_WORKER, Fickle, Life, person
from slack_life import notices, show, words_of
from slack_server import CHANNELS
from sqlalchemy import select

from db.tables import ChannelState, DeliveryState, NoticeKind, Way
from db.words import Gate, State, Visibility
from integrations.channels.base import ChannelError, LockedOut, Never, Reachable, TryAgain, Unknown
from integrations.channels.unset import UnsetChannel
from policy.slack import SlackRules
from tasks.channel_news import queue_channel_news
from tasks.circuits import failed, let_try, rest, resting, worked
from tasks.kill_switch import allow_publishing, stop_publishing
from tasks.publish import claim, next_due, publish
from tasks.slack_sending import LANES

pytest_plugins = ("lives", "slack_fixtures")

PLACE = ("instagram", "default")


def state(life: Life, way: Way = Way.PUBLIC, place: tuple[str, str] = PLACE) -> ChannelState | None:
    with life.desk.transaction() as session:
        return session.get(ChannelState, (*place, way))


def waiting(life: Life, channel: Fickle, number: int = 1, **changes: object) -> list[str]:
    """So many approved answers that leave through this channel next."""
    references = [life.in_review(handle=f"orang-{n}", **changes) for n in range(number)]
    for reference in references:
        life.approve_all(reference)
    life.with_channel(channel)
    return references


def until_sent(life: Life, turns: int = 60) -> None:
    """Let time pass from one due moment to the next until nothing waits."""
    for _ in range(turns):
        life.publish()
        due = next_due(life.desk)
        if due is None:
            return
        life.clock.set(max(due, life.now() + timedelta(milliseconds=1)))
    raise AssertionError("the outbox does not come to rest")


# Credentials


def test_credentials_that_are_refused_open_the_circuit_at_once(life):
    (reference,) = waiting(life, Fickle(tries=[LockedOut("the token has expired")]))

    (outcome,) = life.publish()

    delivery, way = life.delivery(reference), state(life)
    assert (outcome.state, delivery.tries, delivery.why) == (DeliveryState.QUEUED, 0, "the token has expired")
    assert (way.open_since, way.why) == (life.now(), "the token has expired")
    assert life.state(reference) is State.APPROVED
    assert life.publish() == []


def test_what_waited_for_new_credentials_leaves_once_in_its_order(life):
    channel = Fickle(tries=[LockedOut("the token has expired")] * 3)
    references = waiting(life, channel, 4)
    life.publish()

    until_sent(life)

    sent = [out.reference for out in channel.arrived]
    assert sent == references
    assert len(channel.tried) == 4 + 3
    assert state(life).open_since is None
    assert {life.delivery(reference).tries for reference in references} == {1}


def test_a_person_who_mended_it_lets_it_be_tried_at_once(life):
    (reference,) = waiting(life, Fickle(tries=[LockedOut("the token has expired")]))
    life.publish()
    assert life.publish() == []

    let_try(life.desk, *PLACE)
    life.publish()

    assert life.state(reference) is State.RESPONDED


def test_letting_it_try_forgets_no_failure(life):
    waiting(life, Fickle(tries=[LockedOut("expired")] * 2))
    life.publish()
    let_try(life.desk, *PLACE)

    life.publish()

    assert state(life).failures == 6
    assert resting(life.desk, *PLACE, Way.PUBLIC) is not None


def test_an_account_that_lost_its_settings_keeps_what_waits_for_it(life):
    (reference,) = waiting(life, Fickle())
    life.with_channel(UnsetChannel("instagram", "default", "set the environment variable TANGGAP_INSTAGRAM_TOKEN"))

    life.publish()

    delivery = life.delivery(reference)
    assert (delivery.state, delivery.tries, life.state(reference)) == (DeliveryState.QUEUED, 0, State.APPROVED)
    assert "TANGGAP_INSTAGRAM_TOKEN" in state(life).why

    channel = Fickle()
    life.with_channel(channel)
    until_sent(life)
    assert len(channel.arrived) == 1


# Asked to wait


def test_a_platform_that_asks_to_wait_is_left_alone_so_long_by_all_workers(life):
    channel = Fickle(tries=[TryAgain("429", after=120)])
    waiting(life, channel, 3)
    mine, theirs = claim(life.desk, A_WORKER, 2), claim(life.desk, 2, 1)

    publish(life.desk, mine)
    publish(life.desk, theirs)

    assert len(channel.tried) == 1
    assert claim(life.desk, 3) == []
    assert timedelta(seconds=120) <= next_due(life.desk) - life.now() <= timedelta(seconds=132)
    life.later(seconds=133)
    life.publish()
    assert len(channel.arrived) == 3


def test_asking_to_wait_is_no_failure(life):
    (reference,) = waiting(life, Fickle(tries=[TryAgain("429", after=5)] * 12))
    for _ in range(12):
        life.publish()
        life.later(seconds=6)

    life.publish()

    assert (state(life).failures, state(life).open_since) == (0, None)
    assert (life.state(reference), life.delivery(reference).tries) == (State.RESPONDED, 1)


@pytest.mark.parametrize("alone", [True, False])
def test_a_platform_that_asks_to_wait_no_time_is_not_asked_again_at_once(life, alone):
    channel = Fickle(tries=[TryAgain("429", after=0, alone=alone)])
    waiting(life, channel)
    life.publish()

    assert life.publish() == []
    assert next_due(life.desk) >= life.now() + timedelta(seconds=1)


def test_a_success_that_was_under_way_does_not_shorten_what_the_platform_asked_for(life):
    failed(life.desk, *PLACE, Way.PUBLIC, TryAgain("429", after=600))

    worked(life.desk, *PLACE, Way.PUBLIC)

    assert resting(life.desk, *PLACE, Way.PUBLIC) >= life.now() + timedelta(seconds=600)


def test_our_own_limit_does_not_shorten_what_the_platform_asked_for(life):
    failed(life.desk, *PLACE, Way.PUBLIC, TryAgain("429", after=600))

    rest(life.desk, *PLACE, Way.PUBLIC, 3)

    assert resting(life.desk, *PLACE, Way.PUBLIC) >= life.now() + timedelta(seconds=600)


def test_public_and_private_rest_apart(life):
    failed(life.desk, *PLACE, Way.PUBLIC, TryAgain("429", after=600))
    channel = Fickle()
    public, private = life.in_review(handle="satu"), life.in_review(handle="dua", visibility=Visibility.PRIVATE)
    life.approve_all(public)
    life.approve_all(private)
    life.with_channel(channel)

    life.publish()

    assert {out.visibility for out in channel.arrived} == {Visibility.PRIVATE}
    assert life.state(private) is State.RESPONDED
    assert life.state(public) is State.APPROVED


def test_another_account_and_another_platform_go_on(life):
    failed(life.desk, "instagram", "toko", Way.PUBLIC, TryAgain("429", after=600))
    failed(life.desk, "x", "default", Way.PUBLIC, TryAgain("429", after=600))
    channel = Fickle()
    waiting(life, channel)

    life.publish()

    assert len(channel.arrived) == 1


def test_while_reading_rests_answers_leave(life):
    failed(life.desk, *PLACE, Way.IN, LockedOut("no right to read"))
    channel = Fickle()
    waiting(life, channel)

    life.publish()

    assert len(channel.arrived) == 1


def test_a_text_that_has_to_wait_alone_rests_nobody(life):
    channel = Fickle(tries=[TryAgain("wait for this customer", after=300, alone=True)])
    first, second = waiting(life, channel, 2)

    life.publish()

    assert resting(life.desk, *PLACE, Way.PUBLIC) is None
    assert [out.reference for out in channel.arrived] == [second]
    assert life.delivery(first).due_at >= life.now() + timedelta(seconds=300)
    until_sent(life)
    assert life.state(first) is State.RESPONDED


def test_what_rests_is_tried_when_its_rest_is_over_not_before(life):
    waiting(life, Fickle())
    rest(life.desk, *PLACE, Way.PUBLIC, 90)

    assert next_due(life.desk) == life.now() + timedelta(seconds=90)
    life.later(seconds=89)
    assert life.publish() == []
    life.later(seconds=1)
    assert len(life.publish()) == 1


# Failing


@pytest.mark.parametrize("error", [TryAgain("busy"), ChannelError("what?")])
def test_five_failures_in_a_row_open_the_circuit_for_the_rest_of_the_batch(life, error):
    channel = Fickle(tries=[error] * 20)
    waiting(life, channel, 8)

    life.publish()

    assert len(channel.tried) == 5
    assert state(life).open_since == life.now()
    assert life.publish() == []


def test_rests_of_a_platform_that_keeps_failing_grow(life):
    rests = []
    for _ in range(12):
        failed(life.desk, *PLACE, Way.PUBLIC, TryAgain("busy"))
        until = resting(life.desk, *PLACE, Way.PUBLIC)
        if until is not None:
            rests.append(until - life.now())
            life.clock.set(until)
    assert len(rests) == 8
    assert rests[1] > rests[0] * 1.1
    assert rests[3] > rests[0] * 4
    assert timedelta(minutes=22) <= rests[-1] <= timedelta(minutes=38)


def test_a_success_closes_the_circuit_and_forgets_the_failures(life):
    channel = Fickle(tries=[TryAgain("busy")] * 5)
    waiting(life, channel, 5)
    life.publish()

    until_sent(life)

    way = state(life)
    assert (way.failures, way.open_since, way.why) == (0, None, None)
    assert len(channel.arrived) == 5


def test_a_refusal_shows_that_the_platform_works(life):
    for _ in range(4):
        failed(life.desk, *PLACE, Way.PUBLIC, TryAgain("busy"))
    waiting(life, Fickle(tries=[Never("the post is locked")]))

    life.publish()

    assert state(life).failures == 0


def test_unclear_tries_count_as_failures(life):
    channel = Fickle(tries=[Unknown("cut off")] * 9)
    waiting(life, channel, 9)

    life.publish()

    assert (len(channel.tried), state(life).open_since) == (5, life.now())


def test_an_adapter_that_fails_by_itself_holds_up_no_other_text(life):
    channel = Fickle(tries=[KeyError("data")])
    first, second = waiting(life, channel, 2)

    outcomes = life.publish()

    assert [outcome.state for outcome in outcomes] == [DeliveryState.UNKNOWN, DeliveryState.SENT]
    assert "KeyError" in life.delivery(first).why
    assert life.state(second) is State.RESPONDED


def test_an_adapter_that_fails_before_it_sends_has_sent_nothing(life):
    channel = Fickle()
    (reference,) = waiting(life, channel)

    def breaks(_: object, __: object) -> Reachable:
        raise KeyError("data")

    channel.look = breaks
    life.publish()

    assert life.delivery(reference).state is DeliveryState.QUEUED
    assert channel.tried == []


def test_an_adapter_that_fails_while_an_answer_is_aimed_holds_up_no_complaint(life):
    def breaks(_: object, __: object) -> Reachable:
        raise KeyError("data")

    life.with_channel(Fickle(look=breaks))
    first, second = life.comes(handle="satu"), life.comes(channel="x", handle="dua")
    life.assess()

    life.answer()

    assert [life.state(first), life.state(second)] == [State.IN_REVIEW] * 2


def test_while_all_is_well_hardly_a_row_is_written(life):
    worked(life.desk, *PLACE, Way.PUBLIC)
    first = state(life).worked_at
    life.later(seconds=30)
    worked(life.desk, *PLACE, Way.PUBLIC)
    assert state(life).worked_at == first
    life.later(seconds=31)
    worked(life.desk, *PLACE, Way.PUBLIC)
    assert state(life).worked_at == life.now()


# Stopped


def test_what_a_kill_switch_holds_back_is_not_waited_for(life):
    waiting(life, Fickle())
    stop_publishing(life.desk, "channel:instagram", "uji", person("pr-sari"))

    assert next_due(life.desk) is None

    allow_publishing(life.desk, "channel:instagram", "uji", person("pr-sari"))
    assert next_due(life.desk) is not None


# Refused for good


def test_an_answer_refused_in_public_is_drafted_anew_for_the_private_way_with_new_gates(life):
    channel = Fickle(tries=[Never("comments are closed", "not_allowed")])
    (reference,) = waiting(life, channel)
    life.publish()
    assert life.state(reference) is State.DRAFTING

    life.answer()

    assert [draft.visibility for draft in life.drafts(reference)] == [Visibility.PUBLIC, Visibility.PRIVATE]
    assert life.state(reference) is State.IN_REVIEW
    assert life.open_gates(reference) == {Gate.CS}
    assert len(life.rounds(reference)) == 2
    life.approve_all(reference)
    life.publish()
    assert [out.visibility for out in channel.arrived] == [Visibility.PRIVATE]
    assert life.state(reference) is State.RESPONDED


def test_nobody_approves_in_vain_what_was_refused_in_both_ways(life):
    channel = Fickle(tries=[Never("closed"), Never("blocked", "blocked")])
    (reference,) = waiting(life, channel)
    life.publish()
    life.answer()
    life.approve_all(reference)

    life.publish()

    assert (life.state(reference), life.complaint(reference).held_why) == (State.HELD, "refused_by_platform")
    assert channel.arrived == []


def test_a_new_message_may_be_answered_in_public_again(life):
    channel = Fickle(tries=[Never("comments are closed")])
    (reference,) = waiting(life, channel)
    life.publish()
    life.drafting(reference)

    life.answer()

    assert life.drafts(reference)[-1].visibility is Visibility.PUBLIC


# Told in Slack


@pytest.fixture
def heard(slack_life: Life) -> Life:
    """A desk whose company works in Slack."""
    return slack_life


def told(life: Life) -> list[tuple[str, str]]:
    return [(one.data["event"], one.data["way"]) for one in notices(life, kind=NoticeKind.CHANNEL)]


def fails(life: Life, way: Way = Way.PUBLIC) -> None:
    """It fails as often as opens its circuit."""
    for _ in range(5):
        failed(life.desk, *PLACE, way, TryAgain("instagram answered 503"))


def test_people_are_told_once_that_a_platform_fails(heard, slack, slack_server):
    fails(heard)
    show(heard, slack)
    for _ in range(3):
        heard.later(minutes=40)
        fails(heard)
        show(heard, slack)

    assert told(heard) == [("channel_down", "public")]
    (message,) = slack_server.cards(CHANNELS["cs"])
    assert "instagram" in words_of(message).lower()
    assert "Instagram answered 503. " in words_of(message)


def test_people_are_told_once_that_it_works_again(heard, slack, slack_server):
    fails(heard)
    show(heard, slack)
    worked(heard.desk, *PLACE, Way.PUBLIC)

    for _ in range(3):
        show(heard, slack)

    assert told(heard) == [("channel_down", "public"), ("channel_back", "public")]
    assert len(slack_server.cards(CHANNELS["cs"])) == 2


def test_a_platform_that_fails_anew_is_told_of_anew(heard, slack):
    for _ in range(2):
        fails(heard, Way.IN)
        show(heard, slack)
        heard.later(minutes=5)
        worked(heard.desk, *PLACE, Way.IN)
        show(heard, slack)
        heard.later(minutes=5)

    assert told(heard) == [("channel_down", "in"), ("channel_back", "in")] * 2


def test_one_that_failed_anew_before_anybody_looked_was_back_meanwhile(heard, slack):
    fails(heard, Way.IN)
    show(heard, slack)
    heard.later(minutes=5)
    worked(heard.desk, *PLACE, Way.IN)
    heard.later(minutes=5)
    fails(heard, Way.IN)

    show(heard, slack)

    assert sorted(told(heard)) == [("channel_back", "in"), ("channel_down", "in"), ("channel_down", "in")]


def test_what_passes_before_the_circuit_opens_is_not_told(heard, slack):
    for _ in range(4):
        failed(heard.desk, *PLACE, Way.IN, TryAgain("busy"))
    failed(heard.desk, *PLACE, Way.PUBLIC, TryAgain("429", after=900))

    show(heard, slack)

    assert told(heard) == []


def test_an_account_that_is_not_let_in_is_told_of_once_whichever_ways_were_tried(heard, slack, slack_server):
    for way in Way:
        failed(heard.desk, *PLACE, way, LockedOut("the token has expired"))
        show(heard, slack)
        heard.later(minutes=40)

    assert told(heard) == [("channel_locked", "in")]
    (message,) = slack_server.cards(CHANNELS["cs"])
    assert "instagram" in words_of(message).lower()
    assert "The token has expired. " in words_of(message)


def test_another_reason_why_it_is_not_let_in_is_told(heard, slack):
    for why in ("the token has expired", "our account is suspended", "the token has expired"):
        failed(heard.desk, *PLACE, Way.IN, LockedOut(why))
        show(heard, slack)

    assert [one.data["why"] for one in notices(heard, kind=NoticeKind.CHANNEL)] == [
        "the token has expired",
        "our account is suspended",
    ]


def test_another_account_that_is_not_let_in_is_told_of_by_itself(heard, slack):
    for account in ("default", "toko"):
        failed(heard.desk, "instagram", account, Way.IN, LockedOut("the token has expired"))
    show(heard, slack)

    assert [one.data["account"] for one in notices(heard, kind=NoticeKind.CHANNEL)] == ["default", "toko"]


def test_one_way_that_is_let_in_again_lets_the_others_try_and_people_hear_once(heard, slack):
    for way in Way:
        failed(heard.desk, *PLACE, way, LockedOut("the token has expired"))
    show(heard, slack)

    worked(heard.desk, *PLACE, Way.PRIVATE)
    for _ in range(2):
        show(heard, slack)

    assert told(heard) == [("channel_locked", "in"), ("channel_unlocked", "in")]
    assert [resting(heard.desk, *PLACE, way) for way in Way] == [None] * 3


def test_a_way_that_is_still_not_let_in_is_told_of_anew(heard, slack):
    for way in Way:
        failed(heard.desk, *PLACE, way, LockedOut("the token has expired"))
    show(heard, slack)
    heard.later(minutes=5)
    worked(heard.desk, *PLACE, Way.IN)
    show(heard, slack)

    failed(heard.desk, *PLACE, Way.PUBLIC, LockedOut("our token may not write"))
    show(heard, slack)

    assert told(heard) == [("channel_locked", "in"), ("channel_unlocked", "in"), ("channel_locked", "public")]


def test_a_way_that_works_while_another_was_never_let_in_tells_nothing(heard, slack):
    failed(heard.desk, *PLACE, Way.PUBLIC, LockedOut("our token may not write"))
    show(heard, slack)
    for _ in range(3):
        heard.later(minutes=5)
        worked(heard.desk, *PLACE, Way.IN)
        failed(heard.desk, *PLACE, Way.PUBLIC, LockedOut("our token may not write"))
        show(heard, slack)

    assert told(heard) == [("channel_locked", "public")]


def asked_to_wait(life: Life, minutes: int, way: Way = Way.IN, after: float = 60) -> None:
    """For so long it is asked each minute, and lets nothing through."""
    for _ in range(minutes):
        failed(life.desk, *PLACE, way, TryAgain("429: too many requests", after=after))
        life.later(minutes=1)


def test_a_platform_that_has_only_asked_us_to_wait_for_an_hour_is_told_of_once(heard, slack, slack_server):
    asked_to_wait(heard, 59)
    show(heard, slack)
    assert told(heard) == []

    for _ in range(3):
        asked_to_wait(heard, 5)
        show(heard, slack)

    assert told(heard) == [("channel_throttled", "in")]
    (message,) = slack_server.cards(CHANNELS["cs"])
    assert "429: too many requests. " in words_of(message)


def test_people_hear_that_it_lets_us_through_again(heard, slack):
    asked_to_wait(heard, 65)
    show(heard, slack)

    worked(heard.desk, *PLACE, Way.IN)
    for _ in range(2):
        show(heard, slack)

    assert told(heard) == [("channel_throttled", "in"), ("channel_back", "in")]


def test_a_platform_that_lets_something_through_now_and_then_is_within_its_rights(heard, slack):
    for _ in range(5):
        asked_to_wait(heard, 30)
        worked(heard.desk, *PLACE, Way.IN)
        show(heard, slack)

    assert told(heard) == []


def test_two_waits_hours_apart_with_nothing_tried_in_between_are_no_long_one(heard, slack):
    asked_to_wait(heard, 1, Way.PUBLIC)
    heard.later(hours=5)
    asked_to_wait(heard, 1, Way.PUBLIC)

    show(heard, slack)

    assert told(heard) == []


def test_a_wait_that_the_platform_itself_calls_long_is_told_after_policys_time(heard, slack):
    failed(heard.desk, *PLACE, Way.IN, TryAgain("the day's quota is used up", after=10 * 3600))
    heard.later(minutes=59)
    show(heard, slack)
    assert told(heard) == []

    heard.later(minutes=2)
    show(heard, slack)

    assert told(heard) == [("channel_throttled", "in")]


def test_without_a_channel_in_slack_nothing_is_queued(heard):
    heard.with_policy(slack=SlackRules())
    failed(heard.desk, *PLACE, Way.IN, LockedOut("expired"))

    assert queue_channel_news(heard.desk) == 0
    assert notices(heard) == []


def test_all_of_it_is_kept_for_all_workers(life):
    failed(life.desk, *PLACE, Way.PUBLIC, LockedOut("expired"))
    with life.desk.transaction() as session:
        (row,) = session.execute(select(ChannelState)).scalars()
    assert (row.channel, row.account, row.way, row.failures) == ("instagram", "default", Way.PUBLIC, 5)


def test_every_kind_of_notice_has_its_place_among_what_is_shown():
    assert set(LANES) == set(NoticeKind)
