"""A mailbox of ours: complaints come in by IMAP, answers go out through a mail relay (SMTP) in the same thread.

Nothing in the mailbox is marked as read or deleted; mails that are stored are moved only where the settings name a
folder for them. The cursor is the folder's UIDVALIDITY and the last UID (RFC 3501, 2.3.1.1).

Certainty: `neither`, since a relay may have taken a mail although the line broke before it said so, and SMTP has no
way to ask. A copy that we lay into *Sent* ourselves proves nothing there: it is laid only after the relay's word.
Where the relay itself files what it takes (Gmail, Microsoft 365: `sent_by: relay`), that folder tells: `read_back`.
"""

import json
import logging
import ssl
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, field_validator, model_validator

from db.words import Visibility
from integrations.channels.base import (
    NO_PRIVATE_WAY,
    Certainty,
    ChannelError,
    Checked,
    LockedOut,
    Never,
    Outgoing,
    Page,
    Reachable,
    Sent,
    Target,
    TryAgain,
    within_window,
)
from integrations.channels.mail_reading import WHOLE, Fetched, Mailbox, NoFolder, Server, Size
from integrations.channels.mail_reports import report_in
from integrations.channels.mail_sending import (
    DELIVERY_FIELD,
    Address,
    Relay,
    address_of,
    compose,
    connected,
    hand_over,
    may_send,
    own_id_in,
    own_message_id,
)
from integrations.channels.platform import AccountSettings, Platform
from integrations.channels.world import World
from integrations.intake.fields import Terms
from integrations.intake.mail import is_no_reply, read_mail
from integrations.intake.mbox import Mail
from integrations.record import Bounced, Incoming, Item, LeftOut, Unreadable

FIRST_LOOK = timedelta(days=7)
"""How far back a mailbox is read that has no cursor, or whose UIDVALIDITY changed."""
PAGE = 200
PAGE_BYTES = 16 * 1024 * 1024
IDLE_AGAIN = 28 * 60.0
"""Seconds; a server may hang up on who idles for more than 29 minutes (RFC 2177)."""
LOOK_UP = 0.5
"""Seconds between two looks at whether we shall stop."""
STALE = 240.0
"""Seconds after which a connection that lay idle is not used again."""

Secured = Literal["tls", "starttls", "none"]
_HERE = frozenset({"localhost", "127.0.0.1", "::1"})
_PORTS = {("imap", "tls"): 993, ("imap", "starttls"): 143, ("imap", "none"): 143}
_PORTS |= {("smtp", "tls"): 465, ("smtp", "starttls"): 587, ("smtp", "none"): 25}

log = logging.getLogger("tanggap.channels")


class EmailSettings(AccountSettings):
    """One mailbox, and the relay that takes its answers."""

    address: str
    """The mailbox's own: answers come from it."""
    name: str = ""
    """How we are called beside the address."""
    envelope_sender: str | None = None
    """Where delivery reports go, if not to `address`; it must end in the same mailbox."""
    imap_host: str
    imap_port: int | None = Field(default=None, gt=0, lt=65536)
    imap_security: Secured = "tls"
    smtp_host: str
    smtp_port: int | None = Field(default=None, gt=0, lt=65536)
    smtp_security: Secured = "starttls"
    user: str | None = None
    """The name to log in with, if it is not `address`."""
    password: SecretStr
    smtp_login: bool = True
    """False for a relay that knows us by where we are."""
    smtp_user: str | None = None
    smtp_password: SecretStr | None = None
    """The relay's own, where it is not the mailbox's."""
    folder: str = "INBOX"
    move_to: str | None = None
    """Where mails go once they are stored; None: they stay."""
    sent_folder: str | None = None
    """Where our answers lie."""
    sent_by: Literal["us", "relay"] = "us"
    """Who lays them there."""
    ca_file: Path | None = None
    """Certificates to trust instead of the machine's, for a server of one's own."""
    taken_within: float = Field(default=120, gt=0, le=600)
    """Seconds that the relay has to confirm a whole mail; RFC 5321, 4.5.3.2.6 has ten minutes."""

    @field_validator("address", "envelope_sender")
    @classmethod
    def _an_address(cls, address: str | None) -> str | None:
        if address is not None and address_of(address) is None:
            raise ValueError(f"`{address}` is no mail address; write it like care@example.org")
        return address

    @field_validator("name", "imap_host", "smtp_host", "folder", "move_to", "sent_folder")
    @classmethod
    def _one_line(cls, value: str | None) -> str | None:
        if value is not None and not value.isprintable():
            raise ValueError("stands on one line, without control characters")
        return value

    @model_validator(mode="after")
    def _safe(self) -> "EmailSettings":
        for what, host, secured in (
            ("imap", self.imap_host, self.imap_security),
            ("smtp", self.smtp_host, self.smtp_security),
        ):
            if secured == "none" and host not in _HERE:
                raise ValueError(f"`{what}_security: none` is for this machine only; use tls or starttls")
        if self.sent_by == "relay" and self.sent_folder is None:
            raise ValueError("`sent_by: relay` needs `sent_folder`: the folder in which the relay files what it took")
        if self.move_to is not None and self.move_to == self.folder:
            raise ValueError("`move_to` is the folder that is read")
        return self


class EmailChannel(Platform[EmailSettings]):
    """One mailbox."""

    settings_type = EmailSettings

    def __init__(self, name: str, account: str, settings: EmailSettings, world: World) -> None:
        super().__init__(name, account, settings, world)
        self.certainty = Certainty.READ_BACK if settings.sent_by == "relay" else Certainty.NEITHER
        sender = address_of(settings.address)
        assert sender is not None  # the settings are checked
        self._sender = sender
        self._envelope = address_of(settings.envelope_sender) or sender
        self._own_id = own_id_in(sender.domain)
        self._lock = threading.Lock()
        self._spare: tuple[Mailbox, float] | None = None
        self._upcoming: tuple[int, int] | None = None
        context = ssl.create_default_context(cafile=settings.ca_file) if settings.ca_file else None
        self._server = Server(
            settings.imap_host,
            settings.imap_port or _PORTS["imap", settings.imap_security],
            settings.imap_security,
            context or _context(settings.imap_security),
            settings.user or settings.address,
            settings.password.get_secret_value(),
            world.patience.read,
        )
        self._relay = Relay(
            settings.smtp_host,
            settings.smtp_port or _PORTS["smtp", settings.smtp_security],
            settings.smtp_security,
            context or _context(settings.smtp_security),
            _login(settings),
            world.patience.read,
            settings.taken_within,
        )

    def fetch(self, cursor: str | None) -> Iterator[Page]:
        """What lies in the folder after the cursor, in the order in which it came.

        Without a cursor, or where the folder was made anew (another UIDVALIDITY), the last seven days, or since the
        last mail that was read if that is longer ago. Raises TryAgain or LockedOut.
        """
        mark = _Mark.read(cursor)
        self.world.meter.take("read")
        with self._mailbox() as box:
            validity, upcoming = box.open(self.settings.folder, to_change=self.settings.move_to is not None)
            if mark is not None and mark.validity == validity:
                uids = box.uids_after(mark.uid)
            else:
                mark = _Mark(validity, 0, self._first_day(mark))
                uids = box.uids_since(mark.day)
            done = 0
            for some in _in_chunks(uids, PAGE):
                for sizes in _in_pages(box.sizes(some)):
                    items = [(one.uid, self._item(one, validity, sizes)) for one in box.mails(sizes)]
                    mark = mark.at(sizes[-1], self.world.clock.now())
                    done += len(sizes)
                    yield Page(tuple(item for _, item in items), mark.written(), done / len(uids))
                    if self.settings.move_to is not None:
                        stored = [uid for uid, item in items if not isinstance(item, Unreadable)]
                        box.move(stored, self.settings.move_to)
            mark = replace(mark, uid=max(mark.uid, upcoming - 1))
            self._upcoming = (validity, mark.uid + 1)
            if mark.written() != cursor:
                yield Page((), mark.written(), 1.0)

    def wait(self, seconds: float, stop: threading.Event) -> None:
        """Until the server says that a mail has come (IDLE), `stop` is set, or so many seconds have passed.

        A server without IDLE, or one that fails, is just waited for: the next `fetch` says what is wrong.
        """
        until = time.monotonic() + seconds
        try:
            with self._mailbox() as box:
                if box.can_idle:
                    self._idle(box, until, stop)
                    return
        except ChannelError:
            pass
        stop.wait(max(until - time.monotonic(), 0))

    def reply(self, out: Outgoing) -> Sent:
        """Answer the mail. Raises TryAgain, Never or Unknown.

        The answer bears a Message-ID of its own, under which the customer's further mail names it.
        """
        to = self._receiver(out.target)
        at = datetime.now(UTC)
        mail = compose(out, to=to, sender=self._sender, name=self.settings.name, at=at)
        self.world.meter.take("send")
        with connected(self._relay) as smtp:
            hand_over(smtp, self._relay, mail, sender=self._envelope, to=to)
        self.world.meter.spend("mail")
        self._keep(mail, out, at)
        return Sent(own_message_id(out, self._sender.domain), None, at)

    def message_privately(self, out: Outgoing) -> Sent:
        """The same: a mail is read by whom it is for."""
        return self.reply(out)

    def can_reply(self, target: Target, visibility: Visibility, now: datetime) -> Reachable:
        """Where there is an address that takes answers. Calls no network."""
        if not self.world.private_talk:
            return NO_PRIVATE_WAY
        try:
            self._receiver(target)
        except Never as error:
            return Reachable(ok=False, why=str(error))
        return within_window(target, self.world.window, now)

    def find_own(self, out: Outgoing) -> Sent | None:
        """Look for our text in the folder of sent mails. Raises TryAgain where that folder cannot prove its absence."""
        folder = self.settings.sent_folder
        if folder is None:
            raise TryAgain(f"{self.settings.smtp_host} cannot be asked which mails it took")
        own = own_message_id(out, self._sender.domain)
        with self._mailbox() as box:
            box.open(folder)
            standing = box.find([("Message-ID", own), (DELIVERY_FIELD, own[len("<tanggap-") :].partition("@")[0])])
        if standing is not None:
            return Sent(standing or own)
        if self.settings.sent_by == "relay":
            return None
        raise TryAgain("the mail is not among those that we saw sent, which does not prove that it was not")

    def check(self) -> Checked:
        """Log in at both servers, look for the folders, ask whether we may send as ourselves. Sends nothing."""
        server, relay, settings = self._server, self._relay, self.settings
        try:
            box = Mailbox(server)
            try:
                for folder in (settings.sent_folder, settings.move_to, settings.folder):
                    if folder is not None:
                        box.open(folder)
                stays = settings.move_to is not None and not box.can_move
                idles = box.can_idle
            finally:
                box.leave()
        except NoFolder as error:
            return Checked(False, str(error), "make the folder, or correct its name in channels.yaml")
        except ChannelError as error:
            return Checked(False, f"mail cannot be read: {error}", _mend(error, "imap"))
        if stays:
            said = f"{server.host} cannot move mails without deleting them (no MOVE): they stay where they are"
            return Checked(False, said, "take `move_to` out of channels.yaml")
        try:
            with connected(relay) as smtp:
                may_send(smtp, relay, self._envelope)
        except ChannelError as error:
            return Checked(False, f"mail cannot be sent: {error}", _mend(error, "smtp"))
        told = "is told of new mail at once" if idles else "is asked for new mail (its server has no IDLE)"
        return Checked(True, f"{settings.address}: {settings.folder} at {server.host} {told}; sends by {relay.host}")

    def _receiver(self, target: Target) -> Address:
        """Who gets the answer: the author, never whom a Reply-To names beside them. Raises Never."""
        written = target.email or target.author_id or ""
        if "@" not in written:
            raise Never("no mail address of the customer is known", "not_allowed")
        if self._is_ours(written):
            raise Never("the address is one of our own: answering it would go round in circles", "not_allowed")
        if is_no_reply(written.strip()):
            raise Never("nobody reads what is sent to this address (no-reply)", "not_allowed")
        address = address_of(written)
        if address is None:
            raise Never("no mail can be sent to an address written like this one", "gone")
        return address

    def _is_ours(self, address: str) -> bool:
        plain = address.strip().casefold()
        own = {self.settings.address.casefold(), str(self._sender).casefold(), str(self._envelope).casefold()}
        return plain in own or self.world.is_ours(plain)

    def _is_own_id(self, identifier: str) -> bool:
        return self._own_id.fullmatch(identifier) is not None

    def _item(self, fetched: Fetched, validity: int, sizes: Sequence[Size]) -> Item:
        place = f"{self.settings.folder};UIDVALIDITY={validity};UID={fetched.uid}"
        if fetched.wrong is not None:
            return Unreadable(place, fetched.wrong, fetched.raw, self.name)
        now = self.world.clock.now()
        report = report_in(fetched.raw, self._is_own_id, self._sender.domain)
        if report is not None and report.arrived:
            return LeftOut(place, "a report that a mail of ours was passed on", fetched.raw)
        if report is not None:
            return Bounced(
                channel=self.name,
                platform_id=report.message_id,
                why=report.why,
                place=place,
                raw=fetched.raw,
                account=self.account,
                address=report.address,
                for_good=report.for_good,
            )
        received = next((size.received for size in sizes if size.uid == fetched.uid), None)
        terms = Terms(now, self.name, frozenset({self.name}), self._is_ours, frozenset({self.name}), self._is_own_id)
        item = read_mail(Mail(1, fetched.raw, None), place, terms, received=min(received or now, now))
        if not isinstance(item, Incoming):
            return item
        left = ("the mail is large: its attachments were left in the mailbox",) if fetched.left_behind else ()
        return replace(
            item,
            account=self.account,
            visibility=Visibility.PRIVATE,
            addressed=None if item.list_mail else True,
            warnings=(*item.warnings, *left),
        )

    def _first_day(self, mark: "_Mark | None") -> date:
        """Servers search by whole days, of a zone of their own: one more is asked for."""
        day = (self.world.clock.now() - FIRST_LOOK).date()
        if mark is not None:
            day = min(day, mark.day)
        return day - timedelta(days=1)

    def _idle(self, box: Mailbox, until: float, stop: threading.Event) -> None:
        opened = box.open(self.settings.folder)
        known, self._upcoming = self._upcoming, None
        if known is not None and (opened[0] != known[0] or opened[1] > known[1]):
            return  # something came between the last look and now
        while not stop.is_set() and time.monotonic() < until:
            again = min(until, time.monotonic() + IDLE_AGAIN)
            box.idle()
            came = False
            while not came and not stop.is_set() and (left := again - time.monotonic()) > 0:
                came = box.told(min(left, LOOK_UP))
            box.end_idle()
            if came:
                return

    def _keep(self, mail: bytes, out: Outgoing, at: datetime) -> None:
        """Lay a copy where people look for it. The mail is gone: nothing that fails here may say otherwise."""
        if self.settings.sent_folder is None or self.settings.sent_by != "us":
            return
        try:
            with self._mailbox() as box:
                box.append(mail, self.settings.sent_folder, at)
        except ChannelError as error:
            log.warning("%s: the answer was sent, but no copy lies in the mailbox: %s", out.reference, error)

    @contextmanager
    def _mailbox(self) -> Iterator[Mailbox]:
        """A connection, the one that was used last if it still holds; one at most is kept."""
        box = self._kept() or Mailbox(self._server)
        try:
            yield box
        except BaseException:
            box.drop()
            raise
        self._give_back(box)

    def _kept(self) -> Mailbox | None:
        with self._lock:
            spare, self._spare = self._spare, None
        if spare is None:
            return None
        box, used = spare
        if time.monotonic() - used < STALE and box.alive():
            return box
        box.drop()
        return None

    def _give_back(self, box: Mailbox) -> None:
        with self._lock:
            if self._spare is None:
                self._spare = (box, time.monotonic())
                return
        box.leave()


@dataclass(frozen=True)
class _Mark:
    """How far a folder has been read: up to this UID, on that day."""

    validity: int
    uid: int
    day: date

    @classmethod
    def read(cls, cursor: str | None) -> "_Mark | None":
        """None where it is no cursor of ours: the folder is then read anew."""
        try:
            validity, uid, day = json.loads(cursor or "")
            return cls(int(validity), int(uid), date.fromisoformat(day))
        except (ValueError, TypeError, RecursionError):
            return None

    def written(self) -> str:
        return json.dumps([self.validity, self.uid, self.day.isoformat()])

    def at(self, size: Size, now: datetime) -> "_Mark":
        """Up to that mail."""
        return replace(self, uid=size.uid, day=min(size.received or now, now).date())


def _in_chunks(uids: Sequence[int], count: int) -> Iterator[Sequence[int]]:
    for start in range(0, len(uids), count):
        yield uids[start : start + count]


def _in_pages(sizes: Sequence[Size]) -> Iterator[list[Size]]:
    """Some at a time, so that a page of large mails does not fill the memory."""
    page: list[Size] = []
    octets = 0
    for size in sizes:
        weight = min(size.octets, WHOLE)
        if page and octets + weight > PAGE_BYTES:
            yield page
            page, octets = [], 0
        page.append(size)
        octets += weight
    if page:
        yield page


def _context(secured: Secured) -> ssl.SSLContext | None:
    return None if secured == "none" else ssl.create_default_context()


def _login(settings: EmailSettings) -> tuple[str, str] | None:
    if not settings.smtp_login:
        return None
    password = settings.smtp_password or settings.password
    return settings.smtp_user or settings.user or settings.address, password.get_secret_value()


def _mend(error: ChannelError, what: str) -> str:
    said = str(error)
    if isinstance(error, LockedOut):
        return "set name and password anew: many providers want one made for apps alone (docs/channels/email.md)"
    if "certificate" in said:
        return f"correct `{what}_host` to the name on the certificate, or name the certificate's maker in `ca_file`"
    return f"check `{what}_host`, `{what}_port` and `{what}_security` in channels.yaml"
