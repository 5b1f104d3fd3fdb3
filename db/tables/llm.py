"""The language model's ledger, which holds nobody's words, and its answers, which are kept for the same question."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, Index, Numeric, text
from sqlmodel import Field, SQLModel

from db.tables.columns import Id, Json, Moment, numbered, one_of
from db.words import LlmUse


class LlmOutcome(StrEnum):
    """What came of a question to the language model."""

    ASKED = "asked"
    """On its way; whoever asked may have died since."""
    ANSWERED = "answered"
    REFUSED = "refused"
    """It answered, and the answer cannot be used."""
    FAILED = "failed"
    """No answer came."""
    CACHED = "cached"
    """The answer was there already."""
    SKIPPED = "skipped"
    """Nobody was asked: the budget is spent, the server is left alone, or enough are asking."""


class LlmCall(SQLModel, table=True):
    """One question and what it cost. `cost` is an upper bound while nobody knows better."""

    __tablename__ = "llm_call"
    __table_args__ = (
        CheckConstraint("outcome NOT IN ('refused', 'failed', 'skipped') OR why IS NOT NULL", name="says_why"),
        CheckConstraint("tokens_in >= 0 AND tokens_out >= 0 AND cost >= 0", name="no_gain"),
        Index("ix_llm_call_at", "at"),
        Index("ix_llm_call_on_its_way", "at", postgresql_where=text("outcome = 'asked'")),
        Index("ix_llm_call_tried", "id", postgresql_where=text("outcome IN ('answered', 'refused', 'failed')")),
        Index("ix_llm_call_complaint", "complaint_id"),
    )

    id: int = numbered()
    at: datetime = Field(sa_type=Moment)
    use: LlmUse = Field(sa_type=one_of(LlmUse, "use"))
    complaint_id: int = Field(sa_type=Id, foreign_key="complaint.id")
    model: str
    prompt: str
    """The version of our instructions."""
    outcome: LlmOutcome = Field(sa_type=one_of(LlmOutcome, "outcome"))
    why: str | None = None
    """A token."""
    tokens_in: int = 0
    tokens_out: int = 0
    counted: bool = False
    """The server counted the tokens; else they are our estimate."""
    cost: Decimal = Field(default=Decimal(0), sa_type=Numeric(18, 6))
    currency: str
    ended_at: datetime | None = Field(default=None, sa_type=Moment)


class LlmAnswer(SQLModel, table=True):
    """What the model answered to a question about a complaint; emptied by deleting it."""

    __tablename__ = "llm_answer"
    __table_args__ = (Index("ix_llm_answer_complaint", "complaint_id"), Index("ix_llm_answer_at", "at"))

    key: str = Field(primary_key=True)
    """SHA-256 of our instructions' version, the model, the complaint and what was asked."""
    at: datetime = Field(sa_type=Moment)
    use: LlmUse = Field(sa_type=one_of(LlmUse, "use"))
    complaint_id: int = Field(sa_type=Id, foreign_key="complaint.id")
    model: str
    answer: dict[str, Any] | None = Field(default=None, sa_type=Json)
    """None: there is none that can be used, and the question is not asked again for a while."""
    why: str | None = None
