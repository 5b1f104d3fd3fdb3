"""What may never be missed is found however it is typed, and what only looks like it is left alone."""

from collections import Counter
from pathlib import Path

import pytest

from db.words import Risk
from integrations.classifier.opening import Ground, open_assessor
from integrations.classifier.use import Use
from policy.assessment import Text

DATA = Path(__file__).resolve().parents[1] / "data"
GRAVE = frozenset((Risk.INJURY, Risk.LEGAL_THREAT, Risk.REGULATOR, Risk.MEDIA, Risk.FRAUD, Risk.PRIVACY, Risk.DISTRESS))
FALSE_ALARMS = 0.05


def rows(name):
    lines = (DATA / name).read_text("utf-8").splitlines()
    return [(Risk(risk), text) for risk, text in (line.split("\t") for line in lines)]


MUSTS, LOOK_ALIKES = rows("must_not_miss.tsv"), rows("look_alikes.tsv")


@pytest.fixture(scope="module", params=[Use.OFF, Use.LIGHT, Use.FULL])
def assessor(request, policy):
    return open_assessor(Ground(policy.lexicon, policy.company, policy.assessing, any_brand=True), request.param)


def test_every_phrasing_that_must_not_be_missed_gets_its_risk(assessor):
    found = assessor.assess([Text(text) for _, text in MUSTS])

    missed = [f"{risk}: {text}" for (risk, text), one in zip(MUSTS, found, strict=True) if risk not in one.risks]

    assert not missed, f"{len(missed)} of {len(MUSTS)} missed:\n" + "\n".join(missed)


def test_few_look_alikes_are_taken_for_the_real_thing(assessor):
    found = assessor.assess([Text(text) for _, text in LOOK_ALIKES])

    flagged = [
        f"{', '.join(sorted(GRAVE.intersection(one.risks)))}: {text}"
        for (_, text), one in zip(LOOK_ALIKES, found, strict=True)
        if not GRAVE.isdisjoint(one.risks)
    ]

    assert len(flagged) <= FALSE_ALARMS * len(LOOK_ALIKES), (
        f"{len(flagged)} of {len(LOOK_ALIKES)} flagged:\n" + "\n".join(flagged)
    )


def test_both_lists_are_long_enough_to_mean_something():
    assert len(MUSTS) >= 150
    assert len(LOOK_ALIKES) >= 300
    assert {risk for risk, _ in MUSTS} == {risk for risk, _ in LOOK_ALIKES} == GRAVE


@pytest.mark.parametrize("listed", [MUSTS, LOOK_ALIKES], ids=["musts", "look-alikes"])
def test_no_phrasing_stands_twice(listed):
    assert [text for text, times in Counter(text.casefold() for _, text in listed).items() if times > 1] == []


def test_no_phrasing_stands_in_both_lists():
    assert {text.casefold() for _, text in MUSTS}.isdisjoint(text.casefold() for _, text in LOOK_ALIKES)
