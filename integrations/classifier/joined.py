"""The assessor at work: rules and model joined, the encoder asked where it is worth its time.

Which texts get the encoder's opinion depends on the text alone, so the same text always gets the same answer, alone or
in a batch. Where too much waits (`hurried`), nobody asks the encoder, and the texts that it would have had a say in are
marked for a second look.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from db.words import Kind, Remedy
from integrations.classifier.encoder.session import EncoderPath
from integrations.classifier.light import LightPath
from policy.assess.deciding import Assessing, Decision, Likely, decide, wants_second_opinion
from policy.assess.rules import RuleAssessor, RuleFinding
from policy.assessment import Evidence, Text, TextAssessment

_TELLING = 2
"""Words that are named for a finding that no rule has words for."""


@dataclass(frozen=True)
class _Scored:
    """A text with what is likely of it, and whether the encoder would have had a say."""

    likely: Likely
    wanted: bool


class JoinedAssessor:
    """Rules, light path and encoder as one assessor. `encoder` is None where it is not installed."""

    def __init__(self, rules: RuleAssessor, light: LightPath, encoder: EncoderPath | None, limits: Assessing) -> None:
        self._rules, self._light, self._encoder, self._limits = rules, light, encoder, limits
        self.quick_version = f"{rules.version}+{light.model.name}"
        self.version = self.quick_version if encoder is None else f"{self.quick_version}+{encoder.name}"

    def assess(self, batch: Sequence[Text], *, hurried: bool = False) -> list[TextAssessment]:
        """One finding a text, in the order of the batch. Never fails on a text, whatever is in it."""
        if not batch:
            return []
        read = self._rules.read(batch)
        wholes = [finding.whole for finding in read]
        scored = self._scored(wholes, read, hurried=hurried)
        version = self.quick_version if hurried else self.version
        return [
            self._joined(text, finding, score.likely, version, second_look=hurried and score.wanted)
            for text, finding, score in zip(batch, read, scored, strict=True)
        ]

    def _scored(self, wholes: Sequence[str], read: Sequence[RuleFinding], *, hurried: bool) -> list[_Scored]:
        light = self._light.probabilities(wholes, [finding.said for finding in read])
        rows = {field: found.tolist() for field, found in light.items()}
        likely: list[Likely] = [{field: rows[field][at] for field in rows} for at in range(len(wholes))]
        if self._encoder is None:
            return [_Scored(chances, False) for chances in likely]
        limits = self._limits.second_opinion
        wanted = [
            wants_second_opinion(chances, finding.risks, limits) for chances, finding in zip(likely, read, strict=True)
        ]
        asked = [] if hurried else [at for at, wants in enumerate(wanted) if wants]
        if asked:
            second = self._encoder.probabilities([wholes[at] for at in asked])
            for row, at in enumerate(asked):
                likely[at] = {
                    field: ((1 - limits.weight) * light[field][at] + limits.weight * second[field][row]).tolist()
                    for field in rows
                }
        return [_Scored(chances, wants) for chances, wants in zip(likely, wanted, strict=True)]

    def _joined(
        self, text: Text, finding: RuleFinding, likely: Likely, version: str, *, second_look: bool
    ) -> TextAssessment:
        decision = decide(likely, finding, self._limits)
        complaint = decision.kind is Kind.COMPLAINT
        demands = decision.remedy is not None and decision.remedy is not Remedy.NONE
        return TextAssessment(
            kind=decision.kind,
            category=decision.category,
            remedy=decision.remedy,
            risks=decision.risks,
            anger=decision.anger,
            language=finding.language,
            confidence={**decision.confidence, "language": finding.language_sure},
            evidence=self._evidence(text, finding, decision),
            addressed=finding.addressed,
            about_us=finding.about_us,
            opinion=finding.about_us and (complaint or finding.critical),
            breach=complaint and (finding.breach or decision.confidence["kind"] >= self._limits.sure_from),
            asks=decision.kind is Kind.QUESTION or demands or finding.asks,
            version=version,
            unsure=decision.unsure,
            second_look=second_look,
            guessed=decision.guessed,
        )

    def _evidence(self, text: Text, finding: RuleFinding, decision: Decision) -> tuple[Evidence, ...]:
        """The words that the findings rest on: the rules' where they have any, else those that moved the model most."""
        named = finding.evidence(decision.kind, decision.category, decision.remedy, decision.risks, decision.anger)
        found = list(named)
        have = {evidence.field for evidence in named if evidence.field != "risks"}
        have |= {f"risks.{risk}" for risk in finding.risks}
        for field, word in _claims(decision):
            if field not in have and f"{field}.{word}" not in have:
                found += self._telling(text.text, field, word)
        return tuple(found)

    def _telling(self, text: str, field: str, word: str) -> list[Evidence]:
        spoken = self._light.speaks_for(text, field, word)[:_TELLING]
        return [Evidence(field, text[start:end], start, end, word) for weight, start, end in spoken if weight > 0]


def _claims(decision: Decision) -> list[tuple[str, str]]:
    """What a decision says that wants words to rest on."""
    claims: list[tuple[str, str]] = [("kind", str(decision.kind))]
    if decision.category is not None:
        claims.append(("category", str(decision.category)))
    if decision.remedy not in (None, Remedy.NONE):
        claims.append(("remedy", str(decision.remedy)))
    claims += [("risks", str(risk)) for risk in decision.risks]
    if decision.anger:
        claims.append(("anger", str(decision.anger)))
    return claims
