"""Whom the desk speaks to as the press: words and accounts say so, or a person; a model's guess alone does not."""

import pytest
from factories import LATE, Life, person
from llm_site import language_model, reply_in

from db.words import Category, Kind, Risk, Visibility
from integrations.record import Author
from tasks.people import correct

pytest_plugins = ("lives",)

GUESSED = {"risks": (Risk.MEDIA,), "guessed": (Risk.MEDIA,)}
"""What only the model sees."""
PRESS = ("redaksi", "media kami", "Bapak/Ibu")


def comes(life: Life, text: str = LATE, **changes: object) -> str:
    reference = life.comes(text, **changes)
    life.assess()
    return reference


def template_of(life: Life, reference: str) -> str:
    return life.delivery(reference, "acknowledgement").pre_approved["template"].partition("#")[0]


def draft_of(life: Life, reference: str) -> str:
    life.publish()
    life.answer()
    return life.drafts(reference)[-1].text


def test_whom_only_the_model_takes_for_the_press_is_acknowledged_as_anybody(life):
    reference = comes(life, life.assessor.finds(LATE, **GUESSED))

    assert template_of(life, reference) == "id/acknowledgement"


def test_whom_only_the_model_takes_for_the_press_is_answered_as_anybody(life):
    reference = comes(life, life.assessor.finds(LATE, **GUESSED))

    said = draft_of(life, reference)

    assert not [word for word in PRESS if word in said], said
    assert life.drafts(reference)[-1].template.startswith("heard/parcel_late#")


def test_a_guessed_press_still_opens_its_gate(life):
    reference = life.in_review(life.assessor.finds(LATE, **GUESSED))

    assert life.complaint(reference).risks == ["media"]
    assert "pr" in life.open_gates(reference)


def test_what_the_rules_words_say_is_answered_as_the_press(life):
    reference = comes(life, life.assessor.finds(LATE, risks=(Risk.MEDIA,)))

    assert template_of(life, reference) == "id/acknowledgement_media"
    assert "Bapak/Ibu" in draft_of(life, reference)


def test_an_account_that_publishes_for_a_living_is_the_press_whatever_the_model_guessed(life):
    handle = next(one for one in life.desk.policy.severities.media_accounts if one.startswith("@"))
    life.assessor.finds(LATE, **GUESSED)

    reference = comes(life, author=Author(id="9", handle=handle.lstrip("@")))

    assert template_of(life, reference) == "id/acknowledgement_media"


def test_one_message_whose_words_say_it_is_enough(life):
    reference = comes(life, life.assessor.finds(LATE, **GUESSED))
    first = life.messages(reference)[0]
    asked = life.assessor.finds("Kami dari redaksi.", Kind.QUESTION, risks=(Risk.MEDIA,))
    life.record(life.message(asked, in_reply_to=first.external_id))
    life.assess()

    assert "Bapak/Ibu" in draft_of(life, reference)


def test_an_edit_that_puts_the_press_into_words_counts(life):
    reference = comes(life, life.assessor.finds(LATE, **GUESSED))
    first = life.messages(reference)[0]
    told = life.assessor.finds(f"{LATE} Kami dari redaksi.", risks=(Risk.MEDIA,))
    life.record(life.message(told, external_id=first.external_id))
    life.assess()

    assert "Bapak/Ibu" in draft_of(life, reference)


def test_a_person_who_says_that_it_is_the_press_is_believed(life):
    reference = comes(life, life.assessor.finds(LATE, **GUESSED))
    correct(life.desk, reference, {"risks": "churn"}, person("cs-nia"))
    correct(life.desk, reference, {"risks": "media"}, person("cs-nia"), "saya kenal, ia wartawan")

    assert "Bapak/Ibu" in draft_of(life, reference)


def test_what_is_no_complaint_is_not_acknowledged_on_a_guess(life):
    reference = comes(life, life.assessor.finds("Menarik ya.", Kind.OTHER, opinion=True, **GUESSED))

    assert life.deliveries(reference) == []


def test_a_question_on_a_guess_waits_for_a_quick_answer_like_any_other(life):
    reference = comes(life, life.assessor.finds("Jam buka berapa?", Kind.QUESTION, **GUESSED))

    assert template_of(life, reference) == "id/acknowledgement_question"
    assert life.delivery(reference, "acknowledgement").due_at > life.now()


@pytest.mark.parametrize("risk", [Risk.INJURY, Risk.DISTRESS])
def test_people_come_first_also_on_a_guess(life, risk):
    text = life.assessor.finds(LATE, category=Category.SAFETY, risks=(risk,), guessed=(risk,))

    assert template_of(life, comes(life, text)) == f"id/acknowledgement_{risk}"


def test_a_model_still_rewords_nothing_where_it_guesses_the_press(life):
    life.assessor.finds(LATE, **GUESSED)

    with language_model(life, lambda asked: str(reply_in(asked)), never_rephrased=("media",)) as site:
        reference = comes(life, visibility=Visibility.PRIVATE)
        draft_of(life, reference)

    assert site.asked == []
    assert life.drafts(reference)[-1].model is None
