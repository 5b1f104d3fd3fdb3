"""Finds, in what mail servers write back, which of our mails did not arrive (RFC 3464, and the plain reports of old).

Only a report that names a Message-ID of ours is believed. Such an identifier cannot be guessed: it is made of the
text as well (`mail_sending.own_message_id`), so that nobody but its reader can say of a mail that it did not arrive.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email import message_from_bytes
from email.message import Message
from email.utils import getaddresses

from integrations.channels.mail_sending import DELIVERY_FIELD, own_id_of
from integrations.intake.mail import message_of
from integrations.intake.text import clean_line, shown

_ID = re.compile(r"<[^<>\s]{3,512}>")
_ADDRESS = re.compile(r"<?[^\s<>@:;,\"()]+@[^\s<>@:;,\"()]+>?")
_CODE = re.compile(r"\b[45]\d\d[ -](?:#?[45]\.\d{1,3}\.\d{1,3}\b)?.*")
_STATUS = re.compile(r"\b([245])\.\d{1,3}\.\d{1,3}\b")
_SENDERS = frozenset({"mailer-daemon", "mail-daemon", "mdaemon"})
"""Names that no person writes under."""
_STILL_TRYING = re.compile(
    r"\b(?:delayed|still being (?:tried|retried)|will (?:continue|keep) (?:to )?try|not yet been delivered"
    r"|no action is required|warning message only)",
    re.IGNORECASE,
)
_HEAD = 20_000
"""Characters of a plain report that are looked at for what it says."""


@dataclass(frozen=True)
class Report:
    """What a mail server says of one of our mails."""

    message_id: str
    arrived: bool
    why: str
    address: str | None
    for_good: bool


def report_in(raw: bytes, own_id: Callable[[str], bool], domain: str) -> Report | None:
    """What the mail reports of one of ours; None where it is no report, or of no mail of ours. Raises nothing.

    `domain`: what our Message-IDs end with.
    """
    try:
        message = message_of(raw)
        if not _is_report(message):
            return None
        ours = next(filter(own_id, _identifiers(message, domain, answered=_is_surely_a_report(message))), None)
        if ours is None:
            return None
        blocks = list(_blocks(message))
        return _told(ours, blocks) if blocks else _plainly_told(ours, message)
    # The standard library's mail parser meets malformed mails with whatever exception comes up.
    except Exception:
        return None


def _is_report(message: Message) -> bool:
    if message.get_content_type() == "multipart/report":
        return str(message.get_param("report-type", "delivery-status")).lower() == "delivery-status"
    if _is_surely_a_report(message) or str(message.get("Return-Path", "")).replace(" ", "") == "<>":
        return True
    return "postmaster" in _senders(message)


def _is_surely_a_report(message: Message) -> bool:
    """Whether nobody but a mail server writes so.

    Absence notes have no return path either (RFC 3834, 3.3), and a postmaster is also a person who answers.
    """
    if any(part.get_content_type() == "message/delivery-status" for part in message.walk()):
        return True
    is_of_reports = message.get_content_type() == "multipart/report"
    return is_of_reports or bool(message.get("X-Failed-Recipients")) or not _SENDERS.isdisjoint(_senders(message))


def _senders(message: Message) -> set[str]:
    found = getaddresses([str(message.get("From", ""))])
    return {address.partition("@")[0].lower() for _, address in found}


def _identifiers(message: Message, domain: str, *, answered: bool) -> Iterator[str]:
    """Message-IDs that the report may be about, the surest first: of the mail returned, then whatever it names.

    `answered`: the mail that it answers among them; whoever has an automatic answer of theirs sent names it as well.
    """
    for part in message.walk():
        kind = part.get_content_type()
        if kind in {"text/rfc822-headers", "message/global-headers"}:
            returned = message_from_bytes(_content(part))
        elif part is not message:
            returned = part
        else:
            continue
        yield from _ID.findall(str(returned.get("Message-ID", "")))
        # Relays that write a Message-ID of their own (Amazon SES) leave our field alone.
        if returned.get(DELIVERY_FIELD):
            yield own_id_of(str(returned[DELIVERY_FIELD]), domain)
    given = ("X-Original-Message-ID", "Original-Message-ID")
    for name in ("In-Reply-To", *given, "References") if answered else given:
        yield from reversed(_ID.findall(" ".join(map(str, message.get_all(name, [])))))
    for part in message.walk():
        if part.get_content_maintype() == "text":
            text = _content(part).decode("utf-8", "replace")
            named = re.findall(r"^Message-ID:\s*(<[^<>\s]+>)", text, re.IGNORECASE | re.MULTILINE)
            yield from named
            yield from _ID.findall(text)


def _content(part: Message) -> bytes:
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""


def _blocks(message: Message) -> Iterator[Message]:
    """What is reported of each recipient (RFC 3464, 2.3)."""
    for part in message.walk():
        if part.get_content_type() in {"message/delivery-status", "message/global-delivery-status"}:
            inner = part.get_payload()
            if not isinstance(inner, list):
                inner = [message_from_bytes(block) for block in re.split(rb"\r?\n\r?\n", _content(part))]
            for block in inner:
                if isinstance(block, Message) and (block.get("Action") or block.get("Status")):
                    yield block


def _told(ours: str, blocks: list[Message]) -> Report:
    grave = {"failed": 0, "delayed": 1}
    block = min(blocks, key=lambda one: grave.get(_action(one), 2))
    action = _action(block)
    status = _STATUS.search(str(block.get("Status", "")))
    if not action and status:
        action = {"5": "failed", "4": "delayed", "2": "delivered"}[status.group(1)]
    said = str(block.get("Diagnostic-Code", "")).partition(";")[2].strip()
    address = str(block.get("Original-Recipient") or block.get("Final-Recipient") or "").rpartition(";")[2]
    code = status.group() if status else ""
    reason = " ".join(part for part in (code if code not in said else "", said) if part)
    return Report(
        ours,
        arrived=action in {"delivered", "relayed", "expanded"},
        why=_sentence(reason, action != "delayed"),
        address=clean_line(address).strip("<>").lower() or None,
        for_good=action != "delayed",
    )


def _action(block: Message) -> str:
    return str(block.get("Action", "")).split("(")[0].strip().lower()


def _plainly_told(ours: str, message: Message) -> Report:
    """A report in words alone, as qmail and Exim wrote them."""
    texts = [
        _content(part).decode("utf-8", "replace") for part in message.walk() if part.get_content_maintype() == "text"
    ]
    text = "\n".join(texts)[:_HEAD]
    code = _CODE.search(text)
    subject = str(message.get("Subject", ""))
    for_good = not _STILL_TRYING.search(f"{subject}\n{text}")
    failed = str(message.get("X-Failed-Recipients", "")).partition(",")[0]
    named = failed or next(iter(re.findall(r"^\s*<([^<>\s]+@[^<>\s]+)>:\s*$", text, re.MULTILINE)), "")
    return Report(
        ours,
        arrived=False,
        why=_sentence(code.group() if code else "", for_good),
        address=clean_line(named).lower() or None,
        for_good=for_good,
    )


def _sentence(reason: str, for_good: bool) -> str:
    """For a person, without the customer's address: it stands beside."""
    said = "the mail could not be delivered" if for_good else "the mail is delayed; its server tries on"
    reason = _ADDRESS.sub("…", clean_line(reason))
    return f"{said}: {shown(reason, 200)}" if reason else said
