"""Has composed answers worded anew by the company's language model, outside of any transaction.

Whatever goes wrong, and whatever the model does not say as we do, the composed answer stands; the ledger says why.
"""

import secrets
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlmodel import Session

from db.complaints import own_messages
from db.tables import Complaint
from db.words import LlmUse
from integrations.llm.client import Turn
from policy.answered import Unusable, fitted, parse
from policy.composing import Composed
from policy.masking import mask
from policy.rewording.asking import LONGEST_CUSTOMER, SCHEMA, VERSION, Rewording, instructions, material
from policy.rewording.checks import check
from policy.rewording.rebuilding import Material, material_of, rebuilt, without_digits
from tasks.composing import Prepared
from tasks.desk import Desk
from tasks.guarding import guard
from tasks.llm_calls import Question, Read, ask_all

BATCH, BATCH_A_CALL = 400, 4
"""Complaints that are answered together; with a model so many for each call that it takes at once."""


def batch_size(desk: Desk) -> int:
    """How many answers are drafted together: whoever comes next waits for all of them."""
    rules = desk.policy.llm
    return BATCH_A_CALL * rules.at_once if desk.llm is not None and rules.may(LlmUse.REPHRASE) else BATCH


def reword(desk: Desk, prepared: Sequence[Prepared]) -> list[Prepared]:
    """The same answers, each in the model's wording where that passed every check."""
    wanted = [place for place, one in enumerate(prepared) if _may(desk, one)]
    made = list(prepared)
    with desk.transaction() as session:
        asked = [(place, _Asked.of(session, desk, prepared[place])) for place in wanted]
    open_ = [(place, one) for place, one in asked if one is not None]
    answers = ask_all(desk, [(one.question(), one.read) for _, one in open_])
    for (place, one), answer in zip(open_, answers, strict=True):
        if answer is not None:
            made[place] = replace(made[place], composed=one.composed_from(answer))
    return made


def _may(desk: Desk, prepared: Prepared) -> bool:
    rules, case = desk.policy.llm, prepared.case
    return (
        desk.llm is not None and rules.may(LlmUse.REPHRASE) and not case.statement and bool(prepared.composed.sentences)
    )


class _Asked:
    """One answer that is to be worded anew, with all that its new wording is held against."""

    def __init__(self, desk: Desk, prepared: Prepared, seen: int, customer: str, ours: Material) -> None:
        self.desk = desk
        self.prepared = prepared
        self.seen = seen
        self.customer = customer
        self.ours = ours

    @classmethod
    def of(cls, session: Session, desk: Desk, prepared: Prepared) -> "_Asked | None":
        """What is asked; None where a risk forbids it, or the complaint went on, or was erased, meanwhile."""
        complaint = session.get_one(Complaint, prepared.at.complaint_id)
        if not set(desk.policy.llm.never_rephrased).isdisjoint(complaint.risks):
            return None
        said = tuple(message.text for message in own_messages(session, complaint))
        if complaint.version != prepared.at.version or said != prepared.said:
            return None
        case = prepared.case
        names = [case.name, case.reference, case.order_number, case.tracking_url, *desk.policy.company.names]
        names += [*case.contact.values(), *case.answer_by.values(), case.article.title if case.article else ""]
        customer = without_digits(mask("\n".join(said), desk.policy.company, [case.name])[-LONGEST_CUSTOMER:])
        ours = material_of(prepared.composed, names)
        return cls(desk, prepared, complaint.events, customer, ours)

    def question(self) -> Question:
        """The question, in a fence that nobody can guess."""
        fence = secrets.token_hex(8)
        language = self.prepared.case.language
        return Question(
            use=LlmUse.REPHRASE,
            complaint=self.prepared.at.complaint_id,
            seen=self.seen,
            about={
                "ours": [[one.text, one.keep] for one in self.ours.ours],
                "customer": self.customer,
                "language": language,
            },
            version=VERSION,
            turns=(
                Turn("system", instructions(language, fence)),
                Turn("user", material(self.ours.ours, self.customer, fence)),
            ),
            schema=SCHEMA,
        )

    @property
    def read(self) -> Read:
        """Reads an answer: it fits the schema, says what ours says, and gives the guardrails no new cause."""

        def read(text: str) -> dict[str, Any]:
            rewording = parse(text, Rewording)
            check(rewording, self.ours.ours, self.customer, self.prepared.case.language)
            self._guard(rebuilt(self.prepared.composed, rewording, self.ours.values).text)
            return rewording.model_dump(mode="json")

        return read

    def composed_from(self, answer: dict[str, Any]) -> Composed:
        """The answer in its new wording; one that was kept is held against ours once more."""
        try:
            rewording = fitted(answer, Rewording)
            check(rewording, self.ours.ours, self.customer, self.prepared.case.language)
        except Unusable:
            return self.prepared.composed
        made = rebuilt(self.prepared.composed, rewording, self.ours.values)
        return replace(made, model=self.desk.policy.llm.model)

    def _guard(self, text: str) -> None:
        composed, case = self.prepared.composed, self.prepared.case
        with self.desk.transaction() as session:
            complaint = session.get_one(Complaint, self.prepared.at.complaint_id)
            before = guard(session, self.desk, complaint, composed.text, case.visibility)
            after = guard(session, self.desk, complaint, text, case.visibility)
        new = sorted({finding.rule for finding in after} - {finding.rule for finding in before})
        if new:
            raise Unusable(f"guardrail_{new[0]}")
