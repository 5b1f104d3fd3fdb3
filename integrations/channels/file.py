"""The drop folder: complaints come in as files in `inbox/`, answers leave as files in `outbox/`.

A file is taken when nobody writes to it any more, page by page, and moved to `inbox/done/` once its last page is
stored. The cursor says how much of which file is stored, so that a crash between storing and moving costs nothing.
"""

import hashlib
import itertools
import json
import os
import re
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from stat import S_ISREG
from typing import IO

from db.clock import Clock
from db.words import Visibility
from integrations.channels.base import (
    Certainty,
    Limited,
    Never,
    Outgoing,
    Page,
    Reachable,
    Sent,
    Target,
    TryAgain,
    Unknown,
)
from integrations.channels.document import document_of
from integrations.intake.reading import read_file
from integrations.record import PRIVATE_CHANNELS, Item, Unreadable

PAGE = 500
"""Records handed over at once."""

SETTLED_SECONDS = 1.0
"""A file that nobody touched for so long is complete."""

_UNFINISHED = (".part", ".tmp", ".crdownload", ".filepart")
_PLAIN_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,150}")


@dataclass(frozen=True)
class _Mark:
    """How much of one file is stored: what the cursor says."""

    file: str
    size: int
    changed: int
    """Nanoseconds, as the file system has them."""
    items: int
    whole: bool

    def written(self) -> str:
        return json.dumps([self.file, self.size, self.changed, self.items, self.whole], ensure_ascii=False)

    def at_start(self) -> "_Mark":
        """The same file with nothing of it stored."""
        return replace(self, items=0, whole=False)

    def same_file(self, other: "_Mark") -> bool:
        return (self.file, self.size, self.changed) == (other.file, other.size, other.changed)


class FileChannel(Limited):
    """A pair of folders under the desk's home."""

    certainty = Certainty.READ_BACK
    manual = False
    listens = True

    def __init__(
        self,
        home: Path,
        *,
        clock: Clock,
        known_channels: frozenset[str],
        own_addresses: Callable[[str], bool],
        private_channels: frozenset[str] = PRIVATE_CHANNELS,
        name: str = "file",
        account: str = "default",
        page: int = PAGE,
        settled: float = SETTLED_SECONDS,
    ) -> None:
        self.name = name
        self.account = account
        self.inbox = home / "inbox"
        self.outbox = home / "outbox"
        self._clock = clock
        self._known_channels = known_channels
        self._own_addresses = own_addresses
        self._private_channels = private_channels
        self._page = page
        self._settled = settled
        self._seen: dict[str, tuple[int, int, float]] = {}

    def fetch(self, cursor: str | None) -> Iterator[Page]:
        """The records of every finished file, in the order of their names.

        A file that cannot be read goes to `inbox/unreadable/`, with an entry for the quarantine. Raises TryAgain where
        the folder itself cannot be used.
        """
        stored = _mark_of(cursor)
        for path, mark in self._finished():
            resumed = stored if stored is not None and stored.same_file(mark) else mark
            folder = "done" if resumed.whole else (yield from self._pages(path, resumed))
            if folder is not None:
                self._move(path, folder)

    def reply(self, out: Outgoing) -> Sent:
        """Write the answer as `outbox/KEY.json`: whole or not at all, and once for its key."""
        path = self._path_of(out)
        standing = self.find_own(out)
        if standing is not None:
            return standing
        if path.exists():
            raise Never(f"{path} holds another text under the same key; look at it and remove it")
        at = self._clock.now()
        document = {**document_of(out), "at": at.isoformat()}
        _write_whole(path, json.dumps(document, ensure_ascii=False, indent=2).encode() + b"\n")
        return Sent(path.stem, path.as_uri(), at)

    def message_privately(self, out: Outgoing) -> Sent:
        """The same: the document says that it is private."""
        return self.reply(out)

    def can_reply(self, target: Target, visibility: Visibility, now: datetime) -> Reachable:
        """Always: whoever reads the outbox posts it."""
        return Reachable(ok=True)

    def find_own(self, out: Outgoing) -> Sent | None:
        """Whether `outbox/KEY.json` is there with this text."""
        path = self._path_of(out)
        try:
            document = json.loads(path.read_bytes())
        except (FileNotFoundError, ValueError):
            return None
        except OSError as error:
            raise TryAgain(f"{path} cannot be read: {error.strerror}; check its permissions") from error
        if not isinstance(document, dict) or document.get("text") != out.text:
            return None
        return Sent(path.stem, path.as_uri(), _at(document.get("at")))

    def _path_of(self, out: Outgoing) -> Path:
        readable = out.key.replace(":", "_")
        key = readable if _PLAIN_KEY.fullmatch(readable) else hashlib.sha256(out.key.encode()).hexdigest()
        return self.outbox.absolute() / f"{key}.json"

    def _finished(self) -> list[tuple[Path, _Mark]]:
        finished: list[tuple[Path, _Mark]] = []
        seen: dict[str, tuple[int, int, float]] = {}
        for path in self._files():
            if path.name.startswith(".") or path.name.endswith(_UNFINISHED):
                continue
            mark = _mark_at(path)
            if mark is None:
                continue
            before = self._seen.get(path.name)
            if before is None or before[:2] != (mark.size, mark.changed):
                before = (mark.size, mark.changed, time.monotonic())
            seen[path.name] = before
            if self._is_settled(mark, seen_for=time.monotonic() - before[2]):
                finished.append((path, mark))
        self._seen = seen
        return finished

    def _files(self) -> list[Path]:
        try:
            self.inbox.mkdir(parents=True, exist_ok=True)
            return sorted(self.inbox.iterdir())
        except OSError as error:
            raise TryAgain(f"{self.inbox} cannot be read: {error.strerror}; check its permissions") from error

    def _is_settled(self, mark: _Mark, seen_for: float) -> bool:
        """Unchanged long enough; where another machine's clock wrote a time to come, by what we saw ourselves."""
        age = time.time() - mark.changed / 1e9
        return age >= self._settled or (age < 0 and seen_for >= self._settled)

    def _pages(self, path: Path, mark: _Mark) -> Generator[Page, None, str | None]:
        """The rest of a file in pages. Returns the folder that it belongs in, None where it is still being written."""
        stored = mark.items
        try:
            with path.open("rb") as stream:
                items = itertools.islice(self._items(stream, path.name), stored, None)
                while batch := tuple(itertools.islice(items, self._page)):
                    stored += len(batch)
                    whole = len(batch) < self._page and _mark_at(path) == mark.at_start()
                    share = 1.0 if whole or not mark.size else min(1.0, stream.tell() / mark.size)
                    yield Page(batch, replace(mark, items=stored, whole=whole).written(), share)
        except FileNotFoundError:
            return None
        except OSError as error:
            reason = f"the file cannot be read ({error.strerror}); mend it and put it into {self.inbox} again"
            yield Page((Unreadable(path.name, reason, b""),), replace(mark, whole=True).written())
            return "unreadable"
        return "done" if _mark_at(path) == mark.at_start() else None

    def _items(self, stream: IO[bytes], name: str) -> Iterator[Item]:
        return read_file(
            stream,
            name=name,
            channel=self.name,
            now=self._clock.now(),
            known_channels=self._known_channels,
            own_addresses=self._own_addresses,
            private_channels=self._private_channels,
        )

    def _move(self, path: Path, folder: str) -> None:
        """Put a file away under its name, or the next free one."""
        away = path.parent / folder
        target = away / path.name
        numbers = itertools.count(2)
        try:
            away.mkdir(exist_ok=True)
            while target.exists():
                target = away / f"{path.stem}-{next(numbers)}{path.suffix}"
            with suppress(FileNotFoundError):
                path.rename(target)
        except OSError as error:
            raise TryAgain(f"{path} cannot be moved to {away}: {error.strerror}; check the permissions") from error


def _mark_of(cursor: str | None) -> _Mark | None:
    if cursor is None:
        return None
    try:
        return _Mark(*json.loads(cursor))
    except (ValueError, TypeError):
        # Reading a file once more does no harm: its records are known by their ids.
        return None


def _mark_at(path: Path) -> _Mark | None:
    """The beginning of a regular file as it is now."""
    try:
        found = path.lstat()
    except OSError:
        return None
    return _Mark(path.name, found.st_size, found.st_mtime_ns, 0, False) if S_ISREG(found.st_mode) else None


def _at(written: object) -> datetime | None:
    try:
        return datetime.fromisoformat(written) if isinstance(written, str) else None
    except ValueError:
        return None


def _write_whole(path: Path, content: bytes) -> None:
    """Write a file so that it is there whole or not at all, also after a power cut."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with unfinished.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        unfinished.rename(path)
    except OSError as error:
        with suppress(OSError):
            unfinished.unlink()
        raise TryAgain(f"{path} cannot be written: {error.strerror}; check the space and the permissions") from error
    try:
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise Unknown(
            f"{path} is written, but perhaps not on the disk: {error.strerror}; look whether it is there"
        ) from error
