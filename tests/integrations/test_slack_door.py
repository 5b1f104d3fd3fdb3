"""What people click, type and write in Slack, through a real gateway and a real Slack server."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from factories import Life, grave, person
from slack_desk import AtSlack, at_slack, said
from slack_fixtures import slack_rules
from slack_server import CHANNELS, GENERAL, OUTSIDER, TEAM, USERS, SlackServer, needs_local_slack, now_ts, until
from sqlalchemy import select
from sqlmodel import col

from db.tables import Note, SlackReceipt
from db.words import Gate, Risk, State
from policy.slack import Confirm
from tasks.decide import draft_by_person
from tasks.listing import stops

pytest_plugins = ["lives", "slack_fixtures"]

A_CLICK = Confirm()
THREAT = "Draf ini: kami akan menempuh jalur hukum dan melaporkan Anda ke polisi."


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SlackServer]:
    """A Slack server that sends clicks to one fixed place, where each test's gateway listens."""
    needs_local_slack()
    running = SlackServer(tmp_path_factory.mktemp("slack")).start()
    yield running
    running.stop()


@pytest.fixture
def desk_in_slack(
    slack_life: Life, server: SlackServer, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[AtSlack]:
    """A desk whose gateway hears the server's clicks; approving needs no typed word, unless the test says so."""
    server.reset()
    assert server.request_url is not None
    port = int(server.request_url.split(":")[2].split("/")[0])
    slack_life.with_policy(slack=slack_rules(confirm=getattr(request, "param", A_CLICK)))
    with at_slack(slack_life, server, tmp_path, port=port) as here:
        yield here
        assert here.proxy.violations == []


def risky(here: AtSlack, text: str = "pengacara saya akan menggugat kalian") -> str:
    """A complaint whose draft waits for PR and Legal, with their cards shown."""
    reference = here.life.in_review(grave(here.life.assessor, text, Risk.LEGAL_THREAT, Risk.MEDIA))
    here.show()
    return reference


def plain(here: AtSlack) -> str:
    """A complaint whose draft waits for customer service alone, with its card shown."""
    reference = here.life.in_review()
    here.show()
    return reference


# Deciding


def test_an_approval_in_slack_publishes_the_words_on_the_card(desk_in_slack: AtSlack) -> None:
    reference = plain(desk_in_slack)

    desk_in_slack.press(Gate.CS, "cs-nia", "approve")
    desk_in_slack.life.publish()
    desk_in_slack.show()

    life = desk_in_slack.life
    decided = life.events(reference, "decided")[0]
    assert (decided.by, decided.typed_by) == ("cs-nia", f"slack:{USERS['cs-nia']}")
    assert life.delivery(reference).text == life.drafts(reference)[0].text
    assert life.state(reference) is State.RESPONDED


def test_a_decided_card_has_no_deciding_buttons_and_names_who_decided(desk_in_slack: AtSlack) -> None:
    plain(desk_in_slack)

    desk_in_slack.press(Gate.CS, "cs-nia", "approve")
    desk_in_slack.show()

    card = desk_in_slack.card(Gate.CS)
    assert not {"approve", "edit", "changes", "reject", "take_over"} & actions(card)
    assert USERS["cs-nia"] in said(card)
    assert len(desk_in_slack.rows()) == 1


def test_the_card_of_the_other_gate_says_who_has_decided_and_who_must(desk_in_slack: AtSlack) -> None:
    risky(desk_in_slack)

    desk_in_slack.press(Gate.PR, "pr-sari", "approve")
    desk_in_slack.show()

    assert USERS["pr-sari"] in said(desk_in_slack.card(Gate.LEGAL))
    assert "approve" in actions(desk_in_slack.card(Gate.LEGAL))


def test_a_stale_click_changes_nothing_and_says_who_decided(desk_in_slack: AtSlack) -> None:
    reference = plain(desk_in_slack)
    before = desk_in_slack.card(Gate.CS)
    value = next(one["value"] for one in buttons(before) if one["action_id"] == "approve")
    desk_in_slack.press(Gate.CS, "cs-nia", "approve")

    desk_in_slack.server.click(CHANNELS["cs"], before["ts"], USERS["cs-raka"], "approve", value, block="review")
    desk_in_slack.settled()

    assert [event.by for event in desk_in_slack.life.events(reference, "decided")] == ["cs-nia"]
    assert desk_in_slack.life.events(reference, "decision_refused")[0].data["why"] == "not_open"
    assert "cs-nia" in desk_in_slack.whispered(Gate.CS, "cs-raka") or USERS["cs-nia"] in desk_in_slack.whispered(
        Gate.CS, "cs-raka"
    )


def test_the_same_click_sent_twice_is_one_decision_and_no_refusal(desk_in_slack: AtSlack) -> None:
    reference = plain(desk_in_slack)
    payload = click_of(desk_in_slack, Gate.CS, "approve", USERS["cs-nia"])

    first = desk_in_slack.server.interact(payload)
    again = desk_in_slack.server.interact(payload, retry=1)
    desk_in_slack.settled()

    assert (first.status_code, again.status_code) == (200, 200)
    assert len(desk_in_slack.life.events(reference, "decided")) == 1
    assert desk_in_slack.life.events(reference, "decision_refused") == []


@pytest.mark.parametrize(("who", "why"), [(OUTSIDER, "unknown_person"), (USERS["legal-ani"], "not_a_member")])
def test_who_may_not_decide_is_told_in_private_and_stands_on_the_timeline(
    desk_in_slack: AtSlack, who: str, why: str
) -> None:
    reference = plain(desk_in_slack)

    desk_in_slack.press(Gate.CS, who, "approve")

    assert desk_in_slack.life.events(reference, "decision_refused")[0].data["why"] == why
    assert desk_in_slack.life.events(reference, "decided") == []
    assert desk_in_slack.server.whispers(CHANNELS["cs"], who)


@pytest.mark.parametrize(
    ("described", "why"),
    [
        ({"is_restricted": True}, "guest"),
        ({"is_ultra_restricted": True}, "guest"),
        ({"is_bot": True}, "bot"),
        ({"deleted": True}, "left"),
        ({"is_stranger": True, "team_id": "T09OTHER"}, "not_of_this_workspace"),
    ],
)
def test_guests_bots_leavers_and_strangers_decide_nothing(
    desk_in_slack: AtSlack, described: dict[str, Any], why: str
) -> None:
    reference = plain(desk_in_slack)
    desk_in_slack.proxy.users[USERS["cs-nia"]] = described

    desk_in_slack.press(Gate.CS, "cs-nia", "approve")

    assert desk_in_slack.life.events(reference, "decided") == []
    assert desk_in_slack.life.events(reference, "decision_refused")[0].data["why"] == why


def test_a_click_from_another_workspace_decides_nothing(desk_in_slack: AtSlack) -> None:
    reference = plain(desk_in_slack)
    payload = click_of(desk_in_slack, Gate.CS, "approve", USERS["cs-nia"], team="T09OTHER")

    desk_in_slack.server.interact(payload)
    desk_in_slack.settled()

    assert desk_in_slack.life.events(reference, "decided") == []


def test_nobody_decides_while_slack_cannot_say_who_they_are(desk_in_slack: AtSlack) -> None:
    reference = plain(desk_in_slack)
    desk_in_slack.proxy.fail("users.info", times=None)

    desk_in_slack.press(Gate.CS, "cs-nia", "approve")

    assert desk_in_slack.life.events(reference, "decided") == []
    assert desk_in_slack.life.events(reference, "decision_refused")[0].data["why"] == "cannot_tell"


@pytest.mark.parametrize("desk_in_slack", [Confirm(gates=(Gate.CS,))], indirect=True)
def test_a_high_risk_approval_is_typed(desk_in_slack: AtSlack) -> None:
    reference = plain(desk_in_slack)

    desk_in_slack.press(Gate.CS, "cs-nia", "approve")
    view = until(lambda: form(desk_in_slack, "approve"))
    wrong = desk_in_slack.hand_in("cs-nia", word="ya")
    right = desk_in_slack.hand_in("cs-nia", word=reference.lower())

    assert reference in said(view)
    assert list(wrong) == ["word"]
    assert right == {}
    assert [event.by for event in desk_in_slack.life.events(reference, "decided")] == ["cs-nia"]


def test_changes_and_rejections_need_a_reason(desk_in_slack: AtSlack) -> None:
    reference = plain(desk_in_slack)

    desk_in_slack.press(Gate.CS, "cs-nia", "changes")
    until(lambda: form(desk_in_slack, "changes"))
    empty = desk_in_slack.hand_in("cs-nia", note="   ")
    desk_in_slack.hand_in("cs-nia", note="Sebut nomor tiketnya.")

    assert list(empty) == ["note"]
    decided = desk_in_slack.life.rounds(reference)[0]
    assert decided.state == "changes"
    assert desk_in_slack.life.state(reference) is State.DRAFTING


def test_a_rejection_holds_the_complaint_with_its_reason(desk_in_slack: AtSlack) -> None:
    reference = plain(desk_in_slack)

    desk_in_slack.press(Gate.CS, "cs-nia", "reject")
    until(lambda: form(desk_in_slack, "reject"))
    desk_in_slack.hand_in("cs-nia", note="Jangan dijawab di sini.")
    desk_in_slack.show()

    assert desk_in_slack.life.complaint(reference).held_why == "rejected"
    assert "Jangan dijawab di sini." in said(desk_in_slack.card(Gate.CS))


# Editing


def test_an_edit_is_a_new_draft_which_a_colleague_approves(desk_in_slack: AtSlack) -> None:
    reference = plain(desk_in_slack)
    edited = "Halo, mohon maaf atas keterlambatan ini. Kami cek ke kurir sekarang; kabari kami lewat pesan pribadi, ya."

    desk_in_slack.press(Gate.CS, "cs-nia", "edit")
    until(lambda: form(desk_in_slack, "edit"))
    desk_in_slack.hand_in("cs-nia", text=edited)
    desk_in_slack.show()
    desk_in_slack.press(Gate.CS, "cs-nia", "approve")
    desk_in_slack.press(Gate.CS, "cs-raka", "approve")
    desk_in_slack.life.publish()

    life = desk_in_slack.life
    assert life.drafts(reference)[-1].author == "cs-nia"
    assert [event.data["why"] for event in life.events(reference, "decision_refused")] == ["own_words"]
    assert life.delivery(reference).text == edited


def test_a_voided_card_says_why_and_leads_to_the_new_one(desk_in_slack: AtSlack) -> None:
    reference = plain(desk_in_slack)

    draft_by_person(desk_in_slack.life.desk, reference, "Mohon maaf, kami cek sekarang.", person("cs-raka"))
    desk_in_slack.show()

    old, new = desk_in_slack.card(Gate.CS, 0), desk_in_slack.card(Gate.CS, 1)
    assert "approve" not in actions(old)
    assert "approve" in actions(new)
    assert new["ts"].replace(".", "") in str(old["blocks"])


def test_what_the_guardrails_block_is_shown_at_the_field_and_changes_nothing(desk_in_slack: AtSlack) -> None:
    reference = plain(desk_in_slack)

    desk_in_slack.press(Gate.CS, "cs-nia", "edit")
    until(lambda: form(desk_in_slack, "edit"))
    errors = desk_in_slack.hand_in("cs-nia", text=THREAT)

    assert "jalur hukum" in errors["text"]
    assert len(desk_in_slack.life.drafts(reference)) == 1
    assert desk_in_slack.life.state(reference) is State.IN_REVIEW


def test_the_words_of_the_draft_are_no_edit(desk_in_slack: AtSlack) -> None:
    reference = plain(desk_in_slack)

    desk_in_slack.press(Gate.CS, "cs-nia", "edit")
    until(lambda: form(desk_in_slack, "edit"))

    assert list(desk_in_slack.hand_in("cs-nia", text=desk_in_slack.life.drafts(reference)[0].text)) == ["text"]


def test_a_draft_too_long_for_slacks_input_comes_back_as_a_file(desk_in_slack: AtSlack) -> None:
    reference = desk_in_slack.life.in_review(channel="web")
    long = " ".join(f"Kalimat nomor {number} dari jawaban yang panjang sekali." for number in range(1, 90))
    draft_by_person(desk_in_slack.life.desk, reference, long, person("cs-raka"))
    desk_in_slack.show()
    file = desk_in_slack.server.upload(GENERAL, USERS["cs-nia"], "jawaban.txt", b"Mohon maaf, kami cek sekarang juga.")

    desk_in_slack.press(Gate.CS, "cs-nia", "edit")
    until(lambda: form(desk_in_slack, "edit"))
    desk_in_slack.hand_in("cs-nia", file={"type": "file_input", "files": [file]})

    assert desk_in_slack.life.drafts(reference)[-1].text == "Mohon maaf, kami cek sekarang juga."
    assert desk_in_slack.life.drafts(reference)[-1].author == "cs-nia"


def test_who_takes_over_writes_the_answer_themselves(desk_in_slack: AtSlack) -> None:
    reference = plain(desk_in_slack)

    desk_in_slack.press(Gate.CS, "cs-nia", "take_over")
    desk_in_slack.show()
    desk_in_slack.press(Gate.CS, "cs-nia", "write")
    until(lambda: form(desk_in_slack, "write"))
    desk_in_slack.hand_in("cs-nia", text="Mohon maaf, paketnya kami kirim ulang hari ini.")

    life = desk_in_slack.life
    assert life.complaint(reference).owner == "cs-nia"
    assert life.state(reference) is State.IN_REVIEW
    assert life.drafts(reference)[-1].author == "cs-nia"


# Reading


def test_personal_data_is_covered_until_somebody_reveals_it_for_themselves_and_that_is_written_down(
    desk_in_slack: AtSlack,
) -> None:
    reference = desk_in_slack.life.in_review("Paket saya belum datang, hubungi saya di 0812-9876-5432 ya")
    desk_in_slack.show()
    covered = said(desk_in_slack.card(Gate.CS))

    desk_in_slack.press(Gate.CS, "cs-nia", "reveal")
    revealed = until(lambda: shown(desk_in_slack, "0812-9876-5432"))

    assert "0812-9876-5432" not in covered
    assert revealed
    assert [event.by for event in desk_in_slack.life.events(reference, "revealed")] == ["cs-nia"]
    assert "0812-9876-5432" not in said(desk_in_slack.card(Gate.CS))


def test_an_outsider_reveals_nothing(desk_in_slack: AtSlack) -> None:
    reference = desk_in_slack.life.in_review("Paket saya belum datang, hubungi saya di 0812-9876-5432 ya")
    desk_in_slack.show()

    desk_in_slack.press(Gate.CS, OUTSIDER, "reveal")
    until(lambda: desk_in_slack.server.modal() and "callback_id" in desk_in_slack.server.modal())

    assert desk_in_slack.life.events(reference, "revealed") == []
    assert "0812-9876-5432" not in said(desk_in_slack.server.modal())


@pytest.mark.parametrize("action", ["full_text", "timeline"])
def test_the_whole_talk_and_the_timeline_open_in_a_window(desk_in_slack: AtSlack, action: str) -> None:
    plain(desk_in_slack)

    desk_in_slack.press(Gate.CS, "cs-nia", action)

    assert until(lambda: shown(desk_in_slack, "belum" if action == "full_text" else "202"))


def test_a_window_over_a_decided_card_says_that_it_is_over(desk_in_slack: AtSlack) -> None:
    plain(desk_in_slack)
    payload = click_of(desk_in_slack, Gate.CS, "edit", USERS["cs-raka"])
    desk_in_slack.press(Gate.CS, "cs-nia", "approve")

    trigger = desk_in_slack.server.a_trigger(USERS["cs-raka"])
    desk_in_slack.server.interact({**payload, "trigger_id": trigger})

    assert until(lambda: shown(desk_in_slack, USERS["cs-nia"]) or shown(desk_in_slack, "cs-nia"))
    assert form(desk_in_slack, "edit") is None


def test_who_may_not_decide_gets_no_window_to_do_so(desk_in_slack: AtSlack) -> None:
    reference = plain(desk_in_slack)

    desk_in_slack.press(Gate.CS, "legal-ani", "edit")
    until(lambda: desk_in_slack.life.events(reference, "decision_refused"))

    assert [event.data["why"] for event in desk_in_slack.life.events(reference, "decision_refused")] == ["not_a_member"]
    assert form(desk_in_slack, "edit") is None


# The thread


def test_what_is_written_in_the_thread_is_a_note_and_reaches_no_customer(desk_in_slack: AtSlack) -> None:
    reference = plain(desk_in_slack)

    desk_in_slack.server.say(
        CHANNELS["cs"], USERS["cs-raka"], "Saya cek ke gudang &amp; kurir", thread=thread(desk_in_slack)
    )
    until(lambda: notes(desk_in_slack))
    desk_in_slack.press(Gate.CS, "cs-nia", "approve")
    desk_in_slack.life.publish()

    assert [(note.by, note.text) for note in notes(desk_in_slack)] == [("cs-raka", "Saya cek ke gudang & kurir")]
    assert all("gudang" not in delivery.text for delivery in desk_in_slack.life.deliveries(reference))


def test_edits_and_removals_in_the_thread_are_followed(desk_in_slack: AtSlack) -> None:
    plain(desk_in_slack)
    ts = thread(desk_in_slack)
    written = desk_in_slack.server.say(CHANNELS["cs"], USERS["cs-raka"], "Gudang A", thread=ts)
    until(lambda: notes(desk_in_slack))

    desk_in_slack.server.edit(CHANNELS["cs"], written["ts"], USERS["cs-raka"], "Gudang B")
    until(lambda: notes(desk_in_slack)[0].text == "Gudang B")
    desk_in_slack.server.delete(CHANNELS["cs"], written["ts"], USERS["cs-raka"])

    until(lambda: notes(desk_in_slack)[0].removed_at)
    assert notes(desk_in_slack)[0].text == ""


def test_a_memo_on_a_note_makes_it_a_draft_that_neither_of_the_two_decides(desk_in_slack: AtSlack) -> None:
    reference = plain(desk_in_slack)
    ts = thread(desk_in_slack)
    words = "Mohon maaf, paketnya sudah di kurir dan kami pantau."
    written = desk_in_slack.server.say(CHANNELS["cs"], USERS["cs-raka"], words, thread=ts)
    until(lambda: notes(desk_in_slack))

    desk_in_slack.server.react(CHANNELS["cs"], written["ts"], USERS["cs-nia"], "memo")
    until(lambda: len(desk_in_slack.life.drafts(reference)) == 2)
    desk_in_slack.show()
    for somebody in ("cs-raka", "cs-nia", "cs-lead"):
        desk_in_slack.press(Gate.CS, somebody, "approve")

    life = desk_in_slack.life
    assert (life.drafts(reference)[-1].author, life.drafts(reference)[-1].text) == ("cs-raka", words)
    assert [event.by for event in life.events(reference, "decided")] == ["cs-lead"]
    assert [event.by for event in life.events(reference, "decision_refused")] == ["cs-raka", "cs-nia"]


def test_the_shortcut_makes_a_draft_of_a_message_in_the_thread(desk_in_slack: AtSlack) -> None:
    reference = plain(desk_in_slack)
    ts = thread(desk_in_slack)
    words = "Mohon maaf, kami kirim ulang paketnya."

    desk_in_slack.server.interact(shortcut(desk_in_slack, ts, words))
    desk_in_slack.settled()

    assert desk_in_slack.life.drafts(reference)[-1].text == words


def test_a_message_that_calls_a_colleague_becomes_no_draft(desk_in_slack: AtSlack) -> None:
    reference = plain(desk_in_slack)

    desk_in_slack.server.interact(shortcut(desk_in_slack, thread(desk_in_slack), "<@U0NIA> tolong jawab ini"))
    desk_in_slack.settled()

    assert len(desk_in_slack.life.drafts(reference)) == 1


def test_talk_outside_of_a_cards_thread_is_nobodys_note(desk_in_slack: AtSlack) -> None:
    plain(desk_in_slack)

    desk_in_slack.server.say(CHANNELS["cs"], USERS["cs-raka"], "makan siang di mana?")
    other = desk_in_slack.server.say(GENERAL, USERS["cs-raka"], "di bawah")
    desk_in_slack.server.say(GENERAL, USERS["cs-nia"], "ikut", thread=other["ts"])
    desk_in_slack.server.command(CHANNELS["cs"], USERS["cs-nia"], "status")
    desk_in_slack.settled()

    assert notes(desk_in_slack) == []


# Commands and Home


def test_the_inbox_shows_what_this_person_may_decide(desk_in_slack: AtSlack) -> None:
    reference = risky(desk_in_slack)

    answers = {name: commanded(desk_in_slack, name, "inbox") for name in ("pr-sari", "cs-nia")}

    assert reference in answers["pr-sari"]
    assert reference not in answers["cs-nia"]


def test_a_case_in_short(desk_in_slack: AtSlack) -> None:
    reference = plain(desk_in_slack)

    assert reference in commanded(desk_in_slack, "cs-nia", f"case {reference.lower()}")
    assert "TG-9" in commanded(desk_in_slack, "cs-nia", "case TG-9")


def test_assigning_by_mention_gives_the_complaint_an_owner(desk_in_slack: AtSlack) -> None:
    reference = plain(desk_in_slack)

    commanded(desk_in_slack, "cs-nia", f"assign {reference} <@{USERS['cs-raka']}|raka>")

    assert desk_in_slack.life.complaint(reference).owner == "cs-raka"


def test_resolving_wants_to_know_how(desk_in_slack: AtSlack) -> None:
    reference = desk_in_slack.life.responded()

    without = commanded(desk_in_slack, "cs-nia", f"resolve {reference}")
    commanded(desk_in_slack, "cs-nia", f"resolve {reference} paket sudah diantar")

    assert "/tanggap resolve" in without
    assert desk_in_slack.life.state(reference) is State.RESOLVED


def test_only_executives_stop_publishing_from_slack(desk_in_slack: AtSlack) -> None:
    refused = commanded(desk_in_slack, "pr-sari", "pause publishing templat salah")
    standing = stops(desk_in_slack.life.desk)
    commanded(desk_in_slack, "exec-rini", "pause publishing templat salah")
    thrown = stops(desk_in_slack.life.desk)
    commanded(desk_in_slack, "exec-rini", "resume publishing sudah benar")

    assert refused
    assert standing == []
    assert [(stop.scope, stop.thrown_by, stop.reason) for stop in thrown] == [("all", "exec-rini", "templat salah")]
    assert stops(desk_in_slack.life.desk) == []


def test_whoever_covers_for_somebody_away_decides_in_their_place(desk_in_slack: AtSlack) -> None:
    reference = risky(desk_in_slack)

    commanded(desk_in_slack, "legal-ani", f"away until 3d cover <@{USERS['legal-doni']}>")
    desk_in_slack.press(Gate.LEGAL, "legal-doni", "approve")

    assert [event.by for event in desk_in_slack.life.events(reference, "decided")] == ["legal-doni"]


def test_everybody_is_spoken_to_in_the_language_they_asked_for(desk_in_slack: AtSlack) -> None:
    before = commanded(desk_in_slack, "cs-nia", "help")
    commanded(desk_in_slack, "cs-nia", "language en")

    assert "Yang dipahami" in before
    assert "understands" in commanded(desk_in_slack, "cs-nia", "help")
    assert "Yang dipahami" in commanded(desk_in_slack, "cs-raka", "help")


def test_unknown_words_get_help(desk_in_slack: AtSlack) -> None:
    for words in ("", "help", "buatkan kopi", "case"):
        assert "/tanggap" in commanded(desk_in_slack, "cs-nia", words), words


def test_home_shows_what_waits_and_keeps_its_filters(desk_in_slack: AtSlack) -> None:
    reference = risky(desk_in_slack)
    user = USERS["pr-sari"]
    desk_in_slack.server.open_home(user)
    first = until(lambda: desk_in_slack.server.home_page(user))

    choice = {"text": {"type": "plain_text", "text": "S4"}, "value": "S4"}
    desk_in_slack.server.click_home(
        user, {"type": "static_select", "action_id": "home_severity", "block_id": "f", "selected_option": choice}
    )
    until(lambda: reference not in said(desk_in_slack.server.home_page(user)))
    desk_in_slack.server.open_home(user)

    assert reference in said(first)
    assert reference not in said(desk_in_slack.server.home_page(user))


def test_home_tells_a_stranger_which_id_must_be_written_down(desk_in_slack: AtSlack) -> None:
    desk_in_slack.server.open_home(OUTSIDER)

    assert OUTSIDER in said(until(lambda: desk_in_slack.server.home_page(OUTSIDER)))


def test_a_link_to_a_complaint_unfurls_in_a_gates_channel_only(desk_in_slack: AtSlack) -> None:
    reference = plain(desk_in_slack)
    url = f"http://127.0.0.1:4200/artifacts/key/{reference.lower()}"

    for channel in (CHANNELS["cs"], GENERAL):
        desk_in_slack.server.deliver(
            {
                "type": "link_shared", "channel": channel, "user": USERS["cs-nia"], "message_ts": "1.1",
                "links": [{"domain": "127.0.0.1", "url": url}],
            }
        )  # fmt: skip
    until(lambda: desk_in_slack.proxy.of("chat.unfurl"))

    calls = desk_in_slack.proxy.of("chat.unfurl")
    assert [call.given["channel"] for call in calls] == [CHANNELS["cs"]]
    assert reference in str(calls[0].given["unfurls"])


# Whom the gateway believes


def test_old_and_forged_signatures_are_refused(desk_in_slack: AtSlack) -> None:
    reference = plain(desk_in_slack)
    payload = click_of(desk_in_slack, Gate.CS, "approve", USERS["cs-nia"])

    old = desk_in_slack.server.interact(payload, at=time.time() - 301)
    forged = desk_in_slack.server.interact(payload, secret="somebody else's")
    assert desk_in_slack.server.request_url is not None
    unsigned = requests.post(desk_in_slack.server.request_url, data={"payload": "{}"}, timeout=10)

    assert [answer.status_code for answer in (old, forged, unsigned)] == [401, 401, 401]
    assert desk_in_slack.life.events(reference, "decided") == []


def test_a_get_decides_nothing(desk_in_slack: AtSlack) -> None:
    assert desk_in_slack.server.request_url is not None

    assert requests.get(desk_in_slack.server.request_url, timeout=10).status_code in (404, 405)


def test_what_a_person_did_is_forgotten_when_it_is_done(desk_in_slack: AtSlack) -> None:
    plain(desk_in_slack)
    desk_in_slack.press(Gate.CS, "cs-nia", "approve")

    with desk_in_slack.life.desk.transaction() as session:
        receipts = list(session.execute(select(SlackReceipt)).scalars())

    assert receipts
    assert all(receipt.act is None and receipt.done_at is not None for receipt in receipts)


# Helpers


def actions(message: dict[str, Any]) -> set[str]:
    return {one["action_id"] for one in buttons(message)}


def buttons(message: dict[str, Any]) -> list[dict[str, Any]]:
    return [one for block in message["blocks"] if block["type"] == "actions" for one in block["elements"]]


def form(here: AtSlack, callback: str) -> dict[str, Any] | None:
    """The modal on top, once it is the filled one with this callback."""
    view = here.server.modal()
    return view if view and view["callback_id"] == callback and "submit" in view else None


def shown(here: AtSlack, words: str) -> bool:
    view = here.server.modal()
    return view is not None and words in said(view)


def thread(here: AtSlack) -> str:
    return str(here.card(Gate.CS)["ts"])


def notes(here: AtSlack) -> list[Note]:
    with here.life.desk.transaction() as session:
        return list(session.execute(select(Note).order_by(col(Note.id))).scalars())


def commanded(here: AtSlack, who: str, words: str) -> str:
    """Type a command; what the desk answers in private."""
    channel = CHANNELS["cs"]
    before = len(here.server.whispers(channel, USERS[who]))
    here.server.command(channel, USERS[who], words)
    here.settled()
    until(lambda: len(here.server.whispers(channel, USERS[who])) > before)
    return said(here.server.whispers(channel, USERS[who])[-1])


def click_of(here: AtSlack, gate: Gate, action: str, user: str, team: str = TEAM) -> dict[str, Any]:
    card = here.card(gate)
    button = next(one for one in buttons(card) if one["action_id"] == action)
    channel = CHANNELS[gate.value]
    return {
        "type": "block_actions",
        "user": {"id": user, "team_id": team},
        "channel": {"id": channel, "name": gate.value},
        "container": {"type": "message", "channel_id": channel, "message_ts": card["ts"]},
        "message": {"ts": card["ts"], "text": ""},
        "trigger_id": "1.1.x",
        "response_url": "",
        "actions": [
            {
                "type": "button", "action_id": action, "block_id": "b", "value": button["value"],
                "action_ts": now_ts(),
            }
        ],
    }  # fmt: skip


def shortcut(here: AtSlack, ts: str, words: str) -> dict[str, Any]:
    return {
        "type": "message_action",
        "callback_id": "propose_draft",
        "user": {"id": USERS["cs-nia"], "team_id": TEAM},
        "channel": {"id": CHANNELS["cs"], "name": "cs"},
        "message": {"type": "message", "user": USERS["cs-raka"], "ts": "9.9", "thread_ts": ts, "text": words},
        "message_ts": "9.9",
        "response_url": "",
    }
