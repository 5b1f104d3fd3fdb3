"""Rounds of review: opened at once, widened when danger grows, void when their ground moves, settled in one place."""

from datetime import UTC, datetime

from factories import GRAVE, LATE, Fickle, Life, grave, message, person, reach

from db.tables import DeliveryState, ReviewState, RoundState
from db.words import Category, Gate, Kind, Risk, Severity, State, Verdict, Visibility
from integrations.channels.base import Reachable
from integrations.channels.manual import ManualChannel
from integrations.record import Author
from tasks.changes import new_metrics, taken_down
from tasks.decide import draft_by_person, edit
from tasks.follow_up import resolve
from tasks.people import assign, correct, merge

pytest_plugins = ("lives",)

CLEAN = "Halo Kak, kami mohon maaf atas kejadian ini. Mari kita lanjutkan lewat pesan langsung ke akun ini."


def spreads(life: Life, reference: str, views: int) -> None:
    """The post that opened a complaint reaches so many, and is assessed again."""
    post = life.messages(reference)[0]
    new_metrics(life.desk, post.channel, post.account, post.external_id, reach(views))
    life.assess()


def removed(life: Life, reference: str) -> None:
    """Its author takes down the post that opened a complaint."""
    post = life.messages(reference)[0]
    life.desk.channels.get(post.channel).removed(post.external_id)
    taken_down(life.desk, post.channel, post.account, post.external_id)


# Opened


def test_an_ordinary_complaint_opens_one_gate(life):
    assert life.open_gates(life.in_review()) == {Gate.CS}


def test_all_gates_open_together(life):
    reference = life.in_review(grave(life.assessor))
    assert life.open_gates(reference) == {Gate.PR, Gate.LEGAL}
    assert len({review.opened_at for review in life.reviews(reference)}) == 1


def test_people_hurt_in_public_open_the_executives_gate(life):
    reference = life.in_review(grave(life.assessor, GRAVE, Risk.INJURY))
    assert life.open_gates(reference) == {Gate.PR, Gate.LEGAL, Gate.EXECUTIVE}


def test_each_review_says_why_it_was_opened(life):
    because = {review.gate: review.because for review in life.reviews(life.in_review(grave(life.assessor)))}
    assert "severity S2" in because[Gate.PR]
    assert "legal consequences" in because[Gate.LEGAL]


def test_each_open_review_has_a_deadline_that_explains_itself(life):
    for review in life.reviews(life.in_review(grave(life.assessor))):
        assert review.deadline > life.now()
        assert review.deadline_steps[0].startswith("opened ")


def test_a_round_that_a_higher_gate_sees_is_escalated(life):
    assert not life.rounds(life.in_review(handle="satu"))[0].escalated
    assert life.rounds(life.in_review(grave(life.assessor), handle="dua"))[0].escalated


def test_a_draft_of_a_person_states_facts_that_cs_confirms_beside_the_others(life):
    reference = life.in_review(grave(life.assessor))
    draft_by_person(life.desk, reference, CLEAN, person("pr-sari"))
    purposes = {review.gate: review.purpose for review in life.open_reviews(reference)}
    assert purposes == {Gate.CS: "facts", Gate.PR: "wording", Gate.LEGAL: "wording"}


def test_praise_that_many_read_goes_past_pr(life):
    text = life.assessor.finds("toko ini juara", Kind.PRAISE)
    reference = life.comes(text, metrics=reach(200_000))
    life.assess()
    life.answer()
    assert life.open_gates(reference) == {Gate.PR}


def test_a_post_that_cannot_be_answered_anywhere_is_held_before_anybody_is_asked(life):
    life.with_channel(Fickle(look=lambda _, __: Reachable(ok=False, why="the account is closed")))
    reference = life.comes()
    life.assess()
    life.answer()
    assert life.state(reference) is State.HELD
    assert life.complaint(reference).held_why == "unreachable"
    assert life.rounds(reference) == []


def test_where_no_program_can_post_the_gates_are_the_same(life):
    life.with_channel(ManualChannel("x"))
    assert life.open_gates(life.in_review(grave(life.assessor), channel="x", addressed=True)) == {Gate.PR, Gate.LEGAL}


# Settled


def test_one_gate_of_two_settles_nothing(life):
    reference = life.in_review(grave(life.assessor))
    decided = life.decide(reference, Gate.PR)
    assert decided.waiting == (Gate.LEGAL,)
    assert (life.state(reference), life.rounds(reference)[0].state) == (State.IN_REVIEW, RoundState.OPEN)


def test_the_last_gate_queues_exactly_what_was_approved(life):
    reference = life.in_review(grave(life.assessor))
    life.decide(reference, Gate.PR)
    life.decide(reference, Gate.LEGAL)
    (draft,), delivery = life.drafts(reference), life.delivery(reference)
    assert life.state(reference) is State.APPROVED
    assert (delivery.text, delivery.sha256, delivery.draft_id) == (draft.text, draft.sha256, draft.id)
    assert life.rounds(reference)[0].state is RoundState.PASSED


def test_changes_lead_back_to_drafting_and_close_the_other_reviews(life):
    reference = life.in_review(grave(life.assessor))
    life.decide(reference, Gate.PR, Verdict.CHANGES)
    assert life.state(reference) is State.DRAFTING
    assert {review.gate: review.state for review in life.reviews(reference)} == {
        Gate.PR: ReviewState.DECIDED,
        Gate.LEGAL: ReviewState.VOID,
    }


def test_changes_get_another_wording(life):
    reference = life.in_review()
    life.decide(reference, verdict=Verdict.CHANGES)
    life.answer()
    first, second = life.drafts(reference)
    assert first.text != second.text
    assert life.state(reference) is State.IN_REVIEW


def test_a_second_wish_for_changes_asks_a_person_to_write(life):
    reference = life.in_review()
    life.decide(reference, verdict=Verdict.CHANGES)
    life.answer()
    life.decide(reference, verdict=Verdict.CHANGES)
    complaint = life.complaint(reference)
    assert (complaint.state, complaint.held_why) == (State.HELD, "needs_a_person")


def test_wishes_about_a_persons_draft_do_not_count_against_the_machine(life):
    reference = life.in_review()
    for _ in range(2):
        draft_by_person(life.desk, reference, f"{CLEAN} Salam, {len(life.drafts(reference))}.", person("cs-nia"))
        life.decide(reference, by="cs-budi", verdict=Verdict.CHANGES)
    assert life.state(reference) is State.DRAFTING


def test_a_rejection_holds_the_complaint_with_reason_owner_and_deadline(life):
    reference = life.in_review()
    life.decide(reference, verdict=Verdict.REJECT)
    complaint = life.complaint(reference)
    assert (complaint.state, complaint.held_why, complaint.owner) == (State.HELD, "rejected", "cs-lead")
    assert complaint.held_until > life.now()
    assert life.rounds(reference)[0].state is RoundState.REJECTED


def test_what_is_held_keeps_an_owner_it_has(life):
    reference = life.in_review()
    assign(life.desk, reference, "cs-nia", person("cs-lead"))
    life.decide(reference, verdict=Verdict.REJECT)
    assert life.complaint(reference).owner == "cs-nia"


# Void


def the_round_is_void(life: Life, reference: str, why: str) -> None:
    rounds = life.rounds(reference)
    voided = life.events(reference, "voided")
    assert (rounds[0].state, rounds[0].why) == (RoundState.VOID, why)
    assert [event.data["why"] for event in voided] == [why]


def test_a_further_message_voids_the_round(life):
    reference = life.in_review(external_id="v-1")
    life.comes("tambahan: barangnya pecah", in_reply_to="v-1")
    the_round_is_void(life, reference, "new_message")
    assert life.state(reference) is State.DRAFTING


def test_a_further_message_voids_what_was_approved_and_has_not_left(life):
    reference = life.approved(external_id="v-1")
    life.comes("tambahan: barangnya pecah", in_reply_to="v-1")
    assert life.delivery(reference).state is DeliveryState.CANCELLED
    assert life.state(reference) is State.DRAFTING
    assert life.publish() == []


def test_approvals_do_not_outlive_a_void_round(life):
    reference = life.in_review(grave(life.assessor), external_id="v-1")
    life.decide(reference, Gate.PR)
    life.comes("tambahan", in_reply_to="v-1")
    life.assess()
    life.answer()
    assert life.open_gates(reference) == {Gate.PR, Gate.LEGAL}


def test_an_edit_of_the_customers_voids_the_round(life):
    reference = life.in_review(external_id="v-1")
    life.record(life.message("ternyata cuma telat sehari", external_id="v-1"))
    the_round_is_void(life, reference, "customer_edited")


def test_a_post_that_is_taken_down_voids_the_round(life):
    reference = life.in_review()
    removed(life, reference)
    the_round_is_void(life, reference, "removed")


def test_after_a_removal_the_answer_is_aimed_at_a_private_way(life):
    reference = life.in_review()
    removed(life, reference)
    life.answer()
    assert [draft.visibility for draft in life.drafts(reference)] == [Visibility.PUBLIC, Visibility.PRIVATE]


def test_a_removal_is_written_down_once(life):
    reference = life.in_review()
    removed(life, reference)
    removed(life, reference)
    assert len(life.events(reference, "removed")) == 1


def test_resolving_voids_the_round(life):
    reference = life.in_review()
    resolve(life.desk, reference, person("cs-nia"), "Selesai lewat telepon.")
    the_round_is_void(life, reference, "resolved")
    assert life.state(reference) is State.RESOLVED


def test_merging_voids_the_round(life):
    target = life.in_review(handle="satu")
    reference = life.in_review(handle="dua")
    merge(life.desk, reference, target, person("cs-nia"))
    the_round_is_void(life, reference, "merged")
    the_round_is_void(life, target, "merged_in")


def test_what_was_answered_already_stays_as_it_is(life):
    reference = life.responded(external_id="v-1")
    life.record(life.message("lain", external_id="v-1"))
    assert life.events(reference, "voided") == []
    assert life.state(reference) is State.RESPONDED


# Widened


def test_a_post_that_spreads_while_in_review_is_also_seen_by_pr(life):
    reference = life.in_review()
    spreads(life, reference, 250_000)
    assert Gate.PR in life.open_gates(reference)
    assert life.rounds(reference)[0].escalated


def test_a_look_of_cs_that_is_no_longer_needed_is_withdrawn(life):
    reference = life.in_review()
    spreads(life, reference, 250_000)
    assert {review.gate: review.state for review in life.reviews(reference)} == {
        Gate.CS: ReviewState.WITHDRAWN,
        Gate.PR: ReviewState.OPEN,
    }
    assert life.events(reference, "review_withdrawn")[0].data["gate"] == "cs"


def test_approvals_that_were_given_stay_when_gates_join(life):
    reference = life.in_review(grave(life.assessor))
    life.decide(reference, Gate.PR)
    spreads(life, reference, 1_500_000)
    assert life.open_gates(reference) == {Gate.LEGAL, Gate.EXECUTIVE}
    life.decide(reference, Gate.LEGAL)
    life.decide(reference, Gate.EXECUTIVE)
    assert life.state(reference) is State.APPROVED


def test_a_correction_that_raises_the_severity_widens_the_round(life):
    reference = life.in_review()
    correct(life.desk, reference, {"severity": "S1"}, person("cs-nia"))
    assert life.open_gates(reference) == {Gate.PR, Gate.EXECUTIVE}


def test_a_round_loses_no_gate_when_a_complaint_turns_out_milder(life):
    reference = life.in_review(grave(life.assessor))
    correct(life.desk, reference, {"severity": "S4", "risks": ""}, person("cs-nia"))
    assert life.open_gates(reference) >= {Gate.PR, Gate.LEGAL}


def test_what_was_approved_and_spreads_before_it_left_goes_back_to_review(life):
    reference = life.approved()
    spreads(life, reference, 250_000)
    assert life.events(reference, "voided")[-1].data["why"] == "risk_rose"
    assert life.delivery(reference).state is DeliveryState.CANCELLED
    life.answer()
    assert life.open_gates(reference) == {Gate.PR}


def test_a_correction_of_what_was_approved_and_has_not_left_is_heard(life):
    reference = life.approved()
    correct(life.desk, reference, {"severity": "S1"}, person("cs-nia"))
    assert life.state(reference) is State.DRAFTING


def test_what_was_approved_by_the_gates_that_it_needs_now_stays_approved(life):
    reference = life.approved(grave(life.assessor))
    spreads(life, reference, 250_000)
    assert life.state(reference) is State.APPROVED


# How grave a complaint of several messages is


def test_a_later_message_makes_a_complaint_graver(life):
    reference = life.in_review(external_id="g-1")
    life.comes(grave(life.assessor), in_reply_to="g-1")
    life.assess()
    complaint = life.complaint(reference)
    assert (complaint.severity, complaint.risks) == (Severity.S2, ["legal_threat"])


def test_a_later_message_makes_a_complaint_never_milder(life):
    reference = life.in_review(grave(life.assessor), external_id="g-1")
    life.comes(life.assessor.finds("jam buka berapa?", Kind.QUESTION), in_reply_to="g-1")
    life.assess()
    complaint = life.complaint(reference)
    assert (complaint.kind, complaint.severity, complaint.risks) == (Kind.COMPLAINT, Severity.S2, ["legal_threat"])


def test_new_reach_of_the_first_message_does_not_hide_what_a_later_one_threatened(life):
    reference = life.in_review(external_id="g-1")
    life.comes(grave(life.assessor), in_reply_to="g-1")
    life.assess()
    life.answer()
    spreads(life, reference, 150_000)
    assert "legal_threat" in life.complaint(reference).risks
    assert Gate.LEGAL in life.open_gates(reference)


def test_what_a_person_corrected_stays_when_the_machine_looks_again(life):
    reference = life.in_review()
    correct(life.desk, reference, {"category": "service", "risks": "media"}, person("cs-nia"))
    spreads(life, reference, 250_000)
    complaint = life.complaint(reference)
    assert (complaint.category, complaint.risks) == (Category.SERVICE, ["media"])


# Whom the answer speaks to


def test_the_answer_goes_to_the_complainants_newest_message(life):
    reference = life.in_review(external_id="a-1")
    life.comes("tambahan", external_id="a-2", in_reply_to="a-1")
    life.assess()
    life.answer()
    assert life.drafts(reference)[-1].target["external_id"] == "a-2"


def test_the_answer_does_not_go_to_a_stranger_who_joined_the_thread(life):
    reference = life.in_review(external_id="a-1", handle="mira")
    life.comes("saya juga", external_id="a-2", in_reply_to="a-1", handle="orang.lain")
    life.assess()
    life.answer()
    target = life.drafts(reference)[-1].target
    assert (target["external_id"], target["author_id"]) == ("a-1", "mira")


def test_a_strangers_order_number_does_not_reach_the_complainant(life):
    reference = life.in_review("paket saya mana?", external_id="a-1", handle="mira")
    life.comes("pesanan INV-7654321 juga belum", external_id="a-2", in_reply_to="a-1", handle="orang.lain")
    life.assess()
    removed(life, reference)
    life.answer()
    draft = life.drafts(reference)[-1]
    assert draft.visibility is Visibility.PRIVATE
    assert "7654321" not in draft.text


def test_in_public_nobody_is_called_by_name(life):
    reference = life.in_review(author=Author(id="7", handle="mira", name="Mira Penanda"))
    assert "Mira" not in life.drafts(reference)[0].text


def test_in_private_the_complainant_is_greeted_by_name(life):
    reference = life.in_review(
        channel="email", author=Author(id="mira@contoh.id", name="Mira Penanda"), visibility=Visibility.PRIVATE
    )
    assert "Mira" in life.drafts(reference)[0].text


def test_an_edit_voids_nothing_of_anybody_else(life):
    first = life.in_review(handle="satu", external_id="n-1")
    second = life.in_review(handle="dua", external_id="n-2")
    life.record(life.message("lain", external_id="n-2", handle="dua"))
    assert (life.state(first), life.state(second)) == (State.IN_REVIEW, State.DRAFTING)


def test_a_message_without_a_known_author_is_answered_where_it_stands(life):
    item = message(LATE, at=datetime(2026, 3, 2, 1, 0, tzinfo=UTC), handle=None, external_id="anon-1")
    reference = f"TG-{life.record(item).complaints[0]}"
    life.assess()
    life.answer()
    assert life.drafts(reference)[0].target["external_id"] == "anon-1"


def test_an_edit_keeps_the_target_that_it_was_written_for(life):
    reference = life.in_review(external_id="a-1")
    edit(life.desk, life.open_reviews(reference)[0].id, CLEAN, person("cs-nia"))
    first, second = life.drafts(reference)
    assert (second.target, second.visibility, second.replaces_id) == (first.target, first.visibility, first.id)
