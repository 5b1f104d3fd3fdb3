"""What the tests of the assessor share: the shipped lexicon, read once, and lexicons written on the spot."""

from functools import cache
from pathlib import Path

import yaml

import policy
from policy.assess.lexicon import Lexicon, read_lexicon
from policy.assess.rules import RuleAssessor
from policy.assessment import Text, TextAssessment

SHIPPED = Path(policy.__file__).parent / "lexicon"


@cache
def shipped() -> Lexicon:
    return read_lexicon(SHIPPED)


@cache
def any_brand() -> RuleAssessor:
    return RuleAssessor(shipped())


def assess(text: str, **around) -> TextAssessment:
    return any_brand().assess([Text(text, **around)])[0]


def written(directory: Path, entries: list[dict], **files: str) -> Path:
    """A small lexicon: the shipped spelling and languages, and these entries."""
    for name in ("normalise.yaml", "languages.yaml"):
        (directory / name).write_text((SHIPPED / name).read_text(encoding="utf-8"), encoding="utf-8")
    (directory / "entries.yaml").write_text(yaml.safe_dump({"entries": entries}, allow_unicode=True), encoding="utf-8")
    for name, text in files.items():
        (directory / f"{name}.yaml").write_text(text, encoding="utf-8")
    return directory
