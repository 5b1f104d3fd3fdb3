"""A model is arrays and a little JSON: it comes back as it went, a changed one is refused, and nothing in it runs."""

import io
import json
import pickle
import zipfile

import numpy as np
import pytest

from integrations.classifier.features import BITS, HALF
from integrations.classifier.fields import ALL, words_of
from integrations.classifier.fitting import Linear
from integrations.classifier.light import LightModel, LightPath, NotAModel, Space, digest
from integrations.classifier.shipped import LIGHT, LIGHT_SHA256, MODELS, shipped_model
from tests.unit.assessing import shipped

TEXTS = ["paket saya belum sampai, refund!", "", "jam buka?", "I will sue you"]


@pytest.fixture(scope="module")
def model():
    drawn = np.random.default_rng(5)
    words, letters = drawn.choice(HALF, 3000, replace=False), HALF + drawn.choice(HALF, 9000, replace=False)
    places = np.sort(np.concatenate([words, letters])).astype(np.int64)
    space = Space(places, drawn.uniform(1, 9, len(places)).astype(np.float16).astype(np.float32))
    heads = {
        name: Linear(drawn.normal(size=(space.width, len(words_of(name)))), drawn.normal(size=len(words_of(name))))
        for name in sorted(ALL)  # as a file has them
    }
    return LightModel("drawn-1", space, heads, {"kind": 1.3}, {"seed": 5, "note": "a card"})


@pytest.fixture(scope="module")
def data(model):
    return model.to_bytes()


def parts(data):
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}


def whole(arrays):
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


def test_the_same_model_gives_the_same_bytes(model, data):
    assert model.to_bytes() == data


def test_a_model_that_was_read_writes_the_bytes_it_came_from(data):
    assert LightModel.from_bytes(data).to_bytes() == data


def test_a_model_comes_back_with_all_it_is_known_by(model, data):
    read = LightModel.from_bytes(data, digest(data))

    assert (read.name, read.temperatures, read.card) == (model.name, model.temperatures, model.card)
    assert list(read.heads) == list(model.heads)
    assert np.array_equal(read.space.places, model.space.places)
    assert np.array_equal(read.space.rarity, model.space.rarity)


def test_a_model_comes_back_with_its_answers(data):
    said = [{"breach": 2.0, "risk.legal_threat": 3.0}, {}, {"kind.question": 2.0}, {}]
    before, after = (
        LightPath(read, shipped().spelling).probabilities(TEXTS, said)
        for read in (LightModel.from_bytes(data), LightModel.from_bytes(LightModel.from_bytes(data).to_bytes()))
    )

    assert all(np.array_equal(before[name], after[name]) for name in ALL)


def test_eight_bits_a_weight_hardly_change_an_answer(model, data):
    exact, stored = (
        LightPath(read, shipped().spelling).probabilities(TEXTS, [{}] * len(TEXTS))
        for read in (model, LightModel.from_bytes(data))
    )

    assert max(float(np.abs(exact[name] - stored[name]).max()) for name in ALL) < 0.03


def test_a_file_of_another_hash_is_refused(data):
    with pytest.raises(NotAModel, match="changed"):
        LightModel.from_bytes(data, "0" * 64)


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: b"PK",
        lambda data: b"no model",
        lambda data: data[:1000],
        lambda data: data[:-1000],
        lambda data: data[: len(data) // 2] + bytes([data[len(data) // 2] ^ 255]) + data[len(data) // 2 + 1 :],
    ],
    ids=["empty", "two letters", "text", "its beginning", "its end is missing", "one byte is another"],
)
def test_a_damaged_file_is_refused_even_where_nobody_knows_its_hash(data, damage):
    with pytest.raises(NotAModel):
        LightModel.from_bytes(damage(data))


def test_a_model_for_other_words_is_refused(data):
    arrays = parts(data)
    about = json.loads(arrays["about"].tobytes())
    about["fields"]["kind"] = ["complaint", "question"]
    arrays["about"] = np.frombuffer(json.dumps(about).encode(), dtype=np.uint8)

    with pytest.raises(NotAModel, match="other words"):
        LightModel.from_bytes(whole(arrays))


@pytest.mark.parametrize("missing", ["about", "places", "weights.kind", "biases.risks"])
def test_a_model_without_one_of_its_parts_is_refused(data, missing):
    arrays = parts(data)
    del arrays[missing]

    with pytest.raises(NotAModel):
        LightModel.from_bytes(whole(arrays))


class Trap:
    """Says when somebody unpickles it."""

    sprung = False

    def __reduce__(self):
        return _spring, ()


def _spring():
    Trap.sprung = True
    return Trap()


def test_nothing_in_a_model_file_runs(data):
    arrays = {**parts(data), "places": np.array([Trap()], dtype=object)}

    for bait in (whole(arrays), pickle.dumps(Trap())):
        with pytest.raises(NotAModel):
            LightModel.from_bytes(bait)

    assert not Trap.sprung


def test_the_file_holds_plain_arrays_only(data):
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        assert all(name.endswith(".npy") for name in file.namelist())
    assert {array.dtype.kind for array in parts(data).values()} <= {"f", "i", "u"}


def test_the_places_of_a_model_fit_its_features(data):
    read = LightModel.from_bytes(data)

    assert read.space.places.max() < 1 << BITS
    assert (np.diff(read.space.places) > 0).all()


def test_the_shipped_file_is_the_one_that_the_package_names():
    assert digest((MODELS / LIGHT).read_bytes()) == LIGHT_SHA256
    assert shipped_model().name == LIGHT.partition(".")[0]


def test_the_shipped_files_are_small_enough_to_ship():
    assert sum(file.stat().st_size for file in MODELS.iterdir()) < 40 * 2**20
