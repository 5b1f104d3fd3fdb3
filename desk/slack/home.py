"""Everybody's Home page: what waits for them, what is late, what they decided; its filters survive."""

from dataclasses import asdict, fields, replace
from typing import Any

from slack_bolt import Ack, App
from sqlalchemy.dialects.postgresql import insert

from db.tables import SlackHome
from db.words import Gate, Severity
from desk.slack.door import Door
from desk.slack.hands import Hands
from desk.slack.payloads import team_of, user_of
from integrations.slack.home import draw_home
from integrations.slack.showing import Filters
from tasks.home_facts import home_of
from tasks.refusals import Refused

KNOWN = {field.name for field in fields(Filters)}


def listen(app: App, door: Door, hands: Hands) -> None:
    """Hear who opens their Home page, and what they set there."""

    @app.event("app_home_opened")
    def opened(ack: Ack, body: dict[str, Any], event: dict[str, Any]) -> None:
        ack()
        if event.get("tab", "home") == "home":
            user, team = str(event.get("user") or ""), str(body.get("team_id") or "")
            hands.quickly(lambda: show_home(door, user, team))

    @app.action("home_refresh")
    def refreshed(ack: Ack, body: dict[str, Any]) -> None:
        ack()
        hands.quickly(lambda: show_home(door, user_of(body), team_of(body)))

    def sets(action: str, read: Any) -> None:
        @app.action(action)
        def changed(ack: Ack, body: dict[str, Any]) -> None:
            ack()
            change = read(body["actions"][0])

            def redraw() -> None:
                user = user_of(body)
                keep_filters(door, user, replace(filters_of(door, user), **change))
                show_home(door, user, team_of(body))

            hands.quickly(redraw)

    sets("home_gate", lambda action: {"gate": _among(action, {gate.value for gate in Gate})})
    sets("home_severity", lambda action: {"severity": _among(action, {severity.value for severity in Severity})})
    sets("home_late", lambda action: {"late_only": action.get("value") == "late"})


def show_home(door: Door, user: str, team: str) -> None:
    """Draw somebody's Home page as things stand now."""
    language = door.language_of(user)
    try:
        person = door.somebody(user, team).name
    except Refused:
        person = ""
    with door.desk.transaction() as session:
        home = home_of(session, door.desk, user, person, filters_of(door, user), language)
    door.slack.show_home(user, draw_home(home))


def filters_of(door: Door, user: str) -> Filters:
    """What this user set last."""
    with door.desk.transaction() as session:
        kept = session.get(SlackHome, user)
        return Filters(**{name: value for name, value in kept.filters.items() if name in KNOWN}) if kept else Filters()


def keep_filters(door: Door, user: str, filters: Filters) -> None:
    """Remember what this user set."""
    with door.desk.transaction() as session:
        values = {"filters": asdict(filters), "at": door.desk.now()}
        kept = insert(SlackHome).values(user_id=user, **values)
        session.execute(kept.on_conflict_do_update(index_elements=["user_id"], set_=values))


def _among(action: dict[str, Any], known: set[str]) -> str | None:
    value = (action.get("selected_option") or {}).get("value")
    return value if value in known else None
