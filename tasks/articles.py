"""Keeps the knowledge base in step with the policy's files: each version of a file is a row that answers can name."""

from datetime import datetime

from sqlalchemy import ColumnElement, or_, select, text
from sqlmodel import Session, col

from db import knowledge, trail
from db.tables import Article, ArticleOrigin, ArticleState
from policy.knowledge import Article as File
from policy.loading import Policy
from tasks.desk import Desk
from tasks.fact_changes import article_changes_facts

BY_POLICY = "policy"
"""Who publishes the policy's own files: whoever may change the policy."""
FILE = ArticleOrigin.POLICY
_CURRENT = "articles of policy"
"""Kept with a session, so that a batch of drafts looks once."""
INDEXING = "1"
"""Raised when articles are brought to their words in another way, so that all are read anew."""


def bring_in_articles(desk: Desk) -> int:
    """Bring the policy's articles in; how many were new, changed or gone."""
    with desk.transaction() as session:
        return bring_in(session, desk)


def bring_in(session: Session, desk: Desk) -> int:
    """`bring_in_articles` within a transaction; one small query where nothing changed."""
    policy = desk.policy
    if session.info.get(_CURRENT) == policy.version or _is_current(session, policy):
        session.info[_CURRENT] = policy.version
        return 0
    lock_articles(session)
    changed = _retire(session, desk) + _publish(session, desk)
    index_again(session, policy)
    if changed:
        trail.append(session, None, "articles_brought_in", by=trail.MACHINE_AUTHOR, at=desk.now(), changed=changed)
    return changed


def lock_articles(session: Session) -> None:
    """Whoever changes articles does so alone, to the end of the transaction."""
    session.execute(text("SELECT pg_advisory_xact_lock(hashtext('tanggap articles'))"))


def new_row(article: File, *, author: str, origin: ArticleOrigin, now: datetime) -> Article:
    """An article as a row, proposed and not stored yet."""
    return Article(
        slug=article.slug,
        language=article.language,
        version=article.version,
        state=ArticleState.PROPOSED,
        origin=origin,
        title=article.title,
        category=article.category,
        products=list(article.products),
        topics=list(article.topics),
        asks=list(article.asks),
        answer=article.answer,
        text=article.body,
        owner=article.owner,
        public=article.public,
        valid_from=article.valid_from,
        valid_until=article.valid_until,
        author=author,
        written_at=now,
    )


def indexed_by(policy: Policy) -> str:
    """The rules under which articles are brought to their words."""
    return f"{INDEXING}:{policy.lexicon.version}:{policy.articles.version}"


def index_again(session: Session, policy: Policy) -> None:
    """Make findable what is published and was not read under these rules yet."""
    session.flush()
    rules = indexed_by(policy)
    unread = session.execute(
        select(Article).where(col(Article.state) == ArticleState.PUBLISHED, col(Article.indexed_by) != rules)
    ).scalars()
    knowledge.index(session, [_entry(article, policy) for article in unread], rules)


def _entry(article: Article, policy: Policy) -> knowledge.Entry:
    words = policy.search_words.of_ours
    title, asks, answer = words(article.title), words("\n".join(article.asks)), words(article.answer)
    return knowledge.Entry(
        id=article.id,
        language=article.language,
        title=title,
        asks=asks,
        answer=answer,
        body=words(article.text),
        spellings=policy.search_words.spellings((*title, *asks, *answer)),
    )


def _is_current(session: Session, policy: Policy) -> bool:
    rows = session.execute(
        select(  # type: ignore[call-overload]
            Article.slug, Article.language, Article.version, Article.origin, Article.state, Article.indexed_by
        ).where(_in_force())
    ).all()
    standing = {(slug, language, version) for slug, language, version, origin, *_ in rows if origin == FILE}
    rules = indexed_by(policy)
    unread = any(state == ArticleState.PUBLISHED and by != rules for *_, state, by in rows)
    return standing == _files(policy).keys() and not unread


def _in_force() -> ColumnElement[bool]:
    """Published, or a file's version that a person withdrew: that one stays withdrawn until its file changes."""
    kept_back = (
        (col(Article.state) == ArticleState.WITHDRAWN)
        & (col(Article.origin) == FILE)
        & (col(Article.withdrawn_by) != BY_POLICY)
    )
    return or_(col(Article.state) == ArticleState.PUBLISHED, kept_back)


def _files(policy: Policy) -> dict[tuple[str, str, str], File]:
    return {(file.slug, file.language, file.version): file for file in policy.knowledge}


def _retire(session: Session, desk: Desk) -> int:
    """What a newer version of a file takes the place of, and what has no file any more."""
    files = _files(desk.policy)
    named = {(slug, language) for slug, language, _ in files}
    retired = 0
    for article in session.execute(select(Article).where(_in_force())).scalars():
        is_file, name = article.origin is FILE, (article.slug, article.language)
        if (is_file and (*name, article.version) in files) or not (is_file or name in named):
            continue
        if name in named or article.state is ArticleState.WITHDRAWN:
            article.state = ArticleState.REPLACED
        else:
            article.state, article.why = ArticleState.WITHDRAWN, "its file is gone"
            article.withdrawn_by, article.withdrawn_at = BY_POLICY, desk.now()
        session.add(article)
        retired += 1
    session.flush()
    return retired


def _publish(session: Session, desk: Desk) -> int:
    """Files that are not in force: new rows, or those of a version that was there before."""
    rows = session.execute(select(Article).where(col(Article.origin) == FILE)).scalars()
    known = {(article.slug, article.language, article.version): article for article in rows}
    stood_before = {tuple(row) for row in session.execute(select(Article.slug, Article.language))}  # type: ignore[call-overload]
    now, changed = desk.now(), []
    for key, file in _files(desk.policy).items():
        article = known.get(key) or new_row(file, author=file.owner, origin=FILE, now=now)
        kept_back = article.withdrawn_by not in (None, BY_POLICY)
        due = ArticleState.WITHDRAWN if kept_back else ArticleState.PUBLISHED
        if article.state is due:
            continue
        article.state = due
        if not kept_back:
            article.published_by, article.published_at = BY_POLICY, now
            article.withdrawn_by = article.withdrawn_at = article.why = None
        session.add(article)
        changed.append(article)
    session.flush()
    for article in changed:
        if article.state is ArticleState.PUBLISHED and (article.slug, article.language) in stood_before:
            article_changes_facts(session, desk, article, BY_POLICY, now)
    return len(changed)
