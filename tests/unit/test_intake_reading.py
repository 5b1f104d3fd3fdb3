"""The form of a file is found by its name, else by how it begins; memory stays constant."""

import io
import json
import tracemalloc
from datetime import UTC, datetime

import pytest

from db.words import CHANNELS
from integrations.intake.reading import Form, form_of, read_file
from integrations.record import Incoming, Unreadable

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
LINE = b'{"channel": "x", "external_id": "a", "text": "b", "posted_at": "2026-03-02T09:00:00Z"}\n'
MAIL = b"From: a@example.com\nDate: Mon, 2 Mar 2026 09:00:00 +0700\n\nHalo\n"


@pytest.mark.parametrize(
    ("name", "head", "form"),
    [
        ("a.jsonl", b"hello", Form.JSON_LINES),
        ("a.JSON", b"From: x", Form.JSON_LINES),
        ("a.csv", b"{", Form.CSV),
        ("a.tsv", b"", Form.CSV),
        ("a.eml", MAIL, Form.EML),
        ("a.mbox", b"From a@b Mon\n" + MAIL, Form.MBOX),
        ("a.mbox", MAIL, Form.EML),
        ("-", LINE, Form.JSON_LINES),
        ("-", b"\xef\xbb\xbf" + LINE, Form.JSON_LINES),
        ("-", LINE.decode().encode("utf-16"), Form.JSON_LINES),
        ("-", b"external_id;text;posted_at\n", Form.CSV),
        ("a.txt", b"\xef\xbb\xbfchannel\texternal_id\ttext", Form.CSV),
        ("-", MAIL, Form.EML),
        ("-", b"Received: from x\n by y\n", Form.EML),
        ("-", b"X-Spam: no\n", Form.EML),
        ("-", b"From a@example.com Mon Mar  2 09:00:00 2026\n" + MAIL, Form.MBOX),
        ("-", b"From here on I complain.\n", Form.JSON_LINES),
        ("-", b"Note: nothing\n", Form.JSON_LINES),
        ("-", b"hello, world\n", Form.JSON_LINES),
        ("-", b"", Form.JSON_LINES),
    ],
)
def test_the_form_is_found(name, head, form):
    assert form_of(name, head) is form


def read(stream, name="-"):
    return read_file(
        stream, name=name, channel=None, now=NOW, known_channels=frozenset(CHANNELS), own_addresses=lambda _: False
    )


@pytest.mark.parametrize("content", [LINE, MAIL, b"From a@example.com Mon Mar  2 09:00:00 2026\n" + MAIL])
def test_a_stream_without_a_name_is_read(content):
    (item,) = read(io.BytesIO(content))

    assert isinstance(item, Incoming)


def test_a_path_is_opened_and_closed(tmp_path):
    path = tmp_path / "inbox.jsonl"
    path.write_bytes(LINE)

    assert [item.external_id for item in read(path, name=path.name)] == ["a"]


def test_a_file_that_is_not_there_is_the_callers_to_know(tmp_path):
    with pytest.raises(FileNotFoundError):
        next(read(tmp_path / "none.jsonl"))


class Endless(io.RawIOBase):
    """A stream of so many chunks, made while it is read."""

    def __init__(self, chunks: int, chunk: bytes) -> None:
        self._left, self._chunk = chunks, chunk

    def read(self, size: int = -1) -> bytes:
        self._left -= 1
        return self._chunk if self._left >= 0 else b""


@pytest.mark.parametrize(
    ("name", "chunk"),
    [
        ("one-endless-line.jsonl", b"x" * 65536),
        ("many-lines.jsonl", b"some words that are no JSON " * 30 + b"\n"),
        ("one-endless-line.csv", b"x" * 65536),
        ("one-endless-quote.csv", b'"' + b"x" * 60_000 + b"\n"),
    ],
)
def test_memory_does_not_grow_with_the_file(name, chunk):
    tracemalloc.start()
    try:
        items = sum(1 for _ in read(Endless(640, chunk), name=name))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert items > 0
    assert peak < 12 * 1024 * 1024


def test_a_mail_over_the_limit_is_kept_in_its_beginning():
    (item,) = read(Endless(420, MAIL + b"x" * 65_000 + b"\n"), name="a.eml")

    assert isinstance(item, Unreadable)
    assert "26,214,400 are the limit" in item.reason
    assert len(item.raw) == 1024 * 1024


def test_an_endless_line_is_one_item():
    (item,) = read(Endless(100, b"x" * 65536), name="a.jsonl")

    assert isinstance(item, Unreadable)
    assert len(item.raw) == 1024 * 1024


def test_a_pipe_is_read_as_it_comes():
    seen = []

    class Pipe(io.RawIOBase):
        def __init__(self) -> None:
            self._number = 0

        def read1(self, size=-1):
            self._number += 1
            seen.append(self._number)
            return LINE.replace(b'"a"', json.dumps(f"a-{self._number}").encode()) if self._number < 4 else b""

    items = read(Pipe())
    first = next(items)

    assert first.external_id == "a-1"
    assert seen == [1]
