"""Who may decide at a gate now: those whom people.yaml names, members of its Slack user group, and whoever covers them.

A user group vouches for its members only as long as Slack said so lately. Where it did not, nobody decides by the
group: whether they belong to it cannot be told.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import ColumnClause, literal_column, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session, col

from db.absences import covered_by
from db.tables import SlackGroup
from db.words import Gate
from integrations.slack.errors import Later, SlackTrouble
from tasks.desk import Desk

if TYPE_CHECKING:  # the client takes a while to import, and most commands never talk to Slack
    from integrations.slack.client import Slack

VERSION: ColumnClause[str] = literal_column("slack_group.xmin::text")
"""Changes with every write to the row: an answer of Slack's that was overtaken by `forget_group` is not kept."""
READS = 2
"""How often a group is asked for where it changes while Slack answers."""


@dataclass(frozen=True)
class Standing:
    """What somebody is to the gates at one moment."""

    known: bool
    """Named by policy, or a member of a gate's user group."""
    own: frozenset[Gate]
    """Where they may decide themselves."""
    unsure: frozenset[Gate]
    """Where their user group might let them, but Slack has not said lately who is in it."""
    covers: Mapping[str, frozenset[Gate]]
    """The gates of each absent person in whose place they may decide."""

    @property
    def gates(self) -> list[Gate]:
        """Every gate at which they may decide, in the order of the word list."""
        return [gate for gate in Gate if self.decides(gate)]

    def decides(self, gate: Gate) -> bool:
        """Whether they may decide there, themselves or in somebody's place."""
        return gate in self.own or bool(self.absent_at(gate))

    def absent_at(self, gate: Gate) -> list[str]:
        """In whose place they may decide at this gate."""
        return [absent for absent, gates in self.covers.items() if gate in gates]


def standing(session: Session, desk: Desk, person: str, now: datetime) -> Standing:
    """What somebody is to the gates now."""
    groups = _members(session, desk, now)
    own, unsure = _gates(desk, person, groups)
    covers: dict[str, frozenset[Gate]] = {}
    for absence in covered_by(session, person, now):
        if desk.policy.people.may_cover(person, absence.person, own):
            covers[absence.person], unsure_of = _gates(desk, absence.person, groups)
            unsure |= unsure_of - own
    return Standing(desk.policy.people.knows(person) or bool(own), own, unsure, covers)


def may_decide(session: Session, desk: Desk, person: str, gate: Gate, now: datetime) -> bool:
    """Whether this person may decide at this gate now."""
    return standing(session, desk, person, now).decides(gate)


def knows(session: Session, desk: Desk, person: str, now: datetime) -> bool:
    """Whether this is a person of the desk: named by policy, or in a gate's user group."""
    return desk.policy.people.knows(person) or standing(session, desk, person, now).known


def gates_of(session: Session, desk: Desk, person: str, now: datetime) -> list[Gate]:
    """The gates at which this person may decide now, in the order of the word list."""
    return standing(session, desk, person, now).gates


def other_member(session: Session, desk: Desk, gate: Gate, excluding: Collection[str], now: datetime) -> bool | None:
    """Whether somebody besides these may decide at the gate; None: it is not known."""
    named = desk.policy.people.other_member(gate, excluding)
    if named or gate not in desk.policy.slack.groups():
        return named
    members = _members(session, desk, now)[gate]
    if members is None:
        return None
    return True if members - set(excluding) else named


def refresh_groups(desk: Desk, slack: "Slack", *, older_than: timedelta | None) -> None:
    """Ask Slack who belongs to each gate's group, where that was last asked longer ago; None: in any case.

    Where Slack is away, what it said last stays until it is too old; where it refuses, the group vouches for nobody.
    """
    for group in desk.policy.slack.groups().values():
        for _ in range(READS):
            if not _refresh(desk, slack, group, older_than):
                break


def forget_group(desk: Desk, group_id: str) -> None:
    """Somebody joined or left the group: it vouches for nobody until it is read again."""
    with desk.transaction() as session:
        session.execute(update(SlackGroup).where(col(SlackGroup.id) == group_id).values(read_at=None))


def _refresh(desk: Desk, slack: "Slack", group: str, older_than: timedelta | None) -> bool:
    """Read one group; tells whether it must be read again, since it changed while Slack answered."""
    asked = desk.now()
    with desk.transaction() as session:
        session.execute(insert(SlackGroup).values(id=group, members=[]).on_conflict_do_nothing(index_elements=["id"]))
        read_at, version = session.execute(
            select(SlackGroup.read_at, VERSION).where(col(SlackGroup.id) == group)  # type: ignore[call-overload]
        ).one()
    if older_than is not None and read_at is not None and asked - read_at <= older_than:
        return False
    found: dict[str, object]
    try:
        found = {"members": sorted(slack.group(group)), "read_at": asked, "why": None}
    except Later as trouble:
        found = {"why": trouble.why}
    except SlackTrouble as trouble:
        found = {"read_at": None, "why": trouble.why}
    with desk.transaction() as session:
        written = session.execute(
            update(SlackGroup)
            .where(col(SlackGroup.id) == group, version == VERSION)
            .values(**found)
            .returning(col(SlackGroup.id))
        ).first()
        if written is not None:
            return False
        now_read: datetime | None = session.execute(
            select(SlackGroup.read_at).where(col(SlackGroup.id) == group)  # type: ignore[call-overload]
        ).scalar_one()
        return now_read is None


def _members(session: Session, desk: Desk, now: datetime) -> dict[Gate, frozenset[str] | None]:
    """The members of each gate's user group by name; None where Slack has not said so lately."""
    slack = desk.policy.slack
    groups = slack.groups()
    if not groups:
        return {}
    rows = session.execute(select(SlackGroup).where(col(SlackGroup.id).in_(groups.values()))).scalars()
    fresh = {
        row.id: frozenset(slack.person_of(user) for user in row.members)
        for row in rows
        if row.read_at is not None and now - row.read_at <= slack.group_fresh_for
    }
    return {gate: fresh.get(group) for gate, group in groups.items()}


def _gates(
    desk: Desk, person: str, groups: Mapping[Gate, frozenset[str] | None]
) -> tuple[frozenset[Gate], frozenset[Gate]]:
    """Where this person may decide themselves, and where it cannot be told."""
    people, slack = desk.policy.people, desk.policy.slack
    own = frozenset(
        gate for gate in Gate if people.may_decide(person, gate) or person in (groups.get(gate) or frozenset())
    )
    user = slack.user_of(person)
    if user is None or slack.person_of(user) != person:  # nobody of this name is in Slack at all
        return own, frozenset()
    return own, frozenset(gate for gate, members in groups.items() if members is None) - own
