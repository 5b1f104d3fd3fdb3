"""What `tanggap doctor` finds."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How much a finding matters."""

    GOOD = "ok"
    WARNING = "warning"
    BROKEN = "broken"


@dataclass(frozen=True)
class Finding:
    """One thing looked at: how it is, and how to mend it where it is not well."""

    what: str
    level: Level
    said: str
    mend: str | None = None


Findings = Iterator[Finding]
