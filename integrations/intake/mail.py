"""Reads a mail (RFC 5322, MIME) into a message, or says why it is automatic and nobody's complaint.

Nothing is fetched and no attachment is opened. The raw mail is kept whole beside what was read out of it.
"""

import binascii
import hashlib
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from email import message_from_bytes
from email.header import decode_header
from email.message import Message
from email.utils import getaddresses, parsedate_to_datetime

from integrations.intake.fields import MAX_ID, Terms, wrong_channel, wrong_text, wrong_time
from integrations.intake.html import text_of
from integrations.intake.lines import Encoding
from integrations.intake.mbox import Mail, mails_in, one_mail
from integrations.intake.text import MAX_TEXT, clean, clean_line, is_blank, shown
from integrations.record import Attachment, Author, Incoming, Item, LeftOut, Unreadable, default_visibility

MAX_HTML = 20 * MAX_TEXT
"""Code points of an HTML body before its text is taken out."""

_AUTOMATIC_PRECEDENCE = frozenset({"bulk", "junk", "auto_reply"})
_AUTOMATIC_FIELDS = ("x-autoreply", "x-autorespond", "x-autoresponder")
_MESSAGE_ID = re.compile(r"<[^<>\s]+>")
_FOLD = re.compile(r"\r?\n[ \t]*")
_NAMED_ZONES = {"WIB": 7, "WITA": 8, "WIT": 9}
"""Indonesia's, which the mail standard has no names for; hours ahead of UTC."""

_ATTRIBUTION = re.compile(
    r"^(?:On\b.{5,200}\bwrote|(?:Pada|Pd)\b.{5,200}\b(?:menulis|wrote)|.{0,200}<[^<>]+@[^<>]+>\s*(?:wrote|menulis)|"
    r"[^\n]{5,200}\b(?:menulis|wrote))\s*:\s*$",
    re.IGNORECASE | re.DOTALL,
)
_ORIGINAL = re.compile(r"^-{2,}\s*(?:Original Message|Pesan Asli|Pesan asli)\s*-{2,}\s*$", re.IGNORECASE)


def read_mbox(chunks: Iterable[bytes], encoding: Encoding, name: str, terms: Terms) -> Iterator[Item]:
    """One item for each mail of an mbox, in their order."""
    for mail in mails_in(chunks, encoding):
        yield read_mail(mail, f"{name}:{mail.line}", terms)


def read_eml(chunks: Iterable[bytes], encoding: Encoding, name: str, terms: Terms) -> Iterator[Item]:
    """The mail of a file that holds one."""
    mail = one_mail(chunks, encoding)
    if mail is not None:
        yield read_mail(mail, name, terms)


def read_mail(mail: Mail, place: str, terms: Terms) -> Item:
    """The message that a mail holds.

    Its date is the one that its sender wrote; without one, when the last server received it, else `terms.now`, with a
    warning. Its identifier is the Message-ID, else the hash of the mail.
    """
    # A mail that lies in a drop folder is mail: its writer is answered by mail.
    channel = "email" if terms.channel is None or terms.channel == "file" else terms.channel
    wrong = mail.wrong or wrong_channel(channel, terms.known_channels)
    if wrong:
        return Unreadable(place, wrong, mail.raw, channel if channel in terms.known_channels else None)
    try:
        return _read(mail.raw, channel, place, terms)
    except _RefusedError as error:
        return Unreadable(place, str(error), mail.raw, channel)
    # The standard library's mail parser meets malformed mails with whatever exception comes up, nesting included.
    except Exception as error:
        reason = f"the mail cannot be taken apart ({type(error).__name__}: {shown(error)}); ask for it as plain text"
        return Unreadable(place, reason, mail.raw, channel)


class _RefusedError(Exception):
    """Why a mail goes to quarantine."""


def _read(raw: bytes, channel: str, place: str, terms: Terms) -> Incoming | LeftOut:
    message = message_from_bytes(raw)
    fields = _Fields(message)
    if not fields.names:
        raise _RefusedError("this has no mail header; save the mail in its original form (.eml) and import it again")
    name, address = _sender(fields)
    automatic = _automatic(message, fields, address, terms)
    if automatic:
        return LeftOut(place, automatic, raw)
    warnings: list[str] = []
    posted_at = _posted_at(fields, terms.now, warnings)
    body, attachments = _body(message)
    subject = clean_line(fields.text("subject")) or None
    text = _without_quoted(clean(body.replace("\r\n", "\n")).strip("\r\n"))
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
        in_reply_to=_parent(fields),
        subject=subject,
        list_mail=_from_list(fields),
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
    if "=?" not in value:
        return value
    try:
        parts = decode_header(value)
    except (ValueError, binascii.Error):
        return value
    return "".join(part if isinstance(part, str) else _word(part, charset) for part, charset in parts)


def _word(part: bytes, charset: str | None) -> str:
    for codec in (charset or "ascii", "utf-8"):
        try:
            return part.decode(codec)
        except (LookupError, ValueError):
            continue
    return part.decode("cp1252", "replace")


def _sender(fields: _Fields) -> tuple[str | None, str | None]:
    found = getaddresses([fields.first("from")])
    name, address = found[0] if found else ("", "")
    address = clean_line(address).lower()
    if not address or "@" not in address or len(address) > MAX_ID:
        address = ""
    return clean_line(_decoded(name)) or None, address or None


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
    if message.get_content_type() == "multipart/report":
        return "a delivery report or another report that a mail server wrote"
    local = (address or "").partition("@")[0]
    if local == "mailer-daemon" or fields.first("return-path").replace(" ", "") == "<>":
        return "a delivery report: it has no sender that could be answered"
    if address and terms.own_addresses(address):
        return "sent from one of our own addresses"
    return None


def _from_list(fields: _Fields) -> bool:
    return bool(fields.first("list-id") or fields.first("list-post")) or fields.token("precedence") == "list"


def _identifier(fields: _Fields, raw: bytes, warnings: list[str]) -> str:
    written = fields.first("message-id")
    found = _MESSAGE_ID.search(written)
    if found:
        identifier = found.group()
    else:
        word = clean_line(written).strip("<>").split()
        identifier = f"<{word[0]}>" if word else ""
    if identifier and len(identifier) <= MAX_ID and identifier.isprintable():
        return identifier
    if written:
        warnings.append("the Message-ID cannot be used: the hash of the mail stands for it")
    return f"sha256:{hashlib.sha256(raw).hexdigest()}"


def _parent(fields: _Fields) -> str | None:
    direct = _MESSAGE_ID.findall(" ".join(fields.all("in-reply-to")))
    chain = _MESSAGE_ID.findall(" ".join(fields.all("references")))
    found = direct[:1] or chain[-1:]
    return found[0] if found and len(found[0]) <= MAX_ID and found[0].isprintable() else None


def _posted_at(fields: _Fields, now: datetime, warnings: list[str]) -> datetime:
    written = fields.first("date")
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
    for received in fields.all("received"):
        moment = _moment(received.rpartition(";")[2])
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


def _body(message: Message) -> tuple[str, list[Attachment]]:
    """The text that a reader is shown first, and what came beside it."""
    attachments: list[Attachment] = []
    texts = [text for text in _texts(message, attachments) if not is_blank(text)]
    return "\n\n".join(texts), attachments


def _texts(part: Message, attachments: list[Attachment]) -> list[str]:
    kind = part.get_content_type()
    if part.is_multipart() and kind.startswith("multipart/"):
        inner = [inner for inner in part.get_payload() if isinstance(inner, Message)]
        if kind == "multipart/alternative":
            return _best_of(inner, attachments)
        return [text for one in inner for text in _texts(one, attachments)]
    if kind in {"text/plain", "text/html"} and part.get_content_disposition() != "attachment":
        text = _text(part)
        return [text_of(text) if kind == "text/html" else text]
    attachments.append(_attachment(part, kind))
    return []


def _best_of(parts: list[Message], attachments: list[Attachment]) -> list[str]:
    """The plain form of several, the last other one where there is no plain one with text in it."""
    read = [(part.get_content_type(), part) for part in parts]
    chosen: list[str] = []
    for kind, part in read:
        if kind == "text/plain" and not chosen:
            chosen = [text for text in _texts(part, attachments) if not is_blank(text)]
        elif kind.startswith("multipart/") or kind not in {"text/plain", "text/html"}:
            other = _texts(part, attachments)
            chosen = chosen or other
    if not chosen:
        for kind, part in reversed(read):
            if kind == "text/html":
                return _texts(part, attachments)
    return chosen


def _text(part: Message) -> str:
    raw = part.get_payload(decode=True)
    if not isinstance(raw, bytes):
        return ""
    declared = (part.get_content_charset() or "").strip("\"' ")
    for codec in _codecs(declared):
        try:
            text = raw.decode(codec)
        except (LookupError, ValueError):
            continue
        if part.get_content_type() == "text/html" and len(text) > MAX_HTML:
            refused = f"the mail's HTML has {len(text):,} characters, {MAX_HTML:,} are the limit; ask for plain text"
            raise _RefusedError(refused)
        return text
    said = f"it says {shown(declared)}" if declared else "it does not say which characters it is written in"
    raise _RefusedError(f"the mail's text cannot be decoded: {said}, and it is no UTF-8; have it sent again in UTF-8")


def _codecs(declared: str) -> tuple[str, ...]:
    """What a declared character set means in practice (WHATWG Encoding, its labels)."""
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
    return tuple(dict.fromkeys((wider.get(declared, declared), declared, "utf-8")))


def _attachment(part: Message, kind: str) -> Attachment:
    name = clean_line(_decoded(_readable(str(part.get_filename() or "")))).replace("\\", "/").rpartition("/")[2]
    if part.is_multipart():
        payload = part.get_payload()
        size = sum(len(inner.as_bytes()) for inner in payload if isinstance(inner, Message))
    else:
        content = part.get_payload(decode=True)
        size = len(content) if isinstance(content, bytes) else 0
    return Attachment(name or "unnamed", kind, size)


def _without_quoted(text: str) -> str:
    """The text without the mail that it answers, where that stands whole at its end; else as it is.

    Answers written between quoted lines keep them: without them they say nothing.
    """
    lines = text.split("\n")
    end = len(lines)
    for index, line in enumerate(lines):
        if _ORIGINAL.match(line.strip()):
            end = index
            break
    else:
        while end and (lines[end - 1].startswith(">") or not lines[end - 1].strip()):
            end -= 1
        if not any(line.startswith(">") for line in lines[end:]):
            return text
        end = _before_attribution(lines, end)
    kept = "\n".join(lines[:end]).rstrip()
    return text if is_blank(kept) else kept


def _before_attribution(lines: list[str], end: int) -> int:
    """Where the "On … wrote:" above a quote begins; it may run over two lines."""
    for count in (1, 2):
        if end >= count and _ATTRIBUTION.match("\n".join(lines[end - count : end]).strip()):
            return end - count
    return end
