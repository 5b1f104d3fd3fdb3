"""Threads under cards: notes that follow their messages, and words that somebody proposes as the answer."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from command_line import CommandLine
from factories import Life, grave, person
from sqlalchemy import select

from db.tables import Draft, Note, RoundState
from db.words import Gate, State, Verdict, Visibility
from policy.people import People
from tasks.decide import Refused, draft_by_person
from tasks.erase import erase
from tasks.export import as_json, read_case
from tasks.notes_in_threads import edit_note, note_from_thread, propose_from_thread, remove_note
from tasks.people import Mistake
from tasks.take_over import take_over

pytest_plugins = ("lives",)

SARI, LINA, TONO = person("pr-sari"), person("pr-lina"), person("legal-tono")
SOURCE = "C0PR:1772416800.000100"
CLEAN = "Halo Kak, kami mohon maaf atas kejadian ini. Mari kita lanjutkan lewat pesan langsung ke akun ini."
BLOCKED = "Kami akan menuntut Anda sesuai UU ITE bila unggahan ini tidak segera dihapus."


def review_at(life: Life, reference: str, gate: Gate = Gate.PR) -> int:
    return next(one.id for one in life.reviews(reference) if one.gate is gate)


def noted(life: Life, text: str = "pelanggan lama, hati-hati") -> str:
    """A complaint with a note out of a thread."""
    reference = life.in_review(grave(life.assessor))
    note_from_thread(life.desk, review_at(life, reference), text, SARI, SOURCE)
    return reference


def notes(life: Life) -> list[Note]:
    with life.desk.transaction() as session:
        return list(session.execute(select(Note).order_by(Note.id)).scalars())


# Notes


def test_a_message_in_the_thread_is_a_note_of_its_author(life):
    reference = noted(life)
    (kept,) = notes(life)
    assert (kept.text, kept.by, kept.source, kept.at) == ("pelanggan lama, hati-hati", "pr-sari", SOURCE, life.now())
    (event,) = life.events(reference, "noted_by_person")
    assert (event.by, event.data["note"]) == ("pr-sari", kept.id)


def test_a_message_that_is_heard_twice_is_one_note(life):
    reference = noted(life)
    note_from_thread(life.desk, review_at(life, reference), "pelanggan lama, hati-hati", SARI, SOURCE)
    assert len(notes(life)) == len(life.events(reference, "noted_by_person")) == 1


def test_a_message_that_is_heard_eight_times_at_once_is_one_note(life):
    reference = life.in_review(grave(life.assessor))
    review = review_at(life, reference)
    start = threading.Barrier(8)

    def hear(_: int) -> None:
        start.wait()
        note_from_thread(life.desk, review, "sekali saja", SARI, SOURCE)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(hear, range(8)))
    assert len(notes(life)) == len(life.events(reference, "noted_by_person")) == 1


def test_an_edited_message_changes_its_note(life):
    reference = noted(life)
    at = life.later(minutes=5)
    edit_note(life.desk, SOURCE, "pelanggan baru", SARI)
    (kept,) = notes(life)
    assert (kept.text, kept.edited_at) == ("pelanggan baru", at)
    assert life.events(reference, "note_edited")[0].data == {"note": kept.id}


def test_an_edit_to_the_same_words_is_none(life):
    reference = noted(life)
    edit_note(life.desk, SOURCE, " pelanggan lama, hati-hati ", SARI)
    assert life.events(reference, "note_edited") == []


def test_a_deleted_message_takes_its_words_along(life):
    reference = noted(life)
    at = life.later(minutes=5)
    remove_note(life.desk, SOURCE, SARI)
    (kept,) = notes(life)
    assert (kept.text, kept.removed_at) == ("", at)
    assert life.events(reference, "note_removed")[0].data == {"note": kept.id}


@pytest.mark.parametrize("again", ["edited", "removed", "heard"])
def test_what_was_taken_back_stays_taken_back(again, life):
    reference = noted(life)
    remove_note(life.desk, SOURCE, SARI)
    if again == "edited":
        edit_note(life.desk, SOURCE, "doch", SARI)
    elif again == "removed":
        remove_note(life.desk, SOURCE, SARI)
    else:
        note_from_thread(life.desk, review_at(life, reference), "doch", SARI, SOURCE)
    assert [one.text for one in notes(life)] == [""]
    assert life.names(reference).count("note_removed") == 1


def test_an_edit_to_nothing_is_a_removal(life):
    noted(life)
    edit_note(life.desk, SOURCE, "  ", SARI)
    assert notes(life)[0].removed_at is not None


@pytest.mark.parametrize(
    "act", [lambda desk: edit_note(desk, "C9:1", "x", SARI), lambda desk: remove_note(desk, "C9:1", SARI)]
)
def test_a_message_that_is_no_note_is_passed_over(act, life):
    noted(life)
    act(life.desk)
    assert [one.text for one in notes(life)] == ["pelanggan lama, hati-hati"]


def test_a_message_without_words_is_no_note(life):
    noted(life, "  \n")
    assert notes(life) == []


def test_only_people_of_the_desk_write_notes(life):
    reference = life.in_review(grave(life.assessor))
    with pytest.raises(Refused) as refused:
        note_from_thread(life.desk, review_at(life, reference), "x", person("orang-asing"), SOURCE)
    assert refused.value.why == "unknown_person"


def test_a_note_under_no_review_is_refused(life):
    with pytest.raises(Refused, match="There is no review 4711"):
        note_from_thread(life.desk, 4711, "x", SARI, SOURCE)


def test_nothing_in_a_thread_reaches_a_channel(life):
    reference = noted(life, "rahasia dapur")
    life.approve_all(reference)
    life.work()
    assert life.state(reference) is State.RESPONDED
    assert not any("rahasia" in delivery.text for delivery in life.deliveries(reference))


def test_notes_after_the_review_are_taken_too(life):
    reference = life.in_review(grave(life.assessor))
    life.approve_all(reference)
    note_from_thread(life.desk, review_at(life, reference), "sudah ditelepon", SARI, SOURCE)
    assert [one.text for one in notes(life)] == ["sudah ditelepon"]


def test_a_forgotten_persons_notes_stay_empty(life):
    reference = noted(life)
    erase(life.desk, reference, TONO)
    edit_note(life.desk, SOURCE, "telepon Mirabella", SARI)
    assert [one.text for one in notes(life)] == [""]


# Where notes are shown


@pytest.fixture
def tanggap(monkeypatch, capsys, tmp_path, life) -> CommandLine:
    return CommandLine(monkeypatch, capsys, tmp_path).at(life.desk)


def test_the_complaint_shows_that_a_note_was_edited(life, tanggap):
    reference = noted(life)
    edit_note(life.desk, SOURCE, "pelanggan baru", SARI)
    assert "pr-sari: pelanggan baru (edited 2026-03-02 09:00)" in tanggap("complaint", reference).out


def test_the_complaint_shows_that_a_note_was_taken_back(life, tanggap):
    reference = noted(life)
    remove_note(life.desk, SOURCE, SARI)
    said = tanggap("complaint", reference).out
    assert "pr-sari: (taken back 2026-03-02 09:00)" in said
    assert "hati-hati" not in said


def test_the_export_says_when_a_note_was_edited(life):
    reference = noted(life)
    edit_note(life.desk, SOURCE, "pelanggan baru", SARI)
    (kept,) = as_json(read_case(life.desk, reference))["notes"]
    assert (kept["text"], kept["edited_at"], kept["removed_at"]) == ("pelanggan baru", life.now().isoformat(), None)


# Proposals


def proposed(life: Life, text: str = CLEAN, **changes: object) -> tuple[str, Draft]:
    """A complaint for which LINA proposed what SARI wrote in the thread."""
    reference = life.in_review(grave(life.assessor), **changes)
    return reference, propose_from_thread(life.desk, review_at(life, reference), text, SARI, LINA)


def refusal(life: Life, reference: str, by: str, gate: Gate = Gate.PR) -> Refused:
    with pytest.raises(Refused) as refused:
        life.decide(reference, gate, by=by)
    return refused.value


def test_a_proposal_is_a_draft_of_whose_words_they_are(life):
    reference, draft = proposed(life)
    assert (draft.author, draft.text) == ("pr-sari", CLEAN)
    drafted = life.events(reference, "drafted")[-1]
    assert (drafted.by, drafted.data["words_of"]) == ("pr-lina", "pr-sari")


def test_a_proposal_goes_through_the_gates(life):
    reference, _ = proposed(life)
    assert [(one.state, one.why) for one in life.rounds(reference)] == [
        (RoundState.VOID, "new_draft"),
        (RoundState.OPEN, None),
    ]
    assert life.open_gates(reference) == {Gate.CS, Gate.PR, Gate.LEGAL}
    assert life.events(reference, "voided")[0].by == "pr-lina"


def test_whose_words_they_are_does_not_approve_them(life):
    reference, _ = proposed(life)
    assert refusal(life, reference, "pr-sari").why == "own_words"


def test_whoever_proposed_them_does_not_approve_them_either(life):
    reference, _ = proposed(life)
    refused = refusal(life, reference, "pr-lina")
    assert refused.why == "barred"
    assert str(refused).startswith("pr-lina proposed this draft; somebody else must decide")
    assert refused.facts["because"] == "proposed"


def test_whoever_proposed_what_the_guardrails_block_is_told_so(life):
    reference = life.in_review(grave(life.assessor))
    draft_by_person(life.desk, reference, BLOCKED, LINA)
    refused = refusal(life, reference, "pr-lina")
    assert str(refused).startswith("pr-lina proposed words that the guardrails blocked")
    assert refused.facts["because"] == "guard_blocked"


def test_others_approve_a_proposal(life):
    reference, _ = proposed(life)
    for gate in (Gate.CS, Gate.PR, Gate.LEGAL):
        life.decide(reference, gate, by="pr-budi" if gate is Gate.PR else None)
    life.publish()
    assert life.delivery(reference).text == CLEAN


def test_a_proposal_of_ones_own_words_is_an_ordinary_draft(life):
    reference = life.in_review(grave(life.assessor))
    propose_from_thread(life.desk, review_at(life, reference), CLEAN, SARI, SARI)
    assert life.rounds(reference)[-1].barred == []
    assert "words_of" not in life.events(reference, "drafted")[-1].data
    assert refusal(life, reference, "pr-sari").why == "own_words"


def test_where_author_and_proposer_are_the_whole_gate_the_stand_in_looks(life):
    shipped = life.desk.policy.people.model_dump(mode="json")
    pr = shipped["gates"]["pr"] | {"members": ["pr-sari", "pr-lina"], "escalation": []}
    life.with_policy(people=People.model_validate(shipped | {"gates": shipped["gates"] | {"pr": pr}}))
    reference, _ = proposed(life)
    stands_in = {one.gate: one.stands_in_for for one in life.open_reviews(reference)}
    assert stands_in == {Gate.CS: None, Gate.EXECUTIVE: Gate.PR, Gate.LEGAL: None}


def test_a_proposal_that_the_guardrails_block_keeps_both_from_deciding(life):
    reference, draft = proposed(life, BLOCKED)
    assert draft.blocked
    assert life.rounds(reference)[0].barred == ["pr-lina", "pr-sari"]
    assert refusal(life, reference, "pr-lina").facts["because"] == "guard_blocked"
    assert life.state(reference) is State.IN_REVIEW


def test_a_proposal_that_is_heard_twice_is_one_draft(life):
    reference, draft = proposed(life)
    again = propose_from_thread(life.desk, review_at(life, reference), CLEAN, SARI, LINA)
    assert again.id == draft.id
    assert len(life.rounds(reference)) == 2


@pytest.mark.parametrize("visibility", list(Visibility))
def test_a_proposal_goes_where_the_reviews_own_draft_would_have_gone(visibility, life):
    reference = life.in_review(grave(life.assessor))
    draft_by_person(life.desk, reference, CLEAN, TONO, visibility)
    draft = propose_from_thread(life.desk, review_at(life, reference), f"{CLEAN} Terima kasih.", SARI, LINA)
    assert draft.visibility is visibility


@pytest.mark.parametrize("ended", ["taken over", "rejected", "edited", "written again"])
def test_a_proposal_is_taken_whatever_became_of_the_review(ended, life):
    reference = life.in_review(grave(life.assessor), external_id="p-1")
    review = review_at(life, reference)
    if ended == "taken over":
        take_over(life.desk, review, SARI)
    elif ended == "rejected":
        life.decide(reference, Gate.LEGAL, Verdict.REJECT)
    elif ended == "edited":
        draft_by_person(life.desk, reference, f"{CLEAN} Salam.", TONO)
    else:
        life.comes("tambahan", in_reply_to="p-1")
    propose_from_thread(life.desk, review, CLEAN, SARI, LINA)
    assert life.state(reference) is State.IN_REVIEW
    assert life.drafts(reference)[-1].text == CLEAN


def test_whoever_took_over_writes_in_the_thread(life):
    reference = life.in_review(grave(life.assessor))
    take_over(life.desk, review_at(life, reference), SARI)
    propose_from_thread(life.desk, review_at(life, reference), CLEAN, SARI, SARI)
    assert refusal(life, reference, "pr-sari").why == "own_words"


def test_a_message_without_words_cannot_be_proposed(life):
    with pytest.raises(Mistake, match="no words"):
        proposed(life, " \n ")


@pytest.mark.parametrize(("author", "proposer"), [("orang-asing", "pr-lina"), ("pr-sari", "orang-asing")])
def test_words_of_strangers_and_proposals_by_them_are_refused(author, proposer, life):
    reference = life.in_review(grave(life.assessor))
    with pytest.raises(Refused) as refused:
        propose_from_thread(life.desk, review_at(life, reference), CLEAN, person(author), person(proposer))
    assert refused.value.why == "unknown_person"
    assert len(life.drafts(reference)) == 1


def test_a_proposal_for_no_review_is_refused(life):
    with pytest.raises(Refused, match="There is no review 4711"):
        propose_from_thread(life.desk, 4711, CLEAN, SARI, LINA)
