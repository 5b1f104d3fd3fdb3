"""When to answer a message, when to watch it, and when to keep it only.

Not every grumble wants an answer: what nobody minds is watched until it grows, so that we do not make it
bigger ourselves. What may hurt somebody is answered, whoever says it and however few read it.
"""

from collections.abc import Iterator
from enum import StrEnum

from pydantic import Field

from db.words import Kind, Severity
from policy.assessment import TextAssessment
from policy.reach import Reach
from policy.reading import Contradiction, Rules
from policy.severity import Grade


class Disposition(StrEnum):
    """What the desk does with a message."""

    ANSWER = "answer"
    WATCH = "watch"
    NOTE = "note"
    SPAM = "spam"


class Few(Rules):
    """Below both, a message reaches few."""

    views_under: int = Field(ge=1)
    followers_under: int = Field(ge=1)


class Growth(Rules):
    """A growth within a day that is looked at again, from this many views on."""

    times: int = Field(ge=2)
    from_views: int = Field(ge=1)


class ReassessAt(Rules):
    """Marks of reach; a noted or watched message that passes one is assessed again."""

    views: tuple[int, ...] = Field(min_length=1)
    followers: tuple[int, ...] = Field(min_length=1)
    growth: Growth


class Watching(Rules):
    """The company's patience."""

    few: Few
    answer_from: Severity = Severity.S2
    """From this severity on, a message about us is answered whatever its kind, praise and news included."""
    thank_praise: bool = False
    reassess_at: ReassessAt

    def contradictions(self) -> Iterator[Contradiction]:
        """Marks that would let a message grow past `few` unseen."""
        if self.few.views_under not in self.reassess_at.views:
            message = f"must include {self.few.views_under}, where a message stops reaching few (`few.views_under`)"
            yield ("reassess_at", "views"), message
        if self.few.followers_under not in self.reassess_at.followers:
            message = f"must include {self.few.followers_under}, where an author stops reaching few"
            yield ("reassess_at", "followers"), message


def disposition(found: TextAssessment, grade: Grade, reach: Reach, rules: Watching) -> Disposition:
    """What to do with a message.

    A complaint that is neither about us nor addressed to us is watched rather than dropped: the desk collects what
    names us, and the text may do so in a way that nobody thought of.
    """
    if found.kind is Kind.SPAM:
        return Disposition.SPAM
    ours = found.about_us or found.addressed
    grave = grade.severity.at_least(rules.answer_from)
    if not ours and found.kind is not Kind.COMPLAINT:
        return Disposition.NOTE
    if grave:
        return Disposition.ANSWER
    if found.kind is Kind.QUESTION:
        return Disposition.ANSWER
    if found.kind is Kind.COMPLAINT or (found.kind is Kind.OTHER and found.opinion):
        return _patient(found, grade, reach, rules)
    return Disposition.NOTE


def grown(before: Reach, after: Reach, rules: Watching) -> bool:
    """Whether reach passed a mark since the message was assessed, so that it must be assessed again."""
    marks = rules.reassess_at
    if any(before.views < mark <= after.views for mark in marks.views):
        return True
    if any(before.followers < mark <= after.followers for mark in marks.followers):
        return True
    return _steep(after, marks.growth) and not _steep(before, marks.growth)


def _patient(found: TextAssessment, grade: Grade, reach: Reach, rules: Watching) -> Disposition:
    """For complaints and opinions: watch while they carry no risk, reach few, and want nothing of us."""
    few = reach.views < rules.few.views_under and reach.followers < rules.few.followers_under
    wants = found.addressed and (found.asks or found.breach)
    return Disposition.WATCH if few and not grade.risks and not wants else Disposition.ANSWER


def _steep(reach: Reach, growth: Growth) -> bool:
    return reach.views >= growth.from_views and reach.growth >= growth.times
