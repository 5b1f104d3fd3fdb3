"""How much of the model is used; apart from the rest, so that reading the settings loads no model."""

from enum import StrEnum


class Use(StrEnum):
    """How much of the model the desk uses (`TANGGAP_MODEL`)."""

    FULL = "full"
    """Rules, light path, and the encoder where its libraries are installed."""
    LIGHT = "light"
    """Rules and light path."""
    OFF = "off"
    """Rules alone."""
