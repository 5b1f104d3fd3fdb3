"""The figures of a model are scikit-learn's, and the heads that are fitted are scikit-learn's logistic regression."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, precision_score, recall_score

from integrations.classifier.fields import FIELDS, RISKS
from integrations.classifier.fitting import Linear, fit_any_of, fit_one_of, nothing
from integrations.classifier.training import card, scores
from integrations.classifier.training.examples import Example
from integrations.classifier.training.light import Recipe

CATEGORIES = FIELDS["category"]


@pytest.fixture
def drawn() -> np.random.Generator:
    return np.random.default_rng(7)


def some(drawn: np.random.Generator, count: int = 400, classes: int = 9) -> tuple[np.ndarray, np.ndarray]:
    """What is right, and findings that are right six times of ten."""
    right = drawn.integers(0, classes, count)
    found = np.where(drawn.random(count) < 0.6, right, drawn.integers(0, classes, count))
    return right, found


# Figures


@pytest.mark.parametrize("classes", [2, 5, 9])
def test_macro_f1_is_scikit_learns(drawn, classes):
    right, found = some(drawn, classes=classes)
    assert scores.macro_f1(right, found) == pytest.approx(f1_score(right, found, average="macro"))


def test_macro_f1_counts_no_class_that_nobody_named():
    right, found = np.array([0, 0, 7, 7]), np.array([0, 3, 7, 7])
    assert scores.macro_f1(right, found) == pytest.approx(f1_score(right, found, average="macro"))


def test_macro_f1_of_nothing_is_nothing():
    assert scores.macro_f1(np.array([], dtype=np.int64), np.array([], dtype=np.int64)) == 0


def test_micro_recall_and_precision_are_scikit_learns(drawn):
    holds = drawn.random((300, 11)) < 0.2
    found = np.where(drawn.random((300, 11)) < 0.8, holds, ~holds)
    assert scores.micro(holds, found) == pytest.approx(
        (
            recall_score(holds, found, average="micro"),
            precision_score(holds, found, average="micro"),
            f1_score(holds, found, average="micro"),
        )
    )


def test_an_interval_holds_its_figure(drawn):
    right, found = some(drawn)
    figure = scores.macro_f1_figure(right, found, 1)
    assert figure.low < figure.value < figure.high


def test_an_interval_is_wider_the_fewer_the_texts(drawn):
    right, found = some(drawn)
    many, few = scores.share_figure(right == found, 1), scores.share_figure((right == found)[:40], 1)
    assert few.high - few.low > many.high - many.low


def test_an_interval_of_a_share_is_about_the_textbooks(drawn):
    hits = drawn.random(1000) < 0.7
    figure = scores.share_figure(hits, 3)
    half = 1.96 * np.sqrt(hits.mean() * (1 - hits.mean()) / len(hits))
    assert (figure.high - figure.low) / 2 == pytest.approx(half, rel=0.15)


def test_the_same_seed_gives_the_same_interval(drawn):
    right, found = some(drawn)
    assert scores.macro_f1_figure(right, found, 5) == scores.macro_f1_figure(right, found, 5)


def test_another_seed_gives_another_interval(drawn):
    right, found = some(drawn)
    assert scores.macro_f1_figure(right, found, 5) != scores.macro_f1_figure(right, found, 6)


def test_probabilities_that_mean_what_they_say_are_calibrated(drawn):
    chances = drawn.random(20_000)
    hits = drawn.random(20_000) < chances
    assert scores.calibration_error(scores.bins(chances, hits)) < 0.02


def test_overconfidence_is_seen_in_the_calibration():
    chances, hits = np.full(100, 0.95), np.arange(100) < 70
    (found,) = scores.bins(chances, hits)
    assert (found.count, found.right) == (100, 0.7)
    assert scores.calibration_error([found]) == pytest.approx(0.25)


def test_a_probability_of_one_has_its_bin():
    assert sum(one.count for one in scores.bins(np.array([0.0, 0.55, 1.0]), np.array([False, True, True]))) == 3


def test_anger_within_one_step_counts_as_near():
    assert scores.within_one(np.array([0, 1, 2, 3]), np.array([1, 1, 0, 2])) == 0.75


def test_a_model_that_is_right_more_often_is_ahead():
    old, new = np.arange(40) < 20, np.arange(40) < 32
    assert scores.ahead(new, old, 1) > 0.99


def test_one_lucky_finding_is_no_lead():
    old = np.arange(40) < 20
    new = old.copy()
    new[[19, 20, 21]] = [False, True, True]
    assert scores.ahead(new, old, 1) < 0.8


def test_equal_models_are_not_ahead_of_each_other():
    hits = np.arange(40) < 20
    assert scores.ahead(hits, hits, 1) == 0


# Measuring a model


def chances_for(words: tuple[str, ...], *said: str) -> np.ndarray:
    found = np.full((len(said), len(words)), 0.1 / (len(words) - 1))
    for row, word in enumerate(said):
        found[row, words.index(word)] = 0.9
    return found


def example(language: str = "id", **labels: str) -> Example:
    return Example("teks", labels, "messages", language)


def test_only_texts_whose_label_is_known_are_measured():
    examples = [example(category="billing"), example(kind="praise"), example(category="outage")]
    likely = {"category": chances_for(CATEGORIES, "billing", "other", "billing")}

    found = scores.measured(likely, examples, [0.5] * len(RISKS), 1)

    assert found["category"]["all"]["texts"] == 2
    assert found["category"]["all"]["share_right"]["value"] == 0.5


def test_languages_are_told_apart_where_there_is_enough_of_them():
    examples = (
        [example(category="billing")] * 25 + [example("en", category="outage")] * 25 + [example("jv", category="other")]
    )
    likely = {"category": chances_for(CATEGORIES, *["billing"] * 50, "other")}

    found = scores.measured(likely, examples, [0.5] * len(RISKS), 1)["category"]

    assert {language: one["share_right"]["value"] for language, one in found["by_language"].items()} == {
        "id": 1,
        "en": 0,
    }


def test_each_risk_is_found_from_its_own_threshold():
    examples = [example(risks="injury,media"), example(risks="")]
    likely = {"risks": np.zeros((2, len(RISKS)))}
    likely["risks"][0, [RISKS.index("injury"), RISKS.index("media")]] = 0.3
    thresholds = [0.2 if risk == "injury" else 0.5 for risk in RISKS]

    found = scores.measured(likely, examples, thresholds, 1)["risks"]

    assert (found["all"]["recall"]["value"], found["all"]["precision"]["value"]) == (0.5, 1)
    assert found["mistakes"] == [{"right": "media", "missed": 1, "false": 0, "of": 1}]


def test_the_most_frequent_mistake_comes_first():
    examples = [example(category="billing")] * 3 + [example(category="fraud")] * 2
    likely = {"category": chances_for(CATEGORIES, "service", "service", "billing", "billing", "fraud")}

    mistakes = scores.measured(likely, examples, [0.5] * len(RISKS), 1)["category"]["mistakes"]

    assert mistakes[0] == {"right": "billing", "found": "service", "times": 2, "of": 3}


def test_hits_are_told_example_by_example():
    examples = [example(kind="praise", category="billing"), example(risks="media")]
    likely = {
        "category": chances_for(CATEGORIES, "billing", "other"),
        "kind": chances_for(FIELDS["kind"], "complaint", "complaint"),
        "risks": np.zeros((2, len(RISKS))),
    }
    assert scores.hits(likely, examples, [0.5] * len(RISKS)).tolist() == [True, False, False]


def test_a_card_tells_data_scores_calibration_and_failures():
    examples = [example(category="billing")] * 30
    likely = {"category": chances_for(CATEGORIES, *["billing"] * 20, *["service"] * 10)}
    found = scores.measured(likely, examples, [0.5] * len(RISKS), 1)
    written = card.written(
        parent=None,
        examples=examples,
        recipe=Recipe(),
        seed=4,
        rules="rules-1",
        scores=found,
        measured_on="30 messages",
    )

    told = card.as_markdown("light-9", written)

    for part in (
        "# light-9",
        "## Data and licences",
        "Seed 4.",
        "| Category | all | 30 |",
        "## Calibration",
        "## Known failures",
    ):
        assert part in told
    assert "billing taken for service 10 of 30 times" in told


# Fitting


def rows_and_classes(drawn: np.random.Generator, classes: int) -> tuple[csr_matrix, np.ndarray]:
    rows = drawn.normal(size=(300, 12))
    right = (rows @ drawn.normal(size=(12, classes)) + drawn.gumbel(size=(300, classes))).argmax(axis=1)
    return csr_matrix(rows), right


@pytest.mark.parametrize("strength", [0.1, 1.0])
def test_one_of_many_is_scikit_learns_logistic_regression(drawn, strength):
    rows, right = rows_and_classes(drawn, 4)

    ours = fit_one_of(rows, right, np.ones(300), nothing(12, 4), strength)
    theirs = LogisticRegression(C=strength, tol=1e-8, max_iter=2000).fit(rows, right)

    assert np.abs(ours.weights - theirs.coef_.T).max() < 1e-3
    shift = ours.biases - theirs.intercept_
    assert np.abs(shift - shift.mean()).max() < 1e-3


def test_rows_that_count_more_pull_as_in_scikit_learn(drawn):
    rows, right = rows_and_classes(drawn, 3)
    counts = drawn.choice([0.3, 1.0, 3.0], 300)

    ours = fit_one_of(rows, right, counts, nothing(12, 3), 1.0)
    theirs = LogisticRegression(C=1.0, tol=1e-8, max_iter=2000).fit(rows, right, counts)

    assert np.abs(ours.weights - theirs.coef_.T).max() < 1e-3


def test_any_of_many_is_scikit_learns_logistic_regression_by_class(drawn):
    rows, _ = rows_and_classes(drawn, 2)
    holds = (rows @ drawn.normal(size=(12, 3)) + drawn.logistic(size=(300, 3)) > 0).astype(float)

    ours = fit_any_of(rows, holds, np.ones((300, 3)), nothing(12, 3), 1.0)

    for column in range(3):
        theirs = LogisticRegression(C=1.0, tol=1e-8, max_iter=2000).fit(rows, holds[:, column])
        assert np.abs(ours.weights[:, column] - theirs.coef_[0]).max() < 1e-3
        assert ours.biases[column] == pytest.approx(theirs.intercept_[0], abs=1e-3)


def test_from_an_earlier_head_a_cautious_fit_stays_near_it(drawn):
    rows, right = rows_and_classes(drawn, 4)
    before = Linear(drawn.normal(size=(12, 4)), np.zeros(4))

    near = fit_one_of(rows, right, np.ones(300), before, 1e-4)
    far = fit_one_of(rows, right, np.ones(300), before, 1.0)

    assert np.abs(near.weights - before.weights).max() < 0.05 < np.abs(far.weights - before.weights).max()
