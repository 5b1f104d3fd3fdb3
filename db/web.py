"""Posts on the company's own pages, and reads them back."""

from collections.abc import Sequence

from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session, col, select

from db.tables.web import WebPost
from db.words import Visibility


def add_post(session: Session, post: WebPost) -> WebPost:
    """Post it, once for its key; the post that stands under the key is returned, be it this one or an earlier one."""
    session.execute(
        insert(WebPost).values(post.model_dump(exclude={"id"})).on_conflict_do_nothing(index_elements=["key"])
    )
    standing = post_by_key(session, post.key)
    if standing is None:
        raise LookupError(f"the post {post.key} was neither written nor found")
    return standing


def post_by_key(session: Session, key: str) -> WebPost | None:
    """What stands under a delivery's key."""
    return session.exec(select(WebPost).where(WebPost.key == key)).one_or_none()


def posts_on_page(session: Session, references: Sequence[str], visibility: Visibility | None = None) -> list[WebPost]:
    """What stands on the pages of these complaints, oldest first; only the public part for the board."""
    found = select(WebPost).where(col(WebPost.complaint_reference).in_(references))
    if visibility is not None:
        found = found.where(WebPost.visibility == visibility)
    return list(session.exec(found.order_by(col(WebPost.posted_at), col(WebPost.id))))
