"""Asks the language model: once for the same question, within budget and patience, each call in the ledger.

Two short transactions with the call between them. Nothing of what was asked or answered stands in the ledger, only what
it cost and what came of it; answers are kept apart, belong to a complaint, and are deleted with its words.
"""

import hashlib
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import delete, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session, col

from db.complaints import lock
from db.tables import Event, LlmAnswer, LlmCall, LlmOutcome
from db.words import LlmUse
from integrations.llm.client import Request, Said, Turn
from integrations.llm.errors import LlmTrouble, Unfit
from policy.answered import Unusable
from tasks.desk import Desk

log = logging.getLogger("tanggap.llm")

AWAY_FOR, UNFIT_FOR = timedelta(minutes=30), timedelta(days=1)
"""A question is not asked again before, where the server was away; where its answer could not be used."""
AWAY = frozenset({"unreachable", "broke_off", "too_slow", "busy"})
NOT_CHARGED = frozenset(
    {"unreachable", "busy", "bad_key", "not_there", "redirected", "http_400", "http_422", "http_503"}
)
"""After these nobody worked for us."""
BYTES_A_TOKEN = 3
"""Of the text that a server did not count."""
AROUND_A_TURN = 50
"""Tokens that a server's own template may add to each message."""


@dataclass(frozen=True)
class Question:
    """One question about a complaint, with the instructions that go with it."""

    use: LlmUse
    complaint: int
    seen: int
    """How many events the complaint had when its words were read: if they are emptied meanwhile, nothing is kept."""
    about: Mapping[str, Any]
    """What is asked, as plain data: with the instructions' version it makes the question the same or another one."""
    version: str
    turns: Sequence[Turn]
    schema: Mapping[str, Any]


Read = Callable[[str], dict[str, Any]]
"""Turns the model's text into the answer that is kept; raises Unusable."""


def key_of(desk: Desk, use: LlmUse, complaint: int, version: str, about: Mapping[str, Any]) -> str:
    """By which the answer to a question is found again."""
    asked = json.dumps([use, complaint, version, desk.policy.llm.model, about], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(asked.encode("utf-8", "surrogatepass")).hexdigest()


def kept_answer(session: Session, key: str) -> dict[str, Any] | None:
    """The answer that is kept under this key, if there is one that can be used."""
    found = session.get(LlmAnswer, key)
    return found.answer if found is not None else None


def is_settled(desk: Desk, kept: LlmAnswer) -> bool:
    """Whether a question needs not be asked: it was answered, or could not be a short while ago."""
    if kept.answer is not None:
        return True
    away = kept.why is not None and (kept.why in AWAY or kept.why.startswith("http_5"))
    return kept.at > desk.now() - (AWAY_FOR if away else UNFIT_FOR)


def closed_because(session: Session, desk: Desk, reserve: Decimal = Decimal(0)) -> str | None:
    """Why nothing is asked at this moment: `off`, `paused`, `busy`, `budget`; None: it may be."""
    rules = desk.policy.llm
    if desk.llm is None or not rules.wanted:
        return "off"
    if _paused(session, desk):
        return "paused"
    now = desk.now()
    on_its_way = select(func.count()).select_from(LlmCall)
    on_its_way = on_its_way.where(col(LlmCall.outcome) == LlmOutcome.ASKED, col(LlmCall.at) > now - 2 * rules.timeout)
    if session.execute(on_its_way).scalar_one() >= rules.at_once:
        return "busy"
    if spent_today(session, desk) + reserve > rules.daily_budget:
        return "budget"
    return None


def spent_today(session: Session, desk: Desk) -> Decimal:
    """What this day has cost, what is on its way at its highest."""
    midnight = desk.now().astimezone(desk.policy.calendar.zone).replace(hour=0, minute=0, second=0, microsecond=0)
    cost = select(func.coalesce(func.sum(LlmCall.cost), 0)).where(
        col(LlmCall.at) >= midnight, col(LlmCall.currency) == desk.policy.llm.price.currency
    )
    return Decimal(session.execute(cost).scalar_one())


def ask(desk: Desk, question: Question, read: Read) -> dict[str, Any] | None:
    """The answer to a question, from what is kept or from the model; None: there is none that can be used."""
    llm = desk.llm
    if llm is None or not desk.policy.llm.may(question.use):
        return None
    key = key_of(desk, question.use, question.complaint, question.version, question.about)
    request = _request(desk, question)
    with desk.transaction() as session:
        # One at a time, so that two who ask at once do not both take the last of the budget.
        session.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('tanggap.llm', 0))"))
        kept = session.get(LlmAnswer, key)
        if kept is not None and is_settled(desk, kept):
            _write(session, desk, question, LlmOutcome.CACHED, kept.why)
            return kept.answer
        highest = _highest(desk, request)
        why = closed_because(session, desk, highest)
        if why is not None:
            _write(session, desk, question, LlmOutcome.SKIPPED, why)
            return None
        number = _write(session, desk, question, LlmOutcome.ASKED, cost=highest).id
    said, answer, why = None, None, None
    try:
        said = llm.ask(request)
        answer = read(said.text)
        outcome = LlmOutcome.ANSWERED
    except Unusable as unusable:
        outcome, why = LlmOutcome.REFUSED, unusable.why
    except Unfit as unfit:
        outcome, why = LlmOutcome.REFUSED, unfit.why
        said = Said("", unfit.tokens)
    except LlmTrouble as trouble:
        outcome, why = LlmOutcome.FAILED, trouble.why
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        # A mistake of ours in looking at an answer must not keep drafts from being written. Its text may quote one.
        log.error("An answer of the language model cannot be looked at: %s", type(error).__name__)
        outcome, why = LlmOutcome.REFUSED, "fault"
    with desk.transaction() as session:
        _settle(session, desk, number, request, said, outcome, why)
        return answer if _keep(session, desk, question, key, answer, why) else None


def ask_all(desk: Desk, questions: Sequence[tuple[Question, Read]]) -> list[dict[str, Any] | None]:
    """The answers to several questions, as many at once as policy allows."""
    if not questions:
        return []
    with ThreadPoolExecutor(desk.policy.llm.at_once, thread_name_prefix="tanggap-asks") as pool:
        return list(pool.map(lambda one: ask(desk, *one), questions))


def forget_answers(session: Session, complaints: Sequence[int]) -> None:
    """Delete what the model answered about these complaints; the ledger, which holds no words, stays."""
    session.execute(delete(LlmAnswer).where(col(LlmAnswer.complaint_id).in_(complaints)))


def clear_answers(desk: Desk) -> int:
    """Delete answers that were kept long enough; returns how many."""
    with desk.transaction() as session:
        old = desk.now() - desk.policy.llm.kept_for
        gone = session.execute(delete(LlmAnswer).where(col(LlmAnswer.at) < old).returning(col(LlmAnswer.key)))
        return len(gone.all())


# The ledger


def _write(
    session: Session,
    desk: Desk,
    question: Question,
    outcome: LlmOutcome,
    why: str | None = None,
    *,
    cost: Decimal = Decimal(0),
) -> LlmCall:
    now = desk.now()
    call = LlmCall(
        at=now,
        use=question.use,
        complaint_id=question.complaint,
        model=desk.policy.llm.model,
        prompt=question.version,
        outcome=outcome,
        why=why,
        cost=cost,
        currency=desk.policy.llm.price.currency,
        ended_at=None if outcome is LlmOutcome.ASKED else now,
    )
    session.add(call)
    session.flush()
    return call


def _settle(
    session: Session,
    desk: Desk,
    number: int,
    request: Request,
    said: Said | None,
    outcome: LlmOutcome,
    why: str | None,
) -> None:
    """What came of a call, and what it cost: by the server's count, else by ours."""
    call = session.get_one(LlmCall, number, with_for_update=True)
    call.outcome, call.why, call.ended_at = outcome, why, desk.now()
    if said is not None and said.tokens is not None:
        call.tokens_in, call.tokens_out = said.tokens
        call.counted = True
    elif said is not None and said.text:
        call.tokens_in, call.tokens_out = (
            _bytes(request) // BYTES_A_TOKEN,
            len(said.text.encode("utf-8", "replace")) // BYTES_A_TOKEN,
        )
    elif why in NOT_CHARGED:
        call.tokens_in = call.tokens_out = 0
    else:  # it may have worked until we gave up
        call.tokens_in, call.tokens_out = _bytes(request) // BYTES_A_TOKEN, request.max_tokens
    call.cost = desk.policy.llm.price.of(call.tokens_in, call.tokens_out)
    session.add(call)


def _keep(
    session: Session, desk: Desk, question: Question, key: str, answer: dict[str, Any] | None, why: str | None
) -> bool:
    """Keep the answer, or that there is none; False where words of the complaint were emptied meanwhile."""
    lock(session, question.complaint)
    erased = select(Event.id).where(  # type: ignore[call-overload]
        col(Event.complaint_id) == question.complaint,
        col(Event.number) > question.seen,
        col(Event.name).in_(("erased", "masked")),
    )
    if session.execute(erased).first() is not None:
        return False
    row = LlmAnswer(
        key=key,
        at=desk.now(),
        use=question.use,
        complaint_id=question.complaint,
        model=desk.policy.llm.model,
        answer=answer,
        why=why,
    ).model_dump()
    session.execute(insert(LlmAnswer).values(**row).on_conflict_do_update(index_elements=["key"], set_=row))
    return True


def _paused(session: Session, desk: Desk) -> bool:
    """Whether the last calls all failed, a short while ago."""
    pause = desk.policy.llm.pause
    tried = (LlmOutcome.ANSWERED, LlmOutcome.REFUSED, LlmOutcome.FAILED)
    last = session.execute(
        select(LlmCall.outcome, LlmCall.ended_at)  # type: ignore[call-overload]
        .where(col(LlmCall.outcome).in_(tried))
        .order_by(col(LlmCall.id).desc())
        .limit(pause.after)
    ).all()
    if len(last) < pause.after or any(outcome is not LlmOutcome.FAILED for outcome, _ in last):
        return False
    ended: datetime = max(at for _, at in last if at is not None)
    return bool(ended + pause.length > desk.now())


# The call


def _request(desk: Desk, question: Question) -> Request:
    rules = desk.policy.llm
    return Request(
        turns=question.turns,
        name=question.use.value,
        schema=question.schema,
        max_tokens=rules.max_tokens,
        temperature=rules.temperature,
        answers_as=rules.answers_as,
        limit_as=rules.limit_as,
    )


def _highest(desk: Desk, request: Request) -> Decimal:
    """What a call can cost at most: no tokeniser makes more tokens than there are bytes."""
    return desk.policy.llm.price.of(_bytes(request) + AROUND_A_TURN * len(request.turns), request.max_tokens)


def _bytes(request: Request) -> int:
    return sum(_size(turn.text) for turn in request.turns)


def _size(text: str) -> int:
    return len(text.encode("utf-8", "replace"))
