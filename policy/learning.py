"""When the desk learns from what people corrected, and how much better a new model must be to take the place."""

from datetime import timedelta

from pydantic import Field, field_validator

from policy.durations import Wall
from policy.reading import Rules


class Learning(Rules):
    """The rules of learning (learning.yaml)."""

    corrections_from: int = Field(ge=1)
    """So many new corrections make a training worth its minutes."""
    every: Wall
    """Not more often than this."""
    check_share: float = Field(gt=0, lt=1)
    """The newest part of what people corrected is not learned from, but shows whether the rest was learned."""
    check_at_least: int = Field(ge=1)
    """With fewer corrected fields to check a model on, it is not promoted by itself."""
    better_by: float = Field(ge=0, le=1)
    """How much larger a share of the checked corrections the new model must get right."""
    sure_from: float = Field(ge=0.5, le=1)
    """In what share of resamplings of the checked corrections it must be ahead: luck does not promote."""
    worse_by_at_most: float = Field(ge=0, le=1)
    """What it may lose on the fixed set, in any field."""
    seed: int = Field(ge=0)
    """Of all that is drawn by lot: the same corrections and the same seed give the same model and the same figures."""

    @field_validator("every")
    @classmethod
    def _some_time(cls, every: timedelta) -> timedelta:
        if every <= timedelta(0):
            raise ValueError("learning without a pause would train all day; write a length like 7d")
        return every
