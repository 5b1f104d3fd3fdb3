"""Cuts a text into the pieces that the encoder knows: SentencePiece's unigram model, cut to id and en."""

import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers

LONGEST = 96
"""Pieces of a text that the encoder reads, its two ends included; of a longer one, the first 62 and the last 32."""

_LAST = 32
PAD, BOS, EOS, UNK = 0, 1, 2, 3
_SPACE = "▁"


def keep(pieces: Sequence[str], scores: Sequence[float], seen: Iterable[int], most: int) -> list[int]:
    """The pieces of the pretrained vocabulary that stay: those seen in training, then ASCII ones by likelihood."""
    chosen = sorted(set(seen))
    have = set(chosen)
    likely = sorted(
        (number for number, piece in enumerate(pieces) if piece.replace(_SPACE, "").isascii() and number not in have),
        key=lambda number: -scores[number],
    )
    return sorted(chosen + likely[: max(0, most - len(chosen))])


def build(pieces: Sequence[tuple[str, float]]) -> Tokenizer:
    """A tokenizer over these pieces; the first four are padding, beginning, end and unknown."""
    tokenizer = Tokenizer(models.Unigram([(piece, float(score)) for piece, score in pieces], UNK, False))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(_SPACE, "always", False)
    tokenizer.decoder = decoders.Metaspace(_SPACE, "always", False)
    return tokenizer


def load(path: Path) -> Tokenizer:
    """The tokenizer in a file."""
    return Tokenizer.from_file(str(path))


def normal(text: str) -> str:
    """The text as the pretrained vocabulary was made for: NFKC, single spaces, no more than it reads anyway.

    Lone surrogates become question marks: the tokenizer takes UTF-8 only.
    """
    written = _readable(text).encode("utf-8", "replace").decode("utf-8")
    return " ".join(unicodedata.normalize("NFKC", written).split())


def _readable(text: str) -> str:
    """Both ends of a very long text: nothing between is read, and normalising it takes time."""
    return text if len(text) <= 3000 else f"{text[:2000]} {text[-1000:]}"


def cut(tokenizer: Tokenizer, texts: Sequence[str]) -> list[list[int]]:
    """The pieces of each text, with both ends marked, at most `LONGEST`."""
    found = tokenizer.encode_batch_fast([normal(text) for text in texts], add_special_tokens=False)
    return [_bounded(encoding.ids) for encoding in found]


def _bounded(ids: list[int]) -> list[int]:
    if len(ids) > LONGEST - 2:
        ids = ids[: LONGEST - 2 - _LAST] + ids[-_LAST:]
    return [BOS, *ids, EOS]
