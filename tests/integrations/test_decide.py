"""The one function through which every decision goes: who may, what counts, and that the first one wins."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from factories import GRAVE, Fickle, Life, grave, person, reach
from sqlalchemy import select
from sqlmodel import col

from db.complaints import NoSuchComplaint
from db.tables import Event, ReviewState, Round, RoundState
from db.words import Gate, Risk, State, Verdict, Visibility
from integrations.channels.base import Reachable
from policy.people import People
from tasks.changes import new_metrics
from tasks.decide import Decision, Refused, blocked_message, decide, decide_gate, draft_by_person, edit, preview
from tasks.kill_switch import allow_publishing, stop_publishing
from tasks.people import throw_out

pytest_plugins = ("lives",)

CLEAN = "Halo Kak, kami mohon maaf atas kejadian ini. Mari kita lanjutkan lewat pesan langsung ke akun ini."
BLOCKED = "Kami akan menuntut Anda sesuai UU ITE bila unggahan ini tidak segera dihapus."


def refusal(life: Life, reference: str, gate: Gate = Gate.CS, **decision: object) -> str:
    """Why this decision does not count, as its token; the same token stands on the timeline."""
    with pytest.raises(Refused) as refused:
        life.decide(reference, gate, **decision)  # type: ignore[arg-type]
    written = life.events(reference, "decision_refused")[-1]
    assert written.data["why"] == refused.value.why
    assert written.data["gate"] == gate.value
    return refused.value.why


def people(life: Life, **changes: object) -> People:
    """The shipped people with something changed."""
    shipped = life.desk.policy.people.model_dump(mode="json")
    return People.model_validate(shipped | changes)


def gates_with(life: Life, gate: Gate, **changes: object) -> People:
    """The shipped people with one gate's changed."""
    gates = life.desk.policy.people.model_dump(mode="json")["gates"]
    return people(life, gates=gates | {gate.value: gates[gate.value] | changes})


def spreads(life: Life, reference: str, views: int) -> None:
    post = life.messages(reference)[0]
    new_metrics(life.desk, post.channel, post.account, post.external_id, reach(views))
    life.assess()


# Who may not, and what does not count


def test_a_gate_that_is_not_open_takes_no_decision(life):
    assert refusal(life, life.in_review(), Gate.LEGAL) == "not_open"


def test_a_complaint_that_nobody_reviews_takes_no_decision(life):
    reference = life.comes()
    life.assess()
    assert refusal(life, reference) == "not_open"


def test_what_was_decided_takes_no_second_decision(life):
    reference = life.in_review(grave(life.assessor))
    life.decide(reference, Gate.PR, by="pr-sari")
    assert refusal(life, reference, Gate.PR, by="pr-lina") == "not_open"


def test_a_late_reviewer_hears_who_was_first(life):
    reference = life.in_review(grave(life.assessor))
    life.decide(reference, Gate.PR, by="pr-sari")
    with pytest.raises(Refused, match=r"already decided: approve by pr-sari at 2026-03-02 02:00 UTC"):
        life.decide(reference, Gate.PR, by="pr-lina")


def test_a_refusal_says_in_tokens_what_it_says_in_words(life):
    reference = life.in_review(grave(life.assessor))
    life.decide(reference, Gate.PR, by="pr-sari")
    review = next(one.id for one in life.reviews(reference) if one.gate is Gate.PR)
    with pytest.raises(Refused) as refused:
        decide(life.desk, review, Decision(person("pr-lina"), Verdict.APPROVE))
    assert refused.value.facts == {
        "reference": reference,
        "gate": "pr",
        "review": str(review),
        "who": "pr-sari",
        "when": life.now().isoformat(),
        "verdict": "approve",
        "state": "decided",
        "because": "",
    }


def test_a_late_reviewer_hears_who_asked_for_changes_at_another_gate(life):
    reference = life.in_review(grave(life.assessor))
    review = next(one.id for one in life.open_reviews(reference) if one.gate is Gate.PR)
    life.decide(reference, Gate.LEGAL, Verdict.CHANGES, by="legal-tono")
    with pytest.raises(Refused, match=r"void: changes asked by legal, legal-tono, 2026-03-02 02:00 UTC") as refused:
        decide(life.desk, review, Decision(person("pr-sari"), Verdict.APPROVE))
    assert (refused.value.facts["who"], refused.value.facts["verdict"]) == ("legal-tono", "changes")


def test_a_late_reviewer_hears_who_edited(life):
    reference = life.in_review()
    review = life.open_reviews(reference)[0].id
    edit(life.desk, review, CLEAN, person("cs-nia"))
    with pytest.raises(Refused, match=r"no longer open \(void: edited, cs-nia, ") as refused:
        decide(life.desk, review, Decision(person("cs-budi"), Verdict.APPROVE))
    assert (refused.value.facts["who"], refused.value.facts["because"]) == ("cs-nia", "edited")


def test_a_review_of_a_void_round_takes_no_decision(life):
    reference = life.in_review(external_id="v-1")
    old = life.open_reviews(reference)[0].id
    life.comes("tambahan", in_reply_to="v-1")
    with pytest.raises(Refused, match="no longer open") as refused:
        decide(life.desk, old, Decision(person("cs-nia"), Verdict.APPROVE))
    assert refused.value.why == "not_open"


def test_an_approval_of_other_words_than_those_on_the_card_does_not_count(life):
    reference = life.in_review()
    assert refusal(life, reference, sha256="0" * 64) == "stale"


def test_whoever_saw_other_words_hears_who_wrote_these_and_when(life):
    reference = life.in_review()
    seen = life.drafts(reference)[0].sha256
    life.later(minutes=5)
    edit(life.desk, life.open_reviews(reference)[0].id, CLEAN, person("cs-nia"))
    with pytest.raises(Refused, match=r"cs-nia wrote these at 2026-03-02 02:05 UTC") as refused:
        life.decide(reference, by="cs-budi", sha256=seen)
    assert (refused.value.facts["who"], refused.value.facts["when"]) == ("cs-nia", life.now().isoformat())


def test_an_approval_of_the_words_on_the_card_counts(life):
    reference = life.in_review()
    life.decide(reference, sha256=life.drafts(reference)[0].sha256)
    assert life.state(reference) is State.APPROVED


def test_somebody_whom_policy_does_not_know_decides_nothing(life):
    assert refusal(life, life.in_review(), by="orang-asing") == "unknown_person"


@pytest.mark.parametrize("spelled", ["CS-NIA", "cs-nia ", "cs-*", "сs-nia", "", "tanggap"])
def test_no_other_spelling_passes_for_a_person(spelled, life):
    reference = life.in_review()
    with pytest.raises(Refused) as refused:
        decide_gate(life.desk, reference, Gate.CS, Decision(person(spelled), Verdict.APPROVE))
    assert refused.value.why == "unknown_person"
    assert life.state(reference) is State.IN_REVIEW


def test_nobody_speaks_for_somebody_without_leave(life):
    life.with_policy(people=people(life, speakers={"nia": ["cs-nia"]}))
    assert refusal(life, life.in_review(), by="cs-nia", typed_by="budi") == "may_not_speak_for"


def test_who_may_speak_for_somebody_is_written_beside_the_name(life):
    life.with_policy(people=people(life, speakers={"nia": ["cs-nia"]}))
    reference = life.in_review()
    life.decide(reference, by="cs-nia", typed_by="nia")
    (review,) = life.reviews(reference)
    assert (review.decided_by, review.typed_by) == ("cs-nia", "nia")


def test_a_person_of_another_gate_does_not_decide(life):
    assert refusal(life, life.in_review(), by="pr-sari") == "not_a_member"


def test_somebody_of_no_gate_decides_nothing(life):
    assert refusal(life, life.in_review(), by="ops-joko") == "not_a_member"


def test_whoever_proposed_what_the_guardrails_block_decides_nothing_more(life):
    reference = life.in_review()
    assert draft_by_person(life.desk, reference, BLOCKED, person("cs-nia")).blocked
    assert refusal(life, reference, by="cs-nia") == "barred"


def test_who_is_barred_also_edits_nothing_more(life):
    reference = life.in_review()
    draft_by_person(life.desk, reference, BLOCKED, person("cs-nia"))
    with pytest.raises(Refused) as refused:
        edit(life.desk, life.open_reviews(reference)[0].id, CLEAN, person("cs-nia"))
    assert refused.value.why == "barred"


def test_others_decide_on_while_one_is_barred(life):
    reference = life.in_review()
    draft_by_person(life.desk, reference, BLOCKED, person("cs-nia"))
    life.decide(reference, by="cs-budi")
    assert life.state(reference) is State.APPROVED


def test_a_bar_ends_with_its_round(life):
    reference = life.in_review()
    draft_by_person(life.desk, reference, BLOCKED, person("cs-nia"))
    draft_by_person(life.desk, reference, CLEAN, person("cs-budi"))
    life.decide(reference, by="cs-nia")
    assert life.state(reference) is State.APPROVED


def test_nobody_approves_their_own_words(life):
    reference = life.in_review()
    draft_by_person(life.desk, reference, CLEAN, person("cs-nia"))
    assert refusal(life, reference, by="cs-nia") == "own_words"


def test_nobody_rejects_their_own_words_either(life):
    reference = life.in_review()
    draft_by_person(life.desk, reference, CLEAN, person("cs-nia"))
    assert refusal(life, reference, by="cs-nia", verdict=Verdict.REJECT) == "own_words"


def test_one_person_does_not_decide_two_gates_of_a_round(life):
    life.with_policy(people=gates_with(life, Gate.LEGAL, members=["legal-*", "pr-sari"]))
    reference = life.in_review(grave(life.assessor))
    life.decide(reference, Gate.PR, by="pr-sari")
    assert refusal(life, reference, Gate.LEGAL, by="pr-sari") == "second_gate"


def test_one_person_decides_two_gates_where_policy_says_so(life):
    life.with_policy(people=gates_with(life, Gate.LEGAL, members=["legal-*", "pr-sari"]))
    life.with_policy(people=people(life, one_person_two_gates=True))
    reference = life.in_review(grave(life.assessor))
    life.decide(reference, Gate.PR, by="pr-sari")
    life.decide(reference, Gate.LEGAL, by="pr-sari")
    assert life.state(reference) is State.APPROVED


@pytest.mark.parametrize("verdict", [Verdict.CHANGES, Verdict.REJECT])
@pytest.mark.parametrize("note", [None, "", "  \n"])
def test_a_refusal_without_a_reason_does_not_count(verdict, note, life):
    reference = life.in_review()
    with pytest.raises(Refused) as refused:
        decide_gate(life.desk, reference, Gate.CS, Decision(person("cs-nia"), verdict, note))
    assert refused.value.why == "no_reason"


def test_a_decision_that_does_not_count_changes_nothing(life):
    reference = life.in_review()
    before = life.complaint(reference).version
    refusal(life, reference, by="pr-sari")
    assert life.complaint(reference).version == before
    assert [review.state for review in life.reviews(reference)] == [ReviewState.OPEN]


def test_a_review_that_does_not_exist_is_not_open(life):
    with pytest.raises(Refused, match="There is no review 4711") as refused:
        decide(life.desk, 4711, Decision(person("cs-nia"), Verdict.APPROVE))
    assert refused.value.why == "not_open"


@pytest.mark.parametrize("reference", ["TG-999", "TG-", "1042", "TG-1042; DROP", "IN-1", "TG-9999999999999999999999"])
def test_a_complaint_that_does_not_exist_is_told_so(reference, life):
    with pytest.raises(NoSuchComplaint, match="There is no complaint"):
        life.decide(reference)


# What a decision leaves behind


def test_a_decision_names_gate_verdict_person_and_words(life):
    reference = life.in_review()
    life.decide(reference, by="cs-nia")
    (decided,) = life.events(reference, "decided")
    assert (decided.by, decided.data["gate"], decided.data["verdict"]) == ("cs-nia", "cs", "approve")
    assert decided.data["sha256"] == life.drafts(reference)[0].sha256


def test_a_note_stays_with_the_review(life):
    reference = life.in_review()
    life.decide(reference, verdict=Verdict.CHANGES, note=" sebut nomor pesanannya ")
    assert life.reviews(reference)[0].note == "sebut nomor pesanannya"


def test_the_run_of_a_settled_round_is_due_to_wake(life):
    reference = life.in_review(grave(life.assessor))
    with life.desk.transaction() as session:
        session.execute(select(Round)).scalar_one().run_id = "run-1"
    life.decide(reference, Gate.PR)
    assert not life.rounds(reference)[0].wake_due
    life.decide(reference, Gate.LEGAL)
    assert life.rounds(reference)[0].wake_due


def test_the_first_of_eight_decisions_at_once_wins(life):
    reference = life.in_review()
    review = life.open_reviews(reference)[0].id
    start = threading.Barrier(8)

    def vote(n: int) -> str:
        verdict = Verdict.APPROVE if n % 2 else Verdict.REJECT
        start.wait()
        try:
            decide(life.desk, review, Decision(person(f"cs-{n}"), verdict, "karena"))
        except Refused as refused:
            return refused.why
        return verdict.value

    with ThreadPoolExecutor(8) as pool:
        came_of = Counter(pool.map(vote, range(8)))

    assert came_of.pop("not_open") == 7
    (verdict,) = came_of
    assert life.reviews(reference)[0].verdict == verdict
    assert life.state(reference) is (State.APPROVED if verdict == "approve" else State.HELD)
    assert len(life.events(reference, "decided")) == 1
    assert len(life.events(reference, "decision_refused")) == 7


def test_two_gates_that_decide_at_once_queue_the_answer_once(life):
    reference = life.in_review(grave(life.assessor, GRAVE, Risk.INJURY))
    gates = sorted(life.open_gates(reference))
    start = threading.Barrier(len(gates))

    def vote(gate: Gate) -> None:
        start.wait()
        life.decide(reference, gate)

    with ThreadPoolExecutor(len(gates)) as pool:
        list(pool.map(vote, gates))

    assert life.state(reference) is State.APPROVED
    assert len(life.events(reference, "approved")) == 1
    assert [delivery.kind for delivery in life.deliveries(reference)].count("reply") == 1


def test_a_message_that_comes_while_somebody_approves_is_never_overlooked(life):
    references = [life.in_review(handle=f"p-{n}", external_id=f"race-{n}") for n in range(4)]
    start = threading.Barrier(8)

    def approve(reference: str) -> None:
        start.wait()
        try:
            life.decide(reference)
        except Refused as refused:
            assert refused.why == "not_open"  # noqa: PT017

    def write(n: int) -> None:
        start.wait()
        life.comes(f"tambahan {n}", handle=f"p-{n}", in_reply_to=f"race-{n}")

    with ThreadPoolExecutor(8) as pool:
        work = [pool.submit(approve, reference) for reference in references]
        work += [pool.submit(write, n) for n in range(4)]
        for one in work:
            one.result()

    assert {life.state(reference) for reference in references} == {State.DRAFTING}
    assert life.publish() == []


# A reviewer's own wording


def test_an_edit_is_a_new_draft_with_its_editor_as_author(life):
    reference = life.in_review()
    edit(life.desk, life.open_reviews(reference)[0].id, CLEAN, person("cs-nia"))
    assert [(draft.author, draft.text == CLEAN) for draft in life.drafts(reference)] == [
        ("tanggap", False),
        ("cs-nia", True),
    ]


def test_an_edit_voids_the_round_and_opens_one_with_the_same_gates(life):
    reference = life.in_review(grave(life.assessor))
    life.decide(reference, Gate.PR)
    edit(life.desk, life.open_reviews(reference)[0].id, CLEAN, person("legal-tono"))
    assert [(round_.state, round_.why) for round_ in life.rounds(reference)] == [
        (RoundState.VOID, "edited"),
        (RoundState.OPEN, None),
    ]
    assert life.open_gates(reference) >= {Gate.PR, Gate.LEGAL}


def test_an_edit_names_its_editor_as_who_voided_the_round(life):
    reference = life.in_review()
    edit(life.desk, life.open_reviews(reference)[0].id, CLEAN, person("cs-nia"))
    (voided,) = life.events(reference, "voided")
    assert (voided.by, voided.data["why"]) == ("cs-nia", "edited")


def test_an_editor_does_not_approve_the_edit(life):
    reference = life.in_review()
    edit(life.desk, life.open_reviews(reference)[0].id, CLEAN, person("cs-nia"))
    assert refusal(life, reference, by="cs-nia") == "own_words"


def test_another_member_approves_an_edit(life):
    reference = life.in_review()
    edit(life.desk, life.open_reviews(reference)[0].id, CLEAN, person("cs-nia"))
    life.decide(reference, by="cs-budi")
    life.publish()
    assert life.delivery(reference).text == CLEAN


def test_an_edit_after_approval_by_one_gate_is_approved_anew_by_it(life):
    reference = life.in_review(grave(life.assessor))
    life.decide(reference, Gate.PR)
    edit(life.desk, life.open_reviews(reference)[0].id, CLEAN, person("legal-tono"))
    assert life.state(reference) is State.IN_REVIEW
    assert Gate.PR in life.open_gates(reference)


def test_an_edit_that_the_guardrails_block_changes_nothing_but_bars_its_editor(life):
    reference = life.in_review()
    before = life.open_reviews(reference)[0]
    with pytest.raises(Refused, match="The guardrails block this text") as refused:
        edit(life.desk, before.id, BLOCKED, person("cs-nia"))
    assert refused.value.why == "guard_blocked"
    assert [review.id for review in life.open_reviews(reference)] == [before.id]
    assert life.rounds(reference)[0].barred == ["cs-nia"]


def test_an_edit_of_words_that_changed_meanwhile_does_not_count(life):
    reference = life.in_review()
    with pytest.raises(Refused) as refused:
        edit(life.desk, life.open_reviews(reference)[0].id, CLEAN, person("cs-nia"), sha256="0" * 64)
    assert refused.value.why == "stale"


def test_somebody_of_another_gate_does_not_edit(life):
    reference = life.in_review()
    with pytest.raises(Refused) as refused:
        edit(life.desk, life.open_reviews(reference)[0].id, CLEAN, person("pr-sari"))
    assert refused.value.why == "not_a_member"


def test_where_the_editor_is_the_gates_only_member_the_stand_in_looks(life):
    life.with_policy(people=gates_with(life, Gate.CS, members=["cs-nia"], escalation=[]))
    reference = life.in_review()
    edit(life.desk, life.open_reviews(reference)[0].id, CLEAN, person("cs-nia"))
    (review,) = life.open_reviews(reference)
    assert (review.gate, review.stands_in_for) == (Gate.PR, Gate.CS)
    life.decide(reference, Gate.PR)
    assert life.state(reference) is State.APPROVED


def test_a_stand_in_that_looks_anyway_looks_once(life):
    life.with_policy(people=gates_with(life, Gate.LEGAL, members=["legal-tono"], escalation=[], stand_in="pr"))
    reference = life.in_review(grave(life.assessor))
    legal = next(review for review in life.open_reviews(reference) if review.gate is Gate.LEGAL)
    edit(life.desk, legal.id, CLEAN, person("legal-tono"))
    assert sorted(review.gate for review in life.open_reviews(reference)) == [Gate.CS, Gate.PR]


def test_a_stand_in_that_looked_is_not_asked_again_when_its_own_gate_joins(life):
    life.with_policy(people=gates_with(life, Gate.CS, members=["cs-nia"], escalation=[]))
    reference = life.in_review()
    edit(life.desk, life.open_reviews(reference)[0].id, CLEAN, person("cs-nia"))
    life.decide(reference, Gate.PR)
    spreads(life, reference, 250_000)
    assert life.state(reference) is State.APPROVED


# What the guardrails would say


def test_an_edit_is_looked_at_before_it_is_handed_in(life):
    reference = life.in_review()
    review = life.open_reviews(reference)[0].id
    assert {finding.rule for finding in preview(life.desk, review, BLOCKED) if finding.level == "block"}
    assert [finding for finding in preview(life.desk, review, CLEAN) if finding.level == "block"] == []


def test_a_look_at_an_edit_stores_nothing(life):
    reference = life.in_review()
    events = len(life.events(reference))
    preview(life.desk, life.open_reviews(reference)[0].id, BLOCKED)
    assert len(life.drafts(reference)) == 1
    assert len(life.events(reference)) == events
    assert life.rounds(reference)[0].barred == []


def test_nothing_is_looked_at_for_a_review_that_does_not_exist(life):
    with pytest.raises(Refused, match="There is no review 4711"):
        preview(life.desk, 4711, CLEAN)


# A person's own draft


def test_a_persons_draft_replaces_the_machines(life):
    reference = life.in_review()
    draft_by_person(life.desk, reference, CLEAN, person("cs-nia"))
    assert [(round_.state, round_.why) for round_ in life.rounds(reference)] == [
        (RoundState.VOID, "new_draft"),
        (RoundState.OPEN, None),
    ]
    life.decide(reference, by="cs-budi")
    life.publish()
    assert life.delivery(reference).text == CLEAN


def test_a_persons_draft_that_is_blocked_changes_nothing(life):
    reference = life.in_review()
    review = life.open_reviews(reference)[0].id
    draft = draft_by_person(life.desk, reference, BLOCKED, person("legal-tono"))
    assert draft.blocked
    assert [one.id for one in life.open_reviews(reference)] == [review]
    assert life.state(reference) is State.IN_REVIEW


def test_a_blocked_draft_is_on_the_timeline_with_the_rules_that_block_it(life):
    reference = life.in_review()
    draft_by_person(life.desk, reference, BLOCKED, person("legal-tono"))
    (blocked,) = life.events(reference, "guard_blocked")
    assert blocked.by == "legal-tono"
    assert "legal_threat" in blocked.data["rules"]


def test_the_author_of_a_blocked_draft_hears_why(life):
    reference = life.in_review()
    said = blocked_message(draft_by_person(life.desk, reference, BLOCKED, person("legal-tono")))
    assert said.startswith("The guardrails block this text (")


def test_a_draft_for_a_private_answer_is_private(life):
    reference = life.in_review()
    assert (
        draft_by_person(life.desk, reference, CLEAN, person("cs-nia"), Visibility.PRIVATE).visibility
        is Visibility.PRIVATE
    )


def test_a_private_complaint_is_not_answered_in_public_unless_somebody_says_so(life):
    reference = life.in_review(channel="email", handle="mira@contoh.id")
    assert draft_by_person(life.desk, reference, CLEAN, person("cs-nia")).visibility is Visibility.PRIVATE


def test_a_draft_that_cannot_go_anywhere_is_refused_with_the_reason(life):
    reference = life.in_review()
    life.with_channel(Fickle(look=lambda _, __: Reachable(ok=False, why="the account is closed")))
    with pytest.raises(Refused, match="the account is closed") as refused:
        draft_by_person(life.desk, reference, CLEAN, person("cs-nia"))
    assert refused.value.why == "unreachable"


def test_a_rejected_complaint_leaves_held_by_a_persons_draft(life):
    reference = life.in_review()
    life.decide(reference, verdict=Verdict.REJECT)
    draft_by_person(life.desk, reference, CLEAN, person("cs-nia"))
    complaint = life.complaint(reference)
    assert (complaint.state, complaint.held_why, complaint.held_until) == (State.IN_REVIEW, None, None)


def test_a_watched_post_is_taken_up_by_a_persons_draft(life):
    reference = life.comes(life.assessor.finds("logonya kok gitu", addressed=False, asks=False, breach=False))
    life.assess()
    assert life.state(reference) is State.MONITORING
    draft_by_person(life.desk, reference, CLEAN, person("cs-nia"))
    assert life.state(reference) is State.IN_REVIEW


def test_spam_takes_no_draft(life):
    reference = life.in_review()
    throw_out(life.desk, reference, person("cs-nia"))
    with pytest.raises(Refused, match="takes no answer") as refused:
        draft_by_person(life.desk, reference, CLEAN, person("cs-nia"))
    assert refused.value.why == "wrong_state"


def test_a_draft_for_a_solved_complaint_reopens_it(life):
    reference = life.resolved()
    draft_by_person(life.desk, reference, CLEAN, person("cs-nia"))
    complaint = life.complaint(reference)
    assert (complaint.state, complaint.reopened, complaint.resolved_at) == (State.IN_REVIEW, 1, None)
    (reopened,) = life.events(reference, "reopened")
    assert (reopened.by, reopened.data["why"]) == ("cs-nia", "new_draft")


def test_nobody_is_surveyed_about_what_a_draft_reopened(life):
    reference = life.resolved()
    draft_by_person(life.desk, reference, CLEAN, person("cs-nia"))
    life.run_for(days=5)
    assert {delivery.kind for delivery in life.deliveries(reference)}.isdisjoint({"survey", "ask"})


def test_who_may_write_drafts_is_a_matter_of_policy(life):
    life.with_policy(people=people(life, actions={"draft": ["cs"]}))
    reference = life.in_review()
    with pytest.raises(Refused) as refused:
        draft_by_person(life.desk, reference, CLEAN, person("pr-sari"))
    assert refused.value.why == "not_allowed"


# The kill switch


def test_decisions_go_on_while_publishing_is_stopped_and_nothing_leaves(life):
    reference = life.in_review()
    stop_publishing(life.desk, "all", "ada yang tidak beres", person("pr-sari"))
    life.decide(reference)
    assert life.publish() == []
    assert life.state(reference) is State.APPROVED


def test_what_was_approved_meanwhile_leaves_when_publishing_goes_on(life):
    reference = life.in_review()
    stop_publishing(life.desk, "all", "ada yang tidak beres", person("pr-sari"))
    life.decide(reference)
    allow_publishing(life.desk, "all", "sudah jelas", person("pr-sari"))
    life.publish()
    assert life.state(reference) is State.RESPONDED


def test_the_kill_switch_is_thrown_with_a_name_on_the_desks_timeline(life):
    stop_publishing(life.desk, "channel:x", "akun diretas", person("pr-sari"))
    with life.desk.transaction() as session:
        event = session.execute(select(Event).where(col(Event.name) == "publishing_stopped")).scalar_one()
    assert (event.by, event.data) == ("pr-sari", {"scope": "channel:x"})


def test_not_everybody_throws_the_kill_switch(life):
    with pytest.raises(Refused) as refused:
        stop_publishing(life.desk, "all", "iseng", person("cs-nia"))
    assert refused.value.why == "not_allowed"
