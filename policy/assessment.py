"""What the desk asks of anything that assesses texts: a batch in, one finding a text out, with the words it rests on.

Rules (`policy.assess.rules`) and trained models stand behind the same `Assessor`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from db.words import Category, Kind, Remedy, Risk


@dataclass(frozen=True)
class Author:
    """Who wrote a text, as far as the assessment cares."""

    handle: str | None = None
    name: str | None = None
    followers: int | None = None
    verified: bool | None = None


@dataclass(frozen=True)
class Text:
    """One text to assess, with what is known around it.

    `addressed` is what the record or its channel knows; None leaves it to the text. `subject` is read for the findings,
    but evidence stays within `text`.
    """

    text: str
    channel: str | None = None
    author: Author | None = None
    addressed: bool | None = None
    subject: str | None = None
    in_reply_to_us: bool = False


@dataclass(frozen=True)
class Evidence:
    """Words that a finding rests on: code points of the text as given, half-open.

    `value` is what they speak for within the field (`risks`: `legal_threat`); empty where that was not written down.
    """

    field: str
    quote: str
    start: int
    end: int
    value: str = ""


@dataclass(frozen=True)
class TextAssessment:
    """What a text is, and how sure the assessor is of each part (0 to 1, by field).

    `category` and `remedy` are None where `kind` is no complaint. `addressed`: it speaks to us. `about_us`: it is about
    us. `opinion`: it says something critical about us. `breach`: an expectation was breached. `asks`: it asks for
    something. `unsure`: the fields that a person decides. `second_look`: it was assessed in a hurry, and a slower look
    may find more. `guessed`: those of the risks that a model alone sees, with no rule to speak for them.
    """

    kind: Kind
    category: Category | None
    remedy: Remedy | None
    risks: tuple[Risk, ...]
    anger: int
    language: str
    confidence: Mapping[str, float]
    evidence: tuple[Evidence, ...]
    addressed: bool
    about_us: bool
    opinion: bool
    breach: bool
    asks: bool
    version: str
    unsure: tuple[str, ...] = ()
    second_look: bool = False
    guessed: tuple[Risk, ...] = ()


class Assessor(Protocol):
    """Anything that assesses texts; `version` names the rules or the model that did."""

    @property
    def version(self) -> str: ...

    def assess(self, batch: Sequence[Text], *, hurried: bool = False) -> list[TextAssessment]:
        """One finding a text, in the order of the batch; `hurried` leaves out what takes long."""
        ...


class KnowsUs(Protocol):
    """What an assessor needs to know of the company (`policy.company.Company` has it)."""

    @property
    def handles(self) -> tuple[str, ...]: ...

    def names_us(self, text: str) -> list[tuple[int, int]]: ...

    def owns_handle(self, handle: str) -> bool: ...
