"""A language model in a test's hands: a plain HTTP server that says what the test tells it, and a policy that asks it."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from factories import Life
from http_receiver import Handler, Receiver, receiving
from sqlalchemy import select
from sqlmodel import col

from db.tables import LlmAnswer, LlmCall
from integrations.llm.client import Llm
from policy.llm import LanguageModel

SECONDS = 3.0
Saying = Callable[[dict[str, Any]], object]
"""From what was asked to what the model says: text, or anything else as the whole body."""


@dataclass
class Site:
    """The server, and what it was asked."""

    life: Life
    receiver: Receiver

    @property
    def asked(self) -> list[dict[str, Any]]:
        """The questions that came in."""
        return [json.loads(one.body) for one in self.receiver.received]

    def calls(self) -> list[LlmCall]:
        """The ledger."""
        with self.life.desk.transaction() as session:
            return list(session.execute(select(LlmCall).order_by(col(LlmCall.id))).scalars())

    def outcomes(self) -> list[tuple[str, str | None]]:
        """What came of each question, and why."""
        return [(call.outcome.value, call.why) for call in self.calls()]

    def answers(self) -> list[LlmAnswer]:
        """What is kept."""
        with self.life.desk.transaction() as session:
            return list(session.execute(select(LlmAnswer)).scalars())


@contextmanager
def language_model(life: Life, saying: Saying, **rules: object) -> Iterator[Site]:
    """The life goes on with a language model that says this."""

    def answer(handler: Handler) -> None:
        said = saying(json.loads(handler.receiver.received[-1].body))
        body = _completion(said) if isinstance(said, str) else json.dumps(said).encode()
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    with receiving(answer) as receiver:
        use_model(life, receiver.url, **rules)
        yield Site(life, receiver)


def use_model(life: Life, endpoint: str, *, key: str | None = None, model: str = "m", **rules: object) -> None:
    """Go on under a policy that asks this endpoint."""
    given = {"endpoint": endpoint, "model": model, "uses": ("rephrase", "translate"), "timeout": "3s", **rules}
    life.with_policy(llm=LanguageModel.model_validate(given))
    life.desk = replace(life.desk, llm=Llm(endpoint, model, life.desk.policy.llm.timeout.total_seconds(), key))


def _completion(text: str) -> bytes:
    message = {"role": "assistant", "content": text}
    usage = {"prompt_tokens": 1_000, "completion_tokens": 500}
    return json.dumps({"choices": [{"finish_reason": "stop", "message": message}], "usage": usage}).encode()


def reply_in(asked: dict[str, Any]) -> list[tuple[str, list[int]]]:
    """The sentences that a question asks to word anew, as they are."""
    lines = asked["messages"][1]["content"].split("\nCUSTOMER ")[0].splitlines()[1:]
    numbered = [line.split(": ", 1) for line in lines if line]
    return [(text, [int(number.removesuffix(" KEEP"))]) for number, text in numbered]


def as_json(sentences: list[tuple[str, list[int]]]) -> str:
    """An answer of the shape that is asked for."""
    return json.dumps({"sentences": [{"sentence": text, "rests_on": on} for text, on in sentences]})
