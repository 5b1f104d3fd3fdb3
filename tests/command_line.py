"""The command line in a test's hands: run in this process, on this test's database."""

import io
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from desk.cli import main
from desk.cli.output import console
from tasks.desk import Desk


@dataclass(frozen=True)
class Ran:
    """What a command printed, and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Its output as one JSON document."""
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        """Its output as JSON lines."""
        return [json.loads(line) for line in self.out.splitlines()]


class CommandLine:
    """`tanggap`, with the words of a test."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], home: Path) -> None:
        self._monkeypatch = monkeypatch
        self._capsys = capsys
        self.home = home
        monkeypatch.chdir(home)
        monkeypatch.setenv("TANGGAP_HOME", str(home))
        monkeypatch.setenv("COLUMNS", "120")

    def at(self, desk: Desk) -> "CommandLine":
        """Work at this desk, on its database, with its policy and at its time."""

        @contextmanager
        def opened(*_: object) -> Iterator[Desk]:
            yield desk

        self._monkeypatch.setattr("desk.opening.open_desk", opened)
        self._monkeypatch.setattr("desk.opening.read_policy", lambda *_: desk.policy)
        self._monkeypatch.setattr("desk.opening.assemble", lambda *_: desk)
        self._monkeypatch.setenv("TANGGAP_DATABASE_URL", desk.engine.url.render_as_string(hide_password=False))
        return self

    def __call__(self, *words: object, stdin: bytes = b"") -> Ran:
        """Run one command."""
        self._monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8"))
        self._capsys.readouterr()
        console.cache_clear()  # a process of its own would look anew how wide its terminal is
        code = main([str(word) for word in words])
        captured = self._capsys.readouterr()
        return Ran(code, captured.out, captured.err)
