"""The Slack client against other people's Slack servers, with a proxy between them that breaks what a test asks for."""

import json
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from shutil import which

import pytest
import requests
import yaml
from slack_proxy import SCOPES, FaultyProxy
from slack_schema import SPECS
from slack_server import (
    EMULATE,
    GENERAL,
    INSTALL,
    OVER_HTTP,
    OVER_SOCKET,
    TEAM,
    USERS,
    SlackServer,
    free_port,
    now_ts,
    until,
)

from integrations.slack.client import Ourselves, Place, Said, Slack, Standing
from integrations.slack.errors import BadWords, Later, NeedsPerson, NotThere, SlackTrouble
from integrations.slack.workspace import Workspace, read_user

pytest_plugins = ("slack_fixtures",)

PR = "C0PR"
SARI = USERS["pr-sari"]
NIA = USERS["cs-nia"]
BLOCKS = [{"type": "section", "text": {"type": "mrkdwn", "text": "*Keluhan* &lt;!channel&gt;"}}]
CARD = Said("Keluhan baru", BLOCKS)


def modal(title: str = "Ubah", **changes: object) -> dict[str, object]:
    return {
        "type": "modal",
        "callback_id": "edit",
        "title": {"type": "plain_text", "text": title},
        "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "…"}}],
    } | changes


HOME = {"type": "home", "blocks": [{"type": "header", "text": {"type": "plain_text", "text": "Menunggu"}}]}


# What it does


def test_it_knows_itself_and_its_scopes(slack: Slack):
    assert slack.ourselves() == Ourselves(TEAM, "Nusantara Jaya", OVER_HTTP.bot, OVER_HTTP.bot_id, SCOPES)


def test_a_message_is_posted_with_words_and_blocks(slack: Slack, slack_server: SlackServer, faulty: FaultyProxy):
    at = slack.post(PR, CARD)
    [card] = slack_server.cards(PR)
    assert (at.channel, at.ts, card["text"], card["blocks"]) == (PR, card["ts"], CARD.text, BLOCKS)
    [call] = faulty.of("chat.postMessage")
    assert call.given["unfurl_links"] is call.given["unfurl_media"] is False
    assert faulty.violations == []


def test_an_answer_goes_into_the_thread(slack: Slack, slack_server: SlackServer):
    at = slack.post(PR, CARD)
    slack.post(PR, Said("Sudah diputuskan"), thread=at.ts)
    assert [one["text"] for one in slack_server.thread(PR, at.ts)] == ["Sudah diputuskan"]
    assert len(slack_server.cards(PR)) == 1


def test_a_message_to_a_person_is_a_direct_message_whose_place_is_told(slack: Slack, slack_server: SlackServer):
    at = slack.post(SARI, Said("Menunggu Anda"))
    assert at.channel.startswith("D")
    assert [one["text"] for one in slack_server.direct(SARI)] == ["Menunggu Anda"]
    slack.update(at, Said("Selesai"))
    assert [one["text"] for one in slack_server.direct(SARI)] == ["Selesai"]


def test_a_message_is_written_anew_in_its_place(slack: Slack, slack_server: SlackServer):
    at = slack.post(PR, CARD)
    slack.update(at, Said("Disetujui"))
    [card] = slack_server.cards(PR)
    assert (card["ts"], card["text"], card["blocks"]) == (at.ts, "Disetujui", [])


def test_a_message_is_taken_back(slack: Slack, slack_server: SlackServer):
    slack.remove(slack.post(PR, CARD))
    assert slack_server.messages(PR) == []


def test_a_whisper_reaches_one_person_and_stands_in_no_history(slack: Slack, slack_server: SlackServer):
    at = slack.post(PR, CARD)
    slack.whisper(PR, SARI, Said("Hanya Anda", BLOCKS), thread=at.ts)
    assert [(one["text"], one["thread_ts"]) for one in slack_server.whispers(PR, SARI)] == [("Hanya Anda", at.ts)]
    assert slack_server.whispers(PR, NIA) == []
    assert [one.ts for one in slack.history(PR, "0")] == [at.ts]


def test_a_message_has_an_address(slack: Slack):
    at = slack.post(PR, CARD)
    assert slack.permalink(at).endswith(f"/archives/{PR}/p{at.ts.replace('.', '')}")


def test_a_message_is_read_as_it_stands(slack: Slack):
    at = slack.post(PR, CARD)
    found = read(slack, at)
    assert found is not None
    assert (found.ts, found.bot, found.user) == (at.ts, OVER_HTTP.bot_id, OVER_HTTP.bot)
    assert (found.text, list(found.blocks), found.thread_ts) == (CARD.text, BLOCKS, None)


def read(slack: Slack, at: Place, thread: str | None = None) -> Standing | None:
    """A message as it stands; None where it is gone."""
    try:
        answers = list(slack.replies(Place(at.channel, thread or at.ts), "0"))
    except NotThere:
        return None
    return next((one for one in answers if one.ts == at.ts), None)


def test_an_answer_in_a_thread_is_read_with_its_thread(slack: Slack):
    at = slack.post(PR, CARD)
    answer = slack.post(PR, Said("Catatan"), thread=at.ts)
    found = read(slack, answer, at.ts)
    assert found is not None
    assert (found.text, found.thread_ts) == ("Catatan", at.ts)


def test_a_message_that_is_gone_reads_as_none(slack: Slack):
    at = slack.post(PR, CARD)
    slack.remove(at)
    assert read(slack, at) is None


def test_a_history_is_read_page_by_page_from_a_moment_on(slack: Slack, faulty: FaultyProxy, monkeypatch):
    monkeypatch.setattr("integrations.slack.client.HISTORY_PAGE", 2)
    before = slack.post(PR, Said("sebelum"))
    places = [slack.post(PR, Said(f"kartu {number}")) for number in range(5)]
    found = [one.ts for one in slack.history(PR, places[0].ts)]
    assert sorted(found) == [place.ts for place in places]
    assert before.ts not in found
    assert faulty.counts()["conversations.history"] == 3


def test_a_thread_is_read_page_by_page_from_a_moment_on(slack: Slack, faulty: FaultyProxy, monkeypatch):
    monkeypatch.setattr("integrations.slack.client.HISTORY_PAGE", 2)
    at = slack.post(PR, CARD)
    answers = [slack.post(PR, Said(f"catatan {number}"), thread=at.ts) for number in range(5)]
    found = [one.ts for one in slack.replies(at, answers[1].ts)]
    assert found == [at.ts, *(one.ts for one in answers[1:])]
    assert faulty.counts()["conversations.replies"] == 3


def test_the_answers_to_a_message_that_is_gone_are_not_there(slack: Slack):
    with pytest.raises(NotThere, match="thread_not_found"):
        list(slack.replies(Place(PR, "1795326402.000001"), "0"))


def test_a_person_has_one_place_to_talk_with_the_app(slack: Slack):
    assert slack.direct(SARI) == slack.direct(SARI) == slack.post(SARI, CARD).channel


def test_a_modal_opens_and_is_filled(slack: Slack, slack_server: SlackServer, faulty: FaultyProxy):
    view = slack.open_view(slack_server.a_trigger(), modal("Sebentar"))
    slack.update_view(view, modal("Ubah"))
    shown = slack_server.modal()
    assert shown is not None
    assert shown["title"]["text"] == "Ubah"
    assert faulty.violations == []


def test_a_home_page_is_drawn(slack: Slack, slack_server: SlackServer):
    slack.show_home(SARI, HOME)
    shown = slack_server.home_page(SARI)
    assert shown is not None
    assert shown["blocks"] == HOME["blocks"]


def test_a_link_unfurls(slack: Slack, slack_server: SlackServer, faulty: FaultyProxy):
    message = slack_server.say(GENERAL, SARI, "https://aduan.example/c/NJ-1")
    slack.unfurl(Place(GENERAL, message["ts"]), {"https://aduan.example/c/NJ-1": {"blocks": BLOCKS}})
    [call] = faulty.of("chat.unfurl")
    assert call.given["unfurls"] == {"https://aduan.example/c/NJ-1": {"blocks": BLOCKS}}
    assert (call.given["channel"], call.given["ts"]) == (GENERAL, message["ts"])


def test_a_user_is_known_with_the_locale(slack: Slack, faulty: FaultyProxy):
    faulty.users[SARI] = {"locale": "id-ID"}
    found = slack.user(SARI)
    assert (found["id"], found["locale"], found["team_id"]) == (SARI, "id-ID", TEAM)


def test_everybody_is_listed_page_by_page(slack: Slack, faulty: FaultyProxy, monkeypatch):
    monkeypatch.setattr("integrations.slack.client.HISTORY_PAGE", 5)
    found = [one["id"] for one in slack.users()]
    assert set(USERS.values()) < set(found)
    assert len(found) == len(set(found))
    assert faulty.counts()["users.list"] == -(-len(found) // 5)


def test_who_is_in_a_user_group(slack: Slack, faulty: FaultyProxy):
    faulty.groups["S0LEGAL"] = [USERS["legal-ani"], USERS["legal-doni"]]
    assert slack.group("S0LEGAL") == {USERS["legal-ani"], USERS["legal-doni"]}
    with pytest.raises(NeedsPerson, match="no_such_subteam"):
        slack.group("S0NONE")


def test_a_channel_is_known(slack: Slack, faulty: FaultyProxy):
    faulty.channels[PR] = {"is_member": False}
    found = slack.channel(PR)
    assert (found["name"], found["is_member"], found["is_archived"]) == ("review-pr", False, False)


def test_channels_are_listed_without_archived_ones(slack: Slack, faulty: FaultyProxy):
    faulty.channels["C0LEGAL"] = {"is_archived": True}
    assert {one["id"] for one in slack.channels()} == {"C0CS", PR, "C0EXEC", GENERAL}


def test_a_file_is_known(slack: Slack, slack_server: SlackServer):
    shared = slack_server.upload(PR, SARI, "draf.txt", b"Yth. pelanggan")
    found = slack.file(shared["id"])
    assert (found["name"], found["size"]) == ("draf.txt", 14)


def test_the_app_over_socket_mode_is_another_one(faulty: FaultyProxy):
    assert Slack(OVER_SOCKET.bot_token, faulty.api_url).ourselves().user == OVER_SOCKET.bot


# What can go wrong

CALLS: dict[str, Callable[[Slack], object]] = {
    "auth.test": lambda slack: slack.ourselves(),
    "chat.postMessage": lambda slack: slack.post(PR, CARD),
    "chat.update": lambda slack: slack.update(Place(PR, "1795326402.000001"), CARD),
    "chat.delete": lambda slack: slack.remove(Place(PR, "1795326402.000001")),
    "chat.postEphemeral": lambda slack: slack.whisper(PR, SARI, CARD),
    "chat.getPermalink": lambda slack: slack.permalink(Place(PR, "1795326402.000001")),
    "conversations.replies": lambda slack: list(slack.replies(Place(PR, "1795326402.000001"), "0")),
    "conversations.history": lambda slack: list(slack.history(PR, "0")),
    "conversations.open": lambda slack: slack.direct(SARI),
    "views.open": lambda slack: slack.open_view("1.1.x", modal()),
    "apps.connections.open": lambda slack: slack.open_socket(),
    "views.update": lambda slack: slack.update_view("V1", modal()),
    "views.publish": lambda slack: slack.show_home(SARI, HOME),
    "chat.unfurl": lambda slack: slack.unfurl(Place(PR, "1.1"), {"https://a.example": {"blocks": BLOCKS}}),
    "users.info": lambda slack: slack.user(SARI),
    "users.list": lambda slack: list(slack.users()),
    "usergroups.users.list": lambda slack: slack.group("S0LEGAL"),
    "conversations.info": lambda slack: slack.channel(PR),
    "conversations.list": lambda slack: list(slack.channels()),
    "files.info": lambda slack: slack.file("F0FILE"),
}
every_method = pytest.mark.parametrize("method", CALLS)


def test_every_method_of_the_client_is_among_these():
    public = {name for name, value in vars(Slack).items() if callable(value) and not name.startswith("_")}
    assert len(public) == len(CALLS)


@every_method
def test_a_limit_is_told_with_its_seconds(method: str, slack: Slack, faulty: FaultyProxy):
    faulty.limit(method, seconds=7)
    with pytest.raises(Later) as caught:
        CALLS[method](slack)
    assert (caught.value.why, caught.value.seconds, caught.value.may_have_arrived) == ("ratelimited", 7, False)
    assert faulty.counts()[method] == 1


@every_method
def test_an_error_of_slack_may_come_after_the_deed(method: str, slack: Slack, faulty: FaultyProxy):
    faulty.fail(method, 500)
    with pytest.raises(Later) as caught:
        CALLS[method](slack)
    assert (caught.value.why, caught.value.seconds, caught.value.may_have_arrived) == ("http_500", None, True)
    assert faulty.counts()[method] == 1


@every_method
def test_a_revoked_token_needs_a_person(method: str, slack: Slack, faulty: FaultyProxy):
    faulty.refuse(method, "token_revoked")
    with pytest.raises(NeedsPerson, match=f"Slack refuses {method}: token_revoked") as caught:
        CALLS[method](slack)
    assert caught.value.why == "token_revoked"


@every_method
def test_a_missing_scope_is_named(method: str, slack: Slack, faulty: FaultyProxy):
    faulty.refuse(method, "missing_scope", needed="chat:write")
    with pytest.raises(NeedsPerson, match="the app lacks the scope chat:write"):
        CALLS[method](slack)


@every_method
def test_nobody_there_means_nothing_arrived(method: str):
    slack = Slack(OVER_HTTP.bot_token, f"http://127.0.0.1:{free_port()}/api/")
    with pytest.raises(Later, match="ConnectionRefusedError") as caught:
        CALLS[method](slack)
    assert (caught.value.why, caught.value.may_have_arrived) == ("unreachable", False)


def test_a_name_that_nobody_knows_means_nothing_arrived():
    with pytest.raises(Later) as caught:
        Slack("xoxb", "http://slack.invalid/api/").post(PR, CARD)
    assert not caught.value.may_have_arrived


def test_silence_is_given_up_in_time_and_may_hide_an_arrival(
    slack: Slack, faulty: FaultyProxy, slack_server: SlackServer
):
    faulty.hang("chat.postMessage", 3 * slack.web.timeout, arrives=True)
    began = time.monotonic()
    with pytest.raises(Later) as caught:
        slack.post(PR, CARD)
    assert time.monotonic() - began < slack.web.timeout + 1
    assert caught.value.may_have_arrived
    assert [one.text for one in slack.history(PR, "0")] == [CARD.text]


def test_a_server_that_accepts_and_never_answers_is_given_up(slack: Slack, slack_server: SlackServer):
    slack_server.freeze()
    try:
        began = time.monotonic()
        with pytest.raises(Later) as caught:
            slack.user(SARI)
        assert time.monotonic() - began < slack.web.timeout + 1
        assert caught.value.why == "unreachable"
    finally:
        slack_server.thaw()


def test_a_line_cut_before_the_answer_may_hide_an_arrival(slack: Slack, faulty: FaultyProxy):
    faulty.lose("chat.postMessage")
    with pytest.raises(Later) as caught:
        slack.post(PR, CARD)
    assert (caught.value.why, caught.value.may_have_arrived) == ("unreachable", True)
    assert len(list(slack.history(PR, "0"))) == 1


def test_slack_is_itself_again_after_an_absence(slack: Slack, faulty: FaultyProxy):
    faulty.stop()
    with pytest.raises(Later):
        slack.post(PR, CARD)
    faulty.start()
    slack.post(PR, CARD)


@pytest.mark.parametrize(
    ("error", "perhaps"),
    [
        ("fatal_error", True),
        ("internal_error", True),
        ("service_unavailable", False),
        ("ratelimited", False),
        ("team_added_to_org", False),
    ],
)
def test_what_passes_by_itself_is_for_later(error: str, perhaps: bool, slack: Slack, faulty: FaultyProxy):
    faulty.refuse("chat.postMessage", error)
    with pytest.raises(Later) as caught:
        slack.post(PR, CARD)
    assert (caught.value.why, caught.value.may_have_arrived) == (error, perhaps)


def test_a_page_for_people_in_the_place_of_an_answer_is_for_later(slack: Slack, faulty: FaultyProxy):
    faulty.fail("chat.postMessage", 200)
    with pytest.raises(Later) as caught:
        slack.post(PR, CARD)
    assert (caught.value.why, caught.value.may_have_arrived) == ("http_200", True)


def test_an_address_that_is_no_slack_needs_a_person(slack_server: SlackServer):
    with pytest.raises(NeedsPerson, match="http_404"):
        Slack("xoxb", f"{slack_server.url}/_control/nothing/").post(PR, CARD)


def test_a_wait_without_a_number_is_no_error(slack: Slack, faulty: FaultyProxy, monkeypatch):
    said = {"ok": False, "error": "ratelimited"}
    for value, least, most in [("soon", None, None), ("Sat, 01 Jan 2000 00:00:00 GMT", 0, 0), ("  4 ", 4, 4)]:
        faulty._fault("auth.test", 1, {}, lambda handler, body, value=value: (429, said, {"Retry-After": value}))
        with pytest.raises(Later) as caught:
            slack.ourselves()
        assert caught.value.seconds == least == most


def test_blocks_that_slack_refuses_are_bad_words_and_plain_ones_pass(slack: Slack, faulty: FaultyProxy):
    faulty.refuse("chat.postMessage", "invalid_blocks", times=None, with_blocks=True)
    with pytest.raises(BadWords, match="json-pointer:/blocks/0"):
        slack.post(PR, CARD)
    slack.post(PR, Said(CARD.text))


@pytest.mark.parametrize("error", ["msg_too_long", "msg_blocks_too_long", "invalid_blocks_format", "no_text"])
def test_what_is_too_long_or_empty_is_bad_words(error: str, slack: Slack, faulty: FaultyProxy):
    faulty.refuse("chat.update", error)
    with pytest.raises(BadWords) as caught:
        slack.update(Place(PR, "1.1"), CARD)
    assert caught.value.why == error


def test_a_view_that_slack_refuses_is_bad_words(slack: Slack, faulty: FaultyProxy):
    faulty.refuse("views.publish", "invalid_arguments")
    with pytest.raises(BadWords):
        slack.show_home(SARI, HOME)


@pytest.mark.parametrize("error", ["message_not_found", "cant_update_message", "edit_window_closed"])
def test_a_message_that_can_be_changed_no_more_is_not_there(error: str, slack: Slack, faulty: FaultyProxy):
    faulty.refuse("chat.update", error)
    with pytest.raises(NotThere) as caught:
        slack.update(Place(PR, "1.1"), CARD)
    assert caught.value.why == error


def test_what_somebody_deleted_is_not_there(slack: Slack):
    at = slack.post(PR, CARD)
    slack.remove(at)
    with pytest.raises(NotThere):
        slack.update(at, CARD)
    with pytest.raises(NotThere):
        slack.remove(at)


def test_a_click_of_long_ago_opens_nothing(slack: Slack, faulty: FaultyProxy):
    with pytest.raises(NotThere, match="invalid_trigger_id"):
        slack.open_view("1.1.x", modal())
    for error in ("expired_trigger_id", "exchanged_trigger_id"):
        faulty.refuse("views.open", error)
        with pytest.raises(NotThere):
            slack.open_view("1.1.x", modal())


def test_a_modal_that_was_closed_is_not_there(slack: Slack, faulty: FaultyProxy):
    faulty.refuse("views.update", "not_found")
    with pytest.raises(NotThere):
        slack.update_view("V1", modal())


@pytest.mark.parametrize("error", ["is_archived", "not_in_channel", "channel_not_found", "restricted_action"])
def test_a_channel_that_does_not_take_cards_needs_a_person_and_others_go_on(
    error: str, slack: Slack, faulty: FaultyProxy
):
    faulty.refuse("chat.postMessage", error, times=None, channel=PR)
    with pytest.raises(NeedsPerson) as caught:
        slack.post(PR, CARD)
    assert caught.value.why == error
    slack.post("C0LEGAL", CARD)


def test_a_channel_that_does_not_exist_needs_a_person(slack: Slack):
    with pytest.raises(NeedsPerson, match="channel_not_found"):
        slack.post("C0NONE", CARD)


def test_an_unknown_token_needs_a_person(faulty: FaultyProxy):
    with pytest.raises(NeedsPerson, match="invalid_auth"):
        Slack("xoxb-of-others", faulty.api_url).ourselves()


def test_one_client_serves_many_threads(slack: Slack, slack_server: SlackServer):
    with ThreadPoolExecutor(16) as pool:
        places = list(pool.map(lambda number: slack.post(PR, Said(f"kartu {number}")), range(64)))
    assert len({place.ts for place in places}) == 64
    assert {one["text"] for one in slack_server.cards(PR)} == {f"kartu {number}" for number in range(64)}


# Who is who


class Hours:
    """A clock of seconds that a test moves on."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def hours() -> Hours:
    return Hours()


@pytest.fixture
def workspace(slack: Slack, hours: Hours) -> Workspace:
    return Workspace(slack, hours)


def test_a_user_is_remembered_for_seconds(workspace: Workspace, faulty: FaultyProxy, hours: Hours):
    first = workspace.user(SARI)
    hours.now = 29.9
    assert workspace.user(SARI) is first
    assert faulty.counts()["users.info"] == 1
    hours.now = 30.1
    faulty.users[SARI] = {"deleted": True}
    again = workspace.user(SARI)
    assert again is not None
    assert again.gone


def test_a_change_that_slack_tells_is_taken_at_once(workspace: Workspace, faulty: FaultyProxy):
    workspace.user(SARI)
    faulty.users[SARI] = {"is_restricted": True}
    workspace.forget(SARI)
    found = workspace.user(SARI)
    assert found is not None
    assert found.guest


def test_a_change_told_while_slack_was_being_asked_is_taken_at_once(workspace: Workspace, faulty: FaultyProxy):
    workspace.team  # noqa: B018 - asked now, so that the only call on its way is the user's
    faulty.hang("users.info", 0.3)
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(workspace.user, SARI)
        until(lambda: not faulty.faults)
        faulty.users[SARI] = {"deleted": True}
        workspace.forget(SARI)
        with pytest.raises(Later):
            asked.result()
    found = workspace.user(SARI)
    assert found is not None
    assert found.gone


def test_a_crowd_asks_slack_once(workspace: Workspace, faulty: FaultyProxy):
    gate = threading.Barrier(20)

    def click(_: int) -> object:
        gate.wait()
        return workspace.user(SARI)

    with ThreadPoolExecutor(20) as pool:
        found = set(pool.map(click, range(20)))
    assert len(found) == 1
    assert faulty.counts()["users.info"] == 1


def test_a_crowd_waits_once_while_slack_is_silent_and_is_told_the_same(workspace: Workspace, faulty: FaultyProxy):
    workspace.team  # noqa: B018 - as above
    patience = workspace.slack.web.timeout
    faulty.hang("users.info", 2 * patience, times=None)
    gate = threading.Barrier(20)

    def click(_: int) -> str:
        gate.wait()
        with pytest.raises(Later) as caught:
            workspace.user(SARI)
        return caught.value.why

    began = time.monotonic()
    with ThreadPoolExecutor(20) as pool:
        assert set(pool.map(click, range(20))) == {"unreachable"}
    assert time.monotonic() - began < patience + 1.5
    faulty.mend()
    assert workspace.user(SARI) is not None


def test_nobody_of_this_id_is_none_and_silence_is_not(workspace: Workspace, faulty: FaultyProxy):
    assert workspace.user("U0NOBODY") is None
    faulty.refuse("users.info", "token_revoked")
    with pytest.raises(NeedsPerson):
        workspace.user(SARI)


@pytest.mark.parametrize(
    ("besides", "seen"),
    [
        ({"deleted": True}, "gone"),
        ({"is_restricted": True}, "guest"),
        ({"is_ultra_restricted": True}, "guest"),
        ({"is_bot": True}, "bot"),
        ({"is_workflow_bot": True}, "bot"),
        ({"is_stranger": True}, "stranger"),
        ({"team_id": "T0OTHERS"}, "stranger"),
    ],
)
def test_what_a_user_is(besides: dict[str, object], seen: str, workspace: Workspace, faulty: FaultyProxy):
    faulty.users[SARI] = besides
    found = workspace.user(SARI)
    assert found is not None
    kinds = ("gone", "guest", "bot", "stranger")
    assert [kind for kind in kinds if getattr(found, kind)] == [seen]


def test_a_colleague_of_the_same_enterprise_is_no_stranger(workspace: Workspace, faulty: FaultyProxy):
    faulty.users[SARI] = {"team_id": "T0SISTER", "enterprise_user": {"id": SARI, "teams": ["T0SISTER", TEAM]}}
    found = workspace.user(SARI)
    assert found is not None
    assert not found.stranger


@pytest.mark.parametrize(("locale", "language"), [("id-ID", "id"), ("in-ID", "id"), ("en-GB", None), ("fr-FR", "en")])
def test_the_language_of_a_reader(locale: str, language: str | None, workspace: Workspace, faulty: FaultyProxy):
    faulty.users[SARI] = {"locale": locale}
    assert workspace.language_of(SARI) == language


def test_no_language_is_known_while_slack_says_nothing(workspace: Workspace, faulty: FaultyProxy):
    faulty.fail("users.info", times=None)
    assert workspace.language_of(SARI) is None
    assert workspace.language_of("U0NOBODY") is None


def test_the_proxy_answers_in_slacks_own_shapes(slack: Slack, faulty: FaultyProxy, openapi: dict[str, object]):
    faulty.groups["S0LEGAL"] = [USERS["legal-ani"]]
    faulty.users[SARI] = {"deleted": True, "is_restricted": True, "is_stranger": True, "locale": "id-ID"}
    slack.group("S0LEGAL")
    slack.user(SARI)
    slack.unfurl(Place(PR, now_ts()), {"https://a.example": {"blocks": BLOCKS}})
    with pytest.raises(SlackTrouble):
        Slack("", faulty.api_url).group("S0LEGAL")
    for call in faulty.calls:
        assert call.answer is not None
        assert shape_problems(openapi, call.method, call.answer) == []
    # Slack's ids are longer than the made-up workspace's.
    user = json.loads(json.dumps(faulty.of("users.info")[0].answer["user"]).replace(TEAM, "T012AB3C4"))  # type: ignore[index]
    schema = openapi["definitions"]["objs_user"]["items"][0]  # type: ignore[index]
    assert list(validator(openapi, schema).iter_errors(user)) == []


def test_a_message_beyond_the_limits_is_a_violation(slack: Slack, faulty: FaultyProxy):
    slack.post(PR, Said("x", [{"type": "section", "text": {"type": "mrkdwn", "text": "x" * 3001}}]))
    assert any("3000" in one for one in faulty.violations)


@pytest.fixture(scope="module")
def openapi(shared: Path) -> dict[str, object]:
    """Slack's own description of its Web API."""
    return dict(json.loads((SPECS / "slack_web_openapi_v2.json").read_text()))


def validator(openapi: dict[str, object], schema: object):
    from jsonschema import Draft4Validator

    return Draft4Validator({**schema, "definitions": openapi["definitions"]})  # type: ignore[dict-item]


def shape_problems(openapi: dict[str, object], method: str, answer: dict[str, object]) -> list[str]:
    [operation] = openapi["paths"][f"/{method}"].values()  # type: ignore[index]
    response = operation["responses"]["200" if answer["ok"] else "default"]
    return [f"{method}: {error.message}" for error in validator(openapi, response["schema"]).iter_errors(answer)]


# Another server, stricter where local-slack looks away


class Strict:
    """`emulate`, whose tokens may do what they are allowed."""

    def __init__(self, home: Path) -> None:
        self.port = free_port()
        self.api_url = f"http://127.0.0.1:{self.port}/api/"
        self.log = home / "emulate.log"
        seed = home / "seed.yaml"
        tokens = {
            "xoxb-all": "chat:write,channels:read,channels:history,groups:read,groups:history,users:read",
            "xoxb-few": "users:read",
        }
        seed.write_text(
            yaml.safe_dump(
                {
                    "slack": {
                        "strict_scopes": True,
                        "channels": [{"name": "review-pr"}],
                        "tokens": [{"token": name, "type": "bot", "scopes": scopes} for name, scopes in tokens.items()],
                    }
                }
            )
        )
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                ["node", EMULATE, "start", "-s", "slack", "-p", str(self.port), "--seed", seed],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        until(self.answers, seconds=20)

    def answers(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        try:
            return self.ask("auth.test")["ok"] is True
        except requests.ConnectionError:
            return False

    def ask(self, method: str, **given: object) -> dict[str, object]:
        headers = {"Authorization": "Bearer xoxb-all"}
        return dict(requests.post(self.api_url + method, json=given, headers=headers, timeout=10).json())


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Strict]:
    if which("node") is None or not EMULATE.is_file():
        pytest.skip(f"emulate is not installed: {INSTALL}, with Node 20 or later")
    server = Strict(tmp_path_factory.mktemp("emulate"))
    yield server
    server.process.terminate()
    server.process.wait(timeout=20)


@pytest.fixture
def allowed(strict: Strict) -> Slack:
    return Slack("xoxb-all", strict.api_url)


@pytest.fixture
def channel(allowed: Slack) -> str:
    return str(next(one["id"] for one in allowed.channels() if one["name"] == "review-pr"))


def test_a_card_lives_on_another_server_too(allowed: Slack, channel: str):
    at = allowed.post(channel, CARD)
    allowed.update(at, Said("Disetujui"))
    found = read(allowed, at)
    assert found is not None
    assert found.text == "Disetujui"
    assert at.ts in [one.ts for one in allowed.history(channel, "0")]
    assert allowed.permalink(at).endswith(at.ts.replace(".", ""))
    allowed.remove(at)
    assert read(allowed, at) is None


def test_a_token_that_may_not_write_names_the_scope(strict: Strict, channel: str):
    with pytest.raises(NeedsPerson, match="lacks the scope chat:write") as caught:
        Slack("xoxb-few", strict.api_url).post(channel, CARD)
    assert caught.value.why == "missing_scope"


def test_another_server_has_the_same_words(allowed: Slack, channel: str):
    with pytest.raises(NotThere, match="message_not_found"):
        allowed.update(Place(channel, "1795326402.000001"), CARD)
    with pytest.raises(NeedsPerson, match="channel_not_found"):
        allowed.post("C0NONE", CARD)
    with pytest.raises(BadWords, match="no_text"):
        allowed.post(channel, Said(""))
    with pytest.raises(NotThere, match="invalid_trigger_id"):
        allowed.open_view("1.1.x", modal())
    with pytest.raises(NotThere, match="not_found"):
        allowed.update_view("V0NONE", modal())
    assert Workspace(allowed).user("U0NOBODY") is None


def test_a_trigger_opens_one_modal(strict: Strict, allowed: Slack):
    user = next(iter(allowed.users()))["id"]
    trigger = str(strict.ask("views.generateTriggerId", user_id=user)["trigger_id"])
    view = allowed.open_view(trigger, modal("Sebentar"))
    allowed.update_view(view, modal())
    with pytest.raises(NotThere, match="exchanged_trigger_id"):
        allowed.open_view(trigger, modal("Alur"))


def test_a_user_without_a_home_or_a_locale_is_read():
    found = read_user({"id": "U0SOMEBODY"}, TEAM)
    assert (found.name, found.stranger, found.language) == ("U0SOMEBODY", False, None)
