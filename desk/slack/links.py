"""A link to a complaint shows what stands behind it, where our own people are among themselves."""

import re
from typing import Any
from urllib.parse import urlparse

from slack_bolt import Ack, App
from sqlalchemy import select
from sqlmodel import Session, col

from db.tables import Complaint
from desk.slack.door import Door
from desk.slack.hands import Hands
from integrations.slack.client import Place
from integrations.slack.lists import unfurl_case
from tasks.case_facts import case_of
from tasks.refusals import Refused

TIMELINE = re.compile(r"/artifacts/key/tg-([1-9]\d{0,17})(?:/|$)")
PRIVATE_PAGE = re.compile(r"/t/([A-Za-z0-9_-]{8,})(?:/|$)")


def listen(app: App, door: Door, hands: Hands) -> None:
    """Hear links."""

    @app.event("link_shared")
    def shared(ack: Ack, body: dict[str, Any], event: dict[str, Any]) -> None:
        ack()
        hands.quickly(lambda: unfurl(door, str(body.get("team_id") or ""), event))


def unfurl(door: Door, team: str, event: dict[str, Any]) -> None:
    """Show each complaint behind the links of a message: only in a gate's channel, where guests have no business."""
    channel, user = str(event.get("channel") or ""), str(event.get("user") or "")
    slack = door.desk.policy.slack
    gates = slack.gates_at(channel)
    if not gates:
        return
    try:
        door.somebody(user, team)
    except Refused:
        return
    shown = {}
    with door.desk.transaction() as session:
        for link in event.get("links") or ():
            url = str(link.get("url") or "")
            reference = _behind(session, url)
            if reference is not None:
                shown[url] = unfurl_case(case_of(session, door.desk, reference), slack.language_of(gates[0]))
    if shown:
        door.slack.unfurl(Place(channel, str(event.get("message_ts") or "")), shown)


def _behind(session: Session, url: str) -> str | None:
    """The reference of the complaint whose timeline or private page this is."""
    path = urlparse(url).path
    if found := TIMELINE.search(path):
        number = session.execute(select(Complaint.id).where(col(Complaint.id) == int(found[1]))).scalar_one_or_none()  # type: ignore[call-overload]
    elif found := PRIVATE_PAGE.search(path):
        number = session.execute(select(Complaint.id).where(col(Complaint.token) == found[1])).scalar_one_or_none()  # type: ignore[call-overload]
    else:
        return None
    return f"TG-{number}" if number is not None else None
