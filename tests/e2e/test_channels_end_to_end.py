"""One story on each real server: a complaint comes in there, people approve the answer, and it stands there, once."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from channels_house import ADMIN, OURS, WRITER, Here, on_real_servers
from command_line import CommandLine
from house_at_work import eventually

from db.tables import DeliveryState, Direction, ReviewState
from db.words import Gate, State

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

THREAT = (
    "Sudah dua minggu pesanan INV-20260701-{number} belum saya terima dan uang saya tidak kembali. Kalau Senin belum "
    "beres, pengacara saya kirim somasi. Tolong dijawab."
)


@pytest.fixture(scope="module")
def here() -> Iterator[Here]:
    """One house for all of them: it takes a while to stand."""
    with on_real_servers() as found:
        yield found


@pytest.fixture
def tanggap(here: Here, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path):
    """The command line at this house's desk."""
    return CommandLine(monkeypatch, capsys, tmp_path).at(here.work.desk)


# A mention on the fediverse


def mention(here: Here, number: int) -> tuple[dict[str, Any], str]:
    """A mention that threatens with the law; the post and its reference."""
    post = here.toots(THREAT.format(number=number))
    return post, here.complaint_of("mastodon", f"INV-20260701-{number}")


def test_a_mention_is_acknowledged_in_public_below_it(here: Here) -> None:
    post, reference = mention(here, 11)

    (ours,) = eventually(lambda: here.our_posts(post))

    assert ours["visibility"] == "public"
    assert ours["in_reply_to_id"] == post["id"]
    assert eventually(lambda: ours["id"] in here.told())
    (acknowledgement,) = here.work.deliveries(reference, "acknowledgement")
    assert here.our_words(post) == [acknowledgement.text]
    assert reference in acknowledgement.text


def test_what_pr_and_legal_approve_stands_below_the_mention_once(here: Here) -> None:
    post, reference = mention(here, 12)
    assert here.until_it_waits(reference) >= {Gate.PR, Gate.LEGAL}
    others = {review.gate for review in here.work.reviews(reference)} - {Gate.LEGAL}
    for gate in others:
        here.work.decides(reference, gate)
    assert here.work.deliveries(reference, "reply") == []

    here.work.decides(reference, Gate.LEGAL)

    eventually(lambda: here.work.complaint(reference).state is State.RESPONDED)
    approved = here.answer(reference).text
    eventually(lambda: approved in here.our_words(post))
    eventually(lambda: here.work.run(str(here.work.run_of(reference)))["state_type"] == "COMPLETED")
    assert here.our_words(post).count(approved) == 1
    assert len(here.our_words(post)) == 2


def test_what_the_customer_writes_below_our_answer_goes_on_with_the_same_complaint(here: Here) -> None:
    post, reference = mention(here, 13)
    here.until_it_waits(reference)
    here.work.approve(reference)
    answer = eventually(lambda: here.our_posts(post)[1:])[0]
    first = here.work.round_of(reference)

    here.toots("Belum juga. Sampai kapan saya harus menunggu?", in_reply_to=answer["id"])

    eventually(lambda: len(here.messages(reference)) == 2)
    assert here.complaint_of("mastodon", "Sampai kapan saya harus menunggu") == reference
    eventually(lambda: here.work.complaint(reference).state is State.IN_REVIEW)
    assert here.work.round_of(reference) != first
    (said, replied) = here.messages(reference)
    assert replied.in_reply_to == here.answer(reference).platform_id
    assert replied.parent_id not in (None, said.id)


def test_what_the_customer_writes_meanwhile_voids_the_review(here: Here) -> None:
    post, reference = mention(here, 14)
    here.until_it_waits(reference)
    first = here.work.round_of(reference)
    assert first is not None

    here.toots("Tambahan: kurirnya bilang paketnya hilang.", in_reply_to=post["id"])

    eventually(lambda: [one.data["why"] for one in here.events(reference, "voided")] == ["new_message"])
    eventually(lambda: here.work.complaint(reference).state is State.IN_REVIEW)
    assert {review.round_id for review in here.work.reviews(reference)} != {first.id}
    assert here.work.deliveries(reference, "reply") == []


def test_our_own_posts_are_no_complaints(here: Here) -> None:
    post, _ = mention(here, 15)
    here.snac.post("toko", f"@{post['account']['acct']} Halo, ini kami yang menulis.", visibility="public")

    mention(here, 16)

    came = [message for one in here.complaints("mastodon") for message in here.messages(one.reference)]
    assert len(came) == len(here.tooted)


# A mail


def letter(here: Here, number: int) -> tuple[EmailMessage, str]:
    """A mail that threatens with the law; it and its reference."""
    mail = here.mails(THREAT.format(number=number), Subject=f"Pesanan {number} tidak sampai")
    return mail, here.complaint_of("email", f"INV-20260701-{number}")


def answered(here: Here, number: int) -> tuple[EmailMessage, str, EmailMessage]:
    """The same, and our answer as it lies in the customer's mailbox."""
    mail, reference = letter(here, number)
    here.until_it_waits(reference)
    here.work.approve(reference)
    return mail, reference, eventually(lambda: here.our_mails(mail)[1:])[0]


def words_in(mail: EmailMessage) -> str:
    """What a mailer shows."""
    return str(mail.get_content()).removesuffix("\n")


def absence_note(to: EmailMessage) -> EmailMessage:
    """What the customer's mailer answers by itself (RFC 3834)."""
    note = EmailMessage()
    note["From"], note["To"] = f"Budi Santoso <{WRITER}>", OURS
    note["Subject"] = f"Automatic reply: {to['Subject']}"
    note["In-Reply-To"] = note["References"] = to["Message-ID"]
    note["Auto-Submitted"] = "auto-replied"
    note["Date"], note["Message-ID"] = format_datetime(datetime.now(UTC)), f"<{time.time_ns()}@customer.test>"
    note.set_content("Saya sedang cuti sampai 1 Desember.")
    return note


def test_a_mail_is_acknowledged_in_its_thread_and_says_that_a_machine_wrote_it(here: Here) -> None:
    mail, reference = letter(here, 21)

    (ours,) = eventually(lambda: here.our_mails(mail))

    assert ours["In-Reply-To"] == mail["Message-ID"]
    assert ours["Auto-Submitted"] == "auto-replied"
    assert ours["Subject"] == f"Re: {mail['Subject']} [{reference}]"
    (acknowledgement,) = here.work.deliveries(reference, "acknowledgement")
    assert words_in(ours) == acknowledgement.text


def test_what_is_approved_is_answered_in_the_thread_once(here: Here) -> None:
    mail, reference = letter(here, 22)
    assert here.until_it_waits(reference) >= {Gate.PR, Gate.LEGAL}

    here.work.approve(reference)

    eventually(lambda: here.work.complaint(reference).state is State.RESPONDED)
    _, ours = eventually(lambda: len(found := here.our_mails(mail)) > 1 and found)
    assert words_in(ours) == here.answer(reference).text
    assert ours["Auto-Submitted"] is None
    assert ours["In-Reply-To"] == mail["Message-ID"]
    eventually(lambda: here.work.run(str(here.work.run_of(reference)))["state_type"] == "COMPLETED")
    assert len(here.our_mails(mail)) == 2


def test_a_mail_below_our_answer_goes_on_with_the_same_complaint(here: Here) -> None:
    _, reference, ours = answered(here, 23)

    quoted = "\n".join(f"> {line}" for line in words_in(ours).splitlines())
    here.mails(
        f"Tanggal transaksinya 3 November.\n\nPada Min, 22 Nov 2026 pukul 21.00 Toko Kita <{OURS}> menulis:\n{quoted}",
        Subject=ours["Subject"],
        In_Reply_To=ours["Message-ID"],
        References=f"{ours['References']} {ours['Message-ID']}",
    )

    said = eventually(lambda: here.messages(reference)[1:])[0]
    assert said.text == "Tanggal transaksinya 3 November."
    eventually(lambda: here.work.complaint(reference).state is State.IN_REVIEW)


def test_an_absence_note_to_our_acknowledgement_is_left_out(here: Here) -> None:
    mail, reference = letter(here, 24)
    (ours,) = eventually(lambda: here.our_mails(mail))
    before = len(here.complaints("email"))

    here.sends(absence_note(ours))
    letter(here, 25)  # mails are read in their order

    assert len(here.messages(reference)) == 1
    assert len(here.complaints("email")) == before + 1
    assert [one["Auto-Submitted"] for one in here.our_mails(mail)] == ["auto-replied"]


def test_an_answer_that_bounces_goes_back_to_a_person(here: Here) -> None:
    mail, reference, ours = answered(here, 26)

    here.bounces(ours)

    eventually(lambda: here.work.complaint(reference).state is State.HELD)
    complaint = here.work.complaint(reference)
    assert (complaint.held_why, complaint.responded_at) == ("bounced", None)
    assert complaint.owner is not None
    assert here.answer(reference).state is DeliveryState.FAILED
    assert here.complaint_of("email", "INV-20260701-26") == reference
    assert len(here.our_mails(mail)) == 2


# A comment below our blog


def comment(here: Here, number: int) -> tuple[int, str]:
    """A comment that threatens with the law; its number there and its reference."""
    written = here.blog.comment(THREAT.format(number=number))
    return written["id"], here.complaint_of("rss", f"INV-20260701-{number}")


def test_what_is_approved_for_a_comment_waits_for_a_person_to_post_it(here: Here, tanggap: CommandLine) -> None:
    theirs, reference = comment(here, 31)
    here.until_it_waits(reference)

    here.work.approve(reference)

    answer = here.answer(reference)
    (waiting,) = [one for one in tanggap("deliveries", "--failed", "--json").json if one["reference"] == reference]
    assert (waiting["state"], waiting["needs_person"]) == ("manual", True)
    assert f"tanggap posted {reference} URL" in " ".join(tanggap("deliveries", "--failed").out.split())
    here.blog.comment(answer.text, author=ADMIN, parent=theirs)
    ran = tanggap("posted", reference, f"{here.blog.url}{here.blog.feed}", "--as", "cs-nia")
    assert ran.out == f"{reference}: posted by cs-nia, word for word as approved.\n", ran.err
    assert here.work.complaint(reference).state is State.RESPONDED
    assert here.answer(reference).state is DeliveryState.SENT


def test_a_comment_that_is_edited_voids_what_was_approved(here: Here) -> None:
    theirs, reference = comment(here, 32)
    here.until_it_waits(reference)
    here.work.approve(reference)
    approved = here.answer(reference)

    here.blog.edit(theirs, THREAT.format(number=32) + " Besok saya datang ke toko.")
    here.blog.comment("Saya mengikuti.", author="Dewi")  # isso calls its feed changed only when a comment is added

    eventually(lambda: here.events(reference, "edited"))
    eventually(lambda: here.work.complaint(reference).state is State.IN_REVIEW)
    voided = here.work.deliveries(reference, "reply")[0]
    assert (voided.id, voided.state, voided.why) == (approved.id, DeliveryState.CANCELLED, "customer_edited")
    assert {review.state for review in here.work.reviews(reference)} == {ReviewState.OPEN}


def test_what_we_wrote_below_our_blog_is_no_complaint(here: Here) -> None:
    here.blog.comment("Kami mohon maaf, pesanan Anda terlambat.", author=ADMIN)

    comment(here, 33)

    came = [message.text for one in here.complaints("rss") for message in here.messages(one.reference)]
    assert "Kami mohon maaf, pesanan Anda terlambat." not in came


# Another system


def call(number: int, text: str) -> dict[str, Any]:
    """A record, as the other system has it."""
    return {
        "external_id": f"t-{number}",
        "text": text,
        "posted_at": datetime.now(UTC).isoformat(),
        "author": {"id": f"u-{number}", "handle": "budi", "name": "Budi"},
        "url": f"https://forum.example/t/{number}",
    }


def test_a_signed_call_is_a_complaint_within_seconds(here: Here) -> None:
    answer = here.calls(call(881, "Gelas yang saya terima pecah. Tolong diganti."))

    assert (answer.status_code, answer.json()["accepted"]) == (202, 1)
    reference = here.complaint_of("webhook", "Gelas yang saya terima pecah")
    (message,) = here.messages(reference)
    assert (message.received_at - message.posted_at).total_seconds() < 30
    eventually(lambda: any(post.reference == reference for post in here.forum.posts))
    assert len(eventually(lambda: here.messages(reference, Direction.OUT))) == 1


def test_a_call_that_is_signed_with_another_key_leaves_nothing(here: Here) -> None:
    before = len(here.complaints("webhook"))

    answer = here.calls(call(882, "Piring yang saya terima pecah."), key="salah")

    assert answer.status_code == 401
    assert len(here.complaints("webhook")) == before
