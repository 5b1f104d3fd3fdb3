"""What the model learns from, one form for all of it.

The desk's own corpus lies in `integrations/classifier/corpus` and comes with the package. Public texts, whose licences
(MIT, CC BY, CC BY-SA; see `NOTICE`) allow a model to be shipped that learned from them, are read from a directory that
holds them as CSV and are not part of the package: their labels for our fields (`rows.csv`) name row and hash.
"""

import csv
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

WEAK = 0.3
"""What a label counts that follows from another one (a shop review called negative, with one star, is a complaint)."""

_EMOTIONS = {"Anger": "anger", "Fear": "fear", "Happy": "happy", "Love": "love", "Sadness": "sadness"}


class MaterialMissing(ValueError):
    """A file to learn from is not there, or is not what it was; says which."""


@dataclass(frozen=True)
class Example:
    """A text with what is known of it: a word by field (`risks`: several words with commas between them).

    `source` names where it is from, `weights` what each label counts (1 where nothing is said).
    """

    text: str
    labels: Mapping[str, str]
    source: str
    language: str = "id"
    weights: Mapping[str, float] = field(default_factory=dict)


def own(name: str = "messages.jsonl") -> list[Example]:
    """The desk's own messages of one file of the corpus."""
    lines = (files("integrations.classifier") / "corpus" / name).read_text("utf-8").splitlines()
    return [_own(json.loads(line), name.removesuffix(".jsonl")) for line in lines]


def _own(line: Mapping[str, object], source: str) -> Example:
    labels = {name: str(line[name]) for name in ("kind", "category", "remedy", "anger") if line[name] is not None}
    risks = line["risks"]
    assert isinstance(risks, list)
    return Example(
        text=str(line["text"]),
        labels=whole(labels, tuple(str(risk) for risk in risks)),
        source=source,
        language=str(line["language"]),
    )


def whole(labels: Mapping[str, str], risks: tuple[str, ...]) -> dict[str, str]:
    """The labels of a message with what follows from them."""
    return {**labels, "complaint": "yes" if labels["kind"] == "complaint" else "no", "risks": ",".join(risks)}


def public(directory: Path) -> list[Example]:
    """The public texts that a shipped model may learn from, with their own labels, and what follows from these.

    Raises:
        MaterialMissing: a file is missing.
    """
    return [
        *_sentiment(directory / "smsa" / "train.csv", "id"),
        *_sentiment(directory / "nusax_english" / "train.csv", "en"),
        *_emotion(directory / "emot" / "train.csv"),
        *_shop_reviews(directory / "prdect_id" / "all.csv"),
        *_hotel_reviews(directory / "hoasa" / "train.csv"),
        *_intents(directory / "banking77" / "train.csv"),
    ]


def _rows(path: Path) -> list[dict[str, str]]:
    if not path.is_file():
        raise MaterialMissing(f"{path} is missing. Point --data to the directory of the public texts.")
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _sentiment(path: Path, language: str) -> Iterator[Example]:
    for row in _rows(path):
        labels = {"sentiment": row["label"]}
        weights = {}
        if path.parent.name == "smsa" and row["label"] == "neutral":
            labels["complaint"], weights["complaint"] = "no", WEAK
        yield Example(row["text"], labels, path.parent.name, language, weights)


def _emotion(path: Path) -> Iterator[Example]:
    for row in _rows(path):
        yield Example(row["text"], {"emotion": row["label"]}, "emot")


def _shop_reviews(path: Path) -> Iterator[Example]:
    for row in _rows(path):
        if row["sentiment"] not in ("Positive", "Negative"):
            continue
        positive = row["sentiment"] == "Positive"
        labels = {"sentiment": "positive" if positive else "negative"}
        if row["emotion"] in _EMOTIONS:
            labels["review_emotion"] = _EMOTIONS[row["emotion"]]
        labels["complaint"] = "no" if positive else "yes"
        labels["kind"] = "praise" if positive else "complaint"
        yield Example(row["text"], labels, "prdect_id", "id", {"sentiment": WEAK, "complaint": WEAK, "kind": WEAK})


def _hotel_reviews(path: Path) -> Iterator[Example]:
    for row in _rows(path):
        said = {value for name, value in row.items() if name != "review"} - {"neut"}
        if said == {"neg"}:
            yield Example(row["review"], {"complaint": "yes", "kind": "complaint"}, "hoasa", "id", _WEAKLY)
        elif said == {"pos"}:
            yield Example(row["review"], {"complaint": "no", "kind": "praise"}, "hoasa", "id", _WEAKLY)


_WEAKLY = {"complaint": WEAK, "kind": WEAK}


def _intents(path: Path) -> Iterator[Example]:
    for row in _rows(path):
        yield Example(row["text"], {"intent": row["category"]}, "banking77", "en")


def labelled(directory: Path) -> list[Example]:
    """The public rows that carry our labels.

    Raises:
        MaterialMissing: a file is missing, or a row is not the one that was labelled.
    """
    return list(_labelled(directory))


def _labelled(directory: Path) -> Iterator[Example]:
    texts: dict[str, list[str]] = {}
    columns = {"hoasa": "review", "casa": "sentence"}
    lines = (files("integrations.classifier") / "corpus" / "rows.csv").read_text("utf-8").splitlines()
    for row in csv.DictReader(lines):
        path, number = row["path"], int(row["row"])
        if path not in texts:
            name = columns.get(path.split("/")[0], "text")
            texts[path] = [found[name] for found in _rows(directory / path)]
        text = texts[path][number]
        if digest(text) != row["sha256"]:
            raise MaterialMissing(f"{directory / path}, row {number}, is not the text that was labelled.")
        labels = {name: row[name] for name in ("kind", "category", "remedy", "anger") if row[name]}
        yield Example(text, whole(labels, _split(row["risks"])), path.split("/")[0], row["language"])


def _split(risks: str) -> tuple[str, ...]:
    return tuple(risk for risk in risks.split(",") if risk)


def held_back(example: Example) -> bool:
    """Whether an example is kept from training: a tenth, by its text, on which probabilities are calibrated."""
    return int(digest(example.text), 16) % 10 == 0


def digest(text: str) -> str:
    """How a public row is known again without its text: the first 16 digits of its SHA-256."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]
