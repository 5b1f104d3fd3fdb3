"""What a platform says by our own key settles what was doubtful: it arrived, or it came back for good."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from factories import A_WORKER, Fickle, Life, person
from sqlalchemy import update
from sqlmodel import col

from db.tables import Delivery, DeliveryState, Direction
from db.words import DeliveryKind, State
from integrations.channels.base import Certainty, Outgoing, Unknown
from integrations.channels.manual import ManualChannel
from integrations.record import Arrived, Bounced
from tasks.erase import erase
from tasks.people import posted, send_again, waiting_by_hand
from tasks.publish import claim, publish
from tasks.record import Recorded, record

pytest_plugins = ("lives",)

CHAT = {"channel": "whatsapp", "handle": "628111"}
BROKE = "the line broke"


def arrived(key: str, *, at: datetime, **changes: object) -> Arrived:
    fields: dict[str, object] = {"channel": "whatsapp", "key": key, "platform_id": f"wamid.{key}", "at": at}
    return Arrived(**(fields | {"place": "call-1", "raw": b"{}"} | changes))


def came_back(key: str, **changes: object) -> Bounced:
    fields: dict[str, object] = {
        "channel": "whatsapp",
        "key": key,
        "platform_id": f"wamid.{key}",
        "why": "no such user",
    }
    return Bounced(**(fields | {"place": "call-1", "raw": b"{}"} | changes))


def tell(life: Life, *items: object) -> Recorded:
    return record(life.desk, items, source="test")


def doubtful(life: Life, at_sending: Callable[[Outgoing], None] = lambda _: None) -> str:
    """A complaint of whose answer nobody knows whether it arrived."""
    reference = life.approved(**CHAT)
    life.with_channel(Fickle("whatsapp", certainty=Certainty.NEITHER, tries=[Unknown(BROKE)], at_sending=at_sending))
    life.publish()
    return reference


def ours(life: Life, reference: str) -> list[tuple[str, datetime]]:
    messages = [message for message in life.messages(reference) if message.direction is Direction.OUT]
    return [(message.external_id, message.posted_at) for message in messages if message.external_id.startswith("wamid")]


def change(life: Life, delivery: Delivery, **values: object) -> None:
    with life.desk.transaction() as session:
        session.execute(update(Delivery).where(col(Delivery.id) == delivery.id).values(**values))


# It arrived


def test_a_doubtful_answer_that_the_platform_says_arrived_is_sent(life):
    reference = doubtful(life)
    before = life.delivery(reference)
    at = life.now()
    life.later(minutes=3)

    assert tell(life, arrived(before.key, at=at)).arrived == 1

    after = life.delivery(reference)
    assert (before.state, before.needs_person) == (DeliveryState.UNKNOWN, True)
    assert (after.state, after.sent_at, after.platform_id) == (DeliveryState.SENT, at, f"wamid.{after.key}")
    assert ours(life, reference) == [(f"wamid.{after.key}", at)]
    assert life.state(reference) is State.RESPONDED


def test_what_arrived_after_all_stands_on_the_trail_and_asks_nobody_any_more(life):
    reference = doubtful(life)
    tell(life, arrived(life.delivery(reference).key, at=life.now()))

    assert life.names(reference)[-3:] == ["delivery_unclear", "delivered", "responded"]
    with life.desk.transaction() as session:
        assert waiting_by_hand(session, life.complaint(reference).id) is None


def test_an_acknowledgement_that_arrived_after_all_counts(life):
    reference = life.comes(**CHAT)
    life.assess()
    life.with_channel(Fickle("whatsapp", certainty=Certainty.NEITHER, tries=[Unknown(BROKE)]))
    life.publish()
    assert life.complaint(reference).acknowledged_at is None

    tell(life, arrived(life.delivery(reference, "acknowledgement").key, at=life.now()))

    assert life.complaint(reference).acknowledged_at == life.now()


def test_an_answer_that_arrived_is_not_sent_again_though_a_person_said_so(life):
    reference = doubtful(life)
    send_again(life.desk, reference, person("cs-nia"))
    again = Fickle("whatsapp", certainty=Certainty.NEITHER)
    life.with_channel(again)

    tell(life, arrived(life.delivery(reference).key, at=life.now()))
    life.later(hours=1)
    life.publish()

    assert again.tried == []
    assert life.delivery(reference).state is DeliveryState.SENT


def test_what_a_worker_was_about_to_send_once_more_stays_unsent(life):
    reference = doubtful(life)
    send_again(life.desk, reference, person("cs-nia"))
    again = Fickle("whatsapp", certainty=Certainty.NEITHER)
    life.with_channel(again)
    claimed = claim(life.desk, A_WORKER)

    tell(life, arrived(life.delivery(reference).key, at=life.now()))
    publish(life.desk, claimed)

    assert again.tried == []
    assert life.delivery(reference).state is DeliveryState.SENT


@pytest.mark.parametrize("error", [None, Unknown(BROKE)])
def test_the_platform_may_say_so_before_it_has_answered_our_request(error, life):
    reference = life.approved(**CHAT)
    word = arrived(life.delivery(reference).key, at=life.now())
    channel = Fickle(
        "whatsapp", certainty=Certainty.NEITHER, tries=[error], at_sending=lambda _: tell(life, word) and None
    )
    life.with_channel(channel)
    life.publish()

    assert life.delivery(reference).state is DeliveryState.SENT
    assert ours(life, reference) == [(word.platform_id, word.at)]
    assert life.names(reference).count("responded") == 1


def test_the_same_word_again_changes_nothing(life):
    reference = doubtful(life)
    word = arrived(life.delivery(reference).key, at=life.now())

    assert [tell(life, word).arrived for _ in range(3)] == [1, 0, 0]
    assert life.names(reference).count("delivered") == 2  # the acknowledgement, and this


def test_of_what_was_sent_to_an_unknown_place_the_place_is_kept(life):
    reference = life.responded(**CHAT)
    sent = life.delivery(reference)
    change(life, sent, platform_id=None)
    before = life.names(reference)

    assert tell(life, arrived(sent.key, at=life.now() + timedelta(hours=1))).arrived == 0

    after = life.delivery(reference)
    assert (after.platform_id, after.sent_at, life.names(reference)) == (f"wamid.{sent.key}", sent.sent_at, before)


def test_of_whom_was_forgotten_no_place_is_written_down_again(life):
    reference = life.responded(**CHAT)
    key = life.delivery(reference).key
    erase(life.desk, reference, person("legal-tono"))

    tell(life, arrived(key, at=life.now()))

    assert life.delivery(reference).platform_id is None


@pytest.mark.parametrize("changes", [{"key": "TG-1:reply:9"}, {"channel": "telegram"}, {"account": "toko"}])
def test_word_of_a_text_that_is_not_ours_changes_nothing(changes, life):
    reference = doubtful(life)

    assert tell(life, arrived(**{"key": life.delivery(reference).key, "at": life.now()} | changes)).arrived == 0
    assert life.delivery(reference).state is DeliveryState.UNKNOWN


def test_an_answer_to_it_in_the_same_call_joins_its_complaint(life):
    reference = doubtful(life)
    word = arrived(life.delivery(reference).key, at=life.now())
    life.later(days=30)
    reply = life.message("masih belum juga", in_reply_to=word.platform_id, **CHAT)

    done = tell(life, reply, word)

    assert (done.arrived, done.complaints) == (1, [life.complaint(reference).id])


# It came back


def test_a_text_whose_place_is_not_known_is_found_by_its_key(life):
    life.with_channel(ManualChannel("whatsapp"))
    reference = life.approved(**CHAT)
    posted(life.desk, reference, "https://wa.example/1", person("cs-nia"))

    assert tell(life, came_back(life.delivery(reference).key)).bounced == 1
    assert life.delivery(reference).state is DeliveryState.FAILED


def test_a_doubtful_answer_that_came_back_goes_to_a_person(life):
    reference = doubtful(life)

    assert tell(life, came_back(life.delivery(reference).key)).bounced == 1

    complaint, delivery = life.complaint(reference), life.delivery(reference)
    assert (complaint.state, complaint.held_why) == (State.HELD, "bounced")
    assert (delivery.state, delivery.why, delivery.needs_person) == (DeliveryState.FAILED, "no such user", False)
    assert [event.data["why"] for event in life.events(reference, "voided")] == ["bounced"]


def test_a_doubtful_acknowledgement_that_came_back_is_listed_for_a_person(life):
    reference = life.comes(**CHAT)
    life.assess()
    life.with_channel(Fickle("whatsapp", certainty=Certainty.NEITHER, tries=[Unknown(BROKE)]))
    life.publish()

    tell(life, came_back(life.delivery(reference, "acknowledgement").key))

    delivery = life.delivery(reference, "acknowledgement")
    assert (delivery.state, delivery.needs_person) == (DeliveryState.FAILED, True)
    assert life.state(reference) is State.ASSESSED


@pytest.mark.parametrize("error", [None, Unknown(BROKE)])
def test_what_came_back_before_our_request_was_answered_counts_as_not_said(error, life):
    reference = life.approved(**CHAT)
    word = came_back(life.delivery(reference).key)
    life.with_channel(
        Fickle("whatsapp", certainty=Certainty.NEITHER, tries=[error], at_sending=lambda _: tell(life, word) and None)
    )
    life.publish()

    assert life.delivery(reference).state is DeliveryState.FAILED
    assert life.state(reference) is State.HELD
    assert ours(life, reference) == []


def test_first_taken_then_returned_in_one_call_is_returned(life):
    reference = doubtful(life)
    key = life.delivery(reference).key

    done = tell(life, arrived(key, at=life.now()), came_back(key))

    assert (done.arrived, done.bounced, life.state(reference)) == (1, 1, State.HELD)


@pytest.mark.parametrize("changes", [{"key": "TG-1:reply:9"}, {"channel": "telegram"}, {"account": "toko"}])
def test_what_came_back_of_somebody_elses_changes_nothing(changes, life):
    reference = doubtful(life)

    assert tell(life, came_back(**{"key": life.delivery(reference).key} | changes)).bounced == 0
    assert life.delivery(reference).state is DeliveryState.UNKNOWN


def test_what_waits_to_be_sent_did_not_come_back(life):
    reference = life.approved(**CHAT)

    assert tell(life, came_back(life.delivery(reference).key)).bounced == 0
    life.publish()
    assert [out.kind for out in life.deliveries(reference)] == [DeliveryKind.ACKNOWLEDGEMENT, DeliveryKind.REPLY]
    assert life.state(reference) is State.RESPONDED
