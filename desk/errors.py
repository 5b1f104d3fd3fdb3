"""What goes wrong with the house (database, ports, disk), said to the person in front of it."""

import errno
import os
import pwd
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOM_TO_BEGIN = 250 * 2**20
"""Bytes that must be free for a new home: 40 MB of data directory, the two databases, and their logs to write."""


class HouseError(Exception):
    """The house cannot stand as asked; the text says what happened, why, and what to do."""


@contextmanager
def explained(place: Path) -> Iterator[None]:
    """Turns what the file system refuses at this place into a HouseError."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise full_disk(place) from error
        reason = (os.strerror(error.errno) if error.errno else str(error)).lower()
        raise HouseError(
            f"Cannot write in {place} ({reason}). "
            f"Make it writable for {user_name()}, or set TANGGAP_HOME to another directory."
        ) from error


def full_disk(place: Path) -> HouseError:
    """The error for a disk without room."""
    return HouseError(
        f"The disk that holds {place} is full ({free_bytes(place) // 2**20} MB free; the desk needs some "
        f"{ROOM_TO_BEGIN // 2**20} MB to begin). Make room, or set TANGGAP_HOME to another disk."
    )


def free_bytes(place: Path) -> int:
    """What is free on the disk of this place, whether or not the place exists yet."""
    existing = next(path for path in (place, *place.parents) if path.exists())
    return shutil.disk_usage(existing).free


def user_name(uid: int | None = None) -> str:
    """The name of a user, by default of the one who runs this."""
    uid = os.geteuid() if uid is None else uid
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"
