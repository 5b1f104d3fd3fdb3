"""What a complaint's file holds of the law, and what of it is emptied when a person is forgotten."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update
from sqlmodel import Session, col

from db import trail
from db.legal import breaches_of, emergencies_of, held, holds_of, open_road, roads_of
from db.tables import (
    Breach,
    Complaint,
    Emergency,
    EmergencyCall,
    LegalAnswer,
    LegalHold,
    LegalRoad,
    RoadState,
)
from tasks.refusals import Refused
from tasks.road_ends import end_road


@dataclass(frozen=True)
class LegalFile:
    """All of it; read-only copies."""

    roads: tuple[LegalRoad, ...]
    answers: tuple[LegalAnswer, ...]
    emergencies: tuple[Emergency, ...]
    calls: tuple[EmergencyCall, ...]
    holds: tuple[LegalHold, ...]
    breaches: tuple[Breach, ...]

    @property
    def on_hold(self) -> LegalHold | None:
        """The hold that keeps it now."""
        return next((hold for hold in self.holds if hold.off_at is None), None)


def read_legal(session: Session, complaint_id: int) -> LegalFile:
    """Everything of one complaint, the oldest first."""
    roads = roads_of(session, complaint_id)[::-1]
    emergencies = emergencies_of(session, complaint_id)
    answers = select(LegalAnswer).where(col(LegalAnswer.road_id).in_([road.id for road in roads]))
    return LegalFile(
        roads=tuple(roads),
        answers=tuple(session.execute(answers.order_by(col(LegalAnswer.id))).scalars()),
        emergencies=tuple(emergency for emergency, _ in emergencies),
        calls=tuple(call for _, calls in emergencies for call in calls),
        holds=tuple(holds_of(session, complaint_id)),
        breaches=tuple(breaches_of(session, complaint_id)),
    )


def refusal_to_forget(
    session: Session, complaints: Collection[Complaint], by: trail.Author, now: datetime
) -> Refused | None:
    """Why none of these complaints may be emptied: one is under a legal hold; each such one tells it on its timeline.

    The complaints are locked.
    """
    kept = held(session, [complaint.id for complaint in complaints])
    for complaint in complaints:
        if complaint.id in kept:
            holder = f"TG-{kept[complaint.id]}"
            trail.append(session, complaint, "erase_refused", by=by, at=now, why="legal_hold", hold_of=holder)
    if not kept:
        return None
    holder = f"TG-{kept[min(kept)]}"
    message = (
        f"{holder} is under a legal hold, so nothing of this person is forgotten. "
        f"Only Legal takes it off: `tanggap legal-hold {holder} --off --reason TEXT --as PERSON`."
    )
    return Refused("legal_hold", message, {"reference": holder})


def forget_legal(session: Session, complaint: Complaint, by: trail.Author, now: datetime) -> None:
    """Empty the words; a road that was open ends here."""
    road = open_road(session, complaint.id)
    if road is not None:
        end_road(session, road, RoadState.WITHDRAWN, by, now)
        trail.append(session, complaint, "legal_road_withdrawn", by=by, at=now, road=road.id, why="erased")
        session.flush()
    of_it = complaint.id
    roads = select(LegalRoad.id).where(col(LegalRoad.complaint_id) == of_it)  # type: ignore[call-overload]
    emergencies = select(Emergency.id).where(col(Emergency.complaint_id) == of_it)  # type: ignore[call-overload]
    for statement in (
        update(LegalAnswer).where(col(LegalAnswer.road_id).in_(roads)).values(text=""),
        update(LegalRoad).where(col(LegalRoad.complaint_id) == of_it).values(reason="", ended_why=None),
        update(EmergencyCall).where(col(EmergencyCall.emergency_id).in_(emergencies)).values(note=None),
        update(Emergency).where(col(Emergency.complaint_id) == of_it).values(what=""),
        update(LegalHold).where(col(LegalHold.complaint_id) == of_it).values(reason=""),
        update(LegalHold)
        .where(col(LegalHold.complaint_id) == of_it, col(LegalHold.off_reason).is_not(None))
        .values(off_reason=""),
        update(Breach).where(col(Breach.complaint_id) == of_it, col(Breach.reason).is_not(None)).values(reason=""),
    ):
        session.execute(statement)
