"""The sample inbox, typed."""

import json
from datetime import datetime
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field

from db.words import Gate, State

FILE = Path(__file__).with_name("samples.yaml")
OVERLAY = Path(__file__).with_name("policy")


class Part(BaseModel):
    """Unknown keys are mistakes."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Refusal(Part):
    """What a reviewer says instead of yes, once."""

    gate: Gate
    note: str


class Words(Part):
    """What a person writes; as an edit, at which gate."""

    by: str
    text: str
    gate: Gate | None = None


class Sample(Part):
    """One complaint, what people do about it, and where it must end."""

    id: str
    via: Literal["file", "web"]
    text: str
    channel: str = "file"
    handle: str | None = None
    name: str | None = None
    contact: str | None = None
    email: str | None = None
    order: str | None = None
    lang: str = "id"
    public: bool = False
    visibility: Literal["public", "private"] = "public"
    addressed: bool | None = None
    followers: int | None = None
    views: int | None = None
    after: str | None = None
    """Another sample that must have been recorded before."""

    threat: Words | None = None
    changes: Refusal | None = None
    reject: Refusal | None = None
    draft: Words | None = None
    edit: Words | None = None
    interrupts: str | None = None
    again: str | None = None
    posted: str | None = None
    survey: int = Field(default=5, ge=1, le=5)
    words: str | None = None
    again_resolved: bool = False
    unacknowledged: bool = False
    ends: State = State.CLOSED
    passes: tuple[str, ...] = ()

    @property
    def answered(self) -> bool:
        """Whether it gets an answer at all."""
        return self.ends is State.CLOSED

    def as_record(self, external_id: str, text: str, now: datetime, in_reply_to: str | None = None) -> bytes:
        """One line for the drop folder."""
        author = {
            "id": self.handle or external_id,
            "handle": self.handle,
            "name": self.name,
            "email": self.email,
            "followers": self.followers,
        }
        said = {
            "channel": self.channel,
            "external_id": external_id,
            "text": text,
            "posted_at": now.isoformat(),
            "visibility": self.visibility,
            "author": {key: value for key, value in author.items() if value is not None},
            "in_reply_to": in_reply_to,
            "addressed": self.addressed,
            "metrics": {"views": self.views} if self.views is not None else None,
        }
        kept = {key: value for key, value in said.items() if value is not None}
        return json.dumps(kept, ensure_ascii=False).encode() + b"\n"


def read_samples() -> list[Sample]:
    """The sample inbox."""
    return [Sample.model_validate(one) for one in yaml.safe_load(FILE.read_text(encoding="utf-8"))]
