"""Two servers with Mastodon's API, both somebody else's, each with our account `toko` and a customer `alice`.

- mastodon-mock 0.6.1 (PyPI, MIT), in a thread: takes `Idempotency-Key`, pages with `min_id` as Mastodon does, 500
  characters, 401 for tokens that it does not know, faults on order. It resolves `@user` only for its own accounts, its
  search knows no bounds, an edit makes no notification, and a reply below a post that is gone is taken.
- snac 2.75 (Debian, MIT), a real fediverse server, as `nobody`, on a port and in a folder of the test's own. It takes
  no key, has no version 2 of most methods, numbers posts anew after an edit, lists the last 64 notifications, wraps a
  boosted post into the boost, tells `direct` as `private`, and carries posts by a queue (within some seconds).
"""

import html
import json
import os
import pwd
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import requests
from mastodon_mock.config import AuthConfig, DatabaseConfig, MastodonMockConfig, SeedAccount, SeedConfig
from mastodon_mock.testing import MockServer

from integrations.channels.base import Target
from integrations.channels.conformance import Counterpart
from integrations.channels.mastodon import MastodonChannel, MastodonSettings
from integrations.channels.world import World

OURS, CUSTOMER = "toko", "alice"
MARKETING = "diskontoko"
"""A hashtag that the suite's channel reads, so that our own posts would come."""
SNAC = shutil.which("snac")
WHY_NO_SNAC = "snac is not installed: apt-get install snac2 (bookworm-backports)"


class ServerAccounts(Counterpart):
    """A server, as its two accounts use it: plain HTTP, and nothing of the adapter's."""

    edits = removes = private_intake = True

    def __init__(self, url: str, tokens: dict[str, str], takes_html: bool = False) -> None:
        self.url = url
        self.tokens = tokens
        self.certainty = "read_back"
        self._takes_html = takes_html

    # What the suite asks for

    def channel(self, url: str, world: World) -> MastodonChannel:
        return self.ours(url, world, hashtags=(MARKETING,), certainty=self.certainty)

    def locked_out(self, url: str, world: World) -> MastodonChannel:
        return MastodonChannel("mastodon", "default", MastodonSettings(token="0" * 64, url=url), world)

    def customer_writes(self, text: str, *, private: bool = False, in_reply_to: str | None = None) -> Target:
        post = self.post(
            CUSTOMER, f"@{OURS} {text}", visibility="direct" if private else "public", in_reply_to_id=in_reply_to
        )
        return self.target(post)

    def customer_edits(self, target: Target, text: str) -> None:
        self.call(CUSTOMER, "PUT", f"statuses/{target.external_id}", json={"status": self._typed(f"@{OURS} {text}")})

    def customer_removes(self, target: Target) -> None:
        self.call(CUSTOMER, "DELETE", f"statuses/{target.external_id}")

    def we_write(self, text: str) -> bool:
        self.post(OURS, f"{text} #{MARKETING}")
        return True

    def gone(self) -> Target | None:
        target = self.customer_writes("tidak jadi")
        time.sleep(0.2)
        self.customer_removes(target)
        return target

    def standing(self, target: Target, *, private: bool = False) -> list[str]:
        below = self.call(CUSTOMER, "GET", f"statuses/{target.external_id}/context")["descendants"]
        wanted = ("private", "direct") if private else ("public", "unlisted")
        return [
            read_by_people(post["content"]).removeprefix(f"@{CUSTOMER}").removeprefix(f"@{self._domain}").strip()
            for post in below
            if post["account"]["username"] == OURS and post["visibility"] in wanted
        ]

    # What more there is

    def ours(self, url: str | None, world: World, **settings: Any) -> MastodonChannel:
        """Our adapter there."""
        found = MastodonSettings(token=self.tokens[OURS], url=url or self.url, **settings)
        return MastodonChannel("mastodon", "default", found, world)

    def post(self, who: str, text: str, **more: Any) -> dict[str, Any]:
        """Post something."""
        body = {"status": self._typed(text), **{name: value for name, value in more.items() if value is not None}}
        found: dict[str, Any] = self.call(who, "POST", "statuses", json=body)
        return found

    def target(self, post: dict[str, Any]) -> Target:
        """The post as the desk would aim at it."""
        return Target(
            external_id=re.sub(r"^\d{10}(?=[0-9a-f]{32}$)", "0" * 10, post["id"]),
            author_id=post["account"]["id"],
            author_handle=post["account"]["acct"],
            url=post["url"],
        )

    def call(self, who: str, method: str, path: str, **request: Any) -> Any:
        """Call the server as one of the accounts."""
        headers = {"Authorization": f"Bearer {self.tokens[who]}"}
        answer = requests.request(method, f"{self.url}/api/v1/{path}", headers=headers, timeout=30, **request)
        answer.raise_for_status()
        return answer.json()

    @property
    def _domain(self) -> str:
        return self.url.partition("://")[2].replace("127.0.0.1", "localhost")

    def _typed(self, text: str) -> str:
        """Where a server takes HTML, somebody who means a `<` types it so."""
        return html.escape(text, quote=False) if self._takes_html else text


class SnacAccounts(ServerAccounts):
    """The same on snac, where posts are taken down on a web page."""

    seconds_to_show = 30.0

    def __init__(self, url: str, passwords: dict[str, str]) -> None:
        super().__init__(url, {who: _token(url, who, password) for who, password in passwords.items()}, takes_html=True)
        self._passwords = passwords

    def customer_removes(self, target: Target) -> None:
        answer = requests.post(
            f"{self.url}/{CUSTOMER}/admin/action",
            auth=(CUSTOMER, self._passwords[CUSTOMER]),
            files={"id": (None, target.url), "action": (None, "Delete"), "actor": (None, "")},
            allow_redirects=False,
            timeout=30,
        )
        assert answer.status_code in (302, 303), answer.text


@contextmanager
def mock_server(**auth: bool) -> Iterator[ServerAccounts]:
    """mastodon-mock with the two accounts, a bot, and somebody on another server."""
    seed = SeedConfig(
        accounts=[
            SeedAccount(username=OURS, display_name="Toko Kita", access_token="toko_token"),
            SeedAccount(username=CUSTOMER, display_name="Alice", access_token="alice_token"),
            SeedAccount(username="bob", display_name="Bob", access_token="bob_token"),
            SeedAccount(username="robo", display_name="Robo", bot=True, access_token="robo_token"),
            SeedAccount(username="dave", display_name="Dave", domain="remote.example", access_token="dave_token"),
        ]
    )
    config = MastodonMockConfig(database=DatabaseConfig(path=":memory:"), seed=seed, auth=AuthConfig(**auth))
    with MockServer(config=config) as server:
        tokens = {account.username: account.access_token or "" for account in seed.accounts}
        yield ServerAccounts(server.base_url, tokens)


@contextmanager
def snac_server() -> Iterator[SnacAccounts]:
    """A snac of the test's own, as nobody: it reads its folder all the time, and pytest's are closed to others."""
    with TemporaryDirectory(prefix="tanggap-snac-") as folder, _snac_in(Path(folder)) as accounts:
        yield accounts


@contextmanager
def _snac_in(folder: Path) -> Iterator[SnacAccounts]:
    assert SNAC is not None, WHY_NO_SNAC
    port = _free_port()
    data = folder / "snac"
    answers = f"127.0.0.1\n{port}\nlocalhost:{port}\n\n\n"
    subprocess.run([SNAC, "init", str(data)], input=answers.encode(), check=True, capture_output=True)
    settings = data / "server.json"
    said = json.loads(settings.read_text())
    # Its posts to itself need threads of their own, or they wait for one another.
    settings.write_text(json.dumps({**said, "protocol": "http", "num_threads": 64}))
    passwords = {who: _added(data, who) for who in (OURS, CUSTOMER)}
    command = [SNAC, "httpd", str(data)]
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        for path in (folder, *folder.rglob("*")):
            os.chown(path, nobody.pw_uid, nobody.pw_gid)
        command = ["setpriv", f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups", *command]
    with (folder / "snac.log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    try:
        _until_it_listens(port, server, folder / "snac.log")
        yield SnacAccounts(f"http://127.0.0.1:{port}", passwords)
    finally:
        server.terminate()
        try:
            server.wait(15)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def read_by_people(content: str) -> str:
    """What a browser shows of a post: Python's own parser, none of the adapter's."""
    shown = _Shown()
    shown.feed(content)
    shown.close()
    return shown.text.strip()


class _Shown(HTMLParser):
    text = ""

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.text += "\n" if tag in ("br", "p") else ""


def _added(data: Path, who: str) -> str:
    assert SNAC is not None
    said = subprocess.run(
        [SNAC, "adduser", str(data), who], stdin=subprocess.DEVNULL, check=True, capture_output=True, text=True
    )
    found = re.search(r"password is (\S+)", said.stdout + said.stderr)
    assert found is not None, said
    return found[1]


def _token(url: str, who: str, password: str) -> str:
    page = requests.post(f"{url}/oauth/x-snac-get-token", data={"login": who, "passwd": password}, timeout=30).text
    found = re.search(r"[0-9a-f]{32,}", page)
    assert found is not None, page
    return found[0]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _until_it_listens(port: int, server: "subprocess.Popen[bytes]", log: Path) -> None:
    end = time.monotonic() + 30
    while time.monotonic() < end:
        assert server.poll() is None, log.read_text()
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError(f"snac does not listen: {log.read_text()}")
