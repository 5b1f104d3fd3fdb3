"""A language model behind OpenAI's chat protocol, as the desk uses it: one bounded try a call, and never a tool.

Protocol: https://platform.openai.com/docs/api-reference/chat/create; Ollama, vLLM and llama.cpp speak the same.
"""

import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

import requests
from urllib3.exceptions import HTTPError, ReadTimeoutError

from integrations.channels.base import TryAgain
from integrations.http import failure, new_session
from integrations.llm.errors import Away, LlmTrouble, NeedsPerson, Unfit

CONNECT_SECONDS = 5.0
ANSWER_BYTES = 256 * 1024
MOST_TOKENS = 10_000_000
"""A count beyond it is none."""
_PIECE = 16 * 1024

Got = TypeVar("Got")
Role = Literal["system", "user"]


@dataclass(frozen=True)
class Turn:
    """One message of ours."""

    role: Role
    text: str


@dataclass(frozen=True)
class Request:
    """What is asked, and what the answer must look like."""

    turns: Sequence[Turn]
    name: str
    """Of the schema."""
    schema: Mapping[str, Any]
    max_tokens: int
    temperature: float | None = None
    answers_as: Literal["json_schema", "json_object", "text"] = "json_schema"
    limit_as: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"


@dataclass(frozen=True)
class Said:
    """What the model answered: text that nobody has looked at."""

    text: str
    tokens: tuple[int, int] | None
    """In and out, as the server counted them; None where it does not, or says what cannot be."""


@dataclass(frozen=True)
class Llm:
    """One model at one endpoint. Every call is one try, and is over after `seconds` whatever the server does.

    Raises, from every method:
        Away: nobody answers now.
        NeedsPerson: address, key or model are wrong.
        Unfit: what came back is no answer.
    """

    endpoint: str
    model: str
    seconds: float
    key: str | None = field(default=None, repr=False)

    def ask(self, request: Request) -> Said:
        """One question, one answer; no stream, no tools."""
        asked: dict[str, Any] = {
            "model": self.model,
            "messages": [{"role": turn.role, "content": turn.text} for turn in request.turns],
            request.limit_as: request.max_tokens,
            "stream": False,
            "n": 1,
        }
        if request.temperature is not None:
            asked["temperature"] = request.temperature
        if request.answers_as == "json_schema":
            schema = {"name": request.name, "strict": True, "schema": dict(request.schema)}
            asked["response_format"] = {"type": "json_schema", "json_schema": schema}
        elif request.answers_as == "json_object":
            asked["response_format"] = {"type": "json_object"}
        return _answer(_envelope(self._call("POST", "/chat/completions", asked)))

    def models(self) -> list[str]:
        """The models that the server knows, as it calls them; empty where it does not tell."""
        found = _envelope(self._call("GET", "/models")).get("data")
        rows = found if isinstance(found, list) else []
        return [str(row["id"]) for row in rows if isinstance(row, dict) and row.get("id")]

    def _call(self, method: str, path: str, asked: Mapping[str, Any] | None = None) -> bytes:
        def once() -> bytes:
            return self._once(method, path, asked)

        return within(self.seconds, once)

    def _once(self, method: str, path: str, asked: Mapping[str, Any] | None) -> bytes:
        until = time.monotonic() + self.seconds
        try:
            with (
                new_session(1) as session,
                session.request(
                    method,
                    f"{self.endpoint}{path}",
                    json=asked,
                    headers={"Accept": "application/json", "Accept-Encoding": "identity"},
                    auth=self._sign,
                    timeout=(min(CONNECT_SECONDS, self.seconds), self.seconds),
                    allow_redirects=False,
                    stream=True,
                ) as response,
            ):
                if response.status_code != 200:
                    raise _refusal(response.status_code)
                return _body(response, until)
        except (requests.exceptions.InvalidHeader, UnicodeError) as error:
            raise NeedsPerson("bad_key", "The key cannot be sent: it holds characters that no header takes.") from error
        except (requests.RequestException, HTTPError) as error:
            raise _away(error) from error

    def _sign(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Ours, so that no .netrc puts another word in its place."""
        if self.key:
            request.headers["Authorization"] = f"Bearer {self.key}"
        return request


def within(seconds: float, call: Callable[[], Got]) -> Got:
    """What the call returns or raises, or Away after so long.

    A socket's timeout bounds silences, not an answer that drips. Whoever drips is left to a thread that ends with the
    process.
    """
    done: list[Got] = []
    raised: list[BaseException] = []

    def run() -> None:
        try:
            done.append(call())
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=run, name="tanggap-llm", daemon=True)
    thread.start()
    thread.join(seconds)
    if raised:
        raise raised[0]
    if done:
        return done[0]
    raise Away("too_slow", f"The language model took longer than {seconds:g} s.")


def _away(error: Exception) -> Away:
    """What a request that got no answer means."""
    if isinstance(error, requests.ReadTimeout | ReadTimeoutError):
        return Away("too_slow", "The language model takes too long.")
    if isinstance(error, requests.RequestException) and isinstance(failure(error, safe=False, to=""), TryAgain):
        return Away("unreachable", "The language model cannot be reached.")
    return Away("broke_off", "The connection to the language model broke.")


def _body(response: requests.Response, until: float) -> bytes:
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise Unfit("packed", "The language model packs its answers although we ask it not to.")
    body = bytearray()
    while piece := response.raw.read1(_PIECE):
        body += piece
        if len(body) > ANSWER_BYTES:
            raise Unfit("too_big", "The language model's answer is too long.")
        if time.monotonic() > until:
            raise Away("too_slow", "The language model's answer takes too long.")
    return bytes(body)


def _refusal(status: int) -> LlmTrouble:
    """What a status that is no success means."""
    if status in (408, 429) or status >= 500:
        return Away("busy" if status == 429 else f"http_{status}", f"The language model's server answers {status}.")
    if status in (401, 403):
        return NeedsPerson("bad_key", f"The language model's server does not take our key ({status}).")
    if status == 404:
        return NeedsPerson("not_there", "There is no such model or no such address (404).")
    if 300 <= status < 400:
        return NeedsPerson(
            "redirected", f"The language model's server sends us elsewhere ({status}), which is not followed."
        )
    return NeedsPerson(f"http_{status}", f"The language model's server refuses the request ({status}).")


def _envelope(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        raise Unfit("no_json", "What answers there is no language model: its answer is no JSON.") from None
    if not isinstance(found, dict):
        raise Unfit("no_json", "What answers there is no language model: its answer is no object.")
    return found


def _answer(found: Mapping[str, Any]) -> Said:
    """The text of the first choice, if it is one that was said to its end."""
    tokens = _tokens(found.get("usage"))
    choices = found.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else None
    message = choice.get("message") if choice is not None else None
    if choice is None or not isinstance(message, dict):
        raise Unfit("no_answer", "The language model gave no answer.", tokens)
    if message.get("tool_calls") or message.get("function_call"):
        raise Unfit("tool_call", "The language model called a tool; it has none.", tokens)
    if message.get("refusal") or choice.get("finish_reason") == "content_filter":
        raise Unfit("declined", "The language model declined.", tokens)
    if choice.get("finish_reason") == "length":
        raise Unfit("cut_off", "The language model's answer was cut off; max_tokens may be too low.", tokens)
    text = message.get("content")
    if not isinstance(text, str) or not text.strip():
        raise Unfit("no_answer", "The language model's answer is empty.", tokens)
    return Said(text, tokens)


def _tokens(usage: object) -> tuple[int, int] | None:
    if not isinstance(usage, dict):
        return None
    counts = [usage.get("prompt_tokens"), usage.get("completion_tokens")]
    if not all(type(count) is int and 0 <= count <= MOST_TOKENS for count in counts):
        return None
    return counts[0], counts[1]  # type: ignore[return-value]
