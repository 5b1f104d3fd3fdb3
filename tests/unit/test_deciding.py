"""How rules and probabilities become decisions: the examples beside each threshold of assessing.yaml."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from db.words import Category, Kind, Remedy, Risk
from policy.assess.deciding import Assessing, decide, kind_chances, wants_second_opinion

LIMITS = Assessing.model_validate(
    {
        "complaint_from": 0.4,
        "sure_from": 0.6,
        "spam_despite_risk_from": 0.9,
        "remedy_said_from": 2.0,
        "risks": {str(risk): {"missed_costs": 100, "found_from": 0.5} for risk in Risk},
        "unsure": {"kind": 0.5, "category": 0.4, "remedy": 0.4, "anger": 0.35, "look_costs": 10},
        "second_opinion": {
            "kind_under": 0.9,
            "category_under": 0.8,
            "remedy_under": 0.7,
            "risk_from": 0.1,
            "weight": 0.5,
            "waiting_at_most": 100,
        },
    }
)


@dataclass
class Said:
    """What rules found, as a test wants it."""

    risks: Sequence[Risk] = ()
    said: dict[str, float] = field(default_factory=dict)

    def risks_in(self, kind: Kind) -> Sequence[Risk]:
        return self.risks


NOTHING = Said()


def spread(words, **likely):
    """Probabilities of a field: what is not given shares the rest."""
    rest = (1 - sum(likely.values())) / (len(words) - len(likely))
    return [likely.get(str(word), rest) for word in words]


def chances(*, anger=(1, 0, 0, 0), category=None, remedy=None, risks=None, **kinds):
    kinds = kinds or {"complaint": 1.0}
    likely = spread(tuple(Kind), **kinds)
    return {
        "kind": likely,
        "complaint": [1 - likely[0], likely[0]],
        "category": spread(tuple(Category), **(category or {"product": 1.0})),
        "remedy": spread(tuple(Remedy), **(remedy or {"none": 1.0})),
        "anger": list(anger),
        "risks": [(risks or {}).get(str(risk), 0.0) for risk in Risk],
    }


# The kind


def test_the_likeliest_kind_is_it():
    assert decide(chances(question=0.9), NOTHING, LIMITS).kind is Kind.QUESTION


@pytest.mark.parametrize(
    ("question", "complaint", "kind"),
    [
        (0.59, 0.41, Kind.COMPLAINT),
        (0.61, 0.39, Kind.QUESTION),
        (0.55, 0.39, Kind.QUESTION),
        (0.60, 0.40, Kind.QUESTION),
    ],
)
def test_what_is_nothing_else_for_sure_is_a_complaint(question, complaint, kind):
    likely = chances(question=question, complaint=complaint)

    assert decide(likely, NOTHING, LIMITS).kind is kind


def test_complaint_or_not_has_half_a_say():
    likely = {**chances(praise=0.8, complaint=0.2), "complaint": [0.2, 0.8]}

    assert kind_chances(likely)[0] == pytest.approx(0.5)
    assert sum(kind_chances(likely)) == pytest.approx(1)


def test_a_risk_that_the_rules_found_is_no_spam():
    found = decide(chances(spam=0.85), Said((Risk.FRAUD,)), LIMITS)

    assert (found.kind, found.risks) == (Kind.COMPLAINT, (Risk.FRAUD,))


def test_spam_for_sure_is_spam_whatever_it_mentions():
    found = decide(chances(spam=0.95), Said((Risk.FRAUD,)), LIMITS)

    assert (found.kind, found.risks) == (Kind.SPAM, ())


# Category and remedy


def test_only_a_complaint_has_category_and_remedy():
    found = decide(chances(praise=0.9), NOTHING, LIMITS)

    assert (found.category, found.remedy) == (None, None)
    assert found.confidence["category"] == found.confidence["remedy"] == found.confidence["kind"]


def test_a_remedy_that_is_clearly_said_stands_whatever_the_model_thinks():
    likely = chances(remedy={"apology": 0.95})

    assert decide(likely, Said(said={"remedy.refund": 2.0}), LIMITS).remedy is Remedy.REFUND


def test_a_remedy_that_is_hardly_said_gives_way_to_the_model():
    likely = chances(remedy={"apology": 0.95})

    assert decide(likely, Said(said={"remedy.refund": 1.9}), LIMITS).remedy is Remedy.APOLOGY


# Anger


@pytest.mark.parametrize(
    ("anger", "level"),
    [
        ((0.6, 0.2, 0.1, 0.1), 0),
        ((0.45, 0.1, 0.0, 0.45), 1),
        ((0.4, 0.0, 0.3, 0.3), 2),
        ((0.1, 0.1, 0.2, 0.6), 3),
    ],
)
def test_anger_is_the_middle_of_what_is_likely(anger, level):
    assert decide(chances(anger=anger), NOTHING, LIMITS).anger == level


def test_praise_is_never_angry():
    assert decide(chances(praise=0.9, anger=(0, 0, 0, 1)), NOTHING, LIMITS).anger == 0


# Risks


@pytest.mark.parametrize(
    ("chance", "found", "looked_for"), [(0.09, (), False), (0.2, (), True), (0.5, (Risk.INJURY,), False)]
)
def test_a_risk_that_only_the_model_sees(chance, found, looked_for):
    decision = decide(chances(risks={"injury": chance}), NOTHING, LIMITS)

    assert decision.risks == found
    assert ("risks" in decision.unsure) is looked_for


def test_a_risk_that_the_rules_found_stands_though_the_model_sees_none():
    assert decide(chances(), Said((Risk.INJURY,)), LIMITS).risks == (Risk.INJURY,)


def test_risks_of_rules_and_model_are_told_together():
    decision = decide(chances(risks={"media": 0.9}), Said((Risk.INJURY,)), LIMITS)

    assert decision.risks == (Risk.INJURY, Risk.MEDIA)


def test_every_risk_needs_its_limits():
    without = LIMITS.model_dump()
    del without["risks"][Risk.INJURY]

    with pytest.raises(ValueError, match="injury"):
        Assessing.model_validate(without)


# What a person decides


def test_what_is_clear_needs_nobody():
    assert decide(chances(), NOTHING, LIMITS).unsure == ()


def test_each_field_under_its_threshold_is_a_persons():
    likely = chances(
        category={"product": 0.3, "service": 0.2}, remedy={"none": 0.3, "refund": 0.2}, anger=(0.3, 0.3, 0.2, 0.2)
    )

    assert set(decide(likely, NOTHING, LIMITS).unsure) == {"category", "remedy", "anger"}


# The second opinion


@pytest.mark.parametrize(
    ("likely", "found", "wanted"),
    [
        (chances(), (), False),
        (chances(question=0.95), (), False),
        (chances(question=0.85), (), True),
        (chances(), (Risk.MEDIA,), True),
        (chances(risks={"churn": 0.1}), (), True),
        (chances(category={"product": 0.75}), (), True),
        (chances(remedy={"refund": 0.65}), (), True),
        (chances(question=0.95, category={"product": 0.5}), (), False),
    ],
)
def test_when_the_encoder_is_asked(likely, found, wanted):
    assert wants_second_opinion(likely, found, LIMITS.second_opinion) is wanted
