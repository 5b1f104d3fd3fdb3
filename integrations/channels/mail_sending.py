"""Writes a mail and hands it to the relay (RFC 5321), telling apart what was taken, what was not and what is doubtful.

Until the final dot has left, the relay must not deliver (RFC 5321, 4.1.1.4): whatever breaks before it, nothing was
sent. Between the dot and the relay's word nobody knows.
"""

import binascii
import hashlib
import re
import smtplib
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from email.header import Header
from email.utils import format_datetime

import idna

from db.words import DeliveryKind
from integrations.channels.base import ChannelError, LockedOut, Never, Outgoing, TryAgain, Unknown
from integrations.http import user_agent
from integrations.intake.text import clean_line, shown

MAX_SUBJECT = 180
MAX_ADDRESS = 254
"""RFC 5321, 4.5.3.1.3, without the angle brackets."""
DELIVERY_FIELD = "X-Tanggap-Delivery"

_BY_PEOPLE = frozenset({DeliveryKind.REPLY, DeliveryKind.STATEMENT})
"""What people approved one by one; the rest leaves by itself and says so (RFC 3834)."""
_LOCAL = re.compile(r"[\w!#$%&'*+/=?^`{|}~-]+(?:\.[\w!#$%&'*+/=?^`{|}~-]+)*")
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.IGNORECASE)
_NOWHERE = frozenset({"localhost", "invalid", "local", "localdomain", "internal", "onion"})
"""Ends of domains to which no mail goes (RFC 2606, 6762, 7686)."""
_MESSAGE_ID = re.compile(r"<[!-;=?-~]{3,500}>")
_ANSWERS = re.compile(r"^(?:\s*(?:re|fw|fwd|aw|wg|sv|vs|antw|bls|balas|tr|rv)(?:\[\d+\])?\s*:)+\s*", re.IGNORECASE)
_ENHANCED = re.compile(r"[45]\.(\d{1,3})\.(\d{1,3})\b")
_NO_RELAY = re.compile(
    r"\brelay(?:ing)?\b.{0,40}\b(?:denied|prohibited|not (?:permitted|allowed))"
    r"|\b(?:unable|not (?:permitted|allowed)) to relay|\brcpthosts\b",
    re.IGNORECASE,
)
_SENT_ENOUGH = re.compile(
    r"\b(?:sending|submission|outbound|daily|hourly)\b[^.]{0,40}\b(?:limit|quota)\b|\blimit on (?:sending|messages)",
    re.IGNORECASE,
)
_SENT_ENOUGH_CODES = frozenset({"5.4.5", "5.1.90"})
"""As Gmail and Microsoft 365 say that an account has sent enough for a day."""
ENOUGH_FOR = 3600.0
"""Seconds until a relay is asked again that has taken enough of us for a day, or an hour."""
_TURNING = re.compile("[\u202a-\u202e\u2066-\u2069]")
"""Signs that turn the direction of all that follows them (Unicode UAX 9): our reference stands behind their words."""
_DOT = re.compile(rb"^\.", re.MULTILINE)


@dataclass(frozen=True)
class Address:
    """An address that can be written to, its domain in letters that every server knows."""

    local: str
    domain: str

    def __str__(self) -> str:
        return f"{self.local}@{self.domain}"

    @property
    def needs_utf8(self) -> bool:
        """Whether only servers with SMTPUTF8 (RFC 6531) can carry it."""
        return not self.local.isascii()


def address_of(written: str | None) -> Address | None:
    """The address, None where no mail can go there. Nothing but a plain address is one: no name, no list, no break."""
    local, at, domain = (written or "").strip().rpartition("@")
    if not at or len(local.encode()) > 64 or not local.isprintable() or not _LOCAL.fullmatch(local):
        return None
    try:
        host = idna.encode(domain.rstrip("."), uts46=True).decode("ascii")
    except (idna.IDNAError, UnicodeError):
        host = domain.lower()  # such as an underscore in a domain of old, which idna refuses
    labels = host.split(".")
    if len(labels) < 2 or labels[-1] in _NOWHERE or labels[-1].isdigit():
        return None
    if not all(_LABEL.fullmatch(label) for label in labels) or len(local.encode()) + len(host) + 1 > MAX_ADDRESS:
        return None
    return Address(local, host)


def own_message_id(out: Outgoing, domain: str) -> str:
    """The Message-ID under which this text stands, the same on every try.

    It is made of the delivery's key, whom it is for and its words: nobody who has not read the mail can name it.
    """
    return f"<tanggap-{_digest(out)}@{domain}>"


def own_id_in(domain: str) -> re.Pattern[str]:
    """What `own_message_id` makes."""
    return re.compile(rf"<tanggap-[0-9a-f]{{40}}@{re.escape(domain)}>")


def own_id_of(delivery: str, domain: str) -> str:
    """The Message-ID of the mail whose `DELIVERY_FIELD` says this, whatever a relay made of the Message-ID itself."""
    return f"<tanggap-{delivery.strip()}@{domain}>"


def _digest(out: Outgoing) -> str:
    made_of = "\0".join((out.key, out.target.email or out.target.author_id or "", out.text))
    return hashlib.sha256(made_of.encode()).hexdigest()[:40]


def subject_for(out: Outgoing) -> str:
    """`Re: ` and theirs, with our reference: it leads an answer home where a mailer drops the thread."""
    theirs = _ANSWERS.sub("", _TURNING.sub("", clean_line(out.subject or ""))).strip()
    reference = f"[{out.reference}]"
    if not theirs:
        return reference
    if len(theirs) > MAX_SUBJECT:
        theirs = theirs[:MAX_SUBJECT].rstrip() + "…"
    return f"Re: {theirs}" if out.reference in theirs else f"Re: {theirs} {reference}"


def compose(out: Outgoing, *, to: Address, sender: Address, name: str, at: datetime) -> bytes:
    """The mail as it goes over the line, each line ended by CR LF. Plain text: nothing that is fetched, or hides."""
    fields = [
        ("Date", format_datetime(at)),
        ("From", f"{_phrase(name)} <{sender}>" if name else str(sender)),
        ("To", str(to)),
        ("Subject", _encoded("Subject", subject_for(out))),
        ("Message-ID", own_message_id(out, sender.domain)),
    ]
    answered = _identifier(out.target.external_id)
    if answered:
        root = _identifier(out.target.thread)
        chain = [root, answered] if root and root != answered else [answered]
        fields += [("In-Reply-To", answered), ("References", "\r\n ".join(chain))]
    if out.kind not in _BY_PEOPLE:
        fields.append(("Auto-Submitted", "auto-replied"))
    fields += [
        # Exchange then keeps its absence notes to itself; `All` would have it keep delivery reports as well.
        ("X-Auto-Response-Suppress", "OOF, AutoReply"),
        (DELIVERY_FIELD, _digest(out)),
        ("User-Agent", user_agent()),
        ("MIME-Version", "1.0"),
        ("Content-Type", "text/plain; charset=utf-8"),
        ("Content-Transfer-Encoding", "quoted-printable"),
    ]
    head = "".join(f"{field}: {_unbroken(value)}\r\n" for field, value in fields)
    return head.encode("utf-8") + b"\r\n" + _quoted_printable(out.text)


def _identifier(written: str | None) -> str | None:
    """A Message-ID as others can write it in a header; ours for a mail that has none (a hash) is no such."""
    return written if written and _MESSAGE_ID.fullmatch(written) else None


def _phrase(name: str) -> str:
    name = clean_line(name)
    if not name.isascii():
        return _encoded("From", name)
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _encoded(field: str, value: str) -> str:
    value = clean_line(value)
    charset = "us-ascii" if value.isascii() and "=?" not in value else "utf-8"
    return Header(value, charset, maxlinelen=76, header_name=field).encode(linesep="\r\n")


def _unbroken(value: str) -> str:
    """A field's value whose lines, if it has several, are folded: none can begin a field of its own."""
    lines = value.split("\r\n")
    return "\r\n ".join(clean_line(line) for line in lines)


def _quoted_printable(text: str) -> bytes:
    plain = text.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n") + "\n"
    encoded = binascii.b2a_qp(plain.encode("utf-8", "replace"), quotetabs=False, istext=True, header=False)
    return encoded.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


@dataclass(frozen=True)
class Relay:
    """The server that takes our mail, and how it is spoken to. `secured`: `tls`, `starttls` or `none`."""

    host: str
    port: int
    secured: str
    context: ssl.SSLContext | None
    login: tuple[str, str] | None
    seconds: float
    """Silence until we give up."""
    taken_within: float
    """Seconds that it has to confirm a whole mail."""


@contextmanager
def connected(relay: Relay) -> Iterator[smtplib.SMTP]:
    """A connection on which we are known. Raises TryAgain or LockedOut: nothing was sent."""
    here = _own_name()
    smtp: smtplib.SMTP | None = None
    try:
        with _nothing_sent(relay):
            if relay.secured == "tls":
                smtp = smtplib.SMTP_SSL(
                    relay.host, relay.port, local_hostname=here, timeout=relay.seconds, context=relay.context
                )
            else:
                smtp = smtplib.SMTP(relay.host, relay.port, local_hostname=here, timeout=relay.seconds)
            smtp.ehlo_or_helo_if_needed()
            if relay.secured == "starttls":
                smtp.starttls(context=relay.context)
                smtp.ehlo()
            if relay.login is not None:
                smtp.login(*relay.login)
        yield smtp
    finally:
        if smtp is not None:
            _leave(smtp)


def hand_over(smtp: smtplib.SMTP, relay: Relay, mail: bytes, *, sender: Address, to: Address) -> None:
    """Have the relay take the mail. Raises TryAgain, LockedOut, Never or Unknown, and returns only once it has."""
    with _nothing_sent(relay):
        _announce(smtp, relay, mail, sender, to)
        code, said = smtp.docmd("DATA")
        if code != 354:
            raise _refusal(relay, code, said, "the mail")
        smtp.send(_DOT.sub(b"..", mail))
    if smtp.sock is not None:
        smtp.sock.settimeout(relay.taken_within)
    try:
        smtp.send(b".\r\n")
        code, said = smtp.getreply()
    except (OSError, smtplib.SMTPException) as error:
        raise Unknown(
            f"{relay.host} had the whole mail when the connection broke: look in its log, or ask the customer, whether"
            " the mail was sent"
        ) from error
    if 200 <= code < 300:
        return
    if not 400 <= code < 600:
        raise Unknown(f"{relay.host} had the whole mail, but its answer cannot be understood: look in its log")
    raise _refusal(relay, code, said, "the mail")


def may_send(smtp: smtplib.SMTP, relay: Relay, sender: Address) -> None:
    """Ask whether the relay takes mail from this address; nothing is sent. Raises TryAgain or LockedOut."""
    with _nothing_sent(relay):
        code, said = smtp.mail(str(sender), ["SMTPUTF8"] if sender.needs_utf8 else [])
        smtp.rset()
    if not 200 <= code < 300:
        raise _sender_refused(relay, code, said)


def _announce(smtp: smtplib.SMTP, relay: Relay, mail: bytes, sender: Address, to: Address) -> None:
    options = [f"SIZE={len(mail)}"] if smtp.has_extn("size") else []
    if to.needs_utf8 or sender.needs_utf8:
        if not smtp.has_extn("smtputf8"):
            raise Never(f"{relay.host} cannot carry addresses with letters like this one's (SMTPUTF8)", "not_allowed")
        smtp.command_encoding = "utf-8"
        options.append("SMTPUTF8")
    code, said = smtp.mail(str(sender), options)
    if not 200 <= code < 300:
        raise _sender_refused(relay, code, said)
    code, said = smtp.rcpt(str(to))
    if not 200 <= code < 300:
        raise _refusal(relay, code, said, _RECIPIENT)


def _sender_refused(relay: Relay, code: int, said: bytes) -> ChannelError:
    """What is refused here concerns our account, not one customer: all mail waits for a person, but for one's size."""
    if code == 552:
        return Never(f"{relay.host} answered {code}: the mail is too large for it", "too_long")
    if _is_enough(said):
        return _sent_enough(relay, code)
    if 400 <= code < 500 or not 500 <= code < 600:
        return TryAgain(f"{relay.host} answered {code}: it does not take mail from us now")
    return LockedOut(f"{relay.host} answered {code}{_reason(said)}: it does not take our address as a sender")


_RECIPIENT = "the customer's address"


def _refusal(relay: Relay, code: int, said: bytes, what: str) -> ChannelError:
    answered = f"{relay.host} answered {code}{_reason(said)}"
    found = _ENHANCED.search(said.decode("utf-8", "replace"))
    subject = found.group(1) if found else ""
    if code == 530:
        return LockedOut(f"{answered}: it wants us to log in; check the account with `tanggap doctor`")
    if _is_enough(said):
        return _sent_enough(relay, code)
    if not 500 <= code < 600:
        # 421 and what the relay lacks itself (RFC 3463: X.3) hold for all mails; greylists and full mailboxes for one.
        of_one = subject != "3" if what == _RECIPIENT else subject in ("1", "2", "7")
        return TryAgain(f"{answered}: it does not take {what} now", alone=of_one and code != 421)
    if what == _RECIPIENT and (_NO_RELAY.search(said.decode("utf-8", "replace")) or _reason(said) == " (5.7.54)"):
        return LockedOut(
            f"{answered}: it passes no mail of ours on; it must know us by our login (`smtp_login`), or by where we are"
        )
    if found and found.group() in ("5.1.7", "5.1.8"):
        return _sender_refused(relay, code, said)
    if code == 552 and what == "the mail":
        return Never(f"{answered}: the mail is too large for it", "too_long")
    if code == 552 or (found and found.group() == "5.2.2"):
        return Never(f"{answered}: the customer's mailbox is full")
    if subject == "7":
        return Never(f"{answered}: the customer's mail server refuses mail from us", "blocked")
    if what == "the mail":
        return Never(f"{answered}: it refuses the mail")
    return Never(f"{answered}: there is no such mailbox", "gone")


def _is_enough(said: bytes) -> bool:
    """Whether a refusal is about how much we sent, not about this mail."""
    words = said.decode("utf-8", "replace")
    found = _ENHANCED.search(words)
    if found is not None and found.group() in _SENT_ENOUGH_CODES:
        return True
    return _SENT_ENOUGH.search(words) is not None and "receiv" not in words.lower()


def _sent_enough(relay: Relay, code: int) -> TryAgain:
    return TryAgain(
        f"{relay.host} answered {code}: we have sent as much as it takes of us for now; ask its owner for more, or"
        " lower the limit in publishing.yaml",
        ENOUGH_FOR,
    )


def _reason(said: bytes) -> str:
    """The status code of RFC 3463, if any: the rest of what servers say holds addresses."""
    found = _ENHANCED.search(said.decode("utf-8", "replace"))
    return f" ({found.group()})" if found else ""


@contextmanager
def _nothing_sent(relay: Relay) -> Iterator[None]:
    """Whatever breaks in here, the relay has no whole mail of ours."""
    at = f"{relay.host}:{relay.port}"
    try:
        yield
    except smtplib.SMTPAuthenticationError as error:
        if 400 <= error.smtp_code < 500:
            raise TryAgain(f"{relay.host} answered {error.smtp_code}: it cannot log us in now") from error
        raise LockedOut(
            f"{relay.host} answered {error.smtp_code}: it does not take our name and password; check them with"
            " `tanggap doctor`"
        ) from error
    except smtplib.SMTPNotSupportedError as error:
        raise LockedOut(f"{at} does not offer what the settings ask for: {shown(str(error), 120)}") from error
    except UnicodeEncodeError as error:
        raise LockedOut(f"{relay.host} takes only names and passwords in plain letters (ASCII)") from error
    except smtplib.SMTPResponseException as error:
        raise TryAgain(f"{relay.host} answered {error.smtp_code}: nothing was sent") from error
    except smtplib.SMTPServerDisconnected as error:
        raise TryAgain(f"{relay.host} broke off: nothing was sent") from error
    except smtplib.SMTPException as error:
        raise LockedOut(f"{relay.host} offers no way to log in that we know") from error
    except OSError as error:
        raise TryAgain(f"{trouble(error, at)}: nothing was sent") from error


def trouble(error: OSError, at: str) -> str:
    """What an error of the line or of TLS means, for a person."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"{at} shows a certificate that is not trusted ({error.verify_message})"
    if isinstance(error, ssl.SSLError):
        return f"there is no TLS with {at} ({error.reason or 'it broke off'}): check its port and `security`"
    if isinstance(error, socket.gaierror):
        return f"{at} cannot be found"
    if isinstance(error, TimeoutError):
        return f"{at} does not answer in time"
    return f"{at} cannot be reached, or broke off"


def _leave(smtp: smtplib.SMTP) -> None:
    with suppress(OSError, smtplib.SMTPException, ValueError):
        if smtp.sock is not None:
            smtp.sock.settimeout(2)
            smtp.quit()
    with suppress(OSError):
        smtp.close()


def _own_name() -> str:
    """How we greet; a machine without a full name greets by its address (RFC 5321, 4.1.3)."""
    name = socket.gethostname()
    return name if "." in name and name.isascii() else "[127.0.0.1]"
