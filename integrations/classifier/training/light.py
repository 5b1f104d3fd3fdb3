"""Trains the light path: a head a field from all texts, or the heads of an earlier model moved by corrections."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.sparse import csr_matrix

from integrations.classifier.features import BITS, HALF, Counts, Features
from integrations.classifier.fields import FIELDS, RISKS
from integrations.classifier.fitting import Linear, fit_any_of, fit_one_of, nothing
from integrations.classifier.light import LightModel, Space, likelihoods
from integrations.classifier.signals import signals
from integrations.classifier.training.examples import Example, held_back
from policy.assess.normalise import Spelling

Say = Callable[[str], None]
Said = Sequence[Mapping[str, float]]
"""What the rules found in each text, by key of the lexicon."""


@dataclass(frozen=True)
class Recipe:
    """How a model of the light path is trained. `strengths` are scikit-learn's C, by field."""

    words_from: int = 3
    letters_from: int = 5
    strength: float = 2.0
    correction_strength: float = 0.5
    correction_counts: float = 3.0


def train(
    name: str, examples: Sequence[Example], said: Said, spelling: Spelling, card: Mapping[str, Any], recipe: Recipe,
    say: Say,
) -> LightModel:  # fmt: skip
    """A model that learned from these examples, calibrated on those that are held back."""
    counted = Features(spelling).count([example.text for example in examples])
    kept = [not held_back(example) for example in examples]
    space = _space(counted, np.array(kept), recipe)
    rows = space.rows(counted, signals(said))
    say(f"{len(examples)} texts, {space.width} columns")
    heads = {}
    for field in (*FIELDS, "risks"):
        heads[field] = _fit(field, rows, examples, kept, nothing(space.width, len(_words(field))), recipe.strength)
        say(f"{field} learned")
    model = LightModel(name, space, heads, {}, card)
    return calibrated(model, rows, examples)


def tune(
    name: str, model: LightModel, examples: Sequence[Example], said: Said, spelling: Spelling, card: Mapping[str, Any],
    recipe: Recipe,
) -> LightModel:  # fmt: skip
    """The model moved as far as these examples ask for: it keeps what it learned from texts that are not at hand."""
    rows = model.space.rows(Features(spelling).count([example.text for example in examples]), signals(said))
    kept = [not held_back(example) or example.source == "correction" for example in examples]
    heads = dict(model.heads)
    for field in heads:
        if any(field in example.labels for example, learned in zip(examples, kept, strict=True) if learned):
            heads[field] = _fit(field, rows, examples, kept, heads[field], recipe.correction_strength)
    moved = LightModel(name, model.space, heads, model.temperatures, card)
    return calibrated(moved, rows, examples)


def _space(counted: Counts, kept: NDArray[np.bool_], recipe: Recipe) -> Space:
    owners, places, _ = counted
    texts = np.bincount(places[kept[owners]], minlength=1 << BITS)
    enough = np.concatenate([texts[:HALF] >= recipe.words_from, texts[HALF:] >= recipe.letters_from])
    chosen = np.flatnonzero(enough)
    rarity = np.log((1 + int(kept.sum())) / (1 + texts[chosen])) + 1.0
    return Space(chosen.astype(np.int64), rarity.astype(np.float16).astype(np.float32))


def _words(field: str) -> tuple[str, ...]:
    return RISKS if field == "risks" else FIELDS[field]


def targets(field: str, examples: Sequence[Example]) -> NDArray[np.int64] | NDArray[np.float64]:
    """What is right for a field: a class number a text, or for `risks` a row of zeros and ones."""
    if field == "risks":
        said = [set(example.labels["risks"].split(",")) for example in examples]
        return np.array([[float(risk in risks) for risk in RISKS] for risks in said]).reshape(len(said), len(RISKS))
    return np.array([FIELDS[field].index(example.labels[field]) for example in examples], dtype=np.int64)


def _fit(
    field: str, rows: csr_matrix, examples: Sequence[Example], kept: Sequence[bool], start: Linear, strength: float
) -> Linear:
    numbers = [at for at, example in enumerate(examples) if field in example.labels and kept[at]]
    chosen = [examples[at] for at in numbers]
    right = targets(field, chosen)
    counts = np.array([example.weights.get(field, 1.0) for example in chosen])
    start = replace(start, weights=start.weights.astype(np.float64))
    if field == "risks":
        return fit_any_of(
            rows[numbers], right.astype(np.float64), counts[:, None] * np.ones(len(RISKS)), start, strength
        )
    return fit_one_of(rows[numbers], right.astype(np.int64), counts, start, strength)


def calibrated(model: LightModel, rows: csr_matrix, examples: Sequence[Example]) -> LightModel:
    """The model with one temperature a field, by which its probabilities fit the examples held back."""
    temperatures = dict(model.temperatures)
    for field, head in model.heads.items():
        numbers = [
            at
            for at, example in enumerate(examples)
            if held_back(example) and example.weights.get(field, 1.0) == 1.0 and field in example.labels
        ]
        if len(numbers) >= 50:
            right = targets(field, [examples[at] for at in numbers])
            temperatures[field] = temperature(field, head.logits(rows[numbers]), right)
    return replace(model, temperatures=temperatures)


def temperature(field: str, logits: NDArray[np.float64], right: NDArray[Any]) -> float:
    """By what to divide logits so that the probabilities say how often they are right (least log loss)."""

    def loss(tried: float) -> float:
        likely = np.clip(likelihoods(field, logits, tried), 1e-9, 1 - 1e-9)
        if field == "risks":
            return -float((right * np.log(likely) + (1 - right) * np.log(1 - likely)).sum())
        return -float(np.log(likely[np.arange(len(right)), right]).sum())

    return round(float(minimize_scalar(loss, bounds=(0.2, 5.0), method="bounded").x), 3)
