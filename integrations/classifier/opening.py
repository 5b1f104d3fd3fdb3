"""Puts the assessor together: rules, and as much of the model as is asked for and installed."""

from dataclasses import dataclass

from integrations.classifier.joined import JoinedAssessor
from integrations.classifier.light import LightModel, LightPath
from integrations.classifier.shipped import shipped_encoder, shipped_model
from integrations.classifier.use import Use
from policy.assess.deciding import Assessing
from policy.assess.lexicon import Lexicon
from policy.assess.rules import RuleAssessor
from policy.assessment import KnowsUs


@dataclass(frozen=True)
class Ground:
    """What every assessor rests on. `any_brand`: every text is about us (stories without a company)."""

    lexicon: Lexicon
    company: KnowsUs
    limits: Assessing
    any_brand: bool = False


def open_assessor(ground: Ground, use: Use, model: LightModel | None = None) -> JoinedAssessor | RuleAssessor:
    """An assessor; `model` takes the place of the shipped model of the light path.

    Raises:
        NotAModel: a shipped file was changed or is damaged.
    """
    rules = RuleAssessor(ground.lexicon, ground.company, any_brand=ground.any_brand)
    if use is Use.OFF:
        return rules
    light = LightPath(model or shipped_model(), ground.lexicon.spelling)
    encoder = shipped_encoder() if use is Use.FULL else None
    return JoinedAssessor(rules, light, encoder, ground.limits)
