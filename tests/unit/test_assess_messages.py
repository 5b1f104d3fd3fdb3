"""Labelled messages of all trades: how often each field must be right, and what may never be missed."""

from collections import defaultdict
from pathlib import Path

import pytest
import yaml

from db.words import Category, Kind, Remedy, Risk
from policy.assessment import Text
from tests.unit.assessing import any_brand

MESSAGES = yaml.safe_load((Path(__file__).parent / "data" / "assess_messages.yaml").read_text(encoding="utf-8"))[
    "messages"
]

FLOORS = {"kind": 0.96, "category": 0.94, "remedy": 0.94, "risks": 0.96, "anger": 0.78, "language": 0.98}
"""Share that must be right; category and remedy among complaints."""


@pytest.fixture(scope="module")
def assessed():
    return any_brand().assess([Text(message["text"]) for message in MESSAGES])


def right(message, found, field):
    if field == "risks":
        return set(message.get("risks", ())) == {str(risk) for risk in found.risks}
    default = {"anger": 0, "language": "id"}.get(field)
    wanted = message.get(field, default)
    got = getattr(found, field)
    return wanted == (str(got) if isinstance(got, str) else got)


@pytest.mark.parametrize("field", FLOORS)
def test_the_floor_of_each_field(assessed, field):
    pairs = [
        (message, found)
        for message, found in zip(MESSAGES, assessed, strict=True)
        if field not in ("category", "remedy") or message["kind"] == "complaint"
    ]

    wrong = [message["text"] for message, found in pairs if not right(message, found, field)]

    assert 1 - len(wrong) / len(pairs) >= FLOORS[field], "\n".join(wrong)


@pytest.mark.parametrize("risk", ["injury", "legal_threat", "distress", "regulator", "discrimination"])
def test_grave_risks_are_never_missed(assessed, risk):
    missed = [
        message["text"]
        for message, found in zip(MESSAGES, assessed, strict=True)
        if risk in message.get("risks", ()) and risk not in found.risks
    ]

    assert missed == []


def test_anger_is_never_off_by_more_than_one(assessed):
    far = [m["text"] for m, found in zip(MESSAGES, assessed, strict=True) if abs(m.get("anger", 0) - found.anger) > 1]

    assert len(far) <= 0.01 * len(MESSAGES), far


def test_every_pair_is_told_apart(assessed):
    pairs = defaultdict(list)
    for message, found in zip(MESSAGES, assessed, strict=True):
        if "pair" in message:
            pairs[message["pair"]].append((message, found))

    mixed_up = [
        message["text"]
        for members in pairs.values()
        for message, found in members
        if not right(message, found, "kind") or not {*message.get("risks", ())} <= {str(risk) for risk in found.risks}
    ]

    assert len(pairs) >= 15
    assert len(mixed_up) <= 1, mixed_up


def test_the_messages_cover_every_word():
    seen = {key: {message.get(key) for message in MESSAGES} for key in ("kind", "category", "remedy")}
    risks = {risk for message in MESSAGES for risk in message.get("risks", ())}

    assert len(MESSAGES) >= 400
    assert seen["kind"] == {str(kind) for kind in Kind}
    assert seen["category"] - {None} == {str(category) for category in Category}
    assert seen["remedy"] - {None} == {str(remedy) for remedy in Remedy}
    assert risks == {str(risk) for risk in Risk}
