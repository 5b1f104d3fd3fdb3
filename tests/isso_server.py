"""A real isso: a comment server for blogs, with an Atom feed for each page."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

CONFIGURATION = """[general]
dbpath = {folder}/comments.db
host = http://127.0.0.1:{port}/
max-age = 1h
[server]
listen = http://127.0.0.1:{port}
[guard]
enabled = false
[rss]
base = http://127.0.0.1:{port}
"""


@dataclass
class Isso:
    """The server, and a visitor's browser for each comment, so that they can be changed."""

    url: str
    page: str = "/artikel/paket-terlambat"
    browsers: dict[int, requests.Session] = field(default_factory=dict)

    @property
    def feed(self) -> str:
        """The path of the page's feed, with its query."""
        return f"/feed?uri={self.page}"

    def comment(self, text: str, *, author: str = "Budi", parent: int | None = None) -> dict[str, Any]:
        """Somebody comments on the page; what isso says of it."""
        browser = requests.Session()
        answer = browser.post(
            f"{self.url}/new",
            params={"uri": self.page},
            json={"text": text, "author": author, "parent": parent, "title": "Paket terlambat"},
            headers={"Origin": self.url},
            timeout=30,
        )
        answer.raise_for_status()
        said: dict[str, Any] = answer.json()
        self.browsers[said["id"]] = browser
        return said

    def edit(self, comment: int, text: str) -> None:
        """Its author changes it."""
        answer = self.browsers[comment].put(
            f"{self.url}/id/{comment}", json={"text": text, "author": "Budi"}, headers={"Origin": self.url}, timeout=30
        )
        answer.raise_for_status()


@contextmanager
def isso(folder: Path) -> Iterator[Isso]:
    """A server on a free port of the loopback; its data lie in the folder."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    configuration = folder / "isso.cfg"
    configuration.write_text(CONFIGURATION.format(folder=folder, port=port))
    log = folder / "isso.log"
    with log.open("wb") as said:
        process = subprocess.Popen(
            [str(Path(sys.executable).parent / "isso"), "-c", str(configuration), "run"],
            stdout=said,
            stderr=subprocess.STDOUT,
            # isso writes local time into its feed and calls it UTC.
            env={**os.environ, "TZ": "UTC"},
        )
    found = Isso(f"http://127.0.0.1:{port}")
    try:
        for _ in range(300):
            if process.poll() is not None:
                raise RuntimeError(f"isso did not start: {log.read_text()[-2000:]}")
            try:
                requests.get(f"{found.url}{found.feed}", timeout=5)
                break
            except requests.ConnectionError:
                time.sleep(0.1)
        else:
            raise RuntimeError(f"isso did not answer: {log.read_text()[-2000:]}")
        yield found
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(20)
