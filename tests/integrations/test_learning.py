"""The desk learns from what people corrected: when, from what, and only where it becomes better. Real trainings, small."""

from datetime import timedelta

import pytest
from command_line import CommandLine
from factories import Life, person
from small_models import SMALL, changes, states

from db.words import Category
from integrations.classifier.fields import FIELDS
from integrations.classifier.light import LightPath
from policy.assess.rules import RuleAssessor
from policy.assessment import Text
from tasks.decide import Refused
from tasks.erase import erase
from tasks.learn import Learned, gather, learn, lessons, train_candidate
from tasks.models import current_model, current_name, roll_back
from tasks.people import Mistake, correct

pytest_plugins = ("lives", "tiny_model")

CS, OPS = person("cs-nia"), person("ops-rani")

WORRIES = (
    "gramofon saya mendengung terus kak, nomor {0}",
    "sudah {0} hari gramofon di rumah mendengung, bagaimana ini",
    "tolong dong gramofon mendengung lagi sejak jam {0}",
    "halo min, kenapa gramofon mendengung, kode {0}",
)
"""Of things that no rule and no training knows: people say that it is an outage."""


def said(number: int) -> str:
    return WORRIES[number % len(WORRIES)].format(number + 3)


def corrected(life: Life, count: int, *, category: str = "outage", first: int = 0) -> list[str]:
    """Complaints that people looked at one after the other, and called the same."""
    references = []
    for number in range(first, first + count):
        reference = life.comes(life.assessor.finds(said(number), category=Category.BILLING), handle=f"orang{number}")
        references.append(reference)
    life.assess()
    for reference in references:
        correct(life.desk, reference, {"category": category}, CS, "gramofon adalah layanan kami")
    return references


def lenient(life: Life, **changed: object) -> None:
    """The shipped policy, but a model of 36 fixed messages may lose one or two of them."""
    rules = life.desk.policy.learning.model_copy(update={"worse_by_at_most": 0.15, **changed})
    life.with_policy(learning=rules)


def learned(life: Life, known) -> Learned:
    return learn(life.desk, known=known, recipe=SMALL)


def in_force(life: Life) -> str:
    with life.desk.transaction() as session:
        return current_name(session)


def category_of(life: Life, text: str) -> str:
    """What the model in force thinks a text is about."""
    with life.desk.transaction() as session:
        model = current_model(session)
    assert model is not None
    read = RuleAssessor(life.desk.policy.lexicon).read([Text(text=text)])
    path = LightPath(model, life.desk.policy.lexicon.spelling)
    likely = path.probabilities([text], [found.said for found in read])
    return FIELDS["category"][int(likely["category"][0].argmax())]


# What is learned


def test_corrections_teach_a_word_that_the_model_did_not_know(life, stored, known):
    stored(life, current=True)
    lenient(life)
    corrected(life, 40)
    assert category_of(life, said(77)) != "outage"

    found = learned(life, known)

    assert found.what == "promoted", found.why
    assert category_of(life, said(77)) == "outage"


def test_a_promotion_by_itself_is_on_record_with_its_figures(life, stored, known):
    stored(life, current=True)
    lenient(life)
    corrected(life, 40)

    name = learned(life, known).model

    assert states(life) == {"tiny-1": "former", name: "current"}
    what, model, by, why = changes(life)[-1]
    assert (what, model, by) == ("promoted", name, "tanggap")
    assert "of 10 checked corrections it gets 10 right" in why


def test_a_model_that_learned_what_no_longer_holds_is_refused(life, stored, known):
    stored(life, current=True)
    lenient(life)
    before = category_of(life, said(77))
    corrected(life, 40)
    corrected(life, 12, category=before, first=40)

    found = learned(life, known)

    assert found.what == "refused"
    assert in_force(life) == "tiny-1"
    assert changes(life)[-1][:2] == ("refused", found.model)
    assert "checked corrections it gets" in found.why


def test_a_model_that_loses_on_the_fixed_set_is_refused(life, stored, known):
    stored(life, current=True)
    lenient(life, worse_by_at_most=0.0)
    corrected(life, 60, category="safety")

    found = learned(life, known)

    assert (found.what, in_force(life)) == ("refused", "tiny-1")
    assert "on the fixed set" in found.why


def test_rolling_back_what_was_learned_restores_the_model_before(life, stored, known):
    stored(life, current=True)
    lenient(life)
    corrected(life, 40)
    name = learned(life, known).model

    assert roll_back(life.desk, OPS, "terlalu cepat") == ("tiny-1", name)

    assert category_of(life, said(77)) != "outage"


def test_the_same_corrections_give_the_same_model(life, stored, known):
    stored(life, current=True)
    corrected(life, 12)

    one = train_candidate(life.desk, OPS, name="a", known=known, recipe=SMALL)
    two = train_candidate(life.desk, OPS, name="b", known=known, recipe=SMALL)

    assert one.model.card == two.model.card
    for field, head in one.model.heads.items():
        assert (head.weights == two.model.heads[field].weights).all()


# From what


def test_a_confirmation_counts(life):
    reference = life.comes(life.assessor.finds(said(1), category=Category.OUTAGE))
    life.assess()
    correct(life.desk, reference, {"category": "outage"}, CS)

    with life.desk.transaction() as session:
        (lesson,) = lessons(session)
    assert lesson.labels == {"category": "outage"}


def test_only_corrected_fields_teach(life):
    reference = life.comes(said(1))
    life.assess()
    correct(life.desk, reference, {"anger": "2", "severity": "S2", "risks": "media,churn"}, CS)

    with life.desk.transaction() as session:
        (lesson,) = lessons(session)
    assert lesson.labels == {"anger": "2", "risks": "churn,media"}


def test_the_last_word_on_a_field_counts(life):
    reference = life.comes(said(1))
    life.assess()
    correct(life.desk, reference, {"category": "billing"}, CS)
    correct(life.desk, reference, {"category": "outage"}, CS)

    with life.desk.transaction() as session:
        (lesson,) = lessons(session)
    assert lesson.labels["category"] == "outage"


def test_what_nobody_corrected_stays_as_the_model_knew_it(life, stored, known, tiny):
    stored(life, current=True)
    corrected(life, 20)

    made = train_candidate(life.desk, OPS, known=known, recipe=SMALL).model

    assert (made.heads["remedy"].weights == tiny.heads["remedy"].weights).all()
    assert (made.heads["category"].weights != tiny.heads["category"].weights).any()


def test_what_is_no_complaint_after_all_has_no_category_to_teach(life):
    reference = life.comes(said(1))
    life.assess()
    correct(life.desk, reference, {"category": "billing"}, CS)
    correct(life.desk, reference, {"kind": "praise"}, CS)

    with life.desk.transaction() as session:
        (lesson,) = lessons(session)
    assert lesson.labels == {"kind": "praise", "complaint": "no"}


def test_the_words_of_a_forgotten_person_teach_nothing(life):
    reference, kept = corrected(life, 2)
    erase(life.desk, reference, person("legal-tono"))

    with life.desk.transaction() as session:
        (lesson,) = lessons(session)
    assert lesson.text.text == life.messages(kept)[0].text


def test_the_newest_corrections_are_kept_as_the_check(life, stored):
    stored(life, current=True)
    corrected(life, 60)

    with life.desk.transaction() as session:
        material = gather(session, life.desk.policy.learning)

    assert (len(material.taught), len(material.checked)) == (48, 12)
    assert max(lesson.newest for lesson in material.taught) < min(lesson.newest for lesson in material.checked)


def test_what_the_model_in_force_learned_checks_no_later_one(life, stored, known):
    stored(life, current=True)
    lenient(life)
    corrected(life, 40)
    learned(life, known)
    corrected(life, 5, first=50)

    with life.desk.transaction() as session:
        material = gather(session, life.desk.policy.learning)

    assert len(material.checked) == 10
    assert len(material.taught) == 35


# When


def test_too_few_corrections_are_waited_for(life, known):
    corrected(life, 3)
    found = learned(life, known)
    assert (found.what, found.why) == (None, "3 of 30 corrections came in since the last training")
    assert changes(life) == []


def test_severity_and_language_do_not_count_as_something_to_learn(life, known):
    reference = life.comes(said(1))
    life.assess()
    correct(life.desk, reference, {"severity": "S2", "language": "en"}, CS)
    assert learned(life, known).why.startswith("0 of 30")


def test_between_two_trainings_there_is_a_pause(life, stored, known):
    stored(life, current=True)
    lenient(life)
    corrected(life, 40)
    learned(life, known)
    life.later(days=2)
    corrected(life, 31, first=50)

    assert "asks for a pause" in learned(life, known).why

    life.later(days=6)
    assert learned(life, known).model is not None


def test_the_same_corrections_are_not_learned_twice(life, stored, known):
    stored(life, current=True)
    lenient(life)
    corrected(life, 40)
    learned(life, known)
    life.later(days=30)

    assert learned(life, known).why.startswith("0 of 30")


def test_a_model_put_in_force_meanwhile_is_not_pushed_aside(life, stored, known):
    stored(life, current=True)
    lenient(life)
    corrected(life, 40)
    other = stored(life, "tiny-2")

    class Impatient(list):
        """Somebody promotes another model while this one is trained."""

        def __iter__(self):
            from tasks.models import promote

            if in_force(life) == "tiny-1":
                promote(life.desk, other, OPS)
            return super().__iter__()

    found = learned(life, Impatient(known))

    assert (found.what, in_force(life)) == ("refused", "tiny-2")
    assert "tiny-2 was put in force" in found.why


# By hand


def test_a_candidate_trained_by_hand_waits_for_a_person(life, stored, known):
    stored(life, current=True)
    corrected(life, 12)

    made = train_candidate(life.desk, OPS, known=known, recipe=SMALL)

    assert states(life)[made.model.name] == "candidate"
    assert in_force(life) == "tiny-1"
    assert changes(life)[-1][:3] == ("trained", made.model.name, "ops-rani")


def test_training_by_hand_wants_something_to_learn_from(life, stored, known):
    stored(life, current=True)
    corrected(life, 2)
    with pytest.raises(Mistake, match="2 corrected fields are too few to learn from"):
        train_candidate(life.desk, OPS, known=known, recipe=SMALL)
    assert list(states(life)) == ["tiny-1"]


def test_who_may_not_train_trains_nothing(life, stored, known):
    stored(life, current=True)
    with pytest.raises(Refused):
        train_candidate(life.desk, CS, known=known, recipe=SMALL)
    assert list(states(life)) == ["tiny-1"]


def test_a_name_is_given_once(life, stored, known):
    stored(life, current=True)
    with pytest.raises(Mistake, match="There is a model tiny-1 already"):
        train_candidate(life.desk, OPS, name="tiny-1", known=known, recipe=SMALL)


def test_the_card_of_what_was_learned_is_told_whole(life, stored, known, monkeypatch, capsys, tmp_path):
    stored(life, current=True)
    lenient(life)
    corrected(life, 40)
    name = learned(life, known).model
    tanggap = CommandLine(monkeypatch, capsys, tmp_path).at(life.desk)

    told = tanggap("model", "show", name).out

    for part in (
        f"# {name}",
        "Moved from tiny-1",
        "correction: what this company's people corrected",
        "## How right it is",
        "## Calibration",
        "## Beside tiny-1",
        "## Known failures",
        "## History",
        "promoted by tanggap",
    ):
        assert part in told
    assert "gramofon" not in told


def test_a_pause_is_asked_for_in_the_policy(life):
    assert life.desk.policy.learning.every == timedelta(days=7)
