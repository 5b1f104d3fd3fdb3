"""The parts of the policy that work on a text alone, each read only when asked for.

So `tanggap assess` and `tanggap check` answer at once: the whole policy takes longer to read than a text to judge.
"""

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import policy

if TYPE_CHECKING:
    from policy.assessment import Assessor
    from policy.channels import ChannelRules
    from policy.company import Company
    from policy.guard.rules import Guardrails
    from policy.severity import Severities


class TextRules:
    """Rules from the policy's directory; `company` is a file that takes the place of its company.yaml.

    Each part raises PolicyError where it cannot be read.
    """

    def __init__(self, company: Path | None = None) -> None:
        self._company = company
        self._given = _given()

    @cached_property
    def company(self) -> "Company":
        """Who we are."""
        from policy.company import read_company

        return read_company(self._company or self._at("company.yaml"))

    @cached_property
    def channels(self) -> "dict[str, ChannelRules]":
        """The channels by name."""
        from policy.channels import Channels
        from policy.reading import read_rules

        return read_rules(self._at("channels.yaml"), Channels).channels

    @cached_property
    def severities(self) -> "Severities":
        """What makes a message grave."""
        from policy.reading import read_rules
        from policy.severity import Severities

        return read_rules(self._at("severities.yaml"), Severities)

    @cached_property
    def guardrails(self) -> "Guardrails":
        """What no reply may say."""
        from policy.guard.rules import read_guardrails

        return read_guardrails(self._at("guardrails"))

    @cached_property
    def assessor(self) -> "Assessor":
        """What tells kinds, categories and risks."""
        from desk.kept import kept_model
        from integrations.classifier.opening import Ground, open_assessor
        from integrations.classifier.use import Use
        from policy.assess.deciding import Assessing
        from policy.assess.lexicon import read_lexicon
        from policy.reading import read_rules

        limits = read_rules(self._at("assessing.yaml"), Assessing)
        ground = Ground(read_lexicon(self._at("lexicon")), self.company, limits)
        return open_assessor(ground, Use(self._given.model), kept_model(self._given.home))

    def _at(self, name: str) -> Path:
        places = self._given.places
        return next((place / name for place in places[:-1] if (place / name).exists()), places[-1] / name)


@dataclass(frozen=True)
class _Given:
    """What is set from outside that matters here. `places`: where the rules lie, what takes precedence first."""

    places: list[Path]
    model: str
    home: Path


def _given() -> _Given:
    """The settings that matter; without any there is nothing to read, and reading them takes a third of a short run."""
    shipped = Path(next(iter(policy.__path__)))
    if not Path(".env").exists() and not any(name.upper().startswith("TANGGAP_") for name in os.environ):
        return _Given([shipped], "full", Path(".tanggap"))
    from desk.settings import read_settings

    settings = read_settings()
    directory = settings.policy_dir or shipped
    places = [directory] if settings.policy_overlay is None else [settings.policy_overlay, directory]
    return _Given(places, settings.model, settings.home)
