"""A review's message in Slack: what stands on it in every state, and that Slack takes it whatever the customer wrote."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from slack_drawing import (
    HASH,
    LANGUAGES,
    NOW,
    a_card,
    cards,
    decided,
    every_state,
    must_be_quiet,
    must_fit,
    must_follow,
    texts_of,
    void,
)

from integrations.slack.card import digest, draw, draw_plain, draw_stub, parse_value
from integrations.slack.client import Said
from integrations.slack.showing import Card, GateStands
from integrations.slack.wording import moment, say

MANY = settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))


def actions_of(said: Said) -> list[str]:
    """The buttons of a message, in order."""
    return [
        element["action_id"] for block in said.blocks if block["type"] == "actions" for element in block["elements"]
    ]


def words_of(said: Said) -> str:
    """All that is written on a message."""
    return "\n".join(text["text"] for text in texts_of(list(said.blocks)))


def every_message() -> Iterator[Said]:
    """The messages of every state in both languages."""
    for language in LANGUAGES:
        for card in every_state():
            yield draw(replace(card, language=language))
            yield draw_plain(replace(card, language=language))
        for outcome in ("open", "approve", "changes", "reject", "void", "withdrawn"):
            yield draw_stub("TG-1042", "pr", outcome, language)


def test_slack_takes_a_card_of_every_state() -> None:
    for said in every_message():
        must_fit(said)


def test_a_card_of_every_state_follows_slacks_published_schema(slack_schema: Mapping[str, Any]) -> None:
    for said in every_message():
        must_follow(said, slack_schema)


@given(card=cards())
@MANY
def test_slack_takes_a_card_whatever_was_written(card: Card) -> None:
    must_fit(draw(card))
    must_fit(draw_plain(card))


@given(card=cards())
@MANY
def test_a_card_follows_slacks_published_schema_whatever_was_written(
    card: Card, slack_schema: Mapping[str, Any]
) -> None:
    must_follow(draw(card), slack_schema)


@given(card=cards())
@MANY
def test_nothing_that_others_wrote_acts_on_a_card(card: Card) -> None:
    said = draw(card)

    must_be_quiet(said.text)
    for text in texts_of(list(said.blocks)):
        if text["type"] == "mrkdwn":
            must_be_quiet(text["text"])


@given(card=cards())
@MANY
def test_a_lock_screen_shows_nobodys_words(card: Card) -> None:
    bare = replace(card, complaint="", draft="", note=None, findings=(), translation=None)

    assert draw(card).text == draw(bare).text


def test_an_open_card_says_what_it_takes_to_decide() -> None:
    card = a_card(escalated_to="U02BUDI")

    said = words_of(draw(card))

    for told in (
        "🟠 S2 · TG-1042 · Humas",
        moment(card.deadline),
        "<@U02BUDI>",
        "Tagihan · sangat marah",
        "uang kembali",
        "ancaman hukum, regulator",
        "langkah hukum diumumkan",
        "“kuasa hukum saya” (ancaman hukum), “dipotong dua kali”",
        "12.400 pengikut",
        "dilihat 250.000 kali",
        "3 keluhan sebelumnya (2 dijawab, 1 kali tidak puas)",
        "> Saldo saya dipotong dua kali!",
        "Mohon maaf atas tagihan ganda ini.",
        "Ini janji waktu.",
        "Ditujukan ke *X*, publik",
        "Legal: menunggu",
        "<https://x.com/siti/status/1|Unggahan asli>",
    ):
        assert told in said


def test_an_open_card_can_be_decided_taken_and_read() -> None:
    assert actions_of(draw(a_card())) == [
        "approve", "edit", "changes", "reject", "take_over", "full_text", "reveal", "timeline",
    ]  # fmt: skip


def test_nothing_is_offered_to_be_revealed_where_nothing_is_covered() -> None:
    assert "reveal" not in actions_of(draw(a_card(covered=False)))


@pytest.mark.parametrize("card", [card for card in every_state() if card.state != "open"])
def test_once_it_is_over_nobody_is_asked_to_decide(card: Card) -> None:
    for said in (draw(card), draw_plain(card)):
        assert not {"approve", "edit", "changes", "reject", "take_over"} & set(actions_of(said))


def test_a_button_carries_the_review_and_the_hash_of_its_words() -> None:
    block = next(block for block in draw(a_card()).blocks if block["type"] == "actions")

    assert block["block_id"] == "review:12"
    assert parse_value(block["elements"][0]["value"]) == (12, HASH)


@pytest.mark.parametrize("value", ["", "12", "12:", f"x:{HASH}", f"12:{HASH}0", f"0:{HASH}", f"12:{HASH}\n", "12:<b>"])
def test_a_value_that_is_not_ours_is_no_review(value: str) -> None:
    assert parse_value(value) is None


def test_a_look_at_the_facts_says_that_it_is_no_look_at_the_wording() -> None:
    said = draw(a_card(gate="cs", purpose="facts", language="en"))

    assert "Confirm the facts only, not the wording" in words_of(said)
    assert "Facts are right" in words_of(said)


def test_a_late_card_says_so_first() -> None:
    said = draw(a_card(late=True))

    assert said.blocks[1]["text"]["text"].startswith(":warning: *Terlambat.*")


def test_a_long_complaint_is_shown_from_its_beginning_with_the_way_to_all_of_it() -> None:
    said = draw(a_card(complaint="Kecewa sekali. " * 700, language="en"))

    quoted = next(block for block in said.blocks if "The customer wrote" in json.dumps(block))
    assert 700 < len(quoted["text"]["text"]) < 1_200
    assert "shortened from 10,500 characters, *Full text* shows everything" in words_of(said)


def test_a_complaint_of_many_lines_does_not_push_the_draft_away() -> None:
    said = draw(a_card(complaint="\n".join("ya" for _ in range(400))))

    quoted = next(block for block in said.blocks if "Pelanggan menulis" in json.dumps(block))
    assert quoted["text"]["text"].count("\n") <= 16


def test_slack_markup_in_a_complaint_stands_there_as_it_was_written() -> None:
    said = words_of(draw(a_card(complaint="<!channel> *tebal* @here :rage:")))

    assert "> &lt;!channel&gt; ∗tebal∗ @\u2060here :\u2060rage:" in said


def test_a_decided_card_names_who_when_and_why() -> None:
    said = words_of(draw(decided("changes")))

    assert f"*Diminta perbaikan* oleh <@U01SARI>, {moment(decided().decided_at or NOW)}" in said
    assert "> Sebut nomor tiketnya." in said
    assert say("id", "came_redraft") in said


def test_an_approved_card_waits_for_the_other_gates_by_name() -> None:
    card = decided(
        round_state="open", gates=(GateStands("pr", "decided", verdict="approve"), GateStands("legal", "open"))
    )

    assert "Terbit bila yang lain juga setuju: Legal." in words_of(draw(card))


def test_a_published_answer_is_linked() -> None:
    card = decided(published_at=NOW, published_url="https://x.com/t/9", complaint_state="responded")

    assert "<https://x.com/t/9|Lihat di sana>" in words_of(draw(card))


def test_an_answer_to_be_posted_by_hand_says_how() -> None:
    assert "`tanggap posted TG-1042 URL`" in words_of(draw(decided(by_hand=True)))


def test_a_void_approval_says_why_and_where_to_go_on() -> None:
    card = decided(round_state="void", void_why="new_message", next_card="https://t.slack.com/archives/C1/p1")

    said = words_of(draw(card))

    assert "*Persetujuan ini tidak berlaku lagi.* Pelanggan menulis lagi." in said
    assert "<https://t.slack.com/archives/C1/p1|Buka kartu yang baru>" in said


def test_an_approval_that_another_gate_undid_names_that_gate() -> None:
    gates = (GateStands("pr", "decided", verdict="approve"), GateStands("legal", "decided", verdict="reject"))

    assert "Legal menolak draf ini." in words_of(draw(decided(round_state="rejected", gates=gates)))


def test_a_reason_without_words_of_its_own_is_still_told() -> None:
    assert "(somethingnew)" in words_of(draw(void("somethingnew")))


def test_whoever_took_it_over_can_write_while_nobody_else_answers() -> None:
    held = void("taken_over", taken_by="U02BUDI", complaint_state="held")

    assert "write" in actions_of(draw(held))
    assert "<@U02BUDI> menjawabnya sendiri" in words_of(draw(held))
    assert "write" not in actions_of(draw(replace(held, complaint_state="in_review")))
    assert "write" not in actions_of(draw(replace(held, next_card="https://t.slack.com/archives/C1/p1")))


def test_the_plain_card_has_none_of_anybodys_words_and_can_be_decided() -> None:
    said = draw_plain(a_card(because="SECRET", complaint="SECRET", draft="SECRET", note="SECRET"))

    assert "SECRET" not in json.dumps(said.blocks)
    assert "approve" in actions_of(said)


def test_a_stub_keeps_reference_and_outcome_only() -> None:
    said = draw_stub("TG-1042", "pr", "approve", "en")

    assert said.text == "TG-1042 · PR · approved"
    assert actions_of(said) == []


def test_an_address_that_no_browser_should_open_is_no_link() -> None:
    assert "javascript" not in json.dumps(draw(a_card(original_url="javascript:alert(1)")).blocks)


def test_a_card_leads_to_the_ticket_on_which_its_complaint_stands() -> None:
    drawn = json.dumps(
        draw(a_card(original_url=None, ticket_url="https://rt.example/Ticket/Display.html?id=12")).blocks
    )

    assert "https://rt.example/Ticket/Display.html?id=12" in drawn


def test_the_same_card_is_drawn_the_same() -> None:
    assert digest(draw(a_card())) == digest(draw(a_card()))
    assert digest(draw(a_card())) != digest(draw(a_card(late=True)))
