"""What is known of a case when its answer is composed: nothing is guessed, and nothing is the customer's wording."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from db.words import Category, Kind, Remedy, Risk, Visibility


class Stage(StrEnum):
    """Where the talk stands that is answered."""

    FIRST = "first"
    """The first answer to a complaint."""
    NEXT = "next"
    """They wrote again after an answer."""
    REOPENED = "reopened"
    """It was called solved and is not."""
    QUESTION = "question"
    OPINION = "opinion"
    """Nothing was breached and nothing is asked, but many read it."""


class Talk(StrEnum):
    """Whether there is a private talk beside a public one already, on the same channel."""

    NONE = "none"
    HEARD = "heard"
    """They wrote privately, and our answer there is still to come."""
    ANSWERED = "answered"
    """What we wrote privately stands there last."""


class Register(StrEnum):
    """How we speak, following how the customer does: Bapak/Ibu, Anda, or Kak."""

    FORMAL = "formal"
    NEUTRAL = "neutral"
    CASUAL = "casual"


@dataclass(frozen=True)
class Cited:
    """An article that the answer may quote: its short public answer, and its title as the document it rests on."""

    slug: str
    version: str
    title: str
    answer: str

    @property
    def ref(self) -> str:
        """The article and its version, as grounds name them."""
        return f"{self.slug}@{self.version}"


@dataclass(frozen=True)
class Case:
    """One answer to be written. What is not known is empty."""

    visibility: Visibility
    channel: str
    reference: str
    company: str = ""
    contact: Mapping[str, str] = field(default_factory=dict)
    """How we are reached privately, as a part of a sentence in each language."""
    language: str = "id"
    register: Register = Register.NEUTRAL
    stage: Stage = Stage.FIRST
    kind: Kind = Kind.COMPLAINT
    category: Category | None = None
    topics: tuple[str, ...] = ()
    """What it is about, the likeliest first (`policy/parts/topics.yaml`)."""
    beside: str = ""
    """A second matter that the message answered names as clearly as the first."""
    asked: bool = False
    """Whether we had asked them for what they wrote now."""
    talk: Talk = Talk.NONE
    risks: tuple[Risk, ...] = ()
    """Those that its words speak to; what only a model takes for the press is not among them."""
    remedy: Remedy | None = None
    anger: int = 0
    name: str = ""
    order_number: str = ""
    tracking_url: str = ""
    answer_by: Mapping[str, str] = field(default_factory=dict)
    """Until when policy promised an answer, as it is said in each language."""
    article: Cited | None = None
    summary: str = ""
    """What a person wrote of the matter."""
    summary_by: str = ""
    statement: str = ""
    """The one answer of the incident that this is a part of: then nothing else is said."""
    statement_ref: str = ""
    variant: int = 0
    """Which wording: the facts are the same in all."""
