"""Composed answers on the desk: what their sentences rest on, the private text beside a public one, and edits."""

from dataclasses import replace

import pytest
from command_line import CommandLine
from factories import Life, person
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from db.complaints import find
from db.fingerprint import companion_in, fingerprint_of
from db.tables import Delivery, DeliveryState, Draft
from db.words import State, Visibility
from integrations.channels.base import Never, Sent
from policy.composing import Ground, Sentence
from tasks.answer import compose_answers, due_for_answer, store_answers, take_aim
from tasks.card_facts import card_of
from tasks.decide import edit, preview
from tasks.erase import erase
from tasks.export import as_json, read_case
from tasks.grounds import grounds_shown
from tasks.listing import inbox
from tasks.people import posted
from tasks.publish import record_sent

pytest_plugins = ("lives",)

LATE_ON_X = "@warungsenja kak paketku blm sampe2 padahal udah lewat estimasi, resinya ga gerak"


def on_x(life: Life) -> str:
    """A late parcel on X, whose answer cannot say all that we know."""
    life.assessor.finds(LATE_ON_X)
    return life.in_review(LATE_ON_X, channel="x")


def newest(life: Life, reference: str) -> Draft:
    return life.drafts(reference)[-1]


def test_every_sentence_of_a_draft_is_stored_with_its_ground(life: Life):
    draft = newest(life, life.in_review())

    sentences = [Sentence.from_json(kept) for kept in draft.grounds]
    covered = {place for one in sentences for place in range(one.start, one.end)}
    assert all(place in covered for place, sign in enumerate(draft.text) if not sign.isspace())
    assert {one.ground for one in sentences} <= {Ground.PART, Ground.ARTICLE}
    assert (draft.template or "").startswith("heard/parcel_late#")


def test_an_article_is_named_by_its_version(life: Life):
    draft = newest(life, life.in_review("kak paketku blm sampe2 padahal udah lewat estimasi, resinya ga gerak"))

    cited = [one for one in grounds_shown(draft) if one.ground == Ground.ARTICLE]
    assert cited
    assert cited[0].ref.startswith("late-parcel@")
    assert draft.findings == []


def test_what_does_not_fit_in_public_is_said_privately_under_one_approval(life: Life):
    reference = on_x(life)
    draft = newest(life, reference)
    beside = companion_in(draft.attachments)
    assert beside is not None
    assert "Ketentuan Pengiriman" in beside
    assert "Ketentuan Pengiriman" not in draft.text

    life.approve_all(reference)
    life.work()

    replies = [delivery for delivery in life.deliveries(reference) if delivery.kind == "reply"]
    assert [(one.visibility, one.text, one.state) for one in replies] == [
        (Visibility.PUBLIC, draft.text, DeliveryState.SENT),
        (Visibility.PRIVATE, beside, DeliveryState.SENT),
    ]
    assert {fingerprint_of(one) for one in replies} == {draft.sha256}
    assert life.state(reference) is State.RESPONDED


def test_the_private_text_waits_until_the_public_one_stands(life: Life):
    reference = on_x(life)
    life.approve_all(reference)

    assert [one.visibility for one in life.deliveries(reference) if one.kind == "reply"] == [Visibility.PUBLIC]


def test_the_private_text_repeats_the_number_that_the_public_one_keeps_quiet_about(life: Life):
    said = life.assessor.finds(f"{LATE_ON_X}, pesanan INV-20260701-88")
    draft = newest(life, life.in_review(said, channel="x"))

    assert "INV-20260701-88" in (companion_in(draft.attachments) or "")
    assert "INV-20260701-88" not in draft.text
    assert draft.states_facts


def test_no_private_text_follows_once_the_customer_wrote_again(life: Life):
    reference = on_x(life)
    life.approve_all(reference)
    life.publish()
    beside = life.deliveries(reference)[-1]
    assert beside.visibility is Visibility.PRIVATE

    first = life.messages(reference)[0]
    life.record(life.message("oke sudah sampai", channel="x", in_reply_to=first.external_id))
    life.work()

    assert [one.state for one in life.deliveries(reference) if one.id == beside.id] == [DeliveryState.CANCELLED]


def test_a_private_text_that_was_exchanged_after_the_approval_keeps_both_from_leaving(life: Life):
    reference = on_x(life)
    life.approve_all(reference)
    with life.desk.transaction() as session:
        session.execute(text("""UPDATE delivery SET attachments = '[{"companion": "Somasi."}]' WHERE kind = 'reply'"""))

    life.publish()

    replies = [delivery for delivery in life.deliveries(reference) if delivery.kind == "reply"]
    assert [(one.state, one.why) for one in replies] == [
        (DeliveryState.FAILED, "its text is not the one that was approved")
    ]


def test_an_approval_of_another_private_text_is_refused_by_the_database(life: Life):
    reference = on_x(life)
    life.approve_all(reference)

    with pytest.raises(IntegrityError), life.desk.transaction() as session:
        session.execute(text("UPDATE delivery SET sha256 = repeat('0', 64) WHERE kind = 'reply'"))


def test_a_late_private_text_moves_no_newer_answer_on(life: Life):
    reference = on_x(life)
    life.approve_all(reference)
    life.publish()
    with life.desk.transaction() as session:
        session.execute(text("UPDATE delivery SET state = 'unknown', why = 'slow' WHERE visibility = 'private'"))
    number = life.deliveries(reference)[-1].id
    first = life.messages(reference)[0]
    life.record(life.message("masih belum sampai juga", channel="x", in_reply_to=first.external_id))
    life.assess()
    life.answer()
    life.approve_all(reference)
    assert life.state(reference) is State.APPROVED

    with life.desk.transaction() as session:
        row = session.get_one(Delivery, number)
        complaint = find(session, reference)
        record_sent(session, life.desk, complaint, row, Sent("x-late", None, life.now()), life.now())

    assert life.state(reference) is State.APPROVED


def test_where_nobody_can_be_written_to_the_public_answer_stands_alone(life: Life):
    life.assessor.finds(LATE_ON_X)

    draft = newest(life, life.in_review(LATE_ON_X, channel="google_play"))

    assert companion_in(draft.attachments) is None
    assert "pesan langsung" not in draft.text
    assert "surel halo@warungsenja.example" in draft.text


def test_a_person_posts_the_public_text_then_the_private_one(life: Life):
    reference = on_x(life)
    channel = life.desk.channels.get("x", "default")
    channel.manual = True  # type: ignore[misc]
    life.approve_all(reference)

    posted(life.desk, reference, "https://x.example/1", person("cs-nia"))
    posted(life.desk, reference, "https://x.example/dm/1", person("cs-nia"))

    replies = [delivery for delivery in life.deliveries(reference) if delivery.kind == "reply"]
    assert [(one.visibility, one.state) for one in replies] == [
        (Visibility.PUBLIC, DeliveryState.SENT),
        (Visibility.PRIVATE, DeliveryState.SENT),
    ]


def test_an_edit_keeps_the_other_sentences_grounds_and_the_private_text(life: Life):
    reference = on_x(life)
    before = newest(life, reference)
    sentence = grounds_shown(before)[0].sentence
    words = before.text.replace(sentence, "Halo Kak Mira.")

    after = edit(life.desk, life.open_reviews(reference)[0].id, words, person("cs-raka"))

    shown = {one.sentence: (one.ground, one.ref) for one in grounds_shown(after) if not one.beside}
    kept = {one.sentence: (one.ground, one.ref) for one in grounds_shown(before) if not one.beside}
    assert shown.pop("Halo Kak Mira.") == (Ground.PERSON, "cs-raka")
    assert shown == {said: ground for said, ground in kept.items() if said in shown}
    assert companion_in(after.attachments) == companion_in(before.attachments)
    assert after.sha256 != before.sha256


def test_what_an_article_says_may_still_be_said_in_an_edit(life: Life):
    reference = life.in_review("kak paketku blm sampe2 padahal udah lewat estimasi, resinya ga gerak")
    before = newest(life, reference)

    found = preview(life.desk, life.open_reviews(reference)[0].id, before.text + " Terima kasih.")

    assert [one.rule for one in found] == []


def test_reviewers_see_the_private_text_and_what_everything_rests_on(life: Life):
    reference = on_x(life)
    draft = newest(life, reference)

    line = inbox(life.desk)[0]
    with life.desk.transaction() as session:
        card = card_of(session, life.desk, line.review)

    assert line.companion == card.companion == companion_in(draft.attachments)
    assert [one.sentence for one in line.grounds] == [one.sentence for one in card.grounds]
    assert {one.beside for one in card.grounds} == {False, True}
    drafts = as_json(read_case(life.desk, reference))["drafts"]
    assert drafts[-1]["grounds"] == draft.grounds


def test_a_complaint_that_moved_on_between_composing_and_storing_is_left_alone(life: Life):
    reference = life.comes()
    life.assess()
    aimed = take_aim(life.desk, due_for_answer(life.desk))
    composed = compose_answers(life.desk, aimed)
    with life.desk.transaction() as session:
        session.execute(text("UPDATE complaint SET version = version + 1"))

    done = store_answers(life.desk, aimed, composed)

    assert done.references == ()
    assert life.drafts(reference) == []


def test_a_claim_of_a_language_model_without_ground_is_a_finding(life: Life):
    reference = life.comes()
    life.assess()
    aimed = take_aim(life.desk, due_for_answer(life.desk))
    prepared = compose_answers(life.desk, aimed)[0]
    claim = " Dana Anda kembali 25 Maret."
    made = prepared.composed
    start = len(made.text) + 1
    worded = replace(
        made,
        text=made.text + claim,
        sentences=(*made.sentences, Sentence(start, start + len(claim) - 1, Ground.MODEL, "")),
        model="kecil",
    )

    store_answers(life.desk, aimed, [replace(prepared, composed=worded)])

    draft = newest(life, reference)
    assert draft.model == "kecil"
    assert [(one["rule"], one["quote"]) for one in draft.findings if one["rule"] == "unverified_claim"] == [
        ("unverified_claim", "25")
    ]


def test_a_public_text_that_is_refused_takes_its_private_one_with_it(life: Life):
    reference = on_x(life)
    life.approve_all(reference)
    channel = life.desk.channels.get("x", "default")
    channel.reply = lambda out: (_ for _ in ()).throw(Never("not there"))  # type: ignore[method-assign, assignment]

    life.publish()

    assert not [one for one in life.deliveries(reference) if one.visibility is Visibility.PRIVATE]
    assert life.state(reference) is State.DRAFTING


def test_the_command_line_shows_the_private_text_and_each_sentences_ground(life: Life, monkeypatch, capsys, tmp_path):
    tanggap = CommandLine(monkeypatch, capsys, tmp_path).at(life.desk)
    reference = on_x(life)
    beside = companion_in(newest(life, reference).attachments) or ""

    short, each = tanggap("inbox").out, tanggap("inbox", "--grounds").out
    case = tanggap("complaint", reference, "--grounds").out
    (line,) = tanggap("inbox", "--json").json

    assert "and privately:" in short
    assert "rests on: part " in short
    assert "article late-parcel@" in each
    assert "(case:reference)" in case
    assert line["companion"] == beside
    assert {one["ground"] for one in line["grounds"]} == {"part", "article"}


def test_nothing_of_a_forgotten_customer_stays_in_either_text(life: Life):
    reference = on_x(life)

    erase(life.desk, reference, person("legal-tono"))

    draft = newest(life, reference)
    assert (draft.text, draft.attachments) == ("", [])
    assert grounds_shown(draft) == ()
