"""Learn from what people corrected: train, compare with the model in force, and promote only what is better.

Which corrections a model learned from stands in its card as a number; their texts stay in the database, so a person who
was forgotten is learned from no more.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import func, select
from sqlmodel import Session, col

from db import trail
from db.tables import Complaint, Correction, Message, ModelAct, ModelChange
from db.words import Kind
from integrations.classifier.fields import FIELDS, RISKS
from integrations.classifier.light import LightModel, LightPath, Probabilities
from integrations.classifier.shipped import shipped_model
from integrations.classifier.training import card, examples, scores
from integrations.classifier.training.examples import Example
from integrations.classifier.training.light import Recipe, train, tune
from policy.assess.rules import RuleAssessor
from policy.assessment import Text
from policy.learning import Learning
from policy.loading import Policy
from tasks.decide import must_be_allowed
from tasks.desk import Desk
from tasks.models import current_model, current_name, lock_models, must_be_free, next_name, put_in_force, record, store
from tasks.people import Mistake

LEARNED = ("kind", "category", "remedy", "anger", "risks")
"""What a model learns; severity follows from these by rules, and the language is told by itself."""


@dataclass(frozen=True)
class Lesson:
    """What people say of one complaint's first message; `newest` is the number of their last correction of it."""

    text: Text
    labels: Mapping[str, str]
    language: str
    newest: int


@dataclass(frozen=True)
class Material:
    """All that a training begins with."""

    name: str
    base: LightModel
    base_name: str
    taught: tuple[Lesson, ...]
    """Learned from."""
    checked: tuple[Lesson, ...]
    """Kept from the training: they show whether it helped."""
    upto: int
    """The newest correction seen, learned from or not."""

    @property
    def fields(self) -> frozenset[str]:
        """What somebody corrected in what is learned from."""
        return frozenset(field for lesson in self.taught for field in lesson.labels)


@dataclass(frozen=True)
class Trained:
    """A new model, what it is worth beside the one it came from, and what speaks against promoting it."""

    model: LightModel
    compared: dict[str, Any]
    against: tuple[str, ...]


@dataclass(frozen=True)
class Learned:
    """What came of looking whether there is something to learn."""

    what: ModelAct | None
    """None: nothing was due."""
    why: str
    model: str | None = None
    corrections: int = 0


# Learning at the desk


def learn(desk: Desk, *, known: Sequence[Example] | None = None, recipe: Recipe | None = None) -> Learned:
    """Where enough was corrected since the last training: train, and promote the new model if it is better.

    Minutes of work on one core, outside of any transaction. `known` are the examples at hand beside the corrections
    (None: the package's own corpus), the held-back ones of which are the fixed set.
    """
    rules, by = desk.policy.learning, trail.MACHINE_AUTHOR
    with desk.transaction() as session:
        early = _too_early(session, rules, desk.now())
        if early is not None:
            return Learned(None, early)
        material = gather(session, rules)
    if not material.taught:
        return Learned(None, "of what was corrected nothing is left to learn from beside the check")
    trained = train_on(material, desk.policy, rules.seed, known=known, recipe=recipe)
    now = desk.now()
    with desk.transaction() as session:
        lock_models(session)
        _keep(session, material, trained, by=by, at=now)
        against = trained.against
        if current_name(session) != material.base_name:
            against = (f"{current_name(session)} was put in force while it was trained from {material.base_name}",)
        if against:
            why = "; ".join(against)
            record(session, trained.model.name, ModelAct.REFUSED, by=by, at=now, why=why, compared=trained.compared)
            return Learned(ModelAct.REFUSED, why, trained.model.name, len(material.taught))
        why = _praise(trained.compared)
        put_in_force(session, trained.model.name, by=by, at=now, why=why, compared=trained.compared)
        return Learned(ModelAct.PROMOTED, why, trained.model.name, len(material.taught))


def train_candidate(
    desk: Desk, by: trail.Author, *, name: str | None = None, seed: int | None = None,
    known: Sequence[Example] | None = None, recipe: Recipe | None = None,
) -> Trained:  # fmt: skip
    """Train now, however little was corrected, and keep the model as a candidate; promoting it is a person's act.

    Raises:
        Mistake: the name is taken, or too little was corrected.
        Refused: the person may not.
    """
    must_be_allowed(desk, by, "model")
    if name is not None:
        with desk.transaction() as session:
            must_be_free(session, name)
    material, trained = try_training(desk, name=name, seed=seed, known=known, recipe=recipe)
    with desk.transaction() as session:
        lock_models(session)
        _keep(session, material, trained, by=by, at=desk.now())
    return trained


def try_training(
    desk: Desk, *, name: str | None = None, seed: int | None = None, known: Sequence[Example] | None = None,
    recipe: Recipe | None = None,
) -> tuple[Material, Trained]:  # fmt: skip
    """Train now and keep nothing.

    Raises:
        Mistake: too little was corrected.
    """
    with desk.transaction() as session:
        material = gather(session, desk.policy.learning)
    if not material.taught:
        raise Mistake(
            f"{sum(map(_size, material.checked))} corrected fields are too few to learn from: "
            f"{desk.policy.learning.check_at_least} are kept to check with. Correct more (tanggap correct), "
            "or train from the first: --data DIR."
        )
    if name is not None:
        material = replace(material, name=name)
    drawn = desk.policy.learning.seed if seed is None else seed
    return material, train_on(material, desk.policy, drawn, known=known, recipe=recipe)


def _keep(session: Session, material: Material, trained: Trained, *, by: trail.Author, at: datetime) -> None:
    store(
        session,
        trained.model,
        parent=material.base_name,
        by=by,
        at=at,
        scores=trained.compared,
        facts={"corrections_upto": material.upto, "taught": len(material.taught), "checked": len(material.checked)},
    )


def _too_early(session: Session, rules: Learning, now: datetime) -> str | None:
    """Why nothing is learned yet. What people train by hand neither counts nor delays."""
    trainings = session.execute(
        select(ModelChange)
        .where(col(ModelChange.what) == ModelAct.TRAINED, col(ModelChange.by) == trail.MACHINE_AUTHOR.name)
        .order_by(col(ModelChange.id))
    ).scalars()
    last = list(trainings)
    seen = max((int(change.facts.get("corrections_upto", 0)) for change in last), default=0)
    fresh: int = session.execute(
        select(func.count())
        .select_from(Correction)
        .where(col(Correction.id) > seen, col(Correction.field).in_(LEARNED))
    ).scalar_one()
    if fresh < rules.corrections_from:
        return f"{fresh} of {rules.corrections_from} corrections came in since the last training"
    if last and now - last[-1].at < rules.every:
        return f"the last training was on {last[-1].at:%Y-%m-%d}, policy/learning.yaml asks for a pause"
    return None


# Material


def gather(session: Session, rules: Learning) -> Material:
    """What a training begins with. The newest of what the current model has not learned is kept as the check."""
    stored = current_model(session)
    base = stored if stored is not None else shipped_model()
    every = lessons(session)
    learned = int(base.card.get("learned_upto", 0))
    fresh = [lesson for lesson in every if lesson.newest > learned]
    wanted = max(rules.check_at_least, round(rules.check_share * sum(map(_size, fresh))))
    checked: list[Lesson] = []
    while fresh and sum(map(_size, checked)) < wanted:
        checked.insert(0, fresh.pop())
    kept = {lesson.newest for lesson in checked}
    return Material(
        name=next_name(session),
        base=base,
        base_name=current_name(session),
        taught=tuple(lesson for lesson in every if lesson.newest not in kept),
        checked=tuple(checked),
        upto=session.execute(select(func.coalesce(func.max(col(Correction.id)), 0))).scalar_one(),
    )


def _size(lesson: Lesson) -> int:
    return sum(field in lesson.labels for field in LEARNED)


def lessons(session: Session) -> list[Lesson]:
    """What people corrected or confirmed, one lesson a complaint, in the order of their last correction.

    A field that a later correction takes away (the category of what is no complaint) teaches nothing, and an erased
    message neither.
    """
    rows = session.execute(
        select(Complaint, Message, Correction)
        .join(Message, col(Message.id) == col(Complaint.first_message_id))
        .join(Correction, col(Correction.complaint_id) == col(Complaint.id))
        .where(col(Message.text) != "", col(Correction.field).in_(LEARNED))
        .order_by(col(Correction.id))
    ).tuples()
    found: dict[int, Lesson] = {}
    for complaint, message, correction in rows:
        before = found.get(complaint.id)
        labels = {**(before.labels if before else {}), correction.field: correction.now}
        text = Text(text=message.text, subject=message.subject)
        found[complaint.id] = Lesson(text, labels, complaint.language, correction.id)
        if complaint.kind is not Kind.COMPLAINT:
            labels.pop("category", None)
            labels.pop("remedy", None)
    sound = [replace(lesson, labels=_sound(lesson.labels)) for lesson in found.values()]
    return sorted((lesson for lesson in sound if lesson.labels), key=lambda lesson: lesson.newest)


def _sound(labels: Mapping[str, str]) -> dict[str, str]:
    """The labels in words that the model knows, with what follows from them."""
    known = {field: said for field, said in labels.items() if field == "risks" or said in FIELDS[field]}
    if "kind" in known:
        known["complaint"] = "yes" if known["kind"] == Kind.COMPLAINT else "no"
    return known


# Training and comparing


def _telling(example: Example, fields: Collection[str]) -> Example:
    """With the labels of these fields alone."""
    return replace(example, labels={field: said for field, said in example.labels.items() if field in fields})


@dataclass(frozen=True)
class _Read:
    """Examples with what the rules found in them."""

    examples: tuple[Example, ...]
    said: tuple[Mapping[str, float], ...]

    def only(self, wanted: Callable[[Example], bool]) -> "_Read":
        """Those that are wanted."""
        both = [pair for pair in zip(self.examples, self.said, strict=True) if wanted(pair[0])]
        return _Read(tuple(example for example, _ in both), tuple(said for _, said in both))

    def __add__(self, other: "_Read") -> "_Read":
        return _Read(self.examples + other.examples, self.said + other.said)

    def likely(self, model: LightModel, policy: Policy) -> Probabilities:
        """What a model makes of them."""
        if not self.examples:
            return {}
        path = LightPath(model, policy.lexicon.spelling)
        return path.probabilities([example.text for example in self.examples], self.said)


def _read(rules: RuleAssessor, known: Sequence[Example]) -> _Read:
    found = rules.read([Text(text=example.text) for example in known])
    return _Read(tuple(known), tuple(one.said for one in found))


def _read_lessons(rules: RuleAssessor, lessons_: Sequence[Lesson], counts: float) -> _Read:
    """Lessons as examples; each label counts more than one of the package's own."""
    found = rules.read([lesson.text for lesson in lessons_])
    made = [
        Example(one.whole, lesson.labels, "correction", lesson.language, dict.fromkeys(lesson.labels, counts))
        for one, lesson in zip(found, lessons_, strict=True)
    ]
    return _Read(tuple(made), tuple(one.said for one in found))


def train_on(
    material: Material, policy: Policy, seed: int, *, known: Sequence[Example] | None = None,
    recipe: Recipe | None = None,
) -> Trained:  # fmt: skip
    """Move the model by what was corrected, and measure it beside the one it came from. Touches no database.

    Fields that nobody corrected stay as they are.
    """
    how, rules, spelling = recipe or Recipe(), RuleAssessor(policy.lexicon), policy.lexicon.spelling
    at_hand = _read(rules, examples.own() if known is None else known)
    lesson = at_hand + _read_lessons(rules, material.taught, how.correction_counts)
    check = _read_lessons(rules, material.checked, how.correction_counts)
    fixed = at_hand.only(examples.held_back)
    telling = [_telling(example, material.fields) for example in lesson.examples]
    moved = tune(material.name, material.base, telling, lesson.said, spelling, {}, how)
    new = LightModel.from_bytes(moved.to_bytes())  # measured as it is stored
    old_worth = _worth(material.base, fixed, check, policy, seed)
    new_worth = _worth(new, fixed, check, policy, seed)
    compared = _compared(material.base_name, old_worth, new_worth, seed)
    written = card.written(
        parent=material.base.card,
        examples=lesson.examples,
        recipe=how,
        seed=seed,
        rules=rules.version,
        scores=new_worth.fixed,
        measured_on=f"{len(fixed.examples)} messages of the package's own that no model learned from",
        compared=compared,
        learned_upto=max((lesson.newest for lesson in material.taught), default=0),
    )
    model = replace(new, card={**written, "parent": material.base_name})
    return Trained(model, compared, tuple(_against(compared, policy.learning)))


def train_anew(
    policy: Policy, directory: Path, name: str, seed: int, say: Callable[[str], None], recipe: Recipe | None = None
) -> LightModel:
    """A model from the first, from the package's own corpus and the public texts: how the shipped one is made.

    Raises:
        MaterialMissing: a file of the public texts is missing, or is not what was labelled.
    """
    how = recipe or Recipe()
    every = [*examples.own(), *examples.labelled(directory), *examples.public(directory)]
    rules, spelling = RuleAssessor(policy.lexicon), policy.lexicon.spelling
    read = _read(rules, [example for example in every if not set(example.labels).isdisjoint((*FIELDS, "risks"))])
    say(f"{len(read.examples)} texts read")
    made = LightModel.from_bytes(train(name, read.examples, read.said, spelling, {}, how, say).to_bytes())
    held = read.only(lambda example: examples.held_back(example) and not example.weights)
    found = scores.measured(held.likely(made, policy), held.examples, risk_thresholds(policy), seed)
    say("measured")
    return replace(
        made,
        card=card.written(
            parent=None,
            examples=read.examples,
            recipe=how,
            seed=seed,
            rules=rules.version,
            scores=found,
            measured_on=f"{len(held.examples)} messages that it did not learn from (a tenth, by the hash of the text)",
        ),
    )


def risk_thresholds(policy: Policy) -> list[float]:
    """From which probability each risk is a finding, in the order of the word list."""
    limits = {str(risk): limit.found_from for risk, limit in policy.assessing.risks.items()}
    return [limits[risk] for risk in RISKS]


@dataclass(frozen=True)
class _Worth:
    """How right a model is on the fixed set and on the checked corrections, and which of these it got right."""

    fixed: dict[str, Any]
    checked: dict[str, float]
    hits: NDArray[np.bool_]


def _worth(model: LightModel, fixed: _Read, check: _Read, policy: Policy, seed: int) -> _Worth:
    thresholds = risk_thresholds(policy)
    corrected = [_telling(example, LEARNED) for example in check.examples]  # `complaint` only follows from the kind
    likely = check.likely(model, policy)
    return _Worth(
        scores.measured(fixed.likely(model, policy), fixed.examples, thresholds, seed),
        scores.headline(scores.measured(likely, corrected, thresholds, seed)),
        scores.hits(likely, corrected, thresholds),
    )


def _compared(base_name: str, old: _Worth, new: _Worth, seed: int) -> dict[str, Any]:
    old_fixed, new_fixed = scores.headline(old.fixed), scores.headline(new.fixed)
    return {
        "with": base_name,
        "fixed": {field: {"old": old_fixed[field], "new": new_fixed[field]} for field in new_fixed},
        "checked": {
            "labels": len(new.hits),
            "old": int(old.hits.sum()),
            "new": int(new.hits.sum()),
            "ahead": round(scores.ahead(new.hits, old.hits, seed), 4),
            "fields": {field: {"old": old.checked[field], "new": new.checked[field]} for field in new.checked},
        },
    }


def _against(compared: Mapping[str, Any], rules: Learning) -> list[str]:
    """What speaks against promoting the new model."""
    checked, found = compared["checked"], []
    labels, gain = checked["labels"], checked["new"] - checked["old"]
    told = f"of {labels} checked corrections it gets {checked['new']} right, {compared['with']} {checked['old']}"
    if labels < rules.check_at_least:
        found.append(f"only {labels} corrected fields to check it on, {rules.check_at_least} are asked for")
    elif gain <= 0 or gain < rules.better_by * labels:
        found.append(told)
    elif checked["ahead"] < rules.sure_from:
        found.append(f"{told}: ahead in only {checked['ahead']:.0%} of resamplings")
    found += [
        f"on the fixed set {field} falls from {one['old']:.3f} to {one['new']:.3f}"
        for field, one in compared["fixed"].items()
        if one["old"] - one["new"] > rules.worse_by_at_most
    ]
    return found


def _praise(compared: Mapping[str, Any]) -> str:
    checked = compared["checked"]
    losses = {field: one["old"] - one["new"] for field, one in compared["fixed"].items()}
    worst = max(losses, key=lambda field: losses[field], default="")
    behind = f"; on the fixed set at worst {max(losses[worst], 0.0):.3f} behind ({worst})" if worst else ""
    return (
        f"of {checked['labels']} checked corrections it gets {checked['new']} right, {compared['with']} "
        f"{checked['old']}{behind}"
    )
