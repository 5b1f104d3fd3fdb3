"""What the trained model answers about a text: its fields, and the words of each in the order of the numbers."""

from collections.abc import Mapping

from db.words import Category, Kind, Remedy, Risk

COMPLAINT = ("no", "yes")
ANGER = ("0", "1", "2", "3")
SENTIMENT = ("negative", "neutral", "positive")
EMOTION = ("anger", "fear", "happy", "love", "sadness")
RISKS = tuple(str(risk) for risk in Risk)

FIELDS: Mapping[str, tuple[str, ...]] = {
    "kind": tuple(str(kind) for kind in Kind),
    "complaint": COMPLAINT,
    "category": tuple(str(category) for category in Category),
    "remedy": tuple(str(remedy) for remedy in Remedy),
    "anger": ANGER,
    "sentiment": SENTIMENT,
    "emotion": EMOTION,
}
"""The fields of which exactly one word holds. `complaint` is asked by itself: sentiment is no substitute for it (polite
complaints are not negative: of 1,000 real ones a sentiment model called 40 % so)."""

ALL = (*FIELDS, "risks")
"""Every head; `risks` may hold several words at once, or none."""


def words_of(field: str) -> tuple[str, ...]:
    """The words of a field."""
    return RISKS if field == "risks" else FIELDS[field]
