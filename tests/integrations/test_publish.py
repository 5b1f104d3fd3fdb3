"""The outbox: each text leaves once, exactly as approved, whatever the channel says and whoever dies meanwhile."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from factories import A_WORKER, Fickle, Life, grave, person
from sqlalchemy import text, update
from sqlmodel import col

from db.duty import live_workers, register_worker
from db.tables import Complaint, Delivery, DeliveryState, Direction, RateUse
from db.wake import Listener
from db.words import DeliveryKind, Kind, State, Visibility
from integrations.channels.base import Certainty, ChannelError, Never, Outgoing, Reachable, Target, TryAgain, Unknown
from integrations.channels.manual import ManualChannel
from policy.publishing import Budget, Publishing
from tasks.aim import aim, mark
from tasks.kill_switch import allow_publishing, stop_publishing
from tasks.people import Mistake, posted, send_again
from tasks.publish import LONGEST_WAIT, MOST_TRIES, claim, next_due, publish, recover

pytest_plugins = ("lives",)

ANOTHER_WORKER = 2


def on(life: Life, channel: Fickle) -> str:
    """A complaint whose approved answer leaves through this channel next; its acknowledgement is out."""
    reference = life.approved()
    life.with_channel(channel)
    return reference


def several(life: Life, number: int) -> list[str]:
    """So many complaints whose approved answers all wait in the outbox."""
    references = [life.in_review(handle=f"orang-{n}") for n in range(number)]
    for reference in references:
        life.approve_all(reference)
    return references


# Once, and exactly


def test_what_was_approved_leaves_once(life):
    channel = Fickle()
    reference = on(life, channel)
    life.publish()
    life.publish()
    assert [out.text for out in channel.arrived] == [life.drafts(reference)[0].text]
    assert life.state(reference) is State.RESPONDED


def test_a_channel_is_told_whether_it_wrote_privately_to_the_same_message_before(life):
    asked: list[tuple[Visibility, bool | None]] = []

    def look(target: Target, visibility: Visibility) -> Reachable:
        asked.append((visibility, target.written_to))
        return Reachable(ok=True)

    life.with_channel(Fickle(look=look))
    reference = life.resolved(external_id="ig-1", visibility=Visibility.PUBLIC)
    before = {written for visibility, written in asked if visibility is Visibility.PRIVATE}
    life.run_for(hours=12)
    asked.clear()
    with life.desk.transaction() as session:
        told = mark(session, session.get_one(Complaint, life.complaint(reference).id))

    aim(life.desk, told, Visibility.PRIVATE)

    assert life.delivery(reference, "survey").state is DeliveryState.SENT
    assert True not in before
    assert asked == [(Visibility.PRIVATE, True)]


def test_a_private_answer_is_written_privately(life):
    channel = Fickle("email")
    life.with_channel(channel)
    reference = life.responded(channel="email", handle="mira@contoh.id")
    assert {out.visibility for out in channel.arrived} == {Visibility.PRIVATE}
    assert life.delivery(reference).visibility is Visibility.PRIVATE


def test_what_left_stands_in_the_thread(life):
    reference = life.responded()
    ours = [message for message in life.messages(reference) if message.direction is Direction.OUT]
    assert [message.text for message in ours] == [delivery.text for delivery in life.deliveries(reference)]


def test_a_reply_that_came_before_we_knew_the_id_of_our_post_is_linked_to_it(life):
    came: list[str] = []

    def at_once(out: Outgoing) -> None:
        if out.kind is DeliveryKind.REPLY:
            came.append(life.comes("oh begitu", in_reply_to="instagram-2", handle="wida"))
            life.assess()

    life.with_channel(Fickle(at_sending=at_once))
    reference = life.approved(external_id="p-1")
    life.publish()

    (answer,) = [message for message in life.messages(reference) if message.external_id == "instagram-2"]
    (theirs,) = life.messages(came[0])
    assert (theirs.parent_id, theirs.assess_due) == (answer.id, True)
    assert life.messages(reference)[0].parent_id is None


def test_the_channel_is_given_the_deliverys_own_key(life):
    channel = Fickle()
    reference = on(life, channel)
    life.publish()
    assert channel.arrived[0].key == life.delivery(reference).key


def test_an_answer_that_comes_first_drops_the_acknowledgement(life):
    reference = life.comes()
    life.assess()
    life.answer()
    stop_publishing(life.desk, "all", "uji", person("pr-sari"))
    life.approve_all(reference)
    with life.desk.transaction() as session:
        session.execute(
            update(Delivery)
            .where(col(Delivery.kind) == "acknowledgement")
            .values(due_at=life.now() + timedelta(hours=1))
        )
    allow_publishing(life.desk, "all", "uji", person("pr-sari"))
    life.publish()
    assert life.delivery(reference, "acknowledgement").state is DeliveryState.CANCELLED


def test_a_text_that_is_not_the_approved_one_never_leaves(life):
    channel = Fickle()
    reference = on(life, channel)
    with life.desk.engine.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.execute(text("UPDATE delivery SET text = 'Kami akan menuntut Anda.' WHERE draft_id IS NOT NULL"))
    (outcome,) = life.publish()
    assert channel.tried == []
    assert (outcome.state, outcome.why) == (DeliveryState.FAILED, "its text is not the one that was approved")
    assert life.delivery(reference).needs_person


def test_a_text_that_was_aimed_elsewhere_never_leaves(life):
    channel = Fickle()
    on(life, channel)
    with life.desk.transaction() as session:
        session.execute(update(Delivery).where(col(Delivery.draft_id).is_not(None)).values(visibility="private"))
    assert [outcome.state for outcome in life.publish()] == [DeliveryState.FAILED]
    assert channel.tried == []


# Who sends


def test_two_workers_that_claim_at_once_share_nothing(life):
    several(life, 12)
    start = threading.Barrier(2)

    def take(worker: int) -> list[int]:
        start.wait()
        return [delivery.id for delivery in claim(life.desk, worker, limit=7)]

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(take, [A_WORKER, ANOTHER_WORKER])
    assert set(first).isdisjoint(second)
    assert len(first) + len(second) == 12


def test_two_workers_that_publish_at_once_send_each_text_once(life):
    channel = Fickle(certainty=Certainty.NEITHER)
    several(life, 10)
    life.with_channel(channel)
    start = threading.Barrier(2)

    def work(worker: int) -> None:
        start.wait()
        while claimed := claim(life.desk, worker, limit=2):
            publish(life.desk, claimed)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(work, [A_WORKER, ANOTHER_WORKER]))
    keys = [out.key for out in channel.arrived]
    assert len(keys) == len(set(keys)) == 10


def test_what_is_claimed_is_not_claimed_again(life):
    life.approved()
    assert len(claim(life.desk, A_WORKER)) == 1
    assert claim(life.desk, ANOTHER_WORKER) == []


def test_no_transaction_is_open_while_the_channel_is_called(life):
    seen = []

    def look(_: object) -> None:
        with life.desk.engine.connect() as connection:
            seen.append(
                connection.execute(
                    text(
                        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
                        "AND state LIKE 'idle in transaction%' AND pid <> pg_backend_pid()"
                    )
                ).scalar_one()
            )

    on(life, Fickle(at_sending=look))
    life.publish()
    assert seen == [0]


def test_a_delivery_is_marked_as_sending_before_it_leaves(life):
    seen = []
    reference = on(life, Fickle(at_sending=lambda _: seen.append(life.delivery(reference).state)))
    life.publish()
    assert seen == [DeliveryState.SENDING]


# When


def test_nothing_leaves_before_its_time(life):
    reference = life.comes(life.assessor.finds("jam buka berapa?", Kind.QUESTION))
    life.assess()
    due = life.delivery(reference, "acknowledgement").due_at
    assert life.publish() == []
    assert next_due(life.desk) == due == life.now() + timedelta(hours=4)
    life.clock.set(due)
    assert [outcome.kind for outcome in life.publish()] == [DeliveryKind.ACKNOWLEDGEMENT]


def test_nothing_leaves_after_the_platform_stops_taking_it(life):
    until = life.now() + timedelta(hours=1)
    channel = Fickle(look=lambda _, __: Reachable(ok=True, until=until))
    life.with_channel(channel)
    reference = life.in_review()
    life.clock.set(until + timedelta(seconds=1))
    life.decide(reference)
    (outcome,) = life.publish()
    assert (outcome.state, outcome.why) == (DeliveryState.CANCELLED, "window_closed")
    assert [out.kind for out in channel.arrived] == [DeliveryKind.ACKNOWLEDGEMENT]


def test_a_review_ends_before_the_platform_stops_taking_the_answer(life):
    until = life.now() + timedelta(minutes=30)
    life.with_channel(Fickle(look=lambda _, __: Reachable(ok=True, until=until)))
    reference = life.in_review()
    assert life.reviews(reference)[0].deadline == until


# Try again


def test_a_try_that_may_be_repeated_is_repeated_when_the_channel_asked(life):
    channel = Fickle(tries=[TryAgain("busy", after=90)])
    reference = on(life, channel)
    (outcome,) = life.publish()
    assert (outcome.state, outcome.why, life.delivery(reference).tries) == (DeliveryState.QUEUED, "busy", 0)
    waits = next_due(life.desk) - life.now()
    assert timedelta(seconds=90) <= waits <= timedelta(seconds=90 * 1.1)
    assert life.publish() == []
    life.later(seconds=100)
    assert [one.state for one in life.publish()] == [DeliveryState.SENT]


def test_a_repeated_try_arrives_once(life):
    channel = Fickle(tries=[TryAgain("busy"), ChannelError("who knows")])
    reference = on(life, channel)
    for _ in range(3):
        life.publish()
        life.later(minutes=1)
    assert (len(channel.tried), len(channel.arrived)) == (3, 1)
    assert life.state(reference) is State.RESPONDED


def test_tries_come_later_each_time(life):
    reference = on(life, Fickle(tries=[TryAgain("busy")] * 5))
    waits = []
    for _ in range(5):
        life.publish()
        waits.append(life.delivery(reference).due_at - life.now())
        life.clock.set(life.delivery(reference).due_at)
    assert waits == sorted(waits)
    assert waits[-1] > 8 * waits[0]
    assert waits[-1] <= LONGEST_WAIT * 1.25


def test_after_eight_tries_a_person_looks(life):
    channel = Fickle(tries=[TryAgain("busy")] * 20)
    reference = on(life, channel)
    for _ in range(12):
        life.publish()
        life.later(hours=2)
    delivery = life.delivery(reference)
    assert len(channel.tried) == MOST_TRIES
    assert (delivery.state, delivery.needs_person, delivery.why) == (DeliveryState.FAILED, True, "busy (after 8 tries)")
    assert [event.data["kind"] for event in life.events(reference, "delivery_failed")] == ["reply"]


def test_what_failed_leaves_when_a_person_sends_it_again(life):
    channel = Fickle(tries=[TryAgain("busy")] * MOST_TRIES)
    reference = on(life, channel)
    for _ in range(MOST_TRIES):
        life.publish()
        life.later(hours=2)
    send_again(life.desk, reference, person("cs-nia"))
    life.publish()
    assert life.state(reference) is State.RESPONDED


# Never


def test_an_answer_that_the_platform_refuses_goes_back_to_drafting(life):
    channel = Fickle(tries=[Never("the post is locked")])
    reference = on(life, channel)
    (outcome,) = life.publish()
    assert (outcome.state, outcome.why) == (DeliveryState.FAILED, "the post is locked")
    assert life.state(reference) is State.DRAFTING
    assert life.events(reference, "voided")[-1].data["why"] == "refused_by_platform"


def test_an_answer_that_is_refused_in_public_is_aimed_at_a_private_way(life):
    only_private = lambda _, visibility: Reachable(ok=visibility is Visibility.PRIVATE, why="the post is locked")  # noqa: E731
    channel = Fickle(tries=[Never("the post is locked")])
    reference = on(life, channel)
    life.publish()
    channel.look = only_private
    life.answer()
    life.approve_all(reference)
    life.publish()
    assert [out.visibility for out in channel.arrived] == [Visibility.PRIVATE]


def test_an_answer_that_is_refused_twice_is_held_for_a_person(life):
    reference = on(life, Fickle(tries=[Never("no")] * 2))
    life.publish()
    life.answer()
    life.approve_all(reference)
    life.publish()
    complaint = life.complaint(reference)
    assert (complaint.state, complaint.held_why) == (State.HELD, "refused_by_platform")


def test_a_refused_acknowledgement_is_listed_and_stops_nothing(life):
    life.with_channel(Fickle(tries=[Never("no")]))
    reference = life.in_review()
    assert life.delivery(reference, "acknowledgement").state is DeliveryState.FAILED
    assert life.complaint(reference).acknowledged_at is None


def test_a_channel_that_closed_since_the_approval_is_not_even_tried(life):
    channel = Fickle()
    reference = on(life, channel)
    channel.look = lambda _, __: Reachable(ok=False, why="the author blocked us")
    (outcome,) = life.publish()
    assert (channel.tried, outcome.why) == ([], "the author blocked us")
    assert life.state(reference) is State.DRAFTING


# Unknown whether it arrived


def test_an_unclear_try_is_read_back_and_found(life):
    channel = Fickle(tries=[Unknown("the line broke")], arrives_anyway=True)
    reference = on(life, channel)
    assert [outcome.state for outcome in life.publish()] == [DeliveryState.UNKNOWN]
    life.later(seconds=6)
    life.publish()
    assert (len(channel.tried), len(channel.arrived), channel.looked_back) == (1, 1, 1)
    assert life.state(reference) is State.RESPONDED


def test_an_unclear_try_that_did_not_arrive_is_sent_again(life):
    channel = Fickle(tries=[Unknown("the line broke")])
    reference = on(life, channel)
    life.publish()
    life.later(seconds=6)
    life.publish()
    assert (len(channel.tried), len(channel.arrived), channel.looked_back) == (2, 1, 1)
    assert life.state(reference) is State.RESPONDED


def test_an_unclear_try_is_not_read_back_at_once(life):
    channel = Fickle(tries=[Unknown("the line broke")], arrives_anyway=True)
    on(life, channel)
    life.publish()
    assert life.publish() == []
    assert channel.looked_back == 0


def test_a_read_back_that_fails_leaves_it_unclear(life):
    class Blind(Fickle):
        def find_own(self, out):
            raise TryAgain("the search is down")

    channel = Blind(tries=[Unknown("the line broke")])
    reference = on(life, channel)
    life.publish()
    life.later(seconds=6)
    life.publish()
    assert life.delivery(reference).state is DeliveryState.UNKNOWN
    assert len(channel.tried) == 1


def test_an_idempotent_channel_takes_the_key_again(life):
    channel = Fickle(certainty=Certainty.IDEMPOTENT, tries=[Unknown("the line broke")], arrives_anyway=True)
    reference = on(life, channel)
    life.publish()
    life.later(seconds=6)
    life.publish()
    assert (len(channel.tried), len(channel.arrived), channel.looked_back) == (2, 1, 0)
    assert {out.key for out in channel.tried} == {life.delivery(reference).key}
    assert life.state(reference) is State.RESPONDED


@pytest.mark.parametrize("arrived", [True, False])
def test_where_nobody_can_tell_the_machine_never_sends_again(arrived, life):
    channel = Fickle(certainty=Certainty.NEITHER, tries=[Unknown("the line broke")], arrives_anyway=arrived)
    reference = on(life, channel)
    life.publish()
    life.later(days=2)
    assert life.publish() == []
    assert len(channel.tried) == 1
    assert life.delivery(reference).needs_person
    assert life.events(reference, "delivery_unclear")[0].data["needs_person"] is True


def test_a_person_who_finds_the_text_there_says_so(life):
    channel = Fickle(certainty=Certainty.NEITHER, tries=[Unknown("the line broke")], arrives_anyway=True)
    reference = on(life, channel)
    life.publish()
    posted(life.desk, reference, "https://ig.example/p/1", person("cs-nia"))
    delivery = life.delivery(reference)
    assert (delivery.state, delivery.posted_by, delivery.url) == (
        DeliveryState.SENT,
        "cs-nia",
        "https://ig.example/p/1",
    )
    assert life.state(reference) is State.RESPONDED


def test_a_person_who_finds_nothing_there_sends_it_again(life):
    channel = Fickle(certainty=Certainty.NEITHER, tries=[Unknown("the line broke")])
    reference = on(life, channel)
    life.publish()
    send_again(life.desk, reference, person("cs-nia"))
    life.publish()
    assert len(channel.arrived) == 1
    assert life.events(reference, "sent_again")[0].by == "cs-nia"


def test_an_answer_that_was_given_up_is_not_sent_again(life):
    reference = on(life, Fickle(tries=[Never("no")]))
    life.publish()
    with pytest.raises(Mistake, match="failed or is unclear"):
        send_again(life.desk, reference, person("cs-nia"))


# Meanwhile


def test_what_is_voided_after_it_was_claimed_does_not_leave(life):
    channel = Fickle()
    reference = on(life, channel)
    claimed = claim(life.desk, A_WORKER)
    life.drafting(reference)
    (outcome,) = publish(life.desk, claimed)
    assert (channel.tried, outcome.state) == ([], DeliveryState.CANCELLED)


@pytest.mark.parametrize("says", [Reachable(ok=False, why="locked"), None], ids=["refused", "over the limit"])
def test_what_is_voided_while_the_channel_is_asked_stays_voided(says, life):
    channel = Fickle()
    reference = on(life, channel)
    if says is None:
        life.with_policy(publishing=one_in_two_hours(life))
        use_up(life)
    claimed = claim(life.desk, A_WORKER)

    def meanwhile(_: object, __: object) -> Reachable:
        if life.state(reference) is State.APPROVED:
            life.drafting(reference)
        return says or Reachable(ok=True)

    channel.look = meanwhile
    (outcome,) = publish(life.desk, claimed)
    assert outcome.state is DeliveryState.CANCELLED
    assert life.delivery(reference).state is DeliveryState.CANCELLED
    life.later(hours=3)
    assert life.publish() == []


def test_what_is_leaving_is_not_voided_any_more(life):
    channel = Fickle(at_sending=lambda _: life.comes("tambahan", in_reply_to=life.messages(reference)[0].external_id))
    reference = on(life, channel)
    life.publish()
    assert life.state(reference) is State.RESPONDED
    assert life.events(reference, "voided") == []


@pytest.mark.parametrize("assessed", [True, False], ids=["assessed before it arrived", "assessed afterwards"])
def test_a_message_that_came_while_the_answer_was_leaving_is_answered_next(assessed, life):
    def meanwhile(_: object) -> None:
        life.later(seconds=2)
        life.comes("dan satu lagi: barangnya pecah", in_reply_to=life.messages(reference)[0].external_id)
        if assessed:
            life.assess()

    channel = Fickle(at_sending=meanwhile)
    reference = on(life, channel)
    life.publish()
    channel.at_sending = lambda _: None
    life.assess()
    assert life.state(reference) is State.DRAFTING
    assert [event.name for event in life.events(reference) if event.name == "answer_due"] == ["answer_due"]


def overtaken(life: Life, channel: Fickle) -> str:
    """A complaint whose customer writes again while nobody knows whether its answer arrived."""
    reference = on(life, channel)
    life.publish()
    assert life.delivery(reference).state is DeliveryState.UNKNOWN
    life.later(seconds=6)
    life.comes("dan satu lagi: barangnya pecah", in_reply_to=life.messages(reference)[0].external_id)
    life.assess()
    return reference


def test_an_unclear_answer_that_did_not_arrive_is_not_sent_after_its_customer_wrote_again(life):
    channel = Fickle(tries=[Unknown("the line broke")])
    reference = overtaken(life, channel)
    life.publish()
    assert (len(channel.tried), channel.arrived) == (1, [])
    assert life.delivery(reference).state is DeliveryState.CANCELLED
    assert life.events(reference, "voided")[-1].data["why"] == "new_message"
    assert life.state(reference) is State.DRAFTING


def test_an_unclear_answer_that_did_arrive_stands_and_its_customer_gets_another(life):
    channel = Fickle(tries=[Unknown("the line broke")], arrives_anyway=True)
    reference = overtaken(life, channel)
    life.publish()
    assert life.delivery(reference).state is DeliveryState.SENT
    assert life.names(reference)[-2:] == ["responded", "answer_due"]


def test_an_unclear_answer_on_an_idempotent_channel_is_left_to_a_person_once_its_customer_wrote_again(life):
    channel = Fickle(certainty=Certainty.IDEMPOTENT, tries=[Unknown("the line broke")])
    reference = overtaken(life, channel)
    life.publish()
    assert len(channel.tried) == 1
    assert life.delivery(reference).needs_person


def test_a_person_does_not_send_again_what_its_customer_overtook(life):
    reference = overtaken(life, Fickle(certainty=Certainty.NEITHER, tries=[Unknown("the line broke")]))
    with pytest.raises(Mistake, match="approved no more"):
        send_again(life.desk, reference, person("cs-nia"))
    assert life.delivery(reference).state is DeliveryState.CANCELLED
    assert life.state(reference) is State.DRAFTING


def test_a_failed_answer_is_given_up_when_its_customer_writes_again(life):
    channel = Fickle(tries=[TryAgain("busy")] * MOST_TRIES)
    reference = on(life, channel)
    for _ in range(MOST_TRIES):
        life.publish()
        life.later(hours=2)
    assert life.delivery(reference).state is DeliveryState.FAILED
    life.drafting(reference)
    assert life.delivery(reference).state is DeliveryState.CANCELLED


def test_an_earlier_answer_that_was_refused_is_never_sent_again_in_place_of_a_later_one(life):
    channel = Fickle(tries=[Never("no"), *[TryAgain("busy")] * MOST_TRIES])
    reference = on(life, channel)
    life.publish()
    life.answer()
    life.approve_all(reference)
    for _ in range(MOST_TRIES):
        life.publish()
        life.later(hours=2)
    send_again(life.desk, reference, person("cs-nia"))
    life.publish()
    assert [out.text for out in channel.arrived] == [life.drafts(reference)[-1].text]


def test_thanks_that_came_while_the_answer_was_leaving_need_no_answer(life):
    def meanwhile(_: object) -> None:
        life.later(seconds=2)
        life.comes(life.assessor.finds("oke makasih", Kind.PRAISE), in_reply_to=life.messages(reference)[0].external_id)
        life.assess()

    reference = on(life, Fickle(at_sending=meanwhile))
    life.publish()
    assert life.state(reference) is State.RESPONDED


def test_publishing_that_is_stopped_after_a_claim_keeps_the_text(life):
    channel = Fickle()
    reference = on(life, channel)
    claimed = claim(life.desk, A_WORKER)
    stop_publishing(life.desk, "all", "uji", person("pr-sari"))
    (outcome,) = publish(life.desk, claimed)
    assert (channel.tried, outcome.state) == ([], DeliveryState.QUEUED)
    assert life.delivery(reference).claimed_by is None


def test_a_stop_of_one_channel_stops_that_channel(life):
    stopped, free = life.in_review(channel="x", addressed=True, handle="satu"), life.in_review(handle="dua")
    life.approve_all(stopped)
    life.approve_all(free)
    stop_publishing(life.desk, "channel:x", "akun diretas", person("pr-sari"))
    life.publish()
    assert (life.state(stopped), life.state(free)) == (State.APPROVED, State.RESPONDED)


@pytest.mark.parametrize("scope", ["", "semua", "channel:tiktok", "incident:IN-x", "incident:3", "channel:"])
def test_a_stop_of_nothing_is_a_mistake(scope, life):
    with pytest.raises(Mistake, match="is nothing that can be stopped"):
        stop_publishing(life.desk, scope, "uji", person("pr-sari"))


def test_what_policy_exempts_leaves_while_publishing_is_stopped(life):
    exempt = life.desk.policy.publishing.kill_switch.model_copy(update={"exempt": (DeliveryKind.ACKNOWLEDGEMENT,)})
    life.with_policy(publishing=life.desk.policy.publishing.model_copy(update={"kill_switch": exempt}))
    reference = life.comes()
    life.assess()
    stop_publishing(life.desk, "all", "uji", person("pr-sari"))
    assert [outcome.kind for outcome in life.publish()] == [DeliveryKind.ACKNOWLEDGEMENT]
    assert life.complaint(reference).acknowledged_at is not None


def test_a_stop_is_lifted_by_name(life):
    stop_publishing(life.desk, "all", "uji", person("pr-sari"))
    assert allow_publishing(life.desk, "all", "sudah jelas", person("legal-tono"))
    assert not allow_publishing(life.desk, "all", "sudah jelas", person("legal-tono"))


# Workers that die


@pytest.fixture
def listener(life: Life) -> Iterator[Listener]:
    with Listener(life.desk.engine.url.render_as_string(hide_password=False), "deliver") as listener:
        yield listener


def test_a_worker_lives_as_long_as_its_connection(life):
    url = life.desk.engine.url.render_as_string(hide_password=False)
    with Listener(url, "deliver") as listener:
        worker = register_worker(listener)
        assert worker in live_workers(life.desk.engine)
    assert gone(life, worker)


def gone(life: Life, worker: int) -> bool:
    """PostgreSQL frees a lock a moment after the connection closed."""
    for _ in range(100):
        if worker not in live_workers(life.desk.engine):
            return True
        threading.Event().wait(0.02)
    return False


def dead(life: Life) -> int:
    """The number of a worker that lived and died."""
    with Listener(life.desk.engine.url.render_as_string(hide_password=False), "deliver") as listener:
        worker = register_worker(listener)
    assert gone(life, worker)
    return worker


def test_what_a_dead_worker_had_only_claimed_goes_back_into_the_queue(life):
    channel = Fickle(certainty=Certainty.NEITHER)
    reference = on(life, channel)
    claim(life.desk, dead(life))
    assert [outcome.state for outcome in recover(life.desk)] == [DeliveryState.QUEUED]
    life.publish()
    assert len(channel.arrived) == 1
    assert life.state(reference) is State.RESPONDED


def died_while_sending(life: Life, channel: Fickle) -> str:
    """A complaint whose answer was leaving when its worker died."""

    class Killed(BaseException):
        """What SIGKILL looks like from inside: nothing is caught and nothing is recorded."""

    def kill(_: object) -> None:
        raise Killed

    reference = on(life, channel)
    channel.at_sending = kill
    with pytest.raises(Killed):
        publish(life.desk, claim(life.desk, dead(life)))
    channel.at_sending = lambda _: None
    assert life.delivery(reference).state is DeliveryState.SENDING
    return reference


@pytest.mark.parametrize("arrived", [True, False], ids=["it had arrived", "it had not arrived"])
def test_what_a_dead_worker_was_sending_is_read_back(arrived, life):
    channel = Fickle()
    reference = died_while_sending(life, channel)
    if arrived:
        channel.arrived.append(channel.tried[-1])
    assert [outcome.state for outcome in recover(life.desk)] == [DeliveryState.UNKNOWN]
    life.publish()
    assert len(channel.arrived) == 1
    assert life.state(reference) is State.RESPONDED


def test_what_a_dead_worker_was_sending_where_nobody_can_tell_is_left_to_a_person(life):
    channel = Fickle(certainty=Certainty.NEITHER)
    reference = died_while_sending(life, channel)
    recover(life.desk)
    life.later(days=1)
    assert life.publish() == []
    assert life.delivery(reference).needs_person


def test_a_worker_that_dies_on_a_second_look_leaves_it_unclear(life):
    channel = Fickle(tries=[Unknown("the line broke")], arrives_anyway=True)
    reference = on(life, channel)
    life.publish()
    life.later(seconds=6)
    claim(life.desk, dead(life))
    assert [outcome.state for outcome in recover(life.desk)] == [DeliveryState.UNKNOWN]
    life.publish()
    assert len(channel.arrived) == 1
    assert life.state(reference) is State.RESPONDED


def test_what_a_living_worker_holds_is_left_to_it(life, listener):
    on(life, Fickle())
    worker = register_worker(listener)
    claimed = claim(life.desk, worker)
    assert recover(life.desk) == []
    publish(life.desk, claimed)


def test_a_worker_that_was_taken_for_dead_and_is_not_sends_nothing_twice(life):
    channel = Fickle()
    reference = on(life, channel)
    slow = claim(life.desk, dead(life))
    recover(life.desk)
    life.publish()
    (outcome,) = publish(life.desk, slow)
    assert (len(channel.arrived), outcome.state) == (1, DeliveryState.SENT)
    assert [event.data["kind"] for event in life.events(reference, "delivered")].count("reply") == 1


# Limits of the platforms


def one_in_two_hours(life: Life) -> Publishing:
    budget = Budget(channel="instagram", at_most=1, per="2h")
    return life.desk.policy.publishing.model_copy(update={"budgets": (budget,)})


def use_up(life: Life) -> None:
    with life.desk.transaction() as session:
        session.add(RateUse(bucket="instagram:default:any:7200", at=life.now()))


def test_beyond_the_platforms_limit_texts_wait_their_turn(life):
    first, second = several(life, 2)
    life.with_policy(publishing=one_in_two_hours(life))
    life.publish()
    assert sorted([life.state(first), life.state(second)]) == [State.APPROVED, State.RESPONDED]
    life.later(minutes=119)
    assert life.publish() == []
    life.later(minutes=40)
    life.publish()
    assert life.state(second) is State.RESPONDED


def test_waiting_for_a_turn_counts_as_no_try(life):
    reference = life.approved()
    life.with_policy(publishing=one_in_two_hours(life))
    use_up(life)
    life.publish()
    delivery = life.delivery(reference)
    assert (delivery.tries, delivery.why) == (0, "the platform's limit is used up")


def test_workers_share_one_limit(life):
    several(life, 6)
    budget = Budget(channel="instagram", at_most=3, per="2h")
    life.with_policy(publishing=life.desk.policy.publishing.model_copy(update={"budgets": (budget,)}))
    channel = Fickle()
    life.with_channel(channel)
    start = threading.Barrier(3)

    def work(worker: int) -> None:
        start.wait()
        publish(life.desk, claim(life.desk, worker, limit=2))

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(work, [1, 2, 3]))
    assert len(channel.arrived) == 3


# By hand


def by_hand(life: Life) -> str:
    life.with_channel(ManualChannel("x"))
    return life.approved(grave(life.assessor), channel="x", addressed=True)


def test_where_no_program_can_post_a_person_does(life):
    reference = by_hand(life)
    assert life.publish() == []
    assert (life.delivery(reference).state, life.delivery(reference).needs_person) == (DeliveryState.MANUAL, True)


def test_what_a_person_posted_is_compared_with_what_was_approved(life):
    reference = by_hand(life)
    approved = life.delivery(reference).text
    compared = posted(
        life.desk, reference, "https://x.example/1", person("pr-sari"), found_text=f"  {approved.replace(' ', '  ')} "
    )
    assert compared.same
    assert life.state(reference) is State.RESPONDED


def test_what_a_person_posted_otherwise_is_seen(life):
    reference = by_hand(life)
    compared = posted(
        life.desk, reference, "https://x.example/1", person("pr-sari"), found_text="Maaf ya, salah sendiri."
    )
    assert not compared.same
    assert compared.likeness < 0.5
    assert life.events(reference, "posted_by_hand")[0].data["as_approved"] is False


def test_what_nobody_could_read_there_is_not_called_as_approved(life):
    reference = by_hand(life)
    posted(life.desk, reference, "https://x.example/1", person("pr-sari"))
    assert "as_approved" not in life.events(reference, "posted_by_hand")[0].data


def test_one_address_for_two_answers_is_taken(life):
    first = by_hand(life)
    second = life.approved("hal lain: aplikasi rusak", channel="x", addressed=True, handle="dua")
    posted(life.desk, first, "https://x.example/1", person("pr-sari"))
    posted(life.desk, second, "https://x.example/1", person("pr-sari"))
    assert life.state(second) is State.RESPONDED


def test_nothing_is_posted_that_nobody_waits_for(life):
    with pytest.raises(Mistake, match="waits to be posted by hand"):
        posted(life.desk, life.responded(), "https://x.example/1", person("pr-sari"))


def test_a_further_message_takes_back_what_a_person_should_post(life):
    reference = by_hand(life)
    life.drafting(reference)
    assert life.delivery(reference).state is DeliveryState.CANCELLED
    with pytest.raises(Mistake, match="waits to be posted by hand"):
        posted(life.desk, reference, "https://x.example/1", person("pr-sari"))
