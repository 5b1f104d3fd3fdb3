"""What the rules found in a text, as numbers that the heads learn to weigh."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from db.words import Category, Kind, Remedy, Risk

KEYS = (
    *("breach", "negative", "anger", "heat", "polite", "ask", "us", "personal", "brand", "opinion", "resolved"),
    *(f"kind.{kind}" for kind in Kind if kind is not Kind.COMPLAINT),
    *(f"category.{category}" for category in Category),
    *(f"remedy.{remedy}" for remedy in Remedy if remedy is not Remedy.NONE),
    *(f"risk.{risk}" for risk in Risk),
)
"""The lexicon's keys that are read; fixed with the model, whatever a company adds to its lexicon."""

_MOST = 4.0


def signals(found: Sequence[Mapping[str, float]]) -> NDArray[np.float32]:
    """A row a text: how strongly each key is said, between -1 and 1."""
    rows = np.array([[said.get(key, 0.0) for key in KEYS] for said in found], dtype=np.float32)
    return np.asarray(np.clip(rows.reshape(len(found), len(KEYS)) / _MOST, -1.0, 1.0), dtype=np.float32)
