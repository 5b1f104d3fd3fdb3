"""What happens after a complaint is solved: a survey, a neutral request to tell the public, and closing.

Whom we ask follows from facts of the case alone, never from how happy the customer is: to ask only the satisfied is
*review gating* (FTC, *Soliciting and paying for online reviews*; Google's review policy; 16 CFR 465). A score only
decides whether a complaint reopens, and nobody is asked about an open one.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from pydantic import Field

from db.words import Risk
from policy.durations import Wall
from policy.reading import Contradiction, Rules


class Survey(Rules):
    """The survey after resolving."""

    send: bool = True
    after: Wall
    """From resolving to sending."""
    unhappy_up_to: int = Field(ge=0, le=4)
    """A score from 1 to this reopens the complaint; 0: none does."""


class Ask(Rules):
    """The request to tell the public, the same words for everybody who is asked."""

    enabled: bool = True
    wait_for_survey: bool = True
    """Whether the survey's answer is awaited first, so that a reopened complaint is not asked about."""
    without_answer_after: Wall
    """How long after the survey, unanswered, the request leaves all the same."""
    cool_off: Wall
    """How long a person is not asked again."""
    private_complaints: bool = True
    """Whether those are asked too who never complained in public."""
    never_on: tuple[str, ...] = ()
    """Channels on which nobody is asked: review platforms forbid or restrict it."""
    withhold_risks: tuple[Risk, ...] = ()
    """Whoever had one of these happen is not asked to tell about it."""


class FollowUp(Rules):
    """After the answer."""

    survey: Survey
    ask: Ask
    close_after: Wall
    """From the request, or from withholding it, to closing; so long the customer's own words are looked for."""

    def contradictions(self) -> Iterator[Contradiction]:
        """A request that can never leave."""
        if self.ask.enabled and self.ask.wait_for_survey and not self.survey.send:
            yield (
                ("ask", "wait_for_survey"),
                "the request waits for a survey that is never sent (`survey.send: false`); switch one of them",
            )


@dataclass(frozen=True)
class AskFacts:
    """What is known of a solved case when it comes to asking.

    `reopened`: it is open again. `refused`: this person declined a request before; `opted_out`: wants no such messages.
    `complainant_known`: there is somebody we can write to.
    """

    channel: str
    risks: tuple[Risk, ...] = ()
    reopened: bool = False
    refused: bool = False
    last_asked_at: datetime | None = None
    opted_out: bool = False
    publicly_complained: bool = True
    incident: bool = False
    complainant_known: bool = True


@dataclass(frozen=True)
class AskDecision:
    """Whether to ask; else `why` is a token: `off` `reopened` `refused` `incident` `sensitive` `review_platform`
    `private_complaint` `no_private_channel` `asked_recently`.
    """

    ask: bool
    why: str | None = None


def decide_ask(case: AskFacts, rules: FollowUp, now: datetime) -> AskDecision:
    """Whether this person is asked to tell the public; the first reason against it counts.

    There is no way to say how satisfied the customer is, and that is the rule.
    """
    asked_recently = case.last_asked_at is not None and now - case.last_asked_at < rules.ask.cool_off
    against = (
        ("off", not rules.ask.enabled),
        ("reopened", case.reopened),
        ("refused", case.refused or case.opted_out),
        ("incident", case.incident),
        ("sensitive", any(risk in rules.ask.withhold_risks for risk in case.risks)),
        ("review_platform", case.channel in rules.ask.never_on),
        ("private_complaint", not case.publicly_complained and not rules.ask.private_complaints),
        ("no_private_channel", not case.complainant_known),
        ("asked_recently", asked_recently),
    )
    why = next((token for token, holds in against if holds), None)
    return AskDecision(why is None, why)


def reopens(score: int, rules: FollowUp) -> bool:
    """Whether a survey's score (1 to 5) reopens the complaint."""
    return score <= rules.survey.unhappy_up_to


def ask_at(surveyed: datetime, answered: datetime | None, rules: FollowUp) -> datetime:
    """When the request is due: at once after the survey's answer, or so long after a survey that got none."""
    if not rules.ask.wait_for_survey:
        return surveyed
    return answered if answered is not None else surveyed + rules.ask.without_answer_after
