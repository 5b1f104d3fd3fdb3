"""How right a model is: by field, by language, with intervals, and whether its probabilities mean what they say.

Pure functions over what is right and what was found, with numpy alone; the drawing behind the intervals has a seed, so
the same findings give the same figures.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from integrations.classifier.fields import FIELDS, RISKS
from integrations.classifier.light import Probabilities
from integrations.classifier.training.examples import Example
from integrations.classifier.training.light import targets

Classes = NDArray[np.int64]
Chances = NDArray[np.float64]

DRAWS = 500
BINS = 10
FEWEST = 20
"""Fewer texts of a language are not told apart: their figures would be luck."""

CONFUSIONS = 5
"""How many of a field's most frequent mistakes are told."""


@dataclass(frozen=True)
class Figure:
    """A figure and the interval in which it lies 95 times of 100, were the texts drawn anew."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Bin:
    """Findings of about the same probability: how likely they were said to be, and how many were right."""

    low: float
    high: float
    count: int
    said: float
    right: float


def macro_f1(right: Classes, found: Classes) -> float:
    """The mean F1 over the classes that are right or found anywhere; 0 where there is nothing."""
    return _macro_f1(_confusion(right, found, _size(right, found)))


def confusion(right: Classes, found: Classes, classes: int) -> NDArray[np.int64]:
    """How often each class (row) was found to be which (column)."""
    return _confusion(right, found, classes)


def share(hits: NDArray[Any]) -> float:
    """The mean of what is right or wrong; 0 where there is nothing."""
    return float(np.mean(hits)) if len(hits) else 0.0


def within_one(right: Classes, found: Classes) -> float:
    """How often a level is at most one step off."""
    return share(np.abs(right - found) <= 1)


def micro(holds: NDArray[Any], found: NDArray[np.bool_]) -> tuple[float, float, float]:
    """Recall, precision and F1 over all cells of a table of what holds and what was found."""
    return _micro(_cells(np.asarray(holds) > 0, found).sum(axis=0))


def bins(chances: Chances, hits: NDArray[Any], count: int = BINS) -> list[Bin]:
    """Findings sorted into bins of equal width by how likely they were said to be; empty bins are left out."""
    place = np.minimum((np.asarray(chances) * count).astype(np.int64), count - 1)
    made = []
    for number in range(count):
        inside = place == number
        if inside.any():
            said, right = float(np.mean(chances[inside])), float(np.mean(hits[inside]))
            made.append(Bin(number / count, (number + 1) / count, int(inside.sum()), said, right))
    return made


def calibration_error(found: Sequence[Bin]) -> float:
    """How far probabilities are from what they say, on average over the findings (expected calibration error)."""
    whole = sum(one.count for one in found)
    return sum(one.count * abs(one.said - one.right) for one in found) / whole if whole else 0.0


def macro_f1_figure(right: Classes, found: Classes, seed: int) -> Figure:
    """Macro-F1 with its interval."""
    size = _size(right, found)
    pairs = right * size + found
    drawn = [
        _macro_f1(np.bincount(pairs[chosen], minlength=size * size).reshape(size, size))
        for chosen in _draws(len(right), seed)
    ]
    return _figure(macro_f1(right, found), drawn)


def share_figure(hits: NDArray[Any], seed: int) -> Figure:
    """A share with its interval."""
    return _figure(share(hits), [float(hits[chosen].mean()) for chosen in _draws(len(hits), seed)])


def micro_figures(holds: NDArray[Any], found: NDArray[np.bool_], seed: int) -> tuple[Figure, Figure, Figure]:
    """Recall, precision and F1 with their intervals; texts are drawn, not cells."""
    cells = _cells(np.asarray(holds) > 0, found)
    drawn = [_micro(cells[chosen].sum(axis=0)) for chosen in _draws(len(cells), seed)]
    whole = _micro(cells.sum(axis=0))
    recall, precision, f1 = (_figure(value, [one[at] for one in drawn]) for at, value in enumerate(whole))
    return recall, precision, f1


def ahead(new: NDArray[Any], old: NDArray[Any], seed: int) -> float:
    """In what share of resamplings the new hits are more than the old ones; pairs are drawn together."""
    if not len(new):
        return 0.0
    gain = np.asarray(new, dtype=np.float64) - np.asarray(old, dtype=np.float64)
    return float(np.mean([gain[chosen].sum() > 0 for chosen in _draws(len(gain), seed)]))


def hits(likely: Probabilities, examples: Sequence[Example], thresholds: Sequence[float]) -> NDArray[np.bool_]:
    """Which known labels were found, example by example, field by field; `risks` as a whole or not at all."""
    found: list[tuple[int, str, bool]] = []
    for field in sorted(likely):
        numbers = _knowing(field, examples)
        right = targets(field, [examples[at] for at in numbers])
        same = (
            ((likely[field][numbers] >= np.asarray(thresholds)) == (right > 0)).all(axis=1)
            if field == "risks"
            else likely[field][numbers].argmax(axis=1) == right
        )
        found += [(at, field, bool(hit)) for at, hit in zip(numbers, same, strict=True)]
    return np.array([hit for _, _, hit in sorted(found)], dtype=np.bool_)


def measured(
    likely: Probabilities, examples: Sequence[Example], thresholds: Sequence[float], seed: int
) -> dict[str, Any]:
    """What a model card says of each field: its figures over all and by language, its calibration, its mistakes.

    `likely` are the probabilities for these examples; `thresholds` say from which probability each risk is a finding.
    """
    found: dict[str, Any] = {}
    for field, chances in likely.items():
        numbers = _knowing(field, examples)
        if not numbers:
            continue
        chosen = [examples[at] for at in numbers]
        right, said = targets(field, chosen), chances[numbers]
        figures = _figures(field, right, said, thresholds, seed)
        parts = {}
        for language in sorted({example.language for example in chosen}):
            spoken = np.array([example.language == language for example in chosen])
            if spoken.sum() >= FEWEST:
                parts[language] = _figures(field, right[spoken], said[spoken], thresholds, seed)
        top, sure = _sureness(field, right, said)
        graph = bins(top, sure)
        found[field] = {
            "all": figures,
            "by_language": parts,
            "calibration": {"error": calibration_error(graph), "bins": [asdict(one) for one in graph]},
            "mistakes": _mistakes(field, right, said, thresholds),
        }
    rounded: dict[str, Any] = _rounded(found)
    return rounded


def headline(scores: Mapping[str, Any]) -> dict[str, float]:
    """One number a field to compare models by: macro-F1, for risks recall and precision."""
    found = {}
    for field, one in scores.items():
        if field == "risks":
            found["risks recall"] = one["all"]["recall"]["value"]
            found["risks precision"] = one["all"]["precision"]["value"]
        else:
            found[field] = one["all"]["macro_f1"]["value"]
    return found


def _figures(field: str, right: NDArray[Any], said: Chances, thresholds: Sequence[float], seed: int) -> dict[str, Any]:
    if field == "risks":
        recall, precision, f1 = micro_figures(right, said >= np.asarray(thresholds), seed)
        return {"texts": len(right), "recall": asdict(recall), "precision": asdict(precision), "f1": asdict(f1)}
    best = said.argmax(axis=1)
    figures = {
        "texts": len(right),
        "macro_f1": asdict(macro_f1_figure(right, best, seed)),
        "share_right": asdict(share_figure(right == best, seed)),
    }
    if field == "anger":
        figures["within_one"] = asdict(share_figure(np.abs(right - best) <= 1, seed))
    return figures


def _sureness(field: str, right: NDArray[Any], said: Chances) -> tuple[Chances, NDArray[np.bool_]]:
    """How likely each finding was said to be, and whether it was right; of risks every one is told by itself."""
    if field == "risks":
        return said.ravel(), right.ravel() > 0
    return said.max(axis=1), said.argmax(axis=1) == right


def _mistakes(field: str, right: NDArray[Any], said: Chances, thresholds: Sequence[float]) -> list[dict[str, Any]]:
    """What it most often takes for what; for risks which it misses or sees where there is none."""
    told: list[dict[str, Any]]
    if field == "risks":
        found = said >= np.asarray(thresholds)
        missed, seen = (right > 0) & ~found, (right == 0) & found
        counts = zip(RISKS, missed.sum(axis=0), seen.sum(axis=0), right.sum(axis=0), strict=True)
        told = [
            {"right": risk, "missed": int(lost), "false": int(false), "of": int(whole)}
            for risk, lost, false, whole in counts
        ]
        return [one for one in told if one["missed"] or one["false"]]
    words = FIELDS[field]
    table = _confusion(right, said.argmax(axis=1), len(words))
    wrong = [
        (int(table[row, column]), row, column) for row, column in zip(*np.nonzero(table), strict=True) if row != column
    ]
    wrong.sort(key=lambda one: (-one[0], one[1], one[2]))
    return [
        {"right": words[row], "found": words[column], "times": times, "of": int(table[row].sum())}
        for times, row, column in wrong[:CONFUSIONS]
    ]


def _knowing(field: str, examples: Sequence[Example]) -> list[int]:
    return [at for at, example in enumerate(examples) if field in example.labels]


def _size(right: Classes, found: Classes) -> int:
    return int(max(right.max(initial=0), found.max(initial=0))) + 1


def _confusion(right: Classes, found: Classes, classes: int) -> NDArray[np.int64]:
    return np.bincount(right * classes + found, minlength=classes * classes).reshape(classes, classes)


def _macro_f1(table: NDArray[np.int64]) -> float:
    both = table.sum(axis=0) + table.sum(axis=1)
    there = both > 0
    return float(np.mean(2 * np.diag(table)[there] / both[there])) if there.any() else 0.0


def _cells(holds: NDArray[np.bool_], found: NDArray[np.bool_]) -> NDArray[np.int64]:
    """A row a text: how many were found rightly, missed, found wrongly."""
    return np.stack([(holds & found).sum(axis=1), (holds & ~found).sum(axis=1), (~holds & found).sum(axis=1)], axis=1)


def _micro(cells: NDArray[np.int64]) -> tuple[float, float, float]:
    there, missed, wrong = (int(one) for one in cells)
    recall = there / (there + missed) if there + missed else 0.0
    precision = there / (there + wrong) if there + wrong else 0.0
    return recall, precision, 2 * there / (2 * there + missed + wrong) if there + missed + wrong else 0.0


def _draws(size: int, seed: int) -> NDArray[np.int64]:
    return np.random.default_rng(seed).integers(0, size, (DRAWS if size else 0, size))


def _figure(value: float, drawn: Sequence[float]) -> Figure:
    if not drawn:
        return Figure(value, value, value)
    low, high = np.percentile(drawn, [2.5, 97.5])
    return Figure(value, float(low), float(high))


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, Mapping):
        return {name: _rounded(one) for name, one in value.items()}
    return [_rounded(one) for one in value] if isinstance(value, list) else value
