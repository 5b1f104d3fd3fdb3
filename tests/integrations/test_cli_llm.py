"""`tanggap llm` and the language model's part of `tanggap doctor`."""

import json
from typing import Any

import pytest
from command_line import CommandLine
from factories import Life
from http_receiver import receiving, says
from llm_site import as_json, language_model, reply_in, use_model

from desk.cli.doctor_llm import llm_and_desk, llm_itself, travels_unencrypted
from desk.cli.findings import Level
from desk.settings import Settings
from tasks.export import as_json as exported
from tasks.export import read_case
from tasks.llm_calls import clear_answers

pytest_plugins = ["lives"]


@pytest.fixture
def tanggap(life, monkeypatch, capsys, tmp_path) -> CommandLine:
    return CommandLine(monkeypatch, capsys, tmp_path)


def ours_again(asked: dict[str, Any]) -> str:
    return as_json(reply_in(asked))


def doctor(life: Life, monkeypatch: pytest.MonkeyPatch, tmp_path, key: str | None = None) -> list[tuple[Level, str]]:
    monkeypatch.delenv("TANGGAP_LLM_KEY", raising=False)
    settings = Settings(home=tmp_path, llm_key=key, _env_file=None)
    return [(found.level, f"{found.said} {found.mend or ''}") for found in llm_itself(settings, life.desk.policy)]


def models(*names: str) -> Any:
    return says(200, json.dumps({"data": [{"id": name} for name in names]}).encode())


def test_the_ledger_tells_calls_tokens_money_and_refusals_a_day(life, tanggap):
    price = {"currency": "USD", "input": 2, "output": 10}
    with language_model(life, ours_again, price=price, uses=("rephrase",)):
        life.in_review()
        life.later(days=1)
    with language_model(life, lambda _: "no", price=price, uses=("rephrase",)):
        life.in_review()

    ran = tanggap.at(life.desk)("llm", "--json")

    found = ran.json
    assert [(line["asked"], line["answered"], line["refused"]) for line in found["lines"]] == [(1, 0, 1), (1, 1, 0)]
    assert found["lines"][0]["why"] == {"no_json": 1}
    assert found["lines"][1]["tokens_in"] == 1_000
    assert found["lines"][1]["cost"] == 0.007
    assert found["spent_today"] == 0.007


def test_the_ledger_can_be_read_by_a_person(life, tanggap):
    with language_model(life, ours_again, uses=("rephrase",)):
        life.in_review()

        ran = tanggap.at(life.desk)("llm")

    assert ran.code == 0
    assert "rephrase" in ran.out
    assert "1,000 + 500" in ran.out


def test_a_desk_without_a_model_says_so(life, tanggap):
    ran = tanggap.at(life.desk)("llm")

    assert ran.code == 0
    assert "No language model is used" in ran.out


def test_doctor_finds_a_model_that_is_there(life, monkeypatch, tmp_path):
    with receiving(models("m")) as server:
        use_model(life, server.url)
        found = doctor(life, monkeypatch, tmp_path, key="sesame")

    assert [level for level, _ in found] == [Level.GOOD]
    assert server.received[0].headers["Authorization"] == "Bearer sesame"


@pytest.mark.parametrize(
    ("answer", "level", "told"),
    [
        (models("other"), Level.BROKEN, "other"),
        (says(401), Level.BROKEN, "TANGGAP_LLM_KEY"),
        (says(404), Level.BROKEN, "endpoint"),
        (says(503), Level.WARNING, "Drafts stay"),
    ],
)
def test_doctor_says_what_is_wrong_with_a_model_and_how_to_mend_it(life, monkeypatch, tmp_path, answer, level, told):
    with receiving(answer) as server:
        use_model(life, server.url)
        found = doctor(life, monkeypatch, tmp_path)

    assert found[-1][0] is level
    assert told in found[-1][1]


@pytest.mark.parametrize(
    ("endpoint", "unencrypted"),
    [
        ("http://llm.example.com/v1", True),
        ("http://8.8.8.8/v1", True),
        ("https://llm.example.com/v1", False),
        ("http://127.0.0.1:11434/v1", False),
        ("http://localhost:11434/v1", False),
        ("http://ollama:11434/v1", False),
        ("http://[::1]:11434/v1", False),
        ("http://10.0.0.7/v1", False),
    ],
)
def test_words_that_would_leave_the_house_unencrypted_are_warned_of(endpoint, unencrypted):
    assert travels_unencrypted(endpoint) is unencrypted


def test_doctor_tells_a_spent_budget(life):
    use_model(life, "http://127.0.0.1:9", daily_budget=0, price={"currency": "USD"})
    assert [found.level for found in llm_and_desk(life.desk)] == [Level.GOOD]

    with language_model(
        life, ours_again, price={"currency": "USD", "output": 1_000}, daily_budget=1, uses=("rephrase",)
    ):
        life.in_review()
    use_model(life, "http://127.0.0.1:9", price={"currency": "USD", "output": 1_000}, daily_budget="0.1")

    assert [found.level for found in llm_and_desk(life.desk)] == [Level.WARNING]


def test_the_export_shows_what_a_model_was_asked_of_a_complaint(life):
    with language_model(life, ours_again, uses=("rephrase",)):
        reference = life.in_review()

    file = exported(read_case(life.desk, reference))

    assert [call["outcome"] for call in file["llm_calls"]] == ["answered"]
    assert file["llm_answers"][0]["answer"]["sentences"]
    json.dumps(file)


def test_answers_are_deleted_when_they_were_kept_long_enough(life):
    with language_model(life, ours_again, uses=("rephrase",), kept_for="30d") as site:
        life.in_review()
        assert clear_answers(life.desk) == 0

        life.later(days=31)

        assert clear_answers(life.desk) == 1
        assert site.answers() == []
        assert len(site.calls()) == 1
