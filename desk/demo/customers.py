"""The customers of the demo: they use the web form, their tracking pages and the drop folder like anybody."""

import html
import os
import re
from datetime import UTC, datetime
from pathlib import Path

import requests

from desk.demo.samples import Sample

STAMP = re.compile(r'name="stamp" value="([^"]*)"')


class WebCustomer:
    """Fills in the form over HTTP, slowly enough to be a person, and keeps the link to the private page."""

    def __init__(self, gateway: str, sample: Sample) -> None:
        self.gateway = gateway
        self.sample = sample
        self.session = requests.Session()
        self.session.trust_env = False
        page = self.session.get(f"{gateway}/", params={"lang": sample.lang}, timeout=10)
        page.raise_for_status()
        found = STAMP.search(page.text)
        assert found is not None, "the form carries no stamp"
        self.stamp = html.unescape(found.group(1))

    def complain(self) -> str:
        """Send the form; returns the token of the private page."""
        sample = self.sample
        fields = {
            "text": sample.text,
            "name": sample.name or "",
            "contact": sample.contact or "",
            "number": sample.order or "",
            "board": "public" if sample.public else "private",
            "stamp": self.stamp,
        }
        url = f"{self.gateway}/complaints"
        answer = self.session.post(url, data=fields, params={"lang": sample.lang}, timeout=10, allow_redirects=False)
        answer.raise_for_status()
        found = re.search(r"/t/([A-Za-z0-9_-]+)", answer.headers.get("Location", ""))
        assert found is not None, f"the form led nowhere (status {answer.status_code})"
        return found.group(1)


class Page:
    """A private tracking page, as its complainant uses it."""

    def __init__(self, gateway: str, token: str) -> None:
        self.url = f"{gateway}/t/{token}"
        self.session = requests.Session()
        self.session.trust_env = False

    def write(self, text: str) -> None:
        """A further message, for the company alone."""
        self._post("messages", text=text)

    def publish(self, text: str) -> None:
        """One's own words, for the board."""
        self._post("words", text=text)

    def answer_survey(self, score: int) -> None:
        """How it went, 1 to 5."""
        self._post("survey", score=str(score))

    def _post(self, box: str, **fields: str) -> None:
        answer = self.session.post(f"{self.url}/{box}", data=fields, timeout=10, allow_redirects=False)
        answer.raise_for_status()


def drop(inbox: Path, name: str, lines: list[bytes]) -> None:
    """Put a file into the drop folder, whole or not at all."""
    inbox.mkdir(parents=True, exist_ok=True)
    unfinished = inbox / f"{name}.part"
    unfinished.write_bytes(b"".join(lines))
    os.replace(unfinished, inbox / name)


def now() -> datetime:
    """This instant."""
    return datetime.now(UTC)
