"""The protocol, against llama.cpp's own server: its answers, its counts, its refusals."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import jsonschema
import pytest
from tiny_llm import TinyServer, tiny_server

from integrations.llm.client import Llm, Request, Turn
from integrations.llm.errors import Away, NeedsPerson, Unfit

pytestmark = pytest.mark.slow

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "words": {"type": "string", "maxLength": 40},
        "rests_on": {"type": "array", "maxItems": 3, "items": {"type": "integer", "minimum": 0, "maximum": 9}},
    },
    "required": ["words", "rests_on"],
    "additionalProperties": False,
}


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[TinyServer]:
    with tiny_server(tmp_path_factory.mktemp("llm")) as found:
        yield found


def model_at(server: TinyServer, **changes: object) -> Llm:
    return replace(Llm(server.endpoint, server.model, 20.0, server.key), **changes)


def request(**changes: object) -> Request:
    asked = Request([Turn("system", "Answer in JSON."), Turn("user", "Halo.")], "words", SCHEMA, 1_500, 0.0)
    return replace(asked, **changes)


def test_a_schema_is_kept_even_by_a_model_that_knows_nothing(server):
    said = model_at(server).ask(request())

    jsonschema.validate(json.loads(said.text), SCHEMA)


def test_the_server_counts_the_tokens_of_question_and_answer(server):
    said = model_at(server).ask(request())

    assert said.tokens is not None
    asked, answered = said.tokens
    assert asked > len("Answer in JSON.Halo.")
    assert 0 < answered <= 1_500


def test_an_answer_that_the_limit_cuts_off_is_no_answer(server):
    with pytest.raises(Unfit) as cut:
        model_at(server).ask(request(max_tokens=12))

    assert cut.value.why == "cut_off"
    assert cut.value.tokens is not None
    assert cut.value.tokens[1] == 12


def test_the_server_tells_which_models_it_has(server):
    assert model_at(server).models() == [server.model]


def test_another_key_is_for_a_person_to_mend(server):
    with pytest.raises(NeedsPerson) as refused:
        model_at(server, key="open").ask(request())

    assert refused.value.why == "bad_key"


def test_an_address_without_a_model_is_for_a_person_to_mend(server):
    with pytest.raises(NeedsPerson) as refused:
        model_at(server, endpoint=server.endpoint.removesuffix("/v1") + "/v9").ask(request())

    assert refused.value.why == "not_there"


def test_a_question_that_is_too_long_for_the_model_is_refused_by_its_server(server):
    with pytest.raises(NeedsPerson) as refused:
        model_at(server).ask(request(turns=[Turn("user", "x" * 20_000)]))

    assert refused.value.why == "http_400"


def test_a_model_that_takes_too_long_is_left_alone(server):
    with pytest.raises(Away) as late:
        model_at(server, seconds=0.05).ask(request(turns=[Turn("user", "x" * 12_000)]))

    assert late.value.why == "too_slow"
