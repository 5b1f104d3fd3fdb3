"""A real Request Tracker 5, as Debian packages it, on a database of its own; its customers and agents have tokens."""

import os
import shutil
import socket
import subprocess
import time
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from signal import SIGKILL, SIGTERM
from tempfile import TemporaryDirectory
from typing import Any

import requests

SHARE = Path("/usr/share/request-tracker5")
DATABASE = Path("/var/lib/dbconfig-common/sqlite3/request-tracker5/rtdb")
"""As the package made it; it is copied, never written."""
QUEUES = 80
"""Each test has one of its own, so that it does not read what others wrote."""

CONFIGURATION = """
Set($rtname, 'rt.example');
Set($Organization, 'example');
Set($CorrespondAddress, 'rt@rt.example');
Set($CommentAddress, 'rt-comment@rt.example');
Set($WebDomain, '127.0.0.1');
Set($WebPort, %(port)d);
Set($WebPath, '');
Set($WebBaseURL, 'http://127.0.0.1:%(port)d');
Set($WebSecureCookies, 0);
Set($Timezone, 'Asia/Jakarta');
Set($DatabaseType, 'SQLite');
Set($DatabaseName, '%(folder)s/rtdb');
Set($MailCommand, 'sendmailpipe');
Set($SendmailPath, '%(folder)s/mail');
Set($LogToSyslog, undef);
Set($LogToSTDERR, 'warning');
Set($MasonDataDir, '%(folder)s/mason');
Set($MasonSessionDir, '%(folder)s/sessions');
Set($RestrictReferrer, 0);
Set($BcryptCost, 10);
1;
"""

PEOPLE = """
use strict;
use lib '/usr/share/request-tracker5/lib';
use RT; RT->LoadConfig; RT->Init;
my $root = RT->SystemUser;
sub user {
    my ($name, $real, $mail, $privileged) = @_;
    my $user = RT::User->new($root);
    my ($id, $said) = $user->Create(
        Name => $name, RealName => $real, EmailAddress => $mail, Privileged => $privileged, Password => 'rahasia-rahasia');
    die "$name: $said" unless $id;
    return $user;
}
sub token {
    my ($user) = @_;
    my $token = RT::AuthToken->new($root);
    my ($id, $said, $string) = $token->Create(Owner => $user->Id, Description => 'test');
    die $said unless $id;
    print $user->Name, ' ', $string, "\\n";
}
my $everyone = RT::Group->new($root); $everyone->LoadSystemInternalGroup('Everyone');
my $staff = RT::Group->new($root); $staff->LoadSystemInternalGroup('Privileged');
$everyone->PrincipalObj->GrantRight(Right => $_, Object => $RT::System)
    for qw(SeeQueue CreateTicket ReplyToTicket ShowTicket);
$staff->PrincipalObj->GrantRight(Right => $_, Object => $RT::System)
    for qw(CommentOnTicket ShowTicketComments ModifyTicket DeleteTicket SeeCustomField ModifyCustomField OwnTicket);
for my $name ('Gudang', map { "Keluhan $_" } 1 .. %(queues)d) {
    my $queue = RT::Queue->new($root); my ($id, $said) = $queue->Create(Name => $name); die $said unless $id;
}
my $field = RT::CustomField->new($root);
my ($id, $said) = $field->Create(
    Name => 'Tanggap', Type => 'FreeformSingle', LookupType => 'RT::Queue-RT::Ticket', MaxValues => 1);
die $said unless $id;
my $all = RT::Queue->new($root); $field->AddToObject($all);
token(user('tanggap', 'Meja Keluhan', 'keluhan@toko.example', 1));
token(user('agen', 'Sari', 'sari@toko.example', 1));
token(user('budi', 'Budi Santoso', 'budi@pos.example', 0));
my $blind = user('buta', 'Tanpa Hak', 'buta@toko.example', 0);
token($blind);
"""


def why_not() -> str | None:
    """Why no RT can be started here, None where one can."""
    if not (SHARE / "libexec" / "rt-server").is_file():
        return "request-tracker5 is not installed: apt-get install request-tracker5 rt5-db-sqlite rt5-standalone"
    if not DATABASE.is_file():
        return f"rt5-db-sqlite made no database at {DATABASE}"
    if not os.access(DATABASE, os.R_OK):
        return f"{DATABASE} cannot be read: run as root, or as www-data"
    return None


@dataclass
class RequestTracker:
    """The server, and a token for each person."""

    url: str
    tokens: dict[str, str]
    queue: str = "Keluhan 1"

    def ask(self, who: str, method: str, path: str, **request: Any) -> requests.Response:
        """Somebody's call to REST 2."""
        headers = {"Authorization": f"token {self.tokens[who]}"}
        answer = requests.request(method, f"{self.url}/REST/2.0{path}", headers=headers, timeout=60, **request)
        answer.raise_for_status()
        return answer

    def ticket(
        self, text: str, *, who: str = "budi", subject: str = "Paket", queue: str | None = None, **fields: Any
    ) -> int:
        """Somebody opens a ticket."""
        made = {"Queue": queue or self.queue, "Subject": subject, "Content": text, **fields}
        if "Requestor" not in made:
            made["Requestor"] = "budi@pos.example"
        return int(self.ask(who, "POST", "/ticket", json=made).json()["id"])

    def write(
        self, ticket: int, text: str, *, who: str = "budi", kind: str = "correspond", type: str = "text/plain"
    ) -> int:
        """Somebody writes on a ticket; the number of the transaction."""
        answer = self.ask(who, "POST", f"/ticket/{ticket}/{kind}", json={"Content": text, "ContentType": type})
        return int(answer.headers["Location"].rpartition("/")[2])

    def change(self, ticket: int, *, who: str = "agen", **fields: Any) -> None:
        """Somebody changes a ticket's fields."""
        self.ask(who, "PUT", f"/ticket/{ticket}", json=fields)

    def history(self, ticket: int) -> list[dict[str, Any]]:
        """What happened on a ticket, oldest first."""
        asked = {"fields": "Type,Creator,Created", "per_page": 100}
        found: list[dict[str, Any]] = self.ask("agen", "GET", f"/ticket/{ticket}/history", params=asked).json()["items"]
        return found

    def said(self, ticket: int, *, kind: str = "Correspond", by: str = "tanggap") -> list[str]:
        """The texts that somebody wrote on a ticket."""
        return [
            self.text(int(one["id"]))
            for one in self.history(ticket)
            if one["Type"] == kind and one["Creator"]["id"] == by
        ]

    def text(self, transaction: int) -> str:
        """The words of one transaction."""
        parts = self.ask("agen", "GET", f"/transaction/{transaction}/attachments").json()["items"]
        whole = [self.ask("agen", "GET", f"/attachment/{part['id']}").json() for part in parts]
        return b64decode(next(one for one in whole if one.get("Content"))["Content"]).decode()


@contextmanager
def request_tracker() -> Iterator[RequestTracker]:
    """A server on a free port of the loopback; all that it writes lies in a folder that goes with it.

    Not in pytest's own folder: as root, RT runs as www-data, which pytest keeps out of there.
    """
    with TemporaryDirectory(prefix="tanggap-rt-") as folder:
        yield from _started(Path(folder))


def _started(place: Path) -> Iterator[RequestTracker]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    place.chmod(0o755)
    shutil.copyfile(DATABASE, place / "rtdb")
    (place / "RT_SiteConfig.pm").write_text(CONFIGURATION % {"port": port, "folder": place})
    (place / "people.pl").write_text(PEOPLE.replace("%(queues)d", str(QUEUES)))
    (place / "mail").write_text("#!/bin/sh\nexec cat > /dev/null\n")
    (place / "mail").chmod(0o755)
    for name in ("none.d", "mason", "sessions"):
        (place / name).mkdir()
    as_them = []
    if os.geteuid() == 0:
        as_them = ["setpriv", "--reuid=www-data", "--regid=www-data", "--init-groups"]
        for one in (place, *place.rglob("*")):
            shutil.chown(one, "www-data", "www-data")
    environment = {
        "PATH": "/usr/bin:/bin:/usr/sbin:/sbin",
        "HOME": str(place),
        "LANG": "C.UTF-8",
        "RT_SITE_CONFIG": str(place / "RT_SiteConfig.pm"),
        "RT_SITE_CONFIG_DIR": str(place / "none.d"),
    }
    made = subprocess.run(
        [*as_them, "perl", str(place / "people.pl")],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        cwd=place,
    )
    if made.returncode:
        raise RuntimeError(f"RT's people could not be made: {made.stderr[-2000:]}")
    tokens = dict(line.split(" ", 1) for line in made.stdout.splitlines() if " " in line)
    log = place / "log"
    with log.open("wb") as said:
        process = subprocess.Popen(
            [*as_them, str(SHARE / "libexec" / "rt-server"), "--host", "127.0.0.1", "--port", str(port)],
            env=environment,
            stdout=said,
            stderr=subprocess.STDOUT,
            cwd=place,
            start_new_session=True,
        )
    try:
        found = RequestTracker(f"http://127.0.0.1:{port}", tokens)
        for _ in range(600):
            if process.poll() is not None:
                raise RuntimeError(f"RT did not start: {log.read_text()[-2000:]}")
            try:
                if requests.get(f"{found.url}/REST/2.0/rt", timeout=30).status_code == 401:
                    break
            except requests.ConnectionError:
                time.sleep(0.1)
        else:
            raise RuntimeError(f"RT did not answer: {log.read_text()[-2000:]}")
        yield found
    finally:
        for signal in (SIGTERM, SIGKILL):
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal)
            with suppress(subprocess.TimeoutExpired):
                process.wait(20)
