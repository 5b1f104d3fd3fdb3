"""What the tests' own check of Slack's limits lets pass, and what it does not."""

from collections.abc import Mapping

import pytest
from slack_schema import SCHEMA, problems_of_call, problems_of_message, problems_of_view

needs_schema = pytest.mark.skipif(SCHEMA is None, reason="Slack's schema does not lie beside this checkout")


def text(words: str, kind: str = "mrkdwn") -> dict[str, object]:
    return {"type": kind, "text": words}


def section(words: str, **changes: object) -> dict[str, object]:
    return {"type": "section", "text": text(words)} | changes


def button(**changes: object) -> dict[str, object]:
    return {"type": "button", "action_id": "approve", "text": text("Setujui", "plain_text"), "value": "1:a"} | changes


def actions(*elements: Mapping[str, object], **changes: object) -> dict[str, object]:
    return {"type": "actions", "block_id": "review:1", "elements": list(elements)} | changes


def message(*blocks: Mapping[str, object], words: str = "Keluhan baru") -> dict[str, object]:
    return {"text": words, "blocks": list(blocks)}


def modal(*blocks: Mapping[str, object], **changes: object) -> dict[str, object]:
    return {
        "type": "modal",
        "title": text("Ubah", "plain_text"),
        "submit": text("Kirim", "plain_text"),
        "blocks": list(blocks),
    } | changes


def asked(**element: object) -> dict[str, object]:
    whole = {"type": "plain_text_input", "action_id": "typed", "multiline": True} | element
    return {"type": "input", "block_id": "text", "label": text("Draf", "plain_text"), "element": whole}


def options(*values: str) -> list[dict[str, object]]:
    return [{"text": text(value, "plain_text"), "value": value} for value in values]


def chosen(**changes: object) -> dict[str, object]:
    element = {
        "type": "static_select",
        "action_id": "home_gate",
        "placeholder": text("Gerbang", "plain_text"),
        "options": options("cs", "pr"),
    }
    return actions(element | changes)


CARD = message(
    {"type": "header", "text": text("NJ-1", "plain_text")},
    section("x" * 3000),
    {"type": "section", "fields": [text("a"), text("b" * 2000)]},
    {"type": "context", "elements": [text("sampai <!date^1795326588^{time}|nanti>")]},
    actions(button(style="primary"), button(action_id="reject", style="danger")),
)


def test_a_good_card_passes_wherever_it_goes():
    assert problems_of_call("chat.postMessage", {"channel": "C0PR", "unfurl_links": False, **CARD}) == []
    assert problems_of_call("chat.postMessage", {"channel": "C0PR", "thread_ts": "1.1", **CARD}) == []
    assert problems_of_call("chat.update", {"channel": "C0PR", "ts": "1.1", **CARD}) == []
    assert problems_of_call("chat.postEphemeral", {"channel": "C0PR", "user": "U0SARI", **CARD}) == []


def test_good_views_pass():
    file = {**asked(type="file_input", filetypes=["txt"], max_files=1), "block_id": "file"}
    del file["element"]["multiline"]  # type: ignore[attr-defined]
    shown = modal(asked(initial_value="x" * 3000), file)
    assert problems_of_call("views.open", {"trigger_id": "1.1", "view": shown}) == []
    assert problems_of_call("views.update", {"view_id": "V1", "view": shown}) == []
    home = {"type": "home", "blocks": [chosen(initial_option=options("pr")[0])]}
    assert problems_of_call("views.publish", {"user_id": "U0SARI", "view": home}) == []


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        (message(section("x" * 3001)), "3000"),
        (message(section("")), "0 characters"),
        (message(section(" \n")), "nothing but blanks"),
        (message({"type": "section"}), "text or fields"),
        (message({"type": "section", "fields": [text("x" * 2001)]}), "2000"),
        (message({"type": "header", "text": text("x" * 151, "plain_text")}), "150"),
        (message(actions(button(text=text("x" * 76, "plain_text")))), "75"),
        (message(actions(button(value="x" * 2001))), "2000"),
        (message(actions(button(), button())), "stands 2 times"),
        (message(actions(button()), actions(button())), "block_id 'review:1' stands 2 times"),
        (message(actions()), "without elements"),
        (message(actions(*(button(action_id=f"a{n}") for n in range(26)))), "25"),
        (message({"type": "context", "elements": [text("a")] * 11}), "10"),
        (message(*[{"type": "divider"}] * 51), "50 are the most"),
        (message(*[section("x" * 2900)] * 5), "one message holds 12000"),
        (message(words=""), "says nothing"),
        (message(words="é" * 2001), "4002 bytes"),
        (message(chosen(initial_option=options("legal")[0])), "none of its own"),
        (message(chosen(options=options("cs", "cs"))), "two options of one value"),
        (message(chosen(options=[])), "without options"),
        (message({"type": "actions", "elements": [{"type": "file_input", "action_id": "a"}]}), "in modals only"),
    ],
)
def test_what_slack_refuses_of_a_message_is_found(given: dict[str, object], problem: str):
    assert any(problem in found for found in problems_of_message(given)), problems_of_message(given)


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        (modal(section("a"), title=text("x" * 25, "plain_text")), "24"),
        (modal(asked(), submit=text("x" * 25, "plain_text")), "24"),
        (modal(), "needs a block"),
        (modal(section("a"), private_metadata="x" * 3001), "3000"),
        (modal(asked(initial_value="x" * 3001)), "begins with 3001"),
        (modal(asked(initial_value="xx", max_length=1)), "takes 1"),
        (modal(asked(max_length=3001)), "3000"),
        (modal(asked(placeholder=text("x" * 151, "plain_text"))), "150"),
        (modal({"type": "markdown", "text": "a"}), "in messages only"),
        (modal(*[{"type": "divider"}] * 101), "100"),
        ({key: value for key, value in modal(asked()).items() if key != "submit"}, "needs `submit`"),
        ({"type": "popup", "blocks": [section("a")]}, "no view of type"),
        ({"type": "home", "blocks": [section("a")], "submit": text("a", "plain_text")}, "submit"),
    ],
)
def test_what_slack_refuses_of_a_view_is_found(given: dict[str, object], problem: str):
    assert any(problem in found for found in problems_of_view(given)), problems_of_view(given)


@needs_schema
@pytest.mark.parametrize(
    ("method", "given"),
    [
        ("chat.postMessage", {"chanel": "C0PR", "text": "a"}),
        ("chat.postMessage", {"channel": "C0PR", "text": "a", "blocks": [{"type": "sektion", "text": text("a")}]}),
        ("chat.postMessage", {"channel": "C0PR", **message(actions(button(disabled=True)))}),
        ("chat.postMessage", {"channel": "C0PR", **message(actions(button(style="green")))}),
        ("chat.postMessage", {"channel": "C0PR", **message(actions(button(text=text("a"))))}),
        ("chat.update", {"channel": "C0PR", **CARD}),
        ("views.open", {"view": modal(section("a"))}),
        ("views.update", {"view_id": "V1", "view": modal(section("a"), colour="red")}),
        ("chat.unfurl", {"unfurls": {"https://a.example": {"blocks": [{"type": "sektion"}]}}}),
    ],
)
def test_what_slacks_schema_does_not_know_is_found(method: str, given: dict[str, object]):
    assert problems_of_call(method, given) != []
