"""Fits a linear head: logistic regression whose weights stay near a starting point.

From zero it is the usual L2-penalised logistic regression (scikit-learn's, to the last digits: a test compares them).
From the weights of an earlier model it learns from a few hundred corrections without forgetting what that model knew,
though the texts it learned from are not at hand.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.sparse import csr_matrix
from scipy.special import expit, log_softmax

Array = NDArray[np.float64]

_STEPS = 150
_NEAR_ENOUGH = 1e-4


@dataclass(frozen=True)
class Linear:
    """Weights of a head, one column a class, and its biases."""

    weights: Array
    biases: Array

    def logits(self, rows: csr_matrix) -> Array:
        """One row of logits a text."""
        return np.asarray(rows @ self.weights + self.biases)


def nothing(columns: int, classes: int) -> Linear:
    """The starting point of a head that knows nothing."""
    return Linear(np.zeros((columns, classes)), np.zeros(classes))


def fit_one_of(rows: csr_matrix, classes: NDArray[np.int64], counts: Array, start: Linear, strength: float) -> Linear:
    """A head of which exactly one class holds. `counts` is what each row counts; `strength` is scikit-learn's C."""
    hot = np.zeros((rows.shape[0], len(start.biases)))
    hot[np.arange(len(classes)), classes] = 1.0

    def loss(logits: Array) -> tuple[float, Array]:
        logs = log_softmax(logits, axis=1)
        return -float((counts[:, None] * hot * logs).sum()), counts[:, None] * (np.exp(logs) - hot)

    return _fit(rows, loss, start, strength)


def fit_any_of(rows: csr_matrix, holds: Array, counts: Array, start: Linear, strength: float) -> Linear:
    """A head of which every class may hold by itself; `counts` is what each row counts for each class."""

    def loss(logits: Array) -> tuple[float, Array]:
        value = counts * (np.logaddexp(0.0, logits) - holds * logits)
        return float(value.sum()), counts * (expit(logits) - holds)

    return _fit(rows, loss, start, strength)


def _fit(rows: csr_matrix, loss: Callable[[Array], tuple[float, Array]], start: Linear, strength: float) -> Linear:
    columns, classes = start.weights.shape
    penalty = 1.0 / strength
    turned = rows.T.tocsr()

    def objective(flat: Array) -> tuple[float, Array]:
        moved = flat[: columns * classes].reshape(columns, classes)
        biases = flat[columns * classes :]
        value, slope = loss(rows @ (start.weights + moved) + biases)
        gradient = np.concatenate([(turned @ slope + penalty * moved).ravel(), slope.sum(axis=0)])
        return value + penalty / 2 * float((moved * moved).sum()), gradient

    first = np.concatenate([np.zeros(columns * classes), start.biases])
    found = minimize(
        objective, first, jac=True, method="L-BFGS-B", options={"maxiter": _STEPS, "gtol": _NEAR_ENOUGH, "maxcor": 10}
    )
    return Linear(start.weights + found.x[: columns * classes].reshape(columns, classes), found.x[columns * classes :])
