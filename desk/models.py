"""The assessor that a desk works with: made anew when another model was promoted."""

from collections.abc import Sequence
from pathlib import Path
from time import monotonic

from sqlalchemy import Engine

from db.session import transaction
from desk.kept import keep_model
from integrations.classifier.opening import Ground, open_assessor
from integrations.classifier.use import Use
from policy.assessment import Assessor, Text, TextAssessment
from tasks.models import current_model, current_name

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
