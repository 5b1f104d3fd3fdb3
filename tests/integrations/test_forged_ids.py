"""In mail the sender chooses the id: what bears somebody else's is another message, never an edit of their words."""

from dataclasses import replace

import pytest
from factories import LATE, Life, person
from sqlalchemy import select
from sqlmodel import col

from db.tables import Message, MessageRevision
from integrations.intake.fields import Terms
from integrations.intake.mail import read_mail
from integrations.intake.mbox import Mail
from integrations.record import Incoming, hashed_name
from tasks.erase import erase

pytest_plugins = ("lives",)

ID = "<satu@contoh.id>"
OTHER_WORDS = "tagihan saya dobel, tolong dibatalkan salah satunya"


def mail(life: Life, text: str = LATE, handle: str | None = "mira@contoh.id", **changes: object) -> Incoming:
    return life.message(text, **({"channel": "email", "handle": handle, "external_id": ID} | changes))


def stored(life: Life) -> list[tuple[str, str, int]]:
    with life.desk.transaction() as session:
        rows = session.execute(select(Message).order_by(col(Message.id))).scalars()
        return [(message.external_id, message.text, message.revision) for message in rows]


def test_a_mail_of_another_author_with_a_known_id_is_another_complaint(life):
    life.record(mail(life))
    forged = mail(life, OTHER_WORDS, "budi@lain.id")
    done = life.record(forged)

    assert (done.accepted, done.edited, len(done.warnings)) == (1, 0, 1)
    assert stored(life) == [(ID, LATE, 1), (hashed_name(forged.raw), OTHER_WORDS, 1)]


def test_what_was_being_reviewed_stays_so_when_a_stranger_forges_its_id(life):
    reference = life.in_review(external_id=ID, channel="email", handle="mira@contoh.id")
    life.record(mail(life, OTHER_WORDS, "budi@lain.id"))

    assert len(life.open_reviews(reference)) == 1
    assert life.events(reference, "voided") == []


def test_the_same_words_of_another_author_are_no_repeat(life):
    life.record(mail(life))
    assert life.record(mail(life, handle="budi@lain.id")).accepted == 1


def test_a_mail_named_by_its_hash_is_known_when_it_comes_again(life):
    life.record(mail(life))
    forged = mail(life, OTHER_WORDS, "budi@lain.id")
    life.record(forged)
    done = life.record(forged)

    assert (done.accepted, done.known, done.edited, done.warnings) == (0, 1, 0, [])


def test_both_in_one_batch_are_two_messages(life):
    forged = mail(life, OTHER_WORDS, "budi@lain.id")
    done = life.record(mail(life), forged, forged)

    assert (done.accepted, done.known) == (2, 1)
    assert stored(life) == [(ID, LATE, 1), (hashed_name(forged.raw), OTHER_WORDS, 1)]


def test_the_same_author_however_written_is_the_same(life):
    life.record(mail(life))
    done = life.record(mail(life, OTHER_WORDS, "Mira@Contoh.ID"))
    assert (done.accepted, done.edited) == (0, 1)


@pytest.mark.parametrize("handles", [("mira@contoh.id", None), (None, "mira@contoh.id")])
def test_a_mail_of_nobody_is_not_somebodys(handles, life):
    life.record(mail(life, handle=handles[0]))
    assert life.record(mail(life, OTHER_WORDS, handles[1])).accepted == 1


def test_of_two_mails_of_nobody_the_later_is_an_edit(life):
    life.record(mail(life, handle=None))
    assert life.record(mail(life, OTHER_WORDS, None)).edited == 1


def test_a_mail_that_bears_the_id_of_our_answer_is_taken(life):
    reference = life.responded(channel="email", handle="mira@contoh.id")
    ours = life.messages(reference)[-1].external_id
    assert life.record(mail(life, OTHER_WORDS, "budi@lain.id", external_id=ours)).accepted == 1


def test_the_mail_of_somebody_who_was_forgotten_stays_forgotten(life):
    reference = life.comes(external_id=ID, channel="email", handle="mira@contoh.id")
    life.assess()
    erase(life.desk, reference, person("legal-tono"))

    assert life.record(mail(life)).known == 1
    assert stored(life) == [(ID, "", 1)]


def test_where_the_platform_names_messages_an_edit_is_an_edit_whoever_is_named(life):
    item = life.message(channel="webhook", external_id="t-1", handle="agen-1")
    life.record(item)
    done = life.record(replace(life.message(OTHER_WORDS, channel="webhook", handle="agen-2"), external_id="t-1"))

    assert (done.accepted, done.edited) == (0, 1)


def test_on_a_further_mailbox_under_a_name_of_its_own_it_is_the_same(life):
    rules = life.desk.policy.channels
    mailbox = rules.of("email").model_copy(update={"adapter": "email"})
    life.with_policy(channels=rules.model_copy(update={"channels": {**rules.channels, "mailbox": mailbox}}))
    life.record(mail(life, channel="mailbox"))

    assert life.record(mail(life, OTHER_WORDS, "budi@lain.id", channel="mailbox")).accepted == 1


def test_two_raw_mails_with_one_message_id_become_two_complaints(life):
    def raw(author: str, text: str) -> bytes:
        head = f"From: {author}\r\nTo: cs@toko.example\r\nMessage-ID: {ID}\r\nDate: Mon, 2 Mar 2026 08:00:00 +0700\r\n"
        return f"{head}Subject: Keluhan\r\n\r\n{text}\r\n".encode()

    terms = Terms(life.now(), "email", frozenset({"email"}), own_addresses=lambda _: False)
    for author, text in (("Mira <mira@contoh.id>", LATE), ("Budi <budi@lain.id>", OTHER_WORDS)):
        item = read_mail(Mail(1, raw(author, text), None), "mail", terms)
        assert isinstance(item, Incoming)
        life.record(item)

    assert [text for _, text, _ in stored(life)] == [LATE, OTHER_WORDS]
    with life.desk.transaction() as session:
        assert session.execute(select(MessageRevision)).first() is None
