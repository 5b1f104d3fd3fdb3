"""What `tanggap complaint` says in short of a legal road, an emergency, a legal hold and a breach notice."""

from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from desk.cli.output import moment

if TYPE_CHECKING:
    from db.tables import Breach, LegalHold, LegalRoad
    from tasks.legal_file import LegalFile


def legal_facts(found: "LegalFile", zone: ZoneInfo) -> list[tuple[str, str | None]]:
    """Names and values; a value of None is not shown."""
    return [
        ("Legal hold", "\n".join(_hold(one, zone) for one in found.holds) or None),
        ("Emergency", "\n".join(_emergencies(found, zone)) or None),
        ("Breach notice", "\n".join(_breach(one, zone) for one in found.breaches) or None),
        ("Legal road", "\n".join(_road(one, zone) for one in found.roads) or None),
    ]


def _hold(hold: "LegalHold", zone: ZoneInfo) -> str:
    since = f"since {moment(hold.on_at, zone)} by {hold.on_by}: {hold.reason}"
    off = f" (off {moment(hold.off_at, zone)} by {hold.off_by}: {hold.off_reason})" if hold.off_at else ""
    return since + off


def _emergencies(found: "LegalFile", zone: ZoneInfo) -> list[str]:
    lines = []
    for one in found.emergencies:
        calls = [call for call in found.calls if call.emergency_id == one.id]
        knows = [f"{call.gate.value}: {call.acknowledged_by or 'nobody yet'}" for call in calls]
        on = f", court on {one.court_on}" if one.court_on else ""
        lines.append(f"{one.kind.value}{on}, {moment(one.referred_at, zone)} by {one.referred_by} ({'; '.join(knows)})")
    return lines


def _breach(breach: "Breach", zone: ZoneInfo) -> str:
    ended = f", ended {moment(breach.ended_at, zone)} by {breach.ended_by}" if breach.ended_at else ""
    return f"{breach.state.value}, due {moment(breach.due_at, zone)}{ended}"


def _road(road: "LegalRoad", zone: ZoneInfo) -> str:
    opened = f"{road.state.value}, opened {moment(road.opened_at, zone)} by {road.opened_by}"
    ended = f", ended {moment(road.ended_at, zone)} by {road.ended_by}" if road.ended_at else ""
    return opened + (ended or f", cools off until {moment(road.cooling_until, zone)}")
