"""The legal road: a last resort that cools off, asks, and needs three different people; and no way around it."""

from datetime import timedelta

import pytest
from factories import GRAVE, Life, grave, person
from sqlalchemy import text, update
from sqlalchemy.exc import DBAPIError

from db.tables import Delivery, Draft, LegalRoad, Review, RoadState
from db.words import Gate, Risk, State, Verdict, Visibility
from tasks.decide import draft_by_person, edit
from tasks.legal_road import answer_question, open_legal_road, propose, see, withdraw
from tasks.people import Mistake
from tasks.refusals import Refused

pytest_plugins = ("lives",)

LETTER = (
    "Ibu Mira yang kami hormati, kami mohon maaf atas pengalaman Ibu. Pemeriksaan dapur kami lampirkan di surat ini. "
    "Kami ingin mendengar cerita Ibu langsung, silakan balas pesan ini."
)
FACTS = (
    "Kami mohon maaf atas kejadian ini. Hasil pemeriksaan dinas kesehatan atas gerai kami sudah terbit dan dapat dibaca "
    "siapa saja. Mari bicara lewat pesan langsung ke akun ini."
)
THREAT = "Kami mohon maaf. Bila unggahan ini tidak dihapus, kami akan menempuh jalur hukum atas pencemaran nama baik."
ANSWERS = {
    "talked_privately": "Rina menelepon hari Senin dan Selasa, dua kali diangkat.",
    "what_they_said": "Ia minta biaya dokter diganti dan permintaan maaf.",
    "our_documents": "Catatan dapur dan sampel makanan hari itu, keduanya baik.",
    "who_was_harmed": "Anaknya muntah semalam, sudah sehat keesokan harinya.",
    "what_the_public_sees": "Perusahaan besar menyurati seorang ibu yang anaknya sakit.",
}
SENT_PAST_EVERYTHING = """
    INSERT INTO delivery (key, complaint_id, draft_id, round_id, sha256, kind, channel, account, target, visibility, text,
                          attachments, invites_private, state, queued_at, due_at, tries, needs_person)
    SELECT 'k', draft.complaint_id, draft.id, 1, draft.sha256, 'reply', channel, account, target, visibility, text,
           attachments, false, 'queued', now(), now(), 0, false
    FROM draft WHERE blocked
"""
OPENER, WRITER = "pr-sari", "legal-tono"
OTHERS = {Gate.PR: "pr-dewi", Gate.LEGAL: "legal-ani", Gate.EXECUTIVE: "exec-hadi", Gate.CS: "cs-nia"}


def opened(life: Life) -> str:
    """A complaint with an open road that has not cooled off."""
    reference = life.responded()
    open_legal_road(life.desk, reference, "Tuduhannya tidak benar dan terus disebar.", person(OPENER))
    return reference


def ready(life: Life) -> str:
    """A complaint whose road has cooled off, its checklist full."""
    reference = opened(life)
    for question, answer in ANSWERS.items():
        answer_question(life.desk, reference, question, answer, person(OPENER))
    life.later(hours=72)
    return reference


def proposed(life: Life) -> str:
    """A complaint whose road's letter waits for its gates."""
    reference = ready(life)
    propose(life.desk, reference, LETTER, "letter", person(WRITER))
    return reference


def decide_all(life: Life, reference: str) -> None:
    for review in life.open_reviews(reference):
        life.decide(reference, review.gate, by=OTHERS[review.gate])


# The time and the questions


def test_a_road_that_has_not_cooled_off_proposes_nothing(life):
    reference = opened(life)
    for question, answer in ANSWERS.items():
        answer_question(life.desk, reference, question, answer, person(OPENER))
    life.later(hours=71, minutes=59)

    with pytest.raises(Refused, match="Nobody can shorten") as refused:
        propose(life.desk, reference, LETTER, "letter", person(WRITER))

    assert refused.value.why == "cooling_off"
    assert [event.data["why"] for event in life.events(reference, "legal_road_refused")] == ["cooling_off"]
    assert life.state(reference) is State.RESPONDED


def test_nobody_shortens_the_cooling_off_in_the_database_either(life):
    reference = opened(life)

    with pytest.raises(DBAPIError, match="nobody can shorten it"), life.desk.transaction() as session:
        session.execute(update(LegalRoad).values(cooling_until=life.now() + timedelta(days=9)))

    assert see(life.desk, reference).cooled is False


def test_a_checklist_with_a_gap_proposes_nothing(life):
    reference = opened(life)
    for question in list(ANSWERS)[:-1]:
        answer_question(life.desk, reference, question, ANSWERS[question], person(OPENER))
    life.later(days=4)

    with pytest.raises(Refused, match="what_the_public_sees") as refused:
        propose(life.desk, reference, LETTER, "letter", person(WRITER))

    assert refused.value.why == "checklist"


@pytest.mark.parametrize("answer", ["ya", "- - - - - - - - - - -", "   "])
def test_an_answer_that_says_nothing_is_none(life, answer):
    reference = opened(life)
    with pytest.raises(Mistake, match="says too little"):
        answer_question(life.desk, reference, "our_documents", answer, person(OPENER))


def test_the_newest_answer_counts_with_its_author(life):
    reference = opened(life)
    answer_question(life.desk, reference, "our_documents", "Belum ada yang ditemukan di arsip.", person(OPENER))
    seen = answer_question(life.desk, reference, "our_documents", ANSWERS["our_documents"], person("cs-nia"))

    assert (seen.answers["our_documents"].text, seen.answers["our_documents"].by) == (
        ANSWERS["our_documents"],
        "cs-nia",
    )
    assert len(life.events(reference, "legal_road_answered")) == 2


def test_a_complaint_has_one_open_road(life):
    reference = opened(life)
    with pytest.raises(Mistake, match="has an open legal road"):
        open_legal_road(life.desk, reference, "sekali lagi", person("legal-tono"))


def test_the_timeline_tells_of_the_road_without_a_word_of_it(life):
    reference = opened(life)
    answer_question(life.desk, reference, "what_they_said", ANSWERS["what_they_said"], person(OPENER))

    told = str([event.data for event in life.events(reference)])

    assert "legal_road_opened" in life.names(reference)
    assert "disebar" not in told
    assert "biaya dokter" not in told


# Three different people


def test_its_letter_leaves_privately_after_three_different_people(life):
    reference = proposed(life)
    assert {Gate.PR, Gate.LEGAL, Gate.EXECUTIVE} <= life.open_gates(reference)

    decide_all(life, reference)
    life.publish()

    sent = life.delivery(reference)
    assert (sent.text, sent.visibility) == (LETTER, Visibility.PRIVATE)
    assert see(life.desk, reference).road.state is RoadState.TAKEN
    assert life.events(reference, "legal_road_taken")


def test_a_statement_of_facts_leaves_in_public(life):
    reference = ready(life)
    propose(life.desk, reference, FACTS, "statement", person(WRITER))
    decide_all(life, reference)
    life.publish()

    assert life.delivery(reference).visibility is Visibility.PUBLIC


def test_whoever_opened_it_decides_nothing(life):
    reference = proposed(life)
    with pytest.raises(Refused, match="opened this legal road") as refused:
        life.decide(reference, Gate.PR, by=OPENER)
    assert refused.value.why == "own_road"


def test_whoever_wrote_it_decides_nothing(life):
    reference = proposed(life)
    with pytest.raises(Refused) as refused:
        life.decide(reference, Gate.LEGAL, by=WRITER)
    assert refused.value.why == "own_words"


def test_one_person_decides_one_gate_even_where_policy_lets_them_two(life):
    people = life.desk.policy.people.model_copy(update={"one_person_two_gates": True})
    life.with_policy(people=people)
    reference = proposed(life)
    life.decide(reference, Gate.PR, by="exec-duty")

    with pytest.raises(Refused) as refused:
        life.decide(reference, Gate.EXECUTIVE, by="exec-duty")

    assert refused.value.why == "second_gate"


def test_the_database_counts_the_people_whatever_the_code_says(life):
    reference = proposed(life)
    decide_all(life, reference)
    with life.desk.transaction() as session:
        session.execute(text("UPDATE review SET decided_by = 'exec-hadi' WHERE gate IN ('pr', 'legal', 'executive')"))

    with pytest.raises(DBAPIError, match="three different people"), life.desk.transaction() as session:
        session.execute(update(Delivery).where(Delivery.draft_id.is_not(None)).values(queued_at=life.now()))


def test_an_edit_of_its_letter_is_on_the_same_road(life):
    reference = proposed(life)
    review = next(review for review in life.open_reviews(reference) if review.gate is Gate.LEGAL)

    edited = edit(life.desk, review.id, f"{LETTER} Terima kasih.", person("legal-ani"))

    assert edited.legal_road_id == see(life.desk, reference).road.id
    with pytest.raises(Refused) as refused:
        life.decide(reference, Gate.PR, by=OPENER)
    assert refused.value.why == "own_road"


def test_no_gate_stands_in_for_another(life):
    gates = dict(life.desk.policy.people.gates)
    gates[Gate.LEGAL] = gates[Gate.LEGAL].model_copy(update={"members": (WRITER,), "escalation": ()})
    life.with_policy(people=life.desk.policy.people.model_copy(update={"gates": gates}))
    reference = ready(life)

    with pytest.raises(Refused, match="legal has nobody") as refused:
        propose(life.desk, reference, LETTER, "letter", person(WRITER))

    assert refused.value.why == "nobody_left"


def test_a_rejection_ends_the_road(life):
    reference = proposed(life)
    life.decide(reference, Gate.EXECUTIVE, Verdict.REJECT, by="exec-hadi")

    assert see(life.desk, reference).road.state is RoadState.REFUSED
    assert life.state(reference) is State.HELD
    with pytest.raises(Mistake, match="no open legal road"):
        propose(life.desk, reference, LETTER, "letter", person(WRITER))


def test_a_further_message_voids_its_letter_but_not_the_road(life):
    reference = proposed(life)
    life.drafting(reference)

    assert see(life.desk, reference).road.state is RoadState.OPEN


def test_withdrawn_its_letter_goes_nowhere(life):
    reference = proposed(life)
    decide_all(life, reference)

    withdraw(life.desk, reference, "Kita sudah berdamai lewat telepon.", person("pr-dewi"))
    life.publish()

    assert life.delivery(reference).text != LETTER or life.delivery(reference).state == "cancelled"
    assert see(life.desk, reference).road.state is RoadState.WITHDRAWN


def test_untouched_it_lapses_after_its_opener_was_told(life):
    reference = opened(life)
    life.run_for(days=40)

    (cooled,) = life.events(reference, "legal_road_cooled")
    assert cooled.data["to"] == OPENER
    assert see(life.desk, reference).road.state is RoadState.LAPSED


# No way around it


def test_no_road_ends_in_a_threat(life):
    reference = ready(life)
    made = propose(life.desk, reference, THREAT, "letter", person(WRITER))

    assert made.blocked
    assert "legal_threat" in {finding["rule"] for finding in made.findings}
    assert life.state(reference) is State.RESPONDED
    assert see(life.desk, reference).road.state is RoadState.OPEN


def test_an_ordinary_reply_that_threatens_goes_nowhere_by_any_hand(life):
    reference = life.in_review(grave(life.assessor))
    (first, *_) = life.open_reviews(reference)

    assert draft_by_person(life.desk, reference, THREAT, person("exec-hadi")).blocked
    with pytest.raises(Refused) as edited:
        edit(life.desk, first.id, THREAT, person("pr-dewi"))
    with pytest.raises(DBAPIError, match="blocked by the guardrails"), life.desk.transaction() as session:
        session.execute(text(SENT_PAST_EVERYTHING))

    assert edited.value.why == "guard_blocked"
    assert "jalur hukum" not in "".join(delivery.text for delivery in life.deliveries(reference))


def test_a_grave_complaint_is_answered_as_ever_while_a_road_cools_off(life):
    reference = life.in_review(life.assessor.finds(GRAVE, risks=(Risk.INJURY,)))
    open_legal_road(life.desk, reference, "Tuduhannya tidak benar dan terus disebar.", person(OPENER))

    life.approve_all(reference)
    life.publish()

    assert life.state(reference) is State.RESPONDED
    with life.desk.transaction() as session:
        assert session.get(Draft, life.drafts(reference)[0].id).legal_road_id is None
        assert session.get(Review, life.reviews(reference)[0].id).decided_by is not None
