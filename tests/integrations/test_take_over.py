"""Taking over: nothing of the complaint is reviewed any more, and it waits for one person's words."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from command_line import CommandLine
from factories import Life, grave, person

from db.complaints import NoSuchComplaint
from db.tables import ReviewState, RoundState
from db.words import Gate, State, Verdict
from policy.people import People
from tasks.decide import Decision, Refused, decide, draft_by_person
from tasks.take_over import review_to_take, take_over

pytest_plugins = ("lives",)

CLEAN = "Halo Kak, kami mohon maaf atas kejadian ini. Mari kita lanjutkan lewat pesan langsung ke akun ini."


def review_at(life: Life, reference: str, gate: Gate) -> int:
    return next(one.id for one in life.open_reviews(reference) if one.gate is gate)


def taken(life: Life, by: str = "pr-sari") -> str:
    """A complaint that PR reviewed, taken over."""
    reference = life.in_review(grave(life.assessor))
    take_over(life.desk, review_at(life, reference, Gate.PR), person(by))
    return reference


def refusal(life: Life, review: int, by: str, **more: str) -> str:
    with pytest.raises(Refused) as refused:
        take_over(life.desk, review, person(by), **more)
    return refused.value.why


def test_the_round_is_void_and_says_why(life):
    reference = taken(life)
    (round_,) = life.rounds(reference)
    assert (round_.state, round_.why) == (RoundState.VOID, "taken_over")
    assert {one.state for one in life.reviews(reference)} == {ReviewState.VOID}


def test_the_complaint_is_held_for_its_taker_until_a_deadline(life):
    reference = taken(life)
    complaint = life.complaint(reference)
    assert (complaint.state, complaint.held_why, complaint.owner) == (State.HELD, "taken_over", "pr-sari")
    assert complaint.held_until > life.now()


def test_the_timeline_says_who_took_it_over_and_where(life):
    reference = taken(life)
    (event,) = life.events(reference, "taken_over")
    assert (event.by, event.data["gate"]) == ("pr-sari", "pr")
    assert life.names(reference)[-3:] == ["taken_over", "voided", "held"]
    assert {one.by for one in life.events(reference)[-3:]} == {"pr-sari"}


def test_the_machine_writes_nothing_for_what_was_taken_over(life):
    reference = taken(life)
    life.work()
    assert len(life.drafts(reference)) == 1
    assert life.state(reference) is State.HELD


def test_what_the_taker_writes_goes_through_the_gates(life):
    reference = taken(life)
    draft_by_person(life.desk, reference, CLEAN, person("pr-sari"))
    assert life.open_gates(reference) >= {Gate.PR, Gate.LEGAL}


def test_the_taker_does_not_approve_their_own_words(life):
    reference = taken(life)
    draft_by_person(life.desk, reference, CLEAN, person("pr-sari"))
    with pytest.raises(Refused) as refused:
        life.decide(reference, Gate.PR, by="pr-sari")
    assert refused.value.why == "own_words"


def test_others_approve_what_the_taker_wrote(life):
    reference = taken(life)
    draft_by_person(life.desk, reference, CLEAN, person("pr-sari"))
    for review in life.open_reviews(reference):
        life.decide(reference, review.gate, by={Gate.PR: "pr-lina"}.get(review.gate))
    life.publish()
    assert life.delivery(reference).text == CLEAN


def test_approvals_that_were_given_count_no_more(life):
    reference = life.in_review(grave(life.assessor))
    life.decide(reference, Gate.LEGAL)
    take_over(life.desk, review_at(life, reference, Gate.PR), person("pr-sari"))
    draft_by_person(life.desk, reference, CLEAN, person("pr-sari"))
    assert Gate.LEGAL in life.open_gates(reference)


def test_what_nobody_writes_after_all_goes_to_the_next_name(life):
    reference = taken(life)
    life.clock.set(life.complaint(reference).held_until)
    life.watch()
    assert "held" in [event.data["what"] for event in life.events(reference, "deadline_escalated")]
    assert life.complaint(reference).owner in life.desk.policy.people.gates[Gate.CS].escalation


def test_the_run_of_the_round_is_due_to_wake(life):
    reference = life.in_review(grave(life.assessor))
    with life.desk.transaction() as session:
        session.merge(life.rounds(reference)[0]).run_id = "run-1"
    take_over(life.desk, review_at(life, reference, Gate.PR), person("pr-sari"))
    assert life.rounds(reference)[0].wake_due


# Who may, and when


def test_somebody_of_another_gate_does_not_take_over(life):
    reference = life.in_review(grave(life.assessor))
    assert refusal(life, review_at(life, reference, Gate.LEGAL), "pr-sari") == "not_a_member"
    (written,) = life.events(reference, "decision_refused")
    assert (written.by, written.data["verdict"], written.data["gate"]) == ("pr-sari", "take_over", "legal")
    assert life.state(reference) is State.IN_REVIEW


def test_whom_policy_lets_take_over_does_so_at_any_gate(life):
    reference = life.in_review()
    take_over(life.desk, review_at(life, reference, Gate.CS), person("exec-hadi"))
    assert life.complaint(reference).owner == "exec-hadi"


def test_policy_may_keep_taking_over_to_the_gates_own(life):
    shipped = life.desk.policy.people.model_dump(mode="json")
    life.with_policy(people=People.model_validate(shipped | {"actions": {"take_over": []}}))
    reference = life.in_review()
    assert refusal(life, review_at(life, reference, Gate.CS), "exec-hadi") == "not_a_member"
    take_over(life.desk, review_at(life, reference, Gate.CS), person("cs-nia"))


def test_a_stranger_takes_nothing_over(life):
    reference = life.in_review()
    assert refusal(life, review_at(life, reference, Gate.CS), "orang-asing") == "unknown_person"


def test_what_was_decided_is_not_taken_over(life):
    reference = life.in_review()
    review = review_at(life, reference, Gate.CS)
    life.decide(reference, by="cs-nia")
    with pytest.raises(Refused, match="already decided: approve by cs-nia") as refused:
        take_over(life.desk, review, person("cs-budi"))
    assert refused.value.facts["who"] == "cs-nia"


def test_what_was_seen_otherwise_is_not_taken_over(life):
    reference = life.in_review()
    assert refusal(life, review_at(life, reference, Gate.CS), "cs-nia", sha256="0" * 64) == "stale"


def test_what_does_not_exist_is_not_taken_over(life):
    assert refusal(life, 4711, "cs-nia") == "not_open"


def test_taking_over_twice_changes_nothing(life):
    reference = life.in_review()
    review = review_at(life, reference, Gate.CS)
    first = take_over(life.desk, review, person("cs-nia"))
    events = len(life.events(reference))
    assert take_over(life.desk, review, person("cs-nia")) == first
    assert len(life.events(reference)) == events


def test_the_first_who_takes_over_keeps_it(life):
    reference = life.in_review()
    review = review_at(life, reference, Gate.CS)
    take_over(life.desk, review, person("cs-nia"))
    with pytest.raises(Refused, match="taken_over, cs-nia, 2026-03-02 02:00 UTC") as refused:
        take_over(life.desk, review, person("cs-budi"))
    assert refused.value.why == "not_open"
    assert (refused.value.facts["who"], refused.value.facts["because"]) == ("cs-nia", "taken_over")


def test_of_deciding_and_taking_over_at_once_one_happens(life):
    reference = life.in_review()
    review = review_at(life, reference, Gate.CS)
    start = threading.Barrier(8)

    def act(n: int) -> str:
        start.wait()
        try:
            if n % 2:
                decide(life.desk, review, Decision(person(f"cs-{n}"), Verdict.APPROVE))
                return "approved"
            take_over(life.desk, review, person(f"cs-{n}"))
        except Refused as refused:
            return refused.why
        return "taken"

    with ThreadPoolExecutor(8) as pool:
        came_of = Counter(pool.map(act, range(8)))

    assert came_of.pop("not_open") == 7
    (happened,) = came_of
    assert life.state(reference) is (State.APPROVED if happened == "approved" else State.HELD)


# By its reference


def test_by_its_reference_ones_own_gate_is_taken(life):
    reference = life.in_review(grave(life.assessor))
    assert review_to_take(life.desk, reference, "legal-tono") == review_at(life, reference, Gate.LEGAL)
    assert review_to_take(life.desk, reference, "pr-sari") == review_at(life, reference, Gate.PR)


def test_by_its_reference_nothing_is_taken_that_nobody_reviews(life):
    reference = life.in_review()
    life.decide(reference, verdict=Verdict.REJECT)
    with pytest.raises(Refused, match="no open review") as refused:
        review_to_take(life.desk, reference, "cs-nia")
    assert refused.value.facts["state"] == "held"


def test_by_a_reference_of_nothing_nothing_is_taken(life):
    with pytest.raises(NoSuchComplaint):
        review_to_take(life.desk, "TG-9", "cs-nia")


# On the command line


@pytest.fixture
def tanggap(monkeypatch, capsys, tmp_path, life) -> CommandLine:
    return CommandLine(monkeypatch, capsys, tmp_path).at(life.desk)


@pytest.mark.parametrize("by", ["number", "reference"])
def test_a_complaint_is_taken_over_on_the_command_line(by, life, tanggap):
    reference = life.in_review()
    named = life.open_reviews(reference)[0].id if by == "number" else reference.lower()
    ran = tanggap("take-over", named, "--as", "cs-nia")
    assert ran.code == 0, ran.err
    assert f"{reference} is cs-nia's now, until" in ran.out
    assert life.complaint(reference).owner == "cs-nia"


def test_a_refusal_is_one_line_on_the_command_line(life, tanggap):
    ran = tanggap("take-over", life.in_review(), "--as", "pr-sari")
    assert (ran.code, ran.out, ran.err.count("\n")) == (1, "", 1)
    assert "pr-sari does not belong to cs" in ran.err
