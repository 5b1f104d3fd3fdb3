"""The mail channel against servers of others: pymap and aiosmtpd, dovecot behind a relay, and a line that breaks."""

import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.header import decode_header, make_header
from email.message import EmailMessage
from pathlib import Path

import pytest
from pydantic import ValidationError

from db.words import DeliveryKind, Visibility
from integrations.channels.base import (
    Certainty,
    Channel,
    ChannelError,
    LockedOut,
    Never,
    Outgoing,
    Target,
    TryAgain,
    Unknown,
)
from integrations.channels.conformance import Conformance, Counterpart
from integrations.channels.conformance.suite import all_of, fresh, heard, world
from integrations.channels.email import EmailChannel, EmailSettings
from integrations.channels.mail_sending import address_of, own_message_id
from integrations.channels.world import World
from integrations.record import Bounced, Incoming, LeftOut, Unreadable
from tests.mail_server import (
    CUSTOMER,
    DOVECOT,
    OURS,
    PASSWORD,
    Break,
    House,
    certificate_for,
    dovecot_house,
    id_of,
    mail,
    pymap_house,
    tcp_wire,
)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def pymap() -> Iterator[House]:
    with pymap_house() as house:
        yield house


@pytest.fixture(scope="module")
def dovecot() -> Iterator[House]:
    if DOVECOT is None:
        pytest.skip("dovecot is not installed: apt-get install dovecot-imapd dovecot-lmtpd")
    with dovecot_house() as house:
        yield house


@pytest.fixture(scope="module")
def filing() -> Iterator[House]:
    """A house whose relay files what it takes from us, as Gmail does."""
    if DOVECOT is None:
        pytest.skip("dovecot is not installed: apt-get install dovecot-imapd dovecot-lmtpd")
    with dovecot_house(files_sent=True) as house:
        yield house


@pytest.fixture(params=["pymap", "dovecot"])
def house(request: pytest.FixtureRequest) -> House:
    found: House = request.getfixturevalue(request.param)
    found.relay.says.clear()
    return found


def settings_for(house: House, **changes: object) -> EmailSettings:
    plain = {
        "address": OURS,
        "name": "Toko Kita",
        "imap_host": "127.0.0.1",
        "imap_port": house.imap_port,
        "imap_security": "none",
        "smtp_host": "127.0.0.1",
        "smtp_port": house.smtp_port,
        "smtp_security": "none",
        "password": PASSWORD,
    }
    return EmailSettings.model_validate(plain | changes)


def channel_for(house: House, at: World | None = None, **changes: object) -> EmailChannel:
    return EmailChannel("email", "default", settings_for(house, **changes), at or world())


def target_of(raw: bytes) -> Target:
    return Target(external_id=id_of(raw), author_id=CUSTOMER, thread=id_of(raw), email=CUSTOMER)


def answer_to(target: Target, text: str = "Kami periksa hari ini.", **changes: object) -> Outgoing:
    made = {
        "key": f"TG-1042:reply:{time.time_ns()}",
        "text": text,
        "visibility": Visibility.PRIVATE,
        "kind": DeliveryKind.REPLY,
        "channel": "email",
        "account": "default",
        "reference": "TG-1042",
        "target": target,
        "subject": "Tas saya rusak",
    }
    return Outgoing(**(made | changes))  # type: ignore[arg-type]


class Mailing(Counterpart):
    """A mailbox of ours, a relay, and a customer with a mailer."""

    speaks_http = False
    private_intake = True

    def __init__(self, house: House, **changes: object) -> None:
        self.house = house
        self.changes = changes

    def channel(self, url: str, world: World) -> Channel:
        return channel_for(self.house, world, **self.changes)

    def locked_out(self, url: str, world: World) -> Channel | None:
        return channel_for(self.house, world, **(self.changes | {"password": "wrong"}))

    def customer_writes(self, text: str, *, private: bool = False, in_reply_to: str | None = None) -> Target:
        raw = mail(text, In_Reply_To=in_reply_to, References=in_reply_to)
        self.house.deliver(raw)
        return target_of(raw)

    def we_write(self, text: str) -> bool:
        self.house.deliver(mail(text, sender=OURS))
        return True

    def gone(self) -> Target | None:
        return Target(external_id="<gone@customer.test>", email="nobody@nowhere.invalid")

    def standing(self, target: Target, *, private: bool = False) -> list[str]:
        found = [taken for taken in self.house.answers() if taken.message["In-Reply-To"] == target.external_id]
        return [taken.text for taken in found]


class TestAtPymap(Conformance):
    @pytest.fixture
    def other(self, pymap: House) -> Counterpart:
        return Mailing(pymap)


class TestAtDovecot(Conformance):
    @pytest.fixture
    def other(self, dovecot: House) -> Counterpart:
        return Mailing(dovecot, sent_folder="Sent", move_to="Done")


class TestAtDovecotWhereTheRelayFilesWhatItTook(Conformance):
    @pytest.fixture
    def other(self, filing: House) -> Counterpart:
        return Mailing(filing, sent_folder="Sent", sent_by="relay")


def read_after(house: House, *mails: bytes, **changes: object) -> list[object]:
    """What the adapter makes of mails that come now."""
    channel = channel_for(house, **changes)
    _, cursor = all_of(channel)
    for raw in mails:
        house.deliver(raw)
    return all_of(channel, cursor)[0]


def read_into(seen: list[Incoming], channel: Channel, cursor: str | None) -> str | None:
    """As a worker reads: what a page holds is stored before the next one is asked for."""
    for page in channel.fetch(cursor):
        seen += heard(page.items)
        cursor = page.cursor
    return cursor


def the_only(items: list[object], kind: type) -> object:
    (item,) = items
    assert isinstance(item, kind), item
    return item


# Reading


def test_a_mail_is_read_without_a_trace_in_the_mailbox(house: House) -> None:
    raw = mail(fresh())

    (item,) = heard(read_after(house, raw))

    assert (item.external_id, item.visibility, item.addressed) == (id_of(raw), Visibility.PRIVATE, True)
    assert item.author is not None
    assert (item.author.id, item.author.email, item.author.name) == (CUSTOMER, CUSTOMER, "Alice")
    assert item.place.startswith("INBOX;UIDVALIDITY=")
    with house.mailbox() as box:
        flags = [one.flags for one in box.fetch(mark_seen=False, headers_only=True) if id_of(raw) in str(one.headers)]
    assert flags
    assert "\\Seen" not in flags[0]


def test_stored_mails_are_moved_and_unreadable_ones_stay(dovecot: House) -> None:
    good, bad = mail(fresh()), mail("\n", Subject=None)

    read_after(dovecot, good, bad, move_to="Done")

    def ids(folder: str) -> str:
        with dovecot.mailbox(folder) as box:
            return str([one.headers.get("message-id") for one in box.fetch(mark_seen=False, headers_only=True)])

    assert id_of(good) in ids("Done")
    assert id_of(good) not in ids("INBOX")
    assert id_of(bad) in ids("INBOX")


def test_a_page_that_was_not_stored_is_neither_moved_nor_passed_by(dovecot: House) -> None:
    channel = channel_for(dovecot, move_to="Done")
    _, cursor = all_of(channel)
    raw = mail(fresh())
    dovecot.deliver(raw)

    pages = channel.fetch(cursor)
    next(pages)
    pages.close()  # type: ignore[attr-defined]

    assert [one.external_id for one in heard(all_of(channel, cursor)[0])] == [id_of(raw)]


def test_a_folder_that_was_made_anew_is_read_anew(house: House) -> None:
    channel = channel_for(house)
    raw = mail(fresh())
    house.deliver(raw)
    _, cursor = all_of(channel)
    validity, uid, day = json.loads(cursor or "")

    items, renewed = all_of(channel, json.dumps([validity + 1, uid + 500, day]))

    assert id_of(raw) in {one.external_id for one in heard(items)}
    assert json.loads(renewed or "")[0] == validity


def test_many_mails_come_in_pages_each_with_the_cursor_that_covers_it(
    pymap: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("integrations.channels.email.PAGE", 3)
    channel = channel_for(pymap)
    _, cursor = all_of(channel)
    sent = [mail(fresh()) for _ in range(7)]
    for raw in sent:
        pymap.deliver(raw)

    seen = []
    for _ in range(9):  # a worker that dies after each page
        for page in channel.fetch(cursor):
            seen += [one.external_id for one in heard(page.items)]
            cursor = page.cursor
            break

    assert seen == [id_of(raw) for raw in sent]


def test_a_mail_of_40_mb_is_read_without_its_attachments(house: House) -> None:
    made = EmailMessage()
    for name, value in (
        ("From", CUSTOMER),
        ("To", OURS),
        ("Subject", "Foto tas"),
        ("Message-ID", f"<{time.time_ns()}@big>"),
    ):
        made[name] = value
    made.set_content("Lihat foto.\n\nPada Sen, 2 Mar 2026 CS <cs@x.example> menulis:\n> Mana fotonya?\n")
    made.add_alternative("<p>Lihat <b>foto</b>.</p>", subtype="html")
    made.add_attachment(b"\xff\xd8" * 14_000_000, maintype="image", subtype="jpeg", filename="tas sobek é.jpg")
    made.add_attachment("Catatan", filename="nota.txt")
    raw = made.as_bytes()
    assert len(raw) > 35_000_000

    (item,) = heard(read_after(house, raw))

    assert (item.external_id, item.text, item.subject) == (made["Message-ID"], "Lihat foto.", "Foto tas")
    noted = [(one.name, one.type) for one in item.attachments]
    assert noted == [("tas sobek é.jpg", "image/jpeg"), ("nota.txt", "text/plain")]
    assert abs(item.attachments[0].size - 28_000_000) < 300_000
    assert len(item.raw) < 10_000
    assert "large" in item.warnings[-1]


def test_a_large_mail_whose_text_alone_is_too_much_is_put_aside_with_its_place(pymap: House) -> None:
    made = EmailMessage()
    made["From"], made["Message-ID"] = CUSTOMER, f"<{time.time_ns()}@big>"
    made.set_content("aduh " * 1_200_000, cte="quoted-printable")

    item = the_only(read_after(pymap, made.as_bytes()), Unreadable)

    assert isinstance(item, Unreadable)
    assert "its text alone" in item.reason
    assert ";UID=" in item.place
    assert b"@big" in item.raw


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"Auto_Submitted": "auto-replied"}, "Auto-Submitted"),
        ({"Precedence": "bulk"}, "Precedence"),
        ({"Return_Path": "<>"}, "no sender"),
        ({"From": f"Toko <{OURS.upper()}>"}, "our own addresses"),
        ({"X_Auto_Response_Suppress": "All", "Subject": "Automatic reply: tas"}, "nobody is there"),
        ({"Message_ID": f"<tanggap-{'a' * 40}@acme.test>"}, "our own mail came back"),
    ],
)
def test_automatic_mail_is_left_out_with_its_reason(pymap: House, fields: dict[str, str], why: str) -> None:
    item = the_only(read_after(pymap, mail(**fields)), LeftOut)

    assert isinstance(item, LeftOut)
    assert why in item.reason


def test_mail_of_a_list_is_marked_and_speaks_not_to_us_by_itself(pymap: House) -> None:
    (item,) = heard(read_after(pymap, mail(List_Id="<pelanggan.lists.example>")))

    assert (item.list_mail, item.addressed) == (True, None)


def test_another_desk_of_this_kind_is_no_mail_of_ours(pymap: House) -> None:
    (item,) = heard(read_after(pymap, mail(Message_ID=f"<tanggap-{'a' * 40}@other.test>")))

    assert item.external_id.endswith("@other.test>")


@pytest.mark.parametrize(
    ("in_reply_to", "references", "parent"),
    [
        ("<own>", "<a@x.test> <own>", "<own>"),
        ("<colleague@x.test>", "<a@x.test> <own> <colleague@x.test>", "<own>"),
        ("<b@x.test>", "<a@x.test> <c@x.test>", "<b@x.test>"),
        (None, "<a@x.test> <c@x.test>", "<c@x.test>"),
        (None, None, None),
    ],
)
def test_the_parent_is_the_newest_mail_that_is_known(
    pymap: House, in_reply_to: str | None, references: str | None, parent: str | None
) -> None:
    own = f"<tanggap-{'b' * 40}@acme.test>"

    def named(written: str | None) -> str | None:
        return written.replace("<own>", own) if written else written

    (item,) = heard(read_after(pymap, mail(In_Reply_To=named(in_reply_to), References=named(references))))

    assert item.in_reply_to == named(parent)


@pytest.mark.parametrize(
    ("sender", "reply_to", "author"),
    [
        (f"Alice <{CUSTOMER}>", "Mallory <mallory@evil.test>", CUSTOMER),
        ("Formulir <no-reply@forms.test>", "Budi <budi@pelanggan.test>", "budi@pelanggan.test"),
        ("Formulir <no-reply@forms.test>", OURS, "no-reply@forms.test"),
        ("BUDI@Pelanggan.TEST", None, "budi@pelanggan.test"),
    ],
)
def test_whose_complaint_it_is_and_who_is_answered_are_one(
    pymap: House, sender: str, reply_to: str | None, author: str
) -> None:
    (item,) = heard(read_after(pymap, mail(sender=sender, Reply_To=reply_to)))

    assert item.author is not None
    assert (item.author.id, item.author.email) == (author, author)


@pytest.mark.parametrize("date", ["Mon, 2 Mar 2099 09:00:00 +0700", "soon", "Mon, 2 Mar 2026 09:00:00", None])
def test_a_date_that_cannot_be_is_the_moment_when_our_server_took_the_mail(pymap: House, date: str | None) -> None:
    raw = mail(Date=None)
    (item,) = heard(read_after(pymap, f"Date: {date}\n".encode() + raw if date else raw))

    assert abs(item.posted_at - datetime.now(UTC)) < timedelta(minutes=5)
    assert "received" in item.warnings[0]


def test_a_text_in_other_letters_than_it_claims_is_read_with_a_warning(pymap: House) -> None:
    raw = mail(Date=None).split(b"\n\n")[0].replace(b"base64", b"8bit") + b"\n\nTas \xe9dition sobek sekali."

    (item,) = heard(read_after(pymap, raw))

    assert item.text == "Tas édition sobek sekali."
    assert "letters" in " ".join(item.warnings)


def test_wait_returns_as_soon_as_a_mail_comes(house: House) -> None:
    channel = channel_for(house)
    _, cursor = all_of(channel)
    raw = mail(fresh())
    sender = threading.Timer(1.5, house.deliver, [raw])
    sender.start()

    started = time.monotonic()
    channel.wait(60, threading.Event())

    assert 0.5 < time.monotonic() - started < 30
    sender.join()
    assert [one.external_id for one in heard(all_of(channel, cursor)[0])] == [id_of(raw)]


def test_wait_returns_at_once_for_what_came_before_it_began(house: House) -> None:
    channel = channel_for(house)
    all_of(channel)
    house.deliver(mail(fresh()))

    started = time.monotonic()
    channel.wait(60, threading.Event())

    assert time.monotonic() - started < 20


def test_wait_ends_when_it_shall_stop(house: House) -> None:
    channel, stop = channel_for(house), threading.Event()
    threading.Timer(1, stop.set).start()

    started = time.monotonic()
    channel.wait(60, stop)

    assert time.monotonic() - started < 20


def test_wait_begins_idle_anew_before_the_server_hangs_up(pymap: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("integrations.channels.email.IDLE_AGAIN", 0.6)
    with tcp_wire(pymap.imap_port) as wire:
        channel = channel_for(pymap, imap_port=wire.port)
        channel.wait(3, threading.Event())

        assert wire.heard.count(b"IDLE") >= 3
        assert wire.heard.count(b"IDLE") == wire.heard.count(b"DONE")


def test_wait_just_waits_where_the_line_breaks(pymap: House) -> None:
    with tcp_wire(pymap.imap_port) as wire:
        channel = channel_for(pymap, imap_port=wire.port)
        wire.broken(Break(b"IDLE", "cut_after"), times=99)

        started = time.monotonic()
        channel.wait(3, threading.Event())

        assert 2.5 < time.monotonic() - started < 20


# Bounces

STATUS = """\
Return-Path: <>
From: MAILER-DAEMON@mx.acme.test (Mail Delivery System)
To: {ours}
Subject: Undelivered Mail Returned to Sender
Auto-Submitted: auto-replied
Message-ID: <{number}@mx.acme.test>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain

This is the mail system at host mx.acme.test. I'm sorry.

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.acme.test

Final-Recipient: rfc822; alice@customer.test
Action: {action}
Status: {status}
Diagnostic-Code: smtp; {code} {status} <alice@customer.test>: unknown

--b
Content-Type: {kind}

From: {ours}
To: alice@customer.test
Message-ID: {own}
References: <tanggap-{other}@acme.test>

{body}
--b--
"""
PLAIN = {
    "qmail": """\
Return-Path: <>
From: MAILER-DAEMON@mx.acme.test
To: {ours}
Subject: failure notice
Message-ID: <{number}@mx>

Hi. This is the qmail-send program at mx.acme.test.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.

<alice@customer.test>:
192.0.2.1 does not like recipient.
Remote host said: 550 5.1.1 <alice@customer.test>: user unknown

--- Below this line is a copy of the message.

Message-ID: {own}
Subject: Re: Tas
""",
    "Exim": """\
From: Mail Delivery System <Mailer-Daemon@mx.acme.test>
To: {ours}
X-Failed-Recipients: alice@customer.test
Auto-Submitted: auto-replied
Subject: Mail delivery failed: returning message to sender
Message-ID: <{number}@mx>

This message was created automatically by mail delivery software.

A message that you sent could not be delivered to one or more of its
recipients. This is a permanent error. The following address(es) failed:

  alice@customer.test
    550 5.1.1 user unknown

------ This is a copy of the message, including all the headers. ------

Message-ID: {own}
""",
}


def own_id(house: House) -> str:
    """The Message-ID of an answer that went out."""
    raw = mail(fresh())
    return channel_for(house).reply(answer_to(target_of(raw), fresh())).platform_id


@pytest.mark.parametrize("kind", ["text/rfc822-headers", "message/rfc822"])
def test_a_delivery_report_is_told_of_the_mail_that_did_not_arrive(pymap: House, kind: str) -> None:
    own = own_id(pymap)
    filled = {"ours": OURS, "number": time.time_ns(), "own": own, "other": "c" * 40, "kind": kind, "body": "Kami"}
    raw = STATUS.format(action="failed", status="5.1.1", code=550, **filled).encode()

    item = the_only(read_after(pymap, raw), Bounced)

    assert isinstance(item, Bounced)
    assert (item.platform_id, item.address, item.for_good) == (own, "alice@customer.test", True)
    assert "550 5.1.1" in item.why
    assert "alice" not in item.why


def test_a_report_of_a_mail_whose_message_id_the_relay_wrote_anew_is_of_ours(pymap: House) -> None:
    own = own_id(pymap)
    theirs = f"<0100{time.time_ns()}@mail.relay.test>\nX-Tanggap-Delivery: {own.strip('<>').partition('@')[0][8:]}"
    filled = {"ours": OURS, "number": time.time_ns(), "own": theirs, "other": "c" * 40, "body": "Kami"}
    raw = STATUS.format(action="failed", status="5.1.1", code=550, kind="message/rfc822", **filled).encode()

    item = the_only(read_after(pymap, raw.replace(b"References: <tanggap-", b"References: <lain-")), Bounced)

    assert isinstance(item, Bounced)
    assert item.platform_id == own


@pytest.mark.parametrize(("action", "status", "kind"), [("delayed", "4.4.1", Bounced), ("delivered", "2.0.0", LeftOut)])
def test_a_delay_is_not_for_good_and_a_receipt_is_left_out(pymap: House, action: str, status: str, kind: type) -> None:
    filled = {"ours": OURS, "number": time.time_ns(), "own": own_id(pymap), "other": "c" * 40, "body": ""}
    raw = STATUS.format(action=action, status=status, code=450, kind="text/rfc822-headers", **filled).encode()

    item = the_only(read_after(pymap, raw), kind)

    assert not isinstance(item, Bounced) or not item.for_good


@pytest.mark.parametrize("server", list(PLAIN))
def test_a_report_in_words_alone_is_understood(pymap: House, server: str) -> None:
    own = own_id(pymap)
    raw = PLAIN[server].format(ours=OURS, number=time.time_ns(), own=own).encode()

    item = the_only(read_after(pymap, raw), Bounced)

    assert isinstance(item, Bounced)
    assert (item.platform_id, item.address, item.for_good) == (own, "alice@customer.test", True)
    assert "550 5.1.1" in item.why


def test_a_report_of_no_mail_of_ours_is_left_out(pymap: House) -> None:
    raw = PLAIN["qmail"].format(ours=OURS, number=time.time_ns(), own="<other@elsewhere.test>").encode()

    the_only(read_after(pymap, raw), LeftOut)


def test_an_absence_note_to_our_answer_is_no_report_that_it_did_not_arrive(pymap: House) -> None:
    own = own_id(pymap)
    note = mail(
        "Saya sedang cuti.",
        Return_Path="<>",
        Auto_Submitted="auto-replied (vacation)",
        In_Reply_To=own,
        References=own,
    )

    item = the_only(read_after(pymap, note), LeftOut)

    assert isinstance(item, LeftOut)
    assert "Auto-Submitted" in item.reason


def test_a_postmaster_who_answers_us_is_heard(pymap: House) -> None:
    own = own_id(pymap)
    answer = mail("Sudah sampai?", From="Budi <postmaster@toko.test>", In_Reply_To=own, References=own)

    (item,) = heard(read_after(pymap, answer))

    assert item.in_reply_to == own


def test_a_customer_who_quotes_our_message_id_is_heard(pymap: House) -> None:
    (item,) = heard(read_after(pymap, mail(f"Mail {own_id(pymap)} tidak sampai.")))

    assert "tidak sampai" in item.text


# Sending


def taken_of(house: House, target: Target) -> EmailMessage:
    (taken,) = [one for one in house.answers() if one.message["In-Reply-To"] == target.external_id]
    return taken.message


def test_an_answer_is_threaded_plain_and_from_us(pymap: House) -> None:
    target = Target(external_id="<second@customer.test>", thread="<first@customer.test>", email=CUSTOMER)
    out = answer_to(target, subject="RE: Bls: Tas saya rusak — sobek", text=".titik\nBaris dua  \n\nFrom sini.")

    sent = channel_for(pymap).reply(out)

    (taken,) = [one for one in pymap.answers() if one.message["Message-ID"] == sent.platform_id]
    message = taken.message
    assert (taken.sender, taken.receiver, taken.text) == (OURS, CUSTOMER, out.text)
    assert message["Subject"] == "Re: Tas saya rusak — sobek [TG-1042]"
    assert message["References"].split() == ["<first@customer.test>", "<second@customer.test>"]
    assert (message["From"], message["To"]) == (f"Toko Kita <{OURS}>", CUSTOMER)
    assert message.get_content_type() == "text/plain"
    assert message["Auto-Submitted"] is None
    assert message["X-Auto-Response-Suppress"] == "OOF, AutoReply"
    assert abs(message["Date"].datetime - datetime.now(UTC)) < timedelta(minutes=2)
    assert max(map(len, taken.content.split(b"\r\n"))) <= 998


@pytest.mark.parametrize(
    ("kind", "automatic"),
    [
        (DeliveryKind.ACKNOWLEDGEMENT, True),
        (DeliveryKind.HOLDING, True),
        (DeliveryKind.SURVEY, True),
        (DeliveryKind.REPLY, False),
        (DeliveryKind.STATEMENT, False),
    ],
)
def test_what_leaves_by_itself_says_so(pymap: House, kind: DeliveryKind, automatic: bool) -> None:
    target = target_of(mail(fresh()))

    channel_for(pymap).reply(answer_to(target, fresh(), kind=kind))

    assert taken_of(pymap, target)["Auto-Submitted"] == ("auto-replied" if automatic else None)


def test_a_long_message_id_stays_as_it_is(pymap: House) -> None:
    target = Target(external_id=f"<{'A' * 120}@apcprd06.prod.outlook.example>", email=CUSTOMER)

    channel_for(pymap).reply(answer_to(target))

    (taken,) = [one for one in pymap.answers() if target.external_id.encode() in one.content]  # type: ignore[union-attr]
    assert b"In-Reply-To: <AAAA" in taken.content


def test_no_word_of_a_customer_becomes_a_header(pymap: House) -> None:
    target = Target(
        external_id="<a@b>\r\nBcc: eve@evil.test",
        thread="<c@d>\nX-Evil: 1",
        email=CUSTOMER,
    )
    subject = "Tas\r\nBcc: eve@evil.test\r\n\r\n<script>" + " =?utf-8?Q?=0D=0ABcc:_eve@evil.test?=" + "x" * 900

    sent = channel_for(pymap).reply(answer_to(target, "Satu\r\n.\r\nMAIL FROM:<eve@evil.test>", subject=subject))

    (taken,) = [one for one in pymap.answers() if one.message["Message-ID"] == sent.platform_id]
    known = {"Date", "From", "To", "Subject", "Message-ID", "X-Auto-Response-Suppress", "X-Tanggap-Delivery"}
    known |= {"User-Agent", "MIME-Version", "Content-Type", "Content-Transfer-Encoding"}
    assert set(taken.message.keys()) <= known | {"X-Peer", "X-MailFrom", "X-RcptTo"}
    assert taken.text == "Satu\n.\nMAIL FROM:<eve@evil.test>"
    assert "Bcc: eve" in taken.message["Subject"].replace("\n", "")


def test_a_subject_that_turns_its_direction_does_not_turn_our_reference(pymap: House) -> None:
    target = target_of(mail())

    channel_for(pymap).reply(answer_to(target, subject="\u202egnarab \u2067مكسور"))

    decoded = str(make_header(decode_header(taken_of(pymap, target)["Subject"])))
    assert decoded == "Re: gnarab مكسور [TG-1042]"


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("budi@b\u00fccher.example", "budi@xn--bcher-kva.example"),
        ("Budi+toko@Pelanggan.test", "Budi+toko@pelanggan.test"),
        ("pel\u00e1nggan@x.example", "pel\u00e1nggan@x.example"),
        ("a@b.example\r\nRCPT TO:<eve@evil.test>", None),
        ("a@b.example, eve@evil.test", None),
        ("Budi <a@b.example>", None),
        ("a@b@c.example", None),
        ("a b@c.example", None),
        ("a@localhost", None),
        ("a@10.0.0.1", None),
        ("a@x.invalid", None),
        ("", None),
        (None, None),
        ("x" * 65 + "@c.example", None),
    ],
)
def test_only_an_address_is_an_address(written: str | None, address: str | None) -> None:
    found = address_of(written)

    assert (str(found) if found else None) == address


def test_an_address_in_other_letters_is_carried(pymap: House) -> None:
    target = Target(external_id="<utf8@x.example>", email="pelánggan@bücher.example")

    channel_for(pymap).reply(answer_to(target))

    (taken,) = [one for one in pymap.answers() if one.message["In-Reply-To"] == "<utf8@x.example>"]
    assert taken.receiver == "pelánggan@xn--bcher-kva.example"


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("no-reply@bank.example", "no-reply"),
        ("Bank.NoReply@bank.example", "no-reply"),
        ("noreply+tag@bank.example", "no-reply"),
        ("MAILER-DAEMON@bank.example", "no-reply"),
        (OURS.upper(), "our own"),
        ("nobody", "no mail address"),
        (None, "no mail address"),
        ("x@nowhere.invalid", "no mail can be sent"),
    ],
)
def test_where_nobody_reads_nothing_is_sent(pymap: House, address: str | None, why: str) -> None:
    channel, target = channel_for(pymap), Target(external_id="<a@b.example>", email=address)

    found = channel.can_reply(target, Visibility.PRIVATE, datetime.now(UTC))

    assert not found.ok
    assert why in (found.why or "")
    with pytest.raises(Never):
        channel.reply(answer_to(target))


@pytest.mark.parametrize(
    "address", [CUSTOMER, "reply@customer.test", "nora.eply@customer.test", "noreen@customer.test"]
)
def test_where_somebody_reads_can_be_written_to(pymap: House, address: str) -> None:
    assert channel_for(pymap).can_reply(Target(email=address), Visibility.PRIVATE, datetime.now(UTC)).ok


def test_an_answer_lies_in_the_sent_folder_once_it_is_sent(dovecot: House) -> None:
    sent = channel_for(dovecot, sent_folder="Sent").reply(answer_to(target_of(mail()), fresh()))

    with dovecot.mailbox("Sent") as box:
        (copy,) = [one for one in box.fetch(mark_seen=False) if sent.platform_id in str(one.headers)]
    assert "\\Seen" in copy.flags


def test_a_mail_without_its_copy_is_sent_all_the_same(dovecot: House) -> None:
    target = target_of(mail())

    channel_for(dovecot, sent_folder="No such folder").reply(answer_to(target, fresh()))

    assert taken_of(dovecot, target)


SAYS: list[tuple[str, str, type[ChannelError], str | None]] = [
    ("MAIL", "451 4.3.0 later", TryAgain, None),
    ("MAIL", "553 5.7.1 not your address", LockedOut, None),
    ("MAIL", "552 5.3.4 too big", Never, "too_long"),
    ("RCPT", "450 4.2.0 greylisted", TryAgain, None),
    ("RCPT", "550 5.1.1 unknown", Never, "gone"),
    ("RCPT", "550 5.7.1 blocked", Never, "blocked"),
    ("RCPT", "552 5.2.2 full", Never, "other"),
    ("RCPT", "530 5.7.0 log in", LockedOut, None),
    ("DATA", "452 4.3.1 disk full", TryAgain, None),
    ("DATA", "552 5.3.4 too big", Never, "too_long"),
    ("DATA", "554 5.7.1 spam", Never, "blocked"),
    ("DATA", "550 5.0.0 no", Never, "other"),
    ("RCPT", "554 5.7.1 <x@y.test>: Relay access denied", LockedOut, None),
    ("RCPT", "550 5.7.54 SMTP; Unable to relay recipient in non-accepted domain", LockedOut, None),
    ("RCPT", "553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)", LockedOut, None),
    ("RCPT", "550 5.1.8 your domain cannot be found", LockedOut, None),
]


@pytest.mark.parametrize(("at", "answer", "error", "kind"), SAYS)
def test_what_the_relay_refuses_is_told_apart(
    pymap: House, at: str, answer: str, error: type[ChannelError], kind: str | None
) -> None:
    target = target_of(mail())
    pymap.relay.says[at] = answer
    try:
        with pytest.raises(error) as raised:
            channel_for(pymap).reply(answer_to(target))
    finally:
        pymap.relay.says.clear()

    assert type(raised.value) is error
    assert not isinstance(raised.value, Never) or raised.value.kind == kind
    assert CUSTOMER not in str(raised.value)
    assert not [one for one in pymap.answers() if one.message["In-Reply-To"] == target.external_id]


@pytest.mark.parametrize(
    ("at", "answer", "alone"),
    [
        ("RCPT", "450 4.2.1 mailbox busy", True),
        ("RCPT", "451 4.7.1 greylisted", True),
        ("RCPT", "450 come back later", True),
        ("RCPT", "452 4.3.1 disk full", False),
        ("RCPT", "421 4.3.0 too busy", False),
        ("RCPT", "452 4.2.2 it has reached its daily receiving limit", True),
        ("DATA", "451 4.7.1 greylisted", True),
        ("DATA", "451 4.3.0 later", False),
        ("DATA", "450 later", False),
        ("MAIL", "451 4.7.0 later", False),
    ],
)
def test_one_customers_server_that_wants_us_to_wait_holds_up_no_other(
    pymap: House, at: str, answer: str, alone: bool
) -> None:
    pymap.relay.says[at] = answer
    try:
        with pytest.raises(TryAgain) as raised:
            channel_for(pymap).reply(answer_to(target_of(mail())))
    finally:
        pymap.relay.says.clear()

    assert raised.value.alone is alone


@pytest.mark.parametrize(
    ("at", "answer"),
    [
        ("MAIL", "550 5.4.5 Daily user sending quota exceeded"),
        ("RCPT", "550 5.4.5 Daily user sending limit exceeded"),
        ("RCPT", "550 5.1.90 Your message can't be sent: you've reached your daily limit for message recipients"),
        ("DATA", "554 5.2.0 SubmissionQuotaExceeded: sending quota used up"),
        ("RCPT", "450 4.2.1 hourly sending limit reached"),
    ],
)
def test_a_relay_that_has_taken_enough_of_us_is_left_alone_for_an_hour(pymap: House, at: str, answer: str) -> None:
    pymap.relay.says[at] = answer
    try:
        with pytest.raises(TryAgain, match="as much as it takes") as raised:
            channel_for(pymap).reply(answer_to(target_of(mail())))
    finally:
        pymap.relay.says.clear()

    assert (raised.value.after, raised.value.alone) == (3600, False)


@pytest.mark.parametrize("how", ["cut", "silence", "cut_after", "garbage"])
@pytest.mark.parametrize("on", [b"EHLO", b"AUTH", b"MAIL FROM", b"RCPT TO", b"DATA", b"MIME-Version"])
def test_what_breaks_before_the_last_dot_was_not_sent(pymap: House, on: bytes, how: str) -> None:
    if on == b"MIME-Version" and how in ("cut_after", "garbage"):
        pytest.skip("the relay answers nothing there")
    target = target_of(mail())
    with tcp_wire(pymap.smtp_port) as wire:
        slow = how == "silence"
        channel = channel_for(pymap, world(read=2 if slow else 20), smtp_port=wire.port, taken_within=2 if slow else 20)
        wire.broken(Break(on, how), times=9)
        # A cut in the midst of the mail is seen by us only once all of it has been handed to the network.
        with pytest.raises(Unknown if on == b"MIME-Version" else TryAgain):
            channel.reply(answer_to(target))

    assert not [one for one in pymap.answers() if one.message["In-Reply-To"] == target.external_id]


@pytest.mark.parametrize(
    ("how", "arrives"),
    [
        ("cut", False),
        ("silence", False),
        ("cut_after", True),
        ("silence_after", True),
        ("two", True),
        ("garbage", True),
    ],
)
def test_what_breaks_after_the_last_dot_is_unknown(pymap: House, how: str, arrives: bool) -> None:
    target = target_of(mail())
    with tcp_wire(pymap.smtp_port) as wire:
        channel = channel_for(pymap, smtp_port=wire.port, taken_within=3 if "silence" in how else 20)
        wire.broken(Break(b".", how))
        with pytest.raises(Unknown):
            channel.reply(answer_to(target))

    found = [one for one in pymap.answers() if one.message["In-Reply-To"] == target.external_id]
    assert len(found) == arrives


@pytest.mark.parametrize("how", ["cut", "cut_after"])
def test_after_a_doubtful_try_the_relays_own_folder_tells(filing: House, how: str) -> None:
    out = answer_to(target_of(mail()), fresh())
    with tcp_wire(filing.smtp_port) as wire:
        channel = channel_for(filing, smtp_port=wire.port, sent_folder="Sent", sent_by="relay")
        wire.broken(Break(b".", how))
        with pytest.raises(Unknown):
            channel.reply(out)

        found = channel.find_own(out)

    assert channel.certainty is Certainty.READ_BACK
    assert (found.platform_id if found else None) == (own_message_id(out, "acme.test") if how == "cut_after" else None)


def test_a_folder_that_we_fill_ourselves_cannot_prove_that_a_mail_was_not_sent(dovecot: House) -> None:
    channel = channel_for(dovecot, sent_folder="Sent")

    assert channel.certainty is Certainty.NEITHER
    with pytest.raises(TryAgain):
        channel.find_own(answer_to(target_of(mail())))


def test_a_relay_that_does_not_take_our_password_locks_us_out(pymap: House) -> None:
    channel = channel_for(pymap, smtp_password="wrong")

    with pytest.raises(LockedOut):
        channel.reply(answer_to(target_of(mail())))
    found = channel.check()
    assert not found.ok
    assert "sent" in found.said


# The line to the mailbox


@pytest.mark.parametrize("how", ["cut", "silence", "cut_after", "half", "garbage"])
@pytest.mark.parametrize("on", [b"LOGIN", b"EXAMINE", b"SEARCH", b"RFC822.SIZE", b"BODY.PEEK"])
def test_nothing_is_lost_where_the_line_to_the_mailbox_breaks(house: House, on: bytes, how: str) -> None:
    with tcp_wire(house.imap_port) as wire:
        channel = channel_for(house, world(read=2 if how == "silence" else 20), imap_port=wire.port)
        _, cursor = all_of(channel_for(house))
        raw = mail(fresh())
        house.deliver(raw)
        wire.broken(Break(on, how), times=99)
        seen: list[Incoming] = []
        with pytest.raises(TryAgain) as raised:
            cursor = read_into(seen, channel, cursor)
        wire.mend()

        read_into(seen, channel if how != "silence" else channel_for(house), cursor)

    assert type(raised.value) is TryAgain
    assert [one.external_id for one in seen] == [id_of(raw)]


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (b"{tag} NO [AUTHENTICATIONFAILED] Invalid credentials\r\n", LockedOut),
        (b"{tag} NO Login failed\r\n", LockedOut),
        (b"{tag} NO [UNAVAILABLE] Temporary authentication failure\r\n", TryAgain),
        (b"{tag} NO [LIMIT] Too many connections\r\n", TryAgain),
    ],
)
def test_a_login_that_is_refused_for_now_is_no_wrong_password(pymap: House, answer: bytes, kind: type) -> None:
    with tcp_wire(pymap.imap_port) as wire:
        wire.broken(Break(b"LOGIN", "say", answer))
        with pytest.raises(TryAgain) as raised:
            all_of(channel_for(pymap, imap_port=wire.port))

    assert type(raised.value) is kind


def test_one_mail_that_its_server_cannot_show_hides_no_other(dovecot: House) -> None:
    channel = channel_for(dovecot)
    _, cursor = all_of(channel)
    first, second = mail(fresh()), mail(fresh())
    dovecot.deliver(first)
    dovecot.deliver(second)
    with dovecot.mailbox() as box:
        lost = max(int(uid) for uid in box.uids())
    with tcp_wire(dovecot.imap_port) as wire:
        channel = channel_for(dovecot, imap_port=wire.port)
        wire.broken(
            Break(f"{lost} (UID BODY.PEEK".encode(), "say", b"{tag} NO [SERVERBUG] Internal error\r\n"), times=9
        )

        items, _ = all_of(channel, cursor)

    assert [one.external_id for one in items if isinstance(one, Incoming)] == [id_of(first)]
    (put_aside,) = [one for one in items if isinstance(one, Unreadable)]
    assert put_aside.place.endswith(f"UID={lost}")


# TLS and settings


def test_both_servers_are_spoken_to_over_tls_and_a_stranger_is_not(tmp_path: Path) -> None:
    if DOVECOT is None:
        pytest.skip("dovecot is not installed: apt-get install dovecot-imapd dovecot-lmtpd")
    certificate = certificate_for(tmp_path)
    other = certificate_for(tmp_path, "elsewhere.test")
    with dovecot_house(certificate=certificate, secure_relay=True) as house:
        secure = {"imap_host": "localhost", "smtp_host": "localhost", "smtp_security": "starttls"}
        tls = secure | {"imap_security": "tls", "imap_port": house.imaps_port, "ca_file": str(certificate[0])}
        starttls = tls | {"imap_security": "starttls", "imap_port": house.imap_port}
        for good in (tls, starttls):
            channel = channel_for(house, **good)
            assert channel.check().ok, channel.check().said
            _, cursor = all_of(channel)
            house.deliver(mail(fresh()))
            assert len(heard(all_of(channel, cursor)[0])) == 1
            channel.reply(answer_to(target_of(mail())))
            started = time.monotonic()
            threading.Timer(1, house.deliver, [mail(fresh())]).start()
            channel.wait(60, threading.Event())
            assert time.monotonic() - started < 30

        for bad, says in (
            ({"ca_file": None}, "certificate"),
            ({"ca_file": str(other[0])}, "certificate"),
            ({"imap_port": house.smtp_port}, "TLS"),
        ):
            found = channel_for(house, **(tls | bad)).check()
            assert not found.ok
            assert says in found.said
            assert found.mend
        with pytest.raises(TryAgain, match="certificate"):
            channel_for(house, **(tls | {"ca_file": str(other[0])})).reply(answer_to(target_of(mail())))


def test_a_relay_that_offers_no_tls_gets_no_password(pymap: House) -> None:
    with pytest.raises(LockedOut, match="STARTTLS"):
        channel_for(pymap, smtp_security="starttls").reply(answer_to(target_of(mail())))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"sent_folder": "No such"}, "No such"),
        ({"folder": "Nope"}, "Nope"),
        ({"smtp_port": 9}, "cannot be sent"),
        ({"imap_port": 9}, "cannot be read"),
    ],
)
def test_what_is_wrong_with_an_account_is_said(pymap: House, changes: dict[str, object], says: str) -> None:
    found = channel_for(pymap, **changes).check()

    assert not found.ok
    assert says in found.said
    assert found.mend


def test_a_server_that_could_only_copy_and_delete_moves_nothing(
    dovecot: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("integrations.channels.mail_reading.Mailbox.can_move", False)
    raw = mail(fresh())

    found = channel_for(dovecot, move_to="Done").check()
    read_after(dovecot, raw, move_to="Done")

    assert not found.ok
    assert "MOVE" in found.said
    with dovecot.mailbox() as box:
        assert id_of(raw) in str([one.headers.get("message-id") for one in box.fetch(mark_seen=False)])


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"imap_host": "imap.example.org", "imap_security": "none"}, "this machine only"),
        ({"smtp_host": "smtp.example.org", "smtp_security": "none"}, "this machine only"),
        ({"address": "care"}, "no mail address"),
        ({"sent_by": "relay"}, "sent_folder"),
        ({"move_to": "INBOX"}, "move_to"),
        ({"name": "Toko\r\nBcc: x"}, "one line"),
    ],
)
def test_settings_that_would_harm_are_refused(changes: dict[str, object], says: str) -> None:
    good = {"address": OURS, "imap_host": "localhost", "smtp_host": "localhost", "password": PASSWORD}
    EmailSettings.model_validate(good)

    with pytest.raises(ValidationError, match=says):
        EmailSettings.model_validate(good | changes)
