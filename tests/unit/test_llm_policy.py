"""What the company may write about its language model, and what a call costs."""

from decimal import Decimal

import pytest
from pydantic import ValidationError

from db.words import LlmUse
from policy.llm import LanguageModel, Price
from policy.loading import Policy, load_policy
from policy.reading import PolicyError

WORKS = {"endpoint": "http://127.0.0.1:11434/v1", "model": "m", "uses": ["rephrase"]}


def rules(**changes: object) -> LanguageModel:
    return LanguageModel.model_validate(WORKS | changes)


def test_the_shipped_policy_asks_no_model(policy: Policy):
    assert not policy.llm.wanted
    assert not any(policy.llm.may(use) for use in LlmUse)


@pytest.mark.parametrize(
    "endpoint",
    [
        "ftp://llm.example/v1",
        "file:///etc/passwd",
        "llm.example/v1",
        "http://",
        "http://user:key@llm.example/v1",
        "https://llm.example/v1?key=1",
        "https://llm.example/v1#x",
        "http://llm.example:99999/v1",
        "https://llm.example/v1/chat/completions",
    ],
)
def test_an_endpoint_is_a_plain_address_without_a_key(endpoint):
    with pytest.raises(ValidationError):
        rules(endpoint=endpoint)


@pytest.mark.parametrize("timeout", ["0s", "3m", "1wd"])
def test_a_call_is_bounded(timeout):
    with pytest.raises(ValidationError):
        rules(timeout=timeout)


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"endpoint": ""}, ("uses",)),
        ({"model": ""}, ("model",)),
        ({"daily_budget": 0, "price": {"input": 1}}, ("daily_budget",)),
    ],
)
def test_a_model_that_is_wanted_and_cannot_be_asked_is_a_contradiction(changes, place):
    assert [where for where, _ in rules(**changes).contradictions()] == [place]


def test_a_call_costs_what_its_tokens_cost_rounded_up():
    price = Price(input=Decimal("0.15"), output=Decimal("0.60"))

    assert price.of(1_000, 500) == Decimal("0.00045")
    assert price.of(1, 0) == Decimal("0.000001")
    assert Price().of(10**6, 10**6) == 0


def test_what_is_wrong_in_the_file_is_told_with_its_line(tmp_path):
    (tmp_path / "llm.yaml").write_text("endpoint: http://127.0.0.1:1/v1\nmodel: ''\nuses: [rephrase, chat]\n")

    with pytest.raises(PolicyError) as wrong:
        load_policy(overlay=tmp_path)

    assert [(problem.file.name, problem.line) for problem in wrong.value.problems] == [("llm.yaml", 3)]
