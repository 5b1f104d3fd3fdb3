"""Reads a mail (RFC 5322, MIME) into a message, or says why it is automatic and nobody's complaint.

Nothing is fetched and no attachment is opened. The raw mail is kept whole beside what was read out of it.
"""

import binascii
import codecs
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from email import message_from_bytes
from email.header import decode_header
from email.message import Message
from email.utils import getaddresses, parsedate_to_datetime
from itertools import islice

from integrations.intake.fields import MAX_ID, Terms, wrong_channel, wrong_text, wrong_time
from integrations.intake.html import text_of
from integrations.intake.lines import Encoding
from integrations.intake.mbox import Mail, mails_in, one_mail
from integrations.intake.quoted import without_quoted
from integrations.intake.text import MAX_TEXT, clean, clean_line, is_blank, shown
from integrations.record import Attachment, Author, Incoming, Item, LeftOut, Unreadable, default_visibility, hashed_name

MAX_HTML = 20 * MAX_TEXT
"""Code points of an HTML body before its text is taken out."""
MAX_WITH_QUOTED = 10 * MAX_TEXT
"""Code points of a text before what it quotes is cut off."""
MAX_PARTS = 1_000
MAX_PARAMETERS = 16 * 1024
"""Characters of a field that says what a part is; the standard library takes minutes over some that are longer."""
MAX_ENCODED = 8 * 1024
"""Characters of a field in which encoded words (RFC 2047) are read; the same holds for them."""

LEFT_BEHIND = "X-Tanggap-Left-In-Mailbox"
"""Field of a part that was not fetched from the mailbox: its size in bytes, decoded. Nothing else is believed of it."""

_AUTOMATIC_PRECEDENCE = frozenset({"bulk", "junk", "auto_reply"})
_AUTOMATIC_FIELDS = ("x-autoreply", "x-autorespond", "x-autoresponder", "x-auto-reply", "x-mail-autoreply")
_LIST_FIELDS = (
    *("list-id", "list-post", "list-unsubscribe", "list-help", "list-subscribe", "list-owner", "list-archive"),
    *("x-mailing-list", "mailing-list"),
)
"""RFC 2919, RFC 2369, and what list servers wrote before."""
_NO_TEXT_CODECS = frozenset({"punycode", "idna", "unicode_escape", "raw_unicode_escape", "undefined"})
"""Python's own codecs that no mail is written in: some take hours over a few megabytes."""
_UNANSWERED = re.compile(r"\b(?:all|autoreply)\b", re.IGNORECASE)
_ABSENT = re.compile(
    r"\s*(?:automatic reply|out of (?:the )?office|autoreply|auto-reply|balasan otomatis|jawaban otomatis)\b",
    re.IGNORECASE,
)
_NO_REPLY = re.compile(
    r"(?:.*[._+-])?(?:no|not|do[._-]?not|dont|jangan)[._-]?(?:reply|respond|balas|dibalas)(?:[._+-].*)?", re.IGNORECASE
)
_MESSAGE_ID = re.compile(r"<[^<>\s]+>")
_FOLD = re.compile(r"\r?\n[ \t]*")
_LATIN = frozenset({"iso-8859-1", "latin1", "windows-1252", "cp1252"})
_NAMED_ZONES = {"WIB": 7, "WITA": 8, "WIT": 9}
"""Indonesia's, which the mail standard has no names for; hours ahead of UTC."""


def read_mbox(chunks: Iterable[bytes], encoding: Encoding, name: str, terms: Terms) -> Iterator[Item]:
    """One item for each mail of an mbox, in their order."""
    for mail in mails_in(chunks, encoding):
        yield read_mail(mail, f"{name}:{mail.line}", terms)


def read_eml(chunks: Iterable[bytes], encoding: Encoding, name: str, terms: Terms) -> Iterator[Item]:
    """The mail of a file that holds one."""
    mail = one_mail(chunks, encoding)
    if mail is not None:
        yield read_mail(mail, name, terms)


def read_mail(mail: Mail, place: str, terms: Terms, *, received: datetime | None = None) -> Item:
    """The message that a mail holds.

    Its date is the one that its sender wrote; without one, when the last server received it, else `terms.now`, with a
    warning. Its identifier is the Message-ID, else the hash of the mail.

    `received`: when our own mail server took it, where that is known. It stands for a date that nobody can have
    written it at, and a text that is not in the characters it claims is read all the same, with a warning: the mail
    is live, and somebody waits.
    """
    # A mail that lies in a drop folder is mail: its writer is answered by mail.
    channel = "email" if terms.channel is None or terms.channel == "file" else terms.channel
    wrong = mail.wrong or wrong_channel(channel, terms.known_channels)
    if wrong:
        return Unreadable(place, wrong, mail.raw, channel if channel in terms.known_channels else None)
    try:
        return _read(mail.raw, channel, place, terms, received)
    except _RefusedError as error:
        return Unreadable(place, str(error), mail.raw, channel)
    # The standard library's mail parser meets malformed mails with whatever exception comes up, nesting included.
    except Exception as error:
        reason = f"the mail cannot be taken apart ({type(error).__name__}: {shown(error)}); ask for it as plain text"
        return Unreadable(place, reason, mail.raw, channel)


class _RefusedError(Exception):
    """Why a mail goes to quarantine."""


def is_no_reply(address: str) -> bool:
    """Whether an address says of itself that nobody reads what is sent there."""
    local = address.partition("@")[0]
    return _NO_REPLY.fullmatch(local) is not None or local.lower() == "mailer-daemon"


def message_of(raw: bytes) -> Message:
    """The mail taken apart, without what would keep the standard library busy. Raises whatever its parser raises."""
    message = message_from_bytes(raw)
    for part in message.walk():
        for name in ("Content-Type", "Content-Disposition"):
            value = part.get(name)
            if value is not None and len(str(value)) > MAX_PARAMETERS:
                part.replace_header(name, str(value)[:200].partition(";")[0])
    return message


def _read(raw: bytes, channel: str, place: str, terms: Terms, received: datetime | None) -> Incoming | LeftOut:
    message = message_of(raw)
    if sum(1 for _ in islice(message.walk(), MAX_PARTS + 1)) > MAX_PARTS:
        raise _RefusedError(f"the mail has more than {MAX_PARTS:,} parts; look at it with a mailer")
    fields = _Fields(message)
    if not fields.names:
        raise _RefusedError("this has no mail header; save the mail in its original form (.eml) and import it again")
    name, address = _sender(fields, terms)
    automatic = _automatic(message, fields, address, terms)
    if automatic:
        return LeftOut(place, automatic, raw)
    warnings: list[str] = []
    posted_at = _posted_at(fields, terms.now, warnings, received)
    body, attachments = _body(message, warnings if received is not None else None)
    subject = clean_line(fields.text("subject")) or None
    if len(body) > MAX_WITH_QUOTED:
        raise _RefusedError(f"the mail's text has {len(body):,} characters, {MAX_WITH_QUOTED:,} are the limit")
    text = without_quoted(clean(body.replace("\r\n", "\n")).strip("\r\n"))
    if is_blank(text) and subject:
        text = subject
        warnings.append("the mail has no text of its own: its subject is taken for it")
    refused = wrong_text(text)
    if refused:
        raise _RefusedError(refused)
    return Incoming(
        channel=channel,
        external_id=_identifier(fields, raw, warnings),
        text=text,
        posted_at=posted_at,
        visibility=default_visibility(channel, terms.private_channels),
        raw=raw,
        place=place,
        author=Author(id=address, name=name, email=address) if address or name else None,
        in_reply_to=_parent(fields, terms),
        subject=subject,
        list_mail=_never_answered_by_machines(fields),
        attachments=tuple(attachments),
        warnings=tuple(warnings),
    )


class _Fields:
    """A mail's header fields as text, however they were written."""

    def __init__(self, message: Message) -> None:
        self._values: dict[str, list[str]] = {}
        for name, value in message.raw_items():
            self._values.setdefault(name.lower(), []).append(_readable(str(value)))

    @property
    def names(self) -> Iterable[str]:
        return self._values.keys()

    def first(self, name: str) -> str:
        """The first field of that name as written, unfolded, empty where there is none."""
        return next(iter(self._values.get(name, ())), "")

    def all(self, name: str) -> list[str]:
        return self._values.get(name, [])

    def token(self, name: str) -> str:
        """The field's first word, in small letters, without its parameters."""
        return self.first(name).split(";")[0].partition("(")[0].strip().lower()

    def text(self, name: str) -> str:
        """The first field of that name, its encoded words (RFC 2047) read."""
        return _decoded(self.first(name))


def _readable(value: str) -> str:
    """A field's value unfolded; bytes that are no UTF-8 are read as Windows-1252, as senders of old mean them."""
    value = _FOLD.sub(" ", value).strip()
    if value.isascii():
        return value
    raw = value.encode("utf-8", "surrogateescape")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("cp1252", "replace")


def _decoded(value: str) -> str:
    if "=?" not in value or len(value) > MAX_ENCODED:
        return value
    try:
        parts = decode_header(value)
    except (ValueError, binascii.Error):
        return value
    return "".join(part if isinstance(part, str) else _word(part, charset) for part, charset in parts)


def _word(part: bytes, charset: str | None) -> str:
    for codec in (charset or "ascii", "utf-8"):
        try:
            return _with(codec, part)
        except (LookupError, ValueError):
            continue
    return part.decode("cp1252", "replace")


def _with(codec: str, raw: bytes) -> str:
    """Raises LookupError where it is none that texts are written in, ValueError where the text is not."""
    found = codecs.lookup(codec).name
    if found.replace("-", "_") in _NO_TEXT_CODECS:
        raise LookupError(codec)
    return raw.decode(found)


def _sender(fields: _Fields, terms: Terms) -> tuple[str | None, str | None]:
    """Who wrote, by name and address: the From field.

    Reply-To counts only where From takes no answers (a form's mail, mostly), and then it is the author as well: whose
    complaint it is and who reads the answer must be one, else a stranger could have another's answers sent to himself.
    """
    name, address = _first_address(fields.first("from"))
    if address and is_no_reply(address):
        answered, other = _first_address(fields.first("reply-to"))
        if other and not is_no_reply(other) and not terms.own_addresses(other):
            return answered or None, other
    return name or None, address or None


def _first_address(written: str) -> tuple[str, str]:
    found = getaddresses([written])
    name, address = found[0] if found else ("", "")
    address = clean_line(address).lower()
    if "@" not in address or len(address) > MAX_ID:
        address = ""
    return clean_line(_decoded(name)), address


def _automatic(message: Message, fields: _Fields, address: str | None, terms: Terms) -> str | None:
    """Why nobody wrote this mail by hand to us (RFC 3834, RFC 3464), None where somebody did."""
    submitted = fields.token("auto-submitted")
    if submitted and submitted != "no":
        return f"automatic mail: Auto-Submitted is {shown(submitted)}"
    precedence = fields.token("precedence").replace("-", "_")
    if precedence in _AUTOMATIC_PRECEDENCE:
        return f"automatic mail: Precedence is {precedence}"
    for name in _AUTOMATIC_FIELDS:
        if fields.token(name) not in {"", "no"}:
            return f"automatic mail: it has the field {name}"
    if fields.first("x-auto-response-suppress") and _ABSENT.match(fields.text("subject")):
        return "automatic mail: its subject says that nobody is there"
    if message.get_content_type() == "multipart/report":
        return "a delivery report or another report that a mail server wrote"
    local = (address or "").partition("@")[0]
    empty = fields.first("return-path").replace(" ", "") == "<>"
    if local == "mailer-daemon" or empty or fields.first("x-failed-recipients"):
        return "a delivery report: it has no sender that could be answered"
    if terms.own_id(_written_id(fields)):
        return "our own mail came back to us"
    if address and terms.own_addresses(address):
        return "sent from one of our own addresses"
    return None


def _never_answered_by_machines(fields: _Fields) -> bool:
    """Whether it came through a list, or by a program that asks others to keep their automatic answers to themselves.

    RFC 3834, section 2; `X-Auto-Response-Suppress` is Exchange's word for it (MS-OXCMAIL), `X-Loop` procmail's.
    """
    if any(fields.first(name) for name in _LIST_FIELDS) or fields.token("precedence") == "list":
        return True
    return _UNANSWERED.search(fields.first("x-auto-response-suppress")) is not None or bool(fields.first("x-loop"))


def _written_id(fields: _Fields) -> str:
    """The Message-ID in its brackets, empty where there is none."""
    written = fields.first("message-id")
    found = _MESSAGE_ID.search(written)
    if found:
        return found.group()
    word = clean_line(written).strip("<>").split()
    return f"<{word[0]}>" if word else ""


def _identifier(fields: _Fields, raw: bytes, warnings: list[str]) -> str:
    identifier = _written_id(fields)
    if identifier and len(identifier) <= MAX_ID and identifier.isprintable():
        return identifier
    if fields.first("message-id"):
        warnings.append("the Message-ID cannot be used: the hash of the mail stands for it")
    return hashed_name(raw)


def _parent(fields: _Fields, terms: Terms) -> str | None:
    """The mail that this one answers: the newest that is known as ours, else In-Reply-To, else the last reference."""
    direct = _MESSAGE_ID.findall(" ".join(fields.all("in-reply-to")))
    chain = _MESSAGE_ID.findall(" ".join(fields.all("references")))
    ours = [found for found in (*direct, *reversed(chain)) if terms.own_id(found)]
    found = ours[:1] or direct[:1] or chain[-1:]
    return found[0] if found and len(found[0]) <= MAX_ID and found[0].isprintable() else None


def _posted_at(fields: _Fields, now: datetime, warnings: list[str], received: datetime | None) -> datetime:
    written = fields.first("date")
    if received is not None:
        moment = _moment(written) if written else None
        if moment is not None and moment.tzinfo is not None and wrong_time(moment, now) is None:
            # Nobody writes a mail after it has arrived: there a sender's clock is fast.
            return min(moment.astimezone(UTC), received)
        warnings.append("the mail's date cannot be used: when it was received is taken for it")
        return received
    if written:
        moment = _moment(written)
        if moment is None:
            raise _RefusedError(f"the date {shown(written)!r} is not of the calendar; correct it in the mail's header")
        if moment.tzinfo is None:
            raise _RefusedError(f"the date {shown(written)!r} has no time zone; add one to it in the mail's header")
        refused = wrong_time(moment, now, "the mail's date")
        if refused:
            raise _RefusedError(refused)
        return moment.astimezone(UTC)
    for hop in fields.all("received"):
        moment = _moment(hop.rpartition(";")[2])
        if moment is not None and moment.tzinfo is not None and wrong_time(moment, now) is None:
            warnings.append("the mail has no date: when it was received is taken for it")
            return moment.astimezone(UTC)
    warnings.append("the mail has no date: the time of the import is taken for it")
    return now


def _moment(written: str) -> datetime | None:
    """The moment, without a zone where none is written, None where it is none."""
    try:
        moment = parsedate_to_datetime(written)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    if moment.tzinfo is not None:
        return moment
    words = written.upper().split()
    if "-0000" in words:  # RFC 5322: in UTC, with nothing said about where the sender is
        return moment.replace(tzinfo=UTC)
    hours = next((_NAMED_ZONES[word] for word in words if word in _NAMED_ZONES), None)
    return moment if hours is None else moment.replace(tzinfo=timezone(timedelta(hours=hours)))


def _body(message: Message, guessed: list[str] | None) -> tuple[str, list[Attachment]]:
    """The text that a reader is shown first, and what came beside it. `guessed`: as for `_text`."""
    attachments: list[Attachment] = []
    texts = [text for text in _texts(message, attachments, guessed) if not is_blank(text)]
    return "\n\n".join(texts), attachments


def _texts(part: Message, attachments: list[Attachment], guessed: list[str] | None) -> list[str]:
    kind = part.get_content_type()
    if part.is_multipart() and kind.startswith("multipart/"):
        inner = [inner for inner in part.get_payload() if isinstance(inner, Message)]
        if kind == "multipart/alternative":
            return _best_of(inner, attachments, guessed)
        return [text for one in inner for text in _texts(one, attachments, guessed)]
    if kind in {"text/plain", "text/html"} and part.get_content_disposition() != "attachment":
        text = _text(part, guessed)
        return [text_of(text) if kind == "text/html" else text]
    attachments.append(_attachment(part, kind))
    return []


def _best_of(parts: list[Message], attachments: list[Attachment], guessed: list[str] | None) -> list[str]:
    """The plain form of several, the last other one where there is no plain one with text in it."""
    read = [(part.get_content_type(), part) for part in parts]
    chosen: list[str] = []
    for kind, part in read:
        if kind == "text/plain" and not chosen:
            chosen = [text for text in _texts(part, attachments, guessed) if not is_blank(text)]
        elif kind.startswith("multipart/") or kind not in {"text/plain", "text/html"}:
            other = _texts(part, attachments, guessed)
            chosen = chosen or other
    if not chosen:
        for kind, part in reversed(read):
            if kind == "text/html":
                return _texts(part, attachments, guessed)
    return chosen


def _text(part: Message, guessed: list[str] | None) -> str:
    """The text of a part. `guessed` takes the warning where its characters had to be guessed; None: they are not."""
    raw = part.get_payload(decode=True)
    if not isinstance(raw, bytes):
        return ""
    declared = (part.get_content_charset() or "").strip("\"' ")
    text = _in_its_characters(raw, declared)
    if text is None and guessed is not None and _mostly_ascii(raw):
        guessed.append("the mail is not written in the characters it claims: some letters of its text may be wrong")
        text = raw.decode("cp1252", "replace")
    if text is None:
        said = f"it says {shown(declared)}" if declared else "it does not say which characters it is written in"
        reason = f"the mail's text cannot be decoded: {said}, and it is no UTF-8; have it sent again in UTF-8"
        raise _RefusedError(reason)
    if part.get_content_type() == "text/html" and len(text) > MAX_HTML:
        refused = f"the mail's HTML has {len(text):,} characters, {MAX_HTML:,} are the limit; ask for plain text"
        raise _RefusedError(refused)
    return text


def _in_its_characters(raw: bytes, declared: str) -> str | None:
    for codec in _codecs(declared, raw):
        try:
            return _with(codec, raw)
        except (LookupError, ValueError):
            continue
    return None


def _mostly_ascii(raw: bytes) -> bool:
    return len(raw.translate(None, bytes(range(128)))) * 3 <= len(raw)


def _codecs(declared: str, raw: bytes) -> tuple[str, ...]:
    """What a declared character set means in practice (WHATWG Encoding, its labels).

    What claims to be Latin-1 and is good UTF-8 is UTF-8: its letters beyond ASCII would not fit together by chance.
    """
    wider = {
        "iso-8859-1": "cp1252",
        "latin1": "cp1252",
        "gb2312": "gb18030",
        "gbk": "gb18030",
        "shift_jis": "cp932",
        "ks_c_5601-1987": "cp949",
        "euc-kr": "cp949",
    }
    if not declared or declared == "us-ascii":
        return ("utf-8",)
    if declared in _LATIN and not raw.isascii():
        return ("utf-8", "cp1252", declared)
    return tuple(dict.fromkeys((wider.get(declared, declared), declared, "utf-8")))


def _attachment(part: Message, kind: str) -> Attachment:
    name = clean_line(_decoded(_readable(str(part.get_filename() or "")))).replace("\\", "/").rpartition("/")[2]
    if part.is_multipart():
        payload = part.get_payload()
        size = sum(len(inner.as_bytes()) for inner in payload if isinstance(inner, Message))
    else:
        content = part.get_payload(decode=True)
        size = len(content) if isinstance(content, bytes) else 0
    left = str(part.get(LEFT_BEHIND) or "").strip()
    if left.isascii() and left.isdigit():
        size = max(size, int(left[:12]))
    return Attachment(name or "unnamed", kind, size)
