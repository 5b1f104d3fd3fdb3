"""The windows, the Home page, lists and notices in Slack: what stands in them, and that Slack takes them."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from slack_drawing import (
    HASH,
    LANGUAGES,
    NASTY,
    NOW,
    a_card,
    cards,
    every_state,
    must_be_quiet,
    must_fit,
    must_fit_view,
    must_follow,
    texts_of,
    words,
)

from integrations.slack.client import Said
from integrations.slack.home import draw_home
from integrations.slack.lists import draw_case, draw_help, draw_inbox, draw_notice, draw_status, unfurl_case
from integrations.slack.modals import (
    approve_modal,
    edit_modal,
    read_metadata,
    reason_modal,
    refusal_modal,
    result_modal,
    skeleton,
    text_modal,
    timeline_modal,
)
from integrations.slack.showing import (
    Card,
    CaseSeen,
    DecidedLine,
    DeskState,
    Filters,
    GateStands,
    Home,
    Language,
    MessageSeen,
    NoticeSeen,
    TimelineLine,
    Waiting,
)

View = Mapping[str, Any]
MANY = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
LONG = "Kecewa & marah < sekali > . " * 4_000
CARD_URL = "https://t.slack.com/archives/C1/p1"
TITLES = ("approve", "edit", "write", "changes", "reject", "full_text", "reveal", "timeline", "working")


def a_message(text: str = "Mana uang saya?", *, inbound: bool = True, author: str = "S•••") -> MessageSeen:
    return MessageSeen(NOW, inbound, "public", author, text)


def a_wait(reference: str = "TG-1042", *, late: bool = False, excerpt: str = "Mana uang saya?") -> Waiting:
    return Waiting(12, reference, "pr", "S2", ("regulator",), "x", NOW, late, excerpt, CARD_URL)


def a_home(**changes: Any) -> Home:
    home = Home(
        person="pr-sari",
        known=True,
        user_id="U01SARI",
        gates=("pr", "legal"),
        language="id",
        filters=Filters(),
        waiting=(a_wait(late=True), a_wait("TG-1043")),
        more_waiting=0,
        decided=(DecidedLine("TG-1031", "pr", "approve", NOW, "responded"),),
        desk=a_desk(),
        at=NOW,
    )
    return replace(home, **changes)


def a_desk(**changes: Any) -> DeskState:
    return replace(DeskState(9, 1, 2, 3, 0, (), 0), **changes)


def a_case(**changes: Any) -> CaseSeen:
    case = CaseSeen(
        reference="TG-1042",
        state="held",
        severity="S2",
        kind="complaint",
        category="billing",
        risks=("regulator",),
        channel="x",
        owner="cs-nia",
        opened_at=NOW,
        answer_by=NOW,
        late=True,
        excerpt="Mana uang saya?",
        gates=(GateStands("pr", "open"),),
        cards=(CARD_URL,),
        timeline_url="http://127.0.0.1:4200/artifacts/key/tg-1042",
        held_why="rejected",
    )
    return replace(case, **changes)


def windows(card: Card, talk: str, language: Language) -> Iterator[View]:
    """Every window over a card."""
    yield approve_modal(card)
    yield edit_modal(card, writing=False)
    yield edit_modal(card, writing=True)
    yield reason_modal(card, "changes")
    yield reason_modal(card, "reject")
    yield text_modal(card, [a_message(talk, author=talk[:50]), a_message(talk, inbound=False)], card.draft)
    yield timeline_modal(card.reference, [TimelineLine(NOW, "decided", "U01SARI", talk[:300], talk)], language)


def pages(language: Language) -> Iterator[View]:
    """Home pages and windows of our own words."""
    yield draw_home(a_home(language=language))
    yield draw_home(a_home(language=language, known=False))
    yield draw_home(a_home(language=language, gates=(), waiting=(), decided=()))
    yield draw_home(a_home(language=language, waiting=(), filters=Filters("legal", "S1", True)))
    yield draw_home(a_home(language=language, waiting=(a_wait(),) * 200, more_waiting=7, decided=a_home().decided * 90))
    yield draw_home(a_home(language=language, away_until=NOW, cover="legal-ani", covers_for=("pr-budi", "U02BUDI")))
    yield draw_home(a_home(language=language, away_until=NOW, desk=a_desk(stopped=("all", "channel:x", "incident:3"))))
    for title in TITLES:
        yield skeleton(title, language)
    yield result_modal("*TG-1042*", language)
    yield refusal_modal("Tidak.", language)
    yield timeline_modal("TG-1042", [], language)


def messages(language: Language, excerpt: str = "Mana uang saya?") -> Iterator[Said]:
    """Answers to commands and notices."""
    wait = a_wait(excerpt=excerpt)
    yield draw_inbox([], language)
    yield draw_inbox([wait] * 60, language)
    yield draw_status(a_desk(stopped=("channel:web",), backlog=1), language)
    yield draw_help(language)
    yield draw_case(a_case(excerpt=excerpt), language)
    yield draw_case(a_case(severity=None, answer_by=None, held_why=None, gates=(), cards=(), owner=None), language)
    unfurled = unfurl_case(a_case(excerpt=excerpt, owner=excerpt or "x"), language)
    yield Said("TG-1042", unfurled["blocks"])
    for kind in ("reminder", "escalation"):
        for what in ("review", "answer", "held", "unposted", "unheard of"):
            yield draw_notice(
                NoticeSeen(
                    kind, language, {"what": what}, "TG-1042", "pr", "S2", NOW, CARD_URL if what == "review" else None
                )
            )
    yield draw_notice(
        NoticeSeen("digest", language, gate="pr", waiting=(wait, a_wait(late=True)), desk=a_desk(stopped=("all",)))
    )
    yield draw_notice(NoticeSeen("digest", language, gate="pr", desk=a_desk()))
    for data in (
        {"event": "decided", "gate": "pr", "verdict": "reject", "by": "U01SARI"},
        {"event": "voided", "why": "new_message", "by": "tanggap"},
        {"event": "voided"},
        {"event": "decided", "gate": "pr", "verdict": "changes", "by": "x", "in_place_of": "y", "note": excerpt},
        {"event": "deadline_escalated", "gate": "pr", "to": "U02BUDI", "by": "tanggap"},
        {"event": "review_opened", "gate": "legal", "by": "tanggap"},
        {"event": "review_withdrawn", "gate": "cs", "by": "tanggap"},
        {"event": "delivery_failed", "why": "timed_out", "by": "tanggap"},
        {"event": "assigned", "by": "cs-nia"},
        {"event": "never_heard_of", "by": excerpt or "x"},
        {},
    ):
        yield draw_notice(NoticeSeen("thread", language, data, "TG-1042", card_url=CARD_URL))


def everything() -> Iterator[View | Said]:
    for language in LANGUAGES:
        for card in every_state():
            yield from windows(replace(card, language=language), "Mana uang saya?", language)
        yield from pages(language)
        yield from messages(language)


def fits(shown: View | Said) -> None:
    must_fit(shown) if isinstance(shown, Said) else must_fit_view(shown)


def words_of(shown: View | Said) -> str:
    return "\n".join(text["text"] for text in texts_of(shown["blocks"] if isinstance(shown, Mapping) else shown.blocks))


def inputs(view: View) -> dict[str, Any]:
    return {block["block_id"]: block["element"] for block in view["blocks"] if block["type"] == "input"}


def test_slack_takes_every_window_page_and_message() -> None:
    for shown in everything():
        fits(shown)


def test_every_window_page_and_message_follows_slacks_published_schema(slack_schema: Mapping[str, Any]) -> None:
    for shown in everything():
        must_follow(shown, slack_schema)


@given(card=cards(), talk=words())
@MANY
def test_slack_takes_every_window_whatever_was_written(card: Card, talk: str) -> None:
    for view in windows(card, talk, card.language):
        must_fit_view(view)


@given(card=cards(), talk=words())
@MANY
def test_nothing_that_others_wrote_acts_in_a_window(card: Card, talk: str) -> None:
    for view in windows(card, talk, card.language):
        for text in texts_of(view["blocks"]):
            if text["type"] == "mrkdwn":
                must_be_quiet(text["text"])


@given(excerpt=words(), language=st.sampled_from(LANGUAGES))
@example("&" * 200, "id")
@MANY
def test_slack_takes_every_list_whatever_was_written(excerpt: str, language: Language) -> None:
    for said in messages(language, excerpt):
        must_fit(said)
        for text in [*texts_of(list(said.blocks)), {"type": "mrkdwn", "text": said.text}]:
            if text["type"] == "mrkdwn":
                must_be_quiet(text["text"].replace("`@who`", ""))


@pytest.mark.parametrize("text", [LONG[:10_000], LONG[:100_000], "\n" * 100_000, "👨‍👩‍👧‍👦" * 14_000, *NASTY])
def test_a_window_holds_as_much_of_a_text_as_slack_lets_it(text: str) -> None:
    card = a_card(draft=text, complaint=text)

    for view in windows(card, text, "id"):
        must_fit_view(view)


# What stands in them


def test_a_window_carries_the_review_its_words_and_its_complaint() -> None:
    for view in (approve_modal(a_card()), edit_modal(a_card(), writing=False), reason_modal(a_card(), "reject")):
        assert read_metadata(view["private_metadata"]) == {"r": 12, "v": HASH, "ref": "TG-1042"}


@pytest.mark.parametrize("kept", ["", "x", "[]", "null", "12"])
def test_metadata_that_is_not_ours_says_nothing(kept: str) -> None:
    assert read_metadata(kept) == {}


def test_an_approval_is_typed_below_the_words_it_is_for() -> None:
    view = approve_modal(a_card())

    assert view["callback_id"] == "approve"
    assert set(inputs(view)) == {"word"}
    assert "persis kata-kata ini" in words_of(view)
    assert "Mohon maaf atas tagihan ganda ini." in words_of(view)


def test_a_confirmation_of_facts_says_so() -> None:
    view = approve_modal(a_card(purpose="facts", gate="cs", language="en"))

    assert "*the facts*" in words_of(view)
    assert view["submit"]["text"] == "Facts are right"


def test_a_draft_is_edited_as_it_stands() -> None:
    draft = "Mohon maaf <3\n*segera* kami urus :)"

    view = edit_modal(a_card(draft=draft), writing=False)

    assert view["callback_id"] == "edit"
    assert inputs(view)["text"]["initial_value"] == draft


@pytest.mark.parametrize("draft", ["x" * 3_001, "😀" * 1_501])
def test_a_draft_that_slacks_input_cannot_hold_comes_back_as_a_file(draft: str) -> None:
    view = edit_modal(a_card(draft=draft), writing=False)

    assert set(inputs(view)) == {"file"}
    assert inputs(view)["file"]["filetypes"] == ["txt", "md"]
    assert words_of(view).count(draft[0]) >= len(draft)
    assert "📝" in words_of(view)


def test_whoever_took_it_over_begins_with_an_empty_field_and_the_complaint_before_their_eyes() -> None:
    view = edit_modal(a_card(), writing=True)

    assert view["callback_id"] == "write"
    assert "initial_value" not in inputs(view)["text"]
    assert "> Saldo saya dipotong dua kali!" in words_of(view)


@pytest.mark.parametrize("verdict", ["changes", "reject"])
def test_a_refusal_asks_for_its_reason(verdict: str) -> None:
    view = reason_modal(a_card(), verdict)

    assert view["callback_id"] == verdict
    assert set(inputs(view)) == {"note"}
    assert "optional" not in next(block for block in view["blocks"] if block["type"] == "input")


def test_the_full_text_is_whole_where_slack_can_hold_it() -> None:
    view = text_modal(
        a_card(draft="D" * 9_000), [a_message("K" * 10_000), a_message("J" * 50, inbound=False)], "D" * 9_000
    )

    assert words_of(view).count("D") >= 9_000
    assert words_of(view).count("K") >= 10_000
    assert "J" * 50 in words_of(view)
    assert "tidak ditampilkan" not in words_of(view)


def test_a_full_text_beyond_slacks_bounds_says_what_is_left_out() -> None:
    talk = [a_message("keluhan " * 12_500) for _ in range(5)]

    view = text_modal(a_card(language="en"), talk, a_card().draft)

    must_fit_view(view)
    assert "characters are left out" in words_of(view)
    assert "messages are left out. `tanggap complaint TG-1042` shows everything." in words_of(view)


def test_our_words_can_be_copied_sign_by_sign() -> None:
    draft = "* satu\n* dua: `kode` <3 @here :x:"

    for view in (approve_modal(a_card(draft=draft)), text_modal(a_card(), [], draft)):
        assert {"type": "plain_text", "text": draft, "emoji": False} in list(texts_of(view["blocks"]))


def test_the_customers_words_are_quoted_and_ours_are_not() -> None:
    view = text_modal(a_card(), [a_message("mereka"), a_message("milik kita", inbound=False)], "draf")

    assert "> mereka" in words_of(view)
    assert "\nmilik kita" in words_of(view)
    assert "> milik kita" not in words_of(view)


def test_a_timeline_begins_with_the_newest_and_says_how_much_it_leaves_out() -> None:
    lines = [TimelineLine(NOW + timedelta(minutes=n), "assigned", "cs-nia", f"nomor {n}") for n in range(3_000)]

    view = timeline_modal("TG-1042", lines, "en")

    must_fit_view(view)
    assert words_of(view).index("nomor 2999") < words_of(view).index("nomor 2998")
    assert "2,600 earlier events are left out." in words_of(view)


def test_a_stranger_learns_how_the_desk_gets_to_know_them() -> None:
    view = draw_home(a_home(known=False, user_id="U0STRANGER"))

    assert "U0STRANGER" in words_of(view)
    assert "policy/slack.yaml" in words_of(view)


def test_filters_stand_on_the_page_as_they_were_set() -> None:
    view = draw_home(a_home(filters=Filters(gate="legal", severity="S1", late_only=True)))

    filters = {
        one["action_id"]: one for block in view["blocks"] if block["type"] == "actions" for one in block["elements"]
    }
    assert filters["home_gate"]["initial_option"]["value"] == "legal"
    assert filters["home_severity"]["initial_option"]["value"] == "S1"
    assert filters["home_late"]["value"] == "all"
    assert filters["home_late"]["style"] == "primary"
    assert set(filters) == {"home_gate", "home_severity", "home_late", "home_refresh"}


def test_without_filters_everything_is_chosen() -> None:
    view = draw_home(a_home())

    filters = {
        one["action_id"]: one for block in view["blocks"] if block["type"] == "actions" for one in block["elements"]
    }
    assert filters["home_gate"]["initial_option"]["value"] == "all"
    assert filters["home_late"]["value"] == "late"


def test_what_waits_opens_its_card() -> None:
    view = draw_home(a_home())

    opened = [block["accessory"]["url"] for block in view["blocks"] if "accessory" in block]
    assert opened == [CARD_URL, CARD_URL]
    assert "Menunggu Anda: 2 · 1 terlambat" in words_of(view)


def test_a_page_shows_no_more_than_it_can_and_counts_the_rest() -> None:
    view = draw_home(a_home(waiting=(a_wait(),) * 50, more_waiting=10, language="en"))

    assert "20 more wait." in words_of(view)


def test_that_publishing_is_stopped_comes_first_of_how_the_desk_stands() -> None:
    said = draw_status(a_desk(stopped=("channel:x",)), "en")

    assert said.blocks[1]["text"]["text"] == ":no_entry: *Publishing is stopped:* X"


def test_a_reminder_says_what_waits_until_when_and_opens_the_card() -> None:
    said = draw_notice(NoticeSeen("reminder", "en", {"what": "review"}, "TG-1042", "legal", "S2", NOW, CARD_URL))

    assert said.text.startswith("*TG-1042* (S2) waits for Legal. Decide by <!date^")
    assert said.blocks[0]["accessory"]["url"] == CARD_URL


def test_whoever_could_not_be_reached_is_called_by_name_where_others_read() -> None:
    said = draw_notice(
        NoticeSeen("escalation", "en", {"what": "review", "person": "U02BUDI"}, "TG-1042", "pr", "S2", NOW)
    )

    assert said.text.startswith("For <@U02BUDI>, whom Slack could not reach: *TG-1042* (S2)")


def test_a_stand_in_learns_for_whom() -> None:
    data = {"what": "review", "instead_of": "legal-ani"}

    said = draw_notice(NoticeSeen("reminder", "id", data, "TG-1042", "legal", "S2", NOW))

    assert said.text.endswith("Anda menggantikan legal-ani, yang sedang tidak di tempat.")


def test_a_thread_tells_a_decision_with_its_reason() -> None:
    data = {"event": "decided", "gate": "pr", "verdict": "changes", "by": "U01SARI", "note": "Sebut *nomornya*."}

    said = draw_notice(NoticeSeen("thread", "id", data, "TG-1042"))

    assert said.text == "Humas: diminta diperbaiki oleh <@U01SARI>\n> Sebut ∗nomornya∗."


def test_a_thread_leads_from_a_void_card_to_the_next() -> None:
    data = {"event": "voided", "why": "new_message", "by": "tanggap"}

    said = draw_notice(NoticeSeen("thread", "en", data, "TG-1042", card_url=CARD_URL))

    assert said.text == f"*No longer open.* The customer wrote again. · <{CARD_URL}|Go to the new card>"


def test_a_case_that_is_held_says_why() -> None:
    assert "Ditahan: jawabannya ditolak peninjau" in words_of(draw_case(a_case(), "id"))


def test_no_view_carries_more_than_it_needs() -> None:
    assert set(json.loads(approve_modal(a_card())["private_metadata"])) == {"r", "v", "ref"}
