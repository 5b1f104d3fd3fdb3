"""Whether the company has a language model, what it may be asked, and what that may cost."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import ROUND_UP, Decimal
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, StringConstraints, field_validator

from db.words import LlmUse, Risk
from policy.durations import Wall
from policy.reading import Contradiction, Rules

MILLION = Decimal(1_000_000)
SMALLEST = Decimal("0.000001")
LONGEST_TIMEOUT = timedelta(minutes=2)
"""Whoever waits for a draft waits for this too."""

Amount = Annotated[Decimal, Field(ge=0, max_digits=15, decimal_places=6)]


class Price(Rules):
    """What a million tokens cost."""

    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")] = "USD"
    input: Amount = Decimal(0)
    output: Amount = Decimal(0)

    def of(self, tokens_in: int, tokens_out: int) -> Decimal:
        """What a call with so many tokens costs, rounded up."""
        return ((tokens_in * self.input + tokens_out * self.output) / MILLION).quantize(SMALLEST, ROUND_UP)


class Pause(Rules):
    """When a server that fails is left alone, and for how long."""

    after: int = Field(default=3, ge=1, le=100)
    length: Wall = timedelta(minutes=5)


class LanguageModel(Rules):
    """The company's language model; without an endpoint it has none."""

    endpoint: str = ""
    model: str = Field(default="", max_length=200)
    uses: tuple[LlmUse, ...] = ()
    never_rephrased: tuple[Risk, ...] = ()
    """A complaint with one of these risks is answered in the company's own words alone."""
    answers_as: Literal["json_schema", "json_object", "text"] = "json_schema"
    limit_as: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    max_tokens: int = Field(default=900, ge=50, le=8_000)
    temperature: float | None = Field(default=0.2, ge=0, le=2)
    timeout: Wall = timedelta(seconds=20)
    at_once: int = Field(default=2, ge=1, le=32)
    price: Price = Price()
    daily_budget: Amount = Decimal(1)
    pause: Pause = Pause()
    kept_for: Wall = timedelta(days=30)

    @field_validator("endpoint")
    @classmethod
    def _is_a_plain_address(cls, endpoint: str) -> str:
        if not endpoint:
            return endpoint
        try:
            parts = urlsplit(endpoint)
            usable = parts.scheme in ("http", "https") and parts.hostname and (parts.port is None or parts.port > 0)
        except ValueError:
            usable = False
        if not usable:
            raise ValueError(
                "an address that begins with http:// or https:// is needed, such as http://127.0.0.1:11434/v1"
            )
        if parts.username or parts.password or parts.query or parts.fragment:
            raise ValueError("an address holds no key and no question mark; the key is TANGGAP_LLM_KEY")
        if parts.path.rstrip("/").endswith("/chat/completions"):
            raise ValueError("name the address without /chat/completions; the desk adds it")
        return endpoint.rstrip("/")

    @field_validator("timeout")
    @classmethod
    def _bounded(cls, timeout: timedelta) -> timedelta:
        if not timedelta(seconds=1) <= timeout <= LONGEST_TIMEOUT:
            raise ValueError("a call takes from 1s to 2m: drafts wait for it")
        return timeout

    def contradictions(self) -> Iterator[Contradiction]:
        """A model that is to be used and cannot be."""
        if self.uses and not self.endpoint:
            yield ("uses",), "there is nobody to ask: write an endpoint, or no uses"
        if self.endpoint and not self.model:
            yield ("model",), "name the model as its server calls it"
        if self.uses and self.daily_budget == 0 and (self.price.input or self.price.output):
            yield ("daily_budget",), "would allow no call at this price; write an amount, or no uses"

    def may(self, use: LlmUse) -> bool:
        """Whether the model may be asked for this."""
        return bool(self.endpoint) and use in self.uses

    @property
    def wanted(self) -> bool:
        """Whether the model may be asked for anything."""
        return bool(self.endpoint and self.uses)
