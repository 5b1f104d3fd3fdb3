"""What people do to the knowledge base: bring articles in, publish what somebody else wrote, withdraw."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import select
from sqlmodel import Session, col

from db import trail
from db.tables import Article, ArticleOrigin, ArticleState
from db.words import Kind
from policy.guard import DraftText, check
from policy.knowledge import Article as Written
from policy.knowledge import written
from tasks.articles import index_again, lock_articles, new_row
from tasks.decide import must_be_allowed
from tasks.desk import Desk
from tasks.fact_changes import article_changes_facts
from tasks.knowledge import help_url, today
from tasks.people import Mistake


@dataclass(frozen=True)
class ArticleLine:
    """One version of an article, as a listing shows it."""

    slug: str
    language: str
    version: str
    state: ArticleState
    origin: ArticleOrigin
    title: str
    category: str
    products: tuple[str, ...]
    owner: str
    author: str
    public: bool
    valid_from: date
    valid_until: date | None
    published_by: str | None
    from_complaint: str | None
    """The complaint from whose answer it was proposed."""
    why: str | None
    url: str | None


def propose(desk: Desk, articles: Sequence[Written], by: trail.Author) -> int:
    """Keep articles until somebody else publishes them; returns how many are new. All of them, or none.

    Raises:
        Mistake: one of them cannot be taken; says which and why.
        Refused: the person may not.
    """
    must_be_allowed(desk, by, "article")
    now = desk.now()
    with desk.transaction() as session:
        lock_articles(session)
        new = [article for article in articles if not _waits_already(session, article)]
        for article in new:
            _must_be_nobodys(desk, article)
            _must_be_clean(desk, article)
            for earlier in _rows(session, article.slug, article.language, ArticleState.PROPOSED):
                earlier.state = ArticleState.REPLACED
                session.add(earlier)
            session.flush()
            row = _again(session, article) or new_row(article, author=by.name, origin=ArticleOrigin.PERSON, now=now)
            row.state = ArticleState.PROPOSED
            session.add(row)
            session.flush()
            _tell(session, desk, "article_proposed", row, by)
        return len(new)


def publish(desk: Desk, slug: str, by: trail.Author, language: str | None = None) -> list[ArticleLine]:
    """Publish what is proposed under this slug, in every language or one; it takes the place of what stood there.

    Raises:
        Mistake: nothing is proposed, it has ended, or the person owns or wrote it.
        Refused: the person may not.
    """
    must_be_allowed(desk, by, "article_publish")
    now, day = desk.now(), today(desk)
    with desk.transaction() as session:
        lock_articles(session)
        proposed = _rows(session, slug, language, ArticleState.PROPOSED)
        if not proposed:
            raise Mistake(f"Nothing is proposed as {slug}. `tanggap kb list --proposed` lists what is.")
        for article in proposed:
            if by.name in (article.author, article.owner):
                whose = "wrote" if by.name == article.author else "owns"
                raise Mistake(f"{by.name} {whose} {slug} ({article.language}): somebody else publishes it.")
            if article.valid_until is not None and article.valid_until < day:
                message = f"{slug} ({article.language}) held until {article.valid_until}. Give it a later date, then"
                raise Mistake(f"{message} `tanggap kb add` it again.")
            _must_be_clean(desk, as_written(article))
            for earlier in _rows(session, slug, article.language, ArticleState.PUBLISHED):
                earlier.state = ArticleState.REPLACED
                session.add(earlier)
            session.flush()
            article.state, article.published_by, article.published_at = ArticleState.PUBLISHED, by.name, now
            session.add(article)
            article_changes_facts(session, desk, article, by.name, now)
            _tell(session, desk, "article_published", article, by)
        index_again(session, desk.policy)
        return [_line(desk, article) for article in proposed]


def withdraw(desk: Desk, slug: str, reason: str, by: trail.Author, language: str | None = None) -> list[ArticleLine]:
    """Take a published or proposed article back: it is found and cited no more. Its versions stay on record.

    Raises:
        Mistake: there is none.
        Refused: the person may not.
    """
    must_be_allowed(desk, by, "article_withdraw")
    with desk.transaction() as session:
        lock_articles(session)
        standing = _rows(session, slug, language, ArticleState.PUBLISHED, ArticleState.PROPOSED)
        if not standing:
            raise _no_such_article(slug)
        for article in standing:
            article.state, article.why = ArticleState.WITHDRAWN, reason
            article.withdrawn_by, article.withdrawn_at = by.name, desk.now()
            session.add(article)
            _tell(session, desk, "article_withdrawn", article, by)
        return [_line(desk, article) for article in standing]


def list_articles(
    desk: Desk, *, proposed: bool = False, expired: bool = False, ends_within: timedelta | None = None
) -> list[ArticleLine]:
    """What is published and holds, of it what ends so soon; or what is published and has ended; or what is proposed."""
    day, until = today(desk), col(Article.valid_until)
    wanted = col(Article.state) == (ArticleState.PROPOSED if proposed else ArticleState.PUBLISHED)
    if expired:
        wanted &= until < day
    elif ends_within is not None:
        wanted &= until.between(day, day + ends_within)
    elif not proposed:
        wanted &= until.is_(None) | (until >= day)
    with desk.transaction() as session:
        rows = session.execute(select(Article).where(wanted).order_by(col(Article.slug), col(Article.language)))
        return [_line(desk, article) for article in rows.scalars()]


def read(desk: Desk, slug: str, language: str | None = None) -> tuple[ArticleLine, Written]:
    """An article as it stands: published if it is, else the newest version of it.

    Raises:
        Mistake: there is none.
    """
    with desk.transaction() as session:
        rows = _rows(session, slug, language, *ArticleState)
        if not rows:
            raise _no_such_article(slug)
        first_language = min((row.language for row in rows), key=("id", "en").index)
        here = [row for row in rows if row.language == first_language]
        article = max(here, key=lambda row: (row.state is ArticleState.PUBLISHED, row.written_at, row.id))
        return _line(desk, article), as_written(article)


def as_written(article: Article) -> Written:
    """A row as the article that its file would be."""
    return written(
        article.slug,
        article.text,
        title=article.title,
        category=article.category,
        language=article.language,
        products=article.products,
        topics=article.topics,
        asks=article.asks,
        valid_from=article.valid_from,
        valid_until=article.valid_until,
        owner=article.owner,
        public=article.public,
        answer=article.answer,
    )


def _rows(session: Session, slug: str, language: str | None, *states: ArticleState) -> list[Article]:
    query = select(Article).where(col(Article.slug) == slug, col(Article.state).in_(states))
    if language is not None:
        query = query.where(col(Article.language) == language)
    return list(session.execute(query.order_by(col(Article.language), col(Article.id))).scalars())


def _again(session: Session, article: Written) -> Article | None:
    """The same version, where it was proposed or published before."""
    return next(
        (
            row
            for row in _rows(session, article.slug, article.language, *ArticleState)
            if row.version == article.version
        ),
        None,
    )


def _waits_already(session: Session, article: Written) -> bool:
    known = _again(session, article)
    return known is not None and known.state in (ArticleState.PROPOSED, ArticleState.PUBLISHED)


def _must_be_nobodys(desk: Desk, article: Written) -> None:
    if any(file.slug == article.slug and file.language == article.language for file in desk.policy.knowledge):
        message = f"{article.slug} ({article.language}) is a file of the policy: change it there,"
        raise Mistake(f"{message} in {desk.policy.directory / 'knowledge'}, or name this one otherwise.")


def _must_be_clean(desk: Desk, article: Written) -> None:
    """No article may hold personal data, and a public one's short answer nothing that no reply may say."""
    finding = personal_data(desk, article) or _unsayable(desk, article)
    if finding is not None:
        raise Mistake(f"{article.slug} ({article.language}): {finding}")


def personal_data(desk: Desk, article: Written) -> str | None:
    """What the guardrails say of personal data anywhere in the article."""
    return _blocked(desk, f"{article.title}\n{article.answer}\n{article.body}", article, only="pii")


def _unsayable(desk: Desk, article: Written) -> str | None:
    return _blocked(desk, article.answer, article) if article.public else None


def _blocked(desk: Desk, text: str, article: Written, only: str | None = None) -> str | None:
    draft = DraftText(text=text, lang=article.language, kind=Kind.QUESTION, facts=(article.answer, article.body))
    findings = check(draft, desk.policy.guardrails, desk.policy.company, desk.policy.channels.channels)
    found = next((one for one in findings if one.level == "block" and only in (None, one.rule)), None)
    return f"{found.rule}, “{found.quote}”: {found.message} {found.suggestion}".strip() if found else None


def _tell(session: Session, desk: Desk, event: str, article: Article, by: trail.Author) -> None:
    trail.append(
        session,
        None,
        event,
        by=by,
        at=desk.now(),
        article=article.slug,
        language=article.language,
        version=article.version,
    )


def _line(desk: Desk, article: Article) -> ArticleLine:
    shown = article.public and article.state is ArticleState.PUBLISHED
    return ArticleLine(
        slug=article.slug,
        language=article.language,
        version=article.version,
        state=article.state,
        origin=article.origin,
        title=article.title,
        category=article.category.value,
        products=tuple(article.products),
        owner=article.owner,
        author=article.author,
        public=article.public,
        valid_from=article.valid_from,
        valid_until=article.valid_until,
        published_by=article.published_by,
        from_complaint=f"TG-{article.complaint_id}" if article.complaint_id else None,
        why=article.why,
        url=help_url(desk, article.slug) if shown else None,
    )


def _no_such_article(slug: str) -> Mistake:
    return Mistake(f"There is no article {slug}. `tanggap kb list` lists them.")
