"""Which model assesses: what is stored of each, who promoted or took back which and why, and what a shadow finds.

The shipped model is a file of the package. A row of `model` is one that learned from corrections; where none is
current, the shipped one is in force. Each change is one transaction, with its record and its event.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session, col

from db import trail
from db.tables import (
    Assessment,
    Complaint,
    Correction,
    Message,
    Model,
    ModelAct,
    ModelChange,
    ModelState,
    ShadowFinding,
)
from db.words import Kind
from integrations.classifier.light import LightModel, NotAModel, digest
from integrations.classifier.opening import Ground, open_assessor
from integrations.classifier.shipped import LIGHT, shipped_model
from integrations.classifier.use import Use
from policy.assessment import Assessor, Text
from tasks.decide import must_be_allowed
from tasks.desk import Desk
from tasks.people import Mistake

SHIPPED = LIGHT.partition(".")[0]
"""The name of the model that comes with the package."""

MOST_COMPARED = 10_000
"""Messages that a shadow is compared on: the newest."""

COMPARED = ("kind", "category", "remedy", "risks", "anger")


# Reading


def current_name(session: Session) -> str:
    """The name of the model in force."""
    return _name_in(session, ModelState.CURRENT) or SHIPPED


def current_model(session: Session) -> LightModel | None:
    """The model in force; None where it is the shipped one.

    Raises:
        NotAModel: what is stored is damaged, or of a form that this version does not read.
    """
    return _model_in(session, ModelState.CURRENT)


def shadow_model(session: Session) -> LightModel | None:
    """The model that runs beside the current one; None where there is none.

    Raises:
        NotAModel: what is stored is damaged, or of a form that this version does not read.
    """
    return _model_in(session, ModelState.SHADOW)


def read_model(session: Session, name: str) -> LightModel:
    """The model of this name, stored or shipped, proved by its SHA-256.

    Raises:
        Mistake: there is none.
        NotAModel: what is stored is damaged, or of a form that this version does not read.
    """
    if name == SHIPPED:
        return shipped_model()
    _must_be_stored(session, name)
    data, sha256 = session.execute(select(Model.data, Model.sha256).where(col(Model.name) == name)).tuples().one()  # type: ignore[call-overload]
    return _opened(name, data, sha256)


def read_card(desk: Desk, name: str) -> dict[str, Any]:
    """The card of the model of this name.

    Raises:
        Mistake: there is none.
    """
    with desk.transaction() as session:
        if name != SHIPPED:
            _must_be_stored(session, name)
            card: dict[str, Any] = session.execute(select(Model.card).where(col(Model.name) == name)).scalar_one()  # type: ignore[call-overload]
            return card
    return dict(shipped_model().card)


@dataclass(frozen=True)
class Agreement:
    """How often a shadow says what the current model says, by field; and who is right where a person decided."""

    messages: int
    same: dict[str, float]
    corrected: int
    """Corrected fields that both found something for."""
    shadow_right: int
    current_right: int


@dataclass(frozen=True)
class ModelLine:
    """A model in the list."""

    name: str
    state: str
    parent: str | None
    made_at: datetime | None
    by: str | None
    sha256: str | None
    scores: dict[str, Any]
    last: str | None
    """What was last done with it."""
    last_by: str | None
    why: str | None
    agreement: Agreement | None = None


def list_models(desk: Desk) -> list[ModelLine]:
    """Every model, the shipped one first; a shadow with how it compares."""
    with desk.transaction() as session:
        rows = session.execute(
            select(  # type: ignore[call-overload]
                Model.name, Model.state, Model.parent, Model.made_at, Model.by, Model.sha256, Model.scores
            ).order_by(col(Model.id))
        ).all()
        last = {change.model: change for change in _changes(session)}
        in_force = current_name(session)
        shipped = ModelState.CURRENT.value if in_force == SHIPPED else "shipped"
        lines: list[tuple[Any, ...]] = [(shipped, SHIPPED, None, None, None, None, {})]
        lines += [(row.state.value, row.name, row.parent, row.made_at, row.by, row.sha256, row.scores) for row in rows]
        made = []
        for state, name, parent, made_at, by, sha256, scores in lines:
            change = last.get(name)
            made.append(
                ModelLine(
                    name=name,
                    state=state,
                    parent=parent,
                    made_at=made_at,
                    by=by,
                    sha256=sha256,
                    scores=scores,
                    last=change.what.value if change else None,
                    last_by=change.by if change else None,
                    why=change.why if change else None,
                    agreement=_agreement(session, name) if state == ModelState.SHADOW else None,
                )
            )
        return made


def history(desk: Desk, name: str | None = None) -> list[ModelChange]:
    """What was done with a model, or with all of them, in order."""
    with desk.transaction() as session:
        return [change for change in _changes(session) if name in (None, change.model)]


# Changing


def next_name(session: Session) -> str:
    """The name of the next model that learns here. It begins with the shipped one's, so no later package takes it."""
    taken = set(session.execute(select(Model.name)).scalars())  # type: ignore[call-overload]
    number = 1
    while f"{SHIPPED}.{number}" in taken:
        number += 1
    return f"{SHIPPED}.{number}"


def must_be_free(session: Session, name: str) -> None:
    """A model has its name for good.

    Raises:
        Mistake: the name is taken.
    """
    if name == SHIPPED or _state_of(session, name) is not None:
        raise Mistake(f"There is a model {name} already. Name another: --name NAME.")


def store(
    session: Session, model: LightModel, *, parent: str, by: trail.Author, at: datetime, scores: dict[str, Any],
    facts: dict[str, Any],
) -> Model:  # fmt: skip
    """Keep a model as a candidate; `facts` say what it learned from.

    Raises:
        Mistake: the name is taken.
    """
    must_be_free(session, model.name)
    data = model.to_bytes()
    row = Model(
        name=model.name,
        parent=parent,
        made_at=at,
        by=by.name,
        data=data,
        sha256=digest(data),
        card=dict(model.card),
        scores=scores,
    )
    session.add(row)
    session.flush()
    record(session, model.name, ModelAct.TRAINED, by=by, at=at, parent=parent, sha256=row.sha256, **facts)
    return row


def record(
    session: Session,
    model: str,
    what: ModelAct,
    *,
    by: trail.Author,
    at: datetime,
    why: str | None = None,
    **facts: Any,
) -> None:
    """Write down what was done with a model, and an event on the desk's own chain."""
    session.add(ModelChange(model=model, at=at, by=by.name, typed_by=by.typed_by, what=what, why=why, facts=facts))
    session.flush()
    told = {key: facts[key] for key in ("before", "parent", "sha256") if key in facts}
    trail.append(session, None, f"model_{what.value}", by=by, at=at, model=model, **told)


def lock_models(session: Session) -> None:
    """Nobody else changes which model is which until this transaction ends."""
    session.execute(text("SELECT pg_advisory_xact_lock(hashtext('tanggap:models'))"))


def promote(desk: Desk, name: str, by: trail.Author, why: str | None = None) -> str:
    """Put a model in force; returns the name of the one that was.

    Raises:
        Mistake: there is no such model, or it is in force.
        NotAModel: what is stored cannot be used.
        Refused: the person may not.
    """
    must_be_allowed(desk, by, "model")
    now = desk.now()
    with desk.transaction() as session:
        lock_models(session)
        return put_in_force(session, name, by=by, at=now, why=why)


def put_in_force(
    session: Session, name: str, *, by: trail.Author, at: datetime, why: str | None = None, **facts: Any
) -> str:
    """Promote a model under the lock; returns the name of the one before."""
    before = current_name(session)
    if name == before:
        raise Mistake(f"{name} is in force already.")
    read_model(session, name)
    _exchange(session, name)
    record(session, name, ModelAct.PROMOTED, by=by, at=at, why=why, before=before, **facts)
    return before


def roll_back(desk: Desk, by: trail.Author, why: str) -> tuple[str, str]:
    """Put the model in force again that was before the current one; returns both names, the restored one first.

    Raises:
        Mistake: none was before it.
        NotAModel: what is stored of it cannot be used.
        Refused: the person may not.
    """
    must_be_allowed(desk, by, "model")
    now = desk.now()
    with desk.transaction() as session:
        lock_models(session)
        line = _succession(session)
        taken = current_name(session)
        if len(line) < 2 or line[-1] != taken:
            raise Mistake(f"No model was in force before {taken}. `tanggap model list` shows which can be promoted.")
        name = line[-2]
        read_model(session, name)
        _exchange(session, name)
        record(session, name, ModelAct.ROLLED_BACK, by=by, at=now, why=why, before=taken)
        return name, taken


def run_beside(desk: Desk, name: str, by: trail.Author, why: str | None = None) -> None:
    """Let a stored model assess beside the current one; what it finds decides nothing. It takes another shadow's place.

    Raises:
        Mistake: there is no such model, or it is in force or the shadow already.
        NotAModel: what is stored cannot be used.
        Refused: the person may not.
    """
    must_be_allowed(desk, by, "model")
    now = desk.now()
    with desk.transaction() as session:
        lock_models(session)
        if name == SHIPPED:
            raise Mistake(f"{SHIPPED} is the shipped model; only models that were trained here run as a shadow.")
        state = _must_be_stored(session, name)
        if state in (ModelState.CURRENT, ModelState.SHADOW):
            raise Mistake(f"{name} is the {state.value} model already.")
        read_model(session, name)
        _withdraw(session, by=by, at=now, why=f"{name} takes its place")
        _set_state(session, name, ModelState.SHADOW)
        record(session, name, ModelAct.SHADOWED, by=by, at=now, why=why)


def withdraw_shadow(desk: Desk, by: trail.Author, why: str | None = None) -> str:
    """End the shadow; what it found stays. Returns its name.

    Raises:
        Mistake: there is none.
        Refused: the person may not.
    """
    must_be_allowed(desk, by, "model")
    now = desk.now()
    with desk.transaction() as session:
        lock_models(session)
        name = _withdraw(session, by=by, at=now, why=why)
        if name is None:
            raise Mistake("No model runs as a shadow. `tanggap model shadow NAME --as PERSON` begins one.")
        return name


# The shadow at work


def shadow_beside(desk: Desk, session: Session, messages: Sequence[Message], texts: Sequence[Text]) -> int:
    """Write down what the shadow finds in these messages, with rules and light path; returns how many.

    Decides nothing and fails nothing: a shadow that cannot be read is passed over (`tanggap model list` shows it).
    """
    name = _name_in(session, ModelState.SHADOW)
    if name is None or not messages:
        return 0
    try:
        assessor = _shadow(desk, session, name)
    except NotAModel:
        return 0
    now = desk.now()
    rows: list[dict[str, Any]] = [
        {
            "message_id": message.id,
            "model": name,
            "at": now,
            "kind": found.kind,
            "category": found.category,
            "remedy": found.remedy,
            "risks": sorted(risk.value for risk in found.risks),
            "anger": found.anger,
        }
        for message, found in zip(messages, assessor.assess(texts), strict=True)
    ]
    fresh = insert(ShadowFinding).values(sorted(rows, key=lambda row: row["message_id"]))
    said = {field: getattr(fresh.excluded, field) for field in ("at", *COMPARED)}
    session.execute(fresh.on_conflict_do_update(index_elements=["message_id", "model"], set_=said))
    return len(rows)


@dataclass
class _Kept(threading.local):
    """The shadow that this thread read last: an assessor reads on one thread."""

    key: tuple[str, str] = ("", "")
    assessor: Assessor | None = None


_kept = _Kept()


def _shadow(desk: Desk, session: Session, name: str) -> Assessor:
    sha256: str = session.execute(select(Model.sha256).where(col(Model.name) == name)).scalar_one()  # type: ignore[call-overload]
    key = (sha256, desk.policy.version)
    if _kept.assessor is None or _kept.key != key:
        policy = desk.policy
        ground = Ground(policy.lexicon, policy.company, policy.assessing)
        _kept.assessor, _kept.key = open_assessor(ground, Use.LIGHT, read_model(session, name)), key
    return _kept.assessor


def _agreement(session: Session, name: str) -> Agreement:
    """The newest messages that the shadow read, beside what stands of the current model's findings about them."""
    shadows = {
        row.message_id: row
        for row in session.execute(
            select(ShadowFinding)
            .where(col(ShadowFinding.model) == name)
            .order_by(col(ShadowFinding.message_id).desc())
            .limit(MOST_COMPARED)
        ).scalars()
    }
    standing = session.execute(
        select(Assessment)
        .where(col(Assessment.message_id).in_(list(shadows)))
        .order_by(col(Assessment.message_id), col(Assessment.id).desc())
        .distinct(col(Assessment.message_id))
    ).scalars()
    current = {row.message_id: row for row in standing}
    both = sorted(set(shadows) & set(current))
    same = {
        field: sum(_said(shadows[at], field) == _said(current[at], field) for at in both) / len(both)
        for field in (COMPARED if both else ())
    }
    right = _corrected(session, both)
    return Agreement(
        messages=len(both),
        same={field: round(value, 4) for field, value in same.items()},
        corrected=len(right),
        shadow_right=sum(_said(shadows[at], field) == said for (at, field), said in right.items()),
        current_right=sum(_said(current[at], field) == said for (at, field), said in right.items()),
    )


def _corrected(session: Session, messages: Sequence[int]) -> dict[tuple[int, str], str]:
    """What a person last said of the fields of complaints, by their first message."""
    rows = session.execute(
        select(Complaint.first_message_id, Correction.field, Correction.now)  # type: ignore[call-overload]
        .join(Correction, col(Correction.complaint_id) == col(Complaint.id))
        .where(col(Complaint.first_message_id).in_(messages), col(Correction.field).in_(COMPARED))
        .order_by(col(Correction.id))
    )
    return {(message, field): now for message, field, now in rows.tuples()}


def _said(finding: Assessment | ShadowFinding, field: str) -> str | None:
    """A finding's field in the words of a correction."""
    if field == "risks":
        return ",".join(sorted(finding.risks))
    value = getattr(finding, field)
    if field in ("category", "remedy") and finding.kind is not Kind.COMPLAINT:
        return None
    return None if value is None else str(value)


# Rows


def _name_in(session: Session, state: ModelState) -> str | None:
    return session.execute(select(Model.name).where(col(Model.state) == state)).scalar_one_or_none()  # type: ignore[call-overload]


def _model_in(session: Session, state: ModelState) -> LightModel | None:
    found = session.execute(select(Model.name, Model.data, Model.sha256).where(col(Model.state) == state)).first()  # type: ignore[call-overload]
    return None if found is None else _opened(*found)


def _opened(name: str, data: bytes, sha256: str) -> LightModel:
    try:
        return replace(LightModel.from_bytes(data, sha256), name=name)
    except NotAModel as error:
        raise NotAModel(
            f"The stored model {name} cannot be used: {error} "
            f"Put another in force: tanggap model promote {SHIPPED} --as PERSON."
        ) from error


def _state_of(session: Session, name: str) -> ModelState | None:
    return session.execute(select(Model.state).where(col(Model.name) == name)).scalar_one_or_none()  # type: ignore[call-overload]


def _must_be_stored(session: Session, name: str) -> ModelState:
    state = _state_of(session, name)
    if state is None:
        raise Mistake(f"There is no model {name}. `tanggap model list` shows those there are.")
    return state


def _set_state(session: Session, name: str, state: ModelState) -> None:
    session.execute(
        Model.__table__.update().where(col(Model.name) == name).values(state=state)  # type: ignore[attr-defined]
    )


def _exchange(session: Session, name: str) -> None:
    """The current model steps down and this one takes its place; the shipped one has no row to change."""
    stepping_down = _name_in(session, ModelState.CURRENT)
    if stepping_down is not None:
        _set_state(session, stepping_down, ModelState.FORMER)
    if name != SHIPPED:
        _set_state(session, name, ModelState.CURRENT)


def _withdraw(session: Session, *, by: trail.Author, at: datetime, why: str | None) -> str | None:
    name = _name_in(session, ModelState.SHADOW)
    if name is not None:
        _set_state(session, name, ModelState.FORMER)
        record(session, name, ModelAct.WITHDRAWN, by=by, at=at, why=why)
    return name


def _changes(session: Session) -> list[ModelChange]:
    return list(session.execute(select(ModelChange).order_by(col(ModelChange.id))).scalars())


def _succession(session: Session) -> list[str]:
    """The models that followed one another, the current one last; a roll-back takes the last one away."""
    line = [SHIPPED]
    for change in _changes(session):
        if change.what is ModelAct.PROMOTED:
            line.append(change.model)
        elif change.what is ModelAct.ROLLED_BACK and len(line) > 1:
            line.pop()
    return line
