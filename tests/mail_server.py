"""Mail servers of others for the tests, on the loopback: pymap 0.36.7 (IMAP), aiosmtpd 1.4.6 (SMTP), dovecot 2.3 (Debian).

    with pymap_house() as house:        # one mailbox, in memory; mails for anybody end in it or in `house.sent`
    with dovecot_house(tmp_path) as house:  # a maildir a user; aiosmtpd passes mails on by LMTP, as a relay does

What they are like, tried:

- pymap: one user (`care@acme.test`), no MOVE in `dict`, IDLE, UIDVALIDITY new with each start. Search knows HEADER, SINCE, UID.
- dovecot: every user with the password `secret`; MOVE, IDLE, UIDPLUS, folders are made by `doveadm`-like CREATE.
  `apt-get install -y --no-install-recommends dovecot-imapd dovecot-lmtpd`; it refuses to run as root without its own
  users, so it runs as nobody.
- The relay is aiosmtpd: AUTH, STARTTLS, SMTPUTF8, SIZE; what it answers at each step can be set (`house.relay.says`).

`TcpWire` stands between and breaks the line: by what is said on it, not by how many bytes went by.
"""

import grp
import os
import pwd
import shutil
import smtplib
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from imap_tools import MailBoxUnencrypted

OURS = "care@acme.test"
CUSTOMER = "alice@customer.test"
PASSWORD = "secret"
DOVECOT = shutil.which("dovecot")
NOBODY = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for_port(port: int, process: subprocess.Popen[bytes] | None = None, seconds: float = 60) -> None:
    """Until somebody listens there."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if process is not None and process.poll() is not None:
            raise RuntimeError(f"the server ended with {process.returncode}")
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise TimeoutError(f"nobody listens on {port}")


@dataclass
class Taken:
    """A mail that the relay took."""

    sender: str
    receiver: str
    content: bytes

    @property
    def message(self) -> EmailMessage:
        """As a mailer shows it."""
        return message_from_bytes(self.content, policy=default)  # type: ignore[return-value]

    @property
    def text(self) -> str:
        """Its words."""
        return self.message.get_content().replace("\r\n", "\n").removesuffix("\n")


@dataclass
class Relay:
    """A mail relay. `deliver` is called with each mail that it took."""

    deliver: Callable[[Taken], None] = lambda _: None
    says: dict[str, str] = field(default_factory=dict)
    """What it answers at `MAIL`, `RCPT`, `DATA` in place of 250."""
    logins: dict[str, str] = field(default_factory=lambda: {OURS: PASSWORD})
    taken: list[Taken] = field(default_factory=list)
    port: int = 0

    def authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: object
    ) -> AuthResult:
        if isinstance(data, LoginPassword) and self.logins.get(data.login.decode()) == data.password.decode():
            return AuthResult(success=True)
        return AuthResult(success=False, handled=False)

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if "MAIL" in self.says:
            return self.says["MAIL"]
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if "RCPT" in self.says:
            return self.says["RCPT"]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if "DATA" in self.says:
            return self.says["DATA"]
        content = envelope.content if isinstance(envelope.content, bytes) else str(envelope.content).encode()
        for receiver in envelope.rcpt_tos:
            taken = Taken(envelope.mail_from or "", receiver, content)
            await server.loop.run_in_executor(None, self.deliver, taken)
            self.taken.append(taken)
        return "250 2.0.0 OK"


@contextmanager
def relay(
    deliver: Callable[[Taken], None] = lambda _: None,
    *,
    certificate: tuple[Path, Path] | None = None,
    starttls: bool = False,
    utf8: bool = True,
) -> Iterator[Relay]:
    """A relay that asks for a login. With a certificate: TLS from the start, or by STARTTLS alone."""
    made = Relay(deliver, port=free_port())
    context = None
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
    controller = Controller(
        made,
        hostname="127.0.0.1",
        port=made.port,
        ssl_context=None if starttls else context,
        tls_context=context if starttls else None,
        require_starttls=starttls,
        authenticator=made.authenticate,
        auth_required=True,
        auth_require_tls=starttls,
        enable_SMTPUTF8=utf8,
        decode_data=False,
    )
    controller.start()
    try:
        yield made
    finally:
        controller.stop()


@dataclass
class House:
    """A mailbox of ours and the relay beside it."""

    imap_port: int
    relay: Relay
    deliver: Callable[[bytes], None]
    """Lays a mail into our mailbox."""

    @property
    def smtp_port(self) -> int:
        return self.relay.port

    @contextmanager
    def mailbox(self, folder: str = "INBOX", user: str = OURS) -> Iterator[MailBoxUnencrypted]:
        """A look into the mailbox, with another's client than the adapter's settings make."""
        box = MailBoxUnencrypted("127.0.0.1", self.imap_port, timeout=30)
        try:
            box.login(user, PASSWORD, initial_folder=folder)
            yield box
        finally:
            box.logout()

    def answers(self) -> list[Taken]:
        """What the relay took for anybody but us."""
        return [taken for taken in self.relay.taken if taken.receiver != OURS]


@contextmanager
def pymap_house(*, certificate: tuple[Path, Path] | None = None) -> Iterator[House]:
    """pymap with one mailbox, and aiosmtpd."""
    port = free_port()
    command = [str(Path(sys.executable).with_name("pymap")), "--host", "127.0.0.1", "--port", str(port)]
    if certificate is None:
        command.append("--no-tls")
    else:
        command += ["--cert", str(certificate[0]), "--key", str(certificate[1])]
    command += ["dict", "--demo-user", OURS, "--demo-password", PASSWORD]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for_port(port, process)
        with ExitStack() as stack:
            house = House(port, Relay(), lambda mail: _append(house, mail))
            house.relay = stack.enter_context(relay(lambda taken: _to_us(house, taken)))
            yield house
    finally:
        process.kill()
        process.wait()


def _append(house: House, mail: bytes) -> None:
    with house.mailbox() as box:
        box.append(mail, "INBOX", dt=datetime.now(UTC))


def _to_us(house: House, taken: Taken) -> None:
    if taken.receiver == OURS:
        house.deliver(taken.content)


DOVECOT_CONF = """
base_dir = {home}/run
state_dir = {home}/state
log_path = {home}/dovecot.log
default_login_user = {user}
default_internal_user = {user}
default_internal_group = {group}
protocols = imap lmtp
listen = 127.0.0.1
ssl = {ssl}
disable_plaintext_auth = no
mail_max_userip_connections = 200
mail_location = maildir:{home}/mail/%u
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={user} gid={group} home={home}/mail/%u
}}
service anvil {{
  chroot =
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = {imaps}
  }}
}}
service lmtp {{
  chroot =
  inet_listener lmtp {{
    port = {lmtp}
  }}
}}
service stats {{
  chroot =
}}
"""


@dataclass
class Dovecot(House):
    """A real server behind a relay."""

    home: Path = Path()
    imaps_port: int = 0


@contextmanager
def dovecot_house(
    *, certificate: tuple[Path, Path] | None = None, secure_relay: bool = False, files_sent: bool = False
) -> Iterator[Dovecot]:
    """dovecot, and an aiosmtpd that passes mails on to it by LMTP; with `secure_relay`, only after STARTTLS.

    `files_sent`: the relay files what it takes from us into our folder Sent, as Gmail does.
    """
    # A folder of its own: pytest's are closed to nobody, and their names too long for sockets.
    home = Path(tempfile.mkdtemp(prefix="dovecot-"))
    imap, imaps, lmtp = free_port(), free_port(), free_port()
    said = "no"
    if certificate is not None:
        shutil.copy(certificate[0], home / "crt")
        shutil.copy(certificate[1], home / "key")
        said = f"yes\nssl_cert = <{home}/crt\nssl_key = <{home}/key"
    root = os.geteuid() == 0
    user = "nobody" if root else pwd.getpwuid(os.geteuid()).pw_name
    group = "nogroup" if root else grp.getgrgid(os.getegid()).gr_name
    ports = {"imap": imap, "imaps": imaps if certificate else 0, "lmtp": lmtp}
    conf = home / "dovecot.conf"
    conf.write_text(DOVECOT_CONF.format(home=home, user=user, group=group, ssl=said, password=PASSWORD, **ports))
    if root:
        shutil.chown(home, "nobody", "nogroup")
    command = [*(NOBODY if root else []), str(DOVECOT), "-F", "-c", str(conf)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for_port(imap, process)
        with ExitStack() as stack:

            def pass_on(taken: Taken) -> None:
                with smtplib.LMTP("127.0.0.1", lmtp) as there:
                    there.sendmail(taken.sender, [taken.receiver], taken.content, ["SMTPUTF8"] if utf8(taken) else ())
                if files_sent and taken.sender == OURS:
                    with house.mailbox() as box:
                        box.append(taken.content, "Sent", dt=datetime.now(UTC))

            made = stack.enter_context(
                relay(pass_on, certificate=certificate if secure_relay else None, starttls=secure_relay)
            )
            house = Dovecot(imap, made, lambda mail: _by_lmtp(lmtp, mail), home, imaps)
            with house.mailbox() as box:
                box.folder.create("Sent")
                box.folder.create("Done")
            yield house
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        shutil.rmtree(home, ignore_errors=True)


def utf8(taken: Taken) -> bool:
    """Whether only SMTPUTF8 carries its addresses."""
    return not (taken.sender + taken.receiver).isascii()


def _by_lmtp(port: int, mail: bytes) -> None:
    with smtplib.LMTP("127.0.0.1", port) as there:
        there.sendmail(CUSTOMER, [OURS], mail)


def certificate_for(folder: Path, host: str = "localhost") -> tuple[Path, Path]:
    """A certificate that signs itself, and its key."""
    cert, key = folder / f"{host}.crt", folder / f"{host}.key"
    names = f"subjectAltName=DNS:{host}" + (",IP:127.0.0.1" if host == "localhost" else "")
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={host}"),
            *("-addext", names, "-keyout", str(key), "-out", str(cert)),
        ],
        check=True,
        capture_output=True,
    )
    key.chmod(0o644)
    return cert, key


# A wire that breaks


@dataclass(frozen=True)
class Break:
    """Breaks the line when `on` is seen: in what the client says, or in what the server answers after that."""

    on: bytes
    """What the client says, such as `RCPT` or a lone dot."""
    how: str
    """`cut` or `silence`: before the server hears it. `cut_after`, `silence_after`: it hears it, its answer is lost.
    `half`, `two` (bytes), `garbage`: its answer comes so. `say`: `answer` is said in its place (`{tag}`: the command's),
    and the server never hears it."""
    answer: bytes = b""


class TcpWire:
    """A line on the loopback to a server, for protocols of lines such as IMAP and SMTP."""

    def __init__(self, to: int) -> None:
        self.to = to
        self.breaks: Break | None = None
        self.times = 1
        self._over = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.connections = 0
        self.heard = b""
        """What the clients said."""
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._over.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)

    def _accept(self) -> None:
        while not self._over.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._carry, args=(client,), daemon=True).start()

    def _carry(self, client: socket.socket) -> None:
        server = socket.create_connection(("127.0.0.1", self.to), 30)
        server.settimeout(None)
        spoiled: list[Break] = []
        back = threading.Thread(target=self._answers, args=(server, client, spoiled), daemon=True)
        back.start()
        lines = client.makefile("rb")
        with suppress(OSError, ValueError):
            while line := lines.readline():
                self.heard += line
                fault = self._fault(line)
                if fault is None:
                    server.sendall(line)
                    continue
                if fault.how == "say":
                    client.sendall(fault.answer.replace(b"{tag}", line.split()[0]))
                    continue
                if fault.how == "cut":
                    break
                if fault.how == "silence":
                    self._over.wait(60)
                    break
                spoiled.append(fault)
                server.sendall(line)
        _cut(client)
        _cut(server)

    def _answers(self, server: socket.socket, client: socket.socket, spoiled: list[Break]) -> None:
        with suppress(OSError):
            while data := server.recv(65536):
                if not spoiled:
                    client.sendall(data)
                    continue
                match spoiled[0].how:
                    case "cut_after":
                        break
                    case "silence_after":
                        self._over.wait(60)
                        break
                    case "half":
                        client.sendall(data[: max(len(data) // 2, 1)] if len(data) > 8 else data[:1])
                        break
                    case "two":
                        client.sendall(data[:2])
                        break
                    case "garbage":
                        client.sendall(spoiled.pop(0).answer or b"<html>Service temporarily mended</html>\r\n")
        _cut(client)

    def _fault(self, line: bytes) -> Break | None:
        fault = self.breaks
        if fault is None or self.times <= 0:
            return None
        seen = line.rstrip() == fault.on if fault.on == b"." else fault.on.lower() in line.lower()
        if not seen:
            return None
        self.times -= 1
        return fault

    def broken(self, fault: Break, times: int = 1) -> None:
        """From now on."""
        self.breaks, self.times = fault, times

    def mend(self) -> None:
        """Let everything pass again."""
        self.breaks = None


def _cut(client: socket.socket) -> None:
    with suppress(OSError):
        client.shutdown(socket.SHUT_RDWR)
    with suppress(OSError):
        client.close()


@contextmanager
def tcp_wire(to: int) -> Iterator[TcpWire]:
    """A wire to that port."""
    wire = TcpWire(to)
    try:
        yield wire
    finally:
        wire.close()


def mail(
    text: str = "Tas saya sobek.",
    *,
    sender: str = f"Alice <{CUSTOMER}>",
    number: str | None = None,
    **fields: str | None,
) -> bytes:
    """A customer's mail. Further fields by name, `_` for `-`; None leaves one out."""
    made = EmailMessage()
    every = {
        "From": sender,
        "To": OURS,
        "Subject": "Tas saya rusak",
        "Date": datetime.now(UTC).strftime("%a, %d %b %Y %H:%M:%S +0000"),
        "Message-ID": f"<{number or time.time_ns()}@customer.test>",
        **{name.replace("_", "-"): value for name, value in fields.items()},
    }
    for name, value in every.items():
        if value is not None:
            made[name] = value
    made.set_content(text, cte="base64")
    return made.as_bytes()


def id_of(raw: bytes) -> str:
    """The Message-ID of a mail."""
    return str(message_from_bytes(raw)["Message-ID"])
