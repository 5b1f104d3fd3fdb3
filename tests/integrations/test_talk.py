"""What an answer knows of the talk before it: whether we had asked, whether it is private already, what else was said."""

import pytest
from factories import LATE, Life, person

from db.tables import Draft
from db.words import Kind, State, Visibility
from policy.composing import Talk
from policy.composing.asking import asks
from tasks.decide import edit
from tasks.follow_up import resolve
from tasks.talk import private_talks, was_asked

pytest_plugins = ("lives",)

PRIVATELY = {"visibility": Visibility.PRIVATE}
AGAIN = ("menulis lagi", "bertanya lagi", "write about this again", "ask again")
INVITED = "lewat pesan langsung ke akun ini"


def writes(life: Life, reference: str, text: str = "gimana kelanjutannya?", **changes: object) -> None:
    """The same person writes again in the same matter."""
    first = life.messages(reference)[0]
    life.later(minutes=5)
    life.record(
        life.message(life.assessor.finds(text), in_reply_to=first.external_id, channel=first.channel, **changes)
    )


def newest(life: Life, reference: str) -> Draft:
    """The draft that is written next."""
    life.work()
    return life.drafts(reference)[-1]


def asked(life: Life, reference: str) -> bool:
    complaint = life.complaint(reference)
    with life.desk.transaction() as session:
        return was_asked(session, complaint)


def talk(life: Life, reference: str) -> Talk:
    complaint = life.complaint(reference)
    with life.desk.transaction() as session:
        return private_talks(session, [complaint]).get(complaint.id, Talk.NONE)


# Whether we had asked


def test_who_answers_what_we_asked_did_not_have_to_write_again(life):
    reference = life.responded(**PRIVATELY)
    assert any(ground["ref"].startswith("ask/") for ground in life.drafts(reference)[-1].grounds)

    writes(life, reference, "nomornya INV-20260701-88", **PRIVATELY)

    assert asked(life, reference)


def test_who_writes_privately_as_we_invited_them_to_was_asked(life):
    reference = life.responded()

    writes(life, reference, **PRIVATELY)

    assert asked(life, reference)


def test_who_writes_in_public_again_although_invited_elsewhere_was_not_asked(life):
    reference = life.responded()

    writes(life, reference)

    assert not asked(life, reference)


@pytest.mark.parametrize(
    ("ours", "was"), [("Maaf, boleh kami tahu warnanya?", True), ("Maaf, barangnya sedang dikirim ulang.", False)]
)
def test_what_a_person_of_ours_wrote_counts_by_its_words(ours, was, life):
    reference = life.in_review(**PRIVATELY)
    edit(life.desk, life.open_reviews(reference)[0].id, f"{ours} Nomor {reference}.", person("cs-nia"))
    life.decide(reference, by="cs-raka")
    life.publish()
    assert life.state(reference) is State.RESPONDED

    writes(life, reference, **PRIVATELY)

    assert asked(life, reference) is was


def test_that_they_had_to_write_again_is_said_to_nobody_whom_we_had_asked(life):
    for number in range(4):
        handle = f"pelanggan.{number}"
        reference = life.responded(handle=handle, **PRIVATELY)

        writes(life, reference, "nomornya INV-20260701-88", handle=handle, **PRIVATELY)

        said = newest(life, reference).text
        assert not [words for words in AGAIN if words in said], said


@pytest.mark.parametrize(
    ("sentence", "found"),
    [
        ("Boleh kami tahu nomor pesanannya?", True),
        ("Mohon kirim foto barangnya.", True),
        ("Kami masih menunggu nomor resinya.", True),
        ("Please send us a photo.", True),
        ("We still need your receipt.", True),
        ("Barangnya sedang kami kirim.", False),
        ("Kami mohon maaf atas keterlambatannya.", False),
        ("We are sending it today.", False),
        ("Kami akan kabari Anda.", False),
    ],
)
def test_a_sentence_asks_or_does_not(sentence, found):
    assert asks(sentence) is found


# Whether it is private already


def test_who_wrote_privately_is_not_invited_to_write_privately(life):
    reference = life.comes()
    writes(life, reference, **PRIVATELY)
    writes(life, reference, "sudah saya kirim pesan, belum dibalas")

    draft = newest(life, reference)

    assert (draft.visibility, talk(life, reference)) == (Visibility.PUBLIC, Talk.HEARD)
    assert INVITED not in draft.text
    assert "esan pribadi" in draft.text
    assert not draft.invites_private
    assert draft.findings == []


def test_whom_we_answered_privately_is_told_that_it_stands_there(life):
    reference = life.responded(**PRIVATELY)
    writes(life, reference, "halo?", visibility=Visibility.PUBLIC)

    draft = newest(life, reference)

    assert (draft.visibility, talk(life, reference)) == (Visibility.PUBLIC, Talk.ANSWERED)
    assert INVITED not in draft.text
    assert "pribadi" in draft.text
    assert not draft.invites_private


def test_a_private_message_that_opened_another_matter_counts_while_that_goes_on(life):
    private = life.comes(life.assessor.finds("tolong cek tagihan saya"), **PRIVATELY)
    public = life.comes(life.assessor.finds("aplikasinya error terus"))
    assert private != public

    assert INVITED not in newest(life, public).text


def test_after_a_private_talk_that_is_over_they_are_invited_again(life):
    private = life.comes(life.assessor.finds("tolong cek tagihan saya"), **PRIVATELY)
    life.work()
    life.approve_all(private)
    life.work()
    resolve(life.desk, private, person("cs-nia"), "Sudah dicek.")
    public = life.comes(life.assessor.finds("aplikasinya error terus"))

    assert talk(life, public) is Talk.NONE
    assert INVITED in newest(life, public).text


def test_an_acknowledgement_is_no_answer_in_a_private_talk(life):
    reference = life.comes(**PRIVATELY)
    life.assess()
    life.publish()
    assert life.complaint(reference).acknowledged_at is not None

    assert talk(life, reference) is Talk.HEARD


def test_what_others_wrote_privately_is_no_talk_with_this_one(life):
    life.comes(life.assessor.finds("tolong cek tagihan saya"), handle="orang.lain", **PRIVATELY)
    reference = life.comes()

    assert talk(life, reference) is Talk.NONE
    assert INVITED in newest(life, reference).text


def test_a_person_who_offers_no_private_talk_is_not_warned_where_there_is_one(life):
    reference = life.comes()
    writes(life, reference, **PRIVATELY)
    writes(life, reference, "sudah saya kirim pesan, belum dibalas")
    newest(life, reference)
    words = f"Maaf, paket Anda sedang kami telusuri. Nomor {reference}."

    draft = edit(life.desk, life.open_reviews(reference)[0].id, words, person("cs-nia"))

    assert [finding["rule"] for finding in draft.findings] == []


# A second matter


def test_a_second_matter_is_named(life):
    text = life.assessor.finds("Paket saya belum sampai. CS kalian juga tidak ada yang jawab.")

    draft = newest(life, life.comes(text, channel="facebook"))

    assert (draft.template or "").startswith("heard/parcel_late#")
    assert "oal pesan yang lama tidak dijawab" in draft.text


def test_one_matter_in_many_words_is_named_once(life):
    text = life.assessor.finds("Pesanan saya belum diterima padahal statusnya sudah sampai.", Kind.COMPLAINT)

    draft = newest(life, life.comes(text, channel="facebook"))

    assert not [ground for ground in draft.grounds if ground["ref"].startswith("also/")]


def test_nobody_who_was_hurt_is_told_of_a_second_matter(life):
    text = life.assessor.finds(f"{LATE} Anak saya keracunan. CS tidak ada yang jawab.", risks=("injury",))

    draft = newest(life, life.comes(text, channel="facebook"))

    assert not [ground for ground in draft.grounds if ground["ref"].startswith("also/")]
