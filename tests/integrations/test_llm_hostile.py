"""The language model's client, against servers that do whatever they like."""

import json
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from http_receiver import Handler, breaks_off, breaks_off_in_the_body, closed_port, is_silent, receiving, says

from integrations.llm.client import ANSWER_BYTES, Llm, Request, Turn
from integrations.llm.errors import Away, LlmTrouble, NeedsPerson, Unfit

QUESTION = Request([Turn("user", "Halo.")], "words", {"type": "object"}, 100)


def completion(content: object = "{}", finish: str = "stop", **message: object) -> dict[str, Any]:
    said = {"role": "assistant", "content": content, **message}
    usage = {"prompt_tokens": 7, "completion_tokens": 3}
    return {"choices": [{"index": 0, "finish_reason": finish, "message": said}], "usage": usage}


def answers(found: object) -> Callable[[Handler], None]:
    return says(200, json.dumps(found).encode())


def why_not(answer: Callable[[Handler], None], kind: type[LlmTrouble], seconds: float = 3.0) -> str:
    with receiving(answer) as server, pytest.raises(kind) as trouble:
        Llm(server.url, "m", seconds).ask(QUESTION)
    return trouble.value.why


def drips(handler: Handler) -> None:
    """A byte now and then: no silence is ever long."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    for _ in range(30):
        handler.wfile.write(b" ")
        time.sleep(0.1)


def drips_headers(handler: Handler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    for number in range(30):
        handler.wfile.write(f"X-{number}: 1\r\n".encode())
        time.sleep(0.1)


@pytest.mark.parametrize(
    ("found", "why"),
    [
        ({"choices": []}, "no_answer"),
        ({}, "no_answer"),
        ([], "no_json"),
        ({"choices": "all of them"}, "no_answer"),
        ({"choices": [{"message": "halo"}]}, "no_answer"),
        (completion(content=None), "no_answer"),
        (completion(content=["halo"]), "no_answer"),
        (completion(content="   "), "no_answer"),
        (completion(finish="length"), "cut_off"),
        (completion(finish="content_filter"), "declined"),
        (completion(content=None, refusal="I cannot help with that."), "declined"),
        (completion(content=None, tool_calls=[{"function": {"name": "refund", "arguments": "{}"}}]), "tool_call"),
        (completion(function_call={"name": "refund"}), "tool_call"),
    ],
)
def test_what_is_no_answer_is_not_taken_for_one(found, why):
    assert why_not(answers(found), Unfit) == why


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"choices": [', b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_json_is_no_answer(body):
    assert why_not(says(200, body), Unfit) == "no_json"


def test_ten_megabytes_are_not_read_to_their_end():
    assert why_not(says(200, b" " * (10 * 1024 * 1024)), Unfit) == "too_big"
    assert ANSWER_BYTES < 1024 * 1024


def test_a_packed_answer_is_not_unpacked():
    assert why_not(says(200, b"\x1f\x8b", Content_Encoding="gzip"), Unfit) == "packed"


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (says(429), "busy"),
        (says(500), "http_500"),
        (says(503), "http_503"),
        (breaks_off, "broke_off"),
        (breaks_off_in_the_body, "broke_off"),
    ],
)
def test_a_server_in_trouble_is_away(answer, why):
    assert why_not(answer, Away) == why


@pytest.mark.parametrize(
    ("status", "why"), [(302, "redirected"), (401, "bad_key"), (403, "bad_key"), (404, "not_there"), (400, "http_400")]
)
def test_what_only_a_person_can_mend_says_so(status, why):
    assert why_not(says(status, Location="http://127.0.0.1:1/"), NeedsPerson) == why


def test_nobody_there_is_away():
    with pytest.raises(Away) as away:
        Llm(f"http://127.0.0.1:{closed_port()}", "m", 2.0).ask(QUESTION)
    assert away.value.why == "unreachable"


@pytest.mark.parametrize("slow", [is_silent, drips, drips_headers])
def test_no_server_holds_a_call_longer_than_its_time(slow):
    begun = time.monotonic()

    assert why_not(slow, Away, seconds=0.4) == "too_slow"

    assert time.monotonic() - begun < 3.5  # the receiver of these tests finishes its answer


@pytest.mark.parametrize("count", [-1, True, "7", 1.5, 10**12, None])
def test_a_count_of_tokens_that_cannot_be_is_none(count):
    found = completion() | {"usage": {"prompt_tokens": count, "completion_tokens": 3}}
    with receiving(answers(found)) as server:
        assert Llm(server.url, "m", 2.0).ask(QUESTION).tokens is None


def test_what_leaves_is_one_plain_question_without_tools():
    with receiving(answers(completion())) as server:
        said = Llm(server.url + "/v1", "m", 2.0, key="sesame").ask(QUESTION)

    sent = server.received[0]
    asked = json.loads(sent.body)
    assert (said.text, said.tokens) == ("{}", (7, 3))
    assert (sent.method, sent.path) == ("POST", "/v1/chat/completions")
    assert sent.headers["Authorization"] == "Bearer sesame"
    assert {"tools", "functions", "tool_choice"}.isdisjoint(asked)
    assert asked["stream"] is False
    assert asked["response_format"]["json_schema"]["strict"] is True


def test_the_key_stands_in_no_text_about_the_model():
    assert "sesame" not in repr(Llm("http://127.0.0.1:1", "m", 1.0, key="sesame"))


def test_a_word_in_netrc_never_takes_the_place_of_our_key(tmp_path, monkeypatch):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    with receiving(answers(completion())) as server:
        Llm(server.url, "m", 2.0).ask(QUESTION)

    assert "Authorization" not in server.received[0].headers


def test_whoever_drips_is_left_to_a_thread_that_holds_no_process_up():
    with receiving(drips) as server, pytest.raises(Away):
        Llm(server.url, "m", 0.3).ask(QUESTION)

    assert all(thread.daemon for thread in threading.enumerate() if thread.name == "tanggap-llm")
