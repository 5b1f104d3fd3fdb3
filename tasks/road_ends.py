"""How a legal road ends where its letter or statement does: it left, or one of its gates rejected it."""

from datetime import datetime

from sqlmodel import Session

from db import trail
from db.legal import road_of_draft
from db.tables import Complaint, LegalRoad, RoadState
from db.words import Gate


def end_road(session: Session, road: LegalRoad, state: RoadState, by: trail.Author, now: datetime) -> None:
    """It is over, and a new one cools off anew."""
    road.state, road.ended_at, road.ended_by = state, now, by.name
    session.add(road)


def road_taken(session: Session, complaint: Complaint, draft_id: int, by: trail.Author, now: datetime) -> None:
    """What stood at its end left; nothing happens where the draft is of no road."""
    road = _still_open(session, draft_id)
    if road is not None:
        end_road(session, road, RoadState.TAKEN, by, now)
        trail.append(session, complaint, "legal_road_taken", by=by, at=now, road=road.id, draft=draft_id)


def road_rejected(
    session: Session, complaint: Complaint, draft_id: int, gate: Gate, by: trail.Author, now: datetime
) -> None:
    """A gate rejected it: the last resort was looked at, and is none."""
    road = _still_open(session, draft_id)
    if road is not None:
        end_road(session, road, RoadState.REFUSED, by, now)
        trail.append(
            session, complaint, "legal_road_rejected", by=by, at=now, road=road.id, draft=draft_id, gate=gate.value
        )


def _still_open(session: Session, draft_id: int) -> LegalRoad | None:
    road = road_of_draft(session, draft_id)
    return road if road is not None and road.state is RoadState.OPEN else None
