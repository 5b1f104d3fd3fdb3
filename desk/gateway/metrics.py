"""The desk in numbers for Prometheus, shown to whoever has the token. To others there is no such page."""

from hmac import compare_digest

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest
from pydantic import SecretStr
from sqlalchemy import func, select
from sqlmodel import Session, col
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from db.tables import Review, ReviewState, SlackCard
from db.words import Gate
from desk.gateway.site import GET, TheSite
from tasks.desk import Desk
from tasks.home_facts import desk_state
from tasks.listing import count_deliveries
from tasks.slack_backlog import backlog

router = APIRouter()


@router.api_route("/metrics", methods=GET)
def metrics(request: Request, site: TheSite) -> Response:
    """How the desk stands, read from its tables at this moment."""
    token: SecretStr | None = request.app.state.metrics_token
    shown = request.headers.get("Authorization", "")
    if token is None or not compare_digest(shown.encode(), f"Bearer {token.get_secret_value()}".encode()):
        raise HTTPException(404)
    with site.desk.transaction() as session:
        told = gathered(session, site.desk)
    return Response(generate_latest(told), media_type=CONTENT_TYPE_LATEST)


def gathered(session: Session, desk: Desk) -> CollectorRegistry:
    """The gauges of a desk."""
    registry = CollectorRegistry()

    def gauge(name: str, meaning: str, value: float) -> None:
        Gauge(f"tanggap_{name}", meaning, registry=registry).set(value)

    now, state, waiting = desk.now(), desk_state(session, desk), backlog(session, desk)
    oldest = (now - waiting.oldest).total_seconds() if waiting.oldest is not None else 0.0
    gauge("slack_backlog_cards", "Cards that do not stand in Slack as they should yet", waiting.cards)
    gauge("slack_backlog_notices", "Reminders, lines and digests that were not said yet", waiting.notices)
    gauge("slack_backlog_oldest_seconds", "Since when the one that waits longest is due", max(0.0, oldest))
    gauge("slack_cards_stuck", "Cards that somebody must mend something for", _stuck(session))
    gauge("reviews_late", "Open reviews past their deadline", state.late_reviews)
    gauge("complaints_late", "Complaints whose answer, or whose being held, is past its time", state.late_complaints)
    gauge("complaints_held", "Complaints that are held", state.held)
    gauge("publishing_stops", "Kill switches that are thrown", len(state.stopped))
    reviews = Gauge("tanggap_reviews_open", "Open reviews", ["gate"], registry=registry)
    for gate, count in _open_reviews(session).items():
        reviews.labels(gate.value).set(count)
    deliveries = Gauge("tanggap_deliveries", "Texts in the outbox, sent ones included", ["state"], registry=registry)
    for standing, count in count_deliveries(session).items():
        deliveries.labels(standing.value).set(count)
    return registry


def _open_reviews(session: Session) -> dict[Gate, int]:
    rows = session.execute(
        select(Review.gate, func.count()).where(col(Review.state) == ReviewState.OPEN).group_by(col(Review.gate))  # type: ignore[call-overload]
    )
    return dict.fromkeys(Gate, 0) | {row[0]: row[1] for row in rows}


def _stuck(session: Session) -> int:
    query = select(func.count()).where(col(SlackCard.stuck_since).is_not(None), col(SlackCard.scrubbed_at).is_(None))
    count: int = session.execute(query).scalar_one()
    return count
