"""The door in Slack over Socket Mode: the same deeds, and a connection that comes back.

What posts signed requests by itself belongs to HTTP; the rest of test_slack_door.py holds for both, and runs here again.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
import test_slack_door as door
from factories import Life
from slack_desk import AtSlack, at_slack
from slack_fixtures import slack_rules
from slack_server import OVER_SOCKET, SlackServer, needs_local_slack, until

from db.words import Gate
from desk.slack import serving

pytest_plugins = ["lives", "slack_fixtures"]
pytestmark = pytest.mark.slow

test_an_approval = door.test_an_approval_in_slack_publishes_the_words_on_the_card
test_a_decided_card = door.test_a_decided_card_has_no_deciding_buttons_and_names_who_decided
test_the_other_gate = door.test_the_card_of_the_other_gate_says_who_has_decided_and_who_must
test_a_stale_click = door.test_a_stale_click_changes_nothing_and_says_who_decided
test_who_may_not = door.test_who_may_not_decide_is_told_in_private_and_stands_on_the_timeline
test_guests_and_strangers = door.test_guests_bots_leavers_and_strangers_decide_nothing
test_slack_cannot_say = door.test_nobody_decides_while_slack_cannot_say_who_they_are
test_a_typed_approval = door.test_a_high_risk_approval_is_typed
test_reasons = door.test_changes_and_rejections_need_a_reason
test_a_rejection = door.test_a_rejection_holds_the_complaint_with_its_reason
test_an_edit = door.test_an_edit_is_a_new_draft_which_a_colleague_approves
test_a_voided_card = door.test_a_voided_card_says_why_and_leads_to_the_new_one
test_guardrails = door.test_what_the_guardrails_block_is_shown_at_the_field_and_changes_nothing
test_the_same_words = door.test_the_words_of_the_draft_are_no_edit
test_a_long_draft = door.test_a_draft_too_long_for_slacks_input_comes_back_as_a_file
test_taking_over = door.test_who_takes_over_writes_the_answer_themselves
test_revealing = door.test_personal_data_is_covered_until_somebody_reveals_it_for_themselves_and_that_is_written_down
test_revealing_to_outsiders = door.test_an_outsider_reveals_nothing
test_reading = door.test_the_whole_talk_and_the_timeline_open_in_a_window
test_no_window = door.test_who_may_not_decide_gets_no_window_to_do_so
test_the_thread = door.test_what_is_written_in_the_thread_is_a_note_and_reaches_no_customer
test_notes = door.test_edits_and_removals_in_the_thread_are_followed
test_a_memo = door.test_a_memo_on_a_note_makes_it_a_draft_that_neither_of_the_two_decides
test_other_talk = door.test_talk_outside_of_a_cards_thread_is_nobodys_note
test_the_inbox = door.test_the_inbox_shows_what_this_person_may_decide
test_a_case = door.test_a_case_in_short
test_assigning = door.test_assigning_by_mention_gives_the_complaint_an_owner
test_resolving = door.test_resolving_wants_to_know_how
test_the_kill_switch = door.test_only_executives_stop_publishing_from_slack
test_a_cover = door.test_whoever_covers_for_somebody_away_decides_in_their_place
test_the_language = door.test_everybody_is_spoken_to_in_the_language_they_asked_for
test_help = door.test_unknown_words_get_help
test_home = door.test_home_shows_what_waits_and_keeps_its_filters
test_a_strangers_home = door.test_home_tells_a_stranger_which_id_must_be_written_down
test_what_is_kept = door.test_what_a_person_did_is_forgotten_when_it_is_done


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SlackServer]:
    """A Slack server with the app that comes over Socket Mode alone."""
    needs_local_slack()
    running = SlackServer(tmp_path_factory.mktemp("slack"), apps=(OVER_SOCKET,)).start()
    yield running
    running.stop()


@pytest.fixture
def desk_in_slack(
    slack_life: Life,
    server: SlackServer,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[AtSlack]:
    """A desk that is connected over Socket Mode."""
    monkeypatch.setattr(serving, "AGAIN", 0.2)
    server.reset()
    slack_life.with_policy(slack=slack_rules(confirm=getattr(request, "param", door.A_CLICK)))
    with at_slack(slack_life, server, tmp_path, app=OVER_SOCKET) as here:
        until(lambda: server.connected(OVER_SOCKET))
        yield here
        assert here.proxy.violations == []


def test_a_desk_that_opens_while_slack_is_away_is_connected_once_it_is_back(
    slack_life: Life, server: SlackServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "AGAIN", 0.2)
    slack_life.with_policy(slack=slack_rules(confirm=door.A_CLICK))
    server.kill()
    with at_slack(slack_life, server, tmp_path, app=OVER_SOCKET) as here:
        server.start()
        until(lambda: server.connected(OVER_SOCKET), 30)

        reference = door.plain(here)
        here.press(Gate.CS, "cs-nia", "approve")

        assert [event.by for event in slack_life.events(reference, "decided")] == ["cs-nia"]


def test_a_lost_connection_is_made_anew(desk_in_slack: AtSlack, server: SlackServer) -> None:
    server.kill()
    server.start()
    until(lambda: server.connected(OVER_SOCKET), 60)

    reference = door.plain(desk_in_slack)
    desk_in_slack.press(Gate.CS, "cs-nia", "approve")

    assert [event.by for event in desk_in_slack.life.events(reference, "decided")] == ["cs-nia"]
