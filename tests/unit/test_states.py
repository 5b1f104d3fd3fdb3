"""The table of moves: where a complaint can go, and where it never can."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.states import INCIDENT_MOVES, MOVES, IllegalMove, may_move
from db.words import IncidentState, State

DESIGNED = {
    State.NEW: {State.ASSESSED, State.NOTED, State.SPAM},
    State.ASSESSED: {State.DRAFTING, State.MONITORING, State.MERGED, State.NOTED, State.SPAM},
    State.NOTED: {State.ASSESSED},
    State.MONITORING: {State.ASSESSED},
    State.DRAFTING: {State.IN_REVIEW, State.HELD, State.MONITORING, State.MERGED},
    State.IN_REVIEW: {State.APPROVED, State.DRAFTING, State.HELD},
    State.HELD: {State.DRAFTING, State.CLOSED, State.MERGED},
    State.APPROVED: {State.RESPONDED, State.DRAFTING},
    State.RESPONDED: {State.IN_CONVERSATION, State.DRAFTING, State.RESOLVED},
    State.IN_CONVERSATION: {State.DRAFTING, State.RESOLVED},
    State.RESOLVED: {State.CLOSED, State.DRAFTING},
    State.CLOSED: {State.DRAFTING},
    State.MERGED: {State.ASSESSED},
    State.SPAM: {State.ASSESSED},
}
"""The design's table, row by row, written down a second time."""
SOLVED_BEFORE_ANSWERED = (State.DRAFTING, State.RESOLVED)
"""`resolve` voids an open round, which leads to drafting, and goes on from there."""


def test_every_state_has_its_row():
    assert set(MOVES) == set(State)
    assert set(INCIDENT_MOVES) == set(IncidentState)


@pytest.mark.parametrize("at", State)
def test_a_complaint_goes_where_the_design_says_and_nowhere_else(at):
    besides = {to for came_from, to in [SOLVED_BEFORE_ANSWERED] if came_from is at}
    assert MOVES[at] == DESIGNED[at] | besides


@given(at=st.sampled_from(State), to=st.sampled_from(State))
def test_a_move_is_allowed_if_it_stands_in_the_table(at, to):
    assert may_move(at, to) == (to in DESIGNED[at] or (at, to) == SOLVED_BEFORE_ANSWERED)


@pytest.mark.parametrize("state", State)
def test_no_state_leads_to_itself(state):
    assert not may_move(state, state)


@pytest.mark.parametrize("state", State)
def test_no_state_is_a_graveyard(state):
    reached = {state}
    while fresh := {to for at in reached for to in MOVES[at]} - reached:
        reached |= fresh
    assert State.DRAFTING in reached


@pytest.mark.parametrize("to", sorted(set(State) - {State.NEW}))
def test_every_state_can_be_reached_from_the_arrival(to):
    reached = {State.NEW}
    while fresh := {further for at in reached for further in MOVES[at]} - reached:
        reached |= fresh
    assert to in reached


def test_nothing_is_approved_without_a_review():
    assert {at for at in State if may_move(at, State.APPROVED)} == {State.IN_REVIEW}


def test_nothing_counts_as_answered_without_an_approval():
    assert {at for at in State if may_move(at, State.RESPONDED)} == {State.APPROVED}


def test_nobody_comes_back_to_the_beginning():
    assert not any(may_move(at, State.NEW) for at in State)


def test_an_incident_is_declared_only_while_it_is_suspected():
    assert {at for at, to in INCIDENT_MOVES.items() if IncidentState.DECLARED in to} == {IncidentState.SUSPECTED}


def test_a_dismissed_incident_can_be_suspected_again():
    assert INCIDENT_MOVES[IncidentState.DISMISSED] == {IncidentState.SUSPECTED}


def test_an_illegal_move_says_who_stands_where():
    error = IllegalMove("TG-1042", State.SPAM, State.APPROVED)
    assert str(error) == "TG-1042 is spam; from there it cannot become approved"
    assert (error.at, error.to) == (State.SPAM, State.APPROVED)
