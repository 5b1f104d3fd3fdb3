"""A text that a platform took and then did not deliver counts as not said: people find another way."""

from datetime import timedelta

import pytest
from factories import LATE, Fickle, Life, message, person
from sqlalchemy import select

from db.tables import Complaint, Delivery, DeliveryState
from db.words import DeliveryKind, State, Visibility
from integrations.channels.manual import ManualChannel
from integrations.record import Bounced
from tasks.follow_up import NotResolvable, resolve
from tasks.people import Mistake, posted, send_again
from tasks.record import record

pytest_plugins = ("lives",)

MAIL = {"channel": "email", "handle": "mira@contoh.id"}


def report(life: Life, delivery: Delivery, **changes: object) -> Bounced:
    fields: dict[str, object] = {
        "channel": delivery.channel,
        "platform_id": delivery.platform_id,
        "why": "the mailbox does not exist",
        "place": "report-1",
        "raw": b"report",
    }
    return Bounced(**(fields | changes))


def comes_back(life: Life, delivery: Delivery, **changes: object) -> int:
    """The report about this text comes in; how many texts were taken back."""
    return record(life.desk, [report(life, delivery, **changes)], source="test").bounced


def untouched(life: Life) -> list[tuple]:
    with life.desk.transaction() as session:
        deliveries = session.execute(select(Delivery.id, Delivery.state, Delivery.why).order_by(Delivery.id)).all()
        complaints = session.execute(select(Complaint.id, Complaint.state, Complaint.version)).all()
    return [*deliveries, *complaints]


def test_an_answer_that_bounced_goes_to_a_person(life):
    reference = life.responded(**MAIL)

    assert comes_back(life, life.delivery(reference)) == 1

    complaint, delivery = life.complaint(reference), life.delivery(reference)
    assert (complaint.state, complaint.held_why, complaint.responded_at) == (State.HELD, "bounced", None)
    assert (delivery.state, delivery.why, delivery.sent_at) == (
        DeliveryState.FAILED,
        "the mailbox does not exist",
        None,
    )
    assert complaint.owner is not None
    assert complaint.held_until is not None
    assert [event.data["kind"] for event in life.events(reference, "delivery_bounced")] == ["reply"]


def test_what_people_answer_in_another_way_is_not_the_old_text_again(life):
    reference = life.responded(**MAIL)
    comes_back(life, life.delivery(reference))

    with pytest.raises(Mistake):
        send_again(life.desk, reference, person("cs-nia"))


def test_the_same_report_twice_takes_back_once(life):
    reference = life.responded(**MAIL)
    delivery = life.delivery(reference)

    assert [comes_back(life, delivery) for _ in range(3)] == [1, 0, 0]
    assert len(life.events(reference, "delivery_bounced")) == 1


def test_a_platform_that_still_tries_changes_nothing(life):
    reference = life.responded(**MAIL)

    assert comes_back(life, life.delivery(reference), for_good=False) == 0
    assert life.state(reference) is State.RESPONDED


@pytest.mark.parametrize(
    "changes", [{"platform_id": "<unknown@elsewhere>"}, {"channel": "x"}, {"account": "toko"}, {"platform_id": ""}]
)
def test_a_report_about_an_unknown_text_changes_nothing(life, changes):
    reference = life.responded(**MAIL)
    before = untouched(life)

    assert comes_back(life, life.delivery(reference), **changes) == 0
    assert untouched(life) == before


def test_a_report_about_a_text_that_has_not_left_changes_nothing(life):
    reference = life.approved(**MAIL)
    before = untouched(life)

    assert comes_back(life, life.delivery(reference), platform_id="") == 0
    assert untouched(life) == before


def test_an_acknowledgement_that_bounced_does_not_count(life):
    reference = life.comes(**MAIL)
    life.assess()
    life.publish()
    assert life.complaint(reference).acknowledged_at is not None

    assert comes_back(life, life.delivery(reference, "acknowledgement")) == 1

    complaint = life.complaint(reference)
    assert (complaint.acknowledged_at, complaint.state) == (None, State.ASSESSED)
    assert life.delivery(reference, "acknowledgement").needs_person


def test_a_complaint_that_heard_nothing_cannot_be_called_solved(life):
    reference = life.in_review(**MAIL)
    comes_back(life, life.delivery(reference, "acknowledgement"))

    with pytest.raises(NotResolvable):
        resolve(life.desk, reference, person("cs-nia"), "Sudah beres.")


def test_an_older_answer_that_bounced_late_does_not_take_back_the_newer_one(life):
    reference = life.responded(**MAIL)
    first = life.delivery(reference)
    life.later(hours=1)
    again = message("masih belum juga", at=life.now(), in_reply_to=life.messages(reference)[0].external_id, **MAIL)
    life.record(again)
    life.assess()
    life.answer()
    life.approve_all(reference)
    life.publish()
    answered_at = life.complaint(reference).responded_at

    assert comes_back(life, first) == 1

    assert life.state(reference) is State.RESPONDED
    assert life.complaint(reference).responded_at == answered_at


def test_a_newer_answer_that_bounced_leaves_the_older_one_said(life):
    reference = life.responded(**MAIL)
    first_at = life.complaint(reference).responded_at
    life.later(hours=1)
    life.record(message("masih belum juga", at=life.now(), in_reply_to=life.messages(reference)[0].external_id, **MAIL))
    life.assess()
    life.answer()
    life.approve_all(reference)
    life.publish()

    comes_back(life, life.delivery(reference))

    complaint = life.complaint(reference)
    assert (complaint.state, complaint.held_why, complaint.responded_at) == (State.HELD, "bounced", first_at)


def test_an_answer_that_bounced_after_the_case_was_solved_is_listed_for_a_person(life):
    reference = life.resolved(**MAIL)

    comes_back(life, life.delivery(reference))

    assert life.state(reference) is State.RESOLVED
    assert life.delivery(reference).needs_person


def test_two_texts_under_one_address_are_taken_back_one_by_one(life):
    life.with_channel(ManualChannel("x"))
    references = [
        life.approved(text, channel="x", addressed=True, handle=handle)
        for text, handle in ((LATE, "satu"), ("aplikasi kalian rusak terus", "dua"))
    ]
    for reference in references:
        posted(life.desk, reference, "https://x.example/1", person("pr-sari"))

    first = life.deliveries(references[0])[0]
    counts = [comes_back(life, first) for _ in range(3)]

    assert counts == [1, 1, 0]


def test_the_private_word_beside_an_answer_that_bounced_does_not_leave(life):
    life.with_channel(ManualChannel("x"))
    reference = life.approved(channel="x", addressed=True)
    posted(life.desk, reference, "https://x.example/1", person("pr-sari"))
    public, private = life.deliveries(reference)
    assert (private.visibility, private.state) == (Visibility.PRIVATE, DeliveryState.MANUAL)

    comes_back(life, public)

    assert life.deliveries(reference)[1].state is DeliveryState.CANCELLED


def test_after_a_bounce_the_same_way_is_not_taken_again_by_itself(life):
    channel = Fickle("email")
    life.with_channel(channel)
    reference = life.responded(**MAIL)

    comes_back(life, life.delivery(reference))
    life.later(days=1)
    life.answer()
    life.publish()

    assert life.state(reference) is State.HELD
    assert [out.kind for out in channel.arrived] == [DeliveryKind.ACKNOWLEDGEMENT, DeliveryKind.REPLY]
    assert {out.visibility for out in channel.arrived} == {Visibility.PRIVATE}


def test_a_report_in_the_same_page_as_messages_is_taken_with_them(life):
    reference = life.responded(**MAIL)
    done = record(
        life.desk,
        [life.message("hal lain lagi", **MAIL), report(life, life.delivery(reference))],
        source="test",
        cursor=("email", "default", "7"),
    )
    assert (done.accepted, done.bounced) == (1, 1)


def test_while_a_report_is_on_its_way_an_answer_counts(life):
    reference = life.responded(**MAIL)
    life.later(minutes=5)
    assert life.complaint(reference).responded_at == life.now() - timedelta(minutes=5)
