"""How small models are trained in tests, and what stands in the database of models."""

from factories import Life
from sqlalchemy import select

from db.tables import Model, ModelChange
from integrations.classifier.training.light import Recipe

SMALL = Recipe(words_from=2, letters_from=12)


def states(life: Life) -> dict[str, str]:
    """What each stored model is doing."""
    with life.desk.transaction() as session:
        return {name: state.value for name, state in session.execute(select(Model.name, Model.state)).tuples()}


def changes(life: Life) -> list[tuple[str, str, str, str | None]]:
    """What was done with which model, by whom and why."""
    with life.desk.transaction() as session:
        rows = session.execute(select(ModelChange).order_by(ModelChange.id)).scalars()
        return [(row.what.value, row.model, row.by, row.why) for row in rows]
