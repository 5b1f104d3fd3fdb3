"""The model that the desk works with: the promoted one in the database, with a copy in its home for `tanggap assess`.

`assess` and `check` answer without a database; the copy lets them answer as the desk does.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from time import monotonic

from sqlalchemy import Engine
from tasks.models import current_model, current_name

from db.session import transaction
from integrations.classifier.light import LightModel, NotAModel
from integrations.classifier.opening import Ground, open_assessor
from integrations.classifier.use import Use
from policy.assessment import Assessor, Text, TextAssessment

LOOKED_AT_EVERY = 30.0
"""Seconds between two looks at which model is the promoted one."""


class DeskAssessor:
    """The assessor of a desk: made when the first text comes, made anew when another model was promoted."""

    def __init__(self, ground: Ground, use: Use, engine: Engine, home: Path) -> None:
        self._ground, self._use, self._engine, self._home = ground, use, engine, home
        self._made: Assessor | None = None
        self._name: str | None = None
        self._looked = -LOOKED_AT_EVERY

    @property
    def version(self) -> str:
        return self._current().version

    def assess(self, batch: Sequence[Text], *, hurried: bool = False) -> list[TextAssessment]:
        """As rules and the promoted model find."""
        return self._current().assess(batch, hurried=hurried)

    def _current(self) -> Assessor:
        if self._use is not Use.OFF and monotonic() - self._looked >= LOOKED_AT_EVERY:
            self._looked = monotonic()
            with transaction(self._engine) as session:
                name = current_name(session)
                if self._made is None or name != self._name:
                    model = current_model(session)
                    keep_model(self._home, model)
                    self._made, self._name = open_assessor(self._ground, self._use, model), name
        if self._made is None:
            self._made = open_assessor(self._ground, self._use)
        return self._made


def _place(home: Path) -> Path:
    return home / "models" / "current.npz"


def keep_model(home: Path, model: LightModel | None) -> None:
    """Keep a copy of the promoted model; None where the shipped one is current."""
    place = _place(home)
    if model is None:
        place.unlink(missing_ok=True)
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    fresh = place.with_suffix(f".{os.getpid()}")
    fresh.write_bytes(model.to_bytes())
    fresh.replace(place)


def kept_model(home: Path) -> LightModel | None:
    """The copy, or None where there is none that can be read: then the shipped model answers."""
    try:
        return LightModel.from_bytes(_place(home).read_bytes())
    except (OSError, NotAModel):
        return None
