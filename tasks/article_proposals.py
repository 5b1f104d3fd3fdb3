"""Drafts articles from answers that people approved; a person reads, mends and publishes them.

A complaint teaches something where a person wrote down what solved it, or where a reviewer marked the reply as
reusable. Of the customer's own words nothing goes into an article; what we wrote is masked, and where personal data is
left in it all the same, no article is proposed.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, exists, func, or_, select, update
from sqlmodel import Session, col

from db import trail
from db.complaints import lock, own_messages
from db.tables import (
    MACHINE,
    Article,
    ArticleOrigin,
    Complainant,
    Complaint,
    Delivery,
    DeliveryState,
    Draft,
    Identity,
    Message,
    Review,
    Round,
)
from db.words import Category, DeliveryKind, State, Verdict, Visibility
from policy.composing import Sentence
from policy.intake import find_numbers
from policy.knowledge import LONGEST_ANSWER, written
from policy.knowledge import Article as Written
from policy.masking import COVER, mask
from tasks.article_acts import personal_data
from tasks.articles import bring_in, lock_articles, new_row
from tasks.desk import Desk
from tasks.knowledge import article_for, today

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")
_ADDRESSED = re.compile(
    r"\b((?i:kakak|kak|bapak|pak|ibu|bu|mas|mbak|bang|sdri|sdr|saudari|saudara|nona|tuan|mr|mrs|ms|miss)\.?\s+)"
    r"[A-Z][\w'’-]+(?:\s+[A-Z][\w'’-]+){0,2}"
)
"""Somebody called by name: *kak Mira*, *Ibu Sari Dewi*. The desk knows the names that platforms give, not these."""
LONGEST_TITLE = 80
IN_EVERY_REPLY = frozenset(("greeting", "heard", "also", "ask", "private", "reference", "closing"))
"""Parts of an answer that tell others nothing."""
HEADINGS = {
    "id": ("Yang menyelesaikan", "Balasan yang disetujui"),
    "en": ("What solved it", "The reply that was approved"),
}


@dataclass(frozen=True)
class _Lesson:
    """What a complaint teaches: what was found, and the reply that others could get too."""

    complaint: Complaint
    owner: str
    summary: str
    reply: str
    public: bool

    @property
    def language(self) -> str:
        return "en" if self.complaint.language == "en" else "id"


def propose_articles(desk: Desk) -> int:
    """Draft what was learned since the last time; returns how many articles wait for a person because of it."""
    rules = desk.policy.articles.proposals
    with desk.transaction() as session:
        bring_in(session, desk)
        numbers = _unread(session, desk.now() - rules.look_back)
    made = 0
    for number in numbers:
        if made >= rules.a_night:
            break
        with desk.transaction() as session:
            made += _propose(session, desk, number)
    return made


def _unread(session: Session, since: datetime) -> list[int]:
    """Complaints with an answer that arrived, approved and worth learning from, of which no article was made yet."""
    arrived = exists().where(
        col(Delivery.draft_id) == col(Review.draft_id),
        col(Delivery.kind) == DeliveryKind.REPLY,
        col(Delivery.state) == DeliveryState.SENT,
    )
    solved = (
        col(Complaint.state).in_([State.RESOLVED, State.CLOSED])
        & (col(Complaint.resolved_at) >= since)
        & col(Complaint.resolution).is_not(None)
        & ~col(Round.escalated)
    )
    rows = session.execute(
        select(Complaint.id)  # type: ignore[call-overload]
        .join(Round, col(Round.complaint_id) == col(Complaint.id))
        .join(Review, col(Review.round_id) == col(Round.id))
        .where(
            col(Review.verdict) == Verdict.APPROVE,
            or_(solved, col(Review.reusable) & (col(Review.decided_at) >= since)),
            arrived,
            ~exists().where(col(Article.complaint_id) == col(Complaint.id)),
        )
        .distinct()
        .order_by(col(Complaint.id))
    )
    return list(rows.scalars())


def _propose(session: Session, desk: Desk, number: int) -> bool:
    complaint = lock(session, number)
    lesson = _lesson(session, complaint)
    texts = [message.text for message in own_messages(session, complaint)]
    if lesson is None or article_for(session, desk, complaint, texts) is not None:
        return False
    lock_articles(session)
    article = _written(session, desk, lesson, texts)
    if article is None or personal_data(desk, article) is not None or _is_known(session, desk, article):
        return False
    now = desk.now()
    row = new_row(article, author=MACHINE, origin=ArticleOrigin.PROPOSAL, now=now)
    row.complaint_id = complaint.id
    session.add(row)
    trail.append(
        session,
        complaint,
        "article_proposed",
        by=trail.MACHINE_AUTHOR,
        at=now,
        article=row.slug,
        language=row.language,
        version=row.version,
    )
    return True


def _lesson(session: Session, complaint: Complaint) -> _Lesson | None:
    """The newest approved reply that arrived, and what was written down when it was solved."""
    approved = session.execute(
        select(Draft, Review)
        .join(Review, col(Review.draft_id) == col(Draft.id))
        .join(Delivery, col(Delivery.draft_id) == col(Draft.id))
        .where(
            col(Draft.complaint_id) == complaint.id,
            col(Draft.kind) == DeliveryKind.REPLY,
            col(Review.verdict) == Verdict.APPROVE,
            col(Delivery.state) == DeliveryState.SENT,
        )
        .order_by(col(Draft.id).desc(), col(Review.reusable).desc(), col(Review.id))
    ).all()
    if not approved:
        return None
    draft, review = next(((draft, review) for draft, review in approved if review.reusable), approved[0])
    solved = complaint.state in (State.RESOLVED, State.CLOSED) and complaint.resolution
    resolvers = [event.by for event in trail.history(session, complaint) if event.name == State.RESOLVED]
    return _Lesson(
        complaint=complaint,
        owner=resolvers[-1] if solved and resolvers else review.decided_by or MACHINE,
        summary=complaint.resolution or "" if solved else "",
        # What the desk itself composed is its own parts again; a reviewer says where it is more than that.
        reply=_telling(draft) if review.reusable or draft.author != MACHINE else "",
        public=draft.visibility is Visibility.PUBLIC,
    )


def _telling(draft: Draft) -> str:
    """A reply without what every reply has; the whole where it is nothing else."""
    kept = [Sentence.from_json(one) for one in draft.grounds if not one.get("companion")]
    said = [draft.text[one.start : one.end] for one in kept if one.ref.partition("/")[0] not in IN_EVERY_REPLY]
    return " ".join(said) or draft.text


def _written(session: Session, desk: Desk, lesson: _Lesson, texts: list[str]) -> Written | None:
    """The lesson as an article; None where it says too little."""
    secrets = list(_secrets(session, desk, lesson.complaint, (*texts, lesson.summary, lesson.reply)))
    summary, reply = (
        _ADDRESSED.sub(rf"\1{COVER}", mask(text.strip(), desk.policy.company, secrets))
        for text in (lesson.summary, lesson.reply)
    )
    rules = desk.policy.articles.proposals
    if len(f"{summary} {reply}".split()) < rules.least_words:
        return None
    found, told = HEADINGS[lesson.language]
    sections = [f"## {heading}\n\n{text}" for heading, text in ((found, summary), (told, reply)) if text]
    topics = desk.policy.topics.find("\n".join(texts), lesson.complaint.category)
    answer = _short(summary or reply, LONGEST_ANSWER)
    named = desk.policy.parts.named(topics[0], lesson.language) if topics else ""
    day = today(desk)
    return written(
        _free_slug(session, topics[0].replace("_", "-") if topics else (lesson.complaint.category or Category.OTHER)),
        "\n\n".join(sections),
        title=f"{named[:1].upper()}{named[1:]}" or _short(answer, LONGEST_TITLE),
        category=lesson.complaint.category or Category.OTHER,
        language=lesson.language,
        topics=topics[:1],
        valid_from=day,
        valid_until=day + rules.valid_for,
        owner=lesson.owner,
        public=lesson.public,
        answer=answer,
    )


def _secrets(session: Session, desk: Desk, complaint: Complaint, texts: tuple[str, ...]) -> Iterator[str]:
    """What would tell whose case it was: the reference, names and handles, order and ticket numbers."""
    yield complaint.reference
    for text in texts:
        for number in find_numbers(text, desk.policy.intake.numbers):
            yield number
            yield from _spellings(number, texts)
    person = session.get(Complainant, complaint.complainant_id) if complaint.complainant_id else None
    if person is not None and person.name:
        yield from (person.name, *person.name.split())
    wrote = select(Message.identity_id).where(col(Message.complaint_id) == complaint.id)  # type: ignore[call-overload]
    for identity in session.execute(select(Identity).where(col(Identity.id).in_(wrote))).scalars():
        yield from (word for word in (identity.handle, identity.name, identity.external_id) if word)
        yield from (identity.name or "").split()


def _spellings(number: str, texts: tuple[str, ...]) -> Iterator[str]:
    """How a number is written in these texts, with whatever stands between its signs."""
    written = re.compile(r"[^\w\n]{0,2}".join(map(re.escape, number)), re.IGNORECASE)
    for text in texts:
        yield from (found.group() for found in written.finditer(text))


def _short(text: str, longest: int) -> str:
    """As many whole sentences as fit; where not even one does, its beginning."""
    line = " ".join(text.split())
    kept = ""
    for sentence in _SENTENCE_END.split(line):
        if len(kept) + len(sentence) + bool(kept) > longest:
            break
        kept = f"{kept} {sentence}".strip()
    return kept or f"{line[: longest - 1].rsplit(' ', 1)[0]}…"


def _free_slug(session: Session, wished: str) -> str:
    taken = set(session.execute(select(Article.slug).where(col(Article.slug).startswith(wished))).scalars())  # type: ignore[call-overload]
    return next(slug for slug in (wished, *(f"{wished}-{n}" for n in range(2, len(taken) + 3))) if slug not in taken)


def forget_proposals(session: Session, complaint: Complaint) -> None:
    """Drop what was drafted from this complaint and nobody published; what somebody published is the company's own."""
    drafted = col(Article.complaint_id) == complaint.id
    session.execute(delete(Article).where(drafted, col(Article.published_by).is_(None)))
    session.execute(update(Article).where(drafted).values(complaint_id=None))


def _is_known(session: Session, desk: Desk, article: Written) -> bool:
    """Whether much the same was proposed before, whatever people made of it."""
    alike = func.similarity(col(Article.text), article.body) >= desk.policy.articles.proposals.alike_from
    proposed = (col(Article.origin) == ArticleOrigin.PROPOSAL) & (col(Article.language) == article.language)
    return session.execute(select(Article.id).where(proposed, alike).limit(1)).first() is not None  # type: ignore[call-overload]
