"""Rules, light path and encoder as one assessor: one text, one answer, and what the rules found stays found."""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from db.words import Category, Kind, Remedy, Risk
from integrations.classifier import shipped as shipped_files
from integrations.classifier.encoder.session import EncoderPath
from integrations.classifier.opening import Ground, open_assessor
from integrations.classifier.shipped import MODELS, encoder_missing
from integrations.classifier.use import Use
from policy.assess.deciding import decide, kind_chances
from policy.assessment import Text
from policy.loading import load_policy

FILE = Path(__file__).resolve().parents[1] / "data" / "assessed.jsonl"
MESSAGES = [Text(json.loads(line)["text"]) for line in FILE.read_text("utf-8").splitlines()]
SOME = random.Random(3).sample(MESSAGES, 60)
ODD = [
    Text(""),
    Text("😡😡😡"),
    Text("🇮🇩"),
    Text("ok"),
    Text("?"),
    Text("rusak " * 400),
    Text("kirim ulang", subject="Lapor OJK"),
]
FIELDS = {"kind", "category", "remedy", "risks", "anger", "language"}
LIMITS = load_policy().assessing


@pytest.fixture(scope="module")
def ground(policy):
    return Ground(policy.lexicon, policy.company, policy.assessing, any_brand=True)


@pytest.fixture(scope="module", params=list(Use))
def assessor(request, ground):
    return open_assessor(ground, request.param)


def test_a_text_gets_the_same_answer_alone_and_in_a_batch(assessor):
    texts = [*SOME, *ODD]

    together = assessor.assess(texts)

    assert [assessor.assess([text])[0] for text in texts] == together


def test_a_text_gets_the_same_answer_in_any_order(assessor):
    texts = [*SOME, *ODD]
    order = random.Random(4).sample(range(len(texts)), len(texts))
    together = assessor.assess(texts)

    found = assessor.assess([texts[at] for at in order])

    assert found == [together[at] for at in order]


def test_a_text_gets_the_same_answer_again(assessor):
    assert assessor.assess(SOME) == assessor.assess(SOME)


def test_a_fresh_assessor_says_what_a_used_one_says(assessor, ground, request):
    fresh = open_assessor(ground, request.node.callspec.params["assessor"])

    assert fresh.assess(SOME[:20]) == assessor.assess(SOME[:20])


def test_nothing_in_gives_nothing_out(assessor):
    assert assessor.assess([]) == []


def test_evidence_stands_in_the_text_as_it_is_quoted(assessor):
    for text, found in zip([*MESSAGES, *ODD], assessor.assess([*MESSAGES, *ODD]), strict=True):
        for piece in found.evidence:
            assert piece.quote == text.text[piece.start : piece.end]
            assert piece.quote
            assert piece.field in FIELDS


@pytest.mark.parametrize("use", [Use.LIGHT, Use.FULL])
def test_every_risk_has_words_that_it_rests_on(ground, use):
    """Of the other findings those that are no default; a model sees some in words too common to speak for them."""
    bare = [
        (text.text, found.risks)
        for text, found in zip(MESSAGES, open_assessor(ground, use).assess(MESSAGES), strict=True)
        if found.risks and not any(piece.field == "risks" for piece in found.evidence)
    ]

    assert bare == []


@pytest.mark.parametrize("use", [Use.LIGHT, Use.FULL])
def test_nearly_every_complaint_shows_its_words(ground, use):
    found = [one for one in open_assessor(ground, use).assess(MESSAGES) if one.kind is Kind.COMPLAINT]

    bare = [one for one in found if not {"kind", "category"} <= {piece.field for piece in one.evidence}]

    assert len(bare) <= 0.02 * len(found)


def test_confidence_is_told_of_every_field(assessor):
    for found in assessor.assess([*SOME, *ODD]):
        assert found.confidence.keys() == FIELDS
        assert all(0 <= value <= 1 for value in found.confidence.values())


def test_a_hurried_answer_asks_for_a_second_look_where_the_encoder_had_a_say(ground):
    if missing := encoder_missing():
        pytest.skip(missing)
    full, light = open_assessor(ground, Use.FULL), open_assessor(ground, Use.LIGHT)

    hurried = full.assess(SOME, hurried=True)

    assert {found.version for found in hurried} == {light.version}
    assert any(found.second_look for found in hurried)
    assert [(one.kind, one.risks, one.confidence) for one in hurried] == [
        (one.kind, one.risks, one.confidence) for one in light.assess(SOME)
    ]


def test_the_version_names_every_part(ground):
    off, light, full = (open_assessor(ground, use).version for use in (Use.OFF, Use.LIGHT, Use.FULL))

    assert light.startswith(f"{off}+")
    assert encoder_missing() or full == f"{light}+{EncoderPath(MODELS).name}"


@pytest.mark.parametrize("absent", ["onnxruntime", "tokenizers"])
def test_without_its_libraries_the_light_path_answers_and_says_so(ground, monkeypatch, absent):
    present = shipped_files.find_spec
    monkeypatch.setattr(shipped_files, "find_spec", lambda name: None if name == absent else present(name))
    light = open_assessor(ground, Use.LIGHT)

    found = open_assessor(ground, Use.FULL)

    assert absent in (encoder_missing() or shipped_files.encoder_missing())
    assert found.version == light.version
    assert found.assess(SOME[:10]) == light.assess(SOME[:10])


# Whatever a model says


@dataclass
class Said:
    """What rules found, as a test draws it."""

    risks: Sequence[Risk] = ()
    said: dict[str, float] = field(default_factory=dict)

    def risks_in(self, kind: Kind) -> Sequence[Risk]:
        return () if kind is Kind.SPAM else self.risks


def shares(count):
    weights = st.lists(st.floats(0, 1, allow_nan=False), min_size=count, max_size=count)
    return weights.map(lambda drawn: [one / sum(drawn) if sum(drawn) > 1e-6 else 1 / count for one in drawn])


LIKELY = st.fixed_dictionaries(
    {
        "kind": shares(len(Kind)),
        "complaint": shares(2),
        "category": shares(len(Category)),
        "remedy": shares(len(Remedy)),
        "anger": shares(4),
        "risks": st.lists(st.floats(0, 1), min_size=len(Risk), max_size=len(Risk)),
    }
)
RULES = st.builds(
    Said,
    risks=st.lists(st.sampled_from(list(Risk)), unique=True, max_size=4).map(tuple),
    said=st.dictionaries(st.sampled_from([f"remedy.{remedy}" for remedy in Remedy]), st.floats(0, 5), max_size=3),
)


@given(LIKELY, RULES)
@settings(max_examples=300, deadline=None)
def test_a_risk_that_the_rules_found_is_dropped_by_sure_spam_alone(likely, rules):
    found = decide(likely, rules, LIMITS)

    if found.kind is Kind.SPAM and rules.risks:
        assert kind_chances(likely)[list(Kind).index(Kind.SPAM)] >= LIMITS.spam_despite_risk_from
    else:
        assert set(rules.risks) <= set(found.risks)
        assert set(found.guessed) == set(found.risks) - set(rules.risks)


@given(LIKELY, RULES)
@settings(max_examples=300, deadline=None)
def test_a_decision_holds_together_whatever_is_likely(likely, rules):
    found = decide(likely, rules, LIMITS)

    complaint = found.kind is Kind.COMPLAINT
    assert (found.category is not None) is (found.remedy is not None) is complaint
    assert found.anger in range(4)
    assert len(set(found.risks)) == len(found.risks)
    assert found.confidence.keys() == {"kind", "category", "remedy", "risks", "anger"}
    assert all(0 <= value <= 1 for value in found.confidence.values())


@given(LIKELY, RULES)
@settings(max_examples=300, deadline=None)
def test_the_fields_that_a_person_decides_are_the_unsure_ones(likely, rules):
    found = decide(likely, rules, LIMITS)

    judged = {"kind", "anger"} | ({"category", "remedy"} if found.kind is Kind.COMPLAINT else set())
    assert set(found.unsure) - {"risks"} == {
        name for name in judged if found.confidence[name] < getattr(LIMITS.unsure, name)
    }
    assert not ("risks" in found.unsure and found.kind is Kind.SPAM)


@given(LIKELY, RULES)
@settings(max_examples=100, deadline=None)
def test_a_remedy_that_the_rules_hear_clearly_stands(likely, rules):
    found = decide(likely, rules, LIMITS)

    loudest = max(rules.said.values(), default=0.0)
    if found.kind is Kind.COMPLAINT and loudest >= LIMITS.remedy_said_from:
        assert rules.said[f"remedy.{found.remedy}"] == loudest
