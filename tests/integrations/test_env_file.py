"""What stands in `.env` where a command is started reaches the channels; a variable that is set wins; nothing tells it.

What `tanggap up` starts is looked at in tests/e2e/test_env_file_up.py.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from http_receiver import Receiver, receiving, says

from desk.settings import SettingsError, read_environment
from policy.loading import SHIPPED

ROOT = Path(__file__).resolve().parents[2]
IN_FILE = "rahasia-dari-berkas"
IN_ENVIRONMENT = "rahasia-dari-lingkungan"


@pytest.fixture
def platform() -> Iterator[Receiver]:
    with receiving() as platform:
        platform.answers = [says(401)]
        yield platform


@pytest.fixture
def here(tmp_path: Path, database_url: str, platform: Receiver) -> Path:
    """A directory with a `.env`, and rules whose Mastodon account keeps its token under a name of its own."""
    rules = yaml.safe_load((SHIPPED / "channels.yaml").read_text(encoding="utf-8"))
    account = {"url": platform.url, "token_env": "FEDI_TOKEN"}
    rules["channels"]["mastodon"] |= {"adapter": "mastodon", "accounts": {"default": account}}
    (tmp_path / "overlay").mkdir()
    (tmp_path / "overlay" / "channels.yaml").write_text(yaml.safe_dump(rules), encoding="utf-8")
    written = (
        "TANGGAP_HOME=home\n"
        f"TANGGAP_DATABASE_URL='{database_url}'\n"
        "TANGGAP_POLICY_OVERLAY=overlay\n"
        "TANGGAP_MODEL=off\n"
        f"FEDI_TOKEN={IN_FILE}\n"
    )
    (tmp_path / ".env").write_text(written, encoding="utf-8")
    return tmp_path


def tanggap(here: Path, *words: str, **variables: str) -> str:
    """What a command prints in that directory, on both streams."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("TANGGAP_")}
    ran = subprocess.run(
        [sys.executable, "-m", "desk.cli", *words],
        cwd=here,
        env=inherited | {"PYTHONPATH": str(ROOT)} | variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    return ran.stdout + ran.stderr


def shown(platform: Receiver) -> set[str]:
    """The tokens that the platform was shown."""
    return {one.headers["Authorization"].removeprefix("Bearer ") for one in platform.received}


@pytest.mark.slow
def test_a_command_calls_the_platform_with_the_secret_of_the_file(here: Path, platform: Receiver) -> None:
    said = tanggap(here, "doctor")

    assert shown(platform) == {IN_FILE}
    assert "channel mastodon" in said
    assert IN_FILE not in said


@pytest.mark.slow
def test_a_variable_that_is_set_wins_over_the_file(here: Path, platform: Receiver) -> None:
    said = tanggap(here, "doctor", FEDI_TOKEN=IN_ENVIRONMENT)

    assert shown(platform) == {IN_ENVIRONMENT}
    assert IN_ENVIRONMENT not in said


@pytest.mark.slow
@pytest.mark.parametrize("words", [("doctor", "--json"), ("channels", "--json")])
def test_no_command_tells_a_secret(here: Path, words: tuple[str, ...]) -> None:
    assert IN_FILE not in tanggap(here, "--debug", *words)


@pytest.mark.slow
def test_in_another_directory_the_file_is_not_read(here: Path, platform: Receiver, database_url: str) -> None:
    elsewhere = here / "elsewhere"
    elsewhere.mkdir()

    given = {"TANGGAP_DATABASE_URL": database_url, "TANGGAP_POLICY_OVERLAY": str(here / "overlay")}
    said = tanggap(elsewhere, "doctor", TANGGAP_HOME=str(here / "home"), TANGGAP_MODEL="off", **given)

    assert platform.received == []
    assert "set FEDI_TOKEN in the environment or in .env" in " ".join(said.split())


def test_the_environment_is_that_of_the_file_below_what_is_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("ONE=1\nTWO=2\nexport THREE='drei # drei'\nFOUR=\n# FIVE=5\n", encoding="utf-8")
    monkeypatch.setenv("TWO", "zwei")
    monkeypatch.setenv("THREE", "")
    monkeypatch.setenv("SIX", "")

    found = read_environment()

    assert {name: found.get(name) for name in ("ONE", "TWO", "THREE", "FOUR", "FIVE", "SIX")} == {
        "ONE": "1",
        "TWO": "zwei",
        "THREE": "drei # drei",
        "FOUR": None,
        "FIVE": None,
        "SIX": "",
    }


def test_without_a_file_the_environment_is_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    assert read_environment() == dict(os.environ)


def test_a_file_that_is_no_text_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_bytes(b"TOKEN=\xff\xfe\n")

    with pytest.raises(SettingsError, match=r"\.env is not UTF-8"):
        read_environment()
