"""Who hears at once that they were heard, in which words, and who is deliberately told nothing."""

import pytest
from factories import LATE, Life, grave, person, reach
from sqlalchemy import update
from sqlmodel import col

from db.tables import Delivery, DeliveryState
from db.words import DeliveryKind, Kind, Risk, Visibility
from integrations.channels.manual import ManualChannel
from tasks.changes import new_metrics
from tasks.people import correct

pytest_plugins = ("lives",)


MATTERS = (
    "kursi patah", "tagihan dobel", "kurir kasar", "aplikasi macet", "voucher hangus", "refund lambat",
    "kulkas bocor", "sepatu kebesaran", "teknisi absen", "wifi putus", "dokumen hilang", "kado salah warna",
)  # fmt: skip


def withheld(life: Life, reference: str) -> list[str]:
    return [event.data["why"] for event in life.events(reference, "acknowledgement_withheld")]


def assessed(life: Life, text: str = LATE, **changes: object) -> str:
    reference = life.comes(text, **changes)
    life.assess()
    return reference


def test_a_complaint_is_acknowledged_where_it_was_made(life):
    reference = assessed(life, external_id="a-1")
    life.publish()
    acknowledgement = life.delivery(reference, "acknowledgement")
    assert (acknowledgement.visibility, acknowledgement.target["external_id"]) == (Visibility.PUBLIC, "a-1")
    assert life.complaint(reference).acknowledged_at == life.now()


def test_an_acknowledgement_names_the_reference(life):
    reference = assessed(life)
    assert reference in life.delivery(reference, "acknowledgement").text


@pytest.mark.parametrize(("channel", "says"), [("instagram", True), ("email", True), ("telegram", False)])
def test_an_acknowledgement_says_that_it_is_automatic_where_the_platform_does_not_show_it(channel, says, life):
    reference = assessed(life, channel=channel)

    assert ("(Balasan otomatis)" in life.delivery(reference, "acknowledgement").text) is says


@pytest.mark.parametrize(("language", "name"), [("id", "Salam,\nTim Warung Senja"), ("en", "The Warung Senja team")])
def test_an_acknowledgement_by_mail_is_signed(language, name, life):
    life.assessor.finds(LATE, language=language)

    assert life.delivery(assessed(life, channel="email"), "acknowledgement").text.endswith(name)
    assert name not in life.delivery(assessed(life, channel="whatsapp"), "acknowledgement").text


def test_an_acknowledgement_was_approved_once_by_a_named_person(life):
    approved = life.delivery(assessed(life), "acknowledgement").pre_approved
    given = {approval.template: approval for approval in life.desk.policy.approvals.approvals}
    approval = given[approved["template"].partition("#")[0]]
    assert (approved["by"], approved["sha256"]) == (approval.by, approval.sha256)


@pytest.mark.parametrize(
    ("risk", "words"),
    [(Risk.INJURY, "injury"), (Risk.DISTRESS, "distress"), (Risk.MEDIA, "media")],
)
def test_what_is_grave_is_acknowledged_in_words_of_its_own(risk, words, life):
    reference = assessed(life, grave(life.assessor, LATE, risk))
    assert f"acknowledgement_{words}" in life.delivery(reference, "acknowledgement").pre_approved["template"]


def test_the_press_is_acknowledged_though_it_complains_of_nothing(life):
    text = life.assessor.finds("kami dari redaksi meminta konfirmasi", Kind.OTHER, risks=(Risk.MEDIA,))
    assert life.delivery(assessed(life, text), "acknowledgement").state is DeliveryState.QUEUED


@pytest.mark.parametrize("language", ["id", "en"])
def test_people_are_acknowledged_in_their_language(language, life):
    reference = assessed(life, life.assessor.finds(LATE, language=language))
    template = life.delivery(reference, "acknowledgement").pre_approved["template"]
    assert template.startswith(f"{language}/")


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"channel": "x", "addressed": False, "text": "parah"}, "not_addressed"),
        ({"channel": "email", "handle": "mira@contoh.id", "list_mail": True}, "list_mail"),
    ],
)
def test_who_did_not_speak_to_us_alone_is_told_nothing(changes, why, life):
    text = grave(life.assessor, str(changes.pop("text", LATE)))
    reference = assessed(life, text, **changes)
    assert withheld(life, reference) == [why]
    assert life.deliveries(reference) == []


def test_where_a_person_posts_no_program_acknowledges(life):
    life.with_channel(ManualChannel("instagram"))
    assert withheld(life, assessed(life)) == ["manual_channel"]


def test_two_machines_do_not_answer_each_other_for_ever(life):
    references = [assessed(life, matter, handle="robot") for matter in MATTERS]
    heard = [reference for reference in references if life.deliveries(reference)]
    assert len(heard) == life.desk.policy.publishing.acknowledgements.at_most == 10
    assert withheld(life, references[-1]) == ["sender_budget"]


def test_after_a_while_the_same_sender_is_acknowledged_again(life):
    for matter in MATTERS[:11]:
        assessed(life, matter, handle="robot")
    life.later(hours=4)
    assert life.deliveries(assessed(life, "hal yang lain sama sekali", handle="robot"))


def test_a_question_is_acknowledged_only_if_its_answer_takes_long(life):
    reference = assessed(life, life.assessor.finds("jam buka berapa?", Kind.QUESTION))
    life.answer()
    life.approve_all(reference)
    life.run_for(days=1)
    assert {delivery.kind for delivery in life.deliveries(reference) if delivery.state is DeliveryState.SENT} == {
        "reply"
    }


def test_a_question_that_becomes_a_complaint_is_acknowledged_at_once(life):
    reference = assessed(life, life.assessor.finds("jam buka berapa?", Kind.QUESTION), external_id="q-1")
    assert life.publish() == []
    life.comes(LATE, in_reply_to="q-1")
    life.work()
    assert life.complaint(reference).acknowledged_at == life.now()


@pytest.mark.parametrize("kind", [Kind.PRAISE, Kind.OTHER, Kind.SPAM])
def test_what_is_no_complaint_is_not_acknowledged(kind, life):
    reference = assessed(life, life.assessor.finds("apa saja", kind, opinion=False))
    assert life.deliveries(reference) == []


def test_a_conversation_is_acknowledged_once(life):
    reference = life.responded(external_id="c-1")
    for n in range(3):
        life.later(hours=1)
        life.comes(f"masih belum, sudah {n} hari", in_reply_to="c-1")
        life.work()
    assert [delivery.kind for delivery in life.deliveries(reference)].count("acknowledgement") == 1


# Their own data


CARD = "paket belum datang, kartu saya 4111 1111 1111 1111 tolong dicek"


def test_who_posts_their_own_card_number_in_public_is_warned_in_private(life):
    reference = assessed(life, CARD)
    notice = life.delivery(reference, "notice")
    assert notice.visibility is Visibility.PRIVATE
    assert "4111" not in notice.text


def test_who_gives_their_card_number_in_private_is_not_warned(life):
    reference = assessed(life, CARD, channel="email", handle="mira@contoh.id")
    assert DeliveryKind.NOTICE not in {delivery.kind for delivery in life.deliveries(reference)}


def test_the_warning_is_given_once(life):
    reference = assessed(life, CARD, external_id="w-1")
    with life.desk.transaction() as session:
        session.execute(update(Delivery).where(col(Delivery.kind) == "notice").values(state="cancelled", why="uji"))
    life.record(life.message(CARD, external_id="w-1"))
    life.work()
    assert [delivery.kind for delivery in life.deliveries(reference)].count("notice") == 1


def test_no_answer_of_ours_repeats_the_card_number(life):
    reference = life.in_review(CARD)
    assert not any("4111" in draft.text for draft in life.drafts(reference))


# Their place in line


def test_an_acknowledgement_that_waits_moves_up_when_its_complaint_turns_out_graver(life):
    reference = assessed(life)
    first = life.messages(reference)[0]
    assert life.delivery(reference, "acknowledgement").urgency == 3

    new_metrics(life.desk, first.channel, first.account, first.external_id, reach(200_000))
    life.assess()

    assert life.delivery(reference, "acknowledgement").urgency == life.complaint(reference).severity.rank == 2


def test_an_acknowledgement_that_waits_follows_what_a_person_says_of_its_complaint(life):
    reference = assessed(life)

    correct(life.desk, reference, {"severity": "S1"}, person("cs-nia"))

    assert life.delivery(reference, "acknowledgement").urgency == 1


def test_what_has_left_keeps_the_place_that_it_had(life):
    reference = assessed(life)
    life.publish()

    correct(life.desk, reference, {"severity": "S1"}, person("cs-nia"))

    assert life.delivery(reference, "acknowledgement").urgency == 3
