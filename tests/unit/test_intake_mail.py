"""What a mail gives: a message, a word why it is automatic, or a reason why it cannot be taken."""

import hashlib
import io
import time
from datetime import UTC, datetime
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.words import CHANNELS, Visibility
from integrations.intake.fields import Terms
from integrations.intake.html import text_of
from integrations.intake.mail import read_mail
from integrations.intake.mbox import Mail
from integrations.intake.reading import read_file
from integrations.record import Attachment, Author, Incoming, LeftOut, Unreadable

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
FIELDS = {
    "From": "Mira Hidayat <Mira@Example.com>",
    "To": "halo@tokokita.example",
    "Subject": "Tas saya rusak",
    "Date": "Mon, 2 Mar 2026 09:00:00 +0700",
    "Message-ID": "<bag-1@example.com>",
}


def mail(body: bytes | str = "Tas saya sobek.\n", **changes: str | None) -> bytes:
    fields = {**FIELDS, **{name.replace("_", "-"): value for name, value in changes.items()}}
    head = "".join(f"{name}: {value}\n" for name, value in fields.items() if value is not None)
    return head.encode("utf-8", "surrogateescape") + b"\n" + (body.encode() if isinstance(body, str) else body)


def read(content: bytes, *, name: str = "bag.eml", channel: str | None = None) -> list:
    return list(
        read_file(
            io.BytesIO(content),
            name=name,
            channel=channel,
            now=NOW,
            known_channels=frozenset(CHANNELS),
            own_addresses=lambda address: address.endswith("@tokokita.example"),
        )
    )


def read_one(content: bytes, **options):
    (item,) = read(content, **options)
    return item


def message(content: bytes, **options) -> Incoming:
    item = read_one(content, **options)
    assert isinstance(item, Incoming), item
    return item


def test_a_mail_becomes_a_private_message():
    raw = mail(In_Reply_To="<bag-0@example.com>")

    item = message(raw)

    assert (item.channel, item.external_id, item.in_reply_to) == ("email", "<bag-1@example.com>", "<bag-0@example.com>")
    assert item.author == Author(id="mira@example.com", name="Mira Hidayat", email="mira@example.com")
    assert (item.subject, item.text, item.visibility) == ("Tas saya rusak", "Tas saya sobek.", Visibility.PRIVATE)
    assert item.posted_at == datetime(2026, 3, 2, 2, 0, tzinfo=UTC)
    assert (item.raw, item.list_mail, item.warnings) == (raw, False, ())


def test_a_mail_without_an_identifier_is_known_by_its_hash():
    raw = mail(Message_ID=None)

    assert message(raw).external_id == "sha256:" + hashlib.sha256(raw).hexdigest()


@pytest.mark.parametrize(
    ("sender", "reply_to", "author"),
    [
        ("no-reply@forms.example", "Budi <budi@x.example>", "budi@x.example"),
        ("no-reply@forms.example", "no-reply@x.example", "no-reply@forms.example"),
        ("no-reply@forms.example", "halo@tokokita.example", "no-reply@forms.example"),
        ("mira@x.example", "budi@x.example", "mira@x.example"),
    ],
)
def test_who_stands_in_reply_to_is_the_author_only_where_nobody_reads_the_senders_address(sender, reply_to, author):
    item = message(mail(From=sender, Reply_To=reply_to))

    assert (item.author.id, item.author.email) == (author, author)


def test_the_last_reference_is_the_parent_where_nothing_else_says_so():
    assert message(mail(References="<a@x.example>\n <b@x.example>")).in_reply_to == "<b@x.example>"


@pytest.mark.parametrize(
    ("date", "posted_at"),
    [
        ("Mon, 2 Mar 2026 02:00:00 GMT", datetime(2026, 3, 2, 2, 0, tzinfo=UTC)),
        ("2 Mar 2026 02:00:00 -0000", datetime(2026, 3, 2, 2, 0, tzinfo=UTC)),
        ("Mon, 2 Mar 2026 09:00:00 +0700 (WIB)", datetime(2026, 3, 2, 2, 0, tzinfo=UTC)),
        ("Mon, 2 Mar 2026 09:00:00 WIB", datetime(2026, 3, 2, 2, 0, tzinfo=UTC)),
    ],
)
def test_a_date_is_read_as_mails_write_it(date, posted_at):
    assert message(mail(Date=date)).posted_at == posted_at


@pytest.mark.parametrize(
    ("date", "why"),
    [
        ("Mon, 2 Mar 2026 09:00:00", "no time zone"),
        ("Tue, 31 Feb 2026 09:00:00 +0700", "calendar"),
        ("soon", "calendar"),
        ("Fri, 31 Dec 1999 09:00:00 +0700", "2000"),
        ("Mon, 2 Mar 2099 09:00:00 +0700", "ahead"),
    ],
)
def test_a_wrong_date_goes_to_quarantine(date, why):
    item = read_one(mail(Date=date))

    assert isinstance(item, Unreadable)
    assert why in item.reason


def test_a_mail_without_a_date_was_posted_when_it_was_received():
    item = message(mail(Date=None, Received="from a by b; Mon, 2 Mar 2026 09:30:00 +0700"))

    assert item.posted_at == datetime(2026, 3, 2, 2, 30, tzinfo=UTC)
    assert "received" in item.warnings[0]


def test_a_mail_without_any_date_was_posted_now():
    item = message(mail(Date=None))

    assert item.posted_at == NOW
    assert "no date" in item.warnings[0]


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"Auto_Submitted": "auto-replied; owner=a"}, "Auto-Submitted is auto-replied"),
        ({"Auto_Submitted": "auto-generated (reminder)"}, "auto-generated"),
        ({"Precedence": "bulk"}, "Precedence is bulk"),
        ({"Precedence": "auto_reply"}, "auto_reply"),
        ({"Precedence": "Junk"}, "junk"),
        ({"X_Autoreply": "yes"}, "x-autoreply"),
        ({"X_Auto_Response_Suppress": "All", "Subject": "Balasan otomatis: Tas"}, "nobody is there"),
        ({"X_Failed_Recipients": "a@x.example"}, "delivery report"),
        ({"Return_Path": "<>"}, "delivery report"),
        ({"From": "MAILER-DAEMON@mx.example"}, "delivery report"),
        ({"From": "CS <cs@tokokita.example>"}, "our own addresses"),
        ({"Content_Type": 'multipart/report; report-type=delivery-status; boundary="b"'}, "report"),
    ],
)
def test_automatic_mail_is_left_out_with_its_reason(fields, why):
    raw = mail(**fields)

    item = read_one(raw)

    assert isinstance(item, LeftOut)
    assert why in item.reason
    assert item.raw == raw


@pytest.mark.parametrize(
    "fields",
    [
        {"Auto_Submitted": "no"},
        {"Auto_Submitted": "No (by hand)"},
        {"Precedence": "first-class"},
        {"Return_Path": "<mira@example.com>"},
    ],
)
def test_mail_that_a_person_wrote_is_taken(fields):
    assert message(mail(**fields)).list_mail is False


@pytest.mark.parametrize(
    "fields",
    [
        {"List_Id": "Pelanggan <p.lists.example>"},
        {"Precedence": "list"},
        {"List_Unsubscribe": "<mailto:u@lists.example>"},
        {"X_Mailing_List": "pelanggan"},
        {"X_Auto_Response_Suppress": "All"},
        {"X_Auto_Response_Suppress": "DR, OOF, AutoReply"},
        {"X_Loop": "tiket@lain.example"},
    ],
)
def test_mail_of_a_list_or_of_a_program_that_wants_no_automatic_answer_is_taken_and_marked(fields):
    assert message(mail(**fields)).list_mail is True


def test_who_keeps_absence_notes_alone_away_is_answered_like_others():
    assert message(mail(X_Auto_Response_Suppress="OOF")).list_mail is False


HEAD = b"From: mira@example.com\nDate: Mon, 2 Mar 2026 09:00:00 +0700\nMessage-ID: <a@b>\n"


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "content",
    [
        HEAD + b"Content-Type: text/plain; charset=punycode\n\n" + b"ab-" + b"egbpdaj6bu4bxfgehfvwxn" * 180_000,
        HEAD + b"Content-Type: text/plain; charset=unicode-escape\n\n" + b"\\x41" * 1_000_000,
        HEAD + b"Content-Type: text/plain;" + b" a*0=x;" * 500_000 + b"\n\nTas saya sobek",
        HEAD + b"Subject: " + b"=?utf-8?Q?a?= " * 280_000 + b"\n\nTas saya sobek",
        HEAD + b"Content-Type: text/html\n\n" + b"<blockquote>" * 160_000 + b"sobek<br>" * 8_000,
        HEAD
        + b"Content-Type: multipart/mixed; boundary=b\n\n"
        + b"--b\nContent-Type: image/png\n\nx\n" * 100_000
        + b"--b--\n",
        HEAD + b"\n" + b"From: mira@example.com\n" * 160_000,
    ],
)
def test_no_mail_of_a_few_megabytes_keeps_the_desk_busy_or_fills_its_memory(content):
    everywhere = frozenset(CHANNELS)
    terms = Terms(NOW, "email", everywhere, lambda address: False, everywhere, lambda identifier: False)

    item = read_mail(Mail(1, content, None), "INBOX", terms, received=NOW)

    assert isinstance(item, Incoming | Unreadable)
    assert not isinstance(item, Incoming) or len(item.text) + len(item.subject or "") < 5_000_000


def test_quotes_in_quotes_are_marked_to_a_depth():
    assert text_of("<blockquote>" * 30 + "sobek") == "> " * 20 + "sobek"


@pytest.mark.parametrize(
    ("charset", "body", "text"),
    [
        ("utf-8", "Résumé 😀".encode(), "Résumé 😀"),
        ("iso-8859-1", b"R\xe9sum\xe9 \x80", "Résumé €"),
        ("windows-1252", b"\x93x\x94", "“x”"),
        ("iso-8859-1", "Résumé 😀".encode(), "Résumé 😀"),
        ("windows-1252", "“x”".encode(), "“x”"),
        ("us-ascii", "é".encode(), "é"),
        ("x-unknown", "é".encode(), "é"),
        ("gb2312", "投诉".encode("gb18030"), "投诉"),
        ("utf-16", "é".encode("utf-16"), "é"),
        ("UTF8", b"a", "a"),
    ],
)
def test_the_text_is_read_in_its_character_set(charset, body, text):
    raw = mail(
        body, MIME_Version="1.0", Content_Type=f"text/plain; charset={charset}", Content_Transfer_Encoding="8bit"
    )

    assert message(raw).text == text


@pytest.mark.parametrize(
    "content_type",
    ["text/plain; charset=utf-8", "text/plain", "text/html; charset=utf-8", "text/plain; charset=us-ascii"],
)
def test_a_text_that_cannot_be_decoded_is_kept_byte_for_byte(content_type):
    raw = mail(b"Tas \xff\xfe\xfa sobek", Content_Type=content_type, Content_Transfer_Encoding="8bit")

    item = read_one(raw)

    assert isinstance(item, Unreadable)
    assert "cannot be decoded" in item.reason
    assert (item.raw, item.channel) == (raw, "email")


@pytest.mark.parametrize(
    ("written", "subject"),
    [
        ("=?utf-8?B?VGFzIHJ1c2Fr?=", "Tas rusak"),
        ("=?iso-8859-1?Q?R=E9clamation?= tas", "Réclamation tas"),
        ("=?utf-8?B?broken", "=?utf-8?B?broken"),
        ("=?nonsense?Q?abc?=", "abc"),
        ("Keluhan é", "Keluhan é"),
        ("Dua\n baris", "Dua baris"),
        ("R\udce9clamation", "Réclamation"),
    ],
)
def test_a_subject_is_read_however_it_is_encoded(written, subject):
    assert message(mail(Subject=written)).subject == subject


def test_the_plain_form_goes_before_the_html_one():
    raw = EmailMessage()
    raw.set_content("Tas saya sobek.")
    raw.add_alternative("<p>Tas saya <b>sobek</b>.</p>", subtype="html")

    assert message(mail(Subject=None).split(b"\n\n")[0] + b"\n" + raw.as_bytes()).text == "Tas saya sobek."


def test_attachments_are_noted():
    raw = EmailMessage()
    raw.set_content("Lihat foto.")
    raw.add_attachment(b"\x89PNG1234", maintype="image", subtype="png", filename="tas é.png")
    raw.add_attachment("isi", filename="../../etc/nota.txt")

    item = message(mail().split(b"\n\n")[0] + b"\n" + raw.as_bytes())

    assert item.text == "Lihat foto."
    assert item.attachments == (Attachment("tas é.png", "image/png", 8), Attachment("nota.txt", "text/plain", 4))


def test_a_mail_forwarded_as_an_attachment_is_noted_and_not_read():
    inner = EmailMessage()
    inner.set_content("Rahasia.")
    raw = EmailMessage()
    raw.set_content("Lihat surat.")
    raw.add_attachment(inner)

    item = message(mail().split(b"\n\n")[0] + b"\n" + raw.as_bytes())

    assert item.text == "Lihat surat."
    assert [attachment.type for attachment in item.attachments] == ["message/rfc822"]


def test_a_mail_with_nothing_but_a_subject_says_its_subject():
    item = message(mail("\n \n"))

    assert item.text == "Tas saya rusak"
    assert "subject is taken" in item.warnings[0]


def test_a_mail_that_says_nothing_goes_to_quarantine():
    assert "blank" in read_one(mail("", Subject=None)).reason


def test_a_text_over_the_limit_goes_to_quarantine():
    assert "100,001 characters" in read_one(mail("x" * 100_001)).reason


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("Belum.\n\nOn Mon, 2 Mar 2026, CS <cs@x.example> wrote:\n> Apakah sudah?\n> Salam\n", "Belum."),
        ("Belum.\n\nPada Sen, 2 Mar 2026 pukul 09.00 CS <cs@x.example>\nmenulis:\n\n> Apakah sudah?\n", "Belum."),
        ("Belum.\n> Apakah sudah?\n", "Belum."),
        ("Belum.\n-----Original Message-----\nFrom: CS\nApakah sudah?\n", "Belum."),
        ("> Apakah sudah?\nBelum.\n> Kapan?\nKemarin.\n", "> Apakah sudah?\nBelum.\n> Kapan?\nKemarin."),
        ("> Hanya kutipan\n", "> Hanya kutipan"),
        ("Dia wrote:\nlalu pergi.\n", "Dia wrote:\nlalu pergi."),
    ],
)
def test_the_mail_that_is_answered_is_trimmed_off_the_end(body, text):
    assert message(mail(body)).text == text


@pytest.mark.parametrize("raw", [b"hello", b"\n\nhello\n", b"no header here\nat all\n"])
def test_what_is_no_mail_goes_to_quarantine(raw):
    item = read_one(raw)

    assert isinstance(item, Unreadable)
    assert item.raw == raw


def test_a_mail_nested_without_end_goes_to_quarantine():
    body = "".join(f"--b{depth}\nContent-Type: multipart/mixed; boundary=b{depth + 1}\n\n" for depth in range(3000))

    item = read_one(mail(body, MIME_Version="1.0", Content_Type="multipart/mixed; boundary=b0"))

    assert isinstance(item, Unreadable)


def test_a_mail_is_taken_on_another_channel_where_it_is_told():
    assert message(mail(), channel="request_tracker").channel == "request_tracker"


def mbox(*mails: bytes, ending: bytes = b"\n") -> bytes:
    separated = b"".join(b"From mira@example.com Mon Mar  2 09:00:00 2026\n" + one + b"\n" for one in mails)
    return separated.replace(b"\n", ending)


@pytest.mark.parametrize("ending", [b"\n", b"\r\n"])
def test_an_mbox_gives_each_mail_as_it_was_sent(ending):
    first = mail("Satu.\n\n>From here on.\n>>From there.\nSalam.\n")
    second = mail("Dua.\n", Message_ID="<bag-2@example.com>")

    items = read(mbox(first, second, ending=ending), name="inbox.mbox")

    assert [item.text for item in items] == ["Satu.\n\nFrom here on.\n>From there.\nSalam.", "Dua."]
    assert [item.place for item in items] == ["inbox.mbox:1", "inbox.mbox:14"]
    assert items[1].raw == second.replace(b"\n", ending)


def test_a_mail_has_the_same_hash_in_an_mbox():
    raw = mail(Message_ID=None)

    assert read(mbox(raw), name="a.mbox")[0].external_id == message(raw).external_id


def test_a_sentence_that_begins_with_from_parts_no_mail():
    (item,) = read(mbox(mail("Satu.\n\nFrom here on I wait.\nFrom 2025 on.\n")), name="a.mbox")

    assert item.text.endswith("From 2025 on.")


def test_a_bad_mail_disturbs_no_other_in_an_mbox():
    good = mail()
    bad = mail(b"\xff\xfe\n")

    first, item, last = read(mbox(good, bad, good), name="a.mbox")

    assert isinstance(first, Incoming)
    assert isinstance(last, Incoming)
    assert item.raw == bad


def test_empty_lines_above_the_first_mail_are_passed_over():
    assert [item.text for item in read(b"\n\n" + mbox(mail("x"), mail("y")), name="a.mbox")] == ["x", "y"]


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>Satu</p><p>Dua<br>baris</p>", "Satu\n\nDua\nbaris"),
        ("<style>p {color: red}</style><script>alert(1)</script>Halo", "Halo"),
        ("<title>Judul</title>a &lt;b&gt; &amp;nbsp; &eacute;", "a <b> &nbsp; é"),
        ("<ul><li>satu<li>dua</ul>", "- satu\n- dua"),
        ("a<blockquote>b<br>c</blockquote>d", "a\n\n> b\n> c\n\nd"),
        ("<div style='display: none'>x<div>y</div></div>z", "z"),
        ("<!-- <p>a</p> -->b<![if !mso]>c<![endif]><?xml x?>d", "bcd"),
        ("<img src=http://x.example/a.png alt='Foto tas'>", "Foto tas"),
        ("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a b\nc"),
        ("1 < 2 dan 3 > 2", "1 < 2 dan 3 > 2"),
        ("a <b", "a <b"),
        ("", ""),
        ("</div></blockquote>a", "a"),
    ],
)
def test_html_becomes_what_a_reader_sees(html, text):
    assert text_of(html) == text


def test_an_html_mail_is_read_as_text():
    raw = mail(
        "<html><body><p>Tas saya <b>sobek</b>.</p><div>Pada Sen, CS &lt;cs@x.example&gt; menulis:<br></div>"
        "<blockquote>Apakah sudah?</blockquote></body></html>",
        Content_Type="text/html; charset=utf-8",
    )

    assert message(raw).text == "Tas saya sobek."


@pytest.mark.parametrize(
    "piece",
    [
        "<a ",
        "<!--",
        "<![",
        "<script>",
        "<script",
        "</script ",
        "<p style='display:none' ",
        "&",
        "<a b='",
        "<blockquote>",
        "<li>",
        " ",
        "<style",
        'alt="',
    ],
)
def test_no_html_takes_long(piece):
    source = piece * (1_000_000 // len(piece))

    started = time.perf_counter()
    text_of(source)

    assert time.perf_counter() - started < 5


@given(st.text(st.sampled_from("<>/!-?&;#'\"= abpdivscriptlockquote\n"), max_size=200))
def test_no_html_is_an_error(source):
    text_of(source)


NAMES = st.sampled_from(
    [
        "From",
        "Date",
        "Message-ID",
        "Content-Type",
        "Subject",
        "Content-Transfer-Encoding",
        "References",
        "Received",
        "List-Id",
    ]
)
VALUES = st.one_of(
    st.binary(max_size=40),
    st.sampled_from(
        [
            b"multipart/mixed; boundary=b",
            b"text/html; charset=x",
            b"base64",
            b"quoted-printable",
            b"=?utf-8?B?w6k=?=",
            b"<a@b>",
        ]
    ),
)


@given(st.lists(st.tuples(NAMES, VALUES), max_size=6), st.binary(max_size=100), st.booleans())
def test_every_mail_is_accounted_for_whatever_stands_in_it(fields, body, in_mbox):
    raw = (
        b"X-First: a\n"
        + b"".join(name.encode() + b": " + value.replace(b"\n", b" ") + b"\n" for name, value in fields)
        + b"\n"
        + body
    )
    content = b"From a@b Mon Mar  2 09:00:00 2026\n" + raw if in_mbox else raw

    assert len(read(content, name="a.mbox" if in_mbox else "a.eml")) == 1
