"""The conformance suite against an emulator of GitHub (npm `emulate`)."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from pydantic import SecretStr
from tanggap_github import GitHubChannel, GitHubSettings

from integrations.channels.base import Channel, Target
from integrations.channels.conformance import Conformance, Counterpart
from integrations.channels.world import World

EMULATE = Path(os.environ.get("EMULATE", "node_modules/emulate/dist/index.js")).absolute()
SEED = """
tokens:
  ours: {login: toko-desk, scopes: [repo]}
  theirs: {login: budi, scopes: [repo]}
github:
  users: [{login: toko-desk}, {login: budi}]
  repos: [{owner: toko-desk, name: aplikasi, auto_init: true}]
"""
REPOSITORY = "toko-desk/aplikasi"


class GitHub(Counterpart):
    """The emulator, with Budi on it."""

    answers_privately = False
    edits = True

    def __init__(self, url: str) -> None:
        self.url = url

    def channel(self, url: str, world: World) -> Channel:
        settings = GitHubSettings(repository=REPOSITORY, login="toko-desk", token=SecretStr("ours"), api=url)
        return GitHubChannel("github", "default", settings, world)

    def customer_writes(self, text: str, *, private: bool = False, in_reply_to: str | None = None) -> Target:
        if in_reply_to is None:
            issue = self._ask("POST", "issues", "theirs", {"title": text})
            return Target(external_id=f"issue-{issue['number']}", thread=f"issue-{issue['number']}")
        issue = self._ask("GET", f"issues/comments/{in_reply_to.removeprefix('comment-')}", "theirs")["issue_url"]
        number = issue.rpartition("/")[2]
        said = self._ask("POST", f"issues/{number}/comments", "theirs", {"body": text})
        return Target(external_id=f"comment-{said['id']}", thread=f"issue-{number}")

    def customer_edits(self, target: Target, text: str) -> None:
        self._ask("PATCH", (target.external_id or "").replace("issue-", "issues/"), "theirs", {"title": text})

    def we_write(self, text: str) -> bool:
        self._ask("POST", "issues", "ours", {"title": text})
        return True

    def gone(self) -> Target:
        return Target(external_id="issue-999", thread="issue-999")

    def standing(self, target: Target, *, private: bool = False) -> list[str]:
        number = (target.thread or "").removeprefix("issue-")
        return [said["body"] for said in self._ask("GET", f"issues/{number}/comments", "theirs")]

    def _ask(self, method: str, path: str, token: str, body: object = None) -> Any:
        answer = requests.request(
            method,
            f"{self.url}/repos/{REPOSITORY}/{path}",
            json=body,
            headers={"Authorization": f"Bearer {token}"},
            timeout=30,
        )
        answer.raise_for_status()
        return answer.json()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if not EMULATE.exists() or shutil.which("node") is None:
        pytest.skip("the emulator is not here: npm install emulate@0.11.2")
    folder = tmp_path_factory.mktemp("github")
    (folder / "seed.yaml").write_text(SEED)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = ["node", str(EMULATE), "start", "-s", "github", "-p", str(port), "--seed", str(folder / "seed.yaml")]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=subprocess.STDOUT)
    url = f"http://127.0.0.1:{port}"
    try:
        while not _answers(url):
            assert process.poll() is None, f"the emulator did not start: {(folder / 'log').read_text()}"
            time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait(10)


def _answers(url: str) -> bool:
    try:
        requests.get(url, timeout=5)
    except requests.ConnectionError:
        return False
    return True


class TestGitHub(Conformance):
    """What every adapter keeps to."""

    @pytest.fixture
    def other(self, server: str) -> Counterpart:
        return GitHub(server)
