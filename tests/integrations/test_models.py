"""Which model is in force: promoting, rolling back, running one beside; each with a name, each on record."""

import pytest
from command_line import CommandLine
from factories import Life, person
from small_models import changes, states
from sqlalchemy import select, text, update
from sqlalchemy.exc import DBAPIError

from db.tables import Event, Message, Model, ShadowFinding
from db.words import Category
from integrations.classifier.light import NotAModel, digest
from integrations.classifier.training import card
from policy.assessment import Text
from tasks.assess import due_for_assessment
from tasks.decide import Refused
from tasks.models import (
    SHIPPED,
    current_model,
    current_name,
    list_models,
    next_name,
    promote,
    read_model,
    roll_back,
    run_beside,
    shadow_beside,
    shadow_model,
    withdraw_shadow,
)
from tasks.people import Mistake, correct

pytest_plugins = ("lives", "tiny_model")

OPS = person("ops-rani", "rani")
CS = person("cs-nia")


def in_force(life: Life) -> str:
    with life.desk.transaction() as session:
        return current_name(session)


def events(life: Life) -> list[Event]:
    with life.desk.transaction() as session:
        return list(session.execute(select(Event).where(Event.chain == "desk").order_by(Event.number)).scalars())


def shadowed(life: Life) -> list[ShadowFinding]:
    with life.desk.transaction() as session:
        return list(session.execute(select(ShadowFinding).order_by(ShadowFinding.message_id)).scalars())


def read_beside(life: Life) -> int:
    """Let the shadow read what waits to be assessed, then assess it."""
    with life.desk.transaction() as session:
        query = select(Message).where(Message.id.in_(due_for_assessment(life.desk))).order_by(Message.id)
        messages = list(session.execute(query).scalars())
        read = shadow_beside(life.desk, session, messages, [Text(text=message.text) for message in messages])
    life.assess()
    return read


# Promoting and rolling back


def test_where_nothing_was_promoted_the_shipped_model_is_in_force(life):
    with life.desk.transaction() as session:
        assert current_name(session) == SHIPPED
        assert current_model(session) is None
        assert shadow_model(session) is None


def test_a_promoted_model_is_in_force_byte_for_byte(life, stored, tiny):
    promote(life.desk, stored(life), OPS, "lebih baik")

    with life.desk.transaction() as session:
        found = current_model(session)
    assert found is not None
    assert found.name == "tiny-1"
    assert digest(found.to_bytes()) == digest(tiny.to_bytes())


def test_the_model_that_was_in_force_steps_down(life, stored):
    first, second = stored(life, "tiny-1"), stored(life, "tiny-2")
    promote(life.desk, first, OPS)

    assert promote(life.desk, second, OPS) == first
    assert states(life) == {"tiny-1": "former", "tiny-2": "current"}


def test_promoting_is_on_record_with_who_and_why(life, stored):
    promote(life.desk, stored(life), OPS, "lebih baik")

    assert changes(life)[-1] == ("promoted", "tiny-1", "ops-rani", "lebih baik")
    event = events(life)[-1]
    assert (event.name, event.by, event.typed_by) == ("model_promoted", "ops-rani", "rani")
    assert event.data == {"model": "tiny-1", "before": SHIPPED}


def test_rolling_back_restores_the_model_before(life, stored):
    first, second = stored(life, "tiny-1"), stored(life, "tiny-2")
    promote(life.desk, first, OPS)
    promote(life.desk, second, OPS)

    assert roll_back(life.desk, OPS, "salah baca") == (first, second)

    assert in_force(life) == first
    assert changes(life)[-1] == ("rolled_back", first, "ops-rani", "salah baca")


def test_rolling_back_twice_goes_back_two_models(life, stored):
    for name in ("tiny-1", "tiny-2", "tiny-3"):
        promote(life.desk, stored(life, name), OPS)

    roll_back(life.desk, OPS, "salah baca")
    roll_back(life.desk, OPS, "salah baca juga")

    assert in_force(life) == "tiny-1"


def test_a_model_that_was_rolled_back_can_be_promoted_again(life, stored):
    for name in ("tiny-1", "tiny-2"):
        promote(life.desk, stored(life, name), OPS)
    roll_back(life.desk, OPS, "salah baca")

    promote(life.desk, "tiny-2", OPS)

    assert in_force(life) == "tiny-2"
    assert roll_back(life.desk, OPS, "lagi") == ("tiny-1", "tiny-2")


def test_where_none_was_before_there_is_nothing_to_roll_back(life):
    with pytest.raises(Mistake, match=f"No model was in force before {SHIPPED}"):
        roll_back(life.desk, OPS, "salah baca")


def test_a_model_in_force_is_not_promoted_again(life, stored):
    stored(life, current=True)
    with pytest.raises(Mistake, match="in force already"):
        promote(life.desk, "tiny-1", OPS)


def test_an_unknown_model_is_told_with_the_way_to_the_known_ones(life):
    with pytest.raises(Mistake, match=r"no model tiny-9.*tanggap model list"):
        promote(life.desk, "tiny-9", OPS)


@pytest.mark.parametrize(
    "act",
    [
        lambda desk: promote(desk, "tiny-1", CS),
        lambda desk: roll_back(desk, CS, "mau"),
        lambda desk: run_beside(desk, "tiny-1", CS),
        lambda desk: withdraw_shadow(desk, CS),
        lambda desk: promote(desk, "tiny-1", person("siapa")),
    ],
)
def test_who_may_not_change_models_changes_none(life, stored, act):
    stored(life)
    with pytest.raises(Refused):
        act(life.desk)
    assert states(life) == {"tiny-1": "candidate"}
    assert [what for what, *_ in changes(life)] == ["trained"]


# What the database holds


def test_the_bytes_of_a_model_never_change(life, stored):
    stored(life)
    with pytest.raises(DBAPIError, match="never changes"), life.desk.transaction() as session:
        session.execute(update(Model).values(data=b"x"))


@pytest.mark.parametrize(
    "statement", ["DELETE FROM model_change", "UPDATE model_change SET by = 'x'", "TRUNCATE model_change"]
)
def test_what_was_done_with_models_stays_on_record(life, stored, statement):
    stored(life)
    with pytest.raises(DBAPIError, match="append-only"), life.desk.transaction() as session:
        session.execute(text(statement))


@pytest.mark.parametrize("state", ["current", "shadow"])
def test_one_model_at_a_time_is(life, stored, state):
    stored(life, "tiny-1")
    stored(life, "tiny-2")
    with pytest.raises(DBAPIError, match=f"uq_model_{state}"), life.desk.transaction() as session:
        session.execute(update(Model).values(state=state))


def test_a_damaged_model_is_not_put_in_force(life, stored):
    stored(life)
    with life.desk.engine.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.execute(text("UPDATE model SET data = overlay(data placing 'xx' from 900)"))

    with pytest.raises(NotAModel, match=r"tiny-1 cannot be used.*changed"):
        promote(life.desk, "tiny-1", OPS)
    assert in_force(life) == SHIPPED


def test_names_are_counted_from_the_shipped_model_on(life, stored):
    stored(life, f"{SHIPPED}.1")
    with life.desk.transaction() as session:
        assert next_name(session) == f"{SHIPPED}.2"


# The shadow


def test_a_shadow_writes_down_what_it_finds(life, stored):
    run_beside(life.desk, stored(life), OPS)
    life.comes("paket saya belum sampai, tolong kirim sekarang!!")

    assert read_beside(life) == 1

    (found,) = shadowed(life)
    assert (found.model, found.kind) == ("tiny-1", "complaint")
    assert found.category is not None


def test_a_shadow_decides_nothing(life, stored):
    run_beside(life.desk, stored(life), OPS)
    reference = life.comes(life.assessor.finds("paket saya belum sampai", category=Category.BILLING))

    read_beside(life)

    assert life.complaint(reference).category == "billing"
    assert in_force(life) == SHIPPED


def test_a_message_that_a_shadow_reads_again_stands_once(life, stored):
    run_beside(life.desk, stored(life), OPS)
    life.comes("paket saya belum sampai")
    with life.desk.transaction() as session:
        message = session.execute(select(Message)).scalar_one()
        shadow_beside(life.desk, session, [message], [Text(text=message.text)])
        shadow_beside(life.desk, session, [message], [Text(text="terima kasih, mantap sekali pelayanannya")])

    assert len(shadowed(life)) == 1


def test_without_a_shadow_nothing_is_written(life):
    life.comes("paket saya belum sampai")
    assert read_beside(life) == 0
    assert shadowed(life) == []


def test_a_new_shadow_takes_the_place_of_the_old_one(life, stored):
    run_beside(life.desk, stored(life, "tiny-1"), OPS)
    run_beside(life.desk, stored(life, "tiny-2"), OPS)

    assert states(life) == {"tiny-1": "former", "tiny-2": "shadow"}
    assert [(what, name) for what, name, *_ in changes(life)[-2:]] == [("withdrawn", "tiny-1"), ("shadowed", "tiny-2")]


def test_a_withdrawn_shadow_reads_no_more(life, stored):
    run_beside(life.desk, stored(life), OPS)
    assert withdraw_shadow(life.desk, OPS) == "tiny-1"
    life.comes("paket saya belum sampai")

    assert read_beside(life) == 0


def test_the_list_says_how_often_a_shadow_agrees(life, stored):
    run_beside(life.desk, stored(life), OPS)
    life.comes(life.assessor.finds("paket saya belum sampai sampai sekarang, tolong", category=Category.DELIVERY))
    life.comes(life.assessor.finds("terima kasih banyak, mantap sekali", category=Category.BILLING), handle="tono")
    read_beside(life)
    said = {found.message_id: found for found in shadowed(life)}

    found = next(line for line in list_models(life.desk) if line.name == "tiny-1").agreement

    assert found is not None
    assert found.messages == 2
    same = sum(one.kind == "complaint" for one in said.values()) / 2
    assert found.same["kind"] == same


def test_the_list_says_who_was_right_where_a_person_decided(life, stored):
    run_beside(life.desk, stored(life), OPS)
    reference = life.comes(life.assessor.finds("paket saya belum sampai, kurirnya di mana?", category=Category.BILLING))
    read_beside(life)
    (found,) = shadowed(life)
    correct(life.desk, reference, {"category": str(found.category)}, CS)

    agreement = next(line for line in list_models(life.desk) if line.name == "tiny-1").agreement

    assert agreement is not None
    assert (agreement.corrected, agreement.shadow_right, agreement.current_right) == (1, 1, 0)


# The command line


@pytest.fixture
def tanggap(monkeypatch, capsys, tmp_path, life: Life) -> CommandLine:
    return CommandLine(monkeypatch, capsys, tmp_path).at(life.desk)


def test_promoting_on_the_command_line_names_what_was_before(life, stored, tanggap):
    stored(life)

    ran = tanggap("model", "promote", "tiny-1", "--as", "ops-rani", "--reason", "lebih baik")

    assert ran.code == 0, ran.err
    assert f"tiny-1 is in force; it was {SHIPPED}" in ran.out
    assert in_force(life) == "tiny-1"


def test_rolling_back_on_the_command_line_says_what_is_in_force(life, stored, tanggap):
    stored(life, "tiny-1", current=True)
    stored(life, "tiny-2", current=True)

    ran = tanggap("model", "rollback", "--as", "ops-rani", "--reason", "salah baca")

    assert "tiny-1 is in force again; tiny-2 is not." in ran.out


def test_the_list_has_every_model_with_its_state(life, stored, tanggap):
    stored(life, "tiny-1", current=True)
    run_beside(life.desk, stored(life, "tiny-2"), OPS)

    listed = tanggap("model", "list", "--json").json
    shown = tanggap("model", "list").out

    assert [(line["name"], line["state"]) for line in listed] == [
        (SHIPPED, "shipped"), ("tiny-1", "current"), ("tiny-2", "shadow"),
    ]  # fmt: skip
    assert "tiny-2 has read no message yet." in shown


def test_a_shadow_is_ended_on_the_command_line(life, stored, tanggap):
    stored(life)
    assert tanggap("model", "shadow", "tiny-1", "--as", "ops-rani").code == 0
    assert states(life) == {"tiny-1": "shadow"}

    ran = tanggap("model", "shadow", "--off", "--as", "ops-rani")

    assert "tiny-1 is no shadow any more." in ran.out
    assert states(life) == {"tiny-1": "former"}


def test_who_may_not_is_told_in_one_line(life, stored, tanggap):
    stored(life)
    ran = tanggap("model", "promote", "tiny-1", "--as", "cs-nia")
    assert (ran.code, ran.err.count("\n")) == (1, 1)
    assert "cs-nia may not do this (model" in ran.err


def test_training_for_the_desk_wants_a_name(life, tanggap):
    ran = tanggap("model", "train")
    assert (ran.code, ran.err.count("\n")) == (1, 1)
    assert "--as PERSON" in ran.err


def test_training_from_the_first_wants_the_public_texts(life, tanggap, tmp_path):
    ran = tanggap("model", "train", "--data", tmp_path, "--out", tmp_path / "made.npz")
    assert (ran.code, ran.err.count("\n")) == (1, 1)
    assert "is missing. Point --data" in ran.err
    assert not (tmp_path / "made.npz").exists()


def test_a_model_without_a_card_says_so(life, stored, tanggap):
    stored(life)
    assert "Nothing was written down" in tanggap("model", "show", "tiny-1").out


def test_every_source_that_a_model_may_learn_from_has_its_licence():
    from integrations.classifier.training import examples

    named = set(card.LICENCES)
    assert {"messages", "correction"} <= named
    assert {example.source for example in examples.own()} <= named


def test_a_stored_model_reads_as_it_was_made(life, stored, tiny):
    stored(life)
    with life.desk.transaction() as session:
        found = read_model(session, "tiny-1")
    assert dict(found.temperatures) == dict(tiny.temperatures)
