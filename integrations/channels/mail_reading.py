"""Reads one mailbox over IMAP (RFC 3501), without leaving a trace in it: nothing is marked as read, nothing deleted."""

import imaplib
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from email import message_from_bytes
from email.utils import parsedate_to_datetime

from imap_tools import AND, OR, BaseMailBox, H, MailBox, MailBoxStartTls, MailBoxUnencrypted
from imap_tools.errors import ImapToolsError, MailboxFolderSelectError, UnexpectedCommandStatusError
from imap_tools.idle import get_socket_poller

from integrations.channels.base import LockedOut, TryAgain
from integrations.channels.mail_sending import trouble
from integrations.channels.mail_structure import (
    StructureError,
    Value,
    answers_in,
    rebuilt,
    structure_of,
    wanted_of,
)

WHOLE = 4 * 1024 * 1024
"""Bytes up to which a mail is fetched as it is; of a larger one only what is read."""
MAX_HEADER = 256 * 1024
AT_ONCE = 50
"""Mails that are asked for in one go."""

_PASSING = ("UNAVAILABLE", "INUSE", "LIMIT", "SERVERBUG", "TRYAGAIN")
"""Response codes (RFC 5530) with which a login is refused for now, whoever asks."""


@dataclass(frozen=True)
class Server:
    """Where the mailbox lies and how its server is spoken to. `secured`: `tls`, `starttls` or `none`."""

    host: str
    port: int
    secured: str
    context: ssl.SSLContext | None
    user: str
    password: str
    seconds: float
    """Silence until we give up."""


@dataclass(frozen=True)
class Size:
    """What is known of a mail before it is fetched."""

    uid: int
    octets: int
    received: datetime | None


@dataclass(frozen=True)
class Fetched:
    """A mail, or what could be had of it; `wrong` says why it is not taken."""

    uid: int
    raw: bytes
    wrong: str | None = None
    left_behind: bool = False
    """Whether its attachments stayed in the mailbox."""


class NoFolder(TryAgain):
    """The settings name a folder that the mailbox does not have."""


@contextmanager
def said_plainly(server: Server) -> Iterator[None]:
    """Errors of the line and of the protocol as TryAgain: nothing was read that is not read again."""
    try:
        yield
    except imaplib.IMAP4.abort as error:
        raise TryAgain(f"{server.host} broke off, or does not speak IMAP there") from error
    except (imaplib.IMAP4.error, ImapToolsError) as error:
        raise TryAgain(f"{server.host} refused a question ({_reason(error)}): it is asked again") from error
    except StructureError as error:
        raise TryAgain(f"{server.host} cannot be understood: {error}") from error
    except OSError as error:
        raise TryAgain(trouble(error, f"{server.host}:{server.port}")) from error
    except (ValueError, IndexError, KeyError, TypeError) as error:
        # What imaplib and imap-tools meet in an answer that is no IMAP.
        raise TryAgain(f"{server.host} answered something that cannot be read") from error


class Mailbox:
    """A connection to the mailbox, logged in."""

    def __init__(self, server: Server) -> None:
        """Raises TryAgain, or LockedOut where the name and password are not taken."""
        self.server = server
        self._shown = False
        with said_plainly(server):
            self._box = _connected(server)
            try:
                self._log_in()
            except BaseException:
                self.drop()
                raise

    @property
    def can_idle(self) -> bool:
        """Whether the server tells by itself that something has come (RFC 2177)."""
        return "IDLE" in self._box.client.capabilities

    @property
    def can_move(self) -> bool:
        """Whether the server can move a mail without copying and deleting it (RFC 6851)."""
        return "MOVE" in self._box.client.capabilities

    def alive(self) -> bool:
        """Whether the connection still holds."""
        try:
            return bool(self._box.client.noop()[0] == "OK")
        except (imaplib.IMAP4.error, OSError, ValueError):
            return False

    def open(self, folder: str, *, to_change: bool = False) -> tuple[int, int]:
        """Open a folder, for reading alone unless mails are moved out of it. Its UIDVALIDITY and the next UID.

        Raises NoFolder.
        """
        with said_plainly(self.server):
            told = self._box.client.untagged_responses
            told.pop("UIDVALIDITY", None)
            told.pop("UIDNEXT", None)
            try:
                self._box.folder.set(folder, readonly=not to_change)
            except MailboxFolderSelectError as error:
                raise NoFolder(f"the mailbox at {self.server.host} has no folder `{folder}`") from error
            validity, upcoming = self._told("UIDVALIDITY"), self._told("UIDNEXT")
            if validity is None:
                raise TryAgain(f"{self.server.host} does not say which mails are meant (UIDVALIDITY)")
        # Not every server tells the next UID; the newest mail's does as well.
        return validity, upcoming or max(self.uids_after(0), default=0) + 1

    def uids_after(self, uid: int) -> list[int]:
        """What came after that one, in the order in which it came."""
        found = self._uids(str(AND(uid=f"{uid + 1}:*")))
        # `n:*` is never empty: it has the last mail at least.
        return [one for one in found if one > uid]

    def uids_since(self, day: date) -> list[int]:
        """What the server received on that day or later."""
        return self._uids(str(AND(date_gte=day)))

    def sizes(self, uids: Sequence[int]) -> list[Size]:
        """How large these are and when the server received them; those that are gone are left out."""
        found = {}
        for answer in self._answers(uids, "(UID RFC822.SIZE INTERNALDATE)"):
            uid, octets = _number(answer.get("UID")), _number(answer.get("RFC822.SIZE"))
            if uid is not None:
                found[uid] = Size(uid, octets or 0, _moment(answer.get("INTERNALDATE")))
        return [found[uid] for uid in uids if uid in found]

    def mails(self, sizes: Sequence[Size]) -> Iterator[Fetched]:
        """These mails, in their order; those that somebody took away meanwhile are left out."""
        held: list[Size] = []
        for size in sizes:
            large = size.octets > WHOLE
            if held and (large or len(held) == AT_ONCE or sum(one.octets for one in held) + size.octets > WHOLE):
                yield from self._whole(held)
                held = []
            if large:
                yield from self._without_attachments(size)
            else:
                held.append(size)
        if held:
            yield from self._whole(held)

    def move(self, uids: Sequence[int], folder: str) -> None:
        """Move mails that are stored. Nothing is done where the server could only copy and delete."""
        if uids and self.can_move:
            with said_plainly(self.server):
                self._box.move([str(uid) for uid in uids], folder)

    def find(self, fields: Sequence[tuple[str, str]]) -> str | None:
        """The Message-ID of the mail in the open folder that has one of these header fields, None where none has."""
        criteria = str(OR(*(AND(header=H(name, value)) for name, value in fields)))
        uids = self._uids(criteria)
        if not uids:
            return None
        answer = self._one(uids[-1], f"(UID BODY.PEEK[HEADER]<0.{MAX_HEADER}>)") or {}
        return str(message_from_bytes(_header_in(answer)).get("Message-ID", "")).strip()

    def append(self, mail: bytes, folder: str, at: datetime) -> None:
        """Lay a mail of ours into a folder, marked as read."""
        with said_plainly(self.server):
            self._box.append(mail, folder, dt=at, flag_set=["\\Seen"])

    def idle(self) -> None:
        """Have the server tell when something comes."""
        with said_plainly(self.server):
            self._box.idle.start()  # type: ignore[no-untyped-call]

    def told(self, seconds: float) -> bool:
        """Whether the server says within so many seconds that something has come, or changed."""
        with said_plainly(self.server):
            if not get_socket_poller(self._box.client.sock, seconds):  # type: ignore[arg-type]
                return False
            # imap-tools' own way of looking takes half a line for a broken connection: a whole one is waited for.
            line = self._box.client._get_line()
            if line.startswith(b"* BYE"):
                raise TryAgain(f"{self.server.host} ended the connection")
            return not line.startswith(b"* OK")

    def end_idle(self) -> None:
        """Speak again ourselves."""
        with said_plainly(self.server):
            self._box.idle.stop()  # type: ignore[no-untyped-call]

    def leave(self) -> None:
        """Log out."""
        with suppress(imaplib.IMAP4.error, ImapToolsError, OSError, ValueError):
            self._box.client.sock.settimeout(2)
            self._box.logout()
        self.drop()

    def drop(self) -> None:
        """Hang up."""
        with suppress(OSError, AttributeError):
            self._box.client.shutdown()

    def _log_in(self) -> None:
        server = self.server
        plain = server.user.isascii() and server.password.isascii()
        log_in = self._box.login if plain else self._box.login_utf8
        try:
            log_in(server.user, server.password, initial_folder=None)
        except imaplib.IMAP4.abort:
            raise
        except (imaplib.IMAP4.error, ImapToolsError) as error:
            said = _said_by(error).upper()
            if any(f"[{code}]" in said for code in _PASSING):
                raise TryAgain(f"{server.host} cannot log us in now ({_reason(error)})") from error
            raise LockedOut(
                f"{server.host} does not take the name and password of the mailbox; check them with `tanggap doctor`"
            ) from error
        # What a server can is often told in full only to whom it knows.
        self._box.client._get_capabilities()

    def _told(self, name: str) -> int | None:
        values = self._box.client.untagged_responses.get(name)
        return _number(values[-1]) if values else None

    def _uids(self, criteria: str) -> list[int]:
        with said_plainly(self.server):
            return sorted(int(uid) for uid in self._box.uids(criteria, charset=None))

    def _answers(self, uids: Sequence[int], items: str) -> list[dict[str, Value]]:
        if not uids:
            return []
        with said_plainly(self.server):
            try:
                kind, data = self._box.client.uid("FETCH", ",".join(map(str, uids)), items)
                if kind != "OK":
                    raise _Refused(f"{self.server.host} refused a question ({_code(_text(data))})")
                return list(answers_in(data or ()))
            except imaplib.IMAP4.abort:
                raise
            except imaplib.IMAP4.error as error:
                raise _Refused(f"{self.server.host} refused a question ({_reason(error)})") from error
            except StructureError as error:
                raise _Refused(f"{self.server.host} cannot be understood: {error}") from error

    def _whole(self, sizes: Sequence[Size]) -> Iterator[Fetched]:
        wanted = [size.uid for size in sizes]
        refused: dict[int, _Refused] = {}
        try:
            found = self._bodies(wanted)
        except _Refused:
            # One mail that its server cannot show must not hide the others.
            found = {}
            for uid in wanted:
                try:
                    found |= self._bodies([uid])
                except _Refused as error:
                    refused[uid] = error
        self._shown = self._shown or bool(found)
        if refused and not self._shown:
            raise next(iter(refused.values()))  # it is not this mail or that one: the server shows none
        for uid in wanted:
            if uid in found:
                yield Fetched(uid, found[uid])
            elif uid in refused or self.sizes([uid]):
                why = refused.get(uid, "it sends nothing")
                yield Fetched(uid, b"", f"the mail server cannot show this mail: {why}; look at it in the mailbox")

    def _bodies(self, uids: Sequence[int]) -> dict[int, bytes]:
        found = {}
        for answer in self._answers(uids, "(UID BODY.PEEK[])"):
            uid, body = _number(answer.get("UID")), answer.get("BODY[]")
            if uid is not None and isinstance(body, bytes):
                found[uid] = body
        return found

    def _without_attachments(self, size: Size) -> Iterator[Fetched]:
        first = self._one(size.uid, f"(UID BODYSTRUCTURE BODY.PEEK[HEADER]<0.{MAX_HEADER}>)")
        if first is None:
            return
        header = _header_in(first)
        try:
            if not header or len(header) >= MAX_HEADER:
                raise StructureError(f"its header has more than {MAX_HEADER:,} bytes, or none at all")
            whole = structure_of(first.get("BODYSTRUCTURE"))
            sections = wanted_of(whole)
            asked = " ".join(f"BODY.PEEK[{section}]" for section in sections)
            answer = (self._one(size.uid, f"(UID {asked})") or {}) if sections else {}
        except (StructureError, _Refused) as error:
            wrong = f"the mail has {size.octets:,} bytes and cannot be taken without its attachments: {error}"
            yield Fetched(size.uid, header, f"{wrong}; look at it in the mailbox")
            return
        had = {
            name[5:-1]: value for name, value in answer.items() if name.startswith("BODY[") and isinstance(value, bytes)
        }
        yield Fetched(size.uid, rebuilt(header, whole, had), left_behind=True)

    def _one(self, uid: int, items: str) -> dict[str, Value] | None:
        return next((answer for answer in self._answers([uid], items) if _number(answer.get("UID")) == uid), None)


class _Refused(TryAgain):
    """The server answered NO or BAD to a question about one or some mails."""


def _connected(server: Server) -> BaseMailBox:
    if server.secured == "tls":
        return MailBox(server.host, server.port, timeout=server.seconds, ssl_context=server.context)
    if server.secured == "starttls":
        return MailBoxStartTls(server.host, server.port, timeout=server.seconds, ssl_context=server.context)
    return MailBoxUnencrypted(server.host, server.port, timeout=server.seconds)


def _header_in(answer: dict[str, Value]) -> bytes:
    found = (value for name, value in answer.items() if name.startswith("BODY[HEADER]"))
    return next((value for value in found if isinstance(value, bytes)), b"")


def _number(value: object) -> int | None:
    return int(value) if isinstance(value, bytes) and value.isdigit() and len(value) < 20 else None


def _moment(value: Value) -> datetime | None:
    """An INTERNALDATE such as `22-Nov-2026 12:57:00 +0700`."""
    if not isinstance(value, bytes):
        return None
    try:
        moment = parsedate_to_datetime(value.decode("ascii", "replace").strip().replace("-", " ", 2))
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return moment.astimezone(UTC) if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _said_by(error: Exception) -> str:
    if isinstance(error, UnexpectedCommandStatusError):
        return _text(error.command_result[1])
    return _text(error.args)


def _text(data: object) -> str:
    pieces = data if isinstance(data, list | tuple) else [data]
    return " ".join(one.decode("utf-8", "replace") if isinstance(one, bytes) else str(one) for one in pieces)


def _reason(error: Exception) -> str:
    """The response code, if any: the rest of what servers say may hold names."""
    return _code(_said_by(error))


def _code(said: str) -> str:
    start, end = said.find("["), said.find("]")
    return said[start + 1 : end] if 0 <= start < end <= start + 40 else "it gave no code"
