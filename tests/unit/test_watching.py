"""Answer, watch, note or throw out."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

import policy.watching
from db.words import Category, Kind, Risk, Visibility
from policy.assessment import TextAssessment
from policy.reach import Reach
from policy.reading import read_rules
from policy.severity import Severities, grade
from policy.watching import Disposition, Watching, disposition, grown

SHIPPED = Path(policy.watching.__file__).parent
RULES = read_rules(SHIPPED / "watching.yaml", Watching)
SEVERITIES = read_rules(SHIPPED / "severities.yaml", Severities)
COMPLAINT = TextAssessment(
    kind=Kind.COMPLAINT,
    category=Category.PRODUCT,
    remedy=None,
    risks=(),
    anger=1,
    language="id",
    confidence={},
    evidence=(),
    addressed=True,
    about_us=True,
    opinion=True,
    breach=True,
    asks=False,
    version="test",
)
OPINION = replace(COMPLAINT, kind=Kind.OTHER, category=None, addressed=False, breach=False)
NEWS = replace(OPINION, opinion=False)
PRAISE = replace(NEWS, kind=Kind.PRAISE, addressed=True)
QUESTION = replace(NEWS, kind=Kind.QUESTION, asks=True)
ANSWER, WATCH, NOTE, SPAM = Disposition


def decided(found: TextAssessment, **reach: Any) -> Disposition:
    spread = Reach(**reach)
    return disposition(found, grade(found, spread, Visibility.PUBLIC, SEVERITIES), spread, RULES)


@pytest.mark.parametrize(
    ("found", "reach", "expected"),
    [
        (COMPLAINT, {"views": 40}, ANSWER),
        (replace(COMPLAINT, breach=False, asks=True), {}, ANSWER),
        (replace(COMPLAINT, breach=False), {}, WATCH),
        (replace(COMPLAINT, breach=False), {"views": 2_000}, ANSWER),
        (replace(COMPLAINT, breach=False), {"followers": 10_000}, ANSWER),
        (replace(COMPLAINT, breach=False), {"views": 1_999, "followers": 9_999}, WATCH),
        (replace(COMPLAINT, breach=False, risks=(Risk.CHURN,)), {}, ANSWER),
        (replace(COMPLAINT, addressed=False), {"views": 40}, WATCH),
        (replace(COMPLAINT, addressed=False), {"views": 5_200}, ANSWER),
        (replace(COMPLAINT, addressed=False, risks=(Risk.INJURY,)), {"views": 40}, ANSWER),
        (replace(COMPLAINT, addressed=False, about_us=False), {}, WATCH),
        (replace(COMPLAINT, addressed=False, about_us=False), {"views": 200_000}, ANSWER),
        (OPINION, {"views": 40, "followers": 35}, WATCH),
        (OPINION, {"views": 180_000}, ANSWER),
        (OPINION, {"views": 3_000}, ANSWER),
        (replace(OPINION, addressed=True), {"views": 40}, WATCH),
        (replace(OPINION, about_us=False), {"views": 180_000}, NOTE),
        (NEWS, {"views": 5_000}, NOTE),
        (NEWS, {"followers": 310_000}, ANSWER),
        (replace(NEWS, risks=(Risk.MEDIA,)), {}, ANSWER),
        (PRAISE, {"views": 5_000}, NOTE),
        (PRAISE, {"views": 150_000}, ANSWER),
        (QUESTION, {}, ANSWER),
        (replace(QUESTION, about_us=False), {}, NOTE),
        (replace(COMPLAINT, kind=Kind.SPAM), {"views": 2_000_000}, SPAM),
    ],
)
def test_what_is_done_with_a_message(found: TextAssessment, reach: dict[str, int], expected: Disposition) -> None:
    assert decided(found, **reach) is expected


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (Reach(views=40), Reach(views=1_999), False),
        (Reach(views=40), Reach(views=2_000), True),
        (Reach(views=2_000), Reach(views=19_999), False),
        (Reach(views=20_000), Reach(views=100_000), True),
        (Reach(followers=9_999), Reach(followers=10_000), True),
        (Reach(views=180_000), Reach(views=40), False),
        (Reach(views=600_000, views_a_day_ago=300_000), Reach(views=700_000, views_a_day_ago=7_000), True),
        (Reach(views=700_000, views_a_day_ago=7_000), Reach(views=710_000, views_a_day_ago=7_000), False),
    ],
)
def test_a_message_is_looked_at_again_when_it_passes_a_mark(before: Reach, after: Reach, expected: bool) -> None:
    assert grown(before, after, RULES) is expected


@pytest.mark.parametrize(("list_", "mark"), [("views", 2_000), ("followers", 10_000)])
def test_marks_that_let_a_message_grow_unseen_are_found(list_: str, mark: int) -> None:
    written = yaml.safe_load((SHIPPED / "watching.yaml").read_text())
    written["reassess_at"][list_].remove(mark)

    ((place, message),) = Watching.model_validate(written).contradictions()

    assert place == ("reassess_at", list_)
    assert str(mark) in message
