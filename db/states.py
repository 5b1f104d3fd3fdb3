"""The states of a complaint and of an incident, and the moves between them."""

from collections.abc import Mapping

from db.words import IncidentState, State

MOVES: Mapping[State, frozenset[State]] = {
    State.NEW: frozenset({State.ASSESSED, State.NOTED, State.SPAM}),
    State.ASSESSED: frozenset({State.DRAFTING, State.MONITORING, State.MERGED, State.NOTED, State.SPAM}),
    State.NOTED: frozenset({State.ASSESSED}),
    State.MONITORING: frozenset({State.ASSESSED}),
    State.DRAFTING: frozenset({State.IN_REVIEW, State.HELD, State.MONITORING, State.MERGED, State.RESOLVED}),
    State.IN_REVIEW: frozenset({State.APPROVED, State.DRAFTING, State.HELD}),
    State.HELD: frozenset({State.DRAFTING, State.CLOSED, State.MERGED}),
    State.APPROVED: frozenset({State.RESPONDED, State.DRAFTING}),
    State.RESPONDED: frozenset({State.IN_CONVERSATION, State.DRAFTING, State.RESOLVED}),
    State.IN_CONVERSATION: frozenset({State.DRAFTING, State.RESOLVED}),
    State.RESOLVED: frozenset({State.CLOSED, State.DRAFTING}),
    State.CLOSED: frozenset({State.DRAFTING}),
    State.MERGED: frozenset({State.ASSESSED}),
    State.SPAM: frozenset({State.ASSESSED}),
}
"""Whatever is not in this table is an error. `drafting` → `resolved`: a private talk solved it while an answer was
being written or reviewed; its round is void by then."""

INCIDENT_MOVES: Mapping[IncidentState, frozenset[IncidentState]] = {
    IncidentState.SUSPECTED: frozenset({IncidentState.DECLARED, IncidentState.DISMISSED}),
    IncidentState.DECLARED: frozenset({IncidentState.CLOSED}),
    IncidentState.DISMISSED: frozenset({IncidentState.SUSPECTED}),
    IncidentState.CLOSED: frozenset(),
}


class IllegalMove(Exception):
    """Somebody tried to move a complaint where the table does not let it go."""

    def __init__(self, reference: str, at: State | IncidentState, to: State | IncidentState) -> None:
        self.at = at
        self.to = to
        super().__init__(f"{reference} is {at.value}; from there it cannot become {to.value}")


def may_move(at: State, to: State) -> bool:
    """Whether the table lets a complaint go from one state to the other."""
    return to in MOVES[at]
