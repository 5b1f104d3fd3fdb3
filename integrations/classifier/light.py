"""The light path: linear heads over words, word pairs, letter sequences and what the rules found.

It scores every message. A model is arrays and a few lines of JSON in one `.npz` file (no pickle), known by the SHA-256
of its bytes. The same text gets the same probabilities alone or in a batch: every row is added up by itself.
"""

import hashlib
import io
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.special import expit, softmax

from integrations.classifier.features import BITS, HALF, Counts, Features
from integrations.classifier.fields import words_of
from integrations.classifier.fitting import Linear
from integrations.classifier.signals import KEYS, signals
from policy.assess.normalise import Spelling

Probabilities = Mapping[str, NDArray[np.float64]]
"""By field: a row a text, a column a word of the field, in the order of `fields.words_of`."""


class NotAModel(ValueError):
    """The bytes are no model of this kind, or are damaged; says why."""


@dataclass(frozen=True)
class Space:
    """Which places count (`places`, sorted: words first, then letters), and how rare each is."""

    places: NDArray[np.int64]
    rarity: NDArray[np.float32]

    @cached_property
    def column_of(self) -> NDArray[np.int64]:
        columns = np.full(1 << BITS, -1, dtype=np.int64)
        columns[self.places] = np.arange(len(self.places))
        return columns

    @property
    def width(self) -> int:
        """Columns of a row: places, then the rules' signals."""
        return len(self.places) + len(KEYS)

    def rows(self, counted: Counts, said: NDArray[np.float32]) -> csr_matrix:
        """TF-IDF rows, words and letters each of length one, with the rules' signals beside them."""
        owners, places, counts = counted
        columns = self.column_of[places]
        known = columns >= 0
        owners, places, columns = owners[known], places[known], columns[known]
        values = (1.0 + np.log(counts[known])) * self.rarity[columns]
        halves = owners * 2 + (places >= HALF)
        lengths = np.sqrt(np.bincount(halves, values.astype(np.float64) ** 2, minlength=2 * len(said)))
        values = values / lengths[halves]
        given, where = np.nonzero(said)
        owners = np.concatenate([owners, given])
        columns = np.concatenate([columns, where + len(self.places)])
        values = np.concatenate([values, said[given, where]])
        order = np.argsort(owners, kind="stable")
        starts = np.concatenate([[0], np.cumsum(np.bincount(owners, minlength=len(said)))])
        return csr_matrix((values[order].astype(np.float64), columns[order], starts), shape=(len(said), self.width))


@dataclass(frozen=True)
class LightModel:
    """A trained model. `card` says how it came to be; `temperatures` calibrate its probabilities, by field."""

    name: str
    space: Space
    heads: Mapping[str, Linear]
    temperatures: Mapping[str, float]
    card: Mapping[str, Any] = field(default_factory=dict)

    def to_bytes(self) -> bytes:
        """The model as a file; the same model gives the same bytes."""
        about = {
            "form": _FORM,
            "name": self.name,
            "fields": {name: list(words_of(name)) for name in self.heads},
            "signals": list(KEYS),
            "temperatures": dict(self.temperatures),
            "card": dict(self.card),
        }
        arrays: dict[str, NDArray[Any]] = {
            "about": np.frombuffer(json.dumps(about, sort_keys=True).encode(), dtype=np.uint8),
            "places": self.space.places.astype(np.int32),
            "rarity": self.space.rarity.astype(np.float16),
        }
        for name, head in self.heads.items():
            arrays[f"steps.{name}"] = _steps(head.weights)
            arrays[f"weights.{name}"] = np.round(head.weights / arrays[f"steps.{name}"]).astype(np.int8)
            arrays[f"biases.{name}"] = head.biases.astype(np.float32)
        file = io.BytesIO()
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
        return file.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes, sha256: str | None = None) -> "LightModel":
        """The model in a file.

        Raises:
            NotAModel: damaged, of another form, or for other words than the desk has now.
        """
        if sha256 is not None and digest(data) != sha256:
            raise NotAModel(f"The model's SHA-256 is {digest(data)}, not {sha256}: the file was changed.")
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
                found = {name: arrays[name] for name in arrays.files}
            about = json.loads(found["about"].tobytes())
            space = Space(found["places"].astype(np.int64), found["rarity"].astype(np.float32))
            heads = {
                name: Linear(
                    found[f"weights.{name}"].astype(np.float32) * found[f"steps.{name}"],
                    found[f"biases.{name}"].astype(np.float64),
                )
                for name in about["fields"]
            }
        except (OSError, KeyError, ValueError, EOFError, BadZipFile, zlib.error, AttributeError) as error:
            raise NotAModel(f"This is no model of the light path: {error}.") from error
        words = {name: list(words_of(name)) for name in heads}
        if about["form"] != _FORM or about["fields"] != words or about["signals"] != list(KEYS):
            raise NotAModel("The model was made for other words or another form. Train it anew: tanggap model train.")
        return cls(about["name"], space, heads, about["temperatures"], about["card"])


_FORM = 1


def _steps(weights: NDArray[Any]) -> NDArray[np.float32]:
    """The step of each class's 8-bit weights, a power of two, so that writing a model again gives the same bytes.

    Sums over hundreds of weights are right to some hundredths.
    """
    largest = np.maximum(np.abs(weights).max(axis=0), 1e-6)
    return np.asarray(np.exp2(np.ceil(np.log2(largest / 127.0))), dtype=np.float32)


def digest(data: bytes) -> str:
    """How the bytes of a model are known again."""
    return hashlib.sha256(data).hexdigest()


class LightPath:
    """A model at work, with the spelling that the lexicon knows. One instance reads on one thread."""

    def __init__(self, model: LightModel, spelling: Spelling) -> None:
        self.model = model
        self._features = Features(spelling)
        self._stacked = np.concatenate([head.weights for head in model.heads.values()], axis=1, dtype=np.float32)
        self._biases = np.concatenate([head.biases for head in model.heads.values()])
        self._by_word = {name: np.ascontiguousarray(head.weights.T) for name, head in model.heads.items()}

    def rows(self, texts: Sequence[str], said: Sequence[Mapping[str, float]]) -> csr_matrix:
        """The texts as the heads see them."""
        return self.model.space.rows(self._features.count(texts), signals(said))

    def probabilities(
        self, texts: Sequence[str], said: Sequence[Mapping[str, float]]
    ) -> dict[str, NDArray[np.float64]]:
        """How likely each word of each field is, calibrated; `said` is what the rules found."""
        # In single precision: mixed with the weights', scipy would copy all of them for each batch.
        logits = self.rows(texts, said).astype(np.float32) @ self._stacked + self._biases
        found: dict[str, NDArray[np.float64]] = {}
        at = 0
        for name, head in self.model.heads.items():
            size = len(head.biases)
            found[name] = likelihoods(name, logits[:, at : at + size], self.model.temperatures.get(name, 1.0))
            at += size
        return found

    def speaks_for(self, text: str, name: str, word: str) -> list[tuple[float, int, int]]:
        """How much each written word of a text speaks for a finding, the most telling first, with its place."""
        written = self._features.tokens(text)
        if not written:
            return []
        places = [self._features.places_of(token) for token, _, _ in written]
        starts = np.cumsum([0, *(len(found) for found in places[:-1])])
        columns = self.model.space.column_of[np.concatenate(places)]
        weights = self._by_word[name][words_of(name).index(word)]
        values = np.where(columns >= 0, weights[columns] * self.model.space.rarity[columns], 0.0)
        spoken = np.add.reduceat(values, starts).tolist()
        found = [(weight, start, end) for weight, (_, start, end) in zip(spoken, written, strict=True)]
        return sorted(found, key=lambda one: (-one[0], one[1]))


def likelihoods(name: str, logits: NDArray[np.float64], temperature: float) -> NDArray[np.float64]:
    """Logits as probabilities: of a field of which one word holds they add up to one, of `risks` each stands alone."""
    calm = logits / temperature
    return np.asarray(expit(calm) if name == "risks" else softmax(calm, axis=1))
