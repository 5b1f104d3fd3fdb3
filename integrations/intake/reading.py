"""Reads a file of complaints, whatever of the four forms it has: JSON lines, CSV, mbox, eml."""

import itertools
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from datetime import datetime
from enum import StrEnum
from pathlib import Path, PurePath
from typing import IO

from integrations.intake.delimited import columns_in, read_delimited
from integrations.intake.fields import Terms
from integrations.intake.json_lines import read_json_lines
from integrations.intake.lines import CHUNK, Encoding, chunks_of, encoding_of
from integrations.intake.mail import read_eml, read_mbox
from integrations.record import PRIVATE_CHANNELS, Item


class Form(StrEnum):
    """The forms that complaints come in as files."""

    JSON_LINES = "json lines"
    CSV = "csv"
    MBOX = "mbox"
    EML = "eml"


_BY_EXTENSION = {
    ".jsonl": Form.JSON_LINES,
    ".ndjson": Form.JSON_LINES,
    ".json": Form.JSON_LINES,
    ".csv": Form.CSV,
    ".tsv": Form.CSV,
    ".mbox": Form.MBOX,
    ".mbx": Form.MBOX,
    ".eml": Form.EML,
}

_MAIL_FIELD = re.compile(
    r"(?:Return-Path|Received|Delivered-To|From|To|Cc|Subject|Date|Message-ID|Reply-To|Sender|MIME-Version|Content-Type"
    r"|In-Reply-To|References|List-Id|Auto-Submitted|Precedence|DKIM-Signature|Authentication-Results|(?:X|ARC)-[\w-]+)"
    r":(?:\s|$)",
    re.IGNORECASE,
)

Reader = Callable[[Iterable[bytes], Encoding, str, Terms], Iterator[Item]]
_READERS: dict[Form, Reader] = {
    Form.JSON_LINES: read_json_lines,
    Form.CSV: read_delimited,
    Form.MBOX: read_mbox,
    Form.EML: read_eml,
}


def read_file(
    path_or_stream: Path | IO[bytes],
    *,
    name: str,
    channel: str | None,
    now: datetime,
    known_channels: frozenset[str],
    own_addresses: Callable[[str], bool],
    private_channels: frozenset[str] = PRIVATE_CHANNELS,
) -> Iterator[Item]:
    """Every record of a file, in its order and in constant memory: taken in, put aside or left out with a reason.

    `name` stands in places and tells the form by its extension, else the first bytes tell it. `channel` is for
    records that name none. Raises OSError where the file cannot be read, and nothing for what stands in it.
    """
    terms = Terms(now, channel, known_channels, own_addresses, private_channels)
    with ExitStack() as stack:
        stream = stack.enter_context(path_or_stream.open("rb")) if isinstance(path_or_stream, Path) else path_or_stream
        head, chunks = _peeked(chunks_of(stream))
        encoding = encoding_of(head)
        yield from _READERS[form_of(name, head)](chunks, encoding, name, terms)


def form_of(name: str, head: bytes) -> Form:
    """The form of a file by its name's extension, else by how it begins; JSON lines where nothing tells."""
    by_name = _BY_EXTENSION.get(PurePath(name).suffix.lower())
    if by_name is Form.MBOX and not head.removeprefix(encoding_of(head).bom).lstrip().startswith(b"From "):
        return Form.EML
    return by_name or _form_of_content(head)


def _form_of_content(head: bytes) -> Form:
    encoding = encoding_of(head)
    text = head[len(encoding.bom) :].decode(encoding.codec, errors="replace").lstrip()
    first = text.partition("\n")[0].rstrip("\r")
    if first.startswith("From ") and _MAIL_FIELD.search(text):
        return Form.MBOX
    if _MAIL_FIELD.match(first):
        return Form.EML
    if not first.startswith("{") and columns_in(first)[1] > 1:
        return Form.CSV
    return Form.JSON_LINES


def _peeked(chunks: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """The first bytes, enough to tell the form by, and all of them again."""
    first: list[bytes] = []
    size = 0
    for chunk in chunks:
        first.append(chunk)
        size += len(chunk)
        # A line tells the form, but for an mbox, whose first line could be anybody's sentence.
        if size >= CHUNK or (b"\n" in chunk and not first[0].lstrip().startswith(b"From ")):
            break
    return b"".join(first), itertools.chain(first, chunks)
