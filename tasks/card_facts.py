"""What a card in Slack shows, read from the rows: one review as its gate sees it.

Personal data in the customer's words is covered unless `reveal` says otherwise. The draft is never covered: whoever
approves words must see all of them.
"""

from collections.abc import Iterable, Sequence

from sqlalchemy import select
from sqlmodel import Session, col

from db.complaints import own_messages
from db.fingerprint import companion_in
from db.tables import (
    Assessment,
    Complaint,
    Correction,
    Delivery,
    DeliveryState,
    Draft,
    Event,
    Message,
    Review,
    ReviewState,
    Round,
    RoundState,
    SlackCard,
    Ticket,
)
from integrations.slack.showing import (
    Card,
    Evidence,
    Found,
    GroundSeen,
    Language,
)
from policy.guard import worded
from tasks.case_facts import (
    Names,
    Talk,
    author_of,
    case_of,
    gates_of_round,
    messages_of_case,
    timeline_of,
    timeline_url,
)
from tasks.desk import Desk
from tasks.grounds import grounds_shown
from tasks.home_facts import desk_state, home_of, waiting_of
from tasks.tickets import tickets_of
from tasks.translations import translations, unanswered, words_of

__all__ = ["card_of", "case_of", "desk_state", "home_of", "messages_of_case", "timeline_of", "waiting_of"]

MOST_EVIDENCE = 12


def card_of(
    session: Session,
    desk: Desk,
    review_id: int,
    *,
    language: Language | None = None,
    slack_names: bool = True,
    reveal: bool = False,
) -> Card:
    """One review with all that its gate needs; in the gate's language unless another one is asked for."""
    now = desk.now()
    review = session.get_one(Review, review_id)
    round_ = session.get_one(Round, review.round_id)
    draft = session.get_one(Draft, review.draft_id)
    complaint = session.get_one(Complaint, round_.complaint_id)
    people = Names(desk, slack_names)
    talk = Talk.of(session, desk, complaint, reveal=reveal)
    assessment = _deciding(session, complaint)
    sent = _published(session, draft)
    taken = _taken_by(session, round_)
    own = own_messages(session, complaint)
    tickets = tickets_of(session, complaint)
    answered = unanswered(session, complaint, own)
    words = words_of(answered)
    shown = [talk.cover(one) for one in words]
    reads = language or desk.policy.slack.language_of(review.gate)
    translated = translations(session, desk, complaint, draft, reads)
    return Card(
        review=review.id,
        sha256=review.sha256,
        reference=complaint.reference,
        gate=review.gate.value,
        purpose=review.purpose,
        because=review.because,
        language=reads,
        severity=complaint.severity.value if complaint.severity else None,
        severity_because=_because(session, complaint, assessment),
        evidence=_evidence(assessment, talk),
        risks=tuple(complaint.risks),
        kind=complaint.kind.value if complaint.kind else None,
        category=complaint.category.value if complaint.category else None,
        remedy=complaint.remedy.value if complaint.remedy else None,
        anger=complaint.anger,
        channel=complaint.channel,
        visibility=complaint.visibility.value,
        author=author_of(session, desk, complaint, talk),
        opened_at=complaint.opened_at,
        complaint="\n\n".join(shown),
        messages=len(own),
        covered=not reveal and (shown != words or talk.names_somebody),
        draft=draft.text,
        draft_author=people.of(draft.author) or draft.author,
        draft_kind=draft.kind.value,
        draft_language=draft.language,
        findings=tuple(_findings(desk, draft, reads)),
        goes_to=draft.channel,
        goes_visibility=draft.visibility.value,
        by_hand=desk.channels.get(draft.channel, draft.account).manual,
        publishable_until=draft.publishable_until,
        deadline=review.deadline,
        late=review.state is ReviewState.OPEN and review.deadline < now,
        escalated_to=people.of(review.escalated_to),
        gates=gates_of_round(session, round_, people),
        typed_word=desk.policy.slack.needs_typed_word(review.gate, complaint.severity),
        original_url=None if _came_by(tickets, own[0]) else own[0].url,
        ticket_url=tickets[-1].url if tickets else None,
        run_url=f"{desk.prefect_url}/runs/flow-run/{round_.run_id}" if desk.prefect_url and round_.run_id else None,
        timeline_url=timeline_url(desk, complaint) if round_.escalated else None,
        state=review.state.value,
        verdict=review.verdict.value if review.verdict else None,
        decided_by=people.of(review.decided_by),
        decided_at=review.decided_at,
        note=review.note,
        round_state=round_.state.value,
        void_why=round_.why if round_.state is RoundState.VOID else None,
        next_card=next_card(session, complaint, review),
        taken_by=people.of(taken),
        complaint_state=complaint.state.value,
        published_url=sent.url if sent else None,
        published_at=sent.sent_at if sent else None,
        translation=translated.complaint,
        draft_translation=translated.draft,
        companion=companion_in(draft.attachments),
        grounds=tuple(_grounds(draft)),
        model=draft.model,
        masked=len(answered) - len(words),
    )


# What they say, and what it was found to be


def _came_by(tickets: Sequence[Ticket], message: Message) -> bool:
    """Whether a message stands on a ticket: there is no post of it anywhere else."""
    return any((one.channel, one.account) == (message.channel, message.account) for one in tickets)


def _deciding(session: Session, complaint: Complaint) -> Assessment | None:
    """The last finding of the message that gave the complaint its severity, else of its last one."""
    rows = session.execute(
        select(Assessment).where(col(Assessment.complaint_id) == complaint.id).order_by(col(Assessment.id))
    ).scalars()
    last = {row.message_id: row for row in rows}
    return next(
        (row for row in last.values() if row.severity is complaint.severity), next(reversed(last.values()), None)
    )


def _because(session: Session, complaint: Complaint, assessment: Assessment | None) -> tuple[str, ...]:
    """The rules and facts that graded it; where a person did, who and why."""
    if "severity" in complaint.corrected:
        by_hand = session.execute(
            select(Correction)
            .where(col(Correction.complaint_id) == complaint.id, col(Correction.field) == "severity")
            .order_by(col(Correction.id).desc())
            .limit(1)
        ).scalar_one_or_none()
        if by_hand is not None:
            return (f"{by_hand.by}: {by_hand.why}" if by_hand.why else by_hand.by,)
    return tuple(assessment.because) if assessment is not None else ()


def _evidence(assessment: Assessment | None, talk: Talk) -> tuple[Evidence, ...]:
    found = assessment.evidence if assessment is not None else ()
    told = dict.fromkeys(
        Evidence(str(one.get("field", "")), talk.cover(str(one.get("quote", ""))), str(one.get("value") or ""))
        for one in found
    )
    return tuple(one for one in list(told)[:MOST_EVIDENCE] if one.quote.strip())


def _findings(desk: Desk, draft: Draft, reads: Language) -> Iterable[Found]:
    """What the guardrails found, worded for who reads the card; a rule that is gone keeps the words it had."""
    for one in draft.findings:
        rule, what = str(one["rule"]), one.get("what")
        kept = (str(one["message"]), str(one.get("suggestion") or ""))
        message, suggestion = worded(rule, what, desk.policy.guardrails, reads) or kept
        yield Found(
            rule=rule,
            level=str(one["level"]),
            quote=str(one.get("quote") or ""),
            message=message,
            suggestion=suggestion,
        )


# What became of it


def _grounds(draft: Draft) -> Iterable[GroundSeen]:
    for one in grounds_shown(draft):
        yield GroundSeen(one.sentence, one.ground, one.ref, one.facts, one.beside)


def _published(session: Session, draft: Draft) -> Delivery | None:
    return session.execute(
        select(Delivery)
        .where(
            col(Delivery.complaint_id) == draft.complaint_id,
            col(Delivery.draft_id) == draft.id,
            col(Delivery.state) == DeliveryState.SENT,
        )
        .order_by(col(Delivery.id).desc())
        .limit(1)
    ).scalar_one_or_none()


def _taken_by(session: Session, round_: Round) -> str | None:
    """Who took it over to answer it themselves."""
    if round_.state is not RoundState.VOID or round_.why != "taken_over":
        return None
    events = session.execute(
        select(Event).where(col(Event.complaint_id) == round_.complaint_id, col(Event.name) == "voided")
    ).scalars()
    return next((event.by for event in events if event.data.get("round") == round_.id), None)


def next_card(session: Session, complaint: Complaint, review: Review) -> str | None:
    """The card that took this one's place: the newest of a later round, of this gate rather than of another one."""
    later = session.execute(
        select(SlackCard.url, Review.gate)  # type: ignore[call-overload]
        .join(Review, col(Review.id) == col(SlackCard.review_id))
        .join(Round, col(Round.id) == col(Review.round_id))
        .where(
            col(Round.complaint_id) == complaint.id,
            col(Round.id) > review.round_id,
            col(SlackCard.url).is_not(None),
            col(SlackCard.ts).is_not(None),
        )
        .order_by(col(Review.id).desc())
    ).all()
    same = next((url for url, gate in later if gate is review.gate), None)
    return same or next((url for url, _ in later), None)
