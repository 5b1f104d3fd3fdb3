"""The reply window closed: the customer is asked once to write back, and the answer goes on by itself when they do."""

from datetime import datetime, timedelta

import pytest
from factories import LATE, Fickle, Life, person
from sqlalchemy import select

from db.tables import Complainant, Delivery, DeliveryState, RoundState
from db.words import DeliveryKind, Gate, Kind, State, Visibility
from desk.gateway.states import promised, state_name
from integrations.channels.base import Certainty, Never, Outgoing, Reachable, Sent, Target, within_window
from integrations.record import Bounced
from policy.templates import WRITE_BACK
from tasks.decide import draft_by_person
from tasks.follow_up import resolve
from tasks.record import record
from tasks.words import slots

pytest_plugins = ("lives",)

WINDOW = timedelta(hours=24)
OURS = "Halo Kak, mohon maaf atas paket yang terlambat. Paket Anda kami telusuri bersama kurir dan kami kabari di sini."


class Chat(Fickle):
    """A platform that takes any text for a day after the customer's last word, and then what it approved before."""

    def __init__(self, life: Life, *, templates: tuple[str, ...] | None = None, **changes: object) -> None:
        super().__init__("whatsapp", certainty=Certainty.NEITHER, **changes)
        self.life = life
        self.templates = templates
        self.closes_early = timedelta(0)

    def is_template(self, text: str) -> bool | None:
        if self.templates is None:
            return "baru boleh menulis setelah Anda menulis lagi" in text or "only after you have written" in text
        return text in self.templates if self.templates else None

    def can_reply(self, target: Target, visibility: Visibility, now: datetime) -> Reachable:
        found = within_window(target, WINDOW, now)
        return Reachable(found.ok, found.why, found.until, templates=not found.ok and self.templates != ())

    def message_privately(self, out: Outgoing) -> Sent:
        closed = self.life.now() >= out.target.last_heard_at + WINDOW - self.closes_early
        if closed and not self.is_template(out.text):
            raise Never("more than 24 hours have passed", "window")
        return super().message_privately(out)


@pytest.fixture
def chat(life: Life) -> Chat:
    channel = Chat(life)
    life.with_channel(channel)
    return channel


def writes(life: Life, text: str = LATE, **changes: object) -> str:
    return life.comes(text, channel="whatsapp", **changes)


def too_late(life: Life, **changes: object) -> str:
    """A complaint that is come to a day after it was made, and is held until its customer writes."""
    reference = writes(life, **changes)
    life.later(hours=25)
    life.work()
    return reference


def held(life: Life, reference: str) -> tuple[State, str | None]:
    return life.state(reference), life.complaint(reference).held_why


def requests(life: Life, reference: str) -> list[Delivery]:
    return [one for one in life.deliveries(reference) if one.kind is DeliveryKind.NOTICE]


def answered_by_person(life: Life, **changes: object) -> str:
    """A complaint whose approved answer, a person's own words, waits in the outbox."""
    reference = life.in_review(channel="whatsapp", **changes)
    draft_by_person(life.desk, reference, OURS, person("cs-raka"))
    life.approve_all(reference)
    assert life.state(reference) is State.APPROVED
    return reference


# Found before anybody is asked


def test_an_answer_that_would_come_too_late_is_reviewed_by_nobody(life, chat):
    reference = too_late(life)

    assert held(life, reference) == (State.HELD, "waits_for_customer")
    assert (life.drafts(reference), life.rounds(reference)) == ([], [])


def test_the_customer_is_asked_to_write_back_in_the_words_that_were_approved(life, chat):
    reference = too_late(life)

    (asked,) = requests(life, reference)
    with life.desk.transaction() as session:
        known = slots(session, life.desk, life.complaint(reference), visibility=Visibility.PRIVATE)
    words = life.desk.policy.templates.render(WRITE_BACK, "id", known)
    assert (asked.text, asked.pre_approved["template"]) == (words.text, "id/write_back#1")
    assert (asked.pre_approved["sha256"], asked.pre_approved["by"]) == (words.sha256, "pr-sample")
    assert asked.state is DeliveryState.SENT
    assert reference in chat.arrived[-1].text


def test_a_customer_who_writes_english_is_asked_in_english(life, chat):
    text = life.assessor.finds("my parcel has not come for a week", language="en")

    reference = too_late(life, text=text)

    assert requests(life, reference)[0].pre_approved["template"] == "en/write_back#1"


def test_what_the_customer_waits_for_is_told_on_their_page(life, chat):
    complaint = life.complaint(too_late(life))

    assert (state_name(complaint), promised(complaint)) == ("state_write_back", None)


def test_nobody_is_told_to_wait_on_while_we_wait_for_them(life, chat):
    reference = too_late(life)

    life.run_for(days=5)

    assert [one.kind for one in life.deliveries(reference) if one.kind is DeliveryKind.HOLDING] == []
    called = {event.data["what"] for event in life.events(reference) if event.name.startswith("deadline_")}
    assert called == {"held"}


def test_the_promise_is_watched_again_once_they_have_written_back(life, chat):
    reference = too_late(life)
    life.run_for(days=5)
    writes(life, life.assessor.finds("ya", Kind.OTHER))

    life.run_for(days=5)

    assert "answer" in {event.data.get("what") for event in life.events(reference, "deadline_reminded")}


def test_a_person_is_called_when_the_customer_stays_silent(life, chat):
    reference = too_late(life)
    until = life.complaint(reference).held_until

    life.clock.set(until)
    life.work()

    assert [event.data["what"] for event in life.events(reference, "deadline_escalated")][-1] == "held"
    assert held(life, reference) == (State.HELD, "waits_for_customer")


@pytest.mark.parametrize("templates", [(), ("Halo, ada promo baru.",)])
def test_without_the_platforms_template_a_person_finds_another_way(life, templates):
    life.with_channel(Chat(life, templates=templates))

    reference = too_late(life)

    assert held(life, reference) == (State.HELD, "unreachable")
    assert requests(life, reference) == []


def test_an_acknowledgement_that_is_too_late_is_nobodys_to_mend(life, chat):
    reference = too_late(life)

    acknowledgement = life.delivery(reference, "acknowledgement")
    assert (acknowledgement.state, acknowledgement.needs_person) == (DeliveryState.CANCELLED, False)
    (event,) = life.events(reference, "acknowledgement_withheld")
    assert event.data["why"] == "window_closed"


# They write back


def test_a_word_of_theirs_brings_the_answer_on_its_way_with_its_gates(life, chat):
    reference = too_late(life)

    assert writes(life, life.assessor.finds("ya", Kind.OTHER)) == reference
    life.work()

    assert life.state(reference) is State.IN_REVIEW
    assert life.open_gates(reference) == {Gate.CS}
    assert life.drafts(reference)[-1].publishable_until == life.now() + WINDOW
    life.approve_all(reference)
    life.publish()
    assert life.state(reference) is State.RESPONDED


def test_the_promised_time_begins_anew_when_they_write_back(life, chat):
    reference = too_late(life)
    life.later(days=6)

    writes(life, life.assessor.finds("ya", Kind.OTHER))
    life.work()

    complaint = life.complaint(reference)
    assert complaint.promised_at == life.now()
    assert complaint.answer_by > life.now()


def test_who_writes_back_after_weeks_is_still_known_to_be_waited_for(life, chat):
    reference = too_late(life)
    life.later(days=20)

    assert writes(life, life.assessor.finds("ya", Kind.OTHER)) == reference


def test_somebody_elses_word_opens_nothing(life, chat):
    reference = too_late(life)
    first = life.messages(reference)[0]

    other = writes(life, "saya juga", handle="orang-lain", in_reply_to=first.external_id)

    assert other != reference
    assert held(life, reference) == (State.HELD, "waits_for_customer")


def test_who_writes_before_the_request_has_left_is_not_asked_any_more(life, chat):
    reference = writes(life)
    life.later(hours=25)
    life.assess()
    life.answer()
    assert requests(life, reference)[0].state is DeliveryState.QUEUED

    writes(life, "halo?")

    assert requests(life, reference)[0].state is DeliveryState.CANCELLED


def test_nobody_is_asked_twice_in_one_complaint(life, chat):
    reference = too_late(life)
    life.later(minutes=5)
    writes(life, life.assessor.finds("ya", Kind.OTHER))
    life.work()
    life.later(hours=30)
    life.approve_all(reference)
    life.work()

    assert held(life, reference) == (State.HELD, "unreachable")
    assert len(requests(life, reference)) == 1
    writes(life, "halo?")
    life.work()
    assert life.state(reference) is State.IN_REVIEW


def test_on_a_platform_without_templates_their_next_word_brings_the_answer_on_its_way_too(life):
    life.with_channel(Chat(life, templates=()))
    reference = too_late(life)

    writes(life, "halo? masih belum ada kabar")
    life.work()

    assert life.state(reference) is State.IN_REVIEW


# Closed after it was approved


def test_an_approved_answer_whose_window_closed_is_no_failure(life, chat):
    reference = answered_by_person(life)
    life.later(hours=25)

    life.work()

    assert held(life, reference) == (State.HELD, "waits_for_customer")
    reply = life.delivery(reference)
    assert (reply.state, reply.why, reply.needs_person) == (DeliveryState.CANCELLED, "window_closed", False)
    assert [one.state for one in requests(life, reference)] == [DeliveryState.SENT]
    assert "voided" not in life.names(reference)[life.names(reference).index("approved") :]
    assert life.rounds(reference)[-1].state is RoundState.PASSED


def test_the_words_that_a_person_wrote_are_proposed_again_after_a_mere_ya(life, chat):
    reference = answered_by_person(life)
    life.later(hours=25)
    life.work()

    writes(life, life.assessor.finds("Ya, silakan", Kind.OTHER))
    life.work()

    again = life.drafts(reference)[-1]
    assert (again.text, again.author) == (OURS, "cs-raka")
    assert again.target["external_id"] == life.messages(reference)[-1].external_id
    assert life.state(reference) is State.IN_REVIEW
    life.approve_all(reference)
    life.publish()
    assert chat.arrived[-1].text == OURS


def test_who_writes_more_than_a_word_gets_an_answer_to_that(life, chat):
    reference = answered_by_person(life)
    life.later(hours=25)
    life.work()

    writes(life, "Oh ya, dan sekarang kurirnya bilang paketnya sudah hilang di gudang Cakung")
    life.work()

    assert life.drafts(reference)[-1].text != OURS


def test_what_the_machine_wrote_is_composed_anew(life, chat):
    reference = life.approved(channel="whatsapp")
    before = life.drafts(reference)[-1]
    life.later(hours=25)
    life.work()

    writes(life, life.assessor.finds("ya", Kind.OTHER))
    life.work()

    assert life.drafts(reference)[-1].replaces_id is None
    assert life.drafts(reference)[-1].id != before.id


def test_a_platform_that_calls_the_window_closed_before_our_clock_does_is_believed(life, chat):
    chat.closes_early = timedelta(hours=1)
    reference = life.approved(channel="whatsapp")
    life.later(hours=23, minutes=30)

    life.work()

    assert held(life, reference) == (State.HELD, "waits_for_customer")
    assert len(life.rounds(reference)) == 1
    assert [one.state for one in requests(life, reference)] == [DeliveryState.SENT]


# The request does not arrive


def test_where_the_request_is_refused_nobody_is_waited_for(life, chat):
    chat.tries = [Never("it is not on WhatsApp", "blocked")]

    reference = too_late(life)

    assert held(life, reference) == (State.HELD, "unreachable")
    (asked,) = requests(life, reference)
    assert (asked.state, asked.needs_person) == (DeliveryState.FAILED, True)


def test_where_the_request_bounces_nobody_is_waited_for(life, chat):
    reference = too_late(life)
    asked = requests(life, reference)[0]

    record(life.desk, [Bounced("whatsapp", asked.platform_id, "not on WhatsApp", "webhook", b"x")], source="test")

    assert held(life, reference) == (State.HELD, "unreachable")
    assert requests(life, reference)[0].needs_person


# STOP


def stops(life: Life, text: str = "STOP", **changes: object) -> str:
    return writes(life, text, opts_out=True, **changes)


def test_who_said_stop_is_not_asked_to_write_back(life, chat):
    stops(life)
    life.work()
    life.later(days=1)
    reference = too_late(life)

    assert held(life, reference) == (State.HELD, "opted_out")
    assert requests(life, reference) == []


def test_stop_in_answer_to_the_request_ends_the_waiting_without_an_answer(life, chat):
    reference = too_late(life)

    assert stops(life) == reference
    life.work()

    assert held(life, reference) == (State.HELD, "opted_out")
    assert "opted_out" in life.names(reference)
    assert life.drafts(reference) == []


def test_who_said_stop_and_writes_again_is_answered(life, chat):
    reference = too_late(life)
    stops(life)

    assert writes(life, "halo, bagaimana paket saya?") == reference
    life.work()

    assert life.state(reference) is State.IN_REVIEW


def test_stop_is_nobodys_complaint(life, chat):
    reference = stops(life)  # the assessor takes every text for a complaint

    life.work()

    assert life.state(reference) is State.NOTED
    assert life.deliveries(reference) == []


def test_who_said_stop_gets_no_survey(life, chat):
    reference = life.responded(channel="whatsapp")
    stops(life)
    life.work()
    resolve(life.desk, reference, person("cs-nia"), "Paket sudah diantar.")

    life.run_for(days=8)

    assert [one.kind for one in life.deliveries(reference) if one.kind in (DeliveryKind.SURVEY, DeliveryKind.ASK)] == []


def test_what_is_queued_for_who_says_stop_is_taken_back(life, chat):
    reference = life.responded(channel="whatsapp")
    resolve(life.desk, reference, person("cs-nia"), "Paket sudah diantar.")
    life.run_for(hours=11)
    life.later(hours=2)
    life.follow_up()
    assert life.delivery(reference, "survey").state is DeliveryState.QUEUED

    stops(life)

    assert life.delivery(reference, "survey").state is DeliveryState.CANCELLED


def test_no_template_of_any_kind_goes_to_who_said_stop(life, chat):
    reference = life.in_review(channel="whatsapp")
    chat.templates = (life.delivery(reference, "acknowledgement").text,)
    with life.desk.transaction() as session:
        session.execute(select(Complainant)).scalar_one().opted_out_at = life.now()
        row = session.get_one(Delivery, life.delivery(reference, "acknowledgement").id)
        row.state, row.sent_at, row.due_at, row.platform_id = DeliveryState.QUEUED, None, life.now(), None
    sent = len(chat.arrived)
    life.later(hours=25)

    (outcome, *_) = life.publish()

    assert (outcome.state, outcome.why) == (
        DeliveryState.FAILED,
        "the customer asked not to be written to any more",
    )
    assert len(chat.arrived) == sent
