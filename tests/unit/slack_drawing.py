"""What the tests of Slack's messages and windows stand on: cards of every state, foreign words of every kind, the limits."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st
from jsonschema import Draft7Validator
from slack_sdk.models.blocks import Block
from slack_sdk.models.views import View

from integrations.slack.client import Said
from integrations.slack.showing import AuthorSeen, Card, Evidence, Found, GateStands, Language
from integrations.slack.text import size

NOW = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)
HASH = "ab" * 32
LANGUAGES: tuple[Language, ...] = ("id", "en")
GATES = ("cs", "pr", "legal", "executive")
VOID_WHYS = (
    "new_message",
    "edited",
    "merged",
    "spam",
    "removed",
    "resolved",
    "erased",
    "risk_rose",
    "somethingnew",
    None,
)

NASTY = (
    "",
    " \n\t ",
    "<!channel> <!here|@here> <@U0123ABCD> <#C0123ABCD|umum> <!subteam^S0123ABCD> <https://evil.example|klik>",
    "@here @channel @everyone @group #umum *tebal* _miring_ ~coret~ `kode` ```blok``` :rage: :+1: :100:",
    "> kutipan\n>>> semua\n&gt; sudah\n &lt;!channel&gt; &amp;",
    "<!date^1392734382^{date} at {time}|hari ini>",
    "\u202eterbalik\u202c \u2066isolat\u2069 ad\u200bmin \ufeff\u2060 \u00ad \x00\x07\x1b[31m",
    "السلام عليكم @here",
    "Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢L̠ͨͧͩ͘G̴̻͈͍͔̹̑͗̎̅͛́Ǫ̵̹̻̝̳͂̌̌͘!͖̬̰̙̗̿̋ͥͥ̂ͣ̐́́͜͞",
    "👨‍👩‍👧‍👦🏴󠁧󠁢󠁥󠁮󠁧󠁿👍🏽🇮🇩",
    "{reference} {0} %s {",
    "https://contoh.example/?a=1&b=<2>|x",
)
GRAPHEMES = (
    "👨‍👩‍👧‍👦",
    "e\u0301",
    "क्षि",
    "한",
    "&",
    "<",
    ">",
    "_",
    "*",
    "x",
    " ",
    "\n",
    "\u202e",
    "\U0001f1ee\U0001f1e9",
)


def words(most: int = 100_000) -> st.SearchStrategy[str]:
    """Foreign words: of any signs but lone surrogates, nasty ones, and very long ones."""
    anything = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)
    long = st.builds(
        lambda signs, times: (("".join(signs)) * times)[:most],
        st.lists(st.sampled_from(GRAPHEMES + NASTY[2:]), min_size=1, max_size=6),
        st.integers(1, 3_000),
    )
    return st.one_of(anything, st.sampled_from(NASTY), long).map(lambda text: text[:most])


def a_card(**changes: Any) -> Card:
    """An open card of PR, as it is on an ordinary day."""
    card = Card(
        review=12,
        sha256=HASH,
        reference="TG-1042",
        gate="pr",
        purpose="wording",
        because="severity S2 or graver; the press or a wide public is likely to read the answer",
        language="id",
        severity="S2",
        severity_because=("legal steps are announced", "a regulator or a consumer body is named"),
        evidence=(Evidence("kind", "dipotong dua kali"), Evidence("risks", "kuasa hukum saya", "legal_threat")),
        risks=("legal_threat", "regulator"),
        kind="complaint",
        category="billing",
        remedy="refund",
        anger=3,
        channel="x",
        visibility="public",
        author=AuthorSeen("S••• N•••", 12_400, True, "gold", 250_000, 3, 2, 1),
        opened_at=NOW,
        complaint="Saldo saya dipotong dua kali! Kuasa hukum saya akan menggugat.",
        messages=3,
        covered=True,
        draft="Mohon maaf atas tagihan ganda ini.\n\nCatatannya sedang kami cocokkan.",
        draft_author="tanggap",
        draft_kind="reply",
        draft_language="id",
        findings=(Found("promise", "warn", "hari ini", "Ini janji waktu.", "Sebut kapan kabar berikutnya."),),
        goes_to="x",
        goes_visibility="public",
        by_hand=False,
        publishable_until=NOW + timedelta(days=1),
        deadline=NOW + timedelta(hours=2),
        late=False,
        escalated_to=None,
        gates=(GateStands("pr", "open"), GateStands("legal", "open")),
        typed_word=False,
        original_url="https://x.com/siti/status/1",
        run_url="http://127.0.0.1:4200/runs/flow-run/1",
        timeline_url="http://127.0.0.1:4200/artifacts/key/tg-1042",
        state="open",
    )
    return replace(card, **changes)


def decided(verdict: str = "approve", **changes: Any) -> Card:
    """A card on which PR has decided, and nobody else had to."""
    ends = {"approve": "passed", "changes": "changes", "reject": "rejected"}
    states = {"approve": "approved", "changes": "drafting", "reject": "held"}
    told: dict[str, Any] = {
        "state": "decided",
        "verdict": verdict,
        "decided_by": "U01SARI",
        "decided_at": NOW + timedelta(hours=1),
        "note": None if verdict == "approve" else "Sebut nomor tiketnya.",
        "round_state": ends[verdict],
        "complaint_state": states[verdict],
        "gates": (GateStands("pr", "decided", "wording", verdict, "U01SARI", NOW),),
    }
    return a_card(**(told | changes))


def void(why: str | None = "new_message", **changes: Any) -> Card:
    """A card whose round is void."""
    told: dict[str, Any] = {
        "state": "void",
        "round_state": "void",
        "void_why": why,
        "complaint_state": "drafting",
        "gates": (GateStands("pr", "void"), GateStands("legal", "void")),
    }
    return a_card(**(told | changes))


def every_state() -> Iterator[Card]:
    """A card of each state that a review can be in, and of what came of it."""
    yield a_card()
    yield a_card(gate="cs", purpose="facts", typed_word=True, late=True, escalated_to="U02BUDI")
    yield a_card(severity=None, severity_because=(), evidence=(), risks=(), kind=None, category=None, remedy=None)
    yield a_card(
        findings=(),
        by_hand=True,
        publishable_until=None,
        covered=False,
        translation="Charged twice!",
        draft_translation="Sorry!",
    )
    yield a_card(original_url=None, run_url=None, timeline_url=None, gates=(GateStands("pr", "open"),), messages=1)
    yield a_card(gates=(GateStands("executive", "open", stands_in_for="legal"),), gate="executive")
    yield decided()
    yield decided(gate="cs", purpose="facts")
    yield decided(round_state="open", complaint_state="in_review", gates=(GateStands("legal", "open"),))
    yield decided(by_hand=True)
    yield decided(published_at=NOW, published_url="https://x.com/tokokita/status/9", complaint_state="responded")
    yield decided(published_at=NOW, complaint_state="responded")
    yield decided("changes")
    yield decided("changes", next_card="https://t.slack.com/archives/C1/p1", complaint_state="in_review")
    yield decided("reject")
    yield decided("reject", complaint_state="closed")
    yield decided(round_state="rejected", gates=(GateStands("legal", "decided", "wording", "reject", "U02BUDI", NOW),))
    yield decided(round_state="void", void_why="customer_edited", next_card="https://t.slack.com/archives/C1/p1")
    for why in VOID_WHYS:
        yield void(why)
    yield void("taken_over", taken_by="U02BUDI", complaint_state="held")
    yield void("taken_over", complaint_state="in_review", next_card="https://t.slack.com/archives/C1/p1")
    yield void(
        None, round_state="changes", gates=(GateStands("legal", "decided", "wording", "changes", "U02BUDI", NOW),)
    )
    yield a_card(state="withdrawn")


@st.composite
def cards(draw: st.DrawFn) -> Card:
    """A card of any state, with foreign words wherever there are any."""
    base = draw(st.sampled_from(list(every_state())))
    short = words(2_000)
    return replace(
        base,
        language=draw(st.sampled_from(LANGUAGES)),
        because=draw(short),
        severity_because=tuple(draw(st.lists(short, max_size=6))),
        evidence=tuple(Evidence("risks", one) for one in draw(st.lists(short, max_size=6))),
        risks=tuple(draw(st.lists(st.sampled_from(["injury", "churn", *NASTY[2:4]]), max_size=30))),
        channel=draw(st.sampled_from(["x", "toko_sebelah", NASTY[2]])),
        author=AuthorSeen(
            draw(short), draw(st.integers(0, 10**9)), True, draw(short), 1, 1, 1, draw(st.integers(0, 2))
        ),
        complaint=draw(words()),
        draft=draw(words()),
        draft_author=draw(st.one_of(st.just("U01SARI"), short)),
        findings=tuple(
            Found("x", "block", draw(short), draw(short), draw(short)) for _ in range(draw(st.integers(0, 9)))
        ),
        note=draw(st.one_of(st.none(), short)) if base.note is not None else None,
        translation=draw(st.one_of(st.none(), words())),
        draft_translation=draw(st.one_of(st.none(), words())),
        original_url=draw(
            st.one_of(st.none(), st.just("https://x.example/?a=1&b=2"), st.just("javascript:alert(1)"), short)
        ),
    )


# The limits, as Slack writes them on the pages of each block


TEXT_LIMITS = {"section": 3_000, "context": 3_000, "header": 150}


def must_fit(said: Said) -> None:
    """A message that Slack takes."""
    assert 0 < size(said.text) <= 3_000
    assert len(said.blocks) <= 50
    _must_be_sound(said.blocks)
    assert len(json.dumps(said.blocks, ensure_ascii=False)) < 20_000


def must_fit_view(view: Mapping[str, Any]) -> None:
    """A window or a Home page that Slack takes."""
    assert len(view["blocks"]) <= 100
    assert size(view.get("private_metadata", "")) <= 3_000
    for part in ("title", "submit", "close"):
        if part in view:
            assert 0 < size(view[part]["text"]) <= 24
    assert len(json.dumps(view)) < 250_000
    _must_be_sound(view["blocks"])
    assert View(**view).to_dict()["type"] == view["type"]


def must_follow(shown: Said | Mapping[str, Any], schema: Mapping[str, Any]) -> None:
    """A message or a view as Slack's published schema wants it."""
    if isinstance(shown, Mapping):
        _validate(shown, "HomeView" if shown["type"] == "home" else "ModalView", schema)
    for block in shown["blocks"] if isinstance(shown, Mapping) else shown.blocks:
        _validate(block, f"{block['type'].title()}Block", schema)


def _must_be_sound(blocks: Sequence[Mapping[str, Any]]) -> None:
    """Blocks within every limit, that Slack's own library takes."""
    names = [block["block_id"] for block in blocks if "block_id" in block]
    assert len(names) == len(set(names))
    for block in blocks:
        parsed = Block.parse(dict(block))
        assert parsed is not None
        parsed.to_dict()
        _within_limits(block)


def _within_limits(block: Mapping[str, Any]) -> None:
    kind = block["type"]
    for text in [
        *filter(None, [block.get("text")]),
        *(one for one in block.get("elements", ()) if "type" in one and one["type"] in ("mrkdwn", "plain_text")),
    ]:
        assert 0 < size(text["text"]) <= TEXT_LIMITS[kind]
    assert len(block.get("fields", ())) <= 10
    assert all(0 < size(field["text"]) <= 2_000 for field in block.get("fields", ()))
    if kind == "section":
        assert "text" in block or block["fields"]
    if kind == "context":
        assert 1 <= len(block["elements"]) <= 10
    if kind == "actions":
        assert 1 <= len(block["elements"]) <= 25
        names = [element["action_id"] for element in block["elements"]]
        assert len(names) == len(set(names))
    for element in [*block.get("elements", ()), *filter(None, [block.get("accessory"), block.get("element")])]:
        _element_within_limits(element)
    for text in texts_of(block):
        if text["type"] == "mrkdwn":
            assert text["verbatim"] is True


def _element_within_limits(element: Mapping[str, Any]) -> None:
    if element["type"] == "button":
        assert 0 < size(element["text"]["text"]) <= 75
        assert size(element.get("value", "")) <= 2_000
        assert size(element.get("url", "")) <= 3_000
        assert size(element.get("accessibility_label", "")) <= 75
    if element["type"] == "static_select":
        assert 1 <= len(element["options"]) <= 100
        assert all(0 < size(option["text"]["text"]) <= 75 for option in element["options"])
        assert size(element["placeholder"]["text"]) <= 150
        assert element.get("initial_option") in [None, *element["options"]]
    if element["type"] == "plain_text_input":
        assert size(element.get("initial_value", "")) <= element["max_length"] <= 3_000
        assert size(element.get("placeholder", {}).get("text", "")) <= 150


_VALIDATORS: dict[str, Draft7Validator] = {}


def _validate(given: Mapping[str, Any], definition: str, schema: Mapping[str, Any]) -> None:
    if definition not in _VALIDATORS:
        whole = {"$ref": f"#/definitions/{definition}", "definitions": schema["definitions"]}
        _VALIDATORS[definition] = Draft7Validator(whole)
    problems = [error.message for error in _VALIDATORS[definition].iter_errors(given)]
    assert not problems, problems


# What acts


OURS = re.compile(
    r"<(?:!date\^\d+\^\{date_short_pretty\} \{time\}\|[\d :-]+ UTC|@[UW][A-Z0-9]+|https?://[^<>|\s]+\|[^<>|]+)>"
)
CALLS = re.compile(r"@(?:here|channel|everyone|group)\b", re.IGNORECASE)


def texts_of(part: Any) -> Iterator[dict[str, Any]]:
    """Every text object in blocks or a view."""
    if isinstance(part, Mapping):
        if part.get("type") in ("mrkdwn", "plain_text"):
            yield dict(part)
        else:
            for inner in part.values():
                yield from texts_of(inner)
    elif isinstance(part, (list, tuple)):
        for inner in part:
            yield from texts_of(inner)


def must_be_quiet(text: str) -> None:
    """Nothing in a marked text acts but what we put there."""
    left = "\n".join(line.removeprefix("> ") for line in OURS.sub("", text).split("\n"))
    assert "<" not in left
    assert ">" not in left
    assert not CALLS.search(left)
    assert not re.search(r"[\u202a-\u202e\u200b\ufeff\x00-\x08\x0b-\x1f]", left)
