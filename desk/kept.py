"""A copy of the promoted model in the home, for `tanggap assess`, which answers at once and without a database."""

import os
from pathlib import Path

from integrations.classifier.light import LightModel, NotAModel


def _place(home: Path) -> Path:
    return home / "models" / "current.npz"


def keep_model(home: Path, model: LightModel | None) -> None:
    """Keep a copy of the promoted model; None where the shipped one is current."""
    place = _place(home)
    if model is None:
        place.unlink(missing_ok=True)
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    fresh = place.with_suffix(f".{os.getpid()}")
    fresh.write_bytes(model.to_bytes())
    fresh.replace(place)


def kept_model(home: Path) -> LightModel | None:
    """The copy, or None where there is none that can be read: then the shipped model answers."""
    try:
        return LightModel.from_bytes(_place(home).read_bytes())
    except (OSError, NotAModel):
        return None
