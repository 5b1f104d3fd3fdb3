"""The gateway's `/metrics`: the desk in numbers, for whoever has the token."""

from collections.abc import Iterator

import pytest
import requests
from factories import Life, grave
from gateway_site import listening
from prometheus_client.parser import text_string_to_metric_families

from desk.settings import Settings

pytest_plugins = ("lives", "slack_fixtures")

TOKEN = "a token of the tests"


@pytest.fixture
def gateway(slack_life: Life, tmp_path, monkeypatch) -> Iterator[str]:
    for name in ("SLACK_BOT_TOKEN", "TANGGAP_SLACK_BOT_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    settings = Settings(_env_file=None, home=tmp_path, metrics_token=TOKEN)
    with listening(slack_life.desk, settings=settings) as url:
        yield url


def read(url: str) -> dict[str, float]:
    """Every sample by its name, with its labels' values."""
    answer = requests.get(f"{url}/metrics", headers={"Authorization": f"Bearer {TOKEN}"}, timeout=20)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/plain")
    return {
        " ".join([sample.name.removeprefix("tanggap_"), *sample.labels.values()]): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_the_desk_is_told_in_numbers(slack_life, gateway):
    slack_life.in_review(grave(slack_life.assessor))
    slack_life.later(minutes=5)

    found = read(gateway)

    assert (found["reviews_open pr"], found["reviews_open legal"], found["reviews_open cs"]) == (1, 1, 0)
    assert (found["slack_backlog_cards"], found["slack_backlog_notices"]) == (2, 0)
    assert found["slack_backlog_oldest_seconds"] == 300
    assert found["deliveries sent"] == 1


def test_what_is_late_is_counted(slack_life, gateway):
    slack_life.in_review(grave(slack_life.assessor))
    slack_life.later(days=3)

    found = read(gateway)

    assert found["reviews_late"] == 2
    assert found["complaints_late"] == 1


@pytest.mark.parametrize("shown", [None, "Bearer", "Bearer wrong", TOKEN, f"Basic {TOKEN}"])
def test_whoever_has_not_the_token_finds_no_such_page(shown, gateway):
    headers = {"Authorization": shown} if shown else {}

    assert requests.get(f"{gateway}/metrics", headers=headers, timeout=20).status_code == 404


def test_where_no_token_is_set_there_is_no_such_page(slack_life, tmp_path):
    with listening(slack_life.desk) as url:
        answer = requests.get(f"{url}/metrics", headers={"Authorization": "Bearer "}, timeout=20)

    assert answer.status_code == 404
