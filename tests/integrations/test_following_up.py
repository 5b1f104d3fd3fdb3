"""After the answer: surveyed, asked or left in peace by the facts of the case, found, closed, or reopened."""

import pytest
from factories import LATE, Fickle, Life, grave, person
from sqlalchemy import select

from db.tables import Complainant, DeliveryState, FollowUpState
from db.words import Kind, Risk, State, Verdict, Visibility
from integrations.channels.manual import ManualChannel
from integrations.record import Metrics
from tasks.changes import new_metrics
from tasks.decide import Refused
from tasks.follow_up import NoSurvey, NotResolvable, answer_survey, due_for_follow_up, next_due, refuse_asks, resolve

pytest_plugins = ("lives",)

PRAISE = "keluhan saya langsung dibantu, recommended!"


def kinds(life: Life, reference: str) -> list[str]:
    """What was sent to the customer, in order."""
    return [str(delivery.kind) for delivery in life.deliveries(reference) if delivery.state is DeliveryState.SENT]


def scores(life: Life, reference: str, score: int, comment: str | None = None) -> None:
    answer_survey(life.desk, life.complaint(reference).id, score, comment)
    life.work()


def withheld(life: Life, reference: str) -> list[str]:
    return [event.data["why"] for event in life.events(reference, "ask_withheld")]


def surveyed(life: Life, text: str = LATE, **changes: object) -> str:
    """A complaint whose survey is with the customer."""
    reference = life.resolved(text, **changes)
    life.run_for(hours=12)
    return reference


def praises(life: Life, **changes: object) -> str:
    """The customer praises; returns the reference under which the praise stands."""
    reference = life.comes(life.assessor.finds(PRAISE, Kind.PRAISE), **changes)
    life.work()
    return reference


# Resolved


def test_a_solved_complaint_remembers_how(life):
    reference = life.resolved()
    complaint = life.complaint(reference)
    assert (complaint.resolution, complaint.resolved_at) == ("Paket sudah diantar.", life.now())
    assert life.events(reference, "resolved")[0].by == "cs-nia"


@pytest.mark.parametrize("led_to", ["new", "assessed", "noted", "held"])
def test_what_nobody_answered_is_not_solved(led_to, life):
    text = (
        life.assessor.finds("pasar saham naik", Kind.OTHER, about_us=False, addressed=False)
        if led_to == "noted"
        else LATE
    )
    reference = life.comes(text)
    if led_to in ("assessed", "noted"):
        life.assess()
    if led_to == "held":
        life.with_channel(ManualChannel("instagram"))
        life.assess()
        life.answer()
        life.decide(reference, verdict=Verdict.REJECT)
    assert life.state(reference).value == led_to
    with pytest.raises(NotResolvable):
        resolve(life.desk, reference, person("cs-nia"), "beres")


def test_what_was_neither_acknowledged_nor_answered_is_not_solved(life):
    reference = life.comes()
    life.assess()
    life.answer()
    with pytest.raises(NotResolvable, match="was never answered"):
        resolve(life.desk, reference, person("cs-nia"), "beres")
    assert life.state(reference) is State.IN_REVIEW


def test_a_stranger_solves_nothing(life):
    with pytest.raises(Refused):
        resolve(life.desk, life.responded(), person("orang-asing"), "beres")


# Answered by a changed review


def reviewed(life: Life) -> str:
    """A review that our answer stands below."""
    life.with_channel(Fickle("google_play"))
    return life.responded(channel="google_play", external_id="gp-1")


def changes(life: Life, text: str, kind: Kind = Kind.COMPLAINT) -> None:
    life.later(hours=1)
    life.record(life.message(life.assessor.finds(text, kind), channel="google_play", external_id="gp-1"))
    life.assess()


def test_a_review_that_is_changed_below_our_answer_wants_the_next_one(life):
    reference = reviewed(life)

    changes(life, "Sudah diperbarui tetap tidak bisa masuk")

    assert life.state(reference) is State.DRAFTING
    assert life.names(reference)[-1] == "answer_due"


def test_a_review_that_is_changed_after_all_was_solved_opens_the_complaint_again(life):
    reference = reviewed(life)
    resolve(life.desk, reference, person("cs-nia"), "beres")

    changes(life, "Kumat lagi, uang saya hilang")

    assert life.state(reference) is State.DRAFTING
    assert life.complaint(reference).reopened == 1


def test_a_review_that_turned_to_praise_wants_no_answer(life):
    reference = reviewed(life)

    changes(life, "Mantap, langsung dibantu", Kind.PRAISE)

    assert life.state(reference) is State.IN_CONVERSATION


def test_a_changed_review_is_answered_once(life):
    reference = reviewed(life)
    changes(life, "Sudah diperbarui tetap tidak bisa masuk")
    life.answer()
    life.later(minutes=5)
    life.approve_all(reference)
    life.publish()
    assert life.state(reference) is State.RESPONDED

    new_metrics(life.desk, "google_play", "default", "gp-1", Metrics(likes=7))
    life.assess()

    assert life.state(reference) is State.RESPONDED


def test_elsewhere_an_edit_below_our_answer_is_no_further_word(life):
    reference = life.responded(external_id="ig-1")
    life.later(hours=1)
    life.record(life.message(life.assessor.finds("Paket saya belum sampai juga"), external_id="ig-1"))
    life.assess()

    assert life.state(reference) is State.RESPONDED


# Surveyed


def test_the_survey_leaves_twelve_hours_after_the_solution(life):
    reference = life.resolved()
    life.run_for(hours=11, minutes=59)
    assert "survey" not in kinds(life, reference)
    life.run_for(minutes=1)
    assert kinds(life, reference)[-1] == "survey"


def test_the_survey_is_private_and_leads_to_the_tracking_page(life):
    survey = life.delivery(surveyed(life), "survey")
    assert survey.visibility is Visibility.PRIVATE
    assert "/t/" in survey.text


def test_the_survey_answers_what_the_customer_wrote_last(life):
    reference = life.resolved(external_id="ig-1")
    life.later(hours=1)
    thanks = life.assessor.finds("terima kasih, sudah beres", Kind.OTHER)
    life.record(life.message(thanks, external_id="dm-2", in_reply_to="ig-1", visibility=Visibility.PRIVATE))
    life.run_for(hours=13)

    target = life.delivery(reference, "survey").target
    assert target["external_id"] == "dm-2"
    assert target["last_heard_at"] > life.messages(reference)[0].posted_at.isoformat()


def test_the_survey_is_sent_once(life):
    reference = surveyed(life)
    life.run_for(days=2)
    assert kinds(life, reference).count("survey") == 1


def test_where_nobody_can_be_written_to_privately_there_is_no_survey(life):
    reference = life.responded()
    life.with_channel(ManualChannel("instagram"))
    resolve(life.desk, reference, person("cs-nia"), "beres")
    life.run_for(hours=12)
    assert life.events(reference, "survey_withheld")[0].data["why"] == "no_private_channel"


def test_a_survey_answered_on_the_page_before_it_was_sent_is_not_sent(life):
    reference = life.resolved()
    scores(life, reference, 4)
    life.run_for(hours=13)
    assert "survey" not in kinds(life, reference)


@pytest.mark.parametrize("when", ["before it was solved", "twice"])
def test_there_is_one_survey_to_answer(when, life):
    reference = life.responded() if when == "before it was solved" else surveyed(life)
    if when == "twice":
        scores(life, reference, 4)
    with pytest.raises(NoSurvey):
        scores(life, reference, 4)


def test_the_customers_comment_is_kept_and_stays_out_of_the_trail(life):
    reference = surveyed(life)
    scores(life, reference, 4, "  kurirnya ramah ")
    assert life.follow_ups(reference)[0].comment == "kurirnya ramah"
    (event,) = life.events(reference, "survey_answered")
    assert (event.by, event.data) == ("complainant", {"score": 4})


# Unhappy


@pytest.mark.parametrize("score", [1, 2])
def test_an_unhappy_customer_reopens_the_complaint(score, life):
    reference = surveyed(life)
    answer_survey(life.desk, life.complaint(reference).id, score, None)
    complaint = life.complaint(reference)
    assert (complaint.state, complaint.reopened, complaint.resolved_at) == (State.DRAFTING, 1, None)
    assert life.events(reference, "reopened")[0].data["why"] == "unhappy"


def test_nobody_asks_an_unhappy_customer_for_praise(life):
    reference = surveyed(life)
    scores(life, reference, 1)
    life.run_for(days=4)
    assert "ask" not in kinds(life, reference)
    assert withheld(life, reference) == ["reopened"]


def test_a_reopened_complaint_has_a_promise_of_its_own(life):
    reference = surveyed(life)
    answer_survey(life.desk, life.complaint(reference).id, 1, None)
    complaint = life.complaint(reference)
    assert complaint.promised_at == life.now()
    assert complaint.answer_by > life.now()


def test_what_is_solved_a_second_time_is_surveyed_a_second_time(life):
    reference = surveyed(life)
    scores(life, reference, 1)
    life.approve_all(reference)
    life.work()
    resolve(life.desk, reference, person("cs-nia"), "Kali ini sungguh beres.")
    life.run_for(hours=12)
    assert kinds(life, reference).count("survey") == 2
    assert [(step.resolution, step.state) for step in life.follow_ups(reference)] == [
        (1, FollowUpState.ENDED),
        (2, FollowUpState.SURVEYED),
    ]


def test_who_was_happy_with_the_second_solution_is_asked_after_all(life):
    reference = surveyed(life)
    scores(life, reference, 1)
    life.approve_all(reference)
    life.work()
    resolve(life.desk, reference, person("cs-nia"), "Kali ini sungguh beres.")
    life.run_for(hours=12)
    scores(life, reference, 5)
    assert kinds(life, reference)[-1] == "ask"


# Asked


@pytest.mark.parametrize("score", [3, 4, 5, None])
def test_whether_somebody_is_asked_does_not_depend_on_the_score(score, life):
    reference = surveyed(life)
    if score is None:
        life.run_for(days=3)
    else:
        scores(life, reference, score)
    assert kinds(life, reference)[-1] == "ask"


def test_everybody_is_asked_in_the_same_words(life):
    asked = set()
    for score in (3, 5):
        fresh = life.responded(handle=f"pelanggan-{score}", external_id=f"s-{score}")
        resolve(life.desk, fresh, person("cs-nia"), "beres")
        life.run_for(hours=12)
        scores(life, fresh, score)
        ask = life.delivery(fresh, "ask")
        asked.add(ask.pre_approved["sha256"])
    assert len(asked) == 1


def test_a_survey_without_an_answer_is_followed_by_the_ask_three_days_later(life):
    reference = surveyed(life)
    life.run_for(days=2, hours=23)
    assert "ask" not in kinds(life, reference)
    life.run_for(hours=1)
    assert kinds(life, reference)[-1] == "ask"


def test_the_ask_is_private(life):
    reference = surveyed(life)
    scores(life, reference, 4)
    assert life.delivery(reference, "ask").visibility is Visibility.PRIVATE


def test_whom_something_bad_happened_to_is_left_in_peace(life):
    reference = surveyed(life, grave(life.assessor, "saya keracunan", Risk.INJURY))
    scores(life, reference, 5)
    assert withheld(life, reference) == ["sensitive"]
    assert "ask" not in kinds(life, reference)


def test_nobody_is_asked_on_a_review_platform(life):
    reference = surveyed(life, channel="google_play")
    scores(life, reference, 5)
    assert withheld(life, reference) == ["review_platform"]


def test_who_refused_is_never_asked(life):
    reference = surveyed(life)
    refuse_asks(life.desk, life.complaint(reference).id)
    scores(life, reference, 5)
    assert withheld(life, reference) == ["refused"]


def test_who_refused_is_not_even_surveyed_about_the_next_complaint(life):
    reference = surveyed(life)
    refuse_asks(life.desk, life.complaint(reference).id)
    life.run_for(days=20)
    again = life.responded("aplikasi tidak bisa dibuka sejak tadi malam")
    resolve(life.desk, again, person("cs-nia"), "beres")
    life.run_for(hours=13)
    assert "survey" not in kinds(life, again)
    assert life.events(again, "survey_withheld")[0].data["why"] == "refused"


def test_a_refusal_is_written_down_once(life):
    reference = surveyed(life)
    for _ in range(2):
        refuse_asks(life.desk, life.complaint(reference).id)
    assert len(life.events(reference, "asks_refused")) == 1


def test_who_was_asked_lately_is_not_asked_again(life):
    first = surveyed(life)
    scores(life, first, 5)
    life.run_for(days=30)
    again = life.responded("aplikasi tidak bisa dibuka sejak tadi malam")
    resolve(life.desk, again, person("cs-nia"), "beres")
    life.run_for(hours=12)
    scores(life, again, 5)
    assert withheld(life, again) == ["asked_recently"]


def test_a_score_that_comes_after_the_ask_was_withheld_asks_nobody_anew(life):
    reference = surveyed(life, grave(life.assessor, "saya keracunan", Risk.INJURY))
    life.run_for(days=3)
    scores(life, reference, 5)
    assert withheld(life, reference) == ["sensitive"]


def test_when_somebody_was_asked_is_remembered_with_the_person(life):
    reference = surveyed(life)
    scores(life, reference, 5)
    with life.desk.transaction() as session:
        assert session.execute(select(Complainant)).scalar_one().last_asked_at == life.now()


# Found


def test_the_customers_own_public_words_close_the_complaint(life):
    reference = surveyed(life)
    scores(life, reference, 5)
    life.later(days=2)
    praises(life)
    complaint = life.complaint(reference)
    assert (complaint.state, complaint.closed_why) == (State.CLOSED, "post_found")
    assert life.events(reference, "post_found")[0].data["asked"] is True


def test_words_of_praise_are_no_complaint_of_their_own(life):
    surveyed(life)
    assert life.state(praises(life)) is State.NOTED


def test_praise_that_comes_before_the_ask_makes_it_needless(life):
    reference = surveyed(life)
    praises(life)
    life.run_for(days=10)
    assert "ask" not in kinds(life, reference)
    assert life.events(reference, "post_found")[0].data["asked"] is False


def test_praise_in_private_is_no_public_post(life):
    reference = surveyed(life)
    praises(life, visibility=Visibility.PRIVATE)
    assert life.events(reference, "post_found") == []


def test_praise_of_somebody_else_is_not_this_customers(life):
    reference = surveyed(life)
    praises(life, handle="orang.lain")
    assert life.events(reference, "post_found") == []


def test_praise_from_before_the_solution_is_not_about_it(life):
    before = life.now()
    life.later(hours=3)
    reference = surveyed(life)
    praises(life, at=before)
    assert life.events(reference, "post_found") == []


def test_praise_that_spreads_is_found_once(life):
    first = surveyed(life)
    scores(life, first, 1)
    life.approve_all(first)
    life.work()
    resolve(life.desk, first, person("cs-nia"), "Kali ini sungguh beres.")
    life.run_for(hours=13)
    praises(life, external_id="p-1")
    for views in (5_000, 300_000):
        new_metrics(life.desk, "instagram", "default", "p-1", Metrics(views=views))
        life.work()
    assert len(life.events(first, "post_found")) == 1


# Closed, and opened again


def test_seven_days_after_the_ask_the_complaint_is_closed(life):
    reference = surveyed(life)
    scores(life, reference, 4)
    life.run_for(days=6, hours=23)
    assert life.state(reference) is State.RESOLVED
    life.run_for(hours=1)
    complaint = life.complaint(reference)
    assert (complaint.state, complaint.closed_why) == (State.CLOSED, "followed_up")


def test_a_closed_complaint_has_nothing_due(life):
    surveyed(life)
    life.run_for(days=15)
    assert due_for_follow_up(life.desk) == []
    assert next_due(life.desk) is None


@pytest.mark.parametrize("days", [0, 1, 20], ids=["solved", "surveyed", "closed"])
def test_a_customer_who_writes_again_reopens_the_complaint(days, life):
    reference = life.resolved(external_id="r-1")
    life.run_for(days=days)
    life.comes("ternyata isinya salah", in_reply_to="r-1")
    life.work()
    complaint = life.complaint(reference)
    assert (complaint.state, complaint.reopened) == (State.IN_REVIEW, 1)
    assert life.events(reference, "reopened")[0].data["why"] == "customer_wrote"


def test_what_was_to_be_asked_is_withheld_when_the_customer_writes_again(life):
    reference = surveyed(life, external_id="r-1")
    life.comes("ternyata isinya salah", in_reply_to="r-1")
    life.run_for(days=10)
    assert "ask" not in kinds(life, reference)
    assert withheld(life, reference) == ["reopened"]


def test_a_survey_that_waits_in_the_outbox_is_taken_back_when_the_complaint_reopens(life):
    reference = life.resolved(external_id="r-1")
    life.later(hours=12)
    life.follow_up()
    life.comes("ternyata isinya salah", in_reply_to="r-1")
    life.assess()
    assert life.delivery(reference, "survey").state is DeliveryState.CANCELLED


def test_a_word_of_thanks_reopens_nothing(life):
    reference = surveyed(life, external_id="r-1")
    life.comes(life.assessor.finds("makasih ya", Kind.PRAISE), in_reply_to="r-1", visibility=Visibility.PRIVATE)
    life.work()
    assert life.state(reference) is State.RESOLVED


def test_new_reach_of_an_old_message_reopens_nothing(life):
    reference = life.in_review(external_id="r-1")
    life.comes("tambahan: barangnya pecah", external_id="r-2", in_reply_to="r-1")
    life.work()
    life.approve_all(reference)
    life.work()
    resolve(life.desk, reference, person("cs-nia"), "beres")
    new_metrics(life.desk, "instagram", "default", "r-2", Metrics(views=300_000))
    life.work()
    assert life.state(reference) is State.RESOLVED


def test_an_edit_of_a_later_message_is_news(life):
    reference = life.in_review(external_id="r-1")
    life.comes("tambahan: barangnya pecah", external_id="r-2", in_reply_to="r-1")
    life.work()
    life.approve_all(reference)
    life.work()
    resolve(life.desk, reference, person("cs-nia"), "beres")
    life.later(minutes=5)
    life.record(life.message(grave(life.assessor), external_id="r-2", in_reply_to="r-1"))
    life.work()
    assert life.complaint(reference).reopened == 1


# In conversation


def test_thanks_after_the_answer_are_a_conversation(life):
    reference = life.responded(external_id="c-1")
    life.comes(life.assessor.finds("oke makasih", Kind.PRAISE), in_reply_to="c-1", visibility=Visibility.PRIVATE)
    life.assess()
    assert life.state(reference) is State.IN_CONVERSATION


def test_a_further_question_gets_a_further_answer_through_its_gate(life):
    reference = life.responded(external_id="c-1")
    life.later(hours=1)
    life.comes("lalu kapan dikirim?", in_reply_to="c-1")
    life.work()
    assert life.state(reference) is State.IN_REVIEW
    life.approve_all(reference)
    life.work()
    assert kinds(life, reference).count("reply") == 2


def test_the_promise_of_a_further_answer_counts_from_the_further_question(life):
    reference = life.responded(external_id="c-1")
    later = life.later(hours=5)
    life.comes("lalu kapan dikirim?", in_reply_to="c-1")
    life.assess()
    assert life.complaint(reference).promised_at == later


def test_an_answered_message_that_spreads_is_not_answered_again(life):
    reference = life.responded(external_id="c-1")
    life.later(hours=1)
    life.comes("lalu kapan dikirim?", external_id="c-2", in_reply_to="c-1")
    life.work()
    life.approve_all(reference)
    life.work()
    new_metrics(life.desk, "instagram", "default", "c-2", Metrics(views=300_000))
    life.work()
    assert life.state(reference) is State.RESPONDED
    assert life.complaint(reference).severity == "S2"
