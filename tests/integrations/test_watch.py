"""Time: what is due is reminded of and escalated once, silence buys time at most, and approves nothing."""

from datetime import UTC, datetime, timedelta

import pytest
from factories import LATE, Life, grave, person
from sqlalchemy import select

from db.tables import DeliveryState, Review, ReviewState
from db.words import Gate, Kind, Risk, State, Verdict, Visibility
from integrations.channels.manual import ManualChannel
from tasks.changes import taken_down
from tasks.decide import draft_by_person
from tasks.people import assign
from tasks.watch import due_now, next_moment

pytest_plugins = ("lives",)

CLEAN = "Halo Kak, kami mohon maaf atas kejadian ini. Mari kita lanjutkan lewat pesan langsung ke akun ini."


def about_reviews(life: Life, reference: str, name: str) -> list[dict]:
    return [event.data for event in life.events(reference, name) if "gate" in event.data]


def about_the_answer(life: Life, reference: str, name: str) -> list[dict]:
    return [event.data for event in life.events(reference, name) if event.data.get("what") == "answer"]


# Reviews


def test_a_reviewer_is_reminded_on_the_way_to_the_deadline(life):
    reference = life.in_review()
    review = life.open_reviews(reference)[0]
    life.run_for(hours=1)
    assert [data["gate"] for data in about_reviews(life, reference, "deadline_reminded")] == ["cs"]
    assert life.now() < review.deadline


def test_each_reminder_is_given_once(life):
    reference = life.in_review()
    life.run_for(hours=1)
    for _ in range(3):
        life.watch()
    assert len(about_reviews(life, reference, "deadline_reminded")) == 1


def test_reminders_that_were_slept_through_are_one(life):
    reference = life.in_review()
    life.clock.set(life.open_reviews(reference)[0].deadline - timedelta(minutes=1))
    life.watch()
    assert len(about_reviews(life, reference, "deadline_reminded")) == 1


def test_a_deadline_that_passes_calls_the_next_names_one_after_the_other(life):
    reference = life.in_review(grave(life.assessor))
    life.run_for(hours=12)
    called = about_reviews(life, reference, "deadline_escalated")
    assert [data["to"] for data in called if data["gate"] == "pr"] == ["pr-lead", "exec-duty"]
    assert [data["to"] for data in called if data["gate"] == "legal"] == ["legal-lead", "exec-duty"]


def test_nobody_is_called_before_the_deadline(life):
    reference = life.in_review()
    life.clock.set(life.open_reviews(reference)[0].deadline - timedelta(seconds=1))
    life.watch()
    assert about_reviews(life, reference, "deadline_escalated") == []


def test_whoever_is_called_may_decide(life):
    reference = life.in_review()
    life.run_for(days=2)
    (called, *_) = about_reviews(life, reference, "deadline_escalated")
    life.decide(reference, Gate.CS, by=called["to"])
    assert life.state(reference) is State.APPROVED


def test_silence_approves_nothing(life):
    ordinary, dangerous = life.in_review(handle="satu"), life.in_review(grave(life.assessor), handle="dua")
    life.run_for(days=10)
    assert {life.state(ordinary), life.state(dangerous)} == {State.IN_REVIEW}
    with life.desk.transaction() as session:
        reviews = session.execute(select(Review)).scalars().all()
    assert {(review.state, review.verdict, review.decided_by) for review in reviews} == {(ReviewState.OPEN, None, None)}
    assert life.events(ordinary, "decided") == life.events(dangerous, "approved") == []


def test_a_decided_review_is_reminded_of_no_more(life):
    reference = life.in_review(grave(life.assessor))
    life.decide(reference, Gate.PR)
    life.run_for(days=1)
    assert {data["gate"] for data in about_reviews(life, reference, "deadline_reminded")} == {"legal"}


def test_a_review_of_s4_is_left_alone_at_night(life):
    text = life.assessor.finds("jam buka berapa?", Kind.QUESTION)
    life.clock.set(datetime(2026, 3, 2, 9, 30, tzinfo=UTC))
    reference = life.in_review(text)
    life.run_for(hours=15)
    assert about_reviews(life, reference, "deadline_reminded") == []


# The promised answer


def test_a_late_answer_is_escalated_to_the_next_names(life):
    reference = life.in_review()
    life.run_for(hours=28)
    assert [data["to"] for data in about_the_answer(life, reference, "deadline_escalated")] == ["cs-lead", "pr-lead"]
    assert life.complaint(reference).owner == "pr-lead"


def test_what_is_late_never_falls_silent(life):
    reference = life.in_review()
    life.run_for(days=5)
    called = about_the_answer(life, reference, "deadline_escalated")
    assert [data["to"] for data in called] == ["cs-lead", "pr-lead", *["pr-lead"] * (len(called) - 2)]
    assert len(called) == 5


def test_who_owns_a_complaint_is_reminded_of_its_answer(life):
    reference = life.in_review()
    assign(life.desk, reference, "cs-nia", person("cs-lead"))
    life.run_for(hours=9)
    (reminded, *_) = about_the_answer(life, reference, "deadline_reminded")
    assert reminded["to"] == "cs-nia"


def test_the_holding_reply_leaves_when_the_promise_ends_and_not_before(life):
    reference = life.in_review()
    answer_by = life.complaint(reference).answer_by
    life.run_for(seconds=(answer_by - life.now()).total_seconds() - 1)
    assert [delivery.kind for delivery in life.deliveries(reference)] == ["acknowledgement"]
    life.run_for(seconds=1)
    holding = life.delivery(reference, "holding")
    assert (holding.state, holding.sent_at) == (DeliveryState.SENT, answer_by)


def test_the_holding_reply_is_sent_once(life):
    reference = life.in_review()
    life.run_for(days=10)
    assert [delivery.kind for delivery in life.deliveries(reference)].count("holding") == 1


def test_the_holding_reply_promises_no_time_that_has_passed(life):
    reference = life.in_review()
    life.run_for(days=2)
    assert "sebelum" not in life.delivery(reference, "holding").text


def test_the_holding_reply_was_approved_by_a_named_person(life):
    reference = life.in_review()
    life.run_for(days=2)
    approved = life.delivery(reference, "holding").pre_approved
    assert approved["template"].startswith("id/holding")
    assert approved["by"]


def test_whoever_did_not_speak_to_us_gets_no_holding_reply(life):
    text = life.assessor.finds("mereka memang parah, bikin sakit", addressed=False, risks=(Risk.INJURY,))
    reference = life.in_review(text, channel="x")
    life.run_for(days=3)
    assert life.deliveries(reference) == []


def test_list_mail_gets_no_holding_reply(life):
    reference = life.in_review(channel="email", handle="mira@contoh.id", list_mail=True)
    life.run_for(days=3)
    assert life.deliveries(reference) == []


def test_where_a_person_posts_no_holding_reply_is_queued(life):
    life.with_channel(ManualChannel("instagram"))
    reference = life.comes()
    life.assess()
    life.answer()
    life.run_for(days=3)
    assert life.deliveries(reference) == []


def test_a_post_that_was_taken_down_is_held_off_in_private(life):
    reference = life.in_review(external_id="t-1")
    life.desk.channels.get("instagram").removed("t-1")
    taken_down(life.desk, "instagram", "default", "t-1")
    life.run_for(days=2)
    assert life.delivery(reference, "holding").visibility is Visibility.PRIVATE


def test_an_answer_in_time_needs_no_holding_reply(life):
    reference = life.responded()
    life.run_for(days=10)
    assert [delivery.kind for delivery in life.deliveries(reference)] == ["acknowledgement", "reply"]
    assert life.events(reference, "deadline_escalated") == []


def test_an_answer_drops_a_holding_reply_that_has_not_left(life):
    reference = life.in_review()
    life.clock.set(life.complaint(reference).answer_by)
    life.watch()
    assert life.delivery(reference, "holding").state is DeliveryState.QUEUED
    with life.desk.transaction() as session:
        delivery = session.merge(life.delivery(reference, "holding"))
        delivery.due_at = life.now() + timedelta(hours=1)
    life.approve_all(reference)
    life.publish()
    assert life.delivery(reference, "holding").state is DeliveryState.CANCELLED


# Held


def held(life: Life, text: str = LATE) -> str:
    reference = life.in_review(text)
    gate = life.open_reviews(reference)[0].gate
    life.decide(reference, gate, Verdict.REJECT)
    return reference


def test_what_is_held_too_long_goes_to_the_next_name_with_a_new_deadline(life):
    reference = held(life)
    first = life.complaint(reference)
    assert first.owner == "cs-lead"
    life.clock.set(first.held_until)
    life.watch()
    second = life.complaint(reference)
    assert second.owner == "pr-lead"
    assert second.held_until > life.now()
    assert [
        event.data["to"] for event in life.events(reference, "deadline_escalated") if event.data["what"] == "held"
    ] == ["pr-lead"]


def test_what_is_held_is_never_forgotten(life):
    reference = held(life)
    life.run_for(days=8)
    complaint = life.complaint(reference)
    assert complaint.state is State.HELD
    assert complaint.held_until > life.now()
    assert len([event for event in life.events(reference, "deadline_escalated") if event.data["what"] == "held"]) >= 5


def test_being_held_takes_no_call_about_the_answer_away(life):
    reference = held(life, grave(life.assessor))
    life.run_for(days=1)
    assert [data["to"] for data in about_the_answer(life, reference, "deadline_escalated")] == ["cs-lead", "pr-lead"]


def test_what_left_held_is_watched_as_a_review_again(life):
    reference = held(life)
    draft_by_person(life.desk, reference, CLEAN, person("cs-nia"))
    life.run_for(hours=2)
    assert about_reviews(life, reference, "deadline_reminded")


# Whether there is anything to look at


def test_a_quiet_desk_has_nothing_to_look_at(life):
    assert not due_now(life.desk)
    assert next_moment(life.desk) is None


def test_after_a_look_nothing_is_due_until_the_next_moment(life):
    life.in_review()
    life.watch()
    coming = next_moment(life.desk)
    assert not due_now(life.desk)
    assert coming > life.now()
    life.clock.set(coming)
    assert due_now(life.desk)


def test_each_look_at_a_moment_leads_on_to_a_later_one(life):
    life.in_review(grave(life.assessor))
    for _ in range(20):
        life.watch()
        assert not due_now(life.desk)
        coming = next_moment(life.desk)
        assert coming > life.now()
        life.clock.set(coming)
        if coming > life.now() + timedelta(days=365):
            break


@pytest.mark.parametrize("state", ["noted", "monitoring", "spam"])
def test_what_needs_no_answer_is_not_watched_for_one(state, life):
    text = {
        "noted": life.assessor.finds("pasar saham naik", Kind.OTHER, about_us=False, addressed=False, opinion=False),
        "monitoring": life.assessor.finds("logonya aneh", Kind.OTHER, addressed=False, opinion=True),
        "spam": life.assessor.finds("pinjol cair", Kind.SPAM),
    }[state]
    reference = life.comes(text, channel="x")
    life.run_for(days=10)
    assert life.state(reference).value == state
    assert life.events(reference, "deadline_reminded") == life.deliveries(reference) == []
