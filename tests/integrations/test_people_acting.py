"""What people do beside deciding: correct, note, assign, throw out, close, try again; each with a name."""

import pytest
from factories import Life, person, reach
from sqlalchemy import select

from db.complaints import NoSuchComplaint
from db.tables import Correction, DeliveryState, Note
from db.words import Category, Kind, Risk, Severity, State, Verdict
from policy.people import People
from tasks import decide, follow_up, people
from tasks.changes import new_metrics
from tasks.decide import Refused
from tasks.kill_switch import allow_publishing, lift_as_engine, stop_publishing, stopped, throw_as_engine
from tasks.people import Mistake, assign, close_held, contained, correct, note, redraft, throw_out

pytest_plugins = ("lives",)

CS = person("cs-nia")


def watched(life: Life) -> str:
    """A post that names us, asks for nothing and reaches nobody."""
    reference = life.comes(life.assessor.finds("logonya aneh", Kind.OTHER, addressed=False, opinion=True), channel="x")
    life.assess()
    assert life.state(reference) is State.MONITORING
    return reference


def noted(life: Life) -> str:
    reference = life.comes(
        life.assessor.finds("pasar saham naik", Kind.OTHER, about_us=False, addressed=False, opinion=False)
    )
    life.assess()
    assert life.state(reference) is State.NOTED
    return reference


def held(life: Life) -> str:
    reference = life.in_review()
    life.decide(reference, verdict=Verdict.REJECT)
    return reference


def corrections(life: Life) -> list[Correction]:
    with life.desk.transaction() as session:
        return list(session.execute(select(Correction).order_by(Correction.id)).scalars())


# Correct


@pytest.mark.parametrize(
    ("field", "said", "stands"),
    [
        ("category", "billing", Category.BILLING),
        ("remedy", "refund", "refund"),
        ("severity", "S2", Severity.S2),
        ("risks", " media, churn ,media", ["churn", "media"]),
        ("risks", "", []),
        ("anger", "3", 3),
        ("language", " EN ", "en"),
        ("language", "mixed", "mixed"),
        ("kind", "question", Kind.QUESTION),
    ],
)
def test_a_field_is_corrected(field, said, stands, life):
    reference = life.in_review()
    correct(life.desk, reference, {field: said}, CS)
    assert getattr(life.complaint(reference), field) == stands


@pytest.mark.parametrize(
    ("field", "said", "hint"),
    [
        ("category", "parcel", "product, service"),
        ("severity", "S5", "S1, S2"),
        ("risks", "media,doom", "injury, legal_threat"),
        ("anger", "4", "0, 1, 2, 3"),
        ("anger", "²", "0, 1, 2, 3"),
        ("language", "Mira menulis dalam bahasa Jawa", "id, en, mixed"),
        ("kind", "rant", "complaint, question"),
        ("owner", "cs-nia", "kind, category"),
    ],
)
def test_a_correction_to_no_word_of_the_field_is_a_mistake_that_names_the_words(field, said, hint, life):
    reference = life.in_review()
    with pytest.raises(Mistake, match=hint):
        correct(life.desk, reference, {field: said}, CS)
    assert corrections(life) == []


def test_one_wrong_field_of_two_corrects_neither(life):
    reference = life.in_review()
    with pytest.raises(Mistake):
        correct(life.desk, reference, {"category": "billing", "anger": "9"}, CS)
    assert life.complaint(reference).category is Category.DELIVERY


def test_a_correction_remembers_what_was_before_who_and_why(life):
    reference = life.in_review()
    correct(life.desk, reference, {"category": "billing"}, CS, why="soal tagihan")
    (made,) = corrections(life)
    assert (made.field, made.was, made.now, made.by, made.why) == (
        "category",
        "delivery",
        "billing",
        "cs-nia",
        "soal tagihan",
    )


def test_what_is_no_complaint_after_all_has_no_category(life):
    reference = life.in_review()
    correct(life.desk, reference, {"kind": "question"}, CS)
    complaint = life.complaint(reference)
    assert (complaint.category, complaint.remedy) == (None, None)


def test_a_graver_severity_brings_the_promise_nearer(life):
    reference = life.in_review()
    before = life.complaint(reference).answer_by
    correct(life.desk, reference, {"severity": "S1"}, CS)
    assert life.complaint(reference).answer_by < before


@pytest.mark.parametrize("where", [noted, watched])
def test_what_a_person_calls_a_complaint_is_taken_up(where, life):
    reference = where(life)
    correct(life.desk, reference, {"kind": "complaint"}, CS)
    life.answer()
    assert life.state(reference) is State.IN_REVIEW
    assert life.events(reference, "taken_up")[0].by == "cs-nia"


def test_spam_that_is_none_is_taken_up(life):
    reference = life.comes(life.assessor.finds("promo atau keluhan?", Kind.SPAM))
    life.assess()
    correct(life.desk, reference, {"kind": "complaint"}, CS)
    assert life.state(reference) is State.ASSESSED


def test_what_a_person_calls_praise_before_anybody_answers_is_noted(life):
    reference = life.comes()
    life.assess()
    correct(life.desk, reference, {"kind": "praise"}, CS)
    assert life.state(reference) is State.NOTED


def test_not_everybody_corrects(life):
    shipped = life.desk.policy.people.model_dump(mode="json")
    life.with_policy(people=People.model_validate(shipped | {"actions": {"correct": ["cs"]}}))
    with pytest.raises(Refused) as refused:
        correct(life.desk, life.in_review(), {"severity": "S1"}, person("pr-sari"))
    assert refused.value.why == "not_allowed"


# Note and assign


def test_a_note_is_kept_with_its_author(life):
    reference = life.in_review()
    note(life.desk, reference, "pelanggan lama, hati-hati", CS)
    with life.desk.transaction() as session:
        (kept,) = session.execute(select(Note)).scalars()
    assert (kept.text, kept.by) == ("pelanggan lama, hati-hati", "cs-nia")


def test_a_note_reaches_no_channel(life):
    reference = life.in_review()
    note(life.desk, reference, "rahasia dapur", CS)
    life.approve_all(reference)
    life.work()
    assert not any("rahasia" in delivery.text for delivery in life.deliveries(reference))


def test_a_complaint_is_given_an_owner(life):
    reference = life.in_review()
    assign(life.desk, reference, "pr-sari", CS)
    assert life.complaint(reference).owner == "pr-sari"


def test_nobody_becomes_owner_whom_policy_does_not_know(life):
    with pytest.raises(Mistake, match="orang-asing is nobody"):
        assign(life.desk, life.in_review(), "orang-asing", CS)


@pytest.mark.parametrize("action", ["note", "assign", "posted", "draft", "spam", "close", "merge", "resolve"])
def test_what_policy_keeps_for_some_is_refused_to_others(action, life):
    shipped = life.desk.policy.people.model_dump(mode="json")
    life.with_policy(people=People.model_validate(shipped | {"actions": {action: ["executive"]}}))
    reference = life.in_review()
    act = {
        "note": lambda: people.note(life.desk, reference, "x", CS),
        "assign": lambda: people.assign(life.desk, reference, "cs-nia", CS),
        "posted": lambda: people.posted(life.desk, reference, "https://x.example/1", CS),
        "draft": lambda: decide.draft_by_person(life.desk, reference, "Halo", CS),
        "spam": lambda: people.throw_out(life.desk, reference, CS),
        "close": lambda: people.close_held(life.desk, reference, "x", CS),
        "merge": lambda: people.merge(life.desk, reference, reference, CS),
        "resolve": lambda: follow_up.resolve(life.desk, reference, CS, "x"),
    }[action]
    with pytest.raises(Refused) as refused:
        act()
    assert refused.value.why == "not_allowed"


# Spam


@pytest.mark.parametrize("where", ["assessed", "in_review", "watched", "noted"])
def test_spam_is_thrown_out_wherever_it_stands_before_an_answer(where, life):
    if where == "assessed":
        reference = life.comes()
        life.assess()
    else:
        reference = {"in_review": life.in_review, "watched": lambda: watched(life), "noted": lambda: noted(life)}[
            where
        ]()
    throw_out(life.desk, reference, CS)
    assert life.state(reference) is State.SPAM
    assert life.open_reviews(reference) == []


def test_spam_gets_no_acknowledgement_that_has_not_left(life):
    reference = life.comes()
    life.assess()
    throw_out(life.desk, reference, CS)
    assert life.publish() == []
    assert life.delivery(reference, "acknowledgement").state is DeliveryState.CANCELLED


def test_what_was_answered_is_no_spam(life):
    with pytest.raises(Mistake, match="only what was not answered can be spam"):
        throw_out(life.desk, life.responded(), CS)


def test_spam_stays_spam_when_it_spreads(life):
    reference = life.in_review(external_id="s-1")
    throw_out(life.desk, reference, CS)
    new_metrics(life.desk, "instagram", "default", "s-1", reach(2_000_000))
    life.work()
    assert life.state(reference) is State.SPAM


# Held


def test_what_is_held_is_closed_with_a_reason(life):
    reference = held(life)
    close_held(life.desk, reference, "pelanggan menarik keluhannya", CS)
    complaint = life.complaint(reference)
    assert (complaint.state, complaint.closed_why, complaint.closed_at) == (State.CLOSED, "by_hand", life.now())


def test_only_what_is_held_is_closed_by_hand(life):
    with pytest.raises(Mistake, match="only a held complaint"):
        close_held(life.desk, life.in_review(), "x", CS)


def test_what_is_held_is_drafted_anew_in_other_words(life):
    reference = held(life)
    redraft(life.desk, reference, CS)
    life.answer()
    first, second = life.drafts(reference)
    assert life.state(reference) is State.IN_REVIEW
    assert first.text != second.text


def test_only_what_is_held_is_drafted_anew(life):
    with pytest.raises(Mistake, match="only a held complaint"):
        redraft(life.desk, life.in_review(), CS)


@pytest.mark.parametrize("reference", ["TG-9", "nothing"])
def test_whoever_names_no_complaint_is_told_so(reference, life):
    with pytest.raises(NoSuchComplaint):
        note(life.desk, reference, "x", CS)


# The kill switch of the engineers


def test_the_engineers_throw_the_switch_without_a_name(life):
    throw_as_engine(life.desk, "dari Prefect")
    assert stopped(life.desk)


def test_the_engineers_lift_what_they_threw(life):
    throw_as_engine(life.desk, "dari Prefect")
    lift_as_engine(life.desk, "dari Prefect")
    assert not stopped(life.desk)


def test_the_engineers_do_not_lift_what_a_person_threw(life):
    stop_publishing(life.desk, "all", "krisis", person("pr-sari"))
    lift_as_engine(life.desk, "dari Prefect")
    assert stopped(life.desk)
    assert allow_publishing(life.desk, "all", "selesai", person("pr-sari"))


# What was posted by hand, compared


@pytest.mark.parametrize(
    ("approved", "page", "likeness"),
    [
        ("Halo Kak, maaf ya.", "x Halo  Kak,\n maaf ya. y", 1.0),
        ("Halo Kak, maaf ya.", "", 0.0),
        ("Halo Kak, kami mohon maaf atas hal ini.", "Halo Kak, kami mohon maaf atas hal itu.", 0.9),
    ],
)
def test_how_much_of_the_approved_text_stands_there(approved, page, likeness):
    assert contained(approved, page) == pytest.approx(likeness, abs=0.1)


# Reach


def test_a_watched_post_that_spreads_is_answered_after_all(life):
    reference = watched(life)
    post = life.messages(reference)[0]
    new_metrics(life.desk, post.channel, post.account, post.external_id, reach(180_000))
    life.work()
    assert life.state(reference) is State.IN_REVIEW
    assert Risk.VIRALITY in life.complaint(reference).risks


def test_a_watched_post_that_spreads_late_has_a_promise_from_then_on(life):
    reference = watched(life)
    grew = life.later(days=3)
    post = life.messages(reference)[0]
    new_metrics(life.desk, post.channel, post.account, post.external_id, reach(180_000))
    life.work()
    assert life.complaint(reference).promised_at == grew


def test_figures_of_a_post_that_nobody_knows_are_passed_over(life):
    assert not new_metrics(life.desk, "x", "default", "ghost", reach(5))


def test_the_same_figures_are_no_news(life):
    reference = watched(life)
    post = life.messages(reference)[0]
    new_metrics(life.desk, post.channel, post.account, post.external_id, reach(500))
    life.assess()
    new_metrics(life.desk, post.channel, post.account, post.external_id, reach(500))
    assert not life.messages(reference)[0].assess_due
