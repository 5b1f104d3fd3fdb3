"""A model of the light path that trains in seconds, for tests that promote, roll back and learn. A plugin.

It learns from a part of the package's own corpus, so it is a real one, only ignorant.
"""

from collections.abc import Callable
from dataclasses import replace

import pytest
from factories import Life
from small_models import SMALL

from db import trail
from integrations.classifier.light import LightModel
from integrations.classifier.training.examples import Example, own
from integrations.classifier.training.light import train
from policy.assess.rules import RuleAssessor
from policy.assessment import Text
from policy.loading import Policy
from tasks.models import put_in_force, store

MADE_BEFORE = "tiny-1"
ENGINEER = trail.Author("ops-budi")


@pytest.fixture(scope="session")
def known() -> list[Example]:
    """Messages of the package's own, with a mood that follows from their kind."""
    return [_with_mood(example) for example in own()[:360]]


def _with_mood(example: Example) -> Example:
    glad = example.labels["kind"] == "praise"
    mood = {"sentiment": "positive" if glad else "negative", "emotion": "happy" if glad else "anger"}
    return replace(example, labels={**example.labels, **mood})


@pytest.fixture(scope="session")
def tiny(policy: Policy, known: list[Example]) -> LightModel:
    """A model that learned from these."""
    said = [found.said for found in RuleAssessor(policy.lexicon).read([Text(text=one.text) for one in known])]
    made = train(MADE_BEFORE, known, said, policy.lexicon.spelling, {}, SMALL, lambda _: None)
    return LightModel.from_bytes(made.to_bytes())


@pytest.fixture
def stored(tiny: LightModel) -> Callable[..., str]:
    """Stores a copy of the tiny model under a name; returns the name."""

    def keep(life: Life, name: str = MADE_BEFORE, *, current: bool = False) -> str:
        with life.desk.transaction() as session:
            store(
                session, replace(tiny, name=name), parent="light-1", by=ENGINEER, at=life.now(), scores={},
                facts={},
            )  # fmt: skip
            if current:
                put_in_force(session, name, by=ENGINEER, at=life.now())
        return name

    return keep
