"""What the desk learned from its people: models, what was done with each, and what a shadow found."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, Index, LargeBinary, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from db.tables.columns import Id, Json, Moment, Words, numbered, one_of
from db.words import Category, Kind, Remedy


class ModelState(StrEnum):
    """What a stored model is doing."""

    CANDIDATE = "candidate"
    """Trained, never in force."""
    SHADOW = "shadow"
    """Runs beside the current one; what it finds is written down and decides nothing."""
    CURRENT = "current"
    FORMER = "former"
    """Was current or a shadow; can be again."""


class ModelAct(StrEnum):
    """What was done with a model."""

    TRAINED = "trained"
    PROMOTED = "promoted"
    REFUSED = "refused"
    """Measured, and not better than the current one."""
    ROLLED_BACK = "rolled_back"
    """The one named took its place again."""
    SHADOWED = "shadowed"
    WITHDRAWN = "withdrawn"
    """It is no shadow any more."""


class Model(SQLModel, table=True):
    """A model that learned from corrections. Where no row is current, the shipped one, a file, is in force."""

    __tablename__ = "model"
    __table_args__ = (
        UniqueConstraint("name"),
        Index("uq_model_current", "state", unique=True, postgresql_where=text("state = 'current'")),
        Index("uq_model_shadow", "state", unique=True, postgresql_where=text("state = 'shadow'")),
    )

    id: int = numbered()
    name: str
    parent: str | None = None
    """The model it was made from."""
    made_at: datetime = Field(sa_type=Moment)
    by: str
    state: ModelState = Field(default=ModelState.CANDIDATE, sa_type=one_of(ModelState, "state"))
    data: bytes = Field(sa_type=LargeBinary)
    """The model as a file; the database refuses to change it (a trigger)."""
    sha256: str
    card: dict[str, Any] = Field(default_factory=dict, sa_type=Json)
    scores: dict[str, Any] = Field(default_factory=dict, sa_type=Json)
    """Old and new on the fixed set and on the checked corrections, as they were when it was made."""


class ModelChange(SQLModel, table=True):
    """Who did what with a model, and why. The database refuses to change or remove it (a trigger)."""

    __tablename__ = "model_change"
    __table_args__ = (
        Index("ix_model_change_model", "model"),
        CheckConstraint("what <> 'refused' OR why IS NOT NULL", name="refusals_say_why"),
    )

    id: int = numbered()
    model: str
    """Its name; the shipped model has no row of its own."""
    at: datetime = Field(sa_type=Moment)
    by: str
    typed_by: str | None = None
    what: ModelAct = Field(sa_type=one_of(ModelAct, "what"))
    why: str | None = None
    facts: dict[str, Any] = Field(default_factory=dict, sa_type=Json)


class ShadowFinding(SQLModel, table=True):
    """What a shadow found in a message: words of the lists only, nothing of the message itself."""

    __tablename__ = "shadow_finding"
    __table_args__ = (
        CheckConstraint("anger BETWEEN 0 AND 3", name="anger"),
        Index("ix_shadow_finding_model", "model", "message_id"),
    )

    message_id: int = Field(primary_key=True, sa_type=Id, foreign_key="message.id")
    model: str = Field(primary_key=True)
    at: datetime = Field(sa_type=Moment)
    kind: Kind = Field(sa_type=one_of(Kind, "kind"))
    category: Category | None = Field(default=None, sa_type=one_of(Category, "category"))
    remedy: Remedy | None = Field(default=None, sa_type=one_of(Remedy, "remedy"))
    risks: list[str] = Field(default_factory=list, sa_type=Words)
    anger: int = 0
