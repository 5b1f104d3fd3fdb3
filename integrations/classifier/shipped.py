"""The models that come with the package: the light path always, the encoder where its libraries are installed."""

from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

from integrations.classifier.encoder.session import MODEL, EncoderPath
from integrations.classifier.light import LightModel

MODELS = Path(str(files("integrations.classifier"))) / "models"
LIGHT = "light-1.npz"
LIGHT_SHA256 = "35cc290991ca28af824f3100ee98fb5b8a88c81435648e41bda70ba71fdf743f"
"""Of the shipped file: a changed one is refused. `tanggap model train --data` prints the new one."""

NEEDED = ("onnxruntime", "tokenizers")
"""What the encoder runs on (`pip install tanggap[encoder]`; `uv sync` brings it along)."""


def shipped_model() -> LightModel:
    """The model of the light path that the package brings.

    Raises:
        NotAModel: the file was changed.
    """
    return LightModel.from_bytes((MODELS / LIGHT).read_bytes(), LIGHT_SHA256)


def encoder_missing() -> str | None:
    """Why the encoder cannot be used, or None where it can."""
    absent = [name for name in NEEDED if find_spec(name) is None]
    if absent:
        return f"{' and '.join(absent)} not installed (pip install 'tanggap[encoder]')"
    if not (MODELS / MODEL).is_file():
        return f"{MODELS / MODEL} is missing"
    return None


def shipped_encoder() -> EncoderPath | None:
    """The encoder that the package brings; None where it cannot be used (`encoder_missing` says why).

    Raises:
        NotAModel: its files are damaged.
    """
    return None if encoder_missing() else EncoderPath(MODELS)
