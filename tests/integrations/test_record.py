"""Recording what comes in: nothing twice, nothing lost, and each message with the complaint it belongs to."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from factories import LATE, Life, person
from sqlalchemy import func, select
from sqlalchemy.exc import DataError
from sqlmodel import col

from db.complaints import messages_of
from db.tables import Complaint, Cursor, Event, Identity, Message, MessageRevision, Quarantined
from db.words import State, Verdict, Visibility
from integrations.record import Attachment, Author, LeftOut, Metrics, Unreadable
from tasks.people import close_held, throw_out
from tasks.record import chunks, record

pytest_plugins = ("lives",)

SUMMARY = {"accepted": 0, "known": 0, "edited": 0, "left_out": 0, "quarantined": 0, "warnings": 0}


def rows(life: Life, table: type) -> list:
    with life.desk.transaction() as session:
        return list(session.execute(select(table).order_by(*table.__table__.primary_key)).scalars())


def texts(life: Life, reference: str) -> list[str]:
    return [message.text for message in life.messages(reference)]


# Once


def test_a_message_is_taken_once(life):
    item = life.message()
    assert life.record(item).summary() == SUMMARY | {"accepted": 1}
    assert life.record(item).summary() == SUMMARY | {"known": 1}
    assert len(rows(life, Message)) == 1


def test_a_message_that_stands_twice_in_a_batch_is_taken_once(life):
    item = life.message()
    assert life.record(item, item).summary() == SUMMARY | {"accepted": 1, "known": 1}
    assert len(rows(life, Message)) == 1


def test_the_same_id_on_another_account_is_another_message(life):
    first = life.message(account="toko-a", external_id="1")
    second = life.message(account="toko-b", external_id="1", handle="orang.lain")
    assert life.record(first, second).accepted == 2


def test_a_known_message_changes_nothing_but_its_reach(life):
    item = life.message(metrics=Metrics(views=10))
    life.record(item)
    life.assess()
    life.record(
        life.message(external_id=item.external_id, metrics=Metrics(views=500, likes=3), url="https://x.example/1")
    )
    (message,) = rows(life, Message)
    assert (message.views, message.likes, message.url, message.text) == (500, 3, None, LATE)
    assert message.assess_due


def test_a_known_message_without_news_is_not_assessed_again(life):
    item = life.message(metrics=Metrics(views=10))
    life.record(item)
    life.assess()
    life.record(item)
    assert not rows(life, Message)[0].assess_due


def test_the_raw_record_is_kept_byte_for_byte(life):
    raw = b'{"text": "caf\\u00e9 \xff"}'
    life.record(life.message(raw=raw))
    assert rows(life, Message)[0].raw == raw


def test_attachments_are_noted_by_name_type_and_size(life):
    life.record(life.message(channel="email", attachments=(Attachment("struk.pdf", "application/pdf", 1200),)))
    assert rows(life, Message)[0].attachments == [{"name": "struk.pdf", "type": "application/pdf", "size": 1200}]


def test_our_own_answer_that_the_channel_shows_us_is_no_complaint(life):
    reference = life.responded()
    ours = life.delivery(reference)
    told = life.record(life.message(ours.text, external_id=ours.platform_id, handle="tokokita"))
    assert told.summary() == SUMMARY | {"known": 1}
    assert len(rows(life, Complaint)) == 1


# Edits


def test_an_edit_is_a_new_revision_and_the_first_text_is_kept(life):
    item = life.message("pesanan saya belum sampai", raw=b"satu")
    reference = f"TG-{life.record(item).complaints[0]}"
    told = life.record(life.message("pesanan saya SUDAH sampai", external_id=item.external_id, raw=b"dua"))
    (message,), (revision,) = life.messages(reference), rows(life, MessageRevision)
    assert told.summary() == SUMMARY | {"edited": 1}
    assert (message.text, message.revision, message.raw) == ("pesanan saya SUDAH sampai", 2, b"dua")
    assert (revision.text, revision.revision, revision.raw) == ("pesanan saya belum sampai", 1, b"satu")


def test_an_edit_is_an_event_and_is_assessed_again(life):
    reference = life.comes(external_id="e-1")
    life.assess()
    life.record(life.message("lain", external_id="e-1"))
    assert life.events(reference, "edited")[0].data["revision"] == 2
    assert rows(life, Message)[0].assess_due


def test_an_edit_within_one_batch_is_an_edit(life):
    first, second = life.message("satu", external_id="e-1"), life.message("dua", external_id="e-1")
    assert life.record(first, second).summary() == SUMMARY | {"accepted": 1, "edited": 1}


def test_an_edit_voids_what_is_being_reviewed(life):
    reference = life.in_review(external_id="e-1")
    life.record(life.message("ternyata salah kirim", external_id="e-1"))
    assert life.state(reference) is State.DRAFTING
    assert life.events(reference, "voided")[-1].data["why"] == "customer_edited"


# Threads


def test_a_reply_belongs_to_the_complaint_that_it_answers(life):
    reference = life.comes(external_id="t-1")
    assert life.comes("masih belum juga", in_reply_to="t-1") == reference


def test_a_reply_to_our_answer_belongs_to_its_complaint(life):
    reference = life.responded()
    ours = life.delivery(reference)
    assert life.comes("oke", in_reply_to=ours.platform_id, handle="orang.lain") == reference


def test_a_thread_within_one_batch_is_one_complaint(life):
    first = life.message(external_id="t-1")
    second = life.message("lanjutannya", external_id="t-2", in_reply_to="t-1")
    third = life.message("ujungnya", external_id="t-3", in_reply_to="t-2")
    assert len(set(life.record(first, second, third).complaints)) == 1


def test_a_parent_that_comes_later_is_linked(life):
    reference = life.comes("jawaban atas yang belum datang", external_id="t-2", in_reply_to="t-1")
    assert life.messages(reference)[0].parent_id is None
    assert life.comes("yang pertama", external_id="t-1", at=life.now() - timedelta(hours=2)) == reference
    parent, child = life.messages(reference)
    assert (parent.text, child.parent_id) == ("yang pertama", parent.id)


def test_a_parent_that_stands_below_its_answer_in_a_batch_is_linked(life):
    child = life.message("jawaban", external_id="t-2", in_reply_to="t-1")
    parent = life.message("yang pertama", external_id="t-1", at=life.now() - timedelta(hours=2), handle="orang.lain")
    assert len(set(life.record(child, parent).complaints)) == 1


def test_a_timeline_is_ordered_by_when_things_were_posted(life):
    reference = life.comes("yang kedua", external_id="t-2")
    life.comes("yang pertama", external_id="t-1", in_reply_to="t-2", at=life.now() - timedelta(days=1))
    assert texts(life, reference) == ["yang pertama", "yang kedua"]


def test_a_message_older_than_its_complaint_is_taken(life):
    life.comes(external_id="t-1")
    assert life.comes("dulu sekali", in_reply_to="t-1", at=life.now() - timedelta(days=400)) == "TG-1001"


@pytest.mark.parametrize("together", [True, False], ids=["in one batch", "one after the other"])
def test_comments_of_strangers_under_a_post_that_we_never_saw_are_complaints_of_their_own(together, life):
    first = life.message("paket telat", handle="satu", in_reply_to="iklan-kami")
    second = life.message("baju sobek", handle="dua", in_reply_to="iklan-kami")
    numbers = (
        life.record(first, second).complaints
        if together
        else [*life.record(first).complaints, *life.record(second).complaints]
    )
    assert len(set(numbers)) == 2


@pytest.mark.parametrize("together", [True, False], ids=["in one batch", "one after the other"])
def test_a_stranger_does_not_come_into_somebodys_private_talk(together, life):
    talk = life.message("nomor rekening saya 123", channel="email", external_id="p-1", handle="satu")
    stranger = life.message("saya juga", channel="email", external_id="p-2", in_reply_to="p-1", handle="dua")
    numbers = (
        life.record(talk, stranger).complaints
        if together
        else [*life.record(talk).complaints, *life.record(stranger).complaints]
    )
    assert len(set(numbers)) == 2


def test_what_a_stranger_writes_privately_about_a_public_post_is_a_matter_of_their_own(life):
    public = life.comes("paket telat", external_id="p-1", handle="satu")
    assert life.comes("saya juga", in_reply_to="p-1", handle="dua", visibility=Visibility.PRIVATE) != public


def test_a_stranger_joins_a_public_thread(life):
    public = life.comes("paket telat", external_id="p-1", handle="satu")
    assert life.comes("saya juga", in_reply_to="p-1", handle="dua") == public


# The same person, the same thing


def test_nearly_the_same_words_of_one_person_are_one_complaint(life):
    first = life.comes("Paket saya belum sampai juga, tolong dicek!")
    assert life.comes("paket saya belum sampai juga tolong dicek") == first


def test_nearly_the_same_words_within_one_batch_are_one_complaint(life):
    told = life.record(
        life.message("Paket saya belum sampai, tolong!"), life.message("paket saya belum sampai, tolong")
    )
    assert len(set(told.complaints)) == 1


def test_the_same_words_of_two_people_are_two_complaints(life):
    assert life.comes(handle="satu") != life.comes(handle="dua")


def test_another_matter_of_one_person_is_another_complaint(life):
    assert life.comes("paket saya belum sampai") != life.comes("aplikasi tidak bisa dibuka sejak kemarin malam")


def test_the_same_words_beyond_the_window_are_another_complaint(life):
    first = life.comes()
    life.later(days=8)
    assert life.comes() != first


def test_the_same_words_about_what_was_solved_belong_to_it(life):
    solved = life.resolved()
    assert life.comes() == solved


def test_the_same_words_about_what_is_closed_are_another_complaint(life):
    closed = life.in_review()
    life.decide(closed, verdict=Verdict.REJECT)
    close_held(life.desk, closed, "selesai di toko", person("cs-nia"))
    assert life.comes() != closed


def test_the_same_words_of_a_spammer_are_looked_at_anew(life):
    first = life.in_review()
    throw_out(life.desk, first, person("cs-nia"))
    assert life.comes() != first


def test_private_messages_of_one_person_in_a_chat_are_one_talk(life):
    first = life.comes("halo min", channel="whatsapp", handle="+62811")
    assert life.comes("pesanan saya kok lama", channel="whatsapp", handle="+62811") == first


def test_private_messages_of_two_people_in_a_chat_are_two_talks(life):
    assert life.comes("halo min", channel="whatsapp", handle="+62811") != life.comes(
        "pagi", channel="whatsapp", handle="+62812"
    )


def test_two_mails_of_one_person_about_different_things_are_two_complaints(life):
    first = life.comes("paket belum sampai", channel="email", handle="mira@contoh.id")
    assert life.comes("tagihan saya dobel bulan ini", channel="email", handle="mira@contoh.id") != first


def test_a_reference_in_the_text_leads_to_the_complaint(life):
    reference = life.comes(channel="email", handle="mira@contoh.id")
    assert (
        life.comes(f"soal {reference.lower()}: sudah seminggu", channel="email", handle="mira@contoh.id") == reference
    )


def test_a_reference_in_the_subject_leads_to_the_complaint(life):
    reference = life.comes(channel="email", handle="mira@contoh.id")
    assert (
        life.comes("sudah seminggu", channel="email", handle="mira@contoh.id", subject=f"Re: {reference}") == reference
    )


def test_somebody_elses_reference_leads_nowhere(life):
    reference = life.comes(channel="email", handle="mira@contoh.id")
    assert life.comes(f"soal {reference}", channel="email", handle="jahat@contoh.id") != reference


def test_a_reference_that_does_not_exist_leads_nowhere(life):
    assert life.comes("soal TG-999999999999999999 ya") == "TG-1001"


def test_what_comes_in_to_a_merged_complaint_belongs_to_the_one_it_was_merged_into(life):
    first = life.in_review("pesanan INV-1234567 belum sampai", channel="email", handle="mira@contoh.id")
    second = life.comes(
        "pesanan INV-1234567 belum sampai",
        author=Author(id="mira", handle="mira", email="mira@contoh.id"),
        external_id="ig-1",
    )
    life.assess()
    assert life.state(second) is State.MERGED
    assert life.comes("halo?", in_reply_to="ig-1", handle="mira") == first


# People


def test_an_author_is_known_by_the_platforms_id_whatever_the_handle(life):
    life.comes("satu hal", author=Author(id="77", handle="lama"))
    life.comes("hal yang lain sama sekali", author=Author(id="77", handle="baru", followers=9))
    (identity,) = rows(life, Identity)
    assert (identity.external_id, identity.handle, identity.followers) == ("77", "baru", 9)


def test_an_author_without_an_id_is_known_by_the_handle(life):
    life.comes("satu hal", author=Author(handle="@Mira"))
    life.comes("hal yang lain sama sekali", author=Author(handle="mira"))
    assert [identity.external_id for identity in rows(life, Identity)] == ["@mira"]


def test_a_mail_address_is_known_whatever_its_case(life):
    life.comes(channel="email", author=Author(id="Mira@Contoh.ID"))
    assert rows(life, Identity)[0].email == "mira@contoh.id"


def test_a_message_of_nobody_is_a_complaint_all_the_same(life):
    reference = life.comes(author=None)
    assert life.complaint(reference).complainant_id is None


def test_what_an_author_does_not_say_again_is_not_forgotten(life):
    life.comes("satu hal", author=Author(id="77", name="Mira", followers=12, verified=True))
    life.comes("hal yang lain sama sekali", author=Author(id="77"))
    (identity,) = rows(life, Identity)
    assert (identity.name, identity.followers, identity.verified) == ("Mira", 12, True)


# The channel's cursor


def test_the_cursor_moves_with_the_page_that_it_covers(life):
    record(life.desk, [life.message()], source="x", cursor=("x", "default", "17"))
    record(life.desk, [life.message(handle="dua")], source="x", cursor=("x", "default", "18"))
    assert [(cursor.channel, cursor.position) for cursor in rows(life, Cursor)] == [("x", "18")]


def test_the_cursor_stays_where_the_page_could_not_be_stored(life):
    record(life.desk, [life.message()], source="x", cursor=("x", "default", "17"))
    with pytest.raises(DataError, match="NUL"):
        record(life.desk, [life.message("a\x00b", handle="dua")], source="x", cursor=("x", "default", "18"))
    assert [cursor.position for cursor in rows(life, Cursor)] == ["17"]
    assert len(rows(life, Message)) == 1


def test_chunks_read_no_further_than_they_are_long():
    read = []
    stream = chunks((read.append(number) or number for number in range(10)), 4)
    assert next(iter(stream)) == [0, 1, 2, 3]
    assert read == [0, 1, 2, 3]


# Quarantine


def bad(life: Life, place: str = "inbox.jsonl:3", raw: bytes = b'{"text": ', source: str = "inbox.jsonl") -> None:
    record(life.desk, [Unreadable(place, "this line is not JSON", raw, None)], source=source)


def waiting(life: Life) -> list[Quarantined]:
    return [row for row in rows(life, Quarantined) if row.taken_at is None]


def test_what_cannot_be_read_is_kept_with_reason_and_place(life):
    bad(life, raw=b'\xff{"text"')
    (row,) = waiting(life)
    assert (row.raw, row.reason, row.place, row.source) == (
        b'\xff{"text"',
        "this line is not JSON",
        "inbox.jsonl:3",
        "inbox.jsonl",
    )


def test_what_cannot_be_read_twice_is_kept_once_and_counted(life):
    bad(life)
    bad(life)
    assert [row.seen for row in waiting(life)] == [2]


def test_the_rest_of_a_batch_goes_on(life):
    told = record(
        life.desk, [life.message(), Unreadable("f:2", "no", b"x", None), life.message(handle="dua")], source="f"
    )
    assert told.summary() == SUMMARY | {"accepted": 2, "quarantined": 1}
    assert told.notes == ["f:2: no"]


def test_a_mended_line_at_the_same_place_leaves_the_quarantine(life):
    bad(life)
    record(life.desk, [life.message(place="inbox.jsonl:3")], source="inbox.jsonl")
    assert waiting(life) == []


def test_the_same_bytes_read_by_a_later_version_leave_the_quarantine(life):
    bad(life, raw=b"apa adanya")
    record(life.desk, [life.message(raw=b"apa adanya", place="lain.jsonl:1")], source="lain.jsonl")
    assert waiting(life) == []


def test_another_place_leaves_the_quarantine_as_it_is(life):
    bad(life)
    record(life.desk, [life.message(place="inbox.jsonl:4")], source="inbox.jsonl")
    assert len(waiting(life)) == 1


def test_standard_input_has_no_places_to_mend(life):
    bad(life, place="-:3", source="-")
    record(life.desk, [life.message(place="-:3")], source="-")
    assert len(waiting(life)) == 1


def test_what_is_broken_again_waits_again(life):
    bad(life)
    record(life.desk, [life.message(place="inbox.jsonl:3")], source="inbox.jsonl")
    bad(life)
    assert len(waiting(life)) == 1


def test_what_is_left_out_is_counted_with_its_reason(life):
    told = record(life.desk, [LeftOut("mail.mbox:1", "an automatic mail", b"raw")], source="mail.mbox")
    assert told.summary() == SUMMARY | {"left_out": 1}
    assert told.notes == ["mail.mbox:1: left out: an automatic mail"]
    assert rows(life, Complaint) == []


def test_warnings_say_where(life):
    told = life.record(life.message(place="f:7", warnings=("`views` is no number, left out",)))
    assert told.warnings == ["f:7: `views` is no number, left out"]


# Two at once


def test_two_intakes_on_the_same_three_hundred_records_take_each_once(life):
    items = [
        life.message(f"keluhan nomor {n}: {LATE}", handle=f"orang-{n % 90}", external_id=f"c-{n}") for n in range(300)
    ]
    start = threading.Barrier(2)

    def intake(order: list) -> int:
        start.wait()
        return sum(record(life.desk, chunk, source="inbox").accepted for chunk in chunks(order, 40))

    with ThreadPoolExecutor(2) as pool:
        accepted = sum(pool.map(intake, [items, list(reversed(items))]))

    assert accepted == 300
    with life.desk.transaction() as session:
        assert session.execute(select(func.count(), func.count(col(Message.external_id).distinct()))).one() == (
            300,
            300,
        )
        received = session.execute(
            select(func.count()).select_from(Event).where(col(Event.name) == "received")
        ).scalar_one()
        per_complaint = session.execute(select(Complaint.id)).scalars().all()
        assert received == 300
        assert sum(len(messages_of(session, number)) for number in per_complaint) == 300


def test_two_intakes_that_meet_in_one_thread_open_one_complaint(life):
    root = life.message("induk", external_id="root", handle="orang-0")
    answers = [
        life.message(f"balasan {n}", external_id=f"r-{n}", in_reply_to="root", handle=f"orang-{n}") for n in range(20)
    ]
    start = threading.Barrier(2)

    def intake(order: list) -> None:
        start.wait()
        for chunk in chunks([root, *order], 5):
            record(life.desk, chunk, source="inbox")

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(intake, [answers, list(reversed(answers))]))

    assert len(rows(life, Complaint)) == 1
    assert len(life.messages("TG-1001")) == 21


def test_recording_while_what_it_changes_is_being_assessed_loses_no_edit(life):
    life.comes("paket hilang", external_id="e-1")
    seen = threading.Event()

    class Slow(type(life.assessor)):
        def assess(self, batch, *, hurried=False):
            seen.set()
            threading.Event().wait(0.4)
            return super().assess(batch)

    slow = Life(life.desk, life.clock, assessor=Slow())
    with ThreadPoolExecutor(2) as pool:
        assessing = pool.submit(slow.assess)
        seen.wait(5)
        pool.submit(life.record, life.message("paket sudah ketemu", external_id="e-1")).result()
        assessing.result()

    (message,) = rows(life, Message)
    assert (message.text, message.assess_due) == ("paket sudah ketemu", True)
